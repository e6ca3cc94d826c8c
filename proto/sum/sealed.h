/* sealed.h - an update file that only the coordinator can open: the file of vector.h in trusted mode.
 *
 *     0  the header of vector.h with magic "ANUPD\0\0\2"; at 24 the encoding, u32    128 bytes
 *   128  the site's X25519 key, made for this file alone                             32 bytes
 *   160  boxes, one for each chunk of AN_CHUNK coordinates
 *        the lengths of the boxes, u32 each
 *
 * A box is a packed chunk (encoding.h) sealed with XChaCha20-Poly1305; its nonce is the chunk's number,
 * its associated data the first 160 bytes.  The key is the KDF of the secret that the file's key and the
 * coordinator's seal key (in the plan) agree on, bound to both and to the header.  So a box cannot be
 * moved to another place, file, site, round or plan; and who holds the site's long-lived keys later cannot open
 * what it has sent, for the file's own secret is wiped.
 *
 * The file's name is the BLAKE2b-256 of all its bytes, which the site's offer signs.
 *
 *     err = an_sealed_write(path, &terms, v, &hash, &size, &why);                the site
 *     err = an_sealed_open(&s, &terms, path, NULL, 0, &hash, secret, &why);      the coordinator
 *     err = an_sealed_read(s, from, n, v, &why);
 *
 * Whoever has no key can see that it is whole, and whose: an_sealed_open with secret NULL.
 *
 * Threads: a sealed update belongs to one thread at a time. */
#ifndef AN_SUM_SEALED_H
#define AN_SUM_SEALED_H

#include "doors/seal.h"
#include "sum/encoding.h"
#include "sum/vector.h"

typedef struct an_sealed_terms {
    an_update_header header; /* `sealed` and `encoding` are set from the rest */
    uint64_t n_coded;        /* coordinates from the first that are encoded; the rest are whole words */
    const an_encoding *encoding;
    uint8_t seal_key[AN_AGREE_BYTES]; /* the coordinator's, from the plan */
} an_sealed_terms;

uint64_t an_sealed_most(const an_sealed_terms *t); /* bytes of such a file */

/* Writes the file whole or not at all; v (dim) is what an_encoding_round has left.
 * Errors: IO, NOMEM, INVAL, AUTH the seal key is none. */
an_err an_sealed_write(const char *path, const an_sealed_terms *t, const uint32_t *v, an_hash *ret_hash,
                       uint64_t *ret_size, an_note *why);

typedef struct an_sealed an_sealed;

/* From a file, or from bytes if path is NULL, which are borrowed until close.  secret: (AN_AGREE_BYTES), the seal
 * key's; NULL: only to look.  Reads all of it once.
 * Errors: PROTO other bytes than were announced, or not such a file of these terms; AUTH; NOTFOUND, IO, NOMEM. */
an_err an_sealed_open(an_sealed **ret, const an_sealed_terms *t, const char *path, const void *bytes,
                      size_t len, const an_hash *hash, const uint8_t *secret, an_note *why);
void an_sealed_close(an_sealed *s); /* NULL is fine */

/* Coordinates [from, from + n).  Errors: AUTH a box does not open, PROTO a chunk is not well-formed, IO, NOMEM. */
an_err an_sealed_read(an_sealed *s, uint64_t from, size_t n, uint32_t *ret, an_note *why);

#endif
