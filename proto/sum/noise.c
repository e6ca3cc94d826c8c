/* Canonne, Kamath, Steinke 2020, in integers.  A probability e^-g with g = a/b is had without computing
 * it: for g <= 1, toss coins of g/1, g/2, g/3, ... until one fails; the number of the first that fails is
 * odd with probability e^-g (algorithm 1; von Neumann 1951).  A coin of a/b compares the binary digits of
 * a/b, as long division gives them, with random bits, and is decided after two of them on average.  So
 * every coin is exact, and few random bits are used. */
#include "sum/noise.h"

#include <math.h>
#include <stdbool.h>

#include "base/mem.h"
#include "base/terms.h"
#include "doors/crypto.h"

#define RANDOM_WORDS 512
/* The discrete Laplace's tail is cut here, in its scales. */
#define SCALES_MAX 1024u

/* 0 .. 2^128 - 1 */
typedef struct wide {
    uint64_t hi, lo;
} wide;

struct an_noise {
    uint64_t num, den;
    uint64_t scale; /* of the Laplace that is rejected from: floor(sigma) + 1 */
    wide twice;     /* 2 num den scale^2: what a squared distance is divided by */
    uint64_t words[RANDOM_WORDS];
    size_t at; /* the next word */
    uint64_t bits;
    unsigned left; /* bits in bits */
};

/* ---- wide numbers ---- */

static wide wide_mul(uint64_t a, uint64_t b)
{
    uint64_t a0 = a & UINT32_MAX, a1 = a >> 32, b0 = b & UINT32_MAX, b1 = b >> 32;
    uint64_t low = a0 * b0, mid = a1 * b0 + (low >> 32), mid2 = a0 * b1 + (mid & UINT32_MAX);
    return (wide){.hi = a1 * b1 + (mid >> 32) + (mid2 >> 32), .lo = mid2 << 32 | (low & UINT32_MAX)};
}

static bool wide_at_least(wide a, wide b)
{
    return a.hi > b.hi || (a.hi == b.hi && a.lo >= b.lo);
}

static wide wide_sub(wide a, wide b)
{
    return (wide){.hi = a.hi - b.hi - (a.lo < b.lo), .lo = a.lo - b.lo};
}

static wide wide_twice(wide a)
{
    return (wide){.hi = a.hi << 1 | a.lo >> 63, .lo = a.lo << 1};
}

/* ---- random bits ---- */

static uint64_t word(an_noise *s)
{
    if (s->at == RANDOM_WORDS) {
        an_random(s->words, sizeof s->words);
        s->at = 0;
    }
    return s->words[s->at++];
}

static unsigned bit(an_noise *s)
{
    if (s->left == 0) {
        s->bits = word(s);
        s->left = 64;
    }
    unsigned b = s->bits & 1;
    s->bits >>= 1;
    s->left--;
    return b;
}

/* 0 .. n-1, by rejection; n >= 1. */
static uint64_t below(an_noise *s, uint64_t n)
{
    unsigned width = 0;
    while (width < 64 && (n - 1) >> width != 0)
        width++;
    for (;;) {
        uint64_t v = 0;
        if (width > 16)
            v = word(s) >> (64 - width);
        else
            for (unsigned i = 0; i < width; i++)
                v = v << 1 | bit(s);
        if (v < n)
            return v;
    }
}

/* ---- coins ---- */

/* True with probability a/b; a < b < 2^63. */
static bool coin(an_noise *s, uint64_t a, uint64_t b)
{
    for (;;) {
        a <<= 1;
        unsigned digit = a >= b;
        a -= digit ? b : 0;
        unsigned u = bit(s);
        if (u != digit)
            return u < digit;
        if (a == 0)
            return false; /* all further digits are 0: no number is below */
    }
}

static bool coin_wide(an_noise *s, wide a, wide b)
{
    if (b.hi == 0 && b.lo >> 63 == 0)
        return coin(s, a.lo, b.lo);
    for (;;) {
        a = wide_twice(a);
        unsigned digit = wide_at_least(a, b);
        a = digit ? wide_sub(a, b) : a;
        unsigned u = bit(s);
        if (u != digit)
            return u < digit;
        if (a.hi == 0 && a.lo == 0)
            return false;
    }
}

/* True with probability e^-(a/b); a <= b < 2^127. */
static bool coin_exp_wide(an_noise *s, wide a, wide b)
{
    const bool whole = wide_at_least(a, b);
    uint64_t k = 1;
    while ((k == 1 || below(s, k) == 0) && (whole || coin_wide(s, a, b)))
        k++;
    return k % 2 == 1;
}

static bool coin_exp(an_noise *s, uint64_t a, uint64_t b)
{
    return coin_exp_wide(s, (wide){.lo = a}, (wide){.lo = b});
}

/* ---- the discrete Gaussian ---- */

/* Algorithm 2: x with probability proportional to e^-(|x| / scale).  False: rejected, draw again. */
static bool laplace(an_noise *s, uint64_t *ret_size, bool *ret_negative)
{
    uint64_t within = below(s, s->scale), scales = 0;
    if (!coin_exp(s, within, s->scale))
        return false;
    while (scales <= SCALES_MAX && coin_exp(s, 1, 1))
        scales++;
    *ret_negative = bit(s) == 1;
    *ret_size = within + scales * s->scale;
    return scales <= SCALES_MAX && !(*ret_negative && *ret_size == 0);
}

/* Algorithm 3: keep x with probability e^-((|x| - sigma^2/scale)^2 / (2 sigma^2)).  With sigma^2 = num/den the
 * exponent is (|x| den scale - num)^2 / (2 num den scale^2). */
int64_t an_noise_draw(an_noise *s)
{
    for (;;) {
        uint64_t size;
        bool negative, keep = true;
        if (!laplace(s, &size, &negative))
            continue;
        uint64_t at = size * s->den * s->scale;
        uint64_t apart = at > s->num ? at - s->num : s->num - at;
        wide a = wide_mul(apart, apart);
        for (; keep && wide_at_least(a, s->twice); a = wide_sub(a, s->twice))
            keep = coin_exp(s, 1, 1);
        if (keep && coin_exp_wide(s, a, s->twice))
            return negative ? -(int64_t)size : (int64_t)size;
    }
}

void an_noise_add(an_noise *s, uint32_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        v[i] += (uint32_t)(uint64_t)an_noise_draw(s);
}

static uint64_t root(uint64_t x)
{
    uint64_t r = (uint64_t)sqrt((double)x);
    while (r * r > x)
        r--;
    while ((r + 1) * (r + 1) <= x)
        r++;
    return r;
}

an_err an_noise_new(const an_noise_share *share, an_noise **ret, an_note *why)
{
    if (share->num < 1 || share->num > AN_NOISE_NUM_MAX || share->den < 1 || share->den > AN_NOISE_DEN_MAX)
        return an_fail(AN_ERR_INVAL, why, "a share of noise of variance %llu/%u is out of bounds",
                       (unsigned long long)share->num, share->den);
    an_noise *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->num = share->num;
    s->den = share->den;
    s->scale = root(share->num / share->den) + 1; /* floor(sigma) = floor(sqrt(floor(sigma^2))) */
    /* With num <= 2^52 and den <= 2^8: den scale <= sqrt(num den) + den < 2^31, size <= 1025 scale < 2^38 and
     * their product below 2^63; num den scale^2 <= num (sqrt(num) + sqrt(den))^2 < 2^106. */
    s->twice = wide_mul(2 * s->num, s->den * s->scale * s->scale);
    s->at = RANDOM_WORDS;
    *ret = s;
    return AN_OK;
}

void an_noise_free(an_noise *s)
{
    if (s)
        an_wipe(s, sizeof *s);
    an_free(s);
}

/* ---- the plan ---- */

void an_noise_squares(uint64_t *squares, const uint32_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t size = v[i] >> 31 ? (uint32_t)-v[i] : v[i];
        uint64_t square = size * size;
        *squares = square > UINT64_MAX - *squares ? UINT64_MAX : *squares + square;
    }
}

double an_noise_rounded_norm(double norm, uint64_t dim, double beta)
{
    const double d = (double)dim, always = norm + sqrt(d);
    double often = sqrt(norm * norm + d / 4 + sqrt(2 * log(1 / beta)) * (norm + sqrt(d) / 2));
    return often < always ? often : always;
}

static bool plan_at(an_noise_plan *ret, const an_noise_want *w, uint32_t counted, int32_t exp)
{
    an_noise_plan p = {.unit_exp = exp};
    const double n = w->sites;
    double norm = an_noise_rounded_norm(ldexp(w->clip_norm, -exp), w->dim, w->beta);
    if (!(norm * n < 0x1p31))
        return false;
    p.norm_squared = (uint64_t)floor(norm * norm);
    if (p.norm_squared < 1)
        p.norm_squared = 1;
    norm = sqrt((double)p.norm_squared);

    double variance = w->noise * w->noise * (double)p.norm_squared / counted;
    p.share.den = variance < 0x1p20 ? AN_NOISE_DEN_MAX : 1;
    /* Up, and at least the 1/4 from which on the sum's distribution is known. */
    double num = ceil((variance > 0.25 ? variance : 0.25) * p.share.den);
    if (!(num <= (double)AN_NOISE_NUM_MAX))
        return false;
    p.share.num = (uint64_t)num;
    variance = num / p.share.den;

    /* P[|a coordinate's noise| > t] <= 2 e^(-t^2 / (2 n sigma^2)). */
    double reach = sqrt(2 * n * variance * (log(2 * (double)w->dim) + 40 * log(2)));
    double largest = floor(norm);
    p.value_bits = 1;
    while (p.value_bits < AN_VALUE_BITS_MAX && ldexp(1, (int)p.value_bits) - 1 < largest)
        p.value_bits++;
    if (n * ldexp(1, (int)p.value_bits) > 0x1p31 || n * largest + reach >= 0x1p31)
        return false;
    p.sum = (an_privacy_sum){.sites = counted, .variance = variance, .norm = norm, .dim = w->dim};
    p.noise_norm = ldexp(sqrt(n * variance * (double)w->dim), exp);
    p.update_norm = n * w->clip_norm;
    *ret = p;
    return true;
}

an_err an_noise_plan_make(an_noise_plan *ret, const an_noise_want *w, an_note *why)
{
    if (w->sites < 1 || w->sites > AN_COHORT_MAX || w->dim < 1 || w->dim > AN_DIM_MAX ||
        !(w->clip_norm > 0) || !isfinite(w->clip_norm) || !(w->noise > 0) || !isfinite(w->noise) ||
        !(w->beta > 0 && w->beta < 1))
        return an_fail(AN_ERR_INVAL, why,
                       "noise of a sum: cohort, dim, clip norm, noise or beta out of bounds");
    if (w->lost >= w->sites || w->colluders >= w->sites - w->lost)
        return an_fail(AN_ERR_REFUSED, why,
                       "of %u sites %u may be lost and %u collude: no noise is sure to stay in the sum",
                       w->sites, w->lost, w->colluders);
    const uint32_t counted = w->sites - w->lost - w->colluders;
    for (int32_t exp = -AN_UNIT_EXP_MAX; exp <= AN_UNIT_EXP_MAX; exp++)
        if (plan_at(ret, w, counted, exp))
            return AN_OK;
    return an_fail(AN_ERR_REFUSED, why,
                   "no unit leaves room for %u sites' updates of norm %g with %g times as much noise",
                   w->sites, w->clip_norm, w->noise);
}
