/* Triage of drift: scope, answer, and how often a fleet without drift would be answered. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/drift.h"

#define NOW INT64_C(1780000000000)
#define MINUTE INT64_C(60000)
#define LINES_MAX 64

typedef struct scene {
    an_policy policy;
    an_triage_line lines[LINES_MAX];
    char sites[LINES_MAX][24];
    an_drift_entry alerts[256];
    an_triage_in in;
} scene;

/* n sites of so many lines each, whatever is reported counts, and is ripe at once. */
static void scene_make(scene *s, size_t sites, size_t lines)
{
    static const char *const names[] = {"l1", "l2", "l3", "l4"};
    memset(s, 0, sizeof *s);
    assert_int_equal(an_policy_init(&s->policy), AN_OK);
    s->policy.drift_false_month = 0;
    s->policy.drift_gather_ms = 0;
    s->policy.drift_automatic = true;
    s->in = (an_triage_in){.model = "pump",
                           .production = {{1}},
                           .policy = &s->policy,
                           .alerts = s->alerts,
                           .lines = s->lines,
                           .rate_hz = 1,
                           .now_ms = NOW};
    for (size_t i = 0; i < sites; i++) {
        snprintf(s->sites[i], sizeof s->sites[i], "s%zu", i);
        for (size_t k = 0; k < lines; k++)
            s->lines[s->in.n_lines++] = (an_triage_line){s->sites[i], names[k]};
    }
}

static an_drift_entry *report(scene *s, size_t site, const char *line, const char *test, const char *subject)
{
    an_drift_entry *d = &s->alerts[s->in.n_alerts++];
    *d = (an_drift_entry){.version = {{1}},
                          .time_ms = NOW - 10 * MINUTE,
                          .since_ms = NOW - 20 * MINUTE,
                          .sign = 1,
                          .effect = 2,
                          .threshold = 1,
                          .n_reference = 10000};
    snprintf(d->site, sizeof d->site, "s%zu", site);
    snprintf(d->line, sizeof d->line, "%s", line);
    snprintf(d->model, sizeof d->model, "pump");
    snprintf(d->test, sizeof d->test, "%s", test);
    snprintf(d->subject, sizeof d->subject, "%s", subject);
    return d;
}

static void assert_answer(const scene *s, an_triage_scope scope, an_triage_answer answer, const char *words)
{
    an_triage t;
    assert_int_equal(an_drift_triage(&s->in, &t), AN_OK);
    if (t.scope != scope || t.answer != answer || !strstr(t.why.text, words))
        fail_msg("%s, %s: %s\n%s", an_triage_scope_name(t.scope), an_triage_answer_name(t.answer), t.why.text,
                 t.evidence.text);
    an_triage_done(&t);
}

static void where_drift_is_seen_gives_its_scope(void **state)
{
    (void)state;
    scene s;
    scene_make(&s, 5, 2);
    assert_answer(&s, AN_SCOPE_NONE, AN_ANSWER_NOTHING, "no report");
    report(&s, 1, "l1", "psi", "temp");
    assert_answer(&s, AN_SCOPE_SENSOR, AN_ANSWER_CAMPAIGN, "1 site trains on what is new");
    report(&s, 1, "l1", "psi", "temp");
    assert_answer(&s, AN_SCOPE_SENSOR, AN_ANSWER_CAMPAIGN, "");
    report(&s, 1, "l1", "adwin", "score");
    assert_answer(&s, AN_SCOPE_LINE, AN_ANSWER_CAMPAIGN, "");
    report(&s, 1, "l2", "adwin", "score");
    assert_answer(&s, AN_SCOPE_SITE, AN_ANSWER_CAMPAIGN, "");
    report(&s, 0, "l1", "adwin", "score");
    assert_answer(&s, AN_SCOPE_SITES, AN_ANSWER_CAMPAIGN, "2 sites train on what is new");
    report(&s, 2, "l1", "adwin", "score");
    report(&s, 3, "l1", "adwin", "score");
    assert_answer(&s, AN_SCOPE_FLEET, AN_ANSWER_CAMPAIGN, "4 sites");
}

static void what_does_not_count_is_not_counted(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        scene s;
        scene_make(&s, 4, 1);
        an_drift_entry *d = report(&s, 0, "l1", "psi", "temp");
        if (i == 0)
            d->campaign = 7;
        else if (i == 1)
            d->sign = -1;
        else if (i == 2)
            d->version.b[0] = 2;
        else if (i == 3)
            d->time_ms = NOW - 61 * MINUTE;
        else
            snprintf(d->model, sizeof d->model, "press");
        assert_answer(&s, AN_SCOPE_NONE, AN_ANSWER_NOTHING, "no report");
    }
}

static void a_site_makes_the_fleet_no_larger_than_it_is(void **state)
{
    (void)state;
    char line[16];
    scene s;
    an_triage t;
    scene_make(&s, 5, 1);
    for (unsigned i = 0; i < 100; i++) { /* s1 is here, with one line */
        snprintf(line, sizeof line, "x%u", i);
        report(&s, 1, line, "psi", "temp");
    }
    assert_int_equal(an_drift_triage(&s.in, &t), AN_OK);
    assert_int_equal(t.n_lines, 5);
    assert_int_equal(t.n, 0);
    an_triage_done(&t);
    for (unsigned i = 0; i < 100; i++) { /* nobody knows what s9 has */
        snprintf(line, sizeof line, "x%u", i);
        report(&s, 9, line, "psi", "temp");
    }
    report(&s, 2, "l1", "psi", "temp");
    assert_int_equal(an_drift_triage(&s.in, &t), AN_OK);
    assert_int_equal(t.n_lines, 5 + AN_LINES_MAX);
    assert_int_equal(t.n, 1 + AN_LINES_MAX);
    an_triage_done(&t);
    for (size_t i = 0; i < s.in.n_alerts; i++)
        s.alerts[i].revoked = true;
    assert_answer(&s, AN_SCOPE_NONE, AN_ANSWER_NOTHING, "no report");
}

static void the_policy_says_which_tests_count(void **state)
{
    (void)state;
    scene s;
    scene_make(&s, 4, 1);
    report(&s, 0, "l1", "psi", "temp");
    s.policy.drift_tests = AN_DRIFT_TESTS_SCORE;
    assert_answer(&s, AN_SCOPE_NONE, AN_ANSWER_NOTHING, "no report");
    s.policy.drift_tests = AN_DRIFT_TESTS_BOTH;
    assert_answer(&s, AN_SCOPE_NONE, AN_ANSWER_NOTHING, "no report");
    s.policy.drift_tests = AN_DRIFT_TESTS_INPUT;
    assert_answer(&s, AN_SCOPE_SENSOR, AN_ANSWER_CAMPAIGN, "");
    report(&s, 0, "l1", "page-hinkley", "score");
    s.policy.drift_tests = AN_DRIFT_TESTS_BOTH;
    assert_answer(&s, AN_SCOPE_LINE, AN_ANSWER_CAMPAIGN, "");
}

static void the_policy_says_how_many_and_when(void **state)
{
    (void)state;
    static const char *const closed = "Mon-Sun 00:00-00:01";
    static const an_campaign running = {.id = 7, .state = AN_CAMPAIGN_RUNNING};
    for (int i = 0; i < 7; i++) {
        scene s;
        an_triage t;
        scene_make(&s, 10, 1);
        report(&s, 0, "l1", "adwin", "score");
        if (i == 0)
            s.policy.drift_quorum = 2;
        else if (i == 1)
            s.policy.drift_share = 0.2;
        else if (i == 2)
            s.policy.drift_gather_ms = 15 * MINUTE;
        else if (i == 3)
            s.in.campaign_ms = NOW - 59 * MINUTE;
        else if (i == 4)
            snprintf(s.policy.drift_hours, sizeof s.policy.drift_hours, "%s", closed);
        else if (i == 5)
            s.in.open = &running;
        else
            s.policy.drift_automatic = false;
        static const char *const words[] = {
            "1 of at least 2 sites", "1 of at least 2 sites", "being gathered",       "drift.cooldown",
            "drift.hours",           "campaign 7 is open",    "trains on what is new"};
        assert_answer(&s, AN_SCOPE_LINE, i == 6 ? AN_ANSWER_ASK : AN_ANSWER_NOTHING, words[i]);
        assert_int_equal(an_drift_triage(&s.in, &t), AN_OK);
        if (i == 2)
            assert_int_equal(t.again_ms, NOW + 5 * MINUTE);
        if (i == 3)
            assert_int_equal(t.again_ms, NOW + MINUTE);
        if (i == 4)
            assert_true(t.again_ms > NOW && t.again_ms <= NOW + 24 * 60 * MINUTE);
        an_triage_done(&t);
    }
}

static void a_sensor_alone_may_be_left_to_a_person(void **state)
{
    (void)state;
    scene s;
    scene_make(&s, 4, 1);
    s.policy.drift_ask_sensor = true;
    report(&s, 0, "l1", "psi", "temp");
    assert_answer(&s, AN_SCOPE_SENSOR, AN_ANSWER_ASK, "");
    report(&s, 0, "l1", "psi", "flow");
    assert_answer(&s, AN_SCOPE_LINE, AN_ANSWER_CAMPAIGN, "");
}

static void too_few_sites_for_a_round_adapt_their_overlays(void **state)
{
    (void)state;
    scene s;
    scene_make(&s, 4, 1);
    report(&s, 0, "l1", "adwin", "score");
    assert_answer(&s, AN_SCOPE_LINE, AN_ANSWER_CAMPAIGN, "a round needs more sites than drift");
    s.policy.drift_few = AN_DRIFT_FEW_OVERLAY;
    assert_answer(&s, AN_SCOPE_LINE, AN_ANSWER_OVERLAY, "1 site drifts and 4 run the model; a round needs 3");
    report(&s, 1, "l1", "adwin", "score");
    report(&s, 2, "l1", "adwin", "score");
    assert_answer(&s, AN_SCOPE_SITES, AN_ANSWER_CAMPAIGN, "3 sites train on what is new");
    scene_make(&s, 2, 1);
    report(&s, 0, "l1", "adwin", "score");
    assert_answer(&s, AN_SCOPE_LINE, AN_ANSWER_OVERLAY, "2 run the model");
}

static void the_evidence_names_who_what_and_how_far(void **state)
{
    (void)state;
    scene s;
    an_triage t;
    scene_make(&s, 4, 1);
    report(&s, 2, "l1", "psi", "temp")->effect = 1.5;
    assert_int_equal(an_drift_triage(&s.in, &t), AN_OK);
    assert_string_equal(t.evidence.text,
                        "drift of one sensor, 1 of 4 lines: s2/l1 (psi of temp 1.5 over 1, since "
                        "2026-05-28T20:06:40.000Z)");
    an_triage_done(&t);
}

static void a_weak_report_of_one_line_of_many_waits_for_company(void **state)
{
    (void)state;
    scene s;
    scene_make(&s, 50, 1);
    s.policy.drift_false_month = 4;
    report(&s, 0, "l1", "adwin", "score")->effect = 1;
    assert_answer(&s, AN_SCOPE_LINE, AN_ANSWER_NOTHING, "could be chance: among 50 lines");
    an_triage t;
    assert_int_equal(an_drift_triage(&s.in, &t), AN_OK);
    assert_non_null(strstr(t.evidence.text, "reports that could be chance, 1 of 50 lines: s0/l1"));
    an_triage_done(&t);
    report(&s, 0, "l1", "adwin", "score")->effect = 4; /* strong enough alone */
    assert_answer(&s, AN_SCOPE_LINE, AN_ANSWER_CAMPAIGN, "");
    scene_make(&s, 50, 1);
    s.policy.drift_false_month = 400;
    for (size_t i = 0; i < 4; i++)
        report(&s, i, "l1", "adwin", "score")->effect = 1;
    const an_drift_chance c = an_drift_chance_of(&s.policy, 50, 1);
    assert_in_range(c.together, 4, 5); /* p is about .035, and .555 * 3 / 50 about .033 */
    if (c.together == 5)
        report(&s, 4, "l1", "adwin", "score")->effect = 1;
    assert_answer(&s, AN_SCOPE_SITES, AN_ANSWER_CAMPAIGN, "");
}

/* Time to the next event of a process with so many in a millisecond. */
static double wait_of(an_rng *r, double rate)
{
    return -log(1 - an_rng_unit(r)) / rate;
}

/* A fleet without drift: each line reports once in drift.run rows, and every report is as strong as the tail says.
 * Returns the campaigns of `months`. */
static unsigned false_campaigns(scene *s, an_rng *r, unsigned months)
{
    const double rate = (double)s->in.n_lines / s->policy.drift_run / 1000;
    const double tail = 1.5 * log(10000 / 512.0 + 1);
    unsigned n = 0;
    const double end = (double)months * (double)AN_MONTH_MS;
    s->in.campaign_ms = 0;
    s->in.n_alerts = 0;
    for (double t = wait_of(r, rate); t < end; t += wait_of(r, rate)) {
        size_t kept = 0;
        an_triage triage;
        s->in.now_ms = NOW + (int64_t)t;
        for (size_t i = 0; i < s->in.n_alerts; i++)
            if (an_drift_counts(&s->in, &s->alerts[i]))
                s->alerts[kept++] = s->alerts[i];
        s->in.n_alerts = kept;
        an_drift_entry *d =
            report(s, (size_t)an_rng_below(r, (uint32_t)s->in.n_lines), "l1", "adwin", "score");
        d->time_ms = d->since_ms = s->in.now_ms;
        d->effect = 1 - log(1 - an_rng_unit(r)) / tail;
        assert_int_equal(an_drift_triage(&s->in, &triage), AN_OK);
        if (triage.answer == AN_ANSWER_CAMPAIGN) {
            n++;
            s->in.n_alerts = 0;
            s->in.campaign_ms = s->in.now_ms;
        }
        an_triage_done(&triage);
    }
    return n;
}

static void a_fleet_without_drift_has_no_more_campaigns_than_the_policy_allows(void **state)
{
    (void)state;
    static const size_t fleets[] = {1, 4, 12, 50};
    an_rng r;
    an_rng_init(&r, 5, 0);
    for (size_t i = 0; i < sizeof fleets / sizeof *fleets; i++) {
        const unsigned months = fleets[i] < 10 ? 30 : 8;
        scene s;
        scene_make(&s, fleets[i], 1);
        s.policy.min_cohort = 1;
        const unsigned free = false_campaigns(&s, &r, months);
        const an_drift_chance without = an_drift_chance_of(&s.policy, fleets[i], 1);
        s.policy.drift_false_month = 4;
        const an_drift_chance with = an_drift_chance_of(&s.policy, fleets[i], 1);
        const unsigned held = false_campaigns(&s, &r, months);
        print_message(
            "%zu lines: %.1f reports a month; campaigns a month without control %.1f (expected at most "
            "%.1f), with %.2f (at most %.1f)\n",
            fleets[i], with.reports, (double)free / months, without.campaigns, (double)held / months,
            with.campaigns);
        assert_true((double)free / months <= 1.1 * without.campaigns);
        assert_true((double)held / months <= with.campaigns + 3 * sqrt(with.campaigns / months));
        assert_true(with.campaigns <= 4);
    }
}

static void a_bound_after_few_events_is_the_known_one(void **state)
{
    (void)state;
    /* Exact limits of Garwood (1936): chi-square(0.95, 2k + 2) / 2. */
    assert_true(fabs(an_drift_poisson_max(0, 0.95) - 2.9957) < 1e-3);
    assert_true(fabs(an_drift_poisson_max(1, 0.95) - 4.7439) < 1e-3);
    assert_true(fabs(an_drift_poisson_max(5, 0.95) - 10.5130) < 1e-3);
}

static void what_has_come_of_drift_is_counted_since_there_is_a_production(void **state)
{
    (void)state;
    const int64_t day = 24 * 60 * MINUTE;
    an_campaign c[5] = {
        {.state = AN_CAMPAIGN_PROMOTED, .ended_ms = NOW - 30 * day, .cause = "person"},
        {.state = AN_CAMPAIGN_PROMOTED, .cause = "drift"},
        {.state = AN_CAMPAIGN_STOPPED, .cause = "drift", .reason = "no gain: none of 4 sites"},
        {.state = AN_CAMPAIGN_STOPPED, .cause = "drift", .reason = "possible fault, not drift"},
        {.state = AN_CAMPAIGN_RUNNING, .cause = "drift"}};
    for (size_t i = 0; i < 5; i++) {
        snprintf(c[i].model, sizeof c[i].model, "pump");
        c[i].opened_ms = NOW - (int64_t)(20 - i) * day;
    }
    scene s;
    scene_make(&s, 4, 1);
    report(&s, 0, "l1", "psi", "temp");
    report(&s, 0, "l1", "psi", "temp")->sign = -1;
    report(&s, 0, "l1", "psi", "temp")->time_ms = NOW - 40 * day;
    an_state st = {.campaigns = {c, 5, 5}, .drifts = {s.alerts, s.in.n_alerts, s.in.n_alerts}};
    const an_drift_seen seen = an_drift_observed(&st, "pump", NOW);
    assert_true(fabs(seen.days - 30) < 1e-9);
    assert_int_equal(seen.reports, 1);
    assert_int_equal(seen.campaigns, 4);
    assert_int_equal(seen.promoted, 1);
    assert_int_equal(seen.no_gain, 1);
    assert_int_equal(seen.faults, 1);
    assert_true(fabs(seen.false_month - 1) < 1e-9);
    assert_true(fabs(seen.false_month_max - 4.7439) < 1e-3);
    assert_true(an_drift_observed(&st, "press", NOW).days == 0);
}

/* ---- a large fleet ---- */

#define FLEET_LINES 16

typedef struct fleet {
    scene s;
    char (*sites)[24];
    an_triage_line *lines;
    an_drift_entry *alerts;
} fleet;

/* Every line of so many sites has reported. */
static void fleet_make(fleet *f, size_t sites)
{
    static const char *const names[FLEET_LINES] = {"l0", "l1", "l2",  "l3",  "l4",  "l5",  "l6",  "l7",
                                                   "l8", "l9", "l10", "l11", "l12", "l13", "l14", "l15"};
    const size_t n = sites * FLEET_LINES;
    scene_make(&f->s, 0, 0);
    f->sites = an_alloc(sites, sizeof *f->sites);
    f->lines = an_alloc(n, sizeof *f->lines);
    f->alerts = an_alloc(n, sizeof *f->alerts);
    assert_true(f->sites && f->lines && f->alerts);
    for (size_t i = 0; i < sites; i++)
        snprintf(f->sites[i], sizeof f->sites[i], "s%zu", i);
    for (size_t i = 0; i < n; i++) { /* all first lines come first */
        const size_t site = i % sites;
        f->lines[i] = (an_triage_line){f->sites[site], names[i / sites]};
        f->s.in.n_alerts = 0;
        f->alerts[i] = *report(&f->s, site, names[i / sites], "psi", "temp");
    }
    f->s.in.lines = f->lines;
    f->s.in.alerts = f->alerts;
    f->s.in.n_lines = f->s.in.n_alerts = n;
}

static void fleet_done(fleet *f)
{
    an_free(f->sites);
    an_free(f->lines);
    an_free(f->alerts);
}

/* Seconds of the processor, of the fastest of three. */
static double time_of(size_t sites)
{
    fleet f;
    double least = 0;
    fleet_make(&f, sites);
    for (int i = 0; i < 3; i++) {
        an_triage t;
        const clock_t from = clock();
        assert_int_equal(an_drift_triage(&f.s.in, &t), AN_OK);
        const double took = (double)(clock() - from) / CLOCKS_PER_SEC;
        least = i == 0 || took < least ? took : least;
        assert_int_equal(t.scope, AN_SCOPE_FLEET);
        assert_int_equal(t.n, sites * FLEET_LINES);
        assert_int_equal(t.proven_sites, sites);
        assert_int_equal(t.ripe_sites, sites);
        assert_int_equal(t.n_sites, sites);
        an_triage_done(&t);
    }
    fleet_done(&f);
    return least;
}

static void four_times_the_fleet_takes_about_four_times_as_long(void **state)
{
    (void)state;
    const double small = time_of(250), large = time_of(1000);
    print_message("4000 lines %.1f ms, 16000 lines %.1f ms\n", 1000 * small, 1000 * large);
    assert_true(large < 9 * small); /* by pairs it would be sixteen */
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    scene s;
    an_triage t;
    an_err err;
    size_t n = 0, live = an_mem_live();
    scene_make(&s, 4, 1);
    report(&s, 0, "l1", "psi", "temp");
    do {
        an_mem_fail_after(n++);
        err = an_drift_triage(&s.in, &t);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        if (err == AN_OK)
            an_triage_done(&t);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_int_equal(n, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_drift_is_seen_gives_its_scope),
        cmocka_unit_test(what_does_not_count_is_not_counted),
        cmocka_unit_test(a_site_makes_the_fleet_no_larger_than_it_is),
        cmocka_unit_test(the_policy_says_which_tests_count),
        cmocka_unit_test(the_policy_says_how_many_and_when),
        cmocka_unit_test(a_sensor_alone_may_be_left_to_a_person),
        cmocka_unit_test(too_few_sites_for_a_round_adapt_their_overlays),
        cmocka_unit_test(the_evidence_names_who_what_and_how_far),
        cmocka_unit_test(a_weak_report_of_one_line_of_many_waits_for_company),
        cmocka_unit_test(a_fleet_without_drift_has_no_more_campaigns_than_the_policy_allows),
        cmocka_unit_test(a_bound_after_few_events_is_the_known_one),
        cmocka_unit_test(what_has_come_of_drift_is_counted_since_there_is_a_production),
        cmocka_unit_test(four_times_the_fleet_takes_about_four_times_as_long),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
