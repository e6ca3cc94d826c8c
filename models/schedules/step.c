/* The rate drops by a factor every so many steps. */
#include "models/schedule.h"

#include <math.h>

static double share(const an_schedule_opts *o, double at, double length)
{
    (void)length;
    return pow(o->factor, floor(at / o->every));
}

const an_schedule an_schedule_step = {.name = "step", .share = share};
