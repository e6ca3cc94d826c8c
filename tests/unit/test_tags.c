/* Rows made of tags: what comes stands in a row, in order, and a dead device holds up nobody. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/tags.h"
#include "base/mem.h"
#include "base/rng.h"

#define T0 INT64_C(1700000000000)

typedef struct fixture {
    an_clock_fake clock;
    an_tags *tags;
    an_batch batch;
} fixture;

static void setup(fixture *f, an_tags_conf conf, size_t cap)
{
    an_clock_fake_init(&f->clock, T0);
    conf.clock = &f->clock.clock;
    assert_int_equal(an_tags_new(&conf, &f->tags), AN_OK);
    assert_int_equal(an_batch_init(&f->batch, conf.n, cap), AN_OK);
}

static void teardown(fixture *f)
{
    an_tags_free(f->tags);
    an_batch_done(&f->batch);
}

static uint64_t counter(const an_tags *t, const char *name)
{
    an_source_counter all[AN_SOURCE_COUNTERS_MAX];
    const size_t n = an_tags_counters(t, all);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].value;
    fail_msg("no counter %s", name);
    return 0;
}

static size_t rows(fixture *f)
{
    int64_t wait_ms = 0;
    const an_err err = an_tags_next(f->tags, &f->batch, &wait_ms);
    assert_true(err == AN_OK || (err == AN_ERR_AGAIN && wait_ms > 0));
    return f->batch.n;
}

static float value(const fixture *f, size_t row, size_t j)
{
    return f->batch.values[row * f->batch.width + j];
}

static uint8_t quality(const fixture *f, size_t row, size_t j)
{
    return f->batch.quality[row * f->batch.width + j];
}

static const an_tag two[] = {{.scale = 1}, {.scale = 0.1, .offset = -5, .port = 1}};
static const an_tag one_port[] = {{.scale = 1}, {.scale = 1}};

static void each_message_gives_a_row_that_keeps_what_it_does_not_bring(void **state)
{
    (void)state;
    fixture f;
    setup(&f, (an_tags_conf){.tags = two, .n = 2, .ports = 2}, 8);
    assert_true(an_tags_put(f.tags, 0, 0, T0 + 10, 7, AN_VALUE_GOOD));
    assert_true(an_tags_part(f.tags, 0, "part-000123456789/a"));
    assert_true(an_tags_flush(f.tags, 0, T0 + 10));
    assert_true(an_tags_put(f.tags, 1, 1, T0 + 20, 100, AN_VALUE_UNCERTAIN));
    assert_true(an_tags_flush(f.tags, 1, T0 + 20));
    assert_int_equal(rows(&f), 2);
    const size_t first = f.batch.time_ms[0] == T0 + 10 ? 0 : 1; /* ports have no order among themselves */
    assert_string_equal(f.batch.part[first], "part-000123456789/a");
    assert_string_equal(f.batch.part[1 - first], "");
    assert_int_equal(f.batch.flags[0], AN_ROW_RESTART);
    assert_int_equal(f.batch.flags[1], 0);
    assert_float_equal(value(&f, 1, 0), 7, 0);
    assert_float_equal(value(&f, 1, 1), 5, 1e-6);
    assert_int_equal(quality(&f, 1, 1), AN_VALUE_UNCERTAIN);
    assert_int_equal(rows(&f), 0);
    teardown(&f);
}

static void what_is_no_value_is_said_to_be_none(void **state)
{
    (void)state;
    fixture f;
    setup(&f, (an_tags_conf){.tags = one_port, .n = 2, .ports = 1, .stale_ms = 1000}, 8);
    assert_true(an_tags_put(f.tags, 0, 0, T0, 7, AN_VALUE_BAD));
    assert_true(an_tags_put(f.tags, 0, 1, T0, INFINITY, AN_VALUE_GOOD));
    assert_true(an_tags_flush(f.tags, 0, T0));
    assert_int_equal(rows(&f), 1);
    for (size_t j = 0; j < 2; j++) {
        assert_true(isnan(value(&f, 0, j)));
        assert_int_equal(quality(&f, 0, j), AN_VALUE_BAD);
    }
    assert_true(an_tags_put(f.tags, 0, 0, T0 + 10, 1e300, AN_VALUE_GOOD)); /* beyond a float */
    assert_true(an_tags_put(f.tags, 0, 1, T0 + 10, 2, AN_VALUE_GOOD));
    assert_true(an_tags_flush(f.tags, 0, T0 + 10));
    assert_int_equal(rows(&f), 1);
    assert_int_equal(quality(&f, 0, 0), AN_VALUE_BAD);
    assert_int_equal(quality(&f, 0, 1), AN_VALUE_GOOD);
    an_clock_fake_advance(&f.clock, 2000); /* nothing comes */
    assert_int_equal(rows(&f), 1);
    assert_int_equal(quality(&f, 0, 1), AN_VALUE_STALE);
    assert_true(isnan(value(&f, 0, 1)));
    assert_true(an_tags_lost(f.tags, 0, T0 + 2500));
    assert_int_equal(rows(&f), 1);
    assert_int_equal(quality(&f, 0, 1), AN_VALUE_UNREACHED);
    assert_int_equal(counter(f.tags, "not_good"), 2);
    assert_int_equal(counter(f.tags, "losses"), 1);
    teardown(&f);
}

static void a_change_within_the_deadband_changes_nothing(void **state)
{
    (void)state;
    static const an_tag tag[] = {{.scale = 1, .deadband = 0.5}};
    static const double in[] = {10, 10.4, 9.6, 10.6, 10.2};
    fixture f;
    setup(&f, (an_tags_conf){.tags = tag, .n = 1, .ports = 1}, 8);
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        assert_true(an_tags_put(f.tags, 0, 0, T0 + (int64_t)i, in[i], AN_VALUE_GOOD));
        assert_true(an_tags_flush(f.tags, 0, T0 + (int64_t)i));
    }
    assert_int_equal(rows(&f), 2);
    assert_float_equal(value(&f, 0, 0), 10, 0);
    assert_float_equal(value(&f, 1, 0), 10.6, 1e-6);
    assert_int_equal(counter(f.tags, "unchanged"), 3);
    teardown(&f);
}

static void steps_close_when_all_have_spoken_and_wait_for_no_dead_device(void **state)
{
    (void)state;
    fixture f;
    setup(&f, (an_tags_conf){.tags = two, .n = 2, .ports = 2, .step_ms = 100, .settle_ms = 300}, 64);
    for (int64_t i = 1; i <= 10; i++) {
        an_clock_fake_advance(&f.clock, 50);
        for (size_t p = 0; p < 2; p++) {
            assert_true(an_tags_put(f.tags, p, (uint32_t)p, T0 + i * 50, (double)i, AN_VALUE_GOOD));
            assert_true(an_tags_flush(f.tags, p, T0 + i * 50));
        }
    }
    assert_int_equal(rows(&f), 4); /* the fifth, T0 + 500, may still be added to */
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(f.batch.time_ms[i], T0 + 100 * (int64_t)(i + 1));
        assert_float_equal(value(&f, i, 0), 2 * (float)(i + 1), 0);
        assert_int_equal(f.batch.row[i], i);
    }
    assert_int_equal(counter(f.tags, "replaced"), 10);
    assert_true(an_tags_lost(f.tags, 1, T0 + 510)); /* port 1 is dead: port 0 is enough */
    for (int64_t i = 11; i <= 20; i++) {
        an_clock_fake_advance(&f.clock, 50);
        assert_true(an_tags_put(f.tags, 0, 0, T0 + i * 50, (double)i, AN_VALUE_GOOD));
        assert_true(an_tags_flush(f.tags, 0, T0 + i * 50));
    }
    assert_int_equal(rows(&f), 5);
    assert_float_equal(value(&f, 0, 0), 10, 0);
    assert_int_equal(quality(&f, 0, 1), AN_VALUE_GOOD);
    assert_int_equal(quality(&f, 1, 1), AN_VALUE_UNREACHED);
    assert_float_equal(value(&f, 4, 0), 18, 0);
    an_clock_fake_advance(&f.clock, 1000); /* nobody speaks: the clock closes rows */
    assert_int_equal(rows(&f), 8);
    assert_int_equal(f.batch.time_ms[7], T0 + 1700);
    teardown(&f);
}

static void a_late_value_is_counted_and_stands_in_the_next_row(void **state)
{
    (void)state;
    fixture f;
    setup(&f, (an_tags_conf){.tags = one_port, .n = 2, .ports = 1, .step_ms = 100}, 8);
    assert_true(an_tags_put(f.tags, 0, 0, T0 + 90, 1, AN_VALUE_GOOD));
    assert_true(an_tags_put(f.tags, 0, 1, T0 + 90, 1, AN_VALUE_GOOD));
    assert_true(an_tags_flush(f.tags, 0, T0 + 90));
    an_clock_fake_advance(&f.clock, 250);
    assert_int_equal(rows(&f), 1);
    assert_true(an_tags_put(f.tags, 0, 0, T0 + 95, 2, AN_VALUE_GOOD)); /* its row is closed */
    assert_true(an_tags_put(f.tags, 0, 1, T0 + 80, 3, AN_VALUE_GOOD)); /* older than what is known */
    assert_true(an_tags_flush(f.tags, 0, T0 + 95));
    an_clock_fake_advance(&f.clock, 60);
    assert_int_equal(rows(&f), 1);
    assert_float_equal(value(&f, 0, 0), 2, 0);
    assert_float_equal(value(&f, 0, 1), 1, 0);
    assert_int_equal(counter(f.tags, "late"), 2);
    teardown(&f);
}

static void a_device_with_a_wrong_clock_is_put_right(void **state)
{
    (void)state;
    fixture f;
    setup(&f, (an_tags_conf){.tags = one_port, .n = 2, .ports = 1, .step_ms = 100, .skew_ms = 5000}, 8);
    an_clock_fake_advance(&f.clock, 50);
    assert_true(an_tags_put(f.tags, 0, 0, T0 + 3600000, 4, AN_VALUE_GOOD));
    assert_true(an_tags_flush(f.tags, 0, T0 + 3600000));
    an_clock_fake_advance(&f.clock, 200);
    rows(&f); /* the value counts from now on */
    an_clock_fake_advance(&f.clock, 200);
    assert_true(rows(&f) > 0);
    assert_float_equal(value(&f, f.batch.n - 1, 0), 4, 0);
    assert_true(f.batch.time_ms[f.batch.n - 1] <= T0 + 450);
    assert_true(counter(f.tags, "skewed") >= 1);
    teardown(&f);
}

static void a_clock_that_is_set_back_stops_no_rows(void **state)
{
    (void)state;
    fixture f;
    setup(&f, (an_tags_conf){.tags = one_port, .n = 2, .ports = 1, .step_ms = 100}, 64);
    int64_t last = INT64_MIN;
    for (int i = 0; i < 40; i++) {
        if (i == 20)
            f.clock.wrong_ms = -3600000;
        const int64_t now = f.clock.clock.wall_ms(&f.clock.clock);
        assert_true(an_tags_put(f.tags, 0, 0, now, (double)i, AN_VALUE_GOOD));
        assert_true(an_tags_flush(f.tags, 0, now));
        an_clock_fake_advance(&f.clock, 100);
        rows(&f);
        for (size_t k = 0; k < f.batch.n; k++) {
            last = f.batch.time_ms[k];
            assert_true(f.batch.flags[k] == 0 || k == 0);
        }
    }
    assert_in_range(last, T0 - 3600000 + 3500, T0 - 3600000 + 4000);
    assert_true(value(&f, f.batch.n - 1, 0) >= 37);
    teardown(&f);
}

static void goes_on_with_its_number_after_a_restart(void **state)
{
    (void)state;
    for (int64_t step = 0; step <= 100; step += 100) {
        fixture f;
        an_buf at;
        an_buf_init(&at, 1024);
        const an_tags_conf conf = {.tags = one_port, .n = 2, .ports = 1, .step_ms = step};
        setup(&f, conf, 8);
        assert_true(an_tags_put(f.tags, 0, 0, T0 + 90, 1, AN_VALUE_GOOD));
        assert_true(an_tags_flush(f.tags, 0, T0 + 90));
        an_clock_fake_advance(&f.clock, 200);
        const size_t n = rows(&f);
        assert_true(n > 0);
        an_tags_save(f.tags, &at);
        teardown(&f);
        setup(&f, conf, 8);
        an_reader in = an_reader_of(at.data, at.len);
        assert_int_equal(an_tags_restore(f.tags, &in), AN_OK);
        assert_int_equal(rows(&f), 0);
        an_clock_fake_advance(&f.clock, 1500);
        assert_true(rows(&f) > 0);
        assert_int_equal(f.batch.row[0], n);
        assert_int_equal(f.batch.flags[0], AN_ROW_RESTART);
        in = an_reader_of(at.data, 9);
        assert_int_equal(an_tags_restore(f.tags, &in), AN_ERR_PROTO);
        an_buf_done(&at);
        teardown(&f);
    }
}

static void refuses_what_is_out_of_bounds(void **state)
{
    (void)state;
    an_clock_fake clock;
    an_clock_fake_init(&clock, T0);
    an_tags *t = NULL;
    an_tags_conf conf = {.tags = two, .n = 2, .ports = 1, .clock = &clock.clock};
    assert_int_equal(an_tags_new(&conf, &t), AN_ERR_INVAL); /* a tag of port 1 */
    conf.ports = 2;
    conf.step_ms = -1;
    assert_int_equal(an_tags_new(&conf, &t), AN_ERR_INVAL);
    conf.step_ms = 0;
    size_t n = 0, live = an_mem_live();
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = an_tags_new(&conf, &t);
        an_mem_fail_never();
    } while (err == AN_ERR_NOMEM);
    assert_int_equal(err, AN_OK);
    assert_int_equal(n, 7);
    an_tags_free(t);
    assert_int_equal(an_mem_live(), live);
}

/* ---- with threads: no value is lost or overtakes another, whatever the ring holds ---- */

#define WRITERS 4
#define MESSAGES 8000

typedef struct writer {
    an_tags *tags;
    size_t port;
    pthread_t thread;
} writer;

static void *writer_main(void *arg)
{
    const writer *w = arg;
    an_rng rng;
    an_rng_init(&rng, 5, w->port);
    for (int i = 1; i <= MESSAGES; i++) {
        for (uint32_t k = 0; k < 2; k++)
            if (!an_tags_put(w->tags, w->port, (uint32_t)w->port * 2 + k, T0 + i, (double)i, AN_VALUE_GOOD))
                return NULL;
        if (an_rng_below(&rng, 50) == 0 && !an_tags_part(w->tags, w->port, "a part with a long name"))
            return NULL;
        if (!an_tags_flush(w->tags, w->port, T0 + i))
            return NULL;
    }
    return NULL;
}

static void loses_nothing_between_threads(void **state)
{
    (void)state;
    fixture f;
    writer writers[WRITERS];
    an_tag tags[WRITERS * 2];
    float last[WRITERS * 2] = {0};
    size_t messages = 0;
    for (uint32_t i = 0; i < WRITERS * 2; i++)
        tags[i] = (an_tag){.scale = 1, .port = i / 2};
    setup(&f,
          (an_tags_conf){.tags = tags, .n = WRITERS * 2, .ports = WRITERS, .queue = 64, .idle_ms = 1000000},
          32);
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.tags = f.tags, .port = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]), 0);
    }
    while (messages < (size_t)WRITERS * MESSAGES) {
        rows(&f);
        for (size_t i = 0; i < f.batch.n; i++, messages++) {
            size_t moved = 0;
            for (size_t p = 0; p < WRITERS; p++) {
                const float now = isnan(value(&f, i, p * 2)) ? 0 : value(&f, i, p * 2);
                if (now != last[p * 2]) { /* the next one of its writer, and nothing in between */
                    assert_float_equal(now, last[p * 2] + 1, 0);
                    last[p * 2] = now;
                    moved++;
                }
            }
            assert_in_range(moved, 0, WRITERS);
        }
    }
    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
        assert_float_equal(last[i * 2], MESSAGES, 0);
    }
    assert_int_equal(counter(f.tags, "values"), (uint64_t)WRITERS * MESSAGES * 2);
    teardown(&f);
}

static void lets_a_waiting_writer_go_when_it_stops(void **state)
{
    (void)state;
    fixture f;
    setup(&f, (an_tags_conf){.tags = one_port, .n = 2, .ports = 1, .queue = 64}, 8);
    writer w = {.tags = f.tags};
    assert_int_equal(pthread_create(&w.thread, NULL, writer_main, &w), 0);
    while (counter(f.tags, "waits") == 0)
        continue; /* until the ring is full */
    an_tags_stop(f.tags);
    assert_int_equal(pthread_join(w.thread, NULL), 0);
    assert_false(an_tags_put(f.tags, 0, 0, T0, 1, AN_VALUE_GOOD));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_gives_a_row_that_keeps_what_it_does_not_bring),
        cmocka_unit_test(what_is_no_value_is_said_to_be_none),
        cmocka_unit_test(a_change_within_the_deadband_changes_nothing),
        cmocka_unit_test(steps_close_when_all_have_spoken_and_wait_for_no_dead_device),
        cmocka_unit_test(a_late_value_is_counted_and_stands_in_the_next_row),
        cmocka_unit_test(a_device_with_a_wrong_clock_is_put_right),
        cmocka_unit_test(a_clock_that_is_set_back_stops_no_rows),
        cmocka_unit_test(goes_on_with_its_number_after_a_restart),
        cmocka_unit_test(refuses_what_is_out_of_bounds),
        cmocka_unit_test(loses_nothing_between_threads),
        cmocka_unit_test(lets_a_waiting_writer_go_when_it_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
