/* vector.h - the vector of a round: adding it up, and the file in which it leaves a site.
 *
 * An update file is a header of 128 bytes and dim little-endian 32-bit words:
 *
 *     0  magic "ANUPD\0\0\1"        8 bytes
 *     8  round                      u64
 *    16  dim                        u64
 *    24  zero                       8 bytes
 *    32  plan hash                  32 bytes
 *    64  site name, zero-padded     64 bytes
 *   128  coordinates                dim * 4 bytes
 *
 * (In trusted mode it is sealed for the coordinator: sealed.h.)
 *
 * Its name is the BLAKE2b-256 of all its bytes.  A fold reads such a file in pieces of any
 * size, refuses it at the first byte that does not belong to the round, hashes it, and adds its
 * coordinates to an accumulator:
 *
 *     an_fold f;
 *     an_fold_init(&f, &expected, NULL);            check only: a received file, before it is
 * accepted while (...) err = an_fold_feed(&f, bytes, len, &why); err = an_fold_end(&f, &hash,
 * &why);
 *
 * Give it an accumulator only for files whose hash was checked before: after an error the
 * accumulator holds a part of the bad file.
 *
 * Threads: a fold and its accumulator belong to one thread. */
#ifndef AN_SUM_VECTOR_H
#define AN_SUM_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"
#include "doors/crypto.h"

/* acc and v do not overlap. */
void an_sum_add(uint32_t *acc, const uint32_t *v, size_t n); /* acc += v, mod 2^32 */
void an_sum_sub(uint32_t *acc, const uint32_t *v, size_t n); /* acc -= v, mod 2^32 */

#define AN_UPDATE_HEADER_BYTES 128

typedef struct an_update_header {
    bool sealed;       /* what follows is sealed.h's */
    uint32_t encoding; /* ... and encoded so; else 0 */
    uint64_t round;
    uint64_t dim; /* 1..AN_DIM_MAX */
    an_hash plan_hash;
    char site[AN_NAME_MAX];
} an_update_header;

uint64_t an_update_size(uint64_t dim); /* bytes of the file */
void an_update_header_put(uint8_t ret[static AN_UPDATE_HEADER_BYTES], const an_update_header *h);
/* Errors: PROTO. */
an_err an_update_header_get(an_update_header *ret, const uint8_t bytes[static AN_UPDATE_HEADER_BYTES],
                            an_note *why);
/* n words as they are in the file: 4 * n bytes.  ret may be v itself. */
void an_words_put(uint8_t *ret, const uint32_t *v, size_t n);

/* Writes the update file whole or not at all and gives its hash.
 * Errors: IO, NOMEM, INVAL bad header. */
an_err an_update_write(const char *path, const an_update_header *h, const uint32_t *v, an_hash *ret_hash,
                       an_note *why);

typedef struct an_fold {
    an_update_header expected;
    uint32_t *acc; /* (dim); borrowed; NULL: check only */
    uint64_t at;   /* bytes read */
    uint8_t header[AN_UPDATE_HEADER_BYTES];
    uint8_t word[4]; /* a word cut by the end of a piece */
    an_hasher hasher;
} an_fold;

void an_fold_init(an_fold *f, const an_update_header *expected, uint32_t *acc);
/* Errors: PROTO another round, plan, site or dim, or longer than the file may be. */
an_err an_fold_feed(an_fold *f, const void *bytes, size_t len, an_note *why);
/* Errors: PROTO cut short. */
an_err an_fold_end(an_fold *f, an_hash *ret_hash, an_note *why);

/* Folds the file at path.  expected_hash NULL: any.  Checks the hash in a first pass if acc is
 * given, so that on error acc is untouched.  Errors: NOTFOUND, IO, PROTO, NOMEM. */
an_err an_fold_file(const char *path, const an_update_header *expected, const an_hash *expected_hash,
                    uint32_t *acc, an_hash *ret_hash, an_note *why);
/* The same for a file whose bytes are in memory.  Errors: PROTO. */
an_err an_fold_bytes(const void *bytes, size_t len, const an_update_header *expected,
                     const an_hash *expected_hash, uint32_t *acc, an_note *why);

#endif
