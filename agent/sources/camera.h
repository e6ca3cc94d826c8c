/* camera.h - what the sources of cameras share: frames, brought by the thread of a device, made into rows.
 *
 *     device's thread:  frame -> pixels -> shape -> ring --\
 *     line's thread:                                        +-> which part? -> gaps -> judge -> rows
 *
 * The ring holds a few images.  When it is full the driver leaves frames where they are; what its library or the kernel then
 * drops shows in the numbers of the frames, as does what was lost on the wire.  All counting is done on the line's thread, in the
 * order in which frames came.
 *
 * A part whose image is missing is said: as an image of values that were not reached, with its id, at its place.
 *
 * What counts the parts:
 *
 *     frame      the numbers of the frames; a new run begins whenever the camera is reached anew, as nobody knows how many parts
 *                went by meanwhile: ids must have {run}
 *     trigger    the driver triggers itself and says which trigger a frame is of; a run is as long as the source is open
 *     chunk      a counter that comes with the frame (of triggers, of an encoder): gaps are known over breaks and restarts
 *     stamp      the same, written by the camera into the first pixels
 *
 * Threads: has_room, connected and take belong to the device's; open, next, save, restore and close to the line's; counters and devices
 * to the line's. */
#ifndef AN_AGENT_SOURCES_CAMERA_H
#define AN_AGENT_SOURCES_CAMERA_H

#include <pthread.h>

#include "agent/device.h"
#include "agent/sources/camera_count.h"
#include "agent/sources/picture.h"
#include "models/data/pixels.h"

#define AN_CAMERA_QUEUE_MAX 1024
#define AN_CAMERA_GAP_MAX 100000
#define AN_CAMERA_STAMP_MAX 8 /* bytes */

#define AN_CAMERA_OPTIONS(counts)                                                                            \
    {"part", AN_OPTION_TEXT,                                                                                 \
     0,      0,                                                                                              \
     "",     "ids of parts: {n} the number, {n:6} with six digits, {run} of the run"},                       \
        {"count", AN_OPTION_TEXT, 0, 0, "frame", "what counts the parts: " counts},                          \
        {"stamp", AN_OPTION_MAP,                                                                             \
         0,       0,                                                                                         \
         "",      "where the count stands in a frame: {at: 0, bytes: 4, order: big}"},                       \
        {"per_part", AN_OPTION_INT, 1, 1e9, "1", "counts for each part: steps of an encoder"},               \
        {"gap_max", AN_OPTION_INT,                                                                           \
         0,         AN_CAMERA_GAP_MAX,                                                                       \
         "100",     "missing parts that are said one by one; of more only the last ones"},                   \
        {"queue", AN_OPTION_INT, 1, AN_CAMERA_QUEUE_MAX, "8", "images that may wait for a line"},            \
        {"frame_timeout_ms",                                                                                 \
         AN_OPTION_INT,                                                                                      \
         0,                                                                                                  \
         86400000,                                                                                           \
         "0",                                                                                                \
         "without a frame for so long the camera is connected anew; 0: it may rest"},                        \
    {                                                                                                        \
        "retry_max_ms", AN_OPTION_INT, 100, 3600000, "5000",                                                 \
            "the longest pause before a lost camera is asked again"                                          \
    }

typedef enum an_count_kind { AN_COUNT_FRAME, AN_COUNT_TRIGGER, AN_COUNT_CHUNK, AN_COUNT_STAMP } an_count_kind;

/* What a driver hands over, borrowed for the call. */
typedef struct an_camera_frame {
    const char *damaged; /* what is wrong with it; NULL: it is whole */
    an_pixels pixels;
    const void *bytes;
    size_t len;
    uint64_t id; /* as the camera counts frames; not of one that is damaged */
    unsigned id_bits;
    bool counted; /* value is that of the chunk, or of the trigger */
    uint64_t value;
    int64_t time_ms;
} an_camera_frame;

typedef struct an_camera_item {
    an_image image; /* values NULL: there is none */
    an_row_image came;
    uint64_t id, value;
    unsigned id_bits;
    bool counted, damaged;
    int64_t time_ms, run_ms;
    char why[160]; /* of an image that there is none of */
} an_camera_item;

enum {
    AN_CAMERA_IMAGES,
    AN_CAMERA_FRAMES_LOST,   /* by their numbers, those that came damaged among them */
    AN_CAMERA_DAMAGED,       /* packets of them are missing, or they came too late */
    AN_CAMERA_PARTS_MISSING, /* without an image */
    AN_CAMERA_PARTS_UNSAID,  /* of those beyond gap_max */
    AN_CAMERA_REPEATED,      /* images of a part that has one */
    AN_CAMERA_UNCOUNTED,     /* images without the count that they should have: passed over */
    AN_CAMERA_RUNS,
    AN_CAMERA_RESETS, /* a count that went back */
    AN_CAMERA_COUNTERS
};

typedef struct an_camera {
    an_picture picture;
    an_count_kind count;
    char part[AN_PART_MAX]; /* pattern; "": no ids */
    size_t stamp_at, stamp_bytes;
    bool stamp_little;
    uint64_t gap_max;
    int64_t frame_timeout_ms, retry_max_ms;
    size_t queue;

    an_device *device;
    int64_t run_begin_ms; /* the device's thread */

    pthread_mutex_t lock; /* guards items, head and n */
    bool lock_made;
    int event_fd;          /* readable when there is something in the ring; -1: none */
    an_camera_item *items; /* (queue) */
    size_t head, n;

    /* The line's. */
    an_frame_ids ids;
    an_part_count parts;
    int64_t run_ms, seen_run_ms; /* the run of ids, and of the connection */
    bool run_begun;
    an_camera_item now;
    uint8_t quality;
    uint64_t gap_left, gap_n; /* parts that are still to be said, the next of them */
    size_t y;                 /* the next row of the image or gap */
    uint64_t row;
    uint64_t given_n; /* the last part that was given out to its end */
    bool given;
    uint64_t counters[AN_CAMERA_COUNTERS];
    uint64_t bad;
    char bad_text[160];
} an_camera;

/* Reads the options above; c zeroed.  A list of what `count` may be, in the order of the enum, NULL where it may not; triggered: the
 * driver triggers itself.  Errors: INVAL. */
an_err an_camera_read(an_camera *c, const an_option *rows, const char *const counts[static 4], bool triggered,
                      const an_node *conf, an_note *why);

/* Errors: LIMIT, NOMEM, IO no descriptor. */
an_err an_camera_open(an_camera *c, const an_device_type *type, void *driver, const char *name, an_note *why);
void an_camera_close(an_camera *c); /* ends the device's thread first; half-opened is fine */

bool an_camera_has_room(an_camera *c);
void an_camera_connected(an_camera *c); /* what comes now does not continue what was before */
/* Errors: NOMEM. */
an_err an_camera_take(an_camera *c, const an_camera_frame *f);

/* As the functions of an_source_type. */
an_err an_camera_next(an_camera *c, an_batch *ret, int64_t *ret_wait_ms);
void an_camera_save(const an_camera *c, an_buf *ret);
an_err an_camera_restore(an_camera *c, an_reader *in, an_note *why);
size_t an_camera_counters(const an_camera *c, an_source_counter *ret);
size_t an_camera_devices(const an_camera *c, const char *name, an_source_device *ret);
uint64_t an_camera_bad(const an_camera *c, const char **ret_last);

#endif
