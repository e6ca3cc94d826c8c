/* andon-lab evaluate: how good a version is on tables with labels. */
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/files.h"
#include "coordinator/lab/judge.h"

typedef struct work {
    an_lab *lab;
    an_lab_files files;
    an_bundle bundle;
    an_overlay overlay;
    bool has_overlay;
    an_hash hash;
    float *scores; /* of all rows */
    uint8_t *labels;
    size_t n;
    an_lab_figures *each; /* (files.n) */
    an_lab_figures all;
} work;

static an_err take_labels(work *w, an_note *why)
{
    size_t n = 0;
    for (size_t k = 0; k < w->files.n; k++)
        n += w->files.tables[k].n;
    w->scores = an_alloc(n, sizeof *w->scores);
    w->labels = an_alloc(n, 1);
    w->each = an_alloc(w->files.n, sizeof *w->each);
    if (!w->scores || !w->labels || !w->each)
        return AN_ERR_NOMEM;
    for (size_t k = 0; k < w->files.n; k++) {
        const an_table *t = &w->files.tables[k];
        if (!t->labels)
            return an_fail(AN_ERR_INVAL, why, "%s has no labels: say --label COLUMN", w->files.names[k]);
        for (size_t i = 0; i < t->n; i++)
            w->labels[w->n++] = t->labels[i] > 0.5f;
    }
    return AN_OK;
}

static an_err judge(work *w, an_note *why)
{
    an_err err = AN_OK;
    for (size_t k = 0, at = 0; k < w->files.n && err == AN_OK; at += w->files.tables[k++].n) {
        const an_table *t = &w->files.tables[k];
        err = an_lab_judge_rows(&w->bundle, w->has_overlay ? &w->overlay : NULL, NULL, 0, t->rows, t->n,
                                t->width, w->scores + at, NULL, why);
        if (err == AN_OK)
            err = an_lab_figures_of(w->scores + at, w->labels + at, t->n, &w->each[k]);
    }
    return err == AN_OK ? an_lab_figures_of(w->scores, w->labels, w->n, &w->all) : err;
}

static void print_row(FILE *out, const char *name, const an_lab_figures *f)
{
    fprintf(out, "%-24s %6.3f  %7.3f  %6.3f  %6.1f  %6.1f  %7.1f\n", name, f->auroc, f->best_f1, f->f1,
            100 * f->far, 100 * f->mar, f->delay);
}

static an_err report(work *w, an_note *why)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, &w->hash);
    if (!w->lab->json) {
        FILE *out = w->lab->out;
        fprintf(out, "version %s, %zu rows, no point adjustment\n\n", hex, w->n);
        fprintf(out, "%-24s %6s  %7s  %6s  %6s  %6s  %7s\n", "file", "auroc", "best F1", "F1", "FAR %",
                "MAR %", "delay");
        for (size_t k = 0; k < w->files.n; k++)
            print_row(out, w->files.names[k], &w->each[k]);
        if (w->files.n > 1)
            print_row(out, "all rows together", &w->all);
        return AN_OK;
    }
    an_json *o = an_json_object(), *list = an_json_array();
    an_json_set_text(o, "version", hex);
    an_json_set_int(o, "rows", (int64_t)w->n);
    an_lab_figures_json(o, &w->all);
    for (size_t k = 0; k < w->files.n; k++) {
        an_json *f = an_json_object();
        an_json_set_text(f, "file", w->files.names[k]);
        an_lab_figures_json(f, &w->each[k]);
        an_json_push(list, f);
    }
    an_json_set(o, "files", list);
    return an_lab_print_json(w->lab, o, why);
}

static an_err run(an_lab *lab, an_note *why)
{
    work w = {.lab = lab};
    an_err err = an_lab_version_read(lab, lab->args->positionals[0], &w.bundle, &w.hash, &w.overlay,
                                     &w.has_overlay, why);
    if (err == AN_OK)
        err = an_lab_files_read(lab, 1, &w.files, why);
    if (err == AN_OK)
        err = an_lab_files_fit(&w.files, &w.bundle, !an_args_has(lab->args, "no-header"), why);
    if (err == AN_OK)
        err = take_labels(&w, why);
    if (err == AN_OK)
        err = judge(&w, why);
    if (err == AN_OK)
        err = report(&w, why);
    an_free(w.scores);
    an_free(w.labels);
    an_free(w.each);
    an_bundle_done(&w.bundle);
    an_overlay_done(&w.overlay);
    an_lab_files_done(&w.files);
    return err;
}

static const an_flag flags[] = {
    {"overlay", "FILE", "what a site made for the version"},
    AN_LAB_FLAGS_FILES,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_evaluate = {
    .verb = {"evaluate", "VERSION TABLE...", 2, AN_ARGS_MAX_POSITIONALS, flags, sizeof flags / sizeof *flags,
             "judge a version on tables with labels"},
    .run = run,
};
