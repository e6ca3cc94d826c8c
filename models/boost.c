/* Trees lie in one array, each as a heap: the children of node i are 2i + 1 and 2i + 2.
 *
 *     sums   [open node of the level][feature][bin, the last for missing][gradient, second derivative]
 *     leaf   -rate G / (H + ridge)
 *     gain   GL^2 / (HL + ridge) + GR^2 / (HR + ridge) - G^2 / (H + ridge) */
#include "models/boost.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/histogram.h"

#define GAIN_LEAST 1e-9

typedef struct node {
    double value; /* as a leaf */
    float edge;   /* below it: left */
    uint32_t feature;
    bool split, open, missing_left;
} node;

struct an_boost {
    an_boost_conf conf;
    float *edges; /* (width, bins - 1) */
    node *nodes;  /* (trees, per_tree) */
    size_t per_tree;
    double start;
    bool started;
    uint32_t tree, level; /* that are open */
};

typedef struct pair {
    double g, h;
} pair;

typedef struct best {
    double gain;
    pair left, right;
    uint32_t feature, bin;
    bool missing_left;
} best;

static an_err check(const an_boost_conf *c, const float *edges, an_note *why)
{
    if (c->width == 0 || c->bins < 2 || c->bins > AN_BINS_MAX || c->depth == 0 ||
        c->depth > AN_BOOST_DEPTH_MAX || c->trees == 0 || c->trees > AN_BOOST_TREES_MAX)
        return an_fail(AN_ERR_INVAL, why,
                       "boosting needs features, 2..%d bins, a depth of 1..%u and 1..%u trees", AN_BINS_MAX,
                       AN_BOOST_DEPTH_MAX, AN_BOOST_TREES_MAX);
    if (!(c->rate > 0.0 && c->rate <= 1.0) || !(c->ridge > 0.0 && isfinite(c->ridge)) ||
        !(c->least >= 0.0 && isfinite(c->least)))
        return an_fail(AN_ERR_INVAL, why,
                       "boosting needs a rate in (0, 1], a ridge above 0 and a least leaf from 0 on");
    const size_t a_feature = ((size_t)2 << (c->depth - 1)) * (c->bins + 1);
    if (c->width > AN_BOOST_SUMS_MAX / a_feature)
        return an_fail(AN_ERR_LIMIT, why, "%u features make more than %zu sums a round", c->width,
                       AN_BOOST_SUMS_MAX);
    for (size_t j = 0; j < c->width; j++)
        for (size_t k = 0; k < c->bins - 1; k++) {
            const float *e = edges + j * (c->bins - 1);
            if (!isfinite(e[k]) || (k > 0 && e[k] < e[k - 1]))
                return an_fail(AN_ERR_INVAL, why, "the bins of feature %zu do not ascend", j);
        }
    return AN_OK;
}

an_err an_boost_new(const an_boost_conf *conf, const float *edges, an_boost **ret, an_note *why)
{
    an_err err = check(conf, edges, why);
    if (err != AN_OK)
        return err;
    const size_t n_edges = (size_t)conf->width * (conf->bins - 1);
    an_boost *b = an_alloc(1, sizeof *b);
    if (!b)
        return AN_ERR_NOMEM;
    b->conf = *conf;
    b->per_tree = ((size_t)2 << conf->depth) - 1;
    b->edges = an_alloc(n_edges, sizeof *b->edges);
    b->nodes = an_alloc(b->per_tree * conf->trees, sizeof *b->nodes);
    if (!b->edges || !b->nodes) {
        an_boost_free(b);
        return AN_ERR_NOMEM;
    }
    memcpy(b->edges, edges, n_edges * sizeof *edges);
    for (size_t t = 0; t < conf->trees; t++)
        b->nodes[t * b->per_tree].open = true;
    *ret = b;
    return AN_OK;
}

void an_boost_free(an_boost *b)
{
    if (!b)
        return;
    an_free(b->edges);
    an_free(b->nodes);
    an_free(b);
}

size_t an_boost_n_sums(const an_boost *b)
{
    if (!b->started)
        return 2;
    if (b->tree == b->conf.trees)
        return 0;
    return ((size_t)2 << b->level) * b->conf.width * (b->conf.bins + 1);
}

/* Where the row ends in a tree as far as it is grown. */
static size_t walk(const node *tree, const float *x)
{
    size_t i = 0;
    while (tree[i].split) {
        const float v = x[tree[i].feature];
        const bool left = isnan(v) ? tree[i].missing_left : v < tree[i].edge;
        i = 2 * i + (left ? 1 : 2);
    }
    return i;
}

/* By whole trees alone. */
static double raw(const an_boost *b, const float *x)
{
    double sum = b->start;
    for (size_t t = 0; t < b->tree; t++) {
        const node *tree = b->nodes + t * b->per_tree;
        sum += tree[walk(tree, x)].value;
    }
    return sum;
}

static double logistic(double f)
{
    return 1.0 / (1.0 + exp(-f));
}

double an_boost_predict(const an_boost *b, const float *x)
{
    const double f = raw(b, x);
    return b->conf.yes_no ? logistic(f) : f;
}

static double grained(double x)
{
    return round(fmax(fmin(x, AN_BOOST_SLOPE_MAX), -AN_BOOST_SLOPE_MAX) / AN_BOOST_GRAIN) * AN_BOOST_GRAIN;
}

static pair slopes(const an_boost *b, const float *x, float y)
{
    const double f = raw(b, x);
    if (!b->conf.yes_no)
        return (pair){grained(f - (double)y), 1.0};
    const double p = logistic(f);
    return (pair){grained(p - (double)y), grained(p * (1.0 - p))};
}

an_err an_boost_add(const an_boost *b, const float *x, const float *y, size_t n, double *sums, an_note *why)
{
    const size_t width = b->conf.width, bins = b->conf.bins, first = ((size_t)1 << b->level) - 1;
    if (an_boost_n_sums(b) == 0)
        return AN_OK;
    for (size_t i = 0; i < n; i++, x += width) {
        if (!isfinite(y[i]) || (b->conf.yes_no && !(y[i] >= 0.0f && y[i] <= 1.0f)))
            return an_fail(AN_ERR_NUMERIC, why, "the target of row %zu is none", i);
        const pair p = slopes(b, x, y[i]);
        if (!b->started) {
            sums[0] += p.g;
            sums[1] += p.h;
            continue;
        }
        const node *tree = b->nodes + b->tree * b->per_tree;
        const size_t at = walk(tree, x);
        if (!tree[at].open)
            continue;
        for (size_t j = 0; j < width; j++) {
            const size_t bin = an_hist_bin(b->edges + j * (bins - 1), bins - 1, x[j]);
            double *s = sums + 2 * (((at - first) * width + j) * (bins + 1) + (bin < bins ? bin : bins));
            s[0] += p.g;
            s[1] += p.h;
        }
    }
    return AN_OK;
}

static double score(const an_boost *b, pair p)
{
    return p.g * p.g / (p.h + b->conf.ridge);
}

static double leaf(const an_boost *b, pair p)
{
    return -b->conf.rate * p.g / (p.h + b->conf.ridge);
}

static pair plus(pair a, pair b)
{
    return (pair){a.g + b.g, a.h + b.h};
}

static pair at_bin(const double *s, size_t bin)
{
    return (pair){s[2 * bin], s[2 * bin + 1]};
}

static void judge(const an_boost *b, best *ret, best one)
{
    if (one.left.h < b->conf.least || one.right.h < b->conf.least || one.left.h <= 0.0 || one.right.h <= 0.0)
        return;
    one.gain = score(b, one.left) + score(b, one.right) - score(b, plus(one.left, one.right));
    if (one.gain > ret->gain)
        *ret = one;
}

/* s: (bins + 1) pairs of one feature in one node. */
static void judge_feature(const an_boost *b, best *ret, const double *s, uint32_t feature)
{
    const uint32_t bins = b->conf.bins;
    const pair missing = at_bin(s, bins);
    pair left = {0}, right = {0};
    for (uint32_t k = 0; k < bins; k++)
        right = plus(right, at_bin(s, k));
    for (uint32_t k = 0; k < bins; k++) { /* the last: what is known against what is missing */
        const pair here = at_bin(s, k);
        left = plus(left, here);
        right = (pair){right.g - here.g, right.h - here.h};
        best one = {.left = left, .right = plus(right, missing), .feature = feature, .bin = k};
        one.missing_left = missing.h <= 0.0 && left.h >= right.h; /* nobody knows: with the most */
        judge(b, ret, one);
        if (missing.h <= 0.0 || k + 1 == bins)
            continue;
        one = (best){
            .left = plus(left, missing), .right = right, .feature = feature, .bin = k, .missing_left = true};
        judge(b, ret, one);
    }
}

/* s: the sums of the node.  True: it has split. */
static bool grow_node(an_boost *b, node *tree, size_t at, const double *s)
{
    const size_t bins = b->conf.bins, a_feature = 2 * (bins + 1);
    best found = {.gain = GAIN_LEAST};
    node *n = &tree[at];
    n->open = false;
    if (at == 0) {
        pair all = {0};
        for (size_t k = 0; k <= bins; k++)
            all = plus(all, at_bin(s, k));
        n->value = leaf(b, all);
    }
    for (uint32_t j = 0; j < b->conf.width; j++)
        judge_feature(b, &found, s + j * a_feature, j);
    if (!(found.gain > GAIN_LEAST))
        return false;
    n->split = true;
    n->feature = found.feature;
    n->edge = found.bin + 1 < bins ? b->edges[(size_t)found.feature * (bins - 1) + found.bin] : INFINITY;
    n->missing_left = found.missing_left;
    const bool more = b->level + 1 < b->conf.depth;
    tree[2 * at + 1] = (node){.value = leaf(b, found.left), .open = more};
    tree[2 * at + 2] = (node){.value = leaf(b, found.right), .open = more};
    return more;
}

/* Sums of whatever rows: finite, short of what is exact, and no negative second derivatives. */
static bool likely(const double *sums, size_t n)
{
    for (size_t i = 0; i < n; i += 2)
        if (!(fabs(sums[i]) < 0x1p33) || !(sums[i + 1] >= 0.0 && sums[i + 1] < 0x1p33))
            return false;
    return true;
}

an_err an_boost_grow(an_boost *b, const double *sums, an_note *why)
{
    const size_t n = an_boost_n_sums(b);
    if (n == 0)
        return AN_OK;
    if (!likely(sums, n) || (!b->started && !(sums[1] > 0.0)))
        return an_fail(AN_ERR_NUMERIC, why, "these are the sums of no rows");
    if (!b->started) {
        b->start = -sums[0] / sums[1];
        b->started = true;
        return AN_OK;
    }
    const size_t a_node = 2 * (size_t)b->conf.width * (b->conf.bins + 1), slots = (size_t)1 << b->level;
    node *tree = b->nodes + b->tree * b->per_tree;
    bool more = false;
    for (size_t i = 0; i < slots; i++)
        if (tree[slots - 1 + i].open && grow_node(b, tree, slots - 1 + i, sums + i * a_node))
            more = true;
    b->level++;
    if (!more) {
        b->tree++;
        b->level = 0;
    }
    return AN_OK;
}
