#include "coordinator/lab/membership.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/workers.h"
#include "doors/crypto.h"
#include "models/metrics.h"
#include "models/train.h"
#include "sum/noise.h"
#include "sum/privacy.h"

#define STREAM_HALVES 71

typedef struct world {
    const an_membership_conf *conf;
    an_model *m;
    double noise;
    uint8_t *in;   /* (models, n) 1: the window is a member */
    double *loss;  /* (models, n) logarithms */
    double *auroc; /* (models) */
    double *clipped;
    an_err *errs; /* (models) */
    an_note *whys;
} world;

/* ---- one model ---- */

static void random_bytes(void *arg, void *ret, size_t len)
{
    (void)arg;
    an_random(ret, len);
}

static void gauss(void *arg, int64_t *ret, size_t n)
{
    an_noise *source = arg;
    for (size_t i = 0; i < n; i++)
        ret[i] = an_noise_draw(source);
}

static an_err train(const world *w, size_t k, float *params, const float *x, size_t n, an_note *why)
{
    const an_membership_conf *c = w->conf;
    const an_noise_share share = {.num = (uint64_t)AN_TRAIN_NOISE_SD * AN_TRAIN_NOISE_SD, .den = 1};
    an_train_opts o = an_train_defaults();
    an_train_stats stats = {0};
    an_noise *source = NULL;
    an_err err = an_noise_new(&share, &source, why);
    if (err != AN_OK)
        return err;
    o.epochs = c->epochs;
    o.batch = c->batch;
    o.lr = c->lr;
    o.seed = c->seed + k;
    o.cancel = c->cancel;
    if (w->noise > 0)
        o.private = (an_train_private){
            .clip = c->clip, .noise = w->noise, .rate = c->rate, .random = random_bytes, .gauss = gauss};
    o.private.arg = source;
    err = an_train(w->m, params, &o, x, NULL, n, &stats, why);
    w->clipped[k] = stats.rows_clipped;
    an_noise_free(source);
    return err;
}

static an_err measure(const world *w, size_t k, const float *params, an_note *why)
{
    const an_membership_conf *c = w->conf;
    const size_t n_in = an_model_n_inputs(w->m);
    an_ws *ws = NULL;
    float *scores = an_alloc(c->n_test + 1, sizeof *scores);
    an_err err = scores ? an_ws_new(w->m, AN_WS_FORWARD, 1, &ws) : AN_ERR_NOMEM;
    for (size_t i = 0; i < c->n && err == AN_OK; i++)
        w->loss[k * c->n + i] = log(an_model_loss(w->m, ws, params, 1, c->x + i * n_in, NULL) + 1e-12);
    for (size_t i = 0; i < c->n_test && err == AN_OK; i++)
        scores[i] = (float)an_model_loss(w->m, ws, params, 1, c->test + i * n_in, NULL);
    w->auroc[k] = NAN;
    if (err == AN_OK && c->n_test > 0)
        err = an_auroc(scores, c->labels, c->n_test, &w->auroc[k]);
    if (err != AN_OK)
        an_note_set(why, "the scores of a model are not numbers");
    an_ws_free(ws);
    an_free(scores);
    return err;
}

static an_err run_one(const world *w, size_t k, an_note *why)
{
    const an_membership_conf *c = w->conf;
    const size_t n_in = an_model_n_inputs(w->m), n_params = an_model_n_params(w->m);
    size_t n = 0;
    an_err err = AN_ERR_NOMEM;
    float *params = an_alloc(n_params, sizeof *params), *x = an_alloc(c->n, n_in * sizeof *x);
    if (!params || !x)
        goto out;
    for (size_t i = 0; i < c->n; i++)
        if (w->in[k * c->n + i])
            memcpy(x + n++ * n_in, c->x + i * n_in, n_in * sizeof *x);
    an_model_init(w->m, c->seed, params); /* all from the same weights, as a round's sites */
    if ((err = train(w, k, params, x, n, why)) == AN_OK)
        err = measure(w, k, params, why);
out:
    an_free(params);
    an_free(x);
    return err;
}

static void job(void *ctx, size_t k, size_t worker)
{
    world *w = ctx;
    (void)worker;
    w->errs[k] = run_one(w, k, &w->whys[k]);
}

/* ---- the attacks ---- */

static void attack_by_threshold(const world *w, an_membership_result *r)
{
    const size_t n = w->conf->n, models = w->conf->models;
    for (size_t k = 0; k < models; k++) {
        const uint8_t *in = w->in + k * n;
        const double *loss = w->loss + k * n;
        double sum[2] = {0, 0}, count[2] = {0, 0}, said[2] = {0, 0};
        for (size_t i = 0; i < n; i++) {
            sum[in[i]] += exp(loss[i]);
            count[in[i]]++;
        }
        const double limit = sum[1] / count[1];
        for (size_t i = 0; i < n; i++)
            said[in[i]] += exp(loss[i]) <= limit;
        r->threshold_advantage += (said[1] / count[1] - said[0] / count[0]) / (double)models;
        r->member_loss += limit / (double)models;
        r->other_loss += sum[0] / count[0] / (double)models;
    }
}

/* Mean of a window's log loss over the models that had it (or had not) but the target. */
static double mean_but(const world *w, size_t i, size_t target, uint8_t member)
{
    double sum = 0, count = 0;
    for (size_t k = 0; k < w->conf->models; k++) {
        if (k == target || w->in[k * w->conf->n + i] != member)
            continue;
        sum += w->loss[k * w->conf->n + i];
        count++;
    }
    return sum / count;
}

/* Of log losses about their windows' means. */
static double variance_of(const world *w, uint8_t member)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < w->conf->n; i++) {
        const double mean = mean_but(w, i, SIZE_MAX, member);
        for (size_t k = 0; k < w->conf->models; k++) {
            const double d = w->loss[k * w->conf->n + i] - mean;
            if (w->in[k * w->conf->n + i] != member)
                continue;
            sum += d * d;
            count++;
        }
    }
    /* Each mean takes one degree of freedom from half as many values as there are models. */
    const double half = (double)w->conf->models / 2;
    return sum / count * half / (half - 1) + 1e-12;
}

typedef struct guess {
    float score;
    uint8_t member;
} guess;

static int by_score(const void *a, const void *b)
{
    const guess *x = a, *y = b;
    return x->score > y->score ? -1 : x->score < y->score;
}

static void read_curve(const guess *g, size_t n, an_membership_result *r)
{
    double members = 0, tpr = 0, fpr = 0;
    for (size_t i = 0; i < n; i++)
        members += g[i].member;
    const double others = (double)n - members;
    for (size_t i = 0; i < n; i++) {
        tpr += g[i].member / members;
        fpr += !g[i].member / others;
        if (tpr - fpr > r->shadow_advantage)
            r->shadow_advantage = tpr - fpr;
        if (fpr <= 0.01)
            r->shadow_tpr_1 = tpr;
    }
}

static an_err attack_by_shadows(const world *w, an_membership_result *r)
{
    const size_t n = w->conf->n, all = n * w->conf->models;
    const double var_in = variance_of(w, 1), var_out = variance_of(w, 0);
    an_err err = AN_ERR_NOMEM;
    guess *g = an_alloc(all, sizeof *g);
    float *scores = an_alloc(all, sizeof *scores);
    if (!g || !scores)
        goto out;
    for (size_t k = 0; k < w->conf->models; k++) {
        for (size_t i = 0; i < n; i++) {
            const double l = w->loss[k * n + i], a = l - mean_but(w, i, k, 1), b = l - mean_but(w, i, k, 0);
            const double score = b * b / (2 * var_out) - a * a / (2 * var_in);
            g[k * n + i] = (guess){(float)score, w->in[k * n + i]};
            scores[k * n + i] = (float)score;
        }
    }
    if ((err = an_auroc(scores, w->in, all, &r->shadow_auroc)) != AN_OK)
        goto out;
    qsort(g, all, sizeof *g, by_score);
    read_curve(g, all, r);
out:
    an_free(g);
    an_free(scores);
    return err;
}

/* ---- all of it ---- */

static an_err check(const an_membership_conf *c, an_note *why)
{
    if (c->models < 4 || c->models > 256 || c->models % 2 != 0)
        return an_fail(AN_ERR_INVAL, why, "%zu models: an even number, 4 to 256", c->models);
    if (c->n < 4 || c->n > 1000000)
        return an_fail(AN_ERR_INVAL, why, "%zu windows are too few, or too many", c->n);
    return AN_OK;
}

static void draw_halves(world *w, uint32_t *order)
{
    const size_t n = w->conf->n;
    for (size_t k = 0; k < w->conf->models; k += 2) {
        an_rng rng;
        an_rng_init(&rng, w->conf->seed + k, STREAM_HALVES);
        for (size_t i = 0; i < n; i++)
            order[i] = (uint32_t)i;
        an_rng_shuffle(&rng, order, n);
        for (size_t i = 0; i < n; i++)
            w->in[(k + (i >= n / 2)) * n + order[i]] = 1;
    }
}

static an_err train_all(world *w, an_note *why)
{
    an_workers *workers = NULL;
    const size_t models = w->conf->models;
    an_err err = an_workers_new(w->conf->n_threads ? w->conf->n_threads : 1, &workers);
    if (err == AN_OK)
        an_workers_run(workers, models, job, w);
    an_workers_free(workers);
    for (size_t k = 0; k < models && err == AN_OK; k++)
        if ((err = w->errs[k]) != AN_OK)
            an_note_set(why, "%s", w->whys[k].text[0] ? w->whys[k].text : an_err_text(err));
    return err;
}

static an_err find_noise(world *w, an_membership_result *r, an_note *why)
{
    const an_membership_conf *c = w->conf;
    r->bound = 1;
    if (c->epsilon <= 0)
        return AN_OK;
    const uint64_t steps = (uint64_t)ceil(1.0 / c->rate) * c->epochs;
    an_err err = an_privacy_noise_for(&w->noise, NULL, c->epsilon, c->delta, c->rate, steps, why);
    r->noise = w->noise;
    r->bound = 1 - 2 * (1 - c->delta) / (1 + exp(c->epsilon));
    return err;
}

static void mean_over_models(const world *w, an_membership_result *r)
{
    for (size_t k = 0; k < w->conf->models; k++) {
        r->auroc += w->auroc[k] / (double)w->conf->models;
        r->rows_clipped += w->clipped[k] / (double)w->conf->models;
    }
}

an_err an_membership_run(const an_membership_conf *conf, an_membership_result *ret, an_note *why)
{
    world w = {.conf = conf};
    an_membership_result r = {.noise = 0};
    uint32_t *order = NULL;
    an_err err = check(conf, why);
    if (err != AN_OK || (err = find_noise(&w, &r, why)) != AN_OK)
        return err;
    if ((err = an_model_new(conf->arch, strlen(conf->arch), "model", conf->width, &w.m, why)) != AN_OK)
        goto out;
    err = AN_ERR_NOMEM;
    if (!(w.in = an_alloc(conf->models * conf->n, 1)) ||
        !(w.loss = an_alloc(conf->models * conf->n, sizeof *w.loss)) ||
        !(w.auroc = an_alloc(conf->models, sizeof *w.auroc)) ||
        !(w.clipped = an_alloc(conf->models, sizeof *w.clipped)) ||
        !(w.errs = an_alloc(conf->models, sizeof *w.errs)) ||
        !(w.whys = an_alloc(conf->models, sizeof *w.whys)) || !(order = an_alloc(conf->n, sizeof *order)))
        goto out;
    if (!an_model_is_autoencoder(w.m)) {
        err = an_fail(AN_ERR_INVAL, why, "the model is no autoencoder");
        goto out;
    }
    draw_halves(&w, order);
    if ((err = train_all(&w, why)) != AN_OK)
        goto out;
    attack_by_threshold(&w, &r);
    mean_over_models(&w, &r);
    if ((err = attack_by_shadows(&w, &r)) == AN_OK)
        *ret = r;
out:
    an_model_free(w.m);
    an_free(w.in);
    an_free(w.loss);
    an_free(w.auroc);
    an_free(w.clipped);
    an_free(w.errs);
    an_free(w.whys);
    an_free(order);
    return err;
}
