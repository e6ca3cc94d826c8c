/* andon: the central team's command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/client/client.h"
#include "coordinator/client/names.h"
#include "doors/http_client.h"

/* Every verb knows the first of these. */
#define COMMON                                                                                               \
    {"url", "URL",                                                                                           \
     "the coordinator's API, or several, separated by commas; or $ANDON_URL; http://127.0.0.1:7700"},        \
        {"token-file", "FILE", "a file with a token; or $ANDON_TOKEN_FILE; else that of andon login"},       \
        {"ca-file", "FILE", "certificates to trust for https, in place of the system's; or $ANDON_CA_FILE"}, \
        {"data", "DIR", "the coordinator's data folder: takes URL and token from there"},                    \
    {                                                                                                        \
        "json", NULL, "print the server's JSON"                                                              \
    }

#define WATCH                                                                                                \
    {                                                                                                        \
        "watch", NULL, "look again and again: drawn anew; into a pipe a line for each that is new"           \
    }
#define BEFORE                                                                                               \
    {                                                                                                        \
        "before", "N", "older ones: go on where the last answer said"                                        \
    }
static const an_flag flags_none[] = {COMMON};
static const an_flag flags_look[] = {COMMON, WATCH};
static const an_flag flags_site[] = {COMMON, WATCH, {"site", "NAME", "of this site only"}};
static const an_flag flags_reason[] = {COMMON, {"reason", "TEXT", "why; kept in the journal"}};
static const an_flag flags_promote[] = {
    COMMON, {"reason", "TEXT", "why; kept in the journal"}, {"at-once", NULL, "to all sites at once"}};
static const an_flag flags_approve[] = {
    COMMON,
    {"reason", "TEXT", "why; kept in the journal"},
    {"fingerprint", "F", "approve only if this is the site's fingerprint, as its people read it to you"}};
#define VALID                                                                                                \
    {                                                                                                        \
        "valid", "TIME", "how long: 10m, 1h, 7d; 1h if not given"                                            \
    }
static const an_flag flags_token[] = {COMMON, VALID, {"site", "NAME", "for this site alone"}};
static const an_flag flags_replace[] = {COMMON, VALID, {"reason", "TEXT", "why; kept in the journal"}};
static const an_flag flags_list[] = {
    COMMON, WATCH, {"model", "NAME", "of this model only"}, {"limit", "N", "at most so many"}, BEFORE};
static const an_flag flags_rounds[] = {COMMON,
                                       WATCH,
                                       {"model", "NAME", "of this model only"},
                                       {"campaign", "N", "of this campaign only"},
                                       {"limit", "N", "at most so many"},
                                       BEFORE};
static const an_flag flags_subject[] = {
    COMMON, WATCH, {"site", "NAME", "of this site only"}, {"limit", "N", "at most so many"}, BEFORE};
static const an_flag flags_campaign[] = {
    COMMON,
    {"rounds", "N", "training rounds; as the model's policy says if not given"},
    {"kind", "KIND", "training from the start, or incremental from production"},
    {"yes", NULL, "though the noise is expected to be longer than all updates together"},
    {"reason", "TEXT", "why; kept in the journal"}};
#define KEY                                                                                                  \
    {                                                                                                        \
        "key", "FILE", "the key of the release root; it does not leave this machine"                         \
    }
static const an_flag flags_sign[] = {
    COMMON,
    KEY,
    {"all", NULL, "all that wait"},
    {"valid", "TIME", "how long a release may be newly followed; 365d if not given"}};
static const an_flag flags_roster[] = {
    COMMON,
    KEY,
    {"replaced", "NAME=F",
     "a site that lost its keys, and the fingerprint of the new ones as its people read it to you; several "
     "with commas"},
    {"expires", "TIME",
     "how long sites make secure sums by what is signed; 365d if not given, never: for ever"},
    {"yes", NULL, "the fingerprints that are shown were compared: sign without being asked"}};
static const an_flag flags_delegate[] = {
    COMMON,
    KEY,
    {"model", "NAME", "from its production version on, with its architecture, preprocessing and schema"},
    {"models", "NAME", "other models of the same form as well: the beginning of their names and a *"},
    {"count", "N", "releases of each model; 50 if not given"},
    {"valid", "TIME", "how long: 30d if not given"}};
static const an_flag flags_revoke[] = {COMMON, KEY};
static const an_flag flags_rotate[] = {
    COMMON,
    {"old", "FILE", "the key of the present root; not wanted if that is the coordinator's own key"},
    {"new", "FILE", "the key of the next root"},
    {"valid", "TIME",
     "how long the releases in force, signed anew, may be newly followed; 365d if not given"}};
#define PASSWORD                                                                                             \
    {                                                                                                        \
        "password-stdin", NULL, "the password is a line of standard input"                                   \
    }
#define SITES                                                                                                \
    {                                                                                                        \
        "sites", "A,B", "only these; all: every one"                                                         \
    }
#define ROLE                                                                                                 \
    {                                                                                                        \
        "role", "ROLE", "viewer, operator, engineer, releaser or administrator"                              \
    }
static const an_flag flags_user_add[] = {
    COMMON,   ROLE,
    SITES,    {"reason", "TEXT", "why; kept in the journal"},
    PASSWORD, {"no-password", NULL, "they cannot log in, and have tokens alone"}};
static const an_flag flags_user_set[] = {COMMON, ROLE, SITES, {"reason", "TEXT", "why; kept in the journal"}};
static const an_flag flags_user_password[] = {
    COMMON,
    PASSWORD,
    {"own", NULL, "one's own, without being an administrator: asks for the present one first"}};
static const an_flag flags_user_token[] = {
    COMMON,
    {"label", "NAME", "what it is for; andon if not given"},
    {"role", "ROLE", "at most the user's, and yours; theirs if not given"},
    {"valid", "TIME", "how long: 12h, 30d; 90d if not given"}};
static const an_flag flags_login[] = {COMMON,
                                      {"user", "NAME", "who; or $USER"},
                                      {"valid", "TIME", "how long: 1h, 7d; 12h if not given"},
                                      PASSWORD};
static const an_flag flags_journal[] = {
    COMMON,
    {"follow", NULL, "go on with what happens from now on"},
    {"verify", NULL, "compute the chain of hashes again instead"},
    {"after", "SEQ", "only records after this one"},
    {"kind", "KIND", "only this kind; \"round.\" is all kinds of rounds"},
    {"subject", "S", "only of this site, model, or round/N"},
    {"actor", "A", "only by this one: user/admin, site/plant-a, coordinator"},
    {"since", "TIME", "not before: 2026-05-03, 2026-05-03T14:00 (UTC), 2h ago as 2h"},
    {"until", "TIME", "not after"},
    {"limit", "N", "the last so many, with --after the first; 50 if not given"}};
static const an_flag flags_history[] = {
    COMMON, {"at", "TIME", "only what was so then: 2026-05-03, 2026-05-03T14:00 (UTC), 2h ago as 2h"}};
static const an_flag flags_card[] = {COMMON, {"out", "FILE", "into a file, which must not be there yet"}};
static const an_flag flags_export[] = {
    COMMON,
    {"site", "NAME",
     "what this site, or each of this group, is to run now: in a rollout perhaps its version"}};
static const an_flag flags_verify[] = {COMMON, {"file", "FILE", "an export, without the coordinator"}};
static const an_flag flags_create[] = {
    COMMON,
    {"arch", "FILE", "the architecture, YAML"},
    {"detector", "NAME",
     "how windows are judged; without an architecture mahalanobis, pca, t2, q, scales, halfspace or, of "
     "images, padim"},
    {"from", "HASH",
     "a version of any model: layers of the same name and shape begin with what its have learnt"},
    {"schema", "FILE", "YAML with sensors, rate_hz, window, stride, smooth, threshold, prep (steps)"},
    {"sensors", "A,B,C", "names of the sensors, in order"},
    {"rate-hz", "R", "rows a second"},
    {"window", "N", "rows in a window"},
    {"stride", "N", "rows from window to window"},
    {"smooth", "N", "scores are averaged over so many windows"},
    {"threshold", "T", "how sites set their threshold: target_far:0.01"},
    {"policy", "KEY=VALUE", "an option of the policy; may be repeated"}};

static const an_verb verbs[] = {
#define AN_CLI_VERB(name, positionals, min, max, flags, function, meaning)                                   \
    {name, positionals, min, max, flags_##flags, sizeof flags_##flags / sizeof *flags_##flags, meaning},
#include "coordinator/client/verbs.def"
#undef AN_CLI_VERB
};
static an_cli_verb *const functions[] = {
#define AN_CLI_VERB(name, positionals, min, max, flags, function, meaning) an_cli_##function,
#include "coordinator/client/verbs.def"
#undef AN_CLI_VERB
};
#define N_VERBS (sizeof verbs / sizeof *verbs)

static int read_token(an_cli *c, const char *path)
{
    an_buf b;
    an_note why = {{0}};
    an_buf_init(&b, 256);
    an_err err = an_file_read(&b, path, &why);
    an_buf_u8(&b, 0);
    if (err != AN_OK || b.failed) {
        an_buf_done(&b);
        return an_cli_fail(AN_CLI_USAGE, "%s; andon login --user NAME, or give --token-file or --data",
                           why.text);
    }
    char *text = (char *)b.data;
    text[strcspn(text, " \t\r\n")] = '\0';
    snprintf(c->authorization, sizeof c->authorization, "Authorization: Bearer %s", text);
    an_buf_done(&b);
    return AN_CLI_OK;
}

/* From endpoints.json, which a running coordinator writes. */
static int read_endpoints(an_cli *c, const char *dir)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_note why = {{0}};
    an_json_doc *doc = NULL;
    const char *url = NULL;
    an_buf_init(&b, 64 * 1024);
    an_err err = an_path_join(path, dir, "endpoints.json");
    if (err == AN_OK && (err = an_file_read(&b, path, &why)) == AN_ERR_NOTFOUND)
        an_note_set(&why, "%.200s: no coordinator works here: none runs, or it stands by for another one",
                    dir);
    if (err == AN_OK)
        err = an_json_parse((const char *)b.data, b.len, path, &doc, &why);
    if (err == AN_OK)
        err = an_jval_text(an_json_root(doc), "http", &url, &why);
    if (err == AN_OK)
        snprintf(c->url, sizeof c->url, "%s", url);
    an_json_doc_free(doc);
    an_buf_done(&b);
    return err == AN_OK ? AN_CLI_OK
                        : an_cli_fail(AN_CLI_USAGE, "%s", why.text[0] ? why.text : an_err_text(err));
}

/* Of several coordinators, separated by commas, the first that answers: one is active.  The last if none
 * before it does, so that the call itself says what is wrong. */
static void pick_url(an_cli *c, const char *urls)
{
    for (const char *at = urls; at;) {
        const char *end = strchr(at, ',');
        snprintf(c->url, sizeof c->url, "%.*s", end ? (int)(end - at) : (int)strlen(at), at);
        at = end ? end + 1 : NULL;
        if (at && an_cli_reachable(c))
            return;
    }
    c->silent = strchr(urls, ',') ? urls : NULL;
}

/* Whose token, if none was named: of who has logged in there, else of the coordinator in this folder. */
static int find_token(an_cli *c, const char *path)
{
    const bool unknown =
        strcmp(c->args->verb->name, "login") == 0 || strcmp(c->args->verb->name, "logout") == 0;
    if (unknown || (!path && an_cli_logged_in(c->asked, c->authorization, sizeof c->authorization)))
        return AN_CLI_OK;
    return read_token(c, path ? path : "andon-data/admin.token");
}

int an_cli_connect(an_cli *c)
{
    const char *data = an_args_get(c->args, "data"), *url = an_args_get(c->args, "url");
    const char *token = an_args_get(c->args, "token-file");
    char path[AN_PATH_MAX];
    if (data) {
        int code = read_endpoints(c, data);
        if (code != AN_CLI_OK)
            return code;
        if (an_path_join(path, data, "admin.token") != AN_OK)
            return an_cli_fail(AN_CLI_USAGE, "--data: the path is too long");
    }
    if (!url && !data)
        url = getenv("ANDON_URL");
    c->ca_file = an_args_get(c->args, "ca-file");
    if (!c->ca_file)
        c->ca_file = getenv("ANDON_CA_FILE");
    if (!token && !data)
        token = getenv("ANDON_TOKEN_FILE");
    const bool given = url || !data;
    url = url ? url : "http://127.0.0.1:7700";
    snprintf(c->asked, sizeof c->asked, "%s", given ? url : c->url);
    const int code = find_token(c, token ? token : data ? path : NULL);
    if (code == AN_CLI_OK && given)
        pick_url(c, url);
    return code;
}

int main(int argc, char **argv)
{
    an_args args;
    an_note why = {{0}};
    an_cli c = {.args = &args};
    if (an_args_parse(&args, verbs, N_VERBS, argc, argv, &why) != AN_OK)
        return an_cli_fail(AN_CLI_USAGE, "%s", why.text);
    if (an_args_answer_about(&args, &an_cli_about, stdout))
        return AN_CLI_OK;
    an_json_init();
    if (an_http_client_init() != AN_OK)
        return an_cli_fail(AN_CLI_REFUSED, "the HTTP client cannot start");
    c.json = an_args_has(&args, "json");
    /* Keys are made and exports checked offline. */
    const bool alone = strncmp(args.verb->name, "key ", 4) == 0 ||
                       strcmp(args.verb->name, "completion") == 0 || strcmp(args.verb->name, "doctor") == 0 ||
                       an_args_has(&args, "file");
    int code = alone ? AN_CLI_OK : an_cli_connect(&c);
    if (code == AN_CLI_OK)
        code = an_args_has(&args, "watch") ? an_cli_watching(&c, functions[args.verb - verbs])
                                           : functions[args.verb - verbs](&c);
    an_http_client_done();
    return code;
}
