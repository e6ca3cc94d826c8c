/* train_internal.h - one training run as its own files see it: what it needs (train_setup.c), what a
 * step does (train_step.c), what is refused (train_check.c), the run itself (train.c). */
#ifndef AN_MODELS_TRAIN_INTERNAL_H
#define AN_MODELS_TRAIN_INTERNAL_H

#include "base/workers.h"
#include "models/loss.h"
#include "models/model_internal.h"
#include "models/optimiser.h"
#include "models/schedule.h"
#include "models/train.h"

#define AN_TRAIN_SLICES_MAX 8u

/* A range of parameters that move; follow > 0: towards a mean (an_tensor.follow). */
typedef struct an_train_block {
    size_t at, n;
    double follow;
    size_t layer; /* where gradients are late; else 0 */
} an_train_block;

/* What one worker needs; where gradients are late, one slice. */
typedef struct an_train_desk {
    an_ws *ws;
    float *x, *t; /* the rows of its group, gathered; t of an autoencoder: only with augmentations */
    float *spare; /* for augmentations */
    /* With privacy of rows: */
    double *square; /* (group_max) of each row's gradient */
    float *share;   /* (group_max) what is left of it after clipping */
    float *one;     /* (n_params) one row's gradient, where there is no shorter way; else NULL */
    size_t cut;     /* rows clipped so far */
} an_train_desk;

typedef struct an_trainer {
    const an_model *m;
    const an_train_opts *opts;
    const an_optimiser *optimiser;
    const an_schedule *schedule;
    an_schedule_opts rate;
    const float *x, *targets, *start;
    size_t n, n_valid; /* rows to learn from; rows after them to look at */
    size_t n_in, n_t;
    size_t batch;     /* rows in a step; with privacy of rows those expected */
    size_t per_epoch; /* steps */

    an_workers *workers;
    an_train_desk *desks;
    size_t n_workers, n_desks;
    size_t slice_rows, slices_max; /* rows of a slice, slices of a full batch */
    size_t group_max;              /* rows that a worker takes at once */
    uint32_t *order;               /* (n) rows in the order of this epoch */
    float *params;                 /* the copy that is trained */
    float *best;                   /* the copy with the lowest validation loss; NULL: not needed */
    float *prepared;               /* (n_prepared) of params; NULL: the model has none */
    /* The gradient is made slice by slice into grad (slices_max, n_params), which is 0 between steps
     * where it moves anything.  Or late: block by block after all slices, into grad (n_params), or, if
     * it goes straight into the step, into grad (n_workers, block_max). */
    bool late, straight;
    float *grad;
    size_t n_grad, block_max;
    float *state[AN_OPTIMISER_STATE_MAX];
    int64_t *noise; /* (n_params) of this step, on the grid; NULL: no privacy of rows */
    double grid;    /* a step of it */
    double row_max; /* longest gradient of a row */
    double seen;    /* rows so far, in all steps */
    double *square; /* (n_blocks) */
    an_train_block *blocks;
    size_t n_blocks;
    double *valid_loss; /* of each group of the validation part */
    double lowest;      /* mean of it so far */
    size_t lowest_epoch;

    /* This step. */
    size_t first, rows, n_slices;
    double slice_loss[AN_TRAIN_SLICES_MAX];
    double lr, factor; /* factor: clipping */
    uint64_t step;     /* 1 for the first */
    size_t clipped;
} an_trainer;

/* t: m, opts, start and the data are set.  Errors: INVAL. */
an_err an_trainer_check(an_trainer *t, an_note *why);
/* Rows and targets that the model can learn from.  Errors: INVAL. */
an_err an_train_check_data(const an_model *m, const float *x, const float *targets, size_t n, an_note *why);

/* Errors: INVAL nothing moves, NOMEM. */
an_err an_trainer_init(an_trainer *t, an_note *why);
void an_trainer_done(an_trainer *t);

/* The slices of a step: from its rows and the model alone, never from the threads. */
size_t an_train_slice_rows(const an_model *m); /* at least, but for the last rows of an epoch */
size_t an_train_slices(const an_model *m, size_t slice_rows, size_t rows);

/* One step on the rows [first, first + rows) of the order; *ret_loss: the sum over the rows.
 * Errors: NUMERIC. */
an_err an_trainer_step(an_trainer *t, double *ret_loss, an_note *why);

/* ---- privacy of rows (train_private.c) ---- */

bool an_train_is_private(const an_train_opts *o);
/* Errors: INVAL what cannot be private, or out of bounds; UNSUPPORTED the model mixes rows. */
an_err an_train_private_check(const an_trainer *t, an_note *why);
/* Whether a row's gradient can be measured without being made (an_layer_type.row_squares). */
bool an_train_private_short(const an_model *m);
/* After desks and arrays.  Errors: NOMEM. */
an_err an_train_private_init(an_trainer *t);
void an_train_private_done(an_trainer *t);
/* The rows of this step, each by its own coin: sets first, rows, order. */
void an_train_private_draw(an_trainer *t);
/* As an_model_grad, each row's gradient clipped; rows <= group_max are in d. */
double an_train_private_group(const an_trainer *t, an_train_desk *d, size_t rows, const an_step *step,
                              float *grad);
/* This step's noise; then that of a block, to the sum of the slices g, of which it makes the mean. */
void an_train_private_noise(an_trainer *t);
void an_train_private_block(const an_trainer *t, const an_train_block *k, float *g);

/* The mean row loss on the validation part.  Errors: NUMERIC. */
an_err an_trainer_validate(an_trainer *t, double *ret_loss, an_note *why);

#endif
