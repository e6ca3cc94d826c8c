/* Meters: what Prometheus is given to read, byte by byte, and what is counted meanwhile. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/meter.h"
#include "base/usage.h"

enum row {
#define AN_METER(name, type, ...) ROW_##name,
#include "base/meter_process.def"
#undef AN_METER
    ROW_SITES,
    ROW_PLAIN,
    ROW_WAIT
};

static const an_meter rows[] = {
#define AN_METER(id, type, name, help, ...) {AN_METER_##type, name, help, {__VA_ARGS__}},
#include "base/meter_process.def"
#undef AN_METER
    {AN_METER_GAUGE, "andon_sites", "Sites \\ by\nstate \"here\".", {"state", "site", NULL}},
    {AN_METER_COUNTER, "andon_plain_total", "Plain.", {NULL}},
    {AN_METER_HISTOGRAM, "andon_wait_seconds", "Waits.", {"line", NULL}},
};
#define N_ROWS (sizeof rows / sizeof *rows)

typedef struct fixture {
    an_buf b;
    an_meter_page p;
} fixture;

static int open_page(void **state)
{
    static fixture f;
    an_buf_init(&f.b, AN_METER_PAGE_MAX);
    an_meter_begin(&f.p, rows, N_ROWS, &f.b);
    *state = &f;
    return 0;
}

static int close_page(void **state)
{
    fixture *f = *state;
    an_buf_done(&f->b);
    return 0;
}

static const char *text_of(fixture *f)
{
    an_buf_u8(&f->b, 0);
    assert_int_equal(an_meter_end(&f->p), AN_OK);
    return (const char *)f->b.data;
}

static void a_row_has_one_head_and_escaped_labels(void **state)
{
    fixture *f = *state;
    an_meter_put(&f->p, ROW_SITES, 2, AN_LABELS("a\"b\\c\nd", "\xc3\xa9\xff"));
    an_meter_put(&f->p, ROW_SITES, 0.1, AN_LABELS("denied"));
    an_meter_count(&f->p, ROW_PLAIN, UINT64_MAX, NULL);
    assert_string_equal(text_of(f), "# HELP andon_sites Sites \\\\ by\\nstate \"here\".\n"
                                    "# TYPE andon_sites gauge\n"
                                    "andon_sites{state=\"a\\\"b\\\\c\\nd\",site=\"\xc3\xa9?\"} 2\n"
                                    "andon_sites{state=\"denied\",site=\"\"} 0.1\n"
                                    "# HELP andon_plain_total Plain.\n"
                                    "# TYPE andon_plain_total counter\n"
                                    "andon_plain_total 18446744073709551615\n");
}

static void numbers_that_are_none_have_their_words(void **state)
{
    fixture *f = *state;
    an_meter_put(&f->p, ROW_SITES, NAN, AN_LABELS("a", "a"));
    an_meter_put(&f->p, ROW_SITES, INFINITY, AN_LABELS("a", "b"));
    an_meter_put(&f->p, ROW_SITES, -INFINITY, AN_LABELS("a", "c"));
    const char *text = text_of(f);
    assert_non_null(strstr(text, "site=\"a\"} NaN\n"));
    assert_non_null(strstr(text, "site=\"b\"} +Inf\n"));
    assert_non_null(strstr(text, "site=\"c\"} -Inf\n"));
}

static void a_histogram_adds_up_to_its_count(void **state)
{
    fixture *f = *state;
    static an_times t;
    an_times_add(&t, an_times_short, 50);       /* on its bound: in the first */
    an_times_add(&t, an_times_short, 51);       /* the second */
    an_times_add(&t, an_times_short, 20000000); /* longer than all */
    an_meter_times(&f->p, ROW_WAIT, &t, an_times_short, AN_LABELS("pump-1"));
    const char *text = text_of(f);
    assert_non_null(strstr(text, "# TYPE andon_wait_seconds histogram\n"));
    assert_non_null(strstr(text, "andon_wait_seconds_bucket{line=\"pump-1\",le=\"5e-05\"} 1\n"));
    assert_non_null(strstr(text, "andon_wait_seconds_bucket{line=\"pump-1\",le=\"0.00025\"} 2\n"));
    assert_non_null(strstr(text, "andon_wait_seconds_bucket{line=\"pump-1\",le=\"10\"} 2\n"));
    assert_non_null(strstr(text, "andon_wait_seconds_bucket{line=\"pump-1\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text, "andon_wait_seconds_sum{line=\"pump-1\"} 20.000101\n"));
    assert_non_null(strstr(text, "andon_wait_seconds_count{line=\"pump-1\"} 3\n"));
}

static void bounds_ascend(void **state)
{
    (void)state;
    for (size_t i = 1; i < AN_TIMES_BUCKETS; i++) {
        assert_true(an_times_short[i] > an_times_short[i - 1]);
        assert_true(an_times_long[i] > an_times_long[i - 1]);
    }
}

static void too_many_series_are_left_out_and_counted(void **state)
{
    fixture *f = *state;
    char name[32];
    for (int i = 0; i < AN_METER_SERIES_MAX + 7; i++) {
        snprintf(name, sizeof name, "s%d", i);
        an_meter_put(&f->p, ROW_SITES, 1, AN_LABELS("x", name));
    }
    assert_int_equal(f->p.left_out, 7);
    an_meter_count(&f->p, ROW_PLAIN, 1, NULL); /* the next row has its own bound */
    assert_int_equal(f->p.left_out, 7);
    const char *text = text_of(f);
    assert_null(strstr(text, "\"s4096\""));
    assert_non_null(strstr(text, "andon_plain_total 1\n"));
}

#define THREADS 4
#define EACH 20000

static void *bump(void *ctx)
{
    an_times *t = ctx;
    for (uint64_t i = 0; i < EACH; i++)
        an_times_add(t, an_times_short, i % 100);
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    (void)state;
    static an_times t;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, bump, &t), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(an_tick_get(&t.n[0]) + an_tick_get(&t.n[1]), THREADS * EACH);
    assert_int_equal(an_tick_get(&t.n[0]), THREADS * EACH / 100 * 51);
    assert_int_equal(an_tick_get(&t.sum_us), THREADS * (EACH / 100) * 4950);
}

static void the_process_tells_of_itself(void **state)
{
    fixture *f = *state;
    an_meter_process(&f->p, 0, "/");
    const char *text = text_of(f), *memory = strstr(text, "\nprocess_resident_memory_bytes ");
    assert_non_null(strstr(text, "andon_build_info{version=\"" AN_VERSION "\"} 1\n"));
    assert_non_null(memory);
    assert_true(strtod(memory + 31, NULL) > 100000);
    assert_non_null(strstr(text, "\nandon_data_free_bytes "));
    const double age_s = (double)time(NULL) - an_usage_start_s();
    assert_true(age_s > -3 && age_s < 600);
}

static void a_page_that_is_too_long_is_an_error(void **state)
{
    (void)state;
    an_buf small;
    an_meter_page p;
    an_buf_init(&small, 64);
    an_meter_begin(&p, rows, N_ROWS, &small);
    an_meter_put(&p, ROW_SITES, 1, AN_LABELS("a"));
    assert_int_equal(an_meter_end(&p), AN_ERR_LIMIT);
    an_buf_done(&small);
}

int main(void)
{
#define PAGE_TEST(f) cmocka_unit_test_setup_teardown(f, open_page, close_page)
    const struct CMUnitTest tests[] = {
        PAGE_TEST(a_row_has_one_head_and_escaped_labels),
        PAGE_TEST(numbers_that_are_none_have_their_words),
        PAGE_TEST(a_histogram_adds_up_to_its_count),
        cmocka_unit_test(bounds_ascend),
        PAGE_TEST(too_many_series_are_left_out_and_counted),
        cmocka_unit_test(nothing_is_lost_between_threads),
        PAGE_TEST(the_process_tells_of_itself),
        cmocka_unit_test(a_page_that_is_too_long_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
