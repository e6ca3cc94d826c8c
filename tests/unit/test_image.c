/* Image files become numbers in 0..1: PNG through its door, PGM and PPM by our own reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <png.h>

#include "base/mem.h"
#include "doors/png.h"
#include "models/data/image.h"

#define BYTES 4096

static an_err parse(const char *text, size_t len, an_image *ret, an_note *why)
{
    *ret = (an_image){0};
    return an_image_parse(text, len, "it.pgm", ret, why);
}

/* height 2, width 3; *ret_len bytes of PNG. */
static void write_png(uint32_t format, const void *pixels, uint8_t out[static BYTES], size_t *ret_len)
{
    png_image image;
    png_alloc_size_t len = BYTES;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = 3;
    image.height = 2;
    image.format = format;
    assert_int_equal(png_image_write_to_memory(&image, out, &len, 0, pixels, 0, NULL), 1);
    *ret_len = len;
}

static void close_to(float a, float b)
{
    assert_true(a - b < 1e-6f && b - a < 1e-6f);
}

static void grey_and_colours_keep_their_values_in_place(void **state)
{
    (void)state;
    uint8_t file[BYTES], grey[6] = {0, 51, 102, 153, 204, 255}, rgb[18];
    size_t len;
    an_image image = {0};
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(13 * i);
    write_png(PNG_FORMAT_GRAY, grey, file, &len);
    assert_int_equal(an_image_parse(file, len, "g.png", &image, NULL), AN_OK);
    assert_true(image.height == 2 && image.width == 3 && image.channels == 1);
    for (size_t i = 0; i < 6; i++)
        close_to(image.values[i], (float)grey[i] / 255.0f);
    an_image_done(&image);
    write_png(PNG_FORMAT_RGB, rgb, file, &len);
    assert_int_equal(an_image_parse(file, len, "c.png", &image, NULL), AN_OK);
    assert_int_equal(image.channels, 3);
    for (size_t i = 0; i < 18; i++)
        close_to(image.values[i], (float)rgb[i] / 255.0f);
    an_image_done(&image);
}

static void what_shines_through_is_left_out(void **state)
{
    (void)state;
    uint8_t file[BYTES], rgba[24];
    size_t len;
    an_image image = {0};
    for (size_t i = 0; i < sizeof rgba; i++)
        rgba[i] = i % 4 == 3 ? (uint8_t)(40 * i / 4) : (uint8_t)(10 * i);
    write_png(PNG_FORMAT_RGBA, rgba, file, &len);
    assert_int_equal(an_image_parse(file, len, "a.png", &image, NULL), AN_OK);
    assert_int_equal(image.channels, 3);
    for (size_t i = 0; i < 6; i++)
        for (size_t c = 0; c < 3; c++)
            close_to(image.values[3 * i + c], (float)rgba[4 * i + c] / 255.0f);
    an_image_done(&image);
}

static void a_png_that_is_cut_or_damaged_is_refused(void **state)
{
    (void)state;
    uint8_t file[BYTES], grey[6] = {1, 2, 3, 4, 5, 6};
    size_t len;
    an_image image = {0};
    an_note why = {{0}};
    write_png(PNG_FORMAT_GRAY, grey, file, &len);
    for (size_t n = 0; n + 12 < len; n++) /* the last 12 bytes say only that it ends */
        assert_int_not_equal(an_image_parse(file, n, "cut.png", &image, &why), AN_OK);
    assert_non_null(strstr(why.text, "cut.png"));
    size_t at = 8;
    while (memcmp(file + at, "IDAT", 4) != 0)
        at++;
    file[at + 8] ^= 0x10;
    assert_int_equal(an_image_parse(file, len, "bad.png", &image, NULL), AN_ERR_PROTO);
    assert_null(image.values);
}

static void a_png_larger_than_the_limits_is_never_made(void **state)
{
    (void)state;
    static const an_png_limits narrow = {.side = 2, .pixels = 100}, few = {.side = 100, .pixels = 5},
                               fits = {.side = 3, .pixels = 6};
    uint8_t file[BYTES], grey[6] = {0}, *pixels = NULL;
    size_t len, w, h, c;
    an_note why = {{0}};
    write_png(PNG_FORMAT_GRAY, grey, file, &len);
    assert_int_equal(an_png_read(file, len, &narrow, &pixels, &w, &h, &c, &why), AN_ERR_LIMIT);
    assert_non_null(strstr(why.text, "3 x 2"));
    assert_int_equal(an_png_read(file, len, &few, &pixels, &w, &h, &c, NULL), AN_ERR_LIMIT);
    assert_int_equal(an_png_read(file, len, &fits, &pixels, &w, &h, &c, NULL), AN_OK);
    an_free(pixels);
}

static void all_four_forms_of_netpbm_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len, channels;
        float last;
    } forms[] = {
        {"P2 # grey\n2 1 # wide\n10\n5 10", 29, 1, 1.0f},
        {"P3\n1 1\n100\n0 50 25", 19, 3, 0.25f},
        {"P5\n2 1\n255\n\x33\x66", 13, 1, 0.4f},
        {"P6 1 1 65535\n\x00\x00\xff\xff\x80\x00", 19, 3, 32768.0f / 65535.0f},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        an_image image;
        assert_int_equal(parse(forms[i].bytes, forms[i].len, &image, NULL), AN_OK);
        assert_int_equal(image.channels, forms[i].channels);
        close_to(image.values[image.height * image.width * image.channels - 1], forms[i].last);
        an_image_done(&image);
    }
}

static void what_is_no_image_is_refused_with_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        an_err err;
    } bad[] = {
        {"", AN_ERR_PROTO},
        {"a,b\n1,2\n", AN_ERR_PROTO},
        {"P1 1 1 0", AN_ERR_PROTO},
        {"P5 0 1 255\n", AN_ERR_PROTO},
        {"P5 1 99999 255\n", AN_ERR_PROTO},
        {"P5 16384 16384 255\n", AN_ERR_LIMIT},
        {"P5 99999999999999999999999 1 255\n", AN_ERR_PROTO},
        {"P5 2 2 0\nabcd", AN_ERR_PROTO},
        {"P5 2 2 65536\nabcdabcd", AN_ERR_PROTO},
        {"P5 2 2 255\nabc", AN_ERR_PROTO},
        {"P5 2 2 65535\nabcd", AN_ERR_PROTO},
        {"P5 2 2 255", AN_ERR_PROTO},
        {"P5 1 1 10\nz", AN_ERR_PROTO},
        {"P2 2 1 10\n1 11", AN_ERR_PROTO},
        {"P2 2 1 10\n1 x ", AN_ERR_PROTO},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        an_image image;
        an_note why = {{0}};
        assert_int_equal(parse(bad[i].text, strlen(bad[i].text), &image, &why), bad[i].err);
        assert_int_equal(strncmp(why.text, "it.pgm: ", 8), 0);
        assert_null(image.values);
    }
}

static void grey_becomes_colours_and_colours_grey(void **state)
{
    (void)state;
    an_image image;
    assert_int_equal(parse("P3 1 1 10  10 0 5", 17, &image, NULL), AN_OK);
    assert_int_equal(an_image_recolour(&image, 1), AN_OK);
    close_to(image.values[0], 0.299f + 0.114f / 2);
    assert_int_equal(an_image_recolour(&image, 3), AN_OK);
    assert_true(image.channels == 3 && image.values[0] == image.values[2]);
    an_image_done(&image);
}

static void names_tell_images_from_other_files(void **state)
{
    (void)state;
    static const char *const yes[] = {"a.png", "B.PNG", "x.y.pgm", "c.PpM", ".pnm", "d.Jpg", "e.jpeg"};
    static const char *const no[] = {"png", "a.pn", "a.pngx", "a.gif", "a.png.csv", ""};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(an_image_named(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(an_image_named(no[i]));
}

static void running_out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    uint8_t file[BYTES], grey[6] = {0, 51, 102, 153, 204, 255};
    size_t len;
    write_png(PNG_FORMAT_GRAY, grey, file, &len);
    const size_t live = an_mem_live();
    const struct {
        const void *bytes;
        size_t len;
    } files[] = {{file, len}, {"P5\n2 1\n255\n\x33\x66", 13}};
    for (size_t k = 0; k < 2; k++) {
        an_err err = AN_ERR_NOMEM;
        for (size_t n = 0; err != AN_OK; n++) {
            an_image image = {0};
            assert_true(n < 20);
            an_mem_fail_after(n);
            err = an_image_parse(files[k].bytes, files[k].len, "i", &image, NULL);
            if (err == AN_OK)
                err = an_image_recolour(&image, 3);
            an_mem_fail_never();
            assert_true(err == AN_OK || err == AN_ERR_NOMEM);
            an_image_done(&image);
        }
    }
    assert_int_equal(an_mem_live(), live);
}

typedef struct sink {
    uint8_t *bytes;
    size_t len;
} sink;

static void write_to(png_structp png, png_bytep bytes, size_t len)
{
    sink *s = png_get_io_ptr(png);
    assert_true(s->len + len <= BYTES * 4);
    memcpy(s->bytes + s->len, bytes, len);
    s->len += len;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

#define TEXT 7000000u

/* One pixel and a text of 7 MB that is packed into 7 KB. */
static void write_with_text(sink *to)
{
    char *text = an_alloc(TEXT + 1, 1), key[] = "k";
    uint8_t pixel = 7;
    memset(text, 'a', TEXT);
    png_text about = {
        .compression = PNG_TEXT_COMPRESSION_zTXt, .key = key, .text = text, .text_length = TEXT};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, to, write_to, flush_nothing);
    png_set_IHDR(png, info, 1, 1, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_text(png, info, &about, 1);
    png_write_info(png, info);
    png_write_row(png, &pixel);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    an_free(text);
}

static long most_memory(void)
{
    struct rusage use;
    assert_int_equal(getrusage(RUSAGE_SELF, &use), 0);
    return use.ru_maxrss / 1024;
}

static void texts_in_a_png_are_not_unpacked(void **state)
{
    (void)state;
    enum { HEAD = 8 + 25, TIMES = 40 }; /* signature and IHDR */
    sink one = {an_alloc(4 * BYTES, 1), 0};
    write_with_text(&one);
    const uint8_t *at = one.bytes + HEAD;
    assert_memory_equal(at + 4, "zTXt", 4);
    const size_t chunk = ((size_t)at[2] << 8 | at[3]) + 12;
    uint8_t *bomb = an_alloc(one.len + TIMES * chunk, 1), *to = bomb + HEAD;
    memcpy(bomb, one.bytes, HEAD);
    for (size_t i = 0; i < TIMES; i++, to += chunk)
        memcpy(to, at, chunk);
    memcpy(to, at + chunk, one.len - HEAD - chunk);
    an_image image = {0};
    const long before = most_memory();
    assert_int_equal(an_image_parse(bomb, one.len + (TIMES - 1) * chunk, "t.png", &image, NULL), AN_OK);
    assert_true(most_memory() - before < 64);
    assert_true(image.width == 1 && image.height == 1);
    close_to(image.values[0], 7.0f / 255.0f);
    an_image_done(&image);
    an_free(bomb);
    an_free(one.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey_and_colours_keep_their_values_in_place),
        cmocka_unit_test(what_shines_through_is_left_out),
        cmocka_unit_test(a_png_that_is_cut_or_damaged_is_refused),
        cmocka_unit_test(a_png_larger_than_the_limits_is_never_made),
        cmocka_unit_test(texts_in_a_png_are_not_unpacked),
        cmocka_unit_test(all_four_forms_of_netpbm_are_read),
        cmocka_unit_test(what_is_no_image_is_refused_with_its_name),
        cmocka_unit_test(grey_becomes_colours_and_colours_grey),
        cmocka_unit_test(names_tell_images_from_other_files),
        cmocka_unit_test(running_out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
