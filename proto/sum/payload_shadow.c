/* SHADOW: two an_shadow_side, candidate then production, each AN_SHADOW_NUMBERS numbers of AN_LIMBS coordinates in
 * the order of the struct, then the AN_SHADOW_PAIRED counts of both.  All are counts but the two sums of scores. */
#include <math.h>

#include "sum/payload_internal.h"

_Static_assert(6 + AN_SHADOW_SCORES + AN_SHADOW_LATENCY == AN_SHADOW_NUMBERS, "as base/terms.h says");
_Static_assert(AN_SHADOW_DIM <= AN_PAYLOAD_PIECE, "it is checked as a whole");

typedef an_err visit_fn(uint32_t *coords, uint64_t *count, double *number, an_note *why);

static an_err walk_counts(uint32_t **coords, uint64_t *const *counts, size_t n, visit_fn *visit, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; !err && i < n; i++, *coords += AN_LIMBS)
        err = visit(*coords, counts[i], NULL, why);
    return err;
}

static an_err walk_bins(uint32_t **coords, uint64_t *bins, size_t n, visit_fn *visit, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; !err && i < n; i++, *coords += AN_LIMBS)
        err = visit(*coords, &bins[i], NULL, why);
    return err;
}

static an_err walk_side(uint32_t **coords, an_shadow_side *s, visit_fn *visit, an_note *why)
{
    uint64_t *const counts[] = {&s->rows, &s->over, &s->blocks_over, &s->alarms, &s->non_finite};
    an_err err = visit(*coords, NULL, &s->score_sum, why);
    *coords += AN_LIMBS;
    if (!err)
        err = walk_counts(coords, counts, sizeof counts / sizeof counts[0], visit, why);
    if (!err)
        err = walk_bins(coords, s->scores, AN_SHADOW_SCORES, visit, why);
    return err ? err : walk_bins(coords, s->latency, AN_SHADOW_LATENCY, visit, why);
}

/* Calls visit for each number in the order of the wire; stops at the first error. */
static an_err walk(uint32_t *coords, an_shadow_counts *c, visit_fn *visit, an_note *why)
{
    uint64_t *const counts[] = {
        &c->rows,  &c->blocks, &c->both, &c->candidate_only, &c->production_only, &c->candidate_failed,
        &c->sites, &c->worse};
    _Static_assert(sizeof counts / sizeof counts[0] == AN_SHADOW_PAIRED, "as base/terms.h says");
    an_err err = walk_side(&coords, &c->candidate, visit, why);
    if (!err)
        err = walk_side(&coords, &c->production, visit, why);
    return err ? err : walk_counts(&coords, counts, AN_SHADOW_PAIRED, visit, why);
}

static an_err put(uint32_t *coords, uint64_t *count, double *number, an_note *why)
{
    return count ? an_payload_put_count(coords, *count, "a count of the shadow", why)
                 : an_payload_put_double(coords, *number, "the scores of the shadow", why);
}

static an_err get(uint32_t *coords, uint64_t *count, double *number, an_note *why)
{
    if (count)
        return an_payload_get_count(count, coords, "shadow", why);
    *number = an_i128_to_double(an_limbs_get(coords));
    return AN_OK;
}

static uint64_t shadow_dim(const an_payload_facts *f)
{
    return an_payload_cohort_ok(f) ? AN_SHADOW_DIM : 0;
}

static an_err shadow_encode(uint32_t *ret, const an_payload_facts *f, const an_payload_in *input,
                            an_note *why)
{
    an_shadow_counts in = input->shadow;
    if (shadow_dim(f) == 0)
        return an_fail(AN_ERR_INVAL, why, "shadow payload: facts out of bounds");
    return walk(ret, &in, put, why);
}

static bool plausible_side(const an_shadow_side *s, const an_shadow_counts *c)
{
    uint64_t scores = 0, latency = 0;
    for (size_t i = 0; i < AN_SHADOW_SCORES; i++)
        scores += s->scores[i];
    for (size_t i = 0; i < AN_SHADOW_LATENCY; i++)
        latency += s->latency[i];
    return s->over <= s->rows && s->alarms <= s->rows && s->blocks_over <= c->blocks && s->rows <= c->rows &&
           s->non_finite <= c->rows && scores <= s->rows && latency <= c->rows;
}

static bool plausible(const an_shadow_counts *c, const an_payload_facts *f)
{
    return plausible_side(&c->candidate, c) && plausible_side(&c->production, c) && c->blocks <= c->rows &&
           c->both <= c->blocks && c->candidate_only <= c->blocks - c->both &&
           c->production_only <= c->blocks - c->both - c->candidate_only && c->candidate_failed <= c->rows &&
           c->sites <= f->n_cohort && c->worse <= c->sites;
}

static an_err shadow_decode(an_payload_out *output, const an_payload_facts *f, const uint32_t *sum,
                            an_note *why)
{
    uint32_t coords[AN_SHADOW_DIM];
    an_shadow_counts c;
    if (shadow_dim(f) == 0)
        return an_fail(AN_ERR_INVAL, why, "shadow payload: facts out of bounds");
    for (size_t i = 0; i < AN_SHADOW_DIM; i++)
        coords[i] = sum[i];
    an_err err = walk(coords, &c, get, why);
    if (err)
        return err;
    if (!plausible(&c, f))
        return an_fail(AN_ERR_PROTO, why, "shadow: parts larger than their whole");
    output->shadow = c;
    return AN_OK;
}

static bool is_score_sum(size_t number)
{
    return number == 0 || number == AN_SHADOW_NUMBERS;
}

static an_err shadow_check(const an_payload_facts *f, uint64_t dim, uint64_t at, const uint32_t *v, size_t n,
                           an_note *why)
{
    an_payload_facts alone = *f;
    an_payload_out out;
    an_note inner = {{0}};
    if (shadow_dim(f) == 0 || dim != AN_SHADOW_DIM || at != 0 || n != dim)
        return an_fail(AN_ERR_INVAL, why, "shadow payload: facts out of bounds");
    for (size_t i = 0; i < n; i++) {
        const uint32_t limb = (uint32_t)(i % AN_LIMBS);
        if (is_score_sum(i / AN_LIMBS) ? !an_payload_limb_ok(limb, v[i]) : !an_payload_count_ok(limb, v[i]))
            return an_fail(AN_ERR_REFUSED, why, "number %zu is not one a site can have", i / AN_LIMBS);
    }
    alone.n_cohort = 1;
    return shadow_decode(&out, &alone, v, &inner) == AN_OK
               ? AN_OK
               : an_fail(AN_ERR_REFUSED, why, "%.200s", inner.text);
}

const an_payload_type an_payload_shadow = {
    .name = "shadow",
    .kind = AN_PAYLOAD_SHADOW,
    .dim = shadow_dim,
    .encode = shadow_encode,
    .decode = shadow_decode,
    .check = shadow_check,
};

/* ---- bins ---- */

size_t an_shadow_score_bin(double score)
{
    if (!isfinite(score))
        return AN_SHADOW_SCORES - 1;
    if (!(score > 0.0625)) /* 2^-4 */
        return 0;
    const double at = floor(2 * log2(score)) + AN_SHADOW_SCORES / 2;
    return at < 0 ? 0 : at >= AN_SHADOW_SCORES ? AN_SHADOW_SCORES - 1 : (size_t)at;
}

size_t an_shadow_latency_bin(uint64_t ns)
{
    if (ns <= 1000)
        return 0;
    const double at = floor(2 * log2((double)ns / 1000));
    return at >= AN_SHADOW_LATENCY ? AN_SHADOW_LATENCY - 1 : (size_t)at;
}

/* In bins; 0: there is nothing in them. */
static double place_at(const uint64_t *bins, size_t n, double share)
{
    uint64_t all = 0, below = 0;
    for (size_t i = 0; i < n; i++)
        all += bins[i];
    const double want = share * (double)all;
    for (size_t i = 0; i < n && all; below += bins[i++])
        if (bins[i] && (double)(below + bins[i]) >= want)
            return (double)i + fmax(0, want - (double)below) / (double)bins[i];
    return 0;
}

double an_shadow_score_at(const an_shadow_side *s, double share)
{
    return s->rows ? exp2((place_at(s->scores, AN_SHADOW_SCORES, share) - AN_SHADOW_SCORES / 2) / 2) : 0;
}

double an_shadow_latency_at(const an_shadow_side *s, double share)
{
    const double place = place_at(s->latency, AN_SHADOW_LATENCY, share);
    return place > 0 ? exp2(place / 2) : 0;
}

double an_shadow_psi(const an_shadow_side *a, const an_shadow_side *b)
{
    double n_a = 0, n_b = 0, psi = 0;
    for (size_t i = 0; i < AN_SHADOW_SCORES; i++) {
        n_a += (double)a->scores[i] + 0.5;
        n_b += (double)b->scores[i] + 0.5;
    }
    for (size_t i = 0; i < AN_SHADOW_SCORES; i++) {
        const double p = ((double)a->scores[i] + 0.5) / n_a, q = ((double)b->scores[i] + 0.5) / n_b;
        psi += (p - q) * log(p / q);
    }
    return psi;
}
