#include "sum/shares.h"

#include <stdbool.h>
#include <string.h>

#include "doors/cipher.h"
#include "doors/crypto.h"

/* Bit i of plane b is bit b of byte i. */
typedef struct planes {
    uint32_t p[8];
} planes;

static planes planes_of(const an_share *s)
{
    planes r = {{0}};
    for (unsigned i = 0; i < AN_SHARE_BYTES; i++)
        for (unsigned b = 0; b < 8; b++)
            r.p[b] |= (((uint32_t)s->b[i] >> b) & 1u) << i;
    return r;
}

static void planes_put(an_share *ret, const planes *v)
{
    for (unsigned i = 0; i < AN_SHARE_BYTES; i++) {
        unsigned byte = 0;
        for (unsigned b = 0; b < 8; b++)
            byte |= ((v->p[b] >> i) & 1u) << b;
        ret->b[i] = (uint8_t)byte;
    }
}

/* v = v * x + more in every byte.  Horner in the bits of x, from the highest: doubling is a renaming of
 * planes with the overflow folded back (x^8 = x^4 + x^3 + x + 1). */
static void times_plus(planes *v, uint8_t x, const planes *more)
{
    planes r = {{0}};
    for (unsigned bit = 8; bit-- > 0;) {
        uint32_t top = r.p[7], take = 0u - (((uint32_t)x >> bit) & 1u);
        for (unsigned b = 7; b > 0; b--)
            r.p[b] = r.p[b - 1];
        r.p[0] = top;
        r.p[1] ^= top;
        r.p[3] ^= top;
        r.p[4] ^= top;
        for (unsigned b = 0; b < 8; b++)
            r.p[b] ^= v->p[b] & take;
    }
    for (unsigned b = 0; b < 8; b++)
        v->p[b] = r.p[b] ^ more->p[b];
}

an_err an_shares_split(an_share *ret, size_t n, size_t t, const an_share *secret, const an_share *coins)
{
    _Alignas(64) an_share drawn[AN_SHARES_MAX];
    planes coefficients[AN_SHARES_MAX];
    an_stream *s = NULL;
    an_err err;
    if (t < 1 || t > n || n > AN_SHARES_MAX)
        return AN_ERR_INVAL;
    err = an_stream_open(AN_CIPHER_CHACHA20, &s);
    if (err == AN_OK)
        err = an_stream_bytes(s, coins->b, 0, drawn[0].b, (t - 1) * AN_SHARE_BYTES);
    an_stream_close(s);
    if (err != AN_OK) {
        an_wipe(drawn, sizeof drawn);
        return err;
    }
    coefficients[0] = planes_of(secret);
    for (size_t i = 1; i < t; i++)
        coefficients[i] = planes_of(&drawn[i - 1]);
    for (size_t i = 0; i < n; i++) {
        planes v = coefficients[t - 1];
        for (size_t j = t - 1; j-- > 0;)
            times_plus(&v, (uint8_t)(i + 1), &coefficients[j]);
        planes_put(&ret[i], &v);
        an_wipe(&v, sizeof v);
    }
    an_wipe(drawn, sizeof drawn);
    an_wipe(coefficients, sizeof coefficients);
    return AN_OK;
}

/* One byte times another; both are public here (positions and weights), yet it costs nothing to be
 * careful. */
static uint8_t times(uint8_t a, uint8_t b)
{
    unsigned r = 0, x = a;
    for (unsigned bit = 0; bit < 8; bit++) {
        r ^= x & (0u - (((unsigned)b >> bit) & 1u));
        x = ((x << 1) ^ (0x11bu & (0u - (x >> 7)))) & 0xffu;
    }
    return (uint8_t)r;
}

static uint8_t inverse(uint8_t a) /* a^254 */
{
    uint8_t r = 1, square = a;
    for (unsigned bit = 1; bit < 8; bit++) {
        square = times(square, square);
        r = times(r, square);
    }
    return r;
}

an_err an_shares_at(an_share *ret, const uint8_t *xs, const an_share *shares, size_t t, uint8_t x)
{
    bool seen[AN_SHARES_MAX + 1] = {false};
    planes sum = {{0}};
    if (t < 1 || t > AN_SHARES_MAX)
        return AN_ERR_INVAL;
    for (size_t i = 0; i < t; i++) {
        if (xs[i] == 0 || seen[xs[i]])
            return AN_ERR_INVAL;
        seen[xs[i]] = true;
    }
    for (size_t i = 0; i < t; i++) {
        uint8_t over = 1, under = 1; /* Lagrange's weight of point i at x */
        for (size_t j = 0; j < t; j++) {
            if (j == i)
                continue;
            over = times(over, x ^ xs[j]);
            under = times(under, xs[i] ^ xs[j]);
        }
        planes v = planes_of(&shares[i]);
        times_plus(&v, times(over, inverse(under)), &sum);
        sum = v;
        an_wipe(&v, sizeof v);
    }
    planes_put(ret, &sum);
    an_wipe(&sum, sizeof sum);
    return AN_OK;
}
