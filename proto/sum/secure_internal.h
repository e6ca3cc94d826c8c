/* secure_internal.h - what secure_site.c and secure_sum.c share: parameters, the key list, statements,
 * sets of places, boxes and the keys derived for the round.
 *
 * Threads: one machine, one thread. */
#ifndef AN_SUM_SECURE_INTERNAL_H
#define AN_SUM_SECURE_INTERNAL_H

#include "base/buf.h"
#include "doors/seal.h"
#include "sum/mask.h"
#include "sum/secure.h"
#include "sum/shares.h"

#define AN_SECURE_SET_BYTES ((AN_COHORT_MAX + 7) / 8)
#define AN_SECURE_KEYS_BODY (2 * AN_AGREE_BYTES + AN_SIGN_BYTES)
#define AN_SECURE_MASKED_BYTES (2 * AN_HASH_BYTES)                     /* what is signed of MASKED */
#define AN_SECURE_MASKED_BODY (AN_SECURE_MASKED_BYTES + AN_SIGN_BYTES) /* complaints follow */
#define AN_SECURE_MASKED_PROOF (AN_HASH_BYTES + AN_SIGN_BYTES)

typedef struct an_secure_set {
    uint8_t bits[AN_SECURE_SET_BYTES];
} an_secure_set;

typedef struct an_secure_entry {
    uint32_t site; /* place in the cohort */
    uint8_t mask_key[AN_AGREE_BYTES];
    uint8_t share_key[AN_AGREE_BYTES];
} an_secure_entry;

typedef struct an_secure_ground {
    an_secure_params p; /* p.members is a copy */
    an_hash binding;
    uint32_t colluders; /* sites */
    uint32_t least;     /* parties: p.min_parties, or the colluding ones and two more */
    /* From LIST on: */
    uint32_t m;               /* sites in the list; 0: none yet */
    an_secure_entry *entries; /* (m) */
    an_hash list;             /* hash of the LIST message */
    an_sum_graph graph;
} an_secure_ground;

typedef enum an_secure_secret { AN_SECURE_SECRET_KEY = 0, AN_SECURE_SECRET_SEED = 1 } an_secure_secret;

/* Errors: INVAL, NOMEM. */
an_err an_secure_ground_init(an_secure_ground *g, const an_secure_params *p, an_note *why);
void an_secure_ground_done(an_secure_ground *g);

/* Reads a LIST message: every bound, every signature, the graph, the parties.  On an error g is as before.
 * Errors: PROTO, AUTH, REFUSED, NOMEM. */
an_err an_secure_list_read(an_secure_ground *g, const void *bytes, size_t len, an_note *why);
an_sum_graph_want an_secure_want(const an_secure_ground *g, uint32_t m);
int32_t an_secure_place(const an_secure_ground *g, uint32_t site); /* in the list; -1: not in it */

void an_secure_head_put(an_buf *b, an_secure_kind kind, uint64_t round);
/* The reader stands behind the head.  Errors: PROTO another kind or round, or cut short. */
an_err an_secure_head_read(const an_secure_ground *g, an_reader *r, an_secure_kind kind, an_note *why);
an_err an_secure_end(const an_reader *r, an_secure_kind kind, an_note *why); /* PROTO: not all read */

void an_secure_sign(uint8_t ret[static AN_SIGN_BYTES], const an_secure_ground *g, an_secure_kind kind,
                    uint32_t site, const void *body, size_t len, const uint8_t *secret);
/* Errors: AUTH. */
an_err an_secure_sign_check(const uint8_t *sig, const an_secure_ground *g, an_secure_kind kind, uint32_t site,
                            const void *body, size_t len, an_note *why);

void an_secure_buf_done(an_buf *b); /* of a buffer that may hold shares: wiped */

bool an_secure_has(const an_secure_set *s, uint32_t place);
void an_secure_add(an_secure_set *s, uint32_t place);
void an_secure_set_put(an_buf *b, const an_secure_set *s, uint32_t m);
bool an_secure_set_read(an_reader *r, an_secure_set *ret, uint32_t m); /* false: short, or padding set */
uint32_t an_secure_count(const an_secure_set *s, uint32_t m);
/* What a site signs of MASKED: which vector, and among which sharers it is masked. */
void an_secure_masked_body(uint8_t ret[static AN_SECURE_MASKED_BYTES], const uint8_t *update,
                           const an_secure_set *sharers, uint32_t m);
/* Errors: REFUSED fewer sites than the quorum; `what` they do. */
an_err an_secure_quorum(const an_secure_ground *g, const an_secure_set *s, const char *what, an_note *why);
/* Of those whose vectors are summed.  Errors: REFUSED fewer parties than the least cohort, or no quorum. */
an_err an_secure_enough(const an_secure_ground *g, const an_secure_set *s, const char *what, an_note *why);
/* Holders of a site's shares in s: those of the k it drew, and itself. */
uint32_t an_secure_holders(const an_secure_set *s, const uint16_t *drawn, uint32_t k, uint32_t self);

/* Keys of the round, each from its own context and bound to list and places. */
void an_secure_commit(an_hash *ret, const an_secure_ground *g, uint32_t place, const an_share *seed);
void an_secure_self_mask(an_mask *ret, const an_secure_ground *g, uint32_t place, const an_share *seed);
/* The mask of `self` for its neighbour, from self's mask key or from the neighbour's.  Errors: AUTH. */
an_err an_secure_pair_mask(an_mask *ret, const an_secure_ground *g, uint32_t self, uint32_t other,
                           const uint8_t *secret, const uint8_t *public_key);
/* Of the box that goes from one to the other.  shared: what their share keys agree on (an_agree). */
void an_secure_box_key(uint8_t ret[static AN_KEY_BYTES], const an_secure_ground *g, uint32_t from,
                       uint32_t to, const uint8_t shared[static AN_AGREE_BYTES]);

#endif
