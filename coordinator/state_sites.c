/* What the records of sites and their roster do to the state. */
#include <string.h>

#include "coordinator/state_internal.h"

const char *an_site_status_name(an_site_status status)
{
    static const char *const names[] = {"requested", "approved", "denied", "revoked"};
    return (size_t)status < sizeof names / sizeof *names ? names[status] : "?";
}

void an_state_site_token(an_state *st, const an_record *r, an_body *b)
{
    (void)r;
    an_token_entry t = {.expires_ms = an_body_int(b, "expires_ms", 0)};
    const char *site = an_body_text(b, "site", "");
    if (site[0])
        an_body_name(b, t.site, site);
    an_body_hex(b, "token_id", t.id, sizeof t.id, false);
    an_body_hex(b, "key", t.key, sizeof t.key, false);
    AN_BODY_APPEND(b, &st->tokens, t);
}

void an_state_site_requested(an_state *st, const an_record *r, an_body *b)
{
    an_site s = {.status = AN_SITE_REQUESTED, .since_ms = r->time_ms, .keys_ms = r->time_ms};
    an_body_name(b, s.name, r->subject);
    an_body_name(b, s.party, r->subject);
    an_body_hex(b, "token_id", s.token_id, sizeof s.token_id, false);
    an_body_hex(b, "link_key", s.keys.link_key, sizeof s.keys.link_key, false);
    an_body_hex(b, "sign_key", s.keys.sign_key, sizeof s.keys.sign_key, false);
    an_text_set(s.keys.fingerprint, sizeof s.keys.fingerprint, an_body_text(b, "fingerprint", NULL));
    an_token_entry *token = b->err == AN_OK ? an_state_token(st, s.token_id) : NULL;
    an_body_known(b, token, "token");
    an_site *old = b->err == AN_OK ? an_state_site(st, s.name) : NULL;
    if (!old)
        AN_BODY_APPEND(b, &st->sites, s);
    else if (an_body_ready(b)) {
        memcpy(s.party, old->party, sizeof s.party); /* who runs it does not change with its keys */
        *old = s;
    }
    if (an_body_ready(b))
        token->used = true;
}

static void set_status(an_state *st, const an_record *r, an_body *b, an_site_status status)
{
    an_site *s = an_state_site(st, r->subject);
    an_body_known(b, s, "site");
    if (an_body_ready(b)) {
        s->status = status;
        s->since_ms = r->time_ms;
        s->rotates = s->rotates && status == AN_SITE_APPROVED;
    }
}

void an_state_site_approved(an_state *st, const an_record *r, an_body *b)
{
    set_status(st, r, b, AN_SITE_APPROVED);
}

void an_state_site_denied(an_state *st, const an_record *r, an_body *b)
{
    set_status(st, r, b, AN_SITE_DENIED);
}

void an_state_site_revoked(an_state *st, const an_record *r, an_body *b)
{
    set_status(st, r, b, AN_SITE_REVOKED);
    if (an_body_ready(b))
        an_state_drifts_revoked(st, r->subject);
}

void an_state_site_party(an_state *st, const an_record *r, an_body *b)
{
    char party[AN_NAME_MAX];
    an_site *s = an_state_site(st, r->subject);
    an_body_known(b, s, "site");
    an_body_name(b, party, an_body_text(b, "party", NULL));
    if (an_body_ready(b))
        memcpy(s->party, party, sizeof party);
}

void an_state_site_keys(an_state *st, const an_record *r, an_body *b)
{
    an_site_keys next;
    uint8_t signature[AN_SIG_BYTES];
    an_site *s = an_state_site(st, r->subject);
    an_body_known(b, s, "site");
    an_body_hex(b, "link_key", next.link_key, sizeof next.link_key, false);
    an_body_hex(b, "sign_key", next.sign_key, sizeof next.sign_key, false);
    an_body_hex(b, "signature", signature, sizeof signature, false);
    an_text_set(next.fingerprint, sizeof next.fingerprint, an_body_text(b, "fingerprint", NULL));
    if (an_body_ready(b)) {
        s->next = next;
        memcpy(s->next_signature, signature, sizeof signature);
        s->offered_ms = r->time_ms;
        s->rotates = true;
    }
}

void an_state_site_rotated(an_state *st, const an_record *r, an_body *b)
{
    an_site *s = an_state_site(st, r->subject);
    an_body_known(b, s, "site");
    if (b->err == AN_OK && !s->rotates)
        b->err = an_fail(AN_ERR_PROTO, b->why, "site %s has offered no other keys", s->name);
    if (an_body_ready(b)) {
        s->keys = s->next;
        s->rotates = false;
        s->keys_ms = r->time_ms;
    }
}

void an_state_roster_signed(an_state *st, const an_record *r, an_body *b)
{
    (void)r;
    an_roster_entry e = {.counter = an_body_id(b, "counter"),
                         .text = an_body_hash(b, "text", false),
                         .root = (uint64_t)an_body_int(b, "root", 0),
                         .expires_ms = an_body_int(b, "expires_ms", 0)};
    an_body_hex(b, "signature", e.signature, sizeof e.signature, false);
    AN_BODY_APPEND(b, &st->rosters, e);
}
