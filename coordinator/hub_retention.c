/* Retention: the updates of the newest rounds of a model are kept, so that an auditor can replay
 * them; of older ones the hashes stay in the journal, and the results stay as versions. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"

/* The newest round of the model, from the end of the list, that is beyond what is kept. */
static const an_round_entry *beyond(an_hub *hub, const an_model_entry *m)
{
    int64_t rounds = 0;
    uint64_t bytes = 0;
    for (size_t i = hub->state.rounds.n; i-- > 0;) {
        const an_round_entry *e = &hub->state.rounds.items[i];
        if (!e->over || strcmp(e->model, m->name) != 0)
            continue;
        if (e->pruned)
            return NULL; /* so are all before it */
        rounds++;
        bytes += e->update_bytes;
        if (rounds > m->policy.keep_rounds || bytes > (uint64_t)m->policy.keep_bytes)
            return e;
    }
    return NULL;
}

/* From the oldest on, so that "all before it are pruned" holds after a crash, too. */
static const an_round_entry *oldest_kept(an_hub *hub, const an_model_entry *m)
{
    for (size_t i = 0; i < hub->state.rounds.n; i++) {
        const an_round_entry *e = &hub->state.rounds.items[i];
        if (e->over && !e->pruned && strcmp(e->model, m->name) == 0)
            return e;
    }
    return NULL;
}

static an_err prune_round(an_hub *hub, uint64_t id, an_note *why)
{
    char subject[64];
    an_record_batch batch = {.n = 0};
    an_err err = AN_ERR_NOMEM;
    an_hub_round *r = an_alloc(1, sizeof *r);
    if (!r)
        return err;
    an_buf_init(&r->plan_bytes, AN_PLAN_BYTES_MAX);
    if ((err = an_hub_round_reread(hub, id, r, why)) != AN_OK)
        goto out;
    for (size_t i = 0; i < r->round.n_members && err == AN_OK; i++)
        if (r->round.members[i].state == AN_MEMBER_DELIVERED)
            err = an_store_object_remove(hub->conf.store, &r->round.members[i].update, why);
    if (err != AN_OK)
        goto out;
    snprintf(subject, sizeof subject, "round/%llu", (unsigned long long)id);
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_batch_add(&batch, "round.pruned", subject, "coordinator", NULL, o);
    err = an_hub_commit(hub, &batch, why);
out:
    an_hub_round_free(r);
    return err;
}

void an_hub_prune(an_hub *hub)
{
    for (size_t i = 0; i < hub->state.models.n; i++) {
        const an_model_entry *m = &hub->state.models.items[i];
        if (!beyond(hub, m))
            continue;
        an_note why = {{0}};
        const an_round_entry *e = oldest_kept(hub, m);
        uint64_t id = e->id;
        an_err err = prune_round(hub, id, &why);
        if (err != AN_OK)
            an_log(AN_LOG_ERROR, "round_not_pruned", "round=%llu err=%s why=\"%s\"", (unsigned long long)id,
                   an_err_name(err), why.text);
        return; /* one at a time: nobody waits for it */
    }
}
