#include "models/stats.h"

#include <math.h>
#include <stdbool.h>

#define EXACT_MAX 5000000 /* beyond it the normal distribution is the same to ten digits */

double an_normal_quantile(double p)
{
    double low = -40, high = 40;
    for (int i = 0; i < 100; i++) {
        const double mid = (low + high) / 2;
        if (0.5 * erfc(-mid / sqrt(2)) < p)
            low = mid;
        else
            high = mid;
    }
    return (low + high) / 2;
}

/* By Stirling's series; lgamma writes a global. */
static double log_factorial(double n)
{
    double sum = 0;
    for (; n < 16; n++)
        sum -= log(n + 1);
    return sum + (n + 0.5) * log(n) - n + 0.91893853320467274 + 1 / (12 * n) - 1 / (360 * n * n * n) +
           1 / (1260 * pow(n, 5)) - 1 / (1680 * pow(n, 7));
}

static double log_mass(double k, double n, double p)
{
    return log_factorial(n) - log_factorial(k) - log_factorial(n - k) + k * log(p) + (n - k) * log1p(-p);
}

double an_binomial_tail(uint64_t k, uint64_t n, double p)
{
    if (k == 0)
        return 1;
    if (k > n)
        return 0;
    const double dn = (double)n, mean = dn * p;
    if (n > EXACT_MAX)
        return 0.5 * erfc(((double)k - 0.5 - mean) / sqrt(2 * mean * (1 - p)));
    /* The side that is the smaller is summed, from the edge outwards. */
    const bool upper = (double)k > mean;
    double at = upper ? (double)k : (double)(k - 1), mass = exp(log_mass(at, dn, p)), sum = 0;
    while (at >= 0 && at <= dn && mass > sum * 1e-17) {
        sum += mass;
        if (upper) {
            mass *= (dn - at) / (at + 1) * p / (1 - p);
            at++;
        } else {
            mass *= at / (dn - at + 1) * (1 - p) / p;
            at--;
        }
    }
    return upper ? fmin(sum, 1) : fmax(1 - sum, 0);
}

double an_mcnemar(uint64_t first, uint64_t second)
{
    return an_binomial_tail(first, first + second, 0.5);
}

double an_rates_test(uint64_t first, double exposure1, uint64_t second, double exposure2, double ratio)
{
    const double a = ratio * exposure1;
    return an_binomial_tail(first, first + second, a / (a + exposure2));
}

void an_wilson(uint64_t k, uint64_t n, double z, double *ret_low, double *ret_high)
{
    *ret_low = 0;
    *ret_high = 1;
    if (n == 0)
        return;
    const double dn = (double)n, p = (double)k / dn, zz = z * z;
    const double middle = (p + zz / (2 * dn)) / (1 + zz / dn);
    const double half = z * sqrt(p * (1 - p) / dn + zz / (4 * dn * dn)) / (1 + zz / dn);
    *ret_low = fmax(0, middle - half);
    *ret_high = fmin(1, middle + half);
}

static double share(uint64_t k, uint64_t n)
{
    return n ? (double)k / (double)n : 0;
}

double an_difference_upper(uint64_t k1, uint64_t n1, uint64_t k2, uint64_t n2, double z)
{
    double low1, high1, low2, high2;
    const double p1 = share(k1, n1), p2 = share(k2, n2);
    an_wilson(k1, n1, z, &low1, &high1);
    an_wilson(k2, n2, z, &low2, &high2);
    return p1 - p2 + sqrt((high1 - p1) * (high1 - p1) + (p2 - low2) * (p2 - low2));
}

double an_difference_lower(uint64_t k1, uint64_t n1, uint64_t k2, uint64_t n2, double z)
{
    return -an_difference_upper(k2, n2, k1, n1, z);
}

double an_paired_upper(uint64_t first, uint64_t second, uint64_t n, double z)
{
    const double b = (double)first + 0.5, c = (double)second + 0.5, m = (double)n + 2;
    const double d = (b - c) / m;
    return d + z * sqrt(fmax(b + c - (b - c) * (b - c) / m, 0)) / m;
}
