/* live_internal.h - what the files of a live version share. */
#ifndef AN_AGENT_LIVE_INTERNAL_H
#define AN_AGENT_LIVE_INTERNAL_H

#include "agent/live.h"
#include "models/explain.h"
#include "models/scorer.h"

/* What a live version knows of normal images (live_map.c). */
typedef struct an_mapping {
    size_t height, width, channels;
    float *usual, *map, *scratch; /* (height * width) each; usual: of what a model leaves over */
    float *values;                /* (height * width * channels) the detector's own map; NULL: it has none */
    uint32_t *labels;             /* (2 * height * width) */
    float *scale;                 /* (width * channels) of normal operation */
    double limit;                 /* that few normal images come to */
} an_mapping;

typedef struct an_scored {
    an_scorer *scorer;
    an_scorer_work *work;
    an_prep_stream *stream;
    float *input; /* (window * features) */
    float *row;   /* (width) as it came last */

    an_explain *explain;           /* NULL: reasons cannot be given; then what follows is NULL too */
    float *expected;               /* (window * width) */
    float *deviation;              /* (window * width) */
    float *shares, *value, *scale; /* (width) each */
    an_mapping *mapping;           /* NULL: it cannot say where */

    an_live_answer answers[AN_LIVE_ANSWERS];
    size_t n_answers;
    bool answered; /* a row was scored since the start or a gap */
} an_scored;

#define AN_LIVE_WINDOWS_LEAST 16 /* fewer say nothing of what is usual */
/* Evenly spaced normal windows, in the pool's form; the caller's.  NULL: out of memory. */
float *an_live_choose(const an_pool *pool, size_t most, size_t *ret_n);

an_err an_scored_map(void *ctx, an_live_map *ret);
void an_live_map_done(an_scored *s);

an_err an_scored_why(void *ctx, an_live_why *ret);
void an_live_why_done(an_scored *s); /* frees the lower half; zeroed is fine */

#endif
