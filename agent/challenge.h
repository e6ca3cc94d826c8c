/* challenge.h - windows that must raise an alarm whatever a new version has learned.
 *
 * The gate of a campaign asks: does the candidate still see faults?  The set has three parts:
 * generic faults injected into new holdout data (offset, stuck, noise burst, ramp, each on each
 * sensor in several sizes); the declared failure modes of the line injected into the *old*
 * reference data, where they cannot hide behind what has just been learned; and anomalies that
 * an operator has confirmed.
 *
 *     an_challenge *set = NULL;
 *     err = an_challenge_new(&in, 42, &set, &why);
 *     for (size_t i = 0; i < set->n; i++)
 *         score(set->windows + i * set->window * set->width), set->items[i].kind ...
 *
 * Pure and seeded: the same inputs give the same set.  Threads: nothing is shared. */
#ifndef AN_AGENT_CHALLENGE_H
#define AN_AGENT_CHALLENGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_MODE_SENSORS_MAX 12
#define AN_MODE_NAME_MAX 32
#define AN_CHALLENGE_MAX 65536 /* windows in a set */

/* A declared failure mode: which sensors move, and how far at its full size. */
typedef struct an_failure_mode {
    char name[AN_MODE_NAME_MAX];
    size_t n;
    struct {
        char sensor[AN_MODE_NAME_MAX];
        double sigmas; /* signed, in standard deviations of normal operation */
    } part[AN_MODE_SENSORS_MAX];
} an_failure_mode;

typedef enum an_challenge_kind {
    AN_CHALLENGE_OFFSET,
    AN_CHALLENGE_STUCK,
    AN_CHALLENGE_NOISE,
    AN_CHALLENGE_RAMP,
    AN_CHALLENGE_MODE,
    AN_CHALLENGE_CONFIRMED
} an_challenge_kind;

const char *an_challenge_kind_name(an_challenge_kind kind); /* "offset" ... */

typedef struct an_challenge_item {
    an_challenge_kind kind;
    size_t index;  /* sensor, failure mode, or number of the confirmed window */
    double sigmas; /* size of an injected fault; of a mode: share of its full size; else 0 */
} an_challenge_item;

typedef struct an_challenge_in {
    size_t width, window;
    const float *fresh; /* (n_fresh, window, width) new holdout; generic faults go here */
    size_t n_fresh;
    const float *reference; /* (n_reference, window, width) old holdout; failure modes go here */
    size_t n_reference;
    const float *confirmed; /* (n_confirmed, window, width) taken as they are */
    size_t n_confirmed;
    const double *sigma;        /* (width) standard deviation in normal operation, from the OLD data */
    const char *const *sensors; /* (width) names, to find those of the modes; NULL without modes */
    const an_failure_mode *modes;
    size_t n_modes;
    size_t per_fault; /* windows per fault and size; 0 = 4 */
} an_challenge_in;

typedef struct an_challenge {
    size_t n, width, window;
    float *windows;           /* (n, window, width), raw units */
    an_challenge_item *items; /* (n) */
} an_challenge;

/* On success *ret belongs to the caller.  A part without data is left out; a constant sensor
 * (sigma 0) gets no generic fault.
 * Errors: INVAL a mode names an unknown sensor, LIMIT more than AN_CHALLENGE_MAX, NOMEM. */
an_err an_challenge_new(const an_challenge_in *in, uint64_t seed, an_challenge **ret, an_note *why);
void an_challenge_free(an_challenge *set);

/* Standard deviation of each sensor over n windows; missing values do not count. */
void an_challenge_sigma(double *ret_sigma, const float *windows, size_t n, size_t window, size_t width);

#endif
