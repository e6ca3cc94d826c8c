/* The pipeline's alarms: those of the model, what rules make of them, and those that rules raise themselves. */
#include <math.h>
#include <string.h>

#include "agent/pipeline_internal.h"

static an_data_quality judge_data(const an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out,
                                  size_t bad)
{
    if (bad > 0 && !out->scored && p->has_live)
        return AN_DATA_BAD;
    return bad > 0 || (in->flags & (AN_ROW_TIME_MADE | AN_ROW_HAS_GAP | AN_ROW_SKEWED)) ? AN_DATA_UNCERTAIN
                                                                                        : AN_DATA_GOOD;
}

static void speak(an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out, an_spoken *s)
{
    if (!p->conf.hooks.spoken)
        return;
    s->raw = out->scored ? out->raw : (double)NAN;
    s->bad_sensors = an_pipeline_bad_n(p);
    s->data = judge_data(p, in, out, s->bad_sensors);
    s->part = in->part;
    s->image = in->image;
    p->conf.hooks.spoken(p->conf.hooks.ctx, s);
}

/* What an alarm was raised for is not normal; and persistence reacts late. */
static void hold(an_pipeline *p, const an_alarm_event *e)
{
    if (p->conf.pool)
        an_pool_hold_since(p->conf.pool, e->since_ms, e->id);
}

/* ---- the model's ---- */

/* What has to be said of the model's open alarm, whether or not its own machine says something. */
static bool model_kind(an_voice *v, const an_alarm_event *own, bool veto, an_severity severity,
                       an_logged_kind *ret)
{
    const bool was_suppressed = v->suppressed;
    const an_severity was = v->severity;
    v->suppressed = veto;
    v->severity = severity;
    if (own && own->kind == AN_ALARM_RAISED)
        *ret = AN_LOGGED_RAISED;
    else if (own && own->kind == AN_ALARM_CLEARED)
        *ret = AN_LOGGED_CLEARED;
    else if (veto != was_suppressed)
        *ret = veto ? AN_LOGGED_SUPPRESSED : AN_LOGGED_RELEASED;
    else if (own || severity > was)
        *ret = AN_LOGGED_UPDATED;
    else
        return false;
    return true;
}

static void speak_of_model(an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out,
                           const an_alarm_event *own)
{
    const an_rulebook *book = p->conf.rules;
    an_voice *v = &p->voice;
    an_alarm_event event;
    an_spoken s = {.rule = -1, .event = &event};
    if (!own && !an_alarm_is_open(p->alarm))
        return;
    if (own && own->kind == AN_ALARM_RAISED)
        *v = (an_voice){.rows = own->scores, .severity = p->conf.severity};
    else
        v->rows++;
    s.shown = v->shown;
    const an_severity severity = an_rulebook_severity(book, p->conf.severity);
    /* With its end the last word stands: a veto that ends with it changes nothing any more. */
    const bool over = own && own->kind == AN_ALARM_CLEARED;
    const bool veto = over ? v->suppressed : an_rulebook_active(book, AN_RULE_VETO) != 0;
    if (!model_kind(v, own, veto, over ? v->severity : severity, &s.kind))
        return;
    if (own)
        event = *own;
    else
        an_alarm_now(p->alarm, an_pipeline_scored_ms(p), &event);
    v->shown = v->shown || !v->suppressed;
    if (s.kind == AN_LOGGED_RAISED && v->suppressed)
        p->stats.suppressed++;
    s.with = an_rulebook_active(book, AN_RULE_RAISE) | an_rulebook_active(book, AN_RULE_ESCALATE);
    s.veto = an_rulebook_active(book, AN_RULE_VETO);
    s.severity = v->severity;
    s.suppressed = v->suppressed;
    s.rows = v->rows;
    an_reason reason;
    an_seen seen;
    if (out->scored && !over && p->conf.hooks.spoken && p->conf.frame.rows > 0) {
        s.reason = an_pipeline_where(p, in, &event, &reason, &seen) ? &reason : NULL;
        s.seen = s.reason ? &seen : NULL;
    } else if (out->scored && !over && p->conf.hooks.spoken && an_pipeline_reason(p, &event, &reason)) {
        s.reason = &reason;
    }
    speak(p, in, out, &s);
}

void an_pipeline_say_end(an_pipeline *p, const an_pipeline_in *in, const an_alarm_event *e)
{
    const an_pipeline_out nothing = {0};
    if (p->conf.hooks.alarm)
        p->conf.hooks.alarm(p->conf.hooks.ctx, e);
    speak_of_model(p, in, &nothing, e);
}

/* ---- the rules' ---- */

static void speak_of_rule(an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out,
                          const an_rule_said *said)
{
    static const an_logged_kind kinds[] = {AN_LOGGED_RAISED, AN_LOGGED_UPDATED, AN_LOGGED_CLEARED};
    const an_line_rule *rule = an_rulebook_rule(p->conf.rules, said->rule);
    an_spoken s = {.kind = kinds[said->event.kind],
                   .event = &said->event,
                   .rule = (int)said->rule,
                   .severity = rule->severity,
                   .rows = said->event.scores,
                   .members = said->members,
                   .n_members = said->n_members};
    if (said->event.kind == AN_ALARM_RAISED) {
        p->stats.rule_alarms++;
        hold(p, &said->event);
    }
    speak(p, in, out, &s);
}

static size_t step_rules(an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out,
                         an_rule_said *said)
{
    const an_rule_in r = {.time_ms = in->time_ms,
                          .restart = (in->flags & AN_ROW_RESTART) != 0,
                          .values = in->values,
                          .quality = p->quality,
                          .score = out->scored ? out->score : (double)NAN,
                          .ln_p = p->ln_p,
                          .alarm_open = an_alarm_is_open(p->alarm),
                          .board = p->conf.board,
                          .numbers = p->alarm};
    return an_rulebook_step(p->conf.rules, &r, said);
}

void an_pipeline_alarms(an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out)
{
    an_alarm_event event;
    an_rule_said said[AN_RULES_MAX];
    const bool some =
        out->scored && an_alarm_step(p->alarm, an_pipeline_scored_ms(p), out->score, p->contribution, &event);
    if (some && event.kind == AN_ALARM_RAISED) {
        p->stats.alarms++;
        hold(p, &event);
    }
    if (some && p->conf.hooks.alarm)
        p->conf.hooks.alarm(p->conf.hooks.ctx, &event);
    const size_t n = p->conf.rules ? step_rules(p, in, out, said) : 0;
    speak_of_model(p, in, out, some ? &event : NULL);
    for (size_t i = 0; i < n; i++)
        speak_of_rule(p, in, out, &said[i]);
    if (p->conf.board)
        an_board_show(p->conf.board, p->conf.board_line, out->scored ? out->score : (double)NAN, p->ln_p,
                      (an_alarm_is_open(p->alarm) && !p->voice.suppressed) ||
                          an_rulebook_alarm(p->conf.rules) != 0);
}

uint64_t an_pipeline_held_by(const an_pipeline *p)
{
    return an_alarm_is_open(p->alarm) ? an_alarm_id(p->alarm) : an_rulebook_alarm(p->conf.rules);
}

/* ---- over a restart ---- */

an_err an_pipeline_rules_save(const an_pipeline *p, an_buf *ret)
{
    an_buf_u64(ret, p->voice.rows);
    an_buf_u8(ret, (uint8_t)p->voice.severity);
    an_buf_u8(ret, p->voice.suppressed);
    an_buf_u8(ret, p->voice.shown);
    an_buf_put(ret, p->part, sizeof p->part);
    return an_rulebook_save(p->conf.rules, ret);
}

an_err an_pipeline_rules_restore(an_pipeline *p, an_reader *in)
{
    an_voice v = {.rows = an_read_u64(in)};
    const uint8_t severity = an_read_u8(in);
    v.suppressed = an_read_u8(in) != 0;
    v.shown = an_read_u8(in) != 0;
    const uint8_t *part = an_read_bytes(in, AN_PART_MAX);
    if (in->failed || !part || memchr(part, '\0', AN_PART_MAX) == NULL || severity >= AN_SEVERITIES)
        return AN_ERR_PROTO;
    v.severity = (an_severity)severity;
    an_err err = an_rulebook_restore(p->conf.rules, in, p->gone, &p->n_gone);
    if (err == AN_OK) {
        p->voice = v;
        memcpy(p->part, part, AN_PART_MAX);
    }
    return err;
}

size_t an_pipeline_rules_gone(const an_pipeline *p, const an_rule_gone **ret)
{
    *ret = p->gone;
    return p->n_gone;
}
