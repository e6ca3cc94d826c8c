/* roster.h - who may be in a secure sum: every site, the key that it signs statements with, and the
 * party that runs it, as text signed by the release root.
 *
 *     andon-roster-1
 *     counter 3
 *     issued 1767225600000
 *     expires 1798761600000                  left out if it does not expire
 *     site plant-a party north key 5f0c...
 *     site plant-b party plant-b key 77aa...
 *
 * An agent believes in round keys of these sites only, counts the least cohort in these parties, and
 * never takes a roster with a lower counter than the last, and begins no secure sum by one that has
 * expired: who withholds the next one does not go on with the last for ever.  So a coordinator that is not the root
 * cannot invent sites to fill a cohort.  Sites that one party runs count once: they may know of each
 * other what a sum would hide.
 *
 *     an_roster r;
 *     err = an_roster_parse(text, len, &r, &why);       sites ascending by name, no name and no key twice
 *     err = an_roster_text(&r, &buf, &why);             the same bytes again
 *     an_roster_done(&r);
 *
 * Threads: plain functions. */
#ifndef AN_TRUST_ROSTER_H
#define AN_TRUST_ROSTER_H

#include "base/buf.h"
#include "base/err.h"
#include "doors/crypto.h"
#include "msg/msg.h"

#define AN_ROSTER_CONTEXT "andon-roster-1" /* what its signature is made with */

typedef struct an_roster_site {
    char name[AN_NAME_MAX];
    char party[AN_NAME_MAX]; /* its own name, unless one party runs several */
    uint8_t key[AN_SIGN_PUBLIC_BYTES];
} an_roster_site;

typedef struct an_roster {
    uint64_t counter; /* > 0 */
    int64_t issued_ms;
    int64_t expires_ms;    /* 0: never; else later than issued_ms */
    an_roster_site *sites; /* (n) owned */
    uint32_t n;            /* 1..AN_COHORT_MAX */
} an_roster;

/* Appends the text.  Errors: INVAL out of bounds, not in order or something twice; LIMIT, NOMEM. */
an_err an_roster_text(const an_roster *r, an_buf *out, an_note *why);
/* Accepts exactly what an_roster_text writes.  Errors: PROTO, LIMIT, NOMEM. */
an_err an_roster_parse(const void *text, size_t len, an_roster *ret, an_note *why);
void an_roster_done(an_roster *r);

uint32_t an_roster_parties(const an_roster *r);                             /* different ones */
const an_roster_site *an_roster_find(const an_roster *r, const char *name); /* NULL: not in it */

void an_roster_sign(uint8_t ret[static AN_SIGN_BYTES], const void *text, size_t len,
                    const uint8_t root_secret[static AN_SIGN_SECRET_BYTES]);
/* Errors: AUTH not signed by this root. */
an_err an_roster_check(const void *text, size_t len, const uint8_t signature[static AN_SIGN_BYTES],
                       const uint8_t root[static AN_SIGN_PUBLIC_BYTES], an_note *why);

#endif
