/* JPEG files that libjpeg itself writes, whole, cut and bent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "doors/jpeg.h"
#include "models/data/pixels.h"

static unsigned char *made; /* by libjpeg */
static unsigned long made_len;

/* 40 x 24 pixels, brighter to the right. */
static void make(int channels, bool progressive)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char line[40 * 3];
    free(made);
    made = NULL;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &made, &made_len);
    c.image_width = 40;
    c.image_height = 24;
    c.input_components = channels;
    c.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 95, TRUE);
    if (progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < 24; y++) {
        JSAMPROW row = line;
        for (int i = 0; i < 40 * channels; i++)
            line[i] = (unsigned char)(i / channels * 6 + (channels == 3 && i % 3 == 0 ? 10 : 0));
        (void)jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
}

static void pixels_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        an_image image = {0};
        const int channels = i / 2 ? 3 : 1;
        make(channels, i % 2 != 0);
        assert_int_equal(an_image_parse(made, made_len, "made", &image, NULL), AN_OK);
        assert_int_equal(image.width, 40);
        assert_int_equal(image.height, 24);
        assert_int_equal(image.channels, channels);
        const float v = image.values[(5 * 40 + 20) * (size_t)channels];
        assert_true(v > (120.0f - 4) / 255 && v < (130.0f + 4) / 255);
        an_image_done(&image);
    }
    assert_true(an_image_named("a.JPG") && an_image_named("b.jpeg"));
}

static void what_is_cut_or_too_large_is_refused(void **state)
{
    (void)state;
    static const an_jpeg_limits limits = {1000, 100000}, small = {1000, 40 * 24 - 1};
    uint8_t *pixels = NULL;
    size_t w, h, c;
    an_note why = {{0}};
    make(3, false);
    for (size_t len = 0; len < made_len; len += 7)
        assert_int_equal(an_jpeg_read(made, len, &limits, &pixels, &w, &h, &c, &why), AN_ERR_PROTO);
    assert_int_equal(an_jpeg_read(made, made_len, &small, &pixels, &w, &h, &c, &why), AN_ERR_LIMIT);
    assert_non_null(strstr(why.text, "40 x 24"));
    size_t n = 0, live = an_mem_live();
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = an_jpeg_read(made, made_len, &limits, &pixels, &w, &h, &c, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
    } while (err);
    an_free(pixels);
    assert_int_equal(an_mem_live(), live);
}

static void bent_bytes_never_crash(void **state)
{
    (void)state;
    static const an_jpeg_limits limits = {1000, 100000};
    an_rng rng;
    an_rng_init(&rng, 3, 0);
    size_t refused = 0;
    for (int i = 0; i < 2000; i++) {
        uint8_t *pixels = NULL;
        size_t w, h, c;
        make(i % 2 ? 1 : 3, i % 3 == 0);
        const uint64_t bends = 1 + an_rng_below(&rng, 4);
        for (uint64_t k = 0; k < bends; k++)
            made[an_rng_below(&rng, made_len)] = (unsigned char)an_rng_u64(&rng);
        refused += an_jpeg_read(made, made_len, &limits, &pixels, &w, &h, &c, NULL) != AN_OK;
        an_free(pixels);
    }
    assert_in_range(refused, 100, 1999);
    free(made);
    made = NULL;
}

/* The frames of a video camera leave out the tables that everybody has. */
static void a_frame_without_huffman_tables_is_read(void **state)
{
    (void)state;
    an_image whole = {0}, bare = {0};
    size_t cut = 0;
    make(3, false);
    assert_int_equal(an_image_parse(made, made_len, "made", &whole, NULL), AN_OK);
    for (size_t at = 2; at + 4 < made_len && made[at + 1] != 0xda;) {
        const size_t len = 2 + ((size_t)made[at + 2] << 8 | made[at + 3]);
        if (made[at + 1] == 0xc4) {
            memmove(made + at, made + at + len, made_len - at - len);
            made_len -= len;
            cut++;
        } else {
            at += len;
        }
    }
    assert_true(cut > 0);
    const an_pixels p = {.format = AN_PIXELS_JPEG};
    assert_int_equal(an_pixels_image(&p, made, made_len, &bare, NULL), AN_OK);
    assert_int_equal(bare.width, 40);
    assert_memory_equal(whole.values, bare.values, 40 * 24 * 3 * sizeof(float));
    an_image_done(&whole);
    an_image_done(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_come_back),
        cmocka_unit_test(what_is_cut_or_too_large_is_refused),
        cmocka_unit_test(a_frame_without_huffman_tables_is_read),
        cmocka_unit_test(bent_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
