/* The line half of the agent, whole: a simulated line, a version fitted on it, scores, alarms,
 * quality events, drift alerts, and a swap between two rows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/live.h"
#include "agent/pipeline.h"
#include "agent/sim.h"
#include "base/mem.h"
#include "models/histogram.h"
#include "models/kernels/kernels.h"

#define TRAIN 8000
#define LIVE 6000
#define BINS 10

typedef struct seen {
    size_t raised, quality, drift;
    an_alarm_event first;
    int64_t drift_ms;
} seen;

static void on_alarm(void *ctx, const an_alarm_event *e)
{
    seen *s = ctx;
    if (e->kind == AN_ALARM_RAISED && s->raised++ == 0)
        s->first = *e;
}

static void on_quality(void *ctx, const an_quality_event *e)
{
    ((seen *)ctx)->quality += e->begins;
}

static void on_drift(void *ctx, const an_drift_alert *a)
{
    seen *s = ctx;
    if (s->drift++ == 0)
        s->drift_ms = a->time_ms;
}

typedef struct world {
    an_sim_conf conf;
    size_t width;
    float *rows;
    int64_t *time_ms;
    an_bundle bundle;
    an_hash hash;
    an_pool *pool;
    an_pipeline *pipe;
    seen seen;
} world;

static void must(an_err err, const an_note *why)
{
    if (err)
        print_error("%s: %s\n", an_err_name(err), why->text);
    assert_int_equal(err, AN_OK);
}

/* A version made by hand: Mahalanobis on windows of two rows, smoothed over four. */
static void make_bundle(world *w)
{
    const an_sim_line *line = an_sim_line_find(w->conf.line);
    const char *names[AN_SIM_SENSORS_MAX], *units[AN_SIM_SENSORS_MAX];
    an_note why = {0};
    an_prep_conf pc;
    an_windows x = {0};
    an_bundle *b = &w->bundle;
    for (size_t j = 0; j < w->width; j++) {
        names[j] = line->sensors[j].name;
        units[j] = line->sensors[j].unit;
    }
    an_prep_conf_init(&pc);
    pc.window = 2;
    pc.smooth = 4;
    snprintf(b->model, sizeof b->model, "%s", w->conf.line);
    snprintf(b->policy, sizeof b->policy, "target_far:0.001*1.2");
    must(an_schema_new(&b->schema, names, units, (uint32_t)w->width, 1, pc.window, &why), &why);
    must(an_prep_fit(&b->prep, &pc, w->rows, 1, TRAIN, w->width, &why), &why);
    must(an_prep_windows(&b->prep, w->rows, TRAIN, &x), &why);
    must(an_detector_new("mahalanobis", pc.window, (uint32_t)w->width, &b->detector, &why), &why);
    must(an_detector_fit(b->detector, x.x, NULL, x.n, &why), &why);
    float *scores = calloc(x.n, sizeof *scores);
    double *scratch = calloc(an_detector_scratch(b->detector) + 1, sizeof *scratch);
    assert_non_null(scores);
    assert_non_null(scratch);
    an_detector_score(b->detector, x.x, NULL, x.n, scores, NULL, scratch);
    must(an_threshold_from(b->policy, scores, x.n, &b->threshold, &why), &why);
    free(scores);
    free(scratch);
    an_windows_done(&x);
    memset(w->hash.b, 7, sizeof w->hash.b);
}

static void feed(world *w, size_t from, size_t to, double *ret_scores)
{
    an_pipeline_out out;
    an_note why = {0};
    for (size_t i = from; i < to; i++) {
        an_pipeline_in in = {.row = i, .time_ms = w->time_ms[i], .values = w->rows + i * w->width};
        must(an_pipeline_row(w->pipe, &in, &out, &why), &why);
        if (ret_scores)
            ret_scores[i - from] = out.scored ? out.score : NAN;
    }
}

static void go_live(world *w, bool watch)
{
    static const an_driftwatch_conf usual = {0};
    float edges[AN_SIM_SENSORS_MAX * (BINS - 1)];
    an_note why = {0};
    an_live live = {0};
    must(an_live_make(&w->bundle, &w->hash, NULL, NULL, &live, &why), &why);
    for (size_t j = 0; j < w->width; j++)
        must(an_hist_edges(edges + j * (BINS - 1), BINS, w->rows, TRAIN, w->width, j), &why);
    if (watch)
        must(an_live_reference(&live, &usual, w->pool, INT64_MIN, edges, BINS, &live.reference, &why), &why);
    must(an_pipeline_swap(w->pipe, &live, false, &why), &why);
}

/* Rows up to TRAIN go by without a version and fill the pool; then the version goes live. */
static void make(world *w, const char *line, const char *event, size_t start, size_t length, double size,
                 const char *sensor)
{
    an_note why = {0};
    *w = (world){.conf = {.seed = 12, .site = 2, .step_ms = 1000}};
    snprintf(w->conf.line, sizeof w->conf.line, "%s", line);
    if (event) {
        an_sim_event *e = &w->conf.events[w->conf.n_events++];
        snprintf(e->name, sizeof e->name, "%s", event);
        snprintf(e->sensor, sizeof e->sensor, "%s", sensor);
        e->start = start;
        e->length = length;
        e->size = size;
    }
    w->width = an_sim_line_find(line)->n_sensors;
    w->rows = calloc((TRAIN + LIVE) * w->width, sizeof *w->rows);
    w->time_ms = calloc(TRAIN + LIVE, sizeof *w->time_ms);
    assert_non_null(w->rows);
    assert_non_null(w->time_ms);
    must(an_sim_generate(&w->conf, TRAIN + LIVE, w->rows, NULL, w->time_ms, &why), &why);
    make_bundle(w);
    an_pool_conf pc = {.width = w->width, .window = 5, .seed = 1};
    must(an_pool_new(&pc, &w->pool, &why), &why);
    an_pipeline_conf c = {
        .width = w->width,
        .window = 5,
        .alarm = AN_ALARM_CONF_DEFAULT,
        .quality = AN_QUALITY_CONF_DEFAULT,
        .pool = w->pool,
        .hooks = {.ctx = &w->seen, .alarm = on_alarm, .quality = on_quality, .drift = on_drift}};
    must(an_pipeline_new(&c, &w->pipe, &why), &why);
    feed(w, 0, TRAIN, NULL);
}

static void done(world *w)
{
    an_pipeline_free(w->pipe);
    an_pool_free(w->pool);
    an_bundle_done(&w->bundle);
    free(w->rows);
    free(w->time_ms);
}

static void a_normal_line_is_quiet(void **state)
{
    (void)state;
    world w;
    make(&w, "pump", NULL, 0, 0, 0, "");
    go_live(&w, true);
    feed(&w, TRAIN, TRAIN + LIVE, NULL);
    assert_in_range(w.seen.raised, 0, 2);
    assert_int_equal(w.seen.quality, 0);
    assert_int_equal(w.seen.drift, 0);
    assert_true(an_pipeline_stats_get(w.pipe).scored == LIVE);
    done(&w);
}

static void a_fault_is_an_alarm_that_names_its_sensor_and_stays_out_of_training(void **state)
{
    (void)state;
    world w;
    make(&w, "pump", "cavitation", TRAIN + 1000, 300, 1, "");
    go_live(&w, false);
    feed(&w, TRAIN, TRAIN + 1000, NULL);
    size_t before = w.seen.raised;
    w.seen.raised = 0;
    feed(&w, TRAIN + 1000, TRAIN + 1300, NULL);
    assert_in_range(before, 0, 1);
    assert_true(w.seen.raised >= 1);
    assert_in_range(w.seen.first.since_ms, w.time_ms[TRAIN + 1000], w.time_ms[TRAIN + 1030]);
    assert_int_equal(w.seen.first.version[0], 7);
    bool named = false;
    for (size_t k = 0; k < w.seen.first.n_top; k++)
        named = named ||
                strstr(an_sim_line_find("pump")->sensors[w.seen.first.top[k].sensor].name, "vibration") ||
                strstr(an_sim_line_find("pump")->sensors[w.seen.first.top[k].sensor].name, "suction");
    assert_true(named);
    assert_true(an_pool_n(w.pool, AN_POOL_HELD) > 40);
    done(&w);
}

static void a_dead_sensor_is_a_quality_event_and_no_lasting_alarm(void **state)
{
    (void)state;
    world w;
    make(&w, "press", "sensor_missing", TRAIN + 500, 2000, 1, "force");
    go_live(&w, false);
    feed(&w, TRAIN, TRAIN + 3000, NULL);
    assert_int_equal(w.seen.quality, 1);
    assert_in_range(w.seen.raised, 0, 3);
    assert_true(an_pipeline_stats_get(w.pipe).masked > 1900);
    done(&w);
}

static void a_tool_change_is_a_drift_alert_soon_after(void **state)
{
    (void)state;
    world w;
    make(&w, "pump", "tool_change", TRAIN + 1500, 0, 1, "");
    go_live(&w, true);
    feed(&w, TRAIN, TRAIN + LIVE, NULL);
    assert_true(w.seen.drift > 0);
    assert_in_range(w.seen.drift_ms, w.time_ms[TRAIN + 1500], w.time_ms[TRAIN + 3500]);
    done(&w);
}

static void a_swap_to_the_same_version_changes_no_score(void **state)
{
    (void)state;
    static double one[LIVE], two[LIVE];
    world w;
    make(&w, "press", NULL, 0, 0, 0, "");
    go_live(&w, false);
    feed(&w, TRAIN, TRAIN + 400, one);
    done(&w);
    make(&w, "press", NULL, 0, 0, 0, "");
    go_live(&w, false);
    feed(&w, TRAIN, TRAIN + 111, two);
    go_live(&w, false);
    feed(&w, TRAIN + 111, TRAIN + 400, two + 111);
    for (size_t i = 0; i < 400; i++)
        assert_true(one[i] == two[i]);
    done(&w);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    world w;
    make(&w, "pump", NULL, 0, 0, 0, "");
    an_err err;
    size_t n = 0, live_n = an_mem_live();
    do {
        an_live live = {0};
        an_mem_fail_after(n++);
        err = an_live_make(&w.bundle, &w.hash, NULL, NULL, &live, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_live_done(&live);
        assert_int_equal(an_mem_live(), live_n);
    } while (err != AN_OK);
    assert_true(n > 5);
    done(&w);
}

int main(void)
{
    if (!an_kernels_init())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_normal_line_is_quiet),
        cmocka_unit_test(a_fault_is_an_alarm_that_names_its_sensor_and_stays_out_of_training),
        cmocka_unit_test(a_dead_sensor_is_a_quality_event_and_no_lasting_alarm),
        cmocka_unit_test(a_tool_change_is_a_drift_alert_soon_after),
        cmocka_unit_test(a_swap_to_the_same_version_changes_no_score),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
