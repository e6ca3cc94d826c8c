/* One run of all arms with one seed: what each site learns alone, what all data in one place
 * give, the federation through hub and sessions, and what each site makes of its version. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/samples.h"
#include "base/mem.h"
#include "base/progress.h"
#include "coordinator/lab/arms_internal.h"
#include "coordinator/lab/backbone.h"
#include "coordinator/lab/steps.h"

static an_lab_cut_opts cutting_of(const an_arms_world *w, size_t site)
{
    an_lab_cut_opts o = an_arms_cut_opts(w->conf->experiment, &w->blank.prep.conf);
    o.upto = w->upto;
    if (site == w->cold)
        o.keep = w->conf->experiment->cold_keep;
    return o;
}

static an_calibrate_opts calibrate_opts(const an_arms_world *w)
{
    an_calibrate_opts o = an_calibrate_defaults();
    o.site_scaler = w->conf->experiment->site_scaler;
    o.tune_batch = w->conf->experiment->batch;
    o.tune_lr = w->conf->experiment->lr;
    o.tune_schedule = w->conf->experiment->schedule;
    o.tune_all = true;
    o.holdout_min = w->conf->experiment->holdout_min;
    o.alarm_share_max = 0; /* the figures are to show it, not to hide it */
    o.seed = (uint64_t)w->seed;
    o.n_threads = 1;
    o.cancel = w->conf->cancel;
    return o;
}

an_calibrate_opts an_arms_calibrate_opts(const an_arms_world *w, bool personal)
{
    const an_experiment *e = w->conf->experiment;
    an_calibrate_opts o = calibrate_opts(w);
    if (!personal)
        return o;
    o.tune_schedule = NULL;
    o.own_detector = true;
    o.tune_epochs = e->personal_epochs;
    o.tune_lr = e->personal_lr;
    o.tune_l2sp = e->personal_l2sp;
    o.tune_all = e->personal_all;
    return o;
}

static uint32_t all_epochs(const an_experiment *e)
{
    return e->rounds * e->epochs + e->personal_epochs;
}

/* ---- before the federation: local and pooled ---- */

/* Each site's windows in the site's own scaler, or all in one. */
static an_err pooled_inputs(an_arms_world *w, float **ret, float **ret_labels, size_t *ret_n, an_note *why)
{
    const size_t n_sites = w->conf->data->n_sites, input = an_prep_input(&w->blank.prep);
    const bool own = w->conf->experiment->site_scaler;
    size_t n = 0, at = 0, n_part = 0;
    an_err err = AN_OK;
    for (size_t i = 0; i < n_sites; i++)
        n += w->cuts[i].n_fit;
    const size_t n_labels = w->conf->data->n_labels;
    float *x = an_alloc(n, input * sizeof *x), *labels = n_labels ? an_alloc(n, n_labels * sizeof *x) : NULL;
    if (!x || (n_labels && !labels)) {
        an_free(x);
        an_free(labels);
        return AN_ERR_NOMEM;
    }
    for (size_t i = 0; i < n_sites && err == AN_OK; i++) {
        const an_lab_cut *c = &w->cuts[i];
        an_prep prep = {.features = 0};
        float *part = NULL, *says = NULL;
        if (own)
            err = an_prep_fit(&prep, &w->blank.prep.conf, c->data.train.raw, c->n_fit, c->data.context,
                              c->data.width, why);
        if (err == AN_OK)
            err = an_samples_labelled(own ? &prep : &w->pooled.prep, &c->data.train, c->data.context,
                                      n_labels, &part, &says, &n_part, why);
        if (err == AN_OK)
            memcpy(x + at * input, part, n_part * input * sizeof *x);
        if (err == AN_OK && labels)
            memcpy(labels + at * n_labels, says, n_part * n_labels * sizeof *x);
        at += n_part;
        an_prep_done(&prep);
        an_free(part);
        an_free(says);
    }
    if (err != AN_OK) {
        an_free(x);
        an_free(labels);
        return err;
    }
    *ret = x;
    *ret_labels = labels;
    *ret_n = at;
    return AN_OK;
}

/* One scaler for all: moments of all rows. */
static an_err pooled_scaler(an_arms_world *w, an_note *why)
{
    const size_t n_sites = w->conf->data->n_sites, width = w->conf->data->width;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < n_sites; i++)
        n += w->cuts[i].n_fit;
    const size_t context = w->cuts[0].data.context;
    float *rows = an_alloc(n, context * width * sizeof *rows);
    if (!rows)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n_sites; i++) {
        const size_t m = w->cuts[i].n_fit * context * width;
        memcpy(rows + at, w->cuts[i].data.train.raw, m * sizeof *rows);
        at += m;
    }
    an_prep prep = {.features = 0};
    an_err err = an_prep_fit(&prep, &w->blank.prep.conf, rows, n, context, width, why);
    an_free(rows);
    if (err == AN_OK) {
        an_prep_done(&w->pooled.prep);
        w->pooled.prep = prep;
    }
    return err;
}

/* As if a round of all sites had made it: no site fits its own in its place. */
static an_err fit_pooled(an_arms_world *w, const float *x, size_t n, an_note *why)
{
    an_bundle *b = &w->pooled;
    an_model *m = NULL;
    float *y = NULL;
    an_err err = AN_OK;
    if (b->detector->type->needs_model)
        err = an_bundle_model(b, &m, why);
    if (err == AN_OK && m)
        err = an_model_reconstruct(m, b->weights, x, n, &y, why);
    if (err == AN_OK)
        err = an_detector_fit(b->detector, x, y, n, why);
    b->round = 1;
    an_free(y);
    an_model_free(m);
    return err;
}

static an_err train_pooled(an_arms_world *w, an_note *why)
{
    const an_experiment *e = w->conf->experiment;
    an_train_opts o = an_train_defaults();
    float *x = NULL, *labels = NULL;
    size_t n = 0;
    o.epochs = all_epochs(e);
    o.batch = e->batch;
    o.lr = e->lr;
    o.schedule = e->schedule;
    o.lr_floor = 0.01; /* as in rounds */
    o.seed = (uint64_t)w->seed;
    o.cancel = w->conf->cancel;
    an_err err = an_bundle_copy(&w->pooled, &w->blank);
    if (err == AN_OK && !e->site_scaler)
        err = pooled_scaler(w, why);
    if (err == AN_OK)
        err = pooled_inputs(w, &x, &labels, &n, why);
    if (err == AN_OK && e->arch)
        err = an_lab_version_train(&w->pooled, &o, x, n, labels, NULL, why);
    if (err == AN_OK && an_detector_n_sums(w->pooled.detector) > 0)
        err = fit_pooled(w, x, n, why);
    an_free(x);
    an_free(labels);
    return err == AN_OK ? an_lab_version_hash(&w->pooled, &w->pooled_hash, why) : err;
}

/* The site's own version: the blank one trained on its windows alone. */
static an_err run_local(an_arms_world *w, size_t t, an_note *why)
{
    const an_experiment *e = w->conf->experiment;
    const size_t site = w->targets[t].site;
    const an_lab_cut *c = &w->cuts[site];
    const an_lab_cut_opts cutting = cutting_of(w, site);
    an_bundle own = {.arch = NULL};
    an_overlay o = {.n_local = 0};
    an_hash hash;
    an_calibrate_opts opts = calibrate_opts(w);
    const an_calibrate_data data = {.width = c->data.width,
                                    .context = c->data.context,
                                    .n_labels = c->data.n_labels,
                                    .step = e->stride,
                                    .fit = c->data.train,
                                    .holdout = c->data.old};
    opts.tune_epochs = all_epochs(e);
    opts.site_scaler = true; /* a site alone has no fleet to take a scaler from */
    an_err err = an_calibrate(&w->blank, &w->blank_hash, &data, &opts, AN_ARMS_NOW_MS, &o, NULL, why);
    if (err == AN_OK)
        err = an_bundle_copy(&own, &w->blank);
    if (err == AN_OK && o.n_local > 0 && o.n_local == own.n_weights)
        memcpy(own.weights, o.local, o.n_local * sizeof *o.local);
    if (err == AN_OK)
        err = an_lab_version_hash(&own, &hash, why);
    opts.tune_epochs = 0;
    if (err == AN_OK)
        err = an_arms_calibrate_judge(w->conf, site, c, &cutting, &own, &hash, &opts, e->personal_series,
                                      w->targets[t].said[AN_ARM_LOCAL], &w->own[AN_ARM_LOCAL][t], why);
    an_overlay_done(&o);
    an_bundle_done(&own);
    return err;
}

static void before_one(void *ctx, size_t job, size_t worker)
{
    an_arms_world *w = ctx;
    (void)worker;
    w->errs[job] = job == 0 ? train_pooled(w, &w->whys[job]) : run_local(w, job - 1, &w->whys[job]);
}

/* ---- after it: each site with the pooled and with the promoted version ---- */

static an_err run_shared(an_arms_world *w, size_t t, an_note *why)
{
    const an_experiment *e = w->conf->experiment;
    an_arms_target *target = &w->targets[t];
    const an_lab_cut *c = &w->cuts[target->site];
    const an_lab_cut_opts cutting = cutting_of(w, target->site);
    const an_federation_result *f = &w->federation;
    an_calibrate_opts opts = calibrate_opts(w);
    an_err err = AN_OK;
    if (!f->live[target->site])
        return an_fail(AN_ERR_STATE, why, "site %s did not go live with the promoted version",
                       w->conf->data->sites[target->site].name);
    err = an_arms_predict(w->conf, target->site, &f->bundle, &f->overlays[target->site],
                          target->said[w->anew ? AN_ARM_RETRAINED : AN_ARM_FEDERATED], why);
    if (err == AN_OK && !e->federation_only)
        err = an_arms_calibrate_judge(w->conf, target->site, c, &cutting, &w->pooled, &w->pooled_hash, &opts,
                                      e->personal_series, target->said[AN_ARM_POOLED],
                                      &w->own[AN_ARM_POOLED][t], why);
    opts = an_arms_calibrate_opts(w, true);
    if (err == AN_OK && !w->anew)
        err = an_arms_calibrate_judge(w->conf, target->site, c, &cutting, &f->bundle, &f->version, &opts,
                                      e->personal_series, target->said[AN_ARM_PERSONALISED],
                                      &w->own[AN_ARM_PERSONALISED][t], why);
    return err;
}

static void after_one(void *ctx, size_t job, size_t worker)
{
    an_arms_world *w = ctx;
    (void)worker;
    w->errs[job] = run_shared(w, job, &w->whys[job]);
}

static an_err run_jobs(an_arms_world *w, size_t n, an_workers_fn *fn, an_note *why)
{
    an_workers_run(w->workers, n, fn, w);
    for (size_t i = 0; i < n; i++) {
        if (w->errs[i] != AN_OK) {
            if (why)
                *why = w->whys[i];
            return w->errs[i];
        }
    }
    return AN_OK;
}

/* ---- the federation ---- */

static void on_progress(void *arg, size_t done, size_t all)
{
    an_progress *p = arg;
    p->total = all;
    an_progress_set(p, done);
}

#define POLICY 9
#define MORE 3 /* whose values are texts */
static an_err run_federation(an_arms_world *w, const char *steps, an_arms_stage *stage, void *arg,
                             an_note *why)
{
    const an_experiment *e = w->conf->experiment;
    const size_t n = w->conf->data->n_sites;
    char values[POLICY][32];
    double cap = e->weight_cap;
    for (size_t i = 0; e->weight_cap <= 0 && i < n; i++)
        cap = fmax(cap, (double)w->cuts[i].n_fit);
    static const char *const keys[POLICY] = {
        "seed",      "train.rounds",     "train.epochs",      "train.batch",    "train.lr",
        "server.lr", "update.clip_norm", "update.weight_cap", "server.momentum"};
    snprintf(values[0], sizeof *values, "%lld", (long long)w->seed);
    snprintf(values[1], sizeof *values, "%u", e->rounds);
    snprintf(values[2], sizeof *values, "%u", e->epochs);
    snprintf(values[3], sizeof *values, "%u", e->batch);
    const double numbers[] = {e->lr, e->server_lr, e->clip_norm, cap, e->server_momentum};
    const char *pairs[POLICY + MORE + AN_LAB_POLICY_MAX][2] = {
        {"privacy", "trusted"}, {"train.schedule", e->schedule}, {"min_cohort", n < 2 ? "1" : "2"}};
    for (size_t i = 0; i < POLICY; i++) {
        if (i >= 4)
            snprintf(values[i], sizeof *values, "%.9g", numbers[i - 4]);
        pairs[i + MORE][0] = keys[i];
        pairs[i + MORE][1] = values[i];
    }
    for (size_t i = 0; i < e->n_policy; i++)
        memcpy(pairs[POLICY + MORE + i], e->policy[i], sizeof *pairs);
    const an_model_spec spec = {.name = e->name,
                                .arch = e->arch,
                                .detector = e->detector,
                                .sensors = (const char *const *)w->conf->data->names,
                                .n_sensors = (uint32_t)w->conf->data->width,
                                .window = e->window,
                                .stride = e->stride,
                                .smooth = e->smooth,
                                .steps = steps,
                                .missing = e->missing,
                                .threshold = e->threshold,
                                .weights = e->from ? w->blank.weights : NULL,
                                .n_weights = e->from ? w->blank.n_weights : 0,
                                .policy = (const char *const(*)[2])pairs,
                                .n_policy = POLICY + MORE + e->n_policy};
    an_progress progress;
    const an_calibrate_opts opts = calibrate_opts(w);
    an_federation_site *sites = an_alloc(n, sizeof *sites);
    if (!sites)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        sites[i] = (an_federation_site){.name = w->conf->data->sites[i].name,
                                        .data = &w->cuts[i].data,
                                        .calibrate = &opts,
                                        .hostile = i < e->hostile_sites ? &e->hostile : NULL};
    an_progress_start(&progress, "federation", 0);
    const an_federation_conf conf = {.spec = &spec,
                                     .sites = sites,
                                     .n_sites = n,
                                     .n_threads = w->conf->n_threads,
                                     .cancel = w->conf->cancel,
                                     .progress = on_progress,
                                     .progress_arg = &progress,
                                     .stage = stage,
                                     .stage_arg = arg};
    an_err err = an_federation_run(&conf, &w->federation, why);
    an_progress_end(&progress);
    an_free(sites);
    return err;
}

/* ---- all of it ---- */

an_err an_arms_blank(const an_arms_conf *conf, int64_t seed, an_bundle *ret, an_note *why)
{
    const an_experiment *e = conf->experiment;
    const an_lab_data *d = conf->data;
    an_lab_version_spec spec = {.name = e->name,
                                .arch = e->arch,
                                .detector = e->detector,
                                .sensors = (const char *const *)d->names,
                                .n_sensors = d->width,
                                .threshold = e->threshold};
    an_prep_chain *chain = NULL;
    an_lab_taken taken;
    an_err err = an_lab_task_prep(e, d, &spec.prep, &chain, why);
    if (err == AN_OK)
        err = an_lab_version_new(&spec, (uint64_t)seed, ret, why);
    an_chain_free(chain);
    if (err == AN_OK && e->from && (err = an_lab_backbone_take(e->from, ret, &taken, why)) != AN_OK)
        an_bundle_done(ret);
    return err;
}

an_err an_arms_world_open(an_arms_world *w, an_note *why)
{
    const an_lab_data *d = w->conf->data;
    an_err err = an_arms_blank(w->conf, w->seed, &w->blank, why);
    if (err != AN_OK || (err = an_lab_version_hash(&w->blank, &w->blank_hash, why)) != AN_OK)
        return err;
    w->cuts = an_alloc(d->n_sites, sizeof *w->cuts);
    w->errs = an_alloc(w->n_targets + 1, sizeof *w->errs);
    w->whys = an_alloc(w->n_targets + 1, sizeof *w->whys);
    bool ok = w->cuts && w->errs && w->whys;
    for (size_t a = 0; a < AN_ARMS; a++)
        ok = (w->own[a] = an_alloc(w->n_targets, sizeof *w->own[a])) && ok;
    if (!ok)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < d->n_sites; i++) {
        const an_lab_cut_opts cutting = cutting_of(w, i);
        if ((err = an_lab_cut_new(d, i, SIZE_MAX, &cutting, &w->cuts[i], why)) != AN_OK)
            return err;
    }
    return an_workers_new(w->conf->n_threads, &w->workers);
}

an_err an_arms_world_federate(an_arms_world *w, an_arms_stage *stage, void *arg, an_note *why)
{
    char *steps = NULL;
    an_err err = an_lab_steps_text(&w->blank.prep.conf, (const char *const *)w->conf->data->names, &steps);
    if (err == AN_OK)
        err = run_federation(w, steps, stage, arg, why);
    an_free(steps);
    return err;
}

void an_arms_take_counts(const an_federation_result *f, an_seed_result *ret)
{
    for (size_t i = 0; i < f->n_rounds; i++) {
        ret->clipped += f->rounds[i].clipped;
        ret->saturated += f->rounds[i].saturated;
        if (f->rounds[i].kind != AN_PAYLOAD_TRAIN || !f->rounds[i].committed)
            continue;
        if (ret->first_loss == 0)
            ret->first_loss = f->rounds[i].loss;
        ret->last_loss = f->rounds[i].loss;
    }
    ret->n_rounds += f->n_rounds;
    ret->update_bytes += f->update_bytes;
    ret->version_bytes += f->version_bytes;
    ret->messages += f->messages;
    ret->message_bytes += f->message_bytes;
}

static void name_models(an_arms_world *w)
{
    w->models[AN_ARM_POOLED] = w->pooled_hash;
    w->models[w->anew ? AN_ARM_RETRAINED : AN_ARM_FEDERATED] = w->federation.version;
    for (size_t a = 0; a < AN_ARMS; a++) {
        if (a == AN_ARM_LOCAL || a == AN_ARM_PERSONALISED)
            an_hash_of(&w->models[a], w->own[a], w->n_targets * sizeof *w->own[a]);
    }
}

void an_arms_world_done(an_arms_world *w)
{
    for (size_t i = 0; w->cuts && i < w->conf->data->n_sites; i++)
        an_lab_cut_done(&w->cuts[i]);
    an_free(w->cuts);
    an_bundle_done(&w->blank);
    an_bundle_done(&w->pooled);
    an_federation_result_done(&w->federation);
    an_workers_free(w->workers);
    an_free(w->errs);
    an_free(w->whys);
    for (size_t a = 0; a < AN_ARMS; a++)
        an_free(w->own[a]);
}

an_err an_arms_world_run(an_arms_world *w, an_seed_result *ret, an_note *why)
{
    an_progress p;
    an_progress_start(&p, "local and pooled", 0);
    an_err err = an_arms_world_open(w, why);
    if (err == AN_OK && !w->conf->experiment->federation_only)
        err = run_jobs(w, w->n_targets + 1, before_one, why);
    an_progress_end(&p);
    if (err == AN_OK)
        err = an_arms_world_federate(w, NULL, NULL, why);
    if (err == AN_OK)
        err = run_jobs(w, w->n_targets, after_one, why);
    if (err == AN_OK) {
        an_arms_take_counts(&w->federation, ret);
        name_models(w);
    }
    an_arms_world_done(w);
    return err;
}
