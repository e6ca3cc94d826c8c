#include "base/rng.h"

#include <assert.h>
#include <math.h>

uint64_t an_mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void an_rng_init(an_rng *r, uint64_t seed, uint64_t stream)
{
    uint64_t x = an_mix64(seed) ^ an_mix64(~stream);
    for (int i = 0; i < 4; i++) {
        r->s[i] = an_mix64(x);
        x += 0x9e3779b97f4a7c15u;
    }
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t an_rng_u64(an_rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

double an_rng_unit(an_rng *r)
{
    return (double)(an_rng_u64(r) >> 11) * 0x1p-53;
}

double an_rng_normal(an_rng *r)
{
    /* Marsaglia's polar method; the second value is thrown away so that a draw has no state. */
    for (;;) {
        double u = 2.0 * an_rng_unit(r) - 1.0;
        double v = 2.0 * an_rng_unit(r) - 1.0;
        double q = u * u + v * v;
        if (q > 0.0 && q < 1.0)
            return u * sqrt(-2.0 * log(q) / q);
    }
}

uint64_t an_rng_below(an_rng *r, uint64_t n)
{
    assert(n > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t x;
    do
        x = an_rng_u64(r);
    while (x >= limit);
    return x % n;
}

void an_rng_shuffle(an_rng *r, uint32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)an_rng_below(r, i);
        uint32_t t = items[i - 1];
        items[i - 1] = items[j];
        items[j] = t;
    }
}

void an_philox(uint32_t out[static 4], const uint32_t key[static 2], const uint32_t counter[static 4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}
