/* Going back without a new statement: a line that has found its new version worse (watch.h), or the coordinator
 * that asks for it (RETURN).  What a line goes back to has run here under a valid statement, so no signature is
 * needed: the worst that a false RETURN can do is an older version that this site has trusted. */
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"

an_err an_session_return(an_session *s, const char *name, const an_hash *from, const char *reason,
                         an_note *why)
{
    an_line_state *line = an_session_line_named(s, name);
    if (!line || !an_hash_equal(&line->version, from))
        return an_fail(AN_ERR_STATE, why, "line %.63s does not run that version", name);
    an_err err = an_session_rollback(s, name, reason, why);
    if (err != AN_OK)
        return err;
    /* Else a second rollback would bring it back. */
    line->last_version = line->last_overlay = (an_hash){{0}};
    an_note note = {{0}};
    if ((err = an_follow_keep(s, line, &note)) != AN_OK)
        an_log(AN_LOG_ERROR, "return_not_kept", "line=%s why=\"%s\"", line->conf->line, note.text);
    return AN_OK;
}

/* The version is not here yet: it does not come, and its statement counts as followed. */
static an_err turn_back(an_session *s, an_line_state *line, an_note *why)
{
    if (line->follow == AN_FOLLOW_RUNNING && s->job && !s->job_round)
        atomic_store(&s->job->cancel, true);
    line->follow = AN_FOLLOW_NOTHING;
    if (line->target_counter > line->counter)
        line->counter = line->target_counter;
    return an_follow_keep(s, line, why);
}

static an_err answer(an_session *s, an_line_state *line, const an_msg_return_to *m, an_note *why)
{
    char reason[AN_REASON_MAX];
    if (!s->conf.policy->allow_return)
        return an_fail(AN_ERR_REFUSED, why, "site policy: allow.return is no");
    snprintf(reason, sizeof reason, "asked by the coordinator: %.200s", m->reason);
    if (line->follow != AN_FOLLOW_NOTHING && an_hash_equal(&line->target, &m->version)) {
        an_err err = turn_back(s, line, why);
        if (err == AN_OK)
            an_follow_report(s, line, &m->version, NULL, AN_VERSION_ROLLED_BACK, reason);
        return err;
    }
    if (!an_hash_equal(&line->version, &m->version))
        return an_fail(AN_ERR_STATE, why, "it does not run that version");
    if (an_hash_is_zero(&line->last_version) || an_hash_equal(&line->last_version, &m->version) ||
        (!an_hash_is_zero(&m->to) && !an_hash_equal(&line->last_version, &m->to)))
        return an_fail(AN_ERR_NOTFOUND, why, "the version to go back to has not run here before");
    return an_session_return(s, line->conf->line, &m->version, reason, why);
}

an_err an_return_message(an_session *s, const an_msg *msg, an_note *why)
{
    const an_msg_return_to *m = &msg->u.return_to;
    (void)why;
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        an_line_state *line = &s->lines[i];
        an_note reason = {{0}};
        if (strcmp(line->conf->model, m->model) != 0)
            continue;
        an_err err = answer(s, line, m, &reason);
        if (err == AN_OK)
            continue;
        an_log(AN_LOG_WARN, "return_refused", "line=%s reason=\"%s\"", line->conf->line, reason.text);
        an_follow_report(s, line, &m->version, NULL, AN_VERSION_REFUSED, reason.text);
    }
    return AN_OK;
}
