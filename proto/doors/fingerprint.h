/* fingerprint.h - keys as people read them to each other.
 *
 *     char text[AN_FINGERPRINT_TEXT];
 *     an_fingerprint(text, id->link_public, id->sign_public);      "4f7k-0q2m-..."
 *
 * The digits are Crockford's base32 in lower case: no i, l, o, u, so a text survives being read aloud or from
 * paper.  Bits go most significant first.
 *
 * Threads: plain functions. */
#ifndef AN_DOORS_FINGERPRINT_H
#define AN_DOORS_FINGERPRINT_H

#include "doors/crypto.h"

/* First 20 bytes of BLAKE2b-256(link key, statement key): eight groups of four, for two people to compare. */
#define AN_FINGERPRINT_TEXT 40
void an_fingerprint(char ret_text[static AN_FINGERPRINT_TEXT],
                    const uint8_t link_public[static AN_LINK_KEY_BYTES],
                    const uint8_t sign_public[static AN_SIGN_PUBLIC_BYTES]);

/* Lower case, no padding.  out holds (8 * len + 4) / 5 + 1 chars. */
void an_base32(char *out, const uint8_t *bytes, size_t len);
/* Exactly (8 * len + 4) / 5 digits with zero spare bits, nothing else.  False: not that. */
bool an_unbase32(uint8_t *ret, size_t len, const char *text, size_t text_len);

#endif
