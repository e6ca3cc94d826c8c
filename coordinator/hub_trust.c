/* The release root at the coordinator: which it is, its rotations, and the delegations that it signs. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"

an_root an_hub_root(const an_hub *hub)
{
    return hub->state.root;
}

bool an_hub_root_is_online(const an_hub *hub)
{
    return an_secret_equal(hub->state.root.key, hub->conf.sign_public, AN_SIGN_PUBLIC_BYTES);
}

void an_json_set_signed(an_json *o, const an_signed *s)
{
    char text[AN_TRUST_TEXT_MAX + 1], hex[2 * AN_SIG_BYTES + 1];
    an_json *list = an_json_array();
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
}

/* ---- at the start ---- */

static bool any_site(const an_hub *hub)
{
    for (size_t i = 0; i < hub->state.sites.n; i++)
        if (hub->state.sites.items[i].status == AN_SITE_APPROVED)
            return true;
    return false;
}

static an_err adopt(an_hub *hub, const uint8_t *key, an_note *why)
{
    char hex[2 * AN_SIGN_PUBLIC_BYTES + 1];
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_hex(hex, key, AN_SIGN_PUBLIC_BYTES);
    an_json_set_text(o, "key", hex);
    an_json_set_bool(o, "online", an_secret_equal(key, hub->conf.sign_public, AN_SIGN_PUBLIC_BYTES));
    an_batch_add(&b, "root.set", "root", "coordinator", NULL, o);
    return an_hub_commit(hub, &b, why);
}

/* Sites keep the root that they were enrolled with, and no configuration can change it: only the chain. */
an_err an_hub_root_open(an_hub *hub, an_note *why)
{
    const uint8_t *own = hub->conf.sign_public, *wanted = hub->conf.root_public ? hub->conf.root_public : own;
    an_err err = AN_OK;
    if (!hub->state.root_set) /* sites of a journal without a root have the coordinator's key for one */
        err = adopt(hub, any_site(hub) ? own : wanted, why);
    else if (hub->conf.root_public && !an_state_was_root(&hub->state, wanted) && !any_site(hub) &&
             hub->state.links.n == 0)
        err = adopt(hub, wanted, why);
    if (err != AN_OK)
        return err;
    if (hub->conf.root_public && !an_state_was_root(&hub->state, wanted))
        return an_fail(
            AN_ERR_STATE, why,
            "release.root is not the root that the sites know: start without it, then `andon release "
            "rotate-root` from the root they know to this one");
    if (hub->conf.root_public && !an_secret_equal(wanted, hub->state.root.key, AN_SIGN_PUBLIC_BYTES))
        an_log(AN_LOG_WARN, "release_root_is_older", "number=%llu",
               (unsigned long long)hub->state.root.number);
    if (an_hub_root_is_online(hub))
        an_log(AN_LOG_WARN, "releases_not_protected",
               "why=\"the coordinator's own key is the release root: who steals the coordinator can make "
               "every site "
               "run any model; make a key with `andon key new` and see `andon release rotate-root`\"");
    return AN_OK;
}

/* ---- telling the sites ---- */

static void tell(an_hub *hub, const char *site, const an_signed *s)
{
    an_msg m = {.type = AN_MSG_TRUST};
    m.u.trust.statement = (an_bytes){.data = s->text, .len = s->len};
    m.u.trust.n_signatures = s->n_signatures;
    memcpy(m.u.trust.signatures, s->signatures, sizeof s->signatures);
    an_err err = an_hub_send(hub, site, &m);
    (void)err; /* told again at its next HELLO */
}

static void tell_all(an_hub *hub, const an_signed *s)
{
    for (size_t i = 0; i < hub->live.n; i++)
        if (hub->live.items[i].connected)
            tell(hub, hub->live.items[i].site, s);
}

void an_hub_trust_greet(an_hub *hub, const char *site, uint64_t root_number)
{
    const int64_t now = an_hub_now(hub);
    for (size_t i = 0; i < hub->state.links.n; i++)
        if (i + 1 > root_number)
            tell(hub, site, &hub->state.links.items[i]);
    for (size_t i = 0; i < hub->state.delegations.n; i++) {
        const an_delegation_entry *e = &hub->state.delegations.items[i];
        an_revocation r;
        if (e->revocation.len && e->d.expires_ms > now &&
            an_revocation_check(&e->revocation, &hub->state.root, &r, NULL) == AN_OK)
            tell(hub, site, &e->revocation);
    }
}

/* ---- delegations ---- */

an_err an_hub_delegate(an_hub *hub, const char *actor, const an_signed *s, an_note *why)
{
    an_delegation d;
    char subject[64];
    uint64_t next = 1;
    an_err err = an_delegation_check(s, &hub->state.root, &d, why);
    if (err != AN_OK)
        return err;
    for (size_t i = 0; i < hub->state.delegations.n; i++)
        if (hub->state.delegations.items[i].d.number >= next)
            next = hub->state.delegations.items[i].d.number + 1;
    if (d.number != next)
        return an_fail(AN_ERR_STATE, why, "the next delegation is number %llu: fetch and sign again",
                       (unsigned long long)next);
    if (!an_secret_equal(d.online, hub->conf.sign_public, sizeof d.online))
        return an_fail(AN_ERR_REFUSED, why,
                       "the delegation is for another online key than this coordinator's");
    if (!an_state_version(&hub->state, &d.ancestor))
        return an_fail(AN_ERR_NOTFOUND, why, "the delegation's ancestor is no version here");
    if (d.expires_ms <= an_hub_now(hub))
        return an_fail(AN_ERR_INVAL, why, "the delegation has expired already");
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    snprintf(subject, sizeof subject, "delegation/%llu", (unsigned long long)d.number);
    an_json_set_int(o, "number", (int64_t)d.number);
    an_json_set_text(o, "models", d.models);
    an_json_set_int(o, "count", (int64_t)d.count);
    an_json_set_int(o, "expires_ms", d.expires_ms);
    an_json_set_signed(o, s);
    an_batch_add(&b, "delegation.signed", subject, actor, NULL, o);
    if ((err = an_hub_commit(hub, &b, why)) != AN_OK)
        return err;
    an_log(AN_LOG_INFO, "delegated", "number=%llu models=%s count=%llu", (unsigned long long)d.number,
           d.models, (unsigned long long)d.count);
    an_hub_releases_tick(hub);
    an_hub_drive(hub);
    return AN_OK;
}

an_err an_hub_delegation_revoke(an_hub *hub, const char *actor, const an_signed *s, an_note *why)
{
    an_revocation r;
    char subject[64];
    an_err err = an_revocation_check(s, &hub->state.root, &r, why);
    if (err != AN_OK)
        return err;
    const an_delegation_entry *d = an_state_delegation_by(&hub->state, &r.delegation);
    if (!d)
        return an_fail(AN_ERR_NOTFOUND, why, "no such delegation here");
    if (d->revocation.len)
        return an_fail(AN_ERR_STATE, why, "delegation %llu was revoked already",
                       (unsigned long long)d->d.number);
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    snprintf(subject, sizeof subject, "delegation/%llu", (unsigned long long)d->d.number);
    an_json_set_int(o, "number", (int64_t)d->d.number);
    an_json_set_signed(o, s);
    an_batch_add(&b, "delegation.revoked", subject, actor, NULL, o);
    if ((err = an_hub_commit(hub, &b, why)) == AN_OK)
        tell_all(hub, s);
    return err;
}

/* ---- rotation ---- */

/* What the old root signed no new site could check; so each production version is asked for anew. */
static an_err want_anew(an_hub *hub, const char *actor, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < hub->state.models.n && err == AN_OK; i++) {
        const an_model_entry *m = &hub->state.models.items[i];
        const an_version *v = an_state_version(&hub->state, &m->alias[AN_ALIAS_PRODUCTION - 1]);
        if (v && !v->quarantined && !an_hub_rollout_holds_production(hub, m))
            err = an_hub_release(hub, actor, m->name, &v->hash, "the release root was rotated", 0, why);
    }
    return err;
}

an_err an_hub_root_rotate(an_hub *hub, const char *actor, const an_signed *given, an_note *why)
{
    an_signed link = *given;
    an_root next = hub->state.root;
    char hex[2 * AN_SIGN_PUBLIC_BYTES + 1];
    an_err err = AN_OK;
    if (an_hub_root_is_online(hub) && an_signed_by(&link, AN_ROOT_CONTEXT, hub->conf.sign_public) != AN_OK &&
        (err = an_signed_add(&link, AN_ROOT_CONTEXT, hub->conf.sign_public, hub->conf.sign_secret)) != AN_OK)
        return an_fail(err, why, "the rotation has too many signatures");
    if ((err = an_root_follow(&next, &link, why)) != AN_OK)
        return err;
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_hex(hex, next.key, sizeof next.key);
    an_json_set_int(o, "number", (int64_t)next.number);
    an_json_set_text(o, "key", hex);
    an_hex(hex, hub->state.root.key, sizeof hub->state.root.key);
    an_json_set_text(o, "before", hex);
    an_json_set_signed(o, &link);
    an_batch_add(&b, "root.rotated", "root", actor, NULL, o);
    if ((err = an_hub_commit(hub, &b, why)) != AN_OK)
        return err;
    an_log(AN_LOG_WARN, "root_rotated", "number=%llu by=%s", (unsigned long long)next.number, actor);
    tell_all(hub, &link);
    return want_anew(hub, actor, why);
}
