/* The door to SQLite: statements, transactions, migrations, and what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/sqlite.h"

static char dir[] = "/tmp/an_sqlite_XXXXXX";
static char path[AN_PATH_MAX];

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) && an_path_join(path, dir, "t.db") == AN_OK ? 0 : 1;
}

static int remove_file(void **state)
{
    (void)state;
    static const char *const tails[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char name[AN_PATH_MAX + 8];
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        if (an_file_remove(name, NULL) != AN_OK)
            return 1;
    }
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static an_db *open_db(void)
{
    an_db *db = NULL;
    an_note why = {{0}};
    if (an_db_open(path, &db, &why) != AN_OK)
        fail_msg("%s", why.text);
    return db;
}

static const char *const steps[] = {
    "CREATE TABLE site(id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, rate REAL, key BLOB)",
    "CREATE TABLE round(id INTEGER PRIMARY KEY, site INTEGER NOT NULL REFERENCES site(id)); "
    "CREATE INDEX r ON round(site)",
};

static an_err add_site(an_db *db, const char *name, const void *key, size_t len)
{
    an_stmt *s = NULL;
    an_err err = an_db_stmt(db, "INSERT INTO site(name, rate, key) VALUES (?1, ?2, ?3)", &s, NULL);
    if (err == AN_OK)
        err = an_stmt_bind_text(s, 1, name);
    if (err == AN_OK)
        err = an_stmt_bind_num(s, 2, 0.5);
    if (err == AN_OK)
        err = an_stmt_bind_blob(s, 3, key, len);
    if (err == AN_OK)
        err = an_stmt_run(s, NULL);
    return err;
}

static int64_t count_sites(an_db *db)
{
    an_stmt *s = NULL;
    bool row = false;
    assert_int_equal(an_db_stmt(db, "SELECT count(*) FROM site", &s, NULL), AN_OK);
    assert_int_equal(an_stmt_step(s, &row, NULL), AN_OK);
    assert_true(row);
    int64_t n = an_stmt_int(s, 0);
    an_stmt_reset(s);
    return n;
}

static void what_is_written_is_read_back_after_reopening(void **state)
{
    (void)state;
    an_db *db = open_db();
    assert_int_equal(an_db_migrate(db, steps, 2, NULL), AN_OK);
    assert_int_equal(add_site(db, "plant-a", "\0\1\2", 3), AN_OK);
    assert_int_equal(an_db_last_id(db), 1);
    assert_int_equal(an_db_changes(db), 1);
    assert_int_equal(add_site(db, "plant-b", NULL, 0), AN_OK);
    an_db_close(db);
    db = open_db();
    an_stmt *s = NULL;
    bool row = false;
    size_t len = 9;
    assert_int_equal(an_db_prepare(db, "SELECT id, name, rate, key, NULL FROM site ORDER BY id;", &s, NULL),
                     AN_OK);
    assert_int_equal(an_stmt_step(s, &row, NULL), AN_OK);
    assert_true(row);
    assert_int_equal(an_stmt_int(s, 0), 1);
    assert_string_equal(an_stmt_text(s, 1, &len), "plant-a");
    assert_int_equal(len, 7);
    assert_true(an_stmt_num(s, 2) == 0.5);
    assert_memory_equal(an_stmt_blob(s, 3, &len), "\0\1\2", 3);
    assert_int_equal(len, 3);
    assert_true(an_stmt_is_null(s, 4));
    assert_string_equal(an_stmt_text(s, 4, &len), "");
    assert_int_equal(len, 0);
    assert_int_equal(an_stmt_step(s, &row, NULL), AN_OK);
    assert_false(an_stmt_is_null(s, 3));
    assert_int_equal(an_stmt_step(s, &row, NULL), AN_OK);
    assert_false(row);
    an_stmt_free(s);
    assert_int_equal(an_db_check(db, NULL), AN_OK);
    an_db_close(db);
}

static void a_connection_is_durable_and_checks_foreign_keys(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *value;
    } rows[] = {{"PRAGMA journal_mode", "wal"},
                {"PRAGMA synchronous", "2"},
                {"PRAGMA foreign_keys", "1"},
                {"PRAGMA busy_timeout", "5000"}};
    an_db *db = open_db();
    for (size_t i = 0; i < 4; i++) {
        an_stmt *s = NULL;
        bool row = false;
        assert_int_equal(an_db_prepare(db, rows[i].sql, &s, NULL), AN_OK);
        assert_int_equal(an_stmt_step(s, &row, NULL), AN_OK);
        assert_string_equal(an_stmt_text(s, 0, NULL), rows[i].value);
        an_stmt_free(s);
    }
    an_db_close(db);
}

static void a_broken_constraint_says_so_without_the_value(void **state)
{
    (void)state;
    an_db *db = open_db();
    an_note why = {{0}};
    an_stmt *s = NULL;
    assert_int_equal(an_db_migrate(db, steps, 2, NULL), AN_OK);
    assert_int_equal(add_site(db, "secret-plant", NULL, 0), AN_OK);
    assert_int_equal(an_db_stmt(db, "INSERT INTO site(name) VALUES (?1)", &s, &why), AN_OK);
    assert_int_equal(an_stmt_bind_text(s, 1, "secret-plant"), AN_OK);
    assert_int_equal(an_stmt_run(s, &why), AN_ERR_EXISTS);
    assert_non_null(strstr(why.text, "site.name"));
    assert_null(strstr(why.text, "secret-plant"));
    assert_int_equal(an_db_exec(db, "INSERT INTO round(site) VALUES (99)", &why), AN_ERR_EXISTS);
    /* The same statement works again: its values were cleared. */
    assert_int_equal(an_db_stmt(db, "INSERT INTO site(name) VALUES (?1)", &s, &why), AN_OK);
    assert_int_equal(an_stmt_run(s, &why), AN_ERR_EXISTS);
    assert_int_equal(an_stmt_bind_text(s, 1, "other"), AN_OK);
    assert_int_equal(an_stmt_run(s, &why), AN_OK);
    assert_int_equal(an_stmt_bind_int(s, 2, 1), AN_ERR_INVAL);
    an_db_close(db);
}

static void a_transaction_is_whole_or_absent(void **state)
{
    (void)state;
    an_db *db = open_db();
    assert_int_equal(an_db_migrate(db, steps, 2, NULL), AN_OK);
    assert_int_equal(an_db_begin(db, NULL), AN_OK);
    assert_true(an_db_in_transaction(db));
    assert_int_equal(add_site(db, "a", NULL, 0), AN_OK);
    an_db_rollback(db);
    an_db_rollback(db);
    assert_int_equal(count_sites(db), 0);
    assert_int_equal(an_db_begin(db, NULL), AN_OK);
    assert_int_equal(add_site(db, "a", NULL, 0), AN_OK);
    assert_int_equal(an_db_commit(db, NULL), AN_OK);
    assert_int_equal(an_db_begin(db, NULL), AN_OK);
    assert_int_equal(add_site(db, "b", NULL, 0), AN_OK);
    an_db_close(db);
    db = open_db();
    assert_int_equal(count_sites(db), 1);
    an_db_close(db);
}

static void migrations_run_once_in_order_and_each_whole(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "CREATE TABLE a(x)",
        "CREATE TABLE b(x); INSERT INTO nowhere VALUES (1)",
    };
    static const char *const mended[] = {"CREATE TABLE a(x)", "CREATE TABLE b(x)"};
    an_note why = {{0}};
    an_db *db = open_db();
    assert_int_equal(an_db_migrate(db, broken, 2, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "nowhere"));
    assert_false(an_db_in_transaction(db));
    assert_int_equal(an_db_exec(db, "INSERT INTO a VALUES (1)", NULL), AN_OK);
    assert_int_equal(an_db_exec(db, "INSERT INTO b VALUES (1)", NULL), AN_ERR_INVAL);
    assert_int_equal(an_db_migrate(db, mended, 2, &why), AN_OK);
    assert_int_equal(an_db_migrate(db, mended, 2, &why), AN_OK);
    assert_int_equal(an_db_exec(db, "INSERT INTO b VALUES (1)", NULL), AN_OK);
    assert_int_equal(an_db_migrate(db, mended, 1, &why), AN_ERR_STATE);
    assert_non_null(strstr(why.text, "newer"));
    an_db_close(db);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    (void)state;
    an_note why = {{0}};
    an_db *db = NULL;
    char junk[8192];
    memset(junk, 'j', sizeof junk);
    assert_int_equal(an_file_write(path, junk, sizeof junk, 0600, NULL), AN_OK);
    assert_int_equal(an_db_open(path, &db, &why), AN_ERR_PROTO);
    assert_null(db);
    assert_non_null(strstr(why.text, path));
    assert_int_equal(an_db_open("/nonexistent/t.db", &db, &why), AN_ERR_IO);
}

static void a_damaged_page_is_found(void **state)
{
    (void)state;
    an_db *db = open_db();
    an_note why = {{0}};
    assert_int_equal(an_db_migrate(db, steps, 2, NULL), AN_OK);
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof name, "plant-%04d", i);
        assert_int_equal(add_site(db, name, "0123456789012345678901234567890123456789", 40), AN_OK);
    }
    an_db_close(db);
    an_buf file;
    an_buf_init(&file, (size_t)1 << 20);
    assert_int_equal(an_file_read(&file, path, NULL), AN_OK);
    assert_true(file.len > 5 * 4096);
    memset(file.data + 4096, 0xee, file.len - 4096);
    assert_int_equal(an_file_write(path, file.data, file.len, 0600, NULL), AN_OK);
    an_buf_done(&file);
    db = open_db();
    assert_int_equal(an_db_check(db, &why), AN_ERR_PROTO);
    assert_int_equal(add_site(db, "another", NULL, 0), AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "sqlite: "));
    an_db_close(db);
}

static void a_full_disk_is_a_limit(void **state)
{
    (void)state;
    an_db *db = open_db();
    an_note why = {{0}};
    assert_int_equal(an_db_migrate(db, steps, 2, NULL), AN_OK);
    assert_int_equal(an_db_exec(db, "PRAGMA max_page_count = 20", &why), AN_OK);
    static const char zeros[200000];
    assert_int_equal(add_site(db, "big", zeros, sizeof zeros), AN_ERR_IO);
    assert_int_equal(count_sites(db), 0);
    assert_int_equal(add_site(db, "small", zeros, 100), AN_OK);
    an_db_close(db);
}

static void wrong_sql_is_told_and_only_one_statement_is_prepared(void **state)
{
    (void)state;
    an_db *db = open_db();
    an_note why = {{0}};
    an_stmt *s = NULL;
    assert_int_equal(an_db_prepare(db, "SELEC 1", &s, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "SELEC"));
    assert_int_equal(an_db_prepare(db, "SELECT 1; SELECT 2", &s, &why), AN_ERR_INVAL);
    assert_int_equal(an_db_prepare(db, "", &s, &why), AN_ERR_INVAL);
    assert_int_equal(an_db_exec(db, "DROP TABLE nothing", &why), AN_ERR_INVAL);
    assert_null(s);
    an_stmt_free(NULL);
    an_stmt_reset(NULL);
    an_db_close(db);
    an_db_close(NULL);
}

static void a_statement_is_made_once(void **state)
{
    (void)state;
    an_db *db = open_db();
    an_stmt *a = NULL, *b = NULL, *c = NULL;
    assert_int_equal(an_db_stmt(db, "SELECT 1", &a, NULL), AN_OK);
    assert_int_equal(an_db_stmt(db, "SELECT 2", &b, NULL), AN_OK);
    assert_int_equal(an_db_stmt(db, "SELECT 1", &c, NULL), AN_OK);
    assert_ptr_equal(a, c);
    assert_ptr_not_equal(a, b);
    an_db_close(db);
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        an_db *db = NULL;
        an_mem_fail_after(n++);
        err = an_db_open(":memory:", &db, NULL);
        if (err == AN_OK)
            err = an_db_migrate(db, steps, 2, NULL);
        if (err == AN_OK)
            err = add_site(db, "a", "k", 1);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_db_close(db);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_written_is_read_back_after_reopening, remove_file),
        cmocka_unit_test_teardown(a_connection_is_durable_and_checks_foreign_keys, remove_file),
        cmocka_unit_test_teardown(a_broken_constraint_says_so_without_the_value, remove_file),
        cmocka_unit_test_teardown(a_transaction_is_whole_or_absent, remove_file),
        cmocka_unit_test_teardown(migrations_run_once_in_order_and_each_whole, remove_file),
        cmocka_unit_test_teardown(a_file_that_is_no_database_is_refused, remove_file),
        cmocka_unit_test_teardown(a_damaged_page_is_found, remove_file),
        cmocka_unit_test_teardown(a_full_disk_is_a_limit, remove_file),
        cmocka_unit_test_teardown(wrong_sql_is_told_and_only_one_statement_is_prepared, remove_file),
        cmocka_unit_test_teardown(a_statement_is_made_once, remove_file),
        cmocka_unit_test(every_allocation_failure_is_survived),
    };
    return cmocka_run_group_tests_name("sqlite", tests, make_dir, remove_dir);
}
