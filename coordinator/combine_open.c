/* Sealed updates are opened here and nowhere else: by the worker that makes a round's result, with the job's key. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/combine_internal.h"
#include "trust/delivery.h"

void an_combine_update_done(an_combine_update *u)
{
    an_sealed_close(u->sealed);
    an_free(u->bytes);
}

an_err an_combine_outlier_add(an_combine_job *job, const char *site, bool in, const char *reason)
{
    an_combine_outlier *grown = an_alloc(job->n_outliers + 1, sizeof *grown);
    if (!grown)
        return AN_ERR_NOMEM;
    size_t at = 0; /* by name */
    while (at < job->n_outliers && strcmp(job->outliers[at].site, site) < 0)
        at++;
    if (job->n_outliers > 0) {
        memcpy(grown, job->outliers, at * sizeof *grown);
        memcpy(grown + at + 1, job->outliers + at, (job->n_outliers - at) * sizeof *grown);
    }
    snprintf(grown[at].site, sizeof grown[at].site, "%s", site);
    grown[at].in = in;
    an_text_set(grown[at].reason, sizeof grown[at].reason, reason);
    an_free(job->outliers);
    job->outliers = grown;
    job->n_outliers++;
    return AN_OK;
}

an_err an_combine_words(const an_combine_update *u, uint64_t from, size_t n, uint32_t *ret, an_note *why)
{
    return an_sealed_read(u->sealed, from, n, ret, why);
}

an_err an_combine_fold_sealed(const an_combine_update *u, uint32_t dim, uint32_t *acc, an_note *why)
{
    uint32_t v[AN_CHUNK];
    an_err err = AN_OK;
    for (uint64_t at = 0; at < dim && err == AN_OK;) {
        const size_t n = dim - at < AN_CHUNK ? (size_t)(dim - at) : AN_CHUNK;
        if ((err = an_sealed_read(u->sealed, at, n, v, why)) == AN_OK)
            an_sum_add(acc + at, v, n);
        at += n;
    }
    return err;
}

/* A kind whose vector is at most AN_PAYLOAD_PIECE long is checked in one piece. */
static an_err judge(const an_combine_job *job, const an_combine_update *u, const an_payload_facts *facts,
                    uint32_t *v, an_note *why)
{
    const an_plan *plan = an_combine_plan(job, u);
    an_update_judge j = {.type = an_payload_find(plan->kind), .facts = facts, .dim = plan->dim};
    an_err err = AN_OK;
    for (uint64_t at = 0; at < j.dim && err == AN_OK;) {
        const size_t n = j.dim - at < AN_PAYLOAD_PIECE ? (size_t)(j.dim - at) : AN_PAYLOAD_PIECE;
        if ((err = an_sealed_read(u->sealed, at, n, v, why)) == AN_OK)
            an_update_judge_piece(&j, at, v, n, why);
        at += n;
    }
    return err == AN_OK ? an_update_judge_end(&j, why) : err;
}

static an_err open_one(const an_combine_job *job, an_combine_update *u, uint32_t *v, an_note *why)
{
    an_sealed_terms terms;
    const an_plan *plan = an_combine_plan(job, u);
    const an_payload_facts facts = an_combine_facts(plan, 0, 0);
    if (!an_delivery_is_sealed(plan)) /* it was judged when it came */
        return AN_OK;
    an_delivery_terms(&terms, plan, an_combine_plan_hash(job, u), u->site);
    an_err err = an_sealed_open(&u->sealed, &terms, u->bytes ? NULL : u->path, u->bytes, u->len, &u->hash,
                                job->seal_secret, why);
    return err == AN_OK ? judge(job, u, &facts, v, why) : err;
}

/* The site's own doing, not this machine's. */
static bool is_its_fault(an_err err)
{
    return err == AN_ERR_AUTH || err == AN_ERR_PROTO || err == AN_ERR_REFUSED;
}

static bool has_key_of(const an_combine_job *job, const an_plan *plan)
{
    uint8_t mine[AN_AGREE_BYTES];
    an_agree_public(mine, job->seal_secret);
    return !an_delivery_is_sealed(plan) || memcmp(mine, plan->seal_key, sizeof mine) == 0;
}

an_err an_combine_open(an_combine_job *job, an_note *why)
{
    bool has_key = has_key_of(job, job->plan), sealed = an_delivery_is_sealed(job->plan);
    for (size_t i = 0; i < job->n_origins; i++) {
        has_key = has_key && has_key_of(job, job->origins[i].plan);
        sealed = sealed || an_delivery_is_sealed(job->origins[i].plan);
    }
    if (!sealed)
        return AN_OK;
    if (!has_key) /* no site's fault */
        return an_fail(AN_ERR_AUTH, why,
                       "the round's updates are sealed to another key than this coordinator has");
    const size_t came = job->n_updates;
    an_note said = {{0}};
    an_err err = AN_OK;
    uint32_t *v = an_alloc_raw(AN_PAYLOAD_PIECE, sizeof *v);
    if (!v)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < job->n_updates && err == AN_OK;) {
        an_combine_update *u = &job->updates[i];
        err = open_one(job, u, v, &said);
        if (err == AN_OK) {
            i++;
        } else if (is_its_fault(err) &&
                   (err = an_combine_outlier_add(job, u->site, false, said.text)) == AN_OK) {
            an_combine_update_done(u);
            job->n_updates--;
            memmove(u, u + 1, (job->n_updates - i) * sizeof *u);
        } else {
            an_note_set(why, "%s", said.text);
        }
    }
    an_free(v);
    if (err == AN_OK && job->n_updates < came && job->n_updates < job->plan->min_cohort)
        err = an_fail(AN_ERR_REFUSED, why, "%zu of %zu updates are left, %u is least; %s: %s", job->n_updates,
                      came, job->plan->min_cohort, job->outliers[0].site, job->outliers[0].reason);
    return err;
}
