/* 128 bits as two words, because no integer of that width is in the standard.  A negative
 * number is carried in two's complement: its limbs are large, their sum wraps modulo 2^128
 * exactly as addition of negative numbers should. */
#include "sum/limbs.h"

#include <math.h>

an_i128 an_i128_add(an_i128 a, an_i128 b)
{
    uint64_t lo = a.lo + b.lo;
    return (an_i128){.lo = lo, .hi = a.hi + b.hi + (lo < a.lo)};
}

an_i128 an_i128_neg(an_i128 a)
{
    return an_i128_add((an_i128){.lo = ~a.lo, .hi = ~a.hi}, (an_i128){.lo = 1});
}

bool an_i128_is_neg(an_i128 a)
{
    return a.hi >> 63 != 0;
}

static an_i128 shift_left(an_i128 a, unsigned k)
{
    if (k == 0)
        return a;
    if (k >= 64)
        return (an_i128){.hi = k < 128 ? a.lo << (k - 64) : 0};
    return (an_i128){.lo = a.lo << k, .hi = a.hi << k | a.lo >> (64 - k)};
}

an_err an_i128_of_double(an_i128 *ret, double v)
{
    if (!isfinite(v))
        return AN_ERR_NUMERIC;
    if (fabs(v) >= AN_LIMBS_RANGE)
        return AN_ERR_LIMIT;

    /* |v| = mantissa * 2^e with a whole 53-bit mantissa; in units the exponent is e + 48. */
    int e;
    double m = frexp(fabs(v), &e);
    uint64_t mantissa = (uint64_t)ldexp(m, 53);
    int shift = e - 53 - AN_LIMBS_UNIT_EXP;
    an_i128 out = {0};
    if (shift >= 0) {
        out = shift_left((an_i128){.lo = mantissa}, (unsigned)shift);
    } else if (shift > -55) {
        unsigned k = (unsigned)-shift;
        uint64_t rest = mantissa & ((UINT64_C(1) << k) - 1);
        uint64_t half = UINT64_C(1) << (k - 1);
        out.lo = mantissa >> k;
        if (rest > half || (rest == half && (out.lo & 1)))
            out.lo++;
    }
    *ret = v < 0 ? an_i128_neg(out) : out;
    return AN_OK;
}

double an_i128_to_double(an_i128 v)
{
    bool neg = an_i128_is_neg(v);
    an_i128 a = neg ? an_i128_neg(v) : v; /* -2^127 is its own negative: its bits are right as unsigned */
    int e = AN_LIMBS_UNIT_EXP;
    uint64_t top = a.lo;
    if (a.hi) {
        /* The upper 64 significant bits; what falls off is remembered in the last one, so that
         * the conversion below, to nearest and ties to even, rounds as if it had seen all. */
        unsigned lead = 0;
        while (!(a.hi << lead >> 63))
            lead++;
        an_i128 up = shift_left(a, lead);
        top = up.hi | (up.lo != 0);
        e += 64 - (int)lead;
    }
    double d = ldexp((double)top, e);
    return neg ? -d : d;
}

an_i128 an_i128_of_count(uint64_t n)
{
    return (an_i128){.lo = n};
}

an_err an_i128_to_count(uint64_t *ret, an_i128 v)
{
    if (v.hi)
        return AN_ERR_PROTO;
    *ret = v.lo;
    return AN_OK;
}

void an_limbs_put(uint32_t ret[static AN_LIMBS], an_i128 v)
{
    for (unsigned i = 0; i < AN_LIMBS; i++)
        ret[i] = (uint32_t)((i < 4 ? v.lo >> (16 * i) : v.hi >> (16 * (i - 4))) & 0xffff);
}

an_i128 an_limbs_get(const uint32_t sum[static AN_LIMBS])
{
    an_i128 v = {0};
    for (unsigned i = 0; i < AN_LIMBS; i++)
        v = an_i128_add(v, shift_left((an_i128){.lo = sum[i]}, 16 * i));
    return v;
}
