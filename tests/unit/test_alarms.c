/* The site's log of alarms: order, what was stored once, readers, quota, what people do, crashes. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/alarms.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/sqlite.h"
#include "tests/support/folder.h"

typedef struct fixture {
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_alarms *log;
    an_note why;
} fixture;

static an_alarms *open_log(fixture *f, uint64_t quota)
{
    const an_alarms_conf c = {.site = "plant-a", .quota_bytes = quota};
    an_alarms *log = NULL;
    if (an_alarms_open(f->path, &c, &log, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
    return log;
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(f->path, f->dir, "alarms.db"), AN_OK);
    f->log = open_log(f, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_alarms_close(f->log);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static void again(fixture *f, uint64_t quota)
{
    an_alarms_close(f->log);
    f->log = open_log(f, quota);
}

static an_alarm_record event(an_logged_kind kind, uint64_t alarm, uint64_t rows)
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

static uint64_t store(fixture *f, an_alarm_record r)
{
    if (an_alarms_store(f->log, &r, 1, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
    return r.seq;
}

static an_alarm_record next(fixture *f, uint64_t after)
{
    an_alarm_record r;
    assert_int_equal(an_alarms_next(f->log, after, &r, NULL, &f->why), AN_OK);
    return r;
}

static an_standing standing(fixture *f, uint64_t alarm)
{
    an_alarm_row row;
    assert_int_equal(an_alarms_get(f->log, "line-1", alarm, &row, NULL), AN_OK);
    assert_int_equal(row.last.standing, an_alarm_standing(&row.state));
    return row.last.standing;
}

static an_err act(fixture *f, an_logged_kind kind, uint64_t alarm, int64_t now_ms, int64_t until_ms)
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

static void a_record_is_read_back_as_it_was_stored(void **state)
{
    fixture *f = *state;
    assert_int_equal(store(f, event(AN_LOGGED_RAISED, 3, 4)), 1);
    const an_alarm_record r = next(f, 0);
    assert_int_equal(r.seq, 1);
    assert_string_equal(r.site, "plant-a");
    assert_string_equal(r.line, "line-1");
    assert_int_equal(r.alarm, 3);
    assert_int_equal(r.standing, AN_STANDING_UNACKED);
    assert_int_equal(r.severity, AN_SEVERITY_HIGH);
    assert_string_equal(r.source, "both");
    assert_int_equal(r.n_rules, 2);
    assert_string_equal(r.rules[1], "dry run");
    assert_int_equal(r.time_ms, 3004);
    assert_int_equal(r.since_ms, 3000);
    assert_true(r.score > 1.2499 && r.score < 1.2501 && r.raw > 0.0999 && r.raw < 0.1001);
    assert_int_equal(r.n_top, 2);
    assert_string_equal(r.top[1].sensor, "speed \"x\"");
    assert_true(!r.top[1].explained && r.top[0].explained && r.near_ms == 2000);
    assert_true(r.top[0].value == 71.5 && r.top[0].expected == 62.5 && r.top[0].sigma == -4.5);
    assert_int_equal(r.top[0].since_ms, 2990);
    assert_true(r.n_within == 2 && r.top[0].within[1] == 0.875 && r.near_distance == 1.5);
    assert_string_equal(r.image, "P-17.png");
    assert_string_equal(r.picture, "line-1-3");
    assert_true(r.image_width == 640 && r.image_height == 480 && r.n_boxes == 2);
    assert_true(r.boxes[0].x == 1 && r.boxes[0].y == 2 && r.boxes[0].width == 30 && r.boxes[0].height == 40);
    assert_true(r.boxes[1].peak == 1.5);
    assert_int_equal(r.version[2], 3);
    assert_int_equal(r.overlay[0], 0);
    assert_string_equal(r.part, "P-17");
    assert_string_equal(r.reason, "Flow is low.");
    assert_int_equal(r.data, AN_DATA_UNCERTAIN);
    assert_int_equal(r.bad_sensors, 1);
}

static void a_text_that_is_empty_is_no_key(void **state)
{
    fixture *f = *state;
    an_alarm_record r = event(AN_LOGGED_RAISED, 3, 4);
    r.part[0] = r.reason[0] = r.image[0] = r.picture[0] = '\0';
    r.n_top = 1; /* the other one has quotes in its name */
    store(f, r);
    r = next(f, 0);
    an_json *o = an_alarm_record_json(&r);
    char *text = an_json_print(o, 0);
    assert_non_null(text);
    assert_null(strstr(text, "\"\""));
    assert_null(strstr(text, "\"part\""));
    an_free(text);
    an_json_free(o);
}

static void a_score_that_is_not_there_is_null_and_comes_back_as_none(void **state)
{
    fixture *f = *state;
    an_alarm_record r = event(AN_LOGGED_RAISED, 1, 1);
    r.score = r.raw = NAN;
    store(f, r);
    r = next(f, 0);
    assert_true(isnan(r.score) && isnan(r.raw) && r.peak > 2);
}

static void an_event_that_was_stored_is_not_stored_again(void **state)
{
    fixture *f = *state;
    static const struct {
        an_logged_kind kind;
        uint64_t rows;
    } life[] = {{AN_LOGGED_RAISED, 3},   {AN_LOGGED_UPDATED, 9},   {AN_LOGGED_SUPPRESSED, 11},
                {AN_LOGGED_UPDATED, 14}, {AN_LOGGED_RELEASED, 15}, {AN_LOGGED_CLEARED, 20}};
    for (size_t killed = 0; killed <= 6; killed++) { /* then all rows are read again */
        const uint64_t alarm = 1 + killed, first = 6 * killed + 1;
        for (size_t i = 0; i < killed; i++)
            assert_int_equal(store(f, event(life[i].kind, alarm, life[i].rows)), first + i);
        again(f, 0);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(store(f, event(life[i].kind, alarm, life[i].rows)), i < killed ? 0 : first + i);
        assert_int_equal(standing(f, alarm), AN_STANDING_RETURNED);
    }
}

static void a_clear_after_other_rows_than_before_the_crash_is_taken(void **state)
{
    fixture *f = *state;
    store(f, event(AN_LOGGED_RAISED, 1, 3));
    store(f, event(AN_LOGGED_UPDATED, 1, 90));
    assert_int_equal(store(f, event(AN_LOGGED_CLEARED, 1, 40)), 3);
    assert_int_equal(standing(f, 1), AN_STANDING_RETURNED);
}

static void a_batch_is_stored_whole_or_not_at_all(void **state)
{
    fixture *f = *state;
    an_alarm_record r[3] = {event(AN_LOGGED_RAISED, 1, 1), event(AN_LOGGED_CLEARED, 1, 2),
                            event(AN_LOGGED_ACKED, 1, 3)};
    assert_int_equal(an_alarms_store(f->log, r, 3, &f->why), AN_ERR_INVAL);
    assert_int_equal(an_alarms_next(f->log, 0, r, NULL, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_alarms_store(f->log, r, 0, NULL), AN_OK);
    assert_int_equal(store(f, event(AN_LOGGED_RAISED, 1, 1)), 1); /* no number was used up */
}

static void bad_data_is_logged_once_and_belongs_to_no_alarm(void **state)
{
    fixture *f = *state;
    an_alarm_record r = {
        .kind = AN_LOGGED_QUALITY, .line = "line-1", .time_ms = 10, .fault = "stuck", .begins = true};
    snprintf(r.top[0].sensor, sizeof r.top[0].sensor, "%s", "flow");
    r.n_top = 1;
    assert_int_equal(store(f, r), 1);
    assert_int_equal(store(f, r), 0);
    r.begins = false;
    assert_int_equal(store(f, r), 2);
    snprintf(r.top[0].sensor, sizeof r.top[0].sensor, "%s", "speed");
    assert_int_equal(store(f, r), 3);
    r.time_ms = 11;
    assert_int_equal(store(f, r), 4);
    r = next(f, 0);
    assert_true(r.begins && r.alarm == 0);
    assert_string_equal(r.fault, "stuck");
    assert_string_equal(r.top[0].sensor, "flow");
}

static void a_person_acknowledges_comments_and_judges(void **state)
{
    fixture *f = *state;
    store(f, event(AN_LOGGED_RAISED, 1, 3));
    assert_int_equal(act(f, AN_LOGGED_ACKED, 2, 50, 0), AN_ERR_NOTFOUND);
    assert_int_equal(act(f, AN_LOGGED_ACKED, 1, 50, 0), AN_OK);
    assert_int_equal(act(f, AN_LOGGED_ACKED, 1, 51, 0), AN_ERR_EXISTS);
    assert_non_null(strstr(f->why.text, "alarm 1 of line line-1 is acknowledged"));
    assert_int_equal(act(f, AN_LOGGED_COMMENTED, 1, 52, 0), AN_OK);
    assert_int_equal(act(f, AN_LOGGED_VERDICT, 1, 53, 0), AN_OK);
    store(f, event(AN_LOGGED_CLEARED, 1, 9));
    assert_int_equal(standing(f, 1), AN_STANDING_NORMAL);
    an_alarm_record r = next(f, 1);
    assert_int_equal(r.kind, AN_LOGGED_ACKED);
    assert_string_equal(r.by, "anna");
    assert_string_equal(r.comment, "seen");
    assert_int_equal(r.time_ms, 50);
    assert_string_equal(next(f, 2).acked_by, "anna");
    r = next(f, 3);
    assert_int_equal(r.kind, AN_LOGGED_VERDICT);
    assert_string_equal(r.verdict, "false");
    r = next(f, 4); /* the machine's own record says what people did, and is nobody's deed */
    assert_int_equal(r.kind, AN_LOGGED_CLEARED);
    assert_string_equal(r.by, "");
    assert_string_equal(r.acked_by, "anna");
    assert_string_equal(r.verdict, "false");
}

static void a_shelved_line_hides_its_alarms_until_the_end(void **state)
{
    fixture *f = *state;
    an_alarm_record r;
    store(f, event(AN_LOGGED_RAISED, 1, 3));
    assert_int_equal(act(f, AN_LOGGED_SHELVED, 0, 100, 100), AN_ERR_INVAL);
    assert_int_equal(act(f, AN_LOGGED_SHELVED, 0, 100, 200), AN_OK);
    assert_int_equal(act(f, AN_LOGGED_SHELVED, 0, 100, 200), AN_ERR_EXISTS);
    assert_int_equal(act(f, AN_LOGGED_ACKED, 1, 101, 0), AN_ERR_STATE);
    assert_non_null(strstr(f->why.text, "is shelved"));
    store(f, event(AN_LOGGED_RAISED, 2, 3));
    store(f, event(AN_LOGGED_RAISED, 3, 3));
    store(f, event(AN_LOGGED_CLEARED, 3, 5));
    assert_int_equal(standing(f, 1), AN_STANDING_SHELVED);
    assert_int_equal(standing(f, 2), AN_STANDING_SHELVED);
    assert_int_equal(standing(f, 3), AN_STANDING_NORMAL);
    again(f, 0);
    assert_int_equal(an_alarms_tick(f->log, 199, NULL), AN_OK);
    assert_int_equal(standing(f, 2), AN_STANDING_SHELVED);
    assert_int_equal(an_alarms_next(f->log, 6, &r, NULL, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_alarms_tick(f->log, 200, NULL), AN_OK);
    assert_int_equal(standing(f, 1), AN_STANDING_UNACKED);
    assert_int_equal(standing(f, 2), AN_STANDING_UNACKED);
    r = next(f, 6);
    assert_int_equal(r.kind, AN_LOGGED_UNSHELVED);
    assert_int_equal(r.alarm, 0);
    assert_string_equal(r.by, "expiry");
    assert_string_equal(r.site, "plant-a");
    assert_int_equal(next(f, 7).alarm, 1);
    store(f, event(AN_LOGGED_RAISED, 4, 3));
    assert_int_equal(standing(f, 4), AN_STANDING_UNACKED);
}

static void one_alarm_is_shelved_and_taken_out_of_service_alone(void **state)
{
    fixture *f = *state;
    store(f, event(AN_LOGGED_RAISED, 1, 3));
    store(f, event(AN_LOGGED_RAISED, 2, 3));
    assert_int_equal(act(f, AN_LOGGED_SHELVED, 1, 100, 200), AN_OK);
    assert_int_equal(standing(f, 1), AN_STANDING_SHELVED);
    assert_int_equal(standing(f, 2), AN_STANDING_UNACKED);
    assert_int_equal(act(f, AN_LOGGED_REMOVED, 1, 110, 0), AN_OK);
    assert_int_equal(act(f, AN_LOGGED_UNSHELVED, 1, 120, 0), AN_OK);
    assert_int_equal(standing(f, 1), AN_STANDING_OUT);
    assert_int_equal(an_alarms_tick(f->log, 1000000, NULL), AN_OK);
    assert_int_equal(act(f, AN_LOGGED_RESTORED, 1, 130, 0), AN_OK);
    assert_int_equal(standing(f, 1), AN_STANDING_UNACKED);
    store(f, event(AN_LOGGED_CLEARED, 2, 9));
    assert_int_equal(act(f, AN_LOGGED_SHELVED, 2, 140, 200), AN_ERR_STATE); /* it is over */
}

static void what_a_rule_suppresses_is_recorded_and_not_shown(void **state)
{
    fixture *f = *state;
    an_alarms_stats s;
    an_alarm_record r = event(AN_LOGGED_RAISED, 1, 3);
    r.suppressed = true;
    store(f, r);
    assert_int_equal(standing(f, 1), AN_STANDING_SUPPRESSED);
    store(f, event(AN_LOGGED_RELEASED, 1, 5));
    assert_int_equal(standing(f, 1), AN_STANDING_UNACKED);
    store(f, event(AN_LOGGED_SUPPRESSED, 1, 8));
    store(f, event(AN_LOGGED_CLEARED, 1, 12));
    assert_int_equal(standing(f, 1), AN_STANDING_NORMAL);
    assert_true(next(f, 0).suppressed);
    assert_false(next(f, 0).ever_shown);
    assert_false(next(f, 1).suppressed);
    assert_true(next(f, 1).ever_shown);
    assert_true(next(f, 3).suppressed);
    assert_true(next(f, 3).ever_shown); /* so whoever was sent its begin is sent its end */
    r = event(AN_LOGGED_RAISED, 2, 3);
    r.suppressed = true;
    store(f, r);
    store(f, event(AN_LOGGED_CLEARED, 2, 12));
    assert_false(next(f, 5).ever_shown);
    assert_int_equal(an_alarms_stats_get(f->log, &s, NULL), AN_OK);
    assert_int_equal(s.suppressed, 3);
    assert_int_equal(s.open, 0);
}

static void a_reader_goes_on_where_it_was_and_never_back(void **state)
{
    fixture *f = *state;
    uint64_t at = 99;
    an_alarms_stats s;
    store(f, event(AN_LOGGED_RAISED, 1, 3));
    store(f, event(AN_LOGGED_RAISED, 2, 3));
    assert_int_equal(an_alarms_reader(f->log, "mqtt", false, &at, NULL), AN_OK);
    assert_int_equal(at, 0);
    assert_int_equal(an_alarms_reader(f->log, "late", true, &at, NULL), AN_OK);
    assert_int_equal(at, 2);
    assert_int_equal(an_alarms_delivered(f->log, "mqtt", 1, NULL), AN_OK);
    assert_int_equal(an_alarms_delivered(f->log, "nobody", 1, NULL), AN_ERR_NOTFOUND);
    again(f, 0);
    assert_int_equal(an_alarms_stats_get(f->log, &s, NULL), AN_OK);
    assert_int_equal(s.readers, 2);
    assert_int_equal(s.waiting, 1);
    assert_int_equal(an_alarms_delivered(f->log, "mqtt", 0, NULL), AN_OK);
    assert_int_equal(an_alarms_reader(f->log, "mqtt", true, &at, NULL), AN_OK);
    assert_int_equal(at, 1);
    assert_int_equal(an_alarms_reader(f->log, "../x", false, &at, NULL), AN_ERR_INVAL);
    assert_int_equal(an_alarms_reader_remove(f->log, "mqtt", NULL), AN_OK);
    assert_int_equal(an_alarms_delivered(f->log, "mqtt", 2, NULL), AN_ERR_NOTFOUND);
}

static void at_the_quota_the_oldest_go_and_a_reader_sees_how_many(void **state)
{
    fixture *f = *state;
    uint64_t at = 0, lost = 99;
    an_alarms_stats s;
    an_alarm_record r;
    again(f, 20000);
    assert_int_equal(an_alarms_reader(f->log, "mqtt", false, &at, NULL), AN_OK);
    for (uint64_t i = 1; i <= 10; i++) {
        store(f, event(AN_LOGGED_RAISED, i, 3));
        store(f, event(AN_LOGGED_CLEARED, i, 9));
    }
    assert_int_equal(an_alarms_delivered(f->log, "mqtt", 15, NULL), AN_OK);
    for (uint64_t i = 11; i <= 40; i++) {
        store(f, event(AN_LOGGED_RAISED, i, 3));
        store(f, event(AN_LOGGED_CLEARED, i, 9));
    }
    assert_int_equal(an_alarms_stats_get(f->log, &s, NULL), AN_OK);
    assert_true(s.bytes <= 20000 && s.bytes > 18000);
    assert_int_equal(s.dropped, 15);
    assert_int_equal(s.dropped + s.dropped_unread + s.records, 80);
    assert_true(s.dropped_unread > 0);
    assert_int_equal(an_alarms_next(f->log, 15, &r, &lost, NULL), AN_OK);
    assert_int_equal(lost, s.dropped_unread);
    assert_int_equal(r.seq, 16 + lost);
    assert_int_equal(an_alarms_next(f->log, r.seq, &r, &lost, NULL), AN_OK);
    assert_int_equal(lost, 0);
    an_alarm_row row; /* an alarm goes with its last record, and numbers are not given out again */
    assert_int_equal(an_alarms_get(f->log, "line-1", 1, &row, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_alarms_get(f->log, "line-1", 40, &row, NULL), AN_OK);
    assert_int_equal(an_alarms_last(f->log, "line-1", &at, NULL), AN_OK);
    assert_int_equal(at, 40);
}

static void an_active_alarm_is_kept_though_its_records_are_dropped(void **state)
{
    fixture *f = *state;
    an_alarm_row row;
    again(f, 8000);
    store(f, event(AN_LOGGED_RAISED, 1, 3));
    for (uint64_t i = 2; i <= 40; i++) {
        store(f, event(AN_LOGGED_RAISED, i, 3));
        store(f, event(AN_LOGGED_CLEARED, i, 9));
    }
    assert_int_equal(an_alarms_get(f->log, "line-1", 1, &row, NULL), AN_OK);
    assert_int_equal(an_alarm_standing(&row.state), AN_STANDING_UNACKED);
    assert_int_equal(an_alarms_get(f->log, "line-1", 2, &row, NULL), AN_ERR_NOTFOUND);
}

static bool note_alarm(void *ctx, const an_alarm_row *row)
{
    char *text = ctx;
    const size_t len = strlen(text);
    snprintf(text + len, 64 - len, "%s%llu", len ? " " : "", (unsigned long long)row->last.alarm);
    return true;
}

static void alarms_are_listed_newest_first(void **state)
{
    fixture *f = *state;
    char text[64] = "";
    for (uint64_t i = 1; i <= 4; i++)
        store(f, event(AN_LOGGED_RAISED, i, 3));
    store(f, event(AN_LOGGED_UPDATED, 1, 9));
    assert_int_equal(act(f, AN_LOGGED_ACKED, 2, 50, 0), AN_OK);
    store(f, event(AN_LOGGED_CLEARED, 2, 9));
    assert_int_equal(an_alarms_each(f->log, AN_ALARMS_OPEN, 0, note_alarm, text, NULL), AN_OK);
    assert_string_equal(text, "4 3 1");
    text[0] = '\0';
    assert_int_equal(an_alarms_each(f->log, AN_ALARMS_ALL, 3, note_alarm, text, NULL), AN_OK);
    assert_string_equal(text, "4 3 2");
}

/* ---- crashes ---- */

/* Raises and clears alarms and tells of each that is stored, until it is killed. */
static void child(const char *path, int fd, uint64_t from)
{
    const an_alarms_conf c = {.site = "plant-a"};
    an_alarms *log = NULL;
    if (an_alarms_open(path, &c, &log, NULL) != AN_OK)
        _exit(1);
    for (uint64_t i = from;; i++) {
        an_alarm_record r[2] = {event(AN_LOGGED_RAISED, i, 3), event(AN_LOGGED_CLEARED, i, 9)};
        if (an_alarms_store(log, r, 2, NULL) != AN_OK || write(fd, &i, sizeof i) != (ssize_t)sizeof i)
            _exit(1);
    }
}

static void after_kill_9_all_that_was_acknowledged_is_there_once_and_in_order(void **state)
{
    fixture *f = *state;
    uint64_t acknowledged = 0;
    an_alarms_close(f->log);
    f->log = NULL;
    for (int round = 0; round < 5; round++) {
        int fd[2];
        assert_int_equal(pipe(fd), 0);
        const uint64_t from =
            acknowledged > 3 ? acknowledged - 3 : 1; /* its position was kept a little before */
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child(f->path, fd[1], from);
        close(fd[1]);
        for (int i = 0; i < 10 + 7 * round; i++) {
            uint64_t n = 0;
            assert_int_equal(read(fd[0], &n, sizeof n), sizeof n);
            acknowledged = n > acknowledged ? n : acknowledged;
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        uint64_t n = 0; /* told before it died */
        while (read(fd[0], &n, sizeof n) == (ssize_t)sizeof n)
            acknowledged = n > acknowledged ? n : acknowledged;
        close(fd[0]);
    }
    f->log = open_log(f, 0);
    an_alarm_record r;
    uint64_t at = 0;
    while (an_alarms_next(f->log, at, &r, NULL, NULL) == AN_OK) {
        assert_int_equal(r.seq, at + 1);
        assert_int_equal(r.alarm, at / 2 + 1);
        assert_int_equal(r.kind, at % 2 ? AN_LOGGED_CLEARED : AN_LOGGED_RAISED);
        at = r.seq;
    }
    assert_int_equal(at % 2, 0);
    assert_true(at / 2 >= acknowledged);
}

static void running_out_of_memory_is_survived(void **state)
{
    fixture *f = *state;
    an_err err;
    size_t n = 0;
    again(f, 3000);
    const size_t live = an_mem_live();
    do {
        an_alarms *log = NULL;
        const an_alarms_conf c = {.site = "plant-a", .quota_bytes = 3000};
        an_alarm_record r[2] = {event(AN_LOGGED_RAISED, n + 1, 3), event(AN_LOGGED_CLEARED, n + 1, 9)};
        an_mem_fail_after(n++);
        err = an_alarms_open(f->path, &c, &log, NULL);
        if (!err)
            err = an_alarms_store(log, r, 2, NULL);
        if (!err)
            err = an_alarms_next(log, 0, r, NULL, NULL);
        an_mem_fail_never();
        an_alarms_close(log);
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    } while (err);
    assert_true(n > 5);
}

static void a_damaged_record_is_said_and_no_crash(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{\"kind\":\"flood\"}",
        "{\"kind\":7}",
        "{\"kind\":\"raised\",\"version\":\"12\"}",
        "{\"kind\":\"raised\",\"top\":[{\"sensor\":1}]}",
        "{\"kind\":\"raised\",\"alarm\":-1}",
        "{\"kind\":\"raised\",\"rules\":[{}]}",
        "{\"kind\":\"raised\",\"state\":\"\"}",
        "{\"kind\":\"raised\",\"score\":\"high\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        an_alarm_record r;
        assert_int_equal(an_alarm_record_parse(texts[i], strlen(texts[i]), &r, NULL), AN_ERR_PROTO);
    }
}

static bool count_row(void *ctx, const an_alarm_row *row)
{
    (void)row;
    ++*(size_t *)ctx;
    return true;
}

/* One alarm that cannot be read holds up neither the others nor its own end. */
static void an_alarm_whose_row_is_damaged_holds_up_nobody(void **state)
{
    fixture *f = *state;
    an_db *db = NULL;
    size_t seen = 0;
    store(f, event(AN_LOGGED_RAISED, 1, 1));
    store(f, event(AN_LOGGED_RAISED, 2, 1));
    assert_int_equal(an_db_open(f->path, &db, &f->why), AN_OK);
    assert_int_equal(an_db_exec(db, "UPDATE alarm SET body = '[]' WHERE alarm = 1", &f->why), AN_OK);
    an_db_close(db);
    assert_int_equal(an_alarms_each(f->log, AN_ALARMS_ALL, 0, count_row, &seen, &f->why), AN_OK);
    assert_int_equal(seen, 1);
    an_alarm_record r[2] = {event(AN_LOGGED_CLEARED, 1, 5), event(AN_LOGGED_CLEARED, 2, 5)};
    assert_int_equal(an_alarms_store(f->log, r, 2, &f->why), AN_OK);
    assert_int_equal(standing(f, 1), AN_STANDING_RETURNED);
    assert_int_equal(standing(f, 2), AN_STANDING_RETURNED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_record_is_read_back_as_it_was_stored),
        T(a_text_that_is_empty_is_no_key),
        T(a_score_that_is_not_there_is_null_and_comes_back_as_none),
        T(an_event_that_was_stored_is_not_stored_again),
        T(a_clear_after_other_rows_than_before_the_crash_is_taken),
        T(a_batch_is_stored_whole_or_not_at_all),
        T(bad_data_is_logged_once_and_belongs_to_no_alarm),
        T(a_person_acknowledges_comments_and_judges),
        T(a_shelved_line_hides_its_alarms_until_the_end),
        T(one_alarm_is_shelved_and_taken_out_of_service_alone),
        T(what_a_rule_suppresses_is_recorded_and_not_shown),
        T(a_reader_goes_on_where_it_was_and_never_back),
        T(at_the_quota_the_oldest_go_and_a_reader_sees_how_many),
        T(an_active_alarm_is_kept_though_its_records_are_dropped),
        T(alarms_are_listed_newest_first),
        T(after_kill_9_all_that_was_acknowledged_is_there_once_and_in_order),
        T(running_out_of_memory_is_survived),
        T(an_alarm_whose_row_is_damaged_holds_up_nobody),
        cmocka_unit_test(a_damaged_record_is_said_and_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
