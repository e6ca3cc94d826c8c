/* releases.h - what the people with the release key do in a test's federation, and what a thief of the
 * coordinator does: statements of any content, signed by any key, pushed past the coordinator.
 *
 *     first_release(w);                                   a version in production, signed by the root
 *     push_delegated(w, s, &d, &signed_d, &version, 20, 1);
 *     assert_refused(w, s, &runs, "allows 3 statements");
 *
 * Threads: one. */
#ifndef AN_TEST_RELEASES_H
#define AN_TEST_RELEASES_H

#include "tests/support/federation.h"
#include "trust/release.h"

#define DAY INT64_C(86400000)
#define YEAR (365 * DAY)

/* A version that the thief makes: change says what of production it alters. */
typedef enum alter { WEIGHTS, ARCHITECTURE, PREPROCESSING, PARENT } alter;

typedef struct pair {
    uint8_t public_key[AN_SIGN_PUBLIC_BYTES], secret[AN_SIGN_SECRET_BYTES];
} pair;

int64_t now(const world *w);
void seal(an_signed *ret, an_buf *text, const char *context, const uint8_t *public_key,
          const uint8_t *secret);
void seal_release(an_signed *ret, const an_release *r, const uint8_t *public_key, const uint8_t *secret);
void seal_delegation(an_signed *ret, const an_delegation *d, const uint8_t *public_key,
                     const uint8_t *secret);
size_t n_waiting(const world *w);
void sign_all(world *w);
void delegate(world *w, uint64_t count, int64_t valid_ms, an_delegation *ret, an_signed *ret_signed);
void first_release(world *w);
an_hash production(world *w);
void push(world *w, site *s, const an_signed *release, const an_signed *delegation, const an_hash *version,
          uint64_t counter, an_alias alias, an_err want);
an_release statement(world *w, const an_hash *version, uint64_t counter);
void push_delegated(world *w, site *s, const an_delegation *d, const an_signed *signed_d,
                    const an_hash *version, uint64_t counter, uint64_t use);
an_hash make_version(world *w, alter what); /* of production */
an_hash make_child(world *w, const an_hash *parent, alter what);
bool reported(const world *w, const site *s, const char *what);
void assert_refused(const world *w, const site *s, const an_hash *runs, const char *what);
void make_link(world *w, an_signed *ret, uint64_t number, const uint8_t *from, const pair *to,
               const pair *old);
void rotate(world *w, const pair *to, an_signed *ret);
an_err tell(world *w, site *s, const an_signed *link, an_note *why);

#endif
