/* A quantised model is a file that anyone may hand over: what is accepted must be exactly what the
 * encoder writes, and must run.  Bytes that begin with 0xff, as no such file does, become the file of a
 * graph of layers (graph_text.h), some of whose bytes are then changed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/kernels/kernels.h"
#include "models/model_internal.h"
#include "models/quant.h"
#include "tests/fuzz/graph_text.h"

#define WORK_MAX ((size_t)16 << 20) /* bytes; a model that needs more is only read */

#define ROWS 4u
#define CHANGES_MAX 4u

int LLVMFuzzerInitialize(int *argc, char ***argv);
const char *__lsan_default_suppressions(void);
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

static void run_one(const an_quant *q)
{
    const an_model *m = an_quant_model(q);
    an_quant_ws *ws = NULL;
    size_t bytes = 0;
    if (an_ws_plan(m, AN_WS_FORWARD, 1, &bytes) != AN_OK || bytes > WORK_MAX ||
        an_quant_ws_new(q, 1, &ws) != AN_OK)
        return;
    float *x = an_alloc(an_model_n_inputs(m), sizeof *x);
    if (x)
        (void)an_quant_forward(q, ws, 1, x);
    an_free(x);
    an_quant_ws_free(ws);
}

static void check(const uint8_t *data, size_t size)
{
    an_quant *q = NULL;
    an_buf again;
    if (an_quant_decode(data, size, &q, NULL) != AN_OK)
        return;
    an_buf_init(&again, AN_QUANT_BYTES_MAX);
    if (an_quant_encode(q, &again) != AN_OK || again.len != size || memcmp(again.data, data, size) != 0)
        abort();
    run_one(q);
    an_buf_done(&again);
    an_quant_free(q);
}

static an_err make(const an_model *m, an_buf *file)
{
    an_quant *q = NULL;
    float *params = an_alloc(m->n_params ? m->n_params : 1, sizeof *params);
    float *x = an_alloc(ROWS * m->n_inputs, sizeof *x);
    an_err err = params && x ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK) {
        an_model_init(m, 5, params);
        for (size_t i = 0; i < ROWS * m->n_inputs; i++)
            x[i] = (float)((i * i * 7 + i * 3) % 31) / 15.0f - 1.0f;
        err = an_quant_new(m, params, x, ROWS, NULL, &q, NULL);
    }
    if (err == AN_OK)
        err = an_quant_encode(q, file);
    an_quant_free(q);
    an_free(params);
    an_free(x);
    return err;
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
    an_model *m = NULL;
    an_buf file;
    if (used == 0 || an_model_new(text, strlen(text), "graph", 0, &m, NULL) != AN_OK)
        return;
    an_buf_init(&file, AN_QUANT_BYTES_MAX);
    if (an_graph_is_small(m, ROWS) && make(m, &file) == AN_OK) {
        check(file.data, file.len);
        change(&file, data + used, size - used);
        check(file.data, file.len);
    }
    an_buf_done(&file);
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
