/* Windows and what people have said of them: a defect is never learned, what is good is, and a correction undoes both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pool.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/support/folder.h"

/* Window i is of the rows from 1000 i to 1000 i + 900, and holds i. */
static void add(an_pool *p, size_t from, size_t n, uint64_t alarm)
{
    for (size_t i = from; i < from + n; i++) {
        const float window[2] = {(float)i, (float)i};
        an_pool_add_span(p, window, (int64_t)i * 1000, (int64_t)i * 1000 + 900, alarm);
    }
}

static int setup(void **state)
{
    const an_pool_conf c = {.width = 2,
                            .window = 1,
                            .cap = {64, 64, 32, 32, 32, 32},
                            .block = 4,
                            .holdout_percent = 25,
                            .seed = 1};
    an_pool *p = NULL;
    assert_int_equal(an_pool_new(&c, &p, NULL), AN_OK);
    add(p, 0, 60, 0);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    an_pool_free(*state);
    return 0;
}

/* In how many parts the window is, as bits; and its label in the last of them. */
static unsigned where(const an_pool *p, size_t i, const char **ret_label)
{
    unsigned bits = 0;
    *ret_label = "nowhere";
    for (unsigned k = 0; k < AN_POOL_PARTS; k++)
        for (size_t j = 0; j < an_pool_n(p, (an_pool_part)k); j++)
            if (an_pool_get(p, (an_pool_part)k, j)[0] == (float)i) {
                assert_int_equal(an_pool_from(p, (an_pool_part)k, j), i * 1000);
                bits |= 1u << k;
                *ret_label = an_pool_label_of(p, (an_pool_part)k, j);
            }
    return bits;
}

static const unsigned confirmed = 1u << AN_POOL_CONFIRMED, held = 1u << AN_POOL_HELD;

static size_t mark(an_pool *p, int64_t from_ms, int64_t to_ms, bool defective, const char *defect)
{
    const an_pool_mark m = {from_ms, to_ms, defective, defect};
    size_t n = 0;
    assert_int_equal(an_pool_mark_all(p, &m, 1, &n), AN_OK);
    return n;
}

static void a_defect_takes_all_windows_that_it_touches_and_they_are_there_once(void **state)
{
    an_pool *p = *state;
    const char *label;
    const size_t before = an_pool_n(p, AN_POOL_CONFIRMED);
    mark(p, 20500, 22000, true, "crack");
    assert_int_equal(an_pool_n(p, AN_POOL_CONFIRMED) - before, 3);
    for (size_t i = 20; i <= 22; i++) {
        assert_int_equal(where(p, i, &label), confirmed);
        assert_string_equal(label, "crack");
    }
    assert_int_equal(where(p, 19, &label) & confirmed, 0);
    assert_int_equal(where(p, 23, &label) & confirmed, 0);
    assert_int_equal(mark(p, 20500, 22000, true, "crack"), 0); /* again: nothing */
    mark(p, 20500, 22000, true, "");
    assert_int_equal(where(p, 21, &label), confirmed);
    assert_string_equal(label, "defect");
}

static void what_was_good_is_labelled_and_what_was_taken_for_a_defect_comes_back(void **state)
{
    an_pool *p = *state;
    const char *label;
    mark(p, 30000, 31950, false, "");
    assert_true((where(p, 30, &label) & (confirmed | held)) == 0 && strcmp(label, "normal") == 0);
    assert_true(where(p, 31, &label) && strcmp(label, "normal") == 0);
    mark(p, 33000, 33500, false, ""); /* the window is longer than what was good */
    assert_true(where(p, 33, &label) && strcmp(label, "") == 0);
    assert_int_equal(an_pool_labelled(p), 2);
    mark(p, 40500, 40600, true, "dent");
    assert_int_equal(where(p, 40, &label), confirmed);
    mark(p, 40500, 40600, false, "");
    assert_int_equal(where(p, 40, &label) & confirmed, 0);
    assert_true(where(p, 40, &label) && strcmp(label, "normal") == 0);
}

static void held_windows_follow_their_pieces_before_their_alarm(void **state)
{
    an_pool *p = *state;
    const char *label;
    add(p, 100, 4, 7);
    const an_pool_mark both[] = {{100000, 100950, false, ""}, {101500, 101600, true, "crack"}};
    size_t n = 0;
    assert_int_equal(an_pool_mark_all(p, both, 2, &n), AN_OK);
    assert_int_equal(n, 2);
    assert_int_equal(where(p, 100, &label) & (held | confirmed), 0);
    assert_int_equal(where(p, 101, &label), confirmed);
    assert_int_equal(where(p, 102, &label), held);
    assert_int_equal(an_pool_confirm_as(p, 7, "crack"), 2);
    assert_int_equal(where(p, 103, &label), confirmed);
    /* the verdict is taken back, and with it what it confirmed */
    assert_int_equal(an_pool_release(p, 7), 3);
    for (size_t i = 101; i < 104; i++) {
        assert_int_equal(where(p, i, &label) & (held | confirmed), 0);
        assert_string_equal(label, "normal");
    }
}

static void labels_are_kept_in_the_file_whatever_its_shape(void **state)
{
    an_pool *p = *state, *again = NULL;
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    const char *label;
    an_note why = {{0}};
    an_test_folder_make(dir);
    assert_int_equal(an_path_join(path, dir, "pool"), AN_OK);
    add(p, 100, 2, 7);
    mark(p, 20000, 20000, true, "crack");
    mark(p, 30000, 30950, false, "");
    assert_int_equal(an_pool_save(p, path, &why), AN_OK);
    if (an_pool_open(path, &again, &why) != AN_OK)
        fail_msg("%s", why.text);
    for (unsigned k = 0; k < AN_POOL_PARTS; k++)
        assert_int_equal(an_pool_n(again, (an_pool_part)k), an_pool_n(p, (an_pool_part)k));
    assert_int_equal(where(again, 20, &label), confirmed);
    assert_string_equal(label, "crack");
    assert_int_equal(where(again, 101, &label), held);
    assert_int_equal(an_pool_alarm(again, AN_POOL_HELD, 0), 7);
    assert_int_equal(an_pool_alarm(again, AN_POOL_CONFIRMED, 0), 0);
    assert_int_equal(an_pool_labelled(again), 1);
    an_pool_free(again);
    again = NULL;
    assert_int_equal(an_file_write(path, "no pool at all, but longer than a hash is", 41, 0600, &why), AN_OK);
    assert_int_equal(an_pool_open(path, &again, &why), AN_ERR_PROTO);
    an_test_folder_remove(dir);
}

static void classes_are_bounded(void **state)
{
    an_pool *p = *state;
    const char *label;
    for (int i = 0; i < AN_POOL_CLASSES + 2; i++) {
        char name[16] = {'c', (char)('0' + i / 10), (char)('0' + i % 10)};
        mark(p, 20000, 20000, true, name);
        assert_int_equal(where(p, 20, &label), confirmed);
        assert_string_equal(label, i < AN_POOL_CLASSES ? name : "defect");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_defect_takes_all_windows_that_it_touches_and_they_are_there_once),
        TEST(what_was_good_is_labelled_and_what_was_taken_for_a_defect_comes_back),
        TEST(held_windows_follow_their_pieces_before_their_alarm),
        TEST(labels_are_kept_in_the_file_whatever_its_shape),
        TEST(classes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
