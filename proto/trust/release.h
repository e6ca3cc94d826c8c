/* release.h - what sites may run: release statements, delegations and their revocation, candidates.
 *
 *     andon-release-2                            andon-delegation-1
 *     model pump                                 number 3
 *     sites *                                    online 2c41...
 *     version 5f0c...                            models pump-*
 *     counter 7                                  ancestor 77aa...
 *     delegation 0000...                         architecture 90d1...
 *     use 0                                      preprocessing 0b3c...
 *     issued 1795282800000                       schema 4e55...
 *     expires 1826818800000                      count 50
 *                                                issued 1795282800000
 *     andon-revocation-1                         expires 1797874800000
 *     delegation 1f9b...
 *     expires 1797874800000                      andon-candidate-1
 *     issued 1795290000000                       model pump
 *                                                version 5f0c...
 *
 * A release is signed by the root, or by the coordinator's online key under a delegation that the root has
 * signed.  Every kind of statement has its own signing context, so that a signature under one never stands
 * under another.  A statement has one form: these bytes.
 *
 *   - The counter counts statements, not versions: a rollback is a new statement with a higher counter that
 *     names an older version.  A site never follows an older statement.
 *   - Expiry is a freeze check (TUF specification 1.0.34, section 5.3.10): what has expired is not newly
 *     followed.  What runs goes on.
 *   - Delegations are numbered by the root.  Under one, each model may get `count` statements; the online
 *     key numbers them (`use`), a site follows rising numbers only, and never goes back to a delegation with a
 *     lower number: so it follows at most `count` statements under one, whoever holds the online key.
 *   - A delegation ends at its expiry, or by a revocation.  A coordinator that hides the revocation from a
 *     site is stopped by expiry and count alone.
 *
 *     an_release r;
 *     an_delegation d;
 *     const an_release_ground ground = {.root = &root, .online = key, .site = "plant-b"};
 *     err = an_release_judge(&release, &delegation, &ground, &r, &d, &why);
 *     if (err == AN_OK && now >= an_release_expiry(&r, &d)) ...        not newly followed
 *
 * Threads: pure functions. */
#ifndef AN_TRUST_RELEASE_H
#define AN_TRUST_RELEASE_H

#include "trust/root.h"

#define AN_RELEASE_CONTEXT "andon-release-2"
#define AN_DELEGATION_CONTEXT "andon-delegation-1"
#define AN_REVOCATION_CONTEXT "andon-revocation-1"
#define AN_CANDIDATE_CONTEXT "andon-candidate-1"

#define AN_RELEASE_SITES_MAX 512
#define AN_DELEGATION_COUNT_MAX 1000000

typedef struct an_release {
    char model[AN_NAME_MAX];
    char sites[AN_RELEASE_SITES_MAX]; /* "*": all; else names, separated by commas */
    an_hash version;
    uint64_t counter;   /* 1.. */
    an_hash delegation; /* hash of its text; none: the root signs */
    uint64_t use;       /* number of the statement under the delegation, 1..; 0 without one */
    int64_t issued_ms, expires_ms;
} an_release;

typedef struct an_delegation {
    uint64_t number; /* 1..; of all that this root has signed */
    uint8_t online[AN_KEY_BYTES];
    char models[AN_NAME_MAX];                    /* a name, or the beginning of names and '*' */
    an_hash ancestor;                            /* released versions come from this one, or are it */
    an_hash architecture, preprocessing, schema; /* and share these with it (models/bundle_form.h) */
    uint64_t count;                              /* statements for each model */
    int64_t issued_ms, expires_ms;
} an_delegation;

typedef struct an_revocation {
    an_hash delegation; /* hash of its text */
    int64_t expires_ms; /* of the delegation: after that nobody need remember */
    int64_t issued_ms;
} an_revocation;

typedef struct an_candidate {
    char model[AN_NAME_MAX];
    an_hash version;
} an_candidate;

/* Append the text.  Errors: LIMIT, NOMEM. */
an_err an_release_text(const an_release *r, an_buf *out);
an_err an_delegation_text(const an_delegation *d, an_buf *out);
an_err an_revocation_text(const an_revocation *r, an_buf *out);
an_err an_candidate_text(const an_candidate *c, an_buf *out);

/* Accept exactly what the text functions write, with every value in its bounds.  Errors: PROTO, NOMEM. */
an_err an_release_parse(const void *text, size_t len, an_release *ret, an_note *why);
an_err an_delegation_parse(const void *text, size_t len, an_delegation *ret, an_note *why);
an_err an_revocation_parse(const void *text, size_t len, an_revocation *ret, an_note *why);
an_err an_candidate_parse(const void *text, size_t len, an_candidate *ret, an_note *why);

void an_statement_hash(an_hash *ret, const an_signed *s); /* of its text: names a delegation */
bool an_delegation_covers_model(const an_delegation *d, const char *model);
bool an_release_is_for(const an_release *r, const char *site);

/* ---- judging ---- */

typedef struct an_release_ground {
    const an_root *root;
    const uint8_t *online; /* (AN_KEY_BYTES) the coordinator's */
    const char *site;      /* NULL: any */
} an_release_ground;

/* Is the release signed by who may sign it, for this site, and within what its delegation says of model, key
 * and count?  What remains to be seen by whoever knows it: counter, expiry, revocation, and the version's
 * ancestor and form.  delegation: what came with it, len 0 or NULL for none; *ret_delegation is zeroed then.
 * Errors: PROTO a text is not in its form; AUTH a signature; REFUSED beyond the delegation, or not for this
 * site. */
an_err an_release_judge(const an_signed *release, const an_signed *delegation,
                        const an_release_ground *ground, an_release *ret, an_delegation *ret_delegation,
                        an_note *why);

/* When the statement may no longer be newly followed: its own end, or its delegation's if that is sooner. */
int64_t an_release_expiry(const an_release *r, const an_delegation *d);

/* Has a site that followed use `seen_use` of delegation `seen_number` last still to follow this one?
 * Errors: REFUSED an older delegation, or a use that is not a later one. */
an_err an_delegation_next(const an_delegation *d, const an_release *r, uint64_t seen_number,
                          uint64_t seen_use, an_note *why);

/* Is the version's form the ancestor's?  Errors: REFUSED, why says which part differs. */
an_err an_delegation_form(const an_delegation *d, const an_hash *architecture, const an_hash *preprocessing,
                          const an_hash *schema, an_note *why);

/* Signed by the root?  Errors: PROTO, AUTH. */
an_err an_delegation_check(const an_signed *s, const an_root *root, an_delegation *ret, an_note *why);
an_err an_revocation_check(const an_signed *s, const an_root *root, an_revocation *ret, an_note *why);
/* The same where the statement itself does not travel, since a plan says what is in it. */
an_err an_candidate_sign(uint8_t ret[static AN_SIGN_BYTES], const char *model, const an_hash *version,
                         const uint8_t secret[static AN_SIGN_SECRET_BYTES]);
/* Errors: AUTH. */
an_err an_candidate_signed(const uint8_t signature[static AN_SIGN_BYTES], const char *model,
                           const an_hash *version, const uint8_t online[static AN_KEY_BYTES], an_note *why);
/* Signed by the online key?  Errors: PROTO, AUTH. */
an_err an_candidate_check(const an_signed *s, const uint8_t online[static AN_KEY_BYTES], an_candidate *ret,
                          an_note *why);

#endif
