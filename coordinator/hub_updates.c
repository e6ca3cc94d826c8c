/* Updates that came in: taken into their round, or refused by the name of their site. */
#include <stdio.h>

#include "base/log.h"
#include "coordinator/combine_internal.h"
#include "coordinator/hub_internal.h"
#include "sum/payload.h"
#include "sum/vector.h"

static void send_rejected(an_hub *hub, const char *site, uint64_t round, const an_hash *update,
                          const an_note *why)
{
    an_msg m = {.type = AN_MSG_UPDATE_ACK};
    m.u.update_ack = (an_msg_update_ack){.round = round, .update = *update, .status = AN_UPDATE_REJECTED};
    an_text_set(m.u.update_ack.reason, sizeof m.u.update_ack.reason, why->text);
    an_err sent = an_hub_send(hub, site, &m);
    (void)sent; /* the site offers again, and is told again */
}

/* Said here, where the site is known, and not by the sum: the round goes on without the site, and
 * the journal says which one it was and why. */
static void refuse(an_hub *hub, an_hub_round *r, const char *site, const an_note *why)
{
    an_round_event e = {.type = AN_ROUND_EVENT_REFUSE, .now_ms = an_hub_now(hub)};
    snprintf(e.site, sizeof e.site, "%s", site);
    an_text_set(e.reason, sizeof e.reason, why->text);
    an_hub_round_feed(hub, r, &e, "coordinator", NULL);
}

/* ret_refused: its numbers are none that a site can have. */
static an_err admit(an_hub *hub, const an_hub_round *r, const char *site, const an_hash *update,
                    const char *path, bool *ret_refused, an_note *why)
{
    const an_payload_facts facts = an_combine_facts(r->plan, 0, 0);
    an_update_header want = {.round = r->round.id, .dim = r->plan->dim, .plan_hash = r->round.plan_hash};
    snprintf(want.site, sizeof want.site, "%s", site);
    an_err err = an_update_admit(path, &want, update, r->plan->kind, &facts, why);
    *ret_refused = err == AN_ERR_REFUSED;
    return err == AN_OK ? an_store_object_adopt(hub->conf.store, path, update, why) : err;
}

void an_hub_fetched(an_hub *hub, const char *site, uint64_t round, const an_hash *update, const char *path,
                    an_err err, const an_note *why)
{
    an_note note = {{0}};
    bool refused = false;
    an_hub_round *r = an_hub_round_find(hub, round);
    if (err != AN_OK && why)
        note = *why;
    if (err == AN_OK && r)
        err = admit(hub, r, site, update, path, &refused, &note);
    if (err != AN_OK || !r) {
        an_log(AN_LOG_WARN, refused ? "update_refused" : "update_not_received",
               "site=%s round=%llu err=%s why=\"%s\"", site, (unsigned long long)round, an_err_name(err),
               note.text);
        an_err removed = an_file_remove(path, NULL);
        (void)removed;
        if ((err == AN_ERR_PROTO || refused) && r)
            send_rejected(hub, site, round, update, &note);
        if (refused)
            refuse(hub, r, site, &note);
        return;
    }
    an_hub_live *live = an_hub_live_get(hub, site);
    if (live)
        live->bytes_received += an_update_size(r->plan->dim);
    an_round_event e = {.type = AN_ROUND_EVENT_UPDATE, .now_ms = an_hub_now(hub), .hash = *update};
    char actor[128];
    snprintf(e.site, sizeof e.site, "%s", site);
    snprintf(actor, sizeof actor, "site/%s", site);
    an_hub_round_feed(hub, r, &e, actor, NULL);
}
