/* secure_craft.h - what a malicious coordinator could send to the sites of a secure sum, for CMocka tests.
 *
 *     an_secure_world_craft_survivors(&w, 0x1f, 5, &b);      places 0 to 4 of a list of five
 *     an_secure_site_expect(w.sites[0], &b, AN_ERR_REFUSED, "is not in it");
 *     an_buf_done(&b);
 *
 * Threads: one. */
#ifndef AN_TESTS_SECURE_CRAFT_H
#define AN_TESTS_SECURE_CRAFT_H

#include "sum/secure_internal.h"
#include "tests/support/secure.h"

/* Feeds it to the site, expects the error and a reason that holds `text`; on an error the site is as it was. */
void an_secure_site_expect(an_secure_site *s, const an_buf *b, an_err err, const char *text);

/* What the coordinator has for the site.  Here and below ret is initialised, and the caller's. */
void an_secure_world_message_for(const an_secure_world *w, uint32_t site, an_buf *ret);
/* A head and a set of places, m of them, of which bit i of `bits` says whether i is in it. */
void an_secure_world_craft_set(const an_secure_world *w, an_secure_kind kind, uint32_t bits, uint32_t m,
                               an_buf *ret);
/* SURVIVORS, when the list is of all sites, with what each has signed; nothing good of those who have not
 * masked, or have gone on. */
void an_secure_world_craft_survivors(const an_secure_world *w, uint32_t bits, uint32_t m, an_buf *ret);

#endif
