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

typedef struct an_lab_figures {
    double auroc, best_f1, f1, far, mar; /* fractions; NAN: not defined */
    double delay;                        /* rows from the begin of a fault to its first alarm */
    double detected;                     /* share of the runs of faults with an alarm */
} an_lab_figures;

/* Also any rows: score (n), and contributions (n, width) or NULL. */
an_err an_lab_judge_rows(const an_bundle *b, const an_overlay *o, const float *before, size_t n_before,
                         const float *rows, size_t n, size_t width, float *ret, float *contributions,
                         an_note *why);
/* ret: (series->n_test). */
an_err an_lab_judge(const an_bundle *b, const an_overlay *o, const an_lab_series *series, size_t width,
                    float *ret, an_note *why);

/* No point adjustment.  Errors: NUMERIC, NOMEM. */
an_err an_lab_figures_of(const float *scores, const uint8_t *labels, size_t n, an_lab_figures *ret);
void an_lab_figures_always(const uint8_t *labels, size_t n, an_lab_figures *ret); /* an alarm at every row */

/* Means that leave out what is not defined. */
typedef struct an_lab_mean {
    an_lab_figures sum;
    double n[7];
} an_lab_mean;
void an_lab_mean_add(an_lab_mean *m, const an_lab_figures *f);
an_lab_figures an_lab_mean_get(const an_lab_mean *m);

void an_lab_figures_json(an_json *object, const an_lab_figures *f);

#endif
