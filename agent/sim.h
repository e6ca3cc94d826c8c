/* sim.h - a production line that exists only as equations: sensors that depend on each other,
 * operating regimes, wear, noise, named faults and named changes that are no faults.
 *
 * Every number follows from (seed, site): the same configuration gives the same rows on every
 * machine.  Sites share the physics and differ in gains, offsets and noise, as plants do.
 *
 *     an_sim_conf conf = {.line = "pump", .seed = 7, .site = 1, .step_ms = 1000};
 *     conf.events[conf.n_events++] = (an_sim_event){"bearing_wear", 5000, 3000, 1.0, ""};
 *     an_sim *sim = NULL;
 *     err = an_sim_new(&conf, &sim, &why);
 *     an_sim_next(sim, row, &info);        row: an_sim_width(sim) floats
 *
 * Threads: one thread per an_sim; the tables are immutable. */
#ifndef AN_AGENT_SIM_H
#define AN_AGENT_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/challenge.h"
#include "base/err.h"

#define AN_SIM_SENSORS_MAX 12
#define AN_SIM_EVENTS_MAX 64
#define AN_SIM_NAME_MAX 32

typedef struct an_sim_sensor {
    const char *name;
    const char *unit;
    double low, high; /* what the instrument can show; below zero too, zero points are off */
} an_sim_sensor;

/* A thing that can be scripted.  Drift is a lasting change that is not a fault. */
typedef struct an_sim_event_type {
    const char *name;
    bool is_fault;
    bool on_sensor; /* wants the name of a sensor */
    const char *meaning;
} an_sim_event_type;

typedef struct an_sim_line {
    const char *name; /* "pump", "press" */
    const an_sim_sensor *sensors;
    size_t n_sensors;
    const an_sim_event_type *events; /* those of the line's physics; the sensor_ ones are for all */
    size_t n_events;
    const an_failure_mode *modes; /* what the line's FMEA would list */
    size_t n_modes;
} an_sim_line;

const an_sim_line *an_sim_line_find(const char *name); /* NULL: no such line */
const an_sim_line *an_sim_line_at(size_t i);           /* NULL past the end */
const an_sim_sensor *an_sim_sensor_find(const an_sim_line *line, const char *name);
const an_sim_event_type *an_sim_event_find(const an_sim_line *line, const char *name);

typedef struct an_sim_event {
    char name[AN_SIM_NAME_MAX];
    uint64_t start;               /* first row */
    uint64_t length;              /* rows; a fault ends there; a drift reaches its full size there (0 = at
                        once) */
    double size;                  /* 1 = typical; > 0 */
    char sensor[AN_SIM_NAME_MAX]; /* for events on one sensor; "" = drawn from the seed */
} an_sim_event;

typedef struct an_sim_conf {
    char line[AN_SIM_NAME_MAX];
    uint64_t seed; /* of the run: noise and regimes */
    uint64_t site; /* of the plant: gains, offsets, noise levels; 0 = the nominal plant */
    int64_t start_ms;
    int64_t step_ms; /* 0 = 1000 */
    uint64_t rows;   /* 0 = endless */
    bool steady;     /* no stops */
    an_sim_event events[AN_SIM_EVENTS_MAX];
    size_t n_events;
} an_sim_conf;

typedef struct an_sim_info {
    uint64_t row;
    int64_t time_ms;
    int8_t label;      /* 1 while a fault acts, else 0; drift rows are 0 */
    const char *event; /* the acting fault, else the acting drift, else ""; borrowed */
} an_sim_info;

typedef struct an_sim an_sim;

/* Errors: INVAL unknown line or event, bad size, unknown sensor (why names it), NOMEM. */
an_err an_sim_new(const an_sim_conf *conf, an_sim **ret, an_note *why);
void an_sim_free(an_sim *sim);
size_t an_sim_width(const an_sim *sim);
const an_sim_line *an_sim_line_get(const an_sim *sim);

/* Writes one row (width floats, NaN = missing).  False: conf.rows have been given. */
bool an_sim_next(an_sim *sim, float *ret_row, an_sim_info *ret_info);

/* n rows at once for the laboratory: ret_values (n, width), ret_labels (n) and ret_time_ms (n),
 * the latter two may be NULL.  conf->rows is ignored.  Errors: as an_sim_new. */
an_err an_sim_generate(const an_sim_conf *conf, size_t n, float *ret_values, int8_t *ret_labels,
                       int64_t *ret_time_ms, an_note *why);

#endif
