/* pool_internal.h - what the files of the sample pool share. */
#ifndef AN_AGENT_POOL_INTERNAL_H
#define AN_AGENT_POOL_INTERNAL_H

#include <stdbool.h>

#include "agent/pool.h"
#include "base/rng.h"
#include "base/terms.h"

/* What is known of a window beside its values. */
typedef struct an_pool_entry {
    int64_t from_ms, time_ms; /* of its first and last row */
    uint64_t tag;   /* HELD and CONFIRMED: the alarm, or AN_POOL_SAID and the begin of what was said */
    uint32_t label; /* an_pool_label_of */
} an_pool_entry;
#define AN_POOL_SAID (UINT64_C(1) << 63)

typedef struct an_pool_ring {
    size_t cap, n;
    size_t head;          /* oldest entry; always 0 in a reservoir */
    float *data;          /* (cap, sample) */
    an_pool_entry *entry; /* (cap) */
} an_pool_ring;

struct an_pool {
    an_pool_conf conf;
    size_t sample; /* floats of a window */
    an_pool_ring parts[AN_POOL_PARTS];
    uint64_t offered; /* normal windows: which block is next */
    uint64_t trained; /* of them to TRAIN */
    uint64_t refused;
    bool frozen;
    char classes[AN_POOL_CLASSES]
                [AN_NAME_MAX]; /* (n_classes) of defects, in the order in which they were named */
    size_t n_classes;
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

/* As an_pool_new, but its memory is not touched: that takes no time between two rows, and none of what stays unused. */
an_err an_pool_new_unset(const an_pool_conf *conf, an_pool **ret);

/* What stands in a slot is about to change: it goes to the copy that is being made. */
void an_pool_twin_keep(const an_pool *p, const an_pool_ring *q, size_t slot);

/* Appends; the oldest makes room. */
void an_pool_push(const an_pool *p, an_pool_ring *q, const float *window, const an_pool_entry *e);
void an_pool_put(const an_pool *p, an_pool_ring *q, size_t slot, const float *window, const an_pool_entry *e);
/* The window becomes normal operation. */
void an_pool_normal(an_pool *p, const float *window, const an_pool_entry *e);
/* The label of a defect of this class; "": none was named. */
uint32_t an_pool_defect(an_pool *p, const char *defect);

#endif
