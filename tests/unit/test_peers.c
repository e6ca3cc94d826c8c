#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "net/hashmap.h"
#include "net/peers.h"

static const an_peer old_link = {1, {1}}, new_link = {1, {2}};

static void the_newest_hello_speaks_for_a_site(void **state)
{
    an_peers *p = NULL;
    uint64_t first = 0, second = 0, again = 0;
    (void)state;
    assert_int_equal(an_peers_new(10, &p), AN_OK);
    assert_null(an_peers_find(p, "plant", NULL));
    assert_int_equal(an_peers_hello(p, "plant", &old_link, &first), AN_OK);
    assert_int_equal(an_peers_hello(p, "plant", &old_link, &again), AN_OK);
    assert_int_equal(first, again);
    assert_int_equal(an_peers_hello(p, "plant", &new_link, &second), AN_OK);
    assert_true(second > first);
    assert_false(an_peers_current(p, "plant", &old_link));
    assert_true(an_peers_current(p, "plant", &new_link));
    assert_int_equal(an_peers_find(p, "plant", &again)->id[0], 2);
    assert_int_equal(again, second);
    assert_int_equal(an_peers_n(p), 1);
    an_peers_free(p);
}

static void a_site_that_was_dropped_never_gets_an_old_epoch(void **state)
{
    an_peers *p = NULL;
    uint64_t first = 0, second = 0;
    (void)state;
    assert_int_equal(an_peers_new(10, &p), AN_OK);
    assert_int_equal(an_peers_hello(p, "plant", &old_link, &first), AN_OK);
    assert_true(an_peers_drop(p, "plant"));
    assert_false(an_peers_drop(p, "plant"));
    assert_false(an_peers_current(p, "plant", &old_link));
    assert_int_equal(an_peers_hello(p, "plant", &old_link, &second), AN_OK);
    assert_true(second > first);
    an_peers_free(p);
}

static void sites_and_peers_out_of_bounds_are_refused(void **state)
{
    an_peers *p = NULL;
    uint64_t epoch = 0;
    char longest[AN_USER_TEXT + 1];
    const an_peer none = {0};
    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[AN_USER_TEXT] = '\0';
    assert_int_equal(an_peers_new(1, &p), AN_OK);
    assert_int_equal(an_peers_hello(p, longest, &old_link, &epoch), AN_ERR_INVAL);
    assert_int_equal(an_peers_hello(p, "", &old_link, &epoch), AN_ERR_INVAL);
    assert_int_equal(an_peers_hello(p, "plant", &none, &epoch), AN_ERR_INVAL);
    assert_int_equal(an_peers_hello(p, "plant", &old_link, &epoch), AN_OK);
    assert_int_equal(an_peers_hello(p, "other", &old_link, &epoch), AN_ERR_LIMIT);
    assert_int_equal(an_peers_hello(p, "plant", &new_link, &epoch), AN_OK);
    an_peers_free(p);
}

static void peers_survive_every_allocation_failure(void **state)
{
    an_err err;
    size_t n = 0;
    (void)state;
    do {
        an_peers *p = NULL;
        char site[16];
        an_mem_fail_after(n++);
        err = an_peers_new(100, &p);
        for (int i = 0; err == AN_OK && i < 40; i++) {
            uint64_t epoch;
            snprintf(site, sizeof site, "site-%d", i);
            err = an_peers_hello(p, site, &old_link, &epoch);
            if (err == AN_OK)
                assert_true(an_peers_current(p, site, &old_link));
        }
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_peers_free(p);
    } while (err != AN_OK);
    assert_true(n > 3);
}

#define KEYS 300

static void a_hashmap_agrees_with_an_array(void **state)
{
    an_hashmap t;
    uint32_t value[KEYS];
    bool held[KEYS] = {false};
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 11, 0);
    an_hashmap_init(&t, sizeof(uint64_t), sizeof(uint32_t));
    for (int step = 0; step < 20000; step++) {
        uint64_t key = an_rng_below(&rng, KEYS);
        if (an_rng_below(&rng, 5) < 2) {
            assert_int_equal(an_hashmap_remove(&t, &key), held[key]);
            held[key] = false;
        } else {
            value[key] = (uint32_t)an_rng_u64(&rng);
            assert_int_equal(an_hashmap_put(&t, &key, &value[key]), AN_OK);
            held[key] = true;
        }
        key = an_rng_below(&rng, KEYS);
        const uint32_t *found = an_hashmap_find(&t, &key);
        assert_int_equal(found != NULL, held[key]);
        if (found)
            assert_int_equal(*found, value[key]);
    }
    size_t n = 0, seen = 0, at = 0;
    const void *key;
    void *found;
    for (size_t i = 0; i < KEYS; i++)
        n += held[i];
    while (an_hashmap_next(&t, &at, &key, &found))
        seen++;
    assert_int_equal(seen, n);
    assert_int_equal(t.n, n);
    an_hashmap_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_hello_speaks_for_a_site),
        cmocka_unit_test(a_site_that_was_dropped_never_gets_an_old_epoch),
        cmocka_unit_test(sites_and_peers_out_of_bounds_are_refused),
        cmocka_unit_test(peers_survive_every_allocation_failure),
        cmocka_unit_test(a_hashmap_agrees_with_an_array),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
