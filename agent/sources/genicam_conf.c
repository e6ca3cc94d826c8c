/* What the configuration of a genicam source says, and what there is to configure. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/sources/genicam_internal.h"
#include "base/mem.h"
#include "doors/yaml.h"

const an_option genicam_options[] = {
    {"device", AN_OPTION_TEXT, 0, 0, "",
     "the camera's id, serial number or address; \"\": the first one found"},
    {"region", AN_OPTION_MAP, 0, 0, "",
     "the part that the camera sends, in its pixels: {x: 0, y: 0, width: 640, height: 480}"},
    {"pixel_format", AN_OPTION_TEXT, 0, 0, "", "Mono8, BayerRG8, RGB8 ...; \"\": as the camera has it"},
    {"exposure_us", AN_OPTION_REAL, -1, 1e9, "-1", "microseconds; -1: as the camera has it"},
    {"gain", AN_OPTION_REAL, -1, 1e6, "-1", "in the camera's unit; -1: as the camera has it"},
    {"frame_rate", AN_OPTION_REAL, -1, 1e6, "-1", "frames a second, when free; -1: as the camera has it"},
    {"trigger", AN_OPTION_TEXT, 0, 0, "free",
     "free, software (by the agent, each period_ms), or an input of the camera: Line1, Encoder0 ..."},
    {"period_ms", AN_OPTION_INT, 1, 86400000, "1000", "between two triggers by software"},
    {"chunk", AN_OPTION_TEXT, 0, 0, "", "with count: chunk its selector, as CounterValue"},
    {"features", AN_OPTION_MAP, 0, 0, "",
     "more features by their names, set in this order: {EncoderDivider: 4}"},
    {"packet_size", AN_OPTION_INT, 0, 65535, "0",
     "bytes of a packet with its headers; 0: the largest that comes"},
    {"resend", AN_OPTION_BOOL, 0, 1, "true", "ask for packets that are missing"},
    {"buffers", AN_OPTION_INT, 2, 1024, "16", "frames that may be on their way"},
    {"time", AN_OPTION_TEXT, 0, 0, "arrival", "arrival, or camera: its clock is set (PTP)"},
    AN_CAMERA_OPTIONS("frame, chunk or stamp (with trigger: software the triggers)"),
    AN_PICTURE_OPTIONS(NULL, "grey"),
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

/* Texts go to the camera as "name=value", so they are of letters that mean nothing else there. */
static bool is_plain(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_.+-", *p))
            return false;
    return text[0] != '\0' && strlen(text) < GENICAM_TEXT_MAX;
}

static an_err read_text(const an_node *conf, const char *key, char out[static GENICAM_TEXT_MAX], an_note *why)
{
    const char *text = NULL;
    const an_err err = an_option_text(genicam_options, conf, key, &text, why);
    if (err)
        return err;
    if (strlen(text) >= GENICAM_TEXT_MAX)
        return an_node_fail(an_node_get(conf, key), why, "%s: too long", key);
    memcpy(out, text, strlen(text) + 1);
    return AN_OK;
}

static an_err read_features(genicam *g, const an_node *map, an_note *why)
{
    const size_t n = map ? an_node_count(map) : 0;
    if (n == 0)
        return AN_OK;
    if (n > AN_ARAVIS_FEATURES_MAX)
        return an_node_fail(map, why, "features: more than %d", AN_ARAVIS_FEATURES_MAX);
    g->texts = an_alloc(n, sizeof *g->texts);
    g->features = an_alloc(n, sizeof *g->features);
    if (!g->texts || !g->features)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *name = an_node_key(map, i), *value = NULL;
        const an_err err = an_node_text(an_node_value(map, i), &value, why);
        if (err)
            return err;
        if (!is_plain(name) || !is_plain(value))
            return an_node_fail(an_node_value(map, i), why,
                                "features: names and values are of letters, digits and _.+-");
        memcpy(g->texts[i][0], name, strlen(name) + 1);
        memcpy(g->texts[i][1], value, strlen(value) + 1);
        g->features[i] = (an_aravis_feature){g->texts[i][0], g->texts[i][1]};
    }
    g->conf.features = g->features;
    g->conf.n_features = n;
    return AN_OK;
}

static an_err read_numbers(genicam *g, const an_node *conf, an_note *why)
{
    int64_t packet_size = 0, buffers = 0;
    const an_node *region = an_node_get(conf, "region");
    an_err err;
    if ((err = an_option_real(genicam_options, conf, "exposure_us", &g->conf.exposure_us, why)) ||
        (err = an_option_real(genicam_options, conf, "gain", &g->conf.gain, why)) ||
        (err = an_option_real(genicam_options, conf, "frame_rate", &g->conf.frame_rate, why)) ||
        (err = an_option_int(genicam_options, conf, "period_ms", &g->period_ms, why)) ||
        (err = an_option_int(genicam_options, conf, "packet_size", &packet_size, why)) ||
        (err = an_option_bool(genicam_options, conf, "resend", &g->conf.resend, why)) ||
        (err = an_option_int(genicam_options, conf, "buffers", &buffers, why)))
        return err;
    g->conf.packet_size = (unsigned)packet_size;
    g->conf.buffers = (unsigned)buffers;
    return region ? an_picture_read_roi(g->conf.region, region, why) : AN_OK;
}

static an_err read_texts(genicam *g, const an_node *conf, an_note *why)
{
    char time[GENICAM_TEXT_MAX];
    an_err err;
    if ((err = read_text(conf, "device", g->device, why)) ||
        (err = read_text(conf, "pixel_format", g->pixel_format, why)) ||
        (err = read_text(conf, "trigger", g->trigger, why)) ||
        (err = read_text(conf, "chunk", g->chunk, why)) || (err = read_text(conf, "time", time, why)))
        return err;
    g->camera_time = strcmp(time, "camera") == 0;
    if (!g->camera_time && strcmp(time, "arrival") != 0)
        return an_node_fail(an_node_get(conf, "time"), why, "time: \"%s\": must be arrival or camera", time);
    g->software = strcmp(g->trigger, "software") == 0;
    if (g->software)
        snprintf(g->trigger, sizeof g->trigger, "Software"); /* as GenICam writes it */
    if (!is_plain(g->trigger))
        return an_node_fail(an_node_get(conf, "trigger"), why, "trigger: \"%s\" is no input", g->trigger);
    g->conf.device = g->device[0] ? g->device : NULL;
    g->conf.pixel_format = g->pixel_format[0] ? g->pixel_format : NULL;
    g->conf.trigger = strcmp(g->trigger, "free") != 0 ? g->trigger : NULL;
    return AN_OK;
}

an_err genicam_read(genicam *g, const an_node *conf, an_note *why)
{
    static const char *const counts[4] = {"frame", NULL, "chunk", "stamp"};
    an_err err;
    if ((err = read_texts(g, conf, why)) || (err = read_numbers(g, conf, why)) ||
        (err = read_features(g, an_node_get(conf, "features"), why)) ||
        (err = an_camera_read(&g->camera, genicam_options, counts, g->software, conf, why)))
        return err;
    const bool chunk = g->camera.count == AN_COUNT_CHUNK;
    if (chunk != (g->chunk[0] != '\0'))
        return an_node_fail(an_node_get(conf, "chunk"), why, "count: chunk and chunk: NAME need each other");
    g->conf.chunk = chunk ? g->chunk : NULL;
    return AN_OK;
}

void genicam_done(genicam *g)
{
    an_free(g->texts);
    an_free(g->features);
}

const char *genicam_name(const genicam *g)
{
    return g->device[0] ? g->device : "camera";
}

/* ---- browsing ---- */

typedef struct listener {
    an_source_seen say;
    void *ctx;
} listener;

static void pass_on(void *ctx, const char *tag, const char *kind, const char *unit, double value)
{
    const listener *l = ctx;
    const an_source_find find = {tag, unit, kind, value, an_clock_system()->wall_ms(an_clock_system())};
    l->say(l->ctx, &find);
}

/* Of one camera its features, else the cameras; how long that takes the library says. */
an_err genicam_browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why)
{
    const char *device = NULL;
    listener l = {say, ctx};
    (void)for_ms;
    const an_err err = an_option_text(genicam_options, conf, "device", &device, why);
    if (err)
        return err;
    if (device[0])
        return an_aravis_features(device, pass_on, &l, why);
    an_aravis_list(pass_on, &l);
    return AN_OK;
}
