/* train.h - mini-batch training, the same to the last bit with any number of threads.
 *
 *     an_train_opts opts = an_train_defaults();
 *     opts.epochs = 5;
 *     opts.seed = plan_seed;
 *     err = an_train(model, params, &opts, x, NULL, n, &stats, &why);
 *
 * Each batch is cut into slices whose boundaries depend on the sizes of batch and model alone.
 * A worker takes whole slices; each slice has its own gradient; the gradients are added in the
 * order of the slices.  So 1 and 4 threads give equal parameters.  A slice runs in groups of rows,
 * few enough that what they need stays near the processor; groups too depend on the sizes alone.
 *
 * The objective of a step is the mean of the rows' losses, plus
 *
 *     mu / 2     |w - w_start|^2           prox_mu: FedProx (Li et al. 2020); w_start: as given
 *     lambda / 2 |w - w_anchor|^2          l2sp: L2-SP (Li, Grandvalet, Davoine 2018)
 *     lambda / 2 sum F_i (w - w_anchor)_i^2   ewc: elastic weight consolidation (Kirkpatrick et al.
 *                                          2017); F, how much the old task needs each
 *                                          parameter, comes from models/fisher.h
 *
 * and a straight slope `shift`, which is not part of the losses that are told.
 *
 * Weight decay is decoupled from the gradient (Loshchilov and Hutter 2019):
 * w -= lr * decay * w.  None of these touches tensors that follow (an_tensor.follow): they move
 * towards the mean that the pass saw, by their own share.
 *
 * The rate of a step is lr times what the schedule and the warm-up say (models/schedule.h).
 *
 * Early stopping: the last `validation` share of the rows is not learnt from but looked at after
 * each epoch; after `patience` epochs without a new lowest loss training ends, and the parameters
 * are those of the lowest.  The rows are taken from the end because sensor rows are in the order of
 * time, and windows overlap; whoever wants a random part shuffles first.
 *
 * Privacy of rows (`private`): DP-SGD (Abadi et al. 2016).  A step takes each row by its own coin of
 * probability `rate`, clips each row's own gradient to `clip`, adds them up, rounds the sum to a grid, and
 * adds to each coordinate a number from an exact discrete Gaussian on that grid, of standard deviation
 * noise * clip; the mean is over the rows expected.  With the number of rows known, the steps are
 * the sampled Gaussian mechanism of that multiplier and rate.  All that a run gives back but the
 * parameters (losses, counts) is not noised.  Coins and noise come from the caller's secure generator:
 * such a run does not repeat, whatever the seed.
 *
 * In bf16 the bits depend on the instruction set too: see kernels/bf16.h.
 *
 * Threads: call from any thread; the workers live for the call. */
#ifndef AN_MODELS_TRAIN_H
#define AN_MODELS_TRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pace.h"
#include "models/model.h"

typedef enum an_train_scope {
    AN_TRAIN_ALL,    /* every tensor */
    AN_TRAIN_SHARED, /* local tensors stay as they are */
    AN_TRAIN_LOCAL   /* only local tensors move */
} an_train_scope;

/* What products of a step take; parameters, gradients, the optimiser's state and all that is done value
 * by value are float in both, and so are losses on the validation part. */
typedef enum an_train_precision {
    AN_TRAIN_FLOAT,
    AN_TRAIN_BF16 /* operands in bfloat16, sums in float (kernels/bf16.h says what comes out) */
} an_train_precision;

/* Privacy of rows.  The parameters given back are (epsilon, delta)-private by the account of `steps`
 * (stats) Gaussian steps of this noise and rate (Mironov, Talwar, Zhang 2019), if the rows are such that one
 * record is in one row only, and all else that training reads (first parameters, scaler, anchor, options)
 * does not depend on them.  What is left out is the rounding of float sums, for which a 10^-4 share of the
 * clip is kept free.
 *
 * Not with: layers that mix rows (one row's gradient is not its own), augmentation that borrows from other rows, weights that
 * follow, a validation part, bf16. */
typedef struct an_train_private {
    double clip;  /* L2 norm of a row's gradient over all parameters; 0: no privacy, the rest is not read */
    double noise; /* multiplier: standard deviation of the noise / clip, > 0 */
    double rate;  /* with which a row takes part in a step, (0, 1]; an epoch has 1/rate steps */
    void (*random)(void *arg, void *ret, size_t len); /* uniform bytes that nobody can foresee */
    /* n numbers with probability proportional to e^(-x^2 / (2 AN_TRAIN_NOISE_SD^2)) each. */
    void (*gauss)(void *arg, int64_t *ret, size_t n);
    void *arg; /* of both; called from the calling thread */
} an_train_private;
#define AN_TRAIN_NOISE_SD 16777216 /* 2^24 steps of the grid */

/* What an epoch came to. */
typedef struct an_train_epoch {
    size_t epoch;      /* from 0 */
    double loss;       /* mean row loss while it ran */
    double valid_loss; /* mean row loss on the validation part after it; 0 without one */
    double lr;         /* of its last step */
    bool best;         /* the lowest valid_loss so far */
} an_train_epoch;

typedef struct an_train_opts {
    size_t epochs;         /* 1 .. 100000 */
    size_t batch;          /* rows in a step, 1 .. 65536; the last of an epoch may be smaller.  Not
                              read with privacy of rows, where rate says it */
    const char *optimiser; /* a row of optimisers.def */
    double lr;
    double momentum;     /* sgd; [0, 1) */
    double weight_decay; /* >= 0 */
    double clip_norm;    /* the gradient's largest L2 norm; 0: no clipping */
    double prox_mu;      /* 0: none */
    double l2sp;         /* 0: none */
    double ewc;          /* 0: none */
    const float *anchor; /* (n_params) for l2sp and ewc; else NULL */
    const float *fisher; /* (n_params) for ewc; else NULL */
    const float *shift;  /* (n_params) added to each gradient: control variates; NULL: none */

    const char *schedule; /* a row of schedules.def */
    double warmup;        /* epochs in which the rate grows from 0; may be a part of one */
    double lr_every;      /* step: epochs between two steps, > 0 */
    double lr_factor;     /* step: what each multiplies the rate by, (0, 1] */
    double lr_floor;      /* cosine: share of lr that is left at the end, [0, 1] */

    an_train_private private; /* of rows; all zero: none */

    double validation; /* share of the rows, [0, 0.9]; 0: none */
    size_t patience;   /* epochs; 0: never stop early.  Needs validation. */
    double min_gain;   /* a new lowest loss is lower by more than this share of the lowest */

    an_train_precision precision;
    an_train_scope scope;
    const bool *frozen; /* (n_tensors) true: it stays; NULL: none.  Adds to scope and
                           to what the architecture freezes. */
    const bool *held;   /* (n_params) true: that parameter stays, as pruned weights stay 0; NULL: none */
    uint64_t seed;      /* of the order of the rows */
    size_t n_threads;   /* 1 .. 256 */

    /* Called after each epoch and about every percent, on the calling thread; loss is the mean
     * over the epoch so far, fraction the part of all work done.  NULL: none. */
    void (*progress)(void *arg, size_t epoch, double loss, double fraction);
    /* Called after each epoch, on the calling thread.  NULL: none. */
    void (*epoch_end)(void *arg, const an_train_epoch *e);
    void *progress_arg;        /* of both */
    const atomic_bool *cancel; /* looked at before each step; NULL: never */
    const an_pace *pace;       /* asked before each step; NULL: nobody */
    bool keep; /* cancelled after a whole epoch: end well, with the parameters of the lowest validation
                  loss so far, or without a validation part as they are; else cancelling is an error */
} an_train_opts;

/* 10 epochs of adam, lr 1e-3, batch 64, 1 thread, all tensors. */
an_train_opts an_train_defaults(void);

typedef struct an_train_stats {
    size_t steps;
    size_t epochs;       /* completed */
    double first_loss;   /* mean row loss of the first epoch */
    double last_loss;    /* ... of the last */
    size_t clipped;      /* steps whose gradient was clipped */
    double valid_loss;   /* of the parameters given back; 0 without a validation part */
    size_t best_epoch;   /* whose parameters are given back, from 0; the last without patience */
    bool stopped;        /* before `epochs`, for want of patience */
    bool cancelled;      /* before `epochs`, and opts.keep was set */
    double rows_clipped; /* with privacy of rows: share of the gradients that were longer than clip */
} an_train_stats;

/* Trains params (n_params, in and out) on x (n, n_inputs) with targets (n, n_targets), NULL for
 * an autoencoder.  On any failure params are as they were given.  ret_stats may be NULL.
 * Errors: UNSUPPORTED bf16 on a processor without it (unless ANDON_BF16 names an emulation); INVAL options out of bounds, no rows, a class that is not one; NUMERIC a loss,
 * gradient or parameter is not finite (with the step); CANCELLED, with opts.keep only before the end of
 * the first epoch; NOMEM. */
an_err an_train(const an_model *m, float *params, const an_train_opts *opts, const float *x,
                const float *targets, size_t n, an_train_stats *ret_stats, an_note *why);

/* What an_train takes of memory for n rows, beside the rows themselves and params, at most: known before the first byte
 * of it is taken.  Errors: INVAL, NOMEM. */
an_err an_train_plan(const an_model *m, const an_train_opts *opts, size_t n, size_t *ret_bytes, an_note *why);

/* "float" or "bf16"; false: neither. */
bool an_train_precision_find(const char *name, an_train_precision *ret);
/* Errors: UNSUPPORTED the processor has no such products (unless ANDON_BF16 names an emulation). */
an_err an_train_precision_check(an_train_precision p, an_note *why);

/* The mean row loss on n rows without training, in slices of fixed size.  Errors: INVAL,
 * NUMERIC, NOMEM. */
an_err an_train_loss(const an_model *m, const float *params, const float *x, const float *targets, size_t n,
                     double *ret_loss, an_note *why);

#endif
