/* Models to ONNX files and back: every kind of layer and every model of the zoo gives the same outputs
 * again; damaged and hostile files give an error. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/model_internal.h"
#include "models/onnx/onnx.h"

#define BATCH 3u

static an_model *model_of(const char *text, size_t features)
{
    an_model *m = NULL;
    an_note why = {0};
    if (an_model_new(text, strlen(text), "test", features, &m, &why) != AN_OK)
        fail_msg("%s", why.text);
    return m;
}

/* No weight is at a value that hides a mistake: biases are not 0, variances not 1. */
static float *params_of(const an_model *m)
{
    float *p = an_alloc(an_model_n_params(m), sizeof *p);
    assert_non_null(p);
    an_model_init(m, 5, p);
    an_rng r;
    an_rng_init(&r, 5, 1);
    for (size_t i = 0; i < an_model_n_params(m); i++)
        p[i] += 0.2f * (float)an_rng_unit(&r);
    return p;
}

static float *outputs_of(const an_model *m, const float *p, const float *x)
{
    an_ws *ws = NULL;
    float *y = an_alloc(BATCH * an_model_n_outputs(m), sizeof *y);
    assert_non_null(y);
    assert_int_equal(an_ws_new(m, AN_WS_FORWARD, BATCH, &ws), AN_OK);
    memcpy(y, an_model_forward(m, ws, p, BATCH, x), BATCH * an_model_n_outputs(m) * sizeof *y);
    an_ws_free(ws);
    return y;
}

static void export_to(const an_model *m, const float *p, an_buf *file)
{
    an_note why = {0};
    static const an_onnx_prop props[] = {{"andon.version", "0123"}};
    an_buf_init(file, AN_ONNX_BYTES_MAX);
    if (an_onnx_export(m, p, props, 1, file, &why) != AN_OK)
        fail_msg("%s: %s", an_model_name(m), why.text);
}

static void import_from(const an_buf *file, const char *name, an_onnx_model *got)
{
    an_note why = {0};
    const an_onnx_import_opts opts = {.name = NULL};
    if (an_onnx_import(file->data, file->len, &opts, got, &why) != AN_OK)
        fail_msg("%s: %s", name, why.text);
}

static void keep_bytes(const char *dir, const char *name, const char *end, const void *bytes, size_t len)
{
    char path[AN_PATH_MAX], file[64];
    snprintf(file, sizeof file, "%s%s", name, end);
    assert_int_equal(an_path_join(path, dir, file), AN_OK);
    assert_int_equal(an_file_write(path, bytes, len, 0644, NULL), AN_OK);
}

/* For tests/integration/onnx.sh: the file, inputs and our outputs. */
static void keep(const an_model *m, const float *p, const float *x, const an_buf *file)
{
    static unsigned n;
    const char *dir = getenv("ANDON_ONNX_DIR");
    if (!dir)
        return;
    char name[48], dims[96];
    snprintf(name, sizeof name, "%02u-%.40s", n++, an_model_name(m));
    const an_shape *in = &m->in;
    if (in->n_dims == 1)
        snprintf(dims, sizeof dims, "[%u, %zu]", BATCH, in->d[0]);
    else if (in->n_dims == 2)
        snprintf(dims, sizeof dims, "[%u, %zu, %zu]", BATCH, in->d[0], in->d[1]);
    else
        snprintf(dims, sizeof dims, "[%u, %zu, %zu, %zu]", BATCH, in->d[0], in->d[1], in->d[2]);
    float *y = outputs_of(m, p, x);
    keep_bytes(dir, name, ".onnx", file->data, file->len);
    keep_bytes(dir, name, ".json", dims, strlen(dims));
    keep_bytes(dir, name, ".x", x, BATCH * an_model_n_inputs(m) * sizeof *x);
    keep_bytes(dir, name, ".y", y, BATCH * an_model_n_outputs(m) * sizeof *y);
    an_free(y);
}

static float *inputs_of(const an_model *m)
{
    an_rng r;
    an_rng_init(&r, 9, 9);
    float *x = an_alloc(BATCH * an_model_n_inputs(m), sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < BATCH * an_model_n_inputs(m); i++)
        x[i] = (float)an_rng_normal(&r);
    return x;
}

/* same: the layers must be the same too, not only what they compute. */
static void there_and_back(const char *text, size_t features, bool same)
{
    an_model *m = model_of(text, features), *again;
    float *p = params_of(m);
    an_onnx_model got;
    an_buf file;
    export_to(m, p, &file);
    import_from(&file, text, &got);
    again = model_of(got.text, 0);
    assert_string_equal(an_onnx_model_prop(&got, "andon.version"), "0123");
    if (same)
        assert_string_equal(an_model_text(m), got.text);
    assert_int_equal(an_model_n_inputs(again), an_model_n_inputs(m));
    assert_int_equal(an_model_n_outputs(again), an_model_n_outputs(m));
    float *x = inputs_of(m);
    keep(m, p, x, &file);
    float *want = outputs_of(m, p, x), *have = outputs_of(again, got.params, x);
    for (size_t i = 0; i < BATCH * an_model_n_outputs(m); i++)
        if (!(fabsf(want[i] - have[i]) <= 1e-5f * (1.0f + fabsf(want[i]))))
            fail_msg("%s\n%s: output %zu is %g, was %g", got.text, an_model_name(m), i, (double)have[i],
                     (double)want[i]);
    float *all[] = {p, x, want, have};
    for (size_t i = 0; i < 4; i++)
        an_free(all[i]);
    an_onnx_model_done(&got);
    an_buf_done(&file);
    an_model_free(m);
    an_model_free(again);
}

static void a_model_of_the_zoo_comes_back(void **state)
{
    (void)state;
    an_names names;
    const char *dir = AN_TEST_DIR "/../models/zoo";
    assert_int_equal(an_dir_list(dir, &names, NULL), AN_OK);
    assert_true(names.n >= 11);
    for (size_t i = 0; i < names.n; i++) {
        char path[AN_PATH_MAX];
        an_buf text;
        if (!strstr(names.items[i], ".yaml"))
            continue;
        an_buf_init(&text, 1 << 20);
        assert_int_equal(an_path_join(path, dir, names.items[i]), AN_OK);
        assert_int_equal(an_file_read(&text, path, NULL), AN_OK);
        an_buf_u8(&text, 0);
        const bool image = strstr((const char *)text.data, "height") != NULL;
        there_and_back((const char *)text.data, image ? 0 : 6, false);
        an_buf_done(&text);
    }
    an_names_done(&names);
}

#define FLAT "model: t\ninput: {features: 6}\nlayers:\n"
#define SERIES "model: t\ninput: {features: 4, window: 12}\nlayers:\n"
#define IMAGE "model: t\ninput: {height: 12, width: 8, channels: 4}\nlayers:\n"
#define LABELS "loss: mse\ntarget: labels\n"

/* Layers that come back as they were. */
static const char *const same[] = {
    FLAT "  - dense: {units: 5, name: a}\n  - relu\n  - dense: {units: 4}\n  - leaky_relu: {slope: 0.25}\n"
         "  - dense: {units: 3}\n  - sigmoid\n  - dense: {units: 3}\n  - tanh\n  - softmax\n" LABELS,
    FLAT "  - dense: {units: 8}\n  - gelu: {name: g}\n  - dense: {units: 6}\n  - layer_norm: {eps: 0.125}\n"
         "  - batch_norm: {follow: 0.25, eps: 0.125}\n  - group_norm: {groups: 3, eps: 0.125}\n" LABELS,
    FLAT "  - dense: {units: 5, name: a}\n  - tanh: {name: t}\n  - dense: {units: 5, name: b}\n"
         "  - add: {from: [b, t], name: s}\n  - dense: {units: 5, name: c}\n  - multiply: {from: [c, s]}\n"
         "  - concat: {from: [multiply1, a, input]}\n  - dense: {units: 8}\n  - gauss\n" LABELS,
    SERIES
    "  - conv1d: {filters: 6, size: 3, stride: 2, padding: same}\n  - relu\n"
    "  - conv1d: {filters: 4, size: 3}\n  - upsample: {size: 3}\n  - avg_pool1d: {size: 2, stride: 1}\n"
    "  - max_pool1d: {size: 3, stride: 2}\n  - flatten\n  - dense: {units: 3}\n" LABELS,
    SERIES
    "  - lstm: {units: 5}\n  - gru: {units: 3, return: last}\n  - dense: {units: 4}\n  - repeat: {times: 7}\n"
    "  - gru: {units: 5}\n  - lstm: {units: 3, return: last}\n" LABELS,
    SERIES
    "  - conv1d: {filters: 8, size: 3, padding: same}\n  - group_norm: {groups: 4, eps: 0.125}\n  - gelu\n"
    "  - layer_norm: {eps: 0.125}\n  - squeeze_excite: {ratio: 4}\n  - global_max_pool\n" LABELS,
    IMAGE
    "  - conv2d: {filters: 6, size: 3, padding: same, name: c1}\n  - batch_norm: {follow: 0.25, eps: 0.125}\n"
    "  - relu: {name: r1}\n  - max_pool2d: {size: 2, stride: 2}\n"
    "  - conv2d: {filters: 5, size: 3, padding: same}\n  - upsample: {size: 2}\n"
    "  - concat: {from: [upsample1, r1]}\n  - squeeze_excite: {ratio: 2, name: se}\n"
    "  - avg_pool2d: {size: 3, stride: 3}\n  - softmax\n  - global_avg_pool\n" LABELS,
    IMAGE "  - conv2d: {filters: 4, size: 3, groups: 4}\n  - pad: {top: 1, bottom: 2, left: 3, value: -0.5}\n"
          "  - conv2d: {filters: 6, size: 3, stride: 2, padding: same, groups: 2}\n" LABELS,
    IMAGE "  - conv_transpose2d: {filters: 3, size: 3, stride: 2}\n"
          "  - conv_transpose2d: {filters: 2, size: 5, stride: 2, padding: same}\n"
          "  - conv_transpose2d: {filters: 2, size: 2, stride: 3, padding: same}\n" LABELS,
    SERIES "  - pad: {left: 2, right: 1}\n  - conv1d: {filters: 4, size: 3, groups: 2}\n" LABELS,
    SERIES "  - pad: {left: 2, name: output}\n  - relu: {name: graph}\n" LABELS,
    SERIES "  - pad: {left: 1, value: -1e+30}\n  - max_pool1d: {size: 2, stride: 2}\n" LABELS,
    SERIES "  - softmax\n  - batch_norm: {follow: 0.25, eps: 0.125}\n" LABELS,
    IMAGE "  - relu\n  - conv2d: {filters: 2, size: 3}\n" LABELS,
    IMAGE "  - conv2d: {filters: 3, size: 4, stride: 3, padding: same}\n  - sigmoid\n  - flatten\n"
          "  - dense: {units: 5}\n" LABELS,
};

static void a_layer_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        there_and_back(same[i], 0, true);
}

static void what_only_training_needs_is_left_out(void **state)
{
    (void)state;
    there_and_back(FLAT "  - dense: {units: 5}\n  - dropout\n  - relu\n  - dropout\n" LABELS, 0, false);
}

/* Written, and held to ONNX Runtime, but not read again. */
static const char *const only_written[] = {
    /* These come back with a layer `repeat` before. */
    FLAT "  - lstm: {units: 5, steps: 4}\n" LABELS,
    FLAT "  - gru: {units: 3, steps: 4, return: last}\n" LABELS,
    FLAT "  - omit: {column: 1, columns: 2}\n  - dense: {units: 2, name: q}\n"
         "  - insert: {column: 1, columns: 2, from: [input, q]}\n" LABELS,
    SERIES "  - omit: {column: 0, columns: 0, rows: 3}\n  - flatten\n  - dense: {units: 12, name: q}\n"
           "  - insert: {column: 0, columns: 0, rows: 3, from: [input, q]}\n" LABELS,
    SERIES
    "  - omit: {column: 3}\n  - gru: {units: 1, name: q}\n  - insert: {column: 3, from: [input, q]}\n" LABELS,
    SERIES "  - spatial_pyramid_pool: {levels: 3}\n" LABELS,
    IMAGE "  - spatial_pyramid_pool: {levels: 4}\n" LABELS,
    SERIES "  - conv1d: {filters: 6, size: 3}\n  - channel_attention: {ratio: 2}\n  - spatial_attention: "
           "{size: 4}\n" LABELS,
    IMAGE "  - conv2d: {filters: 6, size: 3}\n  - channel_attention: {ratio: 3}\n  - spatial_attention: "
          "{size: 3}\n" LABELS,
};

static void all_other_layers_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof only_written / sizeof *only_written; i++) {
        an_model *m = model_of(only_written[i], 0);
        float *p = params_of(m), *x = inputs_of(m);
        an_buf file;
        export_to(m, p, &file);
        keep(m, p, x, &file);
        an_buf_done(&file);
        an_free(p);
        an_free(x);
        an_model_free(m);
    }
}

static const struct {
    const char *text, *op, *becomes, *says;
} refused[] = {
    {FLAT "  - dense: {units: 5, name: odd}\n  - tanh: {name: t}\n" LABELS, "Tanh", "Tank",
     "node \"t\" (Tank): this operator is not supported"},
    {SERIES "  - gru: {units: 5, name: slow}\n" LABELS, "linear_before_reset", "linear_before_resex",
     "node \"slow/steps\" (GRU): only with linear_before_reset = 1"},
    {IMAGE "  - channel_attention: {name: cb}\n" LABELS, "", "", "node \"cb"},
    {FLAT "  - dense: {units: 5, name: d}\n" LABELS, "d/w", "x/w", "node \"d\" (Gemm): its input \"d/w\""},
};

/* Puts another word of the same length in place of one in the file. */
static void replace(an_buf *file, const char *word, const char *by)
{
    const size_t n = strlen(word);
    for (size_t i = file->len; n > 0 && i-- > n;) /* from the end: names of constants come after the nodes */
        if (memcmp(file->data + i - n, word, n) == 0) {
            memcpy(file->data + i - n, by, n);
            return;
        }
}

static void a_name_that_cannot_be_ours_is_replaced(void **state)
{
    (void)state;
    an_model *m =
        model_of("model: qqq\ninput: {features: 2}\nlayers: [{dense: {units: 1, name: ww}}]\n" LABELS, 0);
    float *p = params_of(m);
    an_onnx_model got;
    an_buf file;
    export_to(m, p, &file);
    replace(&file, "qqq", "-.-"); /* the property, which counts more than the name of the graph */
    import_from(&file, "dashes", &got);
    assert_non_null(strstr(got.text, "model: model\n"));
    an_model *again = model_of(got.text, 0);
    an_model_free(again);
    an_onnx_model_done(&got);
    an_buf_done(&file);
    an_free(p);
    an_model_free(m);
}

static void what_is_not_supported_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        an_model *m = model_of(refused[i].text, 0);
        float *p = params_of(m);
        an_onnx_model got;
        an_note why = {0};
        an_buf file;
        export_to(m, p, &file);
        replace(&file, refused[i].op, refused[i].becomes);
        assert_int_equal(an_onnx_import(file.data, file.len, &(an_onnx_import_opts){0}, &got, &why),
                         AN_ERR_UNSUPPORTED);
        if (!strstr(why.text, refused[i].says))
            fail_msg("\"%s\" does not say \"%s\"", why.text, refused[i].says);
        an_buf_done(&file);
        an_free(p);
        an_model_free(m);
    }
}

/* As ONNX spreads one value over all channels, and as no tool writes: forty values for two. */
static void a_gate_must_have_a_value_for_each_channel(void **state)
{
    (void)state;
    an_buf text;
    size_t n = 0;
    an_buf_init(&text, 1 << 16);
    assert_int_equal(an_file_read(&text, AN_TEST_DIR "/vectors/onnx-gates.hex", NULL), AN_OK);
    an_buf_u8(&text, 0);
    for (char *line = (char *)text.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, n++) {
        *end = '\0';
        an_onnx_model got;
        an_note why = {0};
        uint8_t file[1024];
        const char *hex = strchr(line, ' ') + 1;
        const size_t len = strlen(hex) / 2;
        assert_in_range(len, 1, sizeof file);
        assert_true(an_unhex(file, len, hex));
        assert_int_equal(an_onnx_import(file, len, &(an_onnx_import_opts){0}, &got, &why),
                         AN_ERR_UNSUPPORTED);
        assert_non_null(strstr(why.text, "values for 2 channels"));
    }
    assert_int_equal(n, 2);
    an_buf_done(&text);
}

/* Unless all that is missing is some of the properties, which stand at the end. */
static void a_file_cut_short_is_refused(void **state)
{
    (void)state;
    an_model *m = model_of(same[0], 0);
    float *p = params_of(m);
    an_buf file;
    size_t whole = 0;
    export_to(m, p, &file);
    for (size_t len = 0; len < file.len; len++) {
        an_onnx_model got;
        if (an_onnx_import(file.data, len, &(an_onnx_import_opts){0}, &got, NULL) != AN_OK)
            continue;
        assert_string_equal(got.text, an_model_text(m));
        assert_memory_equal(got.params, p, got.n_params * sizeof *p);
        whole++;
        an_onnx_model_done(&got);
    }
    assert_int_equal(whole, 5);
    an_buf_done(&file);
    an_free(p);
    an_model_free(m);
}

/* Graphs within attributes within graphs. */
static void deep_nesting_is_refused_before_anything_is_unpacked(void **state)
{
    (void)state;
    enum { DEEP = 40000 };
    an_buf b;
    an_note why = {0};
    an_onnx_model got;
    uint8_t *bytes = an_alloc(DEEP * 12, 1);
    assert_non_null(bytes);
    size_t at = DEEP * 12;
    for (size_t i = 0; i < DEEP; i++) {
        static const uint8_t fields[] = {1 << 3 | 2, 5 << 3 | 2, 6 << 3 | 2}; /* node, attribute, graph */
        size_t len = DEEP * 12 - at;
        uint8_t head[8], n = 0;
        head[n++] = i + 1 == DEEP ? 7 << 3 | 2 : fields[2 - i % 3];
        for (; len >= 0x80; len >>= 7)
            head[n++] = (uint8_t)(len | 0x80);
        head[n++] = (uint8_t)len;
        at -= n;
        memcpy(bytes + at, head, n);
    }
    an_buf_init(&b, 1 << 20);
    const size_t before = an_mem_live();
    assert_int_equal(an_onnx_import(bytes + at, DEEP * 12 - at, &(an_onnx_import_opts){0}, &got, &why),
                     AN_ERR_LIMIT);
    assert_non_null(strstr(why.text, "nested"));
    assert_int_equal(an_mem_live(), before);
    an_free(bytes);
    an_buf_done(&b);
}

static void many_small_parts_are_refused(void **state)
{
    (void)state;
    enum { MANY = 300000 };
    uint8_t *bytes = an_alloc(2 * MANY, 1);
    an_onnx_model got;
    assert_non_null(bytes);
    for (size_t i = 0; i < MANY; i++)
        bytes[2 * i] = 8 << 3 | 2; /* empty operator sets */
    assert_int_equal(an_onnx_import(bytes, 2 * MANY, &(an_onnx_import_opts){0}, &got, NULL), AN_ERR_LIMIT);
    an_free(bytes);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    an_model *m = model_of(same[6], 0);
    float *p = params_of(m);
    an_buf file = {0};
    an_onnx_model got = {0};
    an_err err;
    size_t n = 0;
    const size_t before = an_mem_live();
    do {
        an_buf_init(&file, AN_ONNX_BYTES_MAX);
        an_mem_fail_after(n++);
        err = an_onnx_export(m, p, NULL, 0, &file, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        if (err != AN_OK)
            an_buf_done(&file);
        assert_true(err == AN_OK || an_mem_live() == before);
    } while (err != AN_OK);
    n = 0;
    const size_t with_file = an_mem_live();
    do {
        an_mem_fail_after(n++);
        err = an_onnx_import(file.data, file.len, &(an_onnx_import_opts){0}, &got, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !got.text));
        assert_true(err == AN_OK || an_mem_live() == with_file);
    } while (err != AN_OK);
    an_onnx_model_done(&got);
    an_buf_done(&file);
    an_free(p);
    an_model_free(m);
}

int main(void)
{
    if (!an_onnx_available()) {
        puts("this build has no ONNX: the schema was not there");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layer_comes_back_as_it_was),
        cmocka_unit_test(a_model_of_the_zoo_comes_back),
        cmocka_unit_test(what_only_training_needs_is_left_out),
        cmocka_unit_test(all_other_layers_are_written),
        cmocka_unit_test(a_name_that_cannot_be_ours_is_replaced),
        cmocka_unit_test(what_is_not_supported_is_named),
        cmocka_unit_test(a_gate_must_have_a_value_for_each_channel),
        cmocka_unit_test(a_file_cut_short_is_refused),
        cmocka_unit_test(deep_nesting_is_refused_before_anything_is_unpacked),
        cmocka_unit_test(many_small_parts_are_refused),
        cmocka_unit_test(survives_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
