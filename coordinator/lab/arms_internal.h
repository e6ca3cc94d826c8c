/* arms_internal.h - what the files that carry out an experiment share. */
#ifndef AN_COORDINATOR_LAB_ARMS_INTERNAL_H
#define AN_COORDINATOR_LAB_ARMS_INTERNAL_H

#include "base/workers.h"
#include "coordinator/lab/arms.h"
#include "coordinator/lab/version.h"

/* When overlays are made: always the same, as the time is part of their hash. */
#define AN_ARMS_NOW_MS INT64_C(1767225600000)

/* One site that is judged: its held-back items, then all its test items; of series all test rows, one
 * series after the other. */
typedef struct an_arms_target {
    size_t site;
    size_t n_hold, n;     /* n: of both */
    float *truth;         /* (n, n_truth) */
    uint32_t *parts;      /* (n) */
    float *said[AN_ARMS]; /* (n, n_said) each */
    float *sum[AN_ARMS];  /* (n, n_said) over the seeds */
    float *plain;         /* (n, n_said) a baseline's */
} an_arms_target;

/* One run of all arms with one seed. */
typedef struct an_arms_world {
    const an_arms_conf *conf;
    int64_t seed;
    an_arms_target *targets;
    size_t n_targets;
    size_t cold; /* the site that keeps little of its rows; SIZE_MAX: none */
    size_t upto; /* parts before this one are learnt from; 0: all */
    bool anew;   /* the federation is what retraining comes to, beside a stream */
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

/* Its steps, for who does something between them. */
typedef an_err an_arms_stage(void *arg, size_t stage, const an_federation_result *so_far, bool *ret_more,
                             an_note *why);
an_err an_arms_world_open(an_arms_world *w, an_note *why);
an_err an_arms_world_federate(an_arms_world *w, an_arms_stage *stage, void *arg, an_note *why);
void an_arms_world_done(an_arms_world *w);
void an_arms_take_counts(const an_federation_result *f, an_seed_result *ret);
an_calibrate_opts an_arms_calibrate_opts(const an_arms_world *w, bool personal);

/* All arms with one seed on data of which parts come one after the other. */
an_err an_arms_stream_run(const an_arms_conf *conf, int64_t seed, an_arms_target *targets, size_t n,
                          size_t n_said, an_seed_result *ret, an_note *why);

/* Keeps in conf->keep what the arms answered with the seed of r, and takes it back from there, with the counts of the
 * federation: under a name that depends on all that answers depend on, but for changes of the program that left its
 * version alone.  Errors: IO, NOMEM; PROTO the file is damaged. */
an_err an_arms_keep(const an_arms_conf *conf, const an_arms_target *targets, size_t n, size_t n_said,
                    const an_seed_result *r, an_note *why);
an_err an_arms_kept(const an_arms_conf *conf, const an_arms_target *targets, size_t n, size_t n_said,
                    an_seed_result *r, bool *ret_found, an_note *why);

/* A baseline: a Mahalanobis detector on single raw rows, with the experiment's threshold. */
an_err an_arms_plain_answer(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                            an_lab_exam *exams, size_t n, an_note *why);

/* The experiment's version before any training. */
an_err an_arms_blank(const an_arms_conf *conf, int64_t seed, an_bundle *ret, an_note *why);

/* Figures from the targets' answers.  answers: of the targets, (n) each. */
an_err an_arms_figures(const an_arms_conf *conf, const an_arms_target *targets, size_t n, size_t n_said,
                       float *const *answers, an_arm_result *ret, an_note *why);

/* Cuts as the experiment says; context: rows in a raw window. */
an_lab_cut_opts an_arms_cut_opts(const an_experiment *e, const an_prep_conf *prep);

/* Takes from the arm's answers what the task's level says, which sees those to held-back items alone. */
an_err an_arms_level(const an_arms_conf *conf, an_arms_target *targets, size_t n, size_t n_said, size_t arm,
                     an_note *why);

/* Pictures of the same, into conf->plots. */
an_err an_arms_plot(const an_arms_conf *conf, const an_arms_target *targets, size_t n, size_t n_said,
                    float *const *answers, an_note *why);

/* What a version with an overlay says at a site: (n, n_said) of its target. */
an_err an_arms_predict(const an_arms_conf *conf, size_t site, const an_bundle *b, const an_overlay *o,
                       float *ret, an_note *why);

/* Makes overlays for a site (tuned as opts say, from the whole site, or for each series) and
 * writes the scores of its test rows.  ret_hash: of all overlays together. */
an_err an_arms_calibrate_judge(const an_arms_conf *conf, size_t site, const an_lab_cut *cut,
                               const an_lab_cut_opts *cutting, const an_bundle *b, const an_hash *hash,
                               const an_calibrate_opts *opts, bool each_series, float *scores,
                               an_hash *ret_hash, an_note *why);

#endif
