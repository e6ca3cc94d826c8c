/* cipher.h - the door to stream ciphers: a 256-bit seed becomes a long string of bytes, any part of
 * which can be made by itself.
 *
 *     an_stream *s = NULL;
 *     err = an_stream_open(AN_CIPHER_CHACHA20, &s);
 *     err = an_stream_bytes(s, seed, 3, buf, 256);     bytes 192..447 of the seed's string
 *     an_stream_close(s);
 *
 * ChaCha20 (Bernstein 2008, 64-bit block counter, nonce zero) is libsodium's and always there.
 * AES-256 in counter mode (NIST SP 800-38A, the counter is the whole 128-bit block, big-endian, from
 * zero) is libgcrypt's where that is fastest (on processors with VAES), and OpenSSL's elsewhere: where the
 * processor has AES instructions it is two to five times as fast.  A seed is used for one string only, so
 * a fixed nonce is right.
 *
 * Threads: a stream belongs to one thread; open one for each. */
#ifndef AN_DOORS_CIPHER_H
#define AN_DOORS_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The numbers are agreed between sites: rows are appended only.  X(name, number, text) */
#define AN_CIPHER_LIST(X)                                                                                    \
    X(CHACHA20, 1, "chacha20")                                                                               \
    X(AES256CTR, 2, "aes-256-ctr")
typedef enum an_cipher {
#define AN_CIPHER_ROW(name, number, text) AN_CIPHER_##name = number,
    AN_CIPHER_LIST(AN_CIPHER_ROW)
#undef AN_CIPHER_ROW
} an_cipher;

const char *an_cipher_name(an_cipher cipher); /* "chacha20"; NULL for a number that is none */
bool an_cipher_is_fast(an_cipher cipher);     /* the processor has instructions for it, or it needs none */

/* The libraries that make AES, the one to be preferred first; each gives the same bytes. */
#define AN_AES_LIST(X)                                                                                       \
    X(LIBGCRYPT, libgcrypt, "libgcrypt")                                                                     \
    X(LIBCRYPTO, libcrypto, "libcrypto")
typedef enum an_aes {
#define AN_AES_ROW(name, maker, text) AN_AES_##name,
    AN_AES_LIST(AN_AES_ROW)
#undef AN_AES_ROW
        AN_AES_N
} an_aes;

const char *an_aes_name(an_aes aes); /* "libgcrypt"; NULL for a number that is none */
bool an_aes_is_here(an_aes aes);     /* built with it, and it starts */
an_aes an_aes_fastest(void);         /* which an_stream_open takes */

#define AN_STREAM_SEED_BYTES 32
#define AN_STREAM_BLOCK_BYTES 64 /* parts begin at a multiple of this, for every cipher */

typedef struct an_stream an_stream;

/* Errors: INVAL no such cipher, UNSUPPORTED the library lacks it, NOMEM. */
an_err an_stream_open(an_cipher cipher, an_stream **ret);
/* AES of that library, which may be slow: for tests and benches.  Errors: UNSUPPORTED, NOMEM. */
an_err an_stream_open_aes(an_aes aes, an_stream **ret);
void an_stream_close(an_stream *s); /* wipes; NULL is fine */

/* len bytes of the seed's string from block `block` on.  len < 2^31.
 * Errors: UNSUPPORTED the library failed; ret is then zero. */
an_err an_stream_bytes(an_stream *s, const uint8_t seed[static AN_STREAM_SEED_BYTES], uint64_t block,
                       uint8_t *ret, size_t len);

#endif
