#include <math.h>

#include "coordinator/lab/plots_internal.h"

#define FAR_LARGER 20
#define DECADES 1e6 /* on a page */

an_svg_axis an_plot_axis(const char *label, const double *v, size_t n, double threshold)
{
    double low = threshold, high = threshold;
    for (size_t i = 0; i < n; i++) {
        low = v[i] < low ? v[i] : low; /* not for NAN */
        high = v[i] > high && isfinite(v[i]) ? v[i] : high;
    }
    double least = high; /* above 0 */
    for (size_t i = 0; i < n; i++)
        least = v[i] > 0 && v[i] < least ? v[i] : least;
    if (low >= 0 && high > FAR_LARGER * fmax(threshold, least))
        return (an_svg_axis){
            .label = label, .min = fmax(least, high / DECADES) / 1.4, .max = high * 1.3, .log = true};
    const double room = 0.05 * (high - low);
    return (an_svg_axis){.label = label, .min = low >= 0 ? 0 : low - room, .max = high + room};
}
