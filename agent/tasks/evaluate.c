/* EVALUATE: candidate and production, each with the overlay it would run with at this site, on
 * windows that neither was fitted on and no threshold of the candidate was made from.
 *
 *     loss     mean squared error of the reconstruction in standard deviations of the OLD
 *              data, so that versions with different scalers compare; a version without a
 *              model counts its score as a share of its threshold instead
 *     alarms   on the old and the new holdout, each version at its own threshold
 *     faults   of the challenge set: generic ones by size, declared failure modes by their
 *              number, in the last place (AN_EVAL_MODES - 1) confirmed anomalies
 *
 * The candidate's threshold comes from one half of the holdout blocks, both versions are judged
 * on the other.  Production keeps the threshold that it runs with, but for the generic faults.
 */
#include <math.h>

#include "agent/challenge.h"
#include "agent/samples.h"
#include "agent/suspect.h"
#include "agent/tasks/task_internal.h"
#include "base/mem.h"
#include "models/scorer.h"

#define CONFIRMED (AN_EVAL_MODES - 1)

/* What both versions are judged on. */
typedef struct court {
    const an_task *task;
    an_data_set fit, calibrate, old, fresh;
    double *sigma; /* (width) of the old data */
    an_challenge *challenge;
    double sizes[AN_EVAL_SIZES]; /* of the generic faults, ascending */
    size_t n_sizes;
} court;

static void court_done(court *c)
{
    an_data_set_done(&c->fit);
    an_data_set_done(&c->calibrate);
    an_data_set_done(&c->old);
    an_data_set_done(&c->fresh);
    an_free(c->sigma);
    an_challenge_free(c->challenge);
}

static bool is_generic(const an_challenge_item *item)
{
    return item->kind != AN_CHALLENGE_MODE && item->kind != AN_CHALLENGE_CONFIRMED;
}

/* Where a size stands among those known, or would stand. */
static size_t size_find(const court *c, double sigmas)
{
    size_t i = 0;
    while (i < c->n_sizes && c->sizes[i] < sigmas)
        i++;
    return i < AN_EVAL_SIZES ? i : AN_EVAL_SIZES - 1;
}

static void size_add(court *c, double sigmas)
{
    size_t i = size_find(c, sigmas);
    if ((i < c->n_sizes && !(c->sizes[i] > sigmas)) || c->n_sizes == AN_EVAL_SIZES)
        return;
    memmove(c->sizes + i + 1, c->sizes + i, (c->n_sizes - i) * sizeof *c->sizes);
    c->sizes[i] = sigmas;
    c->n_sizes++;
}

static an_err make_challenge(court *c, an_note *why)
{
    const an_task *task = c->task;
    const an_site_data *d = task->data;
    const float *reference = c->old.n ? c->old.raw : c->fit.raw;
    const size_t n_reference = c->old.n ? c->old.n : c->fit.n;
    if (!(c->sigma = an_alloc(d->width, sizeof *c->sigma)))
        return AN_ERR_NOMEM;
    an_challenge_sigma(c->sigma, reference, n_reference, d->context, d->width);
    const an_challenge_in in = {
        .width = d->width,
        .window = d->context,
        .fresh = c->fresh.n ? c->fresh.raw : reference,
        .n_fresh = c->fresh.n ? c->fresh.n : n_reference,
        .reference = reference,
        .n_reference = n_reference,
        .confirmed = d->confirmed.raw,
        .n_confirmed = d->confirmed.n,
        .sigma = c->sigma,
        .sensors = d->sensors,
        .modes = d->modes,
        .n_modes = d->sensors ? d->n_modes : 0,
    };
    an_err err = an_challenge_new(&in, an_task_seed(task), &c->challenge, why);
    for (size_t i = 0; err == AN_OK && i < c->challenge->n; i++)
        if (is_generic(&c->challenge->items[i]))
            size_add(c, c->challenge->items[i].sigmas);
    return err;
}

/* One half of a part is judged on, so that it takes two windows of the same part. */
static an_err too_few(const court *c, an_note *why)
{
    const an_site_data *d = c->task->data;
    return an_fail(
        AN_ERR_AGAIN, why,
        "too few windows to judge a version yet: %zu to fit (at least 1), %zu held back (at least 2)",
        c->fit.n, d->old.n > d->fresh.n ? d->old.n : d->fresh.n);
}

static an_err court_open(court *c, const an_task *task, an_note *why)
{
    const an_site_data *d = task->data;
    const bool held = task->plan->use_held;
    *c = (court){.task = task};
    an_err err = an_data_fit(d, held, &c->fit);
    if (err == AN_OK)
        err = an_data_holdout(d, held, 0, &c->calibrate);
    if (err == AN_OK)
        err = an_data_holdout_old(d, 1, &c->old);
    if (err == AN_OK)
        err = an_data_holdout_new(d, held, 1, &c->fresh);
    if (err == AN_OK && (c->fit.n == 0 || c->old.n + c->fresh.n == 0))
        err = too_few(c, why);
    if (err == AN_OK)
        err = make_challenge(c, why);
    if (err != AN_OK)
        court_done(c);
    return err;
}

/* A version with its overlay, and room for one window at a time. */
typedef struct judged {
    const court *c;
    an_scorer *scorer;
    an_scorer_work *work;
    double threshold;
    const char *policy; /* that the threshold comes from */
    an_evaluation *e;
} judged;

/* NAN: no finite score. */
static double score_of(judged *j, const float *x)
{
    float score = NAN;
    an_pace_wait(j->c->task->pace);
    an_err err = an_scorer_score(j->scorer, j->work, x, 1, &score, NULL);
    if (err != AN_OK || !isfinite(score)) {
        j->e->non_finite++;
        return NAN;
    }
    return (double)score;
}

static double loss_of(const judged *j, const float *x, double score)
{
    const an_prep *prep = an_scorer_prep(j->scorer);
    const float *y = an_scorer_reconstruction(j->work);
    double sum = 0;
    size_t n = 0;
    if (!y)
        return score / j->threshold;
    for (size_t i = 0; i < an_prep_input(prep); i++) {
        const size_t f = i % prep->features, sensor = an_chain_sensor(prep->conf.chain, f);
        if (!(j->c->sigma[sensor] > 0))
            continue;
        double d = ((double)x[i] - (double)y[i]) * an_prep_scale_raw(prep, f) / j->c->sigma[sensor];
        sum += d * d;
        n++;
    }
    return n ? sum / (double)n : 0;
}

/* Normal windows: alarms on them are false. */
static an_err judge_normal(judged *j, const float *raw, size_t n, bool with_loss, uint64_t *windows,
                           uint64_t *alarms, an_note *why)
{
    const an_prep *prep = an_scorer_prep(j->scorer);
    const size_t input = an_prep_input(prep);
    float *x = NULL;
    size_t n_x = 0;
    an_err err = an_samples_inputs(prep, raw, n, j->c->task->data->context, &x, &n_x, NULL, why);
    for (size_t i = 0; err == AN_OK && i < n_x; i++) {
        double score = score_of(j, x + i * input);
        if (isnan(score))
            continue;
        bool alarm = score > j->threshold;
        *windows += 1;
        *alarms += alarm;
        j->e->fp += alarm;
        j->e->tn += !alarm;
        if (with_loss) {
            j->e->n++;
            j->e->loss_sum += loss_of(j, x + i * input, score);
        }
    }
    an_free(x);
    return err;
}

static void count_fault(judged *j, const an_challenge_item *item, bool raised)
{
    an_evaluation *e = j->e;
    size_t k;
    e->tp += raised;
    e->fn += !raised;
    if (is_generic(item)) {
        k = size_find(j->c, item->sigmas);
        e->sizes[k].total++;
        e->sizes[k].raised += raised;
        return;
    }
    k = item->kind == AN_CHALLENGE_CONFIRMED || item->index >= CONFIRMED ? CONFIRMED : item->index;
    e->modes[k].total++;
    e->modes[k].raised += raised;
}

/* Generic faults, or the declared and confirmed ones. */
static an_err judge_faults(judged *j, bool generic, an_note *why)
{
    const an_challenge *set = j->c->challenge;
    const an_prep *prep = an_scorer_prep(j->scorer);
    const size_t input = an_prep_input(prep);
    float *x = NULL;
    size_t n_x = 0, *which = an_alloc(set->n, sizeof *which);
    an_err err = which ? an_samples_inputs(prep, set->windows, set->n, set->window, &x, &n_x, which, why)
                       : AN_ERR_NOMEM;
    for (size_t i = 0; err == AN_OK && i < n_x; i++) {
        const an_challenge_item *item = &set->items[which[i]];
        if (is_generic(item) != generic)
            continue;
        double score = score_of(j, x + i * input);
        count_fault(j, item, !isnan(score) && score > j->threshold);
    }
    an_free(x);
    an_free(which);
    return err;
}

/* Whether a version has learned a declared mode is asked of its scores and not of its threshold, which
 * moves with any change of the line: both versions get the threshold that the old data alone gives. */
static an_err level_on_old(judged *j, an_note *why)
{
    const court *c = j->c;
    const an_prep *prep = an_scorer_prep(j->scorer);
    const size_t input = an_prep_input(prep);
    float *x = NULL, *scores = NULL;
    size_t n = 0, n_x = 0;
    double threshold = 0;
    if (c->old.n == 0)
        return AN_OK;
    an_err err = an_samples_inputs(prep, c->old.raw, c->old.n, c->task->data->context, &x, &n_x, NULL, why);
    if (err == AN_OK && !(scores = an_alloc(c->old.n, sizeof *scores)))
        err = AN_ERR_NOMEM;
    for (size_t i = 0; err == AN_OK && i < n_x; i++) {
        const double score = score_of(j, x + i * input);
        if (!isnan(score))
            scores[n++] = (float)score;
    }
    if (err == AN_OK && n > 0 && an_threshold_from(j->policy, scores, n, &threshold, NULL) == AN_OK &&
        threshold > 0)
        j->threshold = threshold;
    an_free(x);
    an_free(scores);
    return err;
}

static an_err judge_with(court *c, const an_bundle *bundle, const an_overlay *overlay, bool generic,
                         bool rest, an_evaluation *ret, an_note *why)
{
    judged j = {.c = c, .e = ret, .policy = overlay->policy};
    an_err err = an_scorer_new(bundle, overlay, &j.scorer, why);
    if (err != AN_OK)
        goto out;
    j.threshold = an_scorer_threshold(j.scorer);
    if ((err = an_scorer_work_new(j.scorer, 1, &j.work)) != AN_OK)
        goto out;
    if (generic && (err = judge_faults(&j, true, why)) != AN_OK)
        goto out;
    if (!rest)
        goto out;
    const bool loss_on_new = c->fresh.n > 0;
    err = judge_normal(&j, c->old.raw, c->old.n, !loss_on_new, &ret->old_windows, &ret->old_alarms, why);
    if (err == AN_OK)
        err =
            judge_normal(&j, c->fresh.raw, c->fresh.n, loss_on_new, &ret->new_windows, &ret->new_alarms, why);
    if (err == AN_OK)
        err = level_on_old(&j, why);
    if (err == AN_OK)
        err = judge_faults(&j, false, why);
out:
    an_scorer_work_free(j.work);
    an_scorer_free(j.scorer);
    return err;
}

/* Generic faults are judged at equal false-alarm rates, each version with the threshold it
 * would get `today`: on drifted data a version that raises an alarm at every window would seem
 * to see every fault.  All else is judged with the overlay that the version runs with, but declared and
 * confirmed faults as level_on_old says. */
static an_err judge(court *c, const an_bundle *bundle, const an_overlay *running, const an_overlay *today,
                    an_evaluation *ret, an_note *why)
{
    ret->sites = 1;
    if (running == today)
        return judge_with(c, bundle, today, true, true, ret, why);
    an_err err = judge_with(c, bundle, today, true, false, ret, why);
    return err == AN_OK ? judge_with(c, bundle, running, false, true, ret, why) : err;
}

/* A fault that this site's production raises and its candidate does not: the drift may be that
 * fault.  Said as a count of sites, since other sites' cases would hide it in the sum. */
static uint64_t objects(const an_evaluation *candidate, const an_evaluation *production)
{
    for (size_t i = 0; i < AN_EVAL_MODES; i++) {
        if (production->modes[i].total == 0 || candidate->modes[i].total == 0)
            continue;
        double before = (double)production->modes[i].raised / (double)production->modes[i].total;
        double after = (double)candidate->modes[i].raised / (double)candidate->modes[i].total;
        if (before - after > AN_EVAL_LOST_MAX)
            return 1;
    }
    return 0;
}

/* Is the candidate clearly better on what is new here? */
static uint64_t gains(const an_evaluation *candidate, const an_evaluation *production)
{
    const an_evaluation *c = candidate, *p = production;
    if (c->n == 0 || p->n == 0)
        return 0;
    bool loss = c->loss_sum / (double)c->n < (1 - AN_EVAL_GAIN_LOSS) * p->loss_sum / (double)p->n;
    double before = p->new_windows ? (double)p->new_alarms / (double)p->new_windows : 0;
    double after = c->new_windows ? (double)c->new_alarms / (double)c->new_windows : 0;
    return loss || before - after > AN_EVAL_GAIN_ALARMS;
}

/* The overlay that the version would get here today. */
static an_err overlay_for(const court *c, const an_bundle *bundle, const an_hash *hash, an_overlay *ret,
                          an_note *why)
{
    const an_task *task = c->task;
    an_calibrate_opts opts = *task->calibrate;
    const an_calibrate_data data = {.width = task->data->width,
                                    .context = task->data->context,
                                    .n_labels = task->data->n_labels,
                                    .fit = an_data_part_of(&c->fit),
                                    .holdout = an_data_part_of(&c->calibrate),
                                    .local = task->local,
                                    .n_local = task->n_local};
    opts.alarm_share_max = 0; /* judging is what this round is for */
    opts.seed = an_task_seed(task);
    opts.cancel = task->cancel;
    opts.pace = task->pace;
    opts.n_threads = task->n_threads ? task->n_threads : 1;
    return an_calibrate(bundle, hash, &data, &opts, 0, ret, NULL, why);
}

/* Is what the line shows since it has reported drift the beginning of a declared failure mode? */
static an_err suspect(const court *c, const an_bundle *production, const an_overlay *running, an_suspect *ret,
                      an_note *why)
{
    const an_data_part *changed = &c->task->data->changed;
    if (changed->n == 0) {
        *ret = (an_suspect){.cosine = 0};
        return AN_OK;
    }
    an_scorer *scorer = NULL;
    an_err err = an_scorer_new(production, running, &scorer, why);
    const an_suspect_in in = {.scorer = scorer,
                              .context = c->task->data->context,
                              .old = c->old.raw,
                              .n_old = c->old.n,
                              .fresh = changed->raw,
                              .n_fresh = changed->n,
                              .challenge = c->challenge,
                              .sigma = c->sigma};
    if (err == AN_OK)
        err = an_suspect_find(&in, ret, why);
    an_scorer_free(scorer);
    return err;
}

static void tell(const an_task *task, double fraction)
{
    if (task->progress)
        task->progress(task->progress_arg, fraction);
}

static an_err judge_production(court *c, an_overlay *today, an_payload_in *in, an_task_result *ret_result,
                               an_note *why)
{
    const an_task *task = c->task;
    an_evaluate_in *e = &in->evaluate;
    an_err err = overlay_for(c, task->production, &task->plan->production, today, why);
    if (err != AN_OK)
        return err;
    const an_overlay *running = task->running ? task->running : today;
    if ((err = judge(c, task->production, running, today, &e->production, why)) != AN_OK)
        return err;
    e->candidate.objections = objects(&e->candidate, &e->production);
    e->candidate.gains = gains(&e->candidate, &e->production);
    if ((err = suspect(c, task->production, running, &ret_result->suspect, why)) != AN_OK)
        return err;
    if (an_suspect_is(&ret_result->suspect))
        e->candidate.objections = 1;
    return AN_OK;
}

static an_err run(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why)
{
    const an_plan *plan = task->plan;
    an_payload_in in = {.evaluate = {{0}, {0}}};
    an_overlay candidate = {.local = NULL}, production = {.local = NULL};
    court c;
    if (task->data->n_labels > 0)
        return an_task_evaluate_taught(task, ret, ret_result, why);
    an_err err = court_open(&c, task, why);
    if (err != AN_OK)
        return err;
    if ((err = overlay_for(&c, task->candidate, &plan->candidate, &candidate, why)) != AN_OK)
        goto out;
    tell(task, 0.3);
    if ((err = judge(&c, task->candidate, &candidate, &candidate, &in.evaluate.candidate, why)) != AN_OK)
        goto out;
    tell(task, 0.6);
    if (task->production && (err = judge_production(&c, &production, &in, ret_result, why)) != AN_OK)
        goto out;
    tell(task, 1.0);
    ret_result->evaluation = in.evaluate;
    ret_result->windows = c.old.n + c.fresh.n;
    err = an_task_encode(task, &in, ret, why);
out:
    an_overlay_done(&candidate);
    an_overlay_done(&production);
    court_done(&c);
    return err;
}

const an_task_type an_task_evaluate = {
    .kind = AN_PAYLOAD_EVALUATE,
    .words = "counts of alarms and raised test faults of two versions, and the sum of their losses",
    .run = run,
};
