/* Campaigns of kind OVERLAY: too few sites drift for a round, so their lines are asked to adapt their overlays, each by
 * itself.  The weights that all share stay; what each line did is in the journal. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordinator/hub_internal.h"

#define AGAIN_MS 60000

static an_err ask(an_hub *hub, const an_campaign *c, const an_campaign_line *l)
{
    const an_model_entry *m = an_state_model(&hub->state, c->model);
    an_msg msg = {.type = AN_MSG_REFIT};
    an_msg_refit *r = &msg.u.refit;
    r->campaign = c->id;
    snprintf(r->model, sizeof r->model, "%s", c->model);
    snprintf(r->line, sizeof r->line, "%s", l->line);
    r->version = c->base;
    r->use_held = m && m->policy.drift_use_held;
    an_text_set(r->reason, sizeof r->reason, c->trigger);
    return an_hub_send(hub, l->site, &msg);
}

static bool is_asking(const an_campaign *c)
{
    return c->kind == AN_CAMPAIGN_OVERLAY && c->state == AN_CAMPAIGN_RUNNING;
}

void an_hub_refits_ask(an_hub *hub, const char *only_site)
{
    for (size_t i = 0; i < hub->state.campaigns.n; i++) {
        const an_campaign *c = &hub->state.campaigns.items[i];
        an_campaign_line *lines;
        const size_t n = is_asking(c) ? an_state_campaign_lines(&hub->state, c->id, &lines) : 0;
        for (size_t k = 0; k < n; k++) {
            const an_hub_live *live = an_hub_live_find(hub, lines[k].site);
            if (lines[k].refit != AN_REFIT_ASKED || !live || !live->connected ||
                (only_site && strcmp(lines[k].site, only_site) != 0))
                continue;
            an_err err = ask(hub, c, &lines[k]);
            (void)err; /* said again */
        }
    }
}

/* Names of the lines in that state, as many as there is room for. */
static void name_lines(an_hub *hub, const an_campaign *c, an_refit_state state, char *ret, size_t size)
{
    an_campaign_line *lines;
    size_t at = 0, n = an_state_campaign_lines(&hub->state, c->id, &lines);
    ret[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        if (lines[i].refit != state || at + 1 >= size)
            continue;
        const int len =
            snprintf(ret + at, size - at, "%s%s/%s", at ? ", " : "", lines[i].site, lines[i].line);
        at += len > 0 ? (size_t)len : 0;
    }
}

an_err an_hub_refit_settle(an_hub *hub, const an_campaign *c, const char *late, an_note *why)
{
    char done[160], refused[80];
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_note reason;
    name_lines(hub, c, AN_REFIT_DONE, done, sizeof done);
    name_lines(hub, c, AN_REFIT_REFUSED, refused, sizeof refused);
    an_note_set(&reason, "%u of %u lines adapted their overlay%s%.120s; production stays%s%.60s%s",
                c->refits_done, c->refits, done[0] ? ": " : "", done, refused[0] ? "; refused: " : "",
                refused, late);
    an_json_set_int(o, "id", (int64_t)c->id);
    an_json_set_bool(o, "promoted", false);
    an_json_set_int(o, "adapted", c->refits_done);
    an_json_set_text(o, "reason", reason.text);
    an_json_set_hash(o, "version", &c->base);
    an_json_set_text(o, "before", an_campaign_state_name(c->state));
    an_log(AN_LOG_INFO, "campaign_ended", "campaign=%llu model=%s promoted=no reason=\"%s\"",
           (unsigned long long)c->id, c->model, reason.text);
    an_batch_add(&b, "campaign.ended", c->model, "coordinator", NULL, o);
    return an_hub_commit(hub, &b, why);
}

void an_hub_refits_tick(an_hub *hub)
{
    const int64_t now = an_hub_now(hub);
    for (size_t i = 0; i < hub->state.campaigns.n; i++) {
        const an_campaign *c = &hub->state.campaigns.items[i];
        const an_model_entry *m = an_state_model(&hub->state, c->model);
        an_note why = {{0}};
        if (!is_asking(c) || !m || now - c->running_ms < m->policy.overlay_deadline_ms)
            continue;
        if (an_hub_refit_settle(hub, c, "; the others have not answered (overlay.deadline)", &why) != AN_OK)
            an_log(AN_LOG_ERROR, "campaign_stuck", "campaign=%llu why=\"%s\"", (unsigned long long)c->id,
                   why.text);
    }
    if (now < hub->asked_ms)
        return;
    hub->asked_ms = now + AGAIN_MS;
    an_hub_refits_ask(hub, NULL);
}

void an_hub_refit_waiting(an_hub *hub, const an_campaign *c, an_note *ret)
{
    char names[200];
    name_lines(hub, c, AN_REFIT_ASKED, names, sizeof names);
    an_note_set(ret, "%u of %u lines have answered; waiting for %s", c->refits - c->refits_open, c->refits,
                names);
}

an_err an_hub_refit_take(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    const an_msg_refitted *r = &msg->u.refitted;
    const an_campaign *c = an_state_campaign(&hub->state, r->campaign);
    const an_campaign_line *l = c ? an_state_campaign_line(&hub->state, r->campaign, site, r->line) : NULL;
    char actor[128], idem[128];
    an_record_batch b = {.n = 0};
    if (!l || l->refit != AN_REFIT_ASKED || !an_hash_equal(&r->version, &c->base)) {
        an_hub_ack(hub, site, msg, l ? AN_OK : AN_ERR_NOTFOUND, "nobody waits for it");
        return AN_OK;
    }
    an_json *o = an_json_object();
    an_json_set_int(o, "campaign", (int64_t)r->campaign);
    an_json_set_text(o, "model", c->model);
    an_json_set_text(o, "line", r->line);
    an_json_set_hash(o, "version", &r->version);
    an_json_set_hash(o, "overlay", &r->overlay);
    an_json_set_text(o, "reason", r->reason);
    an_hub_site_actor(actor, site);
    an_hub_fact_key(idem, "refit", msg->msg_id, o);
    an_batch_add(&b, "refit.reported", site, actor, idem, o);
    an_err err = an_hub_commit(hub, &b, why);
    if (err != AN_OK && err != AN_ERR_EXISTS)
        return err;
    an_hub_ack(hub, site, msg, AN_OK, err == AN_ERR_EXISTS ? "had it already" : "");
    an_hub_drive(hub);
    return AN_OK;
}
