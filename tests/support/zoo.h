/* zoo.h - every description of models/zoo, and graphs of what it does not use, as tests run them: with
 * images of at most 32 by 32, first parameters and random rows.
 *
 *     for (size_t i = 0; i < an_zoo_count(); i++) {
 *         an_zoo z;
 *         an_zoo_open(i, 70, &z);
 *         ... z.m, z.params, z.x, z.t ...
 *         an_zoo_done(&z);
 *     }
 *
 * What does not work fails the test that calls. */
#ifndef AN_TESTS_SUPPORT_ZOO_H
#define AN_TESTS_SUPPORT_ZOO_H

#include <stddef.h>

#include "models/model.h"

typedef struct an_zoo {
    an_model *m;
    size_t rows, n_params;
    float *params; /* as an_model_init makes them */
    float *x;      /* (rows, n_inputs) */
    float *t;      /* (rows, n_targets); NULL for an autoencoder */
} an_zoo;

size_t an_zoo_count(void); /* does not change while a program runs */
void an_zoo_open(size_t i, size_t rows, an_zoo *ret);
void an_zoo_done(an_zoo *z);

#endif
