/* What the PostgreSQL backend has to hold alone: the lease and its fence, a server that dies, objects that this
 * folder lacks.  Each test has two coordinators: two folders on one database. */
#include "tests/support/stores.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/objects.h"
#include "tests/support/postgresql.h"

#define LARGE ((size_t)2500000)

/* As if the first had not been heard of for long. */
static an_store *take_over(store_fixture *f)
{
    an_store *second = NULL;
    pg_server_sql("UPDATE andon.lease SET expires = '-infinity'");
    assert_int_equal(store_open_second(f, 0, &second), AN_OK);
    return second;
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* ---- The lease -----------------------------------------------------------------------------
 */

static void another_coordinator_is_told_who_holds_the_lease_and_has_it_once_it_is_let_go(void **state)
{
    store_fixture *f = *state;
    an_store *second = NULL;
    assert_int_equal(store_open_second(f, 0, &second), AN_ERR_AGAIN);
    assert_non_null(strstr(f->why.text, "tcp://first:7701"));
    assert_non_null(strstr(f->why.text, "ms"));
    uint64_t epoch = an_store_epoch(f->store);
    store_append(f, "site.report", "plant-a", NULL);
    store_close(f);
    assert_int_equal(store_open_second(f, 0, &second), AN_OK);
    assert_true(an_store_epoch(second) > epoch);
    const an_record r = store_record("site.report", "plant-a", NULL);
    uint64_t seq = 0;
    assert_int_equal(an_store_append(second, &r, 1, &seq, &f->why), AN_OK);
    assert_true(seq == 2);
    an_store_close(second);
}

static void who_has_other_keys_does_not_stand_by(void **state)
{
    store_fixture *f = *state;
    an_store *second = NULL;
    char folder[AN_PATH_MAX];
    store_close(f);
    an_store_place place = {.url = f->url, .folder = f->folder, .holder = "tcp://first:7701", .keys = "4f7k"};
    assert_int_equal(an_store_open(&place, &f->clock.clock, &f->store, &f->why), AN_OK);
    snprintf(folder, sizeof folder, "%.900s/second", f->dir);
    place.folder = folder;
    assert_int_equal(an_store_open(&place, &f->clock.clock, &second, &f->why), AN_ERR_AGAIN);
    assert_non_null(strstr(f->why.text, "another coordinator, tcp://first:7701, for"));
    place.keys = "0q2m";
    assert_int_equal(an_store_open(&place, &f->clock.clock, &second, &f->why), AN_ERR_AUTH);
    assert_non_null(strstr(f->why.text, "held by tcp://first:7701 with the keys 4f7k; these are 0q2m"));
    assert_null(second);
}

static void a_lease_that_is_renewed_stays_and_that_of_one_who_hangs_ends(void **state)
{
    store_fixture *f = *state;
    an_store *second = NULL;
    f->hung_ms = 1000;
    store_reopen(f);
    for (int i = 0; i < 5; i++) { /* longer than one lease lasts */
        assert_int_equal(an_store_keep(f->store, &f->why), AN_OK);
        assert_int_equal(store_open_second(f, 800, &second), AN_ERR_AGAIN);
    }
    assert_int_equal(store_open_second(f, 60000, &second), AN_OK);
    assert_int_equal(an_store_keep(f->store, &f->why), AN_ERR_STATE);
    assert_int_equal(an_store_keep(second, &f->why), AN_OK);
    store_close(f); /* lets go of nothing */
    assert_int_equal(an_store_keep(second, &f->why), AN_OK);
    an_store_close(second);
}

/* Another coordinator that waits for longer than a lease lasts, beside this thread. */
typedef struct rival {
    store_fixture f; /* its own folder's, so that `why` is its own */
    pthread_t thread;
    an_err err;
} rival;

static void *wait_for_lease(void *arg)
{
    rival *r = arg;
    an_store *second = NULL;
    r->err = store_open_second(&r->f, 4500, &second);
    an_store_close(second);
    return NULL;
}

static void start_rival(rival *r, const store_fixture *f)
{
    r->f = *f;
    assert_int_equal(pthread_create(&r->thread, NULL, wait_for_lease, r), 0);
}

static bool came_away_empty(const rival *r)
{
    return pthread_join(r->thread, NULL) == 0 && r->err == AN_ERR_AGAIN;
}

static an_err visit_until_rival_gives_up(void *ctx, const an_record *r, an_note *why)
{
    (void)r;
    return came_away_empty(ctx) ? AN_OK : an_fail(AN_ERR_STATE, why, "the lease was lost");
}

static void a_scan_that_takes_longer_than_a_lease_does_not_lose_it(void **state)
{
    store_fixture *f = *state;
    rival r;
    store_append(f, "site.report", "plant-a", NULL);
    const uint64_t epoch = an_store_epoch(f->store);
    start_rival(&r, f);
    assert_int_equal(an_store_scan(f->store, NULL, visit_until_rival_gives_up, &r, &f->why), AN_OK);
    assert_int_equal(an_store_keep(f->store, &f->why), AN_OK);
    assert_true(store_append(f, "site.report", "plant-a", NULL) == 2);
    assert_true(an_store_epoch(f->store) == epoch);
}

static void an_object_that_takes_longer_than_a_lease_does_not_lose_it(void **state)
{
    store_fixture *f = *state;
    rival r;
    an_hash hash;
    uint8_t *large = an_alloc(LARGE, 1);
    assert_non_null(large);
    const uint64_t epoch = an_store_epoch(f->store);
    pg_server_sql(
        "CREATE FUNCTION andon.slow() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(1.8); RETURN NEW; END';"
        "CREATE TRIGGER slow BEFORE INSERT ON andon.chunks FOR EACH ROW EXECUTE FUNCTION andon.slow()");
    start_rival(&r, f);
    const an_err err = an_store_object_put(f->store, large, LARGE, &hash, &f->why);
    const bool kept = came_away_empty(&r);
    if (err != AN_OK)
        print_message("%s\n", f->why.text);
    assert_int_equal(err, AN_OK);
    assert_true(kept);
    assert_true(store_append(f, "site.report", "plant-a", NULL) == 1);
    assert_true(an_store_epoch(f->store) == epoch);
    an_free(large);
}

static void a_waiting_coordinator_has_the_lease_as_soon_as_it_is_let_go(void **state)
{
    store_fixture *f = *state;
    store_close(f);
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        an_store *first = NULL;
        const an_store_place place = {.url = f->url, .folder = f->folder, .wait_ms = 60000};
        if (an_store_open(&place, &f->clock.clock, &first, NULL) != AN_OK)
            _exit(1);
        for (int i = 0; i < 100; i++) { /* the lease never ends by itself here */
            pause_ms(20);
            if (an_store_keep(first, NULL) != AN_OK)
                _exit(2);
        }
        an_store_close(first);
        _exit(0);
    }
    an_store *second = NULL;
    an_err err = AN_OK;
    while (err == AN_OK) { /* until the first has it */
        err = store_open_second(f, 0, &second);
        if (err == AN_OK)
            an_store_close(second);
    }
    assert_int_equal(err, AN_ERR_AGAIN);
    assert_int_equal(store_open_second(f, 60000, &second), AN_OK);
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    an_store_close(second);
}

static void a_lease_that_ends_later_than_it_can_is_of_a_clock_that_was_set_back(void **state)
{
    store_fixture *f = *state;
    an_store *second = NULL;
    pg_server_sql("UPDATE andon.lease SET expires = clock_timestamp() + interval '1 hour'");
    assert_int_equal(store_open_second(f, 0, &second), AN_OK);
    const an_record r = store_record("site.report", "plant-a", NULL);
    assert_int_equal(an_store_append(f->store, &r, 1, NULL, &f->why), AN_ERR_STATE);
    an_store_close(second);
}

/* ---- The fence -----------------------------------------------------------------------------
 */

static void the_older_of_two_coordinators_writes_nothing_more(void **state)
{
    store_fixture *f = *state;
    an_hash hash;
    uint8_t *large = an_alloc(LARGE, 1);
    assert_non_null(large);
    store_append(f, "site.report", "plant-a", NULL);
    an_store *second = take_over(f);
    an_err err = an_store_object_put(f->store, large, LARGE, &hash, &f->why);
    assert_int_equal(err, AN_ERR_STATE);
    assert_false(an_test_store_has(second, &hash));
    const an_record r = store_record("site.report", "plant-b", NULL);
    uint64_t seq = 77, n = 0;
    for (int i = 0; i < 3; i++) {
        err = an_store_append(f->store, &r, 1, &seq, &f->why);
        assert_int_equal(err, AN_ERR_STATE);
        assert_true(seq == 77);
        assert_non_null(strstr(f->why.text, "taken this store over"));
    }
    assert_int_equal(an_store_keep(f->store, &f->why), AN_ERR_STATE);
    assert_int_equal(an_store_append(second, &r, 1, &seq, &f->why), AN_OK);
    assert_int_equal(an_store_verify(second, &n, &f->why), AN_OK);
    assert_true(n == 2);
    an_store_close(second);
    an_free(large);
}

/* The connection is well and the lease not asked: the transaction itself looks at the epoch and the end. */
static void the_fence_alone_stops_an_append_by_a_stale_epoch_or_after_a_strange_end(void **state)
{
    store_fixture *f = *state;
    const an_record r = store_record("site.report", "plant-a", NULL);
    an_hash hash;
    uint8_t *large = an_alloc(LARGE, 1);
    assert_non_null(large);
    store_append(f, "site.report", "plant-a", NULL);
    pg_server_sql("UPDATE andon.head SET epoch = epoch + 1");
    assert_int_equal(an_store_append(f->store, &r, 1, NULL, &f->why), AN_ERR_STATE);
    assert_non_null(strstr(f->why.text, "taken this store over"));
    store_reopen(f);
    assert_true(store_append(f, "site.report", "plant-a", NULL) == 2);
    pg_server_sql("UPDATE andon.head SET epoch = epoch + 1");
    assert_int_equal(an_store_object_put(f->store, large, LARGE, &hash, &f->why), AN_ERR_STATE);
    store_reopen(f);
    assert_false(an_test_store_has(f->store, &hash));
    pg_server_sql("UPDATE andon.head SET seq = 1");
    assert_int_equal(an_store_append(f->store, &r, 1, NULL, &f->why), AN_ERR_PROTO);
    pg_server_sql("UPDATE andon.head SET seq = 2");
    assert_true(store_append(f, "site.report", "plant-a", NULL) == 3);
    an_free(large);
}

/* Appends until it is told that it may not. */
static void append_until_fenced(store_fixture *f, int told)
{
    an_store *store = NULL;
    if (store_open_as(f, &store) != AN_OK)
        _exit(1);
    for (;;) {
        const an_record r = store_record("site.report", "plant-a", NULL);
        uint64_t seq = 0;
        an_err err = an_store_append(store, &r, 1, &seq, NULL);
        if (err == AN_ERR_STATE)
            _exit(0);
        if (err != AN_OK || write(told, &seq, sizeof seq) != (ssize_t)sizeof seq)
            _exit(2);
    }
}

static void an_old_leader_that_was_stopped_and_wakes_up_writes_nothing(void **state)
{
    store_fixture *f = *state;
    int fds[2], status = 0;
    store_close(f);
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fds[0]);
        append_until_fenced(f, fds[1]);
    }
    close(fds[1]);
    uint64_t acknowledged = 0;
    for (int i = 0; i < 50; i++)
        assert_int_equal(read(fds[0], &acknowledged, sizeof acknowledged), (ssize_t)sizeof acknowledged);
    kill(child, SIGSTOP); /* wherever it is in an append */
    an_store *second = NULL;
    assert_int_equal(store_open_second(f, 60000, &second), AN_OK);
    uint64_t before = 0, after = 0;
    assert_int_equal(an_store_head_get(second, &before, NULL, &f->why), AN_OK);
    kill(child, SIGCONT);
    while (read(fds[0], &acknowledged, sizeof acknowledged) == (ssize_t)sizeof acknowledged)
        continue;
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(fds[0]);
    assert_int_equal(an_store_head_get(second, &after, NULL, &f->why), AN_OK);
    assert_true(after == before && acknowledged <= after);
    assert_int_equal(an_store_verify(second, NULL, &f->why), AN_OK);
    an_store_close(second);
}

/* ---- A server that dies --------------------------------------------------------------------
 */

static void while_the_server_is_away_nothing_is_acknowledged_and_then_it_goes_on(void **state)
{
    store_fixture *f = *state;
    const an_record r = store_record("site.report", "plant-a", NULL);
    uint64_t seq = 0, n = 0;
    an_hash absent;
    store_append(f, "site.report", "plant-a", NULL);
    pg_server_kill();
    for (int i = 0; i < 3; i++)
        assert_int_equal(an_store_append(f->store, &r, 1, &seq, &f->why), AN_ERR_IO);
    assert_int_equal(an_store_keep(f->store, &f->why), AN_ERR_IO);
    an_hash_of(&absent, "absent", 6);
    assert_int_equal(an_store_object_size(f->store, &absent, &n, &f->why), AN_ERR_IO); /* it cannot say */
    assert_int_equal(an_store_head_get(f->store, &seq, NULL, &f->why), AN_ERR_IO);
    pg_server_restart();
    an_err err = AN_ERR_IO;
    for (int i = 0; i < 600 && err == AN_ERR_IO; i++) {
        err = an_store_keep(f->store, &f->why);
        pause_ms(50);
    }
    assert_int_equal(err, AN_OK);
    assert_int_equal(an_store_append(f->store, &r, 1, &seq, &f->why), AN_OK);
    assert_true(seq == 2);
    assert_int_equal(an_store_verify(f->store, &n, &f->why), AN_OK);
    assert_true(n == 2);
}

/* The record that the append would have written, written after all: what the server does that commits and dies
 * before it has said so. */
static void commit_by_hand(const an_record *given)
{
    char sql[1200], hex[AN_HASH_TEXT];
    an_hash zero = {{0}};
    an_record r = *given;
    r.seq = 1;
    an_record_chain(&r.chain, &zero, &r);
    an_hash_text(hex, &r.chain);
    snprintf(sql, sizeof sql,
             "INSERT INTO andon.records VALUES(1, %lld, '%s', '%s', '%s', NULL, '%.*s', decode('%s', 'hex'));"
             "UPDATE andon.head SET seq = 1, chain = decode('%s', 'hex')",
             (long long)r.time_ms, r.kind, r.subject, r.actor, (int)r.body_len, (const char *)r.body, hex,
             hex);
    pg_server_sql(sql);
}

static void an_append_that_was_given_up_and_did_get_in_ends_the_opening(void **state)
{
    store_fixture *f = *state;
    an_record r = store_record("site.report", "plant-a", NULL);
    uint64_t seq = 0, n = 0;
    r.time_ms = STORE_NOON;
    pg_server_kill();
    assert_int_equal(an_store_append(f->store, &r, 1, &seq, &f->why), AN_ERR_IO);
    pg_server_restart();
    commit_by_hand(&r);
    an_err err = AN_ERR_IO;
    for (int i = 0; i < 600 && err == AN_ERR_IO; i++) {
        err = an_store_append(f->store, &r, 1, &seq, &f->why);
        pause_ms(50);
    }
    assert_int_equal(err, AN_ERR_STATE);
    assert_non_null(strstr(f->why.text, "did get in"));
    assert_int_equal(an_store_keep(f->store, &f->why), AN_ERR_STATE);
    store_reopen(f);
    assert_int_equal(an_store_verify(f->store, &n, &f->why), AN_OK);
    assert_true(n == 1);
}

/* Kills and restarts the server, until it is killed itself. */
static pid_t start_killer(unsigned seed)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child != 0)
        return child;
    an_rng rng;
    for (int fd = 3; fd < 1024; fd++) /* the folder's lock among them: the parent opens the store anew */
        close(fd);
    an_rng_init(&rng, seed, 1);
    for (int i = 0; i < 8; i++) {
        pause_ms(30 + (int)an_rng_below(&rng, 120));
        pg_server_kill();
        pg_server_restart();
    }
    _exit(0);
}

typedef struct in_order {
    uint64_t n;
} in_order;

static an_err expect_next(void *ctx, const an_record *r, an_note *why)
{
    in_order *o = ctx;
    char subject[32];
    snprintf(subject, sizeof subject, "n-%llu", (unsigned long long)o->n++);
    return strcmp(r->subject, subject) == 0
               ? AN_OK
               : an_fail(AN_ERR_PROTO, why, "found %s instead of %s", r->subject, subject);
}

/* Appends number n, which has no key, until the journal is known to hold it: once. */
static void append_number(store_fixture *f, uint64_t n, unsigned *unknown)
{
    char subject[32];
    snprintf(subject, sizeof subject, "n-%llu", (unsigned long long)n);
    an_err err = AN_ERR_IO;
    for (int i = 0; i < 2000 && err != AN_OK; i++) {
        const an_record r = store_record("site.report", subject, NULL);
        uint64_t seq = 0;
        err = an_store_append(f->store, &r, 1, &seq, &f->why);
        if (err == AN_OK) {
            assert_true(seq == n + 1);
            return;
        }
        if (err == AN_ERR_STATE) { /* it did get in: what is known is read anew */
            ++*unknown;
            store_close(f);
            while ((err = store_open_as(f, &f->store)) == AN_ERR_IO)
                pause_ms(50);
            assert_int_equal(err, AN_OK);
            while ((err = an_store_head_get(f->store, &seq, NULL, &f->why)) == AN_ERR_IO)
                pause_ms(50);
            assert_int_equal(err, AN_OK);
            assert_true(seq == n || seq == n + 1);
            if (seq == n + 1)
                return;
            err = AN_ERR_IO;
        }
        if (err != AN_ERR_IO)
            print_message("%s: %s\n", an_err_name(err), f->why.text);
        assert_int_equal(err, AN_ERR_IO);
        pause_ms(10);
    }
    assert_int_equal(err, AN_OK);
}

static void a_server_killed_during_appends_loses_nothing_and_nothing_is_written_twice(void **state)
{
    store_fixture *f = *state;
    uint64_t n = 0, records = 0;
    unsigned unknown = 0;
    int status = 0;
    pid_t killer = start_killer(20261122);
    while (waitpid(killer, &status, WNOHANG) == 0)
        append_number(f, n++, &unknown);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (int i = 0; i < 10; i++)
        append_number(f, n++, &unknown);
    print_message("%llu records, %u opened anew\n", (unsigned long long)n, unknown);
    assert_int_equal(an_store_verify(f->store, &records, &f->why), AN_OK);
    assert_true(records == n);
    in_order o = {0};
    an_err err = an_store_scan(f->store, NULL, expect_next, &o, &f->why);
    if (err != AN_OK)
        print_message("%s\n", f->why.text);
    assert_int_equal(err, AN_OK);
}

/* ---- Objects -------------------------------------------------------------------------------
 */

static void expect_bytes(store_fixture *f, an_store *s, const an_hash *hash, const void *bytes, size_t len)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_buf_init(&b, len);
    assert_int_equal(an_store_object_file(s, hash, path, &f->why), AN_OK);
    assert_int_equal(an_file_read(&b, path, &f->why), AN_OK);
    assert_int_equal(b.len, len);
    assert_memory_equal(b.data, bytes, len);
    an_buf_done(&b);
}

static void who_takes_over_finds_what_is_shared_and_lacks_what_is_local(void **state)
{
    store_fixture *f = *state;
    char path[AN_PATH_MAX];
    an_hash bundle, small, row, local, other;
    uint8_t *bytes = an_alloc(LARGE, 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 1000);
    assert_int_equal(an_store_object_put(f->store, bytes, LARGE, &bundle, &f->why), AN_OK);
    assert_int_equal(an_store_object_put(f->store, "small", 5, &small, &f->why), AN_OK);
    assert_int_equal(an_store_object_put_row(f->store, "row", 3, &row, &f->why), AN_OK);
    an_hash_of(&local, bytes, LARGE - 1);
    assert_int_equal(an_path_join(path, an_store_spool_dir(f->store), "upload"), AN_OK);
    assert_int_equal(an_file_write(path, bytes, LARGE - 1, 0600, &f->why), AN_OK);
    assert_int_equal(an_store_object_adopt_local(f->store, path, &local, &f->why), AN_OK);
    store_append(f, "round.event", "round/1", NULL);
    an_store *second = take_over(f);
    expect_bytes(f, second, &bundle, bytes, LARGE);
    expect_bytes(f, second, &small, "small", 5);
    an_buf b;
    an_buf_init(&b, LARGE);
    assert_int_equal(an_store_object_get(second, &row, &b, &f->why), AN_OK);
    assert_int_equal(b.len, 3);
    an_buf_done(&b);
    assert_false(an_test_store_has(second, &local));
    assert_int_equal(an_store_object_file(second, &local, path, &f->why), AN_ERR_NOTFOUND);
    an_hash_of(&other, "never", 5);
    assert_int_equal(an_store_object_file(second, &other, path, &f->why), AN_ERR_NOTFOUND);
    /* A copy here that was damaged is made good by the rows. */
    assert_int_equal(an_store_object_path(second, &bundle, path), AN_OK);
    assert_int_equal(an_file_write(path, "x", 1, 0600, &f->why), AN_OK);
    an_buf_init(&b, LARGE);
    assert_int_equal(an_store_object_get(second, &bundle, &b, &f->why), AN_OK);
    assert_int_equal(b.len, LARGE);
    an_buf_done(&b);
    an_store_close(second);
    an_free(bytes);
}

static void damaged_rows_of_an_object_are_found_and_make_no_file(void **state)
{
    static const char *const hands[] = {
        "UPDATE andon.chunks SET bytes = set_byte(bytes, 5, get_byte(bytes, 5) # 1) WHERE part = 1",
        "DELETE FROM andon.chunks WHERE part = 1", "UPDATE andon.objects SET len = len + 2000000",
        "UPDATE andon.chunks SET bytes = substring(bytes FROM 1 FOR 1000) WHERE part = 2"};
    for (size_t i = 0; i < sizeof hands / sizeof *hands; i++) {
        store_fixture *f = *state;
        char path[AN_PATH_MAX];
        an_hash hash;
        uint8_t *bytes = an_alloc(LARGE, 1);
        assert_non_null(bytes);
        assert_int_equal(an_store_object_put(f->store, bytes, LARGE, &hash, &f->why), AN_OK);
        an_store *second = take_over(f);
        pg_server_sql(hands[i]);
        assert_int_equal(an_store_object_file(second, &hash, path, &f->why), AN_ERR_PROTO);
        an_buf b;
        an_buf_init(&b, LARGE);
        assert_int_equal(an_store_object_get(second, &hash, &b, &f->why), AN_ERR_PROTO);
        assert_int_equal(b.len, 0);
        an_buf_done(&b);
        assert_int_equal(an_store_object_path(second, &hash, path), AN_OK);
        assert_false(an_file_exists(path));
        an_store_close(second);
        an_free(bytes);
        store_tear_down(state);
        assert_int_equal(store_set_up(state), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(another_coordinator_is_told_who_holds_the_lease_and_has_it_once_it_is_let_go),
        STORE_TEST(who_has_other_keys_does_not_stand_by),
        STORE_TEST(a_lease_that_is_renewed_stays_and_that_of_one_who_hangs_ends),
        STORE_TEST(a_scan_that_takes_longer_than_a_lease_does_not_lose_it),
        STORE_TEST(an_object_that_takes_longer_than_a_lease_does_not_lose_it),
        STORE_TEST(a_waiting_coordinator_has_the_lease_as_soon_as_it_is_let_go),
        STORE_TEST(a_lease_that_ends_later_than_it_can_is_of_a_clock_that_was_set_back),
        STORE_TEST(the_older_of_two_coordinators_writes_nothing_more),
        STORE_TEST(the_fence_alone_stops_an_append_by_a_stale_epoch_or_after_a_strange_end),
        STORE_TEST(an_old_leader_that_was_stopped_and_wakes_up_writes_nothing),
        STORE_TEST(who_takes_over_finds_what_is_shared_and_lacks_what_is_local),
        STORE_TEST(damaged_rows_of_an_object_are_found_and_make_no_file),
        STORE_TEST(while_the_server_is_away_nothing_is_acknowledged_and_then_it_goes_on),
        STORE_TEST(an_append_that_was_given_up_and_did_get_in_ends_the_opening),
        STORE_TEST(a_server_killed_during_appends_loses_nothing_and_nothing_is_written_twice),
    };
    return store_with_server() ? cmocka_run_group_tests(tests, NULL, store_end_server) != 0 : 77;
}
