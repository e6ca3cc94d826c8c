/* writeback_run.h - the write-back at work: a process of its own (`andon-agent writeback`), beside the agent, to which no
 * remote command leads.  It reads the log of alarms and status.json, decides (writeback.h), says in
 * DATA/writeback.jsonl what it is about to write, durably, and then writes it to the controller (actuator.h).
 *
 *     err = an_wb_start(&conf, "plant-a", dir, &w, &why);
 *     an_wb_stop(w);
 *
 * After a start it is not enabled, whatever was before.
 *
 * Threads: one thread; stats from any. */
#ifndef AN_AGENT_WRITEBACK_RUN_H
#define AN_AGENT_WRITEBACK_RUN_H

#include "agent/alarms.h"
#include "agent/writeback_conf.h"

/* ---- what is known of the lines ---- */

typedef struct an_wb_facts {
    const an_wb_conf *conf;
    char status[AN_PATH_MAX], log_path[AN_PATH_MAX];
    bool open[AN_WB_TARGETS_MAX];   /* the agent says that an alarm is open */
    bool active[AN_WB_TARGETS_MAX]; /* ... and the log has one that is active, whoever is shown it */
    uint64_t scored[AN_WB_TARGETS_MAX];
    int64_t changed_ms[AN_WB_TARGETS_MAX]; /* monotonic: when scored was last seen to grow; 0: not yet */
} an_wb_facts;

an_err an_wb_facts_open(an_wb_facts *f, const an_wb_conf *conf, const char *dir, an_note *why);
/* ret: (conf->n) of each target's line.  On failure all are such that nothing is known of them. */
an_err an_wb_facts_look(an_wb_facts *f, int64_t now_ms, int64_t mono_ms, an_wb_look *ret, an_note *why);

/* ---- the process ---- */

typedef struct an_wb an_wb;

typedef struct an_wb_stats {
    bool enabled, connected;
    uint64_t writes, failed, beats, too_often, refused; /* refused: requests without a valid proof */
    an_wb_verdict_kind verdicts[AN_WB_TARGETS_MAX];
} an_wb_stats;

/* conf and the texts are borrowed.  Errors: STATE another one works in this folder; INVAL, IO, NOMEM;
 * UNSUPPORTED the kind of controller is not in this build. */
an_err an_wb_start(const an_wb_conf *conf, const char *site, const char *dir, an_wb **ret, an_note *why);
void an_wb_stop(an_wb *w); /* NULL is fine */
an_wb_stats an_wb_stats_get(an_wb *w);

#endif
