/* rule_internal.h - what the rows of rules.def work on.
 *
 * Threads: as rule.h. */
#ifndef AN_COORDINATOR_RULE_INTERNAL_H
#define AN_COORDINATOR_RULE_INTERNAL_H

#include <stdint.h>

#include "base/terms.h"
#include "coordinator/rule.h"

struct an_rule_round {
    const an_rule *rule;
    an_rule_opts opts;
    size_t n;
    size_t n_finite;
    size_t hostile;  /* of the finite ones, at most */
    double *weights; /* (n) */
    double *squares; /* (n) squared norms */
    double *apart;   /* (n, n) squared distances, after decide of the mixed vectors; NULL if not asked for */
    uint16_t *near;  /* (n, n_near) mixing: the sites whose mean stands for each, ascending; else NULL */
    size_t n_near;
    double *mixed; /* (n, n) mixing and Krum: scratch */
    double *share; /* (n) of each site's vector in a result that is a sum; 0: none */
    an_rule_fate *fate;
};

void an_rule_sort(double *x, size_t n); /* ascending; no NaN */

/* ---- rule_mixing.c ---- */
/* Chooses the neighbours of each finite site; Krum's distances become those of the mixed vectors. */
void an_rule_mix(an_rule_round *r);
/* Shares of mixed vectors to shares of vectors, and the fates that follow. */
void an_rule_mix_shares(an_rule_round *r);

/* The finite sites' values of columns column .. column + count - 1, each ascending: ret[k][c].v is the k-th of
 * column + c, mixed if the round is.  Returns how many there are.  count is at most AN_RULE_LANES. */
#define AN_RULE_LANES 8
typedef union an_rule_cell {
    double v;
    uint64_t key; /* while it is sorted: orders as v does */
} an_rule_cell;
typedef an_rule_cell an_rule_tile[AN_COHORT_MAX][AN_RULE_LANES];
size_t an_rule_columns(const an_rule_round *r, const double *block, size_t width, size_t column, size_t count,
                       an_rule_tile ret);

/* A combine: ret = sum of share * vector, in order of the sites. */
void an_rule_sum(const an_rule_round *r, double *ret, const double *block, size_t width, size_t from,
                 size_t to);

/* Krum's score of each finite site, INFINITY for others. */
void an_rule_krum_scores(const an_rule_round *r, double ret[static AN_COHORT_MAX]);
/* Takes the `count` sites of the least scores, with equal shares. */
void an_rule_krum_take(an_rule_round *r, size_t count);

size_t an_rule_least_one(size_t f);      /* 1 */
size_t an_rule_least_majority(size_t f); /* 2 f + 1 */
size_t an_rule_least_krum(size_t f);     /* 2 f + 3 */

#endif
