/* A ring of points.  Each has a counter that is odd while the point is written; who reads it looks at the counter before and
 * after, and takes the point if it is the same and even (Lamport 1977).  Each part is released and acquired in place of
 * fences (Boehm 2012), which the thread sanitizer does not know: who sees a new part sees the odd counter before it, too. */
#include "agent/recent.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"

#define SECOND_MS 1000
#define TRIES 4
#define ALARM (UINT64_C(1) << 32)

typedef struct slot {
    atomic_uint seq;
    _Atomic int64_t at_ms, time_ms;
    _Atomic uint64_t scores; /* bits of two floats */
    _Atomic uint64_t counts; /* rows, ALARM */
} slot;

struct an_recent {
    _Atomic uint64_t n;  /* points that were begun */
    an_recent_point now; /* of the line's thread */
    slot slots[AN_RECENT];
};

an_recent *an_recent_new(void)
{
    return an_alloc(1, sizeof(an_recent));
}

void an_recent_free(an_recent *r)
{
    an_free(r);
}

static void put(slot *s, const an_recent_point *p)
{
    uint32_t bits[2];
    memcpy(&bits[0], &p->most, sizeof bits[0]);
    memcpy(&bits[1], &p->last, sizeof bits[1]);
    const unsigned seq = atomic_load_explicit(&s->seq, memory_order_relaxed);
    atomic_store_explicit(&s->seq, seq + 1, memory_order_relaxed);
    atomic_store_explicit(&s->at_ms, p->at_ms, memory_order_release);
    atomic_store_explicit(&s->time_ms, p->time_ms, memory_order_release);
    atomic_store_explicit(&s->scores, (uint64_t)bits[0] << 32 | bits[1], memory_order_release);
    atomic_store_explicit(&s->counts, p->rows | (p->alarm ? ALARM : 0), memory_order_release);
    atomic_store_explicit(&s->seq, seq + 2, memory_order_release);
}

void an_recent_add(an_recent *r, int64_t now_ms, const an_recent_row *row)
{
    const int64_t at_ms = now_ms - now_ms % SECOND_MS;
    uint64_t n = atomic_load_explicit(&r->n, memory_order_relaxed);
    an_recent_point *p = &r->now;
    if (n == 0 || p->at_ms != at_ms) {
        *p = (an_recent_point){.at_ms = at_ms, .most = NAN, .last = NAN};
        n++;
    }
    p->time_ms = row->time_ms;
    p->rows += p->rows < UINT32_MAX;
    p->alarm = p->alarm || row->alarm;
    if (isfinite(row->score)) {
        p->last = (float)row->score;
        p->most = p->most > p->last ? p->most : p->last;
    }
    put(&r->slots[(n - 1) % AN_RECENT], p);
    atomic_store_explicit(&r->n, n, memory_order_release);
}

static bool get(const slot *s, an_recent_point *ret)
{
    for (int i = 0; i < TRIES; i++) {
        const unsigned before = atomic_load_explicit(&s->seq, memory_order_acquire);
        const int64_t at_ms = atomic_load_explicit(&s->at_ms, memory_order_acquire);
        const int64_t time_ms = atomic_load_explicit(&s->time_ms, memory_order_acquire);
        const uint64_t scores = atomic_load_explicit(&s->scores, memory_order_acquire);
        const uint64_t counts = atomic_load_explicit(&s->counts, memory_order_acquire);
        if (before % 2 != 0 || atomic_load_explicit(&s->seq, memory_order_relaxed) != before)
            continue;
        const uint32_t bits[2] = {(uint32_t)(scores >> 32), (uint32_t)scores};
        *ret = (an_recent_point){
            .at_ms = at_ms, .time_ms = time_ms, .rows = (uint32_t)counts, .alarm = (counts & ALARM) != 0};
        memcpy(&ret->most, &bits[0], sizeof bits[0]);
        memcpy(&ret->last, &bits[1], sizeof bits[1]);
        return true;
    }
    return false;
}

size_t an_recent_read(const an_recent *r, int64_t since_ms, an_recent_point *ret, size_t cap)
{
    const uint64_t end = atomic_load_explicit(&r->n, memory_order_acquire);
    uint64_t at = end > AN_RECENT ? end - AN_RECENT : 0;
    size_t n = 0;
    an_recent_point p;
    for (; at < end && n < cap; at++)
        if (get(&r->slots[at % AN_RECENT], &p) && p.at_ms >= since_ms)
            ret[n++] = p;
    return n;
}
