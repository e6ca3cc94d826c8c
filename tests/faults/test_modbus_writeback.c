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

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "doors/modbus.h"
#include "tests/support/modbus_slave.h"
#include "tests/support/writeback.h"

#define HEARTBEAT 150
#define SEQUENCE 151
#define VALUE 152
#define COIL 6

static an_slave slave;

static int setup(void **state)
{
    an_wb_test *f = an_wb_test_new();
    an_slave_init(&slave, "tcp", 0, 1);
    an_slave_start(&slave);
    f->conf = (an_wb_conf){.there = true,
                           .host = "127.0.0.1",
                           .unit = 1,
                           .heartbeat = HEARTBEAT,
                           .sequence = SEQUENCE,
                           .timeout_ms = 300,
                           .period_ms = 20,
                           .people = {.window_ms = 60000, .for_ms = 3600000},
                           .n = 2};
    snprintf(f->conf.port, sizeof f->conf.port, "%.7s", slave.port);
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
    an_wb_test_people(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    an_wb_test *f = *state;
    an_wb_stop(f->w);
    an_slave_done(&slave);
    an_wb_test_free(f);
    return 0;
}

static uint16_t reads(an_wb_test *f, an_modbus_table table, int address)
{
    const an_modbus_conf conf = {.host = "127.0.0.1", .port = slave.port};
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

static void nothing_is_written_before_two_people_have_enabled_it(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_start(f);
    an_wb *second = NULL;
    assert_int_equal(an_wb_start(&f->conf, "plant-a", f->t.dir, &second, &f->why), AN_ERR_STATE);
    an_wb_test_ask(f, 0);
    an_wb_test_ask(f, 0); /* the same person twice is one */
    assert_int_equal(an_wb_leave(f->t.dir, "plant-a", "ben", f->keys[0], an_test_wall_ms(), &f->why), AN_OK);
    AN_WB_UNTIL(f, refused, 1);
    const int64_t until = an_test_mono_ms() + 300;
    while (an_test_mono_ms() < until)
        an_wb_test_tick(f);
    assert_false(an_wb_stats_get(f->w).enabled);
    assert_int_equal(an_wb_stats_get(f->w).writes, 0);
    assert_int_equal(atomic_load(&slave.shared->served), 0);
    an_wb_test_ask(f, 1);
    AN_WB_UNTIL(f, writes, 2);
    an_wb_stop(f->w);
    f->w = NULL;
    assert_int_equal(an_wb_test_journal(f, "a request was refused"), 1);
    an_wb_test_start(f); /* again: it is not enabled, whatever was before */
    const unsigned served = atomic_load(&slave.shared->served);
    const int64_t later = an_test_mono_ms() + 300;
    while (an_test_mono_ms() < later)
        an_wb_test_tick(f);
    assert_int_equal(atomic_load(&slave.shared->served), served);
}

static void what_is_true_stands_there_and_late_is_unknown(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    an_test_log_raise(&f->t, 1);
    an_wb_test_until_verdict(f, AN_WB_BAD);
    an_alarm_record over = {
        .kind = AN_LOGGED_CLEARED, .line = "line-1", .alarm = 1, .rows = 9, .severity = AN_SEVERITY_HIGH};
    an_test_log_store(&f->t, over);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    f->silent = true; /* the agent hangs: good must not stay */
    an_wb_test_until_verdict(f, AN_WB_UNKNOWN);
    f->silent = false;
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    const an_wb_stats s = an_wb_stats_get(f->w);
    assert_int_equal(s.failed, 0);
    an_wb_stop(f->w);
    f->w = NULL;
    assert_int_equal(reads(f, AN_MODBUS_HOLDING, VALUE), 11);
    assert_int_equal(reads(f, AN_MODBUS_COIL, COIL), 0);
    assert_int_equal(reads(f, AN_MODBUS_HOLDING, SEQUENCE), s.writes);
    assert_true(reads(f, AN_MODBUS_HOLDING, HEARTBEAT) >= s.beats);
    assert_int_equal(an_wb_test_journal(f, "write"), s.writes);
    assert_int_equal(an_wb_test_journal(f, "enabled by a second person"), 1);
}

/* Advice is for people: with it everything is written as without it, and nothing else is. */
static void advice_is_never_written(void **state)
{
    an_wb_test *f = *state;
    enum { FIRST = 110, LAST = 180 };
    uint16_t before[LAST], coils[COIL + 8];
    for (int i = FIRST; i < LAST; i++)
        before[i] = reads(f, AN_MODBUS_HOLDING, i);
    for (int i = 0; i < COIL + 8; i++)
        coils[i] = reads(f, AN_MODBUS_COIL, i);
    an_wb_test_advise(f);
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    an_test_log_raise(&f->t, 1);
    an_wb_test_until_verdict(f, AN_WB_BAD);
    an_wb_stop(f->w);
    f->w = NULL;
    assert_int_equal(reads(f, AN_MODBUS_HOLDING, VALUE), 12);
    for (int i = FIRST; i < LAST; i++)
        if (i != HEARTBEAT && i != SEQUENCE && i != VALUE)
            assert_int_equal(reads(f, AN_MODBUS_HOLDING, i), before[i]);
    for (int i = 0; i < COIL + 8; i++)
        if (i != COIL)
            assert_int_equal(reads(f, AN_MODBUS_COIL, i), coils[i]);
    assert_int_equal(an_wb_test_said(f, "advice") + an_wb_test_said(f, AN_WB_ADVISED), 0);
}

static void a_mute_controller_is_told_what_is_true_when_it_speaks_again(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    atomic_store(&slave.shared->mute, 1);
    AN_WB_UNTIL(f, failed, 2);
    const uint64_t beats = an_wb_stats_get(f->w).beats;
    an_test_log_raise(&f->t, 1);
    AN_WB_UNTIL(f, failed, 3);
    assert_int_equal(an_wb_stats_get(f->w).beats, beats);
    atomic_store(&slave.shared->mute, 0);
    an_wb_test_until_verdict(f, AN_WB_BAD);
    an_wb_stop(f->w);
    f->w = NULL;
    assert_int_equal(reads(f, AN_MODBUS_HOLDING, VALUE), 12);
    assert_int_equal(reads(f, AN_MODBUS_COIL, COIL), 1);
}

static void one_person_ends_it_and_the_heartbeat_stands_still(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    assert_int_equal(an_wb_leave(f->t.dir, "plant-a", "carl", NULL, an_test_wall_ms(), &f->why), AN_OK);
    while (an_wb_stats_get(f->w).enabled)
        an_wb_test_tick(f);
    const unsigned served = atomic_load(&slave.shared->served);
    an_test_log_raise(&f->t, 1);
    const int64_t until = an_test_mono_ms() + 300;
    while (an_test_mono_ms() < until)
        an_wb_test_tick(f);
    assert_int_equal(atomic_load(&slave.shared->served), served);
    assert_int_equal(an_wb_test_journal(f, "ended by a person"), 1);
}

static void too_many_changes_stop_the_heartbeat(void **state)
{
    an_wb_test *f = *state;
    f->conf.places[0].target.rate_minute = 2; /* unknown, good, and no more */
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    an_test_log_raise(&f->t, 1);
    AN_WB_UNTIL(f, too_often, 2);
    const uint64_t beats = an_wb_stats_get(f->w).beats;
    AN_WB_UNTIL(f, too_often, 10);
    assert_int_equal(an_wb_stats_get(f->w).beats, beats);
    an_wb_stop(f->w);
    f->w = NULL;
    assert_int_equal(reads(f, AN_MODBUS_HOLDING, VALUE), 11); /* not true: that is why */
    assert_int_equal(reads(f, AN_MODBUS_COIL, COIL), 1);
}

static void a_dry_run_says_and_does_not(void **state)
{
    an_wb_test *f = *state;
    f->conf.dry_run = true;
    an_wb_test_start(f);
    an_wb_test_until_said(f, "\"value\":11,\"verdict\":\"good\"");
    an_wb_test_until_said(f, "\"value\":0,\"verdict\":\"good\"");
    an_test_log_raise(&f->t, 1);
    an_wb_test_until_said(f, "\"value\":12,\"verdict\":\"bad\"");
    an_wb_test_until_said(f, "\"value\":1,\"verdict\":\"bad\"");
    an_wb_stop(f->w);
    f->w = NULL;
    assert_true(an_wb_test_journal(f, "would write") >= 4);
    assert_int_equal(an_wb_test_journal(f, "write"), 0);
    assert_int_equal(atomic_load(&slave.shared->served), 0);
}

static void an_alarm_that_could_not_be_logged_is_not_good(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    f->open = true;
    an_wb_test_until_verdict(f, AN_WB_UNKNOWN);
    an_test_log_raise(&f->t, 1);
    an_wb_test_until_verdict(f, AN_WB_BAD);
}

static void a_log_that_is_set_aside_is_not_believed(void **state)
{
    an_wb_test *f = *state;
    char path[AN_PATH_MAX], aside[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, f->t.dir, "alarms.db"), AN_OK);
    assert_int_equal(an_path_join(aside, f->t.dir, "alarms.db.damaged"), AN_OK);
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    assert_int_equal(rename(path, aside), 0);
    an_wb_test_until_verdict(f, AN_WB_UNKNOWN);
    assert_int_not_equal(access(path, F_OK), 0); /* it makes none */
    assert_int_equal(rename(aside, path), 0);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
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
        T(advice_is_never_written),
        T(a_mute_controller_is_told_what_is_true_when_it_speaks_again),
        T(one_person_ends_it_and_the_heartbeat_stands_still),
        T(too_many_changes_stop_the_heartbeat),
        T(a_dry_run_says_and_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
