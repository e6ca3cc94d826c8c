#include "agent/meters.h"

#include "models/bundle.h"

const an_meter an_agent_meters[AN_AGENT_METERS] = {
#define AN_METER(id, type, name, help, ...) {AN_METER_##type, name, help, {__VA_ARGS__}},
#include "agent/meters.def"
#undef AN_METER
};

static double seconds(int64_t ms)
{
    return (double)ms / 1000;
}

/* ---- lines ---- */

typedef void put_line(an_meter_page *p, const an_status_in *in, const an_line *l);

/* The series of one row stand together, so it is row by row, and all lines in each. */
#define NAME(l) AN_LABELS((l)->conf->name)
#define COUNT(name, ROW, value)                                                                              \
    static void put_##name(an_meter_page *p, const an_status_in *in, const an_line *l)                       \
    {                                                                                                        \
        (void)in;                                                                                            \
        an_meter_count(p, AN_AM_##ROW, value, NAME(l));                                                      \
    }
COUNT(rows, ROWS, l->status.stats.rows)
COUNT(scored, SCORED, l->status.stats.scored)
COUNT(up, SOURCE_UP, l->status.phase != AN_LINE_FAILING)
COUNT(bad, BAD, l->status.source.bad)
COUNT(backwards, BACKWARDS, l->status.source.backwards)
COUNT(skewed, SKEWED, l->status.source.skewed)
COUNT(suppressed, SUPPRESSED, l->status.stats.suppressed)
COUNT(open, ALARM_OPEN, l->status.alarm_open)
COUNT(drifts, DRIFTS, l->status.stats.drift_alerts)

static void put_unscored(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    const an_pipeline_stats *s = &l->status.stats;
    (void)in;
    an_meter_count(p, AN_AM_UNSCORED, s->unscored_filling, AN_LABELS(l->conf->name, "filling"));
    an_meter_count(p, AN_AM_UNSCORED, s->unscored_quality, AN_LABELS(l->conf->name, "quality"));
    an_meter_count(p, AN_AM_UNSCORED, s->unscored_numeric, AN_LABELS(l->conf->name, "numeric"));
    an_meter_count(p, AN_AM_UNSCORED, s->unscored_idle, AN_LABELS(l->conf->name, "idle"));
}

static void put_decision(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    (void)in;
    an_meter_times(p, AN_AM_DECISION, &l->decision, an_times_short, NAME(l));
}

static void put_last(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    (void)in;
    an_meter_put(p, AN_AM_LAST_ROW, seconds(l->status.source.last_time_ms), NAME(l));
}

static void put_state(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    static const char *const names[] = {"waiting", "reading", "ended", "failing"};
    (void)in;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        an_meter_count(p, AN_AM_SOURCE_STATE, l->status.phase == (an_line_phase)i,
                       AN_LABELS(l->conf->name, names[i]));
}

static void put_source(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    (void)in;
    for (size_t i = 0; i < l->status.source.n_counters; i++)
        an_meter_count(p, AN_AM_SOURCE, l->status.source.counters[i].value,
                       AN_LABELS(l->conf->name, l->status.source.counters[i].name));
}

static void put_quality(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    (void)in;
    for (size_t i = 0; i < AN_LINE_QUALITIES; i++)
        an_meter_count(p, AN_AM_QUALITY, l->status.quality[i],
                       AN_LABELS(l->conf->name, an_quality_kind_name((an_quality_kind)i)));
}

static void put_alarms(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    (void)in;
    an_meter_count(p, AN_AM_ALARMS, l->status.stats.alarms, AN_LABELS(l->conf->name, "model"));
    an_meter_count(p, AN_AM_ALARMS, l->status.stats.rule_alarms, AN_LABELS(l->conf->name, "rule"));
}

static void put_drift(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    (void)in;
    if (l->status.drift_watched)
        an_meter_put(p, AN_AM_DRIFT, l->status.drift_ratio, NAME(l));
}

static void put_version(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    an_hash version, overlay;
    char hex[AN_HASH_TEXT];
    if (!an_session_running(in->session, l->conf->name, &version, &overlay))
        return;
    an_hash_text(hex, &version);
    hex[12] = '\0';
    an_meter_count(p, AN_AM_VERSION, 1, AN_LABELS(l->conf->name, l->conf->model, hex));
}

static void put_since(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    (void)in;
    if (l->status.since_ms > 0)
        an_meter_put(p, AN_AM_VERSION_SINCE, seconds(l->status.since_ms), NAME(l));
}

static void put_stale(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    int64_t since_ms;
    an_meter_count(p, AN_AM_STALE, an_session_stale(in->session, l->conf->name, &since_ms), NAME(l));
}

static void put_pool(an_meter_page *p, const an_status_in *in, const an_line *l)
{
    (void)in;
    for (size_t i = 0; i < AN_POOL_PARTS; i++)
        an_meter_count(p, AN_AM_POOL, l->status.pool[i],
                       AN_LABELS(l->conf->name, an_pool_part_name((an_pool_part)i)));
}

static void put_lines(an_meter_page *p, const an_status_in *in)
{
    static put_line *const puts[] = {
        put_rows, put_scored,    put_unscored, put_decision, put_last,    put_up,     put_state,
        put_bad,  put_backwards, put_skewed,   put_source,   put_quality, put_alarms, put_suppressed,
        put_open, put_drifts,    put_drift,    put_version,  put_since,   put_stale,  put_pool};
    for (size_t k = 0; k < sizeof puts / sizeof *puts; k++)
        for (size_t i = 0; i < in->n_lines; i++)
            puts[k](p, in, &in->lines[i]);
}

/* ---- the site ---- */

static an_err put_link(an_meter_page *p, const an_status_in *in)
{
    const an_session_status st = an_session_look(in->session);
    an_spool_stats spool;
    an_note why;
    an_err err = an_spool_stats_get(in->spool, &spool, &why);
    if (err != AN_OK)
        return err;
    an_meter_count(p, AN_AM_LINK, st.greeted, NULL);
    if (st.silent_ms >= 0)
        an_meter_put(p, AN_AM_SILENT, seconds(st.silent_ms), NULL);
    an_meter_count(p, AN_AM_FACTS, spool.waiting, NULL);
    an_meter_count(p, AN_AM_SPOOL, spool.waiting_bytes, NULL);
    for (size_t i = 0; i < AN_SPOOL_KINDS; i++)
        an_meter_count(p, AN_AM_SPOOL_DROPPED, spool.dropped[i],
                       AN_LABELS(an_spool_kind_name((an_spool_kind)i)));
    an_meter_count(p, AN_AM_OWED, in->owed, NULL);
    an_meter_count(p, AN_AM_FACTS_SENT, st.facts_sent, NULL);
    an_meter_count(p, AN_AM_UPLOADS, st.uploads, NULL);
    an_meter_count(p, AN_AM_UPDATES, st.updates_acked, NULL);
    an_meter_count(p, AN_AM_PLANS_REFUSED, st.plans_refused, NULL);
    an_meter_count(p, AN_AM_FOLLOWED, st.versions_followed, NULL);
    an_meter_count(p, AN_AM_TRAINING, st.jobs > 0, NULL);
    return AN_OK;
}

static void put_sinks(an_meter_page *p, const an_status_in *in)
{
    static const size_t rows[] = {AN_AM_SINK_BEHIND,  AN_AM_SINK_AGE,     AN_AM_SINK_FAILING, AN_AM_SINK_SENT,
                                  AN_AM_SINK_RETRIED, AN_AM_SINK_REFUSED, AN_AM_SINK_LOST};
    an_sink *sink;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        for (size_t i = 0; (sink = an_sinks_at(in->sinks, i)); i++) {
            const an_sink_stats s = an_sink_stats_get(sink);
            const int64_t waits =
                s.waiting_ms > 0 && in->now_ms > s.waiting_ms ? in->now_ms - s.waiting_ms : 0;
            const double values[] = {in->alarms.last_seq > s.cursor ? (double)(in->alarms.last_seq - s.cursor)
                                                                    : 0,
                                     seconds(waits),
                                     s.failing,
                                     (double)s.sent,
                                     (double)s.retried,
                                     (double)s.refused,
                                     (double)s.lost};
            an_meter_put(p, rows[k], values[k], AN_LABELS(an_sink_name(sink)));
        }
    }
    an_meter_count(p, AN_AM_LOG_RECORDS, in->alarms.records, NULL);
    an_meter_count(p, AN_AM_LOG_BYTES, in->alarms.bytes, NULL);
    an_meter_count(p, AN_AM_LOG_OPEN, in->alarms.open, NULL);
}

static void put_training(an_meter_page *p, const an_status_in *in)
{
    const an_governor_look look = an_governor_look_at(in->governor);
    const an_resources_figures *f = &in->budget->figures;
    an_meter_put(p, AN_AM_TRAINING_CPU, f->trainer_cpu_s, NULL);
    an_meter_put(p, AN_AM_TRAINING_WAITED, seconds(look.waited_ms[AN_GOVERNOR_LATE]), AN_LABELS("late"));
    an_meter_put(p, AN_AM_TRAINING_WAITED, seconds(look.waited_ms[AN_GOVERNOR_BUSY]), AN_LABELS("busy"));
    an_meter_put(p, AN_AM_TRAINING_WAITED, seconds(look.waited_ms[AN_GOVERNOR_SHARE]), AN_LABELS("share"));
    an_meter_put(p, AN_AM_TRAINING_WAITED, seconds(look.waited_ms[AN_GOVERNOR_CPU]), AN_LABELS("cpu"));
    an_meter_count(p, AN_AM_TRAINING_LATE, look.lates, NULL);
    an_meter_count(p, AN_AM_JOBS_REFUSED, f->refused, NULL);
    if (in->budget->conf.memory > 0)
        an_meter_count(p, AN_AM_BUDGET, in->budget->conf.memory, NULL);
    an_meter_count(p, AN_AM_OVER_MEMORY, f->memory_over_s, NULL);
}

an_err an_agent_meters_write(const an_status_in *in, an_buf *out)
{
    an_meter_page p;
    an_meter_begin(&p, an_agent_meters, AN_AGENT_METERS, out);
    put_lines(&p, in);
    an_err err = put_link(&p, in);
    put_sinks(&p, in);
    put_training(&p, in);
    an_meter_count(&p, AN_AM_FAULTS, in->faults, NULL);
    an_meter_process(&p, AN_AM_BUILD, in->data);
    return err == AN_OK ? an_meter_end(&p) : err;
}
