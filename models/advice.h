/* advice.h - which inputs to move, and how far, for a better prediction.
 *
 *     an_advice_ask ask = {.goal = {model, params, prep}, .inputs = inputs, .n_inputs = 2,
 *                          .known = rows, .n_known = n};
 *     err = an_advice_learn(&ask, &why);                     once
 *     err = an_advice_find(&ask, now, then, &advice, &why);  of each row
 *
 * It is advice for people: nothing here writes anything back.
 *
 * The prediction of the goal becomes as low as it goes (or as high: `raise`) over the inputs that may be
 * moved, each within its limits and its largest step, while the predictions of `caps` stay at or below
 * theirs; where there is a `limit`, no farther than it takes to come there.  Projected gradients on an augmented Lagrangian (Nocedal and Wright 2006, chapter 17).  Slopes are
 * central differences of the model as it is in use, so any architecture will do.
 *
 * A network says something anywhere, but knows only where its data were.  The distance of a row is that to the
 * nearest known row, in standard deviations of the scaler; what is usual is the distance that
 * AN_ADVICE_USUAL of the known rows keep from the nearest other one.  A row farther out than usual gets
 * no advice, and advice ends before it goes there.  A moved row is no experiment: other inputs stay as they are
 * in it, and whether they would is not known here.
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_ADVICE_H
#define AN_MODELS_ADVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "models/model.h"
#include "models/prep.h"

#define AN_ADVICE_INPUTS_MAX 64
#define AN_ADVICE_CAPS_MAX 8
#define AN_ADVICE_USUAL 0.99

/* What predicts: the first output of a model of one row, without a chain of steps and not smoothed. */
typedef struct an_advice_predictor {
    const an_model *model;
    const float *params;
    const an_prep *prep;
} an_advice_predictor;

typedef struct an_advice_cap {
    an_advice_predictor of; /* of rows of the same sensors */
    double most;
} an_advice_cap;

/* In the sensor's own unit. */
typedef struct an_advice_input {
    size_t sensor;
    double low, high;
    double step; /* largest move from where it is, > 0 */
} an_advice_input;

typedef struct an_advice_ask {
    an_advice_predictor goal;
    bool raise;
    bool has_limit;
    double limit;              /* at or below is as wished, with `raise` at or above */
    const an_advice_cap *caps; /* (n_caps) */
    size_t n_caps;
    const an_advice_input *inputs; /* (n_inputs) each sensor once */
    size_t n_inputs;
    const float *known; /* (n_known, width) rows that the goal's model learnt from, n_known >= 2 */
    size_t n_known;
    const char *const *names; /* (width) of the sensors, for errors; NULL: they have numbers */
    double usual;             /* distance between known rows; by an_advice_learn */
} an_advice_ask;

typedef struct an_advice {
    bool met;                            /* it is as wished: nothing is sought, and no distance is known */
    bool found;                          /* false: no better row is allowed; `then` is as `now` */
    double now, then;                    /* the goal's prediction */
    double caps_now[AN_ADVICE_CAPS_MAX]; /* of each cap */
    double caps_then[AN_ADVICE_CAPS_MAX];
    double distance_now, distance_then; /* to the nearest known row */
    size_t nearest;                     /* known row nearest to `then` */
} an_advice;

/* Once, when the ask is whole: sees that it can be answered, and learns from the known rows what is usual.
 * Errors: INVAL the ask (why says what); UNSUPPORTED a predictor of another kind; NUMERIC a known row has no value;
 * NOMEM. */
an_err an_advice_learn(an_advice_ask *ask, an_note *why);

/* now, ret_row: (width), in the sensors' units; ret_row has the moved inputs.
 * Errors: UNSUPPORTED the row gets no advice: it is farther from the known rows than usual, or an input cannot come into
 * its limits by one step; NUMERIC a value or prediction is not finite; NOMEM. */
an_err an_advice_find(const an_advice_ask *ask, const float *now, float *ret_row, an_advice *ret,
                      an_note *why);

#endif
