/* Uploads at a site: on disk and in the spool before they are offered, and there until the round's end has been
 * seen. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/account.h"
#include "agent/session_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "sum/vector.h"
#include "trust/trace.h"

#define OFFER_AGAIN_MS 60000 /* the coordinator may be busy fetching it */
#define HELD_AGAIN_MS 600000 /* acknowledged, but the round's end has not been seen */
#define ASIDE ".unreadable"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

an_err an_parts_privacy(an_session *s, const an_plan *plan, an_note *why)
{
    double epsilon = 0;
    an_err err = an_account_with(s->spool, plan, s->conf.policy->dp_delta, &epsilon, why);
    return err == AN_OK ? an_site_policy_privacy(s->conf.policy, plan, epsilon, why) : err;
}

static void say_protection(const an_plan *plan, char *out, size_t size)
{
    char noise[48] = "";
    if (plan->dp_unit != AN_DP_NONE)
        snprintf(noise, sizeof noise, "; noise hides a %s", an_dp_unit_name(plan->dp_unit));
    if (plan->privacy == AN_PRIVACY_SECURE_SUM)
        snprintf(out, size, "masked: only a sum of %u parties or more can be read%s", plan->min_cohort,
                 noise);
    else
        snprintf(out, size, "the coordinator can read it%s", noise);
}

an_err an_parts_note_upload(an_session *s, const an_part *p, an_note *why)
{
    an_pending row = {.time_ms = s->conf.clock->wall_ms(s->conf.clock)};
    snprintf(row.round, sizeof row.round, "%" PRIu64, p->round);
    memcpy(row.plan, p->plan_hash.b, sizeof row.plan);
    memcpy(row.hash, p->update.b, sizeof row.hash);
    snprintf(row.file, sizeof row.file, "%.255s", base_name(p->path));
    an_err err =
        an_parts_privacy(s, p->plan, why); /* other rounds may have been offered since it was accepted */
    if (err == AN_OK)
        err = an_account_spend(s->spool, p->plan, why); /* once too often rather than not */
    if (err == AN_OK)
        err = an_pending_set(s->spool, &row, why);
    if (err != AN_OK)
        return err;
    an_ledger_row left = {.time_ms = row.time_ms, .bytes = p->size, .round = p->round};
    an_text_set(left.kind, sizeof left.kind, an_payload_kind_name(p->plan->kind));
    snprintf(left.words, sizeof left.words, "round %" PRIu64 " of %s: %s", p->round, p->plan->model,
             an_task_find(p->plan->kind)->words);
    say_protection(p->plan, left.protection, sizeof left.protection);
    return an_ledger_add(s->spool, &left, why);
}

void an_parts_hold(an_session *s, an_part *p)
{
    p->state = AN_PART_HOLDING;
    p->offer_id = s->next_id++;
    p->offer_ms = an_session_now(s);
    an_parts_offer(s, false);
}

/* Its size, and whether it is an upload; the row vouches for the hash.  Errors: IO it cannot be read, which may pass;
 * NOTFOUND, PROTO there is no such upload any more; NOMEM. */
static an_err look(an_part *p, an_note *why)
{
    uint8_t bytes[AN_UPDATE_HEADER_BYTES];
    an_update_header h;
    an_err err = AN_OK;
    FILE *f = fopen(p->path, "rb");
    if (!f)
        return an_fail(errno == ENOENT   ? AN_ERR_NOTFOUND
                       : errno == ENOMEM ? AN_ERR_NOMEM
                                         : AN_ERR_IO,
                       why, "%s: cannot read: %s", p->path, strerror(errno));
    if (fread(bytes, sizeof bytes, 1, f) != 1)
        err = an_fail(ferror(f) ? AN_ERR_IO : AN_ERR_NOTFOUND, why, "%s: cannot be read, or cut short",
                      p->path);
    fclose(f);
    if (err == AN_OK)
        err = an_update_header_get(&h, bytes, why);
    if (err == AN_OK && h.round != p->round)
        err = an_fail(AN_ERR_PROTO, why, "%s: of round %" PRIu64, p->path, h.round);
    return err == AN_OK ? an_file_size(p->path, &p->size, why) : err; /* sealed ones differ in length */
}

/* Has what kept it from being read passed? */
static bool can_be_read(an_part *p)
{
    if (p->aside && look(p, NULL) == AN_OK) {
        an_log(AN_LOG_INFO, "upload_readable", "round=%" PRIu64 " file=\"%s\"", p->round, p->path);
        p->aside = false;
    }
    return !p->aside;
}

/* asked: the coordinator has lost the bytes that it had acknowledged, whatever the secure sum is at. */
static void offer(an_session *s, an_part *p, bool asked)
{
    an_msg m = {.type = AN_MSG_UPDATE_OFFER, .msg_id = p->offer_id};
    an_msg_update_offer *o = &m.u.update_offer;
    uint8_t statement[AN_UPDATE_STATEMENT_BYTES];
    if (!asked && p->secure && !p->secure->site)
        return; /* it needs its plan first */
    if (p->secure && p->secure->site)
        an_secure_say(s, p);
    if (!asked && p->secure && an_secure_site_phase_of(p->secure->site) != AN_SECURE_SITE_MASKED)
        return; /* the coordinator has it, and asks for other things now */
    if (!can_be_read(p))
        return;
    *o = (an_msg_update_offer){
        .round = p->round, .plan_hash = p->plan_hash, .update = p->update, .size = p->size};
    an_update_statement(statement, o);
    an_sign(o->signature, AN_UPDATE_CONTEXT, statement, sizeof statement, s->conf.sign_secret);
    an_session_trace(s, p->round, &p->plan_hash, "update_offered", "");
    an_err err = an_session_send(s, &m);
    (void)err; /* offered again */
}

void an_parts_offer(an_session *s, bool all)
{
    const int64_t now = an_session_now(s);
    for (size_t i = 0; s->greeted && i < s->n_parts; i++) {
        an_part *p = s->parts[i];
        if (p->state != AN_PART_HOLDING || (!all && now < p->offer_ms))
            continue;
        p->offer_ms = now + (p->acked ? HELD_AGAIN_MS : OFFER_AGAIN_MS);
        offer(s, p, false);
    }
}

void an_parts_hurry(an_session *s)
{
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i]->state == AN_PART_HOLDING && !s->parts[i]->acked)
            s->parts[i]->offer_ms = an_session_now(s);
}

int64_t an_parts_deadline(const an_session *s)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; s->greeted && i < s->n_parts; i++)
        if (s->parts[i]->state == AN_PART_HOLDING && s->parts[i]->offer_ms < next)
            next = s->parts[i]->offer_ms;
    return next;
}

an_err an_parts_ack(an_session *s, const an_msg *msg, an_note *why)
{
    const an_msg_update_ack *a = &msg->u.update_ack;
    an_part *p = an_parts_find(s, a->round);
    (void)why;
    if (!p || p->state != AN_PART_HOLDING || !an_hash_equal(&p->update, &a->update))
        return AN_OK; /* of a round that is over */
    bool counted = a->status == AN_UPDATE_ACCEPTED || a->status == AN_UPDATE_DUPLICATE;
    if (!counted)
        an_log(AN_LOG_WARN, "update_not_taken", "round=%" PRIu64 " status=%s reason=\"%s\"", a->round,
               an_update_status_name(a->status), a->reason);
    if (!p->acked && counted) {
        char hex[AN_HASH_TEXT];
        an_hash_text(hex, &a->update);
        const an_trace t = an_trace_of(&p->plan_hash, s->conf.site, "update_acknowledged");
        an_log(AN_LOG_INFO, "update_acknowledged", "round=%" PRIu64 " update=%s trace=%s span=%s", a->round,
               hex, t.trace, t.span);
        s->status.updates_acked++;
    }
    p->acked = true; /* the file stays until the round's end */
    p->offer_ms = an_session_now(s) + HELD_AGAIN_MS;
    return AN_OK;
}

an_err an_parts_request(an_session *s, const an_msg *msg, an_note *why)
{
    an_part *p = an_parts_find(s, msg->u.update_request.round);
    if (!p || p->state != AN_PART_HOLDING || !an_hash_equal(&p->update, &msg->u.update_request.update))
        return an_fail(AN_ERR_NOTFOUND, why, "no such upload is held");
    p->acked = false;
    p->offer_ms = an_session_now(s) + OFFER_AGAIN_MS;
    offer(s, p, true);
    return AN_OK;
}

/* ---- after a restart ---- */

/* A name that nothing removes.  Where the file cannot be moved it stays, and is held all the same. */
static void put_aside(an_session *s, an_part *p, an_pending row, const an_note *why)
{
    char away[AN_PATH_MAX], what[160];
    an_note inner = {{0}};
    const size_t len = strlen(row.file), n = strlen(ASIDE);
    p->aside = true;
    if ((len < n || strcmp(row.file + len - n, ASIDE) != 0) && len + n < sizeof row.file) {
        memcpy(row.file + len, ASIDE, n + 1);
        if (an_path_join(away, s->uploads_dir, row.file) == AN_OK && rename(p->path, away) == 0) {
            if (an_pending_set(s->spool, &row, &inner) == AN_OK)
                memcpy(p->path, away, sizeof away);
            else if (rename(away, p->path) != 0) /* at the next start the row names what is gone */
                an_log(AN_LOG_ERROR, "upload_not_kept", "file=%s why=\"%s\"", away, inner.text);
        }
        snprintf(what, sizeof what, "the upload of round %.20s cannot be read; it is kept as uploads/%.80s",
                 row.round, base_name(p->path));
        an_trust_journal(s, NULL, what);
    }
    an_log(AN_LOG_ERROR, "upload_put_aside", "round=%s file=\"%s\" why=\"%s\"", row.round, p->path,
           why->text);
}

/* What is damaged is no upload any more, but tells people something of the disk. */
static void keep_remains(an_session *s, const an_part *p, const an_pending *row)
{
    char away[AN_PATH_MAX], name[sizeof row->file + sizeof ASIDE];
    snprintf(name, sizeof name, "%s%s", row->file, ASIDE);
    if (an_path_join(away, s->uploads_dir, name) == AN_OK && rename(p->path, away) == 0)
        an_log(AN_LOG_ERROR, "upload_damaged", "round=%s file=\"%s\"", row->round, away);
}

static an_err restore(an_session *s, const an_pending *row, an_note *why)
{
    char state[AN_PATH_MAX];
    an_note reason = {{0}};
    an_part *p = an_alloc(1, sizeof *p);
    if (!p)
        return AN_ERR_NOMEM;
    p->round = strtoull(row->round, NULL, 10);
    memcpy(p->plan_hash.b, row->plan, sizeof row->plan);
    memcpy(p->update.b, row->hash, sizeof row->hash);
    p->state = AN_PART_HOLDING;
    p->accepted = true;
    p->offer_id = s->next_id++;
    an_err err = an_path_join(p->path, s->uploads_dir, row->file);
    if (err == AN_OK && (err = look(p, &reason)) == AN_ERR_IO) {
        /* It is the only one that anybody has, and trained anew it would be another one. */
        put_aside(s, p, *row, &reason);
        err = AN_OK;
    }
    if (err == AN_ERR_PROTO || err == AN_ERR_NOTFOUND)
        keep_remains(s, p, row);
    if (err == AN_OK && an_secure_path(s, p->round, state) == AN_OK && an_file_exists(state) &&
        !(p->secure = an_alloc(1, sizeof *p->secure)))
        err = AN_ERR_NOMEM;
    if (err != AN_OK) {
        an_part_free(p);
        return an_fail(err, why, "%s", reason.text);
    }
    s->parts[s->n_parts++] = p;
    return AN_OK;
}

an_err an_parts_restore(an_session *s, an_note *why)
{
    char after[64] = "";
    an_pending row;
    an_err err = AN_OK;
    while (s->n_parts < AN_HELD_MAX && (err = an_pending_next(s->spool, after, &row, why)) == AN_OK) {
        memcpy(after, row.round, sizeof after);
        err = restore(s, &row, why);
        if (err == AN_ERR_NOMEM)
            return err;
        if (err != AN_OK) {
            an_log(AN_LOG_ERROR, "upload_lost", "round=%s file=%s why=\"%s\"", row.round, row.file,
                   an_err_text(err));
            if ((err = an_pending_remove(s->spool, row.round, why)) != AN_OK)
                return err;
        }
    }
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

an_err an_session_upload(an_session *s, const an_hash *update, char out[static AN_PATH_MAX])
{
    for (size_t i = 0; i < s->n_parts; i++) {
        const an_part *p = s->parts[i];
        if (p->state == AN_PART_HOLDING && an_hash_equal(&p->update, update)) {
            memcpy(out, p->path, AN_PATH_MAX);
            return AN_OK;
        }
    }
    return AN_ERR_NOTFOUND;
}
