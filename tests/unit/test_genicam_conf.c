/* What a genicam source is told, and a camera in this process: its pattern, its numbers that go round, its formats. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/support/live.h"
#include "tests/support/sources.h"

#define FAKE "device: Fake_1, width: 8, height: 4, region: {x: 0, y: 0, width: 8, height: 4}, frame_rate: 400"
#define HEIGHT 4

static void wrong_configurations_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"{device: a}", "width"},
        {"{device: a, width: 8, height: 8, colour: auto}", "colour"},
        {"{device: a, width: 8, height: 8, part: 'P{n}'}", "{run}"},
        {"{device: a, width: 8, height: 8, trigger: software, part: 'P{n}'}", "{run}"},
        {"{device: a, width: 8, height: 8, count: chunk}", "chunk: NAME"},
        {"{device: a, width: 8, height: 8, chunk: CounterValue}", "chunk: NAME"},
        {"{device: a, width: 8, height: 8, trigger: 'Line 1'}", "Line 1"},
        {"{device: a, width: 8, height: 8, time: later}", "later"},
        {"{device: a, width: 8, height: 8, features: {Gain: '3 Width=9'}}", "letters"},
        {"{device: a, width: 8, height: 8, features: {'Ga in': 3}}", "letters"},
        {"{device: a, width: 8, height: 8, region: {x: 1}}", "y"},
        {"{device: a, width: 4096, height: 4096}", "more than a model takes"},
    };
    an_source *s = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_note why = {{0}};
        const an_err err = sources_try("genicam", wrong[i][0], an_clock_system(), &s, &why);
        assert_true(err == AN_ERR_INVAL || err == AN_ERR_LIMIT);
        if (!strstr(why.text, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], why.text);
    }
}

typedef struct seen {
    uint64_t images, last;
    char run[AN_PART_MAX];
} seen;

/* The library's pattern: brightness (x + y + number of the frame) % 255. */
static void see(an_live *l, size_t row, void *ctx)
{
    seen *s = ctx;
    const float *v = l->batch.values + row * 8;
    const unsigned first = (unsigned)lrintf(v[0] * 255);
    for (unsigned x = 0; x < 8; x++)
        assert_int_equal(lrintf(v[x] * 255), (first + x) % 255);
    if (!(l->batch.flags[row] & AN_ROW_RESTART))
        return;
    const char *part = l->batch.part[row], *slash = strchr(part, '/');
    const uint64_t n = strtoull(slash + 1, NULL, 10);
    if (s->images > 0 && strncmp(s->run, part, (size_t)(slash - part)) != 0)
        fail_msg("%s after %s", part, s->run);
    if (n != s->last + 1)
        fail_msg("%s after %llu", part, (unsigned long long)s->last);
    snprintf(s->run, sizeof s->run, "%s", part);
    s->last = n;
    s->images++;
    assert_int_equal(l->batch.image[row].width, 8);
}

static bool enough(an_live *l, void *ctx)
{
    (void)l;
    return ((const seen *)ctx)->images >= 200;
}

/* It begins to count at 65400, so that they go round within the first hundred and fifty. */
static void a_run_goes_on_when_the_numbers_of_frames_go_round(void **state)
{
    (void)state;
    an_live l;
    seen s = {0};
    an_live_open(&l, "genicam", "{" FAKE ", gain: 0, exposure_us: 10000, part: '{run}/{n}', queue: 64}", see,
                 &s);
    an_live_until(&l, enough, &s, 20000);
    assert_int_equal(an_live_counter(&l, "runs"), 1);
    assert_int_equal(an_live_counter(&l, "counts_reset"), 0);
    assert_int_equal(an_live_counter(&l, "connects"), 1);
    an_live_close(&l);
}

static bool some(an_live *l, void *ctx)
{
    (void)ctx;
    return l->rows >= (uint64_t)5 * HEIGHT;
}

static void formats_of_the_camera_become_what_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        size_t width;
    } cases[] = {
        {"pixel_format: RGB8, colour: rgb", 24},
        {"pixel_format: BayerRG8, colour: rgb", 24},
        {"pixel_format: Mono16", 8},
        {"pixel_format: BayerGB8, colour: grey", 8},
        {"features: {TriggerMode: 'Off'}, resend: false, time: camera", 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[512];
        an_live l;
        snprintf(yaml, sizeof yaml, "{" FAKE ", %s}", cases[i].options);
        an_live_open(&l, "genicam", yaml, NULL, NULL);
        assert_int_equal(an_source_width(l.src), cases[i].width);
        an_live_until(&l, some, NULL, 20000);
        assert_int_equal(an_source_stats_get(l.src).bad, 0);
        assert_int_equal(an_source_stats_get(l.src).skewed, 0);
        an_live_close(&l);
    }
}

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_configurations_are_refused_by_name),
        cmocka_unit_test(a_run_goes_on_when_the_numbers_of_frames_go_round),
        cmocka_unit_test(formats_of_the_camera_become_what_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
