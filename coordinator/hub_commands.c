/* What people ask for: enrolment, campaigns, rollback. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "net/keys.h"

/* ---- enrolment ---- */

an_err an_hub_token(an_hub *hub, const char *actor, int64_t valid_ms,
                    uint8_t ret_id[static AN_TOKEN_ID_BYTES], uint8_t ret_secret[static 32], an_note *why)
{
    uint8_t id[AN_TOKEN_ID_BYTES], secret[32], key[32];
    char id_text[2 * AN_TOKEN_ID_BYTES + 1], key_text[65];
    if (valid_ms < 1000 || valid_ms > INT64_C(30) * 86400 * 1000)
        return an_fail(AN_ERR_INVAL, why, "a token is valid for one second to 30 days");
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

static bool request_proves_token(an_hub *hub, const uint8_t link_key[static AN_KEY_BYTES],
                                 const an_msg_enrol *e)
{
    const an_token_entry *token = an_state_token(&hub->state, e->token_id);
    if (!token || token->expires_ms <= an_hub_now(hub) ||
        !an_secret_equal(link_key, e->link_key, AN_KEY_BYTES))
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
    snprintf(ret->fingerprint, sizeof ret->fingerprint, "%s", site->fingerprint);
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

/* A key speaks for one site: with two names it would be admitted as the one that came last. */
static bool key_of_another(const an_hub *hub, const an_msg_enrol *e)
{
    for (size_t i = 0; i < hub->state.sites.n; i++) {
        const an_site *s = &hub->state.sites.items[i];
        if (strcmp(s->name, e->site) != 0 && (an_secret_equal(s->link_key, e->link_key, AN_KEY_BYTES) ||
                                              an_secret_equal(s->sign_key, e->statement_key, AN_KEY_BYTES)))
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
    bool same = site && an_secret_equal(site->link_key, e->link_key, AN_KEY_BYTES) &&
                an_secret_equal(site->sign_key, e->statement_key, AN_KEY_BYTES);
    if (!same) {
        /* A request that waits is not replaced by another one: what was compared is what is approved. */
        bool taken = site && (site->status == AN_SITE_APPROVED || site->status == AN_SITE_REQUESTED);
        if (taken || token->used || key_of_another(hub, e))
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
    an_json_set_text(o, "fingerprint", site->fingerprint);
    an_json_set_text(o, "reason", reason);
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

/* ---- campaigns ---- */

/* A person is told how many rounds the budget has room for.  A campaign that opens by itself takes so many
 * (one at least: that it is refused says why), and waits for a person if noise would bury what it learns. */
static an_err weigh_privacy(an_hub *hub, const an_model_entry *m, an_campaign_kind kind, bool by_itself,
                            uint32_t *rounds, bool *waiting, an_note *why)
{
    an_hub_privacy w;
    an_err err = an_hub_privacy_weigh(hub, m->name, kind, *rounds, &w, why);
    if (err != AN_OK || w.unit == AN_DP_NONE || isinf(w.after))
        return err;
    if (by_itself) {
        *rounds = w.room < *rounds ? (uint32_t)(w.room > 0 ? w.room : 1) : *rounds;
        *waiting = *waiting || w.ratio > 1;
        return AN_OK;
    }
    if (w.after <= w.budget)
        return AN_OK;
    return an_fail(
        AN_ERR_REFUSED, why,
        "privacy budget: epsilon is %.4g and would be %.4g after %u rounds (%s, delta %g); the model "
        "may spend %g (dp.epsilon), which has room for %llu",
        w.epsilon, w.after, *rounds, an_dp_unit_name(w.unit), w.delta, w.budget, (unsigned long long)w.room);
}

an_err an_hub_campaign_open(an_hub *hub, const char *actor, const char *model, an_campaign_kind kind,
                            uint32_t rounds, const char *trigger, uint64_t *ret_id, an_note *why)
{
    const an_model_entry *m = an_state_model(&hub->state, model);
    if (!m)
        return an_fail(AN_ERR_NOTFOUND, why, "no model %.63s", model);
    const an_campaign *open = an_state_campaign_open(&hub->state, model);
    if (open)
        return an_fail(AN_ERR_STATE, why, "campaign %llu of model %s is not over",
                       (unsigned long long)open->id, model);
    bool again = kind == AN_CAMPAIGN_INCREMENTAL;
    const an_hash *production = &m->alias[AN_ALIAS_PRODUCTION - 1];
    if (again && an_hash_is_zero(production))
        return an_fail(AN_ERR_STATE, why, "model %s has no production version to go on from", model);
    if (rounds > 10000)
        return an_fail(AN_ERR_INVAL, why, "a campaign has at most 10000 rounds");
    if (rounds == 0)
        rounds = (uint32_t)(again ? m->policy.drift_rounds : m->policy.train_rounds);
    uint64_t id = hub->state.next_id;
    bool by_itself = strcmp(actor, "coordinator") == 0, waiting = by_itself && !m->policy.drift_automatic;
    an_err err = weigh_privacy(hub, m, kind, by_itself, &rounds, &waiting, why);
    if (err != AN_OK)
        return err;
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_text(o, "kind", an_campaign_kind_name(kind));
    an_json_set_text(o, "trigger", trigger);
    an_json_set_int(o, "rounds", rounds);
    an_json_set_hash(o, "base", again ? production : &m->blank);
    an_json_set_bool(o, "waiting", waiting);
    an_batch_add(&b, "campaign.opened", model, actor, NULL, o);
    err = an_hub_commit(hub, &b, why);
    if (err != AN_OK)
        return err;
    an_log(AN_LOG_INFO, "campaign_opened", "campaign=%llu model=%s kind=%s trigger=\"%s\"",
           (unsigned long long)id, model, an_campaign_kind_name(kind), trigger);
    *ret_id = id;
    an_hub_drive(hub);
    return AN_OK;
}

an_err an_hub_campaign_approve(an_hub *hub, const char *actor, uint64_t id, an_note *why)
{
    const an_campaign *c = an_state_campaign(&hub->state, id);
    if (!c)
        return an_fail(AN_ERR_NOTFOUND, why, "no campaign %llu", (unsigned long long)id);
    if (c->state != AN_CAMPAIGN_WAITING && c->state != AN_CAMPAIGN_PASSED)
        return an_fail(AN_ERR_STATE, why, "campaign %llu is %s and waits for no approval",
                       (unsigned long long)id, an_campaign_state_name(c->state));
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_hash(o, "candidate", &c->head);
    an_batch_add(&b, "campaign.approved", c->model, actor, NULL, o);
    an_err err = an_hub_commit(hub, &b, why);
    an_hub_drive(hub);
    return err;
}

an_err an_hub_campaign_stop(an_hub *hub, const char *actor, uint64_t id, const char *reason, an_note *why)
{
    const an_campaign *c = an_state_campaign(&hub->state, id);
    if (!c)
        return an_fail(AN_ERR_NOTFOUND, why, "no campaign %llu", (unsigned long long)id);
    if (an_campaign_is_over(c))
        return an_fail(AN_ERR_STATE, why, "campaign %llu is over", (unsigned long long)id);
    uint64_t open_round = c->open_round;
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_bool(o, "promoted", false);
    an_json_set_text(o, "reason", reason[0] ? reason : "stopped by a person");
    an_json_set_hash(o, "version", &c->head);
    an_batch_add(&b, "campaign.ended", c->model, actor, NULL, o);
    an_err err = an_hub_commit(hub, &b, why);
    an_hub_round *r = open_round && err == AN_OK ? an_hub_round_find(hub, open_round) : NULL;
    if (r) {
        an_round_event e = {.type = AN_ROUND_EVENT_CANCEL, .now_ms = an_hub_now(hub)};
        an_text_set(e.reason, sizeof e.reason, "its campaign was stopped");
        an_hub_round_event(hub, r, &e, actor);
    }
    return err;
}

/* ---- rollback ---- */

typedef struct history {
    an_hash present, previous;
} history;

static an_err visit_move(void *ctx, const an_record *record, an_note *why)
{
    history *h = ctx;
    an_json_doc *doc = NULL;
    const char *alias, *to;
    an_hash hash;
    an_err err = an_json_parse(record->body, record->body_len, "alias.moved", &doc, why);
    if (err != AN_OK)
        return err;
    const an_jval *o = an_json_root(doc);
    if ((err = an_jval_text(o, "alias", &alias, why)) == AN_OK &&
        (err = an_jval_text(o, "to", &to, why)) == AN_OK && strcmp(alias, "production") == 0 &&
        an_hash_parse(&hash, to) && !an_hash_equal(&hash, &h->present)) {
        h->previous = h->present;
        h->present = hash;
    }
    an_json_doc_free(doc);
    return err;
}

an_err an_hub_rollback(an_hub *hub, const char *actor, const char *model, const char *reason, an_note *why)
{
    history h = {{{0}}, {{0}}};
    an_err err = an_store_scan(hub->conf.store, &(an_store_filter){.kind = "alias.moved", .subject = model},
                               visit_move, &h, why);
    if (err != AN_OK)
        return err;
    if (an_hash_is_zero(&h.previous))
        return an_fail(AN_ERR_NOTFOUND, why, "model %.63s has no former production version", model);
    return an_hub_promote(hub, actor, model, &h.previous, reason, why);
}
