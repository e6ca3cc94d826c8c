/* A version as one file.  Little-endian throughout; a text is {length u8, bytes}.
 *
 *     "ANDONBDL" | format u32 = 1 | sections u32 = 8 | { tag, length u64 } x 8
 *     META  model text | parent 32 | plan 32 | round u64
 *           | rate f64 | window u32 | sensors u32 | { name text, unit text } each
 *     ARCH  layout hash 32 | canonical text            (both zero and empty: no model)
 *     PREP  window u32 | stride u32 | smooth u32 | clamp f32 | missing u8 | sensors u32
 *           | with steps only: length u32, canonical text
 *           | (regimes, features) each: mean f32 | scale f32 | constant u8
 *     WGTS  f32 each
 *     DETR  name text | window u32 | features u32 | state f64 each     (empty: none)
 *     THRS  policy text | threshold f64
 *     BINS  edges u32 | f32 (sensors, edges) | f32 (edges) of the score
 *     XTRA  bytes
 *
 * The hash of these bytes is the version's name. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "models/bundle.h"
#include "models/bundle_internal.h"
#include "models/histogram.h"
#include "models/model.h"

enum { META, ARCH, PREP, WGTS, DETR, THRS, BINS, XTRA, SECTIONS };

static const an_frame frame = {
    "ANDONBDL", 1, SECTIONS, {"META", "ARCH", "PREP", "WGTS", "DETR", "THRS", "BINS", "XTRA"}};

static bool name_is_good(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len && name[0] != '.';
}

/* The architecture says how many weights there are and what they are. */
static an_err check_arch(const an_bundle *b, an_note *why)
{
    bool wanted = b->detector && b->detector->type->needs_model;
    if (!b->arch || !b->arch[0]) {
        if (b->n_weights > 0 || !an_hash_is_zero(&b->layout) || wanted)
            return an_fail(AN_ERR_INVAL, why, "there are weights or a detector that need an architecture");
        return AN_OK;
    }
    an_model *m = NULL;
    an_err err = an_model_new(b->arch, strlen(b->arch), b->model, 0, &m, why);
    if (err == AN_ERR_NOMEM)
        return err;
    if (err != AN_OK)
        return AN_ERR_INVAL;
    an_hash layout;
    an_model_layout_hash(m, &layout);
    err = AN_ERR_INVAL;
    if (strcmp(an_model_text(m), b->arch) != 0)
        an_note_set(why, "the architecture's text is not canonical");
    else if (!an_hash_equal(&layout, &b->layout))
        an_note_set(why, "the layout hash is not that of the architecture");
    else if (an_model_n_params(m) != b->n_weights)
        an_note_set(why, "the architecture has %zu parameters, there are %zu", an_model_n_params(m),
                    b->n_weights);
    else if (an_model_n_inputs(m) != an_prep_input(&b->prep))
        an_note_set(why, "the model takes %zu values, preprocessing makes %zu", an_model_n_inputs(m),
                    an_prep_input(&b->prep));
    else if (wanted && an_model_n_outputs(m) != an_prep_input(&b->prep))
        an_note_set(why, "the detector needs a reconstruction of the input");
    else
        err = AN_OK;
    an_model_free(m);
    return err;
}

static an_err check_edges(const float *edges, uint32_t n, an_note *why)
{
    for (uint32_t i = 0; i < n; i++)
        if (!isfinite(edges[i]) || (i > 0 && edges[i] < edges[i - 1]))
            return an_fail(AN_ERR_INVAL, why, "bin edges must be finite and ascend");
    return AN_OK;
}

/* Every rule of bundle.h, for what is to be written and for what was read. */
static an_err check(const an_bundle *b, an_note *why)
{
    if (!name_is_good(b->model))
        return an_fail(AN_ERR_INVAL, why, "a model's name is made of a-z 0-9 . _ -");
    an_err err = an_schema_check(&b->schema, why);
    if (err == AN_OK)
        err = an_prep_check(&b->prep, why);
    if (err != AN_OK)
        return err;
    if (b->schema.n != b->prep.width || b->schema.window != b->prep.conf.window)
        return an_fail(AN_ERR_INVAL, why, "schema and preprocessing differ in sensors or window");
    if (b->n_weights > AN_BUNDLE_WEIGHTS_MAX || b->extra_len > AN_BUNDLE_EXTRA_MAX ||
        (b->arch && strlen(b->arch) > AN_BUNDLE_ARCH_MAX))
        return an_fail(AN_ERR_LIMIT, why, "weights, architecture or extra are too large");
    for (size_t i = 0; i < b->n_weights; i++)
        if (!isfinite(b->weights[i]))
            return an_fail(AN_ERR_NUMERIC, why, "weight %zu is not finite", i);
    if (b->detector &&
        (b->detector->window != b->prep.conf.window || b->detector->features != b->prep.features))
        return an_fail(AN_ERR_INVAL, why, "the detector is made for other windows");
    if (b->policy[0] && an_threshold_check(b->policy, why) != AN_OK)
        return AN_ERR_INVAL;
    if (!isfinite(b->threshold))
        return an_fail(AN_ERR_NUMERIC, why, "the threshold is not finite");
    if (b->n_edges >= AN_BINS_MAX)
        return an_fail(AN_ERR_INVAL, why, "more than %d bins", AN_BINS_MAX);
    for (uint32_t j = 0; err == AN_OK && b->n_edges > 0 && j <= b->prep.width; j++)
        err = check_edges(j < b->prep.width ? b->edges + (size_t)j * b->n_edges : b->score_edges, b->n_edges,
                          why);
    return err == AN_OK ? check_arch(b, why) : err;
}

static void put_meta(const an_bundle *b, an_buf *out)
{
    an_put_text(out, b->model);
    an_put_hash(out, &b->parent);
    an_put_hash(out, &b->plan);
    an_buf_u64(out, b->round);
    an_buf_f64(out, b->schema.rate_hz + 0.0); /* -0 is 0 */
    an_buf_u32(out, b->schema.window);
    an_buf_u32(out, b->schema.n);
    for (uint32_t i = 0; i < b->schema.n; i++) {
        an_put_text(out, b->schema.sensors[i].name);
        an_put_text(out, b->schema.sensors[i].unit);
    }
}

static void put_section(const an_bundle *b, uint32_t section, an_buf *out)
{
    switch (section) {
    case META:
        put_meta(b, out);
        break;
    case ARCH:
        an_put_hash(out, &b->layout);
        an_buf_text(out, b->arch ? b->arch : "");
        break;
    case PREP:
        an_put_prep(out, &b->prep);
        break;
    case WGTS:
        an_put_floats(out, b->weights, b->n_weights);
        break;
    case DETR:
        if (b->detector)
            an_put_detector(out, b->detector);
        break;
    case THRS:
        an_put_text(out, b->policy);
        an_buf_f64(out, b->threshold);
        break;
    case BINS:
        an_buf_u32(out, b->n_edges);
        an_put_floats(out, b->edges, (size_t)b->prep.width * b->n_edges);
        an_put_floats(out, b->score_edges, b->n_edges);
        break;
    default:
        an_buf_put(out, b->extra, b->extra_len);
        break;
    }
}

#define ROOM_FOR_THE_REST ((size_t)64 << 10) /* a guess that saves copies; more grows as usual */

an_err an_bundle_encode(const an_bundle *b, an_buf *out, an_note *why)
{
    an_err err = check(b, why);
    if (err != AN_OK)
        return err;
    an_buf_reserve(out, b->n_weights * sizeof *b->weights + b->extra_len + ROOM_FOR_THE_REST);
    size_t base = an_frame_begin(&frame, out);
    for (uint32_t i = 0; i < SECTIONS; i++) {
        size_t from = out->len;
        put_section(b, i, out);
        an_frame_set(base, i, from, out);
    }
    return an_buf_err(out);
}

static an_err take_meta(an_reader *r, an_bundle *b, an_note *why)
{
    if (!an_take_text(r, b->model, sizeof b->model))
        return an_fail(AN_ERR_PROTO, why, "the model's name is damaged");
    an_take_hash(r, &b->parent);
    an_take_hash(r, &b->plan);
    b->round = an_read_u64(r);
    b->schema.rate_hz = an_read_f64(r);
    b->schema.window = an_read_u32(r);
    uint32_t n = an_read_u32(r);
    if (r->failed || n > AN_PREP_FEATURES_MAX || n > r->left / 2 || signbit(b->schema.rate_hz))
        return an_fail(AN_ERR_PROTO, why, "the schema is damaged");
    b->schema.sensors = an_alloc(n, sizeof *b->schema.sensors);
    if (!b->schema.sensors)
        return AN_ERR_NOMEM;
    b->schema.n = n;
    for (uint32_t i = 0; i < n; i++)
        if (!an_take_text(r, b->schema.sensors[i].name, sizeof b->schema.sensors[i].name) ||
            !an_take_text(r, b->schema.sensors[i].unit, sizeof b->schema.sensors[i].unit))
            return an_fail(AN_ERR_PROTO, why, "sensor %u is damaged", i);
    return AN_OK;
}

static an_err take_arch(an_reader *r, an_bundle *b, an_note *why)
{
    an_take_hash(r, &b->layout);
    size_t len = r->left;
    const uint8_t *text = an_read_bytes(r, len);
    if (r->failed || !text || len > AN_BUNDLE_ARCH_MAX || memchr(text, '\0', len))
        return an_fail(AN_ERR_PROTO, why, "the architecture is damaged");
    b->arch = an_alloc(len + 1, 1);
    if (!b->arch)
        return AN_ERR_NOMEM;
    memcpy(b->arch, text, len);
    return AN_OK;
}

static an_err take_weights(an_reader *r, an_bundle *b, an_note *why)
{
    if (r->left % 4 != 0 || r->left / 4 > AN_BUNDLE_WEIGHTS_MAX)
        return an_fail(AN_ERR_PROTO, why, "the weights are damaged");
    b->n_weights = r->left / 4;
    return an_take_floats(r, b->n_weights, &b->weights, why);
}

static an_err take_bins(an_reader *r, an_bundle *b, an_note *why)
{
    b->n_edges = an_read_u32(r);
    if (r->failed || b->n_edges >= AN_BINS_MAX)
        return an_fail(AN_ERR_PROTO, why, "the bins are damaged");
    if (b->n_edges == 0)
        return AN_OK;
    an_err err = an_take_floats(r, (size_t)b->prep.width * b->n_edges, &b->edges, why);
    return err == AN_OK ? an_take_floats(r, b->n_edges, &b->score_edges, why) : err;
}

static an_err take_rest(an_reader *s, an_bundle *b, an_note *why)
{
    if (!an_take_text(&s[THRS], b->policy, sizeof b->policy))
        return an_fail(AN_ERR_PROTO, why, "the threshold policy is damaged");
    b->threshold = an_read_f64(&s[THRS]);
    b->extra_len = s[XTRA].left;
    if (b->extra_len > AN_BUNDLE_EXTRA_MAX)
        return an_fail(AN_ERR_PROTO, why, "extra is too large");
    const uint8_t *extra = an_read_bytes(&s[XTRA], b->extra_len);
    if (b->extra_len > 0) {
        b->extra = an_alloc(b->extra_len, 1);
        if (!b->extra)
            return AN_ERR_NOMEM;
        memcpy(b->extra, extra, b->extra_len);
    }
    return AN_OK;
}

an_err an_bundle_decode(an_bundle *ret, const void *bytes, size_t len, an_note *why)
{
    an_bundle b = {0};
    an_reader s[AN_SECTIONS_MAX];
    if (len > AN_BUNDLE_BYTES_MAX)
        return an_fail(AN_ERR_PROTO, why, "the bundle is too large");
    an_err err = an_frame_open(&frame, bytes, len, s, why);
    if (err == AN_OK)
        err = take_meta(&s[META], &b, why);
    if (err == AN_OK)
        err = take_arch(&s[ARCH], &b, why);
    if (err == AN_OK)
        err = an_take_prep(&s[PREP], &b.prep, why);
    if (err == AN_OK)
        err = take_weights(&s[WGTS], &b, why);
    if (err == AN_OK && s[DETR].left > 0)
        err = an_take_detector(&s[DETR], &b.detector, why);
    if (err == AN_OK)
        err = take_bins(&s[BINS], &b, why);
    if (err == AN_OK)
        err = take_rest(s, &b, why);
    for (uint32_t i = 0; err == AN_OK && i < SECTIONS; i++)
        if (s[i].failed || s[i].left != 0)
            err = an_fail(AN_ERR_PROTO, why, "section %.4s is damaged", frame.tags[i]);
    if (err == AN_OK) {
        err = check(&b, why);
        if (err == AN_ERR_INVAL || err == AN_ERR_LIMIT)
            err = AN_ERR_PROTO;
    }
    if (err == AN_OK)
        *ret = b;
    else
        an_bundle_done(&b);
    return err;
}

void an_bundle_done(an_bundle *b)
{
    if (!b)
        return;
    an_schema_done(&b->schema);
    an_prep_done(&b->prep);
    an_detector_free(b->detector);
    an_free(b->arch);
    an_free(b->weights);
    an_free(b->edges);
    an_free(b->score_edges);
    an_free(b->extra);
    *b = (an_bundle){0};
}

void an_bundle_hash(an_hash *ret, const void *bytes, size_t len)
{
    an_hash_of(ret, bytes, len);
}

an_err an_bundle_copy(an_bundle *ret, const an_bundle *from)
{
    an_buf bytes;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = an_bundle_encode(from, &bytes, NULL);
    if (err == AN_OK)
        err = an_bundle_decode(ret, bytes.data, bytes.len, NULL);
    an_buf_done(&bytes);
    return err;
}

an_err an_bundle_read(an_bundle *ret, an_hash *ret_hash, const char *path, an_note *why)
{
    an_buf bytes;
    an_note inner = {{0}};
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = an_file_read(&bytes, path, why);
    if (err == AN_OK && (err = an_bundle_decode(ret, bytes.data, bytes.len, &inner)) != AN_OK)
        an_note_set(why, "%.100s: %s", path, inner.text[0] ? inner.text : an_err_text(err));
    if (err == AN_OK && ret_hash)
        an_bundle_hash(ret_hash, bytes.data, bytes.len);
    an_buf_done(&bytes);
    return err;
}

an_err an_bundle_write(const an_bundle *b, const char *path, an_hash *ret_hash, an_note *why)
{
    an_buf bytes;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = an_bundle_encode(b, &bytes, why);
    if (err == AN_OK)
        err = an_file_write(path, bytes.data, bytes.len, 0644, why);
    if (err == AN_OK && ret_hash)
        an_bundle_hash(ret_hash, bytes.data, bytes.len);
    an_buf_done(&bytes);
    return err;
}
