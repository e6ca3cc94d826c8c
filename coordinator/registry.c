/* Who needs a version's bundle. */
#include "coordinator/registry.h"

#include <string.h>

#include "doors/crypto.h"

const char *an_need_text(an_need need)
{
    static const char *const texts[] = {
        "nobody needs it",
        "plans are made by it",
        "an alias names it",
        "a line runs it, or ran it before",
        "its release waits for a signature",
        "a rollout is at it",
        "a campaign is at it",
        "a round can be replayed with it",
        "a site still trains from it",
        "it was production",
        "sites check their way over it to a delegation's ancestor",
        "it is one of the newest",
    };
    return (size_t)need < sizeof texts / sizeof *texts ? texts[need] : "?";
}

static void mark(an_state *st, an_need *needs, const an_hash *hash, an_need need)
{
    const an_version *v = an_hash_is_zero(hash) ? NULL : an_state_version(st, hash);
    if (v && needs[v - st->versions.items] == AN_NEED_NOT)
        needs[v - st->versions.items] = need;
}

static void mark_model(an_state *st, an_need *needs, const an_model_entry *m)
{
    const int64_t keep = m->policy.keep_versions;
    int64_t newest = 0, formers = 0;
    mark(st, needs, &m->blank, AN_NEED_BLANK);
    for (size_t i = 0; i < AN_ALIASES; i++)
        mark(st, needs, &m->alias[i], AN_NEED_ALIAS);
    /* A former production counts once, however often it was production. */
    for (size_t i = st->moves.n; i-- > 0 && (keep == 0 || formers <= keep);) {
        const an_move_entry *e = &st->moves.items[i];
        bool again = false;
        if (e->alias != AN_ALIAS_PRODUCTION || strcmp(e->model, m->name) != 0)
            continue;
        for (size_t k = i + 1; k < st->moves.n && !again; k++)
            again = st->moves.items[k].alias == AN_ALIAS_PRODUCTION &&
                    an_hash_equal(&st->moves.items[k].to, &e->to);
        formers += !again; /* the present one is the first */
        mark(st, needs, &e->to, AN_NEED_FORMER);
    }
    for (size_t i = st->versions.n; i-- > 0 && (keep == 0 || newest < keep);) {
        if (strcmp(st->versions.items[i].model, m->name) != 0)
            continue;
        newest++;
        mark(st, needs, &st->versions.items[i].hash, AN_NEED_NEW);
    }
}

static void mark_work(an_state *st, an_need *needs)
{
    for (size_t i = 0; i < st->waits.n; i++)
        if (st->waits.items[i].open)
            mark(st, needs, &st->waits.items[i].version, AN_NEED_WAITS);
    for (size_t i = 0; i < st->rollouts.n; i++) {
        if (st->rollouts.items[i].settled)
            continue;
        mark(st, needs, &st->rollouts.items[i].version, AN_NEED_ROLLOUT);
        mark(st, needs, &st->rollouts.items[i].from, AN_NEED_ROLLOUT);
    }
    for (size_t i = 0; i < st->campaigns.n; i++) {
        const an_campaign *c = &st->campaigns.items[i];
        if (an_campaign_is_over(c))
            continue;
        mark(st, needs, &c->base, AN_NEED_CAMPAIGN);
        mark(st, needs, &c->head, AN_NEED_CAMPAIGN);
        mark(st, needs, &c->untrained, AN_NEED_CAMPAIGN);
    }
    for (size_t i = 0; i < st->rounds.n; i++) {
        const an_round_entry *e = &st->rounds.items[i];
        if (e->over && e->pruned)
            continue;
        mark(st, needs, &e->base, AN_NEED_ROUND);
        if (e->kind != AN_PAYLOAD_EVALUATE)
            mark(st, needs, &e->result, AN_NEED_ROUND);
    }
}

/* A site that is away may not have had it yet. */
static void mark_owed(an_state *st, an_need *needs)
{
    for (size_t i = 0; i < st->owed.n; i++) {
        const an_round_entry *e = an_state_round(st, st->owed.items[i].round);
        if (e)
            mark(st, needs, &e->base, AN_NEED_OWED);
    }
}

static bool in_force(const an_delegation_entry *d, int64_t now_ms)
{
    return d->revocation.len == 0 && now_ms < d->d.expires_ms;
}

/* SIZE_MAX: none before `below`.  A parent was registered before its child, most often just before. */
static size_t index_of(const an_state *st, size_t below, const an_hash *hash)
{
    for (size_t i = below; i-- > 0;)
        if (an_hash_equal(&st->versions.items[i].hash, hash))
            return i;
    return SIZE_MAX;
}

/* Parent by parent; the way is only one if it ends at the ancestor. */
static void mark_way(const an_state *st, an_need *needs, size_t from, size_t ancestor)
{
    for (int pass = 0; pass < 2; pass++) {
        size_t at = from;
        while (at != ancestor) {
            if (pass == 1 && needs[at] == AN_NEED_NOT)
                needs[at] = AN_NEED_LINEAGE;
            at = index_of(st, at, &st->versions.items[at].parent);
            if (at == SIZE_MAX || at < ancestor)
                return;
        }
    }
    if (needs[ancestor] == AN_NEED_NOT)
        needs[ancestor] = AN_NEED_LINEAGE;
}

static void mark_lineage(const an_state *st, an_need *needs, int64_t now_ms)
{
    for (size_t d = 0; d < st->delegations.n; d++) {
        const an_delegation_entry *e = &st->delegations.items[d];
        const size_t ancestor = index_of(st, st->versions.n, &e->d.ancestor);
        if (ancestor == SIZE_MAX || !in_force(e, now_ms))
            continue;
        for (size_t i = ancestor; i < st->versions.n; i++)
            if (needs[i] != AN_NEED_NOT && an_delegation_covers_model(&e->d, st->versions.items[i].model))
                mark_way(st, needs, i, ancestor);
    }
}

void an_registry_needs(an_state *st, int64_t now_ms, an_need *ret)
{
    for (size_t i = 0; i < st->versions.n; i++)
        ret[i] = AN_NEED_NOT;
    for (size_t i = 0; i < st->reported.n; i++) {
        mark(st, ret, &st->reported.items[i].version, AN_NEED_SITE);
        mark(st, ret, &st->reported.items[i].before, AN_NEED_SITE);
    }
    mark_work(st, ret);
    mark_owed(st, ret);
    for (size_t i = 0; i < st->models.n; i++)
        mark_model(st, ret, &st->models.items[i]);
    mark_lineage(st, ret, now_ms);
}
