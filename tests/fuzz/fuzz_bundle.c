/* A bundle comes over the network: what is accepted must be exactly what the encoder writes,
 * and must score or be refused.  Bytes that begin with 0xff, as no bundle does, become a version around
 * a graph of layers (graph_text.h), some of whose bytes are then changed: what a graph's text and
 * weights say reaches the scorer so. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/bundle.h"
#include "models/kernels/kernels.h"
#include "models/model_internal.h"
#include "models/scorer.h"
#include "tests/fuzz/graph_text.h"

#define ROWS 40u
#define INPUT_MAX 16u /* the detectors need more rows than inputs */
#define CHANGES_MAX 4u
#define WORK_MAX ((size_t)16 << 20) /* bytes */

const char *__lsan_default_suppressions(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml 0.7 keeps 4 KiB of some refused quoted scalars; nothing of ours may leak. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char limit[] = "-malloc_limit_mb=64";
    an_graph_option(argc, argv, limit);
    return an_kernels_init() ? 0 : 1;
}

/* Models that need much memory are only read. */
static bool is_light(const an_bundle *b)
{
    an_model *m = NULL;
    size_t bytes = 0;
    const bool is = an_model_new(b->arch, strlen(b->arch), "arch", 0, &m, NULL) == AN_OK &&
                    an_ws_plan(m, AN_WS_FORWARD, 1, &bytes) == AN_OK && bytes <= WORK_MAX;
    an_model_free(m);
    return is;
}

/* Some rows through its preprocessing. */
static void prepare(const an_bundle *b)
{
    an_prep_stream *s = NULL;
    float *row = an_alloc(b->prep.width, sizeof *row), *x = an_alloc(an_prep_input(&b->prep), sizeof *x);
    if (row && x && an_prep_input(&b->prep) <= AN_PREP_INPUT_MAX / 64 &&
        an_prep_stream_new(&b->prep, &s) == AN_OK)
        for (size_t i = 0; i < ROWS; i++) {
            row[i % b->prep.width] = i % 7 ? (float)i : (float)NAN;
            (void)!an_prep_push(s, row, x);
        }
    an_prep_stream_free(s);
    an_free(row);
    an_free(x);
}

static void score_one(const an_bundle *b)
{
    an_scorer *s = NULL;
    an_scorer_work *w = NULL;
    if (!is_light(b) || an_scorer_new(b, NULL, &s, NULL) != AN_OK)
        return;
    float *x = an_alloc(an_scorer_input(s), sizeof *x);
    float *parts = an_alloc(an_scorer_width(s), sizeof *parts);
    float score;
    if (x && parts && an_scorer_work_new(s, 1, &w) == AN_OK)
        (void)!an_scorer_score(s, w, x, 1, &score, parts);
    an_free(x);
    an_free(parts);
    an_scorer_work_free(w);
    an_scorer_free(s);
}

static void check(const uint8_t *data, size_t size)
{
    an_bundle b;
    an_buf again;
    if (an_bundle_decode(&b, data, size, NULL) != AN_OK)
        return;
    an_buf_init(&again, AN_BUNDLE_BYTES_MAX);
    if (an_bundle_encode(&b, &again, NULL) != AN_OK || again.len != size ||
        memcmp(again.data, data, size) != 0)
        abort();
    prepare(&b);
    score_one(&b);
    an_buf_done(&again);
    an_bundle_done(&b);
}

/* What the model makes of some windows, and a detector that has seen both. */
static an_err fit(an_bundle *b, const an_model *m)
{
    const bool rebuilds = m->n_outputs == m->n_inputs;
    const size_t n = ROWS * m->n_inputs;
    float *x = an_alloc(n, sizeof *x), *y = an_alloc(n, sizeof *y);
    an_ws *ws = NULL;
    an_err err = x && y ? an_ws_new(m, AN_WS_FORWARD, ROWS, &ws) : AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        x[i] = (float)((i * i * 7 + i * 3) % 31) / 15.0f - 1.0f;
    if (err == AN_OK && rebuilds)
        memcpy(y, an_model_forward(m, ws, b->weights, ROWS, x), n * sizeof *y);
    if (err == AN_OK)
        err = an_detector_new(rebuilds ? "autoencoder" : "mahalanobis", (uint32_t)m->window,
                              (uint32_t)(m->n_inputs / m->window), &b->detector, NULL);
    if (err == AN_OK)
        err = an_detector_fit(b->detector, x, y, ROWS, NULL);
    an_ws_free(ws);
    an_free(x);
    an_free(y);
    return err;
}

static an_err make(an_bundle *b, const an_model *m)
{
    static const char *const names[INPUT_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                                 "i", "j", "k", "l", "m", "n", "o", "p"};
    const uint32_t window = (uint32_t)m->window, features = (uint32_t)(m->n_inputs / m->window);
    double mean[INPUT_MAX] = {0}, variance[INPUT_MAX];
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    conf.window = window;
    for (size_t i = 0; i < INPUT_MAX; i++)
        variance[i] = 1.0;
    an_err err = an_schema_new(&b->schema, names, NULL, features, 1.0, window, NULL);
    if (err == AN_OK)
        err = an_prep_from_moments(&b->prep, &conf, mean, variance, features, NULL);
    if (err != AN_OK)
        return err;
    an_model_layout_hash(m, &b->layout);
    b->n_weights = m->n_params;
    b->arch = an_strdup(an_model_text(m));
    b->weights = an_alloc(m->n_params, sizeof *b->weights);
    if (!b->arch || !b->weights)
        return AN_ERR_NOMEM;
    an_model_init(m, 5, b->weights);
    return fit(b, m);
}

/* Three bytes say where and what, the last ones of the input. */
static void change(an_buf *file, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i + 3 <= n && i < 3 * CHANGES_MAX; i += 3)
        file->data[((size_t)data[i] << 8 | data[i + 1]) % file->len] ^= data[i + 2];
}

static void check_graph(const uint8_t *data, size_t size)
{
    static char text[AN_GRAPH_TEXT_MAX];
    const size_t used = an_graph_text(data, size, text);
    an_bundle b = {.model = "graph", .threshold = 1.0, .policy = "quantile:0.999*1.33"};
    an_model *m = NULL;
    an_buf file;
    if (used == 0 || an_model_new(text, strlen(text), "graph", 0, &m, NULL) != AN_OK)
        return;
    an_buf_init(&file, AN_BUNDLE_BYTES_MAX);
    if (m->n_inputs <= INPUT_MAX && an_graph_is_small(m, ROWS) && make(&b, m) == AN_OK &&
        an_bundle_encode(&b, &file, NULL) == AN_OK) {
        check(file.data, file.len);
        change(&file, data + used, size - used);
        check(file.data, file.len);
    }
    an_buf_done(&file);
    an_bundle_done(&b);
    an_model_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 0xff)
        check_graph(data + 1, size - 1);
    else
        check(data, size);
    return 0;
}
