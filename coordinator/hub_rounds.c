/* Rounds: opening them, feeding their machine, carrying out its actions. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"

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
    an_hub_secure_forget(r);
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

void an_hub_end_message(const an_round_entry *e, an_msg *ret)
{
    *ret = (an_msg){.type = AN_MSG_ROUND_END};
    ret->u.round_end.round = e->id;
    ret->u.round_end.result = e->committed ? AN_ROUND_RESULT_COMMITTED : AN_ROUND_RESULT_ABORTED;
    if (e->committed && !an_payload_judges(e->kind))
        ret->u.round_end.version = e->result;
    an_text_set(ret->u.round_end.reason, sizeof ret->u.round_end.reason, e->reason);
}

/* The round is over and its record is in the journal: tell the members, forget the machine. */
static void close_round(an_hub *hub, an_hub_round *r)
{
    const an_round_entry *e = an_state_round(&hub->state, r->round.id);
    an_hub_late_ended(hub, &r->round);
    an_hub_trace_ended(hub, r, e);
    for (size_t i = 0; i < hub->rounds.n; i++) {
        if (hub->rounds.items[i] == r) {
            hub->rounds.items[i] = hub->rounds.items[--hub->rounds.n];
            break;
        }
    }
    an_hub_round_free(r);
}

/* ---- events ---- */

static an_json *outliers_body(const an_combine_job *job)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < job->n_outliers; i++) {
        an_json *o = an_json_object();
        an_json_set_text(o, "site", job->outliers[i].site);
        an_json_set_bool(o, "in", job->outliers[i].in);
        an_json_set_text(o, "reason", job->outliers[i].reason);
        an_json_push(list, o);
    }
    return list;
}

/* Of all its updates: what keeping them costs. */
static uint64_t bytes_of(const an_hub *hub, const an_round *round)
{
    uint64_t all = 0;
    for (size_t i = 0; i < round->n_members; i++) {
        uint64_t size = 0;
        if (round->members[i].state == AN_MEMBER_DELIVERED &&
            an_store_object_size(hub->conf.store, &round->members[i].update, &size, NULL) == AN_OK)
            all += size;
    }
    return all;
}

static an_json *ended_body(an_hub *hub, const an_round *round, const an_combine_job *job)
{
    an_json *o = an_json_object();
    bool committed = round->state == AN_ROUND_COMMITTED;
    an_json_set_int(o, "id", (int64_t)round->id);
    an_json_set_bool(o, "committed", committed);
    size_t n = an_round_count(round, AN_MEMBER_DELIVERED);
    an_json_set_int(o, "updates", (int64_t)(n - (job ? job->n_left_out : 0)));
    an_json_set_int(
        o, "released",
        (int64_t)(n + an_round_count(round, AN_MEMBER_ACCEPTED) + an_round_count(round, AN_MEMBER_LEFT_OUT)));
    an_json_set_int(o, "bytes", (int64_t)bytes_of(hub, round));
    an_json_set_text(o, "reason", round->reason);
    if (an_round_is_early(round))
        an_json_set_text(o, "awaited", round->awaited);
    an_json_set_hash(o, "result", &round->result);
    an_json *owing = an_hub_late_owing(hub, round);
    if (owing)
        an_json_set(o, "owing", owing);
    if (job && committed) {
        an_json_set_hash(o, "optimiser", &job->new_state);
        an_json_set_num(o, "loss", job->loss);
        an_json_set_num(o, "weight", job->weight);
        an_json_set_int(o, "clipped", (int64_t)job->clipped);
        an_json_set_int(o, "saturated", (int64_t)job->saturated);
        if (job->n_outliers > 0)
            an_json_set(o, "outliers", outliers_body(job));
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
    if (e->kind == AN_PAYLOAD_SHADOW) {
        an_json_set_hash(o, "hash", &job->plan->candidate);
        an_json_set_hash(o, "shadow", &job->result);
        an_json_set_int(o, "round", (int64_t)e->id);
        an_batch_add(b, "version.shadowed", e->model, "coordinator", NULL, o);
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

/* Steps the copy `next` by one event; what must be stored goes into the batch. */
static void step(an_hub *hub, an_round *next, const an_hub_waiting *w, const an_combine_job *job,
                 an_record_batch *batch, an_round_actions *ret)
{
    char subject[64], idem[128];
    an_round_step(next, &w->event, ret);
    if (!ret->changed)
        return;
    an_round_event told = w->event; /* with what it has planned */
    memcpy(told.graphs, ret->graphs, sizeof told.graphs);
    told.n_graphs = ret->n_graphs;
    batch->err = an_hub_secure_put(hub, &told, NULL);
    bool update = w->event.type == AN_ROUND_EVENT_UPDATE;
    subject_of(subject, next->id);
    snprintf(idem, sizeof idem, "round/%llu/update",
             (unsigned long long)(told.trained_in ? told.trained_in : next->id));
    an_batch_add(batch, "round.event", subject, w->actor, update ? idem : NULL, an_round_event_body(&told));
    if (!an_round_is_over(next))
        return;
    if (job && next->state == AN_ROUND_COMMITTED)
        add_result(hub, batch, an_state_round(&hub->state, next->id), job);
    an_batch_add(batch, "round.ended", subject, "coordinator", NULL, ended_body(hub, next, job));
}

/* Steps a copy by all events, stores what changed in one transaction, then makes the copy the
 * truth.  If storing fails nothing has happened.  actions: (n) */
static an_err step_all(an_hub *hub, an_hub_round *r, const an_hub_waiting *events, size_t n,
                       const an_combine_job *job, an_round_actions *actions, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_round next = r->round;
    next.members = an_alloc(next.n_members, sizeof *next.members);
    an_record_batch *batches = an_alloc(n, sizeof *batches);
    if (!next.members || !batches)
        goto out;
    memcpy(next.members, r->round.members, next.n_members * sizeof *next.members);
    err = AN_OK;
    bool changed = false;
    for (size_t i = 0; i < n; i++) {
        step(hub, &next, &events[i], job, &batches[i], &actions[i]);
        changed = changed || actions[i].changed;
    }
    if (changed)
        err = an_hub_commit_all(hub, batches, n, why);
    if (err != AN_OK && next.secure)
        hub->behind = true; /* its sums have taken what is not stored: they are read anew */
    if (err != AN_OK)
        goto out;
    an_member *old = r->round.members;
    r->round = next;
    next.members = old;
    for (size_t i = 0; i < n; i++)
        if (actions[i].changed)
            an_hub_trace_event(hub, r, &events[i].event);
out:
    for (size_t i = 0; batches && i < n; i++)
        an_batch_drop(&batches[i]);
    an_free(batches);
    an_free(next.members);
    return err;
}

/* An answer may end the round. */
static void answer(an_hub *hub, uint64_t id, const an_hub_waiting *events, const an_round_actions *actions,
                   size_t n)
{
    for (size_t k = 0; k < n; k++) {
        an_hub_round *r = an_hub_round_find(hub, id);
        bool of_site =
            events[k].event.type == AN_ROUND_EVENT_SECURE || events[k].event.type == AN_ROUND_EVENT_UPDATE;
        if (r && of_site && !actions[k].changed)
            an_hub_secure_answer(hub, r, &events[k].event, &actions[k]);
    }
}

static void act(an_hub *hub, an_hub_round *r, const an_hub_waiting *events, const an_round_actions *actions,
                size_t n)
{
    const uint64_t id = r->round.id;
    bool sum = false, over = false, next = false;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < actions[k].n; i++) {
            const an_round_action *a = &actions[k].items[i];
            switch (a->type) {
            case AN_ROUND_SEND_PLAN:
                an_hub_round_invite(hub, r, a->member);
                break;
            case AN_ROUND_ACK:
                an_hub_round_ack(hub, r, a);
                break;
            case AN_ROUND_SUM:
                sum = true;
                break;
            case AN_ROUND_END:
                over = true;
                break;
            case AN_ROUND_NEXT:
                next = true;
                break;
            }
        }
    }
    if (over) {
        close_round(hub, r);
        an_hub_drive(hub);
        return;
    }
    if (sum)
        an_hub_sum_start(hub, r);
    else if (next)
        an_hub_secure_next(hub, r);
    answer(hub, id, events, actions, n);
}

void an_hub_round_feed_all(an_hub *hub, an_hub_round *r, const an_hub_waiting *events, size_t n,
                           const an_combine_job *job)
{
    an_note why = {{0}};
    an_round_actions one = {.n = 0}, *actions = n == 1 ? &one : an_alloc(n, sizeof *actions);
    an_err err = actions ? step_all(hub, r, events, n, job, actions, &why) : AN_ERR_NOMEM;
    if (err == AN_OK)
        act(hub, r, events, actions, n);
    else
        an_log(AN_LOG_ERROR, "round_event_not_stored", "round=%llu events=%zu err=%s why=\"%s\"",
               (unsigned long long)r->round.id, n, an_err_name(err), why.text);
    if (actions != &one)
        an_free(actions);
}

void an_hub_round_event(an_hub *hub, an_hub_round *r, const an_round_event *e, const char *actor)
{
    an_hub_round_feed(hub, r, e, actor, NULL);
}

/* ---- opening and resuming ---- */

/* Before the journal says that there is one more: then nothing may fail. */
static an_err make_room(an_hub *hub)
{
    return an_grow(&hub->rounds.items, &hub->rounds.cap, hub->rounds.n + 1, sizeof *hub->rounds.items)
               ? AN_OK
               : AN_ERR_NOMEM;
}

static void add_round(an_hub *hub, an_hub_round *r)
{
    r->commits_before = hub->n_commits;
    hub->rounds.items[hub->rounds.n++] = r;
}

/* How the sum becomes weights.  The state of one optimiser means nothing to another, so that after a
 * change of the policy the new one starts afresh. */
static void add_server(an_hub *hub, const an_plan *plan, an_json *o)
{
    const an_campaign *c = an_state_campaign(&hub->state, plan->campaign);
    const an_model_entry *m = an_state_model(&hub->state, plan->model);
    an_policy defaults;
    an_err err = an_policy_init(&defaults);
    const an_policy *p = m ? &m->policy : &defaults;
    (void)err; /* no option of a policy owns memory */
    const char *name = an_policy_server_optimisers[p->server_optimiser];
    if (c && c->server == an_server_optimiser_find(name))
        an_json_set_hash(o, "optimiser", &c->optimiser);
    an_json_set_text(o, "rule", an_policy_rules[p->rule]);
    an_json_set_num(o, "rule_hostile", p->rule_hostile);
    an_json_set_num(o, "rule_norm", p->rule_norm);
    an_json_set_bool(o, "rule_mixing", an_policy_rule_opts(p).mixing);
    an_json_set_text(o, "server_optimiser", name);
    an_json_set_num(o, "server_lr", p->server_lr);
    an_json_set_num(o, "server_momentum", p->server_momentum);
    an_json_set_num(o, "server_beta_m", p->server_beta1);
    an_json_set_num(o, "server_beta_v", p->server_beta2);
    an_json_set_num(o, "server_tau", p->server_tau);
}

/* A rule finds no hostile group among two. */
static uint32_t groups_min(an_hub *hub, const an_plan *plan)
{
    const an_round_entry *e = an_state_round(&hub->state, plan->round);
    const an_model_entry *m = an_state_model(&hub->state, plan->model);
    const an_rule *mean = an_rule_find("mean");
    const an_rule *rule = e && e->rule ? e->rule : m ? an_rule_find(an_policy_rules[m->policy.rule]) : mean;
    return plan->kind == AN_PAYLOAD_TRAIN && rule != mean ? AN_RULE_GROUPS_MIN : 1;
}

/* A secure sum is over the sites of the roster that its plan names. */
static an_err open_machine(an_hub *hub, an_hub_round *r, const an_hash *plan_hash, int64_t now_ms,
                           an_note *why)
{
    an_roster roster = {.n = 0};
    const bool secure = r->plan->privacy == AN_PRIVACY_SECURE_SUM;
    an_err err = secure ? an_hub_roster_read(hub, &r->plan->secure.roster, &roster, why) : AN_OK;
    if (err == AN_OK)
        err = an_round_open(&r->round, r->plan, plan_hash, secure ? &roster : NULL, now_ms, why);
    r->round.groups_min = groups_min(hub, r->plan);
    an_roster_done(&roster);
    return err;
}

an_err an_hub_round_start(an_hub *hub, an_plan *plan, const char *reason, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_hash plan_hash;
    an_record_batch batch = {.n = 0};
    an_round_privacy privacy;
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
    const bool small = r->plan_bytes.len <= AN_OBJECT_SMALL;
    if ((err = (small ? an_store_object_put_row : an_store_object_put)(
             hub->conf.store, r->plan_bytes.data, r->plan_bytes.len, &plan_hash, why)) != AN_OK)
        goto out;
    if ((err = open_machine(hub, r, &plan_hash, an_hub_now(hub), why)) != AN_OK)
        goto out;
    if ((err = an_hub_privacy_read(plan, &privacy, why)) != AN_OK)
        goto out;
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)plan->round);
    an_json_set_int(o, "campaign", (int64_t)plan->campaign);
    an_json_set_text(o, "model", plan->model);
    an_json_set_int(o, "kind", plan->kind);
    an_json_set_hash(o, "plan", &plan_hash);
    an_json_set_hash(o, "base", &plan->base);
    an_json_set_int(o, "cohort", plan->n_cohort);
    if (plan->kind == AN_PAYLOAD_TRAIN)
        add_server(hub, plan, o);
    if (plan->staleness_max > 0)
        an_json_set_int(o, "staleness_max", plan->staleness_max);
    const an_campaign *c = an_state_campaign(&hub->state, plan->campaign);
    if (plan->kind == AN_PAYLOAD_EVALUATE && c && !an_hash_is_zero(&plan->production))
        an_json_set_bool(o, "untrained", an_hash_equal(&plan->production, &c->untrained));
    if (plan->kind == AN_PAYLOAD_EVALUATE)
        an_json_set_bool(o, "beside", an_hub_has_rival(c, plan));
    an_spent_write(o, &privacy);
    subject_of(subject, plan->round);
    an_batch_add(&batch, "round.opened", subject, "coordinator", NULL, o);
    if ((err = make_room(hub)) == AN_OK)
        err = an_hub_commit(hub, &batch, why);
    else
        an_batch_drop(&batch);
    if (err != AN_OK)
        goto out;
    add_round(hub, r);
    an_hub_trace_opened(r);
    for (size_t i = 0; i < r->round.n_members; i++)
        an_hub_round_invite(hub, r, i);
    r = NULL;
out:
    an_hub_round_free(r);
    return err;
}

typedef struct rereading {
    an_hub *hub;
    an_hub_round *round;
} rereading;

static an_err reread_event(void *ctx, const an_record *record, an_note *why)
{
    const rereading *re = ctx;
    an_round_event e;
    an_note inner = {{0}};
    an_buf message;
    an_buf_init(&message, AN_SECURE_CONTENT_MAX);
    an_err err = an_round_event_decode(record->body, record->body_len, &e, &inner);
    if (err == AN_OK && !an_hash_is_zero(&e.message))
        err = an_store_object_get(re->hub->conf.store, &e.message, &message, &inner);
    if (err != AN_OK) {
        an_buf_done(&message);
        return an_hub_record_fail(record, err, &inner, why);
    }
    e.bytes = message.data;
    e.len = message.len;
    an_round_actions led_to; /* in the journal, or owed again */
    an_round_step(&re->round->round, &e, &led_to);
    an_buf_done(&message);
    return led_to.err == AN_ERR_NOMEM ? AN_ERR_NOMEM : AN_OK;
}

an_err an_hub_round_reread(an_hub *hub, uint64_t id, an_hub_round *r, an_note *why)
{
    char subject[64];
    const an_round_entry *e = an_state_round(&hub->state, id);
    an_err err = an_hub_plan_read(hub, &e->plan, &r->plan, &r->plan_bytes, why);
    if (err == AN_OK)
        err = open_machine(hub, r, &e->plan, e->opened_ms, why);
    if (err != AN_OK)
        return err;
    subject_of(subject, id);
    return an_store_scan(hub->conf.store, &(an_store_filter){.kind = "round.event", .subject = subject},
                         reread_event, &(rereading){.hub = hub, .round = r}, why);
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
    if ((err = make_room(hub)) != AN_OK)
        goto out;
    add_round(hub, r);
    r->is_resumed = true;
    an_hub_again_count(hub, r);
    hub->resumed_ms = an_hub_now(hub);
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
