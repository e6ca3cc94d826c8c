/* The sql source over SQLite: wide and narrow, pages and groups, restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doors/sqlite.h"
#include "tests/support/sources.h"

static char seen[1024];

static void run(const char *sql)
{
    char path[AN_PATH_MAX];
    an_db *db = NULL;
    an_note why = {{0}};
    assert_int_equal(an_path_join(path, sources_dir, "h.db"), AN_OK);
    an_err err = an_db_open(path, &db, &why);
    if (!err)
        err = an_db_exec(db, sql, &why);
    if (err)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    an_db_close(db);
}

/* All rows up to the end of the data. */
static void must_give(an_source *s, size_t column, const char *rows)
{
    const int64_t until = an_clock_system()->mono_ms(an_clock_system()) + 20000;
    char all[1024] = "", part[1024];
    size_t len = 0;
    an_err err = AN_ERR_AGAIN;
    while (err == AN_ERR_AGAIN && an_clock_system()->mono_ms(an_clock_system()) < until) {
        err = sources_drain(s, column, part, sizeof part);
        if (part[0])
            len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", len ? " " : "", part);
    }
    assert_int_equal(err, AN_ERR_NOTFOUND);
    assert_string_equal(all, rows);
}

static void a_wide_table_is_read_in_the_order_of_its_bookmark(void **state)
{
    (void)state;
    run("CREATE TABLE t(id INTEGER PRIMARY KEY, ts TEXT, a REAL, \"b c\" TEXT, q TEXT);"
        "INSERT INTO t VALUES (3,'2026-01-01 00:00:03',3,'30','Good'),(1,'2026-01-01 00:00:01',1,'10',NULL),"
        "(2,'2026-01-01 00:00:02',2,'x','192'),(4,'no time',4,'4','Good'),(5,'2026-01-01 "
        "00:00:05',NULL,'50','Good'),"
        "(6,'2026-01-01 00:00:06',6,'60','Bad')");
    an_source *s =
        sources_open("sql", "{database: sqlite, address: %s/h.db, query: t, time: ts, bookmark: id, columns: "
                            "[b c, a], quality: q, page: 2, follow: false, skew: 0}");
    assert_string_equal(an_source_sensor(s, 0), "b c");
    must_give(s, 0, "|10 nan! 30 50 nan!");
    assert_int_equal(an_source_stats_get(s).bad >= 1, 1);
    assert_int_equal(sources_count(s, "values_unread") >= 1, 1);
    an_source_close(s);
}

static void a_narrow_table_makes_one_row_of_each_time(void **state)
{
    (void)state;
    run("CREATE TABLE n(ts INTEGER, tag TEXT, value REAL, quality INTEGER);"
        "INSERT INTO n VALUES "
        "(1000,'a',1,192),(1000,'b',2,192),(1001,'a',3,192),(1002,'b',4,0),(1002,'zzz',9,192),"
        "(1003,'b',5,64),(1003,'a',6,192),(1004,'a',7,192)");
    static const char options[] =
        "{database: sqlite, address: %s/h.db, query: 'SELECT * FROM n WHERE ts > 0', time: ts, "
        "tag: tag, quality: quality, tags: [b, a], page: 4, follow: false, skew: 0}";
    an_source *s = sources_open("sql", options);
    must_give(s, 1, "|1 3 3 6 7");
    assert_int_equal(sources_count(s, "tags_unknown") >= 1, 1);
    an_source_close(s);
    s = sources_open("sql", options);
    must_give(s, 0, "|2 2 nan! 5~ 5~");
    an_source_close(s);
}

static void a_restart_goes_on_behind_the_last_row_with_what_was_held(void **state)
{
    (void)state;
    static const char options[] =
        "{database: sqlite, address: %s/h.db, query: n, time: ts, tag: tag, tags: [a, b], page: 3, "
        "follow: false, skew: 0}";
    run("CREATE TABLE n(ts INTEGER, tag TEXT, value REAL);"
        "INSERT INTO n VALUES "
        "(1000,'a',1),(1001,'b',2),(1002,'a',3),(1003,'a',4),(1004,'a',5),(1005,'a',6),(1006,'b',7)");
    for (size_t stop = 1; stop < 7; stop++) {
        an_batch b;
        int64_t wait_ms;
        char want[64] = "";
        an_source *s = sources_open("sql", options);
        assert_int_equal(an_batch_init(&b, 2, 1), AN_OK);
        for (size_t n = 0; n < stop;) {
            an_err err = an_source_next(s, &b, &wait_ms, NULL);
            assert_true(err == AN_OK || err == AN_ERR_AGAIN);
            n += err == AN_OK ? b.n : 0;
        }
        assert_int_equal(b.row[0], stop - 1);
        s = sources_reopen(s, "sql", options);
        static const char *const held[] = {"nan?", "2", "2", "2", "2", "2", "7"};
        for (size_t i = stop; i < 7; i++)
            snprintf(want + strlen(want), sizeof want - strlen(want), "%s%s", i > stop ? " " : "", held[i]);
        must_give(s, 1, want);
        an_batch_done(&b);
        an_source_close(s);
    }
}

/* A batch may end, and the agent, between two rows of one bookmark; a page may end in a load of many times. */
static void a_bookmark_of_many_rows_is_read_whole_over_restarts(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "{database: sqlite, address: %s/h.db, query: w, time: ts, bookmark: load, columns: [value], page: 5, "
        "follow: false, skew: 0}",
        "{database: sqlite, address: %s/h.db, query: w, time: ts, bookmark: load, tag: tag, tags: [a], page: "
        "5, "
        "follow: false, skew: 0}"};
    run("CREATE TABLE w(load INTEGER, ts INTEGER, tag TEXT, value REAL);"
        "INSERT INTO w VALUES (1,1000,'a',1),(1,1001,'a',2),(1,1002,'a',3),(2,1003,'a',4),(2,1004,'a',5),"
        "(2,1005,'a',6),(3,1006,'a',7),(3,1007,'a',8)");
    for (size_t form = 0; form < 2; form++)
        for (size_t stop = 1; stop < 8; stop++) {
            an_batch b;
            int64_t wait_ms;
            char want[64] = "";
            an_source *s = sources_open("sql", forms[form]);
            assert_int_equal(an_batch_init(&b, 1, 1), AN_OK);
            for (size_t n = 0; n < stop;) {
                an_err err = an_source_next(s, &b, &wait_ms, NULL);
                assert_true(err == AN_OK || err == AN_ERR_AGAIN);
                n += err == AN_OK ? b.n : 0;
            }
            s = sources_reopen(s, "sql", forms[form]);
            for (size_t i = stop; i < 8; i++)
                snprintf(want + strlen(want), sizeof want - strlen(want), "%s%zu", i > stop ? " " : "",
                         i + 1);
            must_give(s, 0, want);
            an_batch_done(&b);
            an_source_close(s);
        }
}

static void rows_of_one_bookmark_stay_together(void **state)
{
    (void)state;
    run("CREATE TABLE t(ts INTEGER, a REAL); INSERT INTO t VALUES (1,1),(2,2),(2,3),(2,4),(3,5),(3,6),(4,7)");
    an_source *s =
        sources_open("sql", "{database: sqlite, address: %s/h.db, query: t, time: ts, columns: [a], page: 4, "
                            "follow: false, skew: 0}");
    must_give(s, 0, "|1 2 3 4 5 6 7");
    assert_int_equal(sources_count(s, "times_repeated"), 3);
    an_source_close(s);
    /* A page that cannot hold a group must say so instead of losing rows. */
    s = sources_open("sql", "{database: sqlite, address: %s/h.db, query: t, time: ts, columns: [a], page: 2, "
                            "skew: 0, poll_ms: 10}");
    const int64_t until = an_clock_system()->mono_ms(an_clock_system()) + 20000;
    while (sources_count(s, "failures") == 0 && an_clock_system()->mono_ms(an_clock_system()) < until)
        assert_int_equal(sources_drain(s, 0, seen, sizeof seen), AN_ERR_AGAIN);
    assert_true(sources_count(s, "failures") > 0);
    an_source_close(s);
}

static void a_database_that_comes_later_is_waited_for(void **state)
{
    (void)state;
    an_source *s = sources_open(
        "sql", "{database: sqlite, address: %s/h.db, query: t, time: ts, columns: [a], poll_ms: 10, "
               "skew: 0}");
    assert_int_equal(sources_drain(s, 0, seen, sizeof seen), AN_ERR_AGAIN);
    run("CREATE TABLE t(ts INTEGER, a REAL); INSERT INTO t VALUES (1,1)");
    sources_await(s, 0, seen, sizeof seen);
    assert_string_equal(seen, "|1");
    run("INSERT INTO t VALUES (2,2)");
    sources_await(s, 0, seen, sizeof seen);
    assert_string_equal(seen, "2");
    an_source_close(s);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *options, *says;
    } cases[] = {
        {"{database: oracle, address: x, query: t, time: ts, columns: [a]}", "oracle"},
        {"{database: sqlite, address: x, query: t, time: ts}", "columns"},
        {"{database: sqlite, address: x, query: t, time: ts, tag: t}", "tags"},
        {"{database: sqlite, address: x, query: t, time: ts, columns: [a, a]}", "twice"},
#ifdef AN_HAVE_PQ
        {"{database: postgresql, address: 'host=localhost password=secret', query: t, time: ts, columns: "
         "[a]}",
         "passfile"},
        {"{database: postgresql, address: 'host=db.plant user=a', query: t, time: ts, columns: [a]}",
         "verify-full"},
        {"{database: postgresql, address: 'host=/run,10.0.0.7', query: t, time: ts, columns: [a]}",
         "verify-full"},
        {"{database: postgresql, address: 'host=x password=secret', plain: true, query: t, time: ts, "
         "columns: [a]}",
         "passfile"},
#endif
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_source *s = NULL;
        an_note why = {{0}};
        assert_int_equal(sources_try("sql", cases[i].options, an_clock_system(), &s, &why), AN_ERR_INVAL);
        if (!strstr(why.text, cases[i].says))
            print_error("%s\n", why.text);
        assert_non_null(strstr(why.text, cases[i].says));
        assert_null(strstr(why.text, "secret"));
    }
}

static void a_reader_neither_writes_nor_waits_for_ever(void **state)
{
    (void)state;
    char path[AN_PATH_MAX];
    an_db *db = NULL;
    an_stmt *stmt = NULL;
    bool row;
    run("CREATE TABLE t(a)");
    assert_int_equal(an_path_join(path, sources_dir, "h.db"), AN_OK);
    assert_int_equal(an_db_open_reader(path, 100, &db, NULL), AN_OK);
    assert_int_not_equal(an_db_exec(db, "INSERT INTO t VALUES (1)", NULL), AN_OK);
    assert_int_equal(
        an_db_prepare(db,
                      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c",
                      &stmt, NULL),
        AN_OK);
    assert_int_equal(an_stmt_step(stmt, &row, NULL), AN_ERR_AGAIN);
    an_stmt_free(stmt);
    an_db_close(db);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, sources_make_dir, sources_remove_dir)
    const struct CMUnitTest tests[] = {
        ROW(a_wide_table_is_read_in_the_order_of_its_bookmark),
        ROW(a_narrow_table_makes_one_row_of_each_time),
        ROW(a_restart_goes_on_behind_the_last_row_with_what_was_held),
        ROW(a_bookmark_of_many_rows_is_read_whole_over_restarts),
        ROW(rows_of_one_bookmark_stay_together),
        ROW(a_database_that_comes_later_is_waited_for),
        ROW(what_is_wrong_is_said),
        ROW(a_reader_neither_writes_nor_waits_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
