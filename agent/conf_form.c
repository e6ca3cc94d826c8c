/* The parts of a line's options in the form that their users want. */
#include "agent/conf.h"
#include "agent/source.h"

an_alarm_conf an_agent_line_alarm(const an_agent_line *l)
{
    const an_source_type *type = an_source_type_find(l->source_type);
    const bool images = type && type->frame;
    const unsigned k = l->alarm_k ? (unsigned)l->alarm_k : images ? 1 : 3;
    return (an_alarm_conf){.k = k,
                           .n = l->alarm_n ? (unsigned)l->alarm_n
                                : images   ? k
                                           : 5,
                           .clear_level = l->alarm_clear_level,
                           .min_open_ms = l->alarm_min_open_ms,
                           .cooldown_ms = l->alarm_cooldown_ms,
                           .update_ms = l->alarm_update_ms};
}

an_driftwatch_conf an_agent_line_drift(const an_agent_line *l)
{
    return (an_driftwatch_conf){.rows = (size_t)l->drift_rows,
                                .block = (size_t)l->drift_block,
                                .warmup_rows = (uint64_t)l->drift_warmup_rows,
                                .cooldown_rows = (uint64_t)l->drift_cooldown_rows,
                                .psi_floor = l->drift_psi_floor,
                                .margin = l->drift_margin,
                                .confirm = (unsigned)l->drift_confirm};
}

an_watch_conf an_agent_line_watch(const an_agent_line *l)
{
    an_watch_conf c = AN_WATCH_CONF_DEFAULT;
    c.time_ms = l->watch_time_ms;
    c.report_ms = l->watch_report_ms;
    c.band = l->watch_band;
    c.alpha = l->watch_alpha;
    c.floor = (uint64_t)l->watch_floor;
    c.latency = l->watch_latency;
    c.latency_floor_us = (uint64_t)l->watch_latency_floor_us;
    return c;
}

an_calibrate_opts an_agent_line_calibrate(const an_agent_line *l)
{
    an_calibrate_opts o = an_calibrate_defaults();
    o.site_scaler = l->personalise_scale == AN_SCALE_SITE;
    o.tune_epochs = (uint32_t)l->tune_epochs;
    o.tune_lr = l->tune_lr;
    o.tune_l2sp = l->tune_l2sp;
    o.tune_all = l->personalise_all;
    o.policy = l->threshold;
    o.alarm = an_agent_line_alarm(l);
    return o;
}

size_t an_agent_line_window(const an_agent_line *l, size_t frame_rows)
{
    return l->window ? (size_t)l->window : frame_rows ? frame_rows : 1;
}

size_t an_agent_line_context(const an_agent_line *l, size_t frame_rows)
{
    return l->pool_window ? (size_t)l->pool_window : an_agent_line_window(l, frame_rows);
}
