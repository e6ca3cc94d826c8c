/* metrics_region.h - whether maps find faults of any size: the per-region overlap.
 *
 *     double pro;
 *     err = an_aupro(maps, masks, n, height, width, AN_AUPRO_FAR, &pro);
 *
 * The area of pixels alone is ruled by large faults.  Here each connected region of a mask counts the same, whatever its size: at a
 * threshold the overlap is the share of a region's pixels whose score reaches it, averaged over all regions (Bergmann
 * et al., MVTec AD, 2021).  Plotted against the share of normal pixels that reach it, the area up to a false-alarm rate of
 * max_far is divided by max_far: 1 is perfect; chance is max_far / 2.
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_METRICS_REGION_H
#define AN_MODELS_METRICS_REGION_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_AUPRO_FAR 0.3 /* as published figures have it */

/* n maps: scores and masks (n, height, width); a mask is 0 or not.  Regions are connected by sides or corners.  max_far in
 * (0, 1].  *ret NAN: no pixel is normal, or none is not.  Errors: INVAL max_far, NUMERIC a score is NAN, NOMEM. */
an_err an_aupro(const float *scores, const uint8_t *masks, size_t n, size_t height, size_t width,
                double max_far, double *ret);

#endif
