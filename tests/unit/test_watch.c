/* The watch of a new version: figures made by hand, and streams whose alarms are alike or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/watch.h"
#include "base/rng.h"

#define BLOCK 16
#define HOUR INT64_C(3600000)

static const an_watch_conf usual = AN_WATCH_CONF_DEFAULT;

/* Two versions over the threshold in so many blocks, of which `both` are the same. */
static an_shadow_counts counts(uint64_t blocks, uint64_t now, uint64_t before, uint64_t both)
{
    an_shadow_counts c = {.rows = blocks * BLOCK,
                          .blocks = blocks,
                          .both = both,
                          .candidate_only = now - both,
                          .production_only = before - both,
                          .sites = 1};
    c.candidate.rows = c.production.rows = c.rows;
    c.candidate.blocks_over = c.candidate.over = now;
    c.production.blocks_over = c.production.over = before;
    c.candidate.latency[4] = c.production.latency[4] = c.rows;
    return c;
}

static an_live_verdict verdict(const an_shadow_counts *c, bool paired, an_note *ret)
{
    an_watch w;
    an_watch_init(&w, &usual, 0);
    return an_watch_look(&w, c, paired, HOUR, ret);
}

static void what_is_worse_and_what_is_not(void **state)
{
    (void)state;
    static const struct {
        uint64_t blocks, now, before, both;
        an_live_verdict verdict;
    } rows[] = {
        {200, 0, 0, 0, AN_LIVE_FINE},
        {200, 1, 0, 0, AN_LIVE_FINE}, /* a quiet line's first alarm */
        {200, 3, 0, 0, AN_LIVE_FINE}, /* below the floor */
        {200, 20, 0, 0, AN_LIVE_WORSENED},
        {200, 40, 10, 5, AN_LIVE_WORSENED},
        {200, 15, 10, 5, AN_LIVE_FINE},  /* within the band */
        {200, 80, 78, 75, AN_LIVE_FINE}, /* a real fault of the line: both see it */
        {200, 160, 78, 78, AN_LIVE_WORSENED},
        {200, 10, 80, 10, AN_LIVE_FINE}, /* quieter is told, not returned */
        {4, 4, 0, 0, AN_LIVE_WATCHING},  /* too few blocks to say anything, however long it took */
        {0, 0, 0, 0, AN_LIVE_WATCHING},  /* the line stood still */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        an_note reason = {{0}};
        const an_shadow_counts c = counts(rows[i].blocks, rows[i].now, rows[i].before, rows[i].both);
        if (verdict(&c, true, &reason) != rows[i].verdict)
            fail_msg("row %zu: %s", i, reason.text);
        assert_int_equal(reason.text[0] != '\0', rows[i].verdict != AN_LIVE_WATCHING);
    }
}

static void quiet_is_said(void **state)
{
    (void)state;
    an_note reason;
    const an_shadow_counts c = counts(200, 10, 80, 10);
    assert_int_equal(verdict(&c, true, &reason), AN_LIVE_FINE);
    assert_non_null(strstr(reason.text, "quieter than before"));
}

static void one_row_without_a_score_is_enough_at_once(void **state)
{
    (void)state;
    an_note reason;
    an_watch w;
    an_shadow_counts c = counts(1, 0, 0, 0);
    an_watch_init(&w, &usual, 0);
    assert_int_equal(an_watch_look(&w, &c, true, 1000, &reason), AN_LIVE_WATCHING);
    c.candidate.non_finite = c.production.non_finite = 1; /* of the same row: it is the row */
    assert_int_equal(an_watch_look(&w, &c, true, 2000, &reason), AN_LIVE_WATCHING);
    c.candidate_failed = 1;
    assert_int_equal(an_watch_look(&w, &c, true, 3000, &reason), AN_LIVE_WORSENED);
    assert_int_equal(an_watch_look(&w, &c, true, 4000, &reason), AN_LIVE_WORSENED); /* it stays so */
}

static void slower_counts_from_the_floor_on(void **state)
{
    (void)state;
    an_note reason;
    an_shadow_counts c = counts(50, 0, 0, 0);
    memset(c.candidate.latency, 0, sizeof c.candidate.latency);
    c.candidate.latency[10] = c.rows; /* 32 us against 4 us: nobody minds */
    assert_int_equal(verdict(&c, true, &reason), AN_LIVE_FINE);
    c.candidate.latency[10] = 0;
    c.candidate.latency[26] = c.rows; /* 8 ms */
    assert_int_equal(verdict(&c, true, &reason), AN_LIVE_WORSENED);
    assert_non_null(strstr(reason.text, "us"));
}

static void alone_it_says_that_the_line_may_have_changed(void **state)
{
    (void)state;
    an_note reason;
    an_shadow_counts c = counts(200, 60, 60, 0);
    c.production.rows = 10 * c.rows; /* its last span: 60 blocks of ten times as many */
    c.production.over = 60 * BLOCK;
    c.candidate.over = 60 * BLOCK;
    assert_int_equal(verdict(&c, false, &reason), AN_LIVE_WORSENED);
    assert_non_null(strstr(reason.text, "the line may have changed instead"));
}

static void reports_come_in_their_time(void **state)
{
    (void)state;
    an_watch w;
    an_watch_init(&w, &usual, 1000);
    assert_true(an_watch_report(&w, 1000)); /* that it begins */
    assert_false(an_watch_report(&w, 1000 + usual.report_ms - 1));
    assert_true(an_watch_report(&w, 1000 + usual.report_ms));
    assert_false(an_watch_report(&w, 1000 + usual.report_ms + 1));
    assert_true(an_watch_report(&w, 1000 + 2 * usual.report_ms));
}

/* Blocks in which each is over by chance; trouble of the line, which both see, comes and goes. */
static an_live_verdict live(uint64_t seed, double now, double before, double trouble, uint64_t blocks,
                            uint64_t *ret_blocks)
{
    an_watch w;
    an_rng r;
    an_note reason;
    an_shadow_counts c = {.sites = 1};
    an_live_verdict v = AN_LIVE_WATCHING;
    bool bad = false;
    an_rng_init(&r, seed, 0);
    an_watch_init(&w, &usual, 0);
    for (uint64_t i = 0; i < blocks && v == AN_LIVE_WATCHING; i++) {
        bad = an_rng_unit(&r) < (bad ? 0.8 : trouble);
        const bool n = bad || an_rng_unit(&r) < now, b = bad || an_rng_unit(&r) < before;
        c.rows += BLOCK;
        c.candidate.rows = c.production.rows = c.rows;
        c.blocks++;
        c.both += n && b;
        c.candidate_only += n && !b;
        c.production_only += b && !n;
        c.candidate.blocks_over += n;
        c.production.blocks_over += b;
        c.candidate.over += n;
        c.production.over += b;
        c.candidate.alarms += n && i % 4 == 0;
        c.production.alarms += b && i % 4 == 0;
        *ret_blocks = c.blocks;
        v = an_watch_look(&w, &c, true, (int64_t)(i + 1) * usual.time_ms / (int64_t)blocks, &reason);
    }
    return v;
}

static void versions_that_are_alike_are_almost_never_left(void **state)
{
    (void)state;
    static const double shares[] = {0.002, 0.02, 0.1, 0.3};
    for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
        unsigned left = 0;
        uint64_t blocks;
        for (uint64_t seed = 0; seed < 2000; seed++) {
            const double trouble = seed % 2 ? 0.02 : 0; /* in every second one the line itself has faults */
            left += live(1000 * k + seed, shares[k], shares[k], trouble, 400, &blocks) == AN_LIVE_WORSENED;
        }
        print_message("share %.3f: %u of 2000 left\n", shares[k], left);
        assert_true(left <= 20); /* alpha: one in a hundred */
    }
}

static void a_version_three_times_worse_is_left_within_the_watch(void **state)
{
    (void)state;
    unsigned stayed = 0;
    uint64_t blocks, sum = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        stayed += live(seed, 0.15, 0.05, 0, 400, &blocks) != AN_LIVE_WORSENED;
        sum += blocks;
    }
    print_message("%u of 1000 stayed; left after %.0f blocks of 400\n", stayed, (double)sum / 1000);
    assert_true(stayed <= 50); /* by luck it is not even twice as bad in one watch of twenty */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_worse_and_what_is_not),
        cmocka_unit_test(quiet_is_said),
        cmocka_unit_test(one_row_without_a_score_is_enough_at_once),
        cmocka_unit_test(slower_counts_from_the_floor_on),
        cmocka_unit_test(alone_it_says_that_the_line_may_have_changed),
        cmocka_unit_test(reports_come_in_their_time),
        cmocka_unit_test(versions_that_are_alike_are_almost_never_left),
        cmocka_unit_test(a_version_three_times_worse_is_left_within_the_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
