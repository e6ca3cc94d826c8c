/* The pipeline's alarms: the model's, and what is said of them. */
#include <math.h>

#include "agent/pipeline_internal.h"
#include "agent/source.h"

static an_data_quality judge_data(const an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out,
                                  size_t bad)
{
    if (bad > 0 && !out->scored && p->has_live)
        return AN_DATA_BAD;
    return bad > 0 || (in->flags & (AN_ROW_TIME_MADE | AN_ROW_HAS_GAP | AN_ROW_SKEWED)) ? AN_DATA_UNCERTAIN
                                                                                        : AN_DATA_GOOD;
}

static void speak(an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out, an_spoken *s)
{
    if (!p->conf.hooks.spoken)
        return;
    s->raw = out->scored ? out->raw : NAN;
    s->bad_sensors = an_quality_bad_n(p->quality);
    s->data = judge_data(p, in, out, s->bad_sensors);
    s->part = in->part;
    p->conf.hooks.spoken(p->conf.hooks.ctx, s);
}

static an_logged_kind logged(an_alarm_kind kind)
{
    return kind == AN_ALARM_RAISED    ? AN_LOGGED_RAISED
           : kind == AN_ALARM_CLEARED ? AN_LOGGED_CLEARED
                                      : AN_LOGGED_UPDATED;
}

static void raised(an_pipeline *p, const an_alarm_event *e)
{
    p->stats.alarms++;
    if (p->conf.pool) /* persistence reacts late: what built the alarm up is not normal either */
        an_pool_hold_since(p->conf.pool, e->since_ms, e->id);
}

void an_pipeline_alarms(an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out)
{
    an_alarm_event event;
    if (!out->scored || !an_alarm_step(p->alarm, in->time_ms, out->score, p->contribution, &event))
        return;
    if (event.kind == AN_ALARM_RAISED)
        raised(p, &event);
    if (p->conf.hooks.alarm)
        p->conf.hooks.alarm(p->conf.hooks.ctx, &event);
    an_spoken s = {.kind = logged(event.kind), .event = &event, .severity = p->conf.severity};
    speak(p, in, out, &s);
}
