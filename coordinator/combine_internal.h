/* combine_internal.h - what combine.c and combine_stats.c share.  See combine.h. */
#ifndef AN_COORDINATOR_COMBINE_INTERNAL_H
#define AN_COORDINATOR_COMBINE_INTERNAL_H

#include "coordinator/combine.h"
#include "models/bundle.h"

#define AN_STEP_MAX 16384 /* coordinates handled at a time */

/* The walk of the server optimiser over the parameters of a bundle, in their order, beside the stream of
 * its state:
 *
 *     err = an_stepper_open(job, b->weights, &s, why);
 *     err = an_stepper_shared(s, delta, n, why);          until all shared parameters are stepped
 *     err = an_stepper_close(s, err, why);                new state written and hashed, unless err */
typedef struct an_stepper an_stepper;
/* Errors: NOMEM, IO. */
an_err an_stepper_open(an_combine_job *job, float *weights, an_stepper **ret, an_note *why);
/* The next n shared parameters, by their mean delta; local ones between them are stepped by 0.
 * Errors: NUMERIC, PROTO the old state is cut short, IO. */
an_err an_stepper_shared(an_stepper *s, const double *delta, size_t n, an_note *why);
/* Frees s, which may be NULL; returns err, or what writing the state came to. */
an_err an_stepper_close(an_stepper *s, an_err err, an_note *why);

/* Coordinates [from, from + n) of the shared parameters, in their tensors' units, to numbers. */
void an_combine_decode(const an_plan *plan, uint64_t from, size_t n, const uint32_t *q, double *ret);

/* What a rule is over: sites' updates in trusted mode, or the means of groups under secure sums. */
typedef struct an_combine_rows {
    size_t n;
    const double *weights; /* (n), > 0 */
    void *ctx;
    /* The mean delta of row `row` in the shared parameters [from, from + n): new minus base, of one
     * example.  Asked for in blocks of columns, all rows of a block in turn, twice over. */
    an_err (*read)(void *ctx, size_t row, uint64_t from, size_t n, double *ret, an_note *why);
} an_combine_rows;

typedef struct an_combine_verdict {
    an_rule_fate fate;
    double norm;
} an_combine_verdict;

/* The job's rule over the rows, and the server optimiser's step of b's weights by what it gives.
 * Errors: REFUSED too few rows for so many hostile ones; of read; of an_stepper. */
an_err an_combine_rows_step(an_combine_job *job, an_bundle *b, const an_combine_rows *rows,
                            an_combine_verdict *ret, an_note *why);

/* The round's figures, of the sites that are in the result. */
void an_combine_figures(an_combine_job *job, const an_train_out *totals);

/* A TRAIN round by the job's rule over its updates: changes b, sets totals and outliers. */
an_err an_combine_robust(an_combine_job *job, an_bundle *b, an_note *why);

/* The same over the means of the groups of a secure sum. */
an_err an_combine_groups(an_combine_job *job, an_bundle *b, an_note *why);

/* out_dir/<what>-<round>.  Errors: INVAL too long. */
an_err an_combine_path(const an_combine_job *job, const char *what, char out[static AN_PATH_MAX]);

/* What the update was made for: its own round's plan. */
const an_plan *an_combine_plan(const an_combine_job *job, const an_combine_update *u);
const an_hash *an_combine_plan_hash(const an_combine_job *job, const an_combine_update *u);

an_payload_facts an_combine_facts(const an_plan *plan, uint32_t n_features, uint32_t n_bins);

/* Opens the sealed updates of a job, judges their numbers, and takes those that no site may send out of the job;
 * job->outliers says which and why.  Without sealed ones nothing happens.
 * Errors: REFUSED fewer are left than the plan's least; AUTH they are sealed to another key than the job's; IO,
 * NOMEM. */
an_err an_combine_open(an_combine_job *job, an_note *why);
/* Coordinates [from, from + n) of an update that was judged.  Errors: IO, PROTO, NOMEM. */
an_err an_combine_words(const an_combine_update *u, uint64_t from, size_t n, uint32_t *ret, an_note *why);
an_err an_combine_fold_sealed(const an_combine_update *u, uint32_t dim, uint32_t *acc, an_note *why);
void an_combine_update_done(an_combine_update *u);
/* One more outlier.  Errors: NOMEM. */
an_err an_combine_outlier_add(an_combine_job *job, const char *site, bool in, const char *reason);

/* Adds a site's vector as it came to acc (dim).  Errors: as an_fold_file. */
an_err an_combine_fold(const an_combine_job *job, const an_combine_update *u, uint32_t *acc, an_note *why);
/* Adds what the sites of a secure sum meant, of all groups or of one, to acc (dim).
 * Errors: PROTO, AUTH a secret does not come out of its shares, AGAIN shares are missing, NOMEM. */
an_err an_combine_secure(an_combine_job *job, uint32_t *acc, an_note *why);
an_err an_combine_secure_group(an_combine_job *job, uint32_t group, uint32_t *acc, an_note *why);

/* Change the bundle by the sum in acc.  Errors: PROTO, NUMERIC, NOMEM. */
an_err an_combine_moments(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why);
an_err an_combine_fit(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why);
an_err an_combine_histogram(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why);

#endif
