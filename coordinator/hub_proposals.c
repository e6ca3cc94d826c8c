/* What waits for a second person is kept in the journal, so that a takeover does not forget it. */
#include <stdio.h>
#include <string.h>

#include "coordinator/hub_internal.h"

static void subject_of(char ret[static 32], uint64_t id)
{
    snprintf(ret, 32, "proposal/%llu", (unsigned long long)id);
}

static an_err end(an_hub *hub, const char *actor, const an_proposal *p, const char *how, const char *reason,
                  an_note *why)
{
    char subject[32];
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    subject_of(subject, p->id);
    an_json_set_int(o, "id", (int64_t)p->id);
    an_json_set_text(o, "how", how);
    an_json_set_text(o, "path", p->path);
    an_json_set_text(o, "by", p->by);
    if (reason[0])
        an_json_set_text(o, "reason", reason);
    an_batch_add(&b, "proposal.ended", subject, actor, NULL, o);
    return an_hub_commit(hub, &b, why);
}

/* Nobody waits for the hour itself: it is seen when the next one comes. */
static an_err expire(an_hub *hub, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = hub->state.proposals.n; i-- > 0 && err == AN_OK;)
        if (hub->state.proposals.items[i].expires_ms <= an_hub_now(hub))
            err = end(hub, "coordinator", &hub->state.proposals.items[i], "expired", "", why);
    return err;
}

static an_err check_new(const an_hub *hub, const char *path, const char *body, const char *basis,
                        an_note *why)
{
    for (size_t i = 0; i < hub->state.proposals.n; i++) {
        const an_proposal *p = &hub->state.proposals.items[i];
        if (strcmp(p->path, path) == 0 && strcmp(p->body, body) == 0 && strcmp(p->basis, basis) == 0)
            return an_fail(AN_ERR_EXISTS, why, "%s has proposed the same: andon proposal confirm %llu", p->by,
                           (unsigned long long)p->id);
    }
    if (hub->state.proposals.n >= AN_PROPOSALS_MAX)
        return an_fail(AN_ERR_STATE, why, "%d proposals are open; drop some", AN_PROPOSALS_MAX);
    if (strlen(body) >= AN_PROPOSAL_BODY_MAX)
        return an_fail(AN_ERR_LIMIT, why, "what is proposed has at most %d bytes", AN_PROPOSAL_BODY_MAX - 1);
    return AN_OK;
}

an_err an_hub_propose(an_hub *hub, const char *actor, const char *path, const char *body, const char *basis,
                      const char *reason, uint64_t *ret_id, an_note *why)
{
    char subject[32];
    const uint64_t id = hub->state.next_id;
    an_record_batch b = {.n = 0};
    an_err err = expire(hub, why);
    if (err == AN_OK)
        err = check_new(hub, path, body, basis, why);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object();
    subject_of(subject, id);
    an_json_set_int(o, "id", (int64_t)id);
    an_json_set_text(o, "path", path);
    an_json_set_text(o, "body", body);
    an_json_set_text(o, "basis", basis);
    if (reason[0])
        an_json_set_text(o, "reason", reason);
    an_json_set_int(o, "expires_ms", an_hub_now(hub) + AN_PROPOSAL_MS);
    an_batch_add(&b, "proposal.made", subject, actor, NULL, o);
    if ((err = an_hub_commit(hub, &b, why)) == AN_OK)
        *ret_id = id;
    return err;
}

an_err an_hub_proposal_end(an_hub *hub, const char *actor, uint64_t id, const char *how, const char *reason,
                           an_note *why)
{
    const an_proposal *p = an_state_proposal(&hub->state, id);
    if (!p)
        return an_fail(AN_ERR_NOTFOUND, why, "no proposal %llu is open", (unsigned long long)id);
    return end(hub, actor, p, how, reason, why);
}
