/* Real sockets on the loopback interface, any free port; waiting is always on an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "net/bulk.h"
#include "net/net_internal.h"
#include "net/peers.h"
#include "tests/support/world.h"

/* Waits until the handler has counted so many, driven by the client's reconnects. */
static void until_counted(an_world *w, an_zap_reason reason, uint64_t n, an_client *cli)
{
    int64_t end = an_world_now() + AN_WORLD_PATIENCE_MS;
    while (an_zap_count(w->zap, reason) < n && an_world_now() < end) {
        an_wait item = {.client = cli};
        assert_int_not_equal(an_poll(&item, 1, 10), AN_ERR_IO);
    }
    assert_true(an_zap_count(w->zap, reason) >= n);
}

static void an_approved_key_is_named_by_its_site_and_answered(void **state)
{
    an_world *w = *state;
    an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
    an_client *cli = an_world_join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    assert_int_equal(an_world_say_in(cli, "head", 4, "body", AN_WORLD_PATIENCE_MS), AN_OK);
    an_world_expect(w, srv, NULL, "head");
    assert_string_equal(w->in.site, "plant-7");
    assert_memory_equal(w->in.key, w->plant.public_key, 32);
    assert_string_equal(w->in.address, "127.0.0.1");
    assert_int_equal(w->in.body_len, 4);
    assert_memory_equal(w->in.body, "body", 4);
    an_peer peer = w->in.peer;
    assert_int_equal(an_server_send(srv, &peer, "answer", 6, NULL, 0), AN_OK);
    an_world_expect(w, NULL, cli, "answer");
    assert_null(w->in.body);
    an_peer nobody = {.len = 5, .id = {9, 9, 9, 9, 9}};
    assert_int_equal(an_server_send(srv, &nobody, "x", 1, NULL, 0), AN_ERR_NOTFOUND);
    an_world_close_client(w, cli);
    an_world_close_server(w, srv);
}

static void an_unknown_key_is_rejected_at_both_ports(void **state)
{
    an_world *w = *state;
    for (int i = 0; i < 2; i++) {
        an_port port = i ? AN_PORT_BULK : AN_PORT_CONTROL;
        an_server *srv = an_world_serve(w, port);
        an_client *cli = an_world_join(w, port, an_server_endpoint(srv), &w->stranger);
        until_counted(w, AN_ZAP_UNKNOWN, (uint64_t)i + 1, cli);
        assert_int_equal(an_client_send(cli, "x", 1, NULL, 0), AN_ERR_AGAIN);
        assert_int_equal(an_server_recv(srv, &w->in), AN_ERR_AGAIN);
        assert_int_equal(an_zap_count(w->zap, AN_ZAP_ADMITTED), 0);
        an_world_close_client(w, cli);
        an_world_close_server(w, srv);
    }
}

static void a_key_that_is_approved_later_gets_in_by_itself(void **state)
{
    an_world *w = *state;
    an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
    an_client *cli = an_world_join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->stranger);
    until_counted(w, AN_ZAP_UNKNOWN, 1, cli);
    assert_int_equal(an_zap_allow(w->zap, w->stranger.public_key, "plant-8"), AN_OK);
    an_world_say(cli, "hello");
    an_world_expect(w, srv, NULL, "hello");
    assert_string_equal(w->in.site, "plant-8");
    an_world_close_client(w, cli);
    an_world_close_server(w, srv);
}

/* One that is refused would come again only when its socket is replaced. */
static void whoever_connects_before_the_table_is_filled_waits_for_it(void **state)
{
    an_world *w = *state;
    an_client *cli = NULL;
    an_zap_hold(w->zap, true);
    an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
    const an_client_conf conf = {.port = AN_PORT_CONTROL,
                                 .endpoint = an_server_endpoint(srv),
                                 .server_key = w->coordinator.public_key,
                                 .link_public = w->stranger.public_key,
                                 .link_secret = w->stranger.secret};
    assert_int_equal(an_client_open(w->net, &conf, &cli, NULL), AN_OK);
    assert_int_equal(an_world_say_in(cli, "early", 5, NULL, 300), AN_ERR_AGAIN);
    assert_int_equal(an_zap_allow(w->zap, w->stranger.public_key, "plant-late"), AN_OK);
    an_zap_hold(w->zap, false);
    an_world_say(cli, "hello");
    an_world_expect(w, srv, NULL, "hello");
    assert_true(an_zap_count(w->zap, AN_ZAP_UNKNOWN) == 0);
    an_client_close(cli);
    an_world_close_server(w, srv);
}

static void no_port_opens_without_the_handler(void **state)
{
    an_world *w = *state;
    an_net *bare = NULL;
    an_server *srv = NULL;
    an_note why = {0};
    assert_int_equal(an_net_open(1, &bare, NULL), AN_OK);
    assert_int_equal(
        an_server_open(bare, AN_PORT_CONTROL, "tcp://127.0.0.1:*", w->coordinator.secret, &srv, &why),
        AN_ERR_STATE);
    assert_null(srv);
    assert_non_null(strstr(why.text, "ZAP"));
    an_net_close(bare);
    an_zap *second = NULL;
    assert_int_equal(an_zap_start(w->net, &second, &why), AN_ERR_EXISTS);
}

static void a_revoked_key_is_refused_at_its_next_message_and_connection(void **state)
{
    an_world *w = *state;
    an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
    an_client *cli = an_world_join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    an_world_say(cli, "before");
    an_world_expect(w, srv, NULL, "before");
    uint64_t epoch = an_zap_epoch(w->zap);
    assert_true(an_zap_revoke(w->zap, w->plant.public_key));
    assert_false(an_zap_revoke(w->zap, w->plant.public_key));
    assert_true(an_zap_epoch(w->zap) > epoch);
    an_world_say(cli, "after");
    assert_int_equal(an_world_hear_in(srv, NULL, &w->in, AN_WORLD_PATIENCE_MS), AN_ERR_AUTH);
    assert_int_equal(an_server_count(srv).revoked, 1);
    an_client *late = an_world_join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    until_counted(w, AN_ZAP_REVOKED, 1, late);
    an_world_close_client(w, late);
    an_world_close_client(w, cli);
    an_world_close_server(w, srv);
}

static void one_of_two_keys_of_a_site_can_be_revoked_alone(void **state)
{
    an_world *w = *state;
    char site[AN_USER_TEXT];
    assert_int_equal(an_zap_allow(w->zap, w->stranger.public_key, "plant-7"), AN_OK);
    assert_true(an_zap_revoke(w->zap, w->plant.public_key));
    assert_false(an_zap_site_of(w->zap, w->plant.public_key, site));
    assert_true(an_zap_site_of(w->zap, w->stranger.public_key, site));
    assert_string_equal(site, "plant-7");
    assert_int_equal(an_zap_allow(w->zap, w->plant.public_key, "plant-7"), AN_OK);
    assert_int_equal(an_zap_revoke_site(w->zap, "plant-7", NULL, 0), 2);
    assert_int_equal(an_zap_revoke_site(w->zap, "plant-7", NULL, 0), 0);
    assert_int_equal(an_zap_allow(w->zap, w->plant.public_key, "two words"), AN_ERR_INVAL);
    assert_int_equal(an_zap_allow(w->zap, w->plant.public_key, ""), AN_ERR_INVAL);
}

static void enrolment_is_closed_until_it_is_opened_and_then_counted(void **state)
{
    an_world *w = *state;
    char hex[65];
    an_server *srv = an_world_serve(w, AN_PORT_ENROL);
    an_client *cli = an_world_join(w, AN_PORT_ENROL, an_server_endpoint(srv), &w->stranger);
    until_counted(w, AN_ZAP_ENROL_CLOSED, 1, cli);
    an_zap_enrol(w->zap, 1);
    an_world_say(cli, "let me in");
    an_world_expect(w, srv, NULL, "let me in");
    an_hex(hex, w->stranger.public_key, 32);
    assert_string_equal(w->in.site, hex);
    an_client *second = an_world_join(w, AN_PORT_ENROL, an_server_endpoint(srv), &w->plant);
    until_counted(w, AN_ZAP_ENROL_RATE, 1, second);
    an_world_close_client(w, second);
    an_world_close_client(w, cli);
    an_world_close_server(w, srv);
}

/* A client of a larger port's limits connects to a smaller port: the server must defend itself.
 */
static void an_oversize_frame_costs_its_sender_the_connection_and_nobody_else(void **state)
{
    static uint8_t big[256 * 1024];
    an_world *w = *state;
    an_zap_enrol(w->zap, 1000);
    for (int i = 0; i < 2; i++) {
        an_port port = i ? AN_PORT_ENROL : AN_PORT_CONTROL;
        size_t max = an_port_max_up(port);
        an_server *srv = an_world_serve(w, port);
        an_client *good = an_world_join(w, port, an_server_endpoint(srv), &w->plant);
        an_client *bad = an_world_join(w, AN_PORT_BULK, an_server_endpoint(srv), &w->plant);
        an_world_say(good, "one");
        an_world_expect(w, srv, NULL, "one");
        assert_int_equal(an_client_send(good, big, max + 1, NULL, 0), AN_ERR_LIMIT);
        assert_int_equal(an_world_say_in(bad, big, max, NULL, AN_WORLD_PATIENCE_MS), AN_OK);
        assert_int_equal(an_world_hear_in(srv, NULL, &w->in, AN_WORLD_PATIENCE_MS), AN_OK);
        assert_int_equal(w->in.head_len, max);
        an_peer first = w->in.peer;
        assert_int_equal(an_world_say_in(bad, big, max + 1, NULL, AN_WORLD_PATIENCE_MS), AN_OK);
        an_world_say(good, "two");
        an_world_expect(w, srv, NULL, "two");
        /* The offender comes back as a new connection; his message does not. */
        int64_t end = an_world_now() + AN_WORLD_PATIENCE_MS;
        do {
            (void)an_world_say_in(bad, "back", 4, NULL, 100);
            assert_true(an_world_now() < end);
        } while (an_world_hear_in(srv, NULL, &w->in, 100) != AN_OK);
        assert_int_equal(w->in.head_len, 4);
        assert_memory_not_equal(w->in.peer.id, first.id, first.len);
        an_world_close_client(w, bad);
        an_world_close_client(w, good);
        an_world_close_server(w, srv);
    }
}

static void a_chunk_and_its_header_pass_the_bulk_port(void **state)
{
    static uint8_t chunk[AN_CHUNK_BYTES];
    an_world *w = *state;
    an_server *srv = an_world_serve(w, AN_PORT_BULK);
    an_client *cli = an_world_join(w, AN_PORT_BULK, an_server_endpoint(srv), &w->plant);
    an_world_say(cli, "give");
    an_world_expect(w, srv, NULL, "give");
    an_peer peer = w->in.peer;
    chunk[sizeof chunk - 1] = 7;
    assert_int_equal(an_server_send(srv, &peer, "head", 4, chunk, sizeof chunk), AN_OK);
    an_world_expect(w, NULL, cli, "head");
    assert_int_equal(w->in.body_len, sizeof chunk);
    assert_int_equal(w->in.body[sizeof chunk - 1], 7);
    an_world_close_client(w, cli);
    an_world_close_server(w, srv);
}

static void messages_of_three_frames_are_dropped_whole(void **state)
{
    an_world *w = *state;
    an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
    an_client *cli = an_world_join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    an_world_say(cli, "one");
    an_world_expect(w, srv, NULL, "one");
    void *raw = an_client_socket(cli);
    for (int i = 0; i < 5; i++)
        assert_int_equal(zmq_send(raw, "x", 1, i < 4 ? ZMQ_SNDMORE : 0), 1);
    an_world_say(cli, "two");
    assert_int_equal(an_world_hear_in(srv, NULL, &w->in, AN_WORLD_PATIENCE_MS), AN_ERR_PROTO);
    an_world_expect(w, srv, NULL, "two");
    assert_int_equal(an_server_count(srv).malformed, 1);
    an_world_close_client(w, cli);
    an_world_close_server(w, srv);
}

static void a_full_queue_says_so_and_loses_nothing(void **state)
{
    static uint8_t load[60 * 1024];
    an_world *w = *state;
    an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
    an_client *cli = an_world_join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    an_world_say(cli, "hello");
    an_world_expect(w, srv, NULL, "hello");
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
        assert_int_equal(an_world_hear_in(NULL, cli, &w->in, AN_WORLD_PATIENCE_MS), AN_OK);
        assert_int_equal(an_get_u32(w->in.head), i);
    }
    assert_int_equal(an_client_recv(cli, &w->in), AN_ERR_AGAIN);
    an_world_close_client(w, cli);
    an_world_close_server(w, srv);
}

static void a_client_finds_a_restarted_server_and_sends_nothing_stale(void **state)
{
    an_world *w = *state;
    char endpoint[AN_ENDPOINT_TEXT];
    an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
    snprintf(endpoint, sizeof endpoint, "%s", an_server_endpoint(srv));
    an_client *cli = an_world_join(w, AN_PORT_CONTROL, endpoint, &w->plant);
    an_world_say(cli, "first");
    an_world_expect(w, srv, NULL, "first");
    an_world_close_server(w, srv);
    /* Until the loss is noticed a send may still be taken, and is lost; then it says AGAIN. */
    int64_t end = an_world_now() + AN_WORLD_PATIENCE_MS;
    while (an_client_send(cli, "lost", 4, NULL, 0) == AN_OK && an_world_now() < end) {
        an_wait item = {.client = cli};
        assert_int_equal(an_client_recv(cli, &w->in),
                         AN_ERR_AGAIN); /* or the greeting that waits would wake it */
        (void)an_poll(&item, 1, 5);
    }
    assert_int_equal(an_client_send(cli, "lost", 4, NULL, 0), AN_ERR_AGAIN);
    srv = an_world_serve_at(w, AN_PORT_CONTROL, endpoint);
    an_world_say(cli, "second");
    an_world_expect(w, srv, NULL, "second");
    an_world_close_client(w, cli);
    an_world_close_server(w, srv);
}

static void of_two_links_with_one_key_the_newest_hello_wins(void **state)
{
    an_world *w = *state;
    an_peers *peers = NULL;
    uint64_t first = 0, second = 0;
    assert_int_equal(an_peers_new(8, &peers), AN_OK);
    an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
    an_client *a = an_world_join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    an_world_say(a, "hello a");
    an_world_expect(w, srv, NULL, "hello a");
    an_peer old = w->in.peer;
    assert_int_equal(an_peers_hello(peers, w->in.site, &old, &first), AN_OK);
    an_client *b = an_world_join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    an_world_say(b, "hello b");
    an_world_expect(w, srv, NULL, "hello b");
    assert_int_equal(an_peers_hello(peers, w->in.site, &w->in.peer, &second), AN_OK);
    assert_true(second > first);
    assert_false(an_peers_current(peers, "plant-7", &old));
    assert_int_equal(an_server_send(srv, an_peers_find(peers, "plant-7", NULL), "for b", 5, NULL, 0), AN_OK);
    an_world_expect(w, NULL, b, "for b");
    assert_int_equal(an_server_send(srv, &old, "for a", 5, NULL, 0), AN_OK);
    an_world_expect(w, NULL, a, "for a");
    an_world_close_client(w, a);
    an_world_close_client(w, b);
    an_world_close_server(w, srv);
    an_peers_free(peers);
}

static void a_server_with_another_key_is_not_talked_to(void **state)
{
    an_world *w = *state;
    an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
    an_world_keys right = w->coordinator;
    w->coordinator = w->stranger;
    an_client *cli = an_world_join(w, AN_PORT_CONTROL, an_server_endpoint(srv), &w->plant);
    w->coordinator = right;
    assert_int_equal(an_world_say_in(cli, "secret", 6, NULL, 500), AN_ERR_AGAIN);
    assert_int_equal(an_server_recv(srv, &w->in), AN_ERR_AGAIN);
    assert_int_equal(an_zap_count(w->zap, AN_ZAP_ADMITTED), 0);
    an_world_close_client(w, cli);
    an_world_close_server(w, srv);
}

static void endpoints_other_than_tcp_are_refused(void **state)
{
    an_world *w = *state;
    an_server *srv = NULL;
    an_client *cli = NULL;
    an_client_conf conf = {.endpoint = "ipc:///tmp/x",
                           .server_key = w->coordinator.public_key,
                           .link_public = w->plant.public_key,
                           .link_secret = w->plant.secret};
    assert_int_equal(an_server_open(w->net, AN_PORT_CONTROL, "inproc://x", w->coordinator.secret, &srv, NULL),
                     AN_ERR_INVAL);
    assert_int_equal(an_client_open(w->net, &conf, &cli, NULL), AN_ERR_INVAL);
    assert_int_equal(
        an_server_open(w->net, AN_PORT_CONTROL, "tcp://nonsense", w->coordinator.secret, &srv, NULL),
        AN_ERR_IO);
    assert_null(srv);
    assert_null(cli);
}

#ifndef ZMQ_METADATA
#define ZMQ_METADATA 95
#endif

/* A client may send properties of its own in the handshake, under the name of ours too. */
static void a_client_cannot_claim_another_key_in_its_metadata(void **state)
{
    an_world *w = *state;
    char claim[128] = AN_LINK_KEY_PROPERTY ":";
    const char user[] = "X-User-Id:plant-8";
    an_hex(claim + strlen(claim), w->stranger.public_key, AN_LINK_KEY);
    assert_int_equal(an_zap_allow(w->zap, w->stranger.public_key, "plant-8"), AN_OK);
    an_server *srv = an_world_serve(w, AN_PORT_CONTROL);
    void *s = an_socket_open(w->net, ZMQ_DEALER);
    assert_non_null(s);
    int rc = zmq_setsockopt(s, ZMQ_METADATA, claim, strlen(claim));
    if (rc != 0) {
        an_socket_close(w->net, s);
        print_message("this libzmq offers no way to send metadata; not tried\n");
        skip();
    }
    rc = zmq_setsockopt(s, ZMQ_METADATA, user, strlen(user));
    rc += !an_socket_int(s, ZMQ_LINGER, 0);
    rc += zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, w->coordinator.public_key, AN_LINK_KEY);
    rc += zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, w->plant.public_key, AN_LINK_KEY);
    rc += zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, w->plant.secret, AN_LINK_KEY);
    rc += zmq_connect(s, an_server_endpoint(srv));
    rc += zmq_send(s, "it is me", 8, 0) != 8;
    an_err err = an_world_hear_in(srv, NULL, &w->in, AN_WORLD_PATIENCE_MS);
    an_socket_close(w->net, s);
    assert_int_equal(rc, 0);
    assert_int_equal(err, AN_OK);
    /* What does not collide arrives: the claim was sent. */
    assert_string_equal(an_in_property(&w->in, "X-User-Id"), "plant-8");
    assert_string_equal(w->in.site, "plant-7");
    assert_memory_equal(w->in.key, w->plant.public_key, AN_LINK_KEY);
}

static void opening_survives_every_allocation_failure(void **state)
{
    an_world *w = *state;
    an_err err;
    size_t n = 0;
    do {
        an_server *srv = NULL;
        an_mem_fail_after(n++);
        err = an_server_open(w->net, AN_PORT_BULK, "tcp://127.0.0.1:*", w->coordinator.secret, &srv, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !srv));
        an_server_close(srv);
    } while (err != AN_OK);
    assert_true(n > 1);
    an_client_conf conf = {.endpoint = "tcp://127.0.0.1:1",
                           .server_key = w->coordinator.public_key,
                           .link_public = w->plant.public_key,
                           .link_secret = w->plant.secret};
    n = 0;
    do {
        an_client *cli = NULL;
        an_mem_fail_after(n++);
        err = an_client_open(w->net, &conf, &cli, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !cli));
        an_client_close(cli);
    } while (err != AN_OK);
    assert_true(n > 1);
}

static void granting_survives_every_allocation_failure(void **state)
{
    an_world *w = *state;
    uint8_t key[AN_LINK_KEY] = {0};
    char site[AN_USER_TEXT];
    for (uint8_t i = 1; i < 100; i++) {
        key[0] = i;
        an_mem_fail_after(0);
        an_err err = an_zap_allow(w->zap, key, "plant-9");
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_zap_site_of(w->zap, key, site), err == AN_OK);
        assert_int_equal(an_zap_allow(w->zap, key, "plant-9"), AN_OK);
        assert_true(an_zap_site_of(w->zap, w->plant.public_key, site));
    }
}

#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, an_world_setup, an_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(an_approved_key_is_named_by_its_site_and_answered),
        WITH_WORLD(an_unknown_key_is_rejected_at_both_ports),
        WITH_WORLD(a_key_that_is_approved_later_gets_in_by_itself),
        WITH_WORLD(whoever_connects_before_the_table_is_filled_waits_for_it),
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
        WITH_WORLD(a_client_cannot_claim_another_key_in_its_metadata),
        WITH_WORLD(opening_survives_every_allocation_failure),
        WITH_WORLD(granting_survives_every_allocation_failure),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
