/* A whole federation of ten sites that loses some of them, or restarts, in each phase of a secure sum: what comes of
 * it is the plain sum of the survivors, to the bit, or nothing and a reason. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/combine_internal.h"
#include "doors/crypto.h"
#include "sum/secure.h"
#include "sum/vector.h"
#include "tests/support/federation.h"

#define PLANTS 10
#define DIM_MAX 512

static const an_round_state phases[] = {AN_ROUND_INVITING, AN_ROUND_SHARING, AN_ROUND_COLLECTING,
                                        AN_ROUND_SIGNING, AN_ROUND_REVEALING};
#define N_PHASES (sizeof phases / sizeof *phases)

/* What is seen of the round that is looked at. */
static struct {
    uint64_t round;
    uint32_t dim;
    uint32_t vectors[PLANTS][DIM_MAX]; /* as the sites made them, before masks */
    uint32_t acc[DIM_MAX];             /* what the coordinator has left when the masks are off */
    bool summed, revealed[PLANTS];
} seen;

static an_err run_job(site *s, an_job *job, an_note *why)
{
    an_err err = an_job_run(job, &s->data, why);
    if (err == AN_OK && job->vector && job->plan->round == seen.round)
        memcpy(seen.vectors[s->i], job->vector, job->plan->dim * sizeof *job->vector);
    return err;
}

/* Looks at what is next, before it happens. */
static void look(world *w)
{
    const event *e = &w->events[w->head % EVENTS_MAX];
    an_msg *m = NULL;
    if (e->type == COMBINE && w->hub && e->combine->plan->round == seen.round) {
        an_note why = {{0}};
        seen.dim = e->combine->plan->dim;
        assert_true(seen.dim <= DIM_MAX);
        memset(seen.acc, 0, sizeof seen.acc);
        seen.summed = an_combine_secure(e->combine, seen.acc, &why) == AN_OK;
    }
    if (e->type != TO_HUB || an_msg_decode(e->bytes.data, e->bytes.len, &m, NULL) != AN_OK)
        return;
    if (m->type == AN_MSG_SECURE && m->u.secure.round == seen.round &&
        m->u.secure.content.data[0] == AN_SECURE_REVEAL)
        seen.revealed[e->site] = true;
    an_msg_free(m);
}

static void pump(world *w)
{
    while (w->head != w->tail) {
        look(w);
        step(w);
    }
}

static world *begin(void **state, size_t sites, const char *const policy[][2], size_t n_policy)
{
    an_note why = {{0}};
    an_federation_setup_kind(state, &(an_federation_kind){.sites = sites, .run = run_job});
    world *w = *state;
    memset(&seen, 0, sizeof seen);
    if (n_policy > 0)
        assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, n_policy, &why), AN_OK);
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    seen.round = an_hub_state(w->hub)->rounds.items[0].id;
    return w;
}

/* The next event, or a second of waiting for one. */
static void go(world *w)
{
    if (w->head == w->tail) {
        tick(w);
        return;
    }
    look(w);
    step(w);
}

static void reach(world *w, an_round_state phase)
{
    while (an_hub_round_open(w->hub, seen.round)->state != phase)
        go(w);
}

static const an_round_entry *finish(world *w)
{
    for (int seconds = 0; seconds < 900 && an_hub_round_open(w->hub, seen.round); seconds++) {
        tick(w);
        pump(w);
    }
    const an_round_entry *e = an_state_round(an_hub_state(w->hub), seen.round);
    assert_true(e->over);
    return e;
}

static void is_plain_sum_of(const bool *in)
{
    uint32_t plain[DIM_MAX] = {0};
    assert_true(seen.summed);
    for (size_t i = 0; i < PLANTS; i++)
        if (in[i])
            an_sum_add(plain, seen.vectors[i], seen.dim);
    assert_memory_equal(plain, seen.acc, seen.dim * sizeof *plain);
}

static void replays_to_the_same_bits(world *w)
{
    an_hash result;
    bool same = false;
    an_note why = {{0}};
    if (replay(w, seen.round, &result, &same, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(same);
}

/* ---- losses ---- */

static void lose_in(void **state, an_round_state phase, size_t lost)
{
    bool in[PLANTS];
    world *w = begin(state, PLANTS, NULL, 0);
    const bool counted = phase > AN_ROUND_COLLECTING; /* its vector is in the sum before it is lost */
    reach(w, phase);
    for (size_t i = 0; i < PLANTS; i++) {
        w->sites[i].cut = i >= PLANTS - lost;
        in[i] = !w->sites[i].cut || counted;
    }
    const an_round_entry *e = finish(w);
    if (!e->committed)
        fail_msg("%zu lost in %s: %s", lost, an_round_state_name(phase), e->reason);
    assert_int_equal(e->n_updates, counted ? PLANTS : PLANTS - lost);
    is_plain_sum_of(in);
    replays_to_the_same_bits(w);
    an_federation_teardown(state);
}

static void a_tenth_is_lost_in_any_phase_and_the_sum_is_that_of_the_survivors(void **state)
{
    for (size_t k = 0; k < N_PHASES; k++)
        lose_in(state, phases[k], 1);
}

static void three_tenths_are_lost_in_any_phase_and_the_sum_is_that_of_the_survivors(void **state)
{
    for (size_t k = 0; k < N_PHASES; k++)
        lose_in(state, phases[k], 3);
}

/* More than the quorum bears: there is no sum, and the reason says in which exchange. */
static void beyond_the_bounds_there_is_a_reason_and_no_sum(void **state)
{
    static const char *const says[] = {"KEYS", "SHARES", "MASKED", "SIGNED", "shares of"};
    for (size_t k = 0; k < N_PHASES; k++) {
        world *w = begin(state, PLANTS, NULL, 0);
        reach(w, phases[k]);
        for (size_t i = 2; i < PLANTS; i++)
            w->sites[i].cut = true;
        const an_round_entry *e = finish(w);
        assert_false(e->committed);
        assert_false(seen.summed);
        if (!strstr(e->reason, says[k]))
            fail_msg("lost in %s: %s", an_round_state_name(phases[k]), e->reason);
        an_federation_teardown(state);
    }
}

/* ---- restarts ---- */

static void again(world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        an_session_lost(w->sites[i].session);
        an_session_connected(w->sites[i].session);
    }
    pump(w);
}

static void restart_in(void **state, an_round_state phase, bool coordinator)
{
    bool all[PLANTS];
    world *w = begin(state, PLANTS, NULL, 0);
    memset(all, 1, sizeof all);
    reach(w, phase);
    if (coordinator) {
        kill_hub(w);
        pump(w); /* what was on its way is lost */
        start_hub(w);
    } else {
        for (size_t i = 0; i < 3; i++) {
            kill_site(&w->sites[i]);
            start_site(&w->sites[i]);
        }
    }
    again(w);
    const an_round_entry *e = finish(w);
    if (!e->committed)
        fail_msg("restart in %s: %s", an_round_state_name(phase), e->reason);
    assert_int_equal(e->n_updates, PLANTS);
    is_plain_sum_of(all);
    replays_to_the_same_bits(w);
    an_federation_teardown(state);
}

static void the_coordinator_restarts_in_any_phase(void **state)
{
    for (size_t k = 0; k < N_PHASES; k++)
        restart_in(state, phases[k], true);
}

static void three_agents_restart_in_any_phase(void **state)
{
    for (size_t k = 0; k < N_PHASES; k++)
        restart_in(state, phases[k], false);
}

/* ---- groups ---- */

typedef struct search {
    const char *what;
    bool found;
} search;

static an_err look_into(void *ctx, const an_record *record, an_note *why)
{
    search *s = ctx;
    char body[8192];
    (void)why;
    snprintf(body, sizeof body, "%.*s", (int)record->body_len, (const char *)record->body);
    s->found = s->found || strstr(body, s->what);
    return AN_OK;
}

/* Does the round's record say that? */
static bool names(const world *w, const char *what)
{
    char subject[64];
    search s = {.what = what};
    snprintf(subject, sizeof subject, "round/%" PRIu64, seen.round);
    const an_store_filter ended = {.kind = "round.ended", .subject = subject};
    assert_int_equal(an_store_scan(w->store, &ended, look_into, &s, NULL), AN_OK);
    return s.found;
}

/* Three of five are lost, and with them their group; the other is the sum. */
static void a_group_that_falls_short_is_left_out_and_reveals_nothing(void **state)
{
    static const char *const two[][2] = {{"secure.groups", "2"}};
    bool odd[PLANTS];
    for (size_t i = 0; i < PLANTS; i++)
        odd[i] = i % 2 == 1;
    for (size_t k = 0; k < N_PHASES; k++) {
        const bool revealing = phases[k] == AN_ROUND_REVEALING;
        world *w = begin(state, PLANTS, two, 1);
        reach(w, phases[k]);
        w->sites[0].cut = w->sites[2].cut = w->sites[4].cut = true;
        const an_round_entry *e = finish(w);
        if (!e->committed)
            fail_msg("lost in %s: %s", an_round_state_name(phases[k]), e->reason);
        assert_int_equal(e->n_updates, PLANTS / 2);
        is_plain_sum_of(odd);
        replays_to_the_same_bits(w);
        assert_true(names(w, "plant-g"));
        assert_true(names(w, "group 1 of 2 fell short"));
        for (size_t i = 0; i < PLANTS; i += 2) {
            char path[AN_PATH_MAX];
            snprintf(path, sizeof path, "%.200s/uploads/round-%" PRIu64 ".secure", w->sites[i].dir,
                     seen.round);
            assert_true(revealing || !seen.revealed[i]);
            assert_int_equal(an_file_exists(path), w->sites[i].cut); /* or told that it is over */
        }
        an_federation_teardown(state);
    }
}

/* A restart of the coordinator after a group was left out finds it left out. */
static void a_group_stays_left_out_after_a_restart(void **state)
{
    static const char *const two[][2] = {{"secure.groups", "2"}};
    for (size_t k = 0; k + 1 < N_PHASES; k++) {
        bool odd[PLANTS];
        world *w = begin(state, PLANTS, two, 1);
        for (size_t i = 0; i < PLANTS; i++)
            odd[i] = i % 2 == 1;
        reach(w, phases[k]);
        w->sites[0].cut = w->sites[2].cut = w->sites[4].cut = true;
        reach(w, phases[k + 1]);
        kill_hub(w);
        pump(w);
        start_hub(w);
        for (size_t i = 0; i < PLANTS; i++)
            w->sites[i].cut = false; /* too late for them */
        again(w);
        const an_round_entry *e = finish(w);
        if (!e->committed)
            fail_msg("restart after %s: %s", an_round_state_name(phases[k]), e->reason);
        assert_int_equal(e->n_updates, PLANTS / 2);
        is_plain_sum_of(odd);
        for (size_t i = 0; i < PLANTS; i += 2)
            assert_false(seen.revealed[i]);
        an_federation_teardown(state);
    }
}

/* Among two groups a median finds no hostile one. */
static void a_rule_needs_three_groups_to_the_end(void **state)
{
    static const char *const three[][2] = {
        {"secure.groups", "3"}, {"rule", "median"}, {"rule.hostile", "0.3"}};
    world *w = begin(state, 9, three, 3);
    while (an_hub_state(w->hub)->rounds.n < 4) /* MEAN, VARIANCE and HISTOGRAM know no rule */
        go(w);
    seen.round = an_hub_state(w->hub)->rounds.items[3].id;
    reach(w, AN_ROUND_SHARING);
    w->sites[0].cut = true;
    const an_round_entry *e = finish(w);
    assert_int_equal(e->kind, AN_PAYLOAD_TRAIN);
    assert_false(e->committed);
    assert_non_null(strstr(e->reason, "secure sum, SHARES"));
    an_federation_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tenth_is_lost_in_any_phase_and_the_sum_is_that_of_the_survivors),
        cmocka_unit_test(three_tenths_are_lost_in_any_phase_and_the_sum_is_that_of_the_survivors),
        cmocka_unit_test(beyond_the_bounds_there_is_a_reason_and_no_sum),
        cmocka_unit_test(the_coordinator_restarts_in_any_phase),
        cmocka_unit_test(three_agents_restart_in_any_phase),
        cmocka_unit_test(a_group_that_falls_short_is_left_out_and_reveals_nothing),
        cmocka_unit_test(a_group_stays_left_out_after_a_restart),
        cmocka_unit_test(a_rule_needs_three_groups_to_the_end),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_secure_losses");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
