#include "coordinator/combine_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/crypto.h"
#include "models/bundle.h"
#include "sum/fixed.h"
#include "sum/vector.h"

void an_combine_done(an_combine_job *job)
{
    an_plan_free(job->plan);
    for (size_t i = 0; i < job->n_updates; i++)
        an_combine_update_done(&job->updates[i]);
    an_wipe(job->seal_secret, sizeof job->seal_secret);
    for (size_t i = 0; i < job->n_origins; i++)
        an_plan_free(job->origins[i].plan);
    an_free(job->origins);
    an_free(job->updates);
    an_free(job->outliers);
    for (uint32_t g = 0; g < AN_GROUPS_MAX; g++) {
        if (job->secure[g].data)
            an_wipe(job->secure[g].data, job->secure[g].len); /* shares */
        an_buf_done(&job->secure[g]);
    }
    an_roster_done(&job->roster);
    *job = (an_combine_job){0};
}

const an_plan *an_combine_plan(const an_combine_job *job, const an_combine_update *u)
{
    return u->origin ? u->origin->plan : job->plan;
}

const an_hash *an_combine_plan_hash(const an_combine_job *job, const an_combine_update *u)
{
    return u->origin ? &u->origin->plan_hash : &job->plan_hash;
}

an_err an_combine_path(const an_combine_job *job, const char *what, char out[static AN_PATH_MAX])
{
    char name[64];
    snprintf(name, sizeof name, "%s-%llu", what, (unsigned long long)job->plan->round);
    return an_path_join(out, job->out_dir, name);
}

an_err an_combine_fold(const an_combine_job *job, const an_combine_update *u, uint32_t *acc, an_note *why)
{
    const an_plan *plan = job->plan;
    an_update_header want = {.round = plan->round, .dim = plan->dim, .plan_hash = job->plan_hash};
    if (u->sealed)
        return an_combine_fold_sealed(u, plan->dim, acc, why);
    snprintf(want.site, sizeof want.site, "%s", u->site);
    return u->bytes ? an_fold_bytes(u->bytes, u->len, &want, &u->hash, acc, why)
                    : an_fold_file(u->path, &want, &u->hash, acc, NULL, why);
}

static an_err sum_updates(an_combine_job *job, uint32_t **ret_acc, an_note *why)
{
    const an_plan *plan = job->plan;
    an_err err = AN_OK;
    uint32_t *acc = an_alloc(plan->dim, sizeof *acc);
    if (!acc)
        return AN_ERR_NOMEM;
    if (plan->privacy == AN_PRIVACY_SECURE_SUM)
        err = an_combine_secure(job, acc, why);
    else
        for (size_t i = 0; i < job->n_updates && err == AN_OK; i++)
            err = an_combine_fold(job, &job->updates[i], acc, why);
    if (err != AN_OK) {
        an_free(acc);
        return err;
    }
    *ret_acc = acc;
    return AN_OK;
}

an_payload_facts an_combine_facts(const an_plan *plan, uint32_t n_features, uint32_t n_bins)
{
    return (an_payload_facts){
        .n_cohort = plan->n_cohort,
        .value_bits = plan->value_bits,
        .seed = plan->seed,
        .tensors = plan->tensors,
        .n_tensors = plan->n_tensors,
        .clip_norm = plan->clip_norm,
        .weight_cap = plan->weight_cap,
        .n_features = n_features,
        .n_bins = n_bins,
        .masked = plan->privacy == AN_PRIVACY_SECURE_SUM,
    };
}

/* ---- TRAIN ---- */

/* The sum, block by block. */
static an_err step_sum(const an_plan *plan, const uint32_t *acc, double weight, an_stepper *s, an_note *why)
{
    double delta[AN_STEP_MAX];
    const uint64_t shared = plan->dim - AN_TRAIN_EXTRA;
    an_err err = AN_OK;
    for (uint64_t at = 0; at < shared && err == AN_OK;) {
        size_t n = shared - at < AN_STEP_MAX ? (size_t)(shared - at) : AN_STEP_MAX;
        an_combine_decode(plan, at, n, acc + at, delta);
        for (size_t i = 0; i < n; i++)
            delta[i] /= weight;
        err = an_stepper_shared(s, delta, n, why);
        at += n;
    }
    return err;
}

void an_combine_figures(an_combine_job *job, const an_train_out *totals)
{
    job->loss = totals->loss;
    job->weight = totals->weight;
    job->clipped = totals->clipped;
    job->saturated = totals->saturated;
}

static an_err train(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why)
{
    an_payload_facts facts = an_combine_facts(job->plan, 0, 0);
    an_payload_out out = {.train = {.delta = NULL}}; /* totals only; deltas are decoded block by block */
    if (an_payload_n_params(&facts) != b->n_weights)
        return an_fail(AN_ERR_PROTO, why, "the plan has another layout than its base version");
    an_err err = an_payload_find(AN_PAYLOAD_TRAIN)->decode(&out, &facts, acc, why);
    if (err != AN_OK)
        return err;
    if (out.train.sites != job->n_updates)
        return an_fail(AN_ERR_PROTO, why, "the sum speaks of %llu sites, %zu delivered",
                       (unsigned long long)out.train.sites, job->n_updates);
    an_combine_figures(job, &out.train);
    double weight = out.train.weight / job->plan->weight_cap; /* what the deltas were multiplied with */
    an_stepper *s = NULL;
    if ((err = an_stepper_open(job, b->weights, &s, why)) == AN_OK)
        err = step_sum(job->plan, acc, weight, s, why);
    return an_stepper_close(s, err, why);
}

static an_err change(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why)
{
    switch (job->plan->kind) {
    case AN_PAYLOAD_TRAIN:
        return train(job, b, acc, why);
    case AN_PAYLOAD_MEAN:
    case AN_PAYLOAD_VARIANCE:
        return an_combine_moments(job, b, acc, why);
    case AN_PAYLOAD_HISTOGRAM:
        return an_combine_histogram(job, b, acc, why);
    case AN_PAYLOAD_FIT:
        return an_combine_fit(job, b, acc, why);
    case AN_PAYLOAD_EVALUATE:
    case AN_PAYLOAD_SHADOW:
        break;
    }
    return AN_ERR_INVAL;
}

static bool sees_updates(const an_combine_job *job)
{
    const bool rule = job->rule && job->rule != an_rule_find("mean");
    return job->plan->kind == AN_PAYLOAD_TRAIN && (rule || job->n_origins > 0);
}

/* The base is read before the accumulator is there and the result is encoded after it has gone, so
 * that no more than two copies of the model are in memory at any time. */
static an_err make_bundle(an_combine_job *job, an_note *why)
{
    an_bundle b = {.arch = NULL};
    an_hash base;
    uint32_t *acc = NULL;
    an_err err = an_bundle_read(&b, &base, job->base_path, why);
    if (err != AN_OK)
        return err;
    if (!an_hash_equal(&base, &job->plan->base))
        err = an_fail(AN_ERR_PROTO, why, "%s is not the plan's base version", job->base_path);
    else if (sees_updates(job))
        err = job->plan->privacy == AN_PRIVACY_TRUSTED ? an_combine_robust(job, &b, why)
                                                       : an_combine_groups(job, &b, why);
    else if ((err = sum_updates(job, &acc, why)) == AN_OK)
        err = change(job, &b, acc, why);
    an_free(acc);
    if (err == AN_OK) {
        b.parent = job->plan->base;
        b.plan = job->plan_hash;
        b.round = job->plan->round;
        err = an_bundle_write(&b, job->result_path, &job->result, why);
    }
    an_bundle_done(&b);
    return err;
}

static an_err make_text(an_combine_job *job, an_note *why)
{
    an_payload_facts facts = an_combine_facts(job->plan, 0, 0);
    const bool shadow = job->plan->kind == AN_PAYLOAD_SHADOW;
    an_payload_out out = {.evaluate = {{0}, {0}}};
    uint32_t *acc = NULL;
    an_err err = sum_updates(job, &acc, why);
    if (err == AN_OK)
        err = an_payload_find(job->plan->kind)->decode(&out, &facts, acc, why);
    an_free(acc);
    if (err != AN_OK)
        return err;
    if (shadow)
        job->shadow = out.shadow;
    else
        job->evaluation = out.evaluate;
    char *text = shadow ? an_shadow_print(&out.shadow) : an_evaluation_print(&out.evaluate);
    if (!text)
        return AN_ERR_NOMEM;
    size_t len = strlen(text);
    err = an_file_write(job->result_path, text, len, 0644, why);
    an_hash_of(&job->result, text, len);
    an_free(text);
    return err;
}

an_err an_combine_run(an_combine_job *job, an_note *why)
{
    an_err err = an_combine_path(job, "result", job->result_path);
    if (err != AN_OK)
        return err;
    if ((err = an_combine_open(job, why)) != AN_OK)
        return err;
    err = an_payload_judges(job->plan->kind) ? make_text(job, why) : make_bundle(job, why);
    if (err == AN_OK)
        err = an_file_size(job->result_path, &job->result_size, why);
    return err;
}
