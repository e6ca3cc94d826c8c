/* session_internal.h - what the session's files share.  See session.h. */
#ifndef AN_AGENT_SESSION_INTERNAL_H
#define AN_AGENT_SESSION_INTERNAL_H

#include "agent/session.h"
#include "agent/versions.h"
#include "sum/secure_site.h"
#include "trust/release.h"
#include "trust/roster.h"

/* A round that this site takes part in. */
typedef enum an_part_state {
    AN_PART_FETCHING, /* a version is not here yet */
    AN_PART_READY,    /* waits for its turn */
    AN_PART_RUNNING,
    AN_PART_SHADOWING, /* its candidate scores beside what the line runs */
    AN_PART_WAITING,   /* secure: the vector is there, its masks are not */
    AN_PART_HOLDING    /* the upload is on disk and noted */
} an_part_state;

/* A site's end of a secure sum. */
typedef struct an_part_secure {
    an_secure_site *site; /* NULL: not taken up again since a restart; its plan comes with the next HELLO */
    uint32_t group;
    an_buf roster; /* text of the one that the round began with */
    uint32_t dim;
    uint32_t *vector; /* (dim) trained and not masked yet, in memory only; NULL */
    int64_t say_ms;   /* when its message is said again, and after what wait */
    int64_t wait_ms;
} an_part_secure;

typedef struct an_part {
    uint64_t round;
    an_hash plan_hash;
    an_plan *plan; /* NULL: taken up after a restart, only the upload is left */
    an_part_state state;
    bool accepted;
    an_hash update; /* HOLDING */
    uint64_t size;
    char path[AN_PATH_MAX];
    bool acked;
    bool aside;        /* HOLDING: its file cannot be read; not offered, and kept when the round is over */
    uint64_t offer_id; /* msg_id: the same each time */
    int64_t offer_ms;  /* when it is offered (again) */
    an_part_secure *secure; /* NULL: trusted */
    int64_t accepted_ms;
    char line[AN_NAME_MAX]; /* SHADOWING */
    int64_t shadow_from_ms, shadow_to_ms, shadow_told_ms;
    bool shadowed; /* counts are there */
    an_shadow_counts counts;
} an_part;

typedef enum an_follow_state {
    AN_FOLLOW_NOTHING,
    AN_FOLLOW_FETCHING,
    AN_FOLLOW_READY, /* waits for its turn to be calibrated */
    AN_FOLLOW_RUNNING,
    AN_FOLLOW_RETRY /* was refused here; tried again later, there may be more data then */
} an_follow_state;

/* What is lost with a swap that a kill has interrupted, unless it is begun anew. */
enum { AN_GOING = 1u, AN_GOING_WATCHED = 2u, AN_GOING_WITH_HELD = 4u };

typedef struct an_line_state {
    const an_session_line *conf;
    an_hash schema;
    an_hash version, overlay;           /* what runs; none */
    an_hash last_version, last_overlay; /* what ran before */
    unsigned going;                     /* the swap to what runs has begun and is not done: AN_GOING_* */
    uint64_t counter;                   /* of the last statement followed */
    uint64_t root_number;               /* of the root that it was followed under: another one counts anew */
    uint64_t delegation, use;           /* the last delegation followed, and its last use; 0 */
    int64_t expires_ms;                 /* of the last statement followed; 0: not known */
    bool stale_said;                    /* that it has expired */
    an_hash held_plan;                  /* of the last round here that learned held windows; none */
    an_follow_state follow;
    an_hash target;
    uint64_t target_size, target_counter, target_use;
    int64_t target_expires_ms;
    an_hash target_delegation;  /* hash of its text; none: the root has signed */
    an_delegation target_grant; /* zero without one */
    an_hash proven;             /* was found to come from the ancestor of delegation proven_number */
    uint64_t proven_number;
    int64_t retry_ms;
    an_hash refused; /* the last one reported as refused */
    uint64_t refit;  /* campaign that the line adapts its overlay for; 0: none */
    bool refit_held; /* ... with windows that were held */
    char refit_reason[AN_REASON_MAX];
    char remark[AN_REASON_MAX]; /* why it takes no part; "": it may */
    an_hash other;              /* a version with the model's schema, which is not this line's; none */
    bool remark_due;            /* ... and is still to be read for what differs */
} an_line_state;

#define AN_FETCHES_MAX 16
typedef struct an_fetch_state {
    an_hash version; /* none: free */
    bool running;
    int64_t retry_ms;
} an_fetch_state;

#define AN_REVOKED_MAX 64
typedef struct an_revoked {
    an_hash delegation;
    int64_t expires_ms;
} an_revoked;

#define AN_NOTED_MAX 8

struct an_session {
    an_session_conf conf;
    an_root root; /* of releases, now */
    an_revoked revoked[AN_REVOKED_MAX];
    size_t n_revoked;
    an_note trust_said; /* why the last statement of the root was refused */
    an_spool *spool;
    bool own_spool;
    an_versions *versions;
    char uploads_dir[AN_PATH_MAX], local_dir[AN_PATH_MAX];

    bool connected, greeted;
    uint64_t epoch, instance; /* of the coordinator */
    int64_t lease_ms, heard_ms, hello_ms, hello_wait_ms, beat_ms;
    bool beat_open; /* a heartbeat waits for its answer */
    uint64_t next_id;

    an_roster roster; /* counter 0: none yet */
    an_hash roster_hash;
    int64_t refusal_day; /* and how many were journalled on it */
    uint32_t refusals;
    uint64_t roster_asked; /* the round whose plan named another one */

    an_session_keys next;          /* link_public NULL: none */
    uint64_t keys_id;              /* msg_id of the last offer of them */
    int64_t keys_ms;               /* when they are offered again */
    char keys_said[AN_REASON_MAX]; /* why they were last refused */

    an_part *parts[AN_HELD_MAX];
    size_t n_parts;
    uint64_t unsure[AN_HELD_MAX]; /* rounds whose state a restart has left, and that may be over */
    size_t n_unsure;
    an_line_state lines[AN_LINES_MAX];
    an_fetch_state fetches[AN_FETCHES_MAX];
    an_job *job;        /* out; borrowed until it comes back */
    uint64_t job_round; /* 0: an overlay */
    int64_t progress_ms;
    uint64_t fact; /* id of the one that is under way; 0: none */
    int64_t fact_ms;
    an_msg_type fact_type;
    uint64_t fact_bytes;
    int64_t noted_hour[AN_NOTED_MAX]; /* of each kind of message in session_ledger.c */
    uint64_t noted_round[AN_NOTED_MAX];
    an_session_status status;
};

/* session_ledger.c: what leaves beside vectors and facts is noted before it leaves; of heartbeats and the like
 * the first of an hour. */
void an_session_note_message(an_session *s, const an_msg *msg);
an_err an_session_note(an_session *s, const char *kind, uint64_t round, uint64_t bytes, const char *words,
                       an_note *why);

int64_t an_session_now(const an_session *s);        /* mono */
an_err an_session_send(an_session *s, an_msg *msg); /* with epoch, and an id if it has none */
void an_session_hello(an_session *s);
/* A step of a round for the log, named so that the coordinator's lines of the same round are found with it. */
void an_session_trace(const an_session *s, uint64_t round, const an_hash *plan_hash, const char *step,
                      const char *reason);
void an_session_drive(an_session *s);                                /* fetch, start and offer what can be */
an_line_state *an_session_line_of(an_session *s, const char *model); /* the first; NULL */
an_line_state *an_session_line_named(an_session *s, const char *line); /* NULL: none */

/* Asks for a version that is not here.  True: it is here. */
bool an_session_want(an_session *s, const an_hash *version, uint64_t size);
an_job *an_session_job(an_session *s, an_job_kind kind, const an_line_state *line);
void an_session_start(an_session *s, an_job *job, uint64_t round);

/* session_rounds.c and session_uploads.c */
an_err an_parts_restore(an_session *s, an_note *why);
void an_parts_free(an_session *s);
void an_parts_drive(an_session *s);
bool an_parts_start(an_session *s); /* true: a job was started */
void an_parts_offer(an_session *s, bool all);
void an_parts_hurry(an_session *s); /* what nobody has acknowledged is offered at once */
void an_parts_done(an_session *s, an_job *job, an_err err, const an_note *why);
int64_t an_parts_deadline(const an_session *s);
an_err an_parts_plan(an_session *s, const an_msg *msg, an_note *why);
an_err an_parts_ack(an_session *s, const an_msg *msg, an_note *why);
an_err an_parts_request(an_session *s, const an_msg *msg, an_note *why);
an_err an_parts_end(an_session *s, const an_msg *msg, an_note *why);
an_part *an_parts_find(an_session *s, uint64_t round);
void an_part_free(an_part *p);
void an_parts_refuse(an_session *s, an_part *p, const char *reason); /* says so, and forgets the part */
/* By the site's policy and its own account, with what has been offered until now.  Errors: REFUSED. */
an_err an_parts_privacy(an_session *s, const an_plan *plan, an_note *why);
an_err an_parts_note_upload(an_session *s, const an_part *p, an_note *why); /* in spool and ledger */
void an_parts_hold(an_session *s, an_part *p); /* ... and from now on offers it */

/* session_secure.c */
/* Takes part in the plan's sum, or takes up again what a restart has left.
 * Errors: REFUSED and a reason; INVAL, IO, NOMEM. */
an_err an_secure_begin(an_session *s, const an_plan *plan, const an_hash *plan_hash, an_part_secure **ret,
                       an_note *why);
void an_secure_free(an_part_secure *secure);                     /* wiped; NULL is fine */
an_err an_secure_start(an_session *s, an_part *p, an_note *why); /* its state on disk; then an_secure_say */
an_err an_secure_resume(an_session *s, an_part *p, an_note *why);
void an_secure_say(an_session *s, an_part *p);
void an_secure_trained(an_session *s, an_part *p, uint32_t **vector); /* takes the vector */
an_err an_secure_message(an_session *s, const an_msg *msg, an_note *why);
void an_secure_tick(an_session *s, bool all);
int64_t an_secure_deadline(const an_session *s);
bool an_secure_was_begun(const an_session *s, uint64_t round); /* and is not over: its state is here */
an_err an_secure_path(const an_session *s, uint64_t round, char out[static AN_PATH_MAX]);

/* Also if nothing of it is left.  Errors: IO, NOMEM. */
an_err an_secure_begun_before(an_session *s, uint64_t round, bool *ret, an_note *why);

/* session_sweep.c */
/* At the start: removes what a crash has left and nothing refers to. */
an_err an_parts_sweep(an_session *s, an_note *why);
void an_parts_unsure(const an_session *s, an_msg_hello *h); /* asks about what may go on */
void an_parts_sure(an_session *s, uint64_t round);          /* it is over: what is left of it goes */

/* session_roster.c */
an_err an_rosters_restore(an_session *s, an_note *why);
an_err an_rosters_message(an_session *s, const an_msg *msg, an_note *why);

/* session_keys.c */
void an_keys_tick(an_session *s, bool all);
int64_t an_keys_deadline(const an_session *s);
bool an_keys_ack(an_session *s, const an_msg *msg); /* true: it was of an offer of keys */
bool an_keys_named(const an_session *s);            /* there are next ones, and the roster names them */
const char *an_keys_wait(const an_session *s);

/* session_versions.c */
an_err an_follow_restore(an_session *s, an_note *why);
an_err an_follow_version(an_session *s, const an_msg *msg, an_note *why);
void an_follow_drive(an_session *s);
void an_follow_trim(an_session *s); /* removes versions beyond the quota that nobody needs */
bool an_follow_start(an_session *s);
void an_follow_done(an_session *s, an_job *job, an_err err, const an_note *why);
int64_t an_follow_deadline(const an_session *s);
void an_follow_root_changed(an_session *s);
void an_follow_report(an_session *s, const an_line_state *line, const an_hash *version,
                      const an_hash *overlay, an_version_state state, const char *reason);
an_err an_follow_keep(an_session *s, const an_line_state *line, an_note *why); /* to the spool */

/* session_trust.c */
an_err an_trust_restore(an_session *s, an_note *why);
an_err an_trust_message(an_session *s, const an_msg *msg, an_note *why);
/* Is the release signed as it must be, and does the site's policy let it be followed? */
an_err an_trust_judge(const an_session *s, const an_msg_version *v, an_release *ret,
                      an_delegation *ret_delegation, an_note *why);
/* Is what the plan works with a candidate of this coordinator?  To train and to judge, never to run. */
an_err an_trust_plan(const an_session *s, const an_msg_plan *m, const an_plan *plan, an_note *why);
/* Errors: REFUSED it has expired. */
an_err an_trust_fresh(const an_session *s, const an_release *r, const an_delegation *d, an_note *why);
/* Is the target, which is here, what its delegation allows?  Errors: AGAIN a version that it comes from is
 * being fetched; REFUSED, PROTO, IO. */
an_err an_trust_version(an_session *s, an_line_state *line, an_note *why);
/* Does the statement on its way still hold?  Errors: REFUSED it has expired, or was revoked. */
an_err an_trust_target(const an_session *s, const an_line_state *line, an_note *why);
an_err an_trust_candidate(const an_session *s, const an_msg_version *v, an_note *why); /* signed as one? */
void an_trust_stale(an_session *s); /* says once of each line that its statement has expired */
bool an_trust_is_stale(const an_session *s, const an_line_state *line);
void an_trust_journal(an_session *s, const an_line_state *line, const char *what); /* line may be NULL */

bool an_follow_is_on_its_way(const an_line_state *line);
/* The line runs what is given from now on; spool and journal (what) know it.  Errors: as go_live. */
an_err an_follow_swap(an_session *s, an_line_state *line, const an_running *running, const char *what,
                      an_note *why);
an_err an_follow_adopt(an_session *s, const an_job *job,
                       an_note *why); /* the overlay that it has made is kept beside its version */

/* session_refit.c */
an_err an_refit_message(an_session *s, const an_msg *msg, an_note *why);
bool an_refit_start(an_session *s); /* true: a job was started */
void an_refit_done(an_session *s, an_job *job, an_err err, const an_note *why);

/* session_kept.c */
typedef struct an_kept {
    an_bundle bundle;
    an_overlay overlay;
    an_running running; /* points to both */
} an_kept;
/* On success *ret is filled (an_kept_done) and must stay where it is.  Errors: NOTFOUND, IO, PROTO it is damaged,
 * NOMEM. */
an_err an_kept_read(an_session *s, const an_hash *version, const an_hash *overlay, an_kept *ret,
                    an_note *why);
void an_kept_done(an_kept *k); /* zeroed or half read is fine */
/* Does the line's stream fit the version's schema?  why names the sensor.  Errors: INVAL, IO. */
an_err an_session_schema_check(an_session *s, const an_line_state *line, const an_hash *version,
                               an_note *why);
/* Is it the same, rate and window too?  Only such a line is asked to take part in rounds.  Likewise. */
an_err an_session_schema_same(an_session *s, const an_line_state *line, const an_hash *version, an_note *why);

/* session_remarks.c */
void an_remarks_welcome(an_session *s, const an_msg_welcome *w);
void an_remarks_drive(an_session *s);

/* session_shadow.c */
bool an_shadow_part_waits(const an_session *s,
                          const an_part *p); /* for its candidate to be scored by the line */
an_err an_shadow_part_start(an_session *s, an_part *p, const an_line_state *line, an_note *why);
void an_shadow_part_prepared(an_session *s, an_job *job, an_err err, const an_note *why);
void an_shadow_part_stop(an_session *s, const an_part *p); /* the round is over */
void an_shadow_parts_tick(an_session *s);
int64_t an_shadow_parts_deadline(const an_session *s);

/* session_return.c */
an_err an_return_message(an_session *s, const an_msg *msg, an_note *why);

/* session_facts.c */
void an_facts_pump(an_session *s, bool again);
an_err an_facts_ack(an_session *s, const an_msg *msg, an_note *why);
int64_t an_facts_deadline(const an_session *s);

#endif
