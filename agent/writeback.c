#include "agent/writeback.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_MS 60000

/* ---- who has enabled it ---- */

an_wb_answer an_wb_ask(an_wb_gate *g, const an_wb_people *p, const char *by, int64_t now_ms)
{
    const int64_t age = now_ms - g->first_ms;
    const bool waits = g->first[0] && age >= 0 && age <= p->window_ms;
    if (waits && strcmp(g->first, by) == 0)
        return AN_WB_SAME_PERSON;
    if (!waits) {
        snprintf(g->first, sizeof g->first, "%s", by);
        g->first_ms = now_ms;
        return AN_WB_ARMED;
    }
    snprintf(g->people[0], sizeof g->people[0], "%s", g->first);
    snprintf(g->people[1], sizeof g->people[1], "%s", by);
    g->first[0] = '\0';
    g->until_ms = now_ms + p->for_ms;
    return AN_WB_ENABLED;
}

void an_wb_end(an_wb_gate *g)
{
    *g = (an_wb_gate){.until_ms = 0};
}

bool an_wb_is_enabled(const an_wb_gate *g, int64_t now_ms)
{
    return g->until_ms > 0 && now_ms < g->until_ms;
}

/* ---- what is said ---- */

const char *an_wb_verdict_name(an_wb_verdict_kind v)
{
    static const char *const names[] = {"unknown", "good", "bad"};
    return names[v];
}

static bool is_fresh(int64_t age_ms, int64_t deadline_ms)
{
    return age_ms <= deadline_ms && age_ms >= -deadline_ms;
}

an_wb_verdict_kind an_wb_verdict(const an_wb_look *look, int64_t deadline_ms, an_severity severity)
{
    if (!look->runs || !is_fresh(look->agent_age_ms, deadline_ms) ||
        !is_fresh(look->scored_age_ms, deadline_ms))
        return AN_WB_UNKNOWN;
    return look->alarm && look->severity >= severity ? AN_WB_BAD : AN_WB_GOOD;
}

/* ---- what is written ---- */

static bool is_within(const an_wb_target *t, uint16_t value)
{
    return value >= t->min && value <= t->max;
}

bool an_wb_target_ok(const an_wb_target *t)
{
    for (size_t i = 0; i < 3; i++)
        if (!is_within(t, t->values[i]))
            return false;
    return t->values[AN_WB_UNKNOWN] != t->values[AN_WB_GOOD] && t->rate_minute >= 1 &&
           t->rate_minute <= AN_WB_RATE_MAX;
}

/* A clock that was set back makes no room. */
static bool too_often(const an_wb_target *t, const an_wb_state *s, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += now_ms - s->times[i] < MINUTE_MS;
    return n >= t->rate_minute;
}

an_wb_what an_wb_decide(const an_wb_target *t, const an_wb_state *s, an_wb_verdict_kind v, bool enabled,
                        int64_t now_ms, uint16_t *ret_value)
{
    const uint16_t value = t->values[v];
    if (!enabled)
        return AN_WB_DISABLED;
    if (!is_within(t, value))
        return AN_WB_OUTSIDE;
    if (s->known && s->value == value)
        return AN_WB_KEEP;
    if (too_often(t, s, now_ms))
        return AN_WB_TOO_OFTEN;
    *ret_value = value;
    return AN_WB_WRITE;
}

void an_wb_begins(an_wb_state *s, int64_t now_ms)
{
    s->known = false;
    s->times[s->at] = now_ms;
    s->at = (s->at + 1) % AN_WB_RATE_MAX;
    s->n += s->n < AN_WB_RATE_MAX;
}

void an_wb_done(an_wb_state *s, uint16_t value)
{
    s->known = true;
    s->value = value;
}
