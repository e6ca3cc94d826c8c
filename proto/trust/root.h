/* root.h - the release root: the offline key that says what sites may run, and how it is replaced.
 *
 *     an_root_key *key = NULL;
 *     err = an_root_key_new("release.key", &key, &why);     on the machine of whoever releases
 *     an_root_key_free(key);
 *
 *     an_root root = {.number = 0};                         at a site: from its enrolment
 *     memcpy(root.key, reply->root_key, sizeof root.key);
 *     err = an_root_follow(&root, &link, &why);             a rotation: number 1, another key
 *
 * The secret half never reaches a coordinator.  A coordinator knows the public half; a site has checked it
 * against the fingerprint in its enrolment token.
 *
 * Rotation is a chain, as TUF's root rotation (The Update Framework specification 1.0.34, section 5.3): link
 * N + 1 names the key of link N and the next one, and both have signed it.  Who was away follows all links
 * one by one; a link that was followed, or one that skips another, is refused.
 *
 * Threads: no state. */
#ifndef AN_TRUST_ROOT_H
#define AN_TRUST_ROOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/terms.h"
#include "doors/crypto.h"
#include "msg/msg.h"

/* ---- what a program knows of it ---- */

typedef struct an_root {
    uint8_t key[AN_SIGN_PUBLIC_BYTES];
    uint64_t number; /* rotations before it: the first root is 0 */
} an_root;

/* BLAKE2b-256 of the public key: what an enrolment token carries. */
void an_root_fingerprint(an_hash *ret, const uint8_t key[static AN_SIGN_PUBLIC_BYTES]);

/* ---- the key file ---- */

typedef struct an_root_key {
    uint8_t public_key[AN_SIGN_PUBLIC_BYTES];
    uint8_t secret[AN_SIGN_SECRET_BYTES];
} an_root_key;

/* Makes a key and its file, mode 0600; a file that is there is never overwritten.  The key is in locked
 * memory.  Errors: EXISTS, IO, NOMEM also when no memory can be locked. */
an_err an_root_key_new(const char *path, an_root_key **ret, an_note *why);
/* Errors: NOTFOUND; REFUSED others may read or write it, or it is another user's, or no plain file; PROTO
 * damaged; IO, NOMEM. */
an_err an_root_key_read(const char *path, an_root_key **ret, an_note *why);
void an_root_key_free(an_root_key *key); /* wiped; NULL is fine */

/* ---- what is signed ---- */

#define AN_TRUST_TEXT_MAX 1024 /* of any statement in this folder */
#define AN_TRUST_SIGNATURES 2

/* A statement as it travels and as it is kept: its canonical text and who signed it. */
typedef struct an_signed {
    uint16_t len; /* 0: none */
    uint8_t n_signatures;
    uint8_t text[AN_TRUST_TEXT_MAX];
    an_msg_signature signatures[AN_TRUST_SIGNATURES];
} an_signed;

/* From a message's parts.  Errors: LIMIT too long or too many signatures. */
an_err an_signed_set(an_signed *ret, const void *text, size_t len, const an_msg_signature *signatures,
                     uint32_t n_signatures, an_note *why);
/* Adds a signature.  Errors: LIMIT there are two already. */
an_err an_signed_add(an_signed *s, const char *context, const uint8_t public_key[static AN_SIGN_PUBLIC_BYTES],
                     const uint8_t secret[static AN_SIGN_SECRET_BYTES]);
/* Is there a signature of this key, and does it hold?  Errors: AUTH. */
an_err an_signed_by(const an_signed *s, const char *context, const uint8_t key[static AN_SIGN_PUBLIC_BYTES]);
bool an_signed_equal(const an_signed *a, const an_signed *b); /* the same text; whoever signed it */

/* ---- rotation ---- */

#define AN_ROOT_CONTEXT "andon-root-1"

/*     andon-root-1
 *     number 1
 *     from 8f0c...
 *     to 51be...
 *     issued 1795282800000                                                                  */
typedef struct an_root_link {
    uint64_t number; /* of the new root: 1.. */
    uint8_t from[AN_SIGN_PUBLIC_BYTES], to[AN_SIGN_PUBLIC_BYTES];
    int64_t issued_ms;
} an_root_link;

/* Appends the text.  Errors: LIMIT, NOMEM. */
an_err an_root_link_text(const an_root_link *link, an_buf *out);
/* Accepts exactly what an_root_link_text writes.  Errors: PROTO. */
an_err an_root_link_parse(const void *text, size_t len, an_root_link *ret, an_note *why);

/* Goes from root to the one that the link names, if it is the next link, goes on from this very key, and
 * both keys have signed it.  On failure *root is unchanged.
 * Errors: PROTO no link; STATE not the next one (replayed, or one is missing); AUTH. */
an_err an_root_follow(an_root *root, const an_signed *link, an_note *why);

#endif
