/* alarm_state.h - the states of an alarm as ISA-18.2 (IEC 62682) has them: what the process does, what people
 * have done about it, and whether it is set aside.
 *
 *                      raise                            ack
 *          NORMAL ---------------> UNACKNOWLEDGED ---------------> ACKNOWLEDGED
 *            ^ ^                      |      ^                          |
 *            | |                clear |      | raise                    | clear
 *            | |   ack                v      |                          |
 *            | +------------- RETURNED unacknowledged                   |
 *            +----------------------------------------------------------+
 *
 * From each of these it can be set aside, in one way or several at once; the first of this list is its standing:
 *
 *     OUT OF SERVICE   by a person, until a person ends it          remove ... restore
 *     SHELVED          by a person, with an end                     shelve ... unshelve, or expire at the end
 *     SUPPRESSED       by design: a rule says that it means nothing suppress ... release
 *
 * Aside, raise and clear are followed and nobody is shown anything, so there is nothing to acknowledge (STATE).  When
 * the last reason to be aside is gone, an alarm that is still active is UNACKNOWLEDGED, whoever has acknowledged it
 * before: people see it as new.  One that is not active is NORMAL: it was shown to nobody.
 *
 * Pure: time comes with the act.  Threads: plain data. */
#ifndef AN_AGENT_ALARM_STATE_H
#define AN_AGENT_ALARM_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The numbers are in the log's file: rows are appended only. */
#define AN_STANDING_LIST(X)                                                                                  \
    X(NORMAL, "normal")                                                                                      \
    X(UNACKED, "unacknowledged")                                                                             \
    X(ACKED, "acknowledged")                                                                                 \
    X(RETURNED, "returned")                                                                                  \
    X(SHELVED, "shelved")                                                                                    \
    X(SUPPRESSED, "suppressed")                                                                              \
    X(OUT, "out of service")
typedef enum an_standing {
#define AN_STANDING_ROW(name, text) AN_STANDING_##name,
    AN_STANDING_LIST(AN_STANDING_ROW)
#undef AN_STANDING_ROW
        AN_STANDINGS
} an_standing;
const char *an_standing_name(an_standing s);
bool an_standing_find(const char *name, an_standing *ret); /* False: no such name */

enum { AN_ASIDE_SHELVED = 1u, AN_ASIDE_SUPPRESSED = 2u, AN_ASIDE_OUT = 4u };

typedef struct an_alarm_state { /* zeroed is not NORMAL: see an_alarm_state_normal */
    bool active;                /* the process is in alarm */
    bool acked;                 /* nobody has to acknowledge it */
    unsigned aside;             /* AN_ASIDE_* */
    int64_t until_ms;           /* SHELVED: its end; else 0 */
} an_alarm_state;

typedef enum an_alarm_act {
    AN_ACT_RAISE,
    AN_ACT_CLEAR,
    AN_ACT_ACK,
    AN_ACT_SHELVE,   /* at_ms: the end */
    AN_ACT_UNSHELVE, /* at any time */
    AN_ACT_EXPIRE,   /* at_ms: now; only if the end has come */
    AN_ACT_SUPPRESS,
    AN_ACT_RELEASE,
    AN_ACT_REMOVE,
    AN_ACT_RESTORE,
    AN_ACTS
} an_alarm_act;

an_alarm_state an_alarm_state_normal(void);
an_standing an_alarm_standing(const an_alarm_state *s);
/* Do people see it in this standing? */
bool an_standing_shown(an_standing s);

/* Errors, and then nothing has changed: EXISTS it is so already; STATE not while it stands as it does. */
an_err an_alarm_do(an_alarm_state *s, an_alarm_act act, int64_t at_ms);

#endif
