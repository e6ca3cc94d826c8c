/* The table of schedules, and the warm-up before each of them. */
#include "models/schedule.h"

#include <string.h>

#define AN_SCHEDULE(name) extern const an_schedule an_schedule_##name;
#include "models/schedules.def"
#undef AN_SCHEDULE

static const an_schedule *const schedules[] = {
#define AN_SCHEDULE(name) &an_schedule_##name,
#include "models/schedules.def"
#undef AN_SCHEDULE
};

const an_schedule *an_schedule_at(size_t i)
{
    return i < sizeof schedules / sizeof *schedules ? schedules[i] : NULL;
}

const an_schedule *an_schedule_find(const char *name)
{
    for (size_t i = 0; an_schedule_at(i); i++)
        if (strcmp(schedules[i]->name, name) == 0)
            return schedules[i];
    return NULL;
}

double an_schedule_share(const an_schedule *s, const an_schedule_opts *o, uint64_t step)
{
    const double i = (double)step;
    if (i < o->warmup)
        return i + 1.0 < o->warmup ? (i + 1.0) / o->warmup : 1.0;
    const double length = o->total > o->warmup + 1.0 ? o->total - o->warmup : 1.0;
    const double at = i - o->warmup;
    return s->share(o, at < length ? at : length, length);
}
