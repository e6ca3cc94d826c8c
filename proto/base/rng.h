/* rng.h - random numbers that are the same everywhere for the same seed.  Never for secrets:
 * those come from doors/crypto.h.
 *
 * an_rng is a stream (xoshiro256**, Blackman and Vigna 2018; seeded by SplitMix64).
 * an_philox is a function: the same (key, counter) gives the same 128 bits in any order and on
 * any thread (Philox4x32-10, Salmon et al. 2011); stochastic rounding draws from it. */
#ifndef AN_BASE_RNG_H
#define AN_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct an_rng {
    uint64_t s[4];
} an_rng;

/* `stream` separates independent uses of one seed. */
void an_rng_init(an_rng *r, uint64_t seed, uint64_t stream);
uint64_t an_rng_u64(an_rng *r);
double an_rng_unit(an_rng *r);                /* [0, 1), 53 bits */
double an_rng_normal(an_rng *r);              /* mean 0, variance 1 */
uint64_t an_rng_below(an_rng *r, uint64_t n); /* 0 .. n-1, unbiased; n > 0 */
void an_rng_shuffle(an_rng *r, uint32_t *items, size_t n);

void an_philox(uint32_t out[static 4], const uint32_t key[static 2], const uint32_t counter[static 4]);

uint64_t an_mix64(uint64_t x); /* SplitMix64's finaliser: derive seeds from seeds */

#endif
