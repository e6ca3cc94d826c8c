/* hub.h - the coordinator without its sockets: messages and commands in, messages out.
 *
 * The hub owns what the coordinator knows (state.h), the open rounds and the campaigns.  Whoever
 * runs it brings the outside: the program gives it sockets, a bulk thread and a worker
 * thread; the laboratory gives it function calls.  Both run the same federation.
 *
 *     an_hub *hub;
 *     err = an_hub_new(&conf, &hub, &why);              replays the journal
 *     an_hub_message(hub, "plant-b", msg);              answers go through conf.io.send
 *     an_hub_tick(hub);                                 when an_hub_deadline says so
 *
 * Every effect is in the journal before it is acknowledged; see ARCHITECTURE, "One round".
 *
 * Threads: belongs to one thread, the one that opened the store. */
#ifndef AN_COORDINATOR_HUB_H
#define AN_COORDINATOR_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "coordinator/combine.h"
#include "coordinator/drift.h"
#include "coordinator/round.h"
#include "coordinator/state.h"
#include "coordinator/store.h"
#include "msg/msg.h"
#include "trust/parcel.h"
#include "trust/root.h"

typedef struct an_hub an_hub;

typedef struct an_hub_io {
    void *ctx;
    /* To a connected site.  Errors (AGAIN, NOTFOUND) cost nothing: whatever is owed is owed again
     * when the site next says HELLO, and on every tick of a round. */
    an_err (*send)(void *ctx, const char *site, const an_msg *msg);
    /* Pull an object from a site into a file in the spool folder; answer with an_hub_fetched. */
    void (*fetch)(void *ctx, const char *site, uint64_t round, const an_hash *update, uint64_t size);
    /* Run the job (an_combine_run), on any thread; answer with an_hub_combined.  Takes the job.
     * Errors: NOMEM; then the job was not taken, and comes again at a later tick. */
    an_err (*combine)(void *ctx, an_combine_job *job);
    /* The site's link key, and the next one if it rotates, are admitted from now on and no others of it; or
     * none is. */
    void (*admit)(void *ctx, const an_site *site, bool admitted);
} an_hub_io;

typedef struct an_hub_conf {
    an_store *store;       /* borrowed */
    const an_clock *clock; /* borrowed */
    an_hub_io io;
    const uint8_t *sign_secret; /* (AN_SIGN_SECRET_BYTES) borrowed: the online key */
    const uint8_t *sign_public;
    /* (AN_AGREE_BYTES) borrowed: updates are sealed to it.  NULL: to a key made of sign_secret.  The laboratory and
     * tests give a fixed one, for plans name the key, and so a version's hash follows from it, too. */
    const uint8_t *seal_secret;
    bool seal_encoded_only; /* the laboratory, where nobody else could read them: plain updates stay open */
    const uint8_t *root_public;          /* (AN_SIGN_PUBLIC_BYTES) borrowed: the first release root; NULL: the
                                   online key is the root, and a stolen coordinator can release anything */
    char bulk_endpoint[AN_ENDPOINT_MAX]; /* told to sites; may be empty */
    char control_endpoint[AN_ENDPOINT_MAX];
    an_msg_coordinator
        coordinators[AN_COORDINATORS_MAX]; /* told to sites: all on this store; none: this one alone */
    uint32_t n_coordinators;
    uint32_t lease_ms;
    uint64_t instance; /* of this process; random */
} an_hub_conf;

/* Replays the journal and takes up what was open.  Errors: PROTO a record does not fit, IO, NOMEM. */
an_err an_hub_new(const an_hub_conf *conf, an_hub **ret, an_note *why);
void an_hub_free(an_hub *hub);

/* A control message from an approved site.
 * Errors: STATE no session, or an old one: the site must say HELLO; PROTO the message makes no
 * sense here; else what storing it said.  An error is for counting and logging. */
an_err an_hub_message(an_hub *hub, const char *site, const an_msg *msg, an_note *why);
void an_hub_lost(an_hub *hub, const char *site); /* its connection is gone */

/* A request at the enrolment door, by the link key that the connection proved. */
void an_hub_enrol(an_hub *hub, const uint8_t link_key[static AN_KEY_BYTES], const an_msg_enrol *enrol,
                  an_msg_enrol_reply *ret);
bool an_hub_enrolment_open(an_hub *hub); /* is any token open? */

/* What fetch and combine came to.  path: a synced file in the spool folder, taken over; "": none. */
void an_hub_fetched(an_hub *hub, const char *site, uint64_t round, const an_hash *update, const char *path,
                    an_err err, const an_note *why);
/* A fetch of at most AN_OBJECT_SMALL bytes that went well, without a file. */
void an_hub_fetched_small(an_hub *hub, const char *site, uint64_t round, const an_hash *update,
                          const void *bytes, size_t len);
void an_hub_combined(an_hub *hub, an_combine_job *job, an_err err, const an_note *why); /* takes job */

/* Group commit.  Between the two, what sites answer to plans and the updates that came in are
 * only taken down; settle stores them in one transaction and then does what follows from them
 * (acknowledgements first of all).  What campaigns, rollouts and triggers make of all messages is done by it, too, once.  Who drains a queue of messages puts the two around it:
 *
 *     an_hub_gather(hub);
 *     while (receive(&site, &msg)) an_hub_message(hub, site, msg, &why);
 *     an_hub_settle(hub);
 *
 * Without them each answer is a transaction of its own.  tick and combined settle by themselves. */
void an_hub_gather(an_hub *hub);
void an_hub_settle(an_hub *hub);
/* One transaction of it.  False: that was the last.  In between the state is what is stored, and may be read. */
bool an_hub_settle_some(an_hub *hub);

/* The store said that it is another coordinator's, or holds more than this hub knows: nothing is sent any more,
 * and whoever runs the hub ends it and begins anew. */
bool an_hub_is_deposed(const an_hub *hub);
/* A person's request begins, NULL: ends.  The first record that it appends in their name carries its key, so that
 * the same key does nothing a second time, also after a restart: EXISTS then, from whatever the request calls. */
#define AN_ASK_KEY_TEXT 80
void an_hub_ask(an_hub *hub, const char *actor, const char *key);

void an_hub_tick(an_hub *hub);
int64_t an_hub_deadline(const an_hub *hub); /* wall ms of the next useful tick */

/* ---- commands; actor is "user/NAME" or "coordinator" ---- */

/* Opens the enrolment door for one site, "": of any name.  ret_secret is shown once and not kept. */
an_err an_hub_token(an_hub *hub, const char *actor, const char *site, int64_t valid_ms,
                    uint8_t ret_id[static AN_TOKEN_ID_BYTES], uint8_t ret_secret[static 32], an_note *why);
/* Errors: NOTFOUND, STATE nothing to decide. */
an_err an_hub_site_decide(an_hub *hub, const char *actor, const char *site, bool approve, const char *reason,
                          an_note *why);
an_err an_hub_site_revoke(an_hub *hub, const char *actor, const char *site, const char *reason, an_note *why);
/* A site whose keys are lost: what it had is revoked, and the token admits new keys under its name only.
 * Errors: NOTFOUND it was never approved. */
an_err an_hub_site_replace(an_hub *hub, const char *actor, const char *site, const char *reason,
                           int64_t valid_ms, uint8_t ret_id[static AN_TOKEN_ID_BYTES],
                           uint8_t ret_secret[static 32], an_note *why);

/* Says who runs a site; sites of one party count once in a secure sum.  Errors: NOTFOUND, INVAL. */
an_err an_hub_site_party(an_hub *hub, const char *actor, const char *site, const char *party, an_note *why);
/* The roster as it would have to be signed now; ret_differs: other sites than in the one that is in force.
 * Errors: NOTFOUND no site is approved. */
#define AN_ROSTER_WARN_MS                                                                                    \
    (30 * INT64_C(86400000))                     /* so long before it expires a roster is to be signed anew */
int64_t an_hub_roster_expiry(const an_hub *hub); /* of the one in force; 0: never, or there is none */
bool an_hub_roster_expires_soon(const an_hub *hub);
an_err an_hub_roster_proposal(an_hub *hub, an_buf *ret, bool *ret_differs, an_note *why);
/* One that was signed, and its text.  Errors: NOTFOUND, PROTO, IO, NOMEM. */
an_err an_hub_roster_bytes(an_hub *hub, const an_hash *text, an_buf *ret, an_note *why);
an_err an_hub_roster_read(an_hub *hub, const an_hash *text, an_roster *ret, an_note *why);
/* Takes a roster that was signed elsewhere.  Errors: AUTH, PROTO, STATE it is not of the sites of today. */
an_err an_hub_roster_sign(an_hub *hub, const char *actor, const void *text, size_t len,
                          const uint8_t signature[static AN_SIGN_BYTES], an_note *why);

/* A new model from its description: architecture text, sensors, preprocessing.  policy: n pairs of
 * key and value.  Errors: EXISTS, INVAL, PROTO the architecture; NOTFOUND the version is not kept any more. */
typedef struct an_model_spec {
    const char *name;
    const char *arch;     /* YAML; NULL: no network, the detector is all of it */
    const char *detector; /* NULL: autoencoder, or without a network mahalanobis */
    const char *const *sensors;
    const char *const *units; /* or NULL */
    uint32_t n_sensors;
    double rate_hz;
    uint32_t window, stride, smooth;
    const char *steps;     /* YAML, see prep_chain.h; NULL: none */
    const char *missing;   /* hold, mean or skip; NULL: hold, and mean behind steps */
    const char *threshold; /* policy text, "target_far:0.01" */
    const float *weights;  /* (n_weights) the network begins with; NULL: by lot, from the policy's seed */
    size_t n_weights;
    const an_hash *
        from; /* a version of any model here: layers of the same name and shape begin with what its have learnt; or NULL */
    const char *const (*policy)[2];
    size_t n_policy;
} an_model_spec;
an_err an_hub_model_create(an_hub *hub, const char *actor, const an_model_spec *spec, an_note *why);
an_err an_hub_model_policy(an_hub *hub, const char *actor, const char *model, const char *const (*policy)[2],
                           size_t n, an_note *why);
/* The same, and the journal says why. */
an_err an_hub_model_policy_because(an_hub *hub, const char *actor, const char *model,
                                   const char *const (*policy)[2], size_t n, const char *reason,
                                   an_note *why);

/* rounds 0: as the policy says.  base: NULL for the model's production (or blank) version. */
an_err an_hub_campaign_open(an_hub *hub, const char *actor, const char *model, an_campaign_kind kind,
                            uint32_t rounds, const char *trigger, uint64_t *ret_id, an_note *why);
an_err an_hub_campaign_approve(an_hub *hub, const char *actor, uint64_t id, const char *reason, an_note *why);
/* What approval would allow: "start", "promotion"; "" it waits for none. */
const char *an_hub_campaign_asks(an_hub *hub, const an_campaign *c);
an_err an_hub_campaign_stop(an_hub *hub, const char *actor, uint64_t id, const char *reason, an_note *why);

/* What a campaign of so many training rounds (0: as the policy says) would spend of the model's privacy
 * budget.  unit AN_DP_NONE: nothing is noised, and the rest is 0. */
typedef struct an_hub_privacy {
    uint32_t unit;
    double delta, noise, budget;
    double epsilon;  /* spent, open rounds with it */
    double after;    /* with the campaign; INFINITY: not known before its sites are here */
    double ratio;    /* as an_private_ratio; 0: not known */
    uint64_t rounds; /* asked for */
    uint64_t room;   /* rounds that the budget has room for, at most 10000 */
} an_hub_privacy;
an_err an_hub_privacy_weigh(an_hub *hub, const char *model, an_campaign_kind kind, uint32_t rounds,
                            an_hub_privacy *ret, an_note *why);

/* Opens a rollout of the version, stage by stage as the model's policy says, or at_once to all sites.  It waits
 * for the release root's signature if no delegation allows the online key to sign.  campaign: it ends with the
 * rollout; 0: none.  ret_id may be NULL.
 * Errors: NOTFOUND; STATE the version is quarantined, or a rollout of the model is not over. */
an_err an_hub_rollout_open(an_hub *hub, const char *actor, const char *model, const an_hash *version,
                           const char *reason, uint64_t campaign, bool at_once, uint64_t *ret_id,
                           an_note *why);
/* approve, pause, resume, retry, abort.  Errors: NOTFOUND; STATE not now, see an_rollout_allows. */
an_err an_hub_rollout_do(an_hub *hub, const char *actor, uint64_t id, an_rollout_event_type verb,
                         const char *reason, an_note *why);
/* The sites of a group; none: there is no such group any more.  Errors: INVAL a name;
 * NOTFOUND no such site; STATE a policy names the group, which is to be removed. */
an_err an_hub_group_set(an_hub *hub, const char *actor, const char *name, const char *const *sites, size_t n,
                        an_note *why);
/* What a site is to run of a model; none: nothing yet. */
an_hash an_hub_desired_version(an_hub *hub, const char *model, const char *site);

/* Opens a rollout by the policy; of production's own version only the statement is made anew. */
an_err an_hub_promote(an_hub *hub, const char *actor, const char *model, const an_hash *version,
                      const char *reason, an_note *why);
/* A rollout that is open is aborted, and everything it reached goes back.  Else production becomes what it was
 * before, at all sites at once; the counter still rises.  Errors: NOTFOUND there was none. */
an_err an_hub_rollback(an_hub *hub, const char *actor, const char *model, const char *reason, an_note *why);

/* ---- people ---- */

/* A person with a role and sites (none: all).  verifier: of a new one's password (an_password_hash), NULL: none, they
 * cannot log in yet.  Who is there gets another role and other sites; a verifier is then refused.
 * Errors: INVAL a name, sites; STATE too many; EXISTS there is one and `add`; NOTFOUND there is none and not `add`. */
typedef struct an_user_spec {
    const char *name;
    an_role role;
    const char *const *sites;
    size_t n_sites;
    const char *verifier, *reason;
    bool add;
} an_user_spec;
an_err an_hub_user_set(an_hub *hub, const char *actor, const an_user_spec *spec, an_note *why);
/* Errors: NOTFOUND. */
an_err an_hub_user_password(an_hub *hub, const char *actor, const char *name, const char *verifier,
                            an_note *why);
an_err an_hub_user_remove(an_hub *hub, const char *actor, const char *name, const char *reason, an_note *why);
/* hash: of the token's text, which is kept nowhere.  Errors: NOTFOUND, INVAL label, time; STATE too many. */
an_err an_hub_user_token(an_hub *hub, const char *actor, const char *name, const an_user_token *token,
                         an_note *why);
an_err an_hub_user_token_revoke(an_hub *hub, const char *actor, const char *name,
                                const uint8_t id[static AN_USER_TOKEN_ID_BYTES], const char *reason,
                                an_note *why);

/* Asked for by somebody, who has to find a second person: kept for AN_PROPOSAL_MS.  body: JSON text.
 * Errors: EXISTS the same is proposed already; STATE too many; LIMIT too long. */
#define AN_PROPOSAL_MS (INT64_C(24) * 3600000)
an_err an_hub_propose(an_hub *hub, const char *actor, const char *path, const char *body, const char *basis,
                      const char *reason, uint64_t *ret_id, an_note *why);
/* It is open no more.  how: "confirmed", "dropped".  Errors: NOTFOUND. */
an_err an_hub_proposal_end(an_hub *hub, const char *actor, uint64_t id, const char *how, const char *reason,
                           an_note *why);

/* ---- the release root: what is signed elsewhere comes in here ---- */

/* What is to be signed for a release that waits: valid from now for a year; the signer may change both times. */
an_err an_hub_release_draft(an_hub *hub, const an_release_wait *wait, an_release *ret, an_note *why);
/* Errors: NOTFOUND; STATE it waits no more, or another release came between; AUTH, PROTO, REFUSED. */
an_err an_hub_release_sign(an_hub *hub, const char *actor, uint64_t id, const an_signed *release,
                           an_note *why);
an_err an_hub_release_drop(an_hub *hub, const char *actor, uint64_t id, const char *reason, an_note *why);

/* A delegation for the model from its production version on: models, count and times are the signer's.
 * Errors: NOTFOUND no model, STATE it has no production, IO. */
an_err an_hub_delegation_draft(an_hub *hub, const char *model, an_delegation *ret, an_note *why);
/* Errors: AUTH, PROTO; REFUSED it is for another key; STATE its number is not the next one. */
an_err an_hub_delegate(an_hub *hub, const char *actor, const an_signed *delegation, an_note *why);
an_err an_hub_delegation_revoke(an_hub *hub, const char *actor, const an_signed *revocation, an_note *why);

/* The next link of the chain; if the root is the online key, its signature is added here.  Releases in force
 * are asked for anew, under the new root; delegations of the old one end.  Errors: STATE, AUTH, PROTO. */
an_err an_hub_root_rotate(an_hub *hub, const char *actor, const an_signed *link, an_note *why);

/* A release as the head of a parcel (trust/parcel.h).  site: "" production's; else what this site is to run now, a
 * rollout's version among them, or each site of this group.  Errors: NOTFOUND; STATE there is none, or it is not to be
 * told now, or the group's sites are to run several; LIMIT. */
an_err an_hub_parcel(an_hub *hub, const char *model, const char *site, const char *card, an_buf *head,
                     an_note *why);
an_err an_hub_parcel_version(an_hub *hub, const char *model, const char *site, an_hash *ret, an_note *why);
const uint8_t *an_hub_online_key(const an_hub *hub); /* (AN_SIGN_PUBLIC_BYTES) borrowed */

/* Recomputes a committed round from the updates that were received, one round at a time, by io.combine.  ret_same: the
 * same bits as then.  Errors: AGAIN it is under way, or another one is: to be asked again; NOTFOUND no such round, or
 * its updates are gone. */
an_err an_hub_round_replay(an_hub *hub, uint64_t round, an_hash *ret_result, bool *ret_same, an_note *why);

/* ---- looking ---- */

an_state *an_hub_state(an_hub *hub); /* borrowed, read only */
an_store *an_hub_store(an_hub *hub);
an_root an_hub_root(const an_hub *hub);        /* of releases, now */
bool an_hub_root_is_online(const an_hub *hub); /* it is the coordinator's own key */

/* Reports, alerts and alarms that a site may send at once, and how often another one after that; the same of HELLO. */
#define AN_FACTS_BURST 5000
#define AN_FACT_EVERY_MS 200
#define AN_HELLOS_BURST 100
#define AN_HELLO_EVERY_MS 1000
/* Bytes of large answers that a site may ask for at once with small messages said again (rosters, plans, what an
 * exchange of a secure sum has led to), and how many more with each millisecond.  What is beyond is not answered. */
#define AN_ANSWERS_BURST (INT64_C(2) << 20)
#define AN_ANSWERS_PER_MS 64

#define AN_HUB_INSTANCES 4
typedef struct an_hub_live {
    char site[AN_NAME_MAX];
    bool connected;
    int64_t seen_ms;
    uint64_t epoch;
    uint64_t instance;                           /* of the process that has the session */
    uint64_t instances_before[AN_HUB_INSTANCES]; /* the last that had it before; 0: none */
    int64_t
        copies_ms; /* when one of these took it back: another process with the site's keys lives; 0: never */
    char agent_version[AN_SHORT_MAX];
    char state[AN_SHORT_MAX];
    uint32_t queued_alarms;
    bool fast_aes; /* it said so */
    uint32_t n_lines;
    an_msg_line lines[AN_LINES_MAX];
    uint32_t n_windows; /* 0: it has not said */
    an_msg_windows windows[AN_LINES_MAX];
    an_msg_progress progress;  /* of the round it works on */
    uint64_t bytes_received;   /* of updates, since the coordinator started */
    uint64_t alarms;           /* raised since the coordinator started */
    int64_t facts, facts_ms;   /* how many more it may report now, and since when it is so */
    int64_t hellos, hellos_ms; /* the same of HELLO, whose answers cost more */
    int64_t answers,
        answers_ms; /* bytes that it may ask for now (below 0: it has had more), and since when */
} an_hub_live;
/* What came of plans and updates since this process started. */
typedef struct an_hub_figures {
    uint64_t plans_accepted, plans_refused;
    uint64_t updates[AN_UPDATE_LATE + 1]; /* by an_update_status; ACCEPTED: stored */
} an_hub_figures;
const an_hub_figures *an_hub_figures_get(const an_hub *hub); /* borrowed */

const an_hub_live *an_hub_live_at(an_hub *hub, size_t i); /* NULL past the end */
const an_hub_live *an_hub_live_find(an_hub *hub, const char *site);
/* Do two processes with the site's keys take the session from each other? */
bool an_hub_has_copies(const an_hub *hub, const an_hub_live *live);
const an_round *an_hub_round_open(an_hub *hub, uint64_t id); /* the machine's value; NULL: not open */
void an_hub_round_waiting(an_hub *hub, uint64_t id,
                          an_note *ret); /* what an open round waits for, for people */
/* What the open reports of drift of a model add up to, and what is done about them.  On success *ret is the
 * caller's (an_triage_done).  Errors: NOTFOUND, IO, NOMEM. */
an_err an_hub_drift_look(an_hub *hub, const char *model, an_triage *ret, an_note *why);
/* What a campaign waits for, for people. */
void an_hub_campaign_waiting(an_hub *hub, const an_campaign *c, an_note *ret);

#endif
