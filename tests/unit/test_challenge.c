/* The challenge set: each fault where it belongs, reproducible, refused when it makes no sense.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/challenge.h"
#include "base/mem.h"
#include "base/rng.h"

#define W 3
#define T 8
#define N 50

static float fresh[N * T * W], old[N * T * W], confirmed[2 * T * W];
static double sigma[W];
static const char *const names[W] = {"flow", "heat", "fixed"};
static const an_failure_mode modes[] = {{"leak", 2, {{"flow", -4}, {"heat", 2}}}};

static an_challenge_in input(void)
{
    an_rng r;
    an_rng_init(&r, 1, 1);
    for (size_t i = 0; i < N * T; i++) {
        fresh[i * W] = 100 + (float)an_rng_normal(&r);
        fresh[i * W + 1] = 50 + 2 * (float)an_rng_normal(&r);
        fresh[i * W + 2] = 7;
        old[i * W] = 10 + (float)an_rng_normal(&r);
        old[i * W + 1] = 5 + 2 * (float)an_rng_normal(&r);
        old[i * W + 2] = 7;
    }
    for (size_t i = 0; i < 2 * T * W; i++)
        confirmed[i] = (float)i;
    an_challenge_sigma(sigma, old, N, T, W);
    return (an_challenge_in){.width = W,
                             .window = T,
                             .fresh = fresh,
                             .n_fresh = N,
                             .reference = old,
                             .n_reference = N,
                             .confirmed = confirmed,
                             .n_confirmed = 2,
                             .sigma = sigma,
                             .sensors = names,
                             .modes = modes,
                             .n_modes = 1,
                             .per_fault = 5};
}

static an_challenge *make(const an_challenge_in *in, uint64_t seed)
{
    an_challenge *set = NULL;
    an_err err = an_challenge_new(in, seed, &set, NULL);
    assert_int_equal(err, AN_OK);
    return set;
}

static const float *window_at(const an_challenge *set, size_t i)
{
    return set->windows + i * T * W;
}

static double mean_at(const an_challenge *set, size_t i, size_t j)
{
    double sum = 0;
    for (size_t t = 0; t < T; t++)
        sum += (double)window_at(set, i)[t * W + j] / T;
    return sum;
}

static void the_deviation_is_that_of_the_data(void **state)
{
    (void)state;
    input();
    assert_true(fabs(sigma[0] - 1) < 0.15);
    assert_true(fabs(sigma[1] - 2) < 0.3);
    assert_true(sigma[2] == 0);
}

static void each_fault_touches_its_own_sensor_on_new_data(void **state)
{
    (void)state;
    an_challenge_in in = input();
    an_challenge *set = make(&in, 4);
    size_t count[6] = {0};
    for (size_t i = 0; i < set->n; i++) {
        const an_challenge_item *item = &set->items[i];
        count[item->kind]++;
        if (item->kind >= AN_CHALLENGE_MODE)
            continue;
        assert_in_range(item->index, 0, 1); /* the constant sensor gets no fault */
        const size_t other = 1 - item->index;
        assert_true(fabs(mean_at(set, i, other) - (other ? 50 : 100)) < 4 * sigma[other]);
        const double shift = fabs(mean_at(set, i, item->index) - (item->index ? 50 : 100));
        if (item->kind == AN_CHALLENGE_OFFSET)
            assert_true(fabs(shift - item->sigmas * sigma[item->index]) < 2 * sigma[item->index]);
        if (item->kind == AN_CHALLENGE_STUCK)
            for (size_t t = 1; t < T; t++)
                assert_true(window_at(set, i)[t * W + item->index] == window_at(set, i)[item->index]);
    }
    assert_int_equal(count[AN_CHALLENGE_OFFSET], 2 * 3 * 5);
    assert_int_equal(count[AN_CHALLENGE_STUCK], 2 * 1 * 5);
    assert_int_equal(count[AN_CHALLENGE_NOISE], 2 * 2 * 5);
    assert_int_equal(count[AN_CHALLENGE_RAMP], 2 * 2 * 5);
    assert_int_equal(count[AN_CHALLENGE_MODE], 3 * 5);
    assert_int_equal(count[AN_CHALLENGE_CONFIRMED], 2);
    an_challenge_free(set);
}

static void declared_modes_are_injected_into_the_old_data_and_confirmed_windows_are_untouched(void **state)
{
    (void)state;
    an_challenge_in in = input();
    an_challenge *set = make(&in, 4);
    for (size_t i = 0; i < set->n; i++) {
        const an_challenge_item *item = &set->items[i];
        if (item->kind == AN_CHALLENGE_MODE) {
            assert_true(fabs(mean_at(set, i, 0) - (10 - 4 * item->sigmas * sigma[0])) < 2);
            assert_true(fabs(mean_at(set, i, 1) - (5 + 2 * item->sigmas * sigma[1])) < 4);
        }
        if (item->kind == AN_CHALLENGE_CONFIRMED)
            assert_memory_equal(window_at(set, i), confirmed + item->index * T * W, T * W * sizeof(float));
    }
    an_challenge_free(set);
}

static void the_same_seed_gives_the_same_set(void **state)
{
    (void)state;
    an_challenge_in in = input();
    an_challenge *a = make(&in, 4), *b = make(&in, 4), *c = make(&in, 5);
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->windows, b->windows, a->n * T * W * sizeof(float));
    assert_memory_not_equal(a->windows, c->windows, a->n * T * W * sizeof(float));
    an_challenge_free(a);
    an_challenge_free(b);
    an_challenge_free(c);
}

static void parts_without_data_are_left_out_and_nonsense_is_refused(void **state)
{
    (void)state;
    an_challenge_in in = input();
    an_challenge *set = NULL;
    an_note why = {0};
    in.n_fresh = in.n_reference = 0;
    set = make(&in, 1);
    assert_int_equal(set->n, 2);
    an_challenge_free(set);
    set = NULL;
    in = input();
    an_failure_mode wrong = {"leak", 1, {{"speed", 1}}};
    in.modes = &wrong;
    assert_int_equal(an_challenge_new(&in, 1, &set, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "speed"));
    in = input();
    in.per_fault = 1000000;
    assert_int_equal(an_challenge_new(&in, 1, &set, &why), AN_ERR_LIMIT);
    assert_null(set);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    an_challenge_in in = input();
    an_err err;
    size_t n = 0, live = an_mem_live();
    do {
        an_challenge *set = NULL;
        an_mem_fail_after(n++);
        err = an_challenge_new(&in, 1, &set, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !set));
        an_challenge_free(set);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_deviation_is_that_of_the_data),
        cmocka_unit_test(each_fault_touches_its_own_sensor_on_new_data),
        cmocka_unit_test(declared_modes_are_injected_into_the_old_data_and_confirmed_windows_are_untouched),
        cmocka_unit_test(the_same_seed_gives_the_same_set),
        cmocka_unit_test(parts_without_data_are_left_out_and_nonsense_is_refused),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
