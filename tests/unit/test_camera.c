/* From frames to rows: which part an image is given to, what is said of parts that have none, and where it goes on after a
 * restart.  Frames are handed over as a driver would do it; its thread has nothing to do here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sources/camera.h"
#include "base/mem.h"
#include "doors/yaml.h"

static const an_option options[] = {
    AN_CAMERA_OPTIONS("any"), AN_PICTURE_OPTIONS(NULL, "grey"), {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL}};
static const char *const counts[4] = {"frame", "trigger", "chunk", "stamp"};

static an_err idle(void *ctx, an_note *why)
{
    (void)ctx;
    (void)why;
    return AN_OK;
}

static an_err rest(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    *ret_wait_ms = 3600000;
    return idle(ctx, why);
}

static void leave(void *ctx)
{
    (void)ctx;
}

static const an_device_type driver = {.connect = idle, .turn = rest, .disconnect = leave};

static an_err read_conf(an_camera *c, const char *yaml, bool triggered, an_note *why)
{
    an_yaml *doc = NULL;
    memset(c, 0, sizeof *c);
    assert_int_equal(an_yaml_parse(yaml, strlen(yaml), "camera", &doc, NULL), AN_OK);
    const an_err err = an_camera_read(c, options, counts, triggered, an_yaml_root(doc), why);
    an_yaml_free(doc);
    return err;
}

static void open_camera(an_camera *c, const char *yaml)
{
    an_note why = {{0}};
    if (read_conf(c, yaml, false, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_camera_open(c, &driver, NULL, "cam", &why), AN_OK);
    an_camera_connected(c);
}

/* A frame of 2 x 2 pixels, the first of which are its number, so that it can be known again. */
static void frame(an_camera *c, uint64_t id, uint64_t value, const char *damaged)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 8), (uint8_t)value, 30, 40};
    const an_camera_frame f = {.damaged = damaged,
                               .pixels = {AN_PIXELS_GREY8, 2, 2, 0},
                               .bytes = bytes,
                               .len = sizeof bytes,
                               .id = id,
                               .id_bits = 16,
                               .counted = true,
                               .value = value,
                               .time_ms = (int64_t)value};
    assert_true(an_camera_has_room(c));
    assert_int_equal(an_camera_take(c, &f), AN_OK);
}

/* "part:value" of each image in turn, "part:-" of one that is missing; '|' behind each batch. */
static void drain(an_camera *c, size_t cap, char *ret, size_t size)
{
    an_batch b;
    int64_t wait_ms = 0;
    size_t at = 0;
    ret[0] = '\0';
    assert_int_equal(an_batch_init(&b, 2, cap), AN_OK);
    for (;;) {
        b.n = 0;
        memset(b.part, 0, cap * sizeof *b.part);
        if (an_camera_next(c, &b, &wait_ms) != AN_OK)
            break;
        for (size_t i = 0; i < b.n; i++) {
            const bool first = (b.flags[i] & AN_ROW_RESTART) != 0;
            assert_int_equal(b.row[i] % 2, first ? 0 : 1);
            if (!first)
                continue;
            const bool gap = b.quality[2 * i] == AN_VALUE_UNREACHED;
            assert_true(gap == isnan(b.values[2 * i]));
            at += (size_t)snprintf(ret + at, size - at, "%s%s:", at ? " " : "", b.part[i]);
            assert_int_equal(b.image[i].width, 2);
            assert_true(gap == (b.image[i].name[0] == '\0'));
            if (gap)
                at += (size_t)snprintf(ret + at, size - at, "-");
            else
                at += (size_t)snprintf(ret + at, size - at, "%.0f", (double)b.values[2 * i + 1] * 255);
        }
    }
    an_batch_done(&b);
}

#define SIZE "width: 2, height: 2, "
static char seen[1024];

static uint64_t counter(const an_camera *c, const char *name)
{
    an_source_counter all[AN_SOURCE_COUNTERS_MAX];
    const size_t n = an_camera_counters(c, all);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].value;
    fail_msg("no counter %s", name);
    return 0;
}

static void a_part_without_an_image_is_said_at_its_place(void **state)
{
    (void)state;
    an_camera c;
    open_camera(&c, "{" SIZE "count: chunk, part: 'P{n}'}");
    frame(&c, 1, 10, NULL);
    frame(&c, 2, 11, NULL);
    frame(&c, 4, 13, NULL);      /* 3 never came */
    frame(&c, 1, 14, "packets"); /* of this nobody knows the number or the count */
    frame(&c, 6, 15, NULL);
    frame(&c, 7, 15, NULL); /* two of one part */
    drain(&c, 3, seen, sizeof seen);
    assert_string_equal(seen, "P10:10 P11:11 P12:- P13:13 P14:- P15:15");
    assert_int_equal(counter(&c, "frames_lost"), 2);
    assert_int_equal(counter(&c, "frames_damaged"), 1);
    assert_int_equal(counter(&c, "parts_missing"), 2);
    assert_int_equal(counter(&c, "repeated"), 1);
    assert_int_equal(counter(&c, "images"), 4);
    an_camera_close(&c);
}

static void runs_have_ids_of_their_own(void **state)
{
    (void)state;
    an_camera c;
    char expected[512], run[2][AN_PART_MAX];
    open_camera(&c, "{" SIZE "part: '{run}/{n}'}");
    frame(&c, 65534, 1, NULL);
    frame(&c, 77, 2, "packets"); /* what a driver may leave there is not its number */
    frame(&c, 1, 3, NULL);
    an_part_text(run[0], "{run}", 0, c.run_begin_ms);
    an_camera_connected(&c);
    frame(&c, 1, 4, NULL);
    frame(&c, 3, 5, NULL);
    an_part_text(run[1], "{run}", 0, c.run_begin_ms);
    assert_string_not_equal(run[0], run[1]);
    drain(&c, 64, seen, sizeof seen);
    snprintf(expected, sizeof expected, "%s/1:1 %s/2:- %s/3:3 %s/1:4 %s/2:- %s/3:5", run[0], run[0], run[0],
             run[1], run[1], run[1]);
    assert_string_equal(seen, expected);
    assert_int_equal(counter(&c, "runs"), 2);
    an_camera_close(&c);
}

/* Where numbers went back, where the camera came back at once, and where the agent did with a clock that was set back. */
static void no_two_runs_have_one_name(void **state)
{
    (void)state;
    an_camera c;
    an_buf position;
    char runs[4][AN_PART_MAX];
    an_buf_init(&position, 1024);
    open_camera(&c, "{" SIZE "part: '{run}/{n}'}");
    frame(&c, 65500, 1, NULL);
    frame(&c, 60000, 2, NULL);
    drain(&c, 64, seen, sizeof seen);
    assert_int_equal(sscanf(seen, "%24[^/]/1:1 %24[^/]/1:2", runs[0], runs[1]), 2);
    an_camera_connected(&c);
    c.run_begin_ms = c.run_ms; /* in the same millisecond */
    frame(&c, 1, 3, NULL);
    drain(&c, 64, seen, sizeof seen);
    assert_int_equal(sscanf(seen, "%24[^/]/1:3", runs[2]), 1);
    an_camera_save(&c, &position);
    an_camera_close(&c);
    open_camera(&c, "{" SIZE "part: '{run}/{n}'}");
    an_reader in = an_reader_of(position.data, position.len);
    assert_int_equal(an_camera_restore(&c, &in, NULL), AN_OK);
    c.run_begin_ms = 1773051273250;
    frame(&c, 1, 4, NULL);
    drain(&c, 64, seen, sizeof seen);
    assert_int_equal(sscanf(seen, "%24[^/]/1:4", runs[3]), 1);
    for (size_t i = 0; i < 3; i++)
        assert_true(strcmp(runs[i], runs[i + 1]) < 0);
    an_camera_close(&c);
    an_buf_done(&position);
}

static void a_count_that_went_back_is_a_new_run(void **state)
{
    (void)state;
    an_camera c;
    open_camera(&c, "{" SIZE "count: stamp, stamp: {at: 0, bytes: 2}, part: 'P{n:4}'}");
    frame(&c, 1, 300, NULL);
    frame(&c, 2, 302, NULL);
    frame(&c, 3, 4, NULL);
    drain(&c, 64, seen, sizeof seen);
    assert_string_equal(seen, "P0300:44 P0301:- P0302:46 P0004:4"); /* the low byte is what is shown */
    assert_int_equal(counter(&c, "counts_reset"), 1);
    assert_int_equal(counter(&c, "runs"), 2);
    an_camera_close(&c);
}

static void of_a_large_gap_the_last_parts_are_said(void **state)
{
    (void)state;
    an_camera c;
    open_camera(&c, "{" SIZE "count: chunk, part: 'P{n}', gap_max: 2}");
    frame(&c, 1, 10, NULL);
    frame(&c, 2, 200, NULL);
    drain(&c, 64, seen, sizeof seen);
    assert_string_equal(seen, "P10:10 P198:- P199:- P200:200");
    assert_int_equal(counter(&c, "parts_missing"), 189);
    assert_int_equal(counter(&c, "parts_unsaid"), 187);
    an_camera_close(&c);
}

static void frames_that_cannot_be_read_are_bad_and_their_parts_missing(void **state)
{
    (void)state;
    an_camera c;
    const char *why = NULL;
    open_camera(&c, "{" SIZE "count: chunk, part: 'P{n}', roi: {x: 1, y: 1, width: 4, height: 4}}");
    frame(&c, 1, 10, NULL); /* the roi reaches beyond it */
    drain(&c, 64, seen, sizeof seen);
    assert_string_equal(seen, "P10:-");
    assert_int_equal(an_camera_bad(&c, &why), 1);
    assert_non_null(strstr(why, "beyond"));
    an_camera_close(&c);
}

static void a_full_ring_drops_what_then_is_missing(void **state)
{
    (void)state;
    an_camera c;
    open_camera(&c, "{" SIZE "count: chunk, part: 'P{n}', queue: 2}");
    frame(&c, 1, 1, NULL);
    frame(&c, 2, 2, NULL);
    assert_false(an_camera_has_room(&c));
    const an_camera_frame f = {.pixels = {AN_PIXELS_GREY8, 2, 2, 0},
                               .bytes = "abcd",
                               .len = 4,
                               .id = 3,
                               .id_bits = 16,
                               .counted = true,
                               .value = 3};
    assert_int_equal(an_camera_take(&c, &f), AN_OK);
    drain(&c, 64, seen, sizeof seen);
    frame(&c, 4, 4, NULL);
    drain(&c, 64, seen, sizeof seen);
    assert_string_equal(seen, "P3:- P4:4");
    frame(&c, 5, 5, NULL); /* of what waits when it ends nothing is left behind */
    an_camera_close(&c);
}

/* A part that was given half is missing afterwards, with the same numbers of rows; so is what went by meanwhile. */
static void a_restart_goes_on_with_the_count(void **state)
{
    (void)state;
    an_camera c;
    an_buf position;
    an_batch b;
    int64_t wait_ms;
    const char yaml[] = "{" SIZE "count: chunk, part: 'P{n}'}";
    an_buf_init(&position, 1024);
    open_camera(&c, yaml);
    frame(&c, 1, 10, NULL);
    frame(&c, 2, 11, NULL);
    assert_int_equal(an_batch_init(&b, 2, 3), AN_OK);
    assert_int_equal(an_camera_next(&c, &b, &wait_ms), AN_OK);
    assert_int_equal(b.n, 3);
    an_camera_save(&c, &position);
    an_camera_close(&c);
    open_camera(&c, yaml);
    an_reader in = an_reader_of(position.data, position.len);
    assert_int_equal(an_camera_restore(&c, &in, NULL), AN_OK);
    frame(&c, 77, 13, NULL);
    b.n = 0;
    assert_int_equal(an_camera_next(&c, &b, &wait_ms), AN_OK);
    assert_string_equal(b.part[0], "P11");
    assert_int_equal(b.row[0], 2);
    drain(&c, 64, seen, sizeof seen);
    assert_string_equal(seen, "P13:13");
    in = an_reader_of(position.data, position.len - 1);
    assert_int_equal(an_camera_restore(&c, &in, NULL), AN_ERR_PROTO);
    an_camera_close(&c);
    an_batch_done(&b);
    an_buf_done(&position);
}

static void what_cannot_bind_images_to_parts_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *why;
    } cases[] = {
        {"{" SIZE "part: 'P{n}'}", "{run}"},
        {"{" SIZE "count: chunk, part: 'P'}", "{n}"},
        {"{" SIZE "count: parts}", "parts"},
        {"{" SIZE "per_part: 10}", "per_part"},
        {"{" SIZE "stamp: {at: 0}}", "count: stamp"},
        {"{" SIZE "count: stamp, stamp: {order: middle}}", "order"},
        {"{" SIZE "count: stamp, stamp: {at: 0, length: 2}}", "length"},
        {"{width: 2, height: 0}", "height"},
        {"{" SIZE "colour: auto}", "colour"},
    };
    an_camera c;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_note why = {{0}};
        assert_int_equal(read_conf(&c, cases[i].yaml, false, &why), AN_ERR_INVAL);
        if (!strstr(why.text, cases[i].why))
            fail_msg("%s: %s", cases[i].yaml, why.text);
    }
    assert_int_equal(read_conf(&c, "{" SIZE "part: '{run}{n}'}", true, NULL), AN_OK);
    assert_int_equal(c.count, AN_COUNT_TRIGGER);
}

static void every_lack_of_memory_is_survived(void **state)
{
    (void)state;
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err != AN_OK; n++) {
        an_camera c;
        assert_int_equal(read_conf(&c, "{" SIZE "colour: rgb}", false, NULL), AN_OK);
        an_mem_fail_after(n);
        err = an_camera_open(&c, &driver, NULL, "cam", NULL);
        const an_camera_frame f = {
            .pixels = {AN_PIXELS_GREY8, 4, 4, 0}, .bytes = "0123456789abcdef", .len = 16};
        if (!err)
            err = an_camera_take(&c, &f);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_camera_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_without_an_image_is_said_at_its_place),
        cmocka_unit_test(runs_have_ids_of_their_own),
        cmocka_unit_test(no_two_runs_have_one_name),
        cmocka_unit_test(a_count_that_went_back_is_a_new_run),
        cmocka_unit_test(of_a_large_gap_the_last_parts_are_said),
        cmocka_unit_test(frames_that_cannot_be_read_are_bad_and_their_parts_missing),
        cmocka_unit_test(a_full_ring_drops_what_then_is_missing),
        cmocka_unit_test(a_restart_goes_on_with_the_count),
        cmocka_unit_test(what_cannot_bind_images_to_parts_is_refused),
        cmocka_unit_test(every_lack_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
