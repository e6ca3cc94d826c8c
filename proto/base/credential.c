#include "base/credential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "credential:"
#define NAME_MAX_BYTES 200

bool an_is_credential(const char *text)
{
    return strncmp(text, SCHEME, sizeof SCHEME - 1) == 0;
}

an_err an_credential_path(char out[static AN_PATH_MAX], const char *text, an_note *why)
{
    if (!an_is_credential(text)) {
        const int n = snprintf(out, AN_PATH_MAX, "%s", text);
        return n >= 0 && n < AN_PATH_MAX ? AN_OK : an_fail(AN_ERR_LIMIT, why, "%.60s...: too long", text);
    }
    const char *name = text + sizeof SCHEME - 1, *dir = getenv("CREDENTIALS_DIRECTORY");
    if (!name[0] || name[0] == '.' || strchr(name, '/') || strlen(name) > NAME_MAX_BYTES)
        return an_fail(AN_ERR_INVAL, why, "%.220s: not the name of a credential", text);
    if (!dir || !dir[0])
        return an_fail(AN_ERR_NOTFOUND, why,
                       "%s: no credentials were handed over; the service has them (LoadCredential)", text);
    return an_path_join(out, dir, name);
}
