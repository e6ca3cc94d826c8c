/* Campaigns that verdicts, data and the calendar ask for: figures in, answer and reason out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/trigger.h"

#define NOW INT64_C(1780000000000) /* a Thursday, 20:26:40 UTC */
#define DAY INT64_C(86400000)
#define LINES 64

typedef struct scene {
    an_policy policy;
    an_triage_line lines[LINES];
    char sites[LINES][24];
    an_counts_entry counts[LINES];
    an_triage_in in;
} scene;

/* Sites of one line each; the counts of all are 0. */
static void make(scene *s, size_t sites)
{
    memset(s, 0, sizeof *s);
    assert_int_equal(an_policy_init(&s->policy), AN_OK);
    s->policy.drift_automatic = true;
    s->in = (an_triage_in){.model = "pump",
                           .production = {{1}},
                           .policy = &s->policy,
                           .lines = s->lines,
                           .n_lines = sites,
                           .counts = s->counts,
                           .n_counts = sites,
                           .rate_hz = 1,
                           .trained_ms = NOW - 10 * DAY,
                           .now_ms = NOW};
    for (size_t i = 0; i < sites; i++) {
        an_counts_entry *e = &s->counts[sites - 1 - i]; /* in another order than the lines */
        snprintf(s->sites[i], sizeof s->sites[i], "s%zu", i);
        s->lines[i] = (an_triage_line){s->sites[i], "l1"};
        snprintf(e->site, sizeof e->site, "s%zu", i);
        snprintf(e->figures.line, sizeof e->figures.line, "l1");
        snprintf(e->figures.model, sizeof e->figures.model, "pump");
        e->figures.version = (an_hash){{1}};
        e->figures.since_ms = NOW - DAY;
    }
}

static an_counts_entry *of(scene *s, size_t site)
{
    return &s->counts[s->in.n_counts - 1 - site];
}

static void say(scene *s, size_t site, uint64_t right, uint64_t wrong, uint64_t missed)
{
    an_msg_counts *f = &of(s, site)->figures;
    f->confirmed = right;
    f->refuted = wrong;
    f->missed = missed;
    f->alarms = right + wrong;
}

static void assert_answer(const scene *s, const char *cause, an_triage_answer answer, const char *evidence,
                          const char *why)
{
    an_triage t;
    assert_int_equal(an_drift_triage(&s->in, &t), AN_OK);
    if (strcmp(t.cause, cause) != 0 || t.answer != answer || !strstr(t.why.text, why) ||
        !strstr(t.evidence.text, evidence))
        fail_msg("%s, %s: %s\n%s", t.cause, an_triage_answer_name(t.answer), t.why.text, t.evidence.text);
    an_triage_done(&t);
}

static void assert_quiet(const scene *s)
{
    assert_answer(s, "drift", AN_ANSWER_NOTHING, "reports drift", "no report");
}

static void what_is_off_asks_for_nothing(void **state)
{
    (void)state;
    scene s;
    make(&s, 4);
    for (size_t i = 0; i < 4; i++) {
        say(&s, i, 0, 1000, 1000);
        of(&s, i)->figures.rows = AN_COUNTS_MAX;
    }
    s.in.trained_ms = 1;
    assert_quiet(&s);
}

static void alarms_that_people_call_wrong_open_a_campaign(void **state)
{
    (void)state;
    scene s;
    make(&s, 4);
    s.policy.trigger_precision = 0.5;
    say(&s, 1, 9, 11, 0); /* below, and may well be chance */
    assert_quiet(&s);
    say(&s, 1, 2, 18, 0);
    assert_answer(&s, "precision", AN_ANSWER_CAMPAIGN,
                  "precision of one line, 1 of 4 lines: s1/l1 (0.1 of 20, below 0.5, p 0.0002)",
                  "1 site trains on what is new");
    s.policy.drift_automatic = false;
    assert_answer(&s, "precision", AN_ANSWER_ASK, "", "");
    s.policy.drift_quorum = 2;
    assert_answer(&s, "drift", AN_ANSWER_NOTHING, "", "no report");
    say(&s, 3, 0, 12, 0);
    assert_answer(&s, "precision", AN_ANSWER_ASK, "of several sites, 2 of 4 lines", "2 sites train");
}

static void few_verdicts_say_nothing_and_those_of_many_lines_say_it_together(void **state)
{
    (void)state;
    scene s;
    make(&s, 20);
    s.policy.trigger_precision = 0.5;
    s.policy.trigger_verdicts = 5;
    say(&s, 0, 0, 4, 0);
    assert_quiet(&s);
    say(&s, 0, 0, 5, 0); /* p 0.03 of one line in twenty */
    assert_quiet(&s);
    for (size_t i = 0; i < 20; i++)
        say(&s, i, 0, 5, 0);
    assert_answer(&s, "precision", AN_ANSWER_CAMPAIGN, "the fleet, 20 of 20 lines", "20 sites train");
}

static void missed_faults_count_for_recall_and_f1(void **state)
{
    (void)state;
    scene s;
    make(&s, 3);
    s.policy.trigger_recall = 0.8;
    say(&s, 0, 20, 0, 1);
    assert_quiet(&s);
    say(&s, 0, 10, 0, 20);
    assert_answer(&s, "recall", AN_ANSWER_CAMPAIGN, "recall of one line, 1 of 3 lines: s0/l1 (0.333 of 30",
                  "");
    s.policy.trigger_recall = 0;
    s.policy.trigger_f1 = 0.8;
    assert_answer(&s, "f1", AN_ANSWER_CAMPAIGN, "f1 of one line, 1 of 3 lines: s0/l1 (0.5 of 30", "");
    say(&s, 0, 80, 20, 20); /* F1 is 0.8: not below */
    assert_quiet(&s);
}

static void what_people_said_of_another_version_or_before_does_not_count(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        scene s;
        make(&s, 3);
        s.policy.trigger_precision = 0.5;
        say(&s, 0, 0, 40, 0);
        if (i == 0)
            of(&s, 0)->figures.version.b[0] = 2;
        else if (i == 1)
            of(&s, 0)->base = of(&s, 0)->figures;
        else if (i == 2)
            snprintf(of(&s, 0)->figures.model, AN_NAME_MAX, "press");
        else
            snprintf(of(&s, 0)->figures.line, AN_NAME_MAX, "invented");
        assert_quiet(&s);
    }
}

static void a_site_that_lies_speaks_for_itself_alone(void **state)
{
    (void)state;
    scene s;
    make(&s, 4);
    s.policy.trigger_precision = 0.5;
    say(&s, 0, AN_COUNTS_MAX, 0, 0); /* all is well, it says */
    say(&s, 1, 0, 20, 0);
    assert_answer(&s, "precision", AN_ANSWER_CAMPAIGN, "1 of 4 lines: s1/l1", "");
    say(&s, 1, 0, 0, 0);
    say(&s, 0, 0, AN_COUNTS_MAX, 0);
    assert_answer(&s, "precision", AN_ANSWER_CAMPAIGN, "s0/l1 (0 of 4294967295", "");
    s.policy.drift_quorum = 2;
    assert_quiet(&s);
}

static void new_rows_of_the_fleet_open_a_campaign(void **state)
{
    (void)state;
    scene s;
    make(&s, 3);
    s.policy.trigger_rows = 100000;
    of(&s, 0)->figures.rows = 60000;
    of(&s, 1)->figures.rows = 39999;
    assert_quiet(&s);
    of(&s, 1)->carried = 1; /* of the version before */
    assert_answer(&s, "data", AN_ANSWER_CAMPAIGN,
                  "100000 of 100000 new rows since the last training, of several sites, 2 of 3 lines: s0/l1 "
                  "(60000), s1/l1 (40000)",
                  "all sites train on what is new to them");
    of(&s, 0)->base.rows = 1; /* trained on already */
    assert_quiet(&s);
}

/* Where the policy wants two sites, one cannot make up for the other. */
static void no_site_brings_all_the_rows_alone(void **state)
{
    (void)state;
    scene s;
    make(&s, 3);
    s.policy.trigger_rows = 100000;
    of(&s, 0)->figures.rows = of(&s, 0)->carried = AN_COUNTS_MAX;
    assert_answer(&s, "data", AN_ANSWER_CAMPAIGN, "of one line, 1 of 3 lines", "");
    s.policy.drift_quorum = 2;
    assert_quiet(&s);
    of(&s, 2)->figures.rows = 49999;
    assert_quiet(&s);
    of(&s, 2)->figures.rows = 50000;
    assert_answer(&s, "data", AN_ANSWER_CAMPAIGN, "", "");
    s.policy.drift_quorum = 1;
    s.policy.drift_share = 1;
    assert_quiet(&s);
}

static void the_calendar_opens_a_campaign_in_its_hours(void **state)
{
    (void)state;
    scene s;
    an_triage t;
    make(&s, 3);
    s.policy.trigger_every_ms = 10 * DAY + 1;
    assert_quiet(&s);
    assert_int_equal(an_drift_triage(&s.in, &t), AN_OK);
    assert_int_equal(t.again_ms, NOW + 1);
    an_triage_done(&t);
    s.policy.trigger_every_ms = 10 * DAY;
    assert_answer(&s, "schedule", AN_ANSWER_CAMPAIGN, "10.00 days since the last training, of 10.00",
                  "all sites");
    snprintf(s.policy.drift_hours, sizeof s.policy.drift_hours, "Sat 00:00-24:00");
    assert_answer(&s, "schedule", AN_ANSWER_NOTHING, "", "outside of the hours for campaigns");
    snprintf(s.policy.drift_hours, sizeof s.policy.drift_hours, "Thu 00:00-24:00");
    assert_answer(&s, "schedule", AN_ANSWER_CAMPAIGN, "", "");
    s.in.trained_ms = 0; /* no production yet */
    assert_quiet(&s);
}

static void all_triggers_have_the_same_cooldown_and_least_cohort(void **state)
{
    (void)state;
    static const an_campaign waiting = {.id = 7, .reason = "waiting for approval"};
    for (int i = 0; i < 3; i++) {
        const char *cause = i == 0 ? "precision" : i == 1 ? "data" : "schedule";
        scene s;
        make(&s, 3);
        s.policy.trigger_precision = i == 0 ? 0.5 : 0;
        s.policy.trigger_rows = i == 1 ? 100 : 0;
        s.policy.trigger_every_ms = i == 2 ? DAY : 0;
        say(&s, 0, 0, 20, 0);
        of(&s, 0)->figures.rows = 100;
        assert_answer(&s, cause, AN_ANSWER_CAMPAIGN, "", "");
        s.in.open = &waiting;
        assert_answer(&s, cause, AN_ANSWER_NOTHING, "", "campaign 7 is open: waiting for approval");
        s.in.open = NULL;
        s.in.campaign_ms = NOW - s.policy.drift_cooldown_ms + 1;
        assert_answer(&s, cause, AN_ANSWER_NOTHING, "", "less than drift.cooldown ago");
        s.in.campaign_ms--;
        assert_answer(&s, cause, AN_ANSWER_CAMPAIGN, "", "");
        s.policy.min_cohort = 4;
        if (i == 0)
            assert_answer(&s, cause, AN_ANSWER_OVERLAY, "", "1 site is below the bound and 3 run the model");
        else
            assert_answer(&s, cause, AN_ANSWER_NOTHING, "", "3 sites run the model; a round needs 4");
    }
}

static void drift_comes_first_and_the_others_are_told(void **state)
{
    (void)state;
    scene s;
    an_triage t;
    make(&s, 3);
    s.policy.drift_false_month = 0;
    s.policy.drift_gather_ms = 0;
    s.policy.trigger_precision = 0.5;
    say(&s, 1, 0, 20, 0);
    an_drift_entry alert = {.version = {{1}}, .time_ms = NOW, .sign = 1, .effect = 2, .threshold = 1};
    snprintf(alert.site, sizeof alert.site, "s2");
    snprintf(alert.line, sizeof alert.line, "l1");
    snprintf(alert.model, sizeof alert.model, "pump");
    snprintf(alert.test, sizeof alert.test, "adwin");
    s.in.alerts = &alert;
    s.in.n_alerts = 1;
    assert_int_equal(an_drift_triage(&s.in, &t), AN_OK);
    assert_string_equal(t.cause, "drift");
    assert_int_equal(t.answer, AN_ANSWER_CAMPAIGN);
    assert_true(t.looks[AN_TRIGGER_drift].due && t.looks[AN_TRIGGER_precision].due);
    assert_non_null(strstr(t.looks[AN_TRIGGER_precision].evidence.text, "s1/l1"));
    assert_true(t.looks[AN_TRIGGER_data].bound < 1 && !t.looks[AN_TRIGGER_data].due);
    an_triage_done(&t);
    /* What could be chance does not keep others from being heard, and what is expected stays there to be shown. */
    s.policy.drift_false_month = 0.001;
    assert_int_equal(an_drift_triage(&s.in, &t), AN_OK);
    assert_string_equal(t.cause, "precision");
    assert_int_equal(t.chance.lines, 3);
    an_triage_done(&t);
}

static void every_row_has_an_option_and_words(void **state)
{
    (void)state;
    an_policy p;
    assert_int_equal(an_policy_init(&p), AN_OK);
    for (size_t i = 0; i < AN_TRIGGERS; i++) {
        const an_trigger *t = an_trigger_at(i);
        assert_true(t->name[0] && t->what[0] && strlen(t->name) < AN_SHORT_MAX);
        assert_true((t->bound(&p) > 0) == (i == AN_TRIGGER_drift)); /* a new model has the others off */
    }
    assert_null(an_trigger_at(AN_TRIGGERS));
}

static void memory_that_runs_out_is_said(void **state)
{
    (void)state;
    scene s;
    size_t n = 0, live = an_mem_live();
    an_err err;
    make(&s, 3);
    s.policy.trigger_precision = 0.5;
    s.policy.trigger_rows = 10;
    say(&s, 0, 0, 20, 0);
    do {
        an_triage t;
        an_mem_fail_after(n++);
        err = an_drift_triage(&s.in, &t);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        if (err == AN_OK)
            an_triage_done(&t);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_int_equal(n, 4); /* the lines, and what each of the two finds */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_off_asks_for_nothing),
        cmocka_unit_test(alarms_that_people_call_wrong_open_a_campaign),
        cmocka_unit_test(few_verdicts_say_nothing_and_those_of_many_lines_say_it_together),
        cmocka_unit_test(missed_faults_count_for_recall_and_f1),
        cmocka_unit_test(what_people_said_of_another_version_or_before_does_not_count),
        cmocka_unit_test(a_site_that_lies_speaks_for_itself_alone),
        cmocka_unit_test(new_rows_of_the_fleet_open_a_campaign),
        cmocka_unit_test(no_site_brings_all_the_rows_alone),
        cmocka_unit_test(the_calendar_opens_a_campaign_in_its_hours),
        cmocka_unit_test(all_triggers_have_the_same_cooldown_and_least_cohort),
        cmocka_unit_test(drift_comes_first_and_the_others_are_told),
        cmocka_unit_test(every_row_has_an_option_and_words),
        cmocka_unit_test(memory_that_runs_out_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
