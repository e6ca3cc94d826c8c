/* reason.h - why an alarm was raised, for people: as figures, and as a sentence made of them by templates.
 *
 *     an_reason reason;                         filled by the pipeline (pipeline.h, an_spoken)
 *     an_reason_text(text, &reason, names, units);
 *
 *     Bearing temperature 71.3 °C, 4.2 σ above what the other sensors suggest (62.9 °C), since 10:32:05 UTC (92 % of the
 *     score); nearest normal window 10:02:00 UTC.
 *
 *     Scratch-like deviation at upper left, 24 x 10 px, 5.1 times what is usual there; nearest normal image 10:02:00 UTC.
 *
 * Threads: plain data and pure functions. */
#ifndef AN_AGENT_REASON_H
#define AN_AGENT_REASON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AN_REASON_PARTS 3
#define AN_REASON_BOXES 4
#define AN_REASON_STEPS 16
#define AN_REASON_TEXT 320        /* bytes of a sentence with its end */
#define AN_REASON_SIGMA 3.0       /* so far from what is expected, and a sensor counts as off */
#define AN_REASON_SIGMA_MOST 99.0 /* further than this is said as "more than" */

typedef struct an_reason_part {
    uint32_t sensor;
    double share;                  /* of the score */
    double value;                  /* in the last row, in the sensor's unit */
    double expected;               /* by the other sensors; NAN: unknown */
    double sigma;                  /* value - expected in usual distances, signed; 0: unknown */
    double scale;                  /* standard deviation of normal operation: how exact figures need to be */
    int64_t since_ms;              /* it is off without a break since this row */
    double steps[AN_REASON_STEPS]; /* its part of each step of the window, oldest first, together 1 */
} an_reason_part;

/* A place in an image that is not as it should be, in pixels of the image as it came, after the cut. */
typedef struct an_reason_box {
    uint32_t x, y, width, height;
    double peak; /* 1: few normal images come to it */
} an_reason_box;

typedef struct an_reason {
    size_t n; /* parts; the largest share first */
    an_reason_part parts[AN_REASON_PARTS];
    size_t n_steps;  /* of `steps`: the window's rows, or 16 equal stretches of them */
    int64_t time_ms; /* of the row that it is about */
    double score;    /* in thresholds */
    bool has_near;   /* the normal window that is nearest */
    int64_t near_ms;
    double near_distance; /* root mean square, in standard deviations */

    bool of_image;                      /* then there are boxes in place of parts */
    uint32_t image_width, image_height; /* as it came, after the cut */
    size_t n_boxes;                     /* the highest peak first */
    an_reason_box boxes[AN_REASON_BOXES];
} an_reason;

/* Where in its image a box is and what it looks like: "upper left", "Scratch-like deviation". */
const char *an_reason_place(const an_reason_box *b, uint32_t image_width, uint32_t image_height);
const char *an_reason_shape(const an_reason_box *b, uint32_t image_width, uint32_t image_height);

/* One sentence, whole UTF-8, cut at a character if names are too long.  names, units: (width); units or a unit may be NULL
 * or "". */
void an_reason_text(char ret[static AN_REASON_TEXT], const an_reason *r, const char *const *names,
                    const char *const *units);

/* A number as exact as `scale` makes sense of: a tenth of it is the last digit.  At most 23 bytes with the end. */
void an_reason_number(char ret[static 24], double value, double scale);

#endif
