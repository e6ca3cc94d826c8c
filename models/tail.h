/* tail.h - the tail of a distribution, from what lies above a high level: the generalised Pareto law.
 *
 *     an_tail tail = an_tail_fit(excesses, n);
 *     z = level + an_tail_excess(&tail, q * n_all / n);     exceeded with probability q
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_TAIL_H
#define AN_MODELS_TAIL_H

#include <stddef.h>

#define AN_TAIL_LEAST 30 /* fewer excesses say nothing about a tail */

typedef struct an_tail {
    double gamma, sigma; /* shape, 0: exponential; scale, > 0 */
} an_tail;

/* By maximum likelihood (Grimshaw 1993).  excesses: (n), n >= 1, each above 0 and finite.  The time grows with n, some
 * 400 n logarithms. */
an_tail an_tail_fit(const double *excesses, size_t n);

/* The excess that one of the excesses is above with probability `ratio`, (0, 1). */
double an_tail_excess(const an_tail *tail, double ratio);

#endif
