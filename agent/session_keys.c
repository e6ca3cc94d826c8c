/* The keys that a site goes over to, in this order:
 *
 *     site         makes the second pair, and offers it, signed with the first and with the second (KEYS)
 *     coordinator  admits both
 *     root         signs a roster with the second statement key
 *     site         takes the roster, ends its rounds, and greets with the second pair
 *     coordinator  admits the first pair no longer
 *
 * Until the last step either end may restart or lose its memory of the earlier ones: the site offers again. */
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"

#define AGAIN_MS 60000

bool an_keys_named(const an_session *s)
{
    const an_roster_site *mine = s->next.link_public ? an_roster_find(&s->roster, s->conf.site) : NULL;
    return mine && an_secret_equal(mine->key, s->next.sign_public, AN_KEY_BYTES);
}

void an_session_offer_keys(an_session *s, const an_session_keys *next)
{
    s->next = *next;
    s->keys_said[0] = '\0';
    an_keys_tick(s, true);
}

bool an_session_keys_due(const an_session *s)
{
    return an_keys_named(s) && s->n_parts == 0;
}

void an_session_rekeyed(an_session *s)
{
    an_trust_journal(s, NULL, "this site's keys were rotated: it speaks with the next ones now");
    s->next = (an_session_keys){.link_public = NULL};
    an_session_lost(s);
}

const char *an_keys_wait(const an_session *s)
{
    return !s->next.link_public ? ""
           : an_keys_named(s)   ? "the end of a round"
           : s->keys_said[0]    ? s->keys_said
                                : "a roster with them, signed by the release root";
}

void an_keys_tick(an_session *s, bool all)
{
    an_msg m = {.type = AN_MSG_KEYS};
    an_msg_keys *k = &m.u.keys;
    uint8_t statement[AN_KEYS_STATEMENT_BYTES];
    const int64_t now = an_session_now(s);
    if (!s->next.link_public || !s->greeted || an_keys_named(s) || (!all && now < s->keys_ms))
        return;
    memcpy(k->link_key, s->next.link_public, sizeof k->link_key);
    memcpy(k->statement_key, s->next.sign_public, sizeof k->statement_key);
    an_keys_statement(statement, s->conf.site, s->next.present_link_public, s->conf.sign_public, k);
    an_sign(k->signature, AN_KEYS_CONTEXT, statement, sizeof statement, s->conf.sign_secret);
    an_sign(k->next_signature, AN_KEYS_CONTEXT, statement, sizeof statement, s->next.sign_secret);
    m.msg_id = s->keys_id = s->next_id++;
    s->keys_ms = now + AGAIN_MS;
    an_err err = an_session_send(s, &m);
    (void)err; /* said again */
}

int64_t an_keys_deadline(const an_session *s)
{
    return s->next.link_public && s->greeted && !an_keys_named(s) ? s->keys_ms : INT64_MAX;
}

bool an_keys_ack(an_session *s, const an_msg *msg)
{
    const an_msg_ack *a = &msg->u.ack;
    if (!s->next.link_public || a->of == 0 || a->of != s->keys_id)
        return false;
    s->keys_id = 0; /* one answer each: further ones would fill the journal */
    if (a->code == 0) {
        s->keys_ms = INT64_MAX; /* until the next WELCOME: its coordinator may have lost it */
    } else if (strcmp(s->keys_said, a->text) != 0) {
        char what[AN_REASON_MAX + 40];
        snprintf(what, sizeof what, "next keys refused by the coordinator: %s", a->text);
        an_log(AN_LOG_WARN, "keys_refused", "why=\"%s\"", a->text);
        an_trust_journal(s, NULL, what);
    }
    an_text_set(s->keys_said, sizeof s->keys_said, a->code == 0 ? "" : a->text);
    return true;
}
