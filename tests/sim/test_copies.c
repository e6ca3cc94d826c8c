/* A cloned machine: two agents with the keys of one site, each of which takes the session from the other. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "tests/support/federation.h"

/* What an agent of this instance says when it has found that the session is not its own any more. */
static void hello(world *w, uint64_t instance)
{
    an_msg m = {.type = AN_MSG_HELLO, .msg_id = 1};
    an_note why = {{0}};
    const site *s = &w->sites[0];
    an_text_set(m.u.hello.site, sizeof m.u.hello.site, s->name);
    an_text_set(m.u.hello.agent_version, sizeof m.u.hello.agent_version, "1");
    memcpy(m.u.hello.statement_key, s->sign_public, sizeof m.u.hello.statement_key);
    m.u.hello.instance = instance;
    if (an_hub_message(w->hub, s->name, &m, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static bool runs_twice(world *w)
{
    return an_hub_has_copies(w->hub, an_hub_live_find(w->hub, w->sites[0].name));
}

static an_err count(void *ctx, const an_record *r, an_note *why)
{
    size_t *n = ctx;
    (void)why;
    assert_string_equal(r->subject, "plant-a");
    (*n)++;
    return AN_OK;
}

static size_t n_records(world *w)
{
    size_t n = 0;
    assert_int_equal(an_store_scan(w->store, &(an_store_filter){.kind = "site.copies"}, count, &n, NULL),
                     AN_OK);
    return n;
}

static void two_that_take_turns_are_told_once_until_it_is_quiet(void **state)
{
    world *w = *state;
    kill_site(&w->sites[0]);
    hello(w, 11);
    hello(w, 12);
    assert_false(runs_twice(w)); /* so does a site that has started again */
    assert_int_equal(n_records(w), 0);
    hello(w, 11);
    assert_true(runs_twice(w));
    for (uint64_t i = 0; i < 20; i++) {
        pass(w, 10 * 1000);
        hello(w, 12 - i % 2);
    }
    assert_true(runs_twice(w));
    assert_int_equal(n_records(w), 1);
    pass(w, 16 * 60 * 1000);
    assert_false(runs_twice(w));
    hello(w, 12);
    assert_true(runs_twice(w));
    assert_int_equal(n_records(w), 2);
}

static void a_site_that_starts_again_and_again_is_no_copy(void **state)
{
    world *w = *state;
    kill_site(&w->sites[0]);
    for (uint64_t i = 0; i < 30; i++) {
        hello(w, 100 + i);
        hello(w, 100 + i); /* the answer was lost */
        pass(w, 2000);
    }
    assert_false(runs_twice(w));
    assert_int_equal(n_records(w), 0);
}

static void three_that_take_turns_are_found_too(void **state)
{
    world *w = *state;
    kill_site(&w->sites[0]);
    for (uint64_t i = 0; i < 6; i++)
        hello(w, 21 + i % 3);
    assert_true(runs_twice(w));
    assert_int_equal(n_records(w), 1);
}

int main(void)
{
    an_log_init(AN_LOG_ERROR, "test");
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 1;
#define T(f) cmocka_unit_test_setup_teardown(f, an_federation_setup, an_federation_teardown)
    const struct CMUnitTest tests[] = {
        T(two_that_take_turns_are_told_once_until_it_is_quiet),
        T(a_site_that_starts_again_and_again_is_no_copy),
        T(three_that_take_turns_are_found_too),
    };
#undef T
    return cmocka_run_group_tests_name("copies", tests, NULL, NULL);
}
