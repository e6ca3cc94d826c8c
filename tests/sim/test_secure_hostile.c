/* Nobody can see a hostile vector in a secure sum.  What it ruins does not pass the gate. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/lab/hostile.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"

#define HOSTILE 1 /* plant-b */

static an_hostile hostile; /* NONE: it is honest */

static an_err run(site *s, an_job *job, an_note *why)
{
    if (s->i == HOSTILE && hostile.attack != AN_HOSTILE_NONE) {
        job->tamper = an_hostile_tamper;
        job->tamper_arg = &hostile;
    }
    return an_job_run(job, &s->data, why);
}

static const an_hash *production(const world *w)
{
    return &an_state_model(an_hub_state(w->hub), "pump")->alias[AN_ALIAS_PRODUCTION - 1];
}

static void a_candidate_that_a_hostile_site_ruined_is_never_released(void **state)
{
    static const an_hostile attacks[] = {{.attack = AN_HOSTILE_NOISE, .by = 1e4, .seed = 3},
                                         {.attack = AN_HOSTILE_SIGN_FLIP, .by = 1e4},
                                         {.attack = AN_HOSTILE_NAN}};
    for (size_t k = 0; k < sizeof attacks / sizeof *attacks; k++) {
        hostile = (an_hostile){.attack = AN_HOSTILE_NONE};
        an_federation_setup_kind(state, &(an_federation_kind){.run = run, .sites = 4});
        world *w = *state;
        connect_all(w);
        uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
        pass(w, 60000);
        assert_promoted(w, id);
        const an_hash good = *production(w);
        for (size_t i = 0; i < w->n; i++)
            w->sites[i].data.held = w->sites[i].data.fresh;
        hostile = attacks[k];
        id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
        pass(w, 600000);
        const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
        assert_int_equal(c->state, AN_CAMPAIGN_STOPPED);
        assert_true(an_hash_equal(production(w), &good));
        for (size_t i = 0; i < w->n; i++)
            assert_true(an_hash_equal(&w->sites[i].runs, &good));
        an_federation_teardown(state);
    }
}

static void a_first_candidate_that_a_hostile_site_ruined_is_never_released(void **state)
{
    static const an_hostile attacks[] = {{.attack = AN_HOSTILE_NOISE, .by = 1e4, .seed = 3},
                                         {.attack = AN_HOSTILE_SIGN_FLIP, .by = 1e4},
                                         {.attack = AN_HOSTILE_NAN}};
    for (size_t k = 0; k < sizeof attacks / sizeof *attacks; k++) {
        hostile = attacks[k];
        an_federation_setup_kind(state, &(an_federation_kind){.run = run, .sites = 4});
        world *w = *state;
        connect_all(w);
        const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
        pass(w, 600000);
        const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
        assert_int_equal(c->state, AN_CAMPAIGN_STOPPED);
        assert_non_null(strstr(c->reason, k == 2 ? "" : "first version"));
        print_message("%s\n", c->reason);
        assert_true(an_hash_is_zero(production(w)));
        for (size_t i = 0; i < w->n; i++)
            assert_true(an_hash_is_zero(&w->sites[i].runs));
        an_federation_teardown(state);
    }
}

static void a_first_candidate_that_is_sound_is_held_against_no_training(void **state)
{
    hostile = (an_hostile){.attack = AN_HOSTILE_NONE};
    an_federation_setup_kind(state, &(an_federation_kind){.run = run, .sites = 4});
    world *w = *state;
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    assert_promoted(w, id);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    assert_true(c->first && !an_hash_is_zero(&c->untrained) && !an_hash_equal(&c->untrained, &c->base));
    assert_non_null(strstr(c->reason, "without training"));
    an_federation_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_candidate_that_a_hostile_site_ruined_is_never_released),
        cmocka_unit_test(a_first_candidate_that_a_hostile_site_ruined_is_never_released),
        cmocka_unit_test(a_first_candidate_that_is_sound_is_held_against_no_training),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_secure_hostile");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
