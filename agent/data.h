/* data.h - what a site's trainer works on: the parts of the sample pool as plain arrays.
 *
 * All arrays hold raw windows (samples.h) and are borrowed from a snapshot of the pool that does
 * not change while a task runs.
 *
 *     an_site_data data = {.width = 8, .context = 16, .train = {raw, n}};
 *
 * Threads: data only. */
#ifndef AN_AGENT_DATA_H
#define AN_AGENT_DATA_H

#include <stddef.h>

#include "agent/challenge.h"
#include "base/err.h"

typedef struct an_data_part {
    const float *raw; /* (n, context, width); NULL when n is 0 */
    size_t n;
} an_data_part;

typedef struct an_site_data {
    size_t width;   /* sensors */
    size_t context; /* rows in a raw window */
    an_data_part train;     /* the parts of pool.h */
    an_data_part recent;
    an_data_part old;
    an_data_part fresh;     /* AN_POOL_NEW */
    an_data_part held;
    an_data_part confirmed;
    const char *const *sensors; /* (width) names; NULL: no failure modes */
    const an_failure_mode *modes;
    size_t n_modes;
} an_site_data;

/* Of held windows every fifth block of this many is kept for judging, the rest may be trained on
 * when the plan says so; neighbours stay on one side. */
#define AN_DATA_BLOCK 32
#define AN_DATA_BLOCKS 5

/* Appends to a copy: which windows of a part go to training, which to holdout.  *ret is
 * (*ret_n, context, width), the caller's (an_free).  Errors: NOMEM. */
typedef struct an_data_pick {
    const an_data_part *part;
    uint32_t modulus;   /* blocks are counted modulo this; 0 or 1: all are taken */
    uint32_t from, to;  /* block numbers [from, to) modulo modulus are taken */
} an_data_pick;
an_err an_data_gather(const an_site_data *data, const an_data_pick *picks, size_t n_picks, float **ret,
                      size_t *ret_n);

#endif
