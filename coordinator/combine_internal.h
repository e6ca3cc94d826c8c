/* combine_internal.h - what combine.c and combine_stats.c share.  See combine.h. */
#ifndef AN_COORDINATOR_COMBINE_INTERNAL_H
#define AN_COORDINATOR_COMBINE_INTERNAL_H

#include "coordinator/combine.h"
#include "models/bundle.h"

/* Parameters stepped at a time, at most. */
#define AN_STEP_MAX 16384

/* The walk of the server optimiser over the parameters of a bundle, in their order, beside the stream of
 * its state:
 *
 *     err = an_stepper_open(job, b->weights, &s, why);
 *     err = an_stepper_step(s, delta, n, why);            until all parameters are stepped
 *     err = an_stepper_close(s, err, why);                new state written and hashed, unless err */
typedef struct an_stepper an_stepper;
/* Errors: NOMEM, IO. */
an_err an_stepper_open(an_combine_job *job, float *weights, an_stepper **ret, an_note *why);
/* n is at most AN_STEP_MAX.  Errors: NUMERIC, PROTO the old state is cut short, IO. */
an_err an_stepper_step(an_stepper *s, const double *delta, size_t n, an_note *why);
/* Frees s, which may be NULL; returns err, or what writing the state came to. */
an_err an_stepper_close(an_stepper *s, an_err err, an_note *why);

/* out_dir/<what>-<round>.  Errors: INVAL too long. */
an_err an_combine_path(const an_combine_job *job, const char *what, char out[static AN_PATH_MAX]);

an_payload_facts an_combine_facts(const an_plan *plan, uint32_t n_features, uint32_t n_bins);

/* Change the bundle by the sum in acc.  Errors: PROTO, NUMERIC, NOMEM. */
an_err an_combine_moments(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why);
an_err an_combine_histogram(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why);

#endif
