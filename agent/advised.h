/* advised.h - advice that was given, for people: as a sentence and as JSON, which is kept with its alarm (exhibit.h) and
 * shown as the last one in status.json.  docs/OPERATIONS.md lists the keys.  Nothing reads it to write it to a plant.
 *
 *     an_advised *a = an_advised_new(&about, &versions, now, then, &advice);
 *     an_advised_free(a);
 *
 * Threads: plain data; reading opens whole files. */
#ifndef AN_AGENT_ADVISED_H
#define AN_AGENT_ADVISED_H

#include "agent/advice_versions.h"
#include "doors/json.h"
#include "msg/bounds.h"

typedef enum an_advised_kind {
    AN_ADVISED_MOVES,
    AN_ADVISED_MET,    /* it is as wished */
    AN_ADVISED_NONE,   /* no move within the limits is better */
    AN_ADVISED_REFUSED /* nobody can say */
} an_advised_kind;
const char *an_advised_name(an_advised_kind kind); /* "moves", "as wished", "none", "refused" */

typedef struct an_advised_about {
    const char *line;
    uint64_t alarm;  /* at whose opening it was asked for; 0: the prediction was past the limit */
    int64_t time_ms; /* of the row, by the source's clock */
} an_advised_about;

typedef struct an_advised {
    an_advised_kind kind;
    uint64_t alarm;
    char *text; /* JSON */
} an_advised;

/* now, then: rows of the goal's sensors, as an_advice_find takes and gives them.  NULL: out of memory. */
an_advised *an_advised_new(const an_advised_about *about, const an_advice_versions *v, const float *now,
                           const float *then, const an_advice *advice);
an_advised *an_advised_refused(const an_advised_about *about, const char *why); /* likewise */
void an_advised_free(an_advised *a);                                            /* NULL is fine */

/* What is kept of an alarm's advice in the data folder dir; NULL: nothing, or it is damaged. */
an_json *an_advised_read(const char *dir, const char *line, uint64_t alarm);
/* Its sentences; false: there is none. */
#define AN_ADVISED_SAID_MAX 1024
bool an_advised_said(const char *dir, const char *line, uint64_t alarm, char ret[static AN_ADVISED_SAID_MAX]);

#endif
