/* Scores in time. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/lab/plots.h"
#include "coordinator/lab/plots_internal.h"
#include "models/data/table.h"

#define PIXELS 1300.0 /* runs nearer to one another than that part of the whole become one */

/* The numbers of rows, or times in the largest unit that the series has two of. */
static void lay_out(const int64_t *times_ms, size_t n, double *x, char *label, size_t size)
{
    bool timed = times_ms && n > 1 && times_ms[n - 1] > times_ms[0];
    for (size_t i = 0; i < n && timed; i++)
        timed = times_ms[i] != AN_TIME_NONE && (i == 0 || times_ms[i] >= times_ms[i - 1]);
    if (!timed) {
        snprintf(label, size, "row");
        for (size_t i = 0; i < n; i++)
            x[i] = (double)i;
        return;
    }
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"days", 86400e3}, {"hours", 3600e3}, {"minutes", 60e3}, {"seconds", 1e3}};
    size_t u = 0;
    const double span = (double)(times_ms[n - 1] - times_ms[0]);
    while (u < 3 && span < 2 * units[u].ms)
        u++;
    char time[25];
    an_time_text(time, times_ms[0]);
    snprintf(label, size, "time since %.10s %.8s UTC, %s", time, time + 11, units[u].name);
    for (size_t i = 0; i < n; i++)
        x[i] = (double)(times_ms[i] - times_ms[0]) / units[u].ms;
}

/* Runs of rows of which `in` holds, each as one mark. */
static void draw_runs(an_svg *s, const double *x, size_t n, const bool *in,
                      void (*mark)(an_svg *s, an_svg_tone tone, double x0, double x1), an_svg_tone tone)
{
    const double near = n > 0 ? (x[n - 1] - x[0]) / PIXELS : 0;
    for (size_t i = 0; i < n;) {
        if (!in[i]) {
            i++;
            continue;
        }
        const double from = x[i];
        double to = from;
        for (; i < n && (in[i] || x[i] - to < near); i++)
            to = in[i] ? x[i + 1 < n ? i + 1 : i] : to;
        mark(s, tone, from, to);
    }
}

static void draw(an_svg *s, const double *x, const double *y, bool *in, const uint8_t *labels, size_t n,
                 double threshold)
{
    char text[64];
    bool any = false;
    for (size_t i = 0; labels && i < n; i++)
        any = (in[i] = labels[i] != 0) || any;
    if (any)
        draw_runs(s, x, n, in, an_svg_band, AN_SVG_THIRD);
    an_svg_line(s, AN_SVG_FIRST, x, y, n);
    for (size_t i = 0; i < n; i++)
        in[i] = y[i] > threshold;
    draw_runs(s, x, n, in, an_svg_strip, AN_SVG_SECOND);
    an_svg_rule(s, s->x.min, threshold, s->x.max, threshold);
    an_svg_legend(s, AN_SVG_FIRST, "score");
    snprintf(text, sizeof text, "threshold %.4g", threshold);
    an_svg_legend(s, AN_SVG_AID, text);
    an_svg_legend_box(s, AN_SVG_SECOND, "alarm");
    if (any)
        an_svg_legend_box(s, AN_SVG_THIRD, "labelled anomalous");
}

an_err an_lab_plot_trace(const char *path, const char *about, const int64_t *times_ms, const float *scores,
                         const uint8_t *labels, size_t n, double threshold, an_note *why)
{
    an_svg s;
    char label[80];
    double *x = an_alloc(n, sizeof *x), *y = an_alloc(n, sizeof *y);
    bool *in = an_alloc(n, sizeof *in);
    an_err err = x && y && in ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK) {
        lay_out(times_ms, n, x, label, sizeof label);
        for (size_t i = 0; i < n; i++)
            y[i] = (double)scores[i];
        const an_svg_axis up = an_plot_axis("score", y, n, threshold);
        an_svg_begin(&s, "Scores and alarms", about);
        an_svg_axes(&s, &(an_svg_axis){.label = label, .min = n > 0 ? x[0] : 0, .max = n > 0 ? x[n - 1] : 1},
                    &up);
        draw(&s, x, y, in, labels, n, threshold);
        err = an_svg_write(&s, path, why);
    }
    an_free(x);
    an_free(y);
    an_free(in);
    return err;
}
