/* HISTOGRAM: coordinate f * n_bins + b counts feature f in bin b.  The edges are those of the
 * base version, so every site counts in the same bins. */
#include "sum/payload_internal.h"

static uint64_t histogram_dim(const an_payload_facts *f)
{
    uint64_t dim = (uint64_t)f->n_features * f->n_bins;
    return an_payload_bits_ok(f) && dim <= AN_DIM_MAX ? dim : 0;
}

static an_err histogram_encode(uint32_t *ret, const an_payload_facts *f, const an_payload_in *in,
                               an_note *why)
{
    const uint64_t dim = histogram_dim(f);
    const uint32_t most = (UINT32_C(1) << (f->value_bits & 31)) - 1;
    if (dim == 0)
        return an_fail(AN_ERR_INVAL, why, "histogram payload: facts out of bounds");
    for (uint64_t i = 0; i < dim; i++) {
        if (in->histogram.counts[i] > most)
            return an_fail(AN_ERR_LIMIT, why, "a bin counts more than %u", most);
        ret[i] = in->histogram.counts[i];
    }
    return AN_OK;
}

static an_err histogram_decode(an_payload_out *out, const an_payload_facts *f, const uint32_t *sum,
                               an_note *why)
{
    const uint64_t dim = histogram_dim(f);
    if (dim == 0)
        return an_fail(AN_ERR_INVAL, why, "histogram payload: facts out of bounds");
    const uint64_t most = (uint64_t)f->n_cohort * ((UINT32_C(1) << f->value_bits) - 1);
    for (uint64_t i = 0; i < dim; i++) {
        if (sum[i] > most)
            return an_fail(AN_ERR_PROTO, why, "a bin's sum is more than the cohort can count");
        out->histogram.counts[i] = sum[i];
    }
    return AN_OK;
}

static an_err histogram_check(const an_payload_facts *f, uint64_t dim, uint64_t at, const uint32_t *v,
                              size_t n, an_note *why)
{
    (void)dim, (void)at;
    if (!an_payload_bits_ok(f))
        return an_fail(AN_ERR_INVAL, why, "histogram payload: facts out of bounds");
    const uint32_t most = (UINT32_C(1) << f->value_bits) - 1;
    for (size_t i = 0; i < n; i++)
        if (v[i] > most)
            return an_fail(AN_ERR_REFUSED, why, "a bin counts more than %u", most);
    return AN_OK;
}

const an_payload_type an_payload_histogram = {
    .name = "histogram",
    .kind = AN_PAYLOAD_HISTOGRAM,
    .dim = histogram_dim,
    .encode = histogram_encode,
    .decode = histogram_decode,
    .check = histogram_check,
};
