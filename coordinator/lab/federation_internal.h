/* federation_internal.h - the parts that the files of the in-process federation share. */
#ifndef AN_COORDINATOR_LAB_FEDERATION_INTERNAL_H
#define AN_COORDINATOR_LAB_FEDERATION_INTERNAL_H

#include "agent/session.h"
#include "base/rng.h"
#include "base/workers.h"
#include "coordinator/lab/federation.h"

/* One control message under way, as bytes. */
typedef struct an_fed_letter {
    uint64_t seq; /* in the order of sending */
    int64_t due_ms;
    uint8_t *bytes;
    size_t len;
} an_fed_letter;

/* One direction of one site's connection: what is sent first arrives first. */
typedef struct an_fed_link {
    an_fed_letter *letters;
    size_t at, n, cap; /* [at, n) are under way */
} an_fed_link;

typedef enum an_fed_chore_kind {
    AN_FED_FETCH_VERSION,
    AN_FED_FETCH_UPDATE,
    AN_FED_COMBINE
} an_fed_chore_kind;

/* What a callback put down to be done when it has returned. */
typedef struct an_fed_chore {
    an_fed_chore_kind kind;
    size_t site;
    uint64_t round;
    an_hash object;
    uint64_t size;
    char path[AN_PATH_MAX];
    an_combine_job *job;
} an_fed_chore;

struct an_fed;

typedef struct an_fed_site {
    struct an_fed *fed;
    size_t index;
    const an_federation_site *conf;
    an_session *session;
    an_schema schema;
    an_session_line line;
    an_site_policy policy;
    an_session_conf session_conf;
    uint8_t sign_public[AN_SIGN_PUBLIC_BYTES], sign_secret[AN_SIGN_SECRET_BYTES];
    char dir[AN_PATH_MAX];
    an_fed_link up, down;
    bool linked, broken; /* broken: seen in a callback, dealt with by the loop */
    int64_t rejoin_ms;
    an_job *job; /* handed out by the session */
    an_err job_err;
    an_note job_why;
    bool live;
    an_overlay overlay;
    an_bundle bundle;
    an_hash version;
} an_fed_site;

typedef struct an_fed {
    const an_federation_conf *conf;
    an_clock_fake clock;
    char dir[AN_PATH_MAX];
    an_store *store;
    an_hub *hub;
    uint8_t sign_public[AN_SIGN_PUBLIC_BYTES], sign_secret[AN_SIGN_SECRET_BYTES];
    an_fed_site *sites;
    size_t n_sites;
    an_fed_chore *chores;
    size_t n_chores, cap_chores;
    uint64_t next_seq;
    an_rng faults, order;
    an_workers *workers;
    an_federation_round *rounds;
    size_t n_rounds, cap_rounds;
    size_t jobs_done;
    uint64_t campaign;
    an_note failure; /* the last job that failed at a site, for the reason of a campaign that
                        stopped */
    an_err err;      /* of a callback: out of memory */
    an_federation_result *result;
} an_fed;

/* federation_link.c */
void an_fed_send(an_fed_site *s, an_fed_link *link, const an_msg *msg);
/* Delivers one message that is due.  False: there is none. */
bool an_fed_deliver(an_fed *f);
bool an_fed_is_quiet(const an_fed *f);       /* nothing is under way */
int64_t an_fed_next_letter(const an_fed *f); /* INT64_MAX: none */
void an_fed_mend(an_fed *f); /* broken links are taken down, and come up again in their time */
void an_fed_link_done(an_fed_link *link);

/* federation_site.c */
an_err an_fed_site_open(an_fed *f, size_t i, an_note *why);
void an_fed_site_close(an_fed_site *s);
bool an_fed_run_jobs(an_fed *f); /* all jobs that sessions have handed out */
void an_fed_chore_put(an_fed *f, const an_fed_chore *chore);
bool an_fed_run_chores(an_fed *f);

#endif
