/* Sessions and guesses, by a clock of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/sessions.h"
#include "doors/crypto.h"

static an_sessions s;
static an_guesses g;
static char cookie[AN_COOKIE_TEXT], csrf[AN_CSRF_TEXT], told[AN_CSRF_TEXT];

static int setup(void **state)
{
    (void)state;
    an_sessions_init(&s, 1000, 5000);
    g = (an_guesses){{{.n = 0}}};
    return 0;
}

static void a_session_is_found_by_its_cookie_alone(void **state)
{
    (void)state;
    an_sessions_open(&s, "mia", 7, 100, cookie, csrf);
    const an_session *found = an_sessions_find(&s, cookie, 200);
    assert_non_null(found);
    assert_string_equal(found->user, "mia");
    assert_int_equal(found->changed, 7);
    assert_int_equal(strlen(cookie), AN_COOKIE_TEXT - 1);
    assert_memory_not_equal(found->cookie.b, cookie, sizeof found->cookie.b);
    cookie[5] = cookie[5] == '0' ? '1' : '0';
    assert_null(an_sessions_find(&s, cookie, 200));
    assert_null(an_sessions_find(&s, "", 200));
}

static void it_ends_when_nobody_asks_and_in_any_case(void **state)
{
    (void)state;
    an_sessions_open(&s, "mia", 0, 0, cookie, csrf);
    assert_non_null(an_sessions_find(&s, cookie, 999));
    assert_null(an_sessions_find(&s, cookie, 1999));
    assert_null(an_sessions_find(&s, cookie, 999)); /* and does not come back */
    an_sessions_open(&s, "mia", 0, 0, cookie, csrf);
    for (int64_t now = 0; now < 5000; now += 900)
        assert_non_null(an_sessions_find(&s, cookie, now));
    assert_null(an_sessions_find(&s, cookie, 5000));
    an_sessions_open(&s, "mia", 0, 0, cookie, csrf);
    an_sessions_end(an_sessions_find(&s, cookie, 1));
    assert_null(an_sessions_find(&s, cookie, 2));
}

static void what_changes_must_bring_is_the_session_s_own(void **state)
{
    (void)state;
    char other[AN_COOKIE_TEXT];
    an_sessions_open(&s, "mia", 0, 0, cookie, csrf);
    an_sessions_csrf(&s, cookie, told);
    assert_string_equal(told, csrf);
    an_sessions_open(&s, "mia", 0, 0, other, told);
    assert_string_not_equal(other, cookie);
    assert_string_not_equal(told, csrf);
    an_sessions_init(&s, 1000, 5000); /* as after a restart */
    an_sessions_csrf(&s, cookie, told);
    assert_string_not_equal(told, csrf);
}

static void too_many_push_out_the_silent_ones_of_their_own_first(void **state)
{
    (void)state;
    char first[AN_COOKIE_TEXT], toms[AN_COOKIE_TEXT];
    an_sessions_open(&s, "tom", 0, 0, toms, csrf);
    an_sessions_open(&s, "mia", 0, 1, first, csrf);
    for (int i = 0; i < AN_SESSIONS_OF_USER - 1; i++)
        an_sessions_open(&s, "mia", 0, 10, cookie, csrf);
    assert_non_null(an_sessions_find(&s, first, 1)); /* still the most silent */
    an_sessions_open(&s, "mia", 0, 11, cookie, csrf);
    assert_null(an_sessions_find(&s, first, 11));
    assert_non_null(an_sessions_find(&s, toms, 11));
    for (int i = 0; i < 2 * AN_SESSIONS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "user-%d", i);
        an_sessions_open(&s, name, 0, 20 + i, cookie, csrf);
    }
    assert_null(an_sessions_find(&s, toms, 600));
    assert_non_null(an_sessions_find(&s, cookie, 600));
}

static void guesses_wait_longer_and_longer(void **state)
{
    (void)state;
    int64_t now = 0, last = 0;
    for (int i = 0; i < AN_GUESSES_FREE; i++) {
        assert_int_equal(an_guesses_wait(&g, "user mia", now), 0);
        an_guesses_add(&g, "user mia", now, 30000);
    }
    for (int i = 0; i < 8; i++) {
        const int64_t wait = an_guesses_wait(&g, "user mia", now);
        assert_true(wait > 0 && wait <= 30000);
        assert_true(wait >= 2 * last || wait == 30000);
        assert_int_equal(an_guesses_wait(&g, "user tom", now), 0);
        last = wait;
        now += wait;
        assert_int_equal(an_guesses_wait(&g, "user mia", now), 0);
        an_guesses_add(&g, "user mia", now, 30000);
    }
    assert_int_equal(last, 30000);
    an_guesses_forget(&g, "user mia");
    assert_int_equal(an_guesses_wait(&g, "user mia", now), 0);
}

static void who_is_quiet_begins_anew_and_what_was_right_does_not_count(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        an_guesses_add(&g, "address a", 0, 300000);
    assert_true(an_guesses_wait(&g, "address a", 1) > 0);
    an_guesses_add(&g, "address a", AN_GUESSES_QUIET_MS, 300000);
    assert_int_equal(an_guesses_wait(&g, "address a", AN_GUESSES_QUIET_MS), 0);
    for (int i = 0; i < 100; i++) {
        an_guesses_add(&g, "address b", 0, 300000);
        an_guesses_take_back(&g, "address b");
        assert_int_equal(an_guesses_wait(&g, "address b", 0), 0);
    }
    an_guesses_take_back(&g, "address c"); /* nobody */
}

static void many_names_do_not_push_out_one_that_is_tried_often(void **state)
{
    (void)state;
    for (int i = 0; i < AN_GUESSES_FREE + 3; i++)
        an_guesses_add(&g, "user mia", 0, 30000);
    for (int i = 0; i < 3 * AN_GUESSES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "user %d", i);
        an_guesses_add(&g, name, 1, 30000);
    }
    assert_true(an_guesses_wait(&g, "user mia", 1) > 0);
}

static void an_address_of_version_6_counts_by_its_first_half(void **state)
{
    (void)state;
    char a[AN_GUESS_TEXT], b[AN_GUESS_TEXT];
    an_guess_address(a, "2001:db8:1:2:3:4:5:6");
    an_guess_address(b, "2001:db8:1:2:ffff::1");
    assert_string_equal(a, b);
    an_guess_address(b, "2001:db8:1:3::1");
    assert_string_not_equal(a, b);
    an_guess_address(a, "192.0.2.1");
    assert_string_equal(a, "address 192.0.2.1");
    an_guess_address(b, "::ffff:192.0.2.1");
    assert_string_equal(b, "address ::ffff:192.0.2.1");
    memset(a, 'x', sizeof a - 1);
    a[sizeof a - 1] = '\0';
    an_guess_address(b, a);
    assert_true(strlen(b) < AN_GUESS_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_session_is_found_by_its_cookie_alone, setup),
        cmocka_unit_test_setup(it_ends_when_nobody_asks_and_in_any_case, setup),
        cmocka_unit_test_setup(what_changes_must_bring_is_the_session_s_own, setup),
        cmocka_unit_test_setup(too_many_push_out_the_silent_ones_of_their_own_first, setup),
        cmocka_unit_test_setup(guesses_wait_longer_and_longer, setup),
        cmocka_unit_test_setup(who_is_quiet_begins_anew_and_what_was_right_does_not_count, setup),
        cmocka_unit_test_setup(many_names_do_not_push_out_one_that_is_tried_often, setup),
        cmocka_unit_test_setup(an_address_of_version_6_counts_by_its_first_half, setup),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
