/* camera_count.h - which part an image shows, and which parts have no image.
 *
 * A camera numbers its frames.  What it has sent and nobody got is missing between two numbers; so is a part whose image was lost.
 * An image is never given to the part of another one: where nothing says how many are missing, a new run begins, whose ids are
 * others.
 *
 *     an_frame_ids ids = {0};
 *     switch (an_frame_ids_next(&ids, id, 16, &missing)) ...
 *     switch (an_part_count_next(&parts, value, &missing)) ...     parts.n is the part of the image
 *     an_part_text(text, "P{n:6}", parts.n, run_ms);
 *
 * Threads: plain values. */
#ifndef AN_AGENT_SOURCES_CAMERA_COUNT_H
#define AN_AGENT_SOURCES_CAMERA_COUNT_H

#include "agent/source.h"

typedef enum an_count_is {
    AN_COUNT_FIRST,    /* nothing is known of what was before */
    AN_COUNT_NEXT,     /* *ret_missing numbers were left out */
    AN_COUNT_REPEATED, /* the one before, again */
    AN_COUNT_RESET     /* it went back: how many are missing nobody knows; this one is the first again */
} an_count_is;

/* Zeroed at the beginning, and when the camera counts anew. */
typedef struct an_frame_ids {
    bool begun;
    bool wide; /* more than 16 bits have been seen */
    bool
        zero; /* 0 has been seen: the numbers of GigE Vision go from 65535 to 1, those of some cameras to 0 */
    uint64_t last;
} an_frame_ids;

/* bits: 16 (GigE Vision, unless a number is larger), 32 (V4L2: 0 follows the largest) or 64. */
an_count_is an_frame_ids_next(an_frame_ids *f, uint64_t id, unsigned bits, uint64_t *ret_missing);

/* A count that grows with the parts themselves: triggers, pieces, steps of an encoder. */
typedef struct an_part_count {
    bool begun;
    uint64_t per_part; /* steps for each part, 0 is 1; the part is the nearest multiple */
    uint64_t n;        /* of the last image */
} an_part_count;

an_count_is an_part_count_next(an_part_count *c, uint64_t value, uint64_t *ret_missing);

/* A pattern of ids: {n} is the number, {n:6} with at least six digits, {run} the time of the run's beginning
 * (20260309T101433.250), anything else itself.  Errors: INVAL no {n}, another name in braces, too long. */
an_err an_part_pattern_check(const char *pattern, bool need_run, an_note *why);
void an_part_text(char out[static AN_PART_MAX], const char *pattern, uint64_t n, int64_t run_ms);

#endif
