#include "coordinator/lab/judge.h"

#include <math.h>
#include <string.h>

#include "agent/samples.h"
#include "base/mem.h"
#include "models/metrics.h"
#include "models/scorer.h"

#define BATCH 256

/* Fills gaps of the rows' scores: forwards from each window, backwards from the first. */
static void spread(const size_t *row_of, const bool *rests, const float *scores, const float *parts,
                   size_t n_windows, size_t width, size_t n, float *ret, float *contributions)
{
    for (size_t i = 0, w = 0; i < n; i++) {
        while (w + 1 < n_windows && row_of[w + 1] <= i)
            w++;
        ret[i] = rests[i] ? 0.0f : scores[w];
        if (contributions && rests[i])
            memset(contributions + i * width, 0, width * sizeof *parts);
        else if (contributions)
            memcpy(contributions + i * width, parts + w * width, width * sizeof *parts);
    }
}

/* Model inputs of the rows, and the row at which each ends. */
static an_err collect(const an_prep *prep, const float *before, size_t n_before, const float *rows, size_t n,
                      float **windows, size_t *row_of, bool *rests, size_t *ret_n)
{
    an_prep_stream *stream = NULL;
    size_t cap = 0;
    const size_t width = prep->width, input = an_prep_input(prep);
    an_err err = an_prep_stream_new(prep, &stream);
    if (err != AN_OK)
        return err;
    size_t lead = an_samples_context(prep) - 1, w = 0;
    if (lead > n_before)
        lead = n_before;
    if (!an_grow(windows, &cap, input, sizeof **windows))
        err = AN_ERR_NOMEM;
    for (size_t i = 0; i < lead && err == AN_OK; i++)
        an_prep_push(stream, before + (n_before - lead + i) * width, *windows);
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        if (!an_grow(windows, &cap, (w + 1) * input, sizeof **windows))
            err = AN_ERR_NOMEM;
        else if (an_prep_push(stream, rows + i * width, *windows + w * input))
            row_of[w++] = i;
        rests[i] = an_prep_rests(stream);
    }
    an_prep_stream_free(stream);
    *ret_n = w;
    return err;
}

static an_err score_windows(const an_scorer *scorer, const float *windows, size_t n, float *scores,
                            float *parts)
{
    const size_t input = an_scorer_input(scorer), width = an_scorer_width(scorer);
    an_scorer_work *work = NULL;
    an_err err = an_scorer_work_new(scorer, BATCH, &work);
    for (size_t i = 0; i < n && err == AN_OK; i += BATCH)
        err = an_scorer_score(scorer, work, windows + i * input, n - i < BATCH ? n - i : BATCH, scores + i,
                              parts ? parts + i * width : NULL);
    an_scorer_work_free(work);
    const double threshold = an_scorer_threshold(scorer);
    for (size_t i = 0; i < n && err == AN_OK; i++)
        scores[i] = (float)((double)scores[i] / threshold);
    return err;
}

an_err an_lab_judge_rows(const an_bundle *b, const an_overlay *o, const float *before, size_t n_before,
                         const float *rows, size_t n, size_t width, float *ret, float *contributions,
                         an_note *why)
{
    an_scorer *scorer = NULL;
    float *windows = NULL, *scores = NULL, *parts = NULL;
    size_t *row_of = NULL, n_windows = 0;
    bool *rests = NULL;
    if (b->prep.width != width)
        return an_fail(AN_ERR_INVAL, why, "the data have %zu sensors, the version %u", width, b->prep.width);
    an_err err = an_scorer_new(b, o, &scorer, why);
    if (err != AN_OK)
        return err;
    err = AN_ERR_NOMEM;
    scores = an_alloc(n, sizeof *scores);
    parts = an_alloc(contributions ? n * width : 0, sizeof *parts);
    row_of = an_alloc(n, sizeof *row_of);
    rests = an_alloc(n, sizeof *rests);
    if (!scores || !parts || !row_of || !rests)
        goto out;
    if ((err = collect(an_scorer_prep(scorer), before, n_before, rows, n, &windows, row_of, rests,
                       &n_windows)) != AN_OK)
        goto out;
    if (n_windows == 0) {
        err = an_fail(AN_ERR_INVAL, why, "%zu rows hold no whole window of %u", n, b->prep.conf.window);
        goto out;
    }
    if ((err = score_windows(scorer, windows, n_windows, scores, contributions ? parts : NULL)) != AN_OK)
        goto out;
    spread(row_of, rests, scores, parts, n_windows, width, n, ret, contributions);
out:
    an_scorer_free(scorer);
    an_free(windows);
    an_free(scores);
    an_free(parts);
    an_free(row_of);
    an_free(rests);
    return err;
}

an_err an_lab_judge(const an_bundle *b, const an_overlay *o, const an_lab_series *series, size_t width,
                    float *ret, an_note *why)
{
    return an_lab_judge_rows(b, o, series->joined ? series->train : NULL,
                             series->joined ? series->n_train : 0, series->test, series->n_test, width, ret,
                             NULL, why);
}

/* ---- figures ---- */

typedef struct figure_row {
    const char *name;
    bool less;
} figure_row;

static const figure_row rows[AN_LAB_FIGURES_N] = {
#define AN_LAB_FIGURE_ROW(name, less) {#name, less},
    AN_LAB_FIGURES(AN_LAB_FIGURE_ROW)
#undef AN_LAB_FIGURE_ROW
};

double *an_lab_figure_at(an_lab_figures *f, an_lab_figure which)
{
    double *const all[AN_LAB_FIGURES_N] = {
#define AN_LAB_FIGURE_ROW(name, less) &f->name,
        AN_LAB_FIGURES(AN_LAB_FIGURE_ROW)
#undef AN_LAB_FIGURE_ROW
    };
    return all[which];
}

const char *an_lab_figure_name(an_lab_figure which)
{
    return rows[which].name;
}

bool an_lab_figure_less(an_lab_figure which)
{
    return rows[which].less;
}

an_lab_figure an_lab_figure_find(const char *name)
{
    size_t i = 0;
    while (i < AN_LAB_FIGURES_N && strcmp(rows[i].name, name) != 0)
        i++;
    return (an_lab_figure)i;
}

an_lab_figures an_lab_figures_none(void)
{
    an_lab_figures f;
    for (size_t i = 0; i < AN_LAB_FIGURES_N; i++)
        *an_lab_figure_at(&f, (an_lab_figure)i) = (double)NAN;
    return f;
}

an_err an_lab_figures_of(const float *scores, const uint8_t *labels, size_t n, an_lab_figures *ret)
{
    double at;
    uint8_t *alarms = an_alloc(n, 1);
    *ret = an_lab_figures_none();
    if (!alarms)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        alarms[i] = scores[i] > 1;
    const an_delays d = an_delays_of(alarms, labels, n);
    an_free(alarms);
    an_err err = an_auroc(scores, labels, n, &ret->auroc);
    if (err != AN_OK || (err = an_best_f1(scores, labels, n, &ret->best_f1, &at)) != AN_OK)
        return err;
    const an_confusion c = an_confusion_at(scores, labels, n, 1);
    const an_rates r = an_rates_of(&c);
    ret->f1 = r.f1;
    ret->far = r.far;
    ret->mar = r.mar;
    ret->delay = d.mean_delay;
    ret->detected = d.n_segments ? (double)d.n_detected / (double)d.n_segments : (double)NAN;
    return AN_OK;
}

void an_lab_mean_add(an_lab_mean *m, const an_lab_figures *f)
{
    an_lab_figures copy = *f;
    for (size_t i = 0; i < AN_LAB_FIGURES_N; i++) {
        const double v = *an_lab_figure_at(&copy, (an_lab_figure)i);
        if (isnan(v))
            continue;
        *an_lab_figure_at(&m->sum, (an_lab_figure)i) += v;
        *an_lab_figure_at(&m->squares, (an_lab_figure)i) += v * v;
        m->n[i]++;
    }
}

an_lab_figures an_lab_mean_get(const an_lab_mean *m)
{
    an_lab_figures f = m->sum;
    for (size_t i = 0; i < AN_LAB_FIGURES_N; i++) {
        double *v = an_lab_figure_at(&f, (an_lab_figure)i);
        *v = m->n[i] > 0 ? *v / m->n[i] : (double)NAN;
    }
    return f;
}

an_lab_figures an_lab_mean_spread(const an_lab_mean *m)
{
    an_lab_figures mean = an_lab_mean_get(m), f = m->squares;
    for (size_t i = 0; i < AN_LAB_FIGURES_N; i++) {
        double *v = an_lab_figure_at(&f, (an_lab_figure)i);
        const double about = *an_lab_figure_at(&mean, (an_lab_figure)i);
        const double square = (*v - m->n[i] * about * about) / (m->n[i] - 1);
        *v = m->n[i] > 1 ? sqrt(fmax(square, 0)) : (double)NAN;
    }
    return f;
}

void an_lab_figures_json(an_json *object, const an_lab_figures *f, const an_lab_figure *which)
{
    static const an_lab_figure detector[] = {AN_LAB_auroc, AN_LAB_best_f1, AN_LAB_f1,       AN_LAB_far,
                                             AN_LAB_mar,   AN_LAB_delay,   AN_LAB_detected, AN_LAB_FIGURES_N};
    an_lab_figures copy = *f;
    for (const an_lab_figure *w = which ? which : detector; *w != AN_LAB_FIGURES_N; w++)
        an_json_set_num(object, rows[*w].name, *an_lab_figure_at(&copy, *w));
}
