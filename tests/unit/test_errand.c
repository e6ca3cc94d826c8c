/* A line's pool on its way to the disk by the line's second thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/runtime_line.h"
#include "base/clock.h"
#include "tests/support/folder.h"

#define W 16
#define T 16

typedef struct world {
    char dir[AN_PATH_MAX];
    an_agent_conf agent;
    an_agent_line conf;
    an_line line;
    an_line_run run;
    an_net *net;
} world;

static const an_pool_conf shape = {.width = W, .window = T, .cap = {200, 200, 50, 50, 50, 10}, .seed = 5};

static void set_up(world *w)
{
    an_note why;
    *w = (world){.conf = {.name = "line-1"}};
    an_test_folder_make(w->dir);
    w->line = (an_line){.conf = &w->conf, .agent = &w->agent};
    w->run = (an_line_run){.l = &w->line, .clock = an_clock_system()};
    assert_int_equal(an_path_join(w->line.pool_path, w->dir, "line-1.pool"), AN_OK);
    assert_int_equal(an_pool_new(&shape, &w->line.pool, NULL), AN_OK);
    assert_int_equal(an_net_open(1, &w->net, &why), AN_OK);
    assert_int_equal(an_actor_start(w->net, an_errand_main, &w->line, &w->line.errands, &why), AN_OK);
}

static void tear_down(world *w)
{
    an_line_errands_end(&w->run);
    an_actor_stop(w->line.errands);
    an_net_close(w->net);
    an_pool_free(w->line.pool);
    an_test_folder_remove(w->dir);
}

static void add(world *w, int64_t time_ms, uint64_t alarm)
{
    float window[W * T];
    for (size_t i = 0; i < W * T; i++)
        window[i] = (float)time_ms;
    an_pool_add(w->line.pool, window, time_ms, alarm);
}

static void until_done(world *w)
{
    while (an_line_errands(&w->run) || w->run.errand || w->run.save_wanted)
        if (w->run.errand)
            (void)an_pipe_wait(an_actor_pipe(w->line.errands), 1000);
}

/* Windows of a part in the file. */
static size_t stored(const world *w, an_pool_part part)
{
    an_pool *p = NULL;
    an_note why;
    assert_int_equal(an_pool_new(&shape, &p, NULL), AN_OK);
    assert_int_equal(an_pool_load(p, w->line.pool_path, &why), AN_OK);
    const size_t n = an_pool_n(p, part);
    an_pool_free(p);
    return n;
}

static void what_changes_while_the_pool_is_copied_is_saved_too(void **state)
{
    (void)state;
    world w;
    set_up(&w);
    for (int64_t t = 0; t < 400; t++)
        add(&w, t, t < 380 ? 0 : 7);
    an_line_save_pool(&w.run);
    assert_true(an_line_errands(&w.run)); /* the copy is begun */
    assert_int_equal(an_pool_confirm(w.line.pool, 7), 20);
    an_line_save_pool(&w.run);
    assert_true(an_line_errands(&w.run));
    until_done(&w);
    assert_int_equal(stored(&w, AN_POOL_HELD), 0);
    assert_int_equal(stored(&w, AN_POOL_CONFIRMED), 10);
    tear_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_while_the_pool_is_copied_is_saved_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
