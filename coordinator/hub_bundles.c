/* Bundles that nobody needs any more are removed; what is needed says registry.h.  The record comes first: a bundle
 * that outlives it is removed at the next start, and none is missed that the journal says is there. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "coordinator/registry.h"
#include "doors/crypto.h"

#define LOOK_MS 10000

/* What a line that is connected runs, whatever it has reported. */
static bool runs_now(const an_hub *hub, const an_hash *version)
{
    for (size_t i = 0; i < hub->live.n; i++)
        for (uint32_t k = 0; k < hub->live.items[i].n_lines; k++)
            if (an_hash_equal(&hub->live.items[i].lines[k].version, version))
                return true;
    return false;
}

static void remove_bundle(an_hub *hub, const an_hash *version)
{
    an_note why = {{0}};
    an_err err = an_store_object_remove(hub->conf.store, version, &why);
    if (err != AN_OK) /* tried again at the next start */
        an_log(AN_LOG_ERROR, "bundle_not_removed", "err=%s why=\"%s\"", an_err_name(err), why.text);
}

static an_err prune(an_hub *hub, const an_version *v, an_note *why)
{
    const an_hash hash = v->hash;
    char model[AN_NAME_MAX];
    an_record_batch batch = {.n = 0};
    an_json *o = an_json_object();
    memcpy(model, v->model, sizeof model);
    an_json_set_hash(o, "hash", &hash);
    an_json_set_int(o, "size", (int64_t)v->size);
    an_batch_add(&batch, "version.pruned", model, "coordinator", NULL, o);
    an_err err = an_hub_commit(hub, &batch, why);
    if (err == AN_OK)
        remove_bundle(hub, &hash);
    return err;
}

/* What a crash has left. */
static void sweep(an_hub *hub)
{
    for (; hub->swept < hub->state.versions.n; hub->swept++) {
        const an_version *v = &hub->state.versions.items[hub->swept];
        uint64_t len;
        const an_err err =
            v->pruned ? an_store_object_size(hub->conf.store, &v->hash, &len, NULL) : AN_ERR_NOTFOUND;
        if (err == AN_OK)
            remove_bundle(hub, &v->hash);
        else if (err != AN_ERR_NOTFOUND)
            return; /* the next time */
    }
}

/* SIZE_MAX: none. */
static size_t oldest_unneeded(an_hub *hub)
{
    size_t found = SIZE_MAX;
    an_need *needs = an_alloc(hub->state.versions.n + 1, sizeof *needs);
    if (!needs)
        return found;
    an_registry_needs(&hub->state, an_hub_now(hub), needs);
    for (size_t i = 0; i < hub->state.versions.n && found == SIZE_MAX; i++) {
        const an_version *v = &hub->state.versions.items[i];
        if (!v->pruned && needs[i] == AN_NEED_NOT && !runs_now(hub, &v->hash))
            found = i;
    }
    an_free(needs);
    return found;
}

void an_hub_prune_bundles(an_hub *hub)
{
    an_note why = {{0}};
    const int64_t now = an_hub_now(hub);
    if (now < hub->retain_ms && hub->retain_ms - now <= LOOK_MS)
        return;
    sweep(hub);
    const size_t i = oldest_unneeded(hub);
    if (i == SIZE_MAX) {
        hub->retain_ms = now + LOOK_MS;
        return;
    }
    an_err err = prune(hub, &hub->state.versions.items[i], &why);
    if (err != AN_OK) {
        hub->retain_ms = now + LOOK_MS;
        an_log(AN_LOG_ERROR, "bundle_not_pruned", "err=%s why=\"%s\"", an_err_name(err), why.text);
    }
}
