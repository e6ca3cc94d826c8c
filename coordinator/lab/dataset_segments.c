/* One series of normal rows, dealt out to the sites segment by segment, and files with a fault each that all are judged
 * on. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/dataset_internal.h"

static an_err read_table(const an_lab_layout *l, const char *dir, const char *name, bool turned,
                         an_table *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_table_conf conf;
    an_err err = an_path_join(path, dir, name);
    an_lab_table_conf(l, &conf);
    if (err != AN_OK || (err = an_table_read(path, &conf, ret, why)) != AN_OK || !turned)
        return err;
    float *rows = an_alloc(ret->n, ret->width * sizeof *rows);
    if (!rows) {
        an_table_done(ret);
        return AN_ERR_NOMEM;
    }
    for (size_t i = 0; i < ret->n; i++)
        for (size_t j = 0; j < ret->width; j++)
            rows[j * ret->n + i] = ret->rows[i * ret->width + j];
    an_free(ret->rows);
    ret->rows = rows;
    return AN_OK;
}

/* Names are numbers: a file that lies on its side has none. */
static an_err name_sensors(an_lab_data *d, size_t width)
{
    char name[24];
    if (!(d->names = an_alloc(width, sizeof *d->names)))
        return AN_ERR_NOMEM;
    d->width = width;
    for (size_t i = 0; i < width; i++) {
        snprintf(name, sizeof name, "c%zu", i);
        if (!(d->names[i] = an_strdup(name)))
            return AN_ERR_NOMEM;
    }
    return AN_OK;
}

static an_err copy_rows(const float *rows, size_t n, size_t width, float **ret, size_t *ret_n)
{
    if (!(*ret = an_alloc(n, width * sizeof **ret)))
        return AN_ERR_NOMEM;
    memcpy(*ret, rows, n * width * sizeof *rows);
    *ret_n = n;
    return AN_OK;
}

static an_err deal_train(const an_lab_layout *l, const char *dir, an_lab_data *d, an_note *why)
{
    an_table t = {0};
    an_err err = read_table(l, dir, l->train, l->transposed, &t, why);
    if (err != AN_OK)
        return err;
    const size_t n = l->transposed ? t.width : t.n, width = l->transposed ? t.n : t.width;
    if (n < 2 * l->n_segments)
        err = an_fail(AN_ERR_PROTO, why, "%s: %zu rows for %zu segments", l->train, n, l->n_segments);
    if (err == AN_OK)
        err = name_sensors(d, width);
    for (size_t i = 0; i < l->n_segments && err == AN_OK; i++) {
        an_lab_site *s = &d->sites[d->n_sites++];
        const size_t from = n * i / l->n_segments, to = n * (i + 1) / l->n_segments;
        snprintf(s->name, sizeof s->name, "segment-%zu", i + 1);
        s->width = width;
        if (!(s->series = an_alloc(l->n_tests + l->n_normal, sizeof *s->series)))
            err = AN_ERR_NOMEM;
        else
            err = copy_rows(t.rows + from * width, to - from, width, &s->series[0].train,
                            &s->series[0].n_train);
    }
    an_table_done(&t);
    return err;
}

static an_err same_width(const an_lab_data *d, const an_table *t, const char *name, an_note *why)
{
    return t->width == d->width ? AN_OK
                                : an_fail(AN_ERR_PROTO, why, "%s has %zu columns, the rows to learn from %zu",
                                          name, t->width, d->width);
}

/* Rows from fault_row on are anomalous. */
static an_err add_test(const an_lab_layout *l, const char *dir, const char *name, size_t fault_row,
                       an_lab_data *d, an_note *why)
{
    an_table t = {0};
    char stem[AN_NAME_MAX];
    uint32_t part = 0;
    an_err err = read_table(l, dir, name, false, &t, why);
    if (err != AN_OK)
        return err;
    snprintf(stem, sizeof stem, "%.*s", (int)strcspn(name, "."), name);
    err = same_width(d, &t, name, why);
    if (err == AN_OK)
        err = an_lab_data_part(d, stem, &part);
    for (size_t i = 0; i < d->n_sites && err == AN_OK; i++) {
        an_lab_series *s = &d->sites[i].series[d->sites[i].n_series++];
        snprintf(s->name, sizeof s->name, "%s", stem);
        s->part = part;
        err = copy_rows(t.rows, t.n, t.width, &s->test, &s->n_test);
        if (err == AN_OK && !(s->labels = an_alloc(t.n, 1)))
            err = AN_ERR_NOMEM;
        for (size_t k = fault_row; k < t.n && err == AN_OK; k++)
            s->labels[k] = 1;
    }
    an_table_done(&t);
    return err;
}

static an_err add_calm(const an_lab_layout *l, const char *dir, an_lab_data *d, an_note *why)
{
    an_table t = {0};
    an_err err = read_table(l, dir, l->calibrate, false, &t, why);
    if (err != AN_OK)
        return err;
    err = same_width(d, &t, l->calibrate, why);
    for (size_t i = 0; i < d->n_sites && err == AN_OK; i++)
        err = copy_rows(t.rows, t.n, t.width, &d->sites[i].calm, &d->sites[i].n_calm);
    an_table_done(&t);
    return err;
}

/* The part "rest", which is without some tests. */
static an_err set_apart(const an_lab_layout *l, an_lab_data *d, an_note *why)
{
    uint32_t rest = 0;
    an_err err = an_lab_data_part(d, "rest", &rest);
    if (err != AN_OK || !(d->apart = an_alloc(d->n_parts, sizeof *d->apart)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < l->n_apart; i++) {
        bool found = false;
        for (size_t k = 0; k < rest; k++)
            if (strcspn(l->apart[i], ".") == strlen(d->parts[k]) &&
                strncmp(l->apart[i], d->parts[k], strlen(d->parts[k])) == 0)
                d->apart[k] = found = true;
        if (!found)
            return an_fail(AN_ERR_INVAL, why, "apart: %s is no test", l->apart[i]);
    }
    return AN_OK;
}

an_err an_lab_segments_read(const an_lab_layout *l, const char *dir, an_lab_data *ret, an_note *why)
{
    an_lab_data d = {0};
    if (l->n_tests == 0)
        return an_fail(AN_ERR_INVAL, why, "tests: there is none");
    an_err err = AN_ERR_NOMEM;
    if ((d.sites = an_alloc(l->n_segments, sizeof *d.sites)))
        err = deal_train(l, dir, &d, why);
    for (size_t i = 0; i < l->n_tests && err == AN_OK; i++)
        err = add_test(l, dir, l->tests[i], l->fault_row, &d, why);
    for (size_t i = 0; i < l->n_normal && err == AN_OK; i++)
        err = add_test(l, dir, l->normal[i], SIZE_MAX, &d, why);
    if (err == AN_OK && l->calibrate)
        err = add_calm(l, dir, &d, why);
    if (err == AN_OK && l->n_apart > 0)
        err = set_apart(l, &d, why);
    if (err == AN_OK)
        *ret = d;
    else
        an_lab_data_done(&d);
    return err;
}
