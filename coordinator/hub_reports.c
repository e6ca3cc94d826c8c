/* What sites report of the versions that their lines run: checked, journalled with the countersign. */
#include <stdio.h>
#include <string.h>

#include "coordinator/hub_internal.h"
#include "doors/crypto.h"

static void set_hex(an_json *o, const char *key, const uint8_t *bytes, size_t len)
{
    char hex[2 * AN_SIG_BYTES + 1];
    an_hex(hex, bytes, len);
    an_json_set_text(o, key, hex);
}

static an_err check(an_hub *hub, const char *site, const an_msg_version_report *p)
{
    uint8_t statement[AN_REPORT_STATEMENT_BYTES];
    const an_site *s = an_state_site(&hub->state, site);
    an_report_statement(statement, site, p);
    return s ? an_sign_check(p->signature, AN_REPORT_CONTEXT, statement, sizeof statement, s->keys.sign_key)
             : AN_ERR_AUTH;
}

static void see_running(an_hub *hub, const char *site, const an_msg_version_report *p)
{
    an_hub_live *live = an_hub_live_get(hub, site);
    for (uint32_t i = 0; live && i < live->n_lines && p->state == AN_VERSION_RUNNING; i++) {
        if (strcmp(live->lines[i].line, p->line) == 0) {
            live->lines[i].version = p->version;
            live->lines[i].overlay = p->overlay;
        }
    }
}

an_err an_hub_report(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    const an_msg_version_report *p = &msg->u.version_report;
    if (check(hub, site, p) != AN_OK) {
        an_hub_ack(hub, site, msg, AN_ERR_AUTH, "the countersign of the report does not hold");
        return an_fail(AN_ERR_AUTH, why, "site %s: the countersign of its report does not hold", site);
    }
    see_running(hub, site, p);
    an_json *o = an_json_object();
    an_json_set_text(o, "model", p->model);
    an_json_set_text(o, "line", p->line);
    an_json_set_hash(o, "version", &p->version);
    an_json_set_hash(o, "overlay", &p->overlay);
    an_json_set_text(o, "state", an_version_state_name(p->state));
    an_json_set_text(o, "reason", p->reason);
    if (p->at_ms)
        an_json_set_int(o, "at_ms", p->at_ms);
    char actor[128], idem[128];
    an_hub_site_actor(actor, site);
    an_hub_fact_key(idem, "report", msg->msg_id,
                    o); /* without the signature: that of other keys is another */
    set_hex(o, "signature", p->signature, sizeof p->signature);
    an_record_batch b = {.n = 0};
    an_batch_add(&b, "site.report", site, actor, idem, o);
    an_err err = an_hub_commit(hub, &b, why);
    if (err == AN_OK || err == AN_ERR_EXISTS)
        an_hub_ack(hub, site, msg, AN_OK, "");
    if (an_hub_rollout_site(hub, site))
        an_hub_drive(hub);
    return err == AN_ERR_EXISTS ? AN_OK : err;
}
