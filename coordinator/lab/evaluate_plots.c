#include "coordinator/lab/evaluate_plots.h"

#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/plots.h"
#include "models/svg.h"

/* Where the next picture goes. */
typedef struct album {
    const char *dir, *about;
    char path[AN_PATH_MAX];
    an_json *list;
    size_t n;
} album;

static an_err turn_to(album *a, const char *name, an_note *why)
{
    an_err err = an_path_join(a->path, a->dir, name);
    return err == AN_OK ? AN_OK : an_fail(err, why, "%.100s: the name of the folder is too long", a->dir);
}

static void turn_from(album *a)
{
    if (a->list)
        an_json_push_text(a->list, a->path);
    a->n++;
}

void an_lab_about(char *ret, size_t size, const char *version, const an_lab_files *files, size_t n,
                  const char *what)
{
    const char *name = an_svg_name(version);
    if (files->n == 1)
        snprintf(ret, size, "%.60s on %.60s, %zu %s", name, an_svg_name(files->names[0]), n, what);
    else
        snprintf(ret, size, "%.60s on %zu %s, %zu %s", name, files->n, files->height ? "folders" : "tables",
                 n, what);
}

static an_err plot_curves(album *a, const an_lab_scored *d, an_note *why)
{
    an_curve curve = {0};
    const an_confusion *c = &d->all->confusion;
    an_err err = an_curve_make(d->scores, d->labels, d->n, &curve);
    if (err == AN_OK)
        err = turn_to(a, "roc.svg", why);
    if (err == AN_OK && (err = an_lab_plot_roc(a->path, a->about, &curve, &d->all->rates, why)) == AN_OK)
        turn_from(a);
    if (err == AN_OK)
        err = turn_to(a, "pr.svg", why);
    const double share = (double)(c->tp + c->fn) / (double)d->n;
    if (err == AN_OK &&
        (err = an_lab_plot_pr(a->path, a->about, &curve, &d->all->rates, share, why)) == AN_OK)
        turn_from(a);
    an_curve_done(&curve);
    return err;
}

static an_err plot_matrix(album *a, const an_lab_scored *d, an_note *why)
{
    static const char *const truths[] = {"anomalous", "normal"}, *const guesses[] = {"alarm", "no alarm"};
    const an_confusion *c = &d->all->confusion;
    const uint64_t counts[] = {c->tp, c->fn, c->fp, c->tn};
    an_err err = turn_to(a, "confusion.svg", why);
    if (err == AN_OK &&
        (err = an_lab_plot_confusion(a->path, a->about, counts, 2, truths, guesses, why)) == AN_OK)
        turn_from(a);
    return err;
}

static an_err plot_traces(album *a, const an_lab_scored *d, const float *scores, an_note *why)
{
    an_err err = AN_OK;
    const an_lab_files *f = d->files;
    for (size_t k = 0, at = 0; k < f->n && k < AN_LAB_TRACES && err == AN_OK; at += f->tables[k++].n) {
        char name[32] = "trace.svg", about[200];
        const an_table *t = &f->tables[k];
        if (f->n > 1)
            snprintf(name, sizeof name, "trace-%zu.svg", k + 1);
        snprintf(about, sizeof about, "%.60s, %zu rows", an_svg_name(f->names[k]), t->n);
        err = turn_to(a, name, why);
        if (err == AN_OK)
            err = an_lab_plot_trace(a->path, f->n > 1 ? about : a->about, t->times_ms, scores + at,
                                    d->labels + at, t->n, d->threshold, why);
        if (err == AN_OK)
            turn_from(a);
    }
    return err;
}

an_err an_lab_plot_detection(const an_lab_scored *d, const char *dir, const char *about, an_json *list,
                             size_t *ret_n, an_note *why)
{
    album a = {.dir = dir, .about = about, .list = list};
    float *scores = an_alloc(d->n, sizeof *scores);
    an_err err = scores ? an_dir_make(dir, why) : AN_ERR_NOMEM;
    for (size_t i = 0; i < d->n && scores; i++)
        scores[i] = (float)((double)d->scores[i] * d->threshold);
    if (err == AN_OK)
        err = turn_to(&a, "histogram.svg", why);
    if (err == AN_OK)
        err = an_lab_plot_scores(a.path, about, scores, d->labels, d->n, d->threshold, why);
    if (err == AN_OK) {
        turn_from(&a);
        err = plot_matrix(&a, d, why);
    }
    if (err == AN_OK)
        err = plot_curves(&a, d, why);
    if (err == AN_OK && !d->files->height)
        err = plot_traces(&a, d, scores, why);
    an_free(scores);
    *ret_n = a.n;
    return err;
}

static an_err plot_classes(album *a, const an_lab_fitness *f, an_note *why)
{
    const an_names *named = f->classes_named;
    const an_classes *c = &f->classes;
    an_classes shown = {.k = an_lab_fitness_shown(f)};
    if (!(shown.counts = an_alloc(shown.k, shown.k * sizeof *shown.counts)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < shown.k * shown.k; i++)
        shown.counts[i] = c->counts[i / shown.k * c->k + i % shown.k];
    an_err err =
        an_lab_plot_classes(a->path, a->about, &shown, named ? (const char *const *)named->items : NULL,
                            named ? named->n : 0, why);
    an_free(shown.counts);
    return err;
}

/* Classes, or the pixels of masks. */
static an_err plot_kinds(album *a, const an_lab_fitness *f, an_note *why)
{
    static const char *const truths[] = {"in the mask", "not in it"}, *const guesses[] = {"marked", "left"};
    const an_overlap *o = &f->overlap;
    const uint64_t pixels[] = {o->tp, o->fn, o->fp, o->tn};
    an_err err = turn_to(a, "confusion.svg", why);
    if (err == AN_OK && f->goal == AN_LAB_MASK)
        err = an_lab_plot_confusion(a->path, a->about, pixels, 2, truths, guesses, why);
    else if (err == AN_OK)
        err = plot_classes(a, f, why);
    if (err == AN_OK)
        turn_from(a);
    return err;
}

an_err an_lab_plot_fitness(const an_lab_fitness *f, const an_sensor *names, const char *label,
                           const char *dir, const char *about, an_json *list, size_t *ret_n, an_note *why)
{
    album a = {.dir = dir, .about = about, .list = list};
    an_err err = an_dir_make(dir, why);
    if (f->goal == AN_LAB_CLASSES || f->goal == AN_LAB_MASK) {
        if (err == AN_OK)
            err = plot_kinds(&a, f, why);
        *ret_n = a.n;
        return err;
    }
    for (size_t j = 0; j < f->n_targets && j < AN_LAB_TRACES && err == AN_OK; j++) {
        char name[32] = "fit.svg", axis[AN_BUNDLE_SENSOR_MAX + 16];
        const bool forecast = f->goal == AN_LAB_FORECAST;
        if (forecast)
            snprintf(name, sizeof name, "fit-%zu.svg", j + 1);
        snprintf(axis, sizeof axis, "%s%s", forecast ? names[j].name : label, forecast ? ", scaled" : "");
        err = turn_to(&a, name, why);
        if (err == AN_OK)
            err = an_lab_plot_fit(a.path, about, axis, f->truth + j * f->n, f->guess + j * f->n, f->n,
                                  &f->outputs[j], why);
        if (err == AN_OK)
            turn_from(&a);
    }
    *ret_n = a.n;
    return err;
}
