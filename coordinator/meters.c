#include "coordinator/meters.h"

#include <string.h>

#include "base/mem.h"
#include "coordinator/records.h"

const an_meter an_coordinator_meters[AN_COORDINATOR_METERS] = {
#define AN_METER(id, type, name, help, ...) {AN_METER_##type, name, help, {__VA_ARGS__}},
#include "coordinator/meters.def"
#undef AN_METER
};

static double seconds(int64_t ms)
{
    return (double)ms / 1000;
}

/* ---- sites ---- */

static void put_sites(an_hub *hub, an_meter_page *p)
{
    const an_state *st = an_hub_state(hub);
    uint64_t n[AN_SITE_REVOKED + 1] = {0};
    for (size_t i = 0; i < st->sites.n; i++)
        n[st->sites.items[i].status]++;
    for (size_t i = 0; i <= AN_SITE_REVOKED; i++)
        an_meter_count(p, AN_CM_SITES, n[i], AN_LABELS(an_site_status_name((an_site_status)i)));
}

typedef void put_site(an_meter_page *p, const char *site, const an_hub_live *live);

static void each_site(an_hub *hub, an_meter_page *p, put_site *put)
{
    const an_state *st = an_hub_state(hub);
    for (size_t i = 0; i < st->sites.n; i++)
        if (st->sites.items[i].status == AN_SITE_APPROVED)
            put(p, st->sites.items[i].name, an_hub_live_find(hub, st->sites.items[i].name));
}

static void put_up(an_meter_page *p, const char *site, const an_hub_live *live)
{
    an_meter_count(p, AN_CM_SITE_UP, live && live->connected, AN_LABELS(site));
}

static void put_seen(an_meter_page *p, const char *site, const an_hub_live *live)
{
    an_meter_put(p, AN_CM_SITE_SEEN, live ? seconds(live->seen_ms) : 0, AN_LABELS(site));
}

static void put_queued(an_meter_page *p, const char *site, const an_hub_live *live)
{
    an_meter_count(p, AN_CM_SITE_QUEUED, live ? live->queued_alarms : 0, AN_LABELS(site));
}

static void put_received(an_meter_page *p, const char *site, const an_hub_live *live)
{
    an_meter_count(p, AN_CM_SITE_RECEIVED, live ? live->bytes_received : 0, AN_LABELS(site));
}

static void put_behind(an_hub *hub, an_meter_page *p)
{
    const an_state *st = an_hub_state(hub);
    for (size_t k = 0; k < st->models.n; k++) {
        const char *model = st->models.items[k].name;
        uint64_t n = 0;
        for (size_t i = 0; i < st->fleet.n; i++) {
            const an_fleet_entry *f = &st->fleet.items[i];
            if (strcmp(f->model, model) != 0)
                continue;
            const an_hash wanted = an_hub_desired_version(hub, model, f->site);
            n += !an_hash_is_zero(&wanted) && !an_hash_equal(&wanted, &f->version);
        }
        an_meter_count(p, AN_CM_BEHIND, n, AN_LABELS(model));
    }
}

/* ---- rounds ---- */

typedef struct sums {
    uint64_t versions, open, updates, ended[AN_PAYLOAD_KIND_MAX + 1][2]; /* ended: aborted, committed */
    uint64_t drifts, waiting, paused;
    int64_t waiting_ms; /* since when the oldest does */
} sums;

static sums *of_model(const an_state *st, sums *all, const char *model)
{
    for (size_t i = 0; i < st->models.n; i++)
        if (strcmp(st->models.items[i].name, model) == 0)
            return &all[i];
    return NULL;
}

/* One look at each list, whatever the number of models. */
static void add_up(const an_state *st, sums *all, an_times *times)
{
    sums *s;
    for (size_t i = 0; i < st->versions.n; i++)
        if ((s = of_model(st, all, st->versions.items[i].model)))
            s->versions++;
    for (size_t i = 0; i < st->rounds.n; i++) {
        const an_round_entry *r = &st->rounds.items[i];
        if (!(s = of_model(st, all, r->model)) || r->kind > AN_PAYLOAD_KIND_MAX)
            continue;
        s->open += !r->over;
        if (!r->over)
            continue;
        s->updates += r->n_updates;
        s->ended[r->kind][r->committed]++;
        an_times_add(&times[r->kind], an_times_long,
                     r->ended_ms > r->opened_ms ? (uint64_t)(r->ended_ms - r->opened_ms) * 1000 : 0);
    }
    for (size_t i = 0; i < st->drifts.n; i++) {
        const an_drift_entry *d = &st->drifts.items[i];
        if (d->campaign == 0 && !d->revoked && (s = of_model(st, all, d->model)))
            s->drifts++;
    }
    for (size_t i = 0; i < st->campaigns.n; i++) {
        const an_campaign *c = &st->campaigns.items[i];
        if (c->state != AN_CAMPAIGN_WAITING || !(s = of_model(st, all, c->model)))
            continue;
        s->waiting++;
        if (s->waiting_ms == 0 || c->opened_ms < s->waiting_ms)
            s->waiting_ms = c->opened_ms;
    }
    for (size_t i = 0; i < st->rollouts.n; i++)
        if (st->rollouts.items[i].state == AN_ROLLOUT_PAUSED &&
            (s = of_model(st, all, st->rollouts.items[i].model)))
            s->paused++;
}

static void put_rounds(const an_state *st, const sums *all, const an_times *times, an_meter_page *p)
{
    static const char *const ends[] = {"aborted", "committed"};
    for (size_t i = 0; i < st->models.n; i++)
        an_meter_count(p, AN_CM_VERSIONS, all[i].versions, AN_LABELS(st->models.items[i].name));
    for (size_t i = 0; i < st->models.n; i++)
        for (size_t k = 0; k <= AN_PAYLOAD_KIND_MAX; k++)
            for (size_t e = 0; e < 2; e++)
                if (all[i].ended[k][0] + all[i].ended[k][1] > 0)
                    an_meter_count(p, AN_CM_ROUNDS, all[i].ended[k][e],
                                   AN_LABELS(st->models.items[i].name,
                                             an_payload_kind_name((an_payload_kind)k), ends[e]));
    for (size_t k = 1; k <= AN_PAYLOAD_KIND_MAX; k++)
        an_meter_times(p, AN_CM_ROUND_TIME, &times[k], an_times_long,
                       AN_LABELS(an_payload_kind_name((an_payload_kind)k)));
    for (size_t i = 0; i < st->models.n; i++)
        an_meter_count(p, AN_CM_ROUNDS_OPEN, all[i].open, AN_LABELS(st->models.items[i].name));
    for (size_t i = 0; i < st->models.n; i++)
        an_meter_count(p, AN_CM_ROUND_UPDATES, all[i].updates, AN_LABELS(st->models.items[i].name));
}

static void put_answers(const an_hub_figures *f, an_meter_page *p)
{
    static const char *const results[] = {NULL, "accepted", "duplicate", "rejected", "late"};
    an_meter_count(p, AN_CM_PLANS, f->plans_accepted, AN_LABELS("accepted"));
    an_meter_count(p, AN_CM_PLANS, f->plans_refused, AN_LABELS("refused"));
    for (size_t i = AN_UPDATE_ACCEPTED; i <= AN_UPDATE_LATE; i++)
        an_meter_count(p, AN_CM_UPDATES, f->updates[i], AN_LABELS(results[i]));
}

/* ---- campaigns, drift, rollouts, privacy ---- */

static void put_decisions(an_hub *hub, const sums *all, an_meter_page *p)
{
    const an_state *st = an_hub_state(hub);
    uint64_t campaigns[AN_CAMPAIGN_ADAPTED + 1] = {0}, rollouts[AN_ROLLOUT_ABORTED + 1] = {0}, waits = 0;
    for (size_t i = 0; i < st->campaigns.n; i++)
        campaigns[st->campaigns.items[i].state]++;
    for (size_t i = 0; i <= AN_CAMPAIGN_ADAPTED; i++)
        an_meter_count(p, AN_CM_CAMPAIGNS, campaigns[i],
                       AN_LABELS(an_campaign_state_name((an_campaign_state)i)));
    for (size_t i = 0; i < st->models.n; i++)
        an_meter_count(p, AN_CM_CAMPAIGNS_WAITING, all[i].waiting, AN_LABELS(st->models.items[i].name));
    for (size_t i = 0; i < st->models.n; i++)
        if (all[i].waiting)
            an_meter_put(p, AN_CM_WAITING_SINCE, seconds(all[i].waiting_ms),
                         AN_LABELS(st->models.items[i].name));
    for (size_t i = 0; i < st->models.n; i++)
        an_meter_count(p, AN_CM_DRIFTS, all[i].drifts, AN_LABELS(st->models.items[i].name));
    for (size_t i = 0; i < st->rollouts.n; i++)
        rollouts[st->rollouts.items[i].state]++;
    for (size_t i = 0; i <= AN_ROLLOUT_ABORTED; i++)
        an_meter_count(p, AN_CM_ROLLOUTS, rollouts[i], AN_LABELS(an_rollout_state_name((an_rollout_state)i)));
    for (size_t i = 0; i < st->models.n; i++)
        an_meter_count(p, AN_CM_ROLLOUT_PAUSED, all[i].paused, AN_LABELS(st->models.items[i].name));
    for (size_t i = 0; i < st->waits.n; i++)
        waits += st->waits.items[i].open;
    an_meter_count(p, AN_CM_RELEASES, waits, NULL);
    const int64_t expiry = an_hub_roster_expiry(hub);
    if (expiry > 0)
        an_meter_put(p, AN_CM_ROSTER, seconds(expiry), NULL);
}

static void put_privacy(const an_state *st, an_meter_page *p)
{
    for (size_t i = 0; i < st->models.n; i++) {
        const an_model_entry *m = &st->models.items[i];
        const uint32_t unit = (uint32_t)m->policy.dp_unit;
        if (unit != AN_DP_NONE)
            an_meter_put(p, AN_CM_EPSILON,
                         an_privacy_epsilon(&m->spent.spent[unit == AN_DP_SITE], m->policy.dp_delta),
                         AN_LABELS(m->name, an_dp_unit_name(unit)));
    }
    for (size_t i = 0; i < st->models.n; i++) {
        const an_model_entry *m = &st->models.items[i];
        if (m->policy.dp_unit != AN_DP_NONE)
            an_meter_put(p, AN_CM_EPSILON_MAX, m->policy.dp_epsilon,
                         AN_LABELS(m->name, an_dp_unit_name((uint32_t)m->policy.dp_unit)));
    }
}

/* ---- the journal ---- */

static void put_journal(an_hub *hub, an_meter_page *p)
{
    const an_state *st = an_hub_state(hub);
    const an_store_figures *f = an_store_figures_get(an_hub_store(hub));
    an_meter_count(p, AN_CM_SEQ, st->last_seq, NULL);
    for (size_t i = 0; i < AN_RECORD_KINDS; i++)
        if (st->n_kinds[i] > 0)
            an_meter_count(p, AN_CM_RECORDS, st->n_kinds[i], AN_LABELS(an_record_kind_at(i)->name));
    an_meter_put(p, AN_CM_LAST, seconds(st->last_ms), NULL);
    an_meter_times(p, AN_CM_APPEND, &f->append, an_times_short, NULL);
    an_meter_count(p, AN_CM_STORE_ERRORS, an_tick_get(&f->errors), NULL);
}

an_err an_meters_core(an_hub *hub, an_meter_page *p)
{
    const an_state *st = an_hub_state(hub);
    an_err err = AN_ERR_NOMEM;
    sums *all = an_alloc(st->models.n + 1, sizeof *all);
    an_times *times = an_alloc(AN_PAYLOAD_KIND_MAX + 1, sizeof *times);
    if (!all || !times)
        goto out;
    add_up(st, all, times);
    put_sites(hub, p);
    each_site(hub, p, put_up);
    each_site(hub, p, put_seen);
    each_site(hub, p, put_queued);
    each_site(hub, p, put_received);
    put_behind(hub, p);
    put_rounds(st, all, times, p);
    put_answers(an_hub_figures_get(hub), p);
    put_decisions(hub, all, p);
    put_privacy(st, p);
    put_journal(hub, p);
    err = AN_OK;
out:
    an_free(all);
    an_free(times);
    return err;
}
