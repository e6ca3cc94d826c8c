/* Sites come and go: tokens, requests, decisions, and the keys that they go over to. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "net/keys.h"

#define ROTATE_EVERY_MS 3600000

/* ---- tokens ---- */

an_err an_hub_token(an_hub *hub, const char *actor, const char *site, int64_t valid_ms,
                    uint8_t ret_id[static AN_TOKEN_ID_BYTES], uint8_t ret_secret[static 32], an_note *why)
{
    uint8_t id[AN_TOKEN_ID_BYTES], secret[32], key[32];
    char id_text[2 * AN_TOKEN_ID_BYTES + 1], key_text[65];
    if (valid_ms < 1000 || valid_ms > INT64_C(30) * 86400 * 1000)
        return an_fail(AN_ERR_INVAL, why, "a token is valid for one second to 30 days");
    if (site[0] && !an_name_ok(site))
        return an_fail(AN_ERR_INVAL, why, "\"%.63s\" is not a site's name", site);
    an_random(id, sizeof id);
    an_random(secret, sizeof secret);
    an_token_key(key, secret);
    an_hex(id_text, id, sizeof id);
    an_hex(key_text, key, sizeof key);
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_text(o, "token_id", id_text);
    an_json_set_text(o, "key", key_text);
    an_json_set_int(o, "expires_ms", an_hub_now(hub) + valid_ms);
    if (site[0])
        an_json_set_text(o, "site", site);
    an_batch_add(&b, "site.token", id_text, actor, NULL, o);
    an_err err = an_hub_commit(hub, &b, why);
    if (err == AN_OK) {
        memcpy(ret_id, id, sizeof id);
        memcpy(ret_secret, secret, sizeof secret);
    }
    an_wipe(secret, sizeof secret);
    an_wipe(key, sizeof key);
    an_wipe(key_text, sizeof key_text);
    return err;
}

bool an_hub_enrolment_open(an_hub *hub)
{
    int64_t now = an_hub_now(hub);
    for (size_t i = 0; i < hub->state.tokens.n; i++)
        if (hub->state.tokens.items[i].expires_ms > now)
            return true; /* a used token stays open so that its site can ask for the answer */
    return false;
}

/* ---- requests and decisions ---- */

static bool request_proves_token(an_hub *hub, const uint8_t link_key[static AN_KEY_BYTES],
                                 const an_msg_enrol *e)
{
    const an_token_entry *token = an_state_token(&hub->state, e->token_id);
    if (!token || token->expires_ms <= an_hub_now(hub) ||
        !an_secret_equal(link_key, e->link_key, AN_KEY_BYTES) ||
        (token->site[0] && strcmp(token->site, e->site) != 0))
        return false;
    uint8_t statement[AN_ENROL_STATEMENT_BYTES];
    an_hash mac;
    an_enrol_statement(statement, e);
    an_mac_of(&mac, token->key, statement, sizeof statement);
    return an_secret_equal(mac.b, e->mac, sizeof e->mac);
}

static an_err store_request(an_hub *hub, const an_msg_enrol *e, const char *fingerprint)
{
    char hex[65], actor[128];
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_hex(hex, e->token_id, sizeof e->token_id);
    an_json_set_text(o, "token_id", hex);
    an_hex(hex, e->link_key, sizeof e->link_key);
    an_json_set_text(o, "link_key", hex);
    an_hex(hex, e->statement_key, sizeof e->statement_key);
    an_json_set_text(o, "sign_key", hex);
    an_json_set_text(o, "fingerprint", fingerprint);
    an_json_set_text(o, "agent", e->agent_version);
    snprintf(actor, sizeof actor, "site/%s", e->site);
    an_batch_add(&b, "site.requested", e->site, actor, NULL, o);
    return an_hub_commit(hub, &b, NULL);
}

static void reply_root(const an_hub *hub, an_msg_enrol_reply *ret)
{
    const an_root root = an_hub_root(hub);
    an_hash fingerprint;
    an_root_fingerprint(&fingerprint, root.key);
    an_hash_text(ret->release_root, &fingerprint);
    memcpy(ret->root_key, root.key, sizeof ret->root_key);
    ret->root_number = root.number;
}

static void reply_for(an_hub *hub, const an_site *site, an_msg_enrol_reply *ret)
{
    snprintf(ret->fingerprint, sizeof ret->fingerprint, "%s", site->keys.fingerprint);
    switch (site->status) {
    case AN_SITE_REQUESTED:
        ret->status = AN_ENROL_PENDING;
        an_text_set(ret->text, sizeof ret->text,
                    "waiting for an administrator to compare the fingerprint and approve");
        break;
    case AN_SITE_APPROVED:
        ret->status = AN_ENROL_APPROVED;
        reply_root(hub, ret);
        snprintf(ret->control_endpoint, sizeof ret->control_endpoint, "%s", hub->conf.control_endpoint);
        snprintf(ret->bulk_endpoint, sizeof ret->bulk_endpoint, "%s", hub->conf.bulk_endpoint);
        memcpy(ret->coordinator_key, hub->conf.sign_public, AN_KEY_BYTES);
        break;
    case AN_SITE_DENIED:
    case AN_SITE_REVOKED:
        ret->status = AN_ENROL_DENIED;
        an_text_set(ret->text, sizeof ret->text, "an administrator has refused this site");
        break;
    }
}

static bool any_equal(const an_site_keys *keys, const uint8_t link_key[static AN_KEY_BYTES],
                      const uint8_t sign_key[static AN_KEY_BYTES])
{
    return an_secret_equal(keys->link_key, link_key, AN_KEY_BYTES) ||
           an_secret_equal(keys->sign_key, sign_key, AN_KEY_BYTES);
}

/* A key speaks for one site: with two names it would be admitted as the one that came last. */
static bool key_of_another(const an_hub *hub, const char *name, const uint8_t link_key[static AN_KEY_BYTES],
                           const uint8_t sign_key[static AN_KEY_BYTES])
{
    for (size_t i = 0; i < hub->state.sites.n; i++) {
        const an_site *s = &hub->state.sites.items[i];
        if (strcmp(s->name, name) != 0 && (any_equal(&s->keys, link_key, sign_key) ||
                                           (s->rotates && any_equal(&s->next, link_key, sign_key))))
            return true;
    }
    return false;
}

void an_hub_enrol(an_hub *hub, const uint8_t link_key[static AN_KEY_BYTES], const an_msg_enrol *e,
                  an_msg_enrol_reply *ret)
{
    *ret = (an_msg_enrol_reply){.status = AN_ENROL_DENIED};
    /* One text for every reason: a stranger learns nothing from it. */
    an_text_set(ret->text, sizeof ret->text, "the token is unknown, expired, used or not yours");
    if (!request_proves_token(hub, link_key, e))
        return;
    const an_site *site = an_state_site(&hub->state, e->site);
    const an_token_entry *token = an_state_token(&hub->state, e->token_id);
    bool same = site && an_secret_equal(site->keys.link_key, e->link_key, AN_KEY_BYTES) &&
                an_secret_equal(site->keys.sign_key, e->statement_key, AN_KEY_BYTES);
    if (!same) {
        /* A request that waits is not replaced by another one: what was compared is what is approved. */
        bool taken = site && (site->status == AN_SITE_APPROVED || site->status == AN_SITE_REQUESTED);
        if (taken || token->used || key_of_another(hub, e->site, e->link_key, e->statement_key))
            return;
        char fingerprint[AN_FINGERPRINT_TEXT];
        an_fingerprint(fingerprint, e->link_key, e->statement_key);
        if (store_request(hub, e, fingerprint) != AN_OK) {
            ret->status = AN_ENROL_RETRY;
            an_text_set(ret->text, sizeof ret->text, "the request could not be stored; try again");
            return;
        }
        an_log(AN_LOG_INFO, "site_requested", "site=%s fingerprint=%s", e->site, fingerprint);
        site = an_state_site(&hub->state, e->site);
    }
    ret->text[0] = '\0';
    reply_for(hub, site, ret);
}

static an_err decide(an_hub *hub, const char *kind, const char *actor, const char *name, const char *reason,
                     an_note *why)
{
    const an_site *site = an_state_site(&hub->state, name);
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_text(o, "fingerprint", site->keys.fingerprint);
    an_json_set_text(o, "reason", reason);
    an_json_set_text(o, "before", an_site_status_name(site->status));
    an_batch_add(&b, kind, name, actor, NULL, o);
    an_err err = an_hub_commit(hub, &b, why);
    if (err == AN_OK) {
        site = an_state_site(&hub->state, name);
        hub->conf.io.admit(hub->conf.io.ctx, site, site->status == AN_SITE_APPROVED);
        an_log(AN_LOG_INFO, "site_decided", "site=%s decision=%s by=%s", name, kind, actor);
        an_hub_roster_refresh(hub);
    }
    return err;
}

an_err an_hub_site_decide(an_hub *hub, const char *actor, const char *name, bool approve, const char *reason,
                          an_note *why)
{
    const an_site *site = an_state_site(&hub->state, name);
    if (!site)
        return an_fail(AN_ERR_NOTFOUND, why, "no site %.63s has asked", name);
    if (site->status != AN_SITE_REQUESTED)
        return an_fail(AN_ERR_STATE, why, "site %s has been decided on", name);
    return decide(hub, approve ? "site.approved" : "site.denied", actor, name, reason, why);
}

an_err an_hub_site_revoke(an_hub *hub, const char *actor, const char *name, const char *reason, an_note *why)
{
    const an_site *site = an_state_site(&hub->state, name);
    if (!site || site->status != AN_SITE_APPROVED)
        return an_fail(AN_ERR_NOTFOUND, why, "no approved site %.63s", name);
    an_err err = decide(hub, "site.revoked", actor, name, reason, why);
    if (err == AN_OK)
        an_hub_lost(hub, name);
    return err;
}

an_err an_hub_site_replace(an_hub *hub, const char *actor, const char *name, const char *reason,
                           int64_t valid_ms, uint8_t ret_id[static AN_TOKEN_ID_BYTES],
                           uint8_t ret_secret[static 32], an_note *why)
{
    const an_site *site = an_state_site(&hub->state, name);
    if (!site || site->status == AN_SITE_REQUESTED)
        return an_fail(AN_ERR_NOTFOUND, why, "no site %.63s that was approved before", name);
    an_err err = an_hub_token(hub, actor, name, valid_ms, ret_id, ret_secret, why);
    if (err == AN_OK && site->status == AN_SITE_APPROVED)
        err = an_hub_site_revoke(hub, actor, name, reason[0] ? reason : "its keys are lost", why);
    return err;
}

/* ---- rotation: the second pair of keys is admitted before the first one goes ---- */

static an_err check_keys(const an_hub *hub, const an_site *site, const an_msg_keys *k, an_note *why)
{
    uint8_t statement[AN_KEYS_STATEMENT_BYTES];
    an_keys_statement(statement, site->name, site->keys.link_key, site->keys.sign_key, k);
    if (an_sign_check(k->signature, AN_KEYS_CONTEXT, statement, sizeof statement, site->keys.sign_key) !=
        AN_OK)
        return an_fail(AN_ERR_AUTH, why, "the present statement key has not signed the next keys");
    if (an_sign_check(k->next_signature, AN_KEYS_CONTEXT, statement, sizeof statement, k->statement_key) !=
        AN_OK)
        return an_fail(AN_ERR_AUTH, why, "the next statement key has not signed: is it there?");
    if (any_equal(&site->keys, k->link_key, k->statement_key))
        return an_fail(AN_ERR_REFUSED, why, "both keys have to be new");
    if (key_of_another(hub, site->name, k->link_key, k->statement_key))
        return an_fail(AN_ERR_REFUSED, why, "a key speaks for one site, and one of these speaks for another");
    return AN_OK;
}

static an_err store_keys(an_hub *hub, const an_site *site, const an_msg_keys *k, an_note *why)
{
    char hex[2 * AN_SIG_BYTES + 1], actor[128], fingerprint[AN_FINGERPRINT_TEXT];
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_fingerprint(fingerprint, k->link_key, k->statement_key);
    an_hex(hex, k->link_key, sizeof k->link_key);
    an_json_set_text(o, "link_key", hex);
    an_hex(hex, k->statement_key, sizeof k->statement_key);
    an_json_set_text(o, "sign_key", hex);
    an_json_set_text(o, "fingerprint", fingerprint);
    an_hex(hex, k->signature, sizeof k->signature);
    an_json_set_text(o, "signature", hex);
    an_hex(hex, k->next_signature, sizeof k->next_signature);
    an_json_set_text(o, "next_signature", hex);
    an_json_set_text(o, "before", site->keys.fingerprint);
    snprintf(actor, sizeof actor, "site/%s", site->name);
    an_batch_add(&b, "site.keys", site->name, actor, NULL, o);
    an_log(AN_LOG_INFO, "site_keys", "site=%s next_fingerprint=%s", site->name, fingerprint);
    return an_hub_commit(hub, &b, why);
}

an_err an_hub_site_keys(an_hub *hub, const char *name, const an_msg_keys *k, an_note *why)
{
    const an_site *site = an_state_site(&hub->state, name);
    if (!site || site->status != AN_SITE_APPROVED) /* to admit its next keys would admit it again */
        return an_fail(AN_ERR_AUTH, why, "site %s is not approved", name);
    const bool same = site->rotates && an_secret_equal(site->next.link_key, k->link_key, AN_KEY_BYTES) &&
                      an_secret_equal(site->next.sign_key, k->statement_key, AN_KEY_BYTES);
    an_err err = check_keys(hub, site, k, why);
    if (err != AN_OK)
        return err;
    if (same) { /* said again; there may have been no memory to admit them */
        hub->conf.io.admit(hub->conf.io.ctx, site, true);
        return AN_OK;
    }
    /* Each may lead to a roster and to a copy of it for every site. */
    const int64_t gone_ms = an_hub_now(hub) - site->offered_ms; /* below zero: the clock was put back */
    if (site->offered_ms > 0 && gone_ms >= 0 && gone_ms < ROTATE_EVERY_MS)
        return an_fail(AN_ERR_AGAIN, why, "this site offered other keys less than an hour ago");
    if ((err = store_keys(hub, site, k, why)) != AN_OK)
        return err;
    hub->conf.io.admit(hub->conf.io.ctx, an_state_site(&hub->state, name), true);
    return AN_OK;
}

an_err an_hub_site_speaks(an_hub *hub, const char *name, const uint8_t sign_key[static AN_KEY_BYTES],
                          an_note *why)
{
    const an_site *site = an_state_site(&hub->state, name);
    if (an_secret_equal(sign_key, site->keys.sign_key, AN_KEY_BYTES))
        return AN_OK;
    if (!site->rotates || !an_secret_equal(sign_key, site->next.sign_key, AN_KEY_BYTES))
        return an_fail(AN_ERR_AUTH, why, "site %s has another statement key than was approved", name);
    char actor[128];
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_text(o, "fingerprint", site->next.fingerprint);
    an_json_set_text(o, "before", site->keys.fingerprint);
    snprintf(actor, sizeof actor, "site/%s", name);
    an_batch_add(&b, "site.rotated", name, actor, NULL, o);
    an_err err = an_hub_commit(hub, &b, why);
    if (err != AN_OK)
        return err;
    an_log(AN_LOG_INFO, "site_rotated", "site=%s", name);
    hub->conf.io.admit(hub->conf.io.ctx, an_state_site(&hub->state, name), true);
    an_hub_roster_refresh(hub);
    return AN_OK;
}
