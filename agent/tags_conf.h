/* tags_conf.h - what the sources that are made of tags read alike from their configuration.
 *
 *     static const an_source_option options[] = {{"devices", ...}, AN_TAGS_OPTIONS("1000"), {NULL ...}};
 *     err = an_tags_conf_read(conf, 1000, &tags_conf, &why);
 *     err = an_tag_read(map, &tag, &name, &why);         one entry of a list of tags
 *
 * Threads: plain functions. */
#ifndef AN_AGENT_TAGS_CONF_H
#define AN_AGENT_TAGS_CONF_H

#include "agent/tags.h"

#define AN_UNIT_MAX 32 /* bytes of a unit, with its terminator */

#define AN_TAGS_OPTIONS(step)                                                                                  \
    {"step_ms", AN_OPTION_INT, 0, 86400000, step, "time between two rows; 0: a row for each message"},         \
        {"settle_ms", AN_OPTION_INT,                                                                           \
         0,           86400000,                                                                                \
         "0",         "how long a row waits for a device that has not spoken yet; 0: one step"},               \
        {"stale_ms", AN_OPTION_INT, 0, 604800000, "0", "a value older than this is stale; 0: never"},          \
        {"idle_ms", AN_OPTION_INT, 1, 86400000, "1000", "without steps: a row when nothing came for so long"}, \
    {                                                                                                          \
        "queue", AN_OPTION_INT, 64, AN_TAGS_QUEUE_MAX, "16384", "values of a device that may wait for a row"   \
    }

typedef struct an_tag_name {
    char name[AN_SOURCE_NAME_MAX];
    char unit[AN_UNIT_MAX];
} an_tag_name;

/* Sets all but tags, n and ports; the clock is the system's.  Errors: INVAL. */
an_err an_tags_conf_read(const an_node *conf, int64_t step_ms, an_tags_conf *ret, an_note *why);

/* The keys name, unit, scale, offset and deadband; port is left as it is.  Errors: INVAL. */
an_err an_tag_read(const an_node *map, an_tag *ret, an_tag_name *ret_name, an_note *why);

/* Two tags of one name?  at: whom to blame.  Errors: INVAL. */
an_err an_tags_distinct(const an_node *at, const an_tag_name *names, size_t n, an_note *why);

#endif
