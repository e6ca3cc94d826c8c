/* train.h - mini-batch training, the same to the last bit with any number of threads.
 *
 *     an_train_opts opts = an_train_defaults();
 *     opts.epochs = 5;
 *     opts.seed = plan_seed;
 *     err = an_train(model, params, &opts, x, NULL, n, &stats, &why);
 *
 * Each batch is cut into slices whose boundaries depend on the sizes of batch and model alone.
 * A worker takes whole slices; each slice has its own gradient; the gradients are added in the
 * order of the slices.  So 1 and 4 threads give equal parameters.
 *
 * The objective of a step is the mean of the rows' losses, plus
 *
 *     mu / 2     |w - w_start|^2     prox_mu: FedProx (Li et al. 2020); w_start: as given
 *     lambda / 2 |w - w_anchor|^2    l2sp: L2-SP (Li, Grandvalet, Davoine 2018)
 *
 * Weight decay is decoupled from the gradient (Loshchilov and Hutter 2019):
 * w -= lr * decay * w.
 *
 * Threads: call from any thread; the workers live for the call. */
#ifndef AN_MODELS_TRAIN_H
#define AN_MODELS_TRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "models/model.h"

typedef enum an_train_scope {
    AN_TRAIN_ALL,    /* every tensor */
    AN_TRAIN_SHARED, /* local tensors stay as they are */
    AN_TRAIN_LOCAL   /* only local tensors move */
} an_train_scope;

typedef struct an_train_opts {
    size_t epochs;         /* 1 .. 100000 */
    size_t batch;          /* rows in a step, 1 .. 65536; the last of an epoch may be smaller */
    const char *optimiser; /* a row of optimisers.def */
    double lr;
    double momentum;     /* sgd; [0, 1) */
    double weight_decay; /* >= 0 */
    double clip_norm;    /* the gradient's largest L2 norm; 0: no clipping */
    double prox_mu;      /* 0: none */
    double l2sp;         /* 0: none */
    const float *anchor; /* (n_params) for l2sp; else NULL */
    an_train_scope scope;
    const bool *frozen; /* (n_tensors) true: it stays; NULL: none.  Adds to scope. */
    uint64_t seed;      /* of the order of the rows */
    size_t n_threads;   /* 1 .. 256 */

    /* Called after each epoch and about every percent, on the calling thread; loss is the mean
     * over the epoch so far, fraction the part of all work done.  NULL: none. */
    void (*progress)(void *arg, size_t epoch, double loss, double fraction);
    void *progress_arg;
    const atomic_bool *cancel; /* looked at before each step; NULL: never */
} an_train_opts;

/* 10 epochs of adam, lr 1e-3, batch 64, 1 thread, all tensors. */
an_train_opts an_train_defaults(void);

typedef struct an_train_stats {
    size_t steps;
    size_t epochs;     /* completed */
    double first_loss; /* mean row loss of the first epoch */
    double last_loss;  /* ... of the last */
    size_t clipped;    /* steps whose gradient was clipped */
} an_train_stats;

/* Trains params (n_params, in and out) on x (n, n_inputs) with targets (n, n_targets), NULL for
 * an autoencoder.  On any failure params are as they were given.  ret_stats may be NULL.
 * Errors: INVAL options out of bounds, no rows, a class that is not one; NUMERIC a loss,
 * gradient or parameter is not finite (with the step); CANCELLED; NOMEM. */
an_err an_train(const an_model *m, float *params, const an_train_opts *opts, const float *x,
                const float *targets, size_t n, an_train_stats *ret_stats, an_note *why);

/* The mean row loss on n rows without training, in slices of fixed size.  Errors: INVAL,
 * NUMERIC, NOMEM. */
an_err an_train_loss(const an_model *m, const float *params, const float *x, const float *targets, size_t n,
                     double *ret_loss, an_note *why);

#endif
