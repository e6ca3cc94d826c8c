/* parcel.h - a release in one signed file, for a site without a link: how it travels on a stick.
 *
 *     andon-parcel-1\n                                  15 bytes
 *     u32 n, n times: u32 len, a control message        TRUST: rotations of the root, revocations; VERSION last
 *     u32 n, n times: hash (32), u64 size               bundles: the version's, and what proves where it comes from
 *     u32 len, the model card
 *     signature (64)                                    of the BLAKE2b-256 of all before it, by the coordinator's
 *                                                       statement key under AN_PARCEL_CONTEXT
 *     the bundles, one after another
 *
 * Numbers are little-endian.  The signature says who has packed it, no more: what is followed is judged by the
 * release statement in VERSION, exactly as if it had come over the link, and bundles by their hashes.
 *
 *     an_parcel *p = NULL;
 *     err = an_parcel_decode(bytes, len, coordinator_key, &p, &why);     len: the beginning of the file
 *     ... p->messages, p->bundles; the first bundle is at p->head
 *     an_parcel_free(p);
 *
 * Threads: pure functions. */
#ifndef AN_TRUST_PARCEL_H
#define AN_TRUST_PARCEL_H

#include "base/buf.h"
#include "doors/crypto.h"
#include "msg/msg.h"

#define AN_PARCEL_CONTEXT "andon-parcel-1"
#define AN_PARCEL_MESSAGES_MAX 256
#define AN_PARCEL_BUNDLES_MAX 256
#define AN_PARCEL_CARD_MAX ((size_t)256 << 10)
#define AN_PARCEL_HEAD_MAX ((size_t)4 << 20) /* all before the bundles */

typedef struct an_parcel_bundle {
    an_hash hash;
    uint64_t size;
} an_parcel_bundle;

typedef struct an_parcel {
    an_msg *messages[AN_PARCEL_MESSAGES_MAX]; /* owned; the last is VERSION, the others are TRUST */
    size_t n_messages;
    an_parcel_bundle bundles[AN_PARCEL_BUNDLES_MAX]; /* the first is that of the version */
    size_t n_bundles;
    char *card;  /* owned, Markdown */
    size_t head; /* bytes before the bundles */
} an_parcel;

/* Appends the head.  messages are borrowed.  Errors: INVAL it would not be read again, LIMIT, NOMEM. */
an_err an_parcel_encode(an_msg *const *messages, size_t n_messages, const an_parcel_bundle *bundles,
                        size_t n_bundles, const char *card, const uint8_t secret[static AN_SIGN_SECRET_BYTES],
                        an_buf *out, an_note *why);

/* Errors: PROTO not in this form or beyond its bounds; AUTH; NOMEM. */
an_err an_parcel_decode(const void *bytes, size_t len, const uint8_t key[static AN_SIGN_PUBLIC_BYTES],
                        an_parcel **ret, an_note *why);
void an_parcel_free(an_parcel *p); /* NULL is fine */

#endif
