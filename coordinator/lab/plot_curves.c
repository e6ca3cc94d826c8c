/* The ROC and the precision-recall curve. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "coordinator/lab/plots.h"
#include "coordinator/lab/plots_internal.h"

static const char no_curve[] = "not defined: all are normal, or all anomalous";

an_err an_lab_plot_roc(const char *path, const char *about, const an_curve *c, const an_rates *at,
                       an_note *why)
{
    an_svg s;
    char text[64];
    double *x = an_alloc(c->n, sizeof *x), *y = an_alloc(c->n, sizeof *y);
    an_err err = x && y ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK) {
        for (size_t i = 0; i < c->n; i++) {
            x[i] = 100 * c->points[i].far;
            y[i] = c->points[i].recall;
        }
        an_svg_begin(&s, "ROC curve", about);
        an_svg_axes(&s, &(an_svg_axis){.label = "false alarm rate, % of the normal", .min = 0, .max = 100},
                    &(an_svg_axis){.label = "recall, share of the anomalous", .min = 0, .max = 1.02});
        an_svg_rule(&s, 0, 0, 100, 1);
        an_svg_line(&s, AN_SVG_FIRST, x, y, c->n);
        an_svg_dot(&s, AN_SVG_SECOND, 100 * at->far, at->recall, 5);
        snprintf(text, sizeof text, "area %.3f", c->auroc);
        an_svg_legend(&s, AN_SVG_FIRST, isnan(c->auroc) ? no_curve : text);
        an_svg_legend_dot(&s, AN_SVG_SECOND, "at the threshold");
        an_svg_legend(&s, AN_SVG_AID, "chance");
        err = an_svg_write(&s, path, why);
    }
    an_free(x);
    an_free(y);
    return err;
}

/* Precision holds for all of what recall gains from point to point: steps. */
an_err an_lab_plot_pr(const char *path, const char *about, const an_curve *c, const an_rates *at,
                      double anomalous, an_note *why)
{
    an_svg s;
    char text[64];
    size_t n = 0;
    double *x = an_alloc(c->n, 2 * sizeof *x), *y = an_alloc(c->n, 2 * sizeof *y);
    an_err err = x && y ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK) {
        for (size_t i = 1; i < c->n; i++) {
            x[n] = c->points[i - 1].recall;
            y[n++] = c->points[i].precision;
            x[n] = c->points[i].recall;
            y[n++] = c->points[i].precision;
        }
        an_svg_begin(&s, "Precision-recall curve", about);
        an_svg_axes(&s, &(an_svg_axis){.label = "recall, share of the anomalous", .min = 0, .max = 1},
                    &(an_svg_axis){.label = "precision, share of the alarms", .min = 0, .max = 1.02});
        an_svg_rule(&s, 0, anomalous, 1, anomalous);
        an_svg_line(&s, AN_SVG_FIRST, x, y, n);
        an_svg_dot(&s, AN_SVG_SECOND, at->recall, at->precision, 5);
        snprintf(text, sizeof text, "average precision %.3f", c->auprc);
        an_svg_legend(&s, AN_SVG_FIRST, isnan(c->auprc) ? no_curve : text);
        an_svg_legend_dot(&s, AN_SVG_SECOND, "at the threshold");
        snprintf(text, sizeof text, "chance %.3f", anomalous);
        an_svg_legend(&s, AN_SVG_AID, text);
        err = an_svg_write(&s, path, why);
    }
    an_free(x);
    an_free(y);
    return err;
}
