#include "agent/idle.h"

an_idle an_idle_of(size_t sensor, double below, int64_t after_ms, int64_t now_ms)
{
    return (an_idle){
        .sensor = sensor, .below = below, .after_ms = after_ms, .row_ms = now_ms, .below_ms = INT64_MAX};
}

void an_idle_row(an_idle *i, const float *row, int64_t now_ms)
{
    i->row_ms = now_ms;
    if (i->sensor == AN_IDLE_NO_SENSOR || !((double)row[i->sensor] < i->below)) /* also: missing */
        i->below_ms = INT64_MAX;
    else if (i->below_ms == INT64_MAX)
        i->below_ms = now_ms;
}

bool an_idle_is(const an_idle *i, int64_t now_ms)
{
    return now_ms - i->row_ms >= i->after_ms ||
           (i->below_ms != INT64_MAX && now_ms - i->below_ms >= i->after_ms);
}
