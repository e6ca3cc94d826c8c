/* MEAN: per feature, 8 coordinates n (count limbs) and 8 coordinates sum of x (limbs).
 * VARIANCE, in its own file, has the same layout for its second moments: payload_moments.h
 * serves both. */
#include "sum/payload_moments.h"

#include "sum/payload_internal.h"

_Static_assert(AN_MOMENT_COORDS == 2 * AN_LIMBS, "n and sum");

uint64_t an_moments_dim(const an_payload_facts *f)
{
    uint64_t dim = (uint64_t)f->n_features * AN_MOMENT_COORDS;
    return an_payload_cohort_ok(f) && dim <= AN_DIM_MAX ? dim : 0;
}

an_err an_moments_encode(uint32_t *ret, const an_payload_facts *f, const an_moments_in *in, an_note *why)
{
    if (an_moments_dim(f) == 0)
        return an_fail(AN_ERR_INVAL, why, "moments payload: facts out of bounds");
    for (uint32_t i = 0; i < f->n_features; i++, ret += AN_MOMENT_COORDS) {
        an_err err = an_payload_put_count(ret, in->n[i], "a count", why);
        if (!err)
            err = an_payload_put_double(ret + AN_LIMBS, in->sum[i], "a feature's sum", why);
        if (err)
            return err;
    }
    return AN_OK;
}

an_err an_moments_decode(an_moments_out *out, const an_payload_facts *f, const uint32_t *sum, an_note *why)
{
    if (an_moments_dim(f) == 0)
        return an_fail(AN_ERR_INVAL, why, "moments payload: facts out of bounds");
    for (uint32_t i = 0; i < f->n_features; i++, sum += AN_MOMENT_COORDS) {
        an_err err = an_payload_get_count(&out->n[i], sum, "moments", why);
        if (err)
            return err;
        out->sum[i] = an_i128_to_double(an_limbs_get(sum + AN_LIMBS));
    }
    return AN_OK;
}

an_err an_moments_check(const an_payload_facts *f, uint64_t dim, uint64_t at, const uint32_t *v, size_t n,
                        an_note *why)
{
    (void)f, (void)dim;
    for (size_t i = 0; i < n; i++) {
        const uint32_t coord = (uint32_t)((at + i) % AN_MOMENT_COORDS);
        if (coord < AN_LIMBS ? !an_payload_count_ok(coord, v[i])
                             : !an_payload_limb_ok(coord - AN_LIMBS, v[i]))
            return an_fail(AN_ERR_REFUSED, why, "feature %llu: the %s is not one a site can have",
                           (unsigned long long)((at + i) / AN_MOMENT_COORDS),
                           coord < AN_LIMBS ? "count" : "sum");
    }
    return AN_OK;
}

static an_err mean_encode(uint32_t *ret, const an_payload_facts *f, const an_payload_in *in, an_note *why)
{
    return an_moments_encode(ret, f, &in->mean, why);
}

static an_err mean_decode(an_payload_out *out, const an_payload_facts *f, const uint32_t *sum, an_note *why)
{
    return an_moments_decode(&out->mean, f, sum, why);
}

const an_payload_type an_payload_mean = {
    .name = "mean",
    .kind = AN_PAYLOAD_MEAN,
    .dim = an_moments_dim,
    .encode = mean_encode,
    .decode = mean_decode,
    .check = an_moments_check,
};
