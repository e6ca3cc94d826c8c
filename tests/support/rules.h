/* rules.h - a rule over vectors that lie in memory, in the two passes over blocks that it asks for.
 *
 *     double ret[DIM];
 *     an_test_ruled r = an_test_rule("median", &opts, NULL, x, n, DIM, 256, NULL, ret);
 *     assert_int_equal(r.err, AN_OK);
 *
 * Threads: one at a time, as a block is kept. */
#ifndef AN_TESTS_RULES_H
#define AN_TESTS_RULES_H

#include "coordinator/rule.h"

#define AN_TEST_RULE_SITES 40
#define AN_TEST_RULE_WIDTH 4096

typedef struct an_test_ruled {
    an_err err;
    an_rule_fate fate[AN_TEST_RULE_SITES];
    an_note why;
} an_test_ruled;

/* x: (n, dim), in blocks of `width` columns; weights: (n), NULL: all 1; workers may be NULL; ret: (dim). */
an_test_ruled an_test_rule(const char *name, const an_rule_opts *opts, const double *weights, const double *x,
                           size_t n, size_t dim, size_t width, an_workers *workers, double *ret);

/* Vectors of sites that learn alike and each see something for themselves (deviation `apart` of a common normal
 * vector), and the mean of those after the first n / 5, which a test then makes hostile. */
void an_test_rule_honest(double *x, size_t n, size_t dim, double apart, double *mean);

double an_test_rule_far(const double *a, const double *from, size_t dim); /* |a - from| / |from| */

#endif
