/* Sinks over the log of alarms: order, cursors, what a dead one costs, filters, the file that is written once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sinks.h"
#include "base/clock.h"
#include "base/mem.h"
#include "doors/sqlite.h"
#include "tests/support/sinks.h"

typedef struct fixture {
    an_test_log t;
    char yaml[2 * AN_PATH_MAX];
    an_buf text;
    an_note why;
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_log_open(&f->t, 0);
    an_buf_init(&f->text, 64u << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_test_log_close(&f->t);
    an_buf_done(&f->text);
    an_free(f);
    return 0;
}

/* A file sink that writes to FOLDER/file. */
static an_sink *start(fixture *f, const char *name, const char *file, const char *more)
{
    snprintf(f->yaml, sizeof f->yaml,
             "{name: %s, type: file, path: %s/%s, retry_min: 0.01, retry_max: 0.02%s}", name, f->t.dir, file,
             more);
    return an_test_sink_start(&f->t, f->yaml);
}

/* The file's lines; each must hold a record, and their numbers must be those that are expected. */
static void expect(fixture *f, const char *file, const uint64_t *seqs, size_t n)
{
    char path[AN_PATH_MAX];
    an_alarm_record r;
    size_t i = 0;
    assert_int_equal(an_path_join(path, f->t.dir, file), AN_OK);
    an_buf_clear(&f->text);
    assert_int_equal(an_file_read(&f->text, path, &f->why), AN_OK);
    const char *at = (const char *)f->text.data, *end = at + f->text.len;
    for (; at < end; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(stop);
        assert_int_equal(an_alarm_record_parse(at, (size_t)(stop - at), &r, &f->why), AN_OK);
        assert_true(i < n);
        assert_int_equal(r.seq, seqs ? seqs[i] : i + 1);
        at = stop + 1;
    }
    assert_int_equal(i, n);
}

static void writes_what_is_logged_in_its_order(void **state)
{
    fixture *f = *state;
    an_sink *s = start(f, "log", "out", "");
    an_test_log_raise(&f->t, 100);
    an_sink_wake(s);
    an_test_sink_until(s, cursor, 100);
    const an_sink_stats st = an_sink_stats_get(s);
    assert_int_equal(st.sent, 100);
    assert_int_equal(st.retried, 0);
    assert_int_equal(st.waiting_ms, 0);
    assert_true(st.sent_ms > 0);
    an_sink_stop(s);
    expect(f, "out", NULL, 100);
}

static void goes_on_after_a_restart_where_it_was(void **state)
{
    fixture *f = *state;
    an_test_log_raise(&f->t, 5);
    an_sink *s = start(f, "log", "out", ", from: begin");
    an_test_sink_until(s, cursor, 5);
    an_sink_stop(s);
    an_test_log_raise(&f->t, 5);
    s = start(f, "log", "out", ", from: begin");
    an_test_sink_until(s, cursor, 10);
    assert_int_equal(an_sink_stats_get(s).sent, 5);
    an_sink_stop(s);
    expect(f, "out", NULL, 10);
}

/* What a crash between the file and the cursor leaves: the cursor is behind. */
static void writes_nothing_twice_when_the_cursor_is_behind(void **state)
{
    fixture *f = *state;
    an_test_log_raise(&f->t, 7);
    an_sink *s = start(f, "log", "out", ", from: begin");
    an_test_sink_until(s, cursor, 7);
    an_sink_stop(s);
    assert_int_equal(an_alarms_reader_remove(f->t.log, "sink.log", &f->why), AN_OK);
    an_test_log_raise(&f->t, 3);
    s = start(f, "log", "out", ", from: begin");
    an_test_sink_until(s, cursor, 10);
    an_sink_stop(s);
    expect(f, "out", NULL, 10);
}

/* Lines record on threads of their own: a record may have a later time than one that the log has behind it. */
static void writes_nothing_twice_whatever_times_the_records_have(void **state)
{
    fixture *f = *state;
    const int64_t now = an_clock_system()->wall_ms(an_clock_system());
    for (uint64_t i = 1; i <= 6; i++) {
        const an_alarm_record r = {.kind = AN_LOGGED_RAISED,
                                   .line = "line-1",
                                   .alarm = i,
                                   .source = "model",
                                   .time_ms = now,
                                   .recorded_ms = now - (int64_t)i * 3,
                                   .rows = i};
        assert_int_equal(an_test_log_store(&f->t, r), i);
    }
    an_sink *s = start(f, "log", "out", ", from: begin");
    an_test_sink_until(s, cursor, 6);
    an_sink_stop(s);
    assert_int_equal(an_alarms_reader_remove(f->t.log, "sink.log", &f->why), AN_OK);
    s = start(f, "log", "out", ", from: begin");
    an_test_sink_until(s, cursor, 6);
    an_sink_stop(s);
    expect(f, "out", NULL, 6);
}

/* The old log was damaged: what receivers know by its number must not hide what is new. */
static void a_new_log_that_begins_after_another_repeats_no_id(void **state)
{
    fixture *f = *state;
    an_alarms_stats log;
    const uint64_t base = UINT64_C(1773014400000);
    assert_int_equal(an_alarms_begin_after(f->t.log, base, &f->why), AN_OK);
    an_sink *s = start(f, "log", "out", ", from: begin");
    an_test_log_raise(&f->t, 3);
    an_test_sink_until(s, cursor, base + 3);
    assert_int_equal(an_sink_stats_get(s).lost, 0);
    an_sink_stop(s);
    expect(f, "out", (const uint64_t[]){base + 1, base + 2, base + 3}, 3);
    assert_int_equal(an_alarms_stats_get(f->t.log, &log, &f->why), AN_OK);
    assert_int_equal(log.records, 3);
    assert_int_equal(log.waiting, 0);
    assert_int_equal(an_alarms_begin_after(f->t.log, 2 * base, &f->why), AN_ERR_STATE);
}

static void begins_now_unless_it_is_told_otherwise(void **state)
{
    fixture *f = *state;
    an_test_log_raise(&f->t, 5);
    an_sink *s = start(f, "log", "out", "");
    an_test_log_raise(&f->t, 2);
    an_test_sink_until(s, cursor, 7);
    an_sink_stop(s);
    expect(f, "out", (const uint64_t[]){6, 7}, 2);
}

static void a_dead_sink_holds_up_no_other_and_delivers_all_when_it_lives(void **state)
{
    fixture *f = *state;
    char dir[AN_PATH_MAX];
    an_sink *dead = start(f, "dead", "missing/out", ""), *well = start(f, "well", "out", "");
    an_test_log_raise(&f->t, 50);
    an_sink_wake(dead);
    an_sink_wake(well);
    an_test_sink_until(well, cursor, 50);
    an_test_sink_until(dead, retried, 5);
    an_test_sink_until(dead, waiting_ms, 1);
    an_sink_stats st = an_sink_stats_get(dead);
    assert_true(st.failing);
    assert_int_equal(st.cursor, 0);
    assert_non_null(strstr(st.error, "missing/out"));
    assert_int_equal(an_path_join(dir, f->t.dir, "missing"), AN_OK);
    assert_int_equal(an_dir_make(dir, &f->why), AN_OK);
    an_test_sink_until(dead, cursor, 50);
    st = an_sink_stats_get(dead);
    assert_int_equal(st.sent, 50);
    assert_int_equal(st.lost, 0);
    an_sink_stop(dead);
    an_sink_stop(well);
    expect(f, "missing/out", NULL, 50);
    expect(f, "out", NULL, 50);
}

static void counts_what_the_log_dropped_before_it_was_sent(void **state)
{
    fixture *f = *state;
    an_alarms_stats log;
    an_test_log_close(&f->t);
    an_test_log_open(&f->t, 1u << 16);
    an_sink *s = start(f, "slow", "missing/out", ", from: begin");
    an_sink_stop(s); /* it is known from now on, and reads nothing */
    an_test_log_raise(&f->t, 400);
    assert_int_equal(an_alarms_stats_get(f->t.log, &log, &f->why), AN_OK);
    assert_true(log.dropped_unread > 0 && log.dropped_unread < 400);
    s = start(f, "slow", "out", "");
    an_test_sink_until(s, cursor, 400);
    const an_sink_stats st = an_sink_stats_get(s);
    assert_int_equal(st.lost, log.dropped_unread);
    assert_int_equal(st.sent, 400 - log.dropped_unread);
    an_sink_stop(s);
}

static void passes_over_a_record_that_is_damaged(void **state)
{
    fixture *f = *state;
    an_db *db = NULL;
    an_test_log_raise(&f->t, 3);
    assert_int_equal(an_db_open(f->t.path, &db, &f->why), AN_OK);
    assert_int_equal(an_db_exec(db, "UPDATE event SET body = '{' WHERE seq = 2", &f->why), AN_OK);
    an_db_close(db);
    an_sink *s = start(f, "log", "out", ", from: begin");
    an_test_sink_until(s, cursor, 3);
    assert_int_equal(an_sink_stats_get(s).damaged, 1);
    an_sink_stop(s);
    expect(f, "out", (const uint64_t[]){1, 3}, 2);
}

static void begins_the_file_anew_when_somebody_has_moved_it(void **state)
{
    fixture *f = *state;
    char path[AN_PATH_MAX], away[AN_PATH_MAX];
    an_sink *s = start(f, "log", "out", "");
    an_test_log_raise(&f->t, 2);
    an_test_sink_until(s, cursor, 2);
    assert_int_equal(an_path_join(path, f->t.dir, "out"), AN_OK);
    assert_int_equal(an_path_join(away, f->t.dir, "away"), AN_OK);
    assert_int_equal(rename(path, away), 0);
    an_test_log_raise(&f->t, 2);
    an_test_sink_until(s, cursor, 4);
    an_sink_stop(s);
    expect(f, "away", NULL, 2);
    expect(f, "out", (const uint64_t[]){3, 4}, 2);
}

static void sends_what_its_filter_lets_through(void **state)
{
    fixture *f = *state;
    const an_alarm_record base = {.kind = AN_LOGGED_RAISED,
                                  .line = "line-1",
                                  .alarm = 1,
                                  .severity = AN_SEVERITY_HIGH,
                                  .standing = AN_STANDING_UNACKED,
                                  .ever_shown = true};
    const struct {
        const char *yaml;
        an_logged_kind kind;
        an_severity severity;
        an_standing standing;
        const char *line;
        bool wanted;
    } cases[] = {
        {"", AN_LOGGED_RAISED, AN_SEVERITY_LOW, AN_STANDING_UNACKED, "line-1", true},
        {", severity: high", AN_LOGGED_RAISED, AN_SEVERITY_MEDIUM, AN_STANDING_UNACKED, "line-1", false},
        {", severity: high", AN_LOGGED_RAISED, AN_SEVERITY_HIGH, AN_STANDING_UNACKED, "line-1", true},
        {", kinds: [cleared, verdict]", AN_LOGGED_RAISED, AN_SEVERITY_HIGH, AN_STANDING_UNACKED, "line-1",
         false},
        {", kinds: [cleared, verdict]", AN_LOGGED_VERDICT, AN_SEVERITY_HIGH, AN_STANDING_ACKED, "line-1",
         true},
        {", kinds: [removed from service]", AN_LOGGED_REMOVED, AN_SEVERITY_HIGH, AN_STANDING_OUT, "line-1",
         true},
        {", lines: [line-2]", AN_LOGGED_RAISED, AN_SEVERITY_HIGH, AN_STANDING_UNACKED, "line-1", false},
        {", lines: [line-2, line-1]", AN_LOGGED_RAISED, AN_SEVERITY_HIGH, AN_STANDING_UNACKED, "line-1",
         true},
        {"", AN_LOGGED_RAISED, AN_SEVERITY_HIGH, AN_STANDING_SHELVED, "line-1", false},
        {", hidden: true", AN_LOGGED_RAISED, AN_SEVERITY_HIGH, AN_STANDING_SHELVED, "line-1", true},
        {"", AN_LOGGED_SHELVED, AN_SEVERITY_HIGH, AN_STANDING_SHELVED, "line-1", true},
        {"", AN_LOGGED_CLEARED, AN_SEVERITY_HIGH, AN_STANDING_NORMAL, "line-1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_sink_conf c;
        an_alarm_record r = base;
        an_note why = {{0}};
        snprintf(f->yaml, sizeof f->yaml, "{name: a, type: file, path: x%s}", cases[i].yaml);
        an_test_sink_conf(&f->t, f->yaml, &c, &why);
        assert_string_equal(why.text, "");
        r.kind = cases[i].kind;
        r.severity = cases[i].severity;
        r.standing = cases[i].standing;
        snprintf(r.line, sizeof r.line, "%s", cases[i].line);
        if (an_sink_wants(&c, &r) != cases[i].wanted)
            fail_msg("case %zu", i);
    }
    an_sink_conf
        c; /* who was sent a begin is sent the end, whatever was suppressed between, and nobody else */
    an_alarm_record end = base;
    an_note why = {{0}};
    an_test_sink_conf(&f->t, "{name: a, type: file, path: x}", &c, &why);
    snprintf(end.line, sizeof end.line, "line-1");
    end.kind = AN_LOGGED_CLEARED;
    end.standing = AN_STANDING_NORMAL;
    end.suppressed = true;
    assert_true(an_sink_wants(&c, &end));
    end.ever_shown = false;
    assert_false(an_sink_wants(&c, &end));
}

static void what_is_wrong_in_a_configuration_is_said(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"{type: file, path: x}", "\"name\" is missing"},
        {"{name: a, path: x}", "\"type\" is missing"},
        {"{name: a/b, type: file, path: x}", "name:"},
        {"{name: a, type: nothing}", "no sink of type \"nothing\""},
        {"{name: a, type: file}", "needs \"path\""},
        {"{name: a, type: file, path: x, size: 3}", "sink \"file\" has no such option"},
        {"{name: a, type: file, path: x, max_bytes: 3}", "max_bytes = 3"},
        {"{name: a, type: file, path: x, kinds: [lost]}", "kinds:"},
        {"{name: a, type: file, path: x, severity: worst}", "severity:"},
        {"{name: a, type: file, path: x, from: here}", "from:"},
        {"{name: a, type: file, path: x, retry_min: 5, retry_max: 1}", "retry_max"},
        {"[a]", "sinks: each is a mapping"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_sink_conf c;
        an_note why = {{0}};
        an_test_sink_conf(&f->t, cases[i].yaml, &c, &why);
        if (!strstr(why.text, cases[i].says))
            fail_msg("%s: %s", cases[i].yaml, why.text);
    }
}

static void the_places_of_sinks_that_are_gone_are_forgotten(void **state)
{
    fixture *f = *state;
    char names[AN_ALARM_READERS_MAX][AN_NAME_MAX];
    an_sinks *sinks = NULL;
    an_sink_conf c;
    uint64_t seq;
    size_t n = 0;
    an_test_log_raise(&f->t, 1);
    assert_int_equal(an_alarms_reader(f->t.log, "console", false, &seq, &f->why), AN_OK);
    assert_int_equal(an_alarms_reader(f->t.log, "sink.old", false, &seq, &f->why), AN_OK);
    snprintf(f->yaml, sizeof f->yaml, "{name: new, type: file, path: %s/out, from: begin}", f->t.dir);
    an_test_sink_conf(&f->t, f->yaml, &c, &f->why);
    assert_int_equal(an_sinks_start(&c, 1, &f->t.site, &sinks, &f->why), AN_OK);
    assert_int_equal(an_alarms_readers(f->t.log, names, &n, &f->why), AN_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "console");
    assert_string_equal(names[1], "sink.new");
    an_json *o = an_sinks_json(sinks, 1, 0);
    char *text = an_json_print(o, 0);
    assert_non_null(strstr(text, "\"name\":\"new\",\"type\":\"file\""));
    an_json_free(o);
    an_free(text);
    an_sinks_stop(sinks);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(writes_what_is_logged_in_its_order),
        T(goes_on_after_a_restart_where_it_was),
        T(writes_nothing_twice_when_the_cursor_is_behind),
        T(writes_nothing_twice_whatever_times_the_records_have),
        T(a_new_log_that_begins_after_another_repeats_no_id),
        T(begins_now_unless_it_is_told_otherwise),
        T(a_dead_sink_holds_up_no_other_and_delivers_all_when_it_lives),
        T(counts_what_the_log_dropped_before_it_was_sent),
        T(passes_over_a_record_that_is_damaged),
        T(begins_the_file_anew_when_somebody_has_moved_it),
        T(sends_what_its_filter_lets_through),
        T(what_is_wrong_in_a_configuration_is_said),
        T(the_places_of_sinks_that_are_gone_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
