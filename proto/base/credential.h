/* credential.h - secrets that the one who starts the program hands over as files (systemd's LoadCredential): in an
 * option they are "credential:NAME" where a file's path is wanted, and lie in $CREDENTIALS_DIRECTORY.
 *
 *     err = an_credential_path(path, file, &why);
 *
 * Threads: no state. */
#ifndef AN_BASE_CREDENTIAL_H
#define AN_BASE_CREDENTIAL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/file.h"

bool an_is_credential(const char *text);

/* Where it lies; any other text is a path and stays as it is.  Errors: INVAL no name; NOTFOUND none were handed over;
 * LIMIT. */
an_err an_credential_path(char out[static AN_PATH_MAX], const char *text, an_note *why);

#endif
