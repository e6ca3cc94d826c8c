/* session.h - a site's side of the protocol without sockets: messages in, messages out.
 *
 * The session greets the coordinator, judges plans by the site's policy, hands out the work,
 * keeps an upload until its round is over, follows signed release statements, and sends the
 * site's own facts in order.  Whoever runs it brings the outside: the program gives it sockets
 * and a trainer thread, the laboratory gives it function calls.  The counterpart is
 * coordinator/hub.h.
 *
 *     an_session *s = NULL;
 *     err = an_session_new(&conf, &s, &why);      goes live with the version it last ran
 *     an_session_connected(s);                    says HELLO
 *     an_session_message(s, msg, &why);           what the coordinator sent
 *     an_session_tick(s);                         when an_session_deadline says so
 *
 * Callbacks must not call the session; they put down what they have to say and return.
 *
 * What is promised:
 *   - an upload is on disk and noted in the spool before it is offered;
 *   - after a restart the same plan is answered with the same upload, never with another one;
 *   - a plan that comes twice is worked on once;
 *   - facts (drift, alarms, reports) leave in order and are kept until they are acknowledged;
 *   - a fact keeps its msg_id however often it is sent;
 *   - no release statement is followed that is older than the last one followed.
 *
 * Threads: belongs to one thread, the one that owns the spool. */
#ifndef AN_AGENT_SESSION_H
#define AN_AGENT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/calibrate.h"
#include "agent/job.h"
#include "agent/site_policy.h"
#include "agent/spool.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "models/bundle.h"
#include "models/overlay.h"
#include "msg/msg.h"
#include "trust/root.h"

typedef struct an_session an_session;

/* What runs, or is to run. */
typedef struct an_running {
    an_hash version, overlay;
    const an_bundle *bundle; /* borrowed for the call */
    const an_overlay *values;
    bool with_held; /* it has learned the held windows: they are normal operation from now on */
    bool watched;   /* it is new here: held against what runs until now for a while (watch.h) */
    const struct an_running
        *before; /* after a restart: what ran before it, if that can still be had; else NULL */
} an_running;

typedef struct an_session_io {
    void *ctx;
    /* To the coordinator.  Errors cost nothing: what is owed is sent again. */
    an_err (*send)(void *ctx, const an_msg *msg);
    /* Pull a version into the file at path (it may hold a part); answer with
     * an_session_fetched. size 0: not known. */
    void (*fetch)(void *ctx, const an_hash *version, uint64_t size, const char *path);
    /* Run the job (an_job_run) with the data of the job's lines, on any thread; answer with
     * an_session_done.  Takes the job. */
    void (*run)(void *ctx, an_job *job);
    /* Swap the line over to this.  OK: it has; AGAIN: it will, answered by an_session_live.  Errors: a reason to stay
     * with what runs. */
    an_err (*go_live)(void *ctx, const char *line, const an_running *running, an_note *why);
    /* Score this beside what runs on the line, until shadow_end or so many rows (0: no bound); answer with
     * an_session_shadowed.  NULL, both: no lines run here, and rounds of kind SHADOW replay windows.
     * Errors: a reason to refuse the round. */
    an_err (*shadow)(void *ctx, const char *line, const an_running *running, uint64_t rows, an_note *why);
    void (*shadow_end)(void *ctx, const char *line);
    /* How many windows the line's pool has to train on and held back; NULL: nobody is told. */
    void (*windows)(void *ctx, const char *line, size_t *ret_train, size_t *ret_held_back);
} an_session_io;

typedef struct an_session_line {
    const char *line, *model;
    const an_schema *schema; /* of the stream; rate_hz 0 and window 0: as the version says */
} an_session_line;

typedef struct an_session_conf {
    const char *site;
    const uint8_t *sign_public;     /* (AN_SIGN_PUBLIC_BYTES), all keys borrowed */
    const uint8_t *sign_secret;     /* (AN_SIGN_SECRET_BYTES) */
    const uint8_t *coordinator_key; /* (AN_KEY_BYTES) the online key: candidates, delegated releases */
    const uint8_t *root_key;        /* (AN_KEY_BYTES) of the release root, whose statements are followed; as
                                       enrolled: later rotations are in the spool */
    uint64_t root_number;           /* of root_key in the chain of roots */
    const an_session_line *lines;   /* borrowed with all in it, like the following */
    size_t n_lines;                 /* 1..AN_LINES_MAX */
    const an_site_policy *policy;
    const an_calibrate_opts *calibrate;
    an_spool *spool;         /* NULL: what waits is kept in memory only */
    const char *dir;         /* versions, uploads and local parameters are kept under it */
    uint64_t versions_quota; /* bytes; 0: none */
    size_t n_threads;        /* of training */
    const an_clock *clock;
    an_session_io io;
    uint64_t instance; /* of this process; random */
} an_session_conf;

/* Errors: INVAL conf, IO, PROTO the spool holds what it cannot hold, NOMEM. */
an_err an_session_new(const an_session_conf *conf, an_session **ret, an_note *why);
/* The job that runs, if any, must have come back or never come back. */
void an_session_free(an_session *s);

void an_session_connected(an_session *s); /* there is a link (again): says HELLO */
void an_session_lost(an_session *s);

/* Errors: PROTO the message makes no sense here or was tampered with; STATE it is of an older
 * session; AUTH; else what keeping it said.  An error is for counting and logging. */
an_err an_session_message(an_session *s, const an_msg *msg, an_note *why);

/* What fetch and run came to. */
void an_session_fetched(an_session *s, const an_hash *version, an_err err, const an_note *why);
void an_session_done(an_session *s, an_job *job, an_err err, const an_note *why); /* takes job */

/* What a candidate beside the line has come to; NULL: the line runs something else by now. */
/* What go_live has begun is done: the line runs this. */
void an_session_live(an_session *s, const char *line, const an_hash *version, const an_hash *overlay);
void an_session_shadowed(an_session *s, const char *line, const an_hash *candidate,
                         const an_shadow_counts *c);

void an_session_tick(an_session *s);
int64_t an_session_deadline(const an_session *s); /* mono ms of the next useful tick */

/* A fact for the coordinator: DRIFT_ALERT, ALARM_SUMMARY, VERSION_REPORT, LIVE, COUNTS or REFITTED.  Durable when it
 * returns OK (with a spool).  Errors: INVAL another message or out of bounds, LIMIT, IO, NOMEM.
 */
an_err an_session_post(an_session *s, const an_msg *fact, an_note *why);

/* A release that came as a parcel (trust/parcel.h): head is what stands before its bundles, and these are files in
 * dir, named by their hashes; they are taken over.  Judged as if it had come over the link, and said in the site's
 * journal.  Errors: EXISTS all lines of its model have followed it already; PROTO, AUTH, REFUSED and a reason; IO,
 * NOMEM. */
an_err an_session_import(an_session *s, const void *head, size_t len, const char *dir, an_note *why);

/* ---- rotation of the site's keys ---- */

/* Borrowed until an_session_rekeyed, or the session's end. */
typedef struct an_session_keys {
    const uint8_t *link_public, *sign_public; /* (AN_KEY_BYTES) the next ones */
    const uint8_t *sign_secret;               /* (AN_SIGN_SECRET_BYTES) */
    const uint8_t *present_link_public;       /* (AN_KEY_BYTES) */
} an_session_keys;

/* Says to the coordinator which keys come next, until they are due. */
void an_session_offer_keys(an_session *s, const an_session_keys *next);
/* The roster of the release root names them, and no round is open that began with the present ones: go
 * over to them (the keys that conf points to), call an_session_rekeyed, then an_session_connected. */
bool an_session_keys_due(const an_session *s);
void an_session_rekeyed(an_session *s);

/* The file of an upload that is still held, for the bulk socket.  Errors: NOTFOUND. */
an_err an_session_upload(an_session *s, const an_hash *update, char out[static AN_PATH_MAX]);

/* Back to the version the line ran before, with its overlay.  Errors: NOTFOUND, and go_live's.
 */
an_err an_session_rollback(an_session *s, const char *line, const char *reason, an_note *why);

/* The same if the line runs `from`; and by itself it never goes there again: not by another rollback, and not by
 * the statement that it followed to it.  For whoever watches the line, with or without a link; a RETURN of the
 * coordinator does the same.  Errors: STATE it runs something else; as an_session_rollback. */
an_err an_session_return(an_session *s, const char *line, const an_hash *from, const char *reason,
                         an_note *why);

/* What an_session_rollback would go back to.  False: nothing. */
bool an_session_before(const an_session *s, const char *line, an_hash *ret_version);

/* Has the statement that the line follows expired?  What runs goes on, but the site may be kept from newer
 * versions.  ret_since_ms: wall clock. */
bool an_session_stale(const an_session *s, const char *line, int64_t *ret_since_ms);
/* Why the coordinator will not ask the line to take part: its model is not known there, or wants other sensors.
 * "": nothing is in the way. */
const char *an_session_remark(an_session *s, const char *line);
an_root an_session_root(const an_session *s); /* of releases, after all rotations that it has seen */

typedef struct an_session_status {
    bool greeted;      /* WELCOME came in and the lease holds */
    int64_t silent_ms; /* since the coordinator was heard; -1: not yet */
    uint64_t epoch;
    const char *state;    /* "idle", "fetching", "training", "calibrating" */
    size_t uploads;       /* held */
    size_t jobs;          /* waiting or running */
    const char *rotation; /* what new keys wait for; "": there are none */
    int64_t clock_off_ms; /* the coordinator's clock less this one, at the last WELCOME */
    uint64_t facts_sent, updates_acked, plans_refused, versions_followed;
} an_session_status;
an_session_status an_session_look(const an_session *s);
/* What a line runs; false: nothing yet. */
bool an_session_running(const an_session *s, const char *line, an_hash *ret_version, an_hash *ret_overlay);
/* The version that a line is on its way to; *ret_how: "fetching", "ready" to be calibrated, "running": it is calibrated,
 * "retry": it was refused and is tried again later.  False: it is on its way to none. */
bool an_session_next(const an_session *s, const char *line, an_hash *ret_version, const char **ret_how);

#endif
