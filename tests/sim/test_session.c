/* A whole federation in one process: a model goes from nothing to production, messages are
 * lost, links cut, sites and the coordinator killed, and every fact arrives once. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"
#include "trust/release.h"

static void a_model_goes_from_nothing_to_production_at_every_site(void **state)
{
    world *w = *state;
    connect_all(w);
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 60000);
    assert_promoted(w, id);
    for (size_t i = 0; i < SITES; i++)
        assert_int_equal(w->sites[i].jobs,
                         8); /* mean, variance, histogram, 3 trainings, evaluation, overlay */
    for (size_t i = 0; i < SITES; i++) {
        site *s = &w->sites[i];
        assert_false(s->with_held);
        s->data.held = s->data.fresh;
    }
    id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
    settle(w);
    pass(w, 60000);
    assert_promoted(w, id);
    for (size_t i = 0; i < SITES; i++) {
        assert_int_equal(w->sites[i].live, 2);
        assert_true(w->sites[i].with_held);
    }
}

static void messages_that_are_lost_cost_time_and_nothing_else(void **state)
{
    world *w = *state;
    w->lost = 7;
    connect_all(w);
    pass(w, 30000);
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 3600000);
    w->lost = 0;
    pass(w, 120000);
    assert_promoted(w, id);
}

static void a_site_runs_its_version_after_a_restart_without_a_link(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_hash version, overlay, again, again_overlay;
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    assert_true(an_session_running(s->session, "line-1", &version, &overlay));
    kill_site(s);
    s->runs = (an_hash){{0}};
    start_site(s);
    assert_true(an_hash_equal(&s->runs, &version));
    assert_true(an_session_running(s->session, "line-1", &again, &again_overlay));
    assert_true(an_hash_equal(&overlay, &again_overlay));
    unsigned jobs = s->jobs;
    an_session_connected(s->session);
    settle(w);
    assert_int_equal(s->jobs, jobs); /* the repeated statement is one that was followed */
}

static struct { /* what the first site's line was told to run, the last two times */
    an_hash version, overlay;
    bool watched, with_held;
} told[2];

/* Making a version ready takes a line a while. */
static an_err goes_later(site *s, const an_running *running, an_note *why)
{
    (void)why;
    if (s->i != 0)
        return AN_OK;
    told[0] = told[1];
    told[1].version = running->version;
    told[1].overlay = running->overlay;
    told[1].watched = running->watched;
    told[1].with_held = running->with_held;
    return AN_ERR_AGAIN;
}

/* Killed while its line makes a version ready, a site makes it ready again beside what ran before, and watches it; killed
 * later, it only goes on. */
static void a_swap_that_a_kill_interrupts_begins_anew(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.go_live = goes_later});
    world *w = *state;
    site *s = &w->sites[0];
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 60000);
    const an_hash first = told[1].version, first_overlay = told[1].overlay;
    assert_true(told[1].watched);
    an_session_live(s->session, "line-1", &first, &first_overlay);
    for (size_t i = 0; i < SITES; i++)
        w->sites[i].data.held = w->sites[i].data.fresh;
    campaign(w, AN_CAMPAIGN_INCREMENTAL);
    settle(w);
    pass(w, 60000);
    const an_hash second = told[1].version, second_overlay = told[1].overlay;
    assert_false(an_hash_equal(&first, &second));
    for (int done = 0; done < 2; done++) {
        kill_site(s);
        start_site(s);
        assert_true(an_hash_equal(&told[1].version, &second));
        assert_int_equal(told[1].watched, !done);
        assert_int_equal(told[1].with_held, !done);
        if (done)
            break;
        assert_true(an_hash_equal(&told[0].version, &first));
        assert_false(told[0].watched);
        an_session_live(s->session, "line-1", &first,
                        &first_overlay); /* of that one nothing was waited for */
        an_session_live(s->session, "line-1", &second, &second_overlay);
    }
}

typedef struct seen {
    uint64_t n, last;
    bool ordered;
} seen;

#define LINE_BITS (UINT64_C(0x6256) << 48) /* as an agent tells its lines apart */

static an_err visit(void *ctx, const an_record *record, an_note *why)
{
    seen *x = ctx;
    (void)why;
    const char *at = strstr(record->idem ? record->idem : "", "alarm/");
    unsigned long long id = 0;
    if (at && sscanf(at, "alarm/%llu/", &id) == 1) {
        id -= LINE_BITS;
        x->ordered = x->ordered && id == x->last + 1;
        x->last = id;
        char count[64], body[4096]; /* people and browsers get the line's own count */
        snprintf(count, sizeof count, "\"alarm\":%llu,", id);
        snprintf(body, sizeof body, "%.*s", (int)record->body_len, (const char *)record->body);
        assert_non_null(strstr(body, count));
    }
    x->n++;
    return AN_OK;
}

static void alarms_raised_without_a_link_arrive_later_once_and_in_order(void **state)
{
    world *w = *state;
    site *s = &w->sites[2];
    seen x = {.ordered = true};
    connect_all(w);
    s->cut = true;
    w->lost = 0;
    for (uint64_t i = 1; i <= 40; i++) {
        an_msg m = {.type = AN_MSG_ALARM_SUMMARY};
        an_text_set(m.u.alarm_summary.line, sizeof m.u.alarm_summary.line, "line-1");
        m.u.alarm_summary.alarm_id = LINE_BITS | i;
        m.u.alarm_summary.raised_ms = w->clock.now_ms;
        m.u.alarm_summary.peak = 2;
        m.u.alarm_summary.version.b[0] = 1;
        assert_int_equal(an_session_post(s->session, &m, NULL), AN_OK);
        pass(w, 15000);
    }
    s->cut = false;
    w->lost = 5;
    pass(w, 1200000);
    assert_int_equal(an_store_scan(w->store, &(an_store_filter){.kind = "alarm.summary"}, visit, &x, NULL),
                     AN_OK);
    assert_int_equal(x.n, 40);
    assert_true(x.ordered);
    an_spool_stats left;
    assert_int_equal(an_spool_stats_get(s->spool, &left, NULL), AN_OK);
    assert_int_equal(left.waiting, 0);
}

static void a_coordinator_killed_between_any_two_steps_goes_on_where_it_was(void **state)
{
    world *w = *state;
    connect_all(w);
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    unsigned kills = 0;
    for (unsigned n = 1; n < 9000 && !an_campaign_is_over(an_state_campaign(an_hub_state(w->hub), id)); n++) {
        if (w->head == w->tail)
            tick(w);
        else
            step(w);
        if (n % 71 == 0) { /* a secure round is some sixty events */
            kill_hub(w);
            start_hub(w);
            kills++;
        }
    }
    assert_true(kills > 3);
    pass(w, 300000);
    assert_promoted(w, id);
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->rounds.n; i++)
        if (st->rounds.items[i].committed)
            assert_int_equal(st->rounds.items[i].n_updates, SITES);
}

/* A release statement for what the hub made, signed by whom it is said. */
static void say(site *s, const an_hash *version, uint64_t counter, const uint8_t *secret, an_err want)
{
    an_release r = {.model = "pump", .sites = "*", .version = *version, .counter = counter};
    an_msg m = {.type = AN_MSG_VERSION, .epoch = an_session_look(s->session).epoch};
    an_msg_version *v = &m.u.version;
    an_buf text;
    r.issued_ms = 1;
    r.expires_ms = INT64_MAX;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_release_text(&r, &text), AN_OK);
    snprintf(v->model, sizeof v->model, "pump");
    v->version = *version;
    v->size = 1;
    v->alias = AN_ALIAS_PRODUCTION;
    v->counter = counter;
    v->statement = (an_bytes){.data = text.data, .len = text.len};
    v->n_signatures = 1;
    memcpy(v->signatures[0].key, s->w->sign_public, AN_KEY_BYTES);
    an_sign(v->signatures[0].signature, AN_RELEASE_CONTEXT, text.data, text.len, secret);
    assert_int_equal(an_session_message(s->session, &m, NULL), want);
    an_buf_done(&text);
    settle(s->w);
}

static void a_site_follows_only_signed_statements_that_are_newer(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    const an_hash first = s->runs;
    campaign(w, AN_CAMPAIGN_INCREMENTAL);
    pass(w, 60000);
    const an_hash second = s->runs;
    assert_false(an_hash_equal(&first, &second));
    say(s, &first, 99, s->sign_secret, AN_OK); /* signed by another key: reported, not followed */
    assert_true(an_hash_equal(&s->runs, &second));
    say(s, &first, 1, w->sign_secret, AN_ERR_STATE);
    assert_true(an_hash_equal(&s->runs, &second));
    say(s, &first, 3, w->sign_secret, AN_OK); /* a rollback is a newer statement */
    assert_true(an_hash_equal(&s->runs, &first));
    say(s, &second, 2, w->sign_secret, AN_ERR_STATE);
    assert_true(an_hash_equal(&s->runs, &first));
    an_hash before;
    assert_true(an_session_before(s->session, "line-1", &before));
    assert_true(an_hash_equal(&before, &second));
    assert_false(an_session_before(s->session, "line-2", &before));
    assert_int_equal(an_session_rollback(s->session, "line-1", "alarms", NULL), AN_OK);
    assert_true(an_hash_equal(&s->runs, &second));
    say(s, &first, 3, w->sign_secret, AN_OK); /* repeated: the line stays where it went by itself */
    assert_true(an_hash_equal(&s->runs, &second));
}

static void a_site_with_bad_samples_gives_up_the_round_and_lives_on(void **state)
{
    world *w = *state;
    site *s = &w->sites[1];
    connect_all(w);
    an_data_part train = s->data.train;
    s->data.train.n = 0;
    s->data.recent.n = 0;
    campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 1000);
    assert_int_equal(an_hub_state(w->hub)->rounds.items[0].committed, false);
    assert_int_equal(an_hub_state(w->hub)->rounds.items[0].over, true);
    assert_non_null(
        strstr(an_hub_state(w->hub)->rounds.items[0].reason, "the least cohort is 3; refused: plant-b"));
    s->data.train = train;
    pass(w, 60000);
    assert_true(an_session_look(s->session).plans_refused > 0);
}

static an_err find_text(void *ctx, const an_record *record, an_note *why)
{
    const char **want = ctx; /* set to NULL when it was found */
    char body[2048];
    (void)why;
    size_t n = record->body_len < sizeof body - 1 ? record->body_len : sizeof body - 1;
    memcpy(body, record->body, n);
    body[n] = '\0';
    if (*want && strstr(body, *want))
        *want = NULL;
    return AN_OK;
}

static void a_stream_with_another_sensor_is_refused_by_its_name(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    const char *want = "heat";
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    kill_site(s);
    snprintf(s->schema.sensors[2].name, sizeof s->schema.sensors[2].name, "heat");
    start_site(s);
    an_session_connected(s->session);
    pass(w, 5000);
    assert_int_equal(s->jobs, 0);
    assert_true(an_session_look(s->session).plans_refused > 0);
    assert_int_equal(
        an_store_scan(w->store, &(an_store_filter){.kind = "round.event"}, find_text, &want, NULL), AN_OK);
    assert_null(want);
}

static void a_plan_about_what_the_coordinator_has_not_signed_is_refused(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_plan *plan = NULL;
    an_buf bytes;
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    an_msg m = {.type = AN_MSG_PLAN, .epoch = an_session_look(s->session).epoch};
    an_buf_init(&bytes, AN_PLAN_BYTES_MAX);
    assert_int_equal(an_store_object_get(w->store, &an_hub_state(w->hub)->rounds.items[0].plan, &bytes, NULL),
                     AN_OK);
    assert_int_equal(an_plan_decode(bytes.data, bytes.len, &plan, NULL), AN_OK);
    an_buf_clear(&bytes);
    plan->round = 99;
    assert_int_equal(an_plan_encode(plan, &bytes, NULL), AN_OK);
    m.u.plan.plan = (an_bytes){.data = bytes.data, .len = bytes.len};
    an_hash_of(&m.u.plan.plan_hash, bytes.data, bytes.len);
    /* By nobody, by another key, of another version, of another model. */
    assert_int_equal(an_session_message(s->session, &m, NULL), AN_OK);
    assert_int_equal(an_candidate_sign(m.u.plan.candidate, "pump", &plan->base, s->sign_secret), AN_OK);
    assert_int_equal(an_session_message(s->session, &m, NULL), AN_OK);
    assert_int_equal(an_candidate_sign(m.u.plan.candidate, "pump", &plan->schema, w->sign_secret), AN_OK);
    assert_int_equal(an_session_message(s->session, &m, NULL), AN_OK);
    assert_int_equal(an_candidate_sign(m.u.plan.candidate, "press", &plan->base, w->sign_secret), AN_OK);
    assert_int_equal(an_session_message(s->session, &m, NULL), AN_OK);
    assert_int_equal(an_session_look(s->session).plans_refused, 4);
    assert_int_equal(an_candidate_sign(m.u.plan.candidate, "pump", &plan->base, w->sign_secret), AN_OK);
    assert_int_equal(an_session_message(s->session, &m, NULL), AN_OK);
    assert_int_equal(an_session_look(s->session).plans_refused, 4);
    an_plan_free(plan);
    an_buf_done(&bytes);
}

static void a_plan_that_comes_twice_is_worked_on_once(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_plan *plan = NULL;
    an_buf bytes;
    an_note why = {{0}};
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    an_msg m = {.type = AN_MSG_PLAN, .epoch = an_session_look(s->session).epoch};
    m.u.plan.plan_hash = an_hub_state(w->hub)->rounds.items[0].plan;
    an_buf_init(&bytes, AN_PLAN_BYTES_MAX);
    assert_int_equal(an_store_object_get(w->store, &m.u.plan.plan_hash, &bytes, &why), AN_OK);
    m.u.plan.plan = (an_bytes){.data = bytes.data, .len = bytes.len};
    assert_int_equal(an_plan_decode(bytes.data, bytes.len, &plan, &why), AN_OK);
    assert_int_equal(an_candidate_sign(m.u.plan.candidate, "pump", &plan->base, w->sign_secret), AN_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(an_session_message(s->session, &m, &why), AN_OK);
    /* Another plan under the same number is refused, one with a false hash is not even read. */
    plan->seed ^= 1;
    an_buf_clear(&bytes);
    assert_int_equal(an_plan_encode(plan, &bytes, &why), AN_OK);
    m.u.plan.plan = (an_bytes){.data = bytes.data, .len = bytes.len};
    assert_int_equal(an_session_message(s->session, &m, &why), AN_ERR_PROTO);
    an_hash_of(&m.u.plan.plan_hash, bytes.data, bytes.len);
    assert_int_equal(an_session_message(s->session, &m, &why), AN_OK);
    assert_int_equal(an_session_look(s->session).plans_refused, 1);
    pass(w, 60000);
    assert_int_equal(s->jobs, 8);
    assert_int_equal(w->strange, 1); /* the refusal of a plan that the hub does not know */
    an_plan_free(plan);
    an_buf_done(&bytes);
}

static void a_session_that_finds_no_memory_opens_whole_or_not_at_all(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    an_err err = AN_ERR_NOMEM;
    an_session *again = NULL;
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    an_session_conf conf = an_federation_conf(s);
    an_session_free(s->session);
    s->session = NULL;
    const size_t live = an_mem_live();
    for (size_t n = 0; err != AN_OK; n++) {
        an_mem_fail_after(n);
        err = an_session_new(&conf, &again, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        if (err != AN_OK)
            assert_int_equal(an_mem_live(), live);
    }
    s->session = again;
}

static void a_site_that_refuses_says_why_and_the_round_goes_without_it(void **state)
{
    world *w = *state;
    const char *const policy[][2] = {{"min_cohort", "2"}, {"privacy", "trusted"}};
    an_note why = {{0}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 2, &why), AN_OK);
    assert_int_equal(an_site_policy_set(&w->sites[0].policy, "allow.statistics", "no", "test", &why), AN_OK);
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 120000);
    assert_int_equal(an_session_look(w->sites[0].session).plans_refused, 3);
    const an_state *st = an_hub_state(w->hub);
    assert_int_equal(st->campaigns.items[0].state, AN_CAMPAIGN_PROMOTED);
    assert_int_equal(st->rounds.items[0].n_updates, 2);
    assert_int_equal(st->rounds.items[3].n_updates, 3);
}

static void a_site_that_finds_no_memory_for_a_statement_takes_it_later(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    uint8_t next[AN_SIGN_PUBLIC_BYTES], secret[AN_SIGN_SECRET_BYTES];
    an_root_link link = {.number = 1};
    an_signed signed_link;
    an_buf text;
    connect_all(w);
    an_sign_keypair(next, secret);
    memcpy(link.from, w->sign_public, sizeof link.from);
    memcpy(link.to, next, sizeof link.to);
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_root_link_text(&link, &text), AN_OK);
    assert_int_equal(an_signed_set(&signed_link, text.data, text.len, NULL, 0, NULL), AN_OK);
    assert_int_equal(an_signed_add(&signed_link, AN_ROOT_CONTEXT, w->sign_public, w->sign_secret), AN_OK);
    assert_int_equal(an_signed_add(&signed_link, AN_ROOT_CONTEXT, next, secret), AN_OK);
    an_buf_done(&text);
    an_msg m = {.type = AN_MSG_TRUST, .epoch = an_session_look(s->session).epoch};
    m.u.trust.statement = (an_bytes){.data = signed_link.text, .len = signed_link.len};
    m.u.trust.n_signatures = 2;
    memcpy(m.u.trust.signatures, signed_link.signatures, sizeof signed_link.signatures);
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err != AN_OK; n++) {
        assert_true(n < 1000);
        an_mem_fail_after(n);
        err = an_session_message(s->session, &m, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_session_root(s->session).number, err == AN_OK);
    }
    kill_site(s);
    start_site(s);
    assert_int_equal(an_session_root(s->session).number, 1);
}

/* A copy of the site was started, and ended: the coordinator knows the session of the copy alone. */
static void a_site_whose_session_another_one_had_says_hello_again(void **state)
{
    world *w = *state;
    site *s = &w->sites[0];
    connect_all(w);
    settle(w);
    assert_true(an_session_look(s->session).greeted);
    const an_msg nobody = {.type = AN_MSG_HEARTBEAT_ACK, .u.heartbeat_ack = {.instance = w->instance}};
    assert_int_equal(an_session_message(s->session, &nobody, NULL), AN_OK);
    assert_false(an_session_look(s->session).greeted);
    settle(w);
    assert_true(an_session_look(s->session).greeted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_model_goes_from_nothing_to_production_at_every_site),
        TEST(messages_that_are_lost_cost_time_and_nothing_else),
        TEST(a_site_runs_its_version_after_a_restart_without_a_link),
        cmocka_unit_test_teardown(a_swap_that_a_kill_interrupts_begins_anew, an_federation_teardown),
        TEST(alarms_raised_without_a_link_arrive_later_once_and_in_order),
        TEST(a_site_that_refuses_says_why_and_the_round_goes_without_it),
        TEST(a_coordinator_killed_between_any_two_steps_goes_on_where_it_was),
        TEST(a_site_follows_only_signed_statements_that_are_newer),
        TEST(a_site_with_bad_samples_gives_up_the_round_and_lives_on),
        TEST(a_stream_with_another_sensor_is_refused_by_its_name),
        TEST(a_plan_about_what_the_coordinator_has_not_signed_is_refused),
        TEST(a_plan_that_comes_twice_is_worked_on_once),
        TEST(a_session_that_finds_no_memory_opens_whole_or_not_at_all),
        TEST(a_site_that_finds_no_memory_for_a_statement_takes_it_later),
        TEST(a_site_whose_session_another_one_had_says_hello_again),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_session");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
