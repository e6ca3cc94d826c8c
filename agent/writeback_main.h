/* writeback_main.h - the verbs `writeback`, `writeback-enable` and `writeback-end` of andon-agent.
 *
 * Threads: one. */
#ifndef AN_AGENT_WRITEBACK_MAIN_H
#define AN_AGENT_WRITEBACK_MAIN_H

#include <stdio.h>

#include "agent/conf.h"

/* Until stop_fd is readable.  Errors: INVAL nothing is configured; those of an_wb_start. */
an_err an_writeback_run(const an_agent_conf *conf, int stop_fd, an_note *why);
/* Errors: INVAL; those of an_wb_leave. */
an_err an_writeback_leave(const an_agent_conf *conf, bool enable, const char *by, const char *key_file,
                          FILE *out, an_note *why);

#endif
