/* The verbs about alarms: what is listed, and what a person may leave for the agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/alarms.h"
#include "agent/exhibit.h"
#include "agent/inbox.h"
#include "agent/show_alarms.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/support/folder.h"

static const char status[] = "{\"lines\":[{\"line\":\"pump-1\",\"alarm_last\":3}]}";

typedef struct fixture {
    char dir[AN_PATH_MAX];
    FILE *out;
    char text[4096];
    an_note why;
} fixture;

static void store(an_alarms *log, an_logged_kind kind, uint64_t alarm, uint64_t rows)
{
    an_alarm_record r = {.kind = kind, .line = "pump-1", .alarm = alarm, .rows = rows, .source = "model"};
    r.severity = AN_SEVERITY_HIGH;
    r.time_ms = r.since_ms = 1700000000000 + (int64_t)alarm * 60000 + (int64_t)rows;
    snprintf(r.top[0].sensor, sizeof r.top[0].sensor, "flow");
    r.n_top = 1;
    assert_int_equal(an_alarms_store(log, &r, 1, NULL), AN_OK);
}

/* Alarm 1 is acknowledged and over, 2 is over, 3 is active. */
static int setup(void **state)
{
    char path[AN_PATH_MAX];
    an_alarms *log = NULL;
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(path, f->dir, "status.json"), AN_OK);
    assert_int_equal(an_file_write(path, status, strlen(status), 0600, NULL), AN_OK);
    assert_int_equal(an_path_join(path, f->dir, "alarms.db"), AN_OK);
    assert_int_equal(an_alarms_open(path, &(an_alarms_conf){.site = "plant-a"}, &log, NULL), AN_OK);
    for (uint64_t i = 1; i <= 3; i++)
        store(log, AN_LOGGED_RAISED, i, 3);
    const an_alarm_deed ack = {
        .kind = AN_LOGGED_ACKED, .line = "pump-1", .alarm = 1, .by = "anna", .now_ms = 1};
    assert_int_equal(an_alarms_act(log, &ack, NULL, NULL), AN_OK);
    store(log, AN_LOGGED_CLEARED, 1, 9);
    store(log, AN_LOGGED_CLEARED, 2, 9);
    an_alarms_close(log);
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

static const char *said(fixture *f)
{
    rewind(f->out);
    const size_t n = fread(f->text, 1, sizeof f->text - 1, f->out);
    f->text[n] = '\0';
    rewind(f->out);
    return f->text;
}

static size_t lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void open_alarms_are_listed_and_all_of_them_if_asked(void **state)
{
    fixture *f = *state;
    assert_int_equal(an_show_alarms(f->dir, &(an_show_alarms_opts){.json = false}, f->out, NULL), AN_OK);
    assert_int_equal(lines(said(f)), 3);
    assert_non_null(strstr(f->text, "unacknowledged active   high     model"));
    assert_non_null(strstr(f->text, "returned       over     high     model"));
    assert_int_equal(an_show_alarms(f->dir, &(an_show_alarms_opts){.all = true}, f->out, NULL), AN_OK);
    assert_int_equal(lines(said(f)), 4);
    assert_non_null(strstr(f->text, ", acknowledged by anna"));
    an_note why;
    assert_int_equal(an_show_alarms("/nowhere/at/all", &(an_show_alarms_opts){.all = true}, f->out, &why),
                     AN_ERR_NOTFOUND);
}

static void store_of_image(const fixture *f)
{
    char path[AN_PATH_MAX];
    an_alarms *log = NULL;
    an_alarm_record r = {.kind = AN_LOGGED_RAISED,
                         .line = "cam-1",
                         .alarm = 1,
                         .rows = 1,
                         .source = "model",
                         .part = "P7",
                         .image = "P7.png",
                         .picture = "cam-1-1",
                         .image_width = 90,
                         .image_height = 60,
                         .boxes = {{60, 2, 20, 10, 5.5}},
                         .n_boxes = 1,
                         .reason = "Spot."};
    assert_int_equal(an_path_join(path, f->dir, "alarms.db"), AN_OK);
    assert_int_equal(an_alarms_open(path, &(an_alarms_conf){.site = "plant-a"}, &log, NULL), AN_OK);
    assert_int_equal(an_alarms_store(log, &r, 1, NULL), AN_OK);
    an_alarms_close(log);
}

/* cam-1-1: 3 x 2 pixels, the right one of the upper row far above what is usual. */
static void keep_picture(const fixture *f)
{
    const float image[6] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f}, map[6] = {0, 0, 50, 0, 0, 0};
    const an_seen seen = {.height = 2, .width = 3, .channels = 1, .image = image, .map = map};
    an_exhibits *x = NULL;
    an_exhibit *e = an_exhibit_new("cam-1", 1, &seen, true);
    assert_int_equal(an_exhibits_open(f->dir, 1 << 20, &x, NULL), AN_OK);
    assert_int_equal(an_exhibits_keep(x, e, NULL), AN_OK);
    an_exhibit_free(e);
    an_exhibits_close(x);
}

static void one_alarm_is_shown_with_what_it_is_about(void **state)
{
    fixture *f = *state;
    char save[AN_PATH_MAX], picture[AN_PATH_MAX];
    an_show_alarm_opts o = {.line = "pump-1", .alarm = 2};
    assert_int_equal(an_show_alarm(f->dir, &o, f->out, &f->why), AN_OK);
    assert_int_equal(lines(said(f)), 3); /* raised, cleared, and its sensor */
    assert_non_null(strstr(f->text, "sensor    flow"));
    o.alarm = 9;
    assert_int_equal(an_show_alarm(f->dir, &o, f->out, &f->why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(f->why.text, "no alarm 9 of line pump-1"));

    store_of_image(f);
    assert_int_equal(an_path_join(save, f->dir, "saved"), AN_OK);
    o = (an_show_alarm_opts){.line = "cam-1", .alarm = 1};
    assert_int_equal(an_show_alarm(f->dir, &o, f->out, &f->why), AN_OK);
    assert_non_null(strstr(said(f), "picture   is not kept any more"));
    o.save = save;
    assert_int_equal(an_show_alarm(f->dir, &o, f->out, &f->why), AN_ERR_NOTFOUND);
    keep_picture(f);
    rewind(f->out);
    assert_int_equal(an_show_alarm(f->dir, &o, f->out, &f->why), AN_OK);
    assert_non_null(strstr(said(f), "image     P7.png, 90 x 60 px\n"));
    assert_non_null(
        strstr(f->text, "box       20 x 10 px at 60, 2 (upper right), 5.5 times what is usual\n"));
    assert_non_null(strstr(f->text, "\n  %\n")); /* the map; its two rows are one of characters */
    assert_int_equal(an_path_join(picture, save, "cam-1-1.png"), AN_OK);
    assert_true(an_file_exists(picture));
    o = (an_show_alarm_opts){.line = "cam-1", .alarm = 1, .json = true};
    rewind(f->out);
    assert_int_equal(an_show_alarm(f->dir, &o, f->out, &f->why), AN_OK);
    assert_int_equal(strncmp(said(f), "{\"seq\":", 7), 0);
}

static void programs_get_json(void **state)
{
    fixture *f = *state;
    an_json_doc *doc = NULL;
    assert_int_equal(an_show_alarms(f->dir, &(an_show_alarms_opts){.json = true, .last = 1}, f->out, NULL),
                     AN_OK);
    said(f);
    assert_int_equal(an_json_parse(f->text, strlen(f->text), "list", &doc, NULL), AN_OK);
    assert_int_equal(an_jval_count(an_json_root(doc)), 1);
    int64_t alarm = 0;
    assert_int_equal(an_jval_int(an_jval_at(an_json_root(doc), 0), "alarm", 1, 99, &alarm, NULL), AN_OK);
    assert_int_equal(alarm, 3);
    an_json_doc_free(doc);
}

static void the_log_is_shown_in_its_order(void **state)
{
    fixture *f = *state;
    assert_int_equal(an_show_alarms(f->dir, &(an_show_alarms_opts){.log = true, .last = 3}, f->out, NULL),
                     AN_OK);
    assert_int_equal(lines(said(f)), 3);
    const char *ack = strstr(f->text, "alarm 1 acknowledged, acknowledged (model, high) by anna");
    const char *clear = strstr(f->text, "alarm 1 cleared, normal (model, high)");
    assert_true(ack && clear && ack < clear);
}

static void figures_are_those_of_the_log(void **state)
{
    fixture *f = *state;
    assert_int_equal(an_show_alarm_figures(f->dir, 0, true, f->out, NULL), AN_OK);
    assert_non_null(strstr(said(f), "\"alarms\":3"));
    assert_non_null(strstr(f->text, "\"peak_10_min\":3"));
    assert_non_null(strstr(f->text, "\"high\":3"));
    assert_int_equal(an_show_alarm_figures(f->dir, 0, false, f->out, NULL), AN_OK);
    assert_non_null(strstr(said(f), "3 alarms shown"));
}

static void what_a_person_does_is_left_whole(void **state)
{
    fixture *f = *state;
    an_command c;
    const int64_t now = an_clock_system()->wall_ms(an_clock_system());
    const an_deed_words w = {.kind = AN_LOGGED_SHELVED,
                             .target = "pump-1/3",
                             .by = "Anna B.",
                             .comment = "bearing is changed",
                             .duration = "2h"};
    assert_int_equal(an_leave_deed(f->dir, &w, f->out, &f->why), AN_OK);
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_OK);
    assert_int_equal(c.kind, AN_COMMAND_ALARM);
    assert_int_equal(c.deed, AN_LOGGED_SHELVED);
    assert_string_equal(c.line, "pump-1");
    assert_int_equal(c.alarm, 3);
    assert_string_equal(c.by, "Anna B.");
    assert_string_equal(c.reason, "bearing is changed");
    assert_true(c.until_ms >= now + 7200000 && c.until_ms < now + 7260000);
    const an_deed_words line = {.kind = AN_LOGGED_UNSHELVED, .target = "pump-1", .by = "Anna B."};
    assert_int_equal(an_leave_deed(f->dir, &line, f->out, &f->why), AN_OK);
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_OK);
    assert_int_equal(c.deed, AN_LOGGED_UNSHELVED);
    assert_int_equal(c.alarm, 0);
    /* A unit or a container has no USER: the system knows whose process it is. */
    const an_deed_words nobody = {.kind = AN_LOGGED_UNSHELVED, .target = "pump-1"};
    unsetenv("USER");
    assert_int_equal(an_leave_deed(f->dir, &nobody, f->out, &f->why), AN_OK);
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_OK);
    assert_string_not_equal(c.by, "");
}

static void what_makes_no_sense_is_refused_at_once(void **state)
{
    fixture *f = *state;
    an_command c;
    const struct {
        an_deed_words words;
        an_err err;
        const char *says;
    } wrong[] = {
        {{AN_LOGGED_ACKED, "pump-1/9", "a", NULL, NULL}, AN_ERR_NOTFOUND, "has no alarm 9"},
        {{AN_LOGGED_ACKED, "pump-1/1", "a", NULL, NULL}, AN_ERR_STATE, "is normal and over"},
        {{AN_LOGGED_SHELVED, "pump-1/2", "a", "x", "1h"}, AN_ERR_STATE, "is returned and over"},
        {{AN_LOGGED_SHELVED, "pump-1", "a", "", "1h"}, AN_ERR_INVAL, "--reason"},
        {{AN_LOGGED_SHELVED, "pump-1", "a", "x", "40d"}, AN_ERR_INVAL, "--for"},
        {{AN_LOGGED_SHELVED, "pump-1", "a", "x", NULL}, AN_ERR_INVAL, "--for"},
        {{AN_LOGGED_REMOVED, "pump-1", "a", NULL, NULL}, AN_ERR_INVAL, "--reason"},
        {{AN_LOGGED_COMMENTED, "pump-1/3", "a", "", NULL}, AN_ERR_INVAL, "empty"},
        {{AN_LOGGED_ACKED, "pump-1/3", "", NULL, NULL}, AN_ERR_INVAL, "--by"},
        {{AN_LOGGED_ACKED, "pump-1/x", "a", NULL, NULL}, AN_ERR_INVAL, "number"},
        {{AN_LOGGED_ACKED, "../pump-1/3", "a", NULL, NULL}, AN_ERR_INVAL, "line's name"},
        {{AN_LOGGED_UNSHELVED, "pump-9", "a", NULL, NULL}, AN_ERR_NOTFOUND, "no line pump-9"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        f->why = (an_note){{0}};
        assert_int_equal(an_leave_deed(f->dir, &wrong[i].words, f->out, &f->why), wrong[i].err);
        if (!strstr(f->why.text, wrong[i].says))
            fail_msg("says: %s", f->why.text);
    }
    assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_ERR_NOTFOUND);
}

static void a_deed_that_was_written_by_hand_is_checked(void **state)
{
    fixture *f = *state;
    static const char *const texts[] = {
        "{\"line\":\"pump-1\",\"do\":\"raised\",\"alarm\":1,\"by\":\"a\"}",
        "{\"line\":\"pump-1\",\"do\":\"verdict\",\"alarm\":1,\"by\":\"a\"}",
        "{\"line\":\"pump-1\",\"do\":\"acknowledged\",\"alarm\":-1,\"by\":\"a\"}",
        "{\"line\":\"pump-1\",\"do\":\"acknowledged\",\"alarm\":1}",
        "{\"line\":\"pump-1\",\"do\":7}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char path[AN_PATH_MAX];
        an_command c;
        assert_int_equal(an_path_join(path, f->dir, "inbox"), AN_OK);
        assert_int_equal(an_dir_make(path, NULL), AN_OK);
        assert_int_equal(an_path_join(path, f->dir, "inbox/x.json"), AN_OK);
        assert_int_equal(an_file_write(path, texts[i], strlen(texts[i]), 0600, NULL), AN_OK);
        assert_int_equal(an_inbox_take(f->dir, &c, NULL), AN_ERR_PROTO);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(open_alarms_are_listed_and_all_of_them_if_asked),
        T(one_alarm_is_shown_with_what_it_is_about),
        T(programs_get_json),
        T(the_log_is_shown_in_its_order),
        T(figures_are_those_of_the_log),
        T(what_a_person_does_is_left_whole),
        T(what_makes_no_sense_is_refused_at_once),
        T(a_deed_that_was_written_by_hand_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
