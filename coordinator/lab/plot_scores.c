/* A histogram of scores, and where the threshold stands. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "coordinator/lab/plots.h"
#include "coordinator/lab/plots_internal.h"

#define BINS 60

typedef struct bins {
    double edges[BINS + 1];
    double share[2][BINS]; /* in %, of the normal and the anomalous rows */
    double n[2], most;
} bins;

static void fill(bins *b, const an_svg_axis *a, const double *scores, const uint8_t *labels, size_t n)
{
    const double from = a->log ? log(a->min) : a->min, width = (a->log ? log(a->max) : a->max) - from;
    for (size_t k = 0; k <= BINS; k++) {
        const double at = from + width * (double)k / BINS;
        b->edges[k] = a->log ? exp(at) : at;
    }
    for (size_t i = 0; i < n; i++) {
        const int kind = labels && labels[i];
        const double v = a->log ? log(fmax(scores[i], a->min)) : scores[i];
        const double at = width > 0 ? (v - from) / width * BINS : 0;
        b->share[kind][at < 0 ? 0 : at >= BINS ? BINS - 1 : (size_t)at]++;
        b->n[kind]++;
    }
    for (size_t k = 0; k < 2 * BINS; k++) {
        double *v = &b->share[k / BINS][k % BINS];
        *v = b->n[k / BINS] > 0 ? 100 * *v / b->n[k / BINS] : 0;
        b->most = fmax(b->most, *v);
    }
}

static void draw(an_svg *s, const char *about, const an_svg_axis *a, const bins *b, bool labels,
                 double threshold)
{
    char text[64];
    an_svg_begin(s, "Score histogram", about);
    an_svg_axes(s, a,
                &(an_svg_axis){.label = labels ? "share of its kind, %" : "share of all, %",
                               .min = 0,
                               .max = 1.08 * b->most});
    for (int kind = 0; kind < (labels ? 2 : 1); kind++)
        for (size_t k = 0; k < BINS; k++)
            if (b->share[kind][k] > 0)
                an_svg_bar(s, (an_svg_tone)kind, b->edges[k], b->edges[k + 1], b->share[kind][k]);
    an_svg_rule(s, threshold, 0, threshold, 1.08 * b->most);
    snprintf(text, sizeof text, "threshold %.4g", threshold);
    an_svg_note(s, threshold, 1.08 * b->most, text);
    snprintf(text, sizeof text, "%s (%.0f)", labels ? "normal" : "all", b->n[0]);
    an_svg_legend_box(s, AN_SVG_FIRST, text);
    snprintf(text, sizeof text, "anomalous (%.0f)", b->n[1]);
    if (labels)
        an_svg_legend_box(s, AN_SVG_SECOND, text);
    an_svg_legend(s, AN_SVG_AID, "threshold: alarms to its right");
}

an_err an_lab_plot_scores(const char *path, const char *about, const float *scores, const uint8_t *labels,
                          size_t n, double threshold, an_note *why)
{
    an_svg s;
    bins *b = an_alloc(1, sizeof *b);
    double *v = an_alloc(n, sizeof *v);
    an_err err = b && v ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        v[i] = (double)scores[i];
    if (err == AN_OK) {
        const an_svg_axis a = an_plot_axis("score", v, n, threshold);
        fill(b, &a, v, labels, n);
        draw(&s, about, &a, b, labels != NULL, threshold);
        err = an_svg_write(&s, path, why);
    }
    an_free(b);
    an_free(v);
    return err;
}
