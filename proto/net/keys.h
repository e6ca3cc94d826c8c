/* keys.h - what a program is: two key pairs in one file, and the words of enrolment.
 *
 *     an_identity_open("/var/lib/andon/identity", &id, &why);      made at the first start
 *     an_fingerprint(text, id->link_public, id->sign_public);      "4f7k-0q2m-..."
 *
 * The file is binary, mode 0600: a file that others may read or write is refused, not repaired.
 * Secrets live in locked memory and are wiped with it.
 *
 * A token's text is one word, "andon1-" and readable base32 (no i, l, o, u) of
 *
 *     token id (16) | token secret (32) | coordinator's link key (32) | release root (32)
 *     | length of endpoint (1) | endpoint | checksum (5, BLAKE2b of all before)
 *
 * Threads: no state; an an_identity may be read from anywhere. */
#ifndef AN_NET_KEYS_H
#define AN_NET_KEYS_H

#include "doors/fingerprint.h"
#include "net/net.h"

typedef struct an_identity {
    uint8_t link_public[AN_LINK_KEY_BYTES];
    uint8_t link_secret[AN_LINK_KEY_BYTES];
    uint8_t sign_public[AN_SIGN_PUBLIC_BYTES];
    uint8_t sign_secret[AN_SIGN_SECRET_BYTES];
} an_identity;

/* Loads the file, or makes it.  Errors: REFUSED others may read it, or it is another user's;
 * PROTO damaged; IO; NOMEM also when no memory can be locked. */
an_err an_identity_open(const char *path, an_identity **ret, an_note *why);
/* The identity at path is the one at next_path from now on; the former is gone.  Errors: IO. */
an_err an_identity_adopt(const char *path, const char *next_path, an_note *why);
void an_identity_free(an_identity *id); /* wiped; NULL is fine */

#define AN_TOKEN_ID_BYTES 16
#define AN_TOKEN_SECRET_BYTES 32
#define AN_TOKEN_TEXT 408

typedef struct an_token {
    uint8_t id[AN_TOKEN_ID_BYTES];
    uint8_t secret[AN_TOKEN_SECRET_BYTES];
    uint8_t link_key[AN_LINK_KEY_BYTES]; /* the coordinator's */
    an_hash root;                        /* fingerprint of the release root key */
    char endpoint[AN_ENDPOINT_TEXT];     /* of the enrolment port, "tcp://..." */
} an_token;

/* Errors: INVAL endpoint empty, too long, or not "tcp://" and printable. */
an_err an_token_text(char ret_text[static AN_TOKEN_TEXT], const an_token *token);
/* Accepts exactly what an_token_text writes.  On failure *ret is zeroed.  Errors: PROTO. */
an_err an_token_parse(an_token *ret, const char *text, an_note *why);
void an_token_done(an_token *token); /* wipes */

/* The key under which a request for enrolment is authenticated.  The coordinator keeps this, not
 * the secret: whoever reads its journal cannot print the token again. */
void an_token_key(uint8_t ret[static 32], const uint8_t secret[static AN_TOKEN_SECRET_BYTES]);

#endif
