/* The report of a day: what belongs to it, what it adds up to, and that nothing of a record becomes markup. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/report.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"

#define DAY "2026-03-09"
#define MIDNIGHT INT64_C(1773014400000) /* of that day, UTC */
#define HOUR INT64_C(3600000)

static int setup(void **state)
{
    an_report *r = an_alloc(1, sizeof *r);
    an_note why = {{0}};
    assert_int_equal(an_report_init(r, "plant-a", DAY, &why), AN_OK);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    an_report_done(*state);
    an_free(*state);
    return 0;
}

static an_alarm_record raised(uint64_t alarm, int64_t at_ms)
{
    return (an_alarm_record){.kind = AN_LOGGED_RAISED,
                             .line = "line-1",
                             .alarm = alarm,
                             .standing = AN_STANDING_UNACKED,
                             .severity = AN_SEVERITY_MEDIUM,
                             .source = "model",
                             .time_ms = at_ms,
                             .peak = 1.5,
                             .score = 1.5,
                             .raw = 1,
                             .top = {{.sensor = "flow", .share = 0.75}, {.sensor = "speed", .share = 0.25}},
                             .n_top = 2,
                             .version = {0xab, 0xcd},
                             .part = "P-1",
                             .reason = "Flow is low."};
}

static void add(an_report *r, an_alarm_record e)
{
    assert_int_equal(an_report_add(r, &e), AN_OK);
}

static char *page_of(an_report *r, int64_t now_ms)
{
    an_buf b;
    an_buf_init(&b, AN_REPORT_BYTES_MAX);
    assert_int_equal(an_report_html(r, now_ms, &b), AN_OK);
    an_buf_u8(&b, 0);
    assert_int_equal(an_buf_err(&b), AN_OK);
    return (char *)b.data;
}

static void expect(an_report *r, const char *text)
{
    char *page = page_of(r, MIDNIGHT + 30 * HOUR);
    const bool there = strstr(page, text) != NULL;
    if (!there)
        print_message("%s\n", page);
    an_free(page);
    if (!there)
        fail_msg("not in the page: %s", text);
}

static void only_a_day_is_a_day(void **state)
{
    static const char *const wrong[] = {"2026-02-29",  "2026-3-9", "2026-13-01", "today",
                                        "2026-03-09x", "",         "1066-10-14"};
    an_report r;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(an_report_init(&r, "a", wrong[i], NULL), AN_ERR_INVAL);
    assert_int_equal(an_report_init(&r, "a", "2028-02-29", NULL), AN_OK);
    assert_int_equal(r.to_ms - r.from_ms, 24 * HOUR);
    assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
    tzset();
    assert_int_equal(an_report_init(&r, "a", "2026-03-29", NULL), AN_OK); /* the clock goes forward */
    assert_int_equal(r.to_ms - r.from_ms, 23 * HOUR);
    assert_int_equal(an_report_init(&r, "a", "2026-10-25", NULL), AN_OK);
    assert_int_equal(r.to_ms - r.from_ms, 25 * HOUR);
    assert_int_equal(setenv("TZ", "UTC0", 1), 0);
    tzset();
}

static void alarms_belong_to_the_day_in_which_they_were_raised(void **state)
{
    an_report *r = *state;
    assert_int_equal(r->from_ms, MIDNIGHT);
    add(r, raised(1, MIDNIGHT - 1));
    add(r, raised(2, MIDNIGHT));
    add(r, raised(3, MIDNIGHT + 24 * HOUR - 1));
    add(r, raised(4, MIDNIGHT + 24 * HOUR));
    assert_int_equal(r->n_alarms, 2);
    assert_int_equal(r->alarms[0].alarm, 2);
    assert_int_equal(r->alarms[1].alarm, 3);
    expect(r, "<td>all lines</td><td class=\"n\">0</td><td class=\"n\">0</td><td class=\"n\">2</td><td "
              "class=\"n\">0</td>"
              "<td class=\"n\">2</td>");
}

static void verdicts_of_later_days_count_and_the_last_one_holds(void **state)
{
    an_report *r = *state;
    static const char *const said[] = {"true", "false", "unsure", NULL};
    for (uint64_t alarm = 1; alarm <= 4; alarm++)
        add(r, raised(alarm, MIDNIGHT + HOUR));
    for (uint64_t alarm = 1; alarm <= 3; alarm++) {
        an_alarm_record v = raised(alarm, MIDNIGHT + 72 * HOUR);
        v.kind = AN_LOGGED_VERDICT;
        v.standing = AN_STANDING_ACKED;
        snprintf(v.verdict, sizeof v.verdict, "%s", alarm == 1 ? "false" : said[alarm - 1]);
        add(r, v);
        snprintf(v.verdict, sizeof v.verdict, "%s", said[alarm - 1]);
        add(r, v);
    }
    expect(r, "<td class=\"n\">1</td><td class=\"n\">1</td><td class=\"n\">50 %</td>");
    expect(r, "1 alarms were judged unsure, 1 not at all");
}

static void hidden_alarms_are_counted_apart(void **state)
{
    an_report *r = *state;
    an_alarm_record shelved = raised(2, MIDNIGHT + HOUR);
    shelved.standing = AN_STANDING_SHELVED;
    add(r, raised(1, MIDNIGHT + HOUR));
    add(r, shelved);
    expect(r, "<td class=\"n\">1</td><td class=\"n\">1</td><td class=\"n\">0</td><td class=\"n\">0</td>");
    expect(r, "Flow is low. (hidden)</td>");
    expect(r, "alarms shown, also again</td><td class=\"n\">1</td>");
}

static void sensors_are_in_the_order_of_their_shares(void **state)
{
    an_report *r = *state;
    add(r, raised(1, MIDNIGHT + HOUR));
    add(r, raised(2, MIDNIGHT + 2 * HOUR));
    char *page = page_of(r, MIDNIGHT + 30 * HOUR);
    const char *flow =
        strstr(page, "<td>flow</td><td>line-1</td><td class=\"n\">2</td><td class=\"n\">1.50</td>");
    const char *speed =
        strstr(page, "<td>speed</td><td>line-1</td><td class=\"n\">2</td><td class=\"n\">0.50</td>");
    assert_non_null(flow);
    assert_non_null(speed);
    assert_true(flow < speed);
    assert_non_null(
        strstr(page, "<td>abcd000000000000</td><td class=\"t\">01:00:00</td><td class=\"t\">02:00:00</td>"));
    an_free(page);
}

/* From before the day into it, and out of it: only what lies within counts. */
static void time_of_bad_data_is_cut_at_the_day(void **state)
{
    an_report *r = *state;
    an_alarm_record q = {.kind = AN_LOGGED_QUALITY,
                         .line = "line-1",
                         .time_ms = MIDNIGHT - HOUR,
                         .top = {{.sensor = "flow"}},
                         .n_top = 1,
                         .fault = "stuck",
                         .begins = true};
    add(r, q);
    q.time_ms = MIDNIGHT + 2 * HOUR;
    q.begins = false;
    add(r, q);
    q.time_ms = MIDNIGHT + 23 * HOUR;
    q.begins = true;
    add(r, q);
    expect(r, "<td>stuck</td><td class=\"n\">1</td><td class=\"n\">3 h 00 min</td>");
}

static void nothing_of_a_record_becomes_markup(void **state)
{
    an_report *r = *state;
    an_alarm_record e = raised(1, MIDNIGHT + HOUR);
    snprintf(e.reason, sizeof e.reason, "</td><script>alert(1)</script>");
    snprintf(e.part, sizeof e.part, "\"'&");
    snprintf(e.top[0].sensor, sizeof e.top[0].sensor, "<img src=x>");
    e.peak = NAN;
    add(r, e);
    char *page = page_of(r, MIDNIGHT + HOUR);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<img"));
    assert_non_null(strstr(page, "&lt;script&gt;"));
    assert_non_null(strstr(page, "&quot;&#39;&amp;"));
    assert_non_null(strstr(page, "the day is not over"));
    assert_null(strstr(page, "<?xml"));
    assert_null(strstr(page, "nan"));
    assert_null(strstr(page, "href=")); /* self-contained */
    an_free(page);
}

static void a_day_without_anything_says_so(void **state)
{
    expect(*state, "No alarm was raised.");
    expect(*state, "Nothing was found wrong with the data.");
}

static void survives_every_allocation_failure(void **state)
{
    an_report *r = *state;
    const an_alarm_record e = raised(1, MIDNIGHT + HOUR);
    const size_t live = an_mem_live();
    for (size_t n = 0;; n++) {
        an_buf b;
        assert_true(n < 1000);
        an_buf_init(&b, AN_REPORT_BYTES_MAX);
        an_mem_fail_after(n);
        an_err err = an_report_add(r, &e);
        if (err == AN_OK)
            err = an_report_html(r, MIDNIGHT, &b);
        an_mem_fail_never();
        an_buf_done(&b);
        an_report_done(r);
        assert_int_equal(an_mem_live(), live);
        assert_int_equal(an_report_init(r, "plant-a", DAY, NULL), AN_OK);
        if (err == AN_OK)
            return;
        assert_int_equal(err, AN_ERR_NOMEM);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_day_is_a_day),
        T(alarms_belong_to_the_day_in_which_they_were_raised),
        T(verdicts_of_later_days_count_and_the_last_one_holds),
        T(hidden_alarms_are_counted_apart),
        T(sensors_are_in_the_order_of_their_shares),
        T(time_of_bad_data_is_cut_at_the_day),
        T(nothing_of_a_record_becomes_markup),
        T(a_day_without_anything_says_so),
        T(survives_every_allocation_failure),
    };
    if (an_crypto_init() != AN_OK || setenv("TZ", "UTC0", 1) != 0)
        return 1;
    tzset();
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
