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
    size_t batch;
    an_shape shape;
} sizes[] = {{1, {1, {1}}},       {1, {1, {2}}},      {4, {1, {3}}},       {3, {1, {19}}},
             {8, {1, {8}}},       {2, {2, {9, 3}}},   {1, {3, {8, 4, 2}}}, {2, {3, {2, 9, 1}}},
             {2, {3, {2, 2, 5}}}, {1, {3, {3, 2, 7}}}};
#define N_SIZES (sizeof sizes / sizeof *sizes)

typedef struct sample {
    size_t batch, n;
    an_loss_args args;
    float y[MOST], t[MOST], dy[MOST], dir[MOST], moved[MOST];
} sample;

static void sample_init(sample *s, const an_loss *loss, size_t k, an_rng *r)
{
    s->batch = sizes[k].batch;
    s->args = an_loss_defaults(loss, &sizes[k].shape);
    s->n = s->args.n;
    for (size_t i = 0; i < s->batch * s->n; i++) {
        s->t[i] = (float)(loss->shares ? an_rng_unit(r) : an_rng_normal(r));
        do /* away from the kinks of mae and huber, whose slopes differences cannot see */
            s->y[i] = (float)an_rng_normal(r);
        while (fabsf(s->y[i] - s->t[i]) < 0.05f || fabsf(fabsf(s->y[i] - s->t[i]) - 1.0f) < 0.05f);
        s->dir[i] = (float)(2.0 * an_rng_unit(r) - 1.0);
    }
    for (size_t i = 0; loss->classes && i < s->batch; i++)
        s->t[i] = (float)an_rng_below(r, s->n);
}

static double moved(const an_loss *loss, sample *s, double h)
{
    for (size_t i = 0; i < s->batch * s->n; i++)
        s->moved[i] = (float)((double)s->y[i] + h * (double)s->dir[i]);
    return loss->eval(&s->args, s->batch, s->moved, s->t, NULL);
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
            double value = loss->eval(&s.args, s.batch, s.y, s.t, s.dy), want = 0.0;
            for (size_t i = 0; i < s.batch * s.n; i++)
                want += (double)s.dy[i] * (double)s.dir[i];
            double near = moved(loss, &s, STEP) - moved(loss, &s, -STEP);
            double far = moved(loss, &s, 2.0 * STEP) - moved(loss, &s, -2.0 * STEP);
            double got = (8.0 * near - far) / (12.0 * STEP);
            assert_true(fabs(got - want) <= 1e-4 * (1.0 + fabs(value) + fabs(want)));
        }
}

static void the_value_is_the_same_with_and_without_a_gradient(void **state)
{
    const an_loss *loss = *state;
    an_rng r;
    an_rng_init(&r, SEED, 1);
    for (size_t k = 0; k < N_SIZES; k++) {
        sample s;
        sample_init(&s, loss, k, &r);
        double value = loss->eval(&s.args, s.batch, s.y, s.t, NULL);
        assert_true(value == loss->eval(&s.args, s.batch, s.y, s.t, s.dy));
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
        double sum = 0.0, whole = loss->eval(&s.args, s.batch, s.y, s.t, NULL);
        for (size_t i = 0; i < s.batch; i++)
            sum += loss->eval(&s.args, 1, s.y + i * s.n, s.t + i * (loss->classes ? 1 : s.n), NULL);
        assert_true(fabs(sum - whole) <= 1e-9 * (1.0 + fabs(whole)));
    }
}

static void a_value_that_is_not_a_number_is_passed_on(void **state)
{
    const an_loss *loss = *state;
    const an_loss_args args = an_loss_defaults(loss, &(an_shape){1, {2}});
    const float y[2] = {0.0f, NAN}, t[2] = {0.0f, 0.0f};
    assert_true(isnan(loss->eval(&args, 1, y, t, NULL)));
}

static void extreme_outputs_do_not_overflow(void **state)
{
    const an_loss *loss = *state;
    const an_loss_args args = an_loss_defaults(loss, &(an_shape){1, {2}});
    const float y[2] = {1e4f, -1e4f}, t[2] = {1.0f, 1.0f};
    float dy[2];
    assert_true(isfinite(loss->eval(&args, 1, y, t, dy)));
    assert_true(isfinite(dy[0]) && isfinite(dy[1]));
}

static void it_is_found_by_its_name(void **state)
{
    const an_loss *loss = *state;
    assert_ptr_equal(an_loss_find(loss->name), loss);
    assert_null(an_loss_find("no such loss"));
}

/* Values worked out by hand. */
static void losses_have_the_values_of_their_formulas(void **state)
{
    (void)state;
    const struct {
        const char *name;
        float y[2], t[2];
        double want;
    } rows[] = {
        {"mae", {1, 5}, {2, 2}, 2.0},
        {"huber", {1.5f, 5}, {1, 2}, (0.125 + 2.5) / 2.0},
        {"bce", {0, 0}, {1, 0.3f}, 0.69314718},
        {"bce", {40, -40}, {1, 0}, 0.0},
        {"dice", {40, -40}, {1, 0}, 0.0},
        {"dice", {-40, 40}, {1, 0}, 1.0 - 1.0 / 3.0},
        {"ssim", {0.3f, 0.8f}, {0.3f, 0.8f}, 0.0},
        {"focal", {0, 0}, {1, 0}, 0.25 * 0.69314718},
        {"cross_entropy", {0, 0}, {1, 0}, 0.69314718},
        {"boxes", {0, 0}, {1, 0.2f}, 0.25 * 0.69314718},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const an_loss *loss = an_loss_find(rows[i].name);
        assert_non_null(loss);
        const an_loss_args args = an_loss_defaults(loss, &(an_shape){1, {2}});
        const double got = loss->eval(&args, 1, rows[i].y, rows[i].t, NULL);
        if (!(fabs(got - rows[i].want) <= 1e-6))
            fail_msg("%s: %.9g, by hand %.9g", rows[i].name, got, rows[i].want);
    }
}

/* A fault of one pixel, one of half the row, and none. */
static void bce_counts_few_ones_as_much_as_it_is_told(void **state)
{
    (void)state;
    const an_loss *loss = an_loss_find("bce");
    const an_shape shape = {1, {20}};
    sample s = {.batch = 1, .n = 20, .args = an_loss_defaults(loss, &shape)};
    const double plain = loss->eval(&s.args, 1, s.y, s.t, NULL);
    for (size_t ones = 0; ones <= 10; ones += ones ? 9 : 1) {
        for (size_t i = 0; i < s.n; i++)
            s.t[i] = i < ones;
        s.args.opt[0] = 2;
        s.args.opt[1] = 1;
        const double share = (double)(20 - ones) / 20;
        assert_true(fabs(loss->eval(&s.args, 1, s.y, s.t, s.dy) - plain * share * (ones ? 3 : 1)) < 1e-9);
        an_rng r;
        an_rng_init(&r, SEED, ones);
        for (size_t i = 0; i < s.n; i++) {
            s.y[i] = (float)an_rng_normal(&r);
            s.dir[i] = (float)an_rng_normal(&r);
        }
        double slope = 0;
        loss->eval(&s.args, 1, s.y, s.t, s.dy);
        for (size_t i = 0; i < s.n; i++)
            slope += (double)s.dy[i] * (double)s.dir[i];
        assert_true(fabs((moved(loss, &s, STEP) - moved(loss, &s, -STEP)) / (2 * STEP) - slope) < 1e-3);
        memset(s.y, 0, sizeof s.y);
    }
}

/* One fault in two cells, of the second of two classes: focal loss of both cells, Huber's of what is off, and the class. */
static void boxes_add_what_is_there_where_and_of_which_class(void **state)
{
    (void)state;
    const an_loss *loss = an_loss_find("boxes");
    const an_shape shape = {3, {1, 2, 7}};
    an_loss_args args = an_loss_defaults(loss, &shape);
    const float t[14] = {1, 0.5f, 0, 1, 0, 0, 1}, y[14] = {0, 1, 0, 4, 0, 0, 0};
    float dy[14];
    const double ln2 = 0.69314718, place = (0.125 + 2.5) / 4;
    assert_true(fabs(loss->eval(&args, 1, y, t, dy) - (0.25 * ln2 + place + ln2 + 0.25 * ln2)) < 1e-6);
    for (size_t k = 8; k < 14; k++)
        assert_true(dy[k] == 0.0f); /* no fault: nowhere, of no class */
    assert_true(fabs((double)dy[6] + 0.5) < 1e-6 && fabs((double)dy[3] - 0.25) < 1e-6);
    args.opt[0] = 0;
    args.opt[1] = 3;
    args.opt[2] = 2;
    assert_true(fabs(loss->eval(&args, 1, y, t, NULL) - (3 * ln2 + 2 * place + ln2 + ln2)) < 1e-6);
}

int main(void)
{
    printf("seed %u\n", SEED);
    const struct CMUnitTest by_hand[] = {
        cmocka_unit_test(losses_have_the_values_of_their_formulas),
        cmocka_unit_test(bce_counts_few_ones_as_much_as_it_is_told),
        cmocka_unit_test(boxes_add_what_is_there_where_and_of_which_class),
    };
    int failed = cmocka_run_group_tests_name("by hand", by_hand, NULL, NULL);
    for (size_t i = 0; an_loss_at(i); i++) {
        void *loss = (void *)(uintptr_t)an_loss_at(i);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(it_is_found_by_its_name, loss),
            cmocka_unit_test_prestate(its_gradient_is_the_slope_of_its_value, loss),
            cmocka_unit_test_prestate(the_value_is_the_same_with_and_without_a_gradient, loss),
            cmocka_unit_test_prestate(a_batch_is_the_sum_of_its_rows, loss),
            cmocka_unit_test_prestate(a_value_that_is_not_a_number_is_passed_on, loss),
            cmocka_unit_test_prestate(extreme_outputs_do_not_overflow, loss),
        };
        failed += cmocka_run_group_tests_name(an_loss_at(i)->name, tests, NULL, NULL);
    }
    return failed;
}
