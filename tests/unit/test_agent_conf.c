/* The site's configuration: what is wrong is said with its place, before anything is opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/conf.h"
#include "base/mem.h"

static an_err parse(const char *text, an_agent_conf *ret, an_note *why)
{
    return an_agent_conf_parse(text, strlen(text), "s.yaml", ret, why);
}

static const char good[] =
    "site: plant-b\n"
    "data: /tmp/x\n"
    "threads: 2\n"
    "lines:\n"
    "  - name: pump-1\n"
    "    model: pump\n"
    "    window: 8\n"
    "    source: {type: sim, line: pump, seed: 3}\n"
    "    failure_modes: declared\n"
    "    alarm: {k: 2, n: 4, cooldown: 5s}\n"
    "    personalise: {scale: site, tune_epochs: 3, lr: 0.01}\n"
    "    threshold: target_far:0.01\n"
    "  - name: press-1\n"
    "    model: press\n"
    "    source: {type: csv, path: /nowhere/at/all.csv}\n"
    "    sensors: [a, b]\n"
    "    advice:\n"
    "      {version: v, known: k, inputs: {a: {low: 0, high: 1, step: 1}}, caps: [{version: w, most: 1}]}\n"
    "    failure_modes:\n"
    "      - name: leak\n"
    "        parts: [{sensor: a, sigmas: -3}, {sensor: b, sigmas: 2}]\n"
    "policy: {min_cohort: 4, allow: {trusted: no}}\n";

static void a_whole_configuration_is_read(void **state)
{
    (void)state;
    an_agent_conf c;
    an_note why = {{0}};
    assert_int_equal(parse(good, &c, &why), AN_OK);
    assert_string_equal(c.site, "plant-b");
    assert_int_equal(c.n_lines, 2);
    assert_int_equal(c.policy.min_cohort, 4);
    assert_false(c.policy.allow_trusted);
    assert_true(c.lines[0].n_modes > 0);
    assert_int_equal(c.lines[1].n_modes, 1);
    assert_int_equal(c.lines[1].modes[0].n, 2);
    assert_true(c.lines[1].modes[0].part[0].sigmas < -2.9);
    an_agent_conf_done(&c);
}

static void options_reach_their_users(void **state)
{
    (void)state;
    an_agent_conf c;
    assert_int_equal(parse(good, &c, NULL), AN_OK);
    const an_alarm_conf alarm = an_agent_line_alarm(&c.lines[0]);
    assert_int_equal(alarm.k, 2);
    assert_int_equal(alarm.n, 4);
    assert_int_equal(alarm.cooldown_ms, 5000);
    const an_calibrate_opts o = an_agent_line_calibrate(&c.lines[0]);
    assert_true(o.site_scaler);
    assert_int_equal(o.tune_epochs, 3);
    assert_string_equal(o.policy, "target_far:0.01");
    assert_null(an_agent_line_calibrate(&c.lines[1]).policy);
    assert_int_equal(an_agent_line_context(&c.lines[0], 0), 8);
    assert_int_equal(an_agent_line_window(&c.lines[1], 0), 1);
    an_agent_conf_done(&c);
}

static const char camera[] = "site: a\nlines: [{name: cam, model: m%s, source: {type: images, path: /x}}]\n";

/* Parts come by once: what asks for several scores in a row would be about several parts. */
static void lines_of_images_have_defaults_of_their_own(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        unsigned k, n;
    } rows[] = {
        {"", 1, 1}, {", alarm: {k: 2}", 2, 2}, {", alarm: {n: 4}", 1, 4}, {", alarm: {k: 2, n: 3}", 2, 3}};
    char text[512];
    an_agent_conf c;
    an_note why = {{0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, camera, rows[i].more);
        assert_int_equal(parse(text, &c, &why), AN_OK);
        const an_alarm_conf alarm = an_agent_line_alarm(&c.lines[0]);
        assert_int_equal(alarm.k, rows[i].k);
        assert_int_equal(alarm.n, rows[i].n);
        assert_int_equal(an_agent_line_window(&c.lines[0], 48), 48);
        assert_int_equal(an_agent_line_context(&c.lines[0], 48), 48);
        an_agent_conf_done(&c);
    }
    snprintf(text, sizeof text, camera, ", alarm: {k: 3, n: 2}");
    assert_int_equal(parse(text, &c, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "k = 3 must not be above n = 2"));
}

#define LINE "site: a\nlines:\n  - name: l\n    model: m\n    source: {type: sim, line: pump}\n"

#define EVENTS "site: a\nlines:\n  - name: l\n    model: m\n    source: {type: sim, line: pump, events: ["

static const struct {
    const char *text, *place, *words;
} wrong[] = {
    {"lines: []", "s.yaml:1:", "\"site\" is missing"},
    {"site: a", "s.yaml:1:", "\"lines\" is missing"},
    {"site: a b\nlines: []", "s.yaml:1:7", "letters"},
    {"site: a\nlines: []", "s.yaml:2:", "1 to 16"},
    {"site: a\nlines: 3", "s.yaml:2:8", "lines"},
    {"site: a\ncolour: red\nlines: []", "s.yaml:2:9", "colour"},
    {"site: a\nthreads: 0\nlines: []", "s.yaml:2:10", "threads"},
    {"site: a\nlines:\n  - model: m\n    source: {type: sim, line: pump}",
     "s.yaml:3:", "\"name\" is missing"},
    {"site: a\nlines:\n  - name: l\n    model: m", "s.yaml:3:", "\"source\" is missing"},
    {"site: a\nlines:\n  - name: l\n    model: m\n    source: {type: profinet}", "s.yaml:5:20",
     "no source of type"},
    {"site: a\nlines:\n  - name: l\n    model: m\n    source: {type: sim}", "s.yaml:5:", "needs \"line\""},
    {"site: a\nlines:\n  - name: l\n    model: m\n    source: {type: sim, line: pump, sed: 1}",
     "s.yaml:5:", "sed"},
    {EVENTS "{name: leak, start: 9, length: 3, sise: 2}]}", "s.yaml:5:80:", "unknown key \"sise\""},
    {EVENTS "{name: leak, begin: 9}]}", "s.yaml:5:59:", "begin"},
    {EVENTS "{name: leak, start: soon}]}", "s.yaml:5:", "start"},
    {EVENTS "{name: locusts, start: 9, length: 3}]}", "s.yaml:5:", "knows no event"},
    {"site: a\nlines:\n  - name: l\n    model: m\n    source: {type: sim, line: lathe}",
     "s.yaml:5:", "lathe"},
    {LINE "    alarm: {k: 6, n: 5}", "s.yaml:6:12", "must not be above n"},
    {LINE "    alarm: {k: many}", "s.yaml:6:16", "alarm.k"},
    {LINE "    threshold: guess:1", "s.yaml:6:16", "threshold"},
    {LINE "    window: 8\n    pool: {window: 4}", "s.yaml:7:11", "pool.window"},
    {LINE "    wait_for_version: yes", "s.yaml:6:", "known_normal_rows"},
    {LINE "    personalise: {scale: moon}", "s.yaml:6:26", "personalise.scale"},
    {LINE "    failure_modes: some", "s.yaml:6:20", "declared"},
    {LINE "    failure_modes: [{name: x, parts: []}]", "s.yaml:6:21", "parts"},
    {LINE "    failure_modes: [{name: x, parts: [{sensor: s}]}]", "s.yaml:6:", "sigmas"},
    {LINE "    rules: [{name: hot}]", "s.yaml:6:13", "\"when\" is missing"},
    {LINE "    alarm: {severity: loud}", "s.yaml:6:23", "alarm.severity"},
    {LINE "    sensors: flow", "s.yaml:6:14", "list"},
    {LINE "  - name: l\n    model: m\n    source: {type: sim, line: pump}", "s.yaml:6:11", "already"},
    {LINE "    stream: l", "s.yaml:6:13", "not both"},
    {LINE "  - {name: k, model: m, stream: j}", "s.yaml:6:", "no line \"j\" stands above"},
    {LINE "  - {name: k, model: m, stream: k}", "s.yaml:6:", "no line \"k\" stands above"},
    {LINE "  - {name: k, model: m, stream: l}\n  - {name: j, model: m, stream: k}",
     "s.yaml:7:", "name \"l\""},
    {LINE "policy: {min_cohort: 0}", "s.yaml:6:22", "min_cohort"},
    {LINE "policy: {trust: no}", "s.yaml:6:17", "trust"},
    {"site: a\nlines: [", "s.yaml:", ""},
};

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_agent_conf c;
        an_note why = {{0}};
        const an_err err = parse(wrong[i].text, &c, &why);
        if ((err != AN_ERR_INVAL && err != AN_ERR_PROTO) || !strstr(why.text, wrong[i].place) ||
            !strstr(why.text, wrong[i].words))
            fail_msg("%s\ngave %s \"%s\", wanted \"%s\" and \"%s\"", wrong[i].text, an_err_name(err),
                     why.text, wrong[i].place, wrong[i].words);
    }
    assert_int_equal(an_mem_live(), 0);
}

static void declared_modes_want_the_simulator(void **state)
{
    (void)state;
    an_agent_conf c;
    an_note why = {{0}};
    assert_int_equal(parse("site: a\nlines:\n  - name: l\n    model: m\n    source: {type: csv, path: x}\n"
                           "    failure_modes: declared",
                           &c, &why),
                     AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "s.yaml:6:20"));
}

#define ADVICE(reach, inputs) "advice: {version: v, known: k, reach: " reach ", inputs: " inputs "}"
#define X "{x: {low: 0, high: 9, step: 1}}"

static void advice_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *advice, *error; /* NULL: it is right */
    } cases[] = {
        {ADVICE("less", X), NULL},
        {ADVICE("below, limit: 3", X), NULL},
        {ADVICE("below", X), "limit: is missing"},
        {ADVICE("more, limit: 3", X), "limit: belongs to"},
        {ADVICE("below, limit: .inf", X), "limit"},
        {ADVICE("best", X), "reach"},
        {ADVICE("less, every: 10ms", X), "every"},
        {ADVICE("less, write: yes", X), "write"},
        {ADVICE("less", "{}"), "inputs: must be"},
        {ADVICE("less", "[x]"), "inputs"},
        {ADVICE("less", "{x: {low: 2, high: 1, step: 1}}"), "high"},
        {ADVICE("less", "{x: {low: 0, high: 1, step: 0}}"), "above 0"},
        {ADVICE("less", "{x: {low: 0, high: 1}}"), "step"},
        {ADVICE("less", "{x: {low: 0, high: 1, step: 1, at: 3}}"), "at"},
        {ADVICE("less", X ", caps: {most: 3}"), "caps: must be"},
        {ADVICE("less", X ", caps: [{version: v}]"), "most"},
        {ADVICE("less", X ", caps: [{version: '', most: 3}]"), "must be a path"},
        {"advice: {known: k, inputs: " X "}", "\"version\" is missing"},
        {"advice: {version: v, inputs: " X "}", "\"known\" is missing"},
        {"advice: yes", "must be a mapping"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        an_agent_conf c;
        an_note why = {{0}};
        snprintf(text, sizeof text,
                 "site: a\nlines:\n- name: l\n  model: m\n  source: {type: csv, path: /x}\n  %s\n",
                 cases[i].advice);
        const an_err err = parse(text, &c, &why);
        if (cases[i].error && (err != AN_ERR_INVAL || !strstr(why.text, cases[i].error) ||
                               strncmp(why.text, "s.yaml:6:", 9) != 0))
            fail_msg("%s: %s", cases[i].advice, why.text);
        if (!cases[i].error && err != AN_OK)
            fail_msg("%s", why.text);
        if (!cases[i].error) {
            assert_int_equal(c.lines[0].advice->n_inputs, 1);
            assert_int_equal(c.lines[0].advice->every_ms, 10000);
            an_agent_conf_done(&c);
        }
    }
}

static void memory_that_runs_out_leaves_nothing_behind(void **state)
{
    (void)state;
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err != AN_OK; n++) {
        an_agent_conf c;
        const size_t live = an_mem_live();
        an_mem_fail_after(n);
        err = parse(good, &c, NULL);
        an_mem_fail_never();
        if (err == AN_OK)
            an_agent_conf_done(&c);
        else
            assert_int_equal(err, AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_configuration_is_read),
        cmocka_unit_test(options_reach_their_users),
        cmocka_unit_test(lines_of_images_have_defaults_of_their_own),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(declared_modes_want_the_simulator),
        cmocka_unit_test(advice_is_bounded),
        cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
