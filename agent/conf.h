/* conf.h - how an agent is set up: one YAML file, checked whole before anything is opened.
 *
 *     site: plant-b
 *     data: /var/lib/andon
 *     lines:
 *       - name: pump-1
 *         model: pump
 *         source: {type: csv, path: /data/pump, follow: true}
 *         personalise: {scale: site}
 *     sinks:
 *       - {name: log, type: file, path: /var/log/andon/alarms.jsonl}
 *     policy: {min_cohort: 3}
 *
 *     an_agent_conf conf;
 *     err = an_agent_conf_load("site.yaml", &conf, &why);     "site.yaml:7:9: ..."
 *     an_agent_conf_done(&conf);
 *
 * Every scalar is a row of an_agent_rows, an_agent_line_rows, an_advice_rows or an_site_policy_rows; --help and
 * the reference document are made from them.
 *
 * Threads: plain data. */
#ifndef AN_AGENT_CONF_H
#define AN_AGENT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/advice_conf.h"
#include "agent/calibrate.h"
#include "agent/challenge.h"
#include "agent/pipeline.h"
#include "agent/sink_conf.h"
#include "agent/site_policy.h"
#include "agent/writeback_conf.h"
#include "base/err.h"
#include "base/opt.h"
#include "doors/yaml.h"
#include "msg/msg.h"

#define AN_AGENT_MODES_MAX 64

typedef struct an_agent_line {
    char *name, *model;
    char *stream;              /* the line whose source it shares; NULL: it has its own */
    size_t leader;             /* that line's place in `lines`; its own: it shares none */
    double rate_hz;            /* of the schema; 0: not regular */
    int64_t window;            /* of the schema; 0: 1, or the rows of an image */
    int64_t known_normal_rows; /* the first rows are known normal; 0: nothing is known */
    bool wait_for_version;     /* stop after them until a version runs */
    char *threshold;           /* policy; NULL: the version's */
    char *scores_out;          /* CSV; NULL: none */
    double bad_share_max;
    char *idle_sensor; /* NULL: idle is a line that gives no rows */
    double idle_below;
    int64_t idle_after_ms;

    int64_t alarm_k, alarm_n; /* 0: see an_agent_line_alarm */
    int64_t alarm_min_open_ms, alarm_cooldown_ms, alarm_update_ms;
    double alarm_clear_level;
    int alarm_severity; /* an_severity, of the model's alarms */
    int64_t missing_rows, stuck_rows, range_rows, clear_rows;
    int64_t drift_rows, drift_block, drift_warmup_rows, drift_cooldown_rows, drift_confirm;
    double drift_psi_floor, drift_margin;
    int64_t watch_time_ms, watch_report_ms, watch_floor, watch_latency_floor_us;
    double watch_band, watch_alpha, watch_latency;
    bool pool_gaps;
    int64_t pool_window, pool_bytes, pool_holdout, pool_train, pool_recent, pool_reference;
    int personalise_scale; /* AN_SCALE_* */
    bool personalise_all;
    int64_t tune_epochs;
    double tune_lr, tune_l2sp;

    const an_node *source;   /* borrowed from the document: the source's own options; of a shared one, too */
    const char *source_type; /* borrowed */
    const an_node *sensors;  /* list of names, or NULL: the source's; with `stream` those that it takes */
    an_line_rules rules;     /* owned */
    an_advice_conf *advice;  /* owned; NULL: none is asked for */
    an_failure_mode *modes;  /* (n_modes), owned */
    size_t n_modes;
} an_agent_line;

enum { AN_SCALE_FLEET, AN_SCALE_SITE };
enum { AN_TRAIN_ALWAYS, AN_TRAIN_IDLE };

typedef struct an_agent_conf {
    char *site;
    char *data;
    int64_t threads;                               /* of training */
    int64_t nice;                                  /* of training */
    int64_t train_share;                           /* percent of the time in which training may work */
    int train_when;                                /* AN_TRAIN_* */
    int64_t budget_memory, budget_training;        /* bytes; 0: no bound */
    double budget_cpu;                             /* processors; 0: no bound */
    char *api_socket, *api_token_file, *api_names; /* NULL: none */
    int64_t api_port;                              /* 0: none */
    int64_t metrics_port;                          /* 0: none */
    int64_t stall_ms;
    int64_t versions_quota, spool_quota, alarms_quota, pictures_quota;
    int keep;        /* AN_KEEP_* (exhibit.h) */
    int64_t save_ms; /* how often pools are saved */
    int log_level, log_format;
    an_site_policy policy;
    an_agent_line lines[AN_LINES_MAX];
    size_t n_lines;
    an_sink_conf sinks[AN_SINKS_MAX];
    size_t n_sinks;
    an_wb_conf writeback;
    an_yaml *doc;
} an_agent_conf;

extern const an_opt an_agent_rows[], an_agent_line_rows[];
extern const size_t an_agent_n_rows, an_agent_line_n_rows;

/* On failure nothing is owned.  Errors: NOTFOUND, IO, PROTO, LIMIT, INVAL with file, line and
 * column, NOMEM. */
an_err an_agent_conf_load(const char *path, an_agent_conf *ret, an_note *why);
/* The same from a text; name is what errors call it. */
an_err an_agent_conf_parse(const char *text, size_t len, const char *name, an_agent_conf *ret, an_note *why);
void an_agent_conf_done(an_agent_conf *conf); /* zeroed or half filled is fine */

/* The parts of a line's options in the form that their users want. */
an_alarm_conf an_agent_line_alarm(const an_agent_line *l);
an_driftwatch_conf an_agent_line_drift(const an_agent_line *l);
an_watch_conf an_agent_line_watch(const an_agent_line *l);
an_calibrate_opts an_agent_line_calibrate(const an_agent_line *l); /* policy is borrowed from l */
/* Rows in a window of the model, and in one of the pool; frame_rows: of an image of the source, 0: it gives none. */
size_t an_agent_line_window(const an_agent_line *l, size_t frame_rows);
size_t an_agent_line_context(const an_agent_line *l, size_t frame_rows);

#endif
