/* Releases: what waits for the release root's signature, and what was signed elsewhere. */
#include <stdio.h>
#include <string.h>

#include "coordinator/api/api_internal.h"
#include "coordinator/state_internal.h"
#include "doors/crypto.h"

an_json *an_api_root_json(const an_api_call *c)
{
    const an_root root = an_hub_root(c->hub);
    const bool online = an_hub_root_is_online(c->hub);
    char hex[2 * AN_SIGN_PUBLIC_BYTES + 1];
    an_hash fingerprint;
    size_t waiting = 0;
    an_json *o = an_json_object();
    for (size_t i = 0; i < c->state->waits.n; i++)
        waiting += c->state->waits.items[i].open;
    an_hex(hex, root.key, sizeof root.key);
    an_root_fingerprint(&fingerprint, root.key);
    an_json_set_text(o, "key", hex);
    an_api_set_hash(o, "fingerprint", &fingerprint);
    an_json_set_int(o, "number", (int64_t)root.number);
    an_json_set_bool(o, "protected", !online);
    an_json_set_int(o, "waiting", (int64_t)waiting);
    an_json_set_int(o, "roster_expires_ms", an_hub_roster_expiry(c->hub));
    an_json_set_bool(o, "roster_expires_soon", an_hub_roster_expires_soon(c->hub));
    return o;
}

static void set_text(an_json *o, const an_buf *text)
{
    char copy[AN_TRUST_TEXT_MAX + 1];
    snprintf(copy, sizeof copy, "%.*s", (int)text->len, (const char *)text->data);
    an_json_set_text(o, "statement", copy);
}

static an_err wait_json(an_api_call *c, const an_release_wait *w, an_json **ret, an_note *why)
{
    an_release r;
    an_buf text;
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)w->id);
    an_json_set_text(o, "model", w->model);
    an_api_set_hash(o, "version", &w->version);
    an_json_set_text(o, "reason", an_api_text_for(c, w->reason));
    an_json_set_text(o, "by", w->actor);
    an_json_set_int(o, "since_ms", w->since_ms);
    if (w->campaign)
        an_json_set_int(o, "campaign", (int64_t)w->campaign);
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    an_err err = an_hub_release_draft(c->hub, w, &r, why);
    if (err == AN_OK && (err = an_release_text(&r, &text)) == AN_OK)
        set_text(o, &text);
    else if (err == AN_ERR_STATE) { /* quarantined since: shown, and not to be signed */
        an_json_set_text(o, "reason", why ? an_api_text_for(c, why->text) : "");
        err = AN_OK;
    }
    an_buf_done(&text);
    if (err == AN_OK)
        *ret = o;
    else
        an_json_free(o);
    return err;
}

static an_json *release_json(const an_api_call *c, const an_model_entry *m)
{
    an_json *o = an_json_object();
    const an_delegation_entry *d = an_hash_is_zero(&m->release.delegation)
                                       ? NULL
                                       : an_state_delegation_by(c->state, &m->release.delegation);
    an_json_set_text(o, "model", m->name);
    an_api_set_hash(o, "version", &m->alias[AN_ALIAS_PRODUCTION - 1]);
    an_json_set_int(o, "counter", (int64_t)m->release.counter);
    an_json_set_int(o, "expires_ms", m->release.expires_ms);
    if (d) {
        an_json_set_int(o, "delegation", (int64_t)d->d.number);
        an_json_set_int(o, "use", (int64_t)m->use);
    }
    return o;
}

static an_json *delegation_json(const an_api_call *c, const an_delegation_entry *e)
{
    char text[AN_TRUST_TEXT_MAX + 1];
    an_delegation ignored;
    an_json *o = an_json_object(), *used = an_json_object();
    const bool old = an_delegation_check(&e->statement, &c->state->root, &ignored, NULL) != AN_OK;
    snprintf(text, sizeof text, "%.*s", (int)e->statement.len, (const char *)e->statement.text);
    an_json_set_int(o, "number", (int64_t)e->d.number);
    an_json_set_text(o, "models", e->d.models);
    an_api_set_hash(o, "ancestor", &e->d.ancestor);
    an_json_set_int(o, "count", (int64_t)e->d.count);
    an_json_set_int(o, "expires_ms", e->d.expires_ms);
    an_json_set_text(o, "state",
                     e->revocation.len                  ? "revoked"
                     : old                              ? "of an older root"
                     : an_api_now(c) >= e->d.expires_ms ? "expired"
                                                        : "holds");
    for (size_t i = 0; i < c->state->models.n; i++)
        if (c->state->models.items[i].delegation == e->d.number)
            an_json_set_int(used, c->state->models.items[i].name, (int64_t)c->state->models.items[i].use);
    an_json_set(o, "used", used);
    an_json_set_text(o, "statement", text);
    return o;
}

an_err an_api_releases(an_api_call *c, an_note *why)
{
    an_err err = AN_OK;
    an_json *waiting = an_json_array(), *releases = an_json_array(), *delegations = an_json_array();
    for (size_t i = 0; i < c->state->waits.n && err == AN_OK; i++) {
        an_json *o = NULL;
        if (!c->state->waits.items[i].open)
            continue;
        if ((err = wait_json(c, &c->state->waits.items[i], &o, why)) == AN_OK)
            an_json_push(waiting, o);
    }
    for (size_t i = 0; i < c->state->models.n; i++)
        if (c->state->models.items[i].release.s.len > 0)
            an_json_push(releases, release_json(c, &c->state->models.items[i]));
    for (size_t i = 0; i < c->state->delegations.n; i++)
        an_json_push(delegations, delegation_json(c, &c->state->delegations.items[i]));
    an_json_set(c->answer, "root", an_api_root_json(c));
    an_json_set(c->answer, "waiting", waiting);
    an_json_set(c->answer, "releases", releases);
    an_json_set(c->answer, "delegations", delegations);
    return err;
}

static an_err body_signed(const an_api_call *c, an_signed *ret, an_note *why)
{
    an_body b = {.o = c->body, .why = why};
    an_body_signed(&b, ret);
    return b.err;
}

an_err an_api_release_sign(an_api_call *c, an_note *why)
{
    uint64_t id;
    an_signed s;
    an_err err = an_api_id(c, "release", &id, why);
    if (err == AN_OK && (err = body_signed(c, &s, why)) == AN_OK)
        err = an_hub_release_sign(c->hub, c->actor, id, &s, why);
    if (err != AN_OK)
        return err;
    const an_release_wait *w = an_state_wait(c->state, id);
    const an_model_entry *m = w ? an_state_model(c->state, w->model) : NULL;
    if (m)
        an_json_set(c->answer, "release", release_json(c, m));
    return AN_OK;
}

an_err an_api_release_drop(an_api_call *c, an_note *why)
{
    uint64_t id;
    const char *reason;
    an_err err;
    if ((err = an_api_id(c, "release", &id, why)) != AN_OK || (err = an_api_reason(c, &reason, why)) != AN_OK)
        return err;
    if (!reason[0])
        return an_fail(AN_ERR_INVAL, why, "\"reason\" is missing: say why, it is kept in the journal");
    if ((err = an_hub_release_drop(c->hub, c->actor, id, reason, why)) == AN_OK)
        an_json_set_int(c->answer, "dropped", (int64_t)id);
    return err;
}

an_err an_api_delegation_draft(an_api_call *c, an_note *why)
{
    an_delegation d;
    an_buf text;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    an_err err = an_hub_delegation_draft(c->hub, c->arg, &d, why);
    if (err == AN_OK && (err = an_delegation_text(&d, &text)) == AN_OK)
        set_text(c->answer, &text);
    an_buf_done(&text);
    return err;
}

an_err an_api_delegate(an_api_call *c, an_note *why)
{
    an_signed s;
    an_err err = body_signed(c, &s, why);
    if (err == AN_OK)
        err = an_hub_delegate(c->hub, c->actor, &s, why);
    if (err != AN_OK)
        return err;
    c->status = 201;
    an_json_set(c->answer, "delegation",
                delegation_json(c, &c->state->delegations.items[c->state->delegations.n - 1]));
    return AN_OK;
}

an_err an_api_delegation_revoke(an_api_call *c, an_note *why)
{
    an_signed s;
    an_revocation r;
    an_err err = body_signed(c, &s, why);
    if (err == AN_OK)
        err = an_hub_delegation_revoke(c->hub, c->actor, &s, why);
    if (err != AN_OK || (err = an_revocation_parse(s.text, s.len, &r, why)) != AN_OK)
        return err;
    an_json_set(c->answer, "delegation", delegation_json(c, an_state_delegation_by(c->state, &r.delegation)));
    return AN_OK;
}

an_err an_api_root_rotate(an_api_call *c, an_note *why)
{
    an_signed s;
    an_err err = body_signed(c, &s, why);
    if (err == AN_OK)
        err = an_hub_root_rotate(c->hub, c->actor, &s, why);
    if (err == AN_OK)
        an_json_set(c->answer, "root", an_api_root_json(c));
    return err;
}
