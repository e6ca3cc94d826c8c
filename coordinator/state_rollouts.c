/* What the records of rollouts, groups and reported versions do to the state. */
#include <string.h>

#include "coordinator/rollout_record.h"
#include "coordinator/state_internal.h"
#include "doors/crypto.h"

void an_state_rollouts_done(an_state *st)
{
    for (size_t i = 0; i < st->rollouts.n; i++)
        an_rollout_done(&st->rollouts.items[i]);
    for (size_t i = 0; i < st->groups.n; i++)
        an_free(st->groups.items[i].sites);
    an_free(st->rollouts.items);
    an_free(st->groups.items);
    an_free(st->fleet.items);
}

/* ---- rollouts ---- */

an_rollout *an_state_rollout(an_state *st, uint64_t id)
{
    for (size_t i = st->rollouts.n; i-- > 0;)
        if (st->rollouts.items[i].id == id)
            return &st->rollouts.items[i];
    return NULL;
}

an_rollout *an_state_rollout_last(an_state *st, const char *model)
{
    for (size_t i = st->rollouts.n; i-- > 0;)
        if (strcmp(st->rollouts.items[i].model, model) == 0)
            return &st->rollouts.items[i];
    return NULL;
}

an_rollout *an_state_rollout_open(an_state *st, const char *model)
{
    an_rollout *r = an_state_rollout_last(st, model);
    return r && !r->settled ? r : NULL;
}

void an_state_rollout_opened(an_state *st, const an_record *rec, an_body *b)
{
    an_rollout r = {.id = 0};
    an_body_known(b, an_state_model(st, rec->subject), "model");
    if (b->err == AN_OK && an_state_rollout_open(st, rec->subject))
        b->err = an_fail(AN_ERR_PROTO, b->why, "another rollout of the model is open");
    if (b->err == AN_OK)
        b->err = an_rollout_decode(b->o, rec->subject, rec->actor, rec->time_ms, &r, b->why);
    AN_BODY_APPEND(b, &st->rollouts, r);
    if (!an_body_ready(b)) {
        an_rollout_done(&r);
        return;
    }
    an_state_use_id(st, r.id);
    an_campaign *c = r.campaign ? an_state_campaign(st, r.campaign) : NULL;
    if (c)
        c->rollout = r.id;
}

static an_rollout *rollout_of(an_state *st, an_body *b)
{
    const uint64_t id = an_body_id(b, "id");
    an_rollout *r = b->err == AN_OK ? an_state_rollout(st, id) : NULL;
    an_body_known(b, r, "rollout");
    return r;
}

void an_state_rollout_event(an_state *st, const an_record *rec, an_body *b)
{
    an_rollout_event e = {.seq = 0};
    an_rollout *r = rollout_of(st, b);
    if (b->err == AN_OK)
        b->err = an_rollout_event_decode(b->o, &e, b->why);
    e.seq = rec->seq;
    if (b->err == AN_OK && e.type == AN_ROLLOUT_EVENT_JOINS)
        b->err = an_rollout_reserve(r);
    if (an_body_ready(b))
        an_rollout_step(r, &e);
}

void an_state_rollout_ended(an_state *st, const an_record *rec, an_body *b)
{
    an_rollout *r = rollout_of(st, b);
    an_model_entry *m = an_state_model(st, rec->subject);
    an_body_known(b, m, "model");
    if (!an_body_ready(b))
        return;
    r->settled = true;
    m->canary = (an_statement){.counter = 0};
    m->alias[AN_ALIAS_CANARY - 1] = (an_hash){{0}};
    for (size_t i = 0; i < st->waits.n; i++)
        if (st->waits.items[i].rollout == r->id)
            st->waits.items[i].open = false;
}

void an_state_clock_set(an_state *st, const an_record *rec, an_body *b)
{
    const int64_t by_ms = an_body_int(b, "by_ms", 0);
    if (b->err == AN_OK && (by_ms > INT64_MAX / 4 || by_ms < INT64_MIN / 4))
        b->err = an_fail(AN_ERR_PROTO, b->why, "no clock is set by so much");
    for (size_t i = 0; i < st->rollouts.n && an_body_ready(b); i++)
        if (!an_rollout_is_over(&st->rollouts.items[i]))
            an_rollout_shift(&st->rollouts.items[i], by_ms);
    if (an_body_ready(b))
        st->last_ms = rec->time_ms + by_ms; /* clock.set was written in the time of before */
}

/* ---- groups ---- */

an_group *an_state_group(an_state *st, const char *name)
{
    for (size_t i = 0; i < st->groups.n; i++)
        if (strcmp(st->groups.items[i].name, name) == 0)
            return &st->groups.items[i];
    return NULL;
}

bool an_state_in_group(const an_group *g, const char *site)
{
    for (size_t i = 0; g && i < g->n; i++)
        if (strcmp(g->sites[i], site) == 0)
            return true;
    return false;
}

void an_state_group_set(an_state *st, const an_record *rec, an_body *b)
{
    an_group g = {.n = 0};
    const an_jval *sites = b->err == AN_OK ? an_jval_get(b->o, "sites") : NULL;
    const size_t n = sites ? an_jval_count(sites) : 0;
    an_body_name(b, g.name, rec->subject);
    if (b->err == AN_OK && !(g.sites = an_alloc(n + 1, sizeof *g.sites)))
        b->err = AN_ERR_NOMEM;
    for (size_t i = 0; i < n && b->err == AN_OK; i++) {
        const char *site = "";
        b->err = an_jval_text(an_jval_at(sites, i), NULL, &site, b->why);
        an_body_name(b, g.sites[g.n], site);
        g.n += b->err == AN_OK;
    }
    an_group *old = b->err == AN_OK ? an_state_group(st, g.name) : NULL;
    if (!old)
        AN_BODY_APPEND(b, &st->groups, g);
    if (!an_body_ready(b)) {
        an_free(g.sites);
    } else if (old) {
        an_free(old->sites);
        *old = g;
    }
}

/* ---- what lines report ---- */

an_fleet_entry *an_state_fleet(an_state *st, const char *site, const char *line, const char *model)
{
    for (size_t i = 0; i < st->fleet.n; i++) {
        an_fleet_entry *f = &st->fleet.items[i];
        if (strcmp(f->site, site) == 0 && strcmp(f->line, line) == 0 && strcmp(f->model, model) == 0)
            return f;
    }
    return NULL;
}

static void take_report(an_fleet_entry *f, an_version_state state, const an_hash *version,
                        const an_hash *overlay, const char *reason, const an_record *rec)
{
    f->heard_seq = rec->seq;
    if (state == AN_VERSION_RUNNING) {
        if (!an_hash_equal(&f->version, version) || !an_hash_equal(&f->overlay, overlay)) {
            f->since_ms = rec->time_ms;
            f->since_seq = rec->seq;
        }
        f->version = *version;
        f->overlay = *overlay;
    } else if (state == AN_VERSION_REFUSED) {
        f->refused = *version;
        f->refused_seq = rec->seq;
        an_text_set(f->refused_reason, sizeof f->refused_reason, reason);
    } else if (state == AN_VERSION_ROLLED_BACK) {
        f->left = *version;
        f->left_seq = rec->seq;
        an_text_set(f->left_reason, sizeof f->left_reason, reason);
    }
}

/* A site does not fill the list with lines of its fancy: of one that has as many as are remembered, the one that was
 * not heard of longest; NULL: there is room. */
static an_fleet_entry *oldest_of(an_state *st, const char *site)
{
    an_fleet_entry *oldest = NULL;
    size_t n = 0;
    for (size_t i = 0; i < st->fleet.n; i++) {
        an_fleet_entry *f = &st->fleet.items[i];
        if (strcmp(f->site, site) != 0)
            continue;
        n++;
        if (!oldest || f->heard_seq < oldest->heard_seq)
            oldest = f;
    }
    return n >= AN_REPORTED_MAX ? oldest : NULL;
}

/* Time and order are the coordinator's, as it heard of it. */
void an_state_site_report(an_state *st, const an_record *rec, an_body *b)
{
    an_fleet_entry f = {.since_ms = 0};
    const an_hash version = an_body_hash(b, "version", true), overlay = an_body_hash(b, "overlay", true);
    const char *name = an_body_text(b, "state", ""), *reason = an_body_text(b, "reason", "");
    an_version_state state = AN_VERSION_FETCHING;
    an_body_name(b, f.site, rec->subject);
    an_body_name(b, f.line, an_body_text(b, "line", NULL));
    an_body_name(b, f.model, an_body_text(b, "model", NULL));
    while (b->err == AN_OK && state < AN_VERSION_ROLLED_BACK &&
           strcmp(name, an_version_state_name(state)) != 0)
        state++;
    if (b->err == AN_OK && strcmp(name, an_version_state_name(state)) != 0)
        b->err = an_fail(AN_ERR_PROTO, b->why, "no such state of a version");
    an_fleet_entry *at = b->err == AN_OK ? an_state_fleet(st, f.site, f.line, f.model) : NULL;
    if (at)
        f = *at;
    else if (b->err == AN_OK)
        at = oldest_of(st, f.site);
    if (b->err == AN_OK)
        take_report(&f, state, &version, &overlay, reason, rec);
    if (!at)
        AN_BODY_APPEND(b, &st->fleet, f);
    else if (an_body_ready(b))
        *at = f;
}
