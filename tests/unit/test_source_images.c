/* The images source, and the pure parts it is made of: shape, quality, ids of parts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sources/images_internal.h"
#include "base/mem.h"
#include "tests/support/sources.h"

/* A grey image of 2 x 2 pixels: 0, v, 8, 9 of 9. */
static void put_image(const char *name, int v)
{
    char text[64];
    snprintf(text, sizeof text, "P2 2 2 9 0 %d 8 9\n", v);
    sources_put(name, "w", text);
}

static char seen[512];

static void each_image_comes_once_in_natural_order(void **state)
{
    (void)state;
    static const char options[] = "{path: %s, poll_ms: 700}";
    put_image("10.pgm", 9);
    put_image("2.pgm", 0);
    sources_put("3.png", "w", "no image");
    sources_put("notes.txt", "w", "nothing");
    an_source *s = sources_open("images", options);
    assert_int_equal(an_source_width(s), 2);
    assert_string_equal(an_source_sensor(s, 1), "x1");
    assert_int_equal(sources_drain(s, 1, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "|0 1"); /* the newest must keep still first */
    sources_await(s, 1, seen, sizeof seen);
    assert_string_equal(seen, "|1 1");
    put_image("11.pgm", 0);
    s = sources_reopen(s, "images", options);
    assert_int_equal(sources_drain(s, 1, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "");
    sources_await(s, 1, seen, sizeof seen);
    assert_string_equal(seen, "|0 1");
    an_source_close(s);
    s = sources_open("images", "{path: %s, follow: false}");
    assert_int_equal(sources_drain(s, 1, seen, sizeof seen), AN_ERR_NOTFOUND);
    assert_string_equal(seen, "|0 1 |1 1 |0 1");
    assert_int_equal(an_source_stats_get(s).bad, 1);
    assert_non_null(strstr(an_source_stats_get(s).bad_last, "3.png"));
    an_source_close(s);
}

static void half_an_image_is_given_again_after_a_restart(void **state)
{
    (void)state;
    static const char options[] = "{path: %s, follow: false}";
    an_batch b;
    int64_t wait_ms;
    put_image("1.pgm", 0);
    put_image("2.pgm", 9);
    an_source *s = sources_open("images", options);
    assert_int_equal(an_batch_init(&b, 2, 3), AN_OK);
    assert_int_equal(an_source_next(s, &b, &wait_ms, NULL), AN_OK);
    assert_int_equal(b.n, 3);
    s = sources_reopen(s, "images", options);
    assert_int_equal(an_source_next(s, &b, &wait_ms, NULL), AN_OK);
    assert_int_equal(b.n, 2);
    assert_int_equal(b.row[0], 2);
    assert_int_equal(b.flags[0], AN_ROW_RESTART);
    an_batch_done(&b);
    an_source_close(s);
}

static void parts_come_from_names_or_from_a_list(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name, *part;
    } cases[] = {
        {"{part}_{n}.png", "A-17_3.png", "A-17"},
        {"{part}_{n}.png", "A_17_3.png", "A"},
        {"cam1-{part}.png", "cam1-77.png", "77"},
        {"cam1-{part}.png", "cam2-77.png", NULL},
        {"{date}_{part}_{n}.png", "x_B2_0.png", "B2"},
        {"{part}_{n}.png", "noline.png", NULL},
        {"{part}", "whole.png", "whole.png"},
        {"{part}_{n}.png", "_1.png", NULL},
        {"{part}_{n}.png", "a_.png", NULL},
        {"{n}{part}.png", "12.png", NULL},
        {"{part", "x", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char part[AN_PART_MAX] = "";
        const bool found = an_images_part(cases[i].pattern, cases[i].name, part);
        if (found != (cases[i].part != NULL) && i != 9)
            print_error("%s %s: %s\n", cases[i].pattern, cases[i].name, part);
        if (cases[i].part) {
            assert_true(found);
            assert_string_equal(part, cases[i].part);
        } else if (i != 9) { /* two groups side by side: whatever it says, it ends */
            assert_false(found);
        }
    }
    an_batch b;
    int64_t wait_ms;
    put_image("1.pgm", 0);
    put_image("2.pgm", 0);
    sources_put("parts.csv", "w", "image,part\n2.pgm,\"P-2\"\n1.pgm;P-1\n");
    an_source *s = sources_open("images", "{path: %s, follow: false, parts: %s/parts.csv}");
    assert_int_equal(an_batch_init(&b, 2, 8), AN_OK);
    assert_int_equal(an_source_next(s, &b, &wait_ms, NULL), AN_OK);
    assert_string_equal(b.part[1], "P-1");
    assert_string_equal(b.part[2], "P-2");
    assert_int_equal(sources_count(s, "no_part"), 0);
    an_batch_done(&b);
    an_source_close(s);
}

static void images_are_cut_sized_and_coloured(void **state)
{
    (void)state;
    sources_put("1.ppm", "w", "P3 4 2 2  0 0 0  2 2 2  0 0 0  2 0 0   0 0 0  0 0 0  2 2 2  0 0 0\n");
    an_source *s = sources_open("images", "{path: %s, follow: false, width: 2, height: 1, colour: grey}");
    assert_int_equal(sources_drain(s, 0, seen, sizeof seen), AN_ERR_NOTFOUND);
    assert_string_equal(seen, "|0.25");
    an_source_close(s);
    s = sources_open("images", "{path: %s, follow: false, roi: {x: 3, y: 0, width: 1, height: 2}}");
    assert_int_equal(an_source_width(s), 3);
    assert_string_equal(an_source_sensor(s, 2), "x0.b");
    assert_int_equal(sources_drain(s, 0, seen, sizeof seen), AN_ERR_NOTFOUND);
    assert_string_equal(seen, "|1 0");
    an_source_close(s);
    s = sources_open("images", "{path: %s, follow: false, width: 128, height: 128, colour: rgb}");
    assert_int_equal(an_source_width(s), 384);
    an_source_close(s);
    an_note why = {{0}};
    assert_int_equal(sources_try("images", "{path: %s, roi: {x: 3, y: 0, width: 2, height: 2}}",
                                 an_clock_system(), &s, &why),
                     AN_ERR_NOTFOUND);
    assert_non_null(strstr(why.text, "beyond"));
    assert_int_equal(
        sources_try("images", "{path: %s, width: 4096, height: 4096}", an_clock_system(), &s, &why),
        AN_ERR_LIMIT);
}

static an_image made(size_t side, float (*at)(size_t x, size_t y))
{
    an_image image = {
        .height = side, .width = side, .channels = 1, .values = an_alloc(side * side, sizeof(float))};
    assert_non_null(image.values);
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++)
            image.values[y * side + x] = at(x, y);
    return image;
}

static float sharp(size_t x, size_t y)
{
    return (x / 4 + y / 4) % 2 ? 0.8f : 0.2f;
}

static float soft(size_t x, size_t y)
{
    return 0.5f + 0.3f * sinf((float)x / 3) * sinf((float)y / 3);
}

static size_t frame;
static float moving(size_t x, size_t y)
{
    const float dark = x > 20 && x < 25 && y > 20 && y < 25 ? 0.3f : 1.0f; /* on the lens, in every frame */
    return dark * ((x + frame * 5) % 16 < 5 ? 0.2f : 0.8f);
}

static void pictures_that_say_nothing_are_told(void **state)
{
    (void)state;
    an_image a = made(64, sharp), b = made(64, soft);
    assert_true(an_image_focus(&a) > 5 * an_image_focus(&b));
    for (size_t i = 0; i < 64 * 64; i++)
        a.values[i] *= 0.5f;
    an_image c = made(64, sharp);
    assert_true(fabs(an_image_focus(&a) - an_image_focus(&c)) < 1e-3); /* the light does not count */
    assert_true(an_image_clipped(&c) == 0);
    for (size_t i = 0; i < 1024; i++)
        c.values[i] = i % 2 ? 1.0f : 0.0f;
    assert_true(an_image_clipped(&c) == 0.25);
    an_image_done(&a);
    an_image_done(&b);
    an_image_done(&c);
    an_image_dirt *dirt = NULL;
    assert_int_equal(an_image_dirt_new(64, 64, &dirt), AN_OK);
    for (frame = 0; frame < 40; frame++) {
        an_image m = made(64, moving);
        if (frame == 10)
            assert_true(an_image_dirt_share(dirt) == 0); /* too few yet */
        assert_int_equal(an_image_dirt_step(dirt, &m), AN_OK);
        an_image_done(&m);
    }
    assert_true(fabs(an_image_dirt_share(dirt) - 16.0 / 4096) < 1e-9);
    an_image_dirt_free(dirt);
}

static void a_bad_picture_is_bad_values_and_a_counter(void **state)
{
    (void)state;
    sources_put("1.pgm", "w", "P2 3 3 9 9 9 9 9 9 9 0 0 0\n");
    sources_put("2.pgm", "w", "P2 3 3 9 4 5 4 5 4 5 4 5 4\n");
    an_source *s = sources_open("images", "{path: %s, follow: false, clipped_max: 0.5}");
    assert_int_equal(sources_drain(s, 0, seen, sizeof seen), AN_ERR_NOTFOUND);
    assert_string_equal(seen, "|nan(clipped) nan(clipped) nan(clipped) |0.444444 0.555556 0.444444");
    assert_int_equal(sources_count(s, "clipped"), 1);
    an_source_close(s);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, sources_make_dir, sources_remove_dir)
    const struct CMUnitTest tests[] = {
        ROW(each_image_comes_once_in_natural_order), ROW(half_an_image_is_given_again_after_a_restart),
        ROW(parts_come_from_names_or_from_a_list),   ROW(images_are_cut_sized_and_coloured),
        ROW(pictures_that_say_nothing_are_told),     ROW(a_bad_picture_is_bad_values_and_a_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
