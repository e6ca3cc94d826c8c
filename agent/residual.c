#include "agent/residual.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"

/* magic, campaign, base, n, what held before the last round (n), what holds after it (n), hash of all that */
#define MAGIC "ANRES\0\0\1"
#define HEAD (8 + 8 + AN_HASH_BYTES + 8)

static size_t file_size(size_t n)
{
    return HEAD + 8 * n + AN_HASH_BYTES;
}

void an_residual_done(an_residual *r)
{
    an_free(r->now);
    an_free(r->next);
    *r = (an_residual){0};
}

static bool is_whole(const an_buf *b, size_t n)
{
    an_hash h;
    if (b->len != file_size(n) || memcmp(b->data, MAGIC, 8) != 0)
        return false;
    an_hash_of(&h, b->data, b->len - AN_HASH_BYTES);
    return memcmp(h.b, b->data + b->len - AN_HASH_BYTES, AN_HASH_BYTES) == 0;
}

/* Only finite numbers were written. */
static an_err read_values(an_residual *r, an_reader *in)
{
    if (!(r->now = an_alloc(r->n, sizeof *r->now)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < r->n; i++)
        r->now[i] = an_read_f32(in);
    return AN_OK;
}

an_err an_residual_load(an_residual *r, const char *path, const an_plan *plan, an_note *why)
{
    an_buf b;
    if (!an_file_exists(path))
        return AN_OK;
    an_buf_init(&b, file_size(r->n));
    an_err err = an_file_read(&b, path, why);
    if (err == AN_ERR_LIMIT)
        err = AN_OK; /* of another kind: not whole */
    if (err == AN_OK && is_whole(&b, r->n)) {
        an_reader in = an_reader_of(b.data + 8, b.len - 8);
        const uint64_t campaign = an_read_u64(&in);
        const uint8_t *base = an_read_bytes(&in, AN_HASH_BYTES);
        const bool again = base && memcmp(base, plan->base.b, AN_HASH_BYTES) == 0;
        const uint64_t n = an_read_u64(&in);
        if (!again)
            an_read_bytes(&in, 4 * r->n);
        if (campaign == plan->campaign && n == r->n)
            err = read_values(r, &in);
    }
    an_buf_done(&b);
    return err;
}

an_err an_residual_save(const an_residual *r, const char *path, const an_plan *plan, an_note *why)
{
    an_buf b;
    an_hash h;
    an_buf_init(&b, file_size(r->n));
    an_buf_put(&b, MAGIC, 8);
    an_buf_u64(&b, plan->campaign);
    an_buf_put(&b, plan->base.b, AN_HASH_BYTES);
    an_buf_u64(&b, r->n);
    for (size_t i = 0; i < r->n; i++)
        an_buf_f32(&b, r->now ? r->now[i] : 0);
    for (size_t i = 0; i < r->n; i++)
        an_buf_f32(&b, r->next[i]);
    if (!b.failed) {
        an_hash_of(&h, b.data, b.len);
        an_buf_put(&b, h.b, AN_HASH_BYTES);
    }
    an_err err = an_buf_err(&b);
    if (err == AN_OK)
        err = an_file_write(path, b.data, b.len, 0600, why);
    an_buf_done(&b);
    return err;
}
