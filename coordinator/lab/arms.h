/* arms.h - carries an experiment out: for every seed local, pooled, federated and personalised
 * on the same data with the same code, and the baselines beside them.
 *
 *     an_arms_conf conf = {.experiment = &e, .data = &data, .n_threads = 2};
 *     err = an_arms_run(&conf, seeds, n_seeds, &result, &why);
 *     object = an_arms_json(&conf, &result);
 *     an_arms_result_done(&result);
 *
 * Threads: sites are worked on by n_threads threads that live for the call; figures and hashes
 * do not depend on how many. */
#ifndef AN_COORDINATOR_LAB_ARMS_H
#define AN_COORDINATOR_LAB_ARMS_H

#include <stdatomic.h>
#include <stdio.h>

#include "coordinator/lab/experiment.h"
#include "coordinator/lab/federation.h"
#include "coordinator/lab/judge.h"
#include "coordinator/lab/tasks.h"

typedef enum an_arm {
    AN_ARM_LOCAL,
    AN_ARM_POOLED,
    AN_ARM_FEDERATED,
    AN_ARM_PERSONALISED,
    AN_ARM_RETRAINED, /* of a stream: a federation from the beginning with all that has come so far */
    AN_ARM_FROZEN,    /* ... the version that was there before anything came */
    AN_ARMS
} an_arm;
const char *an_arm_name(an_arm arm);

typedef struct an_arms_conf {
    const an_experiment *experiment;
    const an_lab_data *data;
    size_t n_threads;
    const atomic_bool *cancel; /* may be NULL */
    const char *plots;         /* folder for pictures of the federated arm; NULL: none */
    const char *keep;          /* folder for what each seed answered, taken from there if it is; NULL: none */
} an_arms_conf;

/* What does not run has no figures. */
bool an_arm_runs(const an_arms_conf *conf, size_t arm);

typedef struct an_arm_result {
    an_lab_figures all;          /* of this seed */
    an_lab_figures *sites;       /* (n_sites) */
    an_lab_figures *parts;       /* (n_parts) */
    an_lab_figures *valid_parts; /* (n_parts) the same of what was held back */
    an_lab_figures valid;        /* all that was held back to choose settings by; NAN: nothing was */
    an_hash model;               /* local and personalised: over all sites' overlays */
} an_arm_result;

/* What came of one part of a stream. */
typedef struct an_stream_result {
    uint32_t part;
    bool promoted;
    uint32_t rounds, retrain_rounds;
    /* Updates, versions and messages: of the incremental campaign, and of a training from the beginning. */
    uint64_t bytes, retrain_bytes;
    char reason[AN_REASON_MAX]; /* what the gate said */
} an_stream_result;

typedef struct an_seed_result {
    int64_t seed;
    an_arm_result arms[AN_ARMS];
    uint64_t clipped, saturated, update_bytes, version_bytes, messages, message_bytes;
    size_t n_rounds;
    double first_loss, last_loss; /* of the federated training */
    an_stream_result *stream;     /* (n_stream) */
    size_t n_stream;
} an_seed_result;

typedef struct an_arms_result {
    an_seed_result *seeds;
    size_t n_seeds;
    an_arm_result baselines
        [AN_LAB_BASELINES_MAX]; /* in the order of the task; without sites: there is no such answer */
    an_arm_result
        ensemble[AN_ARMS]; /* the mean of the seeds' answers; without sites: of one seed there is none */
    size_t n_sites;        /* that are judged: all, or those with a cold start in the order of their
                       turns */
} an_arms_result;

/* Errors: of data, training and the federation; CANCELLED. */
an_err an_arms_run(const an_arms_conf *conf, const int64_t *seeds, size_t n_seeds, an_arms_result *ret,
                   an_note *why);
void an_arms_result_done(an_arms_result *r);

an_json *an_arms_json(const an_arms_conf *conf, const an_arms_result *r);
void an_arms_print(const an_arms_conf *conf, const an_arms_result *r, FILE *out);

#endif
