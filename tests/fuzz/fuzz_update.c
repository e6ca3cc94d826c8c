/* Strangers' bytes as an update file that comes in pieces.  The first byte says how long these
 * are, the rest is the file; it belongs to the site, round and plan of tests/vectors/wire.hex.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sum/vector.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    enum { DIM = 36 };
    an_update_header h = {.round = 12, .dim = DIM, .site = "plant-a"};
    uint32_t acc[DIM] = {0}, want[DIM];
    an_fold f;
    an_hash hash;
    an_note why;
    if (len == 0)
        return 0;
    for (uint8_t i = 0; i < AN_HASH_BYTES; i++)
        h.plan_hash.b[i] = (uint8_t)(10 + i);
    size_t piece = bytes[0] ? bytes[0] : 1;
    an_fold_init(&f, &h, acc);
    for (size_t at = 1; at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        if (an_fold_feed(&f, bytes + at, n, &why) != AN_OK)
            return 0;
    }
    if (an_fold_end(&f, &hash, &why) != AN_OK)
        return 0;
    /* Whole: the pieces must not show. */
    for (size_t i = 0; i < DIM; i++) {
        const uint8_t *w = bytes + 1 + AN_UPDATE_HEADER_BYTES + 4 * i;
        want[i] = w[0] | (uint32_t)w[1] << 8 | (uint32_t)w[2] << 16 | (uint32_t)w[3] << 24;
    }
    if (memcmp(acc, want, sizeof want) != 0)
        abort();
    return 0;
}
