/* What waits for a second person. */
#include <string.h>

#include "coordinator/state_internal.h"

an_proposal *an_state_proposal(an_state *st, uint64_t id)
{
    for (size_t i = 0; i < st->proposals.n; i++)
        if (st->proposals.items[i].id == id)
            return &st->proposals.items[i];
    return NULL;
}

/* What was cut off could be confirmed as something else. */
static void whole(an_body *b, char *ret, size_t size, const char *key, const char *dflt)
{
    const char *text = an_body_text(b, key, dflt);
    if (b->err == AN_OK && strlen(text) >= size)
        b->err = an_fail(AN_ERR_PROTO, b->why, "%s is longer than %zu bytes", key, size - 1);
    if (b->err == AN_OK)
        memcpy(ret, text, strlen(text) + 1);
}

void an_state_proposal_made(an_state *st, const an_record *r, an_body *b)
{
    an_proposal p = {
        .id = an_body_id(b, "id"), .made_ms = r->time_ms, .expires_ms = an_body_int(b, "expires_ms", 0)};
    whole(b, p.path, sizeof p.path, "path", NULL);
    whole(b, p.body, sizeof p.body, "body", NULL);
    whole(b, p.basis, sizeof p.basis, "basis", NULL);
    whole(b, p.reason, sizeof p.reason, "reason", "");
    an_text_set(p.by, sizeof p.by, r->actor);
    if (b->err == AN_OK && st->proposals.n + b->ahead >= AN_PROPOSALS_MAX)
        b->err = an_fail(AN_ERR_LIMIT, b->why, "%d proposals are open", AN_PROPOSALS_MAX);
    AN_BODY_APPEND(b, &st->proposals, p);
    if (an_body_ready(b))
        an_state_use_id(st, p.id);
}

void an_state_proposal_ended(an_state *st, const an_record *r, an_body *b)
{
    const uint64_t id = an_body_id(b, "id");
    an_proposal *p = b->err == AN_OK ? an_state_proposal(st, id) : NULL;
    (void)r;
    an_body_known(b, p, "proposal");
    if (!an_body_ready(b))
        return;
    const size_t after = st->proposals.n - (size_t)(p - st->proposals.items) - 1;
    memmove(p, p + 1, after * sizeof *p);
    st->proposals.n--;
}
