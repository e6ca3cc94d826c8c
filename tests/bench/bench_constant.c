/* Shares, masks and derived keys made from bytes that were never written: under valgrind (memcheck) any
 * branch or address that depends on such a byte is an error, so silence means that time does not depend on
 * the secret.  tests/bench/constant_time.sh runs it.
 *
 *     bench_constant          no error may be reported
 *     bench_constant leak     takes a branch on a secret: an error must be reported, or the check is blind */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/seal.h"
#include "sum/mask.h"
#include "sum/shares.h"

enum { SHARES = 20, THRESHOLD = 13, WORDS = 5000 };

typedef struct secrets {
    an_share secret, coins, shares[SHARES], again;
    an_mask masks[2];
    uint8_t key[AN_KEY_BYTES];
    uint32_t v[WORDS];
} secrets;

/* valgrind's processor has no VAES: masks would never come to a library that is for it. */
static an_err each_aes(secrets *s)
{
    an_err err = AN_OK;
    for (unsigned a = 0; a < AN_AES_N && err == AN_OK; a++) {
        an_stream *stream = NULL;
        if (!an_aes_is_here((an_aes)a))
            continue;
        err = an_stream_open_aes((an_aes)a, &stream);
        if (err == AN_OK)
            err = an_stream_bytes(stream, s->key, 3, (uint8_t *)s->v, sizeof s->v);
        an_stream_close(stream);
    }
    return err;
}

static int all(secrets *s)
{
    uint8_t xs[SHARES];
    an_err err = an_shares_split(s->shares, SHARES, THRESHOLD, &s->secret, &s->coins);
    for (size_t i = 0; i < THRESHOLD; i++)
        xs[i] = (uint8_t)(i + 1);
    if (err == AN_OK)
        err = an_shares_at(&s->again, xs, s->shares, THRESHOLD, 0);
    an_kdf(s->key, s->secret.b, "andon constant time", s->coins.b, sizeof s->coins);
    memcpy(s->masks[0].seed, s->key, sizeof s->key);
    memcpy(s->masks[1].seed, s->coins.b, sizeof s->coins);
    s->masks[0].subtract = false;
    s->masks[1].subtract = true;
    if (err == AN_OK)
        err = an_masks_add(s->v, 0, WORDS, s->masks, 2, AN_CIPHER_CHACHA20);
    if (err == AN_OK)
        err = an_masks_add(s->v, 0, WORDS, s->masks, 2, AN_CIPHER_AES256CTR);
    if (err == AN_OK)
        err = each_aes(s);
    return err != AN_OK;
}

int main(int argc, char **argv)
{
    int bad;
    secrets *s = an_alloc_raw(1, sizeof *s);
    if (!s || an_crypto_init() != AN_OK)
        return 1;
    if (argc > 1 && strcmp(argv[1], "leak") == 0)
        bad = s->secret.b[3] == 7 ? puts("seven") < 0 : 0;
    else
        bad = all(s);
    an_free(s);
    return bad;
}
