/* sink_event.h - an event as receivers know it: CloudEvents 1.0, a sentence, a priority.
 *
 * Threads: no state. */
#ifndef AN_AGENT_SINK_EVENT_H
#define AN_AGENT_SINK_EVENT_H

#include <stddef.h>

#include "agent/sink.h"

/* CloudEvents 1.0, JSON format, structured mode; data is the record.  The receiver's key is `id`, which is the same at
 * each attempt; `sequence` (an extension) orders the events of a site.  Released with an_free; NULL: out of memory. */
char *an_sink_cloudevent(const an_sink_event *e);

/* "andon.alarm.raised", "andon.data.quality" ... */
#define AN_SINK_KIND_MAX 64
void an_sink_kind(char out[static AN_SINK_KIND_MAX], const an_alarm_record *r);

/* "line pump-1, alarm 7 raised (high), part P-17: Flow is low."  One line, no control characters. */
#define AN_SINK_SENTENCE_MAX 1024
void an_sink_sentence(char out[static AN_SINK_SENTENCE_MAX], const an_alarm_record *r);

/* As syslog has them: 2 critical, 3 error, 4 warning, 5 notice, 6 information. */
int an_sink_priority(const an_alarm_record *r);

#endif
