/* Training: it learns, it is the same with any number of threads, and it leaves the caller's
 * parameters alone when it fails. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "models/model.h"
#include "models/train.h"

#define SEED 5u
#define ROWS 500u

static const char autoencoder[] =
    "model: ae\ninput: {features: 6}\n"
    "layers: [{dense: {units: 16}}, relu, {dense: {units: 2, name: code}},\n"
    "  {dense: {units: 16}}, relu, {dense: {units: 6, name: out, local: true}}]\n"
    "loss: mse\ntarget: input\n";
static const char regression[] = "model: line\ninput: {features: 3}\nlayers: [{dense: {units: 1}}]\n"
                                 "loss: mse\ntarget: labels\n";
static const char classifier[] = "model: rings\ninput: {features: 2}\n"
                                 "layers: [{dense: {units: 24}}, tanh, {dense: {units: 3}}]\n"
                                 "loss: cross_entropy\ntarget: labels\n";
static const char convolution[] = "model: conv\ninput: {features: 2, window: 12}\n"
                                  "layers: [{conv1d: {filters: 6, size: 5, padding: same}}, relu,\n"
                                  "  {max_pool1d: {size: 2}}, flatten, {dense: {units: 24}}]\n"
                                  "loss: mse\ntarget: input\n";

/* A model, its first parameters, and data that it can learn. */
typedef struct fixture {
    an_model *m;
    size_t n_params;
    float *params, *first, *x, *t;
    an_train_opts opts;
} fixture;

/* Points of a sheet of two dimensions in the space of the inputs. */
static void make_inputs(const fixture *f, an_rng *r)
{
    size_t n_in = an_model_n_inputs(f->m);
    for (size_t i = 0; i < ROWS; i++) {
        double a = an_rng_normal(r), b = an_rng_normal(r);
        for (size_t k = 0; k < n_in; k++)
            f->x[i * n_in + k] = (float)(sin(0.7 * (double)k) * a + cos(1.3 * (double)k) * b);
    }
}

static void fixture_init(fixture *f, const char *text)
{
    an_note why = {0};
    memset(f, 0, sizeof *f);
    an_err err = an_model_new(text, strlen(text), "test.yaml", 0, &f->m, &why);
    if (err != AN_OK)
        fail_msg("%s", why.text);
    f->n_params = an_model_n_params(f->m);
    f->params = an_alloc(f->n_params, sizeof *f->params);
    f->first = an_alloc(f->n_params, sizeof *f->first);
    f->x = an_alloc(ROWS * an_model_n_inputs(f->m), sizeof *f->x);
    f->t = an_alloc(ROWS * an_model_n_targets(f->m), sizeof *f->t);
    assert_true(f->params && f->first && f->x && f->t);
    an_rng r;
    an_rng_init(&r, SEED, 0);
    make_inputs(f, &r);
    an_model_init(f->m, SEED, f->params);
    memcpy(f->first, f->params, f->n_params * sizeof *f->params);
    f->opts = an_train_defaults();
    f->opts.seed = SEED;
    f->opts.epochs = 3;
}

static void fixture_done(fixture *f)
{
    an_model_free(f->m);
    an_free(f->params);
    an_free(f->first);
    an_free(f->x);
    an_free(f->t);
}

static void train(fixture *f, an_train_stats *ret_stats)
{
    an_note why = {0};
    an_err err = an_train(f->m, f->params, &f->opts, f->x, f->t, ROWS, ret_stats, &why);
    if (err != AN_OK)
        fail_msg("%s", why.text);
}

static void restart(fixture *f)
{
    memcpy(f->params, f->first, f->n_params * sizeof *f->params);
}

static bool as_at_first(const fixture *f)
{
    return memcmp(f->params, f->first, f->n_params * sizeof *f->params) == 0;
}

static void a_line_is_found(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, regression);
    an_rng r;
    an_rng_init(&r, SEED, 9);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < 3; k++)
            f.x[3 * i + k] = (float)an_rng_normal(&r);
        f.t[i] = 2.0f * f.x[3 * i] - 3.0f * f.x[3 * i + 1] + 0.5f;
    }
    const char *optimisers[] = {"sgd", "adam", "adamw", "rmsprop"};
    for (size_t o = 0; o < 4; o++) {
        restart(&f);
        f.opts.optimiser = optimisers[o];
        f.opts.lr = 0.02;
        f.opts.epochs = 60;
        an_train_stats stats;
        train(&f, &stats);
        const float want[4] = {2.0f, -3.0f, 0.0f, 0.5f};
        for (size_t k = 0; k < 4; k++)
            assert_float_equal(f.params[k], want[k], 1e-2f);
        assert_int_equal(stats.steps, 60 * 8);
        assert_int_equal(stats.epochs, 60);
        assert_true(stats.last_loss < 0.01 * stats.first_loss);
    }
    fixture_done(&f);
}

static void an_autoencoder_finds_the_sheet_its_data_lie_on(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, autoencoder);
    double before, after;
    an_err err = an_train_loss(f.m, f.params, f.x, NULL, ROWS, &before, NULL);
    assert_int_equal(err, AN_OK);
    f.opts.epochs = 40;
    f.opts.lr = 5e-3;
    f.opts.batch = 32;
    train(&f, NULL);
    err = an_train_loss(f.m, f.params, f.x, NULL, ROWS, &after, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(after < 0.05 * before);
    fixture_done(&f);
}

static void classes_are_told_apart(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, classifier);
    for (size_t i = 0; i < ROWS; i++) {
        float radius = sqrtf(f.x[2 * i] * f.x[2 * i] + f.x[2 * i + 1] * f.x[2 * i + 1]);
        f.t[i] = radius < 0.7f ? 0.0f : radius < 1.5f ? 1.0f : 2.0f;
    }
    f.opts.epochs = 150;
    f.opts.lr = 1e-2;
    train(&f, NULL);
    an_ws *ws = NULL;
    an_err err = an_ws_new(f.m, AN_WS_FORWARD, ROWS, &ws);
    assert_int_equal(err, AN_OK);
    const float *y = an_model_forward(f.m, ws, f.params, ROWS, f.x);
    size_t right = 0;
    for (size_t i = 0; i < ROWS; i++) {
        size_t best = 0;
        for (size_t k = 1; k < 3; k++)
            best = y[3 * i + k] > y[3 * i + best] ? k : best;
        right += (float)best == f.t[i];
    }
    assert_true(right > ROWS * 95 / 100);
    an_ws_free(ws);
    fixture_done(&f);
}

static void the_number_of_threads_changes_no_bit(void **state)
{
    (void)state;
    const char *texts[] = {autoencoder, convolution};
    const size_t batches[] = {1, 7, 40, 64, 200, 1000};
    for (size_t i = 0; i < 2; i++)
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            an_hash h[3];
            for (size_t k = 0; k < 3; k++) {
                fixture f;
                fixture_init(&f, texts[i]);
                f.opts.n_threads = (size_t[]){1, 4, 3}[k];
                f.opts.batch = batches[b];
                f.opts.epochs = 2;
                f.opts.clip_norm = 0.5;
                f.opts.weight_decay = 0.01;
                f.opts.prox_mu = 0.1;
                train(&f, NULL);
                an_hash_of(&h[k], f.params, f.n_params * sizeof *f.params);
                fixture_done(&f);
            }
            assert_true(an_hash_equal(&h[0], &h[1]));
            assert_true(an_hash_equal(&h[0], &h[2]));
        }
}

static void another_seed_takes_another_way(void **state)
{
    (void)state;
    fixture a, b;
    fixture_init(&a, autoencoder);
    fixture_init(&b, autoencoder);
    b.opts.seed++;
    train(&a, NULL);
    train(&b, NULL);
    assert_memory_not_equal(a.params, b.params, a.n_params * sizeof *a.params);
    fixture_done(&a);
    fixture_done(&b);
}

static void what_is_frozen_keeps_every_bit(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, autoencoder);
    const an_train_scope scopes[] = {AN_TRAIN_SHARED, AN_TRAIN_LOCAL, AN_TRAIN_ALL};
    for (size_t k = 0; k < 3; k++) {
        bool frozen[8] = {true};
        restart(&f);
        f.opts.scope = scopes[k];
        f.opts.frozen = frozen;
        f.opts.weight_decay = 0.1;
        train(&f, NULL);
        for (size_t i = 0; i < an_model_n_tensors(f.m); i++) {
            const an_tensor *t = an_model_tensor_at(f.m, i);
            bool stays = i == 0 || (k == 0 && t->local) || (k == 1 && !t->local);
            bool same = memcmp(f.params + t->offset, f.first + t->offset, t->n * sizeof(float)) == 0;
            assert_int_equal(same, stays);
        }
    }
    fixture_done(&f);
}

static void layers_that_the_description_freezes_stay_wherever_it_is_trained(void **state)
{
    (void)state;
    static const char text[] = "model: m\ninput: {features: 4}\nlayers:\n"
                               "  - dense: {name: kept, units: 5, frozen: true}\n  - tanh\n"
                               "  - dense: {name: own, units: 4, local: true}\n"
                               "  - dense: {name: head, units: 4}\nloss: mse\ntarget: input\n";
    const an_train_scope scopes[] = {AN_TRAIN_SHARED, AN_TRAIN_LOCAL, AN_TRAIN_ALL};
    an_model *m = NULL;
    float x[64], params[69], first[69];
    an_train_opts o = an_train_defaults();
    assert_int_equal(an_model_new(text, sizeof text - 1, "text", 0, &m, NULL), AN_OK);
    assert_int_equal(an_model_n_params(m), 69);
    an_model_init(m, 1, first);
    for (int i = 0; i < 64; i++)
        x[i] = (float)sin(i);
    o.epochs = 2;
    o.batch = 4;
    for (size_t k = 0; k < 3; k++) {
        memcpy(params, first, sizeof first);
        o.scope = scopes[k];
        assert_int_equal(an_train(m, params, &o, x, NULL, 16, NULL, NULL), AN_OK);
        assert_memory_equal(params, first, 25 * sizeof *first);
        assert_memory_not_equal(params, first, sizeof first);
    }
    an_model_free(m);
}

static double moved(const fixture *f, const float *from)
{
    double sum = 0.0;
    for (size_t i = 0; i < f->n_params; i++)
        sum += ((double)f->params[i] - (double)from[i]) * ((double)f->params[i] - (double)from[i]);
    return sqrt(sum);
}

static void proximity_and_anchor_hold_parameters_back(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, autoencoder);
    f.opts.optimiser = "sgd";
    f.opts.lr = 0.01;
    train(&f, NULL);
    double freely = moved(&f, f.first);
    restart(&f);
    f.opts.prox_mu = 20.0;
    train(&f, NULL);
    assert_true(moved(&f, f.first) < 0.3 * freely);
    restart(&f);
    f.opts.prox_mu = 0.0;
    f.opts.l2sp = 20.0;
    float *anchor = an_alloc(f.n_params, sizeof *anchor);
    assert_non_null(anchor);
    f.opts.anchor = anchor;
    double before = moved(&f, anchor);
    train(&f, NULL);
    assert_true(moved(&f, anchor) < 0.3 * before);
    an_free(anchor);
    fixture_done(&f);
}

static void clipping_bounds_a_step(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, autoencoder);
    f.opts.optimiser = "sgd";
    f.opts.momentum = 0.0;
    f.opts.lr = 1.0;
    f.opts.clip_norm = 1e-3;
    f.opts.epochs = 1;
    f.opts.batch = ROWS;
    an_train_stats stats;
    train(&f, &stats);
    assert_int_equal(stats.clipped, 1);
    assert_float_equal(moved(&f, f.first), 1e-3, 1e-5);
    fixture_done(&f);
}

static void a_value_that_is_not_finite_stops_training_and_changes_nothing(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, autoencoder);
    an_note why = {0};
    f.x[1234] = NAN;
    an_err err = an_train(f.m, f.params, &f.opts, f.x, NULL, ROWS, NULL, &why);
    assert_int_equal(err, AN_ERR_NUMERIC);
    assert_non_null(strstr(why.text, "step "));
    assert_true(as_at_first(&f));
    double loss;
    err = an_train_loss(f.m, f.params, f.x, NULL, ROWS, &loss, NULL);
    assert_int_equal(err, AN_ERR_NUMERIC);
    f.x[1234] = 0.0f;
    f.opts.optimiser = "sgd";
    f.opts.lr = 1000.0;
    f.opts.epochs = 50;
    err = an_train(f.m, f.params, &f.opts, f.x, NULL, ROWS, NULL, &why);
    assert_int_equal(err, AN_ERR_NUMERIC);
    assert_true(as_at_first(&f));
    fixture_done(&f);
}

typedef struct watch {
    size_t calls;
    double fraction;
    atomic_bool stop;
} watch;

static void watch_progress(void *arg, size_t epoch, double loss, double fraction)
{
    watch *w = arg;
    assert_true(fraction > w->fraction && fraction <= 1.0);
    assert_true(isfinite(loss) && epoch < 3);
    w->fraction = fraction;
    w->calls++;
    if (fraction > 0.5)
        atomic_store(&w->stop, true);
}

static void progress_is_told_and_a_cancel_is_heard(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, autoencoder);
    watch w = {0};
    f.opts.progress = watch_progress;
    f.opts.progress_arg = &w;
    train(&f, NULL);
    assert_true(w.fraction == 1.0);
    assert_true(w.calls >= 3);
    restart(&f);
    w = (watch){0};
    f.opts.cancel = &w.stop;
    an_err err = an_train(f.m, f.params, &f.opts, f.x, NULL, ROWS, NULL, NULL);
    assert_int_equal(err, AN_ERR_CANCELLED);
    assert_true(w.fraction < 0.6);
    assert_true(as_at_first(&f));
    fixture_done(&f);
}

static void wrong_options_are_refused_with_their_bounds(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, classifier);
    an_train_opts good = f.opts, bad[9];
    for (size_t i = 0; i < 9; i++)
        bad[i] = good;
    bad[0].epochs = 0;
    bad[1].batch = 0;
    bad[2].lr = NAN;
    bad[3].momentum = 1.0;
    bad[4].n_threads = 0;
    bad[5].optimiser = "sgdd";
    bad[6].l2sp = 1.0;
    bad[7].clip_norm = -1.0;
    bad[8].scope = AN_TRAIN_LOCAL;
    for (size_t i = 0; i < 9; i++) {
        an_note why = {0};
        an_err err = an_train(f.m, f.params, &bad[i], f.x, f.t, ROWS, NULL, &why);
        assert_int_equal(err, AN_ERR_INVAL);
        assert_true(why.text[0] != '\0');
    }
    const float classes[] = {-1.0f, 3.0f, 0.5f, NAN};
    for (size_t i = 0; i < 4; i++) {
        f.t[77] = classes[i];
        an_err err = an_train(f.m, f.params, &good, f.x, f.t, ROWS, NULL, NULL);
        assert_int_equal(err, AN_ERR_INVAL);
    }
    an_err err = an_train(f.m, f.params, &good, f.x, NULL, ROWS, NULL, NULL);
    assert_int_equal(err, AN_ERR_INVAL);
    err = an_train(f.m, f.params, &good, f.x, f.t, 0, NULL, NULL);
    assert_int_equal(err, AN_ERR_INVAL);
    assert_true(as_at_first(&f));
    fixture_done(&f);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, autoencoder);
    f.opts.n_threads = 2;
    f.opts.epochs = 1;
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = an_train(f.m, f.params, &f.opts, f.x, NULL, ROWS, NULL, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && as_at_first(&f)));
    } while (err != AN_OK);
    assert_true(n > 10);
    assert_int_equal(an_mem_live(), live);
    double loss;
    an_mem_fail_after(0);
    err = an_train_loss(f.m, f.params, f.x, NULL, ROWS, &loss, NULL);
    an_mem_fail_never();
    assert_int_equal(err, AN_ERR_NOMEM);
    fixture_done(&f);
}

int main(void)
{
    if (an_crypto_init() != AN_OK)
        return 1;
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    printf("seed %u\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_found),
        cmocka_unit_test(an_autoencoder_finds_the_sheet_its_data_lie_on),
        cmocka_unit_test(classes_are_told_apart),
        cmocka_unit_test(the_number_of_threads_changes_no_bit),
        cmocka_unit_test(another_seed_takes_another_way),
        cmocka_unit_test(what_is_frozen_keeps_every_bit),
        cmocka_unit_test(layers_that_the_description_freezes_stay_wherever_it_is_trained),
        cmocka_unit_test(proximity_and_anchor_hold_parameters_back),
        cmocka_unit_test(clipping_bounds_a_step),
        cmocka_unit_test(a_value_that_is_not_finite_stops_training_and_changes_nothing),
        cmocka_unit_test(progress_is_told_and_a_cancel_is_heard),
        cmocka_unit_test(wrong_options_are_refused_with_their_bounds),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
