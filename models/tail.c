/* Grimshaw (1993) reduces the fit to the roots x of u(x) v(x) = 1, u = 1 + mean ln(1 + x Y), v = mean 1/(1 + x Y),
 * gamma = u - 1, sigma = gamma/x.  The candidate gamma = 0, sigma = mean Y is always among them, with log-likelihood
 * -N (1 + ln mean Y). */
#include "models/tail.h"

#include <math.h>

#define GRID 64
#define BISECTIONS 60

typedef struct sample {
    const double *y;
    size_t n;
    double mean, most;
} sample;

static double u_of(const sample *s, double x)
{
    double sum = 0.0;
    for (size_t i = 0; i < s->n; i++)
        sum += log1p(x * s->y[i]);
    return 1.0 + sum / (double)s->n;
}

static double w_of(const sample *s, double x)
{
    double sum = 0.0;
    for (size_t i = 0; i < s->n; i++)
        sum += 1.0 / (1.0 + x * s->y[i]);
    return u_of(s, x) * (sum / (double)s->n) - 1.0;
}

typedef struct fit {
    double gamma, sigma, likelihood;
} fit;

static void consider(fit *best, const sample *s, double x)
{
    double gamma = u_of(s, x) - 1.0;
    double sigma = gamma / x;
    if (!(sigma > 0.0) || !isfinite(sigma) || fabs(gamma) < 1e-9 || gamma <= -1.0)
        return; /* at gamma <= -1 the likelihood has no maximum */
    double sum = 0.0;
    for (size_t i = 0; i < s->n; i++)
        sum += log1p(gamma * s->y[i] / sigma);
    double likelihood = -(double)s->n * log(sigma) - (1.0 + 1.0 / gamma) * sum;
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
static void find_roots(fit *best, const sample *s, double from, double to)
{
    double a = from, wa = w_of(s, a);
    for (int i = 1; i <= GRID; i++) {
        double b = grid_at(from, to, i);
        double wb = w_of(s, b);
        if (isfinite(wa) && isfinite(wb) && (wa < 0.0) != (wb < 0.0)) {
            double lo = a, hi = b;
            for (int k = 0; k < BISECTIONS; k++) {
                double mid = lo + (hi - lo) / 2.0;
                if ((w_of(s, mid) < 0.0) == (wa < 0.0))
                    lo = mid;
                else
                    hi = mid;
            }
            consider(best, s, lo + (hi - lo) / 2.0);
        }
        a = b;
        wa = wb;
    }
}

/* x = 0 is always a root and means nothing; it is left out by 1e-4 / mean, within which a tail
 * cannot be told from the exponential.  Grimshaw's upper bound 2 (mean - least) / least^2 may
 * be enormous; past 1e6 / mean gamma would be above 10. */
an_tail an_tail_fit(const double *excesses, size_t n)
{
    sample s = {.y = excesses, .n = n};
    for (size_t i = 0; i < n; i++) {
        s.mean += excesses[i];
        s.most = fmax(s.most, excesses[i]);
    }
    s.mean /= (double)n;
    fit best = {0.0, s.mean, -(double)n * (1.0 + log(s.mean))};
    double eps = 1e-4 / s.mean;
    double lowest = -(1.0 - 1e-6) / s.most;
    if (lowest < -eps)
        find_roots(&best, &s, lowest, -eps);
    find_roots(&best, &s, eps, 1e6 / s.mean);
    return (an_tail){best.gamma, best.sigma};
}

double an_tail_excess(const an_tail *tail, double ratio)
{
    return tail->gamma == 0.0 ? -tail->sigma * log(ratio)
                              : tail->sigma / tail->gamma * expm1(-tail->gamma * log(ratio));
}
