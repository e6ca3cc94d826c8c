/* The csv source: files that grow, rotate and are cut, folders, bad lines, pace, and
 * resumption. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/source.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/yaml.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/andon-csv-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    an_names names;
    char path[AN_PATH_MAX];
    (void)state;
    if (an_dir_list(dir, &names, NULL) != AN_OK)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names.items[i]);
        unlink(path);
    }
    an_names_done(&names);
    return rmdir(dir);
}

static void put(const char *name, const char *mode, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static an_err try_open(const char *options, const an_clock *clock, an_source **ret, an_note *why)
{
    char text[512];
    an_yaml *doc = NULL;
    snprintf(text, sizeof text, options, dir);
    an_err err = an_yaml_parse(text, strlen(text), "test", &doc, why);
    if (!err)
        err = an_source_open("csv", an_yaml_root(doc), clock, ret, why);
    an_yaml_free(doc);
    return err;
}

static an_source *open_source(const char *options)
{
    an_source *s = NULL;
    an_note why = {0};
    an_err err = try_open(options, an_clock_system(), &s, &why);
    if (err)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    return s;
}

/* First values of all rows that are there, as text "1 2 3"; '|' before a row that begins anew.
 * Returns the error that ended it. */
static an_err drain(an_source *s, char *ret, size_t cap)
{
    an_batch b;
    an_note why = {0};
    int64_t wait_ms;
    an_err err = an_batch_init(&b, an_source_width(s), 3);
    assert_int_equal(err, AN_OK);
    size_t len = 0;
    ret[0] = '\0';
    while ((err = an_source_next(s, &b, &wait_ms, &why)) == AN_OK)
        for (size_t i = 0; i < b.n; i++)
            len += (size_t)snprintf(ret + len, cap - len, "%s%s%g", len ? " " : "",
                                    b.flags[i] & AN_ROW_RESTART ? "|" : "", (double)b.values[i * b.width]);
    if (err == AN_ERR_AGAIN)
        assert_true(wait_ms > 0);
    else if (err != AN_ERR_NOTFOUND)
        print_error("%s\n", why.text);
    an_batch_done(&b);
    return err;
}

static void a_growing_file_is_followed_and_a_half_line_waits(void **state)
{
    (void)state;
    char seen[128];
    put("a.csv", "w", "x;y\n1;2\n2;3\n");
    an_source *s = open_source("path: %s/a.csv");
    assert_int_equal(an_source_width(s), 2);
    assert_string_equal(an_source_sensor(s, 1), "y");
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "|1 2");
    put("a.csv", "a", "3;4\n4");
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "3");
    put("a.csv", "a", "4;5\n5;6\n");
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "44 5");
    an_source_close(s);
}

static void bad_lines_are_counted_and_reported_by_number(void **state)
{
    (void)state;
    char seen[128];
    put("a.csv", "w", "x,y\n1,2\noops\n3,4\nwhat,what\n");
    an_source *s = open_source("{path: %s/a.csv, follow: false}");
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_NOTFOUND);
    assert_string_equal(seen, "|1 3");
    an_source_stats stats = an_source_stats_get(s);
    assert_int_equal(stats.bad, 2);
    assert_int_equal(stats.rows, 2);
    assert_non_null(strstr(stats.bad_last, "line 5"));
    an_source_close(s);
}

static void a_cut_file_begins_anew(void **state)
{
    (void)state;
    char seen[128];
    put("a.csv", "w", "x,y\n1,1\n2,2\n3,3\n");
    an_source *s = open_source("path: %s/a.csv");
    (void)(drain(s, seen, sizeof seen) == AN_OK);
    put("a.csv", "w", "x,y\n9,9\n");
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "|9");
    an_source_close(s);
}

static void a_rotated_file_is_read_to_its_end_before_the_new_one(void **state)
{
    (void)state;
    char seen[128], from[96], to[96];
    put("a.csv", "w", "x,y\n1,1\n");
    an_source *s = open_source("path: %s/a.csv");
    (void)(drain(s, seen, sizeof seen) == AN_OK);
    put("a.csv", "a", "2,2\n3,3");
    snprintf(from, sizeof from, "%s/a.csv", dir);
    snprintf(to, sizeof to, "%s/a.csv.1", dir);
    assert_int_equal(rename(from, to), 0);
    put("a.csv", "w", "x,y\n4,4\n");
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "2 3 |4");
    an_source_close(s);
}

static void a_folder_is_read_in_natural_order_and_new_files_are_found(void **state)
{
    (void)state;
    char seen[128];
    put("10.csv", "w", "10,0\n");
    put("2.csv", "w", "2,0\n3,0");
    put("0.csv", "w", "0,0\n1,0\n");
    put("notes.txt", "w", "not a table\n");
    an_source *s = open_source("{path: %s, header: no}");
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "|0 1 |2 3 |10");
    put("11.csv", "w", "11,0\n");
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "|11");
    an_source_close(s);
}

static void after_a_restart_no_row_is_read_twice_and_none_is_lost(void **state)
{
    (void)state;
    char all[512], part[512], rest[512];
    put("0.csv", "w", "x,y\n1,1\nbad\n2,2\n3,3\n");
    put("1.csv", "w", "x,y\n4,4\n5,5\n6,6\n7,7\n");
    an_source *s = open_source("{path: %s, follow: false}");
    assert_int_equal(drain(s, all, sizeof all), AN_ERR_NOTFOUND);
    an_source_close(s);
    for (size_t stop = 0; stop <= 7; stop++) {
        an_batch b;
        int64_t wait_ms;
        an_err err = an_batch_init(&b, 2, 1);
        assert_int_equal(err, AN_OK);
        s = open_source("{path: %s, follow: false}");
        size_t len = 0;
        part[0] = '\0';
        uint64_t last_row = 0;
        for (size_t i = 0; i < stop; i++) {
            assert_int_equal(an_source_next(s, &b, &wait_ms, NULL), AN_OK);
            len += (size_t)snprintf(part + len, sizeof part - len, "%s%s%g", len ? " " : "",
                                    b.flags[0] & AN_ROW_RESTART ? "|" : "", (double)b.values[0]);
            last_row = b.row[0];
        }
        an_buf at;
        an_buf_init(&at, 4096);
        assert_int_equal(an_source_save(s, &at), AN_OK);
        an_source_close(s);
        s = open_source("{path: %s, follow: false}");
        an_reader in = an_reader_of(at.data, at.len);
        assert_int_equal(an_source_restore(s, &in, NULL), AN_OK);
        if (stop > 0 && stop < 7) {
            assert_int_equal(an_source_next(s, &b, &wait_ms, NULL), AN_OK);
            assert_int_equal(b.row[0], last_row + 1);
            len += (size_t)snprintf(part + len, sizeof part - len, " %s%g",
                                    b.flags[0] & AN_ROW_RESTART ? "|" : "", (double)b.values[0]);
        }
        (void)(drain(s, rest, sizeof rest) == AN_OK);
        if (rest[0])
            snprintf(part + len, sizeof part - len, "%s%s", len ? " " : "", rest);
        assert_string_equal(part, all);
        an_source_close(s);
        an_buf_done(&at);
        an_batch_done(&b);
    }
}

static void a_replaced_file_is_noticed_at_a_restart(void **state)
{
    (void)state;
    char seen[64];
    an_buf at;
    an_note why = {0};
    put("a.csv", "w", "x,y\n1,1\n2,2\n");
    an_source *s = open_source("path: %s/a.csv");
    (void)(drain(s, seen, sizeof seen) == AN_OK);
    an_buf_init(&at, 4096);
    assert_int_equal(an_source_save(s, &at), AN_OK);
    an_source_close(s);
    put("a.csv", "w", "x,y\n8,8\n9,9\n");
    s = open_source("path: %s/a.csv");
    an_reader in = an_reader_of(at.data, at.len);
    assert_int_equal(an_source_restore(s, &in, &why), AN_ERR_NOTFOUND);
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "|8 9");
    for (size_t len = 0; len < at.len; len++) {
        in = an_reader_of(at.data, len);
        assert_int_equal(an_source_restore(s, &in, &why), AN_ERR_PROTO);
    }
    an_source_close(s);
    an_buf_done(&at);
}

static void columns_labels_and_times_go_where_they_belong(void **state)
{
    (void)state;
    an_batch b;
    int64_t wait_ms;
    put("a.csv", "w",
        "datetime;p;anomaly;q;note\n2020-03-09 10:14:33;1;0;10;5\n2020-03-09 10:14:34;;1;20;6\n"
        "2020-03-09 10:20:00;3;0;30;7\n");
    an_source *s =
        open_source("{path: %s/a.csv, label: anomaly, ignore: [note], gap_ms: 60000, follow: false}");
    assert_int_equal(an_source_width(s), 2);
    assert_string_equal(an_source_sensor(s, 0), "p");
    assert_string_equal(an_source_sensor(s, 1), "q");
    an_err err = an_batch_init(&b, 2, 8);
    assert_int_equal(err, AN_OK);
    assert_int_equal(an_source_next(s, &b, &wait_ms, NULL), AN_OK);
    assert_int_equal(b.n, 3);
    assert_int_equal(b.time_ms[1] - b.time_ms[0], 1000);
    assert_int_equal(b.label[0], AN_LABEL_NORMAL);
    assert_int_equal(b.label[1], AN_LABEL_FAULT);
    assert_true(isnan(b.values[2]));
    assert_int_equal(b.flags[1], AN_ROW_HAS_GAP);
    assert_int_equal(b.flags[2], AN_ROW_RESTART);
    an_batch_done(&b);
    an_source_close(s);
}

static void the_pace_is_kept(void **state)
{
    (void)state;
    char seen[128];
    an_clock_fake fake;
    an_source *s = NULL;
    an_clock_fake_init(&fake, 1000);
    put("a.csv", "w", "1,1\n2,1\n3,1\n4,1\n5,1\n6,1\n7,1\n");
    assert_int_equal(try_open("{path: %s/a.csv, speed: 2, follow: false}", &fake.clock, &s, NULL), AN_OK);
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "|1");
    an_clock_fake_advance(&fake, 499);
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "");
    an_clock_fake_advance(&fake, 1001);
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "2 3 4");
    an_clock_fake_advance(&fake, 60000); /* a long pause is not made up for in a burst */
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "5");
    an_clock_fake_advance(&fake, 1000);
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "6 7");
    an_clock_fake_advance(&fake, 1000);
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_NOTFOUND);
    an_source_close(s);
    assert_int_equal(
        try_open("{path: %s/a.csv, speed: 2, speed_from: 3, follow: false}", &fake.clock, &s, NULL), AN_OK);
    assert_int_equal(drain(s, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, "|1 2 3 4"); /* the first ones are not paced */
    an_source_close(s);
}

static void wrong_options_are_refused_with_the_reason(void **state)
{
    (void)state;
    an_source *s = NULL;
    an_note why = {0};
    put("a.csv", "w", "1,1\n");
    static const struct {
        const char *options, *says;
        an_err err;
    } cases[] = {
        {"{path: %s/none.csv}", "none.csv", AN_ERR_NOTFOUND},
        {"{path: %s/a.csv, colour: red}", "colour", AN_ERR_INVAL},
        {"{path: %s/a.csv, delimiter: abc}", "delimiter", AN_ERR_INVAL},
        {"{path: %s/a.csv, header: maybe}", "header", AN_ERR_INVAL},
        {"{path: %s/a.csv, poll_ms: 1}", "poll_ms", AN_ERR_INVAL},
        {"{path: %s/a.csv, start: yesterday}", "start", AN_ERR_INVAL},
        {"{path: %s/a.csv, columns: red}", "columns", AN_ERR_INVAL},
        {"{path: %s/a.csv, columns: [red]}", "red", AN_ERR_PROTO},
        {"{follow: true, suffix: '%s'}", "path", AN_ERR_INVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_err err = try_open(cases[i].options, an_clock_system(), &s, &why);
        if (err != cases[i].err || !strstr(why.text, cases[i].says))
            print_error("%s: %s: %s\n", cases[i].options, an_err_name(err), why.text);
        assert_int_equal(err, cases[i].err);
        assert_non_null(strstr(why.text, cases[i].says));
    }
    put("empty.csv", "w", "");
    assert_int_equal(try_open("path: %s/empty.csv", an_clock_system(), &s, &why), AN_ERR_NOTFOUND);
    assert_null(s);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    put("a.csv", "w", "x,y\n1,1\n2,2\n");
    char text[256];
    an_yaml *doc = NULL;
    snprintf(text, sizeof text, "{path: %s, columns: [y, x], ignore: [z]}", dir);
    an_err err = an_yaml_parse(text, strlen(text), "test", &doc, NULL);
    assert_int_equal(err, AN_OK);
    size_t n = 0, live = an_mem_live();
    do {
        an_source *s = NULL;
        an_mem_fail_after(n++);
        err = an_source_open("csv", an_yaml_root(doc), an_clock_system(), &s, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !s));
        an_source_close(s);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 8);
    an_yaml_free(doc);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        ROW(a_growing_file_is_followed_and_a_half_line_waits),
        ROW(bad_lines_are_counted_and_reported_by_number),
        ROW(a_cut_file_begins_anew),
        ROW(a_rotated_file_is_read_to_its_end_before_the_new_one),
        ROW(a_folder_is_read_in_natural_order_and_new_files_are_found),
        ROW(after_a_restart_no_row_is_read_twice_and_none_is_lost),
        ROW(a_replaced_file_is_noticed_at_a_restart),
        ROW(columns_labels_and_times_go_where_they_belong),
        ROW(the_pace_is_kept),
        ROW(wrong_options_are_refused_with_the_reason),
        ROW(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
