/* rules.h - what a line's people know for certain, beside what its model has learned.
 *
 *     when (a tree of conditions) --for--> active --clear_for--> over
 *
 * An active rule does one of three things: `raise` is an alarm of its own, `veto` suppresses the model's alarms, `escalate`
 * gives them a higher severity.
 *
 * A condition is true, false or unknown: unknown is what looks at a value that is missing or out of the
 * instrument's range, at a score that there is not, at a line that does not run.  all, any and not are Kleene's; a rule
 * whose condition is unknown stays as it is, and its times go on once it is known.  So a broken instrument raises no
 * alarm and ends none.  A stuck value is a value: a switch rests for hours.
 *
 *     err = an_line_rules_read(list, &conf, &why);               the configuration (rules_conf.c)
 *     err = an_rulebook_new(&conf, &at, &book, &why);            for the sensors of a source
 *     n = an_rulebook_step(book, &in, said);                     each row
 *     if (an_rulebook_active(book, AN_RULE_VETO)) ...
 *
 * Pure; a step allocates nothing.  Threads: one thread per an_rulebook; an an_line_rules does not change. */
#ifndef AN_AGENT_RULES_H
#define AN_AGENT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm.h"
#include "agent/alarm_record.h"
#include "agent/board.h"
#include "agent/quality.h"
#include "base/buf.h"
#include "base/err.h"
#include "doors/yaml.h"
#include "models/fuse.h"

#define AN_RULES_MAX 64        /* of a line: each is a bit of a mask */
#define AN_RULE_CONDS_MAX 64   /* conditions of a rule, groups among them */
#define AN_RULE_DEPTH_MAX 8    /* groups in groups */
#define AN_RULES_CONDS_MAX 512 /* ... of all rules of a line */
#define AN_RULES_RATES_MAX 64  /* conditions of a rate among them */
#define AN_RULE_TIME_MAX_MS INT64_C(604800000)

typedef enum an_rule_effect { AN_RULE_RAISE, AN_RULE_VETO, AN_RULE_ESCALATE } an_rule_effect;
#define AN_RULE_EFFECTS 3
const char *an_rule_effect_name(an_rule_effect e);

typedef enum an_cond_kind {
    AN_COND_ALL,
    AN_COND_ANY,
    AN_COND_NOT,
    AN_COND_ABOVE,       /* value > high; ends at high - hysteresis */
    AN_COND_BELOW,       /* value < low; ends at low + hysteresis */
    AN_COND_OUTSIDE,     /* of [low, high]; likewise */
    AN_COND_RATE_ABOVE,  /* change per second over over_ms > high */
    AN_COND_RATE_BELOW,  /* < low */
    AN_COND_FAULT,       /* the data quality of the sensor: one of `faults` is open */
    AN_COND_SCORE_ABOVE, /* of the model of this line or another; 1 is its threshold */
    AN_COND_ALARM_OPEN,  /* of this line's model, or another line's alarm of any source that is shown */
    AN_COND_FUSED, /* a group: the scores of its members together are as rare as `far` (models/fuse.h) */
    AN_COND_MEMBER /* ... of which this is one: a line */
} an_cond_kind;
bool an_cond_is_group(an_cond_kind kind);

/* In the order in which they are written, each group before its members. */
typedef struct an_cond {
    an_cond_kind kind;
    size_t end; /* of the group: one past its last member's index */
    double low, high, hysteresis;
    int64_t for_ms;           /* so long without a break */
    int64_t over_ms;          /* RATE */
    const an_fuse *fuse;      /* FUSED */
    double far;               /* FUSED: its score is 1 there */
    unsigned faults;          /* 1u << an_quality_kind */
    char name[AN_SENSOR_MAX]; /* of the sensor, or of another line; "": this line */
    char unit[AN_SHORT_MAX];  /* that the source must give; "": not said */
    const an_node *node;      /* for what is found wrong at the source; borrowed from the document */
} an_cond;

typedef struct an_line_rule {
    char name[AN_RULE_NAME_MAX];
    an_rule_effect effect;
    an_severity severity;
    int64_t for_ms, clear_ms;
    char message[AN_ALARM_TEXT_MAX]; /* "": made of the name */
    an_cond *conds;                  /* (n) owned; conds[0] is the tree */
    size_t n;
} an_line_rule;

typedef struct an_line_rules {
    an_line_rule *items; /* (n) owned */
    size_t n;
} an_line_rules;

/* list: of the key `rules`; NULL or null: no rules.  On failure nothing is owned.  Errors: INVAL with file, line and
 * column, NOMEM. */
an_err an_line_rules_read(const an_node *list, an_line_rules *ret, an_note *why);
bool an_line_rules_fuse(const an_line_rules *r,
                        const char *line); /* is this line a member of a fused score? */
void an_line_rules_done(an_line_rules *r); /* zeroed is fine */

/* ---- at work ---- */

typedef struct an_rulebook an_rulebook;

typedef struct an_rulebook_at {
    const char *const *sensors; /* (width), borrowed for the call */
    const char *const *units;   /* (width); NULL: unknown */
    size_t width;
    const char *const *lines; /* (n_lines) of the site, in the order of the board */
    size_t n_lines;
    size_t line;       /* this one's place there */
    int64_t update_ms; /* an alarm of a rule is said again so often; 0: never */
} an_rulebook_at;

/* rules is copied.  No rules: *ret is NULL.  Errors: INVAL a sensor, unit or line that is not there (why names the
 * nearest), NOMEM. */
an_err an_rulebook_new(const an_line_rules *rules, const an_rulebook_at *at, an_rulebook **ret, an_note *why);
void an_rulebook_free(an_rulebook *b);

typedef struct an_rule_in {
    int64_t time_ms;
    bool restart;        /* not the continuation of the row before: rates and times begin anew */
    const float *values; /* (width) as they came */
    const an_quality *quality;
    double score;          /* NaN: the row has none */
    double ln_p;           /* how rarely a normal score is as high; NaN: nobody knows */
    bool alarm_open;       /* of the model */
    const an_board *board; /* NULL: no other lines */
    an_alarm *numbers;     /* gives the alarms of rules their numbers */
} an_rule_in;

/* What a line has to do with a fused score. */
typedef struct an_rule_member {
    const char *line; /* borrowed from the rulebook */
    double share;     /* of all members' -ln p; together 1 */
    double ln_p;
} an_rule_member;

typedef struct an_rule_said {
    unsigned rule;
    /* Its top: sensors of conditions that are true.  Score and peak: of its first fused condition, or the model's; may be NaN. */
    an_alarm_event event;
    an_rule_member members[AN_ALARM_TOP]; /* (n_members) of that condition, the largest share first */
    size_t n_members;
} an_rule_said;

/* Returns how many alarms of rules have something to say; ret has room for AN_RULES_MAX. */
size_t an_rulebook_step(an_rulebook *b, const an_rule_in *in, an_rule_said *ret);

size_t an_rulebook_n(const an_rulebook *b); /* NULL: 0 */
const an_line_rule *an_rulebook_rule(const an_rulebook *b, size_t i);
/* Bits of the rules with this effect that are active; NULL: 0. */
uint64_t an_rulebook_active(const an_rulebook *b, an_rule_effect effect);
/* The highest severity of active rules that escalate, at least `least`. */
an_severity an_rulebook_severity(const an_rulebook *b, an_severity least);
uint64_t an_rulebook_alarm(const an_rulebook *b); /* number of an open alarm of a rule; 0: none */

/* The state for a restart.  A rule goes on if it is there by its name; with other conditions than before these begin
 * anew.  Alarms of rules that are not there any more are cleared: *ret_gone (room for AN_RULES_MAX) has their last
 * events, as CLEARED.  b may be NULL: no rules now.  Errors: PROTO, NOMEM, LIMIT. */
an_err an_rulebook_save(const an_rulebook *b, an_buf *ret);
typedef struct an_rule_gone {
    char name[AN_RULE_NAME_MAX];
    an_alarm_event event;
} an_rule_gone;
an_err an_rulebook_restore(an_rulebook *b, an_reader *in, an_rule_gone *ret_gone, size_t *ret_n);

#endif
