/* Axes of a chart, and shapes in units of its data. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/svg.h"

#define TICKS 7 /* about so many */
#define TICKS_MAX 40
#define MANY 2000 /* points of a line that is drawn thin */
#define STRIP 9.0 /* pixels */

/* ---- from data to pixels ---- */

static double part(const an_svg_axis *a, double v)
{
    if (!a->log)
        return (v - a->min) / (a->max - a->min);
    return v > 0 ? log(v / a->min) / log(a->max / a->min) : -1;
}

/* Far outside is as good as just outside, and keeps numbers short. */
static double bound(double p)
{
    return p < -1 ? -1 : p > 2 ? 2 : p;
}

static double px(const an_svg *s, double x)
{
    return s->left + bound(part(&s->x, x)) * (s->right - s->left);
}

static double py(const an_svg *s, double y)
{
    return s->bottom - bound(part(&s->y, y)) * (s->bottom - s->top);
}

/* ---- ticks ---- */

/* 1, 2 or 5 times a power of ten. */
static double nice_step(double width)
{
    const double rough = width / TICKS, ten = pow(10, floor(log10(rough)));
    const double f = rough / ten;
    return ten * (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10);
}

static size_t log_ticks(const an_svg_axis *a, double *ret)
{
    const double decades = log10(a->max / a->min);
    const double each = decades > 2 * TICKS ? ceil(decades / TICKS) : 1;
    size_t n = 0;
    for (double e = floor(log10(a->min)); e <= ceil(log10(a->max)) && n + 3 < TICKS_MAX; e += each) {
        static const double between[] = {1, 2, 5};
        for (size_t k = 0; k < (decades < 3.2 ? 3u : 1u); k++) {
            const double v = between[k] * pow(10, e);
            if (v >= a->min * (1 - 1e-9) && v <= a->max * (1 + 1e-9))
                ret[n++] = v;
        }
    }
    return n;
}

static size_t ticks(const an_svg_axis *a, double *ret, double *ret_step)
{
    size_t n = 0;
    *ret_step = 0;
    if (a->log && (n = log_ticks(a, ret)) > 1)
        return n;
    double step = nice_step(a->max - a->min);
    if (a->whole)
        step = fmax(1, ceil(step - 1e-9));
    n = 0;
    for (double k = ceil(a->min / step - 1e-9); k * step <= a->max + 1e-9 * step && n < TICKS_MAX; k++)
        ret[n++] = k * step;
    *ret_step = step;
    return n;
}

/* step 0: as short as it goes. */
static void tick_text(char *out, size_t size, double v, double step)
{
    const double most = fabs(v);
    const int digits = step > 0 && step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    if (step <= 0 || most >= 1e7 || digits > 5)
        snprintf(out, size, "%.*g", most < 1e6 ? 6 : 3, v);
    else
        snprintf(out, size, "%.*f", digits, v == 0.0 ? 0.0 : v); /* no -0 */
}

static void x_axis(an_svg *s)
{
    double at[TICKS_MAX], step;
    char text[32];
    const size_t n = ticks(&s->x, at, &step);
    for (size_t i = 0; i < n; i++) {
        tick_text(text, sizeof text, at[i], step);
        an_buf_printf(&s->out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>\n", px(s, at[i]), s->top,
                      s->bottom);
        an_svg_text(s, px(s, at[i]), s->bottom + 18, "middle", "tick", text);
    }
    an_svg_text(s, (s->left + s->right) / 2, s->bottom + 42, "middle", "axis", s->x.label);
}

static void y_axis(an_svg *s)
{
    double at[TICKS_MAX], step;
    char text[32];
    const size_t n = ticks(&s->y, at, &step);
    for (size_t i = 0; i < n; i++) {
        tick_text(text, sizeof text, at[i], step);
        an_buf_printf(&s->out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", s->left, py(s, at[i]),
                      s->right);
        an_svg_text(s, s->left - 8, py(s, at[i]) + 4, "end", "tick", text);
    }
    an_svg_text_up(s, 20, (s->top + s->bottom) / 2, s->y.label);
}

static an_svg_axis widened(const an_svg_axis *given)
{
    an_svg_axis a = *given;
    if (!isfinite(a.min) || !isfinite(a.max) || fabs(a.min) > 1e300 || fabs(a.max) > 1e300)
        a.min = a.max = 0;
    a.log = a.log && a.min > 0;
    if (a.log && a.max < a.min * 1.001) {
        a.min /= 2;
        a.max = 4 * a.min;
    } else if (!a.log && a.max - a.min <= 1e-9 * fmax(fabs(a.min), fabs(a.max))) {
        a.min -= 0.5 * fmax(fabs(a.min), 1);
        a.max = a.min + fmax(fabs(a.max), 1);
    }
    return a;
}

void an_svg_axes(an_svg *s, const an_svg_axis *x, const an_svg_axis *y)
{
    s->x = widened(x);
    s->y = widened(y);
    x_axis(s);
    y_axis(s);
    const double w = s->right - s->left, h = s->bottom - s->top;
    an_buf_printf(&s->out, "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                  s->left, s->top, w, h);
    an_buf_printf(
        &s->out,
        "<clipPath id=\"room\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/></clipPath>\n",
        s->left, s->top, w, h);
    an_buf_text(&s->out, "<g clip-path=\"url(#room)\">\n");
    s->open = true;
}

/* ---- shapes ---- */

typedef struct pen {
    an_svg *s;
    bool down;
    long column;
    double x, first, last, low, high; /* of this column, in pixels */
} pen;

static void put_point(pen *p, double y)
{
    an_buf_printf(&p->s->out, "%s%.1f %.1f", p->down ? "L" : "M", p->x, y);
    p->down = true;
}

static void end_column(pen *p)
{
    if (p->column < 0)
        return;
    put_point(p, p->first);
    if (p->low < p->first || p->high > p->first) {
        put_point(p, p->low);
        put_point(p, p->high);
        put_point(p, p->last);
    }
    p->column = -1;
}

static void add_point(pen *p, double x, double y)
{
    const long column = (long)(2 * x);
    if (column != p->column) {
        end_column(p);
        p->column = column;
        p->x = x;
        p->first = p->low = p->high = y;
    }
    p->last = y;
    p->low = fmin(p->low, y);
    p->high = fmax(p->high, y);
}

void an_svg_line(an_svg *s, an_svg_tone tone, const double *x, const double *y, size_t n)
{
    pen p = {.s = s, .column = -1};
    an_buf_printf(&s->out, "<path class=\"line%s t%d\" d=\"", n > MANY ? " thin" : "", (int)tone);
    for (size_t i = 0; i < n; i++) {
        if (isfinite(x[i]) && isfinite(y[i])) {
            add_point(&p, px(s, x[i]), py(s, y[i]));
            continue;
        }
        end_column(&p);
        p.down = false;
    }
    end_column(&p);
    an_buf_text(&s->out, "\"/>\n");
}

static void box(an_svg *s, const char *kind, an_svg_tone tone, double x0, double x1, double top)
{
    const double from = px(s, x0), to = px(s, x1);
    an_buf_printf(&s->out, "<rect class=\"%s f%d\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
                  kind, (int)tone, from, top, fmax(to - from, 1), fmax(s->bottom - top, 0));
}

void an_svg_bar(an_svg *s, an_svg_tone tone, double x0, double x1, double y)
{
    box(s, "bar", tone, x0, x1, py(s, y));
}

void an_svg_band(an_svg *s, an_svg_tone tone, double x0, double x1)
{
    box(s, "band", tone, x0, x1, s->top);
}

void an_svg_strip(an_svg *s, an_svg_tone tone, double x0, double x1)
{
    box(s, "strip", tone, x0, x1, s->bottom - STRIP);
}

void an_svg_dot(an_svg *s, an_svg_tone tone, double x, double y, double radius)
{
    if (!isfinite(x) || !isfinite(y))
        return;
    an_buf_printf(&s->out, "<circle class=\"dot f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n", (int)tone,
                  px(s, x), py(s, y), radius);
}

void an_svg_rule(an_svg *s, double x0, double y0, double x1, double y1)
{
    an_buf_printf(&s->out, "<path class=\"line t3\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", px(s, x0), py(s, y0),
                  px(s, x1), py(s, y1));
}

void an_svg_note(an_svg *s, double x, double y, const char *text)
{
    const double at = px(s, x), mid = (s->left + s->right) / 2;
    const double up = py(s, y) - 7;
    an_svg_text(s, at < mid ? at + 8 : at - 8, up < s->top + 14 ? s->top + 14 : up,
                at < mid ? "start" : "end", "label", text);
}
