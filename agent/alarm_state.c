#include "agent/alarm_state.h"

#include <string.h>

static const char *const names[] = {
#define AN_STANDING_ROW(name, text) text,
    AN_STANDING_LIST(AN_STANDING_ROW)
#undef AN_STANDING_ROW
};

const char *an_standing_name(an_standing s)
{
    return names[s];
}

bool an_standing_find(const char *name, an_standing *ret)
{
    for (unsigned i = 0; i < AN_STANDINGS; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *ret = (an_standing)i;
        return true;
    }
    return false;
}

an_alarm_state an_alarm_state_normal(void)
{
    return (an_alarm_state){.acked = true};
}

an_standing an_alarm_standing(const an_alarm_state *s)
{
    if (s->aside & AN_ASIDE_OUT)
        return AN_STANDING_OUT;
    if (s->aside & AN_ASIDE_SHELVED)
        return AN_STANDING_SHELVED;
    if (s->aside & AN_ASIDE_SUPPRESSED)
        return AN_STANDING_SUPPRESSED;
    if (s->active)
        return s->acked ? AN_STANDING_ACKED : AN_STANDING_UNACKED;
    return s->acked ? AN_STANDING_NORMAL : AN_STANDING_RETURNED;
}

bool an_standing_shown(an_standing s)
{
    return s <= AN_STANDING_RETURNED;
}

static an_err follow(an_alarm_state *s, bool active)
{
    if (s->active == active)
        return AN_ERR_EXISTS;
    s->active = active;
    if (active)
        s->acked = false;
    else if (s->aside)
        s->acked = true; /* nobody has seen it */
    return AN_OK;
}

static an_err acknowledge(an_alarm_state *s)
{
    if (s->aside)
        return AN_ERR_STATE;
    if (s->acked)
        return AN_ERR_EXISTS;
    s->acked = true;
    return AN_OK;
}

static an_err set_aside(an_alarm_state *s, unsigned how)
{
    if (s->aside & how)
        return AN_ERR_EXISTS;
    s->aside |= how;
    return AN_OK;
}

static an_err bring_back(an_alarm_state *s, unsigned how)
{
    if (!(s->aside & how))
        return AN_ERR_EXISTS;
    s->aside &= ~how;
    if (how == AN_ASIDE_SHELVED)
        s->until_ms = 0;
    if (!s->aside)
        s->acked = !s->active;
    return AN_OK;
}

static an_err shelve(an_alarm_state *s, int64_t until_ms)
{
    if ((s->aside & AN_ASIDE_SHELVED) && s->until_ms == until_ms)
        return AN_ERR_EXISTS;
    s->aside |= AN_ASIDE_SHELVED;
    s->until_ms = until_ms;
    return AN_OK;
}

an_err an_alarm_do(an_alarm_state *s, an_alarm_act act, int64_t at_ms)
{
    switch (act) {
    case AN_ACT_RAISE:
        return follow(s, true);
    case AN_ACT_CLEAR:
        return follow(s, false);
    case AN_ACT_ACK:
        return acknowledge(s);
    case AN_ACT_SHELVE:
        return shelve(s, at_ms);
    case AN_ACT_EXPIRE:
        if ((s->aside & AN_ASIDE_SHELVED) && at_ms < s->until_ms)
            return AN_ERR_STATE;
        return bring_back(s, AN_ASIDE_SHELVED);
    case AN_ACT_UNSHELVE:
        return bring_back(s, AN_ASIDE_SHELVED);
    case AN_ACT_SUPPRESS:
        return set_aside(s, AN_ASIDE_SUPPRESSED);
    case AN_ACT_RELEASE:
        return bring_back(s, AN_ASIDE_SUPPRESSED);
    case AN_ACT_REMOVE:
        return set_aside(s, AN_ASIDE_OUT);
    case AN_ACT_RESTORE:
        return bring_back(s, AN_ASIDE_OUT);
    case AN_ACTS:
        break;
    }
    return AN_ERR_INVAL;
}
