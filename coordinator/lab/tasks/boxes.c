/* boxes: where the faults of an image are, as boxes around what its mask marks (models/boxes.h):
 *
 *     target:
 *       normal: free           the class that is no fault
 *       classes: two           fault or none; or all: each class of the table
 *       cell: 16               pixels along a side of a cell of the model's output
 *       join: 2                marks that are no further apart are one fault
 *       least: 4               pixels that a fault has marked at least
 *
 * map50 is the mean over classes of the average precision of boxes that overlap by a half (intersection over union),
 * map50_95 the mean of that over ten overlaps from .5 to .95; auroc is of images: that of the best box, for a fault against none.
 * An image of a fault of which nothing is marked is left out: nobody said where it is. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/lab/tasks/images_internal.h"
#include "models/heatmap.h"
#include "models/metrics.h"

#define LEAST 0.01    /* score of a box that is looked at */
#define OVERLAP 0.5   /* of two boxes that are one */
#define KEPT 100      /* boxes of an image */
#define SURE 4        /* what a baseline puts out for what it says */
#define LOT 1         /* seed of the baseline that draws */
#define DRAWN 3       /* boxes that it draws in an image */
#define PARTS_MAX 256 /* faults in an image */

/* ---- labels ---- */

/* ret ((h + 2 join), (w + 2 join)): 1 where a mark is within join, each axis for itself. */
static void widen(const float *mask, size_t h, size_t w, size_t join, float *ret)
{
    const size_t wide = w + 2 * join;
    memset(ret, 0, (h + 2 * join) * wide * sizeof *ret);
    for (size_t k = 0; k < h * w; k++)
        if (mask[k] > 0)
            for (size_t y = 0; y <= 2 * join; y++)
                for (size_t x = 0; x <= 2 * join; x++)
                    ret[(k / w + y) * wide + k % w + x] = 1;
}

static size_t marked(const float *mask, size_t w, const an_heatmap_box *b)
{
    size_t n = 0;
    for (size_t y = b->y0; y <= b->y1; y++)
        for (size_t x = b->x0; x <= b->x1; x++)
            n += mask[y * w + x] > 0;
    return n;
}

an_err an_images_boxes_label(const an_images_goal *g, const float *mask, size_t h, size_t w, size_t class,
                             float *ret)
{
    const size_t join = g->join, n = (h + 2 * join) * (w + 2 * join);
    an_heatmap_box parts[PARTS_MAX];
    an_box boxes[PARTS_MAX];
    size_t kept = 0, found = 0;
    float *wide = an_alloc(n, sizeof *wide);
    uint32_t *labels = an_alloc(n, 2 * sizeof *labels);
    if (wide && labels) {
        widen(mask, h, w, join, wide);
        found = an_heatmap_boxes(wide, h + 2 * join, w + 2 * join, 0.5, 1, parts, PARTS_MAX, labels);
    }
    for (size_t i = 0; i < found && i < PARTS_MAX; i++) {
        an_heatmap_box *p = &parts[i];
        p->x1 -= 2 * join; /* what was added before, and around */
        p->y1 -= 2 * join;
        if (marked(mask, w, p) >= g->least)
            boxes[kept++] = (an_box){.x0 = (float)p->x0,
                                     .y0 = (float)p->y0,
                                     .x1 = (float)(p->x1 + 1),
                                     .y1 = (float)(p->y1 + 1),
                                     .class = (uint32_t) class};
    }
    an_boxes_encode(&g->boxes, boxes, kept, ret);
    const bool ok = wide && labels;
    an_free(wide);
    an_free(labels);
    return ok ? AN_OK : AN_ERR_NOMEM;
}

/* ---- figures ---- */

typedef struct boxes {
    an_box *items;
    size_t n, cap;
} boxes;

static an_err append(boxes *to, const an_box *from, size_t n, size_t image)
{
    if (!an_grow(&to->items, &to->cap, to->n + n, sizeof *to->items))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        to->items[to->n] = from[i];
        to->items[to->n++].image = (uint32_t)image;
    }
    return AN_OK;
}

typedef struct judging {
    boxes truth, found;
    an_box *room;
    float *best;
    uint8_t *fault;
} judging;

static an_err look(const an_lab_answers *a, judging *j)
{
    const an_box_grid *g = &((const an_images_goal *)a->data->task_data)->boxes;
    an_err err = AN_OK;
    for (size_t i = 0; i < a->n && err == AN_OK; i++) {
        size_t n = an_boxes_truth(g, a->truth + i * a->n_truth, j->room);
        j->fault[i] = n > 0;
        err = append(&j->truth, j->room, n, i);
        n = an_boxes_suppress(j->room, an_boxes_decode(g, a->said + i * a->n_said, LEAST, j->room), OVERLAP);
        j->best[i] = n > 0 ? j->room[0].score : 0;
        if (err == AN_OK)
            err = append(&j->found, j->room, n < KEPT ? n : KEPT, i);
    }
    return err;
}

static an_err judge(const an_lab_answers *a, an_lab_figures *ret, an_note *why)
{
    const an_box_grid *g = &((const an_images_goal *)a->data->task_data)->boxes;
    judging j = {.room = an_alloc(g->height * g->width, sizeof *j.room),
                 .best = an_alloc(a->n + 1, sizeof *j.best),
                 .fault = an_alloc(a->n + 1, 1)};
    (void)why;
    *ret = an_lab_figures_none();
    an_err err = j.room && j.best && j.fault ? look(a, &j) : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = an_boxes_mean_ap(j.truth.items, j.truth.n, j.found.items, j.found.n, g->n_classes, 0.5,
                               &ret->map50);
    if (err == AN_OK)
        err = an_boxes_mean_ap_strict(j.truth.items, j.truth.n, j.found.items, j.found.n, g->n_classes,
                                      &ret->map50_95);
    if (err == AN_OK)
        err = an_auroc(j.best, j.fault, a->n, &ret->auroc);
    an_free(j.truth.items);
    an_free(j.found.items);
    an_free(j.room);
    an_free(j.best);
    an_free(j.fault);
    return err;
}

/* ---- answers that cost nothing ---- */

/* All of training. */
static an_err usual_boxes(const an_lab_data *d, boxes *ret, uint32_t *ret_class)
{
    const an_box_grid *g = &((const an_images_goal *)d->task_data)->boxes;
    size_t counts[AN_IMAGE_SET_NAMES] = {0};
    an_box *room = an_alloc(g->height * g->width, sizeof *room);
    an_err err = room ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < d->n_sites && err == AN_OK; i++)
        for (size_t k = 0; k < d->sites[i].fit.n && err == AN_OK; k++)
            err = append(ret, room, an_boxes_truth(g, d->sites[i].fit.labels + k * d->n_labels, room), k);
    for (size_t i = 0; i < ret->n; i++)
        counts[ret->items[i].class]++;
    *ret_class = 0;
    for (uint32_t c = 1; c < g->n_classes; c++)
        *ret_class = counts[c] > counts[*ret_class] ? c : *ret_class;
    an_free(room);
    return err == AN_OK && ret->n == 0 ? AN_ERR_UNSUPPORTED : err;
}

/* A box as large as one of training, where there is room for it. */
static an_box drawn(const an_box_grid *g, const boxes *usual, an_rng *r)
{
    an_box b = usual->items[an_rng_below(r, usual->n)];
    const float w = b.x1 - b.x0, h = b.y1 - b.y0;
    b.x0 = (float)(an_rng_unit(r) * fmax((double)(g->width * g->cell) - (double)w, 0));
    b.y0 = (float)(an_rng_unit(r) * fmax((double)(g->height * g->cell) - (double)h, 0));
    b.x1 = b.x0 + w;
    b.y1 = b.y0 + h;
    return b;
}

static an_err say(const an_lab_data *d, an_lab_exam *exams, size_t n, bool draw)
{
    const an_box_grid *g = &((const an_images_goal *)d->task_data)->boxes;
    boxes usual = {.n = 0};
    an_box all = {.x1 = (float)(g->width * g->cell), .y1 = (float)(g->height * g->cell)}, lot[DRAWN];
    an_rng r;
    an_rng_init(&r, LOT, 0);
    const an_err err = usual_boxes(d, &usual, &all.class);
    for (size_t i = 0; i < n && err == AN_OK; i++)
        for (size_t k = 0; k < exams[i].n; k++) {
            float *said = exams[i].said + k * exams[i].n_said;
            for (size_t b = 0; draw && b < DRAWN; b++)
                lot[b] = drawn(g, &usual, &r);
            an_boxes_say(g, draw ? lot : &all, draw ? DRAWN : 1, SURE, said);
            for (size_t c = 0; draw && c < g->height * g->width; c++) /* none surer than another */
                said[c * an_boxes_planes(g)] += (float)an_rng_unit(&r);
        }
    an_free(usual.items);
    return err;
}

static an_err whole(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                    size_t n, an_note *why)
{
    (void)e;
    (void)n_threads;
    (void)why;
    return say(d, exams, n, false);
}

static an_err by_lot(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                     size_t n, an_note *why)
{
    (void)e;
    (void)n_threads;
    (void)why;
    return say(d, exams, n, true);
}

static const an_lab_figure figures[] = {AN_LAB_map50, AN_LAB_map50_95, AN_LAB_auroc, AN_LAB_FIGURES_N};
static const an_lab_baseline baselines[] = {
    {"whole", "the whole image, of the class that most faults are of", whole},
    {"random", "three boxes by lot, as large and of the classes as in training", by_lot},
};

const an_lab_task an_lab_task_boxes = {
    .name = "boxes",
    .items = true,
    .figures = figures,
    .read = an_lab_images_task_read,
    .judge = judge,
    .baselines = baselines,
    .n_baselines = sizeof baselines / sizeof *baselines,
};
