/* Rotation of the site's keys: the files and sockets of what session_keys.c says. */
#include "agent/runtime_link.h"
#include "base/log.h"

static an_err paths(const an_agent *a, char present[static AN_PATH_MAX], char next[static AN_PATH_MAX])
{
    an_err err = an_path_join(present, a->conf->data, "identity");
    return err == AN_OK ? an_path_join(next, a->conf->data, "identity.next") : err;
}

static an_err offer(an_agent *a, const char *path, an_note *why)
{
    an_err err = an_identity_open(path, &a->next, why);
    if (err != AN_OK)
        return err;
    a->session_next = (an_session_keys){.link_public = a->next->link_public,
                                        .sign_public = a->next->sign_public,
                                        .sign_secret = a->next->sign_secret,
                                        .present_link_public = a->id->link_public};
    an_session_offer_keys(a->session, &a->session_next);
    return AN_OK;
}

an_err an_agent_keys_open(an_agent *a, an_note *why)
{
    char present[AN_PATH_MAX], next[AN_PATH_MAX];
    an_note damage = {{0}};
    an_err err = paths(a, present, next);
    if (err != AN_OK)
        return an_fail(err, why, "%.200s: path too long", a->conf->data);
    if (!an_file_exists(next))
        return AN_OK;
    if ((err = offer(a, next, &damage)) != AN_OK) /* the present ones are good: the site goes on with them */
        an_agent_fault(a, "next_keys_not_read", damage.text[0] ? damage.text : an_err_text(err));
    return AN_OK;
}

an_err an_agent_keys_rotate(an_agent *a, an_note *why)
{
    char present[AN_PATH_MAX], next[AN_PATH_MAX], text[AN_FINGERPRINT_TEXT];
    if (a->next)
        return an_fail(AN_ERR_STATE, why, "a rotation of the keys has begun already; it waits for %s",
                       an_session_look(a->session).rotation);
    an_err err = paths(a, present, next);
    if (err == AN_OK)
        err = offer(a, next, why);
    if (err != AN_OK)
        return err;
    an_fingerprint(text, a->next->link_public, a->next->sign_public);
    an_log(AN_LOG_INFO, "rotation_begun", "next_fingerprint=%s", text);
    const an_journal_row row = {.time_ms = a->clock->wall_ms(a->clock),
                                .what = "new keys for this site were made; the present ones stay until then"};
    return an_journal_add(a->spool, &row, why);
}

/* Without memory for sockets the present ones stay, and it is tried again. */
static an_err relink(an_agent *a, an_note *why)
{
    an_err err = an_control_relink(a->control, why);
    if (err != AN_OK)
        return err;
    a->relink = false;
    an_session_connected(a->session);
    return an_bulk_relink(a->bulk, why); /* tried again at the next WELCOME */
}

/* Both borrowers of the identity, the session and the bulk socket, see the new one in its place. */
static an_err go_over(an_agent *a, an_note *why)
{
    char present[AN_PATH_MAX], next[AN_PATH_MAX];
    an_err err = paths(a, present, next);
    if (err == AN_OK)
        err = an_identity_adopt(present, next, why);
    if (err != AN_OK)
        return err;
    *a->id = *a->next;
    an_session_rekeyed(a->session);
    an_identity_free(a->next);
    a->next = NULL;
    an_log(AN_LOG_INFO, "rotated", "site=%s", a->conf->site);
    a->relink = true;
    return relink(a, why);
}

void an_agent_keys_tick(an_agent *a)
{
    an_note why = {{0}};
    an_err err = AN_OK;
    if (a->relink)
        err = relink(a, &why);
    else if (a->next && an_session_keys_due(a->session))
        err = go_over(a, &why);
    if (err != AN_OK)
        an_agent_fault(a, "not_rotated", why.text[0] ? why.text : an_err_text(err));
}
