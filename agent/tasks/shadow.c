/* SHADOW: a candidate beside production.  On a line that runs, both have scored the same rows and the counts are
 * there; they only become a vector.  Where no line runs (recorded data, the laboratory) the windows that are held
 * back stand for the line: each is given to both, row by row.
 *
 * The candidate's threshold comes from one half of the held-back blocks, and the other half is replayed. */
#include <math.h>

#include "agent/live.h"
#include "agent/shadow.h"
#include "agent/tasks/task_internal.h"
#include "agent/watch.h"
#include "base/mem.h"

typedef struct stage {
    const an_task *task;
    an_overlay made; /* the candidate's */
    an_overlay made_production;
    an_live production;
    an_shadow *shadow;
    an_quality *quality;
    float *contribution;
    an_data_set old, fresh;
} stage;

static void stage_done(stage *s)
{
    an_overlay_done(&s->made);
    an_overlay_done(&s->made_production);
    an_live_done(&s->production);
    an_shadow_free(s->shadow);
    an_quality_free(s->quality);
    an_free(s->contribution);
    an_data_set_done(&s->old);
    an_data_set_done(&s->fresh);
}

/* As for going live, but from one half of what is held back. */
static an_err overlay_for(const an_task *task, const an_bundle *bundle, const an_hash *hash, an_overlay *ret,
                          an_note *why)
{
    an_data_set fit = {.n = 0}, holdout = {.n = 0};
    an_calibrate_data data = {.width = task->data->width,
                              .context = task->data->context,
                              .n_labels = task->data->n_labels,
                              .local = task->local,
                              .n_local = task->n_local};
    an_calibrate_opts opts = *task->calibrate;
    opts.alarm_share_max = 0; /* judging is what this round is for */
    opts.seed = an_task_seed(task);
    opts.cancel = task->cancel;
    opts.pace = task->pace;
    opts.n_threads = task->n_threads ? task->n_threads : 1;
    an_err err = an_data_fit(task->data, false, &fit);
    if (err == AN_OK)
        err = an_data_holdout(task->data, false, 0, &holdout);
    data.fit = an_data_part_of(&fit);
    data.holdout = an_data_part_of(&holdout);
    if (err == AN_OK)
        err = an_calibrate(bundle, hash, &data, &opts, 0, ret, NULL, why);
    an_data_set_done(&fit);
    an_data_set_done(&holdout);
    return err;
}

static an_err open_shadow(stage *s, an_note *why)
{
    const an_task *task = s->task;
    const an_alarm_conf alarm = AN_ALARM_CONF_DEFAULT;
    const an_quality_conf quality = AN_QUALITY_CONF_DEFAULT;
    an_live candidate = {0};
    an_err err = an_live_make(task->candidate, &task->plan->candidate, &s->made, NULL, &candidate, why);
    const an_shadow_conf conf = {
        .alarm = alarm, .beside_is_candidate = true, .history = s->production.history};
    if (err == AN_OK)
        err = an_shadow_new(&conf, &candidate, &s->shadow, why);
    an_live_done(&candidate);
    if (err == AN_OK)
        err = an_quality_new(&quality, task->data->width, &s->quality);
    if (err == AN_OK && !(s->contribution = an_alloc(task->data->width, sizeof *s->contribution)))
        err = AN_ERR_NOMEM;
    return err;
}

static an_err stage_open(stage *s, an_note *why)
{
    const an_task *task = s->task;
    const an_plan *plan = task->plan;
    an_err err = an_data_holdout_old(task->data, 1, &s->old);
    if (err == AN_OK)
        err = an_data_holdout_new(task->data, false, 1, &s->fresh);
    if (err == AN_OK && s->old.n + s->fresh.n == 0)
        err = an_fail(AN_ERR_AGAIN, why, "too few windows are held back to replay yet: %zu of 2",
                      task->data->old.n > task->data->fresh.n ? task->data->old.n : task->data->fresh.n);
    if (err == AN_OK)
        err = overlay_for(task, task->candidate, &plan->candidate, &s->made, why);
    if (err == AN_OK && !task->running)
        err = overlay_for(task, task->production, &plan->production, &s->made_production, why);
    if (err == AN_OK)
        err = an_live_make(task->production, &plan->production,
                           task->running ? task->running : &s->made_production, NULL, &s->production, why);
    return err == AN_OK ? open_shadow(s, why) : err;
}

static void replay(stage *s, const float *raw, size_t n, int64_t *time_ms)
{
    const size_t width = s->task->data->width, context = s->task->data->context;
    for (size_t i = 0; i < n * context; i++, *time_ms += 1000) {
        const float *row = raw + i * width;
        double score = NAN;
        if (i % context == 0) { /* windows need not follow each other */
            s->production.reset(s->production.ctx);
            an_shadow_reset(s->shadow);
        }
        an_err err = s->production.push(s->production.ctx, row, &score, s->contribution);
        if (err == AN_OK && !isfinite(score))
            err = AN_ERR_NUMERIC;
        const an_shadow_in in = {.time_ms = *time_ms,
                                 .row = row,
                                 .quality = s->quality,
                                 .err = err,
                                 .score = score / s->production.threshold};
        an_shadow_row(s->shadow, &in);
    }
}

static an_err replayed(const an_task *task, an_shadow_counts *ret, an_task_result *ret_result, an_note *why)
{
    stage s = {.task = task};
    int64_t time_ms = 0;
    an_err err = stage_open(&s, why);
    if (err == AN_OK) {
        replay(&s, s.old.raw, s.old.n, &time_ms);
        replay(&s, s.fresh.raw, s.fresh.n, &time_ms);
        *ret = *an_shadow_look(s.shadow);
        ret_result->windows = s.old.n + s.fresh.n;
    }
    stage_done(&s);
    return err;
}

static an_err run(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why)
{
    const an_watch_conf usual = AN_WATCH_CONF_DEFAULT;
    an_note reason;
    an_payload_in in = {.shadow = {.rows = 0}};
    if (!task->production)
        return an_fail(AN_ERR_INVAL, why, "there is no production to score beside");
    an_err err = AN_OK;
    if (task->shadow)
        in.shadow = *task->shadow;
    else
        err = replayed(task, &in.shadow, ret_result, why);
    if (err != AN_OK)
        return err;
    in.shadow.sites = 1;
    in.shadow.worse = an_watch_is_worse(&usual, &in.shadow, true, usual.alpha, &reason);
    ret_result->shadow = in.shadow;
    return an_task_encode(task, &in, ret, why);
}

const an_task_type an_task_shadow = {
    .kind = AN_PAYLOAD_SHADOW,
    .words = "counts of rows, alarms and latencies of two versions that have scored the same rows",
    .run = run,
};
