#include "agent/rules.h"

#include <math.h>
#include <string.h>

#include "agent/rules_internal.h"

const char *an_rule_effect_name(an_rule_effect e)
{
    static const char *const names[] = {"raise", "veto", "escalate"};
    return names[e];
}

/* ---- conditions ---- */

bool an_cond_is_group(an_cond_kind kind)
{
    return kind <= AN_COND_NOT || kind == AN_COND_FUSED;
}

static an_truth truth(bool b)
{
    return b ? AN_TRUE : AN_FALSE;
}

/* What is beyond a limit stays so until it is back by the hysteresis. */
static an_truth beyond(const an_cond *c, an_cond_state *s, double v)
{
    const double h = s->on ? c->hysteresis : 0;
    const bool above = v > c->high - h, below = v < c->low + h;
    switch (c->kind) {
    case AN_COND_BELOW:
    case AN_COND_RATE_BELOW:
        s->on = below;
        break;
    case AN_COND_OUTSIDE:
        s->on = above || below;
        break;
    default:
        s->on = above;
        break;
    }
    return truth(s->on);
}

static bool believed(const an_rule_in *in, size_t sensor)
{
    const float v = in->values[sensor];
    return isfinite(v) && an_quality_in_range(in->quality, sensor, v) &&
           !an_quality_is_open(in->quality, sensor, AN_QUALITY_MISSING) &&
           !an_quality_is_open(in->quality, sensor, AN_QUALITY_RANGE);
}

static an_truth look_at_line(const an_cond *c, an_cond_state *s, const an_rule_in *in)
{
    double score = in->score;
    bool open = in->alarm_open;
    if (!s->own && (!in->board || !an_board_look(in->board, s->index, &score, &open)))
        return AN_UNKNOWN;
    if (c->kind == AN_COND_ALARM_OPEN)
        return truth(open);
    return isfinite(score) ? beyond(c, s, score) : AN_UNKNOWN;
}

static an_truth look(const an_cond *c, an_cond_state *s, const an_rule_in *in)
{
    double rate;
    switch (c->kind) {
    case AN_COND_ABOVE:
    case AN_COND_BELOW:
    case AN_COND_OUTSIDE:
        return believed(in, s->index) ? beyond(c, s, (double)in->values[s->index]) : AN_UNKNOWN;
    case AN_COND_RATE_ABOVE:
    case AN_COND_RATE_BELOW:
        if (!believed(in, s->index) ||
            !an_rate_step(s->rate, in->time_ms, (double)in->values[s->index], c->over_ms, &rate))
            return AN_UNKNOWN;
        return beyond(c, s, rate);
    case AN_COND_FAULT:
        for (unsigned k = 0; k < AN_QUALITY_KINDS; k++)
            if ((c->faults >> k & 1) && an_quality_is_open(in->quality, s->index, (an_quality_kind)k))
                return AN_TRUE;
        return AN_FALSE;
    case AN_COND_MEMBER:
        s->value = s->own ? in->ln_p : in->board ? an_board_ln_p(in->board, s->index) : (double)NAN;
        return AN_UNKNOWN; /* alone it says nothing */
    default:
        return look_at_line(c, s, in);
    }
}

static an_truth join(const an_cond *conds, const an_cond_state *states, size_t at)
{
    const an_cond_kind kind = conds[at].kind;
    bool some_true = false, some_false = false, some_unknown = false;
    for (size_t i = at + 1; i < conds[at].end; i = conds[i].end) {
        some_true |= states[i].truth == AN_TRUE;
        some_false |= states[i].truth == AN_FALSE;
        some_unknown |= states[i].truth == AN_UNKNOWN;
    }
    if (kind == AN_COND_ALL && some_false)
        return AN_FALSE;
    if (kind == AN_COND_ANY && some_true)
        return AN_TRUE;
    if (some_unknown)
        return AN_UNKNOWN;
    return kind == AN_COND_NOT ? truth(some_false) : truth(kind == AN_COND_ALL);
}

/* True for as long as is asked?  While it is unknown the time goes on. */
static an_truth hold(const an_cond *c, an_cond_state *s, an_truth t, int64_t time_ms)
{
    if (c->for_ms == 0)
        return t;
    if (t == AN_FALSE)
        s->timed = false;
    if (t != AN_TRUE)
        return t;
    if (!s->timed || time_ms < s->since_ms)
        s->since_ms = time_ms;
    s->timed = true;
    return truth(time_ms - s->since_ms >= c->for_ms);
}

/* Of the members that there are: a dead camera leaves the microphone. */
static an_truth fuse(const an_cond *conds, an_cond_state *states, size_t at)
{
    double ln_p[AN_FUSE_MOST];
    size_t n = 0;
    for (size_t i = at + 1; i < conds[at].end; i++)
        if (isfinite(states[i].value))
            ln_p[n++] = states[i].value;
    states[at].value = n > 0 ? conds[at].fuse->together(ln_p, n) / log(conds[at].far) : (double)NAN;
    return n > 0 ? beyond(&conds[at], &states[at], states[at].value) : AN_UNKNOWN;
}

static an_truth look_at_group(const an_cond *conds, an_cond_state *states, size_t at)
{
    return conds[at].kind == AN_COND_FUSED ? fuse(conds, states, at) : join(conds, states, at);
}

/* Members come after their group, so from the last to the first all is known in time. */
static an_truth evaluate(const an_line_rule *rule, an_rule_state *state, const an_rule_in *in)
{
    for (size_t i = rule->n; i-- > 0;) {
        const an_cond *c = &rule->conds[i];
        an_cond_state *s = &state->conds[i];
        if (in->restart) {
            s->timed = false;
            if (s->rate)
                an_rate_reset(s->rate);
        }
        const an_truth t =
            an_cond_is_group(c->kind) ? look_at_group(rule->conds, state->conds, i) : look(c, s, in);
        s->truth = hold(c, s, t, in->time_ms);
    }
    return state->conds[0].truth;
}

/* ---- rules ---- */

/* True: it has become active, or has ended. */
static bool change(const an_line_rule *rule, an_rule_state *s, an_truth t, const an_rule_in *in)
{
    if (t == AN_UNKNOWN)
        return false;
    if ((t == AN_TRUE) == s->active) {
        s->pending = false;
        return false;
    }
    if (!s->pending || in->time_ms < s->since_ms || in->restart)
        s->since_ms = in->time_ms;
    s->pending = true;
    if (in->time_ms - s->since_ms < (s->active ? rule->clear_ms : rule->for_ms))
        return false;
    s->active = !s->active;
    s->pending = false;
    return true;
}

static void name_sensors(const an_line_rule *rule, const an_rule_state *s, an_alarm_event *e)
{
    e->n_top = 0;
    for (size_t i = 0; i < rule->n && e->n_top < AN_ALARM_TOP; i++) {
        const an_cond_kind kind = rule->conds[i].kind;
        bool named = kind < AN_COND_ABOVE || kind > AN_COND_FAULT || s->conds[i].truth != AN_TRUE;
        for (size_t k = 0; k < e->n_top; k++)
            named |= e->top[k].sensor == s->conds[i].index;
        if (!named)
            e->top[e->n_top++].sensor = s->conds[i].index;
    }
    for (size_t k = 0; k < e->n_top; k++)
        e->top[k].share = 1.0 / (double)e->n_top;
}

/* The first fused condition; the rule's n: there is none. */
static size_t find_fused(const an_line_rule *rule)
{
    size_t i = 0;
    while (i < rule->n && rule->conds[i].kind != AN_COND_FUSED)
        i++;
    return i;
}

static void follow(const an_line_rule *rule, an_rule_state *s, const an_rule_in *in)
{
    an_alarm_event *e = &s->event;
    const size_t fused = find_fused(rule);
    const double score = fused < rule->n ? s->conds[fused].value : in->score;
    e->time_ms = in->time_ms;
    e->score = score;
    e->scores++;
    if (isfinite(score) && !(e->peak >= score)) {
        e->peak = score;
        e->peak_ms = in->time_ms;
    }
}

/* Those with the largest shares, largest first. */
static void name_members(const an_line_rule *rule, const an_rule_state *s, an_rule_said *said)
{
    const size_t fused = find_fused(rule), end = fused < rule->n ? rule->conds[fused].end : rule->n;
    double sum = 0;
    said->n_members = 0;
    for (size_t i = fused + 1; i < end; i++)
        sum -= isfinite(s->conds[i].value) ? s->conds[i].value : 0;
    for (size_t i = fused + 1; i < end; i++) {
        const double ln_p = s->conds[i].value, share = sum > 0 ? -ln_p / sum : 0;
        size_t at = said->n_members;
        if (!isfinite(ln_p))
            continue;
        while (at > 0 && said->members[at - 1].share < share)
            at--;
        if (at == AN_ALARM_TOP)
            continue;
        said->n_members += said->n_members < AN_ALARM_TOP;
        memmove(&said->members[at + 1], &said->members[at],
                (said->n_members - at - 1) * sizeof *said->members);
        said->members[at] = (an_rule_member){rule->conds[i].name, share, ln_p};
    }
}

/* The alarm of a rule.  True: it has something to say, and s->event is it. */
static bool speak(const an_line_rule *rule, an_rule_state *s, bool changed, int64_t update_ms,
                  const an_rule_in *in)
{
    an_alarm_event *e = &s->event;
    if (changed && s->active)
        *e = (an_alarm_event){.kind = AN_ALARM_RAISED,
                              .id = an_alarm_number(in->numbers),
                              .since_ms = s->since_ms,
                              .peak = (double)NAN};
    else if (changed)
        e->kind = AN_ALARM_CLEARED;
    else if (!s->active)
        return false;
    else
        e->kind = AN_ALARM_UPDATED;
    follow(rule, s, in);
    if (e->kind == AN_ALARM_UPDATED &&
        (update_ms == 0 || (in->time_ms - s->said_ms < update_ms && in->time_ms >= s->said_ms)))
        return false;
    if (e->kind != AN_ALARM_CLEARED)
        name_sensors(rule, s, e); /* of a cleared one it stays what it was */
    s->said_ms = in->time_ms;
    return true;
}

size_t an_rulebook_step(an_rulebook *b, const an_rule_in *in, an_rule_said *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < b->rules.n; i++) {
        const an_line_rule *rule = &b->rules.items[i];
        an_rule_state *s = &b->states[i];
        const bool changed = change(rule, s, evaluate(rule, s, in), in);
        if (changed)
            b->active ^= UINT64_C(1) << i;
        if (rule->effect != AN_RULE_RAISE || !speak(rule, s, changed, b->update_ms, in))
            continue;
        ret[n].rule = (unsigned)i;
        name_members(rule, s, &ret[n]);
        ret[n++].event = s->event;
    }
    return n;
}

/* ---- looking ---- */

size_t an_rulebook_n(const an_rulebook *b)
{
    return b ? b->rules.n : 0;
}

const an_line_rule *an_rulebook_rule(const an_rulebook *b, size_t i)
{
    return &b->rules.items[i];
}

uint64_t an_rulebook_active(const an_rulebook *b, an_rule_effect effect)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < an_rulebook_n(b); i++)
        if ((b->active >> i & 1) && b->rules.items[i].effect == effect)
            mask |= UINT64_C(1) << i;
    return mask;
}

an_severity an_rulebook_severity(const an_rulebook *b, an_severity least)
{
    for (size_t i = 0; i < an_rulebook_n(b); i++)
        if ((b->active >> i & 1) && b->rules.items[i].effect == AN_RULE_ESCALATE &&
            b->rules.items[i].severity > least)
            least = b->rules.items[i].severity;
    return least;
}

uint64_t an_rulebook_alarm(const an_rulebook *b)
{
    for (size_t i = 0; i < an_rulebook_n(b); i++)
        if ((b->active >> i & 1) && b->rules.items[i].effect == AN_RULE_RAISE)
            return b->states[i].event.id;
    return 0;
}
