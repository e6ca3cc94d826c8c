/* progress.h - how far a long step has come, on standard error:
 *
 *     train machine-1  [=========>          ]  46 %  1210/s  ETA 0:42
 *
 *     an_progress p;
 *     an_progress_start(&p, "train machine-1", n_batches);
 *     for (...) an_progress_step(&p, 1);
 *     an_progress_end(&p);
 *
 * On a terminal the line is rewritten at most ten times a second; elsewhere a plain line is written
 * every ten seconds, so that a step shorter than that writes nothing.
 *
 * Threads: one thread owns an an_progress. */
#ifndef AN_BASE_PROGRESS_H
#define AN_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

typedef struct an_progress {
    char label[64];
    uint64_t total; /* 0: not known; only count and rate are shown */
    uint64_t done;
    int64_t start_ms;
    int64_t next_ms; /* nothing is written before */
    FILE *out;       /* NULL: silent */
    bool tty;
    bool shown;
    bool no_rate; /* what is counted has no meaning by the second; to be set after start */
    const an_clock *clock;
} an_progress;

void an_progress_quiet(bool quiet); /* for the whole process, e.g. under --json; before any start */

void an_progress_start(an_progress *p, const char *label, uint64_t total);
/* As start, onto another stream and clock. */
void an_progress_start_on(an_progress *p, const char *label, uint64_t total, FILE *out, bool tty,
                          const an_clock *clock);
void an_progress_step(an_progress *p, uint64_t n);   /* n more are done */
void an_progress_set(an_progress *p, uint64_t done); /* so many are done */
void an_progress_end(an_progress *p);                /* finishes the line, if one was shown */

#endif
