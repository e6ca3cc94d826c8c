/* The plan of a round.  The field table bounds each field; an_plan_check adds what holds
 * between them, first of all that the sum cannot leave the ring. */
#include "msg/plan.h"

#include <math.h>
#include <string.h>

#include "andon.pb-c.h"
#include "base/mem.h"
#include "msg/field.h"

#define ANY UINT64_MAX
#define PHASE_MAX (UINT64_C(1000) * 3600 * 24 * 30) /* a month */

enum { PACK_ARENA = 256 * 1024 }; /* the largest cohort's names and all tensors */

#define OWN an_tensor_scale
#define WIRE Andon__Tensor
static const an_field tensor_fields[] = {
    AN_U32(n, 1, AN_DIM_MAX),
    AN_I32(unit_exp, AN_UNIT_EXP_MAX),
    AN_BOOL(local),
    AN_END,
};
#undef OWN
#undef WIRE

#define OWN an_plan_phase
#define WIRE Andon__Phase
static const an_field phase_fields[] = {
    AN_U32(count_min, 1, AN_COHORT_MAX),
    AN_U32(count_max, 1, AN_COHORT_MAX),
    AN_U64(time_min_ms, 0, PHASE_MAX),
    AN_U64(deadline_ms, 1, PHASE_MAX),
    AN_END,
};
#undef OWN
#undef WIRE

#define OWN an_plan_secure
#define WIRE Andon__SecurePlan
static const an_field secure_fields[] = {
    AN_FIXED(roster, true),
    AN_U32(cipher, 0, 2),
    AN_U32(groups, 0, AN_GROUPS_MAX),
    AN_U32(colluders_permille, 0, 1000),
    AN_U32(dropouts_permille, 0, 1000),
    AN_U32(security_bits, 0, 128),
    AN_U32(correctness_bits, 0, 128),
    AN_U64(exchange_ms, 0, PHASE_MAX),
    AN_END,
};
#undef OWN
#undef WIRE

#define OWN an_plan
#define WIRE Andon__Plan
static const an_field plan_fields[] = {
    AN_U64(round, 1, ANY),
    AN_U64(campaign, 0, ANY),
    AN_NAME(model),
    AN_ENUM(kind, AN_PAYLOAD_KIND_MAX),
    {.name = "base",
     .kind = AN_FIELD_FIXED,
     .own = offsetof(an_plan, base),
     .size = sizeof(an_hash),
     .wire = offsetof(Andon__Plan, base_version),
     .optional = true},
    AN_FIXED(candidate, true),
    AN_FIXED(production, true),
    AN_FIXED(schema, false),
    AN_FIXED(layout, true),
    AN_U32(dim, 1, AN_DIM_MAX),
    AN_LIST(tensors, tensor_fields, andon__tensor__descriptor),
    AN_F64(clip_norm, 0.0, 1e30),
    AN_F64(weight_cap, 0.0, 1e15),
    AN_U32(value_bits, 1, AN_VALUE_BITS_MAX),
    AN_NAMES(cohort),
    AN_U32(min_cohort, 1, AN_COHORT_MAX),
    AN_ENUM(privacy, AN_PRIVACY_SECURE_SUM),
    AN_ONE(invite, phase_fields, andon__phase__descriptor),
    AN_ONE(upload, phase_fields, andon__phase__descriptor),
    AN_U32(local_epochs, 0, 10000),
    AN_U32(batch, 0, 1 << 20),
    AN_F64(lr, 0.0, 1e6),
    AN_TEXT(optimiser, true),
    AN_F64(prox_mu, 0.0, 1e9),
    AN_F64(l2sp, 0.0, 1e9),
    AN_F64(replay_share, 0.0, 1.0),
    AN_BOOL(use_held),
    AN_U64(seed, 0, ANY),
    AN_TEXT(reason, true),
    AN_ONE(secure, secure_fields, andon__secure_plan__descriptor),
    AN_U32(encoding, 0, AN_UPDATE_TOPK),
    AN_F64(topk, 0.0, 1.0),
    AN_FIXED(seal_key, true),
    AN_U32(dp_unit, 0, AN_DP_SITE),
    AN_F64(dp_noise, 0.0, 1e6),
    AN_F64(dp_delta, 0.0, 1.0),
    AN_F64(dp_clip, 0.0, 1e12),
    AN_F64(dp_rate, 0.0, 1.0),
    AN_F64(dp_epsilon, 0.0, 1e300),
    AN_U32(dp_counted, 0, AN_COHORT_MAX),
    AN_U64(shadow_ms, 0, PHASE_MAX),
    AN_U64(shadow_rows, 0, UINT64_C(1) << 48),
    AN_U32(staleness_max, 0, AN_STALENESS_MAX),
    AN_F64(ewc, 0.0, 1e12),
    AN_U32(control, 0, 10000),
    AN_END,
};
#undef OWN
#undef WIRE

static bool none(const an_hash *h)
{
    static const an_hash zero;
    return memcmp(h, &zero, sizeof zero) == 0;
}

static an_err check_cohort(const an_plan *p, an_note *why)
{
    if (p->n_cohort < 1 || p->n_cohort > AN_COHORT_MAX)
        return an_fail(AN_ERR_INVAL, why, "cohort: %u sites, must be 1..%d", p->n_cohort, AN_COHORT_MAX);
    for (uint32_t i = 1; i < p->n_cohort; i++)
        if (strncmp(p->cohort[i - 1], p->cohort[i], AN_NAME_MAX) >= 0)
            return an_fail(AN_ERR_INVAL, why, "cohort: not sorted, or a site twice");
    if (p->min_cohort > p->n_cohort)
        return an_fail(AN_ERR_INVAL, why, "min_cohort: %u of a cohort of %u", p->min_cohort, p->n_cohort);
    if (p->value_bits < 1 || p->value_bits > AN_VALUE_BITS_MAX ||
        ((uint64_t)p->n_cohort << p->value_bits) > UINT64_C(1) << 31)
        return an_fail(AN_ERR_INVAL, why, "value_bits: %u sites of %u bits could overflow the ring",
                       p->n_cohort, p->value_bits);
    return AN_OK;
}

static an_err check_phase(const an_plan *p, const an_plan_phase *ph, const char *name, an_note *why)
{
    if (ph->count_min > ph->count_max || ph->count_max > p->n_cohort)
        return an_fail(AN_ERR_INVAL, why, "%s: counts %u..%u of a cohort of %u", name, ph->count_min,
                       ph->count_max, p->n_cohort);
    if (ph->count_min < p->min_cohort)
        return an_fail(AN_ERR_INVAL, why, "%s: count_min below min_cohort", name);
    if (ph->time_min_ms > ph->deadline_ms)
        return an_fail(AN_ERR_INVAL, why, "%s: time_min_ms after the deadline", name);
    return AN_OK;
}

static an_err check_train(const an_plan *p, an_note *why)
{
    uint64_t shared = 0;
    if (p->n_tensors < 1 || p->n_tensors > AN_TENSORS_MAX)
        return an_fail(AN_ERR_INVAL, why, "tensors: %u, must be 1..%d", p->n_tensors, AN_TENSORS_MAX);
    for (uint32_t i = 0; i < p->n_tensors; i++)
        shared += p->tensors[i].local ? 0 : p->tensors[i].n;
    if (shared == 0)
        return an_fail(AN_ERR_INVAL, why, "tensors: none is shared");
    if (p->dim != shared + AN_TRAIN_EXTRA)
        return an_fail(AN_ERR_INVAL, why, "dim: %u, but the tensors make %llu", p->dim,
                       (unsigned long long)(shared + AN_TRAIN_EXTRA));
    if (none(&p->base) || none(&p->layout))
        return an_fail(AN_ERR_INVAL, why, "base, layout: needed to train");
    if (!(p->clip_norm > 0.0) || !(p->weight_cap >= 1.0) || !(p->lr > 0.0))
        return an_fail(AN_ERR_INVAL, why, "clip_norm > 0, weight_cap >= 1, lr > 0");
    if (p->local_epochs < 1 || p->batch < 1 || !an_name_ok(p->optimiser))
        return an_fail(AN_ERR_INVAL, why, "local_epochs, batch, optimiser: needed to train");
    return AN_OK;
}

static an_err check_kind(const an_plan *p, an_note *why)
{
    if (p->kind == AN_PAYLOAD_TRAIN)
        return check_train(p, why);
    if (p->n_tensors != 0)
        return an_fail(AN_ERR_INVAL, why, "tensors: only to train");
    switch (p->kind) {
    case AN_PAYLOAD_MEAN:
    case AN_PAYLOAD_VARIANCE:
        if (p->dim % AN_MOMENT_COORDS != 0)
            return an_fail(AN_ERR_INVAL, why, "dim: %u is not %d per feature", p->dim, AN_MOMENT_COORDS);
        break;
    case AN_PAYLOAD_FIT:
        if (p->dim % AN_LIMBS != 0 || p->dim < 2 * AN_LIMBS)
            return an_fail(AN_ERR_INVAL, why, "dim: %u is not %d for each number", p->dim, AN_LIMBS);
        break;
    case AN_PAYLOAD_EVALUATE:
        if (p->dim != AN_EVALUATE_DIM || none(&p->candidate))
            return an_fail(AN_ERR_INVAL, why, "dim %d and a candidate: needed to evaluate", AN_EVALUATE_DIM);
        return AN_OK;
    case AN_PAYLOAD_SHADOW:
        if (p->dim != AN_SHADOW_DIM || none(&p->candidate) || none(&p->production) || p->shadow_ms == 0)
            return an_fail(AN_ERR_INVAL, why, "dim %d, two versions and a time: needed for a shadow",
                           AN_SHADOW_DIM);
        return AN_OK;
    default:
        break;
    }
    if (p->kind != AN_PAYLOAD_MEAN && none(&p->base))
        return an_fail(AN_ERR_INVAL, why, "base: needed for %s", an_payload_kind_name(p->kind));
    return AN_OK;
}

static an_err check_privacy(const an_plan *p, an_note *why)
{
    const an_plan_secure *s = &p->secure;
    if (p->privacy == AN_PRIVACY_TRUSTED) {
        bool empty = none(&s->roster) && s->cipher == 0 && s->groups == 0 && s->colluders_permille == 0 &&
                     s->dropouts_permille == 0 && s->security_bits == 0 && s->correctness_bits == 0 &&
                     s->exchange_ms == 0;
        return empty ? AN_OK : an_fail(AN_ERR_INVAL, why, "secure: only for secure sums");
    }
    if (none(&s->roster) || s->cipher == 0 || s->security_bits == 0 || s->correctness_bits == 0 ||
        s->exchange_ms == 0)
        return an_fail(AN_ERR_INVAL, why,
                       "secure: roster, cipher, bits and time are needed for a secure sum");
    if (s->groups < 1 || p->min_cohort < AN_SECURE_COHORT_MIN ||
        (uint64_t)s->groups * p->min_cohort > p->n_cohort)
        return an_fail(AN_ERR_INVAL, why,
                       "secure: %u groups of at least %u of a cohort of %u, and %d is least", s->groups,
                       p->min_cohort, p->n_cohort, AN_SECURE_COHORT_MIN);
    return AN_OK;
}

static an_err check_noise(const an_plan *p, an_note *why)
{
    const bool training = p->kind == AN_PAYLOAD_TRAIN;
    if (p->dp_unit == AN_DP_NONE)
        return p->dp_noise == 0.0 && p->dp_delta == 0.0 && p->dp_clip == 0.0 && p->dp_rate == 0.0 &&
                       p->dp_epsilon == 0.0 && p->dp_counted == 0
                   ? AN_OK
                   : an_fail(AN_ERR_INVAL, why, "dp_noise and others: only with a dp_unit");
    if (!training)
        return an_fail(AN_ERR_INVAL, why, "dp_unit: only to train");
    if (!(p->dp_noise > 0.0) || !(p->dp_delta > 0.0 && p->dp_delta < 1.0))
        return an_fail(AN_ERR_INVAL, why, "dp_noise > 0, dp_delta in (0, 1)");
    const bool record = p->dp_unit == AN_DP_RECORD;
    if (record && p->ewc > 0.0)
        return an_fail(AN_ERR_INVAL, why, "ewc: not with privacy of records, as it is made of them");
    if (record != (p->dp_clip > 0.0) || record != (p->dp_rate > 0.0))
        return an_fail(AN_ERR_INVAL, why, "dp_clip, dp_rate: needed for records, and only there");
    if (record != (p->dp_counted == 0) || p->dp_counted > p->n_cohort)
        return an_fail(AN_ERR_INVAL, why, "dp_counted: 1 to the cohort for sites, and only there");
    if (p->dp_unit == AN_DP_SITE && p->secure.groups != 1)
        return an_fail(AN_ERR_INVAL, why, "dp_unit: with the noise of sites there is one group only");
    if (p->dp_unit == AN_DP_SITE && p->privacy != AN_PRIVACY_SECURE_SUM)
        return an_fail(AN_ERR_INVAL, why, "dp_unit: a site's noise is enough only inside a secure sum");
    return AN_OK;
}

/* A masked vector is as random as noise, and only whole words of it add up. */
static an_err check_encoding(const an_plan *p, an_note *why)
{
    static const uint8_t no_key[AN_AGREE_KEY_BYTES];
    const bool sealed = memcmp(p->seal_key, no_key, sizeof no_key) != 0;
    if (sealed && p->privacy != AN_PRIVACY_TRUSTED)
        return an_fail(AN_ERR_INVAL, why, "seal_key: only in trusted mode");
    if (p->encoding != AN_UPDATE_PLAIN && (!sealed || p->kind != AN_PAYLOAD_TRAIN))
        return an_fail(AN_ERR_INVAL, why, "encoding: only of sealed updates to train");
    if ((p->encoding == AN_UPDATE_TOPK) != (p->topk > 0.0))
        return an_fail(AN_ERR_INVAL, why, "topk: a share above 0 with that encoding, else 0");
    return AN_OK;
}

static an_err check_across(const an_plan *p, an_note *why)
{
    an_err err = check_cohort(p, why);
    if (!err)
        err = check_privacy(p, why);
    if (!err)
        err = check_phase(p, &p->invite, "invite", why);
    if (!err)
        err = check_phase(p, &p->upload, "upload", why);
    if (!err)
        err = check_kind(p, why);
    if (!err)
        err = check_noise(p, why);
    if (!err)
        err = check_encoding(p, why);
    if (!err && !an_payload_judges(p->kind) && (!none(&p->candidate) || !none(&p->production)))
        err = an_fail(AN_ERR_INVAL, why, "candidate, production: only to evaluate and to shadow");
    if (!err && p->kind != AN_PAYLOAD_SHADOW && (p->shadow_ms || p->shadow_rows))
        err = an_fail(AN_ERR_INVAL, why, "shadow_ms, shadow_rows: only to shadow");
    if (!err && p->staleness_max > 0 && (p->kind != AN_PAYLOAD_TRAIN || p->privacy != AN_PRIVACY_TRUSTED))
        err = an_fail(AN_ERR_INVAL, why, "staleness_max: only to train, in trusted mode");
    if (!err && p->control > 0 &&
        (p->kind != AN_PAYLOAD_TRAIN || p->staleness_max > 0 || p->dp_unit != AN_DP_NONE))
        err = an_fail(AN_ERR_INVAL, why, "control: only to train, with neither staleness nor privacy");
    return err;
}

an_err an_plan_check(const an_plan *plan, an_note *why)
{
    an_buf b;
    an_buf_init(&b, AN_PLAN_BYTES_MAX);
    an_err err = an_plan_encode(plan, &b, why);
    an_buf_done(&b);
    return err;
}

an_err an_plan_encode(const an_plan *plan, an_buf *b, an_note *why)
{
    an_buf own;
    an_buf_init(&own, AN_PLAN_BYTES_MAX);
    an_err err = an_wire_put(&andon__plan__descriptor, plan_fields, plan, PACK_ARENA, &own, why);
    if (err == AN_ERR_LIMIT)
        an_note_set(why, "plan: more than %d bytes (shorten the cohort's names)", AN_PLAN_BYTES_MAX);
    if (!err)
        err = check_across(plan, why);
    if (!err) {
        an_buf_put(b, own.data, own.len);
        err = an_buf_err(b);
    }
    an_buf_done(&own);
    return err;
}

/* Bytes of the same struct other than its own would give one plan two hashes. */
static an_err check_canonical(const an_plan *p, const void *bytes, size_t len, an_note *why)
{
    an_buf again;
    an_buf_init(&again, AN_PLAN_BYTES_MAX);
    an_err err = an_plan_encode(p, &again, why);
    if (err == AN_ERR_INVAL)
        err = AN_ERR_PROTO;
    if (!err && (again.len != len || memcmp(again.data, bytes, len) != 0))
        err = an_fail(AN_ERR_PROTO, why, "plan: not in its canonical form");
    an_buf_done(&again);
    return err;
}

an_err an_plan_decode(const void *bytes, size_t len, an_plan **ret, an_note *why)
{
    if (len > AN_PLAN_BYTES_MAX)
        return an_fail(AN_ERR_LIMIT, why, "plan: more than %d bytes", AN_PLAN_BYTES_MAX);
    an_arena arena = {0};
    ProtobufCMessage *wire = NULL;

    an_err err = AN_ERR_NOMEM;
    an_plan *p = an_alloc(1, sizeof *p);
    if (!p || !an_arena_init(&arena, AN_WIRE_ARENA(len)))
        goto out;
    err = an_wire_get(&andon__plan__descriptor, bytes, len, &arena, &wire, why);
    if (!err)
        err = an_fields_unpack(plan_fields, wire, p, why);
    if (!err)
        err = check_canonical(p, bytes, len, why);
    if (err)
        goto out;
    *ret = p;
    p = NULL;
out:
    an_arena_done(&arena);
    an_plan_free(p);
    return err;
}

void an_plan_free(an_plan *plan)
{
    an_free(plan);
}

int32_t an_plan_find_site(const an_plan *plan, const char *site)
{
    uint32_t lo = 0, hi = plan->n_cohort;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = strcmp(plan->cohort[mid], site);
        if (order == 0)
            return (int32_t)mid;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

bool an_payload_judges(an_payload_kind kind)
{
    return kind == AN_PAYLOAD_EVALUATE || kind == AN_PAYLOAD_SHADOW;
}

const char *an_payload_kind_name(an_payload_kind kind)
{
    static const char *const names[] = {"?",         "train",    "mean",   "variance",
                                        "histogram", "evaluate", "shadow", "fit"};
    _Static_assert(sizeof names / sizeof *names == AN_PAYLOAD_KIND_MAX + 1, "a name for each kind");
    return (unsigned)kind <= AN_PAYLOAD_KIND_MAX ? names[kind] : names[0];
}

const char *an_dp_unit_name(uint32_t unit)
{
    static const char *const names[] = {"none", "record", "site"};
    return unit <= AN_DP_SITE ? names[unit] : "?";
}

const char *an_privacy_name(an_privacy privacy)
{
    return privacy == AN_PRIVACY_TRUSTED ? "trusted" : privacy == AN_PRIVACY_SECURE_SUM ? "secure-sum" : "?";
}
