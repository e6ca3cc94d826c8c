/* Logging in: a password for a token of limited life, which is kept in a file that nobody else may read.
 *
 * The file has three lines: the token, the coordinator that it is for, whose it is and its number.  The token is sent
 * to that coordinator alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/client/client.h"
#include "doors/crypto.h"

#define FILE_MAX 4096
#define LIFE_MS (INT64_C(12) * 3600000)

/* "~/.config/andon/token".  False: nobody says where home is. */
static bool path_of(char folder[static AN_PATH_MAX], char ret[static AN_PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    const bool known = (config && config[0]) || (home && home[0]);
    int n = config && config[0] ? snprintf(folder, AN_PATH_MAX, "%s/andon", config)
            : known             ? snprintf(folder, AN_PATH_MAX, "%s/.config/andon", home)
                                : 0;
    return known && n > 0 && n < AN_PATH_MAX && an_path_join(ret, folder, "token") == AN_OK;
}

typedef struct kept {
    char token[128], url[1200], user[AN_NAME_MAX], id[32];
} kept;

/* False: there is no such file, or others may read it. */
static bool read_kept(kept *ret)
{
    char folder[AN_PATH_MAX], path[AN_PATH_MAX];
    struct stat st;
    an_buf b;
    an_buf_init(&b, FILE_MAX);
    bool good = path_of(folder, path) && stat(path, &st) == 0 && !(st.st_mode & (S_IRWXG | S_IRWXO)) &&
                an_file_read(&b, path, NULL) == AN_OK;
    an_buf_u8(&b, 0);
    good =
        good && !b.failed &&
        sscanf((const char *)b.data, "%127s %1199s %63s %31s", ret->token, ret->url, ret->user, ret->id) == 4;
    if (b.data)
        an_wipe(b.data, b.len);
    an_buf_done(&b);
    return good;
}

bool an_cli_logged_in(const char *url, char *ret_authorization, size_t size)
{
    kept k;
    const bool good = read_kept(&k) && strcmp(k.url, url) == 0;
    if (good)
        snprintf(ret_authorization, size, "Authorization: Bearer %s", k.token);
    an_wipe(&k, sizeof k);
    return good;
}

static int keep(const an_cli *c, const char *user, const an_jval *token)
{
    char folder[AN_PATH_MAX], path[AN_PATH_MAX], text[FILE_MAX], day[25];
    an_note why = {{0}};
    if (!path_of(folder, path))
        return an_cli_fail(AN_CLI_REFUSED, "neither HOME nor XDG_CONFIG_HOME says where to keep the token");
    const int n = snprintf(text, sizeof text, "%s\n%s\n%s %s\n", an_cli_text(token, "token"), c->asked, user,
                           an_cli_text(token, "id"));
    an_err err = n > 0 && (size_t)n < sizeof text ? an_dir_make(folder, &why) : AN_ERR_LIMIT;
    if (err == AN_OK)
        err = an_file_write(path, text, (size_t)n, 0600, &why);
    an_wipe(text, sizeof text);
    if (err != AN_OK)
        return an_cli_fail(AN_CLI_REFUSED, "%s", why.text[0] ? why.text : an_err_text(err));
    an_cli_day(day, an_cli_int(token, "expires_ms"));
    printf("logged in as %s (%s) until %s; the token is in %s, andon logout ends it\n", user,
           an_cli_text(token, "role"), day, path);
    return AN_CLI_OK;
}

/* With the session that stands in c->authorization and c->csrf. */
static int make_token(an_cli *c, const char *user)
{
    an_json_doc *doc = NULL;
    char host[AN_NAME_MAX] = "", label[AN_NAME_MAX];
    const int64_t valid_ms = an_cli_valid_ms(c, "valid", LIFE_MS);
    if (!valid_ms)
        return AN_CLI_USAGE;
    if (gethostname(host, sizeof host - 1) != 0 || !an_name_ok(host))
        snprintf(host, sizeof host, "here");
    snprintf(label, sizeof label, "login-%.50s", host);
    an_json *body = an_json_object();
    an_json_set_text(body, "label", label);
    an_json_set_int(body, "valid_ms", valid_ms);
    int code = an_cli_post(c, &doc, body, "/users/%s/tokens", user);
    if (doc)
        code = keep(c, user, an_jval_get(an_json_root(doc), "token"));
    an_json_doc_free(doc);
    return code;
}

static int open_session(an_cli *c, const char *user)
{
    an_json_doc *doc = NULL;
    char password[AN_CLI_PASSWORD] = "";
    int code = an_cli_password(c, user, false, password);
    if (code != AN_CLI_OK)
        return code;
    an_json *body = an_json_object();
    an_json_set_text(body, "user", user);
    an_json_set_text(body, "password", password);
    an_wipe(password, sizeof password);
    c->authorization[0] = '\0';
    code = an_cli_post(c, &doc, body, "/session");
    if (doc) {
        snprintf(c->csrf, sizeof c->csrf, "X-Andon-CSRF: %s", an_cli_text(an_json_root(doc), "csrf"));
        snprintf(c->authorization, sizeof c->authorization, "Cookie: %.*s", (int)strcspn(c->cookie, ";"),
                 c->cookie);
    }
    an_json_doc_free(doc);
    return code;
}

int an_cli_login(an_cli *c)
{
    an_json_doc *doc = NULL;
    const char *user = an_args_get(c->args, "user");
    user = user ? user : getenv("USER");
    if (!user || !an_name_ok(user))
        return an_cli_fail(AN_CLI_USAGE, "who logs in? --user NAME");
    if (strcmp(user, "admin") == 0)
        return an_cli_fail(AN_CLI_USAGE,
                           "admin is whoever has admin.token: --token-file FILE, or --data DIR");
    c->quiet_json = true; /* a token is not for the screen */
    int code = open_session(c, user);
    if (code != AN_CLI_OK)
        return code;
    code = make_token(c, user);
    const int ended = an_cli_post(c, &doc, an_json_object(), "/session/end");
    an_json_doc_free(doc);
    an_wipe(c->authorization, sizeof c->authorization);
    return code == AN_CLI_OK ? ended : code;
}

/* The file goes even if nobody can be told. */
int an_cli_logout(an_cli *c)
{
    char folder[AN_PATH_MAX], path[AN_PATH_MAX];
    an_json_doc *doc = NULL;
    kept k;
    if (!path_of(folder, path) || !read_kept(&k))
        return an_cli_fail(AN_CLI_NOT_FOUND, "nobody is logged in here");
    int code = AN_CLI_OK;
    if (strcmp(k.url, c->asked) != 0)
        code = an_cli_fail(AN_CLI_USAGE, "the token is for %s: --url", k.url);
    if (code == AN_CLI_OK) {
        an_json *body = an_json_object();
        an_json_set_text(body, "id", k.id);
        an_json_set_text(body, "reason", "logged out");
        snprintf(c->authorization, sizeof c->authorization, "Authorization: Bearer %s", k.token);
        c->quiet_json = true;
        code = an_cli_post(c, &doc, body, "/users/%s/tokens/revoke", k.user);
        an_json_doc_free(doc);
        an_err err = an_file_remove(path, NULL);
        if (code == AN_CLI_OK && err == AN_OK)
            printf("%s is logged out\n", k.user);
    }
    an_wipe(&k, sizeof k);
    return code;
}
