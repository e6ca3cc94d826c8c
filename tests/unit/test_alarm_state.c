/* The states of an alarm: every state with every act, and what holds for any sequence of acts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/alarm_state.h"

/* ---- the table ---- */

static an_alarm_state in(an_standing s)
{
    an_alarm_state a = an_alarm_state_normal();
    a.active = s != AN_STANDING_NORMAL && s != AN_STANDING_RETURNED;
    a.acked = s == AN_STANDING_NORMAL || s == AN_STANDING_ACKED;
    if (s == AN_STANDING_SHELVED) {
        a.aside = AN_ASIDE_SHELVED;
        a.until_ms = 100;
    }
    if (s == AN_STANDING_SUPPRESSED)
        a.aside = AN_ASIDE_SUPPRESSED;
    if (s == AN_STANDING_OUT)
        a.aside = AN_ASIDE_OUT;
    return a;
}

#define TO(s) AN_OK, AN_STANDING_##s
#define SAME(s) AN_ERR_EXISTS, AN_STANDING_##s
#define NOT(s) AN_ERR_STATE, AN_STANDING_##s

/* What is aside is active here; the act comes at 100, which is when the shelf ends, and shelves until then. */
static const struct {
    an_standing from;
    struct {
        an_err err;
        an_standing to;
    } by[AN_ACTS];
} table[] = {
    /* raise, clear, ack, shelve, unshelve, expire, suppress, release, remove, restore */
    {AN_STANDING_NORMAL,
     {{TO(UNACKED)},
      {SAME(NORMAL)},
      {SAME(NORMAL)},
      {TO(SHELVED)},
      {SAME(NORMAL)},
      {SAME(NORMAL)},
      {TO(SUPPRESSED)},
      {SAME(NORMAL)},
      {TO(OUT)},
      {SAME(NORMAL)}}},
    {AN_STANDING_UNACKED,
     {{SAME(UNACKED)},
      {TO(RETURNED)},
      {TO(ACKED)},
      {TO(SHELVED)},
      {SAME(UNACKED)},
      {SAME(UNACKED)},
      {TO(SUPPRESSED)},
      {SAME(UNACKED)},
      {TO(OUT)},
      {SAME(UNACKED)}}},
    {AN_STANDING_ACKED,
     {{SAME(ACKED)},
      {TO(NORMAL)},
      {SAME(ACKED)},
      {TO(SHELVED)},
      {SAME(ACKED)},
      {SAME(ACKED)},
      {TO(SUPPRESSED)},
      {SAME(ACKED)},
      {TO(OUT)},
      {SAME(ACKED)}}},
    {AN_STANDING_RETURNED,
     {{TO(UNACKED)},
      {SAME(RETURNED)},
      {TO(NORMAL)},
      {TO(SHELVED)},
      {SAME(RETURNED)},
      {SAME(RETURNED)},
      {TO(SUPPRESSED)},
      {SAME(RETURNED)},
      {TO(OUT)},
      {SAME(RETURNED)}}},
    {AN_STANDING_SHELVED,
     {{SAME(SHELVED)},
      {TO(SHELVED)},
      {NOT(SHELVED)},
      {SAME(SHELVED)},
      {TO(UNACKED)},
      {TO(UNACKED)},
      {TO(SHELVED)},
      {SAME(SHELVED)},
      {TO(OUT)},
      {SAME(SHELVED)}}},
    {AN_STANDING_SUPPRESSED,
     {{SAME(SUPPRESSED)},
      {TO(SUPPRESSED)},
      {NOT(SUPPRESSED)},
      {TO(SHELVED)},
      {SAME(SUPPRESSED)},
      {SAME(SUPPRESSED)},
      {SAME(SUPPRESSED)},
      {TO(UNACKED)},
      {TO(OUT)},
      {SAME(SUPPRESSED)}}},
    {AN_STANDING_OUT,
     {{SAME(OUT)},
      {TO(OUT)},
      {NOT(OUT)},
      {TO(OUT)},
      {SAME(OUT)},
      {SAME(OUT)},
      {TO(OUT)},
      {SAME(OUT)},
      {SAME(OUT)},
      {TO(UNACKED)}}},
};

static void every_act_in_every_state_does_what_the_table_says(void **state)
{
    (void)state;
    assert_int_equal(sizeof table / sizeof *table, AN_STANDINGS);
    for (size_t i = 0; i < AN_STANDINGS; i++)
        for (unsigned act = 0; act < AN_ACTS; act++) {
            an_alarm_state a = in(table[i].from);
            assert_int_equal(an_alarm_standing(&a), table[i].from);
            an_err err = an_alarm_do(&a, (an_alarm_act)act, 100);
            if (err != table[i].by[act].err || an_alarm_standing(&a) != table[i].by[act].to)
                fail_msg("%s, act %u: error %d, then %s", an_standing_name(table[i].from), act, (int)err,
                         an_standing_name(an_alarm_standing(&a)));
        }
}

static void a_shelf_ends_at_its_time_and_not_before(void **state)
{
    (void)state;
    an_alarm_state a = in(AN_STANDING_UNACKED);
    assert_int_equal(an_alarm_do(&a, AN_ACT_SHELVE, 500), AN_OK);
    assert_int_equal(an_alarm_do(&a, AN_ACT_EXPIRE, 499), AN_ERR_STATE);
    assert_int_equal(an_alarm_standing(&a), AN_STANDING_SHELVED);
    assert_int_equal(an_alarm_do(&a, AN_ACT_SHELVE, 900), AN_OK);
    assert_int_equal(an_alarm_do(&a, AN_ACT_EXPIRE, 500), AN_ERR_STATE);
    assert_int_equal(an_alarm_do(&a, AN_ACT_EXPIRE, 900), AN_OK);
    assert_int_equal(an_alarm_standing(&a), AN_STANDING_UNACKED);
    assert_int_equal(a.until_ms, 0);
}

static void what_comes_back_is_new_to_people_if_it_is_active_and_gone_if_not(void **state)
{
    (void)state;
    an_alarm_state a = in(AN_STANDING_ACKED);
    assert_int_equal(an_alarm_do(&a, AN_ACT_SUPPRESS, 0), AN_OK);
    assert_int_equal(an_alarm_do(&a, AN_ACT_SHELVE, 10), AN_OK);
    assert_int_equal(an_alarm_do(&a, AN_ACT_RELEASE, 0), AN_OK);
    assert_int_equal(an_alarm_standing(&a), AN_STANDING_SHELVED);
    assert_int_equal(an_alarm_do(&a, AN_ACT_UNSHELVE, 0), AN_OK);
    assert_int_equal(an_alarm_standing(&a), AN_STANDING_UNACKED);
    assert_int_equal(an_alarm_do(&a, AN_ACT_REMOVE, 0), AN_OK);
    assert_int_equal(an_alarm_do(&a, AN_ACT_CLEAR, 0), AN_OK);
    assert_int_equal(an_alarm_do(&a, AN_ACT_RESTORE, 0), AN_OK);
    assert_int_equal(an_alarm_standing(&a), AN_STANDING_NORMAL);
}

/* ---- any sequence ---- */

static uint64_t seed = 88172645463325252u;

static unsigned next(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % n);
}

static void in_any_sequence_of_acts_the_state_says_what_was_done(void **state)
{
    (void)state;
    for (int run = 0; run < 2000; run++) {
        an_alarm_state a = an_alarm_state_normal();
        bool active = false, seen = true; /* seen: acknowledged, or never shown */
        unsigned aside = 0;
        for (int i = 0; i < 60; i++) {
            const an_alarm_act act = (an_alarm_act)next(AN_ACTS);
            const int64_t at = (int64_t)next(50) + 1;
            const an_alarm_state before = a;
            an_err err = an_alarm_do(&a, act, at);
            if (err) { /* nothing has changed then */
                assert_true(err == AN_ERR_EXISTS || err == AN_ERR_STATE);
                assert_memory_equal(&a.until_ms, &before.until_ms, sizeof a.until_ms);
                assert_true(a.active == before.active && a.acked == before.acked && a.aside == before.aside);
                continue;
            }
            const unsigned was = aside;
            active = act == AN_ACT_RAISE || (active && act != AN_ACT_CLEAR);
            seen = act == AN_ACT_ACK || (seen && act != AN_ACT_RAISE);
            aside |= act == AN_ACT_SHELVE     ? AN_ASIDE_SHELVED
                     : act == AN_ACT_SUPPRESS ? AN_ASIDE_SUPPRESSED
                                              : 0u;
            aside |= act == AN_ACT_REMOVE ? AN_ASIDE_OUT : 0u;
            if (act == AN_ACT_UNSHELVE || act == AN_ACT_EXPIRE)
                aside &= ~(unsigned)AN_ASIDE_SHELVED;
            if (act == AN_ACT_RELEASE)
                aside &= ~(unsigned)AN_ASIDE_SUPPRESSED;
            if (act == AN_ACT_RESTORE)
                aside &= ~(unsigned)AN_ASIDE_OUT;
            if (was && !aside)
                seen = !active;
            const an_standing s = an_alarm_standing(&a);
            assert_int_equal(a.active, active);
            assert_int_equal(a.aside, aside);
            assert_int_equal(an_standing_shown(s), aside == 0);
            assert_true((aside & AN_ASIDE_SHELVED) ? a.until_ms > 0 : a.until_ms == 0);
            if (!aside)
                assert_int_equal(s, active ? seen ? AN_STANDING_ACKED : AN_STANDING_UNACKED
                                    : seen ? AN_STANDING_NORMAL
                                           : AN_STANDING_RETURNED);
        }
    }
}

static void names_are_found_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < AN_STANDINGS; i++) {
        an_standing s = AN_STANDING_NORMAL;
        assert_true(an_standing_find(an_standing_name((an_standing)i), &s));
        assert_int_equal(s, i);
    }
    an_standing s;
    assert_false(an_standing_find("", &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_act_in_every_state_does_what_the_table_says),
        cmocka_unit_test(a_shelf_ends_at_its_time_and_not_before),
        cmocka_unit_test(what_comes_back_is_new_to_people_if_it_is_active_and_gone_if_not),
        cmocka_unit_test(in_any_sequence_of_acts_the_state_says_what_was_done),
        cmocka_unit_test(names_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
