/* alarm_log.h - a site's log of alarms in a folder of the test's own.
 *
 *     cmocka_unit_test_setup_teardown(some_test, alarm_log_setup, alarm_log_teardown)       *state is an alarm_log
 *
 * All fail the test.  Threads: belongs to one. */
#ifndef AN_TEST_ALARM_LOG_H
#define AN_TEST_ALARM_LOG_H

#include "agent/alarms.h"
#include "base/file.h"

typedef struct alarm_log {
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_alarms *log;
    an_note why;
} alarm_log;

int alarm_log_setup(void **state);
int alarm_log_teardown(void **state);
an_alarms *alarm_log_open(alarm_log *f, uint64_t quota); /* quota: bytes, 0: none */
void alarm_log_again(alarm_log *f, uint64_t quota);      /* closed and opened */

/* An event of line-1 that fills every field. */
an_alarm_record alarm_log_event(an_logged_kind kind, uint64_t alarm, uint64_t rows);
uint64_t alarm_log_store(alarm_log *f, an_alarm_record r); /* its number in the log */
an_alarm_record alarm_log_next(alarm_log *f, uint64_t after);
an_standing alarm_log_standing(alarm_log *f,
                               uint64_t alarm); /* of line-1's alarm; both accounts of it agree */
an_err alarm_log_act(alarm_log *f, an_logged_kind kind, uint64_t alarm, int64_t now_ms, int64_t until_ms);

#endif
