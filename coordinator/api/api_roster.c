/* The roster: as it is in force, as it would have to be signed, and what was signed elsewhere. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/api/api_internal.h"
#include "doors/crypto.h"
#include "trust/roster.h"

static an_json *sites_json(const an_roster *r)
{
    an_json *list = an_json_array();
    for (uint32_t i = 0; i < r->n; i++) {
        an_json *o = an_json_object();
        an_json_set_text(o, "site", r->sites[i].name);
        an_json_set_text(o, "party", r->sites[i].party);
        an_json_push(list, o);
    }
    return list;
}

/* The text as one that ends in zero; it has no zeros inside. */
static an_err set_text(an_api_call *c, const char *key, an_buf *text)
{
    an_buf_u8(text, 0);
    an_err err = an_buf_err(text);
    if (err == AN_OK)
        an_json_set_text(c->answer, key, (const char *)text->data);
    return err;
}

static void set_hex(an_json *o, const char *key, const uint8_t *bytes, size_t len)
{
    char hex[2 * AN_SIGN_BYTES + 1];
    an_hex(hex, bytes, len);
    an_json_set_text(o, key, hex);
}

/* What whoever signs can check by himself: the fingerprints of all, and that a site's former key has signed
 * the next. */
static an_json *keys_json(const an_api_call *c)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < c->state->sites.n; i++) {
        const an_site *s = &c->state->sites.items[i];
        if (s->status != AN_SITE_APPROVED)
            continue;
        an_json *o = an_json_object();
        an_json_set_text(o, "site", s->name);
        set_hex(o, "link_key", s->rotates ? s->next.link_key : s->keys.link_key, AN_KEY_BYTES);
        if (s->rotates) {
            set_hex(o, "former_link_key", s->keys.link_key, AN_KEY_BYTES);
            set_hex(o, "signature", s->next_signature, AN_SIG_BYTES);
        }
        an_json_push(list, o);
    }
    return list;
}

static an_err set_in_force(an_api_call *c, an_note *why)
{
    const an_roster_entry *e = &c->state->rosters.items[c->state->rosters.n - 1];
    an_buf text;
    an_buf_init(&text, AN_ROSTER_TEXT_MAX + 1);
    an_err err = an_hub_roster_bytes(c->hub, &e->text, &text, why);
    if (err == AN_OK)
        err = set_text(c, "in_force", &text);
    set_hex(c->answer, "in_force_signature", e->signature, AN_SIGN_BYTES);
    an_buf_done(&text);
    return err;
}

an_err an_api_roster(an_api_call *c, an_note *why)
{
    an_roster r = {.n = 0};
    an_buf text;
    bool differs = false;
    an_buf_init(&text, AN_ROSTER_TEXT_MAX + 1);
    an_err err = an_hub_roster_proposal(c->hub, &text, &differs, why);
    if (err == AN_OK)
        err = set_text(c, "proposal", &text);
    an_buf_done(&text);
    if (err == AN_ERR_NOTFOUND)
        err = AN_OK; /* nobody is admitted yet */
    if (err == AN_OK && c->state->rosters.n > 0)
        err = an_hub_roster_read(c->hub, &c->state->rosters.items[c->state->rosters.n - 1].text, &r, why);
    if (err == AN_OK && differs)
        an_json_set(c->answer, "keys", keys_json(c));
    if (err == AN_OK && differs && c->state->rosters.n > 0)
        err = set_in_force(c, why);
    if (err == AN_OK) {
        an_json_set_int(c->answer, "counter", (int64_t)r.counter);
        an_json_set(c->answer, "sites", sites_json(&r));
        an_json_set_bool(c->answer, "waiting", differs);
        an_json_set(c->answer, "root", an_api_root_json(c));
    }
    an_roster_done(&r);
    return err;
}

an_err an_api_roster_sign(an_api_call *c, an_note *why)
{
    const char *text, *hex;
    uint8_t signature[AN_SIGN_BYTES];
    an_err err;
    if ((err = an_jval_text(c->body, "statement", &text, why)) != AN_OK ||
        (err = an_jval_text(c->body, "signature", &hex, why)) != AN_OK)
        return err;
    if (!an_unhex(signature, sizeof signature, hex))
        return an_fail(AN_ERR_INVAL, why, "\"signature\" is not %d bytes in hexadecimal", AN_SIGN_BYTES);
    err = an_hub_roster_sign(c->hub, c->actor, text, strlen(text), signature, why);
    return err == AN_OK ? an_api_roster(c, why) : err;
}
