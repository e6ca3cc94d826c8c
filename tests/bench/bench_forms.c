/* A model as float32 and in bytes, one row at a time: both in turn in one run, medians and ratios.
 *
 *     bench_forms [--json] [--rounds 15] [MODEL[:FEATURES] ...]       default: some of models/zoo
 *
 * Data are random numbers in [0, 1), parameters those that a model starts with: speed depends on
 * neither.  One round runs each form for about 2 ms; a figure is the median of the rounds.  Time is the
 * thread's own, so that what else the machine does counts less. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/kernels/kernels.h"
#include "models/kernels/q8.h"
#include "models/quant.h"

#define ROWS 64u
#define ROUND_S 2e-3
#define ROUNDS_MAX 999

typedef struct side {
    an_model *m;
    float *params, *x;
    an_ws *ws;
    an_quant *q;
    an_quant_ws *qws;
} side;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void need(an_err err, const char *what, const an_note *why)
{
    if (err == AN_OK)
        return;
    fprintf(stderr, "bench_forms: %s: %s\n", what, why && why->text[0] ? why->text : an_err_text(err));
    exit(1);
}

static void set_up(side *s, const char *path, size_t features)
{
    an_note why = {{0}};
    an_buf text;
    an_rng r;
    an_buf_init(&text, AN_MODEL_TEXT_MAX);
    need(an_file_read(&text, path, &why), path, &why);
    need(an_model_new((const char *)text.data, text.len, path, features, &s->m, &why), path, &why);
    an_buf_done(&text);
    const size_t n = ROWS * an_model_n_inputs(s->m);
    s->params = an_alloc(an_model_n_params(s->m), sizeof *s->params);
    s->x = an_alloc(n, sizeof *s->x);
    if (!s->params || !s->x)
        need(AN_ERR_NOMEM, path, NULL);
    an_model_init(s->m, 7, s->params);
    an_rng_init(&r, 7, 0);
    for (size_t i = 0; i < n; i++)
        s->x[i] = (float)an_rng_unit(&r);
    need(an_quant_new(s->m, s->params, s->x, ROWS, NULL, &s->q, &why), path, &why);
    need(an_ws_new(s->m, AN_WS_FORWARD, 1, &s->ws), path, NULL);
    need(an_quant_ws_new(s->q, 1, &s->qws), path, NULL);
}

static void tear_down(side *s)
{
    an_ws_free(s->ws);
    an_quant_ws_free(s->qws);
    an_quant_free(s->q);
    an_free(s->params);
    an_free(s->x);
    an_model_free(s->m);
}

/* Seconds for one row; the sums keep the compiler from leaving work out. */
static double time_form(const side *s, bool bytes, volatile float *keep)
{
    const size_t n_in = an_model_n_inputs(s->m);
    const double from = now();
    double t = 0.0;
    size_t n = 0;
    while (t < ROUND_S) {
        for (size_t i = 0; i < ROWS; i++, n++) {
            const float *x = s->x + i * n_in;
            *keep = *keep + (bytes ? an_quant_forward(s->q, s->qws, 1, x)
                                   : an_model_forward(s->m, s->ws, s->params, 1, x))[0];
        }
        t = now() - from;
    }
    return t / (double)n;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(const char *path, size_t features, size_t rounds, bool json)
{
    static double t[3][ROUNDS_MAX]; /* float32, bytes, ratio */
    volatile float keep = 0.0f;
    side s = {0};
    set_up(&s, path, features);
    for (size_t i = 0; i < rounds; i++) {
        t[0][i] = time_form(&s, false, &keep);
        t[1][i] = time_form(&s, true, &keep);
        t[2][i] = t[0][i] / t[1][i];
    }
    for (int k = 0; k < 3; k++)
        qsort(t[k], rounds, sizeof **t, ascending);
    const double f = 1e6 * t[0][rounds / 2], q = 1e6 * t[1][rounds / 2], ratio = t[2][rounds / 2];
    const size_t bytes = an_model_n_params(s.m) * sizeof(float);
    const char *name = an_model_name(s.m);
    if (json)
        printf("{\"model\": \"%s\", \"kernels\": \"%s\", \"float32_us\": %.2f, \"bytes_us\": %.2f, "
               "\"ratio\": %.2f, \"float32_bytes\": %zu, \"bytes_bytes\": %zu}\n",
               name, an_q8_name(), f, q, ratio, bytes, an_quant_n_bytes(s.q));
    else
        printf("%-20s %9.2f %9.2f %6.2f %9zu %9zu\n", name, f, q, ratio, bytes, an_quant_n_bytes(s.q));
    tear_down(&s);
}

/* "path:features" */
static void compare_named(const char *text, size_t rounds, bool json)
{
    char path[AN_PATH_MAX];
    const char *colon = strrchr(text, ':');
    const size_t len = colon ? (size_t)(colon - text) : strlen(text);
    if (len >= sizeof path)
        need(AN_ERR_LIMIT, text, NULL);
    memcpy(path, text, len);
    path[len] = '\0';
    compare(path, colon ? (size_t)strtoul(colon + 1, NULL, 10) : 0, rounds, json);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"models/zoo/cnn-classifier.yaml", "models/zoo/dense-ae.yaml:64",
                                        "models/zoo/conv1d-ae.yaml:16"};
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
        fprintf(stderr, "usage: bench_forms [--json] [--rounds 1..%d] [MODEL[:FEATURES] ...]\n", ROUNDS_MAX);
        return 2;
    }
    if (!json)
        printf("%zu rounds, kernels %s\n%-20s %9s %9s %6s %9s %9s\n", rounds, an_q8_name(), "one row",
               "float us", "bytes us", "ratio", "float B", "bytes B");
    for (size_t i = 0; at == argc && i < sizeof usual / sizeof *usual; i++)
        compare_named(usual[i], rounds, json);
    for (; at < argc; at++)
        compare_named(argv[at], rounds, json);
    return 0;
}
