/* Strangers' bytes as an encoded chunk of an update: the first byte names the encoding and whether the rest is
 * to be packed first (so that what is within the frame is reached), the second how many coordinates there are,
 * the rest is the chunk.  What is taken must come out of a pack as it went in. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doors/zstd.h"
#include "sum/encoding.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void look(const an_encoding *e, size_t n, size_t coded, const uint8_t *bytes, size_t len)
{
    static uint32_t v[AN_CHUNK], again[AN_CHUNK];
    an_note why;
    an_buf b;
    if (an_encoding_unpack(e, v, n, coded, bytes, len, &why) != AN_OK)
        return;
    an_buf_init(&b, an_encoding_most(e, n, coded));
    if (an_encoding_pack(e, v, n, coded, &b) != AN_OK ||
        an_encoding_unpack(e, again, n, coded, b.data, b.len, &why) != AN_OK ||
        memcmp(v, again, n * sizeof *v) != 0)
        abort();
    an_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return 0;
    const an_encoding *e = an_encoding_at(bytes[0] & 3);
    const size_t n = bytes[1] ? (size_t)bytes[1] * 16 : 1, coded = n < 12 ? n : n - bytes[1] % 12;
    if (!e)
        return 0;
    if (bytes[0] & 4 && e->zstd) {
        an_buf b;
        an_buf_init(&b, 1 << 20);
        if (an_zstd_pack(&b, bytes + 2, len - 2, 1) == AN_OK)
            look(e, n, coded, b.data, b.len);
        an_buf_done(&b);
        return 0;
    }
    look(e, n, coded, bytes + 2, len - 2);
    return 0;
}
