/* The vector functions of every instruction set of this processor against double precision, with the
 * errors that vec.h states.  Buffers end where their last float does, so that AddressSanitizer sees a
 * read or write beyond it. */
#include <float.h>
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
#include "models/kernels/vec.h"

#define SEED 5u

static float *floats(size_t n)
{
    float *f = an_alloc(n ? n : 1, sizeof *f);
    assert_non_null(f);
    return f;
}

static float *normal(an_rng *r, size_t n, double spread)
{
    float *f = floats(n);
    for (size_t i = 0; i < n; i++)
        f[i] = (float)(spread * an_rng_normal(r));
    return f;
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double gelu(double x)
{
    return 0.5 * x * erfc(-x * sqrt(0.5));
}

static double gelu_slope(double x)
{
    return 0.5 * erfc(-x * sqrt(0.5)) + x * exp(-0.5 * x * x) * 0.3989422804014327;
}

typedef struct curve {
    void (*run)(size_t n, float *y, const float *x);
    double (*exact)(double x);
    double relative, absolute; /* allowed: relative |y| + absolute max(1, |x|) */
    double from, to;
} curve;

#define POINTS 200003u

static void check_curve(const curve *c)
{
    float *x = floats(POINTS), *y = floats(POINTS);
    for (size_t i = 0; i < POINTS; i++)
        x[i] = (float)(c->from + (c->to - c->from) * (double)i / (double)(POINTS - 1));
    c->run(POINTS, y, x);
    for (size_t i = 0; i < POINTS; i++) {
        const double e = c->exact((double)x[i]);
        const double allowed = c->relative * fabs(e) + c->absolute * fmax(1.0, fabs((double)x[i]));
        if (!(fabs((double)y[i] - e) <= allowed))
            fail_msg("f(%.9g) = %.9g, not %.9g", (double)x[i], (double)y[i], e);
    }
    an_free(x);
    an_free(y);
}

static void curves_are_as_exact_as_stated(void **state)
{
    const an_vec *v = *state;
    const double ulp = (double)FLT_EPSILON;
    const curve curves[] = {
        {v->exp, exp, 2.0 * ulp, 0.0, -87.0, 88.7},        {v->exp, exp, 2.0 * ulp, 0.0, -1.0, 1.0},
        {v->sigmoid, sigmoid, 3e-7, 1.6e-38, -87.0, 90.0}, {v->sigmoid, sigmoid, 3e-7, 0.0, -4.0, 4.0},
        {v->tanh, tanh, 3e-7, 0.0, -20.0, 20.0},           {v->tanh, tanh, 3e-7, 0.0, -0.01, 0.01},
        {v->gelu, gelu, 0.0, 4e-7, -20.0, 20.0},           {v->gelu, gelu, 0.0, 4e-7, -1.0, 1.0},
    };
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        check_curve(&curves[i]);
}

static void the_ends_of_the_curves_are_right(void **state)
{
    const an_vec *v = *state;
    const float x[] = {-INFINITY, -1e30f, -104.5f, 0.0f, 89.0f, 1e30f, INFINITY, NAN};
    float y[8];
    v->exp(8, y, x);
    assert_true(y[0] == 0.0f && y[1] == 0.0f && y[2] == 0.0f && y[3] == 1.0f);
    assert_true(isinf(y[4]) && isinf(y[5]) && isinf(y[6]) && isnan(y[7]));
    v->sigmoid(8, y, x);
    assert_true(y[0] >= 0.0f && y[0] < 2e-38f && y[3] == 0.5f && y[6] == 1.0f && isnan(y[7]));
    v->tanh(8, y, x);
    assert_true(y[0] == -1.0f && y[1] == -1.0f && y[3] == 0.0f && y[5] == 1.0f && isnan(y[7]));
    v->gelu(6, y, x);
    assert_true(y[1] == 0.0f && y[3] == 0.0f && y[5] == 1e30f);
}

static void slopes_are_those_of_the_curves(void **state)
{
    const an_vec *v = *state;
    an_rng r;
    an_rng_init(&r, SEED, 0);
    const size_t n = 1003;
    float *x = normal(&r, n, 2.0), *dy = normal(&r, n, 1.0), *y = floats(n), *dx = floats(n);
    v->gelu_back(n, dx, x, dy);
    for (size_t i = 0; i < n; i++)
        assert_float_equal(dx[i], (float)(gelu_slope((double)x[i]) * (double)dy[i]),
                           8e-7f * fabsf(dy[i]) + FLT_MIN);
    v->sigmoid(n, y, x);
    v->sigmoid_back(n, dx, y, dy);
    for (size_t i = 0; i < n; i++)
        assert_float_equal(dx[i], y[i] * (1.0f - y[i]) * dy[i], 1e-6f * fabsf(dy[i]));
    v->tanh(n, y, x);
    v->tanh_back(n, dx, y, dy);
    for (size_t i = 0; i < n; i++)
        assert_float_equal(dx[i], (1.0f - y[i] * y[i]) * dy[i], 1e-6f * fabsf(dy[i]));
    an_free(x);
    an_free(dy);
    an_free(y);
    an_free(dx);
}

/* An element's bits are its own: neither its place nor its neighbours matter. */
static void bits_do_not_depend_on_the_division(void **state)
{
    const an_vec *v = *state;
    void (*const maps[])(size_t, float *, const float *) = {v->exp, v->sigmoid, v->tanh, v->gelu};
    an_rng r;
    an_rng_init(&r, SEED, 0);
    const size_t n = 61;
    float *x = normal(&r, n, 3.0), *whole = floats(n), *part = floats(n);
    for (size_t m = 0; m < 4; m++)
        for (size_t cut = 0; cut <= n; cut++) {
            maps[m](n, whole, x);
            maps[m](cut, part, x);
            maps[m](n - cut, part + cut, x + cut);
            assert_memory_equal(whole, part, n * sizeof *whole);
        }
    an_free(x);
    an_free(whole);
    an_free(part);
}

static void sums_are_right_for_every_length(void **state)
{
    const an_vec *v = *state;
    an_rng r;
    an_rng_init(&r, SEED, 0);
    for (size_t n = 0; n < 200; n++) {
        float *a = normal(&r, n, 1.0), *b = normal(&r, n, 1.0), top = -INFINITY;
        double sum = 0.0, dot = 0.0;
        for (size_t i = 0; i < n; i++) {
            sum += (double)a[i];
            dot += (double)a[i] * (double)b[i];
            top = a[i] > top ? a[i] : top;
        }
        assert_float_equal(v->sum(n, a), (float)sum, 1e-4f);
        assert_float_equal(v->dot(n, a, b), (float)dot, 1e-4f);
        assert_true(n == 0 || v->max(n, a) == top);
        an_free(a);
        an_free(b);
    }
}

static void rows_are_added_and_scaled(void **state)
{
    const an_vec *v = *state;
    an_rng r;
    an_rng_init(&r, SEED, 0);
    for (size_t n = 1; n < 150; n += 7) {
        const size_t rows = 5, wide = n + 3;
        float *x = normal(&r, rows * wide, 1.0), *y = normal(&r, n, 1.0), *was = floats(n);
        memcpy(was, y, n * sizeof *y);
        v->add_rows(rows, n, y, x, wide);
        v->axpy(n, y, -2.0f, was);
        v->scale(n, y, 3.0f);
        for (size_t j = 0; j < n; j++) {
            double e = -(double)was[j];
            for (size_t i = 0; i < rows; i++)
                e += (double)x[i * wide + j];
            assert_float_equal(y[j], (float)(3.0 * e), 1e-5f);
        }
        an_free(x);
        an_free(y);
        an_free(was);
    }
}

static void softmax_adds_up_to_one_and_tells_the_logarithm(void **state)
{
    const an_vec *v = *state;
    an_rng r;
    an_rng_init(&r, SEED, 0);
    for (size_t n = 1; n < 60; n++) {
        float *x = normal(&r, n, 30.0), *y = floats(n);
        double sum = 0.0;
        for (size_t i = 0; i < n; i++)
            sum += exp((double)x[i] - (double)x[0]);
        const float log_sum = v->softmax(n, y, x);
        assert_float_equal(log_sum, (float)(log(sum) + (double)x[0]), 1e-4f);
        for (size_t i = 0; i < n; i++)
            assert_float_equal(y[i], (float)(exp((double)x[i] - (double)x[0]) / sum), 1e-6f);
        an_free(x);
        an_free(y);
    }
}

/* (w, state) after one step over n parameters, from three slices of a gradient. */
static void optimisers_take_the_step_of_their_formula(void **state)
{
    const an_vec *v = *state;
    an_rng r;
    an_rng_init(&r, SEED, 0);
    const size_t n = 77, step = 80;
    float *g = normal(&r, 3 * step, 1.0), *w = normal(&r, n, 1.0), *m = normal(&r, n, 1.0), *s = floats(n);
    float *out = floats(n), *w1 = floats(n), *m1 = floats(n), *s1 = floats(n);
    const an_vec_grad grad = {g, step, 3, 0.25f};
    double squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double gi = 0.25 * ((double)g[i] + (double)g[i + step] + (double)g[i + 2 * step]);
        s[i] = 0.5f + fabsf(m[i]);
        squares += gi * gi;
    }
    assert_float_equal((float)v->gather(n, out, &grad), (float)squares, 1e-3f);
    for (int kind = 0; kind < 3; kind++) {
        memcpy(w1, w, n * sizeof *w);
        memcpy(m1, m, n * sizeof *m);
        memcpy(s1, s, n * sizeof *s);
        const double got =
            kind == 0 ? v->sgd(&(an_vec_sgd){0.1f, 0.9f, 0.99f}, n, w1, m1, &grad)
            : kind == 1
                ? v->adam(&(an_vec_adam){0.1f, 0.9f, 0.1f, 0.99f, 0.01f, 1e-3f, 0.99f}, n, w1, m1, s1, &grad)
                : v->rmsprop(&(an_vec_rmsprop){0.1f, 0.9f, 0.1f, 1e-3f, 0.99f}, n, w1, s1, &grad);
        assert_float_equal((float)got, (float)squares, 1e-3f);
        for (size_t i = 0; i < n; i++) {
            const double gi = (double)out[i], wi = (double)w[i], si = (double)s[i];
            const double mi = kind == 0 ? 0.9 * (double)m[i] + gi : 0.9 * (double)m[i] + 0.1 * gi;
            const double vi = kind == 1 ? 0.99 * si + 0.01 * gi * gi : 0.9 * si + 0.1 * gi * gi;
            const double move = kind == 0 ? mi : (kind == 1 ? mi : gi) / (sqrt(vi) + 1e-3);
            assert_float_equal(w1[i], (float)(0.99 * wi - 0.1 * move), 2e-6f);
        }
    }
    float *all[] = {g, w, m, s, out, w1, m1, s1};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        an_free(all[i]);
}

static void a_gradient_that_is_not_finite_is_told(void **state)
{
    const an_vec *v = *state;
    float g[40] = {0}, out[40];
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e25f};
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < 40; i++) {
            g[i] = bad[k];
            const bool finite = isfinite(v->gather(40, out, &(an_vec_grad){g, 0, 1, 1.0f}));
            assert_false(finite);
            g[i] = 0.0f;
        }
}

static void rows_become_columns(void **state)
{
    const an_vec *v = *state;
    an_rng r;
    an_rng_init(&r, SEED, 0);
    for (size_t rows = 1; rows < 40; rows += 3)
        for (size_t columns = 1; columns < 40; columns += 5) {
            float *x = normal(&r, rows * columns, 1.0), *y = floats(rows * columns);
            v->transpose(rows, columns, x, y);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < columns; j++)
                    assert_true(y[j * rows + i] == x[i * columns + j]);
            an_free(x);
            an_free(y);
        }
}

/* A line of a pool of 2 x 2 over places whose values may be equal. */
static void a_pool_finds_the_largest_and_gives_it_the_gradient(void **state)
{
    const an_vec *v = *state;
    an_rng r;
    an_rng_init(&r, SEED, 0);
    for (size_t c = 1; c < 40; c += 3) {
        const size_t n = 3, line = 2 * n * c + 1;
        float *x = floats(line + 2 * n * c), *y = floats(n * c), *dy = normal(&r, n * c, 1.0);
        float *dx = floats(line + 2 * n * c);
        for (size_t i = 0; i < line + 2 * n * c; i++)
            x[i] = (float)an_rng_below(&r, 3) - 1.0f;
        an_vec_pool p = {.n = n, .c = c, .x = x, .line = line, .y = y};
        v->max_pool(&p, y);
        v->max_pool_back(&p, dy, 0.5f, dx);
        for (size_t o = 0; o < n * c; o++) {
            const size_t at = o / c * 2 * c + o % c, places[] = {at, at + c, at + line, at + line + c};
            size_t first = 0;
            for (size_t k = 1; k < 4; k++)
                first = x[places[k]] > x[places[first]] ? k : first;
            assert_true(y[o] == x[places[first]]);
            for (size_t k = 0; k < 4; k++)
                assert_true(dx[places[k]] == (k != first ? 0.0f : y[o] > 0.0f ? dy[o] : 0.5f * dy[o]));
        }
        float *all[] = {x, y, dy, dx};
        for (size_t i = 0; i < 4; i++)
            an_free(all[i]);
    }
}

static void a_table_is_found_by_its_name(void **state)
{
    const an_vec *v = *state;
    assert_true(an_vec_choose(v->name));
    assert_ptr_equal(an_vec_get(), v);
    assert_false(an_vec_choose("abacus"));
    assert_true(an_vec_get()->usable());
}

int main(void)
{
    int failed = 0;
    for (size_t i = 0; an_vec_at(i); i++) {
        const an_vec *v = an_vec_at(i);
        if (!v->usable()) {
            printf("skipped: this processor has no %s\n", v->name);
            continue;
        }
        void *state = (void *)(uintptr_t)v;
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(curves_are_as_exact_as_stated, state),
            cmocka_unit_test_prestate(the_ends_of_the_curves_are_right, state),
            cmocka_unit_test_prestate(slopes_are_those_of_the_curves, state),
            cmocka_unit_test_prestate(bits_do_not_depend_on_the_division, state),
            cmocka_unit_test_prestate(sums_are_right_for_every_length, state),
            cmocka_unit_test_prestate(rows_are_added_and_scaled, state),
            cmocka_unit_test_prestate(softmax_adds_up_to_one_and_tells_the_logarithm, state),
            cmocka_unit_test_prestate(optimisers_take_the_step_of_their_formula, state),
            cmocka_unit_test_prestate(a_gradient_that_is_not_finite_is_told, state),
            cmocka_unit_test_prestate(rows_become_columns, state),
            cmocka_unit_test_prestate(a_pool_finds_the_largest_and_gives_it_the_gradient, state),
            cmocka_unit_test_prestate(a_table_is_found_by_its_name, state),
        };
        failed += cmocka_run_group_tests_name(v->name, tests, NULL, NULL);
    }
    return failed;
}
