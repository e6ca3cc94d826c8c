/* The two passes over blocks that all rules share, and what several rows need. */
#include "coordinator/rule_internal.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define AN_RULE(name) extern const an_rule an_rule_##name;
#include "coordinator/rules.def"
#undef AN_RULE

static const an_rule *const rules[] = {
#define AN_RULE(name) &an_rule_##name,
#include "coordinator/rules.def"
#undef AN_RULE
};

const an_rule *an_rule_at(size_t i)
{
    return i < sizeof rules / sizeof *rules ? rules[i] : NULL;
}

const an_rule *an_rule_find(const char *name)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i]->name, name) == 0)
            return rules[i];
    return NULL;
}

const char *an_rule_fate_text(an_rule_fate fate)
{
    switch (fate) {
    case AN_RULE_KEPT:
        return "is in the result";
    case AN_RULE_CUT:
        return "was cut to the bound on its norm";
    case AN_RULE_NOT_TAKEN:
        return "is too far from the others";
    case AN_RULE_NOT_FINITE:
        return "is not finite";
    }
    return "is unknown";
}

#define BLOCK_BYTES (UINT32_C(8) << 20)

size_t an_rule_width(size_t n)
{
    size_t width = BLOCK_BYTES / sizeof(double) / (n > 0 ? n : 1);
    return width > 64 ? width / 64 * 64 : 64;
}

an_err an_rule_new(const an_rule *rule, const an_rule_opts *opts, const double *weights, size_t n,
                   an_rule_round **ret, an_note *why)
{
    if (n < 1 || n > AN_COHORT_MAX)
        return an_fail(AN_ERR_INVAL, why, "a rule is over 1 to %d sites, not %zu", AN_COHORT_MAX, n);
    if (!(opts->hostile >= 0 && opts->hostile < 0.5) || !(opts->norm_bound >= 0) ||
        !isfinite(opts->norm_bound))
        return an_fail(AN_ERR_INVAL, why,
                       "the share of hostile sites is 0 to below 0.5, a bound of norms not "
                       "negative");
    if (opts->mixing && !rule->mixes)
        return an_fail(AN_ERR_INVAL, why, "%s has no mixing before it", rule->name);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(weights[i]) || !(weights[i] > 0))
            return an_fail(AN_ERR_INVAL, why, "the weight of site %zu is not a positive number", i);
    an_rule_round *r = an_alloc(1, sizeof *r);
    if (!r)
        return AN_ERR_NOMEM;
    r->rule = rule;
    r->opts = *opts;
    r->n = n;
    r->weights = an_alloc(n, sizeof *r->weights);
    r->squares = an_alloc(n, sizeof *r->squares);
    r->share = an_alloc(n, sizeof *r->share);
    r->fate = an_alloc(n, sizeof *r->fate);
    if (rule->distances || opts->mixing)
        r->apart = an_alloc(n, n * sizeof *r->apart);
    if (opts->mixing)
        r->near = an_alloc(n, n * sizeof *r->near);
    if (opts->mixing && rule->distances)
        r->mixed = an_alloc(n, n * sizeof *r->mixed);
    if (!r->weights || !r->squares || !r->share || !r->fate ||
        (!r->apart && (rule->distances || opts->mixing)) || (!r->near && opts->mixing) ||
        (!r->mixed && opts->mixing && rule->distances)) {
        an_rule_free(r);
        return AN_ERR_NOMEM;
    }
    memcpy(r->weights, weights, n * sizeof *weights);
    *ret = r;
    return AN_OK;
}

void an_rule_free(an_rule_round *r)
{
    if (!r)
        return;
    an_free(r->weights);
    an_free(r->squares);
    an_free(r->apart);
    an_free(r->near);
    an_free(r->mixed);
    an_free(r->share);
    an_free(r->fate);
    an_free(r);
}

/* ---- first pass ---- */

/* Several sums side by side, so that wide registers are used; their number is fixed, so bits are, too. */
#define LANES 8

static double square_distance(const double *a, const double *b, size_t n)
{
    double lane[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lane[k] += (a[i + k] - b[i + k]) * (a[i + k] - b[i + k]);
    for (size_t k = 0; k < LANES; k++)
        sum += lane[k];
    for (; i < n; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

typedef struct look_job {
    an_rule_round *r;
    const double *block;
    size_t width;
} look_job;

/* One site: its own values, and its distances to those after it. */
static void look_at(void *ctx, size_t i, size_t worker)
{
    const look_job *job = ctx;
    an_rule_round *r = job->r;
    const double *x = job->block + i * job->width;
    (void)worker;
    double squares = 0;
    bool finite = true;
    for (size_t c = 0; c < job->width; c++) {
        squares += x[c] * x[c];
        finite = finite && isfinite(x[c]);
    }
    r->squares[i] += squares;
    if (!finite)
        r->fate[i] = AN_RULE_NOT_FINITE;
    for (size_t j = i + 1; r->apart && j < r->n; j++)
        r->apart[i * r->n + j] += square_distance(x, job->block + j * job->width, job->width);
}

void an_rule_look(an_rule_round *r, const double *block, size_t width, an_workers *workers)
{
    look_job job = {.r = r, .block = block, .width = width};
    an_workers_run(workers, r->n, look_at, &job);
}

/* ---- between ---- */

an_err an_rule_decide(an_rule_round *r, an_note *why)
{
    /* A little less than whole, so that 0.2 of 10 are 2 however 0.2 is rounded. */
    size_t hostile = (size_t)ceil(r->opts.hostile * (double)r->n - 1e-9), lost = 0;
    double all = 0;
    for (size_t i = 0; i < r->n; i++) {
        bool finite = r->fate[i] != AN_RULE_NOT_FINITE;
        lost += !finite;
        r->share[i] = !finite ? 0 : r->rule->weighted ? r->weights[i] : 1;
        all += r->share[i];
    }
    r->n_finite = r->n - lost;
    r->hostile = hostile > lost ? hostile - lost : 0; /* those that are named need not be feared */
    if (r->n_finite < r->rule->least(r->hostile))
        return an_fail(AN_ERR_REFUSED, why,
                       "%s needs %zu finite vectors if %zu of them may be hostile, and there are %zu",
                       r->rule->name, r->rule->least(r->hostile), r->hostile, r->n_finite);
    for (size_t i = 0; i < r->n; i++)
        r->share[i] /= all;
    for (size_t i = 0; r->apart && i < r->n; i++)
        for (size_t j = 0; j < i; j++)
            r->apart[i * r->n + j] = r->apart[j * r->n + i];
    if (r->near)
        an_rule_mix(r);
    if (r->rule->decide)
        r->rule->decide(r);
    if (r->near && r->rule->combine == an_rule_sum)
        an_rule_mix_shares(r);
    return AN_OK;
}

an_rule_fate an_rule_fate_of(const an_rule_round *r, size_t site)
{
    return r->fate[site];
}

double an_rule_norm_of(const an_rule_round *r, size_t site)
{
    return sqrt(r->squares[site]);
}

/* ---- second pass ---- */

#define JOB_COLUMNS 256

typedef struct combine_job {
    const an_rule_round *r;
    double *ret;
    const double *block;
    size_t width;
} combine_job;

static void combine_columns(void *ctx, size_t number, size_t worker)
{
    const combine_job *job = ctx;
    size_t from = number * JOB_COLUMNS, left = job->width - from;
    (void)worker;
    job->r->rule->combine(job->r, job->ret, job->block, job->width, from,
                          from + (left < JOB_COLUMNS ? left : JOB_COLUMNS));
}

void an_rule_combine(const an_rule_round *r, double *ret, const double *block, size_t width,
                     an_workers *workers)
{
    combine_job job = {.r = r, .ret = ret, .block = block, .width = width};
    an_workers_run(workers, (width + JOB_COLUMNS - 1) / JOB_COLUMNS, combine_columns, &job);
}

/* ---- for the rows ---- */

/* Shell's sort with Ciura's gaps, which needs no room. */
void an_rule_sort(double *x, size_t n)
{
    static const size_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (size_t i = gaps[g]; i < n; i++) {
            double v = x[i];
            size_t at = i;
            for (; at >= gaps[g] && x[at - gaps[g]] > v; at -= gaps[g])
                x[at] = x[at - gaps[g]];
            x[at] = v;
        }
}

#define SIGN (UINT64_C(1) << 63)

/* A double's bits as a number that orders as it does, -0 below 0, and back. */
static uint64_t key_of(uint64_t bits)
{
    return bits & SIGN ? ~bits : bits | SIGN;
}

static uint64_t bits_of(uint64_t key)
{
    return key & SIGN ? key ^ SIGN : ~key;
}

/* The lesser of each pair to low.  Without a branch: which is the lesser nobody can foresee. */
static void exchange(an_rule_cell *restrict low, an_rule_cell *restrict high)
{
    for (size_t c = 0; c < AN_RULE_LANES; c++) {
        uint64_t a = low[c].key, b = high[c].key, turn = (a ^ b) & (0 - (uint64_t)(b < a));
        low[c].key = a ^ turn;
        high[c].key = b ^ turn;
    }
}

/* Batcher's odd-even merge exchange for any n (Knuth, TAOCP 3, 5.2.2, algorithm M): which rows are compared
 * does not depend on what is in them, so several columns are sorted at once. */
static void sort_rows(an_rule_tile x, size_t n)
{
    size_t top = 1;
    while (2 * top < n)
        top *= 2;
    for (size_t p = top; n > 1 && p > 0; p /= 2) {
        size_t rest = 0, apart = p;
        for (size_t q = top; apart > 0; q /= 2) {
            for (size_t i = 0; i + apart < n; i++)
                if ((i & p) == rest)
                    exchange(x[i], x[i + apart]);
            apart = q - p;
            rest = p;
        }
    }
}

/* One site's values as they came, or the mean of its neighbours'. */
static void site_columns(const an_rule_round *r, size_t i, const double *block, size_t width, size_t count,
                         double ret[static AN_RULE_LANES])
{
    const uint16_t self = (uint16_t)i, *near = r->near ? r->near + i * r->n_near : &self;
    const size_t n = r->near ? r->n_near : 1;
    for (size_t k = 0; k < n; k++) {
        const double *x = block + near[k] * width;
        for (size_t c = 0; c < count; c++)
            ret[c] += x[c];
    }
    for (size_t c = 0; c < count && n > 1; c++)
        ret[c] /= (double)n;
}

size_t an_rule_columns(const an_rule_round *r, const double *block, size_t width, size_t column, size_t count,
                       an_rule_tile ret)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (r->fate[i] == AN_RULE_NOT_FINITE)
            continue;
        double x[AN_RULE_LANES] = {0};
        site_columns(r, i, block + column, width, count, x);
        for (size_t c = 0; c < AN_RULE_LANES; c++)
            ret[n][c].v = x[c];
        n++;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < AN_RULE_LANES; c++)
            ret[i][c].key = key_of(ret[i][c].key);
    sort_rows(ret, n);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < AN_RULE_LANES; c++)
            ret[i][c].key = bits_of(ret[i][c].key);
    return n;
}

void an_rule_sum(const an_rule_round *r, double *ret, const double *block, size_t width, size_t from,
                 size_t to)
{
    memset(ret + from, 0, (to - from) * sizeof *ret);
    for (size_t i = 0; i < r->n; i++) {
        if (!(r->share[i] > 0)) /* not 0 times what may be infinite */
            continue;
        for (size_t c = from; c < to; c++)
            ret[c] += r->share[i] * block[i * width + c];
    }
}

size_t an_rule_least_one(size_t f)
{
    (void)f;
    return 1;
}

size_t an_rule_least_majority(size_t f)
{
    return 2 * f + 1;
}
