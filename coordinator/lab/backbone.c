#include "coordinator/lab/backbone.h"

#include <string.h>

#include "agent/calibrate.h"
#include "base/file.h"
#include "base/mem.h"
#include "models/model.h"

/* Where the weights come from. */
typedef struct source {
    an_model *model;
    float *params;
    an_hash hash; /* zero: not a version */
} source;

static void source_done(source *s)
{
    an_model_free(s->model);
    an_free(s->params);
}

an_err an_lab_onnx_read(const char *path, const an_onnx_import_opts *opts, an_onnx_model *ret, an_note *why)
{
    an_buf bytes;
    an_note inner = {0};
    an_buf_init(&bytes, AN_ONNX_BYTES_MAX);
    an_err err = an_file_read(&bytes, path, why);
    if (err == AN_OK && (err = an_onnx_import(bytes.data, bytes.len, opts, ret, &inner)) != AN_OK)
        err = an_fail(err, why, "%.100s: %.210s", path, inner.text[0] ? inner.text : an_err_text(err));
    an_buf_done(&bytes);
    return err;
}

static an_err read_version(const char *path, source *s, an_note *why)
{
    an_bundle b = {.arch = NULL};
    an_err err = an_bundle_read(&b, &s->hash, path, why);
    if (err == AN_OK && !b.arch[0])
        err = an_fail(AN_ERR_INVAL, why, "%s: the version has no weights", path);
    if (err == AN_OK)
        err = an_bundle_model(&b, &s->model, why);
    if (err == AN_OK) {
        s->params = b.weights;
        b.weights = NULL;
    }
    an_bundle_done(&b);
    return err;
}

static an_err read_onnx(const char *path, source *s, an_note *why)
{
    an_onnx_model got;
    an_err err = an_lab_onnx_read(path, &(an_onnx_import_opts){.name = NULL}, &got, why);
    if (err != AN_OK)
        return err;
    err = an_model_new(got.text, strlen(got.text), path, 0, &s->model, why);
    s->params = got.params;
    got.params = NULL;
    an_onnx_model_done(&got);
    return err;
}

static an_err read_source(const char *path, source *s, an_note *why)
{
    const char *dot = strrchr(path, '.');
    return dot && strcmp(dot, ".onnx") == 0 ? read_onnx(path, s, why) : read_version(path, s, why);
}

an_err an_lab_backbone_take(const char *path, an_bundle *b, an_lab_taken *ret, an_note *why)
{
    source s = {.model = NULL};
    an_model *m = NULL;
    an_lab_taken taken = {0};
    an_err err = read_source(path, &s, why);
    if (err == AN_OK)
        err = an_bundle_model(b, &m, why);
    if (err == AN_OK)
        taken.tensors = an_model_take(m, b->weights, s.model, s.params, &taken.parameters);
    if (err == AN_OK && taken.tensors == 0)
        err = an_fail(AN_ERR_INVAL, why,
                      "%s: no tensor has the name and shape of one of the architecture, as \"%s\"", path,
                      an_model_n_tensors(m) ? an_model_tensor_at(m, 0)->name : "");
    if (err == AN_OK) {
        b->parent = s.hash;
        *ret = taken;
    }
    an_model_free(m);
    source_done(&s);
    return err;
}

/* Marks the tensors of one layer.  False: it has none. */
static bool freeze_layer(const an_model *m, const char *name, size_t len, bool *frozen)
{
    bool found = false;
    const an_tensor *t;
    for (size_t i = 0; (t = an_model_tensor_at(m, i)); i++) {
        /* "<layer>.<weight>", and a layer's name may hold dots itself. */
        const char *dot = strrchr(t->name, '.');
        if (dot && (size_t)(dot - t->name) == len && strncmp(t->name, name, len) == 0)
            found = frozen[i] = true;
    }
    return found;
}

an_err an_lab_backbone_freeze(const an_bundle *b, const char *list, bool **ret, an_note *why)
{
    an_model *m = NULL;
    bool *frozen = NULL;
    an_err err = an_bundle_model(b, &m, why);
    if (err != AN_OK)
        return err;
    const size_t n = an_model_n_tensors(m);
    if (!(frozen = an_alloc(n, sizeof *frozen)))
        err = AN_ERR_NOMEM;
    for (const char *at = list; err == AN_OK;) {
        const size_t len = strcspn(at, ",");
        if (!freeze_layer(m, at, len, frozen))
            err = an_fail(AN_ERR_INVAL, why, "no layer with weights is called \"%.*s\"",
                          (int)(len > 60 ? 60 : len), at);
        if (!at[len])
            break;
        at += len + 1;
    }
    size_t moving = 0;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        moving += !frozen[i];
    if (err == AN_OK && moving == 0)
        err = an_fail(AN_ERR_INVAL, why, "all layers are frozen: nothing is left to train");
    an_model_free(m);
    if (err == AN_OK)
        *ret = frozen;
    else
        an_free(frozen);
    return err;
}
