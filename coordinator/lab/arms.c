#include "coordinator/lab/arms.h"

#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/arms_internal.h"

const char *an_arm_name(an_arm arm)
{
    static const char *const names[AN_ARMS] = {"local", "pooled", "federated", "personalised"};
    return names[arm];
}

bool an_arm_runs(const an_experiment *e, size_t arm)
{
    return !e->federation_only || arm == AN_ARM_FEDERATED || arm == AN_ARM_PERSONALISED;
}

void an_arms_result_done(an_arms_result *r)
{
    for (size_t i = 0; r->seeds && i < r->n_seeds; i++)
        for (size_t a = 0; a < AN_ARMS; a++)
            an_free(r->seeds[i].arms[a].sites);
    for (size_t b = 0; b < AN_BASELINES; b++)
        an_free(r->baselines[b].sites);
    an_free(r->seeds);
    *r = (an_arms_result){0};
}

/* ---- a target's scores ---- */

static void target_done(an_arms_target *t)
{
    for (size_t a = 0; a < AN_ARMS; a++)
        an_free(t->scores[a]);
    an_free(t->plain);
    an_free(t->labels);
    *t = (an_arms_target){0};
}

static an_err target_new(const an_lab_data *d, size_t site, an_arms_target *ret)
{
    an_arms_target t = {.site = site};
    const an_lab_site *s = &d->sites[site];
    for (size_t k = 0; k < s->n_series; k++)
        t.n += s->series[k].n_test;
    t.labels = an_alloc(t.n, 1);
    t.plain = an_alloc(t.n, sizeof *t.plain);
    bool ok = t.labels && t.plain;
    for (size_t a = 0; a < AN_ARMS; a++)
        ok = (t.scores[a] = an_alloc(t.n, sizeof **t.scores)) && ok;
    if (!ok) {
        target_done(&t);
        return AN_ERR_NOMEM;
    }
    for (size_t k = 0, at = 0; k < s->n_series; at += s->series[k++].n_test)
        memcpy(t.labels + at, s->series[k].labels, s->series[k].n_test);
    *ret = t;
    return AN_OK;
}

/* ---- figures ---- */

static const float *scores_of(const an_arms_target *t, size_t arm)
{
    return arm < AN_ARMS ? t->scores[arm] : t->plain;
}

/* All targets' scores as one list. */
static an_err pooled_figures(const an_arms_target *targets, size_t n, size_t arm, an_lab_figures *ret)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += targets[i].n;
    an_err err = AN_ERR_NOMEM;
    float *scores = an_alloc(total, sizeof *scores);
    uint8_t *labels = an_alloc(total, 1);
    if (scores && labels) {
        for (size_t i = 0, at = 0; i < n; at += targets[i++].n) {
            memcpy(scores + at, scores_of(&targets[i], arm), targets[i].n * sizeof *scores);
            memcpy(labels + at, targets[i].labels, targets[i].n);
        }
        err = AN_OK;
        if (arm > AN_ARMS)
            an_lab_figures_always(labels, total, ret);
        else
            err = an_lab_figures_of(scores, labels, total, ret);
    }
    an_free(scores);
    an_free(labels);
    return err;
}

/* arm AN_ARMS: mahalanobis; above it: always-on. */
static an_err figures(const an_experiment *e, const an_arms_target *targets, size_t n, size_t arm,
                      an_arm_result *ret)
{
    an_lab_mean mean = {.n = {0}};
    if (!(ret->sites = an_alloc(n, sizeof *ret->sites)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        an_err err = AN_OK;
        if (arm > AN_ARMS)
            an_lab_figures_always(targets[i].labels, targets[i].n, &ret->sites[i]);
        else
            err = an_lab_figures_of(scores_of(&targets[i], arm), targets[i].labels, targets[i].n,
                                    &ret->sites[i]);
        if (err != AN_OK)
            return err;
        an_lab_mean_add(&mean, &ret->sites[i]);
    }
    ret->all = an_lab_mean_get(&mean);
    if (!e->pooled_scores)
        return AN_OK;
    const an_lab_figures by_site = ret->all;
    an_err err = pooled_figures(targets, n, arm, &ret->all);
    ret->all.delay = by_site.delay; /* runs of faults end where a series ends */
    ret->all.detected = by_site.detected;
    return err;
}

/* ---- seeds ---- */

static void hash_add(an_hash *sum, const an_hash *h)
{
    an_hasher s;
    an_hasher_init(&s);
    an_hasher_add(&s, sum->b, sizeof sum->b);
    an_hasher_add(&s, h->b, sizeof h->b);
    an_hasher_end(&s, sum);
}

/* With cold starts every target has a world of its own; else all share one. */
static an_err run_seed(const an_arms_conf *conf, int64_t seed, an_arms_target *targets, size_t n,
                       an_seed_result *ret, an_note *why)
{
    const bool cold = conf->experiment->cold_sites > 0;
    an_err err = AN_OK;
    ret->seed = seed;
    for (size_t w = 0; w < (cold ? n : 1) && err == AN_OK; w++) {
        an_arms_world world = {.conf = conf,
                               .seed = seed,
                               .targets = cold ? &targets[w] : targets,
                               .n_targets = cold ? 1 : n,
                               .cold = cold ? targets[w].site : SIZE_MAX};
        err = an_arms_world_run(&world, ret, why);
        for (size_t a = 0; a < AN_ARMS && err == AN_OK; a++) {
            if (cold)
                hash_add(&ret->arms[a].model, &world.models[a]);
            else
                ret->arms[a].model = world.models[a];
        }
    }
    for (size_t a = 0; a < AN_ARMS && err == AN_OK; a++)
        if (an_arm_runs(conf->experiment, a))
            err = figures(conf->experiment, targets, n, a, &ret->arms[a]);
    return err;
}

static an_err run_baselines(const an_arms_conf *conf, an_arms_target *targets, size_t n, an_arms_result *ret,
                            an_note *why)
{
    an_err err = an_arms_plain_run(conf, targets, n, why);
    if (err == AN_OK)
        err = figures(conf->experiment, targets, n, AN_ARMS + 1, &ret->baselines[0]);
    if (err == AN_OK)
        err = figures(conf->experiment, targets, n, AN_ARMS, &ret->baselines[1]);
    return err;
}

an_err an_arms_run(const an_arms_conf *conf, const int64_t *seeds, size_t n_seeds, an_arms_result *ret,
                   an_note *why)
{
    an_arms_result r = {0};
    an_arms_target *targets = NULL;
    const size_t cold = conf->experiment->cold_sites;
    r.n_sites = cold > 0 ? cold : conf->data->n_sites;
    if (r.n_sites > conf->data->n_sites)
        return an_fail(AN_ERR_INVAL, why, "cold_start: %zu sites are to take turns, the data have %zu", cold,
                       conf->data->n_sites);
    an_err err = AN_ERR_NOMEM;
    targets = an_alloc(r.n_sites, sizeof *targets);
    r.seeds = an_alloc(n_seeds, sizeof *r.seeds);
    if (!targets || !r.seeds)
        goto out;
    for (size_t i = 0; i < r.n_sites; i++)
        if ((err = target_new(conf->data, i, &targets[i])) != AN_OK)
            goto out;
    if ((err = run_baselines(conf, targets, r.n_sites, &r, why)) != AN_OK)
        goto out;
    for (size_t i = 0; i < n_seeds; i++) {
        r.n_seeds = i + 1;
        if ((err = run_seed(conf, seeds[i], targets, r.n_sites, &r.seeds[i], why)) != AN_OK)
            goto out;
    }
    *ret = r;
    r = (an_arms_result){0};
out:
    for (size_t i = 0; targets && i < conf->data->n_sites && i < (cold ? cold : conf->data->n_sites); i++)
        target_done(&targets[i]);
    an_free(targets);
    an_arms_result_done(&r);
    return err;
}
