/* A release of a model as a parcel (trust/parcel.h): what a site is told of it, and what proves it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "coordinator/state_internal.h"
#include "doors/crypto.h"

typedef struct packing {
    an_hub *hub;
    an_signed release;
    an_hash version;
    an_alias alias;
    uint64_t counter;                               /* of a site's; 0: not looked at */
    an_msg *all, *messages[AN_PARCEL_MESSAGES_MAX]; /* messages point into all */
    size_t n_messages;
    an_parcel_bundle bundles[AN_PARCEL_BUNDLES_MAX];
    size_t n_bundles;
} packing;

static an_err take_release(void *ctx, const an_record *r, an_note *why)
{
    packing *p = ctx;
    an_json_doc *doc = NULL;
    an_signed s;
    an_err err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, why);
    if (err != AN_OK)
        return err;
    an_body b = {.o = an_json_root(doc), .why = why};
    const an_hash version = an_body_hash(&b, "version", false);
    an_body_signed(&b, &s);
    if (b.err == AN_OK && an_hash_equal(&version, &p->version))
        p->release = s;
    an_json_doc_free(doc);
    return b.err;
}

static an_err production_of(packing *p, const an_model_entry *m, an_note *why)
{
    const an_store_filter f = {.kind = "release.signed", .subject = m->name};
    p->alias = AN_ALIAS_PRODUCTION;
    p->version = m->alias[AN_ALIAS_PRODUCTION - 1];
    an_err err = an_store_scan(p->hub->conf.store, &f, take_release, p, why);
    if (err == AN_OK && p->release.len == 0)
        err = an_fail(AN_ERR_STATE, why, "model %s has no production version with a release statement",
                      m->name);
    return err;
}

/* What the coordinator would tell the site now, if it had a link. */
static an_err desired_of(packing *p, const an_model_entry *m, const char *site, an_note *why)
{
    an_hub_desired d;
    const an_site *s = an_state_site(&p->hub->state, site);
    if (!s || s->status != AN_SITE_APPROVED)
        return an_fail(AN_ERR_NOTFOUND, why, "no approved site or group %.63s", site);
    an_hub_desire(p->hub, m, site, &d);
    if (d.later)
        return an_fail(AN_ERR_STATE, why, "rollout %llu tells nobody now: it pauses, or its window is closed",
                       (unsigned long long)d.rollout->id);
    if (!d.statement)
        return an_fail(AN_ERR_STATE, why, "there is no release statement that site %s would follow", site);
    if (p->counter && p->counter != d.statement->counter)
        return an_fail(AN_ERR_STATE, why,
                       "site %s is to run another version now than others of the group: a parcel for each",
                       site);
    p->counter = d.statement->counter;
    p->release = d.statement->s;
    p->version = d.version;
    p->alias = d.rollout ? AN_ALIAS_CANARY : AN_ALIAS_PRODUCTION;
    return AN_OK;
}

static an_err desired_of_all(packing *p, const an_model_entry *m, const char *site, an_note *why)
{
    const an_group *g = an_state_group(&p->hub->state, site);
    an_err err = AN_OK;
    if (!g || g->n == 0)
        return desired_of(p, m, site, why);
    for (size_t i = 0; i < g->n && err == AN_OK; i++)
        err = desired_of(p, m, g->sites[i], why);
    return err;
}

static an_err add_trust(packing *p, const an_signed *s, an_note *why)
{
    if (p->n_messages + 1 == AN_PARCEL_MESSAGES_MAX)
        return an_fail(AN_ERR_LIMIT, why, "more rotations and revocations than a parcel has room for");
    an_msg *m = p->messages[p->n_messages] = &p->all[p->n_messages];
    *m = (an_msg){.type = AN_MSG_TRUST};
    m->u.trust.statement = (an_bytes){.data = s->text, .len = s->len};
    m->u.trust.n_signatures = s->n_signatures;
    memcpy(m->u.trust.signatures, s->signatures, sizeof s->signatures);
    p->n_messages++;
    return AN_OK;
}

static an_err add_bundle(packing *p, const an_hash *hash, an_note *why)
{
    const an_version *v = an_state_version(&p->hub->state, hash);
    if (!v || v->pruned)
        return an_fail(AN_ERR_NOTFOUND, why,
                       "a bundle that proves where the version comes from is not kept any more");
    if (p->n_bundles == AN_PARCEL_BUNDLES_MAX)
        return an_fail(AN_ERR_LIMIT, why,
                       "the version is more than %d generations from its delegation's ancestor",
                       AN_PARCEL_BUNDLES_MAX);
    p->bundles[p->n_bundles++] = (an_parcel_bundle){.hash = v->hash, .size = v->size};
    return AN_OK;
}

/* The version's own, and under a delegation all up to the ancestor. */
static an_err add_bundles(packing *p, const an_delegation_entry *d, an_note *why)
{
    an_hash at = p->version;
    an_err err = add_bundle(p, &at, why);
    while (err == AN_OK && d && !an_hash_equal(&at, &d->d.ancestor)) {
        at = an_state_version(&p->hub->state, &at)->parent;
        err = add_bundle(p, &at, why);
    }
    return err;
}

static void add_version(packing *p, const an_release *r, const an_delegation_entry *d)
{
    an_msg *m = p->messages[p->n_messages] = &p->all[p->n_messages];
    an_msg_version *u = &m->u.version;
    *m = (an_msg){.type = AN_MSG_VERSION};
    snprintf(u->model, sizeof u->model, "%s", r->model);
    u->version = p->version;
    u->size = p->bundles[0].size;
    u->alias = p->alias;
    u->counter = r->counter;
    u->statement = (an_bytes){.data = p->release.text, .len = p->release.len};
    u->n_signatures = p->release.n_signatures;
    memcpy(u->signatures, p->release.signatures, sizeof p->release.signatures);
    if (d) {
        u->delegation = (an_bytes){.data = d->statement.text, .len = d->statement.len};
        u->n_delegation_signatures = d->statement.n_signatures;
        memcpy(u->delegation_signatures, d->statement.signatures, sizeof d->statement.signatures);
    }
    p->n_messages++;
}

/* What an older root has revoked ended with it, and could not be checked any more. */
static bool is_news(const an_hub *hub, const an_delegation_entry *d)
{
    an_revocation r;
    return d->revocation.len > 0 && an_hub_now(hub) < d->d.expires_ms &&
           an_revocation_check(&d->revocation, &hub->state.root, &r, NULL) == AN_OK;
}

static an_err pack(packing *p, const char *card, an_buf *head, an_note *why)
{
    an_release r;
    an_err err = AN_OK;
    an_state *st = &p->hub->state;
    if ((err = an_release_parse(p->release.text, p->release.len, &r, why)) != AN_OK)
        return err;
    const an_delegation_entry *d = r.use ? an_state_delegation_by(st, &r.delegation) : NULL;
    for (size_t i = 0; i < st->links.n && err == AN_OK; i++)
        err = add_trust(p, &st->links.items[i], why);
    for (size_t i = 0; i < st->delegations.n && err == AN_OK; i++)
        if (is_news(p->hub, &st->delegations.items[i]))
            err = add_trust(p, &st->delegations.items[i].revocation, why);
    if (err == AN_OK)
        err = add_bundles(p, d, why);
    if (err != AN_OK)
        return err;
    add_version(p, &r, d);
    return an_parcel_encode(p->messages, p->n_messages, p->bundles, p->n_bundles, card,
                            p->hub->conf.sign_secret, head, why);
}

static an_err choose(packing *p, an_hub *hub, const char *model, const char *site, an_note *why)
{
    const an_model_entry *m = an_state_model(&hub->state, model);
    p->hub = hub;
    if (!m)
        return an_fail(AN_ERR_NOTFOUND, why, "no model %.63s", model);
    return site[0] ? desired_of_all(p, m, site, why) : production_of(p, m, why);
}

an_err an_hub_parcel_version(an_hub *hub, const char *model, const char *site, an_hash *ret, an_note *why)
{
    packing *p = an_alloc(1, sizeof *p);
    an_err err = p ? choose(p, hub, model, site, why) : AN_ERR_NOMEM;
    if (err == AN_OK)
        *ret = p->version;
    an_free(p);
    return err;
}

an_err an_hub_parcel(an_hub *hub, const char *model, const char *site, const char *card, an_buf *head,
                     an_note *why)
{
    packing *p = an_alloc(1, sizeof *p);
    an_msg *all = an_alloc(AN_PARCEL_MESSAGES_MAX, sizeof *all);
    an_err err = p && all ? choose(p, hub, model, site, why) : AN_ERR_NOMEM;
    if (err == AN_OK) {
        p->all = all;
        err = pack(p, card, head, why);
    }
    an_free(all);
    an_free(p);
    return err;
}

const uint8_t *an_hub_online_key(const an_hub *hub)
{
    return hub->conf.sign_public;
}
