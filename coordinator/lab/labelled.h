/* labelled.h - models that learn from labels: their data from tables and images, and how good they are.
 *
 * What a model learns follows from its loss and the number of its outputs:
 *
 *     classes    cross_entropy, focal: the label column holds numbers of classes
 *     a number   one output: the label column holds it, in its own unit
 *     the rows to come    as many outputs as sensors: no label, the scaled row `ahead` rows later
 *     masks      of images (images.h): an output for each place, above 0 where something is
 *
 * A label belongs to the last row of a window.
 *
 *     err = an_lab_labelled_make(model, &bundle.prep, &files, ahead, &data, &why);
 *     err = an_train(model, params, &opts, data.x, data.t, data.n, &stats, &why);
 *     ...
 *     err = an_lab_fitness_of(model, params, NULL, &data, &fitness, &why);
 *     an_lab_labelled_done(&data);
 *
 * Threads: pure functions. */
#ifndef AN_COORDINATOR_LAB_LABELLED_H
#define AN_COORDINATOR_LAB_LABELLED_H

#include "coordinator/lab/files.h"
#include "models/metrics_fit.h"
#include "models/model.h"
#include "models/quant.h"

typedef enum an_lab_goal { AN_LAB_CLASSES, AN_LAB_NUMBER, AN_LAB_FORECAST, AN_LAB_MASK } an_lab_goal;

typedef struct an_lab_labelled {
    an_lab_goal goal;
    float *x; /* (n, inputs) */
    float *t; /* (n, targets) */
    size_t n, n_inputs, n_targets;
    const char *unit;        /* what x has n of: "windows" or "images" */
    const an_names *classes; /* of the files, which must outlive it; NULL: they have numbers only */
} an_lab_labelled;

/* Errors: INVAL no label column, no whole window, a label is missing or no number of a class, or the
 * model wants several targets that no column gives; NOMEM. */
an_err an_lab_labelled_make(const an_model *m, const an_prep *prep, const an_lab_files *f, size_t ahead,
                            an_lab_labelled *ret, an_note *why);
void an_lab_labelled_done(an_lab_labelled *d);

/* Another order, the same for the same seed: images come class by class, and what is kept for validation
 * is taken from the end. */
void an_lab_labelled_shuffle(an_lab_labelled *d, uint64_t seed);

typedef struct an_lab_fitness {
    an_lab_goal goal;
    size_t n, n_targets;
    const char *unit;
    const an_names *classes_named; /* as in an_lab_labelled */
    double loss;                   /* mean of the rows, as in training */
    an_classes classes;
    an_fit fit;           /* of all outputs together */
    an_fit *outputs;      /* FORECAST: (n_targets) of each */
    float *truth, *guess; /* NUMBER, FORECAST: (n_targets, n) */
    an_overlap overlap;   /* MASK */
} an_lab_fitness;

/* quant: the same model in bytes, which is judged in its place; NULL: none.
 * Errors: NUMERIC an output is not finite, NOMEM. */
an_err an_lab_fitness_of(const an_model *m, const float *params, const an_quant *quant,
                         const an_lab_labelled *d, an_lab_fitness *ret, an_note *why);
void an_lab_fitness_done(an_lab_fitness *f);

/* How many classes are worth a row: a model may have more than folders gave it, and never say them. */
size_t an_lab_fitness_shown(const an_lab_fitness *f);

/* names (n_targets) of the sensors, for forecasts. */
void an_lab_fitness_print(const an_lab_fitness *f, const an_sensor *names, FILE *out);
void an_lab_fitness_json(const an_lab_fitness *f, const an_sensor *names, an_json *object);

#endif
