/* Memory runs out anywhere in a running federation: nothing crashes, nothing leaks, what was
 * acknowledged is kept, and with memory back the campaign reaches production. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"

/* From a random allocation of this step on, all fail. */
static void scarce_step(world *w, an_rng *rng)
{
    w->scarce = true;
    an_mem_fail_after((size_t)an_rng_below(rng, UINT64_C(2) << an_rng_below(rng, 10)));
    step(w);
    an_mem_fail_never();
    w->scarce = false;
}

static void scarce_tick(world *w, an_rng *rng)
{
    w->scarce = true;
    an_mem_fail_after((size_t)an_rng_below(rng, 60));
    tick(w);
    an_mem_fail_never();
    w->scarce = false;
}

static void run(world *w, uint64_t seed)
{
    an_rng rng;
    an_note why = {{0}};
    const char *const policy[][2] = {{"round.retries", "100"}, {"min_cohort", "2"}, {"privacy", "trusted"}};
    an_rng_init(&rng, seed, 0);
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 3, &why), AN_OK);
    connect_all(w);
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    for (int second = 0; second < 60; second++) {
        while (w->head != w->tail) {
            if (an_rng_below(&rng, 3) == 0)
                scarce_step(w, &rng);
            else
                step(w);
        }
        scarce_tick(w, &rng);
    }
    pass(w, 1200 * 1000);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    an_hub_campaign_waiting(w->hub, c, &why);
    if (c->state != AN_CAMPAIGN_PROMOTED)
        fail_msg("seed %llu: campaign is %s: %s", (unsigned long long)seed, an_campaign_state_name(c->state),
                 why.text);
    for (size_t i = 0; i < SITES; i++)
        assert_true(an_hash_equal(&w->sites[i].runs, &c->head));
    uint64_t n = 0;
    an_err err = an_store_verify(w->store, &n, &why);
    assert_int_equal(err, AN_OK);
}

static void a_campaign_survives_memory_that_runs_out_anywhere(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        void *w = NULL;
        assert_int_equal(an_federation_setup(&w), 0);
        run(w, seed);
        assert_int_equal(an_federation_teardown(&w), 0);
        assert_int_equal(an_mem_live(), 0);
    }
}

static void a_sum_that_could_not_be_started_is_started_later(void **state)
{
    void *fixture = NULL;
    (void)state;
    assert_int_equal(an_federation_setup(&fixture), 0);
    world *w = fixture;
    connect_all(w);
    w->no_sums = 7;
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 600000);
    assert_int_equal(w->no_sums, 0);
    assert_promoted(w, id);
    for (size_t i = 0; i < an_hub_state(w->hub)->rounds.n; i++)
        assert_true(an_hub_state(w->hub)->rounds.items[i].committed); /* none was given up for it */
    assert_int_equal(an_federation_teardown(&fixture), 0);
}

/* What the journal has is at work, whichever allocation fails while a campaign and its round are opened, and what
 * it has not is nowhere. */
static void no_round_is_opened_by_half(void **state)
{
    void *fixture = NULL;
    an_note why = {{0}};
    size_t opened = 0;
    (void)state;
    assert_int_equal(an_federation_setup(&fixture), 0);
    world *w = fixture;
    connect_all(w);
    w->scarce = true;
    for (size_t n = 0; n < 400; n++) {
        uint64_t id = 0;
        an_mem_fail_after(n);
        an_err err =
            an_hub_campaign_open(w->hub, "user/admin", "pump", AN_CAMPAIGN_TRAINING, 0, "a test", &id, &why);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        tick(w); /* reads anew what could not be kept */
        const an_state *st = an_hub_state(w->hub);
        for (size_t i = 0; i < st->rounds.n; i++)
            assert_int_equal(an_hub_round_open(w->hub, st->rounds.items[i].id) != NULL,
                             !st->rounds.items[i].over);
        const an_campaign *c = an_state_campaign_open((an_state *)(uintptr_t)st, "pump");
        opened += c && c->open_round;
        if (c)
            assert_int_equal(an_hub_campaign_stop(w->hub, "user/admin", c->id, "", &why), AN_OK);
        settle(w);
    }
    assert_true(opened > 100);
    w->scarce = false;
    assert_int_equal(an_federation_teardown(&fixture), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_campaign_survives_memory_that_runs_out_anywhere),
        cmocka_unit_test(a_sum_that_could_not_be_started_is_started_later),
        cmocka_unit_test(no_round_is_opened_by_half),
    };
    an_log_init(AN_LOG_OFF, "test");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
