/* plan.h - what a round is to do, agreed by all: one plain struct and its canonical bytes.
 *
 *     an_plan *plan = an_alloc(1, sizeof *plan);      about 80 KiB: not for small stacks
 *     ... fill in ...
 *     an_buf bytes;
 *     an_buf_init(&bytes, AN_PLAN_BYTES_MAX);
 *     err = an_plan_encode(plan, &bytes, &why);       checks, then writes
 *     an_hash_of(&plan_hash, bytes.data, bytes.len);  the plan's hash is the hash of these
 * bytes
 *
 * The encoding is canonical: equal structs give equal bytes, and a decoder refuses any other
 * bytes for the same struct.  So the hash names the content.
 *
 * Threads: plain functions; call from anywhere. */
#ifndef AN_MSG_PLAN_H
#define AN_MSG_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/terms.h"

#define AN_PLAN_BYTES_MAX (60 * 1024) /* fits a control message */
#define AN_PLAN_REASON_MAX 256
#define AN_OPTIMISER_MAX 32

typedef enum an_privacy { AN_PRIVACY_TRUSTED = 1, AN_PRIVACY_SECURE_SUM = 2 } an_privacy;

/* The rows of sum/encodings.def, by number (an_plan.encoding). */
enum { AN_UPDATE_PLAIN, AN_UPDATE_INT8, AN_UPDATE_TOPK };
#define AN_AGREE_KEY_BYTES 32

/* What two data sets may differ in that the sum hides (an_plan.dp_unit). */
enum { AN_DP_NONE = 0, AN_DP_RECORD = 1, AN_DP_SITE = 2 };

/* When a phase may end: early from count_max sites on, or after time_min_ms from count_min
 * sites on; at deadline_ms it ends in any case, and the round aborts below count_min. */
typedef struct an_plan_phase {
    uint32_t count_min;
    uint32_t count_max;
    uint64_t time_min_ms;
    uint64_t deadline_ms;
} an_plan_phase;

/* How a secure sum is to be made (sum/secure.h); all zero in trusted mode. */
typedef struct an_plan_secure {
    an_hash roster;              /* hash of its text: who the sites are, and by which keys they sign */
    uint32_t cipher;             /* an_cipher: of the masks */
    uint32_t groups;             /* sums of their own, site i in group i mod groups; 1: one sum */
    uint32_t colluders_permille; /* of the roster's parties, that may work together with the coordinator */
    uint32_t dropouts_permille;  /* of the sites, that may be lost on the way */
    uint32_t security_bits;
    uint32_t correctness_bits;
    uint64_t exchange_ms; /* how long each exchange between keys and vectors, and after these, may take */
} an_plan_secure;

#define AN_GROUPS_MAX 32
#define AN_STALENESS_MAX 100
#define AN_SECURE_COHORT_MIN 3 /* of two, each would read the other */

typedef struct an_plan {
    uint64_t round;    /* > 0, never used twice */
    uint64_t campaign; /* 0: none */
    char model[AN_NAME_MAX];
    an_payload_kind kind;
    an_hash base;      /* version trained from, or holding mean and bin edges; EVALUATE: may be none */
    an_hash candidate; /* EVALUATE, SHADOW: required; else none */
    an_hash
        production; /* SHADOW: required.  EVALUATE: what the candidate is held against; before the first release a
                           version without training, or none */
    an_hash schema;
    an_hash layout;
    uint32_t dim;       /* coordinates of the vector */
    uint32_t n_tensors; /* TRAIN: all of the model; else 0 */
    an_tensor_scale tensors[AN_TENSORS_MAX];
    double clip_norm;    /* TRAIN: L2, > 0 */
    double weight_cap;   /* TRAIN: examples that count as full weight, >= 1 */
    uint32_t value_bits; /* b: a coordinate is within +-(2^b - 1); n_cohort * 2^b <= 2^31 */
    uint32_t n_cohort;
    char cohort[AN_COHORT_MAX][AN_NAME_MAX]; /* sites, ascending by byte, none twice */
    uint32_t min_cohort;                     /* fewer are never summed: sites; parties in secure-sum */
    an_privacy privacy;
    an_plan_phase invite;
    an_plan_phase upload;
    uint32_t local_epochs; /* TRAIN: the following say how sites train */
    uint32_t batch;
    double lr;
    char optimiser[AN_OPTIMISER_MAX]; /* a row of the optimiser table, as "adam" */
    double prox_mu;                   /* FedProx pull towards the base, 0 = off */
    double l2sp;                      /* L2-SP pull towards the base, 0 = off */
    double ewc;                       /* elastic weight consolidation towards the base, 0 = off */
    double replay_share;              /* 0..1: share of a batch drawn from old data */
    bool use_held;                    /* train on windows held back by drift, too */
    uint64_t seed;
    char reason[AN_PLAN_REASON_MAX]; /* for people: why this round */
    uint64_t shadow_ms;              /* SHADOW: how long both versions score, > 0; else 0 */
    uint64_t shadow_rows;            /* SHADOW: ... or until so many rows; 0: no bound */
    an_plan_secure secure;

    /* TRAIN: differential privacy (trust/private.h). */
    uint32_t encoding; /* of updates, AN_UPDATE_*; other than plain only to train, sealed */
    double topk;       /* TOPK: share of the coordinates that go */
    uint8_t seal_key[AN_AGREE_KEY_BYTES]; /* trusted mode: the coordinator's X25519 key, to which updates are
                                           * sealed; none: they are not */
    uint32_t dp_unit;                     /* AN_DP_*; NONE: the rest is 0 */
    double dp_noise;                      /* multiplier: standard deviation of the noise / sensitivity, > 0 */
    double dp_delta;                      /* of dp_epsilon, (0, 1) */
    double dp_clip;                       /* RECORD: L2 norm of a row's gradient, > 0 */
    double dp_rate; /* RECORD: with which a row takes part in a step, (0, 1]; local_epochs / rate steps */
    uint32_t dp_counted; /* SITE: sites whose noise is sure to be in the sum and unknown to colluders, >= 1 */
    double dp_epsilon;   /* what the coordinator's account of the model comes to with this round */

    /* TRAIN in trusted mode: an update that comes when the round is over counts in a later round of the campaign, if
     * no more than so many versions were made since its base; 0: it does not count. */
    uint32_t staleness_max;

    uint32_t
        control; /* TRAIN with control variates: which training round of the campaign it is, from 1; 0: without */
} an_plan;

/* All bounds, and that dim, tensors, cohort and value_bits agree with the kind.
 * Errors: INVAL, why says which field. */
an_err an_plan_check(const an_plan *plan, an_note *why);

/* Appends the bytes to *b.  Errors: INVAL as an_plan_check, LIMIT larger than AN_PLAN_BYTES_MAX
 * or b->max, NOMEM. */
an_err an_plan_encode(const an_plan *plan, an_buf *b, an_note *why);

/* On success *ret belongs to the caller (an_plan_free).  Errors: PROTO malformed, not canonical
 * or out of bounds; LIMIT too long; NOMEM. */
an_err an_plan_decode(const void *bytes, size_t len, an_plan **ret, an_note *why);
void an_plan_free(an_plan *plan);

/* The site's place in the cohort, or -1. */
int32_t an_plan_find_site(const an_plan *plan, const char *site);

bool an_payload_judges(an_payload_kind kind);           /* a candidate: EVALUATE, SHADOW */
const char *an_payload_kind_name(an_payload_kind kind); /* "train"; "?" for an unknown one */
const char *an_dp_unit_name(uint32_t unit);             /* "none", "record", "site"; "?" */
const char *an_privacy_name(an_privacy privacy);        /* "secure-sum"; "?" */

#endif
