/* Schedules of the learning rate: each row's shape, and the warm-up before it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/schedule.h"

static const an_schedule_opts usual = {.total = 100, .warmup = 10, .every = 30, .factor = 0.5, .floor = 0.1};

static double share(const char *name, const an_schedule_opts *o, uint64_t step)
{
    return an_schedule_share(an_schedule_find(name), o, step);
}

static void every_schedule_warms_up_along_a_line_and_starts_whole(void **state)
{
    (void)state;
    for (size_t k = 0; an_schedule_at(k); k++) {
        const char *name = an_schedule_at(k)->name;
        assert_ptr_equal(an_schedule_find(name), an_schedule_at(k));
        for (uint64_t i = 0; i < 10; i++)
            assert_true(fabs(share(name, &usual, i) - (double)(i + 1) / 10.0) < 1e-12);
        assert_float_equal(share(name, &usual, 10), 1.0, 1e-12);
    }
    assert_null(an_schedule_find("no such schedule"));
}

static void every_share_lies_between_0_and_1_even_after_the_end(void **state)
{
    (void)state;
    an_schedule_opts odd = usual;
    odd.warmup = 250.5;
    for (size_t k = 0; an_schedule_at(k); k++)
        for (uint64_t i = 0; i < 500; i++) {
            double s = an_schedule_share(an_schedule_at(k), &usual, i);
            assert_true(s >= 0.0 && s <= 1.0);
            s = an_schedule_share(an_schedule_at(k), &odd, i);
            assert_true(s > 0.0 && s <= 1.0);
        }
}

static void a_step_halves_the_rate_at_its_time(void **state)
{
    (void)state;
    assert_float_equal(share("step", &usual, 39), 1.0, 1e-12);
    assert_float_equal(share("step", &usual, 40), 0.5, 1e-12);
    assert_float_equal(share("step", &usual, 69), 0.5, 1e-12);
    assert_float_equal(share("step", &usual, 70), 0.25, 1e-12);
}

static void a_cosine_passes_the_middle_and_ends_on_its_floor(void **state)
{
    (void)state;
    assert_float_equal(share("cosine", &usual, 55), 0.55, 1e-12);
    assert_float_equal(share("cosine", &usual, 100), 0.1, 1e-12);
    for (uint64_t i = 10; i < 99; i++)
        assert_true(share("cosine", &usual, i + 1) < share("cosine", &usual, i));
    assert_float_equal(share("constant", &usual, 99), 1.0, 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schedule_warms_up_along_a_line_and_starts_whole),
        cmocka_unit_test(every_share_lies_between_0_and_1_even_after_the_end),
        cmocka_unit_test(a_step_halves_the_rate_at_its_time),
        cmocka_unit_test(a_cosine_passes_the_middle_and_ends_on_its_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
