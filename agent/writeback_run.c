/* The thread of the write-back: look, decide, say, write.  Order within a turn: journal, value, sequence, heartbeat. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/actuator.h"
#include "agent/device.h"
#include "agent/line_file.h"
#include "agent/writeback_ask.h"
#include "agent/writeback_run.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/json.h"

#define JOURNAL_BYTES (16u << 20)
#define JOURNAL_KEEP 64
#define ASKS_MOST 64 /* requests that are looked at in one turn */

struct an_wb {
    const an_wb_conf *conf;
    int lock_fd;
    an_device *device;

    /* The thread's own. */
    an_wb_gate gate;
    an_wb_asks asks;
    an_wb_facts facts;
    an_wb_look looks[AN_WB_TARGETS_MAX];
    an_wb_state states[AN_WB_TARGETS_MAX];
    an_line_file journal;
    const an_actuator_type *type;
    void *actuator;
    uint64_t sequence, heartbeat; /* the first grows over restarts, as long as the clock does */
    bool was_enabled;

    pthread_mutex_t lock; /* guards stats, held for copies only */
    an_wb_stats stats;
};

an_wb_stats an_wb_stats_get(an_wb *w)
{
    pthread_mutex_lock(&w->lock);
    const an_wb_stats s = w->stats;
    pthread_mutex_unlock(&w->lock);
    return s;
}

static void count(an_wb *w, uint64_t *figure)
{
    pthread_mutex_lock(&w->lock);
    ++*figure;
    pthread_mutex_unlock(&w->lock);
}

/* ---- the journal ---- */

static an_json *entry(const char *what, int64_t now_ms)
{
    char time[25];
    an_json *o = an_json_object();
    an_time_text(time, now_ms);
    an_json_set_text(o, "time", time);
    an_json_set_text(o, "what", what);
    return o;
}

/* Takes o.  Durable when it returns OK. */
static an_err write_entry(an_wb *w, an_json *o, an_note *why)
{
    char *text = an_json_print(o, 0);
    an_json_free(o);
    an_err err = text ? an_line_file_add(&w->journal, text, strlen(text), why) : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = an_line_file_sync(&w->journal, why);
    an_free(text);
    return err;
}

/* A register has sixteen bits of it. */
static int64_t said_sequence(const an_wb *w, uint64_t n)
{
    return w->conf->type == AN_WB_MQTT ? (int64_t)n : (int64_t)(uint16_t)n;
}

static an_err note_write(an_wb *w, size_t i, an_wb_verdict_kind v, uint16_t value, int64_t now_ms,
                         an_note *why)
{
    const an_wb_place *p = &w->conf->places[i];
    an_json *o = entry(w->conf->dry_run ? "would write" : "write", now_ms);
    an_json_set_text(o, "target", p->name);
    an_json_set_text(o, "line", p->line);
    if (w->conf->type == AN_WB_MQTT) {
        an_json_set_text(o, "topic", p->topic);
    } else {
        an_json_set_text(o, "table", p->coil ? "coil" : "holding");
        an_json_set_int(o, "address", p->address);
    }
    an_json_set_int(o, "value", value);
    an_json_set_text(o, "verdict", an_wb_verdict_name(v));
    if (!w->conf->dry_run) {
        an_json_set_int(o, "sequence", said_sequence(w, w->sequence + 1));
        an_json_set_text(o, "enabled_by", w->gate.people[0]);
        an_json_set_text(o, "and_by", w->gate.people[1]);
    }
    return write_entry(w, o, why);
}

static an_err note_gate(an_wb *w, const char *what, const char *by, const char *reason, int64_t now_ms,
                        an_note *why)
{
    an_json *o = entry(what, now_ms);
    if (by[0])
        an_json_set_text(o, "by", by);
    if (reason[0])
        an_json_set_text(o, "reason", reason);
    an_log(AN_LOG_WARN, "writeback", "what=\"%s\" by=\"%s\" reason=\"%.200s\"", what, by, reason);
    return write_entry(w, o, why);
}

/* ---- people ---- */

/* How long it stays enabled is not for a wall clock to say, which somebody may set. */
static int64_t mono_ms(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static an_err obey(an_wb *w, const char *by, bool enable, int64_t now_ms, an_note *why)
{
    static const char *const words[] = {[AN_WB_ARMED] = "a first person enables it",
                                        [AN_WB_ENABLED] = "enabled by a second person",
                                        [AN_WB_SAME_PERSON] = "the same person again: not enabled"};
    if (!enable) {
        an_wb_end(&w->gate);
        return note_gate(w, "ended by a person", by, "", now_ms, why);
    }
    an_wb_gate before = w->gate;
    const an_wb_answer answer = an_wb_ask(&w->gate, &w->conf->people, by, mono_ms());
    an_err err = note_gate(w, words[answer], by, "", now_ms, why);
    if (err != AN_OK) /* what is not in the journal has not happened */
        w->gate = before;
    return err;
}

static an_err hear(an_wb *w, int64_t now_ms, an_note *why)
{
    for (int i = 0; i < ASKS_MOST; i++) {
        char by[AN_NAME_MAX] = "";
        bool enable = false;
        an_note reason = {{0}};
        an_err err = an_wb_take(&w->asks, now_ms, by, &enable, &reason);
        if (err == AN_ERR_NOTFOUND)
            return AN_OK;
        if (err == AN_OK) {
            err = obey(w, by, enable, now_ms, why);
        } else {
            count(w, &w->stats.refused);
            err = note_gate(w, "a request was refused", by, reason.text[0] ? reason.text : an_err_text(err),
                            now_ms, why);
        }
        if (err != AN_OK)
            return err;
    }
    return AN_OK;
}

/* ---- the controller ---- */

static an_err write_one(an_wb *w, size_t i, an_wb_verdict_kind v, uint16_t value, int64_t now_ms,
                        an_note *why)
{
    an_err err = note_write(w, i, v, value, now_ms, why);
    if (err != AN_OK)
        return err;
    an_wb_begins(&w->states[i], mono_ms());
    const an_actuator_write write = {
        .place = i, .value = value, .verdict = v, .sequence = w->sequence + 1, .now_ms = now_ms};
    if (!w->conf->dry_run) {
        w->sequence++; /* whatever becomes of it */
        err = w->type->write(w->actuator, &write, why);
        if (err != AN_OK)
            count(w, &w->stats.failed);
    }
    if (err != AN_OK)
        return err;
    an_wb_done(&w->states[i], value);
    count(w, &w->stats.writes);
    return AN_OK;
}

/* Writes one target at most: a controller may take its time, and the next one is looked at anew.  *ret_true: what
 * stands at the controller is what is known here. */
static an_err write_next(an_wb *w, bool enabled, int64_t now_ms, bool *ret_true, bool *ret_wrote,
                         an_note *why)
{
    *ret_true = true;
    *ret_wrote = false;
    for (size_t i = 0; i < w->conf->n; i++) {
        const an_wb_place *p = &w->conf->places[i];
        const an_wb_verdict_kind v = an_wb_verdict(&w->looks[i], p->deadline_ms, p->severity);
        uint16_t value = 0;
        pthread_mutex_lock(&w->lock);
        w->stats.verdicts[i] = v;
        pthread_mutex_unlock(&w->lock);
        const an_wb_what what = an_wb_decide(&p->target, &w->states[i], v, enabled, mono_ms(), &value);
        if (what == AN_WB_WRITE && *ret_wrote) {
            *ret_true = false;
            continue;
        }
        if (what == AN_WB_TOO_OFTEN)
            count(w, &w->stats.too_often);
        an_err err = what == AN_WB_WRITE ? write_one(w, i, v, value, now_ms, why) : AN_OK;
        if (err != AN_OK)
            return err;
        *ret_wrote = *ret_wrote || what == AN_WB_WRITE;
        *ret_true = *ret_true && (what == AN_WB_WRITE || what == AN_WB_KEEP);
    }
    return AN_OK;
}

/* ---- the thread ---- */

static an_err wb_connect(void *ctx, an_note *why)
{
    (void)ctx;
    (void)why;
    return AN_OK; /* the controller is spoken to only when something is written */
}

/* Of what was under way nobody knows whether it was done: it is written again. */
static void wb_disconnect(void *ctx)
{
    an_wb *w = ctx;
    w->type->disconnect(w->actuator);
    for (size_t i = 0; i < w->conf->n; i++)
        w->states[i].known = false;
}

static an_err watch_gate(an_wb *w, bool enabled, int64_t now_ms, an_note *why)
{
    an_err err = AN_OK;
    if (w->was_enabled && !enabled) {
        w->type->disconnect(w->actuator);
        for (size_t i = 0; i < w->conf->n; i++)
            w->states[i].known = false; /* others may write there now */
        err = note_gate(w, "not enabled any more", "", "", now_ms, why);
    }
    w->was_enabled = enabled;
    pthread_mutex_lock(&w->lock);
    w->stats.enabled = enabled;
    w->stats.connected = w->type->connected(w->actuator);
    pthread_mutex_unlock(&w->lock);
    return err;
}

static an_err wb_turn(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    an_wb *w = ctx;
    an_note unknown = {{0}};
    bool is_true = false, wrote = false;
    *ret_wait_ms = w->conf->period_ms;
    const int64_t now = an_clock_system()->wall_ms(an_clock_system());
    an_err err = hear(w, now, why);
    const bool enabled = an_wb_is_enabled(&w->gate, mono_ms());
    if (err == AN_OK)
        err = watch_gate(w, enabled, now, why);
    an_err looked = an_wb_facts_look(&w->facts, now, mono_ms(), w->looks, &unknown);
    (void)looked; /* then nothing is known, and that is written */
    if (err == AN_OK)
        err = write_next(w, enabled || w->conf->dry_run, now, &is_true, &wrote, why);
    if (wrote && !is_true)
        *ret_wait_ms = 0;
    if (err == AN_OK && enabled && is_true && !w->conf->dry_run) {
        err = w->type->beat(w->actuator, ++w->heartbeat, now, why);
        count(w, err == AN_OK ? &w->stats.beats : &w->stats.failed);
    }
    return err;
}

static const an_device_type wb_device = {.connect = wb_connect, .turn = wb_turn, .disconnect = wb_disconnect};

static an_err open_all(an_wb *w, const char *site, const char *dir, an_note *why)
{
    char path[AN_PATH_MAX];
    const int64_t now = an_clock_system()->wall_ms(an_clock_system());
    w->asks = (an_wb_asks){.conf = w->conf, .dir = dir, .site = site, .started_ms = now};
    an_err err = an_path_join(path, dir, "writeback"); /* the folder itself is the agent's */
    if (err == AN_OK)
        err = an_dir_make(path, why);
    if (err == AN_OK)
        err = an_dir_lock(path, "writeback", &w->lock_fd, why);
    if (err == AN_OK)
        err = an_path_join(path, dir, "writeback.jsonl");
    if (err == AN_OK)
        err = an_line_file_open(&w->journal, path, JOURNAL_BYTES, JOURNAL_KEEP, why);
    if (err == AN_OK)
        err = an_wb_facts_open(&w->facts, w->conf, dir, why);
    if (err == AN_OK)
        err = w->type->open(w->conf, site, &w->actuator, why);
    return err == AN_OK ? note_gate(w, w->conf->dry_run ? "started, dry run" : "started, not enabled", "", "",
                                    now, why)
                        : err;
}

static void wb_free(an_wb *w)
{
    if (w->type)
        w->type->close(w->actuator);
    an_line_file_close(&w->journal);
    if (w->lock_fd >= 0)
        close(w->lock_fd);
    pthread_mutex_destroy(&w->lock);
    an_free(w);
}

an_err an_wb_start(const an_wb_conf *conf, const char *site, const char *dir, an_wb **ret, an_note *why)
{
    an_wb *w = an_alloc(1, sizeof *w);
    if (!w)
        return AN_ERR_NOMEM;
    w->conf = conf;
    w->lock_fd = w->journal.fd = -1;
    w->type = an_actuator_find(an_wb_type_names[conf->type]);
    w->sequence = conf->type == AN_WB_MQTT ? (uint64_t)an_clock_system()->wall_ms(an_clock_system()) : 0;
    pthread_mutex_init(&w->lock, NULL);
    const an_device_conf device = {
        .type = &wb_device, .ctx = w, .name = "writeback", .retry_min_ms = 200, .retry_max_ms = 2000};
    an_err err = w->type ? open_all(w, site, dir, why)
                         : an_fail(AN_ERR_UNSUPPORTED, why, "writeback: this agent was built without %s",
                                   an_wb_type_names[conf->type]);
    if (err == AN_OK)
        err = an_device_start(&device, &w->device);
    if (err != AN_OK) {
        wb_free(w);
        return err;
    }
    *ret = w;
    return AN_OK;
}

void an_wb_stop(an_wb *w)
{
    if (!w)
        return;
    an_device_stop(w->device);
    wb_free(w);
}
