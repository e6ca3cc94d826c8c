/* privacy.h - how much differential privacy is spent: a Renyi accountant.
 *
 * The unit of privacy is what two neighbouring data sets differ in, and it stands beside every
 * epsilon:
 *
 *     RECORD   one training row is there or not; the site clips each row's gradient and adds noise
 *              (DP-SGD, Abadi et al. 2016).  One account per site and model.
 *     SITE     a site's whole vector is there or is replaced by zeros; the sites add their shares
 *              of the noise to the vectors of a sum (sum/noise.h).  One account per model.
 *
 * (Replacing a row or a vector by another, not by nothing, is twice as far: double the sensitivity,
 * that is, give half the noise multiplier.)
 *
 * An account holds, for each of a fixed list of orders a > 1, the Renyi divergence r(a) that all
 * steps so far may have caused; steps add up, also of different mechanisms (Mironov 2017).  With
 * z = standard deviation of the noise / L2 sensitivity, one step costs
 *
 *     Gaussian              r(a) = a / (2 z^2)                                  (Mironov 2017)
 *     the same, on rows     r(a) = log A(a) / (a - 1),                          (Mironov, Talwar,
 *     taken independently   A(a) = E_x~N(0,z^2) [(1 - q + q e^((2x-1)/(2z^2)))^a]  Zhang 2019)
 *     with probability q         = sum_k C(a,k) (1-q)^(a-k) q^k e^((k^2-k)/(2z^2)) for whole a
 *     sum of n discrete     r(a) = min(a/2 s^2 + t d, a/2 (s + t sqrt(d))^2),   (Kairouz, Liu,
 *     Gaussians             s = norm / (sigma sqrt(n)),                          Steinke 2021,
 *                           t = 10 sum_{k=1}^{n-1} e^(-2 pi^2 sigma^2 k/(k+1))   Prop. 14)
 *
 * and the account means (epsilon, delta) for any delta, by Canonne, Kamath, Steinke 2020, Prop. 12
 * (Balle et al. 2020 and Asoodeh et al. 2020 have equal or near bounds):
 *
 *     epsilon = min over a of  r(a) + log(1 - 1/a) - log(a delta) / (a - 1)
 *
 *     an_privacy_account a = {0};
 *     err = an_privacy_add_gaussian(&a, 1.1, 256.0 / 60000, 14062, &why);
 *     double eps = an_privacy_epsilon(&a, 1e-5);
 *
 * The sampling must be what it says: each row by its own coin (Poisson), not in shuffled batches.
 *
 * Threads: pure functions, no allocation; call from anywhere. */
#ifndef AN_SUM_PRIVACY_H
#define AN_SUM_PRIVACY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef enum an_privacy_unit { AN_PRIVACY_RECORD = 1, AN_PRIVACY_SITE = 2 } an_privacy_unit;
const char *an_privacy_unit_name(an_privacy_unit unit); /* "record", "site"; NULL: neither */

#define AN_PRIVACY_ORDERS 160

/* Zero at the start: nothing spent. */
typedef struct an_privacy_account {
    double rdp[AN_PRIVACY_ORDERS]; /* nats; of the order an_privacy_order(i) */
} an_privacy_account;

double an_privacy_order(size_t i); /* i < AN_PRIVACY_ORDERS; ascending, 1.1 to 1024 */

/* Bounds of what is asked. */
#define AN_PRIVACY_NOISE_MIN 1e-2
#define AN_PRIVACY_NOISE_MAX 1e6
#define AN_PRIVACY_STEPS_MAX UINT64_C(1000000000)

/* Adds `steps` steps of the Gaussian mechanism.  noise: standard deviation / L2 sensitivity;
 * rate: the probability with which a row takes part in a step, (0, 1]; 1 without sampling.
 * On error the account is as it was.  Errors: INVAL out of bounds. */
an_err an_privacy_add_gaussian(an_privacy_account *a, double noise, double rate, uint64_t steps,
                               an_note *why);

/* A sum in which each of `sites` adds a discrete Gaussian to each coordinate.  All in whole units of the
 * coordinates. */
typedef struct an_privacy_sum {
    uint32_t sites;  /* whose noise is certain and unknown to the curious: neither lost nor colluding, >= 1 */
    double variance; /* sigma^2 of one site's noise, >= 1/4 */
    double norm;     /* L2 norm that no site's vector exceeds, > 0 */
    uint64_t dim;    /* coordinates, >= 1 */
} an_privacy_sum;

/* Adds `steps` such sums.  On error the account is as it was.  Errors: INVAL. */
an_err an_privacy_add_sum(an_privacy_account *a, const an_privacy_sum *sum, uint64_t steps, an_note *why);

/* By how much, in the sense of Prop. 14, a coordinate of that noise differs from one discrete
 * Gaussian: t above. */
double an_privacy_sum_gap(uint32_t sites, double variance);

/* What the account comes to at delta, >= 0, or INFINITY.  0 < delta < 1, else INFINITY. */
double an_privacy_epsilon(const an_privacy_account *a, double delta);

/* The least noise multiplier, to six digits and never below it, with which `steps` more steps at this
 * rate after what is spent (NULL: nothing) come to at most epsilon at delta.
 * Errors: INVAL out of bounds; REFUSED the budget does not allow these steps with any noise. */
an_err an_privacy_noise_for(double *ret_noise, const an_privacy_account *spent, double epsilon, double delta,
                            double rate, uint64_t steps, an_note *why);

#endif
