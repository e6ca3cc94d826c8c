/* sinks.h - a log of alarms and sinks that read it, for the tests of sinks.
 *
 *     an_test_log t;
 *     an_test_log_open(&t, 0);
 *     an_test_log_raise(&t, 3);                               alarms 1, 2, 3 of line-1
 *     an_sink *s = an_test_sink_start(&t, "{name: a, type: file, path: /tmp/x}");
 *     an_test_sink_until(s, sent, 3);
 *     an_sink_stop(s);
 *     an_test_log_close(&t);
 *
 * Threads: one thread. */
#ifndef AN_TEST_SINKS_H
#define AN_TEST_SINKS_H

#include "agent/alarms.h"
#include "agent/sink.h"
#include "base/file.h"
#include "doors/yaml.h"

#define AN_TEST_SINK_DOCS 32

typedef struct an_test_log {
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_alarms *log;
    uint64_t alarm; /* the last that was raised */
    an_sink_site site;
    an_yaml *docs[AN_TEST_SINK_DOCS]; /* that sinks borrow from */
    size_t n_docs;
} an_test_log;

void an_test_log_open(an_test_log *t, uint64_t quota_bytes);
void an_test_log_close(an_test_log *t);
/* n further alarms of line-1, part "LOT7-0042", severity high. */
void an_test_log_raise(an_test_log *t, size_t n);
uint64_t an_test_log_store(an_test_log *t, an_alarm_record r);

/* Reads its configuration and starts it; ends the test if it cannot. */
an_sink *an_test_sink_start(an_test_log *t, const char *yaml);
/* The configuration's error; "" if it is right. */
void an_test_sink_conf(an_test_log *t, const char *yaml, an_sink_conf *ret, an_note *why);

/* Waits until the figure is n at least; ends the test after a minute. */
#define an_test_sink_until(sink, figure, n)                                                                  \
    do {                                                                                                     \
        const int64_t an_until = an_test_mono_ms() + 60000;                                                  \
        while (an_sink_stats_get(sink).figure < (n)) {                                                       \
            if (an_test_mono_ms() > an_until)                                                                \
                fail_msg("waited for " #figure ": %s", an_sink_stats_get(sink).error);                       \
            an_test_moment();                                                                                \
        }                                                                                                    \
    } while (0)
int64_t an_test_mono_ms(void);
void an_test_moment(void);

#endif
