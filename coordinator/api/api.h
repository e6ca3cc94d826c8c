/* api.h - the HTTP API without HTTP: a request in, an answer out, both plain values.
 *
 * The routes are the rows of routes.def, the handlers one file per subject.  Answers are JSON;
 * errors are application/problem+json (RFC 9457) with status, title and detail.
 *
 *     an_api *api = NULL;
 *     err = an_api_new(&(an_api_conf){.hub = hub, ...}, &api);
 *     if (an_api_handle(api, &request, 0, &answer) == AN_ERR_AGAIN)
 *         ... a journal that is waited for: call again when it has grown, or the time is over
 *     an_api_answer_done(&answer);
 *
 * Who asks is known before (runtime_http.c): who, and actor is "user/NAME".  What they may ask is checked here, from
 * the route's row: 403.
 *
 * Idempotency-Key: a POST with a key that the same user's request had before is answered the same again and does
 * nothing; with another path or body it is refused (409).  The last 64 answers are remembered, until the coordinator
 * ends; one that holds a token's secret is not.  What a key did is known for ever, from the journal: a repetition whose
 * answer is forgotten does nothing, 409.
 *
 * Threads: belongs to the hub's thread. */
#ifndef AN_COORDINATOR_API_H
#define AN_COORDINATOR_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/hub.h"
#include "coordinator/users.h"
#include "doors/json.h"

typedef struct an_api an_api;

/* The query parameters that routes know. */
#define AN_API_QUERY_LIST(X)                                                                                 \
    X(after)                                                                                                 \
    X(before)                                                                                                \
    X(site)                                                                                                  \
    X(state)                                                                                                 \
    X(kind)                                                                                                  \
    X(subject) X(limit) X(wait_ms) X(newest) X(model) X(by) X(since) X(until) X(line) X(offset) X(campaign)
#define AN_API_TEXT 128

/* What an answer has come to that is made in pieces.  NULL is fine. */
typedef struct an_api_rest an_api_rest;
void an_api_rest_free(an_api_rest *rest);

typedef struct an_api_request {
    char method[8];
    char path[512];
    char actor[AN_API_TEXT];
    an_who who;                                  /* zeroed: nobody, who may nothing */
    char verifier[AN_PASSWORD_TEXT];             /* of the "password" in the body of who sets one; "": none */
    char idem[AN_API_TEXT];                      /* "": none */
#define AN_API_ROW(name) char name[AN_API_TEXT]; /* "": absent */
    AN_API_QUERY_LIST(AN_API_ROW)
#undef AN_API_ROW
    char *body; /* body_len bytes and a terminator; owned by whoever made the request; may be
                   NULL */
    size_t body_len;
    an_api_rest *
        *rest; /* where an answer that takes long is kept between two pieces, owned by whoever made the
                           request; NULL: all answers are made at once */
} an_api_request;

typedef struct an_api_answer {
    unsigned status;
    const char *type;  /* static text */
    char *body;        /* owned, an_free */
    const char *allow; /* of a 405: the header, static text */
    int64_t retry_s;   /* Retry-After; 0: none */
    uint64_t last;     /* of a page of events: the record to go on after */
} an_api_answer;

typedef struct an_api_conf {
    an_hub *hub;                        /* borrowed */
    const an_clock *clock;              /* borrowed */
    const uint8_t *link_public;         /* (AN_KEY_BYTES) for tokens, borrowed */
    const char *control, *bulk, *enrol; /* endpoints as sites see them, borrowed */
    uint64_t instance;
    int64_t started_ms;
    int64_t people; /* 2: rows of routes.def that say TWO need a second person */
} an_api_conf;

an_err an_api_new(const an_api_conf *conf, an_api **ret); /* Errors: NOMEM */
void an_api_free(an_api *api);                            /* NULL is fine */

#define AN_API_WAIT_MAX_MS 30000

/* waited_ms: how long the request has been waited for already.  OK: *ret is filled.  AGAIN: the
 * journal has nothing new yet, or, if *req->rest is set, a piece of the answer is made and the next one may follow at
 * once; *ret is untouched. */
an_err an_api_handle(an_api *api, const an_api_request *req, int64_t waited_ms, an_api_answer *ret);
/* Is there such a route, and may they ask it?  False: *refusal is filled (403, 404, 405).  an_api_handle looks, too; this is
 * for who would rather not trouble the hub.  Threads: from any. */
bool an_api_may(const an_api_request *req, an_api_answer *refusal);
void an_api_answer_done(an_api_answer *answer);

/* Fills an answer with a problem, for whoever refuses before the API is asked. */
void an_api_problem(unsigned status, const char *detail, an_api_answer *ret);
unsigned an_api_status_of(an_err err);

/* What a route concerns, see routes.def. */
typedef enum an_api_scope {
    AN_REACH_COMMON,
    AN_REACH_FLEET,
    AN_REACH_SITE,
    AN_REACH_LIST,
    AN_REACH_OWN
} an_api_scope;
enum { AN_PEOPLE_ONE, AN_PEOPLE_TWO };

/* A record as the API gives it everywhere, with its sentence.  NULL: out of memory. */
an_json *an_api_record_json(const an_record *r);
/* Appends it as an event: "id: SEQ\nevent: KIND\ndata: JSON\n\n".  Errors: NOMEM, LIMIT. */
an_err an_api_record_event(const an_record *r, an_buf *out);
/* Who has some sites alone sees the records about those, and no others: any other may name any site. */
bool an_api_sees_record(const an_who *who, const an_record *r);

/* A route by its place, for tests and help; false: past the end. */
typedef struct an_api_route_info {
    const char *method, *pattern, *meaning;
    an_role role;
    an_api_scope scope;
    bool two; /* people: TWO */
} an_api_route_info;
bool an_api_route_at(size_t i, an_api_route_info *ret);
#define AN_ROUTE(...) +1
enum {
    AN_API_ROUTES = 0
#include "coordinator/api/routes.def"
};
#undef AN_ROUTE
/* The place of the route that a request is for; AN_API_ROUTES: of none.  From any thread. */
size_t an_api_route_find(const char *method, const char *path);

/* Does path fit pattern ("/sites/{name}/approve")?  ret_arg gets what stands for the
 * {part}; 1..127 bytes without '/'. */
bool an_api_path_match(const char *pattern, const char *path, char ret_arg[static AN_API_TEXT]);

#endif
