/* gate.h - may this candidate replace production?  Figures in, verdict out, line by line.
 *
 *     an_gate_verdict v;
 *     an_gate_judge(&evaluation, &shadow, &policy, AN_GATE_INCREMENTAL, &v);
 *     if (!v.passed) say(v.reason.text);
 *
 * A candidate is not held against production by points: with few windows a bad one would pass by luck.  What is
 * asked is that it is no worse than by a margin, with confidence (non-inferiority): of each difference of shares
 * the one-sided upper bound (Newcombe 1998, hybrid score) must be within the margin.
 *
 *   finite      every score; hard
 *   objection   no site where the change looks like a declared failure mode (agent/suspect.h), or where one
 *               would hardly be raised any more; then the reason begins with "possible fault, not drift"
 *   gain        INCREMENTAL: at least one site is better off
 *   faults      of the challenge set: share raised at most gate.challenge lower; and each size of fault by itself
 *   blind       hard: it raises less than a fifth of the faults that production raises, surely less than half
 *   loss        mean on the judged windows at most (1 + gate.loss) times production's (sums carry no spread)
 *   alarms      on old and on new normal holdouts: share at most gate.alarms higher.  Old: what was known must
 *               not be forgotten
 *   shadow      of rows that both have scored side by side: finite; blocks over the threshold by the exact
 *               McNemar test, alarms by the exact test of two Poisson rates against gate.band; latency
 *
 * A first version is held against one without training alone, and only by its loss: that one's thresholds, and so
 * its alarms, say nothing.
 *
 * A hard failure means that the version must never run: it is quarantined.
 *
 * Threads: pure. */
#ifndef AN_COORDINATOR_GATE_H
#define AN_COORDINATOR_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "coordinator/policy.h"
#include "sum/payload.h"

typedef enum an_gate_case {
    AN_GATE_FIRST,       /* there is no production: its place has a version without training, if any */
    AN_GATE_FULL,        /* trained from the beginning */
    AN_GATE_INCREMENTAL, /* the answer to drift */
} an_gate_case;

typedef struct an_gate_row {
    const char *what;             /* "alarms, old" */
    double candidate, production; /* the two figures */
    double bound, limit;          /* what was held against what: passed if bound <= limit */
    bool passed;
    bool judged; /* false: told only */
} an_gate_row;

#define AN_GATE_ROWS_MAX 32
typedef struct an_gate_verdict {
    bool passed;
    bool hard;      /* a failure that quarantines */
    an_note reason; /* always says why, with figures */
    an_gate_row rows[AN_GATE_ROWS_MAX];
    size_t n_rows;
} an_gate_verdict;

/* shadow may be NULL. */
void an_gate_judge(const an_evaluate_out *e, const an_shadow_counts *shadow, const an_policy *policy,
                   an_gate_case which, an_gate_verdict *ret);

#endif
