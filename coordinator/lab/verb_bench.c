/* andon-lab bench: what a model costs on this machine, in training and in use. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/lab/anatomy.h"
#include "coordinator/lab/kind.h"
#include "coordinator/lab/lab.h"
#include "models/bundle.h"
#include "models/cost.h"
#include "models/kernels/mm.h"
#include "models/kernels/peak.h"
#include "models/scorer.h"
#include "models/train.h"

#define TURN_SECONDS 0.25
#define TURNS_MIN 3
#define TURNS_MAX 200
#define STEPS_KEPT 16 /* batches of data; longer turns go through them again */
#define CALLS 20000

typedef struct latency {
    double median_us, worst_us; /* worst: 99 % are faster */
    size_t calls;
} latency;

typedef struct work {
    an_lab *lab;
    an_model *m;
    an_bundle bundle; /* arch NULL: MODEL is a description */
    float *params, *x, *t;
    size_t batch, threads, rows;
    double seconds;
    an_model_cost cost;
    double step_s, peak; /* medians */
    size_t turns;
    latency model, scoring;
} work;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static an_err read_options(work *w, size_t *ret_features, an_note *why)
{
    const an_args *a = w->lab->args;
    int64_t batch = 0, features = 0;
    an_err err = an_args_int(a, "batch", 1, 65536, 64, &batch, why);
    if (err == AN_OK)
        err = an_args_int(a, "features", 0, AN_PREP_INPUT_MAX, 0, &features, why);
    if (err == AN_OK)
        err = an_args_num(a, "seconds", 0.1, 3600, 3, &w->seconds, why);
    if (err == AN_OK)
        err = an_lab_threads(w->lab, &w->threads, why);
    w->batch = (size_t)batch;
    *ret_features = (size_t)features;
    return err;
}

/* A version brings its parameters, a description gets new ones. */
static an_err read_model(work *w, size_t features, an_note *why)
{
    const char *path = w->lab->args->positionals[0];
    an_err err = an_lab_expect_model(path, why);
    if (err != AN_OK)
        return err;
    if (an_lab_kind_is_version(path)) {
        err = an_bundle_read(&w->bundle, NULL, path, why);
        if (err != AN_OK)
            return err;
        if (!w->bundle.arch[0])
            return an_fail(AN_ERR_UNSUPPORTED, why, "%s: its detector needs no model", path);
        return an_model_new(w->bundle.arch, strlen(w->bundle.arch), path, 0, &w->m, why);
    }
    an_note inner = {{0}};
    err = an_lab_arch_read(path, features, &w->m, &inner);
    const bool open = err == AN_ERR_INVAL && features == 0 && strstr(inner.text, "needs data");
    return err == AN_OK ? err
                        : an_fail(err, why, "%.250s%s", inner.text,
                                  open ? "; --features N says how wide the data are" : "");
}

/* Random rows, and classes or numbers in 0..1 as the loss wants. */
static an_err make_data(work *w)
{
    const size_t in = an_model_n_inputs(w->m), t = an_model_n_targets(w->m), n = an_model_n_params(w->m);
    const bool classes = t < an_model_n_outputs(w->m);
    an_rng r;
    w->rows = w->batch * STEPS_KEPT;
    w->params = an_alloc(n, sizeof *w->params);
    w->x = an_alloc(w->rows, in * sizeof *w->x);
    w->t = an_alloc(w->rows, t * sizeof *w->t);
    if (!w->params || !w->x || !w->t)
        return AN_ERR_NOMEM;
    if (w->bundle.arch)
        memcpy(w->params, w->bundle.weights, n * sizeof *w->params);
    else
        an_model_init(w->m, 7, w->params);
    an_rng_init(&r, 7, 0);
    for (size_t i = 0; i < w->rows * in; i++)
        w->x[i] = (float)an_rng_unit(&r);
    for (size_t i = 0; i < w->rows * t; i++)
        w->t[i] = classes ? (float)an_rng_below(&r, an_model_n_outputs(w->m)) : (float)an_rng_unit(&r);
    return AN_OK;
}

/* One turn: epochs over rows of the data.  The rate is small so that nothing can run away. */
static an_err turn(work *w, size_t steps, double *ret_step_s, an_note *why)
{
    an_train_opts opts = an_train_defaults();
    an_train_stats stats;
    const size_t kept = steps < STEPS_KEPT ? steps : STEPS_KEPT;
    opts.batch = w->batch;
    opts.epochs = steps / kept;
    opts.lr = 1e-5;
    opts.n_threads = w->threads;
    opts.cancel = w->lab->cancel;
    const double from = now();
    an_err err = an_train(w->m, w->params, &opts, w->x, an_model_is_autoencoder(w->m) ? NULL : w->t,
                          kept * w->batch, &stats, why);
    if (err == AN_OK)
        *ret_step_s = (now() - from) / (double)stats.steps;
    return err;
}

static an_err bench_training(work *w, an_note *why)
{
    double step = 0, took[TURNS_MAX], peaks[TURNS_MAX];
    an_err err = turn(w, 2, &step, why); /* warms up, and says how long a turn should be */
    const double wanted = step > 0 ? TURN_SECONDS / step : 1e4;
    const size_t steps = wanted < 2 ? 2 : wanted > 1e4 ? 10000 : (size_t)wanted;
    const double until = now() + w->seconds;
    while (err == AN_OK && w->turns < TURNS_MAX && (w->turns < TURNS_MIN || now() < until)) {
        peaks[w->turns] = an_kernels_peak();
        err = turn(w, steps, &took[w->turns], why);
        w->turns += err == AN_OK;
    }
    if (err != AN_OK)
        return err;
    qsort(took, w->turns, sizeof *took, ascending);
    qsort(peaks, w->turns, sizeof *peaks, ascending);
    w->step_s = took[w->turns / 2];
    w->peak = peaks[w->turns / 2];
    return AN_OK;
}

static void sum_up(double *took, size_t n, latency *ret)
{
    qsort(took, n, sizeof *took, ascending);
    *ret = (latency){1e6 * took[n / 2], 1e6 * took[n - 1 - n / 100], n};
}

/* One row after the other, each timed by itself.  scorer NULL: the model alone. */
static an_err bench_latency(work *w, const an_scorer *scorer, latency *ret)
{
    an_ws *ws = NULL;
    an_scorer_work *own = NULL;
    size_t n = 0;
    volatile float keep = 0;
    const size_t in = an_model_n_inputs(w->m);
    double *took = an_alloc(CALLS, sizeof *took);
    an_err err = took ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = scorer ? an_scorer_work_new(scorer, 1, &own) : an_ws_new(w->m, AN_WS_FORWARD, 1, &ws);
    const double until = now() + w->seconds / 2;
    while (err == AN_OK && n < CALLS && (n < 10 || now() < until) && !atomic_load(w->lab->cancel)) {
        const float *x = w->x + n % w->rows * in;
        float score = 0;
        const double from = now();
        if (scorer)
            err = an_scorer_score(scorer, own, x, 1, &score, NULL);
        else
            score = an_model_forward(w->m, ws, w->params, 1, x)[0];
        took[n++] = now() - from;
        keep = keep + score;
    }
    if (err == AN_OK && atomic_load(w->lab->cancel))
        err = AN_ERR_CANCELLED;
    if (err == AN_OK)
        sum_up(took, n, ret);
    an_scorer_work_free(own);
    an_ws_free(ws);
    an_free(took);
    return err;
}

static an_err bench_use(work *w, an_note *why)
{
    an_scorer *scorer = NULL;
    an_err err = bench_latency(w, NULL, &w->model);
    if (err == AN_OK && w->bundle.arch && an_model_is_autoencoder(w->m)) {
        err = an_scorer_new(&w->bundle, NULL, &scorer, why);
        if (err == AN_OK)
            err = bench_latency(w, scorer, &w->scoring);
        an_scorer_free(scorer);
    }
    return err;
}

static double peak_rss(void)
{
    struct rusage use;
    return getrusage(RUSAGE_SELF, &use) == 0 ? 1024.0 * (double)use.ru_maxrss : 0.0;
}

static void print_latency(FILE *out, const char *name, const latency *l)
{
    if (l->calls)
        fprintf(out, "%-13s %.2f us median, 99 %% below %.2f us, %zu calls with 1 row\n", name, l->median_us,
                l->worst_us, l->calls);
}

static void print_text(const work *w, double gflops, double share)
{
    char rows[AN_LAB_SIZE_TEXT], params[AN_LAB_SIZE_TEXT], train[AN_LAB_SIZE_TEXT], one[AN_LAB_SIZE_TEXT],
        rss[AN_LAB_SIZE_TEXT];
    FILE *out = w->lab->out;
    an_lab_size_text(rows, (double)w->batch / w->step_s, "");
    an_lab_size_text(params, (double)w->cost.param_bytes, "B");
    an_lab_size_text(train, (double)w->cost.train_bytes, "B");
    an_lab_size_text(one, (double)w->cost.one_bytes, "B");
    an_lab_size_text(rss, peak_rss(), "B");
    fprintf(out, "%s: %zu parameters, %zu rows a step, %zu thread%s, kernels %s\n\n", an_model_name(w->m),
            w->cost.n_params, w->batch, w->threads, w->threads == 1 ? "" : "s", an_mm_name());
    fprintf(out, "training      %.1f steps/s, %s rows/s (median of %zu turns)\n", 1 / w->step_s, rows,
            w->turns);
    fprintf(out, "              %.1f GFLOP/s, %.0f %% of the peak of %zu x %.1f\n", gflops, 100 * share,
            w->threads, w->peak);
    print_latency(out, "model", &w->model);
    print_latency(out, "scoring", &w->scoring);
    fprintf(out, "memory        parameters %s; activations %s with 1 row, %s with %zu in training\n", params,
            one, train, w->batch);
    fprintf(out, "              at most %s in this process, data and program included\n", rss);
}

static void latency_json(an_json *o, const char *key, const latency *l)
{
    an_json *j = an_json_object();
    an_json_set_num(j, "median_us", l->median_us);
    an_json_set_num(j, "p99_us", l->worst_us);
    an_json_set_int(j, "calls", (int64_t)l->calls);
    if (l->calls)
        an_json_set(o, key, j);
    else
        an_json_free(j);
}

static an_err report(work *w, an_note *why)
{
    const double gflops = w->cost.train_flops * (double)w->batch / w->step_s * 1e-9;
    const double share = gflops / (w->peak * (double)w->threads);
    if (!w->lab->json) {
        print_text(w, gflops, share);
        return AN_OK;
    }
    an_json *o = an_json_object(), *memory = an_json_object();
    an_json_set_text(o, "model", an_model_name(w->m));
    an_json_set_text(o, "kernels", an_mm_name());
    an_json_set_int(o, "parameters", (int64_t)w->cost.n_params);
    an_json_set_int(o, "batch", (int64_t)w->batch);
    an_json_set_int(o, "threads", (int64_t)w->threads);
    an_json_set_num(o, "steps_per_s", 1 / w->step_s);
    an_json_set_num(o, "rows_per_s", (double)w->batch / w->step_s);
    an_json_set_num(o, "gflops", gflops);
    an_json_set_num(o, "peak_gflops", w->peak * (double)w->threads);
    an_json_set_num(o, "share_of_peak", share);
    latency_json(o, "model_latency", &w->model);
    latency_json(o, "scoring_latency", &w->scoring);
    an_json_set_int(memory, "parameters", (int64_t)w->cost.param_bytes);
    an_json_set_int(memory, "activations", (int64_t)w->cost.one_bytes);
    an_json_set_int(memory, "train_activations", (int64_t)w->cost.train_bytes);
    an_json_set_num(memory, "process_peak", peak_rss());
    an_json_set(o, "memory_bytes", memory);
    return an_lab_print_json(w->lab, o, why);
}

static an_err run(an_lab *lab, an_note *why)
{
    work w = {.lab = lab};
    size_t features = 0;
    an_err err = read_options(&w, &features, why);
    if (err == AN_OK)
        err = read_model(&w, features, why);
    if (err == AN_OK)
        err = an_model_cost_of(w.m, w.batch, &w.cost);
    if (err == AN_OK)
        err = make_data(&w);
    if (err == AN_OK)
        err = bench_training(&w, why);
    if (err == AN_OK)
        err = bench_use(&w, why);
    if (err == AN_OK)
        err = report(&w, why);
    an_free(w.params);
    an_free(w.x);
    an_free(w.t);
    an_model_free(w.m);
    an_bundle_done(&w.bundle);
    return err;
}

static const an_flag flags[] = {
    {"features", "N", "width of the data, for a description that leaves it open"},
    {"batch", "N", "rows in a step (default 64)"},
    {"seconds", "X", "of training (default 3)"},
    AN_LAB_FLAG_THREADS,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_bench = {
    .verb = {"bench", "MODEL", 1, 1, flags, sizeof flags / sizeof *flags,
             "measure a description or a version: training, latency, share of the processor's peak, memory"},
    .run = run,
};
