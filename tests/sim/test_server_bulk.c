/* The coordinator's bulk thread alone: an update that is cut off and taken up again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/runtime_internal.h"
#include "doors/crypto.h"
#include "net/bulk.h"
#include "net/client.h"
#include "net/poll.h"
#include "tests/support/folder.h"

#define SIZE ((size_t)20 * AN_CHUNK_BYTES + 777)
#define PATIENCE_MS 20000

typedef struct fixture {
    char dir[AN_PATH_MAX];
    an_net *net;
    an_zap *zap;
    uint8_t server[2][AN_LINK_KEY], site[2][AN_LINK_KEY]; /* public, secret */
    uint8_t *object;
    an_hash hash;
    an_bulk_args args;
    an_actor *bulk;
    an_client *client;
    an_in in;
} fixture;

static int64_t now(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static void start(fixture *f)
{
    an_note why = {{0}};
    f->args = (an_bulk_args){
        .net = f->net, .endpoint = "tcp://127.0.0.1:*", .link_secret = f->server[1], .spool_dir = f->dir};
    if (an_actor_start(f->net, an_bulk_main, &f->args, &f->bulk, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_client_conf conf = {.port = AN_PORT_BULK,
                           .endpoint = f->args.bound,
                           .server_key = f->server[0],
                           .link_public = f->site[0],
                           .link_secret = f->site[1]};
    assert_int_equal(an_client_open(f->net, &conf, &f->client, &why), AN_OK);
    an_bulk_order order = {
        .what = AN_BULK_FETCH, .site = "plant-a", .round = 3, .hash = f->hash, .size = SIZE};
    assert_int_equal(an_pipe_send(an_actor_pipe(f->bulk), &order, sizeof order), AN_OK);
}

static void stop(fixture *f)
{
    an_in_done(&f->in);
    f->in = (an_in){0};
    an_client_close(f->client);
    an_actor_stop(f->bulk);
    f->client = NULL;
    f->bulk = NULL;
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    assert_int_equal(an_net_open(1, &f->net, NULL), AN_OK);
    assert_int_equal(an_zap_start(f->net, &f->zap, NULL), AN_OK);
    an_link_keypair(f->server[0], f->server[1]);
    an_link_keypair(f->site[0], f->site[1]);
    assert_int_equal(an_zap_allow(f->zap, f->site[0], "plant-a"), AN_OK);
    f->object = an_alloc(SIZE, 1);
    for (size_t i = 0; i < SIZE; i++)
        f->object[i] = (uint8_t)(i * 2654435761u >> 13);
    an_hash_of(&f->hash, f->object, SIZE);
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    stop(f);
    an_zap_stop(f->zap);
    an_net_close(f->net);
    an_free(f->object);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static void say(fixture *f, const an_msg *msg, const void *bytes, size_t len)
{
    an_buf b;
    an_err err = AN_ERR_AGAIN;
    an_buf_init(&b, AN_MSG_BULK_MAX);
    assert_int_equal(an_msg_encode(msg, &b, NULL), AN_OK);
    for (int64_t until = now() + PATIENCE_MS; err == AN_ERR_AGAIN && now() < until;) {
        err = an_client_send(f->client, b.data, b.len, bytes, len);
        an_wait w = {.client = f->client, .want_send = true};
        if (err == AN_ERR_AGAIN && an_poll(&w, 1, 50) == AN_ERR_IO)
            fail_msg("poll");
    }
    assert_int_equal(err, AN_OK);
    an_buf_done(&b);
}

static void greet(fixture *f)
{
    an_msg m = {.type = AN_MSG_CHUNK_REQUEST};
    m.u.chunk_request = (an_msg_chunk_request){.object = f->hash, .kind = AN_OBJECT_UPDATE, .len = 1};
    say(f, &m, NULL, 0);
}

/* Answers up to n asks, `spoil` flips a bit in each; returns the least offset that was asked
 * for.  Ends early when the thread reports. */
static uint64_t serve(fixture *f, size_t n, bool spoil, an_bulk_report *ret, bool *ret_reported)
{
    uint64_t least = UINT64_MAX;
    size_t len;
    *ret_reported = false;
    for (int64_t until = now() + PATIENCE_MS; n > 0 && now() < until;) {
        an_msg *m = NULL;
        if (an_pipe_recv(an_actor_pipe(f->bulk), ret, sizeof *ret, &len) == AN_OK) {
            *ret_reported = true;
            break;
        }
        if (an_client_recv(f->client, &f->in) != AN_OK) {
            an_wait w[] = {{.client = f->client}, {.pipe = an_actor_pipe(f->bulk)}};
            if (an_poll(w, 2, 100) == AN_ERR_IO)
                fail_msg("poll");
            continue;
        }
        assert_int_equal(an_msg_decode(f->in.head, f->in.head_len, &m, NULL), AN_OK);
        if (m->type == AN_MSG_CHUNK_REQUEST) {
            const an_msg_chunk_request q = m->u.chunk_request;
            an_msg chunk = {.type = AN_MSG_CHUNK};
            chunk.u.chunk =
                (an_msg_chunk){.object = q.object, .offset = q.offset, .len = q.len, .total = SIZE};
            assert_true(q.offset + q.len <= SIZE);
            f->object[q.offset] ^= spoil;
            say(f, &chunk, f->object + q.offset, q.len);
            f->object[q.offset] ^= spoil;
            least = q.offset < least ? q.offset : least;
            n--;
        } else {
            assert_int_equal(m->type, AN_MSG_CHUNK_REFUSE); /* the answer to the greeting */
            assert_int_equal(m->u.chunk_refuse.reason, AN_CHUNK_FORBIDDEN);
        }
        an_msg_free(m);
    }
    return least;
}

static void expect_whole(fixture *f, const an_bulk_report *r)
{
    an_buf b;
    an_hash hash;
    assert_int_equal(r->err, AN_OK);
    assert_int_equal(r->round, 3);
    assert_string_equal(r->site, "plant-a");
    an_buf_init(&b, SIZE + 1);
    assert_int_equal(an_file_read(&b, r->path, NULL), AN_OK);
    an_hash_of(&hash, b.data, b.len);
    assert_true(an_hash_equal(&hash, &f->hash));
    an_buf_done(&b);
}

static void an_update_comes_in_whole(void **state)
{
    fixture *f = *state;
    an_bulk_report r;
    bool reported;
    greet(f);
    assert_int_equal(serve(f, 100, false, &r, &reported), 0);
    assert_true(reported);
    expect_whole(f, &r);
}

static void an_update_that_was_cut_off_goes_on_where_it_was(void **state)
{
    fixture *f = *state;
    an_bulk_report r;
    bool reported;
    greet(f);
    assert_int_equal(serve(f, 19, false, &r, &reported), 0);
    assert_false(reported);
    /* The nineteenth ask proves that at least eleven chunks are there: eight may be open. */
    stop(f);
    start(f);
    greet(f);
    assert_true(serve(f, 100, false, &r, &reported) >= (uint64_t)10 * AN_CHUNK_BYTES);
    assert_true(reported);
    expect_whole(f, &r);
}

static void an_update_that_is_not_what_was_offered_is_reported(void **state)
{
    fixture *f = *state;
    an_bulk_report r;
    bool reported;
    greet(f);
    serve(f, 100, true, &r, &reported);
    assert_true(reported);
    assert_int_equal(r.err, AN_ERR_PROTO);
    assert_true(r.path[0] != '\0'); /* the core removes it */
}

static void a_site_that_has_nothing_any_more_is_believed(void **state)
{
    fixture *f = *state;
    an_bulk_report r;
    size_t len;
    an_msg m = {.type = AN_MSG_CHUNK_REFUSE};
    m.u.chunk_refuse = (an_msg_chunk_refuse){.object = f->hash, .reason = AN_CHUNK_UNKNOWN};
    bool reported;
    greet(f);
    serve(f, 1, false, &r, &reported);
    say(f, &m, NULL, 0);
    assert_int_equal(an_pipe_wait(an_actor_pipe(f->bulk), PATIENCE_MS), AN_OK);
    assert_int_equal(an_pipe_recv(an_actor_pipe(f->bulk), &r, sizeof r, &len), AN_OK);
    assert_int_equal(r.err, AN_ERR_NOTFOUND);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_update_comes_in_whole),
        CASE(an_update_that_was_cut_off_goes_on_where_it_was),
        CASE(an_update_that_is_not_what_was_offered_is_reported),
        CASE(a_site_that_has_nothing_any_more_is_believed),
    };
    an_log_init(AN_LOG_OFF, "test_server_bulk");
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
