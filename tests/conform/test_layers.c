/* Every row of the table of layers: several shapes, every combination of a few option values.
 * The gradient is held against finite differences of the forward pass along random directions.
 * A new layer is tested by being in the table. */
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

#define SEED 7u
#define STEP                                                                                                 \
    0.01 /* inputs lie 0.1 apart and directions are at most 1: no kink is crossed at 2 steps   \
          */

static const an_shape shapes[] = {{1, {7}},    {1, {1}},       {2, {9, 2}},
                                  {2, {5, 4}}, {3, {6, 5, 3}}, {3, {4, 4, 1}}};
static const size_t batches[] = {1, 2, 5};

/* One layer with everything that its passes need. */
typedef struct bench {
    an_layer l;
    size_t batch, n_x, n_y;
    float *w, *x, *y, *dy, *dx, *dw, *scratch, *saved, *dir_w, *dir_x, *moved_w, *moved_x;
    double own_loss;
    an_pass pass;
    an_rng rng;
} bench;

/* x, dx: of all inputs, one after the other. */
static void run_forward(bench *b, const float *w, size_t batch, const float *x, float *y)
{
    const float *in[AN_LAYER_INPUTS_MAX];
    for (size_t k = 0; k < b->l.n_inputs; k++) {
        in[k] = x;
        x += batch * b->l.inputs[k].n;
    }
    b->pass.batch = batch;
    b->own_loss = 0.0;
    b->l.type->forward(&b->l, &b->pass, w, in, y);
}

static void run_backward(bench *b, const float *w, size_t batch, const float *x, const float *y,
                         const float *dy, float *dx, float *dw)
{
    const float *in[AN_LAYER_INPUTS_MAX];
    float *out[AN_LAYER_INPUTS_MAX];
    for (size_t k = 0; k < b->l.n_inputs; k++) {
        in[k] = x;
        out[k] = dx;
        x += batch * b->l.inputs[k].n;
        dx = dx ? dx + batch * b->l.inputs[k].n : NULL;
    }
    b->pass.batch = batch;
    b->l.type->backward(&b->l, &b->pass, w, in, y, dy, out, dw);
}

static size_t floats_in(const an_layer *l)
{
    size_t n = 0;
    for (size_t k = 0; k < l->n_inputs; k++)
        n += l->inputs[k].n;
    return n;
}

static float *numbers(size_t n)
{
    float *p = an_alloc(n ? n : 1, sizeof *p);
    assert_non_null(p);
    return p;
}

static void fill(an_rng *r, float *p, size_t n, double size)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(size * (2.0 * an_rng_unit(r) - 1.0));
}

/* Distinct values 0.1 apart, none nearer to 0 than 0.05. */
static void spread(an_rng *r, float *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(((double)i - (double)n / 2.0) * 0.1 + (n % 2 ? 0.0 : 0.05));
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)an_rng_below(r, i);
        float t = p[i - 1];
        p[i - 1] = p[j];
        p[j] = t;
    }
}

/* What follows a mean may be a variance: it is positive.  No gradient moves it. */
static void fill_weights(an_rng *r, const an_layer *l, float *w, double size, bool move)
{
    fill(r, w, l->n_params, size);
    for (size_t i = 0; i < l->n_weights; i++)
        for (size_t k = 0, n = l->weights[i].follow > 0.0 ? l->weights[i].dims[0] : 0; k < n; k++) {
            float *at = w + l->weight_at[i] + k;
            *at = move ? 0.0f : 0.5f + fabsf(*at);
        }
}

static void bench_init(bench *b, const an_layer *l, size_t batch)
{
    b->l = *l;
    b->batch = batch;
    b->n_x = batch * floats_in(l);
    b->n_y = batch * l->out_n;
    an_rng_init(&b->rng, SEED, batch + l->in_n * 100);
    b->w = numbers(l->n_params);
    b->dw = numbers(l->n_params);
    b->dir_w = numbers(l->n_params);
    b->moved_w = numbers(l->n_params);
    b->x = numbers(b->n_x);
    b->dx = numbers(b->n_x);
    b->dir_x = numbers(b->n_x);
    b->moved_x = numbers(b->n_x);
    b->y = numbers(b->n_y);
    b->dy = numbers(b->n_y);
    b->scratch = numbers(l->n_scratch + batch * (l->n_scratch_row + l->n_scratch_dx_row));
    b->saved = numbers(l->n_saved + batch * l->n_saved_row);
    b->pass = (an_pass){.training = true,
                        .draw = {SEED, 3, 11},
                        .scratch = b->scratch,
                        .saved = b->saved,
                        .loss = &b->own_loss};
    fill_weights(&b->rng, l, b->w, 1.0, false);
    spread(&b->rng, b->x, b->n_x);
    fill(&b->rng, b->dy, b->n_y, 1.0);
}

static void bench_done(bench *b)
{
    float *all[] = {b->w,     b->dw,      b->dir_w, b->moved_w, b->x,       b->dx,
                    b->dir_x, b->moved_x, b->y,     b->dy,      b->scratch, b->saved};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        an_free(all[i]);
}

/* sum dy * forward(x + h dir_x, w + h dir_w); also the sum of absolute terms. */
static double projected(bench *b, double h, double *ret_size)
{
    const an_layer *l = &b->l;
    for (size_t i = 0; i < l->n_params; i++)
        b->moved_w[i] = (float)((double)b->w[i] + h * (double)b->dir_w[i]);
    for (size_t i = 0; i < b->n_x; i++)
        b->moved_x[i] = (float)((double)b->x[i] + h * (double)b->dir_x[i]);
    run_forward(b, b->moved_w, b->batch, b->moved_x, b->y);
    double sum = b->own_loss;
    *ret_size = 1.0;
    for (size_t i = 0; i < b->n_y; i++) {
        double term = (double)b->dy[i] * (double)b->y[i];
        sum += term;
        *ret_size += fabs(term);
    }
    return sum;
}

/* The slope along dir by differences; its error is of order step^4. */
static double slope(bench *b, double step, double *ret_size)
{
    double near = projected(b, step, ret_size) - projected(b, -step, ret_size);
    double far = projected(b, 2.0 * step, ret_size) - projected(b, -2.0 * step, ret_size);
    return (8.0 * near - far) / (12.0 * step);
}

static void check_gradient(bench *b)
{
    const an_layer *l = &b->l;
    run_forward(b, b->w, b->batch, b->x, b->y);
    memset(b->dw, 0, l->n_params * sizeof *b->dw);
    run_backward(b, b->w, b->batch, b->x, b->y, b->dy, b->dx, b->dw);
    for (int trial = 0; trial < 4; trial++) {
        fill_weights(&b->rng, l, b->dir_w, trial == 1 ? 0.0 : 1.0, true); /* x alone, w alone, both */
        fill(&b->rng, b->dir_x, b->n_x, trial == 2 ? 0.0 : 1.0);
        double want = 0.0;
        for (size_t i = 0; i < l->n_params; i++)
            want += (double)b->dw[i] * (double)b->dir_w[i];
        for (size_t i = 0; i < b->n_x; i++)
            want += (double)b->dx[i] * (double)b->dir_x[i];
        double size, got = slope(b, STEP, &size);
        /* A kind may have a kink of its own, as between two dense layers: a step too small to cross it,
         * but coarser for the rounding, must then agree. */
        if (!(fabs(got - want) <= 2e-4 * size + 1e-4 * fabs(want)))
            got = slope(b, STEP / 16.0, &size);
        if (!(fabs(got - want) <= 2e-4 * size + 1e-4 * fabs(want))) {
            char in[AN_SHAPE_TEXT];
            an_shape_text(in, &l->in);
            fail_msg("%s on %s, batch %zu, trial %d: the gradient gives %.8g, differences give %.8g",
                     l->type->name, in, b->batch, trial, want, got);
        }
    }
}

static void check_conventions(bench *b)
{
    const an_layer *l = &b->l;
    const float *y_of_in_place = b->moved_x;
    /* dw is added to; dx may be NULL. */
    for (size_t i = 0; i < l->n_params; i++)
        b->moved_w[i] = 1.0f;
    run_forward(b, b->w, b->batch, b->x, b->y);
    run_backward(b, b->w, b->batch, b->x, b->y, b->dy, NULL, b->moved_w);
    for (size_t i = 0; i < l->n_params; i++)
        assert_float_equal(b->moved_w[i], b->dw[i] + 1.0f, 1e-3f);
    if (!l->type->in_place)
        return;
    assert_int_equal(b->n_x, b->n_y);
    memcpy(b->moved_x, b->x, b->n_x * sizeof *b->x);
    run_forward(b, b->w, b->batch, b->moved_x, b->moved_x);
    assert_memory_equal(y_of_in_place, b->y, b->n_y * sizeof *b->y);
    memcpy(b->dir_x, b->dy, b->n_y * sizeof *b->dy);
    run_backward(b, b->w, b->batch, y_of_in_place, y_of_in_place, b->dir_x, b->dir_x, b->dw);
    assert_memory_equal(b->dir_x, b->dx, b->n_x * sizeof *b->dx);
}

static size_t n_choices(const an_layer_opt *o)
{
    size_t n = 1;
    if (o->kind == AN_LAYER_OPT_REAL)
        return 1;
    if (o->kind == AN_LAYER_OPT_COUNT)
        return 3;
    for (const char *c = o->choices; *c; c++)
        n += *c == ' ';
    return n;
}

static double choice(const an_layer_opt *o, size_t i)
{
    if (o->kind == AN_LAYER_OPT_REAL)
        return o->fallback;
    return o->kind == AN_LAYER_OPT_COUNT ? o->min + (double)i : (double)i;
}

/* Inputs of the same shape. */
static void take_inputs(an_layer *l, size_t n, const an_shape *s)
{
    l->n_inputs = n;
    for (size_t k = 0; k < l->n_inputs; k++)
        l->inputs[k] = (an_layer_input){.from = AN_LAYER_INPUT, .shape = *s};
}

typedef void visit_fn(const an_layer *l);

/* With so many inputs. */
static size_t each_layer_of(const an_layer_type *type, size_t n_inputs, visit_fn *visit)
{
    size_t n_combinations = 1, n_opts = 0, visited = 0;
    for (; type->opts && type->opts[n_opts].key; n_opts++)
        n_combinations *= n_choices(&type->opts[n_opts]);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t c = 0; c < n_combinations; c++) {
            an_layer l = {.type = type};
            size_t rest = c;
            for (size_t o = 0; o < n_opts; o++) {
                l.opt[o] = choice(&type->opts[o], rest % n_choices(&type->opts[o]));
                rest /= n_choices(&type->opts[o]);
            }
            an_note why = {0};
            take_inputs(&l, n_inputs, &shapes[s]);
            an_err err = an_layer_size(&l, &why);
            if (err == AN_OK) {
                visit(&l);
                visited++;
            } else {
                assert_int_equal(err, AN_ERR_INVAL);
                assert_true(why.text[0] != '\0');
            }
        }
    return visited;
}

/* Calls visit for every shape and combination of options that fit; returns how many.  A kind that joins gets two inputs, then
 * three: some replace one by another. */
static size_t each_layer(const an_layer_type *type, visit_fn *visit)
{
    return type->joins ? each_layer_of(type, 2, visit) + each_layer_of(type, 3, visit)
                       : each_layer_of(type, 1, visit);
}

static void check_all_batches(const an_layer *l)
{
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        bench b = {0};
        bench_init(&b, l, batches[i]);
        check_gradient(&b);
        check_conventions(&b);
        bench_done(&b);
    }
}

static void its_gradient_is_the_slope_of_its_output(void **state)
{
    assert_true(each_layer(*state, check_all_batches) > 0);
}

static void check_rows(const an_layer *l)
{
    bench b = {0};
    bench_init(&b, l, 3);
    float *one = numbers(l->out_n), *row = numbers(floats_in(l));
    b.pass.training = !l->type->mixes_rows;
    run_forward(&b, b.w, 3, b.x, b.y);
    for (size_t i = 0; i < 3; i++) {
        size_t at = 0, to = 0;
        for (size_t k = 0; k < l->n_inputs; to += l->inputs[k].n, at += 3 * l->inputs[k].n, k++)
            memcpy(row + to, b.x + at + i * l->inputs[k].n, l->inputs[k].n * sizeof *row);
        b.pass.draw.row = 11 + i;
        run_forward(&b, b.w, 1, row, one);
        for (size_t j = 0; j < l->out_n; j++)
            assert_float_equal(one[j], b.y[i * l->out_n + j], 1e-4f);
    }
    an_free(one);
    an_free(row);
    bench_done(&b);
}

static void a_row_does_not_depend_on_its_neighbours(void **state)
{
    assert_true(each_layer(*state, check_rows) > 0);
}

/* The plain routes: no prepared weights, activation and mask as passes of their own. */
static void check_routes(const an_layer *l)
{
    static const char *const activations[] = {"relu", "leaky_relu"};
    for (size_t k = 0; k < 2; k++) {
        bench b = {0};
        an_layer act = {.type = an_layer_find(activations[k]), .opt = {0.25}};
        bench_init(&b, l, 5);
        float *y = numbers(b.n_y), *dx = numbers(b.n_x), *prepared = numbers(l->n_prepared);
        float slope = k ? 0.25f : 0.0f;
        run_forward(&b, b.w, 5, b.x, y);
        run_backward(&b, b.w, 5, b.x, y, b.dy, dx, b.dw);
        b.l.act = b.l.mask = l->type->fuses ? &act : NULL;
        if (l->n_prepared)
            l->type->prepare(l, b.w, prepared);
        for (int fast = 0; fast < 2; fast++) {
            b.pass.prepared = fast && l->n_prepared ? prepared : NULL;
            run_forward(&b, b.w, 5, b.x, b.y);
            run_backward(&b, b.w, 5, b.x, b.y, b.dy, b.dx, b.dw);
            for (size_t i = 0; i < b.n_y; i++)
                assert_float_equal(b.y[i], (b.l.act && y[i] < 0 ? slope : 1) * y[i], 1e-4f);
            for (size_t i = 0; i < b.n_x; i++)
                assert_float_equal(b.dx[i], (b.l.mask && !(b.x[i] > 0) ? slope : 1) * dx[i], 1e-3f);
        }
        float *all[] = {y, dx, prepared};
        for (size_t i = 0; i < 3; i++)
            an_free(all[i]);
        bench_done(&b);
    }
}

static void its_fast_routes_come_to_the_same_as_the_plain_ones(void **state)
{
    const an_layer_type *type = *state;
    if (type->fuses || type->prepare)
        assert_true(each_layer(type, check_routes) > 0);
}

static void it_is_found_by_its_name(void **state)
{
    const an_layer_type *type = *state;
    assert_ptr_equal(an_layer_find(type->name), type);
    assert_null(an_layer_find("no such layer"));
}

static void a_size_out_of_all_bounds_is_refused_not_believed(void **state)
{
    const an_layer_type *type = *state;
    const an_shape wide[] = {
        {1, {AN_MODEL_VALUES_MAX}}, {2, {1, AN_MODEL_VALUES_MAX}}, {3, {10000, 10000, 1}}};
    for (size_t s = 0; s < sizeof wide / sizeof *wide; s++) {
        an_layer l = {.type = type};
        for (size_t o = 0; type->opts && type->opts[o].key; o++)
            l.opt[o] = type->opts[o].kind == AN_LAYER_OPT_CHOICE ? 1.0 : type->opts[o].max;
        take_inputs(&l, type->joins ? 2 : 1, &wide[s]);
        an_err err = an_layer_size(&l, NULL);
        if (err == AN_OK) {
            assert_true(l.out_n <= AN_MODEL_VALUES_MAX && l.n_params <= AN_MODEL_PARAMS_MAX);
            assert_true(l.n_scratch <= AN_MODEL_VALUES_MAX && l.n_scratch_row <= AN_MODEL_VALUES_MAX);
            assert_true(l.n_saved <= AN_MODEL_VALUES_MAX && l.n_saved_row <= AN_MODEL_VALUES_MAX);
        } else {
            assert_true(err == AN_ERR_LIMIT || err == AN_ERR_INVAL);
        }
    }
}

int main(void)
{
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    printf("seed %u\n", SEED);
    int failed = 0;
    for (size_t i = 0; an_layer_at(i); i++) {
        void *type = (void *)(uintptr_t)an_layer_at(i);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(it_is_found_by_its_name, type),
            cmocka_unit_test_prestate(its_gradient_is_the_slope_of_its_output, type),
            cmocka_unit_test_prestate(a_row_does_not_depend_on_its_neighbours, type),
            cmocka_unit_test_prestate(its_fast_routes_come_to_the_same_as_the_plain_ones, type),
            cmocka_unit_test_prestate(a_size_out_of_all_bounds_is_refused_not_believed, type),
        };
        failed += cmocka_run_group_tests_name(an_layer_at(i)->name, tests, NULL, NULL);
    }
    return failed;
}
