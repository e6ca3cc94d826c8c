/* The exchanges of a secure round.  Each ends when nobody is left to wait for, or at its deadline; then the
 * sums say whether those who were heard are enough. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/round_internal.h"

an_err an_round_secure_open(an_round *r, const an_plan *plan, const an_roster *roster, an_note *why)
{
    an_err err = AN_OK;
    if (!roster)
        return an_fail(AN_ERR_INVAL, why, "round %llu is a secure sum and there is no roster",
                       (unsigned long long)plan->round);
    an_round_secure *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->n_groups = plan->secure.groups;
    s->exchange_ms = (int64_t)plan->secure.exchange_ms;
    r->secure = s;
    for (uint32_t g = 0; g < s->n_groups && err == AN_OK; g++) {
        an_cohort c;
        if ((err = an_cohort_of(plan, &r->plan_hash, roster, g, &c, why)) != AN_OK)
            break;
        err = an_secure_sum_new(&c.params, &s->sums[g], why);
        an_cohort_done(&c);
    }
    return err;
}

void an_round_secure_done(an_round *r)
{
    for (uint32_t g = 0; r->secure && g < r->secure->n_groups; g++)
        an_secure_sum_free(r->secure->sums[g]);
    an_free(r->secure);
    r->secure = NULL;
}

/* ---- a member's place ---- */

static an_secure_sum *sum_of(const an_round *r, size_t member, uint32_t *ret_place)
{
    *ret_place = (uint32_t)member / r->secure->n_groups;
    return r->secure->sums[member % r->secure->n_groups];
}

const an_secure_sum *an_round_secure_sum(const an_round *r, uint32_t group)
{
    return r->secure->sums[group];
}

const char *an_round_secure_left_out(const an_round *r, uint32_t group)
{
    return r->secure->left_out[group][0] ? r->secure->left_out[group] : NULL;
}

bool an_round_secure_is_in(const an_round *r, size_t member)
{
    uint32_t place;
    const an_secure_sum *s = sum_of(r, member, &place);
    return !an_round_secure_left_out(r, (uint32_t)member % r->secure->n_groups) &&
           an_secure_sum_is_in(s, place);
}

an_err an_round_secure_message(const an_round *r, size_t member, an_buf *ret)
{
    uint32_t place;
    const an_secure_sum *s = sum_of(r, member, &place);
    if (an_round_secure_left_out(r, (uint32_t)member % r->secure->n_groups))
        return AN_ERR_NOTFOUND;
    return an_secure_sum_message(s, place, ret);
}

static bool heard(const an_round *r, size_t member)
{
    uint32_t place;
    const an_secure_sum *s = sum_of(r, member, &place);
    return an_secure_sum_has_heard(s, place);
}

bool an_round_secure_waits(const an_round *r, size_t member)
{
    const an_member *m = &r->members[member];
    return m->state != AN_MEMBER_REFUSED && !m->missed && an_round_secure_is_in(r, member) &&
           !heard(r, member);
}

/* ---- what comes in ---- */

static an_secure_kind kind_of(an_round_state state)
{
    switch (state) {
    case AN_ROUND_INVITING:
        return AN_SECURE_KEYS;
    case AN_ROUND_SHARING:
        return AN_SECURE_SHARES;
    case AN_ROUND_COLLECTING:
        return AN_SECURE_MASKED;
    case AN_ROUND_SIGNING:
        return AN_SECURE_SIGNED;
    default:
        return AN_SECURE_REVEAL;
    }
}

static const char *member_name(const void *round, uint32_t i)
{
    const an_round *r = round;
    return i < r->n_members ? r->members[i].site : NULL;
}

static bool feed(an_round *r, const an_round_event *e, size_t member, an_round_actions *a)
{
    uint32_t place;
    an_secure_sum *s = sum_of(r, member, &place);
    const bool before = an_secure_sum_has_heard(s, place);
    a->err = an_secure_sum_feed(s, place, e->bytes, e->len, &a->why);
    if (a->err != AN_OK)
        an_cohort_words(&a->why, a->why.text, r->secure->n_groups, (uint32_t)member % r->secure->n_groups,
                        member_name, r);
    return a->err == AN_OK && !before && an_secure_sum_has_heard(s, place);
}

void an_round_secure_take(an_round *r, const an_round_event *e, size_t member, an_round_actions *a)
{
    an_member *m = &r->members[member];
    if (!r->secure || e->len == 0 || e->bytes[0] == AN_SECURE_MASKED) {
        a->err = an_fail(AN_ERR_PROTO, &a->why, "no such message belongs to this round");
        return;
    }
    if (an_round_is_over(r) || r->state == AN_ROUND_SUMMING || m->state == AN_MEMBER_REFUSED ||
        m->state == AN_MEMBER_LEFT_OUT) {
        a->err = AN_ERR_STATE;
        return;
    }
    if (!feed(r, e, member, a))
        return;
    if (m->state == AN_MEMBER_INVITED) /* who sends keys takes part */
        m->state = AN_MEMBER_ACCEPTED;
    m->last_ms = e->now_ms;
    a->changed = true;
}

/* Only one vector is ever taken, and the one that the site has signed. */
bool an_round_secure_masked(an_round *r, const an_round_event *e, size_t member, an_round_actions *a)
{
    if (e->len < AN_SECURE_HEAD_BYTES + AN_HASH_BYTES || e->bytes[0] != AN_SECURE_MASKED ||
        memcmp(e->bytes + AN_SECURE_HEAD_BYTES, e->hash.b, AN_HASH_BYTES) != 0) {
        a->err = an_fail(AN_ERR_PROTO, &a->why, "the update came without the site's signature of it");
        return false;
    }
    return feed(r, e, member, a);
}

/* ---- the end of an exchange ---- */

/* May one more group be left out? */
static bool has_spare(const an_round *r)
{
    uint32_t in = 0;
    for (uint32_t g = 0; g < r->secure->n_groups; g++)
        in += !an_round_secure_left_out(r, g);
    return in > (r->groups_min > 1 ? r->groups_min : 1);
}

/* Its sites wait for a message that never comes: SIGNATURES at the latest, before which nobody reveals. */
static void leave_out(an_round *r, uint32_t group, const char *why)
{
    snprintf(r->secure->left_out[group], sizeof r->secure->left_out[group],
             "group %u of %u fell short, %s: %.140s", group + 1, r->secure->n_groups,
             an_secure_kind_name(kind_of(r->state)), why);
    for (size_t i = group; i < r->n_members; i += r->secure->n_groups)
        if (r->members[i].state != AN_MEMBER_REFUSED)
            r->members[i].state = AN_MEMBER_LEFT_OUT;
}

/* graphs: of an end of KEYS that is told again; 0 is a group that was left out then, and stays so. */
static an_err close_sum(an_round *r, uint32_t g, const uint32_t *graphs, an_note *why)
{
    an_secure_sum *s = r->secure->sums[g];
    const bool known = graphs && graphs[g] != 0;
    an_err err = known ? an_secure_sum_close_again(s, graphs[g], why) : an_secure_sum_close(s, why);
    if (err == AN_OK && graphs && !known)
        return an_fail(AN_ERR_AGAIN, why, "no graph bore so few sites");
    if (err != AN_OK)
        an_cohort_words(why, why->text, r->secure->n_groups, g, member_name, r);
    return err;
}

static an_err close_sums(an_round *r, const an_round_event *e, an_round_actions *a, an_note *why)
{
    const bool keys = r->state == AN_ROUND_INVITING, again = keys && e->n_graphs == r->secure->n_groups;
    for (uint32_t g = 0; g < r->secure->n_groups; g++) {
        if (an_round_secure_left_out(r, g))
            continue;
        an_err err = close_sum(r, g, again ? e->graphs : NULL, why);
        if (err == AN_ERR_AGAIN && has_spare(r))
            leave_out(r, g, why->text);
        else if (err != AN_OK)
            return err;
        else if (keys)
            a->graphs[g] = an_secure_sum_planned(r->secure->sums[g]);
    }
    if (keys)
        a->n_graphs = r->secure->n_groups;
    return AN_OK;
}

/* With the names of those who have left, for their reasons are in the journal. */
static void give_up(an_round *r, const char *why, an_round_actions *a)
{
    char reason[AN_REASON_MAX];
    int len = snprintf(reason, sizeof reason, "secure sum, %s: %.140s",
                       an_secure_kind_name(kind_of(r->state)), why);
    bool first = true;
    for (size_t i = 0; i < r->n_members && len > 0 && (size_t)len < sizeof reason; i++) {
        if (r->members[i].state != AN_MEMBER_REFUSED)
            continue;
        len += snprintf(reason + len, sizeof reason - (size_t)len, "%s%s", first ? "; refused: " : ", ",
                        r->members[i].site);
        first = false;
    }
    an_round_finish(r, AN_ROUND_ABORTED, reason, a);
}

static const an_plan_phase *phase_of(const an_round *r)
{
    return r->state == AN_ROUND_INVITING ? &r->invite : r->state == AN_ROUND_COLLECTING ? &r->upload : NULL;
}

/* The sums take no further part of this exchange, and those who were not heard are not waited for again.  An
 * early end that the sums do not bear is no end (false); at the last moment it is the round's. */
static bool end_exchange(an_round *r, const an_round_event *e, bool last, an_round_actions *a)
{
    bool quiet[AN_COHORT_MAX];
    an_note why = {{0}};
    for (size_t i = 0; i < r->n_members; i++)
        quiet[i] = an_round_secure_is_in(r, i) && !heard(r, i);
    an_err err = close_sums(r, e, a, &why);
    if (err == AN_ERR_AGAIN && !last)
        return false;
    if (err != AN_OK) {
        give_up(r, why.text[0] ? why.text : an_err_text(err), a);
        return false;
    }
    for (size_t i = 0; i < r->n_members; i++)
        r->members[i].missed = r->members[i].missed || quiet[i];
    an_round_enter(r, (an_round_state)(r->state + 1), e->now_ms, a);
    an_round_act(a, (an_round_action){.type = AN_ROUND_NEXT});
    return true;
}

/* True: an exchange has ended, and the next may have nobody left to wait for. */
static bool settle_one(an_round *r, const an_round_event *e, an_round_actions *a)
{
    const an_plan_phase *phase = phase_of(r);
    const int64_t spent = e->now_ms - r->phase_ms;
    size_t waiting = 0, in = 0;
    for (size_t i = 0; i < r->n_members; i++) {
        waiting += an_round_secure_waits(r, i);
        in += an_round_secure_is_in(r, i) && heard(r, i);
    }
    const bool last = waiting == 0 || spent >= (phase ? (int64_t)phase->deadline_ms : r->secure->exchange_ms);
    if (!last && !(phase && r->secure->n_groups == 1 && in >= phase->count_max))
        return false;
    if (r->state != AN_ROUND_REVEALING)
        return end_exchange(r, e, last, a);
    an_round_enter(r, AN_ROUND_SUMMING, e->now_ms, a);
    an_round_act(a, (an_round_action){.type = AN_ROUND_SUM});
    return false;
}

void an_round_secure_settle(an_round *r, const an_round_event *e, an_round_actions *a)
{
    if (r->state < AN_ROUND_SUMMING && settle_one(r, e, a))
        (void)settle_one(r, e, a);
}

int64_t an_round_secure_deadline(const an_round *r)
{
    return r->phase_ms + r->secure->exchange_ms;
}
