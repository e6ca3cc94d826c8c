/* The table first, whole and checked, then the images that are wanted: what is wrong with a line is said before anything large
 * is read. */
#include "coordinator/lab/image_set.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/lab/folder.h"
#include "models/data/image.h"
#include "models/data/image_shape.h"

#define NAME_MAX_LEN 64u
#define MARKED 0.25f /* of a pixel's area: a crack is thinner than a pixel of a small image */

enum { IMAGE, CLASS, SPLIT, MASK, SITE, GROUP, COLUMNS };
static const char *const columns[COLUMNS] = {"image", "class", "split", "mask", "site", "tile_group"};
#define NEEDED 3 /* the first so many */
#define FIELDS_MAX 64u

typedef struct line {
    const char *image, *mask; /* in the table's bytes */
    an_image_item item;
} line;

typedef struct reader {
    const char *dir, *path;
    const an_image_set_conf *conf;
    an_buf text;
    size_t at[COLUMNS];      /* numbers of the columns; SIZE_MAX: there is none */
    size_t n_fields, number; /* number: of the line, from 1 */
    line *lines;
    size_t n, cap;
    an_image_set set;
} reader;

/* ---- the table ---- */

static size_t split_line(char *text, char **fields)
{
    size_t n = 0;
    text[strcspn(text, "\r")] = '\0';
    for (char *at = text; at && n < FIELDS_MAX; n++) {
        fields[n] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
    }
    return n;
}

static an_err bad(const reader *r, an_err err, an_note *why, const char *what, const char *word)
{
    return an_fail(err, why, "%s:%zu: %s%s%.80s", r->path, r->number, what, word ? ": " : "",
                   word ? word : "");
}

static an_err read_head(reader *r, char *text, an_note *why)
{
    char *fields[FIELDS_MAX];
    r->n_fields = split_line(text, fields);
    for (size_t c = 0; c < COLUMNS; c++) {
        r->at[c] = SIZE_MAX;
        for (size_t i = 0; i < r->n_fields; i++)
            if (strcmp(fields[i], columns[c]) == 0)
                r->at[c] = i;
        if (c < NEEDED && r->at[c] == SIZE_MAX)
            return bad(r, AN_ERR_PROTO, why, "the first line names no such column", columns[c]);
    }
    return AN_OK;
}

/* Names are printed, and stand in files that others read. */
static bool is_name(const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f || strchr("\"'\\", name[i]))
            return false;
    return len > 0 && len < NAME_MAX_LEN;
}

static an_err number_of(const reader *r, an_names *names, const char *name, uint32_t *ret, an_note *why)
{
    size_t i = 0, cap = names->n;
    while (i < names->n && strcmp(names->items[i], name) != 0)
        i++;
    if (i == names->n) {
        if (!is_name(name))
            return bad(r, AN_ERR_PROTO, why, "no name of a class or a site", name);
        if (i == AN_IMAGE_SET_NAMES)
            return bad(r, AN_ERR_LIMIT, why, "more names than 64, with", name);
        if (!an_grow(&names->items, &cap, i + 1, sizeof *names->items) ||
            !(names->items[i] = an_strdup(name)))
            return AN_ERR_NOMEM;
        names->n++;
    }
    *ret = (uint32_t)i;
    return AN_OK;
}

static an_err read_group(const reader *r, const char *field, uint32_t *ret, an_note *why)
{
    uint32_t v = 0;
    for (const char *at = field; *at; at++) {
        if (*at < '0' || *at > '9' || (v = v * 10 + (uint32_t)(*at - '0')) > AN_IMAGE_SET_GROUP_MAX)
            return bad(r, AN_ERR_PROTO, why, "tile_group is no whole number up to 9999999", field);
    }
    *ret = v;
    return *field ? AN_OK : bad(r, AN_ERR_PROTO, why, "tile_group is empty", NULL);
}

static bool wanted(const an_image_set_conf *c, const char *site)
{
    for (size_t i = 0; i < c->n_sites; i++)
        if (strcmp(c->sites[i], site) == 0)
            return true;
    return c->n_sites == 0;
}

/* Only downwards: no part of the name leads anywhere else, and none is a link. */
static an_err inside(const reader *r, const char *name, an_note *why)
{
    char path[AN_PATH_MAX];
    struct stat st;
    if (an_path_join(path, r->dir, name) != AN_OK)
        return bad(r, AN_ERR_LIMIT, why, "too long a name", name);
    const size_t before = strlen(path) - strlen(name);
    for (const char *at = name; at;) {
        const size_t len = strcspn(at, "/");
        if (len == 0 || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
            return bad(r, AN_ERR_PROTO, why, "the name leads out of the folder, or is none", name);
        const size_t end = before + (size_t)(at - name) + len;
        const char kept = path[end];
        path[end] = '\0';
        const bool there = lstat(path, &st) == 0;
        if (!there)
            return bad(r, AN_ERR_NOTFOUND, why, "there is no such file", name);
        if (S_ISLNK(st.st_mode) || (kept == '\0' ? !S_ISREG(st.st_mode) : !S_ISDIR(st.st_mode)))
            return bad(r, AN_ERR_PROTO, why, "no file of the folder, but a link or something else", name);
        path[end] = kept;
        at = at[len] ? at + len + 1 : NULL;
    }
    return AN_OK;
}

static an_err read_line(reader *r, char *text, an_note *why)
{
    char *fields[FIELDS_MAX];
    line l = {.mask = NULL};
    if (split_line(text, fields) != r->n_fields)
        return bad(r, AN_ERR_PROTO, why, "another number of fields than in the first line", NULL);
    const char *site = r->at[SITE] == SIZE_MAX ? "all" : fields[r->at[SITE]];
    const char *split = fields[r->at[SPLIT]];
    if (strcmp(split, "train") != 0 && strcmp(split, "test") != 0)
        return bad(r, AN_ERR_PROTO, why, "split is neither train nor test", split);
    if (!wanted(r->conf, site))
        return AN_OK;
    if (r->n == AN_IMAGE_SET_MAX)
        return bad(r, AN_ERR_LIMIT, why, "more than 100000 images", NULL);
    l.item.test = split[1] == 'e';
    l.item.group = (uint32_t)r->n;
    l.image = fields[r->at[IMAGE]];
    if (r->at[MASK] != SIZE_MAX && fields[r->at[MASK]][0])
        l.mask = fields[r->at[MASK]];
    an_err err = number_of(r, &r->set.classes, fields[r->at[CLASS]], &l.item.class, why);
    if (err == AN_OK)
        err = number_of(r, &r->set.sites, site, &l.item.site, why);
    if (err == AN_OK && r->at[GROUP] != SIZE_MAX)
        err = read_group(r, fields[r->at[GROUP]], &l.item.group, why);
    if (err == AN_OK)
        err = inside(r, l.image, why);
    if (err == AN_OK && l.mask && r->conf->masks)
        err = inside(r, l.mask, why);
    if (err == AN_OK && !an_grow(&r->lines, &r->cap, r->n + 1, sizeof *r->lines))
        err = AN_ERR_NOMEM;
    if (err == AN_OK)
        r->lines[r->n++] = l;
    return err;
}

static an_err read_table(reader *r, an_note *why)
{
    an_err err = an_file_read(&r->text, r->path, why);
    if (err == AN_OK && r->text.len > 0 && memchr(r->text.data, '\0', r->text.len))
        err = an_fail(AN_ERR_PROTO, why, "%s: holds bytes of 0, so it is no table", r->path);
    if (err == AN_OK) {
        an_buf_u8(&r->text, 0);
        err = an_buf_err(&r->text);
    }
    for (char *at = (char *)r->text.data; err == AN_OK && at && *at;) {
        char *end = strchr(at, '\n');
        if (end)
            *end++ = '\0';
        r->number++;
        if (r->number == 1)
            err = read_head(r, at, why);
        else if (at[0] != '\0' && at[0] != '\r')
            err = read_line(r, at, why);
        at = end;
    }
    if (err == AN_OK && r->n == 0)
        err = an_fail(AN_ERR_PROTO, why, "%s: lists no image of these sites", r->path);
    return err;
}

/* ---- what belongs together ---- */

/* Names in their order; map: new number of each. */
static an_err order_names(an_names *names, const char *first, uint32_t *map, an_note *why)
{
    const char *before[AN_IMAGE_SET_NAMES];
    memcpy(before, names->items, names->n * sizeof *before);
    an_lab_names_sort(names);
    for (size_t i = 0; first && i < names->n; i++)
        if (strcmp(names->items[i], first) == 0) {
            char *name = names->items[i];
            memmove(names->items + 1, names->items, i * sizeof *names->items);
            names->items[0] = name;
        }
    if (first && strcmp(names->items[0], first) != 0)
        return an_fail(AN_ERR_INVAL, why, "no image is of the class \"%s\"", first);
    for (size_t i = 0; i < names->n; i++)
        for (size_t k = 0; k < names->n; k++)
            map[k] = before[k] == names->items[i] ? (uint32_t)i : map[k];
    return AN_OK;
}

static an_err check_groups(const reader *r, an_note *why)
{
    uint8_t *seen = an_alloc(AN_IMAGE_SET_GROUP_MAX + 1, 1);
    an_err err = seen ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < r->n && err == AN_OK; i++) {
        const an_image_item *t = &r->lines[i].item;
        seen[t->group] |= t->test ? 2 : 1;
        if (seen[t->group] == 3 && r->at[GROUP] != SIZE_MAX)
            err = an_fail(AN_ERR_PROTO, why,
                          "%s: group %u is in train and in test, so what is learnt would be judged on itself",
                          r->path, t->group);
    }
    an_free(seen);
    return err;
}

static an_err arrange(reader *r, an_note *why)
{
    uint32_t class[AN_IMAGE_SET_NAMES] = {0}, site[AN_IMAGE_SET_NAMES] = {0};
    const size_t asked = r->conf->n_sites;
    if (asked > 0 && r->set.sites.n < asked)
        return an_fail(AN_ERR_INVAL, why, "%s: %zu sites are asked for, %zu of them have images", r->path,
                       asked, r->set.sites.n);
    an_err err = order_names(&r->set.classes, r->conf->normal, class, why);
    if (err == AN_OK)
        err = order_names(&r->set.sites, NULL, site, why);
    for (size_t i = 0; i < r->n && err == AN_OK; i++) {
        an_image_item *t = &r->lines[i].item;
        t->class = class[t->class];
        t->site = site[t->site];
    }
    return err == AN_OK ? check_groups(r, why) : err;
}

/* ---- the images ---- */

static an_err cut_out(const double roi[4], an_image *image, an_note *why)
{
    if (!(roi[2] > 0))
        return AN_OK;
    const double w = (double)image->width, h = (double)image->height;
    const size_t x = (size_t)(roi[0] * w), y = (size_t)(roi[1] * h);
    const size_t width = (size_t)fmax(1, floor(roi[2] * w)), height = (size_t)fmax(1, floor(roi[3] * h));
    return an_image_crop(image, x, y, width, height, why);
}

static void level(float *x, size_t n)
{
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
        square += (double)x[i] * (double)x[i];
    }
    const double mean = sum / (double)n, sd = sqrt(fmax(square / (double)n - mean * mean, 1e-6));
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(((double)x[i] - mean) / sd);
}

/* sides: of the image before anything was done to it; a mask must have the same. */
static an_err read_one(const reader *r, const char *name, size_t channels, size_t sides[2], float *to,
                       an_note *why)
{
    char path[AN_PATH_MAX];
    an_image image = {0};
    an_err err = an_path_join(path, r->dir, name);
    if (err == AN_OK)
        err = an_image_read(path, &image, why);
    if (err == AN_OK && sides[0] > 0 && (sides[0] != image.height || sides[1] != image.width))
        err = an_fail(AN_ERR_PROTO, why, "%s is a mask of %zu x %zu pixels, its image has %zu x %zu", path,
                      image.width, image.height, sides[1], sides[0]);
    sides[0] = image.height;
    sides[1] = image.width;
    if (err == AN_OK)
        err = an_image_recolour(&image, channels);
    if (err == AN_OK)
        err = cut_out(r->conf->roi, &image, why);
    if (err == AN_OK)
        err = an_image_resize(&image, r->set.width, r->set.height);
    if (err == AN_OK)
        memcpy(to, image.values, r->set.width * r->set.height * channels * sizeof *to);
    an_image_done(&image);
    return err;
}

static an_err read_images(reader *r, an_note *why)
{
    an_image_set *s = &r->set;
    const size_t plane = s->height * s->width, each = plane * s->channels;
    s->items = an_alloc(r->n, sizeof *s->items);
    s->x = an_alloc(r->n, each * sizeof *s->x);
    if (r->conf->masks)
        s->masks = an_alloc(r->n, plane * sizeof *s->masks);
    if (!s->items || !s->x || (r->conf->masks && !s->masks))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < r->n; i++) {
        size_t sides[2] = {0, 0};
        s->items[i] = r->lines[i].item;
        an_err err = read_one(r, r->lines[i].image, s->channels, sides, s->x + i * each, why);
        float *mask = s->masks ? s->masks + i * plane : NULL;
        if (err == AN_OK && mask && r->lines[i].mask)
            err = read_one(r, r->lines[i].mask, 1, sides, mask, why);
        if (err != AN_OK)
            return err;
        if (r->conf->level)
            level(s->x + i * each, each);
        for (size_t k = 0; mask && k < plane; k++) {
            mask[k] = mask[k] > MARKED ? 1.0f : 0.0f;
            s->items[i].marked = s->items[i].marked || mask[k] > 0.0f;
        }
    }
    s->n = r->n;
    return AN_OK;
}

static an_err check_conf(const an_image_set_conf *c, an_note *why)
{
    const double *roi = c->roi;
    const bool whole = roi[0] == 0 && roi[1] == 0 && roi[2] == 0 && roi[3] == 0;
    const bool part = roi[0] >= 0 && roi[1] >= 0 && roi[2] > 0 && roi[3] > 0 && roi[0] + roi[2] <= 1 &&
                      roi[1] + roi[3] <= 1;
    if (c->height < 1 || c->height > AN_IMAGE_SIDE_MAX || c->width < 1 || c->width > AN_IMAGE_SIDE_MAX ||
        (c->channels != 1 && c->channels != 3))
        return an_fail(AN_ERR_INVAL, why, "images of %zu x %zu pixels with %zu channels: 1..%u, and 1 or 3",
                       c->width, c->height, c->channels, AN_IMAGE_SIDE_MAX);
    return whole || part ? AN_OK : an_fail(AN_ERR_INVAL, why, "roi: a part of the image, in shares of it");
}

an_err an_image_set_read(const char *dir, const an_image_set_conf *conf, an_image_set *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    reader r = {.dir = dir, .path = path, .conf = conf};
    r.set = (an_image_set){.height = conf->height, .width = conf->width, .channels = conf->channels};
    an_buf_init(&r.text, AN_IMAGE_SET_BYTES);
    an_err err = check_conf(conf, why);
    if (err == AN_OK)
        err = an_path_join(path, dir, conf->index);
    if (err == AN_OK)
        err = read_table(&r, why);
    if (err == AN_OK)
        err = arrange(&r, why);
    const size_t each = conf->height * conf->width * (conf->channels + (conf->masks ? 1 : 0));
    if (err == AN_OK && r.n > AN_IMAGE_SET_VALUES / each)
        err = an_fail(AN_ERR_LIMIT, why, "%s: %zu images of this size are more than memory is meant for",
                      path, r.n);
    if (err == AN_OK)
        err = read_images(&r, why);
    if (err == AN_OK)
        *ret = r.set;
    else
        an_image_set_done(&r.set);
    an_free(r.lines);
    an_buf_done(&r.text);
    return err;
}

void an_image_set_done(an_image_set *s)
{
    an_free(s->items);
    an_free(s->x);
    an_free(s->masks);
    an_names_done(&s->classes);
    an_names_done(&s->sites);
    *s = (an_image_set){0};
}

size_t an_image_set_fold(uint32_t group, size_t folds, uint64_t seed)
{
    return (size_t)(an_mix64(an_mix64(seed) ^ group) % folds);
}
