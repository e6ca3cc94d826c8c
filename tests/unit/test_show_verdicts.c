/* What the verbs about verdicts say, from a log with alarms, parts and labels; and what they leave for the agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/report.h"
#include "agent/show_verdicts.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "tests/support/folder.h"

#define BASE INT64_C(1773050400000) /* 2026-03-09 10:00 UTC */
#define PARTS 200

typedef struct fixture {
    char dir[AN_PATH_MAX], table[AN_PATH_MAX];
    char *text;
    size_t len;
    FILE *out;
    an_note why;
} fixture;

/* Each twentieth part is defective; the level of part i is i / 100, of a defective one 4 more but for the first two.  With the
 * threshold 1.5 those above raise an alarm each: the defective ones, and the last forty-nine good ones. */
static bool is_defective(size_t i)
{
    return i % 20 == 10;
}

static double level_of(size_t i)
{
    return (double)i / 100 + (is_defective(i) && i > 40 ? 4 : 0);
}

static void make_log(fixture *f)
{
    char path[AN_PATH_MAX];
    an_alarms *log = NULL;
    an_piece *p = an_alloc(PARTS, sizeof *p);
    const an_alarms_conf c = {.site = "plant-a"};
    assert_int_equal(an_path_join(path, f->dir, "alarms.db"), AN_OK);
    assert_int_equal(an_alarms_open(path, &c, &log, &f->why), AN_OK);
    uint64_t alarm = 0;
    for (size_t i = 0; i < PARTS; i++) {
        const int64_t at = BASE + (int64_t)i * 10000;
        p[i] = (an_piece){.line = "press",
                          .from_ms = at,
                          .to_ms = at + 5000,
                          .peak = level_of(i) / 1.5,
                          .level = level_of(i),
                          .version = {9},
                          .overlay = {8}};
        snprintf(p[i].part, sizeof p[i].part, "P%zu", i);
        if (!(level_of(i) > 1.5))
            continue;
        an_alarm_record r[2] = {{.kind = AN_LOGGED_RAISED,
                                 .line = "press",
                                 .alarm = ++alarm,
                                 .source = "model",
                                 .time_ms = at,
                                 .since_ms = at,
                                 .rows = 1,
                                 .peak = level_of(i) / 1.5,
                                 .version = {9}}};
        memcpy(r[0].part, p[i].part, sizeof r[0].part);
        r[1] = r[0];
        r[1].kind = AN_LOGGED_CLEARED;
        r[1].time_ms = at + 5000;
        r[1].rows = 2;
        assert_int_equal(an_alarms_store(log, r, 2, &f->why), AN_OK);
    }
    assert_int_equal(an_alarms_pieces(log, p, PARTS, &f->why), AN_OK);
    an_alarms_close(log);
    an_free(p);
}

/* Takes the table for good, as the agent does. */
static void take(fixture *f, size_t from, size_t to)
{
    char path[AN_PATH_MAX];
    an_alarms *log = NULL;
    an_verdict_list l = {.n = 0};
    an_judged j = {.n = 0};
    an_buf b;
    an_buf_init(&b, 1 << 20);
    an_buf_text(&b, "part,verdict\n");
    for (size_t i = from; i < to; i++)
        an_buf_printf(&b, "P%zu,%s\n", i, is_defective(i) ? "defect" : "normal");
    assert_int_equal(an_path_join(path, f->dir, "alarms.db"), AN_OK);
    assert_int_equal(an_alarms_open(path, &(an_alarms_conf){.site = "plant-a"}, &log, &f->why), AN_OK);
    assert_int_equal(an_verdicts_parse(b.data, b.len, &(an_verdict_opts){.line = "press"}, &l, &f->why),
                     AN_OK);
    assert_int_equal(an_alarms_judge(log, &l, &(an_judge_opts){.now_ms = BASE}, &j, &f->why), AN_OK);
    an_judged_done(&j);
    an_verdict_list_done(&l);
    an_alarms_close(log);
    an_buf_done(&b);
}

static void put(fixture *f, const char *name, const char *text)
{
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, f->dir, name), AN_OK);
    assert_int_equal(an_file_write(path, text, strlen(text), 0600, NULL), AN_OK);
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    setenv("TZ", "UTC", 1);
    tzset();
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(f->table, f->dir, "table.csv"), AN_OK);
    put(f, "status.json",
        "{\"lines\":[{\"line\":\"press\",\"threshold\":1.5,\"threshold_calibrated\":1.5},{\"line\":\"new\"}]"
        "}");
    make_log(f);
    assert_non_null(f->out = open_memstream(&f->text, &f->len));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    fclose(f->out);
    free(f->text);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static const char *said(fixture *f)
{
    assert_int_equal(fflush(f->out), 0);
    return f->text;
}

static void expect(fixture *f, const char *text)
{
    if (!strstr(said(f), text))
        fail_msg("no \"%s\" in: %s", text, f->text);
}

static void figures_are_by_line_version_and_time(void **state)
{
    fixture *f = *state;
    an_verdict_how how = {.versions = true};
    assert_int_equal(an_show_verdicts(f->dir, &how, 0, false, f->out, &f->why), AN_OK);
    expect(f, "unknown           unknown           unknown");
    take(f, 0, PARTS);
    assert_int_equal(an_show_verdicts(f->dir, &how, 0, true, f->out, &f->why), AN_OK);
    expect(f, "\"line\":\"press\",\"version\":\"0900000000000000\",\"from_ms\":0,\"alarms\":55,\"true\":8,"
              "\"false\":47,"
              "\"unsure\":0,\"missed\":2,\"good\":143,\"precision\":{\"value\":0.145");
    how = (an_verdict_how){.by = AN_VERDICT_BY_SHIFT, .shifts = {6, 10}, .n_shifts = 2};
    assert_int_equal(an_show_verdicts(f->dir, &how, 0, false, f->out, &f->why), AN_OK);
    expect(f, "2026-03-09 10:00      55      8     47      0      2     143  0.15 (0.08-0.26)");
    how.line = "other";
    assert_int_equal(an_show_verdicts(f->dir, &how, 0, false, f->out, &f->why), AN_OK);
    expect(f, "no alarm was shown");
    how.line = NULL;
    assert_int_equal(an_show_verdicts("/nowhere", &how, 0, false, f->out, &f->why), AN_ERR_NOTFOUND);
}

static void a_threshold_is_suggested_and_nothing_is_changed(void **state)
{
    fixture *f = *state;
    take(f, 0, PARTS);
    assert_int_equal(an_show_suggestion(f->dir, "press", 0.05, true, f->out, &f->why), AN_OK);
    expect(f, "\"defects\":10,\"good\":190,\"assumed_good\":0,\"not_judged\":0");
    expect(f, "\"now\":{\"threshold\":1.5,\"factor\":1.0,\"found\":8,\"missed\":2,\"wrong_alarms\":47,");
    /* the widest gap, between the good ones and the defective that stand out */
    expect(f, "\"best_f1\":{\"threshold\":3.245,");
    expect(f, "\"found\":8,\"missed\":2,\"wrong_alarms\":0,\"quiet\":190,\"precision\":1.0,\"recall\":0.8");
    expect(f, "\"far\":{\"threshold\":3.245,");
    assert_int_equal(an_show_suggestion(f->dir, "press", 0.05, false, f->out, &f->why), AN_OK);
    expect(f, "it would have found +0 defects, with -47 wrong alarms");
    expect(f, "a person does: andon-agent threshold press FACTOR");
    assert_int_equal(an_show_suggestion(f->dir, "new", 0.05, false, f->out, &f->why), AN_ERR_STATE);
    assert_int_equal(an_show_suggestion(f->dir, "other", 0.05, false, f->out, &f->why), AN_ERR_NOTFOUND);
}

static void what_nobody_judged_is_good_if_it_raised_no_alarm_and_else_left_out(void **state)
{
    fixture *f = *state;
    take(f, 0, 50);
    assert_int_equal(an_show_suggestion(f->dir, "press", 0.05, true, f->out, &f->why), AN_OK);
    /* of 150 that were not judged 55 raised an alarm */
    expect(f, "\"defects\":2,\"good\":143,\"assumed_good\":95,\"not_judged\":55");
    assert_null(strstr(said(f), "best_f1"));
}

static void a_table_with_refused_rows_is_left_whole_or_with_skip_without_them(void **state)
{
    fixture *f = *state;
    char left[AN_PATH_MAX];
    an_import_opts o = {.table = {.line = "press"}};
    put(f, "table.csv", "part,verdict\nP10,true\nnobody,true\nP11,perhaps\nP160,false\n");
    assert_int_equal(an_path_join(left, f->dir, "verdicts"), AN_OK);
    assert_int_equal(an_import_verdicts(f->dir, f->table, &o, f->out, &f->why), AN_ERR_REFUSED);
    expect(f, "table.csv:3: no part \"nobody\" was seen at line press");
    expect(f, "table.csv:4: the verdict is not true, false, missed or unsure\n");
    assert_non_null(strstr(f->why.text, "2 rows are refused"));
    assert_false(an_file_exists(left));
    o.skip = o.dry = true;
    assert_int_equal(an_import_verdicts(f->dir, f->table, &o, f->out, &f->why), AN_OK);
    expect(f, "would be taken: 2 rows, 2 new, 0 changed, 0 known; verdicts on 1 alarm, 1 missed defect\n");
    assert_false(an_file_exists(left));
    o.dry = false;
    assert_int_equal(an_import_verdicts(f->dir, f->table, &o, f->out, &f->why), AN_OK);
    an_names names = {NULL, 0};
    assert_int_equal(an_dir_list(left, &names, NULL), AN_OK);
    assert_int_equal(names.n, 1);
    an_names_done(&names);
    put(f, "table.csv", "part,verdict\nnobody,true\n");
    assert_int_equal(an_import_verdicts(f->dir, f->table, &o, f->out, &f->why), AN_ERR_REFUSED);
    put(f, "table.csv", "part,verdict\n");
    assert_int_equal(an_import_verdicts(f->dir, f->table, &o, f->out, &f->why), AN_ERR_INVAL);
}

static void a_threshold_is_left_with_who_and_why(void **state)
{
    fixture *f = *state;
    an_command c;
    static const char *const wrong[] = {"", "x", "0.09", "10.1", "nan", "1.0x", "-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(an_leave_threshold(f->dir, "press", wrong[i], "anna", "too many", f->out, &f->why),
                         AN_ERR_INVAL);
    assert_int_equal(an_leave_threshold(f->dir, "press", "1.2", "anna", NULL, f->out, &f->why), AN_ERR_INVAL);
    assert_int_equal(an_leave_threshold(f->dir, "other", "1.2", "anna", "x", f->out, &f->why),
                     AN_ERR_NOTFOUND);
    assert_int_equal(an_inbox_take(f->dir, &c, &f->why), AN_ERR_NOTFOUND);
    assert_int_equal(an_leave_threshold(f->dir, "press", "1.25", "anna", "too many", f->out, &f->why), AN_OK);
    assert_int_equal(an_inbox_take(f->dir, &c, &f->why), AN_OK);
    assert_int_equal(c.kind, AN_COMMAND_THRESHOLD);
    assert_float_equal(c.factor, 1.25, 0);
    assert_string_equal(c.by, "anna");
    assert_string_equal(c.reason, "too many");
    assert_int_equal(an_leave_threshold(f->dir, "press", "calibrated", "anna", "fine", f->out, &f->why),
                     AN_OK);
    assert_int_equal(an_inbox_take(f->dir, &c, &f->why), AN_OK);
    assert_float_equal(c.factor, 1, 0);
}

static void the_report_of_the_day_has_the_figures_and_their_picture(void **state)
{
    fixture *f = *state;
    char page[AN_PATH_MAX];
    an_buf b;
    an_buf_init(&b, AN_REPORT_BYTES_MAX);
    take(f, 0, PARTS);
    assert_int_equal(an_path_join(page, f->dir, "day.html"), AN_OK);
    assert_int_equal(an_report_write(f->dir, "2026-03-09", page, &f->why), AN_OK);
    assert_int_equal(an_file_read(&b, page, &f->why), AN_OK);
    an_buf_u8(&b, 0);
    const char *text = (const char *)b.data;
    assert_non_null(
        strstr(text, "<td>press</td><td class=\"n\">55</td><td class=\"n\">8</td><td class=\"n\">47</td>"));
    assert_non_null(strstr(text, "<td class=\"n\">80 % (49\xe2\x80\x93"
                                 "94)</td>"));
    assert_non_null(strstr(text, "Precision and recall of each day"));
    assert_non_null(strstr(
        text,
        "Line press, of 10 defects and 190 good pieces that its version has scored: Now, at 1 times the "
        "calibrated threshold: 8 defects found, 2 missed, 47 wrong alarms. Best F1 at 2.16 times"));
    assert_non_null(strstr(text, "At most 1 % false alarms at"));
    assert_non_null(strstr(text, "Pieces of which nobody said anything count as good."));
    an_buf_clear(&b);
    assert_int_equal(an_report_write(f->dir, "2026-03-11", page, &f->why), AN_OK);
    assert_int_equal(an_file_read(&b, page, &f->why), AN_OK);
    an_buf_u8(&b, 0);
    assert_non_null(strstr((const char *)b.data, "nothing was said of this day"));
    assert_non_null(
        strstr((const char *)b.data, "Precision and recall of each day")); /* of two days before */
    an_buf_done(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(figures_are_by_line_version_and_time),
        TEST(a_threshold_is_suggested_and_nothing_is_changed),
        TEST(what_nobody_judged_is_good_if_it_raised_no_alarm_and_else_left_out),
        TEST(a_table_with_refused_rows_is_left_whole_or_with_skip_without_them),
        TEST(a_threshold_is_left_with_who_and_why),
        TEST(the_report_of_the_day_has_the_figures_and_their_picture),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
