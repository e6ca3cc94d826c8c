#include "doors/cipher.h"

#include <assert.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>

#include "base/mem.h"
#include "doors/cipher_internal.h"

struct an_stream {
    an_cipher cipher;
    const an_aes_maker *maker;
    void *aes; /* the maker's; NULL for another cipher */
};

static const an_aes_maker *const makers[AN_AES_N] = {
#define AN_AES_ROW(name, maker, text) [AN_AES_##name] = &an_aes_##maker,
    AN_AES_LIST(AN_AES_ROW)
#undef AN_AES_ROW
};

/* What is encrypted, so that the output need not be cleared first.  Its length is also how much of a
 * string is made at once. */
static const uint8_t zeros[16384];
static_assert(sizeof zeros % AN_STREAM_BLOCK_BYTES == 0, "whole blocks");

const char *an_cipher_name(an_cipher cipher)
{
    switch (cipher) {
#define AN_CIPHER_ROW(name, number, text)                                                                    \
    case AN_CIPHER_##name:                                                                                   \
        return text;
        AN_CIPHER_LIST(AN_CIPHER_ROW)
#undef AN_CIPHER_ROW
    }
    return NULL;
}

bool an_cipher_is_fast(an_cipher cipher)
{
    return cipher != AN_CIPHER_AES256CTR || sodium_runtime_has_aesni() == 1;
}

const char *an_aes_name(an_aes aes)
{
    static const char *const names[AN_AES_N] = {
#define AN_AES_ROW(name, maker, text) [AN_AES_##name] = text,
        AN_AES_LIST(AN_AES_ROW)
#undef AN_AES_ROW
    };
    return (unsigned)aes < AN_AES_N ? names[aes] : NULL;
}

bool an_aes_is_here(an_aes aes)
{
    return (unsigned)aes < AN_AES_N && makers[aes]->is_here();
}

an_aes an_aes_fastest(void)
{
    unsigned i = 0;
    while (i + 1 < AN_AES_N && !makers[i]->is_fast())
        i++;
    return (an_aes)i;
}

an_err an_stream_open(an_cipher cipher, an_stream **ret)
{
    *ret = NULL;
    if (!an_cipher_name(cipher))
        return AN_ERR_INVAL;
    if (cipher == AN_CIPHER_AES256CTR)
        return an_stream_open_aes(an_aes_fastest(), ret);
    an_stream *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->cipher = cipher;
    *ret = s;
    return AN_OK;
}

an_err an_stream_open_aes(an_aes aes, an_stream **ret)
{
    *ret = NULL;
    if (!an_aes_is_here(aes))
        return AN_ERR_UNSUPPORTED;
    an_stream *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    *s = (an_stream){.cipher = AN_CIPHER_AES256CTR, .maker = makers[aes], .aes = makers[aes]->open()};
    if (!s->aes) {
        an_free(s);
        return AN_ERR_UNSUPPORTED;
    }
    *ret = s;
    return AN_OK;
}

void an_stream_close(an_stream *s)
{
    if (!s)
        return;
    if (s->aes)
        s->maker->close(s->aes);
    an_free(s);
}

/* A block here is four of AES. */
static bool aes_begin(const an_stream *s, const uint8_t *seed, uint64_t block)
{
    uint8_t counter[AN_AES_COUNTER_BYTES] = {0};
    uint64_t low = block << 2;
    counter[7] = (uint8_t)(block >> 62);
    for (int i = 0; i < 8; i++)
        counter[15 - i] = (uint8_t)(low >> (8 * i));
    return s->maker->begin(s->aes, seed, counter);
}

an_err an_stream_bytes(an_stream *s, const uint8_t seed[static AN_STREAM_SEED_BYTES], uint64_t block,
                       uint8_t *ret, size_t len)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    bool is_aes = s->cipher == AN_CIPHER_AES256CTR;
    bool ok = len <= INT_MAX && (!is_aes || len == 0 || aes_begin(s, seed, block));
    for (size_t at = 0, n; ok && at < len; at += n) {
        n = len - at < sizeof zeros ? len - at : sizeof zeros;
        ok = is_aes ? s->maker->more(s->aes, ret + at, zeros, n)
                    : crypto_stream_chacha20_xor_ic(ret + at, zeros, n, nonce,
                                                    block + at / AN_STREAM_BLOCK_BYTES, seed) == 0;
    }
    if (ok)
        return AN_OK;
    memset(ret, 0, len);
    return AN_ERR_UNSUPPORTED;
}
