/* Reasons as sentences: what is known is said, exactly enough, and always whole UTF-8. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/reason.h"
#include "base/utf8.h"

#define AT_MS INT64_C(1763807525000) /* 2025-11-22T10:32:05Z */

static const char *const names[] = {"Bearing temperature", "Current", "Flow"};
static const char *const units[] = {"°C", "A", ""};

static an_reason whole(void)
{
    an_reason r = {.n = 1,
                   .time_ms = AT_MS + 3000,
                   .score = 2.4,
                   .has_near = true,
                   .near_ms = AT_MS - 1805000,
                   .near_distance = 1.1};
    r.parts[0] = (an_reason_part){
        .share = 0.92, .value = 71.34, .expected = 62.881, .sigma = 4.21, .scale = 2.1, .since_ms = AT_MS};
    r.parts[1] = (an_reason_part){.sensor = 1, .share = 0.2};
    r.parts[2] = (an_reason_part){.sensor = 2, .share = 0.15};
    return r;
}

static void says(const an_reason *r, const char *const *with_units, const char *wanted)
{
    char text[AN_REASON_TEXT];
    an_reason_text(text, r, names, with_units);
    assert_string_equal(text, wanted);
}

static void all_that_is_known_is_said(void **state)
{
    (void)state;
    an_reason r = whole();
    says(&r, units,
         "Bearing temperature 71.3 °C, 4.2 σ above what the other sensors suggest (62.9 °C), since 10:32:05 "
         "UTC "
         "(92 % of the score); nearest normal window 10:02:00 UTC.");
    r.parts[0].sigma = -120;
    r.n = 3;
    r.has_near = false;
    says(&r, NULL,
         "Bearing temperature 71.3, more than 99 σ below what the other sensors suggest (62.9), since "
         "10:32:05 UTC "
         "(92 % of the score); also Current (20 %) and Flow (15 %).");
    r.n = 2;
    r.parts[0].expected = (double)NAN;
    says(&r, units,
         "Bearing temperature 71.3 °C, since 10:32:05 UTC (92 % of the score); also Current (20 %).");
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    an_reason r = whole();
    r.parts[0].value = (double)INFINITY;
    r.has_near = false;
    says(&r, units, "Bearing temperature, since 10:32:05 UTC (92 % of the score).");
    r.n = 0;
    says(&r, units, "Score 2.4 times the threshold.");
    r.score = (double)NAN;
    says(&r, units, "");
    r = whole();
    r.parts[0].sigma = 0.2; /* it is off elsewhere in the window */
    r.n = 2;
    r.parts[1].share = 0.04; /* not worth a word */
    r.near_ms = AT_MS - 86400000;
    says(&r, units,
         "Bearing temperature 71.3 °C, since 10:32:05 UTC (92 % of the score); nearest normal window "
         "2025-11-21 "
         "10:32:05 UTC.");
}

static void of_an_image_the_place_is_said(void **state)
{
    (void)state;
    an_reason r = {.time_ms = AT_MS,
                   .score = 2.4,
                   .of_image = true,
                   .image_width = 300,
                   .image_height = 90,
                   .n_boxes = 2,
                   .boxes = {{12, 40, 60, 10, 5.14}, {250, 70, 8, 9, 1.2}}};
    says(&r, NULL,
         "Scratch-like deviation at the left, 60 x 10 px, 5.14 times what is usual there; also at lower "
         "right, 8 x 9 px.");
    r.n_boxes = 1;
    r.has_near = true;
    r.near_ms = AT_MS - 5000;
    r.boxes[0] = (an_reason_box){140, 0, 20, 20, 119.3};
    says(&r, NULL,
         "Spot-like deviation at the top, 20 x 20 px, 119 times what is usual there; nearest normal image "
         "10:32:00 UTC.");
    r.boxes[0] = (an_reason_box){0, 0, 300, 80, 1.5};
    r.has_near = false;
    says(&r, NULL, "Wide deviation at the centre, 300 x 80 px, 1.5 times what is usual there.");
    r.boxes[0] = (an_reason_box){200, 60, 50, 30, 1.5};
    says(&r, NULL, "Deviation at lower right, 50 x 30 px, 1.5 times what is usual there.");
    r.n_boxes = 0;
    says(&r, NULL, "No single place of the image stands out, score 2.4 times the threshold.");
}

static void a_number_is_as_exact_as_its_sensor_is_steady(void **state)
{
    (void)state;
    static const struct {
        double value, scale;
        const char *text;
    } rows[] = {
        {71.3456, 2.1, "71.3"},        {71.3456, 210, "71"},   {0.0123456, 0.002, "0.0123"},
        {71.3456, 0, "71.346"},        {-0.00004, 1.0, "0.0"}, {-3.05, 0.5, "-3.05"},
        {12345678.0, 1e5, "12345678"}, {3e12, 1, "3e+12"},     {1.0, 1e-12, "1.000000"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[24];
        an_reason_number(text, rows[i].value, rows[i].scale);
        assert_string_equal(text, rows[i].text);
    }
}

static void long_and_broken_names_end_at_a_character(void **state)
{
    (void)state;
    char name[600], text[AN_REASON_TEXT];
    for (size_t begin = 0; begin < 4; begin++) {
        an_reason r = whole();
        memset(name, 'x', sizeof name);
        for (size_t i = begin; i + 2 < sizeof name; i += 2)
            memcpy(name + i, "µ", 2);
        name[sizeof name - 1] = '\0';
        const char *long_names[] = {name, name, name};
        r.n = 3;
        an_reason_text(text, &r, long_names, long_names);
        assert_true(strlen(text) < AN_REASON_TEXT && strlen(text) > 100);
        assert_true(an_utf8_check(text, strlen(text), NULL));
    }
    const char *broken[] = {"a\xff\xfe", "b\n\x1b[2J", "c"};
    an_reason r = whole();
    r.n = 2;
    an_reason_text(text, &r, broken, NULL);
    assert_true(an_utf8_check(text, strlen(text), NULL));
    assert_null(strchr(text, '\n'));
    assert_null(strchr(text, '\x1b'));
    const char *none[] = {"", "", ""};
    an_reason_text(text, &r, none, NULL);
    assert_string_equal(text, "Score 2.4 times the threshold; nearest normal window 10:02:00 UTC.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_known_is_said),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(of_an_image_the_place_is_said),
        cmocka_unit_test(a_number_is_as_exact_as_its_sensor_is_steady),
        cmocka_unit_test(long_and_broken_names_end_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
