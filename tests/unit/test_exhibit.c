/* Pictures of alarms: kept as PNG files within a quota, read back as they were, and nothing else is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/exhibit.h"
#include "base/mem.h"
#include "base/rng.h"
#include "doors/png.h"
#include "tests/support/folder.h"

enum { HEIGHT = 24, WIDTH = 32 };

static char dir[AN_PATH_MAX];
static float image[HEIGHT * WIDTH * 3], map[HEIGHT * WIDTH];

static int setup(void **state)
{
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 3, 0);
    for (size_t i = 0; i < HEIGHT * WIDTH * 3; i++)
        image[i] = (float)an_rng_below(&rng, 256) / 255;
    for (size_t i = 0; i < HEIGHT * WIDTH; i++)
        map[i] = (float)an_rng_below(&rng, 100) / 40;
    map[5] = -1;
    map[6] = 1;
    map[7] = 1e9f;
    an_test_folder_make(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    an_test_folder_remove(dir);
    return 0;
}

static an_seen seen(size_t channels)
{
    return (an_seen){.height = HEIGHT, .width = WIDTH, .channels = channels, .image = image, .map = map};
}

static void keep(an_exhibits *x, uint64_t alarm, size_t channels, bool with_image)
{
    const an_seen s = seen(channels);
    an_note why = {{0}};
    an_exhibit *e = an_exhibit_new("cam-1", alarm, &s, with_image);
    assert_non_null(e);
    if (an_exhibits_keep(x, e, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_exhibit_free(e);
}

static void what_is_kept_is_read_back(void **state)
{
    (void)state;
    an_note why = {{0}};
    an_exhibits *x = NULL;
    assert_int_equal(an_exhibits_open(dir, 1 << 20, &x, &why), AN_OK);
    keep(x, 7, 3, true);
    keep(x, 8, 1, false);
    an_exhibit *e = NULL;
    assert_int_equal(an_exhibit_read(dir, "cam-1-7", &e, &why), AN_OK);
    assert_int_equal(e->height, HEIGHT);
    assert_int_equal(e->width, WIDTH);
    assert_int_equal(e->channels, 3);
    for (size_t i = 0; i < HEIGHT * WIDTH * 3; i++)
        assert_int_equal(e->image[i], (int)(image[i] * 255 + 0.5f));
    assert_int_equal(e->map[5], 0);
    assert_int_equal(e->map[6], 128); /* what few normal images come to */
    assert_int_equal(e->map[7], 255);
    an_exhibit_free(e);
    assert_int_equal(an_exhibit_read(dir, "cam-1-8", &e, &why), AN_OK);
    assert_null(e->image);
    an_exhibit_free(e);
    assert_int_equal(an_exhibit_read(dir, "cam-1-9", &e, &why), AN_ERR_NOTFOUND);
    an_exhibits_close(x);
}

/* Red where it is unusual, the image where it is not. */
static void the_map_is_laid_over_the_image(void **state)
{
    (void)state;
    static const an_png_limits limits = {.side = 64, .pixels = 4096};
    const an_seen s = seen(1);
    an_exhibit *e = an_exhibit_new("cam-1", 7, &s, true);
    uint8_t *rgb = NULL;
    size_t width, height, channels;
    an_buf png;
    an_buf_init(&png, 1 << 20);
    assert_int_equal(an_exhibit_overlay(e, &png), AN_OK);
    assert_int_equal(an_png_read(png.data, png.len, &limits, &rgb, &width, &height, &channels, NULL), AN_OK);
    assert_true(width == WIDTH && height == HEIGHT && channels == 3);
    assert_true(rgb[15] == e->image[5] && rgb[16] == e->image[5] && rgb[17] == e->image[5]);
    assert_true(rgb[18] == e->image[6]);
    assert_true(rgb[21] > rgb[22] + 60 && rgb[22] == rgb[23]);
    an_free(rgb);
    an_buf_done(&png);
    an_exhibit_free(e);
}

static size_t files(void)
{
    char path[AN_PATH_MAX];
    an_names names = {0};
    assert_int_equal(an_path_join(path, dir, "pictures"), AN_OK);
    assert_int_equal(an_dir_list(path, &names, NULL), AN_OK);
    const size_t n = names.n;
    an_names_done(&names);
    return n;
}

static void beyond_the_quota_the_oldest_go(void **state)
{
    (void)state;
    an_note why = {{0}};
    an_exhibits *x = NULL;
    an_exhibit *e = NULL;
    assert_int_equal(an_exhibits_open(dir, 40000, &x, &why), AN_OK);
    for (uint64_t i = 1; i <= 60; i++)
        keep(x, i, 3, true); /* some 2,900 bytes each */
    assert_true(files() >= 2 * 9 && files() <= 2 * 14 + 1);
    assert_int_equal(an_exhibit_read(dir, "cam-1-60", &e, &why), AN_OK);
    an_exhibit_free(e);
    assert_int_equal(an_exhibit_read(dir, "cam-1-1", &e, &why), AN_ERR_NOTFOUND);
    const size_t before = files();
    for (int i = 0; i < 20; i++)
        keep(x, 60, 3, true); /* in place of the one before */
    assert_int_equal(files(), before);
    an_exhibits_close(x);
    assert_int_equal(an_exhibits_open(dir, 10000, &x, &why), AN_OK); /* and at the next start */
    assert_true(files() <= 7 && files() > 2);
    an_exhibits_close(x);
}

static void names_lead_nowhere_else_and_damage_is_said(void **state)
{
    (void)state;
    static const char *const names[] = {"", "../x", "a/b", ".hidden"};
    char path[AN_PATH_MAX];
    an_note why = {{0}};
    an_exhibits *x = NULL;
    an_exhibit *e = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(an_exhibit_read(dir, names[i], &e, &why), AN_ERR_INVAL);
    assert_int_equal(an_exhibits_open(dir, 1 << 20, &x, &why), AN_OK);
    keep(x, 7, 1, true);
    assert_int_equal(an_exhibit_path(path, dir, "cam-1-7", false, &why), AN_OK);
    assert_int_equal(an_file_write(path, "no image", 8, 0600, NULL), AN_OK);
    assert_int_equal(an_exhibit_read(dir, "cam-1-7", &e, &why), AN_ERR_PROTO);
    an_buf png;
    an_buf_init(&png, 1 << 20);
    assert_int_equal(an_png_write((const uint8_t[]){1, 2, 3, 4}, 2, 2, 1, &png), AN_OK); /* of another size */
    assert_int_equal(an_file_write(path, png.data, png.len, 0600, NULL), AN_OK);
    assert_int_equal(an_exhibit_read(dir, "cam-1-7", &e, &why), AN_ERR_PROTO);
    an_buf_done(&png);
    an_exhibits_close(x);
}

static void memory_that_runs_out_leaves_nothing_behind(void **state)
{
    (void)state;
    const an_seen s = seen(3);
    an_exhibit *e = NULL, *back = NULL;
    an_exhibits *x = NULL;
    an_buf png;
    for (size_t i = 0; !e; i++) {
        an_mem_fail_after(i);
        e = an_exhibit_new("cam-1", 7, &s, true);
        an_mem_fail_never();
    }
    assert_int_equal(an_exhibits_open(dir, 1, &x, NULL), AN_OK);
    an_err err[3] = {AN_ERR_NOMEM, AN_ERR_NOMEM, AN_ERR_NOMEM};
    for (size_t i = 0; i < 100 && (err[0] || err[1] || err[2]); i++) {
        an_buf_init(&png, 1 << 20);
        an_mem_fail_after(i);
        err[0] = err[0] ? an_exhibits_keep(x, e, NULL) : AN_OK;
        err[1] = an_exhibit_overlay(e, &png);
        err[2] = an_exhibit_read(dir, "cam-1-7", &back, NULL);
        an_mem_fail_never();
        an_buf_done(&png);
        err[2] = err[2] == AN_ERR_NOTFOUND ? AN_OK : err[2]; /* the quota has taken it */
        an_exhibit_free(back);
        back = NULL;
        for (size_t k = 0; k < 3; k++)
            assert_true(err[k] == AN_OK || err[k] == AN_ERR_NOMEM);
    }
    assert_true(!err[0] && !err[1] && !err[2]);
    an_buf_init(&png, 1 << 20);
    assert_int_equal(an_png_write(e->map, 0, 1, 1, &png), AN_ERR_INVAL);
    assert_int_equal(an_png_write(e->map, 1, 1, 2, &png), AN_ERR_INVAL);
    an_buf_done(&png);
    an_buf_init(&png, 10);
    assert_int_equal(an_png_write(e->map, WIDTH, HEIGHT, 1, &png), AN_ERR_LIMIT);
    an_buf_done(&png);
    an_exhibit_free(e);
    an_exhibits_close(x);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(what_is_kept_is_read_back),
        ROW(the_map_is_laid_over_the_image),
        ROW(beyond_the_quota_the_oldest_go),
        ROW(names_lead_nowhere_else_and_damage_is_said),
        ROW(memory_that_runs_out_leaves_nothing_behind),
    };
#undef ROW
    return cmocka_run_group_tests(tests, NULL, NULL);
}
