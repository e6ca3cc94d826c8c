/* SVG 1.1 with a style sheet inside: viewers that do not know the query for dark pages show the
 * light one.  Every shape is a class, so that the colours stand in one place. */
#include "models/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"

#define LEFT 76.0
#define RIGHT 24.0
#define TOP 96.0
#define BOTTOM 58.0
#define CHAR 6.6 /* mean width of a letter of 12 pixels */

static const char style[] =
    "<style>\n"
    "text{font:12px system-ui,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif;fill:#3d4852}\n"
    ".title{font-size:17px;font-weight:600;fill:#14181d}\n"
    ".strong{font-size:14px;font-weight:600;fill:#14181d}\n"
    ".on{font-size:14px;font-weight:600;fill:#ffffff}\n"
    ".small{font-size:10px}\n"
    ".page{fill:#ffffff}\n"
    ".frame{fill:none;stroke:#5f6b76}\n"
    ".grid{stroke:#e3e7eb}\n"
    ".line{fill:none;stroke-width:1.8;stroke-linejoin:round}.thin{stroke-width:1.1}\n"
    ".t0{stroke:#0072b2}.t1{stroke:#d55e00}.t2{stroke:#009e73;stroke-dasharray:7 3}\n"
    ".t3{stroke:#5f6b76;stroke-dasharray:2 3}\n"
    ".f0{fill:#0072b2}.f1{fill:#d55e00}.f2{fill:#009e73}.f3{fill:#5f6b76}\n"
    ".bar{fill-opacity:.55}.band{fill-opacity:.16}\n"
    ".dot{stroke:#ffffff;stroke-width:.8}\n"
    "@media (prefers-color-scheme:dark){\n"
    "text{fill:#b9c3cd}.title,.strong{fill:#f2f5f7}.on{fill:#0b0e11}.page{fill:#14181d}\n"
    ".frame{stroke:#8b97a3}.grid{stroke:#2a323a}\n"
    ".t0{stroke:#56b4e9}.t1{stroke:#f4934f}.t2{stroke:#3ccf9f}.t3{stroke:#9aa6b2}\n"
    ".f0{fill:#56b4e9}.f1{fill:#f4934f}.f2{fill:#3ccf9f}.f3{fill:#9aa6b2}\n"
    ".dot{stroke:#14181d}.band{fill-opacity:.24}\n"
    "}\n"
    "</style>\n";

/* XML has no place for control characters, for U+FFFE and U+FFFF, nor for bytes that are not UTF-8. */
static bool fits_xml(const unsigned char *c, size_t size)
{
    if (size == 1)
        return *c >= 0x20 && *c != 0x7f;
    return size > 0 && !(size == 3 && c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe);
}

static void put_text(an_buf *out, const char *text, size_t most)
{
    size_t left = strlen(text), n = 0;
    for (const char *c = text; left > 0 && n < most; n++) {
        const size_t size = an_utf8_size(c, left), step = size ? size : 1;
        if (n + 1 == most && left > step)
            an_buf_text(out, "\xe2\x80\xa6"); /* an ellipsis */
        else if (!fits_xml((const unsigned char *)c, size))
            an_buf_text(out, "?");
        else if (*c == '&' || *c == '<' || *c == '>' || *c == '"')
            an_buf_text(out, *c == '&' ? "&amp;" : *c == '<' ? "&lt;" : *c == '>' ? "&gt;" : "&quot;");
        else
            an_buf_put(out, c, size);
        c += step;
        left -= step;
    }
}

static size_t letters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void an_svg_text(an_svg *s, double x, double y, const char *anchor, const char *style_name, const char *text)
{
    an_buf_printf(&s->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", style_name, x, y,
                  anchor);
    put_text(&s->out, text, 110);
    an_buf_text(&s->out, "</text>\n");
}

void an_svg_text_up(an_svg *s, double x, double y, const char *text)
{
    an_buf_printf(&s->out, "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\">", x,
                  y);
    put_text(&s->out, text, 60);
    an_buf_text(&s->out, "</text>\n");
}

void an_svg_begin_high(an_svg *s, const char *title, const char *subtitle, double height)
{
    *s = (an_svg){.left = LEFT,
                  .right = AN_SVG_WIDTH - RIGHT,
                  .top = TOP,
                  .bottom = height - BOTTOM,
                  .legend_at = LEFT};
    an_buf_init(&s->out, AN_SVG_BYTES_MAX);
    an_buf_printf(&s->out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
                  "width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n<title>",
                  AN_SVG_WIDTH, height, AN_SVG_WIDTH, height);
    put_text(&s->out, title, 200);
    an_buf_text(&s->out, "</title>\n<desc>");
    put_text(&s->out, subtitle, 400);
    an_buf_text(&s->out, "</desc>\n");
    an_buf_text(&s->out, style);
    an_buf_text(&s->out, "<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n");
    an_svg_text(s, 20, 31, "start", "title", title);
    an_svg_text(s, 20, 51, "start", "label", subtitle);
}

void an_svg_begin(an_svg *s, const char *title, const char *subtitle)
{
    an_svg_begin_high(s, title, subtitle, AN_SVG_HEIGHT);
}

void an_svg_cell(an_svg *s, double x, double y, double width, double height, double share)
{
    an_buf_printf(&s->out,
                  "<rect class=\"f0\" fill-opacity=\"%.3f\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                  "height=\"%.1f\"/>\n",
                  0.04 + 0.92 * share, x, y, width, height);
}

void an_svg_done(an_svg *s)
{
    an_buf_done(&s->out);
}

static an_err finish(an_svg *s)
{
    if (s->open)
        an_buf_text(&s->out, "</g>\n");
    an_buf_text(&s->out, "</svg>\n");
    return an_buf_err(&s->out);
}

an_err an_svg_end(an_svg *s, an_buf *ret)
{
    an_err err = finish(s);
    if (err == AN_OK) {
        const uint8_t *end_of_line = memchr(s->out.data, '\n', s->out.len);
        const size_t skip = (size_t)(end_of_line + 1 - s->out.data);
        an_buf_put(ret, s->out.data + skip, s->out.len - skip);
        err = an_buf_err(ret);
    }
    an_svg_done(s);
    return err;
}

an_err an_svg_write(an_svg *s, const char *path, an_note *why)
{
    an_err err = finish(s);
    if (err == AN_ERR_LIMIT)
        an_note_set(why, "%s: the picture is too large", path);
    if (err == AN_OK)
        err = an_file_write(path, s->out.data, s->out.len, 0644, why);
    an_svg_done(s);
    return err;
}

const char *an_svg_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* ---- legend ---- */

static double legend_room(an_svg *s, const char *text)
{
    const double at = s->legend_at;
    s->legend_at += 30 + CHAR * (double)letters(text) + 18;
    return at;
}

/* The legend stands outside of what is cut at the axes. */
static void close_shapes(an_svg *s)
{
    if (s->open)
        an_buf_text(&s->out, "</g>\n");
    s->open = false;
}

void an_svg_legend(an_svg *s, an_svg_tone tone, const char *text)
{
    const double x = legend_room(s, text), y = TOP - 22;
    close_shapes(s);
    an_buf_printf(&s->out, "<path class=\"line t%d\" d=\"M%.1f %.1fh24\"/>\n", (int)tone, x, y);
    an_svg_text(s, x + 30, y + 4, "start", "label", text);
}

void an_svg_legend_dot(an_svg *s, an_svg_tone tone, const char *text)
{
    const double x = legend_room(s, text), y = TOP - 22;
    close_shapes(s);
    an_buf_printf(&s->out, "<circle class=\"dot f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>\n", (int)tone, x + 18,
                  y);
    an_svg_text(s, x + 30, y + 4, "start", "label", text);
}

void an_svg_legend_box(an_svg *s, an_svg_tone tone, const char *text)
{
    const double x = legend_room(s, text), y = TOP - 22;
    close_shapes(s);
    an_buf_printf(&s->out, "<rect class=\"bar f%d\" x=\"%.1f\" y=\"%.1f\" width=\"22\" height=\"11\"/>\n",
                  (int)tone, x, y - 6);
    an_svg_text(s, x + 30, y + 4, "start", "label", text);
}
