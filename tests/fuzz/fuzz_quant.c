/* A quantised model is a file that anyone may hand over: what is accepted must be exactly what the
 * encoder writes, and must run. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/quant.h"

#define VALUES_MAX 100000u /* a larger model is left alone: it would only be slow */

const char *__lsan_default_suppressions(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml 0.7 keeps 4 KiB of some refused quoted scalars; nothing of ours may leak. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

static void run_one(const an_quant *q)
{
    const an_model *m = an_quant_model(q);
    an_quant_ws *ws = NULL;
    if (an_model_n_inputs(m) > VALUES_MAX || an_model_n_params(m) > VALUES_MAX ||
        an_quant_ws_new(q, 1, &ws) != AN_OK)
        return;
    float *x = an_alloc(an_model_n_inputs(m), sizeof *x);
    if (x)
        (void)an_quant_forward(q, ws, 1, x);
    an_free(x);
    an_quant_ws_free(ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_quant *q = NULL;
    an_buf again;
    if (an_quant_decode(data, size, &q, NULL) != AN_OK)
        return 0;
    an_buf_init(&again, AN_QUANT_BYTES_MAX);
    if (an_quant_encode(q, &again) != AN_OK || again.len != size || memcmp(again.data, data, size) != 0)
        abort();
    run_one(q);
    an_buf_done(&again);
    an_quant_free(q);
    return 0;
}
