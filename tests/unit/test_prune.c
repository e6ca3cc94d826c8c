/* Pruning: what goes is the smallest and stays away, what is left still does its work, and removing
 * units that nobody listens to changes nothing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/prune.h"

enum { WIDTH = 10, N = 400, IMAGE = 8 * 8 * 2 };

static const char autoencoder[] = "model: ae\n"
                                  "input: {features: 10, window: 1}\n"
                                  "layers:\n"
                                  "  - dense: {units: 32}\n"
                                  "  - relu\n"
                                  "  - dense: {units: 4}\n"
                                  "  - dense: {units: 32}\n"
                                  "  - relu\n"
                                  "  - dense: {units: 10}\n"
                                  "loss: mse\n"
                                  "target: input\n";

/* Everything that may stand between a layer that loses units and the one that reads it. */
static const char chain[] = "model: chain\n"
                            "input: {height: 8, width: 8, channels: 2}\n"
                            "layers:\n"
                            "  - conv2d: {name: a, filters: 6, size: 3, padding: same}\n"
                            "  - batch_norm\n"
                            "  - leaky_relu\n"
                            "  - max_pool2d: {size: 2}\n"
                            "  - conv2d: {name: b, filters: 8, size: 3}\n"
                            "  - sigmoid\n"
                            "  - upsample\n"
                            "  - flatten\n"
                            "  - dropout\n"
                            "  - dense: {name: c, units: 12}\n"
                            "  - tanh\n"
                            "  - dense: {name: d, units: 3}\n"
                            "loss: cross_entropy\n"
                            "target: labels\n";

static const char refused[] = "model: refused\n"
                              "input: {features: 4, window: 6}\n"
                              "layers:\n"
                              "  - conv1d: {name: joined, filters: 4, size: 3, padding: same}\n"
                              "  - group_norm: {groups: 2}\n"
                              "  - conv1d: {name: twice, filters: 4, size: 3, padding: same}\n"
                              "  - relu\n"
                              "  - add: {from: [twice, relu1]}\n"
                              "  - conv1d: {name: normed, filters: 4, size: 3}\n"
                              "  - layer_norm\n"
                              "  - lstm: {units: 3}\n"
                              "  - flatten\n"
                              "  - dense: {name: last, units: 24}\n"
                              "loss: mse\n"
                              "target: input\n";

static float rows[N * WIDTH];

static int set_up(void **state)
{
    (void)state;
    an_rng r;
    an_rng_init(&r, 11, 0);
    for (size_t i = 0; i < N; i++) { /* three causes behind ten sensors */
        const double c[3] = {an_rng_normal(&r), an_rng_normal(&r), an_rng_normal(&r)};
        for (size_t j = 0; j < WIDTH; j++)
            rows[i * WIDTH + j] =
                (float)(c[j % 3] * (1.0 + 0.2 * (double)j) - 0.5 * c[(j + 1) % 3] + 0.05 * an_rng_normal(&r));
    }
    return 0;
}

static an_model *model_of(const char *text)
{
    an_model *m = NULL;
    an_note why = {{0}};
    an_err err = an_model_new(text, strlen(text), "test", 0, &m, &why);
    if (err != AN_OK)
        fail_msg("%s", why.text);
    return m;
}

static float *params_of(const an_model *m)
{
    float *p = an_alloc(an_model_n_params(m), sizeof *p);
    assert_non_null(p);
    an_model_init(m, 3, p);
    return p;
}

static an_train_opts tuning(size_t epochs)
{
    an_train_opts t = an_train_defaults();
    t.epochs = epochs;
    t.batch = 32;
    t.lr = 5e-3;
    return t;
}

static double loss_of(const an_model *m, const float *params)
{
    double loss = 0;
    an_err err = an_train_loss(m, params, rows, NULL, N, &loss, NULL);
    assert_int_equal(err, AN_OK);
    return loss;
}

/* A learnt autoencoder. */
static void learn(an_model **m, float **params)
{
    const an_train_opts t = tuning(40);
    *m = model_of(autoencoder);
    *params = params_of(*m);
    an_err err = an_train(*m, *params, &t, rows, NULL, N, NULL, NULL);
    assert_int_equal(err, AN_OK);
}

static void held_parameters_stay_and_the_others_move(void **state)
{
    (void)state;
    an_model *m = model_of(autoencoder);
    const size_t n = an_model_n_params(m);
    float *p = params_of(m), *start = params_of(m);
    bool *held = an_alloc(n, sizeof *held);
    for (size_t i = 0; i < n; i += 3)
        held[i] = true;
    an_train_opts t = tuning(2);
    t.held = held;
    t.weight_decay = 0.1;
    an_err err = an_train(m, p, &t, rows, NULL, N, NULL, NULL);
    assert_int_equal(err, AN_OK);
    size_t moved = 0;
    for (size_t i = 0; i < n; i++) {
        if (held[i])
            assert_true(p[i] == start[i]);
        moved += p[i] != start[i];
    }
    assert_true(moved > n / 2);
    an_free(p);
    an_free(start);
    an_free(held);
    an_model_free(m);
}

static void half_of_the_weights_can_go_from_a_learnt_model(void **state)
{
    (void)state;
    an_model *m;
    float *params;
    learn(&m, &params);
    const double before = loss_of(m, params);
    float *copy = an_alloc(an_model_n_params(m), sizeof *copy);
    for (int per_tensor = 0; per_tensor < 2; per_tensor++) {
        const an_train_opts t = tuning(10);
        an_prune_opts o = an_prune_defaults();
        an_prune_report r;
        o.per_tensor = per_tensor;
        memcpy(copy, params, an_model_n_params(m) * sizeof *copy);
        an_err err = an_prune_weights(m, copy, &o, &t, rows, NULL, N, &r, NULL);
        assert_int_equal(err, AN_OK);
        print_message("loss %g before, %g after; %zu of %zu weights are 0\n", before, loss_of(m, copy),
                      r.n_gone, r.n_candidates);
        assert_int_equal(r.n_candidates, 2 * (10 * 32 + 32 * 4));
        assert_int_equal(r.n_gone, r.n_candidates / 2);
        assert_true(r.n_zero >= r.n_gone && r.n_zero <= r.n_gone + 8);
        assert_true(loss_of(m, copy) <= 1.25 * before + 0.01);
        const an_tensor *first = an_model_tensor_at(m, 0);
        size_t zeros = 0;
        for (size_t i = 0; i < first->n; i++)
            zeros += copy[first->offset + i] == 0.0f;
        assert_true(per_tensor ? zeros == first->n / 2 : zeros > 0);
    }
    an_free(copy);
    an_free(params);
    an_model_free(m);
}

static void without_tuning_exactly_the_smallest_go(void **state)
{
    (void)state;
    an_model *m = model_of(autoencoder);
    float *p = params_of(m), *start = params_of(m);
    const an_prune_opts o = {.share = 0.25, .steps = 1};
    an_err err = an_prune_weights(m, p, &o, NULL, NULL, NULL, 0, NULL, NULL);
    assert_int_equal(err, AN_OK);
    float largest_gone = 0, smallest_left = 1e9f;
    const an_tensor *t;
    for (size_t i = 0; (t = an_model_tensor_at(m, i)); i++)
        for (size_t k = t->offset; t->n_dims > 1 && k < t->offset + t->n; k++) {
            if (p[k] == 0.0f)
                largest_gone = fmaxf(largest_gone, fabsf(start[k]));
            else
                smallest_left = fminf(smallest_left, fabsf(start[k]));
        }
    assert_true(largest_gone > 0.0f && largest_gone <= smallest_left);
    an_free(p);
    an_free(start);
    an_model_free(m);
}

/* Nobody listens to every second unit of a, b and c any more, and their own weights are small. */
static void silence(const an_model *m, float *p)
{
    static const struct {
        const char *own, *reader;
        size_t units;
    } pairs[] = {{"a.w", "b.w", 6}, {"b.w", "c.w", 8}, {"c.w", "d.w", 12}};
    for (size_t i = 0; i < 3; i++) {
        const an_tensor *own = an_model_tensor_find(m, pairs[i].own);
        const an_tensor *reader = an_model_tensor_find(m, pairs[i].reader);
        const size_t outputs = reader->dims[reader->n_dims - 1];
        for (size_t k = 0; k < own->n; k++)
            p[own->offset + k] *= k % pairs[i].units % 2 ? 0.01f : 1.0f;
        for (size_t k = 0; k < reader->n; k++)
            p[reader->offset + k] *= k / outputs % pairs[i].units % 2 ? 0.0f : 1.0f;
    }
}

static void units_that_nobody_hears_go_without_a_trace(void **state)
{
    (void)state;
    an_model *m = model_of(chain), *small = NULL;
    float *p = params_of(m), *q = NULL, x[IMAGE];
    an_note why = {{0}};
    silence(m, p);
    an_rng r;
    an_rng_init(&r, 8, 0);
    for (size_t i = 0; i < IMAGE; i++)
        x[i] = (float)an_rng_normal(&r);
    const an_tensor *beta = an_model_tensor_find(m, "batch_norm1.beta");
    for (size_t i = 0; i < beta->n; i++)
        p[beta->offset + i] = 0.1f * (float)i;
    for (int norm = 0; norm < 2; norm++) {
        const an_prune_opts o = {.share = 0.5, .steps = 2, .norm = norm ? AN_PRUNE_L1 : AN_PRUNE_L2};
        an_prune_report report;
        an_err err = an_prune_units(m, p, &o, NULL, NULL, NULL, 0, &small, &q, &report, &why);
        if (err != AN_OK)
            fail_msg("%s", why.text);
        assert_int_equal(report.n_candidates, 26);
        assert_int_equal(report.n_gone, 13);
        assert_int_equal(report.n_params, an_model_n_params(small));
        assert_int_equal(an_model_tensor_find(small, "c.w")->dims[1], 6);
        an_ws *ws = NULL, *ws_small = NULL;
        err = an_ws_new(m, AN_WS_FORWARD, 1, &ws);
        assert_int_equal(err, AN_OK);
        err = an_ws_new(small, AN_WS_FORWARD, 1, &ws_small);
        assert_int_equal(err, AN_OK);
        const float *y = an_model_forward(m, ws, p, 1, x), *z = an_model_forward(small, ws_small, q, 1, x);
        for (size_t i = 0; i < 3; i++)
            assert_true(fabsf(y[i] - z[i]) <= 1e-5f);
        an_ws_free(ws);
        an_ws_free(ws_small);
        an_model_free(small);
        an_free(q);
        small = NULL;
    }
    an_model_free(m);
    an_free(p);
}

static void a_learnt_model_does_with_half_of_its_units(void **state)
{
    (void)state;
    an_model *m, *small = NULL;
    float *params, *less = NULL;
    learn(&m, &params);
    const double before = loss_of(m, params);
    const an_train_opts t = tuning(15);
    an_prune_opts o = an_prune_defaults();
    an_prune_report r;
    o.share = 0.25;
    an_err err = an_prune_units(m, params, &o, &t, rows, NULL, N, &small, &less, &r, NULL);
    assert_int_equal(err, AN_OK);
    print_message("loss %g before, %g after; %zu of %zu parameters\n", before, loss_of(small, less),
                  r.n_params, an_model_n_params(m));
    assert_true(r.n_params < an_model_n_params(m) * 3 / 4);
    assert_true(loss_of(small, less) <= 1.5 * before + 0.05);
    an_model_free(small);
    an_free(less);
    an_model_free(m);
    an_free(params);
}

static void refusals_say_why(void **state)
{
    (void)state;
    an_model *m = model_of(refused), *small = NULL;
    float *p = params_of(m), *q = NULL;
    an_note why = {{0}};
    assert_string_equal(an_prune_refusal(m, 0), "what follows joins channels or keeps their number");
    assert_string_equal(an_prune_refusal(m, 2), "several layers read it");
    assert_string_equal(an_prune_refusal(m, 3), "has no units");
    assert_string_equal(an_prune_refusal(m, 5), "what follows joins channels or keeps their number");
    assert_string_equal(an_prune_refusal(m, 7), "has no units");
    assert_string_equal(an_prune_refusal(m, 9), "its outputs are the model's");
    an_prune_opts o = an_prune_defaults();
    an_err err = an_prune_units(m, p, &o, NULL, NULL, NULL, 0, &small, &q, NULL, &why);
    assert_int_equal(err, AN_ERR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "joined"));
    o.share = 1.0;
    err = an_prune_units(m, p, &o, NULL, NULL, NULL, 0, &small, &q, NULL, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    err = an_prune_weights(m, p, &o, NULL, NULL, NULL, 0, NULL, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    o = (an_prune_opts){.share = 0.5};
    err = an_prune_weights(m, p, &o, NULL, NULL, NULL, 0, NULL, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    an_model_free(m);
    an_free(p);
}

static void running_out_of_memory_changes_and_leaks_nothing(void **state)
{
    (void)state;
    an_model *m = model_of(autoencoder);
    float *p = params_of(m), *start = params_of(m);
    const an_train_opts t = tuning(1);
    const an_prune_opts o = {.share = 0.5, .steps = 1};
    const size_t live = an_mem_live();
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err == AN_ERR_NOMEM; n++) {
        an_model *small = NULL;
        float *less = NULL;
        an_mem_fail_after(n);
        err = an_prune_units(m, p, &o, &t, rows, NULL, N, &small, &less, NULL, NULL);
        an_mem_fail_never();
        an_model_free(small);
        an_free(less);
        assert_int_equal(an_mem_live(), live);
    }
    assert_int_equal(err, AN_OK);
    err = AN_ERR_NOMEM;
    for (size_t n = 0; err == AN_ERR_NOMEM; n++) {
        assert_memory_equal(p, start, an_model_n_params(m) * sizeof *p);
        an_mem_fail_after(n);
        err = an_prune_weights(m, p, &o, &t, rows, NULL, N, NULL, NULL);
        an_mem_fail_never();
        assert_int_equal(an_mem_live(), live);
    }
    assert_int_equal(err, AN_OK);
    an_model_free(m);
    an_free(p);
    an_free(start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_parameters_stay_and_the_others_move),
        cmocka_unit_test(half_of_the_weights_can_go_from_a_learnt_model),
        cmocka_unit_test(without_tuning_exactly_the_smallest_go),
        cmocka_unit_test(units_that_nobody_hears_go_without_a_trace),
        cmocka_unit_test(a_learnt_model_does_with_half_of_its_units),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(running_out_of_memory_changes_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
