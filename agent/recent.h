/* recent.h - the scores of a line over its last minutes, for a screen beside it: one point for each second that had rows.
 *
 *     an_recent *r = an_recent_new();
 *     an_recent_add(r, now_ms, &row);                       the line's thread, each row
 *     n = an_recent_read(r, since_ms, points, AN_RECENT);   any thread
 *     an_recent_free(r);
 *
 * Threads: one adds, and never waits, locks or allocates; any number read.  A reader leaves out a point that is written just
 * then. */
#ifndef AN_AGENT_RECENT_H
#define AN_AGENT_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AN_RECENT 600 /* points: ten minutes of a line with a row a second or more */

typedef struct an_recent_row {
    int64_t time_ms; /* by the source's clock */
    double score;    /* 1: the threshold; NaN: it has none */
    bool alarm;      /* of the model, is open */
} an_recent_row;

typedef struct an_recent_point {
    int64_t at_ms;    /* this computer's, the second's beginning */
    int64_t time_ms;  /* of its last row */
    float most, last; /* scores; NaN: no row had one */
    uint32_t rows;
    bool alarm;
} an_recent_point;

typedef struct an_recent an_recent;
an_recent *an_recent_new(void); /* NULL: out of memory */
void an_recent_free(an_recent *r);

void an_recent_add(an_recent *r, int64_t now_ms, const an_recent_row *row);
/* Points that begin at since_ms or later, oldest first; ret: (cap). */
size_t an_recent_read(const an_recent *r, int64_t since_ms, an_recent_point *ret, size_t cap);

#endif
