/* Both backends of the store under the same random operations: every error, every record, every hash and
 * every object must be the same.
 *
 * The seed is printed; ANDON_SEED=N runs that one again, ANDON_STEPS=N for longer. */
#include "tests/support/stores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/objects.h"
#include "tests/support/postgresql.h"

#define PAIR 2
#define OBJECTS 24
#define LARGEST (AN_OBJECT_SMALL + 3 * 1000 * 1000)
#define BATCH 40

typedef struct pair {
    char dir[AN_PATH_MAX], folder[PAIR][AN_PATH_MAX], url[PAIR][AN_PATH_MAX + 32];
    an_store *store[PAIR]; /* SQLite, PostgreSQL */
    an_clock_fake clock;
    an_rng rng;
    an_note why[PAIR];
    unsigned step;
    unsigned long long seed;
    uint8_t *bytes; /* LARGEST of them, for objects and bodies */
} pair;

static uint32_t below(pair *p, uint32_t n)
{
    return (uint32_t)an_rng_below(&p->rng, n);
}

static void same(pair *p, an_err a, an_err b, const char *what)
{
    if (a == b)
        return;
    print_message("seed %llu, step %u: %s: SQLite %s \"%s\", PostgreSQL %s \"%s\"\n", p->seed, p->step, what,
                  an_err_name(a), p->why[0].text, an_err_name(b), p->why[1].text);
    fail();
}

static void open_pair(pair *p)
{
    for (int i = 0; i < PAIR; i++) {
        const an_store_place place = {.url = p->url[i], .folder = p->folder[i]};
        an_err err = an_store_open(&place, &p->clock.clock, &p->store[i], &p->why[i]);
        if (err != AN_OK)
            print_message("seed %llu, step %u: %s\n", p->seed, p->step, p->why[i].text);
        assert_int_equal(err, AN_OK);
    }
}

static void close_pair(pair *p)
{
    for (int i = 0; i < PAIR; i++) {
        an_store_close(p->store[i]);
        p->store[i] = NULL;
    }
}

/* ---- Records -------------------------------------------------------------------------------
 */

static const char *const kinds[] = {"site.token",  "site.requested", "site.approved", "round.opened",
                                    "round.event", "round.ended",    "release.signed"};
static const char *const subjects[] = {"plant-a",  "plant-b", "round/1",
                                       "round/12", "pumps",   "w\xc3\xb6rk 'x\""};
static const char *const actors[] = {"user/admin", "site/plant-a", "coordinator"};
/* What no record may be called. */
static const char *const wrong[] = {"", "a\nb", "\xff\xfe", "\xc3", "no.such.kind"};

static an_record random_record(pair *p, char idem[static 24])
{
    an_record r = {
        .kind = kinds[below(p, 7)], .subject = subjects[below(p, 6)], .actor = actors[below(p, 3)]};
    if (below(p, 3)) {
        snprintf(idem, 24, "key-%u", (unsigned)below(p, 400));
        r.idem = idem;
    }
    uint32_t size = below(p, 40);
    r.body_len = size == 0 ? 0 : size == 1 ? below(p, 200000) : below(p, 300);
    r.body = r.body_len ? p->bytes + below(p, 1000) : NULL;
    r.time_ms = below(p, 4) ? 0 : STORE_NOON + (int64_t)below(p, 5000);
    return r;
}

static void spoil(pair *p, an_record *r)
{
    const char *bad = wrong[below(p, 4)];
    switch (below(p, 6)) {
    case 0:
        r->kind = wrong[below(p, 5)];
        break;
    case 1:
        r->subject = bad;
        break;
    case 2:
        r->actor = bad;
        break;
    case 3:
        r->idem = bad;
        break;
    case 4:
        r->time_ms = -1;
        break;
    default:
        r->body = p->bytes;
        r->body_len = AN_RECORD_BODY_MAX + 1;
    }
}

static an_err append_both(pair *p, const an_record *r, size_t n)
{
    uint64_t last[PAIR] = {0, 0};
    an_err err[PAIR];
    for (int i = 0; i < PAIR; i++)
        err[i] = an_store_append(p->store[i], r, n, &last[i], &p->why[i]);
    same(p, err[0], err[1], "append");
    assert_true(last[0] == last[1]);
    if (err[0] == AN_ERR_EXISTS)
        assert_string_equal(p->why[0].text, p->why[1].text);
    return err[0];
}

static an_err do_append(pair *p)
{
    char idems[BATCH][24];
    an_record r[BATCH];
    size_t n = below(p, 8) ? below(p, 5) : below(p, BATCH);
    for (size_t i = 0; i < n; i++)
        r[i] = random_record(p, idems[i]);
    if (n && below(p, 10) == 0)
        spoil(p, &r[below(p, (uint32_t)n)]);
    return append_both(p, r, n);
}

typedef struct digest {
    an_hasher h;
    size_t n, stop;
} digest;

static an_err digest_record(void *ctx, const an_record *r, an_note *why)
{
    digest *d = ctx;
    an_hash chain;
    an_record_chain(&chain, &r->chain, r); /* every field of it */
    an_hasher_add(&d->h, chain.b, sizeof chain.b);
    return ++d->n == d->stop ? an_fail(AN_ERR_CANCELLED, why, "enough") : AN_OK;
}

static an_err do_scan(pair *p)
{
    an_store_filter f = {.limit = below(p, 3) ? 0 : below(p, 700), .newest_first = below(p, 2) != 0};
    char prefix[16];
    if (below(p, 2)) {
        f.kind = kinds[below(p, 7)];
        if (below(p, 2)) {
            snprintf(prefix, sizeof prefix, "%.*s", (int)strcspn(f.kind, ".") + 1, f.kind);
            f.kind = prefix;
        }
    }
    f.subject = below(p, 2) ? subjects[below(p, 6)] : NULL;
    f.after_seq = below(p, 2) ? below(p, 600) : 0;
    f.before_seq = below(p, 2) ? below(p, 700) : 0;
    f.until_ms = below(p, 3) ? 0 : STORE_NOON + (int64_t)below(p, 100000);
    digest d[PAIR];
    an_err err[PAIR];
    an_hash found[PAIR];
    size_t stop = below(p, 4) ? 0 : 1 + below(p, 50);
    for (int i = 0; i < PAIR; i++) {
        d[i] = (digest){.stop = stop};
        an_hasher_init(&d[i].h);
        err[i] = an_store_scan(p->store[i], &f, digest_record, &d[i], &p->why[i]);
        an_hasher_end(&d[i].h, &found[i]);
    }
    same(p, err[0], err[1], "scan");
    assert_int_equal(d[0].n, d[1].n);
    assert_true(an_hash_equal(&found[0], &found[1]));
    return err[0];
}

static an_err do_verify(pair *p)
{
    uint64_t n[PAIR], seq[PAIR];
    an_hash chain[PAIR];
    for (int i = 0; i < PAIR; i++) {
        assert_int_equal(an_store_verify(p->store[i], &n[i], &p->why[i]), AN_OK);
        assert_int_equal(an_store_head_get(p->store[i], &seq[i], &chain[i], &p->why[i]), AN_OK);
        assert_int_equal(an_store_keep(p->store[i], &p->why[i]), AN_OK);
    }
    assert_true(n[0] == n[1] && seq[0] == seq[1] && n[0] == seq[0]);
    assert_true(an_hash_equal(&chain[0], &chain[1]));
    return AN_OK;
}

/* ---- Objects -------------------------------------------------------------------------------
 */

/* Object k has always the same bytes: some small, some large, one empty. */
static size_t object_size(unsigned k)
{
    static const size_t sizes[] = {0, 1, 700, AN_OBJECT_SMALL, AN_OBJECT_SMALL + 1, 100000, 1 << 20, 2500000};
    return sizes[k % 8];
}

static const uint8_t *object_bytes(const pair *p, unsigned k)
{
    return p->bytes + 16 * k;
}

static an_err adopt(pair *p, int i, unsigned k, const an_hash *hash, bool local)
{
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, an_store_spool_dir(p->store[i]), "made"), AN_OK);
    assert_int_equal(an_file_write(path, object_bytes(p, k), object_size(k), 0600, NULL), AN_OK);
    return (local ? an_store_object_adopt_local : an_store_object_adopt)(p->store[i], path, hash, &p->why[i]);
}

static an_err do_keep(pair *p)
{
    unsigned k = below(p, OBJECTS), how = below(p, 4);
    an_hash hash, made[PAIR];
    an_err err[PAIR];
    an_hash_of(&hash, object_bytes(p, k), object_size(k));
    for (int i = 0; i < PAIR; i++) {
        made[i] = hash;
        if (how == 0)
            err[i] = an_store_object_put_row(p->store[i], object_bytes(p, k), object_size(k), &made[i],
                                             &p->why[i]);
        else if (how == 1)
            err[i] =
                an_store_object_put(p->store[i], object_bytes(p, k), object_size(k), &made[i], &p->why[i]);
        else
            err[i] = adopt(p, i, k, &hash, how == 2);
        assert_true(an_hash_equal(&made[i], &hash));
    }
    same(p, err[0], err[1], "put");
    return err[0];
}

static an_err do_get(pair *p)
{
    unsigned k = below(p, OBJECTS);
    const size_t max = below(p, 8) ? LARGEST : below(p, 2000);
    an_hash hash;
    an_err err[PAIR], sized[PAIR];
    uint64_t len[PAIR] = {0, 0};
    an_hash_of(&hash, object_bytes(p, k), object_size(k));
    for (int i = 0; i < PAIR; i++) {
        an_buf b;
        an_buf_init(&b, max);
        sized[i] = an_store_object_size(p->store[i], &hash, &len[i], &p->why[i]);
        assert_int_equal(an_test_store_has(p->store[i], &hash), sized[i] == AN_OK);
        err[i] = an_store_object_get(p->store[i], &hash, &b, &p->why[i]);
        if (err[i] == AN_OK) {
            assert_int_equal(b.len, object_size(k));
            assert_memory_equal(b.len ? b.data : (const uint8_t *)"", object_bytes(p, k), b.len);
        }
        an_buf_done(&b);
    }
    same(p, sized[0], sized[1], "size");
    same(p, err[0], err[1], "get");
    assert_true(len[0] == len[1]);
    return err[0];
}

static an_err do_file(pair *p)
{
    unsigned k = below(p, OBJECTS);
    char path[PAIR][AN_PATH_MAX];
    an_hash hash;
    an_err err[PAIR];
    an_hash_of(&hash, object_bytes(p, k), object_size(k));
    for (int i = 0; i < PAIR; i++) {
        err[i] = an_store_object_file(p->store[i], &hash, path[i], &p->why[i]);
        if (err[i] != AN_OK)
            continue;
        an_buf b;
        an_buf_init(&b, LARGEST);
        assert_int_equal(an_file_read(&b, path[i], &p->why[i]), AN_OK);
        assert_int_equal(b.len, object_size(k));
        an_buf_done(&b);
    }
    same(p, err[0], err[1], "file");
    return err[0];
}

/* That it is gone is durable with the next record. */
static an_err do_remove(pair *p)
{
    unsigned k = below(p, OBJECTS);
    const an_record r = {.kind = "site.report", .subject = "plant-a", .actor = "coordinator"};
    an_hash hash;
    an_hash_of(&hash, object_bytes(p, k), object_size(k));
    for (int i = 0; i < PAIR; i++) {
        assert_int_equal(an_store_object_remove(p->store[i], &hash, &p->why[i]), AN_OK);
        assert_false(an_test_store_has(p->store[i], &hash));
    }
    return append_both(p, &r, 1);
}

static an_err do_reopen(pair *p)
{
    close_pair(p);
    open_pair(p);
    return AN_OK;
}

static const struct {
    an_err (*run)(pair *p);
    unsigned often; /* of 100 */
} steps[] = {{do_append, 34}, {do_scan, 20}, {do_verify, 3}, {do_keep, 18},
             {do_get, 12},    {do_file, 6},  {do_remove, 4}, {do_reopen, 3}};

static unsigned n_ok[sizeof steps / sizeof *steps], n_failed[sizeof steps / sizeof *steps]; /* of all seeds */

static void run_step(pair *p)
{
    unsigned at = below(p, 100), k = 0;
    while (at >= steps[k].often)
        at -= steps[k++].often;
    an_err err = steps[k].run(p);
    n_ok[k] += err == AN_OK;
    n_failed[k] += err != AN_OK;
    an_clock_fake_advance(&p->clock, below(p, 200));
}

static void run_seed(unsigned long long seed, unsigned n_steps)
{
    pair p = {.seed = seed};
    print_message("seed %llu\n", seed);
    an_rng_init(&p.rng, seed, 1);
    an_clock_fake_init(&p.clock, STORE_NOON);
    an_test_folder_make(p.dir);
    pg_server_clear();
    p.bytes = an_alloc(LARGEST, 1);
    assert_non_null(p.bytes);
    for (size_t i = 0; i < LARGEST; i++)
        p.bytes[i] = (uint8_t)an_rng_below(&p.rng, 256);
    for (int i = 0; i < PAIR; i++)
        snprintf(p.folder[i], sizeof p.folder[i], "%.900s/%d", p.dir, i);
    snprintf(p.url[0], sizeof p.url[0], "sqlite:%s", p.folder[0]);
    snprintf(p.url[1], sizeof p.url[1], "postgresql:%s", pg_server_address());
    open_pair(&p);
    for (p.step = 0; p.step < n_steps; p.step++)
        run_step(&p);
    assert_int_equal(do_verify(&p), AN_OK);
    close_pair(&p);
    an_free(p.bytes);
    an_test_folder_remove(p.dir);
}

static unsigned long long from_environment(const char *name, unsigned long long dflt)
{
    const char *text = getenv(name);
    return text && text[0] ? strtoull(text, NULL, 10) : dflt;
}

static void both_backends_do_the_same(void **state)
{
    (void)state;
    unsigned n = (unsigned)from_environment("ANDON_STEPS", 300);
    unsigned long long fresh = 0;
    if (getenv("ANDON_SEED")) {
        run_seed(from_environment("ANDON_SEED", 0), n);
        return;
    }
    run_seed(1, n);
    run_seed(2, n);
    an_random(&fresh, 4);
    run_seed(fresh, n);
    /* Each kind of step did its work, and what can be refused was refused: the two seeds that stay do so. */
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
        assert_true(n_ok[k] > 0);
    for (size_t k = 0; k < 6; k++)
        assert_true(n_failed[k] > 0 || k == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_backends_do_the_same)};
    if (an_crypto_init() != AN_OK)
        return 1;
    if (!pg_server_start())
        return 77;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pg_server_stop();
    return failed != 0;
}
