/* rules_internal.h - what rules.c (a row), rules_new.c (setting up, state) and rules_rate.c share. */
#ifndef AN_AGENT_RULES_INTERNAL_H
#define AN_AGENT_RULES_INTERNAL_H

#include "agent/rules.h"

typedef enum an_truth { AN_FALSE, AN_TRUE, AN_UNKNOWN } an_truth;

/* The change of a value per second: the slope of the line of least squares through the means of at most
 * AN_RATE_PARTS parts of the time that is looked at. */
#define AN_RATE_PARTS 32
typedef struct an_rate {
    struct {
        int64_t from_ms;
        double time, value; /* sums; time in seconds since from_ms */
        uint64_t n;
    } parts[AN_RATE_PARTS]; /* ring; the last is being filled */
    size_t head, n;
    struct {
        double t, v, tt, tv; /* over the parts but the last; time since the first one's beginning */
    } sums;
} an_rate;

void an_rate_reset(an_rate *r);
void an_rate_resume(an_rate *r); /* its parts have been filled in from elsewhere */
/* False: not half of over_ms has been seen. */
bool an_rate_step(an_rate *r, int64_t time_ms, double value, int64_t over_ms, double *ret);

typedef struct an_cond_state {
    bool on;    /* with its hysteresis */
    bool timed; /* true since since_ms */
    int64_t since_ms;
    uint32_t index; /* of the sensor, or of the line on the board */
    bool own;       /* SCORE, ALARM: of this line */
    an_rate *rate;  /* RATE; owned */
    double value;   /* FUSED: the score, 1 at its rate; MEMBER: ln p; NaN: unknown */
    an_truth truth; /* at the last row */
} an_cond_state;

typedef struct an_rule_state {
    bool active;
    bool pending; /* the condition is not what active is, since since_ms */
    int64_t since_ms;
    int64_t said_ms;      /* RAISE: its alarm was last said */
    an_alarm_event event; /* RAISE and active: its alarm */
    an_cond_state *conds;
    uint8_t form[AN_HASH_BYTES]; /* hash of its conditions */
} an_rule_state;

struct an_rulebook {
    an_line_rules rules; /* own copy */
    an_rule_state *states;
    int64_t update_ms;
    uint64_t active;
};

#endif
