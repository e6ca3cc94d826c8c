/* peers.h - which connection speaks for a site: the newest that said hello.
 *
 *     an_peers_hello(peers, in.site, &in.peer, &epoch);      epoch goes into the answer
 *     if (!an_peers_current(peers, in.site, &in.peer)) ...   an older connection: ignore it
 *
 * Epochs come from one counter, so a site that returns never meets one it had before.  After a
 * restart they begin anew; the coordinator's instance id tells those apart.
 *
 * Threads: belongs to the thread that owns the server. */
#ifndef AN_NET_PEERS_H
#define AN_NET_PEERS_H

#include <stdbool.h>

#include "net/net.h"

typedef struct an_peers an_peers;

an_err an_peers_new(size_t max, an_peers **ret); /* Errors: NOMEM */
void an_peers_free(an_peers *peers);             /* NULL is fine */

/* The newest wins.  The same peer again keeps its epoch.  Errors: LIMIT, NOMEM, INVAL. */
an_err an_peers_hello(an_peers *peers, const char *site, const an_peer *peer, uint64_t *ret_epoch);
const an_peer *an_peers_find(const an_peers *peers, const char *site, uint64_t *ret_epoch); /* NULL: none */
bool an_peers_current(const an_peers *peers, const char *site, const an_peer *peer);
bool an_peers_drop(an_peers *peers, const char *site); /* gone or revoked; false: was not there */
size_t an_peers_n(const an_peers *peers);

#endif
