/* secure.h - what both ends of a secure sum agree on: the round's parameters, the order of its messages,
 * and what each message holds.
 *
 *     an_secure_params p = {.plan = plan_hash, .round = 12, .dim = plan->dim, .cipher = AN_CIPHER_CHACHA20,
 *                           .n = n, .members = roster, .min_parties = 3,
 *                           .colluding = 1, .dropouts_permille = 300,
 *                           .security_bits = 40, .correctness_bits = 30};
 *
 * Then secure_site.h is one site and secure_sum.h the coordinator.  Sites are named by their place in the
 * plan's cohort; every reason given says "site 4" for place 4.
 *
 *     site                                           coordinator
 *     KEYS        two fresh X25519 keys       ->
 *                                             <-     LIST        all keys, signed; neighbours and threshold
 *     SHARES      neighbours drawn, shares    ->
 *                                             <-     INBOX       who shared, and the shares for this site
 *     MASKED      hash of its masked vector,  ->
 *                 hash of the sharers
 *                                             <-     SURVIVORS   whose vectors are in the sum,
 *                                                            and what they have signed
 *     SIGNED      signature of that list      ->
 *                                             <-     SIGNATURES  of the others on the same list
 *     REVEAL      one share for each neighbour ->
 *
 * Each message begins with its kind (u8) and the round (u64); numbers are little-endian; "place" is a u16,
 * first in the cohort, from SHARES on in the list; a set of places is one bit each, lowest first, padded
 * with zeros to whole bytes:
 *
 *     KEYS        mask key 32, share key 32, signature 64
 *     LIST        sites u16, k u16, t u16, then for each site, ascending: place, and its KEYS body
 *     SHARES      k places, ascending; commitment 32; k boxes of 104; signature 64
 *     INBOX       set of sharers; boxes u16, then each: place of the sender, box
 *     MASKED      hash of the update file 32, hash of the set of sharers 32, signature 64; and if boxes did not open:
 *                 n u16, n places of those who sent them, ascending, signature 64 of these as COMPLAINT
 *     SURVIVORS   set, then of each in it, ascending: hash of its update file 32, signature 64 of its MASKED
 *     SIGNED      signature 64
 *     SIGNATURES  n u16, then each, ascending: place, signature
 *     REVEAL      n u16, then each, ascending: place, 0 key or 1 seed, share 32; signature 64
 *
 * Signatures are Ed25519 of the site's statement key over (binding, list hash or zeros, place in the cohort,
 * hash of the body; of SIGNED the body is the set), each kind with its own context.  The binding is the hash of all parameters, roster
 * included; so one party's idea of the round cannot pass for another's.
 *
 * Threads: data only. */
#ifndef AN_SUM_SECURE_H
#define AN_SUM_SECURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"
#include "doors/cipher.h"
#include "doors/crypto.h"
#include "sum/graph.h"

/* The numbers are on the wire; COMPLAINT is a part of MASKED, never a message.  X(name, number) */
#define AN_SECURE_KIND_LIST(X)                                                                               \
    X(KEYS, 1)                                                                                               \
    X(LIST, 2)                                                                                               \
    X(SHARES, 3)                                                                                             \
    X(INBOX, 4)                                                                                              \
    X(MASKED, 5)                                                                                             \
    X(SURVIVORS, 6)                                                                                          \
    X(SIGNED, 7)                                                                                             \
    X(SIGNATURES, 8)                                                                                         \
    X(REVEAL, 9)                                                                                             \
    X(COMPLAINT, 10)
typedef enum an_secure_kind {
#define AN_SECURE_KIND_ROW(name, number) AN_SECURE_##name = number,
    AN_SECURE_KIND_LIST(AN_SECURE_KIND_ROW)
#undef AN_SECURE_KIND_ROW
} an_secure_kind;

const char *an_secure_kind_name(an_secure_kind kind); /* "LIST"; "?" */

#define AN_SECURE_HEAD_BYTES 9
#define AN_SECURE_BOX_BYTES 104              /* nonce 24, two shares, tag 16 */
#define AN_SECURE_PARTIES_MIN 3              /* with two, each reads the other */
#define AN_SECURE_MESSAGE_MAX (160u * 1024u) /* no message is longer: LIST of a thousand sites */

/* One site of the cohort, from the roster that the offline key has signed. */
typedef struct an_secure_member {
    uint8_t statement_key[AN_SIGN_PUBLIC_BYTES]; /* no two alike */
    uint32_t party;                              /* sites of one party have the same number, and count once */
} an_secure_member;

typedef struct an_secure_params {
    an_hash plan;   /* of the plan's bytes */
    uint64_t round; /* the plan's; never used twice */
    uint32_t dim;
    an_cipher cipher;
    uint32_t n;                      /* sites of the cohort: AN_SUM_GRAPH_SITES_MIN .. AN_COHORT_MAX */
    const an_secure_member *members; /* (n), in the plan's order */
    uint32_t min_parties;            /* fewer are never summed; at least AN_SECURE_PARTIES_MIN, and never
                                        fewer than the colluding parties and two more */
    uint32_t min_sites;         /* fewer survivors are never summed; 0: what parties and quorum ask.  Of the
                                        plan, whose hash speaks for it */
    uint32_t colluding;         /* parties that may work together with the coordinator: one at least.  A
                                        number and no share of the cohort, which the coordinator picks */
    uint32_t dropouts_permille; /* of the sites in the key list */
    uint32_t security_bits;
    uint32_t correctness_bits;
} an_secure_params;

#endif
