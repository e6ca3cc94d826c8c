/* world.h - one process with a coordinator's ports and agents' clients on the loopback
 * interface.
 *
 * The teardown closes what a test, or its failure, left open.
 *
 *     an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
 *     an_client *cli = an_world_join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
 *     an_world_say(cli, "hello");
 *     an_world_expect(w, srv, NULL, "hello");
 *
 * Threads: one thread, the test's. */
#ifndef AN_TEST_WORLD_H
#define AN_TEST_WORLD_H

#include "net/poll.h"
#include "net/zap.h"

#define AN_WORLD_PATIENCE_MS 20000
#define AN_WORLD_SOCKETS 8

typedef struct an_world_keys {
    uint8_t public_key[32], secret[32];
} an_world_keys;

typedef struct an_world {
    an_net *net;
    an_zap *zap;
    an_world_keys coordinator, plant, stranger; /* plant is approved as "plant-7" */
    an_in in;                                   /* what came last */
    an_server *servers[AN_WORLD_SOCKETS];
    an_client *clients[AN_WORLD_SOCKETS];
} an_world;

int an_world_setup(void **state); /* CMocka's forms */
int an_world_teardown(void **state);
int64_t an_world_now(void);

an_server *an_world_serve(an_world *w, an_port port);
an_server *an_world_serve_at(an_world *w, an_port port, const char *endpoint); /* waits for it to be free */
an_client *an_world_join(an_world *w, an_port port, const char *endpoint, const an_world_keys *k);
void an_world_close_server(an_world *w, an_server *srv);
void an_world_close_client(an_world *w, an_client *cli);

/* Send and receive, waiting while they say AGAIN. */
an_err an_world_say_in(an_client *cli, const void *head, size_t len, const char *body, int64_t patience_ms);
an_err an_world_hear_in(an_server *srv, an_client *cli, an_in *in, int64_t patience_ms);
/* The same, and the test fails if they do not succeed.  One of srv and cli is NULL. */
void an_world_say(an_client *cli, const char *text);
void an_world_expect(an_world *w, an_server *srv, an_client *cli, const char *text);

#endif
