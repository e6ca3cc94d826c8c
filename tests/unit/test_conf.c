/* Option rows filled from YAML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "doors/conf.h"

typedef struct conf {
    int64_t sites;
    int64_t deadline_ms;
    char *sensors;
    bool live;
} conf;

static const an_opt rows[] = {
    AN_OPT_INT(conf, sites, "round.min_sites", 1, 1000, "3", "updates needed"),
    AN_OPT_MS(conf, deadline_ms, "round.wait.deadline", 1000, 86400000, "60s", "how long a round waits"),
    AN_OPT_TEXT(conf, sensors, "sensors", 0, 100, "", "names"),
    AN_OPT_BOOL(conf, live, "live", "true", "score live"),
};
#define N (sizeof rows / sizeof rows[0])

static an_err fill(conf *c, const char *text, an_note *why)
{
    an_yaml *doc = NULL;
    an_err err = an_opt_defaults(rows, N, c);
    if (err != AN_OK)
        return err;
    err = an_yaml_parse(text, strlen(text), "f", &doc, why);
    if (err == AN_OK)
        err = an_conf_from_node(rows, N, c, an_yaml_root(doc), why);
    an_yaml_free(doc);
    if (err != AN_OK)
        an_opt_done(rows, N, c);
    return err;
}

static const char good[] =
    "round:\n  min_sites: 5\n  wait: {deadline: 2m}\nsensors: [p1, \"p 2\"]\nlive: no\n";

static void nested_maps_give_dotted_keys_and_lists_are_joined(void **state)
{
    (void)state;
    conf c;
    assert_int_equal(fill(&c, good, NULL), AN_OK);
    assert_int_equal(c.sites, 5);
    assert_int_equal(c.deadline_ms, 120000);
    assert_string_equal(c.sensors, "p1,p 2");
    assert_false(c.live);
    an_opt_done(rows, N, &c);
    assert_int_equal(fill(&c, "sensors: []", NULL), AN_OK);
    assert_string_equal(c.sensors, "");
    assert_int_equal(c.sites, 3);
    an_opt_done(rows, N, &c);
}

static void a_wrong_file_is_told_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"round:\n  min_sites: 0\n", "f:2:14: round.min_sites = 0: must be 1..1000 (an integer)"},
        {"round:\n  max: 1\n", "f:2:8: round.max: unknown option"},
        {"live:\n", "f:1:1: live = : must be a text"},
        {"live: [yes]\n", "f:1:7: live: must be a single value"},
        {"nothing: [yes]\n", "f:1:10: nothing: unknown option"},
        {"sensors: [\"a,b\"]\n", "f:1:11: sensors: an item may not hold a comma"},
        {"sensors: [[a]]\n", "f:1:11: a list: must be a text"},
        {"- 1\n", "f:1:1: must be a map of options"},
    };
    size_t live = an_mem_live();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        conf c;
        an_note why = {{0}};
        assert_int_equal(fill(&c, wrong[i].text, &why), AN_ERR_INVAL);
        assert_string_equal(why.text, wrong[i].why);
    }
    assert_int_equal(an_mem_live(), live);
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        conf c;
        an_mem_fail_after(n++);
        err = fill(&c, good, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        if (err == AN_OK)
            an_opt_done(rows, N, &c);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_maps_give_dotted_keys_and_lists_are_joined),
        cmocka_unit_test(a_wrong_file_is_told_where),
        cmocka_unit_test(every_allocation_failure_is_survived),
    };
    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
