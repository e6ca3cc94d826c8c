/* show_alarms_internal.h - what the verbs about alarms share.  See show_alarms.h. */
#ifndef AN_AGENT_SHOW_ALARMS_INTERNAL_H
#define AN_AGENT_SHOW_ALARMS_INTERNAL_H

#include "agent/alarms.h"
#include "agent/show_alarms.h"

an_err an_show_alarms_open(const char *dir, an_alarms **ret, an_note *why);
an_json *an_alarm_row_json(const an_alarm_row *row);      /* the caller's */
void an_show_record(const an_alarm_record *r, FILE *out); /* a line for people */
bool an_alarm_says_why(const an_alarm_record *r);         /* that is, more than how far it is */
an_err an_show_json(an_json *o, FILE *out);               /* a line; o stays the caller's */

#endif
