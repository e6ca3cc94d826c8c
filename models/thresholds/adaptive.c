/* Adaptive conformal: calibrated as target_far, then kept at its rate at the line.  After each score the threshold goes
 * up by the factor exp(step (1 - rate)) if the score was above it and down by exp(-step rate) if not (quantile tracking;
 * Angelopoulos, Candes, Tibshirani 2023, after Gibbs and Candes 2021; here in logarithms, as scores have no unit).
 * Over many scores the share above then is `rate`, however scores depend on each other or move, but for what the
 * bounds of threshold_stream.h and open alarms, from which nothing is learned, take away.
 *
 * The price: a fault that shows in single scores only raises its own threshold a little. */
#include <math.h>

#include "models/threshold.h"

extern const an_threshold_type an_threshold_target_far;

static an_err from(const double *params, const float *sorted, size_t n, double *ret, an_note *why)
{
    return an_threshold_target_far.from(params, sorted, n, ret, why);
}

static size_t n_state(const double *params)
{
    (void)params;
    return 1; /* the logarithm of threshold / base */
}

static double at(const double *params, double base, const double *state)
{
    (void)params;
    return base * exp(state[0]);
}

static void step(const double *params, double *state, double score, bool over)
{
    const double bound = log(AN_THRESHOLD_MOVE_MAX);
    (void)score;
    state[0] = fmax(fmin(state[0] + params[1] * ((over ? 1.0 : 0.0) - params[0]), bound), -bound);
}

static bool check(const double *params, const double *state)
{
    (void)params;
    return fabs(state[0]) <= log(AN_THRESHOLD_MOVE_MAX);
}

static const an_threshold_moves moves = {.n_state = n_state, .step = step, .at = at, .check = check};

const an_threshold_type an_threshold_adaptive = {
    .name = "adaptive",
    .meaning = "expected false alarm rate, followed at the line in steps of a size (adaptive conformal)",
    .n_params = 2,
    .params = {{0.0, 0.5, 0.01}, {0.0, 1.0, 0.05}},
    .from = from,
    .moves = &moves,
};
