#include "tests/support/rules.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

an_test_ruled an_test_rule(const char *name, const an_rule_opts *opts, const double *weights, const double *x,
                           size_t n, size_t dim, size_t width, an_workers *workers, double *ret)
{
    static double block[AN_TEST_RULE_SITES * AN_TEST_RULE_WIDTH];
    an_test_ruled out = {AN_OK, {AN_RULE_KEPT}, {{0}}};
    double ones[AN_TEST_RULE_SITES];
    an_rule_round *r = NULL;
    assert_true(n <= AN_TEST_RULE_SITES && width <= AN_TEST_RULE_WIDTH);
    for (size_t i = 0; i < n; i++)
        ones[i] = 1;
    const an_rule *rule = an_rule_find(name);
    assert_non_null(rule);
    out.err = an_rule_new(rule, opts, weights ? weights : ones, n, &r, &out.why);
    for (int pass = 0; pass < 2 && out.err == AN_OK; pass++) {
        for (size_t at = 0; at < dim; at += width) {
            size_t w = dim - at < width ? dim - at : width;
            for (size_t i = 0; i < n; i++)
                memcpy(block + i * w, x + i * dim + at, w * sizeof *x);
            if (pass == 0)
                an_rule_look(r, block, w, workers);
            else
                an_rule_combine(r, ret + at, block, w, workers);
        }
        if (pass == 0)
            out.err = an_rule_decide(r, &out.why);
    }
    for (size_t i = 0; i < n && out.err == AN_OK; i++)
        out.fate[i] = an_rule_fate_of(r, i);
    an_rule_free(r);
    return out;
}

void an_test_rule_honest(double *x, size_t n, size_t dim, double apart, double *mean)
{
    an_rng rng;
    an_rng_init(&rng, 3, 0);
    memset(mean, 0, dim * sizeof *mean);
    for (size_t c = 0; c < dim; c++) {
        double common = an_rng_normal(&rng);
        for (size_t i = 0; i < n; i++)
            x[i * dim + c] = common + apart * an_rng_normal(&rng);
    }
    for (size_t i = n / 5; i < n; i++)
        for (size_t c = 0; c < dim; c++)
            mean[c] += x[i * dim + c] / (double)(n - n / 5);
}

double an_test_rule_far(const double *a, const double *from, size_t dim)
{
    double apart = 0, norm = 0;
    for (size_t c = 0; c < dim; c++) {
        apart += (a[c] - from[c]) * (a[c] - from[c]);
        norm += from[c] * from[c];
    }
    return sqrt(apart / norm);
}
