/* A site's bulk link: versions are pulled and resumed, updates are given out when asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/runtime_internal.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "net/bulk.h"
#include "net/poll.h"
#include "tests/support/folder.h"
#include "tests/support/world.h"

#define BYTES ((size_t)20 * 1024 * 1024 + 77)

#define ASKED_MAX 128

typedef struct asked {
    an_msg_chunk_request request;
    an_peer peer;
} asked;

typedef struct side {
    an_world *w;
    an_server *srv;
    an_coordinator coordinator;
    an_identity id;
    char dir[AN_PATH_MAX], part[AN_PATH_MAX];
    uint8_t *object; /* (BYTES) */
    an_hash hash;
    uint64_t least; /* smallest offset of a whole chunk that was asked for */
    unsigned given, greeted;
    asked asked[ASKED_MAX]; /* and not given yet, in order */
    size_t n_asked;
    an_peer peer;
    an_bulk *bulk;
} side;

static an_err find(void *ctx, const an_hash *update, char out[static AN_PATH_MAX])
{
    side *s = ctx;
    if (!an_hash_equal(update, &s->hash))
        return AN_ERR_NOTFOUND;
    memcpy(out, s->part, AN_PATH_MAX);
    return AN_OK;
}

static void open_bulk(side *s)
{
    const an_bulk_conf conf = {.net = s->w->net,
                               .coordinator = &s->coordinator,
                               .id = &s->id,
                               .clock = an_clock_system(),
                               .find = find,
                               .ctx = s};
    assert_int_equal(an_bulk_open(&conf, &s->bulk, NULL), AN_OK);
}

static void begin(side *s, void **state)
{
    *s = (side){.w = *state, .least = UINT64_MAX};
    s->srv = an_world_serve(s->w, AN_PORT_BULK);
    snprintf(s->coordinator.bulk, sizeof s->coordinator.bulk, "%s", an_server_endpoint(s->srv));
    memcpy(s->coordinator.link_key, s->w->coordinator.public_key, AN_LINK_KEY);
    memcpy(s->id.link_public, s->w->plant.public_key, AN_LINK_KEY);
    memcpy(s->id.link_secret, s->w->plant.secret, AN_LINK_KEY);
    an_test_folder_make(s->dir);
    assert_int_equal(an_path_join(s->part, s->dir, "object"), AN_OK);
    s->object = an_alloc(BYTES, 1);
    assert_non_null(s->object);
    an_random(s->object, BYTES);
    an_hash_of(&s->hash, s->object, BYTES);
    open_bulk(s);
}

static void end(side *s)
{
    an_bulk_close(s->bulk);
    an_test_folder_remove(s->dir);
    an_free(s->object);
}

static void take_ask(side *s, const an_msg_chunk_request *r)
{
    if (r->kind == AN_OBJECT_UPDATE) {
        s->greeted++;
        s->peer = s->w->in.peer;
        return;
    }
    if (r->offset + r->len > BYTES || !an_hash_equal(&r->object, &s->hash))
        return;
    if (r->len > 1 && r->offset < s->least)
        s->least = r->offset;
    assert_true(s->n_asked < ASKED_MAX);
    s->asked[s->n_asked++] = (asked){*r, s->w->in.peer};
}

/* AGAIN: the peer's queue is full. */
static an_err give(side *s, const asked *a)
{
    an_buf head;
    an_msg m = {.type = AN_MSG_CHUNK};
    const an_msg_chunk_request *r = &a->request;
    m.u.chunk = (an_msg_chunk){.object = r->object, .offset = r->offset, .len = r->len, .total = BYTES};
    an_buf_init(&head, AN_MSG_BULK_MAX);
    assert_int_equal(an_msg_encode(&m, &head, NULL), AN_OK);
    an_err err = an_server_send(s->srv, &a->peer, head.data, head.len, s->object + r->offset, r->len);
    an_buf_done(&head);
    s->given += err == AN_OK && r->len > 1;
    return err;
}

/* What does not fit into the queue is given later, as the coordinator does: a chunk that is dropped is asked for
 * again only when its time is over. */
static void give_all(side *s)
{
    size_t done = 0;
    while (done < s->n_asked && give(s, &s->asked[done]) != AN_ERR_AGAIN)
        done++;
    s->n_asked -= done;
    memmove(s->asked, s->asked + done, s->n_asked * sizeof *s->asked);
}

/* One turn of both ends; chunks that came to the coordinator are compared. */
static bool turn(side *s)
{
    an_msg *m = NULL;
    bool chunk = false;
    an_wait items[] = {{.server = s->srv}, {.client = an_bulk_client(s->bulk)}};
    (void)(an_poll(items, 2, 10) == AN_OK);
    while (an_server_recv(s->srv, &s->w->in) == AN_OK) {
        assert_int_equal(an_msg_decode(s->w->in.head, s->w->in.head_len, &m, NULL), AN_OK);
        if (m->type == AN_MSG_CHUNK_REQUEST)
            take_ask(s, &m->u.chunk_request);
        if (m->type == AN_MSG_CHUNK) {
            assert_int_equal(s->w->in.body_len, m->u.chunk.len);
            assert_memory_equal(s->w->in.body, s->object + m->u.chunk.offset, m->u.chunk.len);
            chunk = true;
        }
        an_msg_free(m);
    }
    give_all(s);
    an_bulk_step(s->bulk);
    return chunk;
}

static void pull(side *s)
{
    an_hash version;
    an_err err = AN_ERR_AGAIN;
    an_note why = {{0}};
    an_bulk_fetch(s->bulk, &s->hash, s->part);
    const int64_t until = an_world_now() + AN_WORLD_PATIENCE_MS;
    while (!an_bulk_ended(s->bulk, &version, &err, &why) && an_world_now() < until)
        turn(s);
    if (err != AN_OK)
        fail_msg("%s: %s", an_err_name(err), why.text);
    assert_true(an_hash_equal(&version, &s->hash));
}

static void check_file(side *s)
{
    an_buf b;
    an_hash got;
    an_buf_init(&b, BYTES + 1);
    assert_int_equal(an_file_read(&b, s->part, NULL), AN_OK);
    an_hash_of(&got, b.data, b.len);
    assert_true(an_hash_equal(&got, &s->hash));
    an_buf_done(&b);
}

static void a_pull_that_broke_off_goes_on_where_it_was(void **state)
{
    side s;
    char at[AN_PATH_MAX + 3];
    begin(&s, state);
    snprintf(at, sizeof at, "%s.at", s.part); /* there once eight chunks are durable */
    an_bulk_fetch(s.bulk, &s.hash, s.part);
    const int64_t until = an_world_now() + AN_WORLD_PATIENCE_MS;
    while ((s.given < 17 || !an_file_exists(at)) && an_world_now() < until)
        turn(&s);
    assert_true(s.given >= 17 && an_file_exists(at));
    assert_int_equal(s.least, 0);
    an_bulk_close(s.bulk); /* as a kill leaves it: nothing is tidied up */
    s.least = UINT64_MAX;
    open_bulk(&s);
    pull(&s);
    assert_true(s.least >= 8 * (uint64_t)AN_CHUNK_BYTES);
    check_file(&s);
    end(&s);
}

static void a_part_that_was_damaged_is_pulled_anew(void **state)
{
    side s;
    char at[AN_PATH_MAX + 3];
    an_hash version;
    an_err err = AN_OK;
    an_note why;
    begin(&s, state);
    snprintf(at, sizeof at, "%s.at", s.part);
    uint8_t *wrong = an_alloc(AN_CHUNK_BYTES, 1);
    assert_int_equal(an_file_write(s.part, wrong, AN_CHUNK_BYTES, 0600, NULL), AN_OK);
    assert_int_equal(an_file_write(at, "1048576", 7, 0600, NULL), AN_OK);
    an_free(wrong);
    an_bulk_fetch(s.bulk, &s.hash, s.part);
    const int64_t until = an_world_now() + AN_WORLD_PATIENCE_MS;
    while (!an_bulk_ended(s.bulk, &version, &err, &why) && an_world_now() < until)
        turn(&s);
    assert_int_equal(err, AN_ERR_PROTO);
    assert_false(an_file_exists(at));
    pull(&s);
    check_file(&s);
    end(&s);
}

static void an_offered_update_can_be_pulled(void **state)
{
    side s;
    an_buf head;
    an_msg m = {.type = AN_MSG_CHUNK_REQUEST};
    begin(&s, state);
    assert_int_equal(an_file_write(s.part, s.object, BYTES, 0600, NULL), AN_OK);
    an_bulk_greet(s.bulk, &s.hash);
    const int64_t until = an_world_now() + AN_WORLD_PATIENCE_MS;
    while (s.greeted == 0 && an_world_now() < until)
        turn(&s);
    assert_true(s.greeted > 0);
    m.u.chunk_request =
        (an_msg_chunk_request){.object = s.hash, .kind = AN_OBJECT_UPDATE, .offset = 5, .len = 4096};
    an_buf_init(&head, AN_MSG_BULK_MAX);
    assert_int_equal(an_msg_encode(&m, &head, NULL), AN_OK);
    assert_int_equal(an_server_send(s.srv, &s.peer, head.data, head.len, NULL, 0), AN_OK);
    an_buf_done(&head);
    bool came = false;
    while (!came && an_world_now() < until)
        came = turn(&s);
    assert_true(came);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pull_that_broke_off_goes_on_where_it_was, an_world_setup,
                                        an_world_teardown),
        cmocka_unit_test_setup_teardown(a_part_that_was_damaged_is_pulled_anew, an_world_setup,
                                        an_world_teardown),
        cmocka_unit_test_setup_teardown(an_offered_update_can_be_pulled, an_world_setup, an_world_teardown),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
