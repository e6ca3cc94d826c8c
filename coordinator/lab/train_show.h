/* train_show.h - what is seen of a training while it runs: a line that lives on a terminal, plain lines
 * elsewhere, an object for each epoch under --json; and the curve of it all for a plot.
 *
 *     epoch 4/10  loss 0.0123  valid 0.014  [======>             ]  34 %  ETA 0:42
 *
 *     an_lab_train_show show = {0};
 *     an_lab_train_show_start(&show, lab, &opts);       sets opts.progress, .epoch_end and .keep
 *     err = an_train(model, params, &opts, ...);
 *     an_lab_train_show_end(&show);
 *     ... show.epochs[0 .. n) ...
 *     an_lab_train_show_done(&show);
 *
 * Lines go to standard error, objects to lab->out, one on each line.
 *
 * Threads: the one that trains. */
#ifndef AN_COORDINATOR_LAB_TRAIN_SHOW_H
#define AN_COORDINATOR_LAB_TRAIN_SHOW_H

#include "base/progress.h"
#include "coordinator/lab/lab.h"
#include "models/train.h"

typedef struct an_lab_train_show {
    an_lab *lab;
    size_t planned;         /* epochs */
    bool validation;        /* there is a validation part */
    bool bf16;              /* of products */
    an_train_epoch *epochs; /* (n) what has been; fewer if memory ran out */
    size_t n, cap;
    bool tty;
    an_progress progress;
    double started_s;
} an_lab_train_show;

/* An interrupt ends the training alone: what follows it goes on. */
void an_lab_train_show_start(an_lab_train_show *s, an_lab *lab, an_train_opts *opts);
void an_lab_train_show_end(an_lab_train_show *s);
void an_lab_train_show_done(an_lab_train_show *s);

/* How it ended, as one line of text. */
void an_lab_train_show_print(const an_lab_train_show *s, const an_train_stats *stats, FILE *out);
void an_lab_train_show_json(const an_lab_train_show *s, const an_train_stats *stats, an_json *object);

#endif
