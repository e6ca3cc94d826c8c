/* Boxes: what a grid says of them, which of them stay, and what they are worth, against figures worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "models/augment.h"
#include "models/boxes.h"
#include "models/model.h"

#define NEAR(a, b) assert_true(fabs((double)(a) - (double)(b)) < 1e-4)

static void overlap_is_what_both_have_of_what_either_has(void **state)
{
    (void)state;
    const an_box a = {0, 0, 4, 4, 1, 0, 0}, b = {2, 2, 6, 6, 1, 0, 0}, far = {8, 8, 9, 9, 1, 0, 0};
    const an_box line = {2, 2, 2, 6, 1, 0, 0};
    NEAR(an_box_iou(&a, &a), 1);
    NEAR(an_box_iou(&a, &b), 4.0 / 28);
    NEAR(an_box_iou(&a, &far), 0);
    NEAR(an_box_iou(&a, &line), 0);
}

static const an_box_grid small = {.height = 4, .width = 6, .cell = 8, .n_classes = 3};

/* A long one whose middle is in cell (1, 2), and a small one in cell (3, 0). */
static const an_box two[] = {{2, 9, 42, 15, 0, 2, 0}, {1, 26, 5, 31, 0, 1, 0}};

static void a_target_has_the_boxes_that_it_was_made_of(void **state)
{
    (void)state;
    float t[4 * 6 * 8];
    an_box back[24];
    assert_int_equal(an_boxes_planes(&small), 8);
    an_boxes_encode(&small, two, 2, t);
    const float *middle = t + (1 * 6 + 2) * 8;
    NEAR(middle[0], 1);
    NEAR(middle[1], 22.0 / 8 - 2.5);
    NEAR(middle[2], 0);
    NEAR(middle[3], log(5));
    NEAR(middle[4], log(0.75));
    NEAR(middle[7], 1);
    /* Its neighbours along the line say the same box; its ends and the cells of no fault say nothing of one. */
    NEAR(t[(1 * 6 + 3) * 8], AN_BOX_NEAR);
    NEAR(t[(1 * 6 + 3) * 8 + 1], 22.0 / 8 - 3.5);
    NEAR(t[(1 * 6 + 5) * 8], AN_BOX_UNSAID);
    NEAR(t[(2 * 6 + 2) * 8], 0);
    assert_int_equal(an_boxes_truth(&small, t, back), 2);
    for (size_t i = 0; i < 2; i++) {
        NEAR(back[i].x0, two[i].x0);
        NEAR(back[i].y0, two[i].y0);
        NEAR(back[i].x1, two[i].x1);
        NEAR(back[i].y1, two[i].y1);
        assert_int_equal(back[i].class, two[i].class);
    }
}

static void of_two_in_one_cell_the_small_one_stays(void **state)
{
    (void)state;
    const an_box both[] = {{9, 9, 15, 15, 0, 0, 0}, {4, 4, 20, 20, 0, 1, 0}, {3, 3, 3, 9, 0, 0, 0}};
    float t[4 * 6 * 8];
    an_box back[24];
    an_boxes_encode(&small, both, 3, t);
    assert_int_equal(an_boxes_truth(&small, t, back), 1);
    NEAR(back[0].x0, 9);
    assert_int_equal(back[0].class, 0);
}

static void outputs_say_boxes_above_a_score(void **state)
{
    (void)state;
    float y[4 * 6 * 8];
    an_box found[24];
    an_boxes_say(&small, two, 2, 4, y);
    assert_int_equal(an_boxes_decode(&small, y, 0.5, found), 2);
    const double p = 1 / (1 + exp(-4)), of_class = 1 / (1 + 2 * exp(-4));
    NEAR(found[0].score, p * of_class);
    NEAR(found[0].x1, 42);
    assert_int_equal(found[0].class, 2);
    assert_int_equal(found[1].class, 1);
    y[(1 * 6 + 2) * 8 + 3] = 1e6f; /* no box leaves the image, however wide it is said to be */
    assert_int_equal(an_boxes_decode(&small, y, 0.5, found), 2);
    NEAR(found[0].x0, 0);
    NEAR(found[0].x1, 48);
    assert_int_equal(an_boxes_decode(&small, y, 0.99, found), 0);
}

static void what_overlaps_a_better_one_is_left_out(void **state)
{
    (void)state;
    an_box b[] = {{0, 0, 10, 10, 0.5f, 0, 0},
                  {1, 0, 11, 10, 0.9f, 0, 0},
                  {1, 0, 11, 10, 0.4f, 1, 0},
                  {1, 0, 11, 10, 0.3f, 0, 1},
                  {8, 0, 18, 10, 0.2f, 0, 0}};
    assert_int_equal(an_boxes_suppress(b, 5, 0.5),
                     4); /* 90 / 110 of the first; other class; other image; 30 / 170 */
    NEAR(b[0].score, 0.9);
    NEAR(b[1].score, 0.4);
    NEAR(b[3].score, 0.2);
}

/* Three truths; by score: hit, the same truth again, wrong image, hit.  Precision 1, 1/2, 1/3, 1/2 at recall 1/3, 1/3, 1/3, 2/3:
 * the highest at each recall or beyond are 1, 1/2 and 0. */
static const an_box truth[] = {
    {0, 0, 10, 10, 0, 0, 0}, {20, 20, 30, 30, 0, 0, 0}, {0, 0, 10, 10, 0, 0, 1}, {0, 0, 8, 8, 0, 1, 2}};
static const an_box found[] = {{20, 20, 30, 28, 0.2f, 0, 0},
                               {0, 0, 10, 9, 0.9f, 0, 0},
                               {0, 0, 10, 10, 0.8f, 0, 0},
                               {0, 0, 10, 10, 0.7f, 0, 3},
                               {0, 0, 8, 4, 0.6f, 1, 2}};

static void precision_is_averaged_over_recall(void **state)
{
    (void)state;
    double ap = 0;
    assert_int_equal(an_boxes_ap(truth, 4, found, 5, 0, 0.5, &ap), AN_OK);
    NEAR(ap, (1 + 0.5) / 3);
    /* At .85 the fourth, which overlaps by 8/10, is no hit. */
    assert_int_equal(an_boxes_ap(truth, 4, found, 5, 0, 0.85, &ap), AN_OK);
    NEAR(ap, 1.0 / 3);
    /* At .95 the first is none either; the second then is, at precision 1/2. */
    assert_int_equal(an_boxes_ap(truth, 4, found, 5, 0, 0.95, &ap), AN_OK);
    NEAR(ap, 0.5 / 3);
    assert_int_equal(an_boxes_ap(truth, 4, found, 5, 2, 0.5, &ap), AN_OK);
    assert_true(isnan(ap));
    assert_int_equal(an_boxes_ap(truth, 4, found, 0, 0, 0.5, &ap), AN_OK);
    NEAR(ap, 0);
}

static void the_mean_is_over_classes_and_overlaps(void **state)
{
    (void)state;
    double ap = 0;
    assert_int_equal(an_boxes_mean_ap(truth, 4, found, 5, 3, 0.5, &ap), AN_OK);
    NEAR(ap, (0.5 + 1) / 2); /* the third class has no truth */
    /* Class 0: .5 up to .8, 1/3 at .85 and .9, 1/6 at .95; class 1, by half: 1 at .5 alone. */
    assert_int_equal(an_boxes_mean_ap_strict(truth, 4, found, 5, 3, &ap), AN_OK);
    NEAR(ap, ((7 * 0.5 + 2.0 / 3 + 1.0 / 6) / 10 + 0.1) / 2);
    assert_int_equal(an_boxes_mean_ap(truth, 0, found, 5, 3, 0.5, &ap), AN_OK);
    assert_true(isnan(ap));
}

static void boxes_turn_with_their_image(void **state)
{
    (void)state;
    float x[32 * 48] = {0}, t[4 * 6 * 8], want[4 * 6 * 8], spare[32 * 48];
    an_box turned[2];
    const an_augment flip = {.type = an_augment_find("flip"), .opt = {1, 1}};
    an_canvas c = {.height = 32,
                   .width = 48,
                   .channels = 1,
                   .x = x,
                   .grid = t,
                   .spare = spare,
                   .coarse = 8,
                   .planes = 8};
    for (size_t i = 0; i < 2; i++) {
        turned[i] = two[i];
        turned[i].x0 = 48 - two[i].x1;
        turned[i].x1 = 48 - two[i].x0;
        turned[i].y0 = 32 - two[i].y1;
        turned[i].y1 = 32 - two[i].y0;
    }
    an_boxes_encode(&small, two, 2, t);
    an_boxes_encode(&small, turned, 2, want);
    an_augment_apply(&flip, 1, &c, 1, 0, 0);
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        NEAR(t[i], want[i]);
}

static const char text[] = "model: places\n"
                           "input: {height: 8, width: 8, channels: 1}\n"
                           "layers:\n"
                           "  - conv2d: {filters: %s, size: 3, stride: 2, padding: same}\n"
                           "loss: boxes\n"
                           "target: %s\n"
                           "augment: [%s]\n";

static void a_model_is_refused_that_has_no_room_for_boxes(void **state)
{
    (void)state;
    static const struct {
        const char *filters, *target, *augment, *want;
    } rows[] = {{"4", "labels", "noise", "at least 5 planes"},
                {"5", "labels", "rotate", "would not follow"},
                {"5", "labels", "cutpaste", "neither class"},
                {"7", "labels", "flip", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char yaml[512];
        an_model *m = NULL;
        an_note why = {0};
        snprintf(yaml, sizeof yaml, text, rows[i].filters, rows[i].target, rows[i].augment);
        const an_err err = an_model_new(yaml, strlen(yaml), "places", 64, &m, &why);
        assert_int_equal(err == AN_OK, rows[i].want == NULL);
        assert_true(!rows[i].want || strstr(why.text, rows[i].want));
        an_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlap_is_what_both_have_of_what_either_has),
        cmocka_unit_test(a_target_has_the_boxes_that_it_was_made_of),
        cmocka_unit_test(of_two_in_one_cell_the_small_one_stays),
        cmocka_unit_test(outputs_say_boxes_above_a_score),
        cmocka_unit_test(what_overlaps_a_better_one_is_left_out),
        cmocka_unit_test(precision_is_averaged_over_recall),
        cmocka_unit_test(the_mean_is_over_classes_and_overlaps),
        cmocka_unit_test(boxes_turn_with_their_image),
        cmocka_unit_test(a_model_is_refused_that_has_no_room_for_boxes),
    };
    return cmocka_run_group_tests_name("boxes", tests, NULL, NULL);
}
