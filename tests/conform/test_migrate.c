/* A store of SQLite is moved into an empty database: the same chain, the same objects; or nothing. */
#include "tests/support/stores.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/migrate.h"
#include "coordinator/round.h"
#include "tests/support/objects.h"
#include "tests/support/postgresql.h"

#define LARGE ((size_t)1500000)
#define RECORDS 1500

typedef struct moved {
    store_fixture *f;
    char to[300];
    uint8_t *bytes;
    an_hash bundle, update, small, row, chain;
} moved;

static moved fix;

static void adopt(moved *m, size_t len, const an_hash *hash, bool local)
{
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, an_store_spool_dir(m->f->store), "made"), AN_OK);
    assert_int_equal(an_file_write(path, m->bytes, len, 0600, NULL), AN_OK);
    assert_int_equal(
        (local ? an_store_object_adopt_local : an_store_object_adopt)(m->f->store, path, hash, &m->f->why),
        AN_OK);
}

/* Records of every sort, and one of each sort of object; an update among them, as its event says. */
static int set_up(void **state)
{
    void *inner = NULL;
    if (store_set_up(&inner) != 0)
        return -1;
    fix = (moved){.f = inner, .bytes = an_alloc(LARGE, 1)};
    moved *m = &fix;
    assert_non_null(m->bytes);
    for (size_t i = 0; i < LARGE; i++)
        m->bytes[i] = (uint8_t)(i * 31 + i / 977);
    snprintf(m->to, sizeof m->to, "postgresql:%s", pg_server_address());
    pg_server_clear();
    an_hash_of(&m->bundle, m->bytes, LARGE);
    an_hash_of(&m->update, m->bytes, LARGE - 7);
    adopt(m, LARGE, &m->bundle, false);
    adopt(m, LARGE - 7, &m->update, true);
    assert_int_equal(an_store_object_put(m->f->store, "small", 5, &m->small, &m->f->why), AN_OK);
    assert_int_equal(an_store_object_put_row(m->f->store, "row", 3, &m->row, &m->f->why), AN_OK);
    an_round_event e = {
        .type = AN_ROUND_EVENT_UPDATE, .now_ms = STORE_NOON, .hash = m->update, .site = "plant-a"};
    an_json *body = an_round_event_body(&e);
    char *text = an_json_print(body, 0);
    an_json_free(body);
    assert_non_null(text);
    an_record r = store_record("round.event", "round/1", "update");
    r.body = text;
    r.body_len = strlen(text);
    assert_int_equal(an_store_append(m->f->store, &r, 1, NULL, &m->f->why), AN_OK);
    an_free(text);
    for (int i = 1; i < RECORDS; i++) {
        an_clock_fake_advance(&m->f->clock, 17);
        r = store_record(i % 3 ? "site.report" : "site.requested", i % 5 ? "plant-a" : "w\xc3\xb6rk", NULL);
        if (i == 700) {
            r.body = m->bytes;
            r.body_len = AN_RECORD_BODY_MAX;
        }
        assert_int_equal(an_store_append(m->f->store, &r, 1, NULL, &m->f->why), AN_OK);
    }
    assert_int_equal(an_store_head_get(m->f->store, NULL, &m->chain, &m->f->why), AN_OK);
    store_close(m->f);
    *state = m;
    return 0;
}

static int tear_down(void **state)
{
    moved *m = *state;
    void *inner = m->f;
    an_free(m->bytes);
    return store_tear_down(&inner);
}

static an_err move(moved *m, an_migrate_report *ret)
{
    return an_migrate(m->f->url, m->to, NULL, NULL, ret, &m->f->why);
}

static void open_moved(moved *m)
{
    char folder[AN_PATH_MAX];
    snprintf(folder, sizeof folder, "%.900s/new", m->f->dir);
    const an_store_place place = {.url = m->to, .folder = folder};
    an_err err = an_store_open(&place, &m->f->clock.clock, &m->f->store, &m->f->why);
    if (err != AN_OK)
        print_message("%s\n", m->f->why.text);
    assert_int_equal(err, AN_OK);
}

static void expect(moved *m, const an_hash *hash, const void *bytes, size_t len)
{
    an_buf b;
    an_buf_init(&b, LARGE);
    assert_int_equal(an_store_object_get(m->f->store, hash, &b, &m->f->why), AN_OK);
    assert_int_equal(b.len, len);
    assert_memory_equal(b.data, bytes, len);
    an_buf_done(&b);
}

static void expect_all(moved *m)
{
    uint64_t n = 0;
    an_hash chain;
    open_moved(m);
    assert_int_equal(an_store_verify(m->f->store, &n, &m->f->why), AN_OK);
    assert_true(n == RECORDS);
    assert_int_equal(an_store_head_get(m->f->store, NULL, &chain, &m->f->why), AN_OK);
    assert_true(an_hash_equal(&chain, &m->chain));
    expect(m, &m->bundle, m->bytes, LARGE);
    expect(m, &m->small, "small", 5);
    expect(m, &m->row, "row", 3);
    assert_false(an_test_store_has(m->f->store, &m->update));
}

static void a_store_is_moved_with_the_same_chain_and_goes_on(void **state)
{
    moved *m = *state;
    an_migrate_report r = {0};
    char left[AN_PATH_MAX];
    an_err err = move(m, &r);
    if (err != AN_OK)
        print_message("%s\n", m->f->why.text);
    assert_int_equal(err, AN_OK);
    assert_true(r.records == RECORDS && r.objects == 3 && r.local == 1 && !r.already);
    assert_true(an_hash_equal(&r.chain, &m->chain));
    snprintf(left, sizeof left, "%.900s/migration", m->f->folder);
    assert_false(an_file_exists(left));
    expect_all(m);
    assert_true(store_append(m->f, "site.report", "plant-a", NULL) == RECORDS + 1);
    store_close(m->f);
    store_open(m->f); /* the source is as it was */
    assert_true(store_append(m->f, "site.report", "plant-b", NULL) == RECORDS + 1);
}

static void moving_it_again_only_looks_and_another_journal_is_refused(void **state)
{
    moved *m = *state;
    an_migrate_report r = {0};
    assert_int_equal(move(m, &r), AN_OK);
    r = (an_migrate_report){0};
    assert_int_equal(move(m, &r), AN_OK);
    assert_true(r.already && r.records == RECORDS);
    open_moved(m);
    store_append(m->f, "site.report", "plant-a", NULL);
    store_close(m->f);
    assert_int_equal(move(m, &r), AN_ERR_EXISTS);
    pg_server_sql("ALTER TABLE andon.records DISABLE TRIGGER USER; TRUNCATE andon.records;"
                  "UPDATE andon.head SET seq = 0, chain = decode(repeat('00', 32), 'hex')");
    open_moved(m);
    store_append(m->f, "site.report", "plant-a", NULL);
    store_close(m->f);
    assert_int_equal(move(m, &r), AN_ERR_EXISTS);
    assert_non_null(strstr(m->f->why.text, "another journal"));
}

static void a_store_in_use_absent_empty_or_damaged_is_not_moved(void **state)
{
    moved *m = *state;
    an_migrate_report r;
    an_store *other = NULL;
    char url[AN_PATH_MAX + 32];
    store_open(m->f);
    assert_int_equal(move(m, &r), AN_ERR_STATE);
    store_close(m->f);
    open_moved(m);
    other = m->f->store;
    assert_int_equal(move(m, &r), AN_ERR_AGAIN);
    an_store_close(other);
    m->f->store = NULL;
    snprintf(url, sizeof url, "sqlite:%.900s/absent", m->f->dir);
    assert_int_equal(an_migrate(url, m->to, NULL, NULL, &r, &m->f->why), AN_ERR_NOTFOUND);
    assert_false(an_file_exists(url + 7));
    assert_int_equal(an_store_open(&(an_store_place){.url = url}, &m->f->clock.clock, &other, NULL), AN_OK);
    an_store_close(other);
    assert_int_equal(an_migrate(url, m->to, NULL, NULL, &r, &m->f->why), AN_ERR_NOTFOUND);
    assert_int_equal(an_migrate(m->to, m->to, NULL, NULL, &r, &m->f->why), AN_ERR_INVAL);
    assert_int_equal(an_migrate(m->f->url, url, NULL, NULL, &r, &m->f->why), AN_ERR_INVAL);
    /* A damaged object ends it, and the database stays empty. */
    char path[AN_PATH_MAX];
    store_open(m->f);
    assert_int_equal(an_store_object_path(m->f->store, &m->bundle, path), AN_OK);
    store_close(m->f);
    assert_int_equal(an_file_write(path, m->bytes + 1, LARGE - 1, 0600, NULL), AN_OK);
    assert_int_equal(move(m, &r), AN_ERR_PROTO);
    open_moved(m);
    uint64_t seq = 77;
    assert_int_equal(an_store_head_get(m->f->store, &seq, NULL, NULL), AN_OK);
    assert_true(seq == 0);
    assert_false(an_test_store_has(m->f->store, &m->small));
}

static void a_move_that_was_killed_leaves_nothing_and_is_done_again(void **state)
{
    moved *m = *state;
    an_migrate_report r = {0};
    int status = 0;
    for (int life = 0; life < 3; life++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(move(m, &r) == AN_OK ? 0 : 1);
        /* Until it holds the database, and a little longer. */
        for (int i = 0;
             i < 1000 && !pg_server_sql_may("SELECT 1 / count(*) FROM andon.lease WHERE holder <> ''"); i++)
            continue;
        kill(child, SIGKILL);
        assert_true(waitpid(child, &status, 0) == child);
    }
    an_err err = AN_ERR_AGAIN;
    while (err == AN_ERR_AGAIN) /* the lease of the one that was killed */
        err = move(m, &r);
    assert_int_equal(err, AN_OK);
    expect_all(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_store_is_moved_with_the_same_chain_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(moving_it_again_only_looks_and_another_journal_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_store_in_use_absent_empty_or_damaged_is_not_moved, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_move_that_was_killed_leaves_nothing_and_is_done_again, set_up,
                                        tear_down),
    };
    an_json_init();
    if (an_crypto_init() != AN_OK || strcmp(an_store_backend_at(0)->name, "sqlite") != 0)
        return 1;
    store_use_backend(an_store_backend_at(0));
    if (!pg_server_start())
        return 77;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pg_server_stop();
    return failed != 0;
}
