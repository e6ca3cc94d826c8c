/* VARIANCE: per feature n and sum of (x - m)^2 about the mean m that the fleet has agreed on.
 * Taken about the mean, the squares lose nothing to cancellation (Chan, Golub, LeVeque 1983).
 */
#include "sum/payload_internal.h"
#include "sum/payload_moments.h"

static an_err variance_encode(uint32_t *ret, const an_payload_facts *f, const an_payload_in *in, an_note *why)
{
    for (uint32_t i = 0; i < f->n_features; i++)
        if (in->variance.sum[i] < 0.0)
            return an_fail(AN_ERR_INVAL, why, "feature %u: a sum of squares is negative", i);
    return an_moments_encode(ret, f, &in->variance, why);
}

static an_err variance_decode(an_payload_out *out, const an_payload_facts *f, const uint32_t *sum,
                              an_note *why)
{
    an_err err = an_moments_decode(&out->variance, f, sum, why);
    if (err)
        return err;
    for (uint32_t i = 0; i < f->n_features; i++)
        if (out->variance.sum[i] < 0.0)
            return an_fail(AN_ERR_PROTO, why, "feature %u: a sum of squares is negative", i);
    return AN_OK;
}

static an_err variance_check(const an_payload_facts *f, uint64_t dim, uint64_t at, const uint32_t *v,
                             size_t n, an_note *why)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t coord = at + i;
        if (coord % AN_MOMENT_COORDS == AN_MOMENT_COORDS - 1 && v[i] != 0)
            return an_fail(AN_ERR_REFUSED, why, "feature %llu: a sum of squares is negative",
                           (unsigned long long)(coord / AN_MOMENT_COORDS));
    }
    return an_moments_check(f, dim, at, v, n, why);
}

const an_payload_type an_payload_variance = {
    .name = "variance",
    .kind = AN_PAYLOAD_VARIANCE,
    .dim = an_moments_dim,
    .encode = variance_encode,
    .decode = variance_decode,
    .check = variance_check,
};
