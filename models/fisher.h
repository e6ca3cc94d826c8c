/* fisher.h - how much each parameter matters for what a model has learnt: the diagonal of the
 * empirical Fisher information, for elastic weight consolidation (Kirkpatrick et al. 2017).
 *
 *     float *fisher = an_alloc(an_model_n_params(m), sizeof *fisher);
 *     err = an_fisher_diagonal(m, old, x, NULL, n, 2, fisher, &why);
 *     opts.ewc = 100;
 *     opts.anchor = old;
 *     opts.fisher = fisher;
 *     err = an_train(m, params, &opts, ...);              other data; what mattered stays
 *
 * Threads: call from any thread; the workers live for the call. */
#ifndef AN_MODELS_FISHER_H
#define AN_MODELS_FISHER_H

#include <stddef.h>

#include "base/err.h"
#include "models/model.h"

/* ret_fisher (n_params): the mean over the rows of the square of each row's gradient, with the
 * targets given (targets NULL for an autoencoder); 0 for tensors that follow.  It takes the loss for
 * a negative log-likelihood, exactly so for cross_entropy and bce, and up to a factor for mse; the
 * factor goes into ewc.  The same bits with any number of threads.  ret_fisher is untouched on
 * failure.  Errors: INVAL no rows or targets, UNSUPPORTED the rows of a pass mix (batch_norm), so
 * that no row has a gradient of its own; NUMERIC; NOMEM. */
an_err an_fisher_diagonal(const an_model *m, const float *params, const float *x, const float *targets,
                          size_t n, size_t n_threads, float *ret_fisher, an_note *why);

#endif
