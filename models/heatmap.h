/* heatmap.h - where in an image something is unusual: residuals -> a smooth map -> boxes.
 *
 *     an_heatmap_residual(x, y, NULL, height, width, channels, map);
 *     an_heatmap_smooth(map, height, width, 2.0, scratch);
 *     n = an_heatmap_boxes(map, height, width, threshold, 4, boxes, 8, labels);
 *
 * A map is (height, width), larger where it is less normal.  The threshold of its pixels is set like that of scores
 * (threshold.h), from what smooth maps of normal images come to: of the highest pixel of each, so that it is a rate of
 * images.
 *
 * Threads: pure functions; nothing allocates. */
#ifndef AN_MODELS_HEATMAP_H
#define AN_MODELS_HEATMAP_H

#include <stddef.h>
#include <stdint.h>

#define AN_HEATMAP_SIGMA_MAX 64 /* pixels */

typedef struct an_heatmap_box {
    size_t x0, y0, x1, y1; /* both ends within */
    size_t area;           /* pixels above the threshold */
    double peak;           /* the highest of them, and where: the first one */
    size_t peak_x, peak_y;
    double mean;
} an_heatmap_box;

/* x: an image, y: what a model made of it, both (height, width, channels).  usual: (height, width) or NULL: the mean
 * square residual of normal images there.  map: the mean square over channels, in units of the usual. */
void an_heatmap_residual(const float *x, const float *y, const float *usual, size_t height, size_t width,
                         size_t channels, float *map);

/* Adds the mean square residual of one normal image to sum (height, width), for `usual`: divide by their number. */
void an_heatmap_learn(const float *x, const float *y, size_t height, size_t width, size_t channels,
                      double *sum);

/* Gaussian of standard deviation sigma (0: nothing) as far as 4 sigma; at the edges of what there is.  scratch: (height,
 * width). */
void an_heatmap_smooth(float *map, size_t height, size_t width, double sigma, float *scratch);

/* The highest pixel; NAN if one is not finite. */
float an_heatmap_peak(const float *map, size_t height, size_t width);

/* Pixels above the threshold that touch (at corners too) are a box; those of fewer than `least` pixels are left out.
 * boxes: at most `most`, the highest peaks first, ties from the top left.  Returns how many there are in all, which may
 * be more.  labels: (2 * height * width) for its use. */
size_t an_heatmap_boxes(const float *map, size_t height, size_t width, double threshold, size_t least,
                        an_heatmap_box *boxes, size_t most, uint32_t *labels);

#endif
