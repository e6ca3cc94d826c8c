/* secure_sum.h - the coordinator of a secure sum: a pure state machine that gathers the sites' messages
 * phase by phase, and at the end takes the masks off the sum of what they sent.
 *
 *     err = an_secure_sum_new(&params, &s, &why);
 *     for each phase KEYS, SHARES, MASKED, SIGNED, REVEAL:
 *         an_secure_sum_feed(s, site, bytes, len, &why);        as they come
 *         err = an_secure_sum_close(s, &why);                   all are there, or it is time
 *         an_secure_sum_message(s, site, &message);             to each site still in the round
 *     err = an_secure_sum_rebuild(s, workers, &why);            secrets from shares, each checked
 *     err = an_secure_sum_unmask(s, workers, acc, &why);        acc: sum of the survivors' vectors
 *     an_secure_sum_free(s);
 *
 * A site that is not heard before a phase is closed is out of the round from then on; close says with
 * AN_ERR_AGAIN if too few are left, and changes nothing: wait longer, or abort with that reason.  The sum is
 * over the sites for which an_secure_sum_is_in is true once MASKED is closed, and equals the plain sum of
 * their vectors, bit for bit, or there is none.
 *
 * The machine's state is the list of what it has accepted: an_secure_sum_save gives it, and
 * an_secure_sum_restore plays it again.  Save before a message is acknowledged or a phase's messages are sent.
 *
 * What the sites send is believed only after: every length and place is in bounds, the statement key of the
 * roster has signed it for this round, and the reveal has exactly the shares that the survivor list asks for.
 * Each secret that comes out of shares is held against the public key or the signed commitment; if it is
 * wrong and there are shares to spare, other subsets find it and tell which shares were wrong; else the round
 * has to be aborted.  A wrong share may be the fault of the site that dealt it or of the one that held it: only
 * these two know what was in the box.  So nobody is to be excluded for one.
 *
 * Threads: one machine, one thread (workers apart). */
#ifndef AN_SUM_SECURE_SUM_H
#define AN_SUM_SECURE_SUM_H

#include "base/buf.h"
#include "base/workers.h"
#include "sum/secure.h"

typedef struct an_secure_sum an_secure_sum;

/* Errors: INVAL, NOMEM. */
an_err an_secure_sum_new(const an_secure_params *p, an_secure_sum **ret, an_note *why);
void an_secure_sum_free(an_secure_sum *s); /* NULL is fine */

/* What it waits for: KEYS, SHARES, MASKED, SIGNED or REVEAL. */
an_secure_kind an_secure_sum_waits_for(const an_secure_sum *s);
bool an_secure_sum_is_in(const an_secure_sum *s, uint32_t site);     /* not lost in an earlier phase */
bool an_secure_sum_has_heard(const an_secure_sum *s, uint32_t site); /* in this phase */
uint32_t an_secure_sum_missing(const an_secure_sum *s);              /* sites in the round, not heard yet */
const an_sum_graph *an_secure_sum_graph(const an_secure_sum *s);     /* from SHARES on; borrowed */

/* A message of the site at that place of the cohort (the link says which it is).  The same bytes again are
 * fine and change nothing.  MASKED comes after the update itself has been received and its hash checked.
 * Errors: PROTO malformed or of another round; AUTH; STATE its phase is over, or not yet; NOTFOUND the site is
 * out of the round; EXISTS a second, different one; REFUSED a vector masked among other sharers than were
 * told, or a reveal with other shares than asked for; NOMEM. */
an_err an_secure_sum_feed(an_secure_sum *s, uint32_t site, const void *bytes, size_t len, an_note *why);

/* Ends the phase.  Errors: AGAIN too few, why says how many of what; STATE in REVEAL, which rebuild ends;
 * NOMEM. */
an_err an_secure_sum_close(an_secure_sum *s, an_note *why);

/* Ends KEYS as it was ended before, with the graph that was planned then: another machine's rounding may plan
 * another one.  graph: as an_secure_sum_planned gave it.  Errors: as close; STATE not in KEYS. */
an_err an_secure_sum_close_again(an_secure_sum *s, uint32_t graph, an_note *why);
uint32_t an_secure_sum_planned(const an_secure_sum *s); /* from SHARES on; else 0 */

/* Appends what the last close has for this site: LIST, INBOX, SURVIVORS or SIGNATURES.
 * Errors: STATE no phase was closed yet, NOTFOUND the site is out, NOMEM, LIMIT. */
an_err an_secure_sum_message(const an_secure_sum *s, uint32_t site, an_buf *ret);

/* The hash of the update that the site has signed; NULL: none. */
const an_hash *an_secure_sum_update(const an_secure_sum *s, uint32_t site);

/* Puts all secrets together, in REVEAL.  Errors: AGAIN shares are missing; AUTH a secret does not come out of
 * its shares, whatever is left out; STATE, NOMEM. */
an_err an_secure_sum_rebuild(an_secure_sum *s, an_workers *workers, an_note *why);
/* How many of the shares that `dealer` has dealt were found wrong by the last rebuild, and who held the first
 * of them (0: untouched).  The dealer or the holder has lied, and nothing here tells which. */
uint32_t an_secure_sum_wrong_shares(const an_secure_sum *s, uint32_t dealer, uint32_t *ret_holder);

/* How many holders complained with MASKED that the box of `dealer` did not open, and the first of them (0:
 * untouched).  The dealer or the holder has lied. */
uint32_t an_secure_sum_complaints(const an_secure_sum *s, uint32_t dealer, uint32_t *ret_holder);

/* Takes the masks off acc (dim), the sum of the survivors' masked vectors.  Once for an acc; on an error acc
 * is to be thrown away.  Errors: STATE not rebuilt, UNSUPPORTED, NOMEM. */
an_err an_secure_sum_unmask(an_secure_sum *s, an_workers *workers, uint32_t *acc, an_note *why);

/* Borrowed until the next feed or close. */
void an_secure_sum_save(const an_secure_sum *s, const uint8_t **ret_bytes, size_t *ret_len);
/* Errors: PROTO damaged or of other parameters; as feed and close. */
an_err an_secure_sum_restore(const an_secure_params *p, const void *bytes, size_t len, an_secure_sum **ret,
                             an_note *why);

#endif
