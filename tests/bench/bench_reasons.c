/* Do reasons name the right sensors?  asd says of each of its 77 anomalous segments which metrics it is about.
 *
 *     ANDON_DATA=../shared/data bench_reasons
 *
 * Each machine learns from its own training rows.  A way of explaining gives every window a share for each sensor; the
 * shares of the windows that end in a segment are averaged, as an alarm averages them, and the three largest are
 * looked up.  "one window": those of the window with the highest score alone, which is what a reason is written from.
 *
 *     |z|       the distance from the mean in standard deviations, largest in the segment
 *     detector  what the detector calls contributions (detector.h)
 *     additive  of Mahalanobis' distance, d_j (P d)_j where that is positive: parts that add up
 *     reason    explain.h: of a model, what a sensor is beside what the others suggest while it is hidden
 *
 * The rows "chance" say what three sensors drawn by lot would come to: in most segments most sensors are named.  So
 * the segments that name at most five are told apart.  Labels only judge.  Windows of 1, 2, 3 and 5 rows, four seeds of
 * a network.  Fails if a reason finds fewer segments than |z| does. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "models/explain.h"
#include "models/kernels/kernels.h"
#include "tests/bench/support_data.h"

#define WIDTH BENCH_ASD_WIDTH
#define TOP 3
#define FEW 5
#define SEEDS 4
#define CONSTANT_SCALE 0.05 /* of a sensor that never moved in training */

typedef enum way { Z, Z_ONE, DETECTOR, DETECTOR_ONE, ADDITIVE, ADDITIVE_ONE, REASON, REASON_ONE, WAYS } way;
static const char *const way_names[WAYS] = {
    "|z|",      "|z|, one window",      "detector", "detector, one window",
    "additive", "additive, one window", "reason",   "reason, one window"};

typedef struct hits {
    double segments, top3, top1, share; /* share of the three that are named */
    double few, few_top3;
} hits;

typedef struct evidence { /* of one segment */
    float shares[WAYS][WIDTH];
    double highest; /* score */
} evidence;

static bench_machine machines[BENCH_ASD_MACHINES];
static bool failed;
static uint64_t reasons_ns, n_reasons;

static void add(float *sum, const float *parts)
{
    double total = 0;
    for (size_t j = 0; j < WIDTH; j++)
        total += (double)parts[j];
    for (size_t j = 0; total > 0 && j < WIDTH; j++)
        sum[j] += (float)((double)parts[j] / total);
}

static void look_at_row(const an_prep *prep, const float *row, float *sum, float *highest)
{
    float z[WIDTH], most = 0, before = 0;
    for (size_t j = 0; j < WIDTH; j++) {
        const double scale = prep->constant[j] ? CONSTANT_SCALE : (double)prep->scale[j];
        z[j] = (float)fabs(((double)row[j] - (double)prep->mean[j]) / scale);
        most = fmaxf(most, z[j]);
        before = fmaxf(before, highest[j]);
        sum[j] = fmaxf(sum[j], z[j]);
    }
    if (most > before)
        memcpy(highest, z, sizeof z);
}

static void split(const an_detector *d, const float *x, float *parts)
{
    const size_t m = (size_t)d->window * WIDTH;
    memset(parts, 0, WIDTH * sizeof *parts);
    for (size_t i = 0; !d->type->needs_model && i < m; i++) {
        double product = 0;
        for (size_t k = 0; k < m; k++)
            product += d->state[m + i * m + k] * ((double)x[k] - d->state[k]);
        parts[i % WIDTH] += (float)(product * ((double)x[i] - d->state[i]));
    }
    for (size_t j = 0; j < WIDTH; j++)
        parts[j] = fmaxf(parts[j], 0);
}

static void look_at_window(const bench_version *v, const an_explain *explain, const float *x, evidence *e)
{
    const size_t input = an_scorer_input(v->scorer);
    float score, parts[WIDTH], additive[WIDTH], reason[WIDTH];
    float *expected = an_alloc(2 * input, sizeof *expected);
    if (!expected || an_scorer_score(v->scorer, v->work, x, 1, &score, parts) != AN_OK) {
        fprintf(stderr, "a window cannot be scored\n");
        exit(2);
    }
    const uint64_t begin = an_clock_ns();
    an_err err = an_explain_window(explain, v->scorer, v->work, x, expected, expected + input, reason);
    reasons_ns += an_clock_ns() - begin;
    n_reasons++;
    if (err != AN_OK) {
        fprintf(stderr, "a window cannot be explained\n");
        exit(2);
    }
    split(v->detector, x, additive);
    add(e->shares[DETECTOR], parts);
    add(e->shares[ADDITIVE], additive);
    add(e->shares[REASON], reason);
    if ((double)score > e->highest) {
        e->highest = (double)score;
        memcpy(e->shares[DETECTOR_ONE], parts, sizeof parts);
        memcpy(e->shares[ADDITIVE_ONE], additive, sizeof additive);
        memcpy(e->shares[REASON_ONE], reason, sizeof reason);
    }
    an_free(expected);
}

static void judge(const bench_segment *s, const evidence *e, hits *ret)
{
    for (size_t w = 0; w < WAYS; w++) {
        uint32_t top[TOP];
        size_t named = 0, n = an_explain_top(e->shares[w], WIDTH, top, TOP);
        for (size_t i = 0; i < n; i++)
            named += s->guilty[top[i]];
        ret[w].segments++;
        ret[w].top3 += named > 0;
        ret[w].top1 += n > 0 && s->guilty[top[0]];
        ret[w].share += (double)named / TOP;
        ret[w].few += s->n_guilty <= FEW;
        ret[w].few_top3 += s->n_guilty <= FEW && named > 0;
    }
}

static void run_machine(const bench_machine *m, const bench_version_conf *conf, hits *ret)
{
    bench_version v;
    an_windows test;
    an_explain *explain = NULL;
    an_note why = {{0}};
    if (bench_version_make(conf, m->train.rows, m->train.n, WIDTH, &v, &why) != AN_OK ||
        an_explain_new(v.scorer, v.work, v.fit.x, v.fit.n, &explain, &why) != AN_OK ||
        an_prep_windows(an_scorer_prep(v.scorer), m->test.rows, m->test.n, &test) != AN_OK) {
        fprintf(stderr, "%s\n", why.text);
        exit(2);
    }
    for (size_t k = 0; k < m->n_segments; k++) {
        const bench_segment *s = &m->segments[k];
        evidence e = {.highest = -1};
        for (size_t i = 0; i < test.n; i++)
            if (test.last[i] >= s->from && test.last[i] <= s->to) {
                look_at_row(an_scorer_prep(v.scorer), m->test.rows + test.last[i] * WIDTH, e.shares[Z],
                            e.shares[Z_ONE]);
                look_at_window(&v, explain, test.x + i * test.input, &e);
            }
        judge(s, &e, ret);
    }
    an_windows_done(&test);
    an_explain_free(explain);
    bench_version_done(&v);
}

static void tell(const char *what, const hits *h)
{
    printf("  %-22s %.3f   %.3f   %.3f   %.3f\n", what, h->top3 / h->segments, h->few_top3 / h->few,
           h->top1 / h->segments, h->share / h->segments);
}

static void tell_chance(void)
{
    hits h = {0};
    for (size_t i = 0; i < BENCH_ASD_MACHINES; i++)
        for (size_t k = 0; k < machines[i].n_segments; k++) {
            const double guilty = (double)machines[i].segments[k].n_guilty;
            const bool few = guilty <= FEW;
            double none = 1;
            for (int t = 0; t < TOP; t++)
                none *= (WIDTH - guilty - t) / (WIDTH - t);
            h.segments++;
            h.few += few;
            h.top3 += 1 - none;
            h.few_top3 += few ? 1 - none : 0;
            h.top1 += guilty / WIDTH;
            h.share += guilty / WIDTH;
        }
    printf("%.0f segments, %.0f of them name at most %d of %d sensors\n", h.segments, h.few, FEW, WIDTH);
    printf("  %-22s %s\n", "", "top-3 has one, of the few, top-1, share of the top-3 that is named");
    tell("chance", &h);
}

static void run(const char *detector, uint32_t window, size_t seeds)
{
    hits h[WAYS] = {{0}};
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        const bench_version_conf conf = {.detector = detector, .window = window, .epochs = 10, .seed = seed};
        for (size_t i = 0; i < BENCH_ASD_MACHINES; i++)
            run_machine(&machines[i], &conf, h);
    }
    printf("%s, window %u: a reason takes %.0f us\n", detector, window,
           (double)reasons_ns / (double)n_reasons / 1000);
    reasons_ns = n_reasons = 0;
    for (size_t w = 0; w < WAYS; w++)
        if (h[w].top3 > 0)
            tell(way_names[w], &h[w]);
    if (h[REASON].top3 < h[Z].top3)
        failed = true;
}

int main(void)
{
    static const uint32_t windows[] = {1, 2, 3, 5};
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 2;
    an_log_init(AN_LOG_ERROR, "bench_reasons");
    if (!bench_asd(machines)) {
        printf("skipped: asd is not there (ANDON_DATA)\n");
        return 77;
    }
    tell_chance();
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        run("mahalanobis", windows[i], 1);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        run("autoencoder", windows[i], SEEDS);
    bench_machines_free(machines);
    return failed ? 1 : 0;
}
