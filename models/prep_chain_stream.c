/* A chain at work.  Before each step stands a ring of the last rows that came to it:
 *
 *     row -> [ring | step] -> [ring | step] -> ... -> row, regime
 *
 * A step sees its ring and nothing else, so that what comes out cannot depend on more. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/prep_chain_internal.h"

typedef struct stage {
    const an_prep_step *step;
    float *ring; /* (memory, width) */
    float *out;  /* (features) */
    size_t newest;
    size_t wait; /* rows until the next one comes out */
} stage;

struct an_chain_stream {
    const an_prep_chain *c; /* NULL: rows pass */
    size_t n;
    stage stages[AN_CHAIN_STEPS_MAX];
};

an_err an_chain_stream_new(const an_prep_chain *c, an_chain_stream **ret)
{
    an_chain_stream *s = an_alloc(1, sizeof *s);
    bool ok = s != NULL;
    if (ok)
        s->c = c;
    for (size_t i = 0; ok && c && i < c->n; i++) {
        stage *g = &s->stages[s->n++];
        g->step = &c->steps[i];
        g->ring = an_alloc((size_t)g->step->memory * g->step->width, sizeof *g->ring);
        g->out = an_alloc(g->step->features, sizeof *g->out);
        ok = g->ring && g->out;
    }
    if (!ok) {
        an_chain_stream_free(s);
        return AN_ERR_NOMEM;
    }
    an_chain_stream_reset(s);
    *ret = s;
    return AN_OK;
}

void an_chain_stream_free(an_chain_stream *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        an_free(s->stages[i].ring);
        an_free(s->stages[i].out);
    }
    an_free(s);
}

void an_chain_stream_reset(an_chain_stream *s)
{
    for (size_t i = 0; i < s->n; i++) {
        s->stages[i].newest = s->stages[i].step->memory - 1;
        s->stages[i].wait = s->stages[i].step->memory;
    }
}

/* One bit pattern for all that is missing. */
static void copy_row(float *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = isfinite(from[i]) ? from[i] : NAN;
}

/* NULL: no row comes out with this one. */
static const float *pass(stage *g, const float *row)
{
    const an_prep_step *s = g->step;
    g->newest = g->newest + 1 == s->memory ? 0 : g->newest + 1;
    copy_row(g->ring + g->newest * s->width, row, s->width);
    if (--g->wait > 0)
        return NULL;
    g->wait = s->rate;
    const an_prep_past past = {.rows = g->ring, .memory = s->memory, .width = s->width, .newest = g->newest};
    memcpy(g->out, an_prep_ago(&past, s->delay), s->width * sizeof *g->out);
    memset(g->out + s->width, 0, (s->features - s->width) * sizeof *g->out);
    s->type->apply(s, &past, g->out);
    copy_row(g->out, g->out, s->features);
    return g->out;
}

an_chain_out an_chain_push(an_chain_stream *s, const float *row, const float **ret, size_t *ret_regime)
{
    const an_prep_step *split = an_chain_split(s->c);
    for (size_t i = 0; row && i < s->n; i++)
        row = pass(&s->stages[i], row);
    if (!row)
        return AN_CHAIN_NONE;
    const size_t regime = split ? split->type->regime_of(split, row) : 0;
    if (split && regime == split->type->regimes(split))
        return AN_CHAIN_REST;
    *ret = row;
    *ret_regime = regime;
    return AN_CHAIN_ROW;
}
