/* boost.h - gradient boosted trees of sums: sites add up gradients in bins, nobody sees rows (Friedman 2001; Chen and
 * Guestrin 2016).
 *
 *     an_boost *b = NULL;
 *     err = an_boost_new(&conf, edges, &b, &why);
 *     while (an_boost_n_sums(b) > 0) {                  each time one round
 *         an_boost_add(b, x, y, n, sums);               at each site, from zeros; sites' sums are added up
 *         err = an_boost_grow(b, sums, &why);           the open nodes of the tree split, all at once
 *     }
 *     y = an_boost_predict(b, x);
 *     an_boost_free(b);
 *
 * A round is one level of one tree; the first is that of the constant it all starts from.  Sums hold the gradients and the
 * second derivatives of the loss of rows in each open node, by feature and bin, with a bin more for missing values.
 *
 * Both are rounded to multiples of AN_BOOST_GRAIN, so sums are exact in any order: trees of sites' sums are those of all rows in
 * one place, to the last bit, as long as a sum stays below 2^33.
 *
 * Threads: an object belongs to one thread at a time; an_boost_add and an_boost_predict only read it. */
#ifndef AN_MODELS_BOOST_H
#define AN_MODELS_BOOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_BOOST_DEPTH_MAX 8u
#define AN_BOOST_TREES_MAX 2000u
#define AN_BOOST_SUMS_MAX ((size_t)1 << 20)
#define AN_BOOST_GRAIN 0x1p-20
#define AN_BOOST_SLOPE_MAX 0x1p10 /* longer gradients are cut: targets want to be of the order of 1 */

typedef struct an_boost_conf {
    uint32_t width; /* features */
    uint32_t bins;  /* of a feature, 2..AN_BINS_MAX */
    uint32_t depth; /* levels of splits, 1..AN_BOOST_DEPTH_MAX */
    uint32_t trees; /* 1..AN_BOOST_TREES_MAX */
    double rate;    /* share of a tree that counts, (0, 1] */
    double ridge;   /* penalty on the square of a leaf, > 0 */
    double least;   /* sum of second derivatives in a leaf, >= 0; squares: rows */
    bool yes_no;    /* targets are 0 or 1 and the loss logistic; else squares */
} an_boost_conf;

typedef struct an_boost an_boost;

/* edges: (width, bins - 1), copied; of each feature ascending, as an_hist_edges makes them.
 * Errors: INVAL, LIMIT more than AN_BOOST_SUMS_MAX sums, NOMEM. */
an_err an_boost_new(const an_boost_conf *conf, const float *edges, an_boost **ret, an_note *why);
void an_boost_free(an_boost *b);

/* Numbers in the sums of the round that is open; 0: all trees are grown. */
size_t an_boost_n_sums(const an_boost *b);
/* Adds n rows x (n, width), NAN where missing, with targets y (n) to sums (an_boost_n_sums).
 * Errors: NUMERIC a target is not finite; sums are then of no use. */
an_err an_boost_add(const an_boost *b, const float *x, const float *y, size_t n, double *sums, an_note *why);
/* Closes the round.  Errors: NUMERIC no sums of any rows; the round stays open. */
an_err an_boost_grow(an_boost *b, const double *sums, an_note *why);

/* By the trees grown so far; yes_no: a probability. */
double an_boost_predict(const an_boost *b, const float *x);

#endif
