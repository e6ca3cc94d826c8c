/* The verb probe: what a source reads, before anybody relies on it. */
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <string.h>

#include "agent/show.h"
#include "agent/source.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "doors/yaml.h"

#define BATCH 64

/* ---- rows ---- */

static void print_rows(const an_source *src, const an_batch *b, size_t n, FILE *out)
{
    char time[25];
    for (size_t i = 0; i < b->n && i < n; i++) {
        an_time_text(time, b->time_ms[i]);
        fprintf(out, "%6" PRIu64 "  %s ", b->row[i], time);
        for (size_t j = 0; j < b->width; j++) {
            const double v = (double)b->values[i * b->width + j];
            if (isnan(v))
                fprintf(out, " %10s", "-");
            else
                fprintf(out, " %10.6g", v);
        }
        fputc('\n', out);
    }
    const an_source_stats st = an_source_stats_get(src);
    for (size_t i = 0; i < st.n_counters; i++)
        if (st.counters[i].value > 0 && strcmp(st.counters[i].name, "values_unread") == 0)
            fprintf(out,
                    "%" PRIu64
                    " values are no numbers: where 1,5 is one and a half, say decimal_comma: true; "
                    "columns of texts belong into ignore (andon-agent init tries all that)\n",
                    st.counters[i].value);
    if (st.bad > 0)
        fprintf(out, "%" PRIu64 " bad records, the last: %s\n", st.bad, st.bad_last);
}

static an_err show_rows(an_source *src, size_t rows, FILE *out, an_note *why)
{
    an_batch batch = {.n = 0};
    int64_t wait_ms = 0;
    an_err err = an_batch_init(&batch, an_source_width(src), rows ? rows : 1);
    if (err == AN_OK) {
        for (size_t i = 0; i < an_source_width(src); i++)
            fprintf(out, "%6zu  %-*s %s\n", i, an_utf8_width(an_source_sensor(src, i), 30),
                    an_source_sensor(src, i), an_source_unit(src, i));
        err = an_source_next(src, &batch, &wait_ms, why);
    }
    if (err == AN_OK)
        print_rows(src, &batch, rows, out);
    else if (err == AN_ERR_AGAIN || err == AN_ERR_NOTFOUND)
        fprintf(out, "no row %s\n", err == AN_ERR_AGAIN ? "yet" : "at all");
    an_batch_done(&batch);
    return err == AN_ERR_AGAIN || err == AN_ERR_NOTFOUND ? AN_OK : err;
}

/* ---- a device, listened to ---- */

typedef struct sensor {
    double last, min, max;
    uint64_t values, changes;
    uint8_t quality;
} sensor;

static void look_at(sensor *all, const an_batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        for (size_t j = 0; j < b->width; j++) {
            sensor *s = &all[j];
            const double v = (double)b->values[i * b->width + j];
            s->quality = b->quality[i * b->width + j];
            if (isnan(v))
                continue;
            s->min = s->values == 0 || v < s->min ? v : s->min;
            s->max = s->values == 0 || v > s->max ? v : s->max;
            s->changes += s->values > 0 && v != s->last;
            s->values++;
            s->last = v;
        }
}

static void print_sensors(const an_source *src, const sensor *all, FILE *out)
{
    fprintf(out, "%-32s %-8s %12s %-12s %12s %12s %8s\n", "SENSOR", "UNIT", "VALUE", "QUALITY", "LEAST",
            "MOST", "CHANGES");
    for (size_t j = 0; j < an_source_width(src); j++) {
        const sensor *s = &all[j];
        const char *name = an_source_sensor(src, j), *unit = an_source_unit(src, j);
        fprintf(out, "%-*s %-*s ", an_utf8_width(name, 32), name, an_utf8_width(unit, 8), unit);
        if (s->quality <= AN_VALUE_UNCERTAIN && s->values > 0)
            fprintf(out, "%12.6g", s->last);
        else
            fprintf(out, "%12s", "-");
        fprintf(out, " %-12s", an_value_quality_name(s->quality));
        if (s->values > 0)
            fprintf(out, " %12.6g %12.6g", s->min, s->max);
        else
            fprintf(out, " %12s %12s", "-", "-");
        fprintf(out, " %8" PRIu64 "\n", s->changes);
    }
}

static bool print_devices(const an_source *src, FILE *out)
{
    an_source_device all[AN_SOURCE_DEVICES_MAX];
    const size_t n = an_source_devices(src, all);
    bool any = n == 0;
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "device %s: %s%s%s\n", all[i].name, all[i].reached ? "reached" : "not reached",
                all[i].error[0] ? ": " : "", all[i].error);
        any = any || all[i].reached;
    }
    return any;
}

static void print_counters(const an_source *src, FILE *out)
{
    const an_source_stats st = an_source_stats_get(src);
    fprintf(out, "rows %" PRIu64 ", skewed %" PRIu64 ", backwards %" PRIu64, st.rows, st.skewed,
            st.backwards);
    for (size_t i = 0; i < st.n_counters; i++)
        if (st.counters[i].value > 0)
            fprintf(out, ", %s %" PRIu64, st.counters[i].name, st.counters[i].value);
    fputc('\n', out);
    if (st.bad > 0)
        fprintf(out, "%" PRIu64 " bad records, the last: %s\n", st.bad, st.bad_last);
}

static an_err listen_to(an_source *src, int64_t for_ms, sensor *all, an_note *why)
{
    const an_clock *clock = an_clock_system();
    const int64_t end = clock->mono_ms(clock) + for_ms;
    int64_t left = for_ms, wait_ms = 0;
    an_batch batch = {.n = 0};
    an_err err = an_batch_init(&batch, an_source_width(src), BATCH);
    while (err == AN_OK && (left = end - clock->mono_ms(clock)) > 0) {
        err = an_source_next(src, &batch, &wait_ms, why);
        if (err == AN_OK) {
            look_at(all, &batch);
        } else if (err == AN_ERR_AGAIN) {
            struct pollfd item = {.fd = an_source_fd(src), .events = POLLIN};
            poll(&item, 1, (int)(wait_ms < left ? wait_ms : left));
            err = AN_OK;
        }
    }
    an_batch_done(&batch);
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

static an_err show_live(an_source *src, int64_t for_ms, FILE *out, an_note *why)
{
    sensor *all = an_alloc(an_source_width(src), sizeof *all);
    if (!all)
        return AN_ERR_NOMEM;
    for (size_t j = 0; j < an_source_width(src); j++)
        all[j].quality = AN_VALUE_UNREACHED;
    an_err err = listen_to(src, for_ms, all, why);
    if (err == AN_OK) {
        print_sensors(src, all, out);
        if (!print_devices(src, out))
            err = an_fail(AN_ERR_IO, why, "no device was reached");
        print_counters(src, out);
    }
    an_free(all);
    return err;
}

/* ---- browsing ---- */

typedef struct browse {
    FILE *out;
    uint64_t n;
} browse;

/* What a device calls its things is no command to a terminal. */
static void put_text(FILE *out, const char *text, int width)
{
    const int n = (int)an_utf8_count(text);
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text, out);
    fprintf(out, "%*s", n < width ? width - n : 0, "");
}

static void print_find(void *ctx, const an_source_find *find)
{
    browse *b = ctx;
    b->n++;
    put_text(b->out, find->tag, 48);
    fputc(' ', b->out);
    put_text(b->out, find->kind, 14);
    if (isnan(find->value))
        fprintf(b->out, " %12s ", "-");
    else
        fprintf(b->out, " %12.6g ", find->value);
    put_text(b->out, find->unit, 0);
    fputc('\n', b->out);
}

static an_err show_browse(const an_source_type *type, const an_node *conf, int64_t for_ms, FILE *out,
                          an_note *why)
{
    browse b = {.out = out};
    if (!type->browse)
        return an_fail(AN_ERR_UNSUPPORTED, why,
                       "a source \"%s\" has nothing to browse; without --browse its sensors are listed",
                       type->name);
    const an_err err = type->browse(conf, for_ms, print_find, &b, why);
    if (err == AN_OK)
        fprintf(out, "%" PRIu64 " found\n", b.n);
    return err;
}

an_err an_show_source(const char *path, const an_show_source_opts *opts, FILE *out, an_note *why)
{
    an_yaml *doc = NULL;
    an_source *src = NULL;
    const char *name = NULL;
    an_source_look_only();
    an_err err = an_yaml_load(path, &doc, why);
    const an_node *conf = an_node_get(an_yaml_root(doc), "source");
    if (!conf)
        conf = an_yaml_root(doc);
    if (err == AN_OK && an_node_get(conf, "lines"))
        err = an_fail(
            AN_ERR_INVAL, why,
            "%.200s is an agent's configuration; a file with what stands under `source:` of one line is "
            "wanted",
            path);
    if (err == AN_OK)
        err = an_node_need_text(conf, "type", &name, why);
    const an_source_type *type = name ? an_source_type_find(name) : NULL;
    if (err == AN_OK && type && opts->browse) {
        err = show_browse(type, conf, opts->for_ms, out, why);
        goto out;
    }
    if (err == AN_OK)
        err = an_source_open(name, conf, an_clock_system(), &src, why);
    if (err == AN_OK) {
        fprintf(out, "%zu sensor%s:\n", an_source_width(src), an_source_width(src) == 1 ? "" : "s");
        err = type->live ? show_live(src, opts->for_ms, out, why) : show_rows(src, opts->rows, out, why);
    }
out:
    an_source_close(src);
    an_yaml_free(doc);
    return err;
}
