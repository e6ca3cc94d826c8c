/* rule.h - aggregation rules that see each site's vector: one file in rules/, one row in rules.def.
 *
 * A rule other than the mean needs vectors one by one: those of sites in trusted mode, or the means of
 * groups under secure sums, which then stand here for sites.  It makes one vector of n and says what
 * became of each.
 *
 * Vectors are far larger than memory, so they come in blocks of columns, twice in the same order:
 *
 *     an_rule_round *r = NULL;
 *     an_rule_opts opts = {.hostile = 0.2};
 *     err = an_rule_new(an_rule_find("krum"), &opts, weights, n, &r, &why);
 *     for each block (n, width)   an_rule_look(r, block, width, workers);    norms, distances, what is finite
 *     err = an_rule_decide(r, &why);
 *     for each block (n, width)   an_rule_combine(r, mean, block, width, workers);
 *     for each site i             if (an_rule_fate_of(r, i) != AN_RULE_KEPT) ... name it
 *     an_rule_free(r);
 *
 * Block: row i is site i's; site by site in the order of their names, so that the result does not depend
 * on who came first (median, trimmed mean and the choice of Krum depend on the order at no rate, but for
 * ties of Krum, which the first wins).  All is float64 in fixed order: same vectors and same blocks, same
 * bits, with any number of workers.
 *
 * A site with a value that is not finite is left out by every rule.
 *
 * Mixing (nearest-neighbour mixing, Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan 2023: Fixing by Mixing):
 * before the rule, each vector is replaced by the mean of the n - f that are nearest to it, itself included.
 * Where sites differ, what a rule then picks or trims is no longer what makes an honest site different.  Distances
 * of the mixed vectors follow from those of the vectors, so there is no third pass.
 *
 * Memory: a round takes 8 n^2 bytes if its rule looks at distances, else some 50 n; with mixing 10 n^2, and
 * another 8 n^2 for Krum's.  Time: mixing of median and trimmed mean adds n (n - f) numbers for each column.
 *
 * Threads: the table is immutable; a round belongs to one thread at a time. */
#ifndef AN_COORDINATOR_RULE_H
#define AN_COORDINATOR_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/workers.h"

#define AN_RULE_GROUPS_MIN 3 /* sums of groups that a rule other than the mean chooses among */

typedef struct an_rule_opts {
    double hostile;    /* share of the sites that may be hostile, [0, 0.5); counted up to whole sites */
    double norm_bound; /* norm_bound: the L2 norm a vector is cut to; 0: the median of the norms */
    bool mixing;       /* only for rules that say `mixes` */
} an_rule_opts;

typedef enum an_rule_fate {
    AN_RULE_KEPT,
    AN_RULE_CUT,       /* made shorter by norm_bound */
    AN_RULE_NOT_TAKEN, /* krum, multi_krum: too far from the others; with mixing also from what was taken */
    AN_RULE_NOT_FINITE /* left out */
} an_rule_fate;
const char *an_rule_fate_text(an_rule_fate fate); /* "is not finite"; what a site is told of its vector */

typedef struct an_rule_round an_rule_round;

typedef struct an_rule {
    const char *name;
    const char *meaning;
    bool distances; /* needs the distances of all pairs */
    bool mixes;     /* may stand behind mixing: what is proved for it holds */
    bool weighted;  /* sites count by weight; else all alike, as a weight is only what a site says */
    /* The least number of finite sites, f of which may be hostile. */
    size_t (*least)(size_t f);
    /* After the first pass: sets share and fate of the finite sites.  NULL: nothing to decide. */
    void (*decide)(an_rule_round *r);
    /* Columns [from, to) of a block (n, width) to ret[from .. to). */
    void (*combine)(const an_rule_round *r, double *ret, const double *block, size_t width, size_t from,
                    size_t to);
} an_rule;

const an_rule *an_rule_find(const char *name); /* NULL: no such rule */
const an_rule *an_rule_at(size_t i);           /* the table in order; NULL past its end */

/* Columns of a block of n sites that take at most 8 MiB; at least 64. */
size_t an_rule_width(size_t n);

/* weights: (n), finite and > 0; copied.  n is 1 .. AN_COHORT_MAX.
 * Errors: INVAL, also mixing before a rule that does not say so; NOMEM. */
an_err an_rule_new(const an_rule *rule, const an_rule_opts *opts, const double *weights, size_t n,
                   an_rule_round **ret, an_note *why);
void an_rule_free(an_rule_round *r); /* NULL is fine */

/* First pass.  workers may be NULL. */
void an_rule_look(an_rule_round *r, const double *block, size_t width, an_workers *workers);

/* Between the passes.  Errors: REFUSED too few finite sites for so many hostile ones. */
an_err an_rule_decide(an_rule_round *r, an_note *why);

/* Second pass.  ret: (width). */
void an_rule_combine(const an_rule_round *r, double *ret, const double *block, size_t width,
                     an_workers *workers);

/* After decide. */
an_rule_fate an_rule_fate_of(const an_rule_round *r, size_t site);
double an_rule_norm_of(const an_rule_round *r, size_t site); /* L2 norm of its vector */

#endif
