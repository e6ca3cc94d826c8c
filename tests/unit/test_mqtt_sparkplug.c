/* A Sparkplug host: births name, aliases stand for names, a gap in the numbers is asked about, the dead are out of
 * reach, what comes late keeps its order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sources/mqtt_sparkplug.h"
#include "base/mem.h"
#include "msg/sparkplug.h"

#define T0 INT64_C(1700000000000)

static const spb_tag items[] = {{"G/N", "", "flow"}, {"G/N", "press", "heat"}, {"G/M", "", "flow"}};
#define TAGS 3

typedef struct fixture {
    an_clock_fake clock;
    an_tags *tags;
    spb_host *host;
    an_batch batch;
    unsigned asked;
    char topic[64];
} fixture;

static void on_ask(void *ctx, const char *topic, const void *payload, size_t len)
{
    fixture *f = ctx;
    an_spb *p = NULL;
    f->asked++;
    snprintf(f->topic, sizeof f->topic, "%s", topic);
    assert_int_equal(an_spb_get(payload, len, &p, NULL), AN_OK);
    assert_string_equal(p->metrics[0].name, "Node Control/Rebirth");
    assert_true(an_spb_number(&p->metrics[0], 0) == 1);
    an_spb_free(p);
}

static void setup(fixture *f)
{
    static const an_tag tags[TAGS] = {{.scale = 1}, {.scale = 1}, {.scale = 1}};
    memset(f, 0, sizeof *f);
    an_clock_fake_init(&f->clock, T0);
    const an_tags_conf conf = {.tags = tags, .n = TAGS, .ports = 1, .queue = 1024, .clock = &f->clock.clock};
    assert_int_equal(an_tags_new(&conf, &f->tags), AN_OK);
    const spb_conf host = {.tags = f->tags,
                           .items = items,
                           .n = TAGS,
                           .part = "part",
                           .clock = &f->clock.clock,
                           .ask = on_ask,
                           .ctx = f};
    assert_int_equal(spb_host_new(&host, &f->host), AN_OK);
    assert_int_equal(an_batch_init(&f->batch, TAGS, 64), AN_OK);
}

static void teardown(fixture *f)
{
    spb_host_free(f->host);
    an_tags_free(f->tags);
    an_batch_done(&f->batch);
}

static size_t rows(fixture *f)
{
    int64_t wait_ms = 0;
    const an_err err = an_tags_next(f->tags, &f->batch, &wait_ms);
    assert_true(err == AN_OK || err == AN_ERR_AGAIN);
    return f->batch.n;
}

static double value(const fixture *f, size_t row, size_t tag)
{
    return (double)f->batch.values[row * TAGS + tag];
}

static uint8_t quality(const fixture *f, size_t row, size_t tag)
{
    return f->batch.quality[row * TAGS + tag];
}

static void send(fixture *f, const char *topic, int seq, an_spb_metric *m, size_t n)
{
    const char *bad = NULL;
    an_buf b;
    const an_spb p = {
        .has_time = true, .time_ms = T0, .has_seq = seq >= 0, .seq = (uint64_t)seq, .n = n, .metrics = m};
    an_buf_init(&b, 1 << 16);
    assert_int_equal(an_spb_put(&p, &b), AN_OK);
    assert_true(spb_host_message(f->host, topic, b.data, b.len, &bad));
    assert_null(bad);
    an_buf_done(&b);
}

static uint64_t counter(const fixture *f, const char *name)
{
    an_source_counter all[AN_SOURCE_COUNTERS_MAX];
    const size_t n = spb_host_counters(f->host, all);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].value;
    fail_msg("no counter %s", name);
    return 0;
}

static an_spb_metric real(const char *name, uint64_t alias, double v)
{
    return (an_spb_metric){.name = name,
                           .has_alias = alias > 0,
                           .alias = alias,
                           .datatype = AN_SPB_DOUBLE,
                           .kind = AN_SPB_IS_REAL,
                           .u.real = v,
                           .quality = -1};
}

static an_spb_metric bd(uint64_t n)
{
    return (an_spb_metric){
        .name = "bdSeq", .datatype = AN_SPB_INT64, .kind = AN_SPB_IS_INT, .u.whole = n, .quality = -1};
}

static void birth(fixture *f, uint64_t bd_seq)
{
    an_spb_metric m[] = {bd(bd_seq), real("flow", 1, 10)};
    an_spb_metric d[] = {real("heat", 2, 20)};
    send(f, "spBv1.0/G/NBIRTH/N", 0, m, 2);
    send(f, "spBv1.0/G/DBIRTH/N/press", 1, d, 1);
}

static void aliases_stand_for_what_births_named(void **state)
{
    (void)state;
    fixture f;
    setup(&f);
    birth(&f, 0);
    assert_int_equal(rows(&f), 2);
    assert_true(value(&f, 1, 0) == 10 && value(&f, 1, 1) == 20);
    assert_int_equal(quality(&f, 1, 2), AN_VALUE_UNREACHED);
    an_spb_metric one = real(NULL, 1, 11), two = real(NULL, 2, 21), named = real("flow", 0, 12);
    send(&f, "spBv1.0/G/NDATA/N", 2, &one, 1);
    send(&f, "spBv1.0/G/DDATA/N/press", 3, &two, 1);
    send(&f, "spBv1.0/G/NDATA/N", 4, &named, 1);
    assert_int_equal(rows(&f), 3);
    assert_true(value(&f, 0, 0) == 11 && value(&f, 1, 1) == 21 && value(&f, 2, 0) == 12);
    assert_int_equal(counter(&f, "seq_gaps"), 0);
    assert_int_equal(f.asked, 0);
    teardown(&f);
}

static void numbers_go_round_and_a_gap_is_asked_about(void **state)
{
    (void)state;
    fixture f;
    setup(&f);
    birth(&f, 0);
    for (int i = 2; i < 600; i++) {
        an_spb_metric m = real(NULL, 1, i);
        send(&f, "spBv1.0/G/NDATA/N", i % 256, &m, 1);
        rows(&f);
    }
    assert_int_equal(counter(&f, "seq_gaps"), 0);
    an_spb_metric m = real(NULL, 1, 1000);
    send(&f, "spBv1.0/G/NDATA/N", 700 % 256, &m, 1);
    assert_int_equal(counter(&f, "seq_gaps"), 1);
    assert_int_equal(f.asked, 1);
    assert_string_equal(f.topic, "spBv1.0/G/NCMD/N");
    send(&f, "spBv1.0/G/NDATA/N", 900 % 256, &m, 1);
    assert_int_equal(f.asked, 1); /* not again so soon */
    an_clock_fake_advance(&f.clock, 6000);
    send(&f, "spBv1.0/G/NDATA/N", 1 % 256, &m, 1);
    assert_int_equal(f.asked, 2);
    assert_int_equal(rows(&f), 3); /* what came is good all the same */
    an_clock_fake_advance(&f.clock, 9000);
    spb_host_tick(f.host);
    assert_int_equal(f.asked, 2);
    an_clock_fake_advance(&f.clock, 2000);
    spb_host_tick(f.host); /* nobody has answered, and nobody speaks */
    assert_int_equal(f.asked, 3);
    birth(&f, 0);
    an_clock_fake_advance(&f.clock, 100000);
    spb_host_tick(f.host);
    assert_int_equal(f.asked, 3);
    teardown(&f);
}

/* Its aliases are those of a birth that is over. */
static void a_device_that_was_not_born_since_its_node_is_asked_for(void **state)
{
    (void)state;
    fixture f;
    setup(&f);
    birth(&f, 0);
    an_spb_metric m[] = {bd(1), real("flow", 1, 10)}, two = real(NULL, 2, 21);
    send(&f, "spBv1.0/G/NBIRTH/N", 0, m, 2);
    rows(&f);
    send(&f, "spBv1.0/G/DDATA/N/press", 1, &two, 1);
    assert_int_equal(rows(&f), 0);
    assert_int_equal(counter(&f, "seq_gaps"), 0);
    assert_int_equal(counter(&f, "unborn"), 1);
    assert_int_equal(f.asked, 1);
    teardown(&f);
}

static void the_dead_are_out_of_reach(void **state)
{
    (void)state;
    fixture f;
    setup(&f);
    birth(&f, 4);
    rows(&f);
    send(&f, "spBv1.0/G/DDEATH/N/press", 2, NULL, 0);
    assert_int_equal(rows(&f), 1);
    assert_int_equal(quality(&f, 0, 0), AN_VALUE_GOOD);
    assert_int_equal(quality(&f, 0, 1), AN_VALUE_UNREACHED);
    an_spb_metric old = bd(3), now = bd(4), data = real(NULL, 1, 1);
    send(&f, "spBv1.0/G/NDEATH/N", -1, &old, 1); /* of the session before */
    assert_int_equal(rows(&f), 0);
    send(&f, "spBv1.0/G/NDEATH/N", -1, &now, 1);
    assert_int_equal(rows(&f), 1);
    assert_int_equal(quality(&f, 0, 0), AN_VALUE_UNREACHED);
    send(&f, "spBv1.0/G/NDATA/N", 3, &data, 1); /* who is not born has nothing to say */
    assert_int_equal(rows(&f), 0);
    assert_int_equal(counter(&f, "unborn"), 1);
    assert_int_equal(f.asked, 1);
    birth(&f, 5);
    assert_int_equal(rows(&f), 2);
    assert_int_equal(quality(&f, 1, 1), AN_VALUE_GOOD);
    spb_host_connected(f.host); /* all are asked */
    assert_int_equal(f.asked, 3);
    teardown(&f);
}

static void what_comes_late_keeps_its_order(void **state)
{
    (void)state;
    fixture f;
    setup(&f);
    birth(&f, 0);
    rows(&f);
    an_spb_metric m[5];
    for (int i = 0; i < 5; i++) {
        m[i] = real(NULL, 1, 100 + i);
        m[i].has_time = true;
        m[i].time_ms = T0 - 5000 + 1000 * i;
        m[i].historical = true;
    }
    send(&f, "spBv1.0/G/NDATA/N", 2, m, 5);
    assert_int_equal(rows(&f), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(value(&f, i, 0) == 100 + (double)i);
        assert_int_equal(f.batch.time_ms[i], T0 - 5000 + 1000 * (int64_t)i);
    }
    for (int i = 0; i < 3; i++) /* twice the same tag: no value is lost */
        m[i] = real("flow", 0, i);
    send(&f, "spBv1.0/G/NDATA/N", 3, m, 3);
    assert_int_equal(rows(&f), 3);
    teardown(&f);
}

static void what_is_no_value_is_said_to_be_none(void **state)
{
    (void)state;
    fixture f;
    setup(&f);
    an_spb_metric m[] = {bd(0), real("other", 1, 10)};
    send(&f, "spBv1.0/G/NBIRTH/N", 0, m, 2); /* has no such metric */
    assert_int_equal(rows(&f), 1);
    assert_int_equal(quality(&f, 0, 0), AN_VALUE_BAD);
    assert_int_equal(counter(&f, "missing"), 1);
    birth(&f, 0);
    rows(&f);
    an_spb_metric null = {.has_alias = true, .alias = 1, .null = true, .quality = -1};
    an_spb_metric text = {
        .has_alias = true, .alias = 1, .kind = AN_SPB_IS_TEXT, .u.text = "x", .quality = -1};
    an_spb_metric stale = real(NULL, 1, 5),
                  part = {.name = "part", .kind = AN_SPB_IS_TEXT, .u.text = "P-1", .quality = -1};
    stale.quality = AN_SPB_QUALITY_STALE;
    send(&f, "spBv1.0/G/NDATA/N", 2, &null, 1);
    send(&f, "spBv1.0/G/NDATA/N", 3, &text, 1);
    send(&f, "spBv1.0/G/NDATA/N", 4, &stale, 1);
    assert_int_equal(rows(&f), 3);
    assert_int_equal(quality(&f, 0, 0), AN_VALUE_BAD);
    assert_int_equal(quality(&f, 1, 0), AN_VALUE_BAD);
    assert_int_equal(quality(&f, 2, 0), AN_VALUE_STALE);
    an_spb_metric with[] = {real(NULL, 1, 6), part};
    send(&f, "spBv1.0/G/NDATA/N", 5, with, 2);
    assert_int_equal(rows(&f), 1);
    assert_string_equal(f.batch.part[0], "P-1");
    const char *bad = NULL;
    assert_true(spb_host_message(f.host, "spBv1.0/G/NDATA/N", "\xFF\xFF", 2, &bad));
    assert_non_null(bad);
    static const char *const strange[] = {"spBv1.0/G/NDATA/X",
                                          "spBv1.0/G/NCMD/N",
                                          "spBv1.0/STATE/h",
                                          "spBv1.0/G/NDATA",
                                          "spBv1.0/G/DDATA/N",
                                          "spBv1.0/G/NDATA/N/d",
                                          "a/b",
                                          "spBv1.0/G/NDATA/N/d/e/f",
                                          "spBv1.0//NDATA/N"};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        assert_false(spb_host_message(f.host, strange[i], "", 0, &bad));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aliases_stand_for_what_births_named),
        cmocka_unit_test(numbers_go_round_and_a_gap_is_asked_about),
        cmocka_unit_test(a_device_that_was_not_born_since_its_node_is_asked_for),
        cmocka_unit_test(the_dead_are_out_of_reach),
        cmocka_unit_test(what_comes_late_keeps_its_order),
        cmocka_unit_test(what_is_no_value_is_said_to_be_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
