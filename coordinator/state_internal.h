/* state_internal.h - how the handlers of state_apply.c read a record's body.
 *
 * A handler reads everything first and changes the state last, if an_body_ready says so.  The body
 * remembers the first failure, and every call after it does nothing, so that a handler checks
 * once.
 *
 * Threads: belongs to one thread. */
#ifndef AN_COORDINATOR_STATE_INTERNAL_H
#define AN_COORDINATOR_STATE_INTERNAL_H

#include "base/mem.h"
#include "coordinator/state.h"
#include "doors/json.h"

typedef struct an_body {
    const an_jval *o;
    an_err err;
    an_note *why;
    bool check;   /* nothing is to be changed: would it be applied? */
    size_t ahead; /* records that are applied before this one */
} an_body;

void an_state_use_id(an_state *st,
                     uint64_t id); /* of rounds, campaigns and rollouts; it is not given again */

bool an_body_ready(const an_body *b); /* all was read, and the state is to be changed */

const char *an_body_text(an_body *b, const char *key, const char *dflt); /* dflt NULL: it must be there */
int64_t an_body_int(an_body *b, const char *key, int64_t dflt);
double an_body_num(an_body *b, const char *key); /* 0 if it is not there */
bool an_body_bool(an_body *b, const char *key);  /* false if it is not there */
void an_body_hex(an_body *b, const char *key, uint8_t *ret, size_t len, bool optional);
an_hash an_body_hash(an_body *b, const char *key, bool optional);
uint64_t an_body_id(an_body *b, const char *key);
void an_body_name(an_body *b, char ret[static AN_NAME_MAX], const char *text); /* text must be a name */
void an_body_known(an_body *b, const void *thing, const char *what);           /* thing may not be NULL */

/* What an_spent_write wrote; none: no noise. */
void an_body_privacy(an_body *b, an_round_privacy *ret);

/* "statement" and "signatures" of the body.  *ret is zeroed if they cannot be read. */
void an_body_signed(an_body *b, an_signed *ret);

/* state_sites.c */
void an_state_site_token(an_state *st, const an_record *r, an_body *b);
void an_state_site_requested(an_state *st, const an_record *r, an_body *b);
void an_state_site_approved(an_state *st, const an_record *r, an_body *b);
void an_state_site_denied(an_state *st, const an_record *r, an_body *b);
void an_state_site_revoked(an_state *st, const an_record *r, an_body *b);
void an_state_site_party(an_state *st, const an_record *r, an_body *b);
void an_state_site_keys(an_state *st, const an_record *r, an_body *b);
void an_state_site_rotated(an_state *st, const an_record *r, an_body *b);
void an_state_roster_signed(an_state *st, const an_record *r, an_body *b);

/* state_drift.c */
void an_state_alarm_summary(an_state *st, const an_record *r, an_body *b);
void an_state_sent_note(an_state *st, const an_record *r, an_body *b); /* any record */
void an_state_drift_alert(an_state *st, const an_record *r, an_body *b);
void an_state_drifts_answer(an_state *st, const an_campaign *c); /* a campaign was opened */
void an_state_drifts_repeat(an_state *st, const an_campaign *c); /* it has ended */
void an_state_drifts_revoked(an_state *st, const char *site);

/* state_live.c */
void an_state_site_live(an_state *st, const an_record *r, an_body *b);

/* state_refits.c */
typedef struct an_campaign_lines {
    an_campaign_line items[AN_CAMPAIGN_LINES_MAX];
    size_t n;
} an_campaign_lines;
/* Those of the record's evidence, with room for them in the state. */
void an_body_campaign_lines(an_state *st, an_body *b, const an_campaign *c, an_campaign_lines *ret);
/* Does it answer what this line has reported?  One of overlays does for the lines that it asks. */
bool an_state_campaign_is_for(an_state *st, const an_campaign *c, const char *site, const char *line);
void an_state_refit_reported(an_state *st, const an_record *r, an_body *b);

/* state_owed.c */
/* The round ended without the sites that its record names; e NULL is fine after a failure. */
void an_state_owe(an_state *st, an_body *b, const an_round_entry *e);
/* Of a round.event: what the site has delivered, now or late, is what it owed; or it says that it will not. */
void an_state_owed_settle(an_state *st, const an_record *r, an_body *b);
void an_state_owed_drop(an_state *st, const an_campaign *c); /* it has ended */

/* state_counts.c */
void an_state_site_counts(an_state *st, const an_record *r, an_body *b);
/* The campaign was opened: verdicts until now are its matter; if it trains, rows, too. */
void an_state_counts_answered(an_state *st, const an_campaign *c);

/* state_registry.c */
void an_state_version_pruned(an_state *st, const an_record *r, an_body *b);
/* What the registry remembers of a record beside what its handler does. */
void an_state_registry_note(an_state *st, const an_record *r, an_body *b);

/* state_trust.c: what the release root's records do */
void an_state_root_set(an_state *st, const an_record *r, an_body *b);
void an_state_root_rotated(an_state *st, const an_record *r, an_body *b);
void an_state_release_wanted(an_state *st, const an_record *r, an_body *b);
void an_state_release_dropped(an_state *st, const an_record *r, an_body *b);
void an_state_release_signed(an_state *st, const an_record *r, an_body *b);
void an_state_delegation_signed(an_state *st, const an_record *r, an_body *b);
void an_state_delegation_revoked(an_state *st, const an_record *r, an_body *b);
void an_state_waits_end(an_state *st, uint64_t campaign); /* what it waited for is not wanted any more */
/* The rollout's version is production: its statement, too. */
/* Production is another version: what waits for a signature of the one before, or of a rollout that is over, is not to be
 * signed any more. */
void an_state_waits_lapse(an_state *st, const an_model_entry *m);
void an_state_release_moved(an_state *st, an_model_entry *m);

/* state_proposals.c */
void an_state_proposal_made(an_state *st, const an_record *r, an_body *b);
void an_state_proposal_ended(an_state *st, const an_record *r, an_body *b);

/* state_users.c */
void an_state_user_set(an_state *st, const an_record *r, an_body *b);
void an_state_user_password(an_state *st, const an_record *r, an_body *b);
void an_state_user_token(an_state *st, const an_record *r, an_body *b);
void an_state_user_token_revoked(an_state *st, const an_record *r, an_body *b);
void an_state_user_removed(an_state *st, const an_record *r, an_body *b);

/* state_rollouts.c */
void an_state_rollout_opened(an_state *st, const an_record *r, an_body *b);
void an_state_rollout_event(an_state *st, const an_record *r, an_body *b);
void an_state_rollout_ended(an_state *st, const an_record *r, an_body *b);
void an_state_clock_set(an_state *st, const an_record *r, an_body *b);
void an_state_group_set(an_state *st, const an_record *r, an_body *b);
void an_state_site_report(an_state *st, const an_record *r, an_body *b);
void an_state_rollouts_done(an_state *st);

/* Adds the item to the list, or makes room for it. */
#define AN_BODY_APPEND(b, list, item)                                                                        \
    do {                                                                                                     \
        if ((b)->err == AN_OK &&                                                                             \
            !an_grow(&(list)->items, &(list)->cap, (list)->n + 1 + (b)->ahead, sizeof *(list)->items))       \
            (b)->err = AN_ERR_NOMEM;                                                                         \
        if (an_body_ready(b))                                                                                \
            (list)->items[(list)->n++] = (item);                                                             \
    } while (0)

#endif
