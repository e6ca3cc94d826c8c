#include "tests/support/toy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/model.h"
#include "sum/fixed.h"
#include "sum/payload.h"

static const char shared[] =
    "model: toy\ninput: {features: 4, window: 3}\n"
    "layers: [flatten, {dense: {units: 8}}, tanh, {dense: {units: 3}}, {dense: {units: 12}}]\n"
    "loss: mse\ntarget: input\n";
static const char partly_local[] = "model: toy\ninput: {features: 4, window: 3}\n"
                                   "layers: [flatten, {dense: {units: 8}}, tanh, {dense: "
                                   "{units: 3}}, {dense: {units: 12, local: true}}]\n"
                                   "loss: mse\ntarget: input\n";

float *an_toy_windows(size_t n, uint64_t seed)
{
    an_rng r;
    float *raw = an_alloc(n * AN_TOY_CONTEXT, AN_TOY_WIDTH * sizeof *raw);
    assert_non_null(raw);
    an_rng_init(&r, seed, 0);
    for (size_t i = 0; i < n; i++) {
        double phase = 6.283 * an_rng_unit(&r), level = an_rng_normal(&r);
        for (size_t t = 0; t < AN_TOY_CONTEXT; t++)
            for (size_t f = 0; f < AN_TOY_WIDTH; f++)
                raw[(i * AN_TOY_CONTEXT + t) * AN_TOY_WIDTH + f] =
                    (float)(10.0 * (double)f + 2.0 * sin(phase + 0.5 * (double)t + (double)f) +
                            level * cos((double)f) + 0.05 * an_rng_normal(&r));
    }
    return raw;
}

static void set_edges(an_bundle *b)
{
    b->n_edges = 3;
    b->edges = an_alloc(AN_TOY_WIDTH * 3, sizeof *b->edges);
    b->score_edges = an_alloc(3, sizeof *b->score_edges);
    for (size_t f = 0; f < AN_TOY_WIDTH; f++)
        for (size_t i = 0; i < 3; i++)
            b->edges[f * 3 + i] = b->prep.mean[f] + b->prep.scale[f] * ((float)i - 1.0f);
    for (size_t i = 0; i < 3; i++)
        b->score_edges[i] = 0.25f * (float)(i + 1);
}

void an_toy_bundle(an_bundle *ret, bool local)
{
    static const char *const names[AN_TOY_WIDTH] = {"flow", "pressure", "temp", "current"};
    an_note why = {{0}};
    an_model *m = NULL;
    an_prep_conf conf;
    const char *text = local ? partly_local : shared;
    *ret = (an_bundle){.arch = NULL};
    if (an_model_new(text, strlen(text), "toy", AN_TOY_WIDTH, &m, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_prep_conf_init(&conf);
    conf.window = AN_TOY_WINDOW;
    conf.smooth = AN_TOY_SMOOTH;
    float *raw = an_toy_windows(200, 1);
    assert_int_equal(an_prep_fit(&ret->prep, &conf, raw, 200, AN_TOY_CONTEXT, AN_TOY_WIDTH, &why), AN_OK);
    an_free(raw);
    assert_int_equal(an_schema_new(&ret->schema, names, NULL, AN_TOY_WIDTH, 1, AN_TOY_WINDOW, &why), AN_OK);
    snprintf(ret->model, sizeof ret->model, "toy");
    snprintf(ret->policy, sizeof ret->policy, "quantile:0.95");
    ret->threshold = 1;
    ret->arch = an_strdup(an_model_text(m));
    an_model_layout_hash(m, &ret->layout);
    ret->n_weights = an_model_n_params(m);
    ret->weights = an_alloc(ret->n_weights, sizeof *ret->weights);
    an_model_init(m, 3, ret->weights);
    assert_int_equal(an_detector_new("autoencoder", AN_TOY_WINDOW, AN_TOY_WIDTH, &ret->detector, &why),
                     AN_OK);
    for (size_t i = 0; i < ret->detector->n_state; i++)
        ret->detector->state[i] = 1;
    set_edges(ret);
    an_model_free(m);
}

static uint32_t dim_of(const an_plan *p, const an_bundle *b)
{
    const an_payload_facts f = {.n_cohort = p->n_cohort,
                                .value_bits = p->value_bits,
                                .tensors = p->tensors,
                                .n_tensors = p->n_tensors,
                                .clip_norm = p->clip_norm,
                                .weight_cap = p->weight_cap,
                                .n_features = AN_TOY_WIDTH,
                                .n_bins = b->n_edges + 1,
                                .n_sums = (uint32_t)an_detector_n_sums(b->detector)};
    return (uint32_t)an_payload_find(p->kind)->dim(&f);
}

an_plan *an_toy_plan(const an_bundle *b, an_payload_kind kind)
{
    an_model *m = NULL;
    an_plan *p = an_alloc(1, sizeof *p);
    const an_plan_phase phase = {.count_min = 2, .count_max = 3, .time_min_ms = 1000, .deadline_ms = 2000};
    p->round = 4;
    p->kind = kind;
    snprintf(p->model, sizeof p->model, "toy");
    memset(an_payload_judges(kind) ? &p->candidate : &p->base, 1, sizeof p->base);
    memset(&p->schema, 2, sizeof p->schema);
    memset(&p->layout, 3, sizeof p->layout);
    p->n_cohort = 3;
    for (uint32_t i = 0; i < 3; i++)
        snprintf(p->cohort[i], sizeof p->cohort[i], "plant-%c", (int)('a' + i));
    p->min_cohort = 2;
    p->privacy = AN_PRIVACY_TRUSTED;
    p->invite = p->upload = phase;
    p->value_bits = an_fixed_bits(3);
    p->clip_norm = 10;
    p->weight_cap = 1000;
    p->local_epochs = 20;
    p->batch = 16;
    p->lr = 0.01;
    snprintf(p->optimiser, sizeof p->optimiser, "adam");
    p->seed = 9;
    if (kind == AN_PAYLOAD_TRAIN) {
        assert_int_equal(an_model_new(b->arch, strlen(b->arch), "toy", 0, &m, NULL), AN_OK);
        p->n_tensors = (uint32_t)an_model_n_tensors(m);
        for (uint32_t i = 0; i < p->n_tensors; i++) {
            const an_tensor *t = an_model_tensor_at(m, i);
            p->tensors[i] = (an_tensor_scale){.n = (uint32_t)t->n, .local = t->local};
            p->tensors[i].unit_exp = an_fixed_unit_exp(p->clip_norm, p->value_bits);
        }
        an_model_free(m);
    }
    p->dim = dim_of(p, b);
    return p;
}
