/* A line that adapts its overlay alone, because the coordinator asks for it: the version stays, what the site makes of
 * it for itself is made anew, judged here (refit.h) and watched like a new version.
 *
 * What was answered last is a value in the spool, so that the same request is carried out once. */
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "sum/fixed.h"

#define DAY_MS INT64_C(86400000)
#define VALUE_BYTES 24

typedef struct answered {
    uint64_t campaign; /* the last one */
    uint64_t day, n;   /* how many were carried out on that day */
} answered;

static void value_name(char out[static 80], const an_line_state *line)
{
    snprintf(out, 80, "refit/%s", line->conf->line);
}

static an_err recall(an_session *s, const an_line_state *line, answered *ret, an_note *why)
{
    char name[80];
    an_buf b;
    *ret = (answered){.campaign = 0};
    an_buf_init(&b, VALUE_BYTES);
    value_name(name, line);
    an_err err = an_spool_value_get(s->spool, name, &b, why);
    if (err == AN_OK) {
        an_reader r = an_reader_of(b.data, b.len);
        ret->campaign = an_read_u64(&r);
        ret->day = an_read_u64(&r);
        ret->n = an_read_u64(&r);
        if (r.failed || r.left)
            err = an_fail(AN_ERR_PROTO, why, "what the spool knows of line %s is damaged", line->conf->line);
    }
    an_buf_done(&b);
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

static an_err remember(an_session *s, const an_line_state *line, const answered *a, an_note *why)
{
    char name[80];
    an_buf b;
    an_buf_init(&b, VALUE_BYTES);
    an_buf_u64(&b, a->campaign);
    an_buf_u64(&b, a->day);
    an_buf_u64(&b, a->n);
    value_name(name, line);
    an_err err = an_buf_err(&b);
    if (err == AN_OK)
        err = an_spool_value_set(s->spool, name, b.data, b.len, why);
    an_buf_done(&b);
    return err;
}

/* ---- what is told ---- */

/* overlay NULL: refused, and the site's journal says why. */
static void tell(an_session *s, const an_line_state *line, uint64_t campaign, const an_hash *version,
                 const an_hash *overlay, const char *reason)
{
    an_msg m = {.type = AN_MSG_REFITTED};
    an_msg_refitted *r = &m.u.refitted;
    an_note why = {{0}};
    char what[160];
    r->campaign = campaign;
    an_text_set(r->model, sizeof r->model, line->conf->model);
    an_text_set(r->line, sizeof r->line, line->conf->line);
    r->version = *version;
    if (overlay)
        r->overlay = *overlay;
    an_text_set(r->reason, sizeof r->reason, reason);
    if (!overlay) {
        an_log(AN_LOG_WARN, "overlay_not_adapted", "line=%s campaign=%llu reason=\"%s\"", line->conf->line,
               (unsigned long long)campaign, reason);
        snprintf(what, sizeof what, "line %.40s: overlay not adapted: %.90s", line->conf->line, reason);
        an_trust_journal(s, line, what);
    }
    if (an_session_post(s, &m, &why) != AN_OK)
        an_log(AN_LOG_ERROR, "report_lost", "line=%s why=\"%s\"", line->conf->line, why.text);
}

/* ---- what is asked ---- */

static an_err judge(const an_session *s, const an_line_state *line, const an_msg_refit *m, answered *a,
                    an_note *why)
{
    const int64_t max = s->conf.policy->refits_per_day;
    const uint64_t day = (uint64_t)(s->conf.clock->wall_ms(s->conf.clock) / DAY_MS);
    if (m->use_held && !s->conf.policy->allow_held)
        return an_fail(AN_ERR_REFUSED, why, "site policy: allow.held is no");
    if (a->day != day)
        a->n = 0;
    a->day = day;
    if (a->n >= (uint64_t)max)
        return an_fail(AN_ERR_REFUSED, why, "site policy: refits_per_day is %lld", (long long)max);
    if (!an_hash_equal(&line->version, &m->version))
        return an_fail(AN_ERR_STATE, why, "the line does not run that version");
    if (an_follow_is_on_its_way(line))
        return an_fail(AN_ERR_STATE, why, "another version is on its way");
    if (line->refit)
        return an_fail(AN_ERR_STATE, why, "the overlay is being adapted for campaign %llu",
                       (unsigned long long)line->refit);
    a->n++;
    return AN_OK;
}

static an_line_state *line_of(an_session *s, const char *line, const char *model)
{
    for (size_t i = 0; i < s->conf.n_lines; i++)
        if (strcmp(s->lines[i].conf->line, line) == 0 && strcmp(s->lines[i].conf->model, model) == 0)
            return &s->lines[i];
    return NULL;
}

an_err an_refit_message(an_session *s, const an_msg *msg, an_note *why)
{
    const an_msg_refit *m = &msg->u.refit;
    an_line_state *line = line_of(s, m->line, m->model);
    answered a;
    an_note reason = {{0}};
    if (!line)
        return an_fail(AN_ERR_PROTO, why, "no line %.63s runs model %.63s here", m->line, m->model);
    an_err err = recall(s, line, &a, why);
    if (err != AN_OK || m->campaign <= a.campaign || m->campaign == line->refit)
        return err; /* an answer waits in the spool, or was taken */
    a.campaign = m->campaign;
    if (judge(s, line, m, &a, &reason) != AN_OK) {
        if ((err = remember(s, line, &a, why)) == AN_OK)
            tell(s, line, m->campaign, &m->version, NULL, reason.text);
        return err;
    }
    if ((err = remember(s, line, &(answered){.campaign = a.campaign - 1, .day = a.day, .n = a.n}, why)) !=
        AN_OK)
        return err; /* after a restart it is asked for again */
    line->refit = m->campaign;
    line->refit_held = m->use_held;
    an_text_set(line->refit_reason, sizeof line->refit_reason, m->reason);
    an_session_drive(s);
    return AN_OK;
}

/* ---- the work ---- */

static an_plan *plan_of(const an_line_state *line)
{
    an_plan *p = an_alloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->kind = AN_PAYLOAD_EVALUATE;
    p->candidate = p->production = line->version;
    p->n_cohort = 1;
    p->value_bits = an_fixed_bits(1);
    p->use_held = line->refit_held;
    p->campaign = line->refit;
    p->seed = line->refit;
    return p;
}

static an_err prepare(an_session *s, const an_line_state *line, an_job *job)
{
    char name[32];
    snprintf(name, sizeof name, "refit-%zu.overlay", (size_t)(line - s->lines));
    an_err err = an_versions_path(s->versions, &line->version, job->base_path);
    if (err == AN_OK)
        err = an_versions_overlay_path(s->versions, &line->version, &line->overlay, job->overlay_path);
    if (err == AN_OK)
        err = an_path_join(job->out_path, s->uploads_dir, name);
    if (err != AN_OK)
        return err;
    memcpy(job->candidate_path, job->base_path, sizeof job->candidate_path);
    memcpy(job->production_path, job->base_path, sizeof job->production_path);
    job->version = line->version;
    job->margins =
        (an_refit_margins){.alarms = s->conf.policy->refit_alarms, .faults = s->conf.policy->refit_faults};
    return AN_OK;
}

static void end(an_session *s, an_line_state *line, const an_hash *version, const an_hash *overlay,
                const char *reason)
{
    answered a;
    an_note why = {{0}};
    const uint64_t campaign = line->refit;
    line->refit = 0;
    an_err err = recall(s, line, &a, &why);
    a.campaign = campaign;
    if (err == AN_OK)
        err = remember(s, line, &a, &why);
    if (err != AN_OK) /* it is asked for once more at worst */
        an_log(AN_LOG_ERROR, "refit_not_kept", "line=%s why=\"%s\"", line->conf->line, why.text);
    tell(s, line, campaign, version, overlay, reason);
}

bool an_refit_start(an_session *s)
{
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        an_line_state *line = &s->lines[i];
        if (!line->refit)
            continue;
        an_job *job = an_session_job(s, AN_JOB_REFIT, line);
        if (!job || !(job->plan = plan_of(line))) {
            an_job_free(job);
            return false; /* tried again at the next tick */
        }
        if (prepare(s, line, job) != AN_OK) {
            an_job_free(job);
            end(s, line, &line->version, NULL, "the version is not here any more");
            continue;
        }
        an_session_start(s, job, 0);
        return true;
    }
    return false;
}

static an_err go_live(an_session *s, an_line_state *line, an_job *job, an_note *why)
{
    char what[160];
    const an_running running = {.version = job->version,
                                .overlay = job->result,
                                .bundle = &job->bundle,
                                .values = &job->overlay,
                                .with_held = job->with_held,
                                .watched = true};
    if (!an_hash_equal(&line->version, &job->version) || an_follow_is_on_its_way(line))
        return an_fail(AN_ERR_STATE, why, "another version has come meanwhile");
    snprintf(what, sizeof what, "line %.40s adapted its overlay, campaign %llu: %.60s", line->conf->line,
             (unsigned long long)line->refit, line->refit_reason);
    an_err err = an_follow_adopt(s, job, why);
    return err == AN_OK ? an_follow_swap(s, line, &running, what, why) : err;
}

void an_refit_done(an_session *s, an_job *job, an_err err, const an_note *why)
{
    an_line_state *line = line_of(s, job->line, job->model);
    an_note note = {{0}};
    if (!line || line->refit != job->plan->campaign)
        return;
    if (err == AN_OK) {
        why = &note;
        err = go_live(s, line, job, &note);
    }
    if (err != AN_OK) {
        end(s, line, &job->version, NULL, why && why->text[0] ? why->text : an_err_text(err));
        return;
    }
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, &line->overlay);
    an_log(AN_LOG_INFO, "overlay_adapted", "line=%s campaign=%llu overlay=%.12s", line->conf->line,
           (unsigned long long)line->refit, hex);
    an_follow_report(s, line, &line->version, &line->overlay, AN_VERSION_RUNNING, "");
    end(s, line, &line->version, &line->overlay, "");
}
