/* A site's overlay, step by step.  Split conformal prediction (Vovk, Gammerman, Shafer 2005) is
 * why the threshold wants windows that no parameter was fitted on. */
#include "agent/calibrate.h"

#include <math.h>
#include <string.h>

#include "agent/samples.h"
#include "base/mem.h"
#include "models/histogram.h"
#include "models/scorer.h"
#include "models/train.h"

#define BATCH 256

an_calibrate_opts an_calibrate_defaults(void)
{
    return (an_calibrate_opts){.tune_batch = 64,
                               .tune_lr = 1e-3,
                               .alarm = AN_ALARM_CONF_DEFAULT,
                               .holdout_min = 100,
                               .alarm_share_max = 0.25,
                               .n_threads = 1};
}

size_t an_local_take(const an_model *m, const float *params, float *ret_values)
{
    size_t n = 0;
    const an_tensor *t;
    for (size_t i = 0; (t = an_model_tensor_at(m, i)); i++) {
        if (!t->local)
            continue;
        if (ret_values)
            memcpy(ret_values + n, params + t->offset, t->n * sizeof *params);
        n += t->n;
    }
    return n;
}

void an_local_put(const an_model *m, float *params, const float *values)
{
    const an_tensor *t;
    for (size_t i = 0; (t = an_model_tensor_at(m, i)); i++) {
        if (!t->local)
            continue;
        memcpy(params + t->offset, values, t->n * sizeof *params);
        values += t->n;
    }
}

an_err an_bundle_model(const an_bundle *bundle, an_model **ret, an_note *why)
{
    an_model *m = NULL;
    an_hash layout;
    if (bundle->arch[0] == '\0')
        return an_fail(AN_ERR_INVAL, why, "the version has no model");
    an_err err = an_model_new(bundle->arch, strlen(bundle->arch), bundle->model, 0, &m, why);
    if (err != AN_OK)
        return err == AN_ERR_NOMEM ? err : AN_ERR_PROTO;
    an_model_layout_hash(m, &layout);
    if (!an_hash_equal(&layout, &bundle->layout) || an_model_n_params(m) != bundle->n_weights ||
        an_model_n_inputs(m) != an_prep_input(&bundle->prep)) {
        an_model_free(m);
        return an_fail(AN_ERR_PROTO, why, "the version's parameters do not fit its architecture");
    }
    *ret = m;
    return AN_OK;
}

an_err an_model_reconstruct(const an_model *m, const float *params, const float *x, size_t n, float **ret,
                            an_note *why)
{
    const size_t input = an_model_n_inputs(m);
    an_ws *ws = NULL;
    if (an_model_n_outputs(m) != input)
        return an_fail(AN_ERR_UNSUPPORTED, why, "the model does not give back its input");
    float *y = an_alloc(n, input * sizeof *y);
    an_err err = y ? an_ws_new(m, AN_WS_FORWARD, BATCH, &ws) : AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i += BATCH) {
        const size_t part = n - i < BATCH ? n - i : BATCH;
        memcpy(y + i * input, an_model_forward(m, ws, params, part, x + i * input), part * input * sizeof *y);
    }
    an_ws_free(ws);
    if (err != AN_OK) {
        an_free(y);
        return err;
    }
    *ret = y;
    return AN_OK;
}

/* All that the steps share. */
typedef struct work {
    const an_bundle *bundle;
    const an_calibrate_data *data;
    const an_calibrate_opts *opts;
    an_overlay *overlay;
    an_calibrate_report *report;
    an_model *model;      /* NULL: a detector without one */
    float *params;        /* (n_weights) as they will run */
    bool tuned;           /* ... and no longer those that the version's detector was made with */
    float *fit, *holdout; /* model inputs */
    float *labels;        /* (n_fit, n_labels), or NULL */
    size_t n_fit, n_hold;
} work;

static an_err take_inputs(work *w, an_note *why)
{
    const an_calibrate_data *d = w->data;
    an_err err = AN_OK;
    if (d->width != w->bundle->prep.width)
        return an_fail(AN_ERR_INVAL, why, "the site has %zu sensors, the version %u", d->width,
                       w->bundle->prep.width);
    if (d->fit.n == 0)
        return an_fail(AN_ERR_INVAL, why, "no normal windows to calibrate on");
    if (w->opts->site_scaler) {
        err = an_prep_fit(&w->overlay->prep, &w->bundle->prep.conf, d->fit.raw, d->fit.n, d->context,
                          d->width, why);
        if (err != AN_OK)
            return err;
        w->overlay->has_prep = true;
    }
    const an_prep *prep = w->overlay->has_prep ? &w->overlay->prep : &w->bundle->prep;
    err = an_samples_labelled(prep, &d->fit, d->context, d->n_labels, &w->fit, &w->labels, &w->n_fit, why);
    if (err == AN_OK)
        err = an_samples_inputs(prep, d->holdout.raw, d->holdout.n, d->context, &w->holdout, &w->n_hold, NULL,
                                why);
    if (err == AN_OK && w->n_fit == 0)
        err = an_fail(AN_ERR_INVAL, why, "no normal window is in a regime that is scored");
    return err;
}

static an_err tune(work *w, an_note *why)
{
    const an_calibrate_opts *o = w->opts;
    an_train_stats stats = {0};
    an_train_opts t = an_train_defaults();
    const bool taught = !an_model_is_autoencoder(w->model);
    if (taught && (!w->labels || w->data->n_labels != an_model_n_targets(w->model)))
        return an_fail(AN_ERR_UNSUPPORTED, why,
                       "a model that learns from labels is not tuned at a site without them");
    t.epochs = o->tune_epochs;
    t.batch = o->tune_batch;
    t.lr = o->tune_lr;
    if (o->tune_schedule) {
        t.schedule = o->tune_schedule;
        t.lr_floor = 0.01;
    }
    t.l2sp = o->tune_l2sp;
    t.anchor = o->tune_l2sp > 0 ? w->bundle->weights : NULL;
    t.scope = o->tune_all ? AN_TRAIN_ALL : AN_TRAIN_LOCAL;
    t.seed = o->seed;
    t.n_threads = o->n_threads;
    t.cancel = o->cancel;
    t.pace = o->pace;
    an_err err = an_train(w->model, w->params, &t, w->fit, taught ? w->labels : NULL, w->n_fit, &stats, why);
    w->report->tune_first_loss = stats.first_loss;
    w->report->tune_last_loss = stats.last_loss;
    return err;
}

/* The parameters as they will run, and what of them the overlay holds. */
static an_err own_parameters(work *w, an_note *why)
{
    an_err err;
    if (w->bundle->arch[0] == '\0')
        return AN_OK;
    if ((err = an_bundle_model(w->bundle, &w->model, why)) != AN_OK)
        return err;
    const size_t n = w->bundle->n_weights, n_local = an_local_take(w->model, w->bundle->weights, NULL);
    if (!(w->params = an_alloc(n, sizeof *w->params)))
        return AN_ERR_NOMEM;
    memcpy(w->params, w->bundle->weights, n * sizeof *w->params);
    bool own = n_local > 0 && w->data->local && w->data->n_local == n_local;
    if (own)
        an_local_put(w->model, w->params, w->data->local);
    bool tuned = w->opts->tune_epochs > 0 && (w->opts->tune_all || n_local > 0);
    w->tuned = tuned;
    if (tuned && (err = tune(w, why)) != AN_OK)
        return err;
    if (!own && !tuned)
        return AN_OK;
    const bool all = tuned && w->opts->tune_all;
    const size_t n_own = all ? n : n_local;
    if (!(w->overlay->local = an_alloc(n_own, sizeof *w->overlay->local)))
        return AN_ERR_NOMEM;
    w->overlay->n_local = n_own;
    if (all)
        memcpy(w->overlay->local, w->params, n * sizeof *w->params);
    else
        an_local_take(w->model, w->params, w->overlay->local);
    return AN_OK;
}

/* What a round made of all sites' windows stays as it is, of a network as long as its parameters do. */
static bool is_shared(const work *w)
{
    const an_detector *d = w->bundle->detector;
    return w->bundle->round > 0 && an_detector_n_sums(d) > 0 && !w->opts->own_detector && !w->tuned &&
           !(w->model && an_detector_is_blank(d));
}

static an_err fit_detector(work *w, an_note *why)
{
    const an_detector *base = w->bundle->detector;
    an_err err = AN_OK;
    float *y = NULL;
    if (w->model)
        err = an_model_reconstruct(w->model, w->params, w->fit, w->n_fit, &y, why);
    if (err == AN_OK)
        err = an_detector_copy(base, &w->overlay->detector);
    if (err == AN_OK)
        err = an_detector_fit(w->overlay->detector, w->fit, y, w->n_fit, why);
    an_free(y);
    return err;
}

static an_err score_all(const an_pace *pace, const an_scorer *scorer, const float *x, size_t n, size_t input,
                        float *ret)
{
    an_scorer_work *sw = NULL;
    an_err err = an_scorer_work_new(scorer, BATCH, &sw);
    for (size_t i = 0; i < n && err == AN_OK; i += BATCH) {
        an_pace_wait(pace);
        err = an_scorer_score(scorer, sw, x + i * input, n - i < BATCH ? n - i : BATCH, ret + i, NULL);
    }
    an_scorer_work_free(sw);
    return err;
}

static double share_above(const float *scores, size_t n, double threshold)
{
    size_t above = 0;
    for (size_t i = 0; i < n; i++)
        above += (double)scores[i] > threshold;
    return n ? (double)above / (double)n : 0.0;
}

/* Counts of the fit rows in the version's bins, and of the scores as shares of the threshold.
 */
static an_err count_reference(work *w, float *scores, size_t n_scores)
{
    const an_bundle *b = w->bundle;
    an_overlay *o = w->overlay;
    if (b->n_edges == 0)
        return AN_OK;
    const size_t bins = (size_t)b->n_edges + 1, width = w->data->width;
    o->counts = an_alloc(width * bins, sizeof *o->counts);
    o->score_counts = an_alloc(bins, sizeof *o->score_counts);
    if (!o->counts || !o->score_counts)
        return AN_ERR_NOMEM;
    o->features = (uint32_t)width;
    o->n_bins = (uint32_t)bins;
    for (size_t f = 0; f < width; f++)
        an_hist_count(o->counts + f * bins, b->edges + f * b->n_edges, b->n_edges, w->data->fit.raw,
                      w->data->fit.n * w->data->context, width, f);
    for (size_t i = 0; i < n_scores; i++)
        scores[i] = (float)((double)scores[i] / o->threshold);
    an_hist_count(o->score_counts, b->score_edges, b->n_edges, scores, n_scores, 1, 0);
    return AN_OK;
}

/* What the windows are at the line.  Its rate is that of the schema; without one nothing can be said per hour. */
static an_threshold_line line_of(const work *w)
{
    const an_bundle *b = w->bundle;
    const an_alarm_conf *a = &w->opts->alarm;
    const double hz = b->schema.rate_hz / (double)b->prep.conf.stride;
    const size_t rows = w->data->step ? w->data->step : w->data->context;
    const size_t step = rows / b->prep.conf.stride;
    return (an_threshold_line){.per_hour = 3600 * hz,
                               .k = a->k,
                               .n = a->n,
                               .apart = (size_t)((double)a->cooldown_ms / 1000 * hz),
                               .step = step ? step : 1};
}

/* From holdout windows where there are enough for the policy, else from the fit windows. */
static an_err make_threshold(work *w, const char *policy, const float *fit, const float *hold,
                             bool *ret_held_out, an_note *why)
{
    const size_t n_fit = w->n_fit, n_hold = w->n_hold;
    double threshold = 0;
    bool held_out = n_hold > 0 && n_hold >= w->opts->holdout_min;
    const an_threshold_line line = line_of(w);
    an_err err = an_threshold_from_line(policy, held_out ? hold : fit, held_out ? n_hold : n_fit, &line,
                                        &threshold, why);
    if (err == AN_ERR_INVAL && held_out) {
        held_out = false; /* the policy wants more scores than the holdout has */
        err = an_threshold_from_line(policy, fit, n_fit, &line, &threshold, why);
    }
    if (err != AN_OK)
        return err;
    if (!isfinite(threshold) || !(threshold > 0))
        return an_fail(AN_ERR_REFUSED, why, "the threshold would be %g", threshold);
    w->overlay->has_threshold = true;
    w->overlay->threshold = threshold;
    memcpy(w->overlay->policy, policy, strlen(policy) + 1);
    *ret_held_out = held_out;
    return AN_OK;
}

/* Judged on what the threshold was not made from, where there is such. */
static an_err check_alarms(work *w, const float *fit, const float *hold, bool held_out, an_note *why)
{
    const size_t n_fit = w->n_fit, n_hold = w->n_hold;
    const bool judge_fit = held_out || n_hold == 0;
    an_calibrate_report *r = w->report;
    r->threshold = w->overlay->threshold;
    r->from_holdout = held_out;
    r->alarm_share = share_above(judge_fit ? fit : hold, judge_fit ? n_fit : n_hold, r->threshold);
    if (w->opts->alarm_share_max > 0 && r->alarm_share > w->opts->alarm_share_max)
        return an_fail(AN_ERR_REFUSED, why,
                       "%.1f %% of known-normal windows would raise an alarm, %.1f %% are allowed",
                       100 * r->alarm_share, 100 * w->opts->alarm_share_max);
    return AN_OK;
}

static an_err set_threshold(work *w, an_note *why)
{
    const size_t n_fit = w->n_fit, n_hold = w->n_hold, input = an_prep_input(&w->bundle->prep);
    const char *own = w->opts->policy;
    bool held_out = false;
    an_scorer *scorer = NULL;
    an_err err = AN_ERR_NOMEM;
    float *fit = an_alloc(n_fit, sizeof *fit), *hold = an_alloc(n_hold, sizeof *hold);
    if (!fit || !hold)
        goto out;
    if ((err = an_scorer_new(w->bundle, w->overlay, &scorer, why)) != AN_OK)
        goto out;
    if ((err = score_all(w->opts->pace, scorer, w->fit, n_fit, input, fit)) != AN_OK ||
        (err = score_all(w->opts->pace, scorer, w->holdout, n_hold, input, hold)) != AN_OK) {
        an_note_set(why, "known-normal windows: %s", an_err_text(err));
        goto out;
    }
    if ((err = make_threshold(w, own && own[0] ? own : w->bundle->policy, fit, hold, &held_out, why)) !=
        AN_OK)
        goto out;
    if ((err = check_alarms(w, fit, hold, held_out, why)) != AN_OK)
        goto out;
    err = count_reference(w, held_out ? hold : fit, held_out ? n_hold : n_fit);
out:
    an_scorer_free(scorer);
    an_free(fit);
    an_free(hold);
    return err;
}

an_err an_calibrate(const an_bundle *bundle, const an_hash *hash, const an_calibrate_data *data,
                    const an_calibrate_opts *opts, int64_t now_ms, an_overlay *ret,
                    an_calibrate_report *ret_report, an_note *why)
{
    an_overlay overlay = {.base = *hash, .created_ms = now_ms};
    an_calibrate_report report = {.n_fit = data->fit.n, .n_holdout = data->holdout.n};
    work w = {.bundle = bundle, .data = data, .opts = opts, .overlay = &overlay, .report = &report};
    an_err err = AN_OK;
    if (opts->policy && opts->policy[0] && strlen(opts->policy) >= sizeof overlay.policy)
        return an_fail(AN_ERR_INVAL, why, "the threshold policy is too long");
    if ((err = take_inputs(&w, why)) != AN_OK)
        goto out;
    if ((err = own_parameters(&w, why)) != AN_OK)
        goto out;
    const bool detects = !w.model || an_model_is_autoencoder(w.model);
    if (detects && !is_shared(&w) && (err = fit_detector(&w, why)) != AN_OK)
        goto out;
    if (detects && (err = set_threshold(&w, why)) != AN_OK)
        goto out;
    *ret = overlay;
    overlay = (an_overlay){0};
    if (ret_report)
        *ret_report = report;
out:
    an_overlay_done(&overlay);
    an_model_free(w.model);
    an_free(w.params);
    an_free(w.fit);
    an_free(w.labels);
    an_free(w.holdout);
    return err;
}
