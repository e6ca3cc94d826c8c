/* What an open round owes its members: the plan, the fate of an update, what the last exchange led to. */
#include <stdio.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"

#define PLAN_AGAIN_MS 10000

void an_hub_round_invite(an_hub *hub, an_hub_round *r, size_t member)
{
    an_msg m = {.type = AN_MSG_PLAN};
    m.u.plan.plan = (an_bytes){.data = r->plan_bytes.data, .len = r->plan_bytes.len};
    m.u.plan.plan_hash = r->round.plan_hash;
    const an_plan *p = r->plan;
    an_err err =
        an_candidate_sign(m.u.plan.candidate, p->model, an_payload_judges(p->kind) ? &p->candidate : &p->base,
                          hub->conf.sign_secret);
    if (err == AN_OK)
        err = an_hub_send(hub, r->round.members[member].site, &m);
    (void)err; /* owed again at the site's next HELLO */
}

void an_hub_round_ack(an_hub *hub, an_hub_round *r, const an_round_action *a)
{
    an_msg m = {.type = AN_MSG_UPDATE_ACK};
    const an_member *member = &r->round.members[a->member];
    if (a->status == AN_UPDATE_LATE && r->plan->staleness_max > 0 && member->state == AN_MEMBER_ACCEPTED)
        return; /* the site offers it again, and a later round may take it */
    const bool late = member->trained_in && an_hash_equal(&member->update, &a->hash);
    m.u.update_ack = (an_msg_update_ack){
        .round = late ? member->trained_in : r->round.id, .update = a->hash, .status = a->status};
    if (a->status == AN_UPDATE_REJECTED)
        an_text_set(m.u.update_ack.reason, sizeof m.u.update_ack.reason,
                    "this site's update of the round is another one");
    an_err err = an_hub_send(hub, member->site, &m);
    (void)err; /* the site offers again, and is told DUPLICATE */
    if (member->trained_in)
        an_hub_round_leave(hub, r, a->member);
}

/* For this site the round is over: it wipes what it has of it, and reveals nothing. */
void an_hub_round_leave(an_hub *hub, const an_hub_round *r, size_t member)
{
    an_msg m = {.type = AN_MSG_ROUND_END};
    an_msg_round_end *end = &m.u.round_end;
    *end = (an_msg_round_end){.round = r->round.id, .result = AN_ROUND_RESULT_ABORTED};
    if (r->round.secure) {
        const char *why = an_round_secure_left_out(&r->round, (uint32_t)member % r->plan->secure.groups);
        an_text_set(end->reason, sizeof end->reason, why ? why : "");
    } else {
        snprintf(end->reason, sizeof end->reason, "it has taken this site's late update of round %llu",
                 (unsigned long long)r->round.members[member].trained_in);
    }
    an_err err = an_hub_send(hub, r->round.members[member].site, &m);
    (void)err; /* told again when it says anything of this round */
}

/* A connection may have taken the plan with it. */
void an_hub_round_remind(an_hub *hub, an_hub_round *r)
{
    const int64_t now = an_hub_now(hub);
    if (r->round.state != AN_ROUND_INVITING || now < r->plan_ms)
        return;
    for (size_t i = 0; r->plan_ms > 0 && i < r->round.n_members; i++)
        if (r->round.members[i].state == AN_MEMBER_INVITED)
            an_hub_round_invite(hub, r, i);
    r->plan_ms = now + PLAN_AGAIN_MS;
}

/* A member has (re)connected: what do its open rounds still owe it? */
void an_hub_round_greet(an_hub *hub, const char *site)
{
    for (size_t i = 0; i < hub->rounds.n; i++) {
        an_hub_round *r = hub->rounds.items[i];
        size_t member = an_round_find(&r->round, site);
        an_round_action a;
        if (member != SIZE_MAX && r->round.members[member].state == AN_MEMBER_LEFT_OUT)
            an_hub_round_leave(hub, r, member);
        if (member != SIZE_MAX)
            an_hub_again_ask(hub, r, member);
        if (member == SIZE_MAX || !an_round_resume(&r->round, member, &a))
            continue;
        if (a.type == AN_ROUND_SEND_PLAN) {
            if (!an_hub_may_answer(hub, site))
                return;
            an_hub_round_invite(hub, r, member);
            an_hub_answered(hub, site, r->plan_bytes.len);
        } else {
            an_hub_round_ack(hub, r, &a);
        }
        if (r->round.secure && r->round.state < AN_ROUND_SUMMING)
            an_hub_secure_send(hub, r, member, true);
    }
}
