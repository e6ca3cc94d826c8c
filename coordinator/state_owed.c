/* Updates that sites still train for rounds that have ended without them (plan.staleness_max). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/state_internal.h"

static void forget(an_state *st, uint64_t campaign, const char *site)
{
    for (size_t i = st->owed.n; i-- > 0;) {
        an_owed *o = &st->owed.items[i];
        if (o->campaign == campaign && (!site || strcmp(o->site, site) == 0))
            memmove(o, o + 1, (--st->owed.n - i) * sizeof *o);
    }
}

an_owed *an_state_owed(an_state *st, uint64_t round, const char *site)
{
    for (size_t i = 0; i < st->owed.n; i++)
        if (st->owed.items[i].round == round && strcmp(st->owed.items[i].site, site) == 0)
            return &st->owed.items[i];
    return NULL;
}

void an_state_owe(an_state *st, an_body *b, const an_round_entry *e)
{
    const an_jval *list = b->err == AN_OK ? an_jval_get(b->o, "owing") : NULL;
    const size_t n = list ? an_jval_count(list) : 0;
    if (n == 0)
        return;
    if (n > AN_COHORT_MAX)
        b->err = an_fail(AN_ERR_PROTO, b->why, "too many sites owe an update");
    else if (!an_grow(&st->owed.items, &st->owed.cap, st->owed.n + n + b->ahead, sizeof *st->owed.items))
        b->err = AN_ERR_NOMEM;
    for (size_t i = 0; i < n && b->err == AN_OK; i++) {
        an_owed o = {.round = e ? e->id : 0, .campaign = e ? e->campaign : 0};
        const char *site = "";
        b->err = an_jval_text(an_jval_at(list, i), NULL, &site, b->why);
        an_body_name(b, o.site, site);
        if (!an_body_ready(b))
            continue;
        forget(st, o.campaign, o.site); /* a site has one on its way at most */
        st->owed.items[st->owed.n++] = o;
    }
}

void an_state_owed_settle(an_state *st, const an_record *r, an_body *b)
{
    if (st->owed.n == 0)
        return;
    const char *event = an_body_text(b, "event", ""), *site = an_body_text(b, "site", "");
    const bool late = an_body_int(b, "trained_in", 0) != 0;
    const an_round_entry *e =
        strncmp(r->subject, "round/", 6) == 0 ? an_state_round(st, strtoull(r->subject + 6, NULL, 10)) : NULL;
    if (!an_body_ready(b) || !e)
        return;
    const bool given_up = strcmp(event, "refuse") == 0 && (late || an_state_owed(st, e->id, site));
    if (given_up || strcmp(event, "update") == 0)
        forget(st, e->campaign, site);
}

void an_state_owed_drop(an_state *st, const an_campaign *c)
{
    forget(st, c->id, NULL);
}
