/* Frames as cameras send them: every format of the table, strides, packings, patterns, and what is cut short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "models/data/pixels.h"

static an_image image;

static void decode(uint32_t format, size_t width, size_t height, size_t stride, const void *bytes, size_t len)
{
    const an_pixels p = {format, width, height, stride};
    an_note why = {{0}};
    an_image_done(&image);
    if (an_pixels_image(&p, bytes, len, &image, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
}

static uint32_t code(const char *name)
{
    uint32_t format = 0;
    if (!an_pixels_find(name, &format))
        fail_msg("no format %s", name);
    return format;
}

static void is(size_t i, unsigned v, unsigned most)
{
    assert_float_equal(image.values[i], (float)v / (float)most, 1e-6);
}

static void grey_of_every_depth_comes_out_right(void **state)
{
    (void)state;
    const uint8_t whole[] = {0x00, 0x80, 0xff, 0x01};
    decode(AN_PIXELS_GREY8, 2, 2, 0, whole, sizeof whole);
    is(0, 0, 255);
    is(1, 128, 255);
    is(2, 255, 255);
    assert_int_equal(image.channels, 1);
    const uint8_t two[] = {0x34, 0x12, 0xff, 0xff};
    decode(AN_PIXELS_GREY16, 2, 1, 0, two, sizeof two);
    is(0, 0x1234, 65535);
    is(1, 65535, 65535);
    decode(code("Mono12"), 2, 1, 0, two, sizeof two);
    is(0, 4095, 4095); /* 0x1234 is more than 12 bits hold */
    /* 0x123, 0x456, 0x789 of 12 bits, the lowest first: 23 61 45 89 07 */
    const uint8_t p12[] = {0x23, 0x61, 0x45, 0x89, 0x07};
    decode(code("Mono12p"), 3, 1, 0, p12, sizeof p12);
    is(0, 0x123, 4095);
    is(1, 0x456, 4095);
    is(2, 0x789, 4095);
    /* 0x123, 0x356, 0x089, 0x3ff of 10 bits: 0x123 | 0x356 << 10 | 0x089 << 20 | 0x3ff << 30 */
    const uint8_t p10[] = {0x23, 0x59, 0x9d, 0xc8, 0xff};
    decode(code("Mono10p"), 4, 1, 0, p10, sizeof p10);
    is(0, 0x123, 1023);
    is(1, 0x356, 1023);
    is(2, 0x089, 1023);
    is(3, 0x3ff, 1023);
    const uint8_t packed[] = {0x12, 0x63, 0x45, 0x78, 0x09};
    decode(code("Mono12Packed"), 3, 1, 0, packed, sizeof packed);
    is(0, 0x123, 4095);
    is(1, 0x456, 4095);
    is(2, 0x789, 4095);
    const uint8_t packed10[] = {0x48, 0x23, 0xd5};
    decode(code("Mono10Packed"), 2, 1, 0, packed10, sizeof packed10);
    is(0, 0x48 << 2 | 3, 1023);
    is(1, 0xd5 << 2 | 2, 1023);
}

static void rows_may_be_longer_than_their_pixels(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 99, 99, 3, 4};
    decode(AN_PIXELS_GREY8, 2, 2, 4, bytes, sizeof bytes);
    is(2, 3, 255);
    is(3, 4, 255);
    const uint8_t packed[] = {0x12, 0x63, 0x45, 0xee, 0x78, 0x69, 0x45}; /* each row begins anew */
    decode(code("Mono12Packed"), 2, 2, 4, packed, sizeof packed);
    is(2, 0x789, 4095);
}

static void colours_are_red_green_and_blue(void **state)
{
    (void)state;
    const uint8_t bytes[] = {10, 20, 30};
    decode(AN_PIXELS_RGB8, 1, 1, 0, bytes, 3);
    is(0, 10, 255);
    is(2, 30, 255);
    decode(AN_PIXELS_BGR8, 1, 1, 0, bytes, 3);
    is(0, 30, 255);
    is(2, 10, 255);
    /* BT.601: red is Y 81, Cb 90, Cr 240; of both pixels of a pair. */
    const uint8_t yuyv[] = {81, 90, 81, 240, 235, 128, 16, 128},
                  uyvy[] = {90, 81, 240, 81, 128, 235, 128, 16};
    for (int i = 0; i < 2; i++) {
        decode(i ? AN_PIXELS_UYVY : AN_PIXELS_YUYV, 4, 1, 0, i ? uyvy : yuyv, sizeof yuyv);
        assert_float_equal(image.values[0], 1, 0.01);
        assert_float_equal(image.values[1], 0, 0.01);
        assert_float_equal(image.values[5], 0, 0.01);
        assert_float_equal(image.values[3], 1, 0.01);
        for (size_t c = 0; c < 3; c++) {
            assert_float_equal(image.values[6 + c], 1, 1e-5);
            assert_float_equal(image.values[9 + c], 0, 1e-5);
        }
    }
    const uint8_t full[] = {255, 128, 0, 128};
    decode(code("YUV422_8"), 2, 1, 0, full, sizeof full);
    assert_float_equal(image.values[0], 1, 1e-6);
    assert_float_equal(image.values[3], 0, 1e-6);
}

/* A surface of one colour is that colour everywhere, whatever corner the pattern begins with. */
static void a_bayer_pattern_becomes_its_colours(void **state)
{
    (void)state;
    static const struct {
        const char *name, *pattern;
    } all[] = {{"BayerRG8", "rggb"}, {"BayerGR8", "grbg"}, {"BayerGB8", "gbrg"}, {"BayerBG8", "bggr"}};
    uint8_t bytes[6 * 4];
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            const char c = all[k].pattern[i / 6 % 2 * 2 + i % 6 % 2];
            bytes[i] = c == 'r' ? 200 : c == 'g' ? 100 : 50;
        }
        decode(code(all[k].name), 6, 4, 0, bytes, sizeof bytes);
        assert_int_equal(image.channels, 3);
        for (size_t i = 0; i < 24; i++) {
            is(3 * i, 200, 255);
            is(3 * i + 1, 100, 255);
            is(3 * i + 2, 50, 255);
        }
    }
}

/* One red pixel among green ones of half its brightness: what its neighbours take of it. */
static void colours_between_are_means_of_neighbours(void **state)
{
    (void)state;
    uint8_t bytes[6 * 6] = {0};
    bytes[2 * 6 + 2] = 200;
    for (size_t i = 0; i < 36; i++)
        if ((i / 6 + i % 6) % 2)
            bytes[i] = 100;
    decode(AN_PIXELS_BAYER_RG8, 6, 6, 0, bytes, sizeof bytes);
    const size_t middle = 3 * (2 * 6 + 2);
    is(middle, 200, 255);
    is(middle + 1, 100, 255);
    is(middle + 2, 0, 255);
    is(middle + 3, 100, 255); /* green, right of it: half of its red */
    is(middle + 3 * 6, 100, 255);
    is(middle + 3 * 7, 50, 255); /* blue, below to the right: a quarter */
    is(middle + 3 * 8, 0, 255);
    is(0, 0, 255);
}

static void what_is_cut_short_unknown_or_too_large_is_refused(void **state)
{
    (void)state;
    static const uint8_t bytes[64] = {0};
    an_note why = {{0}};
    uint32_t format;
    for (size_t i = 0; an_pixels_code(i, &format); i++) {
        an_pixels p = {format, 5, 3, 0};
        an_image none = {0};
        assert_non_null(an_pixels_name(format));
        if (format == AN_PIXELS_JPEG) {
            assert_int_equal(an_pixels_image(&p, bytes, sizeof bytes, &none, &why), AN_ERR_PROTO);
            continue;
        }
        assert_int_equal(code(an_pixels_name(format)), format);
        const size_t need = an_pixels_bytes(&p);
        assert_in_range(need, 15, 45);
        /* Exactly so many, in memory that ends there. */
        uint8_t *own = an_alloc(need, 1);
        assert_int_equal(an_pixels_image(&p, own, need, &none, &why), AN_OK);
        an_image_done(&none);
        assert_int_equal(an_pixels_image(&p, own, need - 1, &none, &why), AN_ERR_PROTO);
        an_free(own);
        p.stride = 4;
        assert_int_equal(an_pixels_image(&p, bytes, sizeof bytes, &none, &why), AN_ERR_PROTO);
        p = (an_pixels){format, AN_IMAGE_SIDE_MAX, AN_IMAGE_SIDE_MAX, 0};
        assert_int_equal(an_pixels_image(&p, bytes, sizeof bytes, &none, &why), AN_ERR_LIMIT);
        p = (an_pixels){format, 0, 1, 0};
        assert_int_equal(an_pixels_image(&p, bytes, sizeof bytes, &none, &why), AN_ERR_LIMIT);
        assert_null(none.values);
    }
    const an_pixels p = {0x02180000u, 1, 1, 0};
    assert_int_equal(an_pixels_image(&p, bytes, sizeof bytes, &image, &why), AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "0x02180000"));
}

static void a_lack_of_memory_is_survived(void **state)
{
    (void)state;
    const an_pixels p = {AN_PIXELS_GREY8, 2, 1, 0};
    an_image none = {0};
    for (size_t n = 0; n < 2; n++) {
        an_mem_fail_after(n);
        const an_err err = an_pixels_image(&p, "ab", 2, &none, NULL);
        an_mem_fail_never();
        assert_int_equal(err, AN_ERR_NOMEM);
        assert_null(none.values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey_of_every_depth_comes_out_right),
        cmocka_unit_test(rows_may_be_longer_than_their_pixels),
        cmocka_unit_test(colours_are_red_green_and_blue),
        cmocka_unit_test(a_bayer_pattern_becomes_its_colours),
        cmocka_unit_test(colours_between_are_means_of_neighbours),
        cmocka_unit_test(what_is_cut_short_unknown_or_too_large_is_refused),
        cmocka_unit_test(a_lack_of_memory_is_survived),
    };
    const int rc = cmocka_run_group_tests(tests, NULL, NULL);
    an_image_done(&image);
    return rc;
}
