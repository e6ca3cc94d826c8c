/* Source `csv`: a file or a folder of delimited text, read to its end and then followed.
 *
 * A folder's files are read in natural order (0, 1, 2, 10).  A file is finished when another
 * one follows it in that order, or at its end if nothing is to be followed.  While it is
 * followed:
 *
 *     size < bytes read             truncated: it begins anew
 *     path names another file       rotated: what is left of the old one is read, then the new
 * one a last line without newline   waits for its end
 *
 * The position is (file, line, hash of its first bytes): after a restart the lines up to it are
 * parsed again and dropped.  That is slower than a byte offset, and right whatever the parser
 * holds back to find out about headers and delimiters. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sources/csv_internal.h"
#include "base/mem.h"
#include "base/rng.h"

/* "2" before "10": runs of digits compare as numbers. */
static int natural(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            while (*a == '0' && isdigit((unsigned char)a[1]))
                a++;
            while (*b == '0' && isdigit((unsigned char)b[1]))
                b++;
            size_t na = strspn(a, "0123456789"), nb = strspn(b, "0123456789");
            int order = na != nb ? (na < nb ? -1 : 1) : strncmp(a, b, na);
            if (order)
                return order;
            a += na;
            b += nb;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return *a ? 1 : *b ? -1 : 0;
}

static void sort_natural(an_names *names)
{
    for (size_t gap = names->n / 2; gap > 0; gap /= 2) /* Shell: folders may hold thousands */
        for (size_t i = gap; i < names->n; i++) {
            char *item = names->items[i];
            size_t j = i;
            for (; j >= gap && natural(names->items[j - gap], item) > 0; j -= gap)
                names->items[j] = names->items[j - gap];
            names->items[j] = item;
        }
}

static bool is_wanted(const csv *s, const char *name)
{
    size_t len = strlen(name), end = strlen(s->pattern);
    return name[0] != '.' && len >= end && strcmp(name + len - end, s->pattern) == 0;
}

/* --- files --- */

static void close_file(csv *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static an_err file_path(const csv *s, const char *name, char out[static AN_PATH_MAX])
{
    if (s->is_dir)
        return an_path_join(out, s->path, name);
    memcpy(out, s->path, strlen(s->path) + 1);
    return AN_OK;
}

/* Makes `name` the file being read, from its start.  Errors: NOTFOUND, IO. */
static an_err open_file(csv *s, const char *name, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = file_path(s, name, path);
    if (err)
        return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return an_fail(errno == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO, why, "%s: %s", path, strerror(errno));
    close_file(s);
    s->fd = fd;
    if (s->file[0])
        an_table_rotate(s->reader);
    if (name != s->file)
        memcpy(s->file, name, strlen(name) + 1);
    s->offset = s->line = 0;
    s->head_len = 0;
    s->last_byte = '\n';
    s->restart = true;
    return AN_OK;
}

/* The first wanted name after s->file in natural order; NULL: none. */
static an_err next_name(csv *s, const char **ret, an_note *why)
{
    *ret = NULL;
    if (!s->is_dir) {
        if (!s->file[0]) {
            const char *slash = strrchr(s->path, '/');
            *ret = slash ? slash + 1 : s->path;
        }
        return AN_OK;
    }
    an_names_done(&s->names);
    s->names = (an_names){0};
    an_err err = an_dir_list(s->path, &s->names, why);
    if (err)
        return err;
    sort_natural(&s->names);
    for (size_t i = 0; i < s->names.n; i++) {
        const char *name = s->names.items[i];
        if (is_wanted(s, name) && strlen(name) < AN_PATH_MAX && (!s->file[0] || natural(name, s->file) > 0)) {
            *ret = name;
            return AN_OK;
        }
    }
    return AN_OK;
}

/* A line without its newline counts when its file is finished.  The reader is drained before
 * the next file is opened. */
static an_err finish_line(csv *s)
{
    s->last_byte = '\n';
    return an_table_feed(s->reader, "\n", 1);
}

/* Reads one more chunk.  *ret_n = 0 at the present end of the file. */
static an_err feed_chunk(csv *s, size_t *ret_n, an_note *why)
{
    ssize_t n = pread(s->fd, s->chunk, CHUNK, (off_t)s->offset);
    if (n < 0)
        return an_fail(AN_ERR_IO, why, "%s: %s", s->path, strerror(errno));
    *ret_n = (size_t)n;
    if (n == 0)
        return AN_OK;
    if (s->head_len < HEAD) {
        size_t more = HEAD - s->head_len < (size_t)n ? HEAD - s->head_len : (size_t)n;
        memcpy(s->head + s->head_len, s->chunk, more);
        s->head_len += more;
    }
    s->offset += (uint64_t)n;
    s->last_byte = s->chunk[n - 1];
    return an_table_feed(s->reader, s->chunk, (size_t)n);
}

/* At the end of what there is: has the file been cut or replaced, is there another one?
 * OK: something to read has been opened.  Errors: AGAIN, NOTFOUND (the end), IO, NOMEM. */
static an_err at_end(csv *s, int64_t *ret_wait_ms, an_note *why)
{
    struct stat open_st, path_st;
    char path[AN_PATH_MAX];
    const char *name = NULL;
    an_err err = next_name(s, &name, why);
    if (err)
        return err;
    if (name)
        return s->fd >= 0 && s->last_byte != '\n' ? finish_line(s) : open_file(s, name, why);
    if (s->fd >= 0 && s->follow) {
        if ((err = file_path(s, s->file, path)))
            return err;
        bool there = stat(path, &path_st) == 0;
        if (fstat(s->fd, &open_st) == 0 && open_st.st_size < (off_t)s->offset && there)
            return open_file(s, s->file, why);
        if (there && (path_st.st_ino != open_st.st_ino || path_st.st_dev != open_st.st_dev))
            return s->last_byte != '\n' ? finish_line(s) : open_file(s, s->file, why);
    }
    if (s->follow) {
        *ret_wait_ms = s->poll_ms;
        return AN_ERR_AGAIN;
    }
    if (!s->ended) {
        s->ended = true;
        an_table_end(s->reader);
        return AN_OK;
    }
    return AN_ERR_NOTFOUND;
}

/* The next row that is not skipped. */
static an_err next_row(csv *s, an_table_row *ret, int64_t *ret_wait_ms, an_note *why)
{
    for (;;) {
        an_err err = an_table_next(s->reader, ret, why);
        if (!err) {
            s->line = ret->line;
            if (ret->line > s->skip_to)
                return AN_OK;
            s->last_time_ms = ret->time_ms;
            continue;
        }
        if (err != AN_ERR_AGAIN)
            return err;
        size_t n = 0;
        if (s->fd >= 0 && !s->ended && (err = feed_chunk(s, &n, why)))
            return err;
        if (n > 0)
            continue;
        if ((err = at_end(s, ret_wait_ms, why)))
            return err;
        if (s->offset == 0) /* another file: nothing of it has been read before */
            s->skip_to = 0;
    }
}

/* --- the row of the table --- */

static an_err csv_open(void *state, const an_node *conf, an_note *why)
{
    csv *s = state;
    struct stat st;
    int64_t wait_ms;
    s->fd = -1;
    s->last_time_ms = AN_TIME_NONE;
    an_err err = an_csv_options_read(s, conf, why);
    if (err)
        return err;
    if (stat(s->path, &st) != 0)
        return an_fail(errno == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO, why, "%s: %s", s->path,
                       strerror(errno));
    s->is_dir = S_ISDIR(st.st_mode);
    if ((err = an_table_reader_new(&s->conf, &s->reader, why)))
        return err;
    err = next_row(s, &s->first_row, &wait_ms, why);
    if (err == AN_ERR_AGAIN || err == AN_ERR_NOTFOUND)
        return an_fail(AN_ERR_NOTFOUND, why, "%s: no row yet from which to tell the columns", s->path);
    if (err)
        return err;
    const size_t width = an_table_width(s->reader);
    if (width == 0 || width > AN_SOURCE_WIDTH_MAX)
        return an_fail(AN_ERR_LIMIT, why, "%s: %zu sensors: must be 1..%d", s->path, width,
                       AN_SOURCE_WIDTH_MAX);
    if (!(s->first = an_alloc(width, sizeof *s->first)))
        return AN_ERR_NOMEM;
    memcpy(s->first, s->first_row.values, width * sizeof *s->first);
    s->has_first = true;
    return AN_OK;
}

static size_t csv_width(const void *state)
{
    return an_table_width(((const csv *)state)->reader);
}

static const char *csv_sensor(const void *state, size_t i)
{
    return an_table_names(((const csv *)state)->reader)[i];
}

static const char *csv_unit(const void *state, size_t i)
{
    (void)state;
    (void)i;
    return "";
}

static void put_row(csv *s, an_batch *b, const an_table_row *row, const float *values)
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
    memcpy(b->values + i * b->width, values, b->width * sizeof *values);
    b->time_ms[i] = s->last_time_ms = t;
    b->row[i] = s->row++;
    b->label[i] = isnan(row->label) ? AN_LABEL_UNKNOWN : row->label > 0.5f ? AN_LABEL_FAULT : AN_LABEL_NORMAL;
}

static an_err csv_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    csv *s = state;
    an_table_row row;
    if (s->has_first) {
        s->has_first = false;
        put_row(s, ret, &s->first_row, s->first);
    }
    while (ret->n < ret->cap) {
        an_err err = next_row(s, &row, ret_wait_ms, why);
        if (err && ret->n && (err == AN_ERR_AGAIN || err == AN_ERR_NOTFOUND))
            return AN_OK; /* what there is now; the same answer comes next time */
        if (err)
            return err;
        put_row(s, ret, &row, row.values);
    }
    return AN_OK;
}

static uint64_t head_hash(const uint8_t *head, size_t len)
{
    uint64_t h = len;
    for (size_t i = 0; i < len; i++)
        h = an_mix64(h ^ head[i]);
    return h;
}

static an_err csv_save(const void *state, an_buf *ret)
{
    const csv *s = state;
    const size_t len = strlen(s->file);
    an_buf_u16(ret, (uint16_t)len);
    an_buf_put(ret, s->file, len);
    an_buf_u64(ret, s->has_first ? 0 : s->line);
    an_buf_u64(ret, s->has_first ? 0 : s->row);
    an_buf_u16(ret, (uint16_t)s->head_len);
    an_buf_u64(ret, head_hash(s->head, s->head_len));
    return AN_OK;
}

static bool is_same_file(const csv *s, const char *name, size_t head_len, uint64_t hash)
{
    char path[AN_PATH_MAX];
    uint8_t head[HEAD];
    if (file_path(s, name, path) != AN_OK)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = pread(fd, head, head_len, 0);
    close(fd);
    return n == (ssize_t)head_len && head_hash(head, head_len) == hash;
}

/* Begins anew at the first file, or with `name`; names and header were found out at open. */
static an_err begin_at(csv *s, const char *name, uint64_t line, uint64_t row, an_note *why)
{
    an_table_reader *reader = NULL;
    an_table_row first;
    int64_t wait_ms;
    an_err err = an_table_reader_new(&s->conf, &reader, why);
    if (err)
        return err;
    an_table_reader_free(s->reader);
    s->reader = reader;
    close_file(s);
    s->file[0] = '\0';
    s->has_first = s->ended = false;
    s->skip_to = 0;
    if ((err = open_file(s, name, why)))
        return err;
    s->skip_to = line;
    s->restart = line == 0;
    err = next_row(s, &first, &wait_ms, why);
    if (!err) {
        memcpy(s->first, first.values, an_table_width(s->reader) * sizeof *s->first);
        s->first_row = first;
        s->has_first = true;
    } else if (err == AN_ERR_AGAIN || err == AN_ERR_NOTFOUND) {
        err = AN_OK; /* all of it had been read before */
    }
    s->row = row;
    return err;
}

static an_err csv_restore(void *state, an_reader *in, an_note *why)
{
    csv *s = state;
    char name[AN_PATH_MAX];
    uint16_t len = an_read_u16(in);
    const uint8_t *bytes = an_read_bytes(in, len);
    uint64_t line = an_read_u64(in), row = an_read_u64(in);
    uint16_t head_len = an_read_u16(in);
    uint64_t hash = an_read_u64(in);
    if (in->failed || len == 0 || len >= AN_PATH_MAX || head_len > HEAD || memchr(bytes, '/', len) ||
        memchr(bytes, '\0', len))
        return an_fail(AN_ERR_PROTO, why, "not a position of a csv source");
    memcpy(name, bytes, len);
    name[len] = '\0';
    if (!is_same_file(s, name, head_len, hash))
        return an_fail(AN_ERR_NOTFOUND, why, "%s: file \"%s\" is gone or another one; reading begins anew",
                       s->path, name);
    return begin_at(s, name, line, row, why);
}

static uint64_t csv_bad(const void *state, const char **ret_last)
{
    csv *s = (csv *)(uintptr_t)state;
    const an_table_stats *t = an_table_stats_get(s->reader);
    *ret_last = "";
    if (t->n_kept) {
        const an_table_bad *b = &t->bad[t->n_kept - 1];
        an_note note;
        an_note_set(&note, "line %llu: %s", (unsigned long long)b->line, b->why);
        memcpy(s->bad_text, note.text, sizeof s->bad_text - 1);
        *ret_last = s->bad_text;
    }
    return t->n_bad;
}

static void csv_close(void *state)
{
    csv *s = state;
    close_file(s);
    an_table_reader_free(s->reader);
    an_names_done(&s->names);
    an_free(s->lists[0]);
    an_free(s->lists[1]);
    an_free(s->texts);
    an_free(s->first);
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
    .close = csv_close,
};
