/* Who reads the log of alarms beside the agent that writes it: threads with handles of their own, and a receiver that
 * is away for three days while the agent is killed again and again. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/alarms.h"
#include "agent/board.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/support/folder.h"

#define READERS 2
#define EVENTS 200

typedef struct fixture {
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(f->path, f->dir, "alarms.db"), AN_OK);
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

static an_alarms *open_log(const char *path, uint64_t quota)
{
    const an_alarms_conf c = {.site = "plant-a", .quota_bytes = quota};
    an_alarms *log = NULL;
    return an_alarms_open(path, &c, &log, NULL) == AN_OK ? log : NULL;
}

static an_alarm_record event(an_logged_kind kind, uint64_t alarm, uint64_t rows, int64_t ms)
{
    an_alarm_record r = {.kind = kind, .line = "line-1", .alarm = alarm, .rows = rows, .source = "model"};
    r.time_ms = ms;
    return r;
}

/* ---- threads ---- */

typedef struct reader {
    const char *path;
    char name[16];
    uint64_t seen;
    const char *wrong; /* NULL: nothing was */
    atomic_bool *over; /* the writer has failed: nothing more comes */
    pthread_t thread;
} reader;

/* Opens the log anew after each few records, as a sink that is restarted does. */
static void *read_all(void *ctx)
{
    reader *r = ctx;
    while (r->seen < EVENTS && !r->wrong && !atomic_load(r->over)) {
        uint64_t at = 0;
        an_alarms *log = open_log(r->path, 0);
        if (!log || an_alarms_reader(log, r->name, false, &at, NULL) != AN_OK || at != r->seen)
            r->wrong = "its cursor is not where it was";
        for (int i = 0; i < 50 && !r->wrong; i++) {
            an_alarm_record record;
            uint64_t lost = 0;
            an_err err = an_alarms_next(log, at, &record, &lost, NULL);
            if (err == AN_ERR_NOTFOUND)
                break;
            if (err != AN_OK || lost > 0 || record.seq != at + 1 || record.alarm != at / 2 + 1)
                r->wrong = "not the next record";
            else
                at = record.seq;
        }
        if (!r->wrong && an_alarms_delivered(log, r->name, at, NULL) != AN_OK)
            r->wrong = "its cursor is not moved";
        r->seen = at;
        an_alarms_close(log);
    }
    return NULL;
}

static void each_reader_gets_each_record_once_while_they_are_written(void **state)
{
    fixture *f = *state;
    reader readers[READERS];
    atomic_bool over;
    an_note why = {{0}};
    an_alarms *log = open_log(f->path, 0);
    assert_non_null(log);
    atomic_init(&over, false);
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (reader){.path = f->path, .over = &over};
        snprintf(readers[i].name, sizeof readers[i].name, "sink-%zu", i);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    an_err err = AN_OK;
    for (uint64_t i = 1; i <= EVENTS / 2 && err == AN_OK; i++) {
        an_alarm_record r[2] = {event(AN_LOGGED_RAISED, i, 1, 0), event(AN_LOGGED_CLEARED, i, 2, 0)};
        while ((err = an_alarms_store(log, r, 2, &why)) == AN_ERR_AGAIN)
            ; /* a reader moves its cursor; the agent tries again, too */
    }
    atomic_store(&over, err != AN_OK);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
    if (err != AN_OK)
        fail_msg("%s: %s", an_err_name(err), why.text);
    for (size_t i = 0; i < READERS; i++) {
        if (readers[i].wrong)
            fail_msg("%s: %s", readers[i].name, readers[i].wrong);
        assert_int_equal(readers[i].seen, EVENTS);
    }
    an_alarms_close(log);
}

typedef struct shown {
    an_board board;
    atomic_bool over;
} shown;

static void *show(void *ctx)
{
    shown *s = ctx;
    for (int i = 0; i < 20000; i++)
        an_board_show(&s->board, 1, i % 2 ? 2 : 1, NAN, i % 2);
    an_board_show(&s->board, 1, 3, NAN, true);
    atomic_store(&s->over, true);
    return NULL;
}

static void lines_see_one_another_without_waiting(void **state)
{
    (void)state;
    shown s;
    pthread_t thread;
    double score = 0;
    bool open = false, bad = false;
    an_board_init(&s.board);
    atomic_init(&s.over, false);
    assert_false(an_board_look(&s.board, 1, &score, &open));
    assert_int_equal(pthread_create(&thread, NULL, show, &s), 0);
    while (!atomic_load(&s.over))
        if (an_board_look(&s.board, 1, &score, &open))
            bad |= !(score > 0.5 && score < 3.5);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(bad);
    assert_true(an_board_look(&s.board, 1, &score, &open));
    assert_true(open && score > 2.5);
    an_board_clear(&s.board, 1);
    assert_false(an_board_look(&s.board, 1, &score, &open));
}

/* ---- three days ---- */

#define EVERY_MS INT64_C(600000) /* an alarm each ten minutes, over after five */

#define HOUR_ALARMS 6

static void store_hour(an_alarms *log, uint64_t hour, bool known)
{
    an_alarm_record r[2 * HOUR_ALARMS];
    for (uint64_t i = 0; i < HOUR_ALARMS; i++) {
        const uint64_t alarm = hour * HOUR_ALARMS + i + 1;
        const int64_t ms = (int64_t)alarm * EVERY_MS;
        r[2 * i] = event(AN_LOGGED_RAISED, alarm, 3, ms);
        r[2 * i + 1] = event(AN_LOGGED_CLEARED, alarm, 300, ms + EVERY_MS / 2);
    }
    assert_int_equal(an_alarms_store(log, r, 2 * HOUR_ALARMS, NULL), AN_OK);
    for (size_t i = 0; i < 2 * HOUR_ALARMS; i++)
        assert_true((r[i].seq == 0) == known);
}

/* The agent's side of three days.  Every fifth hour it is killed, when its position is two hours old, and tells the log of those
 * again.  Returns how many events there were. */
static uint64_t three_days(const char *path, uint64_t quota)
{
    an_alarms *log = open_log(path, quota);
    uint64_t n = 0;
    for (uint64_t hour = 0; hour < 72; hour++) {
        if (hour % 5 == 4) {
            an_alarms_close(log);
            log = open_log(path, quota);
            assert_non_null(log);
            store_hour(log, hour - 2, true);
            store_hour(log, hour - 1, true);
        }
        store_hour(log, hour, false);
        n += 2 * HOUR_ALARMS;
    }
    an_alarms_close(log);
    return n;
}

/* Reads all there is.  Returns how many came, in order; *ret_lost: how many it was told are gone. */
static uint64_t forward(const char *path, uint64_t *ret_lost)
{
    uint64_t at = 0, came = 0, before = 0;
    an_alarm_record r;
    an_alarms *log = open_log(path, 0);
    assert_non_null(log);
    assert_int_equal(an_alarms_reader(log, "webhook", false, &at, NULL), AN_OK);
    *ret_lost = 0;
    for (uint64_t lost = 0; an_alarms_next(log, at, &r, &lost, NULL) == AN_OK; at = r.seq) {
        const uint64_t place = 2 * r.alarm + (r.kind == AN_LOGGED_CLEARED);
        assert_true(place > before);
        before = place;
        came++;
        *ret_lost += lost;
    }
    assert_int_equal(an_alarms_delivered(log, "webhook", at, NULL), AN_OK);
    an_alarms_close(log);
    return came;
}

static void after_three_days_offline_all_is_forwarded_once_and_in_order(void **state)
{
    fixture *f = *state;
    uint64_t at = 0, lost = 9;
    an_alarms *log = open_log(f->path, 0);
    assert_int_equal(an_alarms_reader(log, "webhook", false, &at, NULL), AN_OK); /* and then it is away */
    an_alarms_close(log);
    const uint64_t n = three_days(f->path, 0);
    assert_int_equal(n, 864);
    assert_int_equal(forward(f->path, &lost), n);
    assert_int_equal(lost, 0);
    assert_int_equal(forward(f->path, &lost), 0);
}

static void at_the_quota_the_oldest_are_missing_and_their_number_is_known_on_both_sides(void **state)
{
    fixture *f = *state;
    uint64_t at = 0, lost = 0;
    an_alarms_stats s;
    an_alarms *log = open_log(f->path, 100000);
    assert_int_equal(an_alarms_reader(log, "webhook", false, &at, NULL), AN_OK);
    an_alarms_close(log);
    const uint64_t n = three_days(f->path, 100000);
    log = open_log(f->path, 100000);
    assert_int_equal(an_alarms_stats_get(log, &s, NULL), AN_OK);
    assert_int_equal(s.waiting, s.records);
    an_alarms_close(log);
    assert_true(s.bytes <= 100000 && s.dropped_unread > 0);
    assert_int_equal(s.dropped, 0);
    const uint64_t came = forward(f->path, &lost);
    assert_int_equal(lost, s.dropped_unread);
    assert_int_equal(came + lost, n);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(each_reader_gets_each_record_once_while_they_are_written),
        cmocka_unit_test(lines_see_one_another_without_waiting),
        T(after_three_days_offline_all_is_forwarded_once_and_in_order),
        T(at_the_quota_the_oldest_are_missing_and_their_number_is_known_on_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
