/* The source modbus against real slaves: over TCP, on a serial line with a dead one among them, killed, restarted,
 * cut off, mute, refusing and babbling.  The slaves count their answers in a register, so that what is lost or out of
 * order shows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "doors/yaml.h"
#include "tests/support/live.h"
#include "tests/support/modbus_slave.h"

#define COUNT_TAG "{name: %s, table: holding, address: 0, type: uint32}"

static bool all_good(an_live *l, void *ctx)
{
    (void)ctx;
    for (size_t j = 0; j < l->batch.width; j++)
        if (l->quality[j] != AN_VALUE_GOOD)
            return false;
    return true;
}

typedef struct wanted {
    size_t tag;
    uint8_t quality;
    float more_than;
} wanted;

static bool has(an_live *l, void *ctx)
{
    const wanted *w = ctx;
    return l->quality[w->tag] == w->quality &&
           (w->quality != AN_VALUE_GOOD || l->value[w->tag] > w->more_than);
}

static void until(an_live *l, size_t tag, an_value_quality quality, float more_than)
{
    wanted w = {.tag = tag, .quality = (uint8_t)quality, .more_than = more_than};
    an_live_until(l, has, &w, 10000);
}

static void reads_every_type_over_tcp(void **state)
{
    (void)state;
    char yaml[2048];
    an_slave s;
    an_live l;
    an_slave_init(&s, "tcp", 0, 1);
    an_slave_start(&s);
    snprintf(yaml, sizeof yaml,
             "{step_ms: 0, devices: [{tcp: '127.0.0.1:%s', poll_ms: 20, tags: ["
             "{name: abcd, table: holding, address: 2, type: float32},"
             "{name: cdab, table: holding, address: 4, type: float32, order: CDAB},"
             "{name: badc, table: holding, address: 6, type: float32, order: BADC},"
             "{name: dcba, table: holding, address: 8, type: float32, order: DCBA},"
             "{name: double, table: holding, address: 10, type: float64, scale: 2, offset: 1, unit: bar},"
             "{name: int, table: holding, address: 14},"
             "{name: bit, table: holding, address: 15, type: bool, bit: 15},"
             "{name: long, table: holding, address: 16, type: int32},"
             "{name: none, table: holding, address: 18, type: int16, invalid: [-32768]},"
             "{name: input, table: input, address: 7, type: uint16},"
             "{name: coil, table: coil, address: 3}, {name: discrete, table: discrete, address: 4}]}]}",
             s.port);
    an_live_open(&l, "modbus", yaml, NULL, NULL);
    until(&l, 11, AN_VALUE_GOOD, -1);
    const double expected[] = {3.25, 3.25, 3.25, 3.25, -2468, -5, 1, -70000, 0, 1007, 1, 0};
    for (size_t j = 0; j < sizeof expected / sizeof *expected; j++) {
        if (j == 8)
            continue;
        assert_int_equal(l.quality[j], AN_VALUE_GOOD);
        assert_float_equal(l.value[j], expected[j], 1e-3);
    }
    assert_int_equal(l.quality[8], AN_VALUE_BAD);
    assert_true(isnan(l.value[8]));
    assert_string_equal(an_source_unit(l.src, 4), "bar");
    an_live_close(&l);
    an_slave_done(&s);
}

static void a_refusal_concerns_the_refused_tags_only(void **state)
{
    (void)state;
    char yaml[1024];
    an_slave s;
    an_live l;
    an_slave_init(&s, "tcp", 0, 1);
    an_slave_start(&s);
    snprintf(yaml, sizeof yaml,
             "{step_ms: 0, devices: [{tcp: '127.0.0.1:%s', poll_ms: 20, gap: 12, tags: ["
             "{name: before, table: holding, address: 99}, {name: within, table: holding, address: 104},"
             "{name: after, table: holding, address: 110}, {name: beyond, table: input, address: 300},"
             "{name: input, table: input, address: 1}]}]}",
             s.port);
    an_live_open(&l, "modbus", yaml, NULL, NULL);
    until(&l, 2, AN_VALUE_GOOD, 6);
    until(&l, 4, AN_VALUE_GOOD, 1000);
    assert_int_equal(l.quality[0], AN_VALUE_GOOD);
    assert_int_equal(l.quality[1], AN_VALUE_BAD);
    assert_int_equal(l.quality[3], AN_VALUE_BAD);
    const uint64_t splits = an_live_counter(&l, "splits");
    assert_true(splits >= 2);
    /* It remembers; and when all is refused for a while all comes back. */
    atomic_store(&s.shared->exception, 6);
    until(&l, 2, AN_VALUE_BAD, 0);
    atomic_store(&s.shared->exception, 0);
    until(&l, 2, AN_VALUE_GOOD, 6);
    assert_int_equal(an_live_counter(&l, "splits"), splits);
    assert_int_equal(an_live_counter(&l, "losses"), 0);
    assert_true(an_live_counter(&l, "exceptions") > splits);
    an_live_close(&l);
    an_slave_done(&s);
}

/* An answer that comes when nobody waits for it any more is not taken for that of the next question. */
static void a_late_answer_is_not_taken_for_another(void **state)
{
    (void)state;
    char yaml[1024];
    an_slave s;
    an_live l;
    an_rtu_line *line = an_rtu_line_new(5, 1);
    an_slave_init(&s, "rtu", 0, 5);
    snprintf(s.path, sizeof s.path, "%s", an_rtu_line_slave(line, 0));
    an_slave_start(&s);
    snprintf(yaml, sizeof yaml,
             "{step_ms: 0, devices: [{serial: %s, baud: 115200, parity: none, unit: 5, timeout_ms: 100, "
             "poll_ms: 30, "
             "tags: [{name: a, table: input, address: 10}, {name: b, table: input, address: 180}]}]}",
             an_rtu_line_master(line));
    an_live_open(&l, "modbus", yaml, NULL, NULL);
    an_live_until(&l, all_good, NULL, 10000);
    for (int i = 0; i < 5; i++) {
        const uint64_t timeouts = an_live_counter(&l, "timeouts");
        atomic_store(&s.shared->delay_once, 130);
        while (an_live_counter(&l, "timeouts") == timeouts)
            an_live_run(&l, NULL, NULL, 20);
        const uint64_t rows = l.rows;
        while (l.rows < rows + 4) {
            an_live_run(&l, NULL, NULL, 20);
            if (l.quality[0] == AN_VALUE_GOOD)
                assert_float_equal(l.value[0], 1010, 0);
            if (l.quality[1] == AN_VALUE_GOOD)
                assert_float_equal(l.value[1], 1180, 0);
        }
    }
    an_live_close(&l);
    an_slave_done(&s);
    an_rtu_line_free(line);
}

typedef struct heard {
    unsigned n, holding, bad;
} heard;

static void hear(void *ctx, const an_source_find *find)
{
    heard *h = ctx;
    h->n++;
    h->holding += strstr(find->tag, "holding") != NULL;
    h->bad += isnan(find->value) ? 1 : 0;
}

static void browsing_finds_what_is_there(void **state)
{
    (void)state;
    char text[512];
    heard h = {0};
    an_slave s;
    an_yaml *doc = NULL;
    const an_source_type *type = an_source_type_find("modbus");
    an_slave_init(&s, "tcp", 0, 1);
    an_slave_start(&s);
    snprintf(text, sizeof text,
             "{devices: [{tcp: '127.0.0.1:%s', scan: [{table: holding, from: 90, to: 210}]}]}", s.port);
    assert_int_equal(an_yaml_parse(text, strlen(text), "browse", &doc, NULL), AN_OK);
    assert_int_equal(type->browse(an_yaml_root(doc), 10000, hear, &h, NULL), AN_OK);
    assert_int_equal(h.n, 10 + 90);
    assert_int_equal(h.holding, h.n);
    assert_int_equal(h.bad, 0);
    an_slave_kill(&s);
    assert_int_equal(type->browse(an_yaml_root(doc), 1000, hear, &h, NULL), AN_ERR_IO);
    an_yaml_free(doc);
    an_slave_done(&s);
}

/* ---- all faults, one after the other ---- */

enum { TCP_WELL, TCP_ILL, RTU_WELL, RTU_ILL, RTU_DEAD, SLAVES };
static const char *const names[SLAVES] = {"tcp_well", "tcp_ill", "rtu_well", "rtu_ill", "rtu_dead"};

typedef struct soak {
    an_slave slaves[SLAVES];
    an_rtu_line *line;
    an_process relay;
    char relay_port[16];
    an_live_count counts[SLAVES];
} soak;

static void see(an_live *l, size_t row, void *ctx)
{
    soak *s = ctx;
    for (size_t j = 0; j < SLAVES; j++)
        an_live_count_take(&s->counts[j], l, row, j);
}

static void open_soak(soak *s, an_live *l)
{
    char yaml[2048];
    memset(s, 0, sizeof *s);
    s->line = an_rtu_line_new(RTU_WELL + 1, 3);
    for (size_t i = 0; i < SLAVES; i++) {
        an_slave_init(&s->slaves[i], i < RTU_WELL ? "tcp" : "rtu", 0, (int)i + 1);
        if (i >= RTU_WELL)
            snprintf(s->slaves[i].path, sizeof s->slaves[i].path, "%s",
                     an_rtu_line_slave(s->line, i - RTU_WELL));
        if (i != RTU_DEAD)
            an_slave_start(&s->slaves[i]);
    }
    snprintf(s->relay_port, sizeof s->relay_port, "%d", an_free_port());
    s->relay = an_part_start("relay", s->relay_port, s->slaves[TCP_ILL].port, NULL);
    size_t at = (size_t)snprintf(yaml, sizeof yaml, "{step_ms: 0, retry_max_ms: 1000, devices: [");
    for (size_t i = 0; i < SLAVES; i++) {
        char where[128];
        if (i < RTU_WELL)
            snprintf(where, sizeof where, "tcp: '127.0.0.1:%s'",
                     i == TCP_ILL ? s->relay_port : s->slaves[i].port);
        else
            snprintf(where, sizeof where, "serial: %s, baud: 115200, parity: none",
                     an_rtu_line_master(s->line));
        at += (size_t)snprintf(yaml + at, sizeof yaml - at,
                               "%s{%s, unit: %zu, poll_ms: 100, timeout_ms: 120, tags: [" COUNT_TAG "]}",
                               i ? ", " : "", where, i + 1, names[i]);
    }
    snprintf(yaml + at, sizeof yaml - at, "]}");
    an_live_open(l, "modbus", yaml, see, s);
}

static void close_soak(soak *s, an_live *l)
{
    an_live_close(l);
    for (size_t i = 0; i < SLAVES; i++)
        an_slave_done(&s->slaves[i]);
    an_process_kill(&s->relay);
    an_rtu_line_free(s->line);
}

static void harm(soak *s, an_live *l, uint64_t which)
{
    const size_t ill = which % 2 ? TCP_ILL : RTU_ILL;
    an_slave *slave = &s->slaves[ill];
    an_slave_shared *shared = slave->shared;
    const float before = s->counts[ill].last;
    switch (which / 2 % 6) {
    case 0:
        an_slave_kill(slave);
        until(l, ill, AN_VALUE_UNREACHED, 0);
        if (ill == RTU_ILL)
            an_rtu_line_forget(s->line, RTU_ILL - RTU_WELL);
        an_slave_start(slave);
        break;
    case 1:
        atomic_store(&shared->mute, 1);
        until(l, ill, AN_VALUE_UNREACHED, 0);
        atomic_store(&shared->mute, 0);
        break;
    case 2:
        atomic_store(&shared->exception, 4);
        until(l, ill, AN_VALUE_BAD, 0);
        atomic_store(&shared->exception, 0);
        break;
    case 3:
        atomic_store(&shared->garble, 1);
        until(l, ill, AN_VALUE_UNREACHED, 0);
        an_live_run(l, NULL, NULL, 1000);
        atomic_store(&shared->garble, 0);
        break;
    case 4:
        atomic_store(&shared->delay_once, 170);
        break;
    default:
        an_process_kill(&s->relay);
        until(l, TCP_ILL, AN_VALUE_UNREACHED, 0);
        s->relay = an_part_start("relay", s->relay_port, s->slaves[TCP_ILL].port, NULL);
        until(l, TCP_ILL, AN_VALUE_GOOD, s->counts[TCP_ILL].last);
    }
    /* Back within seconds. */
    const int64_t begin = an_clock_system()->mono_ms(an_clock_system());
    until(l, ill, AN_VALUE_GOOD, before);
    const int64_t took = an_clock_system()->mono_ms(an_clock_system()) - begin;
    if (took > 5000)
        fail_msg("%s needed %lld ms after fault %d", names[ill], (long long)took, (int)(which / 2 % 6));
}

static void nothing_is_lost_or_out_of_order_whatever_fails(void **state)
{
    (void)state;
    const an_clock *clock = an_clock_system();
    soak s;
    an_live l;
    an_rng rng;
    an_rng_init(&rng, 7, 0);
    open_soak(&s, &l);
    for (size_t i = 0; i < RTU_DEAD; i++)
        until(&l, i, AN_VALUE_GOOD, 0);
    const int64_t begin = clock->mono_ms(clock), end = begin + 1000 * an_fault_seconds(15);
    const uint64_t well = s.counts[TCP_WELL].values, rtu = s.counts[RTU_WELL].values;
    uint64_t faults = 0;
    for (uint64_t i = 0; clock->mono_ms(clock) < end; i++, faults++) {
        harm(&s, &l, i < 12 ? i : an_rng_u64(&rng));
        an_live_run(&l, NULL, NULL, 100);
    }
    const double polls = (double)(clock->mono_ms(clock) - begin) / 100;
    an_live_print_counters(&l);
    for (size_t i = 0; i < SLAVES; i++)
        print_message("%s: %llu values, %llu missed\n", names[i], (unsigned long long)s.counts[i].values,
                      (unsigned long long)s.counts[i].missed);
    print_message("%llu faults in %.0f s\n", (unsigned long long)faults, polls / 10);
    /* What was well was well all the time. */
    assert_int_equal(s.counts[TCP_WELL].missed, 0);
    assert_true(s.counts[RTU_WELL].missed <=
                an_live_counter(&l, "garbled")); /* on the line its neighbour spoke into it */
    assert_true((double)(s.counts[TCP_WELL].values - well) > 0.7 * polls);
    assert_true((double)(s.counts[RTU_WELL].values - rtu) > 0.4 * polls);
    assert_int_equal(s.counts[RTU_DEAD].values, 0);
    /* An answer that was given and did not arrive was counted. */
    assert_true(s.counts[TCP_ILL].missed + s.counts[RTU_ILL].missed <= an_live_counter(&l, "timeouts") +
                                                                           an_live_counter(&l, "garbled") +
                                                                           an_live_counter(&l, "failures"));
    assert_true(an_live_counter(&l, "slaves_lost") >= faults / 3);
    /* The dead one comes to life. */
    an_rtu_line_forget(s.line, RTU_DEAD - RTU_WELL);
    an_slave_start(&s.slaves[RTU_DEAD]);
    until(&l, RTU_DEAD, AN_VALUE_GOOD, 0);
    close_soak(&s, &l);
}

int main(int argc, char **argv)
{
    an_part_add("slave", an_slave_main);
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type_over_tcp),
        cmocka_unit_test(a_refusal_concerns_the_refused_tags_only),
        cmocka_unit_test(a_late_answer_is_not_taken_for_another),
        cmocka_unit_test(browsing_finds_what_is_there),
        cmocka_unit_test(nothing_is_lost_or_out_of_order_whatever_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
