/* Blocks of 256 coordinates share a scale 2^s, so that each is q * 2^s with |q| <= 127:
 *
 *     ceil(n / 256) * s       one byte each, 0 .. 24
 *     n * q                   one byte each, two's complement, never -128
 *
 * s is the least that fits the block's largest: the scales are powers of two of the plan's unit. */
#include "sum/encoding_internal.h"

#define BLOCK ((size_t)256)
#define SCALE_MAX 25 /* 2^31 is 64 * 2^25 */

static uint8_t scale_of(const uint32_t *v, size_t n)
{
    uint32_t all = 0;
    uint8_t s = 0;
    for (size_t i = 0; i < n; i++)
        all |= an_magnitude(v[i]);
    while (all >> s > 127)
        s++;
    return s;
}

static size_t block_at(size_t at, size_t n)
{
    return n - at < BLOCK ? n - at : BLOCK;
}

static void round_down(uint32_t *v, size_t n, double share)
{
    (void)share;
    for (size_t at = 0; at < n; at += BLOCK) {
        const uint8_t s = scale_of(v + at, block_at(at, n));
        for (size_t i = at; i < at + block_at(at, n); i++) {
            const uint32_t whole = an_magnitude(v[i]) >> s << s;
            v[i] = v[i] >> 31 ? 0 - whole : whole;
        }
    }
}

static void put(an_buf *b, const uint32_t *v, size_t n)
{
    for (size_t at = 0; at < n; at += BLOCK)
        an_buf_u8(b, scale_of(v + at, block_at(at, n)));
    for (size_t at = 0; at < n; at += BLOCK) {
        const uint8_t s = scale_of(v + at, block_at(at, n));
        for (size_t i = at; i < at + block_at(at, n); i++) {
            const uint32_t q = an_magnitude(v[i]) >> s;
            an_buf_u8(b, (uint8_t)(v[i] >> 31 ? 0 - q : q));
        }
    }
}

static an_err get(uint32_t *ret, size_t n, an_reader *r, an_note *why)
{
    const size_t blocks = (n + BLOCK - 1) / BLOCK;
    const uint8_t *scales = an_read_bytes(r, blocks), *q = an_read_bytes(r, n);
    if (n == 0)
        return AN_OK;
    if (!scales || !q)
        return an_fail(AN_ERR_PROTO, why, "an int8 chunk of the update is cut short");
    for (size_t i = 0; i < n; i++) {
        const uint8_t s = scales[i / BLOCK];
        if (s > SCALE_MAX || q[i] == 0x80)
            return an_fail(AN_ERR_PROTO, why, "an int8 chunk of the update is out of bounds");
        const uint32_t whole = (uint32_t)(q[i] & 0x80 ? 0x100 - q[i] : q[i]) << s;
        ret[i] = q[i] & 0x80 ? 0 - whole : whole;
    }
    return AN_OK;
}

static size_t most(size_t n)
{
    return (n + BLOCK - 1) / BLOCK + n;
}

const an_encoding an_encoding_int8 = {
    .name = "int8",
    .meaning = "one byte for each coordinate, with a scale for 256 of them",
    .zstd = true,
    .round = round_down,
    .put = put,
    .get = get,
    .most = most,
};
