/* What a network could not reconstruct, and the distance from normal windows, as one score: each part's logarithm in
 * units of how it spreads over normal windows, and the mean of both,
 *
 *     s = exp(((ln a - m_a) / d_a + (ln b - m_b) / d_b) / 2)
 *
 * so that neither rules by its size; 1 is usual.  A part that says nothing unusual does not hide the other's alarm, but
 * weighs it.  A sensor's contribution is the mean of its shares of the parts, times s.
 *
 * State: the parts' states one after the other, then m and d of each. */
#include <math.h>

#include "base/mem.h"
#include "models/detector.h"

#define PARTS 2
#define LEAST 1e-12 /* of a part's score, for its logarithm */
#define SPREAD_LEAST 1e-3
#define REACH 80.0 /* of the exponent: a float holds it */

extern const an_detector_type an_detector_autoencoder, an_detector_mahalanobis;
static const an_detector_type *const parts[PARTS] = {&an_detector_autoencoder, &an_detector_mahalanobis};

static size_t n_state(uint32_t window, uint32_t features)
{
    size_t all = (size_t)2 * PARTS;
    for (size_t i = 0; i < PARTS; i++) {
        const size_t n = parts[i]->n_state(window, features);
        if (n == 0)
            return 0;
        all += n;
    }
    return all;
}

static size_t n_scratch(uint32_t window, uint32_t features)
{
    size_t most = 0;
    for (size_t i = 0; i < PARTS; i++) {
        const size_t n = parts[i]->n_scratch(window, features);
        most = n > most ? n : most;
    }
    return most + features; /* a part's contributions */
}

static void take_parts(const an_detector *d, an_detector ret[PARTS])
{
    double *state = d->state;
    for (size_t i = 0; i < PARTS; i++) {
        ret[i] = *d;
        ret[i].type = parts[i];
        ret[i].n_state = parts[i]->n_state(d->window, d->features);
        ret[i].state = state;
        state += ret[i].n_state;
    }
}

static double *spreads(const an_detector *d) /* (PARTS, 2) */
{
    return d->state + d->n_state - (size_t)2 * PARTS;
}

static double log_score(const an_detector *part, const float *x, const float *y, float *contributions,
                        double *scratch)
{
    const double s = (double)part->type->score(part, x, y, contributions, scratch);
    return isnan(s) ? s : log(s > LEAST ? s : LEAST);
}

static an_err fit(an_detector *d, const float *x, const float *y, size_t n, an_note *why)
{
    const size_t input = (size_t)d->window * d->features;
    an_detector p[PARTS];
    an_err err = AN_OK;
    double *scratch = an_alloc(n_scratch(d->window, d->features), sizeof *scratch);
    if (!scratch)
        return AN_ERR_NOMEM;
    take_parts(d, p);
    for (size_t i = 0; i < PARTS && err == AN_OK; i++) {
        double sum = 0, squares = 0;
        err = parts[i]->fit(&p[i], x, y, n, why);
        for (size_t k = 0; k < n && err == AN_OK; k++) {
            const double v = log_score(&p[i], x + k * input, y + k * input, NULL, scratch);
            sum += v;
            squares += v * v;
        }
        const double mean = sum / (double)n, variance = squares / (double)n - mean * mean;
        spreads(d)[2 * i] = mean;
        spreads(d)[2 * i + 1] = variance > SPREAD_LEAST * SPREAD_LEAST ? sqrt(variance) : SPREAD_LEAST;
    }
    an_free(scratch);
    return err;
}

static float score(const an_detector *d, const float *x, const float *y, float *contributions,
                   double *scratch)
{
    const double *spread = spreads(d);
    float *part =
        contributions ? (float *)(void *)(scratch + n_scratch(d->window, d->features) - d->features) : NULL;
    an_detector p[PARTS];
    double z = 0;
    take_parts(d, p);
    for (size_t f = 0; contributions && f < d->features; f++)
        contributions[f] = 0;
    for (size_t i = 0; i < PARTS; i++) {
        double sum = 0;
        z += (log_score(&p[i], x, y, part, scratch) - spread[2 * i]) / spread[2 * i + 1] / PARTS;
        for (size_t f = 0; part && f < d->features; f++)
            sum += (double)part[f];
        for (size_t f = 0; part && f < d->features && sum > 0; f++)
            contributions[f] += (float)((double)part[f] / sum / PARTS);
    }
    z = z > REACH ? REACH : z < -REACH ? -REACH : z; /* NAN stays NAN */
    for (size_t f = 0; contributions && f < d->features; f++)
        contributions[f] *= (float)exp(z);
    return (float)exp(z);
}

static bool check(const an_detector *d)
{
    an_detector p[PARTS];
    take_parts(d, p);
    for (size_t i = 0; i < PARTS; i++)
        if (!parts[i]->check(&p[i]) || !(spreads(d)[2 * i + 1] > 0))
            return false;
    return true;
}

const an_detector_type an_detector_fusion = {
    .name = "fusion",
    .meaning = "residual of the model and distance from normal windows, each in units of its usual spread",
    .needs_model = true,
    .n_state = n_state,
    .n_scratch = n_scratch,
    .fit = fit,
    .score = score,
    .check = check,
};
