/* The data of tasks on images (image_set.h):
 *
 *     data:
 *       layout: images
 *       index: split.csv       the table
 *       height: 128            of an image as the model gets it; width, channels alike
 *       width: 128
 *       normalise: image       each image to mean 0 and standard deviation 1; none: black is 0, white 1
 *       roi: [0, 0, 1, 1]      the part that is looked at: left, top, width, height
 *       sites: [exp1, exp2]    none: all of the table
 *       hold: 5                a fifth of the training groups is held back, to choose settings by; 0: none
 *       even: 0.5              an image of a class that has n of the site's images is learnt from (largest / n)^even times
 *     target:
 *       normal: free           the class that is no fault
 *       classes: two           fault or none; or all: each class of the table
 *       learn: class           or mask: pixels; masks: pixels of each class
 *       coarse: 1              a place of a mask is so many pixels along a side
 *       top: 0.002             share of a mask's places whose mean says what the image is
 *       views: 1               in use the answer is the mean over so many sides of an image: 4 with flips, 8 (of squares) with quarter turns
 *       level: held            a class, a pixel is said so often as it is held back, of all sites together; none: where the model's 0 is
 *
 * An image of a fault of which nothing is marked has 1/1000 everywhere in its mask: it shows a fault, and nobody said
 * where. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/tasks/images_internal.h"

#define UNSAID 0.001f
#define COPIES_MAX 32
#define HOLD_SEED 1 /* which groups are held back is the same for all seeds */

typedef struct reader {
    const an_experiment *e;
    an_lab_data *d;
    an_image_set_conf conf;
    const char *sites[AN_IMAGE_SET_NAMES];
    size_t hold, coarse;
    double even;
    bool all_classes, masks, planes;
    an_image_set set;
    an_images_goal *goal;
    float *label; /* (n_labels) */
} reader;

/* ---- what the file says ---- */

static an_err get_size(const an_node *m, const char *key, int64_t min, int64_t max, int64_t dflt, size_t *ret,
                       an_note *why)
{
    int64_t v = 0;
    an_err err = an_node_get_int(m, key, min, max, dflt, &v, why);
    *ret = (size_t)v;
    return err;
}

/* One of two words; the first if there is none.  *ret: it is the second. */
static an_err get_choice(const an_node *m, const char *key, const char *first, const char *second, bool *ret,
                         an_note *why)
{
    const char *word = NULL;
    an_err err = an_node_get_text(m, key, first, &word, why);
    if (err != AN_OK)
        return err;
    *ret = strcmp(word, second) == 0;
    return *ret || strcmp(word, first) == 0
               ? AN_OK
               : an_node_fail(an_node_get(m, key), why, "%s: %s or %s", key, first, second);
}

static an_err read_lists(reader *r, const an_node *m, an_note *why)
{
    const an_node *sites = an_node_get(m, "sites"), *roi = an_node_get(m, "roi");
    an_err err = AN_OK;
    if (sites && (an_node_kind(sites) != AN_YAML_LIST || an_node_count(sites) > AN_IMAGE_SET_NAMES))
        return an_node_fail(sites, why, "sites: a list of at most %u", AN_IMAGE_SET_NAMES);
    for (size_t i = 0; i < an_node_count(sites) && err == AN_OK; i++)
        err = an_node_text(an_node_at(sites, i), &r->sites[i], why);
    r->conf.sites = r->sites;
    r->conf.n_sites = an_node_count(sites);
    if (err == AN_OK && roi && (an_node_kind(roi) != AN_YAML_LIST || an_node_count(roi) != 4))
        return an_node_fail(roi, why, "roi: [left, top, width, height]");
    for (size_t i = 0; roi && i < 4 && err == AN_OK; i++)
        err = an_node_num(an_node_at(roi, i), 0, 1, &r->conf.roi[i], why);
    return err;
}

static an_err read_data(reader *r, an_note *why)
{
    static const char *const keys[] = {"layout",    "index", "height", "width", "channels", "roi",
                                       "normalise", "sites", "hold",   "even",  NULL};
    const an_node *m = r->e->data;
    const char *layout = NULL;
    bool other = false;
    int64_t height = 0, width = 0;
    an_err err = an_node_only_keys(m, keys, why);
    if (err == AN_OK)
        err = an_node_need_text(m, "layout", &layout, why);
    if (err == AN_OK && strcmp(layout, "images") != 0)
        err = an_node_fail(an_node_get(m, "layout"), why, "layout = %s: must be images", layout);
    if (err == AN_OK)
        err = an_node_get_text(m, "index", "split.csv", &r->conf.index, why);
    if (err == AN_OK)
        err = an_node_need_int(m, "height", 1, 1024, &height, why);
    if (err == AN_OK)
        err = an_node_need_int(m, "width", 1, 1024, &width, why);
    if (err == AN_OK)
        err = get_size(m, "channels", 1, 3, 1, &r->conf.channels, why);
    if (err == AN_OK)
        err = get_choice(m, "normalise", "image", "none", &other, why);
    if (err == AN_OK)
        err = get_size(m, "hold", 0, 1000, 5, &r->hold, why);
    if (err == AN_OK)
        err = an_node_get_num(m, "even", 0, 1, 0, &r->even, why);
    r->conf.height = (size_t)height;
    r->conf.width = (size_t)width;
    r->conf.level = !other;
    return err == AN_OK ? read_lists(r, m, why) : err;
}

/* coordinator/lab/tasks/boxes.c tells the keys. */
static an_err read_boxes(reader *r, an_note *why)
{
    static const char *const keys[] = {"normal", "classes", "cell", "join", "least", NULL};
    const an_node *m = r->e->target;
    an_images_goal *g = r->goal;
    an_err err = m ? an_node_only_keys(m, keys, why) : AN_OK;
    if (err == AN_OK)
        err = an_node_get_text(m, "normal", NULL, &r->conf.normal, why);
    if (err == AN_OK)
        err = get_choice(m, "classes", "two", "all", &r->all_classes, why);
    if (err == AN_OK)
        err = get_size(m, "cell", 1, 256, 16, &g->boxes.cell, why);
    if (err == AN_OK)
        err = get_size(m, "join", 0, 16, 2, &g->join, why);
    if (err == AN_OK)
        err = get_size(m, "least", 1, 1000000, 4, &g->least, why);
    if (err == AN_OK && (r->conf.height % g->boxes.cell != 0 || r->conf.width % g->boxes.cell != 0))
        return an_node_fail(m, why, "cell: height and width are no multiples of %zu", g->boxes.cell);
    r->conf.masks = true;
    r->coarse = 1;
    return err;
}

static an_err read_use(reader *r, const an_node *m, an_note *why)
{
    size_t views = 0;
    an_err err = get_size(m, "views", 1, 8, 1, &views, why);
    if (err == AN_OK)
        err = get_choice(m, "level", "none", "held", &r->goal->level, why);
    if (err == AN_OK && views != 1 && views != 4 && views != 8)
        err = an_node_fail(an_node_get(m, "views"), why, "views: 1, 4 or 8");
    if (err == AN_OK && views == 8 && r->conf.height != r->conf.width)
        err = an_node_fail(an_node_get(m, "views"), why, "views: 8 turns images, which are no squares");
    if (err == AN_OK && r->goal->level && r->hold == 0)
        err = an_node_fail(an_node_get(m, "level"), why, "level: held, but hold: 0 holds nothing back");
    r->goal->views = (unsigned)views;
    r->goal->channels = r->conf.channels;
    return err;
}

static an_err read_target(reader *r, an_note *why)
{
    static const char *const keys[] = {"normal", "classes", "learn", "coarse", "top", "views", "level", NULL};
    const an_node *m = r->e->target;
    const char *learn = NULL;
    an_err err = m ? an_node_only_keys(m, keys, why) : AN_OK;
    if (err == AN_OK)
        err = an_node_get_text(m, "normal", NULL, &r->conf.normal, why);
    if (err == AN_OK)
        err = get_choice(m, "classes", "two", "all", &r->all_classes, why);
    if (err == AN_OK)
        err = an_node_get_text(m, "learn", strcmp(r->e->task->name, "segment") == 0 ? "mask" : "class",
                               &learn, why);
    if (err == AN_OK)
        err = get_size(m, "coarse", 1, 64, 1, &r->coarse, why);
    if (err == AN_OK)
        err = an_node_get_num(m, "top", 0, 1, 0.002, &r->goal->top, why);
    if (err == AN_OK)
        err = read_use(r, m, why);
    if (err != AN_OK)
        return err;
    r->planes = strcmp(learn, "masks") == 0;
    r->masks = r->planes || strcmp(learn, "mask") == 0;
    if (!r->masks && strcmp(learn, "class") != 0)
        return an_node_fail(an_node_get(m, "learn"), why, "learn: class, mask or masks");
    if (r->masks && (r->conf.height % r->coarse != 0 || r->conf.width % r->coarse != 0))
        return an_node_fail(an_node_get(m, "coarse"), why, "coarse: height and width are no multiples of it");
    if (r->masks && !r->planes && r->all_classes)
        return an_node_fail(m, why, "classes: all needs learn: class or learn: masks");
    r->conf.masks = r->masks;
    return AN_OK;
}

/* ---- labels ---- */

static an_err label_of(const reader *r, size_t i)
{
    const an_image_item *t = &r->set.items[i];
    const an_images_goal *g = r->goal;
    const size_t n = r->d->n_labels, f = r->coarse, w = r->set.width;
    if (g->boxes.cell > 0)
        return an_images_boxes_label(g, r->set.masks + i * r->set.height * w, r->set.height, w,
                                     r->all_classes && t->class > 0 ? t->class - 1 : 0, r->label);
    if (!r->masks) {
        r->label[0] = (float)(r->all_classes ? t->class : t->class > 0);
        return AN_OK;
    }
    const size_t plane = g->planes > 1 && t->class > 0 ? t->class - 1 : 0;
    const float *mask = r->set.masks + i * r->set.height * w;
    for (size_t k = 0; k < n; k++)
        r->label[k] = 0;
    for (size_t k = 0; k < r->set.height * w; k++)
        if (mask[k] > 0)
            r->label[(k / w / f * g->width + k % w / f) * g->planes + plane] = 1;
    for (size_t k = plane; t->class > 0 && !t->marked && k < n; k += g->planes)
        r->label[k] = UNSAID;
    return AN_OK;
}

/* How often an image of each class is learnt from at the site. */
static void copies_of(const reader *r, size_t site, size_t *ret)
{
    size_t counts[AN_IMAGE_SET_NAMES] = {0}, most = 0;
    for (size_t i = 0; i < r->set.n; i++)
        if (r->set.items[i].site == site && !r->set.items[i].test)
            counts[r->set.items[i].class]++;
    for (size_t c = 0; c < r->set.classes.n; c++)
        most = counts[c] > most ? counts[c] : most;
    for (size_t c = 0; c < r->set.classes.n; c++) {
        const double n = counts[c] ? pow((double)most / (double)counts[c], r->even) : 1;
        ret[c] = n > COPIES_MAX ? COPIES_MAX : (size_t)(n + 0.5);
    }
}

static an_err add_site(reader *r, size_t site, an_note *why)
{
    const size_t each = r->set.height * r->set.width * r->set.channels;
    an_lab_site *s = &r->d->sites[site];
    size_t copies[AN_IMAGE_SET_NAMES];
    an_err err = AN_OK;
    snprintf(s->name, sizeof s->name, "%.*s", AN_NAME_MAX - 1, r->set.sites.items[site]);
    s->width = r->d->width;
    copies_of(r, site, copies);
    for (size_t i = 0; i < r->set.n && err == AN_OK; i++) {
        const an_image_item *t = &r->set.items[i];
        if (t->site != site || (r->goal->boxes.cell > 0 && t->class > 0 && !t->marked))
            continue;
        const bool held = !t->test && r->hold > 0 && an_image_set_fold(t->group, r->hold, HOLD_SEED) == 0;
        an_lab_items *to = t->test ? &s->test : held ? &s->hold : &s->fit;
        err = label_of(r, i);
        for (size_t k = 0; k < (to == &s->fit ? copies[t->class] : 1) && err == AN_OK; k++)
            err = an_lab_items_add(r->d, to, r->set.x + i * each, r->label, (float)NAN, 0);
    }
    if (err == AN_OK && (s->fit.n == 0 || s->test.n == 0))
        err = an_fail(AN_ERR_PROTO, why, "site %s has %zu images to learn from and %zu to be judged on",
                      s->name, s->fit.n, s->test.n);
    return err;
}

static an_err name_columns(an_lab_data *d)
{
    char name[32];
    if (!(d->names = an_alloc(d->width, sizeof *d->names)))
        return AN_ERR_NOMEM;
    for (size_t j = 0; j < d->width; j++) {
        snprintf(name, sizeof name, "x%zu", j);
        if (!(d->names[j] = an_strdup(name)))
            return AN_ERR_NOMEM;
    }
    return AN_OK;
}

static an_err fill(reader *r, an_note *why)
{
    an_lab_data *d = r->d;
    an_images_goal *g = r->goal;
    const size_t classes = r->set.classes.n;
    if (classes < 2)
        return an_fail(AN_ERR_PROTO, why, "all images are of one class: there is nothing to tell apart");
    g->planes = !r->masks ? 0 : r->planes ? classes - 1 : 1;
    g->n_classes = r->all_classes || r->planes ? classes : 2;
    g->height = r->set.height / r->coarse;
    g->width = r->set.width / r->coarse;
    d->n_labels = r->masks ? g->height * g->width * g->planes : 1;
    if (g->boxes.cell > 0) {
        g->boxes.height = r->set.height / g->boxes.cell;
        g->boxes.width = r->set.width / g->boxes.cell;
        g->boxes.n_classes = g->n_classes - 1;
        d->n_labels = g->boxes.height * g->boxes.width * an_boxes_planes(&g->boxes);
    }
    d->context = r->set.height;
    d->width = r->set.width * r->set.channels;
    d->sites = an_alloc(r->set.sites.n, sizeof *d->sites);
    r->label = an_alloc(d->n_labels, sizeof *r->label);
    if (!d->sites || !r->label)
        return AN_ERR_NOMEM;
    d->n_sites = r->set.sites.n;
    an_err err = name_columns(d);
    for (size_t i = 0; i < d->n_sites && err == AN_OK; i++)
        err = add_site(r, i, why);
    return err;
}

an_err an_lab_images_task_read(const an_experiment *e, const char *dir, an_lab_data *ret, an_note *why)
{
    an_lab_data d = {.n_labels = 1, .task_done = an_free};
    size_t context = 0;
    reader r = {.e = e, .d = &d};
    an_err err = AN_ERR_NOMEM;
    if ((d.task_data = r.goal = an_alloc(1, sizeof *r.goal)))
        err = read_data(&r, why);
    if (err == AN_OK)
        err = strcmp(e->task->name, "boxes") == 0 ? read_boxes(&r, why) : read_target(&r, why);
    if (err == AN_OK)
        err = an_image_set_read(dir, &r.conf, &r.set, why);
    if (err == AN_OK)
        err = fill(&r, why);
    if (err == AN_OK)
        err = an_lab_task_context(e, &d, &context, why);
    if (err == AN_OK && context != d.context)
        err = an_fail(AN_ERR_INVAL, why, "prep: an image is a window of %zu rows, the experiment wants %zu",
                      d.context, context);
    an_image_set_done(&r.set);
    an_free(r.label);
    if (err == AN_OK)
        *ret = d;
    else
        an_lab_data_done(&d);
    return err;
}
