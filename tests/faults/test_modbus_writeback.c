/* The write-back against a real slave: nothing before two people have enabled it, then what is true, and no good that is
 * late; a slave that is mute; the journal and the registers say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/writeback_ask.h"
#include "agent/writeback_run.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "doors/modbus.h"
#include "tests/support/modbus_slave.h"
#include "tests/support/sinks.h"

#define HEARTBEAT 150
#define SEQUENCE 151
#define VALUE 152
#define COIL 6

typedef struct fixture {
    an_test_log t;
    an_slave slave;
    an_wb_conf conf;
    an_wb *w;
    char keys[2][AN_PATH_MAX], status[AN_PATH_MAX];
    uint64_t scored;
    int64_t asked_ms; /* of the last request: two of one moment would be one that is repeated */
    bool silent;      /* the agent says nothing any more */
    bool open;        /* it says that an alarm is open */
    an_note why;
} fixture;

static int64_t wall_ms(void)
{
    return an_clock_system()->wall_ms(an_clock_system());
}

static int setup(void **state)
{
    static const char *const names[] = {"anna", "ben"};
    fixture *f = an_alloc(1, sizeof *f);
    an_test_log_open(&f->t, 0);
    an_slave_init(&f->slave, "tcp", 0, 1);
    an_slave_start(&f->slave);
    f->conf = (an_wb_conf){.there = true,
                           .host = "127.0.0.1",
                           .unit = 1,
                           .heartbeat = HEARTBEAT,
                           .sequence = SEQUENCE,
                           .timeout_ms = 300,
                           .period_ms = 20,
                           .people = {.window_ms = 60000, .for_ms = 3600000},
                           .n_persons = 2,
                           .n = 2};
    snprintf(f->conf.port, sizeof f->conf.port, "%.7s", f->slave.port);
    f->conf.places[0] = (an_wb_place){.name = "verdict",
                                      .line = "line-1",
                                      .address = VALUE,
                                      .severity = AN_SEVERITY_HIGH,
                                      .deadline_ms = 2000,
                                      .target = {{10, 11, 12}, 10, 12, 60}};
    f->conf.places[1] = (an_wb_place){.name = "stop",
                                      .line = "line-1",
                                      .coil = true,
                                      .address = COIL,
                                      .severity = AN_SEVERITY_HIGH,
                                      .deadline_ms = 2000,
                                      .target = {{1, 0, 1}, 0, 1, 60}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(an_path_join(f->keys[i], f->t.dir, names[i]), AN_OK);
        assert_int_equal(an_file_write(f->keys[i], names[i], strlen(names[i]), 0600, NULL), AN_OK);
        snprintf(f->conf.persons[i].name, AN_NAME_MAX, "%s", names[i]);
        f->conf.persons[i].key_file = f->keys[i];
    }
    assert_int_equal(an_path_join(f->status, f->t.dir, "status.json"), AN_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_wb_stop(f->w);
    an_slave_done(&f->slave);
    an_test_log_close(&f->t);
    an_free(f);
    return 0;
}

static void start(fixture *f)
{
    if (an_wb_start(&f->conf, "plant-a", f->t.dir, &f->w, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
}

/* The agent lives: it says that another row was scored. */
static void tick(fixture *f)
{
    char text[256];
    if (!f->silent) {
        snprintf(text, sizeof text,
                 "{\"time_ms\":%lld,\"lines\":[{\"line\":\"line-1\",\"version\":\"abc\",\"scored\":%llu,"
                 "\"alarm_open\":%s}]}",
                 (long long)wall_ms(), (unsigned long long)++f->scored, f->open ? "true" : "false");
        assert_int_equal(an_file_write(f->status, text, strlen(text), 0644, NULL), AN_OK);
    }
    an_test_moment();
}

static void until_verdict(fixture *f, an_wb_verdict_kind v)
{
    const int64_t until = an_test_mono_ms() + 30000;
    const uint64_t beats = an_wb_stats_get(f->w).beats;
    while (an_wb_stats_get(f->w).verdicts[0] != v || an_wb_stats_get(f->w).beats < beats + 2) {
        if (an_test_mono_ms() > until)
            fail_msg("it does not become %s", an_wb_verdict_name(v));
        tick(f);
    }
}

#define UNTIL(f, figure, n)                                                                                  \
    do {                                                                                                     \
        const int64_t an_until = an_test_mono_ms() + 30000;                                                  \
        while (an_wb_stats_get((f)->w).figure < (n)) {                                                       \
            if (an_test_mono_ms() > an_until)                                                                \
                fail_msg("waited for " #figure);                                                             \
            tick(f);                                                                                         \
        }                                                                                                    \
    } while (0)

static void ask(fixture *f, size_t who)
{
    const int64_t now = wall_ms();
    f->asked_ms = now > f->asked_ms ? now : f->asked_ms + 1;
    assert_int_equal(
        an_wb_leave(f->t.dir, "plant-a", f->conf.persons[who].name, f->keys[who], f->asked_ms, &f->why),
        AN_OK);
}

static void enable(fixture *f)
{
    ask(f, 0);
    ask(f, 1);
    UNTIL(f, enabled, true);
}

static uint16_t reads(fixture *f, an_modbus_table table, int address)
{
    const an_modbus_conf conf = {.host = "127.0.0.1", .port = f->slave.port};
    an_modbus *m = NULL;
    uint16_t v = 0;
    int exception = 0;
    assert_int_equal(an_modbus_new(&conf, &m, NULL), AN_OK);
    assert_int_equal(an_modbus_connect(m, 1000, NULL), AN_OK);
    const an_modbus_ask q = {.unit = 1, .table = table, .address = address, .n = 1, .timeout_ms = 1000};
    assert_int_equal(an_modbus_read(m, &q, &v, &exception, &f->why), AN_OK);
    an_modbus_free(m);
    return v;
}

/* How often the journal has the text. */
static size_t said(fixture *f, const char *text)
{
    char path[AN_PATH_MAX];
    size_t n = 0;
    an_buf b;
    an_buf_init(&b, 1u << 20);
    assert_int_equal(an_path_join(path, f->t.dir, "writeback.jsonl"), AN_OK);
    assert_int_equal(an_file_read(&b, path, NULL), AN_OK);
    an_buf_u8(&b, 0);
    for (const char *at = (const char *)b.data; (at = strstr(at, text)); at++)
        n++;
    an_buf_done(&b);
    return n;
}

static size_t journal(fixture *f, const char *what)
{
    char quoted[80];
    snprintf(quoted, sizeof quoted, "\"what\":\"%s\"", what);
    return said(f, quoted);
}

static void until_said(fixture *f, const char *text)
{
    const int64_t until = an_test_mono_ms() + 30000;
    while (said(f, text) == 0) {
        if (an_test_mono_ms() > until)
            fail_msg("the journal never has %s", text);
        tick(f);
    }
}

static void nothing_is_written_before_two_people_have_enabled_it(void **state)
{
    fixture *f = *state;
    start(f);
    an_wb *second = NULL;
    assert_int_equal(an_wb_start(&f->conf, "plant-a", f->t.dir, &second, &f->why), AN_ERR_STATE);
    ask(f, 0);
    ask(f, 0); /* the same person twice is one */
    assert_int_equal(an_wb_leave(f->t.dir, "plant-a", "ben", f->keys[0], wall_ms(), &f->why), AN_OK);
    UNTIL(f, refused, 1);
    const int64_t until = an_test_mono_ms() + 300;
    while (an_test_mono_ms() < until)
        tick(f);
    assert_false(an_wb_stats_get(f->w).enabled);
    assert_int_equal(an_wb_stats_get(f->w).writes, 0);
    assert_int_equal(atomic_load(&f->slave.shared->served), 0);
    ask(f, 1);
    UNTIL(f, writes, 2);
    an_wb_stop(f->w);
    f->w = NULL;
    assert_int_equal(journal(f, "a request was refused"), 1);
    start(f); /* again: it is not enabled, whatever was before */
    const unsigned served = atomic_load(&f->slave.shared->served);
    const int64_t later = an_test_mono_ms() + 300;
    while (an_test_mono_ms() < later)
        tick(f);
    assert_int_equal(atomic_load(&f->slave.shared->served), served);
}

static void what_is_true_stands_there_and_late_is_unknown(void **state)
{
    fixture *f = *state;
    start(f);
    enable(f);
    until_verdict(f, AN_WB_GOOD);
    an_test_log_raise(&f->t, 1);
    until_verdict(f, AN_WB_BAD);
    an_alarm_record over = {
        .kind = AN_LOGGED_CLEARED, .line = "line-1", .alarm = 1, .rows = 9, .severity = AN_SEVERITY_HIGH};
    an_test_log_store(&f->t, over);
    until_verdict(f, AN_WB_GOOD);
    f->silent = true; /* the agent hangs: good must not stay */
    until_verdict(f, AN_WB_UNKNOWN);
    f->silent = false;
    until_verdict(f, AN_WB_GOOD);
    const an_wb_stats s = an_wb_stats_get(f->w);
    assert_int_equal(s.failed, 0);
    an_wb_stop(f->w);
    f->w = NULL;
    assert_int_equal(reads(f, AN_MODBUS_HOLDING, VALUE), 11);
    assert_int_equal(reads(f, AN_MODBUS_COIL, COIL), 0);
    assert_int_equal(reads(f, AN_MODBUS_HOLDING, SEQUENCE), s.writes);
    assert_true(reads(f, AN_MODBUS_HOLDING, HEARTBEAT) >= s.beats);
    assert_int_equal(journal(f, "write"), s.writes);
    assert_int_equal(journal(f, "enabled by a second person"), 1);
}

static void a_mute_controller_is_told_what_is_true_when_it_speaks_again(void **state)
{
    fixture *f = *state;
    start(f);
    enable(f);
    until_verdict(f, AN_WB_GOOD);
    atomic_store(&f->slave.shared->mute, 1);
    UNTIL(f, failed, 2);
    const uint64_t beats = an_wb_stats_get(f->w).beats;
    an_test_log_raise(&f->t, 1);
    UNTIL(f, failed, 3);
    assert_int_equal(an_wb_stats_get(f->w).beats, beats);
    atomic_store(&f->slave.shared->mute, 0);
    until_verdict(f, AN_WB_BAD);
    an_wb_stop(f->w);
    f->w = NULL;
    assert_int_equal(reads(f, AN_MODBUS_HOLDING, VALUE), 12);
    assert_int_equal(reads(f, AN_MODBUS_COIL, COIL), 1);
}

static void one_person_ends_it_and_the_heartbeat_stands_still(void **state)
{
    fixture *f = *state;
    start(f);
    enable(f);
    until_verdict(f, AN_WB_GOOD);
    assert_int_equal(an_wb_leave(f->t.dir, "plant-a", "carl", NULL, wall_ms(), &f->why), AN_OK);
    while (an_wb_stats_get(f->w).enabled)
        tick(f);
    const unsigned served = atomic_load(&f->slave.shared->served);
    an_test_log_raise(&f->t, 1);
    const int64_t until = an_test_mono_ms() + 300;
    while (an_test_mono_ms() < until)
        tick(f);
    assert_int_equal(atomic_load(&f->slave.shared->served), served);
    assert_int_equal(journal(f, "ended by a person"), 1);
}

static void too_many_changes_stop_the_heartbeat(void **state)
{
    fixture *f = *state;
    f->conf.places[0].target.rate_minute = 2; /* unknown, good, and no more */
    start(f);
    enable(f);
    until_verdict(f, AN_WB_GOOD);
    an_test_log_raise(&f->t, 1);
    UNTIL(f, too_often, 2);
    const uint64_t beats = an_wb_stats_get(f->w).beats;
    UNTIL(f, too_often, 10);
    assert_int_equal(an_wb_stats_get(f->w).beats, beats);
    an_wb_stop(f->w);
    f->w = NULL;
    assert_int_equal(reads(f, AN_MODBUS_HOLDING, VALUE), 11); /* not true: that is why */
    assert_int_equal(reads(f, AN_MODBUS_COIL, COIL), 1);
}

static void a_dry_run_says_and_does_not(void **state)
{
    fixture *f = *state;
    f->conf.dry_run = true;
    start(f);
    until_said(f, "\"value\":11,\"verdict\":\"good\"");
    until_said(f, "\"value\":0,\"verdict\":\"good\"");
    an_test_log_raise(&f->t, 1);
    until_said(f, "\"value\":12,\"verdict\":\"bad\"");
    until_said(f, "\"value\":1,\"verdict\":\"bad\"");
    an_wb_stop(f->w);
    f->w = NULL;
    assert_true(journal(f, "would write") >= 4);
    assert_int_equal(journal(f, "write"), 0);
    assert_int_equal(atomic_load(&f->slave.shared->served), 0);
}

static void an_alarm_that_could_not_be_logged_is_not_good(void **state)
{
    fixture *f = *state;
    start(f);
    enable(f);
    until_verdict(f, AN_WB_GOOD);
    f->open = true;
    until_verdict(f, AN_WB_UNKNOWN);
    an_test_log_raise(&f->t, 1);
    until_verdict(f, AN_WB_BAD);
}

static void a_log_that_is_set_aside_is_not_believed(void **state)
{
    fixture *f = *state;
    char path[AN_PATH_MAX], aside[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, f->t.dir, "alarms.db"), AN_OK);
    assert_int_equal(an_path_join(aside, f->t.dir, "alarms.db.damaged"), AN_OK);
    start(f);
    enable(f);
    until_verdict(f, AN_WB_GOOD);
    assert_int_equal(rename(path, aside), 0);
    until_verdict(f, AN_WB_UNKNOWN);
    assert_int_not_equal(access(path, F_OK), 0); /* it makes none */
    assert_int_equal(rename(aside, path), 0);
    until_verdict(f, AN_WB_GOOD);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(int argc, char **argv)
{
    an_part_add("slave", an_slave_main);
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    an_json_init();
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        T(an_alarm_that_could_not_be_logged_is_not_good),
        T(a_log_that_is_set_aside_is_not_believed),
        T(nothing_is_written_before_two_people_have_enabled_it),
        T(what_is_true_stands_there_and_late_is_unknown),
        T(a_mute_controller_is_told_what_is_true_when_it_speaks_again),
        T(one_person_ends_it_and_the_heartbeat_stands_still),
        T(too_many_changes_stop_the_heartbeat),
        T(a_dry_run_says_and_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
