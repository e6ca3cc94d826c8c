/* The pipeline: one row in, everything that follows out; a swap drops no window. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pipeline.h"
#include "agent/source.h"
#include "base/mem.h"

#define W 4

/* A model one can follow by hand: the score is the mean of |x| over the window and the sensors.
 */
typedef struct toy {
    size_t window, n;
    float rows[16][W];
} toy;

static an_err toy_push(void *ctx, const float *row, double *ret_raw, float *ret_contribution)
{
    toy *t = ctx;
    for (size_t j = 0; j < W; j++)
        t->rows[t->n % t->window][j] = isnan(row[j]) ? 0 : row[j];
    t->n++;
    if (t->n < t->window)
        return AN_ERR_AGAIN;
    *ret_raw = 0;
    for (size_t j = 0; j < W; j++) {
        ret_contribution[j] = 0;
        for (size_t i = 0; i < t->window; i++)
            ret_contribution[j] += fabsf(t->rows[i][j]);
        *ret_raw += (double)ret_contribution[j] / (double)(W * t->window);
    }
    return isfinite(*ret_raw) && *ret_raw < 1e6 ? AN_OK : AN_ERR_NUMERIC;
}

static void toy_reset(void *ctx)
{
    ((toy *)ctx)->n = 0;
}

static an_live make_live(size_t window, double threshold, uint8_t id)
{
    toy *t = an_alloc(1, sizeof *t);
    assert_non_null(t);
    t->window = window;
    an_live l = {.ctx = t,
                 .width = W,
                 .history = window,
                 .threshold = threshold,
                 .version = {id},
                 .push = toy_push,
                 .reset = toy_reset,
                 .free = an_free};
    return l;
}

typedef struct seen {
    size_t raised, cleared, quality, drift;
    an_alarm_event last;
} seen;

static void on_alarm(void *ctx, const an_alarm_event *e)
{
    seen *s = ctx;
    s->raised += e->kind == AN_ALARM_RAISED;
    s->cleared += e->kind == AN_ALARM_CLEARED;
    s->last = *e;
}

static void on_quality(void *ctx, const an_quality_event *e)
{
    (void)e;
    ((seen *)ctx)->quality++;
}

static an_pipeline_conf conf_of(seen *s)
{
    return (an_pipeline_conf){
        .width = W,
        .window = 4,
        .alarm = {.k = 3, .n = 5, .clear_level = 0.8, .min_open_ms = 0, .cooldown_ms = 0, .update_ms = 0},
        .quality = {.missing_rows = 2, .stuck_rows = 20, .range_rows = 2, .clear_rows = 2},
        .hooks = {.ctx = s, .alarm = on_alarm, .quality = on_quality},
    };
}

static an_pipeline *make(const an_pipeline_conf *c)
{
    an_pipeline *p = NULL;
    an_err err = an_pipeline_new(c, &p, NULL);
    assert_int_equal(err, AN_OK);
    return p;
}

static void swap(an_pipeline *p, size_t window, double threshold, uint8_t id)
{
    an_live l = make_live(window, threshold, id);
    an_err err = an_pipeline_swap(p, &l, false, NULL);
    assert_int_equal(err, AN_OK);
    assert_null(l.ctx);
}

/* Row i: values of about `level` that move a little, so that no sensor is stuck. */
static an_pipeline_out feed(an_pipeline *p, uint64_t i, float level, unsigned missing)
{
    float row[W];
    for (size_t j = 0; j < W; j++)
        row[j] = missing & (1u << j) ? NAN : level + 0.001f * (float)((i + j) % 7);
    an_pipeline_in in = {.row = i, .time_ms = (int64_t)i * 1000, .values = row, .label = AN_LABEL_UNKNOWN};
    an_pipeline_out out;
    an_err err = an_pipeline_row(p, &in, &out, NULL);
    assert_int_equal(err, AN_OK);
    return out;
}

static void rows_become_scores_and_high_scores_an_alarm(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline_conf c = conf_of(&s);
    an_pipeline *p = make(&c);
    assert_false(feed(p, 0, 1, 0).scored);
    swap(p, 3, 2, 1);
    assert_false(feed(p, 1, 1, 0).scored); /* row 0 has warmed it: two of three */
    an_pipeline_out out = feed(p, 2, 1, 0);
    assert_true(out.scored);
    assert_true(fabs(out.score - 0.5) < 0.01);
    uint64_t i = 3;
    for (; i < 20; i++)
        feed(p, i, 10, 0);
    assert_int_equal(s.raised, 1);
    assert_int_equal(s.last.version[0], 1);
    assert_int_equal(s.last.n_top, W);
    for (; i < 40; i++)
        out = feed(p, i, 1, 0);
    assert_int_equal(s.cleared, 1);
    assert_false(out.alarm_open);
    an_pipeline_stats stats = an_pipeline_stats_get(p);
    assert_int_equal(stats.rows, 40);
    assert_int_equal(stats.scored, 38);
    assert_int_equal(stats.unscored_idle, 1);
    assert_int_equal(stats.unscored_filling, 1);
    assert_int_equal(stats.alarms, 1);
    an_pipeline_free(p);
}

/* A filter that looks ahead comes out late; an alarm says when the machine was so. */
static void what_is_scored_late_has_the_time_of_its_row(void **state)
{
    (void)state;
    seen early = {0}, late = {0};
    const uint64_t delay = 2;
    for (size_t k = 0; k < 2; k++) {
        seen *s = k ? &late : &early;
        an_pipeline_conf c = conf_of(s);
        an_pipeline *p = make(&c);
        an_live l = make_live(3, 2, 1);
        l.delay = k ? delay : 0;
        an_err err = an_pipeline_swap(p, &l, false, NULL);
        assert_int_equal(err, AN_OK);
        for (uint64_t i = 0; i < 20; i++)
            feed(p, i, i < 10 ? 1 : 10, 0);
        assert_int_equal(s->raised, 1);
        an_pipeline_free(p);
    }
    assert_int_equal(early.last.time_ms - late.last.time_ms, 1000 * delay);
    assert_int_equal(early.last.since_ms - late.last.since_ms, 1000 * delay);
}

static void a_swap_drops_no_window_and_keeps_the_open_alarm(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline_conf c = conf_of(&s);
    an_pipeline *p = make(&c);
    swap(p, 3, 2, 1);
    uint64_t i = 0;
    for (; i < 10; i++)
        feed(p, i, 10, 0);
    assert_int_equal(s.raised, 1);
    swap(p, 4, 4, 2); /* other window and scale: normalised scores are comparable */
    for (; i < 20; i++)
        assert_true(feed(p, i, 10, 0).scored);
    assert_int_equal(s.raised, 1);
    assert_int_equal(s.cleared, 0);
    assert_int_equal(an_pipeline_live(p)->version[0], 2);
    assert_int_equal(an_pipeline_stats_get(p).swaps, 2);
    swap(p, 8, 4, 3); /* longer than anything kept so far: it fills from what there is */
    for (; i < 24; i++)
        assert_int_equal(feed(p, i, 10, 0).scored, i >= 23);
    swap(p, 8, 4, 4);
    assert_true(feed(p, i, 10, 0).scored);
    an_pipeline_free(p);
}

static void a_version_of_another_shape_is_refused_and_the_old_one_runs_on(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline_conf c = conf_of(&s);
    an_pipeline *p = make(&c);
    swap(p, 3, 2, 1);
    an_live l = make_live(3, 2, 9);
    l.width = W + 1;
    assert_int_equal(an_pipeline_swap(p, &l, false, NULL), AN_ERR_INVAL);
    l.width = W;
    l.threshold = NAN;
    assert_int_equal(an_pipeline_swap(p, &l, false, NULL), AN_ERR_INVAL);
    assert_int_equal(an_pipeline_live(p)->version[0], 1);
    an_live_done(&l);
    an_pipeline_free(p);
}

static void a_missing_sensor_is_a_quality_event_and_no_alarm_and_too_many_stop_the_scores(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline_conf c = conf_of(&s);
    an_pipeline *p = make(&c);
    swap(p, 2, 2, 1);
    uint64_t i = 0;
    an_pipeline_out out;
    for (; i < 10; i++)
        feed(p, i, 1, 0);
    for (; i < 20; i++)
        out = feed(p, i, 1, 1);
    assert_int_equal(s.quality, 1);
    assert_true(out.scored);
    assert_true(fabs(out.score - 0.5) < 0.01); /* the missing sensor's part is taken out */
    assert_true(an_pipeline_stats_get(p).masked > 5);
    for (; i < 30; i++)
        out = feed(p, i, 1, 3);
    assert_false(out.scored);
    for (; i < 40; i++)
        out = feed(p, i, 1, 0);
    assert_true(out.scored);
    assert_int_equal(s.raised, 0);
    assert_int_equal(s.quality, 4);
    an_pipeline_free(p);
}

static void a_restart_of_the_stream_begins_a_new_window(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline_conf c = conf_of(&s);
    an_pipeline *p = make(&c);
    swap(p, 3, 2, 1);
    for (uint64_t i = 0; i < 10; i++)
        feed(p, i, 1, 0);
    float row[W] = {1, 2, 3, 4};
    an_pipeline_in in = {.row = 10, .time_ms = 10000, .values = row, .flags = AN_ROW_RESTART};
    an_pipeline_out out;
    assert_int_equal(an_pipeline_row(p, &in, &out, NULL), AN_OK);
    assert_false(out.scored);
    an_pipeline_free(p);
}

static void the_pool_gets_normal_windows_and_holds_those_of_alarms(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline_conf c = conf_of(&s);
    an_pool_conf pc = {.width = W, .window = 4, .cap = {100, 100, 10, 100, 100, 10}, .block = 2, .seed = 1};
    assert_int_equal(an_pool_new(&pc, &c.pool, NULL), AN_OK);
    c.pool_stride = 1;
    an_pipeline *p = make(&c);
    swap(p, 2, 2, 1);
    uint64_t i = 0;
    for (; i < 23; i++)
        feed(p, i, 1, 0);
    assert_int_equal(an_pool_seen(c.pool), 20); /* windows of four rows */
    for (; i < 33; i++)
        feed(p, i, 10, 0);
    assert_int_equal(s.raised, 1);
    assert_int_equal(an_pool_n(c.pool, AN_POOL_HELD), 10); /* the build-up of the alarm was taken back */
    for (size_t k = 0; k < an_pool_n(c.pool, AN_POOL_RECENT); k++)
        assert_true(an_pool_get(c.pool, AN_POOL_RECENT, k)[3 * W] < 5);
    an_pipeline_free(p);
    an_pool_free(c.pool);
}

static void every_row_is_in_the_score_file(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline_conf c = conf_of(&s);
    char line[128];
    c.scores = tmpfile();
    assert_non_null(c.scores);
    an_pipeline *p = make(&c);
    swap(p, 2, 2, 1);
    for (uint64_t i = 0; i < 3; i++)
        feed(p, i * 7, 1, 0);
    rewind(c.scores);
    assert_non_null(fgets(line, sizeof line, c.scores));
    assert_string_equal(line, "row,time_ms,score,raw,alarm,label\n");
    assert_non_null(fgets(line, sizeof line, c.scores));
    assert_string_equal(line, "0,0,,,0,-1\n");
    assert_non_null(fgets(line, sizeof line, c.scores));
    assert_int_equal(strncmp(line, "7,7000,0.5", 10), 0);
    assert_non_null(fgets(line, sizeof line, c.scores));
    assert_null(fgets(line, sizeof line, c.scores));
    an_pipeline_free(p);
    fclose(c.scores);
}

static void a_score_that_is_no_number_is_counted(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline_conf c = conf_of(&s);
    an_pipeline *p = make(&c);
    swap(p, 1, 2, 1);
    assert_false(feed(p, 0, 1e20f, 0).scored);
    assert_int_equal(an_pipeline_stats_get(p).unscored_numeric, 1);
    an_pipeline_free(p);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline_conf c = conf_of(&s);
    an_err err;
    size_t n = 0, live = an_mem_live();
    do {
        an_pipeline *p = NULL;
        an_live l = make_live(9, 2, 1);
        an_mem_fail_after(n++);
        err = an_pipeline_new(&c, &p, NULL);
        if (!err)
            err = an_pipeline_swap(p, &l, false, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_live_done(&l);
        an_pipeline_free(p);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_scores_and_high_scores_an_alarm),
        cmocka_unit_test(what_is_scored_late_has_the_time_of_its_row),
        cmocka_unit_test(a_swap_drops_no_window_and_keeps_the_open_alarm),
        cmocka_unit_test(a_version_of_another_shape_is_refused_and_the_old_one_runs_on),
        cmocka_unit_test(a_missing_sensor_is_a_quality_event_and_no_alarm_and_too_many_stop_the_scores),
        cmocka_unit_test(a_restart_of_the_stream_begins_a_new_window),
        cmocka_unit_test(the_pool_gets_normal_windows_and_holds_those_of_alarms),
        cmocka_unit_test(every_row_is_in_the_score_file),
        cmocka_unit_test(a_score_that_is_no_number_is_counted),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
