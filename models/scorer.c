/* A version with its overlay laid over it.  Windows go through the model one at a time: a
 * product with one row adds in a fixed order, so a window's score does not depend on its
 * neighbours. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/model.h"
#include "models/scorer.h"

struct an_scorer {
    an_prep prep;
    an_detector *detector;
    an_model *model; /* NULL: the detector needs none */
    float *params;
    bool own_params;       /* of the overlay */
    const an_quant *quant; /* NULL: the model runs in float32 */
    double threshold;
    char policy[AN_THRESHOLD_TEXT];
};

struct an_scorer_work {
    size_t batch;
    bool has_model;
    an_ws *ws;
    an_quant_ws *quant_ws; /* instead of ws */
    float *made;           /* (batch, input) */
    float *hidden;         /* (input) a window without one sensor */
    double *scratch;
    float *parts; /* (features) where a sensor may have several; else NULL */
};

/* The site's own values: of all parameters, or of those marked local. */
static an_err lay_local(an_scorer *s, const an_overlay *o, an_note *why)
{
    size_t at = 0;
    if (s->model && o->n_local == an_model_n_params(s->model)) {
        memcpy(s->params, o->local, o->n_local * sizeof *o->local);
        return AN_OK;
    }
    for (size_t i = 0; s->model && an_model_tensor_at(s->model, i); i++) {
        const an_tensor *t = an_model_tensor_at(s->model, i);
        if (!t->local)
            continue;
        if (t->n > o->n_local - at)
            return an_fail(AN_ERR_INVAL, why, "the overlay has too few local parameters");
        memcpy(s->params + t->offset, o->local + at, t->n * sizeof *o->local);
        at += t->n;
    }
    return at == o->n_local ? AN_OK : an_fail(AN_ERR_INVAL, why, "the overlay has too many local parameters");
}

static an_err take_model(an_scorer *s, const an_bundle *b, const an_overlay *o, an_note *why)
{
    if (b->arch && b->arch[0]) {
        an_err err = an_model_new(b->arch, strlen(b->arch), b->model, 0, &s->model, why);
        if (err != AN_OK)
            return err == AN_ERR_NOMEM ? err : AN_ERR_INVAL;
        if (an_model_n_params(s->model) != b->n_weights ||
            an_model_n_inputs(s->model) != an_prep_input(&s->prep))
            return an_fail(AN_ERR_INVAL, why, "weights or windows do not fit the architecture");
        s->params = an_alloc(b->n_weights, sizeof *s->params);
        if (!s->params)
            return AN_ERR_NOMEM;
        if (b->n_weights > 0)
            memcpy(s->params, b->weights, b->n_weights * sizeof *s->params);
    }
    s->own_params = o && o->n_local > 0;
    return s->own_params ? lay_local(s, o, why) : AN_OK;
}

static an_err take_detector(an_scorer *s, const an_detector *d, an_note *why)
{
    if (!d)
        return an_fail(AN_ERR_INVAL, why, "the version has no detector: nothing in it scores rows");
    if (d->window != s->prep.conf.window || d->features != s->prep.features)
        return an_fail(AN_ERR_INVAL, why, "the detector is made for other windows");
    if (d->type->needs_model && (!s->model || an_model_n_outputs(s->model) != an_prep_input(&s->prep)))
        return an_fail(AN_ERR_INVAL, why, "the detector needs a model that reconstructs its input");
    return an_detector_restore(d->type->name, d->window, d->features, d->state, d->n_state, &s->detector,
                               why);
}

an_err an_scorer_new(const an_bundle *bundle, const an_overlay *overlay, an_scorer **ret, an_note *why)
{
    an_scorer *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    bool own_prep = overlay && overlay->has_prep, own_threshold = overlay && overlay->has_threshold;
    an_err err = an_prep_copy(&s->prep, own_prep ? &overlay->prep : &bundle->prep);
    if (err == AN_OK &&
        (s->prep.width != bundle->prep.width || s->prep.conf.window != bundle->prep.conf.window ||
         !an_chain_equal(s->prep.conf.chain, bundle->prep.conf.chain)))
        err = an_fail(AN_ERR_INVAL, why, "the overlay's scaler is made for other windows");
    if (err == AN_OK)
        err = take_model(s, bundle, overlay, why);
    if (err == AN_OK)
        err = take_detector(s, overlay && overlay->detector ? overlay->detector : bundle->detector, why);
    if (err == AN_OK) {
        s->threshold = own_threshold ? overlay->threshold : bundle->threshold;
        memcpy(s->policy, own_threshold ? overlay->policy : bundle->policy, sizeof s->policy);
        *ret = s;
    } else {
        an_scorer_free(s);
    }
    return err == AN_ERR_PROTO ? AN_ERR_INVAL : err;
}

an_err an_scorer_use_quant(an_scorer *s, const an_quant *q, an_note *why)
{
    if (!s->model || strcmp(an_model_text(s->model), an_model_text(an_quant_model(q))) != 0)
        return an_fail(AN_ERR_INVAL, why, "the model in bytes has another architecture than the version");
    if (s->own_params)
        return an_fail(AN_ERR_INVAL, why, "the overlay has parameters of its own, which are not in bytes");
    s->quant = q;
    return AN_OK;
}

void an_scorer_free(an_scorer *s)
{
    if (!s)
        return;
    an_prep_done(&s->prep);
    an_detector_free(s->detector);
    an_model_free(s->model);
    an_free(s->params);
    an_free(s);
}

an_err an_scorer_work_new(const an_scorer *s, size_t batch, an_scorer_work **ret)
{
    if (batch == 0 || batch > AN_PREP_INPUT_MAX)
        return AN_ERR_INVAL;
    an_scorer_work *w = an_alloc(1, sizeof *w);
    if (!w)
        return AN_ERR_NOMEM;
    w->batch = batch;
    w->has_model = s->detector->type->needs_model;
    w->scratch = an_alloc(an_detector_scratch(s->detector), sizeof *w->scratch);
    w->made = an_alloc(w->has_model ? batch * an_scorer_input(s) : 0, sizeof *w->made);
    w->hidden = an_alloc(w->has_model ? an_scorer_input(s) : 0, sizeof *w->hidden);
    if (s->prep.features > s->prep.width)
        w->parts = an_alloc(s->prep.features, sizeof *w->parts);
    const bool parts = w->parts || s->prep.features == s->prep.width;
    an_err err = w->scratch && w->made && w->hidden && parts ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK && w->has_model)
        err = s->quant ? an_quant_ws_new(s->quant, 1, &w->quant_ws)
                       : an_ws_new(s->model, AN_WS_FORWARD, 1, &w->ws);
    if (err == AN_OK)
        *ret = w;
    else
        an_scorer_work_free(w);
    return err;
}

void an_scorer_work_free(an_scorer_work *w)
{
    if (!w)
        return;
    an_ws_free(w->ws);
    an_quant_ws_free(w->quant_ws);
    an_free(w->made);
    an_free(w->hidden);
    an_free(w->scratch);
    an_free(w->parts);
    an_free(w);
}

static const float *forward(const an_scorer *s, an_scorer_work *w, const float *x)
{
    return w->quant_ws ? an_quant_forward(s->quant, w->quant_ws, 1, x)
                       : an_model_forward(s->model, w->ws, s->params, 1, x);
}

/* Detectors know features; people know sensors. */
static void score_by_sensor(const an_scorer *s, an_scorer_work *w, const float *x, const float *y,
                            float *ret_score, float *contributions)
{
    an_detector_score(s->detector, x, y, 1, ret_score, w->parts, w->scratch);
    memset(contributions, 0, s->prep.width * sizeof *contributions);
    for (size_t j = 0; j < s->prep.features; j++)
        contributions[an_chain_sensor(s->prep.conf.chain, j)] += w->parts[j];
}

an_err an_scorer_score(const an_scorer *s, an_scorer_work *w, const float *windows, size_t n, float *scores,
                       float *contributions)
{
    size_t input = an_scorer_input(s);
    if (n > w->batch)
        return AN_ERR_INVAL;
    for (size_t i = 0; w->has_model && i < n; i++) {
        const float *y = forward(s, w, windows + i * input);
        memcpy(w->made + i * input, y, input * sizeof *y);
    }
    if (!w->parts || !contributions)
        an_detector_score(s->detector, windows, w->has_model ? w->made : NULL, n, scores, contributions,
                          w->scratch);
    for (size_t i = 0; w->parts && contributions && i < n; i++)
        score_by_sensor(s, w, windows + i * input, w->has_model ? w->made + i * input : NULL, scores + i,
                        contributions + i * s->prep.width);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(scores[i]))
            return AN_ERR_NUMERIC;
    return AN_OK;
}

size_t an_scorer_answered(const an_scorer *s, size_t *ret, size_t most)
{
    size_t n = 0;
    for (size_t j = 0; j < s->prep.width && s->model && s->detector->type->needs_model && !s->prep.conf.chain;
         j++) {
        if (!an_model_answers(s->model, j))
            continue;
        if (n < most)
            ret[n] = j;
        n++;
    }
    return n;
}

double an_scorer_answer(const an_scorer *s, const an_scorer_work *w, size_t sensor)
{
    const size_t at = (size_t)(s->prep.conf.window - 1) * s->prep.features + sensor;
    return (double)w->made[at] * (double)s->prep.scale[sensor] + (double)s->prep.mean[sensor];
}

bool an_scorer_maps(const an_scorer *s)
{
    return s->detector->type->map != NULL;
}

an_err an_scorer_map(const an_scorer *s, an_scorer_work *w, const float *window, float *ret)
{
    if (!s->detector->type->map)
        return AN_ERR_UNSUPPORTED;
    s->detector->type->map(s->detector, window, ret, w->scratch);
    for (size_t i = 0; i < an_scorer_input(s); i++)
        if (!isfinite(ret[i]))
            return AN_ERR_NUMERIC;
    return AN_OK;
}

an_err an_scorer_expected(const an_scorer *s, an_scorer_work *w, const float *window, size_t sensor,
                          float *ret)
{
    const size_t input = an_scorer_input(s), features = s->prep.features, rows = s->prep.conf.window;
    if (s->detector->type->expect) {
        s->detector->type->expect(s->detector, window, sensor, ret, w->scratch);
    } else if (w->has_model) {
        memcpy(w->hidden, window, input * sizeof *window);
        for (size_t j = 0; j < input; j++)
            if (an_chain_sensor(s->prep.conf.chain, j % features) == sensor)
                w->hidden[j] = 0.0f;
        const float *y = forward(s, w, w->hidden);
        for (size_t t = 0; t < rows; t++)
            ret[t] = y[t * features + sensor];
    } else {
        return AN_ERR_UNSUPPORTED;
    }
    for (size_t t = 0; t < rows; t++)
        if (!isfinite(ret[t]))
            return AN_ERR_NUMERIC;
    return AN_OK;
}

bool an_scorer_leaves_out(const an_scorer *s)
{
    return s->detector->type->expect != NULL;
}

const float *an_scorer_reconstruction(const an_scorer_work *w)
{
    return w->has_model ? w->made : NULL;
}

const an_prep *an_scorer_prep(const an_scorer *s)
{
    return &s->prep;
}

double an_scorer_threshold(const an_scorer *s)
{
    return s->threshold;
}

const char *an_scorer_policy(const an_scorer *s)
{
    return s->policy;
}

size_t an_scorer_input(const an_scorer *s)
{
    return an_prep_input(&s->prep);
}

size_t an_scorer_width(const an_scorer *s)
{
    return s->prep.width;
}
