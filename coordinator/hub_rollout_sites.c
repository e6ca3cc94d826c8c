/* What a rollout hears of its sites: from what they report, who comes and who goes.  Compared with what the
 * machine knows, again and again, so that nothing is lost with a message or a restart. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/hub_internal.h"

#define SYNC_MS 5000 /* how often all sites of open rollouts are looked through */

/* ---- who runs the model ---- */

static bool is_approved(an_hub *hub, const char *site)
{
    const an_site *s = an_state_site(&hub->state, site);
    return s && s->status == AN_SITE_APPROVED;
}

static bool ever_ran(an_hub *hub, const char *site, const char *model)
{
    for (size_t i = 0; i < hub->state.fleet.n; i++)
        if (strcmp(hub->state.fleet.items[i].site, site) == 0 &&
            strcmp(hub->state.fleet.items[i].model, model) == 0)
            return true;
    return false;
}

static bool has_drifted(an_hub *hub, const char *site, uint64_t campaign)
{
    an_campaign_line *lines;
    const size_t n = campaign ? an_state_campaign_lines(&hub->state, campaign, &lines) : 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(lines[i].site, site) == 0)
            return true;
    for (size_t i = 0; campaign && i < hub->state.drifts.n; i++)
        if (hub->state.drifts.items[i].campaign == campaign &&
            strcmp(hub->state.drifts.items[i].site, site) == 0)
            return true;
    return false;
}

an_err an_hub_rollout_sites(an_hub *hub, const an_model_entry *m, uint64_t campaign, an_rollout_site **ret,
                            size_t *ret_n)
{
    size_t n = 0;
    an_rollout_site *sites = an_alloc(hub->state.sites.n + 1, sizeof *sites);
    if (!sites)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < hub->state.sites.n; i++) {
        const an_site *s = &hub->state.sites.items[i];
        const an_hub_live *live = an_hub_live_get(hub, s->name);
        const bool connected = live && live->connected;
        if (s->status != AN_SITE_APPROVED)
            continue;
        if (connected ? !an_hub_runs_model(live, m) : !ever_ran(hub, s->name, m->name))
            continue;
        sites[n] = (an_rollout_site){.connected = connected, .drifting = has_drifted(hub, s->name, campaign)};
        snprintf(sites[n++].name, sizeof sites[0].name, "%s", s->name);
    }
    *ret = sites;
    *ret_n = n;
    return AN_OK;
}

/* ---- what a site has said ---- */

/* What is known of a site's lines that ever ran the model. */
typedef struct heard {
    const an_fleet_entry *lines[AN_REPORTED_MAX];
    size_t n;
    const an_live_entry *lives[AN_REPORTED_MAX]; /* of all its lines */
    size_t n_lives;
} heard;

static void hear(const an_state *st, const an_rollout *r, const char *site, heard *ret)
{
    ret->n = ret->n_lives = 0;
    for (size_t i = 0; i < st->fleet.n && ret->n < AN_REPORTED_MAX; i++)
        if (strcmp(st->fleet.items[i].site, site) == 0 && strcmp(st->fleet.items[i].model, r->model) == 0)
            ret->lines[ret->n++] = &st->fleet.items[i];
    for (size_t i = 0; i < st->lives.n && ret->n_lives < AN_REPORTED_MAX; i++)
        if (strcmp(st->lives.items[i].site, site) == 0)
            ret->lives[ret->n_lives++] = &st->lives.items[i];
}

static bool has_it(const an_target *t)
{
    return t->state == AN_TARGET_RUNNING || t->state == AN_TARGET_FINE;
}

/* Of a site that was not heard of since the start the reports stand for its lines.  Which of these it still has is
 * not known: one that it has given up does not take back what all of them have run. */
static bool runs_it(an_hub *hub, const an_rollout *r, const an_target *t, const heard *h)
{
    const an_hub_live *live = an_hub_live_get(hub, t->site);
    const an_model_entry *m = an_state_model(&hub->state, r->model);
    bool any = false;
    if (live)
        return an_hub_line_runs(live, m, &r->version, true);
    for (size_t i = 0; i < h->n; i++) {
        const bool runs = an_hash_equal(&h->lines[i]->version, &r->version);
        if (!runs && (!has_it(t) || h->lines[i]->since_seq > t->since_seq))
            return false;
        any = any || runs;
    }
    return any;
}

/* The line's last figures, if they are of the version against another one.  Two overlays of the version that are
 * held against each other (hub_refit.c) say nothing of it. */
static const an_msg_live *figures_of(const an_rollout *r, const heard *h, const an_fleet_entry *f)
{
    for (size_t i = 0; i < h->n_lives; i++) {
        const an_msg_live *l = &h->lives[i]->figures;
        if (strcmp(l->line, f->line) != 0)
            continue;
        return h->lives[i]->seq >= f->since_seq && an_hash_equal(&l->version, &r->version) &&
                       !an_hash_equal(&l->before, &r->version)
                   ? l
                   : NULL;
    }
    return NULL;
}

/* Figures that say that it is worse: the site's own verdict, or scores that are no numbers where the version
 * before it had some.  They hold for as long as the line goes on running it. */
static bool is_worse(const an_rollout *r, const heard *h, const an_fleet_entry *f, an_rollout_event *e)
{
    const an_msg_live *l = figures_of(r, h, f);
    const bool worse = l && l->verdict == AN_LIVE_WORSENED,
               failed = l && l->non_finite > 0 && l->paired && l->before_non_finite == 0;
    if (worse)
        snprintf(e->reason, sizeof e->reason, "line %s: %.150s", f->line,
                 l->reason[0] ? l->reason : "live figures have worsened");
    else if (failed)
        snprintf(e->reason, sizeof e->reason, "line %s: %llu rows without a finite score", f->line,
                 (unsigned long long)l->non_finite);
    return worse || failed;
}

/* A line that has not decided yet; one that does not report its figures cannot be waited for. */
static bool watches(const an_rollout *r, const heard *h)
{
    for (size_t i = 0; i < h->n; i++) {
        const an_msg_live *l = figures_of(r, h, h->lines[i]);
        if (l && l->verdict == AN_LIVE_WATCHING)
            return true;
    }
    return false;
}

/* What its lines have said since it is in this state. */
static bool said(const an_rollout *r, const an_target *t, const heard *h, an_rollout_event *e)
{
    bool refused = false;
    for (size_t i = 0; i < h->n; i++) {
        const an_fleet_entry *f = h->lines[i];
        e->type = AN_ROLLOUT_EVENT_FAILS;
        if (an_hash_equal(&f->left, &r->version) && f->left_seq > t->since_seq) {
            snprintf(e->reason, sizeof e->reason, "line %s went back: %.150s", f->line, f->left_reason);
            return true;
        }
        if (is_worse(r, h, f, e))
            return true;
        const bool ran_since = an_hash_equal(&f->version, &r->version) && f->since_seq > f->refused_seq;
        if (t->state != AN_TARGET_TOLD || !an_hash_equal(&f->refused, &r->version) ||
            f->refused_seq < t->since_seq || ran_since)
            continue;
        snprintf(e->reason, sizeof e->reason, "line %s refused: %.150s", f->line, f->refused_reason);
        if (strncmp(f->refused_reason, AN_REFUSED_UNTRUSTED, strlen(AN_REFUSED_UNTRUSTED)) == 0)
            return true;
        refused = true;
    }
    e->type = AN_ROLLOUT_EVENT_REFUSES;
    return refused;
}

/* Where it was bad, that it runs on makes it no better; another start of it may. */
static bool began_anew(const an_rollout *r, const an_target *t, const heard *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (an_hash_equal(&h->lines[i]->version, &r->version) && h->lines[i]->since_seq > t->since_seq)
            return true;
    return false;
}

static bool event_of(an_hub *hub, const an_rollout *r, const char *site, an_rollout_event *e)
{
    const an_target *t = an_rollout_find(r, site);
    const an_hub_live *live = an_hub_live_get(hub, site);
    const bool connected = live && live->connected, approved = is_approved(hub, site);
    const bool here = connected && an_hub_runs_model(live, an_state_model(&hub->state, r->model));
    if (approved && here && (!t || t->state == AN_TARGET_GONE)) {
        e->type = AN_ROLLOUT_EVENT_JOINS;
        return true;
    }
    if (!t || t->state == AN_TARGET_GONE)
        return false;
    if (!approved || (connected && !here && t->state != AN_TARGET_FAILED)) { /* what was bad stays counted */
        e->type = AN_ROLLOUT_EVENT_GOES;
        snprintf(e->reason, sizeof e->reason, "%s",
                 approved ? "it runs the model no longer" : "it is admitted no longer");
        return true;
    }
    if (!t->reached)
        return false;
    heard h;
    hear(&hub->state, r, site, &h);
    if (said(r, t, &h, e))
        return t->state != AN_TARGET_FAILED && (e->type == AN_ROLLOUT_EVENT_FAILS || !t->refused);
    const bool runs = runs_it(hub, r, t, &h), has = has_it(t);
    e->reason[0] = '\0';
    if (t->state == AN_TARGET_FAILED && !began_anew(r, t, &h))
        return false;
    e->type = runs ? AN_ROLLOUT_EVENT_RUNS : AN_ROLLOUT_EVENT_LEFT;
    if (runs != has || t->state != AN_TARGET_RUNNING)
        return runs != has;
    const bool undecided = watches(r, &h);
    e->type = undecided ? AN_ROLLOUT_EVENT_WATCHES : AN_ROLLOUT_EVENT_WATCHED;
    return undecided != t->watches;
}

/* True: something has changed.  One event may follow another: it joins, then it runs. */
static bool sync_site(an_hub *hub, uint64_t id, const char *site)
{
    bool any = false, changed = true;
    for (int i = 0; i < 3 && changed; i++) {
        const an_rollout *r = an_state_rollout(&hub->state, id);
        an_rollout_event e = {.now_ms = an_hub_now(hub)};
        char actor[128];
        changed = false;
        if (an_rollout_is_over(r) || !event_of(hub, r, site, &e))
            break;
        snprintf(e.site, sizeof e.site, "%s", site);
        an_hub_site_actor(actor, site);
        if (an_hub_rollout_feed(hub, actor, id, &e, &changed, NULL) != AN_OK)
            break; /* seen again */
        any = any || changed;
    }
    return any;
}

bool an_hub_rollout_site(an_hub *hub, const char *site)
{
    bool any = false;
    for (size_t i = 0; i < hub->state.rollouts.n; i++)
        if (!an_rollout_is_over(&hub->state.rollouts.items[i]))
            any = sync_site(hub, hub->state.rollouts.items[i].id, site) || any;
    return any;
}

bool an_hub_rollouts_sync(an_hub *hub)
{
    bool any = false;
    const int64_t now = an_hub_now(hub);
    if (hub->synced_ms && now - hub->synced_ms >= 0 && now - hub->synced_ms < SYNC_MS)
        return false;
    hub->synced_ms = now;
    for (size_t i = 0; i < hub->state.rollouts.n; i++) {
        const uint64_t id = hub->state.rollouts.items[i].id;
        if (an_rollout_is_over(&hub->state.rollouts.items[i]))
            continue;
        for (size_t k = 0; k < hub->state.sites.n; k++)
            any = sync_site(hub, id, hub->state.sites.items[k].name) || any;
    }
    return any;
}
