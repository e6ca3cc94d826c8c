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
