#include "agent/stream.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

#define RING_BYTES ((size_t)16 << 20)
#define BATCHES_LEAST 4 /* of the largest size */
#define BATCHES_MOST 64
#define PLACES 64
#define POSITION_MAX (1u << 20)
#define WAIT_MS 1000

/* A position, and the row that it lies behind.  A line that is many small batches behind has fewer of them than batches. */
typedef struct place {
    size_t row;
    an_buf position;
} place;

struct an_stream {
    size_t *columns;             /* (n) */
    const char **names, **units; /* (n) */
    size_t n, rows;
    bool paced;
    an_batch ring;
    place *places;            /* (PLACES) a ring, too */
    an_buf position;          /* behind the last batch that was given out whole */
    int fd;                   /* readable when there is a row, or the end */
    atomic_size_t head, tail; /* rows, counted from the first */
    atomic_size_t place_head, place_tail;
    atomic_bool ended;
};

static size_t rows_for(size_t width, size_t rows)
{
    const size_t n = RING_BYTES / (width * (sizeof(float) + 1) + AN_PART_MAX + sizeof(an_row_image) + 32);
    return n < BATCHES_LEAST * rows  ? BATCHES_LEAST * rows
           : n > BATCHES_MOST * rows ? BATCHES_MOST * rows
                                     : n;
}

an_err an_stream_new(const size_t *columns, const char *const *names, const char *const *units, size_t n,
                     size_t rows, bool paced, an_stream **ret)
{
    an_err err = AN_ERR_NOMEM;
    if (n == 0 || rows == 0)
        return AN_ERR_INVAL;
    an_stream *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    *s = (an_stream){.n = n, .rows = rows, .paced = paced, .fd = -1};
    an_buf_init(&s->position, POSITION_MAX);
    s->columns = an_alloc(n, sizeof *s->columns);
    s->places = an_alloc(PLACES, sizeof *s->places);
    s->names = an_alloc(n, sizeof *s->names);
    s->units = an_alloc(n, sizeof *s->units);
    if (!s->columns || !s->places || !s->names || !s->units)
        goto out;
    memcpy(s->columns, columns, n * sizeof *columns);
    memcpy(s->names, names, n * sizeof *names);
    memcpy(s->units, units, n * sizeof *units);
    for (size_t i = 0; i < PLACES; i++)
        an_buf_init(&s->places[i].position, POSITION_MAX);
    if ((err = an_batch_init(&s->ring, n, rows_for(n, rows))) != AN_OK)
        goto out;
    err = AN_ERR_IO;
    if ((s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
        goto out;
    *ret = s;
    return AN_OK;
out:
    an_stream_free(s);
    return err;
}

void an_stream_free(an_stream *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->places && i < PLACES; i++)
        an_buf_done(&s->places[i].position);
    an_free(s->places);
    an_batch_done(&s->ring);
    an_free(s->columns);
    an_free(s->names);
    an_free(s->units);
    an_buf_done(&s->position);
    if (s->fd >= 0)
        close(s->fd);
    an_free(s);
}

/* ---- the line that reads ---- */

void an_stream_begin(an_stream *s, const void *position, size_t len)
{
    an_buf_clear(&s->position);
    an_buf_put(&s->position, position, len);
}

static void wake(const an_stream *s)
{
    const uint64_t one = 1;
    const ssize_t n = write(s->fd, &one, sizeof one);
    (void)n; /* full: it is readable */
}

bool an_stream_has_room(const an_stream *s)
{
    const size_t used = atomic_load_explicit(&s->tail, memory_order_relaxed) -
                        atomic_load_explicit(&s->head, memory_order_acquire);
    return s->ring.cap - used >= s->rows;
}

static void put_position(an_stream *s, size_t row, const void *position, size_t len)
{
    const size_t tail = atomic_load_explicit(&s->place_tail, memory_order_relaxed);
    if (len == 0 || tail - atomic_load_explicit(&s->place_head, memory_order_acquire) == PLACES)
        return; /* an earlier one counts */
    place *to = &s->places[tail % PLACES];
    to->row = row;
    an_buf_clear(&to->position);
    an_buf_put(&to->position, position, len);
    atomic_store_explicit(&s->place_tail, tail + 1, memory_order_release);
}

void an_stream_put(an_stream *s, const an_batch *b, const void *position, size_t len)
{
    const size_t tail = atomic_load_explicit(&s->tail, memory_order_relaxed);
    an_batch *to = &s->ring;
    for (size_t i = 0; i < b->n; i++) {
        const size_t at = (tail + i) % to->cap;
        for (size_t j = 0; j < s->n; j++) {
            to->values[at * s->n + j] = b->values[i * b->width + s->columns[j]];
            to->quality[at * s->n + j] = b->quality[i * b->width + s->columns[j]];
        }
        to->time_ms[at] = b->time_ms[i];
        to->row[at] = b->row[i];
        to->flags[at] = b->flags[i];
        to->label[at] = b->label[i];
        memcpy(to->part[at], b->part[i], sizeof *b->part);
        to->image[at] = b->image[i];
    }
    put_position(s, tail + b->n, position, len);
    atomic_store_explicit(&s->tail, tail + b->n, memory_order_release);
    wake(s);
}

void an_stream_end(an_stream *s)
{
    atomic_store(&s->ended, true);
    wake(s);
}

/* ---- the source of a line that shares ---- */

static an_stream *of(const void *state)
{
    return *(an_stream *const *)state;
}

static an_err stream_open(void *state, const an_node *conf, an_note *why)
{
    (void)state;
    (void)conf;
    return an_fail(AN_ERR_INVAL, why, "a stream is shared by the line that reads it");
}

static size_t stream_width(const void *state)
{
    return of(state)->n;
}

static const char *stream_sensor(const void *state, size_t i)
{
    return of(state)->names[i];
}

static const char *stream_unit(const void *state, size_t i)
{
    return of(state)->units[i];
}

static void copy_rows(an_batch *to, const an_batch *from, size_t at, size_t n)
{
    const size_t width = from->width;
    memcpy(to->values, from->values + at * width, n * width * sizeof *to->values);
    memcpy(to->quality, from->quality + at * width, n * width);
    memcpy(to->time_ms, from->time_ms + at, n * sizeof *to->time_ms);
    memcpy(to->row, from->row + at, n * sizeof *to->row);
    memcpy(to->flags, from->flags + at, n * sizeof *to->flags);
    memcpy(to->label, from->label + at, n * sizeof *to->label);
    memcpy(to->part, from->part + at, n * sizeof *to->part);
    memcpy(to->image, from->image + at, n * sizeof *to->image);
    to->n = n;
}

static bool is_empty(const an_stream *s)
{
    return atomic_load_explicit(&s->head, memory_order_relaxed) ==
           atomic_load_explicit(&s->tail, memory_order_acquire);
}

/* The last one that lies behind no row that is still to come. */
static void keep_position(an_stream *s, size_t row)
{
    size_t head = atomic_load_explicit(&s->place_head, memory_order_relaxed);
    const size_t tail = atomic_load_explicit(&s->place_tail, memory_order_acquire);
    for (; head != tail && s->places[head % PLACES].row <= row; head++) {
        const an_buf *behind = &s->places[head % PLACES].position;
        if (behind->len > 0)
            an_stream_begin(s, behind->data, behind->len);
    }
    atomic_store_explicit(&s->place_head, head, memory_order_release);
}

static an_err stream_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    an_stream *s = of(state);
    uint64_t woken;
    (void)why;
    const bool ended = atomic_load(&s->ended);
    if (is_empty(s)) {
        const ssize_t n = read(s->fd, &woken, sizeof woken);
        (void)n; /* nobody has written since */
        *ret_wait_ms = WAIT_MS;
        if (is_empty(s))
            return ended ? AN_ERR_NOTFOUND : AN_ERR_AGAIN;
    }
    const size_t head = atomic_load_explicit(&s->head, memory_order_relaxed), at = head % s->ring.cap;
    size_t n = atomic_load_explicit(&s->tail, memory_order_acquire) - head;
    n = n < ret->cap ? n : ret->cap;
    n = n < s->ring.cap - at ? n : s->ring.cap - at;
    copy_rows(ret, &s->ring, at, n);
    keep_position(s, head + n);
    atomic_store_explicit(&s->head, head + n, memory_order_release);
    return AN_OK;
}

static an_err stream_save(const void *state, an_buf *ret)
{
    const an_stream *s = of(state);
    an_buf_u32(ret, (uint32_t)s->position.len);
    an_buf_put(ret, s->position.data, s->position.len);
    return an_buf_err(&s->position);
}

static an_err inner(an_reader *in, an_reader *ret, an_note *why)
{
    const uint32_t len = an_read_u32(in);
    const uint8_t *bytes = an_read_bytes(in, len);
    if (!bytes || in->left != 0)
        return an_fail(AN_ERR_PROTO, why, "not a saved position of a stream");
    *ret = an_reader_of(bytes, len);
    return AN_OK;
}

static an_err stream_restore(void *state, an_reader *in, an_note *why)
{
    an_stream *s = of(state);
    an_reader position;
    const an_err err = inner(in, &position, why);
    if (err != AN_OK)
        return err;
    an_stream_begin(s, position.at, position.left);
    return an_buf_err(&s->position);
}

static int stream_fd(const void *state)
{
    return of(state)->fd;
}

static bool stream_paced(const void *state)
{
    return of(state)->paced;
}

static void stream_close(void *state)
{
    an_stream_free(of(state));
}

static const an_source_option options[] = {{NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL}};

const an_source_type an_stream_source = {.name = "stream",
                                         .meaning = "rows that another line reads",
                                         .options = options,
                                         .state_size = sizeof(an_stream *),
                                         .open = stream_open,
                                         .width = stream_width,
                                         .sensor = stream_sensor,
                                         .unit = stream_unit,
                                         .next = stream_next,
                                         .save = stream_save,
                                         .restore = stream_restore,
                                         .fd = stream_fd,
                                         .paced = stream_paced,
                                         .close = stream_close};

an_err an_stream_position(an_reader *saved, an_reader *ret, an_note *why)
{
    const an_err err = an_source_position_is(&an_stream_source, saved, why);
    return err == AN_OK ? inner(saved, ret, why) : err;
}
