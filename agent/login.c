#include "agent/login.h"

#include <stdlib.h>
#include <string.h>

#include "agent/secret_file.h"
#include "doors/crypto.h"

an_err an_login_read(const an_node *conf, an_login *ret, an_note *why)
{
    an_err err = an_node_get_text(conf, "user", "", &ret->user, why);
    if (err == AN_OK)
        err = an_node_get_text(conf, "password_file", "", &ret->password_file, why);
    if (err == AN_OK)
        err = an_node_get_text(conf, "password_env", "", &ret->password_env, why);
    if (err != AN_OK)
        return err;
    if (ret->password_file[0] && ret->password_env[0])
        return an_node_fail(conf, why, "either password_file or password_env");
    if (!ret->user[0] && (ret->password_file[0] || ret->password_env[0]))
        return an_node_fail(conf, why, "a password needs a user");
    return AN_OK;
}

an_err an_login_password(const an_login *l, char **ret, an_note *why)
{
    size_t len;
    *ret = NULL;
    if (l->password_file[0])
        return an_secret_file_read(l->password_file, ret, &len, why);
    if (!l->password_env[0])
        return AN_OK;
    const char *given = getenv(l->password_env);
    if (!given)
        return an_fail(AN_ERR_NOTFOUND, why, "password_env: %.60s is not set", l->password_env);
    len = strlen(given) + 1;
    if (!(*ret = an_secret_alloc(len)))
        return AN_ERR_NOMEM;
    memcpy(*ret, given, len);
    return AN_OK;
}
