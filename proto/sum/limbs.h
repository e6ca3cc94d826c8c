/* limbs.h - statistics without rounding error in the sum: a signed 128-bit fixed-point number,
 * carried as eight limbs of 16 bits in successive coordinates.
 *
 * Up to 2^16 sites add limb by limb without overflow of a coordinate; the decoded sum is exact
 * to the unit 2^AN_LIMBS_UNIT_EXP in any order.
 *
 *     an_i128 v;
 *     err = an_i128_of_double(&v, 17.25);
 *     an_limbs_put(coords, v);
 *     ...                        sum over sites
 *     double total = an_i128_to_double(an_limbs_get(sums));
 *
 * Threads: pure functions; call from anywhere. */
#ifndef AN_SUM_LIMBS_H
#define AN_SUM_LIMBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"

#define AN_LIMBS_UNIT_EXP (-48)
#define AN_LIMBS_SITES_MAX 65536
#define AN_LIMBS_RANGE 0x1p63 /* one site's number stays below, so that 2^16 of them fit */

/* Two's complement. */
typedef struct an_i128 {
    uint64_t lo;
    uint64_t hi;
} an_i128;

an_i128 an_i128_add(an_i128 a, an_i128 b); /* mod 2^128 */
an_i128 an_i128_neg(an_i128 a);
bool an_i128_is_neg(an_i128 a);

/* v in units of 2^AN_LIMBS_UNIT_EXP, rounded to nearest, ties to even.
 * Errors: NUMERIC not finite, LIMIT |v| >= AN_LIMBS_RANGE. */
an_err an_i128_of_double(an_i128 *ret, double v);
double an_i128_to_double(an_i128 v); /* nearest double, ties to even */

/* Whole numbers travel in units of 1. */
an_i128 an_i128_of_count(uint64_t n);
/* Errors: PROTO negative or over 2^64 - 1: not a sum of counts. */
an_err an_i128_to_count(uint64_t *ret, an_i128 v);

void an_limbs_put(uint32_t ret[static AN_LIMBS], an_i128 v);
an_i128 an_limbs_get(const uint32_t sum[static AN_LIMBS]);

#endif
