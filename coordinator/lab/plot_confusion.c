/* A confusion matrix: a row for each truth, shaded by the share of that row. */
#include <stdio.h>
#include <string.h>

#include "coordinator/lab/plots.h"
#include "coordinator/lab/plots_internal.h"

#define LEFT 150.0
#define TOP 118.0
#define ROOM 300.0    /* of all rows */
#define NUMBERS 16    /* classes whose cells hold numbers */
#define NAME_BYTES 20 /* of a class, with terminator; more would run into the cells */
#define EACH_NAME 24  /* classes of which each has its name beside it */

typedef struct grid {
    double width, height; /* of a cell */
    size_t k;
} grid;

static void draw_cell(an_svg *s, const grid *g, size_t i, size_t j, uint64_t count, double share)
{
    char text[32];
    const double x = LEFT + (double)j * g->width, y = TOP + (double)i * g->height;
    const char *tone = share > 0.55 ? "on" : "strong";
    an_svg_cell(s, x + 1, y + 1, g->width - 2, g->height - 2, share);
    if (g->k > NUMBERS)
        return;
    const bool small = g->k > 6;
    snprintf(text, sizeof text, "%llu", (unsigned long long)count);
    an_svg_text(s, x + g->width / 2, y + g->height / 2 + (small ? 4 : -2), "middle",
                !small         ? tone
                : share > 0.55 ? "on small"
                               : "small",
                text);
    snprintf(text, sizeof text, "%.1f %%", 100 * share);
    if (!small)
        an_svg_text(s, x + g->width / 2, y + g->height / 2 + 17, "middle",
                    share > 0.55 ? "on small" : "label", text);
}

static void draw_row(an_svg *s, const grid *g, const uint64_t *counts, size_t i)
{
    double sum = 0;
    for (size_t j = 0; j < g->k; j++)
        sum += (double)counts[i * g->k + j];
    for (size_t j = 0; j < g->k; j++) {
        const uint64_t count = counts[i * g->k + j];
        draw_cell(s, g, i, j, count, sum > 0 ? (double)count / sum : 0);
    }
}

an_err an_lab_plot_confusion(const char *path, const char *about, const uint64_t *counts, size_t k,
                             const char *const *truths, const char *const *guesses, an_note *why)
{
    an_svg s;
    const grid g = {(AN_SVG_WIDTH - LEFT - 40) / (double)k, ROOM / (double)k, k};
    const size_t each = (k + EACH_NAME - 1) / EACH_NAME;
    an_svg_begin_high(&s, "Confusion matrix", about, TOP + ROOM + 40);
    an_svg_text(&s, LEFT + g.width * (double)k / 2, 76, "middle", "label", "predicted");
    an_svg_text_up(&s, 20, TOP + ROOM / 2, "true");
    for (size_t i = 0; i < k; i++) {
        draw_row(&s, &g, counts, i);
        if (i % each != 0)
            continue;
        an_svg_text(&s, LEFT + g.width * ((double)i + 0.5), TOP - 12, "middle", "label", guesses[i]);
        an_svg_text(&s, LEFT - 12, TOP + g.height * ((double)i + 0.5) + 4, "end", "label", truths[i]);
    }
    an_svg_text(&s, LEFT, TOP + ROOM + 24, "start", "label",
                "Shades and percentages are shares of each true class.");
    return an_svg_write(&s, path, why);
}

an_err an_lab_plot_classes(const char *path, const char *about, const an_classes *c, const char *const *names,
                           size_t n, an_note *why)
{
    char text[AN_LAB_PLOT_CLASSES][NAME_BYTES];
    const char *shown[AN_LAB_PLOT_CLASSES];
    if (c->k > AN_LAB_PLOT_CLASSES)
        return an_fail(AN_ERR_LIMIT, why, "%zu classes: a picture holds %u", c->k, AN_LAB_PLOT_CLASSES);
    for (size_t i = 0; i < c->k; i++) {
        if (i < n)
            snprintf(text[i], sizeof text[i], "%s", names[i]);
        else
            snprintf(text[i], sizeof text[i], "%u", (unsigned)(i % AN_LAB_PLOT_CLASSES));
        shown[i] = text[i];
    }
    return an_lab_plot_confusion(path, about, c->counts, c->k, shown, shown, why);
}
