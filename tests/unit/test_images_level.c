/* Where 0 of an answer lies: as many held-back items are said to be of a class as are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/lab/tasks/images_internal.h"

/* Five images, masks of one place with a plane for each of two classes: two of the first, one of the second. */
static const float truth[5][2] = {{1, 0}, {1, 0}, {0, 1}, {0, 0}, {0, 0}};
static const float said[5][2] = {{-1, -9}, {-3, -8}, {-6, -2}, {-5, -6}, {-7, -7}};

static an_lab_answers answers(an_images_goal *g, an_lab_data *d, size_t n)
{
    *g = (an_images_goal){.n_classes = 3, .planes = 2, .height = 1, .width = 1, .level = true};
    *d = (an_lab_data){.task_data = g, .n_labels = 2};
    return (an_lab_answers){.data = d, .truth = truth[0], .said = said[0], .n = n, .n_truth = 2, .n_said = 2};
}

static void as_many_are_said_as_are(void **state)
{
    an_images_goal g;
    an_lab_data d;
    const an_lab_answers a = answers(&g, &d, 5);
    float off[2] = {0, 0};
    (void)state;
    assert_int_equal(an_images_level_classes(&a, off, NULL), AN_OK);
    assert_float_equal(off[0], -4, 1e-6); /* between -3 and -5 */
    assert_float_equal(off[1], -4, 1e-6); /* between -2 and -6 */
}

static void classes_of_a_list_move_against_the_normal_one(void **state)
{
    static const float classes[4] = {1, 1, 0, 0}, spoken[4][2] = {{5, 4}, {5, 2}, {5, 0}, {5, -1}};
    an_images_goal g = {.n_classes = 2, .level = true};
    const an_lab_data d = {.task_data = &g, .n_labels = 1};
    const an_lab_answers a = {
        .data = &d, .truth = classes, .said = spoken[0], .n = 4, .n_truth = 1, .n_said = 2};
    float off[2] = {0, 0};
    (void)state;
    assert_int_equal(an_images_level_classes(&a, off, NULL), AN_OK);
    assert_float_equal(off[0], 0, 0);
    assert_float_equal(off[1], -4, 1e-6); /* between 2 - 5 and 0 - 5 */
}

static void a_class_that_nothing_is_of_stays_where_it_is(void **state)
{
    an_images_goal g;
    an_lab_data d;
    const an_lab_answers a = answers(&g, &d, 2);
    float off[2] = {0, 0};
    (void)state;
    assert_int_equal(an_images_level_classes(&a, off, NULL), AN_OK);
    assert_float_equal(off[1], 0, 0);
}

static void pixels_count_in_images_with_a_fault(void **state)
{
    an_images_goal g;
    an_lab_data d;
    const an_lab_answers a = answers(&g, &d, 5);
    float off[2] = {0, 0};
    (void)state;
    assert_int_equal(an_images_level_pixels(&a, off, NULL), AN_OK);
    assert_float_equal(off[0], -4.5, 1e-6); /* three of -1 -2 -3 | -6 -8 -9 */
    assert_float_equal(off[1], -4.5, 1e-6);
}

static void nothing_moves_unless_asked(void **state)
{
    an_images_goal g;
    an_lab_data d;
    const an_lab_answers a = answers(&g, &d, 5);
    float off[2] = {0, 0};
    (void)state;
    g.level = false;
    assert_int_equal(an_images_level_classes(&a, off, NULL), AN_OK);
    assert_int_equal(an_images_level_pixels(&a, off, NULL), AN_OK);
    assert_float_equal(off[0], 0, 0);
    assert_float_equal(off[1], 0, 0);
}

static void memory_that_is_out_is_said(void **state)
{
    an_images_goal g;
    an_lab_data d;
    const an_lab_answers a = answers(&g, &d, 5);
    float off[2] = {0, 0};
    (void)state;
    an_mem_fail_after(0);
    assert_int_equal(an_images_level_classes(&a, off, NULL), AN_ERR_NOMEM);
    an_mem_fail_after(0);
    assert_int_equal(an_images_level_pixels(&a, off, NULL), AN_ERR_NOMEM);
    an_mem_fail_never();
    assert_float_equal(off[0], 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_are_said_as_are),
        cmocka_unit_test(classes_of_a_list_move_against_the_normal_one),
        cmocka_unit_test(a_class_that_nothing_is_of_stays_where_it_is),
        cmocka_unit_test(pixels_count_in_images_with_a_fault),
        cmocka_unit_test(nothing_moves_unless_asked),
        cmocka_unit_test(memory_that_is_out_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
