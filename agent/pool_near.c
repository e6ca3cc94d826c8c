/* The normal window nearest to one that is not. */
#include <math.h>

#include "agent/pool_internal.h"

/* Mean square; INFINITY if it is above `most` already, or nothing can be compared. */
static double distance(const an_pool *p, const float *a, const float *b, const float *scale, double most)
{
    const size_t width = p->conf.width;
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < p->sample && sum <= most * (double)p->sample; i++) {
        const double d = ((double)a[i] - (double)b[i]) / (double)scale[i % width];
        if (!isfinite(d))
            continue;
        sum += d * d;
        n++;
    }
    return n > 0 ? sum / (double)n : (double)INFINITY;
}

bool an_pool_nearest(const an_pool *p, const float *window, const float *scale, int64_t *ret_time_ms,
                     double *ret_distance)
{
    static const an_pool_part parts[] = {AN_POOL_TRAIN, AN_POOL_RECENT, AN_POOL_OLD, AN_POOL_NEW};
    const size_t n_parts = sizeof parts / sizeof *parts, room = AN_POOL_NEAREST / n_parts / p->sample + 1;
    double best = (double)INFINITY;
    for (size_t k = 0; k < n_parts; k++) {
        const size_t n = an_pool_n(p, parts[k]), looks = n < room ? n : room;
        for (size_t i = 0; i < looks; i++) {
            const size_t at = i * n / looks;
            const double d = distance(p, window, an_pool_get(p, parts[k], at), scale, best);
            if (!(d < best))
                continue;
            best = d;
            *ret_time_ms = an_pool_time(p, parts[k], at);
        }
    }
    *ret_distance = sqrt(best);
    return isfinite(best);
}
