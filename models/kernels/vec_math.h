/* vec_math.h - the curves, written once for vectors of any width.  The file that includes it defines
 *
 *     LANES  VEC  MASK  SOME(n)          floats in a vector, the vector, a mask, that of the first n lanes
 *     LOAD LOAD_SOME STORE STORE_SOME    all lanes, those of a mask
 *     SET1 ADD SUB MUL DIV SQRT ABS      FMA(x, y, z) = x y + z, rounded once or twice
 *     MIN MAX                            of two; the second if one is not a number
 *     POSITIVE(y, v, w)                  v where y is not <= 0, else w
 *     WITH_SIGN(v, s)                    v >= 0 with the sign of s
 *     IVEC BITS FLOATS ISET1 IADD ISUB SHL SHR    the bits of floats as whole numbers of 32 bits
 *
 *     SQUARE_SIDE  TRANSPOSE_SQUARE(from, from_row, to, to_row)    a square of vectors turned
 *
 * All curves are made of e^x - 1 on a short interval:
 *
 *     x = k ln 2 + r,  |r| <= ln 2 / 2       e^x = 2^k (1 + q),  q = e^r - 1 = r + r^2 p(r)
 *
 * k is rounded by adding 1.5 * 2^23, which leaves it in the low bits of the sum, where it is picked up
 * to build 2^k.  ln 2 is subtracted in two parts, the first short enough that k times it is exact
 * (Cody and Waite 1980).  p is of degree 4, through Chebyshev's points: relative error of q 2.6e-8. */
#ifndef AN_MODELS_KERNELS_VEC_MATH_H
#define AN_MODELS_KERNELS_VEC_MATH_H

#define INLINE static inline __attribute__((always_inline))

#define ROUNDER 12582912.0f /* 1.5 * 2^23 = 0x4b400000 */

/* q of x; *ret_t holds k in its low bits.  |x| <= 104. */
INLINE VEC exp_part(VEC x, VEC *ret_t)
{
    const VEC t = FMA(x, SET1(1.44269504f), SET1(ROUNDER));
    const VEC k = SUB(t, SET1(ROUNDER));
    VEC r = FMA(k, SET1(-0.693145752f), x);
    r = FMA(k, SET1(-1.42860677e-6f), r);
    VEC p = SET1(1.3926191e-3f);
    p = FMA(p, r, SET1(8.3631855e-3f));
    p = FMA(p, r, SET1(4.1666556e-2f));
    p = FMA(p, r, SET1(1.6666576e-1f));
    p = FMA(p, r, SET1(0.5f));
    *ret_t = t;
    return FMA(MUL(p, r), r, r);
}

/* 2^k for -126 <= k <= 127: the shift drops all of ROUNDER's bits but those of k. */
INLINE VEC power_of_2(VEC t)
{
    return FLOATS(SHL(IADD(BITS(t), ISET1(127)), 23));
}

/* |x| <= 87 */
INLINE VEC exp_short(VEC x)
{
    VEC t;
    const VEC q = exp_part(x, &t), s = power_of_2(t);
    return FMA(s, q, s);
}

/* In two steps of about 2^(k/2), so that both ends come out right: infinite and subnormal. */
INLINE VEC exp_of(VEC x)
{
    VEC t;
    const VEC q = exp_part(MAX(SET1(-104.0f), MIN(SET1(89.0f), x)), &t);
    const IVEC k = ISUB(BITS(t), ISET1(0x4b400000 - 512)); /* k + 512 > 0 */
    const IVEC half = SHR(k, 1), rest = ISUB(k, half);
    const VEC s = FLOATS(SHL(ISUB(half, ISET1(256 - 127)), 23));
    return MUL(FMA(s, q, s), FLOATS(SHL(ISUB(rest, ISET1(256 - 127)), 23)));
}

INLINE VEC sigmoid_of(VEC x)
{
    const VEC minus = SUB(SET1(0.0f), x);
    const VEC e = exp_short(MAX(SET1(-87.0f), MIN(SET1(87.0f), minus)));
    return DIV(SET1(1.0f), ADD(SET1(1.0f), e));
}

/* (e^2x - 1) / (e^2x + 1) keeps its digits near 0, as q is never rounded beside a 1. */
INLINE VEC tanh_of(VEC x)
{
    VEC t;
    const VEC a = MIN(SET1(10.0f), ABS(x));
    const VEC q = exp_part(ADD(a, a), &t), s = power_of_2(t);
    const VEC e = FMA(s, q, SUB(s, SET1(1.0f)));
    return WITH_SIGN(DIV(e, ADD(e, SET1(2.0f))), x);
}

/* The normal distribution above |x|: half of erfc(z), z = |x| / sqrt 2, as e^(-z^2) times a polynomial
 * in 1 / (1 + z / 2), through Chebyshev's points; relative error of that 1.1e-7.  *ret_e: e^(-z^2). */
INLINE VEC normal_tail(VEC x, VEC *ret_e)
{
    const VEC e = exp_short(MAX(SET1(-87.0f), MUL(MUL(x, x), SET1(-0.5f))));
    const VEC t = DIV(SET1(1.0f), FMA(ABS(x), SET1(0.353553391f), SET1(1.0f)));
    VEC p = SET1(-6.0780723e-2f);
    p = FMA(p, t, SET1(2.9250363e-1f));
    p = FMA(p, t, SET1(-5.0263637e-1f));
    p = FMA(p, t, SET1(2.9448035e-1f));
    p = FMA(p, t, SET1(-3.6989365e-2f));
    p = FMA(p, t, SET1(2.0664179e-1f));
    p = FMA(p, t, SET1(2.4221815e-1f));
    p = FMA(p, t, SET1(2.8248125e-1f));
    p = FMA(p, t, SET1(2.8208125e-1f));
    *ret_e = e;
    return MUL(MUL(p, t), MUL(e, SET1(0.5f)));
}

INLINE VEC gelu_of(VEC x)
{
    VEC e;
    const VEC below = MUL(x, normal_tail(x, &e));
    return POSITIVE(x, SUB(x, below), below);
}

/* Phi(x) + x phi(x) */
INLINE VEC gelu_slope(VEC x)
{
    VEC e;
    const VEC tail = normal_tail(x, &e);
    const VEC area = POSITIVE(x, SUB(SET1(1.0f), tail), tail);
    return FMA(MUL(x, SET1(0.398942280f)), e, area);
}

#endif
