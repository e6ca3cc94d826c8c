#include "models/threshold_stream.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define TOLD_PART 0.05
#define MAGIC UINT32_C(0x31534854) /* "THS1" */

struct an_threshold_stream {
    an_threshold_policy policy;
    double base; /* without the policy's factor */
    double told;
    size_t n_state;
    double state[]; /* (n_state) */
};

an_err an_threshold_stream_new(const char *policy, double calibrated, an_threshold_stream **ret, an_note *why)
{
    an_threshold_policy p;
    an_err err = an_threshold_parse(policy, &p, why);
    if (err != AN_OK)
        return err;
    if (!(calibrated > 0) || !isfinite(calibrated))
        return an_fail(AN_ERR_INVAL, why, "a threshold of %g cannot move", calibrated);
    if (!p.type->moves) {
        *ret = NULL;
        return AN_OK;
    }
    const size_t n = p.type->moves->n_state(p.params);
    an_threshold_stream *s = an_alloc(1, sizeof *s + n * sizeof *s->state);
    if (!s)
        return AN_ERR_NOMEM;
    s->policy = p;
    s->base = calibrated / p.factor;
    s->told = calibrated;
    s->n_state = n;
    *ret = s;
    return AN_OK;
}

void an_threshold_stream_free(an_threshold_stream *s)
{
    an_free(s);
}

double an_threshold_stream_calibrated(const an_threshold_stream *s)
{
    return s->base * s->policy.factor;
}

double an_threshold_stream_at(const an_threshold_stream *s)
{
    const double at = s->policy.type->moves->at(s->policy.params, s->base, s->state);
    const double low = s->base / AN_THRESHOLD_MOVE_MAX, high = s->base * AN_THRESHOLD_MOVE_MAX;
    return fmax(fmin(isfinite(at) ? at : s->base, high), low) * s->policy.factor;
}

/* The policy is shown what lies within its factor, so that its rate is that of the threshold in use. */
void an_threshold_stream_step(an_threshold_stream *s, double score)
{
    if (isfinite(score) && score >= 0)
        s->policy.type->moves->step(s->policy.params, s->state, score / s->policy.factor,
                                    score > an_threshold_stream_at(s));
}

bool an_threshold_stream_news(an_threshold_stream *s, double *ret_before, double *ret_now)
{
    const double now = an_threshold_stream_at(s);
    if (fabs(now - s->told) < TOLD_PART * s->told)
        return false;
    *ret_before = s->told;
    *ret_now = now;
    s->told = now;
    return true;
}

void an_threshold_stream_save(const an_threshold_stream *s, an_buf *ret)
{
    an_buf_u32(ret, MAGIC);
    an_buf_u32(ret, (uint32_t)s->n_state);
    for (size_t i = 0; i < AN_THRESHOLD_PARAMS; i++)
        an_buf_f64(ret, s->policy.params[i]);
    an_buf_f64(ret, s->policy.factor);
    an_buf_f64(ret, s->base);
    an_buf_f64(ret, s->told);
    for (size_t i = 0; i < s->n_state; i++)
        an_buf_f64(ret, s->state[i]);
}

an_err an_threshold_stream_restore(an_threshold_stream *s, an_reader *in)
{
    bool same = an_read_u32(in) == MAGIC && an_read_u32(in) == s->n_state;
    for (size_t i = 0; i < AN_THRESHOLD_PARAMS; i++)
        same = an_read_f64(in) == s->policy.params[i] && same;
    same = an_read_f64(in) == s->policy.factor && same;
    same = an_read_f64(in) == s->base && same;
    const double told = an_read_f64(in);
    if (in->failed || !same || !(told > 0) || !isfinite(told))
        return AN_ERR_PROTO;
    double *state = an_alloc(s->n_state, sizeof *state);
    if (!state)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < s->n_state; i++) {
        state[i] = an_read_f64(in);
        same = isfinite(state[i]) && same;
    }
    same = same && !in->failed && s->policy.type->moves->check(s->policy.params, state);
    if (same) {
        memcpy(s->state, state, s->n_state * sizeof *state);
        s->told = told;
    }
    an_free(state);
    return same ? AN_OK : AN_ERR_PROTO;
}
