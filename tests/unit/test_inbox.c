/* Commands of people to a running agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/inbox.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/folder.h"

static int setup(void **state)
{
    static char dir[AN_PATH_MAX];
    an_test_folder_make(dir);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    an_test_folder_remove(*state);
    return 0;
}

static void commands_are_taken_once_in_their_order(void **state)
{
    const char *dir = *state;
    an_command c = {.line = "pump-1", .alarm = 7, .verdict = AN_VERDICT_FALSE};
    an_command got;
    assert_int_equal(an_inbox_take(dir, &got, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_inbox_put(dir, &c, 2000, NULL), AN_OK);
    c = (an_command){.line = "pump-2", .alarm = 1, .verdict = AN_VERDICT_TRUE};
    assert_int_equal(an_inbox_put(dir, &c, 1000, NULL), AN_OK);
    assert_int_equal(an_inbox_take(dir, &got, NULL), AN_OK);
    assert_string_equal(got.line, "pump-2");
    assert_int_equal(got.verdict, AN_VERDICT_TRUE);
    assert_int_equal(an_inbox_take(dir, &got, NULL), AN_OK);
    assert_string_equal(got.line, "pump-1");
    assert_int_equal(got.alarm, 7);
    assert_int_equal(got.verdict, AN_VERDICT_FALSE);
    assert_int_equal(an_inbox_take(dir, &got, NULL), AN_ERR_NOTFOUND);
    c = (an_command){.kind = AN_COMMAND_ROLLBACK, .line = "pump-1", .reason = "cries \"wolf\""};
    assert_int_equal(an_inbox_put(dir, &c, 3000, NULL), AN_OK);
    assert_int_equal(an_inbox_take(dir, &got, NULL), AN_OK);
    assert_int_equal(got.kind, AN_COMMAND_ROLLBACK);
    assert_string_equal(got.line, "pump-1");
    assert_string_equal(got.reason, c.reason);
    c = (an_command){.kind = AN_COMMAND_MISSED,
                     .line = "pump-2",
                     .reason = "seal burst at 4 o'clock",
                     .by = "otto",
                     .defect = "seal"};
    assert_int_equal(an_inbox_put(dir, &c, 3500, NULL), AN_OK);
    assert_int_equal(an_inbox_take(dir, &got, NULL), AN_OK);
    assert_int_equal(got.kind, AN_COMMAND_MISSED);
    assert_string_equal(got.line, "pump-2");
    assert_string_equal(got.reason, c.reason);
    assert_string_equal(got.by, "otto");
    assert_string_equal(got.defect, "seal");
    assert_int_equal(an_inbox_put(dir, &(an_command){.kind = AN_COMMAND_ROTATE}, 4000, NULL), AN_OK);
    assert_int_equal(an_inbox_take(dir, &got, NULL), AN_OK);
    assert_int_equal(got.kind, AN_COMMAND_ROTATE);
    c = (an_command){.kind = AN_COMMAND_IMPORT, .line = "parcel-01"};
    assert_int_equal(an_inbox_put(dir, &c, 5000, NULL), AN_OK);
    assert_int_equal(an_inbox_take(dir, &got, NULL), AN_OK);
    assert_int_equal(got.kind, AN_COMMAND_IMPORT);
    assert_string_equal(got.line, "parcel-01");
}

static void what_is_no_command_is_removed_and_said(void **state)
{
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "{\"line\":\"l\",\"alarm\":1}",
                                        "{\"line\":\"l\",\"rollback\":1}",
                                        "{\"import\":\"../versions\"}",
                                        "{\"import\":1}",
                                        "{\"line\":\"l\",\"missed\":1}",
                                        "{\"line\":\"l\",\"missed\":\"x\",\"class\":1}",
                                        "{\"line\":\"l\",\"threshold\":1}",
                                        "{\"line\":\"l\",\"threshold\":0.01,\"by\":\"a\",\"reason\":\"b\"}",
                                        "{\"line\":\"l\",\"threshold\":\"1\",\"by\":\"a\",\"reason\":\"b\"}",
                                        "{\"line\":\"../l\",\"missed\":\"\"}",
                                        "{\"line\":\"../l\",\"rollback\":\"\"}",
                                        "{\"line\":\"../l\",\"alarm\":1,\"verdict\":\"true\"}",
                                        "{\"line\":\"l\",\"alarm\":0,\"verdict\":\"true\"}",
                                        "{\"line\":\"l\",\"alarm\":1,\"verdict\":\"perhaps\"}"};
    const char *dir = *state;
    char inbox[AN_PATH_MAX], path[AN_PATH_MAX];
    assert_int_equal(an_path_join(inbox, dir, "inbox"), AN_OK);
    assert_int_equal(an_dir_make(inbox, NULL), AN_OK);
    assert_int_equal(an_path_join(path, inbox, "1.json"), AN_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_command got;
        an_note why = {{0}};
        assert_int_equal(an_file_write(path, wrong[i], strlen(wrong[i]), 0600, NULL), AN_OK);
        assert_int_equal(an_inbox_take(dir, &got, &why), AN_ERR_PROTO);
        assert_true(why.text[0] != '\0');
        assert_false(an_file_exists(path));
    }
    assert_int_equal(an_mem_live(), 0);
}

static void verdicts_have_names(void **state)
{
    an_verdict v;
    (void)state;
    for (int i = AN_VERDICT_TRUE; i <= AN_VERDICT_UNSURE; i++) {
        assert_true(an_verdict_find(an_verdict_name((an_verdict)i), &v));
        assert_int_equal(v, i);
    }
    assert_false(an_verdict_find("yes", &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commands_are_taken_once_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_command_is_removed_and_said, setup, teardown),
        cmocka_unit_test(verdicts_have_names),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
