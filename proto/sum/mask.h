/* mask.h - masks on a vector of Z_2^32: each seed is a long string of 32-bit numbers, added or
 * subtracted, coordinate by coordinate.
 *
 *     an_mask masks[2] = {{.seed = ..., .subtract = false}, {.seed = ..., .subtract = true}};
 *     err = an_masks_add(v + from, from, n, masks, 2, AN_CIPHER_CHACHA20);
 *
 * Coordinate i of a mask is the little-endian word at byte 4 i of the seed's stream (doors/cipher.h).
 * So any range can be masked by itself: the result does not depend on how a vector is cut into ranges,
 * nor on the order of the seeds, and what was added is taken off again by the opposite signs.
 * Work goes by tiles of 16 KiB that stay in the first-level cache while all seeds pass over them.
 *
 * Double masking is Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine
 * Learning", CCS 2017.
 *
 * Threads: plain functions; ranges that do not overlap may be masked at the same time. */
#ifndef AN_SUM_MASK_H
#define AN_SUM_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/workers.h"
#include "doors/cipher.h"

#define AN_MASK_TILE 4096 /* coordinates */

typedef struct an_mask {
    uint8_t seed[AN_STREAM_SEED_BYTES];
    bool subtract;
} an_mask;

/* Adds the masks to coordinates from .. from+n-1 of a vector; v points at coordinate `from`.
 * Errors: INVAL no such cipher, UNSUPPORTED, NOMEM; v is then to be thrown away. */
an_err an_masks_add(uint32_t *v, uint64_t from, size_t n, const an_mask *masks, size_t n_masks,
                    an_cipher cipher);
/* The same from coordinate 0, shared among workers (NULL: none). */
an_err an_masks_add_all(uint32_t *v, size_t n, const an_mask *masks, size_t n_masks, an_cipher cipher,
                        an_workers *workers);

#endif
