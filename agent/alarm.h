/* alarm.h - from a stream of scores to alarms that a person can live with.
 *
 *                k of the last n scores >= 1, not cooling down
 *     QUIET ------------------------------------------------------> OPEN
 *       ^                                                             |
 *       |   all of the last n scores < clear_level, min_open_ms over  |
 *       +-------------------------------------------------------------+   then cool-down
 *
 * Scores are normalised: 1 is the version's threshold.  So the state carries over when another
 * version is swapped in; only the hash in the events changes.
 *
 * Pure: no clock, no input or output; time comes with each score.
 *
 *     an_alarm *alarm = NULL;
 *     err = an_alarm_new(&conf, width, &alarm);
 *     if (an_alarm_step(alarm, time_ms, score, contribution, &event))
 *         say(&event);
 *
 * Threads: one thread per an_alarm. */
#ifndef AN_AGENT_ALARM_H
#define AN_AGENT_ALARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define AN_ALARM_TOP 5          /* contributors named in an event */
#define AN_ALARM_PERSIST_MAX 64 /* largest n of "k of n" */
#define AN_ALARM_HASH 32

/* An alarm that clears within min_open_ms of its beginning is not raised as a flicker: it stays
 * open until then.  A score that is not finite counts as "no score" and changes nothing. */
typedef struct an_alarm_conf {
    unsigned k, n;       /* 1 <= k <= n <= AN_ALARM_PERSIST_MAX */
    double clear_level;  /* (0, 1]: hysteresis */
    int64_t min_open_ms; /* shortest alarm */
    int64_t cooldown_ms; /* after a clear, no new alarm for so long */
    int64_t update_ms;   /* an open alarm is reported again so often; 0 = never */
} an_alarm_conf;

#define AN_ALARM_CONF_DEFAULT                                                                                \
    {                                                                                                        \
        .k = 3, .n = 5, .clear_level = 0.8, .min_open_ms = 10000, .cooldown_ms = 30000, .update_ms = 60000   \
    }

typedef enum an_alarm_kind { AN_ALARM_RAISED, AN_ALARM_UPDATED, AN_ALARM_CLEARED } an_alarm_kind;
const char *an_alarm_kind_name(an_alarm_kind kind); /* "raised" ... */

typedef struct an_alarm_event {
    an_alarm_kind kind;
    uint64_t id;      /* grows by one per alarm */
    int64_t time_ms;  /* of the score that caused the event */
    int64_t since_ms; /* of the first score over the threshold of this alarm */
    double score;     /* now */
    double peak;      /* highest since since_ms */
    int64_t peak_ms;
    uint64_t scores;                /* since since_ms */
    uint8_t version[AN_ALARM_HASH]; /* what scored when the alarm was raised */
    uint8_t overlay[AN_ALARM_HASH];
    size_t n_top;
    struct {
        uint32_t sensor;
        double share;    /* averaged over the scores >= 1 of the alarm; all sensors sum to 1 */
    } top[AN_ALARM_TOP]; /* largest first */
} an_alarm_event;

typedef struct an_alarm an_alarm;

/* Errors: INVAL conf out of bounds or width 0, NOMEM. */
an_err an_alarm_new(const an_alarm_conf *conf, size_t width, an_alarm **ret);
void an_alarm_free(an_alarm *a);

/* contribution: (width) not negative, any scale; NULL if there is none.  True: *ret holds an
 * event. */
bool an_alarm_step(an_alarm *a, int64_t time_ms, double score, const float *contribution,
                   an_alarm_event *ret);

/* What follows is about another piece: scores of before count no more, no cool-down holds, and an alarm that is open ends
 * at this time.  True: *ret holds that event. */
bool an_alarm_part(an_alarm *a, int64_t time_ms, an_alarm_event *ret);

bool an_alarm_is_open(const an_alarm *a);
/* True from the first score over the threshold on. */
bool an_alarm_is_suspect(const an_alarm *a);
uint64_t an_alarm_id(const an_alarm *a); /* of the open alarm, or the one that would come next */
/* The open alarm as an UPDATED event at this time, which the machine itself has not said. */
void an_alarm_now(const an_alarm *a, int64_t time_ms, an_alarm_event *ret);
/* Numbers are given out once in a line, to its rules' alarms too. */
uint64_t an_alarm_number(an_alarm *a);                  /* takes the next one */
uint64_t an_alarm_last(const an_alarm *a);              /* the last that was given out; 0: none yet */
void an_alarm_numbers_used(an_alarm *a, uint64_t last); /* those up to last are somebody else's */

/* What scores from now on.  The state of the machine stays. */
void an_alarm_version_set(an_alarm *a, const uint8_t version[static AN_ALARM_HASH],
                          const uint8_t overlay[static AN_ALARM_HASH]);

/* The state for a restart.  restore wants the same n and width.  Errors: PROTO, NOMEM, LIMIT.
 */
an_err an_alarm_save(const an_alarm *a, an_buf *ret);
an_err an_alarm_restore(an_alarm *a, an_reader *in);

#endif
