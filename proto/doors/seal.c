#include "doors/seal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/buf.h"

static_assert(crypto_scalarmult_BYTES == AN_AGREE_BYTES, "X25519");
static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == AN_SEAL_NONCE_BYTES, "nonce");
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == AN_SEAL_MORE_BYTES, "tag");

void an_agree_public(uint8_t ret_public[static AN_AGREE_BYTES], const uint8_t secret[static AN_AGREE_BYTES])
{
    crypto_scalarmult_base(ret_public, secret);
}

an_err an_agree(uint8_t ret[static AN_AGREE_BYTES], const uint8_t secret[static AN_AGREE_BYTES],
                const uint8_t public_key[static AN_AGREE_BYTES])
{
    return crypto_scalarmult(ret, secret, public_key) == 0 ? AN_OK : AN_ERR_AUTH;
}

void an_kdf(uint8_t ret[static AN_KEY_BYTES], const uint8_t key[static AN_KEY_BYTES], const char *context,
            const void *bytes, size_t len)
{
    crypto_generichash_state st;
    uint8_t n[4];
    size_t context_len = strlen(context);
    an_put_u32(n, (uint32_t)context_len);
    crypto_generichash_init(&st, key, AN_KEY_BYTES, AN_KEY_BYTES);
    crypto_generichash_update(&st, n, sizeof n);
    crypto_generichash_update(&st, (const uint8_t *)context, context_len);
    crypto_generichash_update(&st, bytes, len);
    crypto_generichash_final(&st, ret, AN_KEY_BYTES);
    sodium_memzero(&st, sizeof st);
}

void an_seal(uint8_t *ret, const uint8_t key[static AN_KEY_BYTES],
             const uint8_t nonce[static AN_SEAL_NONCE_BYTES], const void *ad, size_t ad_len,
             const void *plain, size_t len)
{
    crypto_aead_xchacha20poly1305_ietf_encrypt(ret, NULL, plain, len, ad, ad_len, NULL, nonce, key);
}

an_err an_seal_open(uint8_t *ret, const uint8_t key[static AN_KEY_BYTES],
                    const uint8_t nonce[static AN_SEAL_NONCE_BYTES], const void *ad, size_t ad_len,
                    const uint8_t *box, size_t len)
{
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(ret, NULL, NULL, box, len + AN_SEAL_MORE_BYTES, ad, ad_len,
                                                   nonce, key) == 0)
        return AN_OK;
    memset(ret, 0, len);
    return AN_ERR_AUTH;
}
