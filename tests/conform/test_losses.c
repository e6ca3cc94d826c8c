/* Every row of the table of losses: its gradient is the slope of its value, and its sums are
 * what they say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "models/loss.h"

#define SEED 11u
#define MOST 64u
#define STEP 0.01

static const struct {
    size_t batch, n;
} sizes[] = {{1, 1}, {1, 2}, {4, 3}, {3, 19}, {8, 8}};
#define N_SIZES (sizeof sizes / sizeof *sizes)

typedef struct sample {
    size_t batch, n;
    float y[MOST], t[MOST], dy[MOST], dir[MOST], moved[MOST];
} sample;

static void sample_init(sample *s, const an_loss *loss, size_t k, an_rng *r)
{
    s->batch = sizes[k].batch;
    s->n = sizes[k].n;
    for (size_t i = 0; i < s->batch * s->n; i++) {
        s->y[i] = (float)an_rng_normal(r);
        s->t[i] = (float)an_rng_normal(r);
        s->dir[i] = (float)(2.0 * an_rng_unit(r) - 1.0);
    }
    for (size_t i = 0; loss->classes && i < s->batch; i++)
        s->t[i] = (float)an_rng_below(r, s->n);
}

static double moved(const an_loss *loss, sample *s, double h)
{
    for (size_t i = 0; i < s->batch * s->n; i++)
        s->moved[i] = (float)((double)s->y[i] + h * (double)s->dir[i]);
    return loss->eval(s->batch, s->n, s->moved, s->t, NULL);
}

static void its_gradient_is_the_slope_of_its_value(void **state)
{
    const an_loss *loss = *state;
    an_rng r;
    an_rng_init(&r, SEED, 0);
    for (size_t k = 0; k < N_SIZES; k++)
        for (int trial = 0; trial < 4; trial++) {
            sample s;
            sample_init(&s, loss, k, &r);
            double value = loss->eval(s.batch, s.n, s.y, s.t, s.dy), want = 0.0;
            for (size_t i = 0; i < s.batch * s.n; i++)
                want += (double)s.dy[i] * (double)s.dir[i];
            double near = moved(loss, &s, STEP) - moved(loss, &s, -STEP);
            double far = moved(loss, &s, 2.0 * STEP) - moved(loss, &s, -2.0 * STEP);
            double got = (8.0 * near - far) / (12.0 * STEP);
            assert_true(fabs(got - want) <= 1e-4 * (1.0 + fabs(value) + fabs(want)));
        }
}

static void the_value_is_the_same_with_and_without_a_gradient_and_in_place(void **state)
{
    const an_loss *loss = *state;
    an_rng r;
    an_rng_init(&r, SEED, 1);
    for (size_t k = 0; k < N_SIZES; k++) {
        sample s;
        sample_init(&s, loss, k, &r);
        double value = loss->eval(s.batch, s.n, s.y, s.t, NULL);
        assert_true(value == loss->eval(s.batch, s.n, s.y, s.t, s.dy));
        assert_true(value == loss->eval(s.batch, s.n, s.y, s.t, s.y));
        assert_memory_equal(s.y, s.dy, s.batch * s.n * sizeof *s.y);
    }
}

static void a_batch_is_the_sum_of_its_rows(void **state)
{
    const an_loss *loss = *state;
    an_rng r;
    an_rng_init(&r, SEED, 2);
    for (size_t k = 0; k < N_SIZES; k++) {
        sample s;
        sample_init(&s, loss, k, &r);
        double sum = 0.0, whole = loss->eval(s.batch, s.n, s.y, s.t, NULL);
        for (size_t i = 0; i < s.batch; i++)
            sum += loss->eval(1, s.n, s.y + i * s.n, s.t + i * (loss->classes ? 1 : s.n), NULL);
        assert_true(fabs(sum - whole) <= 1e-9 * (1.0 + fabs(whole)));
    }
}

static void a_value_that_is_not_a_number_is_passed_on(void **state)
{
    const an_loss *loss = *state;
    const float y[2] = {0.0f, NAN}, t[2] = {0.0f, 0.0f};
    assert_true(isnan(loss->eval(1, 2, y, t, NULL)));
}

static void extreme_outputs_do_not_overflow(void **state)
{
    const an_loss *loss = *state;
    const float y[2] = {1e4f, -1e4f}, t[2] = {1.0f, 1.0f};
    float dy[2];
    assert_true(isfinite(loss->eval(1, 2, y, t, dy)));
    assert_true(isfinite(dy[0]) && isfinite(dy[1]));
}

static void it_is_found_by_its_name(void **state)
{
    const an_loss *loss = *state;
    assert_ptr_equal(an_loss_find(loss->name), loss);
    assert_null(an_loss_find("no such loss"));
}

int main(void)
{
    printf("seed %u\n", SEED);
    int failed = 0;
    for (size_t i = 0; an_loss_at(i); i++) {
        void *loss = (void *)(uintptr_t)an_loss_at(i);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(it_is_found_by_its_name, loss),
            cmocka_unit_test_prestate(its_gradient_is_the_slope_of_its_value, loss),
            cmocka_unit_test_prestate(the_value_is_the_same_with_and_without_a_gradient_and_in_place, loss),
            cmocka_unit_test_prestate(a_batch_is_the_sum_of_its_rows, loss),
            cmocka_unit_test_prestate(a_value_that_is_not_a_number_is_passed_on, loss),
            cmocka_unit_test_prestate(extreme_outputs_do_not_overflow, loss),
        };
        failed += cmocka_run_group_tests_name(an_loss_at(i)->name, tests, NULL, NULL);
    }
    return failed;
}
