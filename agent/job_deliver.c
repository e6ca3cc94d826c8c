/* From a round's vector to the file that leaves the site. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/job_internal.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "trust/delivery.h"

an_err an_job_residual_open(const an_job *job, an_residual *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    const an_plan *p = job->plan;
    if (p->encoding == AN_UPDATE_PLAIN || !job->local_dir[0])
        return AN_OK;
    ret->n = p->dim - AN_TRAIN_EXTRA;
    an_err err = an_job_local_path(job, &p->layout, "residual", path);
    return err == AN_OK ? an_residual_load(ret, path, p, why) : err;
}

/* What the last training round says for this one; without plan.control, or room to keep it, nothing. */
an_err an_job_variates_open(const an_job *job, const an_bundle *base, an_variates *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    const an_plan *p = job->plan;
    if (p->control == 0 || !job->local_dir[0])
        return AN_OK;
    uint64_t n = 0;
    for (uint32_t t = 0; t < p->n_tensors; t++)
        n += p->tensors[t].n;
    if (n != base->n_weights)
        return an_fail(AN_ERR_INVAL, why, "the plan has another layout than its base version");
    ret->n = p->dim - AN_TRAIN_EXTRA;
    const an_err err = an_job_local_path(job, &p->layout, "variates", path);
    return err == AN_OK ? an_variates_load(ret, path, p, base->weights, why) : err;
}

an_err an_job_variates_keep(an_job *job, an_variates *c, an_note *why)
{
    char path[AN_PATH_MAX];
    if (c->n == 0)
        return AN_OK;
    c->own = job->task.moved;
    job->task.moved = NULL;
    const an_err err = an_job_local_path(job, &job->plan->layout, "variates", path);
    return err == AN_OK ? an_variates_save(c, path, job->plan, why) : err;
}

/* What is left out, as deltas: the vector holds them times the site's weight, in units of their tensors. */
static void left_out(const an_plan *p, const uint32_t *exact, const uint32_t *v, double factor, float *ret)
{
    size_t at = 0;
    for (uint32_t t = 0; t < p->n_tensors; t++) {
        const an_tensor_scale *ts = &p->tensors[t];
        if (ts->local)
            continue;
        const double unit = ldexp(factor, ts->unit_exp);
        for (size_t i = 0; i < ts->n; i++, at++)
            ret[at] = (float)((double)((int64_t)(int32_t)exact[at] - (int32_t)v[at]) * unit);
    }
}

/* Takes out of v what the encoding cannot say, and keeps it. */
static an_err thin(const an_job *job, const an_payload_facts *facts, uint32_t *v, an_residual *r,
                   an_note *why)
{
    const an_plan *p = job->plan;
    const size_t n = p->dim - AN_TRAIN_EXTRA;
    char path[AN_PATH_MAX];
    an_train_out totals = {.delta = NULL};
    an_err err = an_train_totals(&totals, facts, v + n, why);
    if (err != AN_OK)
        return err;
    err = AN_ERR_NOMEM;
    uint32_t *exact = an_alloc_raw(n, sizeof *exact);
    if (!exact || !(r->next = an_alloc(n, sizeof *r->next)))
        goto out;
    memcpy(exact, v, n * sizeof *exact);
    an_encoding_round(an_encoding_at(p->encoding), v, n, p->topk);
    left_out(p, exact, v, p->weight_cap / totals.weight, r->next);
    r->n = n;
    err = AN_OK;
    if (job->local_dir[0] && (err = an_job_local_path(job, &p->layout, "residual", path)) == AN_OK)
        err = an_residual_save(r, path, p, why);
out:
    an_free(exact);
    return err;
}

an_err an_job_deliver(an_job *job, const an_payload_facts *facts, uint32_t **vector, an_residual *r,
                      an_note *why)
{
    const an_plan *p = job->plan;
    if (p->privacy == AN_PRIVACY_SECURE_SUM) {
        job->vector = *vector;
        *vector = NULL;
        return AN_OK;
    }
    if (!an_delivery_is_sealed(p)) {
        an_update_header header = {.round = p->round, .dim = p->dim, .plan_hash = job->plan_hash};
        memcpy(header.site, job->site, sizeof header.site);
        job->size = an_update_size(p->dim);
        return an_update_write(job->out_path, &header, *vector, &job->result, why);
    }
    an_sealed_terms terms;
    an_delivery_terms(&terms, p, &job->plan_hash, job->site);
    an_err err = p->encoding == AN_UPDATE_PLAIN ? AN_OK : thin(job, facts, *vector, r, why);
    return err == AN_OK ? an_sealed_write(job->out_path, &terms, *vector, &job->result, &job->size, why)
                        : err;
}
