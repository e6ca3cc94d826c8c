/* What people do to alarms, and what they are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/alarm_log.h"

static void a_person_acknowledges_comments_and_judges(void **state)
{
    alarm_log *f = *state;
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 1, 3));
    assert_int_equal(alarm_log_act(f, AN_LOGGED_ACKED, 2, 50, 0), AN_ERR_NOTFOUND);
    assert_int_equal(alarm_log_act(f, AN_LOGGED_ACKED, 1, 50, 0), AN_OK);
    assert_int_equal(alarm_log_act(f, AN_LOGGED_ACKED, 1, 51, 0), AN_ERR_EXISTS);
    assert_non_null(strstr(f->why.text, "alarm 1 of line line-1 is acknowledged"));
    assert_int_equal(alarm_log_act(f, AN_LOGGED_COMMENTED, 1, 52, 0), AN_OK);
    assert_int_equal(alarm_log_act(f, AN_LOGGED_VERDICT, 1, 53, 0), AN_OK);
    alarm_log_store(f, alarm_log_event(AN_LOGGED_CLEARED, 1, 9));
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_NORMAL);
    an_alarm_record r = alarm_log_next(f, 1);
    assert_int_equal(r.kind, AN_LOGGED_ACKED);
    assert_string_equal(r.by, "anna");
    assert_string_equal(r.comment, "seen");
    assert_int_equal(r.time_ms, 50);
    assert_string_equal(alarm_log_next(f, 2).acked_by, "anna");
    r = alarm_log_next(f, 3);
    assert_int_equal(r.kind, AN_LOGGED_VERDICT);
    assert_string_equal(r.verdict, "false");
    r = alarm_log_next(f, 4); /* the machine's own record says what people did, and is nobody's deed */
    assert_int_equal(r.kind, AN_LOGGED_CLEARED);
    assert_string_equal(r.by, "");
    assert_string_equal(r.acked_by, "anna");
    assert_string_equal(r.verdict, "false");
}

static void a_shelved_line_hides_its_alarms_until_the_end(void **state)
{
    alarm_log *f = *state;
    an_alarm_record r;
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 1, 3));
    assert_int_equal(alarm_log_act(f, AN_LOGGED_SHELVED, 0, 100, 100), AN_ERR_INVAL);
    assert_int_equal(alarm_log_act(f, AN_LOGGED_SHELVED, 0, 100, 200), AN_OK);
    assert_int_equal(alarm_log_act(f, AN_LOGGED_SHELVED, 0, 100, 200), AN_ERR_EXISTS);
    assert_int_equal(alarm_log_act(f, AN_LOGGED_ACKED, 1, 101, 0), AN_ERR_STATE);
    assert_non_null(strstr(f->why.text, "is shelved"));
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 2, 3));
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 3, 3));
    alarm_log_store(f, alarm_log_event(AN_LOGGED_CLEARED, 3, 5));
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_SHELVED);
    assert_int_equal(alarm_log_standing(f, 2), AN_STANDING_SHELVED);
    assert_int_equal(alarm_log_standing(f, 3), AN_STANDING_NORMAL);
    alarm_log_again(f, 0);
    assert_int_equal(an_alarms_tick(f->log, 199, NULL), AN_OK);
    assert_int_equal(alarm_log_standing(f, 2), AN_STANDING_SHELVED);
    assert_int_equal(an_alarms_next(f->log, 6, &r, NULL, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_alarms_tick(f->log, 200, NULL), AN_OK);
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_UNACKED);
    assert_int_equal(alarm_log_standing(f, 2), AN_STANDING_UNACKED);
    r = alarm_log_next(f, 6);
    assert_int_equal(r.kind, AN_LOGGED_UNSHELVED);
    assert_int_equal(r.alarm, 0);
    assert_string_equal(r.by, "expiry");
    assert_string_equal(r.site, "plant-a");
    assert_int_equal(alarm_log_next(f, 7).alarm, 1);
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 4, 3));
    assert_int_equal(alarm_log_standing(f, 4), AN_STANDING_UNACKED);
}

static void one_alarm_is_shelved_and_taken_out_of_service_alone(void **state)
{
    alarm_log *f = *state;
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 1, 3));
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 2, 3));
    assert_int_equal(alarm_log_act(f, AN_LOGGED_SHELVED, 1, 100, 200), AN_OK);
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_SHELVED);
    assert_int_equal(alarm_log_standing(f, 2), AN_STANDING_UNACKED);
    assert_int_equal(alarm_log_act(f, AN_LOGGED_REMOVED, 1, 110, 0), AN_OK);
    assert_int_equal(alarm_log_act(f, AN_LOGGED_UNSHELVED, 1, 120, 0), AN_OK);
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_OUT);
    assert_int_equal(an_alarms_tick(f->log, 1000000, NULL), AN_OK);
    assert_int_equal(alarm_log_act(f, AN_LOGGED_RESTORED, 1, 130, 0), AN_OK);
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_UNACKED);
    alarm_log_store(f, alarm_log_event(AN_LOGGED_CLEARED, 2, 9));
    assert_int_equal(alarm_log_act(f, AN_LOGGED_SHELVED, 2, 140, 200), AN_ERR_STATE); /* it is over */
}

static void what_a_rule_suppresses_is_recorded_and_not_shown(void **state)
{
    alarm_log *f = *state;
    an_alarms_stats s;
    an_alarm_record r = alarm_log_event(AN_LOGGED_RAISED, 1, 3);
    r.suppressed = true;
    alarm_log_store(f, r);
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_SUPPRESSED);
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RELEASED, 1, 5));
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_UNACKED);
    alarm_log_store(f, alarm_log_event(AN_LOGGED_SUPPRESSED, 1, 8));
    alarm_log_store(f, alarm_log_event(AN_LOGGED_CLEARED, 1, 12));
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_NORMAL);
    assert_true(alarm_log_next(f, 0).suppressed);
    assert_false(alarm_log_next(f, 0).ever_shown);
    assert_false(alarm_log_next(f, 1).suppressed);
    assert_true(alarm_log_next(f, 1).ever_shown);
    assert_true(alarm_log_next(f, 3).suppressed);
    assert_true(alarm_log_next(f, 3).ever_shown); /* so whoever was sent its begin is sent its end */
    r = alarm_log_event(AN_LOGGED_RAISED, 2, 3);
    r.suppressed = true;
    alarm_log_store(f, r);
    alarm_log_store(f, alarm_log_event(AN_LOGGED_CLEARED, 2, 12));
    assert_false(alarm_log_next(f, 5).ever_shown);
    assert_int_equal(an_alarms_stats_get(f->log, &s, NULL), AN_OK);
    assert_int_equal(s.suppressed, 3);
    assert_int_equal(s.open, 0);
}

static bool note_alarm(void *ctx, const an_alarm_row *row)
{
    char *text = ctx;
    const size_t len = strlen(text);
    snprintf(text + len, 64 - len, "%s%llu", len ? " " : "", (unsigned long long)row->last.alarm);
    return true;
}

static void alarms_are_listed_newest_first(void **state)
{
    alarm_log *f = *state;
    char text[64] = "";
    for (uint64_t i = 1; i <= 4; i++)
        alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, i, 3));
    alarm_log_store(f, alarm_log_event(AN_LOGGED_UPDATED, 1, 9));
    assert_int_equal(alarm_log_act(f, AN_LOGGED_ACKED, 2, 50, 0), AN_OK);
    alarm_log_store(f, alarm_log_event(AN_LOGGED_CLEARED, 2, 9));
    assert_int_equal(an_alarms_each(f->log, AN_ALARMS_OPEN, 0, note_alarm, text, NULL), AN_OK);
    assert_string_equal(text, "4 3 1");
    text[0] = '\0';
    assert_int_equal(an_alarms_each(f->log, AN_ALARMS_ALL, 3, note_alarm, text, NULL), AN_OK);
    assert_string_equal(text, "4 3 2");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, alarm_log_setup, alarm_log_teardown)
    const struct CMUnitTest tests[] = {
        T(a_person_acknowledges_comments_and_judges),
        T(a_shelved_line_hides_its_alarms_until_the_end),
        T(one_alarm_is_shelved_and_taken_out_of_service_alone),
        T(what_a_rule_suppresses_is_recorded_and_not_shown),
        T(alarms_are_listed_newest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
