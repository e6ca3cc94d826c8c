/* Counts that sites report of their lines: what is kept of them, whatever a site says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/state.h"
#include "doors/crypto.h"

static uint64_t seq;

static an_err apply(an_state *st, const char *kind, const char *subject, const char *body)
{
    seq++;
    const an_record r = {.seq = seq,
                         .time_ms = (int64_t)seq * 1000,
                         .kind = kind,
                         .subject = subject,
                         .actor = "test",
                         .body = body,
                         .body_len = strlen(body)};
    an_err err = an_state_check(st, &r, 0, NULL);
    return err == AN_OK ? an_state_apply(st, &r, NULL) : err;
}

typedef struct told {
    const char *site, *line;
    int version;
    int64_t since_ms;
    uint64_t rows, confirmed, refuted;
} told;

static an_err tell(an_state *st, const told *t)
{
    char body[512];
    snprintf(body, sizeof body,
             "{\"model\":\"pump\",\"line\":\"%s\",\"version\":\"%064x\",\"since_ms\":%lld,\"rows\":%llu,"
             "\"alarms\":100,\"confirmed\":%llu,\"refuted\":%llu,\"unsure\":0,\"missed\":0}",
             t->line, (unsigned)t->version, (long long)t->since_ms, (unsigned long long)t->rows,
             (unsigned long long)t->confirmed, (unsigned long long)t->refuted);
    return apply(st, "site.counts", t->site, body);
}

static void begin(an_state *st)
{
    char body[512];
    seq = 0;
    an_state_init(st);
    snprintf(body, sizeof body,
             "{\"blank\":\"%064x\",\"schema\":\"%064x\",\"layout\":\"%064x\",\"policy\":{}}", 1, 2, 3);
    assert_int_equal(apply(st, "model.created", "pump", body), AN_OK);
}

static void campaign(an_state *st, unsigned id)
{
    char body[512];
    snprintf(body, sizeof body,
             "{\"id\":%u,\"kind\":\"incremental\",\"trigger\":\"a "
             "test\",\"rounds\":1,\"base\":\"%064x\",\"waiting\":true}",
             id, 1);
    assert_int_equal(apply(st, "campaign.opened", "pump", body), AN_OK);
}

static void the_last_counts_of_a_line_are_kept(void **state)
{
    (void)state;
    an_state st;
    begin(&st);
    assert_int_equal(tell(&st, &(told){"a", "l1", 1, 5, 100, 1, 2}), AN_OK);
    assert_int_equal(tell(&st, &(told){"a", "l1", 1, 5, 250, 2, 3}), AN_OK);
    assert_int_equal(tell(&st, &(told){"a", "l2", 1, 5, 10, 0, 0}), AN_OK);
    assert_int_equal(tell(&st, &(told){"b", "l1", 1, 5, 20, 0, 0}), AN_OK);
    assert_int_equal(st.counts.n, 3);
    assert_int_equal(st.counts.items[0].figures.confirmed, 2);
    assert_int_equal(an_counts_rows(&st.counts.items[0]), 250);
    an_state_done(&st);
}

static void a_campaign_answers_what_was_counted_until_then(void **state)
{
    (void)state;
    an_state st;
    begin(&st);
    assert_int_equal(tell(&st, &(told){"a", "l1", 1, 5, 100, 1, 2}), AN_OK);
    campaign(&st, 1);
    const an_counts_entry *e = &st.counts.items[0];
    assert_int_equal(an_counts_rows(e), 0);
    assert_int_equal(e->figures.refuted - e->base.refuted, 0);
    assert_int_equal(tell(&st, &(told){"a", "l1", 1, 5, 130, 1, 3}), AN_OK);
    assert_int_equal(an_counts_rows(e), 30);
    assert_int_equal(e->figures.refuted - e->base.refuted, 1);
    /* The next version counts from 0; rows until then are not lost. */
    assert_int_equal(tell(&st, &(told){"a", "l1", 2, 9, 7, 0, 1}), AN_OK);
    assert_int_equal(an_counts_rows(e), 37);
    assert_int_equal(e->figures.refuted - e->base.refuted, 1);
    an_state_done(&st);
}

static void drift(an_state *st, const char *site)
{
    char body[512];
    snprintf(
        body, sizeof body,
        "{\"model\":\"pump\",\"line\":\"l1\",\"version\":\"%064x\",\"test\":\"psi\",\"subject\":\"flow\","
        "\"sign\":0,\"effect\":2,\"threshold\":1,\"since_ms\":0}",
        1);
    assert_int_equal(apply(st, "drift.alert", site, body), AN_OK);
}

/* Others have not been asked: what they have reported is still open. */
static void a_campaign_of_overlays_answers_the_lines_that_it_asks(void **state)
{
    (void)state;
    an_state st;
    char body[512];
    begin(&st);
    drift(&st, "a");
    drift(&st, "b");
    assert_int_equal(tell(&st, &(told){"a", "l1", 1, 5, 100, 1, 2}), AN_OK);
    assert_int_equal(tell(&st, &(told){"b", "l1", 1, 5, 100, 1, 2}), AN_OK);
    snprintf(body, sizeof body,
             "{\"id\":1,\"kind\":\"overlay\",\"trigger\":\"a "
             "test\",\"rounds\":0,\"base\":\"%064x\",\"waiting\":false,"
             "\"evidence\":[{\"site\":\"a\",\"line\":\"l1\"}]}",
             1);
    assert_int_equal(apply(&st, "campaign.opened", "pump", body), AN_OK);
    assert_int_equal(st.drifts.items[0].campaign, 1);
    assert_int_equal(st.drifts.items[1].campaign, 0);
    const an_counts_entry *a = &st.counts.items[0], *b = &st.counts.items[1];
    assert_int_equal(a->figures.refuted - a->base.refuted, 0);
    assert_int_equal(b->figures.refuted - b->base.refuted, 2);
    assert_int_equal(an_counts_rows(a), 100); /* nothing was trained */
    snprintf(
        body, sizeof body,
        "{\"campaign\":1,\"model\":\"pump\",\"line\":\"l1\",\"version\":\"%064x\",\"overlay\":\"%064x\"}", 1,
        7);
    assert_int_equal(apply(&st, "refit.reported", "b", body), AN_ERR_PROTO); /* nobody has asked it */
    assert_int_equal(apply(&st, "refit.reported", "a", body), AN_OK);
    assert_int_equal(apply(&st, "refit.reported", "a", body), AN_OK); /* counts once */
    assert_int_equal(st.campaigns.items[0].refits_done, 1);
    assert_int_equal(st.campaigns.items[0].refits_open, 0);
    an_state_done(&st);
}

static void numbers_that_fall_never_count_as_more(void **state)
{
    (void)state;
    an_state st;
    begin(&st);
    assert_int_equal(tell(&st, &(told){"a", "l1", 1, 5, 100, 3, 2}), AN_OK);
    campaign(&st, 1);
    const an_counts_entry *e = &st.counts.items[0];
    assert_int_equal(tell(&st, &(told){"a", "l1", 1, 5, 40, 3, 1}), AN_OK);
    assert_int_equal(an_counts_rows(e), 0);
    assert_int_equal(e->figures.refuted - e->base.refuted, 0);
    assert_int_equal(tell(&st, &(told){"a", "l1", 1, 5, 60, 3, 2}), AN_OK);
    assert_int_equal(an_counts_rows(e), 20);
    assert_int_equal(e->figures.refuted - e->base.refuted, 1);
    an_state_done(&st);
}

static void no_number_grows_beyond_its_bound(void **state)
{
    (void)state;
    an_state st;
    begin(&st);
    assert_int_equal(tell(&st, &(told){"a", "l1", 1, 5, AN_COUNTS_MAX + 1, 0, 0}), AN_ERR_PROTO);
    assert_int_equal(st.counts.n, 0);
    for (int i = 0; i < 4100; i++) /* tallies that end at the bound, one after the other */
        assert_int_equal(tell(&st, &(told){"a", "l1", 1 + i % 2, i, AN_COUNTS_MAX, 0, 0}), AN_OK);
    assert_int_equal(st.counts.n, 1);
    assert_true(an_counts_rows(&st.counts.items[0]) == AN_COUNTS_MAX);
    an_state_done(&st);
}

static void a_site_does_not_fill_the_state_with_lines_of_its_fancy(void **state)
{
    (void)state;
    an_state st;
    begin(&st);
    assert_int_equal(tell(&st, &(told){"b", "l1", 1, 5, 20, 0, 0}), AN_OK);
    for (int i = 0; i < 5 * AN_REPORTED_MAX; i++) {
        char line[32];
        snprintf(line, sizeof line, "l%d", i);
        assert_int_equal(tell(&st, &(told){"a", line, 1, 5, 10, 0, 0}), AN_OK);
    }
    assert_int_equal(st.counts.n, 1 + AN_REPORTED_MAX);
    assert_string_equal(st.counts.items[0].site, "b");
    assert_int_equal(an_counts_rows(&st.counts.items[1]), 10); /* of one line, not of those before it */
    an_state_done(&st);
}

static void what_is_no_count_is_not_taken(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{}", "{\"model\":\"pump\",\"line\":\"l1\"}",
        "{\"model\":\"pump\",\"line\":\"../"
        "l\",\"version\":\"0000000000000000000000000000000000000000000000000000000000000001\","
        "\"since_ms\":0}",
        "{\"model\":\"pump\",\"line\":\"l1\",\"version\":"
        "\"0000000000000000000000000000000000000000000000000000000000000001\","
        "\"since_ms\":0,\"rows\":-1}"};
    an_state st;
    begin(&st);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(apply(&st, "site.counts", "a", wrong[i]), AN_ERR_PROTO);
    assert_int_equal(st.counts.n, 0);
    an_state_done(&st);
}

int main(void)
{
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_counts_of_a_line_are_kept),
        cmocka_unit_test(a_campaign_answers_what_was_counted_until_then),
        cmocka_unit_test(a_campaign_of_overlays_answers_the_lines_that_it_asks),
        cmocka_unit_test(numbers_that_fall_never_count_as_more),
        cmocka_unit_test(no_number_grows_beyond_its_bound),
        cmocka_unit_test(a_site_does_not_fill_the_state_with_lines_of_its_fancy),
        cmocka_unit_test(what_is_no_count_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
