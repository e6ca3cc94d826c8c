/* judge.h - scores of series under a version and an overlay, and what they are worth.
 *
 *     err = an_lab_judge(&bundle, &overlay, series, width, scores, &why);
 *     err = an_lab_figures_of(scores, labels, n, &figures);
 *
 * Scores are in units of the threshold: above 1 is an alarm.  So scores of different sites can
 * be looked at together.  Every row of the test is judged: rows before the first whole window
 * have its score, rows between two windows that of the window before; those of a
 * regime that is not scored have 0.
 *
 * Threads: pure functions. */
#ifndef AN_COORDINATOR_LAB_JUDGE_H
#define AN_COORDINATOR_LAB_JUDGE_H

#include "base/err.h"
#include "coordinator/lab/dataset.h"
#include "doors/json.h"
#include "models/bundle.h"
#include "models/overlay.h"

/* Every figure that a task may have: its name in JSON, and whether less of it is better.  Rates are
 * fractions; NAN: not defined.  delay: rows from the begin of a fault to its first alarm; detected: share of the runs of
 * faults with an alarm. */
#define AN_LAB_FIGURES(X)                                                                                    \
    X(auroc, false)                                                                                          \
    X(best_f1, false)                                                                                        \
    X(f1, false)                                                                                             \
    X(far, true)                                                                                             \
    X(mar, true)                                                                                             \
    X(delay, true)                                                                                           \
    X(detected, false)                                                                                       \
    X(accuracy, false)                                                                                       \
    X(macro_f1, false)                                                                                       \
    X(dice, false)                                                                                           \
    X(iou, false)                                                                                            \
    X(map50, false)                                                                                          \
    X(map50_95, false)                                                                                       \
    X(pixel_auroc, false)                                                                                    \
    X(aupro, false)                                                                                          \
    X(rmse, true)                                                                                            \
    X(mae, true)                                                                                             \
    X(r2, false)

typedef enum an_lab_figure {
#define AN_LAB_FIGURE_ROW(name, less) AN_LAB_##name,
    AN_LAB_FIGURES(AN_LAB_FIGURE_ROW)
#undef AN_LAB_FIGURE_ROW
        AN_LAB_FIGURES_N
} an_lab_figure;

typedef struct an_lab_figures {
#define AN_LAB_FIGURE_ROW(name, less) double name;
    AN_LAB_FIGURES(AN_LAB_FIGURE_ROW)
#undef AN_LAB_FIGURE_ROW
} an_lab_figures;

an_lab_figures an_lab_figures_none(void); /* all NAN */
double *an_lab_figure_at(an_lab_figures *f, an_lab_figure which);
const char *an_lab_figure_name(an_lab_figure which);
bool an_lab_figure_less(an_lab_figure which); /* is better */
/* AN_LAB_FIGURES_N: there is none of that name. */
an_lab_figure an_lab_figure_find(const char *name);

/* Also any rows: score (n), and contributions (n, width) or NULL. */
an_err an_lab_judge_rows(const an_bundle *b, const an_overlay *o, const float *before, size_t n_before,
                         const float *rows, size_t n, size_t width, float *ret, float *contributions,
                         an_note *why);
/* ret: (series->n_test). */
an_err an_lab_judge(const an_bundle *b, const an_overlay *o, const an_lab_series *series, size_t width,
                    float *ret, an_note *why);

/* No point adjustment.  Errors: NUMERIC, NOMEM. */
an_err an_lab_figures_of(const float *scores, const uint8_t *labels, size_t n, an_lab_figures *ret);

/* Means that leave out what is not defined. */
typedef struct an_lab_mean {
    an_lab_figures sum;
    an_lab_figures squares;
    double n[AN_LAB_FIGURES_N];
} an_lab_mean;
void an_lab_mean_add(an_lab_mean *m, const an_lab_figures *f);
an_lab_figures an_lab_mean_get(const an_lab_mean *m);
/* The sample's standard deviation; NAN of fewer than two. */
an_lab_figures an_lab_mean_spread(const an_lab_mean *m);

/* which ends with AN_LAB_FIGURES_N; NULL: those of a detector. */
void an_lab_figures_json(an_json *object, const an_lab_figures *f, const an_lab_figure *which);

#endif
