/* Steps of training, or single predictions, on command: one side of a comparison.
 *
 *     bench_train --model FILE [--features N] [--batch 64] [--threads 1] [--steps 50]
 *     bench_train --model FILE --predict ...
 *
 * Prints "ready PARAMETERS", then for each line it reads one number: seconds for a step (forward,
 * backward, Adam) or for a prediction of one row, the mean of `steps` of them.  Last it prints "peak
 * KIB", the most memory that the process has had resident, where the system tells.  Data are random
 * numbers in [0, 1), classes random too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/kernels/kernels.h"
#include "models/model.h"
#include "models/train.h"

typedef struct bench {
    an_model *m;
    float *params, *x, *t;
    size_t batch, threads, steps;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void need(an_err err, const an_note *why)
{
    if (err == AN_OK)
        return;
    fprintf(stderr, "bench_train: %s\n", why && why->text[0] ? why->text : an_err_text(err));
    exit(1);
}

static const char *option(int argc, char **argv, const char *key, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], key) == 0)
            return argv[i + 1];
    return otherwise;
}

static size_t number(int argc, char **argv, const char *key, const char *otherwise)
{
    return (size_t)strtoul(option(argc, argv, key, otherwise), NULL, 10);
}

static void set_up(bench *b, const char *path, size_t features)
{
    an_note why = {{0}};
    an_buf text;
    an_rng r;
    an_buf_init(&text, AN_MODEL_TEXT_MAX);
    need(an_file_read(&text, path, &why), &why);
    need(an_model_new((const char *)text.data, text.len, path, features, &b->m, &why), &why);
    an_buf_done(&text);
    const size_t rows = b->batch * b->steps, in = an_model_n_inputs(b->m), t = an_model_n_targets(b->m);
    b->params = an_alloc(an_model_n_params(b->m), sizeof *b->params);
    b->x = an_alloc(rows * in, sizeof *b->x);
    b->t = an_alloc(rows * t, sizeof *b->t);
    if (!b->params || !b->x || !b->t)
        need(AN_ERR_NOMEM, NULL);
    an_model_init(b->m, 7, b->params);
    an_rng_init(&r, 7, 0);
    for (size_t i = 0; i < rows * in; i++)
        b->x[i] = (float)an_rng_unit(&r);
    const bool classes = strcmp(an_model_loss_name(b->m), "cross_entropy") == 0;
    for (size_t i = 0; i < rows * t; i++)
        b->t[i] = classes ? (float)an_rng_below(&r, an_model_n_outputs(b->m)) : (float)an_rng_unit(&r);
}

static double train(bench *b)
{
    an_note why = {{0}};
    an_train_opts opts = an_train_defaults();
    an_train_stats stats;
    opts.epochs = 1;
    opts.batch = b->batch;
    opts.n_threads = b->threads;
    const double from = now();
    need(an_train(b->m, b->params, &opts, b->x, b->t, b->batch * b->steps, &stats, &why), &why);
    return (now() - from) / (double)stats.steps;
}

static double predict(bench *b, an_ws *ws)
{
    volatile float keep = 0;
    const size_t in = an_model_n_inputs(b->m);
    const double from = now();
    for (size_t i = 0; i < b->steps; i++)
        keep = keep + an_model_forward(b->m, ws, b->params, 1, b->x + (i % b->batch) * in)[0];
    return (now() - from) / (double)b->steps;
}

static void print_peak(void)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            printf("peak %lu\n", strtoul(line + 6, NULL, 10));
    if (status)
        fclose(status);
}

int main(int argc, char **argv)
{
    char line[64];
    an_ws *ws = NULL;
    const char *model = option(argc, argv, "--model", NULL);
    bool prediction = false;
    for (int i = 1; i < argc; i++)
        prediction = prediction || strcmp(argv[i], "--predict") == 0;
    bench b = {.batch = number(argc, argv, "--batch", "64"),
               .threads = number(argc, argv, "--threads", "1"),
               .steps = number(argc, argv, "--steps", "50")};
    if (!model || !an_kernels_init() || b.batch < 1 || b.steps < 1) {
        fprintf(stderr,
                "usage: bench_train --model FILE [--features N] [--batch 64] [--threads 1] [--steps 50]"
                " [--predict]\n");
        return 2;
    }
    set_up(&b, model, number(argc, argv, "--features", "0"));
    if (prediction)
        need(an_ws_new(b.m, AN_WS_FORWARD, 1, &ws), NULL);
    printf("ready %zu\n", an_model_n_params(b.m));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        printf("%.9g\n", prediction ? predict(&b, ws) : train(&b));
        fflush(stdout);
    }
    print_peak();
    an_ws_free(ws);
    an_free(b.params);
    an_free(b.x);
    an_free(b.t);
    an_model_free(b.m);
    return 0;
}
