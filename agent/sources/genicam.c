/* Source `genicam`: industrial cameras of GigE Vision and USB3 Vision, through aravis.
 *
 *     device's thread:  open -> next frame, next frame ... --lost--> close -> wait -> open
 *
 * With trigger: software the thread triggers each period_ms and waits for that frame before the next: one that has not come in
 * time makes the connection end, so that it can never be taken for the frame of a later trigger. */
#include <stdio.h>
#include <string.h>

#include "agent/sources/genicam_internal.h"
#include "base/clock.h"

#define POP_MS 100
#define FULL_MS 100     /* how often to look whether there is room again, if nobody says so */
#define TRIGGER_MS 2000 /* within which a triggered frame comes, if nothing else is said */

static const char *const counter_names[GENICAM_COUNTERS] = {"underruns", "packets_resent", "packets_missing"};

static int64_t mono_ms(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static void count(genicam *g)
{
    const an_aravis_stats s = an_aravis_stats_get(g->link);
    const uint64_t now[GENICAM_COUNTERS] = {s.underruns, s.resent, s.missing};
    for (size_t i = 0; i < GENICAM_COUNTERS; i++)
        atomic_store_explicit(&g->counters[i], g->before[i] + now[i], memory_order_relaxed);
}

static an_err connect_camera(void *ctx, an_note *why)
{
    genicam *g = ctx;
    const an_err err = an_aravis_open(&g->conf, &g->link, why);
    if (err)
        return err;
    an_camera_connected(&g->camera);
    g->pending = false;
    g->asked_ms = g->due_ms = mono_ms();
    return AN_OK;
}

static void disconnect_camera(void *ctx)
{
    genicam *g = ctx;
    if (g->link)
        count(g);
    for (size_t i = 0; i < GENICAM_COUNTERS; i++)
        g->before[i] = atomic_load_explicit(&g->counters[i], memory_order_relaxed);
    an_aravis_close(g->link);
    g->link = NULL;
}

/* Its number is used up even if nobody knows whether the camera has heard it. */
static an_err trigger(genicam *g, int64_t now, an_note *why)
{
    if (!g->software || g->pending || now < g->due_ms)
        return AN_OK;
    g->due_ms = g->due_ms + g->period_ms > now ? g->due_ms + g->period_ms : now + g->period_ms;
    g->trigger_n++;
    g->pending = true;
    g->asked_ms = now;
    return an_aravis_trigger(g->link, why);
}

static int64_t patience_ms(const genicam *g, int64_t now)
{
    const int64_t left = g->software && !g->pending ? g->due_ms - now : POP_MS;
    return left < 1 ? 1 : left < POP_MS ? left : POP_MS;
}

static an_err nothing(const genicam *g, an_note *why)
{
    const int64_t limit = g->camera.frame_timeout_ms > 0 ? g->camera.frame_timeout_ms
                          : g->software                  ? TRIGGER_MS
                                                         : 0;
    if (limit == 0 || (g->software && !g->pending) || mono_ms() - g->asked_ms < limit)
        return AN_OK;
    return an_fail(AN_ERR_IO, why, "no frame for %lld ms", (long long)limit);
}

static an_err hand_over(genicam *g, const an_aravis_frame *f)
{
    an_camera_frame frame = {
        .damaged = f->damaged,
        .pixels = {.format = f->format, .width = f->width, .height = f->height},
        .bytes = f->bytes,
        .len = f->len,
        .id = f->id,
        .id_bits = f->id_bits,
        .counted = f->counted,
        .value = f->chunk,
        .time_ms = g->camera_time ? f->taken_ms : f->arrived_ms,
    };
    if (f->padding > 0 && f->width > 0) {
        const an_pixels row = {f->format, f->width, 1, 0};
        frame.pixels.stride = an_pixels_bytes(&row) + f->padding;
    }
    if (g->software) {
        frame.counted = g->pending;
        frame.value = g->trigger_n;
        g->pending = false;
    }
    g->asked_ms = mono_ms();
    return an_camera_take(&g->camera, &frame);
}

static an_err turn(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    genicam *g = ctx;
    an_aravis_frame f;
    *ret_wait_ms = 0;
    if (!an_camera_has_room(&g->camera)) { /* what comes meanwhile waits in the library */
        *ret_wait_ms = FULL_MS;
        g->asked_ms = mono_ms();
        return AN_OK;
    }
    an_err err = trigger(g, mono_ms(), why);
    if (err)
        return err;
    err = an_aravis_next(g->link, patience_ms(g, mono_ms()), &f, why);
    count(g);
    if (err == AN_ERR_AGAIN)
        return nothing(g, why);
    return err ? err : hand_over(g, &f);
}

static const an_device_type device_type = {
    .connect = connect_camera, .turn = turn, .disconnect = disconnect_camera};

/* ---- the row of the table ---- */

static an_err genicam_check(const an_node *conf, an_note *why)
{
    genicam g = {.period_ms = 0};
    const an_err err = genicam_read(&g, conf, why);
    genicam_done(&g);
    return err;
}

static an_err genicam_open(void *state, const an_node *conf, an_note *why)
{
    genicam *g = state;
    const an_err err = genicam_read(g, conf, why);
    return err ? err : an_camera_open(&g->camera, &device_type, g, genicam_name(g), why);
}

static size_t genicam_width(const void *state)
{
    return an_picture_width(&((const genicam *)state)->camera.picture);
}

static an_source_frame genicam_frame(const void *state)
{
    return an_picture_frame(&((const genicam *)state)->camera.picture);
}

static const char *genicam_sensor(const void *state, size_t i)
{
    return ((const genicam *)state)->camera.picture.sensors[i];
}

static const char *genicam_unit(const void *state, size_t i)
{
    (void)state;
    (void)i;
    return "";
}

static an_err genicam_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    (void)why;
    return an_camera_next(&((genicam *)state)->camera, ret, ret_wait_ms);
}

static an_err genicam_save(const void *state, an_buf *ret)
{
    an_camera_save(&((const genicam *)state)->camera, ret);
    return AN_OK;
}

static an_err genicam_restore(void *state, an_reader *in, an_note *why)
{
    return an_camera_restore(&((genicam *)state)->camera, in, why);
}

static uint64_t genicam_bad(const void *state, const char **ret_last)
{
    return an_camera_bad(&((const genicam *)state)->camera, ret_last);
}

static size_t genicam_counters(const void *state, an_source_counter *ret)
{
    const genicam *g = state;
    size_t n = an_camera_counters(&g->camera, ret);
    for (size_t i = 0; i < GENICAM_COUNTERS; i++)
        ret[n++] = (an_source_counter){counter_names[i],
                                       atomic_load_explicit(&g->counters[i], memory_order_relaxed)};
    return n;
}

static size_t genicam_devices(const void *state, an_source_device *ret)
{
    const genicam *g = state;
    return an_camera_devices(&g->camera, genicam_name(g), ret);
}

static int genicam_fd(const void *state)
{
    return ((const genicam *)state)->camera.event_fd;
}

static void genicam_close(void *state)
{
    genicam *g = state;
    an_camera_close(&g->camera);
    genicam_done(g);
}

const an_source_type an_source_type_genicam = {
    .name = "genicam",
    .meaning = "cameras of GigE Vision and USB3 Vision, each image as a window of its rows",
    .options = genicam_options,
    .state_size = sizeof(genicam),
    .check = genicam_check,
    .open = genicam_open,
    .width = genicam_width,
    .sensor = genicam_sensor,
    .unit = genicam_unit,
    .frame = genicam_frame,
    .next = genicam_next,
    .save = genicam_save,
    .restore = genicam_restore,
    .bad = genicam_bad,
    .counters = genicam_counters,
    .devices = genicam_devices,
    .fd = genicam_fd,
    .live = true,
    .browse = genicam_browse,
    .close = genicam_close,
};
