/* andon-lab import: an ONNX file -> a description, and a version if it reconstructs what it reads. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/backbone.h"
#include "coordinator/lab/lab.h"
#include "coordinator/lab/version.h"

#define SENSOR_TEXT (AN_BUNDLE_SENSOR_MAX + 1)

typedef struct work {
    an_lab *lab;
    an_onnx_model got;
    an_model *model;
    const char **names; /* (n) of the sensors */
    char *texts;        /* (n) of SENSOR_TEXT */
    size_t n;
    bool restored; /* the names are those of the file's schema */
} work;

static an_err read_file(work *w, an_note *why)
{
    const an_args *a = w->lab->args;
    const an_onnx_import_opts opts = {
        .name = an_args_get(a, "name"), .loss = an_args_get(a, "loss"), .target = an_args_get(a, "target")};
    an_err err = an_lab_onnx_read(a->positionals[0], &opts, &w->got, why);
    return err == AN_OK ? an_model_new(w->got.text, strlen(w->got.text), a->positionals[0], 0, &w->model, why)
                        : err;
}

/* The names of the schema that the file came with, if it is one of as many sensors. */
static bool restore_names(work *w)
{
    const char *at = an_onnx_model_prop(&w->got, "andon.schema");
    for (size_t i = 0; i < w->n; i++) {
        if (!at)
            return false;
        const size_t line = strcspn(at, "\n"), len = strcspn(at, "\t\n");
        if (len == 0 || len >= SENSOR_TEXT)
            return false;
        memcpy(w->texts + i * SENSOR_TEXT, at, len);
        w->texts[i * SENSOR_TEXT + len] = '\0';
        at = at[line] ? at + line + 1 : NULL;
    }
    return !at;
}

static an_err name_sensors(work *w, an_note *why)
{
    w->n = an_model_n_inputs(w->model) / an_model_window(w->model);
    if (w->n > AN_PREP_FEATURES_MAX)
        return an_fail(AN_ERR_UNSUPPORTED, why, "a version has at most %d values a row, the model takes %zu",
                       AN_PREP_FEATURES_MAX, w->n);
    w->names = an_alloc(w->n, sizeof *w->names);
    w->texts = an_alloc(w->n, SENSOR_TEXT);
    if (!w->names || !w->texts)
        return AN_ERR_NOMEM;
    w->restored = restore_names(w);
    for (size_t i = 0; i < w->n; i++) {
        char *text = w->texts + i * SENSOR_TEXT;
        if (!w->restored)
            snprintf(text, SENSOR_TEXT, "value%zu", i + 1);
        w->names[i] = text;
    }
    return AN_OK;
}

/* Versions have lower-case names. */
static void lower(char *to, size_t size, const char *from)
{
    size_t i = 0;
    for (; from[i] && i + 1 < size; i++)
        to[i] = (char)tolower((unsigned char)from[i]);
    to[i] = '\0';
}

static an_err write_version(work *w, const char *path, an_note *why)
{
    an_bundle b = {.arch = NULL};
    char name[AN_MODEL_NAME_MAX];
    if (!an_model_is_autoencoder(w->model))
        return an_fail(
            AN_ERR_UNSUPPORTED, why,
            "a version scores how well its input is reconstructed, and this model does not: write its "
            "--description and begin with its layers, `andon-lab train ARCH TABLE --from FILE`");
    an_err err = name_sensors(w, why);
    if (err != AN_OK)
        return err;
    lower(name, sizeof name, an_model_name(w->model));
    an_lab_version_spec spec = {.name = name,
                                .arch = w->got.text,
                                .sensors = w->names,
                                .n_sensors = w->n,
                                .threshold = "target_far:0.01"};
    an_prep_conf_init(&spec.prep);
    spec.prep.window = (uint32_t)an_model_window(w->model);
    err = an_lab_version_new(&spec, 1, &b, why);
    if (err == AN_OK) {
        memcpy(b.weights, w->got.params, b.n_weights * sizeof *b.weights);
        err = an_bundle_write(&b, path, NULL, why);
    }
    an_bundle_done(&b);
    return err;
}

static an_err report(const work *w, an_note *why)
{
    const an_lab *lab = w->lab;
    const char *version = an_args_get(lab->args, "out"), *text = an_args_get(lab->args, "description");
    if (!lab->json) {
        fprintf(lab->out, "%s: model %s, %zu layers, %zu parameters, %zu values in, %zu out\n",
                lab->args->positionals[0], an_model_name(w->model), an_model_n_layers(w->model),
                w->got.n_params, an_model_n_inputs(w->model), an_model_n_outputs(w->model));
        if (text)
            fprintf(lab->out, "  %s: its description\n", text);
        if (version)
            fprintf(lab->out, "  %s: a version with %s; its scaler and threshold are still to be fitted\n",
                    version, w->restored ? "the sensors it was made for" : "sensors value1, value2, ...");
        return AN_OK;
    }
    an_json *o = an_json_object();
    an_json_set_text(o, "model", an_model_name(w->model));
    an_json_set_int(o, "layers", (int64_t)an_model_n_layers(w->model));
    an_json_set_int(o, "parameters", (int64_t)w->got.n_params);
    an_json_set_int(o, "inputs", (int64_t)an_model_n_inputs(w->model));
    an_json_set_int(o, "outputs", (int64_t)an_model_n_outputs(w->model));
    return an_lab_print_json(w->lab, o, why);
}

static an_err run(an_lab *lab, an_note *why)
{
    work w = {.lab = lab};
    const char *version = an_args_get(lab->args, "out"), *text = an_args_get(lab->args, "description");
    if (!version && !text)
        return an_fail(AN_ERR_INVAL, why, "what is to be written? --out VERSION, --description FILE or both");
    an_err err = read_file(&w, why);
    if (err == AN_OK && text)
        err = an_file_write(text, w.got.text, strlen(w.got.text), 0644, why);
    if (err == AN_OK && version)
        err = write_version(&w, version, why);
    if (err == AN_OK)
        err = report(&w, why);
    an_model_free(w.model);
    an_onnx_model_done(&w.got);
    an_free(w.names);
    an_free(w.texts);
    return err;
}

static const an_flag flags[] = {
    {"out", "VERSION", "where a version is written; for models that reconstruct their input"},
    {"description", "FILE", "where the architecture is written, as YAML"},
    {"name", "NAME", "of the model (default: what the file says)"},
    {"loss", "NAME", "that it is to be trained with (default: what the file says, else mse)"},
    {"target", "WHAT", "input or labels (default: what the file says, else input if the sizes are equal)"},
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_import = {
    .verb = {"import", "FILE.onnx", 1, 1, flags, sizeof flags / sizeof *flags,
             "read an ONNX file of this or another tool"},
    .run = run,
};
