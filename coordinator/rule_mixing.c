/* Nearest-neighbour mixing (Allouah et al. 2023, Fixing by Mixing: A Recipe for Optimal Byzantine ML under
 * Heterogeneity, algorithm 2): y_i is the mean of the n - f vectors that are nearest to x_i, x_i itself among them.
 *
 * With m_ik = 1/(n - f) where k is a neighbour of i, else 0, and D the squared distances of the x:
 *
 *     |y_i - y_j|^2 = q_ij - q_ii / 2 - q_jj / 2,    Q = M D M^T,
 *
 * as the coefficients of y_i - y_j add up to 0.  So no vector is needed but those that are summed in the end, and a
 * sum of mixed vectors is a sum of the vectors with other shares. */
#include <math.h>
#include <stdlib.h>

#include "coordinator/rule_internal.h"

typedef struct neighbour {
    double apart;
    size_t site;
} neighbour;

/* The nearer first; of equals the first by name. */
static int nearer(const void *a, const void *b)
{
    const neighbour *x = a, *y = b;
    if (x->apart != y->apart)
        return x->apart < y->apart ? -1 : 1;
    return x->site < y->site ? -1 : x->site > y->site;
}

static void choose(an_rule_round *r, size_t i)
{
    neighbour all[AN_COHORT_MAX];
    bool chosen[AN_COHORT_MAX] = {false};
    size_t n = 0;
    for (size_t j = 0; j < r->n; j++)
        if (r->fate[j] != AN_RULE_NOT_FINITE)
            all[n++] = (neighbour){.apart = j == i ? -1 : r->apart[i * r->n + j], .site = j};
    qsort(all, n, sizeof *all, nearer);
    for (size_t k = 0; k < r->n_near; k++)
        chosen[all[k].site] = true;
    n = 0;
    for (size_t j = 0; j < r->n; j++)
        if (chosen[j])
            r->near[i * r->n_near + n++] = (uint16_t)j;
}

/* Each finite site's row of ret: the mean of its neighbours' rows of x. */
static void mix_rows(const an_rule_round *r, double *ret, const double *x)
{
    for (size_t i = 0; i < r->n; i++) {
        double *row = ret + i * r->n;
        for (size_t c = 0; c < r->n; c++)
            row[c] = 0;
        if (r->fate[i] == AN_RULE_NOT_FINITE)
            continue;
        for (size_t k = 0; k < r->n_near; k++) {
            const double *from = x + r->near[i * r->n_near + k] * r->n;
            for (size_t c = 0; c < r->n; c++)
                row[c] += from[c];
        }
        for (size_t c = 0; c < r->n; c++)
            row[c] /= (double)r->n_near;
    }
}

static void transpose(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            const double v = x[i * n + j];
            x[i * n + j] = x[j * n + i];
            x[j * n + i] = v;
        }
}

/* Sites with the same neighbours are at distance 0 to the bit, as their rows are then made alike. */
static void mix_distances(an_rule_round *r)
{
    const size_t n = r->n;
    mix_rows(r, r->mixed, r->apart); /* M D */
    transpose(r->mixed, n);          /* D M^T, as D is its own transpose */
    mix_rows(r, r->apart, r->mixed); /* Q */
    for (size_t i = 0; i < n; i++)
        r->mixed[i] = r->apart[i * n + i];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const double v = r->apart[i * n + j] - (r->mixed[i] / 2 + r->mixed[j] / 2);
            /* NaN is of a vector that is infinitely far from another; below 0 is what rounding left of 0. */
            r->apart[i * n + j] = isnan(v) ? INFINITY : v > 0 ? v : 0;
        }
}

void an_rule_mix(an_rule_round *r)
{
    r->n_near = r->n_finite - r->hostile;
    for (size_t i = 0; i < r->n; i++)
        if (r->fate[i] != AN_RULE_NOT_FINITE)
            choose(r, i);
    if (r->mixed)
        mix_distances(r);
}

void an_rule_mix_shares(an_rule_round *r)
{
    double share[AN_COHORT_MAX] = {0};
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; r->share[i] > 0 && k < r->n_near; k++)
            share[r->near[i * r->n_near + k]] += r->share[i] / (double)r->n_near;
    for (size_t i = 0; i < r->n; i++) {
        r->share[i] = share[i];
        if (r->fate[i] != AN_RULE_NOT_FINITE)
            r->fate[i] = share[i] > 0 ? AN_RULE_KEPT : AN_RULE_NOT_TAKEN;
    }
}
