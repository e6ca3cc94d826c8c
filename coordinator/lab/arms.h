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

typedef enum an_arm { AN_ARM_LOCAL, AN_ARM_POOLED, AN_ARM_FEDERATED, AN_ARM_PERSONALISED } an_arm;
#define AN_ARMS 4
#define AN_BASELINES 2 /* always-on, mahalanobis */
const char *an_arm_name(an_arm arm);
bool an_arm_runs(const an_experiment *e, size_t arm); /* what does not has no figures */

typedef struct an_arms_conf {
    const an_experiment *experiment;
    const an_lab_data *data;
    size_t n_threads;
    const atomic_bool *cancel; /* may be NULL */
} an_arms_conf;

typedef struct an_arm_result {
    an_lab_figures all;    /* of this seed */
    an_lab_figures *sites; /* (n_sites) */
    an_hash model;         /* local and personalised: over all sites' overlays */
} an_arm_result;

typedef struct an_seed_result {
    int64_t seed;
    an_arm_result arms[AN_ARMS];
    uint64_t clipped, saturated, update_bytes, version_bytes, messages;
    size_t n_rounds;
    double first_loss, last_loss; /* of the federated training */
} an_seed_result;

typedef struct an_arms_result {
    an_seed_result *seeds;
    size_t n_seeds;
    an_arm_result baselines[AN_BASELINES];
    size_t n_sites; /* that are judged: all, or those with a cold start in the order of their
                       turns */
} an_arms_result;

/* Errors: of data, training and the federation; CANCELLED. */
an_err an_arms_run(const an_arms_conf *conf, const int64_t *seeds, size_t n_seeds, an_arms_result *ret,
                   an_note *why);
void an_arms_result_done(an_arms_result *r);

an_json *an_arms_json(const an_arms_conf *conf, const an_arms_result *r);
void an_arms_print(const an_arms_conf *conf, const an_arms_result *r, FILE *out);

#endif
