#include "sum/payload.h"

#include "sum/payload_internal.h"

#define AN_PAYLOAD(name) extern const an_payload_type an_payload_##name;
#include "sum/payloads.def"
#undef AN_PAYLOAD

static const an_payload_type *const types[] = {
#define AN_PAYLOAD(name) &an_payload_##name,
#include "sum/payloads.def"
#undef AN_PAYLOAD
};

const an_payload_type *an_payload_at(size_t i)
{
    return i < sizeof types / sizeof types[0] ? types[i] : NULL;
}

const an_payload_type *an_payload_find(an_payload_kind kind)
{
    for (size_t i = 0; an_payload_at(i); i++)
        if (types[i]->kind == kind)
            return types[i];
    return NULL;
}

uint64_t an_payload_n_params(const an_payload_facts *f)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < f->n_tensors; i++)
        n += f->tensors[i].n;
    return n;
}

uint64_t an_payload_n_shared(const an_payload_facts *f)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < f->n_tensors; i++)
        n += f->tensors[i].local ? 0 : f->tensors[i].n;
    return n;
}

bool an_payload_cohort_ok(const an_payload_facts *f)
{
    return f->n_cohort >= 1 && f->n_cohort <= AN_COHORT_MAX;
}

bool an_payload_bits_ok(const an_payload_facts *f)
{
    return an_payload_cohort_ok(f) && f->value_bits >= 1 && f->value_bits <= AN_VALUE_BITS_MAX &&
           ((uint64_t)f->n_cohort << f->value_bits) <= UINT64_C(1) << 31;
}

an_err an_payload_put_double(uint32_t *ret, double v, const char *what, an_note *why)
{
    an_i128 fixed;
    an_err err = an_i128_of_double(&fixed, v);
    if (err == AN_ERR_NUMERIC)
        return an_fail(err, why, "%s is not finite", what);
    if (err)
        return an_fail(err, why, "%s is too large for a sum", what);
    an_limbs_put(ret, fixed);
    return AN_OK;
}

an_err an_payload_put_count(uint32_t *ret, uint64_t n, const char *what, an_note *why)
{
    /* So that 2^16 sites together stay within 64 bits. */
    if (n >> 48)
        return an_fail(AN_ERR_LIMIT, why, "%s is too large for a sum", what);
    an_limbs_put(ret, an_i128_of_count(n));
    return AN_OK;
}

bool an_payload_limb_ok(uint32_t i, uint32_t limb)
{
    /* |v| < AN_LIMBS_RANGE: the highest limb holds nothing but the sign. */
    return limb <= 0xffff && (i < AN_LIMBS - 1 || limb == 0 || limb == 0xffff);
}

bool an_payload_count_ok(uint32_t i, uint32_t limb)
{
    return limb <= 0xffff && (i < 3 || limb == 0); /* below 2^48, as put_count says */
}

an_err an_payload_get_count(uint64_t *ret, const uint32_t *sum, const char *what, an_note *why)
{
    an_err err = an_i128_to_count(ret, an_limbs_get(sum));
    if (err == AN_OK && *ret > INT64_MAX) /* whoever keeps the figures keeps them as signed numbers */
        err = AN_ERR_PROTO;
    return err ? an_fail(err, why, "%s: not a sum of counts", what) : AN_OK;
}
