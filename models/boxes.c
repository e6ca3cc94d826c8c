#include "models/boxes.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SIDE_LOG_MAX 8.0 /* e^8 cells: more than any image has */

size_t an_boxes_planes(const an_box_grid *g)
{
    return AN_BOX_PLANES + (g->n_classes > 1 ? g->n_classes : 0);
}

static double area(const an_box *b)
{
    const double w = (double)b->x1 - (double)b->x0, h = (double)b->y1 - (double)b->y0;
    return w > 0 && h > 0 ? w * h : 0;
}

double an_box_iou(const an_box *a, const an_box *b)
{
    const double w = fmin((double)a->x1, (double)b->x1) - fmax((double)a->x0, (double)b->x0);
    const double h = fmin((double)a->y1, (double)b->y1) - fmax((double)a->y0, (double)b->y0);
    if (!(w > 0 && h > 0))
        return 0;
    return w * h / (area(a) + area(b) - w * h);
}

/* ---- targets ---- */

typedef struct middle {
    double x, y, w, h; /* in cells */
    size_t column, row;
} middle;

static size_t within(double at, size_t n)
{
    return !(at > 0) ? 0 : at >= (double)n ? n - 1 : (size_t)at;
}

static middle middle_of(const an_box_grid *g, const an_box *b)
{
    const double cell = (double)g->cell;
    middle m = {.x = ((double)b->x0 + (double)b->x1) / 2 / cell,
                .y = ((double)b->y0 + (double)b->y1) / 2 / cell,
                .w = ((double)b->x1 - (double)b->x0) / cell,
                .h = ((double)b->y1 - (double)b->y0) / cell};
    m.column = within(m.x, g->width);
    m.row = within(m.y, g->height);
    return m;
}

static void put(const an_box_grid *g, const middle *m, size_t class, size_t row, size_t column, float level,
                float *ret)
{
    const size_t planes = an_boxes_planes(g);
    float *t = ret + (row * g->width + column) * planes;
    memset(t, 0, planes * sizeof *t);
    t[0] = level;
    t[1] = (float)(m->x - (double)column - 0.5);
    t[2] = (float)(m->y - (double)row - 0.5);
    t[3] = (float)log(m->w);
    t[4] = (float)log(m->h);
    if (g->n_classes > 1 && class < g->n_classes)
        t[AN_BOX_PLANES + class] = 1;
}

static void cover(const an_box_grid *g, const an_box *b, float *ret)
{
    const middle m = middle_of(g, b);
    const size_t x1 = within(m.x + m.w / 2, g->width), y1 = within(m.y + m.h / 2, g->height);
    for (size_t y = within(m.y - m.h / 2, g->height); y <= y1; y++)
        for (size_t x = within(m.x - m.w / 2, g->width); x <= x1; x++) {
            float *at = ret + (y * g->width + x) * an_boxes_planes(g);
            const double across = fabs((double)x + 0.5 - m.x), down = fabs((double)y + 0.5 - m.y);
            if (x == m.column && y == m.row)
                put(g, &m, b->class, y, x, 1, ret);
            else if (at[0] < 1 && across <= fmin(m.w / 4, 1.5) && down <= fmin(m.h / 4, 1.5))
                put(g, &m, b->class, y, x, AN_BOX_NEAR, ret);
            else if (at[0] <= 0)
                at[0] = AN_BOX_UNSAID;
        }
}

/* The largest first, so that what is small stays on top: of those not yet put, in the order of their area. */
void an_boxes_encode(const an_box_grid *g, const an_box *boxes, size_t n, float *ret)
{
    double below = INFINITY;
    size_t after = 0; /* of those of the same area, the first ones are done */
    memset(ret, 0, g->height * g->width * an_boxes_planes(g) * sizeof *ret);
    for (size_t done = 0; done < n; done++) {
        size_t best = n;
        for (size_t i = 0; i < n; i++) {
            const double a = area(&boxes[i]);
            const bool open = a < below || (!(a > below) && i >= after);
            if (open && (best == n || a > area(&boxes[best])))
                best = i;
        }
        if (best == n || !(area(&boxes[best]) > 0))
            return;
        below = area(&boxes[best]);
        after = best + 1;
        cover(g, &boxes[best], ret);
    }
}

/* ---- what outputs say ---- */

/* As plane 0 of target and output, so the same for both. */
static an_box box_at(const an_box_grid *g, const float *y, size_t row, size_t column)
{
    const double cell = (double)g->cell, wide = (double)(g->width * g->cell),
                 high = (double)(g->height * g->cell);
    const double x = ((double)column + 0.5 + (double)y[1]) * cell;
    const double z = ((double)row + 0.5 + (double)y[2]) * cell;
    const double w = exp(fmin((double)y[3], SIDE_LOG_MAX)) * cell / 2,
                 h = exp(fmin((double)y[4], SIDE_LOG_MAX)) * cell / 2;
    return (an_box){.x0 = (float)fmax(x - w, 0),
                    .y0 = (float)fmax(z - h, 0),
                    .x1 = (float)fmin(x + w, wide),
                    .y1 = (float)fmin(z + h, high),
                    .score = 1};
}

size_t an_boxes_truth(const an_box_grid *g, const float *target, an_box *ret)
{
    const size_t planes = an_boxes_planes(g);
    size_t n = 0;
    for (size_t i = 0; i < g->height * g->width; i++) {
        const float *t = target + i * planes;
        if (t[0] < 1)
            continue;
        ret[n] = box_at(g, t, i / g->width, i % g->width);
        for (size_t c = 0; g->n_classes > 1 && c < g->n_classes; c++)
            ret[n].class = t[AN_BOX_PLANES + c] > 0 ? (uint32_t)c : ret[n].class;
        n++;
    }
    return n;
}

void an_boxes_say(const an_box_grid *g, const an_box *boxes, size_t n, float sure, float *ret)
{
    const size_t planes = an_boxes_planes(g);
    an_boxes_encode(g, boxes, n, ret);
    for (size_t i = 0; i < g->height * g->width; i++) {
        float *t = ret + i * planes;
        t[0] = t[0] >= 1 ? sure : -sure;
        for (size_t c = AN_BOX_PLANES; c < planes; c++)
            t[c] *= sure;
    }
}

/* The class that scores most, and its share. */
static double class_of(const an_box_grid *g, const float *y, uint32_t *ret)
{
    double sum = 0;
    uint32_t best = 0;
    for (uint32_t c = 1; c < g->n_classes; c++)
        best = y[AN_BOX_PLANES + c] > y[AN_BOX_PLANES + best] ? c : best;
    *ret = best;
    if (g->n_classes < 2)
        return 1;
    for (size_t c = 0; c < g->n_classes; c++)
        sum += exp((double)y[AN_BOX_PLANES + c] - (double)y[AN_BOX_PLANES + best]);
    return 1 / sum;
}

size_t an_boxes_decode(const an_box_grid *g, const float *y, double least, an_box *ret)
{
    const size_t planes = an_boxes_planes(g);
    size_t n = 0;
    for (size_t i = 0; i < g->height * g->width; i++) {
        const float *at = y + i * planes;
        const double fault = 1 / (1 + exp(-(double)at[0]));
        if (fault < least)
            continue;
        an_box b = box_at(g, at, i / g->width, i % g->width);
        b.score = (float)(fault * class_of(g, at, &b.class));
        if ((double)b.score >= least && area(&b) > 0)
            ret[n++] = b;
    }
    return n;
}

/* Ties by place, so that the order does not depend on who sorts. */
static int by_score(const void *a, const void *b)
{
    const an_box *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score < y->score ? 1 : -1;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    if (x->y0 < y->y0 || x->y0 > y->y0)
        return x->y0 < y->y0 ? -1 : 1;
    return (x->x0 > y->x0) - (x->x0 < y->x0);
}

size_t an_boxes_suppress(an_box *boxes, size_t n, double iou)
{
    size_t kept = 0;
    if (n > 0)
        qsort(boxes, n, sizeof *boxes, by_score);
    for (size_t i = 0; i < n; i++) {
        bool stays = true;
        for (size_t k = 0; k < kept && stays; k++)
            stays = boxes[k].class != boxes[i].class || boxes[k].image != boxes[i].image ||
                    an_box_iou(&boxes[k], &boxes[i]) <= iou;
        if (stays)
            boxes[kept++] = boxes[i];
    }
    return kept;
}
