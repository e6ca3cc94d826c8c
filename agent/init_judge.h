/* init_judge.h - what the values of a tag are, told from some seconds of them, or some thousand rows.
 *
 *     an_init_stats_add(&s, value, quality, time_ms);          each row
 *     if (an_init_judge(&s, why)) take it; else say why not
 *
 * Threads: plain data. */
#ifndef AN_AGENT_INIT_JUDGE_H
#define AN_AGENT_INIT_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#define AN_INIT_WHY_MAX 96

/* Of the good values in their order.  Begins as zero. */
typedef struct an_init_stats {
    uint64_t rows, good;
    uint64_t bad;     /* were no number, or refused */
    uint64_t unheard; /* nothing came of them */
    uint64_t changes, rises, falls;
    uint64_t run, run_max; /* equal values in a row */
    double first, last, min, max;
    double rise_min, rise_max; /* the least and the largest rise */
    bool parts;                /* at least one value was no whole number */
    bool apart;                /* at least one value was neither of the first two that were seen */
    double other;              /* the second one */
    int64_t change_first_ms, change_last_ms;
} an_init_stats;

void an_init_stats_add(an_init_stats *s, double value, uint8_t quality, int64_t time_ms);

/* Is it worth a sensor?  why: why not; or, if it is, what to know of it ("" mostly). */
bool an_init_judge(const an_init_stats *s, char why[static AN_INIT_WHY_MAX]);
bool an_init_is_clock(const an_init_stats *s); /* seconds or milliseconds since 1970 */
/* Time between two changes, as a mean; 0: not known. */
int64_t an_init_interval(const an_init_stats *s);
/* A round time that is not longer: 100, 200, 500, 1000 ... */
int64_t an_init_round_step(int64_t ms);

#endif
