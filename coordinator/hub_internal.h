/* hub_internal.h - what the hub's files share.  See hub.h. */
#ifndef AN_COORDINATOR_HUB_INTERNAL_H
#define AN_COORDINATOR_HUB_INTERNAL_H

#include "coordinator/drift.h"
#include "coordinator/hub.h"
#include "doors/json.h"
#include "doors/seal.h"

typedef struct an_hub_masked {
    uint8_t *bytes; /* owned; NULL: none */
    size_t len;
} an_hub_masked;

/* An open round: the machine's value and its plan. */
typedef struct an_hub_round {
    an_round round;
    an_plan *plan;
    an_buf plan_bytes;
    an_hub_masked
        *masked;     /* (members) secure: what a site has signed of the update that it offers; NULL: none */
    bool combining;  /* a job is out */
    bool is_resumed; /* taken up at the start of this process */
    uint32_t n_lacking;      /* acknowledged updates whose bytes are not here (hub_again.c) */
    bool unsure;             /* of some of them the store could not say */
    int64_t again_ms;        /* when their sites are asked for them the next time */
    int64_t failing_ms;      /* since when its sum fails for a reason that may pass; 0: it does not */
    int64_t sum_ms;          /* then: when it is tried again */
    int64_t plan_ms;         /* when the plan is sent again to who has not answered */
    uint64_t commits_before; /* hub.n_commits when it was opened or taken up */
} an_hub_round;

/* What plans need to know of a model: read once from its blank version. */
typedef struct an_hub_model {
    char name[AN_NAME_MAX];
    uint32_t n_sensors;
    uint32_t n_columns; /* that have a scale of their own */
    uint32_t n_sums;    /* that its detector is made from (FIT); 0: each site makes its own */
    double rate_hz;     /* 0: not regular */
    uint32_t n_tensors;
    an_tensor_scale *tensors; /* (n_tensors), unit_exp not set */
} an_hub_model;

/* A round that is computed again, one at a time; beside the core, as a sum. */
typedef struct an_hub_replay {
    uint64_t round;            /* 0: none */
    const an_combine_job *job; /* out; NULL: it has ended */
    an_hash result;
    bool same;
    an_err err;
    an_note why;
    int64_t ended_ms;
} an_hub_replay;

/* An event of a round that waits to be stored with others in one transaction. */
typedef struct an_hub_waiting {
    uint64_t round;
    an_round_event event; /* its bytes are `bytes` */
    uint8_t *bytes;       /* owned; NULL: none */
    char actor[128];
} an_hub_waiting;

struct an_hub {
    an_hub_conf conf;
    an_state state;
    AN_LIST(an_hub_live) live;
    AN_LIST(an_hub_round *) rounds;
    AN_LIST(an_hub_model) models;
    an_hub_replay replay;
    uint8_t *seal_secret;                        /* (AN_AGREE_BYTES) locked memory */
    uint8_t seal_public[AN_AGREE_BYTES];         /* updates are sealed to it */
    char asker[128], asked_key[AN_ASK_KEY_TEXT]; /* an_hub_ask; "": none */
    uint64_t next_epoch;
    int64_t resumed_ms; /* when open rounds were taken up */
    uint64_t next_msg_id;
    int64_t retain_ms;        /* when bundles that nobody needs are looked for again */
    size_t swept;             /* versions whose bundle is sure to be gone if they are pruned */
    int64_t wall_ms, mono_ms; /* of the clock at the last look; 0: none yet */
    int64_t shift_ms;         /* from the clock to the time of the hub: the clock was set */
    int64_t retry_ms;         /* when campaigns that wait for sites are looked at again */
    uint64_t n_commits;       /* transactions of this process */
    an_hub_figures figures;
    AN_LIST(an_hub_waiting) waiting;
    bool gathering;             /* events of sites wait in `waiting` */
    bool drive_due;             /* ... and so does what follows from what they say */
    int64_t asked_ms;           /* when REFIT is said again */
    int64_t told_ms, synced_ms; /* when all sites were last told, and looked through for rollouts */
    bool driving;
    bool deposed; /* the store is another coordinator's: nothing more may be done here */
    bool behind;  /* a record is in the journal and not in the state: nothing is stored until the next
                  * tick has read it again */
};

int64_t an_hub_now(const an_hub *hub);
void an_hub_watch_clock(an_hub *hub); /* before anything is done with the time: has the clock been set? */
/* At a start: what passed without a coordinator counts for no rollout.  Errors: as an_hub_commit. */
an_err an_hub_clock_resume(an_hub *hub, an_note *why);
void an_hub_clock_seen(
    an_hub *hub); /* now and then: while rollouts are open the journal knows that time passes */

/* Records are built in a batch and appended in one transaction, then applied to the state.  Nothing
 * else changes the state.  body is taken.  A failure is remembered until commit. */
#define AN_BATCH_MAX 6
typedef struct an_record_batch {
    an_record records[AN_BATCH_MAX];
    char *bodies[AN_BATCH_MAX];
    char subjects[AN_BATCH_MAX][128];
    char idems[AN_BATCH_MAX][128];
    size_t n;
    an_err err;
} an_record_batch;
void an_batch_add(an_record_batch *b, const char *kind, const char *subject, const char *actor,
                  const char *idem, an_json *body);
void an_batch_drop(an_record_batch *b); /* of what was not committed */
an_err an_hub_commit(an_hub *hub, an_record_batch *b, an_note *why);
an_err an_hub_commit_all(an_hub *hub, an_record_batch *b, size_t n,
                         an_note *why); /* n batches, one transaction */

/* The error of a record that is in the journal and cannot be read: which one, what, what to do. */
an_err an_hub_record_fail(const an_record *record, an_err err, const an_note *inner, an_note *why);

void an_json_set_hash(an_json *o, const char *key, const an_hash *h); /* left out if zero */

/* Sends with the site's session epoch and a fresh id. */
an_err an_hub_send(an_hub *hub, const char *site, an_msg *msg);
an_hub_live *an_hub_live_get(an_hub *hub, const char *site); /* NULL: never seen */

/* hub_rounds.c */
an_hub_round *an_hub_round_find(an_hub *hub, uint64_t id);
an_err an_hub_round_start(an_hub *hub, an_plan *plan, const char *reason, an_note *why); /* takes plan */
an_err an_hub_rounds_resume(an_hub *hub, an_note *why);
void an_hub_round_event(an_hub *hub, an_hub_round *r, const an_round_event *e, const char *actor);
void an_hub_round_invite(an_hub *hub, an_hub_round *r, size_t member);      /* sends the plan */
void an_hub_round_leave(an_hub *hub, const an_hub_round *r, size_t member); /* it is over for this site */
void an_hub_round_ack(an_hub *hub, an_hub_round *r, const an_round_action *a);
void an_hub_round_remind(an_hub *hub, an_hub_round *r);
void an_hub_round_greet(an_hub *hub, const char *site);
void an_hub_round_feed(an_hub *hub, an_hub_round *r, const an_round_event *e, const char *actor,
                       const an_combine_job *job);
/* Steps the round by n events in one transaction, and does what follows. */
void an_hub_round_feed_all(an_hub *hub, an_hub_round *r, const an_hub_waiting *events, size_t n,
                           const an_combine_job *job);
/* The plan and the events of a round as the journal has them.  r is zero but for plan_bytes. */
an_err an_hub_round_reread(an_hub *hub, uint64_t id, an_hub_round *r, an_note *why);
void an_hub_round_free(an_hub_round *r);
void an_hub_rounds_free(an_hub *hub);
void an_hub_end_message(const an_round_entry *e, an_msg *ret);

/* hub_trace.c */
void an_hub_trace_opened(const an_hub_round *r);
void an_hub_trace_event(an_hub *hub, const an_hub_round *r,
                        const an_round_event *e); /* it changed the round */
void an_hub_trace_site(const an_hub_round *r, const char *site, const char *step, const char *reason);
void an_hub_trace_ended(const an_hub *hub, const an_hub_round *r, const an_round_entry *e);

/* hub_session.c */
/* May the site be given another large answer to what it says again?  Then what was given is counted. */
bool an_hub_may_answer(an_hub *hub, const char *site);
void an_hub_answered(an_hub *hub, const char *site, size_t bytes);
void an_hub_ack(an_hub *hub, const char *site, const an_msg *msg, an_err err, const char *text);
void an_hub_site_actor(char out[static 128], const char *site);
/* hub_copies.c: the process that has the session from now on. */
void an_hub_copies_note(an_hub *hub, an_hub_live *live, uint64_t instance);
/* WELCOME once more to the sites with lines of the model: it is new. */
void an_hub_greet_again(an_hub *hub, const char *model);
/* Has the site named this line, with this model, in its HELLO?  Of other lines nothing is taken. */
bool an_hub_has_line(an_hub *hub, const char *site, const char *model, const char *line);
/* The key of a fact: its number at the site and what it says.  A site whose spool was lost counts from the
 * start again; by the number alone its new facts would pass for old ones. */
void an_hub_fact_key(char out[static 128], const char *kind, uint64_t number, an_json *body);
void an_hub_answer_held(an_hub *hub, const char *site,
                        const an_msg_held *held); /* how its round ended, if it has */

/* hub_live.c */
an_err an_hub_live_take(an_hub *hub, const char *site, const an_msg *msg, an_note *why); /* LIVE */
/* Asks a connected site to go back by itself, from this version to that one (zero: what it ran before).
 * Errors: as an_hub_send; said again by whoever wants it. */
an_err an_hub_return(an_hub *hub, const char *site, const char *model, const an_hash *version,
                     const an_hash *to, const char *reason);

/* hub_counts.c */
an_err an_hub_counts_take(an_hub *hub, const char *site, const an_msg *msg, an_note *why); /* COUNTS */

/* hub_refit.c */
an_err an_hub_refit_take(an_hub *hub, const char *site, const an_msg *msg, an_note *why); /* REFITTED */
void an_hub_refits_ask(an_hub *hub, const char *only_site); /* REFIT to whom it is owed; NULL: all */
void an_hub_refits_tick(an_hub *hub);
/* All have answered, or late says why it ends without the others.  Errors: of the store. */
an_err an_hub_refit_settle(an_hub *hub, const an_campaign *c, const char *late, an_note *why);
void an_hub_refit_waiting(an_hub *hub, const an_campaign *c, an_note *ret);

/* hub_reports.c */
/* What a line runs: taken with the site's countersign only.  Errors: AUTH, IO, NOMEM. */
an_err an_hub_report(an_hub *hub, const char *site, const an_msg *msg, an_note *why);

/* hub_secure.c */
/* What the last exchange led to; again: because the site has asked, which it may not do without end. */
void an_hub_secure_send(an_hub *hub, const an_hub_round *r, size_t member, bool again);
void an_hub_secure_next(an_hub *hub, const an_hub_round *r); /* to all that are in */
an_err an_hub_secure_take(an_hub *hub, const char *site, const an_msg *msg, an_note *why);
/* May this update be fetched and kept?  In a secure sum only the one that the site's MASKED names, and only while
 * it is in. */
bool an_hub_secure_named(const an_hub_round *r, const char *site, const an_hash *update);
/* Asks the site to say its MASKED and to offer its update again. */
void an_hub_secure_ask(an_hub *hub, const an_hub_round *r, const char *site, const an_hash *update);
/* Lends the site's MASKED to the event of its update. */
void an_hub_secure_masked(const an_hub_round *r, an_round_event *e);
/* Makes the event's bytes an object that the record can name.  Errors: IO, NOMEM. */
an_err an_hub_secure_put(an_hub *hub, an_round_event *e, an_note *why);
void an_hub_secure_answer(an_hub *hub, an_hub_round *r, const an_round_event *e, const an_round_actions *a);
void an_hub_secure_forget(an_hub_round *r);
/* The terms of a secure sum, and its cohort: of the sites there those of the roster.
 * Errors: AGAIN too few of these; REFUSED the policy asks for what so many sites cannot have. */
an_err an_hub_secure_plan(an_hub *hub, const an_policy *p, an_plan *plan, an_note *why);

/* hub_sites.c */
/* Takes what an approved site says of its next keys; an_hub_roster_refresh is due then.
 * Errors: AUTH, REFUSED, AGAIN too soon, IO, NOMEM. */
an_err an_hub_site_keys(an_hub *hub, const char *site, const an_msg_keys *keys, an_note *why);
/* A HELLO with this statement key: with the next one, the former keys go.  Errors: AUTH, IO, NOMEM. */
an_err an_hub_site_speaks(an_hub *hub, const char *site, const uint8_t sign_key[static AN_KEY_BYTES],
                          an_note *why);

/* hub_roster.c */
const an_roster_entry *an_hub_roster_current(const an_hub *hub); /* NULL: there is none */
bool an_hub_roster_waits(const an_hub *hub); /* sites are admitted, and no roster of them is in force */
void an_hub_roster_refresh(an_hub *hub);     /* who was admitted or revoked: signs anew, if this hub may */
void an_hub_roster_send(an_hub *hub, const char *only_site);

/* hub_late.c */
/* Would the update that the site owes of this round, which is over, still count? */
bool an_hub_late_counts(an_hub *hub, const char *site, uint64_t round);
/* The round that takes the site's update of `round`: that one itself while it is open, else the campaign's open one,
 * or that which has taken it; NULL: none does now. */
an_hub_round *an_hub_late_round(an_hub *hub, const char *site, uint64_t round);
/* Its plan (owned by *ret), for an update that the round of `plan` takes.  Errors: REFUSED another layout; IO, NOMEM. */
an_err an_hub_late_origin(an_hub *hub, const an_plan *plan, uint64_t round, an_combine_origin *ret,
                          an_note *why);
/* The site will not deliver what it owes of this round; what it begins next may be late in its turn. */
void an_hub_late_lost(an_hub *hub, const char *site, uint64_t round, const char *reason);
void an_hub_late_greet(an_hub *hub, const char *site, const an_msg_hello *h); /* has it lost what it owes? */
void an_hub_late_mark(an_hub *hub, const an_hub_round *r, uint64_t round, an_round_event *e);
an_json *an_hub_late_owing(an_hub *hub, const an_round *round); /* who will, as it ends now; NULL: nobody */
void an_hub_late_ended(an_hub *hub, const an_round *round);     /* says so to all for whom it is over */
/* Around the end of a campaign: what it is owed, to be told that it is over.  0: nothing, or no memory for the list. */
size_t an_hub_late_list(const an_hub *hub, uint64_t campaign, an_owed **ret);
void an_hub_late_let_go(an_hub *hub, an_owed *list, size_t n); /* frees the list; n 0: tells nobody */
/* Sites that owe an update join, as they may be away when the round opens. */
void an_hub_late_cohort(an_hub *hub, const an_campaign *c, an_plan *plan);

/* hub_again.c */
void an_hub_again_count(an_hub *hub, an_hub_round *r); /* sees what is lacking */
void an_hub_again_ask(an_hub *hub, const an_hub_round *r, size_t member);
void an_hub_again_tick(an_hub *hub, an_hub_round *r); /* may end the round */
/* Is this offer the update that was acknowledged and is lacking? */
bool an_hub_again_wanted(const an_hub *hub, const an_hub_round *r, size_t member, const an_hash *update);
void an_hub_again_taken(an_hub *hub, an_hub_round *r); /* an update came: may start the sum */

/* hub_sums.c */
an_err an_hub_plan_read(an_hub *hub, const an_hash *plan_hash, an_plan **ret, an_buf *bytes, an_note *why);
void an_hub_sum_start(an_hub *hub, an_hub_round *r);

/* hub_retention.c */
void an_hub_prune(an_hub *hub); /* removes the updates of one round that need not be kept any more */

/* hub_gate.c */
/* The gate judges the campaign's candidate; a hard failure quarantines the version.  Errors: of the store. */
an_err an_hub_gate(an_hub *hub, const an_campaign *c, an_note *why);
bool an_hub_has_rival(const an_campaign *c,
                      const an_plan *plan); /* EVALUATE: beside a production that runs? */

/* hub_bundles.c */
void an_hub_prune_bundles(
    an_hub *hub); /* removes one bundle that nobody needs (registry.h), looking now and then */

/* hub_campaigns.c */
/* Does what every campaign, rollout and trigger asks for; between gather and settle (hub.h) it is done by settle. */
void an_hub_drive(an_hub *hub);
/* The plan of a training round as it would be now: of a campaign of this kind, with the sites that are here.
 * Errors: AGAIN too few are. */
an_err an_hub_plan_draft(an_hub *hub, const an_model_entry *m, an_campaign_kind kind, an_plan *ret,
                         an_note *why);
an_err an_hub_campaign_end(an_hub *hub, uint64_t id, bool promoted, const char *reason, const char *actor,
                           an_note *why);
bool an_hub_runs_model(const an_hub_live *live, const an_model_entry *m); /* connected, with its schema */
/* A connected line that names the model and has another schema; NULL: none. */
const an_msg_line *an_hub_other_schema(const an_hub_live *live, const an_model_entry *m);

/* hub_commands.c.  Errors: NOTFOUND a stage names a group that does not exist; INVAL. */
an_err an_hub_stages_check(an_hub *hub, const char *stages, an_note *why);

/* hub_commands.c: a campaign, with what it is for. */
typedef struct an_campaign_wish {
    an_campaign_kind kind;
    uint32_t rounds;     /* 0: as the policy says */
    const char *trigger; /* for people: why */
    const char *cause;   /* "person", or a trigger (triggers.def) */
    const char *scope;   /* drift: of what; NULL: not known */
    const char *plan;    /* who does what; NULL: not said */
    an_json *sites;      /* taken; names of those that it is for; NULL: all alike */
    an_json *replay;     /* taken; names of those that train on what they know; NULL: not said */
    an_json *evidence;   /* taken; figures of lines; NULL: none */
    bool ask;            /* it waits for a person in any case */
} an_campaign_wish;
an_err an_hub_campaign_wish(an_hub *hub, const char *actor, const char *model, const an_campaign_wish *wish,
                            uint64_t *ret_id, an_note *why);

/* hub_drift.c */
an_err an_hub_drift_triage(an_hub *hub, const an_model_entry *m, an_triage *ret, an_note *why);
bool an_hub_drift_answer(an_hub *hub, const an_model_entry *m); /* true: a campaign was opened */

/* hub_releases.c */
/* A statement for this version: signed and in force at once, if the online key may; else it waits for the release
 * root.  rollout: whose statement it is; 0: production's, and production becomes this version at all sites. */
an_err an_hub_release(an_hub *hub, const char *actor, const char *model, const an_hash *version,
                      const char *reason, uint64_t rollout, an_note *why);
an_err an_hub_version_check(an_hub *hub, const char *model, const an_hash *version,
                            an_note *why); /* Errors: NOTFOUND; STATE it is quarantined. */

/* hub_announce.c */
typedef struct an_hub_desired {
    an_hash version;               /* none: there is nothing to run yet */
    const an_statement *statement; /* NULL: none that the site would follow */
    const an_rollout *rollout;     /* that has reached the site; NULL: it is production's version */
    bool later;                    /* the site is not to be told now */
    const an_rollout *back;        /* whose version it must not run any more, and no statement says so */
} an_hub_desired;
/* What a site is to run: one version, whatever happens.  Borrowed until the next commit. */
void an_hub_desire(an_hub *hub, const an_model_entry *m, const char *site, an_hub_desired *ret);
bool an_hub_statement_holds(an_hub *hub, const an_statement *s);
/* Do all lines of the model run it, or (all false) any of them? */
bool an_hub_line_runs(const an_hub_live *live, const an_model_entry *m, const an_hash *version, bool all);
/* Tells one site, or all that run the model, what they are to run. */
an_err an_hub_announce(an_hub *hub, const char *model, const char *only_site);
void an_hub_announce_reached(an_hub *hub, const an_rollout *r); /* those that do not run it yet */
void an_hub_announce_tick(an_hub *hub); /* sites that run another version than they should hear it again */

/* hub_rollouts.c */
bool an_hub_rollouts_drive(an_hub *hub); /* true: something was done, and there may be more */
/* A rollout holds the model's statements: production's is not renewed beside it. */
bool an_hub_rollout_holds_production(an_hub *hub, const an_model_entry *m);
/* Another one cannot open yet: this one is under way, or its end is not done. */
bool an_hub_rollout_in_the_way(an_hub *hub, const an_model_entry *m);
an_err an_hub_rollout_signed(an_hub *hub, uint64_t id, an_note *why); /* its statement is in force */
an_err an_hub_rollout_feed(an_hub *hub, const char *actor, uint64_t id, const an_rollout_event *e,
                           bool *ret_changed, an_note *why);

/* hub_rollout_sites.c */
/* The sites that run the model, to be freed.  Errors: NOMEM. */
an_err an_hub_rollout_sites(an_hub *hub, const an_model_entry *m, uint64_t campaign, an_rollout_site **ret,
                            size_t *ret_n);
bool an_hub_rollout_site(an_hub *hub,
                         const char *site); /* it has come, or reported; true: a rollout has changed */
bool an_hub_rollouts_sync(an_hub *hub);     /* the same of all sites, not too often */

/* hub_releases.c, continued */
void an_hub_releases_tick(an_hub *hub); /* renews what expires, signs what a delegation has come for */

/* hub_trust.c */
an_err an_hub_root_open(an_hub *hub, an_note *why); /* is the configured root the one that sites know? */
void an_hub_trust_greet(an_hub *hub, const char *site, uint64_t root_number);
void an_json_set_signed(an_json *o, const an_signed *s); /* "statement", "signatures" */

/* hub_privacy.c */
/* TRAIN: what the policy asks for, with units and bits where sites add noise.  All else of the plan is set.
 * Errors: REFUSED no noise is sure to stay, or no unit has room for it. */
an_err an_hub_privacy_set(an_hub *hub, const an_policy *p, an_plan *plan, an_note *why);
/* Sets dp_epsilon.  Errors: REFUSED the model's budget has no room for this round. */
an_err an_hub_privacy_judge(an_hub *hub, const an_model_entry *m, an_plan *plan, an_note *why);
an_err an_hub_privacy_read(const an_plan *plan, an_round_privacy *ret, an_note *why); /* Errors: INVAL */

/* hub_models.c */
an_err an_hub_model_facts(an_hub *hub, const char *model, an_hub_model **ret, an_note *why);
an_err an_hub_bundle_path(an_hub *hub, const an_hash *version, char out[static AN_PATH_MAX], an_note *why);

#endif
