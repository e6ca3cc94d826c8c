/* Approved sites, strangers and a coordinator that mean harm: each attack is refused or
 * counted, nothing that was acknowledged is lost, and the hub starts again on what its journal
 * holds. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "coordinator/store.h"
#include "doors/crypto.h"
#include "net/keys.h"
#include "sum/vector.h"
#include "tests/support/federation.h"
#include "tests/support/updates.h"
#include "trust/delivery.h"

/* What the hub makes of a message over site i's link, in the wire form. */
static an_err say(world *w, size_t i, an_msg *m)
{
    an_msg *got = NULL;
    an_note why = {{0}};
    an_buf b;
    an_buf_init(&b, AN_MSG_CONTROL_MAX);
    const an_hub_live *live = an_hub_live_find(w->hub, w->sites[i].name);
    m->epoch = live ? live->epoch : 0;
    if (an_msg_encode(m, &b, &why) != AN_OK || an_msg_decode(b.data, b.len, &got, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_err err = an_hub_message(w->hub, w->sites[i].name, got, &why);
    an_msg_free(got);
    an_buf_done(&b);
    return err;
}

static an_msg alert(uint64_t id, double effect)
{
    an_msg m = {.type = AN_MSG_DRIFT_ALERT, .msg_id = id};
    an_msg_drift_alert *d = &m.u.drift_alert;
    d->alert_id = id;
    snprintf(d->model, sizeof d->model, "pump");
    snprintf(d->line, sizeof d->line, "line-1");
    snprintf(d->test, sizeof d->test, "psi");
    snprintf(d->subject, sizeof d->subject, "flow");
    d->version.b[0] = 1;
    d->effect = effect;
    d->statistic = -effect;
    d->threshold = effect;
    d->n_reference = d->n_current = UINT64_MAX;
    d->since_ms = INT64_C(1) << 53;
    return m;
}

static an_msg alarm(uint64_t id, double peak)
{
    an_msg m = {.type = AN_MSG_ALARM_SUMMARY, .msg_id = id};
    snprintf(m.u.alarm_summary.line, AN_NAME_MAX, "line-1");
    m.u.alarm_summary.alarm_id = id;
    m.u.alarm_summary.version.b[0] = 1;
    m.u.alarm_summary.peak = peak;
    return m;
}

static an_err count_one(void *ctx, const an_record *record, an_note *why)
{
    (void)record;
    (void)why;
    ++*(uint64_t *)ctx;
    return AN_OK;
}

static uint64_t records(world *w, const char *kind)
{
    uint64_t n = 0;
    assert_int_equal(an_store_scan(w->store, &(an_store_filter){.kind = kind}, count_one, &n, NULL), AN_OK);
    return n;
}

/* ---- what a site says ends in the journal, and the journal must be readable ---- */

static void no_number_that_a_site_may_send_stops_the_coordinator(void **state)
{
    world *w = *state;
    const double numbers[] = {DBL_MAX, -DBL_MAX, 1e301, DBL_MIN / 4, -0.0};
    connect_all(w);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        an_msg a = alert(100 + i, numbers[i]), b = alarm(UINT64_MAX - i, numbers[i]);
        assert_int_equal(say(w, 0, &a), AN_OK);
        assert_int_equal(say(w, 0, &b), AN_OK);
    }
    settle(w);
    kill_hub(w);
    start_hub(w); /* replays them */
    assert_int_equal(records(w, "drift.alert"), 5);
    assert_int_equal(records(w, "alarm.summary"), 5);
}

static void a_fact_counts_once_and_a_new_one_of_an_old_number_counts(void **state)
{
    world *w = *state;
    connect_all(w);
    an_msg first = alarm(1, 2.0), other = alarm(1, 3.0);
    assert_int_equal(say(w, 0, &first), AN_OK);
    assert_int_equal(say(w, 0, &first), AN_OK);
    assert_int_equal(records(w, "alarm.summary"), 1);
    assert_int_equal(say(w, 0, &other), AN_OK); /* its spool was lost; it counts from 1 again */
    assert_int_equal(records(w, "alarm.summary"), 2);
    assert_int_equal(say(w, 1, &first), AN_OK); /* another site's is another alarm */
    assert_int_equal(records(w, "alarm.summary"), 3);
    settle(w);
}

/* One that is not answered is said again: nothing is lost by it. */
static void a_site_that_reports_without_end_is_heard_at_a_bounded_rate(void **state)
{
    world *w = *state;
    uint64_t taken = 0;
    connect_all(w);
    for (uint64_t i = 1; i <= AN_FACTS_BURST + 100; i++) {
        an_msg m = alarm(i, 1.5);
        an_err err = say(w, 0, &m);
        assert_true(err == AN_OK || err == AN_ERR_LIMIT);
        taken += err == AN_OK;
        settle(w);
    }
    assert_true(taken <= AN_FACTS_BURST);
    assert_true(taken + 100 >= AN_FACTS_BURST); /* connecting reports a little, too */
    an_msg again = alarm(taken + 1, 1.5);
    assert_int_equal(say(w, 0, &again), AN_ERR_LIMIT);
    an_msg other = alarm(1, 1.5);
    assert_int_equal(say(w, 1, &other), AN_OK); /* the others are not held up */
    an_clock_fake_advance(&w->clock, 10 * AN_FACT_EVERY_MS);
    assert_int_equal(say(w, 0, &again), AN_OK);
    settle(w);
}

static an_msg hello_of(const site *s)
{
    an_msg m = {.type = AN_MSG_HELLO};
    an_msg_hello *h = &m.u.hello;
    snprintf(h->agent_version, sizeof h->agent_version, "0.1");
    snprintf(h->site, sizeof h->site, "%s", s->name);
    memcpy(h->statement_key, s->sign_public, sizeof h->statement_key);
    return m;
}

/* What it is told, and what the others' work loses by it, costs more than the word. */
static void a_site_that_says_hello_without_end_is_heard_at_a_bounded_rate(void **state)
{
    world *w = *state;
    int taken = 0;
    connect_all(w);
    an_msg m = hello_of(&w->sites[0]), other = hello_of(&w->sites[1]);
    for (int i = 0; i < AN_HELLOS_BURST + 50; i++) {
        an_err err = say(w, 0, &m);
        assert_true(err == AN_OK || err == AN_ERR_LIMIT);
        taken += err == AN_OK;
        settle(w);
    }
    assert_true(taken <= AN_HELLOS_BURST);
    assert_true(taken + 5 >= AN_HELLOS_BURST);
    assert_int_equal(say(w, 0, &m), AN_ERR_LIMIT);
    assert_int_equal(say(w, 1, &other), AN_OK);
    an_clock_fake_advance(&w->clock, 2 * AN_HELLO_EVERY_MS);
    assert_int_equal(say(w, 0, &m), AN_OK);
    settle(w);
}

static void a_record_that_no_start_could_apply_is_not_appended(void **state)
{
    world *w = *state;
    static const char *const bad[][3] = {
        {"campaign.approved", "pump", "{\"id\":99}"},
        {"site.approved", "plant-z", "{}"},
        {"model.created", "pump", "{\"blank\":\"\",\"schema\":\"\",\"layout\":\"\",\"policy\":{}}"},
        {"model.policy", "pump", "{\"policy\":{\"train.rounds\":\"many\"}}"},
        {"version.evaluated", "pump", "{\"hash\":\"12\",\"evaluation\":\"12\"}"},
        {"alias.moved", "pump", "{\"alias\":\"best\",\"to\":\"12\",\"counter\":1}"},
        {"round.event", "round/1", "{\"event\":\"wonder\",\"at\":1}"},
        {"round.ended", "round/1", "{\"id\":77,\"committed\":false,\"updates\":0,\"bytes\":0}"},
        {"drift.alert", "no name", "{\"model\":\"pump\",\"line\":\"line-1\"}"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        an_note why = {{0}};
        an_json_doc *doc = NULL;
        an_record_batch b = {.n = 0};
        const uint64_t before = records(w, bad[i][0]);
        assert_int_equal(an_json_parse(bad[i][2], strlen(bad[i][2]), "body", &doc, NULL), AN_OK);
        an_batch_add(&b, bad[i][0], bad[i][1], "user/admin", NULL, an_json_copy(an_json_root(doc)));
        an_json_doc_free(doc);
        assert_int_equal(an_hub_commit(w->hub, &b, &why), AN_ERR_PROTO);
        assert_non_null(strstr(why.text, bad[i][0]));
        assert_int_equal(records(w, bad[i][0]), before);
    }
    kill_hub(w);
    start_hub(w);
}

static void a_journal_that_cannot_be_read_says_which_record_it_is(void **state)
{
    world *w = *state;
    an_note why = {{0}};
    uint64_t seq = 0;
    char number[64];
    const an_record r = {.kind = "campaign.approved",
                         .subject = "pump",
                         .actor = "user/admin",
                         .body = "{\"id\":99}",
                         .body_len = 9};
    assert_int_equal(an_store_append(w->store, &r, 1, &seq, NULL), AN_OK);
    an_hub_free(w->hub);
    w->hub = NULL;
    const an_hub_conf conf = {.store = w->store, .clock = &w->clock.clock};
    assert_int_equal(an_hub_new(&conf, &w->hub, &why), AN_ERR_PROTO);
    snprintf(number, sizeof number, "journal record %llu (campaign.approved, pump): no such campaign",
             (unsigned long long)seq);
    assert_non_null(strstr(why.text, number));
    assert_non_null(strstr(why.text, "OPERATIONS"));
}

/* ---- in another's name, of another round ---- */

static void nobody_speaks_for_another_site(void **state)
{
    world *w = *state;
    connect_all(w);
    an_msg m = hello_of(&w->sites[1]);
    assert_int_equal(say(w, 0, &m), AN_ERR_PROTO); /* over plant-a's link */
    snprintf(m.u.hello.site, sizeof m.u.hello.site, "plant-a");
    assert_int_equal(say(w, 0, &m), AN_ERR_AUTH); /* with plant-b's statement key */
    m = (an_msg){.type = AN_MSG_WELCOME};
    m.u.welcome.epoch = 1;
    m.u.welcome.lease_ms = 1;
    assert_int_equal(say(w, 0, &m), AN_ERR_PROTO); /* a message that only coordinators send */
}

/* An offer as the site signs it. */
static an_msg offer_of(const site *s, uint64_t round, const an_hash *plan, const an_hash *update,
                       uint64_t size)
{
    an_msg m = {.type = AN_MSG_UPDATE_OFFER, .msg_id = 77};
    uint8_t statement[AN_UPDATE_STATEMENT_BYTES];
    m.u.update_offer =
        (an_msg_update_offer){.round = round, .plan_hash = *plan, .update = *update, .size = size};
    an_update_statement(statement, &m.u.update_offer);
    an_sign(m.u.update_offer.signature, AN_UPDATE_CONTEXT, statement, sizeof statement, s->sign_secret);
    return m;
}

static size_t waiting(const world *w, event_type type)
{
    size_t n = 0;
    for (size_t i = w->head; i != w->tail; i++)
        n += w->events[i % EVENTS_MAX].type == type;
    return n;
}

/* Runs until a round of the campaign is open and every site has its plan. */
static const an_round *open_one(world *w, uint64_t *ret_id)
{
    static const char *const policy[][2] = {{"privacy", "trusted"}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 1, NULL), AN_OK);
    connect_all(w);
    w->lost = 1; /* the sites do not hear of it: the test speaks for them */
    campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    const an_state *st = an_hub_state(w->hub);
    assert_true(st->rounds.n > 0);
    *ret_id = st->rounds.items[st->rounds.n - 1].id;
    return an_hub_round_open(w->hub, *ret_id);
}

static an_plan *plan_of(world *w, const an_round *r)
{
    an_plan *plan = NULL;
    an_buf bytes;
    an_buf_init(&bytes, AN_PLAN_BYTES_MAX);
    assert_int_equal(an_store_object_get(w->store, &r->plan_hash, &bytes, NULL), AN_OK);
    assert_int_equal(an_plan_decode(bytes.data, bytes.len, &plan, NULL), AN_OK);
    an_buf_done(&bytes);
    return plan;
}

static void an_offer_that_does_not_fit_is_never_fetched(void **state)
{
    world *w = *state;
    uint64_t id;
    const an_round *r = open_one(w, &id);
    assert_non_null(r);
    site *a = &w->sites[0], *b = &w->sites[1];
    const an_hash update = {{3}}, wrong = {{4}}, plan = r->plan_hash;
    an_plan *terms = plan_of(w, r);
    uint64_t size = an_update_size(16 * WIDTH);
    while (!an_delivery_size_ok(terms, size)) /* sealed, it is a little longer */
        size++;
    an_plan_free(terms);
    an_msg m = offer_of(b, id, &plan, &update, size); /* plant-b's signature, plant-a's link */
    assert_int_equal(say(w, 0, &m), AN_ERR_AUTH);
    m = offer_of(a, id, &plan, &update, size);
    m.u.update_offer.update = wrong; /* another update than was signed */
    assert_int_equal(say(w, 0, &m), AN_ERR_AUTH);
    m = offer_of(a, id + 1, &plan, &update, size); /* a round that is not there */
    assert_int_equal(say(w, 0, &m), AN_OK);
    m = offer_of(a, id, &wrong, &update, size); /* another plan */
    assert_int_equal(say(w, 0, &m), AN_OK);
    m = offer_of(a, id, &plan, &update, size + 4); /* another size */
    assert_int_equal(say(w, 0, &m), AN_OK);
    m = offer_of(a, id, &plan, &update, UINT64_MAX);
    assert_int_equal(say(w, 0, &m), AN_OK);
    assert_int_equal(waiting(w, HUB_FETCH), 0);
    m = offer_of(a, id, &plan, &update, size);
    assert_int_equal(say(w, 0, &m), AN_OK);
    assert_int_equal(waiting(w, HUB_FETCH), 1);
    settle(w);
}

/* Gives the hub an update file as if it had been fetched: as a file, or as the bytes of a small one. */
static void hand_over(world *w, size_t i, uint64_t id, const an_hash *hash, const char *path, bool in_memory)
{
    an_buf b;
    if (!in_memory) {
        an_hub_fetched(w->hub, w->sites[i].name, id, hash, path, AN_OK, NULL);
        assert_false(an_file_exists(path)); /* taken over or removed */
        return;
    }
    an_buf_init(&b, AN_OBJECT_SMALL);
    assert_int_equal(an_file_read(&b, path, NULL), AN_OK);
    an_hub_fetched_small(w->hub, w->sites[i].name, id, hash, b.data, b.len);
    an_buf_done(&b);
}

/* True: it was counted. */
static bool deliver(world *w, size_t i, uint64_t id, const an_update_header *h, size_t cut, bool in_memory)
{
    char path[AN_PATH_MAX];
    an_hash hash;
    an_buf bytes;
    uint32_t *v = an_alloc(16 * WIDTH, sizeof *v);
    assert_int_equal(an_path_join(path, an_store_spool_dir(w->store), "forged"), AN_OK);
    uint64_t size = 0;
    an_plan *plan = plan_of(w, an_hub_round_open(w->hub, id));
    assert_int_equal(an_test_update_write(path, plan, h, v, &hash, &size, NULL), AN_OK);
    an_plan_free(plan);
    an_free(v);
    if (cut) {
        an_buf_init(&bytes, 65536);
        assert_int_equal(an_file_read(&bytes, path, NULL), AN_OK);
        assert_int_equal(an_file_write(path, bytes.data, bytes.len - cut, 0600, NULL), AN_OK);
        an_hash_of(&hash, bytes.data, bytes.len - cut);
        an_buf_done(&bytes);
    }
    hand_over(w, i, id, &hash, path, in_memory);
    const an_round *r = an_hub_round_open(w->hub, id);
    return r && r->members[an_round_find(r, w->sites[i].name)].state == AN_MEMBER_DELIVERED;
}

static void an_update_counts_for_its_own_round_plan_and_site_alone(void **state)
{
    world *w = *state;
    uint64_t id;
    const an_round *r = open_one(w, &id);
    assert_non_null(r);
    const an_update_header good = {
        .round = id, .dim = 16 * WIDTH, .plan_hash = r->plan_hash, .site = "plant-a"};
    an_update_header h = good;
    for (int in_memory = 0; in_memory < 2; in_memory++) {
        h = good;
        h.round = id - 1;
        assert_false(deliver(w, 0, id, &h, 0, in_memory)); /* replayed from a former round */
        h = good;
        h.plan_hash.b[0] ^= 1;
        assert_false(deliver(w, 0, id, &h, 0, in_memory));
        assert_false(deliver(w, 1, id, &good, 0, in_memory)); /* plant-a's, sent again by plant-b */
    }
    assert_false(deliver(w, 0, id, &good, 4, true)); /* truncated */
    assert_false(deliver(w, 0, id, &good, 4, false));
    assert_true(deliver(w, 0, id, &good, 0, true));
    assert_true(deliver(w, 0, id, &good, 0, false)); /* again: counted once */
    assert_int_equal(an_round_count(an_hub_round_open(w->hub, id), AN_MEMBER_DELIVERED), 1);
    kill_hub(w);
    start_hub(w);
    assert_int_equal(an_round_count(an_hub_round_open(w->hub, id), AN_MEMBER_DELIVERED), 1);
}

/* The plan's vector of numbers that any site may have, but for its count of sites. */
static void forge(world *w, const event *e, uint32_t sites)
{
    char path[AN_PATH_MAX];
    an_hash hash;
    uint64_t size = 0;
    const an_round *r = an_hub_round_open(w->hub, e->round);
    an_plan *plan = plan_of(w, r);
    an_update_header h = {.round = e->round, .dim = plan->dim, .plan_hash = r->plan_hash};
    snprintf(h.site, sizeof h.site, "%s", w->sites[e->site].name);
    uint32_t *v = an_alloc(plan->dim, sizeof *v);
    v[plan->dim - AN_TRAIN_EXTRA] = 1;
    v[plan->dim - AN_TRAIN_EXTRA + 1] = sites;
    assert_int_equal(an_path_join(path, an_store_spool_dir(w->store), "forged"), AN_OK);
    assert_int_equal(an_test_update_write(path, plan, &h, v, &hash, &size, NULL), AN_OK);
    an_free(v);
    an_plan_free(plan);
    an_hub_fetched(w->hub, w->sites[e->site].name, e->round, &hash, path, AN_OK, NULL);
    assert_false(an_file_exists(path));
}

static an_err find_outlier(void *ctx, const an_record *record, an_note *why)
{
    bool *ret = ctx;
    char body[4096];
    (void)why;
    snprintf(body, sizeof body, "%.*s", (int)record->body_len, (const char *)record->body);
    *ret = *ret || (strstr(body, "\"plant-b\"") && strstr(body, "one site's update counts 7 sites"));
    return AN_OK;
}

static void a_false_count_of_sites_costs_its_site_the_round_and_nobody_else(void **state)
{
    world *w = *state;
    static const char *const policy[][2] = {{"min_cohort", "2"}, {"privacy", "trusted"}};
    uint64_t forged = 0;
    bool named = false;
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 2, NULL), AN_OK);
    connect_all(w);
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    while (w->head != w->tail) {
        const event *e = &w->events[w->head % EVENTS_MAX];
        const an_round_entry *r =
            e->type == HUB_FETCH ? an_state_round(an_hub_state(w->hub), e->round) : NULL;
        if (!forged && r && r->kind == AN_PAYLOAD_TRAIN && e->site == 1) {
            forged = e->round;
            w->head++;
            forge(w, e, 7);
        } else {
            step(w);
        }
    }
    pass(w, 240000);
    assert_true(forged != 0);
    const an_round_entry *r = an_state_round(an_hub_state(w->hub), forged);
    if (!r->committed)
        fail_msg("the round ended: %s", r->reason);
    assert_int_equal(
        an_store_scan(w->store, &(an_store_filter){.kind = "round.ended"}, find_outlier, &named, NULL),
        AN_OK);
    assert_true(named); /* left out of the result, and said so */
    assert_int_equal(an_state_campaign(an_hub_state(w->hub), id)->state, AN_CAMPAIGN_PROMOTED);
}

/* ---- at the enrolment door ---- */

typedef struct stranger {
    uint8_t link[AN_KEY_BYTES], link_secret[AN_KEY_BYTES];
    uint8_t sign[AN_SIGN_PUBLIC_BYTES], sign_secret[AN_SIGN_SECRET_BYTES];
} stranger;

static stranger a_stranger(void)
{
    stranger s;
    an_link_keypair(s.link, s.link_secret);
    an_sign_keypair(s.sign, s.sign_secret);
    return s;
}

typedef struct word {
    uint8_t id[AN_TOKEN_ID_BYTES], secret[32];
} word;

static word a_token(world *w, int64_t valid_ms)
{
    word t;
    assert_int_equal(an_hub_token(w->hub, "user/admin", "", valid_ms, t.id, t.secret, NULL), AN_OK);
    return t;
}

static an_enrol_status ask(world *w, const stranger *s, const word *token, const char *name)
{
    return ask_to_enrol(w, name, s->link, s->sign, token->id, token->secret);
}

static void a_request_that_waits_is_not_replaced(void **state)
{
    world *w = *state;
    const stranger honest = a_stranger(), thief = a_stranger();
    const word first = a_token(w, 60000), second = a_token(w, 60000);
    assert_int_equal(ask(w, &honest, &first, "plant-x"), AN_ENROL_PENDING);
    assert_int_equal(ask(w, &thief, &first, "plant-y"), AN_ENROL_DENIED); /* used */
    assert_int_equal(ask(w, &thief, &second, "plant-x"), AN_ENROL_DENIED);
    const an_site *s = an_state_site(an_hub_state(w->hub), "plant-x");
    assert_memory_equal(s->keys.link_key, honest.link, sizeof honest.link);
    assert_int_equal(an_hub_site_decide(w->hub, "user/admin", "plant-x", false, "", NULL), AN_OK);
    assert_int_equal(ask(w, &thief, &second, "plant-x"), AN_ENROL_PENDING); /* the name is free */
}

static void a_key_has_one_name(void **state)
{
    world *w = *state;
    stranger s = a_stranger();
    const word t = a_token(w, 60000);
    memcpy(s.link, w->sites[0].link_public, sizeof s.link);
    assert_int_equal(ask(w, &s, &t, "plant-x"), AN_ENROL_DENIED);
    s = a_stranger();
    memcpy(s.sign, w->sites[0].sign_public, sizeof s.sign);
    assert_int_equal(ask(w, &s, &t, "plant-x"), AN_ENROL_DENIED);
    assert_null(an_state_site(an_hub_state(w->hub), "plant-x"));
}

static void a_revoked_site_stays_out_with_its_old_keys(void **state)
{
    world *w = *state;
    const stranger s = a_stranger(), fresh = a_stranger();
    const word first = a_token(w, 60000), second = a_token(w, 60000);
    assert_int_equal(ask(w, &s, &first, "plant-x"), AN_ENROL_PENDING);
    assert_int_equal(an_hub_site_decide(w->hub, "user/admin", "plant-x", true, "", NULL), AN_OK);
    assert_int_equal(ask(w, &fresh, &second, "plant-x"), AN_ENROL_DENIED); /* the name is taken */
    assert_int_equal(an_hub_site_revoke(w->hub, "user/admin", "plant-x", "", NULL), AN_OK);
    assert_int_equal(ask(w, &s, &first, "plant-x"), AN_ENROL_DENIED);
    assert_int_equal(ask(w, &s, &second, "plant-x"), AN_ENROL_DENIED);
    assert_int_equal(ask(w, &fresh, &second, "plant-x"), AN_ENROL_PENDING); /* to be approved anew */
    an_clock_fake_advance(&w->clock, 60001);
    assert_int_equal(ask(w, &fresh, &second, "plant-x"), AN_ENROL_DENIED);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)
    const struct CMUnitTest tests[] = {
        CASE(no_number_that_a_site_may_send_stops_the_coordinator),
        CASE(a_fact_counts_once_and_a_new_one_of_an_old_number_counts),
        CASE(a_site_that_reports_without_end_is_heard_at_a_bounded_rate),
        CASE(a_site_that_says_hello_without_end_is_heard_at_a_bounded_rate),
        CASE(a_record_that_no_start_could_apply_is_not_appended),
        CASE(a_journal_that_cannot_be_read_says_which_record_it_is),
        CASE(nobody_speaks_for_another_site),
        CASE(an_offer_that_does_not_fit_is_never_fetched),
        CASE(an_update_counts_for_its_own_round_plan_and_site_alone),
        CASE(a_false_count_of_sites_costs_its_site_the_round_and_nobody_else),
        CASE(a_request_that_waits_is_not_replaced),
        CASE(a_key_has_one_name),
        CASE(a_revoked_site_stays_out_with_its_old_keys),
    };
    an_log_init(AN_LOG_OFF, "test_attack");
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
