#include "agent/sink_event.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "doors/json.h"

void an_sink_kind(char out[static AN_SINK_KIND_MAX], const an_alarm_record *r)
{
    snprintf(out, AN_SINK_KIND_MAX, "andon.%s.%s", r->kind == AN_LOGGED_QUALITY ? "data" : "alarm",
             an_logged_name(r->kind));
    for (char *c = out; *c; c++)
        if (*c == ' ')
            *c = '_';
}

char *an_sink_cloudevent(const an_sink_event *e)
{
    const an_alarm_record *r = e->record;
    char kind[AN_SINK_KIND_MAX], text[2 * AN_NAME_MAX + 16], time[25];
    an_json *o = an_json_object();
    an_json_set_text(o, "specversion", "1.0");
    an_json_set_text(o, "id", e->id);
    snprintf(text, sizeof text, "/andon/%s/%s", r->site, r->line);
    an_json_set_text(o, "source", text);
    an_sink_kind(kind, r);
    an_json_set_text(o, "type", kind);
    if (r->alarm) {
        snprintf(text, sizeof text, "%s/%llu", r->line, (unsigned long long)r->alarm);
        an_json_set_text(o, "subject", text);
    }
    an_time_text(time, r->time_ms);
    an_json_set_text(o, "time", time);
    snprintf(text, sizeof text, "%020llu", (unsigned long long)r->seq);
    an_json_set_text(o, "sequence", text);
    an_json_set_text(o, "datacontenttype", "application/json");
    an_json_set(o, "data", an_alarm_record_json(r));
    char *json = an_json_print(o, 0);
    an_json_free(o);
    return json;
}

void an_sink_sentence(char out[static AN_SINK_SENTENCE_MAX], const an_alarm_record *r)
{
    char alarm[64] = "", detail[AN_NAME_MAX + AN_ALARM_TEXT_MAX + 32] = "";
    if (r->alarm)
        snprintf(alarm, sizeof alarm, " alarm %llu", (unsigned long long)r->alarm);
    if (r->kind == AN_LOGGED_QUALITY && r->image[0])
        snprintf(detail, sizeof detail, " of data: image %s %s", r->image,
                 r->begins ? "is not good" : "is good");
    else if (r->kind == AN_LOGGED_QUALITY)
        snprintf(detail, sizeof detail, " of data: %s of %s %s", r->fault, r->n_top ? r->top[0].sensor : "?",
                 r->begins ? "begins" : "ends");
    else if (r->alarm)
        snprintf(detail, sizeof detail, " (%s)", an_severity_names[r->severity]);
    snprintf(out, AN_SINK_SENTENCE_MAX, "line %s,%s %s%s%s%s%s%s%s%s", r->line, alarm,
             an_logged_name(r->kind), detail, r->by[0] ? " by " : "", r->by, r->part[0] ? ", part " : "",
             r->part, r->reason[0] ? ": " : "", r->reason);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
}

int an_sink_priority(const an_alarm_record *r)
{
    static const int raised[AN_SEVERITIES] = {5, 4, 3, 2};
    if (r->kind == AN_LOGGED_QUALITY)
        return r->begins ? 4 : 6;
    /* What comes back from aside may be shown to people for the first time. */
    const bool back =
        r->kind == AN_LOGGED_RELEASED || r->kind == AN_LOGGED_UNSHELVED || r->kind == AN_LOGGED_RESTORED;
    const bool speaks = r->kind == AN_LOGGED_RAISED || r->kind == AN_LOGGED_UPDATED ||
                        (back && r->standing == AN_STANDING_UNACKED);
    return speaks ? raised[r->severity] : 6;
}
