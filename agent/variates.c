#include "agent/variates.h"

#include <string.h>

#include "agent/checked.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

/* magic, campaign, n, two rounds (number, lr, base (n), own (n)), the older first, hash (checked.h) */
#define MAGIC "ANVAR\0\0\1"
#define HEAD (8 + 8 + 8)
#define ROUND_HEAD (8 + 8)

static size_t file_size(size_t n)
{
    return HEAD + 2 * (ROUND_HEAD + 8 * n) + AN_HASH_BYTES;
}

static void round_done(an_variates_round *r)
{
    an_free(r->base);
    an_free(r->own);
    *r = (an_variates_round){0};
}

void an_variates_done(an_variates *c)
{
    an_free(c->pull);
    an_free(c->base);
    an_free(c->own);
    round_done(&c->was);
    *c = (an_variates){0};
}

void an_variates_shared(const an_plan *plan, const float *params, float *ret)
{
    for (uint32_t t = 0; t < plan->n_tensors; params += plan->tensors[t].n, t++) {
        if (plan->tensors[t].local)
            continue;
        memcpy(ret, params, plan->tensors[t].n * sizeof *ret);
        ret += plan->tensors[t].n;
    }
}

/* Only finite numbers were written. */
static an_err read_round(an_reader *in, size_t n, an_variates_round *ret)
{
    an_variates_round r = {.number = (uint32_t)an_read_u64(in),
                           .lr = an_read_f64(in),
                           .base = an_alloc(n, sizeof *r.base),
                           .own = an_alloc(n, sizeof *r.own)};
    if (!r.base || !r.own) {
        round_done(&r);
        return AN_ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++)
        r.base[i] = an_read_f32(in);
    for (size_t i = 0; i < n; i++)
        r.own[i] = an_read_f32(in);
    *ret = r;
    return AN_OK;
}

/* The last round before this one, if there is one. */
static an_err read_file(an_variates *c, an_reader *in, const an_plan *plan)
{
    an_err err = AN_OK;
    if (an_read_u64(in) != plan->campaign || an_read_u64(in) != c->n)
        return AN_OK;
    for (int i = 0; i < 2 && err == AN_OK; i++) {
        an_variates_round r = {.number = 0};
        err = read_round(in, c->n, &r);
        if (err == AN_OK && r.number > 0 && r.number < plan->control) {
            round_done(&c->was);
            c->was = r;
        } else {
            round_done(&r);
        }
    }
    return err;
}

/* Rounds that the site was not in have moved the version too: the mean over them. */
static an_err make_pull(an_variates *c, const an_plan *plan)
{
    const double rounds = (double)(plan->control - c->was.number), share = plan->lr / c->was.lr;
    if (c->was.number == 0 || !(c->was.lr > 0))
        return AN_OK;
    if (!(c->pull = an_alloc(c->n, sizeof *c->pull)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < c->n; i++) {
        const double all = ((double)c->base[i] - (double)c->was.base[i]) / rounds;
        c->pull[i] = (float)(share * (all - (double)c->was.own[i]));
    }
    return AN_OK;
}

an_err an_variates_load(an_variates *c, const char *path, const an_plan *plan, const float *params,
                        an_note *why)
{
    an_buf b;
    an_reader in;
    if (!(c->base = an_alloc(c->n, sizeof *c->base)))
        return AN_ERR_NOMEM;
    an_variates_shared(plan, params, c->base);
    if (!an_file_exists(path))
        return AN_OK;
    an_buf_init(&b, file_size(c->n));
    an_err err = an_checked_read(path, MAGIC, &b, &in, why);
    if (err == AN_OK && b.len == file_size(c->n))
        err = read_file(c, &in, plan);
    if (err == AN_ERR_PROTO)
        err = AN_OK; /* as if there were none */
    if (err == AN_OK)
        err = make_pull(c, plan);
    an_buf_done(&b);
    return err;
}

static void put_round(an_buf *b, size_t n, const an_variates_round *r)
{
    an_buf_u64(b, r->number);
    an_buf_f64(b, r->lr);
    for (size_t i = 0; i < n; i++)
        an_buf_f32(b, r->base ? r->base[i] : 0);
    for (size_t i = 0; i < n; i++)
        an_buf_f32(b, r->own ? r->own[i] : 0);
}

an_err an_variates_save(const an_variates *c, const char *path, const an_plan *plan, an_note *why)
{
    const an_variates_round now = {.number = plan->control, .lr = plan->lr, .base = c->base, .own = c->own};
    an_buf b;
    an_buf_init(&b, file_size(c->n));
    an_buf_put(&b, MAGIC, AN_CHECKED_MAGIC);
    an_buf_u64(&b, plan->campaign);
    an_buf_u64(&b, c->n);
    put_round(&b, c->n, &c->was);
    put_round(&b, c->n, &now);
    const an_err err = an_checked_write(path, &b, why);
    an_buf_done(&b);
    return err;
}
