/* membership.h - how well an attacker who has a model can tell which windows it was trained on: a figure of
 * what training gives away, with and without differential privacy.
 *
 *     an_membership_conf conf = {.arch = text, .x = windows, .n = n, .models = 16, .epochs = 100, ...};
 *     err = an_membership_run(&conf, &result, &why);
 *
 * So many models are trained, each on a random half of the windows, two and two on halves that complete each
 * other; so each window is a member of one half of the models.  Two attacks see the loss of a window:
 *
 *     threshold   member if the loss is at most the members' mean (Yeom, Giacomelli, Fredrikson, Jha 2018,
 *                 Privacy Risk in Machine Learning); its advantage is TPR - FPR, mean over the models
 *     shadow      each model in turn is the target and the others are shadows: is the logarithm of the
 *                 loss more likely among the shadows that had the window, or among those that had not?
 *                 (Carlini et al. 2022, Membership Inference Attacks From First Principles: LiRA, online,
 *                 one variance for all windows.)  Figures are over all windows of all targets.
 *
 * With privacy, (epsilon, delta) bounds TPR - FPR of any attack by 1 - 2 (1 - delta) / (1 + e^epsilon)
 * (Kairouz, Oh, Viswanath 2015).
 *
 * Threads: an_membership_run starts workers that live for the call. */
#ifndef AN_COORDINATOR_LAB_MEMBERSHIP_H
#define AN_COORDINATOR_LAB_MEMBERSHIP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct an_membership_conf {
    const char *arch; /* resolved or not; an autoencoder */
    size_t width;     /* columns of the data */
    const float *x;   /* (n, inputs of the model): what members are drawn from */
    size_t n;
    const float *test; /* (n_test, inputs) and labels, for the AUROC beside it; may be none */
    const uint8_t *labels;
    size_t n_test;
    size_t models; /* even, 4 .. 256 */
    size_t epochs, batch;
    double lr;
    double epsilon; /* 0: without privacy */
    double delta, rate, clip;
    uint64_t seed;
    size_t n_threads;
    const atomic_bool *cancel; /* may be NULL */
} an_membership_conf;

typedef struct an_membership_result {
    double noise; /* multiplier that epsilon asks for; 0 without privacy */
    double rows_clipped;
    double bound;                      /* of TPR - FPR, of any attack; 1 without privacy */
    double member_loss, other_loss;    /* means */
    double threshold_advantage;        /* TPR - FPR of the threshold */
    double shadow_advantage;           /* largest TPR - FPR of the shadow attack */
    double shadow_auroc, shadow_tpr_1; /* area, and TPR where FPR is 1 % */
    double auroc;                      /* of faults, mean over the models; NAN without a test */
} an_membership_result;

/* Errors: INVAL the options or the model; REFUSED no noise gives this epsilon; those of training; NOMEM. */
an_err an_membership_run(const an_membership_conf *conf, an_membership_result *ret, an_note *why);

#endif
