/* Events of rounds that wait for one another, to be stored in one transaction. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"

/* Events in a transaction; each is three records at most.  More cost less each, and let people wait longer. */
#define GROUP_MAX 32

static bool may_wait(const an_round_event *e)
{
    return e->type == AN_ROUND_EVENT_ACCEPT || e->type == AN_ROUND_EVENT_REFUSE ||
           e->type == AN_ROUND_EVENT_UPDATE || e->type == AN_ROUND_EVENT_SECURE;
}

void an_hub_gather(an_hub *hub)
{
    an_hub_watch_clock(hub);
    hub->gathering = true;
}

/* The first events in the queue that belong to one round. */
static void settle_group(an_hub *hub)
{
    an_hub_waiting *items = hub->waiting.items;
    size_t n = 1;
    while (n < hub->waiting.n && n < GROUP_MAX && items[n].round == items[0].round)
        n++;
    an_hub_waiting *group = an_alloc(n, sizeof *group);
    if (!group) { /* the queue must be free for what they lead to */
        an_log(AN_LOG_ERROR, "round_event_not_stored", "round=%llu events=%zu err=NOMEM why=\"\"",
               (unsigned long long)items[0].round, n);
        for (size_t i = 0; i < n; i++)
            an_free(items[i].bytes);
    } else {
        memcpy(group, items, n * sizeof *group);
    }
    hub->waiting.n -= n;
    memmove(items, items + n, hub->waiting.n * sizeof *items);
    an_hub_round *r = group ? an_hub_round_find(hub, group[0].round) : NULL;
    if (r)
        an_hub_round_feed_all(hub, r, group, n, NULL);
    for (size_t i = 0; group && i < n; i++)
        an_free(group[i].bytes);
    an_free(group);
}

bool an_hub_settle_some(an_hub *hub)
{
    hub->gathering = false;
    if (hub->waiting.n > 0)
        settle_group(hub);
    if (hub->waiting.n > 0)
        return true;
    if (hub->drive_due)
        an_hub_drive(hub);
    return false;
}

void an_hub_settle(an_hub *hub)
{
    while (an_hub_settle_some(hub)) {
    }
}

/* With a copy of its bytes, which are borrowed.  False: no memory. */
static bool put_off(an_hub *hub, const an_hub_waiting *w)
{
    uint8_t *bytes = w->event.len > 0 ? an_alloc_raw(w->event.len, 1) : NULL;
    if ((w->event.len > 0 && !bytes) ||
        !an_grow(&hub->waiting.items, &hub->waiting.cap, hub->waiting.n + 1, sizeof *hub->waiting.items)) {
        an_free(bytes);
        return false;
    }
    an_hub_waiting *put = &hub->waiting.items[hub->waiting.n++];
    *put = *w;
    if (bytes)
        memcpy(bytes, w->event.bytes, w->event.len);
    put->event.bytes = put->bytes = bytes;
    return true;
}

void an_hub_round_feed(an_hub *hub, an_hub_round *r, const an_round_event *e, const char *actor,
                       const an_combine_job *job)
{
    an_hub_waiting w = {.round = r->round.id, .event = *e};
    snprintf(w.actor, sizeof w.actor, "%s", actor);
    if (hub->gathering && may_wait(e) && put_off(hub, &w))
        return;
    an_hub_round_feed_all(hub, r, &w, 1, job);
}
