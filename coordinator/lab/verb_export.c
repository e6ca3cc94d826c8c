/* andon-lab export: a version -> an ONNX file for other tools. */
#include <stdio.h>
#include <string.h>

#include "agent/calibrate.h"
#include "base/file.h"
#include "coordinator/lab/kind.h"
#include "coordinator/lab/lab.h"
#include "models/model.h"
#include "models/onnx/onnx.h"

/* One sensor a line: its name, and after a tab its unit. */
static an_err write_schema(const an_schema *s, an_buf *text)
{
    for (uint32_t i = 0; i < s->n; i++)
        an_buf_printf(text, "%s%s\t%s", i ? "\n" : "", s->sensors[i].name, s->sensors[i].unit);
    an_buf_u8(text, 0);
    return an_buf_err(text);
}

static an_err make_file(const an_bundle *b, const an_hash *hash, an_buf *file, an_note *why)
{
    an_model *m = NULL;
    an_buf schema;
    char hex[AN_HASH_TEXT], rate[40], window[24];
    an_buf_init(&schema, AN_ONNX_BYTES_MAX);
    an_hash_text(hex, hash);
    snprintf(rate, sizeof rate, "%.17g", b->schema.rate_hz);
    snprintf(window, sizeof window, "%u", b->schema.window);
    an_err err = write_schema(&b->schema, &schema);
    if (err == AN_OK)
        err = an_bundle_model(b, &m, why);
    if (err == AN_OK) {
        const an_onnx_prop props[] = {{"andon.name", b->model},
                                      {"andon.version", hex},
                                      {"andon.schema", (const char *)schema.data},
                                      {"andon.schema.rate_hz", rate},
                                      {"andon.schema.window", window}};
        err = an_onnx_export(m, b->weights, props, sizeof props / sizeof *props, file, why);
    }
    an_model_free(m);
    an_buf_done(&schema);
    return err;
}

static an_err report(an_lab *lab, const char *path, const an_hash *hash, size_t len, an_note *why)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, hash);
    if (!lab->json) {
        fprintf(lab->out, "%s: version %s as ONNX, %zu bytes\n", path, hex, len);
        fprintf(lab->out, "  its inputs are scaled values: preprocessing and threshold are not in it\n");
        return AN_OK;
    }
    an_json *o = an_json_object();
    an_json_set_text(o, "file", path);
    an_json_set_text(o, "version", hex);
    an_json_set_int(o, "bytes", (int64_t)len);
    return an_lab_print_json(lab, o, why);
}

static an_err run(an_lab *lab, an_note *why)
{
    an_bundle b = {.arch = NULL};
    an_hash hash;
    an_buf file;
    const char *in = lab->args->positionals[0], *out = an_args_get(lab->args, "out");
    if (!out)
        return an_fail(AN_ERR_INVAL, why, "--out FILE is missing: where the ONNX file is written");
    an_buf_init(&file, AN_ONNX_BYTES_MAX);
    an_err err = an_lab_expect_version(in, why);
    if (err == AN_OK)
        err = an_bundle_read(&b, &hash, in, why);
    if (err == AN_OK && !b.arch[0])
        err = an_fail(AN_ERR_INVAL, why, "%s: the version has no model, only a detector", in);
    if (err == AN_OK)
        err = make_file(&b, &hash, &file, why);
    if (err == AN_OK)
        err = an_file_write(out, file.data, file.len, 0644, why);
    if (err == AN_OK)
        err = report(lab, out, &hash, file.len, why);
    an_buf_done(&file);
    an_bundle_done(&b);
    return err;
}

static const an_flag flags[] = {{"out", "FILE", "where the ONNX file is written"}, AN_LAB_FLAG_JSON};

const an_lab_verb an_lab_verb_export = {
    .verb = {"export", "VERSION", 1, 1, flags, sizeof flags / sizeof *flags,
             "write a version's model as an ONNX file for other tools"},
    .run = run,
};
