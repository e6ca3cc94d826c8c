#include "agent/sink.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "agent/alarms.h"
#include "agent/device.h"
#include "agent/line_file.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define AN_SINK(name) extern const an_sink_type an_sink_type_##name;
#include "agent/sinks.def"
#undef AN_SINK
static const an_sink_type *const types[] = {
#define AN_SINK(name) &an_sink_type_##name,
#include "agent/sinks.def"
#undef AN_SINK
};

#define IDLE_MS 1000
#define LOOK_MOST 1024 /* records that are looked at in one turn */
#define REFUSED_BYTES (4u << 20)

struct an_sink {
    const an_sink_type *type;
    an_sink_conf conf;
    an_sink_site site;
    char reader[AN_NAME_MAX];
    void *state;
    an_device *device;
    atomic_bool waits; /* idle: a wake is of use */

    /* The thread's own. */
    an_alarms *log;
    an_alarm_record *records; /* (AN_SINK_BATCH) read, wanted and not yet taken: [done, n) */
    an_sink_event events[AN_SINK_BATCH];
    char *json[AN_SINK_BATCH];
    char ids[AN_SINK_BATCH][AN_SINK_ID_MAX];
    size_t n, done;
    uint64_t seen;   /* seq of the last record that was read */
    uint64_t at;     /* all up to here are done with */
    uint64_t stored; /* the cursor in the log */
    an_line_file refused;

    pthread_mutex_t lock; /* guards stats, held for copies only */
    an_sink_stats stats;
};

const an_sink_type *an_sink_type_at(size_t i)
{
    return i < sizeof types / sizeof *types ? types[i] : NULL;
}

const an_sink_type *an_sink_type_find(const char *name)
{
    for (size_t i = 0; an_sink_type_at(i); i++)
        if (name && strcmp(an_sink_type_at(i)->name, name) == 0)
            return an_sink_type_at(i);
    return NULL;
}

an_sink_stats an_sink_stats_get(an_sink *s)
{
    pthread_mutex_lock(&s->lock);
    const an_sink_stats stats = s->stats;
    pthread_mutex_unlock(&s->lock);
    return stats;
}

static int64_t wall_ms(void)
{
    return an_clock_system()->wall_ms(an_clock_system());
}

/* ---- reading ---- */

static void drop_batch(an_sink *s)
{
    for (size_t i = 0; i < s->n; i++)
        an_free(s->json[i]);
    s->n = s->done = 0;
}

static an_err add_event(an_sink *s)
{
    an_alarm_record *r = &s->records[s->n];
    an_json *o = an_alarm_record_json(r);
    char *text = an_json_print(o, 0);
    an_json_free(o);
    if (!text)
        return AN_ERR_NOMEM;
    snprintf(s->ids[s->n], AN_SINK_ID_MAX, "%s:%llu", s->site.site, (unsigned long long)r->seq);
    s->json[s->n] = text;
    s->events[s->n] =
        (an_sink_event){.record = r, .id = s->ids[s->n], .json = text, .json_len = strlen(text)};
    s->n++;
    return AN_OK;
}

/* What is not for this sink is done with at once, unless something before it waits. */
static void note_read(an_sink *s, uint64_t lost, bool wanted, bool damaged)
{
    pthread_mutex_lock(&s->lock);
    s->stats.lost += lost;
    s->stats.damaged += damaged;
    s->stats.passed += !wanted && !damaged;
    if (wanted && s->n == 1)
        s->stats.waiting_ms = s->records[0].recorded_ms;
    pthread_mutex_unlock(&s->lock);
    if (lost > 0)
        an_log(AN_LOG_WARN, "sink_lost", "sink=%s records=%llu", s->conf.name, (unsigned long long)lost);
    if (s->n == 0)
        s->at = s->seen;
}

static bool is_wanted(const an_sink *s, const an_alarm_record *r)
{
    return an_sink_wants(&s->conf, r) && (!s->type->wants || s->type->wants(s->state, r));
}

static an_err fill(an_sink *s, an_note *why)
{
    for (int i = 0; i < LOOK_MOST && s->n < AN_SINK_BATCH; i++) {
        an_alarm_record *r = &s->records[s->n];
        uint64_t lost = 0;
        an_err err = an_alarms_next(s->log, s->seen, r, &lost, why);
        if (err == AN_ERR_NOTFOUND)
            break;
        if (err != AN_OK && err != AN_ERR_PROTO)
            return err;
        const bool damaged = err == AN_ERR_PROTO, wanted = !damaged && is_wanted(s, r);
        const uint64_t seq = r->seq;
        if (wanted && (err = add_event(s)) != AN_OK)
            return err;
        s->seen = seq;
        note_read(s, lost, wanted, damaged);
    }
    return AN_OK;
}

/* ---- sending ---- */

static void set_aside(an_sink *s, const an_sink_event *e, const an_note *reason)
{
    an_note why = {{0}};
    an_json *o = an_json_object();
    an_json_set_text(o, "id", e->id);
    an_json_set_text(o, "refused", reason->text);
    an_json_set(o, "record", an_alarm_record_json(e->record));
    char *text = an_json_print(o, 0);
    an_json_free(o);
    an_err err = text ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK && s->refused.fd < 0) {
        char dir[AN_PATH_MAX], path[AN_PATH_MAX], name[AN_SINK_NAME_MAX + 16];
        snprintf(name, sizeof name, "%s.refused.jsonl", s->conf.name);
        if ((err = an_path_join(dir, s->site.data, "sinks")) == AN_OK &&
            (err = an_dir_make(dir, &why)) == AN_OK && (err = an_path_join(path, dir, name)) == AN_OK)
            err = an_line_file_open(&s->refused, path, REFUSED_BYTES, 1, &why);
    }
    if (err == AN_OK && (err = an_line_file_add(&s->refused, text, strlen(text), &why)) == AN_OK)
        err = an_line_file_sync(&s->refused, &why);
    an_free(text);
    an_log(AN_LOG_WARN, "sink_refused", "sink=%s event=%s why=\"%.200s\"", s->conf.name, e->id, reason->text);
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "refused_not_kept", "sink=%s event=%s why=\"%.200s\"", s->conf.name, e->id,
               why.text[0] ? why.text : an_err_text(err));
}

/* Events [done, done + taken) are through, and one more if it was refused. */
static void advance(an_sink *s, size_t taken, bool refused)
{
    s->done += taken + refused;
    s->at = s->done == s->n ? s->seen : s->records[s->done].seq - 1;
    pthread_mutex_lock(&s->lock);
    s->stats.sent += taken;
    s->stats.refused += refused;
    s->stats.waiting_ms = s->done < s->n ? s->records[s->done].recorded_ms : 0;
    if (taken > 0)
        s->stats.sent_ms = wall_ms();
    pthread_mutex_unlock(&s->lock);
    if (s->done == s->n)
        drop_batch(s);
}

static an_err give(an_sink *s, an_note *why)
{
    size_t taken = 0;
    an_err err = s->type->send(s->state, s->events + s->done, s->n - s->done, &taken, why);
    if (err == AN_ERR_REFUSED)
        set_aside(s, &s->events[s->done + taken], why);
    advance(s, taken, err == AN_ERR_REFUSED);
    return err == AN_ERR_REFUSED ? AN_OK : err;
}

static an_err store_cursor(an_sink *s, an_note *why)
{
    if (s->at == s->stored)
        return AN_OK;
    an_err err = an_alarms_delivered(s->log, s->reader, s->at, why);
    if (err != AN_OK)
        return err;
    s->stored = s->at;
    pthread_mutex_lock(&s->lock);
    s->stats.cursor = s->at;
    pthread_mutex_unlock(&s->lock);
    return AN_OK;
}

/* ---- the device ---- */

static void note_state(an_sink *s, an_err err, const an_note *why)
{
    pthread_mutex_lock(&s->lock);
    s->stats.failing = err != AN_OK;
    if (err != AN_OK) {
        s->stats.retried++;
        snprintf(s->stats.error, sizeof s->stats.error, "%.150s",
                 why->text[0] ? why->text : an_err_text(err));
    }
    pthread_mutex_unlock(&s->lock);
}

static an_err sink_connect(void *ctx, an_note *why)
{
    an_sink *s = ctx;
    an_note none = {{0}};
    /* Read first, so that it is known since when something waits. */
    an_err err = s->done == s->n ? fill(s, why) : AN_OK;
    if (err == AN_OK && s->type->connect)
        err = s->type->connect(s->state, why);
    if (err != AN_OK)
        note_state(s, err, why ? why : &none);
    return err;
}

static void sink_disconnect(void *ctx)
{
    an_sink *s = ctx;
    if (s->type->disconnect)
        s->type->disconnect(s->state);
}

static an_err turn(an_sink *s, int64_t *ret_wait_ms, an_note *why)
{
    const uint64_t seen = s->seen;
    an_err err = store_cursor(s, why);
    if (err == AN_OK && s->done == s->n)
        err = fill(s, why);
    const bool any = s->done < s->n, looked = s->seen != seen;
    if (err == AN_OK && any)
        err = give(s, why);
    if (err == AN_OK)
        err = store_cursor(s, why);
    *ret_wait_ms = any || looked ? 0 : IDLE_MS;
    if (err == AN_OK && !any && s->type->idle)
        err = s->type->idle(s->state, ret_wait_ms, why);
    return err;
}

static an_err sink_turn(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    an_sink *s = ctx;
    an_note note = {{0}};
    an_err err = turn(s, ret_wait_ms, &note);
    if (err != AN_OK && why)
        *why = note;
    note_state(s, err, &note);
    atomic_store(&s->waits, err == AN_OK);
    return err;
}

static const an_device_type sink_device = {
    .connect = sink_connect, .turn = sink_turn, .disconnect = sink_disconnect};

/* ---- start and end ---- */

static void sink_free(an_sink *s)
{
    if (!s)
        return;
    drop_batch(s);
    an_line_file_close(&s->refused);
    if (s->state && s->type->close)
        s->type->close(s->state);
    an_free(s->state);
    an_alarms_close(s->log);
    an_free(s->records);
    pthread_mutex_destroy(&s->lock);
    an_free(s);
}

/* The handle is opened here and used by the thread alone from when it runs. */
static an_err open_log(an_sink *s, an_note *why)
{
    const an_alarms_conf none = {.site = NULL};
    snprintf(s->reader, sizeof s->reader, AN_SINK_READER "%s", s->conf.name);
    an_err err = an_alarms_open(s->site.alarms, &none, &s->log, why);
    if (err == AN_OK)
        err = an_alarms_reader(s->log, s->reader, s->conf.from_now, &s->stored, why);
    s->at = s->seen = s->stats.cursor = s->stored;
    return err;
}

an_err an_sink_start(const an_sink_conf *conf, const an_sink_site *site, an_sink **ret, an_note *why)
{
    an_sink *s = an_alloc(1, sizeof *s);
    an_err err = AN_ERR_NOMEM;
    if (!s)
        return err;
    pthread_mutex_init(&s->lock, NULL);
    s->conf = *conf;
    s->site = *site;
    s->refused.fd = -1;
    s->type = an_sink_type_find(conf->type);
    s->records = an_alloc(AN_SINK_BATCH, sizeof *s->records);
    s->state = an_alloc(1, s->type->state_size);
    if (!s->records || !s->state || (err = s->type->open(s->state, site, conf->node, why)) != AN_OK ||
        (err = open_log(s, why)) != AN_OK)
        goto out;
    const an_device_conf device = {.type = &sink_device,
                                   .ctx = s,
                                   .name = s->reader,
                                   .retry_min_ms = conf->retry_min_ms,
                                   .retry_max_ms = conf->retry_max_ms};
    if ((err = an_device_start(&device, &s->device)) != AN_OK)
        goto out;
    *ret = s;
    s = NULL;
out:
    sink_free(s);
    return err;
}

void an_sink_end(an_sink *s)
{
    an_device_end(s->device);
}

const char *an_sink_name(const an_sink *s)
{
    return s->conf.name;
}

const char *an_sink_type_name(const an_sink *s)
{
    return s->type->name;
}

void an_sink_stop(an_sink *s)
{
    if (!s)
        return;
    an_device_stop(s->device);
    sink_free(s);
}

void an_sink_wake(an_sink *s)
{
    if (atomic_exchange(&s->waits, false))
        an_device_wake(s->device);
}
