/* plots.h - the pictures of andon-lab, one file each, as SVG.
 *
 *     err = an_lab_plot_roc("roc.svg", "pump.andon, fault.csv", &curve, &rates, &why);
 *
 * The second argument is the line below the title: what was looked at.
 *
 * Errors of all: NOMEM, LIMIT, IO.
 *
 * Threads: pure functions but for the file. */
#ifndef AN_COORDINATOR_LAB_PLOTS_H
#define AN_COORDINATOR_LAB_PLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "models/metrics.h"
#include "models/metrics_curve.h"
#include "models/metrics_fit.h"
#include "models/train.h"

/* The losses of n epochs; validation: they have one, and kept is the epoch whose parameters are given
 * back.  loss: the name of the loss. */
an_err an_lab_plot_loss(const char *path, const char *about, const char *loss, const an_train_epoch *epochs,
                        size_t n, bool validation, size_t kept, an_note *why);

/* How often which score occurs, of normal and of anomalous rows if there are labels (NULL: none). */
an_err an_lab_plot_scores(const char *path, const char *about, const float *scores, const uint8_t *labels,
                          size_t n, double threshold, an_note *why);

/* counts (k, k): rows of class i taken for class j at [i * k + j]; names (k) each; k up to
 * AN_LAB_PLOT_CLASSES. */
#define AN_LAB_PLOT_CLASSES 64u
an_err an_lab_plot_confusion(const char *path, const char *about, const uint64_t *counts, size_t k,
                             const char *const *truths, const char *const *guesses, an_note *why);
/* As above; classes without a name (names (n)) are called by their numbers. */
an_err an_lab_plot_classes(const char *path, const char *about, const an_classes *c, const char *const *names,
                           size_t n, an_note *why);

/* at: the rates at the threshold, which is marked. */
an_err an_lab_plot_roc(const char *path, const char *about, const an_curve *c, const an_rates *at,
                       an_note *why);
/* anomalous: share of all rows, which is what chance reaches. */
an_err an_lab_plot_pr(const char *path, const char *about, const an_curve *c, const an_rates *at,
                      double anomalous, an_note *why);

/* The scores of one series in time, what is above the threshold, and what is labelled.  times_ms (n)
 * NULL, or one that is AN_TIME_NONE: by the number of the row. */
an_err an_lab_plot_trace(const char *path, const char *about, const int64_t *times_ms, const float *scores,
                         const uint8_t *labels, size_t n, double threshold, an_note *why);

/* What was said against what is so. */
an_err an_lab_plot_fit(const char *path, const char *about, const char *label, const float *truth,
                       const float *guess, size_t n, const an_fit *fit, an_note *why);

#endif
