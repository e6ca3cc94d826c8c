/* The round's state machine; the drawing is in round.h.
 *
 * Phases follow PET's {count, time} rule: a phase ends early when everyone has answered, ends
 * once count_max is reached after time_min, and at its deadline goes on with count_min or gives
 * up.  So a dead site delays a round by its deadline and never stops it. */
#include "coordinator/round.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

const char *an_round_state_name(an_round_state s)
{
    static const char *const names[] = {"INVITING", "COLLECTING", "SUMMING", "COMMITTED", "ABORTED"};
    return names[s];
}

an_err an_round_open(an_round *ret, const an_plan *plan, const an_hash *plan_hash, int64_t now_ms,
                     an_note *why)
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
    };
    return AN_OK;
}

void an_round_done(an_round *r)
{
    an_free(r->members);
    *r = (an_round){0};
}

bool an_round_is_over(const an_round *r)
{
    return r->state == AN_ROUND_COMMITTED || r->state == AN_ROUND_ABORTED;
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

static void act(an_round_actions *a, an_round_action action)
{
    assert(a->n < AN_ROUND_STEP_ACTIONS);
    a->items[a->n++] = action;
}

static void finish(an_round *r, an_round_state state, const char *reason, an_round_actions *a)
{
    r->state = state;
    if (reason != r->reason)
        snprintf(r->reason, sizeof r->reason, "%s", reason);
    act(a, (an_round_action){.type = AN_ROUND_END});
    a->changed = true;
}

static void collect(an_round *r, int64_t now_ms, an_round_actions *a)
{
    r->state = AN_ROUND_COLLECTING;
    r->phase_ms = now_ms;
    a->changed = true;
}

static void sum(an_round *r, int64_t now_ms, an_round_actions *a)
{
    r->state = AN_ROUND_SUMMING;
    r->phase_ms = now_ms;
    a->changed = true;
    act(a, (an_round_action){.type = AN_ROUND_SUM});
}

/* Moves on as far as the counts and the time allow. */
static void settle(an_round *r, int64_t now_ms, an_round_actions *a)
{
    size_t waiting = an_round_count(r, AN_MEMBER_INVITED);
    size_t accepted = an_round_count(r, AN_MEMBER_ACCEPTED);
    size_t delivered = an_round_count(r, AN_MEMBER_DELIVERED);

    if (r->state == AN_ROUND_INVITING) {
        size_t in = accepted + delivered;
        int64_t spent = now_ms - r->phase_ms;
        bool late = spent >= r->invite.deadline_ms;
        bool enough = in >= r->invite.count_min;
        if (waiting == 0 || late || (in >= r->invite.count_max && spent >= r->invite.time_min_ms)) {
            if (enough) {
                collect(r, now_ms, a);
            } else {
                char reason[160];
                snprintf(reason, sizeof reason, "%zu of at least %u sites took part", in,
                         r->invite.count_min);
                finish(r, AN_ROUND_ABORTED, reason, a);
            }
        }
    }
    if (r->state == AN_ROUND_COLLECTING) {
        int64_t spent = now_ms - r->phase_ms;
        bool late = spent >= r->upload.deadline_ms;
        bool enough = delivered >= r->upload.count_min;
        if (accepted == 0 || late || (delivered >= r->upload.count_max && spent >= r->upload.time_min_ms)) {
            if (enough) {
                sum(r, now_ms, a);
            } else {
                char reason[160];
                snprintf(reason, sizeof reason, "%zu of at least %u updates arrived", delivered,
                         r->upload.count_min);
                finish(r, AN_ROUND_ABORTED, reason, a);
            }
        }
    }
}

static void take_update(an_round *r, const an_round_event *e, size_t i, an_round_actions *a)
{
    an_member *m = &r->members[i];
    an_round_action ack = {.type = AN_ROUND_ACK, .member = i, .hash = e->hash};
    if (m->state == AN_MEMBER_DELIVERED) {
        ack.status = an_hash_equal(&m->update, &e->hash) ? AN_ACK_DUPLICATE : AN_ACK_REJECTED;
        act(a, ack);
        return;
    }
    if (r->state != AN_ROUND_INVITING && r->state != AN_ROUND_COLLECTING) {
        ack.status = AN_ACK_LATE;
        act(a, ack);
        return;
    }
    if (m->state == AN_MEMBER_REFUSED) {
        ack.status = AN_ACK_REJECTED;
        act(a, ack);
        return;
    }
    m->state = AN_MEMBER_DELIVERED;
    m->update = e->hash;
    m->last_ms = e->now_ms;
    a->changed = true;
    ack.status = AN_ACK_ACCEPTED;
    act(a, ack);
}

static void take_answer(an_round *r, const an_round_event *e, size_t i, an_round_actions *a)
{
    an_member *m = &r->members[i];
    /* A site may still join while others train, and may give up before it has delivered. */
    bool open = r->state == AN_ROUND_INVITING || r->state == AN_ROUND_COLLECTING;
    bool accept = e->type == AN_ROUND_EVENT_ACCEPT;
    an_member_state next = accept ? AN_MEMBER_ACCEPTED : AN_MEMBER_REFUSED;
    if (!open || m->state == AN_MEMBER_DELIVERED || m->state == next)
        return;
    if (m->state == AN_MEMBER_REFUSED)
        return; /* a refusal is final for this round */
    m->state = next;
    m->last_ms = e->now_ms;
    a->changed = true;
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
    case AN_ROUND_EVENT_TIME:
        break;
    case AN_ROUND_EVENT_CANCEL:
        if (!an_round_is_over(r))
            finish(r, AN_ROUND_ABORTED, e->reason, ret);
        return;
    case AN_ROUND_EVENT_SUMMED:
        if (r->state == AN_ROUND_SUMMING) {
            r->result = e->hash;
            finish(r, AN_ROUND_COMMITTED, "", ret);
        }
        return;
    case AN_ROUND_EVENT_SUM_FAILED:
        if (r->state == AN_ROUND_SUMMING)
            finish(r, AN_ROUND_ABORTED, e->reason, ret);
        return;
    }
    if (ret->changed || e->type == AN_ROUND_EVENT_TIME)
        settle(r, e->now_ms, ret);
}

int64_t an_round_deadline(const an_round *r)
{
    const an_phase *phase = r->state == AN_ROUND_INVITING ? &r->invite
                            : r->state == AN_ROUND_COLLECTING ? &r->upload
                                                              : NULL;
    if (!phase)
        return INT64_MAX;
    size_t in = an_round_count(r, AN_MEMBER_DELIVERED);
    if (r->state == AN_ROUND_INVITING)
        in += an_round_count(r, AN_MEMBER_ACCEPTED);
    bool full = in >= phase->count_max;
    return r->phase_ms + (full && phase->time_min_ms < phase->deadline_ms ? phase->time_min_ms
                                                                         : phase->deadline_ms);
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
    if (open && (m->state == AN_MEMBER_INVITED || m->state == AN_MEMBER_ACCEPTED)) {
        *ret = (an_round_action){.type = AN_ROUND_SEND_PLAN, .member = member};
        return true;
    }
    if (!an_round_is_over(r) && m->state == AN_MEMBER_DELIVERED) {
        *ret = (an_round_action){
            .type = AN_ROUND_ACK, .member = member, .status = AN_ACK_DUPLICATE, .hash = m->update};
        return true;
    }
    return false;
}

void an_round_waiting(const an_round *r, int64_t now_ms, an_note *ret)
{
    an_member_state missing = AN_MEMBER_INVITED;
    size_t have = an_round_count(r, AN_MEMBER_DELIVERED);
    size_t of = r->n_members - an_round_count(r, AN_MEMBER_REFUSED);
    const char *what = "updates";
    switch (r->state) {
    case AN_ROUND_INVITING:
        have += an_round_count(r, AN_MEMBER_ACCEPTED);
        what = "answers";
        break;
    case AN_ROUND_COLLECTING:
        missing = AN_MEMBER_ACCEPTED;
        break;
    case AN_ROUND_SUMMING:
        an_note_set(ret, "summing %zu updates", have);
        return;
    case AN_ROUND_COMMITTED:
        an_note_set(ret, "committed with %zu updates", have);
        return;
    case AN_ROUND_ABORTED:
        an_note_set(ret, "aborted: %s", r->reason);
        return;
    }
    char text[200] = "";
    size_t len = 0, named = 0;
    for (size_t i = 0; i < r->n_members && named < 3; i++) {
        if (r->members[i].state != missing)
            continue;
        int n = snprintf(text + len, sizeof text - len, "%s%s", named ? ", " : "; missing ",
                         r->members[i].site);
        if (n < 0 || (size_t)n >= sizeof text - len)
            break;
        len += (size_t)n;
        named++;
    }
    int64_t left_ms = an_round_deadline(r) - now_ms;
    an_note_set(ret, "%zu of %zu %s%s; gives up waiting in %lld s", have, of, what, text,
                (long long)(left_ms > 0 ? left_ms / 1000 : 0));
}
