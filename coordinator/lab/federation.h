/* federation.h - a whole federation in one process: the hub, a session per site, and between
 * them every message encoded and decoded as on the wire, on a clock that nobody waits for.
 *
 *     an_federation_conf conf = {.spec = &spec, .sites = sites, .n_sites = 12, .n_threads = 2};
 *     an_federation_result result = {0};
 *     err = an_federation_run(&conf, &result, &why);       TRAINING campaign to promotion
 *     ... result.version, result.bundle, result.overlays[i] ...
 *     an_federation_result_done(&result);
 *
 * The sites enrol with one-time tokens, fetch versions and deliver updates by copies of files,
 * train, evaluate, and go live with an overlay of their own.  Journal and objects are in a
 * SQLite store in a folder of its own, which is removed at the end.
 *
 * The version's hash follows from the spec, the sites' data and the seed in the policy: not
 * from the number of threads, nor from who answers first, nor from messages that come twice.
 *
 * Threads: the hub, the sessions and the store belong to the calling thread; the sites' jobs
 * run on n_threads threads that live for the call. */
#ifndef AN_COORDINATOR_LAB_FEDERATION_H
#define AN_COORDINATOR_LAB_FEDERATION_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/calibrate.h"
#include "agent/data.h"
#include "base/err.h"
#include "coordinator/hub.h"
#include "coordinator/lab/hostile.h"
#include "models/bundle.h"
#include "models/overlay.h"

/* What goes wrong on the way, drawn from a seed.  Shares are of all control messages. */
typedef struct an_federation_faults {
    uint64_t seed;
    uint64_t shuffle; /* not 0: links take turns in an order drawn from it */
    double drop;      /* the link breaks: what is under way in it is lost, the site joins again */
    double duplicate; /* the message comes twice */
    double delay;     /* ... comes up to delay_ms later (after it, nothing overtakes) */
    int64_t delay_ms;
} an_federation_faults;

typedef struct an_federation_site {
    const char *name;
    const an_site_data *data;           /* borrowed */
    const an_calibrate_opts *calibrate; /* how the site makes its overlays; borrowed */
    const an_hostile *hostile;          /* what it makes of its vectors; NULL: nothing; borrowed */
} an_federation_site;

struct an_federation_result;

typedef struct an_federation_conf {
    const an_model_spec *spec; /* promotion is made automatic */
    const an_federation_site *sites;
    size_t n_sites;
    size_t n_threads; /* jobs of sites at a time; 0: 1 */
    an_federation_faults faults;
    int64_t limit_ms;                                           /* of fake time; 0: seven days */
    const atomic_bool *cancel;                                  /* may be NULL */
    void (*progress)(void *arg, size_t jobs_done, size_t jobs); /* may be NULL */
    void *progress_arg;
    /* After the training campaign, and after each incremental one that follows: what the sites run now is in
     * so_far.  True in *ret_more: another incremental campaign, with what the sites' data have become (the callee may
     * change what they point to).  One that the gate stops leaves the sites with what they had.  NULL: there are none. */
    an_err (*stage)(void *arg, size_t stage, const struct an_federation_result *so_far, bool *ret_more,
                    an_note *why);
    void *stage_arg;
} an_federation_conf;

typedef struct an_federation_round {
    uint64_t id;
    an_payload_kind kind;
    bool committed;
    uint32_t updates;
    double loss; /* TRAIN: weighted mean of the sites */
    uint64_t clipped, saturated;
    an_round_privacy privacy;
    char reason[AN_REASON_MAX];
} an_federation_round;

typedef struct an_federation_result {
    an_hash version; /* promoted */
    an_bundle bundle;
    an_overlay *overlays; /* (n_sites) what each site went live with */
    bool *live;           /* (n_sites) it did */
    size_t n_sites;
    an_federation_round *rounds;
    size_t n_rounds;
    char reason[AN_REASON_MAX]; /* what the gate said */
    uint64_t messages, message_bytes;
    uint64_t update_bytes;  /* left the sites */
    uint64_t version_bytes; /* came to the sites */
    uint64_t dropped, duplicated, delayed;
} an_federation_result;

/* On success *ret is filled (an_federation_result_done).
 * Errors: REFUSED the campaign stopped, why says its reason; STATE it did not end within
 * limit_ms; CANCELLED; and what hub, store and sites say. */
an_err an_federation_run(const an_federation_conf *conf, an_federation_result *ret, an_note *why);
void an_federation_result_done(an_federation_result *r);

#endif
