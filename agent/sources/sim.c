/* Source `sim`: the line simulator (agent/sim.h) as a source.  Its position is a row number: a
 * restart runs the simulation up to it again, which gives the same rows. */
#include "agent/sim.h"

#include <stdio.h>
#include <string.h>

#include "agent/source.h"
#include "doors/yaml.h"
#include "models/data/table.h"

#define ROW_MAX 9e15 /* counts a double holds exactly */

typedef struct sim_state {
    an_sim *sim;
    an_sim_conf conf;
    uint64_t row;
} sim_state;

static const an_source_option options[] = {
    {"line", AN_OPTION_TEXT, 0, 0, NULL, "pump or press"},
    {"seed", AN_OPTION_INT, 0, ROW_MAX, "1", "of noise and regimes"},
    {"site", AN_OPTION_INT, 0, ROW_MAX, "0", "which plant: gains, offsets and noise; 0 is the nominal one"},
    {"rows", AN_OPTION_INT, 0, ROW_MAX, "0", "rows until the end; 0: endless"},
    {"start", AN_OPTION_TEXT, 0, 0, "2026-01-01T00:00:00Z", "time of the first row"},
    {"step_ms", AN_OPTION_INT, 1, 86400000, "1000", "time between two rows"},
    {"steady", AN_OPTION_BOOL, 0, 1, "false", "the line never stops"},
    {"events", AN_OPTION_LIST, 0, 0, "", "faults and changes: name, start, length, size, sensor"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err copy_name(char out[static AN_SIM_NAME_MAX], const an_node *node, const char *text, an_note *why)
{
    if (strlen(text) >= AN_SIM_NAME_MAX)
        return an_node_fail(node, why, "\"%s\": longer than %d characters", text, AN_SIM_NAME_MAX - 1);
    memcpy(out, text, strlen(text) + 1);
    return AN_OK;
}

static an_err read_event(const an_node *map, an_sim_event *ret, an_note *why)
{
    static const char *const keys[] = {"name", "start", "length", "size", "sensor", NULL};
    const char *name = NULL, *sensor = NULL;
    int64_t start = 0, length = 0;
    an_err err = an_node_only_keys(map, keys, why);
    if (!err)
        err = an_node_need_text(map, "name", &name, why);
    if (!err)
        err = copy_name(ret->name, map, name, why);
    if (!err)
        err = an_node_need_int(map, "start", 0, (int64_t)ROW_MAX, &start, why);
    if (!err)
        err = an_node_get_int(map, "length", 0, (int64_t)ROW_MAX, 0, &length, why);
    if (!err)
        err = an_node_get_num(map, "size", 0, 100, 1, &ret->size, why);
    if (!err)
        err = an_node_get_text(map, "sensor", "", &sensor, why);
    if (!err)
        err = copy_name(ret->sensor, map, sensor, why);
    if (err)
        return err;
    ret->start = (uint64_t)start;
    ret->length = (uint64_t)length;
    return AN_OK;
}

static an_err read_conf(const an_node *map, an_sim_conf *c, an_note *why)
{
    const char *line = NULL, *start = NULL;
    int64_t seed = 1, site = 0, rows = 0;
    an_err err = an_node_need_text(map, "line", &line, why);
    if (!err)
        err = copy_name(c->line, map, line, why);
    if (!err)
        err = an_node_get_int(map, "seed", 0, (int64_t)ROW_MAX, 1, &seed, why);
    if (!err)
        err = an_node_get_int(map, "site", 0, (int64_t)ROW_MAX, 0, &site, why);
    if (!err)
        err = an_node_get_int(map, "rows", 0, (int64_t)ROW_MAX, 0, &rows, why);
    if (!err)
        err = an_node_get_int(map, "step_ms", 1, 86400000, 1000, &c->step_ms, why);
    if (!err)
        err = an_node_get_bool(map, "steady", false, &c->steady, why);
    if (!err)
        err = an_node_get_text(map, "start", "2026-01-01T00:00:00Z", &start, why);
    if (!err && !an_time_parse(start, strlen(start), &c->start_ms))
        err = an_node_fail(an_node_get(map, "start"), why, "start: \"%s\" is not a time", start);
    if (err)
        return err;
    c->seed = (uint64_t)seed;
    c->site = (uint64_t)site;
    c->rows = (uint64_t)rows;
    const an_node *events = an_node_get(map, "events");
    if (an_node_count(events) > AN_SIM_EVENTS_MAX)
        return an_node_fail(events, why, "events: at most %d", AN_SIM_EVENTS_MAX);
    for (size_t i = 0; i < an_node_count(events) && !err; i++)
        err = read_event(an_node_at(events, i), &c->events[c->n_events++], why);
    return err;
}

/* What the line does not know, its events above all, is met when it is made. */
static an_err sim_check(const an_node *conf, an_note *why)
{
    an_sim_conf c = {.n_events = 0};
    an_sim *sim = NULL;
    an_note inner = {{0}};
    an_err err = read_conf(conf, &c, why);
    if (err)
        return err;
    err = an_sim_new(&c, &sim, &inner);
    an_sim_free(sim);
    return err == AN_ERR_INVAL ? an_node_fail(conf, why, "%s", inner.text) : err;
}

static an_err sim_open(void *state, const an_node *conf, an_note *why)
{
    sim_state *s = state;
    an_err err = read_conf(conf, &s->conf, why);
    return err ? err : an_sim_new(&s->conf, &s->sim, why);
}

static size_t sim_width(const void *state)
{
    return an_sim_width(((const sim_state *)state)->sim);
}

static const char *sim_sensor(const void *state, size_t i)
{
    return an_sim_line_get(((const sim_state *)state)->sim)->sensors[i].name;
}

static const char *sim_unit(const void *state, size_t i)
{
    return an_sim_line_get(((const sim_state *)state)->sim)->sensors[i].unit;
}

static an_err sim_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    sim_state *s = state;
    an_sim_info info;
    (void)ret_wait_ms;
    (void)why;
    while (ret->n < ret->cap && an_sim_next(s->sim, ret->values + ret->n * ret->width, &info)) {
        ret->time_ms[ret->n] = info.time_ms;
        ret->row[ret->n] = info.row;
        ret->flags[ret->n] = info.row == 0 ? AN_ROW_RESTART : 0;
        ret->label[ret->n] = info.label;
        ret->n++;
        s->row++;
    }
    return ret->n ? AN_OK : AN_ERR_NOTFOUND;
}

static an_err sim_save(const void *state, an_buf *ret)
{
    an_buf_u64(ret, ((const sim_state *)state)->row);
    return AN_OK;
}

static an_err sim_restore(void *state, an_reader *in, an_note *why)
{
    sim_state *s = state;
    uint64_t row = an_read_u64(in);
    an_sim *sim = NULL;
    an_sim_info info;
    float values[AN_SIM_SENSORS_MAX];
    if (in->failed || row > (uint64_t)ROW_MAX)
        return an_fail(AN_ERR_PROTO, why, "not a position of the simulator");
    an_err err = an_sim_new(&s->conf, &sim, why);
    if (err)
        return err;
    uint64_t i = 0;
    while (i < row && an_sim_next(sim, values, &info))
        i++;
    an_sim_free(s->sim);
    s->sim = sim;
    s->row = i;
    return i == row
               ? AN_OK
               : an_fail(AN_ERR_NOTFOUND, why, "the simulation has only %llu rows", (unsigned long long)i);
}

static void sim_close(void *state)
{
    an_sim_free(((sim_state *)state)->sim);
}

const an_source_type an_source_type_sim = {
    .name = "sim",
    .meaning = "a simulated line with known faults and changes",
    .options = options,
    .state_size = sizeof(sim_state),
    .check = sim_check,
    .open = sim_open,
    .width = sim_width,
    .sensor = sim_sensor,
    .unit = sim_unit,
    .next = sim_next,
    .save = sim_save,
    .restore = sim_restore,
    .close = sim_close,
};
