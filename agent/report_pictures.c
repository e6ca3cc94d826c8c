/* The pictures of a day's alarms in its report: the image where it was kept, the heat map over it, and its boxes. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/exhibit.h"
#include "agent/report_internal.h"
#include "base/mem.h"

#define PICTURES_MOST 60
#define PICTURES_BYTES (6u << 20) /* of all PNG files in a page */

static void put_base64(an_buf *b, const uint8_t *bytes, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        const size_t n = len - i < 3 ? len - i : 3;
        const uint32_t v = (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                           (n > 2 ? bytes[i + 2] : 0u);
        const char four[4] = {letters[v >> 18], letters[v >> 12 & 63], n > 1 ? letters[v >> 6 & 63] : '=',
                              n > 2 ? letters[v & 63] : '='};
        an_buf_put(b, four, sizeof four);
    }
}

static double percent(uint32_t part, uint32_t of)
{
    return of > 0 && part < of ? 100.0 * part / of : 100;
}

static void put_boxes(an_buf *b, const an_report_alarm *a)
{
    for (size_t i = 0; i < a->n_boxes; i++) {
        const an_reason_box *box = &a->boxes[i];
        an_buf_printf(b, "<i style=\"left:%.1f%%;top:%.1f%%;width:%.1f%%;height:%.1f%%\"></i>",
                      percent(box->x, a->image_width), percent(box->y, a->image_height),
                      percent(box->width, a->image_width), percent(box->height, a->image_height));
    }
}

/* False: there is nothing of it any more. */
static bool put_picture(an_buf *b, const an_report *r, const an_report_alarm *a, size_t *bytes)
{
    an_exhibit *e = NULL;
    an_buf png;
    an_buf_init(&png, PICTURES_BYTES);
    an_err err = an_exhibit_read(r->dir, a->picture, &e, NULL);
    if (err == AN_OK)
        err = an_exhibit_overlay(e, &png);
    const bool some = err == AN_OK && *bytes + png.len <= PICTURES_BYTES;
    if (some) {
        *bytes += png.len;
        an_buf_text(b, "<figure><div><img alt=\"\" src=\"data:image/png;base64,");
        put_base64(b, png.data, png.len);
        an_buf_text(b, "\">");
        put_boxes(b, a);
        an_buf_text(b, "</div><figcaption>");
        an_report_put(b, a->line);
        an_buf_printf(b, " no. %" PRIu64, a->alarm);
        if (a->part[0]) {
            an_buf_text(b, ", part ");
            an_report_put(b, a->part);
        }
        an_buf_text(b, "</figcaption></figure>\n");
    }
    an_buf_done(&png);
    an_exhibit_free(e);
    return some;
}

void an_report_pictures(an_buf *b, const an_report *r)
{
    size_t wanted = 0, shown = 0, bytes = 0;
    for (size_t i = 0; i < r->n_alarms; i++)
        wanted += r->alarms[i].picture[0] != '\0';
    if (wanted == 0 || !r->dir[0])
        return;
    an_buf_text(b, "<h2>Pictures</h2>\n<div class=\"pictures\">\n");
    for (size_t i = 0; i < r->n_alarms && shown < PICTURES_MOST; i++)
        if (r->alarms[i].picture[0])
            shown += put_picture(b, r, &r->alarms[i], &bytes);
    an_buf_printf(b, "</div>\n<p class=\"aside\">%zu of %zu. Redder: further from what is usual there.</p>\n",
                  shown, wanted);
}
