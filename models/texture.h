/* texture.h - fixed features of a grey image that nobody has to train: the value, means around it at two widths, how far it is from
 * them, how much darker, and steps across and down; means over the pixels of a place.
 *
 *     an_texture_sums(x, height, width, sums);
 *     an_texture_at(x, sums, height, width, coarse, row, column, features);     of one place
 *     an_texture(x, height, width, coarse, sums, features);                     or of all
 *
 * A place is `coarse` pixels along a side, less at the right and the lower edge.  An image with a NAN has one in the
 * first feature of that place at least.
 *
 * Threads: pure functions; nothing allocates. */
#ifndef AN_MODELS_TEXTURE_H
#define AN_MODELS_TEXTURE_H

#include <stddef.h>

#define AN_TEXTURE 8u

/* x: (height, width), in pixels.  ret: (height + 1, width + 1), sums of all that is above and to the left. */
void an_texture_sums(const float *x, size_t height, size_t width, double *ret);

/* sums: of x. */
void an_texture_at(const float *x, const double *sums, size_t height, size_t width, size_t coarse, size_t row,
                   size_t column, float ret[static AN_TEXTURE]);

/* sums: scratch (height + 1, width + 1).  ret: (height / coarse, width / coarse, AN_TEXTURE), both rounded up. */
void an_texture(const float *x, size_t height, size_t width, size_t coarse, double *sums, float *ret);

#endif
