/* fixed.h - real numbers as elements of Z_2^32 that can be added without ever wrapping.
 *
 * A coordinate holds x / 2^unit_exp, stochastically rounded to an integer q, |q| <= 2^b - 1, as
 * two's complement.  With n sites and n * 2^b <= 2^31 the sum of n of them is still a signed
 * 32-bit number.  The rounding is unbiased: q = floor(x / unit + u), u uniform in [0, 1), and u
 * is a function of (plan seed, site, coordinate), so that a run can be repeated bit for bit.
 *
 *     b = an_fixed_bits(n_cohort);
 *     exp = an_fixed_unit_exp(clip_norm, b);
 *     an_fixed_draw draw = an_fixed_draw_of(plan_seed, "plant-b");
 *     saturated += an_fixed_encode(q, x, n, 1.0, exp, b, &draw, 0);
 *     ...                                          sum over sites, see vector.h
 *     an_fixed_decode(sums, q_sum, n, exp);
 *
 * Threads: pure functions; call from anywhere. */
#ifndef AN_SUM_FIXED_H
#define AN_SUM_FIXED_H

#include <stddef.h>
#include <stdint.h>

#include "base/terms.h"

/* The most bits b with n_cohort * 2^b <= 2^31, at most AN_VALUE_BITS_MAX; 0 if there are none
 * (n_cohort = 0 or over 2^30). */
uint32_t an_fixed_bits(uint32_t n_cohort);

/* The smallest exponent e with range <= (2^bits - 1) * 2^e: values within +-range never
 * saturate. range > 0 and finite, bits 1..AN_VALUE_BITS_MAX; the result is kept within
 * +-AN_UNIT_EXP_MAX. */
int32_t an_fixed_unit_exp(double range, uint32_t bits);

/* Where the rounding's random numbers come from. */
typedef struct an_fixed_draw {
    uint32_t key[2];  /* the plan's seed */
    uint32_t site[2]; /* first 64 bits of the hash of the site's name */
} an_fixed_draw;
an_fixed_draw an_fixed_draw_of(uint64_t plan_seed, const char *site);

/* Writes n coordinates: scale * x[i], rounded.  `first` is the number of the first one within
 * the whole vector.  Returns how many were cut to +-(2^bits - 1); a non-finite x gives 0 and
 * counts as cut (callers check before). */
size_t an_fixed_encode(uint32_t *ret, const float *x, size_t n, double scale, int32_t unit_exp, uint32_t bits,
                       const an_fixed_draw *draw, uint64_t first);

/* One number, a double, in the same way. */
uint32_t an_fixed_encode_one(double x, int32_t unit_exp, uint32_t bits, const an_fixed_draw *draw,
                             uint64_t coordinate);

/* Sums back to numbers: ret[i] = (signed) sum[i] * 2^unit_exp, exactly. */
void an_fixed_decode(double *ret, const uint32_t *sum, size_t n, int32_t unit_exp);

#endif
