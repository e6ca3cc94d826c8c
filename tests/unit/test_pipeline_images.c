/* A line of images: a score an image, an alarm a part, and pictures that say nothing of theirs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pipeline.h"
#include "base/mem.h"

#define W 2
#define ROWS 3
#define SAID_MAX 16

/* The score of an image is its first pixel. */
typedef struct model {
    size_t rows;
    double first;
} model;

static an_err push(void *ctx, const float *row, double *ret_raw, float *ret_contribution)
{
    model *m = ctx;
    if (m->rows++ == 0)
        m->first = (double)row[0];
    if (m->rows < ROWS)
        return AN_ERR_AGAIN;
    *ret_raw = m->first;
    ret_contribution[0] = ret_contribution[1] = 1;
    return AN_OK;
}

static void reset(void *ctx)
{
    ((model *)ctx)->rows = 0;
}

typedef struct said {
    an_logged_kind kind;
    uint64_t alarm;
    bool begins;
    uint8_t why;
    char part[AN_PART_MAX], image[AN_SOURCE_IMAGE_MAX];
} said;

typedef struct world {
    an_pipeline *p;
    an_pool *pool;
    model model;
    said all[SAID_MAX];
    size_t n;
    uint64_t row;
    int64_t time_ms;
} world;

static void note(world *w, an_logged_kind kind, const char *part, const char *image)
{
    assert_true(w->n < SAID_MAX);
    said *s = &w->all[w->n++];
    *s = (said){.kind = kind};
    snprintf(s->part, sizeof s->part, "%s", part ? part : "");
    snprintf(s->image, sizeof s->image, "%s", image ? image : "");
}

static void on_spoken(void *ctx, const an_spoken *s)
{
    world *w = ctx;
    note(w, s->kind, s->part, s->image ? s->image->name : NULL);
    w->all[w->n - 1].alarm = s->event->id;
}

static void on_quality(void *ctx, const an_quality_event *e)
{
    world *w = ctx;
    assert_int_equal(e->kind, AN_QUALITY_IMAGE);
    note(w, AN_LOGGED_QUALITY, e->part, e->image);
    w->all[w->n - 1].begins = e->begins;
    w->all[w->n - 1].why = e->said;
}

static void make_pipeline(world *w, unsigned k)
{
    const an_pipeline_conf c = {
        .width = W,
        .window = ROWS,
        .frame = {.rows = ROWS, .width = W, .channels = 1},
        .alarm = {.k = k, .n = k, .clear_level = 0.8, .cooldown_ms = 30000, .min_open_ms = 10000},
        .quality = {.missing_rows = 2, .stuck_rows = 2, .range_rows = 2, .clear_rows = 1},
        .pool = w->pool,
        .hooks = {.ctx = w, .spoken = on_spoken, .quality = on_quality}};
    an_live l = {.ctx = &w->model, .width = W, .history = ROWS, .threshold = 1, .push = push, .reset = reset};
    assert_int_equal(an_pipeline_new(&c, &w->p, NULL), AN_OK);
    assert_int_equal(an_pipeline_swap(w->p, &l, false, NULL), AN_OK);
}

static void begin(world *w, unsigned k)
{
    const an_pool_conf pool = {.width = W, .window = ROWS, .holdout_percent = 20, .quota_bytes = 1 << 20};
    *w = (world){.time_ms = 1000};
    assert_int_equal(an_pool_new(&pool, &w->pool, NULL), AN_OK);
    make_pipeline(w, k);
}

static void end(world *w)
{
    an_pipeline_free(w->p);
    an_pool_free(w->pool);
}

/* So many rows of an image; returns how many scores they gave. */
static size_t show_rows(world *w, const char *part, float score, uint8_t quality, size_t rows)
{
    an_row_image image = {.width = W, .height = ROWS};
    size_t scored = 0;
    w->time_ms += 10;
    snprintf(image.name, sizeof image.name, "%s.png", part);
    for (size_t y = 0; y < rows; y++) {
        const float v = quality > AN_VALUE_UNCERTAIN ? NAN : score;
        const float values[W] = {v, v};
        const uint8_t said_of[W] = {quality, quality};
        an_pipeline_out out;
        const an_pipeline_in in = {.row = w->row++,
                                   .time_ms = w->time_ms,
                                   .values = values,
                                   .quality = said_of,
                                   .part = part,
                                   .image = &image,
                                   .flags = y == 0 ? AN_ROW_RESTART : 0};
        assert_int_equal(an_pipeline_row(w->p, &in, &out, NULL), AN_OK);
        scored += out.scored;
    }
    return scored;
}

static size_t show(world *w, const char *part, float score)
{
    return show_rows(w, part, score, AN_VALUE_GOOD, ROWS);
}

static void expect(const world *w, size_t i, an_logged_kind kind, uint64_t alarm, const char *part)
{
    assert_true(i < w->n);
    assert_int_equal(w->all[i].kind, kind);
    assert_int_equal(w->all[i].alarm, alarm);
    assert_string_equal(w->all[i].part, part);
}

static void each_part_has_an_alarm_of_its_own(void **state)
{
    (void)state;
    world w;
    begin(&w, 1);
    assert_int_equal(show(&w, "A", 0.5f), 1);
    assert_int_equal(show(&w, "B", 2), 1);
    assert_int_equal(show(&w, "B", 0.1f), 1); /* another view of it, which shows nothing */
    assert_int_equal(w.n, 1);
    expect(&w, 0, AN_LOGGED_RAISED, 1, "B");
    assert_string_equal(w.all[0].image, "B.png");
    show(&w, "C", 2); /* neither the cool-down nor the shortest alarm of B holds for it */
    assert_int_equal(w.n, 3);
    expect(&w, 1, AN_LOGGED_CLEARED, 1, "B");
    expect(&w, 2, AN_LOGGED_RAISED, 2, "C");
    show(&w, "D", 0.5f);
    expect(&w, 3, AN_LOGGED_CLEARED, 2, "C");
    show(&w, "", 2); /* whose part nobody knows is a part by itself */
    show(&w, "", 2);
    expect(&w, 4, AN_LOGGED_RAISED, 3, "");
    expect(&w, 5, AN_LOGGED_CLEARED, 3, "");
    expect(&w, 6, AN_LOGGED_RAISED, 4, "");
    assert_int_equal(an_pipeline_stats_get(w.p).quality_events, 0); /* equal pixels are no stuck sensor */
    assert_int_equal(an_pool_n(w.pool, AN_POOL_HELD), 5);
    end(&w);
}

static void views_of_other_parts_do_not_count(void **state)
{
    (void)state;
    world w;
    begin(&w, 2);
    show(&w, "A", 2);
    show(&w, "B", 2);
    assert_int_equal(w.n, 0);
    show(&w, "B", 2);
    assert_int_equal(w.n, 1);
    expect(&w, 0, AN_LOGGED_RAISED, 1, "B");
    end(&w);
}

static void a_picture_that_says_nothing_is_an_event_and_no_alarm(void **state)
{
    (void)state;
    world w;
    begin(&w, 1);
    assert_int_equal(show_rows(&w, "A", 2, AN_VALUE_UNFOCUSED, ROWS), 0);
    assert_int_equal(show_rows(&w, "B", 2, AN_VALUE_DIRTY, ROWS), 0);
    assert_int_equal(show(&w, "C", 0.5f), 1);
    assert_int_equal(w.n, 3);
    expect(&w, 0, AN_LOGGED_QUALITY, 0, "A");
    expect(&w, 1, AN_LOGGED_QUALITY, 0, "B");
    expect(&w, 2, AN_LOGGED_QUALITY, 0, "C");
    assert_true(w.all[0].begins && w.all[1].begins && !w.all[2].begins);
    assert_int_equal(w.all[1].why, AN_VALUE_DIRTY);
    assert_string_equal(w.all[0].image, "A.png");
    const an_pipeline_stats s = an_pipeline_stats_get(w.p);
    assert_int_equal(s.unscored_quality, 2 * ROWS);
    assert_int_equal(s.alarms, 0);
    assert_int_equal(an_pool_seen(w.pool), 1);
    end(&w);
}

/* The part goes along, so that its next view does not end its alarm; the image that was cut is given again. */
static void an_open_alarm_lives_over_a_restart_within_its_part(void **state)
{
    (void)state;
    world w;
    an_buf alarm, rules;
    begin(&w, 1);
    show(&w, "A", 2);
    show_rows(&w, "A", 2, AN_VALUE_GOOD, ROWS - 1);
    an_buf_init(&alarm, 1 << 16);
    an_buf_init(&rules, 1 << 16);
    assert_int_equal(an_alarm_save(an_pipeline_alarm(w.p), &alarm), AN_OK);
    assert_int_equal(an_pipeline_rules_save(w.p, &rules), AN_OK);
    an_pipeline_free(w.p);
    make_pipeline(&w, 1);
    an_reader r = an_reader_of(alarm.data, alarm.len);
    assert_int_equal(an_alarm_restore(an_pipeline_alarm(w.p), &r), AN_OK);
    r = an_reader_of(rules.data, rules.len);
    assert_int_equal(an_pipeline_rules_restore(w.p, &r), AN_OK);
    assert_int_equal(show(&w, "A", 2), 1);
    assert_int_equal(w.n, 1);
    show(&w, "B", 0.5f);
    assert_int_equal(w.n, 2);
    expect(&w, 1, AN_LOGGED_CLEARED, 1, "A");
    /* A part that is no text is no state of ours. */
    memset(rules.data + rules.len - AN_PART_MAX - 8, 'x', AN_PART_MAX + 8);
    r = an_reader_of(rules.data, rules.len);
    assert_int_equal(an_pipeline_rules_restore(w.p, &r), AN_ERR_PROTO);
    an_buf_done(&alarm);
    an_buf_done(&rules);
    end(&w);
}

static void windows_and_images_must_fit(void **state)
{
    (void)state;
    an_pipeline *p = NULL;
    an_note why = {{0}};
    const an_pipeline_conf c = {.width = W,
                                .window = ROWS + 1,
                                .frame = {.rows = ROWS, .width = W, .channels = 1},
                                .alarm = AN_ALARM_CONF_DEFAULT,
                                .quality = AN_QUALITY_CONF_DEFAULT};
    assert_int_equal(an_pipeline_new(&c, &p, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "images of 3 rows, windows of 4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_has_an_alarm_of_its_own),
        cmocka_unit_test(views_of_other_parts_do_not_count),
        cmocka_unit_test(a_picture_that_says_nothing_is_an_event_and_no_alarm),
        cmocka_unit_test(an_open_alarm_lives_over_a_restart_within_its_part),
        cmocka_unit_test(windows_and_images_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
