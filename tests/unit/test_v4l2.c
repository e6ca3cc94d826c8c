/* What of the source v4l2 needs no device: formats, names, times, and what is told of something that is no camera. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/videodev2.h>

#include "agent/sources/v4l2_internal.h"
#include "tests/support/sources.h"

static void formats_are_known_by_their_letters(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t fourcc, format;
    } all[] = {
        {"GREY", V4L2_PIX_FMT_GREY, AN_PIXELS_GREY8}, {"Y16", V4L2_PIX_FMT_Y16, AN_PIXELS_GREY16},
        {"YUYV", V4L2_PIX_FMT_YUYV, AN_PIXELS_YUYV},  {"RGB3", V4L2_PIX_FMT_RGB24, AN_PIXELS_RGB8},
        {"BGR3", V4L2_PIX_FMT_BGR24, AN_PIXELS_BGR8}, {"RGGB", V4L2_PIX_FMT_SRGGB8, AN_PIXELS_BAYER_RG8},
    };
    char text[5];
    uint32_t v = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        video_fourcc_text(text, all[i].fourcc);
        assert_string_equal(text, all[i].name);
        assert_true(video_fourcc_read(all[i].name, &v));
        assert_int_equal(v, all[i].fourcc);
        assert_true(video_format(v, &v));
        assert_int_equal(v, all[i].format);
        assert_non_null(an_pixels_name(v));
    }
    assert_false(video_format(V4L2_PIX_FMT_NV12, &v));
    assert_false(video_fourcc_read("NV12", &v));
    assert_false(video_fourcc_read("", &v));
    video_fourcc_text(text, 0x0a000141);
    assert_string_equal(text, "A");
}

static void controls_have_the_names_that_people_know(void **state)
{
    (void)state;
    static const char *const all[][2] = {
        {"Exposure Time, Absolute", "exposure_time_absolute"},
        {"White Balance, Automatic", "white_balance_automatic"},
        {"Gain", "gain"},
        {"  (Odd) ", "odd"},
        {"", ""},
        {"A name that is longer than any that a kernel gives to a control of its own",
         "a_name_that_is_longer_than_any_that_a_kernel_gives_to_a_control"},
    };
    char name[VIDEO_NAME_MAX];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        video_control_name(name, all[i][0]);
        assert_string_equal(name, all[i][1]);
    }
}

static void times_are_of_the_frame_where_its_clock_is_known(void **state)
{
    (void)state;
    const int64_t wall = 1773051273250;
    assert_int_equal(video_time_ms(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, 5000000, 5040000, wall), wall - 40);
    assert_int_equal(video_time_ms(V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN, 5000000, 5040000, wall), wall);
    assert_int_equal(video_time_ms(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, 5050000, 5040000, wall), wall);
    assert_int_equal(video_time_ms(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, 0, 50400000, wall), wall);
}

static void what_is_no_camera_is_told_apart(void **state)
{
    (void)state;
    char card[VIDEO_NAME_MAX], path[AN_PATH_MAX];
    int fd = -1;
    an_note why = {{0}};
    assert_int_equal(video_open("/dev/no-such-video", &fd, card, &why), AN_ERR_IO);
    assert_non_null(strstr(why.text, "No such file"));
    assert_int_equal(video_open("/dev/null", &fd, card, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "no camera"));
    sources_put("video0", "w", "no device");
    assert_int_equal(an_path_join(path, sources_dir, "video0"), AN_OK);
    assert_int_equal(video_open(path, &fd, card, &why), AN_ERR_INVAL);
    assert_int_equal(fd, -1);
    video_stream s;
    const video_want want = {.buffers = 4};
    assert_int_equal(video_stream_open(&s, path, &want, &why), AN_ERR_INVAL);
    assert_int_equal(s.fd, -1);
    video_stream_close(&s);
}

static void wrong_configurations_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"{width: 4, height: 4}", "path"},
        {"{device: video0, width: 4, height: 4}", "path"},
        {"{device: /dev/video0, width: 4, height: 4, frame_width: 640}", "frame_height"},
        {"{device: /dev/video0, width: 4, height: 4, pixel_format: NV12}", "NV12"},
        {"{device: /dev/video0, width: 4, height: 4, count: chunk}", "chunk"},
        {"{device: /dev/video0, width: 4, height: 4, controls: {gain: much}}", "much"},
        {"{device: /dev/video0, width: 4, height: 4, part: 'P{n}'}", "{run}"},
        {"{device: /dev/video0, height: 4}", "width"},
    };
    an_source *s = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_note why = {{0}};
        assert_int_equal(sources_try("v4l2", wrong[i][0], an_clock_system(), &s, &why), AN_ERR_INVAL);
        if (!strstr(why.text, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], why.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_known_by_their_letters),
        cmocka_unit_test(controls_have_the_names_that_people_know),
        cmocka_unit_test(times_are_of_the_frame_where_its_clock_is_known),
        cmocka_unit_test_setup_teardown(what_is_no_camera_is_told_apart, sources_make_dir,
                                        sources_remove_dir),
        cmocka_unit_test(wrong_configurations_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
