/* figures.h - the rows of figures.def: what an evaluation comes to, with the way that is better.
 *
 *     double value;
 *     for (size_t i = 0; i < an_figures_n; i++)
 *         if (an_figure_of(i, &evaluation.candidate, &value)) ... an_figures[i].key
 *
 * Threads: pure. */
#ifndef AN_COORDINATOR_FIGURES_H
#define AN_COORDINATOR_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

#include "sum/payload.h"

typedef enum an_better { AN_BETTER_LOWER, AN_BETTER_HIGHER } an_better;

typedef struct an_figure {
    const char *key;
    an_better better;
    const char *meaning;
} an_figure;

extern const an_figure an_figures[];
extern const size_t an_figures_n;

bool an_figure_of(size_t i, const an_evaluation *e, double *ret); /* false: nothing was counted for it */
const char *an_better_name(an_better better);                     /* "lower" */
/* 1: a is better, -1: b is, 0: neither. */
int an_figure_compare(const an_figure *f, double a, double b);

#endif
