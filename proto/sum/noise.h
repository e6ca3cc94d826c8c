/* noise.h - the noise that a site adds to its vector before it is masked: exact discrete Gaussians,
 * so that the sum, which is all that anyone sees, is differentially private.  The unit is the site.
 *
 * The discrete Gaussian of parameter sigma^2 takes the integer x with probability proportional to
 * e^(-x^2 / (2 sigma^2)).  It is drawn as Canonne, Kamath and Steinke 2020 say (algorithms 1-3), with
 * integers only, from the system's secure generator: no rounding of a floating-point logarithm can be
 * used against it (Mironov 2012).  What is left out are draws beyond about a thousand sigma, whose
 * probability is below e^-1000.
 *
 * A site adds only its share.  With n sites of which `lost` may be missing from the sum and
 * `colluders` may subtract what they have added themselves, the noise of
 *
 *     counted = n - lost - colluders
 *
 * sites is sure to stay, and a share has the variance  sigma^2 = (noise * norm)^2 / counted,  so that the
 * sum has at least `noise` times the sensitivity (Kairouz, Liu, Steinke 2021; sum/privacy.h counts what the
 * sum of discrete Gaussians costs more than one).
 *
 * The sensitivity is the L2 norm of what a site adds, in whole units.  Rounding at random makes a
 * vector longer: with norm c before it, in units, and dim coordinates, the norm after it is, with
 * probability at least 1 - beta, at most
 *
 *     sqrt(min(c^2 + dim/4 + sqrt(2 log(1/beta)) (c + sqrt(dim)/2),  (c + sqrt(dim))^2))
 *
 * (the same, Theorem 1).  A site rounds again, from other random numbers, until it is: then
 * the bound holds always.
 *
 *     an_noise_plan plan;                                  with the round's plan, by all alike
 *     err = an_noise_plan_make(&plan, &want, &why);
 *     ...                                                  at a site: round v in units of 2^plan.unit_exp,
 *     uint64_t squares = 0;
 *     an_noise_squares(&squares, v, dim);                  ... again if squares > plan.norm_squared
 *     an_noise *noise = NULL;
 *     err = an_noise_new(&plan.share, &noise, &why);
 *     an_noise_add(noise, v, dim);
 *     an_noise_free(noise);
 *
 * All that a site sends must be under the bound or noised, or say nothing about its data: weights are
 * equal, and counts and losses beside the vector are left at their constants.
 *
 * Time: drawing takes longer for some numbers than for others.  Whoever can time a site sees the time of
 * the whole vector only.
 *
 * Threads: a source of noise belongs to one thread; the rest are pure functions. */
#ifndef AN_SUM_NOISE_H
#define AN_SUM_NOISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sum/privacy.h"

/* sigma^2 as a fraction. */
typedef struct an_noise_share {
    uint64_t num; /* 1 .. AN_NOISE_NUM_MAX */
    uint32_t den; /* 1 .. AN_NOISE_DEN_MAX */
} an_noise_share;
#define AN_NOISE_NUM_MAX (UINT64_C(1) << 52)
#define AN_NOISE_DEN_MAX 256u

typedef struct an_noise_want {
    uint32_t sites;     /* of the cohort, 1 .. AN_COHORT_MAX */
    uint32_t lost;      /* at most so many are missing from a sum that is opened */
    uint32_t colluders; /* at most so many of those in it tell the curious their noise */
    uint64_t dim;       /* coordinates that carry data, 1 .. AN_DIM_MAX */
    double clip_norm;   /* L2 norm of a site's vector before rounding, > 0 */
    double noise;       /* multiplier: standard deviation of the counted noise / sensitivity, > 0 */
    double beta;        /* of the norm after rounding, (0, 1); AN_NOISE_BETA is usual */
} an_noise_want;
#define AN_NOISE_BETA 0.60653065971263342 /* e^-1/2: on average at most 2.6 roundings */

typedef struct an_noise_plan {
    int32_t unit_exp;      /* one step of a coordinate is 2^unit_exp, of all tensors */
    uint32_t value_bits;   /* a coordinate before the noise is at most 2^value_bits - 1 */
    uint64_t norm_squared; /* what a site's vector may have at most, in units^2, after rounding */
    an_noise_share share;  /* what a site adds, in units^2 */
    an_privacy_sum sum;    /* for an_privacy_add_sum */
    double noise_norm;     /* expected L2 norm of the noise in the sum of all sites ... */
    double update_norm;    /* ... and what all updates together can be, n * clip_norm; in the unit of
                            * clip_norm.  Above 1, noise_norm / update_norm buries the sum. */
} an_noise_plan;

/* Chooses the finest unit with which the sum of all sites, noise included, wraps with a probability of at
 * most 2^-40 (the noise is as light-tailed as a Gaussian), and the share.  Pure: all who know the plan come
 * to the same.  Errors: INVAL out of bounds; REFUSED no noise is sure to stay, or no unit has room. */
an_err an_noise_plan_make(an_noise_plan *ret, const an_noise_want *want, an_note *why);

/* The bound on the norm after rounding, in units, of norm before it. */
double an_noise_rounded_norm(double norm, uint64_t dim, double beta);

/* *squares += the sum of the squares of v (n), read as two's complement; stays at UINT64_MAX if it does not
 * fit. */
void an_noise_squares(uint64_t *squares, const uint32_t *v, size_t n);

/* A source of noise, with a buffer of random bits. */
typedef struct an_noise an_noise;
/* Errors: INVAL the share is out of bounds, NOMEM. */
an_err an_noise_new(const an_noise_share *share, an_noise **ret, an_note *why);
void an_noise_free(an_noise *s); /* wipes; NULL is fine */

int64_t an_noise_draw(an_noise *s);                    /* one number */
void an_noise_add(an_noise *s, uint32_t *v, size_t n); /* v += n numbers, mod 2^32 */

#endif
