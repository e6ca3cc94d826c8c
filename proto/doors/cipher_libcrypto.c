#include <openssl/evp.h>

#include "doors/cipher_internal.h"

static bool yes(void)
{
    return true;
}

/* The cipher is looked up once; the keys come later. */
static void *open_aes(void)
{
    EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
    if (aes && EVP_EncryptInit_ex(aes, EVP_aes_256_ctr(), NULL, NULL, NULL) != 1) {
        EVP_CIPHER_CTX_free(aes);
        aes = NULL;
    }
    return aes;
}

static void close_aes(void *aes)
{
    EVP_CIPHER_CTX_free(aes);
}

static bool begin(void *aes, const uint8_t key[static AN_STREAM_SEED_BYTES],
                  const uint8_t counter[static AN_AES_COUNTER_BYTES])
{
    return EVP_EncryptInit_ex(aes, NULL, NULL, key, counter) == 1;
}

static bool more(void *aes, uint8_t *ret, const uint8_t *zeros, size_t len)
{
    int n = 0;
    return EVP_EncryptUpdate(aes, ret, &n, zeros, (int)len) == 1 && (size_t)n == len;
}

const an_aes_maker an_aes_libcrypto = {
    .is_here = yes, .is_fast = yes, .open = open_aes, .close = close_aes, .begin = begin, .more = more};
