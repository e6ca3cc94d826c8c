/* What leaves a site beside vectors and facts, in its ledger: a row before it leaves.  What comes every few
 * seconds and holds no data has a row for the first of an hour, or of a round. */
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"

#define HOUR_MS INT64_C(3600000)

/* Vectors and their offers are session_uploads.c's, facts session_facts.c's. */
static const struct {
    an_msg_type type;
    const char *kind;
    bool each; /* every one, else the first of an hour and round */
    const char *words;
} noted[] = {
    {AN_MSG_HELLO, "greeting", true, "this site's name, lines, versions and uploads that it holds"},
    {AN_MSG_HEARTBEAT, "heartbeat", false,
     "from now for an hour: the agent's state, how much waits to be sent, how many windows there are up to "
     "256"},
    {AN_MSG_PLAN_REPLY, "answer", true, "whether this site takes part in a round; if not, why"},
    {AN_MSG_PROGRESS, "progress", false, "from now for an hour: how far this site is with a round"},
    {AN_MSG_SECURE, "secure", true, "of a secure sum: keys, sealed shares, signatures, shares of masks"},
    {AN_MSG_KEYS, "keys", true, "the public halves of this site's next keys"},
};
_Static_assert(sizeof noted / sizeof *noted <= AN_NOTED_MAX, "a session remembers each kind");

static uint64_t round_of(const an_msg *m)
{
    return m->type == AN_MSG_PLAN_REPLY ? m->u.plan_reply.round
           : m->type == AN_MSG_PROGRESS ? m->u.progress.round
           : m->type == AN_MSG_SECURE   ? m->u.secure.round
                                        : 0;
}

an_err an_session_note(an_session *s, const char *kind, uint64_t round, uint64_t bytes, const char *words,
                       an_note *why)
{
    an_ledger_row row = {.time_ms = s->conf.clock->wall_ms(s->conf.clock), .bytes = bytes, .round = round};
    an_text_set(row.kind, sizeof row.kind, kind);
    an_text_set(row.words, sizeof row.words, words);
    an_text_set(row.protection, sizeof row.protection,
                strcmp(kind, "secure") == 0 ? "none of this site's data is in it"
                                            : "the coordinator can read it");
    return an_ledger_add(s->spool, &row, why);
}

static void note(an_session *s, const an_msg *msg, size_t i)
{
    char words[200];
    an_buf bytes;
    an_buf_init(&bytes, AN_MSG_CONTROL_MAX);
    if (msg->type == AN_MSG_PLAN_REPLY)
        snprintf(words, sizeof words, "round %llu: %s%.150s", (unsigned long long)round_of(msg),
                 msg->u.plan_reply.accept ? "this site takes part" : "refused: ", msg->u.plan_reply.reason);
    else
        snprintf(words, sizeof words, "%s", noted[i].words);
    an_err err = an_msg_encode(msg, &bytes, NULL);
    if (err == AN_OK)
        err = an_session_note(s, noted[i].kind, round_of(msg), bytes.len, words, NULL);
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "ledger_not_written", "kind=%s err=%s", noted[i].kind, an_err_name(err));
    an_buf_done(&bytes);
}

void an_session_note_message(an_session *s, const an_msg *msg)
{
    const int64_t hour = s->conf.clock->wall_ms(s->conf.clock) / HOUR_MS;
    for (size_t i = 0; i < sizeof noted / sizeof *noted; i++) {
        if (noted[i].type != msg->type)
            continue;
        const bool again = s->noted_hour[i] == hour && s->noted_round[i] == round_of(msg);
        if (noted[i].each || !again)
            note(s, msg, i);
        s->noted_hour[i] = hour;
        s->noted_round[i] = round_of(msg);
    }
}
