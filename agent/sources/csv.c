/* Source `csv`: a file or a folder of delimited text, read to its end and then followed (follow.h).
 *
 *     follow -> bytes -> table reader -> row -> batch
 *
 * The position is that of the last row given out: its file, the end of its line in it, and where the header begins
 * that holds there.  A restart goes on behind it. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "agent/sources/csv_internal.h"
#include "base/mem.h"
#include "models/data/opc_quality.h"

#define HEADER_MAX AN_TABLE_LINE_MAX

static_assert((int)AN_VALUE_GOOD == AN_OPC_GOOD && (int)AN_VALUE_UNCERTAIN == AN_OPC_UNCERTAIN &&
                  (int)AN_VALUE_BAD == AN_OPC_BAD,
              "qualities are copied as they are");

/* ---- bytes to rows ---- */

static void file_begins(csv *s)
{
    an_table_rotate(s->reader);
    s->at = (an_table_row){.line = 0};
    s->restart = true;
    s->skip_file = false;
}

/* Gives the reader what there is.  Errors: AGAIN, NOTFOUND the end, IO, NOMEM. */
static an_err feed_more(csv *s, an_note *why)
{
    an_follow_event event;
    size_t n;
    an_err err = an_follow_read(&s->from, s->chunk, &n, &event, why);
    if (err)
        return err;
    switch (event) {
    case AN_FOLLOW_BYTES:
        return s->skip_file ? AN_OK : an_table_feed(s->reader, s->chunk, n);
    case AN_FOLLOW_END: /* a line without its newline counts when its file is finished */
        return an_table_waiting(s->reader) > 0 ? an_table_feed(s->reader, "\n", 1) : AN_OK;
    case AN_FOLLOW_TORN:
        s->torn += an_table_waiting(s->reader) > 0;
        an_table_rotate(s->reader);
        return AN_OK;
    case AN_FOLLOW_CUT:
        s->torn += an_table_waiting(s->reader) > 0;
        file_begins(s);
        return AN_OK;
    case AN_FOLLOW_NEXT:
        file_begins(s);
        return AN_OK;
    }
    return AN_OK;
}

/* Before the columns are known the reader dies of a file that it cannot read; while one is waited for that is not the
 * end. */
static an_err revive(csv *s, an_err err, an_note *why)
{
    an_table_reader *reader = NULL;
    if (err != AN_ERR_PROTO || !s->first || an_table_width(s->reader) > 0)
        return err;
    err = an_table_reader_new(&s->conf, &reader, why);
    if (err)
        return err;
    an_table_reader_free(s->reader);
    s->reader = reader;
    s->skip_file = true;
    s->lost_files++;
    return AN_OK;
}

/* The reader in the middle of the file: it needs the header that holds there. */
static an_err resume_reader(csv *s, const csv_position *p, an_note *why)
{
    const uint64_t end = p->place.offset, most = end - p->header_at;
    size_t n = most < HEADER_MAX ? (size_t)most : HEADER_MAX;
    uint8_t *head = an_alloc_raw(n + 1, 1);
    if (!head)
        return AN_ERR_NOMEM;
    an_err err = an_follow_peek(&s->from, p->header_at, head, n, &n, why);
    if (!err)
        err = an_table_resume(s->reader, head, n, p->line, end, p->last_time_ms);
    an_free(head);
    return err;
}

static an_err resume(csv *s, const csv_position *p, an_note *why)
{
    bool gone;
    an_err err = an_follow_resume(&s->from, &p->place, &gone, why);
    if (err)
        return err;
    file_begins(s);
    s->has_first = false;
    s->row = p->row;
    s->last_time_ms = p->last_time_ms;
    s->gone += gone;
    if (gone || p->place.offset == 0)
        return AN_OK;
    s->restart = false;
    s->at = (an_table_row){.line = p->line, .end = p->place.offset, .header_at = p->header_at};
    return resume_reader(s, p, why);
}

/* The folder that was away at the restart is looked for again.  Errors: AGAIN, IO, NOMEM. */
static an_err resume_late(csv *s, an_note *why)
{
    if (an_follow_is_away(&s->from))
        return AN_ERR_AGAIN;
    an_err err = an_follow_open(&s->from, why);
    if (!err)
        err = resume(s, &s->kept, why);
    if (err == AN_ERR_NOTFOUND) { /* begins anew */
        s->gone++;
        s->row = s->kept.row;
        err = AN_OK;
    }
    s->waiting = err != AN_OK;
    return err;
}

static an_err next_row(csv *s, an_table_row *ret, int64_t *ret_wait_ms, an_note *why)
{
    an_err err = AN_OK;
    while (!err) {
        if (s->waiting && (err = resume_late(s, why)))
            break;
        err = an_table_next(s->reader, ret, why);
        if (!err)
            return AN_OK;
        err = err == AN_ERR_AGAIN ? feed_more(s, why) : revive(s, err, why);
    }
    if (err == AN_ERR_AGAIN)
        *ret_wait_ms = s->poll_ms;
    return err;
}

/* ---- the row of the table ---- */

/* Sensors are known without a row if they are named. */
static bool columns_are_named(const csv *s)
{
    for (size_t i = 0; i < s->conf.n_columns; i++)
        if (strspn(s->conf.columns[i], "0123456789") == strlen(s->conf.columns[i]))
            return false;
    return s->conf.n_columns > 0;
}

static size_t csv_width(const void *state)
{
    const csv *s = state;
    const size_t width = an_table_width(s->reader);
    return width > 0 ? width : s->conf.n_columns;
}

static const char *csv_sensor(const void *state, size_t i)
{
    const csv *s = state;
    return an_table_width(s->reader) > 0 ? an_table_names(s->reader)[i] : s->conf.columns[i];
}

static void copy_part(char out[static AN_PART_MAX], const char *part)
{
    size_t len = strlen(part);
    if (len >= AN_PART_MAX)
        for (len = AN_PART_MAX - 1; len > 0 && ((unsigned char)part[len] & 0xc0) == 0x80;)
            len--; /* not in the middle of a character */
    memcpy(out, part, len);
    out[len] = '\0';
}

static an_err keep_first(csv *s)
{
    const size_t width = csv_width(s);
    if (!s->first && (!(s->first = an_alloc(width, sizeof *s->first)) ||
                      !(s->first_quality = an_alloc(width, sizeof *s->first_quality))))
        return AN_ERR_NOMEM;
    if (!s->has_first)
        return AN_OK;
    memcpy(s->first, s->first_row.values, width * sizeof *s->first);
    memcpy(s->first_quality, s->first_row.quality, width);
    copy_part(s->first_part, s->first_row.part);
    return AN_OK;
}

static an_err no_row(const csv *s, an_note *why)
{
    const an_table_bad *last = &an_table_stats_get(s->reader)->last;
    if (last->line == 0)
        return an_fail(AN_ERR_NOTFOUND, why, "%s: no row yet from which to tell the columns", s->from.path);
    return an_fail(AN_ERR_NOTFOUND, why, "%.150s: no row yet from which to tell the columns; line %llu: %s",
                   s->from.path, (unsigned long long)last->line, last->why);
}

static an_err csv_open(void *state, const an_node *conf, an_note *why)
{
    csv *s = state;
    int64_t wait_ms;
    s->from.fd = s->from.old_fd = -1;
    s->last_time_ms = AN_TIME_NONE;
    an_err err = an_csv_options_read(s, conf, why);
    if (err)
        return err;
    const bool may_wait = s->from.follow && columns_are_named(s);
    err = an_follow_open(&s->from, why);
    if (err && !(may_wait && err == AN_ERR_NOTFOUND))
        return err;
    if ((err = an_table_reader_new(&s->conf, &s->reader, why)))
        return err;
    err = next_row(s, &s->first_row, &wait_ms, why);
    if ((err == AN_ERR_AGAIN || err == AN_ERR_NOTFOUND) && !may_wait)
        return no_row(s, why);
    if (err && err != AN_ERR_AGAIN)
        return err;
    s->has_first = err == AN_OK;
    const size_t width = csv_width(s);
    if (width == 0 || width > AN_SOURCE_WIDTH_MAX)
        return an_fail(AN_ERR_LIMIT, why, "%s: %zu sensors: must be 1..%d", s->from.path, width,
                       AN_SOURCE_WIDTH_MAX);
    return keep_first(s);
}

static const char *csv_unit(const void *state, size_t i)
{
    (void)state;
    (void)i;
    return "";
}

static void put_row(csv *s, an_batch *b, const an_table_row *row)
{
    const size_t i = b->n++;
    int64_t t = row->time_ms;
    b->flags[i] = 0;
    if (t == AN_TIME_NONE) {
        t = s->start_ms + (int64_t)s->row * s->step_ms;
        b->flags[i] |= AN_ROW_TIME_MADE;
    }
    bool gap = s->gap_ms > 0 && s->last_time_ms != AN_TIME_NONE && t - s->last_time_ms > s->gap_ms;
    if (s->restart || gap)
        b->flags[i] |= AN_ROW_RESTART;
    s->restart = false;
    s->repeats += t == s->last_time_ms;
    memcpy(b->values + i * b->width, row->values, b->width * sizeof *row->values);
    memcpy(b->quality + i * b->width, row->quality, b->width);
    copy_part(b->part[i], row->part);
    b->time_ms[i] = s->last_time_ms = t;
    b->row[i] = s->row++;
    b->label[i] = isnan(row->label) ? AN_LABEL_UNKNOWN : row->label > 0.5f ? AN_LABEL_FAULT : AN_LABEL_NORMAL;
    s->at = *row;
}

static an_err csv_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    csv *s = state;
    an_table_row row;
    if (s->has_first) {
        s->has_first = false;
        s->first_row.values = s->first;
        s->first_row.quality = s->first_quality;
        s->first_row.part = s->first_part;
        put_row(s, ret, &s->first_row);
    }
    while (ret->n < ret->cap) {
        an_err err = next_row(s, &row, ret_wait_ms, why);
        if (err && ret->n && (err == AN_ERR_AGAIN || err == AN_ERR_NOTFOUND))
            return AN_OK; /* what there is now; the same answer comes next time */
        if (err)
            return err;
        put_row(s, ret, &row);
    }
    return AN_OK;
}

static an_err csv_save(const void *state, an_buf *ret)
{
    const csv *s = state;
    csv_position p = {
        .line = s->at.line, .header_at = s->at.header_at, .row = s->row, .last_time_ms = s->last_time_ms};
    an_follow_place_get(&s->from, s->at.end, &p.place);
    if (s->waiting)
        p = s->kept;
    an_follow_place_save(&p.place, ret);
    an_buf_u64(ret, p.line);
    an_buf_u64(ret, p.header_at);
    an_buf_u64(ret, p.row);
    an_buf_u64(ret, (uint64_t)p.last_time_ms);
    return AN_OK;
}

static an_err csv_restore(void *state, an_reader *in, an_note *why)
{
    csv *s = state;
    csv_position p;
    an_err err = an_follow_place_read(&p.place, in, why);
    if (err)
        return err;
    p.line = an_read_u64(in);
    p.header_at = an_read_u64(in);
    p.row = an_read_u64(in);
    p.last_time_ms = (int64_t)an_read_u64(in);
    if (in->failed || p.header_at > p.place.offset)
        return an_fail(AN_ERR_PROTO, why, "not a position of a csv source");
    s->waiting = s->from.follow && p.place.file[0] && an_follow_is_away(&s->from);
    s->kept = p;
    err = s->waiting ? AN_OK : resume(s, &p, why);
    if (err == AN_ERR_AGAIN) {
        s->waiting = true;
        err = AN_OK;
    }
    if (s->waiting) /* what open has read is not what comes next */
        s->has_first = false;
    return err;
}

static uint64_t csv_bad(const void *state, const char **ret_last)
{
    csv *s = (csv *)(uintptr_t)state;
    const an_table_stats *t = an_table_stats_get(s->reader);
    *ret_last = "";
    if (t->n_bad > 0) {
        an_note note;
        an_note_set(&note, "line %llu: %s", (unsigned long long)t->last.line, t->last.why);
        memcpy(s->bad_text, note.text, sizeof s->bad_text - 1);
        *ret_last = s->bad_text;
    }
    return t->n_bad;
}

static size_t csv_counters(const void *state, an_source_counter *ret)
{
    const csv *s = state;
    const an_table_stats *t = an_table_stats_get(s->reader);
    const an_follow_stats *f = &s->from.stats;
    const an_source_counter all[] = {{"files", f->files},
                                     {"rotated", f->rotated},
                                     {"cut", f->cut},
                                     {"copies", f->copies},
                                     {"away", f->away},
                                     {"late", f->late},
                                     {"positions_gone", s->gone},
                                     {"torn_lines", s->torn},
                                     {"headers_changed", t->n_headers},
                                     {"files_refused", t->n_files_bad + s->lost_files},
                                     {"values_unread", t->n_unread},
                                     {"times_repeated", s->repeats}};
    memcpy(ret, all, sizeof all);
    return sizeof all / sizeof *all;
}

static void csv_close(void *state)
{
    csv *s = state;
    an_follow_close(&s->from);
    an_table_reader_free(s->reader);
    an_zone_free(s->zone);
    an_free(s->lists[0]);
    an_free(s->lists[1]);
    an_free(s->lists[2]);
    an_free(s->texts);
    an_free(s->first);
    an_free(s->first_quality);
}

const an_source_type an_source_type_csv = {
    .name = "csv",
    .meaning = "a file or a folder of delimited text, followed as it grows",
    .options = an_csv_options,
    .state_size = sizeof(csv),
    .open = csv_open,
    .width = csv_width,
    .sensor = csv_sensor,
    .unit = csv_unit,
    .next = csv_next,
    .save = csv_save,
    .restore = csv_restore,
    .bad = csv_bad,
    .counters = csv_counters,
    .close = csv_close,
};
