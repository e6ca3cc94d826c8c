/* andon-lab evaluate: how good a version is on tables with labels. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/calibrate.h"
#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/lab/detection.h"
#include "coordinator/lab/evaluate_plots.h"
#include "coordinator/lab/files.h"
#include "coordinator/lab/judge.h"
#include "coordinator/lab/labelled.h"

#define SHIFT_HOURS 8.0

typedef struct work {
    an_lab *lab;
    an_lab_files files;
    an_bundle bundle;
    an_overlay overlay;
    bool has_overlay;
    an_hash hash;
    double threshold;
    an_lab_detection_opts opts;
    size_t ahead;
    float *scores; /* of all rows, in units of the threshold */
    uint8_t *labels;
    size_t n;
    an_lab_detection *each; /* (files.n) */
    an_lab_detection all, baselines[AN_LAB_BASELINES];
    double alarms_per_shift; /* NAN: the tables have no times */
    const char *plots;       /* folder; NULL: no pictures */
    an_json *pictures;       /* their paths */
    size_t n_pictures;
} work;

static an_err read_options(work *w, an_note *why)
{
    const an_args *a = w->lab->args;
    int64_t vus = 0, nab = 0, ahead = 0;
    an_err err = an_args_int(a, "vus-window", 0, 100000, 100, &vus, why);
    if (err == AN_OK)
        err = an_args_int(a, "nab-window", 0, 1000000000, 0, &nab, why);
    if (err == AN_OK)
        err = an_args_int(a, "ahead", 1, 100000, 1, &ahead, why);
    w->opts = (an_lab_detection_opts){.vus_window = (size_t)vus, .nab_window = (size_t)nab};
    w->ahead = (size_t)ahead;
    w->plots = an_args_get(a, "plots");
    w->pictures = w->plots && w->lab->json ? an_json_array() : NULL;
    return err;
}

/* What is judged: rows, or images, of which each is as many rows as it is high. */
static size_t each_of(const work *w)
{
    return w->files.height ? w->files.height : 1;
}

static size_t units_of(const work *w, size_t k)
{
    return w->files.tables[k].n / each_of(w);
}

static an_err take_labels(work *w, an_note *why)
{
    size_t n = 0;
    for (size_t k = 0; k < w->files.n; k++)
        n += units_of(w, k);
    w->scores = an_alloc(n, sizeof *w->scores);
    w->labels = an_alloc(n, 1);
    w->each = an_alloc(w->files.n, sizeof *w->each);
    if (!w->scores || !w->labels || !w->each)
        return AN_ERR_NOMEM;
    for (size_t k = 0; k < w->files.n; k++) {
        const an_table *t = &w->files.tables[k];
        if (!t->labels)
            return an_fail(AN_ERR_INVAL, why, "%s has no labels: say --label COLUMN", w->files.names[k]);
        for (size_t i = 0; i < t->n; i += each_of(w))
            w->labels[w->n++] = t->labels[i] > 0.5f;
    }
    return AN_OK;
}

static float largest_z(const an_prep *p, const float *row)
{
    float most = 0;
    for (uint32_t j = 0; j < p->features; j++) {
        const float z = fabsf(row[j] - p->mean[j]) / p->scale[j];
        most = z > most ? z : most; /* not for NAN */
    }
    return most / 3;
}

static void fill_baseline(const work *w, an_lab_baseline b, float *scores)
{
    an_rng r;
    const double quiet = 1 - (double)(w->all.confusion.tp + w->all.confusion.fp) / (double)w->n;
    const an_prep *prep = w->has_overlay && w->overlay.has_prep ? &w->overlay.prep : &w->bundle.prep;
    size_t at = 0;
    an_rng_init(&r, 1, 0);
    for (size_t k = 0; k < w->files.n; k++)
        for (size_t i = 0; i < units_of(w, k); i++, at++)
            if (b == AN_LAB_RANDOM)
                scores[at] = (float)(an_rng_unit(&r) + 1 - quiet);
            else
                scores[at] =
                    b == AN_LAB_ALWAYS ? 2.0f : largest_z(prep, w->files.tables[k].rows + i * w->files.width);
}

/* A value of an image has no unit to be large in, and behind steps there is another one than before. */
static int baselines_of(const work *w)
{
    return w->files.height || w->bundle.prep.conf.chain ? AN_LAB_LARGEST_Z : AN_LAB_BASELINES;
}

static an_err judge_baselines(work *w)
{
    const an_lab_detection_opts narrow = {.points_only = w->opts.points_only};
    float *scores = an_alloc(w->n, sizeof *scores);
    an_err err = scores ? AN_OK : AN_ERR_NOMEM;
    for (int b = 0; b < baselines_of(w) && err == AN_OK; b++) {
        fill_baseline(w, (an_lab_baseline)b, scores);
        err = an_lab_detection_of(&narrow, scores, w->labels, w->n, &w->baselines[b]);
    }
    an_free(scores);
    return err;
}

static double shifts_of(const an_lab_files *f)
{
    double ms = 0;
    for (size_t k = 0; k < f->n; k++) {
        const an_table *t = &f->tables[k];
        if (!t->times_ms || t->times_ms[0] == AN_TIME_NONE || t->times_ms[t->n - 1] <= t->times_ms[0])
            return (double)NAN;
        ms += (double)(t->times_ms[t->n - 1] - t->times_ms[0]);
    }
    return ms / (3600e3 * SHIFT_HOURS);
}

/* The scores of a table; all rows of an image have its score. */
static an_err judge_table(work *w, size_t k, float *ret, an_note *why)
{
    const an_table *t = &w->files.tables[k];
    float *scores = an_alloc(t->n, sizeof *scores);
    an_err err = scores ? an_lab_judge_rows(&w->bundle, w->has_overlay ? &w->overlay : NULL, NULL, 0, t->rows,
                                            t->n, t->width, scores, NULL, why)
                        : AN_ERR_NOMEM;
    for (size_t i = 0; i < units_of(w, k) && err == AN_OK; i++)
        ret[i] = scores[(i + 1) * each_of(w) - 1];
    an_free(scores);
    return err;
}

static an_err judge(work *w, an_note *why)
{
    an_err err = take_labels(w, why);
    for (size_t k = 0, at = 0; k < w->files.n && err == AN_OK; at += units_of(w, k++)) {
        err = judge_table(w, k, w->scores + at, why);
        if (err == AN_OK)
            err = an_lab_detection_of(&w->opts, w->scores + at, w->labels + at, units_of(w, k), &w->each[k]);
    }
    if (err == AN_OK)
        err = an_lab_detection_all(w->scores, w->labels, w->n, w->each, w->files.n, &w->all);
    w->alarms_per_shift = (double)w->all.events.n_runs / shifts_of(&w->files);
    return err == AN_OK ? judge_baselines(w) : err;
}

/* ---- pictures ---- */

static void report_pictures(work *w, an_json *o)
{
    if (o && w->pictures)
        an_json_set(o, "plots", w->pictures);
    w->pictures = NULL;
    if (!o && w->plots)
        fprintf(w->lab->out, "\n%-24s %zu in %s\n", "pictures", w->n_pictures, w->plots);
}

static an_err draw_detection(work *w, an_note *why)
{
    char about[200];
    const an_lab_scored scored = {.files = &w->files,
                                  .scores = w->scores,
                                  .labels = w->labels,
                                  .n = w->n,
                                  .threshold = w->threshold,
                                  .all = &w->all};
    an_lab_about(about, sizeof about, w->lab->args->positionals[0], &w->files, w->n,
                 an_lab_files_unit(&w->files, "rows"));
    return an_lab_plot_detection(&scored, w->plots, about, w->pictures, &w->n_pictures, why);
}

static an_err draw_fitness(work *w, const an_lab_fitness *f, an_note *why)
{
    char about[200];
    const char *label = an_args_get(w->lab->args, "label");
    an_lab_about(about, sizeof about, w->lab->args->positionals[0], &w->files, f->n, f->unit);
    return an_lab_plot_fitness(f, w->bundle.schema.sensors, label ? label : "label", w->plots, about,
                               w->pictures, &w->n_pictures, why);
}

/* ---- detectors ---- */

static void print_text(const work *w, const char *version)
{
    FILE *out = w->lab->out;
    const bool images = w->files.height > 0;
    const char *unit = an_lab_files_unit(&w->files, "rows");
    fprintf(out, "version %s\n%zu %s, threshold %.6g%s\n\n", version, w->n, unit, w->threshold,
            images ? "" : "; rows are counted as they are, without adjustment");
    an_lab_detection_print_matrix(out, &w->all, unit);
    fputc('\n', out);
    an_lab_detection_print_head(out, images ? "folder" : "file");
    for (size_t k = 0; k < w->files.n; k++)
        an_lab_detection_print_row(out, w->files.names[k], &w->each[k]);
    if (w->files.n > 1)
        an_lab_detection_print_row(out, images ? "all images together" : "all rows together", &w->all);
    for (int b = 0; b < baselines_of(w); b++)
        an_lab_detection_print_row(out, an_lab_baseline_name((an_lab_baseline)b), &w->baselines[b]);
    if (isfinite(w->all.best_f1))
        fprintf(out, "%-24s %.6g\n", "best F1 at threshold", w->all.best_threshold * w->threshold);
    if (images) /* there is no before and after among them */
        return;
    fputc('\n', out);
    an_lab_detection_print_ranges(out, &w->all, &w->opts, w->baselines[AN_LAB_RANDOM].adjusted_f1);
    if (!isnan(w->alarms_per_shift))
        fprintf(out, "%-24s %.2f in 8 hours\n", "alarm runs", w->alarms_per_shift);
}

static an_err report(work *w, an_note *why)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, &w->hash);
    if (!w->lab->json) {
        print_text(w, hex);
        report_pictures(w, NULL);
        return AN_OK;
    }
    an_json *o = an_json_object(), *list = an_json_array(), *baselines = an_json_object();
    an_json_set_text(o, "version", hex);
    an_json_set_num(o, "threshold", w->threshold);
    an_lab_detection_json(o, &w->all);
    an_json_set_num(o, "best_threshold", w->all.best_threshold * w->threshold);
    if (!w->files.height)
        an_json_set_num(o, "alarms_per_shift", w->alarms_per_shift);
    for (size_t k = 0; k < w->files.n; k++) {
        an_json *f = an_json_object();
        an_json_set_text(f, "file", w->files.names[k]);
        an_lab_detection_json(f, &w->each[k]);
        an_json_push(list, f);
    }
    an_json_set(o, "files", list);
    for (int b = 0; b < baselines_of(w); b++) {
        static const char *const keys[AN_LAB_BASELINES] = {"random", "always", "largest_z"};
        an_json *f = an_json_object();
        an_lab_detection_json(f, &w->baselines[b]);
        an_json_set(baselines, keys[b], f);
    }
    an_json_set(o, "baselines", baselines);
    report_pictures(w, o);
    return an_lab_print_json(w->lab, o, why);
}

static an_err evaluate_detector(work *w, an_note *why)
{
    w->threshold = w->has_overlay && w->overlay.has_threshold ? w->overlay.threshold : w->bundle.threshold;
    if (w->files.height) /* no figure that needs an order of time */
        w->opts = (an_lab_detection_opts){.points_only = true};
    an_err err = judge(w, why);
    if (err == AN_OK && w->plots)
        err = draw_detection(w, why);
    if (err == AN_OK)
        err = report(w, why);
    an_free(w->scores);
    an_free(w->labels);
    an_free(w->each);
    return err;
}

/* ---- models that learn from labels ---- */

static an_err report_fitness(work *w, const an_lab_fitness *f, an_note *why)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, &w->hash);
    if (!w->lab->json) {
        fprintf(w->lab->out, "version %s\n", hex);
        an_lab_fitness_print(f, w->bundle.schema.sensors, w->lab->out);
        report_pictures(w, NULL);
        return AN_OK;
    }
    an_json *o = an_json_object();
    an_json_set_text(o, "version", hex);
    an_lab_fitness_json(f, w->bundle.schema.sensors, o);
    report_pictures(w, o);
    return an_lab_print_json(w->lab, o, why);
}

static an_err evaluate_labels(work *w, const an_model *m, an_note *why)
{
    an_lab_labelled d = {.x = NULL};
    an_lab_fitness f = {.n = 0};
    an_err err = w->has_overlay
                     ? an_fail(AN_ERR_UNSUPPORTED, why, "the model learns from labels and takes no overlay")
                     : an_lab_labelled_make(m, &w->bundle.prep, &w->files, w->ahead, &d, why);
    if (err == AN_OK)
        err = an_lab_fitness_of(m, w->bundle.weights, NULL, &d, &f, why);
    if (err == AN_OK && w->plots)
        err = draw_fitness(w, &f, why);
    if (err == AN_OK)
        err = report_fitness(w, &f, why);
    an_lab_fitness_done(&f);
    an_lab_labelled_done(&d);
    return err;
}

static an_err run(an_lab *lab, an_note *why)
{
    work w = {.lab = lab};
    an_model *m = NULL;
    an_err err = read_options(&w, why);
    if (err == AN_OK)
        err = an_lab_version_read(lab, lab->args->positionals[0], &w.bundle, &w.hash, &w.overlay,
                                  &w.has_overlay, why);
    if (err == AN_OK)
        err = an_lab_files_read_of(lab, &w.bundle, &w.files, why);
    if (err == AN_OK && w.bundle.arch[0])
        err = an_bundle_model(&w.bundle, &m, why);
    if (err == AN_OK)
        err = m && !an_model_is_autoencoder(m) ? evaluate_labels(&w, m, why) : evaluate_detector(&w, why);
    an_json_free(w.pictures);
    an_model_free(m);
    an_bundle_done(&w.bundle);
    an_overlay_done(&w.overlay);
    an_lab_files_done(&w.files);
    return err;
}

static const an_flag flags[] = {
    {"overlay", "FILE", "what a site made for the version"},
    {"vus-window", "N", "rows over which labels fade, for the volume under the surface (default 100)"},
    {"nab-window", "N", "rows from the begin of an event, for the NAB score (default 0: the event)"},
    {"ahead", "N", "rows from a window to the row that a forecast is held to (default 1)"},
    {"plots", "DIR", "write pictures there (SVG): histogram, confusion matrix, ROC, PR, scores in time"},
    AN_LAB_FLAGS_FILES,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_evaluate = {
    .verb = {"evaluate", "VERSION DATA...", 2, AN_ARGS_MAX_POSITIONALS, flags, sizeof flags / sizeof *flags,
             "judge a version on tables with labels, or folders of images: all figures, and what costs "
             "nothing beside it"},
    .run = run,
};
