/* What a line tells the governor of the trainer: that it is late, and that it stands still. */
#include <string.h>

#include "agent/runtime_internal.h"

an_err an_line_pace_open(an_line *l, int64_t now_ms, an_note *why)
{
    const an_agent_line *c = l->conf;
    size_t sensor = AN_IDLE_NO_SENSOR;
    for (size_t i = 0; c->idle_sensor && i < l->width; i++)
        if (strcmp(l->sensors[i], c->idle_sensor) == 0)
            sensor = i;
    if (c->idle_sensor && sensor == AN_IDLE_NO_SENSOR)
        return an_fail(AN_ERR_INVAL, why, "line %s: idle.sensor: the source has no sensor \"%s\"", c->name,
                       c->idle_sensor);
    l->idle = an_idle_of(sensor, c->idle_below, c->idle_after_ms, now_ms);
    return AN_OK;
}

void an_line_pace_rows(an_line *l, int64_t now_ms)
{
    const an_batch *b = &l->batch;
    if (!l->governor || b->n == 0)
        return;
    if (b->n == b->cap && an_source_is_paced(l->source))
        an_governor_late(l->governor);
    an_idle_row(&l->idle, b->values + (b->n - 1) * b->width, now_ms);
}

void an_line_pace_look(an_line *l, int64_t now_ms)
{
    if (l->governor)
        an_governor_idle(l->governor, l->number, an_idle_is(&l->idle, now_ms));
}
