/* The scores of a line over its last minutes, as a screen reads them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>

#include <cmocka.h>

#include "agent/recent.h"
#include "base/mem.h"

#define NONE ((double)NAN)

static void add(an_recent *r, int64_t now_ms, double score, bool alarm)
{
    an_recent_add(r, now_ms, &(an_recent_row){.time_ms = now_ms * 10, .score = score, .alarm = alarm});
}

static void a_second_is_one_point(void **state)
{
    (void)state;
    an_recent_point p[AN_RECENT];
    an_recent *r = an_recent_new();
    assert_int_equal(an_recent_read(r, 0, p, AN_RECENT), 0);
    add(r, 5000, NONE, false);
    assert_int_equal(an_recent_read(r, 0, p, AN_RECENT), 1);
    assert_true(isnan(p[0].most) && isnan(p[0].last));
    add(r, 5100, 0.5, false);
    add(r, 5200, 2, true);
    add(r, 5999, 0.25, false);
    add(r, 6000, 0.75, false);
    assert_int_equal(an_recent_read(r, 0, p, AN_RECENT), 2);
    assert_int_equal(p[0].at_ms, 5000);
    assert_int_equal(p[0].time_ms, 59990);
    assert_int_equal(p[0].rows, 4);
    assert_float_equal(p[0].most, 2, 0);
    assert_float_equal(p[0].last, 0.25, 0);
    assert_true(p[0].alarm && !p[1].alarm);
    assert_int_equal(an_recent_read(r, 6000, p, AN_RECENT), 1);
    assert_int_equal(p[0].at_ms, 6000);
    an_recent_free(r);
}

static void the_oldest_go(void **state)
{
    (void)state;
    an_recent_point p[AN_RECENT];
    an_recent *r = an_recent_new();
    for (int64_t i = 0; i < 2 * AN_RECENT + 7; i++)
        add(r, i * 1000, (double)i, false);
    assert_int_equal(an_recent_read(r, 0, p, AN_RECENT), AN_RECENT);
    for (size_t i = 0; i < AN_RECENT; i++)
        assert_int_equal(p[i].at_ms, ((int64_t)i + AN_RECENT + 7) * 1000);
    assert_int_equal(an_recent_read(r, 0, p, 3), 3);
    an_recent_free(r);
}

/* ---- while it is written ---- */

typedef struct writer {
    an_recent *r;
    atomic_bool stop;
} writer;

/* All of a row is made of one number, so that a reader sees whether it has two. */
static void *write_on(void *ctx)
{
    writer *w = ctx;
    for (int64_t i = 1; !atomic_load(&w->stop); i++)
        an_recent_add(
            w->r, i * 250,
            &(an_recent_row){.time_ms = i / 4, .score = (double)(i / 4 % 1000), .alarm = i / 4 % 2});
    return NULL;
}

static void a_reader_sees_whole_points(void **state)
{
    (void)state;
    an_recent_point p[AN_RECENT];
    writer w = {.r = an_recent_new()};
    pthread_t thread;
    size_t seen = 0;
    atomic_init(&w.stop, false);
    assert_int_equal(pthread_create(&thread, NULL, write_on, &w), 0);
    for (int k = 0; k < 2000 || seen < 10000; k++) {
        const size_t n = an_recent_read(w.r, 0, p, AN_RECENT);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(p[i].at_ms, p[i].time_ms * 1000);
            assert_float_equal(p[i].most, (float)(p[i].time_ms % 1000), 0);
            assert_int_equal(p[i].alarm, p[i].time_ms % 2);
        }
        seen += n;
    }
    atomic_store(&w.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    an_recent_free(w.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_is_one_point),
        cmocka_unit_test(the_oldest_go),
        cmocka_unit_test(a_reader_sees_whole_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
