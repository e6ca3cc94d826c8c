#include "tests/support/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "doors/crypto.h"

void an_world_close_server(an_world *w, an_server *srv)
{
    for (size_t i = 0; i < AN_WORLD_SOCKETS; i++)
        if (w->servers[i] == srv)
            w->servers[i] = NULL;
    an_server_close(srv);
}

void an_world_close_client(an_world *w, an_client *cli)
{
    for (size_t i = 0; i < AN_WORLD_SOCKETS; i++)
        if (w->clients[i] == cli)
            w->clients[i] = NULL;
    an_client_close(cli);
}

int64_t an_world_now(void)
{
    const an_clock *c = an_clock_system();
    return c->mono_ms(c);
}

int an_world_setup(void **state)
{
    an_world *w = an_alloc(1, sizeof *w);
    an_link_keypair(w->coordinator.public_key, w->coordinator.secret);
    an_link_keypair(w->plant.public_key, w->plant.secret);
    an_link_keypair(w->stranger.public_key, w->stranger.secret);
    assert_int_equal(an_net_open(1, &w->net, NULL), AN_OK);
    assert_int_equal(an_zap_start(w->net, &w->zap, NULL), AN_OK);
    assert_int_equal(an_zap_allow(w->zap, w->plant.public_key, "plant-7"), AN_OK);
    *state = w;
    return 0;
}

int an_world_teardown(void **state)
{
    an_world *w = *state;
    an_in_done(&w->in);
    for (size_t i = 0; i < AN_WORLD_SOCKETS; i++) {
        an_server_close(w->servers[i]);
        an_client_close(w->clients[i]);
    }
    an_zap_stop(w->zap);
    an_net_close(w->net);
    an_free(w);
    return 0;
}

an_server *an_world_serve_at(an_world *w, an_port port, const char *endpoint)
{
    an_server *srv = NULL;
    an_note why = {0};
    int64_t end = an_world_now() + AN_WORLD_PATIENCE_MS;
    an_err err;
    /* A port that was just closed may need a moment before it can be bound again. */
    do
        err = an_server_open(w->net, port, endpoint, w->coordinator.secret, &srv, &why);
    while (err == AN_ERR_IO && an_world_now() < end);
    if (err != AN_OK)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    size_t i = 0;
    while (w->servers[i])
        i++;
    return w->servers[i] = srv;
}

an_server *an_world_serve(an_world *w, an_port port)
{
    return an_world_serve_at(w, port, "tcp://127.0.0.1:*");
}

an_client *an_world_join(an_world *w, an_port port, const char *endpoint, const an_world_keys *k)
{
    an_client *cli = NULL;
    an_client_conf conf = {.port = port,
                           .endpoint = endpoint,
                           .server_key = w->coordinator.public_key,
                           .link_public = k->public_key,
                           .link_secret = k->secret,
                           .renew_ms = 300};
    assert_int_equal(an_client_open(w->net, &conf, &cli, NULL), AN_OK);
    size_t i = 0;
    while (w->clients[i])
        i++;
    return w->clients[i] = cli;
}

an_err an_world_say_in(an_client *cli, const void *head, size_t len, const char *body, int64_t patience_ms)
{
    int64_t end = an_world_now() + patience_ms;
    for (;;) {
        an_err err = an_client_send(cli, head, len, body, body ? strlen(body) : 0);
        int64_t left = end - an_world_now();
        if (err != AN_ERR_AGAIN || left <= 0)
            return err;
        an_wait item = {.client = cli, .want_send = true};
        if (an_poll(&item, 1, left < 50 ? left : 50) == AN_ERR_IO)
            return AN_ERR_IO;
    }
}

void an_world_say(an_client *cli, const char *text)
{
    assert_int_equal(an_world_say_in(cli, text, strlen(text), NULL, AN_WORLD_PATIENCE_MS), AN_OK);
}

an_err an_world_hear_in(an_server *srv, an_client *cli, an_in *in, int64_t patience_ms)
{
    int64_t end = an_world_now() + patience_ms;
    for (;;) {
        an_err err = srv ? an_server_recv(srv, in) : an_client_recv(cli, in);
        int64_t left = end - an_world_now();
        if (err != AN_ERR_AGAIN || left <= 0)
            return err;
        an_wait item = {.server = srv, .client = cli};
        if (an_poll(&item, 1, left) == AN_ERR_IO)
            return AN_ERR_IO;
    }
}

void an_world_expect(an_world *w, an_server *srv, an_client *cli, const char *text)
{
    assert_int_equal(an_world_hear_in(srv, cli, &w->in, AN_WORLD_PATIENCE_MS), AN_OK);
    assert_int_equal(w->in.head_len, strlen(text));
    assert_memory_equal(w->in.head, text, w->in.head_len);
}
