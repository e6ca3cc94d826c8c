/* The losses of a training, epoch by epoch. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "coordinator/lab/plots.h"
#include "coordinator/lab/plots_internal.h"

static void draw(an_svg *s, const char *about, const char *loss, const double *x, const double *y, size_t n,
                 bool validation, size_t kept)
{
    char label[64], text[80];
    snprintf(label, sizeof label, "mean loss (%s)", loss);
    an_svg_axis up = an_plot_axis(label, y, validation ? 2 * n : n, 0);
    if (!up.log && up.max > 0) /* the losses' own range tells more than the way to 0 */
        up.min = 0;
    an_svg_begin(s, "Training loss", about);
    an_svg_axes(s, &(an_svg_axis){.label = "epoch", .min = 1, .max = n > 1 ? (double)n : 2, .whole = true},
                &up);
    an_svg_line(s, AN_SVG_FIRST, x, y, n);
    if (n == 1)
        an_svg_dot(s, AN_SVG_FIRST, x[0], y[0], 4);
    if (validation && kept < n) {
        an_svg_line(s, AN_SVG_SECOND, x, y + n, n);
        an_svg_dot(s, AN_SVG_SECOND, x[kept], y[n + kept], 5);
    }
    an_svg_legend(s, AN_SVG_FIRST, "learnt");
    if (validation)
        an_svg_legend(s, AN_SVG_SECOND, "kept for validation");
    if (validation && kept < n) {
        snprintf(text, sizeof text, "given back: epoch %zu, %.4g", kept + 1, y[n + kept]);
        an_svg_legend_dot(s, AN_SVG_SECOND, text);
    }
}

an_err an_lab_plot_loss(const char *path, const char *about, const char *loss, const an_train_epoch *epochs,
                        size_t n, bool validation, size_t kept, an_note *why)
{
    an_svg s;
    double *x = an_alloc(n, sizeof *x), *y = an_alloc(n, 2 * sizeof *y);
    an_err err = x && y ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        x[i] = (double)epochs[i].epoch + 1;
        y[i] = epochs[i].loss;
        y[n + i] = epochs[i].valid_loss;
    }
    if (err == AN_OK) {
        draw(&s, about, loss, x, y, n, validation, kept);
        err = an_svg_write(&s, path, why);
    }
    an_free(x);
    an_free(y);
    return err;
}
