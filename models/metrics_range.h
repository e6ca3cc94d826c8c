/* metrics_range.h - figures of alarms and scores in time, against labels that come in runs.
 *
 * An event is a run of labels = 1, an alarm run a run of alarms = 1.  Figures that are not defined
 * (no event, no alarm) are NAN.
 *
 *     an_event_figures e = an_events_of(alarms, labels, n);
 *     printf("%zu of %zu events\n", e.n_detected, e.n_events);
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_METRICS_RANGE_H
#define AN_MODELS_METRICS_RANGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Event-wise: an event with an alarm inside is found; an alarm run that touches no event is false. */
typedef struct an_event_figures {
    size_t n_events, n_detected, n_runs, n_false_runs;
    double recall, precision, f1;
} an_event_figures;
an_event_figures an_events_of(const uint8_t *alarms, const uint8_t *labels, size_t n);
/* The shares again, after counts were added up over series. */
void an_events_rates(an_event_figures *e);

/* F1 after point adjustment of the events of which more than k in [0, 1] is alarmed.  k = 0 is the
 * usual point adjustment (Xu et al. 2018), under which random scores look good (Kim et al. 2022): it is
 * for comparison with figures of others and never a result.  k = 1 is the plain F1. */
double an_pa_f1(const uint8_t *alarms, const uint8_t *labels, size_t n, double k);
/* PA%K: the mean of that over k from 0 to 1 (Kim et al. 2022). */
double an_pa_area(const uint8_t *alarms, const uint8_t *labels, size_t n);

/* Affiliation (Huet, Navarro and Rossi 2022), counted in whole rows.  Each event has the zone of the
 * rows that are nearer to it than to another.  Precision: the mean over alarms in the zone of the
 * chance that a random row of the zone is no nearer to the event.  Recall: the mean over the event's
 * rows of the chance that a random row is no nearer to it than the alarms of the zone are.  Both are
 * means over events; precision leaves out zones without alarms. */
typedef struct an_affiliation {
    double precision, recall, f1;
} an_affiliation;
/* Errors: NOMEM. */
an_err an_affiliation_of(const uint8_t *alarms, const uint8_t *labels, size_t n, an_affiliation *ret);

/* The score of the Numenta benchmark, standard profile (Lavin and Ahmad 2015), 0 no alarm .. 100
 * perfect, below 0 worse than none: early alarms in a window count more, each alarm outside costs
 * 0.11, a missed window 1.  window: rows from the begin of each event; 0: the event itself. */
double an_nab_score(const uint8_t *alarms, const uint8_t *labels, size_t n, size_t window);

/* The period of a series, by the highest peak of its autocorrelation at lags of 3 to 300 rows; 100 where there is none: the
 * window that volumes of different series are compared at.  Values that are not finite count as the mean. */
size_t an_period_of(const float *x, size_t n);

/* Volume under the surface (Paparrizos et al. 2022): the areas under ROC and PR at 250 thresholds,
 * with labels that fade out over w / 2 rows on both sides of an event, the mean over w = 0 .. window. */
typedef struct an_vus {
    double roc, pr;
} an_vus;
/* window <= 100000.  Errors: INVAL window, NUMERIC a score is NAN, NOMEM. */
an_err an_vus_of(const float *scores, const uint8_t *labels, size_t n, size_t window, an_vus *ret);

#endif
