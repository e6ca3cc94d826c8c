/* EVALUATE: two an_evaluation, candidate then production, each AN_EVALUATE_NUMBERS numbers of
 * AN_LIMBS coordinates in the order of the list below.  All are counts but the loss. */
#include "sum/payload_internal.h"

/* Calls visit for each number in the order of the wire; stops at the first error. */
typedef an_err visit_fn(uint32_t *coords, uint64_t *count, double *number, an_note *why);

static an_err walk(uint32_t *coords, an_evaluation *e, visit_fn *visit, an_note *why)
{
    uint64_t *const counts[] = {&e->n,          &e->tp,          &e->fp,         &e->tn,
                                &e->fn,         &e->old_windows, &e->old_alarms, &e->new_windows,
                                &e->new_alarms, &e->non_finite,  &e->sites,      &e->objections,
                                &e->gains};
    const size_t n_counts = sizeof counts / sizeof counts[0];
    an_err err = visit(coords, NULL, &e->loss_sum, why);
    coords += AN_LIMBS;
    for (size_t i = 0; !err && i < n_counts; i++, coords += AN_LIMBS)
        err = visit(coords, counts[i], NULL, why);
    for (size_t i = 0; !err && i < AN_EVAL_SIZES; i++, coords += 2 * AN_LIMBS) {
        err = visit(coords, &e->sizes[i].total, NULL, why);
        if (!err)
            err = visit(coords + AN_LIMBS, &e->sizes[i].raised, NULL, why);
    }
    for (size_t i = 0; !err && i < AN_EVAL_MODES; i++, coords += 2 * AN_LIMBS) {
        err = visit(coords, &e->modes[i].total, NULL, why);
        if (!err)
            err = visit(coords + AN_LIMBS, &e->modes[i].raised, NULL, why);
    }
    return err;
}

_Static_assert(1 + 13 + 2 * AN_EVAL_SIZES + 2 * AN_EVAL_MODES == AN_EVALUATE_NUMBERS, "as base/terms.h says");

static an_err put(uint32_t *coords, uint64_t *count, double *number, an_note *why)
{
    return count ? an_payload_put_count(coords, *count, "a count of the evaluation", why)
                 : an_payload_put_double(coords, *number, "the loss of the evaluation", why);
}

static an_err get(uint32_t *coords, uint64_t *count, double *number, an_note *why)
{
    if (count)
        return an_payload_get_count(count, coords, "evaluation", why);
    *number = an_i128_to_double(an_limbs_get(coords));
    return AN_OK;
}

static uint64_t evaluate_dim(const an_payload_facts *f)
{
    return an_payload_cohort_ok(f) ? AN_EVALUATE_DIM : 0;
}

static an_err evaluate_encode(uint32_t *ret, const an_payload_facts *f, const an_payload_in *input,
                              an_note *why)
{
    an_evaluate_in in = input->evaluate;
    if (evaluate_dim(f) == 0)
        return an_fail(AN_ERR_INVAL, why, "evaluate payload: facts out of bounds");
    an_err err = walk(ret, &in.candidate, put, why);
    return err ? err : walk(ret + AN_EVALUATE_DIM / 2, &in.production, put, why);
}

static bool plausible(const an_evaluation *e, const an_payload_facts *f)
{
    bool ok = e->sites <= f->n_cohort && e->objections <= e->sites && e->gains <= e->sites &&
              e->old_alarms <= e->old_windows && e->new_alarms <= e->new_windows;
    for (size_t i = 0; i < AN_EVAL_SIZES; i++)
        ok = ok && e->sizes[i].raised <= e->sizes[i].total;
    for (size_t i = 0; i < AN_EVAL_MODES; i++)
        ok = ok && e->modes[i].raised <= e->modes[i].total;
    return ok;
}

static an_err evaluate_decode(an_payload_out *output, const an_payload_facts *f, const uint32_t *sum,
                              an_note *why)
{
    uint32_t coords[AN_EVALUATE_DIM / 2];
    an_evaluation e[2];
    if (evaluate_dim(f) == 0)
        return an_fail(AN_ERR_INVAL, why, "evaluate payload: facts out of bounds");
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < AN_EVALUATE_DIM / 2; i++)
            coords[i] = sum[m * (AN_EVALUATE_DIM / 2) + i];
        an_err err = walk(coords, &e[m], get, why);
        if (err)
            return err;
        if (!plausible(&e[m], f))
            return an_fail(AN_ERR_PROTO, why, "evaluation: more raised than there was");
    }
    output->evaluate = (an_evaluate_out){.candidate = e[0], .production = e[1]};
    return AN_OK;
}

_Static_assert(AN_EVALUATE_DIM <= AN_PAYLOAD_PIECE, "it is checked as a whole");

static an_err evaluate_check(const an_payload_facts *f, uint64_t dim, uint64_t at, const uint32_t *v,
                             size_t n, an_note *why)
{
    an_payload_facts alone = *f;
    an_payload_out out;
    an_note inner = {{0}};
    if (evaluate_dim(f) == 0 || dim != AN_EVALUATE_DIM || at != 0 || n != dim)
        return an_fail(AN_ERR_INVAL, why, "evaluate payload: facts out of bounds");
    for (size_t i = 0; i < n; i++) {
        const uint32_t limb = (uint32_t)(i % AN_LIMBS);
        const bool loss = i % (AN_EVALUATE_DIM / 2) < AN_LIMBS;
        if (loss ? !an_payload_limb_ok(limb, v[i]) : !an_payload_count_ok(limb, v[i]))
            return an_fail(AN_ERR_REFUSED, why, "number %zu is not one a site can have", i / AN_LIMBS);
    }
    alone.n_cohort = 1;
    return evaluate_decode(&out, &alone, v, &inner) == AN_OK
               ? AN_OK
               : an_fail(AN_ERR_REFUSED, why, "%.200s", inner.text);
}

const an_payload_type an_payload_evaluate = {
    .name = "evaluate",
    .kind = AN_PAYLOAD_EVALUATE,
    .dim = evaluate_dim,
    .encode = evaluate_encode,
    .decode = evaluate_decode,
    .check = evaluate_check,
};
