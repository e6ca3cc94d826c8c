/* suggest.h - which threshold the verdicts suggest, and what it would have cost and gained.
 *
 * A case is a piece of one version (pieces.h) that is known to be defective or good; with threshold t an alarm would have been
 * raised for those whose level is above t.  From cases alone, nothing is assumed of their distribution:
 *
 *     f1     the t with the highest F1; of several the middle of the widest gap, so that it stands on no single case
 *     far    of those with which no more than `far` of the good pieces raise an alarm, and that find most, the highest t
 *
 *     err = an_suggest_of(&s, cases, n, 0.01, now);
 *
 * Pure.  Threads: plain data. */
#ifndef AN_AGENT_SUGGEST_H
#define AN_AGENT_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_SUGGEST_DEFECTS 5 /* fewer of either suggest nothing */
#define AN_SUGGEST_GOOD 20

typedef struct an_suggest_case {
    double level; /* finite */
    bool defective;
} an_suggest_case;

/* What a threshold would have come to on all cases. */
typedef struct an_suggest_at {
    double threshold;
    uint64_t found, missed, alarms_wrong, quiet; /* defective: found or missed; good: wrong alarms or quiet */
    double precision, recall, f1, far;           /* 0 where there is nothing to divide */
} an_suggest_at;

typedef struct an_suggest {
    size_t defects, good;
    bool f1_known, far_known; /* enough cases */
    an_suggest_at now, f1, far;
} an_suggest;

/* cases: (n) are sorted.  far: in (0, 1).  now: the threshold in use, > 0. */
void an_suggest_of(an_suggest *ret, an_suggest_case *cases, size_t n, double far, double now);

#endif
