/* The controls of video devices, and what there is to read. */
#include <errno.h>
#include <linux/videodev2.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/sources/v4l2_internal.h"
#include "base/clock.h"
#include "base/file.h"

#define CONTROLS_MAX 1024 /* that a device may list */
#define FORMATS_MAX 256

/* The control behind *id.  False: there is none. */
static bool next_control(int fd, uint32_t *id, struct v4l2_queryctrl *ret)
{
    *ret = (struct v4l2_queryctrl){.id = *id | V4L2_CTRL_FLAG_NEXT_CTRL};
    if (video_call(fd, VIDIOC_QUERYCTRL, ret) != 0 || ret->id <= *id)
        return false;
    *id = ret->id;
    return true;
}

static bool is_settable(const struct v4l2_queryctrl *q)
{
    return !(q->flags & (V4L2_CTRL_FLAG_DISABLED | V4L2_CTRL_FLAG_READ_ONLY)) &&
           q->type != V4L2_CTRL_TYPE_CTRL_CLASS && q->type != V4L2_CTRL_TYPE_BUTTON;
}

static void name_of(char out[static VIDEO_NAME_MAX], const struct v4l2_queryctrl *q)
{
    char text[sizeof q->name + 1];
    snprintf(text, sizeof text, "%.*s", (int)sizeof q->name, (const char *)q->name);
    video_control_name(out, text);
}

an_err video_control_set(int fd, const video_control *want, an_note *why)
{
    struct v4l2_queryctrl q;
    uint32_t id = 0;
    for (size_t i = 0; i < CONTROLS_MAX && next_control(fd, &id, &q); i++) {
        char name[VIDEO_NAME_MAX];
        struct v4l2_control c = {.id = q.id, .value = (int32_t)want->value};
        name_of(name, &q);
        if (strcmp(name, want->name) != 0 || !is_settable(&q))
            continue;
        return video_call(fd, VIDIOC_S_CTRL, &c) == 0
                   ? AN_OK
                   : an_fail(AN_ERR_IO, why, "controls: %s: %s", want->name, strerror(errno));
    }
    return an_fail(AN_ERR_INVAL, why, "controls: there is no %s that can be set", want->name);
}

static void say_controls(int fd, an_source_seen say, void *ctx)
{
    struct v4l2_queryctrl q;
    uint32_t id = 0;
    for (size_t i = 0; i < CONTROLS_MAX && next_control(fd, &id, &q); i++) {
        char name[VIDEO_NAME_MAX], kind[96];
        struct v4l2_control c = {.id = q.id};
        if (!is_settable(&q) || video_call(fd, VIDIOC_G_CTRL, &c) != 0)
            continue;
        name_of(name, &q);
        snprintf(kind, sizeof kind, "control, %d to %d", q.minimum, q.maximum);
        say(ctx, &(an_source_find){name, "", kind, c.value, an_clock_system()->wall_ms(an_clock_system())});
    }
}

static void say_formats(int fd, an_source_seen say, void *ctx)
{
    for (uint32_t i = 0; i < FORMATS_MAX; i++) {
        struct v4l2_fmtdesc d = {.index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
        char name[5], kind[96];
        uint32_t format;
        if (video_call(fd, VIDIOC_ENUM_FMT, &d) != 0)
            return;
        video_fourcc_text(name, d.pixelformat);
        snprintf(kind, sizeof kind, "format, %.*s%s", (int)sizeof d.description, (const char *)d.description,
                 video_format(d.pixelformat, &format) ? "" : ", which is not understood");
        say(ctx, &(an_source_find){name, "", kind, NAN, an_clock_system()->wall_ms(an_clock_system())});
    }
}

static an_err say_devices(an_source_seen say, void *ctx, an_note *why)
{
    an_names names = {.n = 0};
    const an_err err = an_dir_list("/dev", &names, why);
    for (size_t i = 0; !err && i < names.n; i++) {
        char path[AN_PATH_MAX], card[VIDEO_NAME_MAX];
        int fd;
        if (strncmp(names.items[i], "video", 5) != 0 || an_path_join(path, "/dev", names.items[i]) != AN_OK ||
            video_open(path, &fd, card, NULL) != AN_OK)
            continue;
        close(fd);
        say(ctx, &(an_source_find){path, "", card, NAN, an_clock_system()->wall_ms(an_clock_system())});
    }
    an_names_done(&names);
    return err;
}

an_err video_browse(const char *device, an_source_seen say, void *ctx, an_note *why)
{
    char card[VIDEO_NAME_MAX];
    int fd;
    if (!device)
        return say_devices(say, ctx, why);
    const an_err err = video_open(device, &fd, card, why);
    if (err)
        return err;
    say_formats(fd, say, ctx);
    say_controls(fd, say, ctx);
    close(fd);
    return AN_OK;
}
