/* andon-lab quantise: a version's model in bytes, as a file beside it. */
#include <stdio.h>
#include <string.h>

#include "agent/calibrate.h"
#include "agent/samples.h"
#include "base/mem.h"
#include "coordinator/lab/forms.h"

typedef struct work {
    an_lab *lab;
    an_lab_files files;
    an_bundle bundle;
    an_overlay overlay;
    bool has_overlay;
    an_hash hash;
    an_quant *quant;
    an_quant_opts opts;
    size_t n_rows; /* model inputs that it was calibrated on */
    bool taught;   /* the model learns from labels: */
    an_lab_labelled labelled;
} work;

/* The model inputs of all stretches without a label. */
static an_err take_inputs(work *w, float **ret, an_note *why)
{
    const an_prep *prep = &w->bundle.prep;
    const size_t context = an_samples_context(prep);
    an_lab_site site = {.n_series = 0};
    an_lab_cut cut = {0};
    const an_lab_cut_opts opts = {
        .context = context, .stride = prep->conf.stride, .keep = 1, .gaps = prep->conf.chain != NULL};
    an_err err = an_lab_forms_normal(&w->files, context, &site, why);
    if (err != AN_OK)
        return err;
    const an_lab_data data = {
        .sites = &site, .n_sites = 1, .width = w->files.width, .names = w->files.tables[0].names};
    err = an_lab_cut_new(&data, 0, SIZE_MAX, &opts, &cut, why);
    if (err == AN_OK)
        err = an_samples_inputs(prep, cut.fit, cut.n_fit, context, ret, &w->n_rows, NULL, why);
    an_lab_cut_done(&cut);
    an_free(site.series);
    return err;
}

static an_err quantise(work *w, an_note *why)
{
    an_model *m = NULL;
    float *x = NULL;
    int64_t ahead = 1;
    an_err err = an_args_int(w->lab->args, "ahead", 1, 100000, 1, &ahead, why);
    if (err == AN_OK)
        err = an_bundle_model(&w->bundle, &m, why);
    w->taught = m && !an_model_is_autoencoder(m);
    if (err == AN_OK && w->taught) {
        err = an_lab_labelled_make(m, &w->bundle.prep, &w->files, (size_t)ahead, &w->labelled, why);
        w->n_rows = w->labelled.n;
    } else if (err == AN_OK) {
        err = take_inputs(w, &x, why);
    }
    if (err == AN_OK)
        err = an_quant_new(m, w->bundle.weights, w->taught ? w->labelled.x : x, w->n_rows, &w->opts,
                           &w->quant, why);
    an_free(x);
    an_model_free(m);
    return err;
}

static void add_layers(const an_quant *q, an_json *o)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < an_model_n_layers(an_quant_model(q)); i++)
        an_json_push_text(list, an_quant_layer_form(q, i));
    an_json_set(o, "layers", list);
}

static an_err report(work *w, const char *path, an_note *why)
{
    const an_lab_form sides[2] = {{&w->bundle, NULL}, {&w->bundle, w->quant}};
    an_lab_forms c;
    char hex[AN_HASH_TEXT];
    an_err err = w->taught ? an_lab_forms_compare_taught(&w->labelled, sides, &c, why)
                           : an_lab_forms_compare(&w->files, sides, &c, why);
    if (err != AN_OK)
        return err;
    an_hash_text(hex, &w->hash);
    if (!w->lab->json)
        fprintf(w->lab->out, "%s: version %s in bytes, from %zu %s\n  %zu layer%s with weights in bytes\n",
                path, hex, w->n_rows, c.unit, an_quant_n_layers(w->quant),
                an_quant_n_layers(w->quant) == 1 ? "" : "s");
    an_json *o = an_json_object();
    an_json_set_text(o, "file", path);
    an_json_set_text(o, "version", hex);
    an_json_set_int(o, "calibrated_on", (int64_t)w->n_rows);
    add_layers(w->quant, o);
    err = an_lab_forms_report(w->lab, &c, o, why);
    an_lab_forms_done(&c);
    return err;
}

static an_err run(an_lab *lab, an_note *why)
{
    work w = {.lab = lab, .opts = an_quant_defaults()};
    const char *path = an_args_get(lab->args, "out");
    if (!path)
        return an_fail(AN_ERR_INVAL, why, "--out FILE is missing: where the model in bytes is written");
    an_err err = an_args_num(lab->args, "share", 0.9, 1, w.opts.share, &w.opts.share, why);
    if (err == AN_OK)
        err = an_lab_version_read(lab, lab->args->positionals[0], &w.bundle, &w.hash, &w.overlay,
                                  &w.has_overlay, why);
    if (err == AN_OK)
        err = an_lab_files_read_of(lab, &w.bundle, &w.files, why);
    w.opts.version = w.hash;
    if (err == AN_OK)
        err = quantise(&w, why);
    if (err == AN_OK)
        err = an_quant_write(w.quant, path, why);
    if (err == AN_OK)
        err = report(&w, path, why);
    an_quant_free(w.quant);
    an_lab_labelled_done(&w.labelled);
    an_bundle_done(&w.bundle);
    an_overlay_done(&w.overlay);
    an_lab_files_done(&w.files);
    return err;
}

static const an_flag flags[] = {
    {"out", "FILE", "where the model in bytes is written"},
    {"share", "X", "of each activation's values that its range holds, 0.9 to 1 (default 1)"},
    AN_LAB_FLAGS_FILES,
    {"ahead", "N", "rows from a window to the row that a forecast is held to (default 1)"},
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_quantise = {
    .verb = {"quantise", "VERSION DATA...", 2, AN_ARGS_MAX_POSITIONALS, flags, sizeof flags / sizeof *flags,
             "put a version's model into bytes, calibrated on tables"},
    .run = run,
};
