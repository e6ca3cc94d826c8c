/* arms_internal.h - what the files that carry out an experiment share. */
#ifndef AN_COORDINATOR_LAB_ARMS_INTERNAL_H
#define AN_COORDINATOR_LAB_ARMS_INTERNAL_H

#include "base/workers.h"
#include "coordinator/lab/arms.h"
#include "coordinator/lab/version.h"

/* When overlays are made: always the same, as the time is part of their hash. */
#define AN_ARMS_NOW_MS INT64_C(1767225600000)

/* One site that is judged: all its test rows, one series after the other. */
typedef struct an_arms_target {
    size_t site;
    size_t n;
    uint8_t *labels;        /* (n) */
    float *scores[AN_ARMS]; /* (n) each, in units of the threshold */
    float *plain;           /* (n) Mahalanobis on raw rows */
} an_arms_target;

/* One run of all arms with one seed. */
typedef struct an_arms_world {
    const an_arms_conf *conf;
    int64_t seed;
    an_arms_target *targets;
    size_t n_targets;
    size_t cold; /* the site that keeps little of its rows; SIZE_MAX: none */
    /* out */
    an_hash models[AN_ARMS];
    /* work */
    an_lab_cut *cuts; /* (n_sites) */
    an_bundle blank, pooled;
    an_hash blank_hash, pooled_hash;
    an_federation_result federation;
    an_workers *workers;
    an_err *errs; /* (n_targets + 1) of jobs */
    an_note *whys;
    an_hash *own[AN_ARMS]; /* (n_targets) hashes of what each site runs */
} an_arms_world;

an_err an_arms_world_run(an_arms_world *w, an_seed_result *ret, an_note *why);

/* The baseline: a Mahalanobis detector on single raw rows, with the experiment's threshold. */
an_err an_arms_plain_run(const an_arms_conf *conf, an_arms_target *targets, size_t n, an_note *why);

/* Cuts as the experiment says; context: rows in a raw window. */
an_lab_cut_opts an_arms_cut_opts(const an_experiment *e, const an_prep_conf *prep);

/* Makes overlays for a site (tuned as opts say, from the whole site, or for each series) and
 * writes the scores of its test rows.  ret_hash: of all overlays together. */
an_err an_arms_calibrate_judge(const an_arms_conf *conf, size_t site, const an_lab_cut *cut,
                               const an_lab_cut_opts *cutting, const an_bundle *b, const an_hash *hash,
                               const an_calibrate_opts *opts, bool each_series, float *scores,
                               an_hash *ret_hash, an_note *why);

#endif
