/* A copy of the pool that is made while the pool goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/pool.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/folder.h"

#define W 2
#define T 3
#define WINDOW (W * T * sizeof(float))

static an_pool *make(void)
{
    const an_pool_conf c = {.width = W,
                            .window = T,
                            .cap = {100, 60, 20, 30, 40, 10},
                            .block = 8,
                            .holdout_percent = 25,
                            .seed = 3};
    an_pool *p = NULL;
    assert_int_equal(an_pool_new(&c, &p, NULL), AN_OK);
    return p;
}

static void add(an_pool *p, int64_t time_ms, uint64_t alarm)
{
    float w[T * W];
    for (size_t k = 0; k < T * W; k++)
        w[k] = (float)time_ms + (float)k / 8;
    an_pool_add(p, w, time_ms, alarm);
}

/* Whatever changes a pool. */
static void disturb(an_pool *p, an_rng *rng, int64_t *time_ms)
{
    const uint64_t alarm = 1 + (uint64_t)*time_ms / 50;
    const an_pool_mark mark = {.from_ms = *time_ms - 9,
                               .to_ms = *time_ms - 7,
                               .defective = an_rng_below(rng, 2) == 0,
                               .defect = alarm % 2 ? "crack" : ""};
    switch (an_rng_below(rng, 14)) {
    case 0:
        (void)an_pool_release(p, alarm - 1);
        break;
    case 1:
        (void)an_pool_confirm(p, alarm);
        break;
    case 2:
        an_pool_hold_since(p, *time_ms - 5, alarm);
        break;
    case 3:
        an_pool_settle(p);
        break;
    case 4:
        (void)an_pool_release_lasting(p, *time_ms - 40, 3);
        break;
    case 5:
        assert_int_equal(an_pool_mark_all(p, &mark, 1, NULL), AN_OK);
        break;
    case 6:
        (void)an_pool_confirm_as(p, alarm - 1, "dent");
        break;
    default:
        for (int i = 0; i < 5; i++)
            add(p, (*time_ms)++, an_rng_below(rng, 4) == 0 ? alarm : 0);
    }
}

static void bytes_of(const an_pool *p, const char *dir, an_buf *ret)
{
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, dir, "pool"), AN_OK);
    assert_int_equal(an_pool_save(p, path, NULL), AN_OK);
    an_buf_clear(ret);
    assert_int_equal(an_file_read(ret, path, NULL), AN_OK);
}

static void a_copy_is_the_pool_at_its_begin_whatever_happens_meanwhile(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX];
    an_test_folder_make(dir);
    an_buf want, got;
    an_buf_init(&want, 1 << 20);
    an_buf_init(&got, 1 << 20);
    an_rng rng;
    an_rng_init(&rng, 7, 1);
    int64_t time_ms = 0;
    size_t differed = 0;
    an_pool *p = make();
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 3 * round; i++)
            disturb(p, &rng, &time_ms);
        bytes_of(p, dir, &want);
        assert_int_equal(an_pool_twin_begin(p), AN_OK);
        assert_int_equal(an_pool_twin_begin(p), AN_ERR_STATE);
        size_t steps = 1;
        for (; !an_pool_twin_step(p, 3 * WINDOW); steps++)
            disturb(p, &rng, &time_ms);
        disturb(p, &rng, &time_ms);
        an_pool *twin = an_pool_twin_take(p);
        assert_non_null(twin);
        bytes_of(twin, dir, &got);
        assert_int_equal(got.len, want.len);
        assert_memory_equal(got.data, want.data, want.len);
        bytes_of(p, dir, &got);
        differed += got.len != want.len || memcmp(got.data, want.data, want.len) != 0;
        an_pool_free(twin);
    }
    assert_true(differed > 40); /* or nothing was tested */
    an_pool_free(p);
    an_buf_done(&want);
    an_buf_done(&got);
    an_test_folder_remove(dir);
}

static void a_piece_is_no_larger_than_asked(void **state)
{
    (void)state;
    an_pool *p = make();
    for (int64_t t = 0; t < 400; t++)
        add(p, t, 0);
    size_t n = 0, steps = 1;
    for (unsigned k = 0; k < AN_POOL_PARTS; k++)
        n += an_pool_n(p, (an_pool_part)k);
    assert_int_equal(an_pool_twin_begin(p), AN_OK);
    while (!an_pool_twin_step(p, 9 * WINDOW))
        steps++;
    assert_true(steps >= n / 10);
    an_pool_free(p); /* with the copy that nobody took */
}

static void what_is_not_finished_is_not_given(void **state)
{
    (void)state;
    an_pool *p = make();
    for (int64_t t = 0; t < 400; t++)
        add(p, t, 0);
    assert_int_equal(an_pool_twin_begin(p), AN_OK);
    assert_false(an_pool_twin_step(p, WINDOW));
    assert_null(an_pool_twin_take(p));
    assert_int_equal(an_pool_twin_begin(p), AN_OK);
    an_pool_twin_drop(p);
    add(p, 400, 0);
    an_pool_free(p);
}

static size_t resident(void)
{
    size_t all = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%zu %zu", &all, &pages), 2);
    assert_int_equal(fclose(f), 0);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* To set 256 MB to zero takes longer than a row may wait, and memory that holds no window is not there for nothing. */
static void a_copy_takes_no_memory_before_there_are_windows_in_it(void **state)
{
    (void)state;
    const an_pool_conf c = {.width = 64, .window = 64, .quota_bytes = 64u << 20};
    an_pool *p = NULL;
    assert_int_equal(an_pool_new(&c, &p, NULL), AN_OK);
    const size_t before = resident();
    assert_int_equal(an_pool_twin_begin(p), AN_OK);
    assert_true(an_pool_twin_step(p, 64u << 20));
    assert_true(resident() < before + (32u << 20));
    an_pool_free(p);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    an_pool *p = make();
    const size_t live = an_mem_live();
    size_t n = 0;
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = an_pool_twin_begin(p);
        an_mem_fail_never();
        if (err != AN_OK)
            assert_int_equal(an_mem_live(), live);
    } while (err == AN_ERR_NOMEM);
    assert_int_equal(err, AN_OK);
    assert_true(n > 18);
    an_pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_the_pool_at_its_begin_whatever_happens_meanwhile),
        cmocka_unit_test(a_piece_is_no_larger_than_asked),
        cmocka_unit_test(what_is_not_finished_is_not_given),
        cmocka_unit_test(a_copy_takes_no_memory_before_there_are_windows_in_it),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
