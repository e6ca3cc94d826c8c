/* Frames in any order, with any number and count, whole, damaged and cut, from a camera that comes back, to a line that is slow: ids of
 * parts come in order, each once within its run; images and parts without one are what the counters say. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sources/camera.h"
#include "doors/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const an_option options[] = {
    AN_CAMERA_OPTIONS("any"), AN_PICTURE_OPTIONS("2", "grey"), {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL}};
static const char *const counts[4] = {"frame", "trigger", "chunk", "stamp"};

static an_err nothing(void *ctx, an_note *why)
{
    (void)ctx;
    (void)why;
    return AN_OK;
}

static an_err rest(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    *ret_wait_ms = 3600000;
    return nothing(ctx, why);
}

static void leave(void *ctx)
{
    (void)ctx;
}

static const an_device_type driver = {.connect = nothing, .turn = rest, .disconnect = leave};

typedef struct seen {
    char run[AN_PART_MAX];
    uint64_t last, images, gaps;
} seen;

static void look(seen *s, const an_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const char *slash = strchr(b->part[i], '/');
        if (!(b->flags[i] & AN_ROW_RESTART))
            continue;
        if (!slash)
            abort();
        const uint64_t n = strtoull(slash + 1, NULL, 10);
        const size_t len = (size_t)(slash - b->part[i]) + 1;
        const bool same = strncmp(s->run, b->part[i], len) == 0;
        if (same && n <= s->last)
            abort();
        memcpy(s->run, b->part[i], len);
        s->last = n;
        if (b->quality[i * b->width] == AN_VALUE_UNREACHED)
            s->gaps++;
        else
            s->images++;
    }
}

static void drain(an_camera *c, seen *s, an_batch *b, size_t batches)
{
    int64_t wait_ms;
    for (size_t i = 0; i < batches; i++) {
        b->n = 0;
        memset(b->part, 0, b->cap * sizeof *b->part);
        if (an_camera_next(c, b, &wait_ms) != AN_OK)
            return;
        look(s, b);
    }
}

/* Nine bytes each: what happens, the number, the count. */
static void play(an_camera *c, const uint8_t *data, size_t size, seen *s, an_batch *b)
{
    for (; size >= 9; data += 9, size -= 9) {
        uint64_t value = 0;
        memcpy(&value, data + 3, data[0] & 1 ? 6 : 1);
        const an_camera_frame f = {
            .damaged = data[0] & 2 ? "damaged" : NULL,
            .pixels = {AN_PIXELS_GREY8, 2, 2, 0},
            .bytes = data,
            .len = data[0] & 4 ? 3 : 9,
            .id = (uint64_t)data[1] | (uint64_t)data[2] << 8,
            .id_bits = 16,
            .counted = (data[0] & 8) == 0,
            .value = value,
            .time_ms = 1000000000,
        };
        if ((data[0] & 0x30) == 0x30)
            an_camera_connected(c);
        if (an_camera_take(c, &f) != AN_OK)
            abort();
        drain(c, s, b, data[0] >> 6);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256];
    an_camera c = {.gap_max = 0};
    an_yaml *doc = NULL;
    an_batch b;
    seen s = {.last = 0};
    if (size < 1 || an_batch_init(&b, 2, 5) != AN_OK)
        return 0;
    snprintf(text, sizeof text,
             "{count: %s, part: '{run}/{n}', gap_max: %d, queue: %d, width: 2, height: 2, clipped_max: 0.9}",
             counts[data[0] & 3], data[0] >> 2 & 7, 1 + (data[0] >> 5));
    if (an_yaml_parse(text, strlen(text), "fuzz", &doc, NULL) != AN_OK ||
        an_camera_read(&c, options, counts, false, an_yaml_root(doc), NULL) != AN_OK ||
        an_camera_open(&c, &driver, NULL, "cam", NULL) != AN_OK)
        abort();
    an_camera_connected(&c);
    play(&c, data + 1, size - 1, &s, &b);
    drain(&c, &s, &b, SIZE_MAX);
    if (s.images != c.counters[AN_CAMERA_IMAGES] ||
        s.gaps != c.counters[AN_CAMERA_PARTS_MISSING] - c.counters[AN_CAMERA_PARTS_UNSAID])
        abort();
    an_camera_close(&c);
    an_batch_done(&b);
    an_yaml_free(doc);
    return 0;
}
