#include "tests/support/alarm_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/support/folder.h"

an_alarms *alarm_log_open(alarm_log *f, uint64_t quota)
{
    const an_alarms_conf c = {.site = "plant-a", .quota_bytes = quota};
    an_alarms *log = NULL;
    if (an_alarms_open(f->path, &c, &log, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
    return log;
}

int alarm_log_setup(void **state)
{
    alarm_log *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(f->path, f->dir, "alarms.db"), AN_OK);
    f->log = alarm_log_open(f, 0);
    *state = f;
    return 0;
}

int alarm_log_teardown(void **state)
{
    alarm_log *f = *state;
    an_alarms_close(f->log);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

void alarm_log_again(alarm_log *f, uint64_t quota)
{
    an_alarms_close(f->log);
    f->log = alarm_log_open(f, quota);
}

an_alarm_record alarm_log_event(an_logged_kind kind, uint64_t alarm, uint64_t rows)
{
    an_alarm_record r = {.kind = kind,
                         .line = "line-1",
                         .alarm = alarm,
                         .severity = AN_SEVERITY_HIGH,
                         .source = "both",
                         .rules = {"hot", "dry run"},
                         .n_rules = 2,
                         .time_ms = (int64_t)(1000 * alarm + rows),
                         .recorded_ms = 5,
                         .since_ms = (int64_t)(1000 * alarm),
                         .rows = rows,
                         .score = 1.25,
                         .raw = 0.1,
                         .peak = 2.5,
                         .peak_ms = 7,
                         .near_ms = 2000,
                         .near_distance = 1.5,
                         .top = {{"flow", 0.75, true, 71.5, 62.5, -4.5, 2990, {0.125, 0.875}},
                                 {.sensor = "speed \"x\"", .share = 0.25}},
                         .n_top = 2,
                         .n_within = 2,
                         .image = "P-17.png",
                         .picture = "line-1-3",
                         .image_width = 640,
                         .image_height = 480,
                         .boxes = {{1, 2, 30, 40, 5.5}, {600, 400, 40, 80, 1.5}},
                         .n_boxes = 2,
                         .version = {1, 2, 3},
                         .part = "P-17",
                         .reason = "Flow is low.",
                         .data = AN_DATA_UNCERTAIN,
                         .bad_sensors = 1};
    return r;
}

uint64_t alarm_log_store(alarm_log *f, an_alarm_record r)
{
    if (an_alarms_store(f->log, &r, 1, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
    return r.seq;
}

an_alarm_record alarm_log_next(alarm_log *f, uint64_t after)
{
    an_alarm_record r;
    assert_int_equal(an_alarms_next(f->log, after, &r, NULL, &f->why), AN_OK);
    return r;
}

an_standing alarm_log_standing(alarm_log *f, uint64_t alarm)
{
    an_alarm_row row;
    assert_int_equal(an_alarms_get(f->log, "line-1", alarm, &row, NULL), AN_OK);
    assert_int_equal(row.last.standing, an_alarm_standing(&row.state));
    return row.last.standing;
}

an_err alarm_log_act(alarm_log *f, an_logged_kind kind, uint64_t alarm, int64_t now_ms, int64_t until_ms)
{
    const an_alarm_deed d = {.kind = kind,
                             .line = "line-1",
                             .alarm = alarm,
                             .by = "anna",
                             .comment = "seen",
                             .verdict = "false",
                             .now_ms = now_ms,
                             .until_ms = until_ms};
    return an_alarms_act(f->log, &d, NULL, &f->why);
}
