/* picture.h - what the sources of images share: an image is a window of its rows (docs/adr/0037).
 *
 *     image -> roi -> resize -> colour -> height rows of (width * channels) values 0..1
 *                                |
 *                                +-> focus, exposure, dirt
 *
 *     static const an_option options[] = {..., AN_PICTURE_OPTIONS("0", "auto"), {NULL ...}};
 *     err = an_picture_read(&p, options, conf, &why);
 *     err = an_picture_shape(&p, &image, &why);
 *     err = an_picture_judge(&p, &image, &quality);
 *     an_picture_row(&p, &image, quality, y, &batch);
 *
 * Threads: read, judge and row belong to one; shape only reads, once width, height and channels are set. */
#ifndef AN_AGENT_SOURCES_PICTURE_H
#define AN_AGENT_SOURCES_PICTURE_H

#include "agent/options.h"
#include "agent/source.h"
#include "models/data/image_quality.h"
#include "models/data/image_shape.h"
#include "models/prep.h"

/* size: default of width and height, NULL: they must be given. */
#define AN_PICTURE_OPTIONS(size, colour)                                                                     \
    {"roi", AN_OPTION_MAP,                                                                                   \
     0,     0,                                                                                               \
     "",    "the part that counts, in pixels: {x: 0, y: 0, width: 640, height: 480}"},                       \
        {"width", AN_OPTION_INT,                                                                             \
         0,       AN_PREP_FEATURES_MAX,                                                                      \
         size,    "pixels that a model takes; 0: as the first image has"},                                   \
        {"height", AN_OPTION_INT, 0, AN_PREP_WINDOW_MAX, size, "the same; a line's window is as many rows"}, \
        {"colour", AN_OPTION_TEXT, 0, 0, colour, "grey, rgb, or auto: as the first image is"},               \
        {"focus_min", AN_OPTION_REAL,                                                                        \
         0,           1e6,                                                                                   \
         "0",         "less is out of focus, its values are bad; 0: not looked at"},                         \
        {"clipped_max",                                                                                      \
         AN_OPTION_REAL,                                                                                     \
         0,                                                                                                  \
         1,                                                                                                  \
         "0",                                                                                                \
         "a larger share of black and white pixels is badly lit; 0: not looked at"},                         \
    {                                                                                                        \
        "dirt_max", AN_OPTION_REAL, 0, 1, "0",                                                               \
            "a larger share of dark spots that stand still is dirt; 0: not looked at"                        \
    }

typedef struct an_picture {
    size_t roi[4];                           /* x, y, width, height; width 0: all of it */
    size_t width, height, channels;          /* 0: not known yet */
    double focus_min, clipped_max, dirt_max; /* 0: not looked at */
    an_image_dirt *dirt;
    char (*sensors)[24]; /* (width * channels) */
    uint64_t unfocused, clipped, dirty;
} an_picture;

/* p zeroed.  Errors: INVAL. */
an_err an_picture_read(an_picture *p, const an_option *rows, const an_node *map, an_note *why);
void an_picture_done(an_picture *p);

/* A rectangle in pixels: *ret as an_picture's roi.  Errors: INVAL. */
an_err an_picture_read_roi(size_t ret[static 4], const an_node *map, an_note *why);

/* Once the shape is known.  what names the source in errors.  Errors: LIMIT more than a model takes, NOMEM. */
an_err an_picture_name_sensors(an_picture *p, const char *what, an_note *why);
size_t an_picture_width(const an_picture *p); /* of a row */

an_source_frame an_picture_frame(const an_picture *p); /* for an_source_type.frame */
/* How large an image is after the cut; before it is shaped. */
an_row_image an_picture_came(const an_picture *p, const an_image *image);

/* In the shape that p has; what is not known of it yet is taken from this image.  Errors: INVAL, NOMEM. */
an_err an_picture_shape(an_picture *p, an_image *image, an_note *why);

/* A picture that says nothing of the part is CLIPPED, UNFOCUSED or DIRTY, and is counted.  Errors: INVAL, NOMEM. */
an_err an_picture_judge(an_picture *p, const an_image *image, uint8_t *ret_quality);

/* Row y of the image, as the next of the batch: values, quality, flags and label, and its size as if it came in this one.
 * NULL: an image that is missing.  Time, number and part, and what is known of the image as it came, are the caller's
 * to set; returns the row's place. */
size_t an_picture_row(const an_picture *p, const an_image *image, uint8_t quality, size_t y, an_batch *ret);

#endif
