/* Secure sums: the sites' masked vectors are added up, and then their masks come off the sum. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/workers.h"
#include "coordinator/combine_internal.h"
#include "doors/crypto.h"
#include "sum/secure_sum.h"
#include "trust/cohort.h"

static an_err restore(const an_combine_job *job, uint32_t group, an_secure_sum **ret, an_note *why)
{
    an_cohort c;
    an_err err = an_cohort_of(job->plan, &job->plan_hash, &job->roster, group, &c, why);
    if (err != AN_OK)
        return err;
    err = an_secure_sum_restore(&c.params, job->secure[group].data, job->secure[group].len, ret, why);
    an_cohort_done(&c);
    return err;
}

/* The sum is over those whose masked vector was accepted, neither more nor fewer. */
static an_err fold_group(const an_combine_job *job, uint32_t group, const an_secure_sum *s, uint32_t *acc,
                         an_note *why)
{
    an_err err = AN_OK;
    uint32_t folded = 0, in = 0;
    for (uint32_t i = group; i < job->plan->n_cohort; i += job->plan->secure.groups)
        in += an_secure_sum_is_in(s, an_cohort_place(job->plan, i));
    for (size_t k = 0; k < job->n_updates && err == AN_OK; k++) {
        const an_combine_update *u = &job->updates[k];
        const int32_t i = an_plan_find_site(job->plan, u->site);
        if (i < 0 || an_cohort_group(job->plan, (uint32_t)i) != group)
            continue;
        const uint32_t place = an_cohort_place(job->plan, (uint32_t)i);
        const an_hash *meant = an_secure_sum_is_in(s, place) ? an_secure_sum_update(s, place) : NULL;
        if (!meant || !an_hash_equal(meant, &u->hash))
            return an_fail(AN_ERR_PROTO, why, "the update of %s is not the one that it signed", u->site);
        err = an_combine_fold(job, u, acc, why);
        folded++;
    }
    if (err == AN_OK && folded != in)
        err = an_fail(AN_ERR_PROTO, why, "%u updates are here, and %u sites are in the sum", folded, in);
    return err;
}

an_err an_combine_secure_group(an_combine_job *job, uint32_t group, uint32_t *acc, an_note *why)
{
    an_secure_sum *s = NULL;
    an_workers *workers = NULL;
    an_err err = restore(job, group, &s, why);
    if (err == AN_OK)
        err = an_workers_new(an_cpu_count(), &workers);
    if (err == AN_OK)
        err = an_secure_sum_rebuild(s, workers, why);
    if (err == AN_OK)
        err = fold_group(job, group, s, acc, why);
    if (err == AN_OK)
        err = an_secure_sum_unmask(s, workers, acc, why);
    if (err != AN_OK && why)
        an_cohort_words(why, why->text, job->plan->secure.groups, group, an_cohort_plan_name, job->plan);
    an_workers_free(workers);
    an_secure_sum_free(s);
    return err;
}

an_err an_combine_name_group(an_combine_job *job, uint32_t group, const char *reason)
{
    an_err err = AN_OK;
    for (uint32_t i = group; i < job->plan->n_cohort && err == AN_OK; i += job->plan->secure.groups)
        err = an_combine_outlier_add(job, job->plan->cohort[i], false, reason);
    return err;
}

/* Its updates are no part of the sum, and their number is held against what the sum says. */
static an_err leave_out(an_combine_job *job, uint32_t group, const an_note *why)
{
    char reason[AN_REASON_MAX];
    for (size_t k = 0; k < job->n_updates;) {
        an_combine_update *u = &job->updates[k];
        const int32_t i = an_plan_find_site(job->plan, u->site);
        if (i < 0 || an_cohort_group(job->plan, (uint32_t)i) != group) {
            k++;
            continue;
        }
        an_combine_update_done(u);
        job->n_updates--;
        job->n_left_out++;
        memmove(u, u + 1, (job->n_updates - k) * sizeof *u);
    }
    an_wipe(job->secure[group].data, job->secure[group].len);
    an_buf_done(&job->secure[group]);
    snprintf(reason, sizeof reason, "group %u of %u fell short, REVEAL: %.140s", group + 1,
             job->plan->secure.groups, why->text);
    return an_combine_name_group(job, group, reason);
}

/* Shares are missing or wrong: that group's sum cannot be had, and the others' can. */
static bool fell_short(an_err err)
{
    return err == AN_ERR_AGAIN || err == AN_ERR_AUTH;
}

static an_err add_groups(an_combine_job *job, uint32_t *one, uint32_t *acc, an_note *why)
{
    const uint32_t groups = job->plan->secure.groups, dim = job->plan->dim;
    uint32_t in = 0;
    an_note short_of = {{0}};
    for (uint32_t g = 0; g < groups; g++) {
        an_note inner = {{0}};
        if (job->secure[g].len == 0)
            continue;
        memset(one, 0, dim * sizeof *one);
        an_err err = an_combine_secure_group(job, g, one, &inner);
        if (fell_short(err)) {
            short_of = inner;
            err = leave_out(job, g, &inner);
        } else if (err == AN_OK) {
            an_sum_add(acc, one, dim);
            in++;
        }
        if (err != AN_OK) {
            if (why)
                *why = inner;
            return err;
        }
    }
    return in > 0 ? AN_OK : an_fail(AN_ERR_AGAIN, why, "no group is left: %.200s", short_of.text);
}

an_err an_combine_secure(an_combine_job *job, uint32_t *acc, an_note *why)
{
    if (job->plan->secure.groups == 1)
        return an_combine_secure_group(job, 0, acc, why);
    uint32_t *one = an_alloc(job->plan->dim, sizeof *one);
    if (!one)
        return AN_ERR_NOMEM;
    an_err err = add_groups(job, one, acc, why);
    an_free(one);
    return err;
}
