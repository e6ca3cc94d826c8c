/* The data of regress: tables with a column, or a life, to be told from the rows up to now.
 *
 *     layout: units     runs to failure (regress_units.c)
 *     layout: blocks    years, batches: files that are read one after the other
 *         train, validate, test   lists of files; each is a part
 *         rows          so many successive rows are a block; blocks are dealt over `sites` sites in turn
 *         hold          every so many-th block of a site is held back of what it would learn from
 *         stream        share: the files to validate and to test come one after the other; the sites learn from that
 *                       share of each, and are judged on the rest
 *     layout: folders   a folder for each site
 *         train, hold, test   files in it; hold may be missing
 *
 * All: names (of columns without a header), ignore, delimiter, header.  In target: column (what is told, not in
 * units), range [low, high] that the model sees as 0..1, clip: no answer outside of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/folder.h"
#include "coordinator/lab/tasks/regress_internal.h"

void an_lab_sheet_done(sheet *s)
{
    an_free(s->rows);
    an_free(s->target);
    an_free(s->unit);
    *s = (sheet){.n = 0};
}

/* ---- what the file says ---- */

static an_err read_names(const an_node *m, const char *key, const char **ret, size_t *ret_n, an_note *why)
{
    const an_node *list = an_node_get(m, key);
    an_err err = AN_OK;
    if (list && (an_node_kind(list) != AN_YAML_LIST || an_node_count(list) > AN_LAB_NAMES_MAX))
        return an_node_fail(list, why, "%s: a list of at most %d names", key, AN_LAB_NAMES_MAX);
    for (size_t i = 0; i < an_node_count(list) && err == AN_OK; i++)
        err = an_node_text(an_node_at(list, i), &ret[i], why);
    *ret_n = an_node_count(list);
    return err;
}

static an_err read_format(reader *r, an_note *why)
{
    const an_node *m = r->e->data;
    const char *delimiter = "";
    size_t n = 0;
    bool header = false;
    an_table_conf_init(&r->conf);
    r->conf.time_column = NULL;
    an_err err = read_names(m, "names", r->names, &n, why);
    if (err != AN_OK)
        return err;
    r->conf.names = n > 0 ? r->names : NULL;
    r->conf.n_names = n;
    if ((err = read_names(m, "ignore", r->ignore, &r->conf.n_ignore, why)) != AN_OK ||
        (err = an_node_get_text(m, "delimiter", "", &delimiter, why)) != AN_OK)
        return err;
    r->conf.ignore = r->ignore;
    if (strlen(delimiter) > 1)
        return an_node_fail(an_node_get(m, "delimiter"), why,
                            "delimiter: one character, or none to find it out");
    r->conf.delimiter = delimiter[0];
    if (an_node_get(m, "header") && (err = an_node_get_bool(m, "header", false, &header, why)) != AN_OK)
        return err;
    if (an_node_get(m, "header"))
        r->conf.header = header ? AN_TABLE_HEADER_YES : AN_TABLE_HEADER_NO;
    return AN_OK;
}

static an_err read_target(reader *r, bool units, an_note *why)
{
    static const char *const keys[] = {"column", "cap", "range", "clip", NULL};
    const an_node *m = r->e->target, *range = an_node_get(m, "range");
    double low = 0, high = 1;
    an_err err = m ? an_node_only_keys(m, keys, why) : an_node_fail(r->e->data, why, "\"target\" is missing");
    if (err == AN_OK && units)
        err = an_node_need_num(m, "cap", 1, 1e9, &r->cap, why);
    if (err == AN_OK && !units)
        err = an_node_need_text(m, "column", &r->target, why);
    if (err == AN_OK)
        err = an_node_get_bool(m, "clip", false, &r->d->clip, why);
    if (err != AN_OK)
        return err;
    if (units)
        high = r->cap;
    if (range && (an_node_kind(range) != AN_YAML_LIST || an_node_count(range) != 2))
        return an_node_fail(range, why, "range: [low, high]");
    if (range && ((err = an_node_num(an_node_at(range, 0), -1e9, 1e9, &low, why)) != AN_OK ||
                  (err = an_node_num(an_node_at(range, 1), -1e9, 1e9, &high, why)) != AN_OK))
        return err;
    if (!(high > low))
        return an_node_fail(range, why, "range: the second must be larger than the first");
    r->d->zero = low;
    r->d->unit = high - low;
    return AN_OK;
}

/* ---- tables ---- */

static size_t column_of(const an_table *t, const char *name)
{
    for (size_t j = 0; name && j < t->width; j++)
        if (strcmp(t->names[j], name) == 0)
            return j;
    return SIZE_MAX;
}

static an_err take_names(an_lab_data *d, const an_table *t, size_t unit, size_t target, const char *path,
                         an_note *why)
{
    const bool first = !d->names;
    size_t at = 0;
    if (first && !(d->names = an_alloc(t->width, sizeof *d->names)))
        return AN_ERR_NOMEM;
    for (size_t j = 0; j < t->width; j++) {
        if (j == unit || j == target)
            continue;
        if (first && !(d->names[d->width++] = an_strdup(t->names[j])))
            return AN_ERR_NOMEM;
        if (!first && (at >= d->width || strcmp(d->names[at], t->names[j]) != 0))
            return an_fail(AN_ERR_PROTO, why, "%s: column %zu is \"%s\", which the files before it have not",
                           path, j + 1, t->names[j]);
        at++;
    }
    return !first && at != d->width
               ? an_fail(AN_ERR_PROTO, why, "%s has %zu sensors, the files before it %zu", path, at, d->width)
               : AN_OK;
}

static an_err split(const an_table *t, size_t unit, size_t target, size_t width, sheet *s)
{
    s->n = t->n;
    s->rows = an_alloc(t->n, width * sizeof *s->rows);
    s->target = an_alloc(t->n, sizeof *s->target);
    s->unit = an_alloc(t->n, sizeof *s->unit);
    if (!s->rows || !s->target || !s->unit)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < t->n; i++) {
        float *to = s->rows + i * width;
        for (size_t j = 0; j < t->width; j++) {
            const float v = t->rows[i * t->width + j];
            if (j == unit)
                s->unit[i] = v;
            else if (j == target)
                s->target[i] = v;
            else
                *to++ = v;
        }
    }
    return AN_OK;
}

an_err an_lab_sheet_read(reader *r, const char *path, sheet *ret, an_note *why)
{
    an_table t = {0};
    an_err err = an_table_read(path, &r->conf, &t, why);
    if (err != AN_OK)
        return err;
    const size_t unit = column_of(&t, r->unit), target = column_of(&t, r->target);
    if ((r->unit && unit == SIZE_MAX) || (r->target && target == SIZE_MAX))
        err = an_fail(AN_ERR_NOTFOUND, why, "%s: no column \"%s\"", path, r->unit ? r->unit : r->target);
    if (err == AN_OK)
        err = take_names(r->d, &t, unit, target, path, why);
    if (err == AN_OK && r->d->context == 0)
        err = an_lab_task_context(r->e, r->d, &r->d->context, why);
    if (err == AN_OK)
        err = split(&t, unit, target, r->d->width, ret);
    an_table_done(&t);
    if (err != AN_OK)
        an_lab_sheet_done(ret);
    return err;
}

an_err an_lab_regress_sites(reader *r, size_t n)
{
    if (!(r->d->sites = an_alloc(n, sizeof *r->d->sites)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        snprintf(r->d->sites[i].name, sizeof r->d->sites[i].name, "site-%zu", i + 1);
    r->d->n_sites = n;
    return AN_OK;
}

/* ---- windows ---- */

static an_lab_items *items_of(an_lab_data *d, size_t site, role as)
{
    an_lab_site *s = &d->sites[site];
    return as == FIT ? &s->fit : as == HOLD ? &s->hold : &s->test;
}

static bool has_gap(const reader *r, const float *rows, size_t n)
{
    for (size_t i = 0; i < n * r->d->width; i++)
        if (!isfinite(rows[i]) && !an_node_get(r->e->prep, "steps"))
            return true;
    return false;
}

an_err an_lab_regress_add(reader *r, size_t site, role as, const float *window, double label, double before,
                          uint32_t part)
{
    const float said = (float)((label - r->d->zero) / r->d->unit);
    const float last = (float)((before - r->d->zero) / r->d->unit);
    if (!isfinite(said) || has_gap(r, window, r->d->context))
        return AN_OK;
    return an_lab_items_add(r->d, items_of(r->d, site, as), window, &said, last, part);
}

/* Every window of rows [from, to) whose target is its last row's. */
static an_err add_rows(reader *r, const sheet *s, size_t from, size_t to, size_t site, role as, uint32_t part)
{
    const size_t context = r->d->context, stride = as == FIT ? r->e->stride : 1;
    an_err err = AN_OK;
    for (size_t at = from; at + context <= to && err == AN_OK; at += stride) {
        const size_t last = at + context - 1;
        err = an_lab_regress_add(r, site, as, s->rows + at * r->d->width, (double)s->target[last],
                                 last > from ? (double)s->target[last - 1] : (double)NAN, part);
    }
    return err;
}

/* ---- blocks ---- */

/* One file, dealt out.  What is judged of a file that comes in a stream is its last blocks. */
static an_err deal_blocks(reader *r, const sheet *s, role as, uint32_t part)
{
    const size_t n = (s->n + r->rows - 1) / r->rows;
    const bool comes = r->stream > 0 && as != FIT;
    an_err err = AN_OK;
    for (size_t k = 0; k < n && err == AN_OK; k++) {
        const size_t from = k * r->rows, to = from + r->rows < s->n ? from + r->rows : s->n,
                     turn = k / r->n_sites;
        role to_be = as;
        if (comes && (double)k < r->stream * (double)n)
            to_be = FIT;
        if (to_be == FIT && r->every > 0 && turn % r->every == r->every - 1)
            to_be = HOLD;
        err = add_rows(r, s, from, to, k % r->n_sites, to_be, part);
    }
    return err;
}

static an_err read_blocks(reader *r, an_note *why)
{
    static const char *const keys[] = {"layout", "train", "validate",  "test",   "rows",   "sites", "stream",
                                       "hold",   "names", "delimiter", "ignore", "header", NULL};
    static const char *const which[] = {"train", "validate", "test"};
    const an_node *m = r->e->data;
    int64_t sites = 0, rows = 0, every = 0;
    an_err err = an_node_only_keys(m, keys, why);
    if (err == AN_OK)
        err = an_node_need_int(m, "sites", 1, SITES_MAX, &sites, why);
    if (err == AN_OK)
        err = an_node_need_int(m, "rows", 1, 1000000, &rows, why);
    if (err == AN_OK)
        err = an_node_get_int(m, "hold", 0, 1000, 0, &every, why);
    if (err == AN_OK)
        err = an_node_get_num(m, "stream", 0, 0.95, 0, &r->stream, why);
    r->n_sites = (size_t)sites;
    r->rows = (size_t)rows;
    r->every = (size_t)every;
    if (err == AN_OK)
        err = an_lab_regress_sites(r, r->n_sites);
    for (size_t as = FIT; as <= TEST && err == AN_OK; as++) {
        const char *files[AN_LAB_NAMES_MAX];
        size_t n = 0;
        err = read_names(m, which[as], files, &n, why);
        for (size_t i = 0; i < n && err == AN_OK; i++) {
            char path[AN_PATH_MAX], part[AN_NAME_MAX];
            sheet s = {.n = 0};
            uint32_t number = 0;
            snprintf(part, sizeof part, "%.*s", (int)strcspn(files[i], "."), files[i]);
            if ((err = an_lab_data_part(r->d, part, &number)) != AN_OK ||
                (err = an_path_join(path, r->dir, files[i])) != AN_OK ||
                (err = an_lab_sheet_read(r, path, &s, why)) != AN_OK)
                break;
            err = deal_blocks(r, &s, (role)as, number);
            an_lab_sheet_done(&s);
        }
        if (as == FIT && r->stream > 0)
            r->d->n_first = r->d->n_parts;
    }
    return err;
}

/* ---- folders ---- */

static an_err read_folder(reader *r, size_t site, const char *const files[3], an_note *why)
{
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_err err = an_path_join(dir, r->dir, r->d->sites[site].name);
    for (size_t as = FIT; as <= TEST && err == AN_OK; as++) {
        sheet s = {.n = 0};
        if ((err = an_path_join(path, dir, files[as])) != AN_OK || (as == HOLD && !an_file_exists(path)))
            continue;
        if ((err = an_lab_sheet_read(r, path, &s, why)) != AN_OK)
            break;
        err = add_rows(r, &s, 0, s.n, site, (role)as, 0);
        an_lab_sheet_done(&s);
    }
    return err;
}

static an_err read_folders(reader *r, an_note *why)
{
    static const char *const keys[] = {"layout", "train",     "hold",   "test", "names",
                                       "ignore", "delimiter", "header", NULL};
    const char *files[3] = {NULL};
    const an_node *m = r->e->data;
    an_names names = {0};
    an_err err = an_node_only_keys(m, keys, why);
    if (err == AN_OK)
        err = an_node_get_text(m, "train", "train.csv", &files[FIT], why);
    if (err == AN_OK)
        err = an_node_get_text(m, "hold", "hold.csv", &files[HOLD], why);
    if (err == AN_OK)
        err = an_node_get_text(m, "test", "test.csv", &files[TEST], why);
    if (err == AN_OK)
        err = an_dir_list(r->dir, &names, why);
    an_lab_names_sort(&names);
    if (err == AN_OK && !(r->d->sites = an_alloc(names.n, sizeof *r->d->sites)))
        err = AN_ERR_NOMEM;
    for (size_t i = 0; i < names.n && err == AN_OK; i++) {
        char dir[AN_PATH_MAX], path[AN_PATH_MAX];
        if (strlen(names.items[i]) >= AN_NAME_MAX || an_path_join(dir, r->dir, names.items[i]) != AN_OK ||
            an_path_join(path, dir, files[FIT]) != AN_OK || !an_file_exists(path))
            continue;
        snprintf(r->d->sites[r->d->n_sites].name, AN_NAME_MAX, "%s", names.items[i]);
        err = read_folder(r, r->d->n_sites++, files, why);
    }
    an_names_done(&names);
    if (err == AN_OK && r->d->n_sites == 0)
        err = an_fail(AN_ERR_NOTFOUND, why, "%s: no folder in it holds %s", r->dir, files[FIT]);
    return err;
}

an_err an_lab_regress_read(const an_experiment *e, const char *dir, an_lab_data *ret, an_note *why)
{
    static const struct {
        const char *name;
        an_err (*read)(reader *r, an_note *why);
    } layouts[] = {{"units", an_lab_regress_units}, {"blocks", read_blocks}, {"folders", read_folders}};
    const char *layout = NULL;
    an_lab_data d = {.n_labels = 1};
    reader r = {.e = e, .dir = dir, .d = &d};
    an_err err = an_node_need_text(e->data, "layout", &layout, why);
    if (err != AN_OK)
        return err;
    size_t k = 0, n = sizeof layouts / sizeof *layouts;
    while (k < n && strcmp(layouts[k].name, layout) != 0)
        k++;
    if (k == n)
        return an_node_fail(an_node_get(e->data, "layout"), why,
                            "layout = %s: must be units, blocks or folders", layout);
    err = read_format(&r, why);
    if (err == AN_OK)
        err = read_target(&r, k == 0, why);
    if (err == AN_OK)
        err = layouts[k].read(&r, why);
    for (size_t i = 0; i < d.n_sites && err == AN_OK; i++)
        if (d.sites[i].fit.n == 0 || d.sites[i].test.n == 0)
            err = an_fail(AN_ERR_PROTO, why, "%s has %zu windows to learn from and %zu to be judged on",
                          d.sites[i].name, d.sites[i].fit.n, d.sites[i].test.n);
    for (size_t i = 0; i < d.n_sites; i++)
        d.sites[i].width = d.width;
    if (err == AN_OK)
        *ret = d;
    else
        an_lab_data_done(&d);
    return err;
}
