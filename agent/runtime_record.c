/* What a line says of alarms and of its data, as records for the site's log.  On the line's thread. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/runtime_internal.h"
#include "base/log.h"
#include "base/mem.h"

static an_alarm_record *make(const an_line *l)
{
    const an_clock *clock = an_clock_system();
    an_alarm_record *r = an_alloc(1, sizeof *r);
    if (!r) {
        an_log(AN_LOG_ERROR, "alarm_not_logged", "line=%s why=\"out of memory\"", l->conf->name);
        return NULL;
    }
    an_text_set(r->line, sizeof r->line, l->conf->name);
    r->recorded_ms = clock->wall_ms(clock);
    r->score = r->raw = r->peak = NAN;
    return r;
}

static void set_event(an_alarm_record *r, const an_line *l, const an_alarm_event *e)
{
    r->alarm = e->id;
    r->time_ms = e->time_ms;
    r->since_ms = e->since_ms;
    r->rows = e->scores; /* a rule's; see an_spoken */
    r->score = e->score;
    r->peak = e->peak;
    r->peak_ms = e->peak_ms;
    memcpy(r->version, e->version, sizeof r->version);
    memcpy(r->overlay, e->overlay, sizeof r->overlay);
    for (size_t i = 0; i < e->n_top; i++) {
        an_text_set(r->top[i].sensor, sizeof r->top[i].sensor, l->sensors[e->top[i].sensor]);
        r->top[i].share = e->top[i].share;
    }
    r->n_top = e->n_top;
}

/* ---- the coordinator and the log of the program ---- */

static void log_event(const an_line *l, const an_spoken *s, const an_alarm_record *r)
{
    if (s->kind != AN_LOGGED_UPDATED)
        an_log(s->suppressed ? AN_LOG_INFO : AN_LOG_WARN,
               s->kind == AN_LOGGED_RAISED       ? "alarm_raised"
               : s->kind == AN_LOGGED_CLEARED    ? "alarm_cleared"
               : s->kind == AN_LOGGED_SUPPRESSED ? "alarm_suppressed"
                                                 : "alarm_released",
               "line=%s alarm=%" PRIu64 " source=%s suppressed=%s score=%.3g peak=%.3g sensor=\"%s\"",
               l->conf->name, r->alarm, r->source, s->suppressed ? "yes" : "no", r->score, r->peak,
               r->n_top ? r->top[0].sensor : "");
}

/* The coordinator is told of the model's alarms that people are shown: that one has begun, once, and that it is over. */
static void tell_coordinator(an_line *l, const an_spoken *s, const an_alarm_record *r)
{
    const an_alarm_event *e = s->event;
    const bool begins =
        (s->kind == AN_LOGGED_RAISED || s->kind == AN_LOGGED_RELEASED) && !s->suppressed && !s->shown;
    const bool ends = s->kind == AN_LOGGED_CLEARED && s->shown;
    an_msg m = {.type = AN_MSG_ALARM_SUMMARY};
    an_msg_alarm_summary *a = &m.u.alarm_summary;
    if (s->rule >= 0 || (!begins && !ends))
        return;
    an_text_set(a->line, sizeof a->line, l->conf->name);
    a->alarm_id = an_line_alarm_id(l->conf->name, e->id);
    memcpy(a->version.b, e->version, sizeof a->version.b);
    a->raised_ms = e->since_ms;
    a->cleared_ms = ends ? e->time_ms : 0;
    a->peak = e->peak;
    for (size_t i = 0; i < r->n_top && i < AN_SHARES_MAX; i++) {
        an_msg_share *share = &a->shares[a->n_shares++];
        an_text_set(share->sensor, sizeof share->sensor, r->top[i].sensor);
        share->share = r->top[i].share;
    }
    an_line_fact(l, &m);
}

/* ---- the site's log ---- */

/* The lines of a fused score stand where sensors do, and in the words. */
static void set_members(an_alarm_record *r, const an_spoken *s)
{
    if (s->kind == AN_LOGGED_CLEARED)
        return;
    for (size_t i = 0; i < s->n_members; i++) {
        const an_rule_member *m = &s->members[i];
        const size_t len = strlen(r->reason);
        snprintf(r->reason + len, sizeof r->reason - len,
                 "%s%s: %.0f %%, one normal score in %.3g is as high",
                 i > 0     ? "; "
                 : len > 0 ? " "
                           : "",
                 m->line, 100 * m->share, exp(-m->ln_p));
        an_text_set(r->top[i].sensor, sizeof r->top[i].sensor, m->line);
        r->top[i].share = m->share;
        r->n_top = i + 1;
    }
}

static void set_speakers(an_alarm_record *r, const an_line *l, const an_spoken *s)
{
    const uint64_t all = s->with | s->veto;
    if (s->rule >= 0) {
        const an_line_rule *rule = an_rulebook_rule(l->rules, (size_t)s->rule);
        snprintf(r->source, sizeof r->source, "rule:%s", rule->name);
        an_text_set(r->reason, sizeof r->reason, rule->message);
        set_members(r, s);
        return;
    }
    an_text_set(r->source, sizeof r->source, s->with ? "both" : "model");
    for (size_t i = 0; i < an_rulebook_n(l->rules) && r->n_rules < AN_ALARM_RULES_MAX; i++)
        if (all >> i & 1)
            an_text_set(r->rules[r->n_rules++], AN_RULE_NAME_MAX, an_rulebook_rule(l->rules, i)->name);
}

static void set_reason(an_alarm_record *r, const an_line *l, const an_reason *reason)
{
    const char *units[AN_SOURCE_WIDTH_MAX];
    for (size_t j = 0; j < l->width; j++)
        units[j] = l->schema.sensors[j].unit;
    an_reason_text(r->reason, reason, l->sensors, units);
    for (size_t i = 0; i < reason->n; i++) {
        const an_reason_part *p = &reason->parts[i];
        an_text_set(r->top[i].sensor, sizeof r->top[i].sensor, l->sensors[p->sensor]);
        r->top[i].share = p->share;
        r->top[i].explained = isfinite(p->expected);
        r->top[i].value = p->value;
        r->top[i].expected = p->expected;
        r->top[i].sigma = p->sigma;
        r->top[i].since_ms = p->since_ms;
        memcpy(r->top[i].within, p->steps, sizeof p->steps);
    }
    r->n_top = reason->n;
    r->n_within = reason->n_steps;
    r->near_ms = reason->has_near ? reason->near_ms : 0;
    r->near_distance = reason->has_near ? reason->near_distance : 0;
    r->image_width = reason->image_width;
    r->image_height = reason->image_height;
    r->n_boxes = reason->n_boxes;
    memcpy(r->boxes, reason->boxes, sizeof r->boxes);
}

/* Of the image at its worst; of those that follow the boxes are in the log. */
static void set_picture(an_alarm_record *r, an_line *l, const an_spoken *s)
{
    if (!s->seen || l->agent->keep == AN_KEEP_NOTHING || s->event->peak_ms != s->event->time_ms)
        return;
    an_exhibit *e = an_exhibit_new(l->conf->name, s->event->id, s->seen, l->agent->keep == AN_KEEP_IMAGES);
    if (!e) {
        an_log(AN_LOG_ERROR, "picture_not_kept", "line=%s why=\"out of memory\"", l->conf->name);
        return;
    }
    memcpy(r->picture, e->name, sizeof r->picture);
    const an_say say = {.kind = AN_SAY_EXHIBIT, .u.exhibit = e};
    an_line_say(l, &say);
}

void an_line_spoken(void *line, const an_spoken *s)
{
    an_line *l = line;
    an_alarm_record *r = make(l);
    if (!r)
        return;
    r->kind = s->kind;
    set_event(r, l, s->event);
    if (l->frame.rows > 0)
        r->n_top = 0; /* columns of an image are nobody's sensors */
    set_speakers(r, l, s);
    r->rows = s->rows;
    r->severity = s->severity;
    r->suppressed = s->suppressed;
    r->raw = s->raw;
    r->data = s->data;
    r->bad_sensors = (uint32_t)s->bad_sensors;
    an_text_set(r->part, sizeof r->part, s->part ? s->part : "");
    an_text_set(r->image, sizeof r->image, s->image ? s->image->name : "");
    if (s->reason)
        set_reason(r, l, s->reason);
    set_picture(r, l, s);
    an_line_traced(l, s);
    an_line_advice_alarm(l, s);
    log_event(l, s, r);
    tell_coordinator(l, s, r);
    an_line_logged(l, r);
}

void an_line_rules_gone(an_line *l)
{
    const an_rule_gone *gone = NULL;
    const size_t n = an_pipeline_rules_gone(l->pipe, &gone);
    for (size_t i = 0; i < n; i++) {
        an_alarm_record *r = make(l);
        if (!r)
            return;
        r->kind = AN_LOGGED_CLEARED;
        set_event(r, l, &gone[i].event);
        snprintf(r->source, sizeof r->source, "rule:%s", gone[i].name);
        an_text_set(r->reason, sizeof r->reason, "The configuration has this rule no more.");
        an_line_logged(l, r);
    }
}

void an_line_quality(an_line *l, const an_quality_event *e)
{
    an_alarm_record *r = make(l);
    if (!r)
        return;
    r->kind = AN_LOGGED_QUALITY;
    r->time_ms = e->time_ms;
    r->since_ms = e->since_ms;
    r->rows = e->rows;
    r->data = AN_DATA_UNCERTAIN;
    r->begins = e->begins;
    an_text_set(r->fault, sizeof r->fault, an_quality_kind_name(e->kind));
    if (e->kind == AN_QUALITY_IMAGE) {
        an_text_set(r->image, sizeof r->image, e->image);
        an_text_set(r->part, sizeof r->part, e->part ? e->part : "");
        if (e->begins && e->said == AN_VALUE_UNREACHED)
            an_text_set(r->reason, sizeof r->reason, "There is no picture of the part.");
        else if (e->begins)
            snprintf(r->reason, sizeof r->reason, "The picture is %s: it says nothing of the part.",
                     an_value_quality_name(e->said));
        an_line_logged(l, r);
        return;
    }
    if (e->begins && e->said != AN_VALUE_GOOD)
        snprintf(r->reason, sizeof r->reason, "The source says that it is %s.",
                 an_value_quality_name(e->said));
    an_text_set(r->top[0].sensor, sizeof r->top[0].sensor, l->sensors[e->sensor]);
    r->n_top = 1;
    an_line_logged(l, r);
}
