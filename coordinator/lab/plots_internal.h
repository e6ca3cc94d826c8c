/* plots_internal.h - what several pictures share. */
#ifndef AN_COORDINATOR_LAB_PLOTS_INTERNAL_H
#define AN_COORDINATOR_LAB_PLOTS_INTERNAL_H

#include "models/svg.h"

/* An axis over n values and the threshold; with a logarithm where few values are far larger than the
 * rest. */
an_svg_axis an_plot_axis(const char *label, const double *v, size_t n, double threshold);

#endif
