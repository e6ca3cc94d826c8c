/* Streaming peaks over threshold with drift (DSPOT; Siffer et al. 2017): a score is held against M + z, M the mean of
 * the last `depth` normal scores and z the level that score - M exceeds with probability q by the Pareto law of its
 * tail (tail.h).  Calibrated as pot.  At the line the first scores teach where the tail of score - M begins; until then
 * the calibrated threshold stands.  Then every excess counts, the tail is fitted anew after an eighth more of them, and
 * only the last ones are kept.
 *
 * The paper lets scores above the threshold teach nothing, which cuts the tail off where it is estimated: at q = 1 % the
 * rate drifts to several.  Here the line teaches nothing while an alarm is open (threshold_stream.h), and a score
 * above the threshold that raised none counts as an excess, of at most twice z; M does not see it.
 *
 * State: see the enum, then the ring of scores (depth), then what is kept of score - M. */
#include <math.h>
#include <stdlib.h>

#include "models/tail.h"
#include "models/threshold.h"

#define DEPTH_MOST 1000
#define KEPT 256        /* excesses: bounds the time of a fit */
#define FIRST_LEAST 600 /* values of score - M before a tail is fitted */
#define FIRST_MOST 2000

extern const an_threshold_type an_threshold_pot;

enum { SEEN, AT, SUM, FIRST, N_ALL, N_EXCESSES, FITTED_AT, LEVEL, Z, HEAD };

static size_t depth_of(const double *params)
{
    return (size_t)params[1];
}

/* Where the tail begins: high enough for a tail, low enough that q is beyond it. */
static double level_of(const double *params)
{
    return fmin(0.98, 1.0 - 5.0 * params[0]);
}

static size_t first_of(const double *params)
{
    const double n = 2 * AN_TAIL_LEAST / (1.0 - level_of(params));
    return (size_t)fmax(fmin(n, FIRST_MOST), FIRST_LEAST);
}

static an_err from(const double *params, const float *sorted, size_t n, double *ret, an_note *why)
{
    return an_threshold_pot.from((const double[]){params[0], level_of(params)}, sorted, n, ret, why);
}

static size_t n_state(const double *params)
{
    return HEAD + depth_of(params) + first_of(params); /* KEPT is less than FIRST_LEAST */
}

static double mean_of(const double *params, const double *state)
{
    return state[SUM] / (double)depth_of(params);
}

static double at(const double *params, double base, const double *state)
{
    return state[FIRST] >= (double)first_of(params) ? mean_of(params, state) + state[Z] : base;
}

static void fit(const double *params, double *state, const double *kept)
{
    const size_t n = state[N_EXCESSES] < KEPT ? (size_t)state[N_EXCESSES] : KEPT;
    const double ratio = params[0] * state[N_ALL] / state[N_EXCESSES];
    if (n < AN_TAIL_LEAST || !(ratio < 1))
        return; /* the level stands for the quantile */
    const an_tail tail = an_tail_fit(kept, n);
    const double z = state[LEVEL] + an_tail_excess(&tail, ratio);
    if (isfinite(z))
        state[Z] = z;
    state[FITTED_AT] = state[N_EXCESSES];
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The values of score - M are there: where does their tail begin? */
static void first_fit(const double *params, double *state, double *kept)
{
    const size_t n = first_of(params);
    const size_t level = (size_t)(level_of(params) * (double)n), q = (size_t)((1.0 - params[0]) * (double)n);
    size_t n_excesses = 0;
    qsort(kept, n, sizeof *kept, by_value);
    state[LEVEL] = kept[level];
    state[Z] = fmax(kept[q < n ? q : n - 1], kept[level]);
    state[N_ALL] = (double)n;
    for (size_t i = level; i < n; i++)
        if (kept[i] > state[LEVEL])
            kept[n_excesses++] = kept[i] - state[LEVEL];
    state[N_EXCESSES] = (double)n_excesses;
    fit(params, state, kept);
}

static void learn(const double *params, double *state, double *kept, double above)
{
    if (state[FIRST] < (double)first_of(params)) {
        kept[(size_t)state[FIRST]++] = above;
        if (state[FIRST] >= (double)first_of(params))
            first_fit(params, state, kept);
        return;
    }
    state[N_ALL]++;
    if (!(above > state[LEVEL]))
        return;
    kept[(size_t)fmod(state[N_EXCESSES], KEPT)] = above - state[LEVEL];
    state[N_EXCESSES]++;
    if (state[N_EXCESSES] >= state[FITTED_AT] * 1.125)
        fit(params, state, kept);
}

static void step(const double *params, double *state, double score, bool over)
{
    const size_t depth = depth_of(params);
    double *ring = state + HEAD, *kept = ring + depth;
    const bool full = state[SEEN] >= (double)depth;
    if (full) {
        const double above = score - mean_of(params, state);
        const bool fitted = state[FIRST] >= (double)first_of(params);
        learn(params, state, kept, fitted ? fmin(above, 2 * fmax(state[Z], state[LEVEL])) : above);
    }
    if (over)
        return;
    if (!full)
        state[SEEN]++;
    ring[(size_t)state[AT]] = score;
    state[AT] = fmod(state[AT] + 1, (double)depth);
    state[SUM] = 0.0;
    for (size_t i = 0; i < depth; i++)
        state[SUM] += ring[i];
}

static bool is_count(double x, double most)
{
    return x >= 0 && x <= most && x == floor(x);
}

static bool check(const double *params, const double *state)
{
    const double depth = (double)depth_of(params), first = (double)first_of(params), many = 9e15;
    return is_count(state[SEEN], depth) && is_count(state[AT], depth - 1) && is_count(state[FIRST], first) &&
           is_count(state[N_ALL], many) && is_count(state[N_EXCESSES], many) &&
           is_count(state[FITTED_AT], many);
}

static const an_threshold_moves moves = {.n_state = n_state, .step = step, .at = at, .check = check};

const an_threshold_type an_threshold_dspot = {
    .name = "dspot",
    .meaning = "peaks over threshold above the mean of the last scores, fitted at the line",
    .n_params = 2,
    .params = {{0.0, 0.1, 1e-4}, {0.9, DEPTH_MOST, 50}},
    .from = from,
    .moves = &moves,
};
