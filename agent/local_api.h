/* local_api.h - the site's own HTTP API, for a console on this computer.  ADR 43; docs/OPERATIONS.md lists it.
 *
 *     GET  /v1/status                              status.json
 *     GET  /v1/alarms?all=1&last=50                as andon-agent alarms --json
 *     GET  /v1/alarms/LINE/ALARM                   ... and the record that says why
 *     GET  /v1/log?after=SEQ&limit=100&kind=raised records of the log, with the cursor to go on from
 *     GET  /v1/figures?span=7d                     as andon-agent alarms --quality --json
 *     GET  /v1/verdicts?by=week&span=30d&line=LINE as andon-agent verdicts --json
 *     GET  /metrics, /healthz, /readyz             how the agent is (probe.h); the last two need no token
 *     POST /v1/alarms/LINE/ALARM/VERB              ack comment shelve unshelve out-of-service in-service verdict
 *     POST /v1/lines/LINE/VERB                     shelve unshelve out-of-service in-service missed
 *
 *     GET  /v1/board?since=MS                      every line: how it is, and its scores since then
 *     GET  /v1/quality?line=LINE&last=50           what was wrong with the line's data
 *     GET  /v1/ledger?before=ID&last=50            what left the site, newest first
 *     GET  /v1/versions?last=50                    what ran since when
 *     GET  /v1/alarms/LINE/ALARM/map.png           its heat map; image.png what the model saw, overlay.png both
 *     GET  /v1/session, POST /v1/session, POST /v1/session/end        log-in of a browser, over a port
 *
 * Any other path is the site's own page (coordinator/console/src/site), where it was built.
 *
 * It reads the files that the verbs of andon-agent read and leaves the commands that they leave, through the same functions:
 * nothing of the running agent is touched but the rings of scores (recent.h), which wait for nobody.  A body is one JSON object of texts; an answer one of JSON, an error
 * {"error": "...", "code": "NOTFOUND"}.
 *
 * Only in builds with AN_API.
 *
 * Threads: one for each connection; one request at a time is answered, and beside it one that reads the whole log.  start and
 * stop belong to one. */
#ifndef AN_AGENT_LOCAL_API_H
#define AN_AGENT_LOCAL_API_H

#include <stdint.h>

#include "agent/recent.h"
#include "base/clock.h"
#include "base/err.h"
#include "doors/http_server.h"

#define AN_LOCAL_API_BODY_MAX ((size_t)16 << 10)
#define AN_LOCAL_API_ROWS_MAX 1000 /* of one answer */
#define AN_LOCAL_API_BYTES_MAX ((size_t)4 << 20)

typedef struct an_local_line { /* borrowed until stop */
    const char *name;
    double rate_hz; /* 0: not regular */
    const an_recent *recent;
} an_local_line;

/* Who has logged in; asked by one thread at a time. */
typedef struct an_local_logins an_local_logins;
an_local_logins *an_local_logins_new(void); /* NULL: out of memory */
void an_local_logins_free(an_local_logins *l);

typedef struct an_local_api_conf {
    const char *dir;        /* the agent's data */
    struct an_probe *probe; /* answers /metrics, /healthz and /readyz; NULL: there are none */
    const char *socket;     /* a Unix socket; NULL: 127.0.0.1 */
    uint16_t port;          /* of 127.0.0.1; 0: the system chooses */
    const char *
        token_file; /* what a request must bring as Authorization: Bearer; NULL: nothing, with a socket alone */
    const char *names; /* by which a browser may ask the port, besides localhost: "a.plant, b.plant"; NULL */
    const an_local_line *lines; /* (n_lines) */
    size_t n_lines;
    an_local_logins *logins;      /* start makes its own */
    struct an_local_turns *turns; /* the same; NULL: one thread asks */
    const an_clock *clock;        /* of log-ins; NULL: the system's */
} an_local_api_conf;

typedef struct an_local_api an_local_api;

/* conf's texts are borrowed until stop.  Errors: INVAL a port without a token; those of an_secret_file_read and
 * an_http_server_start. */
an_err an_local_api_start(const an_local_api_conf *conf, an_local_api **ret, an_note *why);
void an_local_api_stop(an_local_api *api); /* NULL is fine */
uint16_t an_local_api_port(const an_local_api *api);

/* One request, as the server hands it on. */
typedef struct an_local_ask {
    const char *method, *path; /* decoded */
    const char *body;          /* terminated */
    size_t body_len;
    const char *user; /* at the other end of the socket; "" if there is none */
    const char *(*query)(void *ctx, const char *key);
    const char *(*header)(void *ctx, const char *name); /* NULL: there are none */
    void *ctx;
} an_local_ask;

/* Without the server: for it, and for tests. */
void an_local_api_answer(const an_local_api_conf *conf, const an_local_ask *ask, an_http_reply *reply);

#endif
