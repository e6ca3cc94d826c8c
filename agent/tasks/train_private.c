/* What differential privacy changes in TRAIN (trust/private.h says what it means).
 *
 * RECORD  DP-SGD: models/train.h with noise and coins of the system's secure generator.  A row is learned
 *         from once, even if the pool holds it in two parts: else it would count twice.
 * SITE    training is as ever; the clipped vector is rounded from fresh random numbers until its norm is
 *         within the plan's bound, and this site's share of the noise is added before it is masked. */
#include <stdlib.h>

#include "agent/tasks/task_internal.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "models/train.h"
#include "sum/noise.h"
#include "trust/private.h"

/* A rounding is within the bound with probability 1 - AN_NOISE_BETA. */
#define ROUNDINGS_MAX 1000

an_err an_task_encode_noised(const an_task *task, const an_payload_facts *facts, const an_payload_in *in,
                             uint32_t *ret, an_note *why)
{
    an_noise_plan plan;
    an_noise *source = NULL;
    an_payload_facts f = *facts;
    const uint64_t n = an_payload_n_shared(facts);
    uint64_t squares = UINT64_MAX;
    /* What it costs and leaves of others is the session's to judge; here the numbers must fit. */
    an_err err = an_private_check(task->plan, task->plan->dp_counted, why);
    if (err == AN_OK)
        err = an_private_noise(&plan, task->plan, why);
    if (err == AN_OK)
        err = an_noise_new(&plan.share, &source, why);
    for (size_t i = 0; err == AN_OK && squares > plan.norm_squared && i < ROUNDINGS_MAX; i++) {
        an_random(&f.seed, sizeof f.seed);
        squares = 0;
        if ((err = an_payload_find(task->plan->kind)->encode(ret, &f, in, why)) == AN_OK)
            an_noise_squares(&squares, ret, n);
    }
    if (err == AN_OK && squares > plan.norm_squared)
        err =
            an_fail(AN_ERR_NUMERIC, why, "no rounding of the update is within the norm of the plan's noise");
    if (err == AN_OK)
        an_noise_add(source, ret, n);
    an_noise_free(source);
    return err;
}

/* ---- records ---- */

typedef struct name {
    an_hash hash;
    uint32_t row;
} name;

static int by_hash(const void *a, const void *b)
{
    const name *x = a, *y = b;
    for (size_t i = 0; i < sizeof x->hash.b; i++)
        if (x->hash.b[i] != y->hash.b[i])
            return x->hash.b[i] < y->hash.b[i] ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Keeps the first of equal rows, in order. */
static an_err drop_repeats(float *raw, size_t *n, size_t each)
{
    an_err err = AN_ERR_NOMEM;
    name *names = an_alloc(*n, sizeof *names);
    bool *again = an_alloc(*n, sizeof *again);
    if (!names || !again)
        goto out;
    for (size_t i = 0; i < *n; i++) {
        an_hash_of(&names[i].hash, raw + i * each, each * sizeof *raw);
        names[i].row = (uint32_t)i;
    }
    qsort(names, *n, sizeof *names, by_hash);
    for (size_t i = 1; i < *n; i++)
        again[names[i].row] = an_hash_equal(&names[i].hash, &names[i - 1].hash);
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (again[i])
            continue;
        memmove(raw + kept * each, raw + i * each, each * sizeof *raw);
        kept++;
    }
    *n = kept;
    err = AN_OK;
out:
    an_free(names);
    an_free(again);
    return err;
}

an_err an_task_rows_once(const an_task *task, float **ret, size_t *ret_n)
{
    const an_site_data *d = task->data;
    const size_t each = d->context * d->width;
    an_data_set fresh = {.n = 0};
    float *raw = NULL;
    an_err err = AN_OK;
    if (task->plan->replay_share > 0)
        err = an_data_new(d, task->plan->use_held, &fresh);
    if (err != AN_OK)
        goto out;
    err = AN_ERR_NOMEM;
    size_t n = fresh.n + d->train.n;
    if (!(raw = an_alloc(n > 0 ? n : 1, each * sizeof *raw)))
        goto out;
    if (fresh.n > 0)
        memcpy(raw, fresh.raw, fresh.n * each * sizeof *raw);
    if (d->train.n > 0)
        memcpy(raw + fresh.n * each, d->train.raw, d->train.n * each * sizeof *raw);
    err = n > 0 ? drop_repeats(raw, &n, each) : AN_OK;
    if (err != AN_OK)
        goto out;
    *ret = raw;
    *ret_n = n;
    raw = NULL;
out:
    an_data_set_done(&fresh);
    an_free(raw);
    return err;
}

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

an_err an_task_train_private(const an_task *task, const an_model *m, float *params, an_train_opts *opts,
                             const float *x, size_t n, an_train_stats *ret, an_note *why)
{
    const an_noise_share share = {.num = (uint64_t)AN_TRAIN_NOISE_SD * AN_TRAIN_NOISE_SD, .den = 1};
    an_noise *source = NULL;
    an_err err = an_noise_new(&share, &source, why);
    if (err != AN_OK)
        return err;
    opts->private = (an_train_private){.clip = task->plan->dp_clip,
                                       .noise = task->plan->dp_noise,
                                       .rate = task->plan->dp_rate,
                                       .random = random_bytes,
                                       .gauss = gauss,
                                       .arg = source};
    err = an_train(m, params, opts, x, NULL, n, ret, why);
    an_noise_free(source);
    return err;
}
