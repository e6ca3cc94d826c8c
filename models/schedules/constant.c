/* The same rate from the first step to the last. */
#include "models/schedule.h"

static double share(const an_schedule_opts *o, double at, double length)
{
    (void)o;
    (void)at;
    (void)length;
    return 1.0;
}

const an_schedule an_schedule_constant = {.name = "constant", .share = share};
