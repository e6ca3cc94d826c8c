/* Reasons of a live version: explain.h on the last window, back in the sensors' units. */
#include <math.h>
#include <string.h>

#include "agent/live_internal.h"
#include "agent/samples.h"
#include "base/mem.h"

void an_live_why_done(an_scored *s)
{
    an_explain_free(s->explain);
    an_free(s->expected);
    an_free(s->deviation);
    an_free(s->shares);
    an_free(s->value);
    an_free(s->scale);
    s->explain = NULL;
    s->expected = s->deviation = s->shares = s->value = s->scale = NULL;
}

/* Windows that nothing was fitted on first in the list, as all parts get their share. */
float *an_live_choose(const an_pool *pool, size_t most, size_t *ret_n)
{
    static const an_pool_part parts[] = {AN_POOL_OLD, AN_POOL_NEW, AN_POOL_RECENT};
    const size_t sample = an_pool_width(pool) * an_pool_window(pool), n_parts = sizeof parts / sizeof *parts;
    size_t all = 0, at = 0, n = 0;
    for (size_t k = 0; k < n_parts; k++)
        all += an_pool_n(pool, parts[k]);
    const size_t take = all < most ? all : most;
    float *raw = an_alloc(take * sample, sizeof *raw);
    for (size_t k = 0; raw && k < n_parts; k++)
        for (size_t i = 0; i < an_pool_n(pool, parts[k]); i++, at++)
            if (n < take && at == n * all / take)
                memcpy(raw + n++ * sample, an_pool_get(pool, parts[k], i), sample * sizeof *raw);
    *ret_n = n;
    return raw;
}

static bool make_room(an_scored *s)
{
    const an_prep *prep = an_scorer_prep(s->scorer);
    const size_t width = prep->width, cells = prep->conf.window * width;
    s->expected = an_alloc(cells, sizeof *s->expected);
    s->deviation = an_alloc(cells, sizeof *s->deviation);
    s->shares = an_alloc(width, sizeof *s->shares);
    s->value = an_alloc(width, sizeof *s->value);
    s->scale = an_alloc(width, sizeof *s->scale);
    for (size_t j = 0; s->scale && j < width; j++)
        s->scale[j] = (float)an_prep_scale_raw(prep, j);
    return s->expected && s->deviation && s->shares && s->value && s->scale;
}

an_err an_live_explain(an_live *live, const an_pool *pool, an_note *why)
{
    an_scored *s = live->ctx;
    const an_prep *prep = an_scorer_prep(s->scorer);
    float *raw = NULL, *x = NULL;
    size_t n = 0, n_x = 0;
    an_err err = AN_ERR_NOMEM;
    an_live_why_done(s);
    live->reset(live->ctx);
    if (an_pool_width(pool) != prep->width)
        return an_fail(AN_ERR_INVAL, why, "the pool's windows have another shape");
    if (!(raw = an_live_choose(pool, AN_EXPLAIN_PASSES / prep->width + 1, &n)))
        goto out;
    if ((err = an_samples_inputs(prep, raw, n, an_pool_window(pool), &x, &n_x, NULL, why)) != AN_OK)
        goto out;
    if (n_x < AN_LIVE_WINDOWS_LEAST)
        err = an_fail(AN_ERR_INVAL, why, "%zu normal windows; %d are needed", n_x, AN_LIVE_WINDOWS_LEAST);
    else if (!make_room(s))
        err = AN_ERR_NOMEM;
    else
        err = an_explain_new(s->scorer, s->work, x, n_x, &s->explain, why);
out:
    if (err != AN_OK)
        an_live_why_done(s);
    an_free(raw);
    an_free(x);
    return err;
}

an_err an_scored_why(void *ctx, an_live_why *ret)
{
    an_scored *s = ctx;
    if (!s->explain)
        return AN_ERR_UNSUPPORTED;
    const an_prep *prep = an_scorer_prep(s->scorer);
    const an_prep_chain *chain = prep->conf.chain;
    const size_t rows = prep->conf.window, width = prep->width;
    const size_t scaler = an_prep_regime(s->stream) * prep->features;
    const float *seen = s->input + (rows - 1) * prep->features;
    float *last = s->expected + (rows - 1) * width;
    const bool as_it_came = !chain && prep->conf.smooth == 1;
    an_err err =
        an_explain_window(s->explain, s->scorer, s->work, s->input, s->expected, s->deviation, s->shares);
    if (err != AN_OK)
        return err;
    for (size_t j = 0; j < width; j++) {
        const double scale = (double)prep->scale[scaler + j], mean = (double)prep->mean[scaler + j];
        double gain, offset;
        an_chain_conversion(chain, j, &gain, &offset);
        s->value[j] = as_it_came && isfinite(s->row[j])
                          ? s->row[j]
                          : (float)((mean + scale * (double)seen[j] - offset) / gain);
        last[j] = (float)((mean + scale * (double)last[j] - offset) / gain);
    }
    *ret = (an_live_why){.rows = rows,
                         .rate = an_chain_rate(chain),
                         .delay = an_chain_delay(chain),
                         .shares = s->shares,
                         .value = s->value,
                         .expected = last,
                         .deviation = s->deviation,
                         .scale = s->scale};
    return AN_OK;
}
