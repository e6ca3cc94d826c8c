/* campaign.h - a campaign is a sequence of rounds that ends with a decision.
 *
 *     TRAINING     MEAN, VARIANCE, HISTOGRAM, TRAIN x n, EVALUATE, SHADOW, gate, promote    from the beginning
 *     INCREMENTAL  TRAIN x n, EVALUATE, SHADOW, gate, promote                               the answer to drift
 *
 *     Where the detector follows from sums, the last round before EVALUATE is a FIT, which makes it of what the trained
 *     network leaves over at all sites; a model without a network has this one alone.
 *
 *     OVERLAY      no round: the lines it is for adapt their overlays (msg REFIT), and it ends when all have answered
 *
 * SHADOW is there where the policy's shadow.time is above 0 and there is a production version to score beside.
 *
 * Like a round it is a value: what has happened is in it, and an_campaign_next says, purely, what
 * is to be done.  Each round starts from `head`, the newest version of the campaign, and leaves
 * the next one; a round that aborts is tried again a few times, and one whose sites are not ready yet for as long
 * as the policy's patience lasts, at growing distances.
 *
 * Threads: plain data. */
#ifndef AN_COORDINATOR_CAMPAIGN_H
#define AN_COORDINATOR_CAMPAIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"
#include "coordinator/policy.h"
#include "coordinator/server_optimiser.h"
#include "msg/msg.h"
#include "sum/payload.h"

typedef enum an_campaign_kind {
    AN_CAMPAIGN_TRAINING,
    AN_CAMPAIGN_INCREMENTAL,
    AN_CAMPAIGN_OVERLAY
} an_campaign_kind;

typedef enum an_campaign_state {
    AN_CAMPAIGN_WAITING, /* for a person to approve it */
    AN_CAMPAIGN_RUNNING,
    AN_CAMPAIGN_PASSED, /* the gate; its rollout is not over, or not opened yet */
    AN_CAMPAIGN_PROMOTED,
    AN_CAMPAIGN_STOPPED, /* the gate, a person, or too many aborted rounds; see reason */
    AN_CAMPAIGN_ADAPTED, /* OVERLAY: one line at least has */
} an_campaign_state;

typedef struct an_campaign {
    uint64_t id;
    char model[AN_NAME_MAX];
    an_campaign_kind kind;
    an_campaign_state state;
    char trigger[AN_REASON_MAX]; /* why it began */
    char cause[AN_SHORT_MAX];    /* what asked for it: "person", or a trigger (triggers.def) */
    char scope[AN_SHORT_MAX];    /* drift: "one line" ...; "" else */
    char plan[AN_REASON_MAX];    /* who does what in it; may be empty */
    char reason[AN_REASON_MAX];  /* why it ended, or what it waits for */
    int64_t opened_ms, running_ms, ended_ms;
    uint32_t refits, refits_open, refits_done; /* OVERLAY: lines asked; not answered yet; adapted */
    uint32_t train_rounds;                     /* to be done: TRAIN, and where it fits the last is FIT */
    bool fits;
    double loss;                       /* of the sites in the last TRAIN round; 0: none yet */
    uint32_t step;                     /* rounds committed so far */
    uint32_t aborted;                  /* rounds that failed since the last commit */
    uint32_t early;                    /* ... of them in a row because sites were not ready yet */
    int64_t early_ms, awaited_ms;      /* the last of these; the first */
    char awaited[AN_REASON_MAX];       /* what they are not ready for */
    uint64_t open_round;               /* 0: none */
    an_hash base;                      /* where it started */
    an_hash head;                      /* the newest version */
    an_hash untrained;                 /* what its first TRAIN round starts from; none: zero */
    bool first;                        /* the figures are held against it, as there is no production */
    an_hash optimiser;                 /* the server optimiser's state; none: zero */
    const an_server_optimiser *server; /* whose state it is */
    an_hash evaluation;                /* the evaluated figures; none before */
    bool beside;                       /* they are beside those of a production version */
    an_hash shadow;                    /* the counts of its shadow; none before, or without one */
    bool approved_promotion;           /* by a person */
    uint64_t rollout;                  /* of what passed the gate; 0: not opened yet */
} an_campaign;

typedef enum an_campaign_todo {
    AN_TODO_NOTHING, /* it waits, or a round is open, or it is over */
    AN_TODO_ROUND,   /* open a round of the kind given */
    AN_TODO_GATE,
    AN_TODO_PROMOTE,
    AN_TODO_GIVE_UP, /* too many rounds aborted */
    AN_TODO_SETTLE,  /* all lines have answered */
} an_campaign_todo;

/* kind is set for AN_TODO_ROUND. */
an_campaign_todo an_campaign_next(const an_campaign *c, const an_policy *policy, int64_t now_ms,
                                  an_payload_kind *ret_kind);

/* When sites that were not ready yet are asked again, and until when that goes on. */
int64_t an_campaign_again_ms(const an_campaign *c);
int64_t an_campaign_patience_ms(const an_campaign *c, const an_policy *policy);

bool an_campaign_trains(const an_campaign *c);        /* another TRAIN round is to come, or open */
uint32_t an_campaign_n_rounds(const an_campaign *c);  /* all it needs when none aborts */
uint32_t an_campaign_n_trained(const an_campaign *c); /* TRAIN rounds committed */
bool an_campaign_is_over(const an_campaign *c);
const char *an_campaign_state_name(an_campaign_state s);
const char *an_campaign_kind_name(an_campaign_kind k);
bool an_campaign_kind_find(const char *name, an_campaign_kind *ret);

#endif
