/* Privacy of rows: each row's gradient is clipped by itself, however it is made; the noise is what the
 * caller's generator gives; what cannot be private is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/model.h"
#include "models/train.h"

#define ROWS 200u
#define SEED 11u

static const char dense[] =
    "model: ae\ninput: {features: 5}\n"
    "layers: [{dense: {units: 7}}, relu, {dense: {units: 3}}, tanh, {dense: {units: 5}}]\n"
    "loss: mse\ntarget: input\n";
static const char convolution[] = "model: conv\ninput: {features: 2, window: 8}\n"
                                  "layers: [{conv1d: {filters: 4, size: 3, padding: same}}, relu,\n"
                                  "  flatten, {dense: {units: 16}}]\nloss: mse\ntarget: input\n";
static const char mixing[] = "model: norm\ninput: {features: 5}\n"
                             "layers: [{dense: {units: 7}}, batch_norm, {dense: {units: 5}}]\n"
                             "loss: mse\ntarget: input\n";

/* A generator that can be foreseen: for tests alone. */
typedef struct source {
    an_rng rng;
    double sd; /* share of AN_TRAIN_NOISE_SD */
    size_t drawn;
} source;

static void random_bytes(void *arg, void *ret, size_t len)
{
    source *s = arg;
    uint8_t *out = ret;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(an_rng_u64(&s->rng) >> 56);
}

static void gauss(void *arg, int64_t *ret, size_t n)
{
    source *s = arg;
    for (size_t i = 0; i < n; i++)
        ret[i] = (int64_t)rint(an_rng_normal(&s->rng) * s->sd * AN_TRAIN_NOISE_SD);
    s->drawn += n;
}

typedef struct fixture {
    an_model *m;
    size_t n_params, n_in;
    float *params, *first, *x;
    source source;
    an_train_opts opts;
} fixture;

static void fixture_init(fixture *f, const char *text)
{
    an_note why = {0};
    an_rng r;
    memset(f, 0, sizeof *f);
    if (an_model_new(text, strlen(text), "test.yaml", 0, &f->m, &why) != AN_OK)
        fail_msg("%s", why.text);
    f->n_params = an_model_n_params(f->m);
    f->n_in = an_model_n_inputs(f->m);
    f->params = an_alloc(f->n_params, sizeof *f->params);
    f->first = an_alloc(f->n_params, sizeof *f->first);
    f->x = an_alloc(ROWS * f->n_in, sizeof *f->x);
    assert_true(f->params && f->first && f->x);
    an_rng_init(&r, SEED, 0);
    for (size_t i = 0; i < ROWS * f->n_in; i++)
        f->x[i] = (float)an_rng_normal(&r);
    an_model_init(f->m, SEED, f->first);
    memcpy(f->params, f->first, f->n_params * sizeof *f->params);
    an_rng_init(&f->source.rng, SEED, 1);
    f->source.sd = 0;
    f->opts = an_train_defaults();
    f->opts.optimiser = "sgd";
    f->opts.momentum = 0;
    f->opts.lr = 1;
    f->opts.epochs = 1;
    f->opts.private =
        (an_train_private){.clip = 0.5, .noise = 1, .rate = 1, .random = random_bytes, .gauss = gauss};
    f->opts.private.arg = &f->source;
}

static void fixture_done(fixture *f)
{
    an_model_free(f->m);
    an_free(f->params);
    an_free(f->first);
    an_free(f->x);
}

static void train(fixture *f, an_train_stats *stats)
{
    an_note why = {0};
    memcpy(f->params, f->first, f->n_params * sizeof *f->params);
    if (an_train(f->m, f->params, &f->opts, f->x, NULL, ROWS, stats, &why) != AN_OK)
        fail_msg("%s", why.text);
}

/* The mean of the rows' clipped gradients, by passes of one row. */
static void mean_of_clipped(const fixture *f, double clip, double *ret)
{
    an_ws *ws = NULL;
    float *one = an_alloc(f->n_params, sizeof *one);
    assert_non_null(one);
    assert_int_equal(an_ws_new(f->m, AN_WS_TRAIN, 1, &ws), AN_OK);
    memset(ret, 0, f->n_params * sizeof *ret);
    for (size_t r = 0; r < ROWS; r++) {
        double square = 0;
        memset(one, 0, f->n_params * sizeof *one);
        (void)an_model_grad(f->m, ws, f->first, 1, f->x + r * f->n_in, NULL, NULL, one);
        for (size_t i = 0; i < f->n_params; i++)
            square += (double)one[i] * (double)one[i];
        const double share = sqrt(square) > clip ? clip / sqrt(square) : 1.0;
        for (size_t i = 0; i < f->n_params; i++)
            ret[i] += share * (double)one[i] / ROWS;
    }
    an_ws_free(ws);
    an_free(one);
}

static void check_step(const char *text)
{
    fixture f;
    an_train_stats stats;
    fixture_init(&f, text);
    double *want = an_alloc(f.n_params, sizeof *want);
    assert_non_null(want);
    for (size_t threads = 1; threads <= 3; threads += 2) {
        f.opts.n_threads = threads;
        train(&f, &stats);
        assert_int_equal(stats.steps, 1);
        assert_true(stats.rows_clipped > 0.1 && stats.rows_clipped <= 1.0);
        mean_of_clipped(&f, f.opts.private.clip * (1 - 1e-4), want);
        for (size_t i = 0; i < f.n_params; i++)
            assert_true(fabs((double)(f.first[i] - f.params[i]) - want[i]) < 2e-6);
    }
    an_free(want);
    fixture_done(&f);
}

static void a_step_is_the_mean_of_gradients_that_are_clipped_row_by_row(void **state)
{
    (void)state;
    check_step(dense);
    check_step(convolution);
}

static void the_noise_of_a_step_has_the_standard_deviation_that_was_asked_for(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, dense);
    an_train_stats stats;
    double sum = 0, squares = 0;
    size_t n = 0;
    float *plain = an_alloc(f.n_params, sizeof *plain);
    assert_non_null(plain);
    f.opts.private.noise = 3;
    f.source.sd = 0;
    train(&f, &stats);
    memcpy(plain, f.params, f.n_params * sizeof *plain);
    f.source.sd = 1;
    for (size_t k = 0; k < 40; k++) {
        train(&f, &stats);
        for (size_t i = 0; i < f.n_params; i++, n++) {
            const double d = (double)(plain[i] - f.params[i]);
            sum += d;
            squares += d * d;
        }
    }
    const double sd = 3 * f.opts.private.clip / ROWS;
    assert_true(fabs(sum / (double)n) < 4 * sd / sqrt((double)n));
    assert_true(fabs(sqrt(squares / (double)n) / sd - 1) < 4 / sqrt(2 * (double)n));
    assert_int_equal(f.source.drawn, 41 * f.n_params);
    an_free(plain);
    fixture_done(&f);
}

static void rows_come_by_their_own_coins_and_an_empty_step_is_noise_alone(void **state)
{
    (void)state;
    fixture f;
    an_train_stats stats;
    fixture_init(&f, dense);
    f.opts.private.rate = 0.004; /* 0.8 rows in a step: many have none, some have three */
    f.opts.epochs = 4;
    f.source.sd = 1;
    train(&f, &stats);
    assert_int_equal(stats.steps, 1000);
    for (size_t i = 0; i < f.n_params; i++)
        assert_true(isfinite(f.params[i]));
    fixture_done(&f);
}

static void it_learns_with_little_noise(void **state)
{
    (void)state;
    fixture f;
    an_train_stats stats;
    an_note why = {0};
    double before = 0, after = 0;
    fixture_init(&f, dense);
    f.opts.optimiser = "adam";
    f.opts.lr = 0.01;
    f.opts.epochs = 40;
    f.opts.private.rate = 0.25;
    f.opts.private.noise = 0.05;
    f.source.sd = 1;
    train(&f, &stats);
    assert_int_equal(an_train_loss(f.m, f.first, f.x, NULL, ROWS, &before, &why), AN_OK);
    assert_int_equal(an_train_loss(f.m, f.params, f.x, NULL, ROWS, &after, &why), AN_OK);
    assert_true(after < 0.8 * before);
    fixture_done(&f);
}

static void refuse(fixture *f, an_err want)
{
    an_note why = {0};
    assert_int_equal(an_train(f->m, f->params, &f->opts, f->x, NULL, ROWS, NULL, &why), want);
    assert_true(why.text[0]);
    assert_memory_equal(f->params, f->first, f->n_params * sizeof *f->params);
}

static void what_cannot_be_private_is_refused(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, mixing);
    refuse(&f, AN_ERR_UNSUPPORTED);
    fixture_done(&f);
    fixture_init(&f, dense);
    const an_train_opts good = f.opts;
    f.opts.validation = 0.2;
    refuse(&f, AN_ERR_INVAL);
    f.opts = good;
    f.opts.precision = AN_TRAIN_BF16;
    an_note why;
    assert_true(an_train(f.m, f.params, &f.opts, f.x, NULL, ROWS, NULL, &why) != AN_OK);
    f.opts = good;
    f.opts.private.rate = 1.5;
    refuse(&f, AN_ERR_INVAL);
    f.opts = good;
    f.opts.private.noise = 0;
    refuse(&f, AN_ERR_INVAL);
    f.opts.private.noise = 1e6; /* the grid would take more than half of the clip */
    refuse(&f, AN_ERR_INVAL);
    f.opts = good;
    f.opts.private.random = NULL;
    refuse(&f, AN_ERR_INVAL);
    fixture_done(&f);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    const char *texts[] = {dense, convolution};
    for (size_t t = 0; t < 2; t++) {
        fixture f;
        an_err err;
        size_t n = 0;
        fixture_init(&f, texts[t]);
        do {
            an_mem_fail_after(n++);
            err = an_train(f.m, f.params, &f.opts, f.x, NULL, ROWS, NULL, NULL);
            assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        } while (err != AN_OK);
        an_mem_fail_never();
        assert_true(n > 5);
        fixture_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_the_mean_of_gradients_that_are_clipped_row_by_row),
        cmocka_unit_test(the_noise_of_a_step_has_the_standard_deviation_that_was_asked_for),
        cmocka_unit_test(rows_come_by_their_own_coins_and_an_empty_step_is_noise_alone),
        cmocka_unit_test(it_learns_with_little_noise),
        cmocka_unit_test(what_cannot_be_private_is_refused),
        cmocka_unit_test(survives_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
