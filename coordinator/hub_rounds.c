/* Rounds: opening them, feeding their machine, carrying out its actions. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "sum/vector.h"

an_hub_round *an_hub_round_find(an_hub *hub, uint64_t id)
{
    for (size_t i = 0; i < hub->rounds.n; i++)
        if (hub->rounds.items[i]->round.id == id)
            return hub->rounds.items[i];
    return NULL;
}

void an_hub_round_free(an_hub_round *r)
{
    if (!r)
        return;
    an_round_done(&r->round);
    an_plan_free(r->plan);
    an_buf_done(&r->plan_bytes);
    an_free(r);
}

void an_hub_rounds_free(an_hub *hub)
{
    for (size_t i = 0; i < hub->rounds.n; i++)
        an_hub_round_free(hub->rounds.items[i]);
    an_free(hub->rounds.items);
    hub->rounds.items = NULL;
    hub->rounds.n = hub->rounds.cap = 0;
}

static void subject_of(char out[static 64], uint64_t id)
{
    snprintf(out, 64, "round/%llu", (unsigned long long)id);
}

/* ---- actions ---- */

static void send_plan(an_hub *hub, an_hub_round *r, size_t member)
{
    an_msg m = {.type = AN_MSG_PLAN};
    m.u.plan.plan = (an_bytes){.data = r->plan_bytes.data, .len = r->plan_bytes.len};
    m.u.plan.plan_hash = r->round.plan_hash;
    an_err err = an_hub_send(hub, r->round.members[member].site, &m);
    (void)err; /* owed again at the site's next HELLO */
}

static void send_ack(an_hub *hub, an_hub_round *r, const an_round_action *a)
{
    an_msg m = {.type = AN_MSG_UPDATE_ACK};
    m.u.update_ack = (an_msg_update_ack){.round = r->round.id, .update = a->hash, .status = a->status};
    if (a->status == AN_UPDATE_REJECTED)
        an_text_set(m.u.update_ack.reason, sizeof m.u.update_ack.reason, "this site's update of the round is another one");
    an_err err = an_hub_send(hub, r->round.members[a->member].site, &m);
    (void)err; /* the site offers again, and is told DUPLICATE */
}

void an_hub_end_message(const an_round_entry *e, an_msg *ret)
{
    *ret = (an_msg){.type = AN_MSG_ROUND_END};
    ret->u.round_end.round = e->id;
    ret->u.round_end.result = e->committed ? AN_ROUND_RESULT_COMMITTED : AN_ROUND_RESULT_ABORTED;
    if (e->committed && e->kind != AN_PAYLOAD_EVALUATE)
        ret->u.round_end.version = e->result;
    an_text_set(ret->u.round_end.reason, sizeof ret->u.round_end.reason, e->reason);
}

/* The round is over and its record is in the journal: tell the members, forget the machine. */
static void close_round(an_hub *hub, an_hub_round *r)
{
    const an_round_entry *e = an_state_round(&hub->state, r->round.id);
    for (size_t i = 0; i < r->round.n_members; i++) {
        an_msg m;
        an_hub_end_message(e, &m);
        an_err err = an_hub_send(hub, r->round.members[i].site, &m);
        (void)err; /* a site that holds its upload asks at its next HELLO */
    }
    an_log(AN_LOG_INFO, "round_ended", "round=%llu model=%s kind=%s state=%s updates=%u commits=%llu reason=\"%s\"",
           (unsigned long long)e->id, e->model, an_payload_kind_name(e->kind), e->committed ? "COMMITTED" : "ABORTED",
           e->n_updates, (unsigned long long)(hub->n_commits - r->commits_before), e->reason);
    for (size_t i = 0; i < hub->rounds.n; i++) {
        if (hub->rounds.items[i] == r) {
            hub->rounds.items[i] = hub->rounds.items[--hub->rounds.n];
            break;
        }
    }
    an_hub_round_free(r);
}

/* ---- events ---- */

static an_json *ended_body(const an_round *round, uint32_t dim, const an_combine_job *job)
{
    an_json *o = an_json_object();
    bool committed = round->state == AN_ROUND_COMMITTED;
    an_json_set_int(o, "id", (int64_t)round->id);
    an_json_set_bool(o, "committed", committed);
    size_t n = an_round_count(round, AN_MEMBER_DELIVERED);
    an_json_set_int(o, "updates", (int64_t)n);
    an_json_set_int(o, "bytes", (int64_t)(n * an_update_size(dim)));
    an_json_set_text(o, "reason", round->reason);
    an_json_set_hash(o, "result", &round->result);
    if (job && committed) {
        an_json_set_hash(o, "optimiser", &job->new_state);
        an_json_set_num(o, "loss", job->loss);
        an_json_set_num(o, "weight", job->weight);
        an_json_set_int(o, "clipped", (int64_t)job->clipped);
        an_json_set_int(o, "saturated", (int64_t)job->saturated);
    }
    return o;
}

/* What a committed round leaves, in the same transaction as its end. */
static void add_result(an_hub *hub, an_record_batch *b, const an_round_entry *e, const an_combine_job *job)
{
    an_json *o = an_json_object();
    if (e->kind == AN_PAYLOAD_EVALUATE) {
        an_json_set_hash(o, "hash", &job->plan->candidate);
        an_json_set_hash(o, "evaluation", &job->result);
        an_json_set_int(o, "round", (int64_t)e->id);
        an_batch_add(b, "version.evaluated", e->model, "coordinator", NULL, o);
        return;
    }
    an_json_set_hash(o, "hash", &job->result);
    an_json_set_hash(o, "parent", &job->plan->base);
    an_json_set_int(o, "round", (int64_t)e->id);
    an_json_set_int(o, "campaign", (int64_t)e->campaign);
    an_json_set_int(o, "size", (int64_t)job->result_size);
    an_batch_add(b, "version.registered", e->model, "coordinator", NULL, o);
    (void)hub;
}

/* Steps a copy, stores what changed, then makes the copy the truth and acts.  If storing fails
 * nothing has happened. */
static an_err step(an_hub *hub, an_hub_round *r, const an_round_event *e, const char *actor,
                   const an_combine_job *job, an_round_actions *ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_round next = r->round;
    an_record_batch batch = {.n = 0};
    char subject[64], idem[128];
    an_buf body;
    an_buf_init(&body, 4096);
    next.members = an_alloc(next.n_members, sizeof *next.members);
    if (!next.members)
        goto out;
    memcpy(next.members, r->round.members, next.n_members * sizeof *next.members);
    an_round_step(&next, e, ret);
    err = AN_OK;
    if (!ret->changed)
        goto out;
    const an_round_entry *entry = an_state_round(&hub->state, next.id);
    subject_of(subject, next.id);
    an_json_doc *doc = NULL;
    if ((err = an_round_event_encode(e, &body)) != AN_OK ||
        (err = an_json_parse((const char *)body.data, body.len, "event", &doc, why)) != AN_OK)
        goto out;
    bool update = e->type == AN_ROUND_EVENT_UPDATE;
    if (update)
        snprintf(idem, sizeof idem, "%s/update", subject);
    an_batch_add(&batch, "round.event", subject, actor, update ? idem : NULL, an_json_copy(an_json_root(doc)));
    an_json_doc_free(doc);
    if (an_round_is_over(&next)) {
        if (job && next.state == AN_ROUND_COMMITTED)
            add_result(hub, &batch, entry, job);
        an_batch_add(&batch, "round.ended", subject, "coordinator", NULL, ended_body(&next, r->plan->dim, job));
    }
    if ((err = an_hub_commit(hub, &batch, why)) != AN_OK)
        goto out;
    an_member *old = r->round.members;
    r->round = next;
    next.members = old;
out:
    an_free(next.members);
    an_buf_done(&body);
    return err;
}

void an_hub_round_feed(an_hub *hub, an_hub_round *r, const an_round_event *e, const char *actor, const an_combine_job *job)
{
    an_note why = {{0}};
    an_round_actions actions;
    an_err err = step(hub, r, e, actor, job, &actions, &why);
    if (err != AN_OK) {
        an_log(AN_LOG_ERROR, "round_event_not_stored", "round=%llu err=%s why=\"%s\"",
               (unsigned long long)r->round.id, an_err_name(err), why.text);
        return;
    }
    bool sum = false, over = false;
    for (size_t i = 0; i < actions.n; i++) {
        const an_round_action *a = &actions.items[i];
        switch (a->type) {
        case AN_ROUND_SEND_PLAN:
            send_plan(hub, r, a->member);
            break;
        case AN_ROUND_ACK:
            send_ack(hub, r, a);
            break;
        case AN_ROUND_SUM:
            sum = true;
            break;
        case AN_ROUND_END:
            over = true;
            break;
        }
    }
    if (over) {
        close_round(hub, r);
        an_hub_drive(hub);
    } else if (sum) {
        an_hub_sum_start(hub, r);
    }
}

void an_hub_round_event(an_hub *hub, an_hub_round *r, const an_round_event *e, const char *actor)
{
    an_hub_round_feed(hub, r, e, actor, NULL);
}

void an_hub_fetched(an_hub *hub, const char *site, uint64_t round, const an_hash *update, const char *path,
                    an_err err, const an_note *why)
{
    an_note note = {{0}};
    an_hub_round *r = an_hub_round_find(hub, round);
    if (err == AN_OK && r) {
        an_update_header want = {.round = round, .dim = r->plan->dim, .plan_hash = r->round.plan_hash};
        snprintf(want.site, sizeof want.site, "%s", site);
        err = an_fold_file(path, &want, update, NULL, NULL, &note);
        why = &note;
        if (err == AN_OK)
            err = an_store_object_adopt(hub->conf.store, path, update, &note);
    }
    an_hub_live *live = an_hub_live_get(hub, site);
    if (err != AN_OK || !r) {
        an_log(AN_LOG_WARN, "update_not_received", "site=%s round=%llu err=%s why=\"%s\"", site,
               (unsigned long long)round, an_err_name(err), why ? why->text : "");
        an_err removed = an_file_remove(path, NULL);
        (void)removed;
        if (err == AN_ERR_PROTO && r) {
            an_msg m = {.type = AN_MSG_UPDATE_ACK};
            m.u.update_ack = (an_msg_update_ack){.round = round, .update = *update, .status = AN_UPDATE_REJECTED};
            an_text_set(m.u.update_ack.reason, sizeof m.u.update_ack.reason, why ? why->text : "");
            an_err sent = an_hub_send(hub, site, &m);
            (void)sent;
        }
        return;
    }
    if (live)
        live->bytes_received += an_update_size(r->plan->dim);
    an_round_event e = {.type = AN_ROUND_EVENT_UPDATE, .now_ms = an_hub_now(hub), .hash = *update};
    char actor[128];
    snprintf(e.site, sizeof e.site, "%s", site);
    snprintf(actor, sizeof actor, "site/%s", site);
    an_hub_round_feed(hub, r, &e, actor, NULL);
}

/* ---- opening and resuming ---- */

static an_err add_round(an_hub *hub, an_hub_round *r)
{
    if (!an_grow(&hub->rounds.items, &hub->rounds.cap, hub->rounds.n + 1, sizeof *hub->rounds.items))
        return AN_ERR_NOMEM;
    r->commits_before = hub->n_commits;
    hub->rounds.items[hub->rounds.n++] = r;
    return AN_OK;
}

an_err an_hub_round_start(an_hub *hub, an_plan *plan, const char *reason, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_hash plan_hash;
    an_record_batch batch = {.n = 0};
    char subject[64];
    an_hub_round *r = an_alloc(1, sizeof *r);
    if (!r) {
        an_plan_free(plan);
        return err;
    }
    r->plan = plan;
    an_text_set(plan->reason, sizeof plan->reason, reason);
    an_buf_init(&r->plan_bytes, AN_PLAN_BYTES_MAX);
    if ((err = an_plan_encode(plan, &r->plan_bytes, why)) != AN_OK)
        goto out;
    if ((err = an_store_object_put(hub->conf.store, r->plan_bytes.data, r->plan_bytes.len, &plan_hash, why)) != AN_OK)
        goto out;
    if ((err = an_round_open(&r->round, plan, &plan_hash, an_hub_now(hub), why)) != AN_OK)
        goto out;
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)plan->round);
    an_json_set_int(o, "campaign", (int64_t)plan->campaign);
    an_json_set_text(o, "model", plan->model);
    an_json_set_int(o, "kind", plan->kind);
    an_json_set_hash(o, "plan", &plan_hash);
    an_json_set_hash(o, "base", &plan->base);
    an_json_set_int(o, "cohort", plan->n_cohort);
    if (plan->kind == AN_PAYLOAD_TRAIN) {
        const an_campaign *c = an_state_campaign(&hub->state, plan->campaign);
        const an_model_entry *m = an_state_model(&hub->state, plan->model);
        if (c)
            an_json_set_hash(o, "optimiser", &c->optimiser);
        an_json_set_num(o, "server_lr", m ? m->policy.server_lr : 1);
        an_json_set_num(o, "server_momentum", m ? m->policy.server_momentum : 0);
    }
    subject_of(subject, plan->round);
    an_batch_add(&batch, "round.opened", subject, "coordinator", NULL, o);
    if ((err = an_hub_commit(hub, &batch, why)) != AN_OK)
        goto out;
    if ((err = add_round(hub, r)) != AN_OK)
        goto out;
    an_log(AN_LOG_INFO, "round_opened", "round=%llu model=%s kind=%s sites=%u", (unsigned long long)plan->round,
           plan->model, an_payload_kind_name(plan->kind), plan->n_cohort);
    for (size_t i = 0; i < r->round.n_members; i++)
        send_plan(hub, r, i);
    r = NULL;
out:
    an_hub_round_free(r);
    return err;
}

static an_err reread_event(void *ctx, const an_record *record, an_note *why)
{
    an_hub_round *r = ctx;
    an_round_event e;
    an_err err = an_round_event_decode(record->body, record->body_len, &e, why);
    if (err != AN_OK)
        return err;
    an_round_actions ignored; /* what they led to is in the journal, or owed again */
    an_round_step(&r->round, &e, &ignored);
    return AN_OK;
}

an_err an_hub_round_reread(an_hub *hub, uint64_t id, an_hub_round *r, an_note *why)
{
    char subject[64];
    const an_round_entry *e = an_state_round(&hub->state, id);
    an_err err = an_hub_plan_read(hub, &e->plan, &r->plan, &r->plan_bytes, why);
    if (err == AN_OK)
        err = an_round_open(&r->round, r->plan, &e->plan, e->opened_ms, why);
    if (err != AN_OK)
        return err;
    subject_of(subject, id);
    return an_store_scan(hub->conf.store, &(an_store_filter){.kind = "round.event", .subject = subject}, reread_event,
                         r, why);
}

static an_err resume_round(an_hub *hub, const an_round_entry *e, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_hub_round *r = an_alloc(1, sizeof *r);
    if (!r)
        return err;
    an_buf_init(&r->plan_bytes, AN_PLAN_BYTES_MAX);
    if ((err = an_hub_round_reread(hub, e->id, r, why)) != AN_OK)
        goto out;
    if ((err = add_round(hub, r)) != AN_OK)
        goto out;
    an_log(AN_LOG_INFO, "round_resumed", "round=%llu state=%s", (unsigned long long)e->id,
           an_round_state_name(r->round.state));
    r = NULL;
out:
    an_hub_round_free(r);
    return err;
}

an_err an_hub_rounds_resume(an_hub *hub, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < hub->state.rounds.n && err == AN_OK; i++)
        if (!hub->state.rounds.items[i].over)
            err = resume_round(hub, &hub->state.rounds.items[i], why);
    if (err != AN_OK)
        return err;
    for (size_t i = hub->rounds.n; i-- > 0;) {
        an_round_action action;
        if (an_round_resume(&hub->rounds.items[i]->round, SIZE_MAX, &action))
            an_hub_sum_start(hub, hub->rounds.items[i]);
    }
    return AN_OK;
}

/* A member has (re)connected: what do its open rounds still owe it? */
void an_hub_round_greet(an_hub *hub, const char *site)
{
    for (size_t i = 0; i < hub->rounds.n; i++) {
        an_hub_round *r = hub->rounds.items[i];
        size_t member = an_round_find(&r->round, site);
        an_round_action a;
        if (member == SIZE_MAX || !an_round_resume(&r->round, member, &a))
            continue;
        if (a.type == AN_ROUND_SEND_PLAN)
            send_plan(hub, r, member);
        else
            send_ack(hub, r, &a);
    }
}

