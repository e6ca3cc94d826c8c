/* Setting up one line: source, sample pool, pipeline, and where it was before. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/conf_check.h"
#include "agent/runtime_internal.h"
#include "agent/sim.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"

#define BATCH_ROWS 64

/* ---- copies of a pool ---- */

void an_snapshot_free(an_snapshot *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < AN_SNAPSHOT_PARTS; i++)
        an_free(s->raw[i]);
    an_free(s);
}

/* Appends windows [from, to) of an item's part. */
static void append(an_snapshot *s, size_t part, const an_snapshot *item, size_t from, size_t to)
{
    const size_t sample = s->width * s->context;
    if (to > from)
        memcpy(s->raw[part] + s->n[part] * sample, item->raw[part] + from * sample,
               (to - from) * sample * sizeof(float));
    s->n[part] += to - from;
}

/* How many of an item's windows are not new. */
static size_t n_before(const an_snapshot *s, const an_snapshot *item, size_t part)
{
    return item->reported || !s->reported ? item->since[part] : item->n[part];
}

an_err an_snapshot_join(an_snapshot *const *items, size_t n, an_snapshot **ret)
{
    an_snapshot *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->width = items[0]->width;
    s->context = items[0]->context;
    const size_t sample = s->width * s->context;
    for (size_t i = 0; i < n; i++)
        s->reported = s->reported || items[i]->reported;
    for (size_t part = 0; part < AN_SNAPSHOT_PARTS; part++) {
        size_t all = 0;
        for (size_t i = 0; i < n; i++)
            all += items[i]->n[part];
        if (!(s->raw[part] = an_alloc(all * sample, sizeof(float)))) {
            an_snapshot_free(s);
            return AN_ERR_NOMEM;
        }
        for (size_t i = 0; i < n; i++)
            append(s, part, items[i], 0, n_before(s, items[i], part));
        s->since[part] = s->n[part];
        for (size_t i = 0; i < n; i++)
            append(s, part, items[i], n_before(s, items[i], part), items[i]->n[part]);
    }
    *ret = s;
    return AN_OK;
}

/* ---- opening ---- */

static an_err check_sensors(const an_line *l, an_note *why)
{
    const an_node *list = l->conf->sensors;
    if (!list || l->leader != l)
        return AN_OK;
    for (size_t i = 0; i < an_node_count(list); i++) {
        const an_node *node = an_node_at(list, i);
        const char *name = NULL;
        an_err err = an_node_text(node, &name, why);
        if (err != AN_OK)
            return err;
        if (i >= l->width)
            return an_node_fail(node, why, "sensors: \"%.90s\" is not in the source, which has %zu", name,
                                l->width);
        if (strcmp(name, l->sensors[i]) != 0)
            return an_node_fail(node, why, "sensors: the source has \"%.90s\" here", l->sensors[i]);
    }
    if (an_node_count(list) < l->width)
        return an_node_fail(list, why, "sensors: \"%.90s\" of the source is not listed",
                            l->sensors[an_node_count(list)]);
    return AN_OK;
}

static an_err open_source(an_line *l, an_note *why)
{
    an_err err = l->leader != l ? an_line_stream_open(l, why)
                                : an_source_open(l->conf->source_type, l->conf->source, an_clock_system(),
                                                 &l->source, why);
    if (err != AN_OK)
        return err;
    l->width = an_source_width(l->source);
    l->frame = an_source_frame_get(l->leader->source);
    if (l->conf->window > 0 && l->frame.rows > 0 && (size_t)l->conf->window != l->frame.rows)
        return an_fail(AN_ERR_INVAL, why,
                       "line %s: an image has %zu rows, and its window is %lld: leave window out",
                       l->conf->name, l->frame.rows, (long long)l->conf->window);
    l->context = an_agent_line_context(l->conf, l->frame.rows);
    if (l->frame.rows > 0 && l->context != l->frame.rows)
        return an_fail(AN_ERR_INVAL, why, "line %s: an image has %zu rows, which pool.window cannot change",
                       l->conf->name, l->frame.rows);
    const char **units = an_alloc(l->width, sizeof *units);
    l->sensors = an_alloc(l->width, sizeof *l->sensors);
    err = units && l->sensors ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < l->width && err == AN_OK; i++) {
        l->sensors[i] = an_source_sensor(l->source, i);
        units[i] = an_source_unit(l->source, i);
    }
    if (err == AN_OK)
        err = check_sensors(l, why);
    if (err == AN_OK)
        err = an_schema_new(&l->schema, l->sensors, units, (uint32_t)l->width, l->conf->rate_hz,
                            (uint32_t)an_agent_line_window(l->conf, l->frame.rows), why);
    if (err == AN_OK)
        err = an_batch_init(&l->batch, l->width, BATCH_ROWS);
    an_free(units);
    return err;
}

static an_err open_rules(an_line *l, an_note *why)
{
    const char *lines[AN_LINES_MAX];
    const char **units = an_alloc(l->width, sizeof *units);
    if (!units)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < l->width; i++)
        units[i] = an_source_unit(l->source, i);
    for (size_t i = 0; i < l->agent->n_lines; i++)
        lines[i] = l->agent->lines[i].name;
    for (size_t i = 0; i < l->agent->n_lines; i++)
        l->fused = l->fused || an_line_rules_fuse(&l->agent->lines[i].rules, l->conf->name);
    const an_rulebook_at at = {.sensors = l->sensors,
                               .units = units,
                               .width = l->width,
                               .lines = lines,
                               .n_lines = l->agent->n_lines,
                               .line = l->number,
                               .update_ms = l->conf->alarm_update_ms};
    an_err err = an_rulebook_new(&l->conf->rules, &at, &l->rules, why);
    an_free(units);
    return err;
}

static an_err open_pool(an_line *l, an_note *why)
{
    char dir[AN_PATH_MAX], name[AN_NAME_MAX + 8];
    const an_agent_line *c = l->conf;
    an_note note = {{0}};
    const an_pool_conf conf = an_agent_line_pool(c, l->width, l->context, l->frame.rows);
    an_err err = an_pool_new(&conf, &l->pool, why);
    if (err != AN_OK)
        return err;
    snprintf(name, sizeof name, "%s.pool", c->name);
    if ((err = an_path_join(dir, l->agent->data, "pools")) != AN_OK ||
        (err = an_dir_make(dir, why)) != AN_OK || (err = an_path_join(l->pool_path, dir, name)) != AN_OK)
        return err;
    if ((err = an_pool_load(l->pool, l->pool_path, &note)) == AN_ERR_NOMEM)
        return err;
    if (err != AN_OK && err != AN_ERR_NOTFOUND) /* of other sensors, or damaged: it fills anew */
        an_log(AN_LOG_WARN, "pool_not_taken", "line=%s why=\"%s\"", c->name, note.text);
    return AN_OK;
}

static an_err open_scores(an_line *l, bool resumed, an_note *why)
{
    if (!l->conf->scores_out)
        return AN_OK;
    /* A restart goes on in the same file. */
    if (!(l->scores = fopen(l->conf->scores_out, resumed ? "a" : "w")))
        return an_fail(AN_ERR_IO, why, "%.200s: %s", l->conf->scores_out, strerror(errno));
    return AN_OK;
}

static an_err open_pipeline(an_line *l, an_note *why)
{
    const an_agent_line *c = l->conf;
    double low[AN_SIM_SENSORS_MAX], high[AN_SIM_SENSORS_MAX];
    an_pipeline_conf conf = {.width = l->width,
                             .window = l->context,
                             .frame = l->frame,
                             .bad_share_max = c->bad_share_max,
                             .alarm = an_agent_line_alarm(c),
                             .severity = (an_severity)c->alarm_severity,
                             .quality = {.missing_rows = (uint32_t)c->missing_rows,
                                         .stuck_rows = (uint32_t)c->stuck_rows,
                                         .range_rows = (uint32_t)c->range_rows,
                                         .clear_rows = (uint32_t)c->clear_rows},
                             .drift = an_agent_line_drift(c),
                             .watch = an_agent_line_watch(c),
                             .pool = l->pool,
                             .rules = l->rules,
                             .board = l->board,
                             .board_line = l->number,
                             .hooks = an_line_hooks,
                             .scores = l->scores};
    conf.hooks.ctx = l;
    an_pieces_init(&l->pieces, c->name, conf.alarm.k, conf.alarm.n, l->frame.rows > 0);
    const char *name = NULL;
    const an_sim_line *sim = NULL;
    if (strcmp(c->source_type, "sim") == 0 && an_node_need_text(c->source, "line", &name, NULL) == AN_OK)
        sim = an_sim_line_find(name);
    if (sim) {
        for (size_t i = 0; i < l->width; i++) {
            const an_sim_sensor *sensor = an_sim_sensor_find(sim, l->sensors[i]);
            low[i] = sensor->low;
            high[i] = sensor->high;
        }
        conf.quality.low = low;
        conf.quality.high = high;
    }
    return an_pipeline_new(&conf, &l->pipe, why);
}

static an_err reopen_source(an_line *l, an_note *why)
{
    an_source_close(l->source);
    l->source = NULL;
    an_free(l->sensors);
    l->sensors = NULL;
    an_schema_done(&l->schema);
    an_batch_done(&l->batch);
    return open_source(l, why);
}

/* others: of those that share it, if one of them counts.  Where that is gone, the line itself still goes on with its next row. */
static an_err restore_source(an_line *l, an_reader *own, an_reader *others, an_note *why)
{
    an_note note = {{0}};
    an_err err = others ? an_source_restore(l->source, others, &note) : AN_OK;
    if (others && (err == AN_OK || err == AN_ERR_NOMEM))
        return err;
    if (others) {
        an_log(AN_LOG_WARN, "rows_not_found", "line=%s why=\"lost to those that share it: %s\"",
               l->conf->name, note.text);
        if ((err = reopen_source(l, why)) != AN_OK)
            return err;
    }
    return an_source_restore(l->source, own, why);
}

/* Where the source is.  *ret_state: what the mark holds behind it. */
static an_err restore_position(an_line *l, const an_buf *marks, size_t i, an_reader *ret_state, an_note *why)
{
    an_reader mark = an_reader_of(marks[i].data, marks[i].len), others;
    an_mark_head head;
    if (!an_mark_read(&mark, &head))
        return an_fail(AN_ERR_PROTO, why, "line %s: what is kept of its position is damaged", l->conf->name);
    if (l->leader != l && head.run != l->source_run)
        return an_fail(AN_ERR_NOTFOUND, why, "it is not one of what line %s reads", l->conf->stream);
    const bool shared = an_line_stream_position(l->agent, marks, i, &others);
    const an_err err = restore_source(l, &head.source, shared ? &others : NULL, why);
    if (err != AN_OK)
        return err;
    l->source_run = head.run;
    l->next_row = head.row;
    if (l->frame.rows > 0) /* half an image is never scored: its first half is not passed over */
        l->next_row -= l->next_row % l->frame.rows;
    *ret_state = mark;
    return AN_OK;
}

static an_err restore_state(an_line *l, an_reader *in)
{
    an_err err = an_alarm_restore(an_pipeline_alarm(l->pipe), in);
    if (err == AN_OK)
        err = an_pipeline_rules_restore(l->pipe, in);
    if (err == AN_OK) {
        an_buf_put(&l->kept, in->at, in->left);
        err = an_buf_err(&l->kept);
    }
    return err;
}

/* Other sensors, other rules, another alarm.n: the line goes on where it was, and its alarms begin anew. */
static an_err begin_state_anew(an_line *l, an_note *why)
{
    an_log(AN_LOG_WARN, "alarm_state_not_taken_up",
           "line=%s why=\"its sensors, rules or alarm.n are others than before\"", l->conf->name);
    an_pipeline_free(l->pipe);
    l->pipe = NULL;
    an_rulebook_free(l->rules);
    l->rules = NULL;
    an_buf_done(&l->kept);
    an_buf_init(&l->kept, 1u << 16);
    const an_err err = open_rules(l, why);
    return err == AN_OK ? open_pipeline(l, why) : err;
}

/* The file was replaced, or the configuration names another one: read from its beginning. */
static an_err begin_anew(an_line *l, const char *why_not, an_note *why)
{
    an_log(AN_LOG_WARN, "position_not_found", "line=%s why=\"%s\"", l->conf->name, why_not);
    return l->leader == l ? reopen_source(l, why) : AN_OK; /* who shares takes what its leader reads */
}

an_err an_line_open(an_line *lines, const an_agent_conf *agent, size_t i, an_board *board,
                    const an_buf *marks, an_note *why)
{
    an_line *l = &lines[i];
    an_note note = {{0}};
    an_err err;
    l->agent = agent;
    l->conf = &agent->lines[i];
    l->leader = &lines[l->conf->leader];
    l->board = board;
    l->number = i;
    an_buf_init(&l->kept, 1u << 16);
    an_buf_init(&l->tap_position, 1u << 20);
    if ((err = open_source(l, why)) != AN_OK || (err = open_rules(l, why)) != AN_OK ||
        (err = open_pool(l, why)) != AN_OK || (err = open_scores(l, marks[i].len > 0, why)) != AN_OK ||
        (err = open_pipeline(l, why)) != AN_OK ||
        (err = an_line_pace_open(l, an_clock_system()->mono_ms(an_clock_system()), why)) != AN_OK)
        return err;
    if ((agent->api_socket || agent->api_port > 0) && !(l->recent = an_recent_new()))
        return AN_ERR_NOMEM;
    if ((err = an_line_trace_open(l)) != AN_OK || (err = an_line_advice_open(l, why)) != AN_OK)
        return err;
    an_reader state;
    if (l->leader == l)
        an_random(&l->source_run, sizeof l->source_run); /* unless its own mark is found */
    else
        l->source_run = l->leader->source_run;
    if (marks[i].len == 0)
        return AN_OK;
    if ((err = restore_position(l, marks, i, &state, &note)) == AN_OK) {
        l->resumed = (err = restore_state(l, &state)) == AN_OK;
        return l->resumed || err == AN_ERR_NOMEM ? err : begin_state_anew(l, why);
    }
    return err == AN_ERR_NOMEM ? err : begin_anew(l, note.text, why);
}

void an_line_close(an_line *l)
{
    an_pipeline_free(l->pipe);
    an_recent_free(l->recent);
    an_trace_free(l->trace);
    an_line_advice_close(l);
    an_json_doc_free(l->advised);
    an_rulebook_free(l->rules);
    an_pool_free(l->pool);
    an_source_close(l->source);
    an_batch_done(&l->batch);
    an_schema_done(&l->schema);
    an_free(l->sensors);
    an_buf_done(&l->kept);
    an_buf_done(&l->tap_position);
    if (l->scores && fclose(l->scores) != 0)
        an_log(AN_LOG_ERROR, "scores_not_written", "line=%s", l->conf->name);
}
