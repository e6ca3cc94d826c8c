/* Facts on their way to the coordinator: one at a time, so that they arrive in order whatever
 * is lost, under the spool's id as msg_id, so that one that is sent twice counts once. */
#include "agent/session_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"

#define AGAIN_MS 10000

/* Which facts there are, and how much they matter when the spool is full. */
static const struct {
    an_msg_type type;
    an_spool_kind kind;
    const char *words; /* for the ledger */
} facts[] = {
    {AN_MSG_DRIFT_ALERT, AN_SPOOL_DRIFT, "an alert: which test saw drift where, and how far"},
    {AN_MSG_ALARM_SUMMARY, AN_SPOOL_ALARM, "an alarm: when, how high, which sensors"},
    {AN_MSG_VERSION_REPORT, AN_SPOOL_REPORT, "a report of which version a line runs"},
    {AN_MSG_LIVE, AN_SPOOL_REPORT, "how a new version does: counts of rows, alarms, mean score, latency"},
    {AN_MSG_REFITTED, AN_SPOOL_REPORT, "whether a line has adapted its overlay when it was asked to"},
    {AN_MSG_COUNTS, AN_SPOOL_HEALTH, "counts of rows and alarms, and of what people said of these"},
};

an_err an_session_post(an_session *s, const an_msg *fact, an_note *why)
{
    an_buf bytes;
    an_msg dated;
    const an_site_policy *policy = s->conf.policy;
    if ((fact->type == AN_MSG_LIVE && !policy->allow_live) ||
        (fact->type == AN_MSG_COUNTS && !policy->allow_counts))
        return AN_OK; /* nothing is owed then */
    if (fact->type == AN_MSG_VERSION_REPORT && fact->u.version_report.at_ms == 0) {
        dated = *fact;
        dated.u.version_report.at_ms = s->conf.clock->wall_ms(s->conf.clock);
        fact = &dated;
    }
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (facts[i].type != fact->type)
            continue;
        an_buf_init(&bytes, AN_MSG_CONTROL_MAX);
        an_err err = an_msg_encode(fact, &bytes, why);
        if (err == AN_OK)
            err = an_spool_append(s->spool, facts[i].kind, s->conf.clock->wall_ms(s->conf.clock), bytes.data,
                                  bytes.len, why);
        an_buf_done(&bytes);
        if (err == AN_OK)
            an_facts_pump(s, false);
        return err;
    }
    return an_fail(AN_ERR_INVAL, why, "this message is not a fact of the site");
}

/* An item that cannot be read would stop all that follow. */
static void drop(an_session *s, uint64_t id, const char *reason)
{
    an_log(AN_LOG_ERROR, "fact_dropped", "id=%llu why=\"%s\"", (unsigned long long)id, reason);
    an_err err = an_spool_ack(s->spool, id, NULL);
    (void)err; /* met again at the next start */
}

/* As it leaves and not as it is kept: the coordinator knows the statement key of today. */
static void countersign(const an_session *s, an_msg_version_report *r)
{
    uint8_t statement[AN_REPORT_STATEMENT_BYTES];
    an_report_statement(statement, s->conf.site, r);
    an_sign(r->signature, AN_REPORT_CONTEXT, statement, sizeof statement, s->conf.sign_secret);
}

static void send_item(an_session *s, const an_spool_item *item)
{
    an_note why = {{0}};
    an_msg *msg = NULL;
    an_err err = an_msg_decode(item->bytes, item->len, &msg, &why);
    if (err != AN_OK) {
        if (err != AN_ERR_NOMEM)
            drop(s, item->id, why.text);
        return;
    }
    msg->msg_id = item->id;
    if (msg->type == AN_MSG_DRIFT_ALERT && msg->u.drift_alert.alert_id == 0)
        msg->u.drift_alert.alert_id = item->id;
    if (msg->type == AN_MSG_VERSION_REPORT)
        countersign(s, &msg->u.version_report);
    s->fact = item->id;
    s->fact_ms = an_session_now(s) + AGAIN_MS;
    s->fact_type = msg->type;
    s->fact_bytes = item->len;
    err = an_session_send(s, msg);
    (void)err; /* sent again when its time is over */
    an_msg_free(msg);
}

void an_facts_pump(an_session *s, bool again)
{
    an_spool_item item;
    if (!s->greeted || (s->fact && !again))
        return;
    s->fact = 0;
    if (an_spool_next(s->spool, 0, &item, NULL) != AN_OK)
        return;
    send_item(s, &item);
    an_spool_item_done(&item);
}

an_err an_facts_ack(an_session *s, const an_msg *msg, an_note *why)
{
    const an_msg_ack *a = &msg->u.ack;
    if (a->of == 0 || a->of != s->fact)
        return AN_OK; /* of something sent twice */
    if (a->code != 0)
        an_log(AN_LOG_WARN, "fact_not_taken", "id=%llu why=\"%s\"", (unsigned long long)a->of, a->text);
    an_err err = an_spool_ack(s->spool, a->of, why);
    for (size_t i = 0; i < sizeof facts / sizeof *facts && err == AN_OK; i++)
        if (facts[i].type == s->fact_type)
            err = an_session_note(s, "fact", 0, s->fact_bytes, facts[i].words, why);
    s->status.facts_sent++;
    s->fact = 0;
    an_facts_pump(s, false);
    return err;
}

int64_t an_facts_deadline(const an_session *s)
{
    return s->greeted && s->fact ? s->fact_ms : INT64_MAX;
}
