/* Minimise f(u) over a box, u = (x - now) / scale, with g_k(u) <= 0:
 *
 *     L = f + sum (max(0, l_k + r g_k)^2 - l_k^2) / 2r         then  l_k = max(0, l_k + r g_k)
 *
 * f and g_k are divided by the length of their slopes at the start, so that one r does for all.  What comes out
 * is checked as it will be told, and drawn back towards the start until it keeps what it must. */
#include "models/advice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ROUNDS 30
#define STEPS 60
#define HALVINGS 30
#define PARTS ((size_t)64)
#define WEIGHT 10.0         /* r */
#define APART 1e-2          /* of a side of a slope from the middle, in scales */
#define MARGIN 1e-4         /* kept free of a cap for rounding, in units of its slope */
#define LOOKS ((size_t)512) /* known rows that say what is usual */
#define FUNCTIONS (AN_ADVICE_CAPS_MAX + 1)

typedef struct function {
    const an_advice_predictor *of;
    an_ws *ws;
    double sign, at, unit; /* (sign * prediction - at) / unit */
} function;

typedef struct work {
    const an_advice_ask *ask;
    const float *now;
    size_t width, n, n_functions;
    function f[FUNCTIONS]; /* the goal, then the caps */
    double low[AN_ADVICE_INPUTS_MAX], high[AN_ADVICE_INPUTS_MAX], scale[AN_ADVICE_INPUTS_MAX];
    double l[FUNCTIONS]; /* multipliers of the caps; [0] is not used */
    float *row, *scaled; /* (width) */
} work;

static double predict(work *w, const function *f, const float *row)
{
    const an_prep *p = f->of->prep;
    const double clamp = (double)p->conf.clamp;
    for (size_t j = 0; j < w->width; j++) {
        const double z = ((double)row[j] - (double)p->mean[j]) / (double)p->scale[j];
        w->scaled[j] = (float)(clamp > 0.0 ? fmax(fmin(z, clamp), -clamp) : z);
    }
    return (double)an_model_forward(f->of->model, f->ws, f->of->params, 1, w->scaled)[0];
}

static void row_at(const work *w, const double *u, float *ret)
{
    memcpy(ret, w->now, w->width * sizeof *ret);
    for (size_t i = 0; i < w->n; i++) {
        const an_advice_input *in = &w->ask->inputs[i];
        const double x = (double)w->now[in->sensor] + u[i] * w->scale[i];
        /* Rounding to float may leave the box by a bit of the last place. */
        float near = (float)x;
        if ((double)near > fmin(in->high, (double)w->now[in->sensor] + in->step))
            near = nextafterf(near, -INFINITY);
        if ((double)near < fmax(in->low, (double)w->now[in->sensor] - in->step))
            near = nextafterf(near, INFINITY);
        ret[in->sensor] = near;
    }
}

static double value(work *w, size_t k, const double *u)
{
    row_at(w, u, w->row);
    return (w->f[k].sign * predict(w, &w->f[k], w->row) - w->f[k].at) / w->f[k].unit;
}

/* Sides stay within the box: outside of it nobody asked. */
static void slope(work *w, size_t k, const double *u, double *ret)
{
    double side[AN_ADVICE_INPUTS_MAX];
    memcpy(side, u, w->n * sizeof *side);
    for (size_t i = 0; i < w->n; i++) {
        const double from = fmax(u[i] - APART, w->low[i]), to = fmin(u[i] + APART, w->high[i]);
        side[i] = to;
        const double above = value(w, k, side);
        side[i] = from;
        const double below = value(w, k, side);
        side[i] = u[i];
        ret[i] = to > from ? (above - below) / (to - from) : 0.0;
    }
}

static double pushed(const work *w, size_t k, double g)
{
    return fmax(0.0, w->l[k] + WEIGHT * g);
}

static double lagrangian(work *w, const double *u)
{
    double sum = value(w, 0, u);
    for (size_t k = 1; k < w->n_functions; k++) {
        const double p = pushed(w, k, value(w, k, u));
        sum += (p * p - w->l[k] * w->l[k]) / (2.0 * WEIGHT);
    }
    return sum;
}

static void lagrangian_slope(work *w, const double *u, double *ret)
{
    double one[AN_ADVICE_INPUTS_MAX];
    slope(w, 0, u, ret);
    for (size_t k = 1; k < w->n_functions; k++) {
        const double p = pushed(w, k, value(w, k, u));
        if (p <= 0.0)
            continue;
        slope(w, k, u, one);
        for (size_t i = 0; i < w->n; i++)
            ret[i] += p * one[i];
    }
}

/* One step along the projected slope, halved until it gains.  False: none does. */
static bool step(work *w, double *u, double *rate)
{
    double d[AN_ADVICE_INPUTS_MAX], to[AN_ADVICE_INPUTS_MAX];
    const double here = lagrangian(w, u);
    lagrangian_slope(w, u, d);
    for (size_t h = 0; h < HALVINGS; h++, *rate /= 2.0) {
        double gain = 0.0;
        for (size_t i = 0; i < w->n; i++) {
            to[i] = fmax(w->low[i], fmin(w->high[i], u[i] - *rate * d[i]));
            gain += d[i] * (u[i] - to[i]);
        }
        if (gain <= 0.0)
            return false;
        if (lagrangian(w, to) <= here - 1e-4 * gain) {
            memcpy(u, to, w->n * sizeof *u);
            *rate *= 2.0;
            return true;
        }
    }
    return false;
}

static void solve(work *w, double *u)
{
    for (size_t r = 0; r < (w->n_functions > 1 ? ROUNDS : 1); r++) {
        double rate = 1.0;
        for (size_t s = 0; s < STEPS * (w->n_functions > 1 ? 1 : ROUNDS) && step(w, u, &rate); s++)
            ;
        for (size_t k = 1; k < w->n_functions; k++)
            w->l[k] = pushed(w, k, value(w, k, u));
    }
}

/* To the nearest known row but `but`. */
static double distance(const an_advice_ask *ask, const float *row, size_t but, size_t *ret)
{
    const an_prep *p = ask->goal.prep;
    double least = INFINITY;
    for (size_t r = 0; r < ask->n_known; r++) {
        const float *known = ask->known + r * p->width;
        double sum = 0.0;
        for (size_t j = 0; j < p->width && sum < least; j++) {
            const double z = ((double)row[j] - (double)known[j]) / (double)p->scale[j];
            sum += z * z;
        }
        if (r != but && sum < least) {
            least = sum;
            *ret = r;
        }
    }
    return sqrt(least);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double usual(const an_advice_ask *ask)
{
    double d[LOOKS];
    const size_t n = ask->n_known, looks = n < LOOKS ? n : LOOKS;
    size_t nearest;
    for (size_t i = 0; i < looks; i++) {
        const size_t r = i * n / looks;
        d[i] = distance(ask, ask->known + r * ask->goal.prep->width, r, &nearest);
    }
    qsort(d, looks, sizeof *d, ascending);
    return d[(size_t)(AN_ADVICE_USUAL * (double)(looks - 1))];
}

/* Fills ret for u.  True: it keeps every cap and stays where the data were. */
static bool allowed(work *w, const double *u, an_advice *ret)
{
    bool ok = true;
    row_at(w, u, w->row);
    ret->then = predict(w, &w->f[0], w->row);
    for (size_t k = 1; k < w->n_functions; k++) {
        ret->caps_then[k - 1] = predict(w, &w->f[k], w->row);
        ok = ok && ret->caps_then[k - 1] <= w->ask->caps[k - 1].most;
    }
    ret->distance_then = distance(w->ask, w->row, SIZE_MAX, &ret->nearest);
    return ok && ret->distance_then <= w->ask->usual;
}

static bool is_wished(const work *w, double prediction)
{
    return w->ask->has_limit && w->f[0].sign * prediction <= w->f[0].sign * w->ask->limit;
}

static bool is_broken(const work *w, const an_advice *a)
{
    bool broken = false;
    for (size_t k = 1; k < w->n_functions; k++)
        broken = broken || a->caps_now[k - 1] > w->ask->caps[k - 1].most;
    return broken;
}

/* A point on the way to u.  True: it is allowed; ret is filled for it. */
static bool try_part(work *w, const double *u, size_t part, double *ret_at, an_advice *ret)
{
    for (size_t i = 0; i < w->n; i++) /* 0 need not be in the box */
        ret_at[i] = fmax(w->low[i], fmin(w->high[i], u[i] * (double)part / (double)PARTS));
    return allowed(w, ret_at, ret);
}

/* Of evenly spaced points on the way to u that are allowed the nearest that is as wished, else the farthest that is
 * better than now; else u is 0. */
static void draw_back(work *w, double *u, an_advice *ret)
{
    double at[AN_ADVICE_INPUTS_MAX];
    const bool broken = is_broken(w, ret);
    for (size_t part = 1; part <= PARTS && w->ask->has_limit && !ret->found; part++)
        ret->found = try_part(w, u, part, at, ret) && is_wished(w, ret->then);
    for (size_t part = PARTS; part > 0 && !ret->found; part--)
        ret->found =
            try_part(w, u, part, at, ret) && (broken || w->f[0].sign * ret->then < w->f[0].sign * ret->now);
    if (ret->found) {
        memcpy(u, at, w->n * sizeof *u);
        return;
    }
    memset(u, 0, w->n * sizeof *u);
    (void)allowed(w, u, ret);
}

static an_err check_predictor(const an_advice_predictor *p, size_t width, an_note *why)
{
    if (p->prep->conf.window != 1 || p->prep->conf.smooth != 1 || p->prep->conf.chain ||
        p->prep->regimes != 1 || an_model_n_inputs(p->model) != p->prep->features ||
        p->prep->features != p->prep->width || an_model_is_autoencoder(p->model) ||
        an_model_n_outputs(p->model) != 1)
        return an_fail(
            AN_ERR_UNSUPPORTED, why,
            "advice needs a model that says one number of one row, not smoothed and without steps");
    if (p->prep->width != width)
        return an_fail(AN_ERR_INVAL, why, "a cap's model has %u sensors, the goal's has %zu", p->prep->width,
                       width);
    return AN_OK;
}

static an_err check_inputs(const an_advice_ask *ask, an_note *why)
{
    for (size_t i = 0; i < ask->n_inputs; i++) {
        const an_advice_input *in = &ask->inputs[i];
        bool good = in->sensor < ask->goal.prep->width && isfinite(in->low) && isfinite(in->high) &&
                    in->low <= in->high && isfinite(in->step) && in->step > 0.0;
        for (size_t j = 0; j < i && good; j++)
            good = ask->inputs[j].sensor != in->sensor;
        if (!good)
            return an_fail(AN_ERR_INVAL, why,
                           "input %zu: needs a sensor of its own, low <= high and a step above 0", i);
    }
    return AN_OK;
}

static an_err check(const an_advice_ask *ask, an_note *why)
{
    const size_t width = ask->goal.prep->width;
    if (ask->n_inputs == 0 || ask->n_inputs > AN_ADVICE_INPUTS_MAX || ask->n_caps > AN_ADVICE_CAPS_MAX ||
        ask->n_known < 2 || (ask->has_limit && !isfinite(ask->limit)))
        return an_fail(AN_ERR_INVAL, why,
                       "advice needs 1..%d inputs, at most %d caps, two known rows and finite limits",
                       AN_ADVICE_INPUTS_MAX, AN_ADVICE_CAPS_MAX);
    an_err err = check_predictor(&ask->goal, width, why);
    for (size_t k = 0; k < ask->n_caps && err == AN_OK; k++) {
        err = check_predictor(&ask->caps[k].of, width, why);
        if (err == AN_OK && !isfinite(ask->caps[k].most))
            err = an_fail(AN_ERR_INVAL, why, "cap %zu is no number", k);
    }
    for (size_t i = 0; i < ask->n_known * width && err == AN_OK; i++)
        if (!isfinite(ask->known[i]))
            err = an_fail(AN_ERR_NUMERIC, why, "known row %zu has no value for sensor %zu", i / width,
                          i % width);
    return err == AN_OK ? check_inputs(ask, why) : err;
}

an_err an_advice_learn(an_advice_ask *ask, an_note *why)
{
    const an_err err = check(ask, why);
    if (err == AN_OK)
        ask->usual = usual(ask);
    return err;
}

static const char *named(const an_advice_ask *ask, size_t sensor, char number[static 32])
{
    snprintf(number, 32, "sensor %zu", sensor);
    return ask->names ? ask->names[sensor] : number;
}

/* Where the row is, and how far its inputs may go from there. */
static an_err take_row(work *w, an_note *why)
{
    char number[32];
    for (size_t j = 0; j < w->width; j++)
        if (!isfinite(w->now[j]))
            return an_fail(AN_ERR_NUMERIC, why, "%s has no value", named(w->ask, j, number));
    for (size_t i = 0; i < w->n; i++) {
        const an_advice_input *in = &w->ask->inputs[i];
        const double x = (double)w->now[in->sensor];
        w->scale[i] = (double)w->ask->goal.prep->scale[in->sensor];
        w->low[i] = (fmax(in->low, x - in->step) - x) / w->scale[i];
        w->high[i] = (fmin(in->high, x + in->step) - x) / w->scale[i];
        if (!(w->low[i] <= w->high[i]))
            return an_fail(AN_ERR_UNSUPPORTED, why, "%s is at %g and cannot come into %g..%g by a step of %g",
                           named(w->ask, in->sensor, number), x, in->low, in->high, in->step);
    }
    return AN_OK;
}

static an_err prepare(work *w, an_advice *ret)
{
    double d[AN_ADVICE_INPUTS_MAX];
    const double still[AN_ADVICE_INPUTS_MAX] = {0};
    w->row = an_alloc(w->width, sizeof *w->row);
    w->scaled = an_alloc(w->width, sizeof *w->scaled);
    if (!w->row || !w->scaled)
        return AN_ERR_NOMEM;
    for (size_t k = 0; k < w->n_functions; k++) {
        function *f = &w->f[k];
        f->of = k ? &w->ask->caps[k - 1].of : &w->ask->goal;
        f->sign = k == 0 && w->ask->raise ? -1.0 : 1.0;
        f->unit = 1.0;
        if (an_ws_new(f->of->model, AN_WS_FORWARD, 1, &f->ws) != AN_OK)
            return AN_ERR_NOMEM;
        const double y = predict(w, f, w->now);
        *(k ? &ret->caps_now[k - 1] : &ret->now) = y;
        f->at = k ? w->ask->caps[k - 1].most : f->sign * y;
        slope(w, k, still, d);
        double square = 0.0;
        for (size_t i = 0; i < w->n; i++)
            square += d[i] * d[i];
        if (!isfinite(y) || !isfinite(square))
            return AN_ERR_NUMERIC;
        f->unit = square > 1e-12 ? sqrt(square) : 1.0;
        f->at -= k ? MARGIN * f->unit : 0.0;
    }
    return AN_OK;
}

static an_err find(work *w, double *u, an_advice *ret, an_note *why)
{
    an_err err = prepare(w, ret);
    if (err != AN_OK)
        return err;
    if (is_wished(w, ret->now) && !is_broken(w, ret)) {
        ret->met = true;
        ret->then = ret->now;
        memcpy(ret->caps_then, ret->caps_now, sizeof ret->caps_then);
        return AN_OK;
    }
    ret->distance_now = distance(w->ask, w->now, SIZE_MAX, &ret->nearest);
    if (!(ret->distance_now <= w->ask->usual))
        return an_fail(
            AN_ERR_UNSUPPORTED, why,
            "the row is %.3g standard deviations from all known rows, and up to %.3g is usual: the model "
            "knows nothing of it",
            ret->distance_now, w->ask->usual);
    solve(w, u);
    for (size_t i = 0; i < w->n; i++)
        if (!isfinite(u[i]))
            return AN_ERR_NUMERIC;
    draw_back(w, u, ret);
    return isfinite(ret->then) ? AN_OK : AN_ERR_NUMERIC;
}

an_err an_advice_find(const an_advice_ask *ask, const float *now, float *ret_row, an_advice *ret,
                      an_note *why)
{
    work w = {.ask = ask, .now = now, .width = ask->goal.prep->width, .n = ask->n_inputs};
    w.n_functions = ask->n_caps + 1;
    double u[AN_ADVICE_INPUTS_MAX] = {0};
    an_advice a = {0};
    an_err err = take_row(&w, why);
    if (err == AN_OK)
        err = find(&w, u, &a, why);
    if (err == AN_OK) {
        if (a.found)
            row_at(&w, u, ret_row);
        else
            memcpy(ret_row, now, w.width * sizeof *now);
        *ret = a;
    }
    for (size_t k = 0; k < FUNCTIONS; k++)
        an_ws_free(w.f[k].ws);
    an_free(w.row);
    an_free(w.scaled);
    return err;
}
