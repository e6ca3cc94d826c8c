/* Rounds of kind SHADOW on lines that run: the candidate gets the overlay it would go live with, scores beside what
 * runs for as long as the plan says, and what was counted becomes the site's vector.
 *
 *     READY -> overlay (a job) -> SHADOWING (the line) -> READY with counts -> vector (a job) */
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"
#include "base/mem.h"

#define TOLD_MS 2000

bool an_shadow_part_waits(const an_session *s, const an_part *p)
{
    return p->plan->kind == AN_PAYLOAD_SHADOW && s->conf.io.shadow && !p->shadowed;
}

an_err an_shadow_part_start(an_session *s, an_part *p, const an_line_state *line, an_note *why)
{
    char name[64];
    if (!an_hash_equal(&line->version, &p->plan->production))
        return an_fail(AN_ERR_STATE, why, "the line runs another version than the plan's production");
    an_job *job = an_session_job(s, AN_JOB_CANDIDATE, line);
    if (!job)
        return AN_ERR_NOMEM;
    snprintf(name, sizeof name, "round-%llu.overlay", (unsigned long long)p->round);
    an_err err = an_versions_path(s->versions, &p->plan->candidate, job->base_path);
    if (err == AN_OK)
        err = an_path_join(job->out_path, s->uploads_dir, name);
    if (err != AN_OK) {
        an_job_free(job);
        return err;
    }
    job->version = p->plan->candidate;
    p->state = AN_PART_RUNNING;
    an_session_start(s, job, p->round);
    return AN_OK;
}

/* Not beyond what the round waits for: what has been counted by then is delivered. */
static int64_t end_of(const an_session *s, const an_part *p)
{
    const int64_t now = an_session_now(s), wanted = now + (int64_t)p->plan->shadow_ms;
    const int64_t last =
        p->accepted_ms + (int64_t)(p->plan->upload.deadline_ms - p->plan->upload.deadline_ms / 10);
    return wanted < last ? wanted : last > now ? last : now;
}

void an_shadow_part_prepared(an_session *s, an_job *job, an_err err, const an_note *why)
{
    an_note note = {{0}};
    an_part *p = an_parts_find(s, s->job_round);
    an_err removed = an_file_remove(job->out_path, NULL);
    (void)removed; /* it is in memory, and is not needed after this */
    if (!p || p->state != AN_PART_RUNNING)
        return; /* the round ended meanwhile */
    if (err == AN_OK) {
        const an_running running = {
            .version = job->version, .overlay = job->result, .bundle = &job->bundle, .values = &job->overlay};
        why = &note;
        err = s->conf.io.shadow(s->conf.io.ctx, job->line, &running, p->plan->shadow_rows, &note);
    }
    if (err != AN_OK) {
        an_parts_refuse(s, p, why && why->text[0] ? why->text : an_err_text(err));
        return;
    }
    p->state = AN_PART_SHADOWING;
    p->shadow_from_ms = an_session_now(s);
    p->shadow_to_ms = end_of(s, p);
    p->shadow_told_ms = p->shadow_from_ms;
    snprintf(p->line, sizeof p->line, "%s", job->line);
}

void an_session_shadowed(an_session *s, const char *line, const an_hash *candidate, const an_shadow_counts *c)
{
    for (size_t i = s->n_parts; i-- > 0;) {
        an_part *p = s->parts[i];
        if (p->state != AN_PART_SHADOWING || strcmp(p->line, line) != 0 ||
            !an_hash_equal(&p->plan->candidate, candidate))
            continue;
        if (!c || c->rows == 0) {
            an_parts_refuse(s, p,
                            c ? "no row was scored while the candidate was there"
                              : "what the candidate was held against has changed");
            continue;
        }
        p->counts = *c;
        p->shadowed = true;
        p->state = AN_PART_READY;
    }
    an_session_drive(s);
}

static void tell(an_session *s, an_part *p, int64_t now)
{
    an_msg m = {.type = AN_MSG_PROGRESS};
    const int64_t all = p->shadow_to_ms - p->shadow_from_ms, done = now - p->shadow_from_ms;
    m.u.progress.round = p->round;
    m.u.progress.phase = AN_PROGRESS_SHADOWING;
    m.u.progress.fraction = all > 0 && done < all ? (double)done / (double)all : 1;
    m.u.progress.eta_ms = now < p->shadow_to_ms ? (uint64_t)(p->shadow_to_ms - now) : 0;
    p->shadow_told_ms = now + TOLD_MS;
    an_err err = an_session_send(s, &m);
    (void)err; /* for people only */
}

void an_shadow_parts_tick(an_session *s)
{
    const int64_t now = an_session_now(s);
    for (size_t i = 0; i < s->n_parts; i++) {
        an_part *p = s->parts[i];
        if (p->state != AN_PART_SHADOWING)
            continue;
        if (now >= p->shadow_to_ms) {
            p->shadow_to_ms = now + TOLD_MS; /* asked again if the line does not answer */
            s->conf.io.shadow_end(s->conf.io.ctx, p->line);
        } else if (s->greeted && now >= p->shadow_told_ms) {
            tell(s, p, now);
        }
    }
}

int64_t an_shadow_parts_deadline(const an_session *s)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < s->n_parts; i++) {
        const an_part *p = s->parts[i];
        if (p->state != AN_PART_SHADOWING)
            continue;
        const int64_t due =
            s->greeted && p->shadow_told_ms < p->shadow_to_ms ? p->shadow_told_ms : p->shadow_to_ms;
        next = due < next ? due : next;
    }
    return next;
}

void an_shadow_part_stop(an_session *s, const an_part *p)
{
    if (p->state == AN_PART_SHADOWING)
        s->conf.io.shadow_end(s->conf.io.ctx, p->line); /* nobody waits for what it says then */
}
