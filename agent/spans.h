/* spans.h - which of many stretches of time overlap a given one.
 *
 *     an_spans s = {0};
 *     ok = an_spans_add(&s, from_ms, to_ms, i);      each; i is the caller's
 *     an_spans_sort(&s);
 *     for (size_t at = s.n; an_spans_before(&s, &at, from_ms, to_ms, &i);) ...
 *     an_spans_done(&s);
 *
 * Both ends belong to a stretch.
 *
 * Threads: plain data. */
#ifndef AN_AGENT_SPANS_H
#define AN_AGENT_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct an_span {
    int64_t from_ms, to_ms;
    int64_t latest_ms; /* end of this one and of all before it */
    size_t of;
} an_span;

typedef struct an_spans {
    an_span *items; /* (n) */
    size_t n, cap;
} an_spans;

bool an_spans_add(an_spans *s, int64_t from_ms, int64_t to_ms, size_t of); /* False: out of memory */
void an_spans_sort(an_spans *s);
/* The next one that overlaps [from_ms, to_ms], from the last to begin on.  *at: s->n at first.  False: no more. */
bool an_spans_before(const an_spans *s, size_t *at, int64_t from_ms, int64_t to_ms, size_t *ret_of);
void an_spans_done(an_spans *s);

#endif
