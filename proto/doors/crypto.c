#include "doors/crypto.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/buf.h"

static_assert(sizeof(crypto_generichash_state) <= sizeof(an_hasher), "an_hasher too small");
static_assert(crypto_sign_PUBLICKEYBYTES == AN_SIGN_PUBLIC_BYTES, "Ed25519 public key");
static_assert(crypto_sign_SECRETKEYBYTES == AN_SIGN_SECRET_BYTES, "Ed25519 secret key");
static_assert(crypto_box_PUBLICKEYBYTES == AN_LINK_KEY_BYTES, "X25519 key");
static_assert(crypto_pwhash_STRBYTES == AN_PASSWORD_TEXT, "Argon2id text");

an_err an_crypto_init(void)
{
    return sodium_init() < 0 ? AN_ERR_UNSUPPORTED : AN_OK;
}

void an_hash_of(an_hash *ret, const void *bytes, size_t len)
{
    crypto_generichash(ret->b, sizeof ret->b, bytes, len, NULL, 0);
}

bool an_hash_equal(const an_hash *a, const an_hash *b)
{
    return sodium_memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool an_hash_is_zero(const an_hash *h)
{
    return sodium_is_zero(h->b, sizeof h->b) == 1;
}

void an_hash_text(char out[static AN_HASH_TEXT], const an_hash *h)
{
    an_hex(out, h->b, sizeof h->b);
}

bool an_hash_parse(an_hash *ret, const char *text)
{
    return an_unhex(ret->b, sizeof ret->b, text);
}

/* The state lives in bytes of our own so that no caller sees libsodium's type. */
static crypto_generichash_state *state_of(an_hasher *s)
{
    return (crypto_generichash_state *)(void *)s->state;
}

void an_hasher_init(an_hasher *s)
{
    crypto_generichash_init(state_of(s), NULL, 0, AN_HASH_BYTES);
}

void an_hasher_add(an_hasher *s, const void *bytes, size_t len)
{
    crypto_generichash_update(state_of(s), bytes, len);
}

void an_hasher_end(an_hasher *s, an_hash *ret)
{
    crypto_generichash_final(state_of(s), ret->b, sizeof ret->b);
}

void an_sign_keypair(uint8_t ret_public[static AN_SIGN_PUBLIC_BYTES],
                     uint8_t ret_secret[static AN_SIGN_SECRET_BYTES])
{
    crypto_sign_keypair(ret_public, ret_secret);
}

/* What is signed is BLAKE2b-512(length of context, context, message). */
static void sign_digest(uint8_t out[static 64], const char *context, const void *bytes, size_t len)
{
    crypto_generichash_state st;
    uint8_t n[4];
    size_t context_len = strlen(context);
    an_put_u32(n, (uint32_t)context_len);
    crypto_generichash_init(&st, NULL, 0, 64);
    crypto_generichash_update(&st, n, sizeof n);
    crypto_generichash_update(&st, (const uint8_t *)context, context_len);
    crypto_generichash_update(&st, bytes, len);
    crypto_generichash_final(&st, out, 64);
}

void an_sign(uint8_t ret_sig[static AN_SIGN_BYTES], const char *context, const void *bytes, size_t len,
             const uint8_t secret[static AN_SIGN_SECRET_BYTES])
{
    uint8_t digest[64];
    sign_digest(digest, context, bytes, len);
    crypto_sign_detached(ret_sig, NULL, digest, sizeof digest, secret);
}

an_err an_sign_check(const uint8_t sig[static AN_SIGN_BYTES], const char *context, const void *bytes,
                     size_t len, const uint8_t public_key[static AN_SIGN_PUBLIC_BYTES])
{
    uint8_t digest[64];
    sign_digest(digest, context, bytes, len);
    return crypto_sign_verify_detached(sig, digest, sizeof digest, public_key) == 0 ? AN_OK : AN_ERR_AUTH;
}

void an_link_keypair(uint8_t ret_public[static AN_LINK_KEY_BYTES],
                     uint8_t ret_secret[static AN_LINK_KEY_BYTES])
{
    crypto_box_keypair(ret_public, ret_secret);
}

void an_random(void *ret, size_t len)
{
    randombytes_buf(ret, len);
}

void an_wipe(void *secret, size_t len)
{
    sodium_memzero(secret, len);
}

bool an_secret_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void *an_secret_alloc(size_t len)
{
    return sodium_malloc(len);
}

void an_secret_free(void *secret)
{
    sodium_free(secret);
}

void an_mac_of(an_hash *ret, const uint8_t key[static 32], const void *bytes, size_t len)
{
    crypto_generichash(ret->b, sizeof ret->b, bytes, len, key, 32);
}

static_assert(crypto_auth_hmacsha256_BYTES == AN_HMAC_BYTES, "HMAC-SHA256");

an_err an_password_hash(char ret[static AN_PASSWORD_TEXT], const char *password, size_t len)
{
    const int bad = crypto_pwhash_str_alg(ret, password, len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                          crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13);
    return bad ? AN_ERR_NOMEM : AN_OK;
}

an_err an_password_check(const char *text, const char *password, size_t len)
{
    errno = 0;
    if (crypto_pwhash_str_verify(text, password, len) == 0)
        return AN_OK;
    return errno == ENOMEM ? AN_ERR_NOMEM : AN_ERR_AUTH;
}

void an_hmac_sha256(uint8_t ret[static AN_HMAC_BYTES], const void *key, size_t key_len, const void *bytes,
                    size_t len)
{
    crypto_auth_hmacsha256_state s;
    crypto_auth_hmacsha256_init(&s, key, key_len);
    crypto_auth_hmacsha256_update(&s, bytes, len);
    crypto_auth_hmacsha256_final(&s, ret);
    sodium_memzero(&s, sizeof s);
}
