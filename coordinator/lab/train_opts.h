/* train_opts.h - how a version is trained, as flags say it: the same for every verb that trains. */
#ifndef AN_COORDINATOR_LAB_TRAIN_OPTS_H
#define AN_COORDINATOR_LAB_TRAIN_OPTS_H

#include "coordinator/lab/lab.h"
#include "models/train.h"

#define AN_LAB_FLAGS_TRAIN                                                                                   \
    {"epochs", "N", "passes over the windows (default 10)"},                                                 \
        {"batch", "N", "windows in a step (default 64)"}, {"lr", "X", "learning rate (default 0.001)"},      \
        {"optimiser", "NAME", "adam (default), adamw, sgd or rmsprop"},                                      \
        {"momentum", "X", "of sgd (default 0.9)"},                                                           \
        {"weight-decay", "X", "decoupled from the gradient (default 0)"},                                    \
        {"clip-norm", "X", "the gradient's largest norm (default 0: no bound)"},                             \
        {"schedule", "NAME", "of the rate: constant (default), step or cosine"},                             \
        {"warmup", "X", "epochs in which the rate grows from 0 (default 0)"},                                \
        {"lr-every", "X", "step: epochs between two drops of the rate (default 10)"},                        \
        {"lr-factor", "X", "step: what a drop multiplies the rate by (default 0.1)"},                        \
        {"lr-floor", "X", "cosine: share of the rate that is left at the end (default 0)"},                  \
        {"validation", "X", "share of the windows, from the end, that is watched and not learnt"},           \
        {"precision", "NAME", "of products: float (default), or bf16, faster where the processor has it"},   \
        {"patience", "N", "stop after N epochs that do not lower the validation loss, keep the best"},       \
    {                                                                                                        \
        "min-gain", "X", "what counts as lower, as a share of the loss (default 0)"                          \
    }

/* The defaults and what the flags change; seed, threads and cancel as for the whole lab.  Names point
 * into the arguments.  Errors: INVAL; UNSUPPORTED bf16 where the processor has none. */
an_err an_lab_train_opts(an_lab *lab, an_train_opts *ret, an_note *why);

#endif
