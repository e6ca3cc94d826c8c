#include "base/meter.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/usage.h"
#include "base/utf8.h"

#define LABEL_MAX 160 /* bytes of a label's value */

/* ---- what is bumped ---- */

#define MS UINT64_C(1000)
#define S (1000 * MS)
const an_times_bounds an_times_short = {50,      250,      1 * MS,   2500,     5 * MS, 10 * MS,   25 * MS,
                                        50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S,  2500 * MS, 10 * S};
const an_times_bounds an_times_long = {1 * S,     5 * S,     15 * S,     60 * S,    300 * S,
                                       900 * S,   1800 * S,  3600 * S,   7200 * S,  21600 * S,
                                       43200 * S, 86400 * S, 259200 * S, 604800 * S};

void an_times_add(an_times *t, const an_times_bounds bounds, uint64_t us)
{
    size_t i = 0;
    while (i < AN_TIMES_BUCKETS && us > bounds[i])
        i++;
    an_tick_add(&t->n[i], 1);
    an_tick_add(&t->sum_us, us);
}

/* ---- the page ---- */

void an_meter_begin(an_meter_page *p, const an_meter *rows, size_t n_rows, an_buf *out)
{
    assert(n_rows <= AN_METER_ROWS_MAX);
    *p = (an_meter_page){.rows = rows, .n_rows = n_rows, .at = SIZE_MAX, .out = out};
}

/* What follows # HELP knows no quotes. */
static void put_help(an_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '\n')
            an_buf_text(out, *text == '\\' ? "\\\\" : "\\n");
        else
            an_buf_u8(out, (uint8_t)*text);
    }
}

static void put_value(an_buf *out, const char *text)
{
    size_t left = strlen(text) < LABEL_MAX ? strlen(text) : LABEL_MAX;
    while (left > 0) {
        const size_t size = an_utf8_size(text, left);
        if (size == 0)
            an_buf_u8(out, '?'); /* the reader would refuse the whole page */
        else if (*text == '\n')
            an_buf_text(out, "\\n");
        else if (*text == '"' || *text == '\\')
            an_buf_printf(out, "\\%c", *text);
        else
            an_buf_put(out, text, size);
        text += size ? size : 1;
        left -= size ? size : 1;
    }
}

/* False: the series is one too many. */
static bool begin_series(an_meter_page *p, size_t row)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    assert(row < p->n_rows);
    const an_meter *m = &p->rows[row];
    if (row != p->at) {
        const uint64_t bit = UINT64_C(1) << row % 64;
        assert(!(p->written[row / 64] & bit)); /* the series of one row stand together */
        p->written[row / 64] |= bit;
        p->at = row;
        p->n_series = 0;
        an_buf_printf(p->out, "# HELP %s ", m->name);
        put_help(p->out, m->help);
        an_buf_printf(p->out, "\n# TYPE %s %s\n", m->name, types[m->type]);
    }
    if (++p->n_series <= AN_METER_SERIES_MAX)
        return true;
    p->left_out++;
    return false;
}

/* suffix and le are a histogram's. */
static void put_name(an_meter_page *p, size_t row, const char *suffix, const char *const *labels,
                     const char *le)
{
    const an_meter *m = &p->rows[row];
    char before = '{';
    an_buf_printf(p->out, "%s%s", m->name, suffix);
    for (size_t i = 0; i < AN_METER_LABELS && m->labels[i]; i++) {
        an_buf_printf(p->out, "%c%s=\"", before, m->labels[i]);
        put_value(p->out, labels && labels[i] ? labels[i] : "");
        an_buf_u8(p->out, '"');
        before = ',';
    }
    if (le) {
        an_buf_printf(p->out, "%cle=\"%s\"", before, le);
        before = ',';
    }
    an_buf_text(p->out, before == ',' ? "} " : " ");
}

static void put_number(an_buf *out, double v)
{
    char text[40];
    snprintf(text, sizeof text, "%.15g", v);
    if (isnan(v))
        an_buf_text(out, "NaN\n");
    else if (isinf(v))
        an_buf_text(out, v > 0 ? "+Inf\n" : "-Inf\n");
    else
        an_buf_printf(out, "%s\n", text);
}

void an_meter_put(an_meter_page *p, size_t row, double value, const char *const *labels)
{
    if (!begin_series(p, row))
        return;
    put_name(p, row, "", labels, NULL);
    put_number(p->out, value);
}

void an_meter_count(an_meter_page *p, size_t row, uint64_t value, const char *const *labels)
{
    if (!begin_series(p, row))
        return;
    put_name(p, row, "", labels, NULL);
    an_buf_printf(p->out, "%" PRIu64 "\n", value);
}

void an_meter_times(an_meter_page *p, size_t row, const an_times *times, const an_times_bounds bounds,
                    const char *const *labels)
{
    uint64_t all = 0;
    if (!begin_series(p, row))
        return;
    const uint64_t sum_us = an_tick_get(&times->sum_us);
    for (size_t i = 0; i <= AN_TIMES_BUCKETS; i++) {
        char le[32] = "+Inf";
        if (i < AN_TIMES_BUCKETS)
            snprintf(le, sizeof le, "%.9g", (double)bounds[i] / 1e6);
        all += an_tick_get(&times->n[i]);
        put_name(p, row, "_bucket", labels, le);
        an_buf_printf(p->out, "%" PRIu64 "\n", all);
    }
    put_name(p, row, "_sum", labels, NULL);
    put_number(p->out, (double)sum_us / 1e6);
    put_name(p, row, "_count", labels, NULL);
    an_buf_printf(p->out, "%" PRIu64 "\n", all); /* of the buckets: another thread may have added by now */
}

an_err an_meter_end(const an_meter_page *p)
{
    return an_buf_err(p->out);
}

/* ---- what every program tells ---- */

enum process_row {
#define AN_METER(name, type, ...) ROW_##name,
#include "base/meter_process.def"
#undef AN_METER
};

void an_meter_process(an_meter_page *p, size_t first, const char *data)
{
    struct statvfs disk;
    an_meter_put(p, first + ROW_BUILD, 1, AN_LABELS(AN_VERSION));
    an_meter_put(p, first + ROW_START, an_usage_start_s(), NULL);
    an_meter_count(p, first + ROW_MEMORY, an_usage_memory(), NULL);
    an_meter_put(p, first + ROW_CPU, an_usage_cpu_s(), NULL);
    if (data && statvfs(data, &disk) == 0) {
        an_meter_count(p, first + ROW_DISK_FREE, (uint64_t)disk.f_bavail * disk.f_frsize, NULL);
        an_meter_count(p, first + ROW_DISK_SIZE, (uint64_t)disk.f_blocks * disk.f_frsize, NULL);
    }
    an_meter_count(p, first + ROW_LEFT_OUT, p->left_out, NULL);
}
