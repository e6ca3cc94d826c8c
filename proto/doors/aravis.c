#include "doors/aravis.h"

#include <arv.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FAKE "Fake"
#define NAME_MAX_LEN 128
#define SOCKET_FRAMES 4
#define SOCKET_MIN ((size_t)1 << 20)
#define SOCKET_MAX ((size_t)64 << 20)
#define RETENTION_US 300000 /* a frame that is not whole by then is given up */

struct an_aravis {
    ArvCamera *camera;
    ArvStream *stream;
    ArvChunkParser *chunks;
    ArvBuffer *out; /* that next has given out */
    char chunk[NAME_MAX_LEN];
    gulong signal;
    unsigned id_bits;
    atomic_bool lost;
};

/* Takes the error.  True: there was one. */
static bool failed(GError **error, const char *what, an_note *why)
{
    if (!*error)
        return false;
    (void)an_fail(AN_ERR_IO, why, "%.60s: %.200s", what, (*error)->message);
    g_clear_error(error);
    return true;
}

static void on_lost(ArvDevice *device, void *ctx)
{
    (void)device;
    atomic_store(&((an_aravis *)ctx)->lost, true);
}

static bool is_fake(const char *device)
{
    return device && strncmp(device, FAKE, strlen(FAKE)) == 0;
}

/* Errors: IO. */
static an_err find(const char *device, ArvCamera **ret, an_note *why)
{
    GError *e = NULL;
    if (is_fake(device)) { /* found without a call to the whole network */
        ArvDevice *fake = arv_fake_device_new(device, &e);
        *ret = fake ? arv_camera_new_with_device(fake, &e) : NULL;
        g_clear_object(&fake);
    } else {
        *ret = arv_camera_new(device, &e);
    }
    if (failed(&e, device ? device : "no camera", why))
        return AN_ERR_IO;
    return *ret ? AN_OK : an_fail(AN_ERR_IO, why, "no camera was found");
}

/* ---- setting ---- */

static bool set_numbers(ArvCamera *c, const an_aravis_conf *conf, an_note *why)
{
    GError *e = NULL;
    const size_t *r = conf->region;
    if (r[2] > 0)
        arv_camera_set_region(c, (gint)r[0], (gint)r[1], (gint)r[2], (gint)r[3], &e);
    if (failed(&e, "region", why))
        return false;
    if (conf->pixel_format)
        arv_camera_set_pixel_format_from_string(c, conf->pixel_format, &e);
    if (failed(&e, "pixel_format", why))
        return false;
    if (conf->frame_rate >= 0)
        arv_camera_set_frame_rate(c, conf->frame_rate, &e);
    if (failed(&e, "frame_rate", why))
        return false;
    if (conf->exposure_us >= 0)
        arv_camera_set_exposure_time(c, conf->exposure_us, &e);
    if (failed(&e, "exposure_us", why))
        return false;
    if (conf->gain >= 0)
        arv_camera_set_gain(c, conf->gain, &e);
    return !failed(&e, "gain", why);
}

static bool set_features(ArvCamera *c, const an_aravis_conf *conf, an_note *why)
{
    GError *e = NULL;
    for (size_t i = 0; i < conf->n_features; i++) {
        char text[2 * NAME_MAX_LEN];
        snprintf(text, sizeof text, "%.120s=%.120s", conf->features[i].name, conf->features[i].value);
        (void)arv_device_set_features_from_string(arv_camera_get_device(c), text, &e);
        if (failed(&e, conf->features[i].name, why))
            return false;
    }
    return true;
}

static bool set_trigger(ArvCamera *c, const char *trigger, an_note *why)
{
    GError *e = NULL;
    arv_camera_set_acquisition_mode(c, ARV_ACQUISITION_MODE_CONTINUOUS, &e);
    g_clear_error(&e); /* some have no other */
    if (trigger)
        arv_camera_set_trigger(c, trigger, &e);
    else
        arv_camera_clear_triggers(c, &e);
    if (!trigger) /* a camera without triggers is not triggered */
        g_clear_error(&e);
    return !failed(&e, "trigger", why);
}

static bool set_chunk(an_aravis *a, const char *chunk, an_note *why)
{
    GError *e = NULL;
    if (!chunk)
        return true;
    snprintf(a->chunk, sizeof a->chunk, "Chunk%.100s", chunk);
    arv_camera_set_chunks(a->camera, chunk, &e);
    if (failed(&e, "chunk", why))
        return false;
    a->chunks = arv_camera_create_chunk_parser(a->camera);
    if (!a->chunks)
        (void)an_fail(AN_ERR_IO, why, "chunk: the camera has none");
    return a->chunks != NULL;
}

static bool set_all(an_aravis *a, const an_aravis_conf *conf, an_note *why)
{
    GError *e = NULL;
    if (arv_camera_is_gv_device(a->camera)) {
        a->id_bits = 16;
        arv_camera_gv_set_stream_options(a->camera, ARV_GV_STREAM_OPTION_PACKET_SOCKET_DISABLED);
        if (conf->packet_size > 0) {
            arv_camera_gv_set_packet_size_adjustment(a->camera, ARV_GV_PACKET_SIZE_ADJUSTMENT_NEVER);
            arv_camera_gv_set_packet_size(a->camera, (gint)conf->packet_size, &e);
        }
        if (failed(&e, "packet_size", why))
            return false;
    }
    return set_numbers(a->camera, conf, why) && set_trigger(a->camera, conf->trigger, why) &&
           set_features(a->camera, conf, why) && set_chunk(a, conf->chunk, why);
}

/* ---- opening ---- */

/* The kernel keeps what comes while the library's thread is not running: a few frames, as far as net.core.rmem_max lets it. */
static void set_stream(ArvStream *stream, size_t payload, bool resend)
{
    const size_t wanted = payload * SOCKET_FRAMES > SOCKET_MIN ? payload * SOCKET_FRAMES : SOCKET_MIN;
    g_object_set(stream, "socket-buffer", ARV_GV_STREAM_SOCKET_BUFFER_FIXED, "socket-buffer-size",
                 (gint)(wanted < SOCKET_MAX ? wanted : SOCKET_MAX), "frame-retention", (guint)RETENTION_US,
                 "packet-resend",
                 resend ? ARV_GV_STREAM_PACKET_RESEND_ALWAYS : ARV_GV_STREAM_PACKET_RESEND_NEVER, NULL);
}

static an_err start(an_aravis *a, const an_aravis_conf *conf, an_note *why)
{
    GError *e = NULL;
    const size_t payload = arv_camera_get_payload(a->camera, &e);
    if (failed(&e, "payload", why))
        return AN_ERR_IO;
    if (payload == 0 || payload > AN_ARAVIS_BYTES_MAX)
        return an_fail(AN_ERR_LIMIT, why, "frames of %zu bytes", payload);
    a->stream = arv_camera_create_stream(a->camera, NULL, NULL, &e);
    if (failed(&e, "stream", why))
        return AN_ERR_IO;
    if (!a->stream)
        return an_fail(AN_ERR_IO, why, "stream: the camera gives none");
    if (ARV_IS_GV_STREAM(a->stream))
        set_stream(a->stream, payload, conf->resend);
    for (unsigned i = 0; i < conf->buffers; i++)
        arv_stream_push_buffer(a->stream, arv_buffer_new_allocate(payload));
    arv_camera_start_acquisition(a->camera, &e);
    return failed(&e, "start", why) ? AN_ERR_IO : AN_OK;
}

an_err an_aravis_open(const an_aravis_conf *conf, an_aravis **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_aravis *a = an_alloc(1, sizeof *a);
    if (!a)
        return err;
    a->id_bits = is_fake(conf->device) ? 16 : 64; /* it counts as GigE Vision does */
    if ((err = find(conf->device, &a->camera, why)))
        goto out;
    err = AN_ERR_IO;
    ArvDevice *device = arv_camera_get_device(a->camera);
    if (ARV_IS_GV_DEVICE(device) && !arv_gv_device_is_controller(ARV_GV_DEVICE(device))) {
        err = an_fail(AN_ERR_IO, why, "it has another master");
        goto out;
    }
    a->signal = g_signal_connect(device, "control-lost", G_CALLBACK(on_lost), a);
    /* A master that died has left it running: it would send to that one for ever, and its format could not be set.  One that
     * stands still may refuse to stop. */
    arv_camera_stop_acquisition(a->camera, NULL);
    if (!set_all(a, conf, why) || (err = start(a, conf, why)))
        goto out;
    *ret = a;
    a = NULL;
    err = AN_OK;
out:
    an_aravis_close(a);
    return err;
}

void an_aravis_close(an_aravis *a)
{
    if (!a)
        return;
    if (a->camera && a->stream &&
        !atomic_load(&a->lost)) /* one that is lost is not told: each word to it takes seconds */
        arv_camera_stop_acquisition(a->camera, NULL);
    if (a->signal)
        g_signal_handler_disconnect(arv_camera_get_device(a->camera), a->signal);
    g_clear_object(&a->out);
    g_clear_object(&a->stream);
    g_clear_object(&a->chunks);
    g_clear_object(&a->camera);
    an_free(a);
}

/* ---- frames ---- */

an_err an_aravis_trigger(an_aravis *a, an_note *why)
{
    GError *e = NULL;
    arv_camera_software_trigger(a->camera, &e);
    return failed(&e, "trigger", why) ? AN_ERR_IO : AN_OK;
}

static const char *status_text(ArvBufferStatus status)
{
    switch (status) {
    case ARV_BUFFER_STATUS_SUCCESS:
        return NULL;
    case ARV_BUFFER_STATUS_TIMEOUT:
        return "packets came too late";
    case ARV_BUFFER_STATUS_MISSING_PACKETS:
        return "packets are missing";
    case ARV_BUFFER_STATUS_WRONG_PACKET_ID:
        return "packets of another frame";
    case ARV_BUFFER_STATUS_SIZE_MISMATCH:
        return "larger than the camera said";
    case ARV_BUFFER_STATUS_ABORTED:
        return "aborted";
    default:
        return "not filled";
    }
}

static void read_chunk(an_aravis *a, ArvBuffer *b, an_aravis_frame *ret)
{
    GError *e = NULL;
    if (!a->chunks || !arv_buffer_has_chunks(b))
        return;
    const gint64 v = arv_chunk_parser_get_integer_value(a->chunks, b, a->chunk, &e);
    ret->counted = e == NULL && v >= 0;
    ret->chunk = ret->counted ? (uint64_t)v : 0;
    g_clear_error(&e);
}

static void read_image(an_aravis *a, ArvBuffer *b, an_aravis_frame *ret)
{
    gint x = 0, y = 0, width = 0, height = 0, pad_x = 0, pad_y = 0;
    size_t len = 0;
    const ArvBufferPayloadType type = arv_buffer_get_payload_type(b);
    if (type != ARV_BUFFER_PAYLOAD_TYPE_IMAGE && type != ARV_BUFFER_PAYLOAD_TYPE_EXTENDED_CHUNK_DATA) {
        ret->damaged = "no image";
        return;
    }
    ret->bytes = arv_buffer_get_image_data(b, &len);
    arv_buffer_get_image_region(b, &x, &y, &width, &height);
    arv_buffer_get_image_padding(b, &pad_x, &pad_y);
    ret->len = len;
    ret->format = arv_buffer_get_image_pixel_format(b);
    ret->width = width > 0 ? (size_t)width : 0;
    ret->height = height > 0 ? (size_t)height : 0;
    ret->padding = pad_x > 0 ? (size_t)pad_x : 0;
    read_chunk(a, b, ret);
}

an_err an_aravis_next(an_aravis *a, int64_t timeout_ms, an_aravis_frame *ret, an_note *why)
{
    *ret = (an_aravis_frame){.id_bits = a->id_bits};
    if (a->out)
        arv_stream_push_buffer(a->stream, a->out); /* takes it */
    a->out = NULL;
    if (atomic_load(&a->lost))
        return an_fail(AN_ERR_IO, why, "it no longer answers, or another master has taken it");
    ArvBuffer *b = arv_stream_timeout_pop_buffer(a->stream, (guint64)timeout_ms * 1000);
    if (!b)
        return AN_ERR_AGAIN;
    a->out = b;
    ret->damaged = status_text(arv_buffer_get_status(b));
    if (ret->damaged) { /* without its first packet it has the number and the times of the memory's last use */
        ret->arrived_ms = ret->taken_ms = g_get_real_time() / 1000;
        return AN_OK;
    }
    ret->id = arv_buffer_get_frame_id(b);
    ret->arrived_ms = (int64_t)(arv_buffer_get_system_timestamp(b) / 1000000);
    ret->taken_ms = (int64_t)(arv_buffer_get_timestamp(b) / 1000000);
    read_image(a, b, ret);
    return AN_OK;
}

an_aravis_stats an_aravis_stats_get(const an_aravis *a)
{
    guint64 completed = 0, failures = 0, underruns = 0, resent = 0, missing = 0;
    arv_stream_get_statistics(a->stream, &completed, &failures, &underruns);
    if (ARV_IS_GV_STREAM(a->stream))
        arv_gv_stream_get_statistics(ARV_GV_STREAM(a->stream), &resent, &missing);
    return (an_aravis_stats){underruns, resent, missing};
}

/* ---- looking around ---- */

void an_aravis_list(an_aravis_say say, void *ctx)
{
    arv_update_device_list();
    for (unsigned i = 0; i < arv_get_n_devices(); i++) {
        char kind[256];
        const char *vendor = arv_get_device_vendor(i), *model = arv_get_device_model(i);
        const char *serial = arv_get_device_serial_nbr(i), *address = arv_get_device_address(i);
        snprintf(kind, sizeof kind, "camera, %.60s %.60s, serial %.40s, at %.60s", vendor ? vendor : "?",
                 model ? model : "?", serial ? serial : "?", address ? address : "?");
        say(ctx, arv_get_device_id(i), kind, "", NAN);
    }
}

static void say_choice(ArvDevice *d, const char *name, an_aravis_say say, void *ctx)
{
    char kind[512];
    guint n = 0;
    size_t len = 0;
    const char *now = arv_device_get_string_feature_value(d, name, NULL);
    const char **all = arv_device_dup_available_enumeration_feature_values_as_strings(d, name, &n, NULL);
    len = (size_t)snprintf(kind, sizeof kind, "%.60s, of", now ? now : "?");
    for (guint i = 0; all && i < n && len + 70 < sizeof kind; i++)
        len += (size_t)snprintf(kind + len, sizeof kind - len, " %.60s", all[i]);
    g_free(all);
    say(ctx, name, kind, "", NAN);
}

static void say_feature(ArvDevice *d, const char *name, an_aravis_say say, void *ctx)
{
    GError *e = NULL;
    ArvGcNode *node = arv_device_get_feature(d, name);
    double v = NAN;
    const char *kind = NULL;
    const char *unit = ARV_IS_GC_FLOAT(node) ? arv_gc_float_get_unit(ARV_GC_FLOAT(node)) : NULL;
    if (!node || !arv_device_is_feature_available(d, name, NULL))
        return;
    if (ARV_IS_GC_ENUMERATION(node)) {
        say_choice(d, name, say, ctx);
        return;
    }
    if (ARV_IS_GC_BOOLEAN(node)) {
        v = arv_device_get_boolean_feature_value(d, name, &e) ? 1 : 0;
        kind = "boolean";
    } else if (ARV_IS_GC_FLOAT(node)) {
        v = arv_device_get_float_feature_value(d, name, &e);
        kind = "float";
    } else if (ARV_IS_GC_INTEGER(node)) {
        v = (double)arv_device_get_integer_feature_value(d, name, &e);
        kind = "integer";
    } else if (ARV_IS_GC_STRING(node)) {
        kind = arv_device_get_string_feature_value(d, name, &e);
    }
    if (!e && kind)
        say(ctx, name, kind, unit ? unit : "", v);
    g_clear_error(&e);
}

an_err an_aravis_features(const char *device, an_aravis_say say, void *ctx, an_note *why)
{
    static const char *const names[] = {
        "DeviceVendorName",
        "DeviceModelName",
        "DeviceSerialNumber",
        "DeviceTemperature",
        "Width",
        "Height",
        "OffsetX",
        "OffsetY",
        "PixelFormat",
        "AcquisitionFrameRate",
        "ExposureTime",
        "ExposureTimeAbs",
        "ExposureAuto",
        "Gain",
        "GainRaw",
        "GainAuto",
        "TriggerSelector",
        "TriggerMode",
        "TriggerSource",
        "TriggerActivation",
        "TriggerDivider",
        "EncoderSelector",
        "EncoderDivider",
        "CounterSelector",
        "CounterEventSource",
        "ChunkModeActive",
        "ChunkSelector",
        "GevSCPSPacketSize",
        "GevSCPD",
        "PtpEnable",
        "GevIEEE1588Status",
        "GevIEEE1588",
    };
    ArvCamera *camera = NULL;
    const an_err err = find(device, &camera, why);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        say_feature(arv_camera_get_device(camera), names[i], say, ctx);
    g_clear_object(&camera);
    return AN_OK;
}
