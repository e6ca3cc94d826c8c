/* Rules as people write them: what is read, and what is wrong, with its place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rules.h"
#include "base/mem.h"

static const char *const sensors[] = {"flow", "bearing_temperature", "speed"};
static const char *const units[] = {"m3/h", "degC", "1/min"};
static const char *const lines[] = {"line-1", "line-2"};

/* The errors of reading, and if there are none those of binding. */
static an_err load(const char *text, an_line_rules *ret, an_note *why)
{
    const an_rulebook_at at = {.sensors = sensors, .units = units, .width = 3, .lines = lines, .n_lines = 2};
    an_yaml *doc = NULL;
    an_rulebook *book = NULL;
    an_err err = an_yaml_parse(text, strlen(text), "s.yaml", &doc, why);
    if (err == AN_OK)
        err = an_line_rules_read(an_node_get(an_yaml_root(doc), "rules"), ret, why);
    if (err == AN_OK && (err = an_rulebook_new(ret, &at, &book, why)) != AN_OK)
        an_line_rules_done(ret);
    an_rulebook_free(book);
    an_yaml_free(doc);
    return err;
}

static void a_rule_with_all_kinds_of_conditions_is_read(void **state)
{
    (void)state;
    an_line_rules r;
    an_note why = {{0}};
    const char text[] =
        "rules:\n"
        "  - name: hot.dry-run\n"
        "    effect: escalate\n"
        "    severity: critical\n"
        "    for: 5s\n"
        "    clear_for: 1m\n"
        "    message: Runs dry.\n"
        "    when:\n"
        "      all:\n"
        "        - {sensor: bearing_temperature, above: 80, unit: degC, hysteresis: 2, for: 10s}\n"
        "        - any:\n"
        "            - {sensor: flow, below: -1.5}\n"
        "            - {sensor: flow, rate_below: -0.5, over: 30s}\n"
        "            - {sensor: speed, outside: [900, 1100]}\n"
        "            - not: {sensor: speed, quality: bad}\n"
        "            - {score_above: 1.5, line: line-2}\n"
        "            - {alarm: open}\n"
        "  - {name: other, when: {sensor: speed, rate_above: 3, over: 500ms}}\n";
    if (load(text, &r, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(r.n, 2);
    const an_line_rule *rule = &r.items[0];
    assert_string_equal(rule->name, "hot.dry-run");
    assert_int_equal(rule->effect, AN_RULE_ESCALATE);
    assert_int_equal(rule->severity, AN_SEVERITY_CRITICAL);
    assert_int_equal(rule->for_ms, 5000);
    assert_int_equal(rule->clear_ms, 60000);
    assert_string_equal(rule->message, "Runs dry.");
    assert_int_equal(rule->n, 10);
    static const an_cond_kind kinds[] = {AN_COND_ALL,         AN_COND_ABOVE,     AN_COND_ANY, AN_COND_BELOW,
                                         AN_COND_RATE_BELOW,  AN_COND_OUTSIDE,   AN_COND_NOT, AN_COND_FAULT,
                                         AN_COND_SCORE_ABOVE, AN_COND_ALARM_OPEN};
    static const size_t ends[] = {10, 2, 10, 4, 5, 6, 8, 8, 9, 10};
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(rule->conds[i].kind, kinds[i]);
        assert_int_equal(rule->conds[i].end, ends[i]);
    }
    assert_true(rule->conds[1].high > 79.9 && rule->conds[1].hysteresis > 1.9 &&
                rule->conds[1].for_ms == 10000);
    assert_int_equal(rule->conds[4].over_ms, 30000);
    assert_int_equal(rule->conds[7].faults, 7);
    assert_string_equal(rule->conds[8].name, "line-2");
    assert_int_equal(r.items[1].effect, AN_RULE_RAISE);
    assert_int_equal(r.items[1].severity, AN_SEVERITY_HIGH);
    an_line_rules_done(&r);
}

static void no_rules_are_no_rules(void **state)
{
    (void)state;
    an_line_rules r;
    assert_int_equal(load("rules:\n", &r, NULL), AN_OK);
    assert_int_equal(r.n, 0);
    assert_int_equal(load("rules: []\n", &r, NULL), AN_OK);
    assert_int_equal(r.n, 0);
    an_line_rules_done(&r);
}

#define R(when) "rules:\n  - name: a\n    when: " when "\n"
#define DEEP(x) "{not: {not: {not: {not: {not: {not: {not: {not: " x "}}}}}}}}"
static const struct {
    const char *text, *place, *words;
} wrong[] = {
    {"rules: 7", "s.yaml:1:8", "a list of at most 64"},
    {"rules: [{when: {sensor: flow, above: 1}}]", "s.yaml:1:9", "\"name\" is missing"},
    {"rules: [{name: a}]", "s.yaml:1:9", "\"when\" is missing"},
    {"rules: [{name: a b, when: {sensor: flow, above: 1}}]", "s.yaml:1:16", "name: at most 47"},
    {"rules: [{name: a, when: 7}]", "s.yaml:1:25", "when"},
    {"rules: [{name: a, colour: red, when: {sensor: flow, above: 1}}]", "s.yaml:1:19",
     "unknown key \"colour\""},
    {"rules: [{name: a, effect: ring, when: {sensor: flow, above: 1}}]", "s.yaml:1:27",
     "none of raise, veto"},
    {"rules: [{name: a, severity: loud, when: {sensor: flow, above: 1}}]", "s.yaml:1:29", "critical"},
    {"rules: [{name: a, effect: veto, severity: low, when: {sensor: flow, above: 1}}]", "s.yaml:1:43",
     "a veto has none"},
    {"rules: [{name: a, for: soon, when: {sensor: flow, above: 1}}]", "s.yaml:1:24", "a time such as"},
    {"rules: [{name: a, for: 8d, when: {sensor: flow, above: 1}}]", "s.yaml:1:24", "to 7d"},
    {"rules:\n- {name: a, when: {sensor: flow, above: 1}}\n- {name: a, when: {sensor: flow, above: 1}}",
     "s.yaml:3:10", "already"},
    {R("{}"), "s.yaml:3:11", "a condition needs one of"},
    {R("{all: {sensor: flow, above: 1}}"), "s.yaml:3:17", "all: a list of conditions"},
    {R("{any: []}"), "s.yaml:3:17", "any: a list of conditions"},
    {R("{not: [1]}"), "s.yaml:3:17", "a condition is a map"},
    {R("{sensor: flow, above: 1, below: 0}"), "s.yaml:3:11", "one of \"above\" and \"below\""},
    {R("{sensor: flow, above: high}"), "s.yaml:3:33", "above"},
    {R("{sensor: flow, above: .inf}"), "s.yaml:3:33", "above"},
    {R("{above: 1}"), "s.yaml:3:11", "\"sensor\" is missing"},
    {R("{sensor: flow, above: 1, over: 3s}"), "s.yaml:3:36", "unknown key \"over\""},
    {R("{sensor: flow, above: 1, hysteresis: -1}"), "s.yaml:3:48", "hysteresis"},
    {R("{sensor: flow, outside: [3]}"), "s.yaml:3:35", "two values"},
    {R("{sensor: flow, outside: [3, 3]}"), "s.yaml:3:35", "the lower value comes first"},
    {R("{sensor: flow, rate_above: 3}"), "s.yaml:3:11", "\"over\" is missing"},
    {R("{sensor: flow, rate_above: 3, over: 1ms}"), "s.yaml:3:47", "from 10ms"},
    {R("{sensor: flow, quality: odd}"), "s.yaml:3:35", "missing, stuck, range"},
    {R("{alarm: closed}"), "s.yaml:3:19", "alarm: open"},
    {R("{fused: [press-1]}"), "s.yaml:3:11", "a list of 2 to 16 lines"},
    {R("{fused: [press-1, press-1]}"), "s.yaml:3:29", "stands there twice"},
    {R("{fused: [press-1, press-2], by: luck}"), "s.yaml:3:43", "by: fisher, mean or max"},
    {R("{fused: [press-1, press-2], far: 2}"), "s.yaml:3:44", "far"},
    {R("{score_above: 1, sensor: flow}"), "s.yaml:3:28", "unknown key \"sensor\""},
    {R(DEEP("{not: {sensor: flow, above: 1}}")), "s.yaml:3:", "at most 8 deep"},
    {R("{sensor: bearing_temprature, above: 1}"), "s.yaml:3:11", "the nearest is \"bearing_temperature\""},
    {R("{sensor: Flow, above: 1}"), "s.yaml:3:11", "the nearest is \"flow\""},
    {R("{sensor: flow, above: 1, unit: l/s}"), "s.yaml:3:11", "is in \"m3/h\", not in \"l/s\""},
    {R("{alarm: open, line: lin-2}"), "s.yaml:3:11", "the nearest is \"line-2\""},
};

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    const size_t live = an_mem_live();
    bool bad = false;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_line_rules r;
        an_note why = {{0}};
        an_err err = load(wrong[i].text, &r, &why);
        if (err != AN_ERR_INVAL || strncmp(why.text, wrong[i].place, strlen(wrong[i].place)) != 0 ||
            !strstr(why.text, wrong[i].words))
            print_error("%s\nsays: %s\n", wrong[i].text, why.text), bad = true;
        assert_int_equal(an_mem_live(), live);
    }
    assert_false(bad);
}

static void counts_are_bounded(void **state)
{
    (void)state;
    static char text[64 * 1024];
    an_line_rules r;
    an_note why = {{0}};
    size_t len = (size_t)snprintf(text, sizeof text, "rules:\n  - name: a\n    when:\n      all:\n");
    for (int i = 0; i < 64; i++) /* and the group is one */
        len += (size_t)snprintf(text + len, sizeof text - len, "        - {sensor: flow, above: %d}\n", i);
    assert_int_equal(load(text, &r, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "s.yaml:68:11"));
    assert_non_null(strstr(why.text, "a rule has 64 conditions"));
    len = (size_t)snprintf(text, sizeof text, "rules:\n");
    for (int i = 0; i < 65; i++)
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "  - {name: r%d, when: {sensor: flow, rate_above: 1, over: 1s}}\n", i);
    assert_int_equal(load(text, &r, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "a list of at most 64"));
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    const char text[] = R("{any: [{sensor: flow, rate_above: 1, over: 1s}, {alarm: open}]}");
    const size_t live = an_mem_live();
    an_err err;
    size_t n = 0;
    do {
        an_line_rules r = {.n = 0};
        an_mem_fail_after(n++);
        err = load(text, &r, NULL);
        an_mem_fail_never();
        if (err == AN_OK)
            an_line_rules_done(&r);
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    } while (err);
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_with_all_kinds_of_conditions_is_read),
        cmocka_unit_test(no_rules_are_no_rules),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
