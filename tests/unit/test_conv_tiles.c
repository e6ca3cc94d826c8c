/* The route by tiles against the direct one, which the vectors of PyTorch hold: both with the same weights,
 * for every instruction set of this machine. */
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
#include "models/kernels/vec.h"
#include "models/layer.h"
#include "models/layers/conv_tiles_internal.h"

#define NEAR 1e-5f /* of the largest value of a tensor, as the vectors are held to */

typedef struct bench {
    an_layer l;
    an_layer act, mask;
    size_t batch;
    float *w, *x, *dy, *scratch, *prepared;
    float *y[2], *dx[2], *dw[2]; /* direct, by tiles */
} bench;

static float *numbers(an_rng *r, size_t n, double mean)
{
    float *p = an_alloc(n, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(mean + an_rng_normal(r));
    return p;
}

static void start(bench *b, an_shape in, size_t filters, bool same, size_t batch, bool fused)
{
    an_rng r;
    an_note why = {{0}};
    *b = (bench){.batch = batch};
    b->l = (an_layer){.type = an_layer_find("conv2d"), .n_inputs = 1};
    b->act = (an_layer){.type = an_layer_find("leaky_relu"), .opt = {0.25}};
    b->mask = (an_layer){.type = an_layer_find("relu")};
    b->l.inputs[0].shape = in;
    const double opt[] = {(double)filters, 3, 1, same, 1};
    memcpy(b->l.opt, opt, sizeof opt);
    if (an_layer_size(&b->l, &why) != AN_OK)
        fail_msg("%s", why.text);
    if (fused) {
        b->l.act = &b->act;
        b->l.mask = &b->mask;
    }
    an_rng_init(&r, 5, filters);
    b->w = numbers(&r, b->l.n_params, 0.0);
    b->x = numbers(&r, batch * b->l.in_n, 0.5); /* as after a relu, of which some are 0 */
    b->dy = numbers(&r, batch * b->l.out_n, 0.0);
    b->scratch = numbers(&r, b->l.n_scratch + batch * b->l.n_scratch_row, 0.0);
    b->prepared = numbers(&r, b->l.n_prepared, 0.0);
    for (size_t i = 0; i < batch * b->l.in_n; i++)
        b->x[i] = b->x[i] > 0.0f ? b->x[i] : 0.0f;
    for (int k = 0; k < 2; k++) {
        b->y[k] = numbers(&r, batch * b->l.out_n, 0.0);
        b->dx[k] = numbers(&r, batch * b->l.in_n, 0.0);
        b->dw[k] = numbers(&r, b->l.n_params, 0.0);
    }
    memcpy(b->dw[1], b->dw[0], b->l.n_params * sizeof **b->dw);
    b->l.type->prepare(&b->l, b->w, b->prepared);
}

static void done(bench *b)
{
    float *all[] = {b->w,    b->x,     b->dy,    b->scratch, b->prepared, b->y[0],
                    b->y[1], b->dx[0], b->dx[1], b->dw[0],   b->dw[1]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        an_free(all[i]);
}

static void run(bench *b, int by_tiles)
{
    const an_pass p = {.training = true,
                       .batch = b->batch,
                       .scratch = b->scratch,
                       .prepared = by_tiles ? b->prepared : NULL};
    const float *x[] = {b->x};
    float *dx[] = {b->dx[by_tiles]};
    b->l.type->forward(&b->l, &p, b->w, x, b->y[by_tiles]);
    b->l.type->backward(&b->l, &p, b->w, x, b->y[by_tiles], b->dy, dx, b->dw[by_tiles]);
}

static void hold(const char *what, const bench *b, size_t n, float *const v[2])
{
    float largest = 0.0f;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(v[0][i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(v[0][i] - v[1][i]) <= NEAR * largest))
            fail_msg("%s: %s of (%zu, %zu, %zu) to %zu: [%zu] is %.8g, not %.8g", an_vec_get()->name, what,
                     b->l.in.d[0], b->l.in.d[1], b->l.in.d[2], b->l.out.d[2], i, (double)v[1][i],
                     (double)v[0][i]);
}

static const struct {
    size_t h, w, c, f, batch;
    bool same;
} cases[] = {
    {13, 13, 32, 64, 5, false}, /* of the classifier: the last tiles lie half outside */
    {10, 10, 16, 16, 1, false}, /* none lies outside */
    {8, 8, 17, 19, 2, true},    /* channels that do not fill vectors */
    {9, 31, 16, 33, 3, true},   /* all four edges, and three places too many */
    {64, 70, 48, 16, 1, true},  /* more than a block */
};

static void both_ways_give_the_same(void **state)
{
    (void)state;
    for (size_t k = 0; an_vec_at(k); k++) {
        if (!an_vec_choose(an_vec_at(k)->name) || !an_mm_choose(an_vec_at(k)->name))
            continue;
        for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
            bench b;
            const size_t n = i / 2;
            start(&b, (an_shape){3, {cases[n].h, cases[n].w, cases[n].c}}, cases[n].f, cases[n].same,
                  cases[n].batch, i % 2);
            run(&b, 0);
            run(&b, 1);
            hold("y", &b, b.batch * b.l.out_n, b.y);
            hold("dx", &b, b.batch * b.l.in_n, b.dx);
            hold("dw", &b, b.l.n_params, b.dw);
            assert_true(memcmp(b.y[0], b.y[1], b.l.out_n * sizeof **b.y) != 0); /* another way it was */
            done(&b);
        }
    }
    an_vec_choose(NULL);
    an_mm_choose(NULL);
}

static void a_row_has_the_same_bits_in_every_batch(void **state)
{
    (void)state;
    bench many, one;
    start(&many, (an_shape){3, {13, 13, 32}}, 64, false, 7, true);
    start(&one, (an_shape){3, {13, 13, 32}}, 64, false, 7, true);
    one.batch = 1;
    run(&many, 1);
    for (size_t i = 0; i < 7; i++) {
        memmove(one.x, many.x + i * many.l.in_n, many.l.in_n * sizeof *one.x);
        memmove(one.dy, many.dy + i * many.l.out_n, many.l.out_n * sizeof *one.dy);
        run(&one, 1);
        assert_memory_equal(one.y[1], many.y[1] + i * many.l.out_n, many.l.out_n * sizeof *one.y[1]);
        assert_memory_equal(one.dx[1], many.dx[1] + i * many.l.in_n, many.l.in_n * sizeof *one.dx[1]);
    }
    done(&many);
    done(&one);
}

static void only_what_gains_goes_by_tiles(void **state)
{
    (void)state;
    const an_conv good = {
        .h = 13, .w = 13, .c = 32, .kh = 3, .kw = 3, .sh = 1, .sw = 1, .oh = 11, .ow = 11, .f = 64};
    an_conv c = good;
    assert_true(an_conv_tiles_pay(&c));
    c.sw = 2;
    assert_false(an_conv_tiles_pay(&c));
    c = good;
    c.kh = 5;
    assert_false(an_conv_tiles_pay(&c));
    c = good;
    c.c = 1;
    assert_false(an_conv_tiles_pay(&c));
    c = good;
    c.c = c.f = 1024; /* its planes would be 81 times the weights */
    assert_false(an_conv_tiles_pay(&c));
    c = good;
    c.oh = 3;
    assert_false(an_conv_tiles_pay(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_give_the_same),
        cmocka_unit_test(a_row_has_the_same_bits_in_every_batch),
        cmocka_unit_test(only_what_gains_goes_by_tiles),
    };
    if (!an_kernels_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
