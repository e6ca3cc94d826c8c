/* The round's state machine, alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/round.h"

static an_plan *plan_of(uint32_t n, uint32_t count_min)
{
    an_plan *p = an_alloc(1, sizeof *p);
    assert_non_null(p);
    p->round = 7;
    p->n_cohort = n;
    for (uint32_t i = 0; i < n; i++)
        snprintf(p->cohort[i], AN_NAME_MAX, "s%u", i);
    p->invite =
        (an_plan_phase){.count_min = count_min, .count_max = n, .time_min_ms = 1000, .deadline_ms = 1000};
    p->upload =
        (an_plan_phase){.count_min = count_min, .count_max = n, .time_min_ms = 5000, .deadline_ms = 9000};
    return p;
}

static an_round open_round(uint32_t n, uint32_t count_min)
{
    an_round r;
    an_plan *p = plan_of(n, count_min);
    an_err err = an_round_open(&r, p, &(an_hash){{1}}, NULL, 0, NULL);
    assert_int_equal(err, AN_OK);
    an_plan_free(p);
    return r;
}

static an_round_actions tell(an_round *r, an_round_event_type type, const char *site, uint8_t hash,
                             int64_t now)
{
    an_round_event e = {.type = type, .now_ms = now, .hash = {{hash}}};
    an_round_actions a;
    snprintf(e.site, sizeof e.site, "%s", site);
    an_round_step(r, &e, &a);
    return a;
}

static void a_round_goes_from_invitation_to_commitment(void **state)
{
    (void)state;
    an_round r = open_round(2, 2);
    tell(&r, AN_ROUND_EVENT_ACCEPT, "s0", 0, 10);
    assert_int_equal(r.state, AN_ROUND_INVITING);
    tell(&r, AN_ROUND_EVENT_ACCEPT, "s1", 0, 20);
    assert_int_equal(r.state, AN_ROUND_COLLECTING);
    an_round_actions a = tell(&r, AN_ROUND_EVENT_UPDATE, "s1", 1, 30);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.items[0].status, AN_UPDATE_ACCEPTED);
    a = tell(&r, AN_ROUND_EVENT_UPDATE, "s0", 2, 40);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.items[1].type, AN_ROUND_SUM);
    assert_int_equal(r.state, AN_ROUND_SUMMING);
    a = tell(&r, AN_ROUND_EVENT_SUMMED, "", 9, 50);
    assert_int_equal(r.state, AN_ROUND_COMMITTED);
    assert_int_equal(r.result.b[0], 9);
    assert_int_equal(a.items[0].type, AN_ROUND_END);
    an_round_done(&r);
}

static void an_update_counts_once_however_often_it_comes(void **state)
{
    (void)state;
    an_round r = open_round(3, 2);
    for (int i = 0; i < 3; i++)
        tell(&r, AN_ROUND_EVENT_ACCEPT, (const char *[]){"s0", "s1", "s2"}[i], 0, 1);
    tell(&r, AN_ROUND_EVENT_UPDATE, "s0", 5, 2);
    an_round_actions a = tell(&r, AN_ROUND_EVENT_UPDATE, "s0", 5, 3);
    assert_false(a.changed);
    assert_int_equal(a.items[0].status, AN_UPDATE_DUPLICATE);
    a = tell(&r, AN_ROUND_EVENT_UPDATE, "s0", 6, 4);
    assert_false(a.changed);
    assert_int_equal(a.items[0].status, AN_UPDATE_REJECTED);
    assert_int_equal(an_round_count(&r, AN_MEMBER_DELIVERED), 1);
    an_round_done(&r);
}

static void all_that_are_missing_are_counted(void **state)
{
    (void)state;
    an_note waiting;
    an_round r = open_round(5, 2);
    an_round_waiting(&r, 1, &waiting);
    assert_non_null(strstr(waiting.text, "0 of 5 answers; missing s0, s1, s2 and 2 more; gives up"));
    for (int i = 0; i < 2; i++)
        tell(&r, AN_ROUND_EVENT_ACCEPT, (const char *[]){"s0", "s1"}[i], 0, 1);
    an_round_waiting(&r, 1, &waiting);
    assert_non_null(strstr(waiting.text, "2 of 5 answers; missing s2, s3, s4; gives up"));
    an_round_done(&r);
}

static void a_dead_site_delays_a_round_by_its_deadline_only(void **state)
{
    (void)state;
    an_round r = open_round(3, 2);
    for (int i = 0; i < 3; i++)
        tell(&r, AN_ROUND_EVENT_ACCEPT, (const char *[]){"s0", "s1", "s2"}[i], 0, 1);
    tell(&r, AN_ROUND_EVENT_UPDATE, "s0", 1, 2);
    tell(&r, AN_ROUND_EVENT_UPDATE, "s1", 1, 3);
    assert_int_equal(an_round_deadline(&r), 5001); /* enough are in: only time_min is left */
    tell(&r, AN_ROUND_EVENT_TIME, "", 0, 5000);
    assert_int_equal(r.state, AN_ROUND_COLLECTING);
    an_note waiting;
    an_round_waiting(&r, 5000, &waiting);
    assert_non_null(strstr(waiting.text, "2 of 3 updates; missing s2"));
    an_round_actions a = tell(&r, AN_ROUND_EVENT_TIME, "", 0, 5001);
    assert_int_equal(r.state, AN_ROUND_SUMMING);
    assert_int_equal(a.items[0].type, AN_ROUND_SUM);
    a = tell(&r, AN_ROUND_EVENT_UPDATE, "s2", 1, 6000);
    assert_int_equal(a.items[0].status, AN_UPDATE_LATE);
    an_round_done(&r);
}

/* Two are here, s2 may be away: with count_max answers nobody waits for the third. */
static void who_is_away_delays_no_round_of_which_another_has_refused(void **state)
{
    (void)state;
    an_round r = open_round(4, 1);
    r.invite.count_max = 2;
    tell(&r, AN_ROUND_EVENT_REFUSE, "s0", 0, 1);
    assert_int_equal(r.state, AN_ROUND_INVITING);
    tell(&r, AN_ROUND_EVENT_REFUSE, "s3", 0, 2);
    assert_int_equal(r.state, AN_ROUND_INVITING); /* too few would be in */
    tell(&r, AN_ROUND_EVENT_ACCEPT, "s1", 0, 3);
    assert_int_equal(r.state, AN_ROUND_COLLECTING);
    tell(&r, AN_ROUND_EVENT_ACCEPT, "s2", 0, 4); /* it may still join */
    assert_int_equal(an_round_count(&r, AN_MEMBER_ACCEPTED), 2);
    an_round_done(&r);
}

static void too_few_sites_abort_a_round_with_the_reason(void **state)
{
    (void)state;
    an_round r = open_round(3, 2);
    tell(&r, AN_ROUND_EVENT_ACCEPT, "s0", 0, 1);
    tell(&r, AN_ROUND_EVENT_REFUSE, "s1", 0, 2);
    tell(&r, AN_ROUND_EVENT_REFUSE, "s2", 0, 3);
    assert_int_equal(r.state, AN_ROUND_ABORTED);
    assert_string_equal(r.reason, "1 of at least 2 sites took part");
    an_round_done(&r);
    r = open_round(2, 1);
    tell(&r, AN_ROUND_EVENT_CANCEL, "", 0, 1);
    assert_int_equal(r.state, AN_ROUND_ABORTED);
    assert_int_equal(an_round_deadline(&r), INT64_MAX);
    an_round_done(&r);
}

/* Whatever comes in whatever order: a round that is over stays as it is, an acknowledged update
 * stays counted, and replaying the events that changed something gives the same value. */
static void any_sequence_of_events_keeps_the_invariants_and_replays(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 500; seed++) {
        an_rng rng;
        an_rng_init(&rng, seed, 0);
        an_round r = open_round(4, 2), again = open_round(4, 2);
        size_t delivered = 0;
        int64_t now = 0;
        for (int i = 0; i < 60; i++) {
            an_round_event e = {.type = (an_round_event_type)an_rng_below(&rng, 7)};
            if (e.type == AN_ROUND_EVENT_CANCEL && an_rng_below(&rng, 8))
                e.type = AN_ROUND_EVENT_UPDATE;
            now += (int64_t)an_rng_below(&rng, 700);
            e.now_ms = now;
            snprintf(e.site, sizeof e.site, "s%d", (int)an_rng_below(&rng, 5)); /* s4 is a stranger */
            e.hash.b[0] = (uint8_t)(1 + an_rng_below(&rng, 2));
            bool over = an_round_is_over(&r);
            an_round_state before = r.state;
            an_round_actions a;
            an_round_step(&r, &e, &a);
            if (over) {
                assert_false(a.changed);
                assert_int_equal(r.state, before);
            }
            assert_true(r.state >= before);
            assert_true(an_round_count(&r, AN_MEMBER_DELIVERED) >= delivered);
            delivered = an_round_count(&r, AN_MEMBER_DELIVERED);
            if (r.state == AN_ROUND_COMMITTED || r.state == AN_ROUND_SUMMING)
                assert_true(delivered >= 2);
            if (a.changed) {
                an_round_event copy;
                an_json *body = an_round_event_body(&e);
                char *text = an_json_print(body, 0);
                an_json_free(body);
                assert_non_null(text);
                an_err err = an_round_event_decode(text, strlen(text), &copy, NULL);
                assert_int_equal(err, AN_OK);
                an_free(text);
                an_round_actions ignored;
                an_round_step(&again, &copy, &ignored);
            }
        }
        assert_int_equal(again.state, r.state);
        assert_int_equal(again.phase_ms, r.phase_ms);
        assert_string_equal(again.reason, r.reason);
        assert_memory_equal(again.members, r.members, 4 * sizeof *r.members);
        an_round_done(&r);
        an_round_done(&again);
    }
}

static void a_restarted_round_says_what_it_still_owes(void **state)
{
    (void)state;
    an_round r = open_round(2, 1);
    an_round_action a;
    tell(&r, AN_ROUND_EVENT_ACCEPT, "s0", 0, 1);
    assert_true(an_round_resume(&r, 0, &a));
    assert_int_equal(a.type, AN_ROUND_SEND_PLAN);
    tell(&r, AN_ROUND_EVENT_UPDATE, "s0", 3, 2);
    assert_true(an_round_resume(&r, 0, &a));
    assert_int_equal(a.type, AN_ROUND_ACK);
    assert_false(an_round_resume(&r, SIZE_MAX, &a));
    tell(&r, AN_ROUND_EVENT_TIME, "", 0, 100000);
    tell(&r, AN_ROUND_EVENT_TIME, "", 0, 200000);
    assert_int_equal(r.state, AN_ROUND_SUMMING);
    assert_true(an_round_resume(&r, SIZE_MAX, &a));
    assert_int_equal(a.type, AN_ROUND_SUM);
    an_round_done(&r);
}

static void every_allocation_failure_and_bad_event_is_survived(void **state)
{
    (void)state;
    an_plan *p = plan_of(3, 2);
    an_round r;
    an_mem_fail_after(0);
    an_err err = an_round_open(&r, p, &(an_hash){{1}}, NULL, 0, NULL);
    an_mem_fail_never();
    assert_int_equal(err, AN_ERR_NOMEM);
    p->upload.count_min = 4;
    err = an_round_open(&r, p, &(an_hash){{1}}, NULL, 0, NULL);
    assert_int_equal(err, AN_ERR_INVAL);
    an_plan_free(p);
    an_round_event e;
    const char *bad[] = {"",
                         "[]",
                         "{}",
                         "{\"event\":\"x\",\"at\":1}",
                         "{\"event\":\"accept\",\"at\":1,\"site\":\"../x\"}",
                         "{\"event\":\"update\",\"at\":1,\"hash\":\"00\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = an_round_event_decode(bad[i], strlen(bad[i]), &e, NULL);
        assert_int_equal(err, AN_ERR_PROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_goes_from_invitation_to_commitment),
        cmocka_unit_test(an_update_counts_once_however_often_it_comes),
        cmocka_unit_test(all_that_are_missing_are_counted),
        cmocka_unit_test(a_dead_site_delays_a_round_by_its_deadline_only),
        cmocka_unit_test(who_is_away_delays_no_round_of_which_another_has_refused),
        cmocka_unit_test(too_few_sites_abort_a_round_with_the_reason),
        cmocka_unit_test(any_sequence_of_events_keeps_the_invariants_and_replays),
        cmocka_unit_test(a_restarted_round_says_what_it_still_owes),
        cmocka_unit_test(every_allocation_failure_and_bad_event_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
