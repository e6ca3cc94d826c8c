/* Telling each site what it is to run: production's version, or that of a rollout whose stage has reached it. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"

#define AGAIN_MS 60000 /* how often a site that runs another version than it should is told again */

static const an_delegation_entry *delegation_of(an_hub *hub, const an_statement *s)
{
    return an_hash_is_zero(&s->delegation) ? NULL : an_state_delegation_by(&hub->state, &s->delegation);
}

/* Would a site that comes now follow it?  Not what an older root has signed, what has expired or whose delegation was
 * revoked. */
bool an_hub_statement_holds(an_hub *hub, const an_statement *s)
{
    an_release r;
    an_delegation ignored;
    const an_delegation_entry *d = delegation_of(hub, s);
    const an_release_ground ground = {.root = &hub->state.root, .online = hub->conf.sign_public};
    return s->s.len > 0 && an_hub_now(hub) < s->expires_ms && !(d && d->revocation.len > 0) &&
           an_release_judge(&s->s, d ? &d->statement : NULL, &ground, &r, &ignored, NULL) == AN_OK;
}

/* Sites that a rollout has reached have followed its statement; an older one would not be followed any more.  Its
 * way back is open until production has a newer one or a later rollout reaches the site, whatever else opens. */
static const an_rollout *taken_back(an_hub *hub, const an_model_entry *m, const char *site)
{
    const an_rollout *r = NULL;
    for (size_t i = hub->state.rollouts.n; i-- > 0 && !r;) {
        const an_rollout *of = &hub->state.rollouts.items[i];
        if (strcmp(of->model, m->name) == 0 && an_rollout_reaches(of, site))
            r = of;
    }
    const bool back = r && (r->state == AN_ROLLOUT_ROLLED_BACK || r->state == AN_ROLLOUT_ABORTED);
    const bool signed_ = back && m->release.counter > r->counter &&
                         an_hash_equal(&m->release.version, &m->alias[AN_ALIAS_PRODUCTION - 1]);
    return back && !signed_ ? r : NULL;
}

void an_hub_desire(an_hub *hub, const an_model_entry *m, const char *site, an_hub_desired *ret)
{
    const an_rollout *r = an_state_rollout_open(&hub->state, m->name);
    const an_target *t = r && !an_rollout_is_over(r) ? an_rollout_find(r, site) : NULL;
    *ret = (an_hub_desired){.statement = &m->release, .version = m->alias[AN_ALIAS_PRODUCTION - 1]};
    if (t && t->reached && t->state != AN_TARGET_GONE && !an_hash_equal(&r->version, &ret->version)) {
        *ret = (an_hub_desired){.statement = &m->canary, .version = r->version, .rollout = r};
        ret->later = !an_rollout_may_tell(r, an_hub_now(hub));
    } else if ((r = taken_back(hub, m, site)) != NULL) {
        ret->statement = NULL;
        ret->back = r;
    }
    const an_version *v = an_state_version(&hub->state, &ret->version);
    if (!v || v->quarantined || (ret->statement && !an_hub_statement_holds(hub, ret->statement)))
        ret->statement = NULL;
}

bool an_hub_line_runs(const an_hub_live *live, const an_model_entry *m, const an_hash *version, bool all)
{
    bool any = false;
    for (uint32_t i = 0; i < live->n_lines; i++) {
        if (strcmp(live->lines[i].model, m->name) != 0)
            continue;
        const bool runs = an_hash_equal(&live->lines[i].version, version);
        if (runs != all)
            return runs;
        any = true;
    }
    return all && any;
}

static void fill_message(an_hub *hub, const an_model_entry *m, const an_hub_desired *d, an_msg *ret)
{
    an_msg_version *u = &ret->u.version;
    const an_statement *s = d->statement;
    *ret = (an_msg){.type = AN_MSG_VERSION};
    snprintf(u->model, sizeof u->model, "%s", m->name);
    u->version = d->version;
    u->size = an_state_version(&hub->state, &d->version)->size;
    u->alias = d->rollout ? AN_ALIAS_CANARY : AN_ALIAS_PRODUCTION;
    u->counter = s->counter;
    u->statement = (an_bytes){.data = s->s.text, .len = s->s.len};
    u->n_signatures = s->s.n_signatures;
    memcpy(u->signatures, s->s.signatures, sizeof s->s.signatures);
    const an_delegation_entry *e = delegation_of(hub, s);
    if (!e)
        return;
    u->delegation = (an_bytes){.data = e->statement.text, .len = e->statement.len};
    u->n_delegation_signatures = e->statement.n_signatures;
    memcpy(u->delegation_signatures, e->statement.signatures, sizeof e->statement.signatures);
}

/* Does a line run what was taken back, or is it perhaps on its way to it?  One that is is asked until it has
 * answered; again: nothing is new, and who will not is left alone. */
static bool is_to_return(an_hub *hub, const an_hub_live *live, const an_model_entry *m,
                         const an_rollout *back, bool again)
{
    const an_target *t = an_rollout_find(back, live->site);
    for (uint32_t i = 0; i < live->n_lines; i++) {
        if (strcmp(live->lines[i].model, m->name) != 0)
            continue;
        const an_fleet_entry *f = an_state_fleet(&hub->state, live->site, live->lines[i].line, m->name);
        const bool refused =
            f && an_hash_equal(&f->refused, &back->version) && f->refused_seq > back->ended_seq;
        const bool left = f && an_hash_equal(&f->left, &back->version) &&
                          (f->left_seq > back->ended_seq || (t && t->state == AN_TARGET_FAILED));
        const bool runs = an_hash_equal(&live->lines[i].version, &back->version);
        if (runs ? !(again && refused) : !refused && !left)
            return true;
    }
    return false;
}

static void tell(an_hub *hub, const an_hub_live *live, const an_model_entry *m, bool again)
{
    an_hub_desired d;
    an_msg msg;
    an_err sent = AN_OK;
    an_hub_desire(hub, m, live->site, &d);
    const bool runs = an_hub_line_runs(live, m, &d.version, true);
    if (d.later && !runs)
        return;
    if (d.statement) {
        fill_message(hub, m, &d, &msg);
        sent = an_hub_send(hub, live->site, &msg);
    } else if (d.back && is_to_return(hub, live, m, d.back, again)) {
        sent = an_hub_return(hub, live->site, m->name, &d.back->version, &d.back->from, d.back->reason);
    }
    (void)sent; /* told again at its next HELLO */
}

an_err an_hub_announce(an_hub *hub, const char *model, const char *only_site)
{
    const an_model_entry *m = an_state_model(&hub->state, model);
    for (size_t i = 0; m && i < hub->live.n; i++) {
        const an_hub_live *live = &hub->live.items[i];
        if ((only_site && strcmp(live->site, only_site) != 0) || !an_hub_runs_model(live, m))
            continue;
        tell(hub, live, m, false);
    }
    return AN_OK;
}

/* It has said that it cannot, and tries again by itself. */
static bool has_refused(an_hub *hub, const an_hub_live *live, const an_model_entry *m, const an_hash *version)
{
    for (uint32_t i = 0; i < live->n_lines; i++) {
        const an_fleet_entry *f = an_state_fleet(&hub->state, live->site, live->lines[i].line, m->name);
        if (f && (an_hash_equal(&f->refused, version) || an_hash_equal(&f->left, version)))
            return true;
    }
    return false;
}

/* again: nothing is new, and who has refused is left alone */
static void tell_differing(an_hub *hub, const an_hub_live *live, const an_model_entry *m, bool again)
{
    an_hub_desired d;
    if (!an_hub_runs_model(live, m))
        return;
    an_hub_desire(hub, m, live->site, &d);
    const bool differs = !an_hub_line_runs(live, m, &d.version, true);
    if (d.back || (differs && (!again || !has_refused(hub, live, m, &d.version))))
        tell(hub, live, m, again);
}

void an_hub_announce_reached(an_hub *hub, const an_rollout *r)
{
    const an_model_entry *m = an_state_model(&hub->state, r->model);
    for (size_t i = 0; i < hub->live.n; i++)
        if (an_rollout_reaches(r, hub->live.items[i].site))
            tell_differing(hub, &hub->live.items[i], m, false);
}

void an_hub_announce_tick(an_hub *hub)
{
    const int64_t now = an_hub_now(hub);
    if (now - hub->told_ms >= 0 && now - hub->told_ms < AGAIN_MS)
        return;
    hub->told_ms = now;
    for (size_t i = 0; i < hub->state.models.n; i++)
        for (size_t k = 0; k < hub->live.n; k++)
            tell_differing(hub, &hub->live.items[k], &hub->state.models.items[i], true);
}
