/* The site's own account: it adds up over rounds and restarts, and the site's policy is held to it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/account.h"
#include "agent/site_policy.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/support/folder.h"
#include "tests/support/samples.h"

#define DELTA 1e-5

typedef struct fixture {
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_spool *spool;
    an_plan plan;
} fixture;

static void open_spool(fixture *f)
{
    an_note why = {{0}};
    const an_spool_conf conf = {.quota_bytes = 0};
    if (an_spool_open(f->path, &conf, &f->spool, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static int setup(void **state)
{
    static fixture f;
    memset(&f, 0, sizeof f);
    an_test_folder_make(f.dir);
    assert_int_equal(an_path_join(f.path, f.dir, "spool"), AN_OK);
    open_spool(&f);
    an_sample_plan(&f.plan, AN_PAYLOAD_TRAIN);
    f.plan.dp_unit = AN_DP_RECORD;
    f.plan.dp_noise = 1;
    f.plan.dp_rate = 0.1;
    f.plan.dp_clip = 1;
    f.plan.dp_delta = 0.01; /* what the coordinator would like; the site uses its own */
    f.plan.local_epochs = 2;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_spool_close(f->spool);
    an_test_folder_remove(f->dir);
    return 0;
}

static double with_round(fixture *f)
{
    double epsilon = -1;
    assert_int_equal(an_account_with(f->spool, &f->plan, DELTA, &epsilon, NULL), AN_OK);
    return epsilon;
}

static void rounds_add_up_and_survive_a_restart(void **state)
{
    fixture *f = *state;
    an_privacy_account want = {{0}};
    an_account a;
    assert_int_equal(an_privacy_add_gaussian(&want, 1, 0.1, 20, NULL), AN_OK);
    const double one = an_privacy_epsilon(&want, DELTA);
    assert_true(with_round(f) == one);
    assert_true(with_round(f) == one); /* asking costs nothing */
    assert_int_equal(an_account_spend(f->spool, &f->plan, NULL), AN_OK);
    an_spool_close(f->spool);
    open_spool(f);
    assert_int_equal(an_privacy_add_gaussian(&want, 1, 0.1, 20, NULL), AN_OK);
    assert_true(with_round(f) == an_privacy_epsilon(&want, DELTA));

    snprintf(f->plan.model, sizeof f->plan.model, "another"); /* has an account of its own */
    assert_true(with_round(f) == one);
    f->plan.dp_unit = AN_DP_NONE;
    assert_int_equal(an_account_spend(f->spool, &f->plan, NULL), AN_OK);
    f->plan.kind = AN_PAYLOAD_EVALUATE;
    assert_int_equal(an_account_spend(f->spool, &f->plan, NULL), AN_OK);
    assert_int_equal(an_account_get(f->spool, "another", &a, NULL), AN_OK);
    assert_true(a.bare == 1 && a.others == 1 && a.rounds[0] == 0 && a.spent[0].rdp[5] == 0);
}

static void the_policy_refuses_less_protection_and_more_epsilon_than_it_allows(void **state)
{
    fixture *f = *state;
    an_site_policy p;
    an_note why = {{0}};
    assert_int_equal(an_site_policy_init(&p), AN_OK);
    assert_int_equal(an_site_policy_privacy(&p, &f->plan, 1e9, &why), AN_OK);
    assert_int_equal(an_site_policy_set(&p, "dp.required", "record", "test", &why), AN_OK);
    assert_int_equal(an_site_policy_privacy(&p, &f->plan, 1e9, &why), AN_OK);
    f->plan.dp_unit = AN_DP_NONE;
    assert_int_equal(an_site_policy_privacy(&p, &f->plan, 0, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "dp.required"));
    f->plan.dp_unit = AN_DP_RECORD;
    assert_int_equal(an_site_policy_set(&p, "dp.required", "site", "test", &why), AN_OK);
    assert_int_equal(an_site_policy_privacy(&p, &f->plan, 0, &why), AN_ERR_REFUSED);
    f->plan.dp_unit = AN_DP_SITE;
    assert_int_equal(an_site_policy_privacy(&p, &f->plan, 0, &why), AN_OK);

    assert_int_equal(an_site_policy_set(&p, "dp.required", "none", "test", &why), AN_OK);
    assert_int_equal(an_site_policy_set(&p, "dp.epsilon_max", "3", "test", &why), AN_OK);
    assert_int_equal(an_site_policy_privacy(&p, &f->plan, 3, &why), AN_OK);
    assert_int_equal(an_site_policy_privacy(&p, &f->plan, 3.01, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "dp.epsilon_max"));
    f->plan.dp_unit = AN_DP_NONE;
    assert_int_equal(an_site_policy_privacy(&p, &f->plan, 0, &why), AN_ERR_REFUSED);
    f->plan.kind = AN_PAYLOAD_EVALUATE; /* for which there are other rows */
    assert_int_equal(an_site_policy_privacy(&p, &f->plan, 0, &why), AN_OK);
    an_site_policy_done(&p);
}

static void a_damaged_account_stops_what_would_be_added_to_it(void **state)
{
    fixture *f = *state;
    double epsilon;
    an_note why = {{0}};
    char name[128];
    snprintf(name, sizeof name, "privacy/%s", f->plan.model);
    assert_int_equal(an_spool_value_set(f->spool, name, "short", 5, NULL), AN_OK);
    assert_int_equal(an_account_with(f->spool, &f->plan, DELTA, &epsilon, &why), AN_ERR_PROTO);
    assert_int_equal(an_account_spend(f->spool, &f->plan, &why), AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "damaged"));
}

static void survives_every_allocation_failure(void **state)
{
    fixture *f = *state;
    size_t n = 0;
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = an_account_spend(f->spool, &f->plan, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
    } while (err != AN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rounds_add_up_and_survive_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(the_policy_refuses_less_protection_and_more_epsilon_than_it_allows,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_account_stops_what_would_be_added_to_it, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_every_allocation_failure, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
