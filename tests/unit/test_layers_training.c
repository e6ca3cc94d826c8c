/* Layers that do in training what they do not in use: dropout, norms, the code of a variational
 * autoencoder. */
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
#include "models/layer.h"
#include "models/train.h"

#define SEED 23u
#define ROWS 400u

typedef struct one {
    an_layer l;
    an_pass pass;
    double own_loss;
    float w[64], scratch[64], saved[4000];
} one;

static void one_init(one *o, const char *kind, an_shape in, double option)
{
    an_note why = {0};
    memset(o, 0, sizeof *o);
    o->l.type = an_layer_find(kind);
    for (size_t i = 0; o->l.type->opts && o->l.type->opts[i].key; i++)
        o->l.opt[i] = o->l.type->opts[i].fallback;
    o->l.opt[0] = option;
    o->l.n_inputs = 1;
    o->l.inputs[0].shape = in;
    if (an_layer_size(&o->l, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(o->l.n_params <= 64 && o->l.n_scratch <= 64);
    for (size_t i = 0; i < o->l.n_weights; i++)
        for (size_t k = 0; k < o->l.weights[i].dims[0]; k++)
            o->w[o->l.weight_at[i] + k] = o->l.weights[i].start == AN_LAYER_START_ONE ? 1.0f : 0.0f;
    o->pass = (an_pass){.training = true,
                        .batch = 1,
                        .draw = {SEED, 1, 0},
                        .scratch = o->scratch,
                        .saved = o->saved,
                        .loss = &o->own_loss};
}

static void forward(one *o, const float *x, float *y)
{
    o->l.type->forward(&o->l, &o->pass, o->w, &x, y);
}

static void fill(float *x, size_t n, double mean, double deviation)
{
    an_rng r;
    an_rng_init(&r, SEED, n);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(mean + deviation * an_rng_normal(&r));
}

static void dropout_drops_its_share_keeps_the_mean_and_does_nothing_in_use(void **state)
{
    (void)state;
    enum { N = 4000 };
    static float x[N], y[N], again[N];
    one o;
    one_init(&o, "dropout", (an_shape){1, {N}}, 0.3);
    for (size_t i = 0; i < N; i++)
        x[i] = 1.0f;
    forward(&o, x, y);
    size_t dropped = 0;
    for (size_t i = 0; i < N; i++) {
        dropped += y[i] == 0.0f;
        assert_true(y[i] == 0.0f || fabsf(y[i] - 1.0f / 0.7f) < 1e-4f);
    }
    assert_true(fabs((double)dropped / N - 0.3) < 0.03);
    forward(&o, x, again);
    assert_memory_equal(y, again, sizeof y);
    o.pass.draw.step++;
    forward(&o, x, again);
    assert_memory_not_equal(y, again, sizeof y);
    o.pass.training = false;
    forward(&o, x, again);
    assert_memory_equal(x, again, sizeof x);
}

/* Each training row of a window hides whole sensors, or rows next to one another, or nothing; in use nothing is hidden. */
static void hide_hides_sensors_or_a_block_of_time_and_leaves_its_share_whole(void **state)
{
    (void)state;
    enum { L = 10, C = 6, TRIALS = 4000 };
    static float x[L * C], y[L * C];
    size_t whole = 0, blocks = 0, sensors = 0, hidden = 0;
    one o;
    one_init(&o, "hide", (an_shape){2, {L, C}}, 0.3);
    for (size_t i = 0; i < L * C; i++)
        x[i] = 1.0f;
    for (size_t trial = 0; trial < TRIALS; trial++) {
        bool row_hidden[L], sensor_hidden[C];
        size_t n_rows = 0, n_sensors = 0, n = 0, first = L, last = 0;
        o.pass.draw.step = trial;
        forward(&o, x, y);
        for (size_t i = 0; i < L; i++)
            row_hidden[i] = true;
        for (size_t j = 0; j < C; j++)
            sensor_hidden[j] = true;
        for (size_t i = 0; i < L * C; i++) {
            assert_true(y[i] == 0.0f || y[i] == 1.0f); /* not made larger */
            row_hidden[i / C] = row_hidden[i / C] && y[i] == 0.0f;
            sensor_hidden[i % C] = sensor_hidden[i % C] && y[i] == 0.0f;
            n += y[i] == 0.0f;
        }
        for (size_t i = 0; i < L; i++) {
            n_rows += row_hidden[i];
            first = row_hidden[i] && first == L ? i : first;
            last = row_hidden[i] ? i : last;
        }
        for (size_t j = 0; j < C; j++)
            n_sensors += sensor_hidden[j];
        whole += n == 0;
        if (n_rows > 0 && n_sensors == 0) {
            blocks++;
            assert_true(n_rows == 3 && last - first == 2 && n == 3 * C);
        } else if (n > 0) {
            sensors++;
            assert_int_equal(n, n_sensors * L);
            hidden += n_sensors;
        }
    }
    /* A quarter is left whole; of the rest the half are blocks, and of the others .7^6 hide no sensor. */
    assert_true(fabs((double)blocks / TRIALS - 0.375) < 0.03);
    assert_true(fabs((double)whole / TRIALS - 0.25 - 0.375 * 0.1176) < 0.03);
    assert_true(fabs((double)hidden / (0.375 * TRIALS * C) - 0.3) < 0.03);
    assert_int_equal(whole + blocks + sensors, TRIALS);
    o.pass.training = false;
    forward(&o, x, y);
    assert_memory_equal(x, y, sizeof x);
}

/* Of an image square patches of a grid are hidden, all channels of a pixel together, in the share that is asked for. */
static void hide_hides_patches_of_an_image(void **state)
{
    (void)state;
    enum { H = 20, W = 15, D = 2, SIDE = 4, TRIALS = 500 };
    static float x[H * W * D], y[H * W * D];
    size_t hidden = 0;
    one o;
    one_init(&o, "hide", (an_shape){3, {H, W, D}}, 0.4);
    o.l.opt[2] = SIDE;
    o.l.opt[3] = 0;
    for (size_t i = 0; i < H * W * D; i++)
        x[i] = 1.0f;
    for (size_t trial = 0; trial < TRIALS; trial++) {
        bool fits = false;
        o.pass.draw.step = trial;
        forward(&o, x, y);
        for (size_t i = 0; i < H * W; i++) {
            assert_true(y[2 * i] == y[2 * i + 1]);
            hidden += y[2 * i] == 0.0f;
        }
        /* With the right begin of the grid each patch is of one kind. */
        for (size_t begin = 0; begin < SIDE * SIDE && !fits; begin++) {
            const size_t up = begin / SIDE, left = begin % SIDE;
            fits = true;
            for (size_t i = 0; i < H * W && fits; i++) {
                const size_t v = i / W, u = i % W;
                if (u > 0 && (u + left) % SIDE != 0)
                    fits = y[2 * i] == y[2 * (i - 1)];
                if (v > 0 && (v + up) % SIDE != 0)
                    fits = fits && y[2 * i] == y[2 * (i - W)];
            }
        }
        assert_true(fits);
    }
    assert_true(fabs((double)hidden / (TRIALS * H * W) - 0.4) < 0.03);
}

/* Mean and variance of n values that lie `apart`. */
static void moments(const float *y, size_t n, size_t apart, double *ret_mean, double *ret_variance)
{
    double mean = 0.0, square = 0.0;
    for (size_t i = 0; i < n; i++)
        mean += (double)y[i * apart] / (double)n;
    for (size_t i = 0; i < n; i++)
        square += ((double)y[i * apart] - mean) * ((double)y[i * apart] - mean) / (double)n;
    *ret_mean = mean;
    *ret_variance = square;
}

static void norms_bring_their_sets_to_mean_0_and_variance_1(void **state)
{
    (void)state;
    enum { B = 3, P = 50, C = 4, N = P * C };
    static float x[B * N], y[B * N];
    const an_shape shape = {2, {P, C}};
    double mean, variance;
    one o;
    fill(x, B * N, 100.0, 3.0);
    one_init(&o, "batch_norm", shape, 0.1);
    o.pass.batch = B;
    forward(&o, x, y);
    for (size_t c = 0; c < C; c++) {
        moments(y + c, (size_t)B * P, C, &mean, &variance);
        assert_true(fabs(mean) < 1e-3 && fabs(variance - 1.0) < 1e-3);
    }
    one_init(&o, "group_norm", shape, C); /* instances */
    o.pass.batch = B;
    forward(&o, x, y);
    for (size_t c = 0; c < C; c++) {
        moments(y + N + c, P, C, &mean, &variance);
        assert_true(fabs(mean) < 1e-3 && fabs(variance - 1.0) < 1e-3);
    }
    one_init(&o, "group_norm", shape, 1);
    o.pass.batch = B;
    forward(&o, x, y);
    moments(y + (size_t)2 * N, N, 1, &mean, &variance);
    assert_true(fabs(mean) < 1e-3 && fabs(variance - 1.0) < 1e-3);
    one_init(&o, "layer_norm", shape, 1e-5);
    o.pass.batch = B;
    forward(&o, x, y);
    for (size_t i = 0; i < (size_t)B * P; i++) {
        moments(y + i * C, C, 1, &mean, &variance);
        assert_true(fabs(mean) < 1e-3 && fabs(variance - 1.0) < 1e-2);
    }
}

static void batch_norm_in_use_takes_the_running_values_even_a_negative_variance(void **state)
{
    (void)state;
    one o;
    one_init(&o, "batch_norm", (an_shape){1, {2}}, 0.1);
    const float w[8] = {2.0f, 3.0f, 0.5f, -0.5f, 10.0f, 20.0f, 4.0f, -0.25f};
    memcpy(o.w, w, sizeof w);
    o.pass.training = false;
    float y[2];
    forward(&o, (const float[2]){14.0f, 20.0f}, y);
    assert_float_equal(y[0], 4.5f, 1e-4f); /* 2 (14 - 10) / sqrt 4 + 0.5 */
    assert_float_equal(y[1], -0.5f, 1e-4f);
}

/* A model with data that it can learn. */
typedef struct fixture {
    an_model *m;
    float *params, *x;
    an_train_opts opts;
    an_train_stats stats;
} fixture;

static void fixture_init(fixture *f, const char *text, double mean, double deviation)
{
    an_note why = {0};
    memset(f, 0, sizeof *f);
    if (an_model_new(text, strlen(text), "test", 0, &f->m, &why) != AN_OK)
        fail_msg("%s", why.text);
    const size_t n = an_model_n_inputs(f->m);
    f->params = an_alloc(an_model_n_params(f->m), sizeof *f->params);
    f->x = an_alloc(ROWS * n, sizeof *f->x);
    assert_true(f->params && f->x);
    an_rng r;
    an_rng_init(&r, SEED, 1);
    for (size_t i = 0; i < ROWS; i++) {
        const double a = an_rng_normal(&r), b = an_rng_normal(&r);
        for (size_t k = 0; k < n; k++)
            f->x[i * n + k] =
                (float)(mean + deviation * (sin(0.7 * (double)k) * a + cos(1.3 * (double)k) * b));
    }
    an_model_init(f->m, SEED, f->params);
    f->opts = an_train_defaults();
    f->opts.seed = SEED;
}

static void fixture_done(fixture *f)
{
    an_model_free(f->m);
    an_free(f->params);
    an_free(f->x);
}

static void train(fixture *f)
{
    an_note why = {0};
    if (an_train(f->m, f->params, &f->opts, f->x, NULL, ROWS, &f->stats, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static const char normed[] =
    "model: normed\ninput: {features: 6}\nlayers: [{batch_norm: {name: norm}}, {dense: {units: 12}}, relu,\n"
    "  {dropout: {rate: 0.1}}, {dense: {units: 6}}]\nloss: mse\ntarget: input\n";

static void running_values_follow_those_of_the_data_whatever_the_optimiser_is_told(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, normed, 5.0, 2.0);
    f.opts.epochs = 30;
    f.opts.weight_decay = 0.1;
    f.opts.prox_mu = 10.0;
    f.opts.clip_norm = 1e-3;
    train(&f);
    const float *mean = f.params + an_model_tensor_find(f.m, "norm.mean")->offset;
    const float *variance = f.params + an_model_tensor_find(f.m, "norm.variance")->offset;
    for (size_t k = 0; k < 6; k++) {
        double m, v;
        moments(f.x + k, ROWS, 6, &m, &v);
        assert_true(fabs((double)mean[k] - m) < 0.3);
        assert_true(fabs((double)variance[k] - v) < 0.25 * v);
    }
    fixture_done(&f);
}

static void running_values_that_are_frozen_stay(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, normed, 5.0, 2.0);
    const bool frozen[] = {true, true, true, true, false, false, false, false};
    f.opts.frozen = frozen;
    train(&f);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 6; k++)
            assert_true(f.params[an_model_tensor_at(f.m, i)->offset + k] == (i == 0 || i == 3 ? 1.0f : 0.0f));
    const bool all_but_means[] = {true, true, false, false, true, true, true, true};
    f.opts.frozen = all_but_means;
    an_err err = an_train(f.m, f.params, &f.opts, f.x, NULL, ROWS, NULL, NULL);
    assert_int_equal(err, AN_ERR_INVAL);
    fixture_done(&f);
}

static void chance_and_statistics_do_not_depend_on_threads(void **state)
{
    (void)state;
    static const char vae[] =
        "model: vae\ninput: {features: 6}\nlayers: [{dense: {units: 8}}, tanh, {dense: {units: 4}},\n"
        "  {gauss: {beta: 0.05}}, {dropout: {rate: 0.2}}, {dense: {units: 6}}]\nloss: mse\ntarget: input\n";
    const char *texts[] = {normed, vae};
    for (size_t i = 0; i < 2; i++) {
        fixture a, b;
        fixture_init(&a, texts[i], 0.0, 1.0);
        fixture_init(&b, texts[i], 0.0, 1.0);
        a.opts.batch = b.opts.batch = 150;
        b.opts.n_threads = 4;
        train(&a);
        train(&b);
        assert_memory_equal(a.params, b.params, an_model_n_params(a.m) * sizeof *a.params);
        fixture_done(&a);
        fixture_done(&b);
    }
}

static void a_variational_autoencoder_learns_a_code_that_is_nearly_normal(void **state)
{
    (void)state;
    static const char text[] =
        "model: vae\ninput: {features: 6}\nlayers: [{dense: {units: 16}}, tanh, {dense: {units: 4}},\n"
        "  {gauss: {beta: 0.02, name: code}}, {dense: {units: 16}}, tanh, {dense: {units: 6}}]\n"
        "loss: mse\ntarget: input\n";
    fixture f;
    fixture_init(&f, text, 0.0, 1.0);
    double before, after;
    assert_int_equal(an_train_loss(f.m, f.params, f.x, NULL, ROWS, &before, NULL), AN_OK);
    f.opts.epochs = 80;
    f.opts.lr = 5e-3;
    train(&f);
    assert_int_equal(an_train_loss(f.m, f.params, f.x, NULL, ROWS, &after, NULL), AN_OK);
    assert_true(after < 0.4 * before);
    fixture_done(&f);
}

static void rows_that_mix_have_no_fisher_information(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, normed, 0.0, 1.0);
    an_note why = {0};
    float *fisher = an_alloc(an_model_n_params(f.m), sizeof *fisher);
    an_err err = an_fisher_diagonal(f.m, f.params, f.x, NULL, ROWS, 1, fisher, &why);
    assert_int_equal(err, AN_ERR_UNSUPPORTED);
    assert_true(why.text[0] != '\0');
    an_free(fisher);
    fixture_done(&f);
}

int main(void)
{
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    printf("seed %u\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropout_drops_its_share_keeps_the_mean_and_does_nothing_in_use),
        cmocka_unit_test(hide_hides_sensors_or_a_block_of_time_and_leaves_its_share_whole),
        cmocka_unit_test(hide_hides_patches_of_an_image),
        cmocka_unit_test(norms_bring_their_sets_to_mean_0_and_variance_1),
        cmocka_unit_test(batch_norm_in_use_takes_the_running_values_even_a_negative_variance),
        cmocka_unit_test(running_values_follow_those_of_the_data_whatever_the_optimiser_is_told),
        cmocka_unit_test(running_values_that_are_frozen_stay),
        cmocka_unit_test(chance_and_statistics_do_not_depend_on_threads),
        cmocka_unit_test(a_variational_autoencoder_learns_a_code_that_is_nearly_normal),
        cmocka_unit_test(rows_that_mix_have_no_fisher_information),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
