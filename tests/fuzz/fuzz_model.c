/* The architecture parser under strangers' bytes: it never crashes, and what it accepts it
 * resolves to a text that reads back to itself.  What is small enough is also trained and run, so that
 * every layer's memory is what its sizes said.  Bytes that begin with 0xff, which is no text, are made
 * into a graph of layers (graph_text.h).
 *
 * Nothing that a text asks for is allocated before its size is known to be within bounds: one allocation
 * of more than a few MiB stops the run. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "models/model_internal.h"
#include "models/train.h"
#include "tests/fuzz/graph_text.h"

#define ROWS 3u

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
    static char limit[] = "-malloc_limit_mb=32";
    an_graph_option(argc, argv, limit);
    return an_kernels_init() ? 0 : 1;
}

static void fill(float *p, size_t n, size_t from)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (float)((i * 7 + from) % 13) / 6.0f - 1.0f;
}

/* Targets that every loss takes: a class that there is, and a share. */
static void train_and_run(const an_model *m, float *params, float *x, float *t)
{
    an_train_opts o = an_train_defaults();
    an_ws *ws = NULL;
    o.epochs = 1;
    o.batch = ROWS - 1; /* a step of two rows, and one of one */
    an_model_init(m, 3, params);
    fill(x, ROWS * m->n_inputs, 1);
    for (size_t i = 0; i < ROWS * an_model_n_targets(m); i++)
        t[i] = (float)(i % 2);
    (void)!an_train(m, params, &o, x, t, ROWS, NULL, NULL); /* may overflow, and say so */
    if (an_ws_new(m, AN_WS_FORWARD, ROWS, &ws) == AN_OK)
        (void)an_model_loss(m, ws, params, ROWS, x, t);
    an_ws_free(ws);
}

static void exercise(const an_model *m)
{
    float *params = an_alloc(m->n_params, sizeof *params);
    float *x = an_alloc(ROWS * m->n_inputs, sizeof *x);
    float *t = an_alloc(ROWS * an_model_n_targets(m), sizeof *t);
    if (params && x && t)
        train_and_run(m, params, x, t);
    an_free(params);
    an_free(x);
    an_free(t);
}

/* Whatever was asked for, what follows is bounded. */
static void check_bounds(const an_model *m)
{
    size_t bytes = 0;
    if (m->n_params > AN_MODEL_PARAMS_MAX || m->n_inputs > AN_MODEL_VALUES_MAX ||
        m->n_outputs > AN_MODEL_VALUES_MAX)
        abort();
    if (an_ws_plan(m, AN_WS_FORWARD, 1, &bytes) == AN_OK && bytes > (size_t)8 * AN_MODEL_VALUES_MAX)
        abort();
}

static void check_text(const char *text, size_t len, size_t n_features)
{
    an_model *a = NULL, *b = NULL;
    an_note why;
    if (an_model_new(text, len, "fuzz", n_features, &a, &why) != AN_OK)
        return;
    const char *resolved = an_model_text(a);
    if (an_model_new(resolved, strlen(resolved), "resolved", 0, &b, &why) != AN_OK ||
        strcmp(resolved, an_model_text(b)) != 0)
        abort();
    an_hash ha, hb;
    an_model_layout_hash(a, &ha);
    an_model_layout_hash(b, &hb);
    if (!an_hash_equal(&ha, &hb))
        abort();
    check_bounds(a);
    if (an_graph_is_small(a, ROWS))
        exercise(a);
    an_model_free(a);
    an_model_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[AN_GRAPH_TEXT_MAX];
    if (size == 0 || data[0] != 0xff)
        check_text((const char *)data, size, size % 3 ? 7 : 0);
    else if (an_graph_text(data + 1, size - 1, text) > 0)
        check_text(text, strlen(text), 0);
    return 0;
}
