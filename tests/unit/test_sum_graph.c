/* The graph of the secure sum: the bounds hold by brute force and by simulation, and what cannot be had
 * is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "sum/graph.h"

static an_sum_graph_want want_of(uint32_t n, uint32_t colluders, uint32_t dropouts)
{
    return (an_sum_graph_want){
        .n = n, .colluders = colluders, .dropouts = dropouts, .security_bits = 40, .correctness_bits = 30};
}

static void small_cohorts_get_the_complete_graph(void **state)
{
    static const uint32_t cases[][4] = {
        {3, 1, 0, 3}, {4, 1, 1, 3}, {5, 1, 1, 4}, {10, 1, 4, 6}, {40, 4, 12, 23}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        an_sum_graph_want w = want_of(cases[i][0], cases[i][1], cases[i][2]);
        an_sum_graph g, again;
        an_note why;
        assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_OK);
        assert_int_equal(g.k, w.n - 1);
        assert_int_equal(g.t, cases[i][3]);
        assert_int_equal(g.quorum, g.t);
        assert_int_equal(g.in_max, w.n - 1);
        assert_true(g.t <= w.n - w.dropouts && 2 * g.t > w.n + w.colluders);
        assert_int_equal(an_sum_graph_check(&again, g.k, g.t, &w, &why), AN_OK);
        assert_memory_equal(&again, &g, sizeof g);
    }
}

static void large_cohorts_get_a_sparse_graph_with_room_on_both_sides(void **state)
{
    (void)state;
    for (uint32_t n = 200; n <= 1000; n += 400) {
        an_sum_graph_want w = want_of(n, n / 10, n / 10);
        an_sum_graph g, again;
        an_note why;
        assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_OK);
        assert_true(g.k < n / 2);
        assert_true(2 * g.t > g.k + 1 && g.t <= g.k);
        assert_true(g.in_max >= g.k && g.in_max <= n - 1);
        assert_int_equal(an_sum_graph_check(&again, g.k, g.t, &w, &why), AN_OK);
        assert_memory_equal(&again, &g, sizeof g);
        /* One less of either, and colluders could get both secrets of a site, or parts stand alone. */
        assert_int_equal(an_sum_graph_check(&again, g.k, g.t - 1, &w, &why), AN_ERR_REFUSED);
        assert_int_equal(an_sum_graph_check(&again, g.k - 1, g.t, &w, &why), AN_ERR_REFUSED);
        assert_int_equal(an_sum_graph_check(&again, 3, 3, &w, &why), AN_ERR_REFUSED);
        assert_int_equal(an_sum_graph_check(&again, g.k, g.k + 1, &w, &why), AN_ERR_REFUSED);
        assert_int_equal(an_sum_graph_check(&again, n, g.t, &w, &why), AN_ERR_REFUSED);
        assert_int_equal(an_sum_graph_check(&again, g.k, UINT32_MAX, &w, &why), AN_ERR_REFUSED);
    }
}

static void what_cannot_be_had_is_refused_with_a_reason(void **state)
{
    an_sum_graph g;
    an_note why = {{0}};
    an_sum_graph_want w = want_of(3, 1, 1); /* two must not hold the third's secret, nor two suffice */
    (void)state;
    assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "must sign one list"));
    w = want_of(3, 2, 0); /* one alone is what is left when two take theirs off */
    assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "leaves no two others"));
    assert_int_equal(an_sum_graph_check(&g, 2, 3, &w, &why), AN_ERR_REFUSED);
    w = want_of(10, 0, 0);
    assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_ERR_INVAL);
    w = want_of(2, 1, 0);
    assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_ERR_INVAL);
    w = want_of(AN_COHORT_MAX + 1, 1, 0);
    assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_ERR_INVAL);
    w = want_of(10, 11, 0);
    assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_ERR_REFUSED);
    w = want_of(10, 1, 11);
    assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_ERR_REFUSED);
    w = want_of(1000, 330, 300); /* more neighbours than there are shares */
    assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "no graph of 1000 sites"));
}

/* With few bits the tail is large enough to be seen in a simulation: drawn graphs must break the bounds
 * about as often as they say, never more. */
static void drawn_graphs_keep_the_bounds(void **state)
{
    enum { TRIALS = 400, SITES = 200 };
    an_sum_graph_want w = {
        .n = SITES, .colluders = 20, .dropouts = 20, .security_bits = 6, .correctness_bits = 6};
    an_sum_graph g;
    an_note why;
    size_t both = 0, starved = 0;
    (void)state;
    assert_int_equal(an_sum_graph_plan(&g, &w, &why), AN_OK);
    assert_true(g.k < SITES / 2);
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        uint16_t drawn[SITES];
        uint32_t in[SITES] = {0};
        bool bad = false, short_of = false;
        for (uint32_t i = 0; i < SITES; i++) {
            uint8_t seed[32] = {(uint8_t)i, (uint8_t)trial, (uint8_t)(trial >> 8)};
            uint32_t colluding = 0, lost = 0;
            assert_int_equal(an_sum_graph_draw(drawn, &g, i, seed), AN_OK);
            for (uint32_t j = 0; j < g.k; j++) {
                assert_true(drawn[j] != i && drawn[j] < SITES && (j == 0 || drawn[j] > drawn[j - 1]));
                colluding += drawn[j] < w.colluders;
                lost += drawn[j] >= SITES - w.dropouts;
                in[drawn[j]]++;
            }
            bad = bad || 2 * g.t <= g.k + 1 + colluding;
            short_of = short_of || g.k - lost + (i < SITES - w.dropouts) < g.t;
        }
        for (uint32_t i = 0; i < SITES; i++)
            assert_true(in[i] <= g.in_max);
        both += bad;
        starved += short_of;
    }
    /* At most 1/128 and 1/64 of 400 are expected: 3 and 6; five times that is beyond chance. */
    assert_true(both <= 16);
    assert_true(starved <= 32);
}

static void neighbours_are_drawn_evenly(void **state)
{
    enum { SITES = 20, DRAWS = 4000, EACH = 5 };
    an_sum_graph g = {.n = SITES, .k = EACH};
    uint32_t count[SITES] = {0};
    double chi = 0, expected = (double)DRAWS * EACH / (SITES - 1);
    (void)state;
    for (uint32_t d = 0; d < DRAWS; d++) {
        uint16_t drawn[EACH];
        uint8_t seed[32] = {(uint8_t)d, (uint8_t)(d >> 8), 9};
        assert_int_equal(an_sum_graph_draw(drawn, &g, 7, seed), AN_OK);
        for (size_t j = 0; j < EACH; j++)
            count[drawn[j]]++;
    }
    assert_int_equal(count[7], 0);
    for (size_t i = 0; i < SITES; i++)
        if (i != 7)
            chi += (count[i] - expected) * (count[i] - expected) / expected;
    assert_true(chi < 42.3); /* 99.9 % of chi-square with 18 degrees */
}

static void sites_of_one_party_count_once_and_collude_together(void **state)
{
    const uint32_t party[10] = {1, 1, 1, 2, 3, 4, 4, 5, 6, 7}; /* seven parties */
    (void)state;
    assert_int_equal(an_sum_graph_parties(party, 10), 7);
    assert_int_equal(an_sum_graph_colluders(party, 10, 1), 3); /* the largest */
    assert_int_equal(an_sum_graph_colluders(party, 10, 2), 5);
    assert_int_equal(an_sum_graph_colluders(party, 10, 3), 6);
    assert_int_equal(an_sum_graph_colluders(party, 10, 50), 10);
    assert_int_equal(an_sum_graph_dropouts(10, 300), 3);
    assert_int_equal(an_sum_graph_dropouts(3, 300), 0);
    assert_int_equal(an_sum_graph_dropouts(10, 0), 0);
}

static void colluders_are_rounded_up_and_never_none(void **state)
{
    static const uint32_t cases[][3] = {{3, 100, 1},    {5, 100, 1}, {10, 100, 1}, {11, 100, 2},    {3, 0, 1},
                                        {10, 5000, 10}, {7, 150, 2}, {100, 40, 4}, {1000, 100, 100}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(an_sum_graph_colluding_parties(cases[i][0], cases[i][1]), cases[i][2]);
}

static void too_little_memory_is_an_error(void **state)
{
    an_sum_graph g = {.n = 5, .k = 4};
    uint16_t drawn[4];
    uint8_t seed[32] = {1};
    (void)state;
    an_mem_fail_after(0);
    an_err err = an_sum_graph_draw(drawn, &g, 0, seed);
    an_mem_fail_never();
    assert_int_equal(err, AN_ERR_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_cohorts_get_the_complete_graph),
        cmocka_unit_test(large_cohorts_get_a_sparse_graph_with_room_on_both_sides),
        cmocka_unit_test(what_cannot_be_had_is_refused_with_a_reason),
        cmocka_unit_test(drawn_graphs_keep_the_bounds),
        cmocka_unit_test(neighbours_are_drawn_evenly),
        cmocka_unit_test(sites_of_one_party_count_once_and_collude_together),
        cmocka_unit_test(colluders_are_rounded_up_and_never_none),
        cmocka_unit_test(too_little_memory_is_an_error),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
