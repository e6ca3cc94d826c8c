/* The simulator's core: regimes, sites, events, instruments.  The equations of each line are in
 * sim_<line>.c.
 *
 *     load regime --+
 *     ambient ------+--> line equations --> site gain and offset --> sensor faults --> noise
 * --> row events -------+
 *
 * Three random streams: the plant's (what makes the site differ; from `site` alone), the run's
 * (regimes and process disturbances) and the instruments'.  An event never changes how many
 * numbers the latter two draw, so a run with a fault equals the run without it before the
 * fault. */
#include "agent/sim.h"

#include <math.h>
#include <string.h>

#include "agent/sim_internal.h"
#include "base/mem.h"

#define SHIFT_ROWS 600 /* mean length of a load level */
#define STOP_ROWS 90   /* mean length of a stop */
#define FAULT_RISE 10  /* rows until an abrupt fault has its full size */

#define AN_SIM_LINE(name) extern const an_sim_physics an_sim_physics_##name;
#include "agent/sim_lines.def"
#undef AN_SIM_LINE
static const an_sim_physics *const lines[] = {
#define AN_SIM_LINE(name) &an_sim_physics_##name,
#include "agent/sim_lines.def"
#undef AN_SIM_LINE
};

/* Faults of instruments: any line has them. */
enum { STUCK, OFFSET, SPIKES, MISSING };
static const an_sim_event_type sensor_events[] = {
    [STUCK] = {"sensor_stuck", true, true, "one sensor keeps its last value"},
    [OFFSET] = {"sensor_offset", true, true, "one sensor reads wrong by 4 times its usual spread x size"},
    [SPIKES] = {"sensor_spikes", true, true, "one sensor jumps in one row of eight"},
    [MISSING] = {"sensor_missing", true, true, "one sensor gives no values"},
};
#define N_SENSOR_EVENTS (sizeof sensor_events / sizeof *sensor_events)

typedef struct script {
    const an_sim_event_type *type;
    bool ramp;  /* grows over its whole length */
    size_t act; /* index in the line's events, or in sensor_events */
    size_t sensor;
    uint64_t start, length;
    double size;
    float frozen; /* value of a stuck sensor */
} script;

struct an_sim {
    const an_sim_physics *phys;
    an_sim_conf conf;
    script scripts[AN_SIM_EVENTS_MAX];
    size_t n_scripts;
    double gain[AN_SIM_SENSORS_MAX], offset[AN_SIM_SENSORS_MAX], noise[AN_SIM_SENSORS_MAX];
    double middle[AN_SIM_SENSORS_MAX]; /* true values at usual load: gains act about them */
    double load_shift;
    an_rng run, instruments, shaking;
    an_sim_moment moment;
    double level;         /* of the regime */
    uint64_t level_until; /* row */
    unsigned levels_left; /* until the next stop */
    float last[AN_SIM_SENSORS_MAX];
    uint64_t row;
};

const an_sim_physics *an_sim_physics_at(size_t i)
{
    return i < sizeof lines / sizeof *lines ? lines[i] : NULL;
}

const an_sim_line *an_sim_line_at(size_t i)
{
    const an_sim_physics *p = an_sim_physics_at(i);
    return p ? &p->line : NULL;
}

const an_sim_line *an_sim_line_find(const char *name)
{
    for (size_t i = 0; an_sim_line_at(i); i++)
        if (name && strcmp(an_sim_line_at(i)->name, name) == 0)
            return an_sim_line_at(i);
    return NULL;
}

const an_sim_sensor *an_sim_sensor_find(const an_sim_line *line, const char *name)
{
    for (size_t i = 0; i < line->n_sensors; i++)
        if (strcmp(line->sensors[i].name, name) == 0)
            return &line->sensors[i];
    return NULL;
}

const an_sim_event_type *an_sim_event_find(const an_sim_line *line, const char *name)
{
    for (size_t i = 0; i < line->n_events; i++)
        if (strcmp(line->events[i].name, name) == 0)
            return &line->events[i];
    for (size_t i = 0; i < N_SENSOR_EVENTS; i++)
        if (strcmp(sensor_events[i].name, name) == 0)
            return &sensor_events[i];
    return NULL;
}

static an_err sensor_of(const an_sim *sim, const an_sim_event *e, size_t i, size_t *ret, an_note *why)
{
    const an_sim_line *line = &sim->phys->line;
    if (e->sensor[0] == '\0') {
        *ret = (size_t)(an_mix64(sim->conf.seed ^ an_mix64(i + 1)) % line->n_sensors);
        return AN_OK;
    }
    for (size_t j = 0; j < line->n_sensors; j++)
        if (strcmp(line->sensors[j].name, e->sensor) == 0) {
            *ret = j;
            return AN_OK;
        }
    return an_fail(AN_ERR_INVAL, why, "event %zu (%s): line %s has no sensor \"%s\"", i + 1, e->name,
                   line->name, e->sensor);
}

static an_err read_script(an_sim *sim, an_note *why)
{
    const an_sim_line *line = &sim->phys->line;
    if (sim->conf.n_events > AN_SIM_EVENTS_MAX)
        return an_fail(AN_ERR_INVAL, why, "%zu events: at most %d", sim->conf.n_events, AN_SIM_EVENTS_MAX);
    for (size_t i = 0; i < sim->conf.n_events; i++) {
        an_sim_event *e = &sim->conf.events[i];
        script *s = &sim->scripts[i];
        e->name[AN_SIM_NAME_MAX - 1] = e->sensor[AN_SIM_NAME_MAX - 1] = '\0';
        s->type = an_sim_event_find(line, e->name);
        if (!s->type)
            return an_fail(AN_ERR_INVAL, why, "event %zu: line %s knows no event \"%s\"", i + 1, line->name,
                           e->name);
        if (!(e->size > 0) || !(e->size <= 100))
            return an_fail(AN_ERR_INVAL, why, "event %zu (%s): size must be in (0, 100]", i + 1, e->name);
        if (s->type->is_fault && e->length == 0)
            return an_fail(AN_ERR_INVAL, why, "event %zu (%s): a fault needs a length", i + 1, e->name);
        if (s->type->on_sensor) {
            an_err err = sensor_of(sim, e, i, &s->sensor, why);
            if (err)
                return err;
            s->act = (size_t)(s->type - sensor_events);
        } else {
            s->act = (size_t)(s->type - line->events);
        }
        s->ramp = strcmp(e->name, "bearing_wear") == 0;
        s->start = e->start;
        s->length = e->length;
        s->size = e->size;
        s->frozen = NAN;
    }
    sim->n_scripts = sim->conf.n_events;
    return AN_OK;
}

/* What makes this plant this plant.  Site 0 is the nominal one. */
static void build_site(an_sim *sim)
{
    const an_sim_physics *p = sim->phys;
    const double differs = sim->conf.site ? 1 : 0;
    an_rng r;
    an_rng_init(&r, an_mix64(sim->conf.site), 11);
    for (size_t i = 0; i < AN_SIM_COEFS; i++)
        sim->moment.coef[i] = 1 + differs * fmax(-0.15, fmin(0.15, 0.06 * an_rng_normal(&r)));
    for (size_t j = 0; j < p->line.n_sensors; j++) {
        sim->gain[j] = 1 + differs * fmax(-0.1, fmin(0.1, 0.05 * an_rng_normal(&r)));
        sim->offset[j] = differs * 0.4 * p->scale[j] * an_rng_normal(&r);
        sim->noise[j] = p->noise[j] * exp(differs * 0.2 * an_rng_normal(&r));
    }
    sim->load_shift = differs * 0.05 * (2 * an_rng_unit(&r) - 1);
    an_rng_init(&sim->run, an_mix64(sim->conf.seed) ^ sim->conf.site, 1);
    an_rng_init(&sim->instruments, an_mix64(sim->conf.seed) ^ sim->conf.site, 2);
    an_rng_init(&sim->shaking, an_mix64(sim->conf.seed) ^ sim->conf.site, 3);
    sim->moment.rng = &sim->shaking;
    an_sim_moment usual = sim->moment;
    p->start(&usual);
    usual.load = 0.7;
    usual.ambient = 22;
    p->step(sim->middle, &usual);
    p->start(&sim->moment);
}

an_err an_sim_new(const an_sim_conf *conf, an_sim **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_sim *sim = an_alloc(1, sizeof *sim);
    if (!sim)
        goto out;
    sim->conf = *conf;
    sim->conf.line[AN_SIM_NAME_MAX - 1] = '\0';
    if (sim->conf.step_ms <= 0)
        sim->conf.step_ms = 1000;
    for (size_t i = 0; an_sim_physics_at(i); i++)
        if (strcmp(an_sim_physics_at(i)->line.name, sim->conf.line) == 0)
            sim->phys = an_sim_physics_at(i);
    err = AN_ERR_INVAL;
    if (!sim->phys) {
        an_note_set(why, "the simulator has no line \"%s\": pump or press", sim->conf.line);
        goto out;
    }
    if ((err = read_script(sim, why)))
        goto out;
    build_site(sim);
    *ret = sim;
    sim = NULL;
out:
    an_sim_free(sim);
    return err;
}

void an_sim_free(an_sim *sim)
{
    an_free(sim);
}

size_t an_sim_width(const an_sim *sim)
{
    return sim->phys->line.n_sensors;
}

const an_sim_line *an_sim_line_get(const an_sim *sim)
{
    return &sim->phys->line;
}

/* Load levels follow each other; after a few of them the line stops for a while. */
static void next_regime(an_sim *sim)
{
    static const double levels[] = {0.45, 0.62, 0.78, 0.92};
    double u = an_rng_unit(&sim->run);
    double pick = an_rng_unit(&sim->run);
    if (sim->row > 0 && sim->levels_left == 0 && !sim->conf.steady) {
        sim->level = 0;
        sim->level_until = sim->row + (uint64_t)(STOP_ROWS * (0.6 + 0.8 * u));
        sim->levels_left = 2 + (unsigned)(2 * pick);
        return;
    }
    if (sim->levels_left)
        sim->levels_left--;
    else
        sim->levels_left = 2;
    sim->level = levels[(size_t)(pick * 4)] + sim->load_shift;
    sim->level_until = sim->row + (uint64_t)(SHIFT_ROWS * (0.4 + 1.2 * u));
}

static void advance(an_sim *sim, int64_t time_ms)
{
    an_sim_moment *m = &sim->moment;
    const double day = 6.283185307179586 * (double)(time_ms % 86400000) / 86400000.0;
    if (sim->row >= sim->level_until)
        next_regime(sim);
    for (size_t i = 0; i < 2; i++) /* AR(1), variance 1 */
        m->wobble[i] = 0.97 * m->wobble[i] + sqrt(1 - 0.97 * 0.97) * an_rng_normal(&sim->run);
    m->load = sim->level > 0 ? sim->level + 0.008 * m->wobble[1] : 0;
    m->ambient = 22 + 1.5 * sin(day - 2.1);
    if (sim->level > 0)
        m->hours += (double)sim->conf.step_ms / 3.6e6;
}

/* Strength of a script now; 0 = not acting. */
static double strength(const script *s, uint64_t row)
{
    if (row < s->start)
        return 0;
    uint64_t age = row - s->start;
    if (!s->type->is_fault) {
        if (s->length == 0 || age >= s->length)
            return s->size;
        return s->size * (double)(age + 1) / (double)s->length;
    }
    if (age >= s->length)
        return 0;
    if (s->ramp)
        return s->size * (double)(age + 1) / (double)s->length;
    return s->size * fmin(1.0, (double)(age + 1) / FAULT_RISE);
}

static void break_sensor(an_sim *sim, script *s, double x, float *row, double spike)
{
    float *v = &row[s->sensor];
    const double unit = sim->phys->scale[s->sensor] * sim->gain[s->sensor];
    switch (s->act) {
    case STUCK:
        if (isnan(s->frozen))
            s->frozen = sim->row ? sim->last[s->sensor] : *v;
        *v = s->frozen;
        break;
    case OFFSET:
        *v += (float)(4 * x * unit);
        break;
    case SPIKES:
        if (fabs(spike) > 1.534) /* one row of eight */
            *v += (float)(8 * x * unit * (spike > 0 ? 1 : -1));
        break;
    default:
        *v = NAN;
        break;
    }
}

static void observe(an_sim *sim, const double *truth, float *ret_row)
{
    const an_sim_line *line = &sim->phys->line;
    for (size_t j = 0; j < line->n_sensors; j++) {
        double v = sim->middle[j] + (truth[j] - sim->middle[j]) * sim->gain[j] + sim->offset[j] +
                   sim->noise[j] * an_rng_normal(&sim->instruments);
        ret_row[j] = (float)fmax(line->sensors[j].low, fmin(line->sensors[j].high, v));
    }
}

bool an_sim_next(an_sim *sim, float *ret_row, an_sim_info *ret_info)
{
    if (sim->conf.rows && sim->row >= sim->conf.rows)
        return false;
    const int64_t time_ms = sim->conf.start_ms + (int64_t)sim->row * sim->conf.step_ms;
    double truth[AN_SIM_SENSORS_MAX] = {0};
    *ret_info = (an_sim_info){.row = sim->row, .time_ms = time_ms, .event = ""};
    advance(sim, time_ms);
    memset(sim->moment.act, 0, sizeof sim->moment.act);
    for (size_t i = 0; i < sim->n_scripts; i++) {
        const script *s = &sim->scripts[i];
        double x = strength(s, sim->row);
        if (x <= 0)
            continue;
        if (!s->type->on_sensor)
            sim->moment.act[s->act] += x;
        if (s->type->is_fault)
            ret_info->label = 1;
        if (s->type->is_fault || ret_info->event[0] == '\0')
            ret_info->event = s->type->name;
    }
    sim->phys->step(truth, &sim->moment);
    observe(sim, truth, ret_row);
    const double spike = an_rng_normal(&sim->instruments);
    for (size_t i = 0; i < sim->n_scripts; i++) {
        script *s = &sim->scripts[i];
        double x = strength(s, sim->row);
        if (s->type->on_sensor && x > 0)
            break_sensor(sim, s, x, ret_row, spike);
    }
    memcpy(sim->last, ret_row, an_sim_width(sim) * sizeof *ret_row);
    sim->row++;
    return true;
}

an_err an_sim_generate(const an_sim_conf *conf, size_t n, float *ret_values, int8_t *ret_labels,
                       int64_t *ret_time_ms, an_note *why)
{
    an_sim_conf endless = *conf;
    an_sim *sim = NULL;
    an_sim_info info;
    endless.rows = 0;
    an_err err = an_sim_new(&endless, &sim, why);
    for (size_t i = 0; !err && i < n; i++) {
        an_sim_next(sim, ret_values + i * an_sim_width(sim), &info);
        if (ret_labels)
            ret_labels[i] = info.label;
        if (ret_time_ms)
            ret_time_ms[i] = info.time_ms;
    }
    an_sim_free(sim);
    return err;
}
