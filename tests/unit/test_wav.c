/* The wav source: folders of sound files, each once, and those that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "models/data/table.h"
#include "tests/support/sources.h"

static void le(an_buf *b, uint32_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        an_buf_u8(b, (uint8_t)(v >> 8 * i));
}

/* 16 bit, two channels, 1000 Hz: n instants from + i, and the negative of it, in 1/32768. */
static void put_wav(const char *name, int from, size_t n, uint32_t rate)
{
    an_buf b;
    an_buf_init(&b, 1 << 20);
    an_buf_text(&b, "RIFF");
    le(&b, (uint32_t)(36 + n * 4), 4);
    an_buf_text(&b, "WAVEfmt ");
    le(&b, 16, 4);
    le(&b, 1, 2);
    le(&b, 2, 2);
    le(&b, rate, 4);
    le(&b, rate * 4, 4);
    le(&b, 4, 2);
    le(&b, 16, 2);
    an_buf_text(&b, "data");
    le(&b, (uint32_t)(n * 4), 4);
    for (size_t i = 0; i < n; i++) {
        le(&b, (uint32_t)((from + (int)i) * 1024), 2);
        le(&b, (uint32_t)(-(from + (int)i) * 1024), 2);
    }
    sources_put_bytes(name, b.data, b.len);
    an_buf_done(&b);
}

static char seen[512];

static void files_come_in_order_and_bad_ones_are_passed_over(void **state)
{
    (void)state;
    put_wav("2.wav", 1, 3, 1000);
    put_wav("10.wav", 8, 2, 1000);
    put_wav("11.wav", 20, 2, 2000); /* of another rate */
    sources_put("3.wav", "w", "RIFF is all that is right here");
    sources_put("3.txt", "w", "no sound");
    an_source *s = sources_open("wav", "{path: %s, follow: false, channels: [x, y]}");
    assert_int_equal(an_source_width(s), 2);
    assert_string_equal(an_source_sensor(s, 1), "y");
    assert_int_equal(sources_drain(s, 0, seen, sizeof seen), AN_ERR_NOTFOUND);
    assert_string_equal(seen, "|0.03125 0.0625 0.09375 |0.25 0.28125");
    assert_int_equal(an_source_stats_get(s).bad, 2);
    assert_int_equal(sources_count(s, "files_refused"), 2);
    assert_non_null(strstr(an_source_stats_get(s).bad_last, "2000"));
    an_source_close(s);
}

static void a_followed_file_is_read_when_it_keeps_still(void **state)
{
    (void)state;
    static const char options[] = "{path: %s, poll_ms: 100}";
    put_wav("1.wav", 1, 2, 1000);
    an_source *s = sources_open("wav", options);
    assert_int_equal(sources_drain(s, 1, seen, sizeof seen), AN_ERR_AGAIN); /* seen once */
    assert_string_equal(seen, "");
    put_wav("1.wav", 1, 4, 1000); /* and has changed */
    assert_int_equal(sources_drain(s, 1, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "");
    sources_await(s, 1, seen, sizeof seen);
    assert_string_equal(seen, "|-0.03125 -0.0625 -0.09375 -0.125");
    put_wav("2.wav", 5, 1, 1000);
    s = sources_reopen(s, "wav", options);
    sources_await(s, 1, seen, sizeof seen);
    assert_string_equal(seen, "|-0.15625");
    an_source_close(s);
}

static void the_time_may_stand_in_the_name(void **state)
{
    (void)state;
    an_batch b;
    int64_t wait_ms, want;
    put_wav("pump4_20260701-120000.wav", 1, 3, 1000);
    an_source *s = sources_open("wav", "{path: %s, follow: false, time: name, tz: Europe/Berlin}");
    assert_int_equal(an_batch_init(&b, 2, 8), AN_OK);
    assert_int_equal(an_source_next(s, &b, &wait_ms, NULL), AN_OK);
    assert_true(an_time_parse("2026-07-01 10:00:00.002", 23, &want));
    assert_int_equal(b.time_ms[2], want);
    an_batch_done(&b);
    an_source_close(s);
    put_wav("nameless.wav", 1, 3, 1000);
    an_note why = {{0}};
    assert_int_equal(sources_try("wav", "{path: %s/nameless.wav, time: name}", an_clock_system(), &s, &why),
                     AN_ERR_NOTFOUND);
    assert_non_null(strstr(why.text, "date and time"));
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, sources_make_dir, sources_remove_dir)
    const struct CMUnitTest tests[] = {
        ROW(files_come_in_order_and_bad_ones_are_passed_over),
        ROW(a_followed_file_is_read_when_it_keeps_still),
        ROW(the_time_may_stand_in_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
