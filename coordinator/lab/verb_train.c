/* andon-lab train: an architecture and tables of normal operation -> a version. */
#include <stdio.h>
#include <string.h>

#include "agent/calibrate.h"
#include "agent/samples.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "coordinator/lab/backbone.h"
#include "coordinator/lab/dataset.h"
#include "coordinator/lab/files.h"
#include "coordinator/lab/train_opts.h"
#include "coordinator/lab/version.h"

typedef struct work {
    an_lab *lab;
    an_lab_files files;
    an_lab_data data; /* one site; rows are borrowed from files */
    an_lab_site site;
    an_lab_cut cut;
    an_bundle bundle;
    an_train_opts train;
    an_train_stats stats;
    an_calibrate_report report;
    an_prep_conf prep;
    double holdout;
    const char *policy;
    an_lab_taken taken; /* from --from */
    bool *frozen;       /* (tensors) NULL: none */
    an_progress progress;
} work;

static an_err read_options(work *w, an_note *why)
{
    static const char *const prep_keys[] = {"window", "stride", "smooth", "clamp", "missing"};
    const an_args *a = w->lab->args;
    an_err err = AN_OK;
    an_prep_conf_init(&w->prep);
    for (size_t i = 0; i < sizeof prep_keys / sizeof *prep_keys && err == AN_OK; i++)
        if (an_args_has(a, prep_keys[i]))
            err = an_prep_conf_set(&w->prep, prep_keys[i], an_args_get(a, prep_keys[i]), why);
    w->policy = an_args_has(a, "threshold") ? an_args_get(a, "threshold") : "target_far:0.01";
    if (err == AN_OK)
        err = an_threshold_check(w->policy, why);
    if (err == AN_OK)
        err = an_args_num(a, "holdout", 0, 0.5, 0.1, &w->holdout, why);
    return err == AN_OK ? an_lab_train_opts(w->lab, &w->train, why) : err;
}

/* The tables as the series of one site. */
static an_err cut_windows(work *w, an_note *why)
{
    const an_lab_cut_opts opts = {.context = (size_t)w->prep.window + w->prep.smooth - 1,
                                  .stride = w->prep.stride,
                                  .holdout = w->holdout,
                                  .keep = 1};
    if (!(w->site.series = an_alloc(w->files.n, sizeof *w->site.series)))
        return AN_ERR_NOMEM;
    w->site.n_series = w->files.n;
    snprintf(w->site.name, sizeof w->site.name, "the tables");
    for (size_t i = 0; i < w->files.n; i++) {
        w->site.series[i].train = w->files.tables[i].rows;
        w->site.series[i].n_train = w->files.tables[i].n;
    }
    w->data = (an_lab_data){
        .sites = &w->site, .n_sites = 1, .width = w->files.width, .names = w->files.tables[0].names};
    return an_lab_cut_new(&w->data, 0, SIZE_MAX, &opts, &w->cut, why);
}

static an_err make_blank(work *w, an_note *why)
{
    an_buf text;
    const char *path = w->lab->args->positionals[0];
    const char *name = an_args_has(w->lab->args, "name") ? an_args_get(w->lab->args, "name") : "model";
    an_buf_init(&text, 256 * 1024);
    an_err err = an_file_read(&text, path, why);
    if (err == AN_OK) {
        an_buf_u8(&text, 0);
        err = an_buf_err(&text);
    }
    if (err == AN_OK) {
        const an_lab_version_spec spec = {.name = name,
                                          .arch = (const char *)text.data,
                                          .sensors = (const char *const *)w->data.names,
                                          .n_sensors = w->files.width,
                                          .prep = w->prep,
                                          .threshold = w->policy};
        err = an_lab_version_new(&spec, w->train.seed, &w->bundle, why);
    }
    an_buf_done(&text);
    return err;
}

/* What was learned before, and what of it is to stay as it is. */
static an_err take_backbone(work *w, an_note *why)
{
    const an_args *a = w->lab->args;
    const char *from = an_args_get(a, "from"), *freeze = an_args_get(a, "freeze");
    if (freeze && !from)
        return an_fail(AN_ERR_INVAL, why, "--freeze needs weights worth keeping: add --from FILE");
    an_err err = from ? an_lab_backbone_take(from, &w->bundle, &w->taken, why) : AN_OK;
    if (err == AN_OK && freeze)
        err = an_lab_backbone_freeze(&w->bundle, freeze, &w->frozen, why);
    w->train.frozen = w->frozen;
    return err;
}

static void on_progress(void *arg, size_t epoch, double loss, double fraction)
{
    an_progress *p = arg;
    (void)epoch;
    (void)loss;
    an_progress_set(p, (uint64_t)(fraction * 1000));
}

static an_err learn(work *w, an_note *why)
{
    float *x = NULL;
    const an_lab_cut *c = &w->cut;
    an_prep_done(&w->bundle.prep);
    an_err err =
        an_prep_fit(&w->bundle.prep, &w->prep, c->fit, c->n_fit * c->data.context, c->data.width, why);
    if (err == AN_OK)
        err = an_samples_inputs(&w->bundle.prep, c->fit, c->n_fit, c->data.context, &x, why);
    if (err == AN_OK) {
        an_progress_start(&w->progress, "train", 1000);
        w->train.progress = on_progress;
        w->train.progress_arg = &w->progress;
        err = an_lab_version_train(&w->bundle, &w->train, x, c->n_fit, &w->stats, why);
        an_progress_end(&w->progress);
    }
    an_free(x);
    return err;
}

/* Detector and threshold go into the version itself: it is to stand alone. */
static an_err calibrate(work *w, an_note *why)
{
    an_overlay o = {.n_local = 0};
    an_hash hash;
    an_calibrate_opts opts = an_calibrate_defaults();
    const an_calibrate_data data = {.width = w->files.width,
                                    .context = w->cut.data.context,
                                    .fit = w->cut.data.train,
                                    .holdout = w->cut.data.old};
    opts.cancel = w->lab->cancel;
    an_err err = an_lab_version_hash(&w->bundle, &hash, why);
    if (err == AN_OK)
        err = an_calibrate(&w->bundle, &hash, &data, &opts, 1, &o, &w->report, why);
    if (err == AN_OK) {
        an_detector_free(w->bundle.detector);
        w->bundle.detector = o.detector;
        o.detector = NULL;
        w->bundle.threshold = o.threshold;
    }
    an_overlay_done(&o);
    return err;
}

static an_err report(work *w, const char *path, const an_hash *hash, an_note *why)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, hash);
    if (!w->lab->json) {
        fprintf(w->lab->out, "%s: version %s\n", path, hex);
        fprintf(w->lab->out, "  %zu windows learnt, %zu held out, %zu parameters\n", w->cut.n_fit,
                w->cut.n_hold, w->bundle.n_weights);
        if (w->taken.tensors)
            fprintf(w->lab->out, "  began with %zu tensors (%zu parameters) of %s\n", w->taken.tensors,
                    w->taken.parameters, an_args_get(w->lab->args, "from"));
        fprintf(w->lab->out, "  loss %.6g -> %.6g in %zu epochs\n", w->stats.first_loss, w->stats.last_loss,
                w->stats.epochs);
        if (w->train.validation > 0.0)
            fprintf(w->lab->out, "  validation loss %.6g after epoch %zu%s\n", w->stats.valid_loss,
                    w->stats.best_epoch + 1, w->stats.stopped ? ", stopped early" : "");
        fprintf(w->lab->out, "  threshold %.6g by %s from %s windows\n", w->report.threshold, w->policy,
                w->report.from_holdout ? "held-out" : "fitted");
        return AN_OK;
    }
    an_json *o = an_json_object();
    an_json_set_text(o, "file", path);
    an_json_set_text(o, "version", hex);
    an_json_set_int(o, "windows", (int64_t)w->cut.n_fit);
    an_json_set_int(o, "held_out", (int64_t)w->cut.n_hold);
    an_json_set_int(o, "parameters", (int64_t)w->bundle.n_weights);
    if (w->taken.tensors)
        an_json_set_int(o, "taken_parameters", (int64_t)w->taken.parameters);
    an_json_set_int(o, "epochs", (int64_t)w->stats.epochs);
    an_json_set_num(o, "first_loss", w->stats.first_loss);
    an_json_set_num(o, "last_loss", w->stats.last_loss);
    if (w->train.validation > 0.0) {
        an_json_set_num(o, "validation_loss", w->stats.valid_loss);
        an_json_set_int(o, "best_epoch", (int64_t)w->stats.best_epoch + 1);
        an_json_set_bool(o, "stopped_early", w->stats.stopped);
    }
    an_json_set_num(o, "threshold", w->report.threshold);
    an_json_set_bool(o, "threshold_from_held_out", w->report.from_holdout);
    return an_lab_print_json(w->lab, o, why);
}

static an_err run(an_lab *lab, an_note *why)
{
    work w = {.lab = lab};
    an_hash hash;
    const char *path = an_args_get(lab->args, "out");
    if (!path)
        return an_fail(AN_ERR_INVAL, why, "--out FILE is missing: where the version is written");
    an_err err = read_options(&w, why);
    if (err == AN_OK)
        err = an_lab_files_read(lab, 1, &w.files, why);
    if (err == AN_OK)
        err = cut_windows(&w, why);
    if (err == AN_OK)
        err = make_blank(&w, why);
    if (err == AN_OK)
        err = take_backbone(&w, why);
    if (err == AN_OK)
        err = learn(&w, why);
    if (err == AN_OK)
        err = calibrate(&w, why);
    if (err == AN_OK)
        err = an_bundle_write(&w.bundle, path, &hash, why);
    if (err == AN_OK)
        err = report(&w, path, &hash, why);
    an_bundle_done(&w.bundle);
    an_lab_cut_done(&w.cut);
    an_free(w.site.series);
    an_free(w.frozen);
    an_lab_files_done(&w.files);
    return err;
}

static const an_flag flags[] = {
    {"out", "FILE", "where the version is written"},
    {"name", "NAME", "of the model (default: model)"},
    {"from", "FILE", "begin with the weights of a version or an ONNX file, where names and shapes are equal"},
    {"freeze", "LAYERS", "with --from: layers that stay as they are, with commas between"},
    AN_LAB_FLAGS_TRAIN,
    {"window", "N", "rows in a model input (default 1)"},
    {"stride", "N", "rows between two model inputs (default 1)"},
    {"smooth", "N", "rows in the causal mean (default 1: none)"},
    {"clamp", "X", "largest size of a scaled value (default 10)"},
    {"missing", "HOW", "hold, mean or skip (default hold)"},
    {"holdout", "X", "share of rows for the threshold alone (default 0.1)"},
    {"threshold", "POLICY", "as target_far:0.01 (default) or quantile:0.999*1.33"},
    AN_LAB_FLAGS_FILES,
    AN_LAB_FLAG_SEED,
    AN_LAB_FLAG_THREADS,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_train = {
    .verb = {"train", "ARCH TABLE...", 2, AN_ARGS_MAX_POSITIONALS, flags, sizeof flags / sizeof *flags,
             "train a version on tables of normal operation"},
    .run = run,
};
