/* Steps of training, or single predictions, on command: one side of a comparison.
 *
 *     bench_train --model FILE [--features N] [--batch 64] [--threads 1] [--steps 50]
 *                 [--precision float|bf16]
 *     bench_train --model FILE --predict float|int8 ...
 *     bench_train --model FILE --export ONNX        writes what --predict would run, and ends
 *
 * Prints "ready PARAMETERS FLOPS", the latter of a step or a prediction, then for each line it reads
 * two numbers: seconds for a step (forward, backward, Adam) or for a prediction of one row, the mean of
 * `steps` of them, and the GFLOP/s that one thread can reach at most, measured just then.  Last it
 * prints "peak KIB", the most memory that the process has had resident, where the system tells.  Data
 * are random numbers in [0, 1), classes random too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/cost.h"
#include "models/kernels/kernels.h"
#include "models/kernels/peak.h"
#include "models/model.h"
#include "models/onnx/onnx.h"
#include "models/quant.h"
#include "models/train.h"

#define STEPS_KEPT 100u /* batches of data; a turn of more steps goes through them again */

typedef struct bench {
    an_model *m;
    an_ws *ws;   /* of --predict float */
    an_quant *q; /* of --predict int8 */
    an_quant_ws *qws;
    float *params, *x, *t;
    size_t batch, threads, steps;
    bool bf16;
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
    const size_t rows = b->batch * (b->steps < STEPS_KEPT ? b->steps : STEPS_KEPT),
                 in = an_model_n_inputs(b->m), t = an_model_n_targets(b->m);
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
    const size_t kept = b->steps < STEPS_KEPT ? b->steps : STEPS_KEPT;
    opts.epochs = b->steps / kept;
    opts.batch = b->batch;
    opts.n_threads = b->threads;
    opts.precision = b->bf16 ? AN_TRAIN_BF16 : AN_TRAIN_FLOAT;
    const double from = now();
    need(an_train(b->m, b->params, &opts, b->x, b->t, b->batch * kept, &stats, &why), &why);
    return (now() - from) / (double)stats.steps;
}

static double predict(bench *b)
{
    volatile float keep = 0;
    const size_t in = an_model_n_inputs(b->m);
    const double from = now();
    for (size_t i = 0; i < b->steps; i++) {
        const float *x = b->x + (i % b->batch) * in;
        keep = keep + (b->q ? an_quant_forward(b->q, b->qws, 1, x)
                            : an_model_forward(b->m, b->ws, b->params, 1, x))[0];
    }
    return (now() - from) / (double)b->steps;
}

static void set_up_prediction(bench *b, const char *form)
{
    an_note why = {{0}};
    if (strcmp(form, "int8") == 0) {
        need(an_quant_new(b->m, b->params, b->x, b->batch, NULL, &b->q, &why), &why);
        need(an_quant_ws_new(b->q, 1, &b->qws), NULL);
    } else {
        need(an_ws_new(b->m, AN_WS_FORWARD, 1, &b->ws), NULL);
    }
}

static void export_model(const bench *b, const char *path)
{
    an_note why = {{0}};
    an_buf file;
    an_buf_init(&file, AN_ONNX_BYTES_MAX);
    need(an_onnx_export(b->m, b->params, NULL, 0, &file, &why), &why);
    need(an_file_write(path, file.data, file.len, 0644, &why), &why);
    an_buf_done(&file);
}

static double flops_of(const bench *b, bool prediction)
{
    an_model_cost cost;
    need(an_model_cost_of(b->m, b->batch, &cost), NULL);
    return prediction ? cost.flops : cost.train_flops * (double)b->batch;
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

static void answer(bench *b, bool prediction)
{
    char line[64];
    printf("ready %zu %.9g\n", an_model_n_params(b->m), flops_of(b, prediction));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        const double seconds = prediction ? predict(b) : train(b);
        printf("%.9g %.9g\n", seconds, an_kernels_peak());
        fflush(stdout);
    }
    print_peak();
}

int main(int argc, char **argv)
{
    const char *model = option(argc, argv, "--model", NULL);
    const char *form = option(argc, argv, "--predict", NULL), *file = option(argc, argv, "--export", NULL);
    bench b = {.batch = number(argc, argv, "--batch", "64"),
               .threads = number(argc, argv, "--threads", "1"),
               .steps = number(argc, argv, "--steps", "50"),
               .bf16 = strcmp(option(argc, argv, "--precision", "float"), "bf16") == 0};
    if (!model || !an_kernels_init() || b.batch < 1 || b.steps < 1) {
        fprintf(stderr,
                "usage: bench_train --model FILE [--features N] [--batch 64] [--threads 1] [--steps 50]"
                " [--precision float|bf16] [--predict float|int8 | --export FILE]\n");
        return 2;
    }
    set_up(&b, model, number(argc, argv, "--features", "0"));
    if (form)
        set_up_prediction(&b, form);
    if (file)
        export_model(&b, file);
    else
        answer(&b, form != NULL);
    an_ws_free(b.ws);
    an_quant_ws_free(b.qws);
    an_quant_free(b.q);
    an_free(b.params);
    an_free(b.x);
    an_free(b.t);
    an_model_free(b.m);
    return 0;
}
