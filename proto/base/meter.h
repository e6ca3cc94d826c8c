/* meter.h - what a program tells of itself to Prometheus: a table of meters, and the page that is made of it.
 *
 * The meters of a program are the rows of a .def file, one row each:
 *
 *     AN_METER(SITES, GAUGE, "andon_sites", "Sites that the journal knows, by state.", "state", NULL)
 *
 * and the page is written row by row, in the text format 0.0.4:
 *
 *     an_meter_page p;
 *     an_meter_begin(&p, rows, n_rows, &buf);
 *     an_meter_put(&p, AN_CM_SITES, 3, AN_LABELS("approved"));
 *     an_meter_put(&p, AN_CM_SITES, 1, AN_LABELS("denied"));       series of one row follow one another
 *     an_meter_put(&p, AN_CM_START, 1767225600, NULL);             a row without labels
 *     err = an_meter_end(&p);
 *
 * What is counted while work is done is an an_tick or an an_times: they are bumped from any thread without a lock and
 * without memory, and read when the page is written.  Labels have few values: a site, a line, a model, never a sensor
 * or a part; of a row that has more than AN_METER_SERIES_MAX series, the rest is left out and counted.
 *
 * Threads: ticks and times are bumped and read from any; a page belongs to one. */
#ifndef AN_BASE_METER_H
#define AN_BASE_METER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

typedef enum an_meter_type { AN_METER_COUNTER, AN_METER_GAUGE, AN_METER_HISTOGRAM } an_meter_type;

#define AN_METER_LABELS 3
#define AN_METER_ROWS_MAX 128
#define AN_METER_SERIES_MAX 4096
#define AN_METER_TYPE "text/plain; version=0.0.4; charset=utf-8" /* of the page */
#define AN_METER_PAGE_MAX ((size_t)16 << 20) /* bytes, for the buffer that a page is written to */

typedef struct an_meter {
    an_meter_type type;
    const char *name; /* a counter's ends in _total, a time's in _seconds, a size's in _bytes */
    const char *help;
    const char *labels[AN_METER_LABELS]; /* names, in the order of their values; NULL: no further one */
} an_meter;

/* ---- what is bumped ---- */

typedef atomic_uint_least64_t an_tick;

static inline void an_tick_add(an_tick *t, uint64_t n)
{
    atomic_fetch_add_explicit(t, n, memory_order_relaxed);
}

static inline uint64_t an_tick_get(const an_tick *t)
{
    return atomic_load_explicit(t, memory_order_relaxed);
}

/* Durations, in buckets.  Zeroed is empty. */
#define AN_TIMES_BUCKETS 14
typedef struct an_times {
    an_tick n[AN_TIMES_BUCKETS + 1]; /* those up to each bound, alone; then what is longer */
    an_tick sum_us;
} an_times;

typedef uint64_t an_times_bounds[AN_TIMES_BUCKETS];
extern const an_times_bounds an_times_short; /* microseconds: 50 us to 10 s, of what a machine does */
extern const an_times_bounds an_times_long;  /* ... 1 s to a week, of what a fleet does */

void an_times_add(an_times *t, const an_times_bounds bounds, uint64_t us);

/* ---- the page ---- */

typedef struct an_meter_page {
    const an_meter *rows;
    size_t n_rows, at, n_series;
    uint64_t left_out; /* series, of all rows so far */
    an_buf *out;
    uint64_t written[AN_METER_ROWS_MAX / 64];
} an_meter_page;

/* The values of a row's labels. */
#define AN_LABELS(...) ((const char *const[AN_METER_LABELS]){__VA_ARGS__})

void an_meter_begin(an_meter_page *p, const an_meter *rows, size_t n_rows, an_buf *out); /* all borrowed */
/* labels: NULL for a row without.  A caller's bug: a row that was left is written again. */
void an_meter_put(an_meter_page *p, size_t row, double value, const char *const *labels);
void an_meter_count(an_meter_page *p, size_t row, uint64_t value, const char *const *labels);
void an_meter_times(an_meter_page *p, size_t row, const an_times *times, const an_times_bounds bounds,
                    const char *const *labels);
an_err
an_meter_end(const an_meter_page *p); /* Errors: NOMEM, LIMIT the page is longer than its buffer may be */

/* What every program tells, last on its page: the rows of base/meter_process.def, which its own table includes; first:
 * the first of them there.  data: a folder on the disk that it writes to. */
void an_meter_process(an_meter_page *p, size_t first, const char *data);

#endif
