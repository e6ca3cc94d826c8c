/* The trainer stands back: while a line is late, while lines are busy, and for its share of time. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>

#include "agent/governor.h"
#include "agent/idle.h"
#include "base/usage.h"

typedef struct worker {
    an_governor *g;
    pthread_t thread;
    atomic_int pieces;
    atomic_bool end;
    uint64_t work_ns; /* a piece takes so long */
} worker;

static void work(uint64_t ns)
{
    const uint64_t until = an_clock_ns() + ns;
    while (an_clock_ns() < until)
        continue;
}

static void *worker_main(void *arg)
{
    worker *w = arg;
    while (!atomic_load(&w->end)) {
        an_pace_wait(an_governor_pace(w->g));
        work(w->work_ns);
        atomic_fetch_add(&w->pieces, 1);
    }
    return NULL;
}

static void begin(worker *w, an_governor_conf conf)
{
    conf.clock = an_clock_system();
    assert_int_equal(an_governor_new(&conf, &w->g), AN_OK);
    assert_int_equal(pthread_create(&w->thread, NULL, worker_main, w), 0);
}

static void end(worker *w)
{
    atomic_store(&w->end, true);
    an_governor_stop(w->g);
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    an_governor_free(w->g);
}

static void until_pieces(worker *w, int n)
{
    while (atomic_load(&w->pieces) < n)
        poll(NULL, 0, 1);
}

static void until_state(worker *w, an_governor_state s)
{
    while (an_governor_look_at(w->g).state != s)
        poll(NULL, 0, 1);
}

static void begins_no_piece_while_a_line_is_late(void **state)
{
    (void)state;
    worker w = {.work_ns = 100000};
    begin(&w, (an_governor_conf){.share = 1, .quiet_ms = 60000});
    until_pieces(&w, 3);
    an_governor_late(w.g);
    until_state(&w, AN_GOVERNOR_LATE);
    const int before = atomic_load(&w.pieces);
    poll(NULL, 0, 60);
    assert_int_equal(atomic_load(&w.pieces), before);
    assert_int_equal(an_governor_look_at(w.g).lates, 1);
    assert_true(an_governor_look_at(w.g).waited_ms[AN_GOVERNOR_LATE] >= 15);
    end(&w); /* stop lets it go at once, not in a minute */
}

static void goes_on_when_it_is_quiet_again(void **state)
{
    (void)state;
    worker w = {.work_ns = 100000};
    begin(&w, (an_governor_conf){.share = 1, .quiet_ms = 30});
    an_governor_late(w.g);
    until_state(&w, AN_GOVERNOR_LATE);
    until_pieces(&w, atomic_load(&w.pieces) + 3);
    end(&w);
}

static void works_only_while_all_lines_are_idle(void **state)
{
    (void)state;
    worker w = {.work_ns = 100000};
    begin(&w, (an_governor_conf){.share = 1, .idle_only = true, .n_lines = 2});
    until_state(&w, AN_GOVERNOR_BUSY);
    an_governor_idle(w.g, 0, true);
    poll(NULL, 0, 40);
    assert_int_equal(atomic_load(&w.pieces), 0);
    an_governor_idle(w.g, 1, true);
    until_pieces(&w, 3);
    an_governor_idle(w.g, 0, false);
    until_state(&w, AN_GOVERNOR_BUSY);
    end(&w);
}

/* A machine under load gives a thread less, never more: the bound is one-sided. */
static void takes_no_more_than_its_share(void **state)
{
    (void)state;
    worker w = {.work_ns = 1000000};
    begin(&w, (an_governor_conf){.share = 0.2});
    const int64_t from = an_clock_system()->mono_ms(an_clock_system());
    until_pieces(&w, 60);
    const int64_t ms = an_clock_system()->mono_ms(an_clock_system()) - from;
    end(&w);
    assert_true(ms >= 5 * 60 - 20);
}

/* The process has nothing else to do, so that all its time is the worker's. */
static void takes_no_more_processor_time_than_the_budget(void **state)
{
    (void)state;
    worker w = {.work_ns = 1000000};
    begin(&w, (an_governor_conf){.share = 1, .cpu = 0.2});
    const int64_t from = an_clock_system()->mono_ms(an_clock_system());
    const double cpu_from = an_usage_cpu_s();
    until_state(&w, AN_GOVERNOR_CPU);
    until_pieces(&w, atomic_load(&w.pieces) + 60);
    const double s = (double)(an_clock_system()->mono_ms(an_clock_system()) - from) / 1000;
    const double cpu_s = an_usage_cpu_s() - cpu_from;
    assert_true(an_governor_look_at(w.g).waited_ms[AN_GOVERNOR_CPU] > 0);
    end(&w);
    assert_true(cpu_s <= 0.2 * s + 0.1);
}

static void refuses_what_is_no_share(void **state)
{
    (void)state;
    an_governor *g = NULL;
    an_governor_conf conf = {.share = 0, .clock = an_clock_system()};
    assert_int_equal(an_governor_new(&conf, &g), AN_ERR_INVAL);
    conf.share = 1.1;
    assert_int_equal(an_governor_new(&conf, &g), AN_ERR_INVAL);
    conf = (an_governor_conf){.share = 1, .n_lines = 65, .clock = an_clock_system()};
    assert_int_equal(an_governor_new(&conf, &g), AN_ERR_INVAL);
}

static void a_line_is_idle_by_its_sensor_or_when_nothing_comes(void **state)
{
    (void)state;
    const float runs[] = {1, 50}, rests[] = {1, 3}, gone[] = {1, NAN};
    an_idle i = an_idle_of(1, 5, 1000, 0);
    assert_false(an_idle_is(&i, 999));
    assert_true(an_idle_is(&i, 1000)); /* no row at all */
    an_idle_row(&i, runs, 2000);
    assert_false(an_idle_is(&i, 2999));
    for (int64_t t = 3000; t < 4000; t += 100) {
        an_idle_row(&i, rests, t);
        assert_false(an_idle_is(&i, t));
    }
    an_idle_row(&i, rests, 4000);
    assert_true(an_idle_is(&i, 4000));
    an_idle_row(&i, gone, 4100); /* what is not known is not rest */
    assert_false(an_idle_is(&i, 4100));
    i = an_idle_of(AN_IDLE_NO_SENSOR, 0, 1000, 0);
    an_idle_row(&i, rests, 500);
    assert_false(an_idle_is(&i, 1499));
    assert_true(an_idle_is(&i, 1500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_no_piece_while_a_line_is_late),
        cmocka_unit_test(goes_on_when_it_is_quiet_again),
        cmocka_unit_test(works_only_while_all_lines_are_idle),
        cmocka_unit_test(takes_no_more_than_its_share),
        cmocka_unit_test(takes_no_more_processor_time_than_the_budget),
        cmocka_unit_test(refuses_what_is_no_share),
        cmocka_unit_test(a_line_is_idle_by_its_sensor_or_when_nothing_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
