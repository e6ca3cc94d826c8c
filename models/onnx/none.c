/* Instead of all other files of this folder, in a build without the schema of ONNX. */
#include "models/onnx/onnx.h"

#include <string.h>

static an_err refuse(an_note *why)
{
    return an_fail(
        AN_ERR_UNSUPPORTED, why,
        "this program was built without ONNX: the build needs onnx.proto, on Debian in the package "
        "libonnx-dev");
}

bool an_onnx_available(void)
{
    return false;
}

an_err an_onnx_export(const an_model *m, const float *params, const an_onnx_prop *props, size_t n_props,
                      an_buf *out, an_note *why)
{
    (void)m;
    (void)params;
    (void)props;
    (void)n_props;
    (void)out;
    return refuse(why);
}

an_err an_onnx_import(const void *bytes, size_t len, const an_onnx_import_opts *opts, an_onnx_model *ret,
                      an_note *why)
{
    (void)bytes;
    (void)len;
    (void)opts;
    (void)ret;
    return refuse(why);
}

void an_onnx_model_done(an_onnx_model *m)
{
    memset(m, 0, sizeof *m);
}

const char *an_onnx_model_prop(const an_onnx_model *m, const char *key)
{
    (void)m;
    (void)key;
    return NULL;
}
