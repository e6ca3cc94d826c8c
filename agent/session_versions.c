/* Following release statements: check the signature, fetch, calibrate, go live, remember. */
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"

#define RETRY_MS 600000

void an_follow_report(an_session *s, const an_line_state *line, const an_hash *version,
                      const an_hash *overlay, an_version_state state, const char *reason)
{
    an_note why = {{0}};
    an_msg m = {.type = AN_MSG_VERSION_REPORT};
    an_msg_version_report *r = &m.u.version_report;
    an_text_set(r->model, sizeof r->model, line->conf->model);
    an_text_set(r->line, sizeof r->line, line->conf->line);
    an_text_set(r->reason, sizeof r->reason, reason);
    r->version = *version;
    if (overlay)
        r->overlay = *overlay;
    r->state = state;
    an_err err = an_session_post(s, &m, &why);
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "report_lost", "line=%s why=\"%s\"", line->conf->line, why.text);
}

static void refuse(an_session *s, an_line_state *line, const an_hash *version, const char *reason)
{
    an_log(AN_LOG_WARN, "version_refused", "line=%s reason=\"%s\"", line->conf->line, reason);
    if (!an_hash_equal(&line->refused, version)) {
        char hex[AN_HASH_TEXT], what[160];
        an_hash_text(hex, version);
        snprintf(what, sizeof what, "refused %.8s: %.140s", hex, reason);
        an_trust_journal(s, line, what);
        an_follow_report(s, line, version, NULL, AN_VERSION_REFUSED, reason);
    }
    line->refused = *version;
}

/* ---- going live ---- */

/* The line runs what is given from now on, and the spool knows it. */
an_err an_follow_swap(an_session *s, an_line_state *line, const an_running *running, const char *what,
                      an_note *why)
{
    an_journal_row row = {.time_ms = s->conf.clock->wall_ms(s->conf.clock)};
    an_err err = s->conf.io.go_live(s->conf.io.ctx, line->conf->line, running, why);
    if (err != AN_OK && err != AN_ERR_AGAIN)
        return err;
    line->going = err == AN_OK ? 0
                               : AN_GOING | (running->watched ? AN_GOING_WATCHED : 0) |
                                     (running->with_held ? AN_GOING_WITH_HELD : 0);
    if (!an_hash_equal(&line->version, &running->version) ||
        !an_hash_equal(&line->overlay, &running->overlay)) {
        line->last_version = line->version;
        line->last_overlay = line->overlay;
    }
    line->version = running->version;
    line->overlay = running->overlay;
    memcpy(row.version, running->version.b, sizeof row.version);
    memcpy(row.overlay, running->overlay.b, sizeof row.overlay);
    snprintf(row.model, sizeof row.model, "%s", line->conf->model);
    snprintf(row.what, sizeof row.what, "%.150s", what);
    an_note note = {{0}};
    if ((err = an_follow_keep(s, line, &note)) == AN_OK)
        err = an_journal_add(s->spool, &row, &note);
    if (err != AN_OK) /* it runs; only a restart would not know */
        an_log(AN_LOG_ERROR, "swap_not_kept", "line=%s why=\"%s\"", line->conf->line, note.text);
    s->status.versions_followed++;
    return AN_OK;
}

/* A version that was calibrated before, from its files. */
static an_err swap_to_kept(an_session *s, an_line_state *line, const an_hash *version, const an_hash *overlay,
                           const char *what, an_note *why)
{
    an_kept kept = {.bundle = {.arch = NULL}};
    an_err err = an_kept_read(s, version, overlay, &kept, why);
    if (err == AN_OK)
        err = an_follow_swap(s, line, &kept.running, what, why);
    an_kept_done(&kept);
    return err;
}

/* ---- statements ---- */

/* Counters of an older root: nothing that it signed is followed any more, and whoever held a key under it may
 * have driven them up to keep the site from all that comes (TUF, 5.3.11: recovery from fast-forward). */
static void forget_older_root(const an_session *s, an_line_state *line)
{
    if (line->root_number != s->root.number)
        line->counter = line->delegation = line->use = 0;
}

/* Then nothing is to be done, whatever has become of who signed it; and a line that went back by itself stays
 * where it is. */
static bool was_followed(const an_session *s, const an_line_state *line, uint64_t counter)
{
    return line->root_number == s->root.number && line->counter == counter &&
           !an_hash_is_zero(&line->version);
}

/* What is on its way was judged by the older root. */
void an_follow_root_changed(an_session *s)
{
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        an_line_state *line = &s->lines[i];
        if (line->follow == AN_FOLLOW_RUNNING && s->job && !s->job_round)
            atomic_store(&s->job->cancel, true);
        line->follow = AN_FOLLOW_NOTHING;
        line->refused = (an_hash){{0}};
    }
}

/* What the line remembers of a statement that it follows. */
static void note_followed(const an_session *s, an_line_state *line, uint64_t counter, const an_delegation *d,
                          uint64_t use, int64_t expires_ms)
{
    forget_older_root(s, line);
    line->root_number = s->root.number;
    line->counter = counter;
    line->expires_ms = expires_ms;
    line->stale_said = false;
    if (use > 0) {
        line->delegation = d->number;
        line->use = use;
    }
}

bool an_follow_is_on_its_way(const an_line_state *line)
{
    return line->follow != AN_FOLLOW_NOTHING && line->follow != AN_FOLLOW_RETRY;
}

static void set_target(an_line_state *line, const an_msg_version *v, const an_release *r,
                       const an_delegation *d)
{
    line->target = v->version;
    line->target_size = v->size;
    line->target_counter = v->counter;
    line->target_use = r->use;
    line->target_expires_ms = an_release_expiry(r, d);
    line->target_delegation = r->delegation;
    line->target_grant = *d;
    line->follow = AN_FOLLOW_FETCHING;
}

static an_err take_target(an_session *s, an_line_state *line, const an_msg_version *v, const an_release *r,
                          const an_delegation *d, an_note *why)
{
    an_note reason = {{0}};
    const bool runs = an_hash_equal(&line->version, &v->version);
    forget_older_root(s, line);
    if (v->counter < line->counter) {
        an_note_set(&reason, "statement %llu is older than %llu, which was followed",
                    (unsigned long long)v->counter, (unsigned long long)line->counter);
        refuse(s, line, &v->version, reason.text);
        return an_fail(AN_ERR_STATE, why, "%s", reason.text);
    }
    if (an_trust_fresh(s, r, d, &reason) != AN_OK ||
        (r->use > 0 && an_delegation_next(d, r, line->delegation, line->use, &reason) != AN_OK)) {
        refuse(s, line, &v->version, reason.text);
        return AN_OK;
    }
    if (an_follow_is_on_its_way(line)) {
        if (v->counter == line->target_counter && an_hash_equal(&line->target, &v->version))
            return AN_OK;
        if (v->counter < line->target_counter)
            return an_fail(AN_ERR_STATE, why, "a newer statement is being followed");
        if (line->follow == AN_FOLLOW_RUNNING && s->job && !s->job_round)
            atomic_store(&s->job->cancel, true);
    }
    if (runs) { /* confirmed by a new statement */
        line->follow = AN_FOLLOW_NOTHING;
        note_followed(s, line, v->counter, d, r->use, an_release_expiry(r, d));
        an_follow_report(s, line, &line->version, &line->overlay, AN_VERSION_RUNNING, "");
        return an_follow_keep(s, line, why);
    }
    set_target(line, v, r, d);
    return AN_OK;
}

an_err an_follow_version(an_session *s, const an_msg *msg, an_note *why)
{
    const an_msg_version *v = &msg->u.version;
    an_release release;
    an_delegation delegation;
    an_note reason = {{0}};
    an_err err = AN_OK;
    if (!an_session_line_of(s, v->model))
        return AN_OK;
    if (v->alias == AN_ALIAS_CANDIDATE)
        return an_trust_candidate(s, v, why);
    for (size_t i = 0; i < s->conf.n_lines && err == AN_OK; i++) {
        an_line_state *line = &s->lines[i];
        if (strcmp(line->conf->model, v->model) != 0 || was_followed(s, line, v->counter))
            continue;
        an_err judged = an_trust_judge(s, v, &release, &delegation, &reason);
        if (judged != AN_OK) {
            an_note said;
            an_note_set(&said, "%s%.230s", judged == AN_ERR_AUTH ? AN_REFUSED_UNTRUSTED : "", reason.text);
            refuse(s, line, &v->version, said.text);
            continue;
        }
        err = take_target(s, line, v, &release, &delegation, why);
    }
    an_session_drive(s);
    return err;
}

/* ---- on the way ---- */

void an_follow_drive(an_session *s)
{
    const int64_t now = an_session_now(s);
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        an_line_state *line = &s->lines[i];
        an_note why = {{0}};
        if (line->follow == AN_FOLLOW_RETRY && now >= line->retry_ms)
            line->follow = AN_FOLLOW_FETCHING;
        if (line->follow != AN_FOLLOW_FETCHING || !an_session_want(s, &line->target, line->target_size))
            continue;
        an_err err = an_session_schema_check(s, line, &line->target, &why);
        if (err == AN_OK)
            err = an_trust_version(s, line, &why);
        if (err == AN_ERR_AGAIN || err == AN_ERR_NOMEM)
            continue;
        if (err != AN_OK) {
            refuse(s, line, &line->target, why.text);
            line->follow = AN_FOLLOW_NOTHING;
            continue;
        }
        line->follow = AN_FOLLOW_READY;
    }
}

bool an_follow_start(an_session *s)
{
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        an_line_state *line = &s->lines[i];
        char name[AN_HASH_TEXT + 32], hex[AN_HASH_TEXT];
        if (line->follow != AN_FOLLOW_READY)
            continue;
        an_job *job = an_session_job(s, AN_JOB_OVERLAY, line);
        if (!job)
            return false; /* tried again at the next tick */
        an_hash_text(hex, &line->target);
        snprintf(name, sizeof name, "line-%zu.overlay", i);
        if (an_versions_path(s->versions, &line->target, job->base_path) != AN_OK ||
            an_path_join(job->out_path, s->uploads_dir, name) != AN_OK) {
            an_job_free(job);
            line->follow = AN_FOLLOW_FETCHING;
            return false;
        }
        job->version = line->target;
        job->held_plan = line->held_plan;
        line->follow = AN_FOLLOW_RUNNING;
        an_session_start(s, job, 0);
        return true;
    }
    return false;
}

/* The versions that must stay: what runs, what ran before, what is on its way. */
void an_follow_trim(an_session *s)
{
    an_hash keep[3 * AN_LINES_MAX + 3 * AN_HELD_MAX];
    size_t n = 0;
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        keep[n++] = s->lines[i].version;
        keep[n++] = s->lines[i].last_version;
        keep[n++] = s->lines[i].target;
    }
    for (size_t i = 0; i < s->n_parts; i++) {
        const an_plan *p = s->parts[i]->plan;
        if (!p)
            continue;
        keep[n++] = p->base;
        keep[n++] = p->candidate;
        keep[n++] = p->production;
    }
    an_note why = {{0}};
    if (an_versions_trim(s->versions, keep, n, &why) != AN_OK)
        an_log(AN_LOG_WARN, "versions_not_trimmed", "why=\"%s\"", why.text);
}

an_err an_follow_adopt(an_session *s, const an_job *job, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = an_versions_overlay_path(s->versions, &job->version, &job->result, path);
    if (err == AN_OK && rename(job->out_path, path) != 0)
        err = an_fail(AN_ERR_IO, why, "%.200s: cannot be renamed", job->out_path);
    return err;
}

void an_follow_done(an_session *s, an_job *job, an_err err, const an_note *why)
{
    an_line_state *line = an_session_line_named(s, job->line);
    an_note note = {{0}};
    if (!line || line->follow != AN_FOLLOW_RUNNING || !an_hash_equal(&line->target, &job->version))
        return; /* another version is wanted by now */
    if (err == AN_OK) {
        why = &note;
        if ((err = an_trust_target(s, line, &note)) == AN_OK)
            err = an_follow_adopt(s, job, &note);
    }
    if (err == AN_OK) {
        an_running running = {.version = job->version,
                              .overlay = job->result,
                              .bundle = &job->bundle,
                              .values = &job->overlay,
                              .with_held = job->with_held,
                              .watched = true};
        const an_line_state before = *line;
        an_follow_report(s, line, &job->version, &job->result, AN_VERSION_READY, "");
        note_followed(s, line, line->target_counter, &line->target_grant, line->target_use,
                      line->target_expires_ms);
        if ((err = an_follow_swap(s, line, &running, "promoted", &note)) != AN_OK)
            *line = before;
    }
    if (err != AN_OK) {
        refuse(s, line, &job->version, why && why->text[0] ? why->text : an_err_text(err));
        line->follow = AN_FOLLOW_RETRY;
        line->retry_ms = an_session_now(s) + RETRY_MS;
        return;
    }
    line->follow = AN_FOLLOW_NOTHING;
    line->refused = (an_hash){{0}};
    an_follow_report(s, line, &line->version, &line->overlay, AN_VERSION_RUNNING, "");
    an_follow_trim(s);
}

int64_t an_follow_deadline(const an_session *s)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < s->conf.n_lines; i++)
        if (s->lines[i].follow == AN_FOLLOW_RETRY && s->lines[i].retry_ms < next)
            next = s->lines[i].retry_ms;
    return next;
}

/* ---- for whoever runs the session ---- */

static size_t line_of(const an_session *s, const char *name) /* SIZE_MAX: none */
{
    for (size_t i = 0; i < s->conf.n_lines; i++)
        if (strcmp(s->lines[i].conf->line, name) == 0)
            return i;
    return SIZE_MAX;
}

bool an_session_before(const an_session *s, const char *name, an_hash *ret_version)
{
    const size_t i = line_of(s, name);
    if (i == SIZE_MAX || an_hash_is_zero(&s->lines[i].last_version))
        return false;
    *ret_version = s->lines[i].last_version;
    return true;
}

an_err an_session_rollback(an_session *s, const char *name, const char *reason, an_note *why)
{
    const size_t i = line_of(s, name);
    an_line_state *line = i < SIZE_MAX ? &s->lines[i] : NULL;
    if (!line || an_hash_is_zero(&line->last_version))
        return an_fail(AN_ERR_NOTFOUND, why, "line %.63s has run no version before", name);
    const an_hash left = line->version, overlay = line->overlay;
    const an_hash version = line->last_version, last_overlay = line->last_overlay;
    char what[160];
    snprintf(what, sizeof what, "rolled back: %.130s", reason);
    an_err err = swap_to_kept(s, line, &version, &last_overlay, what, why);
    if (err != AN_OK)
        return err;
    /* Of an overlay that was left the version is not to blame. */
    const bool stays = an_hash_equal(&left, &line->version);
    if (!stays)
        an_follow_report(s, line, &left, &overlay, AN_VERSION_ROLLED_BACK, reason);
    an_follow_report(s, line, &line->version, &line->overlay, AN_VERSION_RUNNING, stays ? reason : "");
    return AN_OK;
}

bool an_session_running(const an_session *s, const char *name, an_hash *ret_version, an_hash *ret_overlay)
{
    const size_t i = line_of(s, name);
    if (i == SIZE_MAX || an_hash_is_zero(&s->lines[i].version))
        return false;
    *ret_version = s->lines[i].version;
    *ret_overlay = s->lines[i].overlay;
    return true;
}

bool an_session_next(const an_session *s, const char *name, an_hash *ret_version, const char **ret_how)
{
    static const char *const hows[] = {"", "fetching", "ready", "running", "retry"};
    _Static_assert(AN_FOLLOW_RETRY + 1 == sizeof hows / sizeof *hows, "a word for each");
    const size_t i = line_of(s, name);
    if (i == SIZE_MAX || s->lines[i].follow == AN_FOLLOW_NOTHING)
        return false;
    *ret_version = s->lines[i].target;
    *ret_how = hows[s->lines[i].follow];
    return true;
}
