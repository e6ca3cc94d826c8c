/* stats.h - the few tests and bounds that decisions about versions rest on.
 *
 *     an_binomial_tail(9, 10, 0.5)                9 or 10 heads of 10: 0.0107
 *     an_difference_upper(30, 1000, 20, 1000, z)  how much larger may the first share really be?
 *
 * Threads: pure functions; call from anywhere. */
#ifndef AN_MODELS_STATS_H
#define AN_MODELS_STATS_H

#include <stdint.h>

/* z of which a standard normal number is below with probability p in (0, 1). */
double an_normal_quantile(double p);

/* P(X >= k), X binomial of n with p in (0, 1). */
double an_binomial_tail(uint64_t k, uint64_t n, double p);

/* One-sided exact McNemar test: of n pairs that differ, `first` or more speak against the first by chance. */
double an_mcnemar(uint64_t first, uint64_t second);

/* Are events of the first rate more often than ratio times those of the second?  The exact test of two Poisson
 * rates, given their total (Przyborowski, Wilenski 1940): probability that it looks like this or worse at
 * exactly the ratio.  exposure: rows, blocks or time of each, > 0. */
double an_rates_test(uint64_t first, double exposure1, uint64_t second, double exposure2, double ratio);

/* Wilson's score interval of a share k of n (Wilson 1927); n 0: 0 to 1. */
void an_wilson(uint64_t k, uint64_t n, double z, double *ret_low, double *ret_high);

/* Upper and lower bound of share 1 minus share 2 of independent samples: Newcombe's hybrid score interval
 * (Newcombe 1998, method 10). */
double an_difference_upper(uint64_t k1, uint64_t n1, uint64_t k2, uint64_t n2, double z);
double an_difference_lower(uint64_t k1, uint64_t n1, uint64_t k2, uint64_t n2, double z);

/* The same for pairs: of n pairs `first` have the first alone and `second` the second alone (Agresti, Min 2005:
 * Wald's interval with half a pair more in each cell). */
double an_paired_upper(uint64_t first, uint64_t second, uint64_t n, double z);

#endif
