/* The roster: who may be in a secure sum, signed here with the key of the release root. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"
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

static void print_roster(const an_jval *o)
{
    an_grid g;
    const an_jval *list = an_jval_get(o, "sites");
    if (an_cli_int(o, "counter") == 0)
        printf("no roster is signed: no secure sum can be made\n");
    else
        printf("roster %lld\n\n", (long long)an_cli_int(o, "counter"));
    an_grid_init(&g, "SITE  PARTY");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        an_grid_cell(&g, "%s", an_cli_text(an_jval_at(list, i), "site"));
        an_grid_cell(&g, "%s", an_cli_text(an_jval_at(list, i), "party"));
    }
    if (an_jval_count(list) > 0)
        an_grid_print(&g, stdout);
    an_grid_done(&g);
    if (an_cli_bool(o, "waiting"))
        printf("\nsites have come or gone since: look at them (andon site list) and sign with\n"
               "    andon site roster --key FILE\n");
}

/* What is signed is parsed first, and shown: a person signs sites, not bytes. */
static int sign(an_cli *c, const char *text)
{
    an_note why = {{0}};
    an_roster r;
    an_root_key *key = NULL;
    an_json_doc *doc = NULL;
    uint8_t signature[AN_SIGN_BYTES];
    char hex[2 * AN_SIGN_BYTES + 1];
    if (an_roster_parse(text, strlen(text), &r, &why) != AN_OK)
        return an_cli_fail(AN_CLI_REFUSED, "what the coordinator wants signed is no roster: %s", why.text);
    int code = an_cli_open_key(c, "key", &key);
    if (code == AN_CLI_OK) {
        for (uint32_t i = 0; i < r.n && !c->json; i++)
            printf("signing: site %s, run by %s\n", r.sites[i].name, r.sites[i].party);
        an_roster_sign(signature, text, strlen(text), key->secret);
        an_hex(hex, signature, sizeof signature);
        an_json *body = an_json_object();
        an_json_set_text(body, "statement", text);
        an_json_set_text(body, "signature", hex);
        code = an_cli_post(c, &doc, body, "/roster");
        if (doc)
            printf("roster %lld of %u sites is in force\n",
                   (long long)an_cli_int(an_json_root(doc), "counter"), r.n);
    }
    an_root_key_free(key);
    an_roster_done(&r);
    an_json_doc_free(doc);
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
    else if (an_cli_bool(o, "waiting"))
        code = sign(c, an_cli_text(o, "proposal"));
    else
        printf("roster %lld is of the sites of today; there is nothing to sign\n",
               (long long)an_cli_int(o, "counter"));
    an_json_doc_free(doc);
    return code;
}
