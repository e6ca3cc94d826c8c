/* api_internal.h - what the files of the API share. */
#ifndef AN_COORDINATOR_API_INTERNAL_H
#define AN_COORDINATOR_API_INTERNAL_H

#include "coordinator/api/api.h"

/* One request on its way through its handler. */
typedef struct an_api_call {
    const an_api_conf *conf;
    an_hub *hub;
    an_state *state;
    const an_api_request *req;
    const char *actor;
    const char *arg;     /* what stands for the {part} of the pattern; "" without one */
    const an_jval *body; /* an object; empty if nothing was sent */
    int64_t waited_ms;
    unsigned status; /* 200 unless the handler says otherwise */
    an_json *answer; /* filled by the handler */
    bool whole;      /* lists are given whole, without a next piece */
    bool secret;     /* the answer must not be remembered */
    char *text;      /* in place of answer, of this type; taken */
    const char *type;
    uint64_t last;     /* see an_api_answer */
    an_api_rest *rest; /* of an answer in pieces; api.c keeps or frees it */
} an_api_call;

typedef an_err an_api_handler(an_api_call *c, an_note *why);

#define AN_ROUTE(method, pattern, function, role, scope, people, meaning) an_api_handler an_api_##function;
#include "coordinator/api/routes.def"
#undef AN_ROUTE

/* Keeps the call as a proposal: 202.  Errors: NOTFOUND what it is about; EXISTS, STATE, LIMIT. */
an_err an_api_propose(an_api_call *c, const char *pattern, an_note *why);
/* May c's user do a POST of this path and body?  run: and does it, into c's answer.  Errors: AUTH, STATE, the function's. */
an_err an_api_again(an_api_call *c, const char *path, const char *body, bool run, an_note *why);
/* May they?  Errors: AUTH. */
an_err an_api_access(const an_api_call *c, an_role role, an_api_scope scope, an_note *why);
bool an_api_sees(const an_api_call *c, const char *site); /* for routes of scope LIST */
/* A text that may name any site: empty for who does not see all. */
const char *an_api_text_for(const an_api_call *c, const char *text);
const char *an_api_reason_for(const an_api_call *c, const char *text); /* says that there is one */

int64_t an_api_now(const an_api_call *c);                            /* wall ms */
void an_api_set_hash(an_json *o, const char *key, const an_hash *h); /* null if zero */
/* The {part} as a number.  Errors: NOTFOUND. */
an_err an_api_id(const an_api_call *c, const char *what, uint64_t *ret, an_note *why);
/* A query parameter as a number, 0 if absent.  Errors: INVAL not 0..max. */
an_err an_api_number(const char *key, const char *text, int64_t max, int64_t *ret, an_note *why);
/* ?limit=, within 1..max.  Errors: INVAL. */
an_err an_api_limit(const an_api_call *c, int64_t dflt, int64_t max, size_t *ret, an_note *why);
/* ---- lists: api_list.c ----
 *
 *     an_api_list l;
 *     if ((err = an_api_list_open(c, &l, n, AN_NEWEST, 50, why)) != AN_OK) ...
 *     for (size_t i; an_api_list_next(&l, &i);)
 *         if (wanted(&items[i])) { push; l.left--; }
 *     an_api_list_close(c, &l);                    says "next" where there is more
 *
 * Newest first they go on at ?before=, else at ?after=; each is the "next" of the answer before. */
#define AN_API_LIST_MAX 1000

typedef struct an_api_window {
    int64_t from_ms, until_ms;
} an_api_window;
/* ?since= and ?until=.  Errors: INVAL. */
an_err an_api_window_read(const an_api_call *c, an_api_window *ret, an_note *why);
bool an_api_within(const an_api_window *w, int64_t ms);
bool an_api_wants(const char *wanted, const char *value); /* "" wants all */

typedef enum an_api_order { AN_NEWEST, AN_OLDEST } an_api_order;
typedef struct an_api_list {
    size_t at, n, left;
    an_api_window window;
    bool newest, whole;
} an_api_list;
/* Errors: INVAL the cursor, the limit or the window. */
an_err an_api_list_open(const an_api_call *c, an_api_list *ret, size_t n, an_api_order order, int64_t dflt,
                        an_note *why);
bool an_api_list_next(an_api_list *l, size_t *ret_i);
void an_api_list_close(const an_api_call *c, const an_api_list *l);

/* The same of records, newest first: take says whether one counts.  A request looks at so many records at most; what it
 * had no time for is the next piece. */
#define AN_API_SEEN_MAX 5000
typedef struct an_api_scan {
    an_err (*take)(void *ctx, const an_record *r, bool *ret_taken, an_note *why);
    void *ctx;
    an_api_window window; /* all below: its own */
    size_t left, seen;
    uint64_t last;
    bool more;
} an_api_scan;
an_err an_api_scan_run(an_api_call *c, an_api_scan *s, an_store_filter *f, int64_t dflt, an_note *why);

/* ---- answers that read the whole journal: api_rest.c ----
 *
 *     if ((err = an_api_rest_open(c, sizeof *x, done, &x)) == AN_OK)       zeroed at the first piece
 *         err = an_api_rest_scan(c, &filter, visit, x, why);
 *     if (err != AN_OK) return err;                                        AGAIN: the next piece later
 *     ... all records were seen: the answer
 *
 * between two pieces the journal may grow, and what was appended is seen too. */
/* *ret_ptr: a pointer to the state, of `size` bytes; done frees what it holds.  Errors: NOMEM. */
an_err an_api_rest_open(an_api_call *c, size_t size, void (*done)(void *state), void *ret_ptr);
/* Errors: AGAIN, and those of an_store_scan. */
an_err an_api_rest_scan(an_api_call *c, const an_store_filter *f, an_store_visit visit, void *ctx,
                        an_note *why);

/* "reason" of the body, "" if absent.  Errors: INVAL. */
an_err an_api_reason(const an_api_call *c, const char **ret, an_note *why);
/* A hash or its beginning (4 digits at least) that only one version has.  Errors: NOTFOUND,
 * INVAL. */
an_err an_api_version_find(const an_api_call *c, const char *text, an_version **ret, an_note *why);

/* One thing as JSON; shared by its own route, its list and /status. */
an_json *an_api_site_json(const an_api_call *c, const an_site *s);
an_json *an_api_model_json(const an_api_call *c, const an_model_entry *m);
an_json *an_api_version_json(const an_api_call *c, const an_version *v);
an_json *an_api_campaign_json(const an_api_call *c, const an_campaign *k);
an_json *an_api_round_json(const an_api_call *c, const an_round_entry *r, bool members);
/* "protection" of a round by this plan, and "groups" if there are several.  Errors: IO, PROTO, NOMEM. */
an_err an_api_set_protection(const an_api_call *c, an_json *o, const an_hash *plan, an_note *why);
void an_api_set_round_privacy(an_json *o, const an_round_entry *r); /* "privacy" */
void an_api_set_model_privacy(const an_api_call *c, an_json *o, const an_model_entry *m);
/* Errors: STATE noise would bury what such a campaign learns, and the body does not confirm it. */
an_err an_api_confirm_privacy(const an_api_call *c, const char *model, an_campaign_kind kind, uint32_t rounds,
                              an_note *why);
/* All that is known of a version.  Errors: IO, PROTO, NOMEM. */
an_err an_api_version_facts(const an_api_call *c, const an_version *v, an_json **ret, an_note *why);
an_err an_api_version_card_text(const an_api_call *c, const an_version *v, an_buf *out, an_note *why);
an_json *an_api_rollout_json(const an_api_call *c, const an_rollout *r, bool sites);
void an_api_set_open_rollouts(const an_api_call *c); /* "rollouts", the latest first */
an_json *an_api_root_json(const an_api_call *c);
an_json *an_api_drift_json(const an_drift_entry *d);

/* api_gate.c: sets "opened", the record that a campaign was opened by. */
an_err an_api_opened_add(an_api_call *c, const char *model, uint64_t campaign, an_note *why);
/* Sets "gate", the last verdict on a campaign's candidate (campaign 0: any; candidate NULL: any). */
an_err an_api_gate_add(an_api_call *c, const char *model, uint64_t campaign, const an_hash *candidate,
                       an_note *why);

#endif
