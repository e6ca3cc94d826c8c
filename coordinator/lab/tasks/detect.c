/* detect: alarms without labels on series of rows.  An answer is a row's score in units of the threshold. */
#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/arms_internal.h"
#include "coordinator/lab/plots.h"
#include "coordinator/lab/tasks.h"
#include "coordinator/lab/tasks/detect_plain.h"

static an_err read(const an_experiment *e, const char *dir, an_lab_data *ret, an_note *why)
{
    return an_lab_data_read(&e->layout, dir, ret, why);
}

static an_err predict(const an_lab_data *d, size_t site, const an_bundle *b, const an_overlay *o, float *ret,
                      an_note *why)
{
    const an_lab_site *s = &d->sites[site];
    an_err err = AN_OK;
    for (size_t k = 0, at = 0; k < s->n_series && err == AN_OK; at += s->series[k++].n_test)
        err = an_lab_judge(b, o, &s->series[k], d->width, ret + at, why);
    return err;
}

static uint8_t *labels_of(const an_lab_answers *a)
{
    uint8_t *labels = an_alloc(a->n, 1);
    for (size_t i = 0; labels && i < a->n; i++)
        labels[i] = a->truth[i] > 0.5f;
    return labels;
}

static an_err judge(const an_lab_answers *a, an_lab_figures *ret, an_note *why)
{
    (void)why;
    uint8_t *labels = labels_of(a);
    if (!labels)
        return AN_ERR_NOMEM;
    an_err err = an_lab_figures_of(a->said, labels, a->n, ret);
    an_free(labels);
    return err;
}

static an_err plot(const an_lab_answers *a, const char *dir, const char *about, an_note *why)
{
    char path[AN_PATH_MAX];
    an_curve curve = {0};
    uint8_t *labels = labels_of(a);
    if (!labels)
        return AN_ERR_NOMEM;
    const an_confusion c = an_confusion_at(a->said, labels, a->n, 1);
    const an_rates r = an_rates_of(&c);
    an_err err = an_curve_make(a->said, labels, a->n, &curve);
    if (err == AN_OK)
        err = an_path_join(path, dir, "roc.svg");
    if (err == AN_OK)
        err = an_lab_plot_roc(path, about, &curve, &r, why);
    if (err == AN_OK)
        err = an_path_join(path, dir, "scores.svg");
    if (err == AN_OK)
        err = an_lab_plot_scores(path, about, a->said, labels, a->n, 1, why);
    an_curve_done(&curve);
    an_free(labels);
    return err;
}

static an_err always(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                     size_t n, an_note *why)
{
    (void)e;
    (void)d;
    (void)n_threads;
    (void)why;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < exams[i].n; k++)
            exams[i].said[k] = 2; /* above the threshold */
    return AN_OK;
}

static const an_lab_figure figures[] = {AN_LAB_auroc, AN_LAB_best_f1, AN_LAB_f1,       AN_LAB_far,
                                        AN_LAB_mar,   AN_LAB_delay,   AN_LAB_detected, AN_LAB_FIGURES_N};
static const an_lab_baseline baselines[] = {
    {"always_on", "an alarm at every row", always},
    {"mahalanobis", "Mahalanobis distance of single raw rows, same threshold policy", an_arms_plain_answer},
    {"largest_z", "largest z of a row's sensors to either side, same threshold policy",
     an_lab_largest_answer},
    {"random", "an alarm at one row in a hundred, by chance", an_lab_random_answer},
};

const an_lab_task an_lab_task_detect = {
    .name = "detect",
    .figures = figures,
    .read = read,
    .predict = predict,
    .judge = judge,
    .plot = plot,
    .baselines = baselines,
    .n_baselines = sizeof baselines / sizeof *baselines,
};
