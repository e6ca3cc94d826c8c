/* Runs to failure: what is left of a unit's life.
 *
 *     layout: units     runs to failure in files; each file (pattern with *) is a part of the data
 *         train, test   patterns; what * stands for is the part's name
 *         life          pattern: a line for each test unit, what it had left after its last row
 *         unit          column with the unit's number; units are dealt over `sites` sites in turn
 *         hold          every so many-th unit of a site is held back
 *         An item is a window and what the unit has left after it, at most target.cap, from half a window of its life
 *         on; of a test unit its last window alone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/folder.h"
#include "coordinator/lab/tasks/regress_internal.h"

/* The window that ends at row `last`; before the unit's first row that one is repeated, as a unit to be judged may
 * not have run for a whole window yet. */
static void unit_window(const reader *r, const float *rows, size_t last, float *ret)
{
    const size_t width = r->d->width, context = r->d->context;
    for (size_t i = 0; i < context; i++) {
        const size_t back = context - 1 - i;
        memcpy(ret + i * width, rows + (last >= back ? last - back : 0) * width, width * sizeof *ret);
    }
}

static an_err add_unit(reader *r, const float *rows, size_t n, size_t site, role as, double left,
                       uint32_t part)
{
    an_err err = AN_OK;
    float *window = an_alloc(r->d->context, r->d->width * sizeof *window);
    if (!window)
        return AN_ERR_NOMEM;
    size_t last = as == TEST ? n - 1 : (r->d->context - 1) / 2;
    for (; last < n && err == AN_OK; last += as == FIT ? r->e->stride : 1) {
        const double life = left + (double)(n - 1 - last);
        unit_window(r, rows, last, window);
        err = an_lab_regress_add(r, site, as, window, life < r->cap ? life : r->cap, (double)NAN, part);
    }
    an_free(window);
    return err;
}

static an_err deal_units(reader *r, const sheet *s, const an_table *life, const char *path, uint32_t part,
                         an_note *why)
{
    size_t k = 0;
    an_err err = AN_OK;
    for (size_t from = 0, to; from < s->n && err == AN_OK; from = to, k++) {
        for (to = from; to < s->n && !(s->unit[to] < s->unit[from] || s->unit[to] > s->unit[from]);)
            to++;
        const size_t site = k % r->n_sites, turn = k / r->n_sites;
        const role as = life ? TEST : r->every > 0 && turn % r->every == r->every - 1 ? HOLD : FIT;
        if (life && k >= life->n)
            return an_fail(AN_ERR_PROTO, why, "%s: there are more units than lives (%zu)", path, life->n);
        err = add_unit(r, s->rows + from * r->d->width, to - from, site, as,
                       life ? (double)life->rows[k * life->width] : 0, part);
    }
    if (err == AN_OK && life && k != life->n)
        err = an_fail(AN_ERR_PROTO, why, "%s: %zu units, and %zu lives", path, k, life->n);
    return err;
}

/* pattern with its * replaced by what; false: too long. */
static bool fill_in(char out[AN_PATH_MAX], const char *dir, const char *pattern, const char *what)
{
    char name[AN_PATH_MAX];
    const char *star = strchr(pattern, '*');
    const int n = snprintf(name, sizeof name, "%.*s%s%s", (int)(star - pattern), pattern, what, star + 1);
    return n > 0 && (size_t)n < sizeof name && an_path_join(out, dir, name) == AN_OK;
}

static an_err read_part(reader *r, const char *part, const char *const patterns[3], an_note *why)
{
    char path[AN_PATH_MAX];
    sheet s = {.n = 0};
    an_table life = {0};
    an_table_conf one;
    uint32_t number = 0;
    an_table_conf_init(&one);
    one.header = AN_TABLE_HEADER_NO;
    one.time_column = NULL;
    an_err err = an_lab_data_part(r->d, part, &number);
    if (err == AN_OK && !fill_in(path, r->dir, patterns[0], part))
        err = AN_ERR_LIMIT;
    if (err == AN_OK && (err = an_lab_sheet_read(r, path, &s, why)) == AN_OK)
        err = deal_units(r, &s, NULL, path, number, why);
    an_lab_sheet_done(&s);
    if (err == AN_OK && !fill_in(path, r->dir, patterns[2], part))
        err = AN_ERR_LIMIT;
    if (err == AN_OK)
        err = an_table_read(path, &one, &life, why);
    if (err == AN_OK && !fill_in(path, r->dir, patterns[1], part))
        err = AN_ERR_LIMIT;
    if (err == AN_OK && (err = an_lab_sheet_read(r, path, &s, why)) == AN_OK)
        err = deal_units(r, &s, &life, path, number, why);
    an_lab_sheet_done(&s);
    an_table_done(&life);
    return err;
}

an_err an_lab_regress_units(reader *r, an_note *why)
{
    static const char *const keys[] = {"layout", "train", "test",      "life",   "unit",   "sites",
                                       "hold",   "names", "delimiter", "header", "ignore", NULL};
    static const char *const which[] = {"train", "test", "life"};
    const char *patterns[3] = {NULL};
    const an_node *m = r->e->data;
    int64_t sites = 0, every = 0;
    an_names names = {0};
    an_err err = an_node_only_keys(m, keys, why);
    for (size_t i = 0; i < 3 && err == AN_OK; i++) {
        err = an_node_need_text(m, which[i], &patterns[i], why);
        if (err == AN_OK && !strchr(patterns[i], '*'))
            err = an_node_fail(an_node_get(m, which[i]), why, "%s: a name with * in it", which[i]);
    }
    if (err == AN_OK)
        err = an_node_need_text(m, "unit", &r->unit, why);
    if (err == AN_OK)
        err = an_node_need_int(m, "sites", 1, SITES_MAX, &sites, why);
    if (err == AN_OK)
        err = an_node_get_int(m, "hold", 0, 1000, 0, &every, why);
    r->n_sites = (size_t)sites;
    r->every = (size_t)every;
    if (err == AN_OK && (err = an_lab_regress_sites(r, r->n_sites)) == AN_OK)
        err = an_dir_list(r->dir, &names, why);
    an_lab_names_sort(&names);
    for (size_t i = 0; i < names.n && err == AN_OK; i++) {
        char part[AN_NAME_MAX];
        const char *star = strchr(patterns[0], '*'), *name = names.items[i];
        const size_t head = (size_t)(star - patterns[0]), tail = strlen(star + 1), len = strlen(name);
        if (len <= head + tail || len - head - tail >= sizeof part || strncmp(name, patterns[0], head) != 0 ||
            strcmp(name + len - tail, star + 1) != 0)
            continue;
        snprintf(part, sizeof part, "%.*s", (int)(len - head - tail), name + head);
        err = read_part(r, part, patterns, why);
    }
    an_names_done(&names);
    if (err == AN_OK && r->d->n_parts == 0)
        err = an_fail(AN_ERR_NOTFOUND, why, "%s: no file is named as %s", r->dir, patterns[0]);
    return err;
}
