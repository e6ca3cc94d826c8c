/* svg.h - pictures as SVG text: a titled chart with two axes, and what is drawn between them.
 *
 *     an_svg s;
 *     an_svg_begin(&s, "Loss", "pump.andon, 60 epochs");
 *     an_svg_axes(&s, &(an_svg_axis){.label = "epoch", .min = 1, .max = 60},
 *                 &(an_svg_axis){.label = "loss (mse)", .min = 1e-3, .max = 1, .log = true});
 *     an_svg_line(&s, AN_SVG_FIRST, epochs, losses, 60);
 *     an_svg_legend(&s, AN_SVG_FIRST, "training");
 *     err = an_svg_write(&s, "loss.svg", &why);          ends and frees it, whatever comes
 *
 * Positions are in units of the data; what lies outside of the axes is cut off.  Colours are those of
 * Okabe and Ito (2008), which most colour-blind people tell apart, and lighter ones where the viewer
 * asks for a dark page; lines differ in their dashes too.  Texts are escaped.
 *
 * Threads: an object belongs to one thread at a time. */
#ifndef AN_MODELS_SVG_H
#define AN_MODELS_SVG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define AN_SVG_BYTES_MAX (64u << 20)

/* What something is drawn as: a colour, and the dashes of a line. */
typedef enum an_svg_tone {
    AN_SVG_FIRST,  /* blue, solid */
    AN_SVG_SECOND, /* vermilion, solid */
    AN_SVG_THIRD,  /* green, dashed */
    AN_SVG_AID     /* grey, dotted: chance, thresholds */
} an_svg_tone;

typedef struct an_svg_axis {
    const char *label; /* with the unit */
    double min, max;   /* min < max; with log min > 0.  Else it is widened around min */
    bool log;
    bool whole; /* ticks at whole numbers only */
} an_svg_axis;

typedef struct an_svg {
    an_buf out;
    double left, right, top, bottom; /* of the room between the axes, in pixels */
    an_svg_axis x, y;
    double legend_at;
    bool open; /* between an_svg_axes and the end, shapes are cut at the axes */
} an_svg;

/* Both texts are cut where the picture ends. */
void an_svg_begin(an_svg *s, const char *title, const char *subtitle);
/* As begin, with another height of the whole picture in pixels than the usual one. */
void an_svg_begin_high(an_svg *s, const char *title, const char *subtitle, double height);
/* Frame, ticks, grid and labels. */
void an_svg_axes(an_svg *s, const an_svg_axis *x, const an_svg_axis *y);

/* n points in the order of x, joined; a point that is not finite is a gap.  Many points in one column
 * of pixels become the first, lowest, highest and last of them, which looks the same. */
void an_svg_line(an_svg *s, an_svg_tone tone, const double *x, const double *y, size_t n);
/* From y = bottom of the axis up to y, between x0 and x1. */
void an_svg_bar(an_svg *s, an_svg_tone tone, double x0, double x1, double y);
/* The whole height between x0 and x1, faint: what is labelled. */
void an_svg_band(an_svg *s, an_svg_tone tone, double x0, double x1);
/* A low mark at the bottom between x0 and x1: what was alarmed. */
void an_svg_strip(an_svg *s, an_svg_tone tone, double x0, double x1);
/* None where a number is not finite. */
void an_svg_dot(an_svg *s, an_svg_tone tone, double x, double y, double radius);
/* Straight from point to point, dotted. */
void an_svg_rule(an_svg *s, double x0, double y0, double x1, double y1);
/* A text beside a point, inside of the axes. */
void an_svg_note(an_svg *s, double x, double y, const char *text);

/* Adds to the line above the axes: a line of the tone, a dot, or a filled box. */
void an_svg_legend(an_svg *s, an_svg_tone tone, const char *text);
void an_svg_legend_dot(an_svg *s, an_svg_tone tone, const char *text);
void an_svg_legend_box(an_svg *s, an_svg_tone tone, const char *text);

/* Pixels, for pictures without axes.  share: how strong the box is, [0, 1]; anchor: "start", "middle"
 * or "end". */
void an_svg_cell(an_svg *s, double x, double y, double width, double height, double share);
void an_svg_text(an_svg *s, double x, double y, const char *anchor, const char *style, const char *text);
/* Upright, to be read from the right. */
void an_svg_text_up(an_svg *s, double x, double y, const char *text);

/* Pixels of the whole picture. */
#define AN_SVG_WIDTH 760.0
#define AN_SVG_HEIGHT 440.0

/* Ends the picture, writes it and frees it.  Errors: NOMEM, LIMIT, IO. */
an_err an_svg_write(an_svg *s, const char *path, an_note *why);
/* Ends the picture, appends it to ret as a part of a page, without the line that says XML, and frees it.  Errors: NOMEM,
 * LIMIT. */
an_err an_svg_end(an_svg *s, an_buf *ret);
void an_svg_done(an_svg *s); /* without writing */

/* The end of a path, which tells more than its begin. */
const char *an_svg_name(const char *path);

#endif
