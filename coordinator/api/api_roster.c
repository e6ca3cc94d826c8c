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
static an_err set_proposal(an_api_call *c, an_buf *text)
{
    an_buf_u8(text, 0);
    an_err err = an_buf_err(text);
    if (err == AN_OK)
        an_json_set_text(c->answer, "proposal", (const char *)text->data);
    return err;
}

an_err an_api_roster(an_api_call *c, an_note *why)
{
    an_roster r = {.n = 0};
    an_buf text;
    bool differs = false;
    an_buf_init(&text, AN_ROSTER_TEXT_MAX + 1);
    an_err err = an_hub_roster_proposal(c->hub, &text, &differs, why);
    if (err == AN_OK && differs)
        err = set_proposal(c, &text);
    an_buf_done(&text);
    if (err == AN_ERR_NOTFOUND)
        err = AN_OK; /* nobody is admitted yet */
    if (err == AN_OK && c->state->rosters.n > 0)
        err = an_hub_roster_read(c->hub, &c->state->rosters.items[c->state->rosters.n - 1].text, &r, why);
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
