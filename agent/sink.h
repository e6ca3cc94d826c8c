/* sink.h - where what happens to alarms is sent: one table row per kind of sink (sinks.def).
 *
 *     sinks:
 *       - {name: pager, type: webhook, url: "https://pager/in", severity: high, kinds: [raised, cleared]}
 *
 * Each sink has a thread of its own (device.h), a cursor of its own in the log of alarms (alarms.h, reader
 * "sink.<name>"), and sends what its filter lets through in the log's order.  The cursor moves when the receiver has
 * taken the event, never before: at least once, each with an id that is the same at each attempt, so that a receiver
 * can drop repeats.  What fails is tried again, later and later; what the receiver refuses for good is put into
 * DATA/sinks/<name>.refused.jsonl, counted, and passed over.  A sink that is dead holds up nobody: the log keeps
 * what it has not had, and at the log's quota the oldest goes and is counted (lost).
 *
 *     const an_sink_site site = {.site = "plant-a", .data = dir, .alarms = "DIR/alarms.db"};
 *     err = an_sink_start(&conf, &site, &sink, &why);
 *     an_sink_wake(sink);          there is something new
 *     an_sink_stop(sink);
 *
 * Threads: start, stop belong to one thread; wake and stats to any.  The table is immutable. */
#ifndef AN_AGENT_SINK_H
#define AN_AGENT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm_record.h"
#include "agent/options.h"
#include "agent/sink_conf.h"
#include "base/err.h"
#include "base/terms.h"

#define AN_SINK_READER "sink." /* readers of the log: this and the sink's name */
#define AN_SINK_BATCH 32       /* events that a sink is given at once, at most */
#define AN_SINK_ID_MAX (AN_NAME_MAX + 24)

/* Borrowed for the life of the sink. */
typedef struct an_sink_site {
    const char *site;   /* its name */
    const char *data;   /* the agent's folder */
    const char *alarms; /* path of the log */
} an_sink_site;

typedef struct an_sink_event {
    const an_alarm_record *record;
    const char *id;   /* "plant-a:17": the same whenever it is sent, and of no other event */
    const char *json; /* the record's, one line without its end; json_len bytes and a terminator */
    size_t json_len;
} an_sink_event;

/* The variant's side.  state is zeroed memory of state_size bytes. */
typedef struct an_sink_type {
    const char *name;
    const char *meaning;
    const an_option *options; /* ends with a row whose key is NULL */
    size_t state_size;

    /* Reads the options, which were checked; reaches for nothing yet.  Called for a check of the configuration alone,
     * too.  site and conf live longer than the state.  Errors: INVAL, NOMEM. */
    an_err (*open)(void *state, const an_sink_site *site, const an_node *conf, an_note *why);
    void (*close)(void *state); /* half-opened state is fine; NULL: nothing to do */

    /* On the sink's thread.  Bounded in time: this is how long stop may take. */
    an_err (*connect)(void *state, an_note *why); /* NULL: nothing to do */
    void (*disconnect)(void *state);              /* after a failed connect, too; NULL: nothing to do */
    /* Sends events [0, n), n > 0, in order; *ret_taken (0 when called) says how many the receiver has taken, also
     * on failure: then the one after them is what failed.
     * Errors: REFUSED the receiver will never take that one; all else: it is tried again. */
    an_err (*send)(void *state, const an_sink_event *events, size_t n, size_t *ret_taken, an_note *why);
    /* Beside the filter that every sink has; NULL: all that passes that.  On the sink's thread. */
    bool (*wants)(const void *state, const an_alarm_record *r);
    /* Between events, at least every *ret_wait_ms, which it may make shorter; NULL: nothing to do. */
    an_err (*idle)(void *state, int64_t *ret_wait_ms, an_note *why);
} an_sink_type;

const an_sink_type *an_sink_type_find(const char *name); /* NULL: no such sink */
const an_sink_type *an_sink_type_at(size_t i);           /* NULL past the end */

typedef struct an_sink an_sink;

/* Registers the cursor, then starts the thread.  conf is copied; its node is borrowed for the sink's life.
 * Errors: those of an_alarms_open, an_alarms_reader and open; NOMEM. */
an_err an_sink_start(const an_sink_conf *conf, const an_sink_site *site, an_sink **ret, an_note *why);
void an_sink_end(an_sink *s);  /* asks it to end, and does not wait for it: stop does */
void an_sink_stop(an_sink *s); /* NULL is fine */
void an_sink_wake(an_sink *s); /* no effect on one that waits after a failure */

const char *an_sink_name(const an_sink *s);
const char *an_sink_type_name(const an_sink *s);

typedef struct an_sink_stats {
    bool failing;     /* the last attempt failed */
    uint64_t sent;    /* events that the receiver took */
    uint64_t retried; /* attempts that failed and are made again */
    uint64_t refused; /* for good: set aside */
    uint64_t passed;  /* records that the filter does not let through */
    uint64_t lost;    /* records that the log dropped at its quota before they were sent */
    uint64_t damaged; /* records that cannot be read */
    uint64_t cursor;  /* seq of the last record that is done with */
    int64_t
        waiting_ms;  /* when the first that is not was recorded; 0: nothing waits, as far as it has looked */
    int64_t sent_ms; /* when the last was taken; 0: never */
    char error[160]; /* the last one; "" if none */
} an_sink_stats;
an_sink_stats an_sink_stats_get(an_sink *s);

#endif
