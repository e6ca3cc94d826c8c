#include "agent/residual.h"

#include <stdint.h>
#include <string.h>

#include "agent/checked.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

/* magic, campaign, base, n, what held before the last round (n), what holds after it (n), hash (checked.h) */
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
    an_reader in;
    if (!an_file_exists(path))
        return AN_OK;
    an_buf_init(&b, file_size(r->n));
    an_err err = an_checked_read(path, MAGIC, &b, &in, why);
    if (err == AN_OK && b.len == file_size(r->n)) {
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
    return err == AN_ERR_PROTO ? AN_OK : err; /* as if there were none */
}

an_err an_residual_save(const an_residual *r, const char *path, const an_plan *plan, an_note *why)
{
    an_buf b;
    an_buf_init(&b, file_size(r->n));
    an_buf_put(&b, MAGIC, AN_CHECKED_MAGIC);
    an_buf_u64(&b, plan->campaign);
    an_buf_put(&b, plan->base.b, AN_HASH_BYTES);
    an_buf_u64(&b, r->n);
    for (size_t i = 0; i < r->n; i++)
        an_buf_f32(&b, r->now ? r->now[i] : 0);
    for (size_t i = 0; i < r->n; i++)
        an_buf_f32(&b, r->next[i]);
    const an_err err = an_checked_write(path, &b, why);
    an_buf_done(&b);
    return err;
}
