/* A copy of the pool, made while the pool goes on: copy on write, slot by slot. */
#include <string.h>

#include "agent/pool_internal.h"
#include "base/mem.h"

static void copy(const an_pool *p, size_t part, size_t slot)
{
    const an_pool_ring *from = &p->parts[part], *to = &p->twin->parts[part];
    memcpy(to->data + slot * p->sample, from->data + slot * p->sample, p->sample * sizeof *to->data);
    to->entry[slot] = from->entry[slot];
    p->twin_has[part][slot] = true;
}

void an_pool_twin_keep(const an_pool *p, const an_pool_ring *q, size_t slot)
{
    const size_t part = (size_t)(q - p->parts);
    if (!p->twin_has[part][slot])
        copy(p, part, slot);
}

/* Only slots in use are to be copied. */
static void mark_unused(an_pool *p, size_t part)
{
    const an_pool_ring *q = &p->parts[part];
    for (size_t i = q->n; i < q->cap; i++)
        p->twin_has[part][an_pool_slot(q, i)] = true;
}

an_err an_pool_twin_begin(an_pool *p)
{
    if (p->twin)
        return AN_ERR_STATE;
    an_pool *twin = NULL;
    an_err err = an_pool_new_unset(&p->conf, &twin);
    for (size_t k = 0; k < AN_POOL_PARTS && err == AN_OK; k++)
        if (!(p->twin_has[k] = an_alloc(p->parts[k].cap, sizeof *p->twin_has[k])))
            err = AN_ERR_NOMEM;
    p->twin = twin;
    if (err != AN_OK) {
        an_pool_twin_drop(p);
        return AN_ERR_NOMEM;
    }
    twin->offered = p->offered;
    twin->trained = p->trained;
    twin->refused = p->refused;
    twin->frozen = p->frozen;
    twin->n_classes = p->n_classes;
    memcpy(twin->classes, p->classes, sizeof twin->classes);
    twin->rng = p->rng;
    for (size_t k = 0; k < AN_POOL_PARTS; k++) {
        twin->parts[k].n = p->parts[k].n;
        twin->parts[k].head = p->parts[k].head;
        mark_unused(p, k);
    }
    p->twin_part = p->twin_slot = 0;
    return AN_OK;
}

bool an_pool_twin_step(an_pool *p, size_t bytes)
{
    const size_t windows = bytes / (p->sample * sizeof(float)) + 1;
    for (size_t done = 0; p->twin_part < AN_POOL_PARTS && done < windows;) {
        const size_t part = p->twin_part, slot = p->twin_slot++;
        if (slot == p->parts[part].cap) {
            p->twin_part++;
            p->twin_slot = 0;
        } else if (!p->twin_has[part][slot]) {
            copy(p, part, slot);
            done++;
        }
    }
    return p->twin_part == AN_POOL_PARTS;
}

an_pool *an_pool_twin_take(an_pool *p)
{
    an_pool *twin = p->twin_part == AN_POOL_PARTS ? p->twin : NULL;
    if (twin)
        p->twin = NULL;
    an_pool_twin_drop(p);
    return twin;
}

void an_pool_twin_drop(an_pool *p)
{
    an_pool_free(p->twin);
    p->twin = NULL;
    for (size_t k = 0; k < AN_POOL_PARTS; k++) {
        an_free(p->twin_has[k]);
        p->twin_has[k] = NULL;
    }
}
