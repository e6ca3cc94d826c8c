/* What the sensors did around an alarm, kept beside the pictures of images where there is a screen to show it. */
#include <math.h>
#include <string.h>

#include "agent/runtime_internal.h"
#include "base/log.h"
#include "base/mem.h"

an_err an_line_trace_open(an_line *l)
{
    const an_agent_conf *a = l->agent;
    if ((!a->api_socket && a->api_port == 0) || a->keep == AN_KEEP_NOTHING || l->frame.rows > 0)
        return AN_OK;
    l->trace = an_trace_new(l->width);
    return l->trace ? AN_OK : AN_ERR_NOMEM;
}

/* The normal window of that time; NULL: the pool has it no more. */
static const float *window_at(const an_pool *p, int64_t time_ms)
{
    static const an_pool_part parts[] = {AN_POOL_TRAIN, AN_POOL_RECENT, AN_POOL_OLD, AN_POOL_NEW};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        for (size_t i = 0; i < an_pool_n(p, parts[k]); i++)
            if (an_pool_time(p, parts[k], i) == time_ms)
                return an_pool_get(p, parts[k], i);
    return NULL;
}

static size_t choose(const an_spoken *s, size_t ret[static AN_TRACE_SENSORS])
{
    size_t n = 0;
    for (size_t i = 0; s->reason && i < s->reason->n && n < AN_TRACE_SENSORS; i++)
        ret[n++] = s->reason->parts[i].sensor;
    for (size_t i = 0; n == 0 && i < s->event->n_top && i < AN_TRACE_SENSORS; i++)
        ret[i] = s->event->top[i].sensor;
    return n > 0 ? n : s->event->n_top < AN_TRACE_SENSORS ? s->event->n_top : AN_TRACE_SENSORS;
}

/* When it is raised, and again as long as its beginning is among the rows: the last one shows most of it. */
static bool is_wanted(const an_line *l, const an_spoken *s)
{
    return l->trace && (s->kind == AN_LOGGED_RAISED || an_trace_from(l->trace) <= s->event->since_ms);
}

void an_line_traced(an_line *l, const an_spoken *s)
{
    size_t sensors[AN_TRACE_SENSORS];
    const char *units[AN_SOURCE_WIDTH_MAX];
    if (!is_wanted(l, s))
        return;
    an_trace_view v = {.sensors = sensors, .n = choose(s, sensors), .names = l->sensors, .units = units};
    if (v.n == 0)
        return;
    if (s->reason && s->reason->has_near &&
        !(s->event->id == l->near_alarm && s->event->score < s->event->peak)) {
        l->near_alarm = s->event->id;
        l->near_ms = s->reason->near_ms;
    }
    if (l->pool && s->event->id == l->near_alarm && (v.near = window_at(l->pool, l->near_ms)))
        v.near_rows = an_pool_window(l->pool);
    for (size_t j = 0; j < l->width; j++)
        units[j] = l->schema.sensors[j].unit;
    if (isfinite(s->event->score))
        an_trace_score(l->trace, s->event->score);
    char *text = an_trace_text(l->trace, &v);
    an_exhibit *e = text ? an_exhibit_of_signal(l->conf->name, s->event->id, text) : NULL;
    if (!e) {
        an_log(AN_LOG_ERROR, "signal_not_kept", "line=%s why=\"out of memory\"", l->conf->name);
        return;
    }
    const an_say say = {.kind = AN_SAY_EXHIBIT, .u.exhibit = e};
    an_line_say(l, &say);
}
