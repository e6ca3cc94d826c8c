/* A parcel comes on a stick that anybody may have had.  The signature is made good here, so that what is behind it is
 * read, too: what is accepted must be written as the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "trust/parcel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_it(const uint8_t *data, size_t size, const uint8_t *public_key, const uint8_t *secret)
{
    an_parcel *p = NULL;
    an_buf again;
    if (an_parcel_decode(data, size, public_key, &p, NULL) != AN_OK)
        return;
    if (p->head > size || p->n_messages < 1 || p->n_bundles < 1)
        abort();
    an_buf_init(&again, AN_PARCEL_HEAD_MAX);
    an_err err =
        an_parcel_encode(p->messages, p->n_messages, p->bundles, p->n_bundles, p->card, secret, &again, NULL);
    if (err != AN_OK && err != AN_ERR_LIMIT)
        abort();
    an_buf_done(&again);
    an_parcel_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t public_key[AN_SIGN_PUBLIC_BYTES], secret[AN_SIGN_SECRET_BYTES];
    static bool ready;
    if (!ready) {
        if (an_crypto_init() != AN_OK)
            abort();
        an_sign_keypair(public_key, secret);
        ready = true;
    }
    an_parcel *p = NULL;
    if (an_parcel_decode(data, size, public_key, &p, NULL) == AN_OK)
        abort(); /* nobody has signed it */
    uint8_t *good = an_alloc(size + AN_SIGN_BYTES, 1);
    if (good) {
        an_hash hash;
        if (size > 0)
            memcpy(good, data, size);
        an_hash_of(&hash, good, size);
        an_sign(good + size, AN_PARCEL_CONTEXT, hash.b, sizeof hash.b, secret);
        read_it(good, size + AN_SIGN_BYTES, public_key, secret);
    }
    an_free(good);
    if (an_mem_live() != 0)
        abort();
    return 0;
}
