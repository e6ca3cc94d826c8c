/* Live figures that sites report after a swap, and the way back. */
#include <stdio.h>

#include "base/mem.h"
#include "coordinator/hub_internal.h"

static an_json *live_body(const an_msg_live *v)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "model", v->model);
    an_json_set_text(o, "line", v->line);
    an_json_set_hash(o, "version", &v->version);
    an_json_set_hash(o, "overlay", &v->overlay);
    an_json_set_hash(o, "before", &v->before);
    an_json_set_int(o, "since_ms", v->since_ms);
    an_json_set_bool(o, "paired", v->paired);
#define SET(field) an_json_set_int(o, #field, (int64_t)v->field);
    AN_LIVE_COUNTS(SET)
#undef SET
#define SET(field, key) an_json_set_num(o, key, v->field);
    AN_LIVE_SCORES(SET)
#undef SET
    an_json_set_text(o, "verdict", an_live_verdict_name(v->verdict));
    an_json_set_text(o, "reason", v->reason);
    return o;
}

an_err an_hub_live_take(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    const an_msg_live *v = &msg->u.live;
    char actor[128], idem[128];
    an_record_batch b = {.n = 0};
    if (!an_state_model(&hub->state, v->model) || !an_hub_has_line(hub, site, v->model, v->line)) {
        an_hub_ack(hub, site, msg, AN_ERR_NOTFOUND, "no such model, or no line of yours runs it");
        return AN_OK;
    }
    an_json *o = live_body(v);
    an_hub_site_actor(actor, site);
    an_hub_fact_key(idem, "live", msg->msg_id, o);
    an_batch_add(&b, "site.live", site, actor, idem, o);
    an_err err = an_hub_commit(hub, &b, why);
    if (err != AN_OK && err != AN_ERR_EXISTS)
        return err;
    an_hub_ack(hub, site, msg, AN_OK, err == AN_ERR_EXISTS ? "had it already" : "");
    an_hub_rollout_site(hub, site);
    an_hub_drive(hub);
    return AN_OK;
}

an_err an_hub_return(an_hub *hub, const char *site, const char *model, const an_hash *version,
                     const an_hash *to, const char *reason)
{
    an_msg m = {.type = AN_MSG_RETURN};
    snprintf(m.u.return_to.model, sizeof m.u.return_to.model, "%s", model);
    m.u.return_to.version = *version;
    if (to)
        m.u.return_to.to = *to;
    an_text_set(m.u.return_to.reason, sizeof m.u.return_to.reason, reason);
    return an_hub_send(hub, site, &m);
}
