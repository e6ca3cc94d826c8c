/* What the coordinator remembers of one site has an end, whatever the site says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "coordinator/state_internal.h"
#include "doors/crypto.h"

static uint64_t seq;

static void apply(an_state *st, const char *kind, const char *subject, const char *body)
{
    an_note why = {{0}};
    seq++;
    const an_record r = {.seq = seq,
                         .time_ms = (int64_t)seq,
                         .kind = kind,
                         .subject = subject,
                         .actor = "test",
                         .body = body,
                         .body_len = strlen(body)};
    if (an_state_check(st, &r, 0, &why) != AN_OK || an_state_apply(st, &r, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void reports(an_state *st, const char *site, unsigned line)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"model\":\"pump\",\"line\":\"line-%u\",\"test\":\"psi\",\"subject\":\"temp\",\"sign\":1}",
             line);
    apply(st, "drift.alert", site, body);
}

static void of_reports_of_drift_the_latest_are_kept(void **state)
{
    (void)state;
    an_state st;
    an_state_init(&st);
    reports(&st, "b", 1);
    for (unsigned i = 0; i < AN_DRIFTS_MAX; i++)
        reports(&st, "a", i);
    reports(&st, "b", 2);
    for (unsigned i = 0; i < 10; i++)
        reports(&st, "a", AN_DRIFTS_MAX + i);
    assert_int_equal(st.drifts.n, AN_DRIFTS_MAX + 2);
    assert_string_equal(st.drifts.items[0].site, "b"); /* another site's stay */
    assert_string_equal(st.drifts.items[1].line, "line-10");
    for (size_t i = 1; i < st.drifts.n; i++) /* in their order */
        assert_true(st.drifts.items[i].time_ms > st.drifts.items[i - 1].time_ms);
    st.drifts.items[1].campaign = 7; /* what was answered makes no room */
    reports(&st, "a", 999);
    assert_int_equal(st.drifts.n, AN_DRIFTS_MAX + 3);
    an_state_done(&st);
}

static void lives(an_state *st, const char *site, unsigned line)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"model\":\"pump\",\"line\":\"line-%u\",\"version\":\"%064x\",\"verdict\":\"fine\"}", line, 1);
    apply(st, "site.live", site, body);
}

static void of_live_figures_those_of_so_many_lines(void **state)
{
    (void)state;
    an_state st;
    an_state_init(&st);
    lives(&st, "b", 1);
    for (unsigned i = 0; i < AN_REPORTED_MAX; i++)
        lives(&st, "a", i);
    lives(&st, "a", 0); /* heard again: not the oldest any more */
    for (unsigned i = 0; i < 10; i++)
        lives(&st, "a", 1000 + i);
    assert_int_equal(st.lives.n, AN_REPORTED_MAX + 1);
    assert_non_null(an_state_live(&st, "b", "line-1"));
    assert_non_null(an_state_live(&st, "a", "line-0"));
    assert_null(an_state_live(&st, "a", "line-1"));
    assert_non_null(an_state_live(&st, "a", "line-1009"));
    an_state_done(&st);
}

static void runs(an_state *st, const char *site, unsigned line)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"model\":\"pump\",\"line\":\"line-%u\",\"version\":\"%064x\",\"state\":\"running\"}", line,
             1);
    apply(st, "site.report", site, body);
}

static void of_what_lines_run_the_latest_lines_are_kept(void **state)
{
    (void)state;
    an_state st;
    an_state_init(&st);
    runs(&st, "b", 1);
    for (unsigned i = 0; i < AN_REPORTED_MAX; i++)
        runs(&st, "a", i);
    runs(&st, "a", 0); /* heard again: not the oldest any more */
    for (unsigned i = 0; i < 10; i++)
        runs(&st, "a", 1000 + i);
    assert_int_equal(st.fleet.n, AN_REPORTED_MAX + 1);
    assert_non_null(an_state_fleet(&st, "b", "line-1", "pump"));
    assert_non_null(an_state_fleet(&st, "a", "line-0", "pump"));
    assert_null(an_state_fleet(&st, "a", "line-1", "pump"));
    const an_fleet_entry *f = an_state_fleet(&st, "a", "line-1009", "pump");
    assert_true(f && f->since_seq == seq && !an_hash_is_zero(&f->version));
    an_state_done(&st);
}

/* Seconds of the processor to end a campaign: so many reports were there before it, and as many came while it ran. */
static double time_to_end(size_t n)
{
    an_state st;
    an_campaign c = {.id = 7};
    snprintf(c.model, sizeof c.model, "pump");
    an_state_init(&st);
    st.drifts.items = an_alloc(2 * n, sizeof *st.drifts.items);
    assert_non_null(st.drifts.items);
    st.drifts.n = st.drifts.cap = 2 * n;
    for (size_t i = 0; i < 2 * n; i++) {
        an_drift_entry *d = &st.drifts.items[i];
        snprintf(d->site, sizeof d->site, "s%zu",
                 i < n ? i : 3 * n / 2 - i % n); /* half of them had reported */
        snprintf(d->model, sizeof d->model, "pump");
        d->campaign = i < n ? c.id : 0;
    }
    const clock_t from = clock();
    an_state_drifts_repeat(&st, &c);
    const double took = (double)(clock() - from) / CLOCKS_PER_SEC;
    size_t open = 0;
    for (size_t i = 0; i < 2 * n; i++)
        open += st.drifts.items[i].campaign == 0;
    assert_int_equal(open, n / 2 + 1);
    an_state_done(&st);
    return took;
}

static void the_end_of_a_campaign_with_many_reports_is_not_long(void **state)
{
    (void)state;
    double small = time_to_end(2000), large = time_to_end(16000);
    for (int i = 0; i < 2; i++) {
        const double s = time_to_end(2000), l = time_to_end(16000);
        small = s < small ? s : small;
        large = l < large ? l : large;
    }
    print_message("2000 reports %.2f ms, 16000 reports %.2f ms\n", 1000 * small, 1000 * large);
    assert_true(large < 24 * small + 0.005); /* by pairs it would be 64 times as long */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_reports_of_drift_the_latest_are_kept),
        cmocka_unit_test(of_live_figures_those_of_so_many_lines),
        cmocka_unit_test(of_what_lines_run_the_latest_lines_are_kept),
        cmocka_unit_test(the_end_of_a_campaign_with_many_reports_is_not_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
