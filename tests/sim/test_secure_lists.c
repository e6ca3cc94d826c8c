/* A coordinator that tells one site other lists than the rest, through the session: each is refused with its
 * reason, written into the site's journal. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "sum/secure.h"
#include "tests/support/first_site.h"

/* Another key list than the one that the site has seen, told before and after a restart. */
static void a_second_key_list_ends_the_sites_part_also_after_a_restart(void **state)
{
    for (int restart = 0; restart < 2; restart++) {
        an_federation_setup_kind(state, &(an_federation_kind){.sites = 4});
        world *w = *state;
        site *s = &w->sites[0];
        an_plan *plan;
        an_note why = {{0}};
        an_msg *m = plan_to_first(w, &plan);
        an_msg *list = next_to_first(w, AN_MSG_SECURE);
        assert_int_equal(list->u.secure.content.data[0], AN_SECURE_LIST);
        list->epoch = an_session_look(s->session).epoch;
        assert_int_equal(an_session_message(s->session, list, &why), AN_OK);
        if (restart) {
            s->cut = true;
            settle(w); /* its work ends, and nothing of the others reaches it */
            kill_site(s);
            start_site(s);
            s->cut = false;
            an_session_connected(s->session);
            while (!an_session_look(s->session).greeted)
                step(w);
            push_plan(w, m, plan);
            list->epoch = an_session_look(s->session).epoch;
        }
        uint8_t *bytes = an_alloc_raw(list->u.secure.content.len, 1);
        memcpy(bytes, list->u.secure.content.data, list->u.secure.content.len);
        bytes[AN_SECURE_HEAD_BYTES + 8] ^= 1; /* a key of the first site */
        list->u.secure.content.data = bytes;
        assert_int_equal(an_session_message(s->session, list, &why), AN_ERR_EXISTS);
        expect_journal(w, "a second, different LIST");
        assert_true(an_session_look(s->session).plans_refused > 0);
        an_free(bytes);
        an_plan_free(plan);
        an_msg_free(m);
        an_msg_free(list);
        if (!restart)
            an_federation_teardown(state);
    }
}

/* Killed after it has judged a plan and before its state is on disk (a file stands where its folder was): nothing was said, so it may
 * begin that round. */
static void a_site_killed_before_its_state_was_kept_takes_part(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 4});
    world *w = *state;
    site *s = &w->sites[0];
    an_plan *plan;
    char uploads[AN_PATH_MAX], away[AN_PATH_MAX];
    assert_int_equal(an_path_join(uploads, s->dir, "uploads"), AN_OK);
    assert_int_equal(an_path_join(away, s->dir, "away"), AN_OK);
    an_msg *m = plan_to_first(w, &plan);
    assert_int_equal(rename(uploads, away), 0);
    assert_int_equal(an_file_write(uploads, "", 0, 0600, NULL), AN_OK);
    push_plan(w, m, plan);
    s->cut = true;
    kill_site(s);
    assert_int_equal(remove(uploads), 0);
    assert_int_equal(rename(away, uploads), 0);
    start_site(s);
    s->cut = false;
    an_session_connected(s->session);
    while (!an_session_look(s->session).greeted)
        step(w);
    push_plan(w, m, plan);
    assert_int_equal(an_session_look(s->session).plans_refused, 0);
    an_msg_free(next_to_first(w, AN_MSG_SECURE)); /* the sum is agreed on with it */
    an_plan_free(plan);
    an_msg_free(m);
}

/* Tells the first site all that comes before the next message of this kind, and catches that. */
static an_msg *secure_to_first(world *w, int kind)
{
    for (;;) {
        an_msg *m = next_to_first(w, AN_MSG_SECURE);
        if (m->u.secure.content.data[0] == kind)
            return m;
        an_msg_free(m);
        for (const size_t before = w->head; w->head == before;)
            step(w); /* past this one */
    }
}

static an_err tell(world *w, const an_msg *m, size_t changed)
{
    an_msg copy = *m;
    site *s = &w->sites[0];
    uint8_t *bytes = an_alloc_raw(m->u.secure.content.len, 1);
    memcpy(bytes, m->u.secure.content.data, m->u.secure.content.len);
    bytes[changed] ^= changed != 0;
    copy.u.secure.content.data = bytes;
    copy.epoch = an_session_look(s->session).epoch;
    an_err err = an_session_message(s->session, &copy, NULL);
    an_free(bytes);
    return err;
}

/* Two lists of survivors would have it give both shares of a neighbour. */
static void a_second_list_of_survivors_ends_the_sites_part(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 4});
    world *w = *state;
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan), *survivors = secure_to_first(w, AN_SECURE_SURVIVORS);
    assert_int_equal(tell(w, survivors, 0), AN_OK);
    assert_int_equal(tell(w, survivors, 0), AN_OK); /* the same again is nothing new */
    assert_int_equal(tell(w, survivors, survivors->u.secure.content.len - 1), AN_ERR_EXISTS);
    expect_journal(w, "a second, different SURVIVORS");
    an_plan_free(plan);
    an_msg_free(m);
    an_msg_free(survivors);
}

static void survivors_that_have_not_signed_are_refused(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 4});
    world *w = *state;
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan), *survivors = secure_to_first(w, AN_SECURE_SURVIVORS);
    assert_true(tell(w, survivors, survivors->u.secure.content.len - 1) != AN_OK);
    expect_journal(w, "has not signed a vector masked among the sharers of this site");
    an_plan_free(plan);
    an_msg_free(m);
    an_msg_free(survivors);
}

/* Before it reveals anything: a quorum has to have signed the very list that it signed. */
static void signatures_of_another_list_of_survivors_are_refused(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 4});
    world *w = *state;
    an_plan *plan;
    an_msg *m = plan_to_first(w, &plan), *signatures = secure_to_first(w, AN_SECURE_SIGNATURES);
    assert_true(tell(w, signatures, AN_SECURE_HEAD_BYTES + 2 + 66 + 2 + 10) !=
                AN_OK); /* of the second signer */
    expect_journal(w, "SIGNED");
    an_plan_free(plan);
    an_msg_free(m);
    an_msg_free(signatures);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, an_federation_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_second_key_list_ends_the_sites_part_also_after_a_restart),
        CASE(a_site_killed_before_its_state_was_kept_takes_part),
        CASE(a_second_list_of_survivors_ends_the_sites_part),
        CASE(survivors_that_have_not_signed_are_refused),
        CASE(signatures_of_another_list_of_survivors_are_refused),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_secure_lists");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
