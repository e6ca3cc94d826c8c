/* tradeoff.h - what false alarms buy: an experiment's figures under each of several threshold policies.
 *
 *     tradeoff: ["target_far:0.3", "target_far:0.1", "pot:0.01,0.8"]        in the experiment's file
 *
 *     err = an_lab_tradeoff_run(&conf, seeds, n_seeds, &t, &why);
 *     an_lab_tradeoff_json(&conf, &t, object);
 *     err = an_lab_tradeoff_plot(&conf, &t, dir, &why);
 *
 * Each policy sets its thresholds as the experiment's own does, from normal rows alone.  All arms are carried out anew
 * for each; what others reported is drawn beside.
 *
 * Threads: as arms.h. */
#ifndef AN_COORDINATOR_LAB_TRADEOFF_H
#define AN_COORDINATOR_LAB_TRADEOFF_H

#include "coordinator/lab/arms.h"

typedef struct an_lab_tradeoff {
    struct {
        an_lab_figures mean[AN_ARMS], spread[AN_ARMS]; /* over the seeds */
    } points[AN_LAB_TRADEOFF_MAX];                     /* as the experiment's policies */
    size_t n;
} an_lab_tradeoff;

/* The experiment's key `tradeoff`.  Errors: INVAL with its place. */
an_err an_lab_tradeoff_read(const an_node *top, an_experiment *e, an_note *why);

/* Errors: as an_arms_run. */
an_err an_lab_tradeoff_run(const an_arms_conf *conf, const int64_t *seeds, size_t n_seeds,
                           an_lab_tradeoff *ret, an_note *why);

void an_lab_tradeoff_json(const an_arms_conf *conf, const an_lab_tradeoff *t, an_json *object);
void an_lab_tradeoff_print(const an_arms_conf *conf, const an_lab_tradeoff *t, FILE *out);
/* tradeoff.svg in the folder: rows found against false alarms.  Errors: NOMEM, LIMIT, IO. */
an_err an_lab_tradeoff_plot(const an_arms_conf *conf, const an_lab_tradeoff *t, const char *dir,
                            an_note *why);

#endif
