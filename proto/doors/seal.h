/* seal.h - two keys become one secret, one secret becomes many, and a secret closes a box.
 *
 *     an_agree_public(my_public, my_secret);
 *     err = an_agree(shared, my_secret, their_public);         X25519 (RFC 7748)
 *     an_kdf(key, shared, "andon what for", bound, len);       keyed BLAKE2b-256
 *     an_seal(box, key, nonce, ad, ad_len, plain, len);        XChaCha20-Poly1305
 *
 * Threads: plain functions; call from anywhere after an_crypto_init. */
#ifndef AN_DOORS_SEAL_H
#define AN_DOORS_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_AGREE_BYTES 32
#define AN_KEY_BYTES 32
#define AN_SEAL_NONCE_BYTES 24
#define AN_SEAL_MORE_BYTES 16 /* a box is this much longer than what is in it */

/* Any 32 random bytes are a secret key. */
void an_agree_public(uint8_t ret_public[static AN_AGREE_BYTES], const uint8_t secret[static AN_AGREE_BYTES]);
/* The shared secret itself is not uniform: pass it through an_kdf.
 * Errors: AUTH the public key is a point of small order, which would give everyone the same secret. */
an_err an_agree(uint8_t ret[static AN_AGREE_BYTES], const uint8_t secret[static AN_AGREE_BYTES],
                const uint8_t public_key[static AN_AGREE_BYTES]);

/* BLAKE2b-256 keyed with `key` over (length of context, context, bytes): another context or other bytes
 * give an independent key. */
void an_kdf(uint8_t ret[static AN_KEY_BYTES], const uint8_t key[static AN_KEY_BYTES], const char *context,
            const void *bytes, size_t len);

/* ret has len + AN_SEAL_MORE_BYTES bytes.  A nonce is never used twice with a key. */
void an_seal(uint8_t *ret, const uint8_t key[static AN_KEY_BYTES],
             const uint8_t nonce[static AN_SEAL_NONCE_BYTES], const void *ad, size_t ad_len,
             const void *plain, size_t len);
/* box has len + AN_SEAL_MORE_BYTES bytes, ret has len.  Errors: AUTH; ret is then zero. */
an_err an_seal_open(uint8_t *ret, const uint8_t key[static AN_KEY_BYTES],
                    const uint8_t nonce[static AN_SEAL_NONCE_BYTES], const void *ad, size_t ad_len,
                    const uint8_t *box, size_t len);

#endif
