/* Models whose layers read others than the one before: their gradients, their text, what is refused,
 * and that the places of a workspace do not get into each other's way. */
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
#include "models/kernels/kernels.h"
#include "models/model.h"
#include "models/model_internal.h"

#define SEED 11u

static const char *const graphs[] = {
    /* a residual block, and its sum read twice */
    "model: residual\ninput: {features: 6}\nlayers:\n"
    "  - dense: {units: 5, name: a}\n  - tanh: {name: t}\n  - dense: {units: 5, name: b}\n"
    "  - add: {from: [b, t], name: sum}\n  - relu\n  - dense: {units: 4, name: c}\n"
    "  - dense: {units: 4, name: d, from: sum}\n  - multiply: {from: [c, d]}\n"
    "  - dense: {units: 6}\nloss: mse\ntarget: input\n",
    /* the input read three times, one layer read twice by one other */
    "model: fan\ninput: {features: 4}\nlayers:\n"
    "  - dense: {units: 3, name: a}\n  - dense: {units: 3, name: b, from: input}\n"
    "  - add: {from: [a, a, b], name: s}\n  - concat: {from: [s, a, input]}\n"
    "  - tanh\n  - dense: {units: 4}\nloss: mse\ntarget: input\n",
    /* skips over images, as a U-Net has them */
    "model: skips\ninput: {height: 6, width: 4, channels: 2}\nlayers:\n"
    "  - conv2d: {filters: 3, size: 3, padding: same, name: c1}\n  - relu: {name: r1}\n"
    "  - conv2d: {filters: 4, size: 3, padding: same}\n  - relu: {name: r2}\n"
    "  - conv2d: {filters: 2, size: 1, from: r1, name: side}\n"
    "  - concat: {from: [r2, side, r1]}\n  - conv2d: {filters: 2, size: 3, padding: same}\n"
    "loss: mse\ntarget: input\n",
    /* activations that are applied as their layer writes, and one that cannot be: it is read twice */
    "model: fused\ninput: {features: 8}\nlayers:\n"
    "  - dense: {units: 7, name: a}\n  - relu: {name: ra}\n  - dense: {units: 6, name: b}\n"
    "  - leaky_relu: {slope: 0.2}\n  - dense: {units: 7, name: c}\n  - relu: {name: rc}\n"
    "  - add: {from: [ra, rc]}\n  - dense: {units: 5}\n  - relu\n  - relu\n  - dense: {units: 8}\n"
    "loss: mse\ntarget: input\n",
};
#define N_GRAPHS (sizeof graphs / sizeof *graphs)

static an_model *model_of(const char *text)
{
    an_model *m = NULL;
    an_note why = {0};
    an_err err = an_model_new(text, strlen(text), "test", 0, &m, &why);
    if (err != AN_OK)
        fail_msg("%s", why.text);
    return m;
}

static float *numbers(an_rng *r, size_t n)
{
    float *p = an_alloc(n, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)an_rng_normal(r);
    return p;
}

static void the_gradient_of_a_graph_is_its_slope(void **state)
{
    (void)state;
    enum { BATCH = 3 };
    for (size_t k = 0; k < N_GRAPHS; k++) {
        an_model *m = model_of(graphs[k]);
        an_rng r;
        an_rng_init(&r, SEED, k);
        const size_t n = an_model_n_params(m);
        float *p = numbers(&r, n), *x = numbers(&r, BATCH * an_model_n_inputs(m)), *dir = numbers(&r, n);
        float *g = an_alloc(n, sizeof *g), *q = an_alloc(n, sizeof *q);
        an_ws *ws = NULL, *forward = NULL;
        an_model_init(m, SEED, p);
        assert_int_equal(an_ws_new(m, AN_WS_TRAIN, BATCH, &ws), AN_OK);
        assert_int_equal(an_ws_new(m, AN_WS_FORWARD, BATCH, &forward), AN_OK);
        float *prepared = an_alloc(an_model_n_prepared(m), sizeof *prepared);
        for (size_t i = 0; i < an_model_n_layers(m); i++)
            an_model_prepare(m, p, i, prepared);
        const an_step step = {.prepared = prepared};
        double loss = an_model_grad(m, ws, p, BATCH, x, NULL, &step, g);
        an_model_grad(m, ws, p, BATCH, x, NULL, NULL, q); /* by the plain routes */
        for (size_t i = 0; i < n; i++)
            assert_float_equal(g[i], q[i], 1e-5f * (1.0f + fabsf(g[i])));
        an_free(prepared);
        assert_true(fabs(loss - an_model_loss(m, forward, p, BATCH, x, NULL)) <= 1e-6 * loss);
        double want = 0, at[2];
        for (size_t i = 0; i < n; i++)
            want += (double)g[i] * (double)(dir[i] += g[i]);
        for (int s = 0; s < 2; s++) {
            for (size_t i = 0; i < n; i++)
                q[i] = p[i] + (s ? 1e-3f : -1e-3f) * dir[i] / (float)sqrt(want);
            at[s] = an_model_loss(m, forward, q, BATCH, x, NULL);
        }
        double got = (at[1] - at[0]) / 2e-3 * sqrt(want);
        if (!(fabs(got - want) <= 0.02 * want))
            fail_msg("%s: gradient %g, differences %g", an_model_name(m), want, got);
        an_ws_free(ws);
        an_ws_free(forward);
        float *all[] = {p, x, dir, g, q};
        for (size_t i = 0; i < 5; i++)
            an_free(all[i]);
        an_model_free(m);
    }
}

static void the_text_of_a_graph_reads_back_to_the_same(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_GRAPHS; k++) {
        an_hash a, b;
        an_model *m = model_of(graphs[k]), *again = model_of(an_model_text(m));
        assert_string_equal(an_model_text(m), an_model_text(again));
        an_model_layout_hash(m, &a);
        an_model_layout_hash(again, &b);
        assert_true(an_hash_equal(&a, &b));
        an_model_free(m);
        an_model_free(again);
    }
}

#define HEAD "model: a\ninput: {features: 4, window: 3}\nlayers:\n"
#define TAIL "loss: mse\ntarget: input\n"
static const struct {
    const char *text, *says;
} wrong[] = {
    {HEAD "  - add: {from: [x, input]}\n" TAIL, "no layer above is called \"x\""},
    {HEAD "  - relu: {name: a, from: a}\n" TAIL, "no layer above is called \"a\""},
    {HEAD "  - relu\n  - add\n" TAIL, "test:5"},
    {HEAD "  - relu\n  - add\n" TAIL, "add reads 2 to 8 layers, not 1"},
    {HEAD "  - relu: {from: [input, input]}\n" TAIL, "relu reads one layer, not 2"},
    {HEAD "  - relu: {from: []}\n" TAIL, "relu reads one layer, not 0"},
    {HEAD "  - flatten\n  - add: {from: [flatten1, input]}\n" TAIL, "input 2 has the shape (3, 4)"},
    {HEAD "  - flatten\n  - concat: {from: [input, flatten1]}\n" TAIL, "which does not fit (3, 4)"},
    {HEAD "  - relu\n  - tanh: {from: input}\n" TAIL, "layer \"relu1\" is read by no other"},
    {HEAD "  - relu: {name: input}\n" TAIL, "the model's own input"},
    {HEAD "  - add: {from: [input, input, input, input, input, input, input, input, input]}\n" TAIL,
     "at most 8"},
};

static void what_does_not_fit_together_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_model *m = NULL;
        an_note why = {0};
        an_err err = an_model_new(wrong[i].text, strlen(wrong[i].text), "test", 0, &m, &why);
        assert_int_equal(err, AN_ERR_INVAL);
        assert_null(m);
        if (!strstr(why.text, wrong[i].says))
            fail_msg("\"%s\" does not say \"%s\"", why.text, wrong[i].says);
    }
}

static void a_forward_pass_takes_less_memory_than_training(void **state)
{
    (void)state;
    static const char deep[] = "model: deep\ninput: {features: 64}\nlayers:\n"
                               "  - dense: {units: 64}\n  - tanh\n  - dense: {units: 64}\n  - tanh\n"
                               "  - dense: {units: 64}\n  - tanh\n  - dense: {units: 64}\n  - tanh\n"
                               "  - dense: {units: 64}\nloss: mse\ntarget: input\n";
    an_model *m = model_of(deep);
    an_ws *forward = NULL, *train = NULL;
    assert_int_equal(an_ws_new(m, AN_WS_FORWARD, 10, &forward), AN_OK);
    assert_int_equal(an_ws_new(m, AN_WS_TRAIN, 10, &train), AN_OK);
    assert_int_equal(an_ws_bytes(forward), 2 * 10 * 64 * 4); /* one to read, one to write */
    /* Five outputs, and five gradients, which stay for those of the weights; the second of them takes
     * the place of the last output.  Two more to turn a gradient in. */
    assert_int_equal(an_ws_bytes(train), (5 + 4 + 2) * 10 * 64 * 4);
    an_ws_free(forward);
    an_ws_free(train);
    an_model_free(m);
}

static void rows_do_not_depend_on_the_size_of_the_workspace(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_GRAPHS; k++) {
        an_model *m = model_of(graphs[k]);
        an_rng r;
        an_rng_init(&r, SEED, 100 + k);
        const size_t n = an_model_n_params(m), in = an_model_n_inputs(m);
        float *p = numbers(&r, n), *x = numbers(&r, 2 * in);
        float *small = an_alloc(n, sizeof *small), *large = an_alloc(n, sizeof *large);
        for (int big = 0; big < 2; big++) {
            an_ws *ws = NULL;
            assert_int_equal(an_ws_new(m, AN_WS_TRAIN, big ? 37 : 2, &ws), AN_OK);
            an_model_grad(m, ws, p, 2, x, NULL, NULL, big ? large : small);
            an_ws_free(ws);
        }
        assert_memory_equal(small, large, n * sizeof *small);
        float *all[] = {p, x, small, large};
        for (size_t i = 0; i < 4; i++)
            an_free(all[i]);
        an_model_free(m);
    }
}

static void a_graph_survives_running_out_of_memory(void **state)
{
    (void)state;
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err != AN_OK; n++) {
        an_model *m = NULL;
        an_ws *ws = NULL;
        an_mem_fail_after(n);
        err = an_model_new(graphs[0], strlen(graphs[0]), "test", 0, &m, NULL);
        if (err == AN_OK)
            err = an_ws_new(m, AN_WS_TRAIN, 4, &ws);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_ws_free(ws);
        an_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gradient_of_a_graph_is_its_slope),
        cmocka_unit_test(the_text_of_a_graph_reads_back_to_the_same),
        cmocka_unit_test(what_does_not_fit_together_is_refused_with_a_reason),
        cmocka_unit_test(a_forward_pass_takes_less_memory_than_training),
        cmocka_unit_test(rows_do_not_depend_on_the_size_of_the_workspace),
        cmocka_unit_test(a_graph_survives_running_out_of_memory),
    };
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    printf("seed %u\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
