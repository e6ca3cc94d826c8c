/* EVALUATE of a model that learns from labels: the loss of each version, with the overlay it would get here
 * today, on held-back windows; there are no alarms and no faults to count.  The loss is over what is new, where
 * there is something, as for detectors. */
#include <math.h>

#include "agent/samples.h"
#include "agent/tasks/task_internal.h"
#include "base/mem.h"

/* The version as it would run here: scaler and parameters. */
static an_err loss_with(const an_task *task, const an_bundle *b, const an_overlay *o, const an_model *m,
                        const an_data_set *on, an_evaluation *ret, an_note *why)
{
    const an_prep *prep = o->has_prep ? &o->prep : &b->prep;
    float *x = NULL, *labels = NULL, *params = an_alloc(b->n_weights, sizeof *params);
    size_t n = 0;
    double loss = 0;
    an_err err = params ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK) {
        memcpy(params, b->weights, b->n_weights * sizeof *params);
        if (o->n_local == b->n_weights)
            memcpy(params, o->local, o->n_local * sizeof *params);
        else if (o->n_local > 0)
            an_local_put(m, params, o->local);
        const an_data_part part = an_data_part_of(on);
        err = an_samples_labelled(prep, &part, task->data->context, an_model_n_targets(m), &x, &labels, &n,
                                  why);
    }
    if (err == AN_OK && n > 0)
        err = an_train_loss(m, params, x, labels, n, &loss, why);
    if (err == AN_ERR_NUMERIC) { /* what the gate is to hear of */
        ret->non_finite += n;
        err = AN_OK;
    } else if (err == AN_OK) {
        ret->n += n;
        ret->loss_sum += loss * (double)n;
    }
    an_free(x);
    an_free(labels);
    an_free(params);
    return err;
}

static an_err judge(const an_task *task, const an_bundle *b, const an_hash *hash, const an_overlay *running,
                    const an_data_set *fit, const an_data_set *on, an_evaluation *ret, an_note *why)
{
    an_overlay today = {.n_local = 0};
    an_model *m = NULL;
    an_calibrate_opts opts = *task->calibrate;
    const an_calibrate_data data = {.width = task->data->width,
                                    .context = task->data->context,
                                    .n_labels = task->data->n_labels,
                                    .fit = an_data_part_of(fit),
                                    .local = task->local,
                                    .n_local = task->n_local};
    opts.seed = an_task_seed(task);
    opts.cancel = task->cancel;
    opts.pace = task->pace;
    opts.n_threads = task->n_threads ? task->n_threads : 1;
    an_err err = an_bundle_model(b, &m, why);
    if (err == AN_OK && (an_model_is_autoencoder(m) || an_model_n_targets(m) != task->data->n_labels))
        err = an_fail(AN_ERR_INVAL, why, "the version learns something else than this site has labels for");
    if (err == AN_OK && !running)
        err = an_calibrate(b, hash, &data, &opts, 0, &today, NULL, why);
    ret->sites = 1;
    if (err == AN_OK)
        err = loss_with(task, b, running ? running : &today, m, on, ret, why);
    an_overlay_done(&today);
    an_model_free(m);
    return err;
}

static double mean(const an_evaluation *e)
{
    return e->n ? e->loss_sum / (double)e->n : (double)NAN;
}

static an_err judge_both(const an_task *task, const an_data_set *fit, const an_data_set *on,
                         an_evaluate_in *ret, an_note *why)
{
    const an_plan *plan = task->plan;
    an_err err = judge(task, task->candidate, &plan->candidate, NULL, fit, on, &ret->candidate, why);
    if (err == AN_OK && task->production)
        err = judge(task, task->production, &plan->production, task->running, fit, on, &ret->production, why);
    ret->candidate.gains = mean(&ret->candidate) < (1 - AN_EVAL_GAIN_LOSS) * mean(&ret->production);
    return err;
}

an_err an_task_evaluate_taught(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why)
{
    const an_site_data *d = task->data;
    const bool held = task->plan->use_held;
    an_data_set fit = {.n = 0}, old = {.n = 0}, fresh = {.n = 0};
    an_payload_in in = {.evaluate = {{0}, {0}}};
    an_err err = an_data_fit(d, held, &fit);
    if (err == AN_OK)
        err = an_data_holdout_old(d, -1, &old);
    if (err == AN_OK)
        err = an_data_holdout_new(d, held, -1, &fresh);
    const an_data_set *on = fresh.n > 0 ? &fresh : &old;
    if (err == AN_OK && (fit.n == 0 || on->n == 0))
        err =
            an_fail(AN_ERR_AGAIN, why,
                    "too few windows to judge a version yet: %zu to fit, %zu held back (at least 1 of each)",
                    fit.n, on->n);
    if (err == AN_OK)
        err = judge_both(task, &fit, on, &in.evaluate, why);
    if (err == AN_OK) {
        ret_result->evaluation = in.evaluate;
        ret_result->windows = on->n;
        err = an_task_encode(task, &in, ret, why);
    }
    an_data_set_done(&fit);
    an_data_set_done(&old);
    an_data_set_done(&fresh);
    return err;
}
