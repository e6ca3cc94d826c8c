#include "sum/mask.h"

#include <stdatomic.h>

#include "base/buf.h"
#include "doors/crypto.h"
#include "sum/vector.h"

#define BLOCK_WORDS (AN_STREAM_BLOCK_BYTES / 4)
#define JOB_TILES 2

/* On a little-endian machine the words lie as they are; elsewhere each is turned. */
static void turn(uint32_t *raw, size_t n)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    (void)raw;
    (void)n;
#else
    for (size_t i = 0; i < n; i++)
        raw[i] = an_get_u32((const uint8_t *)&raw[i]);
#endif
}

static void apply(uint32_t *v, uint32_t *raw, size_t n, bool subtract)
{
    turn(raw, n);
    if (subtract)
        an_sum_sub(v, raw, n);
    else
        an_sum_add(v, raw, n);
}

static an_err add_range(an_stream *s, uint32_t *v, uint64_t from, size_t n, const an_mask *masks,
                        size_t n_masks)
{
    _Alignas(64) uint32_t tile[AN_MASK_TILE + BLOCK_WORDS];
    an_err err = AN_OK;
    while (n > 0 && err == AN_OK) {
        size_t skip = (size_t)(from % BLOCK_WORDS);
        size_t now = n < AN_MASK_TILE ? n : AN_MASK_TILE;
        for (size_t i = 0; i < n_masks && err == AN_OK; i++) {
            err = an_stream_bytes(s, masks[i].seed, from / BLOCK_WORDS, (uint8_t *)tile, 4 * (skip + now));
            apply(v, tile + skip, now, masks[i].subtract);
        }
        v += now;
        from += now;
        n -= now;
    }
    an_wipe(tile, sizeof tile);
    return err;
}

an_err an_masks_add(uint32_t *v, uint64_t from, size_t n, const an_mask *masks, size_t n_masks,
                    an_cipher cipher)
{
    an_stream *s = NULL;
    an_err err = an_stream_open(cipher, &s);
    if (err == AN_OK)
        err = add_range(s, v, from, n, masks, n_masks);
    an_stream_close(s);
    return err;
}

typedef struct mask_job {
    uint32_t *v;
    size_t n;
    const an_mask *masks;
    size_t n_masks;
    an_cipher cipher;
    atomic_int err; /* any one of the errors */
} mask_job;

static void do_job(void *ctx, size_t job, size_t worker)
{
    mask_job *m = ctx;
    size_t from = job * JOB_TILES * AN_MASK_TILE;
    size_t n = m->n - from < JOB_TILES * AN_MASK_TILE ? m->n - from : JOB_TILES * AN_MASK_TILE;
    an_err err = an_masks_add(m->v + from, from, n, m->masks, m->n_masks, m->cipher);
    (void)worker;
    if (err != AN_OK)
        atomic_store(&m->err, (int)err);
}

an_err an_masks_add_all(uint32_t *v, size_t n, const an_mask *masks, size_t n_masks, an_cipher cipher,
                        an_workers *workers)
{
    mask_job m = {.v = v, .n = n, .masks = masks, .n_masks = n_masks, .cipher = cipher};
    size_t jobs = n / (JOB_TILES * AN_MASK_TILE) + (n % (JOB_TILES * AN_MASK_TILE) != 0);
    atomic_init(&m.err, AN_OK);
    an_workers_run(workers, jobs, do_job, &m);
    return (an_err)atomic_load(&m.err);
}
