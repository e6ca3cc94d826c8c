#include "doors/cipher.h"

#include <limits.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

struct an_stream {
    an_cipher cipher;
    EVP_CIPHER_CTX *aes;
};

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

an_err an_stream_open(an_cipher cipher, an_stream **ret)
{
    an_err err = AN_OK;
    an_stream *s;
    *ret = NULL;
    if (!an_cipher_name(cipher))
        return AN_ERR_INVAL;
    s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->cipher = cipher;
    if (cipher == AN_CIPHER_AES256CTR) {
        s->aes = EVP_CIPHER_CTX_new();
        if (!s->aes)
            err = AN_ERR_NOMEM;
        /* The cipher is looked up once; the keys come later. */
        else if (EVP_EncryptInit_ex(s->aes, EVP_aes_256_ctr(), NULL, NULL, NULL) != 1)
            err = AN_ERR_UNSUPPORTED;
    }
    if (err != AN_OK) {
        an_stream_close(s);
        return err;
    }
    *ret = s;
    return AN_OK;
}

void an_stream_close(an_stream *s)
{
    if (!s)
        return;
    EVP_CIPHER_CTX_free(s->aes);
    an_free(s);
}

/* A block here is four of AES. */
static bool aes_bytes(EVP_CIPHER_CTX *aes, const uint8_t *seed, uint64_t block, uint8_t *ret, size_t len)
{
    uint8_t counter[16] = {0};
    uint64_t low = block << 2;
    int n = 0;
    counter[7] = (uint8_t)(block >> 62);
    for (int i = 0; i < 8; i++)
        counter[15 - i] = (uint8_t)(low >> (8 * i));
    return EVP_EncryptInit_ex(aes, NULL, NULL, seed, counter) == 1 &&
           EVP_EncryptUpdate(aes, ret, &n, ret, (int)len) == 1 && (size_t)n == len;
}

an_err an_stream_bytes(an_stream *s, const uint8_t seed[static AN_STREAM_SEED_BYTES], uint64_t block,
                       uint8_t *ret, size_t len)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    bool ok = len <= INT_MAX;
    memset(ret, 0, len);
    if (len == 0)
        return AN_OK;
    if (ok && s->cipher == AN_CIPHER_AES256CTR)
        ok = aes_bytes(s->aes, seed, block, ret, len);
    else if (ok)
        ok = crypto_stream_chacha20_xor_ic(ret, ret, len, nonce, block, seed) == 0;
    if (ok)
        return AN_OK;
    memset(ret, 0, len);
    return AN_ERR_UNSUPPORTED;
}
