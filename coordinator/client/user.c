/* People and their tokens. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "doors/crypto.h"

/* ---- passwords ---- */

/* A line without its end.  False: there is none, or it is too long. */
static bool read_line(FILE *in, char *ret, size_t size)
{
    if (!fgets(ret, (int)size, in))
        return false;
    const size_t len = strcspn(ret, "\r\n");
    const bool whole = ret[len] != '\0' || feof(in);
    ret[len] = '\0';
    return whole;
}

/* At the terminal, which shows nothing of it. */
static bool ask_once(FILE *tty, const char *prompt, char ret[static AN_CLI_PASSWORD])
{
    struct termios was, silent;
    if (tcgetattr(fileno(tty), &was) != 0)
        return false;
    silent = was;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(fileno(tty), TCSAFLUSH, &silent) != 0)
        return false;
    fprintf(tty, "%s: ", prompt); /* what was typed before was thrown away */
    fflush(tty);
    const bool read = read_line(tty, ret, AN_CLI_PASSWORD);
    tcsetattr(fileno(tty), TCSAFLUSH, &was);
    fputc('\n', tty);
    return read;
}

int an_cli_password(const an_cli *c, const char *whose, bool twice, char ret[static AN_CLI_PASSWORD])
{
    char again[AN_CLI_PASSWORD] = "", prompt[128];
    if (an_args_has(c->args, "password-stdin"))
        return read_line(stdin, ret, AN_CLI_PASSWORD)
                   ? AN_CLI_OK
                   : an_cli_fail(AN_CLI_USAGE, "no password on standard input, or one that is too long");
    FILE *tty = fopen("/dev/tty", "r+");
    if (!tty)
        return an_cli_fail(AN_CLI_USAGE, "there is no terminal to ask at: --password-stdin");
    snprintf(prompt, sizeof prompt, "password of %.63s", whose);
    bool good = ask_once(tty, prompt, ret), same = true;
    if (good && twice) {
        good = ask_once(tty, "once more", again);
        same = strcmp(ret, again) == 0;
    }
    fclose(tty);
    an_wipe(again, sizeof again);
    if (!good)
        return an_cli_fail(AN_CLI_USAGE, "no password was given, or one that is too long");
    return same ? AN_CLI_OK : an_cli_fail(AN_CLI_USAGE, "these are two passwords");
}

/* ---- users ---- */

static void add_sites(const an_cli *c, an_json *body)
{
    const char *sites = an_args_get(c->args, "sites");
    an_json *list = an_json_array();
    if (!sites) {
        an_json_free(list);
        return;
    }
    for (const char *at = strcmp(sites, "all") == 0 ? NULL : sites; at;) {
        const char *end = strchr(at, ',');
        char name[AN_NAME_MAX + 1];
        snprintf(name, sizeof name, "%.*s", end ? (int)(end - at) : (int)strlen(at), at);
        an_json_push_text(list, name);
        at = end ? end + 1 : NULL;
    }
    an_json_set(body, "sites", list);
}

static void add_text(const an_cli *c, an_json *body, const char *flag)
{
    if (an_args_get(c->args, flag))
        an_json_set_text(body, flag, an_args_get(c->args, flag));
}

static void print_sites(char out[static AN_CLI_SITES], const an_jval *user)
{
    const an_jval *list = an_jval_get(user, "sites");
    size_t at = 0;
    snprintf(out, AN_CLI_SITES, "all");
    for (size_t i = 0; i < an_jval_count(list) && at < AN_CLI_SITES; i++) {
        const char *site = "";
        if (an_jval_text(an_jval_at(list, i), NULL, &site, NULL) == AN_OK)
            at += (size_t)snprintf(out + at, AN_CLI_SITES - at, "%s%s", i ? "," : "", site);
    }
}

static int say_user(int code, an_json_doc *doc)
{
    char sites[AN_CLI_SITES];
    if (doc) {
        const an_jval *u = an_jval_get(an_json_root(doc), "user");
        print_sites(sites, u);
        printf("user %s: %s, sites: %s\n", an_cli_text(u, "name"), an_cli_text(u, "role"), sites);
    }
    an_json_doc_free(doc);
    return code;
}

int an_cli_whoami(an_cli *c)
{
    an_json_doc *doc;
    const int code = an_cli_get(c, &doc, "/session");
    if (doc) {
        char sites[AN_CLI_SITES];
        const an_jval *who = an_json_root(doc);
        print_sites(sites, who);
        printf("%s: %s, sites: %s\n", an_cli_text(who, "user"), an_cli_text(who, "role"), sites);
    }
    an_json_doc_free(doc);
    return code;
}

int an_cli_user_list(an_cli *c)
{
    an_json_doc *doc;
    int code = an_cli_get(c, &doc, "/users");
    if (!doc)
        return code;
    an_grid g;
    an_grid_init(&g, "USER  ROLE  SITES  PASSWORD  TOKENS");
    const an_jval *list = an_jval_get(an_json_root(doc), "users");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *u = an_jval_at(list, i);
        char sites[AN_CLI_SITES], ago[AN_CLI_SHORT];
        print_sites(sites, u);
        an_cli_ago(ago, an_cli_int(u, "password_ms"));
        an_grid_cell(&g, "%s", an_cli_text(u, "name"));
        an_grid_cell(&g, "%s", an_cli_text(u, "role"));
        an_grid_cell(&g, "%s", sites);
        an_grid_cell(&g, "%s", an_cli_bool(u, "password") ? ago : "none");
        an_grid_cell(&g, "%lld", (long long)an_cli_int(u, "tokens"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_json_doc_free(doc);
    return code;
}

int an_cli_user_add(an_cli *c)
{
    an_json_doc *doc = NULL;
    char password[AN_CLI_PASSWORD] = "";
    const char *name = an_cli_word(c, 0);
    if (!name || !an_args_get(c->args, "role"))
        return an_cli_fail(AN_CLI_USAGE,
                           "give a name and --role: viewer, operator, engineer, releaser or administrator");
    const bool with = !an_args_has(c->args, "no-password");
    int code = with ? an_cli_password(c, name, true, password) : AN_CLI_OK;
    if (code != AN_CLI_OK)
        return code;
    an_json *body = an_json_object();
    an_json_set_text(body, "name", name);
    add_text(c, body, "role");
    add_text(c, body, "reason");
    add_sites(c, body);
    if (with)
        an_json_set_text(body, "password", password);
    an_wipe(password, sizeof password);
    code = an_cli_post(c, &doc, body, "/users");
    return say_user(code, doc);
}

int an_cli_user_set(an_cli *c)
{
    an_json_doc *doc = NULL;
    const char *name = an_cli_word(c, 0);
    if (!name)
        return AN_CLI_USAGE;
    an_json *body = an_json_object();
    add_text(c, body, "role");
    add_text(c, body, "reason");
    add_sites(c, body);
    const int code = an_cli_post(c, &doc, body, "/users/%s", name);
    return say_user(code, doc);
}

int an_cli_user_password(an_cli *c)
{
    an_json_doc *doc = NULL;
    char password[AN_CLI_PASSWORD] = "", old[AN_CLI_PASSWORD] = "";
    const char *name = an_cli_word(c, 0);
    if (!name)
        return AN_CLI_USAGE;
    int code = AN_CLI_OK;
    if (an_args_has(c->args, "own"))
        code = an_cli_password(c, "yours at present", false, old);
    if (code == AN_CLI_OK)
        code = an_cli_password(c, name, true, password);
    if (code == AN_CLI_OK) {
        an_json *body = an_json_object();
        an_json_set_text(body, "password", password);
        if (an_args_has(c->args, "own"))
            an_json_set_text(body, "old", old);
        code = an_cli_post(c, &doc, body, "/users/%s", name);
    }
    if (doc)
        printf("user %s has another password; their sessions are over\n", name);
    an_wipe(password, sizeof password);
    an_wipe(old, sizeof old);
    an_json_doc_free(doc);
    return code;
}

int an_cli_user_remove(an_cli *c)
{
    an_json_doc *doc = NULL;
    const int code = an_cli_do(c, &doc, "users", "remove");
    if (doc)
        printf("user %s is removed, with their tokens and sessions\n",
               an_cli_text(an_json_root(doc), "removed"));
    an_json_doc_free(doc);
    return code;
}

/* ---- tokens ---- */

int an_cli_user_token(an_cli *c)
{
    an_json_doc *doc = NULL;
    const char *name = an_cli_word(c, 0), *label = an_args_get(c->args, "label");
    const int64_t valid_ms = an_cli_valid_ms(c, "valid", INT64_C(90) * 86400000);
    if (!name || !valid_ms)
        return AN_CLI_USAGE;
    an_json *body = an_json_object();
    an_json_set_text(body, "label", label ? label : "andon");
    an_json_set_int(body, "valid_ms", valid_ms);
    add_text(c, body, "role");
    const int code = an_cli_post(c, &doc, body, "/users/%s/tokens", name);
    if (doc)
        printf("%s\n", an_cli_text(an_jval_get(an_json_root(doc), "token"), "token"));
    an_json_doc_free(doc);
    return code;
}

int an_cli_user_tokens(an_cli *c)
{
    an_json_doc *doc = NULL;
    const char *name = an_cli_word(c, 0);
    const int code = name ? an_cli_get(c, &doc, "/users/%s/tokens", name) : AN_CLI_USAGE;
    if (!doc)
        return code;
    an_grid g;
    an_grid_init(&g, "ID  LABEL  ROLE  MADE  UNTIL");
    const an_jval *list = an_jval_get(an_json_root(doc), "tokens");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *t = an_jval_at(list, i);
        char ago[AN_CLI_SHORT], day[25];
        an_cli_ago(ago, an_cli_int(t, "created_ms"));
        an_cli_day(day, an_cli_int(t, "expires_ms"));
        an_grid_cell(&g, "%s", an_cli_text(t, "id"));
        an_grid_cell(&g, "%s", an_cli_text(t, "label"));
        an_grid_cell(&g, "%s", an_cli_text(t, "role"));
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s", day);
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_json_doc_free(doc);
    return code;
}

int an_cli_user_token_revoke(an_cli *c)
{
    an_json_doc *doc = NULL;
    const char *name = an_cli_word(c, 0), *id = an_cli_word(c, 1);
    if (!name || !id)
        return AN_CLI_USAGE;
    an_json *body = an_json_object();
    an_json_set_text(body, "id", id);
    add_text(c, body, "reason");
    const int code = an_cli_post(c, &doc, body, "/users/%s/tokens/revoke", name);
    if (doc)
        printf("token %s of %s is valid no more\n", id, name);
    an_json_doc_free(doc);
    return code;
}
