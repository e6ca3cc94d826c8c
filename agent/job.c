#include "agent/job.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sum/vector.h"

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

static an_err local_path(const an_job *job, const an_bundle *b, char out[static AN_PATH_MAX])
{
    char name[AN_HASH_TEXT + 8], hex[AN_HASH_TEXT];
    an_hash_text(hex, &b->layout);
    snprintf(name, sizeof name, "%s.local", hex);
    return an_path_join(out, job->local_dir, name);
}

/* None yet: *ret stays NULL. */
static an_err local_read(const an_job *job, const an_bundle *b, float **ret, size_t *ret_n, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf bytes;
    if (!job->local_dir[0])
        return AN_OK;
    an_err err = local_path(job, b, path);
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
    an_err err = local_path(job, b, path);
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
    if (p->kind != AN_PAYLOAD_EVALUATE) {
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

/* To the update's file; of a secure sum to the session, for it is not masked yet.  Takes the vector then. */
static an_err deliver(an_job *job, uint32_t **vector, an_note *why)
{
    const an_plan *p = job->plan;
    an_update_header header = {.round = p->round, .dim = p->dim, .plan_hash = job->plan_hash};
    if (p->privacy == AN_PRIVACY_SECURE_SUM) {
        job->vector = *vector;
        *vector = NULL;
        return AN_OK;
    }
    memcpy(header.site, job->site, sizeof header.site);
    job->size = an_update_size(p->dim);
    return an_update_write(job->out_path, &header, *vector, &job->result, why);
}

static an_err run_round(an_job *job, const an_site_data *data, an_note *why)
{
    const an_plan *p = job->plan;
    versions v = {.local = NULL};
    uint32_t *vector = NULL;
    an_task task = {.plan = p,
                    .site = job->site,
                    .data = data,
                    .calibrate = &job->calibrate,
                    .n_threads = job->n_threads,
                    .cancel = &job->cancel,
                    .progress = on_progress,
                    .progress_arg = job};
    an_err err = versions_read(job, &v, &task, why);
    if (err != AN_OK)
        goto out;
    task.local = v.local;
    task.n_local = v.n_local;
    err = AN_ERR_NOMEM;
    if (!(vector = an_alloc(p->dim, sizeof *vector)))
        goto out;
    if ((err = an_task_run(&task, vector, &job->task, why)) != AN_OK)
        goto out;
    if (job->tamper)
        job->tamper(job->tamper_arg, p, vector);
    if ((err = deliver(job, &vector, why)) != AN_OK)
        goto out;
    if (p->kind == AN_PAYLOAD_TRAIN)
        err = local_write(job, &v.base, job->task.local, job->task.n_local, why);
out:
    an_free(vector);
    versions_done(&v);
    return err;
}

/* ---- an overlay ---- */

static an_err run_overlay(an_job *job, const an_site_data *data, an_note *why)
{
    float *fit = NULL, *holdout = NULL, *local = NULL;
    size_t n_local = 0;
    an_calibrate_data d = {.width = data->width, .context = data->context};
    an_buf bytes;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = read_version(job->base_path, &job->version, &job->bundle, why);
    if (err != AN_OK)
        goto out;
    if ((err = local_read(job, &job->bundle, &local, &n_local, why)) != AN_OK)
        goto out;
    job->with_held = !an_hash_is_zero(&job->held_plan) && an_hash_equal(&job->held_plan, &job->bundle.plan);
    if ((err = an_data_fit(data, job->with_held, &fit, &d.fit.n)) != AN_OK ||
        (err = an_data_holdout(data, job->with_held, -1, &holdout, &d.holdout.n)) != AN_OK)
        goto out;
    d.fit.raw = fit;
    d.holdout.raw = holdout;
    d.local = local;
    d.n_local = n_local;
    job->calibrate.cancel = &job->cancel;
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
    an_free(fit);
    an_free(holdout);
    an_free(local);
    return err;
}

an_err an_job_run(an_job *job, const an_site_data *data, an_note *why)
{
    job->calibrate.policy = job->policy[0] ? job->policy : NULL;
    an_err err = job->kind == AN_JOB_ROUND ? run_round(job, data, why) : run_overlay(job, data, why);
    if (err == AN_ERR_NUMERIC && why && why->text[0] == '\0')
        an_note_set(why, "%s", an_err_text(err));
    return err;
}
