/* All sums are taken as logarithms: at order 1024 and little noise, A has thousands of digits. */
#include "sum/privacy.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

static const double PI = 3.14159265358979323846;

/* In tenths where few, costly steps have their best order, whole up to 64, then apart. */
#define TENTHS 99 /* 1.1 to 10.9 */
#define LAST_WHOLE 63
static const double far_orders[] = {64, 80, 96, 128, 192, 256, 512, 1024};
_Static_assert(TENTHS + LAST_WHOLE - 10 + sizeof far_orders / sizeof *far_orders == AN_PRIVACY_ORDERS,
               "the orders fill the account");

double an_privacy_order(size_t i)
{
    assert(i < AN_PRIVACY_ORDERS);
    if (i < TENTHS)
        return (double)(i + 11) / 10.0;
    if (i < TENTHS + LAST_WHOLE - 10)
        return (double)(i - TENTHS + 11);
    return far_orders[i - (TENTHS + LAST_WHOLE - 10)];
}

const char *an_privacy_unit_name(an_privacy_unit unit)
{
    return unit == AN_PRIVACY_RECORD ? "record" : unit == AN_PRIVACY_SITE ? "site" : NULL;
}

/* ---- logarithms ---- */

/* log(e^a + e^b) */
static double log_add(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;
    return low == -INFINITY ? high : high + log1p(exp(low - high));
}

/* log(e^a - e^b), a >= b */
static double log_sub(double a, double b)
{
    if (b == -INFINITY)
        return a;
    return b >= a ? -INFINITY : a + log(-expm1(b - a));
}

/* log(e^x - 1), x > 0 */
static double log_expm1(double x)
{
    return x > 36.0 ? x : log(expm1(x));
}

/* erfc itself is 0 from about 27 on; the asymptotic series is good to 1e-10 from 25 on. */
static double log_erfc(double x)
{
    if (x < 25.0)
        return log(erfc(x));
    double y = 1.0 / (2.0 * x * x);
    return -x * x - log(x * sqrt(PI)) + log1p(y * (-1.0 + y * (3.0 - 15.0 * y)));
}

/* ---- the sampled Gaussian ---- */

/* log A of a whole order >= 1.  The terms of k = 0 and 1 and the -1 of each other term sum to 1 by the
 * binomial theorem, so that A - 1 is a sum without cancellation, exact however small q is. */
static double log_a_whole(double q, double noise, unsigned order)
{
    double sum = -INFINITY, choose = 0.0;
    const double log_q = log(q), log_rest = log1p(-q);
    for (unsigned k = 1; k <= order; k++) {
        choose += log((double)(order - k + 1) / k);
        if (k < 2)
            continue;
        double exponent = (double)k * (k - 1) / (2.0 * noise * noise);
        sum = log_add(sum, choose + k * log_q + (order - k) * log_rest + log_expm1(exponent));
    }
    return log_add(0.0, sum);
}

#define SERIES_MAX 2000
#define SERIES_SMALL (-37.0) /* e^-37 is lost beside 1, the least A */

/* log A of an order between whole numbers: Mironov, Talwar, Zhang 2019, 3.3.  The integral is cut at z0,
 * where both summands are equal, and each side expanded in a binomial series.  Beyond the order the
 * signs alternate and the terms shrink, so that what is left out is less than the last term; it is
 * added, for the error to be to the safe side. */
static double log_a_broken(double q, double noise, double order)
{
    const double log_q = log(q), log_rest = log1p(-q), var2 = 2.0 * noise * noise;
    const double z0 = 0.5 * var2 * (log_rest - log_q) + 0.5, root = sqrt(2.0) * noise;
    double plus = -INFINITY, minus = -INFINITY, choose = 0.0, last = 0.0;
    bool negative = false;
    for (unsigned i = 0; i < SERIES_MAX; i++) {
        double j = order - i;
        double left = choose + i * log_q + j * log_rest + ((double)i * i - i) / var2 + log(0.5) +
                      log_erfc((i - z0) / root);
        double right =
            choose + j * log_q + i * log_rest + (j * j - j) / var2 + log(0.5) + log_erfc((z0 - j) / root);
        last = log_add(left, right);
        if (negative)
            minus = log_add(minus, last);
        else
            plus = log_add(plus, last);
        if (last < SERIES_SMALL && i > order)
            break;
        choose += log(fabs(j) / (i + 1));
        negative = j < 0.0 ? !negative : negative;
    }
    double sum = log_sub(log_add(plus, last), minus);
    return sum > 0.0 ? sum : 0.0;
}

/* Of one step. */
static double rdp_sampled(double q, double noise, double order)
{
    if (q >= 1.0)
        return order / (2.0 * noise * noise);
    const double low = floor(order), part = order - low;
    double below = log_a_whole(q, noise, (unsigned)low);
    if (part == 0.0)
        return below / (order - 1.0);
    /* log A is convex in the order, so a straight line between whole orders is never below it: what
     * the series loses to rounding with extreme arguments does no harm. */
    double line = (1.0 - part) * below + part * log_a_whole(q, noise, (unsigned)low + 1);
    double exact = log_a_broken(q, noise, order);
    return (exact < line ? exact : line) / (order - 1.0);
}

static an_err check_steps(double rate, uint64_t steps, an_note *why)
{
    if (!(rate > 0.0 && rate <= 1.0))
        return an_fail(AN_ERR_INVAL, why, "a sampling rate is over 0 and at most 1, not %g", rate);
    if (steps < 1 || steps > AN_PRIVACY_STEPS_MAX)
        return an_fail(AN_ERR_INVAL, why, "1 to 1e9 steps can be counted at a time, not %llu",
                       (unsigned long long)steps);
    return AN_OK;
}

an_err an_privacy_add_gaussian(an_privacy_account *a, double noise, double rate, uint64_t steps, an_note *why)
{
    an_err err = check_steps(rate, steps, why);
    if (err != AN_OK)
        return err;
    if (!(noise >= AN_PRIVACY_NOISE_MIN && noise <= AN_PRIVACY_NOISE_MAX))
        return an_fail(AN_ERR_INVAL, why, "a noise multiplier is %g to %g, not %g", AN_PRIVACY_NOISE_MIN,
                       AN_PRIVACY_NOISE_MAX, noise);
    for (size_t i = 0; i < AN_PRIVACY_ORDERS; i++)
        a->rdp[i] += (double)steps * rdp_sampled(rate, noise, an_privacy_order(i));
    return AN_OK;
}

/* ---- the sum of discrete Gaussians ---- */

double an_privacy_sum_gap(uint32_t sites, double variance)
{
    double sum = 0.0;
    for (uint32_t k = 1; k < sites; k++)
        sum += exp(-2.0 * PI * PI * variance * k / (k + 1.0));
    return 10.0 * sum;
}

an_err an_privacy_add_sum(an_privacy_account *a, const an_privacy_sum *sum, uint64_t steps, an_note *why)
{
    an_err err = check_steps(1.0, steps, why);
    if (err != AN_OK)
        return err;
    if (sum->sites < 1 || !(sum->variance >= 0.25) || !isfinite(sum->variance) || !(sum->norm > 0.0) ||
        !isfinite(sum->norm) || sum->dim < 1)
        return an_fail(AN_ERR_INVAL, why,
                       "the noise of a sum: at least one site, a variance of at least 1/4, a norm");
    const double gap = an_privacy_sum_gap(sum->sites, sum->variance), dim = (double)sum->dim;
    const double s = sum->norm / sqrt(sum->variance * sum->sites);
    for (size_t i = 0; i < AN_PRIVACY_ORDERS; i++) {
        double half = an_privacy_order(i) / 2.0;
        double one = half * s * s + gap * dim, two = half * (s + gap * sqrt(dim)) * (s + gap * sqrt(dim));
        a->rdp[i] += (double)steps * (one < two ? one : two);
    }
    return AN_OK;
}

/* ---- epsilon ---- */

double an_privacy_epsilon(const an_privacy_account *a, double delta)
{
    double least = INFINITY;
    if (!(delta > 0.0 && delta < 1.0))
        return INFINITY;
    for (size_t i = 0; i < AN_PRIVACY_ORDERS; i++) {
        double order = an_privacy_order(i), r = a->rdp[i];
        double eps = r + log1p(-1.0 / order) - log(order * delta) / (order - 1.0);
        /* The divergence at any order is at least that at 1, which bounds the total variation (Bretagnolle
         * and Huber 1978): so near together, delta alone is enough. */
        if (delta * delta + expm1(-r) > 0.0)
            eps = 0.0;
        if (eps < least)
            least = eps;
    }
    return least > 0.0 ? least : 0.0;
}

static double epsilon_with(const an_privacy_account *spent, double noise, double delta, double rate,
                           uint64_t steps)
{
    an_privacy_account a = {0};
    if (spent)
        a = *spent;
    return an_privacy_add_gaussian(&a, noise, rate, steps, NULL) == AN_OK ? an_privacy_epsilon(&a, delta)
                                                                          : INFINITY;
}

an_err an_privacy_noise_for(double *ret_noise, const an_privacy_account *spent, double epsilon, double delta,
                            double rate, uint64_t steps, an_note *why)
{
    double low = AN_PRIVACY_NOISE_MIN, high = AN_PRIVACY_NOISE_MAX;
    an_err err = check_steps(rate, steps, why);
    if (err != AN_OK)
        return err;
    if (!(epsilon > 0.0) || !isfinite(epsilon) || !(delta > 0.0 && delta < 1.0))
        return an_fail(AN_ERR_INVAL, why, "epsilon is over 0, and delta between 0 and 1");
    if (!(epsilon_with(spent, high, delta, rate, steps) <= epsilon))
        return an_fail(AN_ERR_REFUSED, why,
                       "no noise makes %llu more steps fit into a budget of epsilon %g at delta %g",
                       (unsigned long long)steps, epsilon, delta);
    if (epsilon_with(spent, low, delta, rate, steps) <= epsilon)
        high = low;
    while (high > low * (1.0 + 1e-7)) {
        double middle = sqrt(low * high);
        if (epsilon_with(spent, middle, delta, rate, steps) <= epsilon)
            high = middle;
        else
            low = middle;
    }
    *ret_noise = high;
    return AN_OK;
}
