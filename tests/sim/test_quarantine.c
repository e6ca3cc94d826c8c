/* What the gate's verdict does: a candidate that passes waits for its promotion, one that fails ends its campaign, and
 * one that can never be right is never released, whoever asks. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "tests/support/rollouts.h"

static int setup(void **state)
{
    const an_federation_kind kind = {.sites = 3};
    an_federation_setup_kind(state, &kind);
    return 0;
}

static an_evaluation figures(void)
{
    return (an_evaluation){.n = 1000,
                           .loss_sum = 100,
                           .old_windows = 1000,
                           .new_windows = 1000,
                           .sites = 3,
                           .gains = 3,
                           .sizes = {{.total = 1000, .raised = 800}}};
}

/* A round of the campaign that came to this. */
static void add_round(world *w, uint64_t campaign, an_payload_kind kind, const an_hash *result)
{
    an_note why = {{0}};
    char subject[32];
    const an_hash plan = {{7}};
    const uint64_t id = an_hub_state(w->hub)->next_id;
    an_record_batch b = {.n = 0};
    an_json *opened = an_json_object(), *ended = an_json_object();
    snprintf(subject, sizeof subject, "round/%llu", (unsigned long long)id);
    an_json_set_int(opened, "id", (int64_t)id);
    an_json_set_int(opened, "campaign", (int64_t)campaign);
    an_json_set_int(opened, "kind", kind);
    an_json_set_text(opened, "model", MODEL);
    an_json_set_hash(opened, "plan", &plan);
    an_json_set_bool(opened, "beside", true);
    an_batch_add(&b, "round.opened", subject, "coordinator", NULL, opened);
    assert_int_equal(an_hub_commit(w->hub, &b, &why), AN_OK);
    an_json_set_int(ended, "id", (int64_t)id);
    an_json_set_bool(ended, "committed", true);
    an_json_set_hash(ended, "result", result);
    an_batch_add(&b, "round.ended", subject, "coordinator", NULL, ended);
    if (an_hub_commit(w->hub, &b, &why) != AN_OK)
        fail_msg("%s", why.text);
}

/* A campaign whose candidate v has these figures beside production's, and has been before the gate. */
static const an_campaign *judged(world *w, const an_hash *v, const an_evaluate_out *figures)
{
    an_note why = {{0}};
    an_hash object;
    const uint64_t id = an_hub_state(w->hub)->next_id;
    const an_hash old = production(w);
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_text(o, "kind", "incremental");
    an_json_set_text(o, "trigger", "a test");
    an_json_set_int(o, "rounds", 1);
    an_json_set_hash(o, "base", &old);
    an_json_set_bool(o, "waiting", true); /* nothing opens rounds of it */
    an_batch_add(&b, "campaign.opened", MODEL, "user/admin", NULL, o);
    if (an_hub_commit(w->hub, &b, &why) != AN_OK)
        fail_msg("%s", why.text);
    char *text = an_evaluation_print(figures);
    assert_int_equal(an_store_object_put(w->store, text, strlen(text), &object, NULL), AN_OK);
    an_free(text);
    add_round(w, id, AN_PAYLOAD_TRAIN, v);
    add_round(w, id, AN_PAYLOAD_EVALUATE, &object);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    if (an_hub_gate(w->hub, c, &why) != AN_OK)
        fail_msg("%s", why.text);
    return an_state_campaign(an_hub_state(w->hub), id);
}

static void a_candidate_without_finite_scores_is_quarantined(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    an_evaluate_out e = {.candidate = figures(), .production = figures()};
    ready(w, "all");
    const an_hash old = production(w), v = version_of(w, &old);
    e.candidate.non_finite = 1;
    const an_campaign *c = judged(w, &v, &e);
    const an_version *version = an_state_version(an_hub_state(w->hub), &v);
    assert_int_equal(c->state, AN_CAMPAIGN_STOPPED);
    assert_true(version->quarantined);
    assert_non_null(strstr(version->reason, "1 windows gave no finite score"));
    assert_int_equal(an_hub_promote(w->hub, "user/admin", MODEL, &v, "all the same", &why), AN_ERR_STATE);
    assert_non_null(strstr(why.text, "quarantined"));
    kill_hub(w);
    start_hub(w);
    assert_true(an_state_version(an_hub_state(w->hub), &v)->quarantined);
}

static void a_candidate_that_is_only_worse_may_still_be_promoted_by_a_person(void **state)
{
    world *w = *state;
    an_evaluate_out e = {.candidate = figures(), .production = figures()};
    ready(w, "all");
    const an_hash old = production(w), v = version_of(w, &old);
    e.candidate.objections = 1;
    const an_campaign *c = judged(w, &v, &e);
    assert_int_equal(c->state, AN_CAMPAIGN_STOPPED);
    assert_non_null(strstr(c->reason, "possible fault, not drift"));
    assert_false(an_state_version(an_hub_state(w->hub), &v)->quarantined);
    promote(w, &v);
    assert_int_equal(n_running(w, &v), 3);
}

static void a_candidate_that_passes_goes_out(void **state)
{
    world *w = *state;
    const an_evaluate_out e = {.candidate = figures(), .production = figures()};
    ready(w, "all");
    const an_hash old = production(w), v = version_of(w, &old);
    const an_campaign *c = judged(w, &v, &e);
    const uint64_t id = c->id;
    assert_int_equal(c->state, AN_CAMPAIGN_PASSED);
    pass(w, 5000);
    assert_int_equal(an_state_campaign(an_hub_state(w->hub), id)->state, AN_CAMPAIGN_PROMOTED);
    assert_int_equal(n_running(w, &v), 3);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, an_federation_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_candidate_without_finite_scores_is_quarantined),
        TEST(a_candidate_that_is_only_worse_may_still_be_promoted_by_a_person),
        TEST(a_candidate_that_passes_goes_out),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_quarantine");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
