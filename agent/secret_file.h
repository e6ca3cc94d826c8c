/* secret_file.h - a secret that lies in a file of its own: a password, a token, a key.
 *
 *     err = an_secret_file_read("/etc/andon/hook.key", &secret, &len, &why);
 *     an_secret_free(secret);
 *
 * Threads: no state. */
#ifndef AN_AGENT_SECRET_FILE_H
#define AN_AGENT_SECRET_FILE_H

#include <stddef.h>

#include "base/err.h"

#define AN_SECRET_FILE_MAX 4096

/* Without the end of its last line; len bytes and a terminator, in secret memory (an_secret_free).  path may be
 * credential:NAME (base/credential.h).
 * Errors: NOTFOUND, IO; AUTH users outside its group can read it; INVAL empty, or a zero within; LIMIT; NOMEM. */
an_err an_secret_file_read(const char *path, char **ret, size_t *ret_len, an_note *why);

#endif
