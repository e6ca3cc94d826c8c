/* From a model in float32 to one in bytes: the ranges of its activations over the rows of calibration,
 * then its weights. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/kernels/q8.h"
#include "models/quant_internal.h"

#define ROWS 16u   /* at a time */
#define BINS 2048u /* of the histograms that ends are cut off by */
#define SHARE_MIN 0.9

typedef struct range {
    float min, max;
    uint64_t *bins; /* (BINS); NULL: the whole range is wanted */
} range;

/* Both models and what is measured. */
typedef struct maker {
    an_quant *q, *floats; /* the one that is made; the same in float32 */
    an_quant_ws *ws;      /* of floats */
    range *ranges;        /* (n_layers + 1) */
    const float *rows;
    size_t n;
    double share;
} maker;

an_quant_opts an_quant_defaults(void)
{
    return (an_quant_opts){.share = 1.0};
}

static bool widen(range *r, const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(v[i]))
            return false;
        r->min = v[i] < r->min ? v[i] : r->min;
        r->max = v[i] > r->max ? v[i] : r->max;
    }
    return true;
}

static void count(range *r, const float *v, size_t n)
{
    const double width = (double)r->max - (double)r->min;
    for (size_t i = 0; i < n && width > 0.0; i++) {
        const size_t bin = (size_t)(((double)v[i] - (double)r->min) / width * BINS);
        r->bins[bin < BINS ? bin : BINS - 1]++;
    }
}

/* One pass over all rows: minima and maxima, or counts between them. */
static an_err look(maker *k, bool counting, an_note *why)
{
    const size_t n_in = k->q->m->n_inputs;
    for (size_t at = 0; at < k->n; at += ROWS) {
        const size_t rows = k->n - at < ROWS ? k->n - at : ROWS;
        const float *x = k->rows + at * n_in;
        (void)an_quant_forward(k->floats, k->ws, rows, x);
        for (size_t i = 0; i <= k->q->m->n_layers; i++) {
            if (!an_quant_owns_scale(k->q, i))
                continue;
            const float *v = an_quant_floats(k->ws, i, x);
            if (counting)
                count(&k->ranges[i], v, rows * k->q->values[i].n);
            else if (!widen(&k->ranges[i], v, rows * k->q->values[i].n))
                return an_fail(AN_ERR_NUMERIC, why, "an activation of rows %zu..%zu is not finite", at,
                               at + rows - 1);
        }
    }
    return AN_OK;
}

/* Moves both ends inwards over as many values as may be cut off. */
static void cut_ends(range *r, double share)
{
    uint64_t total = 0, passed = 0;
    size_t low = 0, high = BINS;
    for (size_t i = 0; i < BINS; i++)
        total += r->bins[i];
    const uint64_t cut = (uint64_t)((1.0 - share) / 2.0 * (double)total);
    for (; low < BINS && passed + r->bins[low] <= cut; low++)
        passed += r->bins[low];
    for (passed = 0; high > low && passed + r->bins[high - 1] <= cut; high--)
        passed += r->bins[high - 1];
    const float min = r->min, step = (r->max - r->min) / (float)BINS;
    r->min = min + step * (float)low;
    r->max = min + step * (float)high;
}

/* 0 is always within: it is what stands around an image, and what relu leaves. */
static an_err set_scale(an_quant_value *v, const range *r, an_note *why)
{
    const double lo = r->min < 0.0f ? (double)r->min : 0.0, hi = r->max > 0.0f ? (double)r->max : 0.0;
    const double scale = (hi - lo) / 255.0;
    if (!(scale <= (double)AN_QUANT_SCALE_MAX))
        return an_fail(AN_ERR_NUMERIC, why, "an activation reaches from %g to %g", lo, hi);
    v->scale = scale > 1e-12 ? (float)scale : 1e-12f;
    const double zero = rint(-lo / (double)v->scale);
    v->zero = (uint8_t)(zero < 255.0 ? zero : 255.0);
    return AN_OK;
}

static an_err set_scales(maker *k, an_note *why)
{
    const size_t n = k->q->m->n_layers;
    an_err err = look(k, false, why);
    for (size_t i = 0; i <= n && err == AN_OK && k->share < 1.0; i++)
        if (an_quant_owns_scale(k->q, i) && !(k->ranges[i].bins = an_alloc(BINS, sizeof *k->ranges[i].bins)))
            err = AN_ERR_NOMEM;
    if (err == AN_OK && k->share < 1.0)
        err = look(k, true, why);
    for (size_t i = 0; i <= n && err == AN_OK; i++) {
        if (!an_quant_owns_scale(k->q, i))
            continue;
        if (k->ranges[i].bins)
            cut_ends(&k->ranges[i], k->share);
        err = set_scale(&k->q->values[i], &k->ranges[i], why);
    }
    return err;
}

/* Output j of a product: the largest weight becomes 127; a bias that is too large for these units makes
 * them coarser. */
static void take_output(an_quant_product *p, double x_scale, const float *w, double bias, size_t j)
{
    const size_t f = p->at.f, n = an_quant_terms(p);
    double largest = 0.0;
    for (size_t k = 0; k < n; k++)
        largest = fmax(largest, fabs((double)w[k * f + j]));
    double scale = fmax(largest / 127.0, (double)AN_QUANT_SCALE_MIN);
    scale = fmax(scale, fabs(bias) / (x_scale * (double)(AN_Q8_START_MAX / 2)));
    p->w_scale[j] = (float)scale;
    p->bias[j] = (int32_t)rint(bias / (x_scale * (double)p->w_scale[j]));
    for (size_t k = 0; k < n; k++) {
        const double v = rint((double)w[k * f + j] / (double)p->w_scale[j]);
        p->packed[an_q8_at(p->run, f, k / p->run, k % p->run, j)] = (int8_t)(v > 127.0    ? 127.0
                                                                             : v < -127.0 ? -127.0
                                                                                          : v);
    }
}

static an_err take_weights(an_quant *q, const float *params, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < q->m->n_layers && err == AN_OK; i++) {
        const an_layer *l = &q->m->layers[i];
        const float *w = params + l->param_at;
        if (q->forms[i] == AN_QUANT_FLOAT && l->n_params > 0)
            memcpy(q->rest + q->rest_at[i], w, l->n_params * sizeof *w);
        if (q->forms[i] != AN_QUANT_PRODUCT)
            continue;
        const size_t x = an_quant_input(q, i, 0);
        for (size_t j = 0; j < q->products[i].at.f; j++)
            take_output(&q->products[i], (double)q->values[q->values[x].scale_of].scale, w,
                        (double)w[l->weight_at[1] + j], j);
        err = an_quant_finish(q, i, why);
    }
    return err;
}

an_err an_quant_finish(an_quant *q, size_t i, an_note *why)
{
    an_quant_product *p = &q->products[i];
    const an_quant_value *x = &q->values[q->values[an_quant_input(q, i, 0)].scale_of], *y = &q->values[i];
    const size_t n = an_quant_terms(p);
    for (size_t j = 0; j < p->at.f; j++) {
        int64_t sum = 0;
        for (size_t k = 0; k < n; k++)
            sum += p->packed[an_q8_at(p->run, p->at.f, k / p->run, k % p->run, j)];
        p->start[j] = (int32_t)(p->bias[j] - sum * x->zero);
        p->scale[j] = x->scale * p->w_scale[j] / (y->bytes ? y->scale : 1.0f);
        if (!(p->scale[j] <= AN_QUANT_SCALE_MAX))
            return an_fail(AN_ERR_NUMERIC, why, "layer \"%s\": the scale of output %zu is %g",
                           q->m->layers[i].name, j, (double)p->scale[j]);
    }
    return AN_OK;
}

static an_err check(const float *params, const an_model *m, const maker *k, an_note *why)
{
    if (!k->rows || k->n == 0)
        return an_fail(AN_ERR_INVAL, why, "no rows to calibrate on");
    if (!(k->share >= SHARE_MIN && k->share <= 1.0))
        return an_fail(AN_ERR_INVAL, why, "share = %g: must be %g..1", k->share, SHARE_MIN);
    for (size_t i = 0; i < m->n_params; i++)
        if (!isfinite(params[i]))
            return an_fail(AN_ERR_NUMERIC, why, "parameter %zu is not finite", i);
    return AN_OK;
}

/* The model in float32, through the same arithmetic. */
static an_err take_floats(maker *k, const an_model *m, const float *params)
{
    an_err err = an_quant_plan(m->text, true, &k->floats, NULL);
    if (err == AN_OK)
        err = an_quant_take(k->floats);
    if (err == AN_OK && m->n_params > 0)
        memcpy(k->floats->rest, params, m->n_params * sizeof *params);
    return err == AN_OK ? an_quant_ws_new(k->floats, ROWS, &k->ws) : err;
}

an_err an_quant_new(const an_model *m, const float *params, const float *rows, size_t n,
                    const an_quant_opts *opts, an_quant **ret, an_note *why)
{
    const an_quant_opts o = opts ? *opts : an_quant_defaults();
    maker k = {.rows = rows, .n = n, .share = o.share};
    an_err err = check(params, m, &k, why);
    if (err == AN_OK)
        err = an_quant_plan(m->text, false, &k.q, why);
    if (err == AN_OK && an_quant_n_layers(k.q) == 0)
        err = an_fail(AN_ERR_UNSUPPORTED, why, "no layer of \"%s\" would run in bytes", m->name);
    if (err == AN_OK)
        err = an_quant_take(k.q);
    if (err == AN_OK)
        err = take_floats(&k, m, params);
    if (err == AN_OK && !(k.ranges = an_alloc(m->n_layers + 1, sizeof *k.ranges)))
        err = AN_ERR_NOMEM;
    if (err == AN_OK)
        err = set_scales(&k, why);
    if (err == AN_OK)
        err = take_weights(k.q, params, why);
    if (err == AN_OK) {
        k.q->version = o.version;
        *ret = k.q;
        k.q = NULL;
    }
    for (size_t i = 0; k.ranges && i <= m->n_layers; i++)
        an_free(k.ranges[i].bins);
    an_free(k.ranges);
    an_quant_ws_free(k.ws);
    an_quant_free(k.floats);
    an_quant_free(k.q);
    return err;
}
