/* Membership inference: a model that has learned its windows by heart gives them away, one that has not does
 * not, and privacy keeps the attacks near a coin. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/lab/membership.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"

#define N 60u
#define WIDTH 16u

static const char arch[] =
    "model: heart\ninput: {features: 16}\n"
    "layers: [{dense: {units: 48}}, tanh, {dense: {units: 12}}, {dense: {units: 48}}, tanh,\n"
    "  {dense: {units: 16}}]\nloss: mse\ntarget: input\n";

static float x[N * WIDTH];
static uint8_t labels[N];

/* Noise has nothing that could be learned but by heart. */
static an_membership_conf conf_of(size_t epochs, double epsilon)
{
    an_rng r;
    an_rng_init(&r, 4, 0);
    for (size_t i = 0; i < N * WIDTH; i++)
        x[i] = (float)an_rng_normal(&r);
    for (size_t i = 0; i < N; i++)
        labels[i] = i % 3 == 0;
    return (an_membership_conf){.arch = arch,
                                .width = WIDTH,
                                .x = x,
                                .n = N,
                                .test = x,
                                .labels = labels,
                                .n_test = N,
                                .models = 8,
                                .epochs = epochs,
                                .batch = 10,
                                .lr = 0.01,
                                .epsilon = epsilon,
                                .delta = 1e-3,
                                .rate = 0.2,
                                .clip = 0.5,
                                .seed = 2,
                                .n_threads = 2};
}

static an_membership_result run(size_t epochs, double epsilon)
{
    an_note why = {{0}};
    an_membership_result r;
    const an_membership_conf conf = conf_of(epochs, epsilon);
    if (an_membership_run(&conf, &r, &why) != AN_OK)
        fail_msg("%s", why.text);
    return r;
}

static void what_was_learned_by_heart_is_told_from_the_rest(void **state)
{
    (void)state;
    const an_membership_result r = run(80, 0);
    assert_true(r.member_loss < 0.5 * r.other_loss);
    assert_true(r.threshold_advantage > 0.3);
    assert_true(r.shadow_auroc > 0.95 && r.shadow_advantage > 0.8 && r.shadow_tpr_1 > 0.5);
    assert_true(r.noise == 0 && r.bound == 1);
    assert_true(r.auroc > 0.2 && r.auroc < 0.8); /* the labels mean nothing */
}

static void privacy_keeps_the_attacks_near_a_coin_and_under_the_bound(void **state)
{
    (void)state;
    const an_membership_result r = run(8, 0.5);
    assert_true(r.noise > 1 && r.rows_clipped > 0);
    assert_true(fabs(r.bound - (1 - 2 * (1 - 1e-3) / (1 + exp(0.5)))) < 1e-12);
    assert_true(fabs(r.shadow_auroc - 0.5) < 0.12);
    assert_true(r.threshold_advantage < r.bound + 0.1);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    an_membership_result r;
    an_note why = {{0}};
    an_membership_conf c = conf_of(1, 0);
    c.models = 5;
    assert_int_equal(an_membership_run(&c, &r, &why), AN_ERR_INVAL);
    c = conf_of(1, 0);
    c.n = 3;
    assert_int_equal(an_membership_run(&c, &r, &why), AN_ERR_INVAL);
    c = conf_of(1, 1);
    c.rate = 2;
    assert_true(an_membership_run(&c, &r, &why) != AN_OK);
    c = conf_of(1, 0);
    c.arch = "model: x\nlayers: 7\n";
    assert_true(an_membership_run(&c, &r, &why) != AN_OK);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    an_membership_result r;
    an_membership_conf c = conf_of(1, 8);
    size_t n = 0;
    an_err err;
    c.arch =
        "model: s\ninput: {features: 16}\nlayers: [{dense: {units: 1}}, {dense: {units: 16}}]\nloss: mse\n"
        "target: input\n";
    c.models = 4;
    c.rate = 1;
    c.n = 8;
    c.n_test = 8;
    c.n_threads = 1;
    do {
        an_mem_fail_after(n++);
        err = an_membership_run(&c, &r, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
    } while (err != AN_OK);
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_learned_by_heart_is_told_from_the_rest),
        cmocka_unit_test(privacy_keeps_the_attacks_near_a_coin_and_under_the_bound),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(survives_every_allocation_failure),
    };
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
