/* Whole secure sums: with losses and restarts in every phase the sum is right, or there is none and a
 * reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/support/secure.h"

static const uint32_t cohorts[] = {3, 5, 10, 40};

static uint32_t share_of(uint32_t n, uint32_t permille)
{
    return (n * permille + 999) / 1000;
}

static void run_one(uint32_t n, uint32_t dropouts, size_t phase, uint32_t permille, bool must_work)
{
    an_secure_world w;
    an_note why = {{0}};
    an_secure_world_init(&w, n, 0, dropouts);
    w.lost[phase] = share_of(n, permille);
    an_err err = an_secure_world_run(&w, &why);
    if (must_work && err != AN_OK)
        fail_msg("n %u phase %zu lost %u: %s", n, phase, w.lost[phase], why.text);
    if (err == AN_OK)
        assert_true(an_secure_world_is_right(&w));
    else
        assert_true(err == AN_ERR_AGAIN && why.text[0] != '\0');
    an_secure_world_done(&w);
}

/* Losses up to those that were planned for must be borne, whichever phase they come in. */
static void losses_that_were_planned_for_are_borne_in_every_phase(void **state)
{
    (void)state;
    for (size_t c = 0; c < 4; c++)
        for (size_t phase = 0; phase < AN_SECURE_WORLD_PHASES; phase++)
            for (uint32_t permille = phase == 0 ? 0 : 100; permille <= 300; permille += permille ? 200 : 100)
                /* Of three sites none may be lost, of five one: one colludes, and the rest must be many. */
                run_one(cohorts[c], 300, phase, permille,
                        share_of(cohorts[c], permille) <= cohorts[c] * 300 / 1000);
}

static void losses_beyond_the_plan_end_with_a_reason_never_with_a_wrong_sum(void **state)
{
    (void)state;
    for (size_t c = 0; c < 4; c++)
        for (size_t phase = 1; phase < AN_SECURE_WORLD_PHASES; phase++) {
            run_one(cohorts[c], 0, phase, 300, false);
            run_one(cohorts[c], 300, phase, 700, false);
        }
}

static void a_sparse_graph_sums_as_well(void **state)
{
    (void)state;
    for (size_t phase = 1; phase < AN_SECURE_WORLD_PHASES; phase++) {
        run_one(40, 100, phase, 100, true);
        run_one(40, 100, phase, 300, false);
    }
    an_secure_world w;
    an_note why;
    an_secure_world_init(&w, 40, 0, 100);
    assert_int_equal(an_secure_world_run(&w, &why), AN_OK);
    assert_true(an_secure_sum_graph(w.sum)->k < 20);
    an_secure_world_done(&w);
}

static void losses_in_all_phases_together_never_give_a_wrong_sum(void **state)
{
    size_t sums = 0;
    (void)state;
    for (uint32_t trial = 0; trial < 6; trial++) {
        an_secure_world w;
        an_note why = {{0}};
        an_secure_world_init(&w, 10 + trial, 100, 300);
        for (size_t phase = 0; phase < AN_SECURE_WORLD_PHASES; phase++)
            w.lost[phase] = (trial + phase) % 2;
        an_err err = an_secure_world_run(&w, &why);
        if (err == AN_OK) {
            assert_true(an_secure_world_is_right(&w));
            sums++;
        } else {
            assert_true(why.text[0] != '\0');
        }
        an_secure_world_done(&w);
    }
    assert_true(sums > 0);
}

static void restarts_of_both_sides_in_every_phase_change_nothing(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {3, 5, 10, 40}; /* the last with a sparse graph */
    for (size_t i = 0; i < 4; i++) {
        uint32_t n = sizes[i];
        an_secure_world w;
        an_note why = {{0}};
        an_secure_world_init(&w, n, 0, n < 40 ? 300 : 100);
        w.is_restarting = true;
        w.lost[2] = n > 3;
        w.lost[4] = n > 5;
        if (an_secure_world_run(&w, &why) != AN_OK)
            fail_msg("%s", why.text);
        assert_true(an_secure_world_is_right(&w));
        an_secure_world_done(&w);
    }
}

static void a_restarted_site_sends_the_same_bytes_again(void **state)
{
    an_secure_world w;
    an_note why = {{0}};
    (void)state;
    an_secure_world_init(&w, 5, 0, 300);
    assert_int_equal(an_secure_world_begin(&w, &why), AN_OK);
    for (size_t phase = 0; phase < AN_SECURE_WORLD_PHASES; phase++) {
        an_buf before, after;
        if (phase == 2)
            assert_int_equal(an_secure_world_mask(&w, 0, &why), AN_OK);
        an_buf_init(&before, AN_SECURE_MESSAGE_MAX);
        an_buf_init(&after, AN_SECURE_MESSAGE_MAX);
        assert_int_equal(an_secure_site_message(w.sites[0], &before), AN_OK);
        assert_int_equal(an_secure_world_restart_site(&w, 0, &why), AN_OK);
        assert_int_equal(an_secure_site_message(w.sites[0], &after), AN_OK);
        assert_int_equal(before.len, after.len);
        assert_memory_equal(before.data, after.data, before.len);
        an_buf_done(&before);
        an_buf_done(&after);
        for (uint32_t i = 1; phase == 2 && i < 5; i++)
            assert_int_equal(an_secure_world_mask(&w, i, &why), AN_OK);
        for (uint32_t i = 0; i < 5; i++)
            assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
        if (phase < 4)
            assert_int_equal(an_secure_sum_close(w.sum, &why), AN_OK);
        for (uint32_t i = 0; phase < 4 && i < 5; i++) {
            assert_int_equal(an_secure_world_receive(&w, i, &why), AN_OK);
            assert_int_equal(an_secure_world_receive(&w, i, &why), AN_OK); /* twice does no harm */
        }
    }
    assert_int_equal(an_secure_world_finish(&w, &why), AN_OK);
    assert_true(an_secure_world_is_right(&w));
    an_secure_world_done(&w);
}

static void workers_and_the_other_cipher_give_the_same_sum(void **state)
{
    an_secure_world w;
    an_note why = {{0}};
    (void)state;
    an_secure_world_init(&w, 10, 100, 300);
    w.p.cipher = AN_CIPHER_AES256CTR;
    w.p.dim = 40000;
    w.lost[2] = 2;
    assert_int_equal(an_workers_new(2, &w.workers), AN_OK);
    if (an_secure_world_run(&w, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_secure_world_is_right(&w));
    an_workers_free(w.workers);
    an_secure_world_done(&w);
}

static void a_masked_vector_does_not_show_the_site_s_own(void **state)
{
    an_secure_world w;
    an_note why;
    size_t same = 0;
    (void)state;
    an_secure_world_init(&w, 3, 0, 300);
    assert_int_equal(an_secure_world_run(&w, &why), AN_OK);
    for (uint32_t c = 0; c < w.p.dim; c++)
        same += w.masked[0][c] == an_secure_world_value(0, c);
    assert_true(same <= 1);
    an_secure_world_done(&w);
}

static void too_little_memory_is_an_error_and_leaks_nothing(void **state)
{
    size_t live = an_mem_live(), n = 0;
    an_err err;
    (void)state;
    do {
        an_secure_world w;
        an_note why = {{0}};
        an_secure_world_init(&w, 3, 0, 300);
        an_mem_fail_after(n++);
        err = an_secure_world_run(&w, &why);
        an_mem_fail_never();
        if (err == AN_OK)
            assert_true(an_secure_world_is_right(&w));
        else
            assert_int_equal(err, AN_ERR_NOMEM);
        an_secure_world_done(&w);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 50);
}

typedef an_err step_fn(an_secure_world *w, uint32_t site, an_note *why);

static an_err close_step(an_secure_world *w, uint32_t site, an_note *why)
{
    (void)site;
    return an_secure_sum_close(w->sum, why);
}

static an_err finish_step(an_secure_world *w, uint32_t site, an_note *why)
{
    (void)site;
    return an_secure_world_finish(w, why);
}

/* Again and again with a little more memory, until it works. */
static void squeeze(step_fn *step, an_secure_world *w, uint32_t site)
{
    size_t n = 0;
    an_err err;
    an_note why;
    do {
        an_mem_fail_after(n++);
        err = step(w, site, &why);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
    } while (err != AN_OK);
}

static void too_little_memory_in_any_step_leaves_the_machines_as_they_were(void **state)
{
    an_secure_world w;
    an_note why;
    (void)state;
    an_secure_world_init(&w, 5, 0, 300);
    assert_int_equal(an_secure_world_begin(&w, &why), AN_OK);
    for (size_t phase = 0; phase < AN_SECURE_WORLD_PHASES; phase++) {
        if (phase == 2)
            an_secure_world_lose(&w, 1);
        for (uint32_t i = 0; phase == 2 && i < 5; i++)
            squeeze(an_secure_world_mask, &w, i);
        for (uint32_t i = 0; i < 5; i++)
            squeeze(an_secure_world_send, &w, i);
        if (phase == 4)
            break;
        squeeze(close_step, &w, 0);
        for (uint32_t i = 0; i < 5; i++)
            squeeze(an_secure_world_receive, &w, i);
    }
    squeeze(finish_step, &w, 0);
    assert_true(an_secure_world_is_right(&w));
    an_secure_world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_that_were_planned_for_are_borne_in_every_phase),
        cmocka_unit_test(losses_beyond_the_plan_end_with_a_reason_never_with_a_wrong_sum),
        cmocka_unit_test(a_sparse_graph_sums_as_well),
        cmocka_unit_test(losses_in_all_phases_together_never_give_a_wrong_sum),
        cmocka_unit_test(restarts_of_both_sides_in_every_phase_change_nothing),
        cmocka_unit_test(a_restarted_site_sends_the_same_bytes_again),
        cmocka_unit_test(workers_and_the_other_cipher_give_the_same_sum),
        cmocka_unit_test(a_masked_vector_does_not_show_the_site_s_own),
        cmocka_unit_test(too_little_memory_is_an_error_and_leaks_nothing),
        cmocka_unit_test(too_little_memory_in_any_step_leaves_the_machines_as_they_were),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
