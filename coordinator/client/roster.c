/* The roster: who may be in a secure sum, signed here with the key of the release root. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"
#include "doors/fingerprint.h"
#include "msg/msg.h"
#include "trust/root.h"
#include "trust/roster.h"

int an_cli_site_party(an_cli *c)
{
    an_json_doc *doc;
    const char *name = an_cli_word(c, 0), *party = an_cli_word(c, 1);
    if (!name || !party)
        return AN_CLI_USAGE;
    an_json *body = an_json_object();
    an_json_set_text(body, "party", party);
    int code = an_cli_post(c, &doc, body, "/sites/%s/party", name);
    if (doc)
        printf("site %s is run by %s; the roster has to be signed again: andon site roster --key FILE\n",
               name, party);
    an_json_doc_free(doc);
    return code;
}

/* Ahead of the time: from then on no secure sum is made. */
void an_cli_show_roster_expiry(const an_jval *root)
{
    char day[25];
    if (!an_cli_bool(root, "roster_expires_soon"))
        return;
    an_cli_day(day, an_cli_int(root, "roster_expires_ms"));
    printf("the roster expires on %s, and then no secure sum is made: andon site roster --key FILE\n\n", day);
}

static void print_head(const an_jval *o)
{
    char until[25];
    const int64_t expires_ms = an_cli_int(an_jval_get(o, "root"), "roster_expires_ms");
    an_cli_day(until, expires_ms);
    printf("roster %lld, expires: %s\n\n", (long long)an_cli_int(o, "counter"), expires_ms ? until : "never");
}

static void print_roster(const an_jval *o)
{
    an_grid g;
    const an_jval *list = an_jval_get(o, "sites");
    if (an_cli_int(o, "counter") == 0)
        printf("no roster is signed: no secure sum can be made\n");
    else
        print_head(o);
    an_grid_init(&g, "SITE  PARTY");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        an_grid_cell(&g, "%s", an_cli_text(an_jval_at(list, i), "site"));
        an_grid_cell(&g, "%s", an_cli_text(an_jval_at(list, i), "party"));
    }
    if (an_jval_count(list) > 0)
        an_grid_print(&g, stdout);
    an_grid_done(&g);
    if (an_cli_bool(o, "waiting"))
        printf("\nsites have come or gone since, or it expires soon: look at them (andon site list) and sign "
               "with\n"
               "    andon site roster --key FILE\n");
}

/* ---- what was signed here ----
 *
 * FILE.sites beside the key has the last key of every site that was ever signed with it on this machine, as the
 * text of a roster without a signature.  A coordinator shows the roster in force, but may show an older one or
 * none, or have a site leave in one roster and come back with another key in the next. */

static an_err known_path(const an_cli *c, char out[static AN_PATH_MAX], an_note *why)
{
    const int n = snprintf(out, AN_PATH_MAX, "%s.sites", an_args_get(c->args, "key"));
    return n > 0 && n < AN_PATH_MAX ? AN_OK : an_fail(AN_ERR_LIMIT, why, "--key: path too long");
}

/* n 0: nothing was signed here. */
static an_err read_known(const char *path, an_roster *ret, an_note *why)
{
    an_buf b;
    *ret = (an_roster){.n = 0};
    an_buf_init(&b, AN_ROSTER_TEXT_MAX);
    an_err err = an_file_read(&b, path, why);
    if (err == AN_OK && (err = an_roster_parse(b.data, b.len, ret, NULL)) != AN_OK)
        an_note_set(why, "%.200s is damaged: without it, nobody knows here which keys were signed before",
                    path);
    an_buf_done(&b);
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const an_roster_site *)a)->name, ((const an_roster_site *)b)->name);
}

/* Before it is sent: what was signed is out, whatever the coordinator answers.  Errors: INVAL a key that was
 * signed as another site's. */
static an_err remember(const char *path, const an_roster *known, const an_roster *r, an_note *why)
{
    an_buf text;
    an_roster all = {.counter = r->counter > known->counter ? r->counter : known->counter,
                     .issued_ms = r->issued_ms,
                     .n = r->n};
    if (!(all.sites = an_alloc((size_t)r->n + known->n, sizeof *all.sites)))
        return AN_ERR_NOMEM;
    memcpy(all.sites, r->sites, r->n * sizeof *all.sites);
    for (uint32_t i = 0; i < known->n && all.n < AN_COHORT_MAX; i++)
        if (!an_roster_find(r, known->sites[i].name))
            all.sites[all.n++] = known->sites[i];
    qsort(all.sites, all.n, sizeof *all.sites, by_name);
    an_buf_init(&text, AN_ROSTER_TEXT_MAX);
    an_err err = an_roster_text(&all, &text, why);
    if (err == AN_OK)
        err = an_file_write(path, text.data, text.len, 0600, why);
    an_buf_done(&text);
    an_roster_done(&all);
    return err;
}

/* ---- signing: what changes, as far as this machine can see for itself ---- */

typedef struct change {
    const an_roster *in_force; /* n 0: none that this key has signed */
    const an_roster *known;    /* n 0: nothing was signed here */
    const an_jval *keys;       /* the coordinator's list; believed only where it can be checked */
    const char *replaced; /* NAME=FINGERPRINT,...: new keys that were confirmed by the site's people; NULL */
} change;

/* As it was signed last.  One in force that is newer was signed on another machine. */
static const an_roster_site *former_of(const change *ch, const char *site)
{
    const bool newer = ch->in_force->counter > ch->known->counter;
    const an_roster_site *former = an_roster_find(newer ? ch->in_force : ch->known, site);
    return former ? former : an_roster_find(newer ? ch->known : ch->in_force, site);
}

/* With its fingerprint: between the looking and the signing the coordinator could exchange the key. */
static bool is_confirmed(const change *ch, const char *site, const char *print)
{
    char want[AN_NAME_MAX + AN_FINGERPRINT_TEXT];
    const int len = snprintf(want, sizeof want, "%s=%s", site, print);
    for (const char *at = print[0] == '?' ? NULL : ch->replaced; at;
         at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, want, (size_t)len) == 0 && (at[len] == '\0' || at[len] == ','))
            return true;
    return false;
}

static const an_jval *keys_of(const change *ch, const char *site)
{
    for (size_t i = 0; i < an_jval_count(ch->keys); i++)
        if (strcmp(an_cli_text(an_jval_at(ch->keys, i), "site"), site) == 0)
            return an_jval_at(ch->keys, i);
    return NULL;
}

/* Over the very key that is signed: a coordinator that exchanged it cannot show the fingerprint of the other. */
static void fingerprint(const change *ch, const an_roster_site *s, char out[static AN_FINGERPRINT_TEXT])
{
    uint8_t link[AN_LINK_KEY_BYTES];
    const an_jval *k = keys_of(ch, s->name);
    snprintf(out, AN_FINGERPRINT_TEXT, "?");
    if (k && an_unhex(link, sizeof link, an_cli_text(k, "link_key")))
        an_fingerprint(out, link, s->key);
}

/* The former key, which stands in the roster in force, has signed this one. */
static bool is_rotated(const change *ch, const an_roster_site *former, const an_roster_site *s)
{
    an_msg_keys next;
    uint8_t link[AN_KEY_BYTES], statement[AN_KEYS_STATEMENT_BYTES];
    const an_jval *k = keys_of(ch, s->name);
    if (!k || !an_unhex(link, sizeof link, an_cli_text(k, "former_link_key")) ||
        !an_unhex(next.link_key, sizeof next.link_key, an_cli_text(k, "link_key")) ||
        !an_unhex(next.signature, sizeof next.signature, an_cli_text(k, "signature")))
        return false;
    memcpy(next.statement_key, s->key, sizeof next.statement_key);
    an_keys_statement(statement, s->name, link, former->key, &next);
    return an_sign_check(next.signature, AN_KEYS_CONTEXT, statement, sizeof statement, former->key) == AN_OK;
}

/* False: the site has a key that nobody has vouched for. */
static bool print_change(const change *ch, const an_roster_site *s, an_grid *g)
{
    char print[AN_FINGERPRINT_TEXT];
    const an_roster_site *former = former_of(ch, s->name);
    const bool same = former && an_secret_equal(former->key, s->key, sizeof s->key);
    const bool rotated = former && !same && is_rotated(ch, former, s);
    fingerprint(ch, s, print);
    const bool confirmed = is_confirmed(ch, s->name, print);
    an_grid_cell(g, "%s", s->name);
    an_grid_cell(g, "%s", s->party);
    an_grid_cell(g, "%s", print);
    an_grid_cell(g, "%s%s",
                 !former     ? "new site"
                 : same      ? "as before"
                 : rotated   ? "new key, signed by the former one"
                 : confirmed ? "new key, confirmed by you"
                             : "NEW KEY, not signed by the former one",
                 former && strcmp(former->party, s->party) != 0 ? ", other party" : "");
    return !former || same || rotated || confirmed;
}

static bool print_changes(const change *ch, const an_roster *r, FILE *out)
{
    an_grid g;
    const char *stranger = NULL;
    an_grid_init(&g, "SITE  PARTY  FINGERPRINT  CHANGE");
    for (uint32_t i = 0; i < r->n; i++)
        if (!print_change(ch, &r->sites[i], &g))
            stranger = r->sites[i].name;
    for (uint32_t i = 0; i < ch->in_force->n; i++) {
        const an_roster_site *former = &ch->in_force->sites[i];
        if (an_roster_find(r, former->name))
            continue;
        an_grid_cell(&g, "%s", former->name);
        an_grid_cell(&g, "%s", former->party);
        an_grid_cell(&g, "%s", "");
        an_grid_cell(&g, "%s", "leaves");
    }
    an_grid_print(&g, out);
    an_grid_done(&g);
    if (stranger)
        an_cli_fail(
            AN_CLI_REFUSED,
            "not signed: %s has a key that its former one has not signed.  If its disk was lost, have its "
            "people read their fingerprint to you (andon-agent status), and sign with --replaced "
            "%s=FINGERPRINT",
            stranger, stranger);
    return !stranger;
}

/* The roster in force, if this key has signed it: what the coordinator gives for it is not believed. */
static void read_in_force(const an_jval *o, const an_root_key *key, an_roster *ret)
{
    uint8_t signature[AN_SIGN_BYTES];
    const char *text = an_cli_text(o, "in_force");
    *ret = (an_roster){.n = 0};
    if (!an_unhex(signature, sizeof signature, an_cli_text(o, "in_force_signature")) ||
        an_roster_check(text, strlen(text), signature, key->public_key, NULL) != AN_OK ||
        an_roster_parse(text, strlen(text), ret, NULL) != AN_OK)
        *ret = (an_roster){.n = 0};
}

/* What was shown, and nothing that the coordinator says after it. */
static bool is_agreed(const an_cli *c)
{
    if (an_args_has(c->args, "yes"))
        return true;
    if (an_cli_ask(c, "\nHave the people of new sites and keys read you these fingerprints?  Sign?"))
        return true;
    an_cli_fail(AN_CLI_REFUSED,
                "not signed: compare the fingerprints of new sites and keys with what their people read "
                "to you, then sign, without a terminal with --yes");
    return false;
}

static int post_signed(an_cli *c, const char *text, int64_t expires_ms, const an_root_key *key)
{
    char until[25];
    an_json_doc *doc = NULL;
    uint8_t signature[AN_SIGN_BYTES];
    char hex[2 * AN_SIGN_BYTES + 1];
    an_roster_sign(signature, text, strlen(text), key->secret);
    an_hex(hex, signature, sizeof signature);
    an_json *body = an_json_object();
    an_json_set_text(body, "statement", text);
    an_json_set_text(body, "signature", hex);
    const int code = an_cli_post(c, &doc, body, "/roster");
    an_cli_day(until, expires_ms);
    if (doc)
        printf("roster %lld is in force, expires: %s\n", (long long)an_cli_int(an_json_root(doc), "counter"),
               expires_ms ? until : "never");
    an_json_doc_free(doc);
    return code;
}

static bool is_remembered(const char *path, const an_roster *known, const an_roster *r)
{
    an_note why = {{0}};
    const an_err err = remember(path, known, r, &why);
    if (err == AN_ERR_IO) /* a key that is carried to and fro may be on a medium that nobody can write */
        fprintf(stderr, "andon: the next signing will not know this one: %s\n", why.text);
    else if (err != AN_OK)
        an_cli_fail(AN_CLI_REFUSED, "not signed: %s", why.text[0] ? why.text : an_err_text(err));
    return err == AN_OK || err == AN_ERR_IO;
}

/* 0: it does not expire; below 0: it was said what is wrong. */
static int64_t lifetime(const an_cli *c)
{
    const char *text = an_args_get(c->args, "expires");
    if (text && strcmp(text, "never") == 0)
        return 0;
    const int64_t ms = an_cli_valid_ms(c, "expires", 365 * INT64_C(86400000));
    return ms > 0 ? ms : -1;
}

static int sign_with(an_cli *c, const an_jval *o, const an_root_key *key, an_roster *r)
{
    an_note why = {{0}};
    an_roster in_force = {.n = 0}, known = {.n = 0};
    an_buf text;
    char path[AN_PATH_MAX];
    int code = AN_CLI_REFUSED;
    an_buf_init(&text, AN_ROSTER_TEXT_MAX + 1);
    read_in_force(o, key, &in_force);
    if (known_path(c, path, &why) != AN_OK || read_known(path, &known, &why) != AN_OK) {
        an_cli_fail(AN_CLI_REFUSED, "not signed: %s", why.text[0] ? why.text : "out of memory");
        goto out;
    }
    if (r->counter <= in_force.counter) {
        an_cli_fail(AN_CLI_REFUSED, "not signed: the coordinator wants an older roster signed");
        goto out;
    }
    if (r->counter <=
        known.counter) /* the coordinator was brought back from a copy: sites have a later one */
        r->counter = known.counter + 1;
    if (an_roster_text(r, &text, &why) != AN_OK || (an_buf_u8(&text, 0), text.failed)) {
        an_cli_fail(AN_CLI_REFUSED, "%s", why.text[0] ? why.text : "out of memory");
        goto out;
    }
    const change ch = {.in_force = &in_force,
                       .known = &known,
                       .keys = an_jval_get(o, "keys"),
                       .replaced = an_args_get(c->args, "replaced")};
    if (print_changes(&ch, r, c->json ? stderr : stdout) && is_agreed(c) && is_remembered(path, &known, r))
        code = post_signed(c, (const char *)text.data, r->expires_ms, key);
out:
    an_buf_done(&text);
    an_roster_done(&known);
    an_roster_done(&in_force);
    return code;
}

/* A person signs sites, not bytes: what is signed is parsed first, and compared with what this key signed last.  Its
 * time is this side's. */
static int sign(an_cli *c, const an_jval *o)
{
    an_note why = {{0}};
    an_roster r;
    an_root_key *key = NULL;
    const char *draft = an_cli_text(o, "proposal");
    const int64_t valid = lifetime(c);
    if (valid < 0)
        return AN_CLI_USAGE;
    if (an_roster_parse(draft, strlen(draft), &r, &why) != AN_OK)
        return an_cli_fail(AN_CLI_REFUSED, "what the coordinator wants signed is no roster: %s", why.text);
    r.issued_ms = an_cli_now_ms();
    r.expires_ms = valid > 0 ? r.issued_ms + valid : 0;
    int code = an_cli_open_key(c, "key", &key);
    if (code == AN_CLI_OK)
        code = sign_with(c, o, key, &r);
    an_root_key_free(key);
    an_roster_done(&r);
    return code;
}

int an_cli_site_roster(an_cli *c)
{
    an_json_doc *doc;
    const bool signing = an_args_has(c->args, "key");
    c->quiet_json = signing;
    int code = an_cli_get(c, &doc, "/roster");
    c->quiet_json = false;
    if (!doc)
        return code;
    const an_jval *o = an_json_root(doc);
    if (!signing)
        print_roster(o);
    else if (an_cli_bool(o, "waiting") || an_args_has(c->args, "expires"))
        code = sign(c, o);
    else
        printf("roster %lld is of the sites of today; there is nothing to sign\n",
               (long long)an_cli_int(o, "counter"));
    an_json_doc_free(doc);
    return code;
}
