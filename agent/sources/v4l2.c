/* Source `v4l2`: cameras of the Linux kernel (USB webcams, boards' own), by memory that is mapped.
 *
 * Frames are numbered by the driver, also those that it has dropped because nobody had given a buffer back in time. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/sources/v4l2_internal.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/yaml.h"

#define POLL_MS 100

typedef struct v4l2 {
    an_camera camera;
    char path[AN_PATH_MAX];
    video_want want;
    video_control *controls;

    video_stream stream; /* the device's thread */
    int64_t last_ms;     /* when the last frame came; monotonic */
} v4l2;

static const an_option options[] = {
    {"device", AN_OPTION_TEXT, 0, 0, "",
     "/dev/video0, or better a link in /dev/v4l/by-id, which stays the same"},
    {"pixel_format", AN_OPTION_TEXT, 0, 0, "",
     "GREY, Y16, YUYV, UYVY, RGB3, BGR3, MJPG, RGGB ...; \"\": as the device has it, or the first that is "
     "understood"},
    {"frame_width", AN_OPTION_INT, 0, AN_IMAGE_SIDE_MAX, "0", "pixels of a frame; 0: as the device has it"},
    {"frame_height", AN_OPTION_INT, 0, AN_IMAGE_SIDE_MAX, "0", "the same"},
    {"frame_rate", AN_OPTION_REAL, 0, 10000, "0", "frames a second; 0: as the device has it"},
    {"controls", AN_OPTION_MAP, 0, 0, "",
     "set in this order: {auto_exposure: 1, exposure_time_absolute: 80}"},
    {"buffers", AN_OPTION_INT, 2, VIDEO_BUFFERS_MAX, "8", "frames that may wait in the kernel"},
    AN_CAMERA_OPTIONS("frame or stamp"),
    AN_PICTURE_OPTIONS(NULL, "grey"),
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

/* ---- the configuration ---- */

static an_err read_controls(v4l2 *v, const an_node *map, an_note *why)
{
    const size_t n = map ? an_node_count(map) : 0;
    if (n == 0)
        return AN_OK;
    if (n > VIDEO_CONTROLS_MAX)
        return an_node_fail(map, why, "controls: more than %d", VIDEO_CONTROLS_MAX);
    if (!(v->controls = an_alloc(n, sizeof *v->controls)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const an_err err =
            an_node_int(an_node_value(map, i), INT32_MIN, INT32_MAX, &v->controls[i].value, why);
        if (err)
            return err;
        video_control_name(v->controls[i].name, an_node_key(map, i));
    }
    v->want.controls = v->controls;
    v->want.n_controls = n;
    return AN_OK;
}

static an_err read_conf(v4l2 *v, const an_node *conf, an_note *why)
{
    static const char *const counts[4] = {"frame", NULL, NULL, "stamp"};
    const char *path = NULL, *format = NULL;
    int64_t width = 0, height = 0, buffers = 0;
    an_err err;
    v->stream.fd = -1;
    if ((err = an_option_text(options, conf, "device", &path, why)) ||
        (err = an_option_text(options, conf, "pixel_format", &format, why)) ||
        (err = an_option_int(options, conf, "frame_width", &width, why)) ||
        (err = an_option_int(options, conf, "frame_height", &height, why)) ||
        (err = an_option_real(options, conf, "frame_rate", &v->want.frame_rate, why)) ||
        (err = an_option_int(options, conf, "buffers", &buffers, why)) ||
        (err = read_controls(v, an_node_get(conf, "controls"), why)) ||
        (err = an_camera_read(&v->camera, options, counts, false, conf, why)))
        return err;
    if (path[0] != '/' || strlen(path) >= sizeof v->path)
        return an_node_fail(conf, why, "device: must be a path, as --browse lists them");
    if ((width == 0) != (height == 0))
        return an_node_fail(conf, why, "frame_width and frame_height need each other");
    if (format[0] && !video_fourcc_read(format, &v->want.fourcc))
        return an_node_fail(an_node_get(conf, "pixel_format"), why, "pixel_format: \"%s\" is not understood",
                            format);
    memcpy(v->path, path, strlen(path) + 1);
    v->want.width = (uint32_t)width;
    v->want.height = (uint32_t)height;
    v->want.buffers = (uint32_t)buffers;
    return AN_OK;
}

/* ---- the device ---- */

static int64_t mono_ms(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static an_err connect_camera(void *ctx, an_note *why)
{
    v4l2 *v = ctx;
    const an_err err = video_stream_open(&v->stream, v->path, &v->want, why);
    if (err)
        return err;
    an_camera_connected(&v->camera);
    v->last_ms = mono_ms();
    return AN_OK;
}

static void disconnect_camera(void *ctx)
{
    video_stream_close(&((v4l2 *)ctx)->stream);
}

static an_err turn(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    v4l2 *v = ctx;
    an_camera_frame f;
    *ret_wait_ms = 0;
    if (!an_camera_has_room(&v->camera)) { /* what comes meanwhile the kernel keeps, and then drops */
        *ret_wait_ms = POLL_MS;
        v->last_ms = mono_ms();
        return AN_OK;
    }
    an_err err = video_stream_next(&v->stream, POLL_MS, &f, why);
    if (err == AN_ERR_AGAIN)
        return v->camera.frame_timeout_ms == 0 || mono_ms() - v->last_ms < v->camera.frame_timeout_ms
                   ? AN_OK
                   : an_fail(AN_ERR_IO, why, "no frame for %lld ms", (long long)v->camera.frame_timeout_ms);
    if (err)
        return err;
    v->last_ms = mono_ms();
    err = an_camera_take(&v->camera, &f);
    return err ? err : video_stream_back(&v->stream, why);
}

static const an_device_type device_type = {
    .connect = connect_camera, .turn = turn, .disconnect = disconnect_camera};

/* ---- the row of the table ---- */

static an_err video_check(const an_node *conf, an_note *why)
{
    v4l2 v = {.last_ms = 0};
    const an_err err = read_conf(&v, conf, why);
    an_free(v.controls);
    return err;
}

static an_err open_source(void *state, const an_node *conf, an_note *why)
{
    v4l2 *v = state;
    const an_err err = read_conf(v, conf, why);
    return err ? err : an_camera_open(&v->camera, &device_type, v, v->path, why);
}

static size_t video_width(const void *state)
{
    return an_picture_width(&((const v4l2 *)state)->camera.picture);
}

static an_source_frame video_frame(const void *state)
{
    return an_picture_frame(&((const v4l2 *)state)->camera.picture);
}

static const char *video_sensor(const void *state, size_t i)
{
    return ((const v4l2 *)state)->camera.picture.sensors[i];
}

static const char *video_unit(const void *state, size_t i)
{
    (void)state;
    (void)i;
    return "";
}

static an_err video_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    (void)why;
    return an_camera_next(&((v4l2 *)state)->camera, ret, ret_wait_ms);
}

static an_err video_save(const void *state, an_buf *ret)
{
    an_camera_save(&((const v4l2 *)state)->camera, ret);
    return AN_OK;
}

static an_err video_restore(void *state, an_reader *in, an_note *why)
{
    return an_camera_restore(&((v4l2 *)state)->camera, in, why);
}

static uint64_t video_bad(const void *state, const char **ret_last)
{
    return an_camera_bad(&((const v4l2 *)state)->camera, ret_last);
}

static size_t video_counters(const void *state, an_source_counter *ret)
{
    return an_camera_counters(&((const v4l2 *)state)->camera, ret);
}

static size_t video_devices(const void *state, an_source_device *ret)
{
    const v4l2 *v = state;
    return an_camera_devices(&v->camera, v->path, ret);
}

static int video_fd(const void *state)
{
    return ((const v4l2 *)state)->camera.event_fd;
}

/* Of one device its formats and controls, else the devices. */
static an_err browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why)
{
    const char *device = NULL;
    (void)for_ms;
    const an_err err = an_option_text(options, conf, "device", &device, why);
    return err ? err : video_browse(device[0] ? device : NULL, say, ctx, why);
}

static void video_close(void *state)
{
    v4l2 *v = state;
    an_camera_close(&v->camera);
    an_free(v->controls);
}

const an_source_type an_source_type_v4l2 = {
    .name = "v4l2",
    .meaning = "cameras of the Linux kernel, each image as a window of its rows",
    .options = options,
    .state_size = sizeof(v4l2),
    .check = video_check,
    .open = open_source,
    .width = video_width,
    .frame = video_frame,
    .sensor = video_sensor,
    .unit = video_unit,
    .next = video_next,
    .save = video_save,
    .restore = video_restore,
    .bad = video_bad,
    .counters = video_counters,
    .devices = video_devices,
    .fd = video_fd,
    .live = true,
    .browse = browse,
    .close = video_close,
};
