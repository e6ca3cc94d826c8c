/* A quantised model as one file.  Little-endian throughout.
 *
 *     "ANDONQT8" | format u32 = 1 | sections u32 = 5 | { tag, length u64 } x 5
 *     META  version hash 32 | layout hash 32
 *     ARCH  canonical text
 *     ACTS  { scale f32, zero u8 } for each activation with a scale of its own, in the order of the
 *           layers, the model's input last
 *     WGTS  for each layer in bytes: scale f32 per output | bias i32 per output | i8 (terms, outputs)
 *     REST  f32 of the layers in float32
 *
 * How each layer runs follows from the architecture, and so do all lengths. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "models/bundle_internal.h"
#include "models/kernels/q8.h"
#include "models/quant_internal.h"

enum { META, ARCH, ACTS, WGTS, REST, SECTIONS };

static const an_frame frame = {"ANDONQT8", 1, SECTIONS, {"META", "ARCH", "ACTS", "WGTS", "REST"}};

#define ACT_BYTES 5u
#define OUTPUT_BYTES 8u /* scale and bias */

static void put_product(const an_quant_product *p, an_buf *out)
{
    an_put_floats(out, p->w_scale, p->at.f);
    for (size_t j = 0; j < p->at.f; j++)
        an_buf_u32(out, (uint32_t)p->bias[j]);
    for (size_t k = 0; k < an_quant_terms(p); k++)
        for (size_t j = 0; j < p->at.f; j++)
            an_buf_u8(out, (uint8_t)p->packed[an_q8_at(p->run, p->at.f, k / p->run, k % p->run, j)]);
}

static void put_section(const an_quant *q, uint32_t which, an_buf *out)
{
    const size_t n = q->m->n_layers;
    an_hash layout;
    switch (which) {
    case META:
        an_model_layout_hash(q->m, &layout);
        an_put_hash(out, &q->version);
        an_put_hash(out, &layout);
        return;
    case ARCH:
        an_buf_text(out, q->m->text);
        return;
    case ACTS:
        for (size_t i = 0; i <= n; i++)
            if (an_quant_owns_scale(q, i)) {
                an_buf_f32(out, q->values[i].scale);
                an_buf_u8(out, q->values[i].zero);
            }
        return;
    case WGTS:
        for (size_t i = 0; i < n; i++)
            if (q->forms[i] == AN_QUANT_PRODUCT)
                put_product(&q->products[i], out);
        return;
    default:
        an_put_floats(out, q->rest, q->n_rest);
    }
}

an_err an_quant_encode(const an_quant *q, an_buf *out)
{
    an_buf_reserve(out, an_quant_n_bytes(q) + strlen(q->m->text) + 4096);
    const size_t base = an_frame_begin(&frame, out);
    for (uint32_t i = 0; i < SECTIONS; i++) {
        const size_t from = out->len;
        put_section(q, i, out);
        an_frame_set(base, i, from, out);
    }
    return an_buf_err(out);
}

/* The architecture, and with it what the other sections must hold. */
static an_err take_arch(an_reader s[static SECTIONS], an_quant **ret, an_note *why)
{
    const size_t len = s[ARCH].left;
    const uint8_t *bytes = an_read_bytes(&s[ARCH], len);
    if (!bytes || len == 0 || len > AN_MODEL_TEXT_MAX || memchr(bytes, '\0', len))
        return an_fail(AN_ERR_PROTO, why, "the architecture is damaged");
    char *text = an_alloc(len + 1, 1);
    if (!text)
        return AN_ERR_NOMEM;
    memcpy(text, bytes, len);
    an_quant *q = NULL;
    an_err err = an_quant_plan(text, false, &q, why);
    if (err == AN_OK && strcmp(q->m->text, text) != 0)
        err = an_fail(AN_ERR_PROTO, why, "the architecture's text is not canonical");
    an_free(text);
    if (err == AN_OK)
        *ret = q;
    else
        an_quant_free(q);
    return err == AN_OK || err == AN_ERR_NOMEM ? err : AN_ERR_PROTO;
}

static an_err check_lengths(const an_quant *q, const an_reader s[static SECTIONS], an_note *why)
{
    size_t acts = 0, weights = 0;
    for (size_t i = 0; i <= q->m->n_layers; i++)
        acts += an_quant_owns_scale(q, i);
    for (size_t i = 0; i < q->m->n_layers; i++)
        if (q->forms[i] == AN_QUANT_PRODUCT)
            weights += q->products[i].at.f * (an_quant_terms(&q->products[i]) + OUTPUT_BYTES);
    if (weights == 0 || s[ACTS].left != acts * ACT_BYTES || s[WGTS].left != weights ||
        s[REST].left != q->n_rest * sizeof *q->rest)
        return an_fail(AN_ERR_PROTO, why, "the lengths are not those of the architecture");
    return AN_OK;
}

static an_err take_meta(an_reader *r, an_quant *q, an_note *why)
{
    an_hash layout, own;
    an_take_hash(r, &q->version);
    an_take_hash(r, &layout);
    an_model_layout_hash(q->m, &own);
    if (r->failed || r->left != 0 || !an_hash_equal(&layout, &own))
        return an_fail(AN_ERR_PROTO, why, "the layout hash is not that of the architecture");
    return AN_OK;
}

static bool is_scale(float v)
{
    return v >= AN_QUANT_SCALE_MIN && v <= AN_QUANT_SCALE_MAX;
}

static an_err take_acts(an_reader *r, an_quant *q, an_note *why)
{
    for (size_t i = 0; i <= q->m->n_layers; i++) {
        if (!an_quant_owns_scale(q, i))
            continue;
        q->values[i].scale = an_read_f32(r);
        q->values[i].zero = an_read_u8(r);
        if (!is_scale(q->values[i].scale))
            return an_fail(AN_ERR_NUMERIC, why, "the scale of an activation is out of bounds");
    }
    return AN_OK;
}

static an_err take_product(an_reader *r, an_quant *q, size_t i, an_note *why)
{
    an_quant_product *p = &q->products[i];
    for (size_t j = 0; j < p->at.f; j++)
        if (!is_scale(p->w_scale[j] = an_read_f32(r)))
            return an_fail(AN_ERR_NUMERIC, why, "the scale of a weight is out of bounds");
    for (size_t j = 0; j < p->at.f; j++) {
        const uint32_t bias = an_read_u32(r);
        memcpy(&p->bias[j], &bias, sizeof bias);
        if (p->bias[j] < -AN_Q8_START_MAX || p->bias[j] > AN_Q8_START_MAX)
            return an_fail(AN_ERR_NUMERIC, why, "a bias is out of bounds");
    }
    const uint8_t *w = an_read_bytes(r, an_quant_terms(p) * p->at.f);
    if (!w)
        return an_fail(AN_ERR_PROTO, why, "weights are cut short");
    for (size_t k = 0; k < an_quant_terms(p); k++)
        for (size_t j = 0; j < p->at.f; j++, w++)
            memcpy(&p->packed[an_q8_at(p->run, p->at.f, k / p->run, k % p->run, j)], w, 1);
    return an_quant_finish(q, i, why);
}

static an_err take_rest(an_reader *r, an_quant *q, an_note *why)
{
    an_free(q->rest);
    q->rest = NULL;
    return an_take_floats(r, q->n_rest, &q->rest, why);
}

an_err an_quant_decode(const void *bytes, size_t len, an_quant **ret, an_note *why)
{
    an_reader s[AN_SECTIONS_MAX];
    an_quant *q = NULL;
    if (len > AN_QUANT_BYTES_MAX)
        return an_fail(AN_ERR_PROTO, why, "the quantised model is too large");
    an_err err = an_frame_open(&frame, bytes, len, s, why);
    if (err == AN_OK)
        err = take_arch(s, &q, why);
    if (err == AN_OK)
        err = check_lengths(q, s, why);
    if (err == AN_OK)
        err = take_meta(&s[META], q, why);
    if (err == AN_OK)
        err = an_quant_take(q);
    if (err == AN_OK)
        err = take_acts(&s[ACTS], q, why);
    for (size_t i = 0; err == AN_OK && i < q->m->n_layers; i++)
        if (q->forms[i] == AN_QUANT_PRODUCT)
            err = take_product(&s[WGTS], q, i, why);
    if (err == AN_OK)
        err = take_rest(&s[REST], q, why);
    if (err == AN_OK)
        *ret = q;
    else
        an_quant_free(q);
    return err;
}

an_err an_quant_read(const char *path, an_quant **ret, an_note *why)
{
    an_buf bytes;
    an_buf_init(&bytes, AN_QUANT_BYTES_MAX);
    an_err err = an_file_read(&bytes, path, why);
    if (err == AN_OK)
        err = an_quant_decode(bytes.data, bytes.len, ret, why);
    an_buf_done(&bytes);
    return err;
}

an_err an_quant_write(const an_quant *q, const char *path, an_note *why)
{
    an_buf bytes;
    an_buf_init(&bytes, AN_QUANT_BYTES_MAX);
    an_err err = an_quant_encode(q, &bytes);
    if (err == AN_OK)
        err = an_file_write(path, bytes.data, bytes.len, 0644, why);
    an_buf_done(&bytes);
    return err;
}
