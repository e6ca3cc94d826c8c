#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "net/bulk.h"

#define TOTAL (5u * AN_CHUNK_BYTES + 123u)
#define TIMEOUT 1000
#define ASKS_MAX 256

typedef struct asked {
    uint64_t offset;
    uint32_t len;
} asked;

/* An object, a sink, and the asks that a fetch sent. */
typedef struct bench {
    uint8_t *object, *sink;
    an_hash hash;
    asked asks[ASKS_MAX];
    size_t n, link_room;
    an_err write_err;
    an_fetch_conf conf;
} bench;

static an_err sink_write(void *user, uint64_t offset, const void *bytes, size_t len)
{
    bench *b = user;
    if (b->write_err != AN_OK)
        return b->write_err;
    memcpy(b->sink + offset, bytes, len);
    return AN_OK;
}

static an_err sink_read(void *user, uint64_t offset, void *ret, size_t len)
{
    bench *b = user;
    memcpy(ret, b->sink + offset, len);
    return AN_OK;
}

static an_err note_ask(void *user, const an_hash *hash, uint64_t offset, uint32_t len)
{
    bench *b = user;
    assert_true(an_hash_equal(hash, &b->hash));
    if (b->n >= b->link_room)
        return AN_ERR_AGAIN;
    b->asks[b->n++] = (asked){offset, len};
    return AN_OK;
}

static int setup(void **state)
{
    bench *b = an_alloc(1, sizeof *b);
    an_rng rng;
    an_rng_init(&rng, 7, 0);
    b->object = an_alloc(1, TOTAL);
    b->sink = an_alloc(1, TOTAL);
    for (size_t i = 0; i < TOTAL; i++)
        b->object[i] = (uint8_t)an_rng_u64(&rng);
    an_hash_of(&b->hash, b->object, TOTAL);
    b->link_room = ASKS_MAX;
    b->conf = (an_fetch_conf){.hash = b->hash,
                              .total = TOTAL,
                              .total_max = TOTAL,
                              .timeout_ms = TIMEOUT,
                              .retries = 2,
                              .write = sink_write,
                              .read = sink_read,
                              .ask = note_ask,
                              .user = b};
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bench *b = *state;
    an_free(b->object);
    an_free(b->sink);
    an_free(b);
    return 0;
}

static an_fetch *fetch_of(bench *b)
{
    an_fetch *f = NULL;
    assert_int_equal(an_fetch_new(&b->conf, &f, NULL), AN_OK);
    assert_int_equal(an_fetch_step(f, 0), AN_OK);
    return f;
}

static an_err give(bench *b, an_fetch *f, asked a, int64_t now_ms)
{
    return an_fetch_take(f, &b->hash, a.offset, b->object + a.offset, a.len, now_ms);
}

static void answers_in_order_make_the_object(void **state)
{
    bench *b = *state;
    an_fetch *f = fetch_of(b);
    assert_int_equal(b->n, 6);
    for (size_t i = 0; i < b->n; i++) {
        assert_false(an_fetch_done(f));
        assert_int_equal(give(b, f, b->asks[i], 1), AN_OK);
    }
    assert_true(an_fetch_done(f));
    assert_memory_equal(b->sink, b->object, TOTAL);
    an_fetch_free(f);
}

static void answers_in_any_order_and_twice_make_the_object(void **state)
{
    bench *b = *state;
    static const size_t order[] = {5, 3, 3, 0, 4, 0, 2, 5, 1};
    an_fetch *f = fetch_of(b);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        assert_int_equal(give(b, f, b->asks[order[i]], 1), AN_OK);
    assert_true(an_fetch_done(f));
    assert_memory_equal(b->sink, b->object, TOTAL);
    an_fetch_free(f);
}

static void at_most_a_window_is_asked_for_at_once(void **state)
{
    bench *b = *state;
    b->conf.total = b->conf.total_max = 100ull * AN_CHUNK_BYTES;
    an_fetch *f = fetch_of(b);
    assert_int_equal(b->n, AN_FETCH_WINDOW);
    assert_int_equal(an_fetch_step(f, 1), AN_OK);
    assert_int_equal(b->n, AN_FETCH_WINDOW);
    an_fetch_free(f);
}

static void one_budget_holds_for_all_fetches(void **state)
{
    bench *b = *state;
    an_budget budget = {.max = 3u * AN_CHUNK_BYTES};
    b->conf.budget = &budget;
    an_fetch *f = fetch_of(b), *g = fetch_of(b);
    assert_int_equal(b->n, 3);
    assert_int_equal(give(b, f, b->asks[0], 1), AN_OK);
    assert_int_equal(budget.used, 2u * AN_CHUNK_BYTES);
    assert_int_equal(an_fetch_step(g, 1), AN_OK);
    assert_int_equal(b->n, 4);
    assert_int_equal(b->asks[3].offset, 0);
    an_fetch_free(f);
    assert_int_equal(budget.used, AN_CHUNK_BYTES);
    an_fetch_free(g);
    assert_int_equal(budget.used, 0);
}

static void a_silent_sender_is_asked_again_and_then_given_up(void **state)
{
    bench *b = *state;
    an_fetch *f = fetch_of(b);
    assert_int_equal(an_fetch_deadline(f), TIMEOUT);
    assert_int_equal(an_fetch_step(f, TIMEOUT - 1), AN_OK);
    assert_int_equal(b->n, 6);
    assert_int_equal(an_fetch_step(f, TIMEOUT), AN_OK);
    assert_int_equal(b->n, 12);
    assert_int_equal(an_fetch_step(f, 2 * TIMEOUT), AN_OK);
    assert_int_equal(an_fetch_step(f, 3 * TIMEOUT), AN_ERR_IO);
    assert_true(an_fetch_failed(f));
    assert_int_equal(an_fetch_step(f, 3 * TIMEOUT), AN_ERR_STATE);
    an_fetch_free(f);
}

static void a_slow_sender_is_not_given_up(void **state)
{
    bench *b = *state;
    an_fetch *f = fetch_of(b);
    for (size_t i = 0; i < 6; i++) {
        int64_t now = (int64_t)(i + 1) * 2 * TIMEOUT;
        assert_int_equal(an_fetch_step(f, now), AN_OK);
        assert_int_equal(give(b, f, b->asks[i], now), AN_OK);
    }
    assert_true(an_fetch_done(f));
    an_fetch_free(f);
}

static void a_lost_chunk_alone_is_asked_again(void **state)
{
    bench *b = *state;
    an_fetch *f = fetch_of(b);
    for (size_t i = 0; i < 6; i++)
        if (i != 2)
            assert_int_equal(give(b, f, b->asks[i], 1), AN_OK);
    assert_int_equal(an_fetch_at(f), 2u * AN_CHUNK_BYTES);
    assert_int_equal(an_fetch_step(f, TIMEOUT), AN_OK);
    assert_int_equal(b->n, 7);
    assert_int_equal(b->asks[6].offset, 2u * AN_CHUNK_BYTES);
    assert_int_equal(give(b, f, b->asks[6], TIMEOUT), AN_OK);
    assert_true(an_fetch_done(f));
    an_fetch_free(f);
}

static void a_new_link_voids_what_was_asked(void **state)
{
    bench *b = *state;
    an_budget budget = {.max = 8u * AN_CHUNK_BYTES};
    b->conf.budget = &budget;
    an_fetch *f = fetch_of(b);
    an_fetch_relink(f);
    assert_int_equal(budget.used, 0);
    assert_int_equal(an_fetch_deadline(f), INT64_MAX);
    assert_int_equal(an_fetch_step(f, 50 * TIMEOUT), AN_OK);
    assert_int_equal(b->n, 12);
    for (size_t i = 6; i < 12; i++)
        assert_int_equal(give(b, f, b->asks[i], 50 * TIMEOUT), AN_OK);
    assert_true(an_fetch_done(f));
    assert_int_equal(budget.used, 0);
    an_fetch_free(f);
}

static void a_full_link_is_tried_again_without_losing_a_chunk(void **state)
{
    bench *b = *state;
    b->link_room = 2;
    an_fetch *f = fetch_of(b);
    size_t given = 0;
    for (int step = 0; step < 20 && !an_fetch_done(f); step++) {
        for (; given < b->n; given++)
            assert_int_equal(give(b, f, b->asks[given], step), AN_OK);
        b->link_room++;
        assert_int_equal(an_fetch_step(f, step), AN_OK);
    }
    assert_true(an_fetch_done(f));
    assert_int_equal(b->n, 6);
    an_fetch_free(f);
}

static void it_resumes_in_the_middle_of_a_chunk(void **state)
{
    bench *b = *state;
    b->conf.resume_at = AN_CHUNK_BYTES + 17;
    memcpy(b->sink, b->object, (size_t)b->conf.resume_at);
    an_fetch *f = fetch_of(b);
    assert_int_equal(b->asks[0].offset, AN_CHUNK_BYTES + 17);
    assert_int_equal(b->asks[0].len, AN_CHUNK_BYTES - 17);
    for (size_t i = b->n; i-- > 0;)
        assert_int_equal(give(b, f, b->asks[i], 1), AN_OK);
    assert_true(an_fetch_done(f));
    assert_memory_equal(b->sink, b->object, TOTAL);
    an_fetch_free(f);
}

static void a_wrong_byte_before_the_resumed_part_is_found(void **state)
{
    bench *b = *state;
    b->conf.resume_at = TOTAL - 5;
    memcpy(b->sink, b->object, TOTAL - 5);
    b->sink[3] ^= 1;
    an_fetch *f = fetch_of(b);
    assert_int_equal(give(b, f, b->asks[0], 1), AN_ERR_PROTO);
    assert_true(an_fetch_failed(f));
    an_fetch_free(f);
}

static void a_tampered_chunk_is_found_at_the_end(void **state)
{
    bench *b = *state;
    an_fetch *f = fetch_of(b);
    b->object[3 * AN_CHUNK_BYTES] ^= 1;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(give(b, f, b->asks[i], 1), AN_OK);
    assert_int_equal(give(b, f, b->asks[5], 1), AN_ERR_PROTO);
    assert_true(an_fetch_failed(f));
    assert_false(an_fetch_done(f));
    an_fetch_free(f);
}

static void chunks_that_were_not_asked_for_are_refused(void **state)
{
    bench *b = *state;
    b->link_room = 2;
    an_fetch *f = fetch_of(b);
    an_hash other = b->hash;
    other.b[0] ^= 1;
    const asked bad[] = {{1, AN_CHUNK_BYTES},
                         {0, AN_CHUNK_BYTES - 1},
                         {0, 0},
                         {2u * AN_CHUNK_BYTES, AN_CHUNK_BYTES}, /* right shape, not asked yet */
                         {TOTAL, 1},
                         {UINT64_MAX, 2}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(an_fetch_take(f, &b->hash, bad[i].offset, b->object, bad[i].len, 1), AN_ERR_PROTO);
    assert_int_equal(an_fetch_take(f, &b->hash, 0, b->object, AN_CHUNK_BYTES + 1, 1), AN_ERR_PROTO);
    assert_int_equal(an_fetch_take(f, &other, 0, b->object, AN_CHUNK_BYTES, 1), AN_ERR_PROTO);
    assert_false(an_fetch_failed(f));
    assert_int_equal(give(b, f, b->asks[0], 1), AN_OK);
    an_fetch_free(f);
}

static void sizes_beyond_the_cap_are_refused(void **state)
{
    bench *b = *state;
    an_fetch *f = NULL;
    b->conf.total = UINT64_MAX;
    assert_int_equal(an_fetch_new(&b->conf, &f, NULL), AN_ERR_LIMIT);
    b->conf.total = TOTAL;
    b->conf.resume_at = TOTAL + 1;
    assert_int_equal(an_fetch_new(&b->conf, &f, NULL), AN_ERR_INVAL);
    assert_null(f);
}

static void an_object_of_no_bytes_is_checked_too(void **state)
{
    bench *b = *state;
    b->conf.total = 0;
    an_fetch *f = NULL;
    assert_int_equal(an_fetch_new(&b->conf, &f, NULL), AN_OK);
    assert_int_equal(an_fetch_step(f, 0), AN_ERR_PROTO);
    an_fetch_free(f);
    an_hash_of(&b->conf.hash, "", 0);
    assert_int_equal(an_fetch_new(&b->conf, &f, NULL), AN_OK);
    assert_int_equal(an_fetch_step(f, 0), AN_OK);
    assert_true(an_fetch_done(f));
    an_fetch_free(f);
}

static void a_full_disk_ends_the_fetch(void **state)
{
    bench *b = *state;
    an_budget budget = {.max = 8u * AN_CHUNK_BYTES};
    b->conf.budget = &budget;
    an_fetch *f = fetch_of(b);
    b->write_err = AN_ERR_IO;
    assert_int_equal(give(b, f, b->asks[0], 1), AN_ERR_IO);
    assert_true(an_fetch_failed(f));
    assert_int_equal(budget.used, 0);
    an_fetch_free(f);
}

static void a_fetch_survives_every_allocation_failure(void **state)
{
    bench *b = *state;
    an_err err;
    size_t n = 0;
    do {
        an_fetch *f = NULL;
        an_mem_fail_after(n++);
        err = an_fetch_new(&b->conf, &f, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !f));
        an_fetch_free(f);
    } while (err != AN_OK);
    assert_true(n > 1);
}

typedef struct seller {
    uint8_t bytes[100];
    uint8_t full_peer; /* whose queue is full; 0: nobody's */
    unsigned replies, refusals;
    uint64_t last_offset;
    an_err last_err;
} seller;

static an_err shop_find(void *user, const char *site, const an_hash *hash, uint64_t *ret_total)
{
    (void)user;
    if (strcmp(site, "stranger") == 0)
        return AN_ERR_REFUSED;
    *ret_total = 100;
    return hash->b[0] == 1 ? AN_OK : AN_ERR_NOTFOUND;
}

static an_err shop_read(void *user, const an_hash *hash, uint64_t offset, void *ret, size_t len)
{
    seller *s = user;
    (void)hash;
    memcpy(ret, s->bytes + offset, len);
    return AN_OK;
}

static an_err shop_reply(void *user, const an_peer *peer, const an_hash *hash, uint64_t offset,
                         const void *bytes, size_t len, an_err err)
{
    seller *s = user;
    (void)hash;
    if (s->full_peer && peer->id[0] == s->full_peer)
        return AN_ERR_AGAIN;
    assert_true(bytes ? err == AN_OK && memcmp(bytes, s->bytes + offset, len) == 0 : err != AN_OK);
    s->replies += err == AN_OK;
    s->refusals += err != AN_OK;
    s->last_offset = offset;
    s->last_err = err;
    return AN_OK;
}

static const an_hash one = {{1}}, two = {{2}};
static const an_peer ann = {1, {'a'}}, bob = {1, {'b'}};

static an_serve *serve_of(seller *shop)
{
    an_serve *s = NULL;
    an_rng rng;
    an_rng_init(&rng, 3, 0);
    for (size_t i = 0; i < sizeof shop->bytes; i++)
        shop->bytes[i] = (uint8_t)an_rng_u64(&rng);
    an_serve_conf conf = {
        .queue = 20, .per_peer = 16, .find = shop_find, .read = shop_read, .reply = shop_reply, .user = shop};
    assert_int_equal(an_serve_new(&conf, &s), AN_OK);
    return s;
}

static void asks_are_answered_with_the_bytes(void **state)
{
    seller shop = {0};
    an_serve *s = serve_of(&shop);
    (void)state;
    assert_int_equal(an_serve_ask(s, &ann, "plant", &one, 0, 60), AN_OK);
    assert_int_equal(an_serve_ask(s, &ann, "plant", &one, 60, 40), AN_OK);
    assert_int_equal(an_serve_step(s), 0);
    assert_int_equal(shop.replies, 2);
    assert_int_equal(shop.last_offset, 60);
    an_serve_free(s);
}

static void what_cannot_be_had_is_said(void **state)
{
    seller shop = {0};
    an_serve *s = serve_of(&shop);
    const struct {
        const char *site;
        const an_hash *hash;
        uint64_t offset;
        uint32_t len;
        an_err err;
    } asks[] = {{"stranger", &one, 0, 1, AN_ERR_REFUSED},
                {"plant", &two, 0, 1, AN_ERR_NOTFOUND},
                {"plant", &one, 100, 1, AN_ERR_INVAL},
                {"plant", &one, 99, 2, AN_ERR_INVAL},
                {"plant", &one, UINT64_MAX, 2, AN_ERR_INVAL}};
    (void)state;
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        assert_int_equal(an_serve_ask(s, &ann, asks[i].site, asks[i].hash, asks[i].offset, asks[i].len),
                         AN_OK);
        assert_int_equal(an_serve_step(s), 0);
        assert_int_equal(shop.refusals, i + 1);
        assert_int_equal(shop.last_err, asks[i].err);
    }
    assert_int_equal(an_serve_ask(s, &ann, "plant", &one, 0, 0), AN_ERR_PROTO);
    assert_int_equal(an_serve_ask(s, &ann, "plant", &one, 0, AN_CHUNK_BYTES + 1), AN_ERR_PROTO);
    an_serve_free(s);
}

static void a_full_peer_waits_and_holds_up_nobody(void **state)
{
    seller shop = {.full_peer = 'a'};
    an_serve *s = serve_of(&shop);
    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(an_serve_ask(s, &ann, "plant", &one, i, 1), AN_OK);
    assert_int_equal(an_serve_ask(s, &bob, "plant", &one, 50, 1), AN_OK);
    assert_int_equal(an_serve_step(s), 3);
    assert_int_equal(shop.replies, 1);
    shop.full_peer = 0;
    assert_int_equal(an_serve_step(s), 0);
    assert_int_equal(shop.replies, 4);
    assert_int_equal(shop.last_offset, 2);
    an_serve_free(s);
}

static void nobody_may_queue_more_than_his_share(void **state)
{
    seller shop = {0};
    an_serve *s = serve_of(&shop);
    (void)state;
    for (int i = 0; i < 16; i++)
        assert_int_equal(an_serve_ask(s, &ann, "plant", &one, 0, 1), AN_OK);
    assert_int_equal(an_serve_ask(s, &ann, "plant", &one, 0, 1), AN_ERR_LIMIT);
    for (int i = 0; i < 4; i++)
        assert_int_equal(an_serve_ask(s, &bob, "plant", &one, 0, 1), AN_OK);
    assert_int_equal(an_serve_ask(s, &bob, "plant", &one, 0, 1), AN_ERR_LIMIT);
    an_serve_forget(s, &ann);
    assert_int_equal(an_serve_step(s), 0);
    assert_int_equal(shop.replies, 4);
    an_serve_free(s);
}

static void a_serve_survives_every_allocation_failure(void **state)
{
    seller shop = {0};
    an_serve_conf conf = {
        .queue = 4, .per_peer = 8, .find = shop_find, .read = shop_read, .reply = shop_reply, .user = &shop};
    an_err err;
    size_t n = 0;
    (void)state;
    do {
        an_serve *s = NULL;
        an_mem_fail_after(n++);
        err = an_serve_new(&conf, &s);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !s));
        an_serve_free(s);
    } while (err != AN_OK);
    assert_true(n > 2);
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(answers_in_order_make_the_object),
        WITH_BENCH(answers_in_any_order_and_twice_make_the_object),
        WITH_BENCH(at_most_a_window_is_asked_for_at_once),
        WITH_BENCH(one_budget_holds_for_all_fetches),
        WITH_BENCH(a_silent_sender_is_asked_again_and_then_given_up),
        WITH_BENCH(a_slow_sender_is_not_given_up),
        WITH_BENCH(a_lost_chunk_alone_is_asked_again),
        WITH_BENCH(a_new_link_voids_what_was_asked),
        WITH_BENCH(a_full_link_is_tried_again_without_losing_a_chunk),
        WITH_BENCH(it_resumes_in_the_middle_of_a_chunk),
        WITH_BENCH(a_wrong_byte_before_the_resumed_part_is_found),
        WITH_BENCH(a_tampered_chunk_is_found_at_the_end),
        WITH_BENCH(chunks_that_were_not_asked_for_are_refused),
        WITH_BENCH(sizes_beyond_the_cap_are_refused),
        WITH_BENCH(an_object_of_no_bytes_is_checked_too),
        WITH_BENCH(a_full_disk_ends_the_fetch),
        WITH_BENCH(a_fetch_survives_every_allocation_failure),
        cmocka_unit_test(asks_are_answered_with_the_bytes),
        cmocka_unit_test(what_cannot_be_had_is_said),
        cmocka_unit_test(a_full_peer_waits_and_holds_up_nobody),
        cmocka_unit_test(nobody_may_queue_more_than_his_share),
        cmocka_unit_test(a_serve_survives_every_allocation_failure),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
