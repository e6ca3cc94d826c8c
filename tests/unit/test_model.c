/* Models: reading, resolving, layout, memory, and the arithmetic of whole networks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "models/model.h"

#define SEED 3u

static const char small[] = "model: small\n"
                            "input: {features: input, window: 1}\n"
                            "layers:\n"
                            "  - dense: {units: 6, name: enc}\n"
                            "  - tanh\n"
                            "  - dense: {units: input, local: true}\n"
                            "loss: mse\n"
                            "target: input\n";

static an_model *model_of(const char *text, size_t n_features)
{
    an_model *m = NULL;
    an_note why = {0};
    an_err err = an_model_new(text, strlen(text), "test.yaml", n_features, &m, &why);
    if (err != AN_OK)
        fail_msg("%s", why.text);
    return m;
}

static an_model *zoo(const char *name, size_t n_features)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_buf_init(&b, AN_MODEL_TEXT_MAX);
    an_err err = an_path_join(path, "models/zoo", name);
    assert_int_equal(err, AN_OK);
    err = an_file_read(&b, path, NULL);
    assert_int_equal(err, AN_OK);
    an_buf_u8(&b, 0);
    an_model *m = model_of((const char *)b.data, n_features);
    an_buf_done(&b);
    return m;
}

static const struct {
    const char *name;
    size_t n_features, n_inputs, n_outputs;
} zoo_models[] = {{"dense-ae.yaml", 19, 19, 19},
                  {"conv1d-ae.yaml", 3, 96, 96},
                  {"mlp-regression.yaml", 11, 11, 1},
                  {"cnn-classifier.yaml", 0, 784, 10},
                  {"conv2d-ae.yaml", 0, 4096, 4096},
                  {"gru-forecast.yaml", 3, 96, 1},
                  {"lstm-ae.yaml", 3, 180, 180},
                  {"lstm-classifier.yaml", 3, 192, 4},
                  {"mobile-cnn.yaml", 0, 12288, 10},
                  {"unet.yaml", 0, 16384, 16384},
                  {"vae.yaml", 19, 19, 19}};
#define N_ZOO (sizeof zoo_models / sizeof *zoo_models)

static void widths_come_from_the_data(void **state)
{
    (void)state;
    an_model *m = model_of(small, 4);
    assert_int_equal(an_model_n_inputs(m), 4);
    assert_int_equal(an_model_n_outputs(m), 4);
    assert_int_equal(an_model_n_targets(m), 4);
    assert_int_equal(an_model_n_params(m), 4 * 6 + 6 + 6 * 4 + 4);
    assert_int_equal(an_model_n_shared(m), 4 * 6 + 6);
    assert_int_equal(an_model_n_tensors(m), 4);
    const an_tensor *t = an_model_tensor_find(m, "dense2.w");
    assert_non_null(t);
    assert_ptr_equal(t, an_model_tensor_at(m, 2));
    assert_int_equal(t->offset, 30);
    assert_int_equal(t->dims[0], 6);
    assert_true(t->local);
    assert_false(an_model_tensor_at(m, 0)->local);
    assert_null(an_model_tensor_at(m, 4));
    assert_null(an_model_tensor_find(m, "dense9.w"));
    an_model_free(m);
}

static void the_resolved_text_reads_back_to_the_same_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ZOO; i++) {
        an_model *a = zoo(zoo_models[i].name, zoo_models[i].n_features);
        assert_int_equal(an_model_n_inputs(a), zoo_models[i].n_inputs);
        assert_int_equal(an_model_n_outputs(a), zoo_models[i].n_outputs);
        an_model *b = model_of(an_model_text(a), 0);
        assert_string_equal(an_model_text(a), an_model_text(b));
        an_hash ha, hb;
        an_model_layout_hash(a, &ha);
        an_model_layout_hash(b, &hb);
        assert_true(an_hash_equal(&ha, &hb));
        an_model_free(a);
        an_model_free(b);
    }
}

static void options_of_a_loss_are_read_and_written(void **state)
{
    (void)state;
    static const char text[] = "model: a\ninput: {features: 1}\nlayers: [{dense: {units: 1}}]\n"
                               "loss: {huber: {delta: 0.5}}\ntarget: labels\n";
    const float params[2] = {1.0f, 0.0f}, x[1] = {3.0f}, t[1] = {1.0f};
    an_model *m = model_of(text, 0);
    for (int i = 0; i < 2; i++) {
        an_ws *ws = NULL;
        an_err err = an_ws_new(m, AN_WS_FORWARD, 1, &ws);
        assert_int_equal(err, AN_OK);
        assert_float_equal(an_model_loss(m, ws, params, 1, x, t), 0.5 * (2.0 - 0.25), 1e-6);
        an_ws_free(ws);
        assert_non_null(strstr(an_model_text(m), "loss: {huber: {delta: 0.5}}\n"));
        an_model *again = model_of(an_model_text(m), 0);
        assert_string_equal(an_model_text(again), an_model_text(m));
        an_model_free(m);
        m = again;
    }
    an_model_free(m);
}

static void the_layout_hash_sees_names_shapes_and_locality(void **state)
{
    (void)state;
    const char *texts[] = {
        "model: a\ninput: {features: 4}\nlayers: [{dense: {units: 4}}]\nloss: mse\ntarget: "
        "input\n",
        "model: a\ninput: {features: 4}\nlayers: [{dense: {units: 5}}]\nloss: mse\ntarget: "
        "labels\n",
        "model: a\ninput: {features: 4}\nlayers: [{dense: {units: 4, name: x}}]\nloss: "
        "mse\ntarget: input\n",
        "model: a\ninput: {features: 4}\nlayers: [{dense: {units: 4, local: true}}]\nloss: "
        "mse\ntarget: input\n",
        "model: a\ninput: {features: 2}\nlayers: [{dense: {units: 8}}]\nloss: mse\ntarget: "
        "labels\n",
        "model: a\ninput: {features: 4}\nlayers: [{dense: {units: 4, frozen: true}}]\nloss: "
        "mse\ntarget: input\n",
    };
    an_hash h[6];
    for (size_t i = 0; i < 6; i++) {
        an_model *m = model_of(texts[i], 0);
        an_model_layout_hash(m, &h[i]);
        an_model_free(m);
        for (size_t j = 0; j < i; j++)
            assert_false(an_hash_equal(&h[i], &h[j]));
    }
}

static void first_values_follow_the_seed(void **state)
{
    (void)state;
    an_model *m = model_of(small, 4);
    float a[64], b[64];
    an_model_init(m, SEED, a);
    an_model_init(m, SEED, b);
    assert_memory_equal(a, b, an_model_n_params(m) * sizeof *a);
    an_model_init(m, SEED + 1, b);
    assert_memory_not_equal(a, b, 24 * sizeof *a);
    for (size_t i = 24; i < 30; i++)
        assert_true(a[i] == 0.0f);
    for (size_t i = 0; i < 24; i++)
        assert_true(fabsf(a[i]) <= sqrtf(6.0f / 10.0f));
    an_model_free(m);
}

static void a_hand_made_network_gives_the_numbers_of_the_hand(void **state)
{
    (void)state;
    an_model *m = model_of("model: hand\ninput: {features: 2}\n"
                           "layers: [{dense: {units: 2}}, relu, {dense: {units: 1}}]\n"
                           "loss: mse\ntarget: labels\n",
                           0);
    const float w[9] = {1, -1, 2, 1, 0.5f, 0, 3, 4, -1};
    const float x[4] = {1, 2, -1, 0}, t[2] = {17, 0};
    an_ws *ws = NULL;
    an_err err = an_ws_new(m, AN_WS_TRAIN, 2, &ws);
    assert_int_equal(err, AN_OK);
    /* row 1: (1+4+.5, -1+2) = (5.5, 1) -> 16.5+4-1 = 19.5; row 2: (-1+.5, 1) -> (0, 1) -> 3 */
    const float *y = an_model_forward(m, ws, w, 2, x);
    assert_float_equal(y[0], 19.5f, 1e-6f);
    assert_float_equal(y[1], 3.0f, 1e-6f);
    assert_float_equal(an_model_loss(m, ws, w, 2, x, t), 2.5 * 2.5 + 9.0, 1e-5);
    float grad[9] = {0};
    double loss = an_model_grad(m, ws, w, 2, x, t, NULL, grad);
    assert_float_equal(loss, 15.25, 1e-5);
    assert_float_equal(grad[8], 2 * 2.5 + 2 * 3, 1e-5); /* output bias: 5 + 6 */
    assert_float_equal(grad[6], 5 * 5.5, 1e-4);         /* the first unit is off in row 2 */
    assert_float_equal(grad[0], 5 * 3 * 1, 1e-4);
    an_ws_free(ws);
    an_model_free(m);
}

static float target_of(const an_model *m, an_rng *r, size_t i)
{
    const char *loss = an_model_loss_name(m);
    if (strcmp(loss, "mse") == 0)
        return (float)i;
    return (float)an_rng_below(r, strcmp(loss, "dice") == 0 ? 2 : an_model_n_outputs(m));
}

/* A running mean has no gradient. */
static void keep_what_follows(const an_model *m, float *g)
{
    for (size_t i = 0; i < an_model_n_tensors(m); i++) {
        const an_tensor *t = an_model_tensor_at(m, i);
        for (size_t k = 0; t->follow > 0.0 && k < t->n; k++)
            g[t->offset + k] = 0.0f;
    }
}

/* Slope of the loss along a random direction against the gradient, for a whole network as in training:
 * what is drawn is the same each time. */
static void check_network(const an_model *m)
{
    size_t n = an_model_n_params(m), n_in = an_model_n_inputs(m), n_t = an_model_n_targets(m), batch = 3;
    float *p = an_alloc(n, sizeof *p), *q = an_alloc(n, sizeof *q), *g = an_alloc(n, sizeof *g);
    float *dir = an_alloc(n, sizeof *dir), *x = an_alloc(batch * n_in, sizeof *x),
          *t = an_alloc(batch * n_t, sizeof *t);
    assert_true(p && q && g && dir && x && t);
    an_rng r;
    an_rng_init(&r, SEED, n);
    an_model_init(m, SEED, p);
    for (size_t i = 0; i < batch * n_in; i++)
        x[i] = (float)an_rng_normal(&r);
    for (size_t i = 0; i < batch * n_t; i++)
        t[i] = target_of(m, &r, i);
    double want = 0.0, at[2];
    an_ws *ws = NULL;
    an_err err = an_ws_new(m, AN_WS_TRAIN, batch, &ws);
    assert_int_equal(err, AN_OK);
    an_model_grad(m, ws, p, batch, x, t, NULL, g);
    keep_what_follows(m, g);
    for (size_t i = 0; i < n; i++) {
        dir[i] = g[i] + (float)(0.1 * an_rng_normal(&r)) * fabsf(g[i]);
        want += (double)dir[i] * (double)g[i];
    }
    double h = 2e-4 / (sqrt(want) + 1e-9);
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < n; i++)
            q[i] = (float)((double)p[i] + (k ? h : -h) * (double)dir[i]);
        at[k] = an_model_grad(m, ws, q, batch, x, t, NULL, g);
    }
    double got = (at[1] - at[0]) / (2.0 * h);
    if (!(fabs(got - want) <= 0.02 * fabs(want)))
        fail_msg("%s: gradient %g, differences %g", an_model_name(m), want, got);
    an_ws_free(ws);
    float *all[] = {p, q, g, dir, x, t};
    for (size_t i = 0; i < 6; i++)
        an_free(all[i]);
}

static void the_gradient_of_whole_networks_is_their_slope(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ZOO; i++) {
        an_model *m = zoo(zoo_models[i].name, zoo_models[i].n_features);
        check_network(m);
        an_model_free(m);
    }
    /* Activations after activations: some run in place, some may not. */
    an_model *m = model_of("model: stack\ninput: {features: 4, window: 6}\n"
                           "layers: [sigmoid, tanh, flatten, {leaky_relu: {slope: 0.2}}, flatten, softmax,\n"
                           "  {dense: {units: 5}}, flatten, sigmoid, flatten, tanh, {dense: {units: 3}}, "
                           "sigmoid]\n"
                           "loss: mse\ntarget: labels\n",
                           0);
    check_network(m);
    an_model_free(m);
}

static const struct {
    const char *text, *says;
} wrong[] = {
    {"", "\"model\" is missing"},
    {"[1, 2]", ""},
    {"model: a\n", "input"},
    {"model: a b\ninput: {features: 2}\nlayers: [relu]\nloss: mse\ntarget: input\n", "name"},
    {"model: a\ninput: {features: 0}\nlayers: [relu]\nloss: mse\ntarget: input\n", "features"},
    {"model: a\ninput: {features: input}\nlayers: [relu]\nloss: mse\ntarget: input\n", "needs data"},
    {"model: a\ninput: {features: 2, height: 3}\nlayers: [relu]\nloss: mse\ntarget: input\n", "features"},
    {"model: a\ninput: {features: 2}\nlayers: []\nloss: mse\ntarget: input\n", "at least one"},
    {"model: a\ninput: {features: 2}\nlayers: [rellu]\nloss: mse\ntarget: input\n",
     "unknown layer \"rellu\"; known: dense"},
    {"model: a\ninput: {features: 2}\nlayers: [dense]\nloss: mse\ntarget: input\n", "dense needs `units`"},
    {"model: a\ninput: {features: 2}\nlayers:\n  - dense: {units: 3}\nloss: mse\ntarget: "
     "input\n",
     "the output (3) of layer \"dense1\" does not fit the input (2)"},
    {"model: a\ninput: {features: 2, window: 5}\nlayers:\n  - dense: {units: 3}\nloss: "
     "mse\ntarget: labels\n",
     "test.yaml:4"},
    {"model: a\ninput: {features: 2, window: 5}\nlayers: [{dense: {units: 3}}]\nloss: "
     "mse\ntarget: labels\n",
     "dense takes a flat input, not (5, 2)"},
    {"model: a\ninput: {features: 2, window: 5}\nlayers: [{conv1d: {filters: 2, size: "
     "9}}]\nloss: mse\ntarget: labels\n",
     "does not fit into (5, 2)"},
    {"model: a\ninput: {features: 2}\nlayers: [{dense: {units: 2, unit: 3}}]\nloss: "
     "mse\ntarget: input\n",
     "unit"},
    {"model: a\ninput: {features: 2, window: 5}\nlayers: [{conv1d: {filters: 2, size: 3, "
     "padding: some}}]\nloss: mse\ntarget: labels\n",
     "none of: valid same"},
    {"model: a\ninput: {features: 2}\nlayers: [{dense: {units: 2, name: x}}, {dense: {units: "
     "2, name: x}}]\nloss: mse\ntarget: input\n",
     "two layers are called \"x\""},
    {"model: \"-\"\ninput: {features: 2}\nlayers: [relu]\nloss: mse\ntarget: input\n", "a name has a letter"},
    {"model: a\ninput: {features: 2}\nlayers: [{relu: {local: true}}]\nloss: mse\ntarget: "
     "input\n",
     "no parameters"},
    {"model: a\ninput: {features: 2}\nlayers: [relu]\nloss: mad\ntarget: input\n",
     "unknown loss \"mad\"; known: mse, mae"},
    {"model: a\ninput: {features: 2}\nlayers: [relu]\nloss: {huber: {delta: 0}}\ntarget: input\n", "delta"},
    {"model: a\ninput: {features: 2}\nlayers: [relu]\nloss: {huber: {delte: 1}}\ntarget: input\n", "delte"},
    {"model: a\ninput: {features: 2}\nlayers: [relu]\nloss: {huber: {}, mse: {}}\ntarget: input\n", ""},
    {"model: a\ninput: {features: 2}\nlayers: [relu]\nloss: {huber: 3}\ntarget: input\n", ""},
    {"model: a\ninput: {features: 2}\nlayers: [relu]\nloss: bce\ntarget: input\n", "needs labels"},
    {"model: a\ninput: {features: 2}\nlayers: [sigmoid]\nloss: dice\ntarget: labels\n", "sigmoid itself"},
    {"model: a\ninput: {features: 2}\nlayers: [relu]\ntarget: input\n", "\"loss\" is missing"},
    {"model: a\ninput: {features: 2}\nlayers: [relu]\nloss: mse\ntarget: both\n", "none of: input labels"},
    {"model: a\ninput: {features: 2}\nlayers: [softmax]\nloss: cross_entropy\ntarget: labels\n",
     "softmax itself"},
    {"model: a\ninput: {features: 2}\nlayers: [relu]\nloss: cross_entropy\ntarget: input\n", "needs labels"},
    {"model: a\ninput: {features: 2}\nlayers: [{dense: {units: 99999999999}}]\nloss: "
     "mse\ntarget: labels\n",
     "units"},
    {"model: a\ninput: {features: 2}\nlayers: [{dense: {units: 1}, relu: {}}]\nloss: "
     "mse\ntarget: labels\n",
     "a layer is"},
    {"model: a\ninput: {features: 2}\nextra: 1\nlayers: [relu]\nloss: mse\ntarget: input\n", "extra"},
};

static void what_is_wrong_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_model *m = NULL;
        an_note why = {0};
        an_err err = an_model_new(wrong[i].text, strlen(wrong[i].text), "test.yaml", 0, &m, &why);
        if (err == AN_OK || m || !strstr(why.text, wrong[i].says) || why.text[0] == '\0')
            fail_msg("text %zu: %s \"%s\" does not say \"%s\"", i, an_err_name(err), why.text, wrong[i].says);
        assert_true(err == AN_ERR_INVAL || err == AN_ERR_PROTO);
    }
}

static void data_of_another_width_is_refused(void **state)
{
    (void)state;
    an_model *m = NULL, *resolved = model_of(small, 4);
    an_note why = {0};
    const char *text = an_model_text(resolved);
    an_err err = an_model_new(text, strlen(text), "test.yaml", 5, &m, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "takes 4 features, but the data has 5 columns"));
    an_model_free(resolved);
}

/* An image may be a row of the data, or a window of its rows. */
static void an_image_fits_data_of_both_forms(void **state)
{
    (void)state;
    static const char image[] =
        "model: t\ninput: {height: 4, width: 3, channels: 3}\nlayers: [flatten, {dense: {units: 36}}]\n"
        "loss: mse\ntarget: input\n";
    static const size_t columns[] = {36, 9};
    an_model *m = NULL;
    an_note why = {0};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        assert_int_equal(an_model_new(image, strlen(image), "test.yaml", columns[i], &m, &why), AN_OK);
        assert_int_equal(an_model_n_inputs(m), 36);
        an_model_free(m);
    }
    assert_int_equal(an_model_new(image, strlen(image), "test.yaml", 12, &m, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "has 36 values, 9 in a row, but the data has 12"));
}

static void a_hostile_size_is_a_limit_not_an_allocation(void **state)
{
    (void)state;
    const char *texts[] = {
        "model: a\ninput: {features: 1000000}\nlayers: [{dense: {units: 1000}}]\nloss: "
        "mse\ntarget: labels\n",
        "model: a\ninput: {features: 1000000, window: 1000000}\nlayers: [relu]\nloss: "
        "mse\ntarget: input\n",
        "model: a\ninput: {features: 10000}\nlayers: [{dense: {units: 9000}}, {dense: {units: "
        "9000}}]\n"
        "loss: mse\ntarget: labels\n",
        "model: a\ninput: {height: 9000, width: 9000, channels: 1}\n"
        "layers: [{conv2d: {filters: 65536, size: 255, padding: same}}]\nloss: mse\ntarget: "
        "labels\n",
    };
    for (size_t i = 0; i < 4; i++) {
        an_model *m = NULL;
        an_note why = {0};
        an_err err = an_model_new(texts[i], strlen(texts[i]), "test.yaml", 0, &m, &why);
        assert_int_equal(err, AN_ERR_LIMIT);
        assert_null(m);
        assert_true(why.text[0] != '\0');
    }
    an_buf b;
    an_buf_init(&b, AN_MODEL_TEXT_MAX);
    an_buf_text(&b, "model: a\ninput: {features: 2}\nlayers:\n");
    for (size_t i = 0; i <= AN_MODEL_LAYERS_MAX; i++)
        an_buf_text(&b, "  - relu\n");
    an_buf_text(&b, "loss: mse\ntarget: input\n");
    an_model *m = NULL;
    an_err err = an_model_new((const char *)b.data, b.len, "test.yaml", 0, &m, NULL);
    assert_int_equal(err, AN_ERR_LIMIT);
    an_buf_done(&b);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    size_t live = an_mem_live();
    an_err err;
    size_t n = 0;
    do {
        an_model *m = NULL;
        an_ws *ws = NULL;
        an_mem_fail_after(n++);
        err = an_model_new(small, strlen(small), "test.yaml", 4, &m, NULL);
        assert_true(err == AN_OK ? m != NULL : err == AN_ERR_NOMEM && !m);
        if (err == AN_OK) {
            err = an_ws_new(m, AN_WS_TRAIN, 8, &ws);
            assert_true(err == AN_OK ? ws != NULL : err == AN_ERR_NOMEM && !ws);
        }
        an_mem_fail_never();
        an_ws_free(ws);
        an_model_free(m);
    } while (err != AN_OK);
    assert_true(n > 5);
    assert_int_equal(an_mem_live(), live);
}

static void a_workspace_for_no_rows_is_refused(void **state)
{
    (void)state;
    an_model *m = model_of(small, 4);
    an_ws *ws = NULL;
    an_err err = an_ws_new(m, AN_WS_TRAIN, 0, &ws);
    assert_int_equal(err, AN_ERR_INVAL);
    err = an_ws_new(m, AN_WS_TRAIN, SIZE_MAX / 2, &ws);
    assert_int_equal(err, AN_ERR_NOMEM);
    assert_null(ws);
    an_model_free(m);
    an_model_free(NULL);
    an_ws_free(NULL);
}

#define SHEET                                                                                                \
    "model: sheet\ninput: {features: 4, window: 2}\nlayers:\n"                                               \
    "  - omit: {column: 1, columns: 2, rows: 1}\n  - flatten\n  - dense: {units: 2, name: said}\n"           \
    "  - insert: {column: 1, columns: 2, rows: 1, from: [input, said]}\n"

static void it_says_for_which_columns_it_answers(void **state)
{
    (void)state;
    an_model *m = model_of(SHEET "loss: mse\ntarget: input\n", 4), *plain = model_of(small, 4);
    for (size_t j = 0; j < 6; j++) {
        assert_true(an_model_answers(m, j) == (j == 1 || j == 2));
        assert_false(an_model_answers(plain, j));
    }
    an_model_free(m);
    an_model_free(plain);
}

static void what_has_the_same_name_and_shape_is_taken_over(void **state)
{
    (void)state;
    static const char other[] =
        "model: other\ninput: {features: input, window: 1}\nlayers:\n"
        "  - dense: {units: 6, name: enc}\n  - tanh\n  - dense: {units: 3, name: dense2}\n"
        "loss: mse\ntarget: labels\n";
    an_model *from = model_of(small, 4), *to = model_of(other, 4), *wide = model_of(small, 5);
    float a[64], b[64], before[64];
    size_t n = 0;
    an_model_init(from, SEED, a);
    an_model_init(to, SEED + 1, b);
    memcpy(before, b, sizeof b);
    assert_int_equal(an_model_take(to, b, from, a, &n), 2);
    assert_int_equal(n, 30);
    assert_memory_equal(b, a, 30 * sizeof *b);
    assert_memory_equal(b + 30, before + 30, (6 * 3 + 3) * sizeof *b); /* dense2 has another shape */
    assert_int_equal(an_model_take(wide, b, to, a, &n), 1);            /* the bias of enc alone */
    assert_int_equal(n, 6);
    an_model_free(from);
    an_model_free(to);
    an_model_free(wide);
}

int main(void)
{
    if (an_crypto_init() != AN_OK)
        return 1;
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    printf("seed %u\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_come_from_the_data),
        cmocka_unit_test(the_resolved_text_reads_back_to_the_same_model),
        cmocka_unit_test(options_of_a_loss_are_read_and_written),
        cmocka_unit_test(the_layout_hash_sees_names_shapes_and_locality),
        cmocka_unit_test(first_values_follow_the_seed),
        cmocka_unit_test(it_says_for_which_columns_it_answers),
        cmocka_unit_test(what_has_the_same_name_and_shape_is_taken_over),
        cmocka_unit_test(a_hand_made_network_gives_the_numbers_of_the_hand),
        cmocka_unit_test(the_gradient_of_whole_networks_is_their_slope),
        cmocka_unit_test(what_is_wrong_is_refused_with_a_reason),
        cmocka_unit_test(data_of_another_width_is_refused),
        cmocka_unit_test(an_image_fits_data_of_both_forms),
        cmocka_unit_test(a_hostile_size_is_a_limit_not_an_allocation),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(a_workspace_for_no_rows_is_refused),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
