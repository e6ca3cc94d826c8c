/* From a sample to the decision about an alarm: how long it takes beside a trainer on the same core, and how many
 * streams a core carries.
 *
 *     bench_live [--streams 1] [--seconds 10] [--rate 1000] [--trainer none|share|all] [--swap 0|1]
 *     bench_live --single FILE
 *
 * A stream is what a line is in the agent: a thread that waits for its source, a pipeline with quality, window,
 * model, alarm, drift watch and sample pool, here for 64 sensors with a dense autoencoder (64-32-8-32-64).  All
 * streams and the trainer are kept on one core; the devices, one thread for all streams, have the others.  A sample's
 * time is when its device puts it; the decision is made when an_pipeline_row has returned.  With --swap another
 * version goes live each second.  Prints one line of JSON; fails if a row was lost, or not scored.
 *
 * --single writes the version to FILE, prints "ready", and for each line it reads the seconds that a row takes from the
 * values as they came to a score and its contributions: scaler, model and detector.  bench_ort answers in the same
 * way for the model alone. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/governor.h"
#include "agent/live.h"
#include "agent/pipeline.h"
#include "agent/tags.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/thread.h"
#include "base/workers.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "models/model.h"
#include "models/train.h"
#include "tests/bench/bench.h"

#define WIDTH 64
#define POOL_WINDOW 16
#define TRAIN_ROWS 8192
#define STREAMS_MAX 64
#define BATCH 64
#define BINS 15

static const char arch[] =
    "model: line\ninput: {features: 64}\n"
    "layers: [{dense: {units: 32}}, relu, {dense: {units: 8}}, {dense: {units: 32}}, relu, "
    "{dense: {units: 64}}]\nloss: mse\ntarget: input\n";

typedef struct stream {
    an_tags *tags;
    an_pipeline *pipe;
    an_pool *pool;
    an_batch batch;
    pthread_t thread;
    uint64_t *sent_ns; /* (rows) by the device */
    float *late_us;    /* (rows) */
    uint64_t rows;
    _Atomic(an_live *) next; /* to be swapped in */
    bool lost;
} stream;

static struct {
    long streams, seconds, rate;
    const char *trainer;
    bool swap;
    const char *single;
} conf = {.streams = 1, .seconds = 10, .rate = 1000, .trainer = "share"};

static an_bundle bundle;
static an_model *model;
static an_hash hash;
static float *normal; /* (TRAIN_ROWS, WIDTH) */
static stream streams[STREAMS_MAX];
static an_governor *governor;
static atomic_bool stop;
static atomic_uint_fast64_t steps;

static void need(an_err err, const char *what, const an_note *why)
{
    if (err == AN_OK)
        return;
    fprintf(stderr, "bench_live: %s: %s\n", what, why && why->text[0] ? why->text : an_err_text(err));
    exit(2);
}

/* Sensors that follow eight hidden ones. */
static void make_rows(float *rows, size_t n, uint64_t seed)
{
    an_rng r;
    an_rng_init(&r, seed, 0);
    for (size_t i = 0; i < n; i++) {
        double hidden[8];
        for (size_t k = 0; k < 8; k++)
            hidden[k] = sin((double)i * 0.01 * (double)(k + 1)) + 0.1 * an_rng_normal(&r);
        for (size_t j = 0; j < WIDTH; j++)
            rows[i * WIDTH + j] = (float)(hidden[j % 8] * (1 + (double)(j / 8)) + 0.05 * an_rng_normal(&r));
    }
}

static void make_bundle(void)
{
    an_note why = {{0}};
    an_prep_conf prep;
    an_buf bytes;
    static char names[WIDTH][8];
    const char *list[WIDTH];
    for (size_t j = 0; j < WIDTH; j++) {
        snprintf(names[j], sizeof names[j], "s%zu", j);
        list[j] = names[j];
    }
    an_prep_conf_init(&prep);
    need(an_model_new(arch, strlen(arch), "line", WIDTH, &model, &why), "model", &why);
    need(an_prep_fit(&bundle.prep, &prep, normal, TRAIN_ROWS, 1, WIDTH, &why), "scaler", &why);
    need(an_schema_new(&bundle.schema, list, NULL, WIDTH, (double)conf.rate, 1, &why), "schema", &why);
    snprintf(bundle.model, sizeof bundle.model, "line");
    snprintf(bundle.policy, sizeof bundle.policy, "quantile:0.9999");
    bundle.arch = an_strdup(an_model_text(model));
    an_model_layout_hash(model, &bundle.layout);
    bundle.n_weights = an_model_n_params(model);
    bundle.weights = an_alloc(bundle.n_weights, sizeof *bundle.weights);
    bundle.threshold = 1;
    if (!bundle.arch || !bundle.weights)
        need(AN_ERR_NOMEM, "bundle", NULL);
    an_model_init(model, 3, bundle.weights);
    need(an_detector_new("autoencoder", 1, WIDTH, &bundle.detector, &why), "detector", &why);
    for (size_t i = 0; i < bundle.detector->n_state; i++)
        bundle.detector->state[i] = 1;
    bundle.n_edges = BINS - 1;
    bundle.edges = an_alloc(WIDTH * (BINS - 1), sizeof *bundle.edges);
    bundle.score_edges = an_alloc(BINS - 1, sizeof *bundle.score_edges);
    for (size_t j = 0; j < WIDTH; j++)
        for (size_t i = 0; i < BINS - 1; i++)
            bundle.edges[j * (BINS - 1) + i] =
                bundle.prep.mean[j] + bundle.prep.scale[j] * ((float)i - 6.5f) * 0.4f;
    for (size_t i = 0; i < BINS - 1; i++)
        bundle.score_edges[i] = 0.1f * (float)(i + 1);
    an_buf_init(&bytes, 1 << 24);
    need(an_bundle_encode(&bundle, &bytes, &why), "bundle", &why);
    an_bundle_hash(&hash, bytes.data, bytes.len);
    an_buf_done(&bytes);
}

/* ---- the devices ---- */

static void *devices_main(void *arg)
{
    (void)arg;
    (void)an_thread_prompt();
    const long step_ns = 1000000000 / conf.rate;
    const uint64_t rows = (uint64_t)(conf.seconds * conf.rate);
    const struct itimerspec every = {.it_interval.tv_nsec = step_ns, .it_value.tv_nsec = step_ns};
    const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) != 0)
        need(AN_ERR_IO, "timer", NULL);
    uint64_t due = 0, passed;
    for (uint64_t i = 0; i < rows; i++) {
        while (i >= due) {
            if (read(timer, &passed, sizeof passed) != sizeof passed)
                need(AN_ERR_IO, "timer", NULL);
            due += passed;
        }
        for (long k = 0; k < conf.streams; k++) {
            stream *s = &streams[k];
            const float *row = normal + ((i + (uint64_t)k * 97) % TRAIN_ROWS) * WIDTH;
            const int64_t ms = (int64_t)(1700000000000 + i * 1000 / (uint64_t)conf.rate);
            for (uint32_t j = 0; j < WIDTH; j++)
                an_tags_put(s->tags, 0, j, ms, (double)row[j], AN_VALUE_GOOD);
            s->sent_ns[i] = an_clock_ns();
            an_tags_flush(s->tags, 0, ms);
        }
    }
    close(timer);
    return NULL;
}

/* ---- the streams ---- */

static void swap_if_asked(stream *s)
{
    an_note why = {{0}};
    an_live *live = atomic_exchange(&s->next, NULL);
    if (!live)
        return;
    need(an_pipeline_swap(s->pipe, live, false, &why), "swap", &why);
    an_live_done(live);
    an_free(live);
}

static void *stream_main(void *arg)
{
    stream *s = arg;
    an_note why = {{0}};
    const uint64_t rows = (uint64_t)(conf.seconds * conf.rate);
    (void)an_thread_prompt();
    while (s->rows < rows) {
        int64_t wait_ms = 0;
        swap_if_asked(s);
        if (an_tags_next(s->tags, &s->batch, &wait_ms) != AN_OK) {
            struct pollfd fd = {.fd = an_tags_fd(s->tags), .events = POLLIN};
            poll(&fd, 1, (int)wait_ms);
            continue;
        }
        if (s->batch.n == s->batch.cap)
            an_governor_late(governor);
        for (size_t i = 0; i < s->batch.n && s->rows < rows; i++) {
            const an_pipeline_in in = {.row = s->batch.row[i],
                                       .time_ms = s->batch.time_ms[i],
                                       .values = s->batch.values + i * WIDTH,
                                       .quality = s->batch.quality + i * WIDTH,
                                       .flags = s->batch.flags[i],
                                       .label = AN_LABEL_UNKNOWN};
            s->lost = s->lost || s->batch.row[i] != s->rows ||
                      s->batch.values[i * WIDTH] !=
                          normal[(s->rows + (uint64_t)(s - streams) * 97) % TRAIN_ROWS * WIDTH];
            need(an_pipeline_row(s->pipe, &in, NULL, &why), "row", &why);
            s->late_us[s->rows] = (float)((double)(an_clock_ns() - s->sent_ns[s->rows]) / 1e3);
            s->rows++;
        }
    }
    return NULL;
}

static an_live *make_live(bool with_reference, const an_pool *pool)
{
    an_note why = {{0}};
    an_live *live = an_alloc(1, sizeof *live);
    if (!live)
        need(AN_ERR_NOMEM, "version", NULL);
    need(an_live_make(&bundle, &hash, NULL, NULL, live, &why), "version", &why);
    const an_driftwatch_conf drift = {0};
    if (with_reference)
        need(an_live_reference(live, &drift, pool, INT64_MIN, bundle.edges, BINS, &live->reference, &why),
             "reference", &why);
    return live;
}

static void open_stream(stream *s)
{
    an_note why = {{0}};
    an_tag tags[WIDTH];
    const an_alarm_conf alarm = AN_ALARM_CONF_DEFAULT;
    const an_quality_conf quality = AN_QUALITY_CONF_DEFAULT;
    for (size_t j = 0; j < WIDTH; j++)
        tags[j] = (an_tag){.scale = 1};
    const an_tags_conf tc = {.tags = tags,
                             .n = WIDTH,
                             .ports = 1,
                             .queue = 1 << 16,
                             .idle_ms = 3600000,
                             .clock = an_clock_system()};
    need(an_tags_new(&tc, &s->tags), "tags", NULL);
    const an_pool_conf pool = {
        .width = WIDTH, .window = POOL_WINDOW, .holdout_percent = 20, .quota_bytes = 32 << 20};
    need(an_pool_new(&pool, &s->pool, &why), "pool", &why);
    for (size_t i = 0; i + POOL_WINDOW <= TRAIN_ROWS; i += POOL_WINDOW)
        an_pool_add(s->pool, normal + i * WIDTH, 1600000000000 + (int64_t)i, 0);
    const an_pipeline_conf pc = {
        .width = WIDTH, .window = POOL_WINDOW, .alarm = alarm, .quality = quality, .pool = s->pool};
    need(an_pipeline_new(&pc, &s->pipe, &why), "pipeline", &why);
    need(an_batch_init(&s->batch, WIDTH, BATCH), "batch", NULL);
    s->sent_ns = an_alloc((size_t)(conf.seconds * conf.rate), sizeof *s->sent_ns);
    s->late_us = an_alloc((size_t)(conf.seconds * conf.rate), sizeof *s->late_us);
    if (!s->sent_ns || !s->late_us)
        need(AN_ERR_NOMEM, "rows", NULL);
    an_live *live = make_live(true, s->pool);
    need(an_pipeline_swap(s->pipe, live, false, &why), "version", &why);
    an_free(live);
}

/* ---- the trainer ---- */

static void count_step(void *ctx)
{
    if (strcmp(conf.trainer, "all") != 0)
        an_pace_wait(an_governor_pace(ctx));
    atomic_fetch_add(&steps, 1);
}

static void *trainer_main(void *arg)
{
    (void)arg;
    const an_pace pace = {.wait = count_step, .ctx = governor};
    float *params = an_alloc(bundle.n_weights, sizeof *params);
    an_train_opts o = an_train_defaults();
    o.epochs = 1;
    o.cancel = &stop;
    o.pace = &pace;
    if (!an_thread_stand_back(10))
        perror("nice");
    while (!atomic_load(&stop)) {
        an_note why = {{0}};
        memcpy(params, bundle.weights, bundle.n_weights * sizeof *params);
        an_err err = an_train(model, params, &o, normal, NULL, TRAIN_ROWS, NULL, &why);
        if (err != AN_ERR_CANCELLED)
            need(err, "training", &why);
    }
    an_free(params);
    return NULL;
}

/* ---- the whole ---- */

static void keep_to(size_t first, size_t last)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (size_t i = first; i <= last; i++)
        CPU_SET(i, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        perror("sched_setaffinity");
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void read_args(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--streams") == 0)
            conf.streams = strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            conf.seconds = strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--rate") == 0)
            conf.rate = strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--trainer") == 0)
            conf.trainer = argv[i + 1];
        else if (strcmp(argv[i], "--swap") == 0)
            conf.swap = argv[i + 1][0] == '1';
        else if (strcmp(argv[i], "--single") == 0)
            conf.single = argv[i + 1];
        else
            conf.streams = 0;
    }
    if (conf.streams < 1 || conf.streams > STREAMS_MAX || conf.seconds < 1 || conf.seconds > 3600 ||
        conf.rate < 2 || conf.rate > 100000) {
        fprintf(stderr,
                "usage: bench_live [--streams N] [--seconds N] [--rate HZ] [--trainer none|share|all] "
                "[--swap 0|1] | --single FILE\n");
        exit(2);
    }
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void swap_versions(void)
{
    for (long i = 0; i + 1 < conf.seconds; i++) {
        poll(NULL, 0, 1000);
        for (long k = 0; conf.swap && k < conf.streams; k++) {
            an_live *former = atomic_exchange(&streams[k].next, make_live(false, NULL));
            if (former)
                an_live_done(former);
            an_free(former);
        }
    }
}

static bool tell(double cpu)
{
    const size_t n = (size_t)(conf.seconds * conf.rate);
    float *all = an_alloc(n * (size_t)conf.streams, sizeof *all);
    uint64_t scored = 0, swaps = 0, alarms = 0;
    bool lost = false;
    for (long k = 0; k < conf.streams; k++) {
        const an_pipeline_stats st = an_pipeline_stats_get(streams[k].pipe);
        memcpy(all + (size_t)k * n, streams[k].late_us, n * sizeof *all);
        scored += st.scored;
        swaps += st.swaps;
        alarms += st.alarms;
        lost = lost || streams[k].lost || st.scored != n;
    }
    qsort(all, n * (size_t)conf.streams, sizeof *all, ascending);
    const size_t m = n * (size_t)conf.streams;
    printf(
        "{\"streams\":%ld,\"rate\":%ld,\"seconds\":%ld,\"trainer\":\"%s\",\"median_us\":%.1f,\"p99_us\":%.1f,"
        "\"p999_us\":%.1f,\"max_us\":%.1f,\"rows\":%zu,\"scored\":%" PRIu64 ",\"swaps\":%" PRIu64
        ",\"alarms\":%" PRIu64 ",\"train_steps\":%" PRIuFAST64 ",\"cpu\":%.3f,\"lost\":%s}\n",
        conf.streams, conf.rate, conf.seconds, conf.trainer, (double)all[m / 2], (double)all[m / 100 * 99],
        (double)all[m / 1000 * 999], (double)all[m - 1], m, scored, swaps, alarms, atomic_load(&steps),
        cpu / (double)conf.seconds, lost ? "true" : "false");
    an_free(all);
    return !lost;
}

/* One row after the other, in this thread, on command. */
static int answer(void)
{
    enum { ROWS = 2000 };
    char line[64];
    float contributions[WIDTH];
    double raw = 0, sum = 0;
    an_note why = {{0}};
    need(an_bundle_write(&bundle, conf.single, NULL, &why), conf.single, &why);
    an_live *live = make_live(false, NULL);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        const uint64_t from = an_clock_ns();
        for (size_t i = 0; i < ROWS; i++) {
            need(live->push(live->ctx, normal + i * WIDTH, &raw, contributions), "row", NULL);
            sum += raw;
        }
        printf("%.9g\n", (double)(an_clock_ns() - from) / 1e9 / ROWS);
        fflush(stdout);
    }
    an_live_done(live);
    an_free(live);
    return isfinite(sum) ? 0 : 1;
}

int main(int argc, char **argv)
{
    pthread_t trainer, devices;
    const bool train = (read_args(argc, argv), strcmp(conf.trainer, "none") != 0);
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 2;
    an_log_init(AN_LOG_ERROR, "bench_live");
    const size_t cores = an_cpu_count();
    normal = an_alloc((size_t)TRAIN_ROWS * WIDTH, sizeof *normal);
    const an_governor_conf gc = {.share = 1, .clock = an_clock_system()};
    if (!normal || an_governor_new(&gc, &governor) != AN_OK)
        return 2;
    make_rows(normal, TRAIN_ROWS, 7);
    make_bundle();
    if (conf.single)
        return answer();
    for (long k = 0; k < conf.streams; k++)
        open_stream(&streams[k]);
    keep_to(cores - 1, cores - 1); /* threads begin with what their maker has */
    const double cpu = cpu_seconds();
    for (long k = 0; k < conf.streams; k++)
        pthread_create(&streams[k].thread, NULL, stream_main, &streams[k]);
    if (train)
        pthread_create(&trainer, NULL, trainer_main, NULL);
    keep_to(0, cores > 1 ? cores - 2 : 0);
    pthread_create(&devices, NULL, devices_main, NULL);
    swap_versions();
    pthread_join(devices, NULL);
    for (long k = 0; k < conf.streams; k++)
        pthread_join(streams[k].thread, NULL);
    atomic_store(&stop, true);
    an_governor_stop(governor);
    if (train)
        pthread_join(trainer, NULL);
    return tell(cpu_seconds() - cpu) ? 0 : 1;
}
