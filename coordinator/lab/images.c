#include "coordinator/lab/images.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "coordinator/lab/folder.h"
#include "models/cost.h"
#include "models/data/image.h"

typedef enum goal { DETECT, CLASSES, MASKS } goal;

/* Images that lie in one folder. */
typedef struct group {
    char path[AN_PATH_MAX];
    char masks[AN_PATH_MAX]; /* "" without masks */
    an_names names;
    float label;
} group;

typedef struct reader {
    goal goal;
    size_t height, width, channels;
    group *groups;
    size_t n_groups, cap_groups, n_images;
    an_names classes; /* known before, or as they are met */
    bool known;
    an_lab_files files;
} reader;

/* ---- what lies where ---- */

static void drop_name(an_names *names, size_t i)
{
    an_free(names->items[i]);
    memmove(names->items + i, names->items + i + 1, (names->n - i - 1) * sizeof *names->items);
    names->n--;
}

/* Names of images, or of folders, in natural order; those that begin with a dot are hidden. */
static an_err list(const char *path, bool folders, an_names *ret, an_note *why)
{
    char each[AN_PATH_MAX];
    an_names names = {0};
    an_err err = an_dir_list(path, &names, why);
    for (size_t i = 0; i < names.n && err == AN_OK;) {
        err = an_path_join(each, path, names.items[i]);
        const bool dir = err == AN_OK && an_lab_is_dir(each);
        if (names.items[i][0] == '.' || dir != folders || (!folders && !an_image_named(names.items[i])))
            drop_name(&names, i);
        else
            i++;
    }
    if (err == AN_OK) {
        an_lab_names_sort(&names);
        *ret = names;
    } else {
        an_names_done(&names);
    }
    return err;
}

static an_err holds_images(const char *path, bool *ret, an_note *why)
{
    an_names names = {0};
    an_err err = list(path, false, &names, why);
    *ret = names.n > 0;
    an_names_done(&names);
    return err;
}

bool an_lab_images_at(const char *path)
{
    char each[AN_PATH_MAX];
    an_names names = {0};
    if (!an_lab_is_dir(path))
        return an_image_named(path);
    bool yes = false;
    an_err err = holds_images(path, &yes, NULL);
    if (err == AN_OK && !yes)
        err = list(path, true, &names, NULL);
    for (size_t i = 0; i < names.n && err == AN_OK && !yes; i++)
        if ((err = an_path_join(each, path, names.items[i])) == AN_OK)
            err = holds_images(each, &yes, NULL);
    an_names_done(&names);
    return err == AN_OK && yes;
}

static an_err add_group(reader *r, const char *dir, const char *name, float label, an_note *why)
{
    if (!an_grow(&r->groups, &r->cap_groups, r->n_groups + 1, sizeof *r->groups))
        return AN_ERR_NOMEM;
    group *g = &r->groups[r->n_groups];
    *g = (group){.label = label};
    an_err err = name ? an_path_join(g->path, dir, name) : AN_OK;
    if (err == AN_OK && !name)
        snprintf(g->path, sizeof g->path, "%s", dir);
    if (err == AN_OK)
        err = list(g->path, false, &g->names, why);
    if (err != AN_OK)
        return err;
    r->n_images += g->names.n;
    if (g->names.n > 0)
        r->n_groups++;
    else
        an_names_done(&g->names);
    return r->n_images > AN_LAB_IMAGES_MAX
               ? an_fail(AN_ERR_LIMIT, why, "%s: more than %u images", dir, AN_LAB_IMAGES_MAX)
               : AN_OK;
}

/* An image by itself: a group of one. */
static an_err add_one(reader *r, const char *path, an_note *why)
{
    if (r->goal != DETECT)
        return an_fail(AN_ERR_INVAL, why, "%s: one image does not say what it shows; give its folder", path);
    if (!an_grow(&r->groups, &r->cap_groups, r->n_groups + 1, sizeof *r->groups))
        return AN_ERR_NOMEM;
    group *g = &r->groups[r->n_groups];
    *g = (group){.label = 0};
    const char *slash = strrchr(path, '/');
    snprintf(g->path, sizeof g->path, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    g->names.items = an_alloc(1, sizeof *g->names.items);
    if (!g->names.items || !(g->names.items[0] = an_strdup(slash ? slash + 1 : path))) {
        an_free(g->names.items);
        return AN_ERR_NOMEM;
    }
    g->names.n = 1;
    r->n_groups++;
    r->n_images++;
    return AN_OK;
}

/* Names stand below each other in a version, and are printed as they are. */
static bool is_class_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return false;
    return len > 0 && len < 256;
}

/* The number of a class; the names that are met make the list unless it is known. */
static an_err class_of(reader *r, const char *dir, const char *name, size_t most, float *ret, an_note *why)
{
    size_t i = 0;
    while (i < r->classes.n && strcmp(r->classes.items[i], name) != 0)
        i++;
    if (i == r->classes.n && r->known)
        return an_fail(AN_ERR_PROTO, why, "%s/%s: the version knows no class of that name", dir, name);
    if (i >= most)
        return an_fail(AN_ERR_INVAL, why,
                       "%s: more folders than the %zu classes that the model has: another number of units in "
                       "its last layer makes it another number of classes",
                       dir, most);
    if (!is_class_name(name, strlen(name)))
        return an_fail(AN_ERR_INVAL, why,
                       "%s/%s: the name of a class is kept in one line of the version, without control "
                       "characters; rename the folder",
                       dir, name);
    if (i == r->classes.n) {
        size_t cap = r->classes.n;
        if (!an_grow(&r->classes.items, &cap, i + 1, sizeof *r->classes.items) ||
            !(r->classes.items[i] = an_strdup(name)))
            return AN_ERR_NOMEM;
        r->classes.n++;
    }
    *ret = (float)i;
    return AN_OK;
}

static an_err add_folders(reader *r, const char *path, size_t most, an_note *why)
{
    an_names names = {0};
    char each[AN_PATH_MAX];
    an_err err = list(path, true, &names, why);
    for (size_t i = 0; i < names.n && err == AN_OK; i++) {
        const char *name = names.items[i];
        float label = strcmp(name, "normal") != 0 && strcmp(name, "good") != 0;
        bool some = false;
        if ((err = an_path_join(each, path, name)) == AN_OK)
            err = holds_images(each, &some, why);
        if (err != AN_OK || !some)
            continue;
        if (r->goal == CLASSES)
            err = class_of(r, path, name, most, &label, why);
        if (err == AN_OK)
            err = add_group(r, path, name, label, why);
    }
    an_names_done(&names);
    return err;
}

static an_err add_masks(reader *r, const char *path, an_note *why)
{
    char images[AN_PATH_MAX], masks[AN_PATH_MAX];
    an_err err = an_path_join(images, path, "images");
    if (err == AN_OK)
        err = an_path_join(masks, path, "masks");
    if (err == AN_OK && (!an_lab_is_dir(images) || !an_lab_is_dir(masks)))
        return an_fail(AN_ERR_INVAL, why, "%s: the model learns masks, so it needs images/ and masks/ in it",
                       path);
    const size_t before = r->n_groups;
    if (err == AN_OK)
        err = add_group(r, path, "images", 0, why);
    if (err == AN_OK && r->n_groups > before)
        memcpy(r->groups[before].masks, masks, sizeof masks);
    return err;
}

static an_err add_path(reader *r, const char *path, size_t most, an_note *why)
{
    const size_t before = r->n_images;
    bool loose = false;
    if (!an_lab_is_dir(path))
        return an_lab_images_at(path) ? add_one(r, path, why)
                                      : an_fail(AN_ERR_INVAL, why, "%s is no image, as others are", path);
    an_err err = holds_images(path, &loose, why);
    if (err == AN_OK && r->goal == MASKS)
        err = add_masks(r, path, why);
    else if (err == AN_OK && r->goal == DETECT)
        err = add_group(r, path, NULL, 0, why);
    else if (err == AN_OK && loose)
        err = an_fail(AN_ERR_INVAL, why,
                      "%s: the model learns classes, so each image lies in a folder of its class", path);
    if (err == AN_OK && r->goal != MASKS)
        err = add_folders(r, path, most, why);
    if (err == AN_OK && r->n_images == before)
        err = an_fail(AN_ERR_NOTFOUND, why, "%s holds no .png, .pgm or .ppm image", path);
    return err;
}

/* ---- what is in them ---- */

static an_err read_one(const reader *r, const char *path, size_t channels, float *to, an_note *why)
{
    an_image image = {0};
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* a pipe would never end */
        return an_fail(AN_ERR_PROTO, why, "%s has the name of an image, but is no file", path);
    an_err err = an_image_read(path, &image, why);
    if (err != AN_OK)
        return err;
    if (image.height != r->height || image.width != r->width)
        err = an_fail(AN_ERR_PROTO, why, "%s is %zu x %zu pixels, the model takes %zu x %zu (width x height)",
                      path, image.width, image.height, r->width, r->height);
    if (err == AN_OK)
        err = an_image_recolour(&image, channels);
    if (err == AN_OK)
        memcpy(to, image.values, image.width * image.height * channels * sizeof *to);
    an_image_done(&image);
    return err;
}

static size_t stem(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

/* at: where it is likely, as both lists have the same order. */
static const char *same_stem(const an_names *names, const char *name, size_t at)
{
    if (at < names->n && stem(names->items[at]) == stem(name) &&
        strncmp(names->items[at], name, stem(name)) == 0)
        return names->items[at];
    for (size_t i = 0; i < names->n; i++)
        if (stem(names->items[i]) == stem(name) && strncmp(names->items[i], name, stem(name)) == 0)
            return names->items[i];
    return NULL;
}

static an_err read_masks(reader *r, const group *g, an_note *why)
{
    char path[AN_PATH_MAX];
    an_names masks = {0};
    const size_t each = r->height * r->width;
    an_lab_files *f = &r->files;
    an_err err = list(g->masks, false, &masks, why);
    if (err == AN_OK && masks.n > g->names.n)
        for (size_t i = 0; i < masks.n && err == AN_OK; i++)
            if (!same_stem(&g->names, masks.items[i], i))
                err = an_fail(AN_ERR_PROTO, why, "%s/%s is the mask of no image in %s", g->masks,
                              masks.items[i], g->path);
    for (size_t i = 0; i < g->names.n && err == AN_OK; i++) {
        float *to = f->masks + (f->n_images - g->names.n + i) * each;
        const char *name = same_stem(&masks, g->names.items[i], i);
        if (!name)
            err = an_fail(AN_ERR_PROTO, why, "%s/%s has no mask in %s", g->path, g->names.items[i], g->masks);
        else if ((err = an_path_join(path, g->masks, name)) == AN_OK)
            err = read_one(r, path, 1, to, why);
        for (size_t k = 0; k < each && err == AN_OK; k++)
            to[k] = to[k] > 0.0f ? 1.0f : 0.0f;
    }
    an_names_done(&masks);
    return err;
}

static an_err name_columns(const reader *r, an_table *t)
{
    static const char *const colours[] = {"r", "g", "b"};
    char name[48];
    if (!(t->names = an_alloc(t->width, sizeof *t->names)))
        return AN_ERR_NOMEM;
    for (size_t j = 0; j < t->width; j++) {
        if (r->channels == 1)
            snprintf(name, sizeof name, "x%zu", j);
        else
            snprintf(name, sizeof name, "x%zu.%s", j / r->channels, colours[j % r->channels]);
        if (!(t->names[j] = an_strdup(name)))
            return AN_ERR_NOMEM;
    }
    return AN_OK;
}

static an_err read_group(reader *r, const group *g, an_note *why)
{
    char path[AN_PATH_MAX];
    an_lab_files *f = &r->files;
    an_table *t = &f->tables[f->n];
    const size_t rows = g->names.n * r->height, each = r->height * f->width;
    if (!(f->names[f->n] = an_strdup(g->path)))
        return AN_ERR_NOMEM;
    f->n++; /* what follows is given back with the files */
    t->n = rows;
    t->width = f->width;
    t->rows = an_alloc(rows, f->width * sizeof *t->rows);
    t->labels = an_alloc(rows, sizeof *t->labels);
    if (!t->rows || !t->labels || name_columns(r, t) != AN_OK)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < rows; i++)
        t->labels[i] = g->label;
    for (size_t i = 0; i < g->names.n; i++) {
        an_err err = an_path_join(path, g->path, g->names.items[i]);
        if (err == AN_OK)
            err = read_one(r, path, r->channels, t->rows + i * each, why);
        if (err == AN_OK && !(f->images[f->n_images] = an_strdup(path)))
            err = AN_ERR_NOMEM;
        if (err != AN_OK)
            return err;
        f->n_images++;
    }
    return g->masks[0] ? read_masks(r, g, why) : AN_OK;
}

static an_err read_groups(reader *r, an_note *why)
{
    an_lab_files *f = &r->files;
    const size_t each = r->height * r->width * r->channels;
    if (r->n_images > AN_TABLE_VALUES_MAX / each)
        return an_fail(AN_ERR_LIMIT, why,
                       "%zu images of %zu values are more than fit into memory here (%u values)", r->n_images,
                       each, AN_TABLE_VALUES_MAX);
    f->height = r->height;
    f->width = r->width * r->channels;
    f->tables = an_alloc(r->n_groups, sizeof *f->tables);
    f->names = an_alloc(r->n_groups, sizeof *f->names);
    f->images = an_alloc(r->n_images, sizeof *f->images);
    f->masks = r->goal == MASKS ? an_alloc(r->n_images, r->height * r->width * sizeof *f->masks) : NULL;
    if (!f->tables || !f->names || !f->images || (r->goal == MASKS && !f->masks))
        return AN_ERR_NOMEM;
    an_err err = AN_OK;
    for (size_t i = 0; i < r->n_groups && err == AN_OK; i++)
        err = read_group(r, &r->groups[i], why);
    return err;
}

/* ---- all of it ---- */

static an_err understand(const an_model *m, reader *r, an_note *why)
{
    const an_shape in = an_model_in(m);
    if (in.n_dims != 3)
        return an_fail(AN_ERR_INVAL, why, "the model \"%s\" takes rows of a table, not images",
                       an_model_name(m));
    r->height = in.d[0];
    r->width = in.d[1];
    r->channels = in.d[2];
    const size_t targets = an_model_n_targets(m);
    if (r->channels != 1 && r->channels != 3)
        return an_fail(AN_ERR_INVAL, why, "the model takes %zu channels; images have 1 (grey) or 3 (colours)",
                       r->channels);
    if (r->height > AN_PREP_WINDOW_MAX || r->width * r->channels > AN_PREP_FEATURES_MAX ||
        an_model_n_inputs(m) > AN_PREP_INPUT_MAX)
        return an_fail(AN_ERR_LIMIT, why,
                       "the model takes %zu x %zu pixels, which is more than a version holds", r->width,
                       r->height);
    if (!an_model_is_autoencoder(m) && targets == an_model_n_outputs(m) && targets != r->height * r->width)
        return an_fail(AN_ERR_INVAL, why,
                       "the model says %zu numbers of an image: neither classes nor a mask of %zu x %zu",
                       targets, r->width, r->height);
    r->goal = an_model_is_autoencoder(m) ? DETECT : targets == an_model_n_outputs(m) ? MASKS : CLASSES;
    return AN_OK;
}

an_err an_lab_images_read(const char *const *paths, size_t n_paths, const an_model *m, const uint8_t *extra,
                          size_t len, an_lab_files *ret, an_note *why)
{
    reader r = {.n_groups = 0};
    an_err err = understand(m, &r, why);
    if (err == AN_OK && r.goal == CLASSES)
        err = an_lab_classes_unpack(extra, len, &r.classes, why);
    r.known = r.classes.n > 0;
    for (size_t i = 0; i < n_paths && err == AN_OK; i++)
        err = add_path(&r, paths[i], an_model_n_outputs(m), why);
    if (err == AN_OK)
        err = read_groups(&r, why);
    if (err == AN_OK) {
        r.files.classes = r.classes;
        *ret = r.files;
    } else {
        an_names_done(&r.classes);
        an_lab_files_done(&r.files);
    }
    for (size_t i = 0; i < r.n_groups; i++)
        an_names_done(&r.groups[i].names);
    an_free(r.groups);
    return err;
}

/* ---- the names of classes in a version ---- */

static const char mark[] = "classes\n";

an_err an_lab_classes_pack(const char *const *names, size_t n, uint8_t **ret_extra, size_t *ret_len)
{
    an_buf b;
    an_buf_init(&b, AN_BUNDLE_EXTRA_MAX);
    an_buf_text(&b, mark);
    for (size_t i = 0; i < n; i++) {
        an_buf_text(&b, names[i]);
        an_buf_u8(&b, '\n');
    }
    an_err err = an_buf_err(&b);
    uint8_t *extra = err == AN_OK ? an_alloc(b.len, 1) : NULL;
    if (err == AN_OK && !extra)
        err = AN_ERR_NOMEM;
    if (err == AN_OK) {
        memcpy(extra, b.data, b.len);
        *ret_extra = extra;
        *ret_len = b.len;
    }
    an_buf_done(&b);
    return err;
}

an_err an_lab_classes_unpack(const uint8_t *extra, size_t len, an_names *ret_names, an_note *why)
{
    an_names names = {0};
    size_t cap = 0, at = sizeof mark - 1;
    if (len < at || memcmp(extra, mark, at) != 0)
        return AN_OK;
    while (at < len) {
        const uint8_t *end = memchr(extra + at, '\n', len - at);
        const size_t n = end ? (size_t)(end - extra) - at : 0;
        const bool right = is_class_name((const char *)extra + at, n);
        char *name = right ? an_alloc(n + 1, 1) : NULL;
        const bool grown = name && an_grow(&names.items, &cap, names.n + 1, sizeof *names.items);
        if (!grown) {
            an_free(name);
            an_names_done(&names);
            return right ? AN_ERR_NOMEM
                         : an_fail(AN_ERR_PROTO, why, "the version's names of classes are damaged");
        }
        memcpy(name, extra + at, n);
        names.items[names.n++] = name;
        at += n + 1;
    }
    *ret_names = names;
    return AN_OK;
}
