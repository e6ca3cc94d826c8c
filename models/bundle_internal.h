/* bundle_internal.h - what bundle and overlay share: the frame of sections, and their common
 * parts.
 *
 *     magic (8) | format u32 | sections u32 | { tag u32, length u64 } per section | bodies
 *
 * Tags, their number and their order are fixed by the format; bodies follow each other without
 * gaps, and nothing follows the last. */
#ifndef AN_MODELS_BUNDLE_INTERNAL_H
#define AN_MODELS_BUNDLE_INTERNAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "models/bundle.h"

#define AN_SECTIONS_MAX 8

typedef struct an_frame {
    const char *magic; /* 8 chars */
    uint32_t format;
    uint32_t n;
    const char *tags[AN_SECTIONS_MAX]; /* 4 chars each */
} an_frame;

/* Writes the frame with lengths 0 and returns where it begins. */
size_t an_frame_begin(const an_frame *f, an_buf *out);
/* Section i reaches from `from` to the end of out. */
void an_frame_set(size_t base, uint32_t i, size_t from, an_buf *out);
/* One reader per section.  Errors: PROTO, UNSUPPORTED a later format. */
an_err an_frame_open(const an_frame *f, const void *bytes, size_t len, an_reader *ret_sections, an_note *why);

void an_put_text(an_buf *out, const char *text);         /* length u8, bytes */
bool an_take_text(an_reader *r, char *out, size_t size); /* False: too long or not text */
void an_put_floats(an_buf *out, const float *v, size_t n);
/* n floats, finite; n is checked against what is left before memory is taken. */
an_err an_take_floats(an_reader *r, size_t n, float **ret, an_note *why);
void an_put_hash(an_buf *out, const an_hash *h);
void an_take_hash(an_reader *r, an_hash *ret);

void an_put_prep(an_buf *out, const an_prep *p);
an_err an_take_prep(an_reader *r, an_prep *ret, an_note *why); /* takes all that is left */
void an_put_detector(an_buf *out, const an_detector *d);
an_err an_take_detector(an_reader *r, an_detector **ret, an_note *why); /* takes all that is left */

an_err an_schema_check(const an_schema *s, an_note *why);
an_err an_prep_check(const an_prep *p, an_note *why); /* INVAL, NUMERIC */
bool an_text_is_clean(const char *text);              /* UTF-8 without control characters */

#endif
