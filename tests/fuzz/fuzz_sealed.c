/* Strangers' bytes as a sealed update file, in memory, with the key at hand: whatever is taken opens box by box or
 * not at all. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "doors/crypto.h"
#include "sum/sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    enum { DIM = AN_CHUNK + 36 };
    static uint32_t v[DIM];
    static const uint8_t secret[AN_AGREE_BYTES] = {1};
    an_sealed_terms t = {.header = {.round = 12, .dim = DIM, .site = "plant-a"}, .n_coded = DIM - 12};
    an_sealed *s = NULL;
    an_note why;
    if (len < 1 || an_crypto_init() != AN_OK)
        return 0;
    t.encoding = an_encoding_at(bytes[0] % 3);
    an_agree_public(t.seal_key, secret);
    for (uint8_t i = 0; i < AN_HASH_BYTES; i++)
        t.header.plan_hash.b[i] = (uint8_t)(10 + i);
    if (an_sealed_open(&s, &t, NULL, bytes + 1, len - 1, NULL, secret, &why) != AN_OK)
        return 0;
    an_err err = an_sealed_read(s, 0, DIM, v, &why);
    (void)err; /* a stranger has no key that fits: AUTH, or bytes of the corpus */
    an_sealed_close(s);
    return 0;
}
