/* One hostile site of six in trusted mode: with a robust rule none of its updates costs more than that
 * site's own part.  What it trains and evaluates is honest; its vectors are not. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/combine.h"
#include "coordinator/lab/hostile.h"
#include "doors/crypto.h"
#include "models/bundle.h"
#include "tests/support/federation.h"

#define HOSTILE 5 /* plant-f */

static an_hostile hostile;
static const char *mixing = "auto"; /* rule.mixing */

static an_err run(site *s, an_job *job, an_note *why)
{
    if (s->i == HOSTILE) {
        job->tamper = an_hostile_tamper;
        job->tamper_arg = &hostile;
    }
    return an_job_run(job, &s->data, why);
}

static world *open_world_in(void **state, bool backwards, const char *rule, const char *attack, double by)
{
    an_note why = {{0}};
    an_federation_setup_kind(state, &(an_federation_kind){.run = run, .sites = 6, .backwards = backwards});
    world *w = *state;
    hostile = (an_hostile){.attack = an_hostile_find(attack), .by = by, .seed = 3};
    const char *const policy[][2] = {
        {"privacy", "trusted"},       {"rule", rule},          {"rule.hostile", "0.16"},
        {"gate.alarms", "1"},         {"gate.loss", "100"},    {"gate.challenge", "1"},
        {"update.weight_cap", "240"}, {"gate.first", "false"}, {"rule.mixing", mixing}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", policy, sizeof policy / sizeof *policy, &why) !=
        AN_OK)
        fail_msg("%s", why.text);
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    return w;
}

static world *open_world(void **state, const char *rule, const char *attack, double by)
{
    return open_world_in(state, false, rule, attack, by);
}

/* Mean loss of the promoted version on what the sites have held back. */
static double loss_of(world *w)
{
    an_note why = {{0}};
    an_buf text;
    an_evaluate_out figures;
    const an_state *st = an_hub_state(w->hub);
    const an_campaign *c = &st->campaigns.items[0];
    assert_string_equal(an_campaign_state_name(c->state), an_campaign_state_name(AN_CAMPAIGN_PROMOTED));
    an_buf_init(&text, 65536);
    assert_int_equal(an_store_object_get(w->store, &c->evaluation, &text, &why), AN_OK);
    assert_int_equal(an_evaluation_parse(text.data, text.len, &figures, &why), AN_OK);
    an_buf_done(&text);
    return figures.candidate.loss_sum / (double)figures.candidate.n;
}

static void replay_all(world *w)
{
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->rounds.n; i++) {
        an_hash result;
        an_note why = {{0}};
        bool same = false;
        assert_int_equal(replay(w, st->rounds.items[i].id, &result, &same, &why), AN_OK);
        assert_true(same);
    }
}

typedef struct found {
    const char *kind, *text;
    size_t n;
} found;

static an_err count_record(void *ctx, const an_record *r, an_note *why)
{
    found *f = ctx;
    (void)why;
    char body[8192];
    snprintf(body, sizeof body, "%.*s", (int)r->body_len, (const char *)r->body);
    f->n += strstr(body, "plant-f") && strstr(body, f->text);
    return AN_OK;
}

/* Records of a kind that name the hostile site with such a text. */
static size_t named(world *w, const char *kind, const char *text)
{
    an_note why = {{0}};
    found f = {.kind = kind, .text = text};
    assert_int_equal(an_store_scan(w->store, &(an_store_filter){.kind = kind}, count_record, &f, &why),
                     AN_OK);
    return f.n;
}

static double loss_with(const char *rule, const char *attack, double by)
{
    void *state = NULL;
    world *w = open_world(&state, rule, attack, by);
    const double loss = loss_of(w);
    replay_all(w);
    an_federation_teardown(&state);
    return loss;
}

static void a_hostile_site_costs_a_robust_rule_next_to_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double by;
    } attacks[] = {{"sign_flip", 1}, {"sign_flip", 5}, {"scale", 5}, {"noise", 5}, {"nan", 0}};
    for (size_t r = 0; an_rule_at(r); r++) {
        const char *rule = an_rule_at(r)->name;
        if (strcmp(rule, "mean") == 0 || strcmp(rule, "norm_bound") == 0)
            continue;
        const double honest = loss_with(rule, "", 0);
        for (size_t a = 0; a < sizeof attacks / sizeof *attacks; a++) {
            const double loss = loss_with(rule, attacks[a].name, attacks[a].by);
            print_message("%-12s %-9s %g: loss %.4f, honest %.4f\n", rule, attacks[a].name, attacks[a].by,
                          loss, honest);
            assert_true(loss < 1.5 * honest);
        }
    }
}

static void nor_does_it_with_or_without_mixing_before_the_rule(void **state)
{
    static const char *const cases[][2] = {
        {"median", "yes"}, {"trimmed_mean", "yes"}, {"multi_krum", "yes"}, {"krum", "no"}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        mixing = cases[k][1];
        const double honest = loss_with(cases[k][0], "", 0);
        const double loss = loss_with(cases[k][0], "sign_flip", 5);
        print_message("%-12s mixing %-3s sign_flip 5: loss %.4f, honest %.4f\n", cases[k][0], mixing, loss,
                      honest);
        mixing = "auto";
        assert_true(loss < 1.5 * honest);
    }
}

/* With mixing Krum takes the neighbours of the one it picks: all but as many as may be hostile. */
static void krum_with_mixing_names_the_hostile_site_alone(void **state)
{
    world *w = open_world(state, "krum", "sign_flip", 1.5);
    assert_int_equal(named(w, "round.ended", "too far from the others"), 3);
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->rounds.n; i++)
        if (st->rounds.items[i].kind == AN_PAYLOAD_TRAIN)
            assert_true(st->rounds.items[i].rule_opts.mixing);
    replay_all(w);
    an_federation_teardown(state);
}

static void a_policy_that_mixes_before_the_mean_is_refused(void **state)
{
    an_note why = {{0}};
    an_federation_setup_kind(state, &(an_federation_kind){.run = run, .sites = 3});
    world *w = *state;
    const char *const policy[][2] = {{"privacy", "trusted"}, {"rule.mixing", "yes"}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 2, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "rule.mixing: mean has none before it"));
    an_federation_teardown(state);
}

/* It bounds how far a site pulls, not where to. */
static void a_bound_on_norms_makes_of_any_vector_no_more_than_one_that_is_turned_round(void **state)
{
    (void)state;
    const double honest = loss_with("norm_bound", "", 0), turned = loss_with("mean", "sign_flip", 1);
    assert_true(loss_with("norm_bound", "scale", 5) < 1.5 * honest);
    assert_true(loss_with("norm_bound", "noise", 5) < 1.5 * turned);
    assert_true(loss_with("norm_bound", "nan", 0) < 1.5 * honest);
    assert_true(loss_with("norm_bound", "sign_flip", 5) < 1.5 * turned);
}

static void the_plain_mean_is_ruined_by_what_they_bear(void **state)
{
    (void)state;
    const double honest = loss_with("mean", "", 0);
    assert_true(loss_with("mean", "sign_flip", 5) > 2 * honest);
    assert_true(loss_with("mean", "noise", 5) > 1.5 * honest);
    assert_true(loss_with("mean", "nan", 0) < 1.5 * honest); /* refused at the door */
}

/* The weights of the promoted version. */
static void weights_of(world *w, an_bundle *ret)
{
    char path[AN_PATH_MAX];
    an_hash hash;
    an_note why = {{0}};
    const an_hash *head = &an_hub_state(w->hub)->campaigns.items[0].head;
    assert_int_equal(an_store_object_path(w->store, head, path), AN_OK);
    assert_int_equal(an_bundle_read(ret, &hash, path, &why), AN_OK);
}

static void the_same_vectors_make_the_same_weights_in_any_order(void **state)
{
    for (size_t r = 0; an_rule_at(r); r++) {
        an_bundle one = {.arch = NULL}, other = {.arch = NULL};
        world *w = open_world(state, an_rule_at(r)->name, "sign_flip", 1);
        weights_of(w, &one);
        an_federation_teardown(state);
        w = open_world_in(state, true, an_rule_at(r)->name, "sign_flip", 1);
        weights_of(w, &other);
        an_federation_teardown(state);
        assert_int_equal(one.n_weights, other.n_weights);
        assert_memory_equal(one.weights, other.weights, one.n_weights * sizeof *one.weights);
        an_bundle_done(&one);
        an_bundle_done(&other);
    }
}

static void who_is_left_out_is_in_the_journal_with_the_reason(void **state)
{
    world *w = open_world(state, "multi_krum", "sign_flip", 1.5);
    assert_int_equal(named(w, "round.ended", "too far from the others"), 3);
    an_federation_teardown(state);
    w = open_world(state, "norm_bound", "scale", 1.5);
    assert_int_equal(named(w, "round.ended", "cut to the bound"), 3);
    an_federation_teardown(state);
    w = open_world(state, "median", "nan", 0);
    assert_int_equal(named(w, "round.ended", "value bits"), 3);
    an_federation_teardown(state);
}

static void a_vector_longer_than_the_clip_is_refused_by_name(void **state)
{
    world *w = open_world(state, "mean", "scale", 1e6);
    assert_int_equal(named(w, "round.ended", "sites cut theirs to"), 3);
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->rounds.n; i++)
        if (st->rounds.items[i].kind == AN_PAYLOAD_TRAIN)
            assert_true(st->rounds.items[i].committed);
    an_federation_teardown(state);
}

static void a_rule_that_cannot_bear_so_many_aborts_the_round_and_says_so(void **state)
{
    an_note why = {{0}};
    an_federation_setup_kind(state, &(an_federation_kind){.run = run, .sites = 4});
    world *w = *state;
    hostile = (an_hostile){.attack = AN_HOSTILE_NONE};
    const char *const policy[][2] = {{"rule", "krum"}, {"rule.hostile", "0.25"}, {"privacy", "trusted"}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 3, &why), AN_OK);
    connect_all(w);
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 120000);
    const an_state *st = an_hub_state(w->hub);
    assert_int_equal(an_state_campaign((an_state *)st, id)->state, AN_CAMPAIGN_STOPPED);
    size_t said = 0;
    for (size_t i = 0; i < st->rounds.n; i++)
        said += strstr(st->rounds.items[i].reason, "krum needs 5 finite vectors") != NULL;
    assert_true(said > 0);
    an_federation_teardown(state);
}

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hostile_site_costs_a_robust_rule_next_to_nothing),
        cmocka_unit_test(nor_does_it_with_or_without_mixing_before_the_rule),
        cmocka_unit_test(krum_with_mixing_names_the_hostile_site_alone),
        cmocka_unit_test(a_policy_that_mixes_before_the_mean_is_refused),
        cmocka_unit_test(a_bound_on_norms_makes_of_any_vector_no_more_than_one_that_is_turned_round),
        cmocka_unit_test(the_plain_mean_is_ruined_by_what_they_bear),
        cmocka_unit_test(the_same_vectors_make_the_same_weights_in_any_order),
        cmocka_unit_test(who_is_left_out_is_in_the_journal_with_the_reason),
        cmocka_unit_test(a_vector_longer_than_the_clip_is_refused_by_name),
        cmocka_unit_test(a_rule_that_cannot_bear_so_many_aborts_the_round_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
