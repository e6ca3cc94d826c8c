/* Releases: what waits is fetched, shown and signed here.  Only signatures travel back. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/opt.h"
#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"
#include "trust/release.h"

#define DAY_MS INT64_C(86400000)

int64_t an_cli_now_ms(void)
{
    return an_clock_system()->wall_ms(an_clock_system());
}

/* ---- looking ---- */

void an_cli_day(char ret[static 25], int64_t ms)
{
    an_time_text(ret, ms);
    ret[10] = '\0';
}

void an_cli_show_root(const an_jval *root)
{
    if (!root)
        return;
    an_cli_show_roster_expiry(root);
    if (!an_cli_bool(root, "protected"))
        printf("releases are NOT protected from a stolen coordinator: its own key is the release root (andon "
               "key "
               "new, andon release rotate-root)\n\n");
    else if (an_cli_int(root, "waiting") > 0)
        printf("%lld release%s for the signature of the release root: andon release list\n\n",
               (long long)an_cli_int(root, "waiting"),
               an_cli_int(root, "waiting") == 1 ? " waits" : "s wait");
}

static void print_waiting(const an_jval *list)
{
    an_grid g;
    if (an_jval_count(list) == 0) {
        printf("no release waits for a signature\n");
        return;
    }
    an_grid_init(&g, "RELEASE  MODEL  VERSION  SINCE  BY  WHY");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *w = an_jval_at(list, i);
        char ago[AN_CLI_SHORT], version[AN_CLI_SHORT];
        an_cli_ago(ago, an_cli_int(w, "since_ms"));
        an_cli_hash(version, an_cli_text(w, "version"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(w, "id"));
        an_grid_cell(&g, "%s", an_cli_text(w, "model"));
        an_grid_cell(&g, "%s", version);
        an_grid_cell(&g, "%s", ago);
        an_grid_cell(&g, "%s", an_cli_text(w, "by"));
        an_grid_cell(&g, "%s", an_cli_text(w, "reason"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    printf("sign with: andon release sign --key FILE N, or --all\n");
}

static void print_in_force(const an_jval *list, bool is_protected)
{
    an_grid g;
    if (an_jval_count(list) == 0)
        return;
    printf("\n");
    an_grid_init(&g, "IN FORCE  VERSION  STATEMENT  UNTIL  SIGNED BY");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *r = an_jval_at(list, i);
        char version[AN_CLI_SHORT], until[25];
        const int64_t delegation = an_cli_int(r, "delegation");
        an_cli_hash(version, an_cli_text(r, "version"));
        an_cli_day(until, an_cli_int(r, "expires_ms"));
        an_grid_cell(&g, "%s", an_cli_text(r, "model"));
        an_grid_cell(&g, "%s", version);
        an_grid_cell(&g, "%lld", (long long)an_cli_int(r, "counter"));
        an_grid_cell(&g, "%s", until);
        if (delegation)
            an_grid_cell(&g, "the coordinator, use %lld of delegation %lld", (long long)an_cli_int(r, "use"),
                         (long long)delegation);
        else
            an_grid_cell(&g, "%s", is_protected ? "the release root" : "the coordinator");
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

static void print_delegations(const an_jval *list)
{
    an_grid g;
    if (an_jval_count(list) == 0)
        return;
    printf("\n");
    an_grid_init(&g, "DELEGATION  MODELS  FROM VERSION  COUNT  UNTIL  IS");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *d = an_jval_at(list, i);
        char ancestor[AN_CLI_SHORT], until[25];
        an_cli_hash(ancestor, an_cli_text(d, "ancestor"));
        an_cli_day(until, an_cli_int(d, "expires_ms"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(d, "number"));
        an_grid_cell(&g, "%s", an_cli_text(d, "models"));
        an_grid_cell(&g, "%s", ancestor);
        an_grid_cell(&g, "%lld", (long long)an_cli_int(d, "count"));
        an_grid_cell(&g, "%s", until);
        an_grid_cell(&g, "%s", an_cli_text(d, "state"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

int an_cli_release_list(an_cli *c)
{
    an_json_doc *doc;
    int code = an_cli_get(c, &doc, "/releases");
    if (!doc)
        return code;
    const an_jval *o = an_json_root(doc), *root = an_jval_get(o, "root");
    const bool is_protected = an_cli_bool(root, "protected");
    printf("release root %lld: %s%s\n\n", (long long)an_cli_int(root, "number"), an_cli_text(root, "key"),
           is_protected
               ? ""
               : " (the coordinator's own key: releases are not protected from a stolen coordinator)");
    print_waiting(an_jval_get(o, "waiting"));
    print_in_force(an_jval_get(o, "releases"), is_protected);
    print_delegations(an_jval_get(o, "delegations"));
    an_json_doc_free(doc);
    return code;
}

/* ---- signing ---- */

int an_cli_open_key(an_cli *c, const char *flag, an_root_key **ret)
{
    an_note why = {{0}};
    const char *path = an_args_get(c->args, flag);
    if (!path)
        return an_cli_fail(AN_CLI_USAGE, "give --%s FILE", flag);
    if (an_crypto_init() != AN_OK)
        return an_cli_fail(AN_CLI_REFUSED, "the system gives no random numbers");
    const an_err err = an_root_key_read(path, ret, &why);
    return err == AN_OK ? AN_CLI_OK
                        : an_cli_fail(AN_CLI_REFUSED, "%s", why.text[0] ? why.text : an_err_text(err));
}

int64_t an_cli_valid_ms(const an_cli *c, const char *flag, int64_t dflt)
{
    int64_t ms = dflt;
    const char *text = an_args_get(c->args, flag);
    if (text && (!an_parse_ms(text, &ms) || ms < 1000 || ms > 3650 * DAY_MS)) {
        an_cli_fail(AN_CLI_USAGE, "--%s %.40s: a time from 1s to 3650d", flag, text);
        return 0;
    }
    return ms;
}

static an_json *signed_json(const an_signed *s)
{
    char text[AN_TRUST_TEXT_MAX + 1], hex[2 * AN_SIG_BYTES + 1];
    an_json *o = an_json_object(), *list = an_json_array();
    memcpy(text, s->text, s->len);
    text[s->len] = '\0';
    an_json_set_text(o, "statement", text);
    for (size_t i = 0; i < s->n_signatures; i++) {
        an_json *e = an_json_object();
        an_hex(hex, s->signatures[i].key, sizeof s->signatures[i].key);
        an_json_set_text(e, "key", hex);
        an_hex(hex, s->signatures[i].signature, sizeof s->signatures[i].signature);
        an_json_set_text(e, "signature", hex);
        an_json_push(list, e);
    }
    an_json_set(o, "signatures", list);
    return o;
}

/* The text is taken (cleared) from the buffer. */
static bool sign_text(an_buf *text, const char *context, const an_root_key *key, an_signed *ret)
{
    bool good =
        an_buf_err(text) == AN_OK && an_signed_set(ret, text->data, text->len, NULL, 0, NULL) == AN_OK;
    if (good && key)
        good = an_signed_add(ret, context, key->public_key, key->secret) == AN_OK;
    an_buf_done(text);
    return good;
}

static int print_answer(const an_cli *c, const an_json_doc *doc)
{
    if (!c->json || !doc)
        return AN_CLI_OK;
    an_json *copy = an_json_copy(an_json_root(doc));
    char *text = an_json_print(copy, 0);
    an_json_free(copy);
    printf("%s\n", text ? text : "{}");
    an_free(text);
    return AN_CLI_OK;
}

static int sign_one(an_cli *c, const an_root_key *key, const an_jval *w, int64_t valid)
{
    an_release r;
    an_signed s;
    an_note why = {{0}};
    an_buf text;
    an_json_doc *doc = NULL;
    char hex[AN_HASH_TEXT], until[25];
    const char *draft = an_cli_text(w, "statement");
    const long long id = (long long)an_cli_int(w, "id");
    if (an_release_parse(draft, strlen(draft), &r, &why) != AN_OK)
        return an_cli_fail(AN_CLI_REFUSED, "release %lld: %s", id,
                           draft[0] ? why.text : an_cli_text(w, "reason"));
    if (r.use)
        return an_cli_fail(AN_CLI_REFUSED, "release %lld: the coordinator asks for a delegated statement",
                           id);
    r.issued_ms = an_cli_now_ms();
    r.expires_ms = r.issued_ms + valid;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    const an_err err = an_release_text(&r, &text);
    if (err != AN_OK || !sign_text(&text, AN_RELEASE_CONTEXT, key, &s))
        return an_cli_fail(AN_CLI_REFUSED, "out of memory");
    an_hash_text(hex, &r.version);
    an_cli_day(until, r.expires_ms);
    if (!c->json)
        printf("release %lld: model %s, %s run version %s, statement %" PRIu64 ", until %s\n  wanted: %s\n",
               id, r.model, strcmp(r.sites, "*") == 0 ? "all sites" : r.sites, hex, r.counter, until,
               an_cli_text(w, "reason"));
    c->quiet_json = true;
    int code = an_cli_post(c, &doc, signed_json(&s), "/releases/%lld/sign", id);
    if (code == AN_CLI_OK) {
        code = print_answer(c, doc);
        if (!c->json)
            printf("  signed, and in force\n");
    }
    an_json_doc_free(doc);
    return code;
}

/* Each is fetched anew: a release that was signed moves the counter of the next.  *ret_more: one was signed. */
static int sign_next(an_cli *c, const an_root_key *key, int64_t only, int64_t valid, bool *ret_more)
{
    an_json_doc *doc = NULL;
    c->quiet_json = true;
    int code = an_cli_get(c, &doc, "/releases");
    if (!doc)
        return code;
    const an_jval *list = an_jval_get(an_json_root(doc), "waiting"), *found = NULL;
    for (size_t i = 0; i < an_jval_count(list) && !found; i++)
        if (only ? an_cli_int(an_jval_at(list, i), "id") == only
                 : an_cli_text(an_jval_at(list, i), "statement")[0] != '\0')
            found = an_jval_at(list, i);
    *ret_more = found != NULL;
    if (found)
        code = sign_one(c, key, found, valid);
    else if (only)
        code = an_cli_fail(AN_CLI_NOT_FOUND, "no release %lld waits for a signature", (long long)only);
    an_json_doc_free(doc);
    return code;
}

static int sign_all(an_cli *c, const an_root_key *key, int64_t valid)
{
    int code = AN_CLI_OK;
    size_t n = 0;
    for (bool more = true; more && code == AN_CLI_OK; n += more)
        code = sign_next(c, key, 0, valid, &more);
    if (code == AN_CLI_OK && n == 0 && !c->json)
        printf("no release waits for a signature\n");
    return code;
}

int an_cli_release_sign(an_cli *c)
{
    an_root_key *key = NULL;
    int64_t only = 0;
    bool more;
    const bool all = an_args_has(c->args, "all");
    const int64_t valid = an_cli_valid_ms(c, "valid", 365 * DAY_MS);
    if (c->args->n_positionals == 1 && (!an_parse_int(c->args->positionals[0], &only) || only < 1))
        return an_cli_fail(AN_CLI_USAGE, "%.40s: not a number of a release", c->args->positionals[0]);
    if (all == (only > 0))
        return an_cli_fail(AN_CLI_USAGE, "give the number of a release (andon release list), or --all");
    int code = valid ? an_cli_open_key(c, "key", &key) : AN_CLI_USAGE;
    if (code == AN_CLI_OK)
        code = all ? sign_all(c, key, valid) : sign_next(c, key, only, valid, &more);
    an_root_key_free(key);
    return code;
}

int an_cli_release_drop(an_cli *c)
{
    an_json_doc *doc = NULL;
    const char *n = an_cli_word(c, 0), *reason = an_args_get(c->args, "reason");
    if (!n)
        return AN_CLI_USAGE;
    if (!reason)
        return an_cli_fail(AN_CLI_USAGE, "say why: --reason TEXT");
    an_json *body = an_json_object();
    an_json_set_text(body, "reason", reason);
    int code = an_cli_post(c, &doc, body, "/releases/%s/drop", n);
    if (doc)
        printf("release %s waits no more\n", n);
    an_json_doc_free(doc);
    return code;
}

/* ---- delegations ---- */

static void say_delegation(const an_delegation *d)
{
    char ancestor[AN_HASH_TEXT], until[25];
    an_hash_text(ancestor, &d->ancestor);
    an_cli_day(until, d->expires_ms);
    printf("delegation %" PRIu64 ": until %s the coordinator may sign %" PRIu64
           " releases of each of the models %s,\n"
           "  of versions that come from %s and have its architecture, preprocessing and schema\n",
           d->number, until, d->count, d->models, ancestor);
}

static int fetch_delegation(an_cli *c, const char *model, an_delegation *ret)
{
    an_json_doc *doc = NULL;
    an_note why = {{0}};
    c->quiet_json = true;
    int code = an_cli_get(c, &doc, "/models/%s/delegation", model);
    if (doc) {
        const char *draft = an_cli_text(an_json_root(doc), "statement");
        if (an_delegation_parse(draft, strlen(draft), ret, &why) != AN_OK)
            code = an_cli_fail(AN_CLI_REFUSED, "%s", why.text);
    }
    an_json_doc_free(doc);
    return code;
}

int an_cli_release_delegate(an_cli *c)
{
    an_root_key *key = NULL;
    an_json_doc *doc = NULL;
    an_delegation d;
    an_signed s;
    an_buf text;
    an_note why = {{0}};
    int64_t count;
    const char *model = an_cli_query(c, "model"), *models = an_args_get(c->args, "models");
    const int64_t valid = an_cli_valid_ms(c, "valid", 30 * DAY_MS);
    if (!model || !valid)
        return AN_CLI_USAGE;
    if (!model[0])
        return an_cli_fail(AN_CLI_USAGE, "give --model NAME");
    if (an_args_int(c->args, "count", 1, AN_DELEGATION_COUNT_MAX, 50, &count, &why) != AN_OK)
        return an_cli_fail(AN_CLI_USAGE, "%s", why.text);
    int code = an_cli_open_key(c, "key", &key);
    if (code != AN_CLI_OK || (code = fetch_delegation(c, model, &d)) != AN_CLI_OK)
        goto out;
    if (models)
        snprintf(d.models, sizeof d.models, "%s", models);
    d.count = (uint64_t)count;
    d.issued_ms = an_cli_now_ms();
    d.expires_ms = d.issued_ms + valid;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    const an_err err = an_delegation_text(&d, &text);
    if (err != AN_OK || !sign_text(&text, AN_DELEGATION_CONTEXT, key, &s)) {
        code = an_cli_fail(AN_CLI_REFUSED, "the delegation cannot be written");
        goto out;
    }
    if (!c->json)
        say_delegation(&d);
    code = an_cli_post(c, &doc, signed_json(&s), "/delegations");
    if (code == AN_CLI_OK)
        code = print_answer(c, doc);
    if (code == AN_CLI_OK && !c->json)
        printf("  signed, and in force\n");
out:
    an_json_doc_free(doc);
    an_root_key_free(key);
    return code;
}

static int find_delegation(an_cli *c, int64_t number, an_revocation *ret)
{
    an_json_doc *doc = NULL;
    an_delegation d;
    c->quiet_json = true;
    int code = an_cli_get(c, &doc, "/releases");
    if (!doc)
        return code;
    const an_jval *list = an_jval_get(an_json_root(doc), "delegations");
    code = AN_CLI_NOT_FOUND;
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const char *text = an_cli_text(an_jval_at(list, i), "statement");
        if (an_delegation_parse(text, strlen(text), &d, NULL) != AN_OK || d.number != (uint64_t)number)
            continue;
        *ret = (an_revocation){.expires_ms = d.expires_ms, .issued_ms = an_cli_now_ms()};
        an_hash_of(&ret->delegation, text, strlen(text));
        code = AN_CLI_OK;
    }
    an_json_doc_free(doc);
    return code == AN_CLI_OK ? code : an_cli_fail(code, "no delegation %lld", (long long)number);
}

int an_cli_release_revoke(an_cli *c)
{
    an_root_key *key = NULL;
    an_json_doc *doc = NULL;
    an_revocation r;
    an_signed s;
    an_buf text;
    int64_t number;
    if (!an_parse_int(c->args->positionals[0], &number) || number < 1)
        return an_cli_fail(AN_CLI_USAGE, "%.40s: not a number of a delegation", c->args->positionals[0]);
    int code = an_cli_open_key(c, "key", &key);
    if (code != AN_CLI_OK || (code = find_delegation(c, number, &r)) != AN_CLI_OK)
        goto out;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    const an_err err = an_revocation_text(&r, &text);
    if (err != AN_OK || !sign_text(&text, AN_REVOCATION_CONTEXT, key, &s)) {
        code = an_cli_fail(AN_CLI_REFUSED, "out of memory");
        goto out;
    }
    code = an_cli_post(c, &doc, signed_json(&s), "/delegations/revoke");
    if (code == AN_CLI_OK)
        code = print_answer(c, doc);
    if (code == AN_CLI_OK && !c->json)
        printf("delegation %lld is revoked; sites that are away hear of it when they come back\n",
               (long long)number);
out:
    an_json_doc_free(doc);
    an_root_key_free(key);
    return code;
}

/* ---- rotation ---- */

static int make_link(an_cli *c, const an_root_key *old, const an_root_key *next, an_signed *ret)
{
    an_json_doc *doc = NULL;
    an_root_link link = {.issued_ms = an_cli_now_ms()};
    an_buf text;
    c->quiet_json = true;
    int code = an_cli_get(c, &doc, "/releases");
    if (!doc)
        return code;
    const an_jval *root = an_jval_get(an_json_root(doc), "root");
    const bool online = !an_cli_bool(root, "protected");
    link.number = (uint64_t)an_cli_int(root, "number") + 1;
    memcpy(link.to, next->public_key, sizeof link.to);
    if (!an_unhex(link.from, sizeof link.from, an_cli_text(root, "key")))
        code = an_cli_fail(AN_CLI_REFUSED, "the coordinator names no release root");
    else if (!old && !online)
        code = an_cli_fail(AN_CLI_USAGE, "give --old FILE, the key of the present root");
    else if (old && !an_secret_equal(old->public_key, link.from, sizeof link.from))
        code = an_cli_fail(AN_CLI_REFUSED, "--old is not the key of the present root");
    an_json_doc_free(doc);
    if (code != AN_CLI_OK)
        return code;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    const an_err err = an_root_link_text(&link, &text);
    const bool good = err == AN_OK && sign_text(&text, AN_ROOT_CONTEXT, next, ret) &&
                      (!old || an_signed_add(ret, AN_ROOT_CONTEXT, old->public_key, old->secret) == AN_OK);
    return good ? AN_CLI_OK : an_cli_fail(AN_CLI_REFUSED, "out of memory");
}

int an_cli_release_rotate(an_cli *c)
{
    an_root_key *old = NULL, *next = NULL;
    an_json_doc *doc = NULL;
    an_signed link;
    const int64_t valid = an_cli_valid_ms(c, "valid", 365 * DAY_MS);
    int code = valid ? an_cli_open_key(c, "new", &next) : AN_CLI_USAGE;
    if (code == AN_CLI_OK && an_args_has(c->args, "old"))
        code = an_cli_open_key(c, "old", &old);
    if (code != AN_CLI_OK || (code = make_link(c, old, next, &link)) != AN_CLI_OK)
        goto out;
    code = an_cli_post(c, &doc, signed_json(&link), "/root/rotate");
    if (code != AN_CLI_OK || (code = print_answer(c, doc)) != AN_CLI_OK)
        goto out;
    if (!c->json)
        printf("release root %lld is in force; delegations of the old one have ended (andon release "
               "delegate); what "
               "sites run is signed anew:\n",
               (long long)an_cli_int(an_jval_get(an_json_root(doc), "root"), "number"));
    code = sign_all(c, next, valid);
out:
    an_json_doc_free(doc);
    an_root_key_free(old);
    an_root_key_free(next);
    return code;
}
