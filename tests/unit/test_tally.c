/* What a line counts, and what people say of its alarms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/tally.h"
#include "base/mem.h"

static const uint8_t one[AN_ALARM_HASH] = {1}, two[AN_ALARM_HASH] = {2};

static an_msg_counts counts(const an_tally *t)
{
    an_msg m;
    an_tally_report(&m, t, "pump", "line-1");
    assert_int_equal(m.type, AN_MSG_COUNTS);
    return m.u.counts;
}

static void rows_alarms_and_verdicts_are_counted(void **state)
{
    (void)state;
    an_tally t = {.n = 0};
    an_tally_live(&t, one, two, 5, 1000);
    an_tally_rows(&t, 64);
    for (uint64_t alarm = 5; alarm < 9; alarm++)
        an_tally_alarm(&t, alarm);
    assert_true(an_tally_verdict(&t, 7, AN_VERDICT_FALSE));
    assert_true(an_tally_verdict(&t, 5, AN_VERDICT_TRUE));
    assert_true(an_tally_verdict(&t, 6, AN_VERDICT_UNSURE));
    an_tally_missed(&t);
    an_msg_counts c = counts(&t);
    assert_int_equal(c.since_ms, 1000);
    assert_int_equal(c.rows, 64);
    assert_int_equal(c.alarms, 4);
    assert_int_equal(c.confirmed, 1);
    assert_int_equal(c.refuted, 1);
    assert_int_equal(c.unsure, 1);
    assert_int_equal(c.missed, 1);
    assert_true(an_tally_verdict(&t, 7, AN_VERDICT_TRUE)); /* on second thoughts */
    c = counts(&t);
    assert_int_equal(c.confirmed, 2);
    assert_int_equal(c.refuted, 0);
}

static void an_alarm_of_an_earlier_version_is_not_counted_for_this_one(void **state)
{
    (void)state;
    an_tally t = {.n = 0};
    assert_false(an_tally_verdict(&t, 1, AN_VERDICT_FALSE)); /* nothing runs */
    an_tally_live(&t, one, one, 1, 0);
    an_tally_alarm(&t, 1);
    an_tally_live(&t, two, one, 2, 500);
    assert_false(an_tally_verdict(&t, 1, AN_VERDICT_FALSE));
    assert_int_equal(counts(&t).alarms, 0);
    assert_int_equal(counts(&t).refuted, 0);
    an_tally_alarm(&t, 2);
    an_tally_live(&t, two, two, 3, 600); /* the same version with another overlay raises other alarms */
    assert_int_equal(counts(&t).alarms, 0);
    assert_int_equal(counts(&t).since_ms, 600);
    an_tally_rows(&t, 3);
    an_tally_live(&t, two, two, 9, 700); /* a restart */
    assert_int_equal(counts(&t).rows, 3);
    assert_int_equal(counts(&t).since_ms, 600);
}

static void rows_are_told_now_and_then_and_words_of_people_at_once(void **state)
{
    (void)state;
    an_tally t = {.n = 0};
    assert_false(an_tally_due(&t, AN_TALLY_REPORT_MS));
    an_tally_live(&t, one, one, 1, 0);
    assert_false(an_tally_due(&t, AN_TALLY_REPORT_MS)); /* nothing has happened */
    an_tally_rows(&t, 10);
    assert_false(an_tally_due(&t, AN_TALLY_REPORT_MS - 1));
    assert_true(an_tally_due(&t, AN_TALLY_REPORT_MS));
    assert_false(an_tally_due(&t, AN_TALLY_REPORT_MS));
    an_tally_alarm(&t, 1);
    assert_false(an_tally_due(&t, AN_TALLY_REPORT_MS + 1)); /* the alarm is told by itself */
    assert_true(an_tally_verdict(&t, 1, AN_VERDICT_FALSE));
    assert_true(an_tally_due(&t, AN_TALLY_REPORT_MS + 1));
    assert_true(an_tally_verdict(&t, 1, AN_VERDICT_FALSE));
    assert_false(an_tally_due(&t, AN_TALLY_REPORT_MS + 2)); /* it was known */
    an_tally_missed(&t);
    assert_true(an_tally_due(&t, AN_TALLY_REPORT_MS + 2));
}

static void of_many_judged_alarms_the_oldest_become_a_number(void **state)
{
    (void)state;
    an_tally t = {.n = 0};
    an_tally_live(&t, one, one, 1, 0);
    for (uint64_t alarm = 2; alarm <= AN_TALLY_VERDICTS + 10; alarm++)
        assert_true(an_tally_verdict(&t, alarm, alarm % 2 ? AN_VERDICT_FALSE : AN_VERDICT_TRUE));
    an_msg_counts c = counts(&t);
    assert_int_equal(c.confirmed + c.refuted, AN_TALLY_VERDICTS + 9);
    assert_int_equal(t.n, AN_TALLY_VERDICTS);
    assert_false(an_tally_verdict(&t, 2, AN_VERDICT_FALSE)); /* it cannot be changed any more */
    assert_false(an_tally_verdict(&t, 1, AN_VERDICT_FALSE));
    assert_true(an_tally_verdict(&t, AN_TALLY_VERDICTS + 10, AN_VERDICT_UNSURE));
    c = counts(&t);
    assert_int_equal(c.confirmed + c.refuted, AN_TALLY_VERDICTS + 8);
    assert_int_equal(c.unsure, 1);
}

static void a_restart_goes_on_and_tells_again(void **state)
{
    (void)state;
    an_tally t = {.n = 0}, back = {.n = 0};
    an_buf b;
    an_tally_live(&t, one, two, 3, 1000);
    an_tally_rows(&t, 64);
    an_tally_alarm(&t, 3);
    assert_true(an_tally_verdict(&t, 3, AN_VERDICT_FALSE));
    an_tally_missed(&t);
    assert_true(an_tally_due(&t, 2000));
    an_buf_init(&b, 1 << 20);
    an_tally_save(&t, &b);
    assert_int_equal(an_buf_err(&b), AN_OK);
    an_reader in = an_reader_of(b.data, b.len);
    assert_int_equal(an_tally_restore(&back, &in), AN_OK);
    assert_int_equal(in.left, 0);
    const an_msg_counts was = counts(&t), is = counts(&back);
    assert_memory_equal(&was, &is, sizeof was);
    assert_true(an_tally_due(&back, 2001));
    assert_true(an_tally_verdict(&back, 3, AN_VERDICT_TRUE));
    assert_int_equal(counts(&back).confirmed, 1);
    for (size_t len = 0; len < b.len; len++) { /* cut short: nothing is taken */
        an_tally none = {.rows = 7};
        in = an_reader_of(b.data, len);
        assert_int_equal(an_tally_restore(&none, &in), AN_ERR_PROTO);
        assert_int_equal(none.rows, 7);
    }
    an_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_alarms_and_verdicts_are_counted),
        cmocka_unit_test(an_alarm_of_an_earlier_version_is_not_counted_for_this_one),
        cmocka_unit_test(rows_are_told_now_and_then_and_words_of_people_at_once),
        cmocka_unit_test(of_many_judged_alarms_the_oldest_become_a_number),
        cmocka_unit_test(a_restart_goes_on_and_tells_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
