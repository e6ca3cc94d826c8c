/* alarms_judge.h - what the files of the log that know of pieces and labels share: alarms_pieces.c, alarms_labels.c and
 * alarms_judge.c.  All within the caller's transaction, if there is one. */
#ifndef AN_AGENT_ALARMS_JUDGE_H
#define AN_AGENT_ALARMS_JUDGE_H

#include "agent/alarms_internal.h"
#include "agent/spans.h"
#include "agent/verdicts.h"

/* Not finite numbers are kept as null. */
an_err an_alarms_bind_figure(an_stmt *q, int i, double v);
double an_alarms_figure_of(an_stmt *q, int col);
void an_alarms_model_of(an_stmt *q, int col, uint8_t version[static AN_ALARM_HASH],
                        uint8_t overlay[static AN_ALARM_HASH]);
an_err an_alarms_bind_model(an_stmt *q, int i, const uint8_t version[static AN_ALARM_HASH],
                            const uint8_t overlay[static AN_ALARM_HASH]);
an_err an_alarms_trim(an_alarms *a, const char *sql, int64_t most, an_note *why); /* ?1: most */

/* The last piece with this part that began by before_ms. */
an_err an_alarms_find_piece(an_alarms *a, const char *line, const char *part, int64_t before_ms,
                            an_piece *ret, bool *ret_found, an_note *why);
/* Of the pieces of a stretch of time the one with the highest level. */
an_err an_alarms_look_pieces(an_alarms *a, const char *line, int64_t from_ms, int64_t to_ms, an_piece *ret,
                             bool *ret_found, an_note *why);

/* The label with the same subject.  *ret_found false: *ret is untouched. */
an_err an_alarms_label_find(an_alarms *a, const an_label *like, an_label *ret, bool *ret_found, an_note *why);
an_err an_alarms_label_put(an_alarms *a, const an_label *label, an_note *why);
static inline bool an_label_missed(const an_label *l)
{
    return l->verdict == AN_VERDICT_TRUE && !l->spoken;
}

/* An alarm, as far as labels are matched with it. */
typedef struct an_alarm_ref {
    uint64_t alarm;
    int64_t since_ms, until_ms; /* INT64_MAX: it is active */
    char part[AN_NAME_MAX];
    bool rule, shown;
    bool touched; /* its verdict may be another one */
    size_t best;  /* what decides of it, counted from 1; 0: nothing yet */
} an_alarm_ref;

bool an_alarm_speaks_of(const an_alarm_ref *alarm, const an_label *label);

#endif
