/* status.json: what a person or a script wants to know of a running agent. */
#include <string.h>

#include "agent/runtime_internal.h"
#include "base/mem.h"
#include "doors/json.h"

static void set_hash(an_json *o, const char *key, const an_hash *h)
{
    char text[AN_HASH_TEXT];
    an_hash_text(text, h);
    an_json_set_text(o, key, text);
}

static void set_count(an_json *o, const char *key, uint64_t n)
{
    an_json_set_int(o, key, n < INT64_MAX ? (int64_t)n : INT64_MAX);
}

static an_json *pool_json(const an_line_status *s)
{
    an_json *o = an_json_object();
    for (size_t i = 0; i < AN_POOL_PARTS; i++)
        set_count(o, an_pool_part_name((an_pool_part)i), s->pool[i]);
    return o;
}

/* Since the start of the agent: what the source counts itself comes by the source's own names. */
static an_json *source_json(const an_line_status *s)
{
    an_json *o = an_json_object();
    set_count(o, "rows", s->source.rows);
    set_count(o, "bad", s->source.bad);
    set_count(o, "backwards", s->source.backwards);
    set_count(o, "skewed", s->source.skewed);
    for (size_t i = 0; i < s->source.n_counters; i++)
        set_count(o, s->source.counters[i].name, s->source.counters[i].value);
    an_json_set_text(o, "bad_last", s->bad_last);
    return o;
}

/* On alarms of the version that runs, as the coordinator is told. */
static an_json *verdicts_json(const an_verdict_count *c)
{
    const an_verdict_figures f = an_verdict_figures_of(c);
    const struct {
        const char *key;
        const an_verdict_share *share;
    } shares[] = {{"precision", &f.precision}, {"recall", &f.recall}, {"f1", &f.f1}};
    an_json *o = an_json_object();
    set_count(o, "alarms", c->alarms);
    set_count(o, "true", c->right);
    set_count(o, "false", c->wrong);
    set_count(o, "unsure", c->unsure);
    set_count(o, "missed", c->missed);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        if (shares[i].share->known)
            an_json_set_num(o, shares[i].key, shares[i].share->value);
        else
            an_json_set_null(o, shares[i].key);
    return o;
}

/* The last that was reported of what runs. */
static an_json *drift_json(const an_line_status *s)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "test", s->drift.test);
    an_json_set_text(o, "subject", s->drift.subject);
    an_json_set_num(o, "effect", s->drift.effect);
    an_json_set_num(o, "limit", s->drift.limit);
    an_json_set_int(o, "time_ms", s->drift.since_ms);
    return o;
}

/* What the model says of sensors that it does not look at, beside what they say. */
static an_json *answers_json(const an_line *l)
{
    const an_line_status *s = &l->status;
    an_json *list = an_json_array();
    for (size_t i = 0; i < s->n_answers; i++) {
        an_json *o = an_json_object();
        an_json_set_text(o, "sensor", l->sensors[s->answers[i].sensor]);
        an_json_set_num(o, "measured", s->answers[i].measured);
        an_json_set_num(o, "should", s->answers[i].should);
        an_json_push(list, o);
    }
    return list;
}

static an_json *line_json(const an_line *l, an_session *session)
{
    const an_line_status *s = &l->status;
    an_hash version = {{0}}, overlay = {{0}};
    int64_t since_ms = 0;
    const char *how = "";
    an_json *o = an_json_object();
    an_json_set_text(o, "line", l->conf->name);
    an_json_set_text(o, "model", l->conf->model);
    an_json_set_text(o, "state", an_line_phase_name(s->phase));
    an_json_set_int(o, "state_ms", s->phase_ms);
    an_json_set_text(o, "remark", an_session_remark(session, l->conf->name));
    if (an_session_running(session, l->conf->name, &version, &overlay)) {
        set_hash(o, "version", &version);
        set_hash(o, "overlay", &overlay);
    } else {
        an_json_set_null(o, "version");
        an_json_set_null(o, "overlay");
    }
    if (an_session_stale(session, l->conf->name, &since_ms))
        an_json_set_int(o, "release_expired_ms", since_ms);
    if (an_session_next(session, l->conf->name, &version, &how)) {
        set_hash(o, "version_next", &version);
        an_json_set_text(o, "follow", how);
    }
    if (an_session_before(session, l->conf->name, &version))
        set_hash(o, "version_before", &version);
    if (l->leader != l)
        an_json_set_text(o, "stream", l->conf->stream);
    set_count(o, "row", s->source_rows);
    set_count(o, "rows", s->stats.rows);
    set_count(o, "scored", s->stats.scored);
    set_count(o, "swaps", s->stats.swaps);
    an_json_set(o, "source", source_json(s));
    set_count(o, "bad_records", s->source.bad);
    an_json_set_int(o, "last_row_ms", s->source.last_time_ms);
    an_json_set_bool(o, "alarm_open", s->alarm_open);
    if (s->alarm_open)
        set_count(o, "alarm", s->alarm);
    set_count(o, "alarms", s->stats.alarms);
    set_count(o, "alarm_last", s->alarm_last);
    set_count(o, "suppressed", s->stats.suppressed);
    set_count(o, "rule_alarms", s->stats.rule_alarms);
    set_count(o, "quality_events", s->stats.quality_events);
    set_count(o, "drift_alerts", s->stats.drift_alerts);
    an_json_set_bool(o, "drift_watched", s->drift_watched);
    if (s->drift.since_ms != 0)
        an_json_set(o, "drift", drift_json(s));
    if (s->live) {
        an_json_set_num(o, "threshold", s->threshold);
        an_json_set_num(o, "threshold_calibrated", s->calibrated);
        an_json_set_num(o, "threshold_factor", s->factor);
        set_count(o, "threshold_moves", s->stats.threshold_moves);
        an_json_set(o, "verdicts", verdicts_json(&s->verdicts));
    }
    if (s->n_answers > 0)
        an_json_set(o, "answers", answers_json(l));
    if (s->watch) {
        an_json_set_text(o, "watch", an_live_verdict_name(s->watch));
        an_json_set_text(o, "watched", s->watched);
    }
    if (l->advised)
        an_json_set(o, "advice", an_json_copy(an_json_root(l->advised)));
    an_json_set(o, "pool", pool_json(s));
    an_json_set_text(o, "last_error", s->error);
    return o;
}

static an_json *training_json(an_governor *g)
{
    const an_governor_look look = an_governor_look_at(g);
    an_json *o = an_json_object();
    an_json_set_text(o, "waits_for", an_governor_state_name(look.state));
    set_count(o, "lates", look.lates);
    an_json_set_int(o, "waited_late_ms", look.waited_ms[AN_GOVERNOR_LATE]);
    an_json_set_int(o, "waited_busy_ms", look.waited_ms[AN_GOVERNOR_BUSY]);
    an_json_set_int(o, "waited_share_ms", look.waited_ms[AN_GOVERNOR_SHARE]);
    an_json_set_int(o, "waited_cpu_ms", look.waited_ms[AN_GOVERNOR_CPU]);
    return o;
}

static an_json *resources_json(const an_resources *b)
{
    const an_resources_figures *f = &b->figures;
    an_json *o = an_json_object();
    set_count(o, "memory_bytes", f->memory);
    set_count(o, "memory_most_bytes", f->memory_most);
    set_count(o, "memory_planned_bytes", f->planned);
    set_count(o, "memory_budget_bytes", b->conf.memory);
    set_count(o, "memory_over_s", f->memory_over_s);
    an_json_set_num(o, "cpu_s", f->cpu_s);
    an_json_set_num(o, "cpu_trainer_s", f->trainer_cpu_s);
    an_json_set_num(o, "cpu_now", f->cpu_now);
    an_json_set_num(o, "cpu_budget", b->conf.cpu);
    set_count(o, "cpu_over_s", f->cpu_over_s);
    set_count(o, "jobs_refused", f->refused);
    return o;
}

static an_json *log_json(const an_alarms_stats *s)
{
    an_json *o = an_json_object();
    set_count(o, "seq", s->last_seq);
    set_count(o, "records", s->records);
    set_count(o, "bytes", s->bytes);
    set_count(o, "alarms_open", s->open);
    set_count(o, "alarms_suppressed", s->suppressed);
    set_count(o, "records_unread", s->waiting);
    set_count(o, "dropped", s->dropped);
    set_count(o, "dropped_unread", s->dropped_unread);
    return o;
}

an_err an_status_write(const char *path, const an_status_in *in, an_note *why)
{
    const an_session_status st = an_session_look(in->session);
    an_spool_stats spool;
    char time[25], fingerprint[AN_FINGERPRINT_TEXT];
    an_err err = an_spool_stats_get(in->spool, &spool, why);
    if (err != AN_OK)
        return err;
    an_time_text(time, in->now_ms);
    an_json *o = an_json_object(), *link = an_json_object(), *lines = an_json_array();
    an_json_set_text(o, "site", in->site);
    an_fingerprint(fingerprint, in->id->link_public, in->id->sign_public);
    an_json_set_text(o, "fingerprint", fingerprint);
    an_json_set_text(o, "time", time);
    an_json_set_int(o, "time_ms", in->now_ms);
    an_json_set_text(o, "state", st.state);
    an_json_set_bool(link, "connected", st.greeted);
    an_json_set_int(link, "clock_off_ms", st.clock_off_ms);
    set_count(link, "uploads_held", st.uploads);
    set_count(link, "jobs", st.jobs);
    set_count(link, "facts_waiting", spool.waiting);
    set_count(link, "facts_sent", st.facts_sent);
    set_count(link, "updates_acknowledged", st.updates_acked);
    set_count(link, "plans_refused", st.plans_refused);
    set_count(link, "versions_followed", st.versions_followed);
    an_json_set(o, "coordinator", link);
    an_json_set_text(o, "rotation", st.rotation);
    if (in->next) {
        an_fingerprint(fingerprint, in->next->link_public, in->next->sign_public);
        an_json_set_text(o, "next_fingerprint", fingerprint);
    }
    for (size_t i = 0; i < in->n_lines; i++)
        an_json_push(lines, line_json(&in->lines[i], in->session));
    an_json_set(o, "lines", lines);
    an_json_set(o, "training", training_json(in->governor));
    an_json_set(o, "resources", resources_json(in->budget));
    an_json_set(o, "sinks", an_sinks_json(in->sinks, in->alarms.last_seq, in->now_ms));
    an_json_set(o, "alarm_log", log_json(&in->alarms));
    an_json_set_text(o, "last_error", in->last_error);
    an_json_set_text(o, "last_job_error", in->last_job);
    char *text = an_json_print(o, 1);
    an_json_free(o);
    err = text ? an_file_write(path, text, strlen(text), 0644, why) : AN_ERR_NOMEM;
    an_free(text);
    return err;
}
