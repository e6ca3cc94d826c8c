/* What a site makes for itself.  The same frame and parts as a bundle:
 *
 *     "ANDONOVL" | format u32 = 1 | sections u32 = 6 | { tag, length u64 } x 6
 *     META  base hash 32 | created u64, milliseconds since 1970
 *     LOCL  f32 each                                        (empty: the version's)
 *     PREP  as in the bundle                                (empty: the version's)
 *     DETR  as in the bundle                                (empty: the version's)
 *     THRS  policy text | threshold f64                     (empty: the version's)
 *     CNTS  sensors u32 | bins u32 | u64 (sensors, bins) | u64 (bins) of the score  (empty:
 * none)
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/bundle_internal.h"
#include "models/histogram.h"
#include "models/model.h"
#include "models/overlay.h"

enum { META, LOCL, PREP, DETR, THRS, CNTS, SECTIONS };

static const an_frame frame = {"ANDONOVL", 1, SECTIONS, {"META", "LOCL", "PREP", "DETR", "THRS", "CNTS"}};

static an_err check(const an_overlay *o, an_note *why)
{
    if (an_hash_is_zero(&o->base) || o->created_ms < 0)
        return an_fail(AN_ERR_INVAL, why, "an overlay belongs to a version and has a time");
    if (o->n_local > AN_BUNDLE_WEIGHTS_MAX)
        return an_fail(AN_ERR_LIMIT, why, "too many local parameters");
    for (size_t i = 0; i < o->n_local; i++)
        if (!isfinite(o->local[i]))
            return an_fail(AN_ERR_NUMERIC, why, "local parameter %zu is not finite", i);
    if (o->has_threshold && o->policy[0] && an_threshold_check(o->policy, why) != AN_OK)
        return AN_ERR_INVAL;
    if (o->has_threshold && !isfinite(o->threshold))
        return an_fail(AN_ERR_NUMERIC, why, "the threshold is not finite");
    if ((o->features == 0) != (o->n_bins == 0) || o->features > AN_PREP_FEATURES_MAX || o->n_bins == 1 ||
        o->n_bins > AN_BINS_MAX)
        return an_fail(AN_ERR_INVAL, why, "reference counts in %u bins of %u sensors", o->n_bins,
                       o->features);
    return o->has_prep ? an_prep_check(&o->prep, why) : AN_OK;
}

static void put_counts(const an_overlay *o, an_buf *out)
{
    if (o->features == 0)
        return;
    an_buf_u32(out, o->features);
    an_buf_u32(out, o->n_bins);
    for (size_t i = 0; i < (size_t)o->features * o->n_bins; i++)
        an_buf_u64(out, o->counts[i]);
    for (size_t i = 0; i < o->n_bins; i++)
        an_buf_u64(out, o->score_counts[i]);
}

static void put_section(const an_overlay *o, uint32_t section, an_buf *out)
{
    switch (section) {
    case META:
        an_put_hash(out, &o->base);
        an_buf_u64(out, (uint64_t)o->created_ms);
        break;
    case LOCL:
        an_put_floats(out, o->local, o->n_local);
        break;
    case PREP:
        if (o->has_prep)
            an_put_prep(out, &o->prep);
        break;
    case DETR:
        if (o->detector)
            an_put_detector(out, o->detector);
        break;
    case THRS:
        if (o->has_threshold) {
            an_put_text(out, o->policy);
            an_buf_f64(out, o->threshold);
        }
        break;
    default:
        put_counts(o, out);
        break;
    }
}

an_err an_overlay_encode(const an_overlay *o, an_buf *out, an_note *why)
{
    an_err err = check(o, why);
    if (err != AN_OK)
        return err;
    size_t base = an_frame_begin(&frame, out);
    for (uint32_t i = 0; i < SECTIONS; i++) {
        size_t from = out->len;
        put_section(o, i, out);
        an_frame_set(base, i, from, out);
    }
    return an_buf_err(out);
}

static an_err take_local(an_reader *r, an_overlay *o, an_note *why)
{
    if (r->left == 0)
        return AN_OK;
    if (r->left % 4 != 0 || r->left / 4 > AN_BUNDLE_WEIGHTS_MAX)
        return an_fail(AN_ERR_PROTO, why, "the local parameters are damaged");
    o->n_local = r->left / 4;
    return an_take_floats(r, o->n_local, &o->local, why);
}

static an_err take_threshold(an_reader *r, an_overlay *o, an_note *why)
{
    if (r->left == 0)
        return AN_OK;
    o->has_threshold = true;
    if (!an_take_text(r, o->policy, sizeof o->policy))
        return an_fail(AN_ERR_PROTO, why, "the threshold policy is damaged");
    o->threshold = an_read_f64(r);
    return AN_OK;
}

static an_err take_counts(an_reader *r, an_overlay *o, an_note *why)
{
    if (r->left == 0)
        return AN_OK;
    o->features = an_read_u32(r);
    o->n_bins = an_read_u32(r);
    if (r->failed || o->features < 1 || o->features > AN_PREP_FEATURES_MAX || o->n_bins > AN_BINS_MAX ||
        r->left != ((size_t)o->features + 1) * o->n_bins * 8)
        return an_fail(AN_ERR_PROTO, why, "the reference counts are damaged");
    size_t n = (size_t)o->features * o->n_bins;
    o->counts = an_alloc(n, sizeof *o->counts);
    o->score_counts = an_alloc(o->n_bins, sizeof *o->score_counts);
    if (!o->counts || !o->score_counts)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        o->counts[i] = an_read_u64(r);
    for (size_t i = 0; i < o->n_bins; i++)
        o->score_counts[i] = an_read_u64(r);
    return AN_OK;
}

an_err an_overlay_decode(an_overlay *ret, const void *bytes, size_t len, an_note *why)
{
    an_overlay o = {0};
    an_reader s[AN_SECTIONS_MAX];
    if (len > AN_BUNDLE_BYTES_MAX)
        return an_fail(AN_ERR_PROTO, why, "the overlay is too large");
    an_err err = an_frame_open(&frame, bytes, len, s, why);
    if (err != AN_OK)
        return err;
    an_take_hash(&s[META], &o.base);
    uint64_t created = an_read_u64(&s[META]);
    if (created > INT64_MAX)
        return an_fail(AN_ERR_PROTO, why, "the time is damaged");
    o.created_ms = (int64_t)created;
    o.has_prep = s[PREP].left > 0;
    err = take_local(&s[LOCL], &o, why);
    if (err == AN_OK && o.has_prep)
        err = an_take_prep(&s[PREP], &o.prep, why);
    if (err == AN_OK && s[DETR].left > 0)
        err = an_take_detector(&s[DETR], &o.detector, why);
    if (err == AN_OK)
        err = take_threshold(&s[THRS], &o, why);
    if (err == AN_OK)
        err = take_counts(&s[CNTS], &o, why);
    for (uint32_t i = 0; err == AN_OK && i < SECTIONS; i++)
        if (s[i].failed || s[i].left != 0)
            err = an_fail(AN_ERR_PROTO, why, "section %.4s is damaged", frame.tags[i]);
    if (err == AN_OK) {
        err = check(&o, why);
        if (err == AN_ERR_INVAL || err == AN_ERR_LIMIT)
            err = AN_ERR_PROTO;
    }
    if (err == AN_OK)
        *ret = o;
    else
        an_overlay_done(&o);
    return err;
}

void an_overlay_done(an_overlay *o)
{
    if (!o)
        return;
    an_prep_done(&o->prep);
    an_detector_free(o->detector);
    an_free(o->local);
    an_free(o->counts);
    an_free(o->score_counts);
    *o = (an_overlay){0};
}

void an_overlay_hash(an_hash *ret, const void *bytes, size_t len)
{
    an_hash_of(ret, bytes, len);
}

/* How many parameters the version marks as local. */
static an_err count_local(const an_bundle *b, size_t *ret, an_note *why)
{
    *ret = 0;
    if (!b->arch || !b->arch[0])
        return AN_OK;
    an_model *m = NULL;
    an_err err = an_model_new(b->arch, strlen(b->arch), b->model, 0, &m, why);
    if (err != AN_OK)
        return err == AN_ERR_NOMEM ? err : AN_ERR_INVAL;
    *ret = an_model_n_params(m) - an_model_n_shared(m);
    an_model_free(m);
    return AN_OK;
}

an_err an_overlay_fits(const an_overlay *o, const an_bundle *b, const an_hash *bundle_hash, an_note *why)
{
    const uint32_t window = b->prep.conf.window, features = b->prep.features;
    if (!an_hash_equal(&o->base, bundle_hash))
        return an_fail(AN_ERR_INVAL, why, "the overlay belongs to another version");
    if (o->has_prep && (o->prep.width != b->prep.width || o->prep.conf.window != window))
        return an_fail(AN_ERR_INVAL, why, "the overlay's scaler is made for other windows");
    if (o->has_prep && !an_chain_equal(o->prep.conf.chain, b->prep.conf.chain))
        return an_fail(AN_ERR_INVAL, why, "the overlay's scaler is made behind other steps");
    if (o->detector && (o->detector->window != window || o->detector->features != features))
        return an_fail(AN_ERR_INVAL, why, "the overlay's detector is made for other windows");
    if (o->features > 0 && (o->features != b->prep.width || o->n_bins != b->n_edges + 1))
        return an_fail(AN_ERR_INVAL, why, "the overlay's counts are in other bins");
    size_t n_local;
    an_err err = count_local(b, &n_local, why);
    if (err == AN_OK && o->n_local > 0 && o->n_local != n_local && o->n_local != b->n_weights)
        err = an_fail(AN_ERR_INVAL, why, "the overlay has %zu local parameters, the version %zu", o->n_local,
                      n_local);
    return err;
}
