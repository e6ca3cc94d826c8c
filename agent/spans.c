/* Stretches in the order of their begins, each with the latest end so far: going back from the last that begins in time,
 * none before one whose latest end is too early can overlap. */
#include "agent/spans.h"

#include <stdlib.h>

#include "base/mem.h"

bool an_spans_add(an_spans *s, int64_t from_ms, int64_t to_ms, size_t of)
{
    if (!an_grow(&s->items, &s->cap, s->n + 1, sizeof *s->items))
        return false;
    s->items[s->n++] = (an_span){.from_ms = from_ms, .to_ms = to_ms, .of = of};
    return true;
}

static int earlier_first(const void *a, const void *b)
{
    const an_span *x = a, *y = b;
    if (x->from_ms != y->from_ms)
        return x->from_ms < y->from_ms ? -1 : 1;
    return (x->of > y->of) - (x->of < y->of);
}

void an_spans_sort(an_spans *s)
{
    if (s->n > 0)
        qsort(s->items, s->n, sizeof *s->items, earlier_first);
    for (size_t i = 0; i < s->n; i++) {
        s->items[i].latest_ms = s->items[i].to_ms;
        if (i > 0 && s->items[i - 1].latest_ms > s->items[i].latest_ms)
            s->items[i].latest_ms = s->items[i - 1].latest_ms;
    }
}

/* How many begin at or before t. */
static size_t begun(const an_spans *s, int64_t t)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (s->items[mid].from_ms <= t)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool an_spans_before(const an_spans *s, size_t *at, int64_t from_ms, int64_t to_ms, size_t *ret_of)
{
    const size_t most = begun(s, to_ms);
    for (size_t i = *at < most ? *at : most; i > 0 && s->items[i - 1].latest_ms >= from_ms; i--) {
        if (s->items[i - 1].to_ms < from_ms)
            continue;
        *at = i - 1;
        *ret_of = s->items[i - 1].of;
        return true;
    }
    *at = 0;
    return false;
}

void an_spans_done(an_spans *s)
{
    an_free(s->items);
    *s = (an_spans){.n = 0};
}
