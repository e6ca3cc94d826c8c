/* kind.h - what a file seems to be, for the sentence that says why it is not what was asked for.
 *
 *     if ((err = an_lab_expect_version(path, &why)) == AN_OK)
 *         err = an_bundle_read(&bundle, &hash, path, &why);
 *
 * A file that cannot be opened passes: who reads it says why.  So does a pipe, which can be read once only.
 *
 * Threads: call from anywhere. */
#ifndef AN_COORDINATOR_LAB_KIND_H
#define AN_COORDINATOR_LAB_KIND_H

#include <stdbool.h>

#include "base/err.h"

/* "a version", "a table", "an ONNX file" ...; NULL: it cannot be read, or not twice. */
const char *an_lab_kind_of(const char *path);
bool an_lab_kind_is_version(const char *path);

/* Errors: PROTO it seems to be something else, and why says what. */
an_err an_lab_expect_version(const char *path, an_note *why);
an_err an_lab_expect_description(const char *path, an_note *why);
/* One of the two. */
an_err an_lab_expect_model(const char *path, an_note *why);

#endif
