/* The thread that asks the database: a page, when the line has taken the one before.
 *
 *     SELECT CAST(bookmark AS text), CAST(time AS text), ... FROM (query) q
 *     WHERE bookmark > CAST(CAST($1 AS text) AS <its type>) ORDER BY bookmark LIMIT page
 *
 * Rows with the same bookmark belong together (and in the narrow form those of the same time, which become one row).  The last
 * of such a group may lie beyond a full page: then the group is left for the next one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sources/sql_internal.h"
#include "models/data/opc_quality.h"
#include "models/data/table.h"

enum { CELL_MARK, CELL_TIME, CELL_PART, CELL_QUALITY, CELLS }; /* then the columns, or tag and value */

typedef struct take_state {
    sql_state *s;
    size_t n;    /* rows of the answer */
    size_t safe; /* rows of the page that end a group */
    char group[SQL_MARK_MAX];
    char cursor[SQL_MARK_MAX]; /* bookmark of the last row of the last whole group */
    char last[SQL_MARK_MAX];
    bool young; /* the rest is too young */
} take_state;

void an_sql_count(sql_state *s, int counter)
{
    pthread_mutex_lock(&s->lock);
    s->counters[counter]++;
    pthread_mutex_unlock(&s->lock);
}

/* ---- the text of the query ---- */

static void put_name(an_buf *b, const char *name)
{
    an_buf_text(b, "q.\"");
    for (const char *c = name; *c; c++) {
        an_buf_put(b, c, 1);
        if (*c == '"')
            an_buf_put(b, c, 1);
    }
    an_buf_text(b, "\"");
}

static void put_cell(an_buf *b, const char *name)
{
    if (!name[0]) {
        an_buf_text(b, "NULL");
        return;
    }
    an_buf_text(b, "CAST(");
    put_name(b, name);
    an_buf_text(b, " AS text)");
}

static void put_from(an_buf *b, const sql_conf *c)
{
    const bool is_table = strcspn(c->query, " \t\r\n(") == strlen(c->query);
    an_buf_printf(b, is_table ? " FROM %s q" : " FROM (%s) q", c->query);
}

static size_t put_query(an_buf *b, const sql_state *s, bool first)
{
    const sql_conf *c = &s->conf;
    size_t n = CELLS;
    an_buf_text(b, "SELECT ");
    put_cell(b, c->bookmark);
    an_buf_text(b, ", ");
    put_cell(b, c->time);
    an_buf_text(b, ", ");
    put_cell(b, c->part);
    an_buf_text(b, ", ");
    put_cell(b, c->quality);
    for (size_t i = 0; i < (c->tag[0] ? 2 : c->width); i++, n++) {
        an_buf_text(b, ", ");
        put_cell(b, !c->tag[0] ? c->names[i] : i == 0 ? c->tag : c->value);
    }
    put_from(b, c);
    an_buf_text(b, " WHERE ");
    put_name(b, c->bookmark);
    if (first)
        an_buf_text(b, " IS NOT NULL");
    else
        an_buf_printf(b, " > CAST(CAST($1 AS text) AS %s)", s->type);
    an_buf_text(b, " ORDER BY ");
    put_name(b, c->bookmark);
    if (strcmp(c->bookmark, c->time) != 0) { /* so that rows of one bookmark keep their order */
        an_buf_text(b, ", ");
        put_name(b, c->time);
    }
    an_buf_printf(b, " LIMIT %lld", (long long)c->page);
    an_buf_u8(b, 0);
    return n;
}

static an_err take_type(void *ctx, const char *const *cells, size_t n)
{
    sql_state *s = ctx;
    const char *type = cells[0];
    (void)n;
    /* It becomes a part of the text. */
    if (type && strlen(type) < sizeof s->type &&
        strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789_ ()") == strlen(type))
        memcpy(s->type, type, strlen(type) + 1);
    return AN_OK;
}

static an_err find_type(sql_state *s, an_note *why)
{
    an_buf b;
    an_buf_init(&b, 4 * SQL_TEXT_MAX);
    an_buf_printf(&b, "SELECT CAST(%s(", s->conf.database->type_of);
    put_name(&b, s->conf.bookmark);
    an_buf_text(&b, ") AS text)");
    put_from(&b, &s->conf);
    an_buf_text(&b, " WHERE ");
    put_name(&b, s->conf.bookmark);
    an_buf_text(&b, " IS NOT NULL LIMIT 1");
    an_buf_u8(&b, 0);
    an_err err = an_buf_err(&b);
    if (!err)
        err = s->conf.database->query(s->link, (const char *)b.data, NULL, take_type, s, 1, why);
    an_buf_done(&b);
    return err;
}

/* ---- rows ---- */

static bool number(const char *text, float *ret)
{
    char *end;
    const double v = strtod(text, &end);
    const bool ok = *text && !*end && isfinite(v) && fabs(v) <= 3.4e38;
    *ret = ok ? (float)v : strcmp(text, "true") == 0 ? 1.0f : strcmp(text, "false") == 0 ? 0.0f : NAN;
    return !isnan(*ret);
}

static void put_value(sql_state *s, size_t row, size_t i, const char *text, uint8_t quality)
{
    sql_page *p = &s->page;
    const size_t at = row * s->conf.width + i;
    p->values[at] = NAN;
    p->quality[at] = quality;
    if (!text || quality == AN_OPC_BAD)
        return;
    if (!number(text, &p->values[at])) {
        p->quality[at] = AN_VALUE_BAD;
        an_sql_count(s, SQL_UNREAD);
    }
}

/* A new row of the page, which in the narrow form begins with what is held. */
static size_t new_row(sql_state *s, int64_t time_ms)
{
    sql_page *p = &s->page;
    const size_t row = p->n++, width = s->conf.width;
    p->time_ms[row] = time_ms;
    p->part[row][0] = '\0';
    if (s->conf.tag[0]) {
        const float *values = row > 0 ? p->values + (row - 1) * width : s->held;
        const uint8_t *quality = row > 0 ? p->quality + (row - 1) * width : s->held_quality;
        memcpy(p->values + row * width, values, width * sizeof *values);
        memcpy(p->quality + row * width, quality, width);
    }
    return row;
}

static void put_tag(sql_state *s, size_t row, const char *tag, const char *value, uint8_t quality)
{
    for (size_t i = 0; i < s->conf.width; i++)
        if (tag && strcmp(s->conf.names[i], tag) == 0) {
            put_value(s, row, i, value, quality);
            return;
        }
    an_sql_count(s, SQL_UNKNOWN);
}

/* What came before is whole: all rows of its bookmark, and in the narrow form of its time, are here. */
static void end_group(take_state *t)
{
    t->safe = t->s->page.n;
    memcpy(t->cursor, t->last, sizeof t->cursor);
}

static an_err take_row(void *ctx, const char *const *cells, size_t n)
{
    take_state *t = ctx;
    sql_state *s = t->s;
    sql_page *p = &s->page;
    int64_t time_ms;
    t->n++;
    if (t->young)
        return AN_OK;
    const char *mark = cells[CELL_MARK], *time = cells[CELL_TIME];
    if (!mark || strlen(mark) >= SQL_MARK_MAX) {
        an_sql_count(s, SQL_BAD);
        return AN_OK;
    }
    if (!time || strlen(time) >= SQL_MARK_MAX ||
        !an_time_parse_in(time, strlen(time), s->conf.zone, s->mark_ms, &time_ms)) {
        an_sql_count(s, SQL_BAD);
        t->group[0] = '\0';
        if (strcmp(mark, t->last) != 0)
            end_group(t);
        memcpy(t->last, mark, strlen(mark) + 1); /* it is not asked for again */
        return AN_OK;
    }
    const bool same = s->conf.tag[0] && p->n > 0 && strcmp(time, t->group) == 0;
    if (!same && strcmp(mark, t->last) != 0)
        end_group(t);
    if (s->conf.lag_ms > 0 && time_ms > an_clock_system()->wall_ms(an_clock_system()) - s->conf.lag_ms) {
        t->young = true;
        return AN_OK;
    }
    s->mark_ms = time_ms;
    memcpy(t->group, time, strlen(time) + 1);
    memcpy(t->last, mark, strlen(mark) + 1);
    const size_t row = same ? p->n - 1 : new_row(s, time_ms);
    memcpy(p->mark[row], mark, strlen(mark) + 1);
    const char *part = cells[CELL_PART], *said = cells[CELL_QUALITY];
    if (part && strlen(part) < AN_PART_MAX)
        memcpy(p->part[row], part, strlen(part) + 1);
    const uint8_t quality = said ? an_opc_quality(said, strlen(said)) : AN_OPC_GOOD;
    if (s->conf.tag[0])
        put_tag(s, row, cells[CELLS], cells[CELLS + 1], quality);
    for (size_t i = CELLS; i < n && !s->conf.tag[0]; i++)
        put_value(s, row, i - CELLS, cells[i], quality);
    return AN_OK;
}

/* Hands the page over. */
static void give(sql_state *s)
{
    const sql_page *p = &s->page;
    const size_t width = s->conf.width, last = p->n - 1;
    memcpy(s->held, p->values + last * width, width * sizeof *s->held);
    memcpy(s->held_quality, p->quality + last * width, width);
    pthread_mutex_lock(&s->lock);
    s->full = true;
    s->counters[SQL_PAGES]++;
    pthread_mutex_unlock(&s->lock);
    const ssize_t n = write(s->wake[1], "", 1);
    (void)n; /* a full pipe is readable as well */
}

/* *ret_full: there may be more behind it. */
static an_err fetch(sql_state *s, bool *ret_full, an_note *why)
{
    take_state t = {.s = s};
    an_buf b;
    const bool first = !s->cursor[0];
    *ret_full = false;
    s->page.n = s->page.at = 0;
    an_err err = s->type[0] ? AN_OK : find_type(s, why);
    if (err || !s->type[0]) /* there is no row yet */
        return err;
    memcpy(t.last, s->cursor, sizeof t.last);
    memcpy(t.cursor, s->cursor, sizeof t.cursor);
    an_buf_init(&b, 8 * SQL_TEXT_MAX);
    const size_t n_cells = put_query(&b, s, first);
    err = an_buf_err(&b);
    an_sql_count(s, SQL_QUERIES);
    if (!err)
        err = s->conf.database->query(s->link, (const char *)b.data, first ? NULL : s->cursor, take_row, &t,
                                      n_cells, why);
    an_buf_done(&b);
    if (err)
        return err;
    const bool is_full = t.n >= (size_t)s->conf.page;
    if (is_full && !t.young && strcmp(t.cursor, s->cursor) == 0 && s->page.n > 0)
        return an_fail(AN_ERR_LIMIT, why,
                       "more than %lld rows have the same bookmark or time: set page higher",
                       (long long)s->conf.page);
    if (is_full || t.young)
        s->page.n = t.safe;
    else
        memcpy(t.cursor, t.last, sizeof t.cursor);
    memcpy(s->cursor, t.cursor, sizeof s->cursor);
    *ret_full = is_full && !t.young;
    return AN_OK;
}

/* ---- the device ---- */

static an_err sql_connect(void *ctx, an_note *why)
{
    sql_state *s = ctx;
    return s->conf.database->connect(s->conf.address, s->conf.patience_ms, &s->link, why);
}

static an_err sql_turn(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    sql_state *s = ctx;
    bool is_full = false;
    *ret_wait_ms = s->conf.poll_ms;
    pthread_mutex_lock(&s->lock);
    const bool busy = s->full || s->ended;
    pthread_mutex_unlock(&s->lock);
    if (busy)
        return AN_OK;
    an_err err = fetch(s, &is_full, why);
    if (err)
        return err;
    if (s->page.n > 0) {
        give(s);
    } else if (is_full) {
        *ret_wait_ms = 0; /* nothing of it could be read */
    } else if (!s->conf.follow) {
        pthread_mutex_lock(&s->lock);
        s->ended = true;
        pthread_mutex_unlock(&s->lock);
        const ssize_t n = write(s->wake[1], "", 1);
        (void)n;
    }
    return AN_OK;
}

static void sql_disconnect(void *ctx)
{
    sql_state *s = ctx;
    if (s->link)
        s->conf.database->close(s->link);
    s->link = NULL;
}

const an_device_type an_sql_device = {sql_connect, sql_turn, sql_disconnect, NULL};
