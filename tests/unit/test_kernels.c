/* The products of the door to OpenBLAS, or of the loops that stand for it, against naive sums. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/kernels/kernels.h"

#define SEED 20240501u

static const size_t sizes[] = {1, 2, 3, 7, 8, 16, 19, 33, 64};
#define N_SIZES (sizeof sizes / sizeof *sizes)

static void the_product_equals_the_naive_one(void **state)
{
    (void)state;
    static float a[64 * 64], b[64 * 64], c[64 * 64];
    an_rng r;
    an_rng_init(&r, SEED, 0);
    for (size_t i = 0; i < 64 * 64; i++) {
        a[i] = (float)an_rng_normal(&r);
        b[i] = (float)an_rng_normal(&r);
    }
    for (size_t t = 0; t < N_SIZES * N_SIZES * N_SIZES; t++) {
        const size_t m = sizes[t % N_SIZES], n = sizes[t / N_SIZES % N_SIZES],
                     k = sizes[t / N_SIZES / N_SIZES];
        for (size_t i = 0; i < m * n; i++)
            c[i] = NAN; /* never read */
        an_gemm(m, n, k, a, b, c);
        for (size_t i = 0; i < m * n; i++) {
            double sum = 0.0, size = 1.0;
            for (size_t p = 0; p < k; p++) {
                const double term = (double)a[i / n * k + p] * (double)b[p * n + i % n];
                sum += term;
                size += fabs(term);
            }
            if (!(fabs(sum - (double)c[i]) <= 1e-6 * size))
                fail_msg("(%zu, %zu, %zu) at %zu: %g instead of %g", m, n, k, i, (double)c[i], sum);
        }
    }
}

static void the_gram_matrix_is_added_to_the_lower_triangle(void **state)
{
    (void)state;
    static double x[64 * 64], sum[64 * 64], old[64 * 64];
    an_rng r;
    an_rng_init(&r, SEED, 1);
    for (size_t i = 0; i < 64 * 64; i++) {
        x[i] = an_rng_normal(&r);
        old[i] = an_rng_normal(&r);
    }
    for (size_t t = 0; t < N_SIZES * N_SIZES; t++) {
        const size_t n = sizes[t % N_SIZES], m = sizes[t / N_SIZES];
        memcpy(sum, old, sizeof sum);
        an_gram(n, m, x, sum);
        for (size_t i = 0; i < m * m; i++) {
            double want = old[i];
            for (size_t p = 0; p < n && i % m <= i / m; p++)
                want += x[p * m + i / m] * x[p * m + i % m];
            if (!(fabs(want - sum[i]) <= 1e-12 * (double)(n + 1)))
                fail_msg("(%zu, %zu) at %zu: %g instead of %g", n, m, i, sum[i], want);
        }
    }
}

static void the_same_product_gives_the_same_bits(void **state)
{
    (void)state;
    static double x[200 * 40], sum[2][40 * 40];
    an_rng r;
    an_rng_init(&r, SEED, 2);
    for (size_t i = 0; i < 200 * 40; i++)
        x[i] = an_rng_normal(&r);
    for (size_t i = 0; i < 2; i++)
        an_gram(200, 40, x, sum[i]);
    assert_memory_equal(sum[0], sum[1], sizeof sum[0]);
}

static void who_makes_the_products_has_a_name(void **state)
{
    (void)state;
    assert_non_null(an_blas_name());
    assert_true(an_blas_name()[0] != '\0');
}

int main(void)
{
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    printf("seed %u, products by %s\n", SEED, an_blas_name());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_product_equals_the_naive_one),
        cmocka_unit_test(the_gram_matrix_is_added_to_the_lower_triangle),
        cmocka_unit_test(the_same_product_gives_the_same_bits),
        cmocka_unit_test(who_makes_the_products_has_a_name),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
