/* When training stops, how its rate changes, and that what mattered before stays. */
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
#include "models/fisher.h"
#include "models/kernels/kernels.h"
#include "models/train.h"

#define SEED 17u
#define ROWS 200u
#define INPUTS 5u

static const char wide[] = "model: wide\ninput: {features: 5}\nlayers: [{dense: {units: 40}}, tanh,\n"
                           "  {dense: {units: 1}}]\nloss: mse\ntarget: labels\n";
static const char line[] =
    "model: line\ninput: {features: 5}\nlayers: [{dense: {units: 1}}]\nloss: mse\ntarget: labels\n";
/* One image needs more than a group's share of memory. */
static const char large[] = "model: large\ninput: {height: 40, width: 40, channels: 1}\n"
                            "layers: [{conv2d: {filters: 24, size: 3}}, relu, {max_pool2d: {size: 4}}, "
                            "flatten, {dense: {units: 1}}]\n"
                            "loss: mse\ntarget: labels\n";

typedef struct fixture {
    an_model *m;
    size_t n_params;
    float *params, *first, *x, *t;
    an_train_opts opts;
} fixture;

/* Targets are the first input and noise: a large model learns the noise by heart. */
static void fixture_init(fixture *f, const char *text)
{
    an_note why = {0};
    memset(f, 0, sizeof *f);
    if (an_model_new(text, strlen(text), "test", 0, &f->m, &why) != AN_OK)
        fail_msg("%s", why.text);
    const size_t n_in = an_model_n_inputs(f->m);
    f->n_params = an_model_n_params(f->m);
    f->params = an_alloc(f->n_params, sizeof *f->params);
    f->first = an_alloc(f->n_params, sizeof *f->first);
    f->x = an_alloc(ROWS * n_in, sizeof *f->x);
    f->t = an_alloc(ROWS, sizeof *f->t);
    assert_true(f->params && f->first && f->x && f->t);
    an_rng r;
    an_rng_init(&r, SEED, 0);
    for (size_t i = 0; i < ROWS * n_in; i++)
        f->x[i] = (float)an_rng_normal(&r);
    for (size_t i = 0; i < ROWS; i++)
        f->t[i] = f->x[i * n_in] + (float)an_rng_normal(&r);
    an_model_init(f->m, SEED, f->params);
    memcpy(f->first, f->params, f->n_params * sizeof *f->params);
    f->opts = an_train_defaults();
    f->opts.seed = SEED;
    f->opts.batch = 20;
}

static void fixture_done(fixture *f)
{
    an_model_free(f->m);
    an_free(f->params);
    an_free(f->first);
    an_free(f->x);
    an_free(f->t);
}

static an_train_stats train(fixture *f)
{
    an_note why = {0};
    an_train_stats stats = {0};
    memcpy(f->params, f->first, f->n_params * sizeof *f->params);
    an_err err = an_train(f->m, f->params, &f->opts, f->x, f->t, ROWS, &stats, &why);
    if (err != AN_OK)
        fail_msg("%s", why.text);
    return stats;
}

typedef struct log {
    size_t n, best;
    double lowest, valid[400], lr[400];
} log_of;

static void on_epoch(void *arg, const an_train_epoch *e)
{
    log_of *l = arg;
    assert_int_equal(e->epoch, l->n);
    assert_true(isfinite(e->loss) && isfinite(e->valid_loss));
    l->valid[l->n] = e->valid_loss;
    l->lr[l->n++] = e->lr;
    if (e->best) {
        l->best = e->epoch;
        l->lowest = e->valid_loss;
    }
}

static void training_ends_when_the_validation_part_gets_no_better_and_gives_back_the_best(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, wide);
    log_of l = {0};
    f.opts.epochs = 400;
    f.opts.lr = 0.02;
    f.opts.validation = 0.25;
    f.opts.patience = 5;
    f.opts.epoch_end = on_epoch;
    f.opts.progress_arg = &l;
    an_train_stats s = train(&f);
    assert_true(s.stopped && s.epochs < 400);
    assert_int_equal(s.epochs, l.n);
    assert_int_equal(s.best_epoch + 5 + 1, s.epochs);
    assert_int_equal(s.best_epoch, l.best);
    for (size_t i = 0; i < l.n; i++)
        assert_true(l.valid[i] >= s.valid_loss);
    double loss;
    const size_t n = ROWS * 3 / 4;
    an_err err = an_train_loss(f.m, f.params, f.x + n * INPUTS, f.t + n, ROWS - n, &loss, NULL);
    assert_int_equal(err, AN_OK);
    assert_float_equal(loss, s.valid_loss, 1e-6);
    fixture_done(&f);
}

typedef struct stop {
    atomic_bool cancel;
    size_t after; /* epochs */
    log_of log;
} stop;

static void stop_after(void *arg, const an_train_epoch *e)
{
    stop *s = arg;
    on_epoch(&s->log, e);
    atomic_store(&s->cancel, e->epoch + 1 >= s->after);
}

static void a_cancelled_training_keeps_the_best_so_far_where_that_is_asked_for(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, wide);
    stop s = {.after = 60};
    f.opts.epochs = 400;
    f.opts.lr = 0.02;
    f.opts.validation = 0.25;
    f.opts.epoch_end = stop_after;
    f.opts.progress_arg = &s;
    f.opts.cancel = &s.cancel;
    an_err err = an_train(f.m, f.params, &f.opts, f.x, f.t, ROWS, NULL, NULL);
    assert_int_equal(err, AN_ERR_CANCELLED);
    assert_memory_equal(f.params, f.first, f.n_params * sizeof *f.params);
    atomic_store(&s.cancel, false);
    s.log = (log_of){0};
    f.opts.keep = true;
    an_train_stats stats = train(&f);
    assert_true(stats.cancelled && !stats.stopped && stats.epochs == 60);
    assert_true(stats.best_epoch == s.log.best && stats.best_epoch < 59);
    assert_float_equal(stats.valid_loss, s.log.lowest, 0);
    double loss;
    const size_t n = ROWS * 3 / 4;
    err = an_train_loss(f.m, f.params, f.x + n * INPUTS, f.t + n, ROWS - n, &loss, NULL);
    assert_int_equal(err, AN_OK);
    assert_float_equal(loss, stats.valid_loss, 1e-6);
    atomic_store(&s.cancel, true); /* before the first epoch there is nothing to keep */
    err = an_train(f.m, f.params, &f.opts, f.x, f.t, ROWS, NULL, NULL);
    assert_int_equal(err, AN_ERR_CANCELLED);
    fixture_done(&f);
}

static void the_validation_part_is_not_learnt_from(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, wide);
    f.opts.validation = 0.25;
    train(&f);
    float *kept = an_alloc(f.n_params, sizeof *kept);
    assert_non_null(kept);
    memcpy(kept, f.params, f.n_params * sizeof *kept);
    for (size_t i = ROWS * 3 / 4; i < ROWS; i++)
        f.t[i] = 100.0f;
    an_train_stats s = train(&f);
    assert_memory_equal(kept, f.params, f.n_params * sizeof *kept);
    assert_true(s.valid_loss > 1000.0 && !s.stopped && s.best_epoch == 9);
    an_free(kept);
    fixture_done(&f);
}

static void the_rate_follows_the_schedule(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, line);
    log_of l = {0};
    f.opts.epochs = 6;
    f.opts.lr = 0.1;
    f.opts.schedule = "step";
    f.opts.lr_every = 2;
    f.opts.warmup = 1;
    f.opts.epoch_end = on_epoch;
    f.opts.progress_arg = &l;
    train(&f);
    const double want[] = {0.1, 0.1, 0.1, 0.01, 0.01, 0.001};
    for (size_t i = 0; i < 6; i++)
        assert_float_equal(l.lr[i], want[i], 1e-9);
    fixture_done(&f);
}

static void groups_of_rows_change_neither_threads_nor_what_is_learnt(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, large);
    f.opts.epochs = 1;
    f.opts.batch = 100;
    f.opts.validation = 0.1;
    an_train_stats one = train(&f);
    float *kept = an_alloc(f.n_params, sizeof *kept);
    assert_non_null(kept);
    memcpy(kept, f.params, f.n_params * sizeof *kept);
    f.opts.n_threads = 4;
    an_train_stats four = train(&f);
    assert_memory_equal(kept, f.params, f.n_params * sizeof *kept);
    assert_true(one.valid_loss == four.valid_loss && one.last_loss == four.last_loss);
    an_free(kept);
    fixture_done(&f);
}

/* For a line the Fisher diagonal of the squared error can be worked out by hand. */
static void fisher_information_is_the_mean_square_of_the_rows_gradients(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, line);
    float got[INPUTS + 1], again[INPUTS + 1];
    double want[INPUTS + 1] = {0};
    for (size_t i = 0; i < ROWS; i++) {
        double d = (double)f.params[INPUTS] - (double)f.t[i];
        for (size_t k = 0; k < INPUTS; k++)
            d += (double)f.params[k] * (double)f.x[i * INPUTS + k];
        for (size_t k = 0; k <= INPUTS; k++) {
            double g = 2.0 * d * (k < INPUTS ? (double)f.x[i * INPUTS + k] : 1.0);
            want[k] += g * g / ROWS;
        }
    }
    an_err err = an_fisher_diagonal(f.m, f.params, f.x, f.t, ROWS, 1, got, NULL);
    assert_int_equal(err, AN_OK);
    err = an_fisher_diagonal(f.m, f.params, f.x, f.t, ROWS, 3, again, NULL);
    assert_int_equal(err, AN_OK);
    assert_memory_equal(got, again, sizeof got);
    for (size_t k = 0; k <= INPUTS; k++)
        assert_true(fabs((double)got[k] - want[k]) <= 1e-4 * want[k]);
    size_t n = 0;
    do {
        an_mem_fail_after(n++);
        err = an_fisher_diagonal(f.m, f.params, f.x, f.t, ROWS, 2, again, NULL);
        an_mem_fail_never();
    } while (err == AN_ERR_NOMEM);
    assert_int_equal(err, AN_OK);
    f.t[7] = NAN;
    err = an_fisher_diagonal(f.m, f.params, f.x, f.t, ROWS, 1, again, NULL);
    assert_int_equal(err, AN_ERR_NUMERIC);
    assert_memory_equal(got, again, sizeof got);
    fixture_done(&f);
}

/* The old task moves the first input only, the new one the second only: with the old task's
 * information the first weight stays and the second is free to learn. */
static void consolidation_keeps_what_the_old_task_needs(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, line);
    for (size_t i = 0; i < ROWS; i++) {
        f.x[i * INPUTS + 1] = 0.0f;
        f.t[i] = 2.0f * f.x[i * INPUTS] + 0.1f * f.x[i * INPUTS + 2];
    }
    f.opts.epochs = 40;
    f.opts.lr = 0.02;
    train(&f);
    assert_float_equal(f.params[0], 2.0f, 0.05f);
    memcpy(f.first, f.params, f.n_params * sizeof *f.first);
    float *fisher = an_alloc(f.n_params, sizeof *fisher);
    assert_non_null(fisher);
    for (size_t i = 0; i < ROWS; i++)
        f.t[i] += 1.0f; /* so that there is something left to be explained */
    an_err err = an_fisher_diagonal(f.m, f.first, f.x, f.t, ROWS, 1, fisher, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(fisher[1] == 0.0f && fisher[0] > 0.5f);
    an_rng r;
    an_rng_init(&r, SEED, 4);
    for (size_t i = 0; i < ROWS; i++) {
        f.x[i * INPUTS + 1] = (float)an_rng_normal(&r);
        f.t[i] = 3.0f * f.x[i * INPUTS + 1] + f.x[i * INPUTS];
    }
    f.opts.ewc = 100;
    f.opts.anchor = f.first;
    f.opts.fisher = fisher;
    train(&f);
    assert_float_equal(f.params[0], 2.0f, 0.1f);
    assert_float_equal(f.params[1], 3.0f, 0.3f);
    an_free(fisher);
    fixture_done(&f);
}

static void options_that_lack_what_they_need_are_refused(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, line);
    an_train_opts bad[6];
    for (size_t i = 0; i < 6; i++)
        bad[i] = f.opts;
    bad[0].patience = 3;
    bad[1].ewc = 1;
    bad[2].schedule = "cosinus";
    bad[3].validation = 0.001;
    bad[4].lr_every = 0;
    bad[5].validation = NAN;
    for (size_t i = 0; i < 6; i++) {
        an_note why = {0};
        an_err err = an_train(f.m, f.params, &bad[i], f.x, f.t, ROWS, NULL, &why);
        assert_int_equal(err, AN_ERR_INVAL);
        assert_true(why.text[0] != '\0');
    }
    fixture g; /* its targets lie beyond 0..1 */
    fixture_init(&g, "model: share\ninput: {features: 5}\nlayers: [{dense: {units: 1}}]\nloss: bce\n"
                     "target: labels\n");
    assert_int_equal(an_train(g.m, g.params, &g.opts, g.x, g.t, ROWS, NULL, NULL), AN_ERR_INVAL);
    fixture_done(&g);
    f.opts.validation = 0.2;
    f.opts.patience = 2;
    f.opts.n_threads = 2;
    size_t n = 0, live = an_mem_live();
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = an_train(f.m, f.params, &f.opts, f.x, f.t, ROWS, NULL, NULL);
        an_mem_fail_never();
    } while (err == AN_ERR_NOMEM);
    assert_int_equal(err, AN_OK);
    assert_int_equal(an_mem_live(), live);
    fixture_done(&f);
}

int main(void)
{
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    printf("seed %u\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_ends_when_the_validation_part_gets_no_better_and_gives_back_the_best),
        cmocka_unit_test(a_cancelled_training_keeps_the_best_so_far_where_that_is_asked_for),
        cmocka_unit_test(the_validation_part_is_not_learnt_from),
        cmocka_unit_test(the_rate_follows_the_schedule),
        cmocka_unit_test(groups_of_rows_change_neither_threads_nor_what_is_learnt),
        cmocka_unit_test(fisher_information_is_the_mean_square_of_the_rows_gradients),
        cmocka_unit_test(consolidation_keeps_what_the_old_task_needs),
        cmocka_unit_test(options_that_lack_what_they_need_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
