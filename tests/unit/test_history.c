/* What ran when, from reports that come late, twice, out of order by their clocks, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/registry.h"
#include "doors/crypto.h"

#define A "aa00000000000000000000000000000000000000000000000000000000000000"
#define B "bb00000000000000000000000000000000000000000000000000000000000000"

static void tell(an_history *h, const char *kind, int64_t told, const char *body)
{
    static uint64_t seq;
    an_note why = {{0}};
    const an_record r = {.seq = ++seq,
                         .time_ms = told,
                         .kind = kind,
                         .subject = "plant-b",
                         .actor = "site/plant-b",
                         .body = body,
                         .body_len = strlen(body)};
    if (an_history_take(h, &r, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void report(an_history *h, int64_t told, int64_t at, const char *line, const char *version,
                   const char *state)
{
    char body[400];
    snprintf(body, sizeof body,
             "{\"model\":\"pump\",\"line\":\"%s\",\"version\":\"%s\",\"state\":\"%s\",\"reason\":\"why\","
             "\"at_ms\":%lld,\"signature\":\"00\"}",
             line, version, state, (long long)at);
    tell(h, "site.report", told, body);
}

static void versions_follow_each_other_by_the_sites_own_clock(void **state)
{
    (void)state;
    an_history h = {.line = "line-4"};
    report(&h, 1000, 900, "line-4", A, "ready");
    report(&h, 1000, 900, "line-4", A, "running");
    report(&h, 1500, 1400, "line-3", B, "running"); /* of another line */
    report(&h, 9000, 2000, "line-4", B, "running"); /* heard of a week later */
    assert_int_equal(h.runs.n, 2);
    const an_run *a = &h.runs.items[0], *b = &h.runs.items[1];
    assert_true(a->from_ms == 900 && a->until_ms == 2000 && a->told_ms == 1000 && a->dated &&
                a->countersigned);
    assert_true(b->from_ms == 2000 && b->until_ms == 0 && b->told_ms == 9000);
    assert_true(an_run_within(a, 1000, 1000) && an_run_within(a, 0, 900) && !an_run_within(a, 2000, 3000));
    assert_true(an_run_within(b, 2000, 2000) && !an_run_within(b, 0, 1999) && an_run_within(b, 99999, 99999));
    assert_false(an_run_within(a, 0, 899));
    an_history_done(&h);
}

static void what_names_the_version_later_is_the_last_that_was_heard(void **state)
{
    (void)state;
    an_history h = {.line = ""};
    report(&h, 1000, 900, "line-4", A, "running");
    report(&h, 1100, 1050, "line-4", A, "running"); /* a renewed release */
    tell(&h, "alarm.summary", 5000, "{\"line\":\"line-4\",\"version\":\"" A "\"}");
    tell(&h, "alarm.summary", 6000, "{\"line\":\"line-4\",\"version\":\"" B "\"}"); /* of another version */
    tell(&h, "round.opened", 7000, "{}");
    assert_int_equal(h.runs.n, 1);
    assert_int_equal(h.runs.items[0].heard_ms, 5000);
    an_history_done(&h);
}

static void going_back_says_why_and_what_runs_then(void **state)
{
    (void)state;
    an_history h = {.line = ""};
    report(&h, 1000, 1000, "line-4", A, "running");
    report(&h, 2000, 2000, "line-4", B, "running");
    report(&h, 3000, 3000, "line-4", B, "rolled-back");
    report(&h, 3000, 3000, "line-4", A, "running");
    assert_int_equal(h.runs.n, 3);
    assert_true(h.runs.items[1].left && !h.runs.items[2].left);
    assert_string_equal(h.runs.items[1].reason, "why");
    assert_int_equal(h.runs.items[1].until_ms, 3000);
    an_history_done(&h);
}

static void a_report_without_a_time_or_with_a_clock_put_back_keeps_the_order(void **state)
{
    (void)state;
    an_history h = {.line = ""};
    tell(&h, "site.report", 1000,
         "{\"model\":\"pump\",\"line\":\"l\",\"version\":\"" A "\",\"state\":\"running\"}");
    report(&h, 2000, 500, "l", B, "running");
    assert_true(!h.runs.items[0].dated && !h.runs.items[0].countersigned && h.runs.items[0].from_ms == 1000);
    assert_true(h.runs.items[1].from_ms == 1000 && h.runs.items[0].until_ms == 1000);
    an_history_done(&h);
}

static void what_cannot_be_read_is_said_and_memory_may_run_out(void **state)
{
    (void)state;
    an_history h = {.line = ""};
    const an_record r = {
        .seq = 1, .kind = "site.report", .subject = "s", .actor = "a", .body = "{", .body_len = 1};
    assert_int_equal(an_history_take(&h, &r, NULL), AN_ERR_PROTO);
    const char *body = "{\"model\":\"pump\",\"line\":\"l\",\"version\":\"" A "\",\"state\":\"running\"}";
    const an_record good = {.seq = 1,
                            .kind = "site.report",
                            .subject = "s",
                            .actor = "a",
                            .body = body,
                            .body_len = strlen(body)};
    an_err err = AN_ERR_NOMEM;
    for (unsigned n = 0; err == AN_ERR_NOMEM; n++) {
        an_mem_fail_after(n);
        err = an_history_take(&h, &good, NULL);
        an_mem_fail_never();
    }
    assert_true(err == AN_OK && h.runs.n == 1);
    an_history_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_follow_each_other_by_the_sites_own_clock),
        cmocka_unit_test(what_names_the_version_later_is_the_last_that_was_heard),
        cmocka_unit_test(going_back_says_why_and_what_runs_then),
        cmocka_unit_test(a_report_without_a_time_or_with_a_clock_put_back_keeps_the_order),
        cmocka_unit_test(what_cannot_be_read_is_said_and_memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
