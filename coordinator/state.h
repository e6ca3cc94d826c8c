/* state.h - what the coordinator knows: what the journal's records add up to.
 *
 *     an_state st;
 *     an_state_init(&st);
 *     for each record: err = an_state_apply(&st, record, &why);
 *
 * Nothing changes the state but an_state_apply, in service as after a restart, so both cannot
 * differ.  What is not in the journal (who is connected, what a site trains at the moment) is not
 * here but in the hub.
 *
 * Lists only grow, and their order is the journal's.  Pointers from find are borrowed until the
 * next apply.
 *
 * Threads: belongs to one thread. */
#ifndef AN_COORDINATOR_STATE_H
#define AN_COORDINATOR_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"
#include "coordinator/campaign.h"
#include "coordinator/policy.h"
#include "coordinator/records.h"
#include "coordinator/rollout.h"
#include "coordinator/rule.h"
#include "coordinator/server_optimiser.h"
#include "coordinator/spent.h"
#include "coordinator/store.h"
#include "coordinator/users.h"
#include "msg/msg.h"
#include "trust/release.h"

typedef struct an_token_entry {
    uint8_t id[AN_TOKEN_ID_BYTES];
    uint8_t key[32]; /* checks the MAC of a request; the secret itself is not kept */
    int64_t expires_ms;
    bool used;
    char site[AN_NAME_MAX]; /* whom alone it admits; "": any */
} an_token_entry;

typedef enum an_site_status {
    AN_SITE_REQUESTED,
    AN_SITE_APPROVED,
    AN_SITE_DENIED,
    AN_SITE_REVOKED
} an_site_status;

const char *an_site_status_name(an_site_status status); /* "approved"; "?" if unknown */

typedef struct an_site_keys {
    uint8_t link_key[AN_KEY_BYTES];
    uint8_t sign_key[AN_KEY_BYTES];
    char fingerprint[AN_FINGERPRINT_MAX]; /* of both */
} an_site_keys;

typedef struct an_site {
    char name[AN_NAME_MAX];
    an_site_status status;
    uint8_t token_id[AN_TOKEN_ID_BYTES];
    an_site_keys keys;
    int64_t keys_ms;    /* since when it has them */
    int64_t offered_ms; /* when it last said that other ones come; 0: never */
    bool rotates;       /* it goes over to `next` when the roster names them; both are admitted */
    an_site_keys next;  /* if it rotates */
    uint8_t next_signature[AN_SIG_BYTES]; /* of them, by the present statement key (AN_KEYS_CONTEXT) */
    char party[AN_NAME_MAX];              /* who runs it; its own name, unless said otherwise */
    int64_t since_ms;
} an_site;

typedef struct an_roster_entry {
    uint64_t counter;
    an_hash text; /* object */
    uint8_t signature[AN_SIG_BYTES];
    uint64_t root;      /* number of the root that signed it */
    int64_t expires_ms; /* 0: never */
} an_roster_entry;

typedef struct an_version {
    an_hash hash, parent;
    char model[AN_NAME_MAX];
    uint64_t round, campaign;
    uint64_t size;
    int64_t created_ms;
    an_hash evaluation; /* object with the summed figures; none before */
    an_hash shadow;     /* object with the counts of its shadow; none before */
    bool quarantined;
    char reason[AN_REASON_MAX]; /* of the quarantine */
    bool pruned;                /* its bundle was removed; lineage, hash and figures stay */
} an_version;

#define AN_ALIASES 3 /* candidate, canary, production: an_alias - 1 */

/* A release statement in force; s.len 0: none is kept. */
typedef struct an_statement {
    an_signed s;
    an_hash version, delegation; /* delegation none: signed by the root */
    uint64_t counter;
    int64_t issued_ms, expires_ms;
} an_statement;

typedef struct an_model_entry {
    char name[AN_NAME_MAX];
    an_hash blank; /* the version without training: architecture, schema, first weights */
    an_hash schema, layout;
    an_policy policy;
    an_hash alias[AN_ALIASES];
    uint64_t counter;         /* of the last release statement, whatever it was of */
    an_statement release;     /* of production */
    an_statement canary;      /* of the rollout that is open, until its version is production */
    uint64_t delegation, use; /* the last delegation that was used for this model, and how often */
    int64_t campaign_ms;      /* when the last campaign ended; 0: never */
    int64_t trained_ms;       /* ... that trained */
    an_spent spent;           /* what its training has cost */
} an_model_entry;

typedef struct an_round_entry {
    uint64_t id, campaign;
    char model[AN_NAME_MAX];
    an_payload_kind kind;
    an_hash plan;        /* object */
    an_hash base;        /* the version it starts from; none: MEAN of a first training */
    an_hash optimiser;   /* the server optimiser's state it starts from; none: zero */
    const an_rule *rule; /* TRAIN; as the rest of what makes a version of updates */
    an_rule_opts rule_opts;
    const an_server_optimiser *server;
    an_server_args server_args;
    bool over, committed;
    int64_t opened_ms, ended_ms;
    an_hash result;
    uint32_t n_updates;
    uint64_t update_bytes;  /* of all its updates */
    bool pruned;            /* they were removed */
    bool beside;            /* EVALUATE: its candidate is held against production, which runs */
    bool untrained;         /* EVALUATE: its candidate is held against a version without training */
    uint32_t staleness_max; /* as in its plan */
    an_round_privacy privacy;
    char reason[AN_REASON_MAX];
} an_round_entry;

/* An update that a site had begun to train when its round ended without it, and that a later round of the campaign
 * may take.  A site has one at most in a campaign. */
typedef struct an_owed {
    uint64_t round, campaign;
    char site[AN_NAME_MAX];
} an_owed;

typedef struct an_drift_entry {
    char site[AN_NAME_MAX], model[AN_NAME_MAX], line[AN_NAME_MAX];
    char test[AN_SHORT_MAX], subject[AN_SENSOR_MAX];
    an_hash version;
    int64_t time_ms, since_ms;
    int32_t sign;
    double effect, threshold;
    uint64_t n_reference; /* rows that its limit was calibrated on; 0: not said */
    uint64_t campaign;    /* that answers it; 0: none yet */
    bool revoked;         /* its site, since */
} an_drift_entry;
#define AN_DRIFTS_MAX 128 /* of a site that no campaign has answered: the latest are remembered */

/* The numbers of live figures: the field, and for scores its name in the record. */
/* clang-format off */
#define AN_LIVE_COUNTS(X)                                                                                    \
    X(span_ms) X(rows) X(over) X(alarms) X(non_finite) X(latency_us)                                         \
    X(before_rows) X(before_over) X(before_alarms) X(before_non_finite) X(before_latency_us)
#define AN_LIVE_SCORES(X)                                                                                    \
    X(score_mean, "score_mean") X(score_p95, "score_high")                                                   \
    X(before_score_mean, "before_score_mean") X(before_score_p95, "before_score_high")
/* clang-format on */

/* The last live figures of a site's line. */
typedef struct an_live_entry {
    char site[AN_NAME_MAX];
    int64_t time_ms;
    uint64_t seq; /* of their record */
    an_msg_live figures;
} an_live_entry;

/* The last counts of a site's line, and those of before: what a campaign was opened for does not count again. */
typedef struct an_counts_entry {
    char site[AN_NAME_MAX];
    int64_t time_ms;
    an_msg_counts figures;
    an_msg_counts base; /* numbers alone: of the same tally, when the last campaign was opened */
    uint64_t carried;   /* rows of earlier tallies since the last training */
} an_counts_entry;
#define AN_COUNTS_MAX (UINT64_C(1) << 53)          /* of each number */
uint64_t an_counts_rows(const an_counts_entry *e); /* since the last training, at most AN_COUNTS_MAX */

/* A line that a campaign is for. */
typedef enum an_refit_state { AN_REFIT_NONE, AN_REFIT_ASKED, AN_REFIT_DONE, AN_REFIT_REFUSED } an_refit_state;
typedef struct an_campaign_line {
    uint64_t campaign;
    char site[AN_NAME_MAX], line[AN_NAME_MAX];
    an_refit_state refit; /* NONE: the campaign is not of kind OVERLAY */
    an_hash overlay;      /* DONE */
    char reason[AN_REASON_MAX];
} an_campaign_line;
#define AN_CAMPAIGN_LINES_MAX 64                       /* of a campaign */
const char *an_refit_state_name(an_refit_state state); /* "asked"; "" NONE */

typedef struct an_delegation_entry {
    an_signed statement, revocation; /* revocation.len 0: it holds */
    an_hash hash;
    an_delegation d;
    int64_t time_ms;
} an_delegation_entry;

/* A release that waits for the release root's signature, or waited. */
typedef struct an_release_wait {
    uint64_t id;
    char model[AN_NAME_MAX];
    an_hash version;
    uint64_t campaign, rollout; /* 0: none */
    char reason[AN_REASON_MAX]; /* why it is wanted */
    char actor[AN_NAME_MAX + 8];
    int64_t since_ms;
    bool open;
} an_release_wait;

/* What a line was last heard to run, or to be about to. */
typedef struct an_reported_entry {
    char site[AN_NAME_MAX], line[AN_NAME_MAX];
    an_hash version, before; /* that it ran before; none */
    int64_t time_ms;
} an_reported_entry;
#define AN_REPORTED_MAX (4 * AN_LINES_MAX) /* lines of a site that are remembered, the latest */

/* An alias was moved. */
typedef struct an_move_entry {
    char model[AN_NAME_MAX];
    an_alias alias;
    an_hash to;
    int64_t time_ms;
} an_move_entry;

/* What a line has said of its versions. */
typedef struct an_fleet_entry {
    char site[AN_NAME_MAX], line[AN_NAME_MAX], model[AN_NAME_MAX];
    an_hash version, overlay; /* it runs; none: it has not said so */
    int64_t since_ms;         /* ... since */
    uint64_t since_seq;       /* ... and the record that said so */
    an_hash refused;          /* the last one that it refused */
    uint64_t refused_seq;
    an_hash left; /* the last one that it went back from */
    uint64_t left_seq;
    char refused_reason[AN_REASON_MAX], left_reason[AN_REASON_MAX];
    uint64_t heard_seq; /* record that was the last to speak of it */
} an_fleet_entry;

/* What somebody has asked for and a second person is to confirm; one that has ended is forgotten. */
#define AN_PROPOSALS_MAX 64
#define AN_PROPOSAL_BODY_MAX 4096
typedef struct an_proposal {
    uint64_t id;
    char by[AN_NAME_MAX + 8]; /* "user/mia" */
    char path[256];           /* of the POST */
    char body[AN_PROPOSAL_BODY_MAX];
    char basis[160]; /* how what it is about was then: it is not to be confirmed of something else */
    char reason[AN_REASON_MAX];
    int64_t made_ms, expires_ms;
} an_proposal;

/* Sites with a name for all of them. */
typedef struct an_group {
    char name[AN_NAME_MAX];
    char (*sites)[AN_NAME_MAX]; /* (n) owned */
    size_t n;
} an_group;

/* How many alarms a site has raised on a day.  Days come in the order in which they were told of. */
typedef struct an_alarm_day {
    int64_t day; /* since 1970, UTC */
    size_t site; /* its place in sites */
    uint64_t n;
} an_alarm_day;

/* Records that a site has sent, and the bytes of their bodies. */
typedef struct an_sent_kind {
    uint64_t records, bytes;
    int64_t first_ms, last_ms;
} an_sent_kind;
typedef struct an_sent {
    an_sent_kind of[AN_RECORD_KINDS]; /* in the order of an_record_kind_at */
} an_sent;

#define AN_LIST(type)                                                                                        \
    struct {                                                                                                 \
        type *items;                                                                                         \
        size_t n, cap;                                                                                       \
    }

typedef struct an_state {
    AN_LIST(an_token_entry) tokens;
    AN_LIST(an_site) sites;
    AN_LIST(an_roster_entry) rosters; /* the last one is in force */
    AN_LIST(an_model_entry) models;
    AN_LIST(an_version) versions;
    AN_LIST(an_campaign) campaigns;
    AN_LIST(an_campaign_line) campaign_lines; /* in the order of their campaigns */
    AN_LIST(an_round_entry) rounds;
    AN_LIST(an_owed) owed;
    AN_LIST(an_drift_entry) drifts;
    AN_LIST(an_live_entry) lives;    /* one for each line, at most AN_REPORTED_MAX of a site */
    AN_LIST(an_counts_entry) counts; /* AN_REPORTED_MAX of a site at most, the latest */
    AN_LIST(an_delegation_entry) delegations;
    AN_LIST(an_release_wait) waits;
    AN_LIST(an_reported_entry) reported;
    AN_LIST(an_move_entry) moves;
    AN_LIST(an_rollout) rollouts;
    AN_LIST(an_fleet_entry) fleet; /* one for each line and model, AN_REPORTED_MAX of a site, the latest */
    AN_LIST(an_group) groups;
    an_users users;
    AN_LIST(an_proposal) proposals; /* those that are open */
    AN_LIST(an_alarm_day) alarm_days;
    AN_LIST(an_sent) sent;    /* of the site at the same place in sites; the last may be missing */
    AN_LIST(an_signed) links; /* rotations of the root, in order */
    an_root root;             /* of releases, now */
    bool root_set;
    uint8_t first_root[AN_SIGN_PUBLIC_BYTES];
    uint64_t n_kinds[AN_RECORD_KINDS]; /* records of each kind (an_record_kind_at) */
    uint64_t last_seq;
    int64_t last_ms;  /* when a coordinator was last at work, in the time that rollouts count in */
    uint64_t next_id; /* for rounds and campaigns */
} an_state;

void an_state_init(an_state *st);
void an_state_done(an_state *st);

/* Errors: PROTO the body is not what its kind says, or does not fit what is known; NOMEM.  On
 * failure the state is unchanged. */
an_err an_state_apply(an_state *st, const an_record *record, an_note *why);

/* Would the record be applied after `ahead` others that do not concern what it speaks of?  Changes
 * nothing but makes room, so that an_state_apply finds it.  Asked before a record is appended: one
 * that is in the journal and cannot be applied would stop every later start.  Errors: as apply. */
an_err an_state_check(an_state *st, const an_record *record, size_t ahead, an_note *why);

an_token_entry *an_state_token(an_state *st, const uint8_t id[static AN_TOKEN_ID_BYTES]);
an_site *an_state_site(an_state *st, const char *name);
an_model_entry *an_state_model(an_state *st, const char *name);
an_version *an_state_version(an_state *st, const an_hash *hash);
an_campaign *an_state_campaign(an_state *st, uint64_t id);
an_campaign *an_state_campaign_open(an_state *st, const char *model); /* the one that is not over */
an_campaign_line *an_state_campaign_line(an_state *st, uint64_t campaign, const char *site, const char *line);
/* Its first line, and how many follow one another; 0: ret is NULL. */
size_t an_state_campaign_lines(an_state *st, uint64_t campaign, an_campaign_line **ret);
an_round_entry *an_state_round(an_state *st, uint64_t id);
an_owed *an_state_owed(an_state *st, uint64_t round, const char *site);         /* NULL: it owes none */
an_live_entry *an_state_live(an_state *st, const char *site, const char *line); /* NULL: none yet */
an_delegation_entry *an_state_delegation(an_state *st, uint64_t number);
an_delegation_entry *an_state_delegation_by(an_state *st, const an_hash *hash);
an_release_wait *an_state_wait(an_state *st, uint64_t id);
/* The open one of a version, for a campaign or (0) for none; NULL. */
an_release_wait *an_state_wait_of(an_state *st, const an_hash *version, uint64_t campaign);
an_release_wait *an_state_wait_of_rollout(an_state *st, uint64_t rollout); /* the open one; NULL */
an_rollout *an_state_rollout(an_state *st, uint64_t id);
an_rollout *an_state_rollout_open(an_state *st, const char *model); /* the one that is not settled */
an_rollout *an_state_rollout_last(an_state *st, const char *model);
an_proposal *an_state_proposal(an_state *st, uint64_t id); /* NULL: it has ended, or never was */
an_group *an_state_group(an_state *st, const char *name);  /* NULL: none of this name */
bool an_state_in_group(const an_group *g, const char *site);
an_fleet_entry *an_state_fleet(an_state *st, const char *site, const char *line, const char *model);
bool an_state_was_root(const an_state *st, const uint8_t key[static AN_SIGN_PUBLIC_BYTES]); /* ever */

#endif
