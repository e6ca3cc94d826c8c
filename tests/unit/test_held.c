/* Which held windows a campaign may learn: those of a drift, not those of faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/held.h"
#include "base/mem.h"

#define STRIDE 4
#define PATIENCE 20 /* rows: an alarm of six windows has lasted longer */

typedef struct line {
    an_pool *pool;
    an_held held;
} line;

static void make(line *l)
{
    const an_pool_conf conf = {.width = 1, .window = 1, .block = 2, .holdout_percent = 50, .seed = 1};
    const an_driftwatch_conf drift = {.rows = PATIENCE};
    assert_int_equal(an_pool_new(&conf, &l->pool, NULL), AN_OK);
    an_held_init(&l->held, l->pool, &drift, STRIDE);
}

/* Window i has value and time i; alarm 0: none. */
static void add(line *l, size_t from, size_t to, uint64_t alarm)
{
    for (size_t i = from; i < to; i++) {
        const float x = (float)i;
        an_pool_add(l->pool, &x, (int64_t)i, alarm);
    }
}

static void raise_alarm(line *l, int64_t since_ms)
{
    an_held_alarm(&l->held, &(an_alarm_event){.kind = AN_ALARM_RAISED, .since_ms = since_ms});
}

static void clear_alarm(line *l)
{
    an_held_alarm(&l->held, &(an_alarm_event){.kind = AN_ALARM_CLEARED});
}

static void drift(line *l, int64_t since_ms)
{
    an_held_drift(&l->held, &(an_drift_alert){.since_ms = since_ms});
}

static void assert_copy(const line *l, size_t n, float first)
{
    float *raw = NULL;
    size_t got = 0;
    assert_int_equal(an_held_copy(&l->held, &raw, &got), AN_OK);
    assert_int_equal(got, n);
    if (n > 0)
        assert_true(raw[0] >= first && raw[0] <= first);
    an_free(raw);
}

static void without_a_drift_no_held_window_may_be_learned(void **state)
{
    (void)state;
    line l;
    make(&l);
    raise_alarm(&l, 0);
    add(&l, 0, 50, 1);
    assert_copy(&l, 0, 0);
    assert_int_equal(an_held_live(&l.held, true), 0);
    assert_int_equal(an_pool_n(l.pool, AN_POOL_HELD), 50);
    an_pool_free(l.pool);
}

static void a_drift_is_learned_from_the_beginning_of_the_alarm_that_it_raised(void **state)
{
    (void)state;
    line l;
    make(&l);
    raise_alarm(&l, 10);
    add(&l, 10, 40, 1);
    drift(&l, 25);
    assert_copy(&l, 30, 10);
    assert_int_equal(an_held_live(&l.held, false), 0); /* a version that is no answer to it */
    assert_int_equal(an_pool_n(l.pool, AN_POOL_HELD), 30);
    drift(&l, 25);
    assert_int_equal(an_held_live(&l.held, true), 30);
    assert_int_equal(an_pool_n(l.pool, AN_POOL_HELD), 0);
    assert_copy(&l, 0, 0);
    an_pool_free(l.pool);
}

static void short_faults_are_no_drift_and_earlier_faults_neither(void **state)
{
    (void)state;
    line l;
    make(&l);
    add(&l, 0, 30, 1); /* long before */
    raise_alarm(&l, 40);
    add(&l, 40, 45, 2); /* five windows, within the drift */
    clear_alarm(&l);
    raise_alarm(&l, 60);
    add(&l, 60, 66, 3); /* six windows: as long as patience */
    drift(&l, 35);
    assert_copy(&l, 6, 60);
    assert_int_equal(an_held_live(&l.held, true), 6);
    assert_int_equal(an_pool_n(l.pool, AN_POOL_HELD), 35);
    an_pool_free(l.pool);
}

static void an_accepted_change_is_a_part_of_before(void **state)
{
    (void)state;
    line l;
    make(&l);
    add(&l, 0, 400, 0);
    const size_t before = an_pool_n(l.pool, AN_POOL_OLD);
    assert_true(before > 64);
    an_held_live(&l.held, false);
    add(&l, 400, 500, 0);
    assert_int_equal(an_pool_n(l.pool, AN_POOL_OLD), before);
    const size_t fresh = an_pool_n(l.pool, AN_POOL_NEW);
    assert_true(fresh > 0);
    an_held_live(&l.held, true); /* others' drift: nothing was reported here */
    assert_int_equal(an_pool_n(l.pool, AN_POOL_NEW), fresh);
    drift(&l, 400);
    an_held_live(&l.held, true);
    assert_int_equal(an_pool_n(l.pool, AN_POOL_NEW), 0);
    assert_int_equal(an_pool_n(l.pool, AN_POOL_OLD), before + fresh);
    an_pool_free(l.pool);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    line l;
    float *raw = NULL;
    size_t n = 0;
    make(&l);
    add(&l, 0, 30, 1);
    drift(&l, 0);
    an_mem_fail_after(0);
    assert_int_equal(an_held_copy(&l.held, &raw, &n), AN_ERR_NOMEM);
    an_mem_fail_never();
    assert_null(raw);
    an_pool_free(l.pool);
}

static void what_was_reported_outlives_a_restart_of_its_version_alone(void **state)
{
    (void)state;
    static const uint8_t one[AN_ALARM_HASH] = {1}, other[AN_ALARM_HASH] = {2};
    for (unsigned same = 0; same < 2; same++) {
        line l;
        an_buf b;
        an_held again;
        make(&l);
        add(&l, 0, 40, 0);
        drift(&l, 30);
        raise_alarm(&l, 41);
        add(&l, 41, 60, 7);
        assert_copy(&l, 19, 41);
        an_buf_init(&b, 1024);
        an_held_save(&l.held, one, &b);
        assert_int_equal(an_buf_err(&b), AN_OK);
        const an_driftwatch_conf conf = {.rows = PATIENCE};
        an_held_init(&again, l.pool, &conf, STRIDE);
        an_reader cut = an_reader_of(b.data, b.len - 1), r = an_reader_of(b.data, b.len);
        assert_int_equal(an_held_restore(&again, &cut), AN_ERR_PROTO);
        assert_int_equal(an_held_restore(&again, &r), AN_OK);
        assert_int_equal(an_held_live(&again, true), 0);
        an_held_resume(&again, same ? one : other);
        l.held = again;
        assert_copy(&l, same ? 19 : 0, 41);
        drift(&l, 50); /* the alarm that is open began earlier */
        assert_true(l.held.drift_ms == (same ? 30 : 41));
        assert_int_equal(an_held_live(&l.held, false), 0);
        an_held_resume(&l.held, one); /* once is enough: it goes live again for another reason */
        assert_copy(&l, 0, 0);
        an_buf_done(&b);
        an_pool_free(l.pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_reported_outlives_a_restart_of_its_version_alone),
        cmocka_unit_test(without_a_drift_no_held_window_may_be_learned),
        cmocka_unit_test(a_drift_is_learned_from_the_beginning_of_the_alarm_that_it_raised),
        cmocka_unit_test(short_faults_are_no_drift_and_earlier_faults_neither),
        cmocka_unit_test(an_accepted_change_is_a_part_of_before),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
