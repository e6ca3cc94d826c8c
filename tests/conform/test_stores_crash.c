/* Every backend of the store: who may open it, what outlives kill -9, and what a failed
 * allocation leaves behind. */
#include "tests/support/stores.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"

/* ---- Opening, dying, memory ----------------------------------------------------------------
 */

static void a_second_coordinator_is_refused_until_the_first_is_gone(void **state)
{
    store_fixture *f = *state;
    an_store *second = NULL;
    an_err err = store_open_as(f, &second);
    assert_int_equal(err, AN_ERR_STATE);
    assert_null(second);
    assert_non_null(strstr(f->why.text, "another coordinator"));
    store_append(f, "site.report", "plant-a", NULL);
    store_reopen(f);
    assert_true(store_append(f, "site.report", "plant-a", NULL) == 2);
}

static void a_url_of_no_known_kind_or_without_place_is_refused(void **state)
{
    store_fixture *f = *state;
    const char *const urls[] = {"", ":", "sqlite", "sqlitex:/tmp/x", "mysql:/tmp/x", "/tmp/x"};
    an_store *store = NULL;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        an_err err = an_store_open(&(an_store_place){.url = urls[i]}, &f->clock.clock, &store, &f->why);
        assert_int_equal(err, AN_ERR_INVAL);
        assert_non_null(strstr(f->why.text, f->backend->name));
    }
    char url[64];
    snprintf(url, sizeof url, "%s:", f->backend->name);
    an_err err = an_store_open(&(an_store_place){.url = url}, &f->clock.clock, &store, &f->why);
    assert_int_equal(err, AN_ERR_INVAL);
    assert_null(store);
    an_store_close(NULL);
}

/* The child of the crash test: appends key after key and tells each on the pipe once the append
 * has returned; one byte says that it is alive.  It ends by being killed. */
static void append_until_killed(store_fixture *f, int pipe_fd, uint32_t first)
{
    an_store *store = NULL;
    uint32_t alive = UINT32_MAX;
    if (write(pipe_fd, &alive, sizeof alive) != (ssize_t)sizeof alive || store_open_as(f, &store) != AN_OK)
        _exit(1);
    for (uint32_t i = first; i < first + 100000; i++) {
        char key[2][24];
        an_record r[2];
        for (int k = 0; k < 2; k++) {
            snprintf(key[k], sizeof key[k], "%u-%d", (unsigned)i, k);
            r[k] = store_record("site.report", "plant-a", key[k]);
        }
        an_err err = an_store_append(store, r, 2, NULL, NULL);
        if ((err != AN_OK && (err != AN_ERR_EXISTS || i != first)) ||
            write(pipe_fd, &i, sizeof i) != (ssize_t)sizeof i)
            _exit(2);
    }
    _exit(3);
}

/* Lets a child append until it has acknowledged `acks` appends, then kills it.  The first
 * append not acknowledged. */
static uint32_t run_and_kill(store_fixture *f, uint32_t first, uint64_t acks)
{
    int fds[2], status = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fds[0]);
        append_until_killed(f, fds[1], first);
    }
    close(fds[1]);
    uint32_t told = 0, next = first;
    for (uint64_t i = 0; i <= acks; i++) { /* one more: the sign of life */
        assert_int_equal(read(fds[0], &told, sizeof told), (ssize_t)sizeof told);
        next = told == UINT32_MAX ? next : told + 1;
    }
    kill(child, SIGKILL);
    while (read(fds[0], &told, sizeof told) == (ssize_t)sizeof told)
        next = told == UINT32_MAX ? next : told + 1; /* told before it died */
    close(fds[0]);
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFSIGNALED(status));
    return next;
}

/* Every key "i-0" is followed by "i-1", each is there once and none is left out. */
typedef struct key_check {
    uint32_t n;
} key_check;

static an_err check_key(void *ctx, const an_record *r, an_note *why)
{
    key_check *c = ctx;
    char expected[24];
    snprintf(expected, sizeof expected, "%u-%u", (unsigned)(c->n / 2), (unsigned)(c->n % 2));
    if (strcmp(r->idem, expected) != 0)
        return an_fail(AN_ERR_PROTO, why, "found %s instead of %s", r->idem, expected);
    c->n++;
    return AN_OK;
}

static void what_was_acknowledged_outlives_kill_9_and_nothing_is_there_twice(void **state)
{
    store_fixture *f = *state;
    an_rng rng;
    an_rng_init(&rng, 20260309, 1);
    uint32_t next = 0;
    for (int life = 0; life < 12; life++) {
        an_store_close(f->store);
        f->store = NULL;
        next = run_and_kill(f, next, life == 0 ? 0 : an_rng_below(&rng, 40));
        store_open(f);
        uint64_t n = 0;
        an_err err = an_store_verify(f->store, &n, &f->why);
        assert_int_equal(err, AN_OK);
        key_check c = {0};
        err = an_store_scan(f->store, NULL, check_key, &c, &f->why);
        if (err != AN_OK)
            print_message("life %d: %s\n", life, f->why.text);
        assert_int_equal(err, AN_OK);
        assert_true(c.n == n);
        /* What was told is there; at most the append under way may be there as well. */
        assert_true(n == 2 * (uint64_t)next || n == 2 * (uint64_t)next + 2);
    }
    assert_true(next > 100);
}

static an_err open_append_read(store_fixture *f, const char *key)
{
    an_store *store = NULL;
    const an_record r[5] = {store_record("site.report", "plant-a", key),
                            store_record("site.report", "b", NULL), store_record("site.report", "c", NULL),
                            store_record("site.report", "d", NULL), store_record("site.report", "e", NULL)};
    an_hash hash;
    store_seen s = {0};
    an_buf b;
    an_buf_init(&b, 64);
    an_err err = store_open_as(f, &store);
    if (err == AN_OK)
        err = an_store_append(store, r, 5, NULL, &f->why);
    if (err == AN_ERR_EXISTS)
        err = AN_OK; /* an earlier turn got as far as here */
    if (err == AN_OK)
        err = an_store_scan(store, NULL, store_see, &s, &f->why);
    if (err == AN_OK)
        err = an_store_object_put(store, key, strlen(key), &hash, &f->why);
    if (err == AN_OK)
        err = an_store_object_get(store, &hash, &b, &f->why);
    an_buf_done(&b);
    an_store_close(store);
    return err;
}

static void survives_every_allocation_failure(void **state)
{
    store_fixture *f = *state;
    store_close(f);
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = open_append_read(f, "only-once");
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 2);
    store_open(f);
    uint64_t records = 0;
    err = an_store_verify(f->store, &records, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(records == 5);
}

static int run(const char *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_second_coordinator_is_refused_until_the_first_is_gone),
        STORE_TEST(a_url_of_no_known_kind_or_without_place_is_refused),
        STORE_TEST(what_was_acknowledged_outlives_kill_9_and_nothing_is_there_twice),
        STORE_TEST(survives_every_allocation_failure),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}

int main(void)
{
    return an_crypto_init() != AN_OK ? 1 : store_each_backend(run);
}
