/* The pipeline of a line of images: a picture that says nothing of the part, and alarms that end with their part. */
#include <math.h>
#include <string.h>

#include "agent/pipeline_internal.h"

void an_pipeline_part(an_pipeline *p, const an_pipeline_in *in)
{
    an_alarm_event e;
    const char *part = in->part ? in->part : "";
    if (p->conf.frame.rows == 0 || !(in->flags & AN_ROW_RESTART) || (part[0] && strcmp(part, p->part) == 0))
        return;
    if (an_alarm_part(p->alarm, in->time_ms, &e)) {
        an_pipeline_in before = *in;
        before.part = p->part;
        before.image = NULL;
        an_pipeline_say_end(p, &before, &e);
    }
    memset(p->part, 0, sizeof p->part);
    memcpy(p->part, part, strnlen(part, sizeof p->part - 1));
}

/* All rows of an image have one quality, so that its first one says what it is. */
void an_pipeline_picture(an_pipeline *p, const an_pipeline_in *in)
{
    const uint8_t said = in->quality ? in->quality[0] : (uint8_t)AN_VALUE_GOOD;
    const bool bad = said > AN_VALUE_UNCERTAIN, was_bad = p->picture_bad;
    p->picture_bad = bad;
    if (!(in->flags & AN_ROW_RESTART) || (!bad && !was_bad))
        return;
    const an_quality_event e = {.kind = AN_QUALITY_IMAGE,
                                .begins = bad,
                                .time_ms = in->time_ms,
                                .since_ms = in->time_ms,
                                .rows = p->conf.frame.rows,
                                .said = said,
                                .value = (double)NAN,
                                .part = in->part,
                                .image = in->image ? in->image->name : ""};
    p->stats.quality_events++;
    if (p->conf.hooks.quality)
        p->conf.hooks.quality(p->conf.hooks.ctx, &e);
}

size_t an_pipeline_bad_n(const an_pipeline *p)
{
    if (p->conf.frame.rows > 0)
        return p->picture_bad ? p->conf.width : 0;
    return an_quality_bad_n(p->quality);
}

/* A box of the model's image, in pixels of the one that came. */
static an_reason_box enlarge(const an_heatmap_box *b, const an_live_map *m, uint32_t width, uint32_t height)
{
    const uint32_t x0 = (uint32_t)(b->x0 * width / m->width), y0 = (uint32_t)(b->y0 * height / m->height);
    const uint32_t x1 = (uint32_t)(((b->x1 + 1) * width + m->width - 1) / m->width),
                   y1 = (uint32_t)(((b->y1 + 1) * height + m->height - 1) / m->height);
    return (an_reason_box){.x = x0, .y = y0, .width = x1 - x0, .height = y1 - y0, .peak = b->peak};
}

bool an_pipeline_where(const an_pipeline *p, const an_pipeline_in *in, const an_alarm_event *e,
                       an_reason *ret, an_seen *ret_seen)
{
    const an_source_frame *f = &p->conf.frame;
    an_live_map m;
    if (!p->has_live || !p->live.map || p->ring_n < f->rows || p->live.map(p->live.ctx, &m) != AN_OK)
        return false;
    const bool known = in->image && in->image->width > 0 && in->image->height > 0;
    *ret = (an_reason){.time_ms = e->time_ms,
                       .score = e->score,
                       .of_image = true,
                       .image_width = known ? in->image->width : (uint32_t)f->width,
                       .image_height = known ? in->image->height : (uint32_t)f->rows};
    for (; ret->n_boxes < m.n && ret->n_boxes < AN_REASON_BOXES; ret->n_boxes++)
        ret->boxes[ret->n_boxes] = enlarge(&m.boxes[ret->n_boxes], &m, ret->image_width, ret->image_height);
    an_pipeline_nearest(p, m.scale, ret);
    for (size_t y = 0; y < f->rows; y++)
        memcpy(p->window + y * p->conf.width, an_pipeline_remembered(p, p->ring_n - f->rows + y),
               p->conf.width * sizeof *p->window);
    *ret_seen = (an_seen){
        .height = f->rows, .width = f->width, .channels = f->channels, .image = p->window, .map = m.map};
    return true;
}
