/* round.h - a round is a value: one pure function takes (state, event) to (state, actions).
 *
 *                 all answered, or enough        enough updates            sum done
 *      INVITING --------------------> COLLECTING --------------> SUMMING -----------> COMMITTED
 *          |                              |                         |
 *          +------------------------------+-------------------------+-- too few, cancelled,
 *                                                                       sum failed -> ABORTED
 *
 * In a secure sum the sites exchange keys and shares before, signatures and shares after their
 * masked vectors (sum/secure.h), and so there are states between these:
 *
 *      INVITING ------> SHARING ------> COLLECTING ------> SIGNING ------> REVEALING ------> SUMMING
 *       KEYS     LIST    SHARES  INBOX    MASKED  SURVIVORS  SIGNED SIGNATURES  REVEAL
 *
 * No I/O and no clock: time comes in with the event.  The host stores an event before it carries
 * out the actions that follow from it, so that after a crash the same state is reached by
 * replaying the stored events, and an_round_resume says what is still to be done.
 *
 *     an_round_step(&round, &event, &actions);
 *     if (actions.changed) store(event);
 *     for (i < actions.n) carry_out(actions.items[i]);
 *
 * Threads: a round belongs to one thread at a time. */
#ifndef AN_COORDINATOR_ROUND_H
#define AN_COORDINATOR_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "msg/msg.h"
#include "msg/plan.h"
#include "sum/secure_sum.h"
#include "trust/cohort.h"

typedef enum an_round_state {
    AN_ROUND_INVITING,   /* the plan is out; sites accept or refuse; secure: their keys come in */
    AN_ROUND_SHARING,    /* secure: shares of the sites' secrets come in */
    AN_ROUND_COLLECTING, /* sites train and deliver */
    AN_ROUND_SIGNING,    /* secure: sites sign whose vectors are in the sum */
    AN_ROUND_REVEALING,  /* secure: the shares that take the masks off come in */
    AN_ROUND_SUMMING,    /* no further update is taken */
    AN_ROUND_COMMITTED,
    AN_ROUND_ABORTED,
} an_round_state;

typedef enum an_member_state {
    AN_MEMBER_INVITED,
    AN_MEMBER_ACCEPTED,
    AN_MEMBER_REFUSED,
    AN_MEMBER_DELIVERED, /* its update is durable and counted exactly once */
    AN_MEMBER_LEFT_OUT,  /* secure: its group fell short and is no part of the round any more */
} an_member_state;

typedef struct an_member {
    char site[AN_NAME_MAX];
    an_member_state state;
    an_hash update;      /* when delivered */
    uint64_t trained_in; /* ... the former round that it was trained in; 0: this one */
    uint32_t staleness;  /* ... versions made since its base */
    int64_t last_ms;     /* of its last event in this round; 0: none */
    bool not_yet;        /* REFUSED for what passes by itself */
    bool missed;         /* secure: it was not heard in an exchange that is over; nobody waits for it */
} an_member;

typedef struct an_round_secure an_round_secure; /* the sums of a secure round; round_secure.c */

typedef struct an_round {
    uint64_t id;
    an_round_state state;
    an_hash plan_hash;
    an_plan_phase invite; /* counts are members, times are ms from the phase's start */
    an_plan_phase upload;
    int64_t opened_ms;
    int64_t phase_ms;   /* start of the present phase */
    an_member *members; /* in the plan's order */
    size_t n_members;
    an_hash result;              /* what the sum became, when committed; may be zero */
    char reason[AN_REASON_MAX];  /* why it ended, when aborted */
    char awaited[AN_REASON_MAX]; /* what sites say that are not ready yet: "plant-a: 12 of 64 windows; ..." */
    an_round_secure *secure;     /* NULL: trusted */
    uint32_t groups_min;         /* secure: the round goes on with so many of its groups; the host sets it */
} an_round;

typedef enum an_round_event_type {
    AN_ROUND_EVENT_ACCEPT,
    AN_ROUND_EVENT_REFUSE,
    AN_ROUND_EVENT_UPDATE, /* the bytes are durable and checked */
    AN_ROUND_EVENT_TIME,   /* time has passed */
    AN_ROUND_EVENT_CANCEL,
    AN_ROUND_EVENT_SUMMED,
    AN_ROUND_EVENT_SUM_FAILED,
    AN_ROUND_EVENT_SECURE, /* a site's KEYS, SHARES, SIGNED or REVEAL */
} an_round_event_type;

typedef struct an_round_event {
    an_round_event_type type;
    int64_t now_ms;
    char site[AN_NAME_MAX];     /* ACCEPT, REFUSE, UPDATE */
    an_hash hash;               /* UPDATE: the update's; SUMMED: the result's */
    char reason[AN_REASON_MAX]; /* REFUSE, CANCEL, SUM_FAILED */
    bool not_yet;               /* REFUSE: for what passes by itself */
    const uint8_t *bytes; /* (len) borrowed.  SECURE: the message; UPDATE of a secure round: its MASKED */
    size_t len;
    an_hash message; /* of these bytes: what the journal keeps of them */
    /* The graphs with which the event ended KEYS, one for each sum, when it is told again; 0: the first
     * time, and they are planned.  See an_secure_sum_close_again. */
    uint32_t graphs[AN_GROUPS_MAX];
    uint32_t n_graphs;
    /* UPDATE, and REFUSE of one: a late one, of a former round that ended without it (plan.staleness_max).  It stands
     * for what the site would have delivered in this round. */
    uint64_t trained_in; /* 0: it is this round's */
    uint32_t staleness;
} an_round_event;

typedef enum an_round_action_type {
    AN_ROUND_SEND_PLAN, /* to one site */
    AN_ROUND_ACK,       /* an update's fate, to one site */
    AN_ROUND_SUM,       /* fold what was delivered and make the result */
    AN_ROUND_END,       /* tell every member how it ended */
    AN_ROUND_NEXT, /* an exchange is over: to each site still in, what it led to; to those whose group was
                           left out, that the round is over for them */
} an_round_action_type;

typedef struct an_round_action {
    an_round_action_type type;
    size_t member;           /* SEND_PLAN, ACK */
    an_update_status status; /* ACK */
    an_hash hash;            /* ACK: the update meant */
} an_round_action;

#define AN_ROUND_STEP_ACTIONS 3 /* one event never causes more */
typedef struct an_round_actions {
    an_round_action items[AN_ROUND_STEP_ACTIONS];
    size_t n;
    bool changed;                   /* the event must be stored before the actions are carried out */
    uint32_t graphs[AN_GROUPS_MAX]; /* planned by this event; to be stored with it */
    uint32_t n_graphs;
    an_err
        err; /* of a message that was not taken: AUTH, PROTO, REFUSED, EXISTS the site breaks the rules; STATE,
                   NOTFOUND it is late */
    an_note why;
} an_round_actions;

/* Opens a round from its plan; roster: of a secure round, else NULL.
 * Errors: INVAL (no members, counts that cannot be met, too few for a secure sum), REFUSED a site is not in the
 * roster, NOMEM. */
an_err an_round_open(an_round *ret, const an_plan *plan, const an_hash *plan_hash, const an_roster *roster,
                     int64_t now_ms, an_note *why);
void an_round_done(an_round *r);

/* Takes one event.  Never fails: an event that does not fit is answered (ACK LATE, DUPLICATE,
 * REJECTED) or ignored, and changes nothing.  The copy of a round shares its secure sums, which the step
 * changes: after a step that could not be stored a secure round is to be read anew. */
void an_round_step(an_round *r, const an_round_event *event, an_round_actions *ret);

bool an_round_is_over(const an_round *r);

/* Did it abort only because sites are not ready yet?  With them there would have been enough. */
bool an_round_is_early(const an_round *r);

/* When the next AN_ROUND_EVENT_TIME can change something; INT64_MAX: never. */
int64_t an_round_deadline(const an_round *r);

/* What is still owed to a member that has just (re)connected, or to the round after a restart.
 * Writes at most one action.  For the round itself pass member = SIZE_MAX. */
bool an_round_resume(const an_round *r, size_t member, an_round_action *ret);

/* Secure rounds.  What an exchange has led to for this member, appended.  Errors: STATE no exchange is over yet,
 * NOTFOUND it is out of the round, NOMEM, LIMIT. */
an_err an_round_secure_message(const an_round *r, size_t member, an_buf *ret);
bool an_round_secure_is_in(const an_round *r, size_t member);
/* The sum of a group: borrowed, to be saved. */
const an_secure_sum *an_round_secure_sum(const an_round *r, uint32_t group);
/* Why a group was left out; NULL: it was not.  A group that falls short before its masks come off is, if
 * groups_min others remain: its sites are told nothing more, and so can reveal nothing. */
const char *an_round_secure_left_out(const an_round *r, uint32_t group);

size_t an_round_find(const an_round *r, const char *site); /* SIZE_MAX: not a member */
size_t an_round_count(const an_round *r, an_member_state state);

/* "2 of 3 updates; missing plant-b" : what the round is waiting for, for people. */
void an_round_waiting(const an_round *r, int64_t now_ms, an_note *ret);

const char *an_round_state_name(an_round_state s);

/* One event as the journal's record has it; NULL: out of memory. */
an_json *an_round_event_body(const an_round_event *e);
/* And back.  Errors: PROTO not an event, LIMIT, NOMEM. */
an_err an_round_event_decode(const void *body, size_t len, an_round_event *ret, an_note *why);

#endif
