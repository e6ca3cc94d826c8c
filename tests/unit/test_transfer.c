/* Transfers over the bulk port: real sockets on the loopback interface, any free port; waiting
 * is always on an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/bulk.h"
#include "tests/support/world.h"

#define OBJECT_BYTES (5u * AN_CHUNK_BYTES)

typedef struct transfer {
    an_world *w;
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
    an_fetch_conf conf = {.hash = t->hash,
                          .total = OBJECT_BYTES,
                          .total_max = OBJECT_BYTES,
                          .resume_at = resume_at,
                          .timeout_ms = 500,
                          .retries = 20,
                          .write = t_write,
                          .read = t_read_sink,
                          .ask = t_ask,
                          .user = t};
    return an_fetch_new(&conf, &t->fetch, NULL);
}

/* Turns both programs' loops in one thread until `stop_at` chunks came, or the fetch ended. */
static an_err t_run(transfer *t, unsigned stop_at)
{
    int64_t end = an_world_now() + AN_WORLD_PATIENCE_MS;
    an_in *in = &t->w->in;
    an_hash hash;
    uint64_t offset;
    uint32_t len;
    while (!an_fetch_done(t->fetch) && t->chunks < stop_at) {
        assert_true(an_world_now() < end);
        an_err err = an_fetch_step(t->fetch, an_world_now());
        if (err != AN_OK)
            return err;
        while (an_server_recv(t->srv, in) == AN_OK) {
            head_get(in, &hash, &offset, &len);
            assert_int_equal(an_serve_ask(t->serve, &in->peer, in->site, &hash, offset, len), AN_OK);
        }
        (void)an_serve_step(t->serve);
        while (t->chunks < stop_at && an_client_recv(t->cli, in) == AN_OK) {
            head_get(in, &hash, &offset, &len);
            err = an_fetch_take(t->fetch, &hash, offset, in->body, in->body_len, an_world_now());
            if (err != AN_OK)
                return err;
            t->chunks++;
        }
        an_wait items[] = {{.server = t->srv}, {.client = t->cli}};
        (void)an_poll(items, 2, 20);
    }
    return AN_OK;
}

static transfer transfer_of(an_world *w)
{
    transfer t = {.w = w, .object = an_alloc(1, OBJECT_BYTES), .sink = an_alloc(1, OBJECT_BYTES)};
    for (size_t i = 0; i < OBJECT_BYTES; i++)
        t.object[i] = (uint8_t)(i * 2654435761u >> 13);
    an_hash_of(&t.hash, t.object, OBJECT_BYTES);
    t.srv = an_world_serve(w, AN_PORT_BULK);
    t.cli = an_world_join(w, AN_PORT_BULK, an_server_endpoint(t.srv), &w->plant);
    return t;
}

static void serve_start(transfer *t)
{
    an_serve_conf conf = {
        .queue = 64, .per_peer = 32, .find = t_find, .read = t_read, .reply = t_reply, .user = t};
    assert_int_equal(an_serve_new(&conf, &t->serve), AN_OK);
}

static void transfer_done(transfer *t)
{
    an_fetch_free(t->fetch);
    an_serve_free(t->serve);
    an_world_close_client(t->w, t->cli);
    an_world_close_server(t->w, t->srv);
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
    an_world_close_server(t.w, t.srv); /* the coordinator dies: asks and chunks under way are lost */
    an_serve_free(t.serve);
    t.srv = an_world_serve_at(t.w, AN_PORT_BULK, endpoint);
    serve_start(&t);
    an_fetch_relink(t.fetch);
    assert_int_equal(t_run(&t, 4), AN_OK);
    uint64_t at = an_fetch_at(t.fetch); /* the agent dies too, and knows what is durable */
    assert_true(at >= 2u * AN_CHUNK_BYTES && at < OBJECT_BYTES);
    an_fetch_free(t.fetch);
    t.fetch = NULL;
    an_world_close_client(t.w, t.cli);
    t.cli = an_world_join(t.w, AN_PORT_BULK, endpoint, &t.w->plant);
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

#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, an_world_setup, an_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_transfer_survives_the_server_and_resumes_after_its_own_restart),
        WITH_WORLD(a_chunk_that_is_changed_on_the_way_fails_the_transfer),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
