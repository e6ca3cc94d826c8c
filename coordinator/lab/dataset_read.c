/* Reading a folder of sites.  Every file is held to the width of the first. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/dataset_internal.h"
#include "coordinator/lab/folder.h"

void an_lab_table_conf(const an_lab_layout *l, an_table_conf *ret)
{
    an_table_conf_init(ret);
    ret->delimiter = l->delimiter;
    ret->header = l->header;
    ret->time_column = l->time;
    ret->ignore = l->ignore;
    ret->n_ignore = l->n_ignore;
    if (l->kind == AN_LAB_SPLIT)
        ret->label_column = l->label;
}

/* Takes the first file's columns as everyone's. */
static an_err same_columns(an_lab_data *d, const an_table *t, const char *path, an_note *why)
{
    if (d->width == 0) {
        if (!(d->names = an_alloc(t->width, sizeof *d->names)))
            return AN_ERR_NOMEM;
        d->width = t->width;
        for (size_t i = 0; i < t->width; i++)
            if (!(d->names[i] = an_strdup(t->names[i])))
                return AN_ERR_NOMEM;
        return AN_OK;
    }
    if (t->width != d->width)
        return an_fail(AN_ERR_PROTO, why, "%s has %zu columns, the files before it %zu", path, t->width,
                       d->width);
    for (size_t i = 0; i < t->width; i++)
        if (strcmp(t->names[i], d->names[i]) != 0)
            return an_fail(AN_ERR_PROTO, why, "%s: column %zu is \"%s\", in the files before it \"%s\"", path,
                           i + 1, t->names[i], d->names[i]);
    return AN_OK;
}

static an_err read_rows(const an_lab_layout *l, an_lab_data *d, const char *path, an_table *ret, an_note *why)
{
    an_table_conf conf;
    an_lab_table_conf(l, &conf);
    an_err err = an_table_read(path, &conf, ret, why);
    if (err != AN_OK)
        return err;
    if ((err = same_columns(d, ret, path, why)) != AN_OK)
        an_table_done(ret);
    return err;
}

/* ---- folders ---- */

static an_err read_labels(const an_lab_layout *l, const char *path, size_t n, uint8_t **ret, an_note *why)
{
    an_table t = {0};
    an_table_conf conf;
    an_lab_table_conf(l, &conf);
    an_err err = an_table_read(path, &conf, &t, why);
    if (err != AN_OK)
        return err;
    if (t.n != n)
        err = an_fail(AN_ERR_PROTO, why, "%s has %zu labels for %zu rows", path, t.n, n);
    else if (t.width != 1)
        err = an_fail(AN_ERR_PROTO, why, "%s has %zu columns; one of labels is wanted", path, t.width);
    else if (!(*ret = an_alloc(n, sizeof **ret)))
        err = AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        (*ret)[i] = t.rows[i] > 0.5f;
    an_table_done(&t);
    return err;
}

static void take_rows(an_table *t, float **rows, size_t *n)
{
    *rows = t->rows;
    *n = t->n;
    t->rows = NULL;
}

static an_err read_folder(const an_lab_layout *l, const char *dir, an_lab_data *d, an_lab_site *s,
                          an_note *why)
{
    char path[AN_PATH_MAX];
    an_table t = {0};
    if (!(s->series = an_alloc(1, sizeof *s->series)))
        return AN_ERR_NOMEM;
    s->n_series = 1;
    snprintf(s->series->name, sizeof s->series->name, "%s", s->name);
    an_err err = an_path_join(path, dir, l->train);
    if (err != AN_OK || (err = read_rows(l, d, path, &t, why)) != AN_OK)
        return err;
    take_rows(&t, &s->series->train, &s->series->n_train);
    an_table_done(&t);
    if ((err = an_path_join(path, dir, l->test)) != AN_OK || (err = read_rows(l, d, path, &t, why)) != AN_OK)
        return err;
    take_rows(&t, &s->series->test, &s->series->n_test);
    an_table_done(&t);
    if ((err = an_path_join(path, dir, l->labels)) != AN_OK)
        return err;
    return read_labels(l, path, s->series->n_test, &s->series->labels, why);
}

/* ---- split ---- */

static an_err split_file(const an_lab_layout *l, const char *path, const char *name, an_lab_data *d,
                         an_lab_series *s, an_note *why)
{
    an_table t = {0};
    an_err err = read_rows(l, d, path, &t, why);
    if (err != AN_OK)
        return err;
    snprintf(s->name, sizeof s->name, "%.*s", (int)strcspn(name, "."), name);
    err = AN_ERR_NOMEM;
    if (t.n <= l->train_rows) {
        err = an_fail(AN_ERR_PROTO, why, "%s has %zu rows; the first %zu are to learn from", path, t.n,
                      l->train_rows);
        goto out;
    }
    s->n_test = t.n - l->train_rows;
    s->joined = true;
    s->test = an_alloc(s->n_test * t.width, sizeof *s->test);
    s->labels = an_alloc(s->n_test, sizeof *s->labels);
    if (!s->test || !s->labels)
        goto out;
    memcpy(s->test, t.rows + l->train_rows * t.width, s->n_test * t.width * sizeof *s->test);
    for (size_t i = 0; i < s->n_test; i++)
        s->labels[i] = t.labels && t.labels[l->train_rows + i] > 0.5f;
    take_rows(&t, &s->train, &s->n_train);
    s->n_train = l->train_rows;
    err = AN_OK;
out:
    an_table_done(&t);
    return err;
}

static bool is_data_file(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".tsv") == 0 || strcmp(dot, ".txt") == 0);
}

static an_err read_files(const an_lab_layout *l, const char *dir, an_lab_data *d, an_lab_site *s,
                         an_note *why)
{
    char path[AN_PATH_MAX];
    an_names names = {0};
    an_err err = an_dir_list(dir, &names, why);
    if (err != AN_OK)
        return err;
    an_lab_names_sort(&names);
    if (!(s->series = an_alloc(names.n, sizeof *s->series)))
        err = AN_ERR_NOMEM;
    for (size_t i = 0; i < names.n && err == AN_OK; i++) {
        if (!is_data_file(names.items[i]))
            continue;
        err = an_path_join(path, dir, names.items[i]);
        if (err == AN_OK)
            err = split_file(l, path, names.items[i], d, &s->series[s->n_series++], why);
    }
    an_names_done(&names);
    return err;
}

/* ---- sites ---- */

static bool holds_data(const an_lab_layout *l, const char *dir)
{
    char path[AN_PATH_MAX];
    an_names names = {0};
    bool found = false;
    if (!an_lab_is_dir(dir))
        return false;
    if (l->kind == AN_LAB_FOLDERS)
        return an_path_join(path, dir, l->train) == AN_OK && an_file_exists(path);
    if (an_dir_list(dir, &names, NULL) != AN_OK)
        return false;
    for (size_t i = 0; i < names.n; i++)
        found = found || is_data_file(names.items[i]);
    an_names_done(&names);
    return found;
}

static bool is_wanted(const an_lab_layout *l, const char *name)
{
    for (size_t i = 0; i < l->n_sites; i++)
        if (strcmp(l->sites[i], name) == 0)
            return true;
    return l->n_sites == 0;
}

static an_err read_site(const an_lab_layout *l, const char *dir, const char *name, an_lab_data *d,
                        an_note *why)
{
    char path[AN_PATH_MAX];
    if (strlen(name) >= AN_NAME_MAX)
        return an_fail(AN_ERR_LIMIT, why, "%s: the name is too long for a site", name);
    an_err err = an_path_join(path, dir, name);
    if (err != AN_OK || !holds_data(l, path))
        return err;
    an_lab_site *s = &d->sites[d->n_sites++];
    snprintf(s->name, sizeof s->name, "%s", name);
    err = l->kind == AN_LAB_FOLDERS ? read_folder(l, path, d, s, why) : read_files(l, path, d, s, why);
    s->width = d->width;
    return err;
}

static an_err check_sites(const an_lab_layout *l, const an_lab_data *d, const char *dir, an_note *why)
{
    if (d->n_sites == 0)
        return an_fail(AN_ERR_NOTFOUND, why, "%s: no folder in it holds %s", dir,
                       l->kind == AN_LAB_FOLDERS ? l->train : "files of data");
    for (size_t i = 0; i < l->n_sites; i++) {
        bool found = false;
        for (size_t k = 0; k < d->n_sites; k++)
            found = found || strcmp(d->sites[k].name, l->sites[i]) == 0;
        if (!found)
            return an_fail(AN_ERR_NOTFOUND, why, "%s: no site %s", dir, l->sites[i]);
    }
    return AN_OK;
}

an_err an_lab_data_read(const an_lab_layout *layout, const char *dir, an_lab_data *ret, an_note *why)
{
    an_lab_data d = {0};
    an_names names = {0};
    if (layout->kind == AN_LAB_SEGMENTS)
        return an_lab_segments_read(layout, dir, ret, why);
    an_err err = an_dir_list(dir, &names, why);
    if (err != AN_OK)
        return err;
    an_lab_names_sort(&names);
    if (!(d.sites = an_alloc(names.n, sizeof *d.sites)))
        err = AN_ERR_NOMEM;
    for (size_t i = 0; i < names.n && err == AN_OK; i++)
        if (is_wanted(layout, names.items[i]))
            err = read_site(layout, dir, names.items[i], &d, why);
    if (err == AN_OK)
        err = check_sites(layout, &d, dir, why);
    an_names_done(&names);
    if (err == AN_OK)
        *ret = d;
    else
        an_lab_data_done(&d);
    return err;
}
