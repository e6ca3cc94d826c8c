/* The round in which a candidate scores beside production: on lines that run, by windows where none runs, in a
 * secure sum; and what the gate makes of it. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/combine.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "tests/support/pumps.h"

static void set_policy(world *w, const char *key, const char *value)
{
    an_note why = {{0}};
    const char *const pair[][2] = {{key, value}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", pair, 1, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static an_hash production(world *w)
{
    return an_state_model(an_hub_state(w->hub), "pump")->alias[AN_ALIAS_PRODUCTION - 1];
}

static world *begin(bool live)
{
    void *state = NULL;
    an_federation_kind kind = an_pumps(1, false);
    if (!live)
        kind.shadow = NULL;
    an_federation_setup_kind(&state, &kind);
    world *w = state;
    pumps_begin(w);
    connect_all(w);
    set_policy(w, "shadow.time",
               "300s"); /* the first version has nothing to score beside, and no such round */
    const uint64_t training = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pumps_run(w, 60);
    assert_promoted(w, training);
    return w;
}

static void end(world *w)
{
    void *state = w;
    an_federation_teardown(&state);
}

static const an_campaign *run_campaign(world *w, an_campaign_kind kind)
{
    const uint64_t id = campaign(w, kind);
    for (int i = 0; i < 3000 && !an_campaign_is_over(an_state_campaign(an_hub_state(w->hub), id)); i++)
        pumps_run(w, 1);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    print_message("%s: %s\n", an_campaign_state_name(c->state), c->reason);
    assert_true(an_campaign_is_over(c));
    return c;
}

static an_shadow_counts shadow_of(world *w, const an_campaign *c)
{
    an_shadow_counts counts;
    an_buf text;
    assert_false(an_hash_is_zero(&c->shadow));
    an_buf_init(&text, 65536);
    assert_int_equal(an_store_object_get(w->store, &c->shadow, &text, NULL), AN_OK);
    assert_int_equal(an_shadow_parse(text.data, text.len, &counts, NULL), AN_OK);
    an_buf_done(&text);
    return counts;
}

static void a_candidate_scores_beside_production_on_the_lines(void **state)
{
    (void)state;
    world *w = begin(true);
    const an_campaign *c = run_campaign(w, AN_CAMPAIGN_TRAINING);
    const an_shadow_counts s = shadow_of(w, c);
    print_message("%llu rows in %llu blocks at %llu sites\n", (unsigned long long)s.rows,
                  (unsigned long long)s.blocks, (unsigned long long)s.sites);
    assert_int_equal(s.sites, SITES);
    assert_true(s.rows >= SITES * 290 && s.rows <= SITES * 320);
    assert_true(s.candidate.rows == s.rows && s.production.rows == s.rows);
    assert_int_equal(c->state, AN_CAMPAIGN_PROMOTED);
    assert_non_null(strstr(c->reason, "beside production on"));
    end(w);
}

static void where_no_line_runs_windows_are_replayed(void **state)
{
    (void)state;
    world *w = begin(false);
    const an_campaign *c = run_campaign(w, AN_CAMPAIGN_TRAINING);
    const an_shadow_counts s = shadow_of(w, c);
    assert_int_equal(s.sites, SITES);
    assert_true(s.rows > 100 && s.candidate.rows == s.rows);
    end(w);
}

static void a_secure_sum_hides_what_each_line_has_counted(void **state)
{
    (void)state;
    world *w = begin(true);
    set_policy(w, "privacy", "secure-sum");
    const an_campaign *c = run_campaign(w, AN_CAMPAIGN_TRAINING);
    const an_shadow_counts s = shadow_of(w, c);
    assert_int_equal(s.sites, SITES);
    assert_true(s.rows >= SITES * 290);
    end(w);
}

static void a_candidate_that_learned_from_corrupted_data_is_caught(void **state)
{
    (void)state;
    world *w = begin(true);
    const an_hash before = production(w);
    for (size_t i = 0; i < w->n; i++)
        pump_of(w, i)->spoiled = PUMP_TRAINS_ON_NOISE;
    const an_campaign *c = run_campaign(w, AN_CAMPAIGN_INCREMENTAL);
    assert_int_equal(c->state, AN_CAMPAIGN_STOPPED);
    assert_false(an_hash_is_zero(&c->shadow));
    const an_hash now = production(w);
    assert_true(an_hash_equal(&before, &now));
    for (size_t i = 0; i < w->n; i++)
        assert_true(an_hash_equal(&w->sites[i].runs, &before));
    end(w);
}

static void a_site_may_refuse_it(void **state)
{
    (void)state;
    world *w = begin(true);
    for (size_t i = 0; i < w->n; i++)
        w->sites[i].policy.allow_shadow = false;
    const an_campaign *c = run_campaign(w, AN_CAMPAIGN_TRAINING);
    assert_int_equal(c->state, AN_CAMPAIGN_STOPPED);
    assert_true(journal_says(&w->sites[0], "allow.shadow is no"));
    end(w);
}

int main(void)
{
    if (an_crypto_init() != AN_OK || !an_kernels_init())
        return 1;
    an_log_init(AN_LOG_ERROR, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_candidate_scores_beside_production_on_the_lines),
        cmocka_unit_test(where_no_line_runs_windows_are_replayed),
        cmocka_unit_test(a_secure_sum_hides_what_each_line_has_counted),
        cmocka_unit_test(a_candidate_that_learned_from_corrupted_data_is_caught),
        cmocka_unit_test(a_site_may_refuse_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
