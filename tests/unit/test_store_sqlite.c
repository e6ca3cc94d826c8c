/* The SQLite backend alone: what a hand with SQL can do to the journal, and which files are not
 * taken for one. */
#include "tests/support/objects.h"
#include "tests/support/stores.h"

#include <stdio.h>
#include <string.h>

#include "doors/sqlite.h"

static void journal_path(const store_fixture *f, char out[static AN_PATH_MAX])
{
    int n = snprintf(out, AN_PATH_MAX, "%s/store/journal.db", f->dir);
    assert_true(n > 0 && n < AN_PATH_MAX);
}

static an_err run_sql(store_fixture *f, const char *sql)
{
    char path[AN_PATH_MAX];
    an_db *db = NULL;
    journal_path(f, path);
    an_err err = an_db_open(path, &db, &f->why);
    if (err == AN_OK)
        err = an_db_exec(db, sql, &f->why);
    an_db_close(db);
    return err;
}

/* Five records, the store closed, the triggers that guard it gone. */
static void prepare(store_fixture *f)
{
    for (int i = 0; i < 5; i++) {
        char key[8];
        snprintf(key, sizeof key, "key-%d", i);
        store_append(f, "site.report", "plant-a", key);
    }
    store_close(f);
    an_err err = run_sql(f, "DROP TRIGGER records_stay; DROP TRIGGER records_remain");
    assert_int_equal(err, AN_OK);
}

/* Opening or, where that is too cheap to see it, verifying finds it. */
static void assert_found(store_fixture *f, const char *name)
{
    an_err err = an_store_open(&(an_store_place){.url = f->url}, &f->clock.clock, &f->store, &f->why);
    if (err == AN_OK)
        err = an_store_verify(f->store, NULL, &f->why);
    assert_int_equal(err, AN_ERR_PROTO);
    if (!strstr(f->why.text, name))
        print_message("\"%s\" does not name \"%s\"\n", f->why.text, name);
    assert_non_null(strstr(f->why.text, name));
}

static void a_hand_with_sql_is_found_and_the_record_named(void **state)
{
    static const struct {
        const char *sql, *name;
    } hands[] = {
        {"UPDATE records SET body = CAST('{}' AS BLOB) WHERE seq = 3", "record 3"},
        {"UPDATE records SET time_ms = time_ms + 1 WHERE seq = 1", "record 1"},
        {"UPDATE records SET kind = 'site.denied' WHERE seq = 2", "record 2"},
        {"UPDATE records SET subject = 'plant-b' WHERE seq = 4", "record 4"},
        {"UPDATE records SET actor = 'user/mallory' WHERE seq = 5", "record 5"},
        {"UPDATE records SET idem = NULL WHERE seq = 2", "record 2"},
        {"UPDATE records SET idem = 'other' WHERE seq = 2", "record 2"},
        {"UPDATE records SET chain = zeroblob(32) WHERE seq = 3", "record 3"},
        {"UPDATE records SET chain = zeroblob(32) WHERE seq = 5", "record 5"},
        {"UPDATE records SET chain = zeroblob(31) WHERE seq = 3", "record 3"},
        {"UPDATE records SET subject = 'plant-a' || char(0) || 'x' WHERE seq = 3", "record 3"},
        {"UPDATE records SET body = zeroblob(2000000) WHERE seq = 3", "record 3"},
        {"DELETE FROM records WHERE seq = 3", "record 3"},
        {"DELETE FROM records WHERE seq = 1", "record 1"},
        {"DELETE FROM records WHERE seq = 5", "should be 5"},
        {"DELETE FROM records", "should be 5"},
        {"UPDATE records SET seq = 9 WHERE seq = 3", "should be 5"},
        {"INSERT INTO records SELECT 6, time_ms, kind, subject, actor, NULL, body, chain"
         " FROM records WHERE seq = 5",
         "last record is 6"},
        {"DELETE FROM records WHERE seq = 5; UPDATE head SET seq = 4", "record 4"},
        {"UPDATE records SET seq = 100 WHERE seq = 2; UPDATE records SET seq = 2 WHERE seq = 3;"
         " UPDATE records SET seq = 3 WHERE seq = 100",
         "record 2"},
        {"DELETE FROM head", "head"},
        {"UPDATE head SET chain = zeroblob(3)", "head"},
        {"UPDATE head SET seq = -1", "head"},
    };
    for (size_t i = 0; i < sizeof hands / sizeof hands[0]; i++) {
        store_fixture *f = *state;
        prepare(f);
        an_err err = run_sql(f, hands[i].sql);
        if (err != AN_OK)
            print_message("%s: %s\n", hands[i].sql, f->why.text);
        assert_int_equal(err, AN_OK);
        assert_found(f, hands[i].name);
        store_tear_down(state);
        assert_int_equal(store_set_up(state), 0);
    }
}

static void an_untouched_journal_verifies(void **state)
{
    store_fixture *f = *state;
    prepare(f);
    store_open(f);
    uint64_t n = 0;
    an_err err = an_store_verify(f->store, &n, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(n == 5);
}

static void sql_by_mistake_changes_and_removes_nothing(void **state)
{
    store_fixture *f = *state;
    store_append(f, "site.report", "plant-a", NULL);
    an_err err = run_sql(f, "UPDATE records SET subject = 'plant-b'");
    assert_true(err != AN_OK);
    err = run_sql(f, "DELETE FROM records");
    assert_true(err != AN_OK);
    uint64_t n = 0;
    err = an_store_verify(f->store, &n, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(n == 1);
}

static void a_store_taken_over_by_another_epoch_takes_no_more_records(void **state)
{
    store_fixture *f = *state;
    store_append(f, "site.report", "plant-a", NULL);
    an_err err = run_sql(f, "UPDATE head SET epoch = epoch + 1");
    assert_int_equal(err, AN_OK);
    an_record r = store_record("site.report", "plant-a", NULL);
    assert_int_equal(store_try(f, &r), AN_ERR_STATE);
    assert_non_null(strstr(f->why.text, "taken this store over"));
    store_reopen(f);
    assert_true(store_append(f, "site.report", "plant-a", NULL) == 2);
}

static void a_store_taken_over_by_deleting_its_lock_stops_the_first_coordinator(void **state)
{
    store_fixture *f = *state;
    char lock[AN_PATH_MAX];
    snprintf(lock, sizeof lock, "%.900s/store/lock", f->dir);
    an_err err = an_file_remove(lock, &f->why);
    assert_int_equal(err, AN_OK);
    an_store *second = NULL;
    err = an_store_open(&(an_store_place){.url = f->url}, &f->clock.clock, &second, &f->why);
    assert_int_equal(err, AN_OK);
    an_record r = store_record("site.report", "plant-a", NULL);
    assert_int_equal(store_try(f, &r), AN_ERR_STATE);
    err = an_store_append(second, &r, 1, NULL, &f->why);
    assert_int_equal(err, AN_OK);
    an_store_close(second);
}

static void a_record_put_in_the_next_place_does_not_pass_for_an_acknowledged_one(void **state)
{
    store_fixture *f = *state;
    store_append(f, "site.report", "plant-a", "key-1");
    an_err err = run_sql(f, "INSERT INTO records SELECT 2, time_ms, kind, subject, actor, 'x', body,"
                            " chain FROM records WHERE seq = 1");
    assert_int_equal(err, AN_OK);
    an_record r = store_record("site.report", "plant-a", "key-2");
    assert_int_equal(store_try(f, &r), AN_ERR_PROTO);
    assert_non_null(strstr(f->why.text, "record 2"));
    r.idem = NULL;
    assert_int_equal(store_try(f, &r), AN_ERR_PROTO);
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
    store_fixture *f = *state;
    store_close(f);
    an_err err = run_sql(f, "PRAGMA user_version = 99");
    assert_int_equal(err, AN_OK);
    err = an_store_open(&(an_store_place){.url = f->url}, &f->clock.clock, &f->store, &f->why);
    assert_int_equal(err, AN_ERR_UNSUPPORTED);
    assert_non_null(strstr(f->why.text, "newer"));
    assert_null(f->store);
    err = run_sql(f, "PRAGMA user_version = 3");
    assert_int_equal(err, AN_OK);
    store_open(f);
}

static void a_journal_from_before_small_objects_had_no_file_is_opened(void **state)
{
    store_fixture *f = *state;
    an_hash hash;
    char path[AN_PATH_MAX];
    assert_int_equal(an_store_object_put(f->store, "update", 6, &hash, &f->why), AN_OK);
    store_append(f, "round.event", "round/1", NULL);
    assert_int_equal(an_store_object_path(f->store, &hash, path), AN_OK);
    store_close(f);
    an_err err = run_sql(f, "ALTER TABLE small DROP COLUMN file; PRAGMA user_version = 2");
    assert_int_equal(err, AN_OK);
    assert_int_equal(an_file_remove(path, NULL), AN_OK);
    store_open(f);
    assert_true(an_file_exists(path));
}

static void another_programs_database_is_refused_and_left_alone(void **state)
{
    static const char *const others[] = {
        "PRAGMA application_id = 7",
        "PRAGMA application_id = 0", /* tables, but not ours */
        "PRAGMA application_id = 7; PRAGMA user_version = 99",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        store_fixture *f = *state;
        store_close(f);
        an_err err = run_sql(f, others[i]);
        assert_int_equal(err, AN_OK);
        err = an_store_open(&(an_store_place){.url = f->url}, &f->clock.clock, &f->store, &f->why);
        assert_int_equal(err, AN_ERR_PROTO);
        store_tear_down(state);
        assert_int_equal(store_set_up(state), 0);
    }
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    store_fixture *f = *state;
    char path[AN_PATH_MAX], noise[8192];
    store_close(f);
    journal_path(f, path);
    memset(noise, 'n', sizeof noise);
    an_err err = an_file_write(path, noise, sizeof noise, 0600, &f->why);
    assert_int_equal(err, AN_OK);
    err = an_store_open(&(an_store_place){.url = f->url}, &f->clock.clock, &f->store, &f->why);
    assert_int_equal(err, AN_ERR_PROTO);
    assert_null(f->store);
}

static void a_first_start_that_died_before_its_schema_is_made_good(void **state)
{
    store_fixture *f = *state;
    char path[AN_PATH_MAX];
    store_close(f);
    journal_path(f, path);
    an_err err = an_file_write(path, "", 0, 0600, &f->why);
    assert_int_equal(err, AN_OK);
    store_open(f);
    assert_true(store_append(f, "site.report", "plant-a", NULL) == 1);
}

static void a_store_whose_place_is_a_file_is_refused(void **state)
{
    store_fixture *f = *state;
    char path[AN_PATH_MAX], url[AN_PATH_MAX + 16];
    an_store *store = NULL;
    assert_true(an_path_join(path, f->dir, "plain") == AN_OK);
    an_err err = an_file_write(path, "x", 1, 0600, &f->why);
    assert_int_equal(err, AN_OK);
    snprintf(url, sizeof url, "sqlite:%s", path);
    err = an_store_open(&(an_store_place){.url = url}, &f->clock.clock, &store, &f->why);
    assert_int_equal(err, AN_ERR_IO);
    assert_null(store);
}

static void a_small_object_that_a_power_cut_took_is_there_after_the_next_start(void **state)
{
    store_fixture *f = *state;
    char path[AN_PATH_MAX];
    an_hash hash;
    assert_int_equal(an_store_object_put(f->store, "update", 6, &hash, &f->why), AN_OK);
    store_append(f, "round.event", "round/1", "round/1/update");
    assert_int_equal(an_store_object_path(f->store, &hash, path), AN_OK);
    store_close(f);
    FILE *cut = fopen(path, "wb"); /* the name is on the disk, the bytes are not */
    assert_non_null(cut);
    assert_int_equal(fclose(cut), 0);
    store_open(f);
    an_buf b;
    an_buf_init(&b, 100);
    assert_int_equal(an_store_object_get(f->store, &hash, &b, &f->why), AN_OK);
    assert_int_equal(b.len, 6);
    assert_memory_equal(b.data, "update", 6);
    an_buf_done(&b);
    /* One that was removed does not come back. */
    assert_int_equal(an_store_object_remove(f->store, &hash, &f->why), AN_OK);
    store_append(f, "round.event", "round/1", NULL);
    store_reopen(f);
    assert_false(an_test_store_has(f->store, &hash));
}

/* What OPERATIONS says of backups: a copy made beside a coordinator that works is whole, and goes on. */
static void a_backup_made_without_stopping_verifies_opens_and_goes_on(void **state)
{
    store_fixture *f = *state;
    char sql[AN_PATH_MAX + 32], from[AN_PATH_MAX], to[AN_PATH_MAX], url[AN_PATH_MAX + 32];
    an_hash hash;
    an_store *copy = NULL;
    uint64_t n = 0;
    store_append(f, "site.report", "plant-a", NULL);
    assert_int_equal(an_store_object_put(f->store, "update", 6, &hash, &f->why), AN_OK);
    store_append(f, "round.event", "round/1", NULL);
    snprintf(to, sizeof to, "%.900s/copy", f->dir);
    assert_int_equal(an_dir_make(to, &f->why), AN_OK);
    snprintf(sql, sizeof sql, "VACUUM INTO '%.900s/journal.db'", to);
    assert_int_equal(run_sql(f, sql), AN_OK);
    store_append(f, "site.report", "plant-b", NULL); /* after the backup: lost */
    snprintf(url, sizeof url, "sqlite:%.900s", to);
    assert_int_equal(an_store_open(&(an_store_place){.url = url}, &f->clock.clock, &copy, &f->why), AN_OK);
    assert_int_equal(an_store_verify(copy, &n, &f->why), AN_OK);
    assert_true(n == 2);
    assert_int_equal(an_store_object_file(copy, &hash, from, &f->why), AN_OK); /* small: of the journal */
    const an_record r = store_record("site.report", "plant-c", NULL);
    assert_int_equal(an_store_append(copy, &r, 1, &n, &f->why), AN_OK);
    assert_true(n == 3);
    an_store_close(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(an_untouched_journal_verifies),
        STORE_TEST(a_hand_with_sql_is_found_and_the_record_named),
        STORE_TEST(sql_by_mistake_changes_and_removes_nothing),
        STORE_TEST(a_store_taken_over_by_another_epoch_takes_no_more_records),
        STORE_TEST(a_store_taken_over_by_deleting_its_lock_stops_the_first_coordinator),
        STORE_TEST(a_record_put_in_the_next_place_does_not_pass_for_an_acknowledged_one),
        STORE_TEST(a_small_object_that_a_power_cut_took_is_there_after_the_next_start),
        STORE_TEST(a_newer_schema_is_refused_and_left_alone),
        STORE_TEST(a_journal_from_before_small_objects_had_no_file_is_opened),
        STORE_TEST(another_programs_database_is_refused_and_left_alone),
        STORE_TEST(a_file_that_is_no_database_is_refused),
        STORE_TEST(a_first_start_that_died_before_its_schema_is_made_good),
        STORE_TEST(a_backup_made_without_stopping_verifies_opens_and_goes_on),
        STORE_TEST(a_store_whose_place_is_a_file_is_refused),
    };
    if (an_crypto_init() != AN_OK || strcmp(an_store_backend_at(0)->name, "sqlite") != 0)
        return 1;
    store_use_backend(an_store_backend_at(0));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
