/* hostile.h - what a hostile site may make of its vector before it leaves: for experiments and tests.
 *
 *     an_hostile h = {.attack = an_hostile_find("sign_flip"), .by = 10};
 *     job->tamper = an_hostile_tamper;
 *     job->tamper_arg = &h;
 *
 * Only the deltas of TRAIN rounds are attacked, and what is no longer within the plan's bits is cut to
 * them, but for `nan`: so the vector is well-formed, and nothing but its direction and length give it away.
 *
 * Threads: plain functions. */
#ifndef AN_COORDINATOR_LAB_HOSTILE_H
#define AN_COORDINATOR_LAB_HOSTILE_H

#include <stdint.h>

#include "msg/plan.h"

typedef enum an_hostile_attack {
    AN_HOSTILE_NONE,
    AN_HOSTILE_SIGN_FLIP, /* minus `by` times the delta */
    AN_HOSTILE_SCALE,     /* `by` times the delta */
    AN_HOSTILE_NOISE,     /* normal noise, `by` times as long as the delta, instead of it */
    AN_HOSTILE_NAN        /* what becomes of NaN in whole numbers: -2^31, outside the plan's bits */
} an_hostile_attack;

typedef struct an_hostile {
    an_hostile_attack attack;
    double by;
    uint64_t seed; /* NOISE */
} an_hostile;

/* "sign_flip", "scale", "noise", "nan"; NONE: no such attack. */
an_hostile_attack an_hostile_find(const char *name);

/* arg is an an_hostile. */
void an_hostile_tamper(void *arg, const an_plan *plan, uint32_t *v);

#endif
