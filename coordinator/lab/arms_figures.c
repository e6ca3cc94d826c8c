/* From answers to figures: of each site, of each part of the data, of all, and of what was held back. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/arms_internal.h"

typedef struct pile {
    const an_arms_conf *conf;
    const an_arms_target *targets;
    size_t n_targets, n_said, n_truth;
    float *const *answers;
    float *truth, *said; /* room for all */
} pile;

#define EVERY_SITE SIZE_MAX
#define EVERY_PART UINT32_MAX

/* What is of the site and of the part, one target after the other. */
static an_lab_answers collect(const pile *p, size_t site, uint32_t part, bool held)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_targets; i++) {
        const an_arms_target *t = &p->targets[i];
        const size_t from = held ? 0 : t->n_hold, to = held ? t->n_hold : t->n;
        for (size_t k = from; k < to && (site == EVERY_SITE || site == i); k++) {
            if (part != EVERY_PART && !an_lab_in_part(p->conf->data, part, t->parts[k]))
                continue;
            memcpy(p->truth + n * p->n_truth, t->truth + k * p->n_truth, p->n_truth * sizeof *p->truth);
            memcpy(p->said + n * p->n_said, p->answers[i] + k * p->n_said, p->n_said * sizeof *p->said);
            n++;
        }
    }
    return (an_lab_answers){.data = p->conf->data,
                            .experiment = p->conf->experiment,
                            .truth = p->truth,
                            .said = p->said,
                            .n = n,
                            .n_truth = p->n_truth,
                            .n_said = p->n_said};
}

/* Of nothing: all NAN. */
static an_err judge(const pile *p, size_t site, uint32_t part, bool held, an_lab_figures *ret, an_note *why)
{
    const an_lab_answers a = collect(p, site, part, held);
    *ret = an_lab_figures_none();
    return a.n > 0 ? p->conf->experiment->task->judge(&a, ret, why) : AN_OK;
}

/* Each figure of the part that does worst in it. */
static void take_worst(const an_arm_result *r, size_t n, an_lab_figures *ret)
{
    *ret = an_lab_figures_none();
    for (size_t i = 0; i < AN_LAB_FIGURES_N; i++) {
        const an_lab_figure which = (an_lab_figure)i;
        double *worst = an_lab_figure_at(ret, which);
        for (size_t k = 0; k < n; k++) {
            const double v = *an_lab_figure_at(&r->parts[k], which);
            if (isnan(*worst) || (an_lab_figure_less(which) ? v > *worst : v < *worst))
                *worst = v;
        }
    }
}

static an_err all_of(const pile *p, an_arm_result *ret, an_note *why)
{
    const an_experiment *e = p->conf->experiment;
    const an_lab_data *d = p->conf->data;
    an_lab_mean mean = {.n = {0}};
    an_err err = AN_OK;
    for (size_t i = 0; i < p->n_targets && err == AN_OK; i++) {
        err = judge(p, i, EVERY_PART, false, &ret->sites[i], why);
        an_lab_mean_add(&mean, &ret->sites[i]);
    }
    for (uint32_t k = 0; k < d->n_parts && err == AN_OK; k++)
        err = judge(p, EVERY_SITE, k, false, &ret->parts[k], why);
    const an_lab_figures by_site = an_lab_mean_get(&mean);
    ret->all = by_site;
    if (err != AN_OK || !e->pooled_scores)
        return err;
    if (e->worst_part && d->n_parts > 0) {
        take_worst(ret, d->n_parts, &ret->all);
        return AN_OK;
    }
    err = judge(p, EVERY_SITE, EVERY_PART, false, &ret->all, why);
    ret->all.delay = by_site.delay; /* runs of faults end where a series ends */
    ret->all.detected = by_site.detected;
    return err;
}

static an_err pile_open(pile *p, const an_arms_conf *conf, const an_arms_target *targets, size_t n,
                        size_t n_said, float *const *answers)
{
    const an_lab_data *d = conf->data;
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += targets[i].n;
    *p = (pile){.conf = conf,
                .targets = targets,
                .n_targets = n,
                .n_said = n_said,
                .n_truth = d->n_labels ? d->n_labels : 1,
                .answers = answers};
    p->truth = an_alloc(total, p->n_truth * sizeof *p->truth);
    p->said = an_alloc(total, n_said * sizeof *p->said);
    return p->truth && p->said ? AN_OK : AN_ERR_NOMEM;
}

static void pile_done(pile *p)
{
    an_free(p->truth);
    an_free(p->said);
}

an_err an_arms_figures(const an_arms_conf *conf, const an_arms_target *targets, size_t n, size_t n_said,
                       float *const *answers, an_arm_result *ret, an_note *why)
{
    const an_lab_data *d = conf->data;
    pile p;
    an_err err = pile_open(&p, conf, targets, n, n_said, answers);
    ret->sites = an_alloc(n, sizeof *ret->sites);
    ret->parts = an_alloc(d->n_parts, sizeof *ret->parts);
    ret->valid_parts = an_alloc(d->n_parts, sizeof *ret->valid_parts);
    if (!ret->sites || !ret->parts || !ret->valid_parts)
        err = AN_ERR_NOMEM;
    if (err == AN_OK)
        err = all_of(&p, ret, why);
    if (err == AN_OK)
        err = judge(&p, EVERY_SITE, EVERY_PART, true, &ret->valid, why);
    for (uint32_t k = 0; k < d->n_parts && err == AN_OK; k++)
        err = judge(&p, EVERY_SITE, k, true, &ret->valid_parts[k], why);
    pile_done(&p);
    return err;
}

an_err an_arms_level(const an_arms_conf *conf, an_arms_target *targets, size_t n, size_t n_said, size_t arm,
                     an_note *why)
{
    const an_lab_task *task = conf->experiment->task;
    pile p;
    if (!task->level)
        return AN_OK;
    float **answers = an_alloc(n, sizeof *answers), *off = an_alloc(n_said, sizeof *off);
    an_err err = answers && off ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        answers[i] = targets[i].said[arm];
    if (err == AN_OK) {
        err = pile_open(&p, conf, targets, n, n_said, answers);
        const an_lab_answers held =
            err == AN_OK ? collect(&p, EVERY_SITE, EVERY_PART, true) : (an_lab_answers){0};
        if (held.n > 0)
            err = task->level(&held, off, why);
        pile_done(&p);
    }
    for (size_t i = 0; i < n && err == AN_OK; i++)
        for (size_t k = 0; k < targets[i].n * n_said; k++)
            answers[i][k] -= off[k % n_said];
    an_free(answers);
    an_free(off);
    return err;
}

an_err an_arms_plot(const an_arms_conf *conf, const an_arms_target *targets, size_t n, size_t n_said,
                    float *const *answers, an_note *why)
{
    char about[128];
    pile p;
    an_err err = pile_open(&p, conf, targets, n, n_said, answers);
    if (err == AN_OK) {
        const an_lab_answers a = collect(&p, EVERY_SITE, EVERY_PART, false);
        snprintf(about, sizeof about, "%.60s, federated, %zu items of %zu sites", conf->experiment->name, a.n,
                 n);
        err = conf->experiment->task->plot(&a, conf->plots, about, why);
    }
    pile_done(&p);
    return err;
}
