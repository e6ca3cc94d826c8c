/* live_internal.h - what the files of a live version share. */
#ifndef AN_AGENT_LIVE_INTERNAL_H
#define AN_AGENT_LIVE_INTERNAL_H

#include "agent/live.h"
#include "models/explain.h"
#include "models/scorer.h"

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
} an_scored;

an_err an_scored_why(void *ctx, an_live_why *ret);
void an_live_why_done(an_scored *s); /* frees the lower half; zeroed is fine */

#endif
