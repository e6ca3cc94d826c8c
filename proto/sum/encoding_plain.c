/* Every coordinate as a word. */
#include "sum/encoding_internal.h"

static void put(an_buf *b, const uint32_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        an_buf_u32(b, v[i]);
}

static an_err get(uint32_t *ret, size_t n, an_reader *r, an_note *why)
{
    (void)why;
    for (size_t i = 0; i < n; i++)
        ret[i] = an_read_u32(r);
    return AN_OK;
}

static size_t most(size_t n)
{
    return 4 * n;
}

const an_encoding an_encoding_plain = {
    .name = "plain",
    .meaning = "every coordinate whole",
    .put = put,
    .get = get,
    .most = most,
};
