/* secure_site.h - one site in a secure sum: a pure state machine that eats the coordinator's messages and
 * says what to send, and what must be on disk before it is sent.
 *
 *     err = an_secure_site_new(&params, my_place, my_statement_key, &s, &why);
 *     loop:
 *         an_secure_site_save(s, &state);          write it, sync it (0600: it holds secrets)
 *         an_secure_site_message(s, &message);     then send this, if there is any
 *         err = an_secure_site_feed(s, bytes, len, &why);    LIST, INBOX, SURVIVORS, SIGNATURES
 *         when phase is AN_SECURE_SITE_MASKING:
 *             an_secure_site_mask(s, v, 0, dim)    and write the update file
 *             an_secure_site_commit(s, &hash_of_the_file, &why)
 *     an_secure_site_free(s);
 *
 * After each feed and commit that succeeds: save, then send.  A restart calls an_secure_site_restore with what
 * was saved, and sends the message again; the same bytes come out, because everything that the site draws
 * (keys, neighbours, seeds, shares, nonces) comes from one secret of this round.  What was saved last must be
 * what is restored: a site that has lost it does not take part in the round any more, and never begins a
 * round twice.
 *
 * What it holds to, each with an error and a reason when broken: one key list, one vector, one survivor list
 * for a round; every key signed by its site of the roster; a graph and a threshold that keep the bounds;
 * enough parties and sites at every step; survivors who have all masked among the same sharers; a quorum of signatures on the very list it signed; and of each
 * neighbour one share of the seed or one of the key, by that list, never both.  With the reveal the secrets
 * are wiped, also from what is saved: then only the message is left, to be sent again.
 *
 * An error leaves the machine as it was (so a wrong message does no harm by itself); whether to leave the
 * round then is the caller's.
 *
 * Threads: a site belongs to one thread; an_secure_site_mask may run in several on ranges that do not
 * overlap. */
#ifndef AN_SUM_SECURE_SITE_H
#define AN_SUM_SECURE_SITE_H

#include "base/buf.h"
#include "sum/secure.h"

typedef enum an_secure_site_phase {
    AN_SECURE_SITE_LISTING, /* sends KEYS, waits for LIST */
    AN_SECURE_SITE_SHARING, /* sends SHARES, waits for INBOX */
    AN_SECURE_SITE_MASKING, /* masks its vector; nothing to send until the commit */
    AN_SECURE_SITE_MASKED,  /* sends MASKED, waits for SURVIVORS */
    AN_SECURE_SITE_SIGNED,  /* sends SIGNED, waits for SIGNATURES */
    AN_SECURE_SITE_REVEALED /* sends REVEAL; done */
} an_secure_site_phase;

typedef struct an_secure_site an_secure_site;

/* statement_key is the site's Ed25519 secret key; it is copied into locked memory, and must be that of
 * p->members[place].  Errors: INVAL, NOMEM. */
an_err an_secure_site_new(const an_secure_params *p, uint32_t place,
                          const uint8_t statement_key[static AN_SIGN_SECRET_BYTES], an_secure_site **ret,
                          an_note *why);
void an_secure_site_free(an_secure_site *s); /* wipes; NULL is fine */

an_secure_site_phase an_secure_site_phase_of(const an_secure_site *s);

/* Takes a message of the coordinator.  The same bytes again are fine and change nothing.
 * Errors: PROTO malformed, out of bounds or of another round; AUTH a signature or a box is not by whom it is
 * said to be; REFUSED it breaks a promise (too few, a bad graph, another list of sharers); EXISTS a second,
 * different one; STATE not now; NOMEM. */
an_err an_secure_site_feed(an_secure_site *s, const void *bytes, size_t len, an_note *why);

/* Adds all masks of this site to coordinates from .. from+n-1; v points at the first of these.
 * Errors: STATE not while masking, INVAL beyond the vector, UNSUPPORTED, NOMEM. */
an_err an_secure_site_mask(const an_secure_site *s, uint32_t *v, uint64_t from, size_t n);

/* The hash of the masked update.  Only one is ever signed: two vectors under the same masks would tell their
 * difference.  Errors: STATE, EXISTS another was signed, NOMEM. */
an_err an_secure_site_commit(an_secure_site *s, const an_hash *update, an_note *why);

/* How many boxes of the inbox did not open, and the first site whose it was (0: untouched).  That site or the
 * coordinator is to blame.  So many as may collude are complained of with MASKED, and the round goes on;
 * more are an error of the inbox.  Not known any more after a restart behind the reveal. */
uint32_t an_secure_site_complaints(const an_secure_site *s, uint32_t *ret_site);

/* Appends what is to be sent now; nothing while masking.  A REVEAL holds shares: wipe the buffer.  Errors: NOMEM, LIMIT. */
an_err an_secure_site_message(const an_secure_site *s, an_buf *ret);

/* Appends what must be on disk before the message is sent.  It holds secrets: wipe the buffer.
 * Errors: NOMEM, LIMIT. */
an_err an_secure_site_save(const an_secure_site *s, an_buf *ret);
/* Errors: as an_secure_site_new; PROTO not a saved state, or of other parameters or another site. */
an_err an_secure_site_restore(const an_secure_params *p, uint32_t place,
                              const uint8_t statement_key[static AN_SIGN_SECRET_BYTES], const void *bytes,
                              size_t len, an_secure_site **ret, an_note *why);

#endif
