/* Eigenvalues and eigenvectors: A v = l v, vectors of length 1 at right angles, in order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "models/eigen.h"

enum { M = 24 };

static double a[M * M], used[M * M], l[M], v[M * M];

/* rank: of the matrix, so that M - rank eigenvalues are 0. */
static void make(uint64_t seed, size_t rank)
{
    an_rng rng;
    an_rng_init(&rng, seed, 0);
    memset(a, 0, sizeof a);
    for (size_t r = 0; r < rank; r++) {
        double x[M];
        for (size_t i = 0; i < M; i++)
            x[i] = an_rng_normal(&rng);
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < M; j++)
                a[i * M + j] += x[i] * x[j];
    }
    memcpy(used, a, sizeof a);
}

static double dot(const double *x, const double *y)
{
    double sum = 0;
    for (size_t i = 0; i < M; i++)
        sum += x[i] * y[i];
    return sum;
}

static void takes_a_matrix_apart(void **state)
{
    (void)state;
    for (size_t rank = 0; rank <= M; rank += M / 2) {
        make(rank + 1, rank);
        assert_true(an_eigen(used, M, l, v));
        for (size_t i = 0; i < M; i++) {
            assert_true(i == 0 || l[i] <= l[i - 1]);
            assert_true(i < rank ? l[i] > 1e-6 : fabs(l[i]) < 1e-10);
            for (size_t j = 0; j < M; j++) {
                assert_true(fabs(dot(a + j * M, v + i * M) - l[i] * v[i * M + j]) < 1e-10);
                assert_true(fabs(dot(v + i * M, v + j * M) - (i == j)) < 1e-12);
            }
        }
    }
}

static void says_no_to_what_is_not_finite(void **state)
{
    (void)state;
    make(3, M);
    used[M + 2] = used[2 * M + 1] = (double)NAN;
    assert_false(an_eigen(used, M, l, v));
    make(3, M);
    used[0] = HUGE_VAL;
    assert_false(an_eigen(used, M, l, v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_matrix_apart),
        cmocka_unit_test(says_no_to_what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
