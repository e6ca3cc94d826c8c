/* How people enable the write-back: proofs that hold once, for a minute, for one name; what a configuration may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/writeback_ask.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "doors/yaml.h"
#include "tests/support/folder.h"

#define NOW INT64_C(1773014400000)

typedef struct fixture {
    char dir[AN_PATH_MAX], keys[2][AN_PATH_MAX];
    an_wb_conf conf;
    an_wb_asks asks;
    an_note why;
} fixture;

static int setup(void **state)
{
    static const char *const names[] = {"anna", "ben"};
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    f->conf.n_persons = 2;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(an_path_join(f->keys[i], f->dir, names[i]), AN_OK);
        assert_int_equal(an_file_write(f->keys[i], names[i], strlen(names[i]), 0600, NULL), AN_OK);
        snprintf(f->conf.persons[i].name, AN_NAME_MAX, "%s", names[i]);
        f->conf.persons[i].key_file = f->keys[i];
    }
    f->asks = (an_wb_asks){.conf = &f->conf, .dir = f->dir, .site = "plant-a", .started_ms = NOW};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static an_err take(fixture *f, int64_t now_ms, const char *by, bool enable)
{
    char got[AN_NAME_MAX] = "";
    bool is_enable = !enable;
    an_err err = an_wb_take(&f->asks, now_ms, got, &is_enable, &f->why);
    if (err == AN_OK) {
        assert_string_equal(got, by);
        assert_int_equal(is_enable, enable);
    }
    return err;
}

static void leave(fixture *f, const char *site, const char *by, const char *key, int64_t at_ms)
{
    assert_int_equal(an_wb_leave(f->dir, site, by, key, at_ms, &f->why), AN_OK);
}

static void a_proof_holds_once_for_a_minute_for_one_name(void **state)
{
    fixture *f = *state;
    assert_int_equal(take(f, NOW, "", true), AN_ERR_NOTFOUND);
    leave(f, "plant-a", "anna", f->keys[0], NOW + 1);
    assert_int_equal(take(f, NOW + 60001, "anna", true), AN_OK);
    assert_int_equal(take(f, NOW + 60001, "", true), AN_ERR_NOTFOUND); /* it was taken away */
    leave(f, "plant-a", "anna", f->keys[0], NOW + 1);                  /* the same again */
    assert_int_equal(take(f, NOW + 2, "anna", true), AN_ERR_AUTH);
    leave(f, "plant-a", "ben", f->keys[1], NOW + 1);
    assert_int_equal(take(f, NOW + 60002, "ben", true), AN_ERR_AUTH); /* too old */
    leave(f, "plant-a", "ben", f->keys[1], NOW + 60002);
    assert_int_equal(take(f, NOW + 1, "ben", true), AN_ERR_AUTH); /* of the future */
    leave(f, "plant-a", "ben", f->keys[1], NOW - 1);
    assert_int_equal(take(f, NOW, "ben", true), AN_ERR_AUTH); /* before the start */
    leave(f, "plant-a", "ben", f->keys[0], NOW + 5);
    assert_int_equal(take(f, NOW + 5, "ben", true), AN_ERR_AUTH); /* anna's secret */
    leave(f, "plant-b", "ben", f->keys[1], NOW + 5);
    assert_int_equal(take(f, NOW + 5, "ben", true), AN_ERR_AUTH); /* of another site */
    leave(f, "plant-a", "carl", f->keys[1], NOW + 5);
    assert_int_equal(take(f, NOW + 5, "carl", true), AN_ERR_AUTH);
    leave(f, "plant-a", "ben", f->keys[1], NOW + 5);
    assert_int_equal(take(f, NOW + 5, "ben", true), AN_OK);
}

static void ending_needs_no_proof(void **state)
{
    fixture *f = *state;
    leave(f, "plant-a", "carl", NULL, NOW - 100000);
    assert_int_equal(take(f, NOW, "carl", false), AN_OK);
}

static void what_is_no_request_is_taken_away(void **state)
{
    fixture *f = *state;
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "{\"do\":\"enable\"}",
                                        "{\"do\":\"x\",\"by\":\"a\",\"time_ms\":1}",
                                        "{\"do\":\"end\",\"by\":\"a/b\",\"time_ms\":1}"};
    char folder[AN_PATH_MAX], path[AN_PATH_MAX];
    assert_int_equal(an_path_join(folder, f->dir, "writeback"), AN_OK);
    assert_int_equal(an_dir_make(folder, NULL), AN_OK);
    assert_int_equal(an_path_join(path, folder, "1.json"), AN_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(an_file_write(path, wrong[i], strlen(wrong[i]), 0640, NULL), AN_OK);
        assert_int_equal(take(f, NOW, "", true), AN_ERR_PROTO);
        assert_false(an_file_exists(path));
    }
}

/* ---- the configuration ---- */

#define TOP "device: '10.0.0.7:502', heartbeat: 100, sequence: 101"
#define PEOPLE ", people: [{name: anna, key_file: a}, {name: ben, key_file: b}]"
#define TARGET "{name: t, line: press, table: holding, address: 102, max: 2, unknown: 0, good: 1, bad: 2}"

static void what_may_be_written_is_said_exactly(void **state)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"{" TOP PEOPLE ", targets: [" TARGET "]}", ""},
        {"{" TOP ", people: [{name: anna, key_file: a}], targets: [" TARGET "]}", "2 to 16 people"},
        {"{" TOP ", people: [{name: anna, key_file: a}, {name: anna, key_file: b}], targets: [" TARGET "]}",
         "of its own"},
        {"{" TOP ", people: [{name: anna, key_file: a}, {name: ben, key_file: a}], targets: [" TARGET "]}",
         "of its own"},
        {"{" TOP PEOPLE ", targets: []}", "1 to 32 targets"},
        {"{" TOP PEOPLE ", targets: [" TARGET ", " TARGET "]}", "another purpose"},
        {"{" TOP PEOPLE
         ", targets: [{name: t, line: press, table: holding, address: 100, max: 2, unknown: 0, good: 1,"
         " bad: 2}]}",
         "another purpose"},
        {"{" TOP PEOPLE
         ", targets: [{name: t, line: press, table: holding, address: 9, max: 2, unknown: 1, good: 1,"
         " bad: 2}]}",
         "must not look like good"},
        {"{" TOP PEOPLE
         ", targets: [{name: t, line: press, table: holding, address: 9, max: 2, unknown: 0, good: 1,"
         " bad: 3}]}",
         "between min and max"},
        {"{" TOP PEOPLE
         ", targets: [{name: t, line: press, table: coil, address: 9, max: 2, unknown: 0, good: 1,"
         " bad: 2}]}",
         "of a coil: 0 and 1"},
        {"{" TOP PEOPLE
         ", targets: [{name: t, line: press, table: input, address: 9, max: 2, unknown: 0, good: 1,"
         " bad: 2}]}",
         "table: coil or holding"},
        {"{" TOP PEOPLE ", remote: true, targets: [" TARGET "]}", "no such option"},
        {"{device: plc, heartbeat: 1, sequence: 2" PEOPLE ", targets: [" TARGET "]}", "HOST:PORT"},
        {"{device: 'a:1', heartbeat: 1, sequence: 1" PEOPLE ", targets: [" TARGET "]}", "two registers"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_yaml *doc = NULL;
        an_wb_conf c;
        an_note why = {{0}};
        assert_int_equal(an_yaml_parse(cases[i].yaml, strlen(cases[i].yaml), "test", &doc, &why), AN_OK);
        an_err err = an_wb_conf_read(an_yaml_root(doc), &c, NULL, NULL, &why);
        if (cases[i].says[0] ? err != AN_ERR_INVAL || c.there || !strstr(why.text, cases[i].says)
                             : err != AN_OK)
            fail_msg("%s: %s", cases[i].yaml, why.text);
        if (err == AN_OK)
            assert_true(c.there && c.dry_run && c.n == 1); /* it is dry unless it is said otherwise */
        an_yaml_free(doc);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_proof_holds_once_for_a_minute_for_one_name),
        T(ending_needs_no_proof),
        T(what_is_no_request_is_taken_away),
        cmocka_unit_test(what_may_be_written_is_said_exactly),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
