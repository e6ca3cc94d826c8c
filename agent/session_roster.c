/* The roster at a site: the newest that the release root has signed, kept in a file beside the versions. */
#include <inttypes.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"
#include "base/mem.h"

static an_err roster_path(const an_session *s, char out[static AN_PATH_MAX])
{
    return an_path_join(out, s->conf.dir, "roster");
}

/* Its hash is that of the text, which is what plans name. */
static an_err take(an_session *s, const void *text, size_t len, const uint8_t signature[static AN_SIGN_BYTES],
                   an_note *why)
{
    an_roster r = {.n = 0};
    if (!s->conf.policy->allow_online_root &&
        an_secret_equal(s->root.key, s->conf.coordinator_key, AN_SIGN_PUBLIC_BYTES))
        return an_fail(AN_ERR_REFUSED, why,
                       "site policy: allow.online_root is no, and the coordinator signs rosters");
    an_err err = an_roster_check(text, len, signature, s->root.key, why);
    if (err == AN_OK)
        err = an_roster_parse(text, len, &r, why);
    if (err != AN_OK)
        return err;
    an_hash hash;
    an_hash_of(&hash, text, len);
    if (r.counter < s->roster.counter ||
        (r.counter == s->roster.counter && !an_hash_equal(&hash, &s->roster_hash))) {
        an_note_set(why, "roster %" PRIu64 " is not newer than the one that is here, %" PRIu64, r.counter,
                    s->roster.counter);
        an_roster_done(&r);
        return AN_ERR_AUTH;
    }
    an_roster_done(&s->roster);
    s->roster = r;
    s->roster_hash = hash;
    return AN_OK;
}

an_err an_rosters_restore(an_session *s, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_note note = {{0}};
    an_err err = roster_path(s, path);
    if (err != AN_OK || !an_file_exists(path))
        return err;
    an_buf_init(&b, AN_ROSTER_TEXT_MAX + AN_SIGN_BYTES);
    err = an_file_read(&b, path, why);
    if (err == AN_OK && b.len > AN_SIGN_BYTES)
        err = take(s, b.data + AN_SIGN_BYTES, b.len - AN_SIGN_BYTES, b.data, &note);
    an_buf_done(&b);
    if (err == AN_ERR_AUTH || err == AN_ERR_PROTO ||
        err == AN_ERR_REFUSED) { /* the coordinator sends the one in force */
        an_log(AN_LOG_WARN, "roster_not_used", "why=\"%s\"", note.text);
        err = AN_OK;
    }
    return err;
}

an_err an_rosters_message(an_session *s, const an_msg *msg, an_note *why)
{
    const an_msg_roster *m = &msg->u.roster;
    char path[AN_PATH_MAX];
    an_buf b;
    an_err err = take(s, m->text.data, m->text.len, m->signature, why);
    if (err != AN_OK) {
        an_log(AN_LOG_WARN, "roster_refused", "why=\"%s\"", why ? why->text : "");
        return err == AN_ERR_REFUSED ? AN_OK : err; /* the site's own choice */
    }
    an_buf_init(&b, AN_ROSTER_TEXT_MAX + AN_SIGN_BYTES);
    an_buf_put(&b, m->signature, AN_SIGN_BYTES);
    an_buf_put(&b, m->text.data, m->text.len);
    err = roster_path(s, path);
    if (err == AN_OK)
        err = b.failed ? AN_ERR_NOMEM : an_file_write(path, b.data, b.len, 0644, why);
    an_buf_done(&b);
    an_log(AN_LOG_INFO, "roster_taken", "counter=%" PRIu64 " sites=%u", s->roster.counter, s->roster.n);
    return err;
}
