/* rollout.h - a version goes to a model's sites stage by stage, and back if it does not do.
 *
 *      WAITING ------------------> RUNNING ------------------> DONE
 *     approval,   <------------  a stage's sites    the last stage was good
 *     signature,    next stage    get it, soak
 *     window                        |      |
 *                                   |      +-- too few report, too few are fine, a person --> PAUSED
 *                                   +-- more sites failed than rollout.error --> ROLLED_BACK
 *                                       (of any of them: a person --> ABORTED)
 *
 * Like a round (round.h) it is a value: one pure function takes (state, event) to a state.  No I/O and no clock:
 * time comes in with the event.  The host stores an event that changes something, and the stored events give the
 * same state again; an_rollout_owed says what a state asks the host to do, in service as after a restart:
 *
 *     changed = an_rollout_step(&copy, &event);
 *     if (changed) store(event);                     the state takes the step as it applies the record
 *     if (an_rollout_owed(r) & AN_ROLLOUT_SIGN) ...
 *
 * Its sites are divided into stages when it opens.  A site that comes later belongs to the last stage.  What a
 * stage is judged by:
 *
 *     success    share of the sites that reported in which the version was fine for the soak time, and for the
 *                site's own watch
 *     error      failed sites, of those that have it or were told to: beyond it, all goes back at once
 *     reporting  so many sites must have reported when the deadline comes; the others are ABSENT: they neither
 *                block for ever nor count as success, and it stays their version when they come back
 *
 * Threads: plain data; belongs to one thread at a time. */
#ifndef AN_COORDINATOR_ROLLOUT_H
#define AN_COORDINATOR_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "coordinator/calendar.h"
#include "coordinator/rollout_text.h"
#include "doors/crypto.h"

typedef enum an_rollout_state {
    AN_ROLLOUT_WAITING, /* see an_rollout_wait */
    AN_ROLLOUT_RUNNING,
    AN_ROLLOUT_PAUSED,
    AN_ROLLOUT_DONE,
    AN_ROLLOUT_ROLLED_BACK,
    AN_ROLLOUT_ABORTED,
} an_rollout_state;

typedef enum an_rollout_wait {
    AN_ROLLOUT_FOR_NOTHING,
    AN_ROLLOUT_FOR_APPROVAL,
    AN_ROLLOUT_FOR_SIGNATURE,
    AN_ROLLOUT_FOR_WINDOW,
} an_rollout_wait;

typedef enum an_target_state {
    AN_TARGET_PENDING, /* its stage has not begun */
    AN_TARGET_TOLD,    /* it is to run the version, and does not yet */
    AN_TARGET_RUNNING, /* it does, and the soak time is not over */
    AN_TARGET_FINE,
    AN_TARGET_FAILED,
    AN_TARGET_ABSENT, /* it did not report before the deadline */
    AN_TARGET_GONE,   /* it was revoked, or runs the model no longer */
} an_target_state;

/* A site of a rollout. */
#define AN_TARGET_REASON_MAX 160
typedef struct an_target {
    char site[AN_NAME_MAX];
    uint32_t stage;
    uint32_t counts; /* the stage in which it is counted: a later one if it reports or fails later */
    an_target_state state;
    bool reached; /* it was told once */
    bool refused; /* TOLD: it said that it cannot; it may try again until the deadline */
    bool watches; /* RUNNING: fine when it has decided, too, or at the deadline */
    int64_t since_ms;
    uint64_t since_seq; /* record that brought it into this state: what came first is told by the journal's
                         * order, as clocks are set */
    char reason[AN_TARGET_REASON_MAX];
} an_target;

enum { AN_APPROVE_NONE, AN_APPROVE_FIRST, AN_APPROVE_EACH }; /* index into "none", "first", "each" */

/* As the policy was when it opened. */
typedef struct an_rollout_rules {
    int64_t soak_ms, deadline_ms;
    double success, error; /* shares */
    an_opt_line reporting, window;
    int approve;
} an_rollout_rules;

typedef struct an_rollout_stage {
    char text[AN_NAME_MAX + 2]; /* of the policy */
} an_rollout_stage;

typedef struct an_rollout {
    uint64_t id, campaign; /* campaign 0: none */
    char model[AN_NAME_MAX];
    char actor[AN_NAME_MAX + 8]; /* who opened it */
    an_hash version, from;       /* from: what was production; zero: none */
    bool at_once; /* one stage of all sites: production moves with it, and it is watched only */
    an_rollout_rules rules;
    an_share reporting; /* of rules */
    an_calendar window; /* of rules */
    an_rollout_stage stages[AN_STAGES_MAX];
    uint32_t n_stages;

    an_rollout_state state;
    an_rollout_wait wait;
    uint32_t stage;   /* the present one, or the one that comes */
    bool stage_open;  /* its sites are to run the version */
    bool approved;    /* the stage that comes */
    bool signed_;     /* there is a statement that sites follow */
    bool judged;      /* PAUSED: the stage was not good enough, and nobody has paused it */
    uint64_t counter; /* of the statement; 0: there never was one */
    int64_t opened_ms, stage_ms, deadline_ms, paused_ms, ended_ms;
    an_target *targets; /* owned */
    size_t n_targets, cap_targets;
    char reason[256];   /* why it pauses, why it ended */
    uint64_t ended_seq; /* record that ended it */
    bool settled;       /* all that its end asks for is done */
} an_rollout;

void an_rollout_done(an_rollout *r);
an_err an_rollout_copy(an_rollout *ret, const an_rollout *r); /* Errors: NOMEM. */

/* ---- opening ---- */

typedef struct an_rollout_site {
    char name[AN_NAME_MAX];
    bool connected; /* these come first where a stage takes so many */
    bool drifting;
} an_rollout_site;

typedef struct an_rollout_plan {
    uint64_t id, campaign;
    const char *model, *actor;
    an_hash version, from;
    bool at_once; /* whatever the stages say */
    const char *stages;
    an_rollout_rules rules;
    const an_rollout_site *sites;
    size_t n_sites;
    bool (*in_group)(void *ctx, const char *group, const char *site);
    void *ctx;
} an_rollout_plan;

/* Divides the sites into stages.  Stages without a site are left out; one is there always.
 * Errors: INVAL a text, NOMEM. */
an_err an_rollout_open(an_rollout *ret, const an_rollout_plan *plan, int64_t now_ms, an_note *why);

/* Sets what follows from the rules' texts.  Errors: INVAL. */
an_err an_rollout_rules_read(an_rollout *r, an_note *why);

/* ---- events ---- */

typedef enum an_rollout_event_type {
    AN_ROLLOUT_EVENT_TIME,     /* time has passed */
    AN_ROLLOUT_EVENT_SIGNED,   /* counter: of the statement that is in force */
    AN_ROLLOUT_EVENT_UNSIGNED, /* it holds no longer */
    AN_ROLLOUT_EVENT_RUNS,     /* all lines of a site run the version */
    AN_ROLLOUT_EVENT_LEFT,     /* a site runs it no longer, and has not said that it is bad */
    AN_ROLLOUT_EVENT_REFUSES,  /* a site says that it cannot; it may later */
    AN_ROLLOUT_EVENT_FAILS,    /* counts at once: it went back, live figures worsened, non-finite */
    AN_ROLLOUT_EVENT_JOINS,
    AN_ROLLOUT_EVENT_GOES,
    AN_ROLLOUT_EVENT_APPROVE,
    AN_ROLLOUT_EVENT_PAUSE,
    AN_ROLLOUT_EVENT_RESUME,
    AN_ROLLOUT_EVENT_RETRY,
    AN_ROLLOUT_EVENT_ABORT,
    AN_ROLLOUT_EVENT_FOLLOWED, /* at_once: another version is to come now */
    AN_ROLLOUT_EVENT_WATCHES,  /* a site holds it against the version before and has not decided yet */
    AN_ROLLOUT_EVENT_WATCHED,  /* it has */
} an_rollout_event_type;
#define AN_ROLLOUT_EVENTS (AN_ROLLOUT_EVENT_WATCHED + 1)

typedef struct an_rollout_event {
    an_rollout_event_type type;
    int64_t now_ms;
    uint64_t seq;           /* of its record; 0 while it is only tried */
    uint64_t counter;       /* SIGNED */
    char site[AN_NAME_MAX]; /* of those that speak of one */
    char reason[256];
} an_rollout_event;

/* Makes room, so that a JOINS finds it.  Errors: NOMEM. */
an_err an_rollout_reserve(an_rollout *r);

/* Takes one event.  True: something has changed, and the event is to be stored.  An event that does not fit
 * changes nothing.  Only JOINS may need memory, and changes nothing without it. */
bool an_rollout_step(an_rollout *r, const an_rollout_event *e);

/* The clock was set: what soaks and waits goes on for as long as before; windows go by the new time. */
void an_rollout_shift(an_rollout *r, int64_t by_ms);

/* May a person ask for this now?  Errors: STATE, why says what it is instead. */
an_err an_rollout_allows(const an_rollout *r, an_rollout_event_type verb, an_note *why);

/* ---- looking ---- */

enum {
    AN_ROLLOUT_SIGN = 1,    /* ask for a statement of its version */
    AN_ROLLOUT_PROMOTE = 2, /* it is production's version now */
    AN_ROLLOUT_RETURN = 4,  /* everything it reached goes back to `from` */
    AN_ROLLOUT_SETTLE = 8,  /* it is over, and nobody knows yet */
};
unsigned an_rollout_owed(const an_rollout *r);

bool an_rollout_is_over(const an_rollout *r);
/* Is the site to run its version?  Also of a rollout that is over: was it told to? */
bool an_rollout_reaches(const an_rollout *r, const char *site);
bool an_rollout_reached_any(const an_rollout *r);
/* May sites be told now?  Not in a pause, nor outside the maintenance windows. */
bool an_rollout_may_tell(const an_rollout *r, int64_t now_ms);
int64_t an_rollout_deadline(const an_rollout *r,
                            int64_t now_ms); /* of the next useful TIME; INT64_MAX: none */

an_target *an_rollout_find(const an_rollout *r, const char *site); /* NULL */

typedef struct an_rollout_figures {
    uint32_t total; /* all but GONE */
    uint32_t pending, told, running, fine, failed, absent;
} an_rollout_figures;
an_rollout_figures an_rollout_count(const an_rollout *r, uint32_t stage); /* UINT32_MAX: all stages */

/* "stage 1 of 3 (2): 1 of 2 fine, 1 not heard of, until 10:00" : for people. */
void an_rollout_waiting(const an_rollout *r, int64_t now_ms, an_note *ret);

const char *an_rollout_state_name(an_rollout_state s);
const char *an_rollout_wait_name(an_rollout_wait w);
const char *an_target_state_name(an_target_state s);
const char *an_rollout_event_name(an_rollout_event_type t);
const char *an_rollout_approve_name(int approve);

#endif
