/* The server optimisers: steps by hand, and what every row must keep. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/server_optimiser.h"

#define N 33

static const an_server_args usual = {.lr = 0.1, .momentum = 0.9, .beta1 = 0.9, .beta2 = 0.99, .tau = 1e-3};

typedef struct run {
    float w[N], state[AN_SERVER_STATE_MAX][N];
    double delta[N];
} run;

static void run_init(run *r, const an_server_optimiser *o, const an_server_args *a)
{
    assert_true(o->n_state(a) <= AN_SERVER_STATE_MAX);
    for (size_t i = 0; i < N; i++) {
        r->w[i] = (float)i * 0.1f - 1.0f;
        for (size_t k = 0; k < AN_SERVER_STATE_MAX; k++)
            r->state[k][i] = an_server_optimiser_start(o, a, k);
    }
}

static bool step(run *r, const an_server_optimiser *o, const an_server_args *a, size_t from, size_t to)
{
    float *state[AN_SERVER_STATE_MAX] = {r->state[0] + from, r->state[1] + from};
    return o->step(a, to - from, r->w + from, state, r->delta + from);
}

static const an_server_optimiser *row(const char *name)
{
    const an_server_optimiser *o = an_server_optimiser_find(name);
    assert_non_null(o);
    return o;
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-6 * fabs(want)))
        fail_msg("%.9g instead of %.9g", got, want);
}

static void two_rounds_are_what_the_formulas_say(void **state)
{
    (void)state;
    /* w = 0, then d = 1 and d = -0.5, lr 0.1.  FedAdam and FedYogi with beta1 = 0.9, beta2 = 0.99, tau = 1:
     *   m: 0.1, then 0.04.
     *   adam v: 1, then 0.99 + 0.0025;  yogi v: 1 (sign 0), then 1 - 0.0025. */
    static const struct {
        const char *name;
        double first, second;
    } cases[] = {
        {"fedavg", 0.1, 0.1 + 0.1 * 0.4},
        {"fedadam", 0.1 * 0.1 / 2, 0.005 + 0.1 * 0.04 / (0.99624294225 + 1)},
        {"fedyogi", 0.1 * 0.1 / 2, 0.005 + 0.1 * 0.04 / (0.99874921777 + 1)},
    };
    an_server_args a = usual;
    a.tau = 1;
    for (size_t i = 0; i < 3; i++) {
        const an_server_optimiser *o = row(cases[i].name);
        run r = {0};
        run_init(&r, o, &a);
        r.w[0] = 0;
        r.delta[0] = 1;
        assert_true(step(&r, o, &a, 0, 1));
        near((double)r.w[0], cases[i].first);
        r.delta[0] = -0.5;
        assert_true(step(&r, o, &a, 0, 1));
        near((double)r.w[0], cases[i].second);
    }
    a.momentum = 0;
    assert_int_equal(row("fedavg")->n_state(&a), 0);
}

static void every_row_walks_to_where_the_deltas_point(void **state)
{
    (void)state;
    for (size_t k = 0; an_server_optimiser_at(k); k++) {
        const an_server_optimiser *o = an_server_optimiser_at(k);
        assert_ptr_equal(an_server_optimiser_find(o->name), o);
        run r = {0};
        run_init(&r, o, &usual);
        double before = 0, after = 0;
        for (int round = 0; round < 400; round++) {
            for (size_t i = 0; i < N; i++) {
                r.delta[i] = 0.1 * (0.5 - (double)r.w[i]);
                before += round == 0 ? fabs(r.delta[i]) : 0;
                after += round == 399 ? fabs(r.delta[i]) : 0;
            }
            an_server_args a = usual;
            a.lr = 0.02;
            assert_true(step(&r, o, &a, 0, N));
        }
        if (!(after < 0.2 * before))
            fail_msg("%s: %g after %g", o->name, after, before);
    }
}

static void blocks_of_any_size_give_the_same_bits(void **state)
{
    (void)state;
    for (size_t k = 0; an_server_optimiser_at(k); k++) {
        const an_server_optimiser *o = an_server_optimiser_at(k);
        run whole = {0}, parts = {0};
        run_init(&whole, o, &usual);
        run_init(&parts, o, &usual);
        for (int round = 0; round < 5; round++) {
            for (size_t i = 0; i < N; i++)
                whole.delta[i] = parts.delta[i] = sin((double)(i + 7) * (round + 1));
            assert_true(step(&whole, o, &usual, 0, N));
            assert_true(step(&parts, o, &usual, 20, N) && step(&parts, o, &usual, 0, 20));
        }
        assert_memory_equal(&whole, &parts, sizeof whole);
    }
}

static void no_change_at_the_start_changes_nothing(void **state)
{
    (void)state;
    for (size_t k = 0; an_server_optimiser_at(k); k++) {
        const an_server_optimiser *o = an_server_optimiser_at(k);
        run r = {0}, was = {0};
        run_init(&r, o, &usual);
        run_init(&was, o, &usual);
        assert_true(step(&r, o, &usual, 0, N));
        assert_memory_equal(r.w, was.w, sizeof r.w);
    }
}

static void the_adaptive_ones_do_not_mind_the_scale_of_the_deltas(void **state)
{
    static const char *const names[] = {"fedadam", "fedyogi"};
    (void)state;
    an_server_args a = usual;
    a.tau = 1e-9;
    for (size_t k = 0; k < 2; k++) {
        run small = {0}, large = {0};
        run_init(&small, row(names[k]), &a);
        run_init(&large, row(names[k]), &a);
        small.delta[0] = 1e-3;
        large.delta[0] = 1;
        float from = small.w[0];
        for (int round = 0; round < 20; round++)
            assert_true(step(&small, row(names[k]), &a, 0, 1) && step(&large, row(names[k]), &a, 0, 1));
        /* Apart from tau and what floats lose. */
        assert_true(fabsf(small.w[0] - large.w[0]) <= 1e-4f * fabsf(large.w[0] - from));
        assert_true(large.w[0] - from > 1);
        assert_true(large.state[1][0] > 0);
    }
}

static void what_is_not_finite_is_said(void **state)
{
    (void)state;
    for (size_t k = 0; an_server_optimiser_at(k); k++) {
        run r = {0};
        run_init(&r, an_server_optimiser_at(k), &usual);
        r.delta[4] = NAN;
        assert_false(step(&r, an_server_optimiser_at(k), &usual, 0, N));
        run_init(&r, an_server_optimiser_at(k), &usual);
        r.delta[4] = 1e300;
        assert_false(step(&r, an_server_optimiser_at(k), &usual, 0, N));
    }
    assert_null(an_server_optimiser_find("sgd"));
    assert_int_equal(an_server_args_check(&usual, NULL), AN_OK);
    for (int i = 0; i < 6; i++) {
        an_server_args a = usual;
        *(i == 0   ? &a.lr
          : i == 1 ? &a.tau
          : i == 2 ? &a.momentum
          : i == 3 ? &a.beta1
                   : &a.beta2) = i < 2    ? 0
                                 : i == 5 ? NAN
                                          : 1;
        assert_int_equal(an_server_args_check(&a, NULL), AN_ERR_INVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_rounds_are_what_the_formulas_say),
        cmocka_unit_test(every_row_walks_to_where_the_deltas_point),
        cmocka_unit_test(blocks_of_any_size_give_the_same_bits),
        cmocka_unit_test(no_change_at_the_start_changes_nothing),
        cmocka_unit_test(the_adaptive_ones_do_not_mind_the_scale_of_the_deltas),
        cmocka_unit_test(what_is_not_finite_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
