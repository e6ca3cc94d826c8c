#include "doors/zstd.h"

#include <stdbool.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"

#define WINDOW_LOG_MAX 23 /* 8 MiB, as much as level 19 uses */
#define PIECE ((size_t)64 << 10)

static an_err err_of_zstd(size_t code)
{
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
        return AN_ERR_NOMEM;
    case ZSTD_error_frameParameter_windowTooLarge:
        return AN_ERR_LIMIT;
    default:
        return AN_ERR_PROTO;
    }
}

/* After a failure the buffer is as it was before, and usable. */
static an_err give_back(an_buf *out, size_t old_len, an_err err)
{
    out->len = old_len;
    out->failed = out->over_max = false;
    return err;
}

an_err an_zstd_pack(an_buf *out, const void *bytes, size_t len, int level)
{
    if (level < AN_ZSTD_LEVEL_MIN || level > AN_ZSTD_LEVEL_MAX)
        return AN_ERR_INVAL;
    if (out->failed)
        return an_buf_err(out);
    size_t old_len = out->len;
    an_err err = AN_ERR_NOMEM;
    unsigned char *piece = an_alloc(PIECE, 1);
    ZSTD_CCtx *ctx = ZSTD_createCCtx();
    if (!piece || !ctx)
        goto out;
    if (ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1)) ||
        ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(ctx, len)))
        goto out;
    ZSTD_inBuffer in = {bytes, len, 0};
    size_t left = 1;
    while (left > 0) {
        ZSTD_outBuffer to = {piece, PIECE, 0};
        left = ZSTD_compressStream2(ctx, &to, &in, ZSTD_e_end);
        if (ZSTD_isError(left)) {
            err = err_of_zstd(left);
            goto out;
        }
        an_buf_put(out, piece, to.pos);
        if (out->failed) {
            err = an_buf_err(out);
            goto out;
        }
    }
    err = AN_OK;
out:
    ZSTD_freeCCtx(ctx);
    an_free(piece);
    return err == AN_OK ? AN_OK : give_back(out, old_len, err);
}

an_err an_zstd_unpack(an_buf *out, const void *bytes, size_t len)
{
    if (out->failed)
        return an_buf_err(out);
    size_t old_len = out->len;
    an_err err = AN_ERR_NOMEM;
    unsigned char *piece = an_alloc(PIECE, 1);
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (!piece || !ctx || ZSTD_isError(ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        goto out;
    ZSTD_inBuffer in = {bytes, len, 0};
    size_t left = 1; /* 0 when the frame is complete */
    while (left > 0) {
        ZSTD_outBuffer to = {piece, PIECE, 0};
        left = ZSTD_decompressStream(ctx, &to, &in);
        if (ZSTD_isError(left)) {
            err = err_of_zstd(left);
            goto out;
        }
        an_buf_put(out, piece, to.pos);
        if (out->failed) {
            err = an_buf_err(out);
            goto out;
        }
        /* All is read, and all that could come of it is out: the frame is cut short. */
        if (left > 0 && to.pos < PIECE && in.pos == len) {
            err = AN_ERR_PROTO;
            goto out;
        }
    }
    err = in.pos == len ? AN_OK : AN_ERR_PROTO;
out:
    ZSTD_freeDCtx(ctx);
    an_free(piece);
    return err == AN_OK ? AN_OK : give_back(out, old_len, err);
}
