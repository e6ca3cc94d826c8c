#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "sum/secure_sum_internal.h"

enum { SHARES = 1, REVEAL = 4 };

#define SUBSETS_MAX 300u /* tried before a secret is given up */

/* ---- one secret out of its shares ---- */

/* The shares of one site's secret that have come. */
typedef struct pot {
    uint32_t place;
    an_secure_secret kind;
    size_t n;
    uint8_t xs[AN_SHARES_MAX];
    uint16_t holders[AN_SHARES_MAX];
    an_share shares[AN_SHARES_MAX];
} pot;

static bool find_share(const an_secure_sum *s, uint32_t holder, uint32_t place, an_share *ret)
{
    const uint8_t *m = an_secure_heard(s, REVEAL, s->g.entries[holder].site);
    if (!m)
        return false;
    const uint8_t *entries = m + AN_SECURE_HEAD_BYTES + 2;
    uint32_t low = 0, high = m[AN_SECURE_HEAD_BYTES] | (uint32_t)m[AN_SECURE_HEAD_BYTES + 1] << 8;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const uint8_t *e = entries + (size_t)middle * AN_SECURE_REVEAL_ENTRY;
        uint32_t at = e[0] | (uint32_t)e[1] << 8;
        if (at == place) {
            memcpy(ret->b, e + 3, AN_SHARE_BYTES);
            return true;
        }
        if (at < place)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void fill_pot(const an_secure_sum *s, uint32_t place, pot *ret)
{
    uint32_t k = s->g.graph.k;
    ret->place = place;
    ret->kind = an_secure_has(&s->survivors, place) ? AN_SECURE_SECRET_SEED : AN_SECURE_SECRET_KEY;
    ret->n = 0;
    for (uint32_t i = 0; i <= k; i++) {
        uint32_t holder = i < k ? s->drawn[(size_t)place * k + i] : place;
        if (!find_share(s, holder, place, &ret->shares[ret->n]))
            continue;
        ret->xs[ret->n] = (uint8_t)(i + 1);
        ret->holders[ret->n++] = (uint16_t)holder;
    }
}

static bool is_right(const an_secure_sum *s, const pot *p, const an_share *secret)
{
    const an_secure_entry *e = &s->g.entries[p->place];
    if (p->kind == AN_SECURE_SECRET_KEY) {
        uint8_t public_key[AN_AGREE_BYTES];
        an_agree_public(public_key, secret->b);
        return an_secret_equal(public_key, e->mask_key, sizeof public_key);
    }
    an_hash h, want;
    an_secure_commit(&h, &s->g, p->place, secret);
    memcpy(want.b, an_secure_heard(s, SHARES, e->site) + AN_SECURE_HEAD_BYTES + 2 * s->g.graph.k,
           AN_HASH_BYTES);
    return an_hash_equal(&h, &want);
}

static bool try_subset(const an_secure_sum *s, const pot *p, const uint32_t *order, an_share *ret)
{
    uint8_t xs[AN_SHARES_MAX];
    an_share shares[AN_SHARES_MAX];
    uint32_t t = s->g.graph.t;
    for (uint32_t i = 0; i < t; i++) {
        xs[i] = p->xs[order[i]];
        shares[i] = p->shares[order[i]];
    }
    bool right = an_shares_at(ret, xs, shares, t, 0) == AN_OK && is_right(s, p, ret);
    an_wipe(shares, sizeof shares);
    return right;
}

/* A subset that gives the right secret lies on the polynomial that was dealt, or as good: it says what each
 * other share ought to be. */
static void mark_wrong(an_secure_sum *s, const pot *p, const uint32_t *order)
{
    uint8_t xs[AN_SHARES_MAX];
    an_share shares[AN_SHARES_MAX], ought;
    uint32_t t = s->g.graph.t;
    for (uint32_t i = 0; i < t; i++) {
        xs[i] = p->xs[order[i]];
        shares[i] = p->shares[order[i]];
    }
    for (size_t i = t; i < p->n; i++) {
        uint32_t j = order[i];
        if (an_shares_at(&ought, xs, shares, t, p->xs[j]) == AN_OK &&
            !an_secret_equal(&ought, &p->shares[j], sizeof ought)) {
            an_secure_wrong *wrong = &s->wrong[p->place];
            if (wrong->n == 0 || p->holders[j] < wrong->first)
                wrong->first = p->holders[j];
            wrong->n++;
        }
    }
    an_wipe(shares, sizeof shares);
    an_wipe(&ought, sizeof ought);
}

/* First the windows, one of which leaves out any single liar, then subsets by chance. */
static bool put_together(an_secure_sum *s, const pot *p)
{
    uint32_t order[AN_SHARES_MAX];
    an_share *secret = &s->secrets[p->place];
    an_rng rng;
    size_t n = p->n, tries = n > s->g.graph.t ? SUBSETS_MAX : 1;
    an_rng_init(&rng, s->g.p.round, p->place);
    for (size_t i = 0; i < tries; i++) {
        if (i <= n)
            for (uint32_t j = 0; j < n; j++)
                order[j] = (uint32_t)((i + j) % n);
        else
            an_rng_shuffle(&rng, order, n);
        if (try_subset(s, p, order, secret)) {
            if (i > 0)
                mark_wrong(s, p, order);
            return true;
        }
    }
    an_wipe(secret, sizeof *secret);
    return false;
}

/* ---- all of them ---- */

typedef struct rebuild_job {
    an_secure_sum *s;
    atomic_int missing_of; /* place + 1 of a site whose shares are too few */
    atomic_int broken;     /* ... whose secret does not come out */
} rebuild_job;

static void rebuild_one(void *ctx, size_t job, size_t worker)
{
    rebuild_job *r = ctx;
    pot p;
    (void)worker;
    if (!an_secure_has(&r->s->sharers, (uint32_t)job))
        return;
    fill_pot(r->s, (uint32_t)job, &p);
    if (p.n < r->s->g.graph.t)
        atomic_store(&r->missing_of, (int)job + 1);
    else if (!put_together(r->s, &p))
        atomic_store(&r->broken, (int)job + 1);
    an_wipe(&p, sizeof p);
}

an_err an_secure_sum_rebuild(an_secure_sum *s, an_workers *workers, an_note *why)
{
    rebuild_job r = {.s = s};
    if (s->phase != REVEAL)
        return an_fail(AN_ERR_STATE, why, "nothing is revealed yet");
    atomic_init(&r.missing_of, 0);
    atomic_init(&r.broken, 0);
    s->is_rebuilt = false;
    memset(s->wrong, 0, s->g.m * sizeof *s->wrong);
    an_workers_run(workers, s->g.m, rebuild_one, &r);
    int missing = atomic_load(&r.missing_of), broken = atomic_load(&r.broken);
    if (missing)
        return an_fail(AN_ERR_AGAIN, why, "fewer than %u shares of site %u's secret have come", s->g.graph.t,
                       s->g.entries[missing - 1].site);
    if (broken)
        return an_fail(AN_ERR_AUTH, why,
                       "the %s of site %u does not come out of its shares: that site or holders of them lied",
                       an_secure_has(&s->survivors, (uint32_t)broken - 1) ? "seed" : "mask key",
                       s->g.entries[broken - 1].site);
    s->is_rebuilt = true;
    return AN_OK;
}

uint32_t an_secure_sum_wrong_shares(const an_secure_sum *s, uint32_t dealer, uint32_t *ret_holder)
{
    int32_t place = s->wrong && dealer < s->g.p.n ? an_secure_place(&s->g, dealer) : -1;
    if (place < 0 || s->wrong[place].n == 0)
        return 0;
    *ret_holder = s->g.entries[s->wrong[place].first].site;
    return s->wrong[place].n;
}

/* ---- the masks ---- */

/* A mask that is still in the sum: of a survivor's own seed (other = place), or of a dropout's key with
 * a survivor. */
typedef struct leftover {
    uint16_t place;
    uint16_t other;
} leftover;

typedef struct mask_job {
    const an_secure_sum *s;
    const leftover *items;
    an_mask *masks;
    size_t n;
    atomic_bool failed;
} mask_job;

#define PER_JOB 16u

static void make_masks(void *ctx, size_t job, size_t worker)
{
    mask_job *j = ctx;
    size_t end = (job + 1) * PER_JOB < j->n ? (job + 1) * PER_JOB : j->n;
    (void)worker;
    for (size_t i = job * PER_JOB; i < end; i++) {
        uint32_t place = j->items[i].place, other = j->items[i].other;
        const an_share *secret = &j->s->secrets[place];
        if (place == other) {
            an_secure_self_mask(&j->masks[i], &j->s->g, place, secret);
            j->masks[i].subtract = true;
        } else if (an_secure_pair_mask(&j->masks[i], &j->s->g, place, other, secret->b,
                                       j->s->g.entries[other].mask_key) != AN_OK) {
            atomic_store(&j->failed, true);
        }
        /* The dropout's own sign of the pair is the opposite of the survivor's: added, it cancels. */
    }
}

static size_t find_leftovers(const an_secure_sum *s, leftover *ret)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s->g.m; i++) {
        if (!an_secure_has(&s->sharers, i))
            continue;
        bool survived = an_secure_has(&s->survivors, i);
        for (uint32_t j = 0; j < s->g.m; j++) {
            bool take = survived ? i == j
                                 : an_secure_has(&s->survivors, j) &&
                                       (an_secure_x(s, i, j) != 0 || an_secure_x(s, j, i) != 0);
            if (!take)
                continue;
            if (ret)
                ret[n] = (leftover){.place = (uint16_t)i, .other = (uint16_t)j};
            n++;
        }
    }
    return n;
}

an_err an_secure_sum_unmask(an_secure_sum *s, an_workers *workers, uint32_t *acc, an_note *why)
{
    an_err err = AN_OK;
    leftover *items;
    mask_job j = {.s = s};
    if (!s->is_rebuilt)
        return an_fail(AN_ERR_STATE, why, "the secrets are not put together yet");
    j.n = find_leftovers(s, NULL);
    items = an_alloc(j.n, sizeof *items);
    j.masks = an_alloc(j.n, sizeof *j.masks);
    j.items = items;
    atomic_init(&j.failed, false);
    if (!items || !j.masks) {
        err = AN_ERR_NOMEM;
        goto out;
    }
    find_leftovers(s, items);
    an_workers_run(workers, (j.n + PER_JOB - 1) / PER_JOB, make_masks, &j);
    if (atomic_load(&j.failed))
        err = an_fail(AN_ERR_AUTH, why, "a mask key of the list is no key");
    else
        err = an_masks_add_all(acc, s->g.p.dim, j.masks, j.n, s->g.p.cipher, workers);
out:
    if (j.masks)
        an_wipe(j.masks, j.n * sizeof *j.masks);
    an_free(j.masks);
    an_free(items);
    return err;
}
