/* Training with operands in bfloat16: it learns what training in float learns, it is the same with any
 * number of threads, and a processor without such products is told so. */
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
#include "models/kernels/kernels.h"
#include "models/model.h"
#include "models/train.h"

#define SEED 23u
#define ROWS 480u
#define SIDE 12u
#define CLASSES 4u

/* Wide enough for products that take bfloat16 (AN_BF16_TERMS_LEAST). */
static const char dense[] = "model: dense-ae\ninput: {features: 32}\n"
                            "layers: [{dense: {units: 48}}, relu, {dense: {units: 4}},\n"
                            "  {dense: {units: 48}}, relu, {dense: {units: 32}}]\n"
                            "loss: mse\ntarget: input\n";
static const char lstm[] = "model: lstm-ae\ninput: {features: 4, window: 10}\n"
                           "layers: [{lstm: {units: 32, return: last}}, {lstm: {units: 32, steps: 10}},\n"
                           "  {conv1d: {filters: 4, size: 1}}]\n"
                           "loss: mse\ntarget: input\n";
static const char gru[] = "model: gru-ae\ninput: {features: 4, window: 10}\n"
                          "layers: [{gru: {units: 32}}, {conv1d: {filters: 4, size: 3, padding: same}}]\n"
                          "loss: mse\ntarget: input\n";
static const char cnn[] =
    "model: cnn\ninput: {height: 12, width: 12, channels: 1}\n"
    "layers: [{conv2d: {filters: 16, size: 3, padding: same}}, relu, {max_pool2d: {size: 2}},\n"
    "  {conv2d: {filters: 16, size: 3, padding: same, name: mid}}, relu,\n"
    "  {conv_transpose2d: {filters: 8, size: 2, stride: 2}}, relu, flatten, {dense: {units: 4}}]\n"
    "loss: cross_entropy\ntarget: labels\n";

typedef struct fixture {
    an_model *m;
    size_t n_params;
    float *params, *first, *x, *t;
    an_train_opts opts;
} fixture;

/* Stripes in one of four directions, where the phase says nothing. */
static void make_images(fixture *f, an_rng *r)
{
    static const double down[CLASSES] = {0, 1, 0.7, 0.7}, across[CLASSES] = {1, 0, 0.7, -0.7};
    for (size_t i = 0; i < ROWS; i++) {
        const size_t k = i % CLASSES;
        const double phase = 6.28 * an_rng_unit(r);
        f->t[i] = (float)k;
        for (size_t p = 0; p < SIDE * SIDE; p++)
            f->x[i * SIDE * SIDE + p] =
                (float)(sin(1.3 * (down[k] * (double)(p / SIDE) + across[k] * (double)(p % SIDE)) + phase) +
                        0.5 * an_rng_normal(r));
    }
}

/* Points of a sheet of two dimensions in the space of the inputs. */
static void make_sheet(fixture *f, an_rng *r)
{
    const size_t n = an_model_n_inputs(f->m);
    for (size_t i = 0; i < ROWS; i++) {
        const double a = an_rng_normal(r), b = an_rng_normal(r);
        for (size_t k = 0; k < n; k++)
            f->x[i * n + k] = (float)(sin(0.7 * (double)k) * a + cos(1.3 * (double)k) * b);
    }
}

static void fixture_init(fixture *f, const char *text)
{
    an_note why = {0};
    an_rng r;
    memset(f, 0, sizeof *f);
    if (an_model_new(text, strlen(text), "test.yaml", 0, &f->m, &why) != AN_OK)
        fail_msg("%s", why.text);
    f->n_params = an_model_n_params(f->m);
    f->params = an_alloc(f->n_params, sizeof *f->params);
    f->first = an_alloc(f->n_params, sizeof *f->first);
    f->x = an_alloc(ROWS * an_model_n_inputs(f->m), sizeof *f->x);
    f->t = an_alloc(ROWS, sizeof *f->t);
    assert_true(f->params && f->first && f->x && f->t);
    an_rng_init(&r, SEED, 0);
    (text == cnn ? make_images : make_sheet)(f, &r);
    an_model_init(f->m, SEED, f->first);
    f->opts = an_train_defaults();
    f->opts.seed = SEED;
    f->opts.lr = 3e-3;
    f->opts.epochs = 2;
    f->opts.validation = 0.2;
}

static void fixture_done(fixture *f)
{
    an_model_free(f->m);
    an_free(f->params);
    an_free(f->first);
    an_free(f->x);
    an_free(f->t);
}

static an_train_stats train(fixture *f, an_train_precision precision)
{
    an_note why = {0};
    an_train_stats stats;
    memcpy(f->params, f->first, f->n_params * sizeof *f->params);
    f->opts.precision = precision;
    if (an_train(f->m, f->params, &f->opts, f->x, an_model_is_autoencoder(f->m) ? NULL : f->t, ROWS, &stats,
                 &why) != AN_OK)
        fail_msg("%s", why.text);
    return stats;
}

static const char *const models[] = {dense, lstm, gru, cnn};
#define N_MODELS (sizeof models / sizeof *models)

static void a_model_learns_in_bf16_what_it_learns_in_float(void **state)
{
    (void)state;
    if (!an_bf16_choose(NULL) || !an_bf16_ready())
        printf("no products of bfloat16 here: emulated\n");
    for (size_t i = 0; i < N_MODELS; i++) {
        fixture f;
        fixture_init(&f, models[i]);
        (void)(an_bf16_ready() || an_bf16_choose("plain"));
        f.opts.epochs = 30;
        f.opts.lr = 1e-2;
        const an_train_stats exact = train(&f, AN_TRAIN_FLOAT), rough = train(&f, AN_TRAIN_BF16);
        printf("%s (%s): first epoch %.4g; validation in float %.4g, in bf16 %.4g\n", an_model_name(f.m),
               an_bf16_name(), exact.first_loss, exact.valid_loss, rough.valid_loss);
        assert_true(exact.valid_loss < 0.4 * exact.first_loss);
        assert_true(fabs(rough.valid_loss - exact.valid_loss) < 0.05 * exact.first_loss);
        fixture_done(&f);
    }
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    for (size_t k = 0; an_bf16_kernel_at(k); k++) {
        if (!an_bf16_choose(an_bf16_kernel_at(k)->name))
            continue;
        for (size_t i = 0; i < N_MODELS; i++) {
            fixture f;
            fixture_init(&f, models[i]);
            float *one = an_alloc(f.n_params, sizeof *one);
            assert_non_null(one);
            f.opts.epochs = 1;
            f.opts.n_threads = 1;
            train(&f, AN_TRAIN_FLOAT);
            memcpy(one, f.params, f.n_params * sizeof *one);
            train(&f, AN_TRAIN_BF16);
            assert_memory_not_equal(one, f.params, f.n_params * sizeof *one);
            memcpy(one, f.params, f.n_params * sizeof *one);
            for (f.opts.n_threads = 1; f.opts.n_threads <= 4; f.opts.n_threads *= 2) {
                train(&f, AN_TRAIN_BF16);
                assert_memory_equal(one, f.params, f.n_params * sizeof *one);
            }
            an_free(one);
            fixture_done(&f);
        }
    }
}

static void the_emulation_is_true_to_amx(void **state)
{
    (void)state;
    if (!an_bf16_choose("amx")) {
        printf("no AMX here: nothing to compare with\n");
        skip();
    }
    for (size_t i = 0; i < N_MODELS; i++) {
        fixture f;
        fixture_init(&f, models[i]);
        f.opts.epochs = 1;
        float *amx = an_alloc(f.n_params, sizeof *amx);
        assert_non_null(amx);
        assert_true(an_bf16_choose("amx"));
        train(&f, AN_TRAIN_BF16);
        memcpy(amx, f.params, f.n_params * sizeof *amx);
        assert_true(an_bf16_choose("plain"));
        train(&f, AN_TRAIN_BF16);
        assert_memory_equal(amx, f.params, f.n_params * sizeof *amx);
        an_free(amx);
        fixture_done(&f);
    }
}

static void without_such_a_processor_training_is_refused(void **state)
{
    (void)state;
    fixture f;
    an_note why = {0};
    fixture_init(&f, dense);
    memcpy(f.params, f.first, f.n_params * sizeof *f.params);
    assert_true(an_bf16_choose("none"));
    f.opts.precision = AN_TRAIN_BF16;
    assert_int_equal(an_train(f.m, f.params, &f.opts, f.x, NULL, ROWS, NULL, &why), AN_ERR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "ANDON_BF16=plain"));
    assert_memory_equal(f.params, f.first, f.n_params * sizeof *f.params);
    assert_true(an_bf16_choose("plain"));
    train(&f, AN_TRAIN_BF16);
    fixture_done(&f);
}

static void a_precision_has_a_name(void **state)
{
    (void)state;
    an_train_precision p = AN_TRAIN_FLOAT;
    assert_true(an_train_precision_find("bf16", &p));
    assert_int_equal(p, AN_TRAIN_BF16);
    assert_true(an_train_precision_find("float", &p));
    assert_int_equal(p, AN_TRAIN_FLOAT);
    assert_false(an_train_precision_find("half", &p));
}

int main(void)
{
    if (!an_kernels_init()) {
        printf("the instruction set that the environment names is not here\n");
        return 77;
    }
    printf("seed %u\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_learns_in_bf16_what_it_learns_in_float),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(the_emulation_is_true_to_amx),
        cmocka_unit_test(without_such_a_processor_training_is_refused),
        cmocka_unit_test(a_precision_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
