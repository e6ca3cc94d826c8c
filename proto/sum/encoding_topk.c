/* Only the largest coordinates go, the others are zero (Aji and Heafield 2017):
 *
 *     count                   u16
 *     count * place           u16 each, within the chunk, ascending
 *     count * coordinate      u32 each, not zero */
#include <math.h>
#include <string.h>

#include "sum/encoding_internal.h"

/* The k-th largest magnitude, k >= 1, digit by digit; *ret_equal: how many of that very size are among the
 * k largest. */
static uint32_t kth(const uint32_t *v, size_t n, size_t k, size_t *ret_equal)
{
    uint32_t prefix = 0, mask = 0;
    for (unsigned shift = 24;; shift -= 8) {
        size_t counts[256] = {0};
        for (size_t i = 0; i < n; i++)
            if ((an_magnitude(v[i]) & mask) == prefix)
                counts[an_magnitude(v[i]) >> shift & 0xff]++;
        unsigned digit = 255;
        while (counts[digit] < k)
            k -= counts[digit--];
        prefix |= (uint32_t)digit << shift;
        mask |= UINT32_C(0xff) << shift;
        if (shift == 0)
            break;
    }
    *ret_equal = k;
    return prefix;
}

static void keep_largest(uint32_t *v, size_t n, double share)
{
    const double want = ceil(share * (double)n);
    const size_t k = want < 1 ? 1 : want < (double)n ? (size_t)want : n;
    size_t equal = 0;
    if (n == 0)
        return;
    const uint32_t least = kth(v, n, k, &equal);
    for (size_t i = 0; i < n; i++) {
        const uint32_t m = an_magnitude(v[i]);
        if (m < least || (m == least && equal == 0))
            v[i] = 0;
        else if (m == least)
            equal--;
    }
}

static void put(an_buf *b, const uint32_t *v, size_t n)
{
    uint16_t count = 0;
    for (size_t i = 0; i < n; i++)
        count = (uint16_t)(count + (v[i] != 0));
    an_buf_u16(b, count);
    for (size_t i = 0; i < n; i++)
        if (v[i] != 0)
            an_buf_u16(b, (uint16_t)i);
    for (size_t i = 0; i < n; i++)
        if (v[i] != 0)
            an_buf_u32(b, v[i]);
}

static an_err get(uint32_t *ret, size_t n, an_reader *r, an_note *why)
{
    uint16_t places[AN_CHUNK];
    const size_t count = an_read_u16(r);
    if (r->failed || count > n)
        return an_fail(AN_ERR_PROTO, why, "a topk chunk of %zu coordinates has %zu of them", n, count);
    for (size_t i = 0; i < count; i++) {
        places[i] = an_read_u16(r);
        if (places[i] >= n || (i > 0 && places[i] <= places[i - 1]))
            return an_fail(AN_ERR_PROTO, why, "the places in a topk chunk do not ascend within it");
    }
    memset(ret, 0, n * sizeof *ret);
    for (size_t i = 0; i < count; i++)
        if ((ret[places[i]] = an_read_u32(r)) == 0)
            return an_fail(AN_ERR_PROTO, why, "a topk chunk says zero, or is cut short");
    return AN_OK;
}

static size_t most(size_t n)
{
    return 2 + 6 * n;
}

const an_encoding an_encoding_topk = {
    .name = "topk",
    .meaning = "only the largest coordinates",
    .zstd = true,
    .round = keep_largest,
    .put = put,
    .get = get,
    .most = most,
};
