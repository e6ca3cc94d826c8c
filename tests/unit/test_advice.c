/* Advice: the known optimum of a convex problem, limits, steps, caps, and nothing where no data were. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "models/advice.h"

enum { WIDTH = 3, SIDE = 41, KNOWN = SIDE * SIDE };

/* goal: (x - 1)^2 + (y - 1)^2, whatever z is; cap: x + y. */
static an_model *bowl, *sum;
static float *bowl_params, *sum_params, known[KNOWN * WIDTH];
static an_prep prep;

static an_model *model_of(const char *layers)
{
    char text[400];
    an_model *m = NULL;
    an_note why = {0};
    snprintf(text, sizeof text,
             "model: a\ninput: {features: 3, window: 1}\nlayers:\n%sloss: mse\ntarget: labels\n", layers);
    if (an_model_new(text, strlen(text), "test.yaml", 0, &m, &why) != AN_OK)
        fail_msg("%s", why.text);
    return m;
}

static void set(const an_model *m, float *params, const char *tensor, const float *values, size_t n)
{
    const an_tensor *t = an_model_tensor_find(m, tensor);
    assert_non_null(t);
    assert_int_equal(t->n, n);
    memcpy(params + t->offset, values, n * sizeof *values);
}

static int setup(void **state)
{
    (void)state;
    static const float copies[6] = {1, 0, 0, 1, 0, 0}, minus[2] = {-1, -1}, ones[2] = {1, 1};
    static const float both[3] = {1, 1, 0};
    bowl = model_of("  - dense: {units: 2, name: a}\n  - dense: {units: 2, name: b, from: input}\n"
                    "  - multiply: {from: [a, b], name: m}\n  - dense: {units: 1, name: out}\n");
    sum = model_of("  - dense: {units: 1, name: out}\n");
    bowl_params = an_alloc(an_model_n_params(bowl), sizeof *bowl_params);
    sum_params = an_alloc(an_model_n_params(sum), sizeof *sum_params);
    set(bowl, bowl_params, "a.w", copies, 6);
    set(bowl, bowl_params, "a.b", minus, 2);
    set(bowl, bowl_params, "b.w", copies, 6);
    set(bowl, bowl_params, "b.b", minus, 2);
    set(bowl, bowl_params, "out.w", ones, 2);
    set(sum, sum_params, "out.w", both, 3);
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    assert_int_equal(an_prep_blank(&prep, &conf, WIDTH, NULL), AN_OK);
    for (size_t i = 0; i < KNOWN; i++) { /* a grid over -2..2 */
        known[i * WIDTH] = (float)(i % SIDE) * 0.1f - 2.0f;
        known[i * WIDTH + 1] = (float)(i / SIDE) * 0.1f - 2.0f;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    an_prep_done(&prep);
    an_free(bowl_params);
    an_free(sum_params);
    an_model_free(bowl);
    an_model_free(sum);
    return 0;
}

static an_advice_input inputs[2];
static an_advice_cap cap;

static an_advice_ask ask_of(void)
{
    inputs[0] = (an_advice_input){0, -2, 2, 5};
    inputs[1] = (an_advice_input){1, -2, 2, 5};
    cap = (an_advice_cap){{sum, sum_params, &prep}, 1.0};
    return (an_advice_ask){.goal = {bowl, bowl_params, &prep},
                           .inputs = inputs,
                           .n_inputs = 2,
                           .known = known,
                           .n_known = KNOWN};
}

static an_advice advise(an_advice_ask *ask, const float *now, float *row)
{
    an_advice a;
    an_note why = {0};
    if (an_advice_learn(ask, &why) != AN_OK || an_advice_find(ask, now, row, &a, &why) != AN_OK)
        fail_msg("%s", why.text);
    return a;
}

/* Known points lie 0.1 apart, so 0.1 is usual, and every point between them is nearer. */
static void the_lowest_point_is_reached(void **state)
{
    (void)state;
    const float now[WIDTH] = {-1, 0.5f, 0};
    float row[WIDTH];
    an_advice_ask ask = ask_of();
    an_advice a = advise(&ask, now, row);
    assert_true(a.found);
    assert_float_equal(row[0], 1, 1e-3);
    assert_float_equal(row[1], 1, 1e-3);
    assert_float_equal(row[2], 0, 0);
    assert_float_equal(a.now, 4.25, 1e-5);
    assert_float_equal(a.then, 0, 1e-5);
    assert_float_equal(ask.usual, 0.1, 1e-5);
    assert_true(a.distance_then <= ask.usual);
    assert_float_equal(known[a.nearest * WIDTH], 1, 0.06);
}

static void a_cap_moves_the_optimum_to_where_it_is_known_to_be(void **state)
{
    (void)state;
    const float starts[3][WIDTH] = {
        {-1, 0.5f, 0}, {0, -1.5f, 0}, {1.5f, 1, 0}}; /* the last one breaks the cap */
    for (size_t i = 0; i < 3; i++) {
        float row[WIDTH];
        an_advice_ask ask = ask_of();
        ask.caps = &cap;
        ask.n_caps = 1;
        an_advice a = advise(&ask, starts[i], row);
        assert_true(a.found);
        assert_float_equal(row[0], 0.5, 0.01);
        assert_float_equal(row[1], 0.5, 0.01);
        assert_true(a.caps_then[0] <= 1.0);
    }
}

static void limits_and_steps_are_kept(void **state)
{
    (void)state;
    const float now[WIDTH] = {-1, 0.1f, 0};
    float row[WIDTH];
    an_advice_ask ask = ask_of();
    inputs[0].high = 0.3; /* no float */
    inputs[1].step = 0.4;
    an_advice a = advise(&ask, now, row);
    assert_true(a.found && (double)row[0] <= 0.3 && (double)row[1] <= (double)now[1] + 0.4);
    assert_float_equal(row[0], 0.3, 1e-6);
    assert_float_equal(row[1], 0.5, 1e-6);
    ask.n_inputs = 1;
    a = advise(&ask, now, row);
    assert_float_equal(row[1], now[1], 0);
}

static void raising_goes_up(void **state)
{
    (void)state;
    const float now[WIDTH] = {0, 0.5f, 0};
    float row[WIDTH];
    an_advice_ask ask = ask_of();
    ask.raise = true;
    an_advice a = advise(&ask, now, row);
    assert_true(a.found);
    assert_float_equal(row[0], -2, 1e-6);
    assert_float_equal(row[1], -2, 1e-6);
    assert_float_equal(a.then, 18, 1e-4);
}

/* From (-1, 0.5), where the goal is 4.25, the way to the lowest point is straight. */
static void with_a_limit_no_farther_than_it_takes(void **state)
{
    (void)state;
    const float now[WIDTH] = {-1, 0.5f, 0};
    float row[WIDTH];
    an_advice_ask ask = ask_of();
    ask.has_limit = true;
    ask.limit = 2;
    an_advice a = advise(&ask, now, row);
    assert_true(a.found && !a.met && a.then <= 2 && a.then > 1.8);
    ask.limit = 4.5; /* it is so already */
    a = advise(&ask, now, row);
    assert_true(a.met && !a.found);
    assert_float_equal(a.then, a.now, 0);
    assert_memory_equal(row, now, sizeof row);
    ask.limit = -1; /* out of reach: as far as it goes */
    a = advise(&ask, now, row);
    assert_true(a.found);
    assert_float_equal(a.then, 0, 1e-5);
    ask.raise = true;
    ask.limit = 6;
    a = advise(&ask, now, row);
    assert_true(a.found && a.then >= 6 && a.then < 7);
    ask.caps = &cap; /* it is as wished, but over its cap */
    ask.n_caps = 1;
    cap.most = -2;
    ask.limit = 4;
    a = advise(&ask, now, row);
    assert_true(a.found && !a.met && a.caps_then[0] <= -2);
}

static void nothing_is_advised_where_nothing_is_better(void **state)
{
    (void)state;
    const float best[WIDTH] = {1, 1, 0}, over[WIDTH] = {1.5f, 1.5f, 0};
    float row[WIDTH];
    an_advice_ask ask = ask_of();
    an_advice a = advise(&ask, best, row);
    assert_false(a.found);
    assert_memory_equal(row, best, sizeof row);
    ask.caps = &cap; /* out of reach by such steps */
    ask.n_caps = 1;
    inputs[0].step = inputs[1].step = 0.2;
    a = advise(&ask, over, row);
    assert_false(a.found);
    assert_memory_equal(row, over, sizeof row);
}

/* The same bowl, but data only where x < 0. */
static void advice_ends_where_the_data_do(void **state)
{
    (void)state;
    static float half[KNOWN * WIDTH];
    size_t n = 0;
    for (size_t i = 0; i < KNOWN; i++)
        if (known[i * WIDTH] < 0.05f)
            memcpy(half + WIDTH * n++, known + i * WIDTH, WIDTH * sizeof *half);
    const float now[WIDTH] = {-1, 1, 0}, outside[WIDTH] = {0.5f, 1, 0};
    float row[WIDTH] = {9, 9, 9};
    an_advice_ask ask = ask_of();
    ask.known = half;
    ask.n_known = n;
    an_advice a = advise(&ask, now, row);
    assert_true(a.found && a.distance_then <= ask.usual);
    assert_true(row[0] > -0.1f && row[0] < 0.11f);
    an_note why = {0};
    row[0] = 9;
    assert_int_equal(an_advice_find(&ask, outside, row, &a, &why), AN_ERR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "knows nothing"));
    assert_float_equal(row[0], 9, 0);
}

/* The way back from where no data were leads out of the limits here, where the row has come from. */
static void who_is_out_of_limits_is_not_left_there(void **state)
{
    (void)state;
    const float now[WIDTH] = {1.9f, 1, 0};
    float row[WIDTH];
    an_advice_ask ask = ask_of();
    static float right[KNOWN * WIDTH];
    size_t n = 0;
    for (size_t i = 0; i < KNOWN; i++)
        if (known[i * WIDTH] > 0.55f)
            memcpy(right + WIDTH * n++, known + i * WIDTH, WIDTH * sizeof *right);
    inputs[0].high = 0.3;
    an_advice a = advise(&ask, now, row);
    assert_true(a.found && (double)row[0] <= 0.3);
    ask.known = right;
    ask.n_known = n;
    a = advise(&ask, now, row);
    assert_false(a.found);
    assert_memory_equal(row, now, sizeof row);
}

static void what_cannot_be_asked_is_refused(void **state)
{
    (void)state;
    const float now[WIDTH] = {0, 0, 0}, hole[WIDTH] = {0, 0, NAN};
    float row[WIDTH];
    an_advice a;
    an_advice_ask ask = ask_of();
    assert_int_equal(an_advice_find(&ask, hole, row, &a, NULL), AN_ERR_NUMERIC);
    static const an_advice_input bad[] = {{3, -1, 1, 1},  {1, -1, 1, 1},  {0, 1, -1, 1},  {0, -1, 1, 0},
                                          {0, -1, 1, -1}, {0, NAN, 1, 1}, {0, -1, 1, NAN}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ask = ask_of();
        inputs[0] = bad[i];
        assert_int_equal(an_advice_learn(&ask, NULL), AN_ERR_INVAL);
    }
    ask = ask_of();
    inputs[0] = (an_advice_input){0, 1.5, 2, 1}; /* two steps away */
    assert_int_equal(an_advice_find(&ask, now, row, &a, NULL), AN_ERR_UNSUPPORTED);
    ask = ask_of();
    ask.n_inputs = 0;
    assert_int_equal(an_advice_learn(&ask, NULL), AN_ERR_INVAL);
    ask = ask_of();
    ask.n_known = 1;
    assert_int_equal(an_advice_learn(&ask, NULL), AN_ERR_INVAL);
    ask = ask_of();
    ask.has_limit = true;
    ask.limit = NAN;
    assert_int_equal(an_advice_learn(&ask, NULL), AN_ERR_INVAL);
    ask = ask_of();
    prep.conf.window = 2;
    assert_int_equal(an_advice_learn(&ask, NULL), AN_ERR_UNSUPPORTED);
    prep.conf.window = 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_point_is_reached),
        cmocka_unit_test(a_cap_moves_the_optimum_to_where_it_is_known_to_be),
        cmocka_unit_test(limits_and_steps_are_kept),
        cmocka_unit_test(raising_goes_up),
        cmocka_unit_test(with_a_limit_no_farther_than_it_takes),
        cmocka_unit_test(nothing_is_advised_where_nothing_is_better),
        cmocka_unit_test(advice_ends_where_the_data_do),
        cmocka_unit_test(who_is_out_of_limits_is_not_left_there),
        cmocka_unit_test(what_cannot_be_asked_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
