/* forms.h - a version in two forms, before and after it was made smaller: size, speed, scores.
 *
 *     const an_lab_form sides[2] = {{&bundle, NULL}, {&bundle, quant}};
 *     err = an_lab_forms_compare(&files, sides, &c, &why);
 *     err = an_lab_forms_report(lab, &c, object, why);        takes object
 *
 * Rows that are labelled as anomalous are judged, never learnt from.
 *
 * Threads: one. */
#ifndef AN_COORDINATOR_LAB_FORMS_H
#define AN_COORDINATOR_LAB_FORMS_H

#include "coordinator/lab/dataset.h"
#include "coordinator/lab/files.h"
#include "coordinator/lab/judge.h"
#include "coordinator/lab/labelled.h"
#include "models/quant.h"

typedef struct an_lab_form {
    const an_bundle *bundle;
    const an_quant *quant; /* NULL: the bundle's own weights */
} an_lab_form;

/* What one form comes to. */
typedef struct an_lab_form_figures {
    size_t n_params;
    size_t bytes;          /* of what the model needs to run: weights, scales */
    size_t packed;         /* the same, compressed with zstd */
    double us;             /* from a model input to its score, the median of rounds in turn */
    double alarms;         /* share of the windows above the threshold */
    double score;          /* mean, in units of the threshold */
    an_lab_figures judged; /* with labels only */
} an_lab_form_figures;

typedef struct an_lab_forms {
    an_lab_form_figures sides[2];
    size_t n_windows;
    bool labelled;
    double changed; /* share of the windows that are an alarm on one side only */
    double moved;   /* mean absolute change of a score, in units of the threshold */
    bool taught;    /* by labels: fitness in place of scores, which are 0 */
    an_lab_fitness fitness[2];
    const char *unit;
    const an_sensor *sensors; /* borrowed from the first side's bundle */
} an_lab_forms;

/* Judges both on the windows of the files; a window has the label of its last row.  Errors: INVAL no
 * window; NUMERIC; NOMEM. */
an_err an_lab_forms_compare(const an_lab_files *files, const an_lab_form sides[2], an_lab_forms *ret,
                            an_note *why);

/* The same of a model that learns from labels: what it says of d before and after.  Errors: as
 * an_lab_fitness_of. */
an_err an_lab_forms_compare_taught(const an_lab_labelled *d, const an_lab_form sides[2], an_lab_forms *ret,
                                   an_note *why);
void an_lab_forms_done(an_lab_forms *c);

/* The table, or with --json the object with "before" and "after" added; frees object.  Errors: NOMEM,
 * IO. */
an_err an_lab_forms_report(an_lab *lab, const an_lab_forms *c, an_json *object, an_note *why);

/* The stretches of at least min_rows rows without a label, as the series of one site: rows are
 * borrowed, ret->series is the caller's (an_free).  Errors: INVAL there is none, NOMEM. */
an_err an_lab_forms_normal(const an_lab_files *files, size_t min_rows, an_lab_site *ret, an_note *why);

#endif
