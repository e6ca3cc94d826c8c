/* What records add up to for each site: what it has sent, and its alarms of each day.  Asked for again and again by
 * screens, so it is added up once, not with each look. */
#include <string.h>

#include "coordinator/records.h"
#include "coordinator/state_internal.h"

#define DAY_MS INT64_C(86400000)

/* A site sums an alarm up when it is raised, and again when it is over: that is one alarm. */
void an_state_alarm_summary(an_state *st, const an_record *r, an_body *b)
{
    const bool over = an_body_int(b, "cleared_ms", 0) != 0;
    const an_site *site = an_state_site(st, r->subject);
    if (b->err != AN_OK || over || !site)
        return;
    an_alarm_day d = {.day = r->time_ms / DAY_MS, .site = (size_t)(site - st->sites.items), .n = 1};
    for (size_t i = st->alarm_days.n; i-- > 0 && st->alarm_days.items[i].day == d.day;) {
        if (st->alarm_days.items[i].site != d.site)
            continue;
        st->alarm_days.items[i].n += an_body_ready(b);
        return;
    }
    AN_BODY_APPEND(b, &st->alarm_days, d);
}

void an_state_sent_note(an_state *st, const an_record *r, an_body *b)
{
    const an_record_kind *kind = an_record_kind_find(r->kind);
    if (b->err != AN_OK || !kind || strncmp(r->actor, "site/", 5) != 0)
        return;
    /* Room for a site that a record before this one is about to add. */
    if (!an_grow(&st->sent.items, &st->sent.cap, st->sites.n + 1 + b->ahead, sizeof *st->sent.items))
        b->err = AN_ERR_NOMEM;
    const an_site *site = an_state_site(st, r->actor + 5);
    if (!site || !an_body_ready(b))
        return;
    const size_t i = (size_t)(site - st->sites.items);
    while (st->sent.n <= i)
        st->sent.items[st->sent.n++] = (an_sent){.of = {{0}}};
    an_sent_kind *k = &st->sent.items[i].of[kind - an_record_kind_at(0)];
    if (k->records++ == 0)
        k->first_ms = r->time_ms;
    k->bytes += r->body_len;
    k->last_ms = r->time_ms;
}
