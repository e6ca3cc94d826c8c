#include "tests/support/hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "doors/crypto.h"
#include "net/poll.h"

void hand_say(hand *h, an_client *to, an_msg *msg, const void *bytes, size_t len)
{
    an_buf b;
    an_note why = {{0}};
    an_buf_init(&b, AN_MSG_CONTROL_MAX);
    msg->msg_id = ++h->next_id;
    if (to == h->control && msg->type != AN_MSG_HELLO)
        msg->epoch = h->epoch;
    if (an_msg_encode(msg, &b, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_err err = AN_ERR_AGAIN;
    const an_clock *clock = an_clock_system();
    for (int64_t until = clock->mono_ms(clock) + HAND_PATIENCE_MS;
         err == AN_ERR_AGAIN && clock->mono_ms(clock) < until;) {
        err = an_client_send(to, b.data, b.len, bytes, len);
        an_wait w = {.client = to, .want_send = true};
        if (err == AN_ERR_AGAIN && an_poll(&w, 1, 50) == AN_ERR_IO)
            fail_msg("poll");
    }
    assert_int_equal(err, AN_OK);
    an_buf_done(&b);
}

an_msg *hand_hear(hand *h, an_client *from, an_msg_type type, int64_t patience_ms)
{
    const an_clock *clock = an_clock_system();
    for (int64_t until = clock->mono_ms(clock) + patience_ms; clock->mono_ms(clock) < until;) {
        an_msg *m = NULL;
        an_wait w = {.client = from};
        if (an_client_recv(from, &h->in) != AN_OK) {
            if (an_poll(&w, 1, 100) == AN_ERR_IO)
                fail_msg("poll");
            continue;
        }
        assert_int_equal(an_msg_decode(h->in.head, h->in.head_len, &m, NULL), AN_OK);
        if (m->type == type)
            return m;
        an_msg_free(m);
    }
    return NULL;
}

an_msg *hand_must_hear(hand *h, an_client *from, an_msg_type type)
{
    an_msg *m = hand_hear(h, from, type, HAND_PATIENCE_MS);
    if (!m)
        fail_msg("no %s came", an_msg_type_find(type)->name);
    return m;
}

static an_client *dial(hand *h, an_port port, const char *endpoint)
{
    an_client *cli = NULL;
    an_note why = {{0}};
    an_client_conf conf = {.port = port,
                           .endpoint = endpoint,
                           .server_key = h->token.link_key,
                           .link_public = h->id->link_public,
                           .link_secret = h->id->link_secret};
    if (an_client_open(h->net, &conf, &cli, &why) != AN_OK)
        fail_msg("%s", why.text);
    return cli;
}

static void ask_to_enrol(hand *h)
{
    an_client *door = dial(h, AN_PORT_ENROL, h->token.endpoint);
    an_msg m = {.type = AN_MSG_ENROL};
    an_msg_enrol *e = &m.u.enrol;
    uint8_t key[32], statement[AN_ENROL_STATEMENT_BYTES];
    an_hash mac;
    snprintf(e->site, sizeof e->site, "plant-a");
    snprintf(e->agent_version, sizeof e->agent_version, "hand-1");
    memcpy(e->token_id, h->token.id, sizeof e->token_id);
    memcpy(e->link_key, h->id->link_public, sizeof e->link_key);
    memcpy(e->statement_key, h->id->sign_public, sizeof e->statement_key);
    an_token_key(key, h->token.secret);
    an_enrol_statement(statement, e);
    an_mac_of(&mac, key, statement, sizeof statement);
    memcpy(e->mac, mac.b, sizeof e->mac);
    hand_say(h, door, &m, NULL, 0);
    an_msg *reply = hand_must_hear(h, door, AN_MSG_ENROL_REPLY);
    h->reply = reply->u.enrol_reply;
    an_msg_free(reply);
    an_client_close(door);
}

void hand_enrol(const server *s, hand *h)
{
    char path[AN_PATH_MAX], body[512], fingerprint[AN_FINGERPRINT_TEXT];
    an_note why = {{0}};
    *h = (hand){.schema = {{1}}};
    assert_int_equal(an_path_join(path, s->dir, "hand"), AN_OK);
    assert_int_equal(an_net_open(1, &h->net, &why), AN_OK);
    assert_int_equal(an_identity_open(path, &h->id, &why), AN_OK);
    an_json_doc *doc = server_http(s, "POST", "/tokens", "{}", s->authorization, 201);
    assert_int_equal(an_token_parse(&h->token, server_text(doc, NULL, "token"), &why), AN_OK);
    an_json_doc_free(doc);
    ask_to_enrol(h);
    assert_int_equal(h->reply.status, AN_ENROL_PENDING);
    an_fingerprint(fingerprint, h->id->link_public, h->id->sign_public);
    assert_string_equal(h->reply.fingerprint, fingerprint);
    server_expect(s, "POST", "/sites/plant-a/approve", "{\"fingerprint\":\"0000-0000\"}", 409);
    snprintf(body, sizeof body, "{\"fingerprint\":\"%s\"}", fingerprint);
    server_expect(s, "POST", "/sites/plant-a/approve", body, 200);
    ask_to_enrol(h);
    assert_int_equal(h->reply.status, AN_ENROL_APPROVED);
    h->control = dial(h, AN_PORT_CONTROL, h->reply.control_endpoint);
    h->bulk = dial(h, AN_PORT_BULK, h->reply.bulk_endpoint);
}

void hand_done(hand *h)
{
    an_in_done(&h->in);
    an_client_close(h->control);
    an_client_close(h->bulk);
    an_token_done(&h->token);
    an_identity_free(h->id);
    an_net_close(h->net);
}

void hand_hello(hand *h)
{
    an_msg m = {.type = AN_MSG_HELLO};
    an_msg_hello *o = &m.u.hello;
    snprintf(o->agent_version, sizeof o->agent_version, "hand-1");
    snprintf(o->site, sizeof o->site, "plant-a");
    memcpy(o->statement_key, h->id->sign_public, sizeof o->statement_key);
    o->instance = 5;
    o->n_lines = 1;
    snprintf(o->lines[0].line, AN_NAME_MAX, "line-1");
    snprintf(o->lines[0].model, AN_NAME_MAX, "pumps");
    o->lines[0].schema = h->schema;
    hand_say(h, h->control, &m, NULL, 0);
    an_msg *w = hand_must_hear(h, h->control, AN_MSG_WELCOME);
    h->epoch = w->u.welcome.epoch;
    an_msg_free(w);
}
