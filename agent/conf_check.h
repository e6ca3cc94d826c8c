/* conf_check.h - what can be said of a configuration before anything is opened, beyond its form.
 *
 *     err = an_agent_conf_load("site.yaml", &conf, &why);
 *     if (!err) err = an_agent_conf_check(&conf, &why);      "site.yaml:9:31: password_file: ..."
 *
 * Files that it names for secrets, keys and certificates are there, are readable, and secrets by nobody outside their
 * group; this build has what it asks for; the budget is enough for the pools.  No source is opened, so that of a line
 * without `sensors` one sensor is counted.
 *
 * Threads: none of its own. */
#ifndef AN_AGENT_CONF_CHECK_H
#define AN_AGENT_CONF_CHECK_H

#include "agent/conf.h"
#include "agent/pool.h"

/* Errors: INVAL, UNSUPPORTED, NOTFOUND, AUTH, LIMIT, IO, NOMEM; why has the place where there is one. */
an_err an_agent_conf_check(const an_agent_conf *conf, an_note *why);

/* The line's sample pool, of so many sensors and rows in a window; frame_rows as in conf.h. */
an_pool_conf an_agent_line_pool(const an_agent_line *l, size_t width, size_t context, size_t frame_rows);

#endif
