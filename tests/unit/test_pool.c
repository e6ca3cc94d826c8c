/* The sample pool: what may be trained, what judges, what is held back; files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/pool.h"
#include "base/mem.h"

#define W 2
#define T 3

static an_pool_conf conf_of(uint64_t seed)
{
    return (an_pool_conf){.width = W,
                          .window = T,
                          .cap = {100, 60, 20, 30, 40, 10},
                          .block = 8,
                          .holdout_percent = 25,
                          .seed = seed};
}

static an_pool *make(uint64_t seed)
{
    an_pool_conf c = conf_of(seed);
    an_pool *p = NULL;
    an_err err = an_pool_new(&c, &p, NULL);
    assert_int_equal(err, AN_OK);
    return p;
}

/* Window i holds the value i everywhere and has time i. */
static void add(an_pool *p, size_t from, size_t to, uint64_t alarm)
{
    for (size_t i = from; i < to; i++) {
        float w[T * W];
        for (size_t k = 0; k < T * W; k++)
            w[k] = (float)i;
        an_pool_add(p, w, (int64_t)i, alarm);
    }
}

static bool has(const an_pool *p, an_pool_part part, float v)
{
    for (size_t i = 0; i < an_pool_n(p, part); i++)
        if (an_pool_get(p, part, i)[0] == v)
            return true;
    return false;
}

static void training_and_holdout_share_no_window_and_are_bounded(void **state)
{
    (void)state;
    an_pool *p = make(1);
    add(p, 0, 2000, 0);
    assert_int_equal(an_pool_n(p, AN_POOL_TRAIN), 100);
    assert_int_equal(an_pool_n(p, AN_POOL_RECENT), 60);
    assert_int_equal(an_pool_n(p, AN_POOL_OLD), 20);
    assert_int_equal(an_pool_n(p, AN_POOL_NEW), 30);
    assert_int_equal(an_pool_seen(p), 2000);
    for (int t = AN_POOL_TRAIN; t <= AN_POOL_RECENT; t++)
        for (size_t i = 0; i < an_pool_n(p, (an_pool_part)t); i++) {
            float v = an_pool_get(p, (an_pool_part)t, i)[0];
            assert_false(has(p, AN_POOL_OLD, v));
            assert_false(has(p, AN_POOL_NEW, v));
        }
    for (size_t i = 1; i < an_pool_n(p, AN_POOL_NEW); i++)
        assert_true(an_pool_time(p, AN_POOL_NEW, i) > an_pool_time(p, AN_POOL_NEW, i - 1));
    assert_true(an_pool_time(p, AN_POOL_OLD, 19) < 400);
    assert_true(an_pool_time(p, AN_POOL_RECENT, 0) > 1800);
    an_pool_free(p);
}

static void the_reservoir_is_a_uniform_sample_of_all_time(void **state)
{
    (void)state;
    double mean = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        an_pool *p = make(seed);
        add(p, 0, 3000, 0);
        for (size_t i = 0; i < 100; i++)
            mean += (double)an_pool_time(p, AN_POOL_TRAIN, i) / 2000;
        an_pool_free(p);
    }
    assert_true(fabs(mean - 1500) < 100); /* 5 standard errors of a uniform draw */
}

static void the_same_seed_keeps_the_same_windows(void **state)
{
    (void)state;
    an_pool *a = make(3), *b = make(3), *c = make(4);
    add(a, 0, 900, 0);
    add(b, 0, 900, 0);
    add(c, 0, 900, 0);
    bool differ = false;
    for (size_t i = 0; i < 100; i++) {
        assert_true(an_pool_get(a, AN_POOL_TRAIN, i)[0] == an_pool_get(b, AN_POOL_TRAIN, i)[0]);
        differ = differ || an_pool_get(a, AN_POOL_TRAIN, i)[0] != an_pool_get(c, AN_POOL_TRAIN, i)[0];
    }
    assert_true(differ);
    an_pool_free(a);
    an_pool_free(b);
    an_pool_free(c);
}

static void windows_of_an_open_alarm_are_held_until_a_verdict(void **state)
{
    (void)state;
    an_pool *p = make(1);
    add(p, 0, 100, 0);
    add(p, 100, 110, 7);
    add(p, 110, 115, 8);
    assert_int_equal(an_pool_n(p, AN_POOL_HELD), 15);
    assert_int_equal(an_pool_seen(p), 100);
    assert_int_equal(an_pool_confirm(p, 7), 10);
    assert_int_equal(an_pool_n(p, AN_POOL_CONFIRMED), 10);
    assert_int_equal(an_pool_n(p, AN_POOL_HELD), 5);
    assert_true(has(p, AN_POOL_HELD, 112));
    assert_int_equal(an_pool_release(p, 8), 5);
    assert_int_equal(an_pool_n(p, AN_POOL_HELD), 0);
    assert_int_equal(an_pool_seen(p), 105);
    assert_int_equal(an_pool_release(p, 8), 0);
    an_pool_free(p);
}

static void an_approved_campaign_releases_what_lasting_alarms_held_since_the_drift(void **state)
{
    (void)state;
    float *copy = NULL;
    size_t n = 0;
    an_pool *p = make(1);
    add(p, 0, 10, 5);  /* a fault before the drift */
    add(p, 10, 30, 6); /* the drift begins within it */
    add(p, 30, 34, 7); /* a short fault during the drift */
    assert_int_equal(an_pool_copy_lasting(p, 15, 5, &copy, &n), AN_OK);
    assert_int_equal(n, 15);
    assert_true(copy[0] == 15 && copy[14 * T * W] == 29);
    an_free(copy);
    assert_int_equal(an_pool_release_lasting(p, 15, 5), 15);
    assert_int_equal(an_pool_n(p, AN_POOL_HELD), 19);
    assert_false(has(p, AN_POOL_HELD, 15));
    assert_true(has(p, AN_POOL_HELD, 14));
    assert_true(has(p, AN_POOL_HELD, 33));
    an_pool_free(p);
}

static void what_built_an_alarm_up_is_taken_back(void **state)
{
    (void)state;
    an_pool *p = make(1);
    add(p, 0, 300, 0);
    an_pool_hold_since(p, 290, 3);
    assert_int_equal(an_pool_n(p, AN_POOL_HELD), 10);
    for (size_t v = 290; v < 300; v++)
        for (int t = AN_POOL_TRAIN; t <= AN_POOL_NEW; t++)
            assert_false(has(p, (an_pool_part)t, (float)v));
    add(p, 300, 900, 0); /* and it goes on working */
    assert_int_equal(an_pool_n(p, AN_POOL_TRAIN), 100);
    an_pool_free(p);
}

static void missing_values_never_enter(void **state)
{
    (void)state;
    an_pool *p = make(1);
    float w[T * W] = {1, 2, 3, NAN, 5, 6};
    an_pool_add(p, w, 1, 0);
    an_pool_add(p, w, 1, 4);
    assert_int_equal(an_pool_refused(p), 2);
    assert_int_equal(an_pool_seen(p), 0);
    assert_int_equal(an_pool_n(p, AN_POOL_HELD), 0);
    an_pool_free(p);
}

/* Steps of the version deal with them. */
static void missing_values_enter_where_they_are_wanted(void **state)
{
    (void)state;
    char path[64];
    an_pool_conf c = conf_of(1);
    an_pool *p = NULL, *again = NULL, *strict = make(1);
    const float w[T * W] = {1, 2, 3, NAN, 5, 6};
    c.gaps = true;
    assert_int_equal(an_pool_new(&c, &p, NULL), AN_OK);
    assert_int_equal(an_pool_new(&c, &again, NULL), AN_OK);
    an_pool_add(p, w, 1, 4);
    assert_int_equal(an_pool_refused(p), 0);
    assert_int_equal(an_pool_n(p, AN_POOL_HELD), 1);
    snprintf(path, sizeof path, "/tmp/andon-pool-gaps-%ld", (long)getpid());
    assert_int_equal(an_pool_save(p, path, NULL), AN_OK);
    assert_int_equal(an_pool_load(again, path, NULL), AN_OK);
    assert_int_equal(an_pool_n(again, AN_POOL_HELD), 1);
    assert_true(isnan(an_pool_get(again, AN_POOL_HELD, 0)[3]));
    assert_int_equal(an_pool_load(strict, path, NULL), AN_ERR_PROTO);
    assert_int_equal(unlink(path), 0);
    an_pool_free(p);
    an_pool_free(again);
    an_pool_free(strict);
}

static void a_copy_can_begin_at_a_time(void **state)
{
    (void)state;
    an_pool *p = make(1);
    float *x = NULL;
    size_t n = 0;
    add(p, 0, 2000, 0);
    const size_t all = an_pool_n(p, AN_POOL_RECENT);
    int64_t middle = an_pool_time(p, AN_POOL_RECENT, all / 2);
    assert_int_equal(an_pool_copy(p, 1u << AN_POOL_RECENT, middle, &x, &n), AN_OK);
    assert_int_equal(n, all - all / 2);
    assert_memory_equal(x, an_pool_get(p, AN_POOL_RECENT, all / 2), T * W * sizeof *x);
    an_free(x);
    assert_int_equal(an_pool_copy(p, 0x3f, INT64_MAX, &x, &n), AN_OK);
    assert_int_equal(n, 0);
    an_free(x);
    an_pool_free(p);
}

static void a_quota_shrinks_the_parts_and_an_impossible_one_is_refused(void **state)
{
    (void)state;
    an_pool_conf c = conf_of(1);
    an_pool *p = NULL;
    an_note why = {0};
    c.quota_bytes = 260 * (T * W * sizeof(float) + 32) / 2; /* 32: what is known beside the values */
    assert_int_equal(an_pool_new(&c, &p, &why), AN_OK);
    add(p, 0, 2000, 0);
    assert_int_equal(an_pool_n(p, AN_POOL_TRAIN), 50);
    an_pool_free(p);
    p = NULL;
    c.quota_bytes = 100;
    assert_int_equal(an_pool_new(&c, &p, &why), AN_ERR_LIMIT);
    assert_null(p);
}

static void a_saved_pool_goes_on_with_the_same_windows_and_a_damaged_one_is_refused(void **state)
{
    (void)state;
    char path[64];
    an_note why = {0};
    snprintf(path, sizeof path, "/tmp/andon-pool-%ld", (long)getpid());
    an_pool *a = make(5), *b = make(5);
    add(a, 0, 700, 0);
    add(a, 700, 710, 2);
    assert_int_equal(an_pool_save(a, path, &why), AN_OK);
    assert_int_equal(an_pool_load(b, path, &why), AN_OK);
    add(a, 710, 1500, 0);
    add(b, 710, 1500, 0);
    float *x = NULL, *y = NULL;
    size_t n = 0, m = 0;
    assert_int_equal(an_pool_copy(a, 0x3f, INT64_MIN, &x, &n), AN_OK);
    assert_int_equal(an_pool_copy(b, 0x3f, INT64_MIN, &y, &m), AN_OK);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n * T * W * sizeof *x);
    an_free(x);
    an_free(y);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 300, SEEK_SET), 0);
    assert_int_equal(fputc(0x55, f), 0x55);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(an_pool_load(b, path, &why), AN_ERR_PROTO);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(an_pool_load(b, path, &why), AN_ERR_PROTO);
    assert_true(an_pool_n(b, AN_POOL_TRAIN) == 100);
    unlink(path);
    assert_int_equal(an_pool_load(b, path, &why), AN_ERR_NOTFOUND);
    an_pool_free(a);
    an_pool_free(b);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/andon-pool-oom-%ld", (long)getpid());
    an_err err;
    size_t n = 0, live = an_mem_live();
    an_pool_conf c = conf_of(1);
    do {
        an_pool *p = NULL, *q = NULL;
        float *all = NULL;
        size_t count;
        an_mem_fail_after(n++);
        err = an_pool_new(&c, &p, NULL);
        if (!err)
            err = an_pool_new(&c, &q, NULL);
        if (!err) {
            add(p, 0, 50, 0);
            err = an_pool_save(p, path, NULL);
        }
        if (!err)
            err = an_pool_load(q, path, NULL);
        if (!err)
            err = an_pool_copy(q, 1u << AN_POOL_TRAIN, INT64_MIN, &all, &count);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_free(all);
        an_pool_free(p);
        an_pool_free(q);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 40);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_and_holdout_share_no_window_and_are_bounded),
        cmocka_unit_test(the_reservoir_is_a_uniform_sample_of_all_time),
        cmocka_unit_test(the_same_seed_keeps_the_same_windows),
        cmocka_unit_test(windows_of_an_open_alarm_are_held_until_a_verdict),
        cmocka_unit_test(an_approved_campaign_releases_what_lasting_alarms_held_since_the_drift),
        cmocka_unit_test(what_built_an_alarm_up_is_taken_back),
        cmocka_unit_test(missing_values_never_enter),
        cmocka_unit_test(missing_values_enter_where_they_are_wanted),
        cmocka_unit_test(a_copy_can_begin_at_a_time),
        cmocka_unit_test(a_quota_shrinks_the_parts_and_an_impossible_one_is_refused),
        cmocka_unit_test(a_saved_pool_goes_on_with_the_same_windows_and_a_damaged_one_is_refused),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
