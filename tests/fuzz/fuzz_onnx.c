/* ONNX files come from strangers: what is read must be a model that runs, and that can be written and
 * read again.  Inputs are mutated as trees of fields (wire_mutate.h), and now and then a new one begins:
 * the file of a graph of layers (graph_text.h).  tests/run begins with what tests/unit/test_onnx.c writes
 * with ANDON_ONNX_DIR set.
 *
 * Nothing is allocated for what a file merely claims: one allocation of more than 64 MiB stops the run. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/kernels/kernels.h"
#include "models/model_internal.h"
#include "models/onnx/onnx.h"
#include "tests/fuzz/graph_text.h"
#include "tests/fuzz/wire_mutate.h"

#define FILE_MAX 16384u
#define NEW_ONE_OF 64u  /* mutations; one is a new file */
#define RUN_MAX 200000u /* values and parameters of models that are run too */
#define GRAPH_BYTES 96u

const char *__lsan_default_suppressions(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml 0.7 keeps 4 KiB of some refused quoted scalars; nothing of ours may leak. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char limit[] = "-malloc_limit_mb=64", length[] = "-max_len=16384";
    an_graph_option(argc, argv, limit);
    an_graph_option(argc, argv, length);
    return an_kernels_init() ? 0 : 1;
}

/* Operators, attributes and words that the reader knows. */
static const char *const words[] = {
#define AN_ONNX_IMPORT(op, function) #op,
#include "models/onnx/imports.def"
#undef AN_ONNX_IMPORT
    "alpha",
    "auto_pad",
    "axes",
    "axis",
    "beta",
    "ceil_mode",
    "coordinate_transformation_mode",
    "count_include_pad",
    "dilations",
    "direction",
    "epsilon",
    "group",
    "hidden_size",
    "keepdims",
    "kernel_shape",
    "layout",
    "linear_before_reset",
    "mode",
    "momentum",
    "output_padding",
    "output_shape",
    "pads",
    "perm",
    "scales",
    "strides",
    "transA",
    "transB",
    "value",
    "SAME_UPPER",
    "SAME_LOWER",
    "VALID",
    "nearest",
    "constant",
    "forward",
    "andon.loss",
    "",
    "ai.onnx",
    "input",
    "output"};

static size_t begin(an_rng *r, uint8_t *data, size_t max_size)
{
    static char text[AN_GRAPH_TEXT_MAX];
    uint8_t bytes[GRAPH_BYTES];
    an_model *m = NULL;
    an_buf file;
    size_t size = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)an_rng_below(r, 250); /* above are sizes beyond use */
    if (an_graph_text(bytes, sizeof bytes, text) == 0 ||
        an_model_new(text, strlen(text), "graph", 0, &m, NULL) != AN_OK)
        return 0;
    an_buf_init(&file, FILE_MAX);
    float *params = m->n_params < FILE_MAX ? an_alloc(m->n_params ? m->n_params : 1, sizeof *params) : NULL;
    if (params) {
        an_model_init(m, 1, params);
        if (an_onnx_export(m, params, NULL, 0, &file, NULL) == AN_OK && file.len <= max_size) {
            size = file.len;
            memcpy(data, file.data, size);
        }
    }
    an_free(params);
    an_buf_done(&file);
    an_model_free(m);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static uint8_t room[FILE_MAX];
    an_rng r;
    an_rng_init(&r, seed, 0);
    if (size < 32 || an_rng_below(&r, NEW_ONE_OF) == 0) {
        const size_t n = begin(&r, data, max_size);
        if (n > 0)
            return n;
    }
    if (an_rng_below(&r, 16) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    for (uint64_t times = 1 + an_rng_below(&r, 3); times > 0; times--) {
        const size_t n = an_wire_mutate(&r, data, size, words, sizeof words / sizeof *words, room,
                                        max_size < sizeof room ? max_size : sizeof room);
        if (n == 0)
            return LLVMFuzzerMutate(data, size, max_size);
        memcpy(data, room, n);
        size = n;
    }
    return size;
}

static void run_once(const an_model *m, const float *params)
{
    an_ws *ws = NULL;
    size_t bytes = 0;
    if (an_ws_plan(m, AN_WS_FORWARD, 1, &bytes) != AN_OK || bytes > 16 * RUN_MAX)
        return;
    float *x = an_alloc(an_model_n_inputs(m), sizeof *x);
    if (x && an_ws_new(m, AN_WS_FORWARD, 1, &ws) == AN_OK)
        (void)an_model_forward(m, ws, params, 1, x);
    an_ws_free(ws);
    an_free(x);
}

/* Not all that is read can be written (a pyramid of many bins), but what is written can be read. */
static void write_and_read(const an_model *m, const float *params)
{
    an_buf file;
    an_onnx_model again;
    an_buf_init(&file, AN_ONNX_BYTES_MAX);
    if (an_onnx_export(m, params, NULL, 0, &file, NULL) == AN_OK) {
        if (an_onnx_import(file.data, file.len, &(an_onnx_import_opts){.name = NULL}, &again, NULL) != AN_OK)
            abort();
        an_onnx_model_done(&again);
    }
    an_buf_done(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_onnx_model got;
    an_model *m = NULL;
    if (an_onnx_import(data, size, &(an_onnx_import_opts){.name = NULL}, &got, NULL) != AN_OK)
        return 0;
    if (an_model_new(got.text, strlen(got.text), "imported", 0, &m, NULL) != AN_OK ||
        an_model_n_params(m) != got.n_params)
        abort();
    if (got.n_params < RUN_MAX && an_model_n_inputs(m) < RUN_MAX) {
        run_once(m, got.params);
        write_and_read(m, got.params);
    }
    an_model_free(m);
    an_onnx_model_done(&got);
    return 0;
}
