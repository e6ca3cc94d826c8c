/* Late updates: asynchronous rounds in trusted mode (FedBuff; Nguyen et al. 2022, Algorithm 1).
 *
 * A round whose plan names a staleness_max ends with so many updates as its policy wants, whoever still trains.  Who had
 * begun then owes its update: it is not told that the round is over, and what it delivers stands for it in the round
 * of the campaign that is open when it comes, weighed by 1/sqrt(1 + staleness).
 *
 *     round 7   a, b deliver; c trains ......................... delivers
 *     round 8              a, b train ... b delivers                |
 *     round 9                             a, b train ............ + c's of round 7, staleness 2
 *
 * A site owes one update of a campaign at most: of a round that it could only begin after that one, it is told that it is
 * over. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "trust/delivery.h"

static uint32_t staleness_of(const an_hub *hub, const an_round_entry *e)
{
    uint32_t made = 0;
    for (size_t i = hub->state.rounds.n; i-- > 0 && hub->state.rounds.items[i].id >= e->id;) {
        const an_round_entry *later = &hub->state.rounds.items[i];
        made += later->campaign == e->campaign && later->kind == AN_PAYLOAD_TRAIN && later->committed;
    }
    return made;
}

bool an_hub_late_counts(an_hub *hub, const char *site, uint64_t round)
{
    const an_owed *o = an_state_owed(&hub->state, round, site);
    const an_campaign *c = o ? an_state_campaign(&hub->state, o->campaign) : NULL;
    const an_round_entry *e = o ? an_state_round(&hub->state, round) : NULL;
    return c && e && an_campaign_trains(c) && staleness_of(hub, e) <= e->staleness_max;
}

/* What the site owes the campaign and would still count; NULL: nothing. */
static const an_owed *owed_by(an_hub *hub, uint64_t campaign, const char *site)
{
    for (size_t i = 0; i < hub->state.owed.n; i++) {
        const an_owed *o = &hub->state.owed.items[i];
        if (o->campaign == campaign && strcmp(o->site, site) == 0)
            return an_hub_late_counts(hub, site, o->round) ? o : NULL;
    }
    return NULL;
}

an_json *an_hub_late_owing(an_hub *hub, const an_round *round)
{
    const an_round_entry *e = an_state_round(&hub->state, round->id);
    const an_campaign *c = e ? an_state_campaign(&hub->state, e->campaign) : NULL;
    an_json *list = NULL;
    for (size_t i = 0; c && an_campaign_trains(c) && e->staleness_max > 0 && i < round->n_members; i++) {
        const an_member *m = &round->members[i];
        if (m->state != AN_MEMBER_ACCEPTED || owed_by(hub, e->campaign, m->site))
            continue;
        if (!list)
            list = an_json_array();
        an_json_push(list, an_json_text(m->site));
    }
    return list;
}

static void say_over(an_hub *hub, const char *site, uint64_t round)
{
    an_msg m;
    an_hub_end_message(an_state_round(&hub->state, round), &m);
    an_err err = an_hub_send(hub, site, &m);
    (void)err; /* a site that holds its upload asks at its next HELLO */
}

void an_hub_late_ended(an_hub *hub, const an_round *round)
{
    const an_round_entry *e = an_state_round(&hub->state, round->id);
    for (size_t i = 0; i < round->n_members; i++) {
        const an_member *m = &round->members[i];
        if (m->trained_in)
            say_over(hub, m->site, m->trained_in);
        if (!an_hub_late_counts(hub, m->site, e->id))
            say_over(hub, m->site, e->id);
    }
    for (size_t i = 0; i < hub->state.owed.n; i++) {
        const an_owed *o = &hub->state.owed.items[i];
        if (o->campaign == e->campaign && o->round != e->id && !an_hub_late_counts(hub, o->site, o->round))
            say_over(hub, o->site, o->round); /* it need not train on */
    }
}

void an_hub_late_lost(an_hub *hub, const char *site, uint64_t round, const char *reason)
{
    an_note why = {{0}};
    an_record_batch b = {.n = 0};
    char actor[128], subject[64];
    an_round_event e = {.type = AN_ROUND_EVENT_REFUSE, .now_ms = an_hub_now(hub)};
    if (!an_state_owed(&hub->state, round, site))
        return;
    snprintf(e.site, sizeof e.site, "%s", site);
    an_text_set(e.reason, sizeof e.reason, reason);
    snprintf(subject, sizeof subject, "round/%llu", (unsigned long long)round);
    an_hub_site_actor(actor, site);
    an_batch_add(&b, "round.event", subject, actor, NULL, an_round_event_body(&e));
    an_err err = an_hub_commit(hub, &b, &why);
    if (err != AN_OK) /* said again at the site's next HELLO */
        an_log(AN_LOG_ERROR, "round_event_not_stored", "round=%llu err=%s why=\"%s\"",
               (unsigned long long)round, an_err_name(err), why.text);
}

static bool is_held(const an_msg_hello *h, uint64_t round)
{
    for (uint32_t i = 0; i < h->n_held; i++)
        if (h->held[i].round == round)
            return true;
    return false;
}

void an_hub_late_greet(an_hub *hub, const char *site, const an_msg_hello *h)
{
    for (size_t i = hub->state.owed.n; i-- > 0;) {
        const an_owed *o = &hub->state.owed.items[i];
        if (strcmp(o->site, site) == 0 && !is_held(h, o->round))
            an_hub_late_lost(hub, site, o->round, "the site has lost what it trained");
    }
}

size_t an_hub_late_list(const an_hub *hub, uint64_t campaign, an_owed **ret)
{
    size_t n = 0;
    *ret = hub->state.owed.n > 0 ? an_alloc(hub->state.owed.n, sizeof **ret) : NULL;
    for (size_t i = 0; *ret && i < hub->state.owed.n; i++)
        if (hub->state.owed.items[i].campaign == campaign)
            (*ret)[n++] = hub->state.owed.items[i];
    return n;
}

void an_hub_late_let_go(an_hub *hub, an_owed *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        say_over(hub, list[i].site, list[i].round);
    an_free(list);
}

/* The policy may be another one since: what a round takes is what its own plan says. */
static bool is_open(const an_hub_round *r)
{
    return r->plan->staleness_max > 0 &&
           (r->round.state == AN_ROUND_INVITING || r->round.state == AN_ROUND_COLLECTING);
}

an_hub_round *an_hub_late_round(an_hub *hub, const char *site, uint64_t round)
{
    an_hub_round *r = an_hub_round_find(hub, round);
    if (r || round == 0)
        return r;
    const an_owed *o = an_hub_late_counts(hub, site, round) ? an_state_owed(&hub->state, round, site) : NULL;
    for (size_t i = 0; i < hub->rounds.n; i++) {
        r = hub->rounds.items[i];
        const size_t member = an_round_find(&r->round, site);
        if (member == SIZE_MAX)
            continue;
        if (r->round.members[member].trained_in == round)
            return r; /* it has taken it */
        const an_member_state state = r->round.members[member].state;
        if (o && r->plan->campaign == o->campaign && is_open(r) &&
            (state == AN_MEMBER_INVITED || state == AN_MEMBER_ACCEPTED))
            return r;
    }
    return NULL;
}

an_err an_hub_late_origin(an_hub *hub, const an_plan *plan, uint64_t round, an_combine_origin *ret,
                          an_note *why)
{
    an_buf bytes;
    const an_round_entry *e = an_state_round(&hub->state, round);
    if (!e)
        return an_fail(AN_ERR_PROTO, why, "an update of round %llu, which is not known",
                       (unsigned long long)round);
    an_combine_origin o = {.round = round, .plan_hash = e->plan};
    an_buf_init(&bytes, AN_PLAN_BYTES_MAX);
    an_err err = an_hub_plan_read(hub, &e->plan, &o.plan, &bytes, why);
    an_buf_done(&bytes);
    if (err != AN_OK)
        return err;
    if (o.plan->dim != plan->dim || !an_hash_equal(&o.plan->layout, &plan->layout)) {
        an_plan_free(o.plan);
        return an_fail(AN_ERR_REFUSED, why, "the model's layout is another one since round %llu",
                       (unsigned long long)round);
    }
    *ret = o;
    return AN_OK;
}

void an_hub_late_mark(an_hub *hub, const an_hub_round *r, uint64_t round, an_round_event *e)
{
    if (round == r->round.id)
        return;
    e->trained_in = round;
    e->staleness = staleness_of(hub, an_state_round(&hub->state, round));
}

void an_hub_late_cohort(an_hub *hub, const an_campaign *c, an_plan *plan)
{
    for (size_t i = 0; i < hub->state.owed.n && plan->n_cohort < AN_COHORT_MAX; i++) {
        const an_owed *o = &hub->state.owed.items[i];
        const an_site *s = an_state_site(&hub->state, o->site);
        uint32_t at = 0;
        if (o->campaign != c->id || !s || s->status != AN_SITE_APPROVED ||
            !an_hub_late_counts(hub, o->site, o->round) || an_plan_find_site(plan, o->site) >= 0)
            continue;
        while (at < plan->n_cohort && strcmp(plan->cohort[at], o->site) < 0)
            at++;
        memmove(plan->cohort + at + 1, plan->cohort + at, (plan->n_cohort++ - at) * sizeof *plan->cohort);
        memcpy(plan->cohort[at], o->site, AN_NAME_MAX);
    }
}
