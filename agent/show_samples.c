#include "agent/show_samples.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "agent/pool.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/json.h"
#include "msg/msg.h"

#define COLUMNS_MOST 4096
#define LABELS_MOST (AN_POOL_CLASSES + 3)

static an_err open_pool(const char *dir, const char *line, an_pool **ret, an_note *why)
{
    char pools[AN_PATH_MAX], path[AN_PATH_MAX], name[AN_NAME_MAX + 8];
    if (!an_name_ok(line))
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not a line's name", line);
    snprintf(name, sizeof name, "%s.pool", line);
    an_err err = an_path_join(pools, dir, "pools");
    if (err == AN_OK)
        err = an_path_join(path, pools, name);
    if (err == AN_OK && !an_file_exists(path))
        err = an_fail(AN_ERR_NOTFOUND, why, "no windows of line %s are saved in %.200s", line, pools);
    return err == AN_OK ? an_pool_open(path, ret, why) : err;
}

static an_err check(const an_samples_opts *o, an_note *why)
{
    bool known = !o->part;
    for (unsigned k = 0; k < AN_POOL_PARTS && !known; k++)
        known = strcmp(an_pool_part_name((an_pool_part)k), o->part) == 0;
    return known
               ? AN_OK
               : an_fail(AN_ERR_INVAL, why, "\"%.40s\": train, recent, old, new, held or confirmed", o->part);
}

/* TRAIN and RECENT hold many windows both; whoever asks for all gets each once. */
static bool wanted_part(const an_samples_opts *o, an_pool_part part)
{
    return o->part ? strcmp(an_pool_part_name(part), o->part) == 0 : part != AN_POOL_TRAIN || !o->each;
}

static bool wanted(const an_samples_opts *o, const char *label)
{
    if (!o->label)
        return true;
    if (strcmp(o->label, "any") == 0)
        return label[0] != '\0';
    return strcmp(strcmp(o->label, "none") == 0 ? "" : o->label, label) == 0;
}

/* ---- numbers ---- */

typedef struct tally {
    const char *label;
    size_t n;
} tally;

static size_t count_part(const an_pool *p, an_pool_part part, const an_samples_opts *o,
                         tally ret[static LABELS_MOST])
{
    size_t n = 0;
    for (size_t i = 0; i < an_pool_n(p, part); i++) {
        const char *label = an_pool_label_of(p, part, i);
        size_t k = 0;
        if (!wanted(o, label))
            continue;
        while (k < n && strcmp(ret[k].label, label) != 0)
            k++;
        if (k == n)
            ret[n++] = (tally){.label = label};
        ret[k].n++;
    }
    return n;
}

static void show_numbers(const an_pool *p, const an_samples_opts *o, an_json *all, FILE *out)
{
    if (!all)
        fprintf(out, "%-10s %-24s %8s\n", "PART", "LABEL", "WINDOWS");
    for (unsigned k = 0; k < AN_POOL_PARTS; k++) {
        tally t[LABELS_MOST];
        const char *part = an_pool_part_name((an_pool_part)k);
        const size_t n = wanted_part(o, (an_pool_part)k) ? count_part(p, (an_pool_part)k, o, t) : 0;
        for (size_t i = 0; i < n; i++) {
            if (!all) {
                fprintf(out, "%-10s %-24s %8zu\n", part, t[i].label[0] ? t[i].label : "-", t[i].n);
                continue;
            }
            an_json *row = an_json_object();
            an_json_set_text(row, "part", part);
            an_json_set_text(row, "label", t[i].label);
            an_json_set_int(row, "windows", (int64_t)t[i].n);
            an_json_push(all, row);
        }
    }
}

/* ---- one by one ---- */

typedef struct sample {
    an_pool_part part;
    size_t i, number;
    const char *label;
    int64_t from_ms, to_ms;
    uint64_t alarm;
    const float *window;
} sample;

static void each(const an_pool *p, const an_samples_opts *o, void (*see)(void *ctx, const sample *s),
                 void *ctx)
{
    size_t number = 0;
    for (unsigned k = 0; k < AN_POOL_PARTS; k++) {
        const an_pool_part part = (an_pool_part)k;
        for (size_t i = 0; wanted_part(o, part) && i < an_pool_n(p, part); i++) {
            const char *label = an_pool_label_of(p, part, i);
            if (!wanted(o, label))
                continue;
            const sample s = {part,
                              i,
                              ++number,
                              label,
                              an_pool_from(p, part, i),
                              an_pool_time(p, part, i),
                              an_pool_alarm(p, part, i),
                              an_pool_get(p, part, i)};
            see(ctx, &s);
        }
    }
}

typedef struct printing {
    FILE *out;
    an_json *all; /* NULL: for people */
    size_t width, window, n;
} printing;

static void print_sample(void *ctx, const sample *s)
{
    printing *p = ctx;
    char from[25], to[25];
    an_time_text(from, s->from_ms);
    an_time_text(to, s->to_ms);
    p->n++;
    if (!p->all) {
        fprintf(p->out, "%8zu  %-10s %-24s %6" PRIu64 "  %s  %s\n", s->number, an_pool_part_name(s->part),
                s->label[0] ? s->label : "-", s->alarm, from, to);
        return;
    }
    an_json *o = an_json_object();
    an_json_set_int(o, "sample", (int64_t)s->number);
    an_json_set_text(o, "part", an_pool_part_name(s->part));
    an_json_set_text(o, "label", s->label);
    an_json_set_int(o, "alarm", (int64_t)s->alarm);
    an_json_set_int(o, "from_ms", s->from_ms);
    an_json_set_int(o, "to_ms", s->to_ms);
    an_json_push(p->all, o);
}

an_err an_show_samples(const char *dir, const char *line, const an_samples_opts *opts, FILE *out,
                       an_note *why)
{
    an_pool *pool = NULL;
    printing p = {.out = out};
    an_err err = check(opts, why);
    if (err == AN_OK)
        err = open_pool(dir, line, &pool, why);
    if (err == AN_OK && opts->json && !(p.all = an_json_array()))
        err = AN_ERR_NOMEM;
    if (err == AN_OK && opts->each)
        each(pool, opts, print_sample, &p);
    else if (err == AN_OK)
        show_numbers(pool, opts, p.all, out);
    if (err == AN_OK && p.all) {
        char *text = an_json_print(p.all, 0);
        if (text)
            fprintf(out, "%s\n", text);
        err = text ? AN_OK : AN_ERR_NOMEM;
        an_free(text);
    }
    an_json_free(p.all);
    an_pool_free(pool);
    return err;
}

/* ---- a table ---- */

static void put_label(FILE *out, const char *label)
{
    fputc('"', out);
    for (const char *c = label; *c; c++) {
        if (*c == '"')
            fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

static void write_sample(void *ctx, const sample *s)
{
    printing *p = ctx;
    char from[25], to[25];
    an_time_text(from, s->from_ms);
    an_time_text(to, s->to_ms);
    p->n++;
    for (size_t row = 0; row < p->window; row++) {
        fprintf(p->out, "%zu,%s,", s->number, an_pool_part_name(s->part));
        put_label(p->out, s->label);
        fprintf(p->out, ",%" PRIu64 ",%s,%s,%zu", s->alarm, from, to, row);
        for (size_t j = 0; j < p->width; j++) {
            const float v = s->window[row * p->width + j];
            if (isfinite(v))
                fprintf(p->out, ",%.9g", (double)v);
            else
                fputc(',', p->out);
        }
        fputc('\n', p->out);
    }
}

static an_err write_table(const an_pool *pool, const an_samples_opts *o, const char *path, printing *p,
                          an_note *why)
{
    p->width = an_pool_width(pool);
    p->window = an_pool_window(pool);
    if (p->width > COLUMNS_MOST)
        return an_fail(AN_ERR_LIMIT, why, "%zu sensors: a table has at most %d", p->width, COLUMNS_MOST);
    if (!(p->out = fopen(path, "w")))
        return an_fail(AN_ERR_IO, why, "%.200s: %s", path, strerror(errno));
    fprintf(p->out, "sample,pool,label,alarm,from,to,row");
    for (size_t j = 0; j < p->width; j++)
        fprintf(p->out, ",c%zu", j + 1);
    fputc('\n', p->out);
    an_samples_opts one_by_one = *o;
    one_by_one.each = true;
    each(pool, &one_by_one, write_sample, p);
    const bool failed = ferror(p->out) != 0;
    return fclose(p->out) != 0 || failed ? an_fail(AN_ERR_IO, why, "%.200s cannot be written", path) : AN_OK;
}

an_err an_export_samples(const char *dir, const char *line, const an_samples_opts *opts, const char *path,
                         FILE *out, an_note *why)
{
    an_pool *pool = NULL;
    printing p = {.n = 0};
    an_err err = check(opts, why);
    if (err == AN_OK)
        err = open_pool(dir, line, &pool, why);
    if (err == AN_OK)
        err = write_table(pool, opts, path, &p, why);
    if (err == AN_OK)
        fprintf(out, "%s: %zu windows of %zu rows and %zu sensors\n", path, p.n, p.window, p.width);
    an_pool_free(pool);
    return err;
}
