/* Source `sql`: rows of a database, in the order of a bookmark column, each once.
 *
 *     thread: query -> page --full--> line: rows ... --taken--> thread: the next page
 *
 * The position is the bookmark of the last row given out, with the values that the narrow form holds. */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "agent/sources/sql_internal.h"
#include "base/mem.h"
#include "models/data/opc_quality.h"
#include "models/data/table.h"

static an_err sql_check(const an_node *conf, an_note *why)
{
    sql_conf *c = an_alloc(1, sizeof *c);
    if (!c)
        return AN_ERR_NOMEM;
    const an_err err = an_sql_conf_read(c, conf, why);
    an_sql_conf_done(c);
    an_free(c);
    return err;
}

static an_err make_page(sql_state *s)
{
    sql_page *p = &s->page;
    const size_t width = s->conf.width;
    p->cap = (size_t)s->conf.page;
    p->time_ms = an_alloc(p->cap, sizeof *p->time_ms);
    p->values = an_alloc(p->cap * width, sizeof *p->values);
    p->quality = an_alloc(p->cap * width, 1);
    p->part = an_alloc(p->cap, sizeof *p->part);
    p->mark = an_alloc(p->cap, sizeof *p->mark);
    s->held = an_alloc(width, sizeof *s->held);
    s->held_quality = an_alloc(width, 1);
    s->at_held = an_alloc(width, sizeof *s->at_held);
    s->at_held_quality = an_alloc(width, 1);
    if (!p->time_ms || !p->values || !p->quality || !p->part || !p->mark || !s->held || !s->held_quality ||
        !s->at_held || !s->at_held_quality)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < width; i++) { /* nothing has been heard of any tag */
        s->held[i] = s->at_held[i] = NAN;
        s->held_quality[i] = s->at_held_quality[i] = AN_VALUE_UNREACHED;
    }
    return AN_OK;
}

static an_err sql_open(void *state, const an_node *conf, an_note *why)
{
    sql_state *s = state;
    s->wake[0] = s->wake[1] = -1;
    an_err err = an_sql_conf_read(&s->conf, conf, why);
    if (err || (err = make_page(s)))
        return err;
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return AN_ERR_NOMEM;
    s->locked = true;
    if (pipe(s->wake) != 0)
        return an_fail(AN_ERR_IO, why, "no descriptors are left");
    for (int i = 0; i < 2; i++)
        if (fcntl(s->wake[i], F_SETFL, O_NONBLOCK) < 0 || fcntl(s->wake[i], F_SETFD, FD_CLOEXEC) < 0)
            return an_fail(AN_ERR_IO, why, "a descriptor cannot be set up");
    memcpy(s->cursor, s->conf.start, sizeof s->cursor);
    memcpy(s->at, s->cursor, sizeof s->at);
    s->mark_ms = s->last_ms = AN_TIME_NONE;
    s->restart = true;
    return AN_OK;
}

static size_t sql_width(const void *state)
{
    return ((const sql_state *)state)->conf.width;
}

static const char *sql_sensor(const void *state, size_t i)
{
    return ((const sql_state *)state)->conf.names[i];
}

static const char *sql_unit(const void *state, size_t i)
{
    (void)state;
    (void)i;
    return "";
}

/* The row that is next in the page is, or was before a restart, given out. */
static void pass_mark(sql_state *s)
{
    const char *mark = s->page.mark[s->page.at];
    if (strcmp(mark, s->at) != 0) {
        memcpy(s->before, s->at, sizeof s->before);
        memcpy(s->at, mark, sizeof s->at);
        s->given = 0;
    }
    s->given++;
}

static void skip_rows(sql_state *s)
{
    for (; s->skip > 0 && s->page.at < s->page.n; s->page.at++) {
        s->skip = strcmp(s->page.mark[s->page.at], s->skip_mark) == 0 ? s->skip : 0;
        if (s->skip == 0)
            return;
        pass_mark(s);
        s->skip--;
    }
}

static void give_row(sql_state *s, an_batch *ret)
{
    sql_page *p = &s->page;
    pass_mark(s);
    const size_t from = p->at++, to = ret->n++, width = ret->width;
    memcpy(ret->values + to * width, p->values + from * width, width * sizeof *ret->values);
    memcpy(ret->quality + to * width, p->quality + from * width, width);
    memcpy(ret->part[to], p->part[from], AN_PART_MAX);
    ret->time_ms[to] = p->time_ms[from];
    ret->row[to] = s->row++;
    ret->flags[to] = s->restart ? AN_ROW_RESTART : 0;
    ret->label[to] = AN_LABEL_UNKNOWN;
    s->restart = false;
    s->repeats += p->time_ms[from] == s->last_ms;
    s->last_ms = p->time_ms[from];
}

/* After the last row of a batch: what a restart begins with. */
static void keep_held(sql_state *s)
{
    s->parted = s->page.at < s->page.n && strcmp(s->page.mark[s->page.at], s->at) == 0;
    const size_t last = (s->page.at - 1) * s->conf.width;
    memcpy(s->at_held, s->page.values + last, s->conf.width * sizeof *s->at_held);
    memcpy(s->at_held_quality, s->page.quality + last, s->conf.width);
}

static an_err sql_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    sql_state *s = state;
    char drained[16];
    (void)why;
    if (!s->device) { /* not before it is known where to begin */
        const an_device_conf conf = {.type = &an_sql_device, .ctx = s, .name = "sql"};
        an_err err = an_device_start(&conf, &s->device);
        if (err)
            return err;
    }
    while (read(s->wake[0], drained, sizeof drained) > 0)
        continue;
    pthread_mutex_lock(&s->lock);
    const bool full = s->full, ended = s->ended;
    pthread_mutex_unlock(&s->lock);
    *ret_wait_ms = s->conf.poll_ms;
    if (!full)
        return ended ? AN_ERR_NOTFOUND : AN_ERR_AGAIN;
    skip_rows(s);
    while (ret->n < ret->cap && s->page.at < s->page.n)
        give_row(s, ret);
    if (ret->n > 0)
        keep_held(s);
    if (s->page.at == s->page.n) {
        pthread_mutex_lock(&s->lock);
        s->full = false;
        pthread_mutex_unlock(&s->lock);
        an_device_wake(s->device);
    }
    return ret->n > 0 ? AN_OK : AN_ERR_AGAIN;
}

static void put_mark(an_buf *ret, const char *mark)
{
    an_buf_u16(ret, (uint16_t)strlen(mark));
    an_buf_put(ret, mark, strlen(mark));
}

static bool read_mark(an_reader *in, char ret[static SQL_MARK_MAX])
{
    const uint16_t len = an_read_u16(in);
    const uint8_t *mark = an_read_bytes(in, len);
    if (!mark || len >= SQL_MARK_MAX || memchr(mark, '\0', len))
        return false;
    memset(ret, 0, SQL_MARK_MAX);
    memcpy(ret, mark, len);
    return true;
}

/* Rows of one bookmark that a batch has parted are asked for again, and those that were given out passed over. */
static an_err sql_save(const void *state, an_buf *ret)
{
    const sql_state *s = state;
    put_mark(ret, s->parted ? s->before : s->at);
    put_mark(ret, s->at);
    an_buf_u32(ret, s->parted ? s->given : 0);
    an_buf_u64(ret, s->row);
    an_buf_u64(ret, (uint64_t)s->last_ms);
    an_buf_u32(ret, (uint32_t)s->conf.width);
    for (size_t i = 0; i < s->conf.width; i++)
        an_buf_f32(ret, s->at_held[i]);
    an_buf_put(ret, s->at_held_quality, s->conf.width);
    return AN_OK;
}

static an_err sql_restore(void *state, an_reader *in, an_note *why)
{
    sql_state *s = state;
    char at[SQL_MARK_MAX] = "", skip_mark[SQL_MARK_MAX] = "";
    const bool good = read_mark(in, at) && read_mark(in, skip_mark);
    const uint32_t skip = an_read_u32(in);
    const uint64_t row = an_read_u64(in);
    const int64_t last_ms = (int64_t)an_read_u64(in);
    const uint32_t width = an_read_u32(in);
    if (!good || in->failed || width != s->conf.width || s->device)
        return an_fail(AN_ERR_PROTO, why, "not a position of this sql source");
    for (size_t i = 0; i < width; i++)
        s->held[i] = s->at_held[i] = an_read_f32(in);
    const uint8_t *quality = an_read_bytes(in, width);
    if (!quality)
        return an_fail(AN_ERR_PROTO, why, "not a position of this sql source");
    for (size_t i = 0; i < width; i++)
        s->held_quality[i] = s->at_held_quality[i] =
            quality[i] <= AN_VALUE_UNREACHED ? quality[i] : AN_VALUE_BAD;
    memcpy(s->at, at, sizeof s->at);
    memcpy(s->cursor, at, sizeof s->cursor);
    memcpy(s->skip_mark, skip_mark, sizeof s->skip_mark);
    s->skip = skip;
    s->row = row;
    s->mark_ms = s->last_ms = last_ms;
    s->restart = row == 0;
    return AN_OK;
}

static uint64_t sql_bad(const void *state, const char **ret_last)
{
    sql_state *s = (sql_state *)(uintptr_t)state;
    pthread_mutex_lock(&s->lock);
    const uint64_t bad = s->counters[SQL_BAD];
    pthread_mutex_unlock(&s->lock);
    *ret_last = bad > 0 ? "a row without a time or a bookmark that can be read" : "";
    return bad;
}

static size_t sql_counters(const void *state, an_source_counter *ret)
{
    sql_state *s = (sql_state *)(uintptr_t)state;
    an_device_stats d = {.connects = 0};
    if (s->device)
        d = an_device_stats_get(s->device);
    pthread_mutex_lock(&s->lock);
    const an_source_counter all[] = {{"queries", s->counters[SQL_QUERIES]},
                                     {"pages", s->counters[SQL_PAGES]},
                                     {"values_unread", s->counters[SQL_UNREAD]},
                                     {"tags_unknown", s->counters[SQL_UNKNOWN]},
                                     {"times_repeated", s->repeats},
                                     {"connects", d.connects},
                                     {"failures", d.failures}};
    pthread_mutex_unlock(&s->lock);
    memcpy(ret, all, sizeof all);
    return sizeof all / sizeof *all;
}

static int sql_fd(const void *state)
{
    return ((const sql_state *)state)->wake[0];
}

static void sql_close(void *state)
{
    sql_state *s = state;
    an_device_stop(s->device);
    for (int i = 0; i < 2; i++)
        if (s->wake[i] >= 0)
            close(s->wake[i]);
    if (s->locked)
        pthread_mutex_destroy(&s->lock);
    an_sql_conf_done(&s->conf);
    an_free(s->page.time_ms);
    an_free(s->page.values);
    an_free(s->page.quality);
    an_free(s->page.part);
    an_free(s->page.mark);
    an_free(s->held);
    an_free(s->held_quality);
    an_free(s->at_held);
    an_free(s->at_held_quality);
}

const an_source_type an_source_type_sql = {
    .name = "sql",
    .meaning = "rows of a historian: PostgreSQL or SQLite",
    .options = an_sql_options,
    .state_size = sizeof(sql_state),
    .check = sql_check,
    .open = sql_open,
    .width = sql_width,
    .sensor = sql_sensor,
    .unit = sql_unit,
    .next = sql_next,
    .save = sql_save,
    .restore = sql_restore,
    .bad = sql_bad,
    .counters = sql_counters,
    .fd = sql_fd,
    .live = true,
    .again = true,
    .browse = an_sql_browse,
    .close = sql_close,
};
