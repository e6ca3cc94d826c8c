#include "coordinator/lab/files.h"

#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/folder.h"
#include "coordinator/lab/images.h"
#include "coordinator/lab/kind.h"
#include "models/cost.h"

#define IGNORE_MAX AN_ARGS_MAX_FLAGS

static an_err table_conf(const an_lab *lab, an_table_conf *ret, const char *ignore[IGNORE_MAX], an_note *why)
{
    const char *delimiter = an_args_get(lab->args, "delimiter"), *time = an_args_get(lab->args, "time");
    an_table_conf_init(ret);
    if (delimiter && strlen(delimiter) != 1)
        return an_fail(AN_ERR_INVAL, why, "--delimiter %s: must be one character", delimiter);
    ret->delimiter = delimiter ? delimiter[0] : 0;
    if (an_args_has(lab->args, "no-header"))
        ret->header = AN_TABLE_HEADER_NO;
    if (time)
        ret->time_column = strcmp(time, "none") == 0 ? NULL : time;
    ret->label_column = an_args_get(lab->args, "label");
    for (size_t i = 0; i < IGNORE_MAX && (ignore[i] = an_args_at(lab->args, "ignore", i)); i++)
        ret->n_ignore = i + 1;
    ret->ignore = ignore;
    return AN_OK;
}

static an_err add_file(an_lab_files *f, const char *path, const an_table_conf *conf, an_note *why)
{
    if (!an_grow(&f->tables, &f->cap, f->n + 1, sizeof *f->tables) ||
        !an_grow(&f->names, &f->cap_names, f->n + 1, sizeof *f->names))
        return AN_ERR_NOMEM;
    an_table *t = &f->tables[f->n];
    an_err err = an_table_read(path, conf, t, why);
    if (err != AN_OK)
        return err;
    if (f->n > 0 && t->width != f->width) {
        err = an_fail(AN_ERR_PROTO, why, "%s has %zu columns, the files before it %zu", path, t->width,
                      f->width);
        an_table_done(t);
        return err;
    }
    f->width = t->width;
    if (!(f->names[f->n] = an_strdup(path))) {
        an_table_done(t);
        return AN_ERR_NOMEM;
    }
    f->n++;
    return AN_OK;
}

static bool is_table(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".tsv") == 0 || strcmp(dot, ".txt") == 0);
}

static an_err add_path(an_lab_files *f, const char *path, const an_table_conf *conf, an_note *why)
{
    an_names names = {0};
    char each[AN_PATH_MAX];
    if (!an_lab_is_dir(path))
        return add_file(f, path, conf, why);
    an_err err = an_dir_list(path, &names, why);
    if (err != AN_OK)
        return err;
    const size_t before = f->n;
    an_lab_names_sort(&names);
    for (size_t i = 0; i < names.n && err == AN_OK; i++)
        if (is_table(names.items[i]) && (err = an_path_join(each, path, names.items[i])) == AN_OK)
            err = add_file(f, each, conf, why);
    if (err == AN_OK && f->n == before)
        err = an_fail(AN_ERR_NOTFOUND, why,
                      "%s holds no .csv, .tsv or .txt file, and no image here or one folder below", path);
    an_names_done(&names);
    return err;
}

an_err an_lab_files_read(const an_lab *lab, size_t first, an_lab_files *ret, an_note *why)
{
    an_lab_files f = {0};
    an_table_conf conf;
    const char *ignore[IGNORE_MAX] = {NULL};
    an_err err = table_conf(lab, &conf, ignore, why);
    for (size_t i = first; i < lab->args->n_positionals && err == AN_OK; i++)
        err = add_path(&f, lab->args->positionals[i], &conf, why);
    if (err == AN_OK)
        *ret = f;
    else
        an_lab_files_done(&f);
    return err;
}

/* The positionals from the second on, as images. */
static an_err read_images(const an_lab *lab, const an_model *m, const uint8_t *extra, size_t len,
                          an_lab_files *ret, an_note *why)
{
    static const char *const of_tables[] = {"delimiter", "no-header", "time", "label", "ignore", "ahead"};
    const an_args *a = lab->args;
    for (size_t i = 0; i < sizeof of_tables / sizeof *of_tables; i++)
        if (an_args_has(a, of_tables[i]))
            return an_fail(AN_ERR_INVAL, why, "--%s is said of tables, and %s holds images", of_tables[i],
                           a->positionals[1]);
    return an_lab_images_read((const char *const *)a->positionals + 1, a->n_positionals - 1, m, extra, len,
                              ret, why);
}

/* The model decides: beside tables a folder may hold pictures of them. */
static an_err read_either(const an_lab *lab, const char *arch, const char *name, const uint8_t *extra,
                          size_t len, an_lab_files *ret, an_note *why)
{
    const char *path = lab->args->positionals[1];
    an_model *m = NULL;
    if (!an_lab_images_at(path))
        return an_lab_files_read(lab, 1, ret, why);
    const bool read = arch[0] && an_model_new(arch, strlen(arch), name, 0, &m, NULL) == AN_OK;
    const bool images = read && an_model_in(m).n_dims == 3;
    an_err err = images ? read_images(lab, m, extra, len, ret, why) : an_lab_files_read(lab, 1, ret, why);
    if (!images && err != AN_OK && err != AN_ERR_NOMEM)
        err = an_fail(err, why, "%.120s holds images, and the model of %.120s takes rows of tables", path,
                      name);
    an_model_free(m);
    return err;
}

an_err an_lab_files_read_for(const an_lab *lab, const char *arch, const char *name, an_lab_files *ret,
                             an_note *why)
{
    return read_either(lab, arch, name, NULL, 0, ret, why);
}

/* Was it learnt from images, not from tables with an image in each row? */
static bool is_of_images(const an_bundle *b)
{
    an_model *m = NULL;
    const bool read = b->arch[0] && an_model_new(b->arch, strlen(b->arch), b->model, 0, &m, NULL) == AN_OK;
    const an_shape in = read ? an_model_in(m) : (an_shape){.n_dims = 0};
    an_model_free(m);
    return in.n_dims == 3 && b->prep.conf.window == in.d[0] && b->prep.conf.window > 1;
}

an_err an_lab_files_read_of(const an_lab *lab, const an_bundle *b, an_lab_files *ret, an_note *why)
{
    const char *path = lab->args->positionals[0];
    const an_prep_conf *p = &b->prep.conf;
    an_lab_files f = {0};
    an_err err = read_either(lab, b->arch, path, b->extra, b->extra_len, &f, why);
    if (err == AN_OK && f.height && (p->window != f.height || p->stride != f.height || p->smooth != 1))
        err = an_fail(AN_ERR_INVAL, why, "%s was learnt from tables, not from images", path);
    if (err == AN_OK && !f.height && is_of_images(b))
        err = an_fail(AN_ERR_INVAL, why, "%.120s was learnt from images, and %.120s is a table", path,
                      f.names[0]);
    if (err == AN_OK)
        err = an_lab_files_fit(&f, b, !an_args_has(lab->args, "no-header"), why);
    if (err == AN_OK)
        *ret = f;
    else
        an_lab_files_done(&f);
    return err;
}

const char *an_lab_files_unit(const an_lab_files *f, const char *of_tables)
{
    return f->height ? "images" : of_tables;
}

void an_lab_files_done(an_lab_files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        an_table_done(&f->tables[i]);
        an_free(f->names[i]);
    }
    for (size_t i = 0; i < f->n_images; i++)
        an_free(f->images[i]);
    an_free(f->tables);
    an_free(f->names);
    an_free(f->images);
    an_free(f->masks);
    an_names_done(&f->classes);
    *f = (an_lab_files){0};
}

an_err an_lab_version_read(const an_lab *lab, const char *path, an_bundle *ret, an_hash *ret_hash,
                           an_overlay *ret_overlay, bool *ret_has, an_note *why)
{
    an_bundle b = {.arch = NULL};
    an_overlay o = {.n_local = 0};
    an_buf bytes;
    const char *overlay = an_args_get(lab->args, "overlay");
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = an_lab_expect_version(path, why);
    if (err == AN_OK)
        err = an_bundle_read(&b, ret_hash, path, why);
    if (err == AN_OK && overlay) {
        if ((err = an_file_read(&bytes, overlay, why)) == AN_OK)
            err = an_overlay_decode(&o, bytes.data, bytes.len, why);
        if (err == AN_OK)
            err = an_overlay_fits(&o, &b, ret_hash, why);
    }
    an_buf_done(&bytes);
    if (err != AN_OK) {
        an_bundle_done(&b);
        an_overlay_done(&o);
        return err;
    }
    *ret = b;
    *ret_overlay = o;
    *ret_has = overlay != NULL;
    return AN_OK;
}

an_err an_lab_files_fit(const an_lab_files *f, const an_bundle *b, bool names, an_note *why)
{
    if (f->width != b->schema.n)
        return an_fail(
            AN_ERR_INVAL, why, "%s has %zu sensors, the version %u%s", f->names[0], f->width, b->schema.n,
            f->width > b->schema.n ? "; --label COLUMN and --ignore COLUMN name what is none" : "");
    for (size_t i = 0; i < f->n && names; i++)
        for (size_t j = 0; j < f->width; j++)
            if (strcmp(f->tables[i].names[j], b->schema.sensors[j].name) != 0)
                return an_fail(AN_ERR_INVAL, why,
                               "%s: column %zu is \"%s\"; the version has the sensor \"%s\" there",
                               f->names[i], j + 1, f->tables[i].names[j], b->schema.sensors[j].name);
    return AN_OK;
}
