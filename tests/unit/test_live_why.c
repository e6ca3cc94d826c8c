/* From rows to a reason: a pipeline with a real version raises an alarm and says what it is about. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/live.h"
#include "agent/pipeline.h"
#include "agent/source.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/kernels/kernels.h"

enum { WIDTH = 4, WINDOW = 3, NORMAL = 900 };

static const char *const names[] = {"Pressure", "Flow", "Temperature", "Current"};
static const char *const units[] = {"bar", "l/min", "°C", "A"};

typedef struct world {
    an_pool *pool;
    an_pipeline *pipe;
    an_rng rng;
    int64_t row;
    size_t raised, with_reason;
    an_reason reason;
    an_logged_kind kind;
} world;

/* All move together, in units of their own. */
static void make_row(world *w, float *row)
{
    const double common = an_rng_normal(&w->rng);
    for (size_t j = 0; j < WIDTH; j++)
        row[j] = (float)(10.0 * (double)(j + 1) + (double)(j + 1) * (common + 0.2 * an_rng_normal(&w->rng)));
}

static void on_spoken(void *ctx, const an_spoken *s)
{
    world *w = ctx;
    w->raised += s->kind == AN_LOGGED_RAISED;
    w->kind = s->kind;
    if (!s->reason)
        return;
    w->with_reason++;
    w->reason = *s->reason;
}

static void make_pool(world *w)
{
    const an_pool_conf conf = {.width = WIDTH, .window = WINDOW, .seed = 4};
    float window[WINDOW * WIDTH];
    assert_int_equal(an_pool_new(&conf, &w->pool, NULL), AN_OK);
    for (size_t i = 0; i < NORMAL; i++, w->row += WINDOW) {
        for (size_t t = 0; t < WINDOW; t++)
            make_row(w, window + t * WIDTH);
        an_pool_add(w->pool, window, 1000 * w->row, 0);
    }
}

/* short_windows: those of the pool are too short for it. */
static an_live make_live(const world *w, bool short_windows)
{
    an_bundle b = {.model = "lines", .threshold = 60, .policy = "quantile"};
    an_prep_conf conf;
    an_live live = {0};
    an_hash hash = {{1}};
    an_note why = {{0}};
    float *raw = NULL, *x = NULL;
    size_t n = 0;
    an_prep_conf_init(&conf);
    conf.window = WINDOW;
    conf.smooth = short_windows ? 2 : 1;
    assert_int_equal(an_pool_copy(w->pool, 1u << AN_POOL_TRAIN, INT64_MIN, &raw, &n), AN_OK);
    assert_int_equal(an_prep_fit(&b.prep, &conf, raw, n, WINDOW, WIDTH, &why), AN_OK);
    assert_int_equal(an_schema_new(&b.schema, names, units, WIDTH, 1, WINDOW, &why), AN_OK);
    assert_int_equal(an_detector_new("mahalanobis", WINDOW, WIDTH, &b.detector, &why), AN_OK);
    x = an_alloc(n * WINDOW * WIDTH, sizeof *x);
    for (size_t i = 0; i < n * WINDOW * WIDTH; i++)
        x[i] = (raw[i] - b.prep.mean[i % WIDTH]) / b.prep.scale[i % WIDTH];
    assert_int_equal(an_detector_fit(b.detector, x, NULL, n, &why), AN_OK);
    if (an_live_make(&b, &hash, NULL, NULL, &live, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_bundle_done(&b);
    an_free(raw);
    an_free(x);
    return live;
}

static world *open_world(bool explained)
{
    world *w = an_alloc(1, sizeof *w);
    an_note why = {{0}};
    assert_non_null(w);
    an_rng_init(&w->rng, 8, 0);
    make_pool(w);
    const an_pipeline_conf conf = {.width = WIDTH,
                                   .window = WINDOW,
                                   .alarm = {.k = 2, .n = 4, .clear_level = 0.8, .update_ms = 5000},
                                   .quality = AN_QUALITY_CONF_DEFAULT,
                                   .pool = w->pool,
                                   .hooks = {.ctx = w, .spoken = on_spoken}};
    assert_int_equal(an_pipeline_new(&conf, &w->pipe, &why), AN_OK);
    an_live live = make_live(w, false);
    if (explained && an_live_explain(&live, w->pool, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_pipeline_swap(w->pipe, &live, false, &why), AN_OK);
    return w;
}

static void close_world(world *w)
{
    an_pipeline_free(w->pipe);
    an_pool_free(w->pool);
    an_free(w);
}

/* Rows with `add` on one sensor; until an alarm, if there is one to come. */
static void feed(world *w, size_t n, size_t sensor, float add)
{
    for (size_t i = 0; i < n; i++, w->row++) {
        float row[WIDTH];
        make_row(w, row);
        row[sensor] += add;
        const an_pipeline_in in = {.row = (uint64_t)w->row, .time_ms = 1000 * w->row, .values = row};
        assert_int_equal(an_pipeline_row(w->pipe, &in, NULL, NULL), AN_OK);
    }
}

static void an_alarm_names_sensor_size_and_time(void **state)
{
    (void)state;
    for (size_t sensor = 0; sensor < WIDTH; sensor++) {
        world *w = open_world(true);
        char text[AN_REASON_TEXT];
        feed(w, 50, 0, 0);
        assert_int_equal(w->raised, 0);
        const int64_t since_ms = 1000 * w->row;
        const float add = (sensor % 2 ? -4.0f : 4.0f) * (float)(sensor + 1);
        feed(w, 2, sensor, add);
        assert_int_equal(w->raised, 1);
        assert_int_equal(w->with_reason, 1);
        const an_reason_part *p = &w->reason.parts[0];
        assert_int_equal(p->sensor, sensor);
        assert_true(p->share > 0.4 && p->share <= 1);
        assert_true(sensor % 2 ? p->sigma < -AN_REASON_SIGMA : p->sigma > AN_REASON_SIGMA);
        assert_int_equal(p->since_ms, since_ms);
        assert_true(fabs(p->value - p->expected - (double)add) < 0.5 * fabs((double)add));
        assert_int_equal(w->reason.n_steps, WINDOW);
        assert_true(p->steps[0] < 0.1 && p->steps[1] > 0.2 && p->steps[2] > 0.2);
        assert_true(fabs(p->steps[0] + p->steps[1] + p->steps[2] - 1) < 1e-9);
        assert_true(w->reason.has_near && w->reason.near_ms < since_ms && w->reason.near_distance > 0);
        an_reason_text(text, &w->reason, names, units);
        print_message("%s\n", text);
        assert_int_equal(strncmp(text, names[sensor], strlen(names[sensor])), 0);
        feed(w, 20, sensor, add); /* later than the window: it is off for all of it */
        assert_int_equal(w->kind, AN_LOGGED_UPDATED);
        assert_true(w->with_reason > 2);
        assert_int_equal(w->reason.parts[0].since_ms, since_ms);
        close_world(w);
    }
}

static void without_normal_windows_there_is_an_alarm_and_no_reason(void **state)
{
    (void)state;
    world *w = open_world(false);
    feed(w, 20, 0, 0);
    feed(w, 5, 1, 30.0f);
    assert_int_equal(w->raised, 1);
    assert_int_equal(w->with_reason, 0);
    an_pool *empty = NULL;
    const an_pool_conf conf = {.width = WIDTH, .window = WINDOW};
    an_note why = {{0}};
    an_live live = make_live(w, false), smooth = make_live(w, true);
    assert_int_equal(an_pool_new(&conf, &empty, NULL), AN_OK);
    assert_int_equal(an_live_explain(&live, empty, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "normal windows"));
    assert_int_equal(an_live_explain(&smooth, w->pool, &why), AN_ERR_INVAL);
    for (size_t i = 0; i < 20; i++) {
        an_mem_fail_after(i);
        an_err err = an_live_explain(&live, w->pool, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
    }
    an_live_done(&live);
    an_live_done(&smooth);
    an_pool_free(empty);
    close_world(w);
}

/* One window, `off` standard deviations too high in one sensor: how rarely a normal score is as high. */
static double chance_of(world *w, an_live *live, float off)
{
    float row[WIDTH], parts[WIDTH];
    double raw = NAN;
    live->reset(live->ctx);
    for (size_t t = 0; t < WINDOW; t++) {
        make_row(w, row);
        row[1] += 2 * off;
        const an_err err = live->push(live->ctx, row, &raw, parts);
        assert_int_equal(err, t + 1 < WINDOW ? AN_ERR_AGAIN : AN_OK);
    }
    return exp(an_chance_ln(live->chance, raw));
}

static void how_rare_a_score_is_is_learnt_from_normal_windows(void **state)
{
    enum { TRIALS = 400 };
    (void)state;
    an_note why = {{0}};
    world *w = open_world(false);
    an_live live = make_live(w, false);
    const an_pool_conf conf = {.width = WIDTH, .window = WINDOW, .seed = 4}, wide = {.width = 1, .window = 1};
    an_pool *few = NULL, *other = NULL;
    float window[WINDOW * WIDTH] = {0};
    size_t rare = 0;
    assert_null(live.chance);
    if (an_live_chance(&live, w->pool, INT64_MIN, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_chance_n(live.chance) >= AN_CHANCE_LEAST);
    for (size_t i = 0; i < TRIALS; i++)
        rare += chance_of(w, &live, 0) < 0.1;
    print_message("%zu of %d below 0.1\n", rare, TRIALS);
    assert_in_range(rare, TRIALS / 25, TRIALS / 5); /* a tenth */
    assert_true(chance_of(w, &live, 5) < 0.01);
    assert_int_equal(an_pool_new(&conf, &few, NULL), AN_OK);
    assert_int_equal(an_pool_new(&wide, &other, NULL), AN_OK);
    for (int i = 0; i < 20; i++)
        an_pool_add(few, window, i, 0);
    const an_chance *before = live.chance;
    assert_int_equal(an_live_chance(&live, few, INT64_MIN, &why), AN_ERR_INVAL);
    assert_int_equal(an_live_chance(&live, other, INT64_MIN, &why), AN_ERR_INVAL);
    an_err err = AN_ERR_NOMEM;
    for (size_t i = 0; i < 20 && err == AN_ERR_NOMEM; i++) {
        assert_ptr_equal(live.chance, before); /* what it knows, it keeps */
        an_mem_fail_after(i);
        err = an_live_chance(&live, w->pool, INT64_MIN, NULL);
        an_mem_fail_never();
    }
    assert_int_equal(err, AN_OK);
    an_pool_free(few);
    an_pool_free(other);
    an_live_done(&live);
    close_world(w);
}

static void the_nearest_normal_window_is_the_nearest(void **state)
{
    (void)state;
    an_pool *pool = NULL;
    const an_pool_conf conf = {.width = 1, .window = 2, .seed = 1};
    const float scale[] = {2.0f};
    int64_t ms = 0;
    double distance = 0;
    float window[] = {0, 0};
    assert_int_equal(an_pool_new(&conf, &pool, NULL), AN_OK);
    assert_false(an_pool_nearest(pool, window, scale, &ms, &distance));
    for (int i = 0; i < 500; i++) {
        const float normal[] = {(float)i, (float)i};
        an_pool_add(pool, normal, i, 0);
    }
    window[0] = 300.4f;
    window[1] = 300.4f;
    assert_true(an_pool_nearest(pool, window, scale, &ms, &distance));
    assert_int_equal(ms, 300);
    assert_true(fabs(distance - 0.2) < 1e-4);
    window[0] = NAN; /* a missing value is left out */
    assert_true(an_pool_nearest(pool, window, scale, &ms, &distance));
    assert_int_equal(ms, 300);
    window[1] = NAN;
    assert_false(an_pool_nearest(pool, window, scale, &ms, &distance));
    an_pool_hold_since(pool, 250, 7); /* of an alarm: not normal */
    window[0] = window[1] = 300.4f;
    assert_true(an_pool_nearest(pool, window, scale, &ms, &distance));
    assert_int_equal(ms, 249);
    an_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alarm_names_sensor_size_and_time),
        cmocka_unit_test(without_normal_windows_there_is_an_alarm_and_no_reason),
        cmocka_unit_test(how_rare_a_score_is_is_learnt_from_normal_windows),
        cmocka_unit_test(the_nearest_normal_window_is_the_nearest),
    };
    an_kernels_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
