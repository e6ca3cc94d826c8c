/* histogram.h - counts in fixed bins.  The bins are quantiles of a reference and travel in the
 * bundle, so that the counts of all sites add.
 *
 * n_edges inner edges, ascending (ties allowed), make n_edges + 1 bins: bin i holds
 * edge[i-1] <= x < edge[i]; the first and the last are open.  NAN belongs to no bin.
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_HISTOGRAM_H
#define AN_MODELS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_BINS_MAX 64

/* Edges at the quantiles 1/bins ... (bins-1)/bins of column `column` of (n, width); missing
 * values are left out.  ret_edges: (bins - 1).  No value: all edges 0.  Errors: INVAL, NOMEM.
 */
an_err an_hist_edges(float *ret_edges, size_t bins, const float *values, size_t n, size_t width,
                     size_t column);

/* SIZE_MAX for NAN. */
size_t an_hist_bin(const float *edges, size_t n_edges, float x);

/* Adds to counts (n_edges + 1) the values of one column. */
void an_hist_count(uint64_t *counts, const float *edges, size_t n_edges, const float *values, size_t n,
                   size_t width, size_t column);

#endif
