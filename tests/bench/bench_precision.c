/* Training in float and in bf16: how long a step takes, both in turn in one run, and what is learnt.
 *
 *     bench_precision [--json] [--rounds 15] [MODEL[:FEATURES[:BATCH[:ROWS[:EPOCHS]]]] ...]
 *
 * Speed: one round runs each precision for about 30 ms and at least one step (forward, backward, Adam) on
 * one thread; a figure is the median of the rounds, in time that the processor spent on it, so that what
 * else the machine does counts less.
 *
 * Score: the loss on the fifth of the rows that is not learnt from, evaluated in float, after EPOCHS of
 * training from three seeds: the mean of both precisions, how far bf16 moves it, and how far the seeds of
 * float lie apart, in percent of float.  Data can be learnt: each row is a sum of four waves, of which the
 * row has its own four amplitudes, and noise; a class is the direction in which the first two point, a
 * mask is where the row without noise is high. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/kernels/bf16.h"
#include "models/kernels/kernels.h"
#include "models/loss.h"
#include "models/model_internal.h"
#include "models/train.h"

#define WAVES 4u
#define SEEDS 3u
#define ROUND_S 30e-3
#define ROUNDS_MAX 999

typedef struct side {
    char path[AN_PATH_MAX];
    size_t features, batch, rows, epochs;
    an_model *m;
    float *params, *x, *t;
} side;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void need(an_err err, const char *what, const an_note *why)
{
    if (err == AN_OK)
        return;
    fprintf(stderr, "bench_precision: %s: %s\n", what, why && why->text[0] ? why->text : an_err_text(err));
    exit(1);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One row: `width` values of a line, as of an image or of a window's row. */
static void make_row(const side *s, an_rng *r, size_t width, float *x, float *t)
{
    const size_t n = an_model_n_inputs(s->m), n_t = an_model_n_targets(s->m);
    const bool mask = s->m->loss->shares && n_t == n;
    double amplitude[WAVES];
    for (size_t w = 0; w < WAVES; w++)
        amplitude[w] = an_rng_normal(r);
    for (size_t k = 0; k < n; k++) {
        double clean = 0.0;
        for (size_t w = 0; w < WAVES; w++)
            clean += 0.5 * amplitude[w] *
                     sin(0.11 * (double)(w + 1) * (double)(k % width) +
                         0.17 * (double)(2 * w + 1) * (double)(k / width) + (double)w);
        x[k] = (float)(clean + (mask ? 0.4 : 0.1) * an_rng_normal(r));
        if (mask)
            t[k] = clean > 0.4 ? 1.0f : 0.0f;
    }
    const double turn = atan2(amplitude[0], amplitude[1]) / 6.283185307179586 + 0.5;
    const double classes = (double)an_model_n_outputs(s->m);
    for (size_t k = 0; !mask && k < n_t; k++)
        t[k] = s->m->loss->classes ? (float)fmin(floor(turn * classes), classes - 1.0) : (float)turn;
}

static void set_up(side *s)
{
    an_note why = {{0}};
    an_buf text;
    an_rng r;
    an_buf_init(&text, AN_MODEL_TEXT_MAX);
    need(an_file_read(&text, s->path, &why), s->path, &why);
    need(an_model_new((const char *)text.data, text.len, s->path, s->features, &s->m, &why), s->path, &why);
    an_buf_done(&text);
    const size_t in = an_model_n_inputs(s->m), t = an_model_n_targets(s->m);
    const size_t width = an_model_window(s->m) > 1 ? in / an_model_window(s->m)
                         : in > 256                ? (size_t)sqrt((double)in)
                                                   : in;
    s->params = an_alloc(an_model_n_params(s->m), sizeof *s->params);
    s->x = an_alloc(s->rows * in, sizeof *s->x);
    s->t = an_alloc(s->rows * t, sizeof *s->t);
    if (!s->params || !s->x || !s->t)
        need(AN_ERR_NOMEM, s->path, NULL);
    an_rng_init(&r, 7, 0);
    for (size_t i = 0; i < s->rows; i++)
        make_row(s, &r, width, s->x + i * in, s->t + i * t);
}

static void tear_down(side *s)
{
    an_free(s->params);
    an_free(s->x);
    an_free(s->t);
    an_model_free(s->m);
}

static an_train_stats train(const side *s, const an_train_opts *opts, size_t rows)
{
    an_note why = {{0}};
    an_train_stats stats;
    const float *t = an_model_is_autoencoder(s->m) ? NULL : s->t;
    need(an_train(s->m, s->params, opts, s->x, t, rows, &stats, &why), s->path, &why);
    return stats;
}

/* Seconds for a step. */
static double time_steps(const side *s, bool bf16, size_t steps)
{
    an_train_opts opts = an_train_defaults();
    opts.batch = s->batch;
    opts.lr = 1e-5;
    opts.epochs = steps;
    opts.precision = bf16 ? AN_TRAIN_BF16 : AN_TRAIN_FLOAT;
    const double from = now();
    const an_train_stats stats = train(s, &opts, s->batch);
    return (now() - from) / (double)stats.steps;
}

static double score(const side *s, bool bf16, uint64_t seed)
{
    an_train_opts opts = an_train_defaults();
    opts.batch = s->batch;
    opts.seed = seed;
    opts.epochs = s->epochs;
    opts.validation = 0.2;
    opts.precision = bf16 ? AN_TRAIN_BF16 : AN_TRAIN_FLOAT;
    an_model_init(s->m, seed, s->params);
    return train(s, &opts, s->rows).valid_loss;
}

typedef struct figures {
    double ms[3]; /* float, bf16, ratio */
    double loss[2], moved, apart;
} figures;

static void measure_speed(const side *s, size_t rounds, figures *f)
{
    static double t[3][ROUNDS_MAX];
    an_model_init(s->m, 1, s->params);
    const double first = time_steps(s, true, 1), wanted = ROUND_S / first;
    const size_t steps = wanted < 1.0 ? 1 : wanted > 1e4 ? 10000 : (size_t)wanted;
    for (size_t i = 0; i < rounds; i++) {
        t[0][i] = 1e3 * time_steps(s, false, steps);
        t[1][i] = 1e3 * time_steps(s, true, steps);
        t[2][i] = t[0][i] / t[1][i];
    }
    for (int k = 0; k < 3; k++) {
        qsort(t[k], rounds, sizeof **t, ascending);
        f->ms[k] = t[k][rounds / 2];
    }
}

static void measure_score(const side *s, figures *f)
{
    double low = INFINITY, high = -INFINITY;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const double exact = score(s, false, seed);
        low = fmin(low, exact);
        high = fmax(high, exact);
        f->loss[0] += exact / SEEDS;
        f->loss[1] += score(s, true, seed) / SEEDS;
    }
    f->moved = 100.0 * (f->loss[1] / f->loss[0] - 1.0);
    f->apart = 100.0 * (high - low) / f->loss[0];
}

static void compare(side *s, size_t rounds, bool json)
{
    figures f = {.moved = 0};
    set_up(s);
    measure_speed(s, rounds, &f);
    measure_score(s, &f);
    if (json)
        printf("{\"model\": \"%s\", \"inputs\": %zu, \"batch\": %zu, \"rounds\": %zu, \"kernels\": \"%s\", "
               "\"float_ms\": %.4f, \"bf16_ms\": %.4f, \"ratio\": %.2f, \"epochs\": %zu, \"rows\": %zu, "
               "\"float_loss\": %.6g, \"bf16_loss\": %.6g, \"moved_percent\": %.2f, "
               "\"seeds_apart_percent\": %.2f}\n",
               an_model_name(s->m), an_model_n_inputs(s->m), s->batch, rounds, an_bf16_name(), f.ms[0],
               f.ms[1], f.ms[2], s->epochs, s->rows, f.loss[0], f.loss[1], f.moved, f.apart);
    else
        printf("%-16s %7zu %6zu %9.3f %9.3f %6.2f %11.5g %11.5g %+7.2f %7.2f\n", an_model_name(s->m),
               an_model_n_inputs(s->m), s->batch, f.ms[0], f.ms[1], f.ms[2], f.loss[0], f.loss[1], f.moved,
               f.apart);
    fflush(stdout);
    tear_down(s);
}

/* "path:features:batch:rows:epochs", what is left out as it is usual. */
static void compare_named(const char *text, size_t rounds, bool json)
{
    side s = {.batch = 64, .rows = 1280, .epochs = 10};
    size_t *const numbers[] = {&s.features, &s.batch, &s.rows, &s.epochs};
    const size_t len = strcspn(text, ":");
    const char *rest = text + len;
    if (len >= sizeof s.path)
        need(AN_ERR_LIMIT, text, NULL);
    memcpy(s.path, text, len);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && *rest == ':'; i++) {
        char *end;
        *numbers[i] = (size_t)strtoul(rest + 1, &end, 10);
        rest = end;
    }
    if (*rest || s.batch < 1 || s.rows < 5 * s.batch || s.epochs < 1)
        need(AN_ERR_INVAL, text, NULL);
    compare(&s, rounds, json);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {
        "models/zoo/dense-ae.yaml:64",         "models/zoo/dense-ae.yaml:1024",
        "models/zoo/cnn-classifier.yaml",      "models/zoo/conv1d-ae.yaml:16",
        "models/zoo/lstm-ae.yaml:16:64:640:5", "models/zoo/lstm-classifier.yaml:16:64:640:5",
        "models/zoo/unet.yaml:0:4:80:4"};
    size_t rounds = 15;
    bool json = false;
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--rounds") == 0 && at + 1 < argc)
            rounds = (size_t)strtoul(argv[++at], NULL, 10);
        else
            json = true;
    }
    if (!an_kernels_init() || rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr,
                "usage: bench_precision [--json] [--rounds 1..%d]"
                " [MODEL[:FEATURES[:BATCH[:ROWS[:EPOCHS]]]] ...]\n",
                ROUNDS_MAX);
        return 2;
    }
    if (!json)
        printf("%zu rounds, kernels %s\n%-16s %7s %6s %9s %9s %6s %11s %11s %7s %7s\n", rounds,
               an_bf16_name(), "one step", "inputs", "batch", "float ms", "bf16 ms", "ratio", "float loss",
               "bf16 loss", "moved %", "seeds %");
    for (size_t i = 0; at == argc && i < sizeof usual / sizeof *usual; i++)
        compare_named(usual[i], rounds, json);
    for (; at < argc; at++)
        compare_named(argv[at], rounds, json);
    return 0;
}
