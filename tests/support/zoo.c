#include "tests/support/zoo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/model_internal.h"

#define FOLDER AN_TEST_DIR "/../models/zoo"
#define FEATURES 8u
#define SIDE_MAX 32
#define SEED 21u

static const char *const graphs[] = {
    "model: norms\ninput: {height: 8, width: 6, channels: 2}\nlayers:\n"
    "  - conv2d: {filters: 6, size: 3, padding: same}\n  - batch_norm\n  - gelu: {name: a}\n"
    "  - dropout: {rate: 0.25}\n  - conv2d: {filters: 6, size: 3, padding: same, stride: 2}\n"
    "  - group_norm: {groups: 3}\n  - leaky_relu\n  - upsample: {name: up}\n"
    "  - multiply: {from: [a, up]}\n  - layer_norm\n  - squeeze_excite: {ratio: 2}\n"
    "  - channel_attention: {ratio: 2}\n  - spatial_attention: {size: 3}\n  - avg_pool2d: {size: 2, name: "
    "p}\n"
    "  - global_avg_pool: {name: g1}\n  - global_max_pool: {from: p, name: g2}\n"
    "  - concat: {from: [g1, g2]}\n  - dense: {units: 5}\nloss: focal\ntarget: labels\n",
    "model: code\ninput: {features: input, window: 10}\nlayers:\n"
    "  - gru: {units: 9}\n  - conv1d: {filters: 8, size: 3, padding: same}\n  - sigmoid\n"
    "  - max_pool1d: {size: 2}\n  - lstm: {units: 8, return: last}\n  - gauss: {beta: 0.1}\n"
    "  - repeat: {times: 10}\n  - gru: {units: 6}\n  - batch_norm: {name: n}\n"
    "  - conv1d: {filters: 6, size: 1, name: c}\n  - add: {from: [n, c]}\n"
    "  - conv1d: {filters: features, size: 3, padding: same}\nloss: huber\ntarget: input\n",
    "model: mask\ninput: {height: 9, width: 7, channels: 1}\nlayers:\n"
    "  - conv2d: {filters: 4, size: 3, padding: same}\n  - tanh\n"
    "  - conv2d: {filters: 1, size: 1}\nloss: dice\ntarget: labels\n",
};
#define N_GRAPHS (sizeof graphs / sizeof *graphs)

static void names_of(an_names *ret)
{
    an_note why = {{0}};
    if (an_dir_list(FOLDER, ret, &why) != AN_OK)
        fail_msg("%s", why.text);
    size_t n = 0;
    for (size_t i = 0; i < ret->n; i++) {
        const char *end = strrchr(ret->items[i], '.');
        if (end && strcmp(end, ".yaml") == 0)
            ret->items[n++] = ret->items[i];
        else
            an_free(ret->items[i]);
    }
    ret->n = n;
    assert_true(n > 0);
}

size_t an_zoo_count(void)
{
    an_names names = {0};
    names_of(&names);
    const size_t n = names.n + N_GRAPHS;
    an_names_done(&names);
    return n;
}

/* Sides of images are cut to SIDE_MAX, so that every model is soon done. */
static void shrink(char *text, const char *key)
{
    for (char *at = strstr(text, key); at; at = strstr(at, key)) {
        at += strlen(key);
        char *end = at;
        if (strtoul(at, &end, 10) <= SIDE_MAX)
            continue;
        char digits[8];
        const int n = snprintf(digits, sizeof digits, "%d", SIDE_MAX);
        assert_true(n <= end - at);
        memcpy(at, digits, (size_t)n);
        memset(at + n, ' ', (size_t)(end - at - n));
    }
}

static an_model *model_of(const char *text, const char *name)
{
    an_model *m = NULL;
    an_note why = {{0}};
    const size_t features = strstr(text, "height:") ? 0 : FEATURES; /* an image says its own */
    if (an_model_new(text, strlen(text), name, features, &m, &why) != AN_OK)
        fail_msg("%s", why.text);
    return m;
}

static an_model *read_model(const char *name)
{
    char path[AN_PATH_MAX];
    an_buf text;
    an_buf_init(&text, AN_MODEL_TEXT_MAX);
    assert_int_equal(an_path_join(path, FOLDER, name), AN_OK);
    assert_int_equal(an_file_read(&text, path, NULL), AN_OK);
    char *copy = an_alloc(text.len + 1, 1);
    assert_non_null(copy);
    memcpy(copy, text.data, text.len);
    shrink(copy, "height: ");
    shrink(copy, "width: ");
    an_model *m = model_of(copy, name);
    an_free(copy);
    an_buf_done(&text);
    return m;
}

static float target(const an_model *m, an_rng *r)
{
    if (m->loss->classes)
        return (float)an_rng_below(r, m->n_outputs);
    return m->loss->shares ? (float)an_rng_below(r, 2) : (float)an_rng_normal(r);
}

static float *numbers(size_t n)
{
    float *p = an_alloc(n, sizeof *p);
    assert_non_null(p);
    return p;
}

void an_zoo_open(size_t i, size_t rows, an_zoo *ret)
{
    an_names names = {0};
    an_rng r;
    names_of(&names);
    *ret = (an_zoo){.rows = rows};
    ret->m = i < names.n ? read_model(names.items[i]) : model_of(graphs[i - names.n], "graph");
    an_names_done(&names);
    an_rng_init(&r, SEED, i);
    const size_t n = rows * an_model_n_inputs(ret->m), n_t = rows * an_model_n_targets(ret->m);
    ret->n_params = an_model_n_params(ret->m);
    ret->params = numbers(ret->n_params);
    an_model_init(ret->m, SEED, ret->params);
    ret->x = numbers(n);
    for (size_t k = 0; k < n; k++)
        ret->x[k] = (float)(2.0 * an_rng_unit(&r) - 1.0);
    ret->t = an_model_is_autoencoder(ret->m) ? NULL : numbers(n_t);
    for (size_t k = 0; ret->t && k < n_t; k++)
        ret->t[k] = target(ret->m, &r);
}

void an_zoo_done(an_zoo *z)
{
    an_model_free(z->m);
    an_free(z->params);
    an_free(z->x);
    an_free(z->t);
}
