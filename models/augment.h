/* augment.h - images changed a little each time they are learnt from, and defects that nobody had to wait for.
 *
 * A model's text may say it, in the order in which it is done:
 *
 *     augment:
 *       - flip: {across: 0.5, down: 0.5}
 *       - rotate: {degrees: 10}
 *       - noise
 *       - cutpaste: {share: 0.3}
 *
 * Part of the text, it goes where the model goes: `train`, the experiments and every site of a federation do the same.  It is done
 * to each image as it is learnt from, never to those of a validation part nor in use.
 *
 *     flip, quarter, rotate, shift, crop     where things are: a mask, and what an autoencoder is to give back, move along;
 *                                            boxes do with flip, and take none of the others
 *     brightness, contrast                   light, which an autoencoder is to give back as it is shown
 *     noise, blur                            what makes an image worse; an autoencoder is to give it back without
 *     cutpaste   a part of the image elsewhere in it, thin or not, turned, brighter or darker (Li et al. 2021)
 *     perlin     spots in the form of gradient noise, filled from elsewhere in the image (Zavrtanik et al. 2021)
 *
 *     paste      the fault of another image of the same training, by its mask, flipped, turned and moved (Ghiasi et al. 2021)
 *
 * The last three make defects: the mask is 1 there, or what it is in the other image; an image of class 0 becomes one of class `label`, images of other
 * classes stay as they are; an autoencoder is to give back the image without.  Amounts of light are in units of the model's
 * input, as it comes scaled.  What is drawn depends on the seed, the epoch and the number of the sample alone: not on batches,
 * threads, or what was drawn for others. A row that borrows from others is no longer one person's alone: training with
 * privacy of rows refuses it.  Of a site's rows it sees those of that site.
 *
 * Threads: all of this is immutable after the model is made; a canvas belongs to one thread. */
#ifndef AN_MODELS_AUGMENT_H
#define AN_MODELS_AUGMENT_H

#include "base/rng.h"
#include "models/layer.h"

#define AN_AUGMENT_OPTS_MAX 6u
#define AN_AUGMENTS_MAX 16u

/* The rows that are learnt from, as they are without augmentation; n 0: they cannot be had. */
typedef struct an_canvas_others {
    const float *x, *target; /* (n, n_x), (n, n_target) */
    size_t n, n_x, n_target;
} an_canvas_others;

/* One image on its way into a pass, and what it is to be answered with. */
typedef struct an_canvas {
    size_t height, width, channels;
    float *x;              /* (height, width, channels) */
    float *mask;           /* (height / coarse, width / coarse, planes) 0..1; NULL: the target is none */
    float *clean;          /* as x, without defects that were made; NULL: the target is not the image */
    float *class;          /* number of the class; NULL: the target is none */
    float *spare;          /* as large as x or mask, whichever is larger, for whoever is at work */
    size_t coarse, planes; /* of mask or grid: pixels along a side of one of its places; values of one */
    float *grid; /* (height / coarse, width / coarse, planes) boxes (boxes.h); NULL: the target is none */
    an_canvas_others others;
} an_canvas;

typedef struct an_augment_type {
    const char *name;
    const an_layer_opt *opts; /* ended by a NULL key; NULL: none */
    bool paints;              /* makes defects */
    bool square;              /* of square images only */
    bool bends;               /* moves things so that boxes cannot follow */
    bool borrows;             /* takes parts of other rows; their masks say which */
    /* opt: in the order of opts.  Draws as much as it likes: the stream is its own. */
    void (*apply)(const double *opt, an_canvas *c, an_rng *r);
} an_augment_type;

const an_augment_type *an_augment_find(const char *name); /* NULL: no such thing */
const an_augment_type *an_augment_at(size_t i);           /* the table in order; NULL past its end */

typedef struct an_augment {
    const an_augment_type *type;
    double opt[AN_AUGMENT_OPTS_MAX];
} an_augment;

/* The whole list on one image.  sample, epoch: what it is and which time. */
void an_augment_apply(const an_augment *list, size_t n, an_canvas *c, uint64_t seed, uint64_t epoch,
                      uint64_t sample);

/* ---- for the files of augments/ ---- */

/* Where what comes to (column, row) was: column * a[0] + row * a[1] + a[2], column * a[3] + row * a[4] + a[5].
 * Between pixels light is mixed and masks are the nearest one's; beyond the edge the image is mirrored. */
void an_canvas_warp(an_canvas *c, const double a[6]);

/* The boxes of a grid, left for right and top for bottom. */
void an_canvas_flip_grid(an_canvas *c, bool across, bool down);

/* May a defect be made here?  A class 0 becomes `label`. */
bool an_canvas_spoil(an_canvas *c, double label);
/* One was made at this pixel: of the kind `label`, from 1, if kinds are told apart. */
void an_canvas_mark(an_canvas *c, size_t y, size_t x, double label);

/* Uniform in [low, high). */
double an_augment_between(an_rng *r, double low, double high);
bool an_augment_chance(an_rng *r, double share);

#endif
