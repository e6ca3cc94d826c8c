#include "tests/support/sinks.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/folder.h"

void an_test_log_open(an_test_log *t, uint64_t quota_bytes)
{
    const an_alarms_conf conf = {.site = "plant-a", .quota_bytes = quota_bytes};
    an_note why = {{0}};
    *t = (an_test_log){.log = NULL};
    an_test_folder_make(t->dir);
    assert_int_equal(an_path_join(t->path, t->dir, "alarms.db"), AN_OK);
    t->site = (an_sink_site){.site = "plant-a", .data = t->dir, .alarms = t->path};
    if (an_alarms_open(t->path, &conf, &t->log, &why) != AN_OK)
        fail_msg("%s", why.text);
}

void an_test_log_close(an_test_log *t)
{
    an_alarms_close(t->log);
    for (size_t i = 0; i < t->n_docs; i++)
        an_yaml_free(t->docs[i]);
    an_test_folder_remove(t->dir);
}

uint64_t an_test_log_store(an_test_log *t, an_alarm_record r)
{
    an_note why = {{0}};
    if (an_alarms_store(t->log, &r, 1, &why) != AN_OK)
        fail_msg("%s", why.text);
    return r.seq;
}

void an_test_log_raise(an_test_log *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t alarm = ++t->alarm;
        const an_alarm_record r = {.kind = AN_LOGGED_RAISED,
                                   .line = "line-1",
                                   .alarm = alarm,
                                   .severity = AN_SEVERITY_HIGH,
                                   .source = "model",
                                   .time_ms = 1772000000000 + (int64_t)alarm,
                                   .recorded_ms = an_clock_system()->wall_ms(an_clock_system()),
                                   .since_ms = 1772000000000,
                                   .rows = alarm,
                                   .score = 1.5,
                                   .raw = 0.25,
                                   .peak = 1.75,
                                   .top = {{.sensor = "flow \"x\"", .share = 0.75}},
                                   .n_top = 1,
                                   .part = "LOT7-0042",
                                   .reason = "Flow is low."};
        an_test_log_store(t, r);
    }
}

void an_test_sink_conf(an_test_log *t, const char *yaml, an_sink_conf *ret, an_note *why)
{
    an_yaml *doc = NULL;
    assert_true(t->n_docs < AN_TEST_SINK_DOCS);
    an_err err = an_yaml_parse(yaml, strlen(yaml), "test", &doc, why);
    if (err == AN_OK) {
        t->docs[t->n_docs++] = doc;
        err = an_sink_conf_read(an_yaml_root(doc), ret, NULL, NULL, why);
    }
    assert_int_equal(err != AN_OK, why->text[0] != '\0');
}

an_sink *an_test_sink_start(an_test_log *t, const char *yaml)
{
    an_note why = {{0}};
    an_sink_conf conf;
    an_sink *s = NULL;
    an_test_sink_conf(t, yaml, &conf, &why);
    if (why.text[0] || an_sink_start(&conf, &t->site, &s, &why) != AN_OK)
        fail_msg("%s", why.text);
    return s;
}

int64_t an_test_mono_ms(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

void an_test_moment(void)
{
    poll(NULL, 0, 1);
}
