/* encoding.h - fewer bytes for a vector of Z_2^32 on its way from a site that the coordinator may look at:
 * one row of encodings.def and one file per encoding.
 *
 * An encoding speaks of the same integer vector.  What it cannot say is taken out of the vector first, at
 * the site, which keeps it for its next round (error feedback: Seide et al. 2014, Karimireddy et al. 2019);
 * what is left goes over without loss.  So after decoding there is one path for all of them.
 *
 *     an_encoding_round(e, v, n_coded, share);        at the site: v becomes what the other end will see
 *     err = an_encoding_pack(e, v, n, n_coded, &out);            chunk by chunk
 *     err = an_encoding_unpack(e, v, n, n_coded, bytes, len, &why);
 *
 * Rounding goes towards zero only: no coordinate grows, so bounds that held before hold after it.
 *
 * A chunk is AN_CHUNK successive coordinates; the first n_coded of it are encoded, the rest are whole
 * words (a TRAIN vector's weight and counts are exact in every encoding).
 *
 * Threads: plain functions. */
#ifndef AN_SUM_ENCODING_H
#define AN_SUM_ENCODING_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define AN_CHUNK 4096
#define AN_ENCODING_PLAIN 0

typedef struct an_encoding {
    const char *name;
    const char *meaning;
    bool zstd; /* what put writes is compressed */
    /* Takes out of v (n, the whole vector's encoded part) what it cannot say.  NULL: nothing. */
    void (*round)(uint32_t *v, size_t n, double share);
    /* n is at most AN_CHUNK. */
    void (*put)(an_buf *b, const uint32_t *v, size_t n);
    /* Errors: PROTO. */
    an_err (*get)(uint32_t *ret, size_t n, an_reader *r, an_note *why);
    size_t (*most)(size_t n); /* bytes that put writes */
} an_encoding;

const an_encoding *an_encoding_find(const char *name); /* NULL: no such encoding */
const an_encoding *an_encoding_at(size_t number);      /* as plans and files have it; NULL past the end */

/* share: topk: of the coordinates that go, (0, 1]. */
void an_encoding_round(const an_encoding *e, uint32_t *v, size_t n, double share);

/* Appends the chunk v (n) to out.  Errors: NOMEM, LIMIT out->max. */
an_err an_encoding_pack(const an_encoding *e, const uint32_t *v, size_t n, size_t n_coded, an_buf *out);
/* Errors: PROTO not such a chunk, or one of more bytes than it can have; NOMEM. */
an_err an_encoding_unpack(const an_encoding *e, uint32_t *ret, size_t n, size_t n_coded, const void *bytes,
                          size_t len, an_note *why);
size_t an_encoding_most(const an_encoding *e, size_t n, size_t n_coded); /* bytes of a packed chunk */

#endif
