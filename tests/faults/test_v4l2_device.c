/* The source v4l2 against a device, where there is one: the first of /dev/video* that gives images, such as that of the kernel's
 * module vivid, or the one that ANDON_VIDEO names.  Vivid can be unplugged by a control of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <unistd.h>

#include "agent/sources/v4l2_internal.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "doors/yaml.h"
#include "tests/support/live.h"

#define WIDTH 16
#define HEIGHT 12
#define BACK_MS 15000

static char path[AN_PATH_MAX], conf[AN_PATH_MAX + 256];

typedef struct seen {
    uint64_t images, gaps, runs, last;
    char run[AN_PART_MAX];
    int64_t time_ms;
} seen;

static void see(an_live *l, size_t row, void *ctx)
{
    seen *s = ctx;
    const char *part = l->batch.part[row], *slash = strchr(part, '/');
    if (!(l->batch.flags[row] & AN_ROW_RESTART))
        return;
    assert_non_null(slash);
    if (strncmp(s->run, part, (size_t)(slash - part) + 1) != 0) {
        snprintf(s->run, sizeof s->run, "%.*s", (int)(slash - part) + 1, part);
        s->runs++;
        s->last = 0;
    }
    const uint64_t n = strtoull(slash + 1, NULL, 10);
    if (n != s->last + 1)
        fail_msg("%s after %llu", part, (unsigned long long)s->last);
    s->last = n;
    const bool gap = l->batch.quality[row * WIDTH] == AN_VALUE_UNREACHED;
    s->gaps += gap;
    s->images += !gap;
    assert_true(l->batch.time_ms[row] >= s->time_ms);
    s->time_ms = l->batch.time_ms[row];
}

static bool more(an_live *l, void *ctx)
{
    (void)l;
    const seen *s = ((void **)ctx)[0];
    return s->images >= *(uint64_t *)((void **)ctx)[1];
}

static void await(an_live *l, seen *s, uint64_t images)
{
    void *ctx[2] = {s, &images};
    an_live_until(l, more, ctx, BACK_MS);
}

static void frames_come_in_order_and_what_is_dropped_is_said(void **state)
{
    (void)state;
    an_live l;
    seen s = {0};
    an_live_open(&l, "v4l2", conf, see, &s);
    await(&l, &s, 20);
    assert_int_equal(an_live_counter(&l, "uncounted"), 0);
    poll(NULL, 0, 3000); /* nobody reads: the kernel drops frames */
    await(&l, &s, s.images + 20);
    assert_true(s.gaps > 0);
    assert_int_equal(an_live_counter(&l, "parts_missing"), s.gaps);
    assert_int_equal(s.runs, 1);
    const int64_t now = an_clock_system()->wall_ms(an_clock_system());
    assert_in_range(now - s.time_ms, 0, 5000);
    an_live_close(&l);
}

static bool is_said(an_live *l, void *ctx)
{
    an_source_device d;
    (void)ctx;
    return an_source_devices(l->src, &d) == 1 && !d.reached && strstr(d.error, "busy");
}

static void a_device_that_streams_already_is_said(void **state)
{
    (void)state;
    an_live first, second;
    seen s = {0}, none = {0};
    an_live_open(&first, "v4l2", conf, see, &s);
    await(&first, &s, 5);
    an_live_open(&second, "v4l2", conf, see, &none);
    an_live_until(&second, is_said, NULL, BACK_MS);
    an_live_close(&first);
    await(&second, &none, 5); /* and taken as soon as it is free */
    an_live_close(&second);
}

/* Vivid's button "Disconnect".  False: the device has none. */
static bool unplug(void)
{
    char card[VIDEO_NAME_MAX], name[VIDEO_NAME_MAX];
    struct v4l2_queryctrl q = {.id = V4L2_CTRL_FLAG_NEXT_CTRL};
    bool done = false;
    int fd;
    if (video_open(path, &fd, card, NULL) != AN_OK)
        return false;
    while (!done && video_call(fd, VIDIOC_QUERYCTRL, &q) == 0) {
        snprintf(name, sizeof name, "%.*s", (int)sizeof q.name, (const char *)q.name);
        struct v4l2_control c = {.id = q.id, .value = 1};
        done = strcmp(name, "Disconnect") == 0 && video_call(fd, VIDIOC_S_CTRL, &c) == 0;
        q.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
    }
    close(fd);
    return done;
}

static void a_camera_that_was_unplugged_comes_back(void **state)
{
    (void)state;
    an_live l;
    seen s = {0};
    an_live_open(&l, "v4l2", conf, see, &s);
    await(&l, &s, 5);
    if (!unplug()) {
        print_message("%s cannot be unplugged\n", path);
        an_live_close(&l);
        skip();
    }
    await(&l, &s, s.images + 40);
    assert_int_equal(s.runs, 2);
    assert_int_equal(an_live_counter(&l, "connects"), 2);
    an_live_close(&l);
}

static void hear(void *ctx, const an_source_find *find)
{
    *(size_t *)ctx += strncmp(find->kind, "format", 6) == 0;
}

static void browsing_lists_its_formats(void **state)
{
    (void)state;
    an_yaml *doc = NULL;
    size_t formats = 0;
    assert_int_equal(an_yaml_parse(conf, strlen(conf), "browse", &doc, NULL), AN_OK);
    assert_int_equal(an_source_type_find("v4l2")->browse(an_yaml_root(doc), 1000, hear, &formats, NULL),
                     AN_OK);
    assert_true(formats > 0);
    an_yaml_free(doc);
}

static void find(void *ctx, const an_source_find *f)
{
    (void)ctx;
    if (!path[0])
        snprintf(path, sizeof path, "%s", f->tag);
}

int main(void)
{
    const char *named = getenv("ANDON_VIDEO");
    an_log_init(AN_LOG_OFF, "test");
    if (named)
        snprintf(path, sizeof path, "%s", named);
    else
        (void)video_browse(NULL, find, NULL, NULL);
    if (!path[0]) {
        puts("skipped: no /dev/video* gives images (modprobe vivid makes one)");
        return 77;
    }
    snprintf(conf, sizeof conf,
             "{device: %s, width: %d, height: %d, part: '{run}/{n}', gap_max: 100000, retry_max_ms: 1000}",
             path, WIDTH, HEIGHT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_in_order_and_what_is_dropped_is_said),
        cmocka_unit_test(a_device_that_streams_already_is_said),
        cmocka_unit_test(a_camera_that_was_unplugged_comes_back),
        cmocka_unit_test(browsing_lists_its_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
