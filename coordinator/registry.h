/* registry.h - questions to what the journal knows of versions: who needs a bundle, what ran where and when.
 *
 *     an_need *needs = an_alloc(st->versions.n, sizeof *needs);
 *     an_registry_needs(st, now_ms, needs);
 *     if (needs[i] == AN_NEED_NOT) ... its bundle may go
 *
 *     an_history h = {.line = "line-4"};
 *     for each record about the site, in order: err = an_history_take(&h, record, &why);
 *     for (size_t i = 0; i < h.runs.n; i++) ...
 *     an_history_done(&h);
 *
 * Pure: no store, no clock.
 *
 * Threads: belongs to the thread of the state. */
#ifndef AN_COORDINATOR_REGISTRY_H
#define AN_COORDINATOR_REGISTRY_H

#include "coordinator/state.h"

/* ---- who needs a version's bundle ---- */

typedef enum an_need {
    AN_NEED_NOT,
    AN_NEED_BLANK,    /* plans are made by it */
    AN_NEED_ALIAS,    /* an alias names it */
    AN_NEED_SITE,     /* a line was last heard to run it, or ran it before */
    AN_NEED_WAITS,    /* its release waits for a signature */
    AN_NEED_ROLLOUT,  /* it goes to its sites stage by stage */
    AN_NEED_CAMPAIGN, /* a campaign that is not over is at it */
    AN_NEED_ROUND,    /* a round can still be replayed with it */
    AN_NEED_OWED,     /* an update that may come late is trained from it */
    AN_NEED_FORMER,   /* it was production, and keep.versions reaches to it */
    AN_NEED_LINEAGE,  /* between such a version and the ancestor of a delegation: sites check the way */
    AN_NEED_NEW       /* of the newest keep.versions */
} an_need;
const char *an_need_text(an_need need);

/* ret: (versions.n), in the order of st->versions.  A version that is pruned already is told like any other.
 * Models with keep.versions 0 need all of theirs. */
void an_registry_needs(an_state *st, int64_t now_ms, an_need *ret);

/* ---- what ran ---- */

typedef struct an_run {
    char line[AN_NAME_MAX], model[AN_NAME_MAX];
    an_hash version, overlay; /* overlay: none without one */
    int64_t from_ms;          /* by the site's own clock; when it was told, if the site gave no time */
    int64_t told_ms;          /* when the coordinator heard of it */
    int64_t until_ms;         /* another version took its place; 0: nothing later is known */
    int64_t heard_ms;         /* the last time that something from the line named this version */
    bool dated;               /* from_ms is the site's own */
    bool countersigned;
    bool left; /* the site went back from it, and why */
    char reason[AN_REASON_MAX];
    uint64_t seq; /* of the record */
} an_run;

typedef struct an_history {
    const char *line; /* "": all */
    struct {
        an_run *items;
        size_t n, cap;
    } runs; /* in the order in which they were told; of one line, of rising from_ms */
} an_history;

/* One more record that is about the site; kinds that say nothing of lines are passed over.
 * Errors: PROTO, NOMEM. */
an_err an_history_take(an_history *h, const an_record *r, an_note *why);
void an_history_done(an_history *h);

/* Did it run at any time from `from` to `until`, as far as is known? */
bool an_run_within(const an_run *run, int64_t from_ms, int64_t until_ms);

#endif
