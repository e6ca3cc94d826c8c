/* The sample pool.  Each part is one block of memory used as a ring or, for TRAIN, as a
 * reservoir (Vitter 1985, algorithm R: the i-th window replaces a random one with probability
 * cap / i). */
#include "agent/pool_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SAMPLE_MAX ((size_t)1 << 22) /* floats of one window */
#define FREEZE_MIN 64                /* windows: fewer are no reference */

const char *an_pool_part_name(an_pool_part p)
{
    static const char *const names[] = {"train", "recent", "old", "new", "held", "confirmed"};
    return names[p];
}

static void set_defaults(an_pool_conf *c)
{
    static const size_t usual[] = {
        [AN_POOL_TRAIN] = 8192, [AN_POOL_RECENT] = 4096, [AN_POOL_OLD] = 1024,
        [AN_POOL_NEW] = 1024,   [AN_POOL_HELD] = 4096,   [AN_POOL_CONFIRMED] = 512};
    for (size_t i = 0; i < AN_POOL_PARTS; i++)
        if (c->cap[i] == 0)
            c->cap[i] = usual[i];
    if (c->block == 0)
        c->block = 32;
    if (c->holdout_percent == 0)
        c->holdout_percent = 20;
}

static an_err fit_quota(an_pool_conf *c, size_t sample, an_note *why)
{
    const double entry = (double)sample * sizeof(float) + sizeof(an_pool_entry);
    double total = 0;
    for (size_t i = 0; i < AN_POOL_PARTS; i++)
        total += (double)c->cap[i] * entry;
    if (c->quota_bytes == 0 || total <= (double)c->quota_bytes)
        return AN_OK;
    const double shrink = (double)c->quota_bytes / total;
    for (size_t i = 0; i < AN_POOL_PARTS; i++) {
        c->cap[i] = (size_t)((double)c->cap[i] * shrink);
        if (c->cap[i] == 0)
            return an_fail(AN_ERR_LIMIT, why, "pool: %llu bytes hold not even one window of each part",
                           (unsigned long long)c->quota_bytes);
    }
    return AN_OK;
}

typedef void *(*alloc)(size_t n, size_t size);

static bool part_init(an_pool_ring *p, size_t cap, size_t sample, alloc get)
{
    *p = (an_pool_ring){.cap = cap};
    if (cap > SIZE_MAX / sample)
        return false;
    p->data = get(cap * sample, sizeof *p->data);
    p->entry = get(cap, sizeof *p->entry);
    return p->data && p->entry;
}

static void part_done(an_pool_ring *p)
{
    an_free(p->data);
    an_free(p->entry);
    *p = (an_pool_ring){0};
}

static an_err make(const an_pool_conf *conf, alloc get, an_pool **ret, an_note *why)
{
    if (conf->width == 0 || conf->window == 0 || conf->width > SAMPLE_MAX / conf->window ||
        conf->holdout_percent > 50)
        return an_fail(AN_ERR_INVAL, why, "pool: %zu sensors, windows of %zu rows, %u %% holdout",
                       conf->width, conf->window, conf->holdout_percent);
    an_pool *p = an_alloc(1, sizeof *p);
    if (!p)
        return AN_ERR_NOMEM;
    p->conf = *conf;
    p->sample = conf->width * conf->window;
    set_defaults(&p->conf);
    an_err err = fit_quota(&p->conf, p->sample, why);
    for (size_t i = 0; i < AN_POOL_PARTS && !err; i++)
        if (!part_init(&p->parts[i], p->conf.cap[i], p->sample, get))
            err = AN_ERR_NOMEM;
    if (err) {
        an_pool_free(p);
        return err;
    }
    an_rng_init(&p->rng, conf->seed, 71);
    *ret = p;
    return AN_OK;
}

an_err an_pool_new(const an_pool_conf *conf, an_pool **ret, an_note *why)
{
    return make(conf, an_alloc, ret, why);
}

an_err an_pool_new_unset(const an_pool_conf *conf, an_pool **ret)
{
    return make(conf, an_alloc_raw, ret, NULL);
}

size_t an_pool_bytes(const an_pool *p)
{
    size_t slots = 0;
    for (size_t i = 0; i < AN_POOL_PARTS; i++)
        slots += p->parts[i].cap;
    return slots * (p->sample * sizeof(float) + sizeof(int64_t) + sizeof(uint64_t));
}

void an_pool_free(an_pool *p)
{
    if (!p)
        return;
    an_pool_twin_drop(p);
    for (size_t i = 0; i < AN_POOL_PARTS; i++)
        part_done(&p->parts[i]);
    an_free(p);
}

void an_pool_put(const an_pool *p, an_pool_ring *q, size_t slot, const float *window, const an_pool_entry *e)
{
    if (p->twin)
        an_pool_twin_keep(p, q, slot);
    if (window != q->data + slot * p->sample)
        memcpy(q->data + slot * p->sample, window, p->sample * sizeof *window);
    q->entry[slot] = *e;
}

void an_pool_push(const an_pool *p, an_pool_ring *q, const float *window, const an_pool_entry *e)
{
    if (q->n == q->cap) {
        an_pool_put(p, q, q->head, window, e);
        q->head = (q->head + 1) % q->cap;
        return;
    }
    an_pool_put(p, q, an_pool_slot(q, q->n), window, e);
    q->n++;
}

/* Order is kept in a ring; in the reservoir there is none to keep. */
static void drop(const an_pool *p, an_pool_ring *q, size_t i)
{
    for (; i + 1 < q->n; i++) {
        size_t to = an_pool_slot(q, i), from = an_pool_slot(q, i + 1);
        an_pool_put(p, q, to, q->data + from * p->sample, &q->entry[from]);
    }
    q->n--;
}

static void sample_train(an_pool *p, const float *window, const an_pool_entry *e)
{
    an_pool_ring *q = &p->parts[AN_POOL_TRAIN];
    p->trained++;
    if (q->n < q->cap) {
        an_pool_push(p, q, window, e);
        return;
    }
    uint64_t i = an_rng_below(&p->rng, p->trained);
    if (i < q->cap)
        an_pool_put(p, q, (size_t)i, window, e);
}

/* Blocks of successive windows are on one side; which, follows from the seed alone. */
static bool is_holdout(const an_pool *p)
{
    const uint64_t block = p->offered / p->conf.block;
    return an_mix64(p->conf.seed ^ an_mix64(block + 1)) % 100 < p->conf.holdout_percent;
}

void an_pool_normal(an_pool *p, const float *window, const an_pool_entry *e)
{
    an_pool_entry now = *e;
    now.tag = p->offered;
    if (is_holdout(p)) {
        an_pool_ring *old = &p->parts[AN_POOL_OLD];
        if (old->n < old->cap && !(p->frozen && old->n >= FREEZE_MIN))
            an_pool_push(p, old, window, &now);
        else
            an_pool_push(p, &p->parts[AN_POOL_NEW], window, &now);
    } else {
        sample_train(p, window, &now);
        an_pool_push(p, &p->parts[AN_POOL_RECENT], window, &now);
    }
    p->offered++;
}

void an_pool_add_span(an_pool *p, const float *window, int64_t from_ms, int64_t time_ms, uint64_t alarm_id)
{
    const an_pool_entry e = {.from_ms = from_ms, .time_ms = time_ms, .tag = alarm_id};
    for (size_t i = 0; i < p->sample && !p->conf.gaps; i++)
        if (!isfinite(window[i])) {
            p->refused++;
            return;
        }
    if (alarm_id)
        an_pool_push(p, &p->parts[AN_POOL_HELD], window, &e);
    else
        an_pool_normal(p, window, &e);
}

void an_pool_add(an_pool *p, const float *window, int64_t time_ms, uint64_t alarm_id)
{
    an_pool_add_span(p, window, time_ms, time_ms, alarm_id);
}

void an_pool_hold_since(an_pool *p, int64_t since_ms, uint64_t alarm_id)
{
    static const an_pool_part from[] = {AN_POOL_RECENT, AN_POOL_NEW, AN_POOL_OLD, AN_POOL_TRAIN};
    for (size_t k = 0; k < sizeof from / sizeof *from; k++) {
        an_pool_ring *q = &p->parts[from[k]];
        for (size_t i = q->n; i-- > 0;) {
            const size_t slot = an_pool_slot(q, i);
            an_pool_entry e = q->entry[slot];
            if (e.time_ms < since_ms)
                continue;
            e.tag = alarm_id;
            e.label = AN_POOL_UNLABELLED;
            if (from[k] != AN_POOL_TRAIN) /* those of TRAIN are in RECENT too */
                an_pool_push(p, &p->parts[AN_POOL_HELD], q->data + slot * p->sample, &e);
            drop(p, q, i);
        }
    }
}

/* Which held windows: those of one alarm (0: any) seen since a time. */
typedef struct choice {
    uint64_t alarm_id;
    int64_t since_ms;
    size_t least; /* windows that an alarm must hold since then */
} choice;

/* The end of the run of held windows of one alarm that begins at i; they are pushed together.
 */
static size_t run_end(const an_pool_ring *q, size_t i, int64_t since_ms, size_t *ret_n)
{
    const uint64_t tag = q->entry[an_pool_slot(q, i)].tag;
    size_t n = 0;
    for (; i < q->n && q->entry[an_pool_slot(q, i)].tag == tag; i++)
        n += q->entry[an_pool_slot(q, i)].time_ms >= since_ms;
    *ret_n = n;
    return i;
}

static bool is_chosen(const an_pool_ring *q, size_t slot, const choice *c, size_t in_run)
{
    /* A part too small for so many is full of this alarm. */
    const size_t least = c->least < q->cap ? c->least : q->cap;
    return (c->alarm_id == 0 || q->entry[slot].tag == c->alarm_id) && q->entry[slot].time_ms >= c->since_ms &&
           in_run >= least;
}

/* Takes the chosen windows out of a part, oldest first; they get the label. */
static size_t take(an_pool *p, an_pool_part part, const choice *c, bool confirm, uint32_t label)
{
    an_pool_ring *q = &p->parts[part];
    size_t moved = 0, kept = 0, end = 0, in_run = 0;
    for (size_t i = 0; i < q->n; i++) {
        const size_t slot = an_pool_slot(q, i);
        const float *window = q->data + slot * p->sample;
        an_pool_entry e = q->entry[slot];
        if (i == end)
            end = run_end(q, i, c->since_ms, &in_run);
        if (is_chosen(q, slot, c, in_run)) {
            e.label = label;
            if (confirm)
                an_pool_push(p, &p->parts[AN_POOL_CONFIRMED], window, &e);
            else
                an_pool_normal(p, window, &e);
            moved++;
            continue;
        }
        const size_t to = an_pool_slot(q, kept++);
        if (to != slot)
            an_pool_put(p, q, to, window, &e);
    }
    q->n = kept;
    return moved;
}

size_t an_pool_release(an_pool *p, uint64_t alarm_id)
{
    const choice c = {.alarm_id = alarm_id, .since_ms = INT64_MIN};
    return alarm_id ? take(p, AN_POOL_HELD, &c, false, AN_POOL_LABEL_NORMAL) +
                          take(p, AN_POOL_CONFIRMED, &c, false, AN_POOL_LABEL_NORMAL)
                    : 0;
}

size_t an_pool_release_lasting(an_pool *p, int64_t since_ms, size_t least)
{
    const choice c = {.since_ms = since_ms, .least = least};
    return take(p, AN_POOL_HELD, &c, false, AN_POOL_UNLABELLED);
}

void an_pool_freeze(an_pool *p)
{
    p->frozen = true;
}

void an_pool_settle(an_pool *p)
{
    an_pool_ring *fresh = &p->parts[AN_POOL_NEW];
    for (size_t i = 0; i < fresh->n; i++) {
        const size_t slot = an_pool_slot(fresh, i);
        an_pool_push(p, &p->parts[AN_POOL_OLD], fresh->data + slot * p->sample, &fresh->entry[slot]);
    }
    fresh->n = fresh->head = 0;
}

size_t an_pool_confirm_as(an_pool *p, uint64_t alarm_id, const char *defect)
{
    const choice c = {.alarm_id = alarm_id, .since_ms = INT64_MIN};
    const uint32_t label = an_pool_defect(p, defect);
    an_pool_ring *q = &p->parts[AN_POOL_CONFIRMED];
    for (size_t i = 0; alarm_id && i < q->n; i++) { /* those of before have its newest class */
        const size_t slot = an_pool_slot(q, i);
        an_pool_entry e = q->entry[slot];
        if (e.tag != alarm_id || e.label == label)
            continue;
        e.label = label;
        an_pool_put(p, q, slot, q->data + slot * p->sample, &e);
    }
    return alarm_id ? take(p, AN_POOL_HELD, &c, true, label) : 0;
}

size_t an_pool_confirm(an_pool *p, uint64_t alarm_id)
{
    return an_pool_confirm_as(p, alarm_id, "");
}

size_t an_pool_n(const an_pool *p, an_pool_part which)
{
    return p->parts[which].n;
}

const float *an_pool_get(const an_pool *p, an_pool_part which, size_t i)
{
    const an_pool_ring *q = &p->parts[which];
    return q->data + an_pool_slot(q, i) * p->sample;
}

int64_t an_pool_time(const an_pool *p, an_pool_part which, size_t i)
{
    const an_pool_ring *q = &p->parts[which];
    return q->entry[an_pool_slot(q, i)].time_ms;
}

size_t an_pool_width(const an_pool *p)
{
    return p->conf.width;
}

size_t an_pool_window(const an_pool *p)
{
    return p->conf.window;
}

uint64_t an_pool_seen(const an_pool *p)
{
    return p->offered;
}

uint64_t an_pool_refused(const an_pool *p)
{
    return p->refused;
}

an_err an_pool_copy(const an_pool *p, unsigned parts, int64_t since_ms, float **ret, size_t *ret_n)
{
    size_t n = 0, at = 0;
    for (unsigned k = 0; k < AN_POOL_PARTS; k++)
        if (parts & (1u << k))
            n += p->parts[k].n;
    float *all = an_alloc(n * p->sample, sizeof *all);
    if (!all)
        return AN_ERR_NOMEM;
    for (unsigned k = 0; k < AN_POOL_PARTS; k++) {
        for (size_t i = 0; (parts & (1u << k)) && i < p->parts[k].n; i++) {
            if (an_pool_time(p, (an_pool_part)k, i) < since_ms)
                continue;
            memcpy(all + at++ * p->sample, an_pool_get(p, (an_pool_part)k, i), p->sample * sizeof *all);
        }
    }
    *ret = all;
    *ret_n = at;
    return AN_OK;
}

typedef struct stamp {
    int64_t time_ms;
    const float *window;
} stamp;

static int by_time(const void *a, const void *b)
{
    const stamp *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    return (x->window > y->window) - (x->window < y->window);
}

an_err an_pool_copy_in_order(const an_pool *p, unsigned parts, int64_t since_ms, float **ret, size_t *ret_n)
{
    size_t all = 0, n = 0;
    an_err err = AN_ERR_NOMEM;
    for (unsigned k = 0; k < AN_POOL_PARTS; k++)
        if (parts & (1u << k))
            all += p->parts[k].n;
    stamp *stamps = an_alloc(all, sizeof *stamps);
    if (!stamps)
        return AN_ERR_NOMEM;
    for (unsigned k = 0; k < AN_POOL_PARTS; k++)
        for (size_t i = 0; (parts & (1u << k)) && i < p->parts[k].n; i++)
            if (an_pool_time(p, (an_pool_part)k, i) >= since_ms)
                stamps[n++] =
                    (stamp){an_pool_time(p, (an_pool_part)k, i), an_pool_get(p, (an_pool_part)k, i)};
    qsort(stamps, n, sizeof *stamps, by_time);
    float *copy = an_alloc(n * p->sample, sizeof *copy);
    if (!copy)
        goto out;
    for (size_t i = 0; i < n; i++)
        memcpy(copy + i * p->sample, stamps[i].window, p->sample * sizeof *copy);
    *ret = copy;
    *ret_n = n;
    err = AN_OK;
out:
    an_free(stamps);
    return err;
}

an_err an_pool_copy_lasting(const an_pool *p, int64_t since_ms, size_t least, float **ret, size_t *ret_n)
{
    const an_pool_ring *q = &p->parts[AN_POOL_HELD];
    const choice c = {.since_ms = since_ms, .least = least};
    float *all = an_alloc(q->n * p->sample, sizeof *all);
    size_t n = 0, end = 0, in_run = 0;
    if (!all)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < q->n; i++) {
        if (i == end)
            end = run_end(q, i, since_ms, &in_run);
        if (is_chosen(q, an_pool_slot(q, i), &c, in_run))
            memcpy(all + n++ * p->sample, an_pool_get(p, AN_POOL_HELD, i), p->sample * sizeof *all);
    }
    *ret = all;
    *ret_n = n;
    return AN_OK;
}
