/* combine.h - from the updates of a round to its result: sum, decode, server optimiser, new
 * version.  The same function commits a round and replays it for an auditor, to the same bits.
 *
 *     TRAIN      base weights + server step -> a bundle
 *     MEAN       base with the fleet's mean -> a bundle
 *     VARIANCE   base with the fleet's scaler, and fine bins around it -> a bundle
 *     HISTOGRAM  base with the deciles of the fleet's values as bin edges -> a bundle
 *     EVALUATE   summed figures as JSON; so of SHADOW
 *
 * What becomes of the mean delta is the server optimiser's matter (server_optimiser.h), in order of the
 * parameters.  Its state is a file of little-endian float32, those of a parameter side by side; an
 * optimiser without state has none.
 *
 * A rule (rule.h) other than the mean sees updates one by one, in blocks of columns over all of them.  So does the mean
 * where some are late: the delta of each of these is first multiplied by 1/sqrt(1 + staleness), and the divisor stays the
 * sum of all weights, so that old news move the model less (FedBuff, Nguyen et al. 2022).
 *
 * Memory: the accumulator and one copy of the weights; updates, optimiser state and result are
 * streamed in blocks.  With a rule no accumulator, but a block: 8 MiB, or 4096 columns of all sites.
 *
 * Threads: a job belongs to one thread at a time; it reads and writes files only. */
#ifndef AN_COORDINATOR_COMBINE_H
#define AN_COORDINATOR_COMBINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/terms.h"
#include "coordinator/rule.h"
#include "coordinator/server_optimiser.h"
#include "msg/msg.h"
#include "msg/plan.h"
#include "sum/payload.h"
#include "sum/sealed.h"
#include "trust/roster.h"

/* The bins of a version between its VARIANCE and its HISTOGRAM round. */
#define AN_COMBINE_FINE_BINS 64

/* A former round, whose updates come late into this one (hub_late.c). */
typedef struct an_combine_origin {
    uint64_t round;
    an_plan *plan; /* owned */
    an_hash plan_hash;
} an_combine_origin;

typedef struct an_combine_update {
    char site[AN_NAME_MAX];
    an_hash hash;
    const an_combine_origin *origin; /* one of the job's; NULL: the round itself */
    uint32_t staleness;              /* with an origin */
    char path[AN_PATH_MAX];          /* of the update file, or ... */
    void *bytes;                     /* ... a small one itself, owned */
    size_t len;
    an_sealed *sealed; /* while the job runs; owned */
} an_combine_update;

/* A site whose update is not in the result as it came. */
typedef struct an_combine_outlier {
    char site[AN_NAME_MAX];
    bool in;                    /* in the result, but made shorter */
    char reason[AN_REASON_MAX]; /* "is too far from the others; its norm is 31.6" */
} an_combine_outlier;

typedef struct an_combine_job {
    /* in */
    an_plan *plan; /* owned by the job */
    an_hash plan_hash;
    char base_path[AN_PATH_MAX]; /* "" for EVALUATE and SHADOW */
    an_combine_update *updates;  /* (n_updates), owned; the order does not matter */
    size_t n_updates;
    an_combine_origin *origins; /* (n_origins), owned */
    size_t n_origins;
    char state_path[AN_PATH_MAX];         /* the optimiser's state; "": zero */
    const an_server_optimiser *optimiser; /* TRAIN */
    an_server_args server;
    const an_rule *rule; /* TRAIN; NULL: the mean.  Another one needs updates in trusted mode */
    an_rule_opts rule_opts;
    uint8_t seal_secret[AN_AGREE_BYTES]; /* opens sealed updates; wiped with the job */
    an_roster roster;                    /* of a secure sum; owned */
    an_buf secure[AN_GROUPS_MAX]; /* an_secure_sum_save of each group; owned; wiped.  Empty: it was left
                                            out, and no update is its */
    char out_dir[AN_PATH_MAX];    /* where result files are written */
    /* out */
    char result_path[AN_PATH_MAX];
    an_hash result;
    uint64_t result_size;
    char new_state_path[AN_PATH_MAX]; /* "": it keeps none */
    an_hash new_state;
    double loss;   /* TRAIN: weighted mean training loss */
    double weight; /* TRAIN: sum of weights */
    uint64_t clipped, saturated;
    an_evaluate_out evaluation;   /* EVALUATE */
    an_shadow_counts shadow;      /* SHADOW */
    an_combine_outlier *outliers; /* (n_outliers), owned; by name.  May hold some before */
    size_t n_outliers;
    size_t n_left_out; /* updates of groups whose masks did not come off */
} an_combine_job;

/* Errors: PROTO an update or the sum is not well-formed, NUMERIC, IO, NOTFOUND, NOMEM. */
an_err an_combine_run(an_combine_job *job, an_note *why);
void an_combine_done(an_combine_job *job);

/* Names every site of a group of the plan as one whose update is not in the result.  Errors: NOMEM. */
an_err an_combine_name_group(an_combine_job *job, uint32_t group, const char *reason);

/* An evaluation as JSON text (owned, an_free), and back.  Errors of parse: PROTO, NOMEM. */
char *an_evaluation_print(const an_evaluate_out *e);
an_err an_evaluation_parse(const void *text, size_t len, an_evaluate_out *ret, an_note *why);
/* The same of a shadow. */
char *an_shadow_print(const an_shadow_counts *c);
an_err an_shadow_parse(const void *text, size_t len, an_shadow_counts *ret, an_note *why);

#endif
