#include "coordinator/rollout_record.h"

#include <string.h>

#include "base/mem.h"
#include "msg/msg.h"

static void set_hash(an_json *o, const char *key, const an_hash *h)
{
    char hex[AN_HASH_TEXT];
    if (an_hash_is_zero(h))
        return;
    an_hash_text(hex, h);
    an_json_set_text(o, key, hex);
}

an_json *an_rollout_body(const an_rollout *r)
{
    an_json *o = an_json_object(), *stages = an_json_array(), *policy = an_json_object();
    an_json_set_int(o, "id", (int64_t)r->id);
    if (r->campaign)
        an_json_set_int(o, "campaign", (int64_t)r->campaign);
    set_hash(o, "version", &r->version);
    set_hash(o, "from", &r->from);
    an_json_set_bool(o, "at_once", r->at_once);
    an_json_set_int(policy, "soak_ms", r->rules.soak_ms);
    an_json_set_int(policy, "deadline_ms", r->rules.deadline_ms);
    an_json_set_num(policy, "success", r->rules.success);
    an_json_set_num(policy, "error", r->rules.error);
    an_json_set_text(policy, "reporting", r->rules.reporting);
    an_json_set_text(policy, "window", r->rules.window);
    an_json_set_text(policy, "approve", an_rollout_approve_name(r->rules.approve));
    for (uint32_t k = 0; k < r->n_stages; k++) {
        an_json *stage = an_json_object(), *sites = an_json_array();
        for (size_t i = 0; i < r->n_targets; i++)
            if (r->targets[i].stage == k)
                an_json_push_text(sites, r->targets[i].site);
        an_json_set_text(stage, "stage", r->stages[k].text);
        an_json_set(stage, "sites", sites);
        an_json_push(stages, stage);
    }
    an_json_set(o, "stages", stages);
    an_json_set(o, "policy", policy);
    return o;
}

static an_err read_hash(const an_jval *o, const char *key, an_hash *ret, an_note *why)
{
    const char *text;
    an_err err = an_jval_get_text(o, key, "", &text, why);
    if (err == AN_OK && text[0] && !an_hash_parse(ret, text))
        return an_fail(AN_ERR_PROTO, why, "%s is no hash", key);
    return err;
}

static an_err read_line(const an_jval *o, const char *key, an_opt_line ret, an_note *why)
{
    const char *text;
    an_err err = an_jval_text(o, key, &text, why);
    if (err == AN_OK && strlen(text) >= sizeof(an_opt_line))
        return an_fail(AN_ERR_PROTO, why, "%s is too long", key);
    if (err == AN_OK)
        memcpy(ret, text, strlen(text) + 1);
    return err;
}

static an_err read_rules(const an_jval *o, an_rollout_rules *ret, an_note *why)
{
    const char *approve = "";
    const an_jval *p = an_jval_get(o, "policy");
    an_err err = p ? AN_OK : an_fail(AN_ERR_PROTO, why, "policy is missing");
    if (err == AN_OK)
        err = an_jval_int(p, "soak_ms", 0, INT64_MAX / 4, &ret->soak_ms, why);
    if (err == AN_OK)
        err = an_jval_int(p, "deadline_ms", 0, INT64_MAX / 4, &ret->deadline_ms, why);
    if (err == AN_OK)
        err = an_jval_num(p, "success", 0, 1, &ret->success, why);
    if (err == AN_OK)
        err = an_jval_num(p, "error", 0, 1, &ret->error, why);
    if (err == AN_OK)
        err = read_line(p, "reporting", ret->reporting, why);
    if (err == AN_OK)
        err = read_line(p, "window", ret->window, why);
    if (err == AN_OK)
        err = an_jval_text(p, "approve", &approve, why);
    for (int i = AN_APPROVE_NONE; err == AN_OK && i <= AN_APPROVE_EACH; i++) {
        if (strcmp(approve, an_rollout_approve_name(i)) == 0) {
            ret->approve = i;
            return AN_OK;
        }
    }
    return err == AN_OK ? an_fail(AN_ERR_PROTO, why, "approve is neither none, first nor each") : err;
}

static an_err read_stage(const an_jval *o, an_rollout *r, an_note *why)
{
    const char *text, *site;
    const an_jval *sites = an_jval_get(o, "sites");
    an_err err = an_jval_text(o, "stage", &text, why);
    if (err == AN_OK && (strlen(text) >= sizeof r->stages[0].text || r->n_stages == AN_STAGES_MAX))
        err = an_fail(AN_ERR_PROTO, why, "no such stage");
    if (err != AN_OK)
        return err;
    memcpy(r->stages[r->n_stages].text, text, strlen(text) + 1);
    for (size_t i = 0; i < an_jval_count(sites); i++) {
        if ((err = an_jval_text(an_jval_at(sites, i), NULL, &site, why)) != AN_OK)
            return err;
        if (!an_name_ok(site) || an_rollout_find(r, site))
            return an_fail(AN_ERR_PROTO, why, "a site's name is none, or comes twice");
        if ((err = an_rollout_reserve(r)) != AN_OK)
            return err;
        an_target *t = &r->targets[r->n_targets++];
        *t = (an_target){.stage = r->n_stages, .counts = r->n_stages, .since_ms = r->opened_ms};
        memcpy(t->site, site, strlen(site) + 1);
    }
    r->n_stages++;
    return AN_OK;
}

an_err an_rollout_decode(const an_jval *o, const char *model, const char *actor, int64_t opened_ms,
                         an_rollout *ret, an_note *why)
{
    an_rollout r = {.opened_ms = opened_ms};
    int64_t id = 0, campaign = 0;
    const an_jval *stages = an_jval_get(o, "stages");
    an_err err = an_jval_int(o, "id", 1, INT64_MAX, &id, why);
    if (err == AN_OK)
        err = an_jval_get_int(o, "campaign", 0, INT64_MAX, 0, &campaign, why);
    if (err == AN_OK)
        err = read_hash(o, "version", &r.version, why);
    if (err == AN_OK)
        err = read_hash(o, "from", &r.from, why);
    if (err == AN_OK)
        err = an_jval_get_bool(o, "at_once", false, &r.at_once, why);
    if (err == AN_OK)
        err = read_rules(o, &r.rules, why);
    if (err == AN_OK)
        err = an_rollout_rules_read(&r, why);
    for (size_t i = 0; i < an_jval_count(stages) && err == AN_OK; i++)
        err = read_stage(an_jval_at(stages, i), &r, why);
    if (err == AN_OK && (r.n_stages == 0 || an_hash_is_zero(&r.version)))
        err = an_fail(AN_ERR_PROTO, why, "a rollout has a version and stages");
    if (err != AN_OK) {
        an_rollout_done(&r);
        return err;
    }
    r.id = (uint64_t)id;
    r.campaign = (uint64_t)campaign;
    an_text_set(r.model, sizeof r.model, model);
    an_text_set(r.actor, sizeof r.actor, actor);
    *ret = r;
    return AN_OK;
}

an_json *an_rollout_event_body(uint64_t id, const an_rollout_event *e)
{
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_text(o, "event", an_rollout_event_name(e->type));
    an_json_set_int(o, "at", e->now_ms);
    if (e->counter)
        an_json_set_int(o, "counter", (int64_t)e->counter);
    if (e->site[0])
        an_json_set_text(o, "site", e->site);
    if (e->reason[0])
        an_json_set_text(o, "reason", e->reason);
    return o;
}

an_err an_rollout_event_decode(const an_jval *o, an_rollout_event *ret, an_note *why)
{
    const char *name = "", *site = "", *reason = "";
    an_rollout_event e = {.type = AN_ROLLOUT_EVENT_TIME};
    int64_t counter = 0;
    int type = 0;
    an_err err = an_jval_text(o, "event", &name, why);
    if (err == AN_OK)
        err = an_jval_int(o, "at", INT64_MIN / 4, INT64_MAX / 4, &e.now_ms, why);
    if (err == AN_OK)
        err = an_jval_get_int(o, "counter", 0, INT64_MAX, 0, &counter, why);
    if (err == AN_OK)
        err = an_jval_get_text(o, "site", "", &site, why);
    if (err == AN_OK)
        err = an_jval_get_text(o, "reason", "", &reason, why);
    if (err != AN_OK)
        return err;
    while (type < AN_ROLLOUT_EVENTS && strcmp(name, an_rollout_event_name((an_rollout_event_type)type)) != 0)
        type++;
    if (type == AN_ROLLOUT_EVENTS || (site[0] && !an_name_ok(site)))
        return an_fail(AN_ERR_PROTO, why, "no such event of a rollout");
    e.type = (an_rollout_event_type)type;
    e.counter = (uint64_t)counter;
    an_text_set(e.site, sizeof e.site, site);
    an_text_set(e.reason, sizeof e.reason, reason);
    *ret = e;
    return AN_OK;
}
