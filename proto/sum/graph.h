/* graph.h - who masks with whom: how many neighbours a site draws, how many shares give back a secret,
 * how many signatures make a survivor list, computed from what is feared and what may fail.
 *
 *     an_sum_graph_want want = {.n = 100, .colluders = 10, .dropouts = 30,
 *                               .security_bits = 40, .correctness_bits = 30};
 *     err = an_sum_graph_plan(&graph, &want, &why);            the coordinator
 *     err = an_sum_graph_check(&graph, k, t, &want, &why);     every site, before it believes
 *     err = an_sum_graph_draw(neighbours, &graph, me, secret); after the signed key list is fixed
 *
 * The protocol is Bonawitz et al. (CCS 2017) on the random sparse graph of Bell, Bonawitz, Gascon, Lepoint
 * and Raykova, "Secure Single-Server Aggregation with (Poly)Logarithmic Overhead", CCS 2020, in its
 * malicious variant: each site draws k of the n - 1 others by itself, secretly until then, and gives
 * shares of its secrets to them and to itself (k + 1 shares).  It masks with those it drew and with those
 * who drew it: about 2 k sites.  k = n - 1 is the complete graph.
 *
 * With C colluders among the n (fixed before sites draw), D dropouts, H(N, K, k) the hypergeometric
 * variable "marked ones among k drawn of N of which K are marked", and all tails exact:
 *
 *   c         the least number with n P[H(n-1, C, k) > c] <= 2^-(security_bits + 1): no honest site has
 *             drawn more than c colluders.
 *   t         > (k + 1 + c) / 2.  An honest holder gives up a share of one of a site's two secrets, never
 *             of both; so t shares of both would take 2 (t - c) honest holders out of k + 1 - c.
 *   quorum    > (n + C) / 2 signatures on one survivor list.  An honest site signs one list; so two lists
 *             cannot both have a quorum, and all honest sites reveal for the same one.  Of its signers more
 *             than (n - C) / 2 are honest: two at least if n - C >= 2, else it is refused.
 *   connected If the sum over the survivors fell into two parts with no mask between them, the smaller
 *             has an honest set A whose members drew t - 1 others or more out of A and the colluders
 *             (holders outside the survivor list reveal nothing).  Union bound over all such sets:
 *             sum over s = 1 .. (n-C)/2 of  binom(n-C, s) P[H(n-1, C+s-1, k) >= t-1]^s
 *             <= 2^-(security_bits + 1).  It holds for every choice of dropouts, also the coordinator's.
 *   alive     (n-D) P[H(n-1, D, k) > k-t+1] + D P[H(n-1, D-1, k) > k-t] <= 2^-correctness_bits: after D
 *             losses every survivor still has t holders with itself, and every dropout t without.
 *   in-degree the least B with n P[Bin(n-1, k/(n-1)) > B] <= 2^-correctness_bits, and C more, since
 *             colluders may all draw the same site; never above n - 1.
 *
 * The least k for which some t keeps them all is taken, with the least such t.  "Connected" bears mostly on
 * t, and where many may be lost, t can be large only if k is: 30 % dropouts of 100 sites need k = 73, where
 * everybody masks with 92 others; the complete graph costs hardly more (see below) and is taken.
 *
 * C is never less than 1: two lists that differ need one site that signs both, and with C = 0 it would be
 * enough.  For C = 1 the quorums of 3, 4, 5, 6 and 10 sites are 3, 3, 4, 4 and 6: three sites bear no loss
 * once the key list is out (of their sum one colluder learns the sum of the other two), four and five bear
 * one, ten bear four.  Two colluders of three are refused.
 *
 * In the complete graph all is certain: c = C, t = quorum, and D <= n - t is all that is needed.
 * Cost is counted in masks of the vector's length made by everybody: n (g + 1) by the sites and
 * (n - D) + D g (n - D) / n by the coordinator, with g = (n-1) (1 - (1 - k/(n-1))^2) neighbours.  The
 * sparse graph is taken if it costs at most nine tenths of the complete one, or if n > 255, where there
 * are not enough shares for a complete one.
 *
 * Threads: plain functions. */
#ifndef AN_SUM_GRAPH_H
#define AN_SUM_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"

#define AN_SUM_GRAPH_SITES_MIN 3

typedef struct an_sum_graph_want {
    uint32_t n;         /* sites in the key list: AN_SUM_GRAPH_SITES_MIN .. AN_COHORT_MAX */
    uint32_t colluders; /* C: sites that may work together with the coordinator, 1 .. n - 2 */
    uint32_t dropouts;  /* D: sites that may be lost from the key list to the end */
    uint32_t security_bits;
    uint32_t correctness_bits;
} an_sum_graph_want;

typedef struct an_sum_graph {
    uint32_t n;
    uint32_t k;      /* neighbours each site draws; n - 1: complete */
    uint32_t t;      /* shares that give back a secret, of k + 1 */
    uint32_t quorum; /* signatures on one survivor list */
    uint32_t in_max; /* no site is drawn by more */
} an_sum_graph;

/* Errors: REFUSED what is wanted cannot be had (why says which bound), INVAL n, bits or no colluder. */
an_err an_sum_graph_plan(an_sum_graph *ret, const an_sum_graph_want *want, an_note *why);
/* Whether k and t, which another machine has planned, keep the bounds (its rounding is forgiven); *ret is
 * the graph of them.  Errors: REFUSED, INVAL. */
an_err an_sum_graph_check(an_sum_graph *ret, uint32_t k, uint32_t t, const an_sum_graph_want *want,
                          an_note *why);

/* The k others that site `self` (0 .. n-1) draws, ascending.  seed: 32 secret bytes made for this.
 * Errors: NOMEM. */
an_err an_sum_graph_draw(uint16_t *ret, const an_sum_graph *graph, uint32_t self,
                         const uint8_t seed[static 32]);

/* That share of the parties that may collude: rounded up, at least 1. */
uint32_t an_sum_graph_colluding_parties(uint32_t parties, uint32_t permille);
/* Sites of the `colluding` parties that run the most sites: what these parties can bring.  party[i] names the
 * party of site i by any number.  n <= AN_COHORT_MAX. */
uint32_t an_sum_graph_colluders(const uint32_t *party, uint32_t n, uint32_t colluding);
uint32_t an_sum_graph_dropouts(uint32_t n, uint32_t permille);    /* not more than that share: rounded down */
uint32_t an_sum_graph_parties(const uint32_t *party, uint32_t n); /* different ones */

#endif
