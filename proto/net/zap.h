/* zap.h - who may connect: the ZAP handler (ZeroMQ RFC 27) as a thread with a table in memory.
 *
 * The registry (a database) fills the table; the handshake only looks into it.  No row, no
 * connection.  A request that is malformed in any way, of another mechanism or for an unknown
 * domain is denied and counted.
 *
 *     an_zap_start(net, &zap, &why);
 *     an_zap_allow(zap, link_key, "plant-7");
 *
 * The enrolment domain admits any key while it is open; it starts closed.
 *
 * Threads: all functions but start and stop may be called from anywhere. */
#ifndef AN_NET_ZAP_H
#define AN_NET_ZAP_H

#include <stdbool.h>

#include "net/net.h"

#define AN_ZAP_COUNT_LIST(X)                                                                                 \
    X(ADMITTED, "admitted")                                                                                  \
    X(MALFORMED, "malformed request")                                                                        \
    X(MECHANISM, "not CURVE")                                                                                \
    X(DOMAIN, "unknown domain")                                                                              \
    X(UNKNOWN, "unknown key")                                                                                \
    X(REVOKED, "revoked key")                                                                                \
    X(ENROL_CLOSED, "enrolment is closed")                                                                   \
    X(ENROL_RATE, "too many enrolment connections")

typedef enum an_zap_reason {
#define AN_ZAP_ROW(name, text) AN_ZAP_##name,
    AN_ZAP_COUNT_LIST(AN_ZAP_ROW)
#undef AN_ZAP_ROW
        AN_ZAP_REASONS
} an_zap_reason;

typedef struct an_zap an_zap;

/* Binds before it returns, so that servers opened afterwards find it.  One for each an_net.
 * Errors: EXISTS, NOMEM, IO. */
an_err an_zap_start(an_net *net, an_zap **ret, an_note *why);
void an_zap_stop(an_zap *zap); /* after every server; NULL is fine */

/* While it is held nobody is answered: whoever connects waits within its handshake, and connects anew when the time for
 * that is over.  For a table that is not filled yet, since whom libzmq refuses does not come again by itself (client.h). */
void an_zap_hold(an_zap *zap, bool held);

/* Adds or replaces.  A site may hold several keys, so that one can be added before another is
 * removed.  Errors: INVAL site empty, too long or not printable; NOMEM. */
an_err an_zap_allow(an_zap *zap, const uint8_t key[static AN_LINK_KEY], const char *site);

/* False: the key was not allowed.  Live connections of the key are refused at their next
 * message (an_server_recv).  Bumps the epoch. */
bool an_zap_revoke(an_zap *zap, const uint8_t key[static AN_LINK_KEY]);
/* All keys of the site but those n that are kept (NULL with n 0).  Returns how many. */
size_t an_zap_revoke_site(an_zap *zap, const char *site, const uint8_t *const *keep, size_t n);

/* The site that holds the key now.  False: none. */
bool an_zap_site_of(an_zap *zap, const uint8_t key[static AN_LINK_KEY], char ret_site[static AN_USER_TEXT]);

/* Grows with each allow and revoke: whoever caches an answer compares it. */
uint64_t an_zap_epoch(an_zap *zap);

/* Opens the enrolment domain to at most so many new connections a minute; 0 closes it. */
void an_zap_enrol(an_zap *zap, unsigned per_minute);

uint64_t an_zap_count(an_zap *zap, an_zap_reason reason);
const char *an_zap_reason_text(an_zap_reason reason);

#endif
