#include "models/fuse.h"

#include <math.h>
#include <string.h>

/* Of x = -2 sum ln p, with h = x / 2: P(chi2_2n > x) = exp(-h) sum_{i<n} h^i / i!. */
static double fisher(const double *ln_p, size_t n)
{
    double h = 0, term = 1, sum = 1;
    for (size_t i = 0; i < n; i++)
        h -= ln_p[i];
    for (size_t i = 1; i < n; i++) {
        term *= h / (double)i;
        sum += term;
    }
    return fmin(log(sum) - h, 0);
}

static double mean(const double *ln_p, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ln_p[i];
    return n > 1 ? fmin(sum / (double)n + 1, 0) : sum;
}

static double max(const double *ln_p, size_t n)
{
    double least = 0;
    for (size_t i = 0; i < n; i++)
        least = fmin(least, ln_p[i]);
    return fmin(least + log((double)n), 0);
}

static const an_fuse rows[] = {{"fisher", fisher}, {"mean", mean}, {"max", max}};

const an_fuse *an_fuse_at(size_t i)
{
    return i < sizeof rows / sizeof *rows ? &rows[i] : NULL;
}

const an_fuse *an_fuse_find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}
