/* live_report.h - the figures of a watch as the message LIVE.
 *
 * Threads: pure. */
#ifndef AN_AGENT_LIVE_REPORT_H
#define AN_AGENT_LIVE_REPORT_H

#include "agent/pipeline.h"
#include "msg/msg.h"

void an_live_report(an_msg *ret, const char *model, const char *line, const an_live *live,
                    const an_watch_news *news);

#endif
