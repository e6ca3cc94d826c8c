/* norm_internal.h - what batch, group and layer norm share: sets of values brought to mean 0 and
 * variance 1, then scaled and shifted by channel.
 *
 * A set is n places of c channels, in groups of c / groups channels with one mean and variance
 * each: batch norm has one set of all rows' places and a group per channel, group norm a set per row,
 * layer norm a set per place and one group. */
#ifndef AN_MODELS_LAYERS_NORM_INTERNAL_H
#define AN_MODELS_LAYERS_NORM_INTERNAL_H

#include "models/layer.h"

typedef struct an_norm {
    size_t n, c, groups;
    float eps;
    const float *gamma, *beta; /* (c) */
    float *scratch;            /* AN_NORM_SCRATCH * c */
} an_norm;

#define AN_NORM_SCRATCH 6u

/* x, y (n, c).  Sets mean and deviation (groups), of one divided by the square root of variance +
 * eps. */
void an_norm_forward(const an_norm *s, const float *x, float *y, float *mean, float *inverse);

/* Adds to dgamma and dbeta (c), writes dx (n, c) unless it is NULL. */
void an_norm_backward(const an_norm *s, const float *x, const float *mean, const float *inverse,
                      const float *dy, float *dx, float *dgamma, float *dbeta);

/* With a mean and a deviation that are given, by channel. */
void an_norm_apply(const an_norm *s, const float *x, float *y, const float *mean, const float *inverse);

/* The weights gamma (ones) and beta (zeros), and the scratch. */
void an_norm_weights(an_layer *l);
/* Values of one row at which there is a vector of channels. */
size_t an_norm_places(const an_layer *l);

#endif
