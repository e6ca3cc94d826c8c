/* A source that several lines share, each with its own model: the leader reads it, the others have streams (stream.h).
 *
 * After a restart the source goes on where the line was that was furthest behind, as a crash may have kept the mark of one
 * and not of another; rows that a line has had already are passed over.  What a device said is not there a second
 * time: then the furthest one counts, and rows that others had not seen are lost to them.  Rows are counted from the first
 * one of a run: what a line has kept of another source, or of a file before it was replaced, does not count. */
#include <string.h>

#include "agent/runtime_internal.h"
#include "base/log.h"
#include "base/mem.h"

#define BATCH_ROWS 64

static size_t find(const an_line *leader, const char *name)
{
    size_t i = 0;
    while (i < leader->width && strcmp(leader->sensors[i], name) != 0)
        i++;
    return i;
}

/* Which sensors of the leader: all, or those that are named.  columns: room for as many as are named. */
static an_err choose(const an_line *l, size_t *columns, size_t n, an_note *why)
{
    const an_node *list = l->conf->sensors;
    for (size_t i = 0; i < n; i++) {
        const char *name = NULL;
        columns[i] = i;
        if (!list)
            continue;
        const an_node *node = an_node_at(list, i);
        const an_err err = an_node_text(node, &name, why);
        if (err != AN_OK)
            return err;
        if ((columns[i] = find(l->leader, name)) == l->leader->width)
            return an_node_fail(node, why, "sensors: line \"%.60s\" has no \"%.90s\"", l->conf->stream, name);
        for (size_t k = 0; k < i; k++)
            if (columns[k] == columns[i])
                return an_node_fail(node, why, "sensors: \"%.90s\" stands there twice", name);
    }
    return AN_OK;
}

an_err an_line_stream_open(an_line *l, an_note *why)
{
    an_line *leader = l->leader;
    const size_t n = l->conf->sensors ? an_node_count(l->conf->sensors) : leader->width;
    if (leader->frame.rows > 0 && l->conf->sensors)
        return an_node_fail(l->conf->sensors, why,
                            "sensors: images are shared as a whole; leave sensors out");
    if (n == 0 || n > leader->width)
        return an_node_fail(l->conf->sensors, why, "sensors: %zu of the %zu of line \"%.60s\"", n,
                            leader->width, l->conf->stream);
    an_stream *s = NULL;
    size_t *columns = an_alloc(n, sizeof *columns);
    const char **names = an_alloc(n, sizeof *names), **units = an_alloc(n, sizeof *units);
    an_err err = columns && names && units ? choose(l, columns, n, why) : AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        names[i] = leader->sensors[columns[i]];
        units[i] = an_source_unit(leader->source, columns[i]);
    }
    if (err == AN_OK)
        err = an_stream_new(columns, names, units, n, BATCH_ROWS, an_source_is_paced(leader->source), &s);
    if (err == AN_OK && (err = an_source_of(&an_stream_source, &s, an_clock_system(), &l->source)) != AN_OK)
        an_stream_free(s);
    if (err == AN_OK) {
        an_buf_clear(&leader->tap_position);
        if (an_source_save(leader->source, &leader->tap_position) == AN_OK)
            an_stream_begin(s, leader->tap_position.data, leader->tap_position.len);
        leader->taps[leader->n_taps++] = s;
    }
    an_free(columns);
    an_free(names);
    an_free(units);
    return err;
}

bool an_line_stream_room(const an_line *l)
{
    for (size_t i = 0; i < l->n_taps; i++)
        if (!an_stream_has_room(l->taps[i]))
            return false;
    return true;
}

void an_line_stream_put(an_line *l)
{
    if (l->n_taps == 0)
        return;
    an_buf_clear(&l->tap_position);
    const bool known = an_source_save(l->source, &l->tap_position) == AN_OK;
    for (size_t i = 0; i < l->n_taps; i++)
        an_stream_put(l->taps[i], &l->batch, l->tap_position.data, known ? l->tap_position.len : 0);
}

void an_line_stream_end(an_line *l)
{
    for (size_t i = 0; i < l->n_taps; i++)
        an_stream_end(l->taps[i]);
}

/* ---- after a restart ---- */

bool an_mark_read(an_reader *mark, an_mark_head *ret)
{
    ret->row = an_read_u64(mark);
    ret->run = an_read_u64(mark);
    const uint32_t len = an_read_u32(mark);
    const uint8_t *bytes = an_read_bytes(mark, len);
    ret->source = an_reader_of(bytes, bytes ? len : 0);
    return bytes != NULL;
}

bool an_line_stream_position(const an_agent_conf *agent, const an_buf *marks, size_t i, an_reader *ret)
{
    const an_source_type *type = an_source_type_find(agent->lines[i].source_type);
    const bool once = type->live && !type->again;
    an_reader mark = an_reader_of(marks[i].data, marks[i].len);
    an_mark_head best, other;
    bool others = false;
    if (!an_mark_read(&mark, &best))
        return false;
    for (size_t k = i + 1; k < agent->n_lines; k++) {
        an_reader position;
        mark = an_reader_of(marks[k].data, marks[k].len);
        if (agent->lines[k].leader != i || !an_mark_read(&mark, &other) || other.run != best.run ||
            (once ? other.row <= best.row : other.row >= best.row) ||
            an_stream_position(&other.source, &position, NULL) != AN_OK || position.left == 0)
            continue;
        best.row = other.row;
        *ret = position;
        others = true;
    }
    return others;
}
