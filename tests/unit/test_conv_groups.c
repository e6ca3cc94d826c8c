/* A grouped convolution is the plain one whose kernel is 0 wherever a filter would see another group. */
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
#include "models/layer.h"

#define SEED 31u
#define ROWS 2u

enum { FILTERS, SIZE, STRIDE, PADDING, GROUPS };

typedef struct shape {
    const char *kind;
    an_shape in;
    double opt[5];
} shape;

static const shape cases[] = {
    {"conv2d", {3, {7, 5, 4}}, {4, 3, 1, 1, 4}},    /* one filter for each channel */
    {"conv2d", {3, {7, 6, 40}}, {40, 3, 2, 1, 40}}, /* over blocks of channels and a rest */
    {"conv2d", {3, {9, 4, 16}}, {16, 4, 3, 0, 16}},
    {"conv2d", {3, {3, 2, 5}}, {5, 5, 1, 1, 5}}, /* the kernel is larger than the image */
    {"conv2d", {3, {5, 8, 3}}, {3, 1, 2, 0, 3}}, /* places that no output sees */
    {"conv2d", {3, {5, 6, 3}}, {9, 3, 1, 1, 3}}, /* three filters for each channel */
    {"conv2d", {3, {6, 6, 6}}, {4, 3, 1, 1, 2}},
    {"conv2d", {3, {7, 6, 12}}, {24, 3, 2, 0, 3}},
    {"conv2d", {3, {4, 4, 8}}, {8, 1, 1, 0, 4}},
    {"conv1d", {2, {11, 6}}, {6, 5, 1, 1, 6}},
    {"conv1d", {2, {12, 6}}, {6, 3, 2, 1, 6}},
    {"conv1d", {2, {10, 8}}, {12, 3, 2, 0, 4}},
};

/* A layer with all that a pass needs. */
typedef struct bench {
    an_layer l;
    an_pass pass;
    double loss;
    float *w, *dw, *x, *dx, *y, *dy, *scratch;
} bench;

static float *numbers(size_t n)
{
    float *p = an_alloc(n ? n : 1, sizeof *p);
    assert_non_null(p);
    return p;
}

static void bench_init(bench *b, const shape *s, size_t groups)
{
    an_note why = {0};
    memset(b, 0, sizeof *b);
    b->l.type = an_layer_find(s->kind);
    memcpy(b->l.opt, s->opt, sizeof s->opt);
    b->l.opt[GROUPS] = (double)groups;
    b->l.n_inputs = 1;
    b->l.inputs[0].shape = s->in;
    if (an_layer_size(&b->l, &why) != AN_OK)
        fail_msg("%s", why.text);
    b->w = numbers(b->l.n_params);
    b->dw = numbers(b->l.n_params);
    b->x = numbers(ROWS * b->l.in_n);
    b->dx = numbers(ROWS * b->l.in_n);
    b->y = numbers(ROWS * b->l.out_n);
    b->dy = numbers(ROWS * b->l.out_n);
    b->scratch = numbers(b->l.n_scratch + ROWS * b->l.n_scratch_row);
    b->pass = (an_pass){.training = true, .batch = ROWS, .scratch = b->scratch, .loss = &b->loss};
    an_rng r;
    an_rng_init(&r, SEED, b->l.in_n);
    for (size_t i = 0; i < ROWS * b->l.in_n; i++)
        b->x[i] = (float)an_rng_normal(&r);
    for (size_t i = 0; i < ROWS * b->l.out_n; i++)
        b->dy[i] = (float)an_rng_normal(&r);
}

static void bench_done(bench *b)
{
    float *all[] = {b->w, b->dw, b->x, b->dx, b->y, b->dy, b->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        an_free(all[i]);
}

static void run(bench *b)
{
    const float *x[] = {b->x};
    float *dx[] = {b->dx};
    b->l.type->forward(&b->l, &b->pass, b->w, x, b->y);
    b->l.type->backward(&b->l, &b->pass, b->w, x, b->y, b->dy, dx, b->dw);
}

static size_t channels(const an_shape *s)
{
    return s->d[s->n_dims - 1];
}

/* Where the weight from channel i of a group to filter j lies in the plain kernel. */
static size_t in_plain(const bench *plain, size_t groups, size_t place, size_t i, size_t j)
{
    const size_t c = channels(&plain->l.in), f = channels(&plain->l.out), each = c / groups;
    return (place * c + j / (f / groups) * each + i) * f + j;
}

static void assert_near(const float *got, const float *want, size_t n, const char *what, size_t k)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - want[i]) <= 2e-4f * (1.0f + fabsf(want[i]))))
            fail_msg("case %zu, %s[%zu]: %g, not %g", k, what, i, (double)got[i], (double)want[i]);
}

static void compare(size_t k, const an_layer *act)
{
    const shape *s = &cases[k];
    const size_t groups = (size_t)s->opt[GROUPS];
    bench a, b;
    bench_init(&a, s, groups);
    bench_init(&b, s, 1);
    a.l.act = a.l.mask = b.l.act = b.l.mask = act;
    const size_t f = channels(&a.l.out), each = channels(&a.l.in) / groups;
    const size_t places = a.l.weight_at[1] / (each * f);
    an_rng r;
    an_rng_init(&r, SEED, k);
    for (size_t p = 0; p < places; p++)
        for (size_t i = 0; i < each; i++)
            for (size_t j = 0; j < f; j++)
                a.w[(p * each + i) * f + j] = b.w[in_plain(&b, groups, p, i, j)] = (float)an_rng_normal(&r);
    for (size_t j = 0; j < f; j++)
        a.w[a.l.weight_at[1] + j] = b.w[b.l.weight_at[1] + j] = (float)an_rng_normal(&r);
    run(&a);
    run(&b);
    assert_near(a.y, b.y, ROWS * a.l.out_n, "y", k);
    assert_near(a.dx, b.dx, ROWS * a.l.in_n, "dx", k);
    assert_near(a.dw + a.l.weight_at[1], b.dw + b.l.weight_at[1], f, "db", k);
    for (size_t p = 0; p < places; p++)
        for (size_t i = 0; i < each; i++)
            for (size_t j = 0; j < f; j++)
                assert_near(a.dw + (p * each + i) * f + j, b.dw + in_plain(&b, groups, p, i, j), 1, "dw", k);
    bench_done(&a);
    bench_done(&b);
}

static void groups_are_a_plain_convolution_with_zeros_between_them(void **state)
{
    (void)state;
    const an_layer leaky = {.type = an_layer_find("leaky_relu"), .opt = {0.25}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        compare(k, NULL);
        compare(k, &leaky);
    }
}

static void groups_that_do_not_divide_the_channels_or_the_filters_are_refused(void **state)
{
    (void)state;
    static const double wrong[][2] = {{4, 3}, {6, 4}, {9, 6}, {6, 7}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_note why = {0};
        an_layer l = {
            .type = an_layer_find("conv2d"), .opt = {wrong[i][0], 3, 1, 1, wrong[i][1]}, .n_inputs = 1};
        l.inputs[0].shape = (an_shape){3, {8, 8, 6}};
        assert_int_equal(an_layer_size(&l, &why), AN_ERR_INVAL);
        assert_non_null(strstr(why.text, "6 channels"));
    }
}

int main(void)
{
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    printf("seed %u\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_a_plain_convolution_with_zeros_between_them),
        cmocka_unit_test(groups_that_do_not_divide_the_channels_or_the_filters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
