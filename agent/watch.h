/* watch.h - is a version that was just swapped in worse than the one before it?  Figures in, verdict out.
 *
 * The version before goes on scoring the same rows for the time of the watch (shadow.h), so each comparison is
 * between pairs: what the line does, happens to both.  A real fault that begins right after the swap raises both
 * and is no reason to go back.  Worsened is, in this order:
 *
 *   no finite score    for a row for which the version before has one: at once, whatever the rest says
 *   too many alarms    blocks of rows in which it alone was over its threshold, against those in which the other
 *                      alone was: exact one-sided McNemar test (McNemar 1947; Fagerland, Lydersen, Laake 2013);
 *                      and its blocks are at least `band` times as many, and at least `floor` more
 *                      ... or alarms raised: the exact binomial test of two Poisson rates against the band
 *                      (Przyborowski, Wilenski 1940), and at least `floor` more
 *   too slow           95 % point of the latency above `latency` times and `latency_floor_us` more
 *
 * Looks are many: at 8 blocks, 16, 32, ... (ten at most), and at the end.  The one at the end may say "worsened" by
 * chance with probability alpha / 2, each of the others with alpha / 20, so that all together do with alpha at
 * most (Bonferroni).
 *
 * A version that has gone quiet (below `quiet` times) is reported and not returned: that is what a version made
 * for a new regime looks like, too.
 *
 * If the version before could not be kept, its last figures are all there is to compare with.  Then a change of
 * the line looks as a worse version does; the reason says so.
 *
 *     an_watch w;
 *     an_watch_init(&w, &conf, now_ms);
 *     verdict = an_watch_look(&w, counts, true, now_ms, &reason);
 *
 * Pure: no clock; time is that of the rows.  Threads: plain data. */
#ifndef AN_AGENT_WATCH_H
#define AN_AGENT_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "msg/reports.h"
#include "sum/payload.h"

typedef struct an_watch_conf {
    int64_t time_ms;   /* of the rows, from the swap on; 0: not watched */
    int64_t report_ms; /* figures are reported so often; 0: at the begin and the end only */
    double band;       /* > 1 */
    double quiet;      /* < 1 */
    double alpha;      /* of all looks together */
    uint64_t floor;    /* blocks, or alarms, more */
    double latency;    /* > 1 */
    uint64_t latency_floor_us;
} an_watch_conf;

#define AN_WATCH_CONF_DEFAULT                                                                                \
    {                                                                                                        \
        .time_ms = 1800000, .report_ms = 300000, .band = 2, .quiet = 0.5, .alpha = 0.01, .floor = 4,         \
        .latency = 1.2, .latency_floor_us = 1000                                                             \
    }

#define AN_WATCH_LOOKS 10 /* before the end: from 8 blocks to 4096 */
#define AN_WATCH_BLOCKS_FIRST 8

typedef struct an_watch {
    an_watch_conf conf;
    int64_t began_ms, last_ms, report_ms; /* rows' time: swap, latest row, next report */
    uint64_t next_look;                   /* blocks */
    an_live_verdict verdict;
} an_watch;

void an_watch_init(an_watch *w, const an_watch_conf *conf, int64_t now_ms);

/* To be called with every row; costs nothing where no look is due.  paired: both sides are of the same rows;
 * else `production` of the counts is what the version before did in its last span.
 * The verdict stays what it is once it is not WATCHING; *ret_reason is set with it, and with every look. */
an_live_verdict an_watch_look(an_watch *w, const an_shadow_counts *c, bool paired, int64_t now_ms,
                              an_note *ret_reason);
/* Is a report due?  The first is at once: who waits for the verdict knows that there will be one.  Then the next is
 * due later. */
bool an_watch_report(an_watch *w, int64_t now_ms);

/* The test alone, at a level: true, the candidate of the counts is worse.  Also told: a site's own figure of a
 * shadow round. */
bool an_watch_is_worse(const an_watch_conf *conf, const an_shadow_counts *c, bool paired, double alpha,
                       an_note *ret_reason);

#endif
