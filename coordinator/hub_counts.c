/* Counts of rows, alarms and verdicts that sites report of their lines. */
#include <string.h>

#include "coordinator/hub_internal.h"

static an_json *counts_body(const an_msg_counts *c)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "model", c->model);
    an_json_set_text(o, "line", c->line);
    an_json_set_hash(o, "version", &c->version);
    an_json_set_int(o, "since_ms", c->since_ms);
#define SET(field) an_json_set_int(o, #field, (int64_t)c->field);
    AN_COUNTS(SET)
#undef SET
    return o;
}

/* Of a line that the site's HELLO has named, and no more judged alarms than there were. */
static an_err check(an_hub *hub, const char *site, const an_msg_counts *c, an_note *why)
{
    if (!an_state_model(&hub->state, c->model) || !an_hub_has_line(hub, site, c->model, c->line))
        return an_fail(AN_ERR_NOTFOUND, why, "no such line runs this model");
    if (c->confirmed > c->alarms || c->refuted > c->alarms - c->confirmed ||
        c->unsure > c->alarms - c->confirmed - c->refuted)
        return an_fail(AN_ERR_INVAL, why, "more alarms were judged than raised");
    return AN_OK;
}

an_err an_hub_counts_take(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    const an_msg_counts *c = &msg->u.counts;
    an_note note = {{0}};
    char actor[128], idem[128];
    an_record_batch b = {.n = 0};
    an_err err = check(hub, site, c, &note);
    if (err != AN_OK) {
        an_hub_ack(hub, site, msg, err, note.text);
        return AN_OK;
    }
    an_json *o = counts_body(c);
    an_hub_site_actor(actor, site);
    an_hub_fact_key(idem, "counts", msg->msg_id, o);
    an_batch_add(&b, "site.counts", site, actor, idem, o);
    err = an_hub_commit(hub, &b, why);
    if (err != AN_OK && err != AN_ERR_EXISTS)
        return err;
    an_hub_ack(hub, site, msg, AN_OK, err == AN_ERR_EXISTS ? "had it already" : "");
    an_hub_drive(hub);
    return AN_OK;
}
