#include "models/explain.h"

#include <math.h>

#include "base/mem.h"

/* As in detectors/autoencoder.c: in standard deviations of the sensor, keeps constant ones from ruling. */
#define USUAL_FLOOR 0.05

struct an_explain {
    size_t rows, width;
    size_t features; /* values in a row of a window: those of the sensors come first (prep_chain.h) */
    double *usual;   /* (width) root mean square of x - expected on normal windows */
};

static an_err learn(an_explain *e, const an_scorer *s, an_scorer_work *w, const float *windows, size_t n)
{
    const size_t input = e->rows * e->features, room = AN_EXPLAIN_PASSES / e->width + 1;
    const size_t looks = n < room ? n : room;
    float column[AN_PREP_WINDOW_MAX];
    for (size_t j = 0; j < e->width; j++) {
        double square = 0.0;
        for (size_t i = 0; i < looks; i++) {
            const float *x = windows + i * n / looks * input;
            an_err err = an_scorer_expected(s, w, x, j, column);
            if (err != AN_OK)
                return err;
            for (size_t t = 0; t < e->rows; t++) {
                const double r = (double)x[t * e->features + j] - (double)column[t];
                square += r * r;
            }
        }
        const double rms = sqrt(square / (double)(looks * e->rows));
        if (!isfinite(rms))
            return AN_ERR_NUMERIC;
        e->usual[j] = rms > USUAL_FLOOR ? rms : USUAL_FLOOR;
    }
    return AN_OK;
}

an_err an_explain_new(const an_scorer *s, an_scorer_work *w, const float *windows, size_t n, an_explain **ret,
                      an_note *why)
{
    if (n == 0)
        return an_fail(AN_ERR_INVAL, why, "there are no normal windows to learn from what is usual");
    an_explain *e = an_alloc(1, sizeof *e);
    if (!e)
        return AN_ERR_NOMEM;
    e->width = an_scorer_width(s);
    e->rows = an_scorer_prep(s)->conf.window;
    e->features = an_scorer_prep(s)->features;
    e->usual = an_alloc(e->width, sizeof *e->usual);
    an_err err = e->usual ? learn(e, s, w, windows, n) : AN_ERR_NOMEM;
    if (err == AN_OK) {
        *ret = e;
        return AN_OK;
    }
    if (err != AN_ERR_NOMEM)
        an_note_set(why, "normal windows cannot be explained: %s", an_err_text(err));
    an_explain_free(e);
    return err;
}

void an_explain_free(an_explain *e)
{
    if (!e)
        return;
    an_free(e->usual);
    an_free(e);
}

static void look_at(const an_explain *e, size_t sensor, const float *window, const float *column,
                    float *expected, float *deviation)
{
    for (size_t t = 0; t < e->rows; t++) {
        const size_t at = t * e->width + sensor;
        const double d = ((double)window[t * e->features + sensor] - (double)column[t]) / e->usual[sensor];
        expected[at] = column[t];
        deviation[at] = (float)fmax(fmin(d, AN_EXPLAIN_DEVIATION), -AN_EXPLAIN_DEVIATION);
    }
}

/* What the detector names is asked for first: it chooses what is looked at, and may be the answer. */
static an_err named_by_detector(const an_explain *e, const an_scorer *s, an_scorer_work *w,
                                const float *window, float *shares, uint32_t *ret_most, size_t *ret_n)
{
    float score;
    an_err err = an_scorer_score(s, w, window, 1, &score, shares);
    *ret_n = err == AN_OK ? an_explain_top(shares, e->width, ret_most, AN_EXPLAIN_SENSORS) : 0;
    return err;
}

static void squares(const an_explain *e, const float *deviation, float *shares)
{
    for (size_t j = 0; j < e->width; j++) {
        double sum = 0.0;
        for (size_t t = 0; t < e->rows; t++)
            sum += (double)deviation[t * e->width + j] * (double)deviation[t * e->width + j];
        shares[j] = (float)sum;
    }
}

static void to_shares(float *shares, size_t width)
{
    double total = 0.0;
    for (size_t j = 0; j < width; j++)
        total += (double)shares[j];
    for (size_t j = 0; j < width; j++)
        shares[j] = total > 0.0 ? (float)((double)shares[j] / total) : 0.0f;
}

an_err an_explain_window(const an_explain *e, const an_scorer *s, an_scorer_work *w, const float *window,
                         float *expected, float *deviation, float *shares)
{
    uint32_t most[AN_EXPLAIN_SENSORS];
    const bool all = e->width <= AN_EXPLAIN_SENSORS;
    size_t n = 0;
    an_err err = named_by_detector(e, s, w, window, shares, most, &n);
    if (err != AN_OK)
        return err;
    for (size_t i = 0; i < e->rows * e->width; i++) {
        expected[i] = NAN;
        deviation[i] = 0.0f;
    }
    for (size_t i = 0; i < (all ? e->width : n); i++) {
        const size_t sensor = all ? i : most[i];
        float column[AN_PREP_WINDOW_MAX];
        if ((err = an_scorer_expected(s, w, window, sensor, column)) != AN_OK)
            return err;
        look_at(e, sensor, window, column, expected, deviation);
    }
    for (size_t i = 0; i < e->rows * e->width; i++)
        if (!isfinite(deviation[i]))
            return AN_ERR_NUMERIC;
    if (!an_scorer_leaves_out(s))
        squares(e, deviation, shares);
    to_shares(shares, e->width);
    return AN_OK;
}

void an_explain_rows(const float *deviation, size_t rows, size_t width, size_t sensor, float *parts)
{
    double total = 0.0;
    for (size_t t = 0; t < rows; t++)
        total += (double)deviation[t * width + sensor] * (double)deviation[t * width + sensor];
    for (size_t t = 0; t < rows; t++) {
        const double d = (double)deviation[t * width + sensor];
        parts[t] = total > 0.0 ? (float)(d * d / total) : 0.0f;
    }
}

size_t an_explain_since(const float *deviation, size_t rows, size_t width, size_t sensor, double limit)
{
    size_t t = rows;
    while (t > 0 && fabs((double)deviation[(t - 1) * width + sensor]) >= limit)
        t--;
    return t;
}

size_t an_explain_top(const float *values, size_t width, uint32_t *ret, size_t most)
{
    size_t n = 0;
    for (size_t j = 0; j < width; j++) {
        size_t at = n;
        if (!(values[j] > 0.0f))
            continue;
        while (at > 0 && values[ret[at - 1]] < values[j])
            at--;
        if (at == most)
            continue;
        n += n < most;
        for (size_t k = n - 1; k > at; k--)
            ret[k] = ret[k - 1];
        ret[at] = (uint32_t)j;
    }
    return n;
}
