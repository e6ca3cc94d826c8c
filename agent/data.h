/* data.h - what a site's trainer works on: the parts of the sample pool as plain arrays.
 *
 * All arrays hold raw windows (samples.h) and are borrowed from a snapshot of the pool that
 * does not change while a task runs.
 *
 *     an_site_data data = {.width = 8, .context = 16, .train = {raw, n}};
 *     err = an_data_fit(&data, false, &set);
 *
 * Threads: data only. */
#ifndef AN_AGENT_DATA_H
#define AN_AGENT_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/challenge.h"
#include "base/err.h"

typedef struct an_data_part {
    const float *raw; /* (n, context, width); NULL when n is 0 */
    size_t n;
    const float *labels; /* (n, n_labels) what a model is to say of each window; NULL: nobody knows */
} an_data_part;

typedef struct an_site_data {
    size_t width;       /* sensors */
    size_t context;     /* rows in a raw window */
    size_t n_labels;    /* values that a window's label has; 0: there are no labels */
    an_data_part train; /* the parts of pool.h */
    an_data_part recent;
    an_data_part old;
    an_data_part fresh; /* AN_POOL_NEW */
    an_data_part held;
    an_data_part
        changed; /* all windows since the drift began that this site has reported; none: it has not */
    size_t recent_since, fresh_since; /* the first of them seen since then; 0: all */
    an_data_part confirmed;
    const char *const *sensors; /* (width) names; NULL: no failure modes */
    const an_failure_mode *modes;
    size_t n_modes;
} an_site_data;

/* Which windows of a part: blocks of successive windows are counted modulo `modulus`, and those
 * numbered [from, to) are taken, so that neighbours stay on one side.  A block has
 * AN_DATA_BLOCK windows, or a tenth of the part if that is less. */
#define AN_DATA_BLOCK 32
typedef struct an_data_pick {
    const an_data_part *part;
    uint32_t modulus; /* 0: the whole part */
    uint32_t from, to;
} an_data_pick;

/* Windows with their labels. */
typedef struct an_data_set {
    float *raw; /* (n, context, width) */
    size_t n;
    float *labels; /* (n, n_labels); NULL: of some of the windows there are none */
} an_data_set;
void an_data_set_done(an_data_set *s);
static inline an_data_part an_data_part_of(const an_data_set *s)
{
    return (an_data_part){.raw = s->raw, .n = s->n, .labels = s->labels};
}

/* The windows of all picks, one after the other: the caller's (an_data_set_done). Errors: NOMEM. */
an_err an_data_gather(const an_site_data *data, const an_data_pick *picks, size_t n_picks, an_data_set *ret);

/* What may be fitted on: TRAIN and RECENT and, with held, four fifths of the held windows.  After a change
 * of the line RECENT and HELD are what was seen since, repeated until they are about half of all: a
 * scaler and parameters are for the line as it is, and remember what it was. */
an_err an_data_fit(const an_site_data *data, bool held, an_data_set *ret);
/* What an incremental round calls new: RECENT and, with held, four fifths of the held windows.  Where a
 * drift was reported, what came before it is not new. */
an_err an_data_new(const an_site_data *data, bool held, an_data_set *ret);
/* What was held out: OLD, NEW and, with held, the other fifth of the held windows.  Judging
 * wants windows that no threshold was made from: half 0 and half 1 share no block; half -1 is
 * all.  "New" as above, unless no window would be left. */
an_err an_data_holdout_old(const an_site_data *data, int half, an_data_set *ret);
an_err an_data_holdout_new(const an_site_data *data, bool held, int half, an_data_set *ret);
an_err an_data_holdout(const an_site_data *data, bool held, int half, an_data_set *ret);

#endif
