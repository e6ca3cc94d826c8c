/* Real sockets on the loopback interface, any free port; waiting is always on an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "net/bulk.h"
#include "net/net_internal.h"
#include "net/peers.h"
#include "net/poll.h"
#include "net/zap.h"

#define PATIENCE_MS 20000

typedef struct keys {
    uint8_t public_key[32], secret[32];
} keys;

typedef struct world {
    an_net *net;
    an_zap *zap;
    keys coordinator, plant, stranger;
    an_in in;
    an_server *servers[8]; /* still open: a failed test leaves them to the teardown */
    an_client *clients[8];
} world;

static void close_server(world *w, an_server *srv)
{
    for (size_t i = 0; i < 8; i++)
        if (w->servers[i] == srv)
            w->servers[i] = NULL;
    an_server_close(srv);
}

static void close_client(world *w, an_client *cli)
{
    for (size_t i = 0; i < 8; i++)
        if (w->clients[i] == cli)
            w->clients[i] = NULL;
    an_client_close(cli);
}

static int64_t now(void)
{
    const an_clock *c = an_clock_system();
    return c->mono_ms(c);
}

static int setup(void **state)
{
    world *w = an_alloc(1, sizeof *w);
    an_link_keypair(w->coordinator.public_key, w->coordinator.secret);
    an_link_keypair(w->plant.public_key, w->plant.secret);
    an_link_keypair(w->stranger.public_key, w->stranger.secret);
    assert_int_equal(an_net_open(1, &w->net, NULL), AN_OK);
    assert_int_equal(an_zap_start(w->net, &w->zap, NULL), AN_OK);
    assert_int_equal(an_zap_allow(w->zap, w->plant.public_key, "plant-7"), AN_OK);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    an_in_done(&w->in);
    for (size_t i = 0; i < 8; i++) {
        an_server_close(w->servers[i]);
        an_client_close(w->clients[i]);
    }
    an_zap_stop(w->zap);
    an_net_close(w->net);
    an_free(w);
    return 0;
}

static an_server *serve_at(world *w, an_port port, const char *endpoint)
{
    an_server *srv = NULL;
    an_note why = {0};
    int64_t end = now() + PATIENCE_MS;
    an_err err;
    /* A port that was just closed may need a moment before it can be bound again. */
    do
        err = an_server_open(w->net, port, endpoint, w->coordinator.secret, &srv, &why);
    while (err == AN_ERR_IO && now() < end);
    if (err != AN_OK)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    size_t i = 0;
    while (w->servers[i])
        i++;
    return w->servers[i] = srv;
}

static an_server *serve(world *w, an_port port)
{
    return serve_at(w, port, "tcp://127.0.0.1:*");
}

static an_client *join(world *w, an_port port, const char *endpoint, const keys *k)
{
    an_client *cli = NULL;
    an_client_conf conf = {.port = port, .endpoint = endpoint, .server_key = w->coordinator.public_key,
                           .link_public = k->public_key, .link_secret = k->secret, .renew_ms = 300};
    assert_int_equal(an_client_open(w->net, &conf, &cli, NULL), AN_OK);
    size_t i = 0;
    while (w->clients[i])
        i++;
    return w->clients[i] = cli;
}

static an_err say_in(an_client *cli, const void *head, size_t len, const char *body, int64_t patience_ms)
{
    int64_t end = now() + patience_ms;
    for (;;) {
        an_err err = an_client_send(cli, head, len, body, body ? strlen(body) : 0);
        int64_t left = end - now();
        if (err != AN_ERR_AGAIN || left <= 0)
            return err;
        an_wait item = {.client = cli, .want_send = true};
        if (an_poll(&item, 1, left < 50 ? left : 50) == AN_ERR_IO)
            return AN_ERR_IO;
    }
}

static void say(an_client *cli, const char *text)
{
    assert_int_equal(say_in(cli, text, strlen(text), NULL, PATIENCE_MS), AN_OK);
}

static an_err hear_in(an_server *srv, an_client *cli, an_in *in, int64_t patience_ms)
{
    int64_t end = now() + patience_ms;
    for (;;) {
        an_err err = srv ? an_server_recv(srv, in) : an_client_recv(cli, in);
        int64_t left = end - now();
        if (err != AN_ERR_AGAIN || left <= 0)
            return err;
        an_wait item = {.server = srv, .client = cli};
        if (an_poll(&item, 1, left) == AN_ERR_IO)
            return AN_ERR_IO;
    }
}

static void expect(world *w, an_server *srv, an_client *cli, const char *text)
{
    assert_int_equal(hear_in(srv, cli, &w->in, PATIENCE_MS), AN_OK);
    assert_int_equal(w->in.head_len, strlen(text));
    assert_memory_equal(w->in.head, text, w->in.head_len);
}

/* Waits until the handler has counted so many, driven by the client's reconnects. */
static void until_counted(world *w, an_zap_reason reason, uint64_t n, an_client *cli)
{
    int64_t end = now() + PATIENCE_MS;
    while (an_zap_count(w->zap, reason) < n && now() < end) {
        an_wait item = {.client = cli};
        assert_int_not_equal(an_poll(&item, 1, 10), AN_ERR_IO);
    }
    assert_true(an_zap_count(w->zap, reason) >= n);
}

static void an_approved_key_is_named_by_its_site_and_answered(void **state)
{
    world *w = *state;
    an_server *srv = serve(w, AN_PORT_CONTROL);
    an_client *cli = join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    assert_int_equal(say_in(cli, "head", 4, "body", PATIENCE_MS), AN_OK);
    expect(w, srv, NULL, "head");
    assert_string_equal(w->in.site, "plant-7");
    assert_memory_equal(w->in.key, w->plant.public_key, 32);
    assert_string_equal(w->in.address, "127.0.0.1");
    assert_int_equal(w->in.body_len, 4);
    assert_memory_equal(w->in.body, "body", 4);
    an_peer peer = w->in.peer;
    assert_int_equal(an_server_send(srv, &peer, "answer", 6, NULL, 0), AN_OK);
    expect(w, NULL, cli, "answer");
    assert_null(w->in.body);
    an_peer nobody = {.len = 5, .id = {9, 9, 9, 9, 9}};
    assert_int_equal(an_server_send(srv, &nobody, "x", 1, NULL, 0), AN_ERR_NOTFOUND);
    close_client(w, cli);
    close_server(w, srv);
}

static void an_unknown_key_is_rejected_at_both_ports(void **state)
{
    world *w = *state;
    for (int i = 0; i < 2; i++) {
        an_port port = i ? AN_PORT_BULK : AN_PORT_CONTROL;
        an_server *srv = serve(w, port);
        an_client *cli = join(w, port, an_server_endpoint(srv), &w->stranger);
        until_counted(w, AN_ZAP_UNKNOWN, (uint64_t)i + 1, cli);
        assert_int_equal(an_client_send(cli, "x", 1, NULL, 0), AN_ERR_AGAIN);
        assert_int_equal(an_server_recv(srv, &w->in), AN_ERR_AGAIN);
        assert_int_equal(an_zap_count(w->zap, AN_ZAP_ADMITTED), 0);
        close_client(w, cli);
        close_server(w, srv);
    }
}

static void a_key_that_is_approved_later_gets_in_by_itself(void **state)
{
    world *w = *state;
    an_server *srv = serve(w, AN_PORT_CONTROL);
    an_client *cli = join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->stranger);
    until_counted(w, AN_ZAP_UNKNOWN, 1, cli);
    assert_int_equal(an_zap_allow(w->zap, w->stranger.public_key, "plant-8"), AN_OK);
    say(cli, "hello");
    expect(w, srv, NULL, "hello");
    assert_string_equal(w->in.site, "plant-8");
    close_client(w, cli);
    close_server(w, srv);
}

static void no_port_opens_without_the_handler(void **state)
{
    world *w = *state;
    an_net *bare = NULL;
    an_server *srv = NULL;
    an_note why = {0};
    assert_int_equal(an_net_open(1, &bare, NULL), AN_OK);
    assert_int_equal(an_server_open(bare, AN_PORT_CONTROL, "tcp://127.0.0.1:*", w->coordinator.secret, &srv, &why),
                     AN_ERR_STATE);
    assert_null(srv);
    assert_non_null(strstr(why.text, "ZAP"));
    an_net_close(bare);
    an_zap *second = NULL;
    assert_int_equal(an_zap_start(w->net, &second, &why), AN_ERR_EXISTS);
}

static void a_revoked_key_is_refused_at_its_next_message_and_connection(void **state)
{
    world *w = *state;
    an_server *srv = serve(w, AN_PORT_CONTROL);
    an_client *cli = join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    say(cli, "before");
    expect(w, srv, NULL, "before");
    uint64_t epoch = an_zap_epoch(w->zap);
    assert_true(an_zap_revoke(w->zap, w->plant.public_key));
    assert_false(an_zap_revoke(w->zap, w->plant.public_key));
    assert_true(an_zap_epoch(w->zap) > epoch);
    say(cli, "after");
    assert_int_equal(hear_in(srv, NULL, &w->in, PATIENCE_MS), AN_ERR_AUTH);
    assert_int_equal(an_server_count(srv).revoked, 1);
    an_client *late = join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    until_counted(w, AN_ZAP_REVOKED, 1, late);
    close_client(w, late);
    close_client(w, cli);
    close_server(w, srv);
}

static void one_of_two_keys_of_a_site_can_be_revoked_alone(void **state)
{
    world *w = *state;
    char site[AN_USER_TEXT];
    assert_int_equal(an_zap_allow(w->zap, w->stranger.public_key, "plant-7"), AN_OK);
    assert_true(an_zap_revoke(w->zap, w->plant.public_key));
    assert_false(an_zap_site_of(w->zap, w->plant.public_key, site));
    assert_true(an_zap_site_of(w->zap, w->stranger.public_key, site));
    assert_string_equal(site, "plant-7");
    assert_int_equal(an_zap_allow(w->zap, w->plant.public_key, "plant-7"), AN_OK);
    assert_int_equal(an_zap_revoke_site(w->zap, "plant-7"), 2);
    assert_int_equal(an_zap_revoke_site(w->zap, "plant-7"), 0);
    assert_int_equal(an_zap_allow(w->zap, w->plant.public_key, "two words"), AN_ERR_INVAL);
    assert_int_equal(an_zap_allow(w->zap, w->plant.public_key, ""), AN_ERR_INVAL);
}

static void enrolment_is_closed_until_it_is_opened_and_then_counted(void **state)
{
    world *w = *state;
    char hex[65];
    an_server *srv = serve(w, AN_PORT_ENROL);
    an_client *cli = join(w, AN_PORT_ENROL, an_server_endpoint(srv), &w->stranger);
    until_counted(w, AN_ZAP_ENROL_CLOSED, 1, cli);
    an_zap_enrol(w->zap, 1);
    say(cli, "let me in");
    expect(w, srv, NULL, "let me in");
    an_hex(hex, w->stranger.public_key, 32);
    assert_string_equal(w->in.site, hex);
    an_client *second = join(w, AN_PORT_ENROL, an_server_endpoint(srv), &w->plant);
    until_counted(w, AN_ZAP_ENROL_RATE, 1, second);
    close_client(w, second);
    close_client(w, cli);
    close_server(w, srv);
}

/* A client of a larger port's limits connects to a smaller port: the server must defend itself. */
static void an_oversize_frame_costs_its_sender_the_connection_and_nobody_else(void **state)
{
    static uint8_t big[256 * 1024];
    world *w = *state;
    an_zap_enrol(w->zap, 1000);
    for (int i = 0; i < 2; i++) {
        an_port port = i ? AN_PORT_ENROL : AN_PORT_CONTROL;
        size_t max = an_port_max_frame(port);
        an_server *srv = serve(w, port);
        an_client *good = join(w, port, an_server_endpoint(srv), &w->plant);
        an_client *bad = join(w, AN_PORT_BULK, an_server_endpoint(srv), &w->plant);
        say(good, "one");
        expect(w, srv, NULL, "one");
        assert_int_equal(an_client_send(good, big, max + 1, NULL, 0), AN_ERR_LIMIT);
        assert_int_equal(say_in(bad, big, max, NULL, PATIENCE_MS), AN_OK);
        assert_int_equal(hear_in(srv, NULL, &w->in, PATIENCE_MS), AN_OK);
        assert_int_equal(w->in.head_len, max);
        an_peer first = w->in.peer;
        assert_int_equal(say_in(bad, big, max + 1, NULL, PATIENCE_MS), AN_OK);
        say(good, "two");
        expect(w, srv, NULL, "two");
        /* The offender comes back as a new connection; his message does not. */
        int64_t end = now() + PATIENCE_MS;
        do {
            (void)say_in(bad, "back", 4, NULL, 100);
            assert_true(now() < end);
        } while (hear_in(srv, NULL, &w->in, 100) != AN_OK);
        assert_int_equal(w->in.head_len, 4);
        assert_memory_not_equal(w->in.peer.id, first.id, first.len);
        close_client(w, bad);
        close_client(w, good);
        close_server(w, srv);
    }
}

static void a_chunk_and_its_header_pass_the_bulk_port(void **state)
{
    static uint8_t chunk[AN_CHUNK_BYTES];
    world *w = *state;
    an_server *srv = serve(w, AN_PORT_BULK);
    an_client *cli = join(w, AN_PORT_BULK, an_server_endpoint(srv), &w->plant);
    say(cli, "give");
    expect(w, srv, NULL, "give");
    an_peer peer = w->in.peer;
    chunk[sizeof chunk - 1] = 7;
    assert_int_equal(an_server_send(srv, &peer, "head", 4, chunk, sizeof chunk), AN_OK);
    expect(w, NULL, cli, "head");
    assert_int_equal(w->in.body_len, sizeof chunk);
    assert_int_equal(w->in.body[sizeof chunk - 1], 7);
    close_client(w, cli);
    close_server(w, srv);
}

static void messages_of_three_frames_are_dropped_whole(void **state)
{
    world *w = *state;
    an_server *srv = serve(w, AN_PORT_CONTROL);
    an_client *cli = join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    say(cli, "one");
    expect(w, srv, NULL, "one");
    void *raw = an_client_socket(cli);
    for (int i = 0; i < 5; i++)
        assert_int_equal(zmq_send(raw, "x", 1, i < 4 ? ZMQ_SNDMORE : 0), 1);
    say(cli, "two");
    assert_int_equal(hear_in(srv, NULL, &w->in, PATIENCE_MS), AN_ERR_PROTO);
    expect(w, srv, NULL, "two");
    assert_int_equal(an_server_count(srv).malformed, 1);
    close_client(w, cli);
    close_server(w, srv);
}

static void a_full_queue_says_so_and_loses_nothing(void **state)
{
    static uint8_t load[60 * 1024];
    world *w = *state;
    an_server *srv = serve(w, AN_PORT_CONTROL);
    an_client *cli = join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    say(cli, "hello");
    expect(w, srv, NULL, "hello");
    an_peer peer = w->in.peer;
    uint32_t sent = 0;
    an_err err;
    for (;;) {
        an_put_u32(load, sent);
        if ((err = an_server_send(srv, &peer, load, sizeof load, NULL, 0)) != AN_OK)
            break;
        assert_true(++sent < 100000);
    }
    assert_int_equal(err, AN_ERR_AGAIN);
    assert_true(an_server_count(srv).full == 1);
    for (uint32_t i = 0; i < sent; i++) {
        assert_int_equal(hear_in(NULL, cli, &w->in, PATIENCE_MS), AN_OK);
        assert_int_equal(an_get_u32(w->in.head), i);
    }
    assert_int_equal(an_client_recv(cli, &w->in), AN_ERR_AGAIN);
    close_client(w, cli);
    close_server(w, srv);
}

static void a_client_finds_a_restarted_server_and_sends_nothing_stale(void **state)
{
    world *w = *state;
    char endpoint[AN_ENDPOINT_TEXT];
    an_server *srv = serve(w, AN_PORT_CONTROL);
    snprintf(endpoint, sizeof endpoint, "%s", an_server_endpoint(srv));
    an_client *cli = join(w, AN_PORT_CONTROL, endpoint, &w->plant);
    say(cli, "first");
    expect(w, srv, NULL, "first");
    close_server(w, srv);
    /* Until the loss is noticed a send may still be taken, and is lost; then it says AGAIN. */
    int64_t end = now() + PATIENCE_MS;
    while (an_client_send(cli, "lost", 4, NULL, 0) == AN_OK && now() < end) {
        an_wait item = {.client = cli};
        (void)an_poll(&item, 1, 5);
    }
    assert_int_equal(an_client_send(cli, "lost", 4, NULL, 0), AN_ERR_AGAIN);
    srv = serve_at(w, AN_PORT_CONTROL, endpoint);
    say(cli, "second");
    expect(w, srv, NULL, "second");
    close_client(w, cli);
    close_server(w, srv);
}

static void of_two_links_with_one_key_the_newest_hello_wins(void **state)
{
    world *w = *state;
    an_peers *peers = NULL;
    uint64_t first = 0, second = 0;
    assert_int_equal(an_peers_new(8, &peers), AN_OK);
    an_server *srv = serve(w, AN_PORT_CONTROL);
    an_client *a = join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    say(a, "hello a");
    expect(w, srv, NULL, "hello a");
    an_peer old = w->in.peer;
    assert_int_equal(an_peers_hello(peers, w->in.site, &old, &first), AN_OK);
    an_client *b = join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    say(b, "hello b");
    expect(w, srv, NULL, "hello b");
    assert_int_equal(an_peers_hello(peers, w->in.site, &w->in.peer, &second), AN_OK);
    assert_true(second > first);
    assert_false(an_peers_current(peers, "plant-7", &old));
    assert_int_equal(an_server_send(srv, an_peers_find(peers, "plant-7", NULL), "for b", 5, NULL, 0), AN_OK);
    expect(w, NULL, b, "for b");
    assert_int_equal(an_server_send(srv, &old, "for a", 5, NULL, 0), AN_OK);
    expect(w, NULL, a, "for a");
    close_client(w, a);
    close_client(w, b);
    close_server(w, srv);
    an_peers_free(peers);
}

static void a_server_with_another_key_is_not_talked_to(void **state)
{
    world *w = *state;
    an_server *srv = serve(w, AN_PORT_CONTROL);
    keys right = w->coordinator;
    w->coordinator = w->stranger;
    an_client *cli = join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    w->coordinator = right;
    assert_int_equal(say_in(cli, "secret", 6, NULL, 500), AN_ERR_AGAIN);
    assert_int_equal(an_server_recv(srv, &w->in), AN_ERR_AGAIN);
    assert_int_equal(an_zap_count(w->zap, AN_ZAP_ADMITTED), 0);
    close_client(w, cli);
    close_server(w, srv);
}

static void endpoints_other_than_tcp_are_refused(void **state)
{
    world *w = *state;
    an_server *srv = NULL;
    an_client *cli = NULL;
    an_client_conf conf = {.endpoint = "ipc:///tmp/x", .server_key = w->coordinator.public_key,
                           .link_public = w->plant.public_key, .link_secret = w->plant.secret};
    assert_int_equal(an_server_open(w->net, AN_PORT_CONTROL, "inproc://x", w->coordinator.secret, &srv, NULL),
                     AN_ERR_INVAL);
    assert_int_equal(an_client_open(w->net, &conf, &cli, NULL), AN_ERR_INVAL);
    assert_int_equal(an_server_open(w->net, AN_PORT_CONTROL, "tcp://nonsense", w->coordinator.secret, &srv, NULL),
                     AN_ERR_IO);
    assert_null(srv);
    assert_null(cli);
}

/* ---- transfers over the bulk port ---- */

#define OBJECT_BYTES (5u * AN_CHUNK_BYTES)

typedef struct transfer {
    world *w;
    an_server *srv;
    an_client *cli;
    an_serve *serve;
    an_fetch *fetch;
    uint8_t *object, *sink;
    an_hash hash;
    unsigned chunks;
    bool tamper;
} transfer;

/* The test's own header: hash, offset, length. */
static size_t head_put(uint8_t out[static 48], const an_hash *hash, uint64_t offset, uint32_t len)
{
    an_buf b;
    an_buf_init(&b, 48);
    an_buf_put(&b, hash->b, sizeof hash->b);
    an_buf_u64(&b, offset);
    an_buf_u32(&b, len);
    memcpy(out, b.data, b.len);
    size_t n = b.len;
    an_buf_done(&b);
    return n;
}

static void head_get(const an_in *in, an_hash *hash, uint64_t *offset, uint32_t *len)
{
    an_reader r = an_reader_of(in->head, in->head_len);
    const uint8_t *h = an_read_bytes(&r, sizeof hash->b);
    assert_non_null(h);
    memcpy(hash->b, h, sizeof hash->b);
    *offset = an_read_u64(&r);
    *len = an_read_u32(&r);
    assert_false(r.failed);
}

static an_err t_write(void *user, uint64_t offset, const void *bytes, size_t len)
{
    memcpy(((transfer *)user)->sink + offset, bytes, len);
    return AN_OK;
}

static an_err t_read_sink(void *user, uint64_t offset, void *ret, size_t len)
{
    memcpy(ret, ((transfer *)user)->sink + offset, len);
    return AN_OK;
}

static an_err t_ask(void *user, const an_hash *hash, uint64_t offset, uint32_t len)
{
    uint8_t head[48];
    size_t n = head_put(head, hash, offset, len);
    return an_client_send(((transfer *)user)->cli, head, n, NULL, 0);
}

static an_err t_find(void *user, const char *site, const an_hash *hash, uint64_t *ret_total)
{
    assert_string_equal(site, "plant-7");
    *ret_total = OBJECT_BYTES;
    return an_hash_equal(hash, &((transfer *)user)->hash) ? AN_OK : AN_ERR_NOTFOUND;
}

static an_err t_read(void *user, const an_hash *hash, uint64_t offset, void *ret, size_t len)
{
    transfer *t = user;
    (void)hash;
    memcpy(ret, t->object + offset, len);
    if (t->tamper && offset == AN_CHUNK_BYTES)
        *(uint8_t *)ret ^= 1;
    return AN_OK;
}

static an_err t_reply(void *user, const an_peer *peer, const an_hash *hash, uint64_t offset,
                      const void *bytes, size_t len, an_err err)
{
    uint8_t head[48];
    assert_int_equal(err, AN_OK);
    size_t n = head_put(head, hash, offset, (uint32_t)len);
    return an_server_send(((transfer *)user)->srv, peer, head, n, bytes, len);
}

static an_err t_fetch(transfer *t, uint64_t resume_at)
{
    an_fetch_conf conf = {.hash = t->hash, .total = OBJECT_BYTES, .total_max = OBJECT_BYTES,
                          .resume_at = resume_at, .timeout_ms = 500, .retries = 20, .write = t_write,
                          .read = t_read_sink, .ask = t_ask, .user = t};
    return an_fetch_new(&conf, &t->fetch, NULL);
}

/* Turns both programs' loops in one thread until `stop_at` chunks came, or the fetch ended. */
static an_err t_run(transfer *t, unsigned stop_at)
{
    int64_t end = now() + PATIENCE_MS;
    an_in *in = &t->w->in;
    an_hash hash;
    uint64_t offset;
    uint32_t len;
    while (!an_fetch_done(t->fetch) && t->chunks < stop_at) {
        assert_true(now() < end);
        an_err err = an_fetch_step(t->fetch, now());
        if (err != AN_OK)
            return err;
        while (an_server_recv(t->srv, in) == AN_OK) {
            head_get(in, &hash, &offset, &len);
            assert_int_equal(an_serve_ask(t->serve, &in->peer, in->site, &hash, offset, len), AN_OK);
        }
        (void)an_serve_step(t->serve);
        while (t->chunks < stop_at && an_client_recv(t->cli, in) == AN_OK) {
            head_get(in, &hash, &offset, &len);
            err = an_fetch_take(t->fetch, &hash, offset, in->body, in->body_len, now());
            if (err != AN_OK)
                return err;
            t->chunks++;
        }
        an_wait items[] = {{.server = t->srv}, {.client = t->cli}};
        (void)an_poll(items, 2, 20);
    }
    return AN_OK;
}

static transfer transfer_of(world *w)
{
    transfer t = {.w = w, .object = an_alloc(1, OBJECT_BYTES), .sink = an_alloc(1, OBJECT_BYTES)};
    for (size_t i = 0; i < OBJECT_BYTES; i++)
        t.object[i] = (uint8_t)(i * 2654435761u >> 13);
    an_hash_of(&t.hash, t.object, OBJECT_BYTES);
    t.srv = serve(w, AN_PORT_BULK);
    t.cli = join(w, AN_PORT_BULK, an_server_endpoint(t.srv), &w->plant);
    return t;
}

static void serve_start(transfer *t)
{
    an_serve_conf conf = {.queue = 64, .per_peer = 32, .find = t_find, .read = t_read, .reply = t_reply, .user = t};
    assert_int_equal(an_serve_new(&conf, &t->serve), AN_OK);
}

static void transfer_done(transfer *t)
{
    an_fetch_free(t->fetch);
    an_serve_free(t->serve);
    close_client(t->w, t->cli);
    close_server(t->w, t->srv);
    an_free(t->object);
    an_free(t->sink);
}

static void a_transfer_survives_the_server_and_resumes_after_its_own_restart(void **state)
{
    transfer t = transfer_of(*state);
    char endpoint[AN_ENDPOINT_TEXT];
    snprintf(endpoint, sizeof endpoint, "%s", an_server_endpoint(t.srv));
    serve_start(&t);
    assert_int_equal(t_fetch(&t, 0), AN_OK);
    assert_int_equal(t_run(&t, 2), AN_OK);
    close_server(t.w, t.srv); /* the coordinator dies: asks and chunks under way are lost */
    an_serve_free(t.serve);
    t.srv = serve_at(t.w, AN_PORT_BULK, endpoint);
    serve_start(&t);
    an_fetch_relink(t.fetch);
    assert_int_equal(t_run(&t, 4), AN_OK);
    uint64_t at = an_fetch_at(t.fetch); /* the agent dies too, and knows what is durable */
    assert_true(at >= 2u * AN_CHUNK_BYTES && at < OBJECT_BYTES);
    an_fetch_free(t.fetch);
    t.fetch = NULL;
    close_client(t.w, t.cli);
    t.cli = join(t.w, AN_PORT_BULK, endpoint, &t.w->plant);
    assert_int_equal(t_fetch(&t, at), AN_OK);
    assert_int_equal(t_run(&t, 100), AN_OK);
    assert_true(an_fetch_done(t.fetch));
    assert_memory_equal(t.sink, t.object, OBJECT_BYTES);
    transfer_done(&t);
}

static void a_chunk_that_is_changed_on_the_way_fails_the_transfer(void **state)
{
    transfer t = transfer_of(*state);
    t.tamper = true;
    serve_start(&t);
    assert_int_equal(t_fetch(&t, 0), AN_OK);
    assert_int_equal(t_run(&t, 100), AN_ERR_PROTO);
    assert_true(an_fetch_failed(t.fetch));
    transfer_done(&t);
}

#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(an_approved_key_is_named_by_its_site_and_answered),
        WITH_WORLD(an_unknown_key_is_rejected_at_both_ports),
        WITH_WORLD(a_key_that_is_approved_later_gets_in_by_itself),
        WITH_WORLD(no_port_opens_without_the_handler),
        WITH_WORLD(a_revoked_key_is_refused_at_its_next_message_and_connection),
        WITH_WORLD(one_of_two_keys_of_a_site_can_be_revoked_alone),
        WITH_WORLD(enrolment_is_closed_until_it_is_opened_and_then_counted),
        WITH_WORLD(an_oversize_frame_costs_its_sender_the_connection_and_nobody_else),
        WITH_WORLD(a_chunk_and_its_header_pass_the_bulk_port),
        WITH_WORLD(messages_of_three_frames_are_dropped_whole),
        WITH_WORLD(a_full_queue_says_so_and_loses_nothing),
        WITH_WORLD(a_client_finds_a_restarted_server_and_sends_nothing_stale),
        WITH_WORLD(of_two_links_with_one_key_the_newest_hello_wins),
        WITH_WORLD(a_server_with_another_key_is_not_talked_to),
        WITH_WORLD(endpoints_other_than_tcp_are_refused),
        WITH_WORLD(a_transfer_survives_the_server_and_resumes_after_its_own_restart),
        WITH_WORLD(a_chunk_that_is_changed_on_the_way_fails_the_transfer),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
