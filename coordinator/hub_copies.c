/* Two live copies of one site, such as a cloned machine: each HELLO takes the session from the other.
 *
 * A process draws its instance at its start.  One that had lost the session and takes it back was not ended
 * meanwhile; a site that merely starts again never comes back as what it was. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"

#define EPISODE_MS 900000 /* quiet for so long: the next time is another episode */

bool an_hub_has_copies(const an_hub *hub, const an_hub_live *live)
{
    return live->copies_ms && an_hub_now(hub) - live->copies_ms < EPISODE_MS;
}

static void set_instance(an_json *o, const char *key, uint64_t instance)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)instance);
    an_json_set_text(o, key, text);
}

static void tell(an_hub *hub, const an_hub_live *live, uint64_t instance)
{
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_note why = {{0}};
    set_instance(o, "instance", live->instance);
    set_instance(o, "other", instance);
    an_batch_add(&b, "site.copies", live->site, "coordinator", NULL, o);
    an_log(AN_LOG_WARN, "site_runs_twice",
           "site=%s instance=%016llx other=%016llx why=\"two agents with its keys take the session from each "
           "other\"",
           live->site, (unsigned long long)live->instance, (unsigned long long)instance);
    if (an_hub_commit(hub, &b, &why) != AN_OK)
        an_log(AN_LOG_ERROR, "record_not_stored", "kind=site.copies site=%s why=\"%s\"", live->site,
               why.text);
}

void an_hub_copies_note(an_hub *hub, an_hub_live *live, uint64_t instance)
{
    uint64_t *before = live->instances_before;
    bool back = false;
    if (!instance || instance == live->instance)
        return;
    for (size_t i = 0; i < AN_HUB_INSTANCES; i++)
        back = back || before[i] == instance;
    if (back && !an_hub_has_copies(hub, live))
        tell(hub, live, instance);
    if (back)
        live->copies_ms = an_hub_now(hub);
    memmove(before + 1, before, (AN_HUB_INSTANCES - 1) * sizeof *before);
    before[0] = live->instance;
    live->instance = instance;
}
