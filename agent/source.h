/* source.h - where rows come from: one table row per kind of source (sources.def).
 *
 * A source yields rows of floats, each with its time, its running number and, where they are
 * known, the quality of each value, the part it belongs to, and a label.  The an_source object owns
 * the variant's state, keeps the pace if `speed` is set, and counts.  Nothing here waits: when
 * there is no row yet, next says AGAIN and when to ask again; a source that is told of its rows
 * (a broker, a camera) has a descriptor that becomes readable then.
 *
 *     an_source *src = NULL;
 *     err = an_source_open("csv", conf, an_clock_system(), &src, &why);
 *     err = an_batch_init(&batch, an_source_width(src), 64);
 *     while ((err = an_source_next(src, &batch, &wait_ms, &why)) == AN_OK)
 *         for (size_t i = 0; i < batch.n; i++)
 *             use(batch.values + i * batch.width);
 *     AN_ERR_AGAIN: poll again in wait_ms; AN_ERR_NOTFOUND: the source has ended.
 *
 * Threads: one thread per an_source.  The table is immutable. */
#ifndef AN_AGENT_SOURCE_H
#define AN_AGENT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/options.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

#define AN_SOURCE_WIDTH_MAX 4096 /* sensors of one source */
#define AN_SOURCE_NAME_MAX 64    /* bytes of a sensor's or event's name, with its terminator */
#define AN_PART_MAX 64           /* bytes of a part's id, with its terminator */
#define AN_SOURCE_COUNTERS_MAX 32

enum {
    AN_ROW_TIME_MADE = 1u, /* the source had no time: counted from its start and step */
    AN_ROW_HAS_GAP = 2u,   /* at least one value is missing (NaN) */
    AN_ROW_RESTART = 4u,   /* not the continuation of the row before: windows start anew */
    AN_ROW_SKEWED = 8u     /* its time is further from this machine's clock than `skew` allows */
};

/* What the source says of a value.  Only GOOD and UNCERTAIN ones are values; with the others it is NaN. */
typedef enum an_value_quality {
    AN_VALUE_GOOD,
    AN_VALUE_UNCERTAIN, /* the device doubts it */
    AN_VALUE_BAD,       /* the device says that it is wrong, or it cannot be read as a number */
    AN_VALUE_STALE,     /* nothing new for longer than the source allows */
    AN_VALUE_UNREACHED, /* its device cannot be reached */
    AN_VALUE_UNFOCUSED, /* a picture that says nothing of the part: out of focus */
    AN_VALUE_CLIPPED,   /* ... too dark or too bright */
    AN_VALUE_DIRTY      /* ... taken through dirt */
} an_value_quality;
const char *an_value_quality_name(uint8_t quality); /* "good" ... */

enum { AN_LABEL_UNKNOWN = -1, AN_LABEL_NORMAL = 0, AN_LABEL_FAULT = 1 };

#define AN_SOURCE_IMAGE_MAX 128 /* bytes of an image's name, with its terminator */
/* Of a source of images (docs/adr/0037): what its rows make together ... */
typedef struct an_source_frame {
    size_t rows; /* of an image; 0: rows are a stream */
    size_t width, channels;
} an_source_frame;
/* ... and the image that a row belongs to, as it came, after the cut: places in it are said in its pixels. */
typedef struct an_row_image {
    uint32_t width, height;
    char name[AN_SOURCE_IMAGE_MAX]; /* cut if it is longer */
} an_row_image;

/* Rows as they came.  The owner sets the memory up once; next refills it. */
typedef struct an_batch {
    size_t width;              /* sensors */
    size_t cap;                /* rows that fit */
    size_t n;                  /* rows that are there */
    float *values;             /* (cap, width), in the source's units; NaN = missing */
    int64_t *time_ms;          /* (cap) since 1970 UTC */
    uint64_t *row;             /* (cap) number of the row in the source, from 0 */
    uint8_t *flags;            /* (cap) AN_ROW_* */
    int8_t *label;             /* (cap) AN_LABEL_*; for tests and reports, never for training */
    uint8_t *quality;          /* (cap, width) an_value_quality; GOOD where the source says nothing */
    char (*part)[AN_PART_MAX]; /* (cap) id of the part, UTF-8; "" if the row belongs to none */
    an_row_image *image;       /* (cap) of a source of images, set by it; else not looked at */
} an_batch;

/* Errors: INVAL a zero size, NOMEM. */
an_err an_batch_init(an_batch *b, size_t width, size_t cap);
void an_batch_done(an_batch *b);

typedef an_option an_source_option; /* one configuration key of a source */

/* One figure of a source beyond rows and bad records: reconnects, polls that failed, frames lost ... */
typedef struct an_source_counter {
    const char *name; /* a constant text: letters and '_' */
    uint64_t value;
} an_source_counter;

/* One thing that browsing has found: as the source's configuration would name it. */
typedef struct an_source_find {
    const char *tag;  /* address or name at the device */
    const char *unit; /* "" if unknown */
    const char *kind; /* what it holds: "float", "boolean" ..., or why it cannot be read */
    double value;     /* now; NaN if it is not a number */
    int64_t time_ms;  /* the device's, or when it was read */
} an_source_find;
typedef void (*an_source_seen)(void *ctx, const an_source_find *find);

#define AN_SOURCE_DEVICES_MAX 64
/* One device of a live source, now. */
typedef struct an_source_device {
    char name[128];
    bool reached;
    char error[160]; /* why not, or what went wrong last; "" if nothing */
} an_source_device;

/* The variant's side.  state is zeroed memory of state_size bytes. */
typedef struct an_source_type {
    const char *name;
    const char *meaning;
    const an_source_option *options; /* ends with a row whose key is NULL */
    size_t state_size;

    /* What the table of options cannot say, of a configuration alone: lists above all.  NULL: nothing.
     * Errors: INVAL, NOMEM. */
    an_err (*check)(const an_node *conf, an_note *why);

    /* Keys and bounds have been checked.  Errors: INVAL, NOTFOUND, IO, PROTO, NOMEM. */
    an_err (*open)(void *state, const an_node *conf, an_note *why);
    size_t (*width)(const void *state);
    const char *(*sensor)(const void *state, size_t i); /* name, borrowed */
    const char *(*unit)(const void *state, size_t i);   /* "" if unknown */

    /* Of a source of images, after open; NULL: rows are a stream. */
    an_source_frame (*frame)(const void *state);

    /* Fills ret from 0 to at most its cap rows and sets ret->n; OK means n > 0.  quality and part come
     * in as GOOD and "".  Errors: AGAIN nothing yet (sets *ret_wait_ms), NOTFOUND no row will ever follow, IO,
     * NOMEM. */
    an_err (*next)(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why);

    /* Position after the last row that next gave out.  restore is called after open. */
    an_err (*save)(const void *state, an_buf *ret);
    an_err (*restore)(void *state, an_reader *in, an_note *why);

    /* Bad records so far and what was wrong with the last; NULL: the source has none. */
    uint64_t (*bad)(const void *state, const char **ret_last);
    /* Fills at most AN_SOURCE_COUNTERS_MAX and returns how many; NULL: there are none. */
    size_t (*counters)(const void *state, an_source_counter *ret);
    /* Fills at most AN_SOURCE_DEVICES_MAX and returns how many; NULL: it has none. */
    size_t (*devices)(const void *state, an_source_device *ret);
    /* Readable when next should be asked again before its wait is over; drained by next.  -1: none.
     * NULL: none ever.  May change at each next. */
    int (*fd)(const void *state);
    /* It reads a device, now: open succeeds whether or not that can be reached, next says AGAIN or gives
     * rows of UNREACHED values until it can, and its times can be held against the clock. */
    bool live;
    bool
        again; /* a live one that says what it has said before, if it is taken back to a position: a database */
    /* Do its rows come at the line's own pace?  NULL: if it is live. */
    bool (*paced)(const void *state);
    /* Asks the device for at most for_ms what there is to read, with what conf says of how to reach it (its
     * list of tags may be missing), and says each.  NULL: the sensors are all there is.
     * Errors: INVAL, IO it cannot be reached, NOMEM. */
    an_err (*browse)(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why);
    void (*close)(void *state); /* half-opened state is fine */
} an_source_type;

const an_source_type *an_source_type_find(const char *name); /* NULL: no such source */
/* Fails, and names the sources that this build has. */
an_err an_source_unknown(const char *name, an_note *why);
const an_source_type *an_source_type_at(size_t i); /* NULL past the end */
/* The options that every source understands; ends with a row whose key is NULL. */
const an_source_option *an_source_common_get(void);

typedef struct an_source an_source;

/* From now on sources are opened to be looked at, beside an agent that may run: they take nothing from it, no client's id
 * and no session.  Before any is opened, and for the rest of the process. */
void an_source_look_only(void);
bool an_source_looks_only(void);

/* Is every option known, of its kind and in bounds, and is each there that must be?  Opens
 * nothing. Errors: NOTFOUND no such type, INVAL, NOMEM. */
an_err an_source_check(const char *type, const an_node *conf, an_note *why);

/* conf is the mapping with the source's options (`type`, `speed` and `name` are understood for
 * all). Both are borrowed for the call; clock for the source's life. Errors: NOTFOUND no such
 * type or file, INVAL an option, and those of the variant's open. */
an_err an_source_open(const char *type, const an_node *conf, const an_clock *clock, an_source **ret,
                      an_note *why);
void an_source_close(an_source *s);
/* A source of a type that no configuration names.  state: type->state_size bytes, copied; what it holds belongs to the source
 * if the call succeeds, and goes by the type's close.  Errors: NOMEM. */
an_err an_source_of(const an_source_type *type, const void *state, const an_clock *clock, an_source **ret);

const an_source_type *an_source_type_get(const an_source *s);
size_t an_source_width(const an_source *s);
const char *an_source_sensor(const an_source *s, size_t i);
const char *an_source_unit(const an_source *s, size_t i);
an_source_frame an_source_frame_get(const an_source *s); /* rows 0: it gives no images */

/* As the variant's next, kept to `speed` rows a second (0 = as fast as it goes). */
an_err an_source_next(an_source *s, an_batch *ret, int64_t *ret_wait_ms, an_note *why);

/* Appends the position to ret: after a restart, open with the same options and restore
 * continues with the row after the last one given out.  Errors: NOMEM, LIMIT. */
an_err an_source_save(const an_source *s, an_buf *ret);
/* Errors: PROTO not a position of this source, NOTFOUND the place is gone (file replaced). */
an_err an_source_restore(an_source *s, an_reader *in, an_note *why);
/* Reads on to what the type itself has saved.  Errors: PROTO not a position of this type. */
an_err an_source_position_is(const an_source_type *type, an_reader *in, an_note *why);

/* Rows come at the line's own pace (a live source, or `speed`): a full batch says that some wait. */
bool an_source_is_paced(const an_source *s);
size_t an_source_devices(const an_source *s, an_source_device *ret); /* see an_source_type.devices; 0: none */

/* See an_source_type.fd. */
int an_source_fd(const an_source *s);

typedef struct an_source_stats {
    uint64_t rows;        /* given out */
    uint64_t bad;         /* records dropped because they could not be read */
    uint64_t backwards;   /* rows whose time was before that of the row before them */
    uint64_t skewed;      /* rows with AN_ROW_SKEWED */
    const char *bad_last; /* what was wrong with the last one, borrowed; "" if none */
    int64_t last_time_ms;
    size_t n_counters; /* the variant's own */
    an_source_counter counters[AN_SOURCE_COUNTERS_MAX];
} an_source_stats;
an_source_stats an_source_stats_get(const an_source *s);

#endif
