/* sink_conf.h - what is configured of a sink: its name, its type, and what of the log it is sent.
 *
 * Threads: plain data. */
#ifndef AN_AGENT_SINK_CONF_H
#define AN_AGENT_SINK_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm_record.h"
#include "agent/options.h"
#include "base/err.h"
#include "base/terms.h"
#include "msg/bounds.h"

#define AN_SINKS_MAX 16
#define AN_SINK_NAME_MAX 48 /* with its terminator */

typedef struct an_sink_conf {
    char name[AN_SINK_NAME_MAX];
    const char *type;     /* borrowed, as lines and node */
    const an_node *node;  /* the mapping with its options */
    uint32_t kinds;       /* bits of an_logged_kind */
    an_severity severity; /* the least */
    bool hidden;          /* also what becomes of alarms that are shelved, suppressed or out of service */
    bool from_now;        /* at its first start: what is in the log already is not for it */
    const an_node *lines; /* names; NULL: all */
    int64_t retry_min_ms, retry_max_ms;
} an_sink_conf;

/* The options that every sink understands; ends with a row whose key is NULL. */
const an_option *an_sink_common_get(void);

/* Reads and checks one mapping of `sinks`, with its type's own options.  is_line: is there a line of that name?  NULL:
 * any.  Errors: INVAL, NOMEM. */
an_err an_sink_conf_read(const an_node *node, an_sink_conf *ret,
                         bool (*is_line)(const void *ctx, const char *name), const void *ctx, an_note *why);
/* The list.  node NULL: none.  Sets *ret_n, at most AN_SINKS_MAX, each of another name. */
an_err an_sinks_conf_read(const an_node *node, an_sink_conf ret[static AN_SINKS_MAX], size_t *ret_n,
                          bool (*is_line)(const void *ctx, const char *name), const void *ctx, an_note *why);

/* Is the sink sent this record? */
bool an_sink_wants(const an_sink_conf *c, const an_alarm_record *r);

#endif
