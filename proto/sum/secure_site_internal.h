/* secure_site_internal.h - the inside of one site in a secure sum: secure_site.c keeps it, secure_take.c
 * answers the messages.
 *
 * Threads: as secure_site.h. */
#ifndef AN_SUM_SECURE_SITE_INTERNAL_H
#define AN_SUM_SECURE_SITE_INTERNAL_H

#include "sum/secure_internal.h"
#include "sum/secure_site.h"

#define AN_SECURE_SITE_INPUTS 5 /* LIST, INBOX, the update's hash, SURVIVORS, SIGNATURES */
#define AN_SECURE_SITE_LOG_MAX (AN_SECURE_SITE_INPUTS * (AN_SECURE_MESSAGE_MAX + 5u))

typedef struct an_secure_site_secret {
    uint8_t master[AN_KEY_BYTES]; /* all that the site draws comes from it */
    uint8_t statement_key[AN_SIGN_SECRET_BYTES];
    uint8_t mask_key[AN_AGREE_BYTES];
    uint8_t share_key[AN_AGREE_BYTES];
    an_share seed;
    an_share own; /* the site's share of its own seed */
} an_secure_site_secret;

struct an_secure_site {
    an_secure_ground g;
    uint32_t site;  /* place in the cohort */
    uint32_t place; /* in the list */
    an_secure_site_phase phase;
    uint8_t keys[AN_SECURE_KEYS_BODY];
    an_secure_site_secret *secret; /* locked memory, as the next two; NULL once revealed */
    an_mask *masks;                /* (n_masks) */
    an_share *in_shares;           /* (n_in, 2): of the key, of the seed */
    size_t n_masks;
    uint16_t *drawn;  /* (k), ascending */
    an_share *agreed; /* (k), locked: with each drawn one, for boxes; NULL once they are opened */
    uint16_t *in;     /* (n_in) who drew this site, ascending */
    uint32_t n_in;
    an_secure_set sharers;
    an_secure_set missing; /* those of `in` whose box did not open */
    an_secure_set survivors;
    bool taken[AN_SECURE_SITE_INPUTS];
    an_hash seen[AN_SECURE_SITE_INPUTS];
    an_buf log;     /* inputs taken: kind, length, bytes */
    an_buf message; /* to be sent now */
};

/* 32 bytes for one purpose, bound to the round and, once there is one, to the list. */
void an_secure_site_derive(uint8_t ret[static AN_KEY_BYTES], const an_secure_site *s, const char *context,
                           uint32_t which);

/* Each checks the input and writes the answer to *message; on an error s is as before. */
an_err an_secure_site_take_list(an_secure_site *s, const void *bytes, size_t len, an_buf *message,
                                an_note *why);
an_err an_secure_site_take_inbox(an_secure_site *s, const void *bytes, size_t len, an_buf *message,
                                 an_note *why);
an_err an_secure_site_take_update(an_secure_site *s, const void *bytes, size_t len, an_buf *message,
                                  an_note *why);
an_err an_secure_site_take_survivors(an_secure_site *s, const void *bytes, size_t len, an_buf *message,
                                     an_note *why);
an_err an_secure_site_take_signatures(an_secure_site *s, const void *bytes, size_t len, an_buf *message,
                                      an_note *why);

#endif
