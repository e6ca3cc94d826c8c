#include "agent/job_internal.h"

#include <stdio.h>
#include <string.h>

#include "agent/refit.h"
#include "agent/tasks/task_internal.h"
#include "base/mem.h"

void an_job_free(an_job *job)
{
    if (!job)
        return;
    an_plan_free(job->plan);
    an_free(job->vector);
    an_task_result_done(&job->task);
    an_bundle_done(&job->bundle);
    an_overlay_done(&job->overlay);
    an_free(job);
}

/* Reads a version and holds it to the name that it was asked for by. */
static an_err read_version(const char *path, const an_hash *want, an_bundle *ret, an_note *why)
{
    an_hash found;
    an_err err = an_bundle_read(ret, &found, path, why);
    if (err == AN_OK && !an_hash_equal(&found, want)) {
        an_bundle_done(ret);
        err = an_fail(AN_ERR_PROTO, why, "%s is damaged", path);
    }
    return err;
}

static an_err read_overlay(const char *path, const an_bundle *bundle, const an_hash *version, an_overlay *ret,
                           an_note *why)
{
    an_buf bytes;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = an_file_read(&bytes, path, why);
    if (err == AN_OK)
        err = an_overlay_decode(ret, bytes.data, bytes.len, why);
    an_buf_done(&bytes);
    if (err != AN_OK)
        return err;
    if ((err = an_overlay_fits(ret, bundle, version, why)) != AN_OK)
        an_overlay_done(ret);
    return err;
}

/* ---- the site's own parameters between rounds: <local_dir>/<layout hash>.local ---- */

an_err an_job_local_path(const an_job *job, const an_hash *layout, const char *what,
                         char out[static AN_PATH_MAX])
{
    char name[AN_HASH_TEXT + 16], hex[AN_HASH_TEXT];
    an_hash_text(hex, layout);
    snprintf(name, sizeof name, "%s.%s", hex, what);
    return an_path_join(out, job->local_dir, name);
}

/* None yet: *ret stays NULL. */
static an_err local_read(const an_job *job, const an_bundle *b, float **ret, size_t *ret_n, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf bytes;
    if (!job->local_dir[0])
        return AN_OK;
    an_err err = an_job_local_path(job, &b->layout, "local", path);
    if (err != AN_OK || !an_file_exists(path))
        return err;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    if ((err = an_file_read(&bytes, path, why)) == AN_OK) {
        an_reader r = an_reader_of(bytes.data, bytes.len);
        size_t n = bytes.len / 4;
        float *values = an_alloc(n, sizeof *values);
        for (size_t i = 0; values && i < n; i++)
            values[i] = an_read_f32(&r);
        *ret = values;
        *ret_n = n;
        err = values ? AN_OK : AN_ERR_NOMEM;
    }
    an_buf_done(&bytes);
    return err;
}

static an_err local_write(const an_job *job, const an_bundle *b, const float *values, size_t n, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf bytes;
    if (!job->local_dir[0] || n == 0)
        return AN_OK;
    an_err err = an_job_local_path(job, &b->layout, "local", path);
    if (err != AN_OK)
        return err;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    for (size_t i = 0; i < n; i++)
        an_buf_f32(&bytes, values[i]);
    if ((err = an_buf_err(&bytes)) == AN_OK)
        err = an_file_write(path, bytes.data, bytes.len, 0644, why);
    an_buf_done(&bytes);
    return err;
}

static void on_progress(void *arg, double fraction)
{
    an_job *job = arg;
    atomic_store_explicit(&job->progress, fraction, memory_order_relaxed);
}

/* ---- a round ---- */

typedef struct versions {
    an_bundle base, candidate, production;
    an_overlay running;
    float *local;
    size_t n_local;
} versions;

static void versions_done(versions *v)
{
    an_bundle_done(&v->base);
    an_bundle_done(&v->candidate);
    an_bundle_done(&v->production);
    an_overlay_done(&v->running);
    an_free(v->local);
}

static an_err versions_read(const an_job *job, versions *v, an_task *task, an_note *why)
{
    const an_plan *p = job->plan;
    an_err err = AN_OK;
    if (!an_payload_judges(p->kind)) {
        if ((err = read_version(job->base_path, &p->base, &v->base, why)) != AN_OK)
            return err;
        task->base = &v->base;
        return local_read(job, &v->base, &v->local, &v->n_local, why);
    }
    if ((err = read_version(job->candidate_path, &p->candidate, &v->candidate, why)) != AN_OK)
        return err;
    task->candidate = &v->candidate;
    if ((err = local_read(job, &v->candidate, &v->local, &v->n_local, why)) != AN_OK)
        return err;
    if (an_hash_is_zero(&p->production))
        return AN_OK;
    if ((err = read_version(job->production_path, &p->production, &v->production, why)) != AN_OK)
        return err;
    task->production = &v->production;
    if (!job->overlay_path[0])
        return AN_OK;
    if ((err = read_overlay(job->overlay_path, &v->production, &p->production, &v->running, why)) != AN_OK)
        return err;
    task->running = &v->running;
    return AN_OK;
}

static an_err run_round(an_job *job, const an_site_data *data, an_note *why)
{
    const an_plan *p = job->plan;
    versions v = {.local = NULL};
    an_residual residual = {.n = 0};
    an_variates variates = {.n = 0};
    uint32_t *vector = NULL;
    an_task task = {.plan = p,
                    .site = job->site,
                    .data = data,
                    .calibrate = &job->calibrate,
                    .n_threads = job->n_threads,
                    .cancel = &job->cancel,
                    .pace = job->pace,
                    .progress = on_progress,
                    .progress_arg = job};
    an_err err = an_job_fits(job, data, NULL, why);
    if (err == AN_OK)
        err = versions_read(job, &v, &task, why);
    if (err == AN_OK)
        err = an_job_fits(job, data, task.base ? task.base : task.candidate, why);
    if (err != AN_OK)
        goto out;
    task.shadow = job->shadowed ? &job->shadow : NULL;
    task.local = v.local;
    task.n_local = v.n_local;
    if ((err = an_job_residual_open(job, &residual, why)) != AN_OK)
        goto out;
    task.residual = residual.now;
    if ((err = an_job_variates_open(job, task.base, &variates, why)) != AN_OK)
        goto out;
    task.pull = variates.pull;
    err = AN_ERR_NOMEM;
    if (!(vector = an_alloc(p->dim, sizeof *vector)))
        goto out;
    if ((err = an_task_run(&task, vector, &job->task, why)) != AN_OK)
        goto out;
    if ((err = an_job_variates_keep(job, &variates, why)) != AN_OK)
        goto out;
    if (job->tamper)
        job->tamper(job->tamper_arg, p, vector);
    const an_payload_facts facts = an_task_facts(&task);
    if ((err = an_job_deliver(job, &facts, &vector, &residual, why)) != AN_OK)
        goto out;
    if (p->kind == AN_PAYLOAD_TRAIN)
        err = local_write(job, &v.base, job->task.local, job->task.n_local, why);
out:
    an_free(vector);
    an_residual_done(&residual);
    an_variates_done(&variates);
    versions_done(&v);
    return err;
}

/* ---- an overlay ---- */

static an_err run_overlay(an_job *job, const an_site_data *data, an_note *why)
{
    an_data_set fit = {.n = 0}, holdout = {.n = 0};
    float *local = NULL;
    size_t n_local = 0;
    an_calibrate_data d = {.width = data->width, .context = data->context, .n_labels = data->n_labels};
    an_buf bytes;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = an_job_fits(job, data, NULL, why);
    if (err == AN_OK)
        err = read_version(job->base_path, &job->version, &job->bundle, why);
    if (err == AN_OK)
        err = an_job_fits(job, data, &job->bundle, why);
    if (err != AN_OK)
        goto out;
    if ((err = local_read(job, &job->bundle, &local, &n_local, why)) != AN_OK)
        goto out;
    job->with_held = job->kind == AN_JOB_REFIT ? job->plan->use_held
                                               : !an_hash_is_zero(&job->held_plan) &&
                                                     an_hash_equal(&job->held_plan, &job->bundle.plan);
    if ((err = an_data_fit(data, job->with_held, &fit)) != AN_OK ||
        (err = an_data_holdout(data, job->with_held, -1, &holdout)) != AN_OK)
        goto out;
    d.fit = an_data_part_of(&fit);
    d.holdout = an_data_part_of(&holdout);
    d.local = local;
    d.n_local = n_local;
    job->calibrate.cancel = &job->cancel;
    job->calibrate.pace = job->pace;
    if ((err = an_calibrate(&job->bundle, &job->version, &d, &job->calibrate, job->now_ms, &job->overlay,
                            &job->report, why)) != AN_OK)
        goto out;
    if ((err = an_overlay_encode(&job->overlay, &bytes, why)) != AN_OK)
        goto out;
    an_overlay_hash(&job->result, bytes.data, bytes.len);
    job->size = bytes.len;
    err = an_file_write(job->out_path, bytes.data, bytes.len, 0644, why);
out:
    an_buf_done(&bytes);
    an_data_set_done(&fit);
    an_data_set_done(&holdout);
    an_free(local);
    return err;
}

/* ---- the overlay of what runs ---- */

/* What EVALUATE would find at this site, with a new overlay of the version as its candidate; nothing of it leaves. */
static an_err judge_refit(an_job *job, const an_site_data *data, an_note *why)
{
    versions v = {.local = NULL};
    an_task task = {.plan = job->plan,
                    .site = job->site,
                    .data = data,
                    .calibrate = &job->calibrate,
                    .n_threads = job->n_threads,
                    .cancel = &job->cancel,
                    .pace = job->pace,
                    .progress = on_progress,
                    .progress_arg = job};
    const an_payload_facts facts = an_task_facts(&task);
    job->plan->dim = (uint32_t)an_payload_find(job->plan->kind)->dim(&facts);
    uint32_t *vector = an_alloc(job->plan->dim, sizeof *vector);
    an_err err = vector ? versions_read(job, &v, &task, why) : AN_ERR_NOMEM;
    task.local = v.local;
    task.n_local = v.n_local;
    if (err == AN_OK)
        err = an_task_run(&task, vector, &job->task, why);
    if (err == AN_OK)
        err = an_refit_judge(&job->task.evaluation.candidate, &job->task.evaluation.production, &job->margins,
                             why);
    an_free(vector);
    versions_done(&v);
    return err;
}

static an_err run_refit(an_job *job, const an_site_data *data, an_note *why)
{
    an_err err = judge_refit(job, data, why);
    return err == AN_OK ? run_overlay(job, data, why) : err;
}

an_err an_job_run(an_job *job, const an_site_data *data, an_note *why)
{
    job->calibrate.policy = job->policy[0] ? job->policy : NULL;
    an_err err = job->kind == AN_JOB_ROUND   ? run_round(job, data, why)
                 : job->kind == AN_JOB_REFIT ? run_refit(job, data, why)
                                             : run_overlay(job, data, why);
    if (err == AN_ERR_NUMERIC && why && why->text[0] == '\0')
        an_note_set(why, "%s", an_err_text(err));
    return err;
}
