/* Unbiased: E[floor(y + u)] = y for u uniform in [0, 1).  The random numbers are Philox4x32-10
 * (Salmon et al. 2011) as a function of the coordinate, so threads may share a vector freely.
 */
#include "sum/fixed.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "doors/crypto.h"

uint32_t an_fixed_bits(uint32_t n_cohort)
{
    uint32_t bits = AN_VALUE_BITS_MAX;
    if (n_cohort == 0)
        return 0;
    while (bits > 0 && ((uint64_t)n_cohort << bits) > UINT64_C(1) << 31)
        bits--;
    return bits;
}

int32_t an_fixed_unit_exp(double range, uint32_t bits)
{
    double most = (double)((UINT32_C(1) << bits) - 1);
    int e;
    frexp(range / most, &e); /* range / most <= 2^e, up to the rounding of the division */
    while (e > -AN_UNIT_EXP_MAX && ldexp(most, e - 1) >= range)
        e--;
    while (e < AN_UNIT_EXP_MAX && ldexp(most, e) < range)
        e++;
    if (e < -AN_UNIT_EXP_MAX)
        return -AN_UNIT_EXP_MAX;
    return e > AN_UNIT_EXP_MAX ? AN_UNIT_EXP_MAX : e;
}

an_fixed_draw an_fixed_draw_of(uint64_t plan_seed, const char *site)
{
    an_hash h;
    an_hash_of(&h, site, strlen(site));
    return (an_fixed_draw){
        .key = {(uint32_t)plan_seed, (uint32_t)(plan_seed >> 32)},
        .site = {an_get_u32(h.b), an_get_u32(h.b + 4)},
    };
}

/* 32 random bits of one coordinate: word (i mod 4) of block (i / 4). */
static void draw_block(uint32_t out[static 4], const an_fixed_draw *draw, uint64_t coordinate)
{
    uint64_t block = coordinate / 4;
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), draw->site[0], draw->site[1]};
    an_philox(out, draw->key, counter);
}

/* floor(y + u), cut to +-most. */
static uint32_t round_one(double y, uint32_t random, double most, size_t *cut)
{
    double q = floor(y + (double)random * 0x1p-32);
    if (!(q >= -most && q <= most)) {
        ++*cut;
        q = !isfinite(y) ? 0.0 : q > 0.0 ? most : -most;
    }
    return (uint32_t)(int32_t)q;
}

size_t an_fixed_encode(uint32_t *ret, const float *x, size_t n, double scale, int32_t unit_exp, uint32_t bits,
                       const an_fixed_draw *draw, uint64_t first)
{
    const double factor = scale * ldexp(1.0, -unit_exp);
    const double most = (double)((UINT32_C(1) << bits) - 1);
    size_t cut = 0;
    uint32_t random[4] = {0};

    for (size_t i = 0; i < n; i++) {
        uint64_t coordinate = first + i;
        if (i == 0 || coordinate % 4 == 0)
            draw_block(random, draw, coordinate);
        ret[i] = round_one((double)x[i] * factor, random[coordinate % 4], most, &cut);
    }
    return cut;
}

uint32_t an_fixed_encode_one(double x, int32_t unit_exp, uint32_t bits, const an_fixed_draw *draw,
                             uint64_t coordinate)
{
    const double most = (double)((UINT32_C(1) << bits) - 1);
    size_t cut = 0;
    uint32_t random[4];
    draw_block(random, draw, coordinate);
    return round_one(ldexp(x, -unit_exp), random[coordinate % 4], most, &cut);
}

void an_fixed_decode(double *ret, const uint32_t *sum, size_t n, int32_t unit_exp)
{
    const double unit = ldexp(1.0, unit_exp);
    for (size_t i = 0; i < n; i++) {
        /* The conversion of a uint32_t above INT32_MAX is the implementation's; this one is
         * not. */
        int64_t v = sum[i] <= INT32_MAX ? (int64_t)sum[i] : (int64_t)sum[i] - (INT64_C(1) << 32);
        ret[i] = (double)v * unit;
    }
}
