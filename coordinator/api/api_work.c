/* Versions, rounds, campaigns: the work of the federation. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/api/api_internal.h"
#include "doors/crypto.h"
#include "sum/payload.h"

static bool of_model(const an_api_call *c, const char *model)
{
    return !c->req->model[0] || strcmp(c->req->model, model) == 0;
}

/* ---- versions ---- */

an_err an_api_version_find(const an_api_call *c, const char *text, an_version **ret, an_note *why)
{
    an_version *found = NULL;
    size_t len = strlen(text);
    if (len < 4 || len >= AN_HASH_TEXT)
        return an_fail(AN_ERR_INVAL, why, "version %.80s: give 4 to 64 digits of its hash", text);
    for (size_t i = 0; i < c->state->versions.n; i++) {
        char hex[AN_HASH_TEXT];
        an_hash_text(hex, &c->state->versions.items[i].hash);
        if (strncmp(hex, text, len) != 0)
            continue;
        if (found)
            return an_fail(AN_ERR_INVAL, why, "version %.80s: more than one begins so; give more digits",
                           text);
        found = &c->state->versions.items[i];
    }
    if (!found)
        return an_fail(AN_ERR_NOTFOUND, why, "no version %.80s", text);
    *ret = found;
    return AN_OK;
}

an_json *an_api_version_json(const an_api_call *c, const an_version *v)
{
    static const char *const names[AN_ALIASES] = {"candidate", "canary", "production"};
    an_json *o = an_json_object(), *aliases = an_json_array();
    const an_model_entry *m = an_state_model(c->state, v->model);
    an_api_set_hash(o, "hash", &v->hash);
    an_api_set_hash(o, "parent", &v->parent);
    an_json_set_text(o, "model", v->model);
    an_json_set_int(o, "round", (int64_t)v->round);
    an_json_set_int(o, "campaign", (int64_t)v->campaign);
    an_json_set_int(o, "size", (int64_t)v->size);
    an_json_set_int(o, "created_ms", v->created_ms);
    for (size_t i = 0; m && i < AN_ALIASES; i++)
        if (an_hash_equal(&m->alias[i], &v->hash))
            an_json_push_text(aliases, names[i]);
    an_json_set(o, "aliases", aliases);
    an_json_set_bool(o, "evaluated", !an_hash_is_zero(&v->evaluation));
    if (v->quarantined)
        an_json_set_text(o, "quarantined", an_api_reason_for(c, v->reason));
    an_json_set_bool(o, "pruned", v->pruned);
    return o;
}

an_err an_api_versions(an_api_call *c, an_note *why)
{
    an_api_list l;
    an_err err = an_api_list_open(c, &l, c->state->versions.n, AN_NEWEST, 200, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        const an_version *v = &c->state->versions.items[i];
        if (!of_model(c, v->model) || !an_api_within(&l.window, v->created_ms))
            continue;
        an_json_push(list, an_api_version_json(c, v));
        l.left--;
    }
    an_json_set(c->answer, "versions", list);
    an_api_list_close(c, &l);
    return AN_OK;
}

static an_err add_evaluation(an_api_call *c, const an_version *v, an_note *why)
{
    if (an_hash_is_zero(&v->evaluation))
        return AN_OK;
    an_buf bytes;
    an_json_doc *doc = NULL;
    an_buf_init(&bytes, AN_JSON_MAX_BYTES);
    an_err err = an_store_object_get(an_hub_store(c->hub), &v->evaluation, &bytes, why);
    if (err == AN_OK)
        err = an_json_parse((const char *)bytes.data, bytes.len, "evaluation", &doc, why);
    if (err == AN_OK)
        an_json_set(c->answer, "evaluation", an_json_copy(an_json_root(doc)));
    const an_campaign *campaign = an_state_campaign((an_state *)c->state, v->campaign);
    if (err == AN_OK && campaign && campaign->first)
        an_json_set_text(c->answer, "held_against", "untrained");
    an_json_doc_free(doc);
    an_buf_done(&bytes);
    return err;
}

an_err an_api_version(an_api_call *c, an_note *why)
{
    an_version *v;
    an_err err = an_api_version_find(c, c->arg, &v, why);
    if (err != AN_OK)
        return err;
    an_json_set(c->answer, "version", an_api_version_json(c, v));
    an_json *lineage = an_json_array();
    const an_version *p = an_state_version(c->state, &v->parent);
    for (size_t i = 0; p && i < 100; i++) {
        an_json_push(lineage, an_api_version_json(c, p));
        p = an_hash_is_zero(&p->parent) ? NULL : an_state_version(c->state, &p->parent);
    }
    an_json_set(c->answer, "lineage", lineage);
    an_json *facts = NULL;
    if ((err = an_api_version_facts(c, v, &facts, why)) != AN_OK)
        return err;
    an_json_set(c->answer, "facts", facts);
    if ((err = an_api_gate_add(c, v->model, 0, &v->hash, why)) != AN_OK)
        return err;
    return add_evaluation(c, v, why);
}

/* ---- rounds ---- */

static const char *member_state_name(an_member_state s)
{
    static const char *const names[] = {"invited", "accepted", "refused", "delivered", "left out"};
    return names[s];
}

static void add_open(const an_api_call *c, an_json *o, const an_round *r, bool with_members)
{
    an_note waiting;
    an_hub_round_waiting(c->hub, r->id, &waiting);
    an_json_set_text(o, "state", an_round_state_name(r->state));
    an_json_set_text(o, "waiting", an_api_text_for(c, waiting.text));
    an_json_set_int(o, "cohort", (int64_t)r->n_members);
    an_json_set_int(o, "delivered", (int64_t)an_round_count(r, AN_MEMBER_DELIVERED));
    an_json_set_int(o, "deadline_ms", an_round_deadline(r));
    if (!with_members)
        return;
    an_json *list = an_json_array();
    for (size_t i = 0; i < r->n_members; i++) {
        const an_member *m = &r->members[i];
        if (!an_api_sees(c, m->site))
            continue;
        const an_hub_live *live = an_hub_live_find(c->hub, m->site);
        an_json *e = an_json_object();
        an_json_set_text(e, "site", m->site);
        an_json_set_text(e, "state", member_state_name(m->state));
        an_json_set_bool(e, "connected", live && live->connected);
        if (live && live->progress.round == r->id && m->state == AN_MEMBER_ACCEPTED) {
            an_json_set_text(e, "phase", an_progress_phase_name(live->progress.phase));
            an_json_set_num(e, "fraction", live->progress.fraction);
            an_json_set_int(e, "eta_ms", (int64_t)live->progress.eta_ms);
        }
        an_json_push(list, e);
    }
    an_json_set(o, "members", list);
}

static const char *round_state(const an_api_call *c, const an_round_entry *r)
{
    const an_round *open = an_hub_round_open(c->hub, r->id);
    return open ? an_round_state_name(open->state) : r->committed ? "COMMITTED" : "ABORTED";
}

an_json *an_api_round_json(const an_api_call *c, const an_round_entry *r, bool members)
{
    an_json *o = an_json_object();
    const an_round *open = an_hub_round_open(c->hub, r->id);
    an_json_set_int(o, "id", (int64_t)r->id);
    an_json_set_text(o, "model", r->model);
    an_json_set_text(o, "kind", an_payload_kind_name(r->kind));
    an_json_set_int(o, "campaign", (int64_t)r->campaign);
    an_json_set_int(o, "opened_ms", r->opened_ms);
    if (open) {
        add_open(c, o, open, members);
    } else {
        an_json_set_text(o, "state", round_state(c, r));
        an_json_set_int(o, "ended_ms", r->ended_ms);
        an_json_set_int(o, "delivered", r->n_updates);
        an_json_set_int(o, "bytes", (int64_t)r->update_bytes);
        an_json_set_text(o, "reason", an_api_text_for(c, r->reason));
        an_api_set_hash(o, "result", &r->result);
    }
    an_api_set_hash(o, "plan", &r->plan);
    if (r->kind == AN_PAYLOAD_TRAIN) {
        an_json_set_text(o, "rule", r->rule->name);
        an_json_set_text(o, "server_optimiser", r->server->name);
    }
    an_api_set_round_privacy(o, r);
    return o;
}

an_err an_api_rounds(an_api_call *c, an_note *why)
{
    an_api_list l;
    int64_t campaign;
    an_err err = an_api_number("campaign", c->req->campaign, INT64_MAX, &campaign, why);
    if (err == AN_OK)
        err = an_api_list_open(c, &l, c->state->rounds.n, AN_NEWEST, 50, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        const an_round_entry *r = &c->state->rounds.items[i];
        if (!of_model(c, r->model) || (campaign && r->campaign != (uint64_t)campaign) ||
            !an_api_wants(c->req->state, round_state(c, r)) || !an_api_within(&l.window, r->opened_ms))
            continue;
        an_json_push(list, an_api_round_json(c, r, false));
        l.left--;
    }
    an_json_set(c->answer, "rounds", list);
    an_api_list_close(c, &l);
    return AN_OK;
}

typedef struct ended {
    const an_api_call *c;
    an_json *round;
} ended;

/* The figures of a round that ended are in its last record, beside what names sites. */
static an_err add_figures(void *ctx, const an_record *record, an_note *why)
{
    static const char *const of_sites[] = {"reason", "awaited", "owing", "outliers"};
    const ended *e = ctx;
    an_json_doc *doc = NULL;
    an_err err = an_json_parse(record->body, record->body_len, "round.ended", &doc, why);
    if (err == AN_OK) {
        an_json *o = an_json_copy(an_json_root(doc));
        for (size_t i = 0; i < sizeof of_sites / sizeof *of_sites && !an_who_sees_all(&e->c->req->who); i++)
            if (an_jval_get(an_json_root(doc), of_sites[i]))
                an_json_set_null(o, of_sites[i]);
        an_json_set(e->round, "figures", o);
    }
    an_json_doc_free(doc);
    return err;
}

/* Who took part, from the round's own records. */
typedef struct took_part {
    const an_api_call *c;
    an_json *list;
} took_part;

static an_err add_event(void *ctx, const an_record *record, an_note *why)
{
    took_part *t = ctx;
    an_json_doc *doc = NULL;
    const char *site = "";
    an_err err = an_json_parse(record->body, record->body_len, "round.event", &doc, why);
    if (err == AN_OK)
        err = an_jval_get_text(an_json_root(doc), "site", "", &site, why);
    if (err == AN_OK && (!site[0] || an_api_sees(t->c, site)))
        an_json_push(t->list, an_json_copy(an_json_root(doc)));
    an_json_doc_free(doc);
    return err;
}

static an_err need_round(const an_api_call *c, an_round_entry **ret, an_note *why)
{
    uint64_t id;
    an_err err = an_api_id(c, "round", &id, why);
    if (err != AN_OK)
        return err;
    *ret = an_state_round(c->state, id);
    return *ret ? AN_OK : an_fail(AN_ERR_NOTFOUND, why, "no round %.20s", c->arg);
}

an_err an_api_round(an_api_call *c, an_note *why)
{
    an_round_entry *r;
    char subject[64];
    an_err err = need_round(c, &r, why);
    if (err != AN_OK)
        return err;
    snprintf(subject, sizeof subject, "round/%llu", (unsigned long long)r->id);
    an_json *o = an_api_round_json(c, r, true);
    took_part t = {.c = c, .list = an_json_array()};
    an_store_filter f = {.kind = "round.event", .subject = subject, .limit = 2 * AN_COHORT_MAX};
    err = an_store_scan(an_hub_store(c->hub), &f, add_event, &t, why);
    if (err == AN_OK)
        err = an_api_set_protection(c, o, &r->plan, why);
    f.kind = "round.ended";
    f.limit = 1;
    if (err == AN_OK)
        err = an_store_scan(an_hub_store(c->hub), &f, add_figures, &(ended){c, o}, why);
    an_json_set(o, "events", t.list);
    an_json_set(c->answer, "round", o);
    return err;
}

an_err an_api_round_replay(an_api_call *c, an_note *why)
{
    an_round_entry *r;
    an_hash result;
    bool same;
    an_err err = need_round(c, &r, why);
    if (err == AN_OK)
        err = an_hub_round_replay(c->hub, r->id, &result, &same, why);
    if (err == AN_ERR_AGAIN && c->waited_ms >= AN_API_WAIT_MAX_MS) {
        an_json_set_bool(c->answer, "running", true);
        return AN_OK;
    }
    if (err != AN_OK)
        return err;
    an_json_set_int(c->answer, "round", (int64_t)r->id);
    an_json_set_bool(c->answer, "same", same);
    an_api_set_hash(c->answer, "result", &result);
    an_api_set_hash(c->answer, "recorded", &r->result);
    return AN_OK;
}

/* ---- campaigns ---- */

/* Those that it is for; empty: all alike. */
static an_json *lines_json(const an_api_call *c, const an_campaign *k)
{
    an_campaign_line *lines;
    const size_t n = an_state_campaign_lines((an_state *)c->state, k->id, &lines);
    an_json *list = an_json_array();
    for (size_t i = 0; i < n; i++) {
        if (!an_api_sees(c, lines[i].site))
            continue;
        an_json *o = an_json_object();
        an_json_set_text(o, "site", lines[i].site);
        an_json_set_text(o, "line", lines[i].line);
        an_json_set_text(o, "overlay_state", an_refit_state_name(lines[i].refit));
        an_api_set_hash(o, "overlay", &lines[i].overlay);
        an_json_set_text(o, "reason", lines[i].reason);
        an_json_push(list, o);
    }
    return list;
}

an_json *an_api_campaign_json(const an_api_call *c, const an_campaign *k)
{
    an_json *o = an_json_object();
    an_note waiting = {{0}};
    an_json_set_int(o, "id", (int64_t)k->id);
    an_json_set_text(o, "model", k->model);
    an_json_set_text(o, "kind", an_campaign_kind_name(k->kind));
    an_json_set_text(o, "state", an_campaign_state_name(k->state));
    an_json_set_text(o, "trigger", an_api_text_for(c, k->trigger));
    an_json_set_text(o, "cause", an_api_text_for(c, k->cause));
    an_json_set_text(o, "scope", k->scope);
    an_json_set_text(o, "plan", an_api_text_for(c, k->plan));
    an_json_set_text(o, "reason", an_api_text_for(c, k->reason));
    an_hub_campaign_waiting(c->hub, k, &waiting);
    an_json_set_text(o, "waiting", an_campaign_is_over(k) ? "" : an_api_text_for(c, waiting.text));
    an_json_set_int(o, "step", k->step);
    an_json_set_int(o, "steps", an_campaign_n_rounds(k));
    an_json_set_int(o, "train_rounds", k->train_rounds);
    an_json_set_int(o, "open_round", (int64_t)k->open_round);
    an_json_set_int(o, "rollout", (int64_t)k->rollout);
    an_json_set_text(o, "asks", an_hub_campaign_asks(c->hub, k));
    an_json_set_int(o, "opened_ms", k->opened_ms);
    an_json_set_int(o, "ended_ms", k->ended_ms);
    an_api_set_hash(o, "base", &k->base);
    an_api_set_hash(o, "head", &k->head);
    an_json_set_bool(o, "over", an_campaign_is_over(k));
    an_json_set(o, "lines", lines_json(c, k));
    const an_model_entry *m = an_state_model(c->state, k->model);
    if (m)
        an_api_set_model_privacy(c, o, m);
    return o;
}

static an_err answer_campaign(an_api_call *c, uint64_t id, an_note *why)
{
    const an_campaign *k = an_state_campaign(c->state, id);
    if (!k)
        return an_fail(AN_ERR_NOTFOUND, why, "no campaign %llu", (unsigned long long)id);
    an_json_set(c->answer, "campaign", an_api_campaign_json(c, k));
    return AN_OK;
}

an_err an_api_campaigns(an_api_call *c, an_note *why)
{
    an_api_list l;
    an_err err = an_api_list_open(c, &l, c->state->campaigns.n, AN_NEWEST, 50, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        const an_campaign *k = &c->state->campaigns.items[i];
        if (!of_model(c, k->model) || !an_api_wants(c->req->state, an_campaign_state_name(k->state)) ||
            !an_api_within(&l.window, k->opened_ms))
            continue;
        an_json_push(list, an_api_campaign_json(c, k));
        l.left--;
    }
    an_json_set(c->answer, "campaigns", list);
    an_api_list_close(c, &l);
    return AN_OK;
}

an_err an_api_campaign(an_api_call *c, an_note *why)
{
    uint64_t id;
    an_err err = an_api_id(c, "campaign", &id, why);
    if (err == AN_OK)
        err = answer_campaign(c, id, why);
    if (err == AN_OK && an_who_sees_all(&c->req->who))
        err = an_api_opened_add(c, an_state_campaign(c->state, id)->model, id, why);
    return err == AN_OK ? an_api_gate_add(c, an_state_campaign(c->state, id)->model, id, NULL, why) : err;
}

an_err an_api_campaign_open(an_api_call *c, an_note *why)
{
    const char *model, *kind_name, *trigger;
    int64_t rounds;
    uint64_t id;
    an_campaign_kind kind;
    an_err err;
    if ((err = an_jval_text(c->body, "model", &model, why)) != AN_OK ||
        (err = an_jval_get_text(c->body, "kind", an_campaign_kind_name(AN_CAMPAIGN_TRAINING), &kind_name,
                                why)) != AN_OK ||
        (err = an_jval_get_int(c->body, "rounds", 0, 10000, 0, &rounds, why)) != AN_OK ||
        (err = an_jval_get_text(c->body, "reason", "started by a person", &trigger, why)) != AN_OK)
        return err;
    if (!an_campaign_kind_find(kind_name, &kind))
        return an_fail(AN_ERR_INVAL, why, "kind = %.60s: must be %s or %s", kind_name,
                       an_campaign_kind_name(AN_CAMPAIGN_TRAINING),
                       an_campaign_kind_name(AN_CAMPAIGN_INCREMENTAL));
    if (strlen(trigger) >= AN_REASON_MAX)
        return an_fail(AN_ERR_INVAL, why, "reason: at most %d bytes", AN_REASON_MAX - 1);
    if ((err = an_api_confirm_privacy(c, model, kind, (uint32_t)rounds, why)) != AN_OK)
        return err;
    err = an_hub_campaign_open(c->hub, c->actor, model, kind, (uint32_t)rounds, trigger, &id, why);
    if (err != AN_OK)
        return err;
    c->status = 201;
    return answer_campaign(c, id, why);
}

an_err an_api_campaign_approve(an_api_call *c, an_note *why)
{
    uint64_t id;
    const char *reason;
    an_err err = an_api_id(c, "campaign", &id, why);
    if (err == AN_OK && (err = an_api_reason(c, &reason, why)) == AN_OK)
        err = an_hub_campaign_approve(c->hub, c->actor, id, reason, why);
    return err == AN_OK ? answer_campaign(c, id, why) : err;
}

an_err an_api_campaign_stop(an_api_call *c, an_note *why)
{
    uint64_t id;
    const char *reason;
    an_err err;
    if ((err = an_api_id(c, "campaign", &id, why)) != AN_OK ||
        (err = an_api_reason(c, &reason, why)) != AN_OK)
        return err;
    err = an_hub_campaign_stop(c->hub, c->actor, id, reason, why);
    return err == AN_OK ? answer_campaign(c, id, why) : err;
}
