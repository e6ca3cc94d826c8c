/* local_api_internal.h - a request on its way: local_api.c (who may ask, which path), local_api_show.c (reading) and
 * local_api_do.c (what people do). */
#ifndef AN_AGENT_LOCAL_API_INTERNAL_H
#define AN_AGENT_LOCAL_API_INTERNAL_H

#include "agent/local_api.h"
#include "doors/json.h"
#include "msg/msg.h"

#define LOCAL_API_PARTS 5 /* v1, alarms, LINE, ALARM, VERB */

typedef struct local_api_request {
    const char *dir;
    const an_local_ask *ask;
    char part[LOCAL_API_PARTS][AN_NAME_MAX];
    size_t n;
} local_api_request;

/* *ret: JSON, from base/mem.h. */
typedef an_err local_api_handler(const local_api_request *r, char **ret, an_note *why);
local_api_handler local_api_status, local_api_alarms, local_api_alarm, local_api_log, local_api_figures,
    local_api_verdicts;
local_api_handler local_api_do;

#endif
