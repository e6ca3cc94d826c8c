/* pnm.h - PGM and PPM images: "P5 640 480 255" and then the values, or as decimal text (P2, P3).
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_DATA_PNM_H
#define AN_MODELS_DATA_PNM_H

#include "models/data/image.h"

/* The first image of the bytes; what follows it is left alone.  On failure *ret is untouched.
 * Errors: PROTO another format, no size, cut short, a value above the largest; LIMIT; NOMEM. */
an_err an_pnm_parse(const void *bytes, size_t len, an_image *ret, an_note *why);

#endif
