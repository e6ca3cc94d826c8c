/* Where the buffers of a pass lie.  A pass is a line of moments: forward of each layer, the loss,
 * backward of each layer in the opposite order.
 *
 *     moment   0    1   ...   L-1    L     L+1   ...   2L-1    2L
 *              forward of layer       loss  backward of layer
 *              0    1         L-1          L-1           1      0
 *
 * Each buffer is needed from one moment to another and may share its place with any buffer that is
 * not needed then.  Places are given to the largest buffers first, each in the lowest gap between
 * those that are needed while it is (greedy by size; Pisarchyk and Lee 2020). */
#include <stdint.h>

#include "base/mem.h"
#include "models/model_internal.h"

#define LINE 16u /* floats in a cache line: every buffer starts on one */

enum which { Y, DY, SCRATCH, SCRATCH_BACK, SAVED, EXTRA, KINDS };

/* Those of n = 0 are not there. */
typedef struct buffer {
    size_t n;           /* floats */
    size_t first, last; /* moments */
    size_t at;
} buffer;

typedef struct plan {
    const an_model *m;
    bool train;
    size_t max_batch;
    buffer *all;            /* (n_layers KINDS) */
    size_t *order, n_order; /* those that are there, largest first */
    size_t *placed;         /* those that have a place, lowest first */
} plan;

static buffer *buffer_of(const plan *p, size_t layer, enum which which)
{
    return &p->all[layer * KINDS + which];
}

static size_t backward_of(const plan *p, size_t layer)
{
    return 2 * p->m->n_layers - layer;
}

/* The last moment at which what the layer's backward reads is needed. */
static size_t backward_until(const plan *p, size_t layer)
{
    return p->m->late && p->m->layers[layer].type->weights_back ? 2 * p->m->n_layers : backward_of(p, layer);
}

size_t an_model_floats(size_t n)
{
    return (n + LINE - 1) / LINE * LINE;
}

static size_t floats(const plan *p, size_t fixed, size_t each)
{
    return an_model_floats(fixed + p->max_batch * each);
}

static void need(buffer *b, size_t n, size_t first, size_t last)
{
    b->first = b->n && b->first < first ? b->first : first;
    b->last = b->n && b->last > last ? b->last : last;
    b->n = b->n > n ? b->n : n;
}

/* The layer whose place layer i's output takes. */
static size_t home_of(const an_model *m, size_t i)
{
    while (m->nodes[i].in_place)
        i = m->layers[i].inputs[0].from;
    return i;
}

bool an_model_adds_gradient(const an_model *m, size_t i, size_t k)
{
    const an_layer *l = &m->layers[i];
    const size_t from = l->inputs[k].from;
    if (m->nodes[from].last_reader != i)
        return true;
    for (size_t j = 0; j < k; j++)
        if (l->inputs[j].from == from)
            return true;
    return false;
}

static void need_output(const plan *p, size_t i)
{
    const an_layer *l = &p->m->layers[i];
    buffer *y = buffer_of(p, home_of(p->m, i), Y);
    const size_t n = floats(p, 0, l->out_n);
    need(y, n, i, i + 1 == p->m->n_layers ? p->m->n_layers : i);
    if (p->train && l->type->reads_y)
        need(y, n, i, backward_of(p, i));
    for (size_t k = 0; k < l->n_inputs; k++) {
        if (l->inputs[k].from == AN_LAYER_INPUT)
            continue;
        const bool kept = p->train && (l->type->reads_x || l->mask);
        buffer *x = buffer_of(p, home_of(p->m, l->inputs[k].from), Y);
        need(x, x->n, x->first, kept ? backward_until(p, i) : i);
    }
}

/* A gradient begins with the last reader, which comes first on the way back, or with the loss. */
static void need_gradient(const plan *p, size_t i)
{
    const an_layer *l = &p->m->layers[i];
    const size_t me = backward_of(p, i);
    const bool last = i + 1 == p->m->n_layers;
    size_t extra = 0;
    need(buffer_of(p, home_of(p->m, i), DY), floats(p, 0, l->out_n),
         last ? p->m->n_layers : backward_of(p, p->m->nodes[i].last_reader), backward_until(p, i));
    for (size_t k = 0; k < l->n_inputs; k++)
        if (l->inputs[k].from != AN_LAYER_INPUT && an_model_adds_gradient(p->m, i, k))
            extra += floats(p, 0, l->inputs[k].n);
    if (extra)
        need(buffer_of(p, i, EXTRA), extra, me, me);
}

/* Nobody asks for the gradient of the model's own input. */
static bool gives_dx(const an_layer *l)
{
    for (size_t k = 0; k < l->n_inputs; k++)
        if (l->inputs[k].from != AN_LAYER_INPUT)
            return true;
    return false;
}

static void need_all(const plan *p)
{
    for (size_t i = 0; i < p->m->n_layers; i++) {
        const an_layer *l = &p->m->layers[i];
        const size_t back = p->train ? backward_of(p, i) : i;
        const size_t for_dx = gives_dx(l) ? l->n_scratch_dx_row : 0;
        const size_t scratch = floats(p, l->n_scratch, l->n_scratch_row);
        const size_t scratch_back = floats(p, l->n_scratch, l->n_scratch_row + for_dx);
        const size_t saved = floats(p, l->n_saved, l->n_saved_row);
        need_output(p, i);
        if (scratch)
            need(buffer_of(p, i, SCRATCH), scratch, i, i);
        if (scratch_back && p->train)
            need(buffer_of(p, i, SCRATCH_BACK), scratch_back, back, back);
        if (saved)
            need(buffer_of(p, i, SAVED), saved, i, back);
        if (p->train)
            need_gradient(p, i);
    }
}

/* Stable, so that the places are the same everywhere. */
static void sort_by_size(plan *p)
{
    for (size_t k = 0; k < p->m->n_layers * KINDS; k++) {
        if (p->all[k].n == 0)
            continue;
        size_t j = p->n_order++;
        for (; j > 0 && p->all[p->order[j - 1]].n < p->all[k].n; j--)
            p->order[j] = p->order[j - 1];
        p->order[j] = k;
    }
}

/* Returns the end of the highest. */
static size_t give_places(plan *p)
{
    size_t end = 0;
    for (size_t k = 0; k < p->n_order; k++) {
        buffer *b = &p->all[p->order[k]];
        for (size_t i = 0; i < k; i++) {
            const buffer *other = &p->all[p->placed[i]];
            if (other->first > b->last || b->first > other->last)
                continue;
            if (other->at >= b->at + b->n)
                break; /* it fits below this one, and all that follow are higher */
            b->at = b->at > other->at + other->n ? b->at : other->at + other->n;
        }
        size_t j = k;
        for (; j > 0 && p->all[p->placed[j - 1]].at > b->at; j--)
            p->placed[j] = p->placed[j - 1];
        p->placed[j] = p->order[k];
        end = end > b->at + b->n ? end : b->at + b->n;
    }
    return end;
}

an_err an_model_place(const an_model *m, an_ws_kind kind, size_t max_batch, an_place *places,
                      size_t *ret_size)
{
    plan p = {.m = m, .train = kind == AN_WS_TRAIN, .max_batch = max_batch};
    an_err err = AN_ERR_NOMEM;
    const size_t n = m->n_layers * KINDS;
    p.all = an_alloc(n, sizeof *p.all);
    p.order = an_alloc(n, sizeof *p.order);
    p.placed = an_alloc(n, sizeof *p.placed);
    if (!p.all || !p.order || !p.placed)
        goto out;
    need_all(&p);
    sort_by_size(&p);
    *ret_size = give_places(&p);
    for (size_t i = 0; i < m->n_layers; i++) {
        const size_t home = home_of(m, i);
        places[i] = (an_place){.y = buffer_of(&p, home, Y)->at,
                               .dy = buffer_of(&p, home, DY)->at,
                               .scratch = buffer_of(&p, i, SCRATCH)->at,
                               .scratch_back = buffer_of(&p, i, SCRATCH_BACK)->at,
                               .saved = buffer_of(&p, i, SAVED)->at,
                               .extra = buffer_of(&p, i, EXTRA)->at};
    }
    err = AN_OK;
out:
    an_free(p.all);
    an_free(p.order);
    an_free(p.placed);
    return err;
}
