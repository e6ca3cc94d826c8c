/* andon-lab prune: a smaller version from a learnt one. */
#include <stdio.h>
#include <string.h>

#include "agent/calibrate.h"
#include "agent/samples.h"
#include "base/mem.h"
#include "coordinator/lab/forms.h"
#include "coordinator/lab/train_opts.h"
#include "coordinator/lab/version.h"
#include "models/prune.h"

typedef struct work {
    an_lab *lab;
    an_lab_files files;
    an_bundle before, after;
    an_overlay overlay;
    bool has_overlay;
    an_hash hash;
    an_lab_site site;
    an_lab_cut cut;
    an_train_opts train;
    an_prune_opts opts;
    bool structured;
    bool taught; /* the model learns from labels: */
    an_lab_labelled labelled;
    size_t ahead;
    double holdout;
    an_prune_report pruned;
    an_calibrate_report calibrated;
} work;

static an_err read_options(work *w, an_note *why)
{
    const an_args *a = w->lab->args;
    const char *norm = an_args_get(a, "norm");
    int64_t steps = 0, ahead = 1;
    w->opts = an_prune_defaults();
    w->structured = an_args_has(a, "structured");
    w->opts.per_tensor = an_args_has(a, "per-tensor");
    if (norm && strcmp(norm, "l1") != 0 && strcmp(norm, "l2") != 0)
        return an_fail(AN_ERR_INVAL, why, "--norm %s: must be l1 or l2", norm);
    w->opts.norm = norm && strcmp(norm, "l1") == 0 ? AN_PRUNE_L1 : AN_PRUNE_L2;
    an_err err = an_args_num(a, "share", 0, 0.99, w->opts.share, &w->opts.share, why);
    if (err == AN_OK)
        err = an_args_int(a, "steps", 1, 100, (int64_t)w->opts.steps, &steps, why);
    w->opts.steps = (size_t)steps;
    if (err == AN_OK)
        err = an_args_num(a, "holdout", 0, 0.5, 0.1, &w->holdout, why);
    if (err == AN_OK)
        err = an_args_int(a, "ahead", 1, 100000, 1, &ahead, why);
    w->ahead = (size_t)ahead;
    return err == AN_OK ? an_lab_train_opts(w->lab, &w->train, why) : err;
}

static an_err cut_windows(work *w, an_note *why)
{
    const an_prep *prep = &w->before.prep;
    const an_lab_cut_opts opts = {.context = an_samples_context(prep),
                                  .stride = prep->conf.stride,
                                  .holdout = w->holdout,
                                  .keep = 1,
                                  .block = w->files.height,
                                  .gaps = prep->conf.chain != NULL};
    an_err err = an_lab_forms_normal(&w->files, opts.context, &w->site, why);
    if (err != AN_OK)
        return err;
    const an_lab_data data = {
        .sites = &w->site, .n_sites = 1, .width = w->files.width, .names = w->files.tables[0].names};
    return an_lab_cut_new(&data, 0, SIZE_MAX, &opts, &w->cut, why);
}

/* What the model is tuned on. */
typedef struct lesson {
    const float *x, *t; /* t: NULL for an autoencoder */
    size_t n;
} lesson;

/* The smaller model takes the old one's place in the version that is made. */
static an_err take_units(work *w, const an_model *m, const lesson *l, an_note *why)
{
    an_model *small = NULL;
    float *params = NULL;
    an_err err = an_prune_units(m, w->after.weights, &w->opts, &w->train, l->x, l->t, l->n, &small, &params,
                                &w->pruned, why);
    char *text = err == AN_OK ? an_strdup(an_model_text(small)) : NULL;
    if (err == AN_OK && !text)
        err = AN_ERR_NOMEM;
    if (err == AN_OK) {
        an_free(w->after.weights);
        an_free(w->after.arch);
        w->after.arch = text;
        w->after.weights = params;
        w->after.n_weights = an_model_n_params(small);
        an_model_layout_hash(small, &w->after.layout);
        params = NULL;
    }
    an_free(params);
    an_model_free(small);
    return err;
}

/* Normal operation; of what is labelled, images in an order of their own, as in training. */
static an_err take_lesson(work *w, const an_model *m, float **x, lesson *ret, an_note *why)
{
    w->taught = !an_model_is_autoencoder(m);
    if (!w->taught) {
        an_err err = cut_windows(w, why);
        size_t n = 0;
        if (err == AN_OK)
            err = an_samples_inputs(&w->before.prep, w->cut.fit, w->cut.n_fit, w->cut.data.context, x, &n,
                                    NULL, why);
        if (err == AN_OK && n == 0)
            err = an_fail(AN_ERR_INVAL, why, "no window is in a regime that is scored");
        *ret = (lesson){.x = *x, .n = n};
        return err;
    }
    an_lab_labelled *d = &w->labelled;
    an_err err = an_lab_labelled_make(m, &w->before.prep, &w->files, w->ahead, d, why);
    if (err == AN_OK && w->files.height)
        an_lab_labelled_shuffle(d, w->train.seed);
    *ret = (lesson){.x = d->x, .t = d->t, .n = d->n};
    return err;
}

static an_err prune(work *w, an_note *why)
{
    an_model *m = NULL;
    float *x = NULL;
    lesson l = {.n = 0};
    an_err err = an_bundle_model(&w->before, &m, why);
    if (err == AN_OK)
        err = take_lesson(w, m, &x, &l, why);
    if (err == AN_OK)
        err = an_bundle_copy(&w->after, &w->before);
    if (err == AN_OK && w->structured)
        err = take_units(w, m, &l, why);
    else if (err == AN_OK)
        err = an_prune_weights(m, w->after.weights, &w->opts, &w->train, l.x, l.t, l.n, &w->pruned, why);
    an_free(x);
    an_model_free(m);
    return err;
}

/* Other weights make other scores: the bins that they are counted in go along with the threshold. */
static void move_bins(an_bundle *b, double threshold)
{
    const double by = threshold / b->threshold;
    for (uint32_t i = 0; i < b->n_edges && by > 0.0; i++)
        b->score_edges[i] = (float)((double)b->score_edges[i] * by);
    b->threshold = threshold;
}

/* Detector and threshold anew, where there is a detector. */
static an_err finish(work *w, an_note *why)
{
    an_overlay o = {.n_local = 0};
    an_hash hash;
    an_calibrate_opts opts = an_calibrate_defaults();
    const an_calibrate_data data = {.width = w->files.width,
                                    .context = w->cut.data.context,
                                    .step = w->after.prep.conf.stride,
                                    .fit = w->cut.data.train,
                                    .holdout = w->cut.data.old};
    opts.cancel = w->lab->cancel;
    w->after.parent = w->hash;
    w->after.plan = (an_hash){.b = {0}};
    w->after.round = 0;
    if (w->taught)
        return AN_OK;
    an_err err = an_lab_version_hash(&w->after, &hash, why);
    if (err == AN_OK)
        err = an_calibrate(&w->after, &hash, &data, &opts, 1, &o, &w->calibrated, why);
    if (err == AN_OK) {
        an_detector_free(w->after.detector);
        w->after.detector = o.detector;
        o.detector = NULL;
        move_bins(&w->after, o.threshold);
    }
    an_overlay_done(&o);
    return err;
}

static an_err report(work *w, const char *path, const an_hash *hash, an_note *why)
{
    const an_lab_form sides[2] = {{&w->before, NULL}, {&w->after, NULL}};
    const char *what = w->structured ? "units" : "weights";
    an_lab_forms c;
    char hex[AN_HASH_TEXT];
    an_err err = w->taught ? an_lab_forms_compare_taught(&w->labelled, sides, &c, why)
                           : an_lab_forms_compare(&w->files, sides, &c, why);
    if (err != AN_OK)
        return err;
    an_hash_text(hex, hash);
    if (!w->lab->json)
        fprintf(w->lab->out, "%s: version %s\n  %zu of %zu %s gone", path, hex, w->pruned.n_gone,
                w->pruned.n_candidates, what);
    if (!w->lab->json && !w->taught)
        fprintf(w->lab->out, ", threshold %.6g", w->calibrated.threshold);
    if (!w->lab->json)
        fputc('\n', w->lab->out);
    an_json *o = an_json_object();
    an_json_set_text(o, "file", path);
    an_json_set_text(o, "version", hex);
    an_json_set_text(o, "pruned", what);
    an_json_set_int(o, "candidates", (int64_t)w->pruned.n_candidates);
    an_json_set_int(o, "gone", (int64_t)w->pruned.n_gone);
    an_json_set_int(o, "zeros", (int64_t)w->pruned.n_zero);
    if (!w->taught)
        an_json_set_num(o, "threshold", w->calibrated.threshold);
    err = an_lab_forms_report(w->lab, &c, o, why);
    an_lab_forms_done(&c);
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
        err = an_lab_version_read(lab, lab->args->positionals[0], &w.before, &w.hash, &w.overlay,
                                  &w.has_overlay, why);
    if (err == AN_OK)
        err = an_lab_files_read_of(lab, &w.before, &w.files, why);
    if (err == AN_OK)
        err = prune(&w, why);
    if (err == AN_OK)
        err = finish(&w, why);
    if (err == AN_OK)
        err = an_bundle_write(&w.after, path, &hash, why);
    if (err == AN_OK)
        err = report(&w, path, &hash, why);
    an_bundle_done(&w.before);
    an_bundle_done(&w.after);
    an_overlay_done(&w.overlay);
    an_lab_cut_done(&w.cut);
    an_lab_labelled_done(&w.labelled);
    an_free(w.site.series);
    an_lab_files_done(&w.files);
    return err;
}

static const an_flag flags[] = {
    {"out", "FILE", "where the version is written"},
    {"share", "X", "of the weights, or of each layer's units, that go (default 0.5)"},
    {"structured", NULL, "whole units and filters go; else single weights become 0"},
    {"per-tensor", NULL, "the share of each tensor's weights; else of all together"},
    {"norm", "NAME", "what a unit is measured by: l2 (default) or l1"},
    {"steps", "N", "in which the share grows, with tuning after each (default 3)"},
    {"holdout", "X", "share of rows for the threshold alone (default 0.1)"},
    AN_LAB_FLAGS_TRAIN,
    AN_LAB_FLAGS_FILES,
    {"ahead", "N", "rows from a window to the row that a forecast learns (default 1)"},
    AN_LAB_FLAG_SEED,
    AN_LAB_FLAG_THREADS,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_prune = {
    .verb = {"prune", "VERSION DATA...", 2, AN_ARGS_MAX_POSITIONALS, flags, sizeof flags / sizeof *flags,
             "make a version smaller and tune it on tables"},
    .run = run,
};
