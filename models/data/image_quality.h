/* image_quality.h - is the camera to be believed?  Focus, exposure, dirt: a bad picture is no bad part.
 *
 *     double focus = an_image_focus(&image);             held to what the camera gives when it is sharp
 *     double clipped = an_image_clipped(&image);         share of pixels that are black or white
 *     err = an_image_dirt_step(dirt, &image);            of each frame, then:
 *     double spots = an_image_dirt_share(dirt);          share of pixels that are dark in every frame, where others change
 *
 * Threads: pure functions; an an_image_dirt belongs to one thread. */
#ifndef AN_MODELS_DATA_IMAGE_QUALITY_H
#define AN_MODELS_DATA_IMAGE_QUALITY_H

#include "models/data/image.h"

/* Variance of the Laplacian of the brightness, divided by its mean squared, so that the light's strength does not count
 * (Pech-Pacheco et al. 2000).  0 of an image that is black, or less than 3 pixels a side. */
double an_image_focus(const an_image *image);

/* Share of pixels all of whose channels are at most 1/255, or one of whose is at least 254/255. */
double an_image_clipped(const an_image *image);

#define AN_IMAGE_DIRT_FRAMES 32 /* over which a spot must stand still, at least */

typedef struct an_image_dirt an_image_dirt;
/* For images of height x width.  Errors: INVAL, NOMEM. */
an_err an_image_dirt_new(size_t height, size_t width, an_image_dirt **ret);
void an_image_dirt_free(an_image_dirt *d); /* NULL is fine */
/* Errors: INVAL an image of another size. */
an_err an_image_dirt_step(an_image_dirt *d, const an_image *image);
/* Share of pixels whose brightest value of the last frames is below 0.7 of the mean brightest of their surroundings; 0
 * while there are fewer than AN_IMAGE_DIRT_FRAMES frames. */
double an_image_dirt_share(const an_image_dirt *d);

#endif
