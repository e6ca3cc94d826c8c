/* Campaigns that are not for drift, through the whole federation: verdicts on the alarms of a simulated line, rows
 * that its lines count, the calendar; and counts of a site that does not keep to the truth. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/drift.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "tests/support/pumps.h"

#define JUDGED 1 /* the site where people speak */

static void set_policy(world *w, const char *key, const char *value)
{
    const char *const policy[][2] = {{key, value}};
    an_note why = {{0}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", policy, 1, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static const an_campaign *last_campaign(world *w)
{
    const an_state *st = an_hub_state(w->hub);
    return &st->campaigns.items[st->campaigns.n - 1];
}

static size_t n_campaigns(world *w)
{
    return an_hub_state(w->hub)->campaigns.n;
}

typedef struct search {
    const char *words;
    size_t n, found;
} search;

static an_err visit(void *ctx, const an_record *record, an_note *why)
{
    search *s = ctx;
    char *text = an_alloc(record->body_len + 1, 1);
    (void)why;
    assert_non_null(text);
    memcpy(text, record->body, record->body_len);
    s->n++;
    s->found += strstr(text, s->words) != NULL;
    an_free(text);
    return AN_OK;
}

static search records(world *w, const char *kind, const char *words)
{
    search s = {.words = words};
    assert_int_equal(an_store_scan(w->store, &(an_store_filter){.kind = kind}, visit, &s, NULL), AN_OK);
    return s;
}

/* ---- verdicts ---- */

/* Production at three lines; at one of them something short happens four times. */
static world *begin_pumps(void)
{
    void *state = NULL;
    const an_federation_kind kind = an_pumps(1, false);
    an_federation_setup_kind(&state, &kind);
    world *w = state;
    for (size_t i = 0; i < 4; i++)
        pumps_script(w, JUDGED, "cavitation", 200 + 300 * i, 60);
    pumps_begin(w);
    connect_all(w);
    const uint64_t training = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pumps_run(w, 60);
    assert_promoted(w, training);
    set_policy(w, "drift.false_month", "0.000001"); /* this is not about drift */
    set_policy(w, "drift.cooldown", "0");
    set_policy(w, "trigger.verdicts", "3");
    return w;
}

static void end(world *w)
{
    void *state = w;
    an_federation_teardown(&state);
}

static void alarms_that_people_call_wrong_open_a_campaign_that_says_so(void **state)
{
    (void)state;
    world *w = begin_pumps();
    pump *p = pump_of(w, JUDGED);
    const uint64_t first = p->last_alarm + 1;
    set_policy(w, "trigger.precision", "0.9");
    pumps_run(w, 1400);
    assert_true(p->last_alarm >= first + 3);
    for (uint64_t alarm = first; alarm < first + 2; alarm++)
        pump_judge(p, alarm, AN_VERDICT_FALSE);
    pump_judge(p, first + 2, AN_VERDICT_UNSURE); /* is no verdict */
    settle(w);
    assert_int_equal(n_campaigns(w), 1); /* two say nothing yet */
    pump_judge(p, first + 3, AN_VERDICT_FALSE);
    settle(w);
    assert_int_equal(n_campaigns(w), 2);
    const an_campaign *c = last_campaign(w);
    print_message("%s\n%s\n", c->trigger, c->plan);
    assert_string_equal(c->cause, "precision");
    assert_string_equal(c->scope, "one line");
    assert_int_equal(c->kind, AN_CAMPAIGN_INCREMENTAL);
    char line[128];
    snprintf(line, sizeof line, "%s/line-1 (0 of 3, below 0.9", w->sites[JUDGED].name);
    assert_non_null(strstr(c->trigger, line));
    assert_non_null(strstr(c->plan, "1 site trains on what is new"));
    assert_int_equal(records(w, "campaign.opened", "\"test\":\"precision\",\"value\":0").found, 1);
    assert_int_equal(records(w, "campaign.opened", "\"cause\":\"precision\"").found, 1);
    assert_int_equal(
        records(w, "campaign.opened", "\"sites\":[\"plant-b\"],\"replay\":[\"plant-a\",\"plant-c\"]").found,
        1);
    while (!an_campaign_is_over(last_campaign(w)))
        pumps_run(w, 1);
    print_message("%s\n", last_campaign(w)->reason);

    /* What it has answered opens no other one, nor after a restart of the coordinator. */
    pumps_run(w, 30);
    assert_int_equal(n_campaigns(w), 2);
    kill_hub(w);
    start_hub(w);
    connect_all(w);
    settle(w);
    pumps_run(w, 30);
    assert_int_equal(n_campaigns(w), 2);
    end(w);
}

static void faults_that_people_missed_open_a_campaign(void **state)
{
    (void)state;
    world *w = begin_pumps();
    pump *p = pump_of(w, JUDGED);
    set_policy(w, "trigger.recall", "0.5");
    set_policy(w, "drift.automatic", "no");
    for (int i = 0; i < 6; i++)
        pump_missed(p);
    settle(w);
    assert_int_equal(n_campaigns(w), 2);
    assert_string_equal(last_campaign(w)->cause, "recall");
    assert_int_equal(last_campaign(w)->state, AN_CAMPAIGN_WAITING); /* a person decides, as with drift */
    end(w);
}

static void what_a_site_will_not_tell_opens_nothing(void **state)
{
    (void)state;
    world *w = begin_pumps();
    w->sites[JUDGED].policy.allow_counts = false;
    set_policy(w, "trigger.recall", "0.5");
    for (int i = 0; i < 6; i++)
        pump_missed(pump_of(w, JUDGED));
    settle(w);
    assert_int_equal(n_campaigns(w), 1);
    end(w);
}

static void new_rows_of_all_lines_open_a_campaign(void **state)
{
    (void)state;
    world *w = begin_pumps();
    set_policy(w, "trigger.rows", "10500");
    pumps_run(w, 3000);
    assert_int_equal(n_campaigns(w), 1); /* counts are told every hour */
    pumps_run(w, 700);
    assert_int_equal(n_campaigns(w), 2);
    const an_campaign *c = last_campaign(w);
    print_message("%s\n", c->trigger);
    assert_string_equal(c->cause, "data");
    assert_non_null(strstr(c->trigger, "new rows since the last training, of the fleet, 3 of 3 lines"));
    assert_string_equal(c->plan, "all sites train on what is new to them");
    end(w);
}

/* ---- the calendar, and lies ---- */

static world *begin(void **state)
{
    world *w = *state;
    connect_all(w);
    const uint64_t first = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 5000);
    assert_promoted(w, first);
    set_policy(w, "drift.automatic", "yes");
    set_policy(w, "drift.cooldown", "0");
    return w;
}

static void the_calendar_trains_again_and_again(void **state)
{
    world *w = begin(state);
    set_policy(w, "trigger.every", "2h");
    pass(w, 7100000);
    assert_int_equal(n_campaigns(w), 1);
    pass(w, 200000);
    assert_int_equal(n_campaigns(w), 2);
    assert_string_equal(last_campaign(w)->cause, "schedule");
    assert_true(an_campaign_is_over(last_campaign(w)));
    assert_int_equal(records(w, "campaign.opened", "days since the last training").found, 1);
    pass(w, 7000000);
    assert_int_equal(n_campaigns(w), 2);
    pass(w, 300000);
    assert_int_equal(n_campaigns(w), 3);
    set_policy(w, "trigger.every", "0");
    pass(w, 8000000);
    assert_int_equal(n_campaigns(w), 3);
}

static void tell(world *w, site *s, const an_msg_counts *c)
{
    const an_msg m = {.type = AN_MSG_COUNTS, .u.counts = *c};
    an_note why = {{0}};
    if (an_session_post(s->session, &m, &why) != AN_OK)
        fail_msg("%s", why.text);
    settle(w);
}

static void counts_that_cannot_be_are_not_taken(void **state)
{
    world *w = begin(state);
    site *s = &w->sites[0];
    set_policy(w, "trigger.rows", "1000");
    set_policy(w, "trigger.precision", "0.9");
    const an_msg_counts good = {
        .model = "pump", .line = "line-1", .version = s->runs, .rows = 10, .alarms = 50};
    an_msg_counts c = good;
    const size_t before = records(w, "site.counts", "line").n;
    for (int i = 0; i < 20; i++) { /* lines of its fancy */
        snprintf(c.line, sizeof c.line, "line-%d", 2 + i);
        c.rows = AN_COUNTS_MAX;
        c.refuted = 50;
        tell(w, s, &c);
    }
    c = good;
    snprintf(c.model, sizeof c.model, "press");
    tell(w, s, &c);
    c = good;
    c.confirmed = 40;
    c.refuted = 11;
    tell(w, s, &c);
    c.alarms = AN_COUNTS_MAX;
    c.confirmed = c.refuted = c.unsure = AN_COUNTS_MAX;
    tell(w, s, &c);
    assert_int_equal(records(w, "site.counts", "line").n, before);
    assert_int_equal(an_hub_state(w->hub)->counts.n, 0);
    tell(w, s, &good);
    assert_int_equal(an_hub_state(w->hub)->counts.n, 1);
    assert_int_equal(n_campaigns(w), 1);
    c.rows = AN_COUNTS_MAX + 1; /* does not even leave the site */
    const an_msg m = {.type = AN_MSG_COUNTS, .u.counts = c};
    assert_int_equal(an_session_post(s->session, &m, NULL), AN_ERR_INVAL);
}

static void one_site_does_not_open_a_campaign_where_two_are_wanted(void **state)
{
    world *w = begin(state);
    an_msg_counts c = {.model = "pump", .line = "line-1", .version = w->sites[0].runs, .rows = AN_COUNTS_MAX};
    set_policy(w, "trigger.rows", "1000");
    set_policy(w, "drift.quorum", "2");
    tell(w, &w->sites[0], &c);
    c.rows--; /* falls, and rises again */
    tell(w, &w->sites[0], &c);
    c.since_ms = 1;
    tell(w, &w->sites[0], &c);
    assert_int_equal(n_campaigns(w), 1);
    c.rows = 500;
    tell(w, &w->sites[2], &c);
    assert_int_equal(n_campaigns(w), 2);
    assert_string_equal(last_campaign(w)->cause, "data");
}

static bool is_due(world *w, size_t trigger)
{
    an_triage t;
    assert_int_equal(an_hub_drift_look(w->hub, "pump", &t, NULL), AN_OK);
    const bool due = t.looks[trigger].due;
    an_triage_done(&t);
    return due;
}

static void what_a_revoked_site_has_counted_does_not_count(void **state)
{
    world *w = begin(state);
    an_msg_counts c = {.model = "pump", .line = "line-1", .version = w->sites[0].runs, .rows = 500};
    set_policy(w, "trigger.rows", "1000");
    tell(w, &w->sites[0], &c);
    assert_int_equal(an_hub_site_revoke(w->hub, "user/admin", w->sites[0].name, "stolen", NULL), AN_OK);
    c.rows = 600;
    tell(w, &w->sites[1], &c);
    assert_false(is_due(w, AN_TRIGGER_data));
    c.rows = 1000;
    tell(w, &w->sites[1], &c);
    assert_true(is_due(w, AN_TRIGGER_data));
}

/* ---- many messages at once ---- */

static void counts_that_come_together_are_weighed_together(void **state)
{
    (void)state;
    world *w = begin_pumps();
    set_policy(w, "drift.quorum", "1");
    set_policy(w, "trigger.rows", "100000");
    an_hub_gather(w->hub);
    for (size_t i = 0; i < w->n; i++) {
        an_msg m = {.type = AN_MSG_COUNTS, .msg_id = 900000 + i};
        an_msg_counts *c = &m.u.counts;
        m.epoch = an_hub_live_find(w->hub, w->sites[i].name)->epoch;
        *c = (an_msg_counts){.model = "pump", .line = "line-1", .version = w->sites[i].runs, .rows = 500000};
        assert_int_equal(an_hub_message(w->hub, w->sites[i].name, &m, NULL), AN_OK);
    }
    assert_int_equal(n_campaigns(w), 1);
    an_hub_settle(w->hub);
    assert_int_equal(n_campaigns(w), 2);
    assert_string_equal(last_campaign(w)->cause, "data");
    assert_non_null(strstr(last_campaign(w)->trigger, "3 of 3 lines")); /* not of the first that came */
    end(w);
}

int main(void)
{
    if (an_crypto_init() != AN_OK || !an_kernels_init())
        return 1;
    an_log_init(AN_LOG_ERROR, "test");
#define CASE(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarms_that_people_call_wrong_open_a_campaign_that_says_so),
        cmocka_unit_test(faults_that_people_missed_open_a_campaign),
        cmocka_unit_test(what_a_site_will_not_tell_opens_nothing),
        cmocka_unit_test(new_rows_of_all_lines_open_a_campaign),
        CASE(the_calendar_trains_again_and_again),
        CASE(counts_that_cannot_be_are_not_taken),
        CASE(one_site_does_not_open_a_campaign_where_two_are_wanted),
        CASE(what_a_revoked_site_has_counted_does_not_count),
        cmocka_unit_test(counts_that_come_together_are_weighed_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
