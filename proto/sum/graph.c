#include "sum/graph.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "doors/cipher.h"
#include "doors/crypto.h"
#include "sum/shares.h"

#define BITS_MAX 128u
#define NEVER (-1e9) /* log2 of zero */
/* log2 differs in its last bits between machines; a site forgives the coordinator that much. */
#define SLACK 1e-6

/* log2 of 0! .. AN_COHORT_MAX! */
typedef struct logs {
    double factorial[AN_COHORT_MAX + 1];
} logs;

static void logs_init(logs *l)
{
    l->factorial[0] = 0;
    for (uint32_t i = 1; i <= AN_COHORT_MAX; i++)
        l->factorial[i] = l->factorial[i - 1] + log2(i);
}

static double log_choose(const logs *l, uint32_t n, uint32_t k)
{
    return l->factorial[n] - l->factorial[k] - l->factorial[n - k];
}

static double log_add(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;
    return high <= NEVER ? NEVER : high + log2(1 + exp2(low - high));
}

/* log2 P[X >= x], X marked ones among k drawn of n of which `marked` are marked. */
static double log_tail(const logs *l, uint32_t n, uint32_t marked, uint32_t k, uint32_t x)
{
    uint32_t low = k > n - marked ? k - (n - marked) : 0, high = k < marked ? k : marked;
    double all = log_choose(l, n, k), sum = NEVER;
    if (x <= low)
        return 0;
    for (uint32_t i = x; i <= high; i++)
        sum = log_add(sum, log_choose(l, marked, i) + log_choose(l, n - marked, k - i) - all);
    return sum < 0 ? sum : 0;
}

/* log2 P[X > b], X successes in n trials of probability k/n. */
static double log_tail_binomial(const logs *l, uint32_t n, uint32_t k, uint32_t b)
{
    double yes = log2((double)k / n), no = log2(1 - (double)k / n), sum = NEVER;
    for (uint32_t i = b + 1; i <= n; i++)
        sum = log_add(sum, log_choose(l, n, i) + i * yes + (n - i) * no);
    return sum;
}

static uint32_t colluders_drawn(const logs *l, const an_sum_graph_want *w, uint32_t k, double slack)
{
    uint32_t c = 0, top = k < w->colluders ? k : w->colluders;
    while (c < top &&
           log2(w->n) + log_tail(l, w->n - 1, w->colluders, k, c + 1) > slack - (w->security_bits + 1.0))
        c++;
    return c;
}

static bool is_connected(const logs *l, const an_sum_graph_want *w, uint32_t k, uint32_t t, double slack)
{
    uint32_t honest = w->n - w->colluders;
    double sum = NEVER;
    for (uint32_t s = 1; s <= honest / 2; s++)
        sum = log_add(sum,
                      log_choose(l, honest, s) + s * log_tail(l, w->n - 1, w->colluders + s - 1, k, t - 1));
    return sum <= slack - (w->security_bits + 1.0);
}

static bool is_alive(const logs *l, const an_sum_graph_want *w, uint32_t k, uint32_t t, double slack)
{
    uint32_t n = w->n, d = w->dropouts;
    double survivors = log2(n - d) + log_tail(l, n - 1, d, k, k + 2 - t);
    double lost = d == 0 ? NEVER : log2(d) + log_tail(l, n - 1, d - 1, k, k + 1 - t);
    return log_add(survivors, lost) <= slack - (double)w->correctness_bits;
}

static uint32_t quorum_of(const an_sum_graph_want *w)
{
    return (w->n + w->colluders) / 2 + 1;
}

static uint32_t in_max_of(const logs *l, const an_sum_graph_want *w, uint32_t k)
{
    uint32_t b = k, top = w->n - 1;
    if (k == top)
        return top;
    while (b < top && log2(w->n) + log_tail_binomial(l, top, k, b) > -(double)w->correctness_bits)
        b++;
    return b + w->colluders < top ? b + w->colluders : top;
}

/* What holds for every graph. */
static an_err check_want(const an_sum_graph_want *w, an_note *why)
{
    if (w->n < AN_SUM_GRAPH_SITES_MIN || w->n > AN_COHORT_MAX)
        return an_fail(AN_ERR_INVAL, why, "a secure sum is over %u to %u sites, not %u",
                       AN_SUM_GRAPH_SITES_MIN, AN_COHORT_MAX, w->n);
    if (w->security_bits < 1 || w->security_bits > BITS_MAX || w->correctness_bits < 1 ||
        w->correctness_bits > BITS_MAX)
        return an_fail(AN_ERR_INVAL, why, "bits of security and correctness are 1 to %u", BITS_MAX);
    if (w->colluders < 1)
        return an_fail(AN_ERR_INVAL, why, "at least one site is taken to collude");
    if (w->colluders > w->n - 2)
        return an_fail(AN_ERR_REFUSED, why,
                       "of %u sites %u may collude, which leaves no two others for one to hide the other",
                       w->n, w->colluders);
    if (w->dropouts > w->n || quorum_of(w) > w->n - w->dropouts)
        return an_fail(AN_ERR_REFUSED, why,
                       "of %u sites %u may collude, so %u must sign one list of survivors, but with %u lost "
                       "only %u are left",
                       w->n, w->colluders, quorum_of(w), w->dropouts,
                       w->dropouts > w->n ? 0 : w->n - w->dropouts);
    return AN_OK;
}

static bool holds_sparse(const logs *l, const an_sum_graph_want *w, uint32_t k, uint32_t t, double slack)
{
    /* The cheap bounds first. */
    return 2 * t > k + 1 + colluders_drawn(l, w, k, slack) && is_alive(l, w, k, t, slack) &&
           is_connected(l, w, k, t, slack);
}

static double cost_of(const an_sum_graph_want *w, uint32_t k)
{
    double n = w->n, d = w->dropouts, apart = 1 - k / (n - 1), g = (n - 1) * (1 - apart * apart);
    return n * (g + 1) + (n - d) + d * g * (n - d) / n;
}

/* The least threshold that keeps all bounds with k neighbours; 0: none does.  A larger threshold helps
 * against parts and hurts the living, so the largest that these bear decides. */
static uint32_t threshold_for(const logs *l, const an_sum_graph_want *w, uint32_t k)
{
    uint32_t low = (k + 1 + colluders_drawn(l, w, k, 0)) / 2 + 1, high = k + 1;
    while (high >= low && !is_alive(l, w, k, high, 0))
        high--;
    if (high < low || !is_connected(l, w, k, high, 0))
        return 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_connected(l, w, k, middle, 0))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

an_err an_sum_graph_plan(an_sum_graph *ret, const an_sum_graph_want *want, an_note *why)
{
    logs l;
    uint32_t complete = want->n - 1;
    an_sum_graph g = {.n = want->n};
    an_err err = check_want(want, why);
    if (err != AN_OK)
        return err;
    logs_init(&l);
    g.quorum = quorum_of(want);
    for (uint32_t k = 2; g.k == 0 && k < complete && k < AN_SHARES_MAX; k++) {
        if (complete < AN_SHARES_MAX && cost_of(want, k) > 0.9 * cost_of(want, complete))
            break;
        g.t = threshold_for(&l, want, k);
        g.k = g.t != 0 ? k : 0;
    }
    if (g.k == 0 && complete < AN_SHARES_MAX) {
        g.k = complete;
        g.t = g.quorum;
    }
    if (g.k == 0)
        return an_fail(AN_ERR_REFUSED, why,
                       "no graph of %u sites with at most %u neighbours bears %u colluding and %u lost sites",
                       want->n, AN_SHARES_MAX - 1, want->colluders, want->dropouts);
    g.in_max = in_max_of(&l, want, g.k);
    *ret = g;
    return AN_OK;
}

an_err an_sum_graph_check(an_sum_graph *ret, uint32_t k, uint32_t t, const an_sum_graph_want *want,
                          an_note *why)
{
    logs l;
    bool ok;
    an_err err = check_want(want, why);
    if (err != AN_OK)
        return err;
    if (k < 2 || k >= want->n || k >= AN_SHARES_MAX || t < 2 || t > k + 1)
        return an_fail(AN_ERR_REFUSED, why, "%u neighbours and a threshold of %u are no graph of %u sites", k,
                       t, want->n);
    logs_init(&l);
    if (k == want->n - 1)
        ok = t >= quorum_of(want) && t <= want->n - want->dropouts;
    else
        ok = holds_sparse(&l, want, k, t, SLACK);
    if (!ok)
        return an_fail(AN_ERR_REFUSED, why,
                       "%u neighbours and a threshold of %u do not protect %u sites of which %u may collude "
                       "and %u be lost",
                       k, t, want->n, want->colluders, want->dropouts);
    *ret = (an_sum_graph){
        .n = want->n, .k = k, .t = t, .quorum = quorum_of(want), .in_max = in_max_of(&l, want, k)};
    return AN_OK;
}

an_err an_sum_graph_draw(uint16_t *ret, const an_sum_graph *graph, uint32_t self,
                         const uint8_t seed[static 32])
{
    bool drawn[AN_COHORT_MAX] = {false};
    uint8_t block[AN_STREAM_BLOCK_BYTES];
    uint32_t got = 0, at = AN_STREAM_BLOCK_BYTES, limit = 65536u - 65536u % graph->n;
    uint64_t next = 0;
    an_stream *s = NULL;
    an_err err = an_stream_open(AN_CIPHER_CHACHA20, &s);
    /* By rejection, so that all sets are equally likely; k <= n - 1 of n ends soon, as even the last one
     * is met every n draws. */
    while (err == AN_OK && got < graph->k) {
        if (at == AN_STREAM_BLOCK_BYTES) {
            err = an_stream_bytes(s, seed, next++, block, sizeof block);
            at = 0;
        }
        uint32_t v = block[at] | (uint32_t)block[at + 1] << 8;
        at += 2;
        if (v >= limit || v % graph->n == self || drawn[v % graph->n])
            continue;
        drawn[v % graph->n] = true;
        got++;
    }
    an_stream_close(s);
    an_wipe(block, sizeof block);
    for (uint32_t i = 0, n = 0; err == AN_OK && i < graph->n; i++)
        if (drawn[i])
            ret[n++] = (uint16_t)i;
    return err;
}

/* The parties' numbers of sites, in no order. */
static uint32_t count_parties(uint32_t *ret_sizes, const uint32_t *party, uint32_t n)
{
    uint32_t parties = 0, name[AN_COHORT_MAX];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t p = 0;
        while (p < parties && name[p] != party[i])
            p++;
        if (p == parties) {
            name[parties++] = party[i];
            ret_sizes[p] = 0;
        }
        ret_sizes[p]++;
    }
    return parties;
}

static int larger_first(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x < y) - (x > y);
}

uint32_t an_sum_graph_colluding_parties(uint32_t parties, uint32_t permille)
{
    uint64_t share = permille < 1000 ? permille : 1000;
    uint32_t bad = (uint32_t)((parties * share + 999) / 1000);
    return bad > 0 ? bad : 1;
}

uint32_t an_sum_graph_colluders(const uint32_t *party, uint32_t n, uint32_t colluding)
{
    uint32_t sizes[AN_COHORT_MAX], sites = 0;
    uint32_t parties = count_parties(sizes, party, n);
    qsort(sizes, parties, sizeof sizes[0], larger_first);
    for (uint32_t i = 0; i < colluding && i < parties; i++)
        sites += sizes[i];
    return sites;
}

uint32_t an_sum_graph_dropouts(uint32_t n, uint32_t permille)
{
    return (uint32_t)((uint64_t)n * (permille < 1000 ? permille : 1000) / 1000);
}

uint32_t an_sum_graph_parties(const uint32_t *party, uint32_t n)
{
    uint32_t sizes[AN_COHORT_MAX];
    return count_parties(sizes, party, n);
}
