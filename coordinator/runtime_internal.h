/* runtime_internal.h - what the threads of the runtime say to one another.  See runtime.h. */
#ifndef AN_COORDINATOR_RUNTIME_INTERNAL_H
#define AN_COORDINATOR_RUNTIME_INTERNAL_H

#include "coordinator/api/api.h"
#include "coordinator/combine.h"
#include "coordinator/feed.h"
#include "coordinator/runtime.h"
#include "coordinator/runtime_auth.h"
#include "coordinator/store.h"
#include "coordinator/vitals.h"
#include "doors/http_server.h"
#include "net/pipe.h"
#include "net/zap.h"

/* ---- core thread ---- */

typedef struct an_core_args {
    const an_coordinator_conf *conf;
    an_net *net;
    an_zap *zap;
    an_runtime_calls calls;
    an_vitals *vitals;
    an_runtime_endpoints *endpoints; /* filled before ready */
} an_core_args;
void an_core_main(an_pipe *pipe, void *args); /* an an_actor_main */

/* ---- bulk thread ----
 *
 * A site's bulk connection is known from its first frame.  A site that has nothing to fetch,
 * but an update to give, greets by asking for that update itself (CHUNK_REQUEST of kind
 * UPDATE): the answer is CHUNK_REFUSE FORBIDDEN, and from then on the coordinator knows where
 * to pull it from.
 *
 * A file that is being received is SPOOL/fetch-ROUND-SITE-HASH; beside it, FILE.at says how
 * many bytes from its start are durable, so that a fetch goes on where it was. */

typedef enum an_bulk_what {
    AN_BULK_FETCH, /* pull this update from this site */
    AN_BULK_SERVE, /* this version may be fetched */
    AN_BULK_DROP,  /* the site is no longer admitted */
} an_bulk_what;

typedef struct an_bulk_order {
    an_bulk_what what;
    char site[AN_NAME_MAX];
    uint64_t round;
    an_hash hash;
    uint64_t size;
} an_bulk_order;

typedef struct an_bulk_report { /* how a fetch ended */
    char site[AN_NAME_MAX];
    uint64_t round;
    an_hash hash;
    char path[AN_PATH_MAX]; /* "": nothing to take over or to remove */
    an_err err;
    an_note why;
    uint32_t n_small; /* a small update itself; sent as far as it goes */
    uint8_t small[AN_OBJECT_SMALL];
} an_bulk_report;

typedef struct an_bulk_args {
    an_net *net;
    const char *endpoint;
    const uint8_t *link_secret;
    an_store *store;   /* for the files of objects only */
    an_vitals *vitals; /* NULL: nothing is counted */
    const char *spool_dir;
    char bound[AN_ENDPOINT_MAX]; /* filled before ready */
} an_bulk_args;
void an_bulk_main(an_pipe *pipe, void *args); /* orders in, reports out */

/* ---- worker thread: jobs in, the same jobs out ---- */

typedef struct an_work {
    an_combine_job *job;
    bool sent; /* the core's own note */
    an_err err;
    an_note why;
} an_work;
void an_work_main(an_pipe *pipe, void *args); /* messages are an_work * */

/* ---- HTTP ---- */

/* A request on its way through the core.  Whoever finds that the other side has left releases
 * it. */
typedef struct an_http_job {
    an_api_request req;
    an_api_answer answer;
    int64_t since_ms;  /* monotonic */
    int64_t answer_ms; /* how long it is waited for; 0: http.answer */
    an_api_rest *rest; /* an answer that is made in pieces; the core's */
    unsigned bell;     /* which of the bridge's it waits for */
    bool done, left;   /* under the bridge's lock */
} an_http_job;

typedef struct an_bridge an_bridge;

/* Hands a request to the core and waits for its answer; takes the job, whatever happens.  From any thread. */
void an_bridge_ask(an_bridge *b, an_http_job *job, an_api_answer *ret);
an_feed *an_bridge_feed(const an_bridge *b);
int64_t an_bridge_heartbeat(const an_bridge *b); /* ms */

/* Takes the answer: headers, and 304 where the client has it.  runtime_reply.c */
void an_reply_fill(const an_http_request *http, an_api_answer *answer, an_http_reply *reply);

/* ---- TLS: runtime_tls.c ---- */

typedef struct an_tls {
    char *certificate, *key; /* PEM; NULL: plain HTTP */
} an_tls;
/* ret is zeroed before.  Errors: REFUSED others may read the key; NOTFOUND, IO, LIMIT, NOMEM. */
an_err an_tls_read(const an_coordinator_conf *conf, an_tls *ret, an_note *why);
void an_tls_done(an_tls *tls);

/* ---- events: runtime_events.c ---- */

bool an_bridge_is_events(const an_api_request *req);
/* Makes the reply a stream of the journal's records, unless the core refuses it or too many listen: then ret is
 * filled.  Takes the job. */
void an_bridge_events(an_bridge *b, const an_http_request *http, an_http_job *job, an_api_answer *ret,
                      an_http_reply *reply);
/* The core's part: whoever listens hears of the records that were appended since it was called last. */
void an_feed_journal(an_feed *f, an_store *store, uint64_t last);

/* Starts the HTTP server.  to_core: the pipe end that the bridge sends an_http_job * through;
 * owned by the bridge from then on, even on failure.  auth: borrowed until stop. */
an_err an_bridge_open(const an_coordinator_conf *conf, an_auth *auth, an_vitals *vitals, an_pipe *to_core,
                      an_bridge **ret, an_note *why);
uint16_t an_bridge_port(const an_bridge *b);
bool an_bridge_still(an_bridge *b, const an_who *who);      /* an_auth_still */
bool an_bridge_waits(an_bridge *b, const an_http_job *job); /* is anybody there to take the answer? */
void an_bridge_answer(an_bridge *b, an_http_job *job); /* the core is done with it; job->answer is filled */
/* Tells every waiting request 503 and ends the server.  Jobs that the core still holds are its
 * own afterwards (an_http_job_free).  NULL is fine. */
void an_bridge_stop(an_bridge *b);
void an_bridge_free(an_bridge *b);
void an_http_job_free(an_http_job *job);

/* The administrator's token: made at the first start.  Errors: REFUSED others may read it,
 * PROTO, IO. */
#define AN_ADMIN_TOKEN_TEXT 65
an_err an_admin_token_open(const char *path, char ret[static AN_ADMIN_TOKEN_TEXT], an_note *why);

#endif
