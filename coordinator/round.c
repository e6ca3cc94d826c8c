/* The round's state machine; the drawing is in round.h.
 *
 * A phase ends when nobody is left to wait for, with count_max sites at once, with count_min
 * after time_min, and at its deadline in any case: then with count_min or not at all.  So a dead
 * site delays a round by its deadline and never stops it. */
#include "coordinator/round_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/json.h"

const char *an_round_state_name(an_round_state s)
{
    static const char *const names[] = {"INVITING",  "SHARING", "COLLECTING", "SIGNING",
                                        "REVEALING", "SUMMING", "COMMITTED",  "ABORTED"};
    return names[s];
}

an_err an_round_open(an_round *ret, const an_plan *plan, const an_hash *plan_hash, const an_roster *roster,
                     int64_t now_ms, an_note *why)
{
    size_t n = plan->n_cohort;
    if (n == 0)
        return an_fail(AN_ERR_INVAL, why, "round %llu has no members", (unsigned long long)plan->round);
    if (plan->invite.count_min > n || plan->upload.count_min > n)
        return an_fail(AN_ERR_INVAL, why, "round %llu needs %u updates but has only %zu members",
                       (unsigned long long)plan->round, plan->upload.count_min, n);
    an_member *members = an_alloc(n, sizeof *members);
    if (!members)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        snprintf(members[i].site, sizeof members[i].site, "%s", plan->cohort[i]);
    *ret = (an_round){
        .id = plan->round,
        .state = AN_ROUND_INVITING,
        .plan_hash = *plan_hash,
        .invite = plan->invite,
        .upload = plan->upload,
        .opened_ms = now_ms,
        .phase_ms = now_ms,
        .members = members,
        .n_members = n,
        .groups_min = 1,
    };
    if (plan->privacy != AN_PRIVACY_SECURE_SUM)
        return AN_OK;
    an_err err = an_round_secure_open(ret, plan, roster, why);
    if (err != AN_OK)
        an_round_done(ret);
    return err;
}

void an_round_done(an_round *r)
{
    an_round_secure_done(r);
    an_free(r->members);
    *r = (an_round){0};
}

bool an_round_is_over(const an_round *r)
{
    return r->state == AN_ROUND_COMMITTED || r->state == AN_ROUND_ABORTED;
}

bool an_round_is_early(const an_round *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_members; i++)
        n += r->members[i].state != AN_MEMBER_REFUSED || r->members[i].not_yet;
    return r->state == AN_ROUND_ABORTED && r->awaited[0] && n >= r->upload.count_min;
}

size_t an_round_find(const an_round *r, const char *site)
{
    for (size_t i = 0; i < r->n_members; i++)
        if (strcmp(r->members[i].site, site) == 0)
            return i;
    return SIZE_MAX;
}

size_t an_round_count(const an_round *r, an_member_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_members; i++)
        n += r->members[i].state == state;
    return n;
}

void an_round_act(an_round_actions *a, an_round_action action)
{
    assert(a->n < AN_ROUND_STEP_ACTIONS);
    a->items[a->n++] = action;
}

void an_round_finish(an_round *r, an_round_state state, const char *reason, an_round_actions *a)
{
    r->state = state;
    if (reason != r->reason)
        snprintf(r->reason, sizeof r->reason, "%s", reason);
    an_round_act(a, (an_round_action){.type = AN_ROUND_END});
    a->changed = true;
}

void an_round_enter(an_round *r, an_round_state state, int64_t now_ms, an_round_actions *a)
{
    r->state = state;
    r->phase_ms = now_ms;
    a->changed = true;
}

/* May the phase end with `in` sites, of whom nobody else can follow if `nobody_left`? */
static bool phase_over(const an_plan_phase *phase, size_t in, bool nobody_left, int64_t spent_ms)
{
    uint64_t spent = spent_ms > 0 ? (uint64_t)spent_ms : 0;
    return nobody_left || in >= phase->count_max || spent >= phase->deadline_ms ||
           (in >= phase->count_min && spent >= phase->time_min_ms);
}

static void give_up(an_round *r, size_t in, uint32_t need, const char *what, an_round_actions *a)
{
    char reason[AN_REASON_MAX];
    snprintf(reason, sizeof reason, "%zu of at least %u %s", in, need, what);
    an_round_finish(r, AN_ROUND_ABORTED, reason, a);
}

/* Moves on as far as the counts and the time allow. */
static void settle(an_round *r, int64_t now_ms, an_round_actions *a)
{
    size_t waiting = an_round_count(r, AN_MEMBER_INVITED);
    size_t training = an_round_count(r, AN_MEMBER_ACCEPTED);
    size_t delivered = an_round_count(r, AN_MEMBER_DELIVERED);

    const size_t in = training + delivered;
    /* Of members beyond count_max it is known that they may be away: for those nobody waits. */
    const bool answered = in >= r->invite.count_min && r->n_members - waiting >= r->invite.count_max;

    if (r->state == AN_ROUND_INVITING &&
        phase_over(&r->invite, in, waiting == 0 || answered, now_ms - r->phase_ms)) {
        if (in >= r->invite.count_min)
            an_round_enter(r, AN_ROUND_COLLECTING, now_ms, a);
        else
            give_up(r, in, r->invite.count_min, "sites took part", a);
    }
    if (r->state == AN_ROUND_COLLECTING &&
        phase_over(&r->upload, delivered, training == 0, now_ms - r->phase_ms)) {
        if (delivered < r->upload.count_min) {
            give_up(r, delivered, r->upload.count_min, "updates arrived", a);
            return;
        }
        an_round_enter(r, AN_ROUND_SUMMING, now_ms, a);
        an_round_act(a, (an_round_action){.type = AN_ROUND_SUM});
    }
}

static void take_update(an_round *r, const an_round_event *e, size_t i, an_round_actions *a)
{
    an_member *m = &r->members[i];
    an_round_action ack = {.type = AN_ROUND_ACK, .member = i, .hash = e->hash};
    if (m->state == AN_MEMBER_DELIVERED) {
        ack.status = an_hash_equal(&m->update, &e->hash) ? AN_UPDATE_DUPLICATE : AN_UPDATE_REJECTED;
        an_round_act(a, ack);
        return;
    }
    if (r->state != AN_ROUND_INVITING && r->state != AN_ROUND_COLLECTING) {
        ack.status = AN_UPDATE_LATE;
        an_round_act(a, ack);
        return;
    }
    if (m->state == AN_MEMBER_LEFT_OUT) {
        ack.status = AN_UPDATE_LATE;
        an_round_act(a, ack);
        return;
    }
    if (m->state == AN_MEMBER_REFUSED) {
        ack.status = AN_UPDATE_REJECTED;
        an_round_act(a, ack);
        return;
    }
    if (r->secure && !an_round_secure_masked(r, e, i, a)) {
        ack.status = AN_UPDATE_REJECTED;
        an_round_act(a, ack);
        return;
    }
    m->state = AN_MEMBER_DELIVERED;
    m->update = e->hash;
    m->trained_in = e->trained_in;
    m->staleness = e->staleness;
    m->last_ms = e->now_ms;
    a->changed = true;
    ack.status = AN_UPDATE_ACCEPTED;
    an_round_act(a, ack);
}

static void take_answer(an_round *r, const an_round_event *e, size_t i, an_round_actions *a)
{
    an_member *m = &r->members[i];
    /* A site may still join while others train, and may give up before it has delivered. */
    bool open = r->secure ? r->state < AN_ROUND_SUMMING
                          : r->state == AN_ROUND_INVITING || r->state == AN_ROUND_COLLECTING;
    bool accept = e->type == AN_ROUND_EVENT_ACCEPT;
    an_member_state next = accept ? AN_MEMBER_ACCEPTED : AN_MEMBER_REFUSED;
    if (r->secure && open && m->state == AN_MEMBER_DELIVERED && !accept && !m->missed) {
        m->missed = a->changed =
            true; /* its masked vector is in the sum; only nobody waits for it any more */
        m->last_ms = e->now_ms;
        return;
    }
    if (!open || m->state == AN_MEMBER_DELIVERED || m->state == next)
        return;
    if (accept && m->state != AN_MEMBER_INVITED)
        return;
    if (m->state == AN_MEMBER_REFUSED || m->state == AN_MEMBER_LEFT_OUT)
        return; /* final for this round */
    m->state = next;
    m->last_ms = e->now_ms;
    a->changed = true;
    if (!accept && e->not_yet) {
        char all[2 * AN_REASON_MAX + AN_NAME_MAX + 8];
        snprintf(all, sizeof all, "%s%s%s: %s", r->awaited, r->awaited[0] ? "; " : "", m->site, e->reason);
        an_text_set(r->awaited, sizeof r->awaited, all);
        m->not_yet = true;
    }
}

void an_round_step(an_round *r, const an_round_event *e, an_round_actions *ret)
{
    *ret = (an_round_actions){0};
    size_t i = SIZE_MAX;
    switch (e->type) {
    case AN_ROUND_EVENT_ACCEPT:
    case AN_ROUND_EVENT_REFUSE:
        if ((i = an_round_find(r, e->site)) == SIZE_MAX)
            return;
        take_answer(r, e, i, ret);
        break;
    case AN_ROUND_EVENT_UPDATE:
        if ((i = an_round_find(r, e->site)) == SIZE_MAX)
            return;
        take_update(r, e, i, ret);
        break;
    case AN_ROUND_EVENT_SECURE:
        if ((i = an_round_find(r, e->site)) == SIZE_MAX)
            return;
        an_round_secure_take(r, e, i, ret);
        break;
    case AN_ROUND_EVENT_TIME:
        break;
    case AN_ROUND_EVENT_CANCEL:
        r->awaited[0] = '\0';
        if (!an_round_is_over(r))
            an_round_finish(r, AN_ROUND_ABORTED, e->reason, ret);
        return;
    case AN_ROUND_EVENT_SUMMED:
        if (r->state == AN_ROUND_SUMMING) {
            r->result = e->hash;
            an_round_finish(r, AN_ROUND_COMMITTED, "", ret);
        }
        return;
    case AN_ROUND_EVENT_SUM_FAILED:
        r->awaited[0] = '\0';
        if (r->state == AN_ROUND_SUMMING)
            an_round_finish(r, AN_ROUND_ABORTED, e->reason, ret);
        return;
    }
    if (!ret->changed && e->type != AN_ROUND_EVENT_TIME)
        return;
    if (r->secure)
        an_round_secure_settle(r, e, ret);
    else
        settle(r, e->now_ms, ret);
}

int64_t an_round_deadline(const an_round *r)
{
    const an_plan_phase *phase = r->state == AN_ROUND_INVITING     ? &r->invite
                                 : r->state == AN_ROUND_COLLECTING ? &r->upload
                                                                   : NULL;
    if (r->secure && r->state < AN_ROUND_SUMMING)
        return phase ? r->phase_ms + (int64_t)phase->deadline_ms : an_round_secure_deadline(r);
    if (!phase)
        return INT64_MAX;
    size_t in = an_round_count(r, AN_MEMBER_DELIVERED);
    if (r->state == AN_ROUND_INVITING)
        in += an_round_count(r, AN_MEMBER_ACCEPTED);
    uint64_t wait = phase->deadline_ms;
    if (in >= phase->count_min && phase->time_min_ms < wait)
        wait = phase->time_min_ms;
    return r->phase_ms + (int64_t)wait;
}

bool an_round_resume(const an_round *r, size_t member, an_round_action *ret)
{
    if (member == SIZE_MAX) {
        if (r->state != AN_ROUND_SUMMING)
            return false;
        *ret = (an_round_action){.type = AN_ROUND_SUM};
        return true;
    }
    const an_member *m = &r->members[member];
    bool open = r->state == AN_ROUND_INVITING || r->state == AN_ROUND_COLLECTING;
    if (r->secure && r->state < AN_ROUND_SUMMING) { /* with the plan goes what the last exchange led to */
        *ret = (an_round_action){.type = AN_ROUND_SEND_PLAN, .member = member};
        return m->state != AN_MEMBER_REFUSED && an_round_secure_is_in(r, member);
    }
    if (open && (m->state == AN_MEMBER_INVITED || m->state == AN_MEMBER_ACCEPTED)) {
        *ret = (an_round_action){.type = AN_ROUND_SEND_PLAN, .member = member};
        return true;
    }
    if (!an_round_is_over(r) && m->state == AN_MEMBER_DELIVERED) {
        *ret = (an_round_action){
            .type = AN_ROUND_ACK, .member = member, .status = AN_UPDATE_DUPLICATE, .hash = m->update};
        return true;
    }
    return false;
}

static const char *awaited(an_round_state state)
{
    static const char *const words[] = {"answers", "shares", "updates", "signatures", "reveals"};
    return words[state];
}

static bool waits_for(const an_round *r, size_t i)
{
    if (r->secure)
        return an_round_secure_waits(r, i);
    return r->members[i].state == (r->state == AN_ROUND_INVITING ? AN_MEMBER_INVITED : AN_MEMBER_ACCEPTED);
}

#define NAMED_MAX 3

/* "; missing plant-b, plant-c, plant-d and 2 more". */
static void name_missing(const an_round *r, char *ret, size_t size)
{
    size_t len = 0, missing = 0;
    for (size_t i = 0; i < r->n_members; i++) {
        if (!waits_for(r, i) || missing++ >= NAMED_MAX)
            continue;
        int n =
            snprintf(ret + len, size - len, "%s%s", missing > 1 ? ", " : "; missing ", r->members[i].site);
        if (n < 0 || (size_t)n >= size - len)
            return;
        len += (size_t)n;
    }
    if (missing > NAMED_MAX)
        snprintf(ret + len, size - len, " and %zu more", missing - NAMED_MAX);
}

void an_round_waiting(const an_round *r, int64_t now_ms, an_note *ret)
{
    size_t delivered = an_round_count(r, AN_MEMBER_DELIVERED), waiting = 0;
    char text[240] = "";
    switch (r->state) {
    case AN_ROUND_SUMMING:
        an_note_set(ret, "summing %zu updates", delivered);
        return;
    case AN_ROUND_COMMITTED:
        an_note_set(ret, "committed with %zu updates", delivered);
        return;
    case AN_ROUND_ABORTED:
        an_note_set(ret, "aborted: %.200s", r->reason);
        return;
    default:
        break;
    }
    size_t of = r->n_members - an_round_count(r, AN_MEMBER_REFUSED);
    for (size_t i = 0; i < r->n_members; i++) {
        waiting += waits_for(r, i);
        if (r->secure && r->members[i].state != AN_MEMBER_REFUSED)
            of -= r->members[i].missed || !an_round_secure_is_in(r, i);
    }
    name_missing(r, text, sizeof text);
    int64_t left_ms = an_round_deadline(r) - now_ms;
    size_t have = r->secure || r->state == AN_ROUND_INVITING ? of - waiting : delivered;
    an_note_set(ret, "%zu of %zu %s%s; gives up waiting in %lld s", have, of, awaited(r->state), text,
                (long long)(left_ms > 0 ? left_ms / 1000 : 0));
}

static const char *const event_names[] = {"accept", "refuse", "update",     "time",
                                          "cancel", "summed", "sum-failed", "secure"};
#define N_EVENTS (sizeof event_names / sizeof *event_names)

an_json *an_round_event_body(const an_round_event *e)
{
    char hex[AN_HASH_TEXT];
    an_json *o = an_json_object();
    an_json_set_text(o, "event", event_names[e->type]);
    an_json_set_int(o, "at", e->now_ms);
    if (e->site[0])
        an_json_set_text(o, "site", e->site);
    if (!an_hash_is_zero(&e->hash)) {
        an_hash_text(hex, &e->hash);
        an_json_set_text(o, "hash", hex);
    }
    if (e->reason[0])
        an_json_set_text(o, "reason", e->reason);
    if (e->not_yet)
        an_json_set_bool(o, "not_yet", true);
    if (!an_hash_is_zero(&e->message)) {
        an_hash_text(hex, &e->message);
        an_json_set_text(o, "message", hex);
    }
    if (e->trained_in) {
        an_json_set_int(o, "trained_in", (int64_t)e->trained_in);
        an_json_set_int(o, "staleness", e->staleness);
    }
    if (e->n_graphs > 0) {
        uint8_t bytes[4 * AN_GROUPS_MAX];
        char text[2 * sizeof bytes + 1];
        for (uint32_t g = 0; g < e->n_graphs; g++)
            an_put_u32(bytes + 4 * (size_t)g, e->graphs[g]);
        an_hex(text, bytes, 4 * (size_t)e->n_graphs);
        an_json_set_text(o, "graphs", text);
    }
    return o;
}

static an_err read_graphs(const an_jval *o, an_round_event *e, an_note *why)
{
    uint8_t bytes[4 * AN_GROUPS_MAX];
    const char *text;
    an_err err = an_jval_get_text(o, "graphs", "", &text, why);
    const size_t n = err == AN_OK ? strlen(text) / 8 : 0;
    if (n > AN_GROUPS_MAX || !an_unhex(bytes, 4 * n, err == AN_OK ? text : ""))
        return an_fail(AN_ERR_PROTO, why, "round.event: graphs are damaged");
    an_reader r = an_reader_of(bytes, 4 * n);
    for (size_t g = 0; g < n; g++)
        e->graphs[e->n_graphs++] = an_read_u32(&r);
    return err;
}

an_err an_round_event_decode(const void *body, size_t len, an_round_event *ret, an_note *why)
{
    an_json_doc *doc = NULL;
    an_round_event e = {0};
    const char *name, *site, *hash, *reason, *message;
    int64_t trained_in, staleness;
    an_err err = an_json_parse(body, len, "round.event", &doc, why);
    if (err != AN_OK)
        return err;
    const an_jval *o = an_json_root(doc);
    if ((err = an_jval_text(o, "event", &name, why)) != AN_OK ||
        (err = an_jval_int(o, "at", INT64_MIN, INT64_MAX, &e.now_ms, why)) != AN_OK ||
        (err = an_jval_get_text(o, "site", "", &site, why)) != AN_OK ||
        (err = an_jval_get_text(o, "hash", "", &hash, why)) != AN_OK ||
        (err = an_jval_get_text(o, "reason", "", &reason, why)) != AN_OK ||
        (err = an_jval_get_text(o, "message", "", &message, why)) != AN_OK ||
        (err = an_jval_get_bool(o, "not_yet", false, &e.not_yet, why)) != AN_OK ||
        (err = an_jval_get_int(o, "trained_in", 0, INT64_MAX, 0, &trained_in, why)) != AN_OK ||
        (err = an_jval_get_int(o, "staleness", 0, AN_STALENESS_MAX, 0, &staleness, why)) != AN_OK ||
        (err = read_graphs(o, &e, why)) != AN_OK)
        goto out;
    size_t type = 0;
    while (type < N_EVENTS && strcmp(event_names[type], name) != 0)
        type++;
    if (type == N_EVENTS || (site[0] && !an_name_ok(site)) || (hash[0] && !an_hash_parse(&e.hash, hash)) ||
        (message[0] && !an_hash_parse(&e.message, message))) {
        err = an_fail(AN_ERR_PROTO, why, "round.event: not an event of a round");
        goto out;
    }
    e.type = (an_round_event_type)type;
    e.trained_in = (uint64_t)trained_in;
    e.staleness = (uint32_t)staleness;
    an_text_set(e.site, sizeof e.site, site);
    an_text_set(e.reason, sizeof e.reason, reason);
    *ret = e;
out:
    an_json_doc_free(doc);
    return err == AN_ERR_INVAL ? AN_ERR_PROTO : err;
}
