/* The verb init against a real PostgreSQL: tables are told apart, narrow and wide, and the file that it writes reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/support/init.h"
#include "tests/support/postgresql.h"

static void a_wide_table_is_read_by_its_key(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    an_init_test_begin(&t);
    t.for_ms = 2000;
    if (an_init_test_run(&t, "sql", pg_server_address(), NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "database: postgresql"));
    assert_true(an_init_test_has(&t, "query: \"\\\"Wide\\\"\""));
    assert_true(an_init_test_has(&t, "bookmark: id"));
    assert_true(an_init_test_has(&t, "time: stamp"));
    assert_true(an_init_test_has(&t, "#   fixed: constant"));
    assert_int_equal(an_init_test_rows(&t, 400), 2);
    an_init_test_end(&t);
}

static void a_narrow_table_is_read_by_its_tags(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    an_init_test_begin(&t);
    t.for_ms = 2000;
    if (an_init_test_run(&t, "sql", pg_server_address(), "query=plant.hist", &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "tag: tagname"));
    assert_true(an_init_test_has(&t, "value: val"));
    assert_int_equal(an_init_test_rows(&t, 300), 2);
    an_init_test_end(&t);
}

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    if (!pg_server_start())
        return 77;
    pg_server_sql("CREATE TABLE notes(id bigint PRIMARY KEY, said text)");
    pg_server_sql("CREATE TABLE \"Wide\"(id bigint PRIMARY KEY, stamp timestamptz, force double precision, "
                  "heat numeric, fixed "
                  "real)");
    pg_server_sql("INSERT INTO \"Wide\" SELECT i, to_timestamp(1772000000 + i), i * 37 % 101 / 7.0, i * 53 % "
                  "89 / 3.0, 4 FROM "
                  "generate_series(1, 400) i");
    pg_server_sql("CREATE SCHEMA plant");
    pg_server_sql("CREATE TABLE plant.hist(id bigserial PRIMARY KEY, ts timestamptz, tagname text, val "
                  "double precision)");
    pg_server_sql("INSERT INTO plant.hist(ts, tagname, val) SELECT to_timestamp(1772000000 + i / 2), CASE i "
                  "% 2 WHEN 0 THEN "
                  "'a' ELSE 'b' END, i * 37 % 101 / 7.0 FROM generate_series(1, 800) i");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wide_table_is_read_by_its_key),
        cmocka_unit_test(a_narrow_table_is_read_by_its_tags),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pg_server_stop();
    return failed;
}
