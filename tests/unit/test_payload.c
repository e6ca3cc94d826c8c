/* Each payload kind: what sites put in is what the sum gives back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "doors/crypto.h"
#include "msg/plan.h"
#include "sum/fixed.h"
#include "sum/payload.h"
#include "sum/vector.h"

enum { SITES = 5, PARAMS = 30, FEATURES = 4, BINS = 6, SUMS = 3 };
static const char *const names[SITES] = {"a", "b", "c", "d", "e"};
static an_tensor_scale tensors[3];
static uint32_t vectors[SITES][AN_EVALUATE_DIM];
static uint32_t sum[AN_EVALUATE_DIM];

static an_payload_facts facts_of(const char *site)
{
    an_payload_facts f = {.n_cohort = SITES, .value_bits = an_fixed_bits(SITES), .seed = 7, .site = site};
    f.clip_norm = 2.0;
    f.weight_cap = 100.0;
    int32_t e = an_fixed_unit_exp(f.clip_norm, f.value_bits);
    tensors[0] = (an_tensor_scale){20, e, false};
    tensors[1] = (an_tensor_scale){6, e, true};
    tensors[2] = (an_tensor_scale){4, e + 2, false};
    f.tensors = tensors;
    f.n_tensors = 3;
    f.n_features = FEATURES;
    f.n_bins = BINS;
    f.n_sums = SUMS;
    return f;
}

static void add_all(uint64_t dim, bool backwards)
{
    memset(sum, 0, sizeof sum);
    for (size_t i = 0; i < SITES; i++)
        an_sum_add(sum, vectors[backwards ? SITES - 1 - i : i], dim);
}

/* Whole, and for what may come in pieces in two of any size. */
static an_err check(const an_payload_type *type, const an_payload_facts *f, const uint32_t *v)
{
    const uint64_t dim = type->dim(f);
    an_err err = type->check(f, dim, 0, v, dim, NULL);
    for (uint64_t cut = 1; cut < dim && !an_payload_judges(type->kind); cut++) {
        an_err first = type->check(f, dim, 0, v, cut, NULL);
        an_err second = type->check(f, dim, cut, v + cut, dim - cut, NULL);
        assert_int_equal(err, first ? first : second);
    }
    return err;
}

static void train_inputs(float delta[SITES][PARAMS], double weight[SITES])
{
    an_rng rng;
    an_rng_init(&rng, 11, 0);
    for (size_t s = 0; s < SITES; s++) {
        weight[s] = 20.0 * (double)(s + 1) - 3.0;
        for (size_t i = 0; i < PARAMS; i++)
            delta[s][i] = (float)(0.1 * an_rng_normal(&rng));
    }
}

static void the_mean_delta_is_weighted_by_examples_and_has_no_order(void **state)
{
    (void)state;
    const an_payload_type *type = an_payload_find(AN_PAYLOAD_TRAIN);
    float delta[SITES][PARAMS];
    double weight[SITES], total = 0.0, loss = 0.0, got[PARAMS], again[PARAMS];
    an_payload_facts f = facts_of("a");
    train_inputs(delta, weight);
    assert_int_equal(type->dim(&f), 24 + AN_TRAIN_EXTRA);
    for (size_t s = 0; s < SITES; s++) {
        an_payload_in in = {.train = {.delta = delta[s], .weight = weight[s], .loss = 0.5 * (double)s}};
        f.site = names[s];
        assert_int_equal(type->encode(vectors[s], &f, &in, NULL), AN_OK);
        assert_int_equal(check(type, &f, vectors[s]), AN_OK);
        total += weight[s];
        loss += weight[s] * 0.5 * (double)s;
    }
    an_payload_out out = {.train = {.delta = got}};
    add_all(type->dim(&f), false);
    assert_int_equal(type->decode(&out, &f, sum, NULL), AN_OK);
    assert_true(out.train.weight == total && out.train.sites == SITES);
    assert_true(fabs(out.train.loss - loss / total) < 1e-12);
    assert_true(out.train.clipped == 0 && out.train.saturated == 0);
    for (size_t i = 0; i < PARAMS; i++) {
        double want = 0.0;
        for (size_t s = 0; s < SITES; s++)
            want += weight[s] * (double)delta[s][i] / total;
        if (i >= 20 && i < 26)
            want = 0.0; /* local */
        /* One unit per site, scaled back from w_cap. */
        assert_true(fabs(got[i] - want) <= SITES * ldexp(1.0, tensors[2].unit_exp) * f.weight_cap / total);
    }
    add_all(type->dim(&f), true);
    out.train.delta = again;
    assert_int_equal(type->decode(&out, &f, sum, NULL), AN_OK);
    assert_memory_equal(got, again, sizeof got);
}

static void a_long_delta_is_clipped_and_a_heavy_site_counts_as_the_cap(void **state)
{
    (void)state;
    const an_payload_type *type = an_payload_find(AN_PAYLOAD_TRAIN);
    an_payload_facts f = facts_of("a");
    float delta[PARAMS] = {0};
    double got[PARAMS];
    delta[0] = 30.0f;
    delta[29] = -40.0f;
    delta[22] = 1e30f; /* local: neither sent nor in the norm */
    an_payload_in in = {.train = {.delta = delta, .weight = 1e6, .loss = -1.0}};
    assert_int_equal(type->encode(sum, &f, &in, NULL), AN_OK);
    an_payload_out out = {.train = {.delta = got}};
    assert_int_equal(type->decode(&out, &f, sum, NULL), AN_OK);
    assert_true(out.train.weight == 100.0 && out.train.clipped == 1 && out.train.loss == -1.0);
    assert_true(out.train.saturated == 0);
    assert_true(fabs(got[0] - 1.2) < 1e-6 && fabs(got[29] + 1.6) < 1e-6 && got[22] == 0.0);

    tensors[0].unit_exp -= 8; /* a unit too fine for the clip norm */
    assert_int_equal(type->encode(sum, &f, &in, NULL), AN_OK);
    assert_int_equal(type->decode(&out, &f, sum, NULL), AN_OK);
    assert_int_equal(out.train.saturated, 1);
    assert_true(got[0] > 0.0 && got[0] < 0.1);
}

static void training_that_went_wrong_is_not_encoded(void **state)
{
    (void)state;
    const an_payload_type *type = an_payload_find(AN_PAYLOAD_TRAIN);
    an_payload_facts f = facts_of("a");
    float delta[PARAMS] = {0};
    an_payload_in in = {.train = {.delta = delta, .weight = 5.0, .loss = 0.1}};
    delta[3] = NAN;
    assert_int_equal(type->encode(sum, &f, &in, NULL), AN_ERR_NUMERIC);
    delta[3] = INFINITY;
    assert_int_equal(type->encode(sum, &f, &in, NULL), AN_ERR_NUMERIC);
    delta[3] = 0.0f;
    in.train.loss = NAN;
    assert_int_equal(type->encode(sum, &f, &in, NULL), AN_ERR_NUMERIC);
    in.train.loss = 1e300;
    assert_int_equal(type->encode(sum, &f, &in, NULL), AN_ERR_LIMIT);
    in.train.loss = 0.0;
    in.train.weight = 0.0;
    assert_int_equal(type->encode(sum, &f, &in, NULL), AN_ERR_INVAL);
    in.train.weight = 1.0;
    f.value_bits++;
    assert_int_equal(type->encode(sum, &f, &in, NULL), AN_ERR_INVAL);
}

static void a_sum_that_no_cohort_could_make_is_refused(void **state)
{
    (void)state;
    an_payload_facts f = facts_of("a");
    double delta[PARAMS], sums[FEATURES];
    uint64_t counts[FEATURES * BINS];
    for (size_t i = 0; an_payload_at(i); i++) {
        const an_payload_type *type = an_payload_at(i);
        an_payload_out out = {.train = {.delta = delta}};
        if (type->kind == AN_PAYLOAD_MEAN || type->kind == AN_PAYLOAD_VARIANCE)
            out.mean = (an_moments_out){.n = counts, .sum = sums};
        if (type->kind == AN_PAYLOAD_HISTOGRAM)
            out.histogram.counts = counts;
        if (type->kind == AN_PAYLOAD_FIT)
            out.fit.sums = sums;
        memset(sum, 0xff, sizeof sum);
        assert_int_equal(type->decode(&out, &f, sum, NULL), AN_ERR_PROTO);
    }
}

/* What one site may not say, whatever the others say. */
static void what_no_site_could_have_encoded_is_refused_coordinate_by_coordinate(void **state)
{
    (void)state;
    an_payload_facts f = facts_of("a");
    const uint32_t most = (UINT32_C(1) << f.value_bits) - 1;
    enum { EXTRA = 24 };
    const struct {
        an_payload_kind kind;
        uint32_t at, value;
        an_err err;
    } cases[] = {
        {AN_PAYLOAD_TRAIN, 0, most, AN_OK},
        {AN_PAYLOAD_TRAIN, 23, 0 - most, AN_OK},
        {AN_PAYLOAD_TRAIN, 0, most + 1, AN_ERR_REFUSED},
        {AN_PAYLOAD_TRAIN, 23, 0 - most - 1, AN_ERR_REFUSED},
        {AN_PAYLOAD_TRAIN, 7, UINT32_C(1) << 31, AN_ERR_REFUSED},
        {AN_PAYLOAD_TRAIN, EXTRA, 0, AN_ERR_REFUSED}, /* weight */
        {AN_PAYLOAD_TRAIN, EXTRA, 100, AN_OK},
        {AN_PAYLOAD_TRAIN, EXTRA, 101, AN_ERR_REFUSED},
        {AN_PAYLOAD_TRAIN, EXTRA, UINT32_MAX, AN_ERR_REFUSED},
        {AN_PAYLOAD_TRAIN, EXTRA + 1, 0, AN_ERR_REFUSED}, /* sites */
        {AN_PAYLOAD_TRAIN, EXTRA + 1, 2, AN_ERR_REFUSED},
        {AN_PAYLOAD_TRAIN, EXTRA + 1, UINT32_MAX, AN_ERR_REFUSED},
        {AN_PAYLOAD_TRAIN, EXTRA + 2, 1, AN_OK},
        {AN_PAYLOAD_TRAIN, EXTRA + 2, 2, AN_ERR_REFUSED},
        {AN_PAYLOAD_TRAIN, EXTRA + 3, most + 1, AN_ERR_REFUSED},
        {AN_PAYLOAD_TRAIN, EXTRA + 4, 0x10000, AN_ERR_REFUSED}, /* loss */
        {AN_PAYLOAD_TRAIN, EXTRA + 11, 0xffff, AN_OK},
        {AN_PAYLOAD_TRAIN, EXTRA + 11, 1, AN_ERR_REFUSED},
        {AN_PAYLOAD_MEAN, 2, 0xffff, AN_OK}, /* n */
        {AN_PAYLOAD_MEAN, 3, 1, AN_ERR_REFUSED},
        {AN_PAYLOAD_MEAN, 16, 0x10000, AN_ERR_REFUSED},
        {AN_PAYLOAD_MEAN, 31, 0xffff, AN_OK}, /* a negative sum */
        {AN_PAYLOAD_MEAN, 31, 0x7fff, AN_ERR_REFUSED},
        {AN_PAYLOAD_VARIANCE, 31, 0xffff, AN_ERR_REFUSED},
        {AN_PAYLOAD_VARIANCE, 30, 0xffff, AN_OK},
        {AN_PAYLOAD_HISTOGRAM, 5, most, AN_OK},
        {AN_PAYLOAD_HISTOGRAM, 5, most + 1, AN_ERR_REFUSED},
        {AN_PAYLOAD_FIT, 2, 0xffff, AN_OK}, /* windows */
        {AN_PAYLOAD_FIT, 3, 1, AN_ERR_REFUSED},
        {AN_PAYLOAD_FIT, 2 * AN_LIMBS - 1, 0xffff, AN_OK}, /* a negative sum */
        {AN_PAYLOAD_FIT, 2 * AN_LIMBS - 1, 1, AN_ERR_REFUSED},
        {AN_PAYLOAD_FIT, 4 * AN_LIMBS - 2, 0x10000, AN_ERR_REFUSED},
        {AN_PAYLOAD_EVALUATE, 0, 0x10000, AN_ERR_REFUSED}, /* loss */
        {AN_PAYLOAD_EVALUATE, AN_LIMBS + 3, 1, AN_ERR_REFUSED},
        {AN_PAYLOAD_EVALUATE, AN_LIMBS + 2, 0xffff, AN_OK},
        {AN_PAYLOAD_EVALUATE, 11 * AN_LIMBS, 1, AN_OK}, /* sites */
        {AN_PAYLOAD_EVALUATE, 11 * AN_LIMBS, 2, AN_ERR_REFUSED},
        {AN_PAYLOAD_EVALUATE, 7 * AN_LIMBS, 1, AN_ERR_REFUSED},    /* alarms of no windows */
        {AN_PAYLOAD_SHADOW, AN_LIMBS - 1, 0x7fff, AN_ERR_REFUSED}, /* the sum of scores */
        {AN_PAYLOAD_SHADOW, 2, 5, AN_OK},
        {AN_PAYLOAD_SHADOW, 2 * AN_LIMBS, 1, AN_ERR_REFUSED}, /* over, of no rows */
        {AN_PAYLOAD_SHADOW, 108 * AN_LIMBS, 9, AN_OK},        /* rows given to both */
        {AN_PAYLOAD_SHADOW, 114 * AN_LIMBS, 1, AN_OK},        /* sites */
        {AN_PAYLOAD_SHADOW, 114 * AN_LIMBS, 2, AN_ERR_REFUSED},
        {AN_PAYLOAD_SHADOW, 115 * AN_LIMBS, 1, AN_ERR_REFUSED}, /* worse at no site */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t v[AN_EVALUATE_DIM] = {0};
        if (cases[i].kind == AN_PAYLOAD_TRAIN)
            v[EXTRA] = v[EXTRA + 1] = 1;
        v[cases[i].at] = cases[i].value;
        if (check(an_payload_find(cases[i].kind), &f, v) != cases[i].err)
            fail_msg("case %zu", i);
    }
}

static void a_small_site_counts_one_unit_where_units_are_coarse(void **state)
{
    (void)state;
    const an_payload_type *type = an_payload_find(AN_PAYLOAD_TRAIN);
    an_payload_facts f = facts_of("a");
    float delta[PARAMS] = {0};
    f.weight_cap = ldexp(1.0, 40);
    for (f.seed = 0; f.seed < 20; f.seed++) {
        an_payload_in in = {.train = {.delta = delta, .weight = 1.0, .loss = 0.0}};
        assert_int_equal(type->encode(sum, &f, &in, NULL), AN_OK);
        assert_int_equal(check(type, &f, sum), AN_OK);
        in.train.weight = 2 * f.weight_cap;
        assert_int_equal(type->encode(sum, &f, &in, NULL), AN_OK);
        assert_int_equal(check(type, &f, sum), AN_OK);
    }
}

static void moments_add_up_exactly(void **state)
{
    (void)state;
    const an_payload_kind kinds[] = {AN_PAYLOAD_MEAN, AN_PAYLOAD_VARIANCE};
    for (size_t k = 0; k < 2; k++) {
        const an_payload_type *type = an_payload_find(kinds[k]);
        an_payload_facts f = facts_of("a");
        uint64_t n[SITES][FEATURES], got_n[FEATURES];
        double x[SITES][FEATURES], got[FEATURES];
        for (size_t s = 0; s < SITES; s++) {
            for (size_t i = 0; i < FEATURES; i++) {
                n[s][i] = 1000 * s + i;
                x[s][i] = (k || s % 2 ? 1.0 : -1.0) * ldexp(1.0 + (double)s / 64.0, 10 * (int)i);
            }
            an_payload_in in = {.mean = {.n = n[s], .sum = x[s]}};
            assert_int_equal(type->encode(vectors[s], &f, &in, NULL), AN_OK);
            assert_int_equal(check(type, &f, vectors[s]), AN_OK);
        }
        add_all(type->dim(&f), k == 0);
        an_payload_out out = {.mean = {.n = got_n, .sum = got}};
        assert_int_equal(type->decode(&out, &f, sum, NULL), AN_OK);
        for (size_t i = 0; i < FEATURES; i++) {
            double want = 0.0;
            for (size_t s = 0; s < SITES; s++)
                want += x[s][i];
            assert_true(got[i] == want && got_n[i] == 10000 + 5 * i);
        }
    }
    an_payload_facts f = facts_of("a");
    const uint64_t n[FEATURES] = {1, 1, 1, 1};
    const double negative[FEATURES] = {1, 1, -1, 1}, bad[FEATURES] = {1, NAN, 1, 1}, huge[FEATURES] = {1e19};
    an_payload_in in = {.variance = {.n = n, .sum = negative}};
    assert_int_equal(an_payload_find(AN_PAYLOAD_VARIANCE)->encode(sum, &f, &in, NULL), AN_ERR_INVAL);
    in.mean.sum = bad;
    assert_int_equal(an_payload_find(AN_PAYLOAD_MEAN)->encode(sum, &f, &in, NULL), AN_ERR_NUMERIC);
    in.mean.sum = huge;
    assert_int_equal(an_payload_find(AN_PAYLOAD_MEAN)->encode(sum, &f, &in, NULL), AN_ERR_LIMIT);
}

static void histograms_add_up_and_too_large_a_count_is_refused(void **state)
{
    (void)state;
    const an_payload_type *type = an_payload_find(AN_PAYLOAD_HISTOGRAM);
    an_payload_facts f = facts_of("a");
    const uint32_t most = (UINT32_C(1) << f.value_bits) - 1;
    uint32_t counts[FEATURES * BINS];
    uint64_t got[FEATURES * BINS];
    assert_int_equal(type->dim(&f), FEATURES * BINS);
    for (uint32_t i = 0; i < FEATURES * BINS; i++)
        counts[i] = i % 2 ? most : i;
    an_payload_in in = {.histogram = {.counts = counts}};
    for (size_t s = 0; s < SITES; s++) {
        assert_int_equal(type->encode(vectors[s], &f, &in, NULL), AN_OK);
        assert_int_equal(check(type, &f, vectors[s]), AN_OK);
    }
    add_all(type->dim(&f), false);
    an_payload_out out = {.histogram = {.counts = got}};
    assert_int_equal(type->decode(&out, &f, sum, NULL), AN_OK);
    for (uint32_t i = 0; i < FEATURES * BINS; i++)
        assert_true(got[i] == SITES * (uint64_t)counts[i]);
    counts[5]++;
    assert_int_equal(type->encode(sum, &f, &in, NULL), AN_ERR_LIMIT);
}

static void evaluations_add_up_number_by_number(void **state)
{
    (void)state;
    const an_payload_type *type = an_payload_find(AN_PAYLOAD_EVALUATE);
    an_payload_facts f = facts_of("a");
    for (size_t s = 0; s < SITES; s++) {
        an_evaluation c = {.n = 100 + s, .loss_sum = 0.125 * (double)s, .tp = 1, .fp = 2, .tn = 3, .fn = 4};
        c.old_windows = 50;
        c.old_alarms = 5;
        c.new_windows = 40;
        c.new_alarms = s;
        c.non_finite = 6;
        c.sites = 1;
        for (size_t i = 0; i < AN_EVAL_SIZES; i++) {
            c.sizes[i].total = 10 + i;
            c.sizes[i].raised = i;
        }
        for (size_t i = 0; i < AN_EVAL_MODES; i++) {
            c.modes[i].total = 20 + i;
            c.modes[i].raised = i + 1;
        }
        an_payload_in in = {.evaluate = {.candidate = c}};
        in.evaluate.production.fn = 9;
        assert_int_equal(type->encode(vectors[s], &f, &in, NULL), AN_OK);
        assert_int_equal(check(type, &f, vectors[s]), AN_OK);
    }
    add_all(type->dim(&f), true);
    an_payload_out out;
    assert_int_equal(type->decode(&out, &f, sum, NULL), AN_OK);
    const an_evaluation *c = &out.evaluate.candidate;
    assert_true(c->n == 510 && c->loss_sum == 1.25 && c->tp == 5 && c->fp == 10 && c->tn == 15 &&
                c->fn == 20);
    assert_true(c->old_windows == 250 && c->old_alarms == 25 && c->new_windows == 200 && c->new_alarms == 10);
    assert_true(c->non_finite == 30 && c->sites == 5);
    assert_true(c->sizes[7].total == 85 && c->sizes[7].raised == 35);
    assert_true(c->modes[15].total == 175 && c->modes[15].raised == 80);
    assert_true(out.evaluate.production.fn == 45 && out.evaluate.production.n == 0);
}

static void shadows_add_up_number_by_number(void **state)
{
    (void)state;
    const an_payload_type *type = an_payload_find(AN_PAYLOAD_SHADOW);
    an_payload_facts f = facts_of("a");
    for (size_t s = 0; s < SITES; s++) {
        an_shadow_counts c = {
            .rows = 100, .blocks = 6, .both = 1, .candidate_only = 2, .production_only = s % 2};
        c.sites = 1;
        c.worse = s == 0;
        c.candidate =
            (an_shadow_side){.score_sum = 0.25 * (double)s, .rows = 100, .over = 5, .blocks_over = 3};
        c.production = (an_shadow_side){.score_sum = 1, .rows = 99, .non_finite = 1};
        for (size_t i = 0; i < AN_SHADOW_SCORES; i++)
            c.candidate.scores[i] = i % 7;
        for (size_t i = 0; i < AN_SHADOW_LATENCY; i++)
            c.production.latency[i] = i % 3;
        const an_payload_in in = {.shadow = c};
        assert_int_equal(type->encode(vectors[s], &f, &in, NULL), AN_OK);
        assert_int_equal(check(type, &f, vectors[s]), AN_OK);
    }
    add_all(type->dim(&f), true);
    an_payload_out out;
    assert_int_equal(type->decode(&out, &f, sum, NULL), AN_OK);
    const an_shadow_counts *c = &out.shadow;
    assert_true(c->rows == 500 && c->blocks == 30 && c->both == 5 && c->candidate_only == 10);
    assert_true(c->production_only == 2 && c->sites == 5 && c->worse == 1);
    assert_true(c->candidate.score_sum == 2.5 && c->candidate.over == 25 && c->production.non_finite == 5);
    assert_true(c->candidate.scores[13] == 30 && c->production.latency[31] == 5);
}

static void bins_of_a_shadow_give_back_what_was_in_them(void **state)
{
    (void)state;
    an_shadow_side a = {.rows = 1000}, b = {.rows = 1000};
    assert_int_equal(an_shadow_score_bin(0.999), AN_SHADOW_SCORES / 2 - 1);
    assert_int_equal(an_shadow_score_bin(1.001), AN_SHADOW_SCORES / 2);
    assert_int_equal(an_shadow_score_bin(NAN), AN_SHADOW_SCORES - 1);
    assert_int_equal(an_shadow_score_bin(-1), 0);
    assert_int_equal(an_shadow_score_bin(1e300), AN_SHADOW_SCORES - 1);
    assert_int_equal(an_shadow_latency_bin(0), 0);
    assert_int_equal(an_shadow_latency_bin(UINT64_MAX), AN_SHADOW_LATENCY - 1);
    for (uint64_t i = 0; i < 1000; i++) {
        a.scores[an_shadow_score_bin(0.1 + 0.001 * (double)i)]++;
        a.latency[an_shadow_latency_bin(10000 + 100 * i)]++;
        b.scores[an_shadow_score_bin(0.3 + 0.003 * (double)i)]++;
    }
    assert_true(fabs(an_shadow_score_at(&a, 0.95) - 1.05) < 0.25);
    assert_true(fabs(an_shadow_latency_at(&a, 0.5) - 60) < 12);
    assert_true(an_shadow_psi(&a, &a) < 1e-9 && an_shadow_psi(&a, &b) > 0.25);
}

static void every_kind_has_its_row_and_refuses_impossible_facts(void **state)
{
    (void)state;
    const an_payload_facts nothing = {0};
    size_t n = 0;
    for (; an_payload_at(n); n++) {
        an_payload_facts f = facts_of("a");
        assert_ptr_equal(an_payload_find(an_payload_at(n)->kind), an_payload_at(n));
        assert_true(an_payload_at(n)->dim(&f) > 0);
        assert_int_equal(an_payload_at(n)->dim(&nothing), 0);
        f.n_cohort = AN_COHORT_MAX + 1;
        assert_int_equal(an_payload_at(n)->dim(&f), 0);
    }
    assert_int_equal(n, AN_PAYLOAD_KIND_MAX);
    assert_null(an_payload_find((an_payload_kind)99));
    an_payload_facts f = facts_of("a");
    f.n_features = UINT32_MAX;
    f.n_bins = UINT32_MAX;
    assert_int_equal(an_payload_find(AN_PAYLOAD_MEAN)->dim(&f), 0);
    assert_int_equal(an_payload_find(AN_PAYLOAD_HISTOGRAM)->dim(&f), 0);
    tensors[0].n = AN_DIM_MAX;
    assert_int_equal(an_payload_find(AN_PAYLOAD_TRAIN)->dim(&f), 0);
}

int main(void)
{
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mean_delta_is_weighted_by_examples_and_has_no_order),
        cmocka_unit_test(a_long_delta_is_clipped_and_a_heavy_site_counts_as_the_cap),
        cmocka_unit_test(training_that_went_wrong_is_not_encoded),
        cmocka_unit_test(a_sum_that_no_cohort_could_make_is_refused),
        cmocka_unit_test(what_no_site_could_have_encoded_is_refused_coordinate_by_coordinate),
        cmocka_unit_test(a_small_site_counts_one_unit_where_units_are_coarse),
        cmocka_unit_test(moments_add_up_exactly),
        cmocka_unit_test(histograms_add_up_and_too_large_a_count_is_refused),
        cmocka_unit_test(evaluations_add_up_number_by_number),
        cmocka_unit_test(shadows_add_up_number_by_number),
        cmocka_unit_test(bins_of_a_shadow_give_back_what_was_in_them),
        cmocka_unit_test(every_kind_has_its_row_and_refuses_impossible_facts),
    };
    return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
