/* Looking things up; what records do to the state is in state_apply.c. */
#include "coordinator/state_internal.h"

#include <string.h>

#include "base/mem.h"
#include "doors/crypto.h"

void an_state_init(an_state *st)
{
    *st = (an_state){.next_id = 1};
}

void an_state_done(an_state *st)
{
    for (size_t i = 0; i < st->models.n; i++)
        an_opt_done(an_policy_rows, an_policy_n_rows, &st->models.items[i].policy);
    an_state_rollouts_done(st);
    an_free(st->tokens.items);
    an_free(st->sites.items);
    an_free(st->rosters.items);
    an_free(st->models.items);
    an_free(st->versions.items);
    an_free(st->campaigns.items);
    an_free(st->rounds.items);
    an_free(st->owed.items);
    an_free(st->drifts.items);
    an_free(st->lives.items);
    an_free(st->counts.items);
    an_free(st->campaign_lines.items);
    an_free(st->delegations.items);
    an_free(st->waits.items);
    an_free(st->reported.items);
    an_free(st->moves.items);
    an_free(st->links.items);
    an_free(st->alarm_days.items);
    an_free(st->sent.items);
    an_users_done(&st->users);
    an_free(st->proposals.items);
    *st = (an_state){0};
}

an_token_entry *an_state_token(an_state *st, const uint8_t id[static AN_TOKEN_ID_BYTES])
{
    for (size_t i = 0; i < st->tokens.n; i++)
        if (an_secret_equal(st->tokens.items[i].id, id, AN_TOKEN_ID_BYTES))
            return &st->tokens.items[i];
    return NULL;
}

an_site *an_state_site(an_state *st, const char *name)
{
    for (size_t i = 0; i < st->sites.n; i++)
        if (strcmp(st->sites.items[i].name, name) == 0)
            return &st->sites.items[i];
    return NULL;
}

an_model_entry *an_state_model(an_state *st, const char *name)
{
    for (size_t i = 0; i < st->models.n; i++)
        if (strcmp(st->models.items[i].name, name) == 0)
            return &st->models.items[i];
    return NULL;
}

an_version *an_state_version(an_state *st, const an_hash *hash)
{
    for (size_t i = st->versions.n; i-- > 0;)
        if (an_hash_equal(&st->versions.items[i].hash, hash))
            return &st->versions.items[i];
    return NULL;
}

an_campaign *an_state_campaign(an_state *st, uint64_t id)
{
    for (size_t i = st->campaigns.n; i-- > 0;)
        if (st->campaigns.items[i].id == id)
            return &st->campaigns.items[i];
    return NULL;
}

an_campaign *an_state_campaign_open(an_state *st, const char *model)
{
    for (size_t i = st->campaigns.n; i-- > 0;)
        if (!an_campaign_is_over(&st->campaigns.items[i]) && strcmp(st->campaigns.items[i].model, model) == 0)
            return &st->campaigns.items[i];
    return NULL;
}

an_round_entry *an_state_round(an_state *st, uint64_t id)
{
    for (size_t i = st->rounds.n; i-- > 0;)
        if (st->rounds.items[i].id == id)
            return &st->rounds.items[i];
    return NULL;
}
