/* What people have said of windows.  A defect takes every window that it touches; what was good only those that lie within it,
 * for of a window that is longer than the piece nobody has said all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/pool_internal.h"
#include "agent/spans.h"
#include "base/mem.h"
#include "msg/msg.h"

uint32_t an_pool_defect(an_pool *p, const char *defect)
{
    if (!defect || !defect[0])
        return AN_POOL_LABEL_DEFECT;
    for (size_t i = 0; i < p->n_classes; i++)
        if (strcmp(p->classes[i], defect) == 0)
            return AN_POOL_LABEL_DEFECT + 1 + (uint32_t)i;
    if (p->n_classes == AN_POOL_CLASSES)
        return AN_POOL_LABEL_DEFECT;
    an_text_set(p->classes[p->n_classes], AN_NAME_MAX, defect);
    return AN_POOL_LABEL_DEFECT + (uint32_t)++p->n_classes;
}

static const an_pool_entry *entry_at(const an_pool *p, an_pool_part part, size_t i)
{
    const an_pool_ring *q = &p->parts[part];
    return &q->entry[an_pool_slot(q, i)];
}

const char *an_pool_label_of(const an_pool *p, an_pool_part part, size_t i)
{
    static const char *const names[] = {"", "normal", "defect"};
    const uint32_t label = entry_at(p, part, i)->label;
    return label <= AN_POOL_LABEL_DEFECT ? names[label] : p->classes[label - AN_POOL_LABEL_DEFECT - 1];
}

int64_t an_pool_from(const an_pool *p, an_pool_part part, size_t i)
{
    return entry_at(p, part, i)->from_ms;
}

uint64_t an_pool_alarm(const an_pool *p, an_pool_part part, size_t i)
{
    const uint64_t tag = entry_at(p, part, i)->tag;
    return (part == AN_POOL_HELD || part == AN_POOL_CONFIRMED) && !(tag & AN_POOL_SAID) ? tag : 0;
}

size_t an_pool_labelled(const an_pool *p)
{
    static const an_pool_part parts[] = {AN_POOL_RECENT, AN_POOL_OLD, AN_POOL_NEW};
    size_t n = 0;
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        for (size_t i = 0; i < p->parts[parts[k]].n; i++)
            n += entry_at(p, parts[k], i)->label == AN_POOL_LABEL_NORMAL;
    return n;
}

/* ---- marks ---- */

typedef struct marks {
    const an_pool_mark *items;
    an_spans bad, good;
} marks;

static uint64_t tag_of(const an_pool_mark *m)
{
    return AN_POOL_SAID | ((uint64_t)m->from_ms & ~AN_POOL_SAID);
}

/* The defect that the window touches; NULL: none. */
static const an_pool_mark *touched(const marks *m, const an_pool_entry *e)
{
    size_t of, at = m->bad.n;
    return an_spans_before(&m->bad, &at, e->from_ms, e->time_ms, &of) ? &m->items[of] : NULL;
}

/* Is it said to be good: it lies within such a stretch, or was taken for a defect that was none? */
static bool is_good(const marks *m, const an_pool_entry *e)
{
    size_t of;
    for (size_t at = m->good.n; an_spans_before(&m->good, &at, e->from_ms, e->time_ms, &of);) {
        const an_pool_mark *mark = &m->items[of];
        if (mark->from_ms <= e->from_ms && mark->to_ms >= e->time_ms)
            return true;
        if (e->tag == tag_of(mark) && e->label >= AN_POOL_LABEL_DEFECT)
            return true;
    }
    return false;
}

static bool is_confirmed(const an_pool *p, const an_pool_entry *e)
{
    for (size_t i = 0; i < p->parts[AN_POOL_CONFIRMED].n; i++) {
        const an_pool_entry *other = entry_at(p, AN_POOL_CONFIRMED, i);
        if (other->time_ms == e->time_ms && other->from_ms == e->from_ms)
            return true;
    }
    return false;
}

/* Where a window goes that is `bad`, or good if that is NULL.  True: it has left its part. */
static bool move(an_pool *p, an_pool_part part, const float *window, an_pool_entry *e,
                 const an_pool_mark *bad, uint32_t label)
{
    const bool aside = part == AN_POOL_HELD || part == AN_POOL_CONFIRMED;
    e->label = label;
    if (bad && part != AN_POOL_CONFIRMED) {
        if (part != AN_POOL_HELD)
            e->tag = tag_of(bad);
        if (!is_confirmed(p, e)) /* those of TRAIN are mostly in RECENT too */
            an_pool_push(p, &p->parts[AN_POOL_CONFIRMED], window, e);
    } else if (!bad && aside) {
        an_pool_normal(p, window, e);
    } else {
        return false;
    }
    return true;
}

static size_t mark_part(an_pool *p, an_pool_part part, const marks *m)
{
    an_pool_ring *q = &p->parts[part];
    size_t changed = 0, kept = 0;
    const size_t n = q->n;
    for (size_t i = 0; i < n; i++) {
        const size_t slot = an_pool_slot(q, i);
        const float *window = q->data + slot * p->sample;
        an_pool_entry e = q->entry[slot];
        const an_pool_mark *bad = touched(m, &e);
        const bool good = !bad && is_good(m, &e);
        const uint32_t was = e.label, label = bad    ? an_pool_defect(p, bad->defect)
                                              : good ? (uint32_t)AN_POOL_LABEL_NORMAL
                                                     : was;
        const bool moved = (bad || good) && move(p, part, window, &e, bad, label);
        changed += moved || label != was;
        const size_t to = an_pool_slot(q, kept);
        if (!moved && (to != slot || label != was)) /* what does not change is not copied for a twin */
            an_pool_put(p, q, to, window, &e);
        kept += !moved;
    }
    q->n = kept;
    return changed;
}

an_err an_pool_mark_all(an_pool *p, const an_pool_mark *items, size_t n, size_t *ret_changed)
{
    static const an_pool_part order[] = {AN_POOL_CONFIRMED, AN_POOL_HELD, AN_POOL_RECENT,
                                         AN_POOL_NEW,       AN_POOL_OLD,  AN_POOL_TRAIN};
    marks m = {.items = items};
    bool ok = true;
    size_t changed = 0;
    for (size_t i = 0; i < n && ok; i++)
        ok = an_spans_add(items[i].defective ? &m.bad : &m.good, items[i].from_ms, items[i].to_ms, i);
    an_spans_sort(&m.bad);
    an_spans_sort(&m.good);
    for (size_t k = 0; ok && k < sizeof order / sizeof *order; k++)
        changed += mark_part(p, order[k], &m);
    an_spans_done(&m.bad);
    an_spans_done(&m.good);
    if (ok && ret_changed)
        *ret_changed = changed;
    return ok ? AN_OK : AN_ERR_NOMEM;
}
