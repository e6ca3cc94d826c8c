/* login.h - who the agent is to a server: a user, and a password that does not stand in the configuration.
 *
 *     err = an_login_read(conf, &login, &why);             user, password_file, password_env
 *     err = an_login_password(&login, &password, &why);    NULL: none
 *     an_secret_free(password);
 *
 * Threads: plain data. */
#ifndef AN_AGENT_LOGIN_H
#define AN_AGENT_LOGIN_H

#include "agent/options.h"
#include "doors/yaml.h"

typedef struct an_login {
    const char *user, *password_file, *password_env; /* borrowed from the configuration; "" none */
} an_login;

#define AN_LOGIN_OPTIONS                                                                                     \
    {"user", AN_OPTION_TEXT, 0, 0, "", "name at the server"},                                                \
        {"password_file", AN_OPTION_TEXT, 0, 0, "", "file with its password"},                               \
    {                                                                                                        \
        "password_env", AN_OPTION_TEXT, 0, 0, "", "variable of the environment with its password"            \
    }

/* Errors: INVAL two passwords, or one without a user. */
an_err an_login_read(const an_node *conf, an_login *ret, an_note *why);
/* In secret memory.  Errors: NOTFOUND the variable is not set; those of an_secret_file_read. */
an_err an_login_password(const an_login *l, char **ret, an_note *why);

#endif
