/* anatomy.h - a model layer by layer: what it reads, shapes, parameters, operations, memory.
 *
 *     err = an_lab_anatomy_print(model, 64, lab->out, &why);
 *     err = an_lab_anatomy_json(model, 64, object, &why);        under --json
 *
 * Threads: pure functions. */
#ifndef AN_COORDINATOR_LAB_ANATOMY_H
#define AN_COORDINATOR_LAB_ANATOMY_H

#include <stdio.h>

#include "doors/json.h"
#include "models/model.h"

/* batch: rows of the training step whose memory is told.  Errors: INVAL, NOMEM. */
an_err an_lab_anatomy_print(const an_model *m, size_t batch, FILE *out, an_note *why);
an_err an_lab_anatomy_json(const an_model *m, size_t batch, an_json *object, an_note *why);

/* "1.2 MB", in thousands; "12.5 k" without a unit. */
#define AN_LAB_SIZE_TEXT 32u
void an_lab_size_text(char out[static AN_LAB_SIZE_TEXT], double value, const char *unit);

/* A model's description in a file.  features: the width of the data, 0: none.
 * Errors: as an_model_new; PROTO it is something
 * else; NOTFOUND, IO. */
an_err an_lab_arch_read(const char *path, size_t features, an_model **ret, an_note *why);

#endif
