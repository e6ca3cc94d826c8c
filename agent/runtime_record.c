/* What a line says of alarms and of its data, as records for the site's log.  On the line's thread. */
#include <math.h>
#include <string.h>

#include "agent/runtime_internal.h"
#include "base/log.h"
#include "base/mem.h"

static an_alarm_record *make(const an_line *l)
{
    const an_clock *clock = an_clock_system();
    an_alarm_record *r = an_alloc(1, sizeof *r);
    if (!r) {
        an_log(AN_LOG_ERROR, "alarm_not_logged", "line=%s why=\"out of memory\"", l->conf->name);
        return NULL;
    }
    an_text_set(r->line, sizeof r->line, l->conf->name);
    r->recorded_ms = clock->wall_ms(clock);
    r->score = r->raw = r->peak = NAN;
    return r;
}

static void set_event(an_alarm_record *r, const an_line *l, const an_alarm_event *e)
{
    r->alarm = e->id;
    r->time_ms = e->time_ms;
    r->since_ms = e->since_ms;
    r->rows = e->scores;
    r->score = e->score;
    r->peak = e->peak;
    r->peak_ms = e->peak_ms;
    memcpy(r->version, e->version, sizeof r->version);
    memcpy(r->overlay, e->overlay, sizeof r->overlay);
    for (size_t i = 0; i < e->n_top; i++) {
        an_text_set(r->top[i].sensor, sizeof r->top[i].sensor, l->sensors[e->top[i].sensor]);
        r->top[i].share = e->top[i].share;
    }
    r->n_top = e->n_top;
}

void an_line_spoken(void *line, const an_spoken *s)
{
    an_line *l = line;
    an_alarm_record *r = make(l);
    if (!r)
        return;
    r->kind = s->kind;
    set_event(r, l, s->event);
    r->severity = s->severity;
    r->suppressed = s->suppressed;
    r->raw = s->raw;
    r->data = s->data;
    r->bad_sensors = (uint32_t)s->bad_sensors;
    an_text_set(r->part, sizeof r->part, s->part ? s->part : "");
    an_text_set(r->source, sizeof r->source, "model");
    an_line_logged(l, r);
}

void an_line_quality(an_line *l, const an_quality_event *e)
{
    an_alarm_record *r = make(l);
    if (!r)
        return;
    r->kind = AN_LOGGED_QUALITY;
    r->time_ms = e->time_ms;
    r->since_ms = e->since_ms;
    r->rows = e->rows;
    r->data = AN_DATA_UNCERTAIN;
    r->begins = e->begins;
    an_text_set(r->fault, sizeof r->fault, an_quality_kind_name(e->kind));
    an_text_set(r->top[0].sensor, sizeof r->top[0].sensor, l->sensors[e->sensor]);
    r->n_top = 1;
    an_line_logged(l, r);
}
