/* boxes.h - where faults are, as boxes: what a grid of outputs says of them, and what found boxes are worth.
 *
 *     const an_box_grid grid = {.height = 8, .width = 8, .cell = 16, .n_classes = 2};
 *     an_boxes_encode(&grid, truth, n, target);          what the loss `boxes` learns from
 *     n = an_boxes_decode(&grid, outputs, 0.05, found);
 *     n = an_boxes_suppress(found, n, 0.5);
 *     err = an_boxes_mean_ap(truth, n_truth, found, n, 2, 0.5, &ap);
 *
 * One stage, no anchors: each cell of the grid has planes
 *
 *     0       is the middle of a fault here: above 0 it is likelier than not (Lin et al. 2017: focal loss)
 *     1, 2    its middle across and down, from the middle of the cell, in cells
 *     3, 4    log of its width and height, in cells
 *     5..     one for each class, if there are several
 *
 * A target has in plane 0: 1 where the middle of a fault is; AN_BOX_NEAR in cells beside it whose middle lies in the inner half of
 * the box, which learn to say the same box; AN_BOX_UNSAID in other cells that the box covers, which learn
 * nothing; else 0.  Of faults with their middle in one cell the smallest is kept.
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_BOXES_H
#define AN_MODELS_BOXES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_BOX_PLANES 5u /* without classes */
#define AN_BOX_NEAR 0.75f
#define AN_BOX_UNSAID 0.25f

typedef struct an_box {
    float x0, y0, x1, y1; /* pixels; x1 and y1 are the first beyond it */
    float score;          /* 0..1; of a truth not looked at */
    uint32_t class;
    uint32_t image; /* which of several it is in */
} an_box;

typedef struct an_box_grid {
    size_t height, width; /* cells */
    size_t cell;          /* pixels along a side of one */
    size_t n_classes;     /* at least 1 */
} an_box_grid;

size_t an_boxes_planes(const an_box_grid *g);

/* ret (height, width, planes).  Boxes without an inside are left out. */
void an_boxes_encode(const an_box_grid *g, const an_box *boxes, size_t n, float *ret);
/* The boxes that a target was made of.  ret: (height * width).  Returns how many. */
size_t an_boxes_truth(const an_box_grid *g, const float *target, an_box *ret);
/* Outputs a truth could have been told by: `sure` in plane 0 of its cell and -sure elsewhere. */
void an_boxes_say(const an_box_grid *g, const an_box *boxes, size_t n, float sure, float *ret);

/* Boxes of cells whose score (of being a fault, times that of its class) is at least `least`, within the image.
 * y (height, width, planes), finite.  ret: (height * width).  Returns how many. */
size_t an_boxes_decode(const an_box_grid *g, const float *y, double least, an_box *ret);

/* Intersection over union; 0 if one of them has no inside. */
double an_box_iou(const an_box *a, const an_box *b);

/* Non-maximum suppression: sorts by score and leaves out what overlaps a better box of its class and image by more than
 * iou.  Returns how many stay. */
size_t an_boxes_suppress(an_box *boxes, size_t n, double iou);

/* Average precision of one class: the area under the highest precision at each recall or beyond (all points).  The best
 * scores choose first, each the truth of its image that it overlaps most, by at least iou, of those that nobody
 * has.  NAN: no truth of that class.  Errors: NOMEM. */
an_err an_boxes_ap(const an_box *truth, size_t n_truth, const an_box *found, size_t n_found, uint32_t class,
                   double iou, double *ret);
/* Mean over the classes that have truth. */
an_err an_boxes_mean_ap(const an_box *truth, size_t n_truth, const an_box *found, size_t n_found,
                        size_t n_classes, double iou, double *ret);
/* ... and over the overlaps .5, .55, ... .95. */
an_err an_boxes_mean_ap_strict(const an_box *truth, size_t n_truth, const an_box *found, size_t n_found,
                               size_t n_classes, double *ret);

#endif
