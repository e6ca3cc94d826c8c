#include "tests/support/late.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/round.h"
#include "doors/crypto.h"

void choose(world *w, const char *staleness, const char *encoding, const char *rounds)
{
    an_note why = {{0}};
    const char *const policy[][2] = {{"privacy", "trusted"},         {"min_cohort", "2"},
                                     {"async.staleness", staleness}, {"async.buffer", "2"},
                                     {"gate.alarms", "1"},           {"gate.loss", "100"},
                                     {"gate.challenge", "1"},        {"train.epochs", "2"},
                                     {"train.rounds", rounds},       {"update.encoding", encoding}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", policy, sizeof policy / sizeof *policy, &why) !=
        AN_OK)
        fail_msg("%s", why.text);
}

void walk(world *w)
{
    if (w->head == w->tail)
        tick(w);
    else
        step(w);
}

const an_campaign *campaign_now(world *w, uint64_t id)
{
    return an_state_campaign(an_hub_state(w->hub), id);
}

const an_round_entry *training(world *w)
{
    const an_state *st = an_hub_state(w->hub);
    const an_round_entry *e = st->rounds.n > 0 ? &st->rounds.items[st->rounds.n - 1] : NULL;
    return e && e->kind == AN_PAYLOAD_TRAIN ? e : NULL;
}

uint64_t go_away_with_an_update(world *w, site *s)
{
    for (unsigned n = 0; n < 20000; n++) {
        const event *e = w->head == w->tail ? NULL : &w->events[w->head % EVENTS_MAX];
        const bool trains = e && e->type == JOB && e->site == s->i && training(w);
        s->cut = s->cut || trains;
        walk(w);
        if (trains && an_session_look(s->session).uploads > 0) {
            an_hub_lost(w->hub, s->name);
            return training(w)->id;
        }
    }
    fail_msg("%s never trains", s->name);
    return 0;
}

void until_committed(world *w, uint64_t id, uint32_t rounds)
{
    const uint32_t want = campaign_now(w, id)->step + rounds;
    for (unsigned n = 0; n < 20000 && campaign_now(w, id)->step < want; n++)
        walk(w);
    assert_int_equal(campaign_now(w, id)->step, want);
}

void site_returns(site *s)
{
    s->cut = false;
    an_session_connected(s->session);
}

static an_err note_update(void *ctx, const an_record *record, an_note *why)
{
    updates *u = ctx;
    an_round_event e;
    unsigned long long round;
    assert_int_equal(an_round_event_decode(record->body, record->body_len, &e, why), AN_OK);
    assert_int_equal(sscanf(record->subject, "round/%llu", &round), 1);
    if (e.type != AN_ROUND_EVENT_UPDATE)
        return AN_OK;
    assert_true(u->n < 200);
    for (size_t i = 0; i < u->n; i++) { /* counted once, in one round */
        const bool same_site = strcmp(u->items[i].site, e.site) == 0;
        const uint64_t from = e.trained_in ? e.trained_in : round;
        assert_false(an_hash_equal(&u->items[i].hash, &e.hash));
        assert_false(same_site && (u->items[i].round == round || u->items[i].trained_in == from));
    }
    u->items[u->n].round = round;
    u->items[u->n].trained_in = e.trained_in ? e.trained_in : round;
    u->items[u->n].staleness = e.staleness;
    u->items[u->n].hash = e.hash;
    memcpy(u->items[u->n++].site, e.site, AN_NAME_MAX);
    u->late += e.trained_in != 0;
    return AN_OK;
}

updates look_back(world *w, uint64_t id)
{
    updates u = {.n = 0};
    const an_state *st = an_hub_state(w->hub);
    assert_promoted(w, id);
    assert_int_equal(st->owed.n, 0);
    assert_int_equal(
        an_store_scan(w->store, &(an_store_filter){.kind = "round.event"}, note_update, &u, NULL), AN_OK);
    for (size_t i = 0; i < st->rounds.n; i++) {
        an_hash result;
        an_note why = {{0}};
        bool same = false;
        if (!st->rounds.items[i].committed)
            continue;
        if (replay(w, st->rounds.items[i].id, &result, &same, &why) != AN_OK)
            fail_msg("%s", why.text);
        assert_true(same);
    }
    for (size_t i = 0; i < w->n; i++)
        assert_int_equal(an_session_look(w->sites[i].session).uploads, 0);
    return u;
}

bool is_over(world *w, uint64_t round)
{
    return an_state_round(an_hub_state(w->hub), round)->over;
}

bool postpone(world *w, const site *s, bool forever)
{
    event *e = &w->events[w->head % EVENTS_MAX];
    if (w->head == w->tail || e->type != JOB || e->site != s->i || !e->job || !e->job->plan ||
        e->job->plan->kind != AN_PAYLOAD_TRAIN || (!forever && is_over(w, e->job->plan->round)))
        return false;
    w->events[w->tail++ % EVENTS_MAX] = *e;
    w->head++;
    return true;
}
