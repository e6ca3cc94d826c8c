/* A video device and its memory: of n buffers that are mapped once, the kernel has all but the one that is looked at. */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sources/v4l2_internal.h"
#include "base/clock.h"

#define CAPTURE V4L2_BUF_TYPE_VIDEO_CAPTURE
#define FORMATS_MAX 256 /* that a device may list */

int video_call(int fd, unsigned long request, void *arg)
{
    int rc;
    do
        rc = ioctl(fd, request, arg);
    while (rc < 0 && errno == EINTR);
    return rc;
}

static an_err refused(an_note *why, const char *what)
{
    return an_fail(AN_ERR_IO, why, "%s: %s", what, strerror(errno));
}

an_err video_open(const char *path, int *ret_fd, char card[static VIDEO_NAME_MAX], an_note *why)
{
    struct stat st;
    struct v4l2_capability cap = {.capabilities = 0};
    const int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return refused(why, path);
    const bool device =
        fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && video_call(fd, VIDIOC_QUERYCAP, &cap) == 0;
    const uint32_t can = cap.capabilities & V4L2_CAP_DEVICE_CAPS ? cap.device_caps : cap.capabilities;
    const uint32_t needed = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    if (!device || (can & needed) != needed) {
        close(fd);
        return an_fail(AN_ERR_INVAL, why, "%s: %s", path,
                       device ? "it gives no images (another device of the camera may)" : "it is no camera");
    }
    snprintf(card, VIDEO_NAME_MAX, "%.*s", (int)sizeof cap.card, (const char *)cap.card);
    *ret_fd = fd;
    return AN_OK;
}

/* ---- opening ---- */

/* The format that is set, if it is understood, else the first that is. */
static bool pick_format(int fd, uint32_t now, uint32_t *ret)
{
    uint32_t format;
    *ret = now;
    for (uint32_t i = 0; !video_format(*ret, &format) && i < FORMATS_MAX; i++) {
        struct v4l2_fmtdesc d = {.index = i, .type = CAPTURE};
        if (video_call(fd, VIDIOC_ENUM_FMT, &d) != 0)
            return false;
        *ret = d.pixelformat;
    }
    return video_format(*ret, &format);
}

static an_err set_format(video_stream *s, const video_want *want, an_note *why)
{
    struct v4l2_format f = {.type = CAPTURE};
    char name[5];
    if (video_call(s->fd, VIDIOC_G_FMT, &f) != 0)
        return refused(why, "format");
    if (want->fourcc != 0)
        f.fmt.pix.pixelformat = want->fourcc;
    else if (!pick_format(s->fd, f.fmt.pix.pixelformat, &f.fmt.pix.pixelformat))
        return an_fail(AN_ERR_INVAL, why, "it has no format that is understood");
    if (want->width > 0 && want->height > 0) {
        f.fmt.pix.width = want->width;
        f.fmt.pix.height = want->height;
    }
    f.fmt.pix.field = V4L2_FIELD_NONE;
    f.fmt.pix.bytesperline = 0;
    if (video_call(s->fd, VIDIOC_S_FMT, &f) != 0)
        return refused(why, "format");
    video_fourcc_text(name, f.fmt.pix.pixelformat);
    if ((want->fourcc != 0 && f.fmt.pix.pixelformat != want->fourcc) ||
        !video_format(f.fmt.pix.pixelformat, &s->pixels.format))
        return an_fail(AN_ERR_INVAL, why, "pixel_format: it gives %s instead", name);
    if (want->width > 0 && (f.fmt.pix.width != want->width || f.fmt.pix.height != want->height))
        return an_fail(AN_ERR_INVAL, why, "frame: it gives %u x %u instead", f.fmt.pix.width,
                       f.fmt.pix.height);
    s->pixels.width = f.fmt.pix.width;
    s->pixels.height = f.fmt.pix.height;
    s->pixels.stride = s->pixels.format == AN_PIXELS_JPEG ? 0 : f.fmt.pix.bytesperline;
    return AN_OK;
}

/* What it makes of it is its own affair. */
static void set_rate(int fd, double rate)
{
    struct v4l2_streamparm p = {.type = CAPTURE};
    if (rate <= 0)
        return;
    p.parm.capture.timeperframe.numerator = 1000;
    p.parm.capture.timeperframe.denominator = (uint32_t)(rate * 1000 + 0.5);
    (void)video_call(fd, VIDIOC_S_PARM, &p);
}

static an_err give(video_stream *s, uint32_t index, an_note *why)
{
    struct v4l2_buffer b = {.index = index, .type = CAPTURE, .memory = V4L2_MEMORY_MMAP};
    return video_call(s->fd, VIDIOC_QBUF, &b) == 0 ? AN_OK : refused(why, "buffer");
}

static an_err map_buffers(video_stream *s, uint32_t n, an_note *why)
{
    struct v4l2_requestbuffers r = {.count = n, .type = CAPTURE, .memory = V4L2_MEMORY_MMAP};
    if (video_call(s->fd, VIDIOC_REQBUFS, &r) != 0)
        return refused(why, "buffers"); /* EBUSY: another program streams */
    for (uint32_t i = 0; i < r.count && i < VIDEO_BUFFERS_MAX; i++) {
        struct v4l2_buffer b = {.index = i, .type = CAPTURE, .memory = V4L2_MEMORY_MMAP};
        if (video_call(s->fd, VIDIOC_QUERYBUF, &b) != 0)
            return refused(why, "buffer");
        void *at = mmap(NULL, b.length, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, (off_t)b.m.offset);
        if (at == MAP_FAILED)
            return refused(why, "buffer");
        s->maps[i].at = at;
        s->maps[i].len = b.length;
        s->n = i + 1;
        const an_err err = give(s, i, why);
        if (err)
            return err;
    }
    return s->n > 0 ? AN_OK : an_fail(AN_ERR_IO, why, "buffers: it has none");
}

an_err video_stream_open(video_stream *s, const char *path, const video_want *want, an_note *why)
{
    char card[VIDEO_NAME_MAX];
    int type = CAPTURE;
    *s = (video_stream){.fd = -1, .out = -1};
    an_err err = video_open(path, &s->fd, card, why);
    if (!err)
        err = set_format(s, want, why);
    if (!err)
        set_rate(s->fd, want->frame_rate);
    for (size_t i = 0; i < want->n_controls && !err; i++)
        err = video_control_set(s->fd, &want->controls[i], why);
    if (!err)
        err = map_buffers(s, want->buffers, why);
    if (!err && video_call(s->fd, VIDIOC_STREAMON, &type) != 0)
        err = refused(why, "start");
    if (err)
        video_stream_close(s);
    return err;
}

void video_stream_close(video_stream *s)
{
    int type = CAPTURE;
    if (s->fd < 0)
        return;
    (void)video_call(s->fd, VIDIOC_STREAMOFF, &type);
    for (uint32_t i = 0; i < s->n; i++)
        munmap(s->maps[i].at, s->maps[i].len);
    close(s->fd);
    *s = (video_stream){.fd = -1, .out = -1};
}

/* ---- frames ---- */

an_err video_stream_back(video_stream *s, an_note *why)
{
    const int out = s->out;
    s->out = -1;
    return out < 0 ? AN_OK : give(s, (uint32_t)out, why);
}

an_err video_stream_next(video_stream *s, int64_t timeout_ms, an_camera_frame *ret, an_note *why)
{
    struct v4l2_buffer b = {.type = CAPTURE, .memory = V4L2_MEMORY_MMAP};
    struct pollfd item = {.fd = s->fd, .events = POLLIN};
    if (poll(&item, 1, (int)timeout_ms) <= 0)
        return AN_ERR_AGAIN;
    if (video_call(s->fd, VIDIOC_DQBUF, &b) != 0)
        return errno == EAGAIN ? AN_ERR_AGAIN : refused(why, "it is gone");
    if (b.index >= s->n)
        return an_fail(AN_ERR_IO, why, "it gives a buffer that it does not have");
    s->out = (int)b.index;
    const int64_t stamp_us = (int64_t)b.timestamp.tv_sec * 1000000 + b.timestamp.tv_usec;
    const an_clock *clock = an_clock_system();
    *ret = (an_camera_frame){
        .damaged = b.flags & V4L2_BUF_FLAG_ERROR ? "the device says so"
                   : b.bytesused == 0            ? "empty"
                                                 : NULL,
        .pixels = s->pixels,
        .bytes = s->maps[b.index].at,
        .len = b.bytesused < s->maps[b.index].len ? b.bytesused : s->maps[b.index].len,
        .id = b.sequence,
        .id_bits = 32,
        .time_ms = video_time_ms(b.flags, stamp_us, (int64_t)(an_clock_ns() / 1000), clock->wall_ms(clock)),
    };
    return AN_OK;
}
