/* A whole file: the reader's rows in one array. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "models/data/table.h"

#define CHUNK (64u << 10)

typedef struct growing {
    an_table_reader *reader;
    an_table_conf conf;
    an_table t;
    size_t rows_cap, times_cap, labels_cap;
    bool any_time, any_label;
} growing;

static an_err add_row(growing *g, const an_table_row *row, an_note *why)
{
    an_table *t = &g->t;
    size_t width = an_table_width(g->reader);
    if (g->conf.max_rows > 0 && t->n == g->conf.max_rows)
        return an_fail(AN_ERR_LIMIT, why, "more than %zu rows", g->conf.max_rows);
    if ((t->n + 1) * width > AN_TABLE_VALUES_MAX)
        return an_fail(AN_ERR_LIMIT, why, "more than %u values", AN_TABLE_VALUES_MAX);
    t->width = width;
    if (!an_grow(&t->rows, &g->rows_cap, (t->n + 1) * width, sizeof *t->rows) ||
        !an_grow(&t->times_ms, &g->times_cap, t->n + 1, sizeof *t->times_ms) ||
        !an_grow(&t->labels, &g->labels_cap, t->n + 1, sizeof *t->labels))
        return AN_ERR_NOMEM;
    memcpy(t->rows + t->n * width, row->values, width * sizeof *t->rows);
    t->times_ms[t->n] = row->time_ms;
    t->labels[t->n] = row->label;
    g->any_time = g->any_time || row->time_ms != AN_TIME_NONE;
    g->any_label = g->any_label || g->conf.label_column;
    t->n++;
    return AN_OK;
}

static an_err drain(growing *g, an_note *why)
{
    an_table_row row;
    for (;;) {
        an_err err = an_table_next(g->reader, &row, why);
        if (err == AN_ERR_AGAIN)
            return AN_OK;
        if (err == AN_OK)
            err = add_row(g, &row, why);
        if (err != AN_OK)
            return err;
    }
}

/* What is left once all bytes are in: names, counts, and nothing that the file does not have.
 */
static an_err finish(growing *g, an_note *why)
{
    an_table *t = &g->t;
    an_table_end(g->reader);
    an_err err = drain(g, why);
    if (err != AN_OK)
        return err;
    t->stats = *an_table_stats_get(g->reader);
    if (t->n == 0) {
        const an_table_bad *bad = &t->stats.bad[0];
        if (t->stats.n_kept > 0)
            return an_fail(AN_ERR_PROTO, why, "no good row; line %llu: %s", (unsigned long long)bad->line,
                           bad->why);
        return an_fail(AN_ERR_PROTO, why, "no row of data");
    }
    t->names = an_alloc(t->width, sizeof *t->names);
    if (!t->names)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < t->width; i++)
        if (!(t->names[i] = an_strdup(an_table_names(g->reader)[i])))
            return AN_ERR_NOMEM;
    if (!g->any_time) {
        an_free(t->times_ms);
        t->times_ms = NULL;
    }
    if (!g->any_label) {
        an_free(t->labels);
        t->labels = NULL;
    }
    return AN_OK;
}

static an_err feed(growing *g, const char *bytes, size_t len, an_note *why)
{
    an_err err = AN_OK;
    for (size_t at = 0; err == AN_OK && at < len;) {
        size_t n = len - at < CHUNK ? len - at : CHUNK;
        err = an_table_feed(g->reader, bytes + at, n);
        if (err == AN_OK)
            err = drain(g, why);
        at += n;
    }
    return err;
}

static an_err end(growing *g, an_err err, an_table *ret, an_note *why)
{
    if (err == AN_OK)
        err = finish(g, why);
    if (err == AN_OK)
        *ret = g->t;
    else
        an_table_done(&g->t);
    an_table_reader_free(g->reader);
    return err;
}

an_err an_table_parse(const void *bytes, size_t len, const an_table_conf *conf, an_table *ret, an_note *why)
{
    growing g = {.conf = *conf};
    an_err err = an_table_reader_new(conf, &g.reader, why);
    if (err != AN_OK)
        return err;
    return end(&g, feed(&g, bytes, len, why), ret, why);
}

static an_err read_all(growing *g, FILE *f, const char *path, an_note *why)
{
    char *chunk = an_alloc(CHUNK, 1);
    an_err err = chunk ? AN_OK : AN_ERR_NOMEM;
    while (err == AN_OK) {
        size_t n = fread(chunk, 1, CHUNK, f);
        err = feed(g, chunk, n, why);
        if (n < CHUNK) {
            if (err == AN_OK && ferror(f))
                err = an_fail(AN_ERR_IO, why, "%s: cannot be read", path);
            break;
        }
    }
    an_free(chunk);
    return err;
}

an_err an_table_read(const char *path, const an_table_conf *conf, an_table *ret, an_note *why)
{
    growing g = {.conf = *conf};
    an_note inner = {0};
    FILE *f = fopen(path, "rb");
    if (!f) {
        int code = errno;
        return an_fail(code == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO, why, "%s: %s", path, strerror(code));
    }
    an_err err = an_table_reader_new(conf, &g.reader, &inner);
    if (err == AN_OK)
        err = end(&g, read_all(&g, f, path, &inner), ret, &inner);
    fclose(f);
    if (err != AN_OK)
        an_note_set(why, "%s: %s", path, inner.text[0] ? inner.text : an_err_text(err));
    return err;
}

void an_table_done(an_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->names && i < t->width; i++)
        an_free(t->names[i]);
    an_free(t->names);
    an_free(t->rows);
    an_free(t->times_ms);
    an_free(t->labels);
    *t = (an_table){0};
}
