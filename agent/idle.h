/* idle.h - does a line stand still?  By one of its sensors, such as a speed, or because nothing comes of it.
 *
 *     an_idle idle = an_idle_of(sensor, below, after_ms, now_ms);
 *     an_idle_row(&idle, row, now_ms);
 *     if (an_idle_is(&idle, now_ms)) ...
 *
 * Pure.  Threads: the line's. */
#ifndef AN_AGENT_IDLE_H
#define AN_AGENT_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AN_IDLE_NO_SENSOR SIZE_MAX

typedef struct an_idle {
    size_t sensor; /* AN_IDLE_NO_SENSOR: only rows that do not come */
    double below;
    int64_t after_ms;
    int64_t row_ms;   /* of the last row; monotonic, as all times here */
    int64_t below_ms; /* since when the sensor is below; INT64_MAX: it is not */
} an_idle;

an_idle an_idle_of(size_t sensor, double below, int64_t after_ms, int64_t now_ms);
void an_idle_row(an_idle *i, const float *row, int64_t now_ms);
bool an_idle_is(const an_idle *i, int64_t now_ms);

#endif
