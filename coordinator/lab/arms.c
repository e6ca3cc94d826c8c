#include "coordinator/lab/arms.h"

#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/arms_internal.h"
#include "models/model.h"

const char *an_arm_name(an_arm arm)
{
    static const char *const names[AN_ARMS] = {"local",        "pooled",    "federated",
                                               "personalised", "retrained", "frozen"};
    return names[arm];
}

bool an_arm_runs(const an_arms_conf *conf, size_t arm)
{
    if (arm == AN_ARM_RETRAINED || arm == AN_ARM_FROZEN)
        return conf->data->n_first > 0;
    return !conf->experiment->federation_only || arm == AN_ARM_FEDERATED || arm == AN_ARM_PERSONALISED;
}

static void arm_done(an_arm_result *a)
{
    an_free(a->sites);
    an_free(a->parts);
    an_free(a->valid_parts);
}

void an_arms_result_done(an_arms_result *r)
{
    for (size_t i = 0; r->seeds && i < r->n_seeds; i++)
        for (size_t a = 0; a < AN_ARMS; a++)
            arm_done(&r->seeds[i].arms[a]);
    for (size_t i = 0; r->seeds && i < r->n_seeds; i++)
        an_free(r->seeds[i].stream);
    for (size_t b = 0; b < AN_LAB_BASELINES_MAX; b++)
        arm_done(&r->baselines[b]);
    for (size_t a = 0; a < AN_ARMS; a++)
        arm_done(&r->ensemble[a]);
    an_free(r->seeds);
    *r = (an_arms_result){0};
}

/* ---- a target's answers ---- */

static void target_done(an_arms_target *t)
{
    for (size_t a = 0; a < AN_ARMS; a++) {
        an_free(t->said[a]);
        an_free(t->sum[a]);
    }
    an_free(t->plain);
    an_free(t->truth);
    an_free(t->parts);
    *t = (an_arms_target){0};
}

static size_t n_truth(const an_lab_data *d)
{
    return d->n_labels ? d->n_labels : 1;
}

static size_t n_test(const an_lab_site *s)
{
    size_t n = s->test.n;
    for (size_t k = 0; k < s->n_series; k++)
        n += s->series[k].n_test;
    return n;
}

static void take_truth(const an_lab_data *d, const an_lab_site *s, an_arms_target *t)
{
    size_t at = 0;
    for (size_t k = 0; k < s->n_series; k++)
        for (size_t i = 0; i < s->series[k].n_test; i++, at++) {
            t->truth[at] = s->series[k].labels[i];
            t->parts[at] = s->series[k].part;
        }
    if (s->hold.n > 0)
        memcpy(t->truth, s->hold.labels, s->hold.n * d->n_labels * sizeof *t->truth);
    if (s->test.n > 0)
        memcpy(t->truth + s->hold.n * d->n_labels, s->test.labels,
               s->test.n * d->n_labels * sizeof *t->truth);
    if (s->hold.n > 0)
        memcpy(t->parts, s->hold.parts, s->hold.n * sizeof *t->parts);
    if (s->test.n > 0)
        memcpy(t->parts + s->hold.n, s->test.parts, s->test.n * sizeof *t->parts);
}

static an_err target_new(const an_lab_data *d, size_t site, size_t n_said, an_arms_target *ret)
{
    const an_lab_site *s = &d->sites[site];
    an_arms_target t = {.site = site, .n_hold = s->hold.n, .n = s->hold.n + n_test(s)};
    t.truth = an_alloc(t.n, n_truth(d) * sizeof *t.truth);
    t.plain = an_alloc(t.n, n_said * sizeof *t.plain);
    t.parts = an_alloc(t.n, sizeof *t.parts);
    bool ok = t.truth && t.plain && t.parts;
    for (size_t a = 0; a < AN_ARMS; a++) {
        ok = (t.said[a] = an_alloc(t.n, n_said * sizeof **t.said)) && ok;
        ok = (t.sum[a] = an_alloc(t.n, n_said * sizeof **t.sum)) && ok;
    }
    if (!ok) {
        target_done(&t);
        return AN_ERR_NOMEM;
    }
    take_truth(d, s, &t);
    *ret = t;
    return AN_OK;
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

/* All that is judged, and of how many values an answer is. */
typedef struct court {
    const an_arms_conf *conf;
    an_arms_target *targets;
    size_t n, n_said;
    float **answers; /* (n) */
} court;

static void add_up(court *c, size_t arm)
{
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->targets[i].n * c->n_said; k++)
            c->targets[i].sum[arm][k] += c->targets[i].said[arm][k];
}

static an_err figures_of_arm(court *c, size_t arm, an_arm_result *ret, an_note *why)
{
    for (size_t i = 0; i < c->n; i++)
        c->answers[i] = c->targets[i].said[arm];
    return an_arms_figures(c->conf, c->targets, c->n, c->n_said, c->answers, ret, why);
}

/* With cold starts every target has a world of its own; else all share one. */
static an_err answer(court *c, int64_t seed, an_seed_result *ret, an_note *why)
{
    const bool cold = c->conf->experiment->cold_sites > 0;
    an_err err = AN_OK;
    if (c->conf->data->n_first > 0)
        err = an_arms_stream_run(c->conf, seed, c->targets, c->n, c->n_said, ret, why);
    for (size_t w = 0; w < (cold ? c->n : 1) && err == AN_OK && c->conf->data->n_first == 0; w++) {
        an_arms_world world = {.conf = c->conf,
                               .seed = seed,
                               .targets = cold ? &c->targets[w] : c->targets,
                               .n_targets = cold ? 1 : c->n,
                               .cold = cold ? c->targets[w].site : SIZE_MAX};
        err = an_arms_world_run(&world, ret, why);
        for (size_t a = 0; a < AN_ARMS && err == AN_OK; a++) {
            if (cold)
                hash_add(&ret->arms[a].model, &world.models[a]);
            else
                ret->arms[a].model = world.models[a];
        }
    }
    return err;
}

static an_err run_seed(court *c, int64_t seed, an_seed_result *ret, an_note *why)
{
    const an_arms_conf *conf = c->conf;
    bool kept = false;
    an_err err = AN_OK;
    ret->seed = seed;
    if (conf->keep)
        err = an_arms_kept(conf, c->targets, c->n, c->n_said, ret, &kept, why);
    if (err == AN_OK && !kept)
        err = answer(c, seed, ret, why);
    if (err == AN_OK && !kept && conf->keep)
        err = an_arms_keep(conf, c->targets, c->n, c->n_said, ret, why);
    for (size_t a = 0; a < AN_ARMS && err == AN_OK; a++) {
        if (!an_arm_runs(conf, a))
            continue;
        err = an_arms_level(conf, c->targets, c->n, c->n_said, a, why);
        if (err == AN_OK)
            err = figures_of_arm(c, a, &ret->arms[a], why);
        add_up(c, a);
    }
    return err;
}

/* Of the federated arm: the mean of the seeds' answers. */
static an_err plot(court *c, size_t n_seeds, an_note *why)
{
    for (size_t i = 0; i < c->n; i++) /* of several seeds the sums are means already */
        c->answers[i] =
            n_seeds > 1 ? c->targets[i].sum[AN_ARM_FEDERATED] : c->targets[i].said[AN_ARM_FEDERATED];
    return an_arms_plot(c->conf, c->targets, c->n, c->n_said, c->answers, why);
}

static an_err run_ensemble(court *c, size_t n_seeds, an_arms_result *ret, an_note *why)
{
    an_err err = AN_OK;
    for (size_t a = 0; a < AN_ARMS && err == AN_OK && n_seeds > 1; a++) {
        if (!an_arm_runs(c->conf, a))
            continue;
        for (size_t i = 0; i < c->n; i++) {
            c->answers[i] = c->targets[i].sum[a];
            for (size_t k = 0; k < c->targets[i].n * c->n_said; k++)
                c->answers[i][k] /= (float)n_seeds;
        }
        err = an_arms_figures(c->conf, c->targets, c->n, c->n_said, c->answers, &ret->ensemble[a], why);
    }
    return err;
}

static an_err run_baselines(court *c, an_arms_result *ret, an_note *why)
{
    const an_lab_task *task = c->conf->experiment->task;
    an_err err = AN_OK;
    an_lab_exam *exams = an_alloc(c->n, sizeof *exams);
    if (!exams)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < c->n; i++) {
        const an_arms_target *t = &c->targets[i];
        exams[i] = (an_lab_exam){.site = t->site,
                                 .n = t->n - t->n_hold,
                                 .n_said = c->n_said,
                                 .said = t->plain + t->n_hold * c->n_said};
        c->answers[i] = t->plain;
    }
    for (size_t b = 0; b < task->n_baselines && err == AN_OK; b++) {
        err = task->baselines[b].answer(c->conf->experiment, c->conf->data, c->conf->n_threads, exams, c->n,
                                        why);
        if (err == AN_OK)
            err = an_arms_figures(c->conf, c->targets, c->n, c->n_said, c->answers, &ret->baselines[b], why);
        else if (err == AN_ERR_UNSUPPORTED)
            err = AN_OK;
        ret->baselines[b].valid = an_lab_figures_none();
    }
    an_free(exams);
    return err;
}

static an_err width_said(const an_arms_conf *conf, size_t *ret, an_note *why)
{
    an_bundle blank = {.arch = NULL};
    an_model *m = NULL;
    *ret = 1;
    if (!conf->experiment->task->items)
        return AN_OK;
    an_err err = an_arms_blank(conf, 1, &blank, why);
    if (err == AN_OK)
        err = an_bundle_model(&blank, &m, why);
    if (err == AN_OK && (an_model_is_autoencoder(m) || an_model_n_targets(m) != conf->data->n_labels))
        err = an_fail(AN_ERR_INVAL, why,
                      "the model must learn from labels (target: labels), of %zu value%s as the data have",
                      conf->data->n_labels, conf->data->n_labels == 1 ? "" : "s");
    if (err == AN_OK)
        *ret = an_model_n_outputs(m);
    an_model_free(m);
    an_bundle_done(&blank);
    return err;
}

static an_err court_open(court *c, size_t n, an_note *why)
{
    an_err err = width_said(c->conf, &c->n_said, why);
    if (err != AN_OK)
        return err;
    c->targets = an_alloc(n, sizeof *c->targets);
    c->answers = an_alloc(n, sizeof *c->answers);
    if (!c->targets || !c->answers)
        return AN_ERR_NOMEM;
    for (; c->n < n && err == AN_OK; c->n += err == AN_OK)
        err = target_new(c->conf->data, c->n, c->n_said, &c->targets[c->n]);
    return err;
}

static void court_done(court *c)
{
    for (size_t i = 0; i < c->n; i++)
        target_done(&c->targets[i]);
    an_free(c->targets);
    an_free(c->answers);
}

an_err an_arms_run(const an_arms_conf *conf, const int64_t *seeds, size_t n_seeds, an_arms_result *ret,
                   an_note *why)
{
    an_arms_result r = {0};
    court c = {.conf = conf};
    const size_t cold = conf->experiment->cold_sites;
    r.n_sites = cold > 0 ? cold : conf->data->n_sites;
    if (cold > 0 && conf->data->n_first > 0)
        return an_fail(AN_ERR_UNSUPPORTED, why, "cold_start: not with data that come one after the other");
    if (r.n_sites > conf->data->n_sites)
        return an_fail(AN_ERR_INVAL, why, "cold_start: %zu sites are to take turns, the data have %zu", cold,
                       conf->data->n_sites);
    an_err err = court_open(&c, r.n_sites, why);
    if (err == AN_OK && !(r.seeds = an_alloc(n_seeds, sizeof *r.seeds)))
        err = AN_ERR_NOMEM;
    if (err == AN_OK)
        err = run_baselines(&c, &r, why);
    for (size_t i = 0; i < n_seeds && err == AN_OK; i++) {
        r.n_seeds = i + 1;
        err = run_seed(&c, seeds[i], &r.seeds[i], why);
    }
    if (err == AN_OK)
        err = run_ensemble(&c, n_seeds, &r, why);
    if (err == AN_OK && conf->plots && conf->experiment->task->plot)
        err = plot(&c, n_seeds, why);
    court_done(&c);
    if (err == AN_OK)
        *ret = r;
    else
        an_arms_result_done(&r);
    return err;
}
