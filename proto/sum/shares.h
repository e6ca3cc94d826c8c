/* shares.h - a secret cut into shares: any t of them give it back, fewer tell nothing.
 *
 *     an_shares_split(shares, 10, 7, secret, coins);            share i lies at x = i + 1
 *     err = an_shares_at(got, xs, shares, 7, 0);                at x = 0 lies the secret
 *
 * Shamir, "How to share a secret", CACM 1979, byte by byte over GF(2^8) (x^8 + x^4 + x^3 + x + 1), with
 * all 32 bytes of a secret at once: plane b of eight holds bit b of each byte.  No table is read and
 * nothing branches on a secret; how many shares there are and where they lie is public.
 *
 * Nothing is checked: shares that do not belong together give a wrong secret, which the caller must be
 * able to tell (a public key, a commitment).
 *
 * Threads: plain functions. */
#ifndef AN_SUM_SHARES_H
#define AN_SUM_SHARES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_SHARE_BYTES 32
#define AN_SHARES_MAX 255

typedef struct an_share {
    uint8_t b[AN_SHARE_BYTES];
} an_share;

/* Cuts secret into n shares of which t are needed; 1 <= t <= n <= AN_SHARES_MAX.  The coefficients are
 * drawn from `coins`, 32 secret random bytes that serve no other split: equal coins, equal shares.
 * Errors: INVAL, NOMEM. */
an_err an_shares_split(an_share *ret, size_t n, size_t t, const an_share *secret, const an_share *coins);

/* The value at x of the polynomial through the t points (xs[i], shares[i]); x = 0 is the secret, and
 * another x tells what a further share ought to be.
 * Errors: INVAL t out of 1..AN_SHARES_MAX, an xs[i] of 0 or two equal. */
an_err an_shares_at(an_share *ret, const uint8_t *xs, const an_share *shares, size_t t, uint8_t x);

#endif
