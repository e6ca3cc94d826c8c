/* From a model to an ONNX file: layer after layer, each by its row of exports.def. */
#include <stdio.h>
#include <string.h>

#include "models/onnx/export_internal.h"

typedef void write_fn(an_onnx_writer *w, const an_layer *l);

static const struct {
    const char *kind;
    write_fn *write;
} rows[] = {
#define AN_ONNX_EXPORT(kind, how) {#kind, an_onnx_export_##how},
#include "models/onnx/exports.def"
#undef AN_ONNX_EXPORT
};

static write_fn *find_row(const an_layer *l)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].kind, l->type->name) == 0)
            return rows[i].write;
    return NULL;
}

bool an_onnx_available(void)
{
    return true;
}

an_err an_onnx_export(const an_model *m, const float *params, const an_onnx_prop *props, size_t n_props,
                      an_buf *out, an_note *why)
{
    an_onnx_writer w;
    an_err err = an_onnx_writer_init(&w, m, params, why);
    if (err == AN_OK) {
        w.values[0][AN_ONNX_LAST] = "input";
        if (m->in.n_dims == 1)
            w.values[0][AN_ONNX_FIRST] = "input";
    }
    for (size_t i = 0; i < m->n_layers && w.err == AN_OK; i++) {
        const an_layer *l = &m->layers[i];
        write_fn *write = find_row(l);
        if (write)
            write(&w, l);
        else
            w.err = an_fail(AN_ERR_UNSUPPORTED, why, "layer \"%s\": %s cannot be written as ONNX", l->name,
                            l->type->name);
    }
    if (w.err == AN_OK)
        an_onnx_finish(&w, props, n_props, out);
    err = w.err;
    an_onnx_writer_done(&w);
    return err;
}
