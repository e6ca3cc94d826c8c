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

/* What came from sites in a round: their updates, and their messages of a secure sum. */
static an_err remove_parts(void *ctx, const an_record *record, an_note *why)
{
    an_hub *hub = ctx;
    an_round_event e;
    an_note inner = {{0}};
    an_err err = an_round_event_decode(record->body, record->body_len, &e, &inner);
    if (err != AN_OK)
        return an_hub_record_fail(record, err, &inner, why);
    if (e.type == AN_ROUND_EVENT_UPDATE)
        err = an_store_object_remove(hub->conf.store, &e.hash, why);
    if (err == AN_OK && !an_hash_is_zero(&e.message))
        err = an_store_object_remove(hub->conf.store, &e.message, why);
    return err;
}

static an_err prune_round(an_hub *hub, uint64_t id, an_note *why)
{
    char subject[64];
    an_record_batch batch = {.n = 0};
    snprintf(subject, sizeof subject, "round/%llu", (unsigned long long)id);
    an_err err = an_store_scan(hub->conf.store, &(an_store_filter){.kind = "round.event", .subject = subject},
                               remove_parts, hub, why);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)id);
    an_batch_add(&batch, "round.pruned", subject, "coordinator", NULL, o);
    return an_hub_commit(hub, &batch, why);
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
