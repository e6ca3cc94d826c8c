/* What people leave for a running agent is checked by what it says of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/inbox.h"
#include "agent/show.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/folder.h"

static const char status[] =
    "{\"lines\":[{\"line\":\"pump-1\",\"alarm_last\":7},"
    "{\"line\":\"pump-2\",\"alarm_last\":0},{\"line\":\"pump-3\",\"version_before\":\"3f2a\"}]}";

static const an_verdict_words by_anna = {.by = "anna", .defect = "seal", .comment = "seen"};

typedef struct fixture {
    char dir[AN_PATH_MAX];
    FILE *out;
    an_note why;
} fixture;

static int setup(void **state)
{
    char path[AN_PATH_MAX];
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(path, f->dir, "status.json"), AN_OK);
    assert_int_equal(an_file_write(path, status, strlen(status), 0600, NULL), AN_OK);
    assert_non_null(f->out = tmpfile());
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    fclose(f->out);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static an_err verdict(fixture *f, const char *line, const char *alarm, const char *what)
{
    f->why = (an_note){{0}};
    return an_leave_verdict(f->dir, line, alarm, what, &by_anna, f->out, &f->why);
}

static void a_verdict_on_an_alarm_that_was_raised_is_left(void **state)
{
    fixture *f = *state;
    an_command c;
    assert_int_equal(verdict(f, "pump-1", "7", "false"), AN_OK);
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_OK);
    assert_string_equal(c.line, "pump-1");
    assert_int_equal(c.alarm, 7);
    assert_string_equal(c.by, "anna");
    assert_int_equal(verdict(f, "pump-1", "1", "true"), AN_OK);
}

static void a_verdict_on_nothing_is_refused_and_nothing_is_left(void **state)
{
    fixture *f = *state;
    an_command c;
    const struct {
        const char *line, *alarm, *what;
        an_err err;
        const char *says;
    } wrong[] = {
        {"pump-1", "8", "true", AN_ERR_NOTFOUND, "line pump-1 has raised no alarm 8; its last is number 7"},
        {"pump-1", "9223372036854775807", "true", AN_ERR_NOTFOUND, "its last is number 7"},
        {"pump-2", "1", "true", AN_ERR_NOTFOUND, "line pump-2 has raised no alarm yet"},
        {"pump-3", "1", "true", AN_ERR_NOTFOUND, "line pump-3 has raised no alarm yet"},
        {"pump-4", "1", "true", AN_ERR_NOTFOUND, "no line pump-4 at this site"},
        {"pump-1", "0", "true", AN_ERR_INVAL, "not an alarm's number"},
        {"pump-1", "1", "yes", AN_ERR_INVAL, "true, false or unsure"},
        {"../pump", "1", "true", AN_ERR_INVAL, "not a line's name"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(verdict(f, wrong[i].line, wrong[i].alarm, wrong[i].what), wrong[i].err);
        if (!strstr(f->why.text, wrong[i].says))
            fail_msg("says: %s", f->why.text);
    }
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_ERR_NOTFOUND);
}

static void a_rollback_is_left_where_there_is_a_version_before(void **state)
{
    fixture *f = *state;
    an_command c;
    assert_int_equal(an_leave_rollback(f->dir, "pump-3", "cries wolf", f->out, &f->why), AN_OK);
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_OK);
    assert_int_equal(c.kind, AN_COMMAND_ROLLBACK);
    assert_string_equal(c.line, "pump-3");
    assert_string_equal(c.reason, "cries wolf");
    assert_int_equal(an_leave_rollback(f->dir, "pump-1", "cries wolf", f->out, &f->why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(f->why.text, "has run no version before"));
    assert_int_equal(an_leave_rollback(f->dir, "pump-4", "cries wolf", f->out, &f->why), AN_ERR_NOTFOUND);
    assert_int_equal(an_leave_rollback(f->dir, "pump-3", "", f->out, &f->why), AN_ERR_INVAL);
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_ERR_NOTFOUND);
}

static void a_missed_fault_is_left_also_where_no_alarm_was_raised(void **state)
{
    fixture *f = *state;
    an_command c;
    assert_int_equal(an_leave_missed(f->dir, "pump-2", "seal burst", &by_anna, f->out, &f->why), AN_OK);
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_OK);
    assert_int_equal(c.kind, AN_COMMAND_MISSED);
    assert_string_equal(c.line, "pump-2");
    assert_string_equal(c.reason, "seal burst");
    assert_int_equal(an_leave_missed(f->dir, "pump-4", "seal burst", &by_anna, f->out, &f->why),
                     AN_ERR_NOTFOUND);
    assert_int_equal(an_leave_missed(f->dir, "pump-2", "", &by_anna, f->out, &f->why), AN_ERR_INVAL);
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_ERR_NOTFOUND);
}

static void a_rotation_is_left_where_a_site_was_enrolled(void **state)
{
    fixture *f = *state;
    an_command c;
    char path[AN_PATH_MAX];
    assert_int_equal(an_leave_rotate(f->dir, f->out, &f->why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(f->why.text, "no site was enrolled"));
    assert_int_equal(an_path_join(path, f->dir, "coordinator.json"), AN_OK);
    assert_int_equal(an_file_write(path, "{}", 2, 0600, NULL), AN_OK);
    assert_int_equal(an_leave_rotate(f->dir, f->out, &f->why), AN_OK);
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_OK);
    assert_int_equal(c.kind, AN_COMMAND_ROTATE);
}

static void where_no_agent_has_run_it_says_so(void **state)
{
    fixture *f = *state;
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, f->dir, "status.json"), AN_OK);
    assert_int_equal(an_file_remove(path, NULL), AN_OK);
    assert_int_equal(verdict(f, "pump-1", "1", "true"), AN_ERR_NOTFOUND);
    assert_non_null(strstr(f->why.text, "no agent has run"));
}

static bool says(fixture *f, const char *words)
{
    char text[4096];
    rewind(f->out);
    text[fread(text, 1, sizeof text - 1, f->out)] = '\0';
    return strstr(text, words) != NULL;
}

static void one_thing_is_not_many(void **state)
{
    static const char one[] = "{\"coordinator\":{\"facts_waiting\":1,\"uploads_held\":0},\"lines\":[]}";
    fixture *f = *state;
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, f->dir, "status.json"), AN_OK);
    assert_int_equal(an_file_write(path, one, strlen(one), 0600, NULL), AN_OK);
    assert_int_equal(an_show_status(f->dir, false, f->out, &f->why), AN_OK);
    assert_true(says(f, "waiting to be sent: 1 fact, 0 uploads kept\n"));
}

static void status_shows_the_windows_and_why_the_last_work_failed(void **state)
{
    static const char text[] = "{\"lines\":[{\"line\":\"pump-1\",\"remark\":\"no model "
                               "press\",\"pool\":{\"train\":12,\"recent\":3,\"old\":4,\"new\":5}}],"
                               "\"last_job_error\":\"line pump-1: no training windows yet: 0 of 1\"}";
    fixture *f = *state;
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, f->dir, "status.json"), AN_OK);
    assert_int_equal(an_file_write(path, text, strlen(text), 0600, NULL), AN_OK);
    assert_int_equal(an_show_status(f->dir, false, f->out, &f->why), AN_OK);
    assert_true(says(f, " WINDOWS HELD BACK "));
    assert_true(says(f, "       12         9 "));
    assert_true(says(f, "line pump-1 takes no part in rounds: no model press\n"));
    assert_true(says(f, "failed: line pump-1: no training windows yet: 0 of 1\n"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(one_thing_is_not_many),
        CASE(status_shows_the_windows_and_why_the_last_work_failed),
        CASE(a_verdict_on_an_alarm_that_was_raised_is_left),
        CASE(a_verdict_on_nothing_is_refused_and_nothing_is_left),
        CASE(a_rollback_is_left_where_there_is_a_version_before),
        CASE(a_missed_fault_is_left_also_where_no_alarm_was_raised),
        CASE(a_rotation_is_left_where_a_site_was_enrolled),
        CASE(where_no_agent_has_run_it_says_so),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
