/* Messages from sites.  One function per type of message, one row in the table at the end. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "trust/delivery.h"

void an_hub_site_actor(char out[static 128], const char *site)
{
    snprintf(out, 128, "site/%s", site);
}

void an_hub_ack(an_hub *hub, const char *site, const an_msg *msg, an_err err, const char *text)
{
    an_msg m = {.type = AN_MSG_ACK};
    m.u.ack.of = msg->msg_id;
    m.u.ack.code = (uint32_t)err;
    an_text_set(m.u.ack.text, sizeof m.u.ack.text, text);
    an_err sent = an_hub_send(hub, site, &m);
    (void)sent; /* the site sends again what was not acknowledged */
}

bool an_hub_may_answer(an_hub *hub, const char *site)
{
    an_hub_live *live = an_hub_live_get(hub, site);
    const int64_t now = an_hub_now(hub), gone_ms = live ? now - live->answers_ms : 0;
    if (!live)
        return false;
    if (gone_ms < 0 || gone_ms >= AN_ANSWERS_BURST / AN_ANSWERS_PER_MS)
        live->answers = AN_ANSWERS_BURST;
    else if (live->answers + gone_ms * AN_ANSWERS_PER_MS < AN_ANSWERS_BURST)
        live->answers += gone_ms * AN_ANSWERS_PER_MS;
    else
        live->answers = AN_ANSWERS_BURST;
    live->answers_ms = now;
    return live->answers > 0;
}

void an_hub_answered(an_hub *hub, const char *site, size_t bytes)
{
    an_hub_live *live = an_hub_live_get(hub, site);
    if (live)
        live->answers -= (int64_t)bytes;
}

static void warn_of_schemas(an_hub *hub, const an_hub_live *live)
{
    for (uint32_t i = 0; i < live->n_lines; i++) {
        const an_msg_line *l = &live->lines[i];
        const an_model_entry *m = an_state_model(&hub->state, l->model);
        if (m && !an_hash_equal(&l->schema, &m->schema))
            an_log(
                AN_LOG_WARN, "schema_differs",
                "site=%s line=%s model=%s why=\"names, units or order of its sensors, rate_hz or window are "
                "not the model's: it takes no part\"",
                live->site, l->line, l->model);
    }
}

static an_err welcome(an_hub *hub, an_hub_live *live)
{
    an_msg m = {.type = AN_MSG_WELCOME};
    an_msg_welcome *w = &m.u.welcome;
    w->instance = hub->conf.instance;
    w->epoch = live->epoch;
    w->lease_ms = hub->conf.lease_ms;
    w->wall_ms = an_hub_now(hub);
    snprintf(w->bulk_endpoint, sizeof w->bulk_endpoint, "%s", hub->conf.bulk_endpoint);
    w->n_coordinators = hub->conf.n_coordinators;
    memcpy(w->coordinators, hub->conf.coordinators, sizeof w->coordinators);
    for (uint32_t i = 0; i < live->n_lines && w->n_models < AN_WELCOME_MODELS_MAX; i++) {
        const an_model_entry *e = an_state_model(&hub->state, live->lines[i].model);
        if (!e)
            continue;
        an_msg_desired *d = &w->models[w->n_models++];
        snprintf(d->model, sizeof d->model, "%s", e->name);
        an_hub_desired desired;
        an_hub_desire(hub, e, live->site, &desired);
        d->version = desired.version;
        const an_version *v = an_state_version(&hub->state, &d->version);
        d->size = v ? v->size : 0;
        d->counter = desired.statement ? desired.statement->counter : 0;
        d->schema = e->schema;
        d->blank = e->blank;
    }
    return an_hub_send(hub, live->site, &m);
}

void an_hub_greet_again(an_hub *hub, const char *model)
{
    for (size_t i = 0; i < hub->live.n; i++) {
        an_hub_live *live = &hub->live.items[i];
        bool has = false;
        for (uint32_t k = 0; k < live->n_lines; k++)
            has = has || strcmp(live->lines[k].model, model) == 0;
        if (!live->connected || !has)
            continue;
        warn_of_schemas(hub, live);
        an_err err = welcome(hub, live);
        (void)err; /* it asks again at its next HELLO */
    }
}

/* A round that a site still has an upload of, or works on: if it is over, it may let go. */
void an_hub_answer_held(an_hub *hub, const char *site, const an_msg_held *held)
{
    an_msg m;
    const an_round_entry *e = an_state_round(&hub->state, held->round);
    if (e && !e->over)
        return; /* the site offers it again */
    if (an_hub_late_round(hub, site, held->round) || an_hub_late_counts(hub, site, held->round))
        return; /* ... and a later round takes it */
    if (e) {
        an_hub_end_message(e, &m);
    } else {
        m = (an_msg){.type = AN_MSG_ROUND_END};
        m.u.round_end = (an_msg_round_end){.round = held->round, .result = AN_ROUND_RESULT_ABORTED};
        an_text_set(m.u.round_end.reason, sizeof m.u.round_end.reason, "no such round here");
    }
    an_err err = an_hub_send(hub, site, &m);
    (void)err;
}

static an_err on_hello(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    const an_msg_hello *h = &msg->u.hello;
    const an_site *known = an_state_site(&hub->state, site);
    if (!known || known->status != AN_SITE_APPROVED)
        return an_fail(AN_ERR_AUTH, why, "site %s is not approved", site);
    if (strcmp(h->site, site) != 0)
        return an_fail(AN_ERR_PROTO, why, "site %s says it is %s", site, h->site);
    an_err err = an_hub_site_speaks(hub, site, h->statement_key, why);
    if (err != AN_OK)
        return err;
    an_hub_live *live = an_hub_live_get(hub, site);
    if (!live) {
        if (!an_grow(&hub->live.items, &hub->live.cap, hub->live.n + 1, sizeof *hub->live.items))
            return AN_ERR_NOMEM;
        live = &hub->live.items[hub->live.n++];
        snprintf(live->site, sizeof live->site, "%s", site);
    }
    live->connected = true;
    live->seen_ms = an_hub_now(hub);
    live->epoch = hub->next_epoch++;
    an_hub_copies_note(hub, live, h->instance);
    live->n_lines = h->n_lines;
    memcpy(live->lines, h->lines, sizeof live->lines);
    memcpy(live->agent_version, h->agent_version, sizeof live->agent_version);
    live->fast_aes = false;
    for (uint32_t i = 0; i < h->n_capabilities; i++)
        live->fast_aes = live->fast_aes || strcmp(h->capabilities[i], "aes") == 0;
    warn_of_schemas(hub, live);
    if ((err = welcome(hub, live)) != AN_OK)
        return err;
    an_hub_trust_greet(hub, site, h->root_number); /* before what the latest root has signed */
    const an_roster_entry *roster = an_hub_roster_current(hub);
    if (roster && !an_hash_equal(&roster->text, &h->roster))
        an_hub_roster_send(hub, site);
    an_hub_late_greet(hub, site, h);
    for (uint32_t i = 0; i < h->n_held; i++)
        an_hub_answer_held(hub, site, &h->held[i]);
    for (uint32_t i = 0; i < h->n_lines && err == AN_OK; i++)
        err = an_hub_announce(hub, h->lines[i].model, site);
    an_hub_round_greet(hub, site);
    an_hub_refits_ask(hub, site);
    an_hub_rollout_site(hub, site);
    an_hub_drive(hub);
    return AN_OK;
}

static an_err on_heartbeat(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    (void)why;
    an_hub_live *live = an_hub_live_get(hub, site);
    an_text_set(live->state, sizeof live->state, msg->u.heartbeat.state);
    live->queued_alarms = msg->u.heartbeat.queued_alarms;
    live->n_windows = msg->u.heartbeat.n_windows;
    memcpy(live->windows, msg->u.heartbeat.windows, sizeof live->windows);
    an_msg m = {.type = AN_MSG_HEARTBEAT_ACK};
    m.u.heartbeat_ack = (an_msg_heartbeat_ack){.instance = hub->conf.instance, .wall_ms = an_hub_now(hub)};
    return an_hub_send(hub, site, &m);
}

static an_err on_plan_reply(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    const an_msg_plan_reply *p = &msg->u.plan_reply;
    an_hub_round *r = an_hub_round_find(hub, p->round);
    if (!r) {
        if (!p->accept)
            an_hub_late_lost(hub, site, p->round, p->reason);
        an_hub_answer_held(hub, site, &(an_msg_held){.round = p->round});
        return AN_OK;
    }
    if (!an_hash_equal(&p->plan_hash, &r->round.plan_hash))
        return an_fail(AN_ERR_PROTO, why, "site %s speaks of another plan for round %llu", site,
                       (unsigned long long)p->round);
    an_round_event e = {.type = p->accept ? AN_ROUND_EVENT_ACCEPT : AN_ROUND_EVENT_REFUSE,
                        .now_ms = an_hub_now(hub)};
    char actor[128];
    an_hub_site_actor(actor, site);
    snprintf(e.site, sizeof e.site, "%s", site);
    an_text_set(e.reason, sizeof e.reason, p->reason);
    e.not_yet = !p->accept && p->not_yet;
    an_hub_round_event(hub, r, &e, actor);
    return AN_OK;
}

static an_err on_progress(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    (void)why;
    an_hub_live_get(hub, site)->progress = msg->u.progress;
    return AN_OK;
}

/* Is it what the plan of its round asked for? */
static bool offer_fits(an_hub *hub, const an_hub_round *r, const an_msg_update_offer *o)
{
    if (o->round == r->round.id)
        return an_hash_equal(&o->plan_hash, &r->round.plan_hash) && an_delivery_size_ok(r->plan, o->size);
    an_combine_origin origin;
    if (an_hub_late_origin(hub, r->plan, o->round, &origin, NULL) != AN_OK)
        return false;
    const bool fits =
        an_hash_equal(&o->plan_hash, &origin.plan_hash) && an_delivery_size_ok(origin.plan, o->size);
    an_plan_free(origin.plan);
    return fits;
}

/* The round decides what an offer is worth before any byte is fetched. */
static an_err on_offer(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    const an_msg_update_offer *o = &msg->u.update_offer;
    an_hub_round *r = an_hub_late_round(hub, site, o->round);
    if (!r) {
        const an_msg_held held = {.round = o->round, .update = o->update};
        an_hub_answer_held(hub, site, &held);
        return AN_OK;
    }
    const an_site *s = an_state_site(&hub->state, site);
    uint8_t statement[AN_UPDATE_STATEMENT_BYTES];
    an_update_statement(statement, o);
    an_err err =
        an_sign_check(o->signature, AN_UPDATE_CONTEXT, statement, sizeof statement, s->keys.sign_key);
    if (err != AN_OK)
        return an_fail(err, why, "site %s: the offer's signature does not hold", site);
    size_t i = an_round_find(&r->round, site);
    if (i != SIZE_MAX && (r->round.members[i].state == AN_MEMBER_LEFT_OUT ||
                          (r->round.members[i].trained_in && r->round.id == o->round))) {
        an_hub_round_leave(hub, r, i);
        return AN_OK;
    }
    bool fits = i != SIZE_MAX && offer_fits(hub, r, o);
    bool wanted =
        fits && (r->round.state == AN_ROUND_INVITING || r->round.state == AN_ROUND_COLLECTING) &&
        (r->round.members[i].state == AN_MEMBER_INVITED || r->round.members[i].state == AN_MEMBER_ACCEPTED);
    const bool again = fits && an_hub_again_wanted(hub, r, i, &o->update);
    if (wanted && !an_hub_secure_named(r, site, &o->update)) {
        an_hub_secure_ask(hub, r, site, &o->update);
        return AN_OK;
    }
    if (wanted || again) {
        an_hub_trace_site(r, site, "update_offered", "");
        hub->conf.io.fetch(hub->conf.io.ctx, site, o->round, &o->update, o->size);
        return AN_OK;
    }
    if (fits && r->round.members[i].state == AN_MEMBER_DELIVERED) {
        /* Not stored: the machine answers DUPLICATE or REJECTED and changes nothing. */
        an_round_event e = {.type = AN_ROUND_EVENT_UPDATE, .now_ms = an_hub_now(hub), .hash = o->update};
        snprintf(e.site, sizeof e.site, "%s", site);
        an_hub_round_event(hub, r, &e, "coordinator");
        return AN_OK;
    }
    if (fits && r->plan->staleness_max > 0 && r->round.members[i].state == AN_MEMBER_ACCEPTED)
        return AN_OK; /* a later round may take it: the site offers it again */
    an_msg m = {.type = AN_MSG_UPDATE_ACK};
    m.u.update_ack = (an_msg_update_ack){.round = o->round, .update = o->update};
    m.u.update_ack.status = fits ? AN_UPDATE_LATE : AN_UPDATE_REJECTED;
    an_text_set(m.u.update_ack.reason, sizeof m.u.update_ack.reason,
                fits ? "the round takes no further updates"
                     : "not the plan, the cohort or the size of this round");
    return an_hub_send(hub, site, &m);
}

void an_hub_fact_key(char out[static 128], const char *kind, uint64_t number, an_json *body)
{
    an_hash hash = {{0}};
    char hex[AN_HASH_TEXT];
    char *text = an_json_print(body, 0);
    if (text)
        an_hash_of(&hash, text, strlen(text));
    an_free(text); /* without memory the batch fails, too */
    an_hash_text(hex, &hash);
    snprintf(out, 128, "%s/%llu/%.16s", kind, (unsigned long long)number, hex);
}

bool an_hub_has_line(an_hub *hub, const char *site, const char *model, const char *line)
{
    const an_hub_live *live = an_hub_live_get(hub, site);
    for (uint32_t i = 0; live && i < live->n_lines; i++)
        if (strcmp(live->lines[i].line, line) == 0 && strcmp(live->lines[i].model, model) == 0)
            return true;
    return false;
}

static an_err on_drift(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    const an_msg_drift_alert *d = &msg->u.drift_alert;
    if (!an_state_model(&hub->state, d->model) || !an_hub_has_line(hub, site, d->model, d->line)) {
        an_hub_ack(hub, site, msg, AN_ERR_NOTFOUND, "no such model, or no line of yours runs it");
        return AN_OK;
    }
    an_json *o = an_json_object();
    an_json_set_text(o, "model", d->model);
    an_json_set_text(o, "line", d->line);
    an_json_set_hash(o, "version", &d->version);
    an_json_set_text(o, "test", d->test);
    an_json_set_text(o, "subject", d->subject);
    an_json_set_int(o, "sign", d->sign);
    an_json_set_num(o, "effect", d->effect);
    an_json_set_num(o, "statistic", d->statistic);
    an_json_set_num(o, "threshold", d->threshold);
    an_json_set_int(o, "n_reference", (int64_t)d->n_reference);
    an_json_set_int(o, "n_current", (int64_t)d->n_current);
    an_json_set_int(o, "since_ms", d->since_ms);
    char actor[128], idem[128];
    an_hub_site_actor(actor, site);
    an_hub_fact_key(idem, "drift", d->alert_id, o);
    an_record_batch b = {.n = 0};
    an_batch_add(&b, "drift.alert", site, actor, idem, o);
    an_err err = an_hub_commit(hub, &b, why);
    if (err != AN_OK && err != AN_ERR_EXISTS)
        return err;
    an_hub_ack(hub, site, msg, AN_OK, err == AN_ERR_EXISTS ? "had it already" : "");
    an_hub_drive(hub);
    return AN_OK;
}

static an_err on_alarm(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    const an_msg_alarm_summary *a = &msg->u.alarm_summary;
    an_json *o = an_json_object(), *shares = an_json_array();
    an_json_set_text(o, "line", a->line);
    /* The line's own count: all 64 bits are more than a number of JSON holds in a browser. */
    an_json_set_int(o, "alarm", (int64_t)(a->alarm_id & AN_ALARM_OF_LINE));
    an_json_set_hash(o, "version", &a->version);
    an_json_set_int(o, "raised_ms", a->raised_ms);
    an_json_set_int(o, "cleared_ms", a->cleared_ms);
    an_json_set_num(o, "peak", a->peak);
    for (uint32_t i = 0; i < a->n_shares; i++) {
        an_json *share = an_json_object();
        an_json_set_text(share, "sensor", a->shares[i].sensor);
        an_json_set_num(share, "share", a->shares[i].share);
        an_json_push(shares, share);
    }
    an_json_set(o, "sensors", shares);
    char actor[128], idem[128];
    an_hub_site_actor(actor, site);
    an_hub_fact_key(idem, "alarm", a->alarm_id, o); /* told twice: when it is raised, when it is cleared */
    an_record_batch b = {.n = 0};
    an_batch_add(&b, "alarm.summary", site, actor, idem, o);
    an_err err = an_hub_commit(hub, &b, why);
    if (err != AN_OK && err != AN_ERR_EXISTS)
        return err;
    if (err == AN_OK && !a->cleared_ms)
        an_hub_live_get(hub, site)->alarms++;
    an_hub_ack(hub, site, msg, AN_OK, err == AN_ERR_EXISTS ? "had it already" : "");
    return AN_OK;
}

static an_err on_keys(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    an_note note = {{0}};
    an_err err = an_hub_site_keys(hub, site, &msg->u.keys, &note);
    an_hub_ack(hub, site, msg, err, note.text);
    if (err == AN_OK)
        an_hub_roster_refresh(hub);
    return err == AN_OK ? err : an_fail(err, why, "site %s: next keys: %s", site, note.text);
}

static const struct {
    an_msg_type type;
    bool fact; /* ends in the journal */
    an_err (*handle)(an_hub *hub, const char *site, const an_msg *msg, an_note *why);
} handlers[] = {
    {AN_MSG_HEARTBEAT, false, on_heartbeat},
    {AN_MSG_PLAN_REPLY, false, on_plan_reply},
    {AN_MSG_PROGRESS, false, on_progress},
    {AN_MSG_UPDATE_OFFER, false, on_offer},
    {AN_MSG_VERSION_REPORT, true, an_hub_report},
    {AN_MSG_DRIFT_ALERT, true, on_drift},
    {AN_MSG_ALARM_SUMMARY, true, on_alarm},
    {AN_MSG_SECURE, false, an_hub_secure_take},
    {AN_MSG_KEYS, true, on_keys},
    {AN_MSG_LIVE, true, an_hub_live_take},
    {AN_MSG_COUNTS, true, an_hub_counts_take},
    {AN_MSG_REFITTED, true, an_hub_refit_take},
};

/* Takes one of `burst`, of which one comes back every so often. */
static bool is_allowed(int64_t *left, int64_t *since_ms, int64_t burst, int64_t every_ms, int64_t now_ms)
{
    const int64_t gone_ms = now_ms - *since_ms;
    if (gone_ms < 0 || gone_ms >= burst * every_ms) {
        *left = burst;
        *since_ms = now_ms;
    } else {
        const int64_t more = gone_ms / every_ms;
        *left = *left + more > burst ? burst : *left + more;
        *since_ms += more * every_ms;
    }
    if (*left == 0)
        return false;
    --*left;
    return true;
}

/* So many facts a site may tell; one beyond is not answered, so that the site says it again later
 * and in the same order.  Nothing is lost, and no site fills the journal alone. */
static bool fact_allowed(an_hub_live *live, int64_t now_ms)
{
    return is_allowed(&live->facts, &live->facts_ms, AN_FACTS_BURST, AN_FACT_EVERY_MS, now_ms);
}

an_err an_hub_message(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    an_err err = an_msg_expect(msg, AN_DOOR_CONTROL, AN_WAY_UP, why);
    if (err != AN_OK)
        return err;
    an_hub_live *live = an_hub_live_get(hub, site);
    if (msg->type == AN_MSG_HELLO && live &&
        !is_allowed(&live->hellos, &live->hellos_ms, AN_HELLOS_BURST, AN_HELLO_EVERY_MS, an_hub_now(hub)))
        return an_fail(AN_ERR_LIMIT, why, "site %s says hello too often; it is heard again later", site);
    if (msg->type == AN_MSG_HELLO)
        return on_hello(hub, site, msg, why);
    if (!live || msg->epoch != live->epoch)
        return an_fail(AN_ERR_STATE, why, "site %s must say hello first", site);
    live->connected = true;
    live->seen_ms = an_hub_now(hub);
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (handlers[i].type != msg->type)
            continue;
        if (handlers[i].fact && !fact_allowed(live, live->seen_ms))
            return an_fail(AN_ERR_LIMIT, why, "site %s reports too much; it is heard again later", site);
        return handlers[i].handle(hub, site, msg, why);
    }
    return AN_OK; /* ACK of something of ours: nothing depends on it */
}
