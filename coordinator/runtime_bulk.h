/* runtime_bulk.h - the bulk thread's own: what its two files share.  See runtime_internal.h. */
#ifndef AN_COORDINATOR_RUNTIME_BULK_H
#define AN_COORDINATOR_RUNTIME_BULK_H

#include "base/log.h"
#include "coordinator/runtime_internal.h"
#include "net/bulk.h"
#include "net/peers.h"
#include "net/server.h"

#define AN_BULK_BUDGET ((uint64_t)16 << 20) /* bytes asked for and not yet here, over all sites */
#define AN_PULLS_ACTIVE 32                  /* files that are open at once; others wait */

typedef struct an_bulk_object {
    an_hash hash;
    uint64_t size;
} an_bulk_object;

typedef struct an_pull an_pull;

typedef struct an_bulk {
    an_bulk_args *args;
    an_pipe *pipe;
    an_server *server;
    an_serve *serve;
    an_peers *peers;
    an_in in;
    an_log_quota refused; /* lines about messages that were */
    an_buf head;
    an_budget budget;
    an_bulk_report report;   /* the one being sent */
    an_bulk_object *objects; /* versions that may be fetched */
    size_t n_objects, objects_cap;
    an_hash open_hash; /* the object that was read last */
    int open_fd;       /* -1: none */
    an_pull **pulls;
    size_t n_pulls, pulls_cap;
} an_bulk;

an_err an_bulk_send(an_bulk *b, const an_peer *peer, const an_msg *msg, const void *bytes, size_t len);

void an_pulls_add(an_bulk *b, const an_bulk_order *order); /* the same again is the same pull */
void an_pulls_chunk(an_bulk *b, const char *site, const an_msg_chunk *chunk, const void *bytes, size_t len,
                    int64_t now_ms);
void an_pulls_refused(an_bulk *b, const char *site, const an_msg_chunk_refuse *refuse);
void an_pulls_relink(an_bulk *b, const char *site, int64_t now_ms); /* the site has a new connection */
void an_pulls_drop(an_bulk *b, const char *site);
void an_pulls_step(an_bulk *b, int64_t now_ms);
int64_t an_pulls_wait(const an_bulk *b, int64_t now_ms); /* how long nothing is to be done */
void an_pulls_free(an_bulk *b);

#endif
