/* The product of every instruction set of this processor, against sums in double precision, over
 * random sizes and steps.  Buffers end where their last float does, so that AddressSanitizer sees a
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
#include "models/kernels/bf16.h"
#include "models/kernels/mm.h"

#define SEED 17u
#define CASES 400

/* n floats that end with their allocation. */
typedef struct floats {
    float *block, *at;
    size_t n;
} floats;

static floats floats_of(an_rng *r, size_t n)
{
    size_t whole = (n + 15) / 16 * 16;
    floats f = {.block = an_alloc(whole ? whole : 16, sizeof(float)), .n = n};
    assert_non_null(f.block);
    f.at = f.block + (whole - n);
    for (size_t i = 0; i < n; i++)
        f.at[i] = (float)an_rng_normal(r);
    return f;
}

/* One product with all that it reads and writes. */
typedef struct product {
    an_mm p;
    floats a, b, bias, mask, start;
} product;

static size_t below(an_rng *r, size_t n)
{
    return (size_t)an_rng_below(r, n);
}

static size_t row_at(const an_mm *p, size_t i, size_t step, size_t line_step, size_t image_step)
{
    const size_t line = p->line ? i / p->line : 0, lines = p->lines ? p->lines : SIZE_MAX;
    return line / lines * image_step + line % lines * line_step + (i - line * p->line) * step;
}

static size_t row_of_a(const an_mm *p, size_t i)
{
    return row_at(p, i, p->a_i, p->a_line, p->a_image);
}

static size_t row_of_c(const an_mm *p, size_t i)
{
    return row_at(p, i, p->c_i, p->c_line, p->c_image);
}

static product random_product(an_rng *r)
{
    product x = {.p = {.m = 1 + below(r, 40),
                       .n = 1 + below(r, below(r, 2) ? 20 : 90),
                       .nq = 1 + below(r, 3),
                       .nr = 1 + below(r, 3),
                       .nk = below(r, below(r, 10) ? 30 : 300)}};
    an_mm *p = &x.p;
    if (below(r, 60) == 0) { /* b does not fit the caches */
        p->m = below(r, 2) ? 1 : p->m;
        p->n += 600;
        p->nk += 400;
        p->nq = p->nr = 1;
    }
    p->a_i = below(r, 2) ? 1 : p->nk + below(r, 3);
    p->a_k = below(r, 2) ? 1 : 1 + below(r, 5);
    p->a_r = below(r, 60);
    p->a_q = below(r, 200);
    if (below(r, 2)) { /* lines, and images, that may overlap */
        p->line = 1 + below(r, 20);
        p->lines = below(r, 2) ? 1 + below(r, 5) : 0;
        p->m = p->line * (p->lines ? p->lines * (1 + below(r, 3)) : 1 + below(r, 7));
        p->a_line = below(r, 3) ? below(r, 90) : p->line * p->a_i;
        p->a_image = below(r, 300);
    }
    p->b_k = p->n + (below(r, 20) ? below(r, 4) : 1024); /* each line in another page */
    p->b_r = below(r, 100);
    p->b_q = below(r, 100);
    p->c_i = p->n + below(r, 9);
    p->add = below(r, 2);
    p->act = (an_epilogue)below(r, 3);
    p->slope = p->act == AN_EPILOGUE_LEAKY ? 0.125f : 0.0f;
    p->mask_act = (an_epilogue)below(r, 3);
    p->mask_slope = p->mask_act == AN_EPILOGUE_LEAKY ? 0.25f : 0.0f;
    p->c_line = p->line * p->c_i + below(r, 2) * below(r, 9);
    p->c_image = p->lines * p->c_line + below(r, 2) * below(r, 9);
    const size_t k = p->nk ? p->nk - 1 : 0;
    size_t farthest = 0, last = 0;
    for (size_t i = 0; i < p->m; i++) {
        farthest = row_of_a(p, i) > farthest ? row_of_a(p, i) : farthest;
        last = row_of_c(p, i) > last ? row_of_c(p, i) : last;
    }
    x.a = floats_of(r, farthest + (p->nq - 1) * p->a_q + (p->nr - 1) * p->a_r + k * p->a_k + 1);
    x.b = floats_of(r, (p->nq - 1) * p->b_q + (p->nr - 1) * p->b_r + k * p->b_k + p->n);
    x.bias = floats_of(r, p->n);
    x.mask = floats_of(r, last + p->n);
    x.start = floats_of(r, last + p->n);
    p->a = x.a.at;
    p->b = x.b.at;
    p->bias = below(r, 2) ? x.bias.at : NULL;
    p->mask = below(r, 2) ? x.mask.at : NULL;
    return x;
}

static void product_done(product *x)
{
    floats *all[] = {&x->a, &x->b, &x->bias, &x->mask, &x->start};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        an_free(all[i]->block);
}

/* What c[i, j] is, and the sum of absolute terms that its error is measured by. */
static double expected(const an_mm *p, const float *start, size_t i, size_t j, double *ret_size)
{
    double s = (p->add ? (double)start[row_of_c(p, i) + j] : 0.0) + (p->bias ? (double)p->bias[j] : 0.0);
    double size = fabs(s) + 1.0;
    for (size_t q = 0; q < p->nq; q++)
        for (size_t r = 0; r < p->nr; r++)
            for (size_t k = 0; k < p->nk; k++) {
                double t = (double)p->a[row_of_a(p, i) + q * p->a_q + r * p->a_r + k * p->a_k] *
                           (double)p->b[q * p->b_q + r * p->b_r + k * p->b_k + j];
                s += t;
                size += fabs(t);
            }
    *ret_size = size;
    if (p->act != AN_EPILOGUE_NONE && s < 0.0)
        s *= (double)p->slope;
    if (p->mask && p->mask_act != AN_EPILOGUE_NONE && !(p->mask[row_of_c(p, i) + j] > 0.0f))
        s *= (double)p->mask_slope;
    return s;
}

static void check(const product *x, const an_mm_kernel *kernel, size_t nth, const floats *c)
{
    const an_mm *p = &x->p;
    bool *written = an_alloc(c->n, sizeof *written);
    assert_non_null(written);
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            double size, want = expected(p, x->start.at, i, j, &size);
            const size_t at = row_of_c(p, i) + j;
            written[at] = true;
            if (!(fabs((double)c->at[at] - want) <= 4e-6 * size))
                fail_msg("%s, case %zu, (%zu, %zu) of (%zu, %zu): %.9g instead of %.9g", kernel->name, nth, i,
                         j, p->m, p->n, (double)c->at[at], want);
        }
    for (size_t at = 0; at < c->n; at++) /* between the rows nothing is written */
        assert_true(written[at] || c->at[at] == x->start.at[at]);
    an_free(written);
}

static void every_instruction_set_comes_to_the_same(void **state)
{
    (void)state;
    an_rng r;
    an_rng_init(&r, SEED, 0);
    for (size_t n = 0; n < CASES; n++) {
        product x = random_product(&r);
        floats fused = {.n = 0};
        for (size_t k = 0; an_mm_kernel_at(k); k++) {
            const an_mm_kernel *kernel = an_mm_kernel_at(k);
            if (!an_mm_choose(kernel->name))
                continue;
            floats c = floats_of(&r, x.start.n);
            memcpy(c.at, x.start.at, c.n * sizeof *c.at);
            x.p.c = c.at;
            an_mm_run(&x.p);
            check(&x, kernel, n, &c);
            /* Those that multiply and add in one rounding agree to the bit. */
            if (fused.block && strcmp(kernel->name, "plain") != 0)
                assert_memory_equal(fused.at, c.at, c.n * sizeof *c.at);
            if (fused.block)
                an_free(c.block);
            else
                fused = c;
        }
        an_free(fused.block);
        product_done(&x);
    }
}

static void compare_division(an_rng *r, bool bf16)
{
    enum { M = 57, N = 83, K = 91 };
    floats a = floats_of(r, M * K), b = floats_of(r, K * N), whole = floats_of(r, M * N),
           parts = floats_of(r, M * N);
    an_mm p = {.m = M, .n = N, .nk = K, .a = a.at, .a_i = K, .a_k = 1, .b = b.at, .b_k = N, .bf16 = bf16};
    p.c = whole.at;
    p.c_i = N;
    an_mm_run(&p);
    for (size_t i = 0; i < M; i += p.m)
        for (size_t j = 0; j < N; j += p.n) {
            p.m = M - i < 11 ? M - i : 11;
            p.n = N - j < 29 ? N - j : 29;
            p.a = a.at + i * K;
            p.b = b.at + j;
            p.c = parts.at + i * N + j;
            an_mm_run(&p);
        }
    assert_memory_equal(whole.at, parts.at, M * N * sizeof(float));
    floats *all[] = {&a, &b, &whole, &parts};
    for (size_t i = 0; i < 4; i++)
        an_free(all[i]->block);
}

static void an_output_does_not_depend_on_how_the_product_is_divided(void **state)
{
    (void)state;
    an_rng r;
    an_rng_init(&r, SEED, 1);
    for (size_t k = 0; an_mm_kernel_at(k); k++)
        if (an_mm_choose(an_mm_kernel_at(k)->name))
            compare_division(&r, false);
    for (size_t k = 0; an_bf16_kernel_at(k); k++)
        if (an_bf16_choose(an_bf16_kernel_at(k)->name))
            compare_division(&r, true);
}

/* ---- operands in bfloat16 ---- */

static void round_all(floats *f)
{
    for (size_t i = 0; i < f->n; i++)
        f->at[i] = an_bf16_round(f->at[i]);
}

static floats run_in_bf16(const product *x, an_rng *r)
{
    floats c = floats_of(r, x->start.n);
    memcpy(c.at, x->start.at, c.n * sizeof *c.at);
    an_mm p = x->p;
    p.c = c.at;
    p.bf16 = true;
    an_mm_run(&p);
    return c;
}

/* In float the operands as they are, rounded for what bf16 comes to. */
static void every_bf16_kernel_sums_rounded_operands(void **state)
{
    (void)state;
    an_rng r;
    an_rng_init(&r, SEED, 2);
    (void)an_mm_choose("plain");
    for (size_t n = 0; n < CASES; n++) {
        product x = random_product(&r);
        const bool rounds = x.p.nq * x.p.nr * x.p.nk >= AN_BF16_TERMS_LEAST;
        floats first = {.n = 0};
        for (size_t k = 0; an_bf16_kernel_at(k); k++) {
            const an_bf16_kernel *kernel = an_bf16_kernel_at(k);
            const an_mm_kernel named = {.name = kernel->name};
            if (!an_bf16_choose(kernel->name))
                continue;
            floats c = run_in_bf16(&x, &r);
            product y = x;
            y.a = floats_of(&r, x.a.n);
            y.b = floats_of(&r, x.b.n);
            memcpy(y.a.at, x.a.at, x.a.n * sizeof *x.a.at);
            memcpy(y.b.at, x.b.at, x.b.n * sizeof *x.b.at);
            if (rounds) {
                round_all(&y.a);
                round_all(&y.b);
            }
            y.p.a = y.a.at;
            y.p.b = y.b.at;
            check(&y, &named, n, &c);
            an_free(y.a.block);
            an_free(y.b.block);
            /* AMX and the plain one add in the same order. */
            if (first.block && strcmp(kernel->name, "plain") == 0)
                assert_memory_equal(first.at, c.at, c.n * sizeof *c.at);
            if (!first.block && strcmp(kernel->name, "amx") == 0)
                first = c;
            else
                an_free(c.block);
        }
        an_free(first.block);
        product_done(&x);
    }
}

static void an_operand_is_rounded_to_the_nearest_even(void **state)
{
    (void)state;
    const struct {
        float x, want;
    } cases[] = {{1.0f, 1.0f},
                 {0x1.01p0f, 0x1.00p0f}, /* half way: to the even one */
                 {0x1.03p0f, 0x1.04p0f},
                 {0x1.010002p0f, 0x1.02p0f},
                 {-0x1.0ffp0f, -0x1.10p0f},
                 {0x1.fffffep127f, INFINITY},
                 {-INFINITY, -INFINITY},
                 {0x1p-126f, 0x1p-126f},
                 {0x1.fp-127f, 0.0f}}; /* subnormal */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(an_bf16_round(cases[i].x) == cases[i].want);
    assert_true(isnan(an_bf16_round(NAN)));
    for (size_t k = 0; an_bf16_kernel_at(k); k++) {
        if (!an_bf16_choose(an_bf16_kernel_at(k)->name))
            continue;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            float a[AN_BF16_TERMS_LEAST] = {cases[i].x}, b[AN_BF16_TERMS_LEAST] = {1.0f}, c = 7.0f;
            const an_mm p = {.m = 1,
                             .n = 1,
                             .nk = AN_BF16_TERMS_LEAST,
                             .a = a,
                             .a_k = 1,
                             .b = b,
                             .b_k = 1,
                             .c = &c,
                             .bf16 = true};
            an_mm_run(&p);
            assert_true(c == cases[i].want);
        }
    }
}

/* A b that is packed once gives the bits of one that is packed for each product. */
static void packing_beforehand_changes_no_bit(void **state)
{
    (void)state;
    an_rng r;
    an_rng_init(&r, SEED, 3);
    size_t packed = 0;
    for (size_t k = 0; an_bf16_kernel_at(k); k++) {
        if (!an_bf16_choose(an_bf16_kernel_at(k)->name))
            continue;
        for (size_t n = 0; n < CASES / 4; n++) {
            product x = random_product(&r);
            x.p.nq = x.p.nr = 1;
            const size_t size = an_bf16_packed(x.p.nk, x.p.n);
            floats own = run_in_bf16(&x, &r);
            float *b = size > 0 ? an_alloc(size, sizeof *b) : NULL;
            if (size > 0) {
                assert_non_null(b);
                an_bf16_pack(&x.p, b);
                packed++;
            }
            x.p.packed = b;
            floats once = run_in_bf16(&x, &r);
            assert_memory_equal(own.at, once.at, own.n * sizeof *own.at);
            an_free(own.block);
            an_free(once.block);
            an_free(b);
            product_done(&x);
        }
        assert_int_equal(an_bf16_packed(AN_BF16_TERMS_LEAST - 1, 64), 0);
        assert_int_equal(an_bf16_packed(100000, 64), 0);
        assert_int_equal(an_bf16_packed(64, 1000000), 0);
    }
    printf("%zu products with a packed b\n", packed);
}

static void without_such_a_processor_bf16_is_not_ready(void **state)
{
    (void)state;
    assert_true(an_bf16_choose("none"));
    assert_false(an_bf16_ready());
    assert_string_equal(an_bf16_name(), "plain");
    assert_true(an_bf16_choose("plain"));
    assert_true(an_bf16_ready());
    assert_false(an_bf16_choose("no such set"));
    assert_true(an_bf16_choose(NULL));
    const bool hardware = strcmp(an_bf16_name(), "plain") != 0;
    assert_true(an_bf16_ready() == hardware);
    printf("here:");
    for (size_t k = 0; an_bf16_kernel_at(k); k++)
        printf(" %s%s", an_bf16_kernel_at(k)->name, an_bf16_kernel_at(k)->usable() ? "" : " (not usable)");
    printf("\n");
}

static void what_is_no_number_stays_none(void **state)
{
    (void)state;
    for (size_t k = 0; an_mm_kernel_at(k); k++) {
        if (!an_mm_choose(an_mm_kernel_at(k)->name))
            continue;
        const float a = NAN, b[3] = {1, 2, 3};
        float c[3] = {0};
        an_mm p = {.m = 1, .n = 3, .nk = 1, .a = &a, .a_k = 1, .b = b, .b_k = 3, .c = c, .c_i = 3};
        p.act = AN_EPILOGUE_RELU;
        an_mm_run(&p);
        for (size_t j = 0; j < 3; j++)
            assert_true(isnan(c[j]));
    }
}

static void the_best_is_chosen_unless_another_is_named(void **state)
{
    (void)state;
    assert_true(an_mm_choose(NULL));
    for (size_t k = 0; an_mm_kernel_at(k); k++)
        if (an_mm_kernel_at(k)->usable()) {
            assert_string_equal(an_mm_name(), an_mm_kernel_at(k)->name);
            break;
        }
    assert_false(an_mm_choose("no such set"));
    assert_true(an_mm_choose("plain"));
    assert_string_equal(an_mm_name(), "plain");
    printf("here:");
    for (size_t k = 0; an_mm_kernel_at(k); k++)
        printf(" %s%s", an_mm_kernel_at(k)->name, an_mm_kernel_at(k)->usable() ? "" : " (not usable)");
    printf("\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_set_comes_to_the_same),
        cmocka_unit_test(an_output_does_not_depend_on_how_the_product_is_divided),
        cmocka_unit_test(every_bf16_kernel_sums_rounded_operands),
        cmocka_unit_test(an_operand_is_rounded_to_the_nearest_even),
        cmocka_unit_test(packing_beforehand_changes_no_bit),
        cmocka_unit_test(without_such_a_processor_bf16_is_not_ready),
        cmocka_unit_test(what_is_no_number_stays_none),
        cmocka_unit_test(the_best_is_chosen_unless_another_is_named),
    };
    printf("seed %u\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
