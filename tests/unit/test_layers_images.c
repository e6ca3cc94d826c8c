/* Kinds of layer for images against what they are defined by: the transposed convolution is the way
 * back of a convolution, the pyramid's bins hold the largest of what lies in them. */
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

#define SEED 37u
#define ROWS 2u

static float *numbers(an_rng *r, size_t n)
{
    float *p = an_alloc(n ? n : 1, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)an_rng_normal(r);
    return p;
}

static an_layer layer_of(const char *kind, an_shape in, size_t n_opts, const double *opt)
{
    an_note why = {0};
    an_layer l = {.type = an_layer_find(kind), .n_inputs = 1};
    l.inputs[0].shape = in;
    for (size_t i = 0; i < n_opts; i++)
        l.opt[i] = opt[i];
    if (an_layer_size(&l, &why) != AN_OK)
        fail_msg("%s", why.text);
    return l;
}

static float *scratch_of(an_rng *r, const an_layer *l, an_pass *ret)
{
    float *scratch = numbers(r, l->n_scratch + ROWS * l->n_scratch_row);
    *ret = (an_pass){.training = true, .batch = ROWS, .scratch = scratch};
    return scratch;
}

/* places, channels, filters, size, stride, same: of the convolution, whose inputs are `places` on a
 * side such that none is left over. */
static const struct {
    size_t h, w, c, f, k, s;
    double same;
} cases[] = {{5, 7, 3, 4, 3, 1, 0},  {4, 6, 2, 5, 3, 1, 1}, {8, 4, 3, 2, 2, 2, 0}, {8, 6, 3, 2, 2, 2, 1},
             {6, 4, 2, 3, 3, 2, 1},  {9, 7, 4, 3, 3, 2, 0}, {6, 9, 1, 2, 1, 3, 1}, {8, 8, 5, 17, 4, 2, 1},
             {10, 7, 3, 1, 4, 3, 0}, {9, 6, 2, 3, 5, 3, 1}};

static void a_transposed_convolution_is_the_way_back_of_a_convolution(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        const size_t c = cases[n].c, f = cases[n].f, k = cases[n].k;
        const double there[] = {(double)f, (double)k, (double)cases[n].s, cases[n].same, 1};
        const double back[] = {(double)c, (double)k, (double)cases[n].s, cases[n].same};
        const an_layer conv = layer_of("conv2d", (an_shape){3, {cases[n].h, cases[n].w, c}}, 5, there);
        const an_layer t = layer_of("conv_transpose2d", conv.out, 4, back);
        assert_int_equal(t.out_n, conv.in_n);
        an_rng r;
        an_rng_init(&r, SEED, n);
        an_pass p;
        float *w = numbers(&r, conv.n_params), *turned = numbers(&r, t.n_params),
              *dw = numbers(&r, conv.n_params);
        float *x = numbers(&r, ROWS * conv.in_n), *dy = numbers(&r, ROWS * conv.out_n);
        float *dx = numbers(&r, ROWS * conv.in_n), *y = numbers(&r, ROWS * conv.in_n);
        for (size_t place = 0; place < k * k; place++)
            for (size_t i = 0; i < c; i++)
                for (size_t j = 0; j < f; j++)
                    turned[(j * k * k + place) * c + i] = w[(place * c + i) * f + j];
        for (size_t i = 0; i < c; i++)
            turned[t.weight_at[1] + i] = (float)i;
        float *scratch = scratch_of(&r, &conv, &p);
        conv.type->backward(&conv, &p, w, (const float *[]){x}, NULL, dy, (float *[]){dx}, dw);
        an_free(scratch);
        scratch = scratch_of(&r, &t, &p);
        t.type->forward(&t, &p, turned, (const float *[]){dy}, y);
        for (size_t i = 0; i < ROWS * conv.in_n; i++)
            if (!(fabsf(y[i] - dx[i] - (float)(i % c)) <= 1e-4f))
                fail_msg("case %zu: y[%zu] is %g, not %g", n, i, (double)y[i],
                         (double)dx[i] + (double)(i % c));
        float *all[] = {w, turned, dw, x, dy, dx, y, scratch};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            an_free(all[i]);
    }
}

static void a_stride_wider_than_the_kernel_leaves_the_bias_between(void **state)
{
    (void)state;
    const an_layer l =
        layer_of("conv_transpose2d", (an_shape){3, {2, 2, 1}}, 4, (const double[]){1, 1, 3, 1});
    const float w[] = {2.0f, 0.5f}, x[] = {1, 2, 3, 4};
    float y[36], scratch[64];
    const an_pass p = {.batch = 1, .scratch = scratch};
    assert_int_equal(l.out_n, 36);
    assert_true(l.n_scratch <= 64);
    l.type->forward(&l, &p, w, (const float *[]){x}, y);
    for (size_t i = 0; i < 36; i++) {
        const size_t iy = i / 6, ix = i % 6;
        const float here = iy % 3 || ix % 3 ? 0.0f : 2.0f * x[iy / 3 * 2 + ix / 3];
        assert_float_equal(y[i], here + 0.5f, 1e-6f);
    }
}

static void a_pyramid_holds_the_largest_of_each_bin(void **state)
{
    (void)state;
    /* 3 x 5 places: columns fall into bins 0..2 and 2..4. */
    static const float x[] = {1, 9, 3, 4, 2, 5, 0, 8, 1, 1, 2, 2, 2, 2, 7};
    static const float want[] = {9, 9, 8, 8, 8};
    static const float dy[] = {1, 10, 100, 1000, 10000};
    const an_layer l = layer_of("spatial_pyramid_pool", (an_shape){3, {3, 5, 1}}, 1, (const double[]){2});
    float y[5], dx[15], scratch[1];
    const an_pass p = {.training = true, .batch = 1, .scratch = scratch};
    assert_int_equal(l.out_n, 5);
    l.type->forward(&l, &p, NULL, (const float *[]){x}, y);
    for (size_t i = 0; i < 5; i++)
        assert_float_equal(y[i], want[i], 0.0f);
    l.type->backward(&l, &p, NULL, (const float *[]){x}, y, dy, (float *[]){dx}, NULL);
    for (size_t i = 0; i < 15; i++)
        assert_float_equal(dx[i], i == 1 ? 11.0f : i == 7 ? 11100.0f : 0.0f, 0.0f);
}

static void a_pyramid_gives_as_many_values_for_images_of_any_size(void **state)
{
    (void)state;
    static const an_shape shapes[] = {{3, {28, 28, 4}}, {3, {7, 50, 4}}, {3, {1, 2, 4}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const an_layer l = layer_of("spatial_pyramid_pool", shapes[i], 1, (const double[]){3});
        assert_int_equal(l.out_n, 4 * (1 + 4 + 16));
    }
    const an_layer l = layer_of("spatial_pyramid_pool", (an_shape){2, {9, 4}}, 1, (const double[]){3});
    assert_int_equal(l.out_n, 4 * (1 + 2 + 4));
}

int main(void)
{
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    printf("seed %u\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transposed_convolution_is_the_way_back_of_a_convolution),
        cmocka_unit_test(a_stride_wider_than_the_kernel_leaves_the_bias_between),
        cmocka_unit_test(a_pyramid_holds_the_largest_of_each_bin),
        cmocka_unit_test(a_pyramid_gives_as_many_values_for_images_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
