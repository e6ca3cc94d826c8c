/* Peaks over threshold (Siffer et al. 2017): the excesses over a high initial level t follow a
 * generalised Pareto distribution (gamma, sigma); the level exceeded with probability q is
 *
 *     z = t + sigma/gamma ((q n/N)^-gamma - 1)      gamma != 0
 *     z = t - sigma ln(q n/N)                       gamma  = 0
 *
 * with n scores and N excesses.  Grimshaw (1993) reduces the fit to the roots x of u(x) v(x) =
 * 1, u = 1 + mean ln(1 + x Y), v = mean 1/(1 + x Y), gamma = u - 1, sigma = gamma/x.  The
 * candidate gamma = 0, sigma = mean Y is always among them, with log-likelihood -N (1 + ln mean
 * Y). */
#include <math.h>

#include "models/threshold.h"

#define EXCESSES_LEAST 30  /* fewer say nothing about a tail: the quantile 1 - q is taken */
#define EXCESSES_MOST 1000 /* the highest ones rule the tail; also bounds the time */
#define GRID 64
#define BISECTIONS 60

typedef struct tail {
    const float *top; /* (n) scores above t, ascending */
    size_t n;
    double t, mean, most;
} tail;

static double excess(const tail *y, size_t i)
{
    return (double)y->top[i] - y->t;
}

static double u_of(const tail *y, double x)
{
    double sum = 0.0;
    for (size_t i = 0; i < y->n; i++)
        sum += log1p(x * excess(y, i));
    return 1.0 + sum / (double)y->n;
}

static double w_of(const tail *y, double x)
{
    double sum = 0.0;
    for (size_t i = 0; i < y->n; i++)
        sum += 1.0 / (1.0 + x * excess(y, i));
    return u_of(y, x) * (sum / (double)y->n) - 1.0;
}

typedef struct fit {
    double gamma, sigma, likelihood;
} fit;

static void consider(fit *best, const tail *y, double x)
{
    double gamma = u_of(y, x) - 1.0;
    double sigma = gamma / x;
    if (!(sigma > 0.0) || !isfinite(sigma) || fabs(gamma) < 1e-9 || gamma <= -1.0)
        return; /* at gamma <= -1 the likelihood has no maximum */
    double sum = 0.0;
    for (size_t i = 0; i < y->n; i++)
        sum += log1p(gamma * excess(y, i) / sigma);
    double likelihood = -(double)y->n * log(sigma) - (1.0 + 1.0 / gamma) * sum;
    if (isfinite(likelihood) && likelihood > best->likelihood)
        *best = (fit){gamma, sigma, likelihood};
}

/* Point i of the grid: even steps below zero, even ratios above it, where the roots of heavy
 * tails lie over many orders of magnitude. */
static double grid_at(double from, double to, int i)
{
    double part = (double)i / GRID;
    return from < 0.0 ? from + (to - from) * part : from * pow(to / from, part);
}

/* Every change of sign of w on a grid from `from` to `to`, refined by bisection. */
static void find_roots(fit *best, const tail *y, double from, double to)
{
    double a = from, wa = w_of(y, a);
    for (int i = 1; i <= GRID; i++) {
        double b = grid_at(from, to, i);
        double wb = w_of(y, b);
        if (isfinite(wa) && isfinite(wb) && (wa < 0.0) != (wb < 0.0)) {
            double lo = a, hi = b;
            for (int k = 0; k < BISECTIONS; k++) {
                double mid = lo + (hi - lo) / 2.0;
                if ((w_of(y, mid) < 0.0) == (wa < 0.0))
                    lo = mid;
                else
                    hi = mid;
            }
            consider(best, y, lo + (hi - lo) / 2.0);
        }
        a = b;
        wa = wb;
    }
}

/* x = 0 is always a root and means nothing; it is left out by 1e-4 / mean, within which a tail
 * cannot be told from the exponential.  Grimshaw's upper bound 2 (mean - least) / least^2 may
 * be enormous; past 1e6 / mean gamma would be above 10. */
static fit fit_tail(const tail *y)
{
    fit best = {0.0, y->mean, -(double)y->n * (1.0 + log(y->mean))};
    double eps = 1e-4 / y->mean;
    double lowest = -(1.0 - 1e-6) / y->most;
    if (lowest < -eps)
        find_roots(&best, y, lowest, -eps);
    find_roots(&best, y, eps, 1e6 / y->mean);
    return best;
}

static an_err from(const double *params, const float *sorted, size_t n, double *ret, an_note *why)
{
    double q = params[0];
    size_t at = (size_t)floor(params[1] * (double)n);
    tail y = {.t = (double)sorted[at < n ? at : n - 1]};
    (void)why;
    size_t begin = n;
    while (begin > 0 && (double)sorted[begin - 1] > y.t)
        begin--;
    if (n - begin > EXCESSES_MOST) {
        /* Only with the level raised to match do the kept excesses follow the law. */
        begin = n - EXCESSES_MOST;
        y.t = (double)sorted[begin - 1];
        while (begin < n && !((double)sorted[begin] > y.t))
            begin++;
    }
    y.top = sorted + begin;
    y.n = n - begin;
    double ratio = y.n > 0 ? q * (double)n / (double)y.n : 1.0;
    if (y.n < EXCESSES_LEAST || ratio >= 1.0) {
        double rank = floor((1.0 - q) * (double)(n - 1));
        *ret = (double)sorted[(size_t)rank];
        return AN_OK;
    }
    y.most = excess(&y, y.n - 1);
    for (size_t i = 0; i < y.n; i++)
        y.mean += excess(&y, i);
    y.mean /= (double)y.n;
    fit f = fit_tail(&y);
    *ret =
        f.gamma == 0.0 ? y.t - f.sigma * log(ratio) : y.t + f.sigma / f.gamma * expm1(-f.gamma * log(ratio));
    return AN_OK;
}

const an_threshold_type an_threshold_pot = {
    .name = "pot",
    .meaning = "score exceeded with probability q by a Pareto tail over the level's quantile",
    .n_params = 2,
    .params = {{0.0, 0.5, 1e-4}, {0.5, 1.0, 0.98}},
    .from = from,
};
