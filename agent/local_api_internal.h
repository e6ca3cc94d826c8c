/* local_api_internal.h - a request on its way: local_api.c (which path), local_api_login.c (who may ask), local_api_show.c,
 * local_api_board.c and local_api_site.c (reading), and local_api_do.c (what people do). */
#ifndef AN_AGENT_LOCAL_API_INTERNAL_H
#define AN_AGENT_LOCAL_API_INTERNAL_H

#include "agent/local_api.h"
#include "doors/json.h"
#include "msg/msg.h"

#define LOCAL_API_PARTS 5 /* v1, alarms, LINE, ALARM, VERB */

typedef struct local_api_request {
    const an_local_api_conf *conf;
    const char *dir; /* conf's */
    const an_local_ask *ask;
    char part[LOCAL_API_PARTS][AN_NAME_MAX];
    size_t n;
} local_api_request;

typedef struct local_api_said {
    char *text;       /* from base/mem.h */
    size_t len;       /* 0: up to its terminator */
    const char *type; /* NULL: JSON */
    unsigned status;  /* 0: 200 */
    char cookie[200]; /* for Set-Cookie; "": none */
} local_api_said;

typedef an_err local_api_handler(const local_api_request *r, local_api_said *ret, an_note *why);
local_api_handler local_api_status, local_api_alarms, local_api_alarm, local_api_log, local_api_figures,
    local_api_verdicts;
local_api_handler local_api_board, local_api_quality, local_api_ledger, local_api_versions, local_api_picture;
local_api_handler local_api_do;
local_api_handler local_api_session, local_api_login, local_api_logout;

/* Takes o. */
an_err local_api_print(an_json *o, local_api_said *ret);
/* A number of the query.  Errors: INVAL it is none from 0 to max. */
an_err local_api_int(const local_api_request *r, const char *key, int64_t max, int64_t dflt, int64_t *ret,
                     an_note *why);

/* ---- local_api_login.c ---- */

/* Is this a name that the agent may be asked by?  A page elsewhere whose name leads here has another one. */
bool local_api_host_ok(const char *host, const char *names);
/* Errors: AUTH nobody has logged in; REFUSED another page's doing, or its header is missing; IO the token cannot be read. */
an_err local_api_admit(const local_api_request *r, an_note *why);

#endif
