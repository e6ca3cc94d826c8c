/* Releases: who may sign what sites are to run, and what waits for a signature. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "models/bundle_form.h"

#define RELEASE_VALID_MS (INT64_C(365) * 86400000)
#define DELEGATION_VALID_MS (INT64_C(30) * 86400000)
#define DELEGATION_COUNT 50

/* ---- what a delegation allows ---- */

static an_err form_of(an_hub *hub, const an_hash *version, an_bundle_form *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_bundle b = {.arch = NULL};
    an_err err = an_hub_bundle_path(hub, version, path, why);
    if (err == AN_OK)
        err = an_bundle_read(&b, NULL, path, why);
    if (err == AN_OK)
        err = an_bundle_form_of(&b, ret);
    an_bundle_done(&b);
    return err;
}

static bool comes_from(an_hub *hub, const an_hash *version, const an_hash *ancestor)
{
    const an_version *v = an_state_version(&hub->state, version);
    for (size_t i = 0; v && i <= hub->state.versions.n; i++) {
        if (an_hash_equal(&v->hash, ancestor))
            return true;
        v = an_hash_is_zero(&v->parent) ? NULL : an_state_version(&hub->state, &v->parent);
    }
    return false;
}

/* The same limits as a site's (agent/session_trust.c), so that nothing is sent that would be refused. */
static an_err allows(an_hub *hub, const an_delegation_entry *e, const an_model_entry *m,
                     const an_hash *version, an_note *why)
{
    an_delegation d;
    an_bundle_form form;
    const unsigned long long number = (unsigned long long)e->d.number;
    const uint64_t used = e->d.number == m->delegation ? m->use : 0;
    an_err err;
    if (!an_delegation_covers_model(&e->d, m->name))
        return an_fail(AN_ERR_REFUSED, why, "no delegation covers the model");
    if (e->revocation.len > 0)
        return an_fail(AN_ERR_REFUSED, why, "delegation %llu was revoked", number);
    if ((err = an_delegation_check(&e->statement, &hub->state.root, &d, why)) != AN_OK)
        return err;
    if (!an_secret_equal(d.online, hub->conf.sign_public, sizeof d.online))
        return an_fail(AN_ERR_REFUSED, why, "delegation %llu is for another online key", number);
    if (an_hub_now(hub) >= d.expires_ms)
        return an_fail(AN_ERR_REFUSED, why, "delegation %llu has expired", number);
    if (d.number < m->delegation)
        return an_fail(AN_ERR_REFUSED, why, "delegation %llu is older than the last one used", number);
    if (used >= d.count)
        return an_fail(AN_ERR_REFUSED, why, "the %llu statements of delegation %llu are used up",
                       (unsigned long long)d.count, number);
    if (!comes_from(hub, version, &d.ancestor))
        return an_fail(AN_ERR_REFUSED, why, "the version does not come from the ancestor of delegation %llu",
                       number);
    if ((err = form_of(hub, version, &form, why)) != AN_OK)
        return err;
    return an_delegation_form(&d, &form.architecture, &form.preprocessing, &form.schema, why);
}

/* The latest that allows it.  NULL: why says what is wrong with the latest that is for the model. */
static const an_delegation_entry *find_delegation(an_hub *hub, const an_model_entry *m,
                                                  const an_hash *version, an_note *why)
{
    bool said = false;
    an_note_set(why, "no delegation covers the model");
    for (size_t i = hub->state.delegations.n; i-- > 0;) {
        const an_delegation_entry *e = &hub->state.delegations.items[i];
        an_note inner = {{0}};
        if (allows(hub, e, m, version, &inner) == AN_OK)
            return e;
        if (!said && an_delegation_covers_model(&e->d, m->name)) {
            *why = inner;
            said = true;
        }
    }
    return NULL;
}

/* ---- signing ---- */

static an_err sign_online(an_hub *hub, const an_release *r, an_signed *ret, an_note *why)
{
    an_buf text;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    an_err err = an_release_text(r, &text);
    if (err == AN_OK)
        err = an_signed_set(ret, text.data, text.len, NULL, 0, why);
    if (err == AN_OK)
        err = an_signed_add(ret, AN_RELEASE_CONTEXT, hub->conf.sign_public, hub->conf.sign_secret);
    an_buf_done(&text);
    return err;
}

/* It is the release from now on: stored, and announced, of a rollout stage by stage. */
static an_err put_in_force(an_hub *hub, const char *actor, uint64_t wait, const an_release *r,
                           const an_delegation_entry *d, const an_signed *s, const char *reason,
                           uint64_t rollout, an_note *why)
{
    char model[AN_NAME_MAX];
    const an_model_entry *m = an_state_model(&hub->state, r->model);
    const an_alias alias = rollout ? AN_ALIAS_CANARY : AN_ALIAS_PRODUCTION;
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object(), *moved = an_json_object();
    snprintf(model, sizeof model, "%s", r->model);
    if (wait)
        an_json_set_int(o, "id", (int64_t)wait);
    an_json_set_hash(o, "version", &r->version);
    an_json_set_int(o, "counter", (int64_t)r->counter);
    an_json_set_text(o, "sites", strcmp(r->sites, "*") == 0 ? "all sites" : r->sites);
    an_json_set_int(o, "expires_ms", r->expires_ms);
    if (d) {
        an_json_set_int(o, "delegation", (int64_t)d->d.number);
        an_json_set_int(o, "use", (int64_t)r->use);
    }
    if (rollout)
        an_json_set_int(o, "rollout", (int64_t)rollout);
    an_json_set_signed(o, s);
    an_batch_add(&b, "release.signed", model, actor, NULL, o);
    an_json_set_text(moved, "alias", an_alias_name(alias));
    an_json_set_hash(moved, "from", &m->alias[alias - 1]);
    an_json_set_hash(moved, "to", &r->version);
    an_json_set_int(moved, "counter", (int64_t)r->counter);
    an_json_set_text(moved, "reason", reason);
    an_batch_add(&b, "alias.moved", model, actor, NULL, moved);
    an_err err = an_hub_commit(hub, &b, why);
    if (err != AN_OK)
        return err;
    an_log(AN_LOG_INFO, "released", "model=%s alias=%s by=%s delegation=%llu reason=\"%s\"", model,
           an_alias_name(alias), actor, (unsigned long long)(d ? d->d.number : 0), reason);
    if (rollout)
        return an_hub_rollout_signed(hub, rollout, why);
    return an_hub_announce(hub, model, NULL);
}

static an_err want_signature(an_hub *hub, const char *actor, const char *model, const an_hash *version,
                             const char *reason, uint64_t rollout, an_note *why)
{
    uint64_t id = 1;
    const an_rollout *of = rollout ? an_state_rollout(&hub->state, rollout) : NULL;
    const uint64_t campaign = of ? of->campaign : 0;
    if (of ? an_state_wait_of_rollout(&hub->state, rollout) : an_state_wait_of(&hub->state, version, 0))
        return AN_OK;
    for (size_t i = 0; i < hub->state.waits.n; i++)
        id = hub->state.waits.items[i].id >= id ? hub->state.waits.items[i].id + 1 : id;
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_hash(o, "version", version);
    an_json_set_text(o, "reason", reason);
    if (campaign)
        an_json_set_int(o, "campaign", (int64_t)campaign);
    if (rollout)
        an_json_set_int(o, "rollout", (int64_t)rollout);
    an_batch_add(&b, "release.wanted", model, actor, NULL, o);
    an_err err = an_hub_commit(hub, &b, why);
    if (err == AN_OK)
        an_log(AN_LOG_WARN, "release_waits_for_signature", "release=%llu model=%s reason=\"%s\"",
               (unsigned long long)id, model, reason);
    return err;
}

an_err an_hub_version_check(an_hub *hub, const char *model, const an_hash *version, an_note *why)
{
    const an_version *v = an_state_version(&hub->state, version);
    if (!an_state_model(&hub->state, model) || !v || strcmp(v->model, model) != 0)
        return an_fail(AN_ERR_NOTFOUND, why, "model %.63s has no such version", model);
    if (v->quarantined)
        return an_fail(AN_ERR_STATE, why, "the version is quarantined: %.200s", v->reason);
    if (v->pruned)
        return an_fail(AN_ERR_STATE, why, "the version's bundle was removed (keep.versions)");
    return AN_OK;
}

static an_release next_release(an_hub *hub, const an_model_entry *m, const an_hash *version)
{
    an_release r = {.sites = "*", .version = *version, .counter = m->counter + 1};
    snprintf(r.model, sizeof r.model, "%s", m->name);
    r.issued_ms = an_hub_now(hub);
    r.expires_ms = r.issued_ms + RELEASE_VALID_MS;
    return r;
}

/* Errors: AGAIN the online key may not sign it; why says what is missing. */
static an_err release_online(an_hub *hub, const char *actor, uint64_t wait, const an_model_entry *m,
                             const an_hash *version, const char *reason, uint64_t rollout, an_note *why)
{
    an_signed s;
    an_release r = next_release(hub, m, version);
    const an_delegation_entry *d = NULL;
    if (!an_hub_root_is_online(hub)) {
        if (!(d = find_delegation(hub, m, version, why)))
            return AN_ERR_AGAIN;
        r.delegation = d->hash;
        r.use = d->d.number == m->delegation ? m->use + 1 : 1;
        if (r.expires_ms > d->d.expires_ms)
            r.expires_ms = d->d.expires_ms;
    }
    an_err err = sign_online(hub, &r, &s, why);
    return err == AN_OK ? put_in_force(hub, actor, wait, &r, d, &s, reason, rollout, why) : err;
}

an_err an_hub_release(an_hub *hub, const char *actor, const char *model, const an_hash *version,
                      const char *reason, uint64_t rollout, an_note *why)
{
    char said[AN_REASON_MAX], name[AN_NAME_MAX];
    const an_hash hash = *version; /* it may be of a list that grows */
    an_note missing = {{0}};
    snprintf(name, sizeof name, "%.63s", model);
    an_err err = an_hub_version_check(hub, name, &hash, why);
    if (err != AN_OK)
        return err;
    err = release_online(hub, actor, 0, an_state_model(&hub->state, name), &hash, reason, rollout, &missing);
    if (err == AN_ERR_AGAIN) {
        snprintf(said, sizeof said, "%.150s (%.90s)", reason, missing.text);
        return want_signature(hub, actor, name, &hash, said, rollout, why);
    }
    if (err != AN_OK && why)
        *why = missing;
    return err;
}

/* ---- what was signed elsewhere ---- */

static an_err need_wait(an_hub *hub, uint64_t id, an_release_wait *ret, an_note *why)
{
    const an_release_wait *w = an_state_wait(&hub->state, id);
    if (!w)
        return an_fail(AN_ERR_NOTFOUND, why, "no release %llu waits for a signature", (unsigned long long)id);
    if (!w->open)
        return an_fail(AN_ERR_STATE, why, "release %llu waits no more", (unsigned long long)id);
    *ret = *w;
    return AN_OK;
}

an_err an_hub_release_draft(an_hub *hub, const an_release_wait *wait, an_release *ret, an_note *why)
{
    an_err err = an_hub_version_check(hub, wait->model, &wait->version, why);
    if (err == AN_OK)
        *ret = next_release(hub, an_state_model(&hub->state, wait->model), &wait->version);
    return err;
}

an_err an_hub_release_sign(an_hub *hub, const char *actor, uint64_t id, const an_signed *release,
                           an_note *why)
{
    an_release r;
    an_delegation none;
    an_release_wait w;
    const an_release_ground ground = {.root = &hub->state.root, .online = hub->conf.sign_public};
    an_err err = need_wait(hub, id, &w, why);
    if (err == AN_OK)
        err = an_hub_version_check(hub, w.model, &w.version, why);
    if (err == AN_OK)
        err = an_release_judge(release, NULL, &ground, &r, &none, why);
    if (err != AN_OK)
        return err;
    const an_model_entry *m = an_state_model(&hub->state, w.model);
    if (strcmp(r.model, w.model) != 0 || !an_hash_equal(&r.version, &w.version))
        return an_fail(AN_ERR_INVAL, why, "the statement is of another model or version than release %llu",
                       (unsigned long long)id);
    if (r.counter != m->counter + 1)
        return an_fail(AN_ERR_STATE, why, "another release of model %s came between: fetch and sign again",
                       w.model);
    if (!w.rollout && an_hub_rollout_holds_production(hub, m))
        return an_fail(AN_ERR_STATE, why,
                       "a rollout of model %s is open: production's release waits for its end", w.model);
    if (strcmp(r.sites, "*") != 0)
        return an_fail(AN_ERR_UNSUPPORTED, why, "a release is for all sites");
    if (r.expires_ms <= an_hub_now(hub))
        return an_fail(AN_ERR_INVAL, why, "the statement has expired already");
    return put_in_force(hub, actor, id, &r, NULL, release, w.reason, w.rollout, why);
}

an_err an_hub_release_drop(an_hub *hub, const char *actor, uint64_t id, const char *reason, an_note *why)
{
    an_release_wait w;
    an_err err = need_wait(hub, id, &w, why);
    if (err != AN_OK)
        return err;
    if (w.campaign)
        return an_fail(AN_ERR_STATE, why, "campaign %llu waits for it: andon campaign stop %llu",
                       (unsigned long long)w.campaign, (unsigned long long)w.campaign);
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_text(o, "reason", reason);
    an_batch_add(&b, "release.dropped", w.model, actor, NULL, o);
    if ((err = an_hub_commit(hub, &b, why)) == AN_OK && w.rollout)
        err = an_hub_rollout_do(hub, actor, w.rollout, AN_ROLLOUT_EVENT_ABORT, reason, why);
    return err;
}

an_err an_hub_delegation_draft(an_hub *hub, const char *model, an_delegation *ret, an_note *why)
{
    an_bundle_form form;
    an_delegation d = {.number = 1, .count = DELEGATION_COUNT};
    const an_model_entry *m = an_state_model(&hub->state, model);
    if (!m)
        return an_fail(AN_ERR_NOTFOUND, why, "no model %.63s", model);
    d.ancestor = m->alias[AN_ALIAS_PRODUCTION - 1];
    if (an_hash_is_zero(&d.ancestor))
        return an_fail(AN_ERR_STATE, why, "model %s has no production version to delegate from", m->name);
    an_err err = form_of(hub, &d.ancestor, &form, why);
    if (err != AN_OK)
        return err;
    for (size_t i = 0; i < hub->state.delegations.n; i++)
        if (hub->state.delegations.items[i].d.number >= d.number)
            d.number = hub->state.delegations.items[i].d.number + 1;
    memcpy(d.online, hub->conf.sign_public, sizeof d.online);
    snprintf(d.models, sizeof d.models, "%s", m->name);
    d.architecture = form.architecture;
    d.preprocessing = form.preprocessing;
    d.schema = form.schema;
    d.issued_ms = an_hub_now(hub);
    d.expires_ms = d.issued_ms + DELEGATION_VALID_MS;
    *ret = d;
    return AN_OK;
}

/* ---- time ---- */

/* Sites may have followed a newer statement, of a rollout that was taken back: they wait for one of production. */
static bool is_passed(const an_model_entry *m)
{
    return m->counter > m->release.counter;
}

/* Is a new statement of the same version wanted, and would it last longer? */
static bool ends_soon(an_hub *hub, const an_model_entry *m)
{
    return !an_hub_statement_holds(hub, &m->release) ||
           an_hub_now(hub) >= m->release.expires_ms - (m->release.expires_ms - m->release.issued_ms) / 4;
}

static bool outlasts(an_hub *hub, const an_model_entry *m, const an_delegation_entry *d)
{
    const int64_t now = an_hub_now(hub);
    const int64_t end =
        d && d->d.expires_ms < now + RELEASE_VALID_MS ? d->d.expires_ms : now + RELEASE_VALID_MS;
    return !an_hub_statement_holds(hub, &m->release) ||
           end - m->release.expires_ms > (m->release.expires_ms - m->release.issued_ms) / 2;
}

static void renew(an_hub *hub, const an_model_entry *m)
{
    an_note why = {{0}}, missing = {{0}};
    const an_hash version = m->alias[AN_ALIAS_PRODUCTION - 1];
    char name[AN_NAME_MAX];
    const char *reason = m->release.s.len == 0 ? "the release in force is signed"
                         : an_hub_statement_holds(hub, &m->release)
                             ? "renewed: the statement in force expires"
                             : "the statement before holds no longer";
    an_err err;
    if (an_hash_is_zero(&version) || an_state_rollout_open(&hub->state, m->name) || !ends_soon(hub, m) ||
        an_state_wait_of(&hub->state, &version, 0))
        return;
    const an_version *v = an_state_version(&hub->state, &version);
    if (!v || v->quarantined)
        return;
    snprintf(name, sizeof name, "%s", m->name);
    const bool online = an_hub_root_is_online(hub);
    const an_delegation_entry *d = online ? NULL : find_delegation(hub, m, &version, &missing);
    if ((online || d) && outlasts(hub, m, d))
        err = release_online(hub, "coordinator", 0, m, &version, reason, 0, &why);
    else
        err = want_signature(hub, "coordinator", name, &version, reason, 0, &why);
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "release_not_renewed", "model=%s err=%s why=\"%s\"", name, an_err_name(err),
               why.text);
}

/* A delegation that came after the request may allow it. */
static void try_waiting(an_hub *hub, size_t i)
{
    const an_release_wait w = hub->state.waits.items[i];
    const an_model_entry *m = w.open ? an_state_model(&hub->state, w.model) : NULL;
    an_note why = {{0}};
    if (!m || an_hub_version_check(hub, w.model, &w.version, NULL) != AN_OK)
        return;
    if (!w.rollout && an_hub_rollout_holds_production(hub, m))
        return;
    if (an_hash_equal(&w.version, &m->alias[AN_ALIAS_PRODUCTION - 1])) { /* a renewal: is it one? */
        const an_delegation_entry *d = find_delegation(hub, m, &w.version, &why);
        if (!d || !(is_passed(m) || outlasts(hub, m, d)))
            return;
    }
    an_err err = release_online(hub, w.actor, w.id, m, &w.version, w.reason, w.rollout, &why);
    if (err != AN_OK && err != AN_ERR_AGAIN)
        an_log(AN_LOG_ERROR, "release_not_signed", "release=%llu err=%s why=\"%s\"", (unsigned long long)w.id,
               an_err_name(err), why.text);
}

void an_hub_releases_tick(an_hub *hub)
{
    for (size_t i = 0; i < hub->state.models.n; i++)
        renew(hub, &hub->state.models.items[i]);
    for (size_t i = 0; i < hub->state.waits.n; i++)
        if (hub->state.waits.items[i].open)
            try_waiting(hub, i);
}
