/* Rules at work: conditions, times, what is unknown, alarms, restarts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rules.h"
#include "base/mem.h"

#define W 3
static const char *const sensors[W] = {"x", "y", "z"};
static const char *const lines[] = {"line-1", "line-2"};

typedef struct run {
    an_rulebook *book;
    an_quality *quality;
    an_alarm *alarm;
    an_board board;
    double score, ln_p;
    bool alarm_open, restart;
    an_rule_said said[AN_RULES_MAX];
    size_t n;
} run;

static an_rulebook *book_of(const char *text)
{
    const an_rulebook_at at = {
        .sensors = sensors, .width = W, .lines = lines, .n_lines = 2, .update_ms = 1000};
    an_yaml *doc = NULL;
    an_line_rules rules;
    an_rulebook *book = NULL;
    an_note why = {{0}};
    if (an_yaml_parse(text, strlen(text), "t.yaml", &doc, &why) != AN_OK ||
        an_line_rules_read(an_yaml_root(doc), &rules, &why) != AN_OK ||
        an_rulebook_new(&rules, &at, &book, &why) != AN_OK)
        fail_msg("%s\n%s", text, why.text);
    an_line_rules_done(&rules);
    an_yaml_free(doc);
    return book;
}

static void begin(run *r, const char *text)
{
    static const double low[W] = {-1000, -1000, -1000}, high[W] = {1000, 1000, 1000};
    const an_quality_conf q = {
        .missing_rows = 2, .stuck_rows = 3, .range_rows = 2, .clear_rows = 1, .low = low, .high = high};
    const an_alarm_conf a = AN_ALARM_CONF_DEFAULT;
    *r = (run){.book = book_of(text), .score = (double)NAN, .ln_p = (double)NAN};
    an_board_init(&r->board);
    assert_int_equal(an_quality_new(&q, W, &r->quality), AN_OK);
    assert_int_equal(an_alarm_new(&a, W, &r->alarm), AN_OK);
}

static void end(run *r)
{
    an_rulebook_free(r->book);
    an_quality_free(r->quality);
    an_alarm_free(r->alarm);
}

/* One row; returns whether rule 0 is active after it. */
static bool feed(run *r, int64_t ms, float x, float y)
{
    an_quality_event events[8];
    const float values[W] = {x, y, (float)(ms % 7)};
    an_quality_step(r->quality, ms, values, NULL, events, 8);
    const an_rule_in in = {.time_ms = ms,
                           .restart = r->restart,
                           .values = values,
                           .quality = r->quality,
                           .score = r->score,
                           .ln_p = r->ln_p,
                           .alarm_open = r->alarm_open,
                           .board = &r->board,
                           .numbers = r->alarm};
    r->n = an_rulebook_step(r->book, &in, r->said);
    uint64_t active = 0;
    for (unsigned e = 0; e < AN_RULE_EFFECTS; e++)
        active |= an_rulebook_active(r->book, (an_rule_effect)e);
    return active & 1;
}

/* ---- tables: a condition, rows of x and y a second apart, and the answers: 1 active, 0 not ---- */

#define NA NAN
static const struct {
    const char *when;
    size_t n;
    float x[12], y[12];
    const char *active;
} table[] = {
    {"{sensor: x, above: 5}", 6, {4, 5, 6, 5, 9, 0}, {0}, "001010"},
    {"{sensor: x, above: 5, hysteresis: 2}", 7, {4, 6, 5, 4, 3, 4, 6}, {0}, "0111001"},
    {"{sensor: x, below: 5, hysteresis: 2}", 7, {6, 4, 5, 6, 7, 6, 4}, {0}, "0111001"},
    {"{sensor: x, outside: [2, 8]}", 6, {2, 8, 9, 5, 1, 3}, {0}, "001010"},
    {"{sensor: x, outside: [2, 8], hysteresis: 1}", 7, {9, 8, 7, 1, 2, 3, 8}, {0}, "1101100"},
    {"{sensor: x, above: 5, for: 2s}", 9, {6, 7, 8, 4, 6, 7, 4, 6, 9}, {0}, "001000000"},
    {"{not: {sensor: x, above: 5}}", 4, {6, 5, 4, 7}, {0}, "0110"},
    {"{all: [{sensor: x, above: 5}, {sensor: y, above: 5}]}", 4, {6, 6, 1, 9}, {1, 6, 6, 9}, "0101"},
    {"{any: [{sensor: x, above: 5}, {sensor: y, above: 5}]}", 5, {6, 1, 1, 9, 0}, {1, 6, 2, 9, 0}, "11010"},
    {"{all: [{sensor: x, above: 5}, {not: {sensor: y, above: 5}}]}", 4, {6, 6, 1, 9}, {1, 6, 2, 9}, "1000"},
    {"{any: [{all: [{sensor: x, above: 5}, {sensor: y, above: 5}]}, {sensor: x, below: -5}]}",
     5,
     {6, 6, -6, 1, -7},
     {1, 6, 1, 8, 8},
     "01101"},
    /* A value that is missing leaves all as it is, also under not. */
    {"{sensor: x, above: 5}", 7, {NA, 6, NA, NA, 7, 4, NA}, {0}, "0111100"},
    {"{not: {sensor: x, above: 5}}", 5, {NA, NA, 4, NA, 7}, {0}, "00110"},
    {"{all: [{sensor: x, above: 5}, {sensor: y, above: 5}]}", 4, {6, NA, NA, 6}, {6, 7, 1, 7}, "1101"},
    {"{any: [{sensor: x, above: 5}, {sensor: y, above: 5}]}", 4, {NA, NA, 1, NA}, {1, 6, 1, 1}, "0100"},
    /* ... and so does one that the instrument cannot have measured. */
    {"{sensor: x, above: 5}", 4, {2000, 6, -2000, 1}, {0}, "0110"},
    /* A stuck value is a value. */
    {"{sensor: x, above: 5}", 8, {6, 6, 6, 6, 6, 6, 1, 1}, {0}, "11111100"},
    {"{sensor: x, quality: stuck}", 8, {6, 6, 6, 6, 6, 7, 8, 9}, {0}, "00011000"},
    {"{sensor: x, quality: missing}", 6, {6, NA, NA, NA, 7, 8}, {0}, "001100"},
    {"{sensor: x, quality: bad}", 6, {6, 2000, 2000, 1, 7, 8}, {0}, "001000"},
    {"{not: {sensor: x, quality: missing}}", 5, {6, NA, NA, 1, 2}, {0}, "11011"},
    /* Per second, over three seconds, once half of them have been seen. */
    {"{sensor: x, rate_above: 1.5, over: 3s}", 9, {0, 2, 4, 6, 6, 6, 6, 6, 6}, {0}, "001100000"},
    {"{sensor: x, rate_below: -1.5, over: 3s}", 8, {8, 6, 4, 2, 2, 2, 2, 2}, {0}, "00110000"},
};

static void conditions_answer_as_the_table_says(void **state)
{
    (void)state;
    bool bad = false;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[300], got[16] = "";
        run r;
        snprintf(text, sizeof text, "[{name: a, when: %s}]", table[i].when);
        begin(&r, text);
        for (size_t k = 0; k < table[i].n; k++)
            got[k] = feed(&r, (int64_t)(k + 1) * 1000, table[i].x[k], table[i].y[k]) ? '1' : '0';
        if (strcmp(got, table[i].active) != 0) {
            print_error("%s: %s, not %s\n", table[i].when, got, table[i].active);
            bad = true;
        }
        end(&r);
    }
    assert_false(bad);
}

static void a_rule_waits_before_it_begins_and_before_it_ends(void **state)
{
    (void)state;
    run r;
    begin(&r, "[{name: a, for: 3s, clear_for: 2s, when: {sensor: x, above: 5}}]");
    static const float x[] = {6, 6, 1, 6, 6, 6, 6, 1, 6, 1, 1, 1, 1};
    const char *want = "0000001111100";
    for (size_t i = 0; want[i]; i++)
        assert_int_equal(feed(&r, (int64_t)i * 1000, x[i], 0), want[i] == '1');
    end(&r);
}

static void times_begin_anew_after_a_gap_or_a_clock_that_was_set_back(void **state)
{
    (void)state;
    run r;
    begin(&r, "[{name: a, for: 3s, when: {sensor: x, above: 5}}]");
    assert_false(feed(&r, 1000, 6, 0));
    r.restart = true;
    assert_false(feed(&r, 9000, 6, 0));
    r.restart = false;
    assert_false(feed(&r, 11000, 6, 0));
    assert_false(feed(&r, 2000, 6, 0)); /* set back */
    assert_false(feed(&r, 4000, 6, 0));
    assert_true(feed(&r, 5000, 6, 0));
    end(&r);
}

static void scores_and_alarms_are_looked_at_here_and_at_other_lines(void **state)
{
    (void)state;
    run r;
    begin(&r, "[{name: a, when: {score_above: 1.5}}]");
    assert_false(feed(&r, 0, 0, 0)); /* no score: unknown */
    r.score = 1.6;
    assert_true(feed(&r, 1000, 0, 0));
    r.score = (double)NAN;
    assert_true(feed(&r, 2000, 0, 0));
    r.score = 1.4;
    assert_false(feed(&r, 3000, 0, 0));
    end(&r);
    begin(&r, "[{name: a, when: {alarm: open}}]");
    r.alarm_open = true;
    assert_true(feed(&r, 0, 0, 0));
    end(&r);
    begin(&r, "[{name: a, when: {any: [{score_above: 2, line: line-2}, {alarm: open, line: line-2}]}}]");
    r.score = 9;
    r.alarm_open = true;
    assert_false(feed(&r, 0, 0, 0));
    an_board_show(&r.board, 1, 2.5, NAN, false);
    assert_true(feed(&r, 1000, 0, 0));
    an_board_clear(&r.board, 1); /* it does not run: nothing is known, and nothing changes */
    assert_true(feed(&r, 2000, 0, 0));
    an_board_show(&r.board, 1, 0.5, NAN, false);
    assert_false(feed(&r, 3000, 0, 0));
    an_board_show(&r.board, 1, 0.5, NAN, true);
    assert_true(feed(&r, 4000, 0, 0));
    an_board_show(&r.board, 0, 0.1, NAN, false); /* line-1 is not line-2 */
    assert_true(feed(&r, 5000, 0, 0));
    end(&r);
}

static void fused_lines_raise_what_none_raises_alone_and_are_named(void **state)
{
    (void)state;
    run r;
    begin(&r, "[{name: a, when: {fused: [line-1, line-2], by: fisher, far: 0.001}}]");
    r.score = 7; /* the model's own score has no part in it */
    assert_false(feed(&r, 0, 0, 0));
    r.ln_p = log(0.01);
    assert_false(feed(&r, 1000, 0, 0));              /* one member, whose own rate is not reached */
    an_board_show(&r.board, 0, 7, log(1e-9), false); /* this line's score is that of the row */
    assert_false(feed(&r, 2000, 0, 0));
    an_board_show(&r.board, 1, 0.9, log(0.005), false);
    assert_true(feed(&r, 3000, 0, 0));
    assert_true(r.n == 1 && r.said[0].n_members == 2 && r.said[0].event.n_top == 0);
    assert_string_equal(r.said[0].members[0].line, "line-2");
    assert_string_equal(r.said[0].members[1].line, "line-1");
    assert_true(fabs(r.said[0].members[0].share - (log(0.005) / log(0.00005))) < 1e-9);
    assert_true(fabs(r.said[0].event.score - (log(0.00005 * (1 - log(0.00005))) / log(0.001))) < 1e-9);
    an_board_clear(&r.board, 1); /* the other goes on alone */
    assert_false(feed(&r, 4000, 0, 0));
    assert_true(r.n == 1 && r.said[0].n_members == 1 && r.said[0].event.kind == AN_ALARM_CLEARED);
    r.ln_p = (double)NAN; /* none is known: nothing changes */
    assert_false(feed(&r, 5000, 0, 0));
    end(&r);
}

static void a_rate_is_that_of_a_noisy_ramp_at_a_kilohertz(void **state)
{
    (void)state;
    run r;
    begin(&r, "[{name: a, when: {sensor: x, rate_above: 1.9, over: 10s}},"
              " {name: b, when: {sensor: x, rate_above: 2.1, over: 10s}}]");
    uint64_t seed = 1;
    for (int64_t ms = 0; ms < 20000; ms++) { /* 2 per second, noise of half a unit */
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const float noise = (float)(seed >> 40) / (float)(1 << 24) - 0.5f;
        const bool active = feed(&r, ms, 2 * (float)ms / 1000 + noise, 0);
        if (ms > 9000)
            assert_true(active && an_rulebook_active(r.book, AN_RULE_RAISE) == 1);
    }
    end(&r);
}

static void an_alarm_of_a_rule_is_raised_said_again_and_cleared(void **state)
{
    (void)state;
    run r;
    begin(&r, "[{name: a, for: 200ms, when: {all: [{sensor: x, above: 5}, {sensor: y, above: 5}]}}]");
    assert_int_equal(an_alarm_number(r.alarm), 1); /* the model's */
    r.score = 0.5;
    feed(&r, 1000, 6, 6);
    assert_int_equal(r.n, 0);
    assert_int_equal(an_rulebook_alarm(r.book), 0);
    feed(&r, 1200, 6, 6);
    assert_int_equal(r.n, 1);
    an_alarm_event *e = &r.said[0].event;
    assert_int_equal(e->kind, AN_ALARM_RAISED);
    assert_int_equal(e->id, 2);
    assert_int_equal(e->since_ms, 1000);
    assert_int_equal(e->n_top, 2);
    assert_int_equal(e->top[1].sensor, 1);
    assert_int_equal(an_rulebook_alarm(r.book), 2);
    r.score = 3;
    feed(&r, 1400, 7, 7);
    assert_int_equal(r.n, 0);
    r.score = 2;
    feed(&r, 2200, 7, 7);
    assert_int_equal(r.n, 1);
    assert_int_equal(e->kind, AN_ALARM_UPDATED);
    assert_int_equal(e->scores, 3);
    assert_true(e->peak > 2.9 && e->peak_ms == 1400);
    feed(&r, 2400, 1, 7);
    assert_int_equal(e->kind, AN_ALARM_CLEARED);
    assert_int_equal(e->id, 2);
    assert_int_equal(e->scores, 4);
    feed(&r, 2600, 7, 7);
    feed(&r, 2800, 7, 7);
    assert_int_equal(e->kind, AN_ALARM_RAISED);
    assert_int_equal(e->id, 3);
    end(&r);
}

static void only_rules_that_raise_have_alarms_and_only_those_that_escalate_a_severity(void **state)
{
    (void)state;
    run r;
    begin(&r, "[{name: v, effect: veto, when: {sensor: x, above: 5}},"
              " {name: h, effect: escalate, severity: high, when: {sensor: x, above: 5}},"
              " {name: c, effect: escalate, severity: critical, when: {sensor: x, above: 8}}]");
    feed(&r, 0, 6, 0);
    assert_int_equal(r.n, 0);
    assert_int_equal(an_rulebook_active(r.book, AN_RULE_VETO), 1);
    assert_int_equal(an_rulebook_active(r.book, AN_RULE_ESCALATE), 2);
    assert_int_equal(an_rulebook_severity(r.book, AN_SEVERITY_LOW), AN_SEVERITY_HIGH);
    assert_int_equal(an_rulebook_severity(r.book, AN_SEVERITY_CRITICAL), AN_SEVERITY_CRITICAL);
    feed(&r, 1000, 9, 0);
    assert_int_equal(an_rulebook_severity(r.book, AN_SEVERITY_LOW), AN_SEVERITY_CRITICAL);
    feed(&r, 2000, 0, 0);
    assert_int_equal(an_rulebook_severity(r.book, AN_SEVERITY_LOW), AN_SEVERITY_LOW);
    assert_int_equal(an_rulebook_active(NULL, AN_RULE_VETO), 0);
    assert_int_equal(an_rulebook_alarm(NULL), 0);
    end(&r);
}

/* ---- restarts ---- */

#define TWO                                                                                                  \
    "[{name: a, for: 3s, clear_for: 2s, when: {sensor: x, above: 5, hysteresis: 1, for: 1s}},"               \
    " {name: b, when: {any: [{sensor: x, rate_above: 0.4, over: 4s}, {sensor: y, below: -3}]}}]"

static void save(const run *r, an_buf *b)
{
    an_buf_init(b, 1u << 20);
    assert_int_equal(an_rulebook_save(r->book, b), AN_OK);
}

/* Rows 0..n of something that moves both rules. */
static float x_of(uint64_t i)
{
    static const float x[] = {1, 2, 6, 6.5f, 7, 7, 7, 6, 5, 4.5f, 4, 3, 3, 3, 6, 8, 9, 9};
    return x[i % 18];
}

static void after_a_restart_at_any_row_all_goes_on_as_without_one(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < 36; at++) {
        run whole, cut;
        an_buf b;
        an_rule_gone gone[AN_RULES_MAX];
        size_t n_gone = 9;
        begin(&whole, TWO);
        begin(&cut, TWO);
        for (uint64_t i = 0; i < 36; i++) {
            if (i == at) {
                save(&cut, &b);
                an_rulebook_free(cut.book);
                cut.book = book_of(TWO);
                an_reader in = an_reader_of(b.data, b.len);
                assert_int_equal(an_rulebook_restore(cut.book, &in, gone, &n_gone), AN_OK);
                assert_int_equal(in.left, 0);
                assert_int_equal(n_gone, 0);
                an_buf_done(&b);
            }
            feed(&whole, (int64_t)i * 1000, x_of(i), (float)(i % 5));
            feed(&cut, (int64_t)i * 1000, x_of(i), (float)(i % 5));
            assert_int_equal(cut.n, whole.n);
            for (size_t k = 0; k < cut.n; k++) {
                assert_int_equal(cut.said[k].rule, whole.said[k].rule);
                assert_int_equal(cut.said[k].event.kind, whole.said[k].event.kind);
                assert_int_equal(cut.said[k].event.id, whole.said[k].event.id);
                assert_int_equal(cut.said[k].event.scores, whole.said[k].event.scores);
                assert_int_equal(cut.said[k].event.since_ms, whole.said[k].event.since_ms);
            }
        }
        end(&whole);
        end(&cut);
    }
}

static void an_open_alarm_goes_on_if_the_rule_has_changed_and_ends_if_it_is_gone(void **state)
{
    (void)state;
    run r;
    an_buf b;
    an_rule_gone gone[AN_RULES_MAX];
    size_t n = 9;
    begin(&r, "[{name: a, when: {sensor: x, above: 5}}, {name: b, when: {sensor: x, above: 4}},"
              " {name: v, effect: veto, when: {sensor: x, above: 4}}]");
    feed(&r, 1000, 6, 0);
    save(&r, &b);
    an_rulebook_free(r.book);
    r.book = book_of("[{name: new, when: {sensor: y, above: 5}}, {name: a, when: {sensor: x, above: 7}}]");
    an_reader in = an_reader_of(b.data, b.len);
    assert_int_equal(an_rulebook_restore(r.book, &in, gone, &n), AN_OK);
    assert_int_equal(n, 1);
    assert_string_equal(gone[0].name, "b");
    assert_int_equal(gone[0].event.id, 2);
    assert_int_equal(gone[0].event.kind, AN_ALARM_CLEARED);
    assert_int_equal(an_rulebook_alarm(r.book), 1);
    feed(&r, 2000, 6, 0);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.said[0].event.kind, AN_ALARM_CLEARED);
    assert_int_equal(r.said[0].event.id, 1);
    an_reader none = an_reader_of(b.data, b.len); /* no rules are left at all */
    assert_int_equal(an_rulebook_restore(NULL, &none, gone, &n), AN_OK);
    assert_int_equal(n, 2);
    an_buf_done(&b);
    end(&r);
}

static void a_damaged_state_is_refused(void **state)
{
    (void)state;
    run r;
    an_buf b;
    an_rule_gone gone[AN_RULES_MAX];
    size_t n;
    begin(&r, TWO);
    for (uint64_t i = 0; i < 8; i++)
        feed(&r, (int64_t)i * 1000, x_of(i), 0);
    save(&r, &b);
    for (size_t len = 0; len < b.len; len++) {
        an_rulebook *book = book_of(TWO);
        an_reader in = an_reader_of(b.data, len);
        assert_int_equal(an_rulebook_restore(book, &in, gone, &n), AN_ERR_PROTO);
        an_rulebook_free(book);
    }
    for (size_t i = 0; i < b.len; i++) { /* whatever is read, nothing breaks */
        an_rulebook *book = book_of(TWO);
        b.data[i] ^= 0xff;
        an_reader in = an_reader_of(b.data, b.len);
        (void)(an_rulebook_restore(book, &in, gone, &n) == AN_OK);
        b.data[i] ^= 0xff;
        an_rulebook_free(book);
    }
    an_buf_done(&b);
    end(&r);
}

static void a_row_allocates_nothing(void **state)
{
    (void)state;
    run r;
    begin(&r, TWO);
    an_mem_fail_after(0);
    for (uint64_t i = 0; i < 40; i++)
        feed(&r, (int64_t)i * 1000, x_of(i), (float)(i % 3));
    an_mem_fail_never();
    assert_true(an_alarm_last(r.alarm) > 2);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_answer_as_the_table_says),
        cmocka_unit_test(a_rule_waits_before_it_begins_and_before_it_ends),
        cmocka_unit_test(times_begin_anew_after_a_gap_or_a_clock_that_was_set_back),
        cmocka_unit_test(scores_and_alarms_are_looked_at_here_and_at_other_lines),
        cmocka_unit_test(fused_lines_raise_what_none_raises_alone_and_are_named),
        cmocka_unit_test(a_rate_is_that_of_a_noisy_ramp_at_a_kilohertz),
        cmocka_unit_test(an_alarm_of_a_rule_is_raised_said_again_and_cleared),
        cmocka_unit_test(only_rules_that_raise_have_alarms_and_only_those_that_escalate_a_severity),
        cmocka_unit_test(after_a_restart_at_any_row_all_goes_on_as_without_one),
        cmocka_unit_test(an_open_alarm_goes_on_if_the_rule_has_changed_and_ends_if_it_is_gone),
        cmocka_unit_test(a_damaged_state_is_refused),
        cmocka_unit_test(a_row_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
