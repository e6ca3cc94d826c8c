/* TRAIN: what a site's training changed.  With d_i the delta of site i, clipped to L2 norm
 * clip_norm, and a_i = min(w_i, w_cap) its weight:
 *
 *     coordinate 0 .. s-1    d_i * a_i / w_cap, in the unit of its tensor (local tensors
 * skipped) s                      a_i, in units of 2^max(0, e(w_cap)) s+1                    1
 *     s+2                    1 if the delta was clipped
 *     s+3                    coordinates cut by saturation
 *     s+4 .. s+11            a_i * loss_i, in limbs
 *
 * Where all sites weigh the same (facts.equal), a_i is w_cap, and the other numbers but the 1 are 0.
 *
 * The sum gives sum(a d) / w_cap and sum(a), and their quotient is the weighted mean delta
 * (FedAvg, McMahan et al. 2017) without any site's weight being known. */
#include <math.h>
#include <string.h>

#include "sum/fixed.h"
#include "sum/payload_internal.h"

enum { WEIGHT = 0, SITES, CLIPPED, SATURATED, LOSS }; /* after the deltas */

_Static_assert(LOSS + AN_LIMBS == AN_TRAIN_EXTRA, "the layout is in base/terms.h, too");

static uint64_t train_dim(const an_payload_facts *f)
{
    if (!an_payload_bits_ok(f) || f->n_tensors < 1 || f->n_tensors > AN_TENSORS_MAX || !f->tensors)
        return 0;
    if (!isfinite(f->clip_norm) || !(f->clip_norm > 0.0) || !isfinite(f->weight_cap) ||
        !(f->weight_cap >= 1.0))
        return 0;
    for (uint32_t i = 0; i < f->n_tensors; i++) {
        const an_tensor_scale *t = &f->tensors[i];
        if (t->n == 0 || t->unit_exp < -AN_UNIT_EXP_MAX || t->unit_exp > AN_UNIT_EXP_MAX)
            return 0;
    }
    uint64_t shared = an_payload_n_shared(f);
    return shared == 0 || shared > AN_DIM_MAX - AN_TRAIN_EXTRA ? 0 : shared + AN_TRAIN_EXTRA;
}

/* Whole examples stay exact as long as the cap has room for them. */
static int32_t weight_exp(const an_payload_facts *f)
{
    int32_t e = an_fixed_unit_exp(f->weight_cap, f->value_bits);
    return e > 0 ? e : 0;
}

static an_err shared_norm(double *ret, const an_payload_facts *f, const float *delta, an_note *why)
{
    double squares = 0.0;
    for (uint32_t t = 0; t < f->n_tensors; delta += f->tensors[t].n, t++) {
        if (f->tensors[t].local)
            continue;
        for (uint32_t i = 0; i < f->tensors[t].n; i++)
            squares += (double)delta[i] * (double)delta[i];
    }
    /* A float squared fits a double by far, so only a delta that is not finite gets here. */
    if (!isfinite(squares))
        return an_fail(AN_ERR_NUMERIC, why, "the trained parameters are not finite");
    *ret = sqrt(squares);
    return AN_OK;
}

static an_err train_encode(uint32_t *ret, const an_payload_facts *f, const an_payload_in *input, an_note *why)
{
    const an_train_in *in = &input->train;
    double norm = 0.0;
    if (train_dim(f) == 0 || !f->site || !isfinite(in->weight) || !(in->weight > 0.0))
        return an_fail(AN_ERR_INVAL, why, "train payload: facts or weight out of bounds");
    an_err err = shared_norm(&norm, f, in->delta, why);
    if (err)
        return err;

    const double weight = !f->equal && in->weight < f->weight_cap ? in->weight : f->weight_cap;
    const bool clip = norm > f->clip_norm;
    const double scale = (clip ? f->clip_norm / norm : 1.0) * (weight / f->weight_cap);
    const an_fixed_draw draw = an_fixed_draw_of(f->seed, f->site);
    const float *delta = in->delta;
    uint64_t at = 0, cut = 0;
    for (uint32_t t = 0; t < f->n_tensors; delta += f->tensors[t].n, t++) {
        const an_tensor_scale *s = &f->tensors[t];
        if (s->local)
            continue;
        cut += an_fixed_encode(ret + at, delta, s->n, scale, s->unit_exp, f->value_bits, &draw, at);
        at += s->n;
    }

    const uint32_t most = (UINT32_C(1) << f->value_bits) - 1;
    uint32_t *extra = ret + at;
    extra[WEIGHT] = an_fixed_encode_one(weight, weight_exp(f), f->value_bits, &draw, at + WEIGHT);
    if (extra[WEIGHT] == 0)
        extra[WEIGHT] = 1; /* a coarse unit may not make nothing of a small site */
    extra[SITES] = 1;
    extra[CLIPPED] = clip && !f->equal;
    extra[SATURATED] = f->equal ? 0 : cut < most ? (uint32_t)cut : most;
    return an_payload_put_double(extra + LOSS, f->equal ? 0.0 : weight * in->loss, "the training loss", why);
}

an_err an_train_totals(an_train_out *ret, const an_payload_facts *f,
                       const uint32_t extra[static AN_TRAIN_EXTRA], an_note *why)
{
    double weight;
    if (train_dim(f) == 0)
        return an_fail(AN_ERR_INVAL, why, "train payload: facts out of bounds");
    an_fixed_decode(&weight, extra + WEIGHT, 1, weight_exp(f));
    if (!(weight > 0.0))
        return an_fail(AN_ERR_PROTO, why, "the sum of weights is not positive");
    if (extra[SITES] < 1 || extra[SITES] > f->n_cohort || extra[CLIPPED] > extra[SITES])
        return an_fail(AN_ERR_PROTO, why, "the sum counts %u sites of a cohort of %u", extra[SITES],
                       f->n_cohort);
    ret->weight = weight;
    ret->loss = an_i128_to_double(an_limbs_get(extra + LOSS)) / weight;
    ret->sites = extra[SITES];
    ret->clipped = extra[CLIPPED];
    ret->saturated = extra[SATURATED];
    return AN_OK;
}

static an_err train_decode(an_payload_out *output, const an_payload_facts *f, const uint32_t *sum,
                           an_note *why)
{
    an_train_out *out = &output->train;
    if (train_dim(f) == 0)
        return an_fail(AN_ERR_INVAL, why, "train payload: facts out of bounds");
    an_err err = an_train_totals(out, f, sum + an_payload_n_shared(f), why);
    if (err != AN_OK)
        return err;

    const double factor = f->weight_cap / out->weight;
    double *delta = out->delta;
    for (uint32_t t = 0; delta && t < f->n_tensors; delta += f->tensors[t].n, t++) {
        const an_tensor_scale *s = &f->tensors[t];
        if (s->local) {
            memset(delta, 0, s->n * sizeof *delta);
            continue;
        }
        an_fixed_decode(delta, sum, s->n, s->unit_exp);
        for (uint32_t i = 0; i < s->n; i++)
            delta[i] *= factor;
        sum += s->n;
    }
    return AN_OK;
}

static an_err check_extra(const an_payload_facts *f, uint64_t i, uint32_t v, an_note *why)
{
    const uint32_t most = (UINT32_C(1) << f->value_bits) - 1;
    const double heaviest = ceil(ldexp(f->weight_cap, -weight_exp(f)));
    switch (i) {
    case WEIGHT:
        return v >= 1 && (double)v <= heaviest
                   ? AN_OK
                   : an_fail(AN_ERR_REFUSED, why, "a weight of %u units; 1 to %.0f are allowed", v, heaviest);
    case SITES:
        return v == 1 ? AN_OK : an_fail(AN_ERR_REFUSED, why, "one site's update counts %u sites", v);
    case CLIPPED:
        return v <= 1 ? AN_OK : an_fail(AN_ERR_REFUSED, why, "one site's update was clipped %u times", v);
    case SATURATED:
        return v <= most ? AN_OK : an_fail(AN_ERR_REFUSED, why, "%u coordinates cut", v);
    default:
        return an_payload_limb_ok((uint32_t)i - LOSS, v)
                   ? AN_OK
                   : an_fail(AN_ERR_REFUSED, why, "the loss is not a number a site can have");
    }
}

static an_err train_check(const an_payload_facts *f, uint64_t dim, uint64_t at, const uint32_t *v, size_t n,
                          an_note *why)
{
    const uint64_t shared = an_payload_n_shared(f);
    if (train_dim(f) == 0 || dim != shared + AN_TRAIN_EXTRA)
        return an_fail(AN_ERR_INVAL, why, "train payload: facts out of bounds");
    const uint32_t most = (UINT32_C(1) << f->value_bits) - 1;
    const size_t deltas = at >= shared ? 0 : shared - at < n ? (size_t)(shared - at) : n;
    uint32_t outside = 0;
    for (size_t i = 0; i < deltas; i++)
        outside |= v[i] + most > 2 * most; /* -most..most as two's complement */
    if (outside)
        return an_fail(AN_ERR_REFUSED, why, "a delta is larger than %u value bits can say", f->value_bits);
    an_err err = AN_OK;
    for (size_t i = deltas; i < n && err == AN_OK; i++)
        err = check_extra(f, at + i - shared, v[i], why);
    return err;
}

void an_train_norm_add(an_train_norm *norm, const an_payload_facts *f, uint64_t at, const uint32_t *v,
                       size_t n)
{
    const uint64_t end = at + n;
    uint64_t start = 0; /* of the tensor */
    for (uint32_t t = 0; t < f->n_tensors && start < end; t++) {
        const an_tensor_scale *s = &f->tensors[t];
        if (s->local)
            continue;
        const uint64_t from = at > start ? at : start, to = end < start + s->n ? end : start + s->n;
        double squares = 0;
        for (uint64_t i = from; i < to; i++) {
            const double q = (double)(int32_t)v[i - at];
            squares += q * q;
        }
        norm->squares += ldexp(squares, 2 * s->unit_exp);
        start += s->n;
    }
    const uint64_t weight = an_payload_n_shared(f) + WEIGHT;
    if (at <= weight && weight < end)
        norm->weight = ldexp((double)v[weight - at], weight_exp(f));
}

an_err an_train_norm_check(const an_train_norm *norm, const an_payload_facts *f, an_note *why)
{
    int32_t coarsest = -AN_UNIT_EXP_MAX;
    for (uint32_t t = 0; t < f->n_tensors; t++)
        if (!f->tensors[t].local && f->tensors[t].unit_exp > coarsest)
            coarsest = f->tensors[t].unit_exp;
    const double share = (norm->weight + ldexp(1.0, weight_exp(f))) / f->weight_cap;
    const double most = f->clip_norm * (share < 1.0 ? share : 1.0) * (1.0 + 1e-6) +
                        ldexp(sqrt((double)an_payload_n_shared(f)), coarsest);
    const double length = sqrt(norm->squares);
    return length <= most ? AN_OK
                          : an_fail(AN_ERR_REFUSED, why,
                                    "a delta of norm %.4g, weighted; sites cut theirs to %.4g", length, most);
}

const an_payload_type an_payload_train = {
    .name = "train",
    .kind = AN_PAYLOAD_TRAIN,
    .dim = train_dim,
    .encode = train_encode,
    .decode = train_decode,
    .check = train_check,
};
