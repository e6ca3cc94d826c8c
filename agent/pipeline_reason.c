/* What an alarm is about, from the row that was scored last. */
#include <math.h>
#include <string.h>

#include "agent/pipeline_internal.h"
#include "models/explain.h"

/* The window's rows in at most AN_REASON_STEPS stretches. */
static void take_steps(const an_live_why *w, size_t width, size_t sensor, size_t n_steps, double *steps)
{
    double total = 0;
    for (size_t t = 0; t < w->rows; t++) {
        const double d = (double)w->deviation[t * width + sensor];
        steps[t * n_steps / w->rows] += d * d;
        total += d * d;
    }
    for (size_t i = 0; total > 0 && i < n_steps; i++)
        steps[i] /= total;
}

/* Off for the whole window: since then at least, or since the alarm's first row if that is before. */
static int64_t since(const an_pipeline *p, const an_live_why *w, size_t sensor, const an_alarm_event *e)
{
    const size_t row = an_explain_since(w->deviation, w->rows, p->conf.width, sensor, AN_REASON_SIGMA);
    const size_t back = row < w->rows ? (w->rows - 1 - row) * w->rate + w->delay : 0;
    if (row == w->rows || back >= p->ring_n)
        return e->since_ms;
    const int64_t ms = an_pipeline_remembered_ms(p, p->ring_n - 1 - back);
    return row == 0 && e->since_ms < ms ? e->since_ms : ms;
}

static void take_part(const an_pipeline *p, const an_live_why *w, size_t sensor, const an_alarm_event *e,
                      size_t n_steps, an_reason_part *ret)
{
    *ret = (an_reason_part){.sensor = (uint32_t)sensor,
                            .share = (double)w->shares[sensor],
                            .value = (double)w->value[sensor],
                            .expected = (double)w->expected[sensor],
                            .sigma = (double)w->deviation[(w->rows - 1) * p->conf.width + sensor],
                            .scale = (double)w->scale[sensor],
                            .since_ms = since(p, w, sensor, e)};
    take_steps(w, p->conf.width, sensor, n_steps, ret->steps);
}

void an_pipeline_nearest(const an_pipeline *p, const float *scale, an_reason *ret)
{
    const size_t window = p->conf.window, width = p->conf.width;
    if (!p->conf.pool || p->ring_n < window)
        return;
    for (size_t i = 0; i < window; i++)
        memcpy(p->window + i * width, an_pipeline_remembered(p, p->ring_n - window + i),
               width * sizeof *p->window);
    ret->has_near = an_pool_nearest(p->conf.pool, p->window, scale, &ret->near_ms, &ret->near_distance);
}

/* A sensor that is not believed was left out of the score, and is no reason. */
static size_t named(const an_pipeline *p, const an_live_why *w, uint32_t *top)
{
    uint32_t most[AN_REASON_PARTS + AN_QUALITY_EVENTS_MAX];
    const size_t n = an_explain_top(w->shares, p->conf.width, most, sizeof most / sizeof *most);
    size_t kept = 0;
    for (size_t i = 0; i < n && kept < AN_REASON_PARTS; i++)
        if (!an_quality_is_bad(p->quality, most[i]))
            top[kept++] = most[i];
    return kept;
}

bool an_pipeline_reason(const an_pipeline *p, const an_alarm_event *e, an_reason *ret)
{
    an_live_why w;
    uint32_t top[AN_REASON_PARTS];
    if (!p->has_live || !p->live.why || p->live.why(p->live.ctx, &w) != AN_OK)
        return false;
    *ret = (an_reason){.time_ms = e->time_ms, .score = e->score};
    ret->n_steps = w.rows < AN_REASON_STEPS ? w.rows : AN_REASON_STEPS;
    ret->n = named(p, &w, top);
    for (size_t i = 0; i < ret->n; i++)
        take_part(p, &w, top[i], e, ret->n_steps, &ret->parts[i]);
    an_pipeline_nearest(p, w.scale, ret);
    return true;
}
