/* The site's log of alarms after crashes, damage and without memory. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "doors/sqlite.h"
#include "tests/support/alarm_log.h"

/* Raises and clears alarms and tells of each that is stored, until it is killed. */
static void child(const char *path, int fd, uint64_t from)
{
    const an_alarms_conf c = {.site = "plant-a"};
    an_alarms *log = NULL;
    if (an_alarms_open(path, &c, &log, NULL) != AN_OK)
        _exit(1);
    for (uint64_t i = from;; i++) {
        an_alarm_record r[2] = {alarm_log_event(AN_LOGGED_RAISED, i, 3),
                                alarm_log_event(AN_LOGGED_CLEARED, i, 9)};
        if (an_alarms_store(log, r, 2, NULL) != AN_OK || write(fd, &i, sizeof i) != (ssize_t)sizeof i)
            _exit(1);
    }
}

static void after_kill_9_all_that_was_acknowledged_is_there_once_and_in_order(void **state)
{
    alarm_log *f = *state;
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
    f->log = alarm_log_open(f, 0);
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
    alarm_log *f = *state;
    an_err err;
    size_t n = 0;
    alarm_log_again(f, 3000);
    const size_t live = an_mem_live();
    do {
        an_alarms *log = NULL;
        const an_alarms_conf c = {.site = "plant-a", .quota_bytes = 3000};
        an_alarm_record r[2] = {alarm_log_event(AN_LOGGED_RAISED, n + 1, 3),
                                alarm_log_event(AN_LOGGED_CLEARED, n + 1, 9)};
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
    alarm_log *f = *state;
    an_db *db = NULL;
    size_t seen = 0;
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 1, 1));
    alarm_log_store(f, alarm_log_event(AN_LOGGED_RAISED, 2, 1));
    assert_int_equal(an_db_open(f->path, &db, &f->why), AN_OK);
    assert_int_equal(an_db_exec(db, "UPDATE alarm SET body = '[]' WHERE alarm = 1", &f->why), AN_OK);
    an_db_close(db);
    assert_int_equal(an_alarms_each(f->log, AN_ALARMS_ALL, 0, count_row, &seen, &f->why), AN_OK);
    assert_int_equal(seen, 1);
    an_alarm_record r[2] = {alarm_log_event(AN_LOGGED_CLEARED, 1, 5),
                            alarm_log_event(AN_LOGGED_CLEARED, 2, 5)};
    assert_int_equal(an_alarms_store(f->log, r, 2, &f->why), AN_OK);
    assert_int_equal(alarm_log_standing(f, 1), AN_STANDING_RETURNED);
    assert_int_equal(alarm_log_standing(f, 2), AN_STANDING_RETURNED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, alarm_log_setup, alarm_log_teardown)
    const struct CMUnitTest tests[] = {
        T(after_kill_9_all_that_was_acknowledged_is_there_once_and_in_order),
        T(running_out_of_memory_is_survived),
        cmocka_unit_test(a_damaged_record_is_said_and_no_crash),
        T(an_alarm_whose_row_is_damaged_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
