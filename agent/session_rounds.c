/* Rounds at a site.  A plan is judged once and worked on once; its upload is on disk and in the
 * spool before it is offered, and stays until the round's end has been seen. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "sum/vector.h"
#include "trust/trace.h"

#define DAY_MS INT64_C(86400000)

an_part *an_parts_find(an_session *s, uint64_t round)
{
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i]->round == round)
            return s->parts[i];
    return NULL;
}

void an_part_free(an_part *p)
{
    if (!p)
        return;
    an_plan_free(p->plan);
    an_secure_free(p->secure);
    an_free(p);
}

void an_parts_free(an_session *s)
{
    for (size_t i = 0; i < s->n_parts; i++)
        an_part_free(s->parts[i]);
    s->n_parts = 0;
}

/* The upload goes first: without its row nobody looks for the file. */
static an_err forget(an_session *s, an_part *p, an_note *why)
{
    char path[AN_PATH_MAX], round[64];
    an_err err = AN_OK;
    if (p->state == AN_PART_HOLDING) {
        snprintf(round, sizeof round, "%" PRIu64, p->round);
        err = an_pending_remove(s->spool, round, why);
        an_err removed = p->aside ? AN_OK : an_file_remove(p->path, NULL);
        (void)removed;
    }
    if (p->secure && an_secure_path(s, p->round, path) == AN_OK) {
        an_err removed = an_file_remove(path, NULL);
        (void)removed; /* the round is remembered as begun */
    }
    for (size_t i = 0; i < s->n_parts; i++) {
        if (s->parts[i] != p)
            continue;
        memmove(s->parts + i, s->parts + i + 1, (--s->n_parts - i) * sizeof *s->parts);
        break;
    }
    an_part_free(p);
    return err;
}

#define REFUSALS_A_DAY 500 /* a coordinator does not fill the site's disk with its requests */

/* To the site's own people: what it would not do, and why. */
static void journal_refusal(an_session *s, const an_plan *plan, const char *reason)
{
    an_journal_row row = {.time_ms = s->conf.clock->wall_ms(s->conf.clock)};
    const int64_t day = row.time_ms / DAY_MS;
    if (day != s->refusal_day)
        s->refusals = 0;
    s->refusal_day = day;
    if (s->refusals++ >= REFUSALS_A_DAY)
        return;
    an_text_set(row.model, sizeof row.model, plan->model);
    snprintf(row.what, sizeof row.what, "refused round %" PRIu64 ": %.120s", plan->round, reason);
    an_err err = an_journal_add(s->spool, &row, NULL);
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "journal_not_written", "err=%s", an_err_name(err));
}

void an_session_trace(const an_session *s, uint64_t round, const an_hash *plan_hash, const char *step,
                      const char *reason)
{
    const an_trace t = an_trace_of(plan_hash, s->conf.site, step);
    if (reason[0])
        an_log(AN_LOG_INFO, step, "round=%" PRIu64 " reason=\"%s\" trace=%s span=%s", round, reason, t.trace,
               t.span);
    else
        an_log(AN_LOG_INFO, step, "round=%" PRIu64 " trace=%s span=%s", round, t.trace, t.span);
}

static void reply(an_session *s, uint64_t round, const an_hash *plan_hash, bool accept, bool not_yet,
                  const char *reason)
{
    an_msg m = {.type = AN_MSG_PLAN_REPLY};
    m.u.plan_reply =
        (an_msg_plan_reply){.round = round, .plan_hash = *plan_hash, .accept = accept, .not_yet = not_yet};
    an_text_set(m.u.plan_reply.reason, sizeof m.u.plan_reply.reason, reason);
    s->status.plans_refused += !accept;
    an_session_trace(s, round, plan_hash, accept ? "plan_accepted" : "plan_refused", reason);
    an_err err = an_session_send(s, &m);
    (void)err; /* the coordinator sends the plan again at the next HELLO */
}

static void refuse(an_session *s, an_part *p, bool not_yet, const char *reason)
{
    if (p->plan)
        journal_refusal(s, p->plan, reason);
    reply(s, p->round, &p->plan_hash, false, not_yet, reason);
    an_err err = forget(s, p, NULL);
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "upload_not_forgotten", "err=%s", an_err_name(err));
}

void an_parts_refuse(an_session *s, an_part *p, const char *reason)
{
    refuse(s, p, false, reason);
}

static void accept_plan(an_session *s, an_part *p)
{
    an_note why = {{0}};
    if (p->secure && p->secure->site && an_secure_start(s, p, &why) != AN_OK) {
        an_log(AN_LOG_ERROR, "secure_state_not_saved", "round=%" PRIu64 " why=\"%s\"", p->round, why.text);
        return; /* nothing is said that is not on disk; the plan comes again */
    }
    p->accepted = true;
    p->accepted_ms = an_session_now(s);
    reply(s, p->round, &p->plan_hash, true, false, "");
    if (p->secure && p->secure->site)
        an_secure_say(s, p);
}

/* ---- how many rounds today ---- */

static uint64_t rounds_today(an_session *s, bool add)
{
    an_buf b;
    uint64_t day = (uint64_t)(s->conf.clock->wall_ms(s->conf.clock) / DAY_MS), n = 0;
    an_buf_init(&b, 16);
    if (an_spool_value_get(s->spool, "rounds", &b, NULL) == AN_OK) {
        an_reader r = an_reader_of(b.data, b.len);
        if (an_read_u64(&r) == day)
            n = an_read_u64(&r);
    }
    if (add) {
        an_buf_clear(&b);
        an_buf_u64(&b, day);
        an_buf_u64(&b, ++n);
        an_err err = b.failed ? AN_ERR_NOMEM : an_spool_value_set(s->spool, "rounds", b.data, b.len, NULL);
        (void)err; /* the count is a courtesy */
    }
    an_buf_done(&b);
    return n;
}

/* ---- plans ---- */

static an_err judge_traffic(an_session *s, const an_plan *plan, an_note *why)
{
    const int64_t now = s->conf.clock->wall_ms(s->conf.clock);
    uint64_t rows = 0, bytes = 0;
    an_err err = an_ledger_sum(s->spool, now - DAY_MS, &rows, &bytes, why);
    return err == AN_OK ? an_site_policy_traffic(s->conf.policy, an_update_size(plan->dim), bytes, now, why)
                        : err;
}

static an_err judge(an_session *s, const an_plan *plan, an_note *why)
{
    if (!an_session_line_of(s, plan->model))
        return an_fail(AN_ERR_REFUSED, why, "no line of this site runs %s", plan->model);
    if (an_plan_find_site(plan, s->conf.site) < 0)
        return an_fail(AN_ERR_REFUSED, why, "site %s is not in the cohort", s->conf.site);
    if (an_keys_named(s)) /* else one round after the other would keep it from going over to them */
        return an_fail(AN_ERR_REFUSED, why, "this site goes over to new keys");
    if (s->n_parts == AN_HELD_MAX)
        return an_fail(AN_ERR_REFUSED, why, "the site takes part in %d rounds already", AN_HELD_MAX);
    an_err err = an_site_policy_judge(s->conf.policy, plan, rounds_today(s, false), why);
    if (err == AN_OK)
        err = judge_traffic(s, plan, why);
    return err == AN_OK ? an_parts_privacy(s, plan, why) : err;
}

/* A secure sum that a restart has interrupted goes on from its saved state.  Takes the plan. */
static bool resume(an_session *s, an_part *p, an_plan **plan)
{
    an_part_secure *secure = NULL;
    an_note why = {{0}};
    an_err err = an_secure_begin(s, *plan, &p->plan_hash, &secure, &why);
    if (err == AN_OK) {
        an_secure_free(p->secure);
        p->secure = secure;
        p->plan = *plan;
        *plan = NULL;
        err = an_secure_resume(s, p, &why);
    }
    if (err != AN_OK)
        an_parts_refuse(s, p, why.text[0] ? why.text : an_err_text(err));
    return err == AN_OK;
}

/* The same plan again: answered as it was, never worked on twice. */
static void answer_again(an_session *s, an_part *p, an_plan **plan, const an_hash *plan_hash)
{
    if (!an_hash_equal(&p->plan_hash, plan_hash)) {
        const char *reason = "the site works on another plan for this round";
        journal_refusal(s, *plan, reason);
        reply(s, p->round, plan_hash, false, false, reason);
        return;
    }
    if (p->secure && !p->secure->site && !resume(s, p, plan))
        return;
    if (p->accepted || p->state == AN_PART_HOLDING)
        accept_plan(s, p);
    if (p->state == AN_PART_HOLDING) {
        p->offer_ms = an_session_now(s);
        an_parts_offer(s, false);
    }
}

/* A version that comes of this round will have learned the held windows. */
static void note_held(an_session *s, const an_part *p)
{
    if (p->plan->kind != AN_PAYLOAD_TRAIN || !p->plan->use_held)
        return;
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        an_line_state *line = &s->lines[i];
        if (strcmp(line->conf->model, p->plan->model) != 0)
            continue;
        line->held_plan = p->plan_hash;
        an_err err = an_follow_keep(s, line, NULL);
        (void)err; /* without it the windows stay held after a restart */
    }
}

/* The roster may have been lost with a connection: the answer to a HELLO brings it, and the plan again.  A
 * coordinator that then still names another one is refused. */
static bool lacks_roster(an_session *s, const an_plan *plan)
{
    if (plan->privacy != AN_PRIVACY_SECURE_SUM || an_hash_equal(&plan->secure.roster, &s->roster_hash) ||
        s->roster_asked == plan->round || an_secure_was_begun(s, plan->round))
        return false;
    s->roster_asked = plan->round;
    return true;
}

an_err an_parts_plan(an_session *s, const an_msg *msg, an_note *why)
{
    const an_msg_plan *m = &msg->u.plan;
    an_plan *plan = NULL;
    an_hash hash;
    an_note reason = {{0}};
    an_hash_of(&hash, m->plan.data, m->plan.len);
    if (!an_hash_equal(&hash, &m->plan_hash))
        return an_fail(AN_ERR_PROTO, why, "a plan came with another hash than its own");
    an_err err = an_plan_decode(m->plan.data, m->plan.len, &plan, why);
    if (err != AN_OK)
        return err;
    an_part *p = an_parts_find(s, plan->round);
    if (p) {
        answer_again(s, p, &plan, &hash);
        an_plan_free(plan);
        return AN_OK;
    }
    an_part_secure *secure = NULL;
    err = an_trust_plan(s, m, plan, &reason);
    if (err == AN_OK)
        err = judge(s, plan, &reason);
    if (err == AN_OK && lacks_roster(s, plan)) {
        an_plan_free(plan);
        an_session_hello(s);
        return AN_OK;
    }
    if (err == AN_OK && plan->privacy == AN_PRIVACY_SECURE_SUM)
        err = an_secure_begin(s, plan, &hash, &secure, &reason);
    if (err != AN_OK) {
        journal_refusal(s, plan, reason.text[0] ? reason.text : an_err_text(err));
        reply(s, plan->round, &hash, false, false, reason.text[0] ? reason.text : an_err_text(err));
        an_plan_free(plan);
        return AN_OK;
    }
    if (!(p = an_alloc(1, sizeof *p))) {
        an_secure_free(secure);
        an_plan_free(plan);
        return AN_ERR_NOMEM;
    }
    p->secure = secure;
    p->round = plan->round;
    p->plan_hash = hash;
    p->plan = plan;
    s->parts[s->n_parts++] = p;
    rounds_today(s, true);
    note_held(s, p);
    an_parts_hurry(s); /* the round may take one that was late for its own */
    /* A line of the plan's schema is sure to fit; of another one the version must say what
     * differs. */
    if (an_hash_equal(&plan->schema, &an_session_line_of(s, plan->model)->schema))
        accept_plan(s, p);
    an_session_drive(s);
    return AN_OK;
}

/* ---- fetching and starting ---- */

static bool versions_here(an_session *s, const an_plan *p)
{
    if (!an_payload_judges(p->kind))
        return an_session_want(s, &p->base, 0);
    bool here = an_session_want(s, &p->candidate, 0);
    return (an_hash_is_zero(&p->production) || an_session_want(s, &p->production, 0)) && here;
}

void an_parts_drive(an_session *s)
{
    for (size_t i = s->n_parts; i-- > 0;) {
        an_part *p = s->parts[i];
        an_note why = {{0}};
        if (p->state != AN_PART_FETCHING || !versions_here(s, p->plan))
            continue;
        const an_hash *version = an_payload_judges(p->plan->kind) ? &p->plan->candidate : &p->plan->base;
        if (!p->accepted &&
            an_session_schema_check(s, an_session_line_of(s, p->plan->model), version, &why) != AN_OK) {
            an_parts_refuse(s, p, why.text);
            continue;
        }
        if (!p->accepted)
            accept_plan(s, p);
        p->state = AN_PART_READY;
    }
}

static an_err fill_job(an_session *s, an_part *p, const an_line_state *line, an_job *job)
{
    const an_plan *plan = p->plan;
    an_err err = AN_OK;
    char name[64];
    snprintf(name, sizeof name, "round-%" PRIu64 ".update", p->round);
    if ((err = an_path_join(job->out_path, s->uploads_dir, name)) != AN_OK)
        return err;
    job->shadowed = p->shadowed;
    job->shadow = p->counts;
    if (!an_payload_judges(plan->kind))
        return an_versions_path(s->versions, &plan->base, job->base_path);
    if ((err = an_versions_path(s->versions, &plan->candidate, job->candidate_path)) != AN_OK ||
        an_hash_is_zero(&plan->production))
        return err;
    if ((err = an_versions_path(s->versions, &plan->production, job->production_path)) != AN_OK)
        return err;
    if (an_hash_equal(&line->version, &plan->production))
        err = an_versions_overlay_path(s->versions, &line->version, &line->overlay, job->overlay_path);
    return err;
}

/* The oldest round that is ready. */
bool an_parts_start(an_session *s)
{
    for (size_t i = 0; i < s->n_parts; i++) {
        an_part *p = s->parts[i];
        if (p->state != AN_PART_READY)
            continue;
        const an_line_state *line = an_session_line_of(s, p->plan->model);
        if (an_shadow_part_waits(s, p)) {
            an_note why = {{0}};
            an_err err = an_shadow_part_start(s, p, line, &why);
            if (err != AN_OK)
                an_parts_refuse(s, p, why.text[0] ? why.text : an_err_text(err));
            return err == AN_OK;
        }
        an_job *job = an_session_job(s, AN_JOB_ROUND, line);
        an_plan *copy = an_alloc(1, sizeof *copy);
        an_err err = job && copy ? fill_job(s, p, line, job) : AN_ERR_NOMEM;
        if (err != AN_OK) {
            an_job_free(job);
            an_free(copy);
            an_parts_refuse(s, p, an_err_text(err));
            return false;
        }
        *copy = *p->plan;
        job->plan = copy;
        job->plan_hash = p->plan_hash;
        p->state = AN_PART_RUNNING;
        an_session_start(s, job, p->round);
        return true;
    }
    return false;
}

/* ---- uploads ---- */

/* What this site found, for its own engineers; the coordinator sees sums only. */
static void log_verdict(const an_job *job)
{
    const an_evaluation *c = &job->task.evaluation.candidate, *p = &job->task.evaluation.production;
    if (job->plan->kind != AN_PAYLOAD_EVALUATE)
        return;
    an_log(AN_LOG_INFO, "candidate_judged",
           "round=%" PRIu64 " model=%s loss=%.4g production_loss=%.4g new_alarms=%" PRIu64 "/%" PRIu64
           " production_new_alarms=%" PRIu64 " objects=%" PRIu64 " gains=%" PRIu64
           " shift=%.2f alike=%.2f failure_mode=%zu",
           job->plan->round, job->plan->model, c->n ? c->loss_sum / (double)c->n : 0,
           p->n ? p->loss_sum / (double)p->n : 0, c->new_alarms, c->new_windows, p->new_alarms, c->objections,
           c->gains, job->task.suspect.shift, job->task.suspect.cosine, job->task.suspect.mode + 1);
}

void an_parts_done(an_session *s, an_job *job, an_err err, const an_note *why)
{
    an_note note = {{0}};
    an_part *p = an_parts_find(s, job->plan->round);
    if (!p || p->state != AN_PART_RUNNING) {
        if (err == AN_OK) /* the round ended meanwhile */
            err = an_file_remove(job->out_path, NULL);
        return;
    }
    if (err == AN_OK) {
        an_session_trace(s, p->round, &p->plan_hash, "trained", "");
        log_verdict(job);
    }
    if (err == AN_OK && p->secure) {
        an_secure_trained(s, p, &job->vector);
        return;
    }
    if (err == AN_OK) {
        p->update = job->result;
        p->size = job->size;
        memcpy(p->path, job->out_path, sizeof p->path);
        err = an_parts_note_upload(s, p, &note);
        why = &note;
    }
    if (err != AN_OK) {
        refuse(s, p, err == AN_ERR_AGAIN, why && why->text[0] ? why->text : an_err_text(err));
        return;
    }
    an_parts_hold(s, p);
}

an_err an_parts_end(an_session *s, const an_msg *msg, an_note *why)
{
    const an_msg_round_end *e = &msg->u.round_end;
    an_part *p = an_parts_find(s, e->round);
    an_parts_sure(s, e->round);
    if (!p)
        return AN_OK;
    const an_trace t = an_trace_of(&p->plan_hash, s->conf.site, "round_ended");
    an_log(AN_LOG_INFO, "round_ended", "round=%" PRIu64 " result=%s reason=\"%s\" trace=%s span=%s", e->round,
           e->result == AN_ROUND_RESULT_COMMITTED ? "committed" : "aborted", e->reason, t.trace, t.span);
    if (p->state == AN_PART_RUNNING && s->job)
        atomic_store(&s->job->cancel, true);
    an_shadow_part_stop(s, p);
    an_err err = forget(s, p, why);
    an_follow_trim(s); /* each round has a base of its own */
    return err;
}
