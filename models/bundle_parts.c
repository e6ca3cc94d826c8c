/* The frame of sections, and the parts that occur in bundles and overlays. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/bundle_internal.h"

#define MAGIC_BYTES 8
#define HEAD_BYTES (MAGIC_BYTES + 4 + 4)
#define ENTRY_BYTES (4 + 8)

size_t an_frame_begin(const an_frame *f, an_buf *out)
{
    size_t base = out->len;
    an_buf_put(out, f->magic, MAGIC_BYTES);
    an_buf_u32(out, f->format);
    an_buf_u32(out, f->n);
    for (uint32_t i = 0; i < f->n; i++) {
        an_buf_put(out, f->tags[i], 4);
        an_buf_u64(out, 0);
    }
    return base;
}

void an_frame_set(size_t base, uint32_t i, size_t from, an_buf *out)
{
    if (out->failed)
        return;
    uint64_t len = out->len - from;
    uint8_t *at = out->data + base + HEAD_BYTES + i * ENTRY_BYTES + 4;
    an_put_u32(at, (uint32_t)len);
    an_put_u32(at + 4, (uint32_t)(len >> 32));
}

an_err an_frame_open(const an_frame *f, const void *bytes, size_t len, an_reader *ret_sections, an_note *why)
{
    an_reader r = an_reader_of(bytes, len);
    const uint8_t *magic = an_read_bytes(&r, MAGIC_BYTES);
    if (!magic || memcmp(magic, f->magic, MAGIC_BYTES) != 0)
        return an_fail(AN_ERR_PROTO, why, "it is of another kind: the mark %.8s is missing", f->magic);
    uint32_t format = an_read_u32(&r), n = an_read_u32(&r);
    if (!r.failed && format > f->format)
        return an_fail(AN_ERR_UNSUPPORTED, why, "format %u is later than %u, which this build reads", format,
                       f->format);
    if (r.failed || format != f->format || n != f->n)
        return an_fail(AN_ERR_PROTO, why, "the head is damaged");
    uint64_t lens[AN_SECTIONS_MAX];
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *tag = an_read_bytes(&r, 4);
        if (!tag || memcmp(tag, f->tags[i], 4) != 0)
            return an_fail(AN_ERR_PROTO, why, "section %u is not %.4s", i, f->tags[i]);
        lens[i] = an_read_u64(&r);
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *body = lens[i] <= r.left ? an_read_bytes(&r, (size_t)lens[i]) : NULL;
        if (r.failed || !body)
            return an_fail(AN_ERR_PROTO, why, "section %.4s is cut short", f->tags[i]);
        ret_sections[i] = an_reader_of(body, (size_t)lens[i]);
    }
    if (r.left != 0)
        return an_fail(AN_ERR_PROTO, why, "%zu bytes follow the last section", r.left);
    return AN_OK;
}

void an_put_text(an_buf *out, const char *text)
{
    size_t len = strlen(text);
    an_buf_u8(out, (uint8_t)len);
    an_buf_put(out, text, len);
}

bool an_take_text(an_reader *r, char *out, size_t size)
{
    size_t len = an_read_u8(r);
    if (len >= size)
        return false;
    const uint8_t *bytes = an_read_bytes(r, len);
    if (r->failed || !bytes || memchr(bytes, '\0', len))
        return false;
    memcpy(out, bytes, len);
    out[len] = '\0';
    return an_text_is_clean(out);
}

void an_put_hash(an_buf *out, const an_hash *h)
{
    an_buf_put(out, h->b, sizeof h->b);
}

void an_take_hash(an_reader *r, an_hash *ret)
{
    const uint8_t *b = an_read_bytes(r, sizeof ret->b);
    if (b)
        memcpy(ret->b, b, sizeof ret->b);
}

void an_put_floats(an_buf *out, const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        an_buf_f32(out, v[i]);
}

an_err an_take_floats(an_reader *r, size_t n, float **ret, an_note *why)
{
    if (r->failed || n > r->left / 4)
        return an_fail(AN_ERR_PROTO, why, "numbers are cut short");
    float *v = an_alloc(n, sizeof *v);
    if (!v)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        v[i] = an_read_f32(r);
        if (!isfinite(v[i])) {
            an_free(v);
            return an_fail(AN_ERR_NUMERIC, why, "number %zu is not finite", i);
        }
    }
    *ret = v;
    return AN_OK;
}

an_err an_prep_check(const an_prep *p, an_note *why)
{
    an_err err = an_prep_conf_check(&p->conf, p->width, why);
    if (err == AN_OK && (p->features != an_chain_features(p->conf.chain, p->width) ||
                         p->regimes != an_chain_regimes(p->conf.chain)))
        err = an_fail(AN_ERR_INVAL, why, "the scales are not those of the steps");
    for (size_t j = 0; err == AN_OK && j < an_prep_columns(p); j++) {
        const uint8_t flag = p->constant[j], first = p->constant[j - j % p->features];
        if (!isfinite(p->mean[j]) || !isfinite(p->scale[j]))
            err = an_fail(AN_ERR_NUMERIC, why, "the scale of feature %zu is not finite", j);
        else if (!(p->scale[j] > 0.0f) || flag > (p->regimes > 1 ? 2 : 1) || (flag == 2) != (first == 2))
            err = an_fail(AN_ERR_INVAL, why, "the scale of feature %zu is not above 0", j);
    }
    return err;
}

void an_put_prep(an_buf *out, const an_prep *p)
{
    const char *steps = an_chain_canonical(p->conf.chain);
    an_buf_u32(out, p->conf.window);
    an_buf_u32(out, p->conf.stride);
    an_buf_u32(out, p->conf.smooth);
    an_buf_f32(out, p->conf.clamp);
    an_buf_u8(out, (uint8_t)p->conf.missing);
    an_buf_u32(out, p->width);
    if (steps[0]) {
        an_buf_u32(out, (uint32_t)strlen(steps));
        an_buf_text(out, steps);
    }
    an_put_floats(out, p->mean, an_prep_columns(p));
    an_put_floats(out, p->scale, an_prep_columns(p));
    an_buf_put(out, p->constant, an_prep_columns(p));
}

#define COLUMN_BYTES 9 /* mean, scale and flag */

/* With no steps the scales follow at once, and there are never less of them with steps: what is left
 * tells which it is. */
static an_err take_steps(an_reader *r, an_prep *p, an_note *why)
{
    an_err err = AN_OK;
    p->features = p->width;
    p->regimes = 1;
    if (r->left == (size_t)p->width * COLUMN_BYTES)
        return AN_OK;
    const size_t len = an_read_u32(r);
    const uint8_t *text = !r->failed && len > 0 && len <= AN_CHAIN_TEXT_MAX ? an_read_bytes(r, len) : NULL;
    if (r->failed || !text)
        return an_fail(AN_ERR_PROTO, why, "the preprocessing is damaged");
    if ((err = an_chain_restore((const char *)text, len, p->width, &p->conf.chain, why)) != AN_OK)
        return err;
    p->features = (uint32_t)an_chain_features(p->conf.chain, p->width);
    p->regimes = (uint32_t)an_chain_regimes(p->conf.chain);
    return r->left == an_prep_columns(p) * COLUMN_BYTES
               ? AN_OK
               : an_fail(AN_ERR_PROTO, why, "the preprocessing is damaged");
}

static an_err take_scales(an_reader *r, an_prep *p, an_note *why)
{
    const size_t n = an_prep_columns(p);
    an_err err = an_take_floats(r, n, &p->mean, why);
    if (err == AN_OK)
        err = an_take_floats(r, n, &p->scale, why);
    if (err != AN_OK)
        return err;
    p->constant = an_alloc(n, 1);
    const uint8_t *flags = an_read_bytes(r, n);
    if (!p->constant || !flags)
        return AN_ERR_NOMEM;
    memcpy(p->constant, flags, n);
    return AN_OK;
}

an_err an_take_prep(an_reader *r, an_prep *ret, an_note *why)
{
    an_prep p = {0};
    p.conf.window = an_read_u32(r);
    p.conf.stride = an_read_u32(r);
    p.conf.smooth = an_read_u32(r);
    p.conf.clamp = an_read_f32(r);
    uint8_t missing = an_read_u8(r);
    p.width = an_read_u32(r);
    if (r->failed || missing >= AN_MISSING_N || p.width < 1 || p.width > AN_PREP_FEATURES_MAX)
        return an_fail(AN_ERR_PROTO, why, "the preprocessing is damaged");
    p.conf.missing = (an_missing)missing;
    an_err err = take_steps(r, &p, why);
    if (err == AN_OK)
        err = take_scales(r, &p, why);
    if (err == AN_OK && an_prep_check(&p, why) != AN_OK)
        err = AN_ERR_PROTO;
    if (err == AN_OK)
        *ret = p;
    else
        an_prep_done(&p);
    return err;
}

void an_put_detector(an_buf *out, const an_detector *d)
{
    an_put_text(out, d->type->name);
    an_buf_u32(out, d->window);
    an_buf_u32(out, d->features);
    for (size_t i = 0; i < d->n_state; i++)
        an_buf_f64(out, d->state[i]);
}

an_err an_take_detector(an_reader *r, an_detector **ret, an_note *why)
{
    char name[33];
    if (!an_take_text(r, name, sizeof name))
        return an_fail(AN_ERR_PROTO, why, "the detector is damaged");
    uint32_t window = an_read_u32(r), features = an_read_u32(r);
    const an_detector_type *type = an_detector_find(name);
    if (!type)
        return an_fail(AN_ERR_UNSUPPORTED, why, "this build has no detector \"%s\"", name);
    if (r->failed || window < 1 || window > AN_PREP_WINDOW_MAX || features < 1 ||
        features > AN_PREP_FEATURES_MAX)
        return an_fail(AN_ERR_PROTO, why, "the detector is damaged");
    size_t n = type->n_state(window, features);
    if (n == 0 || n > AN_DETECTOR_STATE_MAX || r->left != n * 8)
        return an_fail(AN_ERR_PROTO, why, "the detector's state is damaged");
    double *state = an_alloc(n, sizeof *state);
    if (!state)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        state[i] = an_read_f64(r);
    an_err err = an_detector_restore(name, window, features, state, n, ret, why);
    an_free(state);
    return err;
}
