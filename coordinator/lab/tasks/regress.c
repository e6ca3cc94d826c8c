/* regress: a number from a window of rows, such as a quality, an emission or the life that is left. */
#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/plots.h"
#include "coordinator/lab/tasks/regress_internal.h"
#include "models/metrics_fit.h"

static float in_units(const an_lab_data *d, float said)
{
    if (d->clip)
        said = said < 0 ? 0 : said > 1 ? 1 : said;
    return (float)(d->zero + d->unit * (double)said);
}

typedef struct pairs {
    float *truth, *said; /* (n) in units */
} pairs;

static void pairs_done(pairs *p)
{
    an_free(p->truth);
    an_free(p->said);
}

static an_err pairs_make(const an_lab_answers *a, pairs *ret)
{
    const pairs p = {.truth = an_alloc(a->n, sizeof *p.truth), .said = an_alloc(a->n, sizeof *p.said)};
    *ret = p;
    if (!p.truth || !p.said)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < a->n; i++) {
        p.truth[i] = (float)(a->data->zero + a->data->unit * (double)a->truth[i]);
        p.said[i] = in_units(a->data, a->said[i]);
    }
    return AN_OK;
}

static an_err judge(const an_lab_answers *a, an_lab_figures *ret, an_note *why)
{
    (void)why;
    pairs p;
    an_err err = pairs_make(a, &p);
    if (err == AN_OK) {
        const an_fit f = an_fit_of(p.truth, p.said, a->n);
        *ret = an_lab_figures_none();
        ret->rmse = f.rmse;
        ret->mae = f.mae;
        ret->r2 = f.r2;
    }
    pairs_done(&p);
    return err;
}

static an_err plot(const an_lab_answers *a, const char *dir, const char *about, an_note *why)
{
    char path[AN_PATH_MAX];
    const char *label = "life";
    pairs p;
    an_err err = pairs_make(a, &p);
    if (err == AN_OK)
        err = an_path_join(path, dir, "fit.svg");
    if (err == AN_OK)
        err = an_node_get_text(a->experiment->target, "column", "life", &label, why);
    if (err == AN_OK) {
        const an_fit f = an_fit_of(p.truth, p.said, a->n);
        err = an_lab_plot_fit(path, about, label, p.truth, p.said, a->n, &f, why);
    }
    pairs_done(&p);
    return err;
}

static const an_lab_figure figures[] = {AN_LAB_rmse, AN_LAB_mae, AN_LAB_r2, AN_LAB_FIGURES_N};
static const an_lab_baseline baselines[] = {
    {"mean", "the mean of what all sites learn from", an_lab_regress_mean},
    {"random", "what was true of an item drawn by lot", an_lab_regress_random},
    {"persistence", "what was true one row before", an_lab_regress_last},
    {"ridge", "ridge regression on the means of 15 rows, all data in one place", an_lab_regress_ridge},
    {"trees", "boosted trees on the means of 15 rows, grown from sums over the sites", an_lab_regress_trees},
};

const an_lab_task an_lab_task_regress = {
    .name = "regress",
    .items = true,
    .figures = figures,
    .read = an_lab_regress_read,
    .judge = judge,
    .plot = plot,
    .baselines = baselines,
    .n_baselines = sizeof baselines / sizeof *baselines,
};
