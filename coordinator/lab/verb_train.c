/* andon-lab train: an architecture and tables, of normal operation or with labels -> a version. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/calibrate.h"
#include "agent/samples.h"
#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/backbone.h"
#include "coordinator/lab/dataset.h"
#include "coordinator/lab/files.h"
#include "coordinator/lab/forms.h"
#include "coordinator/lab/images.h"
#include "coordinator/lab/kind.h"
#include "coordinator/lab/labelled.h"
#include "coordinator/lab/plots.h"
#include "coordinator/lab/steps.h"
#include "coordinator/lab/train_opts.h"
#include "coordinator/lab/train_show.h"
#include "coordinator/lab/version.h"
#include "models/svg.h"

/* Held-out images that are enough for a threshold: there are fewer of them than of rows. */
#define HELD_IMAGES 20

typedef struct work {
    an_lab *lab;
    an_lab_files files;
    an_lab_data data; /* one site; rows are borrowed from files */
    an_lab_site site;
    an_lab_cut cut;
    an_buf arch; /* the description, with a terminator */
    an_bundle bundle;
    an_train_opts train;
    an_train_stats stats;
    an_calibrate_report report;
    an_prep_conf prep; /* its chain is its own */
    double holdout;
    const char *policy;
    an_lab_taken taken; /* from --from */
    bool *frozen;       /* (tensors) NULL: none */
    an_lab_train_show show;
    bool labels; /* the model learns from labels: classes, numbers, rows to come */
    size_t ahead, n_windows;
} work;

static an_err read_options(work *w, an_note *why)
{
    static const char *const prep_keys[] = {"window", "stride", "smooth", "clamp", "missing"};
    const an_args *a = w->lab->args;
    an_err err = AN_OK;
    an_buf_init(&w->arch, AN_MODEL_TEXT_MAX);
    an_prep_conf_init(&w->prep);
    for (size_t i = 0; i < sizeof prep_keys / sizeof *prep_keys && err == AN_OK; i++)
        if (an_args_has(a, prep_keys[i]))
            err = an_prep_conf_set(&w->prep, prep_keys[i], an_args_get(a, prep_keys[i]), why);
    w->policy = an_args_has(a, "threshold") ? an_args_get(a, "threshold") : "target_far:0.01";
    if (err == AN_OK)
        err = an_threshold_check(w->policy, why);
    int64_t ahead = 1;
    if (err == AN_OK)
        err = an_args_int(a, "ahead", 1, 100000, 1, &ahead, why);
    w->ahead = (size_t)ahead;
    if (err == AN_OK)
        err = an_args_num(a, "holdout", 0, 0.5, 0.1, &w->holdout, why);
    return err == AN_OK ? an_lab_train_opts(w->lab, &w->train, why) : err;
}

/* One alarm in a hundred needs 99 scores; of fewer, one in as many as there are is promised. */
static void ease_policy(work *w)
{
    const size_t n = w->cut.n_fit;
    if (an_args_has(w->lab->args, "threshold") || n + 1 >= 100)
        return;
    snprintf(w->bundle.policy, sizeof w->bundle.policy, "target_far:%.2f",
             ceil(100.0 / (double)(n + 1)) / 100);
    w->policy = w->bundle.policy;
}

/* What is labelled as anomalous is left out. */
static an_err cut_windows(work *w, an_note *why)
{
    const an_lab_cut_opts opts = {.context = an_prep_rows(&w->prep),
                                  .stride = w->prep.stride,
                                  .holdout = w->holdout,
                                  .keep = 1,
                                  .block = w->files.height,
                                  .gaps = w->prep.chain != NULL};
    an_err err = an_lab_forms_normal(&w->files, opts.context, &w->site, why);
    if (err != AN_OK)
        return err;
    w->data = (an_lab_data){
        .sites = &w->site, .n_sites = 1, .width = w->files.width, .names = w->files.tables[0].names};
    err = an_lab_cut_new(&w->data, 0, SIZE_MAX, &opts, &w->cut, why);
    w->n_windows = w->cut.n_fit;
    if (err == AN_OK)
        ease_policy(w);
    return err;
}

static an_err read_arch(work *w, an_note *why)
{
    const char *path = w->lab->args->positionals[0];
    an_err err = an_lab_expect_description(path, why);
    if (err == AN_OK)
        err = an_file_read(&w->arch, path, why);
    if (err == AN_OK) {
        an_buf_u8(&w->arch, 0);
        err = an_buf_err(&w->arch);
    }
    return err;
}

/* Images come one by one; windows of rows are as long as the model takes them. */
static an_err shape_windows(work *w, const an_model *m, an_note *why)
{
    static const char *const of_rows[] = {"window", "stride", "smooth", "missing", "steps"};
    const an_args *a = w->lab->args;
    if (!w->files.height) {
        if (!an_args_has(a, "window"))
            w->prep.window = (uint32_t)an_model_window(m);
        return AN_OK;
    }
    for (size_t i = 0; i < sizeof of_rows / sizeof *of_rows; i++)
        if (an_args_has(a, of_rows[i]))
            return an_fail(AN_ERR_INVAL, why, "--%s is said of rows, and these are images", of_rows[i]);
    w->prep.window = w->prep.stride = (uint32_t)w->files.height;
    return AN_OK;
}

/* A version's name has no capitals. */
static void name_of(const an_model *m, char out[static AN_MODEL_NAME_MAX])
{
    snprintf(out, AN_MODEL_NAME_MAX, "%s", an_model_name(m));
    for (char *c = out; *c; c++)
        *c = (char)tolower((unsigned char)*c);
}

/* The names of the classes go along, so that other folders are held to them. */
static an_err make_blank(work *w, an_note *why)
{
    const char *path = w->lab->args->positionals[0], *name = an_args_get(w->lab->args, "name");
    char own[AN_MODEL_NAME_MAX] = "";
    an_model *m = NULL;
    const size_t width = w->files.height ? 0 : an_chain_features(w->prep.chain, w->files.width);
    an_err err = an_model_new((const char *)w->arch.data, w->arch.len - 1, path, width, &m, why);
    if (err == AN_OK)
        err = shape_windows(w, m, why);
    if (err == AN_OK) {
        name_of(m, own);
        const an_lab_version_spec spec = {.name = name ? name : own,
                                          .file = path,
                                          .arch = (const char *)w->arch.data,
                                          .sensors = (const char *const *)w->files.tables[0].names,
                                          .n_sensors = w->files.width,
                                          .images = w->files.height > 0,
                                          .prep = w->prep,
                                          .threshold = w->policy};
        err = an_lab_version_new(&spec, w->train.seed, &w->bundle, why);
    }
    if (err == AN_OK && w->files.classes.n > 0)
        err = an_lab_classes_pack((const char *const *)w->files.classes.items, w->files.classes.n,
                                  &w->bundle.extra, &w->bundle.extra_len);
    an_model_free(m);
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

static an_err learn(work *w, an_note *why)
{
    float *x = NULL;
    size_t n = 0;
    const an_lab_cut *c = &w->cut;
    an_err err = AN_OK;
    if (!w->files.height) { /* values of images stay as they are, in 0..1 */
        an_prep_done(&w->bundle.prep);
        err = an_prep_fit(&w->bundle.prep, &w->prep, c->fit, c->n_fit, c->data.context, c->data.width, why);
    }
    if (err == AN_OK)
        err = an_samples_inputs(&w->bundle.prep, c->fit, c->n_fit, c->data.context, &x, &n, NULL, why);
    if (err == AN_OK && n == 0)
        err = an_fail(AN_ERR_INVAL, why, "no window is in a regime that is scored");
    if (err == AN_OK) {
        an_lab_train_show_start(&w->show, w->lab, &w->train);
        err = an_lab_version_train(&w->bundle, &w->train, x, n, NULL, &w->stats, why);
        an_lab_train_show_end(&w->show);
    }
    an_free(x);
    return err;
}

/* A scaler over the rows of all tables. */
static an_err fit_scaler(work *w, an_note *why)
{
    size_t n = 0;
    const size_t width = w->files.width;
    for (size_t k = 0; k < w->files.n; k++)
        n += w->files.tables[k].n;
    float *rows = an_alloc(n, width * sizeof *rows);
    if (!rows)
        return AN_ERR_NOMEM;
    n = 0;
    for (size_t k = 0; k < w->files.n; n += w->files.tables[k++].n)
        memcpy(rows + n * width, w->files.tables[k].rows, w->files.tables[k].n * width * sizeof *rows);
    an_prep_done(&w->bundle.prep);
    an_err err = an_prep_fit(&w->bundle.prep, &w->prep, rows, 1, n, width, why);
    an_free(rows);
    return err;
}

static an_err learn_labels(work *w, an_note *why)
{
    an_model *m = NULL;
    an_lab_labelled d = {.x = NULL};
    an_detector_free(w->bundle.detector); /* it judges reconstructions, of which there are none */
    w->bundle.detector = NULL;
    an_err err = w->files.height ? AN_OK : fit_scaler(w, why);
    if (err == AN_OK)
        err = an_bundle_model(&w->bundle, &m, why);
    if (err == AN_OK)
        err = an_lab_labelled_make(m, &w->bundle.prep, &w->files, w->ahead, &d, why);
    if (err == AN_OK) {
        w->n_windows = d.n;
        if (w->files.height)
            an_lab_labelled_shuffle(&d, w->train.seed);
        an_lab_train_show_start(&w->show, w->lab, &w->train);
        err = an_train(m, w->bundle.weights, &w->train, d.x, d.t, d.n, &w->stats, why);
        an_lab_train_show_end(&w->show);
    }
    an_lab_labelled_done(&d);
    an_model_free(m);
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
                                    .step = w->prep.stride,
                                    .fit = w->cut.data.train,
                                    .holdout = w->cut.data.old};
    opts.cancel = w->lab->cancel;
    if (w->files.height)
        opts.holdout_min = HELD_IMAGES;
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

static an_err report_json(work *w, const char *path, const char *version, an_note *why)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "event", "trained");
    an_json_set_text(o, "file", path);
    an_json_set_text(o, "version", version);
    an_json_set_int(o, an_lab_files_unit(&w->files, "windows"), (int64_t)w->n_windows);
    an_json_set_int(o, "parameters", (int64_t)w->bundle.n_weights);
    if (w->taken.tensors)
        an_json_set_int(o, "taken_parameters", (int64_t)w->taken.parameters);
    an_lab_train_show_json(&w->show, &w->stats, o);
    if (!w->labels) {
        an_json_set_int(o, "held_out", (int64_t)w->cut.n_hold);
        an_json_set_num(o, "threshold", w->report.threshold);
        an_json_set_bool(o, "threshold_from_held_out", w->report.from_holdout);
    }
    return an_lab_print_json_line(w->lab, o, why);
}

static an_err report(work *w, const char *path, const an_hash *hash, an_note *why)
{
    char hex[AN_HASH_TEXT];
    FILE *out = w->lab->out;
    an_hash_text(hex, hash);
    if (w->lab->json)
        return report_json(w, path, hex, why);
    fprintf(out, "%s: version %s\n", path, hex);
    fprintf(out, "  %zu %s learnt, %zu held out, %zu parameters\n", w->n_windows,
            an_lab_files_unit(&w->files, "windows"), w->cut.n_hold, w->bundle.n_weights);
    for (size_t i = 0; i < w->files.classes.n; i++)
        fprintf(out, "%s%s%s", i ? ", " : "  classes: ", w->files.classes.items[i],
                i + 1 == w->files.classes.n ? "\n" : "");
    if (w->taken.tensors)
        fprintf(out, "  began with %zu tensors (%zu parameters) of %s\n", w->taken.tensors,
                w->taken.parameters, an_args_get(w->lab->args, "from"));
    an_lab_train_show_print(&w->show, &w->stats, out);
    if (!w->labels)
        fprintf(out, "  threshold %.6g by %s from %s %s\n", w->report.threshold, w->policy,
                w->report.from_holdout ? "held-out" : "learnt", an_lab_files_unit(&w->files, "windows"));
    return AN_OK;
}

static an_err learn_from_labels(const work *w, bool *ret, an_note *why)
{
    an_model *m = NULL;
    an_err err = an_bundle_model(&w->bundle, &m, why);
    if (err == AN_OK)
        *ret = !an_model_is_autoencoder(m);
    an_model_free(m);
    return err;
}

/* A column of labels that nobody named would be learnt as one more sensor. */
static void warn_of_labels(const work *w)
{
    static const char *const usual[] = {"label", "labels", "anomaly", "is_anomaly", "class", "target"};
    if (w->files.height || an_args_has(w->lab->args, "label"))
        return;
    for (size_t j = 0; j < w->files.width; j++)
        for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
            if (strcasecmp(w->files.tables[0].names[j], usual[i]) == 0)
                fprintf(stderr, "column \"%s\" is taken for a sensor; --label or --ignore keeps it apart\n",
                        w->files.tables[0].names[j]);
}

static an_err make(work *w, an_note *why)
{
    an_err err = read_arch(w, why);
    if (err == AN_OK)
        err = an_lab_files_read_for(w->lab, (const char *)w->arch.data, w->lab->args->positionals[0],
                                    &w->files, why);
    if (err == AN_OK) {
        warn_of_labels(w);
        err = w->files.height ? AN_OK
                              : an_lab_steps_read(w->lab, (const char *const *)w->files.tables[0].names,
                                                  w->files.width, &w->prep, why);
    }
    if (err == AN_OK) {
        err = make_blank(w, why);
    }
    if (err == AN_OK)
        err = take_backbone(w, why);
    if (err == AN_OK)
        err = learn_from_labels(w, &w->labels, why);
    if (err == AN_OK && w->labels)
        return learn_labels(w, why);
    if (err == AN_OK)
        err = cut_windows(w, why);
    if (err == AN_OK)
        err = learn(w, why);
    return err == AN_OK ? calibrate(w, why) : err;
}

/* Of every epoch, those after the best too. */
static an_err draw(work *w, const char *version, an_note *why)
{
    char about[200];
    an_model *m = NULL;
    const char *path = an_args_get(w->lab->args, "plot");
    if (!path)
        return AN_OK;
    an_err err = an_bundle_model(&w->bundle, &m, why);
    if (err == AN_OK) {
        snprintf(about, sizeof about, "%.60s, %zu %s, %zu parameters%s", an_svg_name(version), w->n_windows,
                 an_lab_files_unit(&w->files, "windows"), w->bundle.n_weights,
                 w->stats.stopped     ? "; stopped early"
                 : w->stats.cancelled ? "; interrupted"
                                      : "");
        err = an_lab_plot_loss(path, about, an_model_loss_name(m), w->show.epochs, w->show.n,
                               w->show.validation, w->stats.best_epoch, why);
    }
    an_model_free(m);
    return err;
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
        err = make(&w, why);
    if (err == AN_OK)
        err = an_bundle_write(&w.bundle, path, &hash, why);
    if (err == AN_OK)
        err = draw(&w, path, why);
    if (err == AN_OK)
        err = report(&w, path, &hash, why);
    an_lab_train_show_done(&w.show);
    an_buf_done(&w.arch);
    an_bundle_done(&w.bundle);
    an_chain_free(w.prep.chain);
    an_lab_cut_done(&w.cut);
    an_free(w.site.series);
    an_free(w.frozen);
    an_lab_files_done(&w.files);
    return err;
}

static const an_flag flags[] = {
    {"out", "FILE", "where the version is written"},
    {"plot", "FILE", "where a picture of the losses is written (SVG)"},
    {"name", "NAME", "of the model (default: as its description says)"},
    {"from", "FILE", "begin with the weights of a version or an ONNX file, where names and shapes are equal"},
    {"freeze", "LAYERS", "with --from: layers that stay as they are, with commas between"},
    AN_LAB_FLAGS_TRAIN,
    {"window", "N", "rows in a model input (default: as the description says)"},
    {"stride", "N", "rows between two model inputs (default 1)"},
    {"smooth", "N", "rows in the causal mean (default 1: none)"},
    {"clamp", "X", "largest size of a scaled value (default 10)"},
    {"missing", "HOW", "hold, mean or skip (default hold; with steps mean)"},
    AN_LAB_FLAG_STEPS,
    {"holdout", "X", "share of rows for the threshold alone (default 0.1)"},
    {"threshold", "POLICY",
     "as target_far:0.01 (default; more with fewer than 99 windows) or quantile:0.999*1.33"},
    AN_LAB_FLAGS_FILES,
    {"ahead", "N", "rows from a window to the row that a forecast learns (default 1)"},
    AN_LAB_FLAG_SEED,
    AN_LAB_FLAG_THREADS,
    {"json", NULL, "print one JSON object a line: one for each epoch, and the result"},
};

const an_lab_verb an_lab_verb_train = {
    .verb = {"train", "ARCH DATA...", 2, AN_ARGS_MAX_POSITIONALS, flags, sizeof flags / sizeof *flags,
             "train a version on normal operation, or on labels; Ctrl-C ends it and keeps the best so far"},
    .run = run,
};
