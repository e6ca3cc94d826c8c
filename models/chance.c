#include "models/chance.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "models/tail.h"

#define TAIL_SHARE 0.1     /* of the scores, the highest ones */
#define EXCESSES_MOST 1000 /* bounds the time of the fit */
#define LN_LEAST (-27.6)   /* 1e-12: normal scores that can be had say nothing of what is rarer */

struct an_chance {
    size_t n;
    double *sorted; /* (n) ascending */
    double level;   /* above it lies the tail */
    double ln_above;
    an_tail tail; /* sigma 0: there is none */
};

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t count_below(const an_chance *c, double score)
{
    size_t from = 0, to = c->n;
    while (from < to) {
        const size_t mid = from + (to - from) / 2;
        if (c->sorted[mid] < score)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static void fit_tail(an_chance *c)
{
    double excesses[EXCESSES_MOST], mean = 0;
    size_t n = (size_t)(TAIL_SHARE * (double)c->n);
    n = n < EXCESSES_MOST ? n : EXCESSES_MOST;
    c->level = c->sorted[c->n - n - 1];
    size_t kept = 0;
    for (size_t i = c->n - n; i < c->n; i++)
        if (c->sorted[i] > c->level)
            excesses[kept++] = c->sorted[i] - c->level;
    if (kept < AN_TAIL_LEAST)
        return;
    for (size_t i = 0; i < kept; i++)
        mean += excesses[i] / (double)kept;
    c->tail = an_tail_fit(excesses, kept);
    if (c->tail.gamma < 0) /* a tail that ends would call what lies beyond it impossible */
        c->tail = (an_tail){0, mean};
    c->ln_above = log((double)kept / (double)c->n);
}

an_err an_chance_new(const double *scores, size_t n, an_chance **ret, an_note *why)
{
    an_chance *c = an_alloc(1, sizeof *c);
    if (!c || !(c->sorted = an_alloc(n, sizeof *c->sorted))) {
        an_chance_free(c);
        return AN_ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++)
        if (isfinite(scores[i]))
            c->sorted[c->n++] = scores[i];
    if (c->n < AN_CHANCE_LEAST) {
        const an_err err =
            an_fail(AN_ERR_INVAL, why, "how rare a score is needs %d normal ones; there are %zu",
                    AN_CHANCE_LEAST, c->n);
        an_chance_free(c);
        return err;
    }
    qsort(c->sorted, c->n, sizeof *c->sorted, by_value);
    fit_tail(c);
    *ret = c;
    return AN_OK;
}

void an_chance_free(an_chance *c)
{
    if (!c)
        return;
    an_free(c->sorted);
    an_free(c);
}

/* ln of (1 + gamma x / sigma)^(-1 / gamma), of exp(-x / sigma) where gamma is 0. */
static double ln_survival(const an_tail *t, double x)
{
    return t->gamma > 0 ? -log1p(t->gamma * x / t->sigma) / t->gamma : -x / t->sigma;
}

double an_chance_ln(const an_chance *c, double score)
{
    if (!isfinite(score))
        return (double)NAN;
    const size_t below = count_below(c, score);
    double ln = log((double)(c->n - below + 1) / (double)(c->n + 1));
    if (below == c->n && c->tail.sigma > 0)
        ln = fmin(ln, c->ln_above + ln_survival(&c->tail, score - c->level));
    return fmax(ln, LN_LEAST);
}

size_t an_chance_n(const an_chance *c)
{
    return c->n;
}
