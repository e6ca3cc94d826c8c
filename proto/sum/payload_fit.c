/* FIT: how many windows, and the sums over them that a detector is made from; all in limbs.  What each sum is, is
 * the detector's own matter: moments, or counts of windows in cells. */
#include "sum/payload_internal.h"

static uint64_t fit_dim(const an_payload_facts *f)
{
    uint64_t dim = (1 + (uint64_t)f->n_sums) * AN_LIMBS;
    return f->n_sums > 0 && an_payload_cohort_ok(f) && dim <= AN_DIM_MAX ? dim : 0;
}

static an_err fit_encode(uint32_t *ret, const an_payload_facts *f, const an_payload_in *in, an_note *why)
{
    if (fit_dim(f) == 0)
        return an_fail(AN_ERR_INVAL, why, "fit payload: facts out of bounds");
    an_err err = an_payload_put_count(ret, in->fit.n, "the number of windows", why);
    for (uint32_t i = 0; i < f->n_sums && err == AN_OK; i++)
        err =
            an_payload_put_double(ret + (1 + (size_t)i) * AN_LIMBS, in->fit.sums[i], "a detector's sum", why);
    return err;
}

static an_err fit_decode(an_payload_out *out, const an_payload_facts *f, const uint32_t *sum, an_note *why)
{
    if (fit_dim(f) == 0)
        return an_fail(AN_ERR_INVAL, why, "fit payload: facts out of bounds");
    an_err err = an_payload_get_count(&out->fit.n, sum, "windows", why);
    for (uint32_t i = 0; i < f->n_sums && err == AN_OK; i++)
        out->fit.sums[i] = an_i128_to_double(an_limbs_get(sum + (1 + (size_t)i) * AN_LIMBS));
    return err;
}

static an_err fit_check(const an_payload_facts *f, uint64_t dim, uint64_t at, const uint32_t *v, size_t n,
                        an_note *why)
{
    (void)f, (void)dim;
    for (size_t i = 0; i < n; i++) {
        const uint32_t coord = (uint32_t)((at + i) % AN_LIMBS);
        if (at + i < AN_LIMBS ? !an_payload_count_ok(coord, v[i]) : !an_payload_limb_ok(coord, v[i]))
            return an_fail(AN_ERR_REFUSED, why, "number %llu of a detector's sums is not one a site can have",
                           (unsigned long long)((at + i) / AN_LIMBS));
    }
    return AN_OK;
}

const an_payload_type an_payload_fit = {
    .name = "fit",
    .kind = AN_PAYLOAD_FIT,
    .dim = fit_dim,
    .encode = fit_encode,
    .decode = fit_decode,
    .check = fit_check,
};
