/* The roster and the cohorts that come of it and a plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/support/samples.h"
#include "trust/cohort.h"

static an_plan plan;
static const an_hash plan_hash = {{7}};

static void make(an_roster *r, an_roster_site *sites)
{
    static const char *const names[] = {"plant-a", "plant-b", "plant-c"};
    *r = (an_roster){.counter = 3, .issued_ms = INT64_C(1767225600000), .sites = sites, .n = 3};
    for (uint8_t i = 0; i < 3; i++) {
        sites[i] = (an_roster_site){.key = {(uint8_t)(i + 1)}};
        an_text_set(sites[i].name, sizeof sites[i].name, names[i]);
        an_text_set(sites[i].party, sizeof sites[i].party, names[i]);
    }
}

static void text_of(const an_roster *r, an_buf *b)
{
    an_buf_init(b, AN_ROSTER_TEXT_MAX);
    assert_int_equal(an_roster_text(r, b, NULL), AN_OK);
}

static void a_roster_comes_back_to_the_same_text(void **state)
{
    (void)state;
    an_roster r, back;
    an_roster_site sites[3];
    an_buf b;
    make(&r, sites);
    text_of(&r, &b);
    assert_int_equal(an_roster_parse(b.data, b.len, &back, NULL), AN_OK);
    assert_int_equal(back.n, 3);
    assert_true(back.counter == 3);
    assert_string_equal(an_roster_find(&back, "plant-b")->party, "plant-b");
    assert_int_equal(an_roster_find(&back, "plant-c")->key[0], 3);
    assert_null(an_roster_find(&back, "plant-d"));
    an_roster_done(&back);
    an_buf_done(&b);
}

static void a_roster_may_expire_and_says_so_in_one_form(void **state)
{
    (void)state;
    an_roster r, back;
    an_roster_site sites[3];
    an_buf b;
    make(&r, sites);
    r.expires_ms = r.issued_ms + 1000;
    text_of(&r, &b);
    an_buf_u8(&b, 0);
    assert_non_null(strstr((const char *)b.data, "\nexpires 1767225601000\nsite "));
    assert_int_equal(an_roster_parse(b.data, b.len - 1, &back, NULL), AN_OK);
    assert_true(back.expires_ms == r.expires_ms && back.n == 3);
    an_roster_done(&back);
    an_buf_done(&b);
    for (int i = 0; i < 2; i++) {
        r.expires_ms = i ? r.issued_ms : -1; /* not after it was issued */
        an_buf_init(&b, AN_ROSTER_TEXT_MAX);
        assert_int_equal(an_roster_text(&r, &b, NULL), AN_ERR_INVAL);
        an_buf_done(&b);
    }
    static const char never[] = "andon-roster-1\ncounter 3\nissued 5\nexpires 0\n"
                                "site plant-a party plant-a key "
                                "0100000000000000000000000000000000000000000000000000000000000000\n";
    assert_int_equal(an_roster_parse(never, strlen(never), &back, NULL), AN_ERR_PROTO);
}

static void any_changed_byte_of_a_roster_is_refused_or_breaks_its_signature(void **state)
{
    (void)state;
    uint8_t public[AN_SIGN_PUBLIC_BYTES], secret[AN_SIGN_SECRET_BYTES], sig[AN_SIGN_BYTES];
    an_roster r, back;
    an_roster_site sites[3];
    an_buf b;
    make(&r, sites);
    text_of(&r, &b);
    an_sign_keypair(public, secret);
    an_roster_sign(sig, b.data, b.len, secret);
    assert_int_equal(an_roster_check(b.data, b.len, sig, public, NULL), AN_OK);
    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= 1;
        assert_int_equal(an_roster_check(b.data, b.len, sig, public, NULL), AN_ERR_AUTH);
        if (an_roster_parse(b.data, b.len, &back, NULL) == AN_OK)
            an_roster_done(&back);
        b.data[i] ^= 1;
    }
    for (size_t len = 0; len < b.len; len++) /* cut after a line it is a smaller roster */
        if (an_roster_parse(b.data, len, &back, NULL) == AN_OK) {
            assert_int_equal(b.data[len - 1], '\n');
            an_roster_done(&back);
        }
    an_buf_done(&b);
}

static void one_key_under_two_names_is_no_roster(void **state)
{
    (void)state;
    an_roster r;
    an_roster_site sites[3];
    an_note why;
    an_buf b;
    make(&r, sites);
    sites[2].key[0] = 1;
    an_buf_init(&b, AN_ROSTER_TEXT_MAX);
    assert_int_equal(an_roster_text(&r, &b, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "roster: two sites have the same statement key");
    an_buf_done(&b);
}

static void a_plan_names_only_sites_of_the_roster(void **state)
{
    (void)state;
    an_roster r;
    an_roster_site sites[3];
    an_cohort c;
    an_note why;
    make(&r, sites);
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    assert_int_equal(an_cohort_of(&plan, &plan_hash, &r, 0, &c, NULL), AN_OK);
    assert_int_equal(c.n_parties, 3);
    assert_int_equal(c.params.n, 3);
    an_cohort_done(&c);
    an_text_set(sites[2].name, sizeof sites[2].name, "plant-x");
    assert_int_equal(an_cohort_of(&plan, &plan_hash, &r, 0, &c, &why), AN_ERR_REFUSED);
    assert_string_equal(why.text, "site plant-c is not in the signed roster");
}

static void sites_of_one_party_count_once(void **state)
{
    (void)state;
    an_roster r;
    an_roster_site sites[3];
    an_cohort c;
    an_note why;
    make(&r, sites);
    an_text_set(sites[2].party, sizeof sites[2].party, "plant-a");
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    assert_int_equal(an_cohort_of(&plan, &plan_hash, &r, 0, &c, &why), AN_ERR_REFUSED);
    assert_string_equal(why.text, "2 parties in a sum, and 3 is the least of this plan");
}

/* The coordinator picks the cohort: with four colluding parties of a hundred it would pick these four. */
static void who_may_collude_is_counted_in_the_roster(void **state)
{
    (void)state;
    enum { PARTIES = 100 };
    static an_roster_site sites[PARTIES];
    const an_roster r = {.counter = 1, .sites = sites, .n = PARTIES};
    an_cohort c;
    an_note why;
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    for (uint32_t i = 0; i < PARTIES; i++) {
        snprintf(sites[i].name, sizeof sites[i].name, "plant-%02u", i);
        memcpy(sites[i].party, sites[i].name, sizeof sites[i].party);
        sites[i].key[0] = (uint8_t)(i + 1);
        if (i < 6)
            memcpy(plan.cohort[i], sites[i].name, AN_NAME_MAX);
    }
    plan.secure.colluders_permille = 40;
    plan.n_cohort = 5;
    assert_int_equal(an_cohort_of(&plan, &plan_hash, &r, 0, &c, &why), AN_ERR_REFUSED);
    assert_string_equal(why.text,
                        "5 parties in a sum, and 4 of the roster's 100 may collude: at least 6 are needed");
    plan.n_cohort = 6;
    assert_int_equal(an_cohort_of(&plan, &plan_hash, &r, 0, &c, NULL), AN_OK);
    assert_int_equal(c.params.colluding, 4);
    an_cohort_done(&c);
    for (uint32_t i = 0; i < PARTIES; i++) /* all of two hands and five more */
        if (i > 6)
            snprintf(sites[i].party, sizeof sites[i].party, "%s", i % 2 ? "north" : "south");
    assert_int_equal(an_roster_parties(&r), 9);
    assert_int_equal(an_cohort_of(&plan, &plan_hash, &r, 0, &c, NULL), AN_OK);
    assert_int_equal(c.params.colluding, 1);
    an_cohort_done(&c);
}

/* With the default share nothing changes up to ten parties: one may collude, and three are enough. */
static void up_to_ten_parties_a_share_of_a_tenth_is_one(void **state)
{
    (void)state;
    for (uint32_t n = 3; n <= 11; n++)
        assert_int_equal(an_sum_graph_colluding_parties(n, 100), n <= 10 ? 1 : 2);
}

/* The table of docs/SECURITY.md. */
static void a_cohort_says_what_it_protects_and_bears(void **state)
{
    (void)state;
    static const struct {
        uint32_t n, others, losses;
    } table[] = {{3, 2, 0}, {4, 3, 1}, {5, 4, 1}, {10, 9, 4}};
    static an_roster_site sites[10];
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    plan.min_cohort = 3;
    plan.secure.colluders_permille = 100;
    plan.secure.dropouts_permille = 300;
    for (uint32_t i = 0; i < 10; i++) {
        snprintf(sites[i].name, sizeof sites[i].name, "plant-%02u", i);
        memcpy(sites[i].party, sites[i].name, sizeof sites[i].party);
        memcpy(plan.cohort[i], sites[i].name, AN_NAME_MAX);
        sites[i].key[0] = (uint8_t)(i + 1);
    }
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        const an_roster r = {.counter = 1, .sites = sites, .n = table[k].n};
        an_cohort c;
        an_note said;
        char want[200];
        plan.n_cohort = table[k].n;
        assert_int_equal(an_cohort_of(&plan, &plan_hash, &r, 0, &c, NULL), AN_OK);
        assert_int_equal(an_cohort_promise(&c, &said), AN_OK);
        snprintf(
            want, sizeof want,
            "secure sum of %u sites of %u parties: nothing but their sum can be read; where 1 of the parties "
            "collude, the sum of the other %u sites; %u may be lost after the key list",
            table[k].n, table[k].n, table[k].others, table[k].losses);
        assert_string_equal(said.text, want);
        an_cohort_done(&c);
    }
}

static void groups_part_the_cohort(void **state)
{
    (void)state;
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    plan.n_cohort = 11;
    plan.secure.groups = 3;
    uint32_t n = 0;
    for (uint32_t g = 0; g < 3; g++)
        for (uint32_t p = 0; an_cohort_site(&plan, g, p) < plan.n_cohort; p++, n++) {
            uint32_t i = an_cohort_site(&plan, g, p);
            assert_int_equal(an_cohort_group(&plan, i), g);
            assert_int_equal(an_cohort_place(&plan, i), p);
        }
    assert_int_equal(n, 11);
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    an_roster r, back;
    an_roster_site sites[3];
    an_cohort c;
    an_buf b;
    an_err err = AN_ERR_NOMEM;
    make(&r, sites);
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    text_of(&r, &b);
    for (size_t n = 0; err == AN_ERR_NOMEM; n++) {
        an_mem_fail_after(n);
        err = an_roster_parse(b.data, b.len, &back, NULL);
        if (err == AN_OK) {
            err = an_cohort_of(&plan, &plan_hash, &back, 0, &c, NULL);
            an_roster_done(&back);
        }
        an_mem_fail_after(SIZE_MAX);
    }
    assert_int_equal(err, AN_OK);
    an_cohort_done(&c);
    an_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_roster_comes_back_to_the_same_text),
        cmocka_unit_test(a_roster_may_expire_and_says_so_in_one_form),
        cmocka_unit_test(any_changed_byte_of_a_roster_is_refused_or_breaks_its_signature),
        cmocka_unit_test(one_key_under_two_names_is_no_roster),
        cmocka_unit_test(a_plan_names_only_sites_of_the_roster),
        cmocka_unit_test(sites_of_one_party_count_once),
        cmocka_unit_test(who_may_collude_is_counted_in_the_roster),
        cmocka_unit_test(up_to_ten_parties_a_share_of_a_tenth_is_one),
        cmocka_unit_test(a_cohort_says_what_it_protects_and_bears),
        cmocka_unit_test(groups_part_the_cohort),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
