/* A forest of random partitions (after half-space trees: Tan, Ting and Liu 2011): windows that fall where few normal
 * ones fell are odd.
 *
 * The cuts are drawn from a seed and not from data, so all sites cut alike, and the numbers of their windows in each
 * node add up: the forest of all sites is the sum of theirs, to the last window.  Node i of a tree (a heap, root 1)
 * asks for one element of the window; it is cut at random between the bounds that the nodes above have left for that
 * element, at first REACH standard deviations to each side.  What lies beyond these is outside the tree.
 *
 * Score: the mean over trees of log2((n + 1) / (count + 1)) of the leaf, or of the outside: bits of surprise.  Each
 * step down adds its part of the logarithm to the sensor it asks for, so contributions add up to the score.
 *
 * State: seed, then for each tree the windows outside and those in each node. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "models/detector.h"

#define TREES 96
#define DEPTH 6
#define NODES (2u << DEPTH) /* of a tree: [0] is the outside, [1] the root */
#define REACH 4.0

static size_t n_state(uint32_t window, uint32_t features)
{
    (void)window;
    (void)features;
    return 1 + (size_t)TREES * NODES;
}

static size_t n_scratch(uint32_t window, uint32_t features)
{
    (void)window;
    (void)features;
    return 1;
}

/* The way of a window down one tree. */
typedef struct path {
    size_t node[DEPTH + 1], asked[DEPTH]; /* nodes passed, and the element that each but the last asks for */
    size_t n;                             /* nodes; less than DEPTH + 1: then it went outside */
} path;

/* NAN goes outside as well. */
static void descend(uint64_t seed, size_t tree, const float *x, size_t m, path *p)
{
    double low[DEPTH], high[DEPTH];
    size_t at = 1;
    p->n = 0;
    for (size_t depth = 0; depth < DEPTH; depth++) {
        const uint64_t r = an_mix64(seed ^ an_mix64(tree * NODES + at));
        const size_t element = (size_t)((r >> 32) * m >> 32);
        double from = -REACH, to = REACH;
        p->node[p->n++] = at;
        p->asked[depth] = element;
        for (size_t i = 0; i < depth; i++) {
            if (p->asked[i] != element)
                continue;
            from = low[i];
            to = high[i];
        }
        const double v = (double)x[element], cut = from + (to - from) * (double)(uint32_t)r / 4294967296.0;
        if (!(fabs(v) <= REACH))
            return;
        at = 2 * at + (v > cut);
        low[depth] = v > cut ? cut : from;
        high[depth] = v > cut ? to : cut;
    }
    p->node[p->n++] = at;
}

static uint64_t seed_of(const an_detector *d)
{
    return (uint64_t)d->state[0];
}

/* Adds the windows to counts (TREES, NODES). */
static void count(const an_detector *d, const float *x, size_t n, double *counts)
{
    const size_t m = (size_t)d->window * d->features;
    for (size_t t = 0; t < TREES; t++, counts += NODES)
        for (size_t i = 0; i < n; i++) {
            path p;
            descend(seed_of(d), t, x + i * m, m, &p);
            for (size_t k = 0; k < p.n; k++)
                counts[p.node[k]]++;
            counts[0] += p.n <= DEPTH;
        }
}

static an_err fit(an_detector *d, const float *x, const float *y, size_t n, an_note *why)
{
    (void)y;
    (void)why;
    memset(d->state + 1, 0, (d->n_state - 1) * sizeof *d->state);
    count(d, x, n, d->state + 1);
    return AN_OK;
}

static size_t n_sums(uint32_t window, uint32_t features)
{
    return n_state(window, features) - 1;
}

static an_err add(const an_detector *d, const float *x, const float *y, size_t n, double *sums)
{
    (void)y;
    count(d, x, n, sums);
    return AN_OK;
}

static an_err from_sums(an_detector *d, uint64_t n, const double *sums, an_note *why)
{
    if (n == 0 || sums[1] > (double)n)
        return an_fail(AN_ERR_INVAL, why, "%g windows in a tree of %llu", sums[1], (unsigned long long)n);
    memcpy(d->state + 1, sums, (d->n_state - 1) * sizeof *sums);
    return AN_OK;
}

static float score(const an_detector *d, const float *x, const float *y, float *contributions,
                   double *scratch)
{
    const size_t m = (size_t)d->window * d->features;
    const double *counts = d->state + 1;
    double bits = 0;
    (void)y;
    (void)scratch;
    for (size_t f = 0; contributions && f < d->features; f++)
        contributions[f] = 0;
    for (size_t t = 0; t < TREES; t++, counts += NODES) {
        path p;
        descend(seed_of(d), t, x, m, &p);
        const bool outside = p.n <= DEPTH;
        const double last = outside ? counts[0] : counts[p.node[p.n - 1]];
        bits += log2((counts[1] + 1) / (last + 1));
        for (size_t k = 0; contributions && k + !outside < p.n; k++) {
            const double next = k + 1 < p.n ? counts[p.node[k + 1]] : counts[0];
            const double part = log2((counts[p.node[k]] + 1) / (next + 1)) / TREES;
            contributions[p.asked[k] % d->features] += part > 0 ? (float)part : 0;
        }
    }
    for (size_t j = 0; j < m; j++)
        if (isnan(x[j]))
            return NAN;
    return bits > 0 ? (float)(bits / TREES) : 0;
}

static bool check(const an_detector *d)
{
    if (!(d->state[0] >= 0) || d->state[0] > 0x1p53)
        return false;
    for (size_t i = 1; i < d->n_state; i++)
        if (!(d->state[i] >= 0))
            return false;
    return true;
}

static void blank(an_detector *d, uint64_t seed)
{
    d->state[0] = (double)(seed & ((UINT64_C(1) << 53) - 1));
}

const an_detector_type an_detector_halfspace = {
    .name = "halfspace",
    .meaning = "bits of surprise at the cell of a random partition that a window falls into",
    .needs_model = false,
    .n_state = n_state,
    .n_scratch = n_scratch,
    .fit = fit,
    .score = score,
    .check = check,
    .n_sums = n_sums,
    .add = add,
    .from_sums = from_sums,
    .blank = blank,
};
