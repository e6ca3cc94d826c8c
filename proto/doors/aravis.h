/* aravis.h - the door to aravis: cameras of GigE Vision and USB3 Vision, which describe themselves by GenICam.
 *
 *     const an_aravis_conf conf = {.device = "10.0.0.9", .trigger = "Line1", .buffers = 16};
 *     err = an_aravis_open(&conf, &a, &why);              connects, sets, starts
 *     while ((err = an_aravis_next(a, 100, &frame, &why)) == AN_OK || err == AN_ERR_AGAIN) ...
 *     an_aravis_close(a);
 *
 * A camera has one master.  When it no longer answers, or another one has taken it, next says IO and the camera is to be opened
 * anew.  A frame is whole or it says what is wrong with it: what is in its memory is then not to be used.
 *
 * A device whose name begins with Fake is aravis's own, in this process: nothing of it is on a wire.  Its serial number is that name.
 *
 * Only in builds with AN_ARAVIS.
 *
 * Threads: one for each an_aravis; it has further ones of the library's. */
#ifndef AN_DOORS_ARAVIS_H
#define AN_DOORS_ARAVIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_ARAVIS_FEATURES_MAX 64
#define AN_ARAVIS_BYTES_MAX ((size_t)64 << 20) /* of a frame */

typedef struct an_aravis_feature {
    const char *name, *value; /* a value as GenICam's texts have it: 4, 0.5, true, RisingEdge */
} an_aravis_feature;

typedef struct an_aravis_conf {
    const char *device;       /* id, serial number, address; NULL: the first that is found */
    const char *pixel_format; /* NULL: as the camera has it */
    const char *trigger;      /* NULL: none; Software, Line1 ... */
    const char *chunk;        /* CounterValue: comes with each frame as ChunkCounterValue; NULL: none */
    size_t region[4];         /* x, y, width, height; width 0: as the camera has it */
    double exposure_us;       /* these three: less than 0, as the camera has it */
    double gain;
    double frame_rate;
    unsigned packet_size; /* bytes of a packet, with its headers; 0: what gets through */
    bool resend;          /* ask for packets that are missing */
    unsigned buffers;
    const an_aravis_feature *features; /* (n_features) set in this order, after the others */
    size_t n_features;
} an_aravis_conf;

typedef struct an_aravis an_aravis;

/* Errors: IO it is not there, has another master, or refuses what is asked (the note says which); LIMIT its frames are too large;
 * NOMEM. */
an_err an_aravis_open(const an_aravis_conf *conf, an_aravis **ret, an_note *why);
void an_aravis_close(an_aravis *a); /* NULL is fine */

/* With the trigger Software.  Errors: IO. */
an_err an_aravis_trigger(an_aravis *a, an_note *why);

typedef struct an_aravis_frame {
    const char
        *damaged;      /* what is wrong with it: of the following only the times are set; NULL: it is whole */
    const void *bytes; /* until the next call */
    size_t len;
    uint32_t format;               /* PFNC */
    size_t width, height, padding; /* padding: bytes behind each row */
    bool counted;                  /* chunk is the chunk's value */
    uint64_t chunk;

    uint64_t id;
    unsigned id_bits;
    int64_t arrived_ms, taken_ms; /* by this machine's clock, by the camera's; since 1970 */
} an_aravis_frame;

/* Errors: AGAIN none in time, IO the camera is lost. */
an_err an_aravis_next(an_aravis *a, int64_t timeout_ms, an_aravis_frame *ret, an_note *why);

typedef struct an_aravis_stats {
    uint64_t underruns; /* frames for which there was no memory free */
    uint64_t resent;    /* packets that came at the second asking */
    uint64_t missing;   /* packets that never came */
} an_aravis_stats;
an_aravis_stats an_aravis_stats_get(const an_aravis *a);

/* tag: an id or the name of a feature; kind: what it is; value NaN if it is no number. */
typedef void (*an_aravis_say)(void *ctx, const char *tag, const char *kind, const char *unit, double value);
/* Every camera that answers a call to all, which takes a second. */
void an_aravis_list(an_aravis_say say, void *ctx);
/* What of a camera is worth knowing.  Errors: as open. */
an_err an_aravis_features(const char *device, an_aravis_say say, void *ctx, an_note *why);

#endif
