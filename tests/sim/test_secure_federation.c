/* Secure sums in a whole federation: the same bits as plain sums, whatever happens on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "models/kernels/kernels.h"
#include "tests/support/lab_pumps.h"

#define SITES_MOST 9
#define WINDOW AN_LAB_PUMPS_WINDOW

typedef an_lab_pumps fixture;

static int setup(void **state)
{
    *state = an_lab_pumps_new(SITES_MOST, 400);
    return 0;
}

static int teardown(void **state)
{
    an_lab_pumps_free(*state);
    return 0;
}

typedef struct variant {
    size_t sites;
    const char *privacy, *cipher, *groups, *rule, *mixing;
    const an_hostile *hostile; /* the first site */
    const an_federation_faults *faults;
} variant;

static an_err try(const fixture *f, const variant *v, an_federation_result *ret, an_note *why)
{
    const char *const policy[][2] = {{"privacy", v->privacy},
                                     {"min_cohort", "3"},
                                     {"train.rounds", "2"},
                                     {"update.clip_norm", "100"},
                                     {"seed", "7"},
                                     {"secure.cipher", v->cipher ? v->cipher : "auto"},
                                     {"secure.groups", v->groups ? v->groups : "1"},
                                     {"rule", v->rule ? v->rule : "mean"},
                                     {"rule.hostile", "0.3"},
                                     {"rule.mixing", v->mixing ? v->mixing : "auto"}};
    const an_model_spec spec = {.name = "small",
                                .arch = an_lab_pumps_arch,
                                .sensors = (const char *const *)f->data.names,
                                .n_sensors = (uint32_t)f->data.width,
                                .window = WINDOW,
                                .stride = 2,
                                .smooth = 1,
                                .threshold = "target_far:0.01",
                                .policy = policy,
                                .n_policy = sizeof policy / sizeof *policy};
    an_federation_site sites[SITES_MOST];
    memcpy(sites, f->sites, sizeof sites);
    sites[0].hostile = v->hostile;
    an_federation_conf conf = {.spec = &spec, .sites = sites, .n_sites = v->sites, .n_threads = 1};
    if (v->faults)
        conf.faults = *v->faults;
    return an_federation_run(&conf, ret, why);
}

static void run(const fixture *f, const variant *v, an_federation_result *ret)
{
    an_note why = {{0}};
    an_err err = try(f, v, ret, &why);
    if (err != AN_OK)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
}

/* The parameters: a bundle's hash also covers its plan, which says how it was summed. */
static void same_weights(const an_federation_result *a, const an_federation_result *b)
{
    assert_int_equal(a->bundle.n_weights, b->bundle.n_weights);
    assert_memory_equal(a->bundle.weights, b->bundle.weights,
                        a->bundle.n_weights * sizeof *a->bundle.weights);
    assert_int_equal(a->n_rounds, b->n_rounds);
    for (size_t i = 0; i < a->n_rounds; i++) {
        assert_true(a->rounds[i].committed && b->rounds[i].committed);
        assert_int_equal(a->rounds[i].updates, b->rounds[i].updates);
        assert_true(a->rounds[i].loss == b->rounds[i].loss);
    }
}

static void secure_and_plain_rounds_decode_to_the_same_bits(void **state)
{
    static const char *const ciphers[] = {"chacha20", "aes-256-ctr"};
    for (size_t n = 3; n <= 6; n++) {
        an_federation_result plain = {.n_sites = 0}, secure = {.n_sites = 0};
        run(*state, &(variant){.sites = n, .privacy = "trusted"}, &plain);
        run(*state, &(variant){.sites = n, .privacy = "secure-sum", .cipher = ciphers[n % 2]}, &secure);
        same_weights(&plain, &secure);
        an_federation_result_done(&plain);
        an_federation_result_done(&secure);
    }
}

static void two_groups_decode_to_the_same_bits_as_one(void **state)
{
    an_federation_result one = {.n_sites = 0}, two = {.n_sites = 0};
    run(*state, &(variant){.sites = 6, .privacy = "secure-sum"}, &one);
    run(*state, &(variant){.sites = 6, .privacy = "secure-sum", .groups = "2"}, &two);
    same_weights(&one, &two);
    an_federation_result_done(&one);
    an_federation_result_done(&two);
}

static void late_repeated_and_reordered_messages_change_no_bit(void **state)
{
    an_federation_result plain = {.n_sites = 0};
    run(*state, &(variant){.sites = 4, .privacy = "trusted"}, &plain);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const an_federation_faults faults = {
            .seed = seed, .shuffle = seed, .duplicate = 0.3, .delay = 0.3, .delay_ms = 2000};
        an_federation_result secure = {.n_sites = 0};
        run(*state, &(variant){.sites = 4, .privacy = "secure-sum", .faults = &faults}, &secure);
        same_weights(&plain, &secure);
        an_federation_result_done(&secure);
    }
    an_federation_result_done(&plain);
}

/* A round may lose sites or be tried again; what is committed is a sum. */
static void broken_links_are_survived(void **state)
{
    uint64_t dropped = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        const an_federation_faults faults = {.seed = seed, .shuffle = seed, .drop = 0.03, .duplicate = 0.1};
        an_federation_result r = {.n_sites = 0};
        run(*state, &(variant){.sites = 5, .privacy = "secure-sum", .faults = &faults}, &r);
        dropped += r.dropped;
        for (size_t i = 0; i < 5; i++)
            assert_true(r.live[i]);
        an_federation_result_done(&r);
    }
    assert_true(dropped > 0);
}

static double last_loss(const an_federation_result *r)
{
    double loss = 0;
    for (size_t i = 0; i < r->n_rounds; i++)
        if (r->rounds[i].kind == AN_PAYLOAD_TRAIN)
            loss = r->rounds[i].loss;
    return loss;
}

static void a_median_over_three_groups_survives_one_hostile_site(void **state)
{
    static const an_hostile attacks[] = {{.attack = AN_HOSTILE_NOISE, .by = 1e4, .seed = 3},
                                         {.attack = AN_HOSTILE_SIGN_FLIP, .by = 100},
                                         {.attack = AN_HOSTILE_NAN}};
    const variant honest = {.sites = 9, .privacy = "secure-sum", .groups = "3", .rule = "median"};
    an_federation_result without = {.n_sites = 0};
    run(*state, &honest, &without);
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        variant attacked = honest;
        an_federation_result with = {.n_sites = 0};
        attacked.hostile = &attacks[i];
        run(*state, &attacked, &with);
        assert_true(last_loss(&with) < 1.2 * last_loss(&without));
        an_federation_result_done(&with);
    }
    an_federation_result_done(&without);
}

static void mixing_mixes_means_of_groups(void **state)
{
    static const an_hostile attack = {.attack = AN_HOSTILE_SIGN_FLIP, .by = 100};
    const variant mixed = {.sites = 9,
                           .privacy = "secure-sum",
                           .groups = "3",
                           .rule = "median",
                           .mixing = "yes",
                           .hostile = &attack};
    variant honest = mixed;
    an_federation_result with = {.n_sites = 0}, without = {.n_sites = 0};
    honest.hostile = NULL;
    run(*state, &honest, &without);
    run(*state, &mixed, &with);
    assert_true(last_loss(&with) < 1.2 * last_loss(&without));
    an_federation_result_done(&with);
    an_federation_result_done(&without);
}

int main(void)
{
    if (!an_kernels_init())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secure_and_plain_rounds_decode_to_the_same_bits),
        cmocka_unit_test(two_groups_decode_to_the_same_bits_as_one),
        cmocka_unit_test(late_repeated_and_reordered_messages_change_no_bit),
        cmocka_unit_test(broken_links_are_survived),
        cmocka_unit_test(a_median_over_three_groups_survives_one_hostile_site),
        cmocka_unit_test(mixing_mixes_means_of_groups),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    an_log_init(AN_LOG_OFF, "test");
    return cmocka_run_group_tests(tests, setup, teardown);
}
