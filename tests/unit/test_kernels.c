/* Matrix products: the fast one against a naive one that is obviously right. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/kernels/kernels.h"

#define SEED 20240501u

static const size_t sizes[] = {1, 2, 3, 7, 8, 16, 19, 33, 64};
#define N_SIZES (sizeof sizes / sizeof *sizes)

static float *noise(an_rng *r, size_t n)
{
    float *x = an_alloc(n, sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)an_rng_normal(r);
    return x;
}

typedef void gemm_fn(bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
                     const float *b, float beta, float *c);

static void compare(gemm_fn *gemm, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, float beta)
{
    an_rng r;
    an_rng_init(&r, SEED, m * 10000 + n * 100 + k);
    float *a = noise(&r, m * k), *b = noise(&r, k * n), *c = noise(&r, m * n), *old = an_alloc(m * n, 4);
    assert_non_null(old);
    for (size_t i = 0; i < m * n; i++)
        old[i] = c[i];
    gemm(ta, tb, m, n, k, alpha, a, b, beta, c);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0.0, size = 1.0;
            for (size_t p = 0; p < k; p++) {
                double term =
                    (double)(ta ? a[p * m + i] : a[i * k + p]) * (double)(tb ? b[j * k + p] : b[p * n + j]);
                sum += term;
                size += fabs(term);
            }
            double want = (double)alpha * sum + (double)beta * (double)old[i * n + j];
            if (fabs(want - (double)c[i * n + j]) > 1e-6 * size)
                fail_msg("ta %d tb %d (%zu, %zu, %zu) at %zu,%zu: %g instead of %g", ta, tb, m, n, k, i, j,
                         (double)c[i * n + j], want);
        }
    an_free(a);
    an_free(b);
    an_free(c);
    an_free(old);
}

static void compare_all(gemm_fn *gemm)
{
    for (size_t i = 0; i < N_SIZES; i++)
        for (size_t j = 0; j < N_SIZES; j++)
            for (size_t p = 0; p < N_SIZES; p++)
                for (unsigned t = 0; t < 4; t++) {
                    compare(gemm, t & 1u, t & 2u, sizes[i], sizes[j], sizes[p], 1.0f, 0.0f);
                    compare(gemm, t & 1u, t & 2u, sizes[i], sizes[j], sizes[p], -0.5f, 1.0f);
                }
}

static void the_fast_product_equals_the_naive_one(void **state)
{
    (void)state;
    compare_all(an_gemm);
}

static void the_plain_product_equals_the_naive_one(void **state)
{
    (void)state;
    compare_all(an_gemm_plain);
}

static void a_zero_beta_never_reads_the_old_values(void **state)
{
    (void)state;
    gemm_fn *both[] = {an_gemm, an_gemm_plain};
    for (size_t f = 0; f < 2; f++)
        for (size_t m = 1; m <= 3; m++) {
            float a[6] = {1, 2, 3, 4, 5, 6}, b[4] = {1, 0, 0, 1}, c[6];
            for (size_t i = 0; i < 6; i++)
                c[i] = NAN;
            both[f](false, false, m, 2, 2, 1.0f, a, b, 0.0f, c);
            for (size_t i = 0; i < 2 * m; i++)
                assert_true(c[i] == a[i]);
        }
}

static void the_same_product_gives_the_same_bits(void **state)
{
    (void)state;
    an_rng r;
    an_rng_init(&r, SEED, 1);
    float *a = noise(&r, 16 * 128), *b = noise(&r, 128 * 32);
    float c[2][16 * 32];
    for (size_t i = 0; i < 2; i++)
        an_gemm(false, false, 16, 32, 128, 1.0f, a, b, 0.0f, c[i]);
    assert_memory_equal(c[0], c[1], sizeof c[0]);
    an_free(a);
    an_free(b);
}

static void the_kernel_set_has_a_name(void **state)
{
    (void)state;
    assert_non_null(an_kernels_name());
    assert_true(an_kernels_name()[0] != '\0');
}

int main(void)
{
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    printf("seed %u, kernels %s\n", SEED, an_kernels_name());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fast_product_equals_the_naive_one),
        cmocka_unit_test(the_plain_product_equals_the_naive_one),
        cmocka_unit_test(a_zero_beta_never_reads_the_old_values),
        cmocka_unit_test(the_same_product_gives_the_same_bits),
        cmocka_unit_test(the_kernel_set_has_a_name),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
