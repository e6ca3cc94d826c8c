/* prune.h - smaller models from learnt ones, with fine-tuning in between.
 *
 *     an_prune_opts o = an_prune_defaults();
 *     o.share = 0.5;
 *     err = an_prune_weights(model, params, &o, &tune, x, NULL, n, &report, &why);
 *
 *     an_model *small = NULL;
 *     float *small_params = NULL;
 *     err = an_prune_units(model, params, &o, &tune, x, NULL, n, &small, &small_params, &report, &why);
 *
 * Unstructured (weights): the smallest weights become 0 and stay so (Han et al. 2015).  The model
 * keeps its shape: what is gained is a file that compresses, not speed, as the products take zeros like
 * other numbers.  Biases, norms and running means stay.
 *
 * Structured (units): whole units of dense layers and whole filters of convolutions go, those with the
 * smallest norm (Li et al. 2017), and with them the weights of those who read them: a smaller
 * description and fewer weights, faster everywhere.  A layer can lose units if between it and the next
 * dense layer or convolution each output goes to one reader, and every layer there treats each channel
 * by itself: relu, leaky_relu, sigmoid, tanh, gelu, dropout, pools, upsample, flatten, batch_norm.
 * Refused, as an_prune_refusal says for each layer, are the model's last layer, layers with several
 * readers, and layers followed by a join, a recurrent layer, attention, or a norm over several
 * channels.  They keep their units; the others lose theirs all the same.
 *
 * Both go in `steps` steps: after step s of S the share is share (1 - (1 - s / S)^3) (Zhu and Gupta
 * 2017), and after each the model is tuned.
 *
 * Threads: pure; training starts workers that live for the call. */
#ifndef AN_MODELS_PRUNE_H
#define AN_MODELS_PRUNE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "models/model.h"
#include "models/train.h"

typedef enum an_prune_norm { AN_PRUNE_L2, AN_PRUNE_L1 } an_prune_norm;

typedef struct an_prune_opts {
    double share;       /* of the weights, or of each layer's units, that go; [0, 0.99] */
    bool per_tensor;    /* weights: the share of each tensor; else of all together */
    an_prune_norm norm; /* units: of the weights that make a unit */
    size_t steps;       /* 1 .. 100 */
} an_prune_opts;

an_prune_opts an_prune_defaults(void); /* half of all weights together, L2, 3 steps */

typedef struct an_prune_report {
    size_t n_candidates; /* weights, or units, that could have gone */
    size_t n_gone;
    size_t n_params; /* of the result */
    size_t n_zero;   /* parameters of the result that are 0 */
} an_prune_report;

/* Prunes params (n_params, in and out) and tunes them on x (n, n_inputs) with targets as an_train.  tune:
 * how, with the epochs after each step; NULL: not at all, and x is not looked at.  Tensors that tune
 * freezes are not pruned.  On any failure params are as they were given.  ret_report may be NULL.
 * Errors: INVAL options; as an_train. */
an_err an_prune_weights(const an_model *m, float *params, const an_prune_opts *opts,
                        const an_train_opts *tune, const float *x, const float *targets, size_t n,
                        an_prune_report *ret_report, an_note *why);

/* A smaller model and its parameters, both the caller's (an_model_free, an_free).  tune may not freeze,
 * hold or anchor, as the parameters are others from step to step.  Errors: INVAL options; UNSUPPORTED
 * no layer can lose units, with the first refusal in why; as an_train. */
an_err an_prune_units(const an_model *m, const float *params, const an_prune_opts *opts,
                      const an_train_opts *tune, const float *x, const float *targets, size_t n,
                      an_model **ret_model, float **ret_params, an_prune_report *ret_report, an_note *why);

/* Why layer i (< an_model_n_layers) keeps all its units; NULL: it can lose some.  Layers without units
 * give "has no units".  The text is a constant. */
const char *an_prune_refusal(const an_model *m, size_t i);

#endif
