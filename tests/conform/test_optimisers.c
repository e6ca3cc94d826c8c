/* Every row of the table of optimisers: it finds the bottom of a bowl, and it is elementwise.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "models/optimiser.h"

#define N 37u

typedef struct run {
    float w[N], g[N], state[AN_OPTIMISER_STATE_MAX][N];
} run;

static void run_init(run *r)
{
    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < N; i++)
        r->w[i] = (float)i * 0.1f - 1.0f;
}

/* Steps [from, to) of the parameters down the bowl |w - 0.5|^2 / 2. */
static void steps(const an_optimiser *o, run *r, size_t from, size_t to, size_t n, double decay)
{
    for (uint64_t t = 1; t <= n; t++) {
        float *state[AN_OPTIMISER_STATE_MAX];
        for (size_t i = 0; i < AN_OPTIMISER_STATE_MAX; i++)
            state[i] = r->state[i] + from;
        for (size_t i = from; i < to; i++)
            r->g[i] = r->w[i] - 0.5f;
        an_optimiser_args args = {.lr = 0.01, .momentum = 0.5, .weight_decay = decay, .step = t};
        o->step(&args, to - from, r->w + from, state, &(an_vec_grad){r->g + from, 0, 1, 1.0f});
    }
}

static void it_finds_the_bottom_of_a_bowl(void **state)
{
    run r;
    run_init(&r);
    steps(*state, &r, 0, N, 1500, 0.0);
    for (size_t i = 0; i < N; i++)
        assert_float_equal(r.w[i], 0.5f, 1e-2f);
}

static void the_first_step_goes_downhill_in_every_coordinate(void **state)
{
    run r;
    run_init(&r);
    steps(*state, &r, 0, N, 1, 0.0);
    for (size_t i = 0; i < N; i++) {
        float before = (float)i * 0.1f - 1.0f;
        assert_true(fabsf(r.w[i] - 0.5f) <= fabsf(before - 0.5f));
        assert_true(fabsf(before - 0.5f) < 0.01f || r.w[i] != before);
    }
}

static void parts_give_the_same_bits_as_the_whole(void **state)
{
    run whole, parts;
    run_init(&whole);
    run_init(&parts);
    steps(*state, &whole, 0, N, 10, 0.01);
    steps(*state, &parts, 0, 5, 10, 0.01);
    steps(*state, &parts, 5, N, 10, 0.01);
    assert_memory_equal(whole.w, parts.w, sizeof whole.w);
}

static void weight_decay_shrinks_what_has_no_gradient(void **state)
{
    const an_optimiser *o = *state;
    run r;
    run_init(&r);
    float *s[AN_OPTIMISER_STATE_MAX] = {r.state[0], r.state[1]};
    an_optimiser_args args = {.lr = 0.1, .momentum = 0.5, .weight_decay = 0.5, .step = 1};
    o->step(&args, N, r.w, s, &(an_vec_grad){r.g, 0, 1, 1.0f});
    for (size_t i = 0; i < N; i++)
        assert_float_equal(r.w[i], 0.95f * ((float)i * 0.1f - 1.0f), 1e-6f);
}

static void it_is_found_by_its_name_and_states_its_memory(void **state)
{
    const an_optimiser *o = *state;
    assert_ptr_equal(an_optimiser_find(o->name), o);
    assert_null(an_optimiser_find("no such optimiser"));
    assert_in_range(o->n_state, 0, AN_OPTIMISER_STATE_MAX);
}

/* Two steps by hand, from the formulas of the papers. */
static void adam_and_sgd_do_what_their_papers_say(void **state)
{
    (void)state;
    float w = 1.0f, m = 0.0f, v = 0.0f, g = 0.5f;
    float *s[AN_OPTIMISER_STATE_MAX] = {&m, &v};
    const an_vec_grad one = {&g, 0, 1, 1.0f};
    for (uint64_t t = 1; t <= 2; t++)
        an_optimiser_find("adam")->step(&(an_optimiser_args){.lr = 0.1, .step = t}, 1, &w, s, &one);
    assert_float_equal(w, 0.8f, 1e-5f); /* a constant gradient moves by lr a step */
    float u = 1.0f, velocity = 0.0f;
    float *su[AN_OPTIMISER_STATE_MAX] = {&velocity, NULL};
    for (uint64_t t = 1; t <= 2; t++)
        an_optimiser_find("sgd")->step(&(an_optimiser_args){.lr = 0.1, .momentum = 0.9, .step = t}, 1, &u, su,
                                       &one);
    assert_float_equal(u, 1.0f - 0.05f - 0.095f, 1e-6f);
}

int main(void)
{
    int failed = 0;
    for (size_t i = 0; an_optimiser_at(i); i++) {
        void *o = (void *)(uintptr_t)an_optimiser_at(i);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(it_is_found_by_its_name_and_states_its_memory, o),
            cmocka_unit_test_prestate(it_finds_the_bottom_of_a_bowl, o),
            cmocka_unit_test_prestate(the_first_step_goes_downhill_in_every_coordinate, o),
            cmocka_unit_test_prestate(parts_give_the_same_bits_as_the_whole, o),
            cmocka_unit_test_prestate(weight_decay_shrinks_what_has_no_gradient, o),
        };
        failed += cmocka_run_group_tests_name(an_optimiser_at(i)->name, tests, NULL, NULL);
    }
    const struct CMUnitTest by_hand[] = {cmocka_unit_test(adam_and_sgd_do_what_their_papers_say)};
    return failed + cmocka_run_group_tests_name("by hand", by_hand, NULL, NULL);
}
