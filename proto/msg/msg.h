/* msg.h - the messages between coordinator and agent: plain structs <-> bytes.
 *
 *     an_msg m = {.type = AN_MSG_HEARTBEAT, .msg_id = 7, .epoch = 3};
 *     an_text_set(m.u.heartbeat.state, sizeof m.u.heartbeat.state, "training");
 *     an_buf b;
 *     an_buf_init(&b, AN_MSG_CONTROL_MAX);
 *     err = an_msg_encode(&m, &b, &why);
 *
 *     an_msg *in = NULL;
 *     err = an_msg_decode(bytes, len, &in, &why);                     size, enums, strings,
 * numbers if (err == AN_OK) err = an_msg_expect(in, AN_DOOR_CONTROL, AN_WAY_UP, &why);  may
 * this come from there? an_msg_free(in);
 *
 * What decode returns has been checked: every string is terminated UTF-8 without control
 * characters, every enum is a known value, every list is within its array, every double is
 * finite.  Names (NAME below) hold letters, digits, '.', '_', '-' only, do not begin with '.',
 * and are never empty unless said so.  encode checks the same and refuses what decode would.
 *
 * The epoch is the session's: WELCOME gives it, every later control message of the session
 * carries it; 0 before.  msg_id is chosen by the sender and is the idempotency key: a message
 * sent again keeps its id.
 *
 * Threads: plain functions; call from anywhere.  A message belongs to one thread. */
#ifndef AN_MSG_MSG_H
#define AN_MSG_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/terms.h"
#include "msg/bounds.h"
#include "msg/reports.h"

typedef enum an_door { AN_DOOR_CONTROL, AN_DOOR_ENROL, AN_DOOR_BULK } an_door;
typedef enum an_way { AN_WAY_UP = 1, AN_WAY_DOWN = 2, AN_WAY_BOTH = 3 } an_way; /* up: agent -> coordinator */

/* Every message.  The numbers are on the wire: rows are appended, numbers never reused.
 * X(name, number, union member, door, way) */
#define AN_MSG_LIST(X)                                                                                       \
    X(HELLO, 1, hello, CONTROL, UP)                                                                          \
    X(WELCOME, 2, welcome, CONTROL, DOWN)                                                                    \
    X(HEARTBEAT, 3, heartbeat, CONTROL, UP)                                                                  \
    X(HEARTBEAT_ACK, 4, heartbeat_ack, CONTROL, DOWN)                                                        \
    X(PLAN, 5, plan, CONTROL, DOWN)                                                                          \
    X(PLAN_REPLY, 6, plan_reply, CONTROL, UP)                                                                \
    X(PROGRESS, 7, progress, CONTROL, UP)                                                                    \
    X(UPDATE_OFFER, 8, update_offer, CONTROL, UP)                                                            \
    X(UPDATE_ACK, 9, update_ack, CONTROL, DOWN)                                                              \
    X(UPDATE_REQUEST, 10, update_request, CONTROL, DOWN)                                                     \
    X(ROUND_END, 11, round_end, CONTROL, DOWN)                                                               \
    X(VERSION, 12, version, CONTROL, DOWN)                                                                   \
    X(VERSION_REPORT, 13, version_report, CONTROL, UP)                                                       \
    X(DRIFT_ALERT, 14, drift_alert, CONTROL, UP)                                                             \
    X(ALARM_SUMMARY, 15, alarm_summary, CONTROL, UP)                                                         \
    X(ACK, 16, ack, CONTROL, BOTH)                                                                           \
    X(ENROL, 17, enrol, ENROL, UP)                                                                           \
    X(ENROL_REPLY, 18, enrol_reply, ENROL, DOWN)                                                             \
    X(CHUNK_REQUEST, 19, chunk_request, BULK, BOTH)                                                          \
    X(CHUNK, 20, chunk, BULK, BOTH)                                                                          \
    X(CHUNK_REFUSE, 21, chunk_refuse, BULK, BOTH)                                                            \
    X(SECURE, 22, secure, CONTROL, BOTH)                                                                     \
    X(ROSTER, 23, roster, CONTROL, DOWN)                                                                     \
    X(KEYS, 24, keys, CONTROL, UP)                                                                           \
    X(TRUST, 26, trust, CONTROL, DOWN)                                                                       \
    X(LIVE, 27, live, CONTROL, UP)                                                                           \
    X(RETURN, 28, return_to, CONTROL, DOWN)                                                                  \
    X(COUNTS, 29, counts, CONTROL, UP)                                                                       \
    X(REFIT, 30, refit, CONTROL, DOWN)                                                                       \
    X(REFITTED, 31, refitted, CONTROL, UP)
typedef enum an_msg_type {
#define AN_MSG_ROW(name, number, member, door, way) AN_MSG_##name = number,
    AN_MSG_LIST(AN_MSG_ROW)
#undef AN_MSG_ROW
} an_msg_type;

/* Bytes of any kind.  In a message to be encoded they are borrowed; in a decoded one they live
 * as long as the message. */
typedef struct an_bytes {
    const uint8_t *data;
    size_t len;
} an_bytes;

/* ---- session ---- */

typedef struct an_msg_line {
    char line[AN_NAME_MAX];  /* NAME */
    char model[AN_NAME_MAX]; /* NAME */
    an_hash schema;
    an_hash version; /* running; none before the first */
    an_hash overlay; /* none without one */
} an_msg_line;

typedef struct an_msg_held { /* an upload the agent still keeps */
    uint64_t round;
    an_hash update; /* none: only the state of a secure sum, of which the agent asks whether it is over */
} an_msg_held;

typedef struct an_msg_hello {
    char agent_version[AN_SHORT_MAX];
    char site[AN_NAME_MAX]; /* NAME; must agree with the link's registered key */
    uint8_t statement_key[AN_KEY_BYTES];
    uint64_t instance; /* drawn at the agent's start */
    uint32_t n_lines;
    an_msg_line lines[AN_LINES_MAX];
    uint32_t n_capabilities;
    char capabilities[AN_CAPABILITIES_MAX][AN_SHORT_MAX]; /* NAMEs */
    uint32_t n_held;
    an_msg_held held[AN_HELD_MAX];
    an_hash roster;       /* that it holds; none: no roster yet */
    uint64_t root_number; /* of the release root it knows: it is owed the rotations after it */
} an_msg_hello;

typedef struct an_msg_desired {
    char model[AN_NAME_MAX]; /* NAME */
    an_hash version;         /* production; none: no version yet */
    uint64_t size;           /* bytes */
    uint64_t counter;        /* of the release statement */
    an_hash schema;          /* of the model: a line with another one takes no part */
    an_hash blank;           /* a version that has it, so that the site can say what differs */
} an_msg_desired;

typedef struct an_msg_coordinator {
    char control[AN_ENDPOINT_MAX]; /* "tcp://host:port" */
} an_msg_coordinator;

typedef struct an_msg_welcome {
    uint64_t instance; /* of the coordinator's process; a change means "say HELLO again" */
    uint64_t epoch;    /* of the session from now on, > 0 */
    uint32_t lease_ms; /* silence longer than this ends the session */
    int64_t wall_ms;
    char bulk_endpoint[AN_ENDPOINT_MAX]; /* may be empty: no bulk socket (laboratory) */
    uint32_t n_models;
    an_msg_desired models[AN_WELCOME_MODELS_MAX];
    uint32_t n_coordinators; /* where the site finds one when this one is gone; all have its link key */
    an_msg_coordinator coordinators[AN_COORDINATORS_MAX];
} an_msg_welcome;

/* Of a line's sample pool, for people who wait for it.  A site that has enough says just that: the number of its
 * windows is a coordinate of the sums. */
#define AN_WINDOWS_TOLD 256 /* so many or more */
typedef struct an_msg_windows {
    char line[AN_NAME_MAX]; /* NAME */
    uint32_t train;         /* 0..AN_WINDOWS_TOLD to train on */
    uint32_t held_back;     /* ... to judge versions on */
} an_msg_windows;

typedef struct an_msg_heartbeat {
    uint64_t instance;
    char state[AN_SHORT_MAX]; /* for people: "idle", "training"; may be empty */
    uint32_t queued_alarms;
    uint32_t queued_updates;
    uint32_t n_windows;
    an_msg_windows windows[AN_LINES_MAX];
} an_msg_heartbeat;

typedef struct an_msg_heartbeat_ack {
    uint64_t instance;
    int64_t wall_ms;
} an_msg_heartbeat_ack;

/* ---- round ---- */

typedef struct an_msg_plan {
    an_bytes plan; /* msg/plan.h; 1..AN_PLAN_BYTES_MAX bytes */
    an_hash plan_hash;
    uint8_t candidate[AN_SIG_BYTES]; /* the online key's, of the candidate statement (trust/release.h) of the
                                        version that is worked with: the plan's base or candidate */
} an_msg_plan;

typedef struct an_msg_plan_reply {
    uint64_t round;
    an_hash plan_hash;
    bool accept;
    char reason[AN_REASON_MAX]; /* may be empty if accepted */
    bool not_yet;               /* refused for what passes by itself: too few windows so far */
} an_msg_plan_reply;

typedef enum an_progress_phase {
    AN_PROGRESS_FETCHING = 1,
    AN_PROGRESS_TRAINING,
    AN_PROGRESS_ENCODING,
    AN_PROGRESS_UPLOADING,
    AN_PROGRESS_PAUSED,
    AN_PROGRESS_SHADOWING
} an_progress_phase;

typedef struct an_msg_progress {
    uint64_t round;
    an_progress_phase phase;
    double fraction; /* 0..1 of the phase */
    uint64_t eta_ms; /* 0: unknown */
} an_msg_progress;

typedef struct an_msg_update_offer { /* msg_id of the envelope is the idempotency key */
    uint64_t round;
    an_hash plan_hash;
    an_hash update;                  /* of the update file's bytes */
    uint64_t size;                   /* bytes */
    uint8_t signature[AN_SIG_BYTES]; /* of AN_UPDATE_CONTEXT and an_update_statement; zero:
                                        unsigned */
} an_msg_update_offer;

typedef enum an_update_status {
    AN_UPDATE_ACCEPTED = 1, /* durable: it will be in the sum, or the round says why not */
    AN_UPDATE_DUPLICATE,    /* had it already; counted once */
    AN_UPDATE_REJECTED,
    AN_UPDATE_LATE
} an_update_status;

typedef struct an_msg_update_ack {
    uint64_t round;
    an_hash update;
    an_update_status status;
    char reason[AN_REASON_MAX]; /* may be empty */
} an_msg_update_ack;

typedef struct an_msg_update_request {
    uint64_t round;
    an_hash update;
} an_msg_update_request;

typedef enum an_round_result { AN_ROUND_RESULT_COMMITTED = 1, AN_ROUND_RESULT_ABORTED } an_round_result;

typedef struct an_msg_round_end {
    uint64_t round;
    an_round_result result;
    char reason[AN_REASON_MAX]; /* may be empty */
    an_hash version;            /* made by the round; none if it makes none */
} an_msg_round_end;

/* One step of a secure sum, in the words of sum/secure.h. */
#define AN_SECURE_CONTENT_MAX (200u * 1024u)
typedef struct an_msg_secure {
    uint64_t round;
    an_hash plan_hash;
    an_bytes content; /* 1..AN_SECURE_CONTENT_MAX bytes */
} an_msg_secure;

#define AN_ROSTER_TEXT_MAX (240u * 1024u)
typedef struct an_msg_roster { /* trust/roster.h */
    an_bytes text;             /* 1..AN_ROSTER_TEXT_MAX bytes */
    uint8_t signature[AN_SIG_BYTES];
} an_msg_roster;

/* ---- versions ---- */

typedef enum an_alias { AN_ALIAS_CANDIDATE = 1, AN_ALIAS_CANARY, AN_ALIAS_PRODUCTION } an_alias;

typedef struct an_msg_signature {
    uint8_t key[AN_KEY_BYTES]; /* the public key that made it */
    uint8_t signature[AN_SIG_BYTES];
} an_msg_signature;

typedef struct an_msg_version {
    char model[AN_NAME_MAX]; /* NAME */
    an_hash version;
    uint64_t size; /* bytes of the bundle */
    an_alias alias;
    uint64_t counter;
    an_bytes statement; /* trust/release.h: a release, of a candidate a candidate statement; up to
                           AN_STATEMENT_MAX bytes; may be empty */
    uint32_t n_signatures;
    an_msg_signature signatures[AN_SIGNATURES_MAX];
    an_bytes delegation; /* that allows the release; empty: the root has signed it */
    uint32_t n_delegation_signatures;
    an_msg_signature delegation_signatures[AN_SIGNATURES_MAX];
} an_msg_version;

/* What the release root says beside releases: a rotation of the root, a revocation (trust/). */
typedef struct an_msg_trust {
    an_bytes statement; /* 1..AN_STATEMENT_MAX bytes */
    uint32_t n_signatures;
    an_msg_signature signatures[AN_SIGNATURES_MAX];
} an_msg_trust;

typedef enum an_version_state {
    AN_VERSION_FETCHING = 1,
    AN_VERSION_READY,
    AN_VERSION_RUNNING,
    AN_VERSION_REFUSED,
    AN_VERSION_ROLLED_BACK
} an_version_state;

/* How the reason of a refusal begins whose statement nobody trusted has signed; others may pass. */
#define AN_REFUSED_UNTRUSTED "not trusted: "

typedef struct an_msg_version_report {
    char model[AN_NAME_MAX]; /* NAME */
    char line[AN_NAME_MAX];  /* NAME */
    an_hash version;
    an_hash overlay; /* may be none */
    an_version_state state;
    char reason[AN_REASON_MAX]; /* may be empty */
    int64_t at_ms;              /* when it was so, by the site's clock; 0: not known */
    uint8_t
        signature[AN_SIG_BYTES]; /* of AN_REPORT_CONTEXT and an_report_statement; zero: none, and refused */
} an_msg_version_report;

typedef struct an_msg_ack {
    uint64_t of;              /* msg_id of what is answered; sent after the effect is durable */
    uint32_t code;            /* 0: done; else an an_err of the answering side */
    char text[AN_REASON_MAX]; /* may be empty */
} an_msg_ack;

/* ---- enrolment ---- */

#define AN_TOKEN_ID_BYTES 16
typedef struct an_msg_enrol {
    uint8_t token_id[AN_TOKEN_ID_BYTES];
    uint8_t mac[32];        /* by the token's secret over an_enrol_statement */
    char site[AN_NAME_MAX]; /* NAME */
    uint8_t link_key[AN_KEY_BYTES];
    uint8_t statement_key[AN_KEY_BYTES];
    char agent_version[AN_SHORT_MAX];
} an_msg_enrol;

/* The keys that a site goes over to when the roster names them.  Both signatures are of AN_KEYS_CONTEXT and
 * an_keys_statement: the present keys say which come next, and the next statement key shows that it is there. */
typedef struct an_msg_keys {
    uint8_t link_key[AN_KEY_BYTES];
    uint8_t statement_key[AN_KEY_BYTES];
    uint8_t signature[AN_SIG_BYTES];      /* by the present statement key */
    uint8_t next_signature[AN_SIG_BYTES]; /* by the next one */
} an_msg_keys;

typedef enum an_enrol_status {
    AN_ENROL_PENDING = 1, /* ask again later; an administrator compares fingerprints */
    AN_ENROL_APPROVED,
    AN_ENROL_DENIED,
    AN_ENROL_RETRY /* too busy */
} an_enrol_status;

typedef struct an_msg_enrol_reply {
    an_enrol_status status;
    char text[AN_REASON_MAX];              /* all texts may be empty unless APPROVED */
    char fingerprint[AN_FINGERPRINT_MAX];  /* of the site's keys, as the administrator sees it */
    char release_root[AN_FINGERPRINT_MAX]; /* fingerprint of the key behind releases */
    char control_endpoint[AN_ENDPOINT_MAX];
    char bulk_endpoint[AN_ENDPOINT_MAX];
    uint8_t coordinator_key[AN_KEY_BYTES]; /* statement key; zero unless APPROVED */
    uint8_t root_key[AN_KEY_BYTES];        /* the release root (trust/root.h); zero unless APPROVED */
    uint64_t root_number;                  /* its place in the chain of roots */
} an_msg_enrol_reply;

/* ---- bulk headers: the receiver pulls, by offset ---- */

typedef enum an_object_kind { AN_OBJECT_VERSION = 1, AN_OBJECT_UPDATE = 2 } an_object_kind;

typedef struct an_msg_chunk_request {
    an_hash object;
    an_object_kind kind;
    uint64_t offset;
    uint32_t len; /* 1..AN_CHUNK_MAX */
} an_msg_chunk_request;

typedef struct an_msg_chunk { /* its bytes are the next frame */
    an_hash object;
    uint64_t offset;
    uint32_t len;   /* 1..AN_CHUNK_MAX; offset + len <= total */
    uint64_t total; /* bytes of the object */
} an_msg_chunk;

typedef enum an_chunk_refusal {
    AN_CHUNK_UNKNOWN = 1, /* no such object here */
    AN_CHUNK_RANGE,
    AN_CHUNK_BUSY,
    AN_CHUNK_FORBIDDEN
} an_chunk_refusal;

typedef struct an_msg_chunk_refuse {
    an_hash object;
    uint64_t offset;
    an_chunk_refusal reason;
} an_msg_chunk_refuse;

typedef struct an_msg {
    an_msg_type type;
    uint32_t version; /* 0 is sent as AN_PROTOCOL_VERSION; decode accepts no other */
    uint64_t msg_id;
    uint64_t epoch;
    union {
#define AN_MSG_ROW(name, number, member, door, way) an_msg_##member member;
        AN_MSG_LIST(AN_MSG_ROW)
#undef AN_MSG_ROW
    } u;
} an_msg; /* some 7 KiB */

typedef struct an_msg_type_info {
    const char *name; /* "HELLO" */
    an_msg_type type;
    an_door door;
    an_way way;
    size_t max; /* encoded bytes */
} an_msg_type_info;
const an_msg_type_info *an_msg_type_find(an_msg_type type); /* NULL: no such type */
const an_msg_type_info *an_msg_type_at(size_t i);           /* the table in order; NULL past its end */

/* Appends the message to *b.  Errors: INVAL a field breaks its bounds (why names it), LIMIT
 * over the type's size or b->max, NOMEM. */
an_err an_msg_encode(const an_msg *msg, an_buf *b, an_note *why);

/* On success *ret belongs to the caller (an_msg_free, one allocation); else it is untouched.
 * Errors: PROTO malformed, unknown type or out of bounds; LIMIT too long for its type;
 * UNSUPPORTED another protocol version; NOMEM. */
an_err an_msg_decode(const void *bytes, size_t len, an_msg **ret, an_note *why);
void an_msg_free(an_msg *msg);

/* May this message come through this door in this direction?  Errors: PROTO. */
an_err an_msg_expect(const an_msg *msg, an_door door, an_way way, an_note *why);

/* Copies text into a message's array.  Cuts at a character's boundary if it is too long and
 * replaces control characters and bad UTF-8 by '?', so that free text always encodes. */
void an_text_set(char *ret, size_t size, const char *text);

bool an_text_ok(const char *text, size_t size); /* terminated within size, UTF-8, no control characters */
bool an_name_ok(const char *name);              /* NAME as above, at most 63 bytes */

/* The bytes that are signed or authenticated, fixed for ever.  Each is small and cannot be
 * mistaken for another: sign with the context beside it. */
#define AN_UPDATE_CONTEXT "andon-update-1"
#define AN_UPDATE_STATEMENT_BYTES (8 + 32 + 32)
void an_update_statement(uint8_t ret[static AN_UPDATE_STATEMENT_BYTES], const an_msg_update_offer *offer);
#define AN_ENROL_STATEMENT_BYTES (16 + 16 + 32 + 32 + AN_NAME_MAX)
void an_enrol_statement(uint8_t ret[static AN_ENROL_STATEMENT_BYTES], const an_msg_enrol *enrol);
#define AN_KEYS_CONTEXT "andon-keys-1"
#define AN_KEYS_STATEMENT_BYTES (AN_NAME_MAX + 4 * AN_KEY_BYTES)
/* link_key and statement_key: the present ones, which it replaces. */
void an_keys_statement(uint8_t ret[static AN_KEYS_STATEMENT_BYTES], const char *site,
                       const uint8_t link_key[static AN_KEY_BYTES],
                       const uint8_t statement_key[static AN_KEY_BYTES], const an_msg_keys *next);

/* A site's countersign under a version report: name of the site, model, line, version, overlay, state (u8), time
 * (u64) and reason, names and reason padded with zeros. */
#define AN_REPORT_CONTEXT "andon-report-1"
#define AN_REPORT_STATEMENT_BYTES (3 * AN_NAME_MAX + 2 * 32 + 1 + 8 + AN_REASON_MAX)
void an_report_statement(uint8_t ret[static AN_REPORT_STATEMENT_BYTES], const char *site,
                         const an_msg_version_report *report);

const char *an_alias_name(an_alias alias); /* "production"; "?" if unknown */
const char *an_progress_phase_name(an_progress_phase phase);
const char *an_update_status_name(an_update_status status);
const char *an_version_state_name(an_version_state state);
const char *an_live_verdict_name(an_live_verdict verdict); /* "worsened" */
const char *an_enrol_status_name(an_enrol_status status);

#endif
