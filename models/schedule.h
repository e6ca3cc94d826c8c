/* schedule.h - how the learning rate changes while training goes on.
 *
 * One file in schedules/, one row in schedules.def.  A schedule says which share of the rate is
 * left; the warm-up, the same for all, leads up to it (Goyal et al. 2017).
 *
 *     const an_schedule *s = an_schedule_find("cosine");
 *     const an_schedule_opts o = {.total = 1000, .warmup = 50, .floor = 0.01};
 *     double lr = 1e-3 * an_schedule_share(s, &o, step);          step 0, 1, ...
 *
 * Threads: pure; call from anywhere. */
#ifndef AN_MODELS_SCHEDULE_H
#define AN_MODELS_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

/* Lengths are in steps and need not be whole. */
typedef struct an_schedule_opts {
    double total;  /* of the whole training, > 0 */
    double warmup; /* the share grows from 0 along a line; 0: none */
    double every;  /* step: steps between two drops, > 0 */
    double factor; /* step: what a drop multiplies by */
    double floor;  /* cosine: what is left at the end */
} an_schedule_opts;

typedef struct an_schedule {
    const char *name;
    /* The share `at` steps after the warm-up, of `length` such steps (> 0, at <= length). */
    double (*share)(const an_schedule_opts *o, double at, double length);
} an_schedule;

const an_schedule *an_schedule_find(const char *name); /* NULL: no such schedule */
const an_schedule *an_schedule_at(size_t i);           /* the table in order; NULL past its end */

/* The share of the rate for a step, 0 for the first.  During a warm-up step i takes (i + 1) / warmup. */
double an_schedule_share(const an_schedule *s, const an_schedule_opts *o, uint64_t step);

#endif
