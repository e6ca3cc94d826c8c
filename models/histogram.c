/* Reference-quantile bins: with edges at quantiles, each bin holds about the same share of the
 * reference, and PSI and KS have their full resolution where the data is. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "models/histogram.h"

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

an_err an_hist_edges(float *ret_edges, size_t bins, const float *values, size_t n, size_t width,
                     size_t column)
{
    if (bins < 2 || bins > AN_BINS_MAX || column >= width)
        return AN_ERR_INVAL;
    float *sorted = an_alloc(n, sizeof *sorted);
    if (!sorted)
        return AN_ERR_NOMEM;
    size_t seen = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(values[i * width + column]))
            sorted[seen++] = values[i * width + column];
    qsort(sorted, seen, sizeof *sorted, by_value);
    for (size_t b = 1; b < bins; b++)
        ret_edges[b - 1] = seen > 0 ? sorted[b * seen / bins] : 0.0f;
    an_free(sorted);
    return AN_OK;
}

size_t an_hist_bin(const float *edges, size_t n_edges, float x)
{
    if (isnan(x))
        return SIZE_MAX;
    size_t lo = 0, hi = n_edges; /* the number of edges <= x */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (edges[mid] <= x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void an_hist_count(uint64_t *counts, const float *edges, size_t n_edges, const float *values, size_t n,
                   size_t width, size_t column)
{
    for (size_t i = 0; i < n; i++) {
        size_t bin = an_hist_bin(edges, n_edges, values[i * width + column]);
        if (bin != SIZE_MAX)
            counts[bin]++;
    }
}
