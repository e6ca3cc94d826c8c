/* crypto.h - the door to libsodium: hashes, signatures, keys, secret memory.
 *
 * Every hash is BLAKE2b-256 (RFC 7693).  Statements are signed with Ed25519 (RFC 8032) over
 * a context string and the message, so that a signature of one purpose cannot serve another.
 *
 *     an_err err = an_crypto_init();              once, in main, before any thread
 *     an_hash_of(&h, bytes, len);
 *
 * Threads: after an_crypto_init everything here may be called from anywhere. */
#ifndef AN_DOORS_CRYPTO_H
#define AN_DOORS_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h" /* an_hash */

an_err an_crypto_init(void);

void an_hash_of(an_hash *ret, const void *bytes, size_t len);
bool an_hash_equal(const an_hash *a, const an_hash *b);
bool an_hash_is_zero(const an_hash *h); /* all zero stands for "none" */
void an_hash_text(char out[static AN_HASH_TEXT], const an_hash *h);
bool an_hash_parse(an_hash *ret, const char *text);

/* A hash fed in pieces. */
typedef struct an_hasher {
    _Alignas(64) uint8_t state[384];
} an_hasher;
void an_hasher_init(an_hasher *s);
void an_hasher_add(an_hasher *s, const void *bytes, size_t len);
void an_hasher_end(an_hasher *s, an_hash *ret);

/* Statement keys (Ed25519). */
#define AN_SIGN_PUBLIC_BYTES 32
#define AN_SIGN_SECRET_BYTES 64
#define AN_SIGN_BYTES 64
void an_sign_keypair(uint8_t ret_public[static AN_SIGN_PUBLIC_BYTES],
                     uint8_t ret_secret[static AN_SIGN_SECRET_BYTES]);
void an_sign(uint8_t ret_sig[static AN_SIGN_BYTES], const char *context, const void *bytes, size_t len,
             const uint8_t secret[static AN_SIGN_SECRET_BYTES]);
/* Errors: AUTH. */
an_err an_sign_check(const uint8_t sig[static AN_SIGN_BYTES], const char *context, const void *bytes,
                     size_t len, const uint8_t public_key[static AN_SIGN_PUBLIC_BYTES]);

/* Link keys (X25519, as CURVE uses them). */
#define AN_LINK_KEY_BYTES 32
void an_link_keypair(uint8_t ret_public[static AN_LINK_KEY_BYTES],
                     uint8_t ret_secret[static AN_LINK_KEY_BYTES]);

void an_random(void *ret, size_t len); /* from the system's secure generator */
void an_wipe(void *secret, size_t len);
bool an_secret_equal(const void *a, const void *b, size_t len); /* constant time */

/* Locked, guarded memory for secrets; wiped when released.  NULL: out of memory or lock limit. */
void *an_secret_alloc(size_t len);
void an_secret_free(void *secret);

/* Keyed MAC (BLAKE2b-256 with a 32-byte key), e.g. to prove possession of an enrolment token. */
void an_mac_of(an_hash *ret, const uint8_t key[static 32], const void *bytes, size_t len);

/* Passwords: Argon2id (RFC 9106) with a random salt, two passes over 64 MiB; about a tenth of a second, which is
 * the point.  The text holds its parameters and names no password.
 * Errors: NOMEM. */
#define AN_PASSWORD_TEXT 128
an_err an_password_hash(char ret[static AN_PASSWORD_TEXT], const char *password, size_t len);
/* A text whose password nobody knows: checking against it takes as long. */
#define AN_PASSWORD_NOBODY                                                                                   \
    "$argon2id$v=19$m=65536,t=2,p=1$6MtKo1ynscc4bXQ0WXO8Gw$YlfEWygESTtI6t5/izE4XD0IpTkSWtn9yQbfSGeLC0M"
/* Errors: AUTH another password, or no such text; NOMEM. */
an_err an_password_check(const char *text, const char *password, size_t len);

/* HMAC-SHA256 (RFC 2104, FIPS 198-1), for receivers that are not ours.  A key of any length. */
#define AN_HMAC_BYTES 32
void an_hmac_sha256(uint8_t ret[static AN_HMAC_BYTES], const void *key, size_t key_len, const void *bytes,
                    size_t len);

#endif
