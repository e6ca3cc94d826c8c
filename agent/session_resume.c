/* What a line runs, what it ran before, and the counter of the last statement followed: one value in the spool, written when
 * the line has been told.  If the power fails before, the old version runs again and the coordinator repeats its
 * statement.  Making a version ready takes the line seconds; if the power fails then, the swap begins anew. */
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"

#define VALUE_BYTES (8 + 5 * AN_HASH_BYTES + 4 * 8 + 1)

static void value_name(char out[static 80], const an_line_state *line)
{
    snprintf(out, 80, "line/%s", line->conf->line);
}

an_err an_follow_keep(an_session *s, const an_line_state *line, an_note *why)
{
    char name[80];
    an_buf b;
    an_buf_init(&b, VALUE_BYTES);
    an_buf_u64(&b, line->counter);
    an_buf_put(&b, line->version.b, AN_HASH_BYTES);
    an_buf_put(&b, line->overlay.b, AN_HASH_BYTES);
    an_buf_put(&b, line->last_version.b, AN_HASH_BYTES);
    an_buf_put(&b, line->last_overlay.b, AN_HASH_BYTES);
    an_buf_put(&b, line->held_plan.b, AN_HASH_BYTES);
    an_buf_u64(&b, line->delegation);
    an_buf_u64(&b, line->use);
    an_buf_u64(&b, (uint64_t)line->expires_ms);
    an_buf_u64(&b, line->root_number);
    an_buf_u8(&b, (uint8_t)line->going);
    value_name(name, line);
    an_err err = an_buf_err(&b);
    if (err == AN_OK)
        err = an_spool_value_set(s->spool, name, b.data, b.len, why);
    an_buf_done(&b);
    return err;
}

static void take_hash(an_reader *r, an_hash *ret)
{
    const uint8_t *bytes = an_read_bytes(r, AN_HASH_BYTES);
    if (bytes)
        memcpy(ret->b, bytes, AN_HASH_BYTES);
}

/* ---- after a restart ---- */

/* A swap that was not done when the power failed begins anew, from what ran before. */
static an_err swap_again(an_session *s, const an_line_state *line, an_running *running,
                         const an_running *before, an_note *why)
{
    const an_session_io *io = &s->conf.io;
    an_err err = AN_OK;
    running->watched = (line->going & AN_GOING_WATCHED) != 0;
    running->with_held = (line->going & AN_GOING_WITH_HELD) != 0;
    if (before)
        err = io->go_live(io->ctx, line->conf->line, before, why);
    return err == AN_OK || err == AN_ERR_AGAIN ? io->go_live(io->ctx, line->conf->line, running, why) : err;
}

/* What ran before the power failed, and beside it the version before, which may still be compared with it. */
static an_err go_on(an_session *s, an_line_state *line, an_note *why)
{
    an_kept kept = {.bundle = {.arch = NULL}}, before = {.bundle = {.arch = NULL}};
    an_err err = an_kept_read(s, &line->version, &line->overlay, &kept, why);
    const bool has_before = err == AN_OK && !an_hash_is_zero(&line->last_version) &&
                            an_kept_read(s, &line->last_version, &line->last_overlay, &before, NULL) == AN_OK;
    if (err == AN_OK && line->going) {
        err = swap_again(s, line, &kept.running, has_before ? &before.running : NULL, why);
    } else if (err == AN_OK) {
        kept.running.before = has_before ? &before.running : NULL;
        err = s->conf.io.go_live(s->conf.io.ctx, line->conf->line, &kept.running, why);
    }
    if (err == AN_ERR_AGAIN) /* it is under way */
        err = AN_OK;
    an_kept_done(&kept);
    an_kept_done(&before);
    return err;
}

static an_err restore_line(an_session *s, an_line_state *line, an_note *why)
{
    char name[80];
    an_note note = {{0}};
    an_buf b;
    an_buf_init(&b, VALUE_BYTES);
    value_name(name, line);
    an_err err = an_spool_value_get(s->spool, name, &b, why);
    if (err == AN_OK) {
        an_reader r = an_reader_of(b.data, b.len);
        line->counter = an_read_u64(&r);
        take_hash(&r, &line->version);
        take_hash(&r, &line->overlay);
        take_hash(&r, &line->last_version);
        take_hash(&r, &line->last_overlay);
        take_hash(&r, &line->held_plan);
        if (r.left > 0) { /* absent: written before there were delegations */
            line->delegation = an_read_u64(&r);
            line->use = an_read_u64(&r);
            line->expires_ms = (int64_t)an_read_u64(&r);
            line->root_number = an_read_u64(&r);
        }
        if (r.left > 0)
            line->going = an_read_u8(&r);
        if (r.failed || r.left)
            err = an_fail(AN_ERR_PROTO, why, "what the spool knows of line %s is damaged", line->conf->line);
    }
    an_buf_done(&b);
    if (err == AN_ERR_NOTFOUND)
        return AN_OK; /* its first start */
    if (err != AN_OK || an_hash_is_zero(&line->version))
        return err;
    err = go_on(s, line, &note);
    if (err == AN_ERR_NOMEM)
        return err;
    if (err != AN_OK) {
        /* The same statement is followed again, as if it were the first. */
        an_log(AN_LOG_ERROR, "version_not_resumed", "line=%s why=\"%s\"", line->conf->line, note.text);
        line->version = line->overlay = (an_hash){{0}};
    }
    return AN_OK;
}

an_err an_follow_restore(an_session *s, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < s->conf.n_lines && err == AN_OK; i++)
        err = restore_line(s, &s->lines[i], why);
    return err;
}

void an_session_live(an_session *s, const char *name, const an_hash *version, const an_hash *overlay)
{
    an_note why = {{0}};
    an_line_state *line = an_session_line_named(s, name);
    if (!line || !line->going || !an_hash_equal(&line->version, version) ||
        !an_hash_equal(&line->overlay, overlay))
        return;
    line->going = 0;
    if (an_follow_keep(s, line, &why) != AN_OK) /* then it is swapped again after a restart */
        an_log(AN_LOG_ERROR, "swap_not_kept", "line=%s why=\"%s\"", name, why.text);
}
