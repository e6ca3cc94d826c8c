/* trace.h - the last rows of a line as they came, so that an alarm can show what its sensors did.
 *
 *     an_trace *t = an_trace_new(width);
 *     an_trace_row(t, time_ms, values);                    each row, before it is scored
 *     an_trace_score(t, score);                            ... if it has one
 *     text = an_trace_text(t, &view);                      at an alarm: JSON, an_free
 *     an_trace_free(t);
 *
 * Rows cost a copy; only the text allocates.  Threads: one. */
#ifndef AN_AGENT_TRACE_H
#define AN_AGENT_TRACE_H

#include <stddef.h>
#include <stdint.h>

#define AN_TRACE_ROWS 240 /* fewer of very wide lines */
#define AN_TRACE_SENSORS 3

typedef struct an_trace an_trace;
an_trace *an_trace_new(size_t width); /* NULL: out of memory */
void an_trace_free(an_trace *t);

void an_trace_row(an_trace *t, int64_t time_ms, const float *values); /* (width); NaN: missing */
void an_trace_score(an_trace *t, double score);                       /* of the last row */
/* Time of the oldest row that is kept; INT64_MAX: there is none. */
int64_t an_trace_from(const an_trace *t);

typedef struct an_trace_view {
    const size_t *sensors; /* (n) */
    size_t n;
    const char *const *names, *const *units; /* (width); a unit may be NULL */
    const float *near;                       /* (near_rows, width) the nearest normal window; NULL: unknown */
    size_t near_rows;
} an_trace_view;
/* {"time_ms": [...], "scores": [...], "sensors": [{"sensor", "unit", "values": [...], "near": [...]}]}.  NULL: out of memory. */
char *an_trace_text(const an_trace *t, const an_trace_view *v);

#endif
