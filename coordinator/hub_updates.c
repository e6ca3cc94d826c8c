/* Updates that came in: taken into their round, or refused by the name of their site. */
#include <stdio.h>

#include "base/log.h"
#include "coordinator/combine_internal.h"
#include "coordinator/hub_internal.h"
#include "sum/payload.h"
#include "trust/delivery.h"

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
static void refuse(an_hub *hub, an_hub_round *r, const char *site, uint64_t round, const an_note *why)
{
    an_round_event e = {.type = AN_ROUND_EVENT_REFUSE, .now_ms = an_hub_now(hub)};
    an_hub_late_mark(hub, r, round, &e);
    snprintf(e.site, sizeof e.site, "%s", site);
    an_text_set(e.reason, sizeof e.reason, why->text);
    an_hub_round_feed(hub, r, &e, "coordinator", NULL);
}

static void received(an_hub *hub, an_hub_round *r, const char *site, uint64_t trained_in,
                     const an_hash *update)
{
    an_hub_live *live = an_hub_live_get(hub, site);
    uint64_t size = 0;
    if (live && an_store_object_size(hub->conf.store, update, &size, NULL) == AN_OK)
        live->bytes_received += size;
    an_round_event e = {.type = AN_ROUND_EVENT_UPDATE, .now_ms = an_hub_now(hub), .hash = *update};
    char actor[128];
    snprintf(e.site, sizeof e.site, "%s", site);
    snprintf(actor, sizeof actor, "site/%s", site);
    an_hub_late_mark(hub, r, trained_in, &e);
    an_hub_secure_masked(r, &e);
    const uint64_t round = r->round.id;
    an_hub_round_feed(hub, r, &e, actor, NULL);
    if ((r = an_hub_round_find(hub, round)))
        an_hub_again_taken(hub, r);
}

/* What came for an update: a file, or bytes in memory. */
typedef struct arrival {
    const char *site;
    uint64_t round; /* that it was trained in */
    an_hash update;
    const char *path; /* NULL: in memory */
    const void *bytes;
    size_t len;
} arrival;

/* In trusted mode the numbers are sealed: here it is only seen to be whole, and the site's own; the sum looks at
 * the rest. */
static an_err admit_by(const an_plan *plan, const an_hash *plan_hash, const arrival *a, an_note *why)
{
    if (an_delivery_is_sealed(plan)) {
        an_sealed *s = NULL;
        an_sealed_terms terms;
        an_delivery_terms(&terms, plan, plan_hash, a->site);
        an_err err = an_sealed_open(&s, &terms, a->path, a->bytes, a->len, &a->update, NULL, why);
        an_sealed_close(s);
        return err;
    }
    const an_payload_facts facts = an_combine_facts(plan, 0, 0);
    an_update_header want = {.round = plan->round, .dim = plan->dim, .plan_hash = *plan_hash};
    snprintf(want.site, sizeof want.site, "%s", a->site);
    return a->path ? an_update_admit(a->path, &want, &a->update, plan->kind, &facts, why)
                   : an_update_admit_bytes(a->bytes, a->len, &want, &a->update, plan->kind, &facts, why);
}

static an_err admit(an_hub *hub, const an_hub_round *r, const arrival *a, an_note *why)
{
    const size_t member = an_round_find(&r->round, a->site);
    const bool again = member != SIZE_MAX && an_hub_again_wanted(hub, r, member, &a->update);
    if (!again && !an_hub_secure_named(r, a->site, &a->update)) /* a restart came between */
        return an_fail(AN_ERR_AGAIN, why, "the update came without the site's signature of it");
    if (a->round == r->round.id)
        return admit_by(r->plan, &r->round.plan_hash, a, why);
    an_combine_origin origin;
    an_err err = an_hub_late_origin(hub, r->plan, a->round, &origin, why);
    if (err != AN_OK)
        return err;
    err = admit_by(origin.plan, &origin.plan_hash, a, why);
    an_plan_free(origin.plan);
    return err;
}

/* admitted: what the check of its numbers said; else err is why it did not come or was not kept.
 * r NULL: its round is over. */
static void conclude(an_hub *hub, an_hub_round *r, const char *site, uint64_t round, const an_hash *update,
                     an_err admitted, an_err err, const an_note *why)
{
    const bool refused = admitted == AN_ERR_REFUSED;
    if (r && admitted == AN_OK && err == AN_OK) {
        received(hub, r, site, round, update);
        return;
    }
    err = admitted != AN_OK ? admitted : err;
    an_log(AN_LOG_WARN, refused ? "update_refused" : "update_not_received",
           "site=%s round=%llu err=%s why=\"%s\"", site, (unsigned long long)round, an_err_name(err),
           why->text);
    if (r && admitted == AN_ERR_AGAIN)
        an_hub_secure_ask(hub, r, site, update);
    if (r && (err == AN_ERR_PROTO || refused))
        send_rejected(hub, site, round, update, why);
    if (r && refused)
        refuse(hub, r, site, round, why);
}

void an_hub_fetched(an_hub *hub, const char *site, uint64_t round, const an_hash *update, const char *path,
                    an_err err, const an_note *why)
{
    an_note note = {{0}};
    an_err admitted = AN_OK;
    an_hub_round *r = an_hub_late_round(hub, site, round);
    if (err != AN_OK && why)
        note = *why;
    if (err == AN_OK && r) {
        const arrival a = {.site = site, .round = round, .update = *update, .path = path};
        admitted = admit(hub, r, &a, &note);
        if (admitted == AN_OK)
            err = an_store_object_adopt_local(hub->conf.store, path, update, &note);
    }
    if (path[0] && (!r || admitted != AN_OK || err != AN_OK)) {
        an_err removed = an_file_remove(path, NULL);
        (void)removed;
    }
    conclude(hub, r, site, round, update, admitted, err, &note);
}

void an_hub_fetched_small(an_hub *hub, const char *site, uint64_t round, const an_hash *update,
                          const void *bytes, size_t len)
{
    an_note why = {{0}};
    an_hash hash;
    an_err admitted = AN_OK, err = AN_OK;
    an_hub_round *r = an_hub_late_round(hub, site, round);
    if (r) {
        const arrival a = {.site = site, .round = round, .update = *update, .bytes = bytes, .len = len};
        admitted = admit(hub, r, &a, &why);
        if (admitted == AN_OK)
            err = an_store_object_put_row(hub->conf.store, bytes, len, &hash, &why);
    }
    conclude(hub, r, site, round, update, admitted, err, &why);
}
