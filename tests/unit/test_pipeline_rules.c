/* Rules beside a model: what is said of its alarms when a rule vetoes or escalates, and of alarms of rules. */
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

#define W 2
#define SAID_MAX 64

/* The score is the first sensor, so that a test says what the model says. */
static an_err push(void *ctx, const float *row, double *ret_raw, float *ret_contribution)
{
    (void)ctx;
    if (isnan(row[0]))
        return AN_ERR_NUMERIC;
    *ret_raw = (double)row[0];
    ret_contribution[0] = 1;
    ret_contribution[1] = 0;
    return AN_OK;
}

static void reset(void *ctx)
{
    (void)ctx;
}

typedef struct world {
    an_pipeline *p;
    an_pool *pool;
    an_rulebook *book;
    an_board board;
    size_t n;
    an_spoken said[SAID_MAX];
    an_alarm_event events[SAID_MAX];
    uint64_t row;
    bool model;
} world;

static void on_spoken(void *ctx, const an_spoken *s)
{
    world *w = ctx;
    assert_true(w->n < SAID_MAX);
    w->said[w->n] = *s;
    w->events[w->n++] = *s->event;
}

static an_rulebook *book_of(const char *text)
{
    static const char *const sensors[] = {"score", "state"};
    static const char *const lines[] = {"line-1"};
    const an_rulebook_at at = {.sensors = sensors, .width = W, .lines = lines, .n_lines = 1};
    an_yaml *doc = NULL;
    an_line_rules rules;
    an_rulebook *book = NULL;
    assert_int_equal(an_yaml_parse(text, strlen(text), "t", &doc, NULL), AN_OK);
    assert_int_equal(an_line_rules_read(an_yaml_root(doc), &rules, NULL), AN_OK);
    assert_int_equal(an_rulebook_new(&rules, &at, &book, NULL), AN_OK);
    an_line_rules_done(&rules);
    an_yaml_free(doc);
    return book;
}

static void make_pipeline(world *w, const char *rules)
{
    w->book = book_of(rules);
    const an_pipeline_conf c = {
        .width = W,
        .window = 1,
        .alarm = {.k = 1, .n = 1, .clear_level = 0.8, .min_open_ms = 0, .cooldown_ms = 0, .update_ms = 0},
        .severity = AN_SEVERITY_LOW,
        .quality = {.missing_rows = 2, .stuck_rows = 0, .range_rows = 2, .clear_rows = 1},
        .pool = w->pool,
        .rules = w->book,
        .board = &w->board,
        .hooks = {.ctx = w, .spoken = on_spoken}};
    assert_int_equal(an_pipeline_new(&c, &w->p, NULL), AN_OK);
    an_live l = {.ctx = w, .width = W, .history = 1, .threshold = 1, .push = push, .reset = reset};
    if (w->model)
        assert_int_equal(an_pipeline_swap(w->p, &l, false, NULL), AN_OK);
}

static void begin(world *w, const char *rules, bool model)
{
    const an_pool_conf pool = {.width = W, .window = 1, .holdout_percent = 20, .quota_bytes = 1 << 20};
    *w = (world){.model = model};
    an_board_init(&w->board);
    assert_int_equal(an_pool_new(&pool, &w->pool, NULL), AN_OK);
    make_pipeline(w, rules);
}

static void end(world *w)
{
    an_pipeline_free(w->p);
    an_rulebook_free(w->book);
    an_pool_free(w->pool);
}

/* Returns how much was said at this row. */
static size_t feed(world *w, float score, float state)
{
    const float values[W] = {score, state};
    const an_pipeline_in in = {
        .row = w->row, .time_ms = (int64_t)w->row * 1000, .values = values, .part = "P1"};
    w->n = 0;
    assert_int_equal(an_pipeline_row(w->p, &in, NULL, NULL), AN_OK);
    w->row++;
    return w->n;
}

static void said(const world *w, size_t i, an_logged_kind kind, int rule, bool suppressed)
{
    assert_true(i < w->n);
    if (w->said[i].kind != kind)
        fail_msg("%s, not %s", an_logged_name(w->said[i].kind), an_logged_name(kind));
    assert_int_equal(w->said[i].rule, rule);
    assert_int_equal(w->said[i].suppressed, suppressed);
}

#define VETO "[{name: stands, effect: veto, when: {sensor: state, below: 1}}]"

static void a_veto_suppresses_what_is_raised_meanwhile(void **state)
{
    (void)state;
    world w;
    bool open = true;
    double score = 0;
    begin(&w, VETO, true);
    assert_int_equal(feed(&w, 0.1f, 5), 0);
    assert_int_equal(feed(&w, 2, 0), 1);
    said(&w, 0, AN_LOGGED_RAISED, -1, true);
    assert_int_equal(w.said[0].veto, 1);
    assert_false(w.said[0].shown);
    assert_true(an_board_look(&w.board, 0, &score, &open));
    assert_false(open); /* nor do other lines see it */
    assert_int_equal(feed(&w, 2, 0), 0);
    assert_int_equal(feed(&w, 2, 5), 1); /* the machine runs again, and still is not normal */
    said(&w, 0, AN_LOGGED_RELEASED, -1, false);
    assert_false(w.said[0].shown);
    assert_true(an_board_look(&w.board, 0, &score, &open));
    assert_true(open);
    assert_int_equal(feed(&w, 2, 0), 1);
    said(&w, 0, AN_LOGGED_SUPPRESSED, -1, true);
    assert_true(w.said[0].shown);
    assert_int_equal(feed(&w, 0.1f, 5), 1); /* the veto ends with the alarm: nobody has to hear of it again */
    said(&w, 0, AN_LOGGED_CLEARED, -1, true);
    assert_true(w.said[0].shown);
    const an_pipeline_stats st = an_pipeline_stats_get(w.p);
    assert_int_equal(st.alarms, 1);
    assert_int_equal(st.suppressed, 1);
    end(&w);
}

static void what_is_said_of_an_alarm_is_numbered_by_rows_also_those_without_a_score(void **state)
{
    (void)state;
    world w;
    uint64_t rows = 0;
    begin(&w, VETO, true);
    feed(&w, 2, 5);
    rows = w.said[0].rows;
    feed(&w, NAN, 0); /* no score */
    said(&w, 0, AN_LOGGED_SUPPRESSED, -1, true);
    assert_true(w.said[0].rows > rows);
    rows = w.said[0].rows;
    feed(&w, NAN, 5);
    said(&w, 0, AN_LOGGED_RELEASED, -1, false);
    assert_true(w.said[0].rows > rows);
    assert_int_equal(w.said[0].data, AN_DATA_BAD);
    assert_string_equal(w.said[0].part, "P1");
    end(&w);
}

static void an_escalation_raises_the_severity_and_says_so(void **state)
{
    (void)state;
    world w;
    begin(&w, "[{name: loud, effect: escalate, severity: critical, when: {sensor: state, above: 7}}]", true);
    feed(&w, 2, 5);
    said(&w, 0, AN_LOGGED_RAISED, -1, false);
    assert_int_equal(w.said[0].severity, AN_SEVERITY_LOW);
    assert_int_equal(w.said[0].with, 0);
    assert_int_equal(feed(&w, 2, 8), 1);
    said(&w, 0, AN_LOGGED_UPDATED, -1, false);
    assert_int_equal(w.said[0].severity, AN_SEVERITY_CRITICAL);
    assert_int_equal(w.said[0].with, 1);
    assert_int_equal(feed(&w, 2, 8), 0);
    assert_int_equal(feed(&w, 0, 0), 1);
    said(&w, 0, AN_LOGGED_CLEARED, -1, false);
    assert_int_equal(w.said[0].severity, AN_SEVERITY_CRITICAL); /* as it was when it ended */
    end(&w);
}

static void a_rule_raises_its_own_alarm_without_a_model_and_its_rows_are_held(void **state)
{
    (void)state;
    world w;
    begin(&w, "[{name: hot, severity: high, when: {sensor: state, above: 7}}]", false);
    for (int i = 0; i < 5; i++)
        feed(&w, 0, 1);
    assert_int_equal(an_pool_n(w.pool, AN_POOL_HELD), 0);
    assert_int_equal(feed(&w, 0, 8), 1);
    said(&w, 0, AN_LOGGED_RAISED, 0, false);
    assert_int_equal(w.events[0].id, 1);
    assert_int_equal(w.said[0].severity, AN_SEVERITY_HIGH);
    assert_true(isnan(w.said[0].raw));
    feed(&w, 0, 9);
    assert_int_equal(an_pool_n(w.pool, AN_POOL_HELD), 2);
    assert_int_equal(feed(&w, 0, 1), 1);
    said(&w, 0, AN_LOGGED_CLEARED, 0, false);
    feed(&w, 0, 1);
    assert_int_equal(an_pool_n(w.pool, AN_POOL_HELD), 2);
    assert_int_equal(an_pipeline_stats_get(w.p).rule_alarms, 1);
    assert_int_equal(an_pipeline_stats_get(w.p).alarms, 0);
    end(&w);
}

static void model_and_rule_have_an_alarm_each_and_the_models_names_the_rule(void **state)
{
    (void)state;
    world w;
    begin(&w, "[{name: hot, when: {sensor: state, above: 7}}]", true);
    assert_int_equal(feed(&w, 2, 8), 2);
    said(&w, 0, AN_LOGGED_RAISED, -1, false);
    said(&w, 1, AN_LOGGED_RAISED, 0, false);
    assert_int_equal(w.said[0].with, 1);
    assert_int_equal(w.events[0].id, 1);
    assert_int_equal(w.events[1].id, 2);
    assert_int_equal(feed(&w, 0, 8), 1); /* each ends by itself */
    said(&w, 0, AN_LOGGED_CLEARED, -1, false);
    assert_int_equal(feed(&w, 0, 1), 1);
    said(&w, 0, AN_LOGGED_CLEARED, 0, false);
    end(&w);
}

static void a_rule_may_look_at_the_models_score_and_alarm(void **state)
{
    (void)state;
    world w;
    begin(&w, "[{name: far, when: {score_above: 4}}, {name: open, when: {alarm: open, for: 2s}}]", true);
    assert_int_equal(feed(&w, 2, 0), 1);
    assert_int_equal(feed(&w, 5, 0), 1);
    said(&w, 0, AN_LOGGED_RAISED, 0, false);
    assert_int_equal(feed(&w, 5, 0), 1);
    said(&w, 0, AN_LOGGED_RAISED, 1, false);
    end(&w);
}

static void after_a_restart_nothing_is_said_twice_and_nothing_is_forgotten(void **state)
{
    (void)state;
    world w;
    begin(&w, VETO, true);
    feed(&w, 2, 0);
    said(&w, 0, AN_LOGGED_RAISED, -1, true);
    an_buf b;
    an_buf_init(&b, 1u << 20);
    assert_int_equal(an_alarm_save(an_pipeline_alarm(w.p), &b), AN_OK);
    assert_int_equal(an_pipeline_rules_save(w.p, &b), AN_OK);
    an_pipeline_free(w.p);
    an_rulebook_free(w.book);
    make_pipeline(&w, VETO);
    an_reader in = an_reader_of(b.data, b.len);
    assert_int_equal(an_alarm_restore(an_pipeline_alarm(w.p), &in), AN_OK);
    assert_int_equal(an_pipeline_rules_restore(w.p, &in), AN_OK);
    assert_int_equal(in.left, 0);
    assert_int_equal(feed(&w, 2, 0), 0);
    assert_int_equal(feed(&w, 2, 5), 1);
    said(&w, 0, AN_LOGGED_RELEASED, -1, false);
    assert_int_equal(w.said[0].rows, 3);
    an_reader cut = an_reader_of(b.data, b.len - 1);
    assert_int_equal(an_alarm_restore(an_pipeline_alarm(w.p), &cut), AN_OK);
    assert_int_equal(an_pipeline_rules_restore(w.p, &cut), AN_ERR_PROTO);
    an_buf_done(&b);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_veto_suppresses_what_is_raised_meanwhile),
        cmocka_unit_test(what_is_said_of_an_alarm_is_numbered_by_rows_also_those_without_a_score),
        cmocka_unit_test(an_escalation_raises_the_severity_and_says_so),
        cmocka_unit_test(a_rule_raises_its_own_alarm_without_a_model_and_its_rows_are_held),
        cmocka_unit_test(model_and_rule_have_an_alarm_each_and_the_models_names_the_rule),
        cmocka_unit_test(a_rule_may_look_at_the_models_score_and_alarm),
        cmocka_unit_test(after_a_restart_nothing_is_said_twice_and_nothing_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
