/* alarms_internal.h - what alarms.c (storing), alarms_act.c (people) and alarms_read.c (readers, looking) share. */
#ifndef AN_AGENT_ALARMS_INTERNAL_H
#define AN_AGENT_ALARMS_INTERNAL_H

#include "agent/alarms.h"
#include "doors/sqlite.h"

struct an_alarms {
    an_db *db;
    char site[AN_NAME_MAX];
    uint64_t quota;
    uint64_t bytes; /* of all records; counted at opening and after a transaction that failed */
};

/* How a whole line stands: what an alarm that is raised there begins with. */
typedef struct an_line_aside {
    bool out;
    int64_t until_ms; /* 0: it is not shelved */
} an_line_aside;

/* All within the caller's transaction. */

/* Sets r->seq. */
an_err an_alarms_append(an_alarms *a, an_alarm_record *r, an_note *why);
/* *ret_found false: there is no such alarm, *ret is untouched. */
an_err an_alarms_load(an_alarms *a, const char *line, uint64_t alarm, an_alarm_row *ret, bool *ret_found,
                      an_note *why);
/* last_seq: of its last record; a new alarm keeps it as its first, too. */
an_err an_alarms_save(an_alarms *a, const an_alarm_row *row, uint64_t last_seq, an_note *why);
an_err an_alarms_aside(an_alarms *a, const char *line, an_line_aside *ret, an_note *why);
an_err an_alarms_aside_set(an_alarms *a, const char *line, const an_line_aside *aside, an_note *why);
/* What a person does to one alarm, with its record. */
an_err an_alarms_act_on(an_alarms *a, an_alarm_row *row, const an_alarm_deed *d, an_note *why);
/* Commits if err is OK, else rolls back; returns the first error. */
an_err an_alarms_end(an_alarms *a, an_err err, an_note *why);
/* From the columns of the statement: ALARM_COLUMNS. */
#define AN_ALARM_COLUMNS "active, acked, aside, until_ms, cleared_ms, last_seq, body"
an_err an_alarms_row_of(an_stmt *q, an_alarm_row *ret, an_note *why);
/* The last column of the statement's row is a record's JSON. */
an_err an_alarms_record_of(an_stmt *q, int col, uint64_t seq, an_alarm_record *ret, an_note *why);

#endif
