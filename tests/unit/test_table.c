/* Delimited text as rows: delimiters, headers, times, missing values, bad lines, bytes in
 * pieces. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "models/data/table.h"

static an_err parse(const char *text, const an_table_conf *conf, an_table *t, an_note *why)
{
    an_table_conf usual;
    an_table_conf_init(&usual);
    return an_table_parse(text, strlen(text), conf ? conf : &usual, t, why);
}

static void every_delimiter_is_found_out(void **state)
{
    (void)state;
    static const char *const texts[] = {"a,b\n1,2\n", "a;b\n1;2\n", "a\tb\n1\t2\n", "a|b\n1|2\n",
                                        "  a   b \n 1  2  \n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        an_table t;
        an_err err = parse(texts[i], NULL, &t, NULL);
        assert_int_equal(err, AN_OK);
        assert_int_equal(t.n, 1);
        assert_int_equal(t.width, 2);
        assert_string_equal(t.names[1], "b");
        assert_true(t.rows[0] == 1.0f && t.rows[1] == 2.0f);
        assert_null(t.times_ms);
        assert_null(t.labels);
        an_table_done(&t);
    }
}

static void a_file_without_a_header_gets_numbered_names(void **state)
{
    (void)state;
    an_table t;
    an_err err = parse("1,nan\n3,4\n", NULL, &t, NULL);
    assert_int_equal(err, AN_OK);
    assert_int_equal(t.n, 2);
    assert_string_equal(t.names[0], "c0");
    assert_true(isnan(t.rows[1]));
    assert_int_equal(t.stats.n_missing, 1);
    an_table_done(&t);
}

static void times_labels_and_ignored_columns_are_kept_apart(void **state)
{
    (void)state;
    an_table_conf conf;
    an_table_conf_init(&conf);
    const char *ignore[] = {"changepoint", "absent"};
    conf.label_column = "anomaly";
    conf.ignore = ignore;
    conf.n_ignore = 2;
    an_table t;
    an_err err = parse("\xef\xbb\xbf"
                       "datetime;Current;\"Volume; Flow\";anomaly;changepoint\r\n"
                       "2020-03-09 10:14:33;1.5;32;0.0;0\r\n2020-03-09T10:14:34.250Z;1.6;;1.0;0\r\n",
                       &conf, &t, NULL);
    assert_int_equal(err, AN_OK);
    assert_int_equal(t.width, 2);
    assert_string_equal(t.names[0], "Current");
    assert_string_equal(t.names[1], "Volume; Flow");
    assert_true(t.times_ms[0] == INT64_C(1583748873000));
    assert_true(t.times_ms[1] == INT64_C(1583748874250));
    assert_true(t.labels[0] == 0.0f && t.labels[1] == 1.0f);
    assert_true(isnan(t.rows[3]));
    an_table_done(&t);
}

static void columns_are_chosen_by_name_or_number_in_the_order_asked(void **state)
{
    (void)state;
    an_table_conf conf;
    an_table_conf_init(&conf);
    const char *columns[] = {"2", "a"};
    conf.columns = columns;
    conf.n_columns = 2;
    an_table t;
    an_note why;
    an_err err = parse("a,b,c\n1,2,3\n", &conf, &t, &why);
    assert_int_equal(err, AN_OK);
    assert_int_equal(t.width, 2);
    assert_true(t.rows[0] == 3.0f && t.rows[1] == 1.0f);
    an_table_done(&t);
    columns[1] = "z";
    err = parse("a,b,c\n1,2,3\n", &conf, &t, &why);
    assert_int_equal(err, AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "\"z\""));
    columns[1] = "c";
    err = parse("a,b,c\n1,2,3\n", &conf, &t, &why);
    assert_int_equal(err, AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "twice"));
}

static void bad_lines_are_counted_and_told_by_number(void **state)
{
    (void)state;
    an_table t;
    an_err err = parse("a,b\n1,2\n\nx,2\n1,2,3\n\"1,2\n3,4\n1,0x10\n", NULL, &t, NULL);
    assert_int_equal(err, AN_OK);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.stats.n_bad, 4);
    assert_int_equal(t.stats.n_kept, 4);
    assert_int_equal(t.stats.bad[0].line, 4);
    assert_non_null(strstr(t.stats.bad[0].why, "no number"));
    assert_int_equal(t.stats.bad[1].line, 5);
    assert_non_null(strstr(t.stats.bad[1].why, "3 fields, not 2"));
    assert_int_equal(t.stats.bad[2].line, 6);
    assert_int_equal(t.stats.bad[3].line, 8);
    an_table_done(&t);
}

static void only_the_first_bad_lines_are_kept_and_all_are_counted(void **state)
{
    (void)state;
    char text[1024] = "a,b\n1,2\n";
    for (int i = 0; i < 50; i++)
        memcpy(text + 8 + i * 4, "1,x\n", 5);
    an_table t;
    an_err err = parse(text, NULL, &t, NULL);
    assert_int_equal(err, AN_OK);
    assert_int_equal(t.stats.n_bad, 50);
    assert_int_equal(t.stats.n_kept, AN_TABLE_BAD_KEPT);
    an_table_done(&t);
}

static void numbers_that_are_not_finite_are_missing(void **state)
{
    (void)state;
    an_table t;
    an_err err = parse("1,inf,1e999,-Infinity,NULL\n", NULL, &t, NULL);
    assert_int_equal(err, AN_OK);
    assert_int_equal(t.stats.n_missing, 4);
    an_table_done(&t);
}

static void a_decimal_comma_is_read_when_asked_for(void **state)
{
    (void)state;
    an_table_conf conf;
    an_table_conf_init(&conf);
    conf.decimal_comma = true;
    an_table t;
    an_err err = parse("a;b\n1,5;-2,25\n", &conf, &t, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(t.rows[0] == 1.5f && t.rows[1] == -2.25f);
    an_table_done(&t);
}

static void a_file_without_data_is_an_error_that_says_so(void **state)
{
    (void)state;
    an_table t;
    an_note why;
    an_err err = parse("", NULL, &t, &why);
    assert_int_equal(err, AN_ERR_PROTO);
    err = parse("a,b\n1\n", NULL, &t, &why);
    assert_int_equal(err, AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "line 2"));
    err = parse("a,a\n1,2\n", NULL, &t, &why);
    assert_int_equal(err, AN_ERR_PROTO);
    an_table_conf conf;
    an_table_conf_init(&conf);
    err = an_table_read("/nonexistent/file.csv", &conf, &t, &why);
    assert_int_equal(err, AN_ERR_NOTFOUND);
}

static void bytes_in_any_pieces_give_the_same_rows(void **state)
{
    (void)state;
    const char *text = "t,a,b\r\n100,1,2\r\n101,3,\"4\"\r\nbroken\r\n102,5,6";
    an_table_conf conf;
    an_table_conf_init(&conf);
    conf.time_column = "t";
    for (size_t piece = 1; piece < 20; piece++) {
        an_table_reader *r = NULL;
        an_table_row row;
        an_err err = an_table_reader_new(&conf, &r, NULL);
        assert_int_equal(err, AN_OK);
        float sum = 0.0f;
        size_t rows = 0;
        for (size_t at = 0; at <= strlen(text); at += piece) {
            size_t left = strlen(text) - at;
            err = an_table_feed(r, text + at, left < piece ? left : piece);
            assert_int_equal(err, AN_OK);
            while ((err = an_table_next(r, &row, NULL)) == AN_OK) {
                sum += row.values[0] * 10.0f + row.values[1];
                assert_true(row.time_ms == (int64_t)(100 + rows) * 1000);
                rows++;
            }
            assert_int_equal(err, AN_ERR_AGAIN);
        }
        assert_int_equal(rows, 2); /* the last line has no end yet */
        an_table_end(r);
        err = an_table_next(r, &row, NULL);
        assert_int_equal(err, AN_OK);
        assert_int_equal(row.line, 5);
        assert_true(sum + row.values[0] * 10.0f + row.values[1] == 102.0f);
        err = an_table_next(r, &row, NULL);
        assert_int_equal(err, AN_ERR_AGAIN);
        assert_int_equal(an_table_stats_get(r)->n_bad, 1);
        an_table_reader_free(r);
    }
}

static an_err feed_text(an_table_reader *r, const char *text)
{
    return an_table_feed(r, text, strlen(text));
}

static void a_rotated_file_must_have_the_same_header(void **state)
{
    (void)state;
    an_table_conf conf;
    an_table_conf_init(&conf);
    an_table_reader *r = NULL;
    an_table_row row;
    an_note why;
    an_err err = an_table_reader_new(&conf, &r, NULL);
    assert_int_equal(err, AN_OK);
    err = feed_text(r, "a,b\n1,2\n");
    assert_int_equal(err, AN_OK);
    err = an_table_next(r, &row, NULL);
    assert_int_equal(err, AN_OK);
    an_table_rotate(r);
    err = feed_text(r, "a,b\n3,4\n");
    assert_int_equal(err, AN_OK);
    err = an_table_next(r, &row, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(row.values[1] == 4.0f && row.line == 2);
    an_table_rotate(r);
    err = feed_text(r, "b,a\n3,4\n");
    assert_int_equal(err, AN_OK);
    err = an_table_next(r, &row, &why);
    assert_int_equal(err, AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "header"));
    an_table_reader_free(r);
}

static void a_line_that_is_too_long_is_skipped_whole(void **state)
{
    (void)state;
    an_table_conf conf;
    an_table_conf_init(&conf);
    an_table_reader *r = NULL;
    an_table_row row;
    an_err err = an_table_reader_new(&conf, &r, NULL);
    assert_int_equal(err, AN_OK);
    err = feed_text(r, "1,2\n");
    assert_int_equal(err, AN_OK);
    char *junk = an_alloc(1 << 19, 1);
    memset(junk, '7', 1 << 19);
    err = an_table_next(r, &row, NULL);
    assert_int_equal(err, AN_OK);
    for (int i = 0; i < 9; i++) {
        err = an_table_feed(r, junk, 1 << 19);
        assert_int_equal(err, AN_OK);
        err = an_table_next(r, &row, NULL);
        assert_int_equal(err, AN_ERR_AGAIN);
    }
    err = feed_text(r, ",9\n3,4\n");
    assert_int_equal(err, AN_OK);
    err = an_table_next(r, &row, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(row.values[0] == 3.0f && row.line == 3);
    assert_int_equal(an_table_stats_get(r)->n_bad, 1);
    an_free(junk);
    an_table_reader_free(r);
}

static void times_are_parsed_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1970-01-01", 0},
                {"2000-02-29 12:00", INT64_C(951825600000)},
                {"1583748873", INT64_C(1583748873000)},
                {"1583748873250", INT64_C(1583748873250)},
                {"1583748873.5", INT64_C(1583748873500)},
                {"1969-12-31T23:59:59.9Z", -100}};
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(an_time_parse(good[i].text, strlen(good[i].text), &ms));
        assert_true(ms == good[i].ms);
    }
    static const char *const bad[] = {"",
                                      "x",
                                      "2001-02-29",
                                      "2001-13-01",
                                      "2001-01-01 24:00",
                                      "2001-01-01 1:00",
                                      "2001-01-01x",
                                      "1e9",
                                      "-5",
                                      "2001-01-01 00:00:00."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(an_time_parse(bad[i], strlen(bad[i]), &ms));
}

static void running_out_of_memory_at_any_point_leaks_nothing(void **state)
{
    (void)state;
    size_t live = an_mem_live();
    an_err err;
    size_t n = 0;
    do {
        an_table t = {0};
        an_mem_fail_after(n++);
        err = parse("t,a\n2020-01-01,2\n2020-01-02,3\n", NULL, &t, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_table_done(&t);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_delimiter_is_found_out),
        cmocka_unit_test(a_file_without_a_header_gets_numbered_names),
        cmocka_unit_test(times_labels_and_ignored_columns_are_kept_apart),
        cmocka_unit_test(columns_are_chosen_by_name_or_number_in_the_order_asked),
        cmocka_unit_test(bad_lines_are_counted_and_told_by_number),
        cmocka_unit_test(only_the_first_bad_lines_are_kept_and_all_are_counted),
        cmocka_unit_test(numbers_that_are_not_finite_are_missing),
        cmocka_unit_test(a_decimal_comma_is_read_when_asked_for),
        cmocka_unit_test(a_file_without_data_is_an_error_that_says_so),
        cmocka_unit_test(bytes_in_any_pieces_give_the_same_rows),
        cmocka_unit_test(a_rotated_file_must_have_the_same_header),
        cmocka_unit_test(a_line_that_is_too_long_is_skipped_whole),
        cmocka_unit_test(times_are_parsed_strictly),
        cmocka_unit_test(running_out_of_memory_at_any_point_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
