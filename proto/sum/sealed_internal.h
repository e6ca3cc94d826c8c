/* sealed_internal.h - what writing and reading share.  Internal to proto/sum. */
#ifndef AN_SUM_SEALED_INTERNAL_H
#define AN_SUM_SEALED_INTERNAL_H

#include "sum/sealed.h"

#define AN_SEALED_HEAD (AN_UPDATE_HEADER_BYTES + AN_AGREE_BYTES)

static inline uint64_t an_sealed_chunks(uint64_t dim)
{
    return (dim + AN_CHUNK - 1) / AN_CHUNK;
}

size_t an_sealed_chunk_n(const an_sealed_terms *t, uint64_t k);     /* its coordinates */
size_t an_sealed_chunk_coded(const an_sealed_terms *t, uint64_t k); /* ... that are encoded */
size_t an_sealed_box_most(const an_sealed_terms *t, uint64_t k);

void an_sealed_nonce(uint8_t ret[static AN_SEAL_NONCE_BYTES], uint64_t k);
/* mine and theirs agree; head is the file's.  Errors: AUTH. */
an_err an_sealed_key(uint8_t ret[static AN_KEY_BYTES], const uint8_t mine[static AN_AGREE_BYTES],
                     const uint8_t theirs[static AN_AGREE_BYTES], const uint8_t head[static AN_SEALED_HEAD],
                     const uint8_t seal_key[static AN_AGREE_BYTES]);

#endif
