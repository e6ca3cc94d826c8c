/* Updates that were acknowledged and whose bytes are not here: those of a coordinator that went away with its disk.
 *
 * Large updates are files of the coordinator that fetched them; the journal that says they were accepted is in the
 * store, which another coordinator may take over.  A site keeps its upload until it has seen the round's end, and so
 * it is asked for the same bytes again, by their hash.  The round's sum waits for all of them: an update that was
 * acknowledged is in the sum, or the round ends ABORTED and says which one is lost. */
#include <stdio.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"

#define ASK_AGAIN_MS 5000

/* Also if the store cannot say: then ret_unsure is set, and is as it was otherwise. */
static bool is_lacking(const an_hub *hub, const an_hub_round *r, size_t i, bool *ret_unsure)
{
    const an_member *m = &r->round.members[i];
    uint64_t len;
    if (m->state != AN_MEMBER_DELIVERED)
        return false;
    const an_err err = an_store_object_size(hub->conf.store, &m->update, &len, NULL);
    *ret_unsure = *ret_unsure || (err != AN_OK && err != AN_ERR_NOTFOUND);
    return err != AN_OK;
}

void an_hub_again_count(an_hub *hub, an_hub_round *r)
{
    r->n_lacking = 0;
    r->unsure = false;
    for (size_t i = 0; i < r->round.n_members; i++)
        r->n_lacking += is_lacking(hub, r, i, &r->unsure);
}

bool an_hub_again_wanted(const an_hub *hub, const an_hub_round *r, size_t member, const an_hash *update)
{
    bool unsure = false;
    return r->n_lacking > 0 && an_hash_equal(&r->round.members[member].update, update) &&
           is_lacking(hub, r, member, &unsure) && !unsure;
}

void an_hub_again_ask(an_hub *hub, const an_hub_round *r, size_t member)
{
    an_msg m = {.type = AN_MSG_UPDATE_REQUEST};
    bool unsure = false;
    if (r->n_lacking == 0 || !is_lacking(hub, r, member, &unsure) || unsure)
        return;
    const an_member *asked = &r->round.members[member];
    m.u.update_request = (an_msg_update_request){.round = asked->trained_in ? asked->trained_in : r->round.id,
                                                 .update = asked->update};
    an_err err = an_hub_send(hub, r->round.members[member].site, &m);
    (void)err; /* asked at the site's next HELLO, and with time */
}

static const char *first_lacking(const an_hub *hub, const an_hub_round *r)
{
    bool unsure = false;
    for (size_t i = 0; i < r->round.n_members; i++)
        if (is_lacking(hub, r, i, &unsure))
            return r->round.members[i].site;
    return "?";
}

/* As long as a site may take to deliver; counted from the takeover, since it may have been away as well. */
static int64_t gives_up_ms(const an_hub *hub, const an_hub_round *r)
{
    return hub->resumed_ms + (int64_t)r->plan->upload.deadline_ms;
}

void an_hub_again_tick(an_hub *hub, an_hub_round *r)
{
    const int64_t now = an_hub_now(hub);
    an_hub_again_taken(hub, r); /* a store that was away may have hidden what is there */
    if (r->n_lacking == 0 || r->unsure)
        return;
    if (r->round.state == AN_ROUND_SUMMING && now >= gives_up_ms(hub, r)) {
        an_round_event lost = {.type = AN_ROUND_EVENT_SUM_FAILED, .now_ms = now};
        snprintf(lost.reason, sizeof lost.reason,
                 "%u acknowledged updates were lost with a former coordinator's disk, that of %.63s among "
                 "them, and "
                 "their sites have not given them again",
                 r->n_lacking, first_lacking(hub, r));
        an_hub_round_event(hub, r, &lost, "coordinator");
        return;
    }
    if (now < r->again_ms)
        return;
    r->again_ms = now + ASK_AGAIN_MS;
    for (size_t i = 0; i < r->round.n_members; i++)
        an_hub_again_ask(hub, r, i);
}

void an_hub_again_taken(an_hub *hub, an_hub_round *r)
{
    if (r->n_lacking == 0)
        return;
    an_hub_again_count(hub, r);
    if (r->n_lacking == 0)
        an_log(AN_LOG_INFO, "updates_complete", "round=%llu", (unsigned long long)r->round.id);
    if (r->n_lacking == 0 && r->round.state == AN_ROUND_SUMMING)
        an_hub_sum_start(hub, r);
}

void an_hub_round_waiting(an_hub *hub, uint64_t id, an_note *ret)
{
    const an_hub_round *r = an_hub_round_find(hub, id);
    if (!r) {
        an_note_set(ret, "nothing: it is not open");
        return;
    }
    if (r->n_lacking == 0 || r->round.state != AN_ROUND_SUMMING) {
        an_round_waiting(&r->round, an_hub_now(hub), ret);
        return;
    }
    const int64_t left = gives_up_ms(hub, r) - an_hub_now(hub);
    an_note_set(
        ret,
        "asks for %u acknowledged updates again, which a former coordinator had, that of %.63s among them; "
        "gives up in %lld s",
        r->n_lacking, first_lacking(hub, r), (long long)(left > 0 ? left / 1000 : 0));
}
