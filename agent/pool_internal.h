/* pool_internal.h - what the files of the sample pool share. */
#ifndef AN_AGENT_POOL_INTERNAL_H
#define AN_AGENT_POOL_INTERNAL_H

#include <stdbool.h>

#include "agent/pool.h"
#include "base/rng.h"

typedef struct an_pool_ring {
    size_t cap, n;
    size_t head;      /* oldest entry; always 0 in a reservoir */
    float *data;      /* (cap, sample) */
    int64_t *time_ms; /* (cap) */
    uint64_t *tag;    /* (cap) alarm id; number of the window elsewhere */
} an_pool_ring;

struct an_pool {
    an_pool_conf conf;
    size_t sample; /* floats of a window */
    an_pool_ring parts[AN_POOL_PARTS];
    uint64_t offered; /* normal windows: which block is next */
    uint64_t trained; /* of them to TRAIN */
    uint64_t refused;
    bool frozen;
    an_rng rng;

    an_pool *twin;                 /* a copy in the making; NULL: none */
    bool *twin_has[AN_POOL_PARTS]; /* (cap) slots that are in it already, or were not used */
    size_t twin_part, twin_slot;   /* where the next piece begins */
};

/* Where entry i is; 0 = oldest. */
static inline size_t an_pool_slot(const an_pool_ring *q, size_t i)
{
    return (q->head + i) % q->cap;
}

/* What stands in a slot is about to change: it goes to the copy that is being made. */
void an_pool_twin_keep(const an_pool *p, const an_pool_ring *q, size_t slot);

/* Appends; the oldest makes room. */
void an_pool_push(const an_pool *p, an_pool_ring *q, const float *window, int64_t time_ms, uint64_t tag);

#endif
