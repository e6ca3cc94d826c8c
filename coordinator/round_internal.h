/* round_internal.h - what the files of the round machine share; see round.h. */
#ifndef AN_COORDINATOR_ROUND_INTERNAL_H
#define AN_COORDINATOR_ROUND_INTERNAL_H

#include "coordinator/round.h"

struct an_round_secure {
    uint32_t n_groups;
    an_secure_sum *sums[AN_GROUPS_MAX];
    int64_t exchange_ms;
    char left_out[AN_GROUPS_MAX][AN_REASON_MAX]; /* why; "": it is in */
};

void an_round_act(an_round_actions *a, an_round_action action);
void an_round_finish(an_round *r, an_round_state state, const char *reason, an_round_actions *a);
void an_round_enter(an_round *r, an_round_state state, int64_t now_ms, an_round_actions *a);

/* round_secure.c */
an_err an_round_secure_open(an_round *r, const an_plan *plan, const an_roster *roster, an_note *why);
void an_round_secure_done(an_round *r);
void an_round_secure_take(an_round *r, const an_round_event *e, size_t member, an_round_actions *a);
/* Feeds the MASKED of an update.  False: a->err and a->why say why it is not taken. */
bool an_round_secure_masked(an_round *r, const an_round_event *e, size_t member, an_round_actions *a);
void an_round_secure_settle(an_round *r, const an_round_event *e, an_round_actions *a);
int64_t an_round_secure_deadline(const an_round *r); /* of SHARING, SIGNING, REVEALING */
bool an_round_secure_waits(const an_round *r, size_t member);

#endif
