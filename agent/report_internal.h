/* report_internal.h - what the files of the daily report share.  See report.h. */
#ifndef AN_AGENT_REPORT_INTERNAL_H
#define AN_AGENT_REPORT_INTERNAL_H

#include "agent/report.h"

void an_report_put(an_buf *b, const char *text); /* escaped */
/* Those that are in r->dir; nothing if there are none. */
void an_report_pictures(an_buf *b, const an_report *r);

#endif
