/* What a model said against what is so, a dot for each of a part of the rows. */
#include <math.h>
#include <stdio.h>

#include "coordinator/lab/plots.h"
#include "coordinator/lab/plots_internal.h"

#define DOTS 2000

an_err an_lab_plot_fit(const char *path, const char *about, const char *label, const float *truth,
                       const float *guess, size_t n, const an_fit *fit, an_note *why)
{
    an_svg s;
    char text[96], so[96], said[96];
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, (double)fminf(truth[i], guess[i]));
        high = fmax(high, (double)fmaxf(truth[i], guess[i]));
    }
    const double room = 0.04 * (high - low);
    snprintf(so, sizeof so, "true %.80s", label);
    snprintf(said, sizeof said, "predicted %.80s", label);
    an_svg_begin(&s, "Predicted against true", about);
    an_svg_axes(&s, &(an_svg_axis){.label = so, .min = low - room, .max = high + room},
                &(an_svg_axis){.label = said, .min = low - room, .max = high + room});
    const size_t each = n > DOTS ? n / DOTS : 1;
    for (size_t i = 0; i < n; i += each)
        an_svg_dot(&s, AN_SVG_FIRST, (double)truth[i], (double)guess[i], 2.5);
    an_svg_rule(&s, low - room, low - room, high + room, high + room);
    snprintf(text, sizeof text, "R2 %.4f, MAE %.4g, RMSE %.4g", fit->r2, fit->mae, fit->rmse);
    an_svg_legend_box(&s, AN_SVG_FIRST, text);
    an_svg_legend(&s, AN_SVG_AID, "no error");
    return an_svg_write(&s, path, why);
}
