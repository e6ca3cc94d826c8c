#include "sum/encoding.h"

#include <string.h>

#include "base/mem.h"
#include "doors/zstd.h"

#define LEVEL 3

#define AN_ENCODING(name) extern const an_encoding an_encoding_##name;
#include "sum/encodings.def"
#undef AN_ENCODING

static const an_encoding *const encodings[] = {
#define AN_ENCODING(name) &an_encoding_##name,
#include "sum/encodings.def"
#undef AN_ENCODING
};

const an_encoding *an_encoding_at(size_t number)
{
    return number < sizeof encodings / sizeof *encodings ? encodings[number] : NULL;
}

const an_encoding *an_encoding_find(const char *name)
{
    for (size_t i = 0; an_encoding_at(i); i++)
        if (strcmp(encodings[i]->name, name) == 0)
            return encodings[i];
    return NULL;
}

void an_encoding_round(const an_encoding *e, uint32_t *v, size_t n, double share)
{
    if (e->round)
        e->round(v, n, share);
}

static size_t raw_most(const an_encoding *e, size_t n, size_t n_coded)
{
    return e->most(n_coded) + 4 * (n - n_coded);
}

/* A frame of what does not compress is a little longer than that (ZSTD_compressBound). */
size_t an_encoding_most(const an_encoding *e, size_t n, size_t n_coded)
{
    const size_t raw = raw_most(e, n, n_coded);
    return e->zstd ? raw + raw / 128 + 128 : raw;
}

static void put_all(const an_encoding *e, const uint32_t *v, size_t n, size_t n_coded, an_buf *b)
{
    e->put(b, v, n_coded);
    for (size_t i = n_coded; i < n; i++)
        an_buf_u32(b, v[i]);
}

an_err an_encoding_pack(const an_encoding *e, const uint32_t *v, size_t n, size_t n_coded, an_buf *out)
{
    if (!e->zstd) {
        put_all(e, v, n, n_coded, out);
        return an_buf_err(out);
    }
    an_buf raw;
    an_buf_init(&raw, raw_most(e, n, n_coded));
    put_all(e, v, n, n_coded, &raw);
    an_err err = an_buf_err(&raw);
    if (err == AN_OK)
        err = an_zstd_pack(out, raw.data, raw.len, LEVEL);
    an_buf_done(&raw);
    return err;
}

static an_err get_all(const an_encoding *e, uint32_t *ret, size_t n, size_t n_coded, const void *bytes,
                      size_t len, an_note *why)
{
    an_reader r = an_reader_of(bytes, len);
    an_err err = e->get(ret, n_coded, &r, why);
    if (err != AN_OK)
        return err;
    for (size_t i = n_coded; i < n; i++)
        ret[i] = an_read_u32(&r);
    return !r.failed && r.left == 0
               ? AN_OK
               : an_fail(AN_ERR_PROTO, why, "a chunk of the update has not the length of its encoding");
}

an_err an_encoding_unpack(const an_encoding *e, uint32_t *ret, size_t n, size_t n_coded, const void *bytes,
                          size_t len, an_note *why)
{
    if (n < 1 || n > AN_CHUNK || n_coded > n)
        return an_fail(AN_ERR_INVAL, why, "not a chunk");
    if (!e->zstd)
        return get_all(e, ret, n, n_coded, bytes, len, why);
    an_buf raw;
    an_buf_init(&raw, raw_most(e, n, n_coded));
    an_err err = an_zstd_unpack(&raw, bytes, len);
    if (err == AN_OK)
        err = get_all(e, ret, n, n_coded, raw.data, raw.len, why);
    else if (err != AN_ERR_NOMEM)
        err = an_fail(AN_ERR_PROTO, why, "a chunk of the update does not unpack");
    an_buf_done(&raw);
    return err;
}
