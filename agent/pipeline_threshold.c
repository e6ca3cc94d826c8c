/* The threshold in use: as calibrated, or moving with the line (threshold_stream.h). */
#include <string.h>

#include "agent/inbox.h"
#include "agent/pipeline_internal.h"

double an_pipeline_threshold(const an_pipeline *p)
{
    if (!p->has_live)
        return 0;
    return p->factor * (p->live.moving ? an_threshold_stream_at(p->live.moving) : p->live.threshold);
}

void an_pipeline_factor_set(an_pipeline *p, double factor)
{
    p->factor = factor;
}

double an_pipeline_factor(const an_pipeline *p)
{
    return p->factor;
}

/* A row of an open alarm, or with a sensor that is not believed, says nothing of normal operation. */
void an_pipeline_follow(an_pipeline *p, const an_pipeline_out *out)
{
    double before, now;
    if (!p->has_live || !p->live.moving || !out->scored || out->alarm_open ||
        an_quality_bad_n(p->quality) > 0)
        return;
    an_threshold_stream_step(p->live.moving, out->raw);
    if (!an_threshold_stream_news(p->live.moving, &before, &now))
        return;
    p->stats.threshold_moves++;
    if (p->conf.hooks.threshold)
        p->conf.hooks.threshold(p->conf.hooks.ctx, before, now);
}

void an_pipeline_threshold_save(const an_pipeline *p, an_buf *ret)
{
    if (!p->has_live || (!p->live.moving && p->factor >= 1 && p->factor <= 1))
        return;
    an_buf_put(ret, p->live.version, AN_ALARM_HASH);
    an_buf_put(ret, p->live.overlay, AN_ALARM_HASH);
    an_buf_f64(ret, p->factor);
    if (p->live.moving)
        an_threshold_stream_save(p->live.moving, ret);
}

an_err an_pipeline_threshold_resume(an_pipeline *p, an_reader *saved)
{
    const uint8_t *version = an_read_bytes(saved, AN_ALARM_HASH),
                  *overlay = an_read_bytes(saved, AN_ALARM_HASH);
    const double factor = an_read_f64(saved);
    if (!version || !overlay || saved->failed ||
        !(factor >= AN_THRESHOLD_FACTOR_MIN && factor <= AN_THRESHOLD_FACTOR_MAX))
        return AN_ERR_PROTO;
    if (!p->has_live || memcmp(version, p->live.version, AN_ALARM_HASH) != 0 ||
        memcmp(overlay, p->live.overlay, AN_ALARM_HASH) != 0)
        return AN_OK;
    p->factor = factor;
    return p->live.moving ? an_threshold_stream_restore(p->live.moving, saved) : AN_OK;
}
