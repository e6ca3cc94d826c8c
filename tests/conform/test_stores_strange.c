/* Strange hands in the database, schemas that are not ours, addresses that are none: found, named, and nothing
 * is lost. */
#include "tests/support/stores.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/postgresql.h"

static void a_hand_with_sql_is_found_and_the_record_named(void **state)
{
    static const struct {
        const char *sql, *name;
    } hands[] = {
        {"UPDATE andon.records SET body = '{}' WHERE seq = 3", "record 3"},
        {"UPDATE andon.records SET time_ms = time_ms + 1 WHERE seq = 1", "record 1"},
        {"UPDATE andon.records SET subject = 'plant-b' WHERE seq = 4", "record 4"},
        {"UPDATE andon.records SET idem = NULL WHERE seq = 2", "record 2"},
        {"UPDATE andon.records SET chain = decode(repeat('00', 32), 'hex') WHERE seq = 3", "record 3"},
        {"UPDATE andon.records SET chain = 'short' WHERE seq = 3", "record 3"},
        {"UPDATE andon.records SET chain = 'short' WHERE seq = 5", "record 5"},
        {"UPDATE andon.records SET body = decode(repeat('00', 2000000), 'hex') WHERE seq = 3", "record 3"},
        {"UPDATE andon.records SET body = decode(repeat('00', 200000), 'hex') WHERE seq = 3", "record 3"},
        {"DELETE FROM andon.records WHERE seq = 3", "record 3"},
        {"DELETE FROM andon.records WHERE seq = 5", "should be 5"},
        {"TRUNCATE andon.records", "should be 5"},
        {"DELETE FROM andon.records WHERE seq = 5; UPDATE andon.head SET seq = 4", "record 4"},
        {"DELETE FROM andon.head", "head"},
        {"DELETE FROM andon.lease", "lease"},
        {"UPDATE andon.head SET chain = 'short'", "head"},
        {"UPDATE andon.head SET seq = -1", "head"},
    };
    for (size_t i = 0; i < sizeof hands / sizeof hands[0]; i++) {
        store_fixture *f = *state;
        for (int k = 0; k < 5; k++) {
            char key[8];
            snprintf(key, sizeof key, "key-%d", k);
            store_append(f, "site.report", "plant-a", key);
        }
        store_close(f);
        pg_server_sql("ALTER TABLE andon.records DISABLE TRIGGER USER");
        pg_server_sql(hands[i].sql);
        an_err err = store_open_as(f, &f->store);
        if (err == AN_OK)
            err = an_store_verify(f->store, NULL, &f->why);
        if (err != AN_ERR_PROTO || !strstr(f->why.text, hands[i].name))
            print_message("%s: \"%s\" does not name \"%s\"\n", hands[i].sql, f->why.text, hands[i].name);
        assert_int_equal(err, AN_ERR_PROTO);
        assert_non_null(strstr(f->why.text, hands[i].name));
        store_tear_down(state);
        assert_int_equal(store_set_up(state), 0);
    }
}

static void sql_by_mistake_changes_and_removes_nothing(void **state)
{
    store_fixture *f = *state;
    store_append(f, "site.report", "plant-a", NULL);
    assert_false(pg_server_sql_may("UPDATE andon.records SET subject = 'plant-b'"));
    assert_false(pg_server_sql_may("DELETE FROM andon.records"));
    assert_false(pg_server_sql_may("TRUNCATE andon.records"));
    uint64_t n = 0;
    assert_int_equal(an_store_verify(f->store, &n, &f->why), AN_OK);
    assert_true(n == 1);
}

static void a_record_put_in_the_next_place_does_not_pass_for_an_acknowledged_one(void **state)
{
    store_fixture *f = *state;
    store_append(f, "site.report", "plant-a", "key-1");
    pg_server_sql("INSERT INTO andon.records SELECT 2, time_ms, kind, subject, actor, 'x', body, chain"
                  " FROM andon.records WHERE seq = 1");
    an_record r = store_record("site.report", "plant-a", "key-2");
    assert_int_equal(store_try(f, &r), AN_ERR_PROTO);
    assert_non_null(strstr(f->why.text, "record 2"));
    r.idem = NULL;
    assert_int_equal(store_try(f, &r), AN_ERR_PROTO);
}

static void newer_and_foreign_schemas_are_refused_and_left_alone(void **state)
{
    store_fixture *f = *state;
    store_append(f, "site.report", "plant-a", NULL);
    store_close(f);
    pg_server_sql("UPDATE andon.about SET version = 99");
    assert_int_equal(store_open_as(f, &f->store), AN_ERR_UNSUPPORTED);
    assert_non_null(strstr(f->why.text, "newer"));
    pg_server_sql("UPDATE andon.about SET version = 2, program = 'another'");
    assert_int_equal(store_open_as(f, &f->store), AN_ERR_PROTO);
    pg_server_sql("DROP TABLE andon.about");
    assert_int_equal(store_open_as(f, &f->store), AN_ERR_PROTO);
    pg_server_clear();
    pg_server_sql("CREATE SCHEMA andon; CREATE TABLE andon.about(x int)");
    assert_int_equal(store_open_as(f, &f->store), AN_ERR_PROTO);
    assert_null(f->store);
}

static void an_older_schema_is_brought_up_but_not_under_a_coordinator_that_works(void **state)
{
    store_fixture *f = *state;
    an_store *second = NULL;
    an_hash hash;
    store_append(f, "site.report", "plant-a", NULL);
    pg_server_sql("DROP TABLE andon.chunks; DROP TABLE andon.objects; UPDATE andon.about SET version = 1");
    assert_int_equal(an_store_keep(f->store, &f->why), AN_OK);
    assert_int_equal(store_open_second(f, 0, &second), AN_ERR_AGAIN);
    assert_non_null(strstr(f->why.text, "older"));
    store_reopen(f);
    assert_int_equal(an_store_object_put(f->store, "x", 1, &hash, &f->why), AN_OK);
    assert_true(store_append(f, "site.report", "plant-a", NULL) == 2);
}

static void an_address_holds_no_password_unless_it_is_in_a_file_of_ones_own(void **state)
{
    store_fixture *f = *state;
    char path[AN_PATH_MAX], url[AN_PATH_MAX + 32], text[400];
    static const char *const bad[] = {"postgresql:host=/tmp password=hunter2",
                                      "postgresql://u:hunter2@localhost/x", "postgresql:no address",
                                      "postgresql:host=/tmp nonsense=hunter2"};
    an_store *store = NULL;
    store_close(f);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const an_store_place place = {.url = bad[i], .folder = f->folder};
        assert_int_equal(an_store_open(&place, &f->clock.clock, &store, &f->why), AN_ERR_INVAL);
        assert_null(strstr(f->why.text, "hunter2"));
    }
    assert_int_equal(an_path_join(path, f->dir, "address"), AN_OK);
    snprintf(text, sizeof text, "%s password=hunter2\n", pg_server_address());
    assert_int_equal(an_file_write(path, text, strlen(text), 0644, &f->why), AN_OK);
    snprintf(url, sizeof url, "postgresql:@%s", path);
    const an_store_place place = {.url = url, .folder = f->folder};
    assert_int_equal(an_store_open(&place, &f->clock.clock, &store, &f->why), AN_ERR_INVAL);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(an_store_open(&place, &f->clock.clock, &store, &f->why), AN_OK);
    an_store_close(store);
}

static void what_cannot_be_a_store_says_why(void **state)
{
    store_fixture *f = *state;
    const struct {
        const char *place;
        an_err err;
    } cases[] = {{"user=andon dbname=absent", AN_ERR_INVAL},
                 {"user=nobody dbname=andon", AN_ERR_AUTH},
                 {"host=/nowhere user=andon dbname=andon", AN_ERR_IO}};
    an_store *store = NULL;
    store_close(f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char url[400];
        snprintf(url, sizeof url, "postgresql:%s%s %s", strstr(cases[i].place, "host=") ? "" : "host=",
                 strstr(cases[i].place, "host=") ? "" : pg_server_dir(), cases[i].place);
        const an_store_place place = {.url = url, .folder = f->folder};
        an_err err = an_store_open(&place, &f->clock.clock, &store, &f->why);
        if (err != cases[i].err)
            print_message("%s: %s\n", url, f->why.text);
        assert_int_equal(err, cases[i].err);
        assert_true(f->why.text[0] != '\0');
    }
    const an_store_place nowhere = {.url = f->url};
    assert_int_equal(an_store_open(&nowhere, &f->clock.clock, &store, &f->why), AN_ERR_INVAL);
    assert_null(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_hand_with_sql_is_found_and_the_record_named),
        STORE_TEST(sql_by_mistake_changes_and_removes_nothing),
        STORE_TEST(a_record_put_in_the_next_place_does_not_pass_for_an_acknowledged_one),
        STORE_TEST(newer_and_foreign_schemas_are_refused_and_left_alone),
        STORE_TEST(an_older_schema_is_brought_up_but_not_under_a_coordinator_that_works),
        STORE_TEST(an_address_holds_no_password_unless_it_is_in_a_file_of_ones_own),
        STORE_TEST(what_cannot_be_a_store_says_why),
    };
    return store_with_server() ? cmocka_run_group_tests(tests, NULL, store_end_server) != 0 : 77;
}
