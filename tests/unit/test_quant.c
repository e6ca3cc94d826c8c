/* Models in whole numbers: how near they come to float32, the same bits on every instruction set, the
 * file there and back, and what is refused. */
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
#include "models/kernels/q8.h"
#include "models/quant.h"
#include "models/train.h"

enum { SIDE = 12, PIXELS = SIDE * SIDE, CLASSES = 3, N = 240, WINDOW = 24, WIDTH = 3 };

static const char classifier[] = "model: bars\n"
                                 "input: {height: 12, width: 12, channels: 1}\n"
                                 "layers:\n"
                                 "  - conv2d: {filters: 6, size: 3, padding: same}\n"
                                 "  - relu\n"
                                 "  - max_pool2d: {size: 2}\n"
                                 "  - conv2d: {filters: 5, size: 3, stride: 2}\n"
                                 "  - leaky_relu\n"
                                 "  - flatten\n"
                                 "  - dropout: {rate: 0.1}\n"
                                 "  - dense: {units: 3}\n"
                                 "loss: cross_entropy\n"
                                 "target: labels\n";

/* Whatever may stand between bytes: joins, several readers, kinds that stay in float32. */
static const char graph[] = "model: graph\n"
                            "input: {features: 3, window: 24}\n"
                            "layers:\n"
                            "  - conv1d: {name: a, filters: 5, size: 5, stride: 2, padding: same}\n"
                            "  - relu\n"
                            "  - conv1d: {name: b, filters: 5, size: 3, padding: same}\n"
                            "  - batch_norm\n"
                            "  - add: {from: [relu1, batch_norm1]}\n"
                            "  - relu\n"
                            "  - max_pool1d: {name: p, size: 2}\n"
                            "  - relu\n"
                            "  - lstm: {units: 4, from: p}\n"
                            "  - flatten: {name: f, from: relu3}\n"
                            "  - flatten: {name: g, from: lstm1}\n"
                            "  - concat: {from: [f, g]}\n"
                            "  - dense: {units: 7}\n"
                            "  - tanh\n"
                            "  - dense: {units: 72}\n"
                            "loss: mse\n"
                            "target: input\n";

static float images[N * PIXELS], labels[N], series[N * WINDOW * WIDTH];

/* A bright line, upright, level or aslant, in noise. */
static void make_images(void)
{
    an_rng r;
    an_rng_init(&r, 5, 0);
    for (size_t i = 0; i < N; i++) {
        const size_t class = an_rng_below(&r, CLASSES), at = 2 + an_rng_below(&r, SIDE - 4);
        labels[i] = (float)class;
        for (size_t y = 0; y < SIDE; y++)
            for (size_t x = 0; x < SIDE; x++) {
                const bool line = class == 0 ? x == at : class == 1 ? y == at : x == y;
                images[i * PIXELS + y * SIDE + x] = (line ? 1.0f : 0.0f) + 0.2f * (float)an_rng_normal(&r);
            }
    }
}

static void make_series(void)
{
    an_rng r;
    an_rng_init(&r, 6, 0);
    for (size_t i = 0; i < N; i++) {
        const double phase = 6.28 * an_rng_unit(&r);
        for (size_t t = 0; t < WINDOW; t++)
            for (size_t c = 0; c < WIDTH; c++)
                series[(i * WINDOW + t) * WIDTH + c] =
                    (float)(sin(phase + 0.3 * (double)t * (double)(c + 1)) + 0.05 * an_rng_normal(&r));
    }
}

static int set_up(void **state)
{
    (void)state;
    make_images();
    make_series();
    return 0;
}

/* A trained model. */
typedef struct learnt {
    an_model *m;
    float *params;
} learnt;

static learnt learn(const char *text, const float *x, const float *t, size_t epochs)
{
    learnt l = {0};
    an_note why = {{0}};
    an_train_opts o = an_train_defaults();
    o.epochs = epochs;
    o.batch = 16;
    o.lr = 5e-3;
    an_err err = an_model_new(text, strlen(text), "test", 0, &l.m, &why);
    if (err != AN_OK)
        fail_msg("%s", why.text);
    l.params = an_alloc(an_model_n_params(l.m), sizeof *l.params);
    assert_non_null(l.params);
    an_model_init(l.m, 3, l.params);
    err = an_train(l.m, l.params, &o, x, t, N, NULL, &why);
    assert_int_equal(err, AN_OK);
    return l;
}

static void learnt_done(learnt *l)
{
    an_model_free(l->m);
    an_free(l->params);
}

static an_quant *quantised(const learnt *l, const float *x, double share)
{
    an_quant *q = NULL;
    an_note why = {{0}};
    an_quant_opts o = an_quant_defaults();
    o.share = share;
    o.version.b[0] = 77;
    an_err err = an_quant_new(l->m, l->params, x, N, &o, &q, &why);
    if (err != AN_OK)
        fail_msg("%s", why.text);
    return q;
}

static size_t n_right(const float *y)
{
    size_t n = 0;
    for (size_t i = 0; i < N; i++) {
        size_t best = 0;
        for (size_t c = 1; c < CLASSES; c++)
            best = y[i * CLASSES + c] > y[i * CLASSES + best] ? c : best;
        n += best == (size_t)labels[i];
    }
    return n;
}

/* The outputs of all rows (N, n_outputs), `batch` rows at a time. */
static float *outputs_of(const an_quant *q, const float *x, size_t batch)
{
    const size_t n_in = an_model_n_inputs(an_quant_model(q)), n_out = an_model_n_outputs(an_quant_model(q));
    float *y = an_alloc(N * n_out, sizeof *y);
    an_quant_ws *ws = NULL;
    an_err err = an_quant_ws_new(q, batch, &ws);
    assert_int_equal(err, AN_OK);
    assert_non_null(y);
    for (size_t i = 0; i < N; i += batch) {
        const size_t rows = N - i < batch ? N - i : batch;
        memcpy(y + i * n_out, an_quant_forward(q, ws, rows, x + i * n_in), rows * n_out * sizeof *y);
    }
    an_quant_ws_free(ws);
    return y;
}

static float *float_outputs(const learnt *l, const float *x)
{
    const size_t n_out = an_model_n_outputs(l->m);
    float *y = an_alloc(N * n_out, sizeof *y);
    an_ws *ws = NULL;
    an_err err = an_ws_new(l->m, AN_WS_FORWARD, N, &ws);
    assert_int_equal(err, AN_OK);
    assert_non_null(y);
    memcpy(y, an_model_forward(l->m, ws, l->params, N, x), N * n_out * sizeof *y);
    an_ws_free(ws);
    return y;
}

static void a_learnt_classifier_still_knows_its_classes(void **state)
{
    (void)state;
    learnt l = learn(classifier, images, labels, 12);
    float *before = float_outputs(&l, images);
    for (int cut = 0; cut < 2; cut++) {
        an_quant *q = quantised(&l, images, cut ? 0.999 : 1.0);
        float *after = outputs_of(q, images, 1);
        print_message("right: %zu in float32, %zu in bytes\n", n_right(before), n_right(after));
        assert_true(n_right(before) >= N * 95 / 100);
        assert_true(n_right(after) + N * 2 / 100 >= n_right(before));
        assert_true(an_quant_n_bytes(q) * 3 < an_model_n_params(l.m) * sizeof(float));
        assert_int_equal(an_quant_n_layers(q), 3);
        an_free(after);
        an_quant_free(q);
    }
    an_free(before);
    learnt_done(&l);
}

static void a_graph_with_layers_in_float32_comes_near_its_outputs(void **state)
{
    (void)state;
    learnt l = learn(graph, series, NULL, 10);
    an_quant *q = quantised(&l, series, 1.0);
    assert_int_equal(an_quant_n_layers(q), 4);
    assert_string_equal(an_quant_layer_form(q, 0), "bytes");
    assert_string_equal(an_quant_layer_form(q, 1), "with the one before");
    assert_string_equal(an_quant_layer_form(q, 3), "float32");
    float *want = float_outputs(&l, series), *is = outputs_of(q, series, 7);
    double square = 0, error = 0;
    for (size_t i = 0; i < N * WINDOW * WIDTH; i++) {
        square += (double)want[i] * (double)want[i];
        error += ((double)is[i] - (double)want[i]) * ((double)is[i] - (double)want[i]);
    }
    print_message("relative error %g\n", sqrt(error / square));
    assert_true(error <= 0.03 * 0.03 * square);
    an_free(want);
    an_free(is);
    an_quant_free(q);
    learnt_done(&l);
}

static void every_instruction_set_gives_the_same_bits_for_a_whole_model(void **state)
{
    (void)state;
    learnt l = learn(classifier, images, labels, 2);
    an_quant *q = quantised(&l, images, 1.0);
    an_q8_choose("plain");
    float *plain = outputs_of(q, images, 1);
    for (size_t i = 0; an_q8_kernel_at(i); i++) {
        if (!an_q8_kernel_at(i)->usable())
            continue;
        an_q8_choose(an_q8_kernel_at(i)->name);
        float *here = outputs_of(q, images, i + 3); /* and rows give the same bits in any batch */
        assert_memory_equal(plain, here, N * CLASSES * sizeof *here);
        an_free(here);
    }
    an_q8_choose(NULL);
    an_free(plain);
    an_quant_free(q);
    learnt_done(&l);
}

static an_buf encoded(const an_quant *q)
{
    an_buf b;
    an_buf_init(&b, 1 << 20);
    an_err err = an_quant_encode(q, &b);
    assert_int_equal(err, AN_OK);
    return b;
}

static void a_file_reads_back_to_the_same_bits(void **state)
{
    (void)state;
    const char *const texts[] = {classifier, graph};
    for (size_t k = 0; k < 2; k++) {
        const float *x = k ? series : images;
        learnt l = learn(texts[k], x, k ? NULL : labels, 1);
        an_quant *q = quantised(&l, x, 1.0), *again = NULL;
        an_buf b = encoded(q);
        an_note why = {{0}};
        an_err err = an_quant_decode(b.data, b.len, &again, &why);
        if (err != AN_OK)
            fail_msg("%s", why.text);
        an_buf c = encoded(again);
        assert_int_equal(b.len, c.len);
        assert_memory_equal(b.data, c.data, b.len);
        assert_int_equal(an_quant_version(again)->b[0], 77);
        float *y = outputs_of(q, x, 8), *z = outputs_of(again, x, 8);
        assert_memory_equal(y, z, N * an_model_n_outputs(l.m) * sizeof *y);
        an_free(y);
        an_free(z);
        an_buf_done(&b);
        an_buf_done(&c);
        an_quant_free(q);
        an_quant_free(again);
        learnt_done(&l);
    }
}

static void a_damaged_file_is_refused(void **state)
{
    (void)state;
    learnt l = learn(classifier, images, labels, 1);
    an_quant *q = quantised(&l, images, 1.0), *none = NULL;
    an_buf b = encoded(q);
    an_note why;
    for (size_t len = 0; len < b.len; len += 1 + len / 97) {
        an_err err = an_quant_decode(b.data, len, &none, &why);
        assert_int_equal(err, AN_ERR_PROTO);
    }
    /* Any byte changed: refused, or a model of the same shape that runs. */
    for (size_t at = 0; at < b.len; at += 1 + at / 61) {
        an_quant *odd = NULL;
        b.data[at] ^= 0x41;
        if (an_quant_decode(b.data, b.len, &odd, &why) == AN_OK) {
            float *y = outputs_of(odd, images, 48);
            an_free(y);
        }
        an_quant_free(odd);
        b.data[at] ^= 0x41;
    }
    b.data[8] = 2;
    an_err err = an_quant_decode(b.data, b.len, &none, &why);
    assert_int_equal(err, AN_ERR_UNSUPPORTED);
    assert_null(none);
    an_buf_done(&b);
    an_quant_free(q);
    learnt_done(&l);
}

static void what_cannot_be_quantised_is_refused(void **state)
{
    (void)state;
    static const char bare[] = "model: bare\n"
                               "input: {features: 3, window: 4}\n"
                               "layers:\n"
                               "  - lstm: {units: 3}\n"
                               "loss: mse\n"
                               "target: labels\n";
    learnt l = learn(classifier, images, labels, 1);
    an_quant *q = NULL;
    an_quant_ws *ws = NULL;
    an_note why;
    an_quant_opts o = an_quant_defaults();
    an_err err = an_quant_new(l.m, l.params, images, 0, NULL, &q, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    o.share = 0.5;
    err = an_quant_new(l.m, l.params, images, N, &o, &q, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    const float kept = images[77];
    images[77] = NAN;
    err = an_quant_new(l.m, l.params, images, N, NULL, &q, &why);
    images[77] = kept;
    assert_int_equal(err, AN_ERR_NUMERIC);
    an_model *m = NULL;
    err = an_model_new(bare, strlen(bare), "bare", 0, &m, &why);
    assert_int_equal(err, AN_OK);
    float *params = an_alloc(an_model_n_params(m), sizeof *params);
    err = an_quant_new(m, params, series, N, NULL, &q, &why);
    assert_int_equal(err, AN_ERR_UNSUPPORTED);
    assert_null(q);
    q = quantised(&l, images, 1.0);
    err = an_quant_ws_new(q, 0, &ws);
    assert_int_equal(err, AN_ERR_INVAL);
    an_quant_free(q);
    an_free(params);
    an_model_free(m);
    learnt_done(&l);
}

static void running_out_of_memory_leaks_nothing(void **state)
{
    (void)state;
    learnt l = learn(graph, series, NULL, 1);
    const size_t live = an_mem_live();
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err == AN_ERR_NOMEM; n++) {
        an_quant *q = NULL, *again = NULL;
        an_quant_ws *ws = NULL;
        an_quant_opts o = {.share = 0.99};
        an_buf b;
        an_buf_init(&b, 1 << 20);
        an_mem_fail_after(n);
        err = an_quant_new(l.m, l.params, series, 20, &o, &q, NULL);
        if (err == AN_OK)
            err = an_quant_ws_new(q, 4, &ws);
        if (err == AN_OK)
            err = an_quant_encode(q, &b);
        if (err == AN_OK)
            err = an_quant_decode(b.data, b.len, &again, NULL);
        an_mem_fail_never();
        an_quant_free(q);
        an_quant_free(again);
        an_quant_ws_free(ws);
        an_buf_done(&b);
        assert_int_equal(an_mem_live(), live);
    }
    assert_int_equal(err, AN_OK);
    learnt_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_learnt_classifier_still_knows_its_classes),
        cmocka_unit_test(a_graph_with_layers_in_float32_comes_near_its_outputs),
        cmocka_unit_test(every_instruction_set_gives_the_same_bits_for_a_whole_model),
        cmocka_unit_test(a_file_reads_back_to_the_same_bits),
        cmocka_unit_test(a_damaged_file_is_refused),
        cmocka_unit_test(what_cannot_be_quantised_is_refused),
        cmocka_unit_test(running_out_of_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
