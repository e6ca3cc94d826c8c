/* What is asked of a slave, and what the answer means.
 *
 *     tags      100 101-102      110      400          gap 8
 *     blocks   [100 ......... 110]       [400]
 *
 * A slave that has a hole in its map refuses a block with "illegal data address": the block is parted at its
 * largest hole, and stays so. */
#include "agent/sources/modbus_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int modbus_tag_size(const modbus_tag *t)
{
    static const int sizes[] = {[MODBUS_BOOL] = 1,   [MODBUS_INT16] = 1,   [MODBUS_UINT16] = 1,
                                [MODBUS_INT32] = 2,  [MODBUS_UINT32] = 2,  [MODBUS_INT64] = 4,
                                [MODBUS_UINT64] = 4, [MODBUS_FLOAT32] = 2, [MODBUS_FLOAT64] = 4};
    return sizes[t->kind];
}

/* The number's bytes with the highest first, whatever order the device keeps them in. */
static uint64_t join(const modbus_tag *t, const uint16_t *words)
{
    const int n = modbus_tag_size(t);
    const bool low_first = t->order == MODBUS_DCBA || t->order == MODBUS_CDAB;
    const bool swapped = t->order == MODBUS_DCBA || t->order == MODBUS_BADC;
    uint64_t all = 0;
    for (int i = 0; i < n; i++) {
        uint16_t w = words[low_first ? n - 1 - i : i];
        if (swapped)
            w = (uint16_t)((w << 8) | (w >> 8));
        all = all << 16 | w;
    }
    return all;
}

static double number(const modbus_tag *t, uint64_t all)
{
    const uint32_t half = (uint32_t)all;
    float f;
    double d;
    switch (t->kind) {
    case MODBUS_BOOL:
        return t->bit >= 0 ? (double)(all >> t->bit & 1) : all != 0;
    case MODBUS_INT16:
        return (int16_t)all;
    case MODBUS_INT32:
        return (int32_t)half;
    case MODBUS_INT64:
        return (double)(int64_t)all;
    case MODBUS_UINT16:
    case MODBUS_UINT32:
    case MODBUS_UINT64:
        return (double)all;
    case MODBUS_FLOAT32:
        memcpy(&f, &half, sizeof f);
        return (double)f;
    case MODBUS_FLOAT64:
        memcpy(&d, &all, sizeof d);
        return d;
    }
    return NAN;
}

double modbus_tag_value(const modbus_tag *t, const uint16_t *words)
{
    const double value = number(t, join(t, words));
    for (size_t i = 0; i < t->n_invalid; i++)
        if (value == t->invalid[i])
            return NAN;
    return isfinite(value) ? value : NAN;
}

static int by_address(const void *a, const void *b)
{
    const modbus_tag *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return modbus_tag_size(x) - modbus_tag_size(y);
}

static int end_of(const modbus_tag *t)
{
    return t->address + modbus_tag_size(t);
}

an_err modbus_plan_make(modbus_plan *p, modbus_tag *tags, size_t n, int gap, int words_max, int bits_max)
{
    modbus_block *blocks = an_alloc(n ? n : 1, sizeof *blocks);
    if (!blocks)
        return AN_ERR_NOMEM;
    qsort(tags, n, sizeof *tags, by_address);
    size_t n_blocks = 0;
    modbus_block *b = NULL;
    for (size_t i = 0; i < n; i++) {
        const modbus_tag *t = &tags[i];
        const int most = t->table <= AN_MODBUS_DISCRETE ? bits_max : words_max;
        if (!b || b->table != t->table || t->address - (b->address + b->n) > gap ||
            end_of(t) - b->address > most) {
            b = &blocks[n_blocks++];
            *b = (modbus_block){.table = t->table, .address = t->address, .first = i};
        }
        b->count++;
        if (end_of(t) - b->address > b->n)
            b->n = end_of(t) - b->address;
    }
    *p = (modbus_plan){.tags = tags, .n = n, .blocks = blocks, .n_blocks = n_blocks};
    return AN_OK;
}

void modbus_plan_done(modbus_plan *p)
{
    an_free(p->tags);
    an_free(p->blocks);
    *p = (modbus_plan){0};
}

static modbus_block block_of(const modbus_plan *p, size_t first, size_t count)
{
    modbus_block b = {
        .table = p->tags[first].table, .address = p->tags[first].address, .first = first, .count = count};
    for (size_t i = first; i < first + count; i++)
        if (end_of(&p->tags[i]) - b.address > b.n)
            b.n = end_of(&p->tags[i]) - b.address;
    return b;
}

bool modbus_plan_split(modbus_plan *p, size_t block)
{
    const modbus_block old = p->blocks[block];
    size_t best = 0;
    int best_hole = -1;
    size_t best_off = 0;
    int end = end_of(&p->tags[old.first]);
    for (size_t i = 1; i < old.count; i++) {
        const modbus_tag *t = &p->tags[old.first + i];
        const int hole = t->address > end ? t->address - end : 0;
        const size_t off = i > old.count / 2 ? i - old.count / 2 : old.count / 2 - i;
        if (t->address != t[-1].address && (hole > best_hole || (hole == best_hole && off < best_off))) {
            best = i;
            best_hole = hole;
            best_off = off;
        }
        if (end_of(t) > end)
            end = end_of(t);
    }
    if (best == 0)
        return false;
    memmove(&p->blocks[block + 1], &p->blocks[block], (p->n_blocks - block) * sizeof *p->blocks);
    p->n_blocks++;
    p->blocks[block] = block_of(p, old.first, best);
    p->blocks[block + 1] = block_of(p, old.first + best, old.count - best);
    return true;
}
