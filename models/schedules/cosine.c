/* Half a period of a cosine from the whole rate down to the floor (Loshchilov and Hutter 2017,
 * without restarts). */
#include "models/schedule.h"

#include <math.h>

#define PI 3.14159265358979323846

static double share(const an_schedule_opts *o, double at, double length)
{
    return o->floor + (1.0 - o->floor) * 0.5 * (1.0 + cos(PI * at / length));
}

const an_schedule an_schedule_cosine = {.name = "cosine", .share = share};
