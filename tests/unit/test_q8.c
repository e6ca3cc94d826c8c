/* The product of bytes: every instruction set of this processor gives the bits of plain C, and plain C
 * those of sums in 64 bits.  Buffers end where their last byte does, so that AddressSanitizer sees a
 * read or write beyond it. */
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
#include "models/kernels/q8.h"

#define SEED 23u
#define CASES 400

static size_t below(an_rng *r, size_t n)
{
    return (size_t)an_rng_below(r, n);
}

/* n random bytes that end with their allocation; extreme: only the largest and smallest. */
static uint8_t *bytes_of(an_rng *r, size_t n, bool extreme, bool weights)
{
    uint8_t *v = an_alloc(n, 1);
    assert_non_null(v);
    for (size_t i = 0; i < n; i++) {
        const bool high = below(r, 4) > 0;
        v[i] = !extreme ? (uint8_t)below(r, 256) : weights ? (high ? 0x7f : 0x80) : (high ? 255 : 0);
    }
    return v;
}

/* One product with all that it reads. */
typedef struct product {
    an_q8 p;
    size_t run, n_y;
    uint8_t *a;
    int8_t *w, *packed;
    int32_t *start;
    float *scale;
} product;

static product random_product(an_rng *r)
{
    product x = {
        .p = {.m = 1 + below(r, 40), .n = 1 + below(r, below(r, 2) ? 20 : 90), .nr = 1 + below(r, 3)},
        .run = 1 + below(r, 40)};
    an_q8 *p = &x.p;
    const bool extreme = below(r, 3) == 0;
    p->nk = an_q8_fours(x.run);
    p->a_i = below(r, 3) ? x.run : 1 + below(r, 9);
    p->a_r = below(r, 60);
    p->y_i = p->n + below(r, 9);
    p->act = (an_epilogue)below(r, 3);
    p->slope = p->act == AN_EPILOGUE_LEAKY ? 0.1f : 0.0f;
    p->zero = (float)below(r, 256);
    x.n_y = (p->m - 1) * p->y_i + p->n;
    x.a = bytes_of(r, (p->m - 1) * p->a_i + (p->nr - 1) * p->a_r + p->nk * 4, extreme, false);
    x.w = (int8_t *)bytes_of(r, p->nr * x.run * p->n, extreme, true);
    x.packed = an_alloc(an_q8_packed(p->nr, x.run, p->n), 1);
    x.start = an_alloc(an_q8_width(p->n), sizeof *x.start);
    x.scale = an_alloc(an_q8_width(p->n), sizeof *x.scale);
    assert_true(x.packed && x.start && x.scale);
    an_q8_pack(p->nr, x.run, p->n, x.w, x.packed);
    for (size_t j = 0; j < p->n; j++) {
        x.start[j] = (int32_t)below(r, 20000) - 10000;
        /* A quarter of them makes whole halves, where rounding has to choose. */
        x.scale[j] = below(r, 4) ? (float)(0.01 * an_rng_unit(r)) : 0.5f;
    }
    p->a = x.a;
    p->b = x.packed;
    p->start = x.start;
    p->scale = x.scale;
    return x;
}

static void product_done(product *x)
{
    an_free(x->a);
    an_free(x->w);
    an_free(x->packed);
    an_free(x->start);
    an_free(x->scale);
}

static double expected(const product *x, size_t i, size_t j)
{
    const an_q8 *p = &x->p;
    int64_t s = p->start[j];
    for (size_t r = 0; r < p->nr; r++)
        for (size_t k = 0; k < x->run; k++)
            s += (int64_t)p->a[i * p->a_i + r * p->a_r + k] * x->w[(r * x->run + k) * p->n + j];
    double v = (double)s * (double)p->scale[j];
    if (p->act != AN_EPILOGUE_NONE && v < 0.0)
        v *= (double)p->slope;
    return v;
}

static void plain_c_gives_the_exact_sums(void **state)
{
    (void)state;
    an_rng r;
    an_rng_init(&r, SEED, 0);
    const an_q8_kernel *plain = NULL;
    for (size_t i = 0; an_q8_kernel_at(i); i++)
        plain = an_q8_kernel_at(i);
    assert_string_equal(plain->name, "plain");
    for (size_t c = 0; c < CASES; c++) {
        product x = random_product(&r);
        x.p.f = an_alloc(x.n_y, sizeof *x.p.f);
        assert_non_null(x.p.f);
        plain->run(&x.p);
        for (size_t i = 0; i < x.p.m; i++)
            for (size_t j = 0; j < x.p.n; j++) {
                const double want = expected(&x, i, j), is = (double)x.p.f[i * x.p.y_i + j];
                assert_true(fabs(is - want) <= 1e-6 * fabs(want));
            }
        an_free(x.p.f);
        product_done(&x);
    }
}

static void every_instruction_set_gives_the_same_bits(void **state)
{
    (void)state;
    an_rng r;
    an_rng_init(&r, SEED, 1);
    size_t n_usable = 0, last = 0;
    for (size_t i = 0; an_q8_kernel_at(i); last = i++)
        n_usable += an_q8_kernel_at(i)->usable();
    print_message("%zu instruction sets\n", n_usable);
    for (size_t c = 0; c < CASES; c++) {
        product x = random_product(&r);
        uint8_t *q[2] = {an_alloc(x.n_y, 1), an_alloc(x.n_y, 1)};
        float *f[2] = {an_alloc(x.n_y, sizeof(float)), an_alloc(x.n_y, sizeof(float))};
        assert_true(q[0] && q[1] && f[0] && f[1]);
        for (size_t i = 0; i <= last; i++) {
            const an_q8_kernel *k = an_q8_kernel_at(last - i);
            if (!k->usable())
                continue;
            x.p.q = q[i > 0];
            k->run(&x.p);
            x.p.q = NULL;
            x.p.f = f[i > 0];
            k->run(&x.p);
            if (i > 0) {
                assert_memory_equal(q[0], q[1], x.n_y);
                assert_memory_equal(f[0], f[1], x.n_y * sizeof(float));
            }
        }
        for (int i = 0; i < 2; i++) {
            an_free(q[i]);
            an_free(f[i]);
        }
        product_done(&x);
    }
}

static void floats_become_bytes_and_floats_again(void **state)
{
    (void)state;
    const float x[] = {-1.0f, 0.0f, 0.25f, 0.75f, 0.5f, 1e30f, -1e30f, NAN};
    const uint8_t want[] = {8, 10, 10, 12, 11, 255, 0, 0};
    uint8_t q[8];
    float y[8];
    an_q8_from_floats(8, q, x, 0.5f, 10);
    assert_memory_equal(q, want, sizeof q);
    an_q8_to_floats(8, y, q, 0.5f, 10);
    assert_true(y[0] == -1.0f && y[1] == 0.0f && y[4] == 0.5f && y[5] == 122.5f);
}

static void a_name_chooses_and_an_unknown_one_takes_the_best(void **state)
{
    (void)state;
    an_q8_choose("plain");
    assert_string_equal(an_q8_name(), "plain");
    an_q8_choose("no such");
    size_t best = 0;
    while (!an_q8_kernel_at(best)->usable())
        best++;
    assert_string_equal(an_q8_name(), an_q8_kernel_at(best)->name);
    an_q8_choose(NULL);
    assert_string_equal(an_q8_name(), an_q8_kernel_at(best)->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_c_gives_the_exact_sums),
        cmocka_unit_test(every_instruction_set_gives_the_same_bits),
        cmocka_unit_test(floats_become_bytes_and_floats_again),
        cmocka_unit_test(a_name_chooses_and_an_unknown_one_takes_the_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
