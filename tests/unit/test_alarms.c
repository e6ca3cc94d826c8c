/* The site's log of alarms: order, what was stored once, readers, quota. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/support/alarm_log.h"

static void a_record_is_read_back_as_it_was_stored(void **state)
{
    alarm_log *f = *state;
    assert_int_equal(alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 3, 4)), 1);
    const an_alarm_record r = alarm_log_next(f, 0);
    assert_int_equal(r.seq, 1);
    assert_string_equal(r.site, "plant-a");
    assert_string_equal(r.line, "line-1");
    assert_int_equal(r.alarm, 3);
    assert_int_equal(r.standing, AN_STANDING_UNACKED);
    assert_int_equal(r.severity, AN_SEVERITY_HIGH);
    assert_string_equal(r.source, "both");
    assert_int_equal(r.n_rules, 2);
    assert_string_equal(r.rules[1], "dry run");
    assert_int_equal(r.time_ms, 3004);
    assert_int_equal(r.since_ms, 3000);
    assert_true(r.score > 1.2499 && r.score < 1.2501 && r.raw > 0.0999 && r.raw < 0.1001);
    assert_int_equal(r.n_top, 2);
    assert_string_equal(r.top[1].sensor, "speed \"x\"");
    assert_true(!r.top[1].explained && r.top[0].explained && r.near_ms == 2000);
    assert_true(r.top[0].value == 71.5 && r.top[0].expected == 62.5 && r.top[0].sigma == -4.5);
    assert_int_equal(r.top[0].since_ms, 2990);
    assert_true(r.n_within == 2 && r.top[0].within[1] == 0.875 && r.near_distance == 1.5);
    assert_string_equal(r.image, "P-17.png");
    assert_string_equal(r.picture, "line-1-3");
    assert_true(r.image_width == 640 && r.image_height == 480 && r.n_boxes == 2);
    assert_true(r.boxes[0].x == 1 && r.boxes[0].y == 2 && r.boxes[0].width == 30 && r.boxes[0].height == 40);
    assert_true(r.boxes[1].peak == 1.5);
    assert_int_equal(r.version[2], 3);
    assert_int_equal(r.overlay[0], 0);
    assert_string_equal(r.part, "P-17");
    assert_string_equal(r.reason, "Flow is low.");
    assert_int_equal(r.data, AN_DATA_UNCERTAIN);
    assert_int_equal(r.bad_sensors, 1);
}

static void a_text_that_is_empty_is_no_key(void **state)
{
    alarm_log *f = *state;
    an_alarm_record r = alarm_log_event(AN_LOGGED_RAISED, 3, 4);
    r.part[0] = r.reason[0] = r.image[0] = r.picture[0] = '\0';
    r.n_top = 1; /* the other one has quotes in its name */
    alarm_log_store(f, r);
    r = alarm_log_next(f, 0);
    an_json *o = an_alarm_record_json(&r);
    char *text = an_json_print(o, 0);
    assert_non_null(text);
    assert_null(strstr(text, "\"\""));
    assert_null(strstr(text, "\"part\""));
    an_free(text);
    an_json_free(o);
}

static void a_score_that_is_not_there_is_null_and_comes_back_as_none(void **state)
{
    alarm_log *f = *state;
    an_alarm_record r = alarm_log_event(AN_LOGGED_RAISED, 1, 1);
    r.score = r.raw = NAN;
    alarm_log_store(f, r);
    r = alarm_log_next(f, 0);
    assert_true(isnan(r.score) && isnan(r.raw) && r.peak > 2);
}

static void an_event_that_was_stored_is_not_stored_again(void **state)
{
    alarm_log *f = *state;
    static const struct {
        an_logged_kind kind;
        uint64_t rows;
    } life[] = {{AN_LOGGED_RAISED, 3},   {AN_LOGGED_UPDATED, 9},   {AN_LOGGED_SUPPRESSED, 11},
                {AN_LOGGED_UPDATED, 14}, {AN_LOGGED_RELEASED, 15}, {AN_LOGGED_CLEARED, 20}};
    for (size_t killed = 0; killed <= 6; killed++) { /* then all rows are read again */
        const uint64_t alarm = 1 + killed, first = 6 * killed + 1;
        for (size_t i = 0; i < killed; i++)
            assert_int_equal(alarm_log_store(f, alarm_log_event(life[i].kind, alarm, life[i].rows)),
                             first + i);
        alarm_log_again(f, 0);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(alarm_log_store(f, alarm_log_event(life[i].kind, alarm, life[i].rows)),
                             i < killed ? 0 : first + i);
        assert_int_equal(alarm_log_standing(f, alarm), AN_STANDING_RETURNED);
    }
}

static void a_clear_after_other_rows_than_before_the_crash_is_taken(void **state)
{
    alarm_log *f = *state;
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 1, 3));
    alarm_log_store(f, alarm_log_event(AN_LOGGED_UPDATED, 1, 90));
    assert_int_equal(alarm_log_store(f, alarm_log_event(AN_LOGGED_CLEARED, 1, 40)), 3);
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_RETURNED);
}

static void a_batch_is_stored_whole_or_not_at_all(void **state)
{
    alarm_log *f = *state;
    an_alarm_record r[3] = {alarm_log_event(AN_LOGGED_RAISED, 1, 1), alarm_log_event(AN_LOGGED_CLEARED, 1, 2),
                            alarm_log_event(AN_LOGGED_ACKED, 1, 3)};
    assert_int_equal(an_alarms_store(f->log, r, 3, &f->why), AN_ERR_INVAL);
    assert_int_equal(an_alarms_next(f->log, 0, r, NULL, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_alarms_store(f->log, r, 0, NULL), AN_OK);
    assert_int_equal(alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 1, 1)),
                     1); /* no number was used up */
}

static void bad_data_is_logged_once_and_belongs_to_no_alarm(void **state)
{
    alarm_log *f = *state;
    an_alarm_record r = {
        .kind = AN_LOGGED_QUALITY, .line = "line-1", .time_ms = 10, .fault = "stuck", .begins = true};
    snprintf(r.top[0].sensor, sizeof r.top[0].sensor, "%s", "flow");
    r.n_top = 1;
    assert_int_equal(alarm_log_store(f, r), 1);
    assert_int_equal(alarm_log_store(f, r), 0);
    r.begins = false;
    assert_int_equal(alarm_log_store(f, r), 2);
    snprintf(r.top[0].sensor, sizeof r.top[0].sensor, "%s", "speed");
    assert_int_equal(alarm_log_store(f, r), 3);
    r.time_ms = 11;
    assert_int_equal(alarm_log_store(f, r), 4);
    r = alarm_log_next(f, 0);
    assert_true(r.begins && r.alarm == 0);
    assert_string_equal(r.fault, "stuck");
    assert_string_equal(r.top[0].sensor, "flow");
}

static void a_reader_goes_on_where_it_was_and_never_back(void **state)
{
    alarm_log *f = *state;
    uint64_t at = 99;
    an_alarms_stats s;
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 1, 3));
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 2, 3));
    assert_int_equal(an_alarms_reader(f->log, "mqtt", false, &at, NULL), AN_OK);
    assert_int_equal(at, 0);
    assert_int_equal(an_alarms_reader(f->log, "late", true, &at, NULL), AN_OK);
    assert_int_equal(at, 2);
    assert_int_equal(an_alarms_delivered(f->log, "mqtt", 1, NULL), AN_OK);
    assert_int_equal(an_alarms_delivered(f->log, "nobody", 1, NULL), AN_ERR_NOTFOUND);
    alarm_log_again(f, 0);
    assert_int_equal(an_alarms_stats_get(f->log, &s, NULL), AN_OK);
    assert_int_equal(s.readers, 2);
    assert_int_equal(s.waiting, 1);
    assert_int_equal(an_alarms_delivered(f->log, "mqtt", 0, NULL), AN_OK);
    assert_int_equal(an_alarms_reader(f->log, "mqtt", true, &at, NULL), AN_OK);
    assert_int_equal(at, 1);
    assert_int_equal(an_alarms_reader(f->log, "../x", false, &at, NULL), AN_ERR_INVAL);
    assert_int_equal(an_alarms_reader_remove(f->log, "mqtt", NULL), AN_OK);
    assert_int_equal(an_alarms_delivered(f->log, "mqtt", 2, NULL), AN_ERR_NOTFOUND);
}

static void at_the_quota_the_oldest_go_and_a_reader_sees_how_many(void **state)
{
    alarm_log *f = *state;
    uint64_t at = 0, lost = 99;
    an_alarms_stats s;
    an_alarm_record r;
    alarm_log_again(f, 20000);
    assert_int_equal(an_alarms_reader(f->log, "mqtt", false, &at, NULL), AN_OK);
    for (uint64_t i = 1; i <= 10; i++) {
        alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, i, 3));
        alarm_log_store(f, alarm_log_event(AN_LOGGED_CLEARED, i, 9));
    }
    assert_int_equal(an_alarms_delivered(f->log, "mqtt", 15, NULL), AN_OK);
    for (uint64_t i = 11; i <= 40; i++) {
        alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, i, 3));
        alarm_log_store(f, alarm_log_event(AN_LOGGED_CLEARED, i, 9));
    }
    assert_int_equal(an_alarms_stats_get(f->log, &s, NULL), AN_OK);
    assert_true(s.bytes <= 20000 && s.bytes > 18000);
    assert_int_equal(s.dropped, 15);
    assert_int_equal(s.dropped + s.dropped_unread + s.records, 80);
    assert_true(s.dropped_unread > 0);
    assert_int_equal(an_alarms_next(f->log, 15, &r, &lost, NULL), AN_OK);
    assert_int_equal(lost, s.dropped_unread);
    assert_int_equal(r.seq, 16 + lost);
    assert_int_equal(an_alarms_next(f->log, r.seq, &r, &lost, NULL), AN_OK);
    assert_int_equal(lost, 0);
    an_alarm_row row; /* an alarm goes with its last record, and numbers are not given out again */
    assert_int_equal(an_alarms_get(f->log, "line-1", 1, &row, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_alarms_get(f->log, "line-1", 40, &row, NULL), AN_OK);
    assert_int_equal(an_alarms_last(f->log, "line-1", &at, NULL), AN_OK);
    assert_int_equal(at, 40);
}

static void an_active_alarm_is_kept_though_its_records_are_dropped(void **state)
{
    alarm_log *f = *state;
    an_alarm_row row;
    alarm_log_again(f, 8000);
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 1, 3));
    for (uint64_t i = 2; i <= 40; i++) {
        alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, i, 3));
        alarm_log_store(f, alarm_log_event(AN_LOGGED_CLEARED, i, 9));
    }
    assert_int_equal(an_alarms_get(f->log, "line-1", 1, &row, NULL), AN_OK);
    assert_int_equal(an_alarm_standing(&row.state), AN_STANDING_UNACKED);
    assert_int_equal(an_alarms_get(f->log, "line-1", 2, &row, NULL), AN_ERR_NOTFOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, alarm_log_setup, alarm_log_teardown)
    const struct CMUnitTest tests[] = {
        T(a_record_is_read_back_as_it_was_stored),
        T(a_text_that_is_empty_is_no_key),
        T(a_score_that_is_not_there_is_null_and_comes_back_as_none),
        T(an_event_that_was_stored_is_not_stored_again),
        T(a_clear_after_other_rows_than_before_the_crash_is_taken),
        T(a_batch_is_stored_whole_or_not_at_all),
        T(bad_data_is_logged_once_and_belongs_to_no_alarm),
        T(a_reader_goes_on_where_it_was_and_never_back),
        T(at_the_quota_the_oldest_go_and_a_reader_sees_how_many),
        T(an_active_alarm_is_kept_though_its_records_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
